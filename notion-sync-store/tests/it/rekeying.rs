//! Several processes in the middle of a change of the key.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use futures::future::BoxFuture;
use notion_sync_core::store::{Change, Expect, Hit, Item, MAX_CHANGES, Query, Store, Table};
use notion_sync_core::{Error, ErrorKind, Result};
use notion_sync_store::{Backing, Condition, MemoryStore, Rekeyed, Sealed};
use secrecy::SecretString;

use crate::scratch::{put, ring, run};
use crate::sealing::{TEXT, both, frame, id, needs_only, rotating};

/// The store as one process sees it.
struct Process {
    below: Arc<MemoryStore>,
    /// What others do right before its next rewrite.
    meanwhile: Mutex<Option<BoxFuture<'static, ()>>>,
    /// After so many commits it is gone.
    commits: AtomicUsize,
}

impl Process {
    fn new(below: &Arc<MemoryStore>) -> Arc<Self> {
        Arc::new(Self {
            below: Arc::clone(below),
            meanwhile: Mutex::default(),
            commits: AtomicUsize::new(usize::MAX),
        })
    }

    fn meanwhile(&self, happens: impl Future<Output = ()> + Send + 'static) {
        *self.meanwhile.lock().unwrap() = Some(Box::pin(happens));
    }

    fn ends_after(&self, commits: usize) {
        self.commits.store(commits, Ordering::Relaxed);
    }
}

impl fmt::Debug for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Process")
    }
}

#[async_trait]
impl Store for Process {
    async fn get(&self, table: Table, key: &str) -> Result<Option<Item>> {
        self.below.get(table, key).await
    }

    async fn get_many(&self, table: Table, keys: &[String]) -> Result<Vec<Item>> {
        self.below.get_many(table, keys).await
    }

    async fn query(&self, query: Query<'_>) -> Result<Vec<Hit>> {
        self.below.query(query).await
    }

    async fn commit(&self, changes: Vec<Change>) -> Result<()> {
        self.below.commit(changes).await
    }
}

#[async_trait]
impl Backing for Process {
    async fn frames(&self, table: Table, keys: &[String]) -> Result<Vec<Item>> {
        self.below.frames(table, keys).await
    }

    async fn commit_frames(&self, changes: Vec<Change>) -> Result<()> {
        let left = self.commits.load(Ordering::Relaxed);
        if left == 0 {
            return Err(Error::new(ErrorKind::Store, "commit changes").message("killed"));
        }
        self.commits.store(left - 1, Ordering::Relaxed);
        self.below.commit_frames(changes).await
    }

    async fn keys(&self, table: Table, after: Option<&str>, limit: usize) -> Result<Vec<String>> {
        self.below.keys(table, after, limit).await
    }

    async fn rewrite_frame(
        &self,
        table: Table,
        key: &str,
        version: u64,
        frame: Vec<u8>,
        given: Option<Condition>,
    ) -> Result<()> {
        let meanwhile = self.meanwhile.lock().unwrap().take();
        if let Some(happens) = meanwhile {
            happens.await;
        }
        (self.below.rewrite_frame(table, key, version, frame, given)).await
    }
}

async fn opened(
    below: &Arc<MemoryStore>,
    active: &SecretString,
    previous: &SecretString,
) -> Sealed<MemoryStore> {
    let ring = both(active, &[previous]);
    Sealed::open(Arc::clone(below), ring).await.unwrap()
}

async fn mark(below: &MemoryStore, key: &SecretString) -> Option<u64> {
    let name = [format!("sealing/{}", id(key))];
    let found = below.frames(Table::Setting, &name).await.unwrap().pop();
    found.map(|item| item.version)
}

/// The documented order: all processes get both keys, then one after the other exchanges them.
#[test]
fn a_process_that_is_not_exchanged_yet_turns_nothing_back() {
    run(async {
        let (below, old, new) = rotating(150).await;
        let waiting = opened(&below, &old, &new).await;
        let exchanged = opened(&below, &new, &old).await;
        let (before, marked) = (
            frame(&below, Table::Record, "old-007").await,
            mark(&below, &new).await,
        );
        assert_eq!(
            waiting.reseal_some(1_000).await.unwrap(),
            Rekeyed::default()
        );
        assert_eq!(frame(&below, Table::Record, "old-007").await, before);
        assert_eq!(mark(&below, &new).await, marked);

        // Half of the change is done, and the other process still works and is started again.
        exchanged.reseal_some(100).await.unwrap();
        let item = put(Table::Record, "old-000", TEXT);
        waiting.commit(vec![item]).await.unwrap();
        for process in [waiting, opened(&below, &old, &new).await] {
            let step = process.reseal_some(1_000).await.unwrap();
            assert_eq!(step, Rekeyed::default());
            assert_eq!(process.old_keys().await.unwrap(), [id(&new)]);
        }
        exchanged.reseal_all().await.unwrap();
        needs_only(&below, &new).await;

        // Also when its own key was not needed any more.
        let late = opened(&below, &old, &new).await;
        let step = late.reseal_some(1_000).await.unwrap();
        assert_eq!(step, Rekeyed::default());
        let late = opened(&below, &new, &old).await;
        assert_eq!(late.reseal_all().await.unwrap().retired, [id(&old)]);
        needs_only(&below, &new).await;
    });
}

