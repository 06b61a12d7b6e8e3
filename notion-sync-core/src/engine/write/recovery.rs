//! Writes whose outcome nobody knows: those of a process that ended, and those without an answer. Each waits until it
//! cannot take effect any more; then the service is asked what became of it.

use std::collections::BTreeMap;

use chrono::{DateTime, Duration, Utc};
use tracing::Instrument as _;

use crate::engine::observe::bind::Bound;
use crate::engine::report::{Incident, MappingReport};
use crate::engine::tell::bookkeeping::Waiting;
use crate::engine::write::execute::{begun, span};
use crate::engine::{Binding, Engine};
use crate::error::{Error, ErrorKind, Result, Retry};
use crate::id::OpId;
use crate::operation::{MAX_ATTEMPTS, OpState, Operation, asking_pause, group_id};
use crate::remote::{Action, Trace, Write, WriteKind};
use crate::state::{Batch, Stored};

/// Changes of one transaction in which operations are taken over from a process that died. A store takes
/// 100, and the lease adds its own.
const TAKEN_OVER: usize = 80;

/// For so long it may be a whole side that shows nothing, and not the object alone.
const PASSES: Duration = Duration::hours(1);

/// Why a write is given up that something else takes the place of.
const OVERTAKEN: &str = "nothing of it is there, and something else is wanted by now";

impl Engine {
    /// Operations that were being sent when the process ended have an unknown outcome. `sent_until`
    /// is up to when whoever sent them may have gone on.
    pub(in crate::engine) async fn recover(
        &self,
        binding: &Binding,
        sent_until: Option<DateTime<Utc>>,
        report: &mut MappingReport,
    ) -> Result<()> {
        // Many in one transaction: each waits for the disk.
        let mut unknown = Batch::default();
        for stored in self.state().open_operations(&binding.mapping.id).await? {
            if stored.value.state != OpState::Sending {
                continue;
            }
            let mut op = stored.value.clone();
            let lost_at = op.intent_at.unwrap_or(op.created_at);
            op.lost += 1;
            op.lost_since = op.lost_since.or(Some(lost_at));
            let sent_until = sent_until.unwrap_or_else(|| self.now());
            self.lost(&mut op, sent_until);
            op.not_before = Some(self.quiet_until(&op, sent_until));
            if op.lost > self.bounds.poison_after {
                // A process that got something else done meanwhile dies of something else.
                let since = op.lost_since.unwrap_or(lost_at);
                if self.state().applied_since(since).await? {
                    op.lost = 1;
                    op.lost_since = Some(lost_at);
                } else {
                    op.state = OpState::Dead;
                    op.error = Some("the process ended, again and again".to_owned());
                    report.dead += 1;
                }
            }
            let mut batch = Batch::default();
            batch.operation(&op, Some(&stored))?;
            batch.attempt(&self.ended(&op, "unknown"))?;
            if op.state == OpState::Unknown {
                if !unknown.is_empty() && unknown.len() + batch.len() > TAKEN_OVER {
                    self.state().commit(std::mem::take(&mut unknown)).await?;
                }
                unknown.absorb(batch);
                continue;
            }
            let error = Error::new(ErrorKind::Unavailable, "send a write")
                .message("the process ended while this was being sent, again and again")
                .remedy("look what it does to the process, then `notion-sync dead-letter retry`");
            self.after_failure(binding, None, &op, &error, batch)
                .await?;
        }
        if unknown.is_empty() {
            return Ok(());
        }
        self.state().commit(unknown).await
    }

    /// Objects are there that carry the marks of operations which were never sent, as far as the store
    /// knows: an engine sent them after the store was backed up. Their outcome is looked for.
    pub(in crate::engine) async fn were_sent(&self, ops: &[OpId]) -> Result<()> {
        let now = self.now();
        for id in ops {
            let Some(stored) = self.state().operation(id).await? else {
                continue;
            };
            if stored.value.state.is_final() || stored.value.attempts > 0 {
                continue;
            }
            let mut op = stored.value.clone();
            op.state = OpState::Unknown;
            op.attempts = 1;
            op.intent_at = Some(now);
            op.not_before = None;
            op.group = vec![op.id.clone()];
            op.write.group = group_id(&op.group);
            let mut batch = Batch::default();
            batch.operation(&op, Some(&stored))?;
            batch.attempt(&begun(&op, now))?;
            match self.state().commit(batch).await {
                // Somebody else moved it on.
                Err(error) if error.kind() == ErrorKind::Stale => {}
                done => done?,
            }
        }
        Ok(())
    }

    /// Until when a request that has no answer may take effect. A write may take several requests, so the
    /// last of them counts where it came later than the intent and a pause.
    fn lands_until(&self, op: &Operation, sent_until: DateTime<Utc>) -> DateTime<Utc> {
        let intent = op.intent_at.unwrap_or(op.created_at);
        let seconds = |n: u32| Duration::seconds(i64::from(n));
        (intent + seconds(self.bounds.pause)).max(sent_until) + seconds(self.bounds.late_commit)
    }

    /// Its outcome is unknown.
    pub(super) fn lost(&self, op: &mut Operation, sent_until: DateTime<Utc>) {
        op.state = OpState::Unknown;
        op.may_land_until = op
            .may_land_until
            .max(Some(self.lands_until(op, sent_until)));
    }

