//! Sends operations: intent first, then the request, then the outcome.

use std::collections::BTreeMap;

use chrono::{DateTime, Duration, Utc};
use tracing::Instrument as _;

use crate::audit::AuditEvent;
use crate::engine::observe::bind::Bound;
use crate::engine::report::{Incident, MappingReport};
use crate::engine::tell::bookkeeping::Waiting;
use crate::engine::tell::comments;
use crate::engine::write::exchange;
use crate::engine::{Binding, Engine};
use crate::error::{Error, ErrorKind, Result, Retry};
use crate::id::{OpId, RecordId, Side};
use crate::operation::{
    Attempt, MAX_ATTEMPTS, OpState, Operation, backoff, group_id, nothing_desired,
};
use crate::record::{Proposal, ProposalState, Record};
use crate::remote::{Action, ProposalKind, Write};
use crate::state::{Batch, SaveBody, Stored};

/// Changes per transaction while intents are written, with room for one large operation.
const INTENT_CHANGES: usize = 60;

/// Most operations sent in one group.
const GROUP: usize = 200;

impl Engine {
    /// Sends what can be sent until nothing can or the budget is used up.
    pub(in crate::engine) async fn execute(
        &self,
        binding: &Binding,
        mut budget: usize,
        report: &mut MappingReport,
    ) -> Result<()> {
        loop {
            let open = self.state().open_operations(&binding.mapping.id).await?;
            if open.is_empty() {
                return Ok(());
            }
            // Read once for many outcomes: it holds every page of the mapping.
            let mapping_state = self.state().mapping(&binding.mapping.id).await?.value;
            let bound = match self.bind(binding, &mapping_state).await {
                Ok(bound) => bound,
                Err(error) if error.kind() == ErrorKind::Store => return Err(error),
                Err(error) => {
                    report.fail(&error);
                    return Ok(());
                }
            };
            let resolved = self.resolve(binding, &bound, &open, report).await?;
            let open = if resolved {
                self.state().open_operations(&binding.mapping.id).await?
            } else {
                open
            };
            let waiting = Waiting::of(&open);
            let groups = self.runnable(binding, open).await?;
            if groups.is_empty() && !resolved {
                return Ok(());
            }
            for group in groups {
                if budget < group.len() && budget == 0 {
                    return Ok(());
                }
                budget = budget.saturating_sub(group.len());
                // Asked each time: whoever freezes it does not want to wait for a long tick.
                if let Some(why) = self.frozen(&binding.mapping.id).await? {
                    report.frozen = Some(why);
                    return Ok(());
                }
                self.send(binding, &bound, group, &waiting, report).await?;
            }
        }
    }

    /// The heads of all queues that may be sent now, in groups.
    async fn runnable(
        &self,
        binding: &Binding,
        open: Vec<Stored<Operation>>,
    ) -> Result<Vec<Vec<Stored<Operation>>>> {
        let now = self.now();
        let mut heads: BTreeMap<RecordId, Stored<Operation>> = BTreeMap::new();
        let mut blocked: BTreeMap<RecordId, bool> = BTreeMap::new();
        for op in open {
            let record = op.value.record.clone();
            if op.value.state.is_unresolved() {
                blocked.insert(record, true);
            } else if comments::is_parked(&op.value)
                && op.value.not_before.is_some_and(|at| at > now)
            {
                // It waits for a person, and nothing else waits for it.
            } else if heads
                .get(&record)
                .is_none_or(|head| op.value.sequence < head.value.sequence)
            {
                heads.insert(record, op);
            }
        }
        let mut alone = Vec::new();
        let mut groups: BTreeMap<(Side, String), Vec<Stored<Operation>>> = BTreeMap::new();
        for (record, head) in heads {
            if blocked.contains_key(&record) || head.value.not_before.is_some_and(|at| at > now) {
                continue;
            }
            if self.waits_for_a_look(&head.value) {
                continue;
            }
            if let Some(after) = &head.value.after {
                match self.state().operation(after).await? {
                    Some(before) if before.value.state == OpState::Done => {}
                    Some(before) if before.value.state.is_final() => {
                        const WHY: &str = "an operation it depends on was not carried out";
                        self.take_back(&head, WHY).await?;
                        continue;
                    }
                    Some(_) => continue,
                    None => {}
                }
            }
            match binding
                .remote(head.value.side)
                .group(&head.value.write.action)
            {
                Some(key) => groups.entry((head.value.side, key)).or_default().push(head),
                None => alone.push(vec![head]),
            }
        }
        let mut out: Vec<Vec<Stored<Operation>>> = Vec::new();
        for members in groups.into_values() {
            let mut members = members.into_iter().peekable();
            while members.peek().is_some() {
                out.push(members.by_ref().take(GROUP).collect());
            }
        }
        out.extend(alone);
        Ok(out)
    }

