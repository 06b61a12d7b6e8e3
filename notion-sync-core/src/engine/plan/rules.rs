//! Rules: what they hear, what they ask for, how their steps end.
//!
//! A value is heard in the transaction that saves what was seen; the operation of a step is planned
//! in the same one as the note that it is on its way. So a crash loses no edge and repeats none.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use crate::audit::{AuditEvent, AuditRow};
use crate::effect::{Effect, EffectRequest, Gate};
use crate::engine::observe::bind::{Bound, CREATE_WHEN};
use crate::engine::observe::survey::Prepared;
use crate::engine::observe::text;
use crate::engine::plan::render::Draft;
use crate::engine::plan::summary::{is_at_rest, summary};
use crate::engine::write::outcome::bare;
use crate::engine::{Binding, Engine};
use crate::error::{ErrorKind, Result, Retry};
use crate::hash::ContentHash;
use crate::id::{OpId, Side};
use crate::mapping::{MappingKind, View};
use crate::operation::{Operation, Settlement};
use crate::reconcile::table::{Identity, Row};
use crate::reconcile::{Hold, Plan, Step};
use crate::record::{Life, Record, UnitId};
use crate::remote::{Action, FieldSchema};
use crate::rule::{ActionState, Cause, Heard, Rule, Trigger};
use crate::snapshot::Presence;
use crate::state::{MappingState, Stored};
use crate::value::Value;

/// What rules made of one record.
#[derive(Debug, Default)]
pub(in crate::engine) struct Followed {
    /// Operations, in order.
    pub(in crate::engine) operations: Vec<Operation>,
    /// What happened, for the audit.
    pub(in crate::engine) audit: Vec<AuditRow>,
}

impl Engine {
    /// Lets the rules hear what the page says, and asks for the steps whose turn it is. Changes the
    /// record only in `prepared`.
    pub(in crate::engine) async fn follow_rules(
        &self,
        binding: &Binding,
        bound: &Bound,
        mapping: &MappingState,
        prepared: &mut Prepared,
        plan: &Plan,
        open: &[Stored<Operation>],
    ) -> Result<Followed> {
        let mut out = Followed::default();
        if binding.mapping.kind != MappingKind::Tasks {
            return Ok(out);
        }
        let before = prepared.state.record.triggers.clone();
        let was_born = prepared.state.record.born;
        self.hear_page(binding, bound, mapping, prepared, plan, open, &mut out);
        self.drop_rules(binding, prepared, &mut out);
        if is_free(prepared, plan, open) {
            for rule in &binding.mapping.rules {
                if rule.steps.contains(&Effect::Summary) {
                    continue;
                }
                self.take_turn(binding, bound, rule, prepared, open, &mut out)
                    .await?;
            }
            // What speaks of the others speaks after them.
            let rest = is_at_rest(plan, open) && out.operations.is_empty();
            for rule in &binding.mapping.rules {
                if !rule.steps.contains(&Effect::Summary) {
                    continue;
                }
                if rest {
                    self.take_turn(binding, bound, rule, prepared, open, &mut out)
                        .await?;
                } else {
                    self.hush(&rule.id, &mut prepared.state.record);
                }
            }
        }
        let record = &prepared.state.record;
        if record.triggers != before || record.born != was_born {
            prepared.news = true;
        }
        Ok(out)
    }

    /// The settled value of each rule's property.
    #[allow(clippy::too_many_arguments)]
    fn hear_page(
        &self,
        binding: &Binding,
        bound: &Bound,
        mapping: &MappingState,
        prepared: &mut Prepared,
        plan: &Plan,
        open: &[Stored<Operation>],
        out: &mut Followed,
    ) {
        let Some(view) = prepared.notion.clone() else {
            return;
        };
        // A page that is new since the first listing, and gets its issue now.
        let creates = plan.steps.contains(&Step::Create(Side::Github));
        if creates && mapping.swept_at.is_some() {
            prepared.state.record.born = true;
        }
        let record = &prepared.state.record;
        let unresolved = open.iter().any(|op| op.value.state.is_unresolved());
        let sound = view.presence == Presence::Present
            && view.settled
            && !unresolved
            && !record.copy
            && prepared.identity == Identity::Clean
            && !(plan.holds.iter()).any(|hold| hold.unit == UnitId::Record && hold.row != Row(1));
        if !sound {
            return;
        }
        let life = record.life;
        let born = record.born;
        for rule in &binding.mapping.rules {
            let Some(property) = bound.watched.get(&rule.id) else {
                continue;
            };
            let Some(value) = view.says(property) else {
                continue;
            };
            if is_parked(bound, &prepared.state.record, plan, property)
                || is_overwritten(bound, plan, property)
            {
                continue;
            }
            let cause = match life {
                Life::Live if born => Cause::Created,
                Life::Live => Cause::Person,
                // It waits for its issue: what it says is known, and fires later if it may.
                Life::Provisioning if !(rule.fire_on_create && born) => Cause::Person,
                _ => continue,
            };
            let known = prepared.state.record.triggers.contains_key(&rule.id);
            if life == Life::Provisioning && known {
                continue;
            }
            let schema = bound.notion.fields.get(property);
            let at = view.revision.at;
            let heard = hear(&mut prepared.state.record, rule, schema, value, at, cause);
            if heard.fired {
                let by = view
                    .actor
                    .as_deref()
                    .and_then(|user| bound.people.login(user));
                name_author(&mut prepared.state.record, rule, by);
            }
            self.tell(&prepared.state.record, rule, value, &heard, &mut out.audit);
        }
        if life == Life::Live {
            prepared.state.record.born = false;
        }
    }

