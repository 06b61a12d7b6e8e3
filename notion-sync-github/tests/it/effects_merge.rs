//! Merging: what the gate answers in every situation, held against what the service itself does.

use http::Method;
use notion_sync_core::effect::{Effect, Gate, Merge, MergeMethod};
use notion_sync_core::id::RemoteRef;
use notion_sync_core::remote::{Action, Remote as _, Trace, WriteKind};
use notion_sync_core::{ErrorKind, Retry};
use notion_sync_github::{GithubIssues, reference};
use notion_sync_testkit::emulator::{Emulator as _, Fault, FaultRule};
use notion_sync_testkit::github::{CheckForm, CheckStatus, Conclusion, QueueOutcome, StatusState};
use serde_json::{Value as Json, json};

use crate::effects_support::*;
use crate::support::{REPO, REPO_ID, World, handbook, pull_form};

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

fn ci() -> Json {
    json!({"id": 9, "slug": "ci", "permissions": {"checks": "write", "metadata": "read"},
           "installations": [{"id": 90, "account": "acme"}]})
}

/// The handbook with some settings of its repository, an issue and a pull request for it.
pub(crate) fn world(settings: &Json) -> World {
    let mut seed = serde_json::to_value(handbook()).unwrap();
    seed["apps"].as_array_mut().unwrap().push(ci());
    let tokens = seed["tokens"].as_array_mut().unwrap();
    tokens.push(json!({"token": "github_pat_owner", "login": "ada"}));
    tokens.push(
        json!({"token": "github_pat_blind", "login": "bot", "permissions": {
        "contents": "write", "pull_requests": "write", "issues": "write"}}),
    );
    for (name, value) in settings.as_object().unwrap() {
        seed["repositories"][0][name] = value.clone();
    }
    let world = World::of(serde_json::from_value(seed).unwrap());
    assert_eq!(an_issue(&world), 1);
    by_hand(&world, "topic", "docs/new.md", "new\n");
    let form = notion_sync_testkit::github::PullForm {
        body: Some("Closes #1"),
        ..pull_form("Topic", "topic")
    };
    let now = world.now();
    assert_eq!(world.hub().open_pull(REPO, "ada", &form, now).unwrap(), 2);
    world
}

fn pull() -> RemoteRef {
    reference::pull(REPO_ID, 2)
}

fn merge() -> Effect {
    Effect::Merge(Merge::default())
}

fn by(method: MergeMethod) -> Effect {
    Effect::Merge(Merge {
        method: Some(method),
        ready: false,
    })
}

/// Lets what just happened come to rest.
fn rest(world: &World) {
    world.clock.advance(chrono::Duration::minutes(2));
}

fn check(world: &World, name: &str, end: Conclusion, app: Option<&str>) {
    let form = CheckForm {
        at: "topic".to_owned(),
        name: name.to_owned(),
        status: CheckStatus::Completed,
        conclusion: Some(end),
        app: app.map(str::to_owned),
    };
    let now = world.now();
    world.hub().report_check(REPO, &form, now).unwrap();
}

fn running(world: &World, name: &str, status: CheckStatus) {
    let form = CheckForm {
        at: "topic".to_owned(),
        name: name.to_owned(),
        status,
        ..CheckForm::default()
    };
    let now = world.now();
    world.hub().report_check(REPO, &form, now).unwrap();
}

fn status(world: &World, context: &str, state: StatusState) {
    let now = world.now();
    world
        .hub()
        .report_status(REPO, "topic", context, state, "bob", now)
        .unwrap();
}

fn review(world: &World, state: &str) {
    let now = world.now();
    world
        .hub()
        .review(REPO, 2, "bob", state, "Looked", now)
        .unwrap();
}

fn head(world: &World) -> String {
    let seen = world.hub().issue(REPO, 2).unwrap();
    seen.pull.unwrap().head_sha.to_string()
}

fn merged(world: &World) -> bool {
    world.hub().issue(REPO, 2).unwrap().pull.unwrap().merged
}

/// Asks the service itself, past the adapter.
async fn raw(world: &World, token: &str, method: Method, path: &str, body: Json) -> (u16, Json) {
    let request = http::Request::builder()
        .method(method)
        .uri(format!("https://api.github.com{path}"))
        .header("authorization", format!("Bearer {token}"))
        .header("user-agent", "test")
        .header("x-github-api-version", "2026-03-10")
        .body(bytes(&body))
        .unwrap();
    let response = world.send().send(request).await.unwrap();
    let status = response.status().as_u16();
    let body = serde_json::from_slice(response.body()).unwrap_or_default();
    (status, body)
}

fn bytes(body: &Json) -> bytes::Bytes {
    bytes::Bytes::from(body.to_string())
}

async fn graphql(world: &World, query: &str, variables: Json) -> Json {
    let body = json!({"query": query, "variables": variables});
    let (status, answer) = raw(world, "github_pat_owner", Method::POST, "/graphql", body).await;
    assert_eq!(status, 200);
    assert!(answer.get("errors").is_none(), "{answer}");
    answer
}

async fn node(world: &World) -> String {
    let path = format!("/repositories/{REPO_ID}/pulls/2");
    let (_, seen) = raw(world, "github_pat_owner", Method::GET, &path, Json::Null).await;
    seen["node_id"].as_str().unwrap().to_owned()
}

fn classic(checks: &Json) -> Json {
    json!({"protected_branches": {"main": checks}})
}

fn build() -> Json {
    classic(&json!({"required_checks": ["build"]}))
}

fn rules(rules: &[Json]) -> Json {
    json!({"rulesets": [{"include": ["~DEFAULT_BRANCH"], "rules": rules}]})
}

fn required(check: &Json) -> Json {
    json!({"type": "required_status_checks", "checks": [check]})
}

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
