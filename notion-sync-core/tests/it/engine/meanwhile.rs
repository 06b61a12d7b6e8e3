//! Proofs that are read beside a process that works: what is written between two reads is no fault, and
//! what was tampered with stays one.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll};

use async_trait::async_trait;
use futures::executor::block_on;
use futures::task::noop_waker;
use notion_sync_core::Result;
use notion_sync_core::clock::Clock as _;
use notion_sync_core::mapping::Policy;
use notion_sync_core::state::{Freeze, State};
use notion_sync_core::store::{Change, Expect, Hit, Item, Query, Store, Table};

use super::world::{World, documents, rewrite};

/// A store that lets one of its reads wait.
#[derive(Debug)]
struct Paused {
    inner: Arc<dyn Store>,
    /// The read before which it waits.
    at: usize,
    reads: AtomicUsize,
    goes_on: AtomicBool,
}

impl Paused {
    async fn read(&self) {
        if self.reads.fetch_add(1, Ordering::Relaxed) != self.at {
            return;
        }
        poll_fn(|context| match self.goes_on.load(Ordering::Relaxed) {
            true => Poll::Ready(()),
            false => {
                context.waker().wake_by_ref();
                Poll::Pending
            }
        })
        .await;
    }
}

#[async_trait]
impl Store for Paused {
    async fn get(&self, table: Table, key: &str) -> Result<Option<Item>> {
        self.read().await;
        self.inner.get(table, key).await
    }

    async fn get_many(&self, table: Table, keys: &[String]) -> Result<Vec<Item>> {
        self.read().await;
        self.inner.get_many(table, keys).await
    }

    async fn query(&self, query: Query<'_>) -> Result<Vec<Hit>> {
        self.read().await;
        self.inner.query(query).await
    }

    async fn commit(&self, _: Vec<Change>) -> Result<()> {
        panic!("a proof writes nothing");
    }
}

/// Two pairs.
fn world() -> World {
    let world = World::new(documents(Policy::NotionWins));
    world.repo.put("docs/a.md", Some("# A\n\none\n"));
    world.repo.put("docs/b.md", Some("# B\n\none\n"));
    world.settle();
    world
}

/// What a working process does: rows of both pairs and of the mapping, and newer decisions for old ones.
fn work(world: &World) {
    let state = State::new(&*world.store);
    let freeze = Freeze {
        since: world.clock.now(),
        by: "ada".to_owned(),
        reason: "a move".to_owned(),
    };
    let mapping = Some(&world.mapping.id);
    block_on(state.freeze(mapping, &freeze)).unwrap();
    block_on(state.unfreeze(mapping, "ada", world.clock.now())).unwrap();
    for (from, to) in [("one", "two"), ("two", "three"), ("three", "four")] {
        world.pass(10);
        for page in world.pages.live() {
            world.pages.edit_body(&page, |body| rewrite(body, from, to));
        }
        // Not until it rests: then it would be asked whether the audit is whole.
        for _ in 0..4 {
            world.pass(1);
            world.poll();
        }
    }
}

/// Proves something about a world that works before the read `at`; `None` where there are fewer reads.
fn prove<T>(
    world: &World,
    at: usize,
    proof: impl AsyncFnOnce(State<'_>) -> Result<T>,
) -> Option<T> {
    let store = Paused {
        inner: world.store.clone(),
        at,
        reads: AtomicUsize::new(0),
        goes_on: AtomicBool::new(false),
    };
    let mut proof = pin!(proof(State::new(&store)));
    let waker = noop_waker();
    if proof
        .as_mut()
        .poll(&mut Context::from_waker(&waker))
        .is_ready()
    {
        return None;
    }
    work(world);
    store.goes_on.store(true, Ordering::Relaxed);
    let proved = block_on(proof).unwrap();
    (store.reads.load(Ordering::Relaxed) > at).then_some(proved)
}

#[test]
fn rows_that_are_written_meanwhile_are_no_fault() {
    let mut at = 0;
    loop {
        let world = world();
        let mappings = [world.mapping.id.clone()];
        let verified = prove(&world, at, async |state| {
            state.verify_audit(&mappings).await
        });
        let Some(proof) = verified else { break };
        assert_eq!(proof.faults, [], "before read {at}");
        at += 1;
    }
    assert!(at > 8, "{at} reads");
}

#[test]
fn a_row_that_was_taken_out_is_missed_meanwhile_too() {
    let mut at = 0;
    loop {
        let world = world();
        let record = world.records()[0].id.clone();
        let delete = Change::Delete {
            table: Table::Audit,
            key: format!("{record}:{:010}", 2),
            expect: Expect::Any,
        };
        block_on(world.store.commit(vec![delete])).unwrap();
        let mappings = [world.mapping.id.clone()];
        let verified = prove(&world, at, async |state| {
            state.verify_audit(&mappings).await
        });
        let Some(proof) = verified else { break };
        assert!(!proof.faults.is_empty(), "before read {at}");
        assert!(proof.faults.iter().all(|fault| fault.record == record));
        at += 1;
    }
    assert!(at > 8, "{at} reads");
}

#[test]
fn a_decision_that_is_forgotten_meanwhile_is_no_fault() {
    let mut at = 0;
    loop {
        let world = world();
        let mappings = [world.mapping.id.clone()];
        let replayed = prove(&world, at, async |state| {
            state.replay(&mappings, None).await
        });
        let Some(replay) = replayed else { break };
        assert_eq!(replay.faults, [], "before read {at}");
        at += 1;
    }
    assert!(at > 4, "{at} reads");
}
