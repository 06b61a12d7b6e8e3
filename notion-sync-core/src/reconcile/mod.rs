//! Decides what to do about one record. Pure, total, deterministic.
//!
//! [`reconcile`] takes everything it may look at in one [`Case`] and answers with a [`Plan`]. It
//! reads no clock, does no I/O and iterates in stable order: the same case gives the same plan,
//! byte for byte. The rows it applies are those of [`table`].

mod body;
mod decision;
mod duplicate;
mod field;
mod life;
mod place;
pub mod plan;
mod proposed;
pub mod table;
mod vacancy;

use std::collections::BTreeMap;

pub use decision::{Decision, HeardField, Replayed};
use duplicate::{keep_duplicate, remove_duplicate};
pub(crate) use field::refused_hash;
pub(crate) use life::REMOVED;
use life::{deleting, remove, was_removed};
pub use plan::{AgreedNow, Alert, Hold, Loser, Park, Plan, Step, Wait, WriteStep};
use proposed::page_without_file;
use table::{Identity, LifeProposal, RecordSituation, RecordVerdict, Row, SideState, record_row};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::document::Document;
use crate::document::merge::BodyBase;
use crate::hash::ContentHash;
use crate::id::{FieldId, Side};
use crate::mapping::view::BodyView;
use crate::mapping::{Direction, Lens, Mapping, MappingKind, Policy, View};
use crate::record::{Life, ProposalState, Record, UnitId};
use crate::remote::ProposalKind;
use crate::snapshot::{Field, Presence};
use crate::value::Value;

/// Everything a decision may look at.
#[derive(Debug, Clone, Copy)]
pub struct Case<'a> {
    /// The mapping: policy and switches.
    pub mapping: &'a Mapping,
    /// The record.
    pub record: &'a Record,
    /// The body's base.
    pub body_base: Option<&'a BodyBase>,
    /// Notion, as it was just read. `None` where there is no object.
    pub notion: Option<&'a View>,
    /// GitHub, as it was just read.
    pub github: Option<&'a View>,
    /// Fields, each with what translates it.
    pub fields: &'a BTreeMap<FieldId, UnitField<'a>>,
    /// What registry and markers say.
    pub identity: Identity,
    /// Whether an operation of the record was sent and its outcome is not known.
    pub unresolved: bool,
    /// Sides on which absence proves nothing now.
    pub doubts: Doubts,
}

/// Sides on which absence proves nothing now, because what must be readable there is not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Doubts {
    /// Notion.
    pub notion: bool,
    /// GitHub.
    pub github: bool,
}

