//! Statuses, check runs and suites.

use notion_sync_testkit::github::{CheckForm, CheckStatus, Conclusion, GithubWorld, StatusState};
use serde_json::{Value, json};

use crate::github_support::{Client, world};

pub(crate) const R: &str = "/repos/acme/handbook";

/// The usual world with two apps that check, `ci` (8) and `other` (9), and more in its handbook.
pub(crate) fn checked_world(handbook: Value) -> GithubWorld {
    let mut seed = serde_json::to_value(world()).expect("a world");
    for (id, slug, token) in [(8, "ci", "ghs_ci"), (9, "other", "ghs_other")] {
        seed["apps"].as_array_mut().expect("apps").push(json!({
            "id": id, "slug": slug,
            "permissions": {"checks": "write", "statuses": "write", "contents": "write",
                            "pull_requests": "write", "metadata": "read"},
            "installations": [{"id": id * 10, "account": "acme"}],
        }));
        seed["tokens"]
            .as_array_mut()
            .expect("tokens")
            .push(json!({"token": token, "installation": id * 10}));
    }
    for (name, value) in handbook.as_object().expect("an object") {
        seed["repositories"][0][name] = value.clone();
    }
    serde_json::from_value(seed).expect("a valid world")
}

pub(crate) fn tip(client: &Client, branch: &str) -> String {
    client.emulator.branches("acme/handbook").expect("branches")[branch].to_string()
}

#[test]
fn the_newest_status_of_every_context_makes_the_combined_one() {
    let mut client = Client::of(checked_world(json!({})));
    let sha = tip(&client, "topic");
    let empty = client.get(&format!("{R}/commits/topic/status")).expect(200);
    assert_eq!(
        (&empty["state"], &empty["total_count"]),
        (&json!("pending"), &json!(0))
    );
    for (token, body, combined) in [
        ("ghp_bob", json!({"state": "pending"}), "pending"),
        (
            "ghp_bob",
            json!({"state": "success", "context": "lint", "description": "fine", "target_url": "https://x/y"}),
            "pending",
        ),
        ("ghs_ci", json!({"state": "success"}), "success"),
        (
            "ghs_ci",
            json!({"state": "error", "context": "lint"}),
            "failure",
        ),
        (
            "ghs_ci",
            json!({"state": "failure", "context": "lint"}),
            "failure",
        ),
    ] {
        client.tick(1);
        client
            .as_user(token)
            .send("POST", &format!("{R}/statuses/{sha}"), body)
            .expect(201);
        let found = client.get(&format!("{R}/commits/{sha}/status")).expect(200);
        assert_eq!(found["state"], combined);
    }
    let found = client.get(&format!("{R}/commits/topic/status")).expect(200);
    assert_eq!(
        (&found["total_count"], &found["sha"]),
        (&json!(2), &json!(sha))
    );
    let all = client
        .get(&format!("{R}/commits/topic/statuses"))
        .expect(200);
    assert_eq!(
        all.as_array()
            .expect("a list")
            .iter()
            .map(|status| (status["context"].as_str(), status["state"].as_str()))
            .collect::<Vec<_>>(),
        [
            (Some("lint"), Some("failure")),
            (Some("lint"), Some("error")),
            (Some("default"), Some("success")),
            (Some("lint"), Some("success")),
            (Some("default"), Some("pending")),
        ]
    );
    assert_eq!(all[0]["creator"]["login"], "ci[bot]");
    assert_eq!(all[3]["description"], "fine");
    // Another commit has nothing of it.
    let other = client.get(&format!("{R}/commits/main/status")).expect(200);
    assert_eq!(other["total_count"], 0);
}

#[test]
fn statuses_are_refused_without_a_right_or_a_commit() {
    let mut client = Client::of(checked_world(json!({})));
    let sha = tip(&client, "topic");
    let path = format!("{R}/statuses/{sha}");
    for (token, status) in [
        ("ghp_mallory", 403),
        ("ghs_bot", 403),
        ("github_pat_narrow", 403),
        ("ghp_bob", 201),
    ] {
        let answer = client
            .as_user(token)
            .send("POST", &path, json!({"state": "success"}));
        assert_eq!(answer.status, status, "{token}");
        if status == 403 && token == "ghs_bot" {
            assert_eq!(
                answer.header("x-accepted-github-permissions"),
                Some("statuses=write")
            );
        }
    }
    for (path, body, message) in [
        (path.clone(), json!({}), "wasn't supplied"),
        (
            path.clone(),
            json!({"state": "green"}),
            "not a possible value",
        ),
        (
            format!("{R}/statuses/{}", "1".repeat(40)),
            json!({"state": "success"}),
            "No commit found for SHA",
        ),
        (
            format!("{R}/statuses/topic"),
            json!({"state": "success"}),
            "No commit found for SHA",
        ),
    ] {
        let refused = client.send("POST", &path, body).expect(422);
        assert!(
            refused["message"].as_str().expect("text").contains(message),
            "{refused}"
        );
    }
    client
        .get(&format!("{R}/commits/nowhere/status"))
        .expect(422);
}

