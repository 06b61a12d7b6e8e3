//! Second objects that somebody works on, or brings back.

use std::sync::Arc;

use futures::executor::block_on;
use notion_sync_core::engine::{FindingKind, Remedy};
use notion_sync_core::id::Side;
use notion_sync_core::record::Life;
use notion_sync_core::value::Value;

use super::{drifts, is_at_rest, issues_of_a_page, kinds, owner, pages_of_an_issue, seeing, state};
use crate::engine::world::{Meddled, World, plain, rewrite};

/// What somebody did to one of the two.
type Touch<'a> = (&'a str, &'a dyn Fn(&World));

fn nothing_is_done(world: &World, side: Side, id: &str, what: &str) {
    world.pass(10);
    world.sweep();
    is_at_rest(world);
    let record = owner(world, side, id);
    assert!(drifts(&record), "{what}: {record:?}");
    let message = &record.problem.as_ref().unwrap().message;
    assert!(message.contains("notion-sync check"), "{what}: {message}");
    assert_eq!(record.life, Life::Provisioning, "{what}");
    let findings = block_on(world.engine.findings(&world.mapping.id)).unwrap();
    let found: Vec<_> = findings.iter().map(|one| (one.kind, one.side)).collect();
    assert_eq!(found, [(FindingKind::DuplicateClaim, side)], "{what}");
    assert!(matches!(findings[0].remedy, Remedy::Person(_)), "{what}");
    // What puts right the unambiguous leaves it alone.
    block_on(world.engine.repair(&world.mapping.id)).unwrap();
    is_at_rest(world);
    assert_eq!(world.live(), 1, "{what}: never a third one");
}

#[test]
fn a_second_page_that_somebody_uses_stays() {
    let (_, first, _) = pages_of_an_issue();
    let page = first.as_str();
    let touches: [Touch<'_>; 5] = [
        ("body", &|world| {
            (world.pages).edit_body(page, |body| rewrite(body, "Always.", "Never."));
        }),
        ("title", &|world| {
            world.pages.set(page, "title", Value::text("Fix the login"));
        }),
        ("labels", &|world| {
            world.pages.set(page, "labels", Value::Null);
        }),
        // A property that the mapping does not know.
        ("estimate", &|world| {
            world.pages.set(page, "estimate", Value::text("3"));
        }),
        ("comment", &|world| {
            world.pages.comment(page, "Bob", "Is this the same?");
        }),
    ];
    for (what, touch) in touches {
        let (world, first, second) = pages_of_an_issue();
        touch(&world);
        world.pages.hide(&first, false);
        let before = (world.pages.body(&first), world.pages.field(&first, "title"));
        nothing_is_done(&world, Side::Notion, &first, what);
        assert_eq!(
            (world.pages.body(&first), world.pages.field(&first, "title")),
            before
        );
        assert_eq!(world.pages.live(), [first, second], "{what}");
        assert_eq!(world.repo.numbers(), [1], "{what}");
    }
}

#[test]
fn a_second_issue_that_somebody_uses_stays() {
    let touches: [Touch<'_>; 4] = [
        ("text", &|world| {
            world.repo.set_issue_text(1, "It crashes.\n")
        }),
        ("labels", &|world| {
            (world.repo).set_issue(1, "labels", Value::set(["bug", "urgent"]));
        }),
        // A field that the mapping does not know.
        ("milestone", &|world| {
            world.repo.set_issue(1, "milestone", Value::text("1.0"));
        }),
        ("comment", &|world| {
            world.repo.comment(1, "bob", "Is this the same?");
        }),
    ];
    for (what, touch) in touches {
        let world = issues_of_a_page();
        touch(&world);
        world.repo.hide_issue(1, false);
        nothing_is_done(&world, Side::Github, "1", what);
        assert_eq!(
            (state(&world, 1), state(&world, 2)),
            ("open".into(), "open".into())
        );
        assert_eq!(world.repo.comments(1), [""; 0], "{what}");
        assert_eq!(world.pages.live().len(), 1, "{what}");
    }
}

/// Comments that cannot be read may be anybody's.
#[test]
fn a_second_page_whose_comments_cannot_be_read_stays() {
    let (world, first, second) = pages_of_an_issue();
    world.pages.forbid_comments(true);
    world.pages.hide(&first, false);
    world.sweep();
    is_at_rest(&world);
    assert_eq!(world.pages.live(), [first.clone(), second]);
    assert!(drifts(&owner(&world, Side::Notion, &first)));
}

