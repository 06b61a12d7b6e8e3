//! What lies in a store under the sealing, and how keys change.

use std::sync::Arc;

use chrono::DateTime;
use notion_sync_core::ErrorKind;
use notion_sync_core::audit::AuditEvent;
use notion_sync_core::state::{Batch, State};
use notion_sync_core::store::{Change, Expect, Query, Store, Table};
use notion_sync_store::{Backing, KeyRing, MemoryStore, Rekeyed, Reseal, Sealed};
use secrecy::{ExposeSecret, SecretString};

use crate::scratch::{body, contains, put, ring, run, secret};

pub(crate) const TEXT: &[u8] = b"Salary of Ada: 120000";

pub(crate) fn both(active: &SecretString, previous: &[&SecretString]) -> KeyRing {
    let list: Vec<_> = previous.iter().map(|key| key.expose_secret()).collect();
    KeyRing::parse(active, Some(&SecretString::from(list.join(",")))).unwrap()
}

pub(crate) fn id(key: &SecretString) -> String {
    ring(key).active().to_string()
}

/// A store with `items` sealed by a key, and who seals with another one and can open both.
pub(crate) async fn rotating(items: usize) -> (Arc<MemoryStore>, SecretString, SecretString) {
    let (old, new) = (secret(), secret());
    let below = Arc::new(MemoryStore::new());
    let store = Sealed::open(Arc::clone(&below), ring(&old)).await.unwrap();
    for number in 0..items {
        let key = format!("old-{number:03}");
        let item = put(Table::Record, &key, TEXT);
        store.commit(vec![item]).await.unwrap();
    }
    (below, old, new)
}

/// Every item opens with this key alone.
pub(crate) async fn needs_only(below: &Arc<MemoryStore>, key: &SecretString) {
    let store = Sealed::open(Arc::clone(below), ring(key)).await.unwrap();
    for table in Table::ALL {
        for key in below.keys(table, None, 1_000).await.unwrap() {
            store.get(table, &key).await.unwrap().unwrap();
        }
    }
}

pub(crate) async fn frame(store: &MemoryStore, table: Table, key: &str) -> Vec<u8> {
    let items = store.frames(table, &[key.to_owned()]).await.unwrap();
    items[0].body.clone()
}

async fn set_frame(store: &MemoryStore, table: Table, key: &str, body: Vec<u8>) {
    let change = Change::Put {
        table,
        key: key.to_owned(),
        expect: Expect::Any,
        indexes: Vec::new(),
        body,
    };
    store.commit_frames(vec![change]).await.unwrap();
}

#[test]
fn bodies_lie_sealed_and_the_same_body_never_looks_the_same() {
    run(async {
        let below = Arc::new(MemoryStore::new());
        let store = Sealed::open(Arc::clone(&below), ring(&secret()))
            .await
            .unwrap();
        for key in ["a", "b"] {
            store
                .commit(vec![put(Table::Record, key, TEXT)])
                .await
                .unwrap();
        }
        let (a, b) = (
            frame(&below, Table::Record, "a").await,
            frame(&below, Table::Record, "b").await,
        );
        assert_ne!(a, b);
        for frame in [a, b] {
            assert!(!contains(&frame, &TEXT[..6]));
        }
    });
}

#[test]
fn neither_form_is_taken_for_the_other() {
    run(async {
        let below = Arc::new(MemoryStore::new());
        let store = Sealed::open(Arc::clone(&below), ring(&secret()))
            .await
            .unwrap();
        store
            .commit(vec![put(Table::Record, "sealed", TEXT)])
            .await
            .unwrap();
        // Somebody writes past the layer.
        below
            .commit(vec![put(Table::Record, "plain", TEXT)])
            .await
            .unwrap();
        for (error, hint) in [
            (store.get(Table::Record, "plain").await, "adopt"),
            (below.get(Table::Record, "sealed").await, "ENCRYPTION_KEY"),
        ] {
            let error = error.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Sealed);
            assert!(error.remedy_text().unwrap().contains(hint), "{error}");
        }
        let both = ["sealed", "plain"].map(str::to_owned);
        assert!(store.get_many(Table::Record, &both).await.is_err());
        assert!(below.get_many(Table::Record, &both).await.is_err());
    });
}

#[test]
fn an_unknown_or_missing_marker_is_refused() {
    run(async {
        let below = Arc::new(MemoryStore::new());
        let store = Sealed::open(Arc::clone(&below), ring(&secret()))
            .await
            .unwrap();
        for bytes in [vec![], vec![2], vec![255; 80]] {
            set_frame(&below, Table::Record, "a", bytes).await;
            for error in [
                store.get(Table::Record, "a").await.unwrap_err(),
                below.get(Table::Record, "a").await.unwrap_err(),
            ] {
                assert_eq!(error.kind(), ErrorKind::Store, "{error}");
            }
        }
    });
}

