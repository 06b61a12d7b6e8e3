//! Queries, search and paging.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use notion_sync_testkit::emulator::{Emulator, EmulatorBounds};
use notion_sync_testkit::notion::NotionId;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::notion_support::{Client, id_of, rich, text, world};

/// Five rows with different values.
fn rows(client: &mut Client) -> Vec<NotionId> {
    let tasks = client.id("tasks");
    let (ada, bob, login) = (client.id("ada"), client.id("bob"), client.id("login"));
    let values = [
        json!({"Name": {"title": rich("apple pie")}, "Points": {"number": 1}, "Area": {"select": {"name": "Front"}},
            "Tags": {"multi_select": [{"name": "red"}]}, "Due": {"date": {"start": "2026-11-19"}},
            "Who": {"people": [{"id": ada}]}, "Mail": {"email": "a@e.org"}}),
        json!({"Name": {"title": rich("Banana")}, "Points": {"number": 2}, "Area": {"select": {"name": "Back"}},
            "State": {"status": {"name": "Done"}}, "Tags": {"multi_select": [{"name": "red"}, {"name": "green"}]},
            "Due": {"date": {"start": "2026-11-20T15:00:00Z"}}, "Who": {"people": [{"id": bob}, {"id": ada}]}}),
        json!({"Name": {"title": rich("cherry")}, "Points": {"number": 3}, "Ok": {"checkbox": true},
            "State": {"status": {"name": "In progress"}}, "Blocks": {"relation": [{"id": login}]},
            "Files": {"files": [{"name": "f", "external": {"url": "https://e.org/f"}}]}}),
        json!({"Name": {"title": rich("date")}, "Due": {"date": {"start": "2026-12-05"}},
            "Check": {"verification": {"state": "verified"}}}),
        json!({"Points": {"number": -1}}),
    ];
    values
        .into_iter()
        .map(|properties| {
            client.wait(60);
            id_of(
                &client
                    .post(
                        "pages",
                        json!({"parent": {"data_source_id": tasks}, "properties": properties}),
                    )
                    .ok(),
            )
        })
        .collect()
}