    fn tell(
        &self,
        record: &Record,
        rule: &Rule,
        value: &Value,
        heard: &Heard,
        audit: &mut Vec<AuditRow>,
    ) {
        if heard.cancelled > 0 {
            let what = format!("rule {}: {} steps cancelled", rule.id, heard.cancelled);
            audit.push(self.rule_row(record, AuditEvent::Step, what, BTreeMap::new()));
        }
        if heard.fired {
            let said = value.elements().into_iter().collect::<Vec<_>>().join(", ");
            let details = BTreeMap::from([("value".to_owned(), said)]);
            let what = format!("rule {} fired", rule.id);
            audit.push(self.rule_row(record, AuditEvent::Fired, what, details));
        }
    }

    /// Ends what rules started that are not there any more.
    fn drop_rules(&self, binding: &Binding, prepared: &mut Prepared, out: &mut Followed) {
        let record = &mut prepared.state.record;
        let mut told = Vec::new();
        for (id, trigger) in &mut record.triggers {
            if binding.mapping.rules.iter().any(|rule| rule.id == *id) {
                continue;
            }
            for action in trigger.actions.iter_mut().filter(|a| !a.state.is_final()) {
                let why = "the rule is not there any more".to_owned();
                action.end(ActionState::Cancelled, Some(why));
                told.push(format!("rule {id}: a step was cancelled with the rule"));
            }
        }
        for what in told {
            let row = self.rule_row(record, AuditEvent::Step, what, BTreeMap::new());
            out.audit.push(row);
        }
    }

    /// Asks for the step of a rule whose turn it is.
    async fn take_turn(
        &self,
        binding: &Binding,
        bound: &Bound,
        rule: &Rule,
        prepared: &mut Prepared,
        open: &[Stored<Operation>],
        out: &mut Followed,
    ) -> Result<()> {
        let now = self.now();
        // Steps that need no write follow each other at once.
        for _ in 0..=rule.steps.len() {
            let record = &prepared.state.record;
            let Some(trigger) = record.triggers.get(&rule.id) else {
                return Ok(());
            };
            let Some(at) = trigger.turn() else {
                return Ok(());
            };
            let action = &trigger.actions[at];
            // A summary that waits for others is asked for with every look.
            let waits = action.effect == Effect::Summary && action.state == ActionState::Armed;
            let early = action.again.is_some_and(|at| at > now) && !prepared.nudged && !waits;
            if action.state == ActionState::Sending || early {
                return Ok(());
            }
            // What the page says right now, settled or not: somebody may just have changed his mind.
            let says = (bound.watched.get(&rule.id))
                .and_then(|property| prepared.notion.as_ref()?.says(property));
            if says != Some(&trigger.accepted) {
                return Ok(());
            }
            let op = action.op(&record.id, &rule.id);
            if let Some(known) = open.iter().find(|known| known.value.id == op) {
                out.operations.push(known.value.clone());
                return Ok(());
            }
            let Some(mut request) = request(prepared, &op, at, rule) else {
                return Ok(());
            };
            if action.effect == Effect::Summary {
                let said = summary(binding, bound, prepared, rule, action);
                if said.is_none() {
                    // The outcome that it waits for makes the record be looked at.
                    self.hush(&rule.id, &mut prepared.state.record);
                    return Ok(());
                }
                request.summary = said;
            }
            let mut failure = None;
            let gate = match self.held_back(binding, record, &request.effect).await? {
                Some(reason) => Gate::Closed {
                    reason,
                    again: None,
                },
                None => match binding.github.gate(&request).await {
                    Ok(gate) => gate,
                    Err(error) if error.kind() == ErrorKind::Store => return Err(error),
                    Err(error) => {
                        failure = Some(error.retry());
                        Gate::Closed {
                            reason: error.to_string(),
                            again: None,
                        }
                    }
                },
            };
            let label = format!("rule {}: {}", rule.id, request.effect.label());
            let record = &mut prepared.state.record;
            let Some(trigger) = record.triggers.get_mut(&rule.id) else {
                return Ok(());
            };
            let action = &mut trigger.actions[at];
            let ended = match gate {
                Gate::Open(write) => {
                    action.end(ActionState::Sending, None);
                    let wanted = ContentHash::of_bytes("nsync/effect/v1", op.as_str().as_bytes());
                    let draft = Draft {
                        side: Side::Github,
                        name: "effect",
                        action: Action::Effect(Box::new(write)),
                        settlement: Settlement::default(),
                        label,
                        rows: vec![51],
                        content: Some((wanted, wanted)),
                        epoch: 0,
                    };
                    let operation = self.named(binding, prepared, draft, None, op);
                    out.operations.push(operation);
                    return Ok(());
                }
                Gate::Holds { links } => {
                    action.end(ActionState::NoOp, None);
                    record.links.extend(links);
                    "it was so already".to_owned()
                }
                Gate::Closed { reason, again } => {
                    match failure {
                        Some(Retry::NotBefore(until)) => {
                            action.ask_later(until, now);
                            return Ok(());
                        }
                        Some(Retry::Backoff) => action.ask_failed(reason, now),
                        _ => action.wait(reason, again, now),
                    }
                    if action.waited < u64::from(rule.expires_hours) * 3_600 {
                        return Ok(());
                    }
                    let why = action.reason.clone().unwrap_or_default();
                    action.end(
                        ActionState::Expired,
                        Some(format!("waited for {} hours: {why}", rule.expires_hours)),
                    );
                    format!("given up after {} hours: {why}", rule.expires_hours)
                }
                Gate::Refused(reason) => {
                    action.end(ActionState::Refused, Some(reason.clone()));
                    reason
                }
            };
            let failed = !trigger.actions[at].state.is_reached();
            trigger.settle();
            let what = format!("{label}: {ended}");
            let row = self.rule_row(
                &prepared.state.record,
                AuditEvent::Step,
                what.clone(),
                BTreeMap::new(),
            );
            out.audit.push(row);
            if failed {
                let tells = trigger_state(&prepared.state.record, rule, at);
                if tells == Some(ActionState::Expired) {
                    let comment = self
                        .tell_expired(binding, prepared, &op, what, open)
                        .await?;
                    out.operations.extend(comment);
                }
                return Ok(());
            }
        }
        Ok(())
    }

