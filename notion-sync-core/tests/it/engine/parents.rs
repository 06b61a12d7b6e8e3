//! Parents of tasks: pages and issues above others.

use futures::executor::block_on;
use notion_sync_core::engine::Tick;
use notion_sync_core::id::Side;
use notion_sync_core::mapping::{CreateWhen, FieldKind, Mapping, Policy};
use notion_sync_core::record::Record;
use notion_sync_core::rule::Values;
use notion_sync_core::value::Value;

use super::world::{World, body, field, tasks};

const PROPERTIES: [(&str, &str); 4] = [
    ("state", "status"),
    ("labels", "multi_select"),
    ("assignees", "people"),
    ("parent", "relation"),
];

fn mapping(policy: Policy) -> Mapping {
    let mut mapping = tasks(policy);
    mapping.fields.push(field("parent", FieldKind::Parent));
    mapping
}

fn world(policy: Policy) -> World {
    World::with(mapping(policy), &PROPERTIES, &[])
}

/// Tasks that are pages and issues already, at rest.
fn paired<const N: usize>(policy: Policy) -> (World, [String; N], [u32; N]) {
    let world = world(policy);
    let numbers: [u32; N] =
        std::array::from_fn(|at| world.repo.open_issue(&format!("Task {at}"), "x\n"));
    world.settle();
    world.pass(10);
    assert_eq!(world.settle(), 0);
    let pages = numbers.map(|number| page_of(&world, number));
    (world, pages, numbers)
}

fn page_of(world: &World, number: u32) -> String {
    let id = number.to_string();
    (world.records().iter())
        .find(|record| record.github.as_ref().is_some_and(|issue| issue.id == id))
        .and_then(|record| record.notion.as_ref())
        .map(|page| page.id.clone())
        .expect("a page")
}

fn issue_of(world: &World, page: &str) -> Option<u32> {
    (world.records().iter())
        .find(|record| record.notion.as_ref().is_some_and(|known| known.id == page))
        .and_then(|record| record.github.as_ref()?.id.parse().ok())
}

fn record_of(world: &World, page: &str) -> Record {
    (world.records().into_iter())
        .find(|record| record.notion.as_ref().is_some_and(|known| known.id == page))
        .expect("a record")
}

fn below(world: &World, page: &str) -> Value {
    world.pages.field(page, "parent")
}

fn above(world: &World, number: u32) -> Value {
    world.repo.issue(number, "parent")
}

fn issue(number: u32) -> Value {
    Value::text(number.to_string())
}

fn said(tick: &Tick) -> Vec<String> {
    let incidents = tick.mappings.iter().flat_map(|report| &report.incidents);
    incidents.map(|one| one.message.clone()).collect()
}

/// Goes on until the world rests, and keeps what was said.
fn heard(world: &World) -> Vec<String> {
    let mut all = Vec::new();
    for _ in 0..100 {
        let tick = world.poll();
        all.extend(said(&tick));
        match tick.settle_due {
            Some(due) => {
                world.clock.advance_to(due);
                world.clock.advance(chrono::Duration::milliseconds(200));
            }
            None if tick.writes() == 0 => return all,
            None => {}
        }
    }
    panic!("no rest");
}

#[test]
fn a_parent_goes_both_ways_is_replaced_and_taken_away() {
    let (world, [top, other, child], [one, two, three]) = paired(Policy::ManualReview);
    world.repo.set_issue(three, "parent", issue(one));
    assert_eq!(world.settle(), 1);
    assert_eq!(below(&world, &child), Value::set([top.clone()]));

    world
        .pages
        .set(&child, "parent", Value::set([other.clone()]));
    world.settle();
    assert_eq!(above(&world, three), issue(two));

    world.repo.set_issue(three, "parent", Value::Null);
    world.settle();
    assert!(below(&world, &child).is_empty());

    world.pages.set(&child, "parent", Value::set([top]));
    world.settle();
    world.pages.set(&child, "parent", Value::set::<&str>([]));
    world.settle();
    assert_eq!(above(&world, three), Value::Null);
    world.pass(10);
    assert_eq!(world.settle(), 0);
    assert_eq!(world.conflicts(), 0);
}

#[test]
fn parent_and_children_are_made_in_the_same_run() {
    // Pages first, the child before its parent.
    let world = world(Policy::ManualReview);
    let child = world.pages.create("Child", body(&["x"]));
    let top = world.pages.create("Top", body(&["x"]));
    let grandchild = world.pages.create("Grandchild", body(&["x"]));
    world.pages.set(&child, "parent", Value::set([top.clone()]));
    world
        .pages
        .set(&grandchild, "parent", Value::set([child.clone()]));
    world.settle();
    let number = |page: &str| issue_of(&world, page).expect("an issue");
    assert_eq!(above(&world, number(&child)), issue(number(&top)));
    assert_eq!(above(&world, number(&grandchild)), issue(number(&child)));
    world.pass(10);
    assert_eq!(world.settle(), 0);

    // Issues.
    let below_that = world.repo.open_issue("Below", "x\n");
    let above_that = world.repo.open_issue("Above", "x\n");
    world
        .repo
        .set_issue(below_that, "parent", issue(above_that));
    assert_eq!(heard(&world), [] as [&str; 0]);
    let parent = Value::set([page_of(&world, above_that)]);
    assert_eq!(below(&world, &page_of(&world, below_that)), parent);
    world.pass(10);
    assert_eq!(world.settle(), 0);
    assert_eq!(world.conflicts(), 0);
}

