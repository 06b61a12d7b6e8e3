//! Proposals that are withdrawn, and what comes between the comment and the end.

use chrono::Duration;
use notion_sync_core::remote::{Action, Remote as _, Trace, WriteKind};
use notion_sync_core::{ErrorKind, Retry};
use notion_sync_github::reference;
use notion_sync_testkit::emulator::Fault;

use crate::support::*;

/// A pull request on a branch of ours.
fn proposed() -> (World, u64) {
    let world = World::new();
    let now = world.now();
    let number = {
        let mut hub = world.hub();
        let head = hub.branches(REPO).unwrap()["main"].to_string();
        hub.reset_branch(REPO, "nsync/old", &head, "bot", now)
            .unwrap();
        let edits = [("docs/o.md", Some("o\n"))];
        hub.commit(REPO, "nsync/old", "bot", "Old\n\nSync-Op: old", &edits, now)
            .unwrap();
        hub.open_pull(REPO, "bot", &pull_form("Old", "nsync/old"), now)
            .unwrap()
    };
    (world, number)
}

/// What was said is not said again: whoever repeats the rest must find the comment first.
#[tokio::test]
async fn a_limit_after_the_comment_does_not_let_it_be_written_twice() {
    let (world, number) = proposed();
    let files = world.files();
    let withdraw = Action::Withdraw {
        proposal: reference::pull(REPO_ID, number),
        reason: "Settled".to_owned(),
    };
    assert_eq!(files.kind(&withdraw), WriteKind::UnnamedCreate);
    let sent = write("w1", withdraw);
    for (status, path, method) in [
        (429, "/pulls/", "PATCH"),
        (404, "/git/refs", "DELETE"),
        (403, "/git/refs", "DELETE"),
    ] {
        let (world, _) = proposed();
        let files = world.files();
        let retry_after = (status == 429).then_some(60);
        world.fault(
            method,
            path,
            Fault::Refuse {
                status,
                retry_after,
            },
        );
        let sent_at = world.now();
        let outcome = one(&files, sent.clone()).await;
        if status == 404 {
            // The branch is gone already.
            outcome.unwrap();
            continue;
        }
        let error = outcome.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{status}: {error}");
        // Both are limits, and say until when.
        assert!(matches!(error.retry(), Retry::NotBefore(_)), "{error:?}");
        world.clock.advance(Duration::minutes(5));
        let found = files.trace(std::slice::from_ref(&sent), sent_at).await;
        assert_eq!(found.unwrap(), [Trace::NotApplied]);
        one(&files, sent.clone()).await.unwrap();
        let view = world.hub().issue(REPO, number).unwrap();
        assert_eq!((view.comments.len(), view.open), (1, false));
    }
    // Nothing was said yet: then a limit is one.
    world.fault(
        "POST",
        "/comments",
        Fault::Refuse {
            status: 429,
            retry_after: Some(60),
        },
    );
    let error = one(&files, sent).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::RateLimited, "{error}");
}
