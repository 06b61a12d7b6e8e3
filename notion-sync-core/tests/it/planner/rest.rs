//! P01 and P06: rounds end in agreement, and base is what both sides hold.

use notion_sync_core::id::Side;
use notion_sync_core::mapping::Resolver;
use notion_sync_core::record::UnitId;
use notion_sync_core::snapshot::Presence;
use proptest::prelude::*;

use super::executor::Trail;
use super::world::{Edit, Pair, agreed, edit, edited};
use super::{CASES, config};

/// Checks a pair at rest: every unit that is neither parked nor held is equal and agreed.
fn at_rest(pair: &Pair) -> Result<(), TestCaseError> {
    let there = |side| match side {
        Side::Notion => pair.notion.presence == Presence::Present,
        Side::Github => pair.github.presence == Presence::Present,
    };
    if !there(Side::Notion) || !there(Side::Github) {
        return Ok(());
    }
    let plan = pair.plan();
    let waits = |unit: &UnitId| {
        pair.record.conflicts.contains_key(unit) || plan.holds.iter().any(|hold| hold.unit == *unit)
    };
    let resolver = Resolver::default();
    let base = pair.record.base.as_ref().unwrap();
    for (id, unit) in pair.units(&resolver) {
        if waits(&UnitId::Field(id.clone())) {
            continue;
        }
        let (n, g) = (
            pair.value(Side::Notion, id.as_str()),
            pair.value(Side::Github, id.as_str()),
        );
        prop_assert_eq!(
            unit.lens.project(Side::Notion, &n),
            unit.lens.project(Side::Github, &g),
            "{} differs at rest",
            id
        );
        let agreed = &base.fields[&id];
        prop_assert_eq!((&agreed.notion, &agreed.github), (&n, &g), "base of {}", id);
    }
    let blocks = pair
        .record
        .conflicts
        .keys()
        .any(|unit| matches!(unit, UnitId::Block(_) | UnitId::Body));
    if !blocks {
        prop_assert!(pair.notion.body.canon_eq(&pair.github.body));
        let body = pair.body.as_ref().unwrap();
        prop_assert_eq!(body.hash(Side::Notion), pair.notion.body.hash());
        prop_assert_eq!(body.hash(Side::Github), pair.github.body.hash());
    }
    Ok(())
}

fn no_end(plan: Box<notion_sync_core::reconcile::Plan>) -> TestCaseError {
    TestCaseError::fail(format!("no end: {plan:#?}"))
}

proptest! {
    #![proptest_config(config(CASES))]

    /// P01, P06: one set of edits comes to rest within two rounds, and writes nothing after that.
    #[test]
    fn edits_come_to_rest(pair in edited()) {
        let mut pair = pair;
        let mut trail = Trail::default();
        let rounds = pair.rest(&mut trail).map_err(no_end)?;
        prop_assert!(rounds <= 2, "{} rounds", rounds);
        at_rest(&pair)?;
        let writes = trail.writes;
        let before = pair.record.clone();
        let plan = pair.round(&mut trail);
        prop_assert!(plan.is_empty(), "{plan:#?}");
        prop_assert_eq!(trail.writes, writes);
        prop_assert_eq!(&before, &pair.record);
    }
}

proptest! {
    #![proptest_config(config(CASES))]

    /// P01, P06 with plans that are cut off after some of their steps, and people who go on.
    #[test]
    fn interrupted_plans_come_to_rest(
        pair in edited(),
        cuts in proptest::collection::vec((0..3_usize, any::<bool>(), edit()), 1..4),
    ) {
        let mut pair = pair;
        let mut trail = Trail::default();
        for (steps, on_notion, edit) in &cuts {
            let plan = pair.plan();
            pair.remember(&plan, &mut trail);
            for step in plan.steps.iter().take(*steps) {
                if !pair.carry_out(&plan, step, &mut trail) {
                    break;
                }
            }
            if !matches!(edit, Edit::Trash) {
                pair.edit(if *on_notion { Side::Notion } else { Side::Github }, edit);
            }
        }
        let rounds = pair.rest(&mut trail).map_err(no_end)?;
        prop_assert!(rounds <= 4, "{} rounds", rounds);
        at_rest(&pair)?;
    }
}

proptest! {
    #![proptest_config(config(CASES))]

    /// P22 through the planner: edits of one side are taken over as they are, and lose nothing.
    #[test]
    fn edits_of_one_side_are_taken_over(
        pair in agreed(),
        edits in proptest::collection::vec(edit(), 1..6),
        on_notion in any::<bool>(),
    ) {
        let mut pair = pair;
        let side = if on_notion { Side::Notion } else { Side::Github };
        for edit in edits.iter().filter(|edit| !matches!(edit, Edit::Trash | Edit::Note(_))) {
            pair.edit(side, edit);
        }
        let before = pair.half(side).clone();
        let mut trail = Trail::default();
        let rounds = pair.rest(&mut trail).map_err(no_end)?;
        prop_assert!(rounds <= 1, "{} rounds", rounds);
        let after = pair.half(side).clone();
        prop_assert_eq!(&after.fields, &before.fields);
        prop_assert!(after.body.canon_eq(&before.body));
        prop_assert!(trail.losers.is_empty() && pair.record.conflicts.is_empty());
        prop_assert!(pair.says_same() || !pair.plan().holds.is_empty());
    }

    /// P22: the same edits of text on both sides need no write and are no conflict.
    #[test]
    fn the_same_edits_need_no_write(
        pair in agreed(),
        edits in proptest::collection::vec(edit(), 1..6),
    ) {
        let mut pair = pair;
        let text = |edit: &&Edit| {
            !matches!(edit, Edit::Trash | Edit::State(_) | Edit::Person(_))
        };
        for edit in edits.iter().filter(text) {
            pair.edit(Side::Notion, edit);
            pair.edit(Side::Github, edit);
        }
        let mut trail = Trail::default();
        pair.rest(&mut trail).map_err(no_end)?;
        prop_assert_eq!(trail.writes, 0);
        prop_assert!(trail.losers.is_empty() && pair.record.conflicts.is_empty());
        at_rest(&pair)?;
    }
}
