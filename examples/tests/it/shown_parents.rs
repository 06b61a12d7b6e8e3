//! Parents of tasks: Notion's sub-items and GitHub's sub-issues, and types of issues.

use notion_sync_core::mapping::Policy;
use notion_sync_examples::demo::{Outcome, Stage, Terms};
use notion_sync_examples::emulation::{BACKLOG, World};
use serde_json::{Value, json};

use crate::shown_support::{equal, settle, sweep};

const PARENT: &str = "Parent item";

/// A small team whose backlog has sub-items and types.
fn world() -> World {
    let mut raw = serde_json::to_value(World::small().unwrap()).unwrap();
    let table = &mut raw["notion"]["databases"][1]["data_sources"][0];
    table["properties"][PARENT] =
        json!({"relation": {"data_source_id": "backlog-tasks", "dual_property": {}}});
    table["properties"]["Type"] = json!({"select": ["Bug", "Task", "Epic"]});
    let accounts = raw["github"]["accounts"].as_array_mut().unwrap();
    let acme = accounts
        .iter_mut()
        .find(|one| one["login"] == "acme")
        .unwrap();
    acme["issue_types"] = json!(["Bug", "Task"]);
    serde_json::from_value(raw).unwrap()
}

fn terms(policy: Policy) -> Terms {
    Terms {
        parent: Some(PARENT.to_owned()),
        issue_type: Some("Type".to_owned()),
        ..Terms::tasks(policy)
    }
}

async fn stage(terms: Terms) -> Stage {
    let mut stage = Stage::in_memory(world(), terms).await.unwrap();
    settle(&mut stage).await;
    rest(&mut stage).await;
    stage
}

/// What is unsettled settles, and nothing is written.
async fn rest(stage: &mut Stage) {
    stage.pass(30);
    let outcome = settle(stage).await;
    assert_eq!(outcome.applied, [], "something was written without need");
    assert_eq!(outcome.incidents, []);
}

fn add(stage: &Stage, title: &str, parent: Option<&str>) {
    let mut fields = vec![("Name", json!(title)), ("Status", json!("To do"))];
    if let Some(parent) = parent {
        fields.push((PARENT, json!([stage.page(parent).unwrap().to_string()])));
    }
    stage
        .add_page("ada", "backlog-tasks", &fields, "Text")
        .unwrap();
}

fn point(stage: &Stage, child: &str, parents: &[&str]) {
    let page = stage.page(child).unwrap();
    let ids: Vec<String> = parents
        .iter()
        .map(|title| stage.page(title).unwrap().to_string())
        .collect();
    stage
        .in_notion("ada", |ada| ada.set_property(page, PARENT, json!(ids)))
        .unwrap();
}

fn number(stage: &Stage, title: &str) -> u64 {
    let issues = stage.issues();
    let mut found = issues.iter().filter(|(_, issue)| issue.title == title);
    *found.next().expect(title).0
}

/// Title of the issue above.
fn above(stage: &Stage, title: &str) -> Option<String> {
    let issues = stage.issues();
    let (_, parent) = issues[&number(stage, title)].parent.clone()?;
    Some(issues[&parent].title.clone())
}

fn property(stage: &Stage, title: &str, name: &str) -> Value {
    let page = stage.page(title).unwrap();
    let properties = stage.notion().properties(page);
    properties.get(name).cloned().unwrap_or_default()
}

/// Ids of the pages that a page names in a relation.
fn named(stage: &Stage, title: &str, property: &str) -> String {
    self::property(stage, title, property).to_string()
}

fn names(stage: &Stage, child: &str, parent: &str) -> bool {
    named(stage, child, PARENT).contains(&stage.page(parent).unwrap().to_string())
}

fn said(outcome: &Outcome, word: &str) -> usize {
    (outcome.incidents.iter())
        .filter(|incident| incident.message.contains(word))
        .count()
}

const LOGIN: &str = "Login fails after password reset";
const DARK: &str = "Dark mode";

