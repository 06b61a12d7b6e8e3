//! P07, P08 and P10: what a plan may and may not do.

use std::collections::BTreeMap;

use notion_sync_core::id::Side;
use notion_sync_core::mapping::{Direction, Policy, Resolver};
use notion_sync_core::reconcile::table::Row;
use notion_sync_core::reconcile::{Plan, Step};
use notion_sync_core::record::UnitId;
use proptest::prelude::*;

use super::executor::Trail;
use super::world::{Edit, Pair, edit, edited};
use super::{CASES, config};

/// Rows that a policy may change.
const POLICY_ROWS: [u8; 11] = [4, 12, 13, 14, 18, 19, 20, 21, 22, 30, 48];

fn rows(plan: &Plan) -> BTreeMap<UnitId, Row> {
    plan.rows.iter().cloned().collect()
}

/// A pair with open conflicts: edits under manual review, then more edits.
fn parked() -> impl Strategy<Value = Pair> {
    let more = proptest::collection::vec((any::<bool>(), edit()), 0..4);
    (edited(), more).prop_map(|(mut pair, more)| {
        pair.mapping.policy = Policy::ManualReview;
        let mut trail = Trail::default();
        let plan = pair.plan();
        pair.remember(&plan, &mut trail);
        for step in &plan.steps {
            if !pair.carry_out(&plan, step, &mut trail) {
                break;
            }
        }
        for (on_notion, edit) in &more {
            if !matches!(edit, Edit::Trash) {
                pair.edit(
                    if *on_notion {
                        Side::Notion
                    } else {
                        Side::Github
                    },
                    edit,
                );
            }
        }
        pair
    })
}

proptest! {
    #![proptest_config(config(CASES))]

    /// P10: the same world gives the same bytes.
    #[test]
    fn deciding_twice_gives_the_same_bytes(pair in parked()) {
        let again = pair.clone();
        prop_assert_eq!(format!("{:?}", pair.plan()), format!("{:?}", again.plan()));
    }

    /// P07: under manual review nothing is written over a value that nobody agreed on.
    #[test]
    fn manual_review_writes_only_over_agreed_values(pair in edited()) {
        let mut pair = pair;
        pair.mapping.policy = Policy::ManualReview;
        let plan = pair.plan();
        let resolver = Resolver::default();
        let units = pair.units(&resolver);
        let base = pair.record.base.as_ref().unwrap();
        for step in &plan.steps {
            let Step::Write(write) = step else { continue };
            for (id, change) in &write.fields {
                let unit = &units[id];
                if unit.direction != Direction::Both || unit.lens.is_set() {
                    continue;
                }
                let agreed = base.fields[id].on(write.side);
                prop_assert_eq!(&change.expected, agreed, "{}", id);
            }
        }
        prop_assert!(
            plan.losers.iter().all(|loser| loser.unit == UnitId::Field("note".into())
                && pair.mapping.fields[4].direction != Direction::Both),
            "{:?}", plan.losers
        );
    }

    /// P08: a policy changes only the rows it may, and nothing that is parked.
    #[test]
    fn policies_change_only_their_rows(pair in parked()) {
        let plans: Vec<Plan> = [Policy::ManualReview, Policy::NotionWins, Policy::GithubWins]
            .into_iter()
            .map(|policy| {
                let mut pair = pair.clone();
                pair.mapping.policy = policy;
                pair.plan()
            })
            .collect();
        let manual = rows(&plans[0]);
        for plan in &plans[1..] {
            let other = rows(plan);
            for unit in manual.keys().chain(other.keys()) {
                let (a, b) = (manual.get(unit), other.get(unit));
                if a == b {
                    continue;
                }
                let free = |row: Option<&Row>| row.is_none_or(|row| POLICY_ROWS.contains(&row.0));
                prop_assert!(free(a) && free(b), "{unit}: {a:?} {b:?}");
                prop_assert!(!pair.record.conflicts.contains_key(unit), "{unit} is parked");
            }
            // What is written to a parked field does not depend on the policy.
            for step in &plan.steps {
                let Step::Write(write) = step else { continue };
                for id in write.fields.keys() {
                    let unit = UnitId::Field(id.clone());
                    if pair.record.conflicts.contains_key(&unit) {
                        prop_assert!(matches!(manual[&unit], Row(16 | 17)), "{unit}");
                    }
                }
            }
            // A body with an open conflict loses nothing to a policy, wherever the place is now.
            let open = |unit: &UnitId| matches!(unit, UnitId::Block(_));
            if pair.record.conflicts.keys().any(open) {
                let lost: Vec<_> = plan
                    .losers
                    .iter()
                    .filter(|loser| {
                        open(&loser.unit)
                            && pair.record.conflicts.values().any(|conflict| {
                                [conflict.notion, conflict.github].contains(&loser.hash)
                            })
                    })
                    .collect();
                prop_assert!(lost.is_empty(), "{lost:?}");
            }
        }
    }

    /// Every place that is parked stays in front of people until it is settled: what the record
    /// remembers and what the sides hold agree.
    #[test]
    fn what_differs_is_parked_held_or_written(pair in parked()) {
        let mut pair = pair;
        let mut trail = Trail::default();
        pair.rest(&mut trail)
            .map_err(|plan| TestCaseError::fail(format!("no end: {plan:#?}")))?;
        let quiet = pair.plan();
        let waits = !pair.record.conflicts.is_empty() || !quiet.holds.is_empty();
        let gone = pair.notion.presence != notion_sync_core::snapshot::Presence::Present
            || pair.github.presence != notion_sync_core::snapshot::Presence::Present;
        prop_assert!(pair.says_same() || waits || gone);
        for (unit, conflict) in &pair.record.conflicts {
            prop_assert!(conflict.notion != conflict.github, "{unit} is no conflict any more");
        }
    }
}
