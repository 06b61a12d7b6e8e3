//! Comments between pages and issues.

use notion_sync_core::comment::CommentSync;
use notion_sync_core::mapping::Policy;
use notion_sync_examples::demo::{Stage, Terms};
use notion_sync_examples::emulation::{BACKLOG, HANDBOOK, World};
use notion_sync_testkit::notion::NotionId;

use crate::shown_support::{equal, settle, sweep};

/// A page and its issue, at rest, whose comments follow.
pub(crate) async fn talking(repositories: &[&str]) -> (Stage, NotionId, u64) {
    let terms = Terms {
        comments: Some(CommentSync::default()),
        repositories: repositories.iter().map(|name| (*name).to_owned()).collect(),
        ..Terms::tasks(Policy::GithubWins)
    };
    let mut stage = Stage::in_memory(World::small().unwrap(), terms)
        .await
        .unwrap();
    settle(&mut stage).await;
    stage.pass(30);
    settle(&mut stage).await;
    let page = stage.page("Dark mode").unwrap();
    let number = (stage.issues().iter())
        .find(|(_, issue)| issue.title == "Dark mode")
        .map(|(number, _)| *number)
        .unwrap();
    (stage, page, number)
}

#[tokio::test]
async fn comments_follow_with_their_author_edits_and_deletions() {
    let (mut stage, page, number) = talking(&[]).await;
    let asked = stage
        .in_notion("ada", |ada| ada.comment(page, "Which **theme**, @bob?"))
        .unwrap();
    let now = stage.now();
    let answered = stage
        .github()
        .comment(
            BACKLOG,
            number,
            "bob",
            "The dark one:\n\n- black\n- grey",
            now,
        )
        .unwrap();
    settle(&mut stage).await;
    let said = |stage: &Stage| stage.github().issue(BACKLOG, number).unwrap().comments;
    let heard = |stage: &Stage| stage.notion().comments(page);
    let copy = said(&stage).pop().unwrap().1;
    assert!(
        copy.contains("** in [Notion](https://www.notion.so/"),
        "{copy}"
    );
    assert!(copy.contains("Which **theme**"), "{copy}");
    assert!(!copy.contains("@bob"), "a mention acts: {copy}");
    let copy = heard(&stage).pop().unwrap();
    assert!(
        copy.starts_with("bob (GitHub):\nThe dark one:\n\n• black\n• grey\n"),
        "{copy}"
    );
    equal(&mut stage).await;
    // Edits and deletions move neither the page nor, all of them, the issue.
    stage.pass(30);
    stage
        .in_notion("ada", |ada| ada.edit_comment(asked, "Which theme?"))
        .unwrap();
    let now = stage.now();
    stage
        .github()
        .edit_comment(BACKLOG, answered, "The light one", now)
        .unwrap();
    settle(&mut stage).await;
    assert!(
        said(&stage)
            .iter()
            .any(|(_, text)| text.ends_with("Which theme?"))
    );
    assert!(
        heard(&stage)
            .iter()
            .any(|text| text.contains("The light one"))
    );
    assert_eq!((said(&stage).len(), heard(&stage).len()), (2, 2));
    equal(&mut stage).await;
    stage.pass(30);
    // A resolved thread keeps its copy, a deleted comment does not.
    stage
        .in_notion("ada", |ada| ada.resolve_comment(asked, true))
        .unwrap();
    let now = stage.now();
    stage
        .github()
        .delete_comment(BACKLOG, answered, now)
        .unwrap();
    settle(&mut stage).await;
    assert_eq!((said(&stage).len(), heard(&stage).len()), (1, 1));
    stage
        .in_notion("ada", |ada| ada.delete_comment(asked))
        .unwrap();
    // Only a full listing asks for it again.
    sweep(&mut stage).await;
    settle(&mut stage).await;
    assert_eq!((said(&stage).len(), heard(&stage).len()), (0, 0));
    equal(&mut stage).await;
}

/// Comments go with an issue that is transferred: each is still the one that its copy was made of.
#[tokio::test]
async fn comments_go_with_an_issue_that_is_transferred() {
    let (mut stage, page, number) = talking(&[BACKLOG, HANDBOOK]).await;
    let asked = stage
        .in_notion("ada", |ada| ada.comment(page, "Which theme?"))
        .unwrap();
    let now = stage.now();
    let answered = stage
        .github()
        .comment(BACKLOG, number, "bob", "The dark one", now)
        .unwrap();
    settle(&mut stage).await;
    stage.pass(30);
    let now = stage.now();
    let moved = stage
        .github()
        .transfer_issue(BACKLOG, number, HANDBOOK, "bob", now)
        .unwrap();
    settle(&mut stage).await;
    let said = |stage: &Stage| stage.github().issue(HANDBOOK, moved).unwrap().comments;
    let heard = |stage: &Stage| stage.notion().comments(page);
    assert_eq!(
        (said(&stage).len(), heard(&stage).len()),
        (2, 2),
        "copied again: {:?} {:?}",
        said(&stage),
        heard(&stage)
    );
    // Both go on being followed.
    stage.pass(30);
    stage
        .in_notion("ada", |ada| ada.edit_comment(asked, "What theme?"))
        .unwrap();
    let now = stage.now();
    stage
        .github()
        .delete_comment(HANDBOOK, answered, now)
        .unwrap();
    settle(&mut stage).await;
    sweep(&mut stage).await;
    settle(&mut stage).await;
    assert_eq!((said(&stage).len(), heard(&stage).len()), (1, 1));
    assert!(said(&stage)[0].1.ends_with("What theme?"));
    stage.pass(30);
    let outcome = sweep(&mut stage).await;
    assert_eq!(outcome.applied, [], "something was written without need");
}
