//! A mapping between model sides, driven until it rests.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use chrono::{DateTime, Duration, Utc};
use futures::executor::block_on;
use notion_sync_core::Result;
use notion_sync_core::audit::AuditEvent;
use notion_sync_core::clock::{Clock, VirtualClock};
use notion_sync_core::comment::Comments;
use notion_sync_core::document::{Block, BlockKind, Document, RichText};
use notion_sync_core::engine::{Binding, Budget, Engine, Tick};
use notion_sync_core::id::{OpId, RemoteRef, Side};
use notion_sync_core::mapping::{
    Direction, FieldKind, FieldMap, Guard, Mapping, MappingKind, People, Policy,
};
use notion_sync_core::record::{Life, Record};
use notion_sync_core::remote::{
    Abilities, Ack, Action, ListRequest, Listing, Remote, Schema, Trace, Write, WriteKind,
};
use notion_sync_core::snapshot::Snapshot;
use notion_sync_core::state::State;
use notion_sync_core::store::Store;
use notion_sync_store::MemoryStore;
use notion_sync_testkit::model::{ModelPages, ModelRepository, ModelWrite};

pub(crate) struct World {
    pub(crate) clock: Arc<VirtualClock>,
    pub(crate) pages: ModelPages,
    pub(crate) repo: ModelRepository,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) engine: Engine,
    pub(crate) mapping: Mapping,
    /// How many writes the sides had taken when the store was lost: no audit tells of these.
    pub(crate) before: (usize, usize),
}

pub(crate) fn field(id: &str, kind: FieldKind) -> FieldMap {
    FieldMap {
        id: id.into(),
        notion: id.to_owned(),
        github: id.to_owned(),
        kind,
        direction: Direction::Both,
    }
}

pub(crate) fn documents(policy: Policy) -> Mapping {
    Mapping {
        id: "handbook".into(),
        kind: MappingKind::Documents,
        policy,
        deliver: Default::default(),
        delete_by_proposal: true,
        delete_beats_edit: false,
        adopt_by_key: false,
        file_marker: Default::default(),
        path_policy: Default::default(),
        path: Default::default(),
        reviewers: vec!["acme/docs".to_owned()],
        fields: vec![
            field("owner", FieldKind::Text),
            field("tags", FieldKind::Set),
        ],
        links: Default::default(),
        rules: Vec::new(),
        create_when: None,
        keep_below: Default::default(),
        drift_status: false,
        notes: Default::default(),
        comments: None,
        sentinel: Default::default(),
        limits: Default::default(),
    }
}

pub(crate) fn status() -> FieldKind {
    let pairs = |list: &[(&str, &str)]| {
        list.iter()
            .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()))
            .collect()
    };
    FieldKind::Class {
        classes: pairs(&[
            ("To do", "open"),
            ("Doing", "open"),
            ("Done", "closed"),
            ("Shipped", "closed"),
        ]),
        preferred: pairs(&[("open", "To do"), ("closed", "Done")]),
    }
}

pub(crate) fn tasks(policy: Policy) -> Mapping {
    Mapping {
        id: "backlog".into(),
        kind: MappingKind::Tasks,
        fields: vec![
            field("state", status()),
            field("labels", FieldKind::Set),
            field("assignees", FieldKind::People),
        ],
        ..documents(policy)
    }
}

impl World {
    pub(crate) fn new(mapping: Mapping) -> Self {
        let properties: &[(&str, &str)] = match mapping.kind {
            MappingKind::Documents => &[("owner", "rich_text"), ("tags", "multi_select")],
            MappingKind::Tasks => &[
                ("state", "status"),
                ("labels", "multi_select"),
                ("assignees", "people"),
            ],
        };
        Self::with(mapping, properties, &[])
    }

