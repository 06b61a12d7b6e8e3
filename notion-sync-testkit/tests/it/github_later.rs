//! Merges that happen later: by themselves, in a queue, in the background. And dispatches.

use chrono::Duration;
use notion_sync_testkit::github::{Conclusion, QueueOutcome};
use serde_json::{Value, json};

use crate::github_checks::{R, checked_world, tip};
use crate::github_mergeability::{check, commit, review, status};
use crate::github_support::{Client, NEW, OLD};

const ENABLE: &str = "mutation($i:EnablePullRequestAutoMergeInput!){enablePullRequestAutoMerge(input:$i){actor{login} pullRequest{autoMergeRequest{enabledAt mergeMethod enabledBy{login}}}}}";
const DISABLE: &str = "mutation($i:DisablePullRequestAutoMergeInput!){disablePullRequestAutoMerge(input:$i){pullRequest{autoMergeRequest{mergeMethod}}}}";
const ENQUEUE: &str = "mutation($i:EnqueuePullRequestInput!){enqueuePullRequest(input:$i){clientMutationId mergeQueueEntry{id state position headCommit{oid} pullRequest{number}}}}";
const DEQUEUE: &str = "mutation($i:DequeuePullRequestInput!){dequeuePullRequest(input:$i){mergeQueueEntry{position}}}";
const STANDING: &str = "query($n:Int!){repository(owner:\"acme\",name:\"handbook\"){autoMergeAllowed pullRequest(number:$n){state isInMergeQueue isMergeQueueEnabled autoMergeRequest{mergeMethod} mergeQueueEntry{state position}}}}";

fn build() -> Value {
    json!({"include": ["main"], "rules": [{"type": "required_status_checks", "checks": [{"context": "build"}]}]})
}

fn node(client: &mut Client, number: u64) -> Value {
    client.get(&format!("{R}/pulls/{number}")).expect(200)["node_id"].clone()
}

fn pull(client: &mut Client, number: u64) -> Value {
    client.graphql(STANDING, json!({"n": number}))["data"]["repository"]["pullRequest"].clone()
}

fn failure(answer: &Value) -> &str {
    answer["errors"][0]["message"].as_str().unwrap_or_default()
}

#[test]
fn auto_merge_is_only_for_what_cannot_be_merged_yet() {
    let mut client = Client::of(checked_world(json!({"rulesets": [build()]})));
    crate::github_pulls::open(&mut client);
    let id = node(&mut client, 1);
    let input = json!({"i": {"pullRequestId": id, "mergeMethod": "SQUASH"}});
    let refused = client.graphql(ENABLE, input.clone());
    assert!(failure(&refused).contains("Auto merge is not allowed for this repository"));
    client
        .send("PATCH", R, json!({"allow_auto_merge": true}))
        .expect(200);
    for (name, value, message) in [
        (
            "expectedHeadOid",
            json!("1".repeat(40)),
            "Head branch was modified",
        ),
        ("mergeMethod", json!("OCTOPUS"), "invalid value"),
    ] {
        let mut input = input.clone();
        input["i"][name] = value;
        let refused = client.graphql(ENABLE, input);
        assert!(failure(&refused).contains(message), "{refused}");
    }
    client.as_user("ghp_mallory");
    let refused = client.graphql(ENABLE, input.clone());
    assert_eq!(refused["errors"][0]["type"], "FORBIDDEN");
    client.as_user("ghp_ada");
    for (conclusion, state) in [
        (Conclusion::Success, "clean"),
        (Conclusion::Failure, "unstable"),
    ] {
        check(&mut client, "build", "ci", Some(Conclusion::Success));
        check(&mut client, "lint", "ci", Some(conclusion));
        let refused = client.graphql(ENABLE, input.clone());
        assert!(
            failure(&refused).contains(&format!("Pull request is in {state} status")),
            "{refused}"
        );
    }
    client
        .send("PATCH", &format!("{R}/pulls/1"), json!({"state": "closed"}))
        .expect(200);
    let refused = client.graphql(ENABLE, input);
    assert!(failure(&refused).contains("closed"), "{refused}");
}

