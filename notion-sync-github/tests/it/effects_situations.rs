//! Situations of a pull request: what the gate answers, held against what the service does.

use http::Method;
use notion_sync_core::effect::{Effect, Gate, MergeMethod};
use notion_sync_core::remote::Remote as _;
use notion_sync_github::GithubIssues;
use notion_sync_testkit::github::{CheckStatus, Conclusion, StatusState};
use serde_json::{Value as Json, json};

use crate::effects_hands::*;
use crate::effects_support::*;
use crate::support::{REPO, REPO_ID, World};

/// What is expected of the gate.
#[derive(Debug, Clone, PartialEq)]
enum Expect {
    Open,
    /// Not yet; the reason holds this.
    Closed(&'static str),
    /// As `Closed`, although the service would merge.
    Stricter(&'static str),
    Refused(&'static str),
}
use Expect::{Closed, Open, Refused, Stricter};

type Prepare = fn(&World);

/// Situation, settings of the repository, what happens, what is asked for, what is expected.
fn table() -> Vec<(&'static str, Json, Prepare, Effect, Expect)> {
    use Conclusion::*;
    let of_app = |app: u64| {
        rules(&[required(
            &json!({"context": "build", "integration_id": app}),
        )])
    };
    let nothing: Prepare = |_| {};
    let green: Prepare = |world| check(world, "build", Success, Some("ci"));
    let mut table: Vec<(&'static str, Json, Prepare, Effect, Expect)> = vec![
        ("none required", json!({}), nothing, merge(), Open),
        (
            "none required, one red",
            json!({}),
            |w| check(w, "lint", Failure, None),
            merge(),
            Open,
        ),
        (
            "missing",
            build(),
            nothing,
            merge(),
            Closed("waits for build"),
        ),
        (
            "another is there",
            build(),
            |w| check(w, "test", Success, None),
            merge(),
            Closed("waits for build"),
        ),
        (
            "queued",
            build(),
            |w| running(w, "build", CheckStatus::Queued),
            merge(),
            Closed("waits for build"),
        ),
        (
            "in progress",
            build(),
            |w| running(w, "build", CheckStatus::InProgress),
            merge(),
            Closed("waits for build"),
        ),
        ("success", build(), green, merge(), Open),
        (
            "skipped",
            build(),
            |w| check(w, "build", Skipped, None),
            merge(),
            Open,
        ),
        (
            "neutral",
            build(),
            |w| check(w, "build", Neutral, None),
            merge(),
            Open,
        ),
        (
            "failure",
            build(),
            |w| check(w, "build", Failure, None),
            merge(),
            Closed("failed: build"),
        ),
        (
            "cancelled",
            build(),
            |w| check(w, "build", Cancelled, None),
            merge(),
            Closed("failed: build"),
        ),
        (
            "timed out",
            build(),
            |w| check(w, "build", TimedOut, None),
            merge(),
            Closed("failed: build"),
        ),
        (
            "stale",
            build(),
            |w| check(w, "build", Stale, None),
            merge(),
            Closed("failed: build"),
        ),
        (
            "action required",
            build(),
            |w| check(w, "build", ActionRequired, None),
            merge(),
            Closed("failed: build"),
        ),
        (
            "red, then run again",
            build(),
            |w| {
                check(w, "build", Failure, None);
                w.tick();
                check(w, "build", Success, None);
            },
            merge(),
            Open,
        ),
        (
            "red, running again",
            build(),
            |w| {
                check(w, "build", Failure, None);
                w.tick();
                running(w, "build", CheckStatus::InProgress);
            },
            merge(),
            Closed("waits for build"),
        ),
        (
            "red for one app",
            build(),
            |w| {
                check(w, "build", Failure, None);
                check(w, "build", Success, Some("ci"));
            },
            merge(),
            Closed("failed: build"),
        ),
        (
            "a green status",
            build(),
            |w| status(w, "build", StatusState::Success),
            merge(),
            Open,
        ),
        (
            "a red status",
            build(),
            |w| status(w, "build", StatusState::Failure),
            merge(),
            Closed("failed: build"),
        ),
        (
            "a broken status",
            build(),
            |w| status(w, "build", StatusState::Error),
            merge(),
            Closed("failed: build"),
        ),
        (
            "a pending status",
            build(),
            |w| status(w, "build", StatusState::Pending),
            merge(),
            Closed("waits for build"),
        ),
        (
            "a green check and a red status",
            build(),
            |w| {
                check(w, "build", Success, None);
                status(w, "build", StatusState::Failure);
            },
            merge(),
            Closed("failed: build"),
        ),
        (
            "a green check and a pending status",
            build(),
            |w| {
                check(w, "build", Success, None);
                status(w, "build", StatusState::Pending);
            },
            merge(),
            Closed("waits for build"),
        ),
        (
            "green on another head",
            build(),
            |w| {
                check(w, "build", Success, None);
                by_hand(w, "topic", "docs/new.md", "newer\n");
            },
            merge(),
            Closed("waits for build"),
        ),
        (
            "of another app",
            of_app(9),
            |w| check(w, "build", Success, None),
            merge(),
            Closed("waits for build"),
        ),
        ("of the app", of_app(9), green, merge(), Open),
        (
            "of the app, red of another",
            of_app(9),
            |w| {
                check(w, "build", Failure, None);
                check(w, "build", Success, Some("ci"));
            },
            merge(),
            Open,
        ),
        (
            "of the app, a status by a person",
            of_app(9),
            |w| status(w, "build", StatusState::Success),
            merge(),
            Closed("waits for build"),
        ),
        (
            "of an app, classic",
            classic(&json!({"checks": [{"context": "build", "app_id": 9}]})),
            green,
            merge(),
            Open,
        ),
        (
            "of another app, classic",
            classic(&json!({"checks": [{"context": "build", "app_id": 9}]})),
            |w| check(w, "build", Success, None),
            merge(),
            Closed("waits for build"),
        ),
        (
            "green on the merge alone",
            build(),
            |w| check_merge(w, "build", Some(Success), None),
            merge(),
            Open,
        ),
        (
            "green on the merge, red on the head",
            build(),
            |w| {
                check(w, "build", Failure, None);
                check_merge(w, "build", Some(Success), None);
            },
            merge(),
            Open,
        ),
        (
            "red on the merge, green on the head",
            build(),
            |w| {
                check(w, "build", Success, None);
                check_merge(w, "build", Some(Failure), None);
            },
            merge(),
            Closed("failed: build"),
        ),
        (
            "running on the merge, green on the head",
            build(),
            |w| {
                check(w, "build", Success, None);
                check_merge(w, "build", None, None);
            },
            merge(),
            Closed("waits for build"),
        ),
        (
            "a red status on the merge, a green check on the head",
            build(),
            |w| {
                check(w, "build", Success, None);
                status_merge(w, "build", StatusState::Failure);
            },
            merge(),
            Closed("failed: build"),
        ),
        (
            "a green status on the merge",
            build(),
            |w| status_merge(w, "build", StatusState::Success),
            merge(),
            Open,
        ),
        (
            "another on the merge, green on the head",
            build(),
            |w| {
                check(w, "build", Success, None);
                check_merge(w, "lint", Some(Failure), None);
            },
            merge(),
            Open,
        ),
        (
            "of the app on the head, red of another on the merge",
            of_app(9),
            |w| {
                check(w, "build", Success, Some("ci"));
                check_merge(w, "build", Some(Failure), None);
            },
            merge(),
            Open,
        ),
        (
            "of the app, on the merge",
            of_app(9),
            |w| check_merge(w, "build", Some(Success), Some("ci")),
            merge(),
            Open,
        ),
        (
            "green on the merge with an older base",
            build(),
            |w| {
                check_merge(w, "build", Some(Success), None);
                by_hand(w, "main", "other.md", "other\n");
            },
            merge(),
            Closed("waits for build"),
        ),
        (
            "red on the second page of the merge",
            build(),
            |w| {
                check(w, "build", Success, None);
                for n in 0..120 {
                    check_merge(w, &format!("other {n:03}"), Some(Success), None);
                }
                check_merge(w, "build", Some(Failure), None);
            },
            merge(),
            Closed("failed: build"),
        ),
        (
            "by a ruleset",
            rules(&[required(&json!({"context": "build"}))]),
            nothing,
            merge(),
            Closed("waits for build"),
        ),
        (
            "by a ruleset, green",
            rules(&[required(&json!({"context": "build"}))]),
            green,
            merge(),
            Open,
        ),
        (
            "a ruleset that only watches",
            json!({"rulesets": [{"include": ["main"], "enforcement": "evaluate",
            "rules": [required(&json!({"context": "build"}))]}]}),
            nothing,
            merge(),
            Open,
        ),
        (
            "a ruleset for others",
            json!({"rulesets": [{"include": ["release/*"],
            "rules": [required(&json!({"context": "build"}))]}]}),
            nothing,
            merge(),
            Open,
        ),
        (
            "behind, and nobody minds",
            build(),
            |w| {
                check(w, "build", Success, None);
                by_hand(w, "main", "other.md", "other\n");
            },
            merge(),
            Open,
        ),
        (
            "behind a strict base",
            classic(&json!({"required_checks": ["build"], "strict": true})),
            |w| {
                check(w, "build", Success, None);
                by_hand(w, "main", "other.md", "other\n");
            },
            merge(),
            Closed("update the branch"),
        ),
        (
            "changes requested",
            classic(&json!({"approvals": 1})),
            |w| review(w, "REQUEST_CHANGES"),
            merge(),
            Closed("changes were requested"),
        ),
        (
            "no approval",
            classic(&json!({"approvals": 1})),
            nothing,
            merge(),
            Closed("waits for an approval"),
        ),
        (
            "approved",
            classic(&json!({"approvals": 1})),
            |w| review(w, "APPROVE"),
            merge(),
            Open,
        ),
        (
            "no approval, by a ruleset",
            rules(&[json!({"type": "pull_request", "approvals": 1})]),
            nothing,
            merge(),
            Closed("waits for an approval"),
        ),
        (
            "approved, by a ruleset",
            rules(&[json!({"type": "pull_request", "approvals": 1})]),
            |w| review(w, "APPROVE"),
            merge(),
            Open,
        ),
        (
            "unsigned",
            rules(&[json!({"type": "required_signatures"})]),
            nothing,
            merge(),
            Closed("a rule of the repository blocks"),
        ),
        (
            "a draft",
            json!({}),
            |w| {
                let now = w.now();
                w.hub().set_draft(REPO, 2, "ada", true, now).unwrap();
            },
            merge(),
            Closed("is a draft"),
        ),
        (
            "a conflict",
            json!({}),
            |w| {
                by_hand(w, "main", "docs/new.md", "theirs\n");
            },
            merge(),
            Closed("has conflicts"),
        ),
        (
            "closed",
            json!({}),
            |w| {
                let now = w.now();
                w.hub().close(REPO, 2, "ada", None, now).unwrap();
            },
            merge(),
            Closed("closed without being merged"),
        ),
        (
            "a red drift",
            json!({}),
            |w| status(w, "notion-sync/drift", StatusState::Failure),
            merge(),
            Stricter("failed: notion-sync/drift"),
        ),
        (
            "changes requested, and nobody minds",
            json!({}),
            |w| review(w, "REQUEST_CHANGES"),
            merge(),
            Stricter("changes were requested"),
        ),
        (
            "a method the repository has not",
            json!({"merge_methods": ["rebase"]}),
            nothing,
            by(MergeMethod::Squash),
            Refused("use one of: rebase"),
        ),
        (
            "the method the repository has",
            json!({"merge_methods": ["rebase"]}),
            nothing,
            merge(),
            Open,
        ),
        (
            "a method the rules forbid",
            rules(&[json!({"type": "pull_request", "allowed_merge_methods": ["merge"]})]),
            nothing,
            by(MergeMethod::Squash),
            Refused("use one of: merge"),
        ),
        (
            "the method the rules leave",
            rules(&[json!({"type": "pull_request", "allowed_merge_methods": ["merge"]})]),
            nothing,
            merge(),
            Open,
        ),
        (
            "no method is left",
            {
                let mut all =
                    rules(&[json!({"type": "pull_request", "allowed_merge_methods": ["merge"]})]);
                all["merge_methods"] = json!(["squash"]);
                all
            },
            nothing,
            merge(),
            Refused("no method"),
        ),
        (
            "red on the second page",
            build(),
            |w| {
                for n in 0..120 {
                    check(w, &format!("other {n:03}"), Success, None);
                }
                status(w, "build", StatusState::Success);
                check(w, "build", Failure, Some("ci"));
            },
            merge(),
            Closed("failed: build"),
        ),
        (
            "green on the last page",
            build(),
            |w| {
                check(w, "build", Success, Some("ci"));
                for n in 0..120 {
                    check(w, &format!("other {n:03}"), Failure, None);
                }
            },
            merge(),
            Open,
        ),
    ];
    table.push((
        "both systems, one missing",
        {
            let mut both = build();
            both["rulesets"] = rules(&[required(&json!({"context": "lint"}))])["rulesets"].clone();
            both
        },
        green,
        merge(),
        Closed("waits for lint"),
    ));
    table
}

#[tokio::test]
async fn the_gate_is_open_exactly_where_the_service_merges() {
    let table = table();
    for token in ["github_pat_bot", "github_pat_owner", "github_pat_blind"] {
        for (name, settings, prepare, effect, expected) in &table {
            let world = world(settings);
            prepare(&world);
            rest(&world);
            let issues = GithubIssues::new(world.client_of(token), &[(REPO, None)]).unwrap();
            let asked = with_pull(request("k1", 1, effect.clone()), pull());
            let gate = issues.gate(&asked).await.unwrap();
            let place = format!("{name} by {token}: {gate:?}");
            match (&gate, expected) {
                (Gate::Open(write), Open) => {
                    assert_eq!(write.pull, Some(pull()), "{place}");
                    assert_eq!(write.head, Some(head(&world)), "{place}");
                    send(&issues, write).await.unwrap();
                    assert!(merged(&world), "{place}");
                    assert!(matches!(
                        issues.gate(&asked).await.unwrap(),
                        Gate::Holds { .. }
                    ));
                    continue;
                }
                (Gate::Closed { reason, .. }, Closed(said) | Stricter(said))
                | (Gate::Refused(reason), Refused(said)) => {
                    assert!(reason.contains(said), "{place}");
                }
                _ => panic!("{place}"),
            }
            let method = match effect {
                Effect::Merge(merge) => merge.method.map_or("squash", |_| "squash"),
                _ => unreachable!(),
            };
            let path = format!("/repositories/{REPO_ID}/pulls/2/merge");
            let body = json!({"sha": head(&world), "merge_method": method});
            let (status, answer) = raw(&world, token, Method::PUT, &path, body).await;
            let accepts = matches!(expected, Stricter(_));
            assert_eq!(status == 200, accepts, "{place} {answer}");
        }
    }
}
