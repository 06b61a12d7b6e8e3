//! Pages, properties, tokens, versions, sharing.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use serde_json::{Value, json};

use crate::notion_support::{Client, NEW, OLD, id_of, rich, text};

#[test]
fn who_may_ask() {
    let mut client = Client::new();
    let home = client.id("home");
    let path = format!("pages/{home}");
    client.token = "nobody".to_owned();
    assert_eq!(
        client.get(&path).refusal(),
        (401, "unauthorized", "API token is invalid.")
    );
    client.token = "ntn_sync".to_owned();
    client.version = "2022-06-28".to_owned();
    assert_eq!(client.get(&path).status, 400);
    client.version = OLD.to_owned();
    assert!(client.get(&path).ok().get("archived").is_some());
    client.version = NEW.to_owned();
    assert!(client.get(&path).ok().get("archived").is_none());
    // Hexadecimal digits without dashes are the same id.
    assert_eq!(
        client.get(&format!("pages/{}", home.hex())).ok()["id"],
        json!(home)
    );
}

#[test]
fn without_a_version_nothing_is_answered() {
    use notion_sync_testkit::emulator::{Emulator, Reply};
    let mut client = Client::new();
    let request = http::Request::get("https://api.notion.com/v1/users/me")
        .header("authorization", "Bearer ntn_sync")
        .body(bytes::Bytes::new())
        .unwrap();
    let Reply::Answer { response, .. } = client.notion.handle(request, client.now) else {
        panic!()
    };
    assert_eq!(response.status(), 400);
    let body: Value = serde_json::from_slice(response.body()).unwrap();
    assert_eq!(body["code"], "missing_version");
}

/// The refusals of paths and ids, with the texts that clients see.
#[test]
fn wrong_paths_and_ids() {
    let mut client = Client::new();
    let login = client.id("login");
    let hidden = client.id("hidden");
    let below = client.id("below hidden");
    let base = client.id("backlog");
    let absent = "00000000-0000-0000-0000-000000000000";
    let shared =
        "Make sure the relevant pages and databases are shared with your connection \"Sync\".";
    let cases: Vec<(&str, String, u16, &str, String)> = vec![
        ("GET", "invalid".into(), 400, "invalid_request_url", "Invalid request URL.".into()),
        ("PUT", format!("pages/{login}"), 400, "invalid_request_url", "Invalid request URL.".into()),
        ("GET", "pages/AAA".into(), 400, "validation_error",
            "path failed validation: path.page_id should be a valid uuid, instead was `\"AAA\"`.".into()),
        ("GET", "blocks/AAA".into(), 400, "validation_error",
            "path failed validation: path.block_id should be a valid uuid, instead was `\"AAA\"`.".into()),
        ("GET", "databases/AAA".into(), 400, "validation_error",
            "path failed validation: path.database_id should be a valid uuid, instead was `\"AAA\"`.".into()),
        ("GET", "data_sources/AAA".into(), 400, "validation_error",
            "path failed validation: path.data_source_id should be a valid uuid, instead was `\"AAA\"`.".into()),
        ("GET", format!("pages/{absent}"), 404, "object_not_found",
            format!("Could not find page with ID: {absent}. {shared}")),
        ("GET", format!("pages/{hidden}"), 404, "object_not_found",
            format!("Could not find page with ID: {hidden}. {shared}")),
        ("GET", format!("pages/{below}"), 404, "object_not_found",
            format!("Could not find page with ID: {below}. {shared}")),
        ("GET", format!("pages/{base}"), 404, "object_not_found",
            format!("Could not find page with ID: {base}. {shared}")),
        ("GET", format!("databases/{login}"), 404, "object_not_found",
            format!("Could not find database with ID: {login}. {shared}")),
        ("GET", format!("data_sources/{base}"), 404, "object_not_found",
            format!("Could not find database with ID: {base}. {shared}")),
        ("GET", format!("blocks/{hidden}/children"), 404, "object_not_found",
            format!("Could not find block with ID: {hidden}. {shared}")),
    ];
    for (method, path, status, code, message) in cases {
        let answer = client.send(method, &path, None);
        assert_eq!(
            answer.refusal(),
            (status, code, message.as_str()),
            "{method} {path}"
        );
    }
    // People see what they can see, connection or not.
    let mut client = client.with_token("ntn_ada");
    assert_eq!(
        client.get(&format!("pages/{below}")).ok()["id"],
        json!(below)
    );
}

