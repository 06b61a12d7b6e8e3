//! P09: exchanging the sides exchanges the decisions.

use std::collections::{BTreeMap, BTreeSet};

use notion_sync_core::document::merge::BodyBase;
use notion_sync_core::hash::ContentHash;
use notion_sync_core::id::{FieldId, Side};
use notion_sync_core::mapping::{Direction, Lens, LensError, MappingKind, Resolver};
use notion_sync_core::reconcile::table::Identity;
use notion_sync_core::reconcile::{Case, Plan, Step, UnitField, reconcile};
use notion_sync_core::record::{Agreed, UnitId};
use notion_sync_core::value::Value;
use proptest::prelude::*;

use super::executor::Trail;
use super::world::{Edit, Pair, edit, edited};
use super::{CASES, config};

/// A lens seen from the other side.
#[derive(Debug)]
struct Mirror<'a>(Box<dyn Lens + 'a>);

impl Lens for Mirror<'_> {
    fn project(&self, side: Side, value: &Value) -> Value {
        self.0.project(side.other(), value)
    }

    fn inject(&self, side: Side, canonical: &Value, current: &Value) -> Result<Value, LensError> {
        self.0.inject(side.other(), canonical, current)
    }

    fn is_set(&self) -> bool {
        self.0.is_set()
    }
}

fn swap_agreed(agreed: &Agreed) -> Agreed {
    Agreed {
        notion: agreed.github.clone(),
        github: agreed.notion.clone(),
    }
}

fn swap_body(body: &BodyBase) -> BodyBase {
    let mut out = body.clone();
    for pair in &mut out.pairs {
        std::mem::swap(&mut pair.notion, &mut pair.github);
    }
    for held in &mut out.held {
        std::mem::swap(&mut held.notion, &mut held.github);
    }
    out
}

/// Decides about the pair with its sides exchanged.
fn swapped(pair: &Pair) -> Plan {
    let resolver = Resolver::default();
    let units: BTreeMap<FieldId, UnitField<'_>> = pair
        .units(&resolver)
        .into_iter()
        .map(|(id, unit)| {
            let unit = UnitField {
                lens: Box::new(Mirror(unit.lens)) as Box<dyn Lens>,
                direction: match unit.direction {
                    Direction::Both => Direction::Both,
                    Direction::ToGithub => Direction::ToNotion,
                    Direction::ToNotion => Direction::ToGithub,
                },
                blocked: unit.blocked,
                later: unit.later,
            };
            (id, unit)
        })
        .collect();
    let mut record = pair.record.clone();
    std::mem::swap(&mut record.notion, &mut record.github);
    std::mem::swap(&mut record.retired_notion, &mut record.retired_github);
    if let Some(base) = &mut record.base {
        std::mem::swap(&mut base.notion, &mut base.github);
        for agreed in base.fields.values_mut() {
            *agreed = swap_agreed(agreed);
        }
    }
    // Names of places in the body hash what both sides held: they are made anew.
    let names = names(pair);
    record.conflicts = record
        .conflicts
        .into_iter()
        .map(|(unit, mut conflict)| {
            std::mem::swap(&mut conflict.notion, &mut conflict.github);
            std::mem::swap(&mut conflict.notion_text, &mut conflict.github_text);
            conflict.policy = conflict.policy.mirrored();
            (names.get(&unit).cloned().unwrap_or(unit), conflict)
        })
        .collect();
    let mut mapping = pair.mapping.clone();
    mapping.policy = mapping.policy.mirrored();
    let (notion, github) = pair.views();
    let body = pair.body.as_ref().map(swap_body);
    reconcile(&Case {
        mapping: &mapping,
        record: &record,
        body_base: body.as_ref(),
        notion: Some(&github),
        github: Some(&notion),
        fields: &units,
        identity: Identity::Clean,
        unresolved: false,
        doubts: Default::default(),
    })
}

/// What each place in the body is called with the sides exchanged: places of the base as it is now.
fn names(pair: &Pair) -> BTreeMap<UnitId, UnitId> {
    let Some(body) = &pair.body else {
        return BTreeMap::new();
    };
    let other = swap_body(body);
    let one =
        notion_sync_core::document::merge::regions(body, &pair.notion.body, &pair.github.body);
    let two =
        notion_sync_core::document::merge::regions(&other, &pair.github.body, &pair.notion.body);
    one.iter()
        .zip(two.iter())
        .map(|(a, b)| (UnitId::block(&a.anchor), UnitId::block(&b.anchor)))
        .collect()
}