#[tokio::test]
async fn a_sub_item_becomes_a_sub_issue_and_back() {
    let mut stage = stage(terms(Policy::ManualReview)).await;
    point(&stage, LOGIN, &[DARK]);
    settle(&mut stage).await;
    assert_eq!(above(&stage, LOGIN).as_deref(), Some(DARK));
    // Notion keeps the other side of the relation by itself.
    let page = stage.page(DARK).unwrap();
    let back = stage.notion().properties(page);
    let child = stage.page(LOGIN).unwrap().to_string();
    let names_child = |(name, value): (&String, &Value)| {
        name.starts_with("Related to") && value.to_string().contains(&child)
    };
    assert!(back.iter().any(names_child), "{back:#?}");
    rest(&mut stage).await;

    // Taken away on GitHub.
    let (parent, child) = (number(&stage, DARK), number(&stage, LOGIN));
    let now = stage.now();
    stage
        .github()
        .remove_sub_issue(BACKLOG, parent, child, "bob", now)
        .unwrap();
    settle(&mut stage).await;
    assert!(
        !names(&stage, LOGIN, DARK),
        "{}",
        named(&stage, LOGIN, PARENT)
    );
    rest(&mut stage).await;

    // Set on GitHub, replaced on Notion, taken away on Notion.
    add(&stage, "Themes", None);
    settle(&mut stage).await;
    let now = stage.now();
    stage
        .github()
        .add_sub_issue(BACKLOG, parent, child, "bob", now)
        .unwrap();
    settle(&mut stage).await;
    assert!(names(&stage, LOGIN, DARK));
    point(&stage, LOGIN, &["Themes"]);
    settle(&mut stage).await;
    assert_eq!(above(&stage, LOGIN).as_deref(), Some("Themes"));
    point(&stage, LOGIN, &[]);
    settle(&mut stage).await;
    assert_eq!(above(&stage, LOGIN), None);
    rest(&mut stage).await;
    equal(&mut stage).await;
}

#[tokio::test]
async fn an_epic_and_its_parts_are_made_in_one_run_on_either_side() {
    let mut stage = stage(terms(Policy::ManualReview)).await;
    for (title, parent) in [
        ("Epic", None),
        ("Part", Some("Epic")),
        ("Piece", Some("Part")),
    ] {
        add(&stage, title, parent);
    }
    let outcome = settle(&mut stage).await;
    assert_eq!(outcome.incidents, []);
    assert_eq!(above(&stage, "Part").as_deref(), Some("Epic"));
    assert_eq!(above(&stage, "Piece").as_deref(), Some("Part"));
    assert_eq!(above(&stage, "Epic"), None);
    rest(&mut stage).await;

    // On GitHub: the part is opened first.
    let now = stage.now();
    let (part, epic) = {
        let mut github = stage.github();
        let part = github
            .open_issue(BACKLOG, "bob", "Low part", Some("x"), now)
            .unwrap();
        let epic = github
            .open_issue(BACKLOG, "bob", "High epic", Some("x"), now)
            .unwrap();
        github
            .add_sub_issue(BACKLOG, epic, part, "bob", now)
            .unwrap();
        (part, epic)
    };
    let outcome = settle(&mut stage).await;
    assert_eq!(outcome.incidents, []);
    assert!(part < epic && names(&stage, "Low part", "High epic"));
    rest(&mut stage).await;
    equal(&mut stage).await;
}

#[tokio::test]
async fn what_github_refuses_is_said_on_the_page_and_blocks_nothing_else() {
    let mut stage = stage(terms(Policy::ManualReview)).await;
    point(&stage, LOGIN, &[DARK]);
    settle(&mut stage).await;
    let page = stage.page(DARK).unwrap();
    point(&stage, DARK, &[LOGIN]);
    stage
        .in_notion("ada", |ada| {
            ada.set_property(page, "Name", json!("Dark theme"))
        })
        .unwrap();
    let outcome = settle(&mut stage).await;
    assert_eq!(
        said(&outcome, "below itself"),
        1,
        "{:#?}",
        outcome.incidents
    );
    number(&stage, "Dark theme");
    assert_eq!(above(&stage, "Dark theme"), None);
    let message = property(&stage, "Dark theme", "GitHub Sync Message").to_string();
    assert!(message.contains("below itself"), "{message}");
    stage.pass(30);
    let outcome = settle(&mut stage).await;
    assert_eq!(
        (outcome.applied.len(), outcome.incidents.len()),
        (0, 0),
        "{outcome:#?}"
    );
    // A person takes the circle away.
    point(&stage, "Dark theme", &[]);
    settle(&mut stage).await;
    assert_eq!(
        property(&stage, "Dark theme", "GitHub Sync Status")["name"],
        "Success"
    );
    equal(&mut stage).await;
}

