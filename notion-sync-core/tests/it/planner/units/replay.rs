//! Decisions that are made again from what they looked at.

use notion_sync_core::mapping::{Direction, FieldKind, People, Policy};
use notion_sync_core::reconcile::Decision;
use notion_sync_core::snapshot::Field;
use notion_sync_core::value::Value;

use super::super::world::at;
use super::{One, id, text};

fn decision(one: &One) -> Decision {
    one.decide(|case| Decision::record(case, at(0)))
}

/// Decisions whose answers are easily taken for each other: both sides hold values of the same
/// spelling that mean different things.
fn confusing() -> Vec<One> {
    let set = || One::new(FieldKind::Set, Policy::ManualReview, Direction::Both);
    let (none, x, y) = (Value::set::<&str>([]), Value::set(["x"]), Value::set(["y"]));
    // One name is a user here and a login there.
    let mut people = One::new(FieldKind::People, Policy::ManualReview, Direction::Both)
        .agreed(none.clone(), none.clone())
        .shows(Value::set(["ann"]), Value::set(["ann"]));
    people.pair.people = People::default();
    people.pair.people.add("ann", "bob");
    people.pair.people.add("eve", "ann");
    vec![
        people,
        // Two writes, and the half that is agreed between them.
        set()
            .agreed(none.clone(), none.clone())
            .shows(x.clone(), y.clone()),
        // That half is what the page says now, in the words of GitHub.
        set().agreed(none, x.clone()).shows(x, y),
        // One id is a page here and an issue there.
        One::new(FieldKind::Parent, Policy::ManualReview, Direction::Both)
            .knows(Some("7"), Some("1"), "the page 7")
            .knows(Some("2"), Some("7"), "the issue 7")
            .shows(text("7"), text("7")),
    ]
}

#[test]
fn a_decision_made_again_comes_to_the_same() {
    for one in confusing() {
        let replayed = decision(&one).replay();
        assert_eq!(replayed.plan, one.plan());
        assert!(replayed.same && !replayed.strange, "{:?}", replayed.plan);
    }
}

#[test]
fn a_question_that_was_not_asked_then_is_noticed() {
    for one in confusing() {
        let mut decision = decision(&one);
        let page = decision.notion.as_mut().unwrap();
        (page.fields).insert(id(), Field::Value(text("something else")));
        let replayed = decision.replay();
        assert!(replayed.strange && !replayed.same, "{:?}", replayed.plan);
    }
}

#[test]
fn a_parent_is_told_of_as_each_side_calls_it() {
    let one = confusing().pop().unwrap();
    let plan = decision(&one).replay().plan;
    let park = plan.parks.first().unwrap();
    assert_eq!(
        (park.notion.1.as_str(), park.github.1.as_str()),
        ("the page 7", "the issue 7")
    );
}
