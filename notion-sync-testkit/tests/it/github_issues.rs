//! Issues, labels, assignees, comments, timelines, search.

use notion_sync_testkit::github::Role;
use serde_json::{Value, json};

use crate::github_support::{Client, NEW, OLD, start};

const R: &str = "/repos/acme/handbook";

pub(crate) fn open(client: &mut Client, body: Value) -> u64 {
    client
        .send("POST", &format!("{R}/issues"), body)
        .expect(201)["number"]
        .as_u64()
        .expect("a number")
}

fn names(labels: &Value) -> Vec<&str> {
    labels
        .as_array()
        .expect("a list")
        .iter()
        .map(|label| label["name"].as_str().expect("a name"))
        .collect()
}

#[test]
fn an_issue_lives_in_both_versions() {
    for version in [OLD, NEW] {
        let mut client = Client::new();
        client.version = version;
        let created = client
            .send("POST", &format!("{R}/issues"), json!({"title": "T", "body": "B", "labels": ["Bug", "fresh"], "assignees": ["bob"], "milestone": 1}))
            .expect(201);
        assert_eq!(names(&created["labels"]), ["bug", "fresh"]);
        assert_eq!(created["labels"][1]["color"], "ededed");
        assert_eq!(created["assignees"][0]["login"], "bob");
        assert_eq!(created.get("assignee").is_some(), version == OLD);
        assert!(created.get("pull_request").is_none());
        let path = format!("{R}/issues/1");
        client.tick(5);
        let edited = client.send("PATCH", &path, json!({"title": "T2", "body": null, "labels": [], "assignees": [], "milestone": null})).expect(200);
        assert_eq!(
            (
                &edited["title"],
                &edited["body"],
                &edited["labels"],
                &edited["milestone"]
            ),
            (&json!("T2"), &Value::Null, &json!([]), &Value::Null)
        );
        assert_ne!(edited["updated_at"], created["updated_at"]);
        let events: Vec<Value> = client
            .all(&format!("{path}/events"))
            .iter()
            .map(|event| event["event"].clone())
            .collect();
        assert_eq!(
            events,
            [
                "labeled",
                "labeled",
                "assigned",
                "milestoned",
                "renamed",
                "unlabeled",
                "unlabeled",
                "unassigned",
                "demilestoned"
            ]
        );
        client.all(&format!("{path}/timeline"));
        client.get(&path).expect(200);
    }
}

#[test]
fn the_state_reason_follows_the_state() {
    let mut client = Client::new();
    open(&mut client, json!({"title": "T"}));
    let path = format!("{R}/issues/1");
    // (request, state, reason, does it change anything)
    for (body, state, reason, changes) in [
        (
            json!({"state_reason": "not_planned"}),
            "open",
            Value::Null,
            false,
        ),
        (
            json!({"state": "closed", "state_reason": "not_planned"}),
            "closed",
            json!("not_planned"),
            true,
        ),
        (
            json!({"state": "closed", "state_reason": "completed"}),
            "closed",
            json!("not_planned"),
            false,
        ),
        (json!({"state": "open"}), "open", json!("reopened"), true),
        (
            json!({"state": "closed"}),
            "closed",
            json!("completed"),
            true,
        ),
        (
            json!({"state": "open", "state_reason": "reopened"}),
            "open",
            json!("reopened"),
            true,
        ),
        (
            json!({"state": "closed", "state_reason": "duplicate"}),
            "closed",
            json!("duplicate"),
            true,
        ),
    ] {
        client.tick(7);
        let before = client.get(&path).expect(200)["updated_at"].clone();
        let after = client.send("PATCH", &path, body.clone()).expect(200);
        assert_eq!(
            (&after["state"], &after["state_reason"]),
            (&json!(state), &reason),
            "{body}"
        );
        assert_eq!(after["updated_at"] != before, changes, "{body}");
        assert_eq!(after["closed_by"].is_null(), state == "open");
    }
    client
        .send("PATCH", &path, json!({"state": "shut"}))
        .expect(422);
    client
        .send(
            "PATCH",
            &path,
            json!({"state": "closed", "state_reason": "bored"}),
        )
        .expect(422);
}