#[test]
fn going_back_to_an_old_key_is_asked_for_by_hand() {
    run(async {
        let (below, old, new) = rotating(3).await;
        let changed = opened(&below, &new, &old).await;
        changed.reseal_some(100).await.unwrap();
        let back = opened(&below, &old, &new).await;
        let step = back.reseal_some(100).await.unwrap();
        assert_eq!(step, Rekeyed::default());
        assert_eq!(back.reseal_all().await.unwrap().retired, [id(&new)]);
        needs_only(&below, &old).await;
        // From now on this is the way, also for the other one and for those that are started later.
        let item = put(Table::Record, "late", TEXT);
        changed.commit(vec![item]).await.unwrap();
        let step = changed.reseal_some(100).await.unwrap();
        assert_eq!(step, Rekeyed::default());
        let later = opened(&below, &old, &new).await;
        loop {
            if later.reseal_some(100).await.unwrap().left.is_empty() {
                break;
            }
        }
        needs_only(&below, &old).await;
    });
}

/// Both keys have a mark, and nothing says which of them came first.
#[test]
fn a_store_that_does_not_say_which_key_is_newest_is_sealed_again() {
    run(async {
        let (below, old, new) = rotating(3).await;
        opened(&below, &new, &old).await;
        let order = Change::Delete {
            table: Table::Setting,
            key: "sealing-order".to_owned(),
            expect: Expect::Any,
        };
        below.commit_frames(vec![order]).await.unwrap();
        let store = opened(&below, &new, &old).await;
        let step = store.reseal_some(1_000).await.unwrap();
        assert_eq!(step.items.rewritten, 3);
        store.reseal_all().await.unwrap();
        needs_only(&below, &new).await;
    });
}

/// A process stops between reading an item and writing it. Another one meanwhile seals everything with
/// the other key and forgets the first one's.
#[test]
fn a_rewrite_with_a_key_that_was_retired_meanwhile_is_refused() {
    run(async {
        let (below, first, second) = rotating(150).await;
        let process = Process::new(&below);
        let slow = Sealed::open(Arc::clone(&process), both(&second, &[&first]))
            .await
            .unwrap();
        let (beside, to, from) = (Arc::clone(&below), first.clone(), second.clone());
        process.meanwhile(async move {
            let other = opened(&beside, &to, &from).await;
            assert_eq!(other.reseal_all().await.unwrap().retired, [id(&from)]);
        });
        let step = slow.reseal_some(1_000).await.unwrap();
        assert_eq!(step.retired, [""; 0]);
        // It is stopped here, and its key is thrown away.
        assert_eq!(mark(&below, &second).await, None);
        needs_only(&below, &first).await;
    });
}

#[test]
fn a_command_that_another_one_turned_round_says_so() {
    run(async {
        let (below, first, second) = rotating(150).await;
        let process = Process::new(&below);
        let slow = Sealed::open(Arc::clone(&process), both(&second, &[&first]))
            .await
            .unwrap();
        let (beside, to, from) = (Arc::clone(&below), first.clone(), second.clone());
        process.meanwhile(async move {
            let other = opened(&beside, &to, &from).await;
            other.reseal_all().await.unwrap();
        });
        let error = slow.reseal_all().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Stale, "{error}");
        assert!(error.to_string().contains(&id(&first)), "{error}");
        needs_only(&below, &first).await;
    });
}

/// Wherever a process is killed: what it sealed is never there without the mark of its key.
#[test]
fn the_largest_commit_is_never_there_without_the_mark_of_its_key() {
    for commits in 0..6 {
        run(async {
            let (below, old, new) = rotating(0).await;
            let process = Process::new(&below);
            let late = Sealed::open(Arc::clone(&process), both(&old, &[&new]))
                .await
                .unwrap();
            let store = opened(&below, &new, &old).await;
            store.reseal_all().await.unwrap();
            assert_eq!(mark(&below, &old).await, None);
            process.ends_after(commits);
            let full = (0..MAX_CHANGES)
                .map(|number| put(Table::Record, &format!("full-{number}"), TEXT))
                .collect();
            let done = late.commit(full).await;
            let there = !below.keys(Table::Record, None, 1).await.unwrap().is_empty();
            assert!(there || done.is_err());
            let alone = Sealed::open(Arc::clone(&below), ring(&new)).await;
            assert!(!there || alone.is_err(), "after {commits} commits");
        });
    }
}
