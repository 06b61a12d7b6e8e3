//! What a person decides: which side of a conflict stays, which plan is carried out, what is tried
//! again. What belongs together is in [`crate::engine::hand::pairing`].

use std::collections::{BTreeMap, BTreeSet};

use crate::audit::{AuditEvent, AuditRow};
use crate::document::Document;
use crate::document::merge::{BodyBase, Choice, regions};
use crate::engine::observe::bind::Bound;
use crate::engine::observe::survey::Prepared;
use crate::engine::observe::text;
use crate::engine::plan::steps::effect_again;
use crate::engine::report::{MappingReport, Tick};
use crate::engine::write::lease::Taken;
use crate::engine::write::outcome::bare;
use crate::engine::{Binding, Engine};
use crate::error::{Error, ErrorKind, Result};
use crate::hash::ContentHash;
use crate::id::{MappingId, RecordId, Side};
use crate::mapping::{Lens as _, View, field::FieldLens};
use crate::operation::OpState;
use crate::reconcile::unit_hash;
use crate::record::{Agreed, Base, Record, UnitId};
use crate::remote::Action;
use crate::snapshot::Presence;
use crate::state::{Batch, MappingState, RecordState, SaveBody};
use crate::value::Value;

/// Operations that are given up in one transaction.
const VOIDED: usize = 40;

impl Engine {
    /// Decides every open conflict of a record in favour of one side; answers which units that
    /// were. The version of the other side is kept in the audit.
    ///
    /// The base becomes what the other side holds, so that the version that stays is an edit of
    /// one side, and is written by the next [`tick`](Self::tick). Nothing is written remotely here.
    ///
    /// # Errors
    ///
    /// [`NotFound`](ErrorKind::NotFound) for an unknown record; [`Invalid`](ErrorKind::Invalid) when
    /// it has no conflict, or one that is not about content; [`Stale`](ErrorKind::Stale) when a side
    /// was edited since the conflict was recorded, or a write of the record is under way; whatever
    /// reading ends with.
    pub async fn settle_conflicts(&self, id: &RecordId, stays: Side) -> Result<Vec<UnitId>> {
        const DURING: &str = "settle a conflict";
        let mut state = self.known_record(id, DURING).await?;
        if state.record.conflicts.is_empty() {
            return Err(Error::new(ErrorKind::Invalid, DURING)
                .with("record", id)
                .message("it has no open conflict")
                .remedy("`notion-sync conflicts` lists those that are open"));
        }
        self.refuse_while_sending(&state.record, DURING).await?;
        let binding = self.binding_of(&state.record.mapping, DURING)?;
        let stored = self.state().mapping(&binding.mapping.id).await?;
        let mut bound = self.bind(binding, &stored.value).await?;
        let (notion, github) = self.read_pair(binding, &bound, &state.record).await?;
        let seen = Prepared {
            notion: Some(notion.clone()),
            github: Some(github.clone()),
            ..bare(&state)
        };
        self.know_relatives(binding, &mut bound, &[seen]).await?;
        let moved = |unit: &UnitId| {
            Error::new(ErrorKind::Stale, DURING)
                .with("record", id)
                .with("unit", unit)
                .message("a side was edited since the conflict was recorded")
                .remedy("run `notion-sync sync`, look at `conflicts show` and decide again")
        };

        let mut units: Vec<UnitId> = Vec::new();
        let mut body: Vec<UnitId> = Vec::new();
        let lost = stays.other();
        let conflicts = state.record.conflicts.clone();
        for (unit, conflict) in &conflicts {
            match unit {
                UnitId::Field(field) => {
                    let value = |view: &View| view.field(field).ok().flatten().cloned();
                    let (Some(n), Some(g)) = (value(&notion), value(&github)) else {
                        return Err(moved(unit));
                    };
                    let now = (unit_hash(unit, &n), unit_hash(unit, &g));
                    if now != (conflict.notion, conflict.github) {
                        return Err(moved(unit));
                    }
                    let Some(map) = bound.fields.iter().find(|map| map.id == *field) else {
                        return Err(moved(unit));
                    };
                    let lens = FieldLens {
                        field: map,
                        people: &bound.people,
                        resolver: &bound.resolver,
                    };
                    // As if both sides had held what is now on the side that gives way.
                    let (kept, given) = match stays {
                        Side::Notion => (&n, &g),
                        Side::Github => (&g, &n),
                    };
                    let said = lens.project(lost, given);
                    let before = lens
                        .inject(stays, &said, kept)
                        .ok()
                        .filter(|before| before != kept)
                        // Anything that it does not hold.
                        .unwrap_or_else(|| match kept.is_empty() && lens.is_reference() {
                            true => Value::Bool(true),
                            false => Value::Null,
                        });
                    let mut agreed = Agreed::default();
                    agreed.set(lost, given.clone());
                    agreed.set(stays, before);
                    state
                        .record
                        .base
                        .get_or_insert_with(Base::default)
                        .fields
                        .insert(field.clone(), agreed);
                }
                UnitId::Block(_) | UnitId::Body => body.push(unit.clone()),
                UnitId::Path => {
                    // Agreed where it lies, or, without an agreed path, where its title says.
                    let place = github.place.clone().filter(|_| stays == Side::Github);
                    state.record.base.get_or_insert_with(Base::default).path = place;
                }
                UnitId::Record => {
                    return Err(Error::new(ErrorKind::Invalid, DURING)
                        .with("record", id)
                        .with("unit", unit)
                        .message("it is not about content, and no side can simply be taken")
                        .remedy("restore or remove the page or file, or break the pair by hand"));
                }
            }
            units.push(unit.clone());
        }
        if !body.is_empty() {
            let (Some(n), Some(g)) = (notion.document(), github.document()) else {
                return Err(moved(&UnitId::Body));
            };
            let base = state.body.clone();
            state.body = Some(
                settled_base(base.as_ref(), n, g, &state.record, &body, stays)
                    .map_err(|unit| moved(&unit))?,
            );
        }

        let mut rows = Vec::new();
        for (unit, conflict) in &conflicts {
            let (hash, shown) = match lost {
                Side::Notion => (conflict.notion, &conflict.notion_text),
                Side::Github => (conflict.github, &conflict.github_text),
            };
            state.record.retire(lost, hash);
            rows.push(self.decision(
                &state.record,
                AuditEvent::Loser,
                format!("{unit} on {lost} is overwritten"),
                &[
                    ("unit", unit.to_string()),
                    ("side", lost.to_string()),
                    ("value", shown.clone()),
                ],
            ));
            rows.push(self.decision(
                &state.record,
                AuditEvent::Decision,
                format!("a person decided that {unit} of {stays} stays"),
                &[("unit", unit.to_string()), ("stays", stays.to_string())],
            ));
        }
        let now = self.now();
        let record = &mut state.record;
        record.base.get_or_insert_with(Base::default);
        record.conflicts.clear();
        record.problem = None;
        record.given_up.clear();
        record.base_epoch += 1;
        record.look_at = Some(now);
        let mut batch = Batch::default();
        let save = if body.is_empty() {
            SaveBody::No
        } else {
            SaveBody::Yes
        };
        batch.record_with_audit(&mut state, save, rows)?;
        self.state().commit(batch).await?;
        Ok(units)
    }