    /// It will not be sent, or not once more, with a row that says why.
    pub(super) async fn take_back(&self, stored: &Stored<Operation>, why: &str) -> Result<()> {
        let mut op = stored.value.clone();
        op.state = OpState::Void;
        op.error = Some(why.to_owned());
        let mut batch = Batch::default();
        batch.operation(&op, Some(stored))?;
        if let Some(mut state) = self.state().record(&op.record).await? {
            not_opened(&op, &mut state.record);
            if matches!(op.write.action, Action::Effect(_)) {
                self.effect_failed(&op, why, &mut state.record);
                state.record.look_at = Some(self.now());
            }
            let said = format!("{}: {why}", op.label);
            let details = exchange::attempted(&op);
            let row = self.audit_row(&state.record, &op, AuditEvent::Voided, &said, &details);
            batch.record_with_audit(&mut state, SaveBody::No, vec![row])?;
        }
        self.state().commit(batch).await
    }

    /// T5, the request, T6.
    async fn send(
        &self,
        binding: &Binding,
        bound: &Bound,
        group: Vec<Stored<Operation>>,
        waiting: &Waiting,
        report: &mut MappingReport,
    ) -> Result<()> {
        let now = self.now();
        let members: Vec<OpId> = group.iter().map(|op| op.value.id.clone()).collect();
        let group_name = group_id(&members);
        let side = match group.first() {
            Some(first) => first.value.side,
            None => return Ok(()),
        };
        let mut batch = Batch::default();
        let mut sent: Vec<Operation> = Vec::new();
        for stored in &group {
            let mut op = stored.value.clone();
            op.state = OpState::Sending;
            op.attempts += 1;
            op.intent_at = Some(now);
            op.not_before = None;
            op.group.clone_from(&members);
            op.write.group = group_name.clone();
            let mut one = Batch::default();
            one.operation(&op, Some(stored))?;
            one.attempt(&begun(&op, now))?;
            if !batch.is_empty() && batch.len() + one.len() > INTENT_CHANGES {
                self.state().commit(std::mem::take(&mut batch)).await?;
            }
            batch.absorb(one);
            sent.push(op);
        }
        self.state().commit(batch).await?;
        if !self.may_send(now).await? {
            for op in &sent {
                self.not_sent(op).await?;
            }
            report.retry = true;
            return Ok(());
        }

        let writes: Vec<Write> = sent.iter().map(|op| op.write.clone()).collect();
        let answers = binding.remote(side).write(&writes);
        let answers = answers.instrument(span(&writes)).await;
        let mut answers = answers.into_iter();
        for op in &sent {
            let answer = answers.next().unwrap_or_else(|| {
                Err(Error::new(ErrorKind::Unavailable, "send a write")
                    .message("the adapter gave no answer"))
            });
            match answer {
                Ok(ack) => {
                    self.applied(binding, bound, op, ack, false, waiting, report)
                        .await?;
                }
                Err(error) => self.failed(binding, bound, op, &error, report).await?,
            }
        }
        Ok(())
    }

    /// The send gate: whoever takes the operation over counts on it that nothing is sent later than a
    /// pause after its intent. Half of that is left for what comes between here and the socket.
    async fn may_send(&self, intent_at: DateTime<Utc>) -> Result<bool> {
        self.worker.keep().await?;
        let half = Duration::seconds(i64::from(self.bounds.pause)) / 2;
        Ok(self.now() - intent_at <= half)
    }

    /// Takes the intent of an operation back that was surely not sent.
    async fn not_sent(&self, op: &Operation) -> Result<()> {
        let Some(stored) = self.state().operation(&op.id).await? else {
            return Ok(());
        };
        let mut next = stored.value.clone();
        next.error = Some("too much time passed before it could be sent".to_owned());
        let mut batch = Batch::default();
        batch.attempt(&self.ended(&next, "not sent"))?;
        next.attempts = next.attempts.saturating_sub(1);
        next.state = OpState::Planned;
        // Whatever was slow may be so for a while.
        next.not_before = Some(self.now() + Duration::seconds(1));
        batch.operation(&next, Some(&stored))?;
        self.state().commit(batch).await
    }