#[test]
fn a_body_that_is_moved_to_another_item_does_not_open() {
    run(async {
        let below = Arc::new(MemoryStore::new());
        let store = Sealed::open(Arc::clone(&below), ring(&secret()))
            .await
            .unwrap();
        store
            .commit(vec![put(Table::Record, "a", TEXT)])
            .await
            .unwrap();
        let frame = frame(&below, Table::Record, "a").await;
        for (table, key) in [(Table::Record, "b"), (Table::Claim, "a")] {
            set_frame(&below, table, key, frame.clone()).await;
            let error = store.get(table, key).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Sealed, "{error}");
        }
        assert_eq!(body(&store, Table::Record, "a").await, Some(TEXT.to_vec()));
    });
}

#[test]
fn keys_rotate_without_losing_anything() {
    run(async {
        let (old, new) = (secret(), secret());
        let below = Arc::new(MemoryStore::new());
        let store = Sealed::open(Arc::clone(&below), ring(&old)).await.unwrap();
        // More than one page of a sweep.
        for number in 0..250 {
            let key = format!("old-{number:03}");
            store
                .commit(vec![put(Table::Record, &key, TEXT)])
                .await
                .unwrap();
        }
        drop(store);

        // The old key reads, the new one writes.
        let store = Sealed::open(Arc::clone(&below), both(&new, &[&old]))
            .await
            .unwrap();
        assert_eq!(
            body(&store, Table::Record, "old-007").await,
            Some(TEXT.to_vec())
        );
        store
            .commit(vec![put(Table::Record, "new", TEXT)])
            .await
            .unwrap();
        store
            .commit(vec![put(Table::Record, "old-008", TEXT)])
            .await
            .unwrap();
        drop(store);

        // Until the sweep both are needed, and opening says so at once.
        for key in [&old, &new] {
            let error = Sealed::open(Arc::clone(&below), ring(key))
                .await
                .unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Sealed, "{error}");
        }

        let store = Sealed::open(Arc::clone(&below), both(&new, &[&old]))
            .await
            .unwrap();
        let question = Query {
            table: Table::Record,
            name: "by-state",
            key: "open",
            after: None,
            limit: 1_000,
        };
        let indexed = below.query(question).await.unwrap();
        assert_eq!(indexed.len(), 251);
        let before = below.get_versions().await;
        assert_eq!(store.old_keys().await.unwrap(), [id(&old)]);
        let expected = Rekeyed {
            items: Reseal {
                rewritten: 249,
                // With the order of the keys, which was written last with the new one.
                kept: 3,
            },
            retired: vec![id(&old)],
            left: Vec::new(),
            begun: true,
        };
        assert_eq!(store.reseal_all().await.unwrap(), expected);
        assert_eq!(below.get_versions().await, before);
        assert_eq!(below.query(question).await.unwrap(), indexed);
        assert_eq!(store.reseal_all().await.unwrap(), Rekeyed::default());
        drop(store);

        // Now the new key is enough, and the old one no longer opens anything.
        let store = Sealed::open(Arc::clone(&below), ring(&new)).await.unwrap();
        for hit in &indexed {
            assert_eq!(
                body(&store, Table::Record, &hit.key).await,
                Some(TEXT.to_vec())
            );
        }
        let error = Sealed::open(Arc::clone(&below), ring(&old))
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Sealed);
    });
}

#[test]
fn a_sweep_goes_on_where_another_process_ended() {
    run(async {
        let (below, old, new) = rotating(350).await;
        let mut rewritten = Vec::new();
        loop {
            let store = Sealed::open(Arc::clone(&below), both(&new, &[&old]))
                .await
                .unwrap();
            let step = store.reseal_some(100).await.unwrap();
            rewritten.push(step.items.rewritten);
            if step.left.is_empty() {
                assert_eq!(step.retired, [id(&old)]);
                break;
            }
            assert_eq!(step.left, [id(&old)]);
            assert!(Sealed::open(Arc::clone(&below), ring(&new)).await.is_err());
        }
        assert_eq!(rewritten, [100, 100, 100, 50]);
        needs_only(&below, &new).await;
    });
}

