//! Tasks: pages and issues in both directions.

use notion_sync_core::mapping::Policy;
use notion_sync_examples::demo::{Stage, Terms};
use notion_sync_examples::emulation::{BACKLOG, World};
use serde_json::{Value, json};

use crate::shown_support::{equal, settle};

async fn backlog(policy: Policy) -> Stage {
    let mut stage = Stage::in_memory(World::small().unwrap(), Terms::tasks(policy))
        .await
        .unwrap();
    settle(&mut stage).await;
    stage.pass(30);
    stage
}

fn property(stage: &Stage, title: &str, name: &str) -> Value {
    let page = stage.page(title).unwrap();
    let properties = stage.notion().properties(page);
    properties.get(name).cloned().unwrap_or_default()
}

fn number(stage: &Stage, title: &str) -> u64 {
    let issues = stage.issues();
    let mut found = issues.iter().filter(|(_, issue)| issue.title == title);
    let (number, _) = found.next().expect(title);
    assert_eq!(found.next(), None, "two issues are called {title}");
    *number
}

#[tokio::test]
async fn a_page_becomes_an_issue_and_an_issue_a_page() {
    let mut stage = backlog(Policy::GithubWins).await;
    let number = number(&stage, "Login fails after password reset");
    let issue = stage.github().issue(BACKLOG, number).unwrap();
    assert_eq!(
        (issue.labels, issue.assignees),
        (vec!["bug".to_owned()], vec!["ada".to_owned()])
    );
    let body = issue.body.unwrap();
    let page = stage.page("Login fails after password reset").unwrap();
    assert!(body.starts_with("<!-- notion-sync\n"), "{body}");
    assert!(
        body.contains(&format!("Notion-Page-ID: {page}\n")),
        "{body}"
    );
    let visible = body.split("-->").nth(1).unwrap();
    assert!(visible.contains("https://"), "no visible link: {body}");
    assert!(body.contains("- [ ] reproduce"), "{body}");
    assert_eq!(
        property(&stage, "Login fails after password reset", "GitHub Number"),
        json!(number)
    );
    let url = property(&stage, "Login fails after password reset", "GitHub URL");
    assert!(
        url.as_str()
            .unwrap()
            .ends_with(&format!("/{BACKLOG}/issues/{number}")),
        "{url}"
    );

    let status = property(&stage, "Dark mode", "Status");
    assert_eq!(status["name"], "To do");
    let labels = property(&stage, "Dark mode", "Labels");
    assert_eq!(labels[0]["name"], "feature");
    let page = stage.page("Dark mode").unwrap();
    assert!(stage.notion().markdown(page).contains("- [ ] palette"));
    equal(&mut stage).await;
}

#[tokio::test]
async fn edits_of_a_page_reach_the_issue() {
    let mut stage = backlog(Policy::GithubWins).await;
    let page = stage.page("Dark mode").unwrap();
    let number = number(&stage, "Dark mode");
    stage
        .in_notion("ada", |ada| {
            ada.rename(page, "Dark theme")?;
            ada.set_property(page, "Status", json!("Done"))?;
            ada.set_property(page, "Labels", json!(["feature", "docs"]))?;
            ada.set_property(page, "Assignee", json!(["ada", "bob"]))?;
            ada.append(page, "Designs are ready.").map(|_| ())
        })
        .unwrap();
    settle(&mut stage).await;
    let issue = stage.github().issue(BACKLOG, number).unwrap();
    assert_eq!(issue.title, "Dark theme");
    assert!(!issue.open);
    assert_eq!(issue.labels.len(), 2);
    assert_eq!(issue.assignees.len(), 2);
    assert!(issue.body.unwrap().contains("Designs are ready."));
    equal(&mut stage).await;
    stage.pass(10);
    stage
        .in_notion("ada", |ada| {
            ada.set_property(page, "Status", json!("Doing"))
        })
        .unwrap();
    settle(&mut stage).await;
    assert!(stage.github().issue(BACKLOG, number).unwrap().open);
    equal(&mut stage).await;
}

