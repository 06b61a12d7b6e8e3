//! Deletion: nothing is lost when the answer is unclear.

use notion_sync_core::mapping::{Guard, Policy};
use notion_sync_core::record::Life;
use notion_sync_examples::demo::{Stage, Terms};
use notion_sync_examples::emulation::{BACKLOG, HANDBOOK, World};

use crate::shown_support::{equal, settle, sweep};

/// Everything of the small world is paired.
async fn paired(terms: Terms) -> Stage {
    let mut stage = Stage::in_memory(World::small().unwrap(), terms)
        .await
        .unwrap();
    settle(&mut stage).await;
    for number in stage.open_pulls().into_keys() {
        stage.merge("ada", number).unwrap();
    }
    settle(&mut stage).await;
    equal(&mut stage).await;
    stage.pass(30);
    stage
}

async fn lives(stage: &mut Stage) -> Vec<Life> {
    let mut all: Vec<Life> = stage
        .records()
        .await
        .unwrap()
        .iter()
        .map(|r| r.life)
        .collect();
    all.sort();
    all
}

#[tokio::test]
async fn a_trashed_page_proposes_to_delete_its_file_and_restoring_it_takes_that_back() {
    let mut stage = paired(Terms::documents(Policy::ManualReview)).await;
    let page = stage.page("On call").unwrap();
    stage.in_notion("bob", |bob| bob.trash(page)).unwrap();
    sweep(&mut stage).await;
    let pulls = stage.open_pulls();
    assert_eq!(pulls.len(), 1);
    assert!(stage.file("docs/on-call.md").is_some());
    stage.pass(30);
    stage.in_notion("bob", |bob| bob.restore(page)).unwrap();
    sweep(&mut stage).await;
    assert!(stage.open_pulls().is_empty(), "the proposal stayed");
    assert!(stage.file("docs/on-call.md").is_some());
    equal(&mut stage).await;
}

#[tokio::test]
async fn a_refused_deletion_brings_the_page_back() {
    let mut stage = paired(Terms::documents(Policy::ManualReview)).await;
    let page = stage.page("On call").unwrap();
    stage.in_notion("bob", |bob| bob.trash(page)).unwrap();
    sweep(&mut stage).await;
    let number = *stage.open_pulls().keys().next().unwrap();
    let now = stage.now();
    stage
        .github()
        .close(HANDBOOK, number, "ada", None, now)
        .unwrap();
    stage.pass(5);
    settle(&mut stage).await;
    assert!(stage.file("docs/on-call.md").is_some());
    assert!(
        stage.notion().is_alive(page),
        "the page is still in the trash"
    );
    equal(&mut stage).await;
}

#[tokio::test]
async fn a_deleted_file_trashes_its_page_and_a_revert_restores_it() {
    let mut stage = paired(Terms::documents(Policy::ManualReview)).await;
    let page = stage.page("Welcome").unwrap();
    let text = stage.file("docs/welcome.md").unwrap();
    stage
        .push("ada", "Remove", &[("docs/welcome.md", None)])
        .unwrap();
    settle(&mut stage).await;
    assert!(!stage.notion().is_alive(page));
    equal(&mut stage).await;
    stage.pass(30);
    stage
        .push("ada", "Revert", &[("docs/welcome.md", Some(&text))])
        .unwrap();
    settle(&mut stage).await;
    assert!(stage.notion().is_alive(page), "the page was not restored");
    assert_eq!(stage.pages().len(), 3);
    equal(&mut stage).await;
}

#[tokio::test]
async fn a_renamed_file_keeps_its_page() {
    let mut stage = paired(Terms::documents(Policy::ManualReview)).await;
    let page = stage.page("Welcome").unwrap();
    let text = stage.file("docs/welcome.md").unwrap();
    stage
        .push(
            "ada",
            "Move",
            &[
                ("docs/welcome.md", None),
                ("docs/start/hello.md", Some(&text)),
            ],
        )
        .unwrap();
    settle(&mut stage).await;
    assert!(stage.notion().is_alive(page));
    assert_eq!(stage.pages().len(), 3);
    let properties = stage.notion().properties(page);
    assert!(
        properties["GitHub Path"]
            .to_string()
            .contains("docs/start/hello.md")
    );
    equal(&mut stage).await;
}

#[tokio::test]
async fn a_page_that_is_no_longer_shared_deletes_nothing() {
    let mut stage = paired(Terms::documents(Policy::ManualReview)).await;
    let page = stage.page("Welcome").unwrap();
    let before = stage.file("docs/welcome.md");
    stage
        .in_notion("ada", |ada| ada.share(page, false))
        .unwrap();
    for _ in 0..3 {
        stage.pass(60);
        let outcome = stage.tick(true).await.unwrap().unwrap();
        assert_eq!(outcome.writes(), 0, "{outcome:?}");
    }
    assert_eq!(stage.file("docs/welcome.md"), before);
    assert!(stage.open_pulls().is_empty());
    stage.in_notion("ada", |ada| ada.share(page, true)).unwrap();
    sweep(&mut stage).await;
    equal(&mut stage).await;
}

