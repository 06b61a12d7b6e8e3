//! Single units of a live pair: what each row of the table writes, holds, parks and agrees.

mod body;
mod fields;
mod parked;
mod replay;
mod sets;

use std::collections::BTreeMap;

use notion_sync_core::hash::ContentHash;
use notion_sync_core::id::{FieldId, Side};
use notion_sync_core::mapping::{
    Direction, FieldKind, FieldMap, MappingKind, Policy, Relative, Resolver,
};
use notion_sync_core::reconcile::table::Identity;
use notion_sync_core::reconcile::{Case, Plan, Step, UnitField, WriteStep, reconcile};
use notion_sync_core::record::{Agreed, Conflict, Proposal, ProposalState, UnitId};
use notion_sync_core::remote::ProposalKind;
use notion_sync_core::snapshot::Field;
use notion_sync_core::value::Value;

use super::executor::Trail;
use super::world::{Pair, at, document, mapping};

const POLICIES: [Policy; 3] = [Policy::NotionWins, Policy::GithubWins, Policy::ManualReview];

fn id() -> FieldId {
    "f".into()
}

fn unit() -> UnitId {
    UnitId::Field(id())
}

fn text(text: &str) -> Value {
    Value::text(text)
}

fn writes(plan: &Plan) -> Vec<&WriteStep> {
    let steps = plan.steps.iter();
    let writes = steps.filter_map(|step| match step {
        Step::Write(write) => Some(write),
        _ => None,
    });
    writes.collect()
}

/// A task with one field.
#[derive(Debug, Clone)]
struct One {
    pair: Pair,
    resolver: Resolver,
    /// Whether an issue may have no place for the field.
    later: bool,
    /// The side that has no place for it now.
    vacant: Option<Side>,
}

impl One {
    fn new(kind: FieldKind, policy: Policy, direction: Direction) -> Self {
        let mut mapping = mapping(MappingKind::Tasks, policy, Direction::Both);
        mapping.fields = vec![FieldMap {
            id: id(),
            notion: "f".to_owned(),
            github: "f".to_owned(),
            kind,
            direction,
        }];
        let nothing = || BTreeMap::from([(id(), Value::Null)]);
        let mut pair = Pair::agreed(mapping, (nothing(), nothing()), &document(&["one"]));
        pair.record.base.as_mut().unwrap().fields.clear();
        Self {
            pair,
            resolver: Resolver::default(),
            later: false,
            vacant: None,
        }
    }

    fn text(policy: Policy) -> Self {
        Self::new(FieldKind::Text, policy, Direction::Both)
    }

    fn agreed(mut self, notion: Value, github: Value) -> Self {
        let base = self.pair.record.base.as_mut().unwrap();
        base.fields.insert(id(), Agreed { notion, github });
        self
    }

    fn shows(mut self, notion: Value, github: Value) -> Self {
        self.pair.notion.fields.insert(id(), notion);
        self.pair.github.fields.insert(id(), github);
        self
    }

    fn later(mut self) -> Self {
        self.later = true;
        self
    }

    fn vacant(mut self, side: Side) -> Self {
        self.vacant = Some(side);
        self
    }

    /// A task that others name as their parent.
    fn knows(mut self, page: Option<&str>, issue: Option<&str>, title: &str) -> Self {
        self.resolver.relatives.add(Relative {
            page: page.map(str::to_owned),
            issue: issue.map(str::to_owned),
            title: title.to_owned(),
            alive: true,
        });
        self
    }

    /// Another unit of the pair is parked.
    fn beside_a_conflict(mut self) -> Self {
        let conflict = Conflict {
            notion: ContentHash::of_bytes("t", b"n"),
            github: ContentHash::of_bytes("t", b"g"),
            base: None,
            notion_text: String::new(),
            github_text: String::new(),
            policy: Policy::ManualReview,
            since: at(0),
        };
        // One that no unit decides about.
        let other = UnitId::Record;
        self.pair.record.conflicts.insert(other, conflict);
        self
    }

    /// What it shows now is remembered as a conflict.
    fn parked(mut self) -> Self {
        let plan = self.plan();
        assert_eq!(plan.parks.len(), 1, "{plan:?}");
        self.pair.remember(&plan, &mut Trail::default());
        self
    }

    /// The pull request of its conflicts, as they are now, or one of another kind.
    fn proposed(mut self, kind: ProposalKind, state: ProposalState) -> Self {
        propose(&mut self.pair, kind, state);
        self
    }

    fn plan(&self) -> Plan {
        self.decide(reconcile)
    }

    fn decide<T>(&self, decide: impl FnOnce(&Case<'_>) -> T) -> T {
        let mut fields = self.pair.units(&self.resolver);
        for unit in fields.values_mut() {
            unit.later = self.later;
        }
        self.decide_with(&fields, decide)
    }

    fn decide_with<T>(
        &self,
        fields: &BTreeMap<FieldId, UnitField<'_>>,
        decide: impl FnOnce(&Case<'_>) -> T,
    ) -> T {
        let (mut notion, mut github) = self.pair.views();
        for (side, view) in [(Side::Notion, &mut notion), (Side::Github, &mut github)] {
            if self.vacant == Some(side) {
                view.fields.insert(id(), Field::Vacant(None));
            }
        }
        decide(&Case {
            mapping: &self.pair.mapping,
            record: &self.pair.record,
            body_base: self.pair.body.as_ref(),
            notion: Some(&notion),
            github: Some(&github),
            fields,
            identity: Identity::Clean,
            unresolved: false,
            doubts: Default::default(),
        })
    }
}

/// Gives a pair a pull request that publishes its conflicts as they are now.
fn propose(pair: &mut Pair, kind: ProposalKind, state: ProposalState) {
    let conflicts = pair.record.conflicts.iter();
    pair.record.proposal = Some(Proposal {
        kind,
        branch: "b".to_owned(),
        pull: None,
        url: None,
        head: None,
        published: conflicts
            .map(|(unit, conflict)| (unit.clone(), (conflict.notion, conflict.github)))
            .collect(),
        path: None,
        state,
        value: ContentHash::of_bytes("t", b"v"),
        refreshed_at: at(0),
    });
}

/// Which rows decided, without the names of their units.
fn rows(plan: &Plan) -> Vec<u8> {
    plan.rows.iter().map(|(_, row)| row.0).collect()
}

/// What is written of the field: side, expected and desired value.
fn written(plan: &Plan) -> Vec<(Side, Value, Value)> {
    let changes = plan.steps.iter().filter_map(|step| match step {
        Step::Write(write) => {
            let change = write.fields.get(&id())?;
            Some((write.side, change.expected.clone(), change.desired.clone()))
        }
        _ => None,
    });
    changes.collect()
}

fn held(plan: &Plan) -> Vec<(u8, &str)> {
    let holds = plan.holds.iter();
    holds
        .map(|hold| (hold.row.0, hold.reason.as_str()))
        .collect()
}