/// A plan in what it decides, with the sides exchanged back where `swap` says so.
#[derive(Debug, PartialEq)]
struct Decision {
    rows: BTreeMap<UnitId, u8>,
    writes: BTreeMap<Side, (BTreeMap<FieldId, Value>, Option<ContentHash>)>,
    removes: BTreeSet<(Side, bool)>,
    parks: BTreeMap<UnitId, (ContentHash, ContentHash)>,
    closes: BTreeSet<UnitId>,
    losers: BTreeSet<(Side, ContentHash)>,
    agreed: BTreeMap<FieldId, Agreed>,
    holds: BTreeSet<UnitId>,
}

fn mirror_row(row: u8) -> u8 {
    match row {
        8 => 9,
        9 => 8,
        13 => 14,
        14 => 13,
        18 => 19,
        19 => 18,
        20 | 21 => 22,
        other => other,
    }
}

fn decision(plan: &Plan, swap: Option<&BTreeMap<UnitId, UnitId>>) -> Decision {
    let side = |side: Side| if swap.is_some() { side.other() } else { side };
    let back = |unit: &UnitId| {
        swap.and_then(|names| names.iter().find(|(_, new)| *new == unit))
            .map_or_else(|| unit.clone(), |(old, _)| old.clone())
    };
    // The rows of a deletion against an edit have one number on each side and two policies.
    let fold = |row: u8| if matches!(row, 20..=22) { 22 } else { row };
    Decision {
        rows: plan
            .rows
            .iter()
            .map(|(unit, row)| {
                let row = if swap.is_some() {
                    mirror_row(row.0)
                } else {
                    row.0
                };
                (back(unit), fold(row))
            })
            .filter(|(unit, _)| !set_unit(unit))
            .collect(),
        writes: plan
            .steps
            .iter()
            .filter_map(|step| match step {
                Step::Write(write) => {
                    let fields = write
                        .fields
                        .iter()
                        .map(|(id, change)| (id.clone(), change.desired.clone()))
                        .collect();
                    let body = write.body.as_ref().map(|(_, desired)| desired.hash());
                    Some((side(write.side), (fields, body)))
                }
                _ => None,
            })
            .collect(),
        removes: plan
            .steps
            .iter()
            .filter_map(|step| match step {
                Step::Remove(on) => Some((side(*on), true)),
                Step::Restore(on) => Some((side(*on), false)),
                _ => None,
            })
            .collect(),
        parks: plan
            .parks
            .iter()
            .map(|park| {
                let (a, b) = (park.notion.0, park.github.0);
                (
                    back(&park.unit),
                    if swap.is_some() { (b, a) } else { (a, b) },
                )
            })
            .collect(),
        closes: plan.closes.iter().map(back).collect(),
        losers: plan
            .losers
            .iter()
            .map(|loser| (side(loser.side), loser.hash))
            .collect(),
        agreed: plan
            .agreed
            .fields
            .iter()
            .map(|(id, agreed)| {
                let agreed = if swap.is_some() {
                    swap_agreed(agreed)
                } else {
                    agreed.clone()
                };
                (id.clone(), agreed)
            })
            .collect(),
        holds: plan.holds.iter().map(|hold| back(&hold.unit)).collect(),
    }
}

/// Sets that go both ways have two rows of one unit.
fn set_unit(unit: &UnitId) -> bool {
    matches!(unit, UnitId::Field(id) if ["labels", "people"].contains(&id.as_str()))
}

proptest! {
    #![proptest_config(config(CASES))]

    /// P09, for what is decided, not for the means.
    #[test]
    fn deciding_commutes_with_exchanging_the_sides(
        pair in edited(),
        first in any::<bool>(),
        more in proptest::collection::vec((any::<bool>(), edit()), 0..4),
    ) {
        let mut pair = pair;
        // Files and proposals exist on one side only.
        pair.mapping.kind = MappingKind::Tasks;
        if first {
            let mut trail = Trail::default();
            pair.round(&mut trail);
            for (on_notion, edit) in &more {
                if !matches!(edit, Edit::Trash) {
                    pair.edit(if *on_notion { Side::Notion } else { Side::Github }, edit);
                }
            }
        }
        let names = names(&pair);
        let plan = pair.plan();
        let other = swapped(&pair);
        prop_assert_eq!(decision(&plan, None), decision(&other, Some(&names)));
    }
}
