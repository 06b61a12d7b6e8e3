//! What a write that failed changes in the record, in one transaction.

use std::collections::BTreeMap;

use crate::audit::AuditEvent;
use crate::engine::observe::bind::Bound;
use crate::engine::plan::proposal::refresh_pause;
use crate::engine::tell::comments::is_parked;
use crate::engine::write::exchange;
use crate::engine::write::execute::not_opened;
use crate::engine::{Binding, Engine};
use crate::error::{Error, Result};
use crate::operation::{OpState, Operation};
use crate::record::{Problem, ProposalState};
use crate::remote::Action;
use crate::state::{Batch, SaveBody};

impl Engine {
    /// After a write failed: saves `batch`, which holds the operation's new state, together with what
    /// that means for the record, which is looked at again or says what is wrong.
    ///
    /// In one transaction: a process that ended between the two would leave an edit that nobody
    /// looks at any more. Without `bound` the page says what is wrong once it is looked at again.
    pub(in crate::engine) async fn after_failure(
        &self,
        binding: &Binding,
        bound: Option<&Bound>,
        op: &Operation,
        error: &Error,
        mut batch: Batch,
    ) -> Result<()> {
        if op.state == OpState::Retry || op.state == OpState::Unknown {
            return self.state().commit(batch).await;
        }
        let Some(mut state) = self.state().record(&op.record).await? else {
            return self.state().commit(batch).await;
        };
        let mut audit = Vec::new();
        if is_parked(op) {
            // The task itself is fine: nothing is said on the page.
            if op.attempts <= 1 {
                let message = format!("{}: {error}", op.label);
                let event = AuditEvent::Blocked;
                audit.push(self.audit_row(&state.record, op, event, &message, &BTreeMap::new()));
                batch.record_with_audit(&mut state, SaveBody::No, audit)?;
            }
            return self.state().commit(batch).await;
        }
        if matches!(op.write.action, Action::Effect(_)) {
            self.effect_failed(op, &error.to_string(), &mut state.record);
        }
        if op.state == OpState::Dead {
            not_opened(op, &mut state.record);
        }
        match op.state {
            OpState::Void => {
                let mut pause = chrono::Duration::zero();
                if let (Action::Propose(propose), Some(known)) =
                    (&op.write.action, &state.record.proposal)
                    && known.branch == propose.branch
                {
                    if known.state == ProposalState::Planned {
                        // It was never opened; it is planned again from a fresher look.
                        state.record.proposal = None;
                    } else {
                        // Somebody else's commit is on the branch: it is not rewritten.
                        pause = refresh_pause();
                    }
                }
                state.record.look_at = Some(self.now() + pause);
                audit.push(self.audit_row(
                    &state.record,
                    op,
                    AuditEvent::Voided,
                    &format!("{}: {error}", op.label),
                    &exchange::attempted(op),
                ));
            }
            OpState::Blocked | OpState::Dead => {
                let message = format!("{}: {error}", op.label);
                let known = state
                    .record
                    .problem
                    .as_ref()
                    .is_some_and(|p| p.message == message);
                if known {
                    return self.state().commit(batch).await;
                }
                let event = if op.state == OpState::Dead {
                    AuditEvent::Dead
                } else {
                    AuditEvent::Blocked
                };
                audit.push(self.audit_row(
                    &state.record,
                    op,
                    event,
                    &message,
                    &exchange::attempted(op),
                ));
                state.record.problem = Some(Problem {
                    message,
                    drift: false,
                    since: self.now(),
                });
                let is_bookkeeping = matches!(op.write.action, Action::Bookkeep { .. });
                if !is_bookkeeping && op.state == OpState::Dead {
                    match bound {
                        Some(bound) => {
                            self.plan_bookkeeping(binding, bound, &mut state, &[], &mut batch)
                                .await?;
                        }
                        None => state.record.look_at = Some(self.now()),
                    }
                }
            }
            _ => {}
        }
        batch.record_with_audit(&mut state, SaveBody::No, audit)?;
        self.state().commit(batch).await
    }
}
