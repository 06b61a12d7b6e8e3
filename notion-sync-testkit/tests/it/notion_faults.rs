//! Faults, rate limits, late commits, asynchronous writes, surprises, any bytes.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use notion_sync_testkit::emulator::{Emulator, EmulatorBounds, Fault, FaultRule, Reply};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::notion_support::{Client, id_of, paragraph, rich, text, world};

fn rule(method: &str, path: &str, fault: Fault) -> FaultRule {
    FaultRule {
        method: method.into(),
        path_contains: path.into(),
        skip: 0,
        times: 1,
        fault,
    }
}

#[test]
fn refusals_have_the_bodies_of_the_service() {
    let cases: Vec<(u16, Option<u32>, &str)> = vec![
        (429, Some(17), "rate_limited"),
        (500, None, "internal_server_error"),
        (503, None, "service_unavailable"),
        (504, None, "gateway_timeout"),
        (529, Some(3), "service_overload"),
        (409, None, "conflict_error"),
        (403, None, "restricted_resource"),
        (401, None, "unauthorized"),
    ];
    let mut client = Client::new();
    let home = client.id("home");
    for (status, retry_after, code) in cases {
        client.notion.faults().push(rule(
            "PATCH",
            "pages",
            Fault::Refuse {
                status,
                retry_after,
            },
        ));
        let answer = client.patch(&format!("pages/{home}"), json!({"icon": {"emoji": "x"}}));
        assert_eq!(answer.status, status);
        assert_eq!(answer.body["code"], code);
        assert_eq!(answer.body["object"], "error");
        assert_eq!(answer.retry_after, retry_after);
        if let Some(seconds) = retry_after {
            assert_eq!(
                answer.body["additional_data"]["retry_after"],
                seconds.to_string()
            );
        }
        assert_eq!(
            client.get(&format!("pages/{home}")).ok()["icon"],
            Value::Null,
            "nothing was done"
        );
    }
    // An edge server answers in HTML.
    client.notion.faults().push(rule(
        "",
        "",
        Fault::Refuse {
            status: 502,
            retry_after: None,
        },
    ));
    let answer = client.get("users/me");
    assert_eq!((answer.status, answer.body), (502, Value::Null));
    let log: Vec<_> = client
        .notion
        .log()
        .since(0)
        .filter(|entry| entry.fault.is_some())
        .collect();
    assert_eq!(log.len(), 9);
    assert!(log.iter().all(|entry| !entry.effect));
}

#[test]
fn a_write_may_be_saved_although_it_fails() {
    let mut client = Client::new();
    let home = client.id("home");
    client
        .notion
        .faults()
        .push(rule("POST", "/v1/pages", Fault::FailAfter { status: 503 }));
    let body = json!({"parent": {"page_id": home}, "properties": {"title": rich("made")}});
    let answer = client.post("pages", body.clone());
    assert_eq!(answer.status, 503);
    let made = text(&answer.body["additional_data"]["committed_resource_id"]).to_owned();
    assert_eq!(
        client.get(&format!("pages/{made}")).ok()["properties"]["title"]["title"][0]["plain_text"],
        "made"
    );
    client
        .notion
        .faults()
        .push(rule("PATCH", "children", Fault::FailAfter { status: 503 }));
    let answer = client.patch(
        &format!("blocks/{made}/children"),
        json!({"children": [paragraph("a"), paragraph("b")]}),
    );
    let data = &answer.body["additional_data"];
    assert_eq!(data["committed_resource_id"], json!(made));
    let ids: Vec<Value> = client
        .children(made.parse().unwrap())
        .iter()
        .map(|b| b["id"].clone())
        .collect();
    assert_eq!(data["committed_child_ids"], json!(ids));
    // Updates of what exists do not say so.
    client
        .notion
        .faults()
        .push(rule("PATCH", "pages", Fault::FailAfter { status: 503 }));
    let answer = client.patch(&format!("pages/{made}"), json!({"icon": {"emoji": "x"}}));
    assert_eq!(answer.status, 503);
    assert!(answer.body.get("additional_data").is_none());
    assert_eq!(
        client.get(&format!("pages/{made}")).ok()["icon"]["emoji"],
        "x"
    );
    // What is wrong stays wrong.
    client
        .notion
        .faults()
        .push(rule("PATCH", "pages", Fault::FailAfter { status: 500 }));
    assert_eq!(
        client
            .patch(&format!("pages/{made}"), json!({"archived": true}))
            .status,
        400
    );
    for (fault, effect) in [(Fault::DropBefore, false), (Fault::DropAfter, true)] {
        let before = client.children(home).len();
        client.notion.faults().push(rule("POST", "pages", fault));
        let mark = client.notion.log().mark();
        assert_eq!(client.post("pages", body.clone()).status, 0);
        assert_eq!(
            client.notion.log().since(mark).next().unwrap().effect,
            effect
        );
        assert_eq!(client.children(home).len(), before + usize::from(effect));
    }
}

