//! One round over a mapping: look, decide, store that, carry it out, and say when to come back.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::report::{Incident, MappingReport};
use super::write::lease::Taken;
use super::{Binding, Budget, Engine, tell};
use crate::audit::AuditEvent;
use crate::engine::observe::hints::names_comment;
use crate::error::{ErrorKind, Result};
use crate::id::RecordId;
use crate::operation::{OpState, Operation};
use crate::state::{Batch, MappingState, RecordState, SaveBody, Stored};

impl Engine {
    /// Looks where that is due, carries out what can be, and says when to come back.
    pub(in crate::engine) async fn run_mapping(
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
            .is_none_or(|at| at + self.schedule.poll <= self.now() || at > self.now());
        // Also after a restart a plan that the guard stopped is not made again for each hint.
        let stopped = stored.value.awaits_approval().is_some() && !by_schedule;
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
        let outdated = (survey.prepared.iter())
            .flat_map(|one| [&one.notion, &one.github])
            .flatten()
            .any(|view| view.outdated);
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
        // Somebody may just have added what is missing: the schemas are read once more. Until it is known to be there,
        // nobody sees what people write in it.
        let lacks = !(bound.blocked.is_empty() && bound.idle.is_empty())
            || (plan.records.iter())
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
        // What a changed schema brought to light would not be seen once more.
        if durable || !bound.is_other_schema(&stored.value) {
            bound.remember(&mut next, self.now());
        }
        if lacks || outdated {
            next.schema_at = Some(DateTime::UNIX_EPOCH);
        }
        if outdated {
            // What comes then is another one in any case: everything is listed.
            next.notion_schema = Arc::default();
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
        let mut hints = hints;
        if !persisted {
            hints.retain(|hint| !names_comment(&hint.value));
        }
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

    /// What is left of a mapping after a round, and when it goes on.
    pub(in crate::engine) async fn finish(
        &self,
        binding: &Binding,
        report: &mut MappingReport,
    ) -> Result<()> {
        let id = &binding.mapping.id;
        let stored = self.state().mapping(id).await?;
        let mut due: Vec<DateTime<Utc>> = stored
            .value
            .polled_at
            // A clock that was ahead is waited for no longer than for a poll.
            .map(|at| at.min(self.now()) + self.schedule.poll)
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
            self.rest(id, Some(self.now() + self.schedule.poll));
        }
        // Nor in the rounds until then, which do not look and so meet with no error.
        let stopped = stored.value.awaits_approval().is_some();
        let by_schedule = due
            .first()
            .copied()
            .filter(|at| stopped && *at > self.now());
        if let Some(later) = self.rests_until(id).or(by_schedule) {
            due = vec![later];
            for at in &mut work {
                *at = (*at).max(later);
            }
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