#[test]
fn sharing_is_inherited_and_can_be_taken_away() {
    let mut client = Client::new();
    let (home, login) = (client.id("home"), client.id("login"));
    let now = client.now;
    client
        .notion
        .person("ada", now)
        .unwrap()
        .share(home, false)
        .unwrap();
    // The database stands below the page, and its rows below the database.
    assert_eq!(client.get(&format!("pages/{login}")).status, 404);
    let tasks = client.id("tasks");
    assert_eq!(
        client
            .post(&format!("data_sources/{tasks}/query"), json!({}))
            .status,
        404
    );
    client
        .notion
        .person("ada", now)
        .unwrap()
        .share(login, true)
        .unwrap();
    assert_eq!(client.get(&format!("pages/{login}")).status, 200);
    client
        .notion
        .person("ada", now)
        .unwrap()
        .share(home, true)
        .unwrap();
    assert_eq!(client.get(&format!("pages/{home}")).status, 200);
}

/// What a connection without a capability is refused.
#[test]
fn capabilities_are_checked() {
    let mut client = Client::new().with_token("ntn_reader");
    let (home, login) = (client.id("home"), client.id("login"));
    let cases = [
        ("GET", format!("pages/{home}"), json!({}), 200),
        (
            "PATCH",
            format!("pages/{home}"),
            json!({"icon": {"emoji": "x"}}),
            403,
        ),
        (
            "POST",
            "pages".to_owned(),
            json!({"parent": {"page_id": home}, "properties": {}}),
            403,
        ),
        (
            "PATCH",
            format!("blocks/{home}/children"),
            json!({"children": []}),
            403,
        ),
        ("DELETE", format!("blocks/{home}"), json!({}), 403),
        ("PATCH", format!("pages/{home}/markdown"), json!({}), 403),
        ("GET", format!("comments?block_id={login}"), json!({}), 403),
        ("POST", "comments".to_owned(), json!({}), 403),
        ("GET", "users".to_owned(), json!({}), 403),
        ("GET", "users/me".to_owned(), json!({}), 200),
    ];
    for (method, path, body, status) in cases {
        let answer = client.send(method, &path, Some(body));
        assert_eq!(answer.status, status, "{method} {path}: {}", answer.body);
        if status == 403 {
            assert_eq!(answer.body["code"], "restricted_resource");
        }
    }
}

#[test]
fn edits_carry_the_name_of_who_made_them_and_the_minute() {
    let mut client = Client::new();
    let login = client.id("login");
    client
        .patch(
            &format!("pages/{login}"),
            json!({"properties": {"Points": {"number": 8}}}),
        )
        .ok();
    let page = client.get(&format!("pages/{login}")).ok();
    assert_eq!(page["last_edited_by"]["id"], json!(client.id("sync")));
    assert_eq!(page["created_by"]["id"], json!(client.id("ada")));
    assert_eq!(page["last_edited_time"], "2026-11-20T12:00:00.000Z");
    assert_eq!(client.notion.last_edit(login).unwrap().0, client.now);
    client.wait(29);
    let now = client.now;
    client
        .notion
        .person("Bob", now)
        .unwrap()
        .set_property(login, "Points", json!(9))
        .unwrap();
    let page = client.get(&format!("pages/{login}")).ok();
    assert_eq!(page["last_edited_by"]["id"], json!(client.id("bob")));
    assert_eq!(page["last_edited_time"], "2026-11-20T12:00:00.000Z");
    client.wait(1);
    client.token = "ntn_bob".to_owned();
    client
        .patch(
            &format!("pages/{login}"),
            json!({"properties": {"Points": {"number": 8}}}),
        )
        .ok();
    let page = client.get(&format!("pages/{login}")).ok();
    assert_eq!(page["last_edited_time"], "2026-11-20T12:01:00.000Z");
    assert_eq!(page["last_edited_by"]["id"], json!(client.id("bob")));
}