#[test]
fn delays_are_reported_not_slept() {
    let mut client = Client::new();
    client.notion.faults().push(rule(
        "GET",
        "",
        Fault::Delay {
            milliseconds: 61_000,
        },
    ));
    match client.raw("GET", "/v1/users/me", bytes::Bytes::new()) {
        Reply::Answer { response, delay } => {
            assert_eq!(response.status(), 200);
            assert_eq!(delay.as_millis(), 61_000);
        }
        Reply::Dropped => panic!(),
    }
}

#[test]
fn a_broken_connection_may_commit_late() {
    let bounds = EmulatorBounds {
        late_commit_seconds: 20,
        ..EmulatorBounds::notion()
    };
    let mut client = Client::of(world(), bounds);
    let home = client.id("home");
    let before = client.children(home).len();
    client
        .notion
        .faults()
        .push(rule("POST", "pages", Fault::DropAfter));
    let mark = client.notion.log().mark();
    let sent = client.now;
    client.post(
        "pages",
        json!({"parent": {"page_id": home}, "properties": {}}),
    );
    assert!(client.notion.log().since(mark).next().unwrap().effect);
    client.wait(19);
    assert_eq!(client.children(home).len(), before);
    client.wait(100);
    let after = client.children(home);
    assert_eq!(after.len(), before + 1);
    let made = id_of(after.last().unwrap());
    assert_eq!(
        client.notion.last_edit(made).unwrap().0,
        sent + chrono::Duration::seconds(20)
    );
}

#[test]
fn the_budget_of_a_window_may_be_spent_at_once() {
    let mut world = world();
    world.options.rate_limit = Some(180);
    let mut client = Client::of(world, EmulatorBounds::notion());
    for _ in 0..180 {
        assert_eq!(client.get("users/me").status, 200);
    }
    client.wait(13);
    let refused = client.get("users/me");
    assert_eq!(refused.status, 429);
    assert_eq!(refused.retry_after, Some(47));
    assert_eq!(
        refused.body["additional_data"],
        json!({"rate_limit_reason": "public_api_request_rate_limit", "retry_after": "47"})
    );
    // Another connection has a budget of its own.
    client.token = "ntn_reader".to_owned();
    assert_eq!(client.get("users/me").status, 200);
    client.token = "ntn_sync".to_owned();
    client.wait(47);
    assert_eq!(client.get("users/me").status, 200);
}

#[test]
fn asynchronous_writes_happen_later() {
    let mut client = Client::new();
    let page = client.page();
    let path = format!("pages/{page}/markdown");
    let write = |text: &str| json!({"allow_async": true, "type": "replace_content", "replace_content": {"new_str": text}});
    let task = client.patch(&path, write("later"));
    assert_eq!(task.status, 202);
    assert_eq!(
        (text(&task.body["object"]), text(&task.body["status"])),
        ("async_task", "queued")
    );
    let id = text(&task.body["id"]).to_owned();
    assert_eq!(client.markdown(page), "");
    client.wait(2);
    let done = client.get(&format!("async_tasks/{id}")).ok();
    assert_eq!(done["status"], "succeeded");
    assert_eq!(done["result"]["markdown"], "later");
    assert_eq!(client.markdown(page), "later");
    // What is wrong with it shows in the task.
    let body = json!({"allow_async": true, "type": "update_content",
        "update_content": {"content_updates": [{"old_str": "nowhere", "new_str": "x"}]}});
    let task = client.patch(&path, body);
    assert_eq!(task.status, 202);
    let id = text(&task.body["id"]).to_owned();
    client.wait(2);
    let done = client.get(&format!("async_tasks/{id}")).ok();
    assert_eq!(
        (text(&done["status"]), text(&done["error"]["code"])),
        ("failed", "validation_error")
    );
    client.wait(4000);
    assert_eq!(client.get(&format!("async_tasks/{id}")).status, 404);
    // Whoever may not see the page is not told to wait.
    let hidden = client.id("hidden");
    assert_eq!(
        client
            .patch(&format!("pages/{hidden}/markdown"), write("x"))
            .status,
        404
    );
    let home = client.id("home");
    let made = client.post(
        "pages",
        json!({"parent": {"page_id": home}, "markdown": "# T\nx", "allow_async": true}),
    );
    assert_eq!(made.status, 202);
    client.wait(2);
    let done = client
        .get(&format!("async_tasks/{}", text(&made.body["id"])))
        .ok();
    assert_eq!(
        done["result"]["properties"]["title"]["title"][0]["plain_text"],
        "T"
    );
}