#[test]
fn what_is_sealed_with_the_old_key_after_the_sweep_keeps_it_required() {
    run(async {
        let (below, old, new) = rotating(3).await;
        let late = Sealed::open(Arc::clone(&below), both(&old, &[&new]))
            .await
            .unwrap();
        late.commit(vec![put(Table::Record, "before", TEXT)])
            .await
            .unwrap();
        let store = Sealed::open(Arc::clone(&below), both(&new, &[&old]))
            .await
            .unwrap();
        store.reseal_all().await.unwrap();
        needs_only(&below, &new).await;
        // It was started before the rotation, and nobody told it.
        late.commit(vec![put(Table::Record, "after", TEXT)])
            .await
            .unwrap();
        assert!(Sealed::open(Arc::clone(&below), ring(&new)).await.is_err());
        assert_eq!(store.reseal_all().await.unwrap().items.rewritten, 1);
        needs_only(&below, &new).await;
        // As large as a commit may be.
        let full: Vec<Change> = (0..100)
            .map(|number| put(Table::Record, &format!("full-{number}"), TEXT))
            .collect();
        late.commit(full).await.unwrap();
        assert!(Sealed::open(Arc::clone(&below), ring(&new)).await.is_err());
        assert_eq!(store.reseal_all().await.unwrap().items.rewritten, 100);
        needs_only(&below, &new).await;
    });
}

#[test]
fn what_is_sealed_with_the_old_key_behind_a_sweep_is_not_left_behind() {
    run(async {
        let (below, old, new) = rotating(250).await;
        let late = Sealed::open(Arc::clone(&below), both(&old, &[&new]))
            .await
            .unwrap();
        let store = Sealed::open(Arc::clone(&below), both(&new, &[&old]))
            .await
            .unwrap();
        store.reseal_some(100).await.unwrap();
        // Where the sweep was already, and where it is not yet.
        for key in ["a", "old-007", "z"] {
            late.commit(vec![put(Table::Record, key, TEXT)])
                .await
                .unwrap();
        }
        let done = store.reseal_all().await.unwrap();
        assert_eq!((done.retired.len(), done.left.len()), (1, 0));
        needs_only(&below, &new).await;
        // The other one cannot take its key back without saying so either.
        late.commit(vec![put(Table::Record, "late", TEXT)])
            .await
            .unwrap();
        assert_eq!(store.old_keys().await.unwrap(), [id(&old)]);
    });
}

#[test]
fn two_sweeps_at_the_same_time_end_as_one() {
    run(async {
        let (below, old, new) = rotating(450).await;
        let open = || Sealed::open(Arc::clone(&below), both(&new, &[&old]));
        let (one, other) = (open().await.unwrap(), open().await.unwrap());
        loop {
            let (first, second) = futures::join!(one.reseal_some(100), other.reseal_some(200));
            if first.unwrap().left.is_empty() && second.unwrap().left.is_empty() {
                break;
            }
        }
        needs_only(&below, &new).await;
        // Back again, as after a change that was a mistake.
        let back = Sealed::open(Arc::clone(&below), both(&old, &[&new]))
            .await
            .unwrap();
        assert_eq!(back.reseal_all().await.unwrap().retired, [id(&new)]);
        needs_only(&below, &old).await;
    });
}

#[test]
fn a_sweep_of_one_table_leaves_the_others_and_the_keys() {
    run(async {
        let (old, new) = (secret(), secret());
        let below = Arc::new(MemoryStore::new());
        let store = Sealed::open(Arc::clone(&below), ring(&old)).await.unwrap();
        for table in [Table::Record, Table::Content] {
            store.commit(vec![put(table, "a", TEXT)]).await.unwrap();
        }
        let store = Sealed::open(Arc::clone(&below), both(&new, &[&old]))
            .await
            .unwrap();
        let content = frame(&below, Table::Content, "a").await;
        let done = store.reseal(Table::Record).await.unwrap();
        assert_eq!(done.rewritten, 1);
        assert_eq!(frame(&below, Table::Content, "a").await, content);
        assert!(Sealed::open(Arc::clone(&below), ring(&new)).await.is_err());
    });
}

#[test]
fn a_sweep_stops_at_what_it_cannot_open_and_keeps_the_keys() {
    run(async {
        let (old, new) = (secret(), secret());
        let below = Arc::new(MemoryStore::new());
        let store = Sealed::open(Arc::clone(&below), ring(&old)).await.unwrap();
        store
            .commit(vec![put(Table::Record, "a", TEXT)])
            .await
            .unwrap();
        let mut broken = frame(&below, Table::Record, "a").await;
        *broken.last_mut().unwrap() ^= 1;
        set_frame(&below, Table::Record, "b", broken).await;
        let store = Sealed::open(Arc::clone(&below), both(&new, &[&old]))
            .await
            .unwrap();
        let error = store.reseal_all().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Sealed);
        assert!(error.to_string().contains("key b"), "{error}");
        assert!(Sealed::open(Arc::clone(&below), ring(&new)).await.is_err());
        assert_eq!(body(&store, Table::Record, "a").await, Some(TEXT.to_vec()));
    });
}

