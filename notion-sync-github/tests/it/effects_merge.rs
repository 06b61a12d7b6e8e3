//! Merging: queues, auto-merge, refusals, links.

use http::Method;
use notion_sync_core::effect::{Effect, Gate, Merge};
use notion_sync_core::remote::{Action, Remote as _, Trace, WriteKind};
use notion_sync_core::{ErrorKind, Retry};
use notion_sync_github::GithubIssues;
use notion_sync_testkit::emulator::{Emulator as _, Fault, FaultRule};
use notion_sync_testkit::github::{Conclusion, QueueOutcome, StatusState};
use serde_json::json;

use crate::effects_hands::*;
use crate::effects_support::*;
use crate::support::{REPO, REPO_ID, World, handbook, pull_form};

#[tokio::test]
async fn a_queue_is_joined_once() {
    let settings = {
        let mut all = rules(&[
            json!({"type": "merge_queue"}),
            required(&json!({"context": "build"})),
        ]);
        all["allow_auto_merge"] = json!(true);
        all
    };
    for fault in [None, Some(Fault::DropBefore), Some(Fault::DropAfter)] {
        let world = world(&settings);
        let issues = world.issues();
        let asked = with_pull(request("k1", 1, merge()), pull());
        assert!(closed(&issues, &asked).await.contains("waits for build"));
        check(&world, "build", Conclusion::Success, Some("ci"));
        let write = opened(&issues, &asked).await;
        assert_eq!(write.decided["action"], "enqueue");
        if let Some(fault) = fault {
            let lost = fault == Fault::DropAfter;
            world.hub().faults().push(FaultRule {
                method: "POST".to_owned(),
                path_contains: "/graphql".to_owned(),
                // The question whether it waits already comes first.
                skip: 1,
                times: 1,
                fault,
            });
            let error = send(&issues, &write).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
            let found = trace(&world, &issues, &write).await;
            if lost {
                assert_eq!(applied(found).notes["queued"], "true");
            } else {
                assert_eq!(found, Trace::NotApplied);
            }
        }
        let ack = send(&issues, &write).await.unwrap();
        assert_eq!(ack.notes["queued"], "true");
        assert!(!merged(&world));
        // Sent again: it waits already.
        send(&issues, &write).await.unwrap();
        assert!(closed(&issues, &asked).await.contains("merge queue"));
        let now = world.now();
        world
            .hub()
            .settle_queue(REPO, "main", QueueOutcome::Merge, now)
            .unwrap();
        assert!(merged(&world));
        assert!(holds(&issues, &asked).await);
        send(&issues, &write).await.unwrap();
    }
}

#[tokio::test]
async fn what_people_let_merge_by_itself_is_left_to_them() {
    let mut settings = build();
    settings["allow_auto_merge"] = json!(true);
    let world = world(&settings);
    let query = "mutation($id:ID!){enablePullRequestAutoMerge(input:{pullRequestId:$id,mergeMethod:SQUASH}){pullRequest{number}}}";
    let id = node(&world).await;
    graphql(&world, query, json!({"id": id})).await;
    let issues = world.issues();
    let asked = with_pull(request("k1", 1, merge()), pull());
    assert!(closed(&issues, &asked).await.contains("auto-merge"));
    check(&world, "build", Conclusion::Success, None);
    assert!(merged(&world));
    assert!(holds(&issues, &asked).await);
}

#[tokio::test]
async fn a_draft_is_marked_as_ready_where_the_rule_says_so() {
    let world = world(&build());
    let now = world.now();
    world.hub().set_draft(REPO, 2, "ada", true, now).unwrap();
    let issues = world.issues();
    let effect = Effect::Merge(Merge {
        method: None,
        ready: true,
    });
    let asked = with_pull(request("k1", 1, effect), pull());
    assert!(closed(&issues, &asked).await.contains("waits for build"));
    check(&world, "build", Conclusion::Success, None);
    let write = opened(&issues, &asked).await;
    world.fault("PUT", "/merge", Fault::DropBefore);
    send(&issues, &write).await.unwrap_err();
    assert_eq!(trace(&world, &issues, &write).await, Trace::NotApplied);
    send(&issues, &write).await.unwrap();
    assert!(merged(&world));
}

#[tokio::test]
async fn what_is_being_computed_is_asked_again_soon() {
    let mut seed = serde_json::to_value(handbook()).unwrap();
    seed["settings"] = json!({"mergeable_polls": 1});
    let world = World::of(serde_json::from_value(seed).unwrap());
    an_issue(&world);
    by_hand(&world, "topic", "docs/new.md", "new\n");
    let now = world.now();
    let form = pull_form("Topic", "topic");
    world.hub().open_pull(REPO, "ada", &form, now).unwrap();
    let issues = world.issues();
    let asked = with_pull(request("k1", 1, merge()), pull());
    match issues.gate(&asked).await.unwrap() {
        Gate::Closed { again, .. } => {
            let again = again.unwrap();
            assert!(again > world.now() && again < world.now() + chrono::Duration::minutes(1));
        }
        other => panic!("{other:?}"),
    }
    opened(&issues, &asked).await;
}