#[test]
fn a_refused_parent_holds_up_that_field_alone_and_is_told_once() {
    let (world, [top, child], [one, two]) = paired(Policy::ManualReview);
    world.repo.set_issue(two, "parent", issue(one));
    world.settle();
    // The page above goes below its own child.
    world.pages.set(&top, "parent", Value::set([child.clone()]));
    world.pages.set(&top, "title", Value::text("Renamed"));
    let told = heard(&world);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("below itself"), "{told:?}");
    assert_eq!(world.repo.issue(one, "title"), Value::text("Renamed"));
    assert_eq!(above(&world, one), Value::Null);
    assert_eq!(
        below(&world, &top),
        Value::set([child.clone()]),
        "nothing is lost"
    );
    let problem = record_of(&world, &top).problem.expect("a problem");
    assert!(problem.message.contains("below itself"), "{problem:?}");
    // It is not asked again at once, and nobody is told again.
    let writes = world.repo.writes().len();
    world.pass(10);
    assert_eq!(heard(&world), [] as [&str; 0]);
    assert_eq!(world.repo.writes().len(), writes);
    // Once what stands in the way is gone, the same is asked again.
    world.pages.set(&child, "parent", Value::set::<&str>([]));
    world.settle();
    world.pass(61);
    world.settle();
    assert_eq!(above(&world, one), issue(two));
    assert_eq!(record_of(&world, &top).problem, None);
    world.pass(61);
    assert_eq!(world.settle(), 0);
}

#[test]
fn a_parent_without_an_issue_is_waited_for() {
    let mut mapping = mapping(Policy::ManualReview);
    mapping.create_when = Some(CreateWhen {
        on: "state".to_owned(),
        values: Values::of(["Doing"]),
    });
    let mut world = World::with(mapping, &PROPERTIES, &[]);
    let top = world.pages.create("Top", body(&["x"]));
    world.pages.set(&top, "state", Value::text("To do"));
    let child = world.pages.create("Child", body(&["x"]));
    world.pages.set(&child, "state", Value::text("Doing"));
    world.pages.set(&child, "parent", Value::set([top.clone()]));
    assert_eq!(heard(&world), [] as [&str; 0], "it is nothing to be told");
    let number = issue_of(&world, &child).expect("an issue");
    assert_eq!(above(&world, number), Value::Null);
    let record = record_of(&world, &child);
    assert_eq!(record.problem, None);
    assert!(
        record
            .waits
            .values()
            .any(|wait| wait.reason.contains("Top")),
        "{:?}",
        record.waits
    );
    world.pass(30);
    let reads = world.repo.reads().contents;
    assert_eq!(world.settle(), 0, "it waits and does nothing");
    assert_eq!(
        world.repo.reads().contents,
        reads,
        "nothing is read meanwhile"
    );
    // Other fields go on.
    world.pages.set(&child, "title", Value::text("Renamed"));
    world.settle();
    assert_eq!(world.repo.issue(number, "title"), Value::text("Renamed"));
    assert_eq!(below(&world, &child), Value::set([top.clone()]));

    world.restart();
    world.pages.set(&top, "state", Value::text("Doing"));
    world.settle();
    let above_it = issue_of(&world, &top).expect("an issue");
    assert_eq!(above(&world, number), issue(above_it));
    assert!(record_of(&world, &child).waits.is_empty());
    assert_eq!(world.conflicts(), 0);
    world.pass(10);
    assert_eq!(world.settle(), 0);
}

#[test]
fn a_parent_outside_of_the_mapping_is_told_once_and_kept() {
    let (world, [page, top], [number, one]) = paired(Policy::ManualReview);
    world
        .repo
        .set_issue(number, "parent", Value::text("acme/other#7"));
    world
        .repo
        .set_issue(number, "title", Value::text("Renamed"));
    let told = heard(&world);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("acme/other#7"), "{told:?}");
    assert_eq!(world.pages.field(&page, "title"), Value::text("Renamed"));
    world.pass(10);
    world.repo.set_issue(number, "title", Value::text("Again"));
    assert_eq!(heard(&world), [] as [&str; 0]);
    assert_eq!(world.sweep().writes(), 0);
    assert_eq!(world.pages.field(&page, "title"), Value::text("Again"));
    assert_eq!(above(&world, number), Value::text("acme/other#7"));
    assert!(below(&world, &page).is_empty());
    assert_eq!(record_of(&world, &page).problem, None);
    // A person settles it.
    world.repo.set_issue(number, "parent", issue(one));
    world.settle();
    assert_eq!(below(&world, &page), Value::set([top]));
    assert_eq!(world.conflicts(), 0);
}

