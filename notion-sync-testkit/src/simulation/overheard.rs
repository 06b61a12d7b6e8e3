//! A side on which somebody hears every write that begins and ends.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use notion_sync_core::Result;
use notion_sync_core::comment::{Comments, FoundCard, RemoteComment};
use notion_sync_core::effect::{EffectRequest, Gate, LinkedPull};
use notion_sync_core::id::{RemoteRef, Side};
use notion_sync_core::remote::{
    Abilities, Ack, Action, ListRequest, Listing, Remote, Schema, Trace, Write, WriteKind,
};
use notion_sync_core::snapshot::Snapshot;

/// Hears of writes.
pub trait OnWrite: fmt::Debug + Send + Sync {
    /// The engine hands these writes to the adapter.
    fn begins(&self, side: Side, batch: &[Write]);

    /// The adapter has answered.
    fn ends(&self) {}
}

/// A side whose writes are heard.
#[derive(Debug)]
pub struct Overheard {
    inner: Arc<dyn Remote>,
    by: Arc<dyn OnWrite>,
}

impl Overheard {
    /// Lets somebody hear of the writes to a side.
    pub fn new(inner: Arc<dyn Remote>, by: Arc<dyn OnWrite>) -> Self {
        Self { inner, by }
    }
}

#[async_trait]
impl Remote for Overheard {
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
        self.inner.list(request).await
    }

    async fn read(&self, object: &RemoteRef, content: bool) -> Result<Snapshot> {
        self.inner.read(object, content).await
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

    fn scope(&self) -> String {
        self.inner.scope()
    }

    async fn named(&self, name: &str) -> Result<RemoteRef> {
        self.inner.named(name).await
    }

    async fn made(&self, write: &Write, object: &RemoteRef) -> Result<Option<Ack>> {
        self.inner.made(write, object).await
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
        self.by.begins(self.inner.side(), batch);
        let answers = self.inner.write(batch).await;
        self.by.ends();
        answers
    }

    async fn trace(&self, batch: &[Write], sent_at: DateTime<Utc>) -> Result<Vec<Trace>> {
        self.inner.trace(batch, sent_at).await
    }
}
