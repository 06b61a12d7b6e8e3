//! Fields of tasks beyond one property for one attribute.

use std::collections::BTreeSet;

use futures::executor::block_on;
use notion_sync_core::mapping::{
    Direction, FieldKind, FieldMap, LabelFamily, Labels, Mapping, Policy,
};
use notion_sync_core::state::State;
use notion_sync_core::value::Value;

use super::world::{World, body, field, tasks};

const PROPERTIES: [(&str, &str); 6] = [
    ("state", "status"),
    ("labels", "multi_select"),
    ("priority", "select"),
    ("size", "select"),
    ("assignees", "people"),
    ("opened", "date"),
];

fn area(strip: bool) -> FieldKind {
    let own = |list: &[&str]| list.iter().map(|one| (*one).to_owned()).collect();
    FieldKind::Labels(Labels {
        include: own(&["area/"]),
        exclude: own(&["area/internal", "priority/", "size/"]),
        strip,
        ..Labels::default()
    })
}

fn family(id: &str) -> FieldMap {
    let kind = FieldKind::Label(LabelFamily {
        prefix: format!("{id}/"),
        ..LabelFamily::default()
    });
    FieldMap {
        github: "labels".to_owned(),
        ..field(id, kind)
    }
}

fn mapping(policy: Policy) -> Mapping {
    let mut mapping = tasks(policy);
    mapping.fields[1] = field("labels", area(true));
    mapping.fields.push(family("priority"));
    mapping.fields.push(family("size"));
    mapping
}

fn world(mapping: Mapping) -> World {
    World::with(
        mapping,
        &PROPERTIES,
        &[("priority", &["High", "Low"]), ("labels", &["UI"])],
    )
}

