//! One record as a decision sees it, with every part in the hands of a test.

use std::collections::BTreeMap;

use notion_sync_core::hash::ContentHash;
use notion_sync_core::id::{FieldId, Side};
use notion_sync_core::mapping::{BodyView, Direction, MappingKind, Policy, Resolver, View};
use notion_sync_core::reconcile::table::Identity;
use notion_sync_core::reconcile::{Case, Decision, Doubts, Plan, Step, UnitField, reconcile};
use notion_sync_core::record::{Conflict, Life, Proposal, ProposalState, UnitId};
use notion_sync_core::remote::ProposalKind;
use notion_sync_core::snapshot::{Field, Presence, Proof};
use notion_sync_core::value::Value;

use super::world::{Pair, at, document, mapping};

/// Where the file of a document lies, as agreed and as its title asks for.
pub(super) const PLACE: &str = "docs/t0.md";

/// A record and what is seen of it now.
pub(super) struct Scene {
    pub(super) pair: Pair,
    pub(super) notion: Option<View>,
    pub(super) github: Option<View>,
    pub(super) identity: Identity,
    pub(super) unresolved: bool,
    pub(super) doubts: Doubts,
}

impl Scene {
    /// A live pair that holds what was agreed.
    pub(super) fn at_rest(kind: MappingKind, policy: Policy) -> Self {
        let fields = |state: &str| -> BTreeMap<FieldId, Value> {
            [
                ("title", Value::text("t0")),
                ("note", Value::text("n0")),
                ("state", Value::text(state)),
            ]
            .map(|(id, value)| (id.into(), value))
            .into()
        };
        let mapping = mapping(kind, policy, Direction::Both);
        let mut pair = Pair::agreed(
            mapping,
            (fields("To do"), fields("open")),
            &document(&["one"]),
        );
        let (notion, mut github) = pair.views();
        github.place = Some(PLACE.to_owned());
        pair.record.base.as_mut().unwrap().path = Some(PLACE.to_owned());
        Self {
            pair,
            notion: Some(notion),
            github: Some(github),
            identity: Identity::Clean,
            unresolved: false,
            doubts: Doubts::default(),
        }
    }

    /// A live pair of a page and an issue.
    pub(super) fn task() -> Self {
        Self::at_rest(MappingKind::Tasks, Policy::ManualReview)
    }

    /// A live pair of a page and a file.
    pub(super) fn page() -> Self {
        Self::at_rest(MappingKind::Documents, Policy::ManualReview)
    }

    pub(super) fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    pub(super) fn life(self, life: Life) -> Self {
        self.with(|scene| scene.pair.record.life = life)
    }

    pub(super) fn view(&mut self, side: Side) -> &mut View {
        let view = match side {
            Side::Notion => &mut self.notion,
            Side::Github => &mut self.github,
        };
        view.as_mut().unwrap()
    }

    /// What is read of a side that is not there.
    pub(super) fn shows(self, side: Side, presence: Presence) -> Self {
        self.with(|scene| {
            let view = scene.view(side);
            view.presence = presence;
            view.fields.clear();
            view.body = BodyView::None;
        })
    }

    pub(super) fn gone(self, side: Side) -> Self {
        self.shows(side, Presence::Gone(Proof::Deleted))
    }

    pub(super) fn missing(self, side: Side) -> Self {
        self.shows(side, Presence::Missing)
    }

    pub(super) fn moved_out(self, side: Side) -> Self {
        self.shows(side, Presence::MovedOut("elsewhere".to_owned()))
    }

    /// An object that no record knows.
    pub(super) fn unknown(self, side: Side) -> Self {
        self.with(|scene| {
            scene.pair.record.set_object(side, None);
            scene.pair.record.base = None;
            scene.pair.record.life = Life::Provisioning;
        })
    }

    /// There is no object on a side and never was.
    pub(super) fn absent(self, side: Side) -> Self {
        self.unknown(side).with(|scene| match side {
            Side::Notion => scene.notion = None,
            Side::Github => scene.github = None,
        })
    }