    /// Lets a poll leave a step alone that waits for what has a look of its own.
    fn hush(&self, rule: &str, record: &mut Record) {
        let now = self.now();
        let Some(trigger) = record.triggers.get_mut(rule) else {
            return;
        };
        let Some(at) = trigger.turn() else { return };
        let action = &mut trigger.actions[at];
        if action.state == ActionState::Armed && action.again.is_none_or(|again| again <= now) {
            action.again = Some(now + chrono::Duration::hours(1));
        }
    }

    /// Why a merge must wait whatever GitHub says: a conflict of the record, drift in the
    /// repository.
    async fn held_back(
        &self,
        binding: &Binding,
        record: &Record,
        effect: &Effect,
    ) -> Result<Option<String>> {
        if !matches!(effect, Effect::Merge(_)) {
            return Ok(None);
        }
        if let Some((unit, _)) = record.conflicts.first_key_value() {
            return Ok(Some(format!(
                "both sides changed {}: decide first",
                unit.told()
            )));
        }
        let drift = |record: &Record| record.problem.as_ref().is_some_and(|one| one.drift);
        if drift(record) {
            return Ok(Some("the registry and the marks disagree".to_owned()));
        }
        for other in self.state().records(&binding.mapping.id).await? {
            if other.path == record.path && drift(&other) {
                return Ok(Some(format!(
                    "the registry and the marks of {:?} disagree",
                    other.title
                )));
            }
        }
        Ok(None)
    }

    /// One comment says that a step was given up.
    async fn tell_expired(
        &self,
        binding: &Binding,
        prepared: &Prepared,
        op: &OpId,
        what: String,
        open: &[Stored<Operation>],
    ) -> Result<Option<Operation>> {
        let Some(issue) = prepared.state.record.github.clone() else {
            return Ok(None);
        };
        let about = ContentHash::of_bytes("nsync/expired/v1", op.as_str().as_bytes());
        let draft = Draft {
            side: Side::Github,
            name: "comment",
            content: Some((about, about)),
            action: Action::Comment {
                object: issue,
                text: format!("{what}. Change the property again to try once more.\n"),
            },
            settlement: Settlement::default(),
            label: "tell that a step was given up".to_owned(),
            rows: vec![51],
            epoch: 0,
        };
        let bare = bare(&prepared.state);
        self.operation(binding, &bare, draft, None, open).await
    }

