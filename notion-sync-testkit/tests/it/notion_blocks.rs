//! Blocks: limits, places, updates, trash.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use serde_json::{Value, json};

use crate::notion_support::{Client, OLD, id_of, paragraph, rich, text};

fn texts(blocks: &[Value]) -> Vec<&str> {
    blocks
        .iter()
        .map(|block| {
            let kind = text(&block["type"]);
            text(&block[kind]["rich_text"][0]["plain_text"])
        })
        .collect()
}

/// What an append may not hold, and what it is told.
#[test]
fn limits_of_an_append() {
    let many = |count: usize| -> Value { (0..count).map(|n| paragraph(&n.to_string())).collect() };
    let spans = |count: usize| -> Value {
        (0..count)
            .map(|_| json!({"text": {"content": "x"}}))
            .collect()
    };
    let nest = |inner: Value| json!([{"bulleted_list_item": {"rich_text": [], "children": inner}}]);
    let wide: Value = (0..10)
        .map(|_| json!({"toggle": {"rich_text": [], "children": many(100)}}))
        .collect();
    let astral = "😀".repeat(1001);
    let cases: Vec<(&str, Value, Option<&str>)> = vec![
        ("100 children", many(100), None),
        (
            "101 children",
            many(101),
            Some("body.children.length should be ≤ `100`, instead was `101`."),
        ),
        ("no children", json!([]), Some("populated")),
        (
            "100 spans",
            json!([{"paragraph": {"rich_text": spans(100)}}]),
            None,
        ),
        (
            "101 spans",
            json!([{"paragraph": {"rich_text": spans(101)}}]),
            Some(
                "body.children[0].paragraph.rich_text.length should be ≤ `100`, instead was `101`.",
            ),
        ),
        (
            "2000 characters",
            json!([paragraph(&"x".repeat(2000))]),
            None,
        ),
        (
            "2001 characters",
            json!([paragraph(&"x".repeat(2001))]),
            Some(
                "body.children[0].paragraph.rich_text[0].text.content.length should be ≤ `2000`, instead was `2001`.",
            ),
        ),
        (
            "2000 in UTF-16",
            json!([paragraph(&"😀".repeat(1000))]),
            None,
        ),
        (
            "2002 in UTF-16",
            json!([paragraph(&astral)]),
            Some("instead was `2002`"),
        ),
        (
            "long link",
            json!([{"paragraph": {"rich_text": [{"text": {"content": "x",
            "link": {"url": format!("https://e.org/{}", "x".repeat(2000))}}}]}}]),
            Some("link.url.length should be ≤ `2000`"),
        ),
        (
            "1001 expression",
            json!([{"equation": {"expression": "x".repeat(1001)}}]),
            Some("≤ `1000`"),
        ),
        ("two levels below", nest(nest(many(1))), None),
        (
            "three levels below",
            nest(nest(nest(json!([])))),
            Some(
                "body.children[0].bulleted_list_item.children[0].bulleted_list_item.children[0].bulleted_list_item.children should be not present, instead was `[]`.",
            ),
        ),
        ("1010 blocks", wide, Some("≤ `1000`, instead was `1010`")),
        (
            "unknown language",
            json!([{"code": {"rich_text": [], "language": "klingon"}}]),
            Some("language should be one of"),
        ),
        (
            "unknown type",
            json!([{"type": "hologram", "hologram": {}}]),
            Some("body.children[0].embed should be defined, instead was `undefined`."),
        ),
        ("no type", json!([{}]), Some("Fix one")),
        (
            "link preview",
            json!([{"link_preview": {"url": "https://e.org"}}]),
            Some("Fix one"),
        ),
        (
            "child page",
            json!([{"child_page": {"title": "x"}}]),
            Some("Fix one"),
        ),
        (
            "no rich text",
            json!([{"paragraph": {}}]),
            Some("body.children[0].paragraph.rich_text should be defined"),
        ),
        (
            "wrong colour",
            json!([{"paragraph": {"rich_text": [], "color": "mauve"}}]),
            Some("color"),
        ),
        (
            "no rows",
            json!([{"table": {"table_width": 2}}]),
            Some("children should be populated"),
        ),
        (
            "narrow row",
            json!([{"table": {"table_width": 2, "children": [{"table_row": {"cells": [[]]}}]}}]),
            Some("width"),
        ),
        (
            "table of paragraphs",
            json!([{"table": {"table_width": 1, "children": many(1)}}]),
            Some("table rows"),
        ),
        (
            "row alone",
            json!([{"table_row": {"cells": [[]]}}]),
            Some("can not be a child"),
        ),
        (
            "one column",
            json!([{"column_list": {"children": [{"column": {"children": many(1)}}]}}]),
            Some("two columns"),
        ),
        (
            "empty column",
            json!([{"column_list": {"children": [{"column": {"children": many(1)}},
            {"column": {}}]}}]),
            Some("child"),
        ),
        (
            "divider with children",
            json!([{"divider": {"children": many(1)}}]),
            Some("not present"),
        ),
        (
            "no such user",
            json!([{"paragraph": {"rich_text": [{"mention": {"user":
            {"id": "00000000-0000-0000-0000-000000000000"}}}]}}]),
            Some("id of a user"),
        ),
        (
            "preview mention",
            json!([{"paragraph": {"rich_text": [{"mention": {"link_preview": {"url": "x"}}}]}}]),
            Some("Fix one"),
        ),
        (
            "no file",
            json!([{"image": {}}]),
            Some("external should be defined"),
        ),
        (
            "empty URL",
            json!([{"bookmark": {"url": ""}}]),
            Some("populated"),
        ),
        (
            "copy of nothing",
            json!([{"synced_block": {"synced_from": {"block_id":
            "00000000-0000-0000-0000-000000000000"}}}]),
            Some("original synced block"),
        ),
        (
            "not a list",
            json!({}),
            Some("body.children should be an array"),
        ),
        (
            "a text",
            json!(["x"]),
            Some("body.children[0] should be an object"),
        ),
    ];
    for (name, children, problem) in cases {
        let mut client = Client::new();
        let page = client.page();
        let answer = client.patch(
            &format!("blocks/{page}/children"),
            json!({"children": children}),
        );
        match problem {
            None => {
                answer.ok();
            }
            Some(part) => {
                let (status, code, message) = answer.refusal();
                assert_eq!(
                    (status, code),
                    (400, "validation_error"),
                    "{name}: {message}"
                );
                assert!(message.contains(part), "{name}: {message}");
                assert!(client.children(page).is_empty(), "{name}");
            }
        }
    }
}