#[tokio::test]
async fn a_page_moved_out_of_the_table_deletes_nothing() {
    let mut stage = paired(Terms::documents(Policy::ManualReview)).await;
    let page = stage.page("Welcome").unwrap();
    let target = stage.notion().id("backlog-tasks");
    stage
        .in_notion("ada", |ada| ada.move_page(page, target))
        .unwrap();
    sweep(&mut stage).await;
    assert!(stage.file("docs/welcome.md").is_some());
    assert!(stage.notion().is_alive(page));
    assert!(stage.open_pulls().is_empty());
    assert!(lives(&mut stage).await.contains(&Life::Detached));
}

#[tokio::test]
async fn a_closed_issue_is_no_deletion_and_a_deleted_one_trashes_its_page() {
    let mut stage = paired(Terms::tasks(Policy::GithubWins)).await;
    let page = stage.page("Dark mode").unwrap();
    let now = stage.now();
    stage
        .github()
        .close(BACKLOG, 1, "bob", Some("not_planned"), now)
        .unwrap();
    settle(&mut stage).await;
    assert!(stage.notion().is_alive(page));
    equal(&mut stage).await;
    stage.pass(10);
    stage.github().delete_issue(BACKLOG, 1).unwrap();
    sweep(&mut stage).await;
    assert!(
        !stage.notion().is_alive(page),
        "the issue is gone for good, its page is not"
    );
}

#[tokio::test]
async fn a_page_that_was_edited_gets_another_issue_when_its_own_was_deleted() {
    let mut stage = paired(Terms::tasks(Policy::NotionWins).unguarded()).await;
    let page = stage.page("Dark mode").unwrap();
    let before = stage.issues().len();
    stage
        .in_notion("bob", |bob| bob.rename(page, "Dark theme"))
        .unwrap();
    stage.github().delete_issue(BACKLOG, 1).unwrap();
    sweep(&mut stage).await;
    stage.pass(30);
    settle(&mut stage).await;
    assert!(stage.notion().is_alive(page), "the edit wins");
    let issues = stage.issues();
    let made = (issues.iter()).find(|(_, issue)| issue.title == "Dark theme");
    let number = *made.expect("nothing has the edit").0;
    assert_eq!(issues.len(), before);
    let shown = stage.notion().properties(page)["GitHub Number"].clone();
    assert_eq!(shown, number);
    equal(&mut stage).await;
    stage.pass(30);
    let outcome = sweep(&mut stage).await;
    assert_eq!(outcome.applied, [], "it does not come to rest");
}

#[tokio::test]
async fn a_trashed_task_closes_its_issue() {
    let mut stage = paired(Terms::tasks(Policy::GithubWins)).await;
    let page = stage.page("Dark mode").unwrap();
    stage.in_notion("bob", |bob| bob.trash(page)).unwrap();
    sweep(&mut stage).await;
    let issue = stage.github().issue(BACKLOG, 1).unwrap();
    assert!(!issue.open);
    assert_eq!(stage.issues().len(), 2);
}

#[tokio::test]
async fn the_guard_stops_a_run_that_would_remove_too_much() {
    let mut world = World::team().unwrap();
    for number in 0..12 {
        let text = format!("# Page {number}\n\nText {number}.\n");
        let files = &mut world.github.repositories[0].files;
        files.insert(format!("docs/page-{number}.md"), text);
    }
    let mut terms = Terms::documents(Policy::ManualReview);
    terms.guard = Guard {
        removals: 5,
        ..Guard::default()
    };
    let mut stage = Stage::in_memory(world, terms).await.unwrap();
    settle(&mut stage).await;
    assert_eq!(stage.pages().len(), 12);
    stage.pass(30);
    let gone: Vec<(String, Option<&str>)> = (0..7)
        .map(|n| (format!("docs/page-{n}.md"), None))
        .collect();
    let gone: Vec<(&str, Option<&str>)> = gone
        .iter()
        .map(|(path, text)| (path.as_str(), *text))
        .collect();
    stage.push("ada", "Clean up", &gone).unwrap();
    let tick = stage.tick(false).await.unwrap().unwrap();
    let said = tick.mappings[0]
        .guard
        .clone()
        .expect("the guard stops the run");
    assert!(
        said.contains("7 removals") && said.contains("--approve"),
        "{said}"
    );
    assert_eq!(tick.writes(), 0);
    assert_eq!(stage.pages().len(), 12);
    stage.pass(5);
    let tick = stage.tick(false).await.unwrap().unwrap();
    let again = tick.mappings[0].guard.clone().expect("and stops it again");
    let hash = again
        .rsplit(' ')
        .next()
        .unwrap()
        .trim_matches('`')
        .to_owned();
    stage.engine().await.unwrap().approve(&hash).await.unwrap();
    settle(&mut stage).await;
    assert_eq!(stage.pages().len(), 5);
    equal(&mut stage).await;
}

#[tokio::test]
async fn a_repository_that_was_reset_deletes_nothing() {
    let mut stage = paired(Terms::documents(Policy::ManualReview)).await;
    let first = stage.commits().last().unwrap().sha.to_string();
    let now = stage.now();
    stage
        .github()
        .reset_branch(HANDBOOK, "main", &first, "ada", now)
        .unwrap();
    stage.tick(false).await.unwrap().unwrap();
    assert_eq!(
        stage.pages().len(),
        3,
        "history was rewritten, pages are gone"
    );
    for title in ["Welcome", "On call", "Releases"] {
        let page = stage.page(title).unwrap();
        assert!(stage.notion().is_alive(page), "{title}");
    }
}
