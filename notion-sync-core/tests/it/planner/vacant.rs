//! Fields that one side has no place for now, or cannot replace.

use std::collections::BTreeMap;

use notion_sync_core::id::{FieldId, Side};
use notion_sync_core::mapping::{Direction, MappingKind, Policy, Resolver};
use notion_sync_core::reconcile::table::Identity;
use notion_sync_core::reconcile::{Case, Plan, Step, reconcile};
use notion_sync_core::record::{Agreed, Conflict, UnitId};
use notion_sync_core::snapshot::Field;
use notion_sync_core::value::Value;

use super::scene::Scene;
use super::world::{Pair, at, document, mapping};

const POLICIES: [Policy; 3] = [Policy::NotionWins, Policy::GithubWins, Policy::ManualReview];

fn note() -> FieldId {
    "note".into()
}

/// A pair that agreed on a note.
fn pair(policy: Policy, direction: Direction, agreed: Option<&str>) -> Pair {
    let fields = |text: &str| BTreeMap::from([(note(), Value::text(text))]);
    let text = agreed.unwrap_or_default();
    let mapping = mapping(MappingKind::Tasks, policy, direction);
    let mut pair = Pair::agreed(mapping, (fields(text), fields(text)), &document(&["one"]));
    if agreed.is_none() {
        pair.record.base.as_mut().unwrap().fields.remove(&note());
    }
    pair
}

/// What is planned where one side shows its note so and the other has a value.
fn plan(pair: &Pair, side: Side, shown: &Field, other: &str) -> Plan {
    let resolver = Resolver::default();
    let units = pair.units(&resolver);
    let (mut notion, mut github) = pair.views();
    let said = Field::Value(Value::text(other));
    for (at, view) in [(Side::Notion, &mut notion), (Side::Github, &mut github)] {
        let field = if at == side { shown } else { &said };
        view.fields.insert(note(), field.clone());
    }
    reconcile(&Case {
        mapping: &pair.mapping,
        record: &pair.record,
        body_base: pair.body.as_ref(),
        notion: Some(&notion),
        github: Some(&github),
        fields: &units,
        identity: Identity::Clean,
        unresolved: false,
        doubts: Default::default(),
    })
}

/// What is written of the note: side, expected and desired value.
fn written(plan: &Plan) -> Vec<(Side, Value, Value)> {
    let changes = plan.steps.iter().filter_map(|step| match step {
        Step::Write(write) => {
            let change = write.fields.get(&note())?;
            Some((write.side, change.expected.clone(), change.desired.clone()))
        }
        _ => None,
    });
    changes.collect()
}

fn held(plan: &Plan) -> Vec<(u8, String)> {
    let holds = plan.holds.iter();
    holds
        .map(|hold| (hold.row.0, hold.reason.clone()))
        .collect()
}

#[test]
fn a_side_without_a_place_takes_nothing_away_and_gets_what_changes() {
    for policy in POLICIES {
        for side in Side::BOTH {
            let pair = pair(policy, Direction::Both, Some("old"));
            let still = plan(&pair, side, &Field::Vacant(None), "old");
            assert!(still.is_empty(), "{policy:?} {side}: {still:?}");
            let moved = plan(&pair, side, &Field::Vacant(None), "new");
            assert_eq!(
                written(&moved),
                [(side, Value::Null, Value::text("new"))],
                "{policy:?} {side}"
            );
            // No place is made for nothing.
            let cleared = plan(&pair, side, &Field::Vacant(None), "");
            assert_eq!(written(&cleared), []);
            let empty = Agreed::default();
            assert_eq!(cleared.agreed.fields.get(&note()), Some(&empty));
        }
    }
}

#[test]
fn a_value_that_was_never_agreed_makes_its_place() {
    for policy in POLICIES {
        for side in Side::BOTH {
            let pair = pair(policy, Direction::Both, None);
            let plan = plan(&pair, side, &Field::Vacant(None), "new");
            assert_eq!(written(&plan), [(side, Value::Null, Value::text("new"))]);
            assert!(plan.parks.is_empty());
        }
    }
}

#[test]
fn a_place_that_no_write_can_make_is_named_where_something_would_go_there() {
    let gone = Field::Vacant(Some("it is not in the project".to_owned()));
    for policy in POLICIES {
        for side in Side::BOTH {
            let agreed = pair(policy, Direction::Both, Some("old"));
            assert!(plan(&agreed, side, &gone, "old").is_empty());
            let never = pair(policy, Direction::Both, None);
            assert_eq!(held(&plan(&never, side, &gone, "")), []);
            for pair in [agreed, never] {
                let plan = plan(&pair, side, &gone, "new");
                assert_eq!(written(&plan), []);
                assert_eq!(held(&plan), [(49, "it is not in the project".to_owned())]);
            }
        }
    }
}

#[test]
fn a_value_that_cannot_be_replaced_is_read_and_never_written() {
    let fixed = |text: &str| Field::Fixed(Value::text(text), "it is archived".to_owned());
    for side in Side::BOTH {
        for policy in POLICIES {
            let pair = pair(policy, Direction::Both, Some("old"));
            assert!(plan(&pair, side, &fixed("old"), "old").is_empty());
            let read = plan(&pair, side, &fixed("new"), "old");
            assert_eq!(
                written(&read),
                [(side.other(), Value::text("old"), Value::text("new"))]
            );
            let stuck = plan(&pair, side, &fixed("old"), "new");
            assert_eq!(written(&stuck), []);
            assert_eq!(held(&stuck), [(49, "it is archived".to_owned())]);
        }
        let loses = match side {
            Side::Notion => Policy::GithubWins,
            Side::Github => Policy::NotionWins,
        };
        let pair = pair(loses, Direction::Both, Some("old"));
        let both = plan(&pair, side, &fixed("mine"), "yours");
        assert_eq!(written(&both), []);
        assert_eq!(both.losers, [], "nothing was overwritten");
        assert_eq!(held(&both), [(49, "it is archived".to_owned())]);
    }
}

