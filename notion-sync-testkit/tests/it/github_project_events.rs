//! What webhooks tell of projects, and the gestures that people make there.

use notion_sync_testkit::emulator::Emulator as _;
use notion_sync_testkit::github::ProjectPlace;
use notion_sync_testkit::webhook::GithubHook;
use serde_json::{Value, json};

use crate::github_projects::{PLAN, planned};
use crate::github_support::Client;

#[test]
fn webhooks_tell_of_items_with_what_was_before() {
    let mut client = Client::of(planned());
    let mut hook = GithubHook::add("secret", false, &client.emulator);
    let now = client.now;
    let told = |hook: &mut GithubHook, client: &Client| -> Vec<Value> {
        let deliveries = hook.collect(&client.emulator, client.now);
        let all = deliveries
            .iter()
            .filter(|delivery| delivery.headers["x-github-event"] == "projects_v2_item");
        all.map(|delivery| serde_json::from_slice(&delivery.body).expect("JSON"))
            .collect()
    };
    client
        .emulator
        .add_to_project(PLAN, "acme/handbook", 2, "bob", now)
        .expect("added");
    let events = told(&mut hook, &client);
    assert_eq!(events.len(), 1);
    assert_eq!(events[0]["action"], "created");
    assert_eq!(events[0]["sender"]["login"], "bob");
    assert_eq!(events[0]["repository"], Value::Null);
    assert_eq!(events[0]["projects_v2_item"]["content_type"], "Issue");
    let two = ("acme/handbook", 2);
    for value in ["Todo", "Done"] {
        client
            .emulator
            .set_project_field(PLAN, two, ("Status", value), "carol", now)
            .expect("set");
        let events = told(&mut hook, &client);
        assert_eq!(events.len(), 1);
        assert_eq!(events[0]["action"], "edited");
        crate::github_webhooks::resembles_part(&events[0], "projects_v2_item", "edited-1");
        let change = &events[0]["changes"]["field_value"];
        assert_eq!(change["field_name"], "Status");
        assert_eq!(change["to"]["name"], value);
        let before = (value == "Done").then_some("Todo");
        assert_eq!(change["from"]["name"], json!(before));
    }
    client
        .emulator
        .archive_in_project(PLAN, two, true, "ada", now)
        .expect("archived");
    let events = told(&mut hook, &client);
    assert_eq!(events[0]["action"], "archived");
    crate::github_webhooks::resembles_part(&events[0], "projects_v2_item", "archived-1");
    client
        .emulator
        .archive_in_project(PLAN, two, false, "ada", now)
        .expect("restored");
    assert_eq!(told(&mut hook, &client)[0]["action"], "restored");
    client
        .emulator
        .remove_from_project(PLAN, two, "carol")
        .expect("removed");
    let events = told(&mut hook, &client);
    assert_eq!(
        (&events[0]["action"], &events[0]["sender"]["login"]),
        (&json!("deleted"), &json!("carol"))
    );
    // Projects of people have no events.
    let mine = ProjectPlace {
        owner: "ada",
        number: 1,
    };
    client
        .emulator
        .add_to_project(mine, "acme/handbook", 2, "ada", now)
        .expect("added");
    assert_eq!(told(&mut hook, &client), Vec::<Value>::new());
}

