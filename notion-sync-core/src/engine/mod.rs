//! The engine: observes, decides, persists, executes. Owns no thread and never sleeps.
//!
//! A host calls [`Engine::tick`] and comes back at the moment the answer names: a cron job until it
//! is idle, a daemon for ever, a function once. Start-up is recovery: there is no shutdown that
//! correctness depends on.
//!
//! A tick is a `round` over each mapping: through `observe` (both sides, what changed), `pairs` (what belongs
//! together), `plan` (decisions become operations) and `tell` (what is said beside the values); `write` saves that,
//! sends it, and records what came of it. `hand` is for people. [`Tick`] reports.

mod hand;
mod observe;
mod pairs;
mod plan;
mod report;
mod round;
mod tell;
mod write;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Duration, Utc};

pub use observe::bind::{Bound, Settings};
pub use pairs::finding::{Finding, FindingKind, Remedy};
pub use pairs::inventory::Stocktaking;
pub use pairs::rebuild::{Rebuilt, RebuiltPair};
pub use plan::decide::{PlannedRecord, RunPlan};
pub use report::{Applied, Incident, MappingReport, Tick};

use self::observe::lag::Lags;
use crate::audit::AuditEvent;
use crate::bounds::Bounds;
use crate::clock::Clock;
use crate::error::{Error, ErrorKind, Result};
use crate::event::ChangeEvent;
use crate::id::{MappingId, Side};
use crate::mapping::{Guard, Mapping, People};
use crate::operation::Operation;
use crate::remote::{Remote, WriteKind};
use crate::state::{Batch, MappingState, Recall, State};
use crate::store::Store;
use crate::worker::{Company, Worker};

/// One mapping with the two places it keeps the same.
#[derive(Debug, Clone)]
pub struct Binding {
    /// What is mapped, and how.
    pub mapping: Mapping,
    /// The pages.
    pub notion: Arc<dyn Remote>,
    /// The files or issues.
    pub github: Arc<dyn Remote>,
    /// Who is who.
    pub people: People,
}

impl Binding {
    /// The place on one side.
    #[must_use]
    pub fn remote(&self, side: Side) -> &Arc<dyn Remote> {
        match side {
            Side::Notion => &self.notion,
            Side::Github => &self.github,
        }
    }
}

/// Source of jitter for backoff, in thousandths from 0 to 1000. Injected, so that runs repeat.
pub trait Jitter: fmt::Debug + Send + Sync {
    /// The next value.
    fn next(&self) -> u32;
}

/// Always the same jitter.
#[derive(Debug, Clone, Copy)]
pub struct FixedJitter(pub u32);

impl Jitter for FixedJitter {
    fn next(&self) -> u32 {
        self.0
    }
}

/// How often the engine looks by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schedule {
    /// Between polls. Default 60 s.
    pub poll: Duration,
    /// Between full listings. Default 24 h.
    pub sweep: Duration,
    /// Between full listings with which the content of every pair is read, whether or not it was edited as far
    /// as its time says. Default 7 days.
    pub contents: Duration,
}

impl Default for Schedule {
    fn default() -> Self {
        Self {
            poll: Duration::seconds(60),
            sweep: Duration::hours(24),
            contents: Duration::days(7),
        }
    }
}

/// What a tick may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Look even if no poll is due.
    pub poll_now: bool,
    /// List everything, not only what changed.
    pub full: bool,
    /// How many operations may be sent.
    pub operations: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            poll_now: false,
            full: false,
            operations: usize::MAX,
        }
    }
}

/// Keeps any number of mappings the same.
#[derive(Debug)]
pub struct Engine {
    store: Arc<dyn Store>,
    /// The same under the lease of the mapping that is worked on.
    fenced: Arc<dyn Store>,
    worker: Arc<Worker>,
    /// Held by the tick that is under way: one engine has one lease in force.
    ticking: futures::lock::Mutex<()>,
    clock: Arc<dyn Clock>,
    jitter: Arc<dyn Jitter>,
    bounds: Bounds,
    guard: Guard,
    schedule: Schedule,
    decisions: usize,
    bindings: BTreeMap<MappingId, Binding>,
    halted: AtomicBool,
    begun: Mutex<BTreeSet<MappingId>>,
    /// Mappings that this process has listed on both sides, with what that came to stored.
    listed: Mutex<BTreeSet<MappingId>>,
    lags: Lags,
    /// Until when mappings are left alone.
    rests: Mutex<BTreeMap<MappingId, DateTime<Utc>>>,
    /// When tasks in turn were last asked for their comments.
    turns: Mutex<BTreeMap<MappingId, DateTime<Utc>>>,
    recall: Recall,
}

