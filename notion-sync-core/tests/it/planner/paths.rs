//! Rows 29 to 31: where the file of a page lies.

use notion_sync_core::id::Side;
use notion_sync_core::mapping::PathPolicy;
use notion_sync_core::reconcile::{AgreedNow, Plan, Step};
use notion_sync_core::record::UnitId;
use notion_sync_core::remote::ProposalKind;

use super::scene::{PLACE, Scene, holds, rows};

const MOVED: &str = "guide/t0.md";

/// A page whose file follows its title.
fn following() -> Scene {
    Scene::page().with(|scene| scene.pair.mapping.path_policy = PathPolicy::FollowTitle)
}

fn moved_to(scene: Scene, place: &str) -> Scene {
    scene.with(|scene| scene.view(Side::Github).place = Some(place.to_owned()))
}

fn renamed(scene: Scene, title: &str) -> Scene {
    scene.says(Side::Notion, "title", title)
}

/// Whether the write to GitHub takes the file to where its title belongs.
fn follows(plan: &Plan) -> bool {
    let mut writes = plan.steps.iter();
    writes.any(|step| matches!(step, Step::Write(write) if write.follow_title))
}

#[test]
fn a_file_that_was_moved_is_followed_to_its_new_place() {
    for scene in [Scene::page(), following()] {
        let plan = moved_to(scene, MOVED).plan();
        let agreed = AgreedNow {
            path: Some(MOVED.to_owned()),
            ..AgreedNow::default()
        };
        assert_eq!(rows(&plan), [(UnitId::Path, 29)]);
        assert_eq!((plan.agreed, plan.steps), (agreed, vec![]));
    }
}

#[test]
fn a_place_is_agreed_where_there_was_none() {
    let never = Scene::page().with(|scene| {
        scene.pair.record.base.as_mut().unwrap().path = None;
    });
    let plan = never.plan();
    assert_eq!(rows(&plan), [(UnitId::Path, 29)]);
    assert_eq!(plan.agreed.path.as_deref(), Some(PLACE));
    assert_eq!(Scene::page().plan(), Plan::default(), "it is agreed once");
}

#[test]
fn an_issue_has_no_path() {
    let plan = moved_to(Scene::task(), "owner/other").plan();
    assert_eq!(plan, Plan::default());
}

#[test]
fn a_file_goes_where_its_title_does_only_where_that_is_asked_for() {
    let stays = renamed(Scene::page(), "t1").plan();
    assert!(!follows(&stays), "{stays:?}");
    let goes = renamed(following(), "t1").plan();
    assert!(follows(&goes), "{goes:?}");
    assert!(rows(&goes).contains(&(UnitId::Path, 30)));
    // A title of which the path keeps the same.
    let same = renamed(following(), "T0").plan();
    assert!(!follows(&same), "{same:?}");
}

#[test]
fn a_file_that_already_lies_where_its_new_title_belongs_is_left_there() {
    let plan = moved_to(renamed(following(), "t1"), "docs/t1.md").plan();
    assert!(!follows(&plan), "{plan:?}");
    assert_eq!(plan.parks, []);
    assert_eq!(plan.agreed.path.as_deref(), Some("docs/t1.md"));
    assert!(rows(&plan).contains(&(UnitId::Path, 29)));
}

#[test]
fn a_file_that_was_moved_and_renamed_to_different_places_parks_its_place_alone() {
    let plan = moved_to(renamed(following(), "t1"), MOVED).plan();
    assert!(!follows(&plan), "{plan:?}");
    let parks: Vec<_> = plan.parks.iter().collect();
    assert_eq!(parks.len(), 1, "{parks:?}");
    assert_eq!((&parks[0].unit, parks[0].row.0), (&UnitId::Path, 31));
    assert_eq!(
        (parks[0].notion.1.as_str(), parks[0].github.1.as_str()),
        ("docs/t1.md", MOVED)
    );
    assert_eq!(plan.agreed.path, None);
    assert!(rows(&plan).contains(&(UnitId::Field("title".into()), 8)));
    // A pull request shows two texts, and this needs none.
    let shows = Step::Propose(ProposalKind::Conflict, None);
    assert!(!plan.steps.contains(&shows), "{plan:?}");
}

#[test]
fn a_conflict_over_a_place_ends_once_the_file_lies_where_its_title_belongs() {
    let parked = || renamed(following(), "t1").parked(UnitId::Path, "docs/t1.md", MOVED);
    let settled = moved_to(parked(), "docs/t1.md").plan();
    assert_eq!(settled.closes, [UnitId::Path]);
    assert_eq!(settled.agreed.path.as_deref(), Some("docs/t1.md"));
    assert!(!follows(&settled), "{settled:?}");
    let waits = moved_to(parked(), MOVED).plan();
    assert_eq!(waits.closes, []);
    assert_eq!(waits.agreed.path, None);
    let reason = "waits for a decision where the file lies";
    assert_eq!(holds(&waits), [(56, reason)]);
}
