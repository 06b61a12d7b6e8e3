//! One creation made two objects, because a side showed the first one later than was waited for.

mod lost;
mod used;

use std::sync::Arc;

use futures::executor::block_on;
use notion_sync_core::audit::{AuditEvent, AuditRow};
use notion_sync_core::engine::{Binding, Engine, FindingKind};
use notion_sync_core::id::Side;
use notion_sync_core::mapping::{Guard, People, Policy};
use notion_sync_core::record::{Life, Record};
use notion_sync_core::remote::Remote;
use notion_sync_core::state::State;
use notion_sync_core::value::Value;
use notion_sync_testkit::model::ModelFault;

use super::world::{World, body, documents, rewrite, tasks};

fn seeing(world: &mut World, notion: Arc<dyn Remote>, github: Arc<dyn Remote>) {
    world.engine = Engine::new(world.store.clone(), world.clock.clone()).with_mapping(Binding {
        mapping: world.mapping.clone(),
        notion,
        github,
        people: People::default(),
    });
}

fn world(world: World) -> World {
    let mut world = world;
    world.pages = world.pages.clone().with_bookkeeping();
    world.restart();
    world.settle();
    world
}

/// An issue has a page, and the page that was made for it first is not shown: the two pages.
fn two_pages(mut world: World) -> (World, String, String) {
    world.pages.fail([ModelFault::LostAfter]);
    world.poll();
    let first = world.pages.live().remove(0);
    world.pages.hide(&first, true);
    world.settle();
    world.pass(30);
    world.settle();
    let second = (world.pages.live().into_iter()).find(|page| *page != first);
    let second = second.expect("it was made again");
    assert_eq!(world.live(), 1);
    world.restart();
    (world, first, second)
}

fn pages_of_an_issue() -> (World, String, String) {
    let world = world(World::new(tasks(Policy::ManualReview)));
    world.repo.open_issue("Fix login", "It hangs.\n\nAlways.\n");
    let issue = world.repo.numbers()[0];
    world.repo.set_issue(issue, "labels", Value::set(["bug"]));
    two_pages(world)
}

/// A page has an issue, and the issue that was made for it first is not shown: 1 and 2.
fn issues_of_a_page() -> World {
    let world = world(World::new(tasks(Policy::ManualReview)));
    let page = world
        .pages
        .create("Fix login", body(&["It hangs.", "Always."]));
    world.pages.set(&page, "labels", Value::set(["bug"]));
    world.repo.fail([ModelFault::LostAfter]);
    world.poll();
    world.repo.hide_issue(1, true);
    world.settle();
    world.pass(30);
    world.settle();
    assert_eq!((world.repo.numbers(), world.live()), (vec![1, 2], 1));
    world
}

fn state(world: &World, issue: u32) -> String {
    let state = world.repo.issue(issue, "state");
    state.as_text().unwrap_or_default().to_owned()
}

fn owner(world: &World, side: Side, id: &str) -> Record {
    let owns = |record: &Record| record.object(side).is_some_and(|object| object.id == id);
    (world.records().into_iter())
        .find(owns)
        .expect("a record owns it")
}

fn audit(world: &World, record: &Record) -> Vec<AuditRow> {
    block_on(State::new(&*world.store).audit(Some(&record.id))).unwrap()
}

fn kinds(world: &World) -> Vec<FindingKind> {
    let findings = block_on(world.engine.findings(&world.mapping.id)).unwrap();
    findings.into_iter().map(|one| one.kind).collect()
}

/// Nothing at all happens any more, also after a while and with everything listed.
fn is_at_rest(world: &World) {
    world.settle();
    let writes = (world.pages.writes(), world.repo.writes());
    for _ in 0..3 {
        world.pass(30);
        world.sweep();
        world.settle();
    }
    assert_eq!((world.pages.writes(), world.repo.writes()), writes);
}

fn drifts(record: &Record) -> bool {
    record.problem.as_ref().is_some_and(|problem| problem.drift)
}

#[test]
fn a_second_page_goes_to_the_trash_and_belongs_to_the_first() {
    let (world, first, second) = pages_of_an_issue();
    world.pages.hide(&first, false);
    assert_eq!(kinds(&world), [FindingKind::DuplicateClaim]);
    let tick = world.sweep();
    assert_eq!(tick.writes(), 1, "{tick:?}");
    assert_eq!(world.pages.live(), std::slice::from_ref(&second));
    is_at_rest(&world);
    assert_eq!((world.repo.numbers().len(), world.live()), (1, 1));
    assert_eq!(kinds(&world), []);

    let kept = owner(&world, Side::Notion, &second);
    let loser = owner(&world, Side::Notion, &first);
    let known = loser.duplicate.clone().expect("it is known as a duplicate");
    assert_eq!((loser.life, loser.github.clone()), (Life::Tombstone, None));
    assert_eq!(
        (Some(&known.of), &known.record),
        (kept.notion.as_ref(), &kept.id)
    );
    let rows = audit(&world, &loser);
    let found = rows.iter().find(|row| row.event == AuditEvent::Duplicate);
    let found = &found.expect("it is told").details;
    assert_eq!(found["object"], loser.notion.clone().unwrap().to_string());
    assert_eq!(found["of"], known.of.to_string());
    assert_eq!(found["created_by"], known.op.to_string());
    let applied = rows.iter().filter(|row| row.event == AuditEvent::Applied);
    let applied: Vec<_> = applied
        .map(|row| (row.rows.clone(), row.summary.clone()))
        .collect();
    assert_eq!(applied.len(), 1);
    assert_eq!(applied[0].0, [60]);
    assert!(applied[0].1.contains(&known.of.to_string()), "{applied:?}");

    // The pair goes on as ever.
    world
        .pages
        .edit_body(&second, |body| rewrite(body, "Always.", "Sometimes."));
    world.pass(10);
    world.settle();
    assert!(world.repo.issue_text(1).contains("Sometimes."));
}

