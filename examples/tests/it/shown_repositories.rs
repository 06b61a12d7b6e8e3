//! Tasks of several repositories, chosen by a property of the page.

use notion_sync_core::mapping::Policy;
use notion_sync_examples::demo::{Stage, Terms};
use notion_sync_examples::emulation::{BACKLOG, HANDBOOK, World};
use serde_json::{Value, json};

use crate::shown_support::{settle, sweep};

async fn stage(repositories: &[&str]) -> Stage {
    let mut terms = Terms::tasks(Policy::NotionWins);
    terms.repositories = repositories.iter().map(|name| (*name).to_owned()).collect();
    let mut world = World::small().unwrap();
    world.notion.pages.clear();
    Stage::in_memory(world, terms).await.unwrap()
}

fn add(stage: &Stage, title: &str, repository: Option<&str>) {
    let mut values = vec![("Name", json!(title)), ("Status", json!("To do"))];
    values.extend(repository.map(|name| ("GitHub Repository", json!(name))));
    stage
        .add_page("ada", "backlog-tasks", &values, "Text")
        .unwrap();
}

fn property(stage: &Stage, title: &str, name: &str) -> Value {
    let page = stage.page(title).unwrap();
    let properties = stage.notion().properties(page);
    properties.get(name).cloned().unwrap_or_default()
}

fn titles(stage: &Stage, repository: &str) -> Vec<String> {
    let all = stage.numbered(repository);
    let issues = all.values().filter(|issue| issue.pull.is_none());
    issues.map(|issue| issue.title.clone()).collect()
}

fn text(value: &Value) -> String {
    value.to_string()
}

#[tokio::test]
async fn each_page_goes_to_the_repository_it_names() {
    let mut stage = stage(&[BACKLOG, HANDBOOK]).await;
    add(&stage, "One", Some("Acme/APP"));
    add(&stage, "Two", Some("https://github.com/acme/handbook/"));
    settle(&mut stage).await;
    assert!(titles(&stage, BACKLOG).contains(&"One".to_owned()));
    assert_eq!(titles(&stage, HANDBOOK), ["Two"]);
    // Written as GitHub spells it, along with what is written anyway.
    for (title, name) in [("One", BACKLOG), ("Two", HANDBOOK)] {
        let said = text(&property(&stage, title, "GitHub Repository"));
        assert!(said.contains(name), "{said}");
        let said = text(&property(&stage, title, "GitHub Sync Status"));
        assert!(said.contains("Success"), "{said}");
    }
    stage.pass(30);
    settle(&mut stage).await;
    let outcome = sweep(&mut stage).await;
    assert_eq!(outcome.applied, [], "something was written without need");
}

#[tokio::test]
async fn a_wrong_repository_is_an_error_on_its_page_alone() {
    // The second one is configured and cannot be seen.
    let mut stage = stage(&[BACKLOG, "acme/secret", HANDBOOK]).await;
    add(&stage, "Foreign", Some("someone/else"));
    add(&stage, "Unseen", Some("acme/secret"));
    add(&stage, "Nowhere", None);
    add(&stage, "Fine", Some(BACKLOG));
    let outcome = settle(&mut stage).await;
    assert_eq!(outcome.dead, 0);
    let mut made = titles(&stage, BACKLOG);
    made.extend(titles(&stage, HANDBOOK));
    made.sort();
    assert_eq!(made, ["Dark mode", "Fine"], "nothing else is created");
    for (title, word) in [
        ("Foreign", "someone/else"),
        ("Unseen", "acme/secret"),
        ("Nowhere", "names no repository"),
    ] {
        assert_eq!(
            property(&stage, title, "GitHub Sync Status")["name"],
            "Error",
            "{title}"
        );
        let message = text(&property(&stage, title, "GitHub Sync Message"));
        assert!(message.contains(word), "{message}");
        assert!(
            message.contains("write one of acme/app, acme/handbook"),
            "{message}"
        );
    }
    stage.pass(30);
    let outcome = settle(&mut stage).await;
    assert_eq!(outcome.applied, [], "it is said once");
    // Corrected, it goes on by itself.
    let page = stage.page("Foreign").unwrap();
    stage
        .in_notion("ada", |ada| {
            ada.set_property(page, "GitHub Repository", json!("acme/Handbook"))
        })
        .unwrap();
    settle(&mut stage).await;
    assert_eq!(titles(&stage, HANDBOOK), ["Foreign"]);
    assert_eq!(
        property(&stage, "Foreign", "GitHub Sync Status")["name"],
        "Success"
    );
}