    /// Records that a write was not applied, or that nobody knows.
    async fn failed(
        &self,
        binding: &Binding,
        bound: &Bound,
        op: &Operation,
        error: &Error,
        report: &mut MappingReport,
    ) -> Result<()> {
        let Some(stored) = self.state().operation(&op.id).await? else {
            return Ok(());
        };
        let mut next = stored.value.clone();
        next.error = Some(error.to_string());
        let later = |delay: Duration| Some(self.now() + delay);
        let outcome = match error.kind() {
            ErrorKind::RateLimited => {
                // The service asked to wait: that is not a failed attempt.
                next.attempts = next.attempts.saturating_sub(1);
                next.state = OpState::Retry;
                "retry"
            }
            ErrorKind::NotApplied => {
                next.state = OpState::Retry;
                "retry"
            }
            ErrorKind::Unavailable => {
                self.lost(&mut next, self.now());
                "unknown"
            }
            // What is gone for good does not come back by looking again: planned afresh it would be
            // sent, and voided, for ever.
            ErrorKind::NotFound | ErrorKind::Gone
                if matches!(op.write.action, Action::Restore { .. }) =>
            {
                next.state = OpState::Dead;
                "fatal"
            }
            ErrorKind::Stale | ErrorKind::NotFound | ErrorKind::Gone => {
                next.state = OpState::Void;
                "void"
            }
            ErrorKind::Unauthorized
            | ErrorKind::Forbidden
            | ErrorKind::Blocked
            | ErrorKind::AlreadyExists
            | ErrorKind::Configuration => {
                next.state = OpState::Blocked;
                next.not_before = later(Duration::seconds(i64::from(self.bounds.hold)));
                "blocked"
            }
            _ => {
                next.state = OpState::Dead;
                "fatal"
            }
        };
        match (next.state, error.retry()) {
            // A service that does not answer is not asked again at once, harmless as it may be.
            (OpState::Unknown, _) => {
                let pause = self.now() + backoff(next.attempts, self.jitter.next());
                next.not_before = Some(self.quiet_until(&next, self.now()).max(pause));
            }
            (OpState::Retry, Retry::NotBefore(at)) => next.not_before = Some(at),
            (OpState::Retry, _) => {
                next.not_before = later(backoff(next.attempts, self.jitter.next()));
            }
            _ => {}
        }
        if next.state == OpState::Retry && next.attempts >= MAX_ATTEMPTS {
            next.state = OpState::Dead;
        }
        // An earlier request of it may still take effect: until then nothing may be decided on top of it.
        if matches!(next.state, OpState::Retry | OpState::Blocked) && next.is_unsettled(self.now())
        {
            next.state = OpState::Unknown;
            next.not_before = next.not_before.max(next.may_land_until);
        }
        let told = self.is_told(&stored.value, &next).await?;
        if matches!(error.kind(), ErrorKind::Unauthorized | ErrorKind::Forbidden) && !told {
            report.refused = true;
        }
        if next.state == OpState::Dead {
            report.dead += 1;
        }
        if matches!(next.state, OpState::Dead | OpState::Blocked) && !told {
            report.incidents.push(Incident {
                subject: self.subject(&op.record).await?,
                message: format!("{}: {error}", op.label),
                drift: false,
            });
        }
        if matches!(
            next.state,
            OpState::Retry | OpState::Unknown | OpState::Void
        ) {
            report.retry = true;
        }
        let mut batch = Batch::default();
        batch.operation(&next, Some(&stored))?;
        batch.attempt(&self.ended(&next, outcome))?;
        self.after_failure(binding, Some(bound), &next, error, batch)
            .await
    }

    /// Saves an operation, and completes its last attempt with an outcome.
    pub(in crate::engine) async fn save_operation(
        &self,
        op: &Operation,
        stored: &Stored<Operation>,
        outcome: Option<&str>,
    ) -> Result<()> {
        let mut batch = Batch::default();
        batch.operation(op, Some(stored))?;
        if let Some(outcome) = outcome {
            batch.attempt(&self.ended(op, outcome))?;
        }
        self.state().commit(batch).await
    }

    /// The last attempt of an operation, ended now.
    pub(in crate::engine) fn ended(&self, op: &Operation, outcome: &str) -> Attempt {
        Attempt {
            op: op.id.clone(),
            number: op.attempts,
            group: op.write.group.clone(),
            started_at: op.intent_at.unwrap_or(op.created_at),
            ended_at: Some(self.now()),
            outcome: Some(outcome.to_owned()),
            error: op.error.clone(),
        }
    }
}

/// Of a proposal that was not opened nothing is left but perhaps its branch, which the next one of a pair goes on
/// with; the same may be wanted again.
pub(super) fn not_opened(op: &Operation, record: &mut Record) {
    let opened_by = |known: &&mut Proposal| {
        known.state == ProposalState::Planned
            && matches!(&op.write.action, Action::Propose(p) if p.branch == known.branch)
    };
    if let Some(known) = record.proposal.as_mut().filter(opened_by) {
        match known.kind {
            ProposalKind::Edit | ProposalKind::Conflict => known.value = nothing_desired(),
            ProposalKind::Create | ProposalKind::Delete => record.proposal = None,
        }
    }
}

/// The attempt of an operation that begins now.
pub(super) fn begun(op: &Operation, now: DateTime<Utc>) -> Attempt {
    Attempt {
        op: op.id.clone(),
        number: op.attempts,
        group: op.write.group.clone(),
        started_at: now,
        ended_at: None,
        outcome: None,
        error: None,
    }
}

/// Whoever logs requests knows by it which writes they belong to.
pub(super) fn span(writes: &[Write]) -> tracing::Span {
    let first = writes.first();
    tracing::debug_span!(
        target: "notion_sync::call",
        "run",
        sync_run_id = first.map(|write| tracing::field::display(&write.run)),
        operation = first.map(|write| tracing::field::display(&write.op)),
        together = writes.len(),
    )
}