#[test]
fn a_second_page_of_a_file_goes_too() {
    let world = world(World::new(documents(Policy::GithubWins)));
    world
        .repo
        .put("docs/guide.md", Some("# Guide\n\nFirst.\n\nSecond.\n"));
    let (world, first, second) = two_pages(world);
    world.pages.hide(&first, false);
    world.sweep();
    assert_eq!(world.pages.live(), [second]);
    is_at_rest(&world);
    assert_eq!((world.repo.paths().len(), world.live()), (1, 1));
    assert!(world.repo.pulls("open").is_empty());
}

#[test]
fn a_second_issue_is_closed_and_names_the_first() {
    let world = issues_of_a_page();
    world.repo.hide_issue(1, false);
    assert_eq!(kinds(&world), [FindingKind::DuplicateClaim]);
    let tick = world.sweep();
    assert_eq!(tick.writes(), 2, "{tick:?}");
    assert_eq!(
        (state(&world, 1), state(&world, 2)),
        ("closed".into(), "open".into())
    );
    let said = world.repo.comments(1);
    assert_eq!(said.len(), 1);
    assert!(
        said[0].starts_with("Duplicate of https://github.example/issues/2\n"),
        "{said:?}"
    );
    assert_eq!(world.repo.comments(2), [""; 0]);
    is_at_rest(&world);
    assert_eq!((world.pages.live().len(), world.live()), (1, 1));
    assert_eq!(kinds(&world), []);
    let loser = owner(&world, Side::Github, "1");
    assert_eq!((loser.life, loser.notion.clone()), (Life::Tombstone, None));
    assert!(
        audit(&world, &loser)
            .iter()
            .any(|row| row.event == AuditEvent::Duplicate)
    );
}

#[test]
fn a_dry_run_shows_it_and_writes_nothing() {
    let (world, first, second) = pages_of_an_issue();
    world.pages.hide(&first, false);
    let (before, wrote) = (world.records(), world.pages.writes().len());
    let plans = block_on(world.engine.plan(true)).unwrap();
    let shown = plans[0].shown();
    let lines: Vec<_> = (shown.operations.iter())
        .map(|op| (op.side, op.summary.to_owned(), op.rows.to_vec()))
        .collect();
    assert_eq!(lines.len(), 1);
    assert!(lines[0].1.contains(&second), "{lines:?}");
    assert_eq!(
        (lines[0].0, lines[0].2.as_slice()),
        (Side::Notion, [60].as_slice())
    );
    assert_eq!(plans[0].removals, 1);
    assert_eq!(
        (world.records(), world.pages.writes().len()),
        (before, wrote)
    );
    assert_eq!(world.pages.live().len(), 2);
}

#[test]
fn the_guard_counts_what_was_made_twice() {
    let mut world = world(World::new(tasks(Policy::ManualReview)));
    for n in 0..4 {
        world.repo.open_issue(&format!("Task {n}"), "Text\n");
    }
    world.pages.fail([ModelFault::LostAfter; 4]);
    world.poll();
    let first = world.pages.live();
    assert_eq!(first.len(), 4);
    first.iter().for_each(|page| world.pages.hide(page, true));
    world.settle();
    world.pass(30);
    world.settle();
    assert_eq!((world.live(), world.pages.live().len()), (4, 8));
    world.guard(Guard {
        removals: 3,
        removal_percent: 0,
        ..Guard::default()
    });
    first.iter().for_each(|page| world.pages.hide(page, false));
    let stop = world.sweep().mappings[0]
        .guard
        .clone()
        .expect("the guard stops it");
    assert!(stop.contains("4 removals"), "{stop}");
    assert_eq!(world.pages.live().len(), 8);
    let hash = stop.rsplit(' ').next().unwrap().trim_end_matches('`');
    block_on(world.engine.approve(hash)).unwrap();
    world.sweep();
    world.settle();
    assert_eq!(world.pages.live().len(), 4);
}

/// A copy carries the same mark. A person made it, or it is of another time.
#[test]
fn a_copy_is_no_duplicate() {
    let (world, first, second) = pages_of_an_issue();
    let copy = world.pages.duplicate(&second).unwrap();
    world.pages.hide(&first, false);
    world.pass(30);
    world.sweep();
    world.settle();
    world.pass(30);
    is_at_rest(&world);
    assert_eq!(world.pages.live(), [second, copy]);
    assert_eq!((world.live(), world.repo.numbers().len()), (2, 2));

    let world = issues_of_a_page();
    world.repo.copy_issue(2).unwrap();
    world.repo.hide_issue(1, false);
    world.pass(30);
    world.sweep();
    is_at_rest(&world);
    assert_eq!(state(&world, 3), "open");
    assert_eq!(kinds(&world), [FindingKind::Copy]);
    block_on(world.engine.repair(&world.mapping.id)).unwrap();
    is_at_rest(&world);
    assert_eq!((world.live(), world.pages.live().len()), (2, 2));
}

/// A pair that was buried is not dug out by a page that shows up late.
#[test]
fn a_duplicate_of_what_is_buried_goes_too() {
    let (world, first, second) = pages_of_an_issue();
    world.pages.trash(&second, true);
    world.pass(10);
    world.sweep();
    is_at_rest(&world);
    assert_eq!((world.live(), state(&world, 1)), (0, "closed".into()));
    world.pages.hide(&first, false);
    world.sweep();
    is_at_rest(&world);
    assert_eq!(world.pages.live(), [""; 0]);
    assert_eq!((world.live(), state(&world, 1)), (0, "closed".into()));
}