impl Doubts {
    /// Whether absence on one side proves nothing.
    #[must_use]
    pub fn on(self, side: Side) -> bool {
        match side {
            Side::Notion => self.notion,
            Side::Github => self.github,
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

/// A field to decide about.
#[derive(Debug)]
pub struct UnitField<'a> {
    /// Translates its values.
    pub lens: Box<dyn Lens + 'a>,
    /// Which way it flows.
    pub direction: Direction,
    /// Why it cannot be decided at all (property deleted or retyped).
    pub blocked: Option<String>,
    /// Whether an object on GitHub may have no place for it ([`FieldSchema::later`]): what a new
    /// place lacks is still to be written there.
    ///
    /// [`FieldSchema::later`]: crate::remote::FieldSchema::later
    pub later: bool,
}

impl<'a> Case<'a> {
    fn view(&self, side: Side) -> Option<&'a View> {
        match side {
            Side::Notion => self.notion,
            Side::Github => self.github,
        }
    }
}

/// Decides about one record.
#[must_use]
pub fn reconcile(case: &Case<'_>) -> Plan {
    let notion = classify(case, Side::Notion);
    let github = classify(case, Side::Github);
    let situation = RecordSituation {
        kind: case.mapping.kind,
        life: case.record.life,
        notion,
        github,
        identity: case.identity,
        unresolved: case.unresolved,
        parked: !case.record.conflicts.is_empty(),
        proposal: life_proposal(case.record),
        policy: case.mapping.policy,
        delete_beats_edit: case.mapping.delete_beats_edit,
    };
    match record_row(&situation) {
        RecordVerdict::Units => units(case),
        RecordVerdict::Row(row) => whole(case, &situation, row),
    }
}

/// How a side stands as a whole.
fn classify(case: &Case<'_>, side: Side) -> SideState {
    let record = case.record;
    let Some(view) = case.view(side) else {
        // The registry knows an object that was not looked at: nothing may be decided about it.
        return if record.object(side).is_some() && record.life != Life::Tombstone {
            SideState::Unread
        } else {
            SideState::Absent
        };
    };
    // What was buried stays so; anything else is not concluded from an absence that proves nothing.
    let absent = matches!(
        view.presence,
        Presence::Gone(_) | Presence::Missing | Presence::MovedOut(_)
    );
    if absent && case.doubts.on(side) && record.life != Life::Tombstone {
        return SideState::Missing;
    }
    if doubted_until(record, side, view).is_some() {
        return SideState::Old;
    }
    match &view.presence {
        Presence::Gone(_) => return SideState::Gone,
        Presence::Missing => return SideState::Missing,
        Presence::MovedOut(_) => return SideState::MovedOut,
        Presence::Unread(_) => return SideState::Unread,
        Presence::Present => {}
    }
    if record.life == Life::Tombstone {
        // The removal of an issue is a state, and it is still there in that state.
        return if case.mapping.kind == MappingKind::Tasks
            && side == Side::Github
            && is_closed(Some(view))
        {
            SideState::Gone
        } else {
            SideState::Back
        };
    }
    if matches!(view.body, BodyView::Unusable(_)) {
        return SideState::Unread;
    }
    if record.object(side) != Some(&view.object) || record.life == Life::Provisioning {
        return SideState::New;
    }
    let Some(base) = &record.base else {
        return SideState::Edited;
    };
    if let Some(agreed_at) = base.revision(side)
        && view.revision.grain_seconds > 0
        && view.revision.at < agreed_at.at
    {
        return SideState::Old;
    }
    let edited = edited_units(case, side, view);
    if edited.is_empty() {
        return SideState::Same;
    }
    if !view.settled {
        let own_bucket = base
            .revision(side)
            .is_some_and(|agreed| agreed.grain_seconds > 0 && agreed.at == view.revision.at);
        let known = record.retired(side);
        let retired = || edited.iter().any(|unit| known.contains(&unit.hash()));
        if own_bucket || (!known.is_empty() && retired()) {
            return SideState::Blur;
        }
    }
    SideState::Edited
}

/// Until when nobody can tell whether a view shows what was before the page was gone, or there again.
pub(crate) fn doubted_until(record: &Record, side: Side, view: &View) -> Option<DateTime<Utc>> {
    record.doubted_until(side, &view.presence, &view.revision, view.observed_at)
}

/// A unit of one side that differs from the base.
enum Edited<'a> {
    Field(&'a FieldId, &'a Value),
    Body(&'a Document),
    Path(&'a str),
}

impl Edited<'_> {
    fn hash(&self) -> ContentHash {
        match self {
            Self::Field(id, value) => unit_hash(&UnitId::Field((*id).clone()), value),
            Self::Body(document) => document.hash(),
            Self::Path(place) => unit_hash(&UnitId::Path, &Value::text(*place)),
        }
    }
}

/// The units of one side that differ from the base.
fn edited_units<'a>(case: &Case<'a>, side: Side, view: &'a View) -> Vec<Edited<'a>> {
    let mut out = Vec::new();
    let base = case.record.base.as_ref();
    for id in case.fields.keys() {
        let agreed = base.and_then(|base| base.fields.get(id));
        if let (Ok(Some(value)), Some(agreed)) = (view.field(id), agreed)
            && value != agreed.on(side)
        {
            out.push(Edited::Field(id, value));
        }
    }
    // A body that was never agreed, or whose base was given up, may say anything.
    if let Some(document) = view.document()
        && !case
            .body_base
            .is_some_and(|base| base.holds(side, document))
    {
        out.push(Edited::Body(document));
    }
    // Where an issue is, is no unit: a transfer edits nothing.
    if side == Side::Github
        && case.mapping.kind == MappingKind::Documents
        && let (Some(base), Some(place)) = (base, &view.place)
        && base.path.as_ref().is_some_and(|path| path != place)
    {
        out.push(Edited::Path(place));
    }
    out
}

/// The hash of a field's value, as kept for retired values and conflicts.
#[must_use]
pub fn unit_hash(unit: &UnitId, value: &Value) -> ContentHash {
    ContentHash::of("nsync/unit/v1", &(unit, value))
}

fn life_proposal(record: &Record) -> LifeProposal {
    match &record.proposal {
        Some(proposal) if matches!(proposal.kind, ProposalKind::Create | ProposalKind::Delete) => {
            match proposal.state {
                ProposalState::Planned | ProposalState::Open => LifeProposal::Open,
                ProposalState::Merged => LifeProposal::Merged,
                ProposalState::Refused => LifeProposal::Refused,
            }
        }
        _ => LifeProposal::None,
    }
}

fn proposal_open(record: &Record, kind: ProposalKind) -> bool {
    record.proposal.as_ref().is_some_and(|proposal| {
        proposal.kind == kind
            && matches!(proposal.state, ProposalState::Planned | ProposalState::Open)
    })
}

/// Takes the record's proposal back, if one is open or on its way.
fn withdraw(case: &Case<'_>, reason: &str, plan: &mut Plan) {
    let pending = case.record.proposal.as_ref().is_some_and(|proposal| {
        matches!(proposal.state, ProposalState::Planned | ProposalState::Open)
    });
    if pending {
        plan.steps.push(Step::Withdraw(reason.to_owned()));
    }
}

/// Carries out a row that concerns the record as a whole.
fn whole(case: &Case<'_>, s: &RecordSituation, row: Row) -> Plan {
    let mut plan = Plan {
        rows: vec![(UnitId::Record, row)],
        ..Plan::default()
    };
    let mut hold = |reason: String| {
        plan.holds.push(Hold {
            unit: UnitId::Record,
            row,
            reason,
        });
    };
    let alert = |message: &str, drift: bool| Alert {
        row,
        message: message.to_owned(),
        drift,
    };
    match row.0 {
        1 => plan.steps.push(Step::Create(Side::Github)),
        2 => plan.steps.push(Step::Create(Side::Notion)),
        52 => page_without_file(case, &mut plan),
        3 | 43 => plan.steps.push(Step::Adopt),
        5 => {
            plan.steps.push(Step::Adopt);
        }
        4 => {
            if case.mapping.adopt_by_key {
                plan.steps.push(Step::Adopt);
            } else {
                plan.alerts.push(alert(
                    "a page and an object on GitHub have the same title or path and no marks: join \
                     them with `notion-sync link`, or set `adopt_by_key = true`",
                    false,
                ));
                hold("waits for `notion-sync link`".to_owned());
            }
        }
        6 => {
            plan.alerts.push(alert(
                "an object is claimed by two records: see `notion-sync check`, then break one pair \
                 with `notion-sync link --remove`",
                true,
            ));
            hold("claimed twice".to_owned());
        }
        44 => {
            plan.alerts.push(alert(
                "registry and marks on the objects name different counterparts, or one that is not \
                 there: see `notion-sync check --full`",
                true,
            ));
            hold("marks contradict the registry".to_owned());
        }
        50 => {
            plan.alerts.push(alert(
                "written by a newer version of notion-sync: update this one",
                false,
            ));
            hold("a newer version wrote the mark".to_owned());
        }
        33 => {
            plan.alerts.push(alert(
                "another file carries the same page id: remove `notion_page_id` from the copy, and \
                 it becomes a page of its own",
                false,
            ));
            hold("copy of a mapped file".to_owned());
        }
        34 => plan.steps.push(Step::Unmark(Side::Notion)),
        40 => hold("an earlier write has an unknown outcome".to_owned()),
        37 => hold("an older version was read".to_owned()),
        38 => hold("edited within the minute of the last write: waits until it settles".to_owned()),
        24 if [(Side::Notion, s.notion), (Side::Github, s.github)]
            .iter()
            .any(|(side, state)| *state == SideState::Missing && case.doubts.on(*side)) =>
        {
            hold(
                "not there, and neither is what must be readable there: nothing is concluded from \
                 that"
                    .to_owned(),
            );
        }
        24 => {
            hold("not found; deleted or no longer shared: nothing is done without proof".to_owned())
        }
        25 => {
            let why = Side::BOTH.iter().find_map(|&side| match case.view(side) {
                Some(View {
                    presence: Presence::Unread(why),
                    ..
                })
                | Some(View {
                    body: BodyView::Unusable(why),
                    ..
                }) => Some(format!("{side}: {why}")),
                _ => None,
            });
            let why = why.unwrap_or_else(|| "not read".to_owned());
            plan.alerts.push(alert(&why, false));
            hold(why);
        }
        18 => remove(case, s, Side::Github, &mut plan),
        19 => remove(case, s, Side::Notion, &mut plan),
        20 | 22 if case.mapping.policy == Policy::ManualReview => {
            plan.alerts.push(alert(
                "deleted on one side and edited on the other: restore the one or delete the other",
                false,
            ));
            hold("deleted here, edited there".to_owned());
        }
        21 => plan.steps.push(Step::Restore(Side::Notion)),
        22 => plan.steps.push(Step::Restore(Side::Github)),
        57 => {
            plan.alerts.push(alert(
                "deleted on one side while a conflict is open: restore it, or delete the other side",
                false,
            ));
            hold("deleted with an open conflict".to_owned());
        }
        23 => {
            if case.record.life != Life::Tombstone {
                plan.life = Some(Life::Tombstone);
            }
            withdraw(case, "both sides are gone", &mut plan);
        }
        26 | 27 => {
            let back = if s.notion == SideState::Back {
                Side::Notion
            } else {
                Side::Github
            };
            match case.view(back.other()).map(|view| &view.presence) {
                Some(Presence::Present) if !is_put_away(case) => plan.life = Some(Life::Live),
                // It was buried before it had a partner: it is as new as it was then.
                _ if case.record.object(back.other()).is_none() => {
                    plan.life = Some(Life::Provisioning);
                }
                _ => plan.steps.push(Step::Restore(back.other())),
            }
        }
        35 | 36 => {
            if case.record.life != Life::Detached {
                plan.life = Some(Life::Detached);
                plan.alerts.push(alert(
                    "moved out of the mapping's scope: no longer synchronised",
                    false,
                ));
            }
        }
        54 => {
            // A value that nobody refused yet is proposed again.
            let news = case.notion.filter(|view| view.settled).is_some_and(|view| {
                !case.record.refused.is_empty() && !case.record.refused.contains(&page_hash(view))
            });
            if news && case.mapping.kind == MappingKind::Documents {
                plan.steps.push(Step::Propose(ProposalKind::Create, None));
            } else {
                hold(
                    "the proposal was closed without merging: a new edit or `retry` proposes again"
                        .to_owned(),
                );
            }
        }
        55 => deleting(case, s, &mut plan),
        60 => remove_duplicate(case, s, &mut plan),
        61 => keep_duplicate(case, &mut plan),
        _ => hold("nothing to do".to_owned()),
    }
    plan
}

/// The hash over all that a page says.
#[must_use]
pub fn page_hash(view: &View) -> ContentHash {
    let fields: Vec<_> = view
        .fields
        .iter()
        .map(|(id, field)| (id, field.value().unwrap_or(&Value::Null)))
        .collect();
    let body = view.document().map(crate::document::Document::hash);
    ContentHash::of("nsync/page/v1", &(fields, body))
}

/// The field of an issue that says whether it is closed, in both its terms and the mapping's. Every view of an
/// issue has it.
pub(crate) const STATE: &str = "state";

pub(crate) fn is_closed(view: Option<&View>) -> bool {
    let state = view.and_then(|view| view.fields.get(&FieldId::from(STATE)));
    matches!(state, Some(Field::Value(Value::Text(state))) if state == "closed")
}

/// The state of the issue that both sides agreed about, where the mapping has one.
fn agreed_state<'a>(case: &Case<'a>) -> Option<&'a str> {
    let base = case.record.base.as_ref()?;
    base.fields.get(&FieldId::from(STATE))?.github.as_text()
}