#[tokio::test]
async fn a_renamed_repository_is_followed_by_its_id() {
    let mut stage = stage(&[BACKLOG, HANDBOOK]).await;
    add(&stage, "One", Some(BACKLOG));
    settle(&mut stage).await;
    stage.pass(30);
    let now = stage.now();
    stage
        .github()
        .rename_repository(BACKLOG, "product", now)
        .unwrap();
    stage.pass(120);
    settle(&mut stage).await;
    add(&stage, "By the old name", Some(BACKLOG));
    add(&stage, "By the new name", Some("acme/product"));
    let page = stage.page("One").unwrap();
    stage
        .in_notion("ada", |ada| ada.rename(page, "First"))
        .unwrap();
    settle(&mut stage).await;
    let mut made = titles(&stage, "acme/product");
    made.sort();
    assert_eq!(
        made,
        ["By the new name", "By the old name", "Dark mode", "First"]
    );
    assert_eq!(stage.tasks().len(), 4);
}

#[tokio::test]
async fn the_repository_of_a_pair_is_put_back_on_its_page() {
    let mut stage = stage(&[BACKLOG, HANDBOOK]).await;
    add(&stage, "One", Some(BACKLOG));
    settle(&mut stage).await;
    stage.pass(30);
    settle(&mut stage).await;
    let page = stage.page("One").unwrap();
    for said in [HANDBOOK, "someone/else", ""] {
        stage
            .in_notion("ada", |ada| {
                ada.set_property(page, "GitHub Repository", json!(said))
            })
            .unwrap();
        stage.pass(30);
        let outcome = settle(&mut stage).await;
        assert_eq!(outcome.incidents, [], "{said:?}");
        let now = text(&property(&stage, "One", "GitHub Repository"));
        assert!(now.contains(BACKLOG), "{said:?}: {now}");
        assert!(titles(&stage, BACKLOG).contains(&"One".to_owned()));
        assert!(titles(&stage, HANDBOOK).is_empty(), "nothing is moved");
        stage.pass(30);
        let outcome = sweep(&mut stage).await;
        assert_eq!(outcome.applied, [], "{said:?}");
    }
}

#[tokio::test]
async fn an_issue_that_is_transferred_takes_its_page_along_within_the_mapping() {
    let mut stage = stage(&[BACKLOG, HANDBOOK]).await;
    add(&stage, "One", Some(BACKLOG));
    settle(&mut stage).await;
    stage.pass(30);
    settle(&mut stage).await;
    let find = |stage: &Stage, repository: &str| {
        let all = stage.numbered(repository);
        let found = all.iter().find(|(_, issue)| issue.title == "One");
        found.map(|(number, _)| *number)
    };
    let number = find(&stage, BACKLOG).unwrap();
    let page = stage.page("One").unwrap();
    let now = stage.now();
    let moved = stage
        .github()
        .transfer_issue(BACKLOG, number, HANDBOOK, "bob", now)
        .unwrap();
    stage.pass(5);
    settle(&mut stage).await;
    assert_eq!(find(&stage, HANDBOOK), Some(moved));
    for (name, part) in [
        ("GitHub Repository", HANDBOOK.to_owned()),
        ("GitHub URL", format!("{HANDBOOK}/issues/{moved}")),
    ] {
        let said = text(&property(&stage, "One", name));
        assert!(said.contains(&part), "{name}: {said}");
    }
    assert_eq!(property(&stage, "One", "GitHub Number"), json!(moved));
    stage
        .in_notion("ada", |ada| ada.set_property(page, "Status", json!("Done")))
        .unwrap();
    stage.pass(30);
    settle(&mut stage).await;
    assert!(!stage.numbered(HANDBOOK)[&moved].open, "edits go there now");
    stage.pass(30);
    let outcome = sweep(&mut stage).await;
    assert_eq!(outcome.applied, [], "something was written without need");
    assert_eq!(stage.tasks().len(), 2);
}

/// A transfer is no edit: it brings no page back that somebody threw away.
#[tokio::test]
async fn a_page_that_is_trashed_with_the_transfer_of_its_issue_stays_so() {
    for by_page in [true, false] {
        let mut stage = stage(&[BACKLOG, HANDBOOK]).await;
        if by_page {
            add(&stage, "One", Some(BACKLOG));
        } else {
            let now = stage.now();
            let github = &mut stage.github();
            github
                .open_issue(BACKLOG, "bob", "One", Some("Text"), now)
                .unwrap();
        }
        settle(&mut stage).await;
        stage.pass(30);
        settle(&mut stage).await;
        let all = stage.numbered(BACKLOG);
        let (number, _) = all.iter().find(|(_, issue)| issue.title == "One").unwrap();
        let page = stage.page("One").unwrap();
        let now = stage.now();
        let moved = stage
            .github()
            .transfer_issue(BACKLOG, *number, HANDBOOK, "bob", now)
            .unwrap();
        stage.in_notion("ada", |ada| ada.trash(page)).unwrap();
        settle(&mut stage).await;
        assert!(stage.page("One").is_err(), "the page came back: {by_page}");
        assert!(
            !stage.numbered(HANDBOOK)[&moved].open,
            "the issue is closed"
        );
        stage.pass(30);
        let outcome = sweep(&mut stage).await;
        assert_eq!(outcome.applied, [], "something was written without need");
    }
}
