//! A side that shows something else than it holds, or does so while it is looked at.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Mutex;

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

type Lists = Box<dyn FnMut(&mut Listing) + Send>;
type Schemas = Box<dyn FnMut(&mut Schema) + Send>;
type Reads = Box<dyn FnMut(&mut Snapshot) -> Result<()> + Send>;

type Talks = Box<dyn FnMut(&RemoteRef) -> Result<()> + Send>;
type Traces = Box<dyn FnMut() -> Result<()> + Send>;
type Cards = Box<dyn FnMut() -> Result<()> + Send>;

pub(in crate::engine) struct Shown<R> {
    inner: R,
    schemas: Mutex<Schemas>,
    lists: Mutex<Lists>,
    reads: Mutex<Reads>,
    cards: Mutex<Cards>,
    talks: Mutex<Talks>,
    traces: Mutex<Traces>,
    pulls: Vec<LinkedPull>,
}

impl<R> Shown<R> {
    pub(in crate::engine) fn new(inner: R) -> Self {
        Self {
            inner,
            schemas: Mutex::new(Box::new(|_| {})),
            lists: Mutex::new(Box::new(|_| {})),
            reads: Mutex::new(Box::new(|_| Ok(()))),
            cards: Mutex::new(Box::new(|| Ok(()))),
            talks: Mutex::new(Box::new(|_| Ok(()))),
            traces: Mutex::new(Box::new(|| Ok(()))),
            pulls: Vec::new(),
        }
    }

    /// What becomes of its schema.
    pub(in crate::engine) fn schema(
        mut self,
        schemas: impl FnMut(&mut Schema) + Send + 'static,
    ) -> Self {
        self.schemas = Mutex::new(Box::new(schemas));
        self
    }

    /// What becomes of each listing before it is looked at.
    pub(in crate::engine) fn listing(
        mut self,
        lists: impl FnMut(&mut Listing) + Send + 'static,
    ) -> Self {
        self.lists = Mutex::new(Box::new(lists));
        self
    }

    /// Whether the sync's own comments can be looked for.
    pub(in crate::engine) fn carding(
        mut self,
        cards: impl FnMut() -> Result<()> + Send + 'static,
    ) -> Self {
        self.cards = Mutex::new(Box::new(cards));
        self
    }

    /// Whether the comments of an object can be read.
    pub(in crate::engine) fn talking(
        mut self,
        talks: impl FnMut(&RemoteRef) -> Result<()> + Send + 'static,
    ) -> Self {
        self.talks = Mutex::new(Box::new(talks));
        self
    }

    /// Whether it can be asked what became of a write.
    pub(in crate::engine) fn tracing(
        mut self,
        traces: impl FnMut() -> Result<()> + Send + 'static,
    ) -> Self {
        self.traces = Mutex::new(Box::new(traces));
        self
    }

    /// A pull request that people opened for each of its issues.
    pub(in crate::engine) fn pull(mut self, pull: LinkedPull) -> Self {
        self.pulls.push(pull);
        self
    }

    /// What becomes of each object that is read.
    pub(in crate::engine) fn reading(
        mut self,
        reads: impl FnMut(&mut Snapshot) -> Result<()> + Send + 'static,
    ) -> Self {
        self.reads = Mutex::new(Box::new(reads));
        self
    }
}

impl<R: fmt::Debug> fmt::Debug for Shown<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Shown({:?})", self.inner)
    }
}

#[async_trait]
impl<R: Remote> Remote for Shown<R> {
    fn side(&self) -> Side {
        self.inner.side()
    }

    fn abilities(&self) -> Abilities {
        self.inner.abilities()
    }

    async fn schema(&self) -> Result<Schema> {
        let mut schema = self.inner.schema().await?;
        (self.schemas.lock().unwrap())(&mut schema);
        Ok(schema)
    }

    async fn list(&self, request: ListRequest) -> Result<Listing> {
        let mut listing = self.inner.list(request).await?;
        (self.lists.lock().unwrap())(&mut listing);
        Ok(listing)
    }

    async fn read(&self, object: &RemoteRef, content: bool) -> Result<Snapshot> {
        let mut snapshot = self.inner.read(object, content).await?;
        (self.reads.lock().unwrap())(&mut snapshot)?;
        Ok(snapshot)
    }

    async fn gate(&self, request: &EffectRequest) -> Result<Gate> {
        self.inner.gate(request).await
    }

    async fn linked(
        &self,
        objects: &[(RemoteRef, Vec<RemoteRef>)],
    ) -> Result<BTreeMap<RemoteRef, Vec<LinkedPull>>> {
        let objects = objects.iter();
        let pulls = objects.map(|(object, _)| (object.clone(), self.pulls.clone()));
        Ok(pulls.collect())
    }

    async fn cards(&self, objects: &[RemoteRef]) -> Result<Vec<FoundCard>> {
        (self.cards.lock().unwrap())()?;
        self.inner.cards(objects).await
    }

    async fn comments(&self, object: &RemoteRef) -> Result<Comments> {
        (self.talks.lock().unwrap())(object)?;
        self.inner.comments(object).await
    }

    async fn comment(&self, comment: &RemoteRef) -> Result<Option<RemoteComment>> {
        self.inner.comment(comment).await
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
        (self.traces.lock().unwrap())()?;
        self.inner.trace(batch, sent_at).await
    }
}
