//! Fields of issues, comments and workflows as effects.

use std::collections::BTreeSet;

use notion_sync_core::ErrorKind;
use notion_sync_core::effect::{
    Close, CloseReason, Dispatch, Effect, Gate, Note, NotePlace, OpenPull,
};
use notion_sync_core::remote::{Action, Remote as _, Trace, WriteKind};
use notion_sync_github::{GithubIssues, reference};
use notion_sync_testkit::emulator::Fault;
use notion_sync_testkit::github::MergeMethod;

use crate::effects_support::*;
use crate::support::{REPO, REPO_ID, World, handbook, list, write};

fn names(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn close(reason: CloseReason) -> Effect {
    Effect::Close(Close {
        reason,
        after_merge: false,
    })
}

/// Every effect on a field: open once, written, then it holds; the answer lost before and after.
#[tokio::test]
async fn every_field_is_set_once_and_traced() {
    let effects = [
        close(CloseReason::Completed),
        close(CloseReason::NotPlanned),
        close(CloseReason::Duplicate),
        Effect::AddLabels(names(&["BUG", "brand new"])),
        Effect::RemoveLabels(names(&["docs"])),
        Effect::SetMilestone("v2".to_owned()),
        Effect::SetMilestone(String::new()),
        Effect::SetAssignees(names(&["Bob"])),
        Effect::SetAssignees(names(&[])),
    ];
    for effect in effects {
        for fault in [None, Some(Fault::DropBefore), Some(Fault::DropAfter)] {
            let world = World::new();
            let number = an_issue(&world);
            let now = world.now();
            {
                let mut hub = world.hub();
                hub.label(REPO, number, "ada", &["Docs"], now).unwrap();
                hub.assign(REPO, number, "ada", &["ada"], now).unwrap();
            }
            let issues = world.issues();
            if effect == Effect::SetMilestone(String::new()) {
                let set = Effect::SetMilestone("v1".to_owned());
                perform(&issues, &request("k0", number, set)).await;
            }
            let asked = request("k1", number, effect.clone());
            let write = opened(&issues, &asked).await;
            assert_eq!(
                issues.kind(&Action::Effect(Box::new(write.clone()))),
                WriteKind::Set
            );
            world.tick();
            assert_eq!(
                trace(&world, &issues, &write).await,
                Trace::NotApplied,
                "{effect:?}"
            );
            match &fault {
                None => {
                    let ack = send(&issues, &write).await.unwrap();
                    assert!(ack.snapshot.is_none());
                }
                Some(fault) => {
                    let method = match &effect {
                        Effect::AddLabels(_) => ("POST", "/issues/1/labels"),
                        Effect::RemoveLabels(_) => ("DELETE", "/issues/1/labels"),
                        Effect::SetAssignees(logins) if logins.is_empty() => {
                            ("DELETE", "/assignees")
                        }
                        Effect::SetAssignees(_) => ("POST", "/assignees"),
                        _ => ("PATCH", "/issues/1"),
                    };
                    world.fault(method.0, method.1, fault.clone());
                    let error = send(&issues, &write).await.unwrap_err();
                    assert_eq!(error.kind(), ErrorKind::Unavailable, "{effect:?} {error}");
                    let found = trace(&world, &issues, &write).await;
                    let lost = *fault == Fault::DropAfter;
                    let half = matches!(&effect, Effect::SetAssignees(all) if !all.is_empty());
                    if lost && !half {
                        applied(found);
                    } else {
                        assert_eq!(found, Trace::NotApplied, "{effect:?}");
                    }
                    send(&issues, &write).await.unwrap();
                }
            }
            assert!(holds(&issues, &asked).await, "{effect:?}");
            let mark = world.mark();
            send(&issues, &write).await.unwrap();
            let writes = world.asked(mark);
            assert!(
                writes.iter().all(|line| line.starts_with("GET ")),
                "{writes:?}"
            );
        }
    }
}

#[tokio::test]
async fn an_issue_is_reopened_and_a_revert_by_a_person_is_no_failure() {
    let world = World::new();
    let number = an_issue(&world);
    let issues = world.issues();
    let asked = request("k1", number, Effect::Reopen);
    assert!(holds(&issues, &asked).await);
    let now = world.now();
    world
        .hub()
        .close(REPO, number, "ada", Some("not_planned"), now)
        .unwrap();
    let write = opened(&issues, &asked).await;
    let sent = world.now();
    send(&issues, &write).await.unwrap();
    assert!(world.hub().issue(REPO, number).unwrap().open);
    world.tick();
    let now = world.now();
    world.hub().close(REPO, number, "ada", None, now).unwrap();
    let mut traces = issues.trace(&[effect_write(&write)], sent).await.unwrap();
    applied(traces.remove(0));
}

#[tokio::test]
async fn a_close_waits_for_the_merge() {
    let world = World::new();
    let number = an_issue(&world);
    let issues = world.issues();
    let effect = Effect::Close(Close {
        reason: CloseReason::Completed,
        after_merge: true,
    });
    let asked = request("k1", number, effect);
    assert_eq!(
        closed(&issues, &asked).await,
        "the issue has no pull request yet"
    );
    let open = Effect::OpenPull(OpenPull {
        closes: false,
        draft: false,
        ..OpenPull::default()
    });
    let ack = perform(&issues, &request("k2", number, open)).await;
    let asked = with_pull(asked, ack.links["pull"].clone());
    assert!(closed(&issues, &asked).await.contains("not merged yet"));
    let now = world.now();
    world
        .hub()
        .merge(REPO, 2, "ada", MergeMethod::Squash, now)
        .unwrap();
    perform(&issues, &asked).await;
    let seen = world.hub().issue(REPO, number).unwrap();
    assert_eq!(
        (seen.open, seen.state_reason.as_deref()),
        (false, Some("completed"))
    );
}

#[tokio::test]
async fn a_type_of_the_organisation_is_set_by_name() {
    let mut raw = serde_json::to_value(handbook()).unwrap();
    raw["accounts"][5]["issue_types"] = serde_json::json!(["Bug", "Task"]);
    for fault in [None, Some(Fault::DropBefore), Some(Fault::DropAfter)] {
        let world = World::of(serde_json::from_value(raw.clone()).unwrap());
        let number = an_issue(&world);
        // The timeline says nothing of types: only an issue that nobody touched since was not written.
        world.clock.advance(chrono::Duration::minutes(1));
        let issues = world.issues();
        let asked = request("k1", number, Effect::SetType("bug".to_owned()));
        let effect = opened(&issues, &asked).await;
        let lost = matches!(fault, Some(Fault::DropBefore));
        match fault {
            None => {
                send(&issues, &effect).await.unwrap();
            }
            Some(fault) => {
                world.fault("PATCH", "/issues/1", fault);
                send(&issues, &effect).await.unwrap_err();
                let traced = trace(&world, &issues, &effect).await;
                assert_eq!(matches!(traced, Trace::NotApplied), lost, "{traced:?}");
                send(&issues, &effect).await.unwrap();
            }
        }
        assert!(holds(&issues, &asked).await);
        let other = request("k2", number, Effect::SetType("Epic".to_owned()));
        let reason = refused(&issues, &other).await;
        assert!(reason.contains("use one of: Bug, Task"), "{reason}");
    }
}

#[tokio::test]
async fn what_does_not_exist_is_refused_with_the_remedy() {
    let world = World::new();
    let number = an_issue(&world);
    let issues = world.issues();
    let many: Vec<String> = (0..11).map(|n| format!("p{n}")).collect();
    for (effect, said) in [
        (Effect::SetMilestone("v9".to_owned()), "create it on GitHub"),
        (
            Effect::SetAssignees(names(&["ada", "stranger"])),
            "stranger cannot be assigned",
        ),
        (
            Effect::SetAssignees(many.into_iter().collect()),
            "leave some out",
        ),
        (Effect::SetType("Bug".to_owned()), "no issue types"),
    ] {
        let reason = refused(&issues, &request("k1", number, effect)).await;
        assert!(reason.contains(said), "{reason}");
    }
    let reader = world.client_of("github_pat_mallory");
    let reader = GithubIssues::new(reader, &[(REPO, None)]).unwrap();
    let effect = Effect::AddLabels(names(&["bug"]));
    let reason = refused(&reader, &request("k1", number, effect)).await;
    assert!(reason.contains("issues: write"), "{reason}");
}

#[tokio::test]
async fn a_comment_is_written_once() {
    let world = World::new();
    let number = an_issue(&world);
    let issues = world.issues();
    let note = |on, text: &str| {
        let text = text.to_owned();
        Effect::Comment(Note { text, on })
    };
    let asked = request("k1", number, note(NotePlace::Pull, "x"));
    assert_eq!(
        closed(&issues, &asked).await,
        "the issue has no pull request yet"
    );
    let reason = refused(&issues, &request("k1", number, note(NotePlace::Issue, " "))).await;
    assert!(reason.contains("text"), "{reason}");
    let asked = request(
        "k1",
        number,
        note(NotePlace::Issue, "{title} is {value}: {page} (#{number})"),
    );
    let effect = opened(&issues, &asked).await;
    assert_eq!(
        issues.kind(&Action::Effect(Box::new(effect.clone()))),
        WriteKind::UnnamedCreate
    );
    for fault in [Fault::DropBefore, Fault::DropAfter] {
        let lost = fault == Fault::DropAfter;
        world.fault("POST", "/comments", fault);
        send(&issues, &effect).await.unwrap_err();
        let found = trace(&world, &issues, &effect).await;
        if lost {
            assert!(applied(found).notes.contains_key("comment"));
        } else {
            assert_eq!(found, Trace::NotApplied);
        }
    }
    let comments = world.hub().issue(REPO, number).unwrap().comments;
    assert_eq!(comments.len(), 1);
    assert_eq!(
        comments[0].1,
        "<!-- notion-sync op: k1 -->\nRewrite the guide is Done: https://www.notion.so/page-1 (#1)"
    );
}

#[tokio::test]
async fn a_workflow_that_is_missing_is_said_so() {
    let world = World::new();
    let number = an_issue(&world);
    let issues = world.issues();
    let effect = Effect::Dispatch(Dispatch {
        workflow: "none.yml".to_owned(),
        reference: None,
        inputs: (0..26).map(|n| (format!("i{n}"), String::new())).collect(),
    });
    let reason = refused(&issues, &request("k1", number, effect)).await;
    assert!(reason.contains("leave some out"), "{reason}");
    let effect = Effect::Dispatch(Dispatch {
        workflow: "none.yml".to_owned(),
        reference: None,
        inputs: [].into(),
    });
    let write = opened(&issues, &request("k1", number, effect)).await;
    assert_eq!(write.decided["ref"], "main");
    let error = send(&issues, &write).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
}

#[tokio::test]
async fn pull_requests_that_changed_are_named_by_listings() {
    let world = World::new();
    let number = an_issue(&world);
    let issues = world.issues();
    let first = list(&issues, None, false).await;
    assert!(first.touched.is_empty());
    let open = request("k1", number, Effect::OpenPull(OpenPull::default()));
    perform(&issues, &open).await;
    world.tick();
    let second = list(&issues, Some(first.cursor), false).await;
    let names: Vec<_> = second.touched.iter().map(|(object, _)| object).collect();
    assert_eq!(names, [&reference::pull(REPO_ID, 2)]);
    assert!(second.touched[0].1 <= world.now());
    assert!(second.items.iter().all(|item| item.object.kind == "issue"));
}

#[tokio::test]
async fn an_effect_on_what_is_no_issue_is_refused() {
    let world = World::new();
    let number = an_issue(&world);
    let issues = world.issues();
    let open = request("k1", number, Effect::OpenPull(OpenPull::default()));
    perform(&issues, &open).await;
    // The number of the pull request, as if it were an issue.
    for effect in [
        close(CloseReason::Completed),
        Effect::OpenPull(OpenPull::default()),
    ] {
        let gate = issues.gate(&request("k2", 2, effect)).await.unwrap();
        assert!(matches!(gate, Gate::Refused(_)), "{gate:?}");
    }
    // A write without what a gate decides sends nothing.
    let bare = notion_sync_core::effect::EffectWrite {
        request: request("k3", number, Effect::MarkReady),
        pull: None,
        head: None,
        decided: [].into(),
    };
    let sent = write("k3", Action::Effect(Box::new(bare)));
    let error = crate::support::one(&issues, sent).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Stale);
}

#[tokio::test]
async fn a_locked_conversation_is_closed_to_strangers() {
    let world = crate::effects_hands::world(&serde_json::json!({}));
    let note = |op: &str| {
        let note = Note {
            text: "Done".to_owned(),
            on: NotePlace::Issue,
        };
        request(op, 1, Effect::Comment(note))
    };
    let stranger = world.client_of("github_pat_mallory");
    let stranger = GithubIssues::new(stranger, &[(REPO, None)]).unwrap();
    perform(&stranger, &note("k1")).await;
    let path = format!("/repositories/{REPO_ID}/issues/1/lock");
    let method = http::Method::PUT;
    let body = serde_json::json!({});
    let (status, _) =
        crate::effects_hands::raw(&world, "github_pat_owner", method, &path, body).await;
    assert_eq!(status, 204);
    let reason = refused(&stranger, &note("k2")).await;
    assert!(reason.contains("unlock it"), "{reason}");
    perform(&world.issues(), &note("k3")).await;
}