#[test]
fn a_pull_request_merges_by_itself_once_everything_is_there() {
    // What is missing, and what brings it.
    type Act = fn(&mut Client);
    let acts: [(&str, Value, Act, Act); 5] = [
        (
            "check",
            json!({"rulesets": [build()]}),
            |_| {},
            |client| {
                check(client, "build", "ci", Some(Conclusion::Success));
            },
        ),
        (
            "status",
            json!({"rulesets": [build()]}),
            |client| status(client, "build", "failure"),
            |client| {
                status(client, "build", "success");
            },
        ),
        (
            "review",
            json!({"rulesets": [{"include": ["main"], "rules": [{"type": "pull_request", "approvals": 1}]}]}),
            |_| {},
            |client| review(client, "ghp_bob", "APPROVE"),
        ),
        (
            "push",
            json!({}),
            |client| commit(client, "main", "docs/new.md", "new"),
            |client| {
                commit(client, "topic", "docs/new.md", "new");
            },
        ),
        (
            "ready for review",
            json!({}),
            |client| {
                let id = node(client, 1);
                client.graphql("mutation($i:ConvertPullRequestToDraftInput!){convertPullRequestToDraft(input:$i){pullRequest{isDraft}}}", json!({"i": {"pullRequestId": id}}));
            },
            |client| {
                let id = node(client, 1);
                client.graphql("mutation($i:MarkPullRequestReadyForReviewInput!){markPullRequestReadyForReview(input:$i){pullRequest{isDraft}}}", json!({"i": {"pullRequestId": id}}));
            },
        ),
    ];
    for (name, mut handbook, before, then) in acts {
        handbook["allow_auto_merge"] = true.into();
        let mut client = Client::of(checked_world(handbook));
        crate::github_pulls::open(&mut client);
        before(&mut client);
        let (id, head) = (node(&mut client, 1), tip(&client, "topic"));
        let enabled = client.graphql(ENABLE, json!({"i": {"pullRequestId": id, "mergeMethod": "SQUASH", "expectedHeadOid": head, "commitHeadline": "By itself"}}));
        let wish =
            &enabled["data"]["enablePullRequestAutoMerge"]["pullRequest"]["autoMergeRequest"];
        assert_eq!(
            (&wish["mergeMethod"], &wish["enabledBy"]["login"]),
            (&json!("SQUASH"), &json!("Ada")),
            "{name}: {enabled}"
        );
        let shown = client.get(&format!("{R}/pulls/1")).expect(200);
        assert_eq!(
            (&shown["merged"], &shown["auto_merge"]["merge_method"]),
            (&json!(false), &json!("squash")),
            "{name}"
        );
        // Taken back, nothing happens; wished again, it does.
        let disabled = client.graphql(DISABLE, json!({"i": {"pullRequestId": id}}));
        assert_eq!(
            disabled["data"]["disablePullRequestAutoMerge"]["pullRequest"]["autoMergeRequest"],
            Value::Null
        );
        assert!(!failure(&client.graphql(DISABLE, json!({"i": {"pullRequestId": id}}))).is_empty());
        client.graphql(ENABLE, json!({"i": {"pullRequestId": id, "mergeMethod": "SQUASH", "commitHeadline": "By itself"}}));
        then(&mut client);
        let shown = client.get(&format!("{R}/pulls/1")).expect(200);
        assert_eq!(
            (&shown["merged"], &shown["merged_by"]["login"]),
            (&json!(true), &json!("Ada")),
            "{name}"
        );
        let commits = client
            .emulator
            .commits("acme/handbook", "main")
            .expect("commits");
        assert_eq!(
            commits[0].message.lines().next(),
            Some("By itself"),
            "{name}"
        );
    }
}

fn queue_world() -> Client {
    let mut client = Client::of(checked_world(json!({
        "allow_auto_merge": true,
        "branches": {"topic": {"docs/new.md": "new\n"}, "second": {"docs/second.md": "2\n"}, "third": {"docs/new.md": "other\n"}},
        "rulesets": [{"include": ["main"], "rules": [
            {"type": "merge_queue", "merge_method": "squash"},
            {"type": "required_status_checks", "checks": [{"context": "build"}]}]}],
    })));
    for head in ["topic", "second", "third"] {
        client
            .send(
                "POST",
                &format!("{R}/pulls"),
                json!({"title": head, "head": head, "base": "main"}),
            )
            .expect(201);
        green(&mut client, head);
    }
    client
}

fn green(client: &mut Client, at: &str) {
    report(client, at, Conclusion::Success);
}

fn report(client: &mut Client, at: &str, conclusion: Conclusion) {
    let form = notion_sync_testkit::github::CheckForm {
        at: at.to_owned(),
        name: "build".to_owned(),
        conclusion: Some(conclusion),
        app: Some("ci".to_owned()),
        ..Default::default()
    };
    let now = client.now;
    client
        .emulator
        .report_check("acme/handbook", &form, now)
        .expect("a check run");
}

