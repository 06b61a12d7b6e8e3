//! What reviewers write about a pull request.

use std::sync::Arc;

use http::Method;
use notion_sync_core::comment::RemoteComment;
use notion_sync_core::id::RemoteRef;
use notion_sync_core::remote::Remote as _;
use notion_sync_github::{GithubIssues, reference};
use serde_json::{Value as Json, json};

use crate::effects_dispatch::Scripted;
use crate::effects_hands::{pull, raw, review, world};
use crate::support::{REPO, REPO_ID, World};

const ADA: &str = "github_pat_owner";

async fn ask(world: &World, method: Method, path: &str, body: Json) -> Json {
    let path = format!("/repositories/{REPO_ID}/pulls/{path}");
    let (status, answer) = raw(world, ADA, method, &path, body).await;
    assert!((200..300).contains(&status), "{status} {answer}");
    answer
}

/// A comment by ada on a line of the file that the pull request adds; its id.
async fn on_line(world: &World, line: Option<u64>, text: &str) -> u64 {
    let mut body = json!({"path": "docs/new.md", "body": text, "side": "RIGHT"});
    if let Some(line) = line {
        body["line"] = json!(line);
    }
    let made = ask(world, Method::POST, "2/comments", body).await;
    made["id"].as_u64().unwrap()
}

async fn listed(issues: &GithubIssues) -> Vec<RemoteComment> {
    let comments = issues.comments(&pull()).await.unwrap();
    assert!(comments.complete);
    comments.items
}

fn texts(comments: &[RemoteComment]) -> Vec<&str> {
    comments.iter().map(|one| one.text.as_str()).collect()
}

#[tokio::test]
async fn reviews_and_comments_on_lines_are_read_with_author_and_place() {
    let world = world(&json!({}));
    let issues = world.issues();
    let now = world.now();
    world.hub().comment(REPO, 2, "bob", "In all", now).unwrap();
    world.tick();
    review(&world, "REQUEST_CHANGES");
    world.tick();
    let line = on_line(&world, Some(1), "Which\r\none?").await;
    world.tick();
    on_line(&world, None, "The whole file").await;
    world.tick();
    let path = format!("2/comments/{line}/replies");
    ask(&world, Method::POST, &path, json!({"body": "This one"})).await;
    world.tick();
    // Nothing was written with that one, and the next is not submitted.
    let now = world.now();
    world
        .hub()
        .review(REPO, 2, "bob", "APPROVE", "", now)
        .unwrap();
    ask(
        &world,
        Method::POST,
        "2/reviews",
        json!({"body": "A draft"}),
    )
    .await;

    let found = listed(&issues).await;
    let shown: Vec<_> = (found.iter())
        .map(|one| {
            let about = one.about.as_deref().unwrap_or_default();
            (one.author.as_str(), about, one.text.as_str())
        })
        .collect();
    assert_eq!(
        shown,
        [
            ("bob", "pull request #2", "In all"),
            ("bob", "request for changes of pull request #2", "Looked"),
            ("ada", "pull request #2, docs/new.md:1", "Which\none?"),
            ("ada", "pull request #2, docs/new.md", "The whole file"),
            ("ada", "pull request #2, docs/new.md:1", "This one"),
        ]
    );
    for (one, part) in found.iter().zip([
        "#issuecomment-",
        "#pullrequestreview-",
        "#discussion_r",
        "#discussion_r",
        "#discussion_r",
    ]) {
        assert!(one.url.as_deref().unwrap().contains(part), "{one:?}");
        assert!(!one.ours && one.created_at.is_some());
        assert_eq!(one.place, pull());
        // A direct read says the same.
        let direct = issues.comment(&one.object).await.unwrap().unwrap();
        assert_eq!(&direct, one);
    }
    // Only a pull request has them.
    let issue = issues.comments(&crate::support::issue(1)).await.unwrap();
    assert!(issue.items.is_empty() && issue.complete);
}

#[tokio::test]
async fn edits_and_deletions_show() {
    let world = world(&json!({}));
    let issues = world.issues();
    let line = on_line(&world, Some(1), "Which one?").await;
    world.tick();
    let body = json!({"event": "COMMENT", "body": "In all"});
    let made = ask(&world, Method::POST, "2/reviews", body).await;
    let id = made["id"].as_u64().unwrap();
    let before = listed(&issues).await;
    assert_eq!(texts(&before), ["Which one?", "In all"]);
    let path = format!("comments/{line}");
    ask(&world, Method::PATCH, &path, json!({"body": "This one?"})).await;
    let path = format!("2/reviews/{id}");
    ask(&world, Method::PUT, &path, json!({"body": "In all, good"})).await;
    let after = listed(&issues).await;
    assert_eq!(texts(&after), ["This one?", "In all, good"]);
    let objects = |all: &[RemoteComment]| -> Vec<RemoteRef> {
        all.iter().map(|one| one.object.clone()).collect()
    };
    assert_eq!(objects(&before), objects(&after));
    // A review whose text was taken away is still there.
    ask(&world, Method::PUT, &path, json!({"body": " "})).await;
    ask(
        &world,
        Method::DELETE,
        &format!("comments/{line}"),
        json!({}),
    )
    .await;
    assert!(listed(&issues).await.is_empty());
    let review = issues.comment(&after[1].object).await.unwrap().unwrap();
    assert_eq!(review.text.trim(), "");
    assert_eq!(issues.comment(&after[0].object).await.unwrap(), None);
    let gone = reference::review(REPO_ID, 2, 999_999);
    assert_eq!(issues.comment(&gone).await.unwrap(), None);
}

#[tokio::test]
async fn many_of_them_are_read_in_pages() {
    let world = world(&json!({}));
    let issues = world.issues();
    for n in 0..130 {
        on_line(&world, Some(1), &format!("Line {n}")).await;
    }
    assert_eq!(listed(&issues).await.len(), 130);
}

/// A conversation goes on where reviews may not be read.
#[tokio::test]
async fn without_the_permission_the_conversation_is_all_there_is() {
    for refused in ["/pulls/2/reviews", "/pulls/2/comments"] {
        let world = world(&json!({}));
        on_line(&world, Some(1), "Which one?").await;
        review(&world, "COMMENT");
        let now = world.now();
        world.hub().comment(REPO, 2, "bob", "In all", now).unwrap();
        let issues = world.issues_by(Arc::new(Scripted {
            inner: world.send(),
            answer: Box::new(move |request| {
                let said = json!({"message": "Resource not accessible by integration"});
                (request.uri().path().ends_with(refused)).then_some((403, said))
            }),
        }));
        let found = listed(&issues).await;
        assert!(texts(&found).contains(&"In all"), "{found:?}");
        assert!(!texts(&found).contains(&"Which one?"), "{found:?}");
    }
}
