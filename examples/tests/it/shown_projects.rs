//! Fields of a project as properties of tasks, over both emulators.

use notion_sync_core::mapping::{Direction, Policy};
use notion_sync_core::record::Record;
use notion_sync_examples::config::{ProjectFieldChoice, ProjectSection};
use notion_sync_examples::demo::{Stage, Terms};
use notion_sync_examples::emulation::{BACKLOG, World};
use notion_sync_testkit::github::{ProjectItemView, ProjectPlace};
use serde_json::{Value, json};

use crate::services::Stand;
use crate::shown_support::{equal, settle, sweep};

const PLAN: ProjectPlace<'static> = ProjectPlace {
    owner: "acme",
    number: 3,
};
const LOGIN: &str = "Login fails after password reset";
const DARK: &str = "Dark mode";

/// The small team with a project, and properties for its fields.
fn world() -> World {
    let mut raw = serde_json::to_value(World::small().unwrap()).unwrap();
    raw["github"]["projects"] = json!([
        {"owner": "acme", "number": 3, "title": "Plan", "collaborators": {"sync-bot": "write"},
         "fields": [
            {"name": "Status", "kind": "single_select", "options": ["Todo", "Doing", "Done"]},
            {"name": "Iteration", "kind": "iteration", "iterations": [
                {"title": "Week 1", "start": "2026-11-02", "days": 7},
                {"title": "Week 2", "start": "2026-11-09", "days": 7}]},
            {"name": "Target date", "kind": "date"}, {"name": "Points", "kind": "number"},
            {"name": "Note", "kind": "text"}, {"name": "Notion page", "kind": "text"}]},
    ]);
    let databases = raw["notion"]["databases"].as_array_mut().unwrap();
    let backlog = databases
        .iter_mut()
        .find(|one| one["id"] == "backlog")
        .unwrap();
    let properties = &mut backlog["data_sources"][0]["properties"];
    properties["Board"] = json!({"select": ["Todo", "Doing", "Done", "Later"]});
    properties["Sprint"] = json!({"select": ["Week 1", "Week 2"]});
    properties["Estimate"] = json!("number");
    properties["Due"] = json!("date");
    properties["Remark"] = json!("rich_text");
    serde_json::from_value(raw).unwrap()
}

fn section() -> ProjectSection {
    let fields = [
        ("Board", "Status"),
        ("Sprint", "Iteration"),
        ("Estimate", "Points"),
        ("Due", "Target date"),
        ("Remark", "Note"),
    ];
    ProjectSection {
        project: "acme/3".to_owned(),
        fields: fields
            .map(|(property, field)| {
                let choice = ProjectFieldChoice::Name(field.to_owned());
                (property.to_owned(), choice)
            })
            .into(),
        add: true,
        page_id: Some("Notion page".to_owned()),
    }
}

async fn stage_with(policy: Policy, section: ProjectSection) -> Stage {
    let terms = Terms {
        project: Some(section),
        ..Terms::tasks(policy)
    };
    let mut stage = Stage::in_memory(world(), terms).await.unwrap();
    settle(&mut stage).await;
    stage.pass(30);
    settle(&mut stage).await;
    stage
}

async fn stage(policy: Policy) -> Stage {
    stage_with(policy, section()).await
}

fn say(stage: &Stage, title: &str, property: &str, value: &Value) {
    let page = stage.page(title).unwrap();
    stage
        .in_notion("ada", |ada| ada.set_property(page, property, value.clone()))
        .unwrap();
}

fn property(stage: &Stage, title: &str, name: &str) -> Value {
    let page = stage.page(title).unwrap();
    let properties = stage.notion().properties(page);
    properties.get(name).cloned().unwrap_or_default()
}