fn enqueue(client: &mut Client, number: u64) -> Value {
    let id = node(client, number);
    client.graphql(
        ENQUEUE,
        json!({"i": {"pullRequestId": id, "clientMutationId": "op"}}),
    )
}

#[test]
fn a_queue_merges_in_order_when_the_checks_of_its_commits_are_green() {
    let mut client = queue_world();
    let old = tip(&client, "main");
    let first = enqueue(&mut client, 1);
    let entry = &first["data"]["enqueuePullRequest"]["mergeQueueEntry"];
    assert_eq!(
        (
            &entry["state"],
            &entry["position"],
            &entry["pullRequest"]["number"]
        ),
        (&json!("AWAITING_CHECKS"), &json!(1), &json!(1)),
        "{first}"
    );
    assert!(failure(&enqueue(&mut client, 1)).contains("already"));
    enqueue(&mut client, 2);
    assert_eq!(
        pull(&mut client, 2),
        json!({"state": "OPEN", "isInMergeQueue": true, "isMergeQueueEnabled": true, "autoMergeRequest": null,
               "mergeQueueEntry": {"state": "AWAITING_CHECKS", "position": 2}})
    );
    let groups: Vec<String> = client
        .emulator
        .branches("acme/handbook")
        .expect("branches")
        .into_keys()
        .filter(|name| name.starts_with("gh-readonly-queue/main/pr-"))
        .collect();
    assert_eq!(groups.len(), 2);
    let first_commit = entry["headCommit"]["oid"]
        .as_str()
        .expect("a commit")
        .to_owned();
    // The second is green before the first: it has to wait.
    let second = groups
        .iter()
        .find(|name| name.contains("pr-2-"))
        .expect("its branch");
    green(&mut client, second);
    assert_eq!(tip(&client, "main"), old);
    green(&mut client, &first_commit);
    for number in [1, 2] {
        assert_eq!(pull(&mut client, number)["state"], "MERGED");
    }
    let commits = client
        .emulator
        .commits("acme/handbook", "main")
        .expect("commits");
    assert_eq!(commits.len(), 3);
    assert_eq!(commits[1].sha.to_string(), first_commit);
    assert!(
        !client
            .emulator
            .branches("acme/handbook")
            .expect("branches")
            .keys()
            .any(|name| name.starts_with("gh-readonly-queue"))
    );
}

#[test]
fn what_fails_or_conflicts_leaves_the_queue() {
    let mut client = queue_world();
    enqueue(&mut client, 1);
    // It conflicts with the one before it, so it is not taken.
    enqueue(&mut client, 3);
    assert_eq!(pull(&mut client, 3)["isInMergeQueue"], false);
    enqueue(&mut client, 2);
    let group = |client: &Client, number: u64| {
        let branches = client.emulator.branches("acme/handbook").expect("branches");
        let wanted = format!("/pr-{number}-");
        branches
            .into_keys()
            .find(|name| name.contains(&wanted))
            .expect("a branch")
    };
    let before = group(&client, 2);
    let failing = group(&client, 1);
    report(&mut client, &failing, Conclusion::Failure);
    assert_eq!(
        (
            &pull(&mut client, 1)["isInMergeQueue"],
            &pull(&mut client, 1)["state"]
        ),
        (&json!(false), &json!("OPEN"))
    );
    // The one behind it stands on the base now.
    assert_ne!(group(&client, 2), before);
    assert_eq!(pull(&mut client, 2)["mergeQueueEntry"]["position"], 1);
    let now = client.now;
    client
        .emulator
        .settle_queue("acme/handbook", "main", QueueOutcome::Merge, now)
        .expect("merged");
    assert_eq!(pull(&mut client, 2)["state"], "MERGED");
    client
        .emulator
        .settle_queue("acme/handbook", "main", QueueOutcome::Merge, now)
        .expect_err("empty");
    enqueue(&mut client, 1);
    client
        .emulator
        .settle_queue("acme/handbook", "main", QueueOutcome::Fail, now)
        .expect("taken out");
    assert_eq!(pull(&mut client, 1)["isInMergeQueue"], false);
    enqueue(&mut client, 1);
    let id = node(&mut client, 1);
    let gone = client.graphql(DEQUEUE, json!({"i": {"id": id}}));
    assert_eq!(
        gone["data"]["dequeuePullRequest"]["mergeQueueEntry"]["position"],
        1
    );
    assert!(!failure(&client.graphql(DEQUEUE, json!({"i": {"id": id}}))).is_empty());
    // A push takes it out as well.
    enqueue(&mut client, 1);
    commit(&mut client, "topic", "docs/more.md", "more");
    assert_eq!(pull(&mut client, 1)["isInMergeQueue"], false);
    assert!(
        failure(&enqueue(&mut client, 1)).contains("Required status check \"build\" is expected.")
    );
    // With a wish it queues itself once it is green.
    let input = json!({"i": {"pullRequestId": id}});
    client.graphql(ENABLE, input);
    green(&mut client, "topic");
    assert_eq!(pull(&mut client, 1)["isInMergeQueue"], true);
}

