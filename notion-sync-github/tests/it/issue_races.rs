//! What people write between the moment an issue is compared and the moment it is written.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use notion_sync_core::ErrorKind;
use notion_sync_core::remote::{Remote as _, Trace};
use notion_sync_core::value::Value;
use notion_sync_github::{GithubIssues, ProjectSettings, project_attribute, reference};
use notion_sync_testkit::github::GithubEmulator;

use crate::effects_project::{PLAN, planned, stands};
use crate::issue_projects::by_hand;
use crate::support::*;

/// Issues on whose way something happens once: right before the first request of this method whose
/// path ends so.
fn once_before(
    world: &World,
    method: &'static str,
    path: &'static str,
    act: impl Fn(&mut GithubEmulator) + Send + Sync + 'static,
) -> GithubIssues {
    let done = Arc::new(AtomicBool::new(false));
    let meddle: Meddle = Box::new(move |request, hub| {
        let fits = request.method() == method && request.uri().path().ends_with(path);
        if fits && !done.swap(true, Ordering::SeqCst) {
            act(hub);
        }
    });
    world.issues_by(Meanwhile::send(world, meddle))
}

fn opened() -> World {
    let world = World::new();
    let now = world.now();
    for title in ["One", "Two", "Three"] {
        let mut hub = world.hub();
        hub.open_issue(REPO, "ada", title, Some("text"), now)
            .unwrap();
    }
    world
}

/// Labels and the milestone are looked up first: an edit in that time is seen.
#[tokio::test]
async fn an_edit_while_labels_and_milestones_are_looked_up_is_not_overwritten() {
    for (path, other) in [
        ("/labels", ("labels", set(&[]), set(&["fresh"]))),
        ("/milestones", ("milestone", Value::Null, text("v1"))),
    ] {
        let world = opened();
        let at = world.now();
        let issues = once_before(&world, "GET", path, move |hub| {
            hub.retitle(REPO, 1, "ada", "Hers", at).unwrap();
        });
        let fields = [("title", text("One"), text("Uno")), other];
        let error = one(
            &issues,
            write("o1", change(1, &fields, Some(("text", "texto")))),
        )
        .await
        .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Stale, "{path}: {error}");
        let view = world.hub().issue(REPO, 1).unwrap();
        assert_eq!(view.title, "Hers", "{path}");
        assert_eq!(view.body.as_deref(), Some("text"), "{path}");
    }
}

/// What is as it should be when the issue is compared is not sent, and what the answer to the rest shows of it is an edit.
#[tokio::test]
async fn what_was_not_sent_is_not_taken_from_the_answer() {
    let world = opened();
    let at = world.now();
    {
        let mut hub = world.hub();
        hub.close(REPO, 1, "ada", None, at).unwrap();
        hub.rewrite(REPO, 1, "ada", Some("texto"), at).unwrap();
        hub.label(REPO, 1, "ada", &["bug"], at).unwrap();
    }
    let issues = once_before(&world, "PATCH", "/issues/1", move |hub| {
        hub.reopen(REPO, 1, "ada", at).unwrap();
        hub.rewrite(REPO, 1, "ada", Some("hers"), at).unwrap();
        hub.label(REPO, 1, "ada", &[], at).unwrap();
    });
    let fields = [
        ("title", text("One"), text("Uno")),
        ("state", text("open"), text("closed")),
        ("labels", set(&[]), set(&["bug"])),
    ];
    let sent = write("o1", change(1, &fields, Some(("text", "texto"))));
    let snapshot = one(&issues, sent).await.unwrap().snapshot.unwrap();
    for (name, _, desired) in &fields {
        assert_eq!(field(&snapshot, name), desired, "{name}");
    }
    assert_eq!(body(&snapshot), "texto");
    let now = world.hub().issue(REPO, 1).unwrap();
    assert_eq!((now.title.as_str(), now.open), ("Uno", true));
    assert_eq!(now.body.as_deref(), Some("hers"));
}

#[tokio::test]
async fn a_plain_update_takes_two_requests() {
    let world = opened();
    let issues = world.issues();
    issues.read(&issue(1), true).await.unwrap();
    let fields = [
        ("title", text("One"), text("Uno")),
        ("state", text("open"), text("closed")),
    ];
    let mark = world.mark();
    one(
        &issues,
        write("o1", change(1, &fields, Some(("text", "texto")))),
    )
    .await
    .unwrap();
    assert_eq!(world.asked(mark).len(), 2, "{:?}", world.asked(mark));
}

/// A field of the project is written after the issue: what somebody sets in that time stays.
#[tokio::test]
async fn a_field_of_a_project_that_changes_while_the_issue_is_written_stays() {
    let world = planned();
    by_hand(&world, "Status", "Todo");
    by_hand(&world, "Note", "soon");
    let at = world.now();
    let issues = once_before(&world, "PATCH", "/issues/1", move |hub| {
        hub.set_project_field(PLAN, (REPO, 1), ("Note", "hers"), "ada", at)
            .unwrap();
    });
    let settings = ProjectSettings {
        project: "acme/3".to_owned(),
        fields: ["Status", "Note"].map(str::to_owned).into(),
        add: true,
        page_id: None,
    };
    let issues = issues.with_project(settings).unwrap();
    let (status, note) = (project_attribute("Status"), project_attribute("Note"));
    let fields = [
        ("title", text("Rewrite the guide"), text("Rewritten")),
        (status.as_str(), text("Todo"), text("Done")),
        (note.as_str(), text("soon"), text("later")),
    ];
    let sent = write("o1", change(1, &fields, None));
    let sent_at = world.now();
    let error = one(&issues, sent.clone()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    assert_eq!(stands(&world, PLAN, "Note").as_deref(), Some("hers"));
    assert_eq!(stands(&world, PLAN, "Status").as_deref(), Some("Todo"));
    let found = issues.trace(&[sent], sent_at).await.unwrap();
    assert!(
        matches!(found.as_slice(), [Trace::Partly(_) | Trace::Unclear]),
        "{found:?}"
    );
}

/// A parent that somebody chose while the issue is written is not replaced.
#[tokio::test]
async fn a_parent_that_changes_while_the_issue_is_written_stays() {
    let world = opened();
    let at = world.now();
    world.hub().add_sub_issue(REPO, 1, 3, "ada", at).unwrap();
    let now = world.now();
    let fourth = world.hub().open_issue(REPO, "ada", "Four", None, now);
    assert_eq!(fourth.unwrap(), 4);
    let issues = once_before(&world, "PATCH", "/issues/3", move |hub| {
        hub.add_sub_issue(REPO, 4, 3, "ada", at).unwrap();
    });
    let id = |number| text(&reference::issue(REPO_ID, number).id);
    let fields = [
        ("title", text("Three"), text("Tres")),
        ("parent", id(1), id(2)),
    ];
    let error = one(&issues, write("o1", change(3, &fields, None)))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    let view = world.hub().issue(REPO, 3).unwrap();
    assert_eq!(view.parent, Some((REPO.to_owned(), 4)));
}
