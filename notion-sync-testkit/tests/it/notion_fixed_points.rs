//! Markdown of any blocks and of any text, written and read again.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::notion_support::{Client, text};

/// Spans with any look, as the API takes them.
fn any_span() -> impl Strategy<Value = Value> {
    let texts = prop_oneof![
        "[a-z ]{0,6}",
        "[ \\*_~`$\\[\\]<>{}|^#!:.()\\\\\n\ta-c-]{0,8}",
        Just("- x".to_owned()),
        Just("1. x".to_owned()),
        Just("``` x".to_owned()),
        Just("![a](b)".to_owned()),
        Just("é\u{a0}漢 ".to_owned()),
    ];
    let look = prop::collection::vec(any::<bool>(), 5);
    let color = prop::sample::select(vec!["default", "default", "red", "blue_background"]);
    let link = prop::option::weighted(
        0.2,
        prop::sample::select(vec!["https://e.org/a(b", "https://e.org/x_y"]),
    );
    (texts, look, color, link, 0..8u8).prop_map(|(content, look, color, link, kind)| {
        let looks = json!({"bold": look[0], "italic": look[1], "strikethrough": look[2],
            "underline": look[3], "code": look[4], "color": color});
        match kind {
            0 => json!({"equation": {"expression": content}, "annotations": looks}),
            1 => json!({"mention": {"date": {"start": "2026-01-02"}}, "annotations": looks}),
            _ => {
                let link = link.map(|url| json!({"url": url}));
                json!({"text": {"content": content, "link": link}, "annotations": looks})
            }
        }
    })
}

fn any_line() -> impl Strategy<Value = Value> {
    prop::collection::vec(any_span(), 0..6).prop_map(Value::Array)
}

fn any_block() -> impl Strategy<Value = Value> {
    let leaf = (0..15u8, any_line(), any_line(), any::<bool>())
        .prop_map(|(kind, line, other, flag)| {
            let color = if flag { "blue" } else { "default" };
            match kind {
                0 => {
                    json!({"heading_2": {"rich_text": line, "color": color, "is_toggleable": flag}})
                }
                1 => json!({"bulleted_list_item": {"rich_text": line, "color": color}}),
                2 => json!({"numbered_list_item": {"rich_text": line, "color": color}}),
                3 => json!({"to_do": {"rich_text": line, "color": color, "checked": flag}}),
                4 => json!({"quote": {"rich_text": line, "color": color}}),
                5 => json!({"toggle": {"rich_text": line, "color": color}}),
                6 => {
                    json!({"callout": {"rich_text": line, "color": color, "icon": {"emoji": "🐞"}}})
                }
                7 => json!({"code": {"rich_text": line, "language": "rust"}}),
                8 => json!({"equation": {"expression": "a\n$$\nb"}}),
                9 => json!({"divider": {}}),
                10 => json!({"table": {"table_width": 2, "has_column_header": flag,
                "children": [{"table_row": {"cells": [line, other]}}]}}),
                11 => json!({"image": {"external": {"url": "https://e.org/i)"}, "caption": line}}),
                12 => json!({"column_list": {"children": [
                {"column": {"children": [{"paragraph": {"rich_text": line}}]}},
                {"column": {"children": [{"quote": {"rich_text": other}}]}}]}}),
                13 => json!({"bookmark": {"url": "https://e.org"}}),
                _ => json!({"paragraph": {"rich_text": line, "color": color}}),
            }
        })
        .boxed();
    (leaf.clone(), prop::collection::vec(leaf, 0..3)).prop_map(|(mut block, children)| {
        let (name, object) = block.as_object_mut().unwrap().iter_mut().next().unwrap();
        let takes = matches!(
            name.as_str(),
            "paragraph"
                | "bulleted_list_item"
                | "numbered_list_item"
                | "to_do"
                | "quote"
                | "toggle"
                | "callout"
        ) || object["is_toggleable"] == true;
        // Two levels below the appended block is the most a request may hold.
        let flat = children
            .iter()
            .all(|child| child.get("column_list").is_none());
        if takes && flat && !children.is_empty() {
            object["children"] = Value::Array(children);
        }
        block
    })
}