#[test]
fn bodies_that_are_too_large_or_no_json() {
    use notion_sync_testkit::emulator::Reply;
    let mut client = Client::new();
    let page = client.page();
    let path = format!("/v1/blocks/{page}/children");
    let mut status = |body: Vec<u8>| match client.raw("PATCH", &path, body.into()) {
        Reply::Answer { response, .. } => (
            response.status().as_u16(),
            String::from_utf8_lossy(response.body()).into_owned(),
        ),
        Reply::Dropped => panic!(),
    };
    assert_eq!(status(vec![b' '; 512_001]).0, 413);
    let (code, body) = status(b"{".to_vec());
    assert_eq!(code, 400);
    assert!(body.contains("Error parsing JSON body."), "{body}");
    assert_eq!(status(vec![0xff, 0xfe]).0, 400);
    assert_eq!(status("[".repeat(100_000).into_bytes()).0, 400);
    assert_eq!(status(b"null".to_vec()).0, 400);
    assert_eq!(status(Vec::new()).0, 400);
}

#[test]
fn appended_blocks_go_to_their_place() {
    let mut client = Client::new();
    let page = client.page();
    let path = format!("blocks/{page}/children");
    client
        .patch(&path, json!({"children": [paragraph("b"), paragraph("d")]}))
        .ok();
    let first = client.children(page)[0]["id"].clone();
    let got = client
        .patch(
            &path,
            json!({"children": [paragraph("c")],
            "position": {"type": "after_block", "after_block": {"id": first}}}),
        )
        .ok();
    // New blocks first, then the siblings that follow them.
    assert_eq!(texts(got["results"].as_array().unwrap()), ["c", "d"]);
    client
        .patch(
            &path,
            json!({"children": [paragraph("a")], "position": {"type": "start"}}),
        )
        .ok();
    client
        .patch(
            &path,
            json!({"children": [paragraph("e")], "position": {"type": "end"}}),
        )
        .ok();
    assert_eq!(texts(&client.children(page)), ["a", "b", "c", "d", "e"]);
    let stray = client.id("home");
    for body in [
        json!({"children": [paragraph("x")], "after": first}),
        json!({"children": [paragraph("x")], "position": {"type": "after_block", "after_block": {"id": stray}}}),
        json!({"children": [paragraph("x")], "position": {"type": "middle"}}),
    ] {
        assert_eq!(client.patch(&path, body.clone()).status, 400, "{body}");
    }
    client.version = OLD.to_owned();
    client
        .patch(
            &path,
            json!({"children": [paragraph("b2")], "after": first}),
        )
        .ok();
    assert_eq!(
        texts(&client.children(page)),
        ["a", "b", "b2", "c", "d", "e"]
    );
    // Blocks do not stand in tables of pages.
    let base = client.id("backlog");
    assert_eq!(
        client
            .patch(
                &format!("blocks/{base}/children"),
                json!({"children": [paragraph("x")]})
            )
            .status,
        400
    );
    let tasks = client.id("tasks");
    assert_eq!(
        client
            .patch(
                &format!("blocks/{tasks}/children"),
                json!({"children": [paragraph("x")]})
            )
            .status,
        404
    );
}