#[test]
fn a_store_without_keys_is_adopted_also_after_a_crash_half_way() {
    run(async {
        let key = secret();
        let below = Arc::new(MemoryStore::new());
        for name in ["a", "b", "c"] {
            below
                .commit(vec![put(Table::Record, name, TEXT)])
                .await
                .unwrap();
        }
        let error = Sealed::open(Arc::clone(&below), ring(&key))
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Sealed);
        assert!(error.remedy_text().unwrap().contains("adopt"), "{error}");

        let (_, done) = Sealed::adopt(Arc::clone(&below), ring(&key)).await.unwrap();
        assert_eq!(done.rewritten, 3);
        // As if the first run had ended before the last item.
        set_frame(&below, Table::Record, "c", [&[0], TEXT].concat()).await;
        let (store, done) = Sealed::adopt(Arc::clone(&below), ring(&key)).await.unwrap();
        // With the order of the keys.
        assert_eq!((done.rewritten, done.kept), (1, 3));
        for name in ["a", "b", "c"] {
            assert_eq!(body(&store, Table::Record, name).await, Some(TEXT.to_vec()));
            assert!(!contains(
                &frame(&below, Table::Record, name).await,
                &TEXT[..6]
            ));
        }
    });
}

#[test]
fn the_items_of_the_sealing_itself_are_out_of_reach() {
    run(async {
        let key = secret();
        let store = Sealed::open(Arc::new(MemoryStore::new()), ring(&key))
            .await
            .unwrap();
        let name = format!("sealing/{}", ring(&key).active());
        let delete = Change::Delete {
            table: Table::Setting,
            key: name.clone(),
            expect: Expect::Any,
        };
        let order = put(Table::Setting, "sealing-order", b"x");
        for change in [put(Table::Setting, &name, b"x"), delete, order] {
            let error = store.commit(vec![change]).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Invalid);
        }
        // The same name elsewhere, and its neighbours here, are anybody's.
        for (table, free) in [
            (Table::Record, name.as_str()),
            (Table::Setting, "sealing"),
            (Table::Setting, "sealinh"),
        ] {
            store.commit(vec![put(table, free, b"x")]).await.unwrap();
        }
    });
}

#[test]
fn nothing_that_is_printed_contains_a_key_or_a_body() {
    run(async {
        let key = secret();
        let store = Sealed::open(Arc::new(MemoryStore::new()), ring(&key))
            .await
            .unwrap();
        store
            .commit(vec![put(Table::Record, "a", TEXT)])
            .await
            .unwrap();
        let shown = format!("{store:?} {:?}", store.get(Table::Record, "a").await);
        assert!(shown.contains(&ring(&key).active().to_string()));
        assert!(!shown.contains(key.expose_secret()));
        assert!(!shown.contains("Salary"));
    });
}

/// Versions of all records.
trait Versions {
    async fn get_versions(&self) -> Vec<(String, u64)>;
}

impl Versions for MemoryStore {
    async fn get_versions(&self) -> Vec<(String, u64)> {
        let mut versions = Vec::new();
        for key in self.keys(Table::Record, None, 1_000).await.unwrap() {
            for item in self.frames(Table::Record, &[key]).await.unwrap() {
                versions.push((item.key, item.version));
            }
        }
        versions
    }
}

/// A row of the audit that does not open any more is one fault of its chain, and no end of the check.
#[tokio::test]
async fn a_row_of_the_audit_that_does_not_open_is_named() {
    let below = Arc::new(MemoryStore::new());
    let key = secret();
    let store = Sealed::open(Arc::clone(&below), ring(&key)).await.unwrap();
    let state = State::new(&store);
    for number in 0..5 {
        let mut batch = Batch::default();
        let said = format!("the plan {number} is approved");
        let at = DateTime::UNIX_EPOCH;
        (state.audit_mapping(&mut batch, at, None, AuditEvent::Decision, said))
            .await
            .unwrap();
        state.commit(batch).await.unwrap();
    }
    let whole = state.verify_audit(&[]).await.unwrap();
    assert_eq!((whole.rows, whole.faults.len()), (5, 0));
    let keys = below.keys(Table::Audit, None, 10).await.unwrap();
    let mut item = below
        .frames(Table::Audit, &keys[2..3])
        .await
        .unwrap()
        .remove(0);
    *item.body.last_mut().unwrap() ^= 1;
    (below.rewrite_frame(Table::Audit, &keys[2], item.version, item.body, None))
        .await
        .unwrap();
    let proof = state.verify_audit(&[]).await.unwrap();
    assert_eq!(proof.rows, 5);
    let faults: Vec<_> = proof.faults.iter().map(|f| (f.number, f.what)).collect();
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert!(
        faults[0].0 == 3 && faults[0].1.contains("cannot be read"),
        "{faults:?}"
    );
}