/// The letters of all blocks, in order.
fn letters(blocks: &[notion_sync_testkit::notion::BlockView]) -> String {
    let mut out = String::new();
    for block in blocks {
        if block.kind != "equation" {
            out.extend(block.text.chars().filter(|c| c.is_alphanumeric()));
        }
        out.push_str(&letters(&block.children));
    }
    out
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    /// Any blocks: their Markdown, written back, changes nothing, not even an id.
    #[test]
    fn markdown_of_any_blocks_is_a_fixed_point(blocks in prop::collection::vec(any_block(), 1..5)) {
        let mut client = Client::new();
        let page = client.page();
        client.patch(&format!("blocks/{page}/children"), json!({"children": blocks})).ok();
        let first = client.markdown(page);
        let views = client.notion.blocks(page);
        let second = text(&client.replace(page, &first).ok()["markdown"]).to_owned();
        prop_assert_eq!(&first, &second);
        prop_assert_eq!(&views, &client.notion.blocks(page));
        // Into another page: not a letter is lost, whatever happens to white space.
        if !first.contains("<unknown") {
            let copy = client.page();
            let third = client.replace(copy, &first).ok();
            prop_assert_eq!(text(&third["markdown"]), first);
            prop_assert_eq!(letters(&views), letters(&client.notion.blocks(copy)));
        }
    }

    /// Any text: once normalised it stays as it is.
    #[test]
    fn markdown_of_any_text_is_a_fixed_point(
        lines in prop::collection::vec(prop_oneof![
            "[\t]{0,2}[-#>*+0-9. a-z]{0,12}",
            "[\\*_~`$\\[\\]()<>{}|^!:\\\\ ab\"=]{0,14}",
            prop::sample::select(vec!["```", "````rust", "$$", "<callout>", "</callout>", "<details>",
                "<summary>x</summary>", "</details>", "<columns>", "<column>", "</column>", "</columns>",
                "<table>", "<tr>", "<td>a</td>", "</tr>", "</table>", "\t- x", "\t\t1. y", "| a | b |",
                "|---|---|", ":::", "::: callout", "<synced_block>", "</synced_block>", "# t {toggle=\"true\"}",
                "<empty-block/>", "<unknown url=\"x\" alt=\"y\"/>", "<page url=\"x\"/>", "<br>", "---",
                "<meeting-notes>", "<notes>", "</notes>", "</meeting-notes>", "![a](b)", "<span color=\"red\">",
                "</span>", "[a](b", "](c)", "<mention-user url=\"user://0123456789abcdef0123456789abcdef\">z"])
                .prop_map(str::to_owned),
            any::<String>(),
        ], 0..12)
    ) {
        let mut client = Client::new();
        let page = client.page();
        let first = text(&client.replace(page, &lines.join("\n")).ok()["markdown"]).to_owned();
        let second = text(&client.replace(page, &first).ok()["markdown"]).to_owned();
        prop_assert_eq!(first, second);
    }
}

/// Long lines of what opens and never closes: an answer comes, and it is a fixed point. Reading
/// that takes a square of the length would not come to an end here.
#[test]
fn long_lines_of_delimiters_are_read_in_one_pass() {
    for piece in [
        "[",
        "](",
        "](a",
        "*",
        "**a",
        "***a*",
        "_a",
        "~~",
        "`",
        "``a`",
        "$",
        "$`",
        "$a ",
        "<span color=\"red\">",
        "</span>",
        "<mention-user url=\"user://0123456789abcdef0123456789abcdef\">",
        "<td>",
        "{a=\"",
        ":a",
        "\\",
        "a\n\t",
        "<callout>\n",
        "</callout>\n",
        "- a\n",
        "<details>\n<summary>",
        "```\n",
        "| a |\n|-|\n",
        "<table><tr><td>",
        "$$\n",
    ] {
        let mut client = Client::new();
        let page = client.page();
        let line = piece.repeat(60_000 / piece.len());
        let first = text(&client.replace(page, &line).ok()["markdown"]).to_owned();
        if first.len() < 400_000 {
            let second = client.replace(page, &first).ok();
            assert_eq!(text(&second["markdown"]), first, "{piece:?}");
        }
    }
}