#[test]
fn refusals_name_the_field_and_leave_nothing() {
    let mut client = Client::new();
    let long = "é".repeat(65_537);
    for (body, status, field, code) in [
        (json!({"title": ""}), 422, "title", "missing_field"),
        (json!({"title": "x".repeat(257)}), 422, "title", "custom"),
        (json!({"title": "T", "body": long}), 422, "body", "custom"),
        (
            json!({"title": "T", "assignees": ["bob", "nobody"]}),
            422,
            "assignees",
            "invalid",
        ),
        (
            json!({"title": "T", "assignees": ["mallory"]}),
            422,
            "assignees",
            "invalid",
        ),
        (
            json!({"title": "T", "milestone": 9}),
            422,
            "milestone",
            "invalid",
        ),
    ] {
        let answer = client
            .send("POST", &format!("{R}/issues"), body)
            .expect(status);
        assert_eq!(
            (&answer["errors"][0]["field"], &answer["errors"][0]["code"]),
            (&json!(field), &json!(code)),
            "{answer}"
        );
        assert_eq!(answer["message"], "Validation Failed");
    }
    client
        .send("POST", &format!("{R}/issues"), json!({"body": "no title"}))
        .expect(422);
    client
        .send(
            "POST",
            &format!("{R}/issues"),
            json!({"title": 7, "labels": {"a": 1}}),
        )
        .expect(422);
    assert_eq!(
        client.raw("POST", &format!("{R}/issues"), b"{").expect(400)["message"],
        "Problems parsing JSON"
    );
    client
        .raw("POST", &format!("{R}/issues"), b"[]")
        .expect(400);
    assert_eq!(
        client
            .emulator
            .issue_numbers("acme/handbook")
            .expect("numbers"),
        Vec::<u64>::new()
    );
    open(
        &mut client,
        json!({"title": "x".repeat(256), "body": "é".repeat(65_536)}),
    );
    client
        .send(
            "PATCH",
            &format!("{R}/issues/1"),
            json!({"title": "new", "assignees": ["nobody"]}),
        )
        .expect(422);
    assert_eq!(
        client.get(&format!("{R}/issues/1")).expect(200)["title"],
        "x".repeat(256)
    );
    let comment = client
        .send(
            "POST",
            &format!("{R}/issues/1/comments"),
            json!({"body": "x".repeat(65_537)}),
        )
        .expect(422);
    assert_eq!(
        comment["errors"][0]["message"],
        "Body is too long (maximum is 65536 characters)"
    );
    client.get(&format!("{R}/issues/99")).expect(404);
    client.get(&format!("{R}/issues/abc")).expect(404);
}

#[test]
fn without_push_access_everything_but_the_text_is_dropped() {
    let mut client = Client::new();
    client.as_user("ghp_mallory");
    let created = client
        .send(
            "POST",
            &format!("{R}/issues"),
            json!({"title": "T", "labels": ["x"], "assignees": ["bob", "nobody"], "milestone": 1}),
        )
        .expect(201);
    assert_eq!(
        (
            &created["labels"],
            &created["assignees"],
            &created["milestone"]
        ),
        (&json!([]), &json!([]), &Value::Null)
    );
    let edited = client
        .send(
            "PATCH",
            &format!("{R}/issues/1"),
            json!({"title": "T2", "labels": ["x"], "state": "closed"}),
        )
        .expect(200);
    assert_eq!(
        (&edited["title"], &edited["labels"], &edited["state"]),
        (&json!("T2"), &json!([]), &json!("closed"))
    );
    client
        .send(
            "POST",
            &format!("{R}/issues/1/labels"),
            json!({"labels": ["x"]}),
        )
        .expect(403);
    client.as_user("ghp_ada");
    open(&mut client, json!({"title": "Ada's"}));
    client
        .as_user("ghp_mallory")
        .send("PATCH", &format!("{R}/issues/2"), json!({"title": "mine"}))
        .expect(403);
    client.get(&format!("{R}/labels/x")).expect(404);
}