/// Whether an issue is closed that was not when both sides last agreed: the removal of an issue is
/// that state, and an issue that was done before is not brought back by opening it. Where they agree about
/// no state, it is closed because of its page if it was closed by us.
fn is_put_away(case: &Case<'_>) -> bool {
    let was_open = match agreed_state(case) {
        Some(agreed) => agreed != "closed",
        None => was_removed(case.record, Side::Github),
    };
    case.mapping.kind == MappingKind::Tasks && is_closed(case.github) && was_open
}

/// Decides each unit of a live record and composes the writes.
fn units(case: &Case<'_>) -> Plan {
    let (Some(notion), Some(github)) = (case.notion, case.github) else {
        return Plan::default();
    };
    let mut plan = Plan::default();
    let mut writes: BTreeMap<Side, WriteStep> = BTreeMap::new();
    for (id, unit) in case.fields {
        field::decide(case, id, unit, notion, github, &mut plan, &mut writes);
    }
    // A field that is not mapped any more is nobody's to decide.
    let unmapped =
        |unit: &&UnitId| matches!(unit, UnitId::Field(id) if !case.fields.contains_key(id));
    let over = case.record.conflicts.keys().filter(unmapped).cloned();
    plan.closes.extend(over);
    body::decide(case, notion, github, &mut plan, &mut writes);
    place::decide(case, notion, github, &mut plan, &mut writes);
    by_proposal(case, &mut plan, &mut writes);
    // GitHub first: its writes are conditional, so a plan that is out of date fails there before
    // anything was overwritten on the side without conditions.
    for side in [Side::Github, Side::Notion] {
        if let Some(write) = writes.remove(&side) {
            plan.steps.push(Step::Write(write));
        }
    }
    propose_conflict(case, &mut plan);
    plan
}