#[test]
fn trash_restore_move_and_the_top_of_the_workspace() {
    let mut client = Client::new();
    let (home, child, login, alpha) = (
        client.id("home"),
        client.id("child"),
        client.id("login"),
        client.id("alpha"),
    );
    let refused = client.patch(&format!("pages/{home}"), json!({"in_trash": true}));
    assert!(
        refused.refusal().2.contains("workspace level pages"),
        "{}",
        refused.body
    );
    let gone = client
        .patch(&format!("pages/{login}"), json!({"in_trash": true}))
        .ok();
    assert_eq!(gone["in_trash"], true);
    assert_eq!(client.get(&format!("pages/{login}")).ok()["in_trash"], true);
    let refused = client.patch(&format!("pages/{login}"), json!({"properties": {}}));
    assert_eq!(refused.status, 400);
    let back = client
        .patch(&format!("pages/{login}"), json!({"in_trash": false}))
        .ok();
    assert_eq!(back["in_trash"], false);
    // A page in a table moves elsewhere and keeps its title.
    let moved = client
        .post(
            &format!("pages/{login}/move"),
            json!({"parent": {"page_id": child}}),
        )
        .ok();
    assert_eq!(
        moved["parent"],
        json!({"type": "page_id", "page_id": child})
    );
    assert_eq!(
        moved["properties"]["title"]["title"][0]["plain_text"],
        "Fix login"
    );
    assert_eq!(
        client
            .post(
                &format!("pages/{child}/move"),
                json!({"parent": {"page_id": login}})
            )
            .status,
        400
    );
    let projects = client.id("projects");
    let moved = client
        .post(
            &format!("pages/{login}/move"),
            json!({"parent": {"data_source_id": projects}}),
        )
        .ok();
    assert_eq!(
        moved["properties"]["Project name"]["title"][0]["plain_text"],
        "Fix login"
    );
    assert_eq!(moved["parent"]["database_id"], json!(client.id("plans")));
    assert_eq!(
        client
            .post(
                &format!("pages/{alpha}/move"),
                json!({"parent": {"page_id": alpha}})
            )
            .status,
        400
    );
    // Below a page in the trash everything is.
    client
        .patch(&format!("pages/{child}"), json!({"in_trash": true}))
        .ok();
    let inner = client.post(
        "pages",
        json!({"parent": {"page_id": child}, "properties": {}}),
    );
    assert_eq!(inner.status, 400);
}

#[test]
fn pages_are_created_in_all_the_ways() {
    let mut client = Client::new();
    let (home, base, tasks) = (client.id("home"), client.id("backlog"), client.id("tasks"));
    let page = client.post("pages", json!({"parent": {"database_id": base},
        "icon": {"emoji": "🐞"}, "cover": {"external": {"url": "https://e.org/c.png"}},
        "properties": {"title": rich("By id")}, "children": [{"paragraph": {"rich_text": rich("x")}}]})).ok();
    assert_eq!(page["parent"]["data_source_id"], json!(tasks));
    assert_eq!(page["icon"], json!({"type": "emoji", "emoji": "🐞"}));
    assert_eq!(page["cover"]["external"]["url"], "https://e.org/c.png");
    assert_eq!(
        page["properties"]["Name"]["title"][0]["plain_text"],
        "By id"
    );
    assert_eq!(page["properties"]["State"]["status"]["name"], "Not started");
    assert_eq!(
        page["properties"]["No"]["unique_id"],
        json!({"prefix": "TASK", "number": 3})
    );
    assert!(text(&page["url"]).starts_with("https://app.notion.com/p/By-id-"));
    assert_eq!(client.markdown(id_of(&page)), "x");
    for (body, part) in [
        (
            json!({"parent": {"page_id": home}}),
            "body.properties should be defined, instead was `undefined`.",
        ),
        (json!({"properties": {}}), "workspace"),
        (json!({"parent": {}, "properties": {}}), "Fix one"),
        (
            json!({"parent": {"page_id": home}, "properties": {"Name": {"title": []}}}),
            "Name is not a property",
        ),
        (
            json!({"parent": {"page_id": home}, "properties": {}, "markdown": "a", "children": []}),
            "markdown",
        ),
        (
            json!({"parent": {"page_id": home}, "properties": {}, "allow_async": true}),
            "allow_async",
        ),
        (
            json!({"parent": {"page_id": home}, "properties": {}, "icon": {"emoji": ""}}),
            "emoji",
        ),
    ] {
        let answer = client.post("pages", body);
        let (status, code, message) = answer.refusal();
        assert_eq!((status, code), (400, "validation_error"), "{message}");
        assert!(message.contains(part), "{message}");
    }
    // Only people put pages at the top.
    let mut client = client.with_token("ntn_ada");
    let page = client
        .post("pages", json!({"properties": {"title": rich("Top")}}))
        .ok();
    assert_eq!(
        page["parent"],
        json!({"type": "workspace", "workspace": true})
    );
}

