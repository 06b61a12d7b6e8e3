//! Pages and issues.

use std::sync::Arc;

use futures::executor::block_on;
use notion_sync_core::document::Document;
use notion_sync_core::engine::{Binding, Budget, Engine};
use notion_sync_core::mapping::{People, Policy};
use notion_sync_core::record::Life;
use notion_sync_core::value::Value;
use notion_sync_testkit::model::ModelFault;

use super::world::{Meddled, World, body, plain, rewrite, tasks};

fn paired(policy: Policy) -> (World, String, u32) {
    let world = World::new(tasks(policy));
    let page = world.pages.create("Fix login", body(&["Steps"]));
    world.pages.set(&page, "state", Value::text("Doing"));
    world.pages.set(&page, "labels", Value::set(["bug"]));
    world
        .pages
        .set(&page, "assignees", Value::set(["user-ada", "user-guest"]));
    world.settle();
    assert_eq!(world.repo.numbers().len(), 1);
    let number = world.repo.numbers()[0];
    world.pass(10);
    (world, page, number)
}

#[test]
fn a_page_becomes_an_issue_with_its_fields() {
    let (world, page, number) = paired(Policy::ManualReview);
    assert_eq!(world.repo.issue(number, "title"), Value::text("Fix login"));
    assert_eq!(world.repo.issue(number, "state"), Value::text("open"));
    assert_eq!(world.repo.issue(number, "labels"), Value::set(["bug"]));
    assert_eq!(world.repo.issue(number, "assignees"), Value::set(["ada"]));
    assert_eq!(world.repo.issue_text(number).trim(), "Steps");
    assert_eq!(world.settle(), 0);
    assert_eq!(world.pages.field(&page, "state"), Value::text("Doing"));
    assert_eq!(
        world.pages.field(&page, "assignees"),
        Value::set(["user-ada", "user-guest"])
    );
}

#[test]
fn an_issue_becomes_a_page() {
    let world = World::new(tasks(Policy::ManualReview));
    world.repo.open_issue("Crash", "It *crashes*.\n");
    world.settle();
    let page = world.pages.live()[0].clone();
    assert_eq!(world.pages.field(&page, "title"), Value::text("Crash"));
    assert_eq!(world.pages.field(&page, "state"), Value::text("To do"));
    assert_eq!(plain(&world.pages.body(&page)), ["It crashes."]);
    world.pass(10);
    assert_eq!(world.settle(), 0);
}

/// An issue has no front matter: three dashes at its top are a rule.
#[test]
fn an_issue_that_begins_with_a_rule_keeps_it_on_both_sides() {
    const TEXT: &str = "---\nowner: Ada\n---\n\nIt crashes.\n";
    let world = World::new(tasks(Policy::ManualReview));
    let number = world.repo.open_issue("Crash", TEXT);
    world.settle();
    let page = world.pages.live()[0].clone();
    assert_eq!(
        plain(&world.pages.body(&page)),
        ["", "owner: Ada", "It crashes."]
    );
    world.pass(10);
    assert_eq!(world.settle(), 0);
    let edit = |body: &mut Document| rewrite(body, "It crashes.", "It crashed.");
    world.pages.edit_body(&page, edit);
    world.settle();
    let text = TEXT.replace("crashes", "crashed");
    assert_eq!(world.repo.issue_text(number).trim_end(), text.trim_end());
    world.pass(10);
    world
        .repo
        .set_issue_text(number, &text.replace("Ada", "Bob"));
    world.settle();
    assert_eq!(
        plain(&world.pages.body(&page)),
        ["", "owner: Bob", "It crashed."]
    );
}

#[test]
fn closing_and_reopening_go_both_ways() {
    let (world, page, number) = paired(Policy::ManualReview);
    world.pages.set(&page, "state", Value::text("Shipped"));
    world.settle();
    assert_eq!(world.repo.issue(number, "state"), Value::text("closed"));
    assert_eq!(world.pages.field(&page, "state"), Value::text("Shipped"));
    world.pass(10);
    world.repo.set_issue(number, "state", Value::text("open"));
    world.settle();
    assert_eq!(world.pages.field(&page, "state"), Value::text("To do"));
    world.pass(10);
    world.repo.set_issue(number, "state", Value::text("closed"));
    world.settle();
    assert_eq!(world.pages.field(&page, "state"), Value::text("Done"));
    world.pass(10);
    assert_eq!(world.settle(), 0);
}

#[test]
fn moving_inside_a_class_writes_nothing() {
    let (world, page, _) = paired(Policy::ManualReview);
    world.pages.set(&page, "state", Value::text("To do"));
    assert_eq!(world.settle(), 0);
}