    /// With these properties and their options.
    pub(crate) fn with(
        mapping: Mapping,
        properties: &[(&str, &str)],
        options: &[(&str, &[&str])],
    ) -> Self {
        let start: DateTime<Utc> = "2026-11-21T09:00:10Z".parse().unwrap();
        let clock = Arc::new(VirtualClock::new(start));
        let shared: Arc<dyn Clock> = clock.clone();
        let mut pages = ModelPages::new(shared.clone(), properties);
        for (property, options) in options {
            pages = pages.with_options(property, options);
        }
        let repo = match mapping.kind {
            MappingKind::Documents => ModelRepository::files(shared.clone()),
            MappingKind::Tasks => ModelRepository::issues(shared.clone()),
        };
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let mut world = Self {
            engine: Engine::new(store.clone(), shared.clone()),
            clock,
            pages,
            repo,
            store,
            mapping,
            before: (0, 0),
        };
        world.restart();
        world
    }

    /// A new engine over the same store and sides, as after a restart.
    pub(crate) fn restart(&mut self) {
        let mut people = People::default();
        people.add("user-ada", "ada");
        people.add("user-bob", "bob");
        self.engine = Engine::new(self.store.clone(), self.clock.clone())
            .with_decisions(3)
            .with_guard(Guard {
                removals: 100,
                edits: 100,
                ..Guard::default()
            })
            .with_mapping(Binding {
                mapping: self.mapping.clone(),
                notion: Arc::new(self.pages.clone()),
                github: Arc::new(self.repo.clone()),
                people,
            });
    }

    pub(crate) fn guard(&mut self, guard: Guard) {
        let engine = std::mem::replace(
            &mut self.engine,
            Engine::new(self.store.clone(), self.clock.clone()),
        );
        self.engine = engine.with_guard(guard);
    }

    /// One poll.
    pub(crate) fn poll(&self) -> Tick {
        block_on(self.engine.tick(Budget {
            poll_now: true,
            ..Budget::default()
        }))
        .unwrap()
    }

    /// One full listing.
    pub(crate) fn sweep(&self) -> Tick {
        block_on(self.engine.tick(Budget {
            poll_now: true,
            full: true,
            ..Budget::default()
        }))
        .unwrap()
    }

