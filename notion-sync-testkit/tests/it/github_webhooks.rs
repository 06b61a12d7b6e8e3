//! Webhooks about results on commits, in the shape of recorded ones.

use std::path::PathBuf;

use notion_sync_testkit::github::{CheckForm, CheckStatus, Conclusion, QueueOutcome, StatusState};
use notion_sync_testkit::webhook::{Delivery, GithubHook};
use serde_json::{Value, json};

use crate::github_checks::{R, checked_world};
use crate::github_support::Client;

/// The name of an event, its action and its body.
fn read(delivery: &Delivery) -> (String, String, Value) {
    let body: Value = serde_json::from_slice(&delivery.body).expect("JSON");
    let name = delivery.headers["x-github-event"].to_str().expect("text");
    let action = body["action"].as_str().unwrap_or_default().to_owned();
    (name.to_owned(), action, body)
}

/// Recorded payloads of an event, none where they are not here.
fn recorded(name: &str, file: &str) -> Option<Value> {
    let root = std::env::var("NOTION_SYNC_FIXTURES").map_or_else(
        |_| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/fixtures"),
        PathBuf::from,
    );
    let path = root.join(format!("github/webhooks/{name}/{file}.json"));
    match std::fs::read(&path) {
        Ok(bytes) => Some(serde_json::from_slice(&bytes).expect("JSON")),
        Err(error) if std::env::var_os("CI").is_some() => panic!("{}: {error}", path.display()),
        Err(_) => None,
    }
}

/// Members that a recorded payload has and ours has not. Accounts, apps and repositories are those
/// of the API, which other tests compare with its description.
fn missing(ours: &Value, theirs: &Value, at: &str, found: &mut Vec<String>) {
    const OTHER: [&str; 7] = [
        "repository",
        "sender",
        "app",
        "organization",
        "installation",
        "deployment",
        "verification",
    ];
    match (ours, theirs) {
        (Value::Object(ours), Value::Object(theirs)) => {
            for (name, theirs) in theirs
                .iter()
                .filter(|(name, _)| !OTHER.contains(&name.as_str()))
            {
                let place = format!("{at}.{name}");
                match ours.get(name) {
                    Some(ours) => missing(ours, theirs, &place, found),
                    None => found.push(place),
                }
            }
        }
        (Value::Array(ours), Value::Array(theirs)) => {
            if let (Some(ours), Some(theirs)) = (ours.first(), theirs.first()) {
                missing(ours, theirs, &format!("{at}[0]"), found);
            }
        }
        _ => {}
    }
}

/// That every member of a recorded payload is there, of one without a repository.
#[track_caller]
pub(crate) fn resembles_part(ours: &Value, name: &str, file: &str) {
    if let Some(theirs) = recorded(name, file) {
        let mut found = Vec::new();
        missing(ours, &theirs, name, &mut found);
        assert_eq!(found, Vec::<String>::new());
    }
}

#[track_caller]
fn resembles(ours: &Value, name: &str, file: &str) {
    if let Some(theirs) = recorded(name, file) {
        let mut found = Vec::new();
        missing(ours, &theirs, name, &mut found);
        assert_eq!(found, Vec::<String>::new());
        for member in ["repository", "sender"] {
            assert!(ours[member]["id"].is_u64(), "{name}.{member}");
        }
    }
}

fn report(client: &mut Client, at: &str, status: CheckStatus, conclusion: Option<Conclusion>) {
    let form = CheckForm {
        at: at.to_owned(),
        name: "build".to_owned(),
        status,
        conclusion,
        app: Some("ci".to_owned()),
    };
    let now = client.now;
    client
        .emulator
        .report_check("acme/handbook", &form, now)
        .expect("a check run");
}

fn collect(hook: &mut GithubHook, client: &Client) -> Vec<(String, String, Value)> {
    let deliveries = hook.collect(&client.emulator, client.now);
    deliveries
        .iter()
        .map(read)
        .filter(|(name, _, _)| name != "push")
        .collect()
}

fn names(events: &[(String, String, Value)]) -> Vec<(&str, &str)> {
    events
        .iter()
        .map(|(name, action, _)| (name.as_str(), action.as_str()))
        .collect()
}

