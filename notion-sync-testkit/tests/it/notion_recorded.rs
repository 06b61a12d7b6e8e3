//! The emulator's answers beside recorded ones: the same keys, the same JSON types.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::collections::BTreeSet;
use std::path::PathBuf;

use notion_sync_testkit::notion::NotionId;
use serde_json::{Value, json};

use crate::notion_shapes::{Shapes, type_name};
use crate::notion_support::{Client, NEW, OLD, id_of, rich, text};

/// The folder of recorded answers. Missing it fails where CI runs and skips elsewhere.
fn fixtures() -> Option<PathBuf> {
    let folder = std::env::var_os("NOTION_SYNC_FIXTURES").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/fixtures"),
        PathBuf::from,
    );
    if folder.join("notion/index.json").is_file() {
        return Some(folder.join("notion"));
    }
    assert!(
        std::env::var_os("CI").is_none(),
        "recorded answers are missing: {}",
        folder.display()
    );
    eprintln!("skipped: no recorded answers in {}", folder.display());
    None
}

fn read(path: &std::path::Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// One recorded interaction.
struct Interaction {
    method: String,
    path: String,
    version: String,
    request: Value,
    answer: Value,
}

fn interactions(folder: &std::path::Path) -> Vec<Interaction> {
    let index = read(&folder.join("index.json"));
    index["interactions"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|row| [OLD, NEW].contains(&text(&row["notion_version"])))
        .map(|row| {
            let request = match row["request_file"].as_str() {
                Some(file) => read(&folder.join(file)),
                None => row["request"].clone(),
            };
            Interaction {
                method: text(&row["method"]).to_owned(),
                path: text(&row["path"]).to_owned(),
                version: text(&row["notion_version"]).to_owned(),
                request,
                answer: read(&folder.join(text(&row["file"]))),
            }
        })
        .collect()
}

/// A page with a block of every type, rows with a value of every type, comments, lists.
fn everything(version: &str) -> Shapes {
    let mut ours = Shapes::default();
    let mut client = Client::new();
    client.version = version.to_owned();
    let page = client.page();
    let (ada, login, base) = (client.id("ada"), client.id("login"), client.id("backlog"));
    let spans = json!([
        {"text": {"content": "plain"}},
        {"text": {"content": "link", "link": {"url": "https://e.org"}}, "annotations": {"bold": true}},
        {"equation": {"expression": "x"}},
        {"mention": {"user": {"id": ada}}},
        {"mention": {"page": {"id": login}}},
        {"mention": {"database": {"id": base}}},
        {"mention": {"date": {"start": "2026-01-01"}}},
        {"mention": {"template_mention": {"type": "template_mention_date", "template_mention_date": "today"}}}
    ]);
    let file = json!({"external": {"url": "https://e.org/f"}, "caption": spans});
    let mut blocks: Vec<Value> = [
        "paragraph",
        "bulleted_list_item",
        "numbered_list_item",
        "to_do",
        "toggle",
        "quote",
        "heading_1",
        "heading_2",
        "heading_3",
        "heading_4",
        "template",
    ]
    .iter()
    .map(|kind| json!({*kind: {"rich_text": spans}}))
    .collect();
    blocks.extend(
        ["image", "video", "audio", "pdf", "file"]
            .iter()
            .map(|kind| json!({*kind: file})),
    );
    blocks.extend([
        json!({"callout": {"rich_text": spans, "icon": {"emoji": "x"}}}),
        json!({"code": {"rich_text": spans, "language": "rust"}}),
        json!({"equation": {"expression": "x"}}),
        json!({"divider": {}}),
        json!({"breadcrumb": {}}),
        json!({"table_of_contents": {}}),
        json!({"column_list": {"children": [{"column": {"children": [{"divider": {}}]}},
            {"column": {"children": [{"divider": {}}]}}]}}),
        json!({"table": {"table_width": 1, "children": [{"table_row": {"cells": [spans]}}]}}),
        json!({"synced_block": {"synced_from": null, "children": [{"divider": {}}]}}),
        json!({"link_to_page": {"page_id": login}}),
        json!({"link_to_page": {"database_id": base}}),
        json!({"embed": {"url": "https://e.org"}}),
        json!({"bookmark": {"url": "https://e.org"}}),
    ]);
    let mut look = |answer: Value| -> Value {
        ours.visit(&answer);
        answer
    };
    look(
        client
            .patch(
                &format!("blocks/{page}/children"),
                json!({"children": blocks}),
            )
            .ok(),
    );
    let now = client.now;
    client.notion.person("ada", now).unwrap().append_blocks(page, &[
        json!({"link_preview": {"url": "https://e.org"}, "type": "link_preview"}),
        json!({"image": {"file": {"url": "https://prod-files-secure.s3.us-west-2.amazonaws.com/a/b.png"}}}),
        json!({"unsupported": {}}),
    ]).unwrap();
    let first = look(
        client
            .get(&format!("blocks/{page}/children?page_size=3"))
            .ok(),
    );
    look(
        client
            .get(&format!("blocks/{}", text(&first["results"][0]["id"])))
            .ok(),
    );
    for block in client.children(page) {
        if block["has_children"] == true {
            let list = look(
                client
                    .get(&format!("blocks/{}/children", text(&block["id"])))
                    .ok(),
            );
            for inner in list["results"].as_array().unwrap() {
                look(
                    client
                        .get(&format!("blocks/{}/children", text(&inner["id"])))
                        .ok(),
                );
            }
        }
    }
    let home = client.id("home");
    look(client.get(&format!("blocks/{home}/children")).ok());
    // A row with values, one without.
    let (tasks, logout, alpha) = (client.id("tasks"), client.id("logout"), client.id("alpha"));
    look(client.patch(&format!("pages/{login}"), json!({"properties": {
        "Notes": {"rich_text": spans}, "Due": {"date": {"start": "2026-01-01"}},
        "Files": {"files": [{"name": "f", "external": {"url": "https://e.org/f"}}]},
        "Link": {"url": "https://e.org"}, "Mail": {"email": "a@e.org"}, "Phone": {"phone_number": "1"},
        "Blocks": {"relation": [{"id": logout}]}, "Project": {"relation": [{"id": alpha}]},
        "Check": {"verification": {"state": "verified", "date": {"start": "2026-01-01"}}}
    }})).ok());
    let row = look(client.get(&format!("pages/{login}")).ok());
    for property in row["properties"].as_object().unwrap().values() {
        look(
            client
                .get(&format!(
                    "pages/{login}/properties/{}",
                    text(&property["id"])
                ))
                .ok(),
        );
    }
    look(
        client
            .post(
                "pages",
                json!({"parent": {"data_source_id": tasks}, "properties": {}}),
            )
            .ok(),
    );
    look(client.get(&format!("pages/{home}")).ok());
    look(
        client
            .post(
                &format!("data_sources/{tasks}/query"),
                json!({"page_size": 1}),
            )
            .ok(),
    );
    look(client.get(&format!("data_sources/{tasks}")).ok());
    look(client.get(&format!("databases/{base}")).ok());
    look(client.post("search", json!({})).ok());
    look(client.get("users").ok());
    look(client.get("users/me").ok());
    look(client.get(&format!("users/{ada}")).ok());
    look(
        client
            .post(
                "comments",
                json!({"parent": {"page_id": login}, "rich_text": spans}),
            )
            .ok(),
    );
    look(client.get(&format!("comments?block_id={login}")).ok());
    look(client.get(&format!("pages/{page}/markdown")).ok());
    let body =
        json!({"allow_async": true, "type": "insert_content", "insert_content": {"content": "x"}});
    let task = client.patch(&format!("pages/{page}/markdown"), body);
    assert_eq!(task.status, 202);
    look(task.body);
    for path in [
        "pages/AAA",
        "invalid",
        "pages/00000000-0000-0000-0000-000000000000",
    ] {
        look(client.get(path).body);
    }
    ours
}

#[test]
fn every_answer_has_the_keys_of_recorded_ones() {
    let Some(folder) = fixtures() else { return };
    let all = interactions(&folder);
    for version in [OLD, NEW] {
        let mut recorded = Shapes::default();
        for one in &all {
            // Little was recorded under the newest version: what it took away is checked apart.
            recorded.visit(&one.answer);
        }
        let ours = everything(version);
        let common = ours
            .seen
            .keys()
            .filter(|kind| recorded.seen.contains_key(*kind))
            .count();
        assert!(common >= 100, "only {common} kinds of object were compared");
        let differences = recorded.differences(&ours, version);
        assert!(
            differences.is_empty(),
            "{version}:\n{}",
            differences.join("\n")
        );
    }
    // Of what was recorded under the newest version nothing has the old flag, nor have we.
    let mut newest = Shapes::default();
    all.iter()
        .filter(|one| one.version == NEW)
        .for_each(|one| newest.visit(&one.answer));
    for shapes in [&newest, &everything(NEW)] {
        assert!(
            shapes
                .keys
                .values()
                .all(|keys| !keys.contains_key("archived"))
        );
    }
}

/// Replaces ids that a recorded request names by ids that exist here.
fn localise(value: &Value, client: &Client, synced: NotionId) -> Value {
    match value {
        Value::Array(items) => items
            .iter()
            .map(|item| localise(item, client, synced))
            .collect(),
        Value::Object(object) => object
            .iter()
            .map(|(key, value)| {
                let local = match (key.as_str(), value.get("id")) {
                    ("user", Some(_)) => json!({"id": client.id("ada")}),
                    ("page", Some(_)) => json!({"id": client.id("login")}),
                    ("database", Some(_)) => json!({"id": client.id("backlog")}),
                    ("synced_from", None) if !value.is_null() => {
                        json!({"type": "block_id", "block_id": synced})
                    }
                    _ => localise(value, client, synced),
                };
                (key.clone(), local)
            })
            .collect(),
        other => other.clone(),
    }
}

/// Compares two values: keys, types, and plain values where both sides know them.
fn compare(path: &str, recorded: &Value, ours: &Value, out: &mut Vec<String>) {
    // Who did it when, and names of who and what is mentioned, are of another world.
    const OTHER_WORLD: [&str; 15] = [
        "id",
        "user",
        "page",
        "database",
        "plain_text",
        "href",
        "parent",
        "created_time",
        "last_edited_time",
        "created_by",
        "last_edited_by",
        "block_id",
        "database_id",
        "page_id",
        "width_ratio",
    ];
    match (recorded, ours) {
        (Value::Object(a), Value::Object(b)) => {
            for key in a.keys().chain(b.keys()).collect::<BTreeSet<_>>() {
                let path = format!("{path}.{key}");
                match (a.get(key), b.get(key)) {
                    (Some(a), Some(b)) if OTHER_WORLD.contains(&key.as_str()) => {
                        if type_name(a) != type_name(b) && !a.is_null() && !b.is_null() {
                            out.push(format!("{path}: {} and {}", type_name(a), type_name(b)));
                        }
                    }
                    (Some(a), Some(b)) => compare(&path, a, b, out),
                    // Recordings differ among themselves in these.
                    _ if [
                        "request_id",
                        "in_trash",
                        "archived",
                        "is_archived",
                        "is_locked",
                        "icon",
                        "name",
                    ]
                    .contains(&key.as_str()) => {}
                    (a, _) => out.push(format!(
                        "{path}: only {}",
                        if a.is_some() { "recorded" } else { "ours" }
                    )),
                }
            }
        }
        (Value::Array(a), Value::Array(b)) => {
            if a.len() != b.len() {
                out.push(format!("{path}: {} and {} elements", a.len(), b.len()));
            }
            for (index, (a, b)) in a.iter().zip(b).enumerate() {
                compare(&format!("{path}[{index}]"), a, b, out);
            }
        }
        (a, b) if a != b => out.push(format!("{path}: {a} and {b}")),
        _ => {}
    }
}

/// Recorded appends and block updates, sent to the emulator: the same blocks come back.
#[test]
fn recorded_appends_give_the_recorded_blocks() {
    let Some(folder) = fixtures() else { return };
    let (mut compared, mut problems) = (0, Vec::new());
    for one in interactions(&folder) {
        let append = one.method == "PATCH" && one.path.ends_with("/children");
        if !append || one.answer["object"] != "list" || one.request["children"].is_null() {
            continue;
        }
        let mut client = Client::new();
        client.version = one.version.clone();
        let page = client.page();
        let list = client
            .patch(&format!("blocks/{page}/children"), json!({"children": [
                {"synced_block": {"synced_from": null, "children": [{"paragraph": {"rich_text": rich("x")}}]}}]}))
            .ok();
        let synced = id_of(&list["results"][0]);
        let mut body = localise(&one.request, &client, synced);
        for key in ["after", "position"] {
            if let Some(object) = body.as_object_mut()
                && object.contains_key(key)
            {
                let value = match object.get("position").map(|p| text(&p["type"]).to_owned()) {
                    Some(kind) if kind == "after_block" => {
                        json!({"type": "after_block", "after_block": {"id": synced}})
                    }
                    Some(kind) => json!({"type": kind}),
                    None => json!(synced),
                };
                object.insert(key.to_owned(), value);
            }
        }
        // File uploads are not part of the emulator's worlds.
        if body.to_string().contains("file_upload") {
            continue;
        }
        let answer = client.patch(&format!("blocks/{page}/children"), body.clone());
        if answer.status != 200 {
            problems.push(format!(
                "{}: {} for {body}",
                one.path, answer.body["message"]
            ));
            continue;
        }
        compared += 1;
        let mut differences = Vec::new();
        // Behind the new blocks stand the siblings that follow them, which are not the same here.
        let new = one.request["children"].as_array().map_or(0, Vec::len);
        let first = |list: &Value| {
            list["results"].as_array().unwrap()[..new]
                .iter()
                .cloned()
                .collect()
        };
        compare(
            "",
            &first(&one.answer),
            &first(&answer.body),
            &mut differences,
        );
        problems.extend(
            differences
                .iter()
                .map(|d| format!("{} {body}: {d}", one.path)),
        );
    }
    assert!(compared >= 60, "only {compared} were compared");
    assert!(
        problems.is_empty(),
        "{} problems:\n{}",
        problems.len(),
        problems.join("\n")
    );
}

/// A recorded session of edits of one page through Markdown, replayed step by step.
#[test]
fn recorded_markdown_edits_give_the_recorded_markdown() {
    let Some(folder) = fixtures() else { return };
    let all = interactions(&folder);
    let step = |command: &str, nth: usize| -> &Interaction {
        all.iter()
            .filter(|one| one.path.contains("315d8e4e98ab8108901dcfa2d3993f6e"))
            .filter(|one| one.request["type"] == command)
            .nth(nth)
            .unwrap()
    };
    let mut client = Client::new();
    client.version = OLD.to_owned();
    let page = client.page();
    client
        .replace(page, "## Paragraph 2\n- [ ] To Do\n- [x] Checked To Do")
        .ok();
    let path = format!("pages/{page}/markdown");
    let bottom = step("insert_content", 1);
    assert_eq!(
        client.patch(&path, bottom.request.clone()).ok()["markdown"],
        bottom.answer["markdown"]
    );
    // Between the steps somebody left an empty line at the end.
    let body = text(&bottom.answer["markdown"]).to_owned() + "\n<empty-block/>";
    client.replace(page, &body).ok();
    let after = step("insert_content", 0);
    let edits = [
        after,
        step("replace_content_range", 0),
        step("replace_content_range", 1),
    ];
    let mut kept = Vec::new();
    for one in edits {
        let got = client.patch(&path, one.request.clone()).ok();
        kept.push(text(&got["markdown"]).to_owned());
    }
    let recorded: Vec<&str> = [after, edits[1], edits[2]]
        .iter()
        .map(|one| text(&one.answer["markdown"]))
        .collect();
    assert_eq!(
        kept[0],
        "## Paragraph 2\n- [ ] To Do\n1. Added numbered item after To Do item\n\
        - [x] Checked To Do\n- Added new item in page bottom\n<empty-block/>"
    );
    let mut got = kept.clone();
    let mut expected: Vec<String> = recorded.iter().map(|text| (*text).to_owned()).collect();
    got.sort();
    expected.sort();
    assert_eq!(got, expected);
}

/// Recorded refusals: the same status, code and message.
#[test]
fn recorded_refusals_are_repeated() {
    let Some(folder) = fixtures() else { return };
    let mut client = Client::new();
    client.version = OLD.to_owned();
    let mut compared = BTreeSet::new();
    for one in interactions(&folder) {
        let served = [
            "pages",
            "blocks",
            "databases",
            "data_sources",
            "users",
            "invalid",
        ]
        .iter()
        .any(|name| one.path.starts_with(&format!("/v1/{name}")));
        if one.answer["object"] != "error" || one.method != "GET" || !served {
            continue;
        }
        client.token = if one.answer["status"] == 401 {
            "bad"
        } else {
            "ntn_sync"
        }
        .to_owned();
        let answer = client.get(one.path.trim_start_matches("/v1/"));
        let message = |body: &Value| {
            // The service called connections integrations, and some answers do not name them.
            text(&body["message"])
                .replace("your integration", "your connection")
                .replace(" \"notion-sdk-py\"", "")
                .replace(" \"Sync\"", "")
        };
        assert_eq!(answer.body["status"], one.answer["status"], "{}", one.path);
        assert_eq!(answer.body["code"], one.answer["code"], "{}", one.path);
        assert_eq!(message(&answer.body), message(&one.answer), "{}", one.path);
        compared.insert(message(&one.answer));
    }
    assert!(compared.len() >= 8, "only {compared:?}");
}