/// Somebody changes the labels in the moment between our look and our write. What the answer then shows
/// beyond what we wrote is an edit of a person, and agreed with nobody.
#[test]
fn labels_that_change_right_before_a_write_are_edits() {
    for (theirs, all) in [
        (vec!["old"], vec!["old", "new"]),
        (vec![], vec!["new"]),
        (
            vec!["bug", "old", "mine"],
            vec!["bug", "old", "mine", "new"],
        ),
        (vec!["mine"], vec!["mine", "new"]),
    ] {
        let (mut world, page, number) = paired(Policy::NotionWins);
        world.pages.set(&page, "labels", Value::set(["bug", "old"]));
        world.settle();
        world.pass(10);
        world
            .pages
            .set(&page, "labels", Value::set(["bug", "old", "new"]));
        let repo = world.repo.clone();
        let labels = Value::set(theirs.clone());
        let meddle = move || repo.set_issue(number, "labels", labels);
        let github = Meddled::new(world.repo.clone(), meddle);
        world.engine =
            Engine::new(world.store.clone(), world.clock.clone()).with_mapping(Binding {
                mapping: world.mapping.clone(),
                notion: Arc::new(world.pages.clone()),
                github: Arc::new(github),
                people: People::default(),
            });
        world.pass(5);
        world.settle();
        let (here, there) = (
            world.pages.field(&page, "labels"),
            world.repo.issue(number, "labels"),
        );
        assert_eq!(here, there, "{theirs:?}");
        assert_eq!(here, Value::set(all), "{theirs:?}");
    }
}

/// As above, in the moment between the creation of an issue and its answer.
#[test]
fn labels_that_are_added_to_a_new_issue_are_edits() {
    let mut world = World::new(tasks(Policy::NotionWins));
    world.poll();
    let repo = world.repo.clone();
    let meddle = move || {
        let number = repo.numbers()[0];
        repo.set_issue(number, "labels", Value::set(["bug", "mine"]));
    };
    world.engine = Engine::new(world.store.clone(), world.clock.clone()).with_mapping(Binding {
        mapping: world.mapping.clone(),
        notion: Arc::new(world.pages.clone()),
        github: Arc::new(Meddled::late(world.repo.clone(), meddle)),
        people: People::default(),
    });
    let page = world.pages.create("Fix login", body(&["Steps"]));
    world.pages.set(&page, "labels", Value::set(["bug"]));
    world.settle();
    world.pass(10);
    world.settle();
    let number = world.repo.numbers()[0];
    for labels in [
        world.pages.field(&page, "labels"),
        world.repo.issue(number, "labels"),
    ] {
        assert_eq!(labels, Value::set(["bug", "mine"]));
    }
}

#[test]
fn labels_merge_by_element() {
    let (world, page, number) = paired(Policy::ManualReview);
    world
        .pages
        .set(&page, "labels", Value::set(["bug", "urgent"]));
    world
        .repo
        .set_issue(number, "labels", Value::set(["help", "bug"]));
    world.settle();
    let want = Value::set(["bug", "help", "urgent"]);
    assert_eq!(world.pages.field(&page, "labels"), want);
    assert_eq!(world.repo.issue(number, "labels"), want);
    world.pass(10);
    world.pages.set(&page, "labels", Value::set(["help"]));
    world.settle();
    assert_eq!(world.repo.issue(number, "labels"), Value::set(["help"]));
    assert_eq!(world.conflicts(), 0);
}

#[test]
fn a_title_conflict_is_told_by_one_comment_and_settled_by_equality() {
    let (world, page, number) = paired(Policy::ManualReview);
    world.pages.set(&page, "title", Value::text("N"));
    world.repo.set_issue(number, "title", Value::text("G"));
    world.settle();
    assert_eq!(world.conflicts(), 1);
    let comments = world.repo.comments(number);
    assert_eq!(comments.len(), 1, "{comments:?}");
    assert!(comments[0].contains('N') && comments[0].contains('G'));
    // Other fields go on.
    world.pass(10);
    world.pages.set(&page, "state", Value::text("Done"));
    world.settle();
    assert_eq!(world.repo.issue(number, "state"), Value::text("closed"));
    assert_eq!(world.conflicts(), 1);
    world.pass(10);
    world.repo.set_issue(number, "title", Value::text("N"));
    world.settle();
    assert_eq!(world.conflicts(), 0);
    assert_eq!(world.repo.comments(number).len(), 1);
}

#[test]
fn a_trashed_page_closes_its_issue() {
    let (world, page, number) = paired(Policy::ManualReview);
    world.pages.trash(&page, true);
    world.sweep();
    world.settle();
    assert_eq!(world.repo.issue(number, "state"), Value::text("closed"));
    assert_eq!(world.records()[0].life, Life::Tombstone);
}

#[test]
fn lost_creates_make_one_issue() {
    for fault in [
        ModelFault::LostBefore,
        ModelFault::LostAfter,
        ModelFault::Refused,
    ] {
        let mut world = World::new(tasks(Policy::ManualReview));
        let page = world.pages.create("Once", body(&["Text"]));
        world.repo.fail([fault, fault, fault]);
        world.poll();
        world.restart();
        // The page is edited while nobody knows whether the issue exists.
        world.pages.set(&page, "title", Value::text("Once more"));
        world
            .pages
            .edit_body(&page, |body| rewrite(body, "Text", "Text!"));
        world.settle();
        assert_eq!(world.repo.numbers().len(), 1, "{fault:?}");
        let number = world.repo.numbers()[0];
        assert_eq!(
            world.repo.issue(number, "title"),
            Value::text("Once more"),
            "{fault:?}"
        );
        assert_eq!(world.repo.issue_text(number).trim(), "Text!", "{fault:?}");
        world.pass(30);
        assert_eq!(world.settle(), 0);
    }
}