fn found(client: &mut Client, body: Value) -> Vec<NotionId> {
    let tasks = client.id("tasks");
    let list = client
        .post(&format!("data_sources/{tasks}/query"), body)
        .ok();
    list["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(id_of)
        .collect()
}

#[test]
fn filters_choose_rows() {
    let mut client = Client::new();
    let ids = rows(&mut client);
    // The rows of the world are in the way of short lists.
    for name in ["login", "logout"] {
        let id = client.id(name);
        client
            .patch(&format!("pages/{id}"), json!({"in_trash": true}))
            .ok();
    }
    let (ada, login) = (client.id("ada"), client.id("login"));
    let bot = client.id("sync");
    let cases: Vec<(Value, &[usize])> = vec![
        (
            json!({"property": "Name", "title": {"equals": "banana"}}),
            &[1],
        ),
        (
            json!({"property": "Name", "rich_text": {"contains": "AN"}}),
            &[1],
        ),
        (
            json!({"property": "Name", "title": {"does_not_contain": "a"}}),
            &[2, 4],
        ),
        (
            json!({"property": "Name", "title": {"starts_with": "Apple"}}),
            &[0],
        ),
        (
            json!({"property": "Name", "title": {"ends_with": "e"}}),
            &[0, 3],
        ),
        (
            json!({"property": "Name", "title": {"is_empty": true}}),
            &[4],
        ),
        (
            json!({"property": "Mail", "email": {"is_not_empty": true}}),
            &[0],
        ),
        (
            json!({"property": "Points", "number": {"greater_than": 1}}),
            &[1, 2],
        ),
        (
            json!({"property": "Points", "number": {"less_than_or_equal_to": 1}}),
            &[0, 4],
        ),
        (
            json!({"property": "Points", "number": {"does_not_equal": 1}}),
            &[1, 2, 3, 4],
        ),
        (
            json!({"property": "Points", "number": {"is_empty": true}}),
            &[3],
        ),
        (
            json!({"property": "No", "unique_id": {"greater_than_or_equal_to": 6}}),
            &[3, 4],
        ),
        (
            json!({"property": "Ok", "checkbox": {"equals": true}}),
            &[2],
        ),
        (
            json!({"property": "Ok", "checkbox": {"does_not_equal": true}}),
            &[0, 1, 3, 4],
        ),
        (
            json!({"property": "Area", "select": {"equals": "Back"}}),
            &[1],
        ),
        (
            json!({"property": "Area", "select": {"equals": ["Back", "Front"]}}),
            &[0, 1],
        ),
        (
            json!({"property": "Area", "select": {"does_not_equal": "Back"}}),
            &[0, 2, 3, 4],
        ),
        (
            json!({"property": "State", "status": {"does_not_equal": "Not started"}}),
            &[1, 2],
        ),
        (
            json!({"property": "Tags", "multi_select": {"contains": "green"}}),
            &[1],
        ),
        (
            json!({"property": "Tags", "multi_select": {"is_empty": true}}),
            &[2, 3, 4],
        ),
        (
            json!({"property": "Due", "date": {"equals": "2026-11-20"}}),
            &[1],
        ),
        (
            json!({"property": "Due", "date": {"before": "2026-11-20"}}),
            &[0],
        ),
        (
            json!({"property": "Due", "date": {"on_or_after": "2026-11-20"}}),
            &[1, 3],
        ),
        (
            json!({"property": "Due", "date": {"on_or_before": "today"}}),
            &[0, 1],
        ),
        (
            json!({"property": "Due", "date": {"past_week": {}}}),
            &[0, 1],
        ),
        (
            json!({"property": "Due", "date": {"next_month": {}}}),
            &[1, 3],
        ),
        (
            json!({"property": "Due", "date": {"is_empty": true}}),
            &[2, 4],
        ),
        (
            json!({"property": "Who", "people": {"contains": ada}}),
            &[0, 1],
        ),
        (
            json!({"property": "Who", "people": {"contains": "me"}}),
            &[],
        ),
        (
            json!({"property": "Maker", "created_by": {"contains": bot}}),
            &[0, 1, 2, 3, 4],
        ),
        (
            json!({"property": "Blocks", "relation": {"contains": login}}),
            &[],
        ),
        (
            json!({"property": "Files", "files": {"is_not_empty": true}}),
            &[2],
        ),
        (
            json!({"property": "Check", "verification": {"status": "verified"}}),
            &[3],
        ),
        (
            json!({"property": "Echo", "formula": {"number": {"greater_than": 2}}}),
            &[2],
        ),
        (
            json!({"property": "Sum", "rollup": {"number": {"equals": 0}}}),
            &[0, 1, 2, 3, 4],
        ),
        (
            json!({"property": "Originals", "rollup": {"any": {"title": {"contains": "login"}}}}),
            &[],
        ),
        (
            json!({"property": "Made", "created_time": {"on_or_after": "2026-11-20T12:04:00Z"}}),
            &[3, 4],
        ),
        (
            json!({"timestamp": "created_time", "created_time": {"before": "2026-11-20T12:02:00Z"}}),
            &[0],
        ),
        (
            json!({"timestamp": "last_edited_time", "last_edited_time": {"equals": "2026-11-20T12:03:45Z"}}),
            &[2],
        ),
        (
            json!({"and": [{"property": "Tags", "multi_select": {"contains": "red"}},
            {"or": [{"property": "Points", "number": {"equals": 2}}, {"property": "Ok", "checkbox": {"equals": true}}]}]}),
            &[1],
        ),
        (json!({"or": []}), &[]),
        (json!({"and": []}), &[0, 1, 2, 3, 4]),
    ];
    let by_creation = json!([{"timestamp": "created_time", "direction": "ascending"}]);
    for (filter, expected) in cases {
        let got = found(&mut client, json!({"filter": filter, "sorts": by_creation}));
        let expected: Vec<NotionId> = expected.iter().map(|index| ids[*index]).collect();
        assert_eq!(got, expected, "{filter}");
    }
}

#[test]
fn wrong_queries() {
    let mut client = Client::new();
    let tasks = client.id("tasks");
    let path = format!("data_sources/{tasks}/query");
    for (body, part) in [
        (
            json!({"filter": {"property": "LastEditedTime", "date": {}}}),
            "Could not find property with name or id: LastEditedTime",
        ),
        (
            json!({"filter": {"property": "Points", "select": {"equals": "x"}}}),
            "does not match filter",
        ),
        (
            json!({"filter": {"property": "Points", "number": {"equals": "x"}}}),
            "should be a number",
        ),
        (
            json!({"filter": {"property": "Points", "number": {}}}),
            "Fix one",
        ),
        (
            json!({"filter": {"property": "Points", "number": {"equals": 1, "is_empty": true}}}),
            "not present",
        ),
        (
            json!({"filter": {"property": "Due", "date": {"after": "soon"}}}),
            "ISO 8601",
        ),
        (
            json!({"filter": {"and": [{"or": [{"and": []}]}]}}),
            "not present",
        ),
        (
            json!({"filter": {"timestamp": "edited", "edited": {}}}),
            "created_time",
        ),
        (
            json!({"sorts": [{"property": "Nope", "direction": "ascending"}]}),
            "Could not find sort property",
        ),
        (
            json!({"sorts": [{"property": "Points", "direction": "up"}]}),
            "ascending",
        ),
        (
            json!({"page_size": 101}),
            "body.page_size should be ≤ `100`, instead was `101`.",
        ),
        (json!({"page_size": 0}), "should be ≥ `1`"),
        (json!({"start_cursor": "0123"}), "start_cursor"),
    ] {
        let answer = client.post(&path, body.clone());
        let (status, code, message) = answer.refusal();
        assert_eq!(
            (status, code),
            (400, "validation_error"),
            "{body}: {message}"
        );
        assert!(message.contains(part), "{body}: {message}");
    }
    let answer = client.get("users?page_size=1000");
    assert!(
        answer
            .refusal()
            .2
            .contains("query.page_size should be ≤ `100`"),
        "{}",
        answer.body
    );
}

#[test]
fn rows_are_sorted() {
    let mut client = Client::new();
    let ids = rows(&mut client);
    for name in ["login", "logout"] {
        let id = client.id(name);
        client
            .patch(&format!("pages/{id}"), json!({"in_trash": true}))
            .ok();
    }
    let cases: Vec<(Value, [usize; 5])> = vec![
        (
            json!([{"property": "Points", "direction": "ascending"}]),
            [4, 0, 1, 2, 3],
        ),
        (
            json!([{"property": "Points", "direction": "descending"}]),
            [2, 1, 0, 4, 3],
        ),
        (
            json!([{"property": "Name", "direction": "descending"}]),
            [3, 2, 1, 0, 4],
        ),
        (
            json!([{"timestamp": "last_edited_time", "direction": "descending"}]),
            [4, 3, 2, 1, 0],
        ),
        (
            json!([{"property": "Ok", "direction": "descending"}, {"timestamp": "created_time", "direction": "ascending"}]),
            [2, 0, 1, 3, 4],
        ),
        (
            json!([{"property": "State", "direction": "descending"}, {"property": "Points", "direction": "ascending"}]),
            [1, 2, 4, 0, 3],
        ),
        (
            json!([{"property": "Due", "direction": "ascending"}, {"property": "Points", "direction": "descending"}]),
            [0, 1, 3, 2, 4],
        ),
    ];
    for (sorts, expected) in cases {
        let got = found(&mut client, json!({"sorts": sorts}));
        let expected: Vec<NotionId> = expected.iter().map(|index| ids[*index]).collect();
        assert_eq!(got, expected, "{sorts}");
    }
}

#[test]
fn trashed_moved_and_archived_rows_vanish() {
    let mut client = Client::new();
    let ids = rows(&mut client);
    let child = client.id("child");
    client
        .patch(&format!("pages/{}", ids[0]), json!({"in_trash": true}))
        .ok();
    client
        .post(
            &format!("pages/{}/move", ids[1]),
            json!({"parent": {"page_id": child}}),
        )
        .ok();
    client
        .patch(&format!("pages/{}", ids[2]), json!({"is_archived": true}))
        .ok();
    let now = client.now;
    client
        .notion
        .person("ada", now)
        .unwrap()
        .share(ids[3], false)
        .unwrap();
    let live = found(&mut client, json!({}));
    assert!(ids[..4].iter().all(|id| !live.contains(id)));
    assert!(live.contains(&ids[4]));
    assert_eq!(found(&mut client, json!({"is_archived": true})), [ids[2]]);
    for (index, status) in [(0, 200), (1, 200), (2, 200), (3, 404)] {
        assert_eq!(client.get(&format!("pages/{}", ids[index])).status, status);
    }
    // With the table in the trash nothing is left.
    let base = client.id("backlog");
    client
        .patch(&format!("databases/{base}"), json!({"in_trash": true}))
        .ok();
    assert_eq!(found(&mut client, json!({})), []);
}

#[test]
fn the_cap_calls_a_query_incomplete_on_every_page() {
    let mut world = world();
    world.options.query_cap = 4;
    let mut client = Client::of(world, EmulatorBounds::notion());
    rows(&mut client);
    let tasks = client.id("tasks");
    let path = format!("data_sources/{tasks}/query");
    let first = client.post(&path, json!({"page_size": 3})).ok();
    let second = client
        .post(
            &path,
            json!({"page_size": 3, "start_cursor": first["next_cursor"]}),
        )
        .ok();
    for page in [&first, &second] {
        assert_eq!(
            page["request_status"]["incomplete_reason"],
            "query_result_limit_reached"
        );
    }
    assert_eq!(second["has_more"], false);
    assert_eq!(second["results"].as_array().unwrap().len(), 1);
    let whole = client
        .post(
            &path,
            json!({"filter": {"property": "Ok", "checkbox": {"equals": true}}}),
        )
        .ok();
    assert!(whole.get("request_status").is_none());
}

/// Queries and search lag behind; direct reads do not.
#[test]
fn writes_become_visible_later() {
    let bounds = EmulatorBounds {
        visibility_seconds: 30,
        ..EmulatorBounds::notion()
    };
    let mut client = Client::of(world(), bounds);
    let (tasks, login) = (client.id("tasks"), client.id("login"));
    let made = client
        .post("pages", json!({"parent": {"data_source_id": tasks}, "properties": {"Name": {"title": rich("fresh")}}}))
        .ok();
    let fresh = id_of(&made);
    client
        .patch(
            &format!("pages/{login}"),
            json!({"properties": {"Points": {"number": 99}}}),
        )
        .ok();
    let look = |client: &mut Client| {
        let list = client
            .post(&format!("data_sources/{tasks}/query"), json!({}))
            .ok();
        let rows = list["results"].as_array().unwrap().clone();
        let points = rows
            .iter()
            .find(|row| id_of(row) == login)
            .map(|row| row["properties"]["Points"]["number"].clone())
            .unwrap();
        let search = client.post("search", json!({"query": "fresh"})).ok();
        (
            rows.iter().any(|row| id_of(row) == fresh),
            points,
            search["results"].as_array().unwrap().len(),
        )
    };
    client.wait(29);
    assert_eq!(look(&mut client), (false, json!(3), 0));
    assert_eq!(client.get(&format!("pages/{fresh}")).status, 200);
    assert_eq!(
        client.get(&format!("pages/{login}")).ok()["properties"]["Points"]["number"],
        99
    );
    client.wait(1);
    assert_eq!(look(&mut client), (true, json!(99), 1));
    // What went to the trash is listed for a while, too.
    client
        .patch(&format!("pages/{fresh}"), json!({"in_trash": true}))
        .ok();
    assert!(look(&mut client).0);
    client.wait(30);
    assert!(!look(&mut client).0);
}

#[test]
fn search_finds_titles() {
    let mut client = Client::new();
    let login = client.id("login");
    let mut titles = |body: Value| -> Vec<String> {
        let list = client.post("search", body).ok();
        assert_eq!(list["type"], "page_or_data_source");
        list["results"]
            .as_array()
            .unwrap()
            .iter()
            .map(|found| {
                let title = match text(&found["object"]) {
                    "page" => found["properties"]
                        .as_object()
                        .unwrap()
                        .values()
                        .find(|p| p["type"] == "title")
                        .unwrap()["title"][0]["plain_text"]
                        .clone(),
                    _ => found["title"][0]["plain_text"].clone(),
                };
                text(&title).to_owned()
            })
            .collect()
    };
    let mut all = titles(json!({}));
    all.sort();
    assert_eq!(
        all,
        [
            "Alpha",
            "Child",
            "Fix login",
            "Fix logout",
            "Home",
            "Projects",
            "Tasks"
        ]
    );
    let mut fix = titles(json!({"query": "FIX"}));
    fix.sort();
    assert_eq!(fix, ["Fix login", "Fix logout"]);
    assert_eq!(
        titles(json!({"query": "task", "filter": {"property": "object", "value": "data_source"}})),
        ["Tasks"]
    );
    assert_eq!(
        titles(json!({"filter": {"in_trash": true}})),
        Vec::<String>::new()
    );
    client.wait(60);
    client
        .patch(&format!("pages/{login}"), json!({"in_trash": true}))
        .ok();
    let trashed = client
        .post("search", json!({"filter": {"in_trash": true}}))
        .ok();
    assert_eq!(id_of(&trashed["results"][0]), login);
    assert_eq!(
        client
            .post(
                "search",
                json!({"filter": {"property": "object", "value": "database"}})
            )
            .status,
        400
    );
    let sorted = client
        .post(
            "search",
            json!({"sort": {"timestamp": "last_edited_time", "direction": "ascending"},
        "filter": {"property": "object", "value": "page"}}),
        )
        .ok();
    assert_eq!(sorted["results"].as_array().unwrap().len(), 4);
}

#[test]
fn cursors_are_opaque_and_die_with_the_service() {
    let mut client = Client::new();
    let tasks = client.id("tasks");
    let path = format!("data_sources/{tasks}/query");
    let first = client.post(&path, json!({"page_size": 1})).ok();
    let cursor = text(&first["next_cursor"]).to_owned();
    assert!(cursor.parse::<NotionId>().is_err());
    assert_eq!(
        client
            .post(&path, json!({"page_size": 1, "start_cursor": cursor}))
            .status,
        200
    );
    // Of another list, or after a restart, it means nothing.
    assert_eq!(
        client
            .post("search", json!({"start_cursor": cursor}))
            .status,
        400
    );
    client.notion.reset();
    assert_eq!(
        client
            .post(&path, json!({"page_size": 1, "start_cursor": cursor}))
            .status,
        400
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever the page size, all pages together are the list, in order, once.
    #[test]
    fn pages_of_a_list_are_the_list(count in 0usize..40, size in 1usize..13, short in any::<bool>()) {
        let mut world = world();
        world.options.short_pages = short;
        let mut client = Client::of(world, EmulatorBounds::notion());
        let page = client.page();
        let lines: Vec<String> = (0..count).map(|n| format!("line {n}")).collect();
        client.replace(page, &lines.join("\n")).ok();
        let mut got = Vec::new();
        let mut cursor = String::new();
        loop {
            let list = client.get(&format!("blocks/{page}/children?page_size={size}{cursor}")).ok();
            let results = list["results"].as_array().unwrap();
            prop_assert!(results.len() <= size);
            prop_assert_eq!(list["has_more"].as_bool().unwrap(), list["next_cursor"].is_string());
            got.extend(results.iter().map(|b| text(&b["paragraph"]["rich_text"][0]["plain_text"]).to_owned()));
            match list["next_cursor"].as_str() {
                Some(next) => {
                    prop_assert!(!results.is_empty());
                    cursor = format!("&start_cursor={next}");
                }
                None => break,
            }
        }
        prop_assert_eq!(got, lines);
    }
}

/// A thousand rows: every query stays a matter of one pass over them.
#[test]
fn a_thousand_rows_page_by_page() {
    let mut world = world();
    for n in 0..1000 {
        world.pages.push(
            serde_json::from_value(json!({
                "id": format!("row {n}"), "parent": "projects", "title": format!("Row {n:04}"),
            }))
            .unwrap(),
        );
    }
    let mut client = Client::of(world, EmulatorBounds::notion());
    let projects = client.id("projects");
    let mut seen = Vec::new();
    let mut cursor = Value::Null;
    loop {
        let mut body = json!({"sorts": [{"property": "Project name", "direction": "ascending"}],
            "filter": {"property": "Project name", "title": {"starts_with": "row"}}});
        if !cursor.is_null() {
            body["start_cursor"] = cursor;
        }
        let list = client
            .post(
                &format!("data_sources/{projects}/query?filter_properties=title"),
                body,
            )
            .ok();
        seen.extend(list["results"].as_array().unwrap().iter().map(|row| {
            text(&row["properties"]["Project name"]["title"][0]["plain_text"]).to_owned()
        }));
        cursor = list["next_cursor"].clone();
        if cursor.is_null() {
            break;
        }
    }
    let expected: Vec<String> = (0..1000).map(|n| format!("Row {n:04}")).collect();
    assert_eq!(seen, expected);
    assert_eq!(client.notion.log().since(0).count(), 10);
}