/// A property as people read it.
fn reads(stage: &Stage, title: &str, name: &str) -> String {
    match property(stage, title, name) {
        Value::Null => String::new(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => text,
        Value::Object(members) => {
            let first = members.get("name").or_else(|| members.get("start"));
            first.and_then(Value::as_str).unwrap_or_default().to_owned()
        }
        Value::Array(parts) => (parts.iter())
            .filter_map(|part| part["plain_text"].as_str())
            .collect(),
        Value::Bool(bit) => bit.to_string(),
    }
}

fn number(stage: &Stage, title: &str) -> u64 {
    let issues = stage.issues();
    let mut found = issues.iter().filter(|(_, issue)| issue.title == title);
    *found.next().expect(title).0
}

fn item(stage: &Stage, title: &str) -> Option<ProjectItemView> {
    let place = (BACKLOG.to_owned(), number(stage, title));
    let items = stage.github().project_view(PLAN).unwrap();
    let mut own = items
        .into_iter()
        .filter(|item| item.issue.as_ref() == Some(&place));
    let found = own.next();
    assert_eq!(own.next(), None, "one item for one issue");
    found
}

fn stands(stage: &Stage, title: &str, field: &str) -> String {
    let item = item(stage, title);
    let value = item.and_then(|item| item.values.get(field).cloned());
    value.unwrap_or_default()
}

fn by_hand(stage: &Stage, title: &str, field: &str, value: &str) {
    let (number, now) = (number(stage, title), stage.now());
    let mut github = stage.github();
    github
        .add_to_project(PLAN, BACKLOG, number, "ada", now)
        .unwrap();
    github
        .set_project_field(PLAN, (BACKLOG, number), (field, value), "ada", now)
        .unwrap();
}

async fn record(stage: &mut Stage, title: &str) -> Record {
    let all = stage.records().await.unwrap();
    all.into_iter().find(|one| one.title == title).unwrap()
}

#[tokio::test]
async fn every_kind_goes_both_ways_and_a_quiet_run_writes_nothing() {
    let mut stage = stage(Policy::ManualReview).await;
    assert_eq!(
        item(&stage, LOGIN),
        None,
        "nothing was said, nothing is added"
    );
    for (name, field, on_page, there, by_ada) in [
        ("Board", "Status", json!("Doing"), "Doing", "Done"),
        ("Sprint", "Iteration", json!("Week 1"), "Week 1", "Week 2"),
        ("Estimate", "Points", json!(2.5), "2.5", "8"),
        (
            "Due",
            "Target date",
            json!("2026-12-24"),
            "2026-12-24",
            "2027-01-15",
        ),
        (
            "Remark",
            "Note",
            json!("from the page"),
            "from the page",
            "from the board",
        ),
    ] {
        for title in [LOGIN, DARK] {
            say(&stage, title, name, &on_page);
        }
        settle(&mut stage).await;
        stage.pass(5);
        settle(&mut stage).await;
        for title in [LOGIN, DARK] {
            assert_eq!(stands(&stage, title, field), there, "{name}");
            let page = stage.page(title).unwrap().to_string();
            assert_eq!(stands(&stage, title, "Notion page"), page);
        }
        by_hand(&stage, DARK, field, by_ada);
        stage.pass(5);
        settle(&mut stage).await;
        assert_eq!(reads(&stage, DARK, name), by_ada, "{name}");
        assert_eq!(reads(&stage, LOGIN, name), there, "{name}");
        // Cleared on GitHub, and on the page.
        by_hand(&stage, DARK, field, "");
        say(&stage, LOGIN, name, &Value::Null);
        stage.pass(5);
        settle(&mut stage).await;
        assert_eq!(reads(&stage, DARK, name), "", "{name}");
        assert_eq!(stands(&stage, LOGIN, field), "", "{name}");
    }
    say(&stage, LOGIN, "Estimate", &json!(3));
    settle(&mut stage).await;
    stage.pass(30);
    let outcome = settle(&mut stage).await;
    assert_eq!(outcome.incidents, []);
    equal(&mut stage).await;

    // Quiet: the table, the issues, the items. These cycles lie between two looks at the schemas.
    stage.pass(90);
    settle(&mut stage).await;
    stage.pass(5);
    settle(&mut stage).await;
    for _ in 0..3 {
        stage.pass(5);
        let marks = stage.marks();
        let tick = stage.tick(false).await.unwrap().unwrap();
        assert_eq!(tick.writes(), 0);
        let asked = stage.asked(marks);
        let github: Vec<&String> = (asked.iter())
            .filter(|line| line.starts_with("github "))
            .collect();
        println!("one cycle asked:\n  {}", asked.join("\n  "));
        assert_eq!(asked.len(), 3, "{asked:?}");
        assert_eq!(github.len(), 2, "{github:?}");
        assert!(
            github.iter().any(|line| line.ends_with(" 304")),
            "{github:?}"
        );
        let walked = github.iter().filter(|line| line.contains("POST /graphql"));
        assert_eq!(walked.count(), 1, "{github:?}");
    }
}

#[tokio::test]
async fn a_new_page_gets_its_item_and_a_new_issue_shows_its_own() {
    let mut stage = stage(Policy::GithubWins).await;
    stage
        .add_page(
            "ada",
            "backlog-tasks",
            &[
                ("Name", json!("Another")),
                ("Status", json!("To do")),
                ("Board", json!("Todo")),
                ("Estimate", json!(5)),
            ],
            "Text",
        )
        .unwrap();
    let now = stage.now();
    let made = stage
        .github()
        .open_issue(BACKLOG, "bob", "Made on GitHub", Some("Text"), now)
        .unwrap();
    assert_eq!(number(&stage, "Made on GitHub"), made);
    by_hand(&stage, "Made on GitHub", "Status", "Doing");
    by_hand(&stage, "Made on GitHub", "Points", "13");
    stage.pass(5);
    settle(&mut stage).await;
    assert_eq!(stands(&stage, "Another", "Status"), "Todo");
    assert_eq!(stands(&stage, "Another", "Points"), "5");
    assert_eq!(reads(&stage, "Made on GitHub", "Board"), "Doing");
    assert_eq!(reads(&stage, "Made on GitHub", "Estimate"), "13");
    stage.pass(30);
    settle(&mut stage).await;
    equal(&mut stage).await;
}

#[tokio::test]
async fn edits_of_both_sides_are_decided_by_the_policy_field_by_field() {
    for (policy, page, board) in [
        (Policy::GithubWins, "Done", "Done"),
        (Policy::NotionWins, "Doing", "Doing"),
        (Policy::ManualReview, "Doing", "Done"),
    ] {
        let mut stage = stage(policy).await;
        say(&stage, LOGIN, "Board", &json!("Todo"));
        settle(&mut stage).await;
        stage.pass(30);
        settle(&mut stage).await;
        say(&stage, LOGIN, "Board", &json!("Doing"));
        say(&stage, LOGIN, "Estimate", &json!(3));
        by_hand(&stage, LOGIN, "Status", "Done");
        by_hand(&stage, LOGIN, "Note", "by hand");
        stage.pass(5);
        settle(&mut stage).await;
        stage.pass(5);
        settle(&mut stage).await;
        assert_eq!(reads(&stage, LOGIN, "Board"), page, "{policy:?}");
        assert_eq!(stands(&stage, LOGIN, "Status"), board, "{policy:?}");
        // Fields that only one side changed went over in any case.
        assert_eq!(stands(&stage, LOGIN, "Points"), "3", "{policy:?}");
        assert_eq!(reads(&stage, LOGIN, "Remark"), "by hand", "{policy:?}");
        let open = record(&mut stage, LOGIN).await.conflicts.len();
        assert_eq!(open, usize::from(policy == Policy::ManualReview));
        if open == 1 {
            by_hand(&stage, LOGIN, "Status", "Doing");
            stage.pass(5);
            settle(&mut stage).await;
            assert!(record(&mut stage, LOGIN).await.conflicts.is_empty());
        }
    }
}

#[tokio::test]
async fn an_option_that_is_not_there_holds_its_field_alone_until_somebody_adds_it() {
    let mut stage = stage(Policy::GithubWins).await;
    say(&stage, LOGIN, "Board", &json!("Later"));
    say(&stage, LOGIN, "Estimate", &json!(3));
    say(&stage, LOGIN, "Status", &json!("Done"));
    settle(&mut stage).await;
    stage.pass(5);
    settle(&mut stage).await;
    assert_eq!(stands(&stage, LOGIN, "Points"), "3");
    assert_eq!(stands(&stage, LOGIN, "Status"), "");
    let issue = number(&stage, LOGIN);
    assert!(!stage.github().issue(BACKLOG, issue).unwrap().open);
    let status = reads(&stage, LOGIN, "GitHub Sync Status");
    assert_eq!(status, "Error");
    let message = property(&stage, LOGIN, "GitHub Sync Message").to_string();
    for word in ["Later", "acme/3", "add it on GitHub", "Todo, Doing, Done"] {
        assert!(message.contains(word), "{word}: {message}");
    }
    let now = stage.now();
    stage
        .github()
        .replace_project_options(PLAN, "Status", &["Todo", "Doing", "Done", "Later"], now)
        .unwrap();
    stage.pass(70);
    settle(&mut stage).await;
    assert_eq!(stands(&stage, LOGIN, "Status"), "Later");
    stage.pass(5);
    settle(&mut stage).await;
    assert_eq!(reads(&stage, LOGIN, "GitHub Sync Status"), "Success");
    equal(&mut stage).await;
}

#[tokio::test]
async fn an_item_that_people_remove_takes_nothing_from_the_page() {
    let mut stage = stage(Policy::GithubWins).await;
    say(&stage, LOGIN, "Board", &json!("Doing"));
    say(&stage, LOGIN, "Estimate", &json!(3));
    settle(&mut stage).await;
    stage.pass(30);
    settle(&mut stage).await;
    let issue = number(&stage, LOGIN);
    stage
        .github()
        .remove_from_project(PLAN, (BACKLOG, issue), "ada")
        .unwrap();
    stage.pass(5);
    sweep(&mut stage).await;
    assert_eq!(item(&stage, LOGIN), None, "it is not added again by itself");
    assert_eq!(reads(&stage, LOGIN, "Board"), "Doing");
    assert_eq!(reads(&stage, LOGIN, "Estimate"), "3");
    // What changes on the page goes over, and with it comes the item.
    say(&stage, LOGIN, "Board", &json!("Done"));
    settle(&mut stage).await;
    stage.pass(5);
    settle(&mut stage).await;
    assert_eq!(stands(&stage, LOGIN, "Status"), "Done");
    assert_eq!(reads(&stage, LOGIN, "Board"), "Done");
}

#[tokio::test]
async fn an_item_that_comes_back_empty_is_filled_from_the_page() {
    for by_page in [true, false] {
        let mut stage = stage(Policy::GithubWins).await;
        for (name, value) in [
            ("Board", json!("Todo")),
            ("Estimate", json!(3)),
            ("Sprint", json!("Week 1")),
        ] {
            say(&stage, LOGIN, name, &value);
        }
        settle(&mut stage).await;
        stage.pass(30);
        settle(&mut stage).await;
        let (issue, now) = (number(&stage, LOGIN), stage.now());
        let place = (BACKLOG, issue);
        stage
            .github()
            .remove_from_project(PLAN, place, "ada")
            .unwrap();
        stage.pass(5);
        sweep(&mut stage).await;
        // Whoever puts it back chooses a column; the rest is empty in the new item.
        if by_page {
            say(&stage, LOGIN, "Board", &json!("Done"));
        } else {
            stage
                .github()
                .add_to_project(PLAN, BACKLOG, issue, "ada", now)
                .unwrap();
            by_hand(&stage, LOGIN, "Status", "Done");
        }
        for _ in 0..3 {
            stage.pass(30);
            settle(&mut stage).await;
        }
        for (name, field, value) in [
            ("Board", "Status", "Done"),
            ("Estimate", "Points", "3"),
            ("Sprint", "Iteration", "Week 1"),
        ] {
            assert_eq!(reads(&stage, LOGIN, name), value, "{name}, {by_page}");
            assert_eq!(stands(&stage, LOGIN, field), value, "{name}, {by_page}");
        }
        // What somebody clears afterwards is cleared.
        by_hand(&stage, LOGIN, "Points", "");
        stage.pass(5);
        settle(&mut stage).await;
        assert_eq!(reads(&stage, LOGIN, "Estimate"), "");
        equal(&mut stage).await;
    }
}

#[tokio::test]
async fn where_none_may_be_added_the_page_says_what_cannot_go_over() {
    let without = ProjectSection {
        add: false,
        ..section()
    };
    let mut stage = stage_with(Policy::GithubWins, without).await;
    assert_eq!(reads(&stage, LOGIN, "GitHub Sync Status"), "Success");
    say(&stage, LOGIN, "Board", &json!("Doing"));
    settle(&mut stage).await;
    stage.pass(5);
    settle(&mut stage).await;
    assert_eq!(item(&stage, LOGIN), None);
    assert_eq!(reads(&stage, LOGIN, "Board"), "Doing");
    let message = property(&stage, LOGIN, "GitHub Sync Message").to_string();
    assert!(message.contains("not in the project acme/3"), "{message}");
    // Somebody adds it: the value goes over, and the rest of the board comes back.
    let (issue, now) = (number(&stage, LOGIN), stage.now());
    stage
        .github()
        .add_to_project(PLAN, BACKLOG, issue, "ada", now)
        .unwrap();
    stage.pass(20);
    settle(&mut stage).await;
    stage.pass(20);
    settle(&mut stage).await;
    assert_eq!(stands(&stage, LOGIN, "Status"), "Doing");
    assert_eq!(reads(&stage, LOGIN, "GitHub Sync Status"), "Success");
}

#[tokio::test]
async fn an_archived_item_is_shown_and_not_written() {
    let mut stage = stage(Policy::NotionWins).await;
    by_hand(&stage, LOGIN, "Status", "Todo");
    stage.pass(5);
    settle(&mut stage).await;
    assert_eq!(reads(&stage, LOGIN, "Board"), "Todo");
    let archive = |stage: &Stage, archived: bool| {
        let (issue, now) = (number(stage, LOGIN), stage.now());
        let place = (BACKLOG, issue);
        (stage.github())
            .archive_in_project(PLAN, place, archived, "ada", now)
            .unwrap();
    };
    archive(&stage, true);
    say(&stage, LOGIN, "Board", &json!("Doing"));
    stage.pass(5);
    settle(&mut stage).await;
    assert_eq!(stands(&stage, LOGIN, "Status"), "Todo");
    assert_eq!(reads(&stage, LOGIN, "Board"), "Doing");
    let message = property(&stage, LOGIN, "GitHub Sync Message").to_string();
    assert!(message.contains("archived in the project"), "{message}");
    archive(&stage, false);
    stage.pass(20);
    settle(&mut stage).await;
    assert_eq!(stands(&stage, LOGIN, "Status"), "Doing");
}

#[tokio::test]
async fn a_field_can_flow_one_way() {
    let mut section = section();
    let detailed = |field: &str, direction| ProjectFieldChoice::Detailed {
        field: field.to_owned(),
        direction,
    };
    let fields = &mut section.fields;
    fields.insert("Board".to_owned(), detailed("Status", Direction::ToNotion));
    fields.insert(
        "Estimate".to_owned(),
        detailed("Points", Direction::ToGithub),
    );
    let mut stage = stage_with(Policy::ManualReview, section).await;
    by_hand(&stage, LOGIN, "Status", "Todo");
    say(&stage, LOGIN, "Estimate", &json!(3));
    settle(&mut stage).await;
    stage.pass(5);
    settle(&mut stage).await;
    assert_eq!(reads(&stage, LOGIN, "Board"), "Todo");
    assert_eq!(stands(&stage, LOGIN, "Points"), "3");
    say(&stage, LOGIN, "Board", &json!("Done"));
    by_hand(&stage, LOGIN, "Points", "40");
    stage.pass(5);
    settle(&mut stage).await;
    assert_eq!(reads(&stage, LOGIN, "Board"), "Todo", "put back");
    assert_eq!(stands(&stage, LOGIN, "Points"), "3", "put back");
}

#[tokio::test]
async fn a_field_that_the_project_lost_holds_itself_alone() {
    let mut section = section();
    let gone = ProjectFieldChoice::Name("Effort".to_owned());
    section.fields.insert("Estimate".to_owned(), gone);
    let mut stage = stage_with(Policy::GithubWins, section).await;
    say(&stage, LOGIN, "Estimate", &json!(3));
    say(&stage, LOGIN, "Board", &json!("Doing"));
    settle(&mut stage).await;
    stage.pass(30);
    settle(&mut stage).await;
    assert_eq!(stands(&stage, LOGIN, "Status"), "Doing");
    assert_eq!(
        reads(&stage, LOGIN, "Estimate"),
        "3",
        "nothing is taken away"
    );
    let message = property(&stage, LOGIN, "GitHub Sync Message").to_string();
    assert!(message.contains("Effort"), "{message}");
}

#[test]
fn check_config_tells_what_a_project_lacks() {
    let stand = Stand::configured_in("projects", world());
    let file = stand.folder.path().join("notion-sync.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let with = |section: &str| {
        let changed = text.replace("labels = \"Labels\"\n", &format!("{section}\n"));
        std::fs::write(&file, changed).unwrap();
        stand.run(&["check-config", "--json"])
    };
    let fine = "project = { project = \"acme/3\", page_id = \"Notion page\", fields = { \
                Sprint = \"Iteration\", Estimate = \"Points\", Due = { field = \"Target date\", \
                direction = \"to-notion\" } } }";
    let json = with(fine).ends(0).json();
    assert!(!json.to_string().contains("acme/3"), "{json}");
    for (section, level, words) in [
        (
            "project = \"acme/9\", fields = { Board = \"Status\" }",
            "fault",
            ["acme/9", "there is no project"],
        ),
        (
            "project = \"acme/3\", fields = { Board = \"State\" }",
            "fault",
            ["State", "it has Title"],
        ),
        (
            "project = \"acme/3\", fields = { Board = \"Labels\" }",
            "fault",
            ["Labels", "GitHub itself"],
        ),
        (
            "project = \"acme/3\", fields = { Board = \"Points\" }",
            "fault",
            ["Points", "type number"],
        ),
        (
            "project = \"acme/3\", fields = { Remark = \"Note\" }, page_id = \"Points\"",
            "fault",
            ["Points", "text field"],
        ),
        (
            "project = \"acme/3\", fields = { Bord = \"Status\" }",
            "fault",
            ["Bord", "no such property"],
        ),
        (
            "project = \"acme/3\", fields = { Board = \"Status\" }",
            "warning",
            ["Later", "Todo, Doing, Done"],
        ),
    ] {
        let exit = if level == "fault" { 2 } else { 0 };
        let json = with(&format!("project = {{ {section} }}"))
            .ends(exit)
            .json();
        let findings = json["findings"].as_array().unwrap();
        let said = findings.iter().any(|found| {
            let text = found.to_string();
            found["level"] == level && words.iter().all(|word| text.contains(word))
        });
        assert!(said, "{section}: {json}");
    }
    for (section, word) in [
        (
            "project = \"acme\", fields = { Board = \"Status\" }",
            "names no project",
        ),
        ("project = \"acme/3\"", "0 fields"),
        (
            "project = \"acme/3\", fields = { Board = \"\" }",
            "no name of a field",
        ),
        (
            "project = \"acme/3\", fields = { Board = \"Status\", Remark = \"status\" }",
            "another property",
        ),
        (
            "project = \"acme/3\", fields = { Board = \"Status\" }, page_id = \"Status\"",
            "of its own",
        ),
    ] {
        let json = with(&format!("project = {{ {section} }}")).ends(2).json();
        assert!(json.to_string().contains(word), "{section}: {json}");
    }
}
