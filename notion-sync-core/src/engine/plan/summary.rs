//! What a comment on a change of a property says: what it was, what it is, what came of it.
//!
//! It is a step of a rule like any other, and speaks last: once the change has reached the issue and
//! the steps of every other rule that the same change started have ended.

use crate::effect::{Consequence, Effect, Summary};
use crate::engine::Binding;
use crate::engine::observe::bind::Bound;
use crate::engine::observe::survey::Prepared;
use crate::engine::tell::comments;
use crate::engine::tell::notes;
use crate::id::Side;
use crate::mapping::{FieldKind, Lens as _};
use crate::operation::Operation;
use crate::reconcile::Plan;
use crate::record::{Record, UnitId};
use crate::remote::Action;
use crate::rule::{ActionState, Rule, RuleAction};
use crate::state::Stored;
use crate::value::Value;

/// Whether something of a record is still to be written that a summary would speak of.
pub(in crate::engine) fn is_at_rest(plan: &Plan, open: &[Stored<Operation>]) -> bool {
    let moves = |op: &Operation| {
        !notes::is_note(op)
            && !comments::is_parked(op)
            && !matches!(
                op.write.action,
                Action::Flag { .. } | Action::Comment { .. }
            )
    };
    plan.steps.is_empty() && !open.iter().any(|op| moves(&op.value))
}

/// What a step says; `None` while the change is not carried out.
pub(in crate::engine) fn summary(
    binding: &Binding,
    bound: &Bound,
    prepared: &Prepared,
    rule: &Rule,
    action: &RuleAction,
) -> Option<Summary> {
    let record = &prepared.state.record;
    let property = bound.watched.get(&rule.id)?;
    let mut did = Vec::new();
    if let Some(one) = of_state(bound, prepared, property, action)? {
        did.push(one);
    }
    for other in binding
        .mapping
        .rules
        .iter()
        .filter(|other| other.id != rule.id)
    {
        if bound.watched.get(&other.id) != Some(property) {
            continue;
        }
        let Some(trigger) = record.triggers.get(&other.id) else {
            continue;
        };
        for step in (trigger.actions.iter()).filter(|step| step.since == action.since) {
            // Two that both speak last do not wait for each other.
            if step.effect == Effect::Summary {
                continue;
            }
            if !step.state.is_final() {
                return None;
            }
            did.extend(of_step(record, step));
        }
    }
    Some(Summary {
        property: (bound.notion.fields.get(property))
            .map_or(&rule.on, |field| &field.name)
            .clone(),
        from: action.from.clone(),
        by: action.by.clone(),
        did,
    })
}

/// What became of the state, where the property is the status. `None` while the issue does
/// not say what the property means.
fn of_state(
    bound: &Bound,
    prepared: &Prepared,
    property: &str,
    action: &RuleAction,
) -> Option<Option<Consequence>> {
    let record = &prepared.state.record;
    let field = (bound.fields.iter())
        .find(|field| field.notion == property && matches!(field.kind, FieldKind::Class { .. }));
    let Some(field) = field else {
        return Some(None);
    };
    if record
        .conflicts
        .contains_key(&UnitId::Field(field.id.clone()))
    {
        return None;
    }
    let lens = crate::mapping::field::FieldLens {
        field,
        people: &bound.people,
        resolver: &bound.resolver,
    };
    let class = |option: &str| lens.project(Side::Notion, &Value::text(option));
    let (before, now) = (class(&action.from), class(&action.value));
    if now.is_empty() {
        // An option that says nothing about the issue.
        return Some(None);
    }
    let says = prepared.github.as_ref()?.field(&field.id).ok()??;
    (*says == now).then(|| {
        let what = match now.as_text() {
            Some("closed") => "closed the issue",
            Some("open") => "reopened the issue",
            _ => "changed the state of the issue",
        };
        let changed = before != now && !before.is_empty();
        changed.then(|| Consequence {
            what: what.to_owned(),
            pull: None,
            failed: None,
        })
    })
}

fn of_step(record: &Record, step: &RuleAction) -> Option<Consequence> {
    let number = || {
        let pull = record.links.get("pull")?;
        let known = record.pulls.iter().find(|one| one.object == *pull)?;
        Some(known.number)
    };
    let failed = |why: &str| Consequence {
        what: step.effect.label(),
        pull: None,
        failed: Some(step.reason.clone().unwrap_or_else(|| why.to_owned())),
    };
    Some(match step.state {
        ActionState::Done => {
            let (what, names_pull) = step.effect.deed();
            Consequence {
                what,
                pull: names_pull.then(number).flatten(),
                failed: None,
            }
        }
        ActionState::Refused => failed("it cannot be had"),
        ActionState::Expired => failed("it waited too long"),
        ActionState::Dead => failed("it was set aside"),
        ActionState::Cancelled => failed("it was cancelled"),
        ActionState::NoOp | ActionState::Armed | ActionState::Gated | ActionState::Sending => {
            return None;
        }
    })
}