#[test]
fn blocks_are_updated_in_place() {
    let mut client = Client::new();
    let page = client.page();
    let list = client
        .patch(&format!("blocks/{page}/children"), json!({"children": [
            {"to_do": {"rich_text": rich("do"), "children": [paragraph("inner")]}},
            {"heading_2": {"rich_text": rich("h"), "is_toggleable": true, "children": [paragraph("x")]}},
            {"code": {"rich_text": rich("c"), "language": "rust"}},
            {"image": {"external": {"url": "https://e.org/i"}}},
            {"table": {"table_width": 1, "children": [{"table_row": {"cells": [rich("a")]}}]}},
            {"divider": {}},
        ]}))
        .ok();
    let ids: Vec<String> = list["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|b| text(&b["id"]).to_owned())
        .collect();
    let row = text(&client.get(&format!("blocks/{}/children", ids[4])).ok()["results"][0]["id"])
        .to_owned();
    client.wait(120);
    let good: Vec<(&str, Value, &str, Value)> = vec![
        (
            &ids[0],
            json!({"to_do": {"checked": true}}),
            "/to_do/checked",
            json!(true),
        ),
        (
            &ids[0],
            json!({"to_do": {"rich_text": rich("done")}}),
            "/to_do/rich_text/0/plain_text",
            json!("done"),
        ),
        (
            &ids[0],
            json!({"to_do": {"color": "red"}}),
            "/to_do/checked",
            json!(true),
        ),
        (
            &ids[1],
            json!({"heading_2": {"rich_text": rich("H")}}),
            "/heading_2/is_toggleable",
            json!(true),
        ),
        (
            &ids[2],
            json!({"code": {"language": "yaml"}}),
            "/code/rich_text/0/plain_text",
            json!("c"),
        ),
        (
            &ids[3],
            json!({"image": {"external": {"url": "https://e.org/j"}}}),
            "/image/external/url",
            json!("https://e.org/j"),
        ),
        (
            &ids[4],
            json!({"table": {"has_column_header": true}}),
            "/table/has_column_header",
            json!(true),
        ),
        (
            &row,
            json!({"table_row": {"cells": [rich("b")]}}),
            "/table_row/cells/0/0/plain_text",
            json!("b"),
        ),
    ];
    for (id, body, at, value) in good {
        let got = client.patch(&format!("blocks/{id}"), body.clone()).ok();
        assert_eq!(got.pointer(at), Some(&value), "{body}");
        assert_eq!(got["last_edited_time"], "2026-11-20T12:02:00.000Z");
        assert_eq!(
            client.get(&format!("blocks/{id}")).ok().pointer(at),
            Some(&value)
        );
    }
    assert_eq!(
        client.get(&format!("blocks/{}", ids[0])).ok()["has_children"],
        true
    );
    let bad: Vec<(&str, Value)> = vec![
        (&ids[0], json!({"paragraph": {"rich_text": []}})),
        (&ids[0], json!({})),
        (&ids[0], json!({"to_do": {"children": []}})),
        (&ids[0], json!({"archived": true})),
        (&ids[1], json!({"heading_2": {"is_toggleable": false}})),
        (&ids[2], json!({"code": {"language": "klingon"}})),
        (&ids[4], json!({"table": {"table_width": 3}})),
        (&row, json!({"table_row": {"cells": [[], []]}})),
    ];
    for (id, body) in bad {
        let answer = client.patch(&format!("blocks/{id}"), body.clone());
        assert_eq!(answer.status, 400, "{body}: {}", answer.body);
    }
    // The page was edited with its blocks.
    assert_eq!(
        client.get(&format!("pages/{page}")).ok()["last_edited_time"],
        "2026-11-20T12:02:00.000Z"
    );
}

#[test]
fn blocks_go_to_the_trash_and_come_back_to_their_place() {
    let mut client = Client::new();
    let page = client.page();
    client
        .patch(
            &format!("blocks/{page}/children"),
            json!({"children": [paragraph("a"), paragraph("b"), paragraph("c")]}),
        )
        .ok();
    let middle = id_of(&client.children(page)[1]);
    let path = format!("blocks/{middle}");
    assert_eq!(client.send("DELETE", &path, None).ok()["in_trash"], true);
    assert_eq!(texts(&client.children(page)), ["a", "c"]);
    assert_eq!(client.send("DELETE", &path, None).status, 400);
    assert_eq!(
        client
            .patch(&path, json!({"paragraph": {"rich_text": []}}))
            .status,
        400
    );
    assert_eq!(client.get(&path).ok()["in_trash"], true);
    assert_eq!(
        client.patch(&path, json!({"in_trash": false})).ok()["in_trash"],
        false
    );
    assert_eq!(texts(&client.children(page)), ["a", "b", "c"]);
    // A page is a block too.
    let child = client.id("child");
    let home = client.id("home");
    assert_eq!(
        client.get(&format!("blocks/{child}")).ok()["child_page"]["title"],
        "Child"
    );
    client.send("DELETE", &format!("blocks/{child}"), None).ok();
    assert_eq!(client.get(&format!("pages/{child}")).ok()["in_trash"], true);
    assert!(
        client
            .children(home)
            .iter()
            .all(|block| id_of(block) != child)
    );
    assert_eq!(
        client
            .send("DELETE", &format!("blocks/{home}"), None)
            .status,
        400
    );
}

#[test]
fn copies_of_a_synced_block_show_its_children() {
    let mut client = Client::new();
    let page = client.page();
    let path = format!("blocks/{page}/children");
    let list = client
        .patch(&path, json!({"children": [{"synced_block": {"synced_from": null, "children": [paragraph("shared")]}}]}))
        .ok();
    let source = id_of(&list["results"][0]);
    let copy = client
        .patch(&path, json!({"children": [{"synced_block": {"synced_from": {"type": "block_id", "block_id": source}}}]}))
        .ok();
    let copy = id_of(&copy["results"][0]);
    assert_eq!(texts(&client.children(copy)), ["shared"]);
    let markdown = client.markdown(page);
    assert_eq!(markdown.matches("\tshared").count(), 2);
    assert!(markdown.contains("<synced_block_reference url="));
    // Editing the copy in Markdown edits the source.
    let at = markdown.rfind("shared").unwrap();
    let edited = format!("{}changed{}", &markdown[..at], &markdown[at + 6..]);
    client.replace(page, &edited).ok();
    assert_eq!(texts(&client.children(source)), ["changed"]);
}