#[test]
fn results_of_a_private_repository_need_their_own_permissions() {
    let mut client = Client::of(checked_world(json!({})));
    for (token, path, status) in [
        ("ghs_reader", "check-runs", 403),
        ("ghs_reader", "check-suites", 403),
        ("ghs_reader", "status", 403),
        ("ghs_reader", "statuses", 403),
        ("ghs_ci", "check-runs", 200),
        ("ghs_ci", "status", 200),
        ("ghp_carol", "check-runs", 200),
        ("ghp_mallory", "check-runs", 404),
    ] {
        let answer = client
            .as_user(token)
            .get(&format!("/repos/acme/notes/commits/main/{path}"));
        assert_eq!(answer.status, status, "{token} {path}");
    }
    for (token, errors) in [("ghs_reader", 1), ("ghs_ci", 0), ("ghp_carol", 0)] {
        let found = client.as_user(token).graphql(
            "{repository(owner:\"acme\",name:\"notes\"){defaultBranchRef{target{__typename ... on Commit{statusCheckRollup{state}}}}}}",
            Value::Null,
        );
        let said = found["errors"].as_array().map_or(0, Vec::len);
        assert_eq!(said, errors, "{token}: {found}");
        if errors == 1 {
            assert_eq!(found["errors"][0]["type"], "FORBIDDEN");
        }
    }
}

#[test]
fn check_runs_belong_to_apps_and_gather_in_suites() {
    let mut client = Client::of(checked_world(json!({})));
    crate::github_pulls::open(&mut client);
    let sha = tip(&client, "topic");
    let runs = format!("{R}/check-runs");
    for token in ["ghp_ada", ""] {
        let refused = client
            .as_user(token)
            .send("POST", &runs, json!({"name": "a", "head_sha": sha}))
            .expect(403);
        assert_eq!(
            refused["message"],
            "You must authenticate via a GitHub App."
        );
    }
    client
        .as_user("ghs_bot")
        .send("POST", &runs, json!({"name": "a", "head_sha": sha}))
        .expect(403);
    let queued = client
        .as_user("ghs_ci")
        .send(
            "POST",
            &runs,
            json!({"name": "build", "head_sha": sha, "external_id": "7"}),
        )
        .expect(201);
    assert_eq!(
        (
            &queued["status"],
            &queued["conclusion"],
            &queued["app"]["slug"],
            &queued["pull_requests"][0]["number"]
        ),
        (&json!("queued"), &Value::Null, &json!("ci"), &json!(1))
    );
    let path = format!("{runs}/{}", queued["id"]);
    client
        .as_user("ghs_other")
        .send("PATCH", &path, json!({"conclusion": "success"}))
        .expect(403);
    client
        .as_user("ghs_ci")
        .send("PATCH", &path, json!({"status": "completed"}))
        .expect(422);
    client.tick(5);
    let running = client
        .send("PATCH", &path, json!({"status": "in_progress"}))
        .expect(200);
    assert_eq!(running["status"], "in_progress");
    let suites = format!("{R}/commits/topic/check-suites");
    let suite = client.get(&suites).expect(200);
    assert_eq!(
        (
            &suite["total_count"],
            &suite["check_suites"][0]["status"],
            &suite["check_suites"][0]["head_branch"]
        ),
        (&json!(1), &json!("in_progress"), &json!("topic"))
    );
    // A conclusion completes, and brings the time along.
    let done = client
        .send(
            "PATCH",
            &path,
            json!({"conclusion": "failure", "output": {"title": "t", "summary": "s"}}),
        )
        .expect(200);
    assert_eq!(
        (&done["status"], &done["output"]["title"]),
        (&json!("completed"), &json!("t"))
    );
    assert!(done["completed_at"].is_string());
    // A second run of the name takes the place of the first; another app has its own.
    client
        .send("POST", &runs, json!({"name": "build", "head_sha": sha, "status": "completed", "conclusion": "success"}))
        .expect(201);
    client
        .as_user("ghs_other")
        .send(
            "POST",
            &runs,
            json!({"name": "build", "head_sha": sha, "conclusion": "cancelled"}),
        )
        .expect(201);
    let on = format!("{R}/commits/{sha}/check-runs");
    for (query, conclusions) in [
        ("", vec!["cancelled", "success"]),
        ("?filter=all", vec!["cancelled", "success", "failure"]),
        ("?app_id=8", vec!["success"]),
        (
            "?check_name=build&status=completed",
            vec!["cancelled", "success"],
        ),
        ("?check_name=other", vec![]),
        ("?status=queued", vec![]),
    ] {
        let found = client.get(&format!("{on}{query}")).expect(200);
        let shown: Vec<&str> = found["check_runs"]
            .as_array()
            .expect("a list")
            .iter()
            .filter_map(|run| run["conclusion"].as_str())
            .collect();
        assert_eq!(shown, conclusions, "{query}");
        assert_eq!(found["total_count"], conclusions.len(), "{query}");
    }
    let paged = client.get(&format!("{on}?per_page=1"));
    assert!(
        paged
            .header("link")
            .is_some_and(|link| link.contains("next"))
    );
    assert_eq!(paged.body["total_count"], 2);
    client.get(&format!("{on}?filter=some")).expect(422);
    let suite = client.get(&format!("{suites}?app_id=8")).expect(200)["check_suites"][0].clone();
    assert_eq!(
        (&suite["status"], &suite["conclusion"]),
        (&json!("completed"), &json!("success"))
    );
    let of_suite = client
        .get(&format!("{R}/check-suites/{}/check-runs", suite["id"]))
        .expect(200);
    assert_eq!(of_suite["total_count"], 1);
    client
        .get(&format!("{R}/check-suites/{}", suite["id"]))
        .expect(200);
    client.get(&format!("{runs}/1")).expect(404);
    assert!(client.checked == 0 || client.checked > 15);
}

