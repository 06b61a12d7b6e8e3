//! The engine: observes, decides, persists, executes. Owns no thread and never sleeps.
//!
//! A host calls [`Engine::tick`] and comes back at the moment the answer names: a cron job until it
//! is idle, a daemon for ever, a function once. Start-up is recovery: there is no shutdown that
//! correctness depends on.
//!
//! A tick goes through `observe` (both sides, what changed), `pairs` (what belongs together), `plan` (decisions
//! become operations) and `tell` (what is said beside the values); `write` saves that, sends it, and records what
//! came of it. `hand` is for people. [`Tick`] reports.

mod hand;
mod observe;
mod pairs;
mod plan;
mod report;
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
use self::write::lease::Taken;
use crate::audit::AuditEvent;
use crate::bounds::Bounds;
use crate::clock::Clock;
use crate::error::{Error, ErrorKind, Result};
use crate::event::ChangeEvent;
use crate::id::{MappingId, RecordId, Side};
use crate::mapping::{Guard, Mapping, People};
use crate::operation::{OpState, Operation};
use crate::remote::{Remote, WriteKind};
use crate::state::{Batch, MappingState, Recall, RecordState, SaveBody, State, Stored};
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

    async fn run_mapping(
        &self,
        binding: &Binding,
        budget: Budget,
        hinted: bool,
        taken: Taken,
    ) -> Result<MappingReport> {
        let id = &binding.mapping.id;
        let mut report = MappingReport::new(id.clone());
        let stored = self.state().mapping(id).await?;
        self.know_lags(binding, &stored.value);
        self.recover(binding, taken.sent_until, &mut report).await?;

        let reconfigured = !Self::reconfigured(binding, &stored.value).is_empty();
        let by_schedule = stored
            .value
            .polled_at
            .is_none_or(|at| at + self.schedule.poll <= self.now());
        // Also after a restart a plan that the guard stopped is not made again for each hint.
        let stopped = stored.value.guarded.is_some()
            && stored.value.approved != stored.value.guarded
            && !by_schedule;
        let rests = self.rests(id) || stopped;
        let poll_due = budget.poll_now || budget.full || (by_schedule && !rests);
        let looks_due = !self.state().due(id, self.now()).await?.is_empty();
        let full = budget.full
            || reconfigured
            || stored
                .value
                .swept_at
                .is_some_and(|at| at + self.schedule.sweep <= self.now());
        if poll_due || ((looks_due || hinted) && !rests) {
            let look = Box::pin(self.observe_and_plan(binding, full, poll_due, &mut report));
            match look.await {
                Ok(()) => {}
                Err(error)
                    if error.kind() == ErrorKind::Store || error.kind() == ErrorKind::Internal =>
                {
                    return Err(error);
                }
                // That it was told to end is no fault of the mapping.
                Err(_) if self.is_halted() => {}
                Err(error) => report.fail(&error),
            }
        }
        if self.is_halted() {
            return Ok(report);
        }
        match Box::pin(self.execute(binding, budget.operations, &mut report)).await {
            Ok(()) => {}
            // Somebody else moved a record or an operation on: what was sent is looked up later.
            Err(error) if error.kind() == ErrorKind::Stale => report.retry = true,
            Err(error) => return Err(error),
        }
        // Once at the start too: a process may have ended between a pair and what waits for it.
        if self.begins(id) || report.paired || taken.over {
            self.wake_waiting(binding, &mut report).await?;
        }
        self.finish(binding, &mut report).await?;
        Ok(report)
    }

    async fn observe_and_plan(
        &self,
        binding: &Binding,
        full: bool,
        poll: bool,
        report: &mut MappingReport,
    ) -> Result<()> {
        let id = &binding.mapping.id;
        self.begin_comments(binding).await?;
        let stored = self.state().mapping(id).await?;
        let mut bound = self.bind(binding, &stored.value).await?;
        for why in bound.blocked.values().chain(bound.idle.values()) {
            report.incidents.push(Incident {
                subject: format!("mapping {id}"),
                message: why.clone(),
                drift: false,
            });
        }
        let mut survey = self.survey(binding, &bound, full, poll).await?;
        for message in std::mem::take(&mut survey.alerts) {
            report.incidents.push(Incident {
                subject: format!("mapping {id}"),
                message,
                drift: false,
            });
        }
        self.were_sent(&survey.sent).await?;
        let overheard = std::mem::take(&mut survey.overheard);
        if let Some(told) = self.news_of_refusal(binding, &stored.value, &overheard) {
            report.incidents.push(told);
        }
        report.observed = survey.prepared.len();
        report.found.clone_from(&survey.found);
        let (cursors, ended) = (survey.cursors.clone(), survey.ended.clone());
        let complete = cursors.0.is_some() && cursors.1.is_some();
        let hints = if survey.waits.is_none() {
            survey.hints.clone()
        } else {
            Vec::new()
        };
        let (digest, contents) = (survey.digest, survey.contents);
        let deferred = std::mem::take(&mut survey.deferred);
        let (listed, ended_well) = (survey.listed, complete && survey.waits.is_none());
        let looked_at_all = full && ended_well;
        if let Some((until, why)) = survey.waits.take() {
            report.wait(until, why);
        }
        let strangers = bound.strangers(&survey.prepared);
        let doubts = self.doubted(&survey.doubts, &stored.value.doubts);
        for (side, doubt) in &doubts {
            if stored
                .value
                .doubts
                .get(side)
                .is_none_or(|known| known.why != doubt.why)
            {
                report.incidents.push(Incident {
                    subject: format!("mapping {id}"),
                    message: doubt.why.clone(),
                    drift: false,
                });
            }
            report.doubts.push(doubt.why.clone());
        }
        self.know_relatives(binding, &mut bound, &survey.prepared)
            .await?;
        let plan = self.decide(binding, &bound, survey).await?;
        if let Some(stop) = self.guarded(binding, &stored.value, &plan, full).await? {
            let mut next = MappingState::clone(&stored.value);
            next.guarded = Some(plan.hash);
            next.doubts = doubts;
            next.polled_at = Some(self.now());
            let mut batch = Batch::default();
            batch.mapping(id, &next, &stored)?;
            // Once for a plan, however often it is looked at.
            if stored.value.guarded != Some(plan.hash) {
                self.state()
                    .audit_mapping(&mut batch, self.now(), Some(id), AuditEvent::Guard, &stop)
                    .await?;
            }
            self.state().commit(batch).await?;
            report.guard = Some(stop);
            return Ok(());
        }
        // Somebody may just have added what is missing: the schemas are read once more.
        let lacks = (plan.records.iter())
            .any(|record| record.plan.holds.iter().any(|hold| hold.row.0 == 48));
        self.begin_files(binding, ended).await?;
        let persisted = self.persist(binding, &bound, plan, report).await?;
        if listed {
            self.remember_listed(id);
        }
        let deferred = self.defer(deferred).await?;
        let durable = persisted && deferred;

        // Only where everything listed is durable now may the cursors move.
        let stored = self.state().mapping(id).await?;
        let mut next = MappingState::clone(&stored.value);
        next.polled_at = Some(self.now());
        next.guarded = None;
        next.approved = None;
        next.doubts = doubts;
        self.keep_lags(binding, &mut next, report);
        // With what is written anyway: a quiet look costs no commit more. The first one is kept at the end.
        if ended_well && report.errors.is_empty() && next.last_success.is_some() {
            next.last_success = Some(self.now());
        }
        bound.remember(&mut next, self.now());
        if lacks {
            next.schema_at = Some(DateTime::UNIX_EPOCH);
        }
        self.remember_overheard(overheard, &mut next);
        if durable {
            // Each by itself: what one side says only once must not be forgotten because the other
            // could not be read.
            next.notion_cursor = cursors.0.or(next.notion_cursor);
            next.github_cursor = cursors.1.or(next.github_cursor);
            if next.github_cursor.is_some() {
                next.github_began = None;
            }
            if complete && (full || next.swept_at.is_none()) {
                // The first listing reads all of it.
                if next.contents_at.is_none() || (looked_at_all && contents) {
                    next.contents_at = Some(self.now());
                }
                next.swept_at = Some(self.now());
                next.swept = digest;
            }
            // A store of an older version knows none: what it holds is taken as made under this one.
            if looked_at_all || next.fingerprint.is_none() {
                next.fingerprint = Some(binding.fingerprint());
            }
        }
        let told =
            self.tell_strangers(binding, &bound, strangers, &mut next, &mut report.incidents);
        // Before it is remembered that people were told: told twice is better than never.
        for row in told {
            let Some(mut state) = self.state().record(&row.record).await? else {
                continue;
            };
            let mut batch = Batch::default();
            batch.record_with_audit(&mut state, SaveBody::No, vec![row])?;
            match self.state().commit(batch).await {
                Ok(()) => {}
                // Somebody else moved the record on: the whole poll is repeated.
                Err(error) if error.kind() == ErrorKind::Stale => {
                    report.retry = true;
                    return Ok(());
                }
                Err(error) => return Err(error),
            }
        }
        let mut batch = Batch::default();
        batch.mapping(id, &next, &stored)?;
        self.state().commit(batch).await?;
        report.complete = ended_well;
        let hints = self.tell_overlaps(hints, report).await?;
        for hints in hints.chunks(50) {
            let mut batch = Batch::default();
            for hint in hints {
                batch.seen(hint, self.now())?;
            }
            match self.state().commit(batch).await {
                Ok(()) => report.hints += hints.len(),
                // Somebody else answered one of them at the same time.
                Err(error) if error.kind() == ErrorKind::Stale => report.retry = true,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Looks at records later. Says whether all of them will be.
    async fn defer(&self, deferred: Vec<(RecordState, DateTime<Utc>)>) -> Result<bool> {
        let mut durable = true;
        for (mut state, at) in deferred {
            state.record.look_at = Some(at);
            let mut batch = Batch::default();
            batch.record(&state, SaveBody::No)?;
            match self.state().commit(batch).await {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::Stale => durable = false,
                Err(error) => return Err(error),
            }
        }
        Ok(durable)
    }

    /// When each record's queue goes on. What waits for a person is not waited for.
    fn operations_due(&self, open: &[Stored<Operation>]) -> Vec<DateTime<Utc>> {
        let mut heads: BTreeMap<&RecordId, &Operation> = BTreeMap::new();
        for op in open.iter().map(|stored| &stored.value) {
            // A copy of a comment that waits for a person holds up nothing.
            if tell::comments::is_parked(op) {
                continue;
            }
            let head = heads.entry(&op.record).or_insert(op);
            // An unresolved operation holds up everything else of its record.
            let first = (!op.state.is_unresolved(), op.sequence);
            if first < (!head.state.is_unresolved(), head.sequence) {
                *head = op;
            }
        }
        heads
            .into_values()
            .filter(|op| op.state != OpState::Blocked)
            .map(|op| {
                let now = self.now();
                let at = op.not_before.unwrap_or(now);
                match self.waits_for_a_look(op) {
                    true => at.max(now + self.schedule.poll),
                    false => at,
                }
            })
            .collect()
    }

    async fn finish(&self, binding: &Binding, report: &mut MappingReport) -> Result<()> {
        let id = &binding.mapping.id;
        let stored = self.state().mapping(id).await?;
        let mut due: Vec<DateTime<Utc>> = stored
            .value
            .polled_at
            .map(|at| at + self.schedule.poll)
            .into_iter()
            .collect();
        let open = self.state().open_operations(id).await?;
        report.blocked = open
            .iter()
            .filter(|op| op.value.state == OpState::Blocked)
            .count();
        report.open_operations = open.len();
        report.conflicts = self.state().with_conflict(id).await?.len();
        let mut work: Vec<DateTime<Utc>> = self.state().next_look(id).await?.into_iter().collect();
        if !report.errors.is_empty() || report.guard.is_some() {
            // What could not be looked at now is not looked at again at once.
            let later = self.now() + self.schedule.poll;
            due = vec![later];
            for at in &mut work {
                *at = (*at).max(later);
            }
            self.rest(id, Some(later));
        }
        work.extend(self.operations_due(&open));
        due.extend(work.iter().copied());
        // While a remote asks to wait, nothing is due that would only ask it again.
        let after_wait = |at: Option<DateTime<Utc>>| match (at, report.waits_until) {
            (Some(at), Some(wait)) => Some(at.max(wait)),
            (at, wait) => at.or(wait),
        };
        report.settle_due = after_wait(work.into_iter().min());
        report.next_due = after_wait(due.into_iter().min());
        let error = report.errors.first().cloned();
        let success = error.is_none() && report.complete;
        if stored.value.last_error != error || (success && stored.value.last_success.is_none()) {
            let mut next = MappingState::clone(&stored.value);
            next.last_error = error;
            if success {
                next.last_success = Some(self.now());
            }
            let mut batch = Batch::default();
            batch.mapping(id, &next, &stored)?;
            self.state().commit(batch).await?;
        }
        Ok(())
    }
}
