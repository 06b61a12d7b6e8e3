//! How steps of rules end: what the outcome of their operation makes of them.

use crate::audit::AuditEvent;
use crate::engine::observe::bind::Bound;
use crate::engine::plan::rules::hear;
use crate::engine::report::{Incident, MappingReport};
use crate::engine::write::exchange;
use crate::engine::{Binding, Engine};
use crate::error::Result;
use crate::id::{OpId, Side};
use crate::operation::{OpState, Operation};
use crate::record::Record;
use crate::remote::Action;
use crate::rule::{ActionState, Cause, Trigger};
use crate::state::{Batch, SaveBody, Stored};

impl Engine {
    /// T6 of a write to the page: what the sync wrote itself arms no rule, and what it takes back
    /// cancels.
    pub(in crate::engine) fn hear_own_write(
        &self,
        binding: &Binding,
        bound: &Bound,
        op: &Operation,
        record: &mut Record,
    ) {
        let Action::Update(update) = &op.write.action else {
            return;
        };
        if op.side != Side::Notion {
            return;
        }
        for rule in &binding.mapping.rules {
            let Some(property) = bound.watched.get(&rule.id) else {
                continue;
            };
            if let Some(change) = update.fields.get(property)
                && record.triggers.contains_key(&rule.id)
            {
                let schema = bound.notion.fields.get(property);
                let at = self.now();
                hear(record, rule, schema, &change.desired, at, Cause::Engine);
            }
        }
    }

    /// T6 of an effect.
    pub(in crate::engine) fn effect_done(&self, op: &Operation, record: &mut Record) {
        let now = self.now();
        if let Some(trigger) = owner(record, &op.id) {
            for action in &mut trigger.actions {
                if action.state == ActionState::Sending {
                    action.end(ActionState::Done, None);
                }
            }
            record.look_at = Some(now);
        }
    }

    /// An effect that was not carried out: asked for again where the world moved on, given up where
    /// the operation was set aside.
    pub(in crate::engine) fn effect_failed(&self, op: &Operation, why: &str, record: &mut Record) {
        let now = self.now();
        let state = op.state;
        let Some(trigger) = owner(record, &op.id) else {
            return;
        };
        for action in &mut trigger.actions {
            if action.state != ActionState::Sending {
                continue;
            }
            match state {
                OpState::Void => {
                    action.generation += 1;
                    action.wait(why.to_owned(), None, now);
                }
                OpState::Dead => action.end(ActionState::Dead, Some(why.to_owned())),
                _ => action.reason = Some(why.to_owned()),
            }
        }
        trigger.settle();
    }

    /// Sets an effect aside of which nobody can tell whether it was carried out: repeating it might
    /// do it twice. A person looks, and says whether it is done once more.
    pub(in crate::engine) async fn effect_unclear(
        &self,
        stored: &Stored<Operation>,
        report: &mut MappingReport,
    ) -> Result<()> {
        let mut dead = stored.value.clone();
        let why = format!(
            "nobody can tell whether it was carried out. Look; if it was not, run \
             `notion-sync dead-letter retry {}`",
            dead.record
        );
        dead.state = OpState::Dead;
        dead.error = Some(why.clone());
        let mut batch = Batch::default();
        batch.operation(&dead, Some(stored))?;
        batch.attempt(&self.ended(&dead, "unclear"))?;
        let what = format!("{}: {why}", dead.label);
        if let Some(mut state) = self.state().record(&dead.record).await? {
            self.effect_failed(&dead, &why, &mut state.record);
            let details = exchange::attempted(&dead);
            let row = self.audit_row(&state.record, &dead, AuditEvent::Dead, &what, &details);
            state.record.look_at = Some(self.now());
            batch.record_with_audit(&mut state, SaveBody::No, vec![row])?;
        }
        self.state().commit(batch).await?;
        report.dead += 1;
        report.incidents.push(Incident {
            subject: self.subject(&dead.record).await?,
            message: what,
            drift: false,
        });
        Ok(())
    }
}

/// Lets the step of an operation that was set aside be asked for again, with those behind it. Not
/// where the property said something else since: then the step is not wanted any more.
pub(in crate::engine) fn effect_again(op: &OpId, record: &mut Record) {
    let id = record.id.clone();
    for (rule, trigger) in &mut record.triggers {
        let at = (trigger.actions.iter()).position(|action| action.op(&id, rule) == *op);
        if let Some(at) = at {
            trigger.revive(at);
        }
    }
}

/// Ends the step of an operation that a person gave up, with those behind it.
pub(in crate::engine) fn effect_given_up(op: &OpId, why: &str, record: &mut Record) {
    let id = record.id.clone();
    for (rule, trigger) in &mut record.triggers {
        for action in &mut trigger.actions {
            if action.op(&id, rule) == *op && !action.state.is_reached() {
                action.end(ActionState::Cancelled, Some(why.to_owned()));
            }
        }
        trigger.settle();
    }
}

/// Puts the step of an operation that was set aside back on its way, under the same operation.
pub(in crate::engine) fn effect_resumed(op: &OpId, record: &mut Record) {
    let id = record.id.clone();
    for (rule, trigger) in &mut record.triggers {
        let at = (trigger.actions.iter()).position(|action| action.op(&id, rule) == *op);
        if let Some(at) = at {
            trigger.resume(at);
        }
    }
}

/// The trigger whose step has this operation.
fn owner<'r>(record: &'r mut Record, op: &OpId) -> Option<&'r mut Trigger> {
    let id = record.id.clone();
    record.triggers.iter_mut().find_map(|(rule, trigger)| {
        (trigger.actions)
            .iter()
            .any(|action| action.op(&id, rule) == *op)
            .then_some(trigger)
    })
}

/// Whether an operation is one of a step that is on its way.
pub(in crate::engine) fn is_under_way(record: &Record, op: &OpId) -> bool {
    record.triggers.iter().any(|(rule, trigger)| {
        trigger.actions.iter().any(|action| {
            action.state == ActionState::Sending && action.op(&record.id, rule) == *op
        })
    })
}