    /// Carries out plans that were shown, and nothing else: each mapping is looked at again, and
    /// unless the same plan comes out nothing is written for it. The guard still holds.
    ///
    /// # Errors
    ///
    /// [`Stale`](ErrorKind::Stale) when another plan comes out than the one that was shown;
    /// [`Configuration`](ErrorKind::Configuration) for a mapping that is not configured; whatever
    /// looking ends with.
    pub async fn apply(
        &self,
        plans: &BTreeMap<MappingId, ContentHash>,
        full: bool,
    ) -> Result<Tick> {
        const DURING: &str = "apply a plan";
        let mut looked = Vec::new();
        for (id, shown) in plans {
            let binding = self.binding_of(id, DURING)?;
            let mut report = MappingReport::new(id.clone());
            let look = async |taken: Taken| {
                self.recover(binding, taken.sent_until, &mut report).await?;
                self.begin_comments(binding).await?;
                let stored = self.state().mapping(id).await?;
                let bound = self.bind(binding, &stored.value).await?;
                let all = Self::looks_at_all(binding, &stored.value, full);
                let survey = self.survey(binding, &bound, all, true).await?;
                report.observed = survey.prepared.len();
                let listed = survey.listed;
                self.were_sent(&survey.sent).await?;
                let plan = self.decide(binding, &bound, survey).await?;
                Ok((bound, plan, listed))
            };
            let (bound, plan, listed) = self.at_hand(id, DURING, look).await?;
            if plan.hash != *shown {
                return Err(Error::new(ErrorKind::Stale, DURING)
                    .with("mapping", id)
                    .message(format!(
                        "the world moved on: the plan is {} now, not {}",
                        plan.hash.short(12),
                        shown.short(12)
                    ))
                    .remedy("run `notion-sync plan` again, nothing was written"));
            }
            looked.push((binding, bound, plan, listed, report));
        }
        // Only now that every plan is still the one that was shown.
        let mut tick = Tick::default();
        for (binding, bound, plan, listed, mut report) in looked {
            let id = &binding.mapping.id;
            let carry_out = async |_| {
                let stored = self.state().mapping(id).await?;
                if let Some(stop) = self.guarded(binding, &stored.value, &plan, full).await? {
                    let mut next = MappingState::clone(&stored.value);
                    next.guarded = Some(plan.hash);
                    let mut batch = Batch::default();
                    batch.mapping(id, &next, &stored)?;
                    self.state().commit(batch).await?;
                    report.guard = Some(stop);
                } else {
                    // Cursors stay where they are: what was seen here is listed once more.
                    let looked_at_all = plan.waits.is_none();
                    let durable = self.persist(binding, &bound, plan, &mut report).await?;
                    if listed {
                        self.remember_listed(id);
                    }
                    if durable && looked_at_all {
                        self.accept_configuration(binding).await?;
                    }
                    self.execute(binding, usize::MAX, &mut report).await?;
                }
                self.finish(binding, &mut report).await?;
                Ok(report)
            };
            tick.add(self.at_hand(id, DURING, carry_out).await?);
        }
        Ok(tick)
    }