#[test]
fn people_report_through_gestures() {
    let mut client = Client::of(checked_world(json!({})));
    let gesture = |client: &mut Client, body: Value| {
        client.token.clear();
        let reply = client.reply(
            "POST",
            "/_emulator/github/gesture",
            body.to_string().as_bytes(),
        );
        let notion_sync_testkit::emulator::Reply::Answer { response, .. } = reply else {
            panic!("dropped")
        };
        response.status().as_u16()
    };
    for (body, status) in [
        (
            json!({"gesture": "check-run", "repository": "acme/handbook", "at": "topic", "name": "build"}),
            200,
        ),
        (
            json!({"gesture": "check-run", "repository": "acme/handbook", "at": "topic", "name": "build", "status": "completed", "conclusion": "skipped"}),
            200,
        ),
        (
            json!({"gesture": "check-run", "repository": "acme/handbook", "at": "topic", "name": "build", "status": "completed"}),
            422,
        ),
        (
            json!({"gesture": "check-run", "repository": "acme/handbook", "at": "topic", "name": "x", "app": "nobody"}),
            422,
        ),
        (
            json!({"gesture": "check-run", "repository": "acme/handbook", "at": "gone", "name": "x"}),
            404,
        ),
        (
            json!({"gesture": "commit-status", "repository": "acme/handbook", "at": "topic", "context": "c", "state": "success", "login": "bob"}),
            200,
        ),
        (
            json!({"gesture": "merge-queue", "repository": "acme/handbook", "branch": "main", "outcome": "merge"}),
            422,
        ),
    ] {
        assert_eq!(gesture(&mut client, body.clone()), status, "{body}");
    }
    let found = client
        .as_user("ghp_ada")
        .get(&format!("{R}/commits/topic/check-runs?filter=all"))
        .expect(200);
    assert_eq!(
        (
            &found["total_count"],
            &found["check_runs"][0]["conclusion"],
            &found["check_runs"][0]["app"]["slug"],
            &found["check_runs"][0]["app"]["id"]
        ),
        (
            &json!(1),
            &json!("skipped"),
            &json!("github-actions"),
            &json!(15_368)
        )
    );
    let now = client.now;
    let form = CheckForm {
        at: "main".to_owned(),
        name: "x".to_owned(),
        status: CheckStatus::InProgress,
        conclusion: None,
        app: Some("ci".to_owned()),
    };
    let first = client
        .emulator
        .report_check("acme/handbook", &form, now)
        .expect("a run");
    let form = CheckForm {
        conclusion: Some(Conclusion::TimedOut),
        ..form
    };
    let second = client
        .emulator
        .report_check("acme/handbook", &form, now)
        .expect("the same run");
    assert_eq!(first, second);
    client
        .emulator
        .report_status("acme/handbook", "main", "y", StatusState::Error, "bob", now)
        .expect("a status");
}
