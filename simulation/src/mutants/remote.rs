//! A side that breaks one rule of the contract between engine and adapters.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use chrono::{DateTime, Duration, SecondsFormat, Utc};
use notion_sync_core::bounds::Bounds;
use notion_sync_core::clock::Clock;
use notion_sync_core::comment::{Comments, DiscussStep, FoundCard, RemoteComment};
use notion_sync_core::effect::{Effect, EffectRequest, Gate, LinkedPull};
use notion_sync_core::id::{OpId, RemoteRef, Side};
use notion_sync_core::remote::{
    Abilities, Ack, Action, ContentChange, Cursor, ListRequest, Listing, Remote, Schema, Trace,
    Update, Write, WriteKind,
};
use notion_sync_core::snapshot::{Content, Field, Presence, Proof, Snapshot};
use notion_sync_core::value::Value;
use notion_sync_core::{Error, ErrorKind, Result};

use super::Mutant;
use super::store::STRUCK;
use crate::scenario::{Seam, lock};

/// How long a read after a write may be old, in seconds: longer than the slack after which a minute
/// counts as over.
const STALE: i64 = 600;
/// How slow the index is that stands for a lookup, in seconds.
const INDEX: i64 = 2_400;

/// What a mutant remembers.
#[derive(Debug, Default)]
struct Memory {
    /// Each object as it was last read, content included.
    read: BTreeMap<RemoteRef, Snapshot>,
    /// Each object as it was before its last write, and when that was.
    before: BTreeMap<RemoteRef, (DateTime<Utc>, Snapshot)>,
    /// Every object that was seen.
    seen: BTreeSet<RemoteRef>,
    /// Those that the last full listing did not show.
    absent: BTreeSet<RemoteRef>,
    /// Who the answers to own writes say that edited last.
    own: Option<String>,
    /// Each page as the engine knows it: as it was last shown, or as its own write left it.
    known: BTreeMap<RemoteRef, Snapshot>,
}

/// A side with a mutant around it.
#[derive(Debug)]
pub(crate) struct MutantRemote {
    inner: Arc<dyn Remote>,
    mutant: Mutant,
    seam: Arc<Seam>,
    clock: Arc<dyn Clock>,
    memory: Mutex<Memory>,
}

fn is_comment(action: &Action) -> bool {
    match action {
        Action::Comment { .. } => true,
        Action::Effect(effect) => matches!(effect.request.effect, Effect::Comment(_)),
        Action::Discuss(discuss) => matches!(discuss.step, DiscussStep::Post(_)),
        _ => false,
    }
}