/// Row 53: where edits are delivered as pull requests, a write to GitHub becomes a proposal and
/// base stays until it is merged.
fn by_proposal(case: &Case<'_>, plan: &mut Plan, writes: &mut BTreeMap<Side, WriteStep>) {
    if case.mapping.kind != MappingKind::Documents {
        return;
    }
    if case.mapping.deliver != crate::mapping::Deliver::PullRequest {
        if proposal_open(case.record, ProposalKind::Edit) {
            let reason = "edits are committed without a pull request now";
            plan.steps.push(Step::Withdraw(reason.to_owned()));
        }
        return;
    }
    let Some(write) = writes.remove(&Side::Github) else {
        if proposal_open(case.record, ProposalKind::Edit) {
            plan.steps
                .push(Step::Withdraw("nothing is left to propose".to_owned()));
        }
        return;
    };
    let value = write_hash(&write);
    let known = case
        .record
        .proposal
        .as_ref()
        .filter(|proposal| proposal.kind == ProposalKind::Edit);
    if case.record.refused.contains(&value) {
        if proposal_open(case.record, ProposalKind::Edit) {
            plan.steps.push(Step::Withdraw(
                "what is left was proposed and refused".to_owned(),
            ));
        }
        plan.holds.push(Hold {
            unit: UnitId::Record,
            row: Row(54),
            reason: "this edit was proposed and refused".to_owned(),
        });
    } else if known.is_some_and(|p| {
        p.value == value && matches!(p.state, ProposalState::Planned | ProposalState::Open)
    }) {
        plan.holds.push(Hold {
            unit: UnitId::Record,
            row: Row(53),
            reason: "proposed in a pull request".to_owned(),
        });
    } else {
        plan.rows.push((UnitId::Record, Row(53)));
        plan.steps
            .push(Step::Propose(ProposalKind::Edit, Some(Box::new(write))));
    }
}