#[tokio::test]
async fn two_pages_are_no_parent_and_wait_alone() {
    let mut stage = stage(terms(Policy::ManualReview)).await;
    add(&stage, "Themes", None);
    settle(&mut stage).await;
    point(&stage, LOGIN, &[DARK, "Themes"]);
    let page = stage.page(LOGIN).unwrap();
    stage
        .in_notion("ada", |ada| ada.set_property(page, "Status", json!("Done")))
        .unwrap();
    settle(&mut stage).await;
    let issue = stage.issues()[&number(&stage, LOGIN)].clone();
    assert!(!issue.open);
    assert_eq!(above(&stage, LOGIN), None);
    let message = property(&stage, LOGIN, "GitHub Sync Message").to_string();
    assert!(message.contains("2 pages"), "{message}");
    point(&stage, LOGIN, &["Themes"]);
    settle(&mut stage).await;
    assert_eq!(above(&stage, LOGIN).as_deref(), Some("Themes"));
    equal(&mut stage).await;
}

#[tokio::test]
async fn a_parent_in_the_trash_leaves_its_children_without_one() {
    let mut stage = stage(terms(Policy::NotionWins).unguarded()).await;
    add(&stage, "Epic", None);
    settle(&mut stage).await;
    point(&stage, LOGIN, &["Epic"]);
    settle(&mut stage).await;
    assert_eq!(above(&stage, LOGIN).as_deref(), Some("Epic"));
    let epic = stage.page("Epic").unwrap();
    stage.in_notion("ada", |ada| ada.trash(epic)).unwrap();
    // Notion does not show a page that is in the trash; whether the child says so is found at the
    // next look at it.
    settle(&mut stage).await;
    sweep(&mut stage).await;
    settle(&mut stage).await;
    assert!(!stage.issues()[&number(&stage, "Epic")].open);
    assert_eq!(above(&stage, LOGIN), None);
    stage.pass(30);
    let outcome = sweep(&mut stage).await;
    assert_eq!(outcome.applied, []);
}

#[tokio::test]
async fn a_type_goes_both_ways_and_one_that_is_missing_waits_alone() {
    let mut stage = stage(terms(Policy::ManualReview)).await;
    let page = stage.page(LOGIN).unwrap();
    let kind = |stage: &Stage, kind: Value| {
        stage
            .in_notion("ada", |ada| ada.set_property(page, "Type", kind))
            .unwrap();
    };
    let on_github = |stage: &Stage| {
        let number = number(stage, LOGIN);
        stage.github().type_of(BACKLOG, number).unwrap()
    };
    kind(&stage, json!("Bug"));
    settle(&mut stage).await;
    assert_eq!(on_github(&stage).as_deref(), Some("Bug"));
    let (issue, now) = (number(&stage, LOGIN), stage.now());
    stage
        .github()
        .set_type(BACKLOG, issue, "bob", Some("Task"), now)
        .unwrap();
    settle(&mut stage).await;
    assert_eq!(property(&stage, LOGIN, "Type")["name"], "Task");
    rest(&mut stage).await;

    // GitHub has no such type; everything else goes.
    kind(&stage, json!("Epic"));
    stage
        .in_notion("ada", |ada| ada.set_property(page, "Status", json!("Done")))
        .unwrap();
    let outcome = settle(&mut stage).await;
    assert_eq!(
        said(&outcome, "issue types of the organization"),
        1,
        "{:#?}",
        outcome.incidents
    );
    assert_eq!(on_github(&stage).as_deref(), Some("Task"));
    assert!(!stage.issues()[&issue].open);
    let message = property(&stage, LOGIN, "GitHub Sync Message").to_string();
    assert!(message.contains("issue types"), "{message}");
    stage.pass(30);
    let outcome = settle(&mut stage).await;
    assert_eq!(
        (outcome.applied.len(), outcome.incidents.len()),
        (0, 0),
        "{outcome:#?}"
    );
    // So for a new page.
    stage
        .add_page(
            "ada",
            "backlog-tasks",
            &[
                ("Name", json!("Fresh")),
                ("Status", json!("To do")),
                ("Type", json!("Epic")),
            ],
            "Text",
        )
        .unwrap();
    stage.pass(5);
    settle(&mut stage).await;
    number(&stage, "Fresh");
    assert_eq!(
        property(&stage, "Fresh", "Type")["name"],
        "Epic",
        "nothing is lost"
    );
    kind(&stage, Value::Null);
    settle(&mut stage).await;
    assert_eq!(on_github(&stage), None);
}