    /// When the outcome of an operation can be looked for.
    pub(super) fn quiet_until(&self, op: &Operation, sent_until: DateTime<Utc>) -> DateTime<Utc> {
        let intent = op.intent_at.unwrap_or(op.created_at);
        let seconds = |n: u32| Duration::seconds(i64::from(n));
        let last = self.lands_until(op, sent_until);
        match op.kind {
            // Sending again is harmless, and so is looking at once.
            WriteKind::StrongCas | WriteKind::NamedCreate => intent,
            WriteKind::Set | WriteKind::WeakCas | WriteKind::Append => last,
            WriteKind::UnnamedCreate => last + seconds(self.visibility(&op.mapping, op.side)),
        }
    }

    /// Looks for the outcome of writes whose quiet period is over. Whether any was found out.
    pub(super) async fn resolve(
        &self,
        binding: &Binding,
        bound: &Bound,
        open: &[Stored<Operation>],
        report: &mut MappingReport,
    ) -> Result<bool> {
        let now = self.now();
        let mut groups: BTreeMap<OpId, Vec<&Stored<Operation>>> = BTreeMap::new();
        for op in open {
            if op.value.state == OpState::Unknown && op.value.not_before.is_none_or(|at| at <= now)
            {
                groups
                    .entry(op.value.write.group.clone())
                    .or_default()
                    .push(op);
            }
        }
        let mut any = false;
        let waiting = Waiting::of(open);
        for members in groups.into_values() {
            let side = members[0].value.side;
            let sent_at = members
                .iter()
                .filter_map(|op| op.value.intent_at)
                .min()
                .unwrap_or(now);
            let writes: Vec<Write> = members.iter().map(|op| op.value.write.clone()).collect();
            let traces = binding.remote(side).trace(&writes, sent_at);
            let traces = match traces.instrument(span(&writes)).await {
                Ok(traces) => traces,
                Err(error) if error.kind().is_lasting() && now - sent_at > PASSES => {
                    members.iter().map(|_| Trace::Unclear).collect()
                }
                Err(error) => {
                    for op in &members {
                        self.ask_later(op, &error).await?;
                    }
                    report.retry = true;
                    continue;
                }
            };
            any = true;
            for (op, trace) in members.iter().zip(traces) {
                match trace {
                    Trace::Applied(ack) => {
                        self.applied(binding, bound, &op.value, ack, true, &waiting, report)
                            .await?;
                    }
                    // What is not wanted any more is there for people all the same.
                    Trace::Unfinished(ack) if op.value.overtaken => {
                        self.applied(binding, bound, &op.value, ack, true, &waiting, report)
                            .await?;
                    }
                    Trace::NotApplied if op.value.overtaken => {
                        self.take_back(op, OVERTAKEN).await?
                    }
                    Trace::NotApplied | Trace::Unfinished(_) => {
                        self.not_applied(binding, bound, op, report).await?;
                    }
                    Trace::Partly(shown) => {
                        self.partly(binding, bound, op, &shown).await?;
                        report.retry = true;
                    }
                    Trace::Unclear => match &op.value.write.action {
                        Action::Effect(_) => self.effect_unclear(op, report).await?,
                        _ => self.unclear(op).await?,
                    },
                }
            }
        }
        Ok(any)
    }

    /// The service could not be asked.
    async fn ask_later(&self, op: &Stored<Operation>, error: &Error) -> Result<()> {
        let now = self.now();
        let mut next = op.value.clone();
        next.error = Some(error.to_string());
        next.not_before = Some(match error.retry() {
            Retry::NotBefore(at) => at,
            _ => {
                let waited = now - next.intent_at.unwrap_or(next.created_at);
                now + asking_pause(next.attempts, waited, self.jitter.next())
            }
        });
        self.save_operation(&next, op, None).await
    }

    /// It had no effect, or not all of it, and is sent again; not for ever.
    async fn not_applied(
        &self,
        binding: &Binding,
        bound: &Bound,
        op: &Stored<Operation>,
        report: &mut MappingReport,
    ) -> Result<()> {
        let mut next = op.value.clone();
        next.state = OpState::Planned;
        next.not_before = None;
        if next.attempts >= MAX_ATTEMPTS {
            next.state = OpState::Dead;
            report.dead += 1;
        }
        let mut batch = Batch::default();
        batch.operation(&next, Some(op))?;
        batch.attempt(&self.ended(&next, "not applied"))?;
        if next.state == OpState::Planned {
            return self.state().commit(batch).await;
        }
        let error = Error::new(ErrorKind::Unavailable, "send a write")
            .message("no answer, again and again");
        report.incidents.push(Incident {
            subject: self.subject(&next.record).await?,
            message: format!("{}: {error}", next.label),
            drift: false,
        });
        self.after_failure(binding, Some(bound), &next, &error, batch)
            .await
    }

    /// Nobody can tell what came of it.
    async fn unclear(&self, op: &Stored<Operation>) -> Result<()> {
        let mut next = op.value.clone();
        next.state = OpState::Void;
        next.error = Some(
            "nobody can tell whether it was applied: both sides are compared without a base"
                .to_owned(),
        );
        let mut batch = Batch::default();
        batch.operation(&next, Some(op))?;
        batch.attempt(&self.ended(&next, "void"))?;
        self.forget_base(&next, batch).await
    }
}
