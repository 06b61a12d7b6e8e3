//! Schemas that drift: properties renamed, retyped and removed, options and labels that are not there.

use notion_sync_core::mapping::Policy;
use notion_sync_examples::demo::{Outcome, Stage, Terms};
use notion_sync_examples::emulation::{BACKLOG, HANDBOOK, World};
use notion_sync_testkit::github::Role;
use serde_json::{Value, json};

use crate::shown_support::{equal, settle};

async fn stage(terms: Terms) -> Stage {
    let mut stage = Stage::in_memory(World::small().unwrap(), terms)
        .await
        .unwrap();
    settle(&mut stage).await;
    stage.pass(30);
    settle(&mut stage).await;
    stage
}

fn change(stage: &Stage, table: &str, properties: &Value) {
    let source = stage.notion().id(table);
    stage
        .in_notion("ada", |ada| ada.change_schema(source, properties))
        .unwrap();
}

fn said(outcome: &Outcome, word: &str) -> bool {
    (outcome.incidents.iter()).any(|incident| incident.message.contains(word))
}

fn property(stage: &Stage, title: &str, name: &str) -> Value {
    let page = stage.page(title).unwrap();
    let properties = stage.notion().properties(page);
    properties.get(name).cloned().unwrap_or_default()
}

fn number(stage: &Stage, title: &str) -> u64 {
    let issues = stage.issues();
    let mut found = issues.iter().filter(|(_, issue)| issue.title == title);
    *found.next().expect(title).0
}

#[tokio::test]
async fn a_renamed_property_is_followed_by_its_id_also_after_a_restart() {
    let mut stage = stage(Terms::tasks(Policy::GithubWins)).await;
    change(
        &stage,
        "backlog-tasks",
        &json!({"Labels": {"name": "Tags"}, "Unmapped": {"rich_text": {}}}),
    );
    stage.stop();
    let number = number(&stage, "Dark mode");
    let now = stage.now();
    stage
        .github()
        .label(BACKLOG, number, "bob", &["feature", "docs"], now)
        .unwrap();
    settle(&mut stage).await;
    let tags = property(&stage, "Dark mode", "Tags").to_string();
    assert!(tags.contains("docs"), "{tags}");
    stage.pass(120);
    let outcome = settle(&mut stage).await;
    assert_eq!(outcome.incidents, []);
    assert_eq!(outcome.applied, []);
}

#[tokio::test]
async fn a_retyped_or_removed_property_blocks_that_field_alone() {
    for (change_to, word) in [
        (
            json!({"Labels": {"rich_text": {}}}),
            "is of type rich_text, expected multi_select",
        ),
        (json!({"Labels": null}), "was deleted"),
    ] {
        let mut stage = stage(Terms::tasks(Policy::GithubWins)).await;
        change(&stage, "backlog-tasks", &change_to);
        stage.pass(120);
        let number = number(&stage, "Dark mode");
        let page = stage.page("Dark mode").unwrap();
        let now = stage.now();
        {
            let mut github = stage.github();
            github
                .label(BACKLOG, number, "bob", &["feature", "docs"], now)
                .unwrap();
            github
                .retitle(BACKLOG, number, "bob", "Dark theme", now)
                .unwrap();
        }
        stage
            .in_notion("ada", |ada| ada.set_property(page, "Status", json!("Done")))
            .unwrap();
        let outcome = settle(&mut stage).await;
        let records = stage.records().await.unwrap();
        let problems: Vec<_> = records.iter().map(|record| &record.problem).collect();
        assert!(
            said(&outcome, word),
            "{word}: {:#?} {problems:#?}",
            outcome.incidents
        );
        // Everything else went over, in both directions.
        stage.page("Dark theme").unwrap();
        let issue = stage.github().issue(BACKLOG, number).unwrap();
        assert!(!issue.open);
        let mut labels = issue.labels.clone();
        labels.sort();
        assert_eq!(labels, ["docs", "feature"], "nothing is taken away");
        let message = property(&stage, "Dark theme", "GitHub Sync Message").to_string();
        assert!(message.contains(word), "{message}");
        // A new page gets its issue all the same.
        stage
            .add_page(
                "ada",
                "backlog-tasks",
                &[("Name", json!("Another")), ("Status", json!("To do"))],
                "Text",
            )
            .unwrap();
        stage.pass(5);
        settle(&mut stage).await;
        self::number(&stage, "Another");
    }
}