#[test]
fn surprises_are_additive() {
    let mut client = Client::new();
    let (home, login, tasks) = (client.id("home"), client.id("login"), client.id("tasks"));
    let paths = [
        format!("pages/{login}"),
        format!("data_sources/{tasks}"),
        format!("blocks/{home}/children"),
    ];
    let plain: Vec<Value> = paths.iter().map(|path| client.get(path).ok()).collect();
    let mut options = client.notion.options().clone();
    options.surprises = true;
    client.notion.set_options(options);
    for (path, before) in paths.iter().zip(plain) {
        let after = client.get(path).ok();
        assert_ne!(before, after);
        assert!(contains(&after, &before), "{path}: something known is gone");
    }
    let blocks = client.get(&paths[2]).ok();
    assert_eq!(
        blocks["results"].as_array().unwrap().last().unwrap()["type"],
        "hologram"
    );
}

/// Whether everything of `small` is in `large`.
fn contains(large: &Value, small: &Value) -> bool {
    match (large, small) {
        (Value::Object(a), Value::Object(b)) => b.iter().all(|(key, value)| {
            key == "request_id" || a.get(key).is_some_and(|other| contains(other, value))
        }),
        (Value::Array(a), Value::Array(b)) => {
            a.len() >= b.len() && a.iter().zip(b).all(|(a, b)| contains(a, b))
        }
        (a, b) => a == b,
    }
}

#[test]
fn a_reset_brings_back_the_first_world() {
    let mut client = Client::new();
    let login = client.id("login");
    let before = client.get(&format!("pages/{login}")).ok();
    client
        .patch(
            &format!("pages/{login}"),
            json!({"properties": {"Points": {"number": 50}}}),
        )
        .ok();
    client.notion.faults().push(rule("", "", Fault::DropBefore));
    client.notion.reset();
    let after = client.get(&format!("pages/{login}")).ok();
    assert_eq!(after["properties"], before["properties"]);
    assert_eq!(client.notion.log().since(0).count(), 1);
}

#[test]
fn the_log_says_who_asked_what_and_what_came_of_it() {
    let mut client = Client::new();
    let login = client.id("login");
    client.get(&format!("pages/{login}?filter_properties=Points"));
    client.patch(
        &format!("pages/{login}"),
        json!({"properties": {"Points": {"number": 1}}}),
    );
    client.token = "bad".to_owned();
    client.get("users");
    let log: Vec<_> = client.notion.log().since(0).cloned().collect();
    let seen: Vec<_> = log
        .iter()
        .map(|e| (e.actor.as_str(), e.method.as_str(), e.status, e.effect))
        .collect();
    assert_eq!(
        seen,
        [
            ("Sync", "GET", 200, false),
            ("Sync", "PATCH", 200, true),
            ("anonymous", "GET", 401, false)
        ]
    );
    assert_eq!(
        log[0].path,
        format!("/v1/pages/{login}?filter_properties=Points")
    );
    assert_ne!(log[0].body_hash, log[1].body_hash);
    assert_eq!(log[0].at, client.now);
}