    /// Lets operations of a record that were set aside, or [given up](Self::give_up), be planned
    /// again; answers what they were. A step of a rule that was given up stays so.
    ///
    /// # Errors
    ///
    /// [`NotFound`](ErrorKind::NotFound) for an unknown record, [`Invalid`](ErrorKind::Invalid) when
    /// nothing of it was set aside.
    pub async fn retry(&self, id: &RecordId) -> Result<Vec<String>> {
        const DURING: &str = "retry what was set aside";
        let mut state = self.known_record(id, DURING).await?;
        let (mut labels, mut effects) = (Vec::new(), Vec::new());
        let mut batch = Batch::default();
        for op in self.state().operations_of(id).await? {
            if op.state != OpState::Dead {
                continue;
            }
            if let Some(stored) = self.state().operation(&op.id).await? {
                // A voided operation does not stand in the way of one that wants the same.
                let mut op = stored.value.clone();
                op.state = OpState::Void;
                if matches!(op.write.action, Action::Withdraw { .. }) {
                    // The record says since it was planned that the proposal is over: nothing plans it again.
                    op.state = OpState::Planned;
                    op.attempts = 0;
                    op.not_before = None;
                }
                labels.push(op.label.clone());
                if matches!(op.write.action, Action::Effect(_)) {
                    effects.push(op.id.clone());
                }
                batch.operation(&op, Some(&stored))?;
            }
        }
        let record = &mut state.record;
        let given_up = std::mem::take(&mut record.given_up);
        labels.extend(given_up.into_values().map(|known| known.label));
        if labels.is_empty() {
            return Err(Error::new(ErrorKind::Invalid, DURING)
                .with("record", id)
                .message("nothing of it was set aside or given up"));
        }
        for op in &effects {
            effect_again(op, record);
        }
        record.problem = None;
        record.look_at = Some(self.now());
        let row = self.decision(
            record,
            AuditEvent::Decision,
            "a person lets what was set aside be tried again".to_owned(),
            &[("operations", labels.join("; "))],
        );
        batch.record_with_audit(&mut state, SaveBody::No, vec![row])?;
        self.state().commit(batch).await?;
        Ok(labels)
    }

    pub(in crate::engine) fn binding_of(
        &self,
        id: &MappingId,
        during: &'static str,
    ) -> Result<&Binding> {
        self.bindings.get(id).ok_or_else(|| {
            Error::new(ErrorKind::Configuration, during)
                .with("mapping", id)
                .message("no mapping of that name is configured")
        })
    }

    pub(in crate::engine) async fn known_record(
        &self,
        id: &RecordId,
        during: &'static str,
    ) -> Result<RecordState> {
        self.state().record(id).await?.ok_or_else(|| {
            Error::new(ErrorKind::NotFound, during)
                .with("record", id)
                .message("there is no such record")
                .remedy("`notion-sync status` and `notion-sync dead-letter` name records that need somebody")
        })
    }

    pub(in crate::engine) async fn refuse_while_sending(
        &self,
        record: &Record,
        during: &'static str,
    ) -> Result<()> {
        let sending = self
            .state()
            .operations_of(&record.id)
            .await?
            .iter()
            .any(|op| op.state.is_unresolved());
        if sending {
            return Err(Error::new(ErrorKind::Stale, during)
                .with("record", &record.id)
                .message("a write of it is under way")
                .remedy("run `notion-sync sync --wait` first"));
        }
        Ok(())
    }