/// Schemas are read once an hour. A page that is edited before that shows nothing in the old type, which is no empty
/// value: nothing is taken away on the other side.
#[tokio::test]
async fn a_property_that_has_another_type_since_a_moment_ago_takes_nothing_away() {
    for restarted in [false, true] {
        for people in [false, true] {
            let mut stage = stage(Terms::tasks(Policy::NotionWins)).await;
            let number = number(&stage, "Dark mode");
            let before = stage.github().issue(BACKLOG, number).unwrap();
            let (away, back) = match people {
                true => (
                    json!({"Assignee": {"rich_text": {}}}),
                    json!({"Assignee": {"people": {}}}),
                ),
                false => (
                    json!({"Labels": {"number": {}}}),
                    json!({"Labels": {"multi_select": {}}}),
                ),
            };
            assert!(!before.labels.is_empty() && !before.assignees.is_empty());
            change(&stage, "backlog-tasks", &away);
            if restarted {
                stage.stop();
            }
            let page = stage.page("Dark mode").unwrap();
            stage
                .in_notion("ada", |ada| {
                    ada.set_property(page, "Name", json!("Dark theme"))
                })
                .unwrap();
            settle(&mut stage).await;
            let issue = stage.github().issue(BACKLOG, number).unwrap();
            assert_eq!(issue.title, "Dark theme");
            assert_eq!(issue.labels, before.labels);
            assert_eq!(issue.assignees, before.assignees);
            let message = property(&stage, "Dark theme", "GitHub Sync Message").to_string();
            assert!(message.contains("of type"), "{message}");
            if people {
                change(&stage, "backlog-tasks", &back);
                stage.pass(5);
                settle(&mut stage).await;
                equal(&mut stage).await;
                let issue = stage.github().issue(BACKLOG, number).unwrap();
                assert_eq!(issue.assignees, before.assignees);
            }
        }
    }
}

/// A text may be of any type, so that what a new type does not hold is taken away; with the old type it is there again,
/// and no page was edited.
#[tokio::test]
async fn values_that_come_back_with_their_type_are_seen() {
    let mut stage = stage(Terms::documents(Policy::NotionWins)).await;
    let owner = |stage: &Stage| {
        let text = stage.file("docs/releases.md").unwrap();
        (text.lines().find(|line| line.starts_with("owner:"))).map(str::to_owned)
    };
    let bob = Some("owner: Bob".to_owned());
    assert_eq!(owner(&stage), bob);
    for (to, now) in [("number", None), ("rich_text", bob)] {
        change(&stage, "handbook-pages", &json!({"Owner": {to: {}}}));
        stage.pass(70);
        settle(&mut stage).await;
        assert_eq!(owner(&stage), now, "{to}");
    }
}

#[tokio::test]
async fn a_property_that_is_missing_when_an_object_is_made_follows_once_it_is_there() {
    let terms = Terms::tasks(Policy::ManualReview);
    let mut stage = Stage::in_memory(World::small().unwrap(), terms)
        .await
        .unwrap();
    // Somebody has just given it another name, so a page and an issue are made without it.
    let (away, back) = (
        json!({"Labels": {"name": "Tags"}}),
        json!({"Tags": {"name": "Labels"}}),
    );
    change(&stage, "backlog-tasks", &away);
    settle(&mut stage).await;
    stage.page("Dark mode").unwrap();
    change(&stage, "backlog-tasks", &back);
    stage.pass(90);
    stage.settle().await.unwrap();
    equal(&mut stage).await;
}

