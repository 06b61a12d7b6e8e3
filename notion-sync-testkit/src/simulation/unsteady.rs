//! Faults around a side that knows nothing of HTTP.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::future::Future;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Duration, Utc};
use notion_sync_core::comment::{Comments, FoundCard, RemoteComment};
use notion_sync_core::effect::{EffectRequest, Gate, LinkedPull};
use notion_sync_core::error::Retry;
use notion_sync_core::id::{RemoteRef, Side};
use notion_sync_core::remote::{
    Abilities, Ack, Action, ListRequest, Listing, Remote, Schema, Trace, Write, WriteKind,
};
use notion_sync_core::snapshot::Snapshot;
use notion_sync_core::{Error, ErrorKind, Result};

use super::seam::Seam;
use super::weather::{Counted, Harm};

/// Who is there while the engine asks a side.
pub trait Bystander: fmt::Debug + Send + Sync {
    /// Right before a call.
    fn meanwhile(&self, counted: &Counted) {
        let _ = counted;
    }

    /// The engine has read an object.
    fn read(&self, object: &RemoteRef) {
        let _ = object;
    }

    /// The engine writes an object.
    fn writes(&self, object: &RemoteRef) {
        let _ = object;
    }
}

/// Nobody is there.
impl Bystander for () {}

/// A side that fails, and whose caller dies, when the weather says so: any [`Remote`], with faults where
/// a whole call of it fails. Adapters that ask over HTTP are put to a harder test by
/// [`Way`](super::Way), where each request of a call may fail.
#[derive(Debug)]
pub struct Unsteady {
    inner: Arc<dyn Remote>,
    seam: Arc<Seam>,
    by: Arc<dyn Bystander>,
}

/// What became of a call.
type Passed<T> = std::result::Result<T, Failed>;

/// How a call failed.
#[derive(Debug, Clone, Copy)]
struct Failed {
    harm: Harm,
    at: DateTime<Utc>,
}

impl Failed {
    fn error(self) -> Error {
        let during = "ask a side";
        match self.harm {
            Harm::Limit(seconds) => {
                let until = self.at + Duration::seconds(i64::from(seconds));
                Error::new(ErrorKind::RateLimited, during).retry_at(Retry::NotBefore(until))
            }
            Harm::LimitUnsaid => Error::new(ErrorKind::RateLimited, during),
            Harm::Unauthorized => Error::new(ErrorKind::Unauthorized, during),
            Harm::NotFound => Error::new(ErrorKind::NotFound, during),
            _ => Error::new(ErrorKind::Unavailable, during),
        }
    }
}

impl Unsteady {
    /// A side through the seam, with somebody there.
    pub fn new(inner: Arc<dyn Remote>, seam: Arc<Seam>, by: Arc<dyn Bystander>) -> Self {
        Self { inner, seam, by }
    }

    /// Lets a call pass, or not.
    async fn pass<T>(
        &self,
        what: &str,
        written: &[&RemoteRef],
        writes: bool,
        call: impl Future<Output = T> + Send,
    ) -> Passed<T> {
        let seam = &self.seam;
        if let Some(clock) = seam.clock() {
            clock.advance(Duration::milliseconds(i64::from(seam.latency())));
        }
        let dies = seam.dies(writes);
        let counted = seam.counted(writes);
        self.by.meanwhile(&counted);
        let line = format!("{:?} {what}", self.inner.side());
        if dies == Some(false) {
            let kind = if writes {
                "crashed before a write"
            } else {
                "crashed before a read"
            };
            seam.die(kind, &format!("before {line}")).await;
        }
        let at = seam.now();
        let harm = counted.harm.filter(|harm| *harm != Harm::Stale);
        if let Some(harm) = harm {
            seam.count(harm.marker());
        }
        if let (Some(Harm::Delay(seconds)), Some(clock)) = (harm, seam.clock()) {
            clock.advance(Duration::seconds(i64::from(seconds)));
        }
        let harm = harm.filter(|harm| !matches!(harm, Harm::Delay(_)));
        let mut done = None;
        if harm.is_none_or(Harm::is_after) {
            for object in written {
                self.by.writes(object);
            }
            done = Some(call.await);
        }
        let said = harm.map(|harm| format!(": {harm:?}")).unwrap_or_default();
        seam.note(&format!("{line}{said}"));
        if dies == Some(true) {
            let kind = if writes {
                "crashed after a write"
            } else {
                "crashed after a read"
            };
            seam.die(kind, "before it hears of it").await;
        }
        match (harm, done) {
            (None, Some(done)) => Ok(done),
            (harm, _) => Err(Failed {
                harm: harm.unwrap_or(Harm::DropBefore),
                at,
            }),
        }
    }