#[test]
fn a_merge_in_the_background_is_asked_about_by_its_uuid() {
    let mut client = Client::with_settings(json!({"async_merge_polls": 1}));
    crate::github_pulls::open(&mut client);
    let path = format!("{R}/pulls/1/merge-async");
    let sha = tip(&client, "topic");
    let asked = client
        .send("PUT", &path, json!({"merge_method": "squash", "sha": sha}))
        .expect(202);
    let uuid = asked["details"]["uuid"]
        .as_str()
        .expect("a uuid")
        .to_owned();
    assert_eq!(
        (
            &asked["status"],
            &asked["details"]["expected_head_sha"],
            &asked["details"]["merge_action"]
        ),
        (&json!("pending"), &json!(sha), &json!("default"))
    );
    let again = client.send("PUT", &path, json!({})).expect(409);
    assert_eq!(again["details"]["uuid"], uuid.as_str());
    let poll = format!("{path}/{uuid}");
    assert_eq!(client.get(&poll).expect(200)["status"], "pending");
    let done = client.get(&poll).expect(200);
    assert_eq!(
        (&done["status"], &done["details"]["sha"]),
        (&json!("merged"), &json!(tip(&client, "main")))
    );
    let merged = client.send("PUT", &path, json!({})).expect(200);
    assert_eq!(merged["status"], "merged");
    client
        .get(&format!("{R}/pulls/2/merge-async/{uuid}"))
        .expect(404);
    client.now += Duration::hours(25);
    client.get(&poll).expect(404);
}

#[test]
fn a_merge_in_the_background_meets_the_rules_there() {
    let mut client = Client::of(checked_world(json!({"rulesets": [build()]})));
    crate::github_pulls::open(&mut client);
    let path = format!("{R}/pulls/1/merge-async");
    let uuid = |asked: &Value| {
        asked["details"]["uuid"]
            .as_str()
            .expect("a uuid")
            .to_owned()
    };
    let asked = client.send("PUT", &path, json!({})).expect(202);
    let failed = client.get(&format!("{path}/{}", uuid(&asked))).expect(200);
    assert_eq!(failed["status"], "failed");
    assert!(
        failed["details"]["message"]
            .as_str()
            .expect("text")
            .contains("\"build\" is expected")
    );
    for (body, status) in [
        (json!({"merge_action": "sideways"}), 422),
        (json!({"merge_method": "octopus"}), 422),
        (json!({"sha": "x"}), 422),
    ] {
        client.send("PUT", &path, body).expect(status);
    }
    client
        .as_user("ghp_mallory")
        .send("PUT", &path, json!({}))
        .expect(403);
    client
        .as_user("ghp_ada")
        .send("PATCH", &format!("{R}/pulls/1"), json!({"state": "closed"}))
        .expect(200);
    assert_eq!(
        client.send("PUT", &path, json!({})).expect(400),
        json!({"status": "failed", "details": {"message": "Pull request is closed."}})
    );

    let mut client = queue_world();
    let asked = client
        .send("PUT", &path, json!({"merge_action": "direct_merge"}))
        .expect(202);
    let failed = client.get(&format!("{path}/{}", uuid(&asked))).expect(200);
    assert!(
        failed["details"]["message"]
            .as_str()
            .expect("text")
            .contains("merge queue")
    );
    let asked = client.send("PUT", &path, json!({})).expect(202);
    assert_eq!(
        client.get(&format!("{path}/{}", uuid(&asked))).expect(200)["status"],
        "enqueued"
    );
    assert_eq!(
        client.send("PUT", &path, json!({})).expect(200)["status"],
        "enqueued"
    );
}