#[test]
fn labels_are_kept_by_name_without_case() {
    let mut client = Client::new();
    open(&mut client, json!({"title": "T"}));
    let path = format!("{R}/issues/1/labels");
    assert_eq!(
        names(
            &client
                .send("POST", &path, json!({"labels": ["BUG", "new one"]}))
                .expect(200)
        ),
        ["bug", "new one"]
    );
    assert_eq!(
        names(&client.send("POST", &path, json!(["bug"])).expect(200)),
        ["bug", "new one"]
    );
    assert_eq!(
        names(
            &client
                .send("PUT", &path, json!({"labels": ["z", "bug"]}))
                .expect(200)
        ),
        ["bug", "z"]
    );
    assert_eq!(
        names(
            &client
                .send("DELETE", &format!("{path}/Z"), Value::Null)
                .expect(200)
        ),
        ["bug"]
    );
    assert_eq!(
        client
            .send("DELETE", &format!("{path}/z"), Value::Null)
            .expect(404)["message"],
        "Label does not exist"
    );
    client.send("DELETE", &path, Value::Null).expect(204);
    assert_eq!(
        client
            .send("POST", &format!("{R}/labels"), json!({"name": "Bug"}))
            .expect(422)["errors"][0]["code"],
        "already_exists"
    );
    client
        .send(
            "POST",
            &format!("{R}/labels"),
            json!({"name": "x", "color": "red"}),
        )
        .expect(422);
    client
        .send(
            "POST",
            &format!("{R}/labels"),
            json!({"name": "prio/high", "color": "FF0000", "description": "urgent"}),
        )
        .expect(201);
    client
        .send("POST", &path, json!({"labels": ["prio/high"]}))
        .expect(200);
    let renamed = client
        .send(
            "PATCH",
            &format!("{R}/labels/prio%2Fhigh"),
            json!({"new_name": "P1"}),
        )
        .expect(200);
    assert_eq!(
        (&renamed["name"], &renamed["color"]),
        (&json!("P1"), &json!("ff0000"))
    );
    assert_eq!(names(&client.get(&path).expect(200)), ["P1"]);
    client
        .send("DELETE", &format!("{R}/labels/p1"), Value::Null)
        .expect(204);
    assert_eq!(client.get(&path).expect(200), json!([]));
    // Repeating what is there changes nothing, so the log calls it a read.
    client
        .send("POST", &path, json!({"labels": ["bug"]}))
        .expect(200);
    let mark = {
        use notion_sync_testkit::emulator::Emulator as _;
        client.emulator.log().mark()
    };
    client
        .send("POST", &path, json!({"labels": ["bug"]}))
        .expect(200);
    use notion_sync_testkit::emulator::Emulator as _;
    let entry = client.emulator.log().since(mark).next().expect("an entry");
    assert!(
        entry.is_read() && entry.actor == "Ada" && entry.status == 200,
        "{entry:?}"
    );
}

#[test]
fn assignees_are_checked_or_ignored_by_route() {
    let mut client = Client::new();
    open(&mut client, json!({"title": "T"}));
    for (login, status) in [
        ("bob", 204),
        ("ada", 204),
        ("carol", 204),
        ("mallory", 404),
        ("nobody", 404),
        ("notion-sync[bot]", 404),
    ] {
        client.get(&format!("{R}/assignees/{login}")).expect(status);
    }
    let path = format!("{R}/issues/1/assignees");
    let added = client
        .send(
            "POST",
            &path,
            json!({"assignees": ["bob", "nobody", "mallory"]}),
        )
        .expect(201);
    assert_eq!(added["assignees"].as_array().expect("a list").len(), 1);
    client
        .emulator
        .set_collaborator("acme/handbook", "mallory", Some(Role::Triage), start())
        .expect("a role");
    let added = client
        .send("POST", &path, json!({"assignees": ["Mallory"]}))
        .expect(201);
    assert_eq!(added["assignees"][1]["login"], "mallory");
    let removed = client
        .send("DELETE", &path, json!({"assignees": ["BOB"]}))
        .expect(200);
    assert_eq!(removed["assignees"][0]["login"], "mallory");
    client.get(&format!("{R}/assignees")).expect(200);
}