#[test]
fn gestures_come_from_outside_too() {
    let mut client = Client::of(planned());
    let at = json!({"owner": "acme", "project": 3, "repository": "acme/handbook", "number": 2, "login": "bob"});
    let mut gesture = |name: &str, more: Value| {
        let mut body = at.clone();
        body["gesture"] = name.into();
        for (name, value) in more.as_object().expect("an object") {
            body[name] = value.clone();
        }
        let request =
            http::Request::post("/_emulator/github/gesture").body(body.to_string().into());
        let answer = client
            .emulator
            .control(&request.expect("a request"), client.now);
        answer.expect("a control route").status().as_u16()
    };
    assert_eq!(
        gesture(
            "set-project-field",
            json!({"field": "Status", "value": "Done"})
        ),
        404
    );
    assert_eq!(gesture("add-to-project", json!({})), 200);
    for (field, value) in [
        ("Status", "Done"),
        ("Sprint", "Sprint 2"),
        ("Points", "3"),
        ("Due", "2026-12-24"),
        ("Note", "n"),
    ] {
        assert_eq!(
            gesture("set-project-field", json!({"field": field, "value": value})),
            200
        );
    }
    assert_eq!(
        gesture(
            "set-project-field",
            json!({"field": "Points", "value": "many"})
        ),
        422
    );
    assert_eq!(
        gesture("archive-in-project", json!({"archived": true})),
        200
    );
    assert_eq!(
        gesture("set-project-field", json!({"field": "Note", "value": ""})),
        422
    );
    let view = client.emulator.project_view(PLAN).expect("a project");
    assert_eq!(view[2].issue, Some(("acme/handbook".to_owned(), 2)));
    assert!(view[2].archived);
    let values: Vec<(&str, &str)> = view[2]
        .values
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    assert_eq!(
        values,
        [
            ("Due", "2026-12-24"),
            ("Note", "n"),
            ("Points", "3"),
            ("Sprint", "Sprint 2"),
            ("Status", "Done")
        ]
    );
    let body = json!({"gesture": "add-sub-issue", "repository": "acme/handbook", "parent": 1, "child": 2, "login": "ada"});
    let request = http::Request::post("/_emulator/github/gesture").body(body.to_string().into());
    let answer = client
        .emulator
        .control(&request.expect("a request"), client.now);
    assert_eq!(answer.expect("a control route").status(), 200);
    let parent = client
        .get("/repos/acme/handbook/issues/2/parent")
        .expect(200);
    assert_eq!(parent["number"], 1);
}

#[test]
fn strange_requests_are_answered() {
    let mut client = Client::of(planned());
    let ends = [
        "",
        "/3",
        "/0",
        "/18446744073709551616",
        "/3/items",
        "/3/items/1",
        "/3/items/%00",
        "/3/fields/x",
        "/3/drafts",
        "/3/views",
        "/3/items?after=aWQ6",
        "/3/items?before=aWQ6MA==",
        "/3/items?fields=1,,x",
        "/3/items?per_page=0",
    ];
    let issues = [
        "sub_issues",
        "sub_issue",
        "parent",
        "sub_issues/priority",
        "parent/x",
    ];
    let bodies = [
        Value::Null,
        json!({"fields": 1}),
        json!({"fields": [null, {"id": -1, "value": []}]}),
        json!({"type": "Issue", "id": "x"}),
        json!({"title": "", "sub_issue_id": -1}),
        json!({"sub_issue_id": 1e300, "after_id": null}),
    ];
    let mut paths: Vec<String> = issues
        .iter()
        .map(|end| format!("/repos/acme/handbook/issues/1/{end}"))
        .collect();
    for owner in [
        "orgs/acme",
        "orgs/nobody",
        "users/ada",
        "users/acme",
        "user/1",
    ] {
        paths.extend(ends.iter().map(|end| format!("/{owner}/projectsV2{end}")));
    }
    for path in &paths {
        for method in ["GET", "POST", "PATCH", "DELETE"] {
            for body in &bodies {
                let status = client.send(method, path, body.clone()).status;
                assert!(status < 500, "{method} {path} {body}: {status}");
            }
        }
    }
    let document = "mutation($v:ProjectV2FieldValue!){updateProjectV2ItemFieldValue(input:{projectId:\"PVT_\",itemId:\"\",fieldId:\"x\",value:$v}){clientMutationId}}";
    for value in [
        json!(null),
        json!({}),
        json!({"date": "äääääääääää"}),
        json!([1]),
    ] {
        let answer = client.graphql(document, json!({"v": value}));
        assert!(answer["errors"].is_array());
    }
}