/// Looks at everything until nothing can be unsettled any more.
fn rest(world: &World) {
    for _ in 0..3 {
        world.pass(10);
        world.sweep();
        world.settle();
    }
}

/// The issue of a page in the trash was closed for that. When the page comes back, the issue opens again, and
/// the page is not told that it is done.
#[test]
fn a_page_that_comes_back_from_the_trash_opens_its_issue_again() {
    for policy in [Policy::ManualReview, Policy::NotionWins, Policy::GithubWins] {
        for buried in [true, false] {
            let what = format!("{policy:?}, buried {buried}");
            let (world, page, number) = paired(policy);
            let state = || world.repo.issue(number, "state");
            world.pages.trash(&page, true);
            world.sweep();
            assert_eq!(state(), Value::text("closed"), "{what}");
            if buried {
                rest(&world);
            }
            let life = if buried {
                Life::Tombstone
            } else {
                Life::Deleting
            };
            assert_eq!(world.records()[0].life, life, "{what}");
            world.pages.trash(&page, false);
            rest(&world);
            assert_eq!(world.records()[0].life, Life::Live, "{what}");
            assert_eq!(state(), Value::text("open"), "{what}");
            let said = world.pages.field(&page, "state");
            assert_eq!(said, Value::text("Doing"), "{what}");
            assert_eq!(world.conflicts(), 0, "{what}");
        }
    }
}

/// The page went to the trash before anybody made its issue.
#[test]
fn a_page_that_comes_back_before_it_had_an_issue_gets_one() {
    for policy in [Policy::ManualReview, Policy::NotionWins, Policy::GithubWins] {
        let world = World::new(tasks(policy));
        let page = world.pages.create("Task", body(&["one"]));
        world.pass(10);
        let plan_only = Budget {
            poll_now: true,
            full: false,
            operations: 0,
        };
        block_on(world.engine.tick(plan_only)).unwrap();
        world.pages.trash(&page, true);
        world.sweep();
        rest(&world);
        assert!(world.repo.numbers().is_empty(), "{policy:?}");
        assert_eq!(world.records()[0].life, Life::Tombstone, "{policy:?}");
        world.pages.trash(&page, false);
        rest(&world);
        assert_eq!(world.repo.numbers().len(), 1, "{policy:?}");
        assert_eq!(world.live(), 1, "{policy:?}: {:?}", world.records());
    }
}

/// What was done before its page went to the trash is done when the page comes back.
#[test]
fn a_page_of_a_done_task_that_comes_back_leaves_its_issue_closed() {
    for buried in [true, false] {
        let (world, page, number) = paired(Policy::ManualReview);
        world.pages.set(&page, "state", Value::text("Shipped"));
        rest(&world);
        world.pages.trash(&page, true);
        world.sweep();
        if buried {
            rest(&world);
        }
        world.pages.trash(&page, false);
        rest(&world);
        assert_eq!(world.records()[0].life, Life::Live, "buried {buried}");
        assert_eq!(world.repo.issue(number, "state"), Value::text("closed"));
        let said = world.pages.field(&page, "state");
        assert_eq!(said, Value::text("Shipped"), "buried {buried}");
    }
}

/// So it is where no property of the page says whether the task is done.
#[test]
fn a_page_without_a_status_takes_its_issue_along_and_back() {
    for buried in [true, false] {
        for done in [false, true] {
            let what = format!("buried {buried}, done {done}");
            let mut mapping = tasks(Policy::ManualReview);
            mapping.fields.retain(|field| field.id.as_str() != "state");
            let world = World::new(mapping);
            let page = world.pages.create("Fix login", body(&["Steps"]));
            world.settle();
            let number = world.repo.numbers()[0];
            let state = || world.repo.issue(number, "state");
            if done {
                world.repo.set_issue(number, "state", Value::text("closed"));
            }
            rest(&world);
            world.pages.trash(&page, true);
            world.sweep();
            assert_eq!(state(), Value::text("closed"), "{what}");
            if buried {
                rest(&world);
                assert_eq!(world.records()[0].life, Life::Tombstone, "{what}");
                assert_eq!(world.settle(), 0, "{what}");
            }
            world.pages.trash(&page, false);
            rest(&world);
            assert_eq!(world.records()[0].life, Life::Live, "{what}");
            let back = if done { "closed" } else { "open" };
            assert_eq!(state(), Value::text(back), "{what}");
            assert_eq!(world.settle(), 0, "{what}");
        }
    }
}