#[test]
fn two_pages_are_no_parent() {
    let (world, [page, a, b], [number, one, _]) = paired(Policy::ManualReview);
    world
        .pages
        .set(&page, "parent", Value::set([a.clone(), b.clone()]));
    world.pages.set(&page, "title", Value::text("Renamed"));
    world.settle();
    assert_eq!(above(&world, number), Value::Null);
    assert_eq!(world.repo.issue(number, "title"), Value::text("Renamed"));
    let problem = record_of(&world, &page).problem.expect("a problem");
    assert!(problem.message.contains("2 pages"), "{problem:?}");
    assert_eq!(below(&world, &page), Value::set([a.clone(), b]));
    world.pages.set(&page, "parent", Value::set([a]));
    world.settle();
    assert_eq!(above(&world, number), issue(one));
    assert_eq!(record_of(&world, &page).problem, None);
}

#[test]
fn a_parent_whose_pair_was_removed_stays_named_and_is_not_named_anew() {
    let (world, [top, child, late], [one, two, three]) = paired(Policy::NotionWins);
    world.repo.set_issue(two, "parent", issue(one));
    world.settle();
    world.pages.trash(&top, true);
    world.sweep();
    world.settle();
    assert_eq!(world.repo.issue(one, "state"), Value::text("closed"));
    // Whoever still names it on both sides agrees.
    assert_eq!(above(&world, two), issue(one));
    assert_eq!(below(&world, &child), Value::set([top.clone()]));
    world.pass(10);
    assert_eq!(world.settle(), 0);
    // Naming it anew reaches no page.
    world.repo.set_issue(three, "parent", issue(one));
    let told = heard(&world);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("was removed"), "{told:?}");
    assert!(below(&world, &late).is_empty());
    // Taking it away does.
    world.pages.set(&child, "parent", Value::set::<&str>([]));
    world.settle();
    assert_eq!(above(&world, two), Value::Null);
    // When the page comes back, what waited goes on.
    world.pages.trash(&top, false);
    world.sweep();
    world.settle();
    world.pass(10);
    world.settle();
    assert_eq!(below(&world, &late), Value::set([top]));
    assert_eq!(world.conflicts(), 0);
}

#[test]
fn parents_that_were_there_before_fill_the_side_that_has_none() {
    let plain = World::with(tasks(Policy::ManualReview), &PROPERTIES, &[]);
    let numbers = [0; 4].map(|_| plain.repo.open_issue("Task", "x\n"));
    plain.settle();
    let pages = numbers.map(|number| page_of(&plain, number));
    plain
        .repo
        .set_issue(numbers[1], "parent", issue(numbers[0]));
    plain
        .pages
        .set(&pages[2], "parent", Value::set([pages[0].clone()]));
    plain
        .repo
        .set_issue(numbers[3], "parent", issue(numbers[0]));
    plain
        .pages
        .set(&pages[3], "parent", Value::set([pages[0].clone()]));
    plain.settle();
    let mut world = World {
        mapping: mapping(Policy::ManualReview),
        ..plain
    };
    world.restart();
    world.sweep();
    world.settle();
    assert_eq!(below(&world, &pages[1]), Value::set([pages[0].clone()]));
    assert_eq!(above(&world, numbers[2]), issue(numbers[0]));
    assert_eq!(world.conflicts(), 0);
    world.pass(10);
    assert_eq!(world.settle(), 0);
}

#[test]
fn two_different_parents_are_a_conflict_that_people_can_read() {
    for stays in Side::BOTH {
        let (world, [page, a, b], [number, one, two]) = paired(Policy::ManualReview);
        world.repo.set_issue(number, "parent", issue(one));
        world.pages.set(&page, "parent", Value::set([b.clone()]));
        world.settle();
        let record = record_of(&world, &page);
        let conflict = record.conflicts.values().next().expect("a conflict");
        assert_eq!(
            (&*conflict.notion_text, &*conflict.github_text),
            ("Task 2", "Task 1")
        );
        block_on(world.engine.settle_conflicts(&record.id, stays)).unwrap();
        world.settle();
        let (parent, said) = match stays {
            Side::Notion => (two, b),
            Side::Github => (one, a),
        };
        assert_eq!(above(&world, number), issue(parent));
        assert_eq!(below(&world, &page), Value::set([said]));
        assert_eq!(world.conflicts(), 0);
    }
}

#[test]
fn a_parent_that_moves_no_time_of_change_is_found_by_a_full_listing() {
    let (world, [page, top], [number, one]) = paired(Policy::ManualReview);
    world.pass(60);
    world.repo.set_issue_silently(number, "parent", issue(one));
    world.sweep();
    world.settle();
    assert_eq!(below(&world, &page), Value::set([top]));
    world.pass(10);
    assert_eq!(world.sweep().writes(), 0);
}