#[test]
fn dispatches_are_kept_for_reading() {
    for version in [OLD, NEW] {
        let mut client = Client::of(checked_world(json!({"files": {
            ".github/workflows/sync.yml": "name: 'Sync'\non:\n  workflow_dispatch:\n    inputs: {}\n",
            ".github/workflows/push.yml": "on: push # not workflow_dispatch\n",
            "README.md": "r",
        }})));
        client.version = version;
        let path = |file: &str| format!("{R}/actions/workflows/{file}/dispatches");
        for (file, body, status) in [
            ("sync.yml", json!({}), 422),
            ("sync.yml", json!({"ref": "nowhere"}), 422),
            ("push.yml", json!({"ref": "main"}), 422),
            ("gone.yml", json!({"ref": "main"}), 404),
            ("sync.yml", json!({"ref": "main", "inputs": []}), 422),
        ] {
            client.send("POST", &path(file), body).expect(status);
        }
        client
            .as_user("ghp_mallory")
            .send("POST", &path("sync.yml"), json!({"ref": "main"}))
            .expect(403);
        client
            .as_user("ghs_ci")
            .send("POST", &path("sync.yml"), json!({"ref": "main"}))
            .expect(403);
        let body = json!({"ref": "main", "inputs": {"full": "true"}});
        let answer = client
            .as_user("ghp_ada")
            .send("POST", &path("sync.yml"), body);
        assert_eq!(answer.status, if version == OLD { 204 } else { 200 });
        let body = json!({"ref": "topic", "return_run_details": true});
        let details = client.send("POST", &path("sync.yml"), body).expect(200);
        assert!(details["workflow_run_id"].is_u64());
        client
            .send("POST", &format!("{R}/dispatches"), json!({}))
            .expect(422);
        client
            .as_user("ghs_ci")
            .send(
                "POST",
                &format!("{R}/dispatches"),
                json!({"event_type": "page", "client_payload": {"id": 1}}),
            )
            .expect(204);
        let listed = client.get(&format!("{R}/actions/workflows")).expect(200);
        assert_eq!(listed["total_count"], 2);
        let number = &listed["workflows"][1];
        assert_eq!(
            (&number["name"], &number["path"]),
            (&json!("Sync"), &json!(".github/workflows/sync.yml"))
        );
        client
            .as_user("ghp_ada")
            .send(
                "POST",
                &path(&number["id"].to_string()),
                json!({"ref": "refs/heads/main", "return_run_details": true}),
            )
            .expect(200);
        let found = client.emulator.dispatches("acme/handbook").expect("a list");
        let found: Vec<(&str, &str, Option<&str>, &str)> = found
            .iter()
            .map(|one| {
                (
                    one.event,
                    one.name.as_str(),
                    one.reference.as_deref(),
                    one.login.as_str(),
                )
            })
            .collect();
        assert_eq!(
            found,
            [
                ("workflow_dispatch", "sync.yml", Some("main"), "Ada"),
                ("workflow_dispatch", "sync.yml", Some("topic"), "Ada"),
                ("repository_dispatch", "page", None, "ci[bot]"),
                (
                    "workflow_dispatch",
                    "sync.yml",
                    Some("refs/heads/main"),
                    "Ada"
                ),
            ]
        );
        let runs = |client: &mut Client, query: &str| {
            let path = format!("{R}/actions/workflows/sync.yml/runs?{query}");
            let listed = client.get(&path).expect(200);
            let runs = listed["workflow_runs"].as_array().expect("runs").clone();
            assert_eq!(listed["total_count"], runs.len());
            runs
        };
        let all = runs(&mut client, "event=workflow_dispatch");
        let on: Vec<&Value> = all.iter().map(|run| &run["head_branch"]).collect();
        assert_eq!(on, ["main", "topic", "main"], "newest first");
        assert_eq!(all[1]["id"], details["workflow_run_id"]);
        assert_eq!(all[0]["display_title"], "Sync");
        for (query, count) in [
            ("event=push", 0),
            ("branch=topic", 1),
            ("actor=ada", 3),
            ("actor=bob", 0),
            ("created=%3E%3D2020-01-01T00:00:00Z", 3),
            ("created=2020-01-01T00:00:00Z..2020-01-02T00:00:00Z", 0),
            ("created=2020-01-01T00:00:00Z..*", 3),
        ] {
            assert_eq!(runs(&mut client, query).len(), count, "{query}");
        }
        client
            .get(&format!("{R}/actions/workflows/gone.yml/runs"))
            .expect(404);
        let reply = client.reply("GET", "/_emulator/github/dispatches/acme/handbook", b"");
        let notion_sync_testkit::emulator::Reply::Answer { response, .. } = reply else {
            panic!("dropped")
        };
        let shown: Value = serde_json::from_slice(response.body()).expect("JSON");
        assert_eq!(
            (&shown[0]["payload"], &shown[0]["ref"]),
            (&json!({"full": "true"}), &json!("main"))
        );
    }
}