impl Engine {
    /// An engine without mappings, with default bounds, guard and schedule, that works
    /// [alone](Company::Alone) on the store.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Self {
        let name = "engine";
        let (own, time) = (Arc::clone(&store), Arc::clone(&clock));
        let worker = Arc::new(Worker::new(own, time, name, Company::Alone));
        Self {
            store,
            fenced: worker.fenced(),
            worker,
            ticking: futures::lock::Mutex::default(),
            clock,
            jitter: Arc::new(FixedJitter(500)),
            bounds: Bounds::default(),
            guard: Guard::default(),
            schedule: Schedule::default(),
            decisions: 0,
            bindings: BTreeMap::new(),
            halted: AtomicBool::new(false),
            begun: Mutex::default(),
            listed: Mutex::default(),
            lags: Lags::default(),
            rests: Mutex::default(),
            turns: Mutex::default(),
            recall: Recall::default(),
        }
    }

    /// Adds a mapping.
    #[must_use]
    pub fn with_mapping(mut self, binding: Binding) -> Self {
        self.bindings.insert(binding.mapping.id.clone(), binding);
        self
    }

    /// Sets the bounds of time.
    #[must_use]
    pub fn with_bounds(mut self, bounds: Bounds) -> Self {
        self.worker.set_bounds(&bounds);
        self.bounds = bounds;
        self
    }

    /// Sets as which worker it works, on the same store. Adapters of its mappings send through
    /// [`Worker::guard`].
    #[must_use]
    pub fn with_worker(mut self, worker: Arc<Worker>) -> Self {
        worker.set_bounds(&self.bounds);
        self.fenced = worker.fenced();
        self.worker = worker;
        self
    }

    /// Sets the guard against mass changes.
    #[must_use]
    pub fn with_guard(mut self, guard: Guard) -> Self {
        self.guard = guard;
        self
    }

    /// Sets how often the engine looks by itself.
    #[must_use]
    pub fn with_schedule(mut self, schedule: Schedule) -> Self {
        self.schedule = schedule;
        self
    }

    /// Keeps so many of the newest decisions about each record with everything that they looked at,
    /// sealed like all content, so that [`State::replay`] can make them again. Default none: each
    /// takes about as much room as both bodies and their base.
    #[must_use]
    pub fn with_decisions(mut self, kept: usize) -> Self {
        self.decisions = kept;
        self
    }

    /// Sets the source of jitter.
    #[must_use]
    pub fn with_jitter(mut self, jitter: Arc<dyn Jitter>) -> Self {
        self.jitter = jitter;
        self
    }

    /// The store.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// The mappings.
    pub fn bindings(&self) -> impl Iterator<Item = &Binding> {
        self.bindings.values()
    }

    /// Makes a tick that is under way, and every later one, end as soon as it can: reads are given up,
    /// a write that was begun is finished and its outcome stored. Nothing is lost by it: what was not
    /// looked at is looked at by the next engine.
    pub fn halt(&self) {
        self.halted.store(true, Ordering::Relaxed);
    }

    /// Whether it was told to end.
    #[must_use]
    pub fn is_halted(&self) -> bool {
        self.halted.load(Ordering::Relaxed)
    }

    /// Takes a hint. It is durable when this returns; nothing is fetched. One whose delivery was
    /// taken before is a no-op. Receivers that have no engine use [`State::ingest`].
    ///
    /// # Errors
    ///
    /// As [`State::ingest`].
    pub async fn ingest(&self, event: ChangeEvent) -> Result<()> {
        // Whoever works on the mapping takes it from there.
        let state = State::new(&*self.store);
        state.ingest(&[event]).await.map(|_| ())
    }

    /// Does what is due, and says when to come back.
    ///
    /// # Errors
    ///
    /// Only when the store fails or an invariant does not hold. What goes wrong with a remote or a
    /// record is in the answer, and everything else went on.
    pub async fn tick(&self, budget: Budget) -> Result<Tick> {
        let _ticking = self.ticking.lock().await;
        let mut tick = Tick::default();
        // Asked once: a hint that names no mapping makes each of them look, whichever comes first.
        let hinted = self.hinted().await?;
        for binding in self.bindings.values() {
            if self.is_halted() {
                return Ok(tick);
            }
            let hinted = hinted.contains(&binding.mapping.id);
            let report = self.lease_mapping(binding, budget, hinted).await?;
            tick.add(report);
        }
        tick.more(self.now());
        Ok(tick)
    }

    /// What [`tick`](Self::tick) would do now. Writes nothing, neither remotely nor to the store.
    ///
    /// # Errors
    ///
    /// When the store or a remote fails.
    pub async fn plan(&self, full: bool) -> Result<Vec<RunPlan>> {
        let mut out = Vec::new();
        for binding in self.bindings.values() {
            let stored = self.state().mapping(&binding.mapping.id).await?;
            let mut bound = self.bind(binding, &stored.value).await?;
            let all = Self::looks_at_all(binding, &stored.value, full);
            let mut survey = self.survey(binding, &bound, all, true).await?;
            if !all {
                // Whoever looks wants to know also where nothing is missing.
                let known = &stored.value.doubts;
                survey.doubts = (self.doubts(binding, &survey.prepared, known, true)).await;
            }
            self.know_relatives(binding, &mut bound, &survey.prepared)
                .await?;
            out.push(self.decide(binding, &bound, survey).await?);
        }
        Ok(out)
    }

    /// Approves a plan that the guard stopped, by its hash, if the plan is still the same.
    ///
    /// # Errors
    ///
    /// [`Stale`](ErrorKind::Stale) when there is no such plan any more.
    pub async fn approve(&self, hash: &str) -> Result<()> {
        for id in self.bindings.keys() {
            let stored = self.state().mapping(id).await?;
            if stored
                .value
                .guarded
                .is_some_and(|guarded| guarded.to_string().starts_with(hash))
            {
                let mut next = MappingState::clone(&stored.value);
                next.approved = next.guarded;
                let mut batch = Batch::default();
                batch.mapping(id, &next, &stored)?;
                let plan = (next.guarded).map_or_else(String::new, |hash| hash.to_string());
                let summary = format!("the plan {plan} is approved");
                self.state()
                    .audit_mapping(
                        &mut batch,
                        self.now(),
                        Some(id),
                        AuditEvent::Decision,
                        summary,
                    )
                    .await?;
                self.rest(id, None);
                return self.state().commit(batch).await;
            }
        }
        Err(Error::new(ErrorKind::Stale, "approve a plan")
            .with("hash", hash)
            .message("no run waits for this approval")
            .remedy("run `notion-sync plan` and approve the hash it prints"))
    }

    pub(crate) fn state(&self) -> State<'_> {
        State::new(&*self.fenced).recalling(&self.recall)
    }

    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// Whether a hint makes a mapping look. One for a mapping that is not there any more is
    /// everybody's, so that it is not kept for ever.
    pub(crate) fn concerns(&self, hint: &ChangeEvent, mapping: &MappingId) -> bool {
        match &hint.mapping {
            Some(named) => named == mapping || !self.bindings.contains_key(named),
            None => true,
        }
    }

    /// Whether the next full listing compares the content of every pair.
    pub(crate) fn contents_due(&self, state: &MappingState) -> bool {
        let due = |at: DateTime<Utc>| at + self.schedule.contents <= self.now();
        state.contents_at.is_some_and(due)
    }

    /// Whether this is the first time that a mapping is looked at in this process.
    fn begins(&self, mapping: &MappingId) -> bool {
        let mut begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        begun.insert(mapping.clone())
    }

    /// This process has listed a mapping on both sides, and stored what that came to.
    fn remember_listed(&self, mapping: &MappingId) {
        let mut listed = self.listed.lock().unwrap_or_else(PoisonError::into_inner);
        listed.insert(mapping.clone());
    }

    /// Whether an operation that would make something waits until this process has listed both sides. The
    /// store may be a backup that was put back: what was made since shows only then.
    pub(in crate::engine) fn waits_for_a_look(&self, op: &Operation) -> bool {
        let listed = self.listed.lock().unwrap_or_else(PoisonError::into_inner);
        op.kind == WriteKind::UnnamedCreate
            && !op.state.is_unresolved()
            && !listed.contains(&op.mapping)
    }
}