fn labels(world: &World, number: u32) -> BTreeSet<String> {
    world.repo.issue(number, "labels").elements()
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// An issue with labels of every sort, and its page.
fn paired(policy: Policy) -> (World, String, u32) {
    let world = world(mapping(policy));
    let number = world.repo.open_issue("Crash", "It crashes.\n");
    let all = ["Area/ui", "bug", "area/internal-1", "priority/high"];
    world.repo.set_issue(number, "labels", Value::set(all));
    world.settle();
    let page = world.pages.live()[0].clone();
    world.pass(10);
    assert_eq!(world.settle(), 0);
    (world, page, number)
}

#[test]
fn only_labels_that_match_reach_the_page() {
    let (world, page, number) = paired(Policy::ManualReview);
    assert_eq!(world.pages.field(&page, "labels"), Value::set(["UI"]));
    assert_eq!(world.pages.field(&page, "priority"), Value::text("High"));
    assert_eq!(world.pages.field(&page, "size"), Value::Null);
    // What people do to other labels is no edit of the field.
    let all = ["Area/ui", "help", "area/internal-2", "priority/high"];
    world.repo.set_issue(number, "labels", Value::set(all));
    assert_eq!(world.settle(), 0);
    assert_eq!(world.conflicts(), 0);
    assert_eq!(labels(&world, number), set(&all));
}

#[test]
fn what_a_page_says_of_labels_leaves_the_others_alone() {
    let (world, page, number) = paired(Policy::ManualReview);
    world.pages.set(&page, "labels", Value::set(["core"]));
    world.pages.set(&page, "priority", Value::text("Low"));
    world.pages.set(&page, "size", Value::text("s"));
    // Meanwhile somebody labels the issue.
    let all = [
        "Area/ui",
        "bug",
        "area/internal-1",
        "priority/high",
        "help",
        "AREA/db",
    ];
    world.repo.set_issue(number, "labels", Value::set(all));
    world.settle();
    assert_eq!(
        labels(&world, number),
        set(&[
            "AREA/db",
            "area/core",
            "area/internal-1",
            "bug",
            "help",
            "priority/Low",
            "size/s"
        ])
    );
    assert_eq!(
        world.pages.field(&page, "labels"),
        Value::set(["core", "db"])
    );
    assert_eq!(world.conflicts(), 0);
    world.pass(10);
    assert_eq!(world.settle(), 0);
}

#[test]
fn a_page_makes_an_issue_with_all_its_labels() {
    let world = world(mapping(Policy::ManualReview));
    let page = world.pages.create("Plan", body(&["Text"]));
    world
        .pages
        .set(&page, "labels", Value::set(["UI", "internal-7"]));
    world.pages.set(&page, "priority", Value::text("High"));
    world.pages.set(&page, "size", Value::text("m"));
    world.settle();
    let number = world.repo.numbers()[0];
    assert_eq!(
        labels(&world, number),
        set(&["area/UI", "priority/High", "size/m"])
    );
    world.pass(10);
    assert_eq!(world.settle(), 0);
    // The option that would be a label that does not travel stays.
    assert_eq!(
        world.pages.field(&page, "labels"),
        Value::set(["UI", "internal-7"])
    );
}

#[test]
fn a_value_goes_both_ways_and_away() {
    let (world, page, number) = paired(Policy::ManualReview);
    let all = ["Area/ui", "bug", "priority/low"];
    world.repo.set_issue(number, "labels", Value::set(all));
    world.settle();
    assert_eq!(world.pages.field(&page, "priority"), Value::text("Low"));
    world.pass(10);
    world.pages.set(&page, "priority", Value::Null);
    world.settle();
    assert_eq!(labels(&world, number), set(&["Area/ui", "bug"]));
    world.pass(10);
    assert_eq!(world.settle(), 0);
}

#[test]
fn both_sides_at_once_are_a_conflict_of_the_value_alone() {
    let (world, page, number) = paired(Policy::ManualReview);
    world.pages.set(&page, "priority", Value::text("Low"));
    let all = ["Area/ui", "area/db", "priority/urgent"];
    world.repo.set_issue(number, "labels", Value::set(all));
    world.settle();
    assert_eq!(world.conflicts(), 1);
    assert_eq!(world.pages.field(&page, "priority"), Value::text("Low"));
    assert_eq!(labels(&world, number), set(&all));
    assert_eq!(world.pages.field(&page, "labels"), Value::set(["UI", "db"]));
}

#[test]
fn several_labels_for_one_value_are_told_and_not_chosen_from() {
    for policy in [Policy::ManualReview, Policy::NotionWins, Policy::GithubWins] {
        let (world, page, number) = paired(policy);
        let all = ["priority/high", "Priority/low", "area/db"];
        world.repo.set_issue(number, "labels", Value::set(all));
        world.pages.set(&page, "size", Value::text("m"));
        world.settle();
        let problem = world.records()[0].problem.clone().unwrap();
        assert!(
            problem.message.contains("Priority/low, priority/high"),
            "{problem:?}"
        );
        assert_eq!(world.pages.field(&page, "priority"), Value::text("High"));
        // Other fields go on, those of labels too.
        assert_eq!(world.pages.field(&page, "labels"), Value::set(["db"]));
        assert!(labels(&world, number).contains("size/m"));
        // Nor does an edit of the page choose.
        world.pass(10);
        world.pages.set(&page, "priority", Value::text("Low"));
        world.settle();
        assert!(labels(&world, number).is_superset(&set(&all)));
        world.pass(10);
        let one = ["Priority/low", "area/db", "size/m"];
        world.repo.set_issue(number, "labels", Value::set(one));
        world.settle();
        assert!(world.records()[0].problem.is_none());
        assert_eq!(world.pages.field(&page, "priority"), Value::text("Low"));
        assert_eq!(labels(&world, number), set(&one));
    }
}

#[test]
fn an_issue_with_several_labels_for_one_value_gets_its_page() {
    let world = world(mapping(Policy::ManualReview));
    let number = world.repo.open_issue("Crash", "It crashes.\n");
    let all = ["priority/high", "priority/low"];
    world.repo.set_issue(number, "labels", Value::set(all));
    world.settle();
    let page = world.pages.live()[0].clone();
    assert_eq!(world.pages.field(&page, "priority"), Value::Null);
    assert_eq!(labels(&world, number), set(&all));
    world.pass(10);
    world
        .repo
        .set_issue(number, "labels", Value::set(["priority/low"]));
    world.settle();
    assert_eq!(world.pages.field(&page, "priority"), Value::text("Low"));
}

#[test]
fn people_without_a_partner_are_told_of_once() {
    let mut world = world(tasks(Policy::ManualReview));
    let number = world.repo.open_issue("Crash", "It crashes.\n");
    let assignees = Value::set(["ada", "Carol"]);
    world.repo.set_issue(number, "assignees", assignees.clone());
    let first = world.poll();
    let told: Vec<String> = (first.mappings[0].incidents.iter())
        .map(|one| format!("{}: {}", one.subject, one.message))
        .collect();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(
        told[0].starts_with("Crash: ") && told[0].contains("add Carol = "),
        "{told:?}"
    );
    world.settle();
    let page = world.pages.live()[0].clone();
    let shown = Value::set(["user-ada"]);
    assert_eq!(world.pages.field(&page, "assignees"), shown);

    // On another task and after a restart it is not said again; of somebody else it is.
    world.restart();
    world.pass(10);
    let other = world.pages.create("Other", body(&["Text"]));
    world
        .pages
        .set(&other, "assignees", Value::set(["user-guest"]));
    world.repo.set_issue(number, "title", Value::text("Crash!"));
    let messages: Vec<String> = (world.sweep().mappings[0].incidents.iter())
        .map(|one| one.message.clone())
        .collect();
    assert_eq!(messages.len(), 1, "{messages:?}");
    assert!(messages[0].contains("LOGIN = \"user-guest\""));
    world.settle();
    world.pass(10);
    assert!(world.sweep().mappings[0].incidents.is_empty());
    assert_eq!(world.repo.issue(number, "assignees"), assignees);

    let state = State::new(&*world.store);
    let known = block_on(state.mapping(&world.mapping.id)).unwrap().value;
    assert_eq!(known.strangers, set(&["GitHub carol", "Notion user-guest"]));
    let audit = block_on(state.audit(None)).unwrap();
    let rows = audit.iter().filter(|row| row.summary.contains("[people]"));
    assert_eq!(rows.count(), 2, "{audit:?}");
}

#[test]
fn what_only_github_knows_is_shown_and_never_written() {
    let mut mapping = tasks(Policy::ManualReview);
    mapping.fields.push(FieldMap {
        notion: "opened".to_owned(),
        direction: Direction::ToNotion,
        ..field("created_at", FieldKind::Date)
    });
    let world = world(mapping);
    let number = world.repo.open_issue("Crash", "It crashes.\n");
    let opened = world.repo.issue(number, "created_at");
    assert!(!opened.is_empty());
    world.settle();
    let page = world.pages.live()[0].clone();
    assert_eq!(world.pages.field(&page, "opened"), opened);
    // What somebody writes there is put back.
    world.pass(10);
    world.pages.set(&page, "opened", Value::text("2020-01-01"));
    world.settle();
    assert_eq!(world.pages.field(&page, "opened"), opened);
    assert_eq!(world.conflicts(), 0);
    // Nor does a page say it of an issue that it makes.
    let own = world.pages.create("Plan", body(&["Text"]));
    world.pages.set(&own, "opened", Value::text("2020-01-01"));
    world.settle();
    world.pass(10);
    world.settle();
    let made = world.repo.numbers()[1];
    assert_eq!(
        world.pages.field(&own, "opened"),
        world.repo.issue(made, "created_at")
    );
    assert_eq!(world.conflicts(), 0);
}
