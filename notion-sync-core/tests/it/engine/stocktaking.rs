//! A comparison of everything that needs more reads than a service allows at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use chrono::{DateTime, Duration, Utc};
use futures::executor::block_on;
use notion_sync_core::clock::{Clock as _, VirtualClock};
use notion_sync_core::engine::{Binding, Engine, Stocktaking};
use notion_sync_core::id::{RemoteRef, Side};
use notion_sync_core::mapping::{People, Policy};
use notion_sync_core::remote::{
    Abilities, Ack, Action, ListRequest, Listing, Remote, Schema, Trace, Write, WriteKind,
};
use notion_sync_core::snapshot::Snapshot;
use notion_sync_core::{Error, ErrorKind, Result, Retry};
use notion_sync_testkit::model::ModelRepository;

use super::world::{World, documents};

const FILES: usize = 45;
const AN_HOUR: usize = 20;

/// A repository of which only so many files are read in one hour.
#[derive(Debug)]
struct Limited {
    inner: ModelRepository,
    clock: Arc<VirtualClock>,
    start: DateTime<Utc>,
    reads: AtomicUsize,
    lists: AtomicUsize,
}

#[async_trait]
impl Remote for Limited {
    fn side(&self) -> Side {
        self.inner.side()
    }

    fn abilities(&self) -> Abilities {
        self.inner.abilities()
    }

    async fn schema(&self) -> Result<Schema> {
        self.inner.schema().await
    }

    async fn list(&self, request: ListRequest) -> Result<Listing> {
        self.lists.fetch_add(1, Ordering::Relaxed);
        self.inner.list(request).await
    }

    async fn read(&self, object: &RemoteRef, content: bool) -> Result<Snapshot> {
        let hours = (self.clock.now() - self.start).num_hours();
        let allowed = AN_HOUR * (usize::try_from(hours).unwrap() + 1);
        if self.reads.load(Ordering::Relaxed) >= allowed {
            let until = self.start + Duration::hours(hours + 1);
            return Err(
                Error::new(ErrorKind::RateLimited, "read a file").retry_at(Retry::NotBefore(until))
            );
        }
        self.reads.fetch_add(1, Ordering::Relaxed);
        self.inner.read(object, content).await
    }

    fn lags(&self, seconds: u32) {
        self.inner.lags(seconds);
    }

    fn group(&self, action: &Action) -> Option<String> {
        self.inner.group(action)
    }

    fn kind(&self, action: &Action) -> WriteKind {
        self.inner.kind(action)
    }

    async fn write(&self, batch: &[Write]) -> Vec<Result<Ack>> {
        self.inner.write(batch).await
    }

    async fn trace(&self, batch: &[Write], sent_at: DateTime<Utc>) -> Result<Vec<Trace>> {
        self.inner.trace(batch, sent_at).await
    }
}

#[test]
fn a_comparison_that_a_limit_ended_goes_on_where_it_was() {
    let world = World::new(documents(Policy::ManualReview));
    for number in 0..FILES {
        let path = format!("docs/file-{number}.md");
        world.repo.put(&path, Some(&format!("# File {number}\n")));
    }
    let limited = Arc::new(Limited {
        inner: world.repo.clone(),
        clock: world.clock.clone(),
        start: world.clock.now(),
        reads: AtomicUsize::new(0),
        lists: AtomicUsize::new(0),
    });
    let mapping = world.mapping.id.clone();
    let engine = Engine::new(world.store.clone(), world.clock.clone()).with_mapping(Binding {
        mapping: world.mapping.clone(),
        notion: Arc::new(world.pages.clone()),
        github: limited.clone(),
        people: People::default(),
    });
    let mut stock = Stocktaking::default();
    let mut refused = 0;
    let found = loop {
        let error = match block_on(engine.findings_from(&mapping, &mut stock)) {
            Ok(found) => break found,
            Err(error) => error,
        };
        assert_eq!(error.kind(), ErrorKind::RateLimited);
        let Retry::NotBefore(until) = error.retry() else {
            panic!("{error}")
        };
        refused += 1;
        assert!(refused < 5, "it begins anew each time");
        world.clock.advance_to(until);
    };
    assert_eq!((found.len(), refused), (0, 2));
    // Listed once, and each file read once.
    assert_eq!(limited.lists.load(Ordering::Relaxed), 1);
    assert_eq!(limited.reads.load(Ordering::Relaxed), FILES);
    // The next comparison begins anew.
    world.clock.advance(Duration::hours(3));
    block_on(engine.findings_from(&mapping, &mut stock)).unwrap();
    assert_eq!(limited.lists.load(Ordering::Relaxed), 2);
    assert_eq!(limited.reads.load(Ordering::Relaxed), 2 * FILES);
}