impl MutantRemote {
    /// Puts a mutant around a side.
    pub(crate) fn new(
        inner: Arc<dyn Remote>,
        mutant: Mutant,
        seam: Arc<Seam>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            inner,
            mutant,
            seam,
            clock,
            memory: Mutex::default(),
        }
    }

    fn is(&self, mutant: Mutant) -> bool {
        self.mutant == mutant
    }

    fn struck(&self) {
        self.seam.count(STRUCK);
    }

    /// What the engine is shown instead.
    fn shown(&self, mut snapshot: Snapshot) -> Snapshot {
        if self.is(Mutant::UnsettledSettled) && snapshot.revision.grain_seconds > 0 {
            snapshot.revision.grain_seconds = 0;
            self.struck();
        }
        snapshot
    }

    /// A cursor that lies `by` later.
    fn later(&self, cursor: &Cursor) -> Option<Cursor> {
        let bounds = Bounds::default();
        match self.inner.side() {
            Side::Notion => {
                let at: DateTime<Utc> = cursor.0.parse().ok()?;
                let by = i64::from(bounds.notion_overlap + bounds.notion_grain);
                Some(stamp(at + Duration::seconds(by)))
            }
            Side::Github => {
                let by = Duration::seconds(i64::from(bounds.github_overlap));
                issue_cursor(cursor, |at| at + by)
            }
        }
    }

    /// A cursor at the time of this machine, with nothing asked again.
    fn local(&self, cursor: &Cursor) -> Option<Cursor> {
        let bounds = Bounds::default();
        let now = self.clock.now();
        match self.inner.side() {
            Side::Notion => Some(stamp(
                now + Duration::seconds(i64::from(bounds.notion_overlap)),
            )),
            Side::Github => {
                let by = Duration::seconds(i64::from(bounds.github_overlap));
                issue_cursor(cursor, |_| now + by)
            }
        }
    }

    /// The write as it leaves.
    async fn sent(&self, write: &Write) -> Write {
        let mut write = write.clone();
        match &mut write.action {
            Action::Create(create) if self.is(Mutant::MarkDropped) => {
                create.counterpart = None;
                create.counterpart_url = None;
                write.op = OpId::new("");
                write.group = OpId::new("");
                write.page = None;
                self.struck();
            }
            Action::Update(update) if self.is(Mutant::ExpectationDropped) => {
                self.expect_what_is_there(update).await;
            }
            Action::Remove { object, expected } if self.is(Mutant::RemovalUnguarded) => {
                if let Ok(now) = self.inner.read(object, false).await
                    && *expected != now.revision.token
                {
                    *expected = now.revision.token;
                    self.struck();
                }
            }
            _ => {}
        }
        write
    }

    async fn expect_what_is_there(&self, update: &mut Update) {
        let content = update.content.is_some();
        let Ok(now) = self.inner.read(&update.object, content).await else {
            return;
        };
        let before = update.clone();
        for (key, change) in &mut update.fields {
            // Of a set only the difference is written, and that stays.
            if let Some(there) = now.fields.get(key).and_then(Field::value)
                && !matches!(there, Value::Set(_))
                && !matches!(change.desired, Value::Set(_))
            {
                change.expected = there.clone();
            }
        }
        match (&mut update.content, now.content) {
            (Some(ContentChange::Blocks { expected, .. }), Content::Blocks(there)) => {
                *expected = there;
            }
            (Some(ContentChange::Text { expected, .. }), Content::Text(there)) => {
                *expected = if update.object.kind == "file" {
                    now.revision.token
                } else {
                    there
                };
            }
            _ => {}
        }
        if *update != before {
            self.struck();
        }
    }

    /// The answer as the engine hears it.
    fn answer(&self, write: &Write, answer: Result<Ack>) -> Result<Ack> {
        let mut ack = match answer {
            Err(error) if error.kind() == ErrorKind::Unavailable => {
                return match self.mutant {
                    Mutant::BlindRetry => {
                        self.struck();
                        Err(Error::new(ErrorKind::NotApplied, "send a write")
                            .message(error.to_string()))
                    }
                    Mutant::OutcomeAssumed => {
                        self.struck();
                        Ok(Ack::default())
                    }
                    _ => Err(error),
                };
            }
            Err(error) => return Err(error),
            Ok(ack) => ack,
        };
        if let Some(snapshot) = &mut ack.snapshot {
            if self.is(Mutant::BaseFromSent) {
                let was = snapshot.clone();
                match &write.action {
                    Action::Create(create) => {
                        for (key, value) in &create.fields {
                            let value = Field::Value(value.clone());
                            snapshot.fields.insert(key.clone(), value);
                        }
                        snapshot.content = Content::NotRead;
                    }
                    Action::Update(update) => {
                        for (key, change) in &update.fields {
                            let value = Field::Value(change.desired.clone());
                            snapshot.fields.insert(key.clone(), value);
                        }
                        snapshot.content = Content::NotRead;
                    }
                    _ => {}
                }
                if *snapshot != was {
                    self.struck();
                }
            }
            let mut memory = lock(&self.memory);
            memory.seen.insert(snapshot.object.clone());
            memory.wrote(write, snapshot);
            if matches!(write.action, Action::Update(_) | Action::Create(_)) {
                memory.own = snapshot.actor.clone().or(memory.own.take());
                if let Some(before) = memory.read.get(&snapshot.object).cloned() {
                    let at = self.clock.now();
                    memory.before.insert(snapshot.object.clone(), (at, before));
                }
            }
        }
        ack.snapshot = ack.snapshot.map(|snapshot| self.shown(snapshot));
        Ok(ack)
    }

    /// Whether the lookup for a write is not done, and answered with "not applied".
    fn overlooks(&self, write: &Write, sent_at: DateTime<Utc>) -> bool {
        match self.mutant {
            Mutant::BlindLookup => true,
            Mutant::LateLookup => {
                let waited = self.clock.now() - sent_at;
                matches!(write.action, Action::Create(_)) && waited < Duration::seconds(INDEX)
            }
            Mutant::CommentAgain => is_comment(&write.action),
            _ => false,
        }
    }
}