    pub(in crate::engine) fn rule_row(
        &self,
        record: &Record,
        event: AuditEvent,
        summary: String,
        details: BTreeMap<String, String>,
    ) -> AuditRow {
        AuditRow {
            rows: vec![51],
            details,
            ..AuditRow::about(self.now(), record, event, summary)
        }
    }
}

fn trigger_state(record: &Record, rule: &Rule, at: usize) -> Option<ActionState> {
    Some(record.triggers.get(&rule.id)?.actions.get(at)?.state)
}

/// Remembers who started the last firing of a rule.
fn name_author(record: &mut Record, rule: &Rule, by: Option<&str>) {
    if let Some(trigger) = record.triggers.get_mut(&rule.id) {
        let edge = trigger.edge;
        for action in trigger.actions.iter_mut().filter(|one| one.edge == edge) {
            action.by = by.map(str::to_owned);
        }
    }
}

pub(in crate::engine) fn hear(
    record: &mut Record,
    rule: &Rule,
    schema: Option<&FieldSchema>,
    value: &Value,
    at: DateTime<Utc>,
    cause: Cause,
) -> Heard {
    let mut trigger = record.triggers.remove(&rule.id);
    let heard = Trigger::hear(&mut trigger, rule, schema, value, at, cause);
    if let Some(trigger) = trigger {
        record.triggers.insert(rule.id.clone(), trigger);
    }
    heard
}

/// Leaves out the issue of a page that does not say yet that it shall have one. What cannot be read
/// makes none.
pub(in crate::engine) fn hold_creation(
    binding: &Binding,
    bound: &Bound,
    prepared: &Prepared,
    plan: &mut Plan,
) {
    let Some(when) = &binding.mapping.create_when else {
        return;
    };
    let create = Step::Create(Side::Github);
    if !plan.steps.contains(&create) {
        return;
    }
    let says = bound.watched.get(CREATE_WHEN).and_then(|property| {
        let value = prepared.notion.as_ref()?.says(property)?;
        Some(when.values.holds(value, bound.notion.fields.get(property)))
    });
    if says != Some(true) {
        plan.steps.retain(|step| *step != create);
        plan.holds.push(Hold {
            unit: UnitId::Record,
            row: Row(1),
            reason: format!("it becomes an issue when {} says so", when.on),
        });
    }
}

/// Whether a page waits for its property to ask for an issue: it shows nothing of the sync.
pub(in crate::engine) fn is_kept_out(plan: &Plan) -> bool {
    plan.holds.iter().any(|hold| hold.row == Row(1))
}

/// Whether steps of the record may be asked for: both objects are there and nothing contradicts.
fn is_free(prepared: &Prepared, plan: &Plan, open: &[Stored<Operation>]) -> bool {
    let record = &prepared.state.record;
    let present = |view: Option<&View>| view.is_some_and(|view| view.presence == Presence::Present);
    record.life == Life::Live
        && !record.copy
        && record.github.is_some()
        && prepared.identity == Identity::Clean
        && present(prepared.notion.as_ref())
        && present(prepared.github.as_ref())
        && !open.iter().any(|op| op.value.state.is_unresolved())
        && !plan.holds.iter().any(|hold| hold.unit == UnitId::Record)
        && !plan.alerts.iter().any(|alert| alert.drift)
}

/// Whether the property is a field that both sides changed, or that waits.
fn is_parked(bound: &Bound, record: &Record, plan: &Plan, property: &str) -> bool {
    bound.fields.iter().any(|field| {
        let unit = UnitId::Field(field.id.clone());
        field.notion == property
            && (record.conflicts.contains_key(&unit)
                || plan.parks.iter().any(|park| park.unit == unit)
                || plan.holds.iter().any(|hold| hold.unit == unit))
    })
}

/// Whether the page's value is about to be replaced by GitHub's: where it is somebody's, it lost, and never
/// becomes an edge. Of a set both sides' elements stay, so it is heard.
fn is_overwritten(bound: &Bound, plan: &Plan, property: &str) -> bool {
    let fields = (plan.steps.iter()).filter_map(|step| match step {
        Step::Write(write) if write.side == Side::Notion => Some(&write.fields),
        _ => None,
    });
    fields.flatten().any(|(id, change)| {
        !matches!(change.desired, Value::Set(_)) && bound.native(id, Side::Notion) == Some(property)
    })
}

fn request(prepared: &Prepared, op: &OpId, at: usize, rule: &Rule) -> Option<EffectRequest> {
    let record = &prepared.state.record;
    let action = record.triggers.get(&rule.id)?.actions.get(at)?;
    let page = prepared.notion.as_ref()?;
    Some(EffectRequest {
        op: op.clone(),
        object: record.github.clone()?,
        links: record.links.clone(),
        effect: action.effect.clone(),
        page: Some(page.object.id.clone()),
        page_url: page.url.clone(),
        title: text::title_of(page),
        value: action.value.clone(),
        summary: None,
    })
}
