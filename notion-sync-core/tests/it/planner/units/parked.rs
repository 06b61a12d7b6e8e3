//! Fields in an open conflict: rows 12, 15 to 17, 54 and 56, under every policy.

use notion_sync_core::id::Side;
use notion_sync_core::mapping::{Direction, FieldKind, Policy};
use notion_sync_core::reconcile::{Plan, unit_hash};
use notion_sync_core::record::{Agreed, ProposalState, UnitId};
use notion_sync_core::remote::ProposalKind;
use notion_sync_core::value::Value;

use super::{One, POLICIES, held, id, rows, text, unit, written};

/// A field that was edited differently on both sides.
fn conflict() -> One {
    One::text(Policy::ManualReview)
        .agreed(text("old"), text("old"))
        .shows(text("ours"), text("theirs"))
        .parked()
}

/// A field that was different on both sides before they were paired.
fn first() -> One {
    One::text(Policy::ManualReview)
        .shows(text("ours"), text("theirs"))
        .parked()
}

/// What is decided, which is the same under every policy.
fn plan(mut one: One) -> Plan {
    let plans = POLICIES.map(|policy| {
        one.pair.mapping.policy = policy;
        one.plan()
    });
    assert!(plans[0] == plans[1] && plans[1] == plans[2], "{plans:?}");
    let [plan, ..] = plans;
    plan
}

#[test]
fn a_new_conflict_names_both_versions_and_what_was_agreed() {
    let hash = |value: &str| unit_hash(&unit(), &text(value));
    let edited = One::text(Policy::ManualReview)
        .agreed(text("old"), text("old"))
        .shows(text("ours"), text("theirs"));
    for (one, row, base) in [
        (edited, 12, Some(hash("old"))),
        (
            One::text(Policy::NotionWins).shows(text("ours"), text("theirs")),
            42,
            None,
        ),
    ] {
        let plan = one.plan();
        let [park] = plan.parks.as_slice() else {
            panic!("{plan:?}")
        };
        assert_eq!((&park.unit, park.row.0), (&unit(), row));
        assert_eq!(park.notion, (hash("ours"), "ours".to_owned()));
        assert_eq!(park.github, (hash("theirs"), "theirs".to_owned()));
        assert_eq!(park.base, base);
        assert_eq!(written(&plan), []);
    }
}

#[test]
fn a_conflict_that_nobody_touches_waits_for_a_decision() {
    for one in [conflict(), first()] {
        let waits = plan(one.clone());
        assert_eq!(rows(&waits), [56]);
        assert_eq!(held(&waits), [(56, "waits for a decision")]);
        let refused = plan(
            one.clone()
                .proposed(ProposalKind::Conflict, ProposalState::Refused),
        );
        assert_eq!(rows(&refused), [54]);
        assert_eq!(held(&refused), [(54, "waits for a decision")]);
        // That another pull request was closed says nothing about the conflict.
        for kind in [
            ProposalKind::Create,
            ProposalKind::Edit,
            ProposalKind::Delete,
        ] {
            let other = plan(one.clone().proposed(kind, ProposalState::Refused));
            assert_eq!(rows(&other), [56], "{kind:?}");
        }
        for plan in [waits, refused] {
            assert!(plan.is_empty(), "{plan:?}");
        }
    }
}

#[test]
fn a_conflict_over_what_is_equal_now_closes_without_a_write() {
    for one in [conflict(), first()] {
        let one = one.shows(text("both"), text("both"));
        let plan = plan(one);
        assert_eq!(rows(&plan), [16]);
        assert_eq!(plan.closes, [unit()]);
        assert_eq!(plan.steps, []);
        let both = Agreed {
            notion: text("both"),
            github: text("both"),
        };
        assert_eq!(plan.agreed.fields.get(&id()), Some(&both));
    }
}

#[test]
fn where_one_side_goes_back_to_what_was_agreed_the_other_side_is_written_there() {
    for (notion, github, target, desired) in [
        ("old", "theirs", Side::Notion, "theirs"),
        ("ours", "old", Side::Github, "ours"),
    ] {
        let plan = plan(conflict().shows(text(notion), text(github)));
        assert_eq!(rows(&plan), [16]);
        assert_eq!(plan.closes, [unit()]);
        assert_eq!(written(&plan), [(target, text("old"), text(desired))]);
    }
    // Without anything that was agreed no side can go back to it.
    let plan = plan(first().shows(Value::Null, text("theirs")));
    assert_eq!((rows(&plan), written(&plan)), (vec![15], vec![]));
}

#[test]
fn where_both_sides_are_as_agreed_again_nothing_is_written() {
    // They agreed on forms that say different things.
    let one = One::text(Policy::ManualReview)
        .agreed(text("page"), text("issue"))
        .shows(text("ours"), text("theirs"))
        .parked()
        .shows(text("page"), text("issue"));
    let plan = plan(one);
    assert_eq!(rows(&plan), [16]);
    assert_eq!(plan.closes, [unit()]);
    assert_eq!(plan.steps, []);
}

#[test]
fn a_conflict_that_moves_on_names_the_new_value_and_can_still_be_called_off() {
    let base = Some(unit_hash(&unit(), &text("old")));
    for (one, base) in [(conflict(), base), (first(), None)] {
        let plan = plan(one.shows(text("ours again"), text("theirs")));
        assert_eq!((rows(&plan), written(&plan)), (vec![15], vec![]));
        let [park] = plan.parks.as_slice() else {
            panic!("{plan:?}")
        };
        assert_eq!(park.notion.1, "ours again");
        assert_eq!(park.base, base);
    }
}

#[test]
fn what_was_merged_goes_to_the_page_as_long_as_it_is_what_was_published() {
    let merged = conflict()
        .proposed(ProposalKind::Conflict, ProposalState::Merged)
        .shows(text("ours"), text("merged"));
    let goes = plan(merged.clone());
    assert_eq!(rows(&goes), [17]);
    assert_eq!(goes.closes, [unit()]);
    assert_eq!(
        written(&goes),
        [(Side::Notion, text("ours"), text("merged"))]
    );
    // A page that moved on is another conflict, and no side can go back to before the merge.
    let moved = plan(merged.shows(text("ours again"), text("merged")));
    assert_eq!((rows(&moved), written(&moved)), (vec![15], vec![]));
    let [park] = moved.parks.as_slice() else {
        panic!("{moved:?}")
    };
    assert_eq!(park.base, None);
}

#[test]
fn people_read_titles_of_parents_in_a_conflict() {
    let one = One::new(FieldKind::Parent, Policy::ManualReview, Direction::Both)
        .knows(Some("p1"), Some("9#1"), "One")
        .knows(Some("p2"), Some("9#2"), "Two")
        .shows(Value::set(["p1"]), text("9#2"));
    let plan = one.plan();
    let [park] = plan.parks.as_slice() else {
        panic!("{plan:?}")
    };
    assert_eq!(park.unit, UnitId::Field(id()));
    assert_eq!((&*park.notion.1, &*park.github.1), ("One", "Two"));
}
