//! Fields that are not parked.

use notion_sync_core::id::Side;
use notion_sync_core::mapping::{Direction, FieldKind, Policy};
use notion_sync_core::reconcile::Step;
use notion_sync_core::reconcile::table::Row;
use notion_sync_core::record::Agreed;
use notion_sync_core::value::Value;

use super::{One, POLICIES, held, id, rows, text, written};

fn parent(policy: Policy) -> One {
    One::new(FieldKind::Parent, policy, Direction::Both).knows(Some("p1"), Some("9#1"), "One")
}

fn no_pages() -> Value {
    Value::set::<&str>([])
}

#[test]
fn a_place_that_went_away_is_remembered_and_takes_nothing_from_the_page() {
    for policy in POLICIES {
        let one = One::text(policy)
            .later()
            .agreed(text("old"), text("old"))
            .shows(text("old"), Value::Null)
            .vacant(Side::Github);
        let plan = one.plan();
        assert_eq!(written(&plan), []);
        let left = Agreed {
            notion: text("old"),
            github: Value::Null,
        };
        assert_eq!(plan.agreed.fields.get(&id()), Some(&left), "{policy:?}");
    }
}

#[test]
fn a_place_that_is_back_gets_what_the_page_says() {
    for policy in POLICIES {
        let back = One::text(policy)
            .agreed(text("old"), Value::Null)
            .shows(text("old"), Value::Null);
        assert!(back.plan().is_empty(), "no place was missing");
        let plan = back.later().plan();
        assert_eq!(
            written(&plan),
            [(Side::Github, Value::Null, text("old"))],
            "{policy:?}"
        );
        assert_eq!(rows(&plan), [8]);
    }
}

#[test]
fn no_value_and_an_empty_list_are_the_same_nothing() {
    for policy in POLICIES {
        let named_on_github = parent(policy)
            .agreed(Value::Null, Value::Null)
            .shows(no_pages(), text("9#1"))
            .plan();
        assert_eq!(rows(&named_on_github), [9], "{policy:?}");
        let pages = Value::set(["p1"]);
        assert_eq!(
            written(&named_on_github),
            [(Side::Notion, no_pages(), pages.clone())]
        );
        let named_on_notion = parent(policy)
            .agreed(no_pages(), no_pages())
            .shows(pages, Value::Null)
            .plan();
        assert_eq!(rows(&named_on_notion), [8], "{policy:?}");
        assert_eq!(
            written(&named_on_notion),
            [(Side::Github, Value::Null, text("9#1"))]
        );
    }
}

#[test]
fn a_parent_that_neither_side_names_is_agreed_upon() {
    let plan = parent(Policy::ManualReview)
        .shows(no_pages(), Value::Null)
        .plan();
    let nothing = Agreed {
        notion: no_pages(),
        github: Value::Null,
    };
    assert_eq!(plan.agreed.fields.get(&id()), Some(&nothing));
    assert_eq!((rows(&plan), written(&plan)), (vec![], vec![]));
}

#[test]
fn a_parent_without_a_counterpart_waits_and_is_named_as_its_own_side_names_it() {
    for policy in POLICIES {
        for (one, named, tell) in [
            (
                parent(policy)
                    .knows(Some("p2"), None, "Two")
                    .shows(Value::set(["p2"]), Value::Null),
                (Side::Notion, "p2"),
                false,
            ),
            (
                parent(policy)
                    .knows(None, Some("9#3"), "Three")
                    .shows(no_pages(), text("9#3")),
                (Side::Github, "9#3"),
                false,
            ),
            (
                parent(policy).shows(Value::set(["p9"]), Value::Null),
                (Side::Notion, "p9"),
                true,
            ),
            (
                parent(policy).shows(no_pages(), text("9#9")),
                (Side::Github, "9#9"),
                true,
            ),
        ] {
            let plan = one.plan();
            assert_eq!((rows(&plan), written(&plan)), (vec![59], vec![]));
            let [wait] = plan.waits.as_slice() else {
                panic!("{plan:?}")
            };
            assert_eq!((wait.named.0, wait.named.1.as_str()), named);
            assert_eq!(wait.tell, tell, "{wait:?}");
            assert_eq!(held(&plan), [(59, wait.reason.as_str())]);
        }
    }
}

#[test]
fn what_flows_one_way_is_put_back_only_where_somebody_moved_it() {
    for (direction, target) in [
        (Direction::ToGithub, Side::Github),
        (Direction::ToNotion, Side::Notion),
    ] {
        for policy in POLICIES {
            // A service may store something else than it was sent, and both sides agreed on that.
            let one = One::new(FieldKind::Text, policy, direction)
                .agreed(text("page"), text("issue"))
                .shows(text("page"), text("issue"));
            assert!(one.plan().is_empty());
            let one = one.beside_a_conflict();
            assert!(one.plan().is_empty(), "{direction:?}: {:?}", one.plan());
            let (moved, stays) = match target {
                Side::Github => (one.clone().shows(text("page"), text("new")), "page"),
                Side::Notion => (one.clone().shows(text("new"), text("issue")), "issue"),
            };
            let plan = moved.plan();
            assert_eq!(written(&plan), [(target, text("new"), text(stays))]);
            assert_eq!(plan.losers.len(), 1);
        }
    }
}

#[test]
fn a_row_stands_once_behind_a_write_of_several_fields() {
    let mut one = One::text(Policy::ManualReview)
        .agreed(text("old"), text("old"))
        .shows(text("new"), text("old"));
    let mut second = one.pair.mapping.fields[0].clone();
    second.id = "g".into();
    one.pair.mapping.fields.push(second);
    let base = one.pair.record.base.as_mut().unwrap();
    let agreed = base.fields[&id()].clone();
    base.fields.insert("g".into(), agreed);
    one.pair.notion.fields.insert("g".into(), text("newer"));
    one.pair.github.fields.insert("g".into(), text("old"));
    let plan = one.plan();
    let [Step::Write(write)] = plan.steps.as_slice() else {
        panic!("{plan:?}")
    };
    assert_eq!(write.fields.len(), 2);
    assert_eq!(write.rows, [Row(8)]);
}