impl Memory {
    /// An own write left this.
    fn wrote(&mut self, write: &Write, snapshot: &Snapshot) {
        let before = self.known.remove(&snapshot.object);
        let mut known = snapshot.clone();
        if known.content == Content::NotRead {
            let body = matches!(&write.action, Action::Update(update) if update.content.is_none());
            match before.filter(|_| body) {
                Some(before) => known.content = before.content,
                None => return,
            }
        }
        self.known.insert(known.object.clone(), known);
    }

    /// What is shown of a page that the own account edited last: what it wrote, whatever else is there.
    fn echo(&self, snapshot: &Snapshot) -> Option<Snapshot> {
        let known = self.known.get(&snapshot.object)?;
        let own = self.own.is_some() && snapshot.actor == self.own;
        let whole = snapshot.content != Content::NotRead;
        let differs =
            known.fields != snapshot.fields || (whole && known.content != snapshot.content);
        if !own || !differs {
            return None;
        }
        let mut shown = snapshot.clone();
        shown.fields.clone_from(&known.fields);
        if whole {
            shown.content = known.content.clone();
        }
        Some(shown)
    }
}

fn stamp(at: DateTime<Utc>) -> Cursor {
    Cursor(at.to_rfc3339_opts(SecondsFormat::Millis, true))
}

/// Up to which moment a cursor says that everything was listed.
fn reached(cursor: &Cursor) -> Option<DateTime<Utc>> {
    if let Ok(at) = cursor.0.parse() {
        return Some(at);
    }
    let position: serde_json::Value = serde_json::from_str(&cursor.0).ok()?;
    let marks = position.get("repositories")?.as_object()?.values();
    let updated = marks.filter_map(|mark| mark.get("updated")?.as_str()?.parse().ok());
    updated.max()
}

/// A cursor of issues with other times; `None` where it is one of files.
fn issue_cursor(
    cursor: &Cursor,
    change: impl Fn(DateTime<Utc>) -> DateTime<Utc>,
) -> Option<Cursor> {
    let mut position: serde_json::Value = serde_json::from_str(&cursor.0).ok()?;
    let repositories = position.get_mut("repositories")?.as_object_mut()?;
    let mut any = false;
    for mark in repositories.values_mut() {
        let at: Option<DateTime<Utc>> =
            mark.get("updated").and_then(|at| at.as_str()?.parse().ok());
        if let (Some(at), Some(mark)) = (at, mark.as_object_mut()) {
            mark.insert("updated".to_owned(), change(at).to_rfc3339().into());
            mark.remove("since");
            mark.remove("etag");
            any = true;
        }
    }
    any.then(|| Cursor(position.to_string()))
}

#[async_trait]
impl Remote for MutantRemote {
    fn side(&self) -> Side {
        self.inner.side()
    }

    fn abilities(&self) -> Abilities {
        self.inner.abilities()
    }

    async fn schema(&self) -> Result<Schema> {
        self.inner.schema().await
    }