#[test]
fn databases_are_created_with_a_first_table() {
    let mut client = Client::new();
    let home = client.id("home");
    let made = client
        .post("databases", json!({"parent": {"page_id": home}, "title": rich("New base"),
            "initial_data_source": {"properties": {"Title": {"title": {}}, "N": {"number": {"format": "percent"}},
                "S": {"status": {}}}}}))
        .ok();
    let source = text(&made["data_sources"][0]["id"]).to_owned();
    let got = client.get(&format!("data_sources/{source}")).ok();
    assert_eq!(got["parent"]["database_id"], made["id"]);
    assert_eq!(got["database_parent"]["page_id"], json!(home));
    assert_eq!(got["properties"]["N"]["number"]["format"], "percent");
    assert_eq!(
        got["properties"]["S"]["status"]["options"][0]["name"],
        "Not started"
    );
    // A second table makes the database useless as a parent of pages.
    client
        .post(
            "data_sources",
            json!({"parent": {"database_id": made["id"]},
        "properties": {"T": {"title": {}}}}),
        )
        .ok();
    let answer = client.post(
        "pages",
        json!({"parent": {"database_id": made["id"]}, "properties": {}}),
    );
    assert!(
        answer.refusal().2.contains("multiple data sources"),
        "{}",
        answer.body
    );
    let base = client.get(&format!("databases/{}", text(&made["id"]))).ok();
    assert_eq!(base["data_sources"].as_array().unwrap().len(), 2);
    assert_eq!(
        client
            .post(
                "data_sources",
                json!({"parent": {"database_id": made["id"]},
        "properties": {"N": {"number": {}}}})
            )
            .status,
        400
    );
}

#[test]
fn users_and_comments() {
    let mut client = Client::new();
    let (login, home) = (client.id("login"), client.id("home"));
    let list = client.get("users").ok();
    let names: Vec<&str> = list["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|user| text(&user["name"]))
        .collect();
    assert_eq!(names.len(), 4, "guests are not listed: {names:?}");
    let me = client.get("users/me").ok();
    assert_eq!((text(&me["type"]), text(&me["name"])), ("bot", "Sync"));
    let guest = client.id("gus");
    assert_eq!(client.get(&format!("users/{guest}")).ok()["name"], "Gus");
    let made = client
        .post(
            "comments",
            json!({"parent": {"page_id": login}, "markdown": "**yes** and\nno"}),
        )
        .ok();
    assert_eq!(made["rich_text"][0]["annotations"]["bold"], true);
    assert_eq!(
        made["display_name"],
        json!({"type": "integration", "resolved_name": "Sync"})
    );
    let answer = client
        .post(
            "comments",
            json!({"discussion_id": made["discussion_id"], "rich_text": rich("again")}),
        )
        .ok();
    assert_eq!(answer["discussion_id"], made["discussion_id"]);
    let list = client.get(&format!("comments?block_id={login}")).ok();
    let texts: Vec<&str> = list["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|comment| text(&comment["rich_text"][0]["plain_text"]))
        .collect();
    assert_eq!(texts, ["Is it ", "yes", "again"]);
    let theirs = text(&list["results"][0]["id"]).to_owned();
    assert_eq!(
        client
            .patch(&format!("comments/{theirs}"), json!({"markdown": "x"}))
            .status,
        403
    );
    assert_eq!(
        client
            .send("DELETE", &format!("comments/{theirs}"), None)
            .status,
        403
    );
    let mine = text(&made["id"]).to_owned();
    client
        .patch(
            &format!("comments/{mine}"),
            json!({"rich_text": rich("edited")}),
        )
        .ok();
    assert_eq!(
        client.get(&format!("comments/{mine}")).ok()["rich_text"][0]["plain_text"],
        "edited"
    );
    client
        .send("DELETE", &format!("comments/{mine}"), None)
        .ok();
    assert_eq!(client.get(&format!("comments/{mine}")).status, 404);
    for body in [
        json!({"rich_text": []}),
        json!({"parent": {"page_id": home}}),
        json!({"parent": {"page_id": home}, "rich_text": [], "markdown": "x"}),
        json!({"parent": {"page_id": home, "block_id": home}, "markdown": "x"}),
    ] {
        assert_eq!(client.post("comments", body.clone()).status, 400, "{body}");
    }
    assert_eq!(client.get("comments").status, 400);
    // Names and addresses need capabilities.
    let mut client = client.with_token("ntn_reader");
    let page = client.get(&format!("pages/{login}")).ok();
    assert_eq!(
        page["properties"]["Who"]["people"],
        json!([{"object": "user", "id": client.id("ada")}])
    );
    // A person's token lists nobody but knows who it is.
    let mut client = client.with_token("ntn_ada");
    assert_eq!(client.get("users").status, 403);
    assert_eq!(
        client.get("users/me").ok()["person"]["email"],
        "ada@example.org"
    );
}
