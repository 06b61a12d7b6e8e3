//! Services that show things late: what the sync makes later than it waits, so that the bound V does not hold; or
//! pages as they were a little while ago, as far as the bounds allow direct reads to be behind.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use chrono::{DateTime, Duration, Utc};
use notion_sync_core::Result;
use notion_sync_core::clock::Clock;
use notion_sync_core::comment::{Comments, FoundCard, RemoteComment};
use notion_sync_core::effect::{EffectRequest, Gate, LinkedPull};
use notion_sync_core::http::HttpSend;
use notion_sync_core::id::{RemoteRef, Side};
use notion_sync_core::remote::{
    Abilities, Ack, Action, ListRequest, Listing, Remote, Schema, Trace, Write, WriteKind,
};
use notion_sync_core::snapshot::{Content, Snapshot};
use notion_sync_examples::demo::Between;
use notion_sync_testkit::simulation::Stream;

use super::people::lock;
use super::seam::Seam;

/// What stands between, with services that show things late.
#[derive(Debug)]
pub(super) struct Veiled {
    pub(super) inner: Arc<dyn Between>,
    pub(super) seam: Arc<Seam>,
    /// For how long they hide what is new, in seconds.
    pub(super) hidden: u32,
    /// How far reads of pages may be behind, in seconds.
    pub(super) behind: u32,
    /// The seed that decides which of them are.
    pub(super) seed: u64,
    pub(super) clock: Mutex<Option<Arc<dyn Clock>>>,
}

impl Between for Veiled {
    fn way(&self, side: Side, inner: Arc<dyn HttpSend>) -> Arc<dyn HttpSend> {
        self.inner.way(side, inner)
    }

    fn remote(&self, side: Side, inner: Arc<dyn Remote>) -> Arc<dyn Remote> {
        let inner = self.inner.remote(side, inner);
        match lock(&self.clock).clone() {
            Some(clock) => Arc::new(Veil {
                inner,
                seam: self.seam.clone(),
                lag: Duration::seconds(i64::from(self.hidden)),
                replica: (side == Side::Notion && self.behind > 0).then(|| {
                    Mutex::new(Replica {
                        behind: Duration::seconds(i64::from(self.behind)),
                        random: Stream::new(self.seed, "replica"),
                        shown: BTreeMap::new(),
                    })
                }),
                clock,
            }),
            None => inner,
        }
    }

    fn clock(&self, inner: Arc<dyn Clock>) -> Arc<dyn Clock> {
        let clock = self.inner.clock(inner);
        *lock(&self.clock) = Some(clock.clone());
        clock
    }
}

/// What replicas show that are behind: whatever was read before, each for as long as a read may be behind. One may be
/// further behind than the one that was asked before.
#[derive(Debug)]
struct Replica {
    behind: Duration,
    random: Stream,
    /// What was read with its content, and since when it may have been otherwise.
    shown: BTreeMap<RemoteRef, Vec<(DateTime<Utc>, Snapshot)>>,
}

impl Replica {
    /// What is shown instead of a fresh read, if anything is.
    fn show(&mut self, object: &RemoteRef, content: bool, now: DateTime<Utc>) -> Option<Snapshot> {
        let before = self.shown.get_mut(object)?;
        before.retain(|(at, _)| now - *at <= self.behind);
        if before.is_empty() || !self.random.chance(60) {
            return None;
        }
        let (_, mut shown) = self.random.of(before).clone();
        shown.observed_at = now;
        if !content {
            shown.content = Content::NotRead;
        }
        Some(shown)
    }
}

/// A side that shows things late.
#[derive(Debug)]
struct Veil {
    inner: Arc<dyn Remote>,
    seam: Arc<Seam>,
    lag: Duration,
    replica: Option<Mutex<Replica>>,
    clock: Arc<dyn Clock>,
}