/// The hash of what a write wants.
#[must_use]
pub fn write_hash(write: &WriteStep) -> ContentHash {
    let fields: Vec<_> = write
        .fields
        .iter()
        .map(|(id, change)| (id, &change.desired))
        .collect();
    let body = write.body.as_ref().map(|(_, desired)| desired.hash());
    let domain = if write.follow_title {
        "nsync/write-and-move/v1"
    } else {
        "nsync/write/v1"
    };
    ContentHash::of(domain, &(fields, body))
}

/// Opens or refreshes the pull request of a conflict, closes it when everything is settled.
fn propose_conflict(case: &Case<'_>, plan: &mut Plan) {
    if case.mapping.kind != MappingKind::Documents {
        return;
    }
    let open = proposal_open(case.record, ProposalKind::Conflict);
    // A pull request shows two texts; where a file lies is decided without one.
    let parks = plan.parks.iter().any(|park| park.unit != UnitId::Path);
    let conflicts = &case.record.conflicts;
    let left = (conflicts.keys()).any(|unit| !plan.closes.contains(unit) && *unit != UnitId::Path);
    if parks || (open && is_behind(case.record, plan)) {
        plan.steps.push(Step::Propose(ProposalKind::Conflict, None));
    } else if open && !left {
        plan.steps
            .push(Step::Withdraw("both sides agree now".to_owned()));
    }
}

/// Whether the open pull request of a conflict publishes other versions than the sides hold.
#[must_use]
pub fn is_behind(record: &Record, plan: &Plan) -> bool {
    let Some(proposal) = &record.proposal else {
        return false;
    };
    record
        .conflicts
        .iter()
        .filter(|(unit, _)| !plan.closes.contains(unit) && **unit != UnitId::Path)
        .any(|(unit, conflict)| {
            proposal.published.get(unit) != Some(&(conflict.notion, conflict.github))
        })
}
