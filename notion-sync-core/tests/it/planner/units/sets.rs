//! Sets: element by element, in one write or two.

use std::collections::{BTreeMap, BTreeSet};

use notion_sync_core::id::Side;
use notion_sync_core::mapping::{Direction, FieldKind, Lens, LensError, Misfit, Policy};
use notion_sync_core::reconcile::{UnitField, reconcile, unit_hash};
use notion_sync_core::record::Agreed;
use notion_sync_core::value::Value;

use super::{One, POLICIES, id, rows, unit, writes, written};

fn labels(policy: Policy, direction: Direction) -> One {
    One::new(FieldKind::Set, policy, direction)
}

#[test]
fn a_set_that_flows_one_way_stays_as_it_was_agreed() {
    for policy in POLICIES {
        for direction in [Direction::Both, Direction::ToGithub, Direction::ToNotion] {
            let (page, issue) = (Value::set(["a"]), Value::set(["a", "b"]));
            let one = labels(policy, direction)
                .agreed(page.clone(), issue.clone())
                .shows(page, issue);
            assert!(one.plan().is_empty());
            let beside = one.beside_a_conflict().plan();
            assert!(beside.is_empty(), "{direction:?}: {beside:?}");
        }
    }
}

#[test]
fn what_was_done_to_the_other_end_of_a_set_that_flows_one_way_is_put_back_and_kept() {
    let (agreed, more, other) = (
        Value::set(["a"]),
        Value::set(["a", "n"]),
        Value::set(["a", "x"]),
    );
    for policy in POLICIES {
        for (direction, target) in [
            (Direction::ToGithub, Side::Github),
            (Direction::ToNotion, Side::Notion),
        ] {
            let shows = |source: &Value, end: &Value| {
                let one = labels(policy, direction).agreed(agreed.clone(), agreed.clone());
                let one = match target {
                    Side::Github => one.shows(source.clone(), end.clone()),
                    Side::Notion => one.shows(end.clone(), source.clone()),
                };
                one.plan()
            };
            let flows = shows(&more, &agreed);
            assert_eq!(written(&flows), [(target, agreed.clone(), more.clone())]);
            assert_eq!(flows.losers, [], "nothing of anybody is overwritten");
            let back = shows(&agreed, &other);
            assert_eq!(written(&back), [(target, other.clone(), agreed.clone())]);
            let [loser] = back.losers.as_slice() else {
                panic!("{back:?}")
            };
            assert_eq!((loser.side, loser.text.as_str()), (target, "a, x"));
            assert_eq!(loser.hash, unit_hash(&unit(), &other));
        }
    }
}

#[test]
fn elements_added_on_one_side_are_one_write_that_settles_all() {
    let plan = labels(Policy::ManualReview, Direction::Both)
        .agreed(Value::set(["a"]), Value::set(["a"]))
        .shows(Value::set(["a", "n"]), Value::set(["a"]))
        .plan();
    let both = Value::set(["a", "n"]);
    assert_eq!(
        written(&plan),
        [(Side::Github, Value::set(["a"]), both.clone())]
    );
    let settles = &writes(&plan)[0].settles;
    let agreed = Agreed {
        notion: both.clone(),
        github: both,
    };
    assert_eq!(settles.fields.get(&id()), Some(&agreed));
    assert_eq!(settles.partial, BTreeSet::new());
}

#[test]
fn after_the_first_of_two_writes_only_its_half_is_agreed() {
    let plan = labels(Policy::ManualReview, Direction::Both)
        .agreed(Value::set(["a"]), Value::set(["a"]))
        .shows(Value::set(["a", "n"]), Value::set(["a", "g"]))
        .plan();
    assert_eq!(rows(&plan), [8, 9]);
    let [first, second] = writes(&plan)[..] else {
        panic!("{plan:?}")
    };
    assert_eq!((first.side, second.side), (Side::Github, Side::Notion));
    // What was added on GitHub is still an edit of GitHub then.
    let half = Agreed {
        notion: Value::set(["a", "n"]),
        github: Value::set(["a", "n"]),
    };
    assert_eq!(first.settles.fields.get(&id()), Some(&half));
    assert_eq!(first.settles.partial, BTreeSet::from([id()]));
    let all = Agreed {
        notion: Value::set(["a", "g", "n"]),
        github: Value::set(["a", "g", "n"]),
    };
    assert_eq!(second.settles.fields.get(&id()), Some(&all));
    assert_eq!(second.settles.partial, BTreeSet::new());
}

/// Says `x` on GitHub only where it is said there already.
#[derive(Debug)]
struct Stubborn;

impl Lens for Stubborn {
    fn project(&self, _: Side, value: &Value) -> Value {
        Value::Set(value.elements())
    }

    fn inject(&self, side: Side, canonical: &Value, current: &Value) -> Result<Value, LensError> {
        let new = |element: &str| {
            canonical.elements().contains(element) && !current.elements().contains(element)
        };
        if side == Side::Github && new("x") {
            return Err(LensError {
                field: id(),
                side,
                value: canonical.clone(),
                reason: "there is no x".to_owned(),
                misfit: Misfit::Value,
            });
        }
        Ok(canonical.clone())
    }

    fn is_set(&self) -> bool {
        true
    }
}

#[test]
fn where_half_of_two_writes_cannot_be_said_the_first_agrees_nothing() {
    let one = labels(Policy::ManualReview, Direction::Both)
        .agreed(Value::Null, Value::Null)
        .shows(Value::set(["n", "x"]), Value::set(["g", "x"]));
    let unit = UnitField {
        lens: Box::new(Stubborn),
        direction: Direction::Both,
        blocked: None,
        later: false,
    };
    let plan = one.decide_with(&BTreeMap::from([(id(), unit)]), reconcile);
    let [first, second] = writes(&plan)[..] else {
        panic!("{plan:?}")
    };
    assert_eq!(first.settles.fields.get(&id()), None);
    let all = Value::set(["g", "n", "x"]);
    let agreed = Agreed {
        notion: all.clone(),
        github: all,
    };
    assert_eq!(second.settles.fields.get(&id()), Some(&agreed));
}