#[test]
fn the_same_requests_give_the_same_answers() {
    let run = || {
        let mut client = Client::new();
        let page = client.page();
        client
            .patch(
                &format!("blocks/{page}/children"),
                json!({"children": [paragraph("x")]}),
            )
            .ok();
        (client.children(page), client.post("search", json!({})).ok())
    };
    assert_eq!(run(), run());
}

/// JSON of any shape that a client might send by mistake.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        prop::sample::select(vec![
            "",
            "title",
            "page",
            "text",
            "2026-01-01",
            "me",
            "Done",
            "x",
            "after_block",
            "00000000-0000-0000-0000-000000000000"
        ])
        .prop_map(Value::from),
    ];
    let keys = prop::sample::select(vec![
        "parent",
        "page_id",
        "properties",
        "children",
        "paragraph",
        "rich_text",
        "text",
        "content",
        "type",
        "filter",
        "and",
        "property",
        "number",
        "equals",
        "sorts",
        "position",
        "markdown",
        "Name",
        "title",
        "State",
        "status",
        "name",
        "Due",
        "date",
        "start",
        "in_trash",
        "icon",
        "emoji",
        "table",
        "table_width",
        "mention",
        "user",
        "id",
        "replace_content",
        "new_str",
        "update_content",
        "content_updates",
        "old_str",
        "to_do",
        "checked",
        "query",
        "page_size",
        "start_cursor",
        "data_source_id",
        "template",
        "options",
    ]);
    leaf.prop_recursive(5, 40, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::Array),
            prop::collection::vec((keys.clone(), inner), 0..6).prop_map(|pairs| Value::Object(
                pairs.into_iter().map(|(k, v)| (k.to_owned(), v)).collect()
            )),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever comes in, an answer goes out, and refusals change nothing.
    #[test]
    fn any_request_gets_an_answer(
        target in 0usize..20,
        body in any_json(),
        junk in prop::option::weighted(0.2, prop::collection::vec(any::<u8>(), 0..60)),
        tail in "[ -~]{0,12}",
    ) {
        let mut client = Client::new();
        let (home, login, tasks, base) = (client.id("home"), client.id("login"), client.id("tasks"), client.id("backlog"));
        let block = id_of(&client.children(home)[0]);
        let targets = [
            ("POST", "pages".to_owned()), ("PATCH", format!("pages/{login}")), ("POST", format!("pages/{login}/move")),
            ("PATCH", format!("pages/{login}/markdown")), ("PATCH", format!("blocks/{block}")),
            ("PATCH", format!("blocks/{home}/children")), ("DELETE", format!("blocks/{block}")),
            ("POST", format!("data_sources/{tasks}/query")), ("PATCH", format!("data_sources/{tasks}")),
            ("PATCH", format!("databases/{base}")), ("POST", "databases".to_owned()), ("POST", "data_sources".to_owned()),
            ("POST", "search".to_owned()), ("POST", "comments".to_owned()),
            ("GET", format!("pages/{login}/properties/{}", tail.replace(|c: char| !c.is_ascii_alphanumeric(), "%25"))),
            ("GET", format!("users?page_size={}", tail.replace(|c: char| !c.is_ascii_alphanumeric(), ""))),
            ("GET", format!("comments?block_id={}", tail.replace(|c: char| !c.is_ascii_alphanumeric(), "%"))),
            ("GET", tail.replace(|c: char| !c.is_ascii_alphanumeric() && c != '/', "%e")),
            ("GET", format!("async_tasks/{}", tail.replace(|c: char| !c.is_ascii_alphanumeric(), ""))),
            ("GET", format!("data_sources/{tasks}/templates")),
        ];
        let (method, path) = &targets[target];
        let bytes = junk.unwrap_or_else(|| body.to_string().into_bytes());
        let mark = client.notion.log().mark();
        let Reply::Answer { response, .. } = client.raw(method, &format!("/v1/{path}"), bytes.into()) else {
            panic!("no fault was planned");
        };
        let status = response.status().as_u16();
        prop_assert!([200, 202, 400, 404].contains(&status), "{status}");
        let answer: Value = serde_json::from_slice(response.body()).unwrap();
        if status >= 400 {
            prop_assert_eq!(&answer["object"], "error");
            let effect = client.notion.log().since(mark).any(|entry| entry.effect);
            prop_assert!(!effect, "a refusal changed something: {}", answer);
        }
    }
}