/// What is missing is looked for again with every look: until it is found, nobody sees what people write there.
#[tokio::test]
async fn an_edit_of_a_property_that_was_away_is_seen_before_its_page_is_removed() {
    let terms = Terms::documents(Policy::ManualReview);
    let mut stage = Stage::in_memory(World::small().unwrap(), terms)
        .await
        .unwrap();
    let (away, back) = (
        json!({"Owner": {"name": "Who"}}),
        json!({"Who": {"name": "Owner"}}),
    );
    change(&stage, "handbook-pages", &away);
    settle(&mut stage).await;
    let page = stage.page("Releases").unwrap();
    change(&stage, "handbook-pages", &back);
    let now = stage.now();
    {
        let mut notion = stage.notion();
        let mut ada = notion.person("ada", now).unwrap();
        ada.set_property(page, "Owner", json!("Carol")).unwrap();
    }
    let gone = [("docs/releases.md", None)];
    stage
        .github()
        .commit(HANDBOOK, "main", "ada", "Not any more", &gone, now)
        .unwrap();
    stage.pass(5);
    settle(&mut stage).await;
    assert_eq!(stage.page("Releases").unwrap(), page, "it was edited");
    let records = stage.records().await.unwrap();
    let problem = records.iter().find_map(|record| {
        let problem = record.problem.as_ref()?;
        (record.title == "Releases").then(|| problem.message.clone())
    });
    assert!(problem.is_some_and(|said| said.contains("deleted on one side")));
}

#[tokio::test]
async fn an_option_that_is_not_there_parks_its_field_alone_until_somebody_adds_it() {
    let mut terms = Terms::tasks(Policy::GithubWins);
    terms.create_options = false;
    let mut stage = stage(terms).await;
    let number = number(&stage, "Dark mode");
    let now = stage.now();
    {
        let mut github = stage.github();
        github
            .label(BACKLOG, number, "bob", &["feature", "urgent"], now)
            .unwrap();
        github
            .retitle(BACKLOG, number, "bob", "Dark theme", now)
            .unwrap();
    }
    settle(&mut stage).await;
    // The title of the same issue went over.
    let labels = property(&stage, "Dark theme", "Labels").to_string();
    assert!(!labels.contains("urgent"), "{labels}");
    assert_eq!(
        property(&stage, "Dark theme", "GitHub Sync Status")["name"],
        "Error"
    );
    let message = property(&stage, "Dark theme", "GitHub Sync Message").to_string();
    assert!(
        message.contains("urgent") && message.contains("add it in Notion"),
        "{message}"
    );
    stage.pass(10);
    change(
        &stage,
        "backlog-tasks",
        &json!({"Labels": {"multi_select": {"options": [
        {"name": "bug"}, {"name": "feature"}, {"name": "docs"}, {"name": "urgent"}]}}}),
    );
    settle(&mut stage).await;
    stage.pass(70);
    settle(&mut stage).await;
    let labels = property(&stage, "Dark theme", "Labels").to_string();
    assert!(labels.contains("urgent"), "{labels}");
    assert_eq!(
        property(&stage, "Dark theme", "GitHub Sync Status")["name"],
        "Success"
    );
    equal(&mut stage).await;
}

#[tokio::test]
async fn an_option_that_is_not_there_is_made_where_that_is_allowed() {
    let mut stage = stage(Terms::tasks(Policy::GithubWins)).await;
    let number = number(&stage, "Dark mode");
    let now = stage.now();
    stage
        .github()
        .label(BACKLOG, number, "bob", &["feature", "urgent"], now)
        .unwrap();
    settle(&mut stage).await;
    let labels = property(&stage, "Dark mode", "Labels").to_string();
    assert!(labels.contains("urgent"), "{labels}");
    equal(&mut stage).await;
}

#[tokio::test]
async fn a_label_that_is_not_there_is_made_or_reported() {
    let mut stage = stage(Terms::tasks(Policy::NotionWins)).await;
    let number = number(&stage, "Dark mode");
    let page = stage.page("Dark mode").unwrap();
    stage
        .in_notion("ada", |ada| {
            ada.set_property(page, "Labels", json!(["feature", "later"]))
        })
        .unwrap();
    settle(&mut stage).await;
    let labels = stage.github().issue(BACKLOG, number).unwrap().labels;
    assert!(labels.contains(&"later".to_owned()), "{labels:?}");
    equal(&mut stage).await;

    // Without the right to label, GitHub says success and leaves the label out.
    let now = stage.now();
    stage
        .github()
        .set_collaborator(BACKLOG, "sync-bot", Some(Role::Read), now)
        .unwrap();
    stage
        .add_page(
            "ada",
            "backlog-tasks",
            &[
                ("Name", json!("Another")),
                ("Status", json!("To do")),
                ("Labels", json!(["bug"])),
            ],
            "Text",
        )
        .unwrap();
    let outcome = stage.settle().await.unwrap();
    self::number(&stage, "Another");
    assert!(said(&outcome, "left out"), "{:#?}", outcome.incidents);
}