#[test]
fn a_person_decides_about_one_that_is_used() {
    // It is not needed any more.
    let used = || {
        let (world, first, second) = pages_of_an_issue();
        world.pages.set(&first, "title", Value::text("Mine"));
        world.pages.hide(&first, false);
        world.pass(10);
        world.sweep();
        world.settle();
        assert!(drifts(&owner(&world, Side::Notion, &first)));
        (world, first, second)
    };
    let (world, first, second) = used();
    world.pages.trash(&first, true);
    world.pass(10);
    world.sweep();
    is_at_rest(&world);
    assert_eq!(owner(&world, Side::Notion, &first).life, Life::Tombstone);
    assert_eq!(kinds(&world), []);
    assert_eq!(world.pages.live(), [second]);

    // It is a task of its own: its marks go.
    let (world, first, _) = used();
    world.pages.unmark(&first);
    world.pass(10);
    world.sweep();
    world.settle();
    world.pass(30);
    is_at_rest(&world);
    assert_eq!((world.live(), world.repo.numbers().len()), (2, 2));
    assert_eq!(world.repo.issue(2, "title"), Value::text("Mine"));
    assert_eq!(owner(&world, Side::Notion, &first).duplicate, None);
    assert_eq!(kinds(&world), []);

    // Both are left alone.
    let (world, first, second) = used();
    let record = owner(&world, Side::Notion, &first);
    block_on(world.engine.unlink(&record.id)).unwrap();
    world.pages.set(&first, "title", Value::text("Still mine"));
    world.pass(10);
    world.sweep();
    is_at_rest(&world);
    assert_eq!(world.pages.live(), [first.clone(), second]);
    assert!(!drifts(&owner(&world, Side::Notion, &first)));
    assert_eq!(kinds(&world), []);

    // An issue: it is closed by hand.
    let world = issues_of_a_page();
    world.repo.set_issue_text(1, "It crashes.\n");
    world.repo.hide_issue(1, false);
    world.pass(10);
    world.sweep();
    assert!(drifts(&owner(&world, Side::Github, "1")));
    world.repo.set_issue(1, "state", Value::text("closed"));
    world.pass(10);
    world.sweep();
    is_at_rest(&world);
    assert_eq!(owner(&world, Side::Github, "1").life, Life::Tombstone);
    assert_eq!(kinds(&world), []);
    assert_eq!(world.repo.comments(1), [""; 0]);
}

/// Who brings it back wants it: it is neither removed again nor taken for something new.
#[test]
fn one_that_comes_back_is_named() {
    let (world, first, second) = pages_of_an_issue();
    world.pages.hide(&first, false);
    world.sweep();
    is_at_rest(&world);
    world.pages.trash(&first, false);
    world.pass(10);
    world.sweep();
    is_at_rest(&world);
    assert_eq!(world.pages.live(), [first.clone(), second]);
    assert_eq!((world.live(), world.repo.numbers().len()), (1, 1));
    assert!(drifts(&owner(&world, Side::Notion, &first)));
    assert_eq!(kinds(&world), [FindingKind::DuplicateClaim]);
    world.pages.trash(&first, true);
    world.pass(10);
    world.sweep();
    is_at_rest(&world);
    assert_eq!(kinds(&world), []);

    let world = issues_of_a_page();
    world.repo.hide_issue(1, false);
    world.sweep();
    is_at_rest(&world);
    world.repo.set_issue(1, "state", Value::text("open"));
    world.pass(10);
    world.sweep();
    is_at_rest(&world);
    assert_eq!(state(&world, 1), "open");
    assert_eq!((world.live(), world.pages.live().len()), (1, 1));
    assert!(drifts(&owner(&world, Side::Github, "1")));
    assert_eq!(kinds(&world), [FindingKind::DuplicateClaim]);
}

/// Between the look and the removal somebody writes: that wins.
#[test]
fn one_that_is_edited_at_the_last_moment_stays() {
    let (mut world, first, second) = pages_of_an_issue();
    world.pages.hide(&first, false);
    let (pages, page) = (world.pages.clone(), first.clone());
    let meddle = move || pages.edit_body(&page, |body| rewrite(body, "Always.", "Never."));
    let (notion, github) = (
        Meddled::new(world.pages.clone(), meddle),
        Arc::new(world.repo.clone()),
    );
    seeing(&mut world, Arc::new(notion), github);
    world.sweep();
    is_at_rest(&world);
    assert_eq!(world.pages.live(), [first.clone(), second]);
    assert_eq!(plain(&world.pages.body(&first)), ["It hangs.", "Never."]);
    let record = owner(&world, Side::Notion, &first);
    assert!(
        drifts(&record) && record.life == Life::Provisioning,
        "{record:?}"
    );

    let mut world = issues_of_a_page();
    world.repo.hide_issue(1, false);
    let repo = world.repo.clone();
    let meddle = move || {
        repo.comment(1, "bob", "Is this the same?");
    };
    let (notion, github) = (
        Arc::new(world.pages.clone()),
        Meddled::new(world.repo.clone(), meddle),
    );
    seeing(&mut world, notion, Arc::new(github));
    world.sweep();
    is_at_rest(&world);
    assert_eq!(
        (state(&world, 1), world.repo.comments(1).len()),
        ("open".into(), 0)
    );
    assert!(drifts(&owner(&world, Side::Github, "1")));
}