#[tokio::test]
async fn nothing_required_is_not_believed_of_a_head_that_is_new() {
    let world = world(&rules(&[json!({"type": "pull_request"})]));
    let issues = world.issues();
    // What the sync says itself is no result.
    status(&world, "notion-sync/drift", StatusState::Success);
    let asked = with_pull(request("k1", 1, merge()), pull());
    match issues.gate(&asked).await.unwrap() {
        Gate::Closed { again, .. } => {
            let wait = again.unwrap() - world.now();
            assert!(wait.num_seconds() > 0 && wait.num_seconds() <= 60, "{wait}");
        }
        other => panic!("{other:?}"),
    }
    rest(&world);
    opened(&issues, &asked).await;
}

#[tokio::test]
async fn every_refusal_of_a_merge_has_its_meaning() {
    let world = world(&build());
    check(&world, "build", Conclusion::Success, None);
    let issues = world.issues();
    let asked = with_pull(request("k1", 1, merge()), pull());
    let write = opened(&issues, &asked).await;
    assert_eq!(
        issues.kind(&Action::Effect(Box::new(write.clone()))),
        WriteKind::StrongCas
    );
    assert_eq!(write.decided["method"], "squash");
    assert_eq!(trace(&world, &issues, &write).await, Trace::NotApplied);
    // Another merge came first.
    world.hub().race_next_merges(1);
    let error = send(&issues, &write).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotApplied, "{error}");
    match error.retry() {
        Retry::NotBefore(at) => {
            assert!(at > world.now() && at < world.now() + chrono::Duration::minutes(1));
        }
        other => panic!("{other:?}"),
    }
    // A check went red after the gate.
    world.tick();
    check(&world, "build", Conclusion::Failure, None);
    let error = send(&issues, &write).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Stale, "{error}");
    assert!(error.to_string().contains("build"), "{error}");
    check(&world, "build", Conclusion::Success, None);
    // Pushed after the gate: the judged head is not the head any more.
    let judged = head(&world);
    by_hand(&world, "topic", "docs/new.md", "newer\n");
    let error = send(&issues, &write).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Stale, "{error}");
    assert!(!merged(&world));
    let path = format!("/repositories/{REPO_ID}/pulls/2/merge");
    let body = json!({"sha": judged});
    let (status, _) = raw(&world, "github_pat_bot", Method::PUT, &path, body).await;
    assert_eq!(status, 409);
    // A read-only credential.
    let reader = GithubIssues::new(world.client_of("github_pat_mallory"), &[(REPO, None)]).unwrap();
    let reason = refused(&reader, &asked).await;
    assert!(reason.contains("contents: write"), "{reason}");
    // Lost after it was merged: traced, and sent again it is done.
    check(&world, "build", Conclusion::Success, None);
    let write = opened(&issues, &asked).await;
    // A person's token does not say what it lacks before it is refused.
    let narrow = GithubIssues::new(world.client_of("github_pat_narrow"), &[(REPO, None)]).unwrap();
    let error = send(&narrow, &write).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Forbidden, "{error}");
    let remedy = error.remedy_text().unwrap();
    assert!(remedy.contains("contents: write"), "{remedy}");
    world.fault("PUT", "/merge", Fault::DropAfter);
    let error = send(&issues, &write).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    let ack = applied(trace(&world, &issues, &write).await);
    assert!(ack.links.is_empty());
    send(&issues, &write).await.unwrap();
    assert!(!world.hub().issue(REPO, 1).unwrap().open, "Closes #1");
}

/// Without a link of the registry the pull request that GitHub links is taken, if there is one.
#[tokio::test]
async fn a_pull_request_by_people_is_found() {
    let world = world(&json!({}));
    rest(&world);
    let issues = world.issues();
    let asked = request("k1", 1, merge());
    let write = opened(&issues, &asked).await;
    assert_eq!(write.pull, Some(pull()));
    let open = request("k2", 1, Effect::OpenPull(Default::default()));
    match issues.gate(&open).await.unwrap() {
        Gate::Holds { links } => assert_eq!(links["pull"], pull()),
        other => panic!("{other:?}"),
    }
    by_hand(&world, "second", "docs/second.md", "2\n");
    let form = notion_sync_testkit::github::PullForm {
        body: Some("Fixes #1"),
        ..pull_form("Second", "second")
    };
    let now = world.now();
    world.hub().open_pull(REPO, "bob", &form, now).unwrap();
    let reason = closed(&issues, &asked).await;
    assert!(reason.contains("#2") && reason.contains("#3"), "{reason}");
    match issues.gate(&open).await.unwrap() {
        Gate::Holds { links } => assert!(links.is_empty()),
        other => panic!("{other:?}"),
    }
    let now = world.now();
    let method = notion_sync_testkit::github::MergeMethod::Squash;
    world.hub().merge(REPO, 2, "ada", method, now).unwrap();
    world.hub().close(REPO, 3, "ada", None, now).unwrap();
    assert!(holds(&issues, &asked).await);
}