#[test]
fn a_field_that_flows_from_a_side_without_a_place_stays() {
    for (side, direction) in [
        (Side::Github, Direction::ToNotion),
        (Side::Notion, Direction::ToGithub),
    ] {
        for agreed in [Some("old"), None] {
            let pair = pair(Policy::ManualReview, direction, agreed);
            let plan = plan(&pair, side, &Field::Vacant(None), "new");
            assert!(plan.is_empty(), "{plan:?}");
        }
    }
    let pair = pair(Policy::ManualReview, Direction::ToGithub, Some("old"));
    let plan = plan(&pair, Side::Github, &Field::Vacant(None), "new");
    assert_eq!(
        written(&plan),
        [(Side::Github, Value::Null, Value::text("new"))]
    );
}

#[test]
fn a_conflict_waits_until_both_sides_have_a_value_again() {
    let mut pair = pair(Policy::ManualReview, Direction::Both, Some("old"));
    let both = plan(
        &pair,
        Side::Github,
        &Field::Value(Value::text("theirs")),
        "ours",
    );
    let park = both.parks.first().unwrap();
    let conflict = Conflict {
        notion: park.notion.0,
        github: park.github.0,
        base: park.base,
        notion_text: park.notion.1.clone(),
        github_text: park.github.1.clone(),
        policy: Policy::ManualReview,
        since: at(10),
    };
    let unit = UnitId::Field(note());
    pair.record.conflicts.insert(unit, conflict);
    for shown in [Field::Vacant(None), Field::Vacant(Some("gone".to_owned()))] {
        let plan = plan(&pair, Side::Github, &shown, "ours");
        assert_eq!(written(&plan), []);
        assert!(plan.closes.is_empty());
        assert_eq!(held(&plan).len(), 1);
    }
    let fixed = Field::Fixed(Value::text("old"), "it is archived".to_owned());
    let plan = plan(&pair, Side::Github, &fixed, "ours");
    assert!(plan.closes.is_empty() && written(&plan).is_empty());
    let agreed = Agreed {
        notion: Value::text("old"),
        github: Value::text("old"),
    };
    assert_eq!(pair.record.base.unwrap().fields.get(&note()), Some(&agreed));
}

/// A task whose page says `n0` in a field that an issue may have no place for (it is not in the project), as it
/// was agreed with what GitHub said then, and with what GitHub shows now.
fn later(agreed: Value, shown: Field) -> Scene {
    Scene::task().with(|scene| {
        let base = scene.pair.record.base.as_mut().unwrap();
        base.fields.get_mut(&note()).unwrap().github = agreed;
        scene.view(Side::Github).fields.insert(note(), shown);
    })
}

#[test]
fn what_a_page_says_outlasts_the_place_of_its_issue() {
    let lost = later(Value::text("n0"), Field::Vacant(None));
    let plan = lost.plan_later(&["note"]);
    let kept = Agreed {
        notion: Value::text("n0"),
        github: Value::Null,
    };
    assert_eq!(plan.agreed.fields, BTreeMap::from([(note(), kept)]));
    assert_eq!(plan.steps, []);
    assert_eq!(lost.plan(), Plan::default(), "other fields just stay");
    // That the place went away is agreed once.
    let known = later(Value::Null, Field::Vacant(None));
    assert_eq!(known.plan_later(&["note"]), Plan::default());
    // Whoever edits the page makes a place for that.
    let edited = lost.says(Side::Notion, "note", "new");
    let plan = edited.plan_later(&["note"]);
    assert_eq!(
        written(&plan),
        [(Side::Github, Value::Null, Value::text("new"))]
    );
}

#[test]
fn what_a_page_says_goes_over_once_there_is_a_place_again() {
    let empty = || Field::Value(Value::Null);
    let back = later(Value::Null, empty());
    assert_eq!(
        written(&back.plan_later(&["note"])),
        [(Side::Github, Value::Null, Value::text("n0"))]
    );
    assert_eq!(back.plan(), Plan::default(), "other fields were cleared");
    // What somebody wrote into the new place comes to the page, as what somebody cleared does.
    let filled = later(Value::Null, Field::Value(Value::text("theirs")));
    assert_eq!(
        written(&filled.plan_later(&["note"])),
        [(Side::Notion, Value::text("n0"), Value::text("theirs"))]
    );
    let cleared = later(Value::text("n0"), empty());
    assert_eq!(
        written(&cleared.plan_later(&["note"])),
        [(Side::Notion, Value::text("n0"), Value::Null)]
    );
    // A page that says nothing has nothing that could go over.
    let nothing = back.says(Side::Notion, "note", "").with(|scene| {
        let base = scene.pair.record.base.as_mut().unwrap();
        base.fields.insert(note(), Agreed::default());
        scene.view(Side::Notion).fields.insert(note(), empty());
    });
    assert_eq!(nothing.plan_later(&["note"]), Plan::default());
}

#[test]
fn a_place_that_comes_and_goes_says_nothing_where_the_field_flows_to_the_page() {
    for (agreed, shown) in [
        (Value::text("n0"), Field::Vacant(None)),
        (Value::Null, Field::Value(Value::Null)),
    ] {
        let scene = later(agreed, shown).with(|scene| {
            let mut fields = scene.pair.mapping.fields.iter_mut();
            let note = fields.find(|field| field.id == note()).unwrap();
            note.direction = Direction::ToNotion;
        });
        assert_eq!(scene.plan_later(&["note"]), Plan::default());
    }
}