#[test]
fn comments_come_in_order_and_can_be_polled() {
    let mut client = Client::new();
    open(&mut client, json!({"title": "T"}));
    let path = format!("{R}/issues/1/comments");
    let mut ids = Vec::new();
    for n in 0..5 {
        client.tick(10);
        ids.push(
            client
                .send("POST", &path, json!({"body": format!("c{n}")}))
                .expect(201)["id"]
                .as_u64()
                .expect("an id"),
        );
    }
    client.tick(10);
    let one = format!("{R}/issues/comments/{}", ids[1]);
    client
        .send("PATCH", &one, json!({"body": "edited"}))
        .expect(200);
    let again = client
        .send("POST", &one, json!({"body": "edited twice"}))
        .expect(200);
    assert_eq!(again["body"], "edited twice");
    let listed: Vec<u64> = client
        .all(&format!("{path}?per_page=2"))
        .iter()
        .map(|comment| comment["id"].as_u64().expect("an id"))
        .collect();
    assert_eq!(listed, ids);
    let since = again["updated_at"].as_str().expect("a time").to_owned();
    let changed = client.all(&format!(
        "{R}/issues/comments?sort=updated&direction=asc&since={since}"
    ));
    assert_eq!(changed.len(), 1);
    assert_eq!(changed[0]["id"], ids[1]);
    client
        .as_user("ghp_mallory")
        .send("PATCH", &one, json!({"body": "mine"}))
        .expect(403);
    client
        .as_user("ghp_ada")
        .send("DELETE", &one, Value::Null)
        .expect(204);
    client.get(&one).expect(404);
    client
        .send(
            "PUT",
            &format!("{R}/issues/1/lock"),
            json!({"lock_reason": "resolved"}),
        )
        .expect(204);
    assert_eq!(
        client.get(&format!("{R}/issues/1")).expect(200)["active_lock_reason"],
        "resolved"
    );
    client
        .as_user("ghp_mallory")
        .send("POST", &path, json!({"body": "x"}))
        .expect(403);
    client.as_user("ghs_bot");
    let by_app = client
        .send("POST", &path, json!({"body": "from the app"}))
        .expect(201);
    assert_eq!(
        (
            &by_app["performed_via_github_app"]["slug"],
            &by_app["user"]["type"]
        ),
        (&json!("notion-sync"), &json!("Bot"))
    );
    client
        .send("DELETE", &format!("{R}/issues/1/lock"), Value::Null)
        .expect(204);
}

#[test]
fn words_in_texts_act() {
    let mut client = Client::new();
    for title in ["one", "two", "three"] {
        open(&mut client, json!({"title": title}));
    }
    client
        .emulator
        .commit(
            "acme/handbook",
            "main",
            "bob",
            "Tidy\n\nFixes #1 and closes acme/handbook#2",
            &[("x", Some("x"))],
            start(),
        )
        .expect("a commit");
    client
        .emulator
        .commit(
            "acme/handbook",
            "topic",
            "bob",
            "Fixes #3",
            &[("y", Some("y"))],
            start(),
        )
        .expect("a commit");
    for (number, state) in [(1, "closed"), (2, "closed"), (3, "open")] {
        assert_eq!(
            client.get(&format!("{R}/issues/{number}")).expect(200)["state"],
            state
        );
    }
    let closed = client.all(&format!("{R}/issues/1/events"));
    assert!(closed[0]["commit_id"].is_string());
    open(&mut client, json!({"title": "four", "body": "see #3"}));
    let events = client.all(&format!("{R}/issues/3/timeline"));
    assert_eq!(
        (&events[0]["event"], &events[0]["source"]["issue"]["number"]),
        (&json!("cross-referenced"), &json!(4))
    );
}

#[test]
fn milestones_and_disabled_issues() {
    let mut client = Client::new();
    let created = client
        .send(
            "POST",
            &format!("{R}/milestones"),
            json!({"title": "v2", "due_on": "2027-01-01T00:00:00Z"}),
        )
        .expect(201);
    assert_eq!(created["number"], 2);
    client
        .send("POST", &format!("{R}/milestones"), json!({"title": "v2"}))
        .expect(422);
    client
        .send(
            "PATCH",
            &format!("{R}/milestones/2"),
            json!({"state": "closed"}),
        )
        .expect(200);
    assert_eq!(
        client
            .get(&format!("{R}/milestones"))
            .expect(200)
            .as_array()
            .map(Vec::len),
        Some(1)
    );
    client
        .send("DELETE", &format!("{R}/milestones/2"), Value::Null)
        .expect(204);
    client
        .send("PATCH", R, json!({"has_issues": false}))
        .expect(200);
    client
        .send("POST", &format!("{R}/issues"), json!({"title": "T"}))
        .expect(410);
}