    pub(crate) fn engine_time(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    pub(crate) fn pass(&self, minutes: i64) {
        self.clock.advance(Duration::minutes(minutes));
    }

    /// Goes on until nothing is under way. Answers how many writes that took.
    pub(crate) fn settle(&self) -> usize {
        let mut writes = 0;
        for _ in 0..200 {
            let tick = self.poll();
            writes += tick.writes();
            match tick.settle_due {
                Some(due) => {
                    self.clock.advance_to(due);
                    self.clock.advance(Duration::milliseconds(200));
                }
                None if tick.writes() == 0 => {
                    self.replay();
                    self.accounts();
                    return writes;
                }
                None => {}
            }
        }
        for record in self.records() {
            for op in block_on(State::new(&*self.store).operations_of(&record.id)).unwrap() {
                eprintln!(
                    "{:?} {:?} {} after {:?} nb {:?} {:?}",
                    op.id, op.state, op.label, op.after, op.not_before, op.error
                );
            }
        }
        panic!("not at rest after 200 ticks: {:#?}", self.poll());
    }

    /// Every decision that is kept comes out the same when it is made again.
    pub(crate) fn replay(&self) -> usize {
        let state = State::new(&*self.store);
        let replay = block_on(state.replay(std::slice::from_ref(&self.mapping.id), None)).unwrap();
        assert_eq!(replay.faults, []);
        replay.decisions
    }

    /// Everything that was remembered is gone.
    pub(crate) fn lose_store(&mut self) {
        self.before = (self.pages.writes().len(), self.repo.writes().len());
        self.store = Arc::new(MemoryStore::new());
        self.restart();
    }

    /// What the sides took and what the audit says was applied belong together, one by one.
    fn accounts(&self) {
        let rows = block_on(State::new(&*self.store).audit(None)).unwrap();
        let mut told: BTreeMap<OpId, usize> = BTreeMap::new();
        let (mut ended, mut decided) = (BTreeSet::new(), BTreeSet::new());
        for row in rows {
            let Some(op) = row.op else { continue };
            match row.event {
                AuditEvent::Applied => *told.entry(op).or_default() += 1,
                AuditEvent::Voided | AuditEvent::Dead => drop(ended.insert(op)),
                // A person said what became of it.
                AuditEvent::Decision => drop(decided.insert(op)),
                _ => {}
            }
        }
        assert!(told.values().all(|rows| *rows == 1), "{told:?}");
        let pages = self.pages.writes().into_iter().skip(self.before.0);
        let taken = pages.chain(self.repo.writes().into_iter().skip(self.before.1));
        let taken: BTreeMap<OpId, ModelWrite> =
            taken.map(|write| (write.op.clone(), write)).collect();
        for (op, write) in &taken {
            let known = told.contains_key(op) || ended.contains(op) || decided.contains(op);
            assert!(known, "{write:?} is in no row");
        }
        let unheard = |op: &&OpId| !taken.contains_key(*op) && !decided.contains(*op);
        let unheard: Vec<&OpId> = told.keys().filter(unheard).collect();
        assert!(unheard.is_empty(), "nothing was written by {unheard:?}");
    }

    pub(crate) fn records(&self) -> Vec<Record> {
        block_on(State::new(&*self.store).records(&self.mapping.id)).unwrap()
    }

    pub(crate) fn live(&self) -> usize {
        self.records()
            .iter()
            .filter(|record| record.life == Life::Live)
            .count()
    }

    pub(crate) fn conflicts(&self) -> usize {
        self.records()
            .iter()
            .map(|record| record.conflicts.len())
            .sum()
    }
}

pub(crate) fn body(lines: &[&str]) -> Document {
    Document {
        blocks: lines.iter().map(|line| Block::paragraph(*line)).collect(),
    }
}

/// Replaces the text of the paragraph that says `from`.
pub(crate) fn rewrite(document: &mut Document, from: &str, to: &str) {
    for block in &mut document.blocks {
        if let BlockKind::Paragraph { text, .. } = &mut block.kind
            && text.to_plain() == from
        {
            *text = RichText::plain(to);
        }
    }
}

pub(crate) fn plain(document: &Document) -> Vec<String> {
    document
        .blocks
        .iter()
        .map(|block| {
            block
                .kind
                .text()
                .map(RichText::to_plain)
                .unwrap_or_default()
        })
        .collect()
}

/// A side on which something happens right before its first write.
pub(crate) struct Meddled<R> {
    inner: R,
    meddle: Mutex<Option<Box<dyn FnOnce() + Send>>>,
    /// Between the write and its answer.
    late: bool,
}

impl<R> Meddled<R> {
    pub(crate) fn new(inner: R, meddle: impl FnOnce() + Send + 'static) -> Self {
        Self {
            inner,
            meddle: Mutex::new(Some(Box::new(meddle))),
            late: false,
        }
    }

    /// Somebody acts after the first write took effect, and its answer shows that too.
    pub(crate) fn late(inner: R, meddle: impl FnOnce() + Send + 'static) -> Self {
        Self {
            late: true,
            ..Self::new(inner, meddle)
        }
    }
}

impl<R: fmt::Debug> fmt::Debug for Meddled<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Meddled({:?})", self.inner)
    }
}

#[async_trait]
impl<R: Remote> Remote for Meddled<R> {
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

    async fn comments(&self, object: &RemoteRef) -> Result<Comments> {
        self.inner.comments(object).await
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
        let meddle = self.meddle.lock().unwrap().take();
        let Some(meddle) = meddle else {
            return self.inner.write(batch).await;
        };
        if !self.late {
            meddle();
            return self.inner.write(batch).await;
        }
        let mut answers = self.inner.write(batch).await;
        meddle();
        for answer in answers.iter_mut().flatten() {
            if let Some(shown) = &mut answer.snapshot {
                *shown = self.inner.read(&shown.object, true).await.unwrap();
            }
        }
        answers
    }

    async fn trace(&self, batch: &[Write], sent_at: DateTime<Utc>) -> Result<Vec<Trace>> {
        self.inner.trace(batch, sent_at).await
    }
}