    /// Lets a call pass that only reads.
    async fn reads<T>(
        &self,
        what: &str,
        call: impl Future<Output = Result<T>> + Send,
    ) -> Result<T> {
        let passed = self.pass(what, &[], false, call).await;
        passed.unwrap_or_else(|failed| Err(failed.error()))
    }
}

/// The object that a write changes.
fn changed(action: &Action) -> Option<&RemoteRef> {
    match action {
        Action::Update(update) => Some(&update.object),
        Action::Remove { object, .. }
        | Action::Restore { object }
        | Action::Bookkeep { object, .. } => Some(object),
        _ => None,
    }
}

#[async_trait]
impl Remote for Unsteady {
    fn side(&self) -> Side {
        self.inner.side()
    }

    fn abilities(&self) -> Abilities {
        self.inner.abilities()
    }

    async fn schema(&self) -> Result<Schema> {
        self.reads("describes itself", self.inner.schema()).await
    }

    async fn list(&self, request: ListRequest) -> Result<Listing> {
        let listing = self.reads("lists", self.inner.list(request)).await?;
        for item in &listing.items {
            self.by.read(&item.object);
        }
        Ok(listing)
    }

    async fn read(&self, object: &RemoteRef, content: bool) -> Result<Snapshot> {
        let what = format!("reads {object}");
        let snapshot = self.reads(&what, self.inner.read(object, content)).await?;
        self.by.read(object);
        Ok(snapshot)
    }

    fn lags(&self, seconds: u32) {
        self.inner.lags(seconds);
    }

    fn group(&self, action: &Action) -> Option<String> {
        self.inner.group(action)
    }

    async fn gate(&self, request: &EffectRequest) -> Result<Gate> {
        self.reads("is asked about an effect", self.inner.gate(request))
            .await
    }

    async fn linked(
        &self,
        objects: &[(RemoteRef, Vec<RemoteRef>)],
    ) -> Result<BTreeMap<RemoteRef, Vec<LinkedPull>>> {
        self.reads("lists pull requests", self.inner.linked(objects))
            .await
    }

    async fn comments(&self, object: &RemoteRef) -> Result<Comments> {
        let what = format!("lists comments of {object}");
        self.reads(&what, self.inner.comments(object)).await
    }

    async fn comment(&self, comment: &RemoteRef) -> Result<Option<RemoteComment>> {
        let what = format!("reads {comment}");
        self.reads(&what, self.inner.comment(comment)).await
    }

    fn scope(&self) -> String {
        self.inner.scope()
    }

    async fn named(&self, name: &str) -> Result<RemoteRef> {
        self.inner.named(name).await
    }

    async fn made(&self, write: &Write, object: &RemoteRef) -> Result<Option<Ack>> {
        let what = format!("reads {object}");
        self.reads(&what, self.inner.made(write, object)).await
    }

    fn comment_at(&self, comment: &RemoteRef, place: &RemoteRef) -> RemoteRef {
        self.inner.comment_at(comment, place)
    }

    async fn cards(&self, objects: &[RemoteRef]) -> Result<Vec<FoundCard>> {
        self.reads("looks for comments of ours", self.inner.cards(objects))
            .await
    }

    async fn still_open(&self, proposals: &[RemoteRef]) -> Result<BTreeSet<RemoteRef>> {
        self.reads(
            "says which proposals are open",
            self.inner.still_open(proposals),
        )
        .await
    }

    fn is_about(&self, named: &RemoteRef, pull: &LinkedPull) -> bool {
        self.inner.is_about(named, pull)
    }

    fn kind(&self, action: &Action) -> WriteKind {
        self.inner.kind(action)
    }

    async fn write(&self, batch: &[Write]) -> Vec<Result<Ack>> {
        let names = |write: &Write| format!("{} {}", write.action.word(), write.op);
        let what: Vec<String> = batch.iter().map(names).collect();
        let objects: Vec<&RemoteRef> = batch
            .iter()
            .filter_map(|write| changed(&write.action))
            .collect();
        let call = self.inner.write(batch);
        match self.pass(&what.join(", "), &objects, true, call).await {
            Ok(answers) => answers,
            Err(failed) => batch.iter().map(|_| Err(failed.error())).collect(),
        }
    }

    async fn trace(&self, batch: &[Write], sent_at: DateTime<Utc>) -> Result<Vec<Trace>> {
        self.reads(
            "looks for what was written",
            self.inner.trace(batch, sent_at),
        )
        .await
    }
}