#[test]
fn results_are_told_once_and_in_their_shape() {
    let mut client = Client::of(checked_world(json!({})));
    crate::github_pulls::open(&mut client);
    report(&mut client, "main", CheckStatus::Queued, None);
    let mut hook = GithubHook::add("secret", false, &client.emulator);
    assert_eq!(collect(&mut hook, &client), []);
    report(&mut client, "topic", CheckStatus::InProgress, None);
    let told = collect(&mut hook, &client);
    assert_eq!(names(&told), [("check_run", "created")]);
    resembles(&told[0].2, "check_run", "created-2");
    report(
        &mut client,
        "topic",
        CheckStatus::Completed,
        Some(Conclusion::Failure),
    );
    let now = client.now;
    client
        .emulator
        .report_status(
            "acme/handbook",
            "topic",
            "lint",
            StatusState::Success,
            "bob",
            now,
        )
        .expect("a status");
    let told = collect(&mut hook, &client);
    assert_eq!(
        names(&told),
        [
            ("status", ""),
            ("check_run", "completed"),
            ("check_suite", "completed")
        ]
    );
    resembles(&told[0].2, "status", "payload-1");
    assert_eq!(
        (&told[0].2["context"], &told[0].2["sender"]["login"]),
        (&json!("lint"), &json!("bob"))
    );
    assert_eq!(told[0].2["branches"][0]["name"], "topic");
    resembles(&told[1].2, "check_run", "completed-2");
    assert_eq!(
        (
            &told[1].2["check_run"]["conclusion"],
            &told[1].2["check_run"]["pull_requests"][0]["number"]
        ),
        (&json!("failure"), &json!(1))
    );
    resembles(&told[2].2, "check_suite", "completed-1");
    assert_eq!(told[2].2["check_suite"]["conclusion"], "failure");
    // Between two looks a run may come and end.
    let mut late = hook.clone();
    report(
        &mut client,
        "main",
        CheckStatus::Completed,
        Some(Conclusion::Success),
    );
    assert_eq!(
        names(&collect(&mut late, &client)),
        [("check_run", "completed"), ("check_suite", "completed")]
    );
    assert_eq!(collect(&mut late, &client), []);
}

#[test]
fn groups_of_a_queue_ask_for_checks_and_go() {
    let mut client = Client::of(checked_world(json!({
        "branches": {"topic": {"docs/new.md": "new\n"}, "second": {"docs/second.md": "2\n"}},
        "rulesets": [{"include": ["main"], "rules": [{"type": "merge_queue"}]},
                     {"include": ["main"], "rules": [{"type": "required_status_checks", "checks": [{"context": "build"}]}]}],
    })));
    let mut ids = Vec::new();
    for head in ["topic", "second"] {
        let body = json!({"title": head, "head": head, "base": "main"});
        let pull = client.send("POST", &format!("{R}/pulls"), body).expect(201);
        ids.push(pull["node_id"].clone());
        report(
            &mut client,
            head,
            CheckStatus::Completed,
            Some(Conclusion::Success),
        );
    }
    let mut hook = GithubHook::add("secret", false, &client.emulator);
    let groups = |told: Vec<(String, String, Value)>| -> Vec<(String, String, Value)> {
        told.into_iter()
            .filter(|(name, _, _)| name == "merge_group")
            .collect()
    };
    for id in &ids {
        client.graphql(
            "mutation($i:EnqueuePullRequestInput!){enqueuePullRequest(input:$i){mergeQueueEntry{position}}}",
            json!({"i": {"pullRequestId": id}}),
        );
    }
    let told = collect(&mut hook, &client);
    let queued = told.iter().filter(|(_, action, _)| action == "enqueued");
    assert_eq!(queued.count(), 2);
    let told = groups(told);
    assert_eq!(names(&told), [("merge_group", "checks_requested"); 2]);
    resembles(&told[0].2, "merge_group", "checks-requested-1");
    assert_eq!(told[0].2["merge_group"]["base_ref"], "refs/heads/main");
    let now = client.now;
    client
        .emulator
        .settle_queue("acme/handbook", "main", QueueOutcome::Fail, now)
        .expect("taken out");
    let told = groups(collect(&mut hook, &client));
    let reasons: Vec<&str> = told
        .iter()
        .map(|(_, action, body)| body["reason"].as_str().unwrap_or(action))
        .collect();
    assert_eq!(reasons, ["dequeued", "invalidated", "checks_requested"]);
    client
        .emulator
        .settle_queue("acme/handbook", "main", QueueOutcome::Merge, now)
        .expect("merged");
    let told = groups(collect(&mut hook, &client));
    assert_eq!(names(&told), [("merge_group", "destroyed")]);
    assert_eq!(told[0].2["reason"], "merged");
}