    /// A person writes a field, and the revision moves with that.
    pub(super) fn says(self, side: Side, field: &str, text: &str) -> Self {
        self.with(|scene| {
            let view = scene.view(side);
            let value = Field::Value(Value::text(text));
            view.fields.insert(field.into(), value);
            view.revision.at = at(5);
        })
    }

    pub(super) fn edited(self, side: Side) -> Self {
        self.says(side, "note", "edited")
    }

    /// The issue was closed when both sides last agreed.
    pub(super) fn done(self) -> Self {
        self.with(|scene| {
            let base = scene.pair.record.base.as_mut().unwrap();
            let state = base.fields.get_mut(&"state".into()).unwrap();
            state.github = Value::text("closed");
        })
    }

    pub(super) fn unsettled(self, side: Side) -> Self {
        self.with(|scene| scene.view(side).settled = false)
    }

    pub(super) fn proposed(self, kind: ProposalKind, state: ProposalState) -> Self {
        self.with(|scene| scene.pair.record.proposal = Some(proposal(kind, state)))
    }

    /// A conflict that was opened over two texts of a unit.
    pub(super) fn parked(self, unit: UnitId, notion: &str, github: &str) -> Self {
        self.with(|scene| {
            let hash =
                |text: &str| notion_sync_core::reconcile::unit_hash(&unit, &Value::text(text));
            let conflict = Conflict {
                notion: hash(notion),
                github: hash(github),
                base: Some(hash("n0")),
                notion_text: notion.to_owned(),
                github_text: github.to_owned(),
                policy: Policy::ManualReview,
                since: at(5),
            };
            scene.pair.record.conflicts.insert(unit, conflict);
        })
    }

    pub(super) fn plan(&self) -> Plan {
        self.decide(&[], reconcile)
    }

    /// What is planned where GitHub may have no place for some fields.
    pub(super) fn plan_later(&self, later: &[&str]) -> Plan {
        self.decide(later, reconcile)
    }

    /// The decision as it is kept.
    pub(super) fn kept(&self) -> Decision {
        self.decide(&[], |case| Decision::record(case, at(10)))
    }

    fn decide<T>(&self, later: &[&str], decide: impl FnOnce(&Case<'_>) -> T) -> T {
        let resolver = Resolver::default();
        let mut fields: BTreeMap<FieldId, UnitField<'_>> = self.pair.units(&resolver);
        for (id, unit) in &mut fields {
            unit.later = later.contains(&id.as_str());
        }
        decide(&Case {
            mapping: &self.pair.mapping,
            record: &self.pair.record,
            body_base: self.pair.body.as_ref(),
            notion: self.notion.as_ref(),
            github: self.github.as_ref(),
            fields: &fields,
            identity: self.identity,
            unresolved: self.unresolved,
            doubts: self.doubts,
        })
    }
}

/// A proposal that publishes nothing yet.
pub(super) fn proposal(kind: ProposalKind, state: ProposalState) -> Proposal {
    Proposal {
        kind,
        branch: "b".to_owned(),
        pull: None,
        url: None,
        head: None,
        published: BTreeMap::new(),
        path: None,
        state,
        value: ContentHash::of("t", "what it proposes"),
        refreshed_at: at(5),
    }
}

/// The rows behind a plan, by unit.
pub(super) fn rows(plan: &Plan) -> Vec<(UnitId, u8)> {
    let rows = plan.rows.iter();
    rows.map(|(unit, row)| (unit.clone(), row.0)).collect()
}

/// The reasons why something waits, with their rows.
pub(super) fn holds(plan: &Plan) -> Vec<(u8, &str)> {
    let holds = plan.holds.iter();
    holds
        .map(|hold| (hold.row.0, hold.reason.as_str()))
        .collect()
}

/// The values of a field that are written, with the side.
pub(super) fn written(plan: &Plan, field: &str) -> Vec<(Side, Value)> {
    let writes = plan.steps.iter().filter_map(|step| match step {
        Step::Write(write) => Some((write.side, write.fields.get(&field.into())?.desired.clone())),
        _ => None,
    });
    writes.collect()
}