    async fn list(&self, mut request: ListRequest) -> Result<Listing> {
        let full = request.full;
        let original = request.cursor.clone();
        if self.is(Mutant::ExclusiveCursor)
            && let Some(later) = original.as_ref().and_then(|one| self.later(one))
        {
            request.cursor = Some(later);
            self.struck();
        }
        let asked = request.cursor.as_ref().and_then(reached);
        let mut listing = self.inner.list(request).await?;
        match self.mutant {
            // Only what was seen moves a cursor, not the question.
            Mutant::ExclusiveCursor if asked == reached(&listing.cursor) => {
                listing.cursor = original.unwrap_or(listing.cursor);
            }
            Mutant::LocalCursor => {
                if let Some(local) = self.local(&listing.cursor) {
                    listing.cursor = local;
                    self.struck();
                }
            }
            Mutant::AuthorFilter if !full => {
                let own = lock(&self.memory).own.clone();
                let count = listing.items.len();
                (listing.items).retain(|item| own.is_none() || item.actor != own);
                if listing.items.len() < count {
                    self.struck();
                }
            }
            _ => {}
        }
        let mut memory = lock(&self.memory);
        let listed: BTreeSet<RemoteRef> =
            (listing.items.iter().map(|item| item.object.clone())).collect();
        if full && listing.complete {
            memory.absent = memory.seen.difference(&listed).cloned().collect();
        } else {
            memory.absent.retain(|object| !listed.contains(object));
        }
        memory.seen.extend(listed);
        drop(memory);
        let items = std::mem::take(&mut listing.items);
        listing.items = items.into_iter().map(|item| self.shown(item)).collect();
        Ok(listing)
    }

    async fn read(&self, object: &RemoteRef, content: bool) -> Result<Snapshot> {
        let mut snapshot = self.inner.read(object, content).await?;
        let now = self.clock.now();
        let mut memory = lock(&self.memory);
        memory.seen.insert(object.clone());
        if self.is(Mutant::AuthorFilter)
            && let Some(echo) = memory.echo(&snapshot)
        {
            snapshot = echo;
            self.struck();
        } else if content {
            memory.known.insert(object.clone(), snapshot.clone());
        }
        if self.is(Mutant::StaleRead)
            && self.side() == Side::Notion
            && let Some((at, before)) = memory.before.get(object)
            && now - *at < Duration::seconds(STALE)
        {
            // The revision is that of now: an older one would be told by itself.
            let (observed_at, revision) = (snapshot.observed_at, snapshot.revision);
            snapshot = before.clone();
            (snapshot.observed_at, snapshot.revision) = (observed_at, revision);
            if !content {
                snapshot.content = Content::NotRead;
            }
            self.struck();
        } else if content {
            memory.read.insert(object.clone(), snapshot.clone());
        }
        if self.is(Mutant::AbsenceBelieved)
            && self.side() == Side::Notion
            && memory.absent.contains(object)
            && snapshot.presence == Presence::Present
        {
            snapshot.presence = Presence::Gone(Proof::InTrash);
            self.struck();
        }
        drop(memory);
        Ok(self.shown(snapshot))
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
        let mut sent = Vec::with_capacity(batch.len());
        for write in batch {
            sent.push(self.sent(write).await);
        }
        let answers = self.inner.write(&sent).await;
        (batch.iter().zip(answers))
            .map(|(write, answer)| self.answer(write, answer))
            .collect()
    }

    async fn trace(&self, batch: &[Write], sent_at: DateTime<Utc>) -> Result<Vec<Trace>> {
        let traces = self.inner.trace(batch, sent_at).await?;
        let found = batch.iter().zip(traces).map(|(write, trace)| {
            if trace != Trace::NotApplied && self.overlooks(write, sent_at) {
                self.struck();
                return Trace::NotApplied;
            }
            match trace {
                Trace::Applied(mut ack) => {
                    ack.snapshot = ack.snapshot.map(|snapshot| self.shown(snapshot));
                    Trace::Applied(ack)
                }
                Trace::Partly(snapshot) => Trace::Partly(self.shown(snapshot)),
                other => other,
            }
        });
        Ok(found.collect())
    }
}