#[tokio::test]
async fn linked_pull_requests_come_in_one_request() {
    let world = world(&build());
    let other = titled(&world, "Alone");
    let issues = world.issues();
    issues.schema().await.unwrap();
    let mark = world.mark();
    let linked = issues
        .linked(&[
            (crate::support::issue(1), vec![pull()]),
            (crate::support::issue(other), Vec::new()),
            (crate::support::issue(99), Vec::new()),
        ])
        .await
        .unwrap();
    assert_eq!(world.asked(mark).len(), 1);
    assert_eq!(linked.len(), 1);
    let found = &linked[&crate::support::issue(1)];
    assert_eq!(found.len(), 1);
    assert_eq!(
        (found[0].number, found[0].state.as_str(), found[0].ours),
        (2, "open", false)
    );
    assert_eq!(found[0].head, head(&world));
    assert_eq!(found[0].checks, None);
    assert!(found[0].updated_at <= world.now());
    assert!(found[0].url.ends_with("/acme/handbook/pull/2"));
    for (end, word) in [
        (Conclusion::Failure, "failed"),
        (Conclusion::Success, "passed"),
    ] {
        world.tick();
        check(&world, "build", end, None);
        let asked = [(crate::support::issue(1), Vec::new())];
        let linked = issues.linked(&asked).await.unwrap();
        let found = &linked[&crate::support::issue(1)][0];
        assert_eq!(found.checks.as_deref(), Some(word));
    }
    // Many issues: 25 in each request.
    let many: Vec<_> = (1..=60)
        .map(|number| (crate::support::issue(number), Vec::new()))
        .collect();
    let mark = world.mark();
    issues.linked(&many).await.unwrap();
    assert_eq!(world.asked(mark).len(), 3);
}

/// An app says what it was granted: what it lacks is known without trying.
#[tokio::test]
async fn an_app_is_refused_by_what_it_was_granted() {
    let app = |granted: &serde_json::Value| {
        let mut seed = serde_json::to_value(handbook()).unwrap();
        seed["apps"][0]["permissions"] = granted.clone();
        World::of(serde_json::from_value(seed).unwrap())
    };
    let full = json!({"contents": "write", "issues": "write", "pull_requests": "write", "metadata": "read"});
    for lacking in [None, Some("contents"), Some("pull_requests")] {
        let mut granted = full.clone();
        if let Some(lacking) = lacking {
            granted[lacking] = json!("read");
        }
        let world = app(&granted);
        assert_eq!(an_issue(&world), 1);
        let client = crate::credentials::client(&world, crate::credentials::tokens(&world, 70));
        let issues = GithubIssues::new(client, &[(REPO, None)]).unwrap();
        let open = request("k1", 1, Effect::OpenPull(Default::default()));
        if let Some(lacking) = lacking {
            let reason = refused(&issues, &open).await;
            let words = format!("\"{}: write\"", lacking.replace('_', " "));
            assert!(reason.contains(&words), "{reason}");
            continue;
        }
        let ack = perform(&issues, &open).await;
        let linked = ack.links["pull"].clone();
        perform(
            &issues,
            &with_pull(request("k2", 1, Effect::MarkReady), linked.clone()),
        )
        .await;
        rest(&world);
        perform(&issues, &with_pull(request("k3", 1, merge()), linked)).await;
        assert!(merged(&world));
        assert!(!world.hub().issue(REPO, 1).unwrap().open);
    }
}

/// Results that cannot be read: nothing that is required is taken as passed, and the permission is
/// named. Where nothing is required they are not missed.
#[tokio::test]
async fn results_that_cannot_be_read_are_not_guessed() {
    let private = |mut settings: serde_json::Value| {
        settings["private"] = json!(true);
        settings
    };
    for (token, said) in [
        ("github_pat_blind", "checks: read"),
        ("github_pat_statuses", "checks: read"),
        ("github_pat_checks", "commit statuses: read"),
        ("github_pat_results", ""),
    ] {
        for (settings, required) in [(build(), true), (json!({}), false)] {
            let world = world(&private(settings));
            check(&world, "build", Conclusion::Success, Some("ci"));
            rest(&world);
            let client = world.client_of(token);
            let issues = GithubIssues::new(client, &[(REPO, None)]).unwrap();
            let asked = with_pull(request("k1", 1, merge()), pull());
            if required && !said.is_empty() {
                let reason = refused(&issues, &asked).await;
                assert!(reason.contains(said), "{token}: {reason}");
                assert!(!merged(&world));
            } else {
                perform(&issues, &asked).await;
                assert!(merged(&world), "{token}");
            }
            // What is linked is told without the results.
            let known = [(crate::support::issue(1), vec![pull()])];
            let linked = issues.linked(&known).await.unwrap();
            let found = &linked[&crate::support::issue(1)][0];
            assert_eq!(found.checks.is_some(), said.is_empty(), "{token}");
        }
    }
}