    /// Gives up what was planned and not sent.
    pub(in crate::engine) async fn void_open(&self, record: &Record) -> Result<()> {
        let open = self.state().open_operations(&record.mapping).await?;
        let open: Vec<_> = (open.iter())
            .filter(|op| op.value.record == record.id)
            .collect();
        // A store takes a hundred changes, and an operation may be several.
        for some in open.chunks(VOIDED) {
            let mut batch = Batch::default();
            let mut voided = Vec::new();
            for stored in some {
                let mut op = stored.value.clone();
                op.state = OpState::Void;
                batch.operation(&op, Some(stored))?;
                voided.push(op);
            }
            // A step of a rule that was on its way is asked for again where it is still wanted.
            let effects = (voided.iter()).filter(|op| matches!(op.write.action, Action::Effect(_)));
            let effects: Vec<_> = effects.collect();
            if !effects.is_empty()
                && let Some(mut state) = self.state().record(&record.id).await?
            {
                for op in effects {
                    self.effect_failed(op, "the pair was changed by hand", &mut state.record);
                }
                batch.record(&state, SaveBody::No)?;
            }
            self.state().commit(batch).await?;
        }
        Ok(())
    }

    pub(in crate::engine) async fn read_pair(
        &self,
        binding: &Binding,
        bound: &Bound,
        record: &Record,
    ) -> Result<(View, View)> {
        let during = "read both sides of a record";
        let missing = |side: Side| {
            Error::new(ErrorKind::NotFound, during)
                .with("record", &record.id)
                .message(format!("it has nothing on {side}"))
        };
        let mut views = Vec::new();
        let mut path = record.path.clone();
        for side in [Side::Github, Side::Notion] {
            let object = record.object(side).ok_or_else(|| missing(side))?;
            let snapshot = binding.remote(side).read(object, true).await?;
            if snapshot.presence != Presence::Present {
                return Err(missing(side));
            }
            path = snapshot
                .place
                .clone()
                .filter(|_| side == Side::Github)
                .or(path);
            let view = text::view(
                binding,
                bound,
                &self.bounds,
                side,
                &snapshot,
                path.as_deref(),
            );
            views.push(view);
        }
        match (views.pop(), views.pop()) {
            (Some(notion), Some(github)) => Ok((notion, github)),
            _ => Err(Error::new(ErrorKind::Internal, during)),
        }
    }

    pub(in crate::engine) fn decision(
        &self,
        record: &Record,
        event: AuditEvent,
        summary: String,
        details: &[(&str, String)],
    ) -> AuditRow {
        AuditRow {
            details: details
                .iter()
                .map(|(name, value)| ((*name).to_owned(), value.clone()))
                .collect(),
            ..AuditRow::about(self.now(), record, event, summary)
        }
    }
}

impl crate::engine::PlannedRecord {
    /// The record.
    #[must_use]
    pub fn record(&self) -> &RecordId {
        &self.prepared.state.record.id
    }

    /// Since when something of the record is held without a break, as the last run left it.
    #[must_use]
    pub fn held_since(&self) -> Option<chrono::DateTime<chrono::Utc>> {
        self.prepared.state.record.held_since
    }
}

/// The body's base with the parked regions as the side that gives way holds them. Fails with the
/// unit that is not as it was recorded.
fn settled_base(
    base: Option<&BodyBase>,
    n: &Document,
    g: &Document,
    record: &Record,
    units: &[UnitId],
    stays: Side,
) -> std::result::Result<BodyBase, UnitId> {
    let recorded = |unit: &UnitId| record.conflicts.get(unit).map(|c| (c.notion, c.github));
    let Some(base) = base else {
        if recorded(&UnitId::Body) != Some((n.hash(), g.hash())) {
            return Err(UnitId::Body);
        }
        // The same text on both sides as the side that gives way has it: only the other moved.
        let given = match stays {
            Side::Notion => g,
            Side::Github => n,
        };
        return Ok(BodyBase::agree(given, given));
    };
    let hash = |blocks: &[crate::document::Block]| {
        Document {
            blocks: blocks.to_vec(),
        }
        .hash()
    };
    let regions = regions(base, n, g);
    let mut left: BTreeSet<&UnitId> = units.iter().collect();
    let mut wrong = None;
    let composed = regions.compose(|region| {
        let unit = UnitId::block(&region.anchor);
        if !left.remove(&unit) {
            return Choice::Hold;
        }
        if recorded(&unit) != Some((hash(region.notion), hash(region.github))) {
            wrong = Some(unit);
            return Choice::Hold;
        }
        match stays {
            Side::Notion => Choice::TakeGithub,
            Side::Github => Choice::TakeNotion,
        }
    });
    match wrong.or_else(|| left.first().map(|unit| (*unit).clone())) {
        Some(unit) => Err(unit),
        None => Ok(composed.base),
    }
}