impl Veil {
    /// Whether the sync made an object so lately that no listing shows it.
    fn hides(&self, snapshot: &Snapshot) -> bool {
        let marked = snapshot.marker.created_by.is_some();
        let made = snapshot.made.as_ref().filter(|_| marked);
        made.is_some_and(|made| self.clock.now() < made.at + self.lag)
    }
}

#[async_trait]
impl Remote for Veil {
    fn side(&self) -> Side {
        self.inner.side()
    }

    fn abilities(&self) -> Abilities {
        self.inner.abilities()
    }

    fn scope(&self) -> String {
        self.inner.scope()
    }

    async fn schema(&self) -> Result<Schema> {
        self.inner.schema().await
    }

    async fn list(&self, request: ListRequest) -> Result<Listing> {
        let mut listing = self.inner.list(request).await?;
        listing.items.retain(|item| !self.hides(item));
        Ok(listing)
    }

    async fn read(&self, object: &RemoteRef, content: bool) -> Result<Snapshot> {
        let Some(replica) = self.replica.as_ref().filter(|_| !self.seam.is_calm()) else {
            return self.inner.read(object, content).await;
        };
        let now = self.clock.now();
        if let Some(before) = lock(replica).show(object, content, now) {
            self.seam
                .note(&format!("a replica that is behind shows {object}"));
            self.seam.count("a replica was behind");
            return Ok(before);
        }
        let fresh = self.inner.read(object, content).await?;
        if content {
            let mut replica = lock(replica);
            let shown = replica.shown.entry(object.clone()).or_default();
            shown.push((now, fresh.clone()));
        }
        Ok(fresh)
    }

    async fn named(&self, name: &str) -> Result<RemoteRef> {
        self.inner.named(name).await
    }

    fn lags(&self, seconds: u32) {
        self.inner.lags(seconds);
    }

    fn group(&self, action: &Action) -> Option<String> {
        self.inner.group(action)
    }

    async fn gate(&self, request: &EffectRequest) -> Result<Gate> {
        self.inner.gate(request).await
    }

    async fn linked(
        &self,
        objects: &[(RemoteRef, Vec<RemoteRef>)],
    ) -> Result<BTreeMap<RemoteRef, Vec<LinkedPull>>> {
        self.inner.linked(objects).await
    }

    async fn comments(&self, object: &RemoteRef) -> Result<Comments> {
        self.inner.comments(object).await
    }

    async fn comment(&self, comment: &RemoteRef) -> Result<Option<RemoteComment>> {
        self.inner.comment(comment).await
    }

    fn comment_at(&self, comment: &RemoteRef, place: &RemoteRef) -> RemoteRef {
        self.inner.comment_at(comment, place)
    }

    async fn cards(&self, objects: &[RemoteRef]) -> Result<Vec<FoundCard>> {
        self.inner.cards(objects).await
    }

    async fn still_open(&self, proposals: &[RemoteRef]) -> Result<BTreeSet<RemoteRef>> {
        self.inner.still_open(proposals).await
    }

    fn is_about(&self, named: &RemoteRef, pull: &LinkedPull) -> bool {
        self.inner.is_about(named, pull)
    }

    fn kind(&self, action: &Action) -> WriteKind {
        self.inner.kind(action)
    }

    async fn write(&self, batch: &[Write]) -> Vec<Result<Ack>> {
        self.inner.write(batch).await
    }

    async fn trace(&self, batch: &[Write], sent_at: DateTime<Utc>) -> Result<Vec<Trace>> {
        let traces = self.inner.trace(batch, sent_at).await?;
        let shown = batch.iter().zip(traces).map(|(write, trace)| {
            let found = match (&write.action, &trace) {
                (Action::Create(_), Trace::Applied(ack)) => ack.snapshot.as_ref(),
                _ => None,
            };
            if found.is_some_and(|found| self.hides(found)) {
                self.seam.count("hidden beyond the bound");
                return Trace::NotApplied;
            }
            trace
        });
        Ok(shown.collect())
    }

    async fn made(&self, write: &Write, object: &RemoteRef) -> Result<Option<Ack>> {
        self.inner.made(write, object).await
    }
}