#[tokio::test]
async fn edits_of_an_issue_reach_the_page() {
    let mut stage = backlog(Policy::GithubWins).await;
    let number = number(&stage, "Login fails after password reset");
    let now = stage.now();
    let body = stage.github().issue(BACKLOG, number).unwrap().body.unwrap();
    {
        let mut github = stage.github();
        github
            .retitle(BACKLOG, number, "bob", "Sessions survive a reset", now)
            .unwrap();
        github
            .label(BACKLOG, number, "bob", &["bug", "security"], now)
            .unwrap();
        github
            .assign(BACKLOG, number, "bob", &["bob"], now)
            .unwrap();
        github
            .rewrite(
                BACKLOG,
                number,
                "bob",
                Some(&body.replace("- [ ] fix", "- [x] fix")),
                now,
            )
            .unwrap();
        github.close(BACKLOG, number, "bob", None, now).unwrap();
    }
    settle(&mut stage).await;
    let title = "Sessions survive a reset";
    assert_eq!(property(&stage, title, "Status")["name"], "Done");
    let labels = property(&stage, title, "Labels").to_string();
    assert!(labels.contains("security"), "{labels}");
    let page = stage.page(title).unwrap();
    let markdown = stage.notion().markdown(page);
    assert!(markdown.contains("- [x] fix"), "{markdown}");
    equal(&mut stage).await;
    stage.pass(10);
    let now = stage.now();
    stage.github().reopen(BACKLOG, number, "bob", now).unwrap();
    settle(&mut stage).await;
    assert_eq!(property(&stage, title, "Status")["name"], "To do");
    equal(&mut stage).await;
}

#[tokio::test]
async fn an_option_of_the_same_class_is_not_put_back() {
    let mut stage = backlog(Policy::GithubWins).await;
    let page = stage.page("Dark mode").unwrap();
    stage
        .in_notion("ada", |ada| {
            ada.set_property(page, "Status", json!("Doing"))
        })
        .unwrap();
    let marks = stage.marks();
    settle(&mut stage).await;
    assert_eq!(property(&stage, "Dark mode", "Status")["name"], "Doing");
    assert_eq!(stage.calls(marks).github_writes, 0);
    equal(&mut stage).await;
}

#[tokio::test]
async fn a_conflict_about_a_title_is_one_comment_and_is_settled_by_equality() {
    let mut stage = backlog(Policy::ManualReview).await;
    let number = number(&stage, "Dark mode");
    let page = stage.page("Dark mode").unwrap();
    stage
        .in_notion("ada", |ada| ada.rename(page, "Night mode"))
        .unwrap();
    let now = stage.now();
    stage
        .github()
        .retitle(BACKLOG, number, "bob", "Dark theme", now)
        .unwrap();
    // Labels of both sides merge meanwhile.
    stage
        .in_notion("ada", |ada| {
            ada.set_property(page, "Labels", json!(["feature", "docs"]))
        })
        .unwrap();
    stage
        .github()
        .label(BACKLOG, number, "bob", &["feature", "bug"], now)
        .unwrap();
    let outcome = settle(&mut stage).await;
    assert_eq!(outcome.conflicts, 1);
    let issue = stage.github().issue(BACKLOG, number).unwrap();
    assert_eq!(issue.title, "Dark theme");
    assert_eq!(issue.comments.len(), 1, "{:?}", issue.comments);
    let text = &issue.comments[0].1;
    assert!(
        text.contains("Night mode") && text.contains("Dark theme"),
        "{text}"
    );
    let mut labels = issue.labels.clone();
    labels.sort();
    assert_eq!(labels, ["bug", "docs", "feature"]);
    assert_eq!(
        property(&stage, "Night mode", "GitHub Sync Status")["name"],
        "Error"
    );
    // Time alone asks nothing again.
    stage.pass(60 * 24);
    settle(&mut stage).await;
    assert_eq!(
        stage
            .github()
            .issue(BACKLOG, number)
            .unwrap()
            .comments
            .len(),
        1
    );
    let now = stage.now();
    stage
        .github()
        .retitle(BACKLOG, number, "bob", "Night mode", now)
        .unwrap();
    let outcome = settle(&mut stage).await;
    assert_eq!(outcome.conflicts, 0);
    assert_ne!(
        property(&stage, "Night mode", "GitHub Sync Status")["name"],
        "Error"
    );
    equal(&mut stage).await;
}

#[tokio::test]
async fn text_of_a_page_does_not_act_on_github() {
    let mut stage = backlog(Policy::GithubWins).await;
    stage
        .add_page(
            "ada",
            "backlog-tasks",
            &[
                ("Name", json!("Thanks @bob, fixes #1")),
                ("Status", json!("To do")),
            ],
            "Closes #1. Ask @bob.",
        )
        .unwrap();
    settle(&mut stage).await;
    let issues = stage.issues();
    let issue = issues.values().next_back().unwrap();
    // In a title neither acts; the text is what GitHub obeys.
    let text = issue.body.clone().unwrap();
    assert!(!text.contains("@bob"), "a mention acts: {text}");
    assert!(
        !text.contains("Closes #1"),
        "a closing keyword acts: {text}"
    );
    equal(&mut stage).await;
}
