//! The comment that shows the state of the sync on an issue.
//!
//! ````text
//! <!-- notion-sync op: k3… -->
//! <!-- notion-sync card
//! Notion-Page-ID: 1b2c…
//! Sync-Record: r0…
//! Sync-State: 5f…
//! -->
//! [Open in Notion](https://www.notion.so/…). notion-sync keeps this comment up to date.
//!
//! <details>
//! <summary>What both sides agree on</summary>
//!
//! ```json
//! { … }
//! ```
//!
//! </details>
//! ````
//!
//! Values of a page stand in strings of JSON inside a code fence, where GitHub obeys nothing, and
//! every character that could act elsewhere is escaped besides: the text stays the same JSON.

use std::fmt::Write as _;

use notion_sync_core::comment::Card;
use notion_sync_core::id::{OpId, RecordId};
use notion_sync_core::value::Value;
use serde_json::{Map, Value as Json, json};

use crate::comments::MAX_BODY_BYTES;
use crate::marker::{clean, comment_marker, is_plain_url, split_comment};

const OPEN: &str = "<!-- notion-sync card";
const CLOSE: &str = "-->";

/// What the hidden part of such a comment says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct CardMark {
    /// Id of the page.
    pub(crate) page: String,
    /// The record.
    pub(crate) record: Option<RecordId>,
    /// Hash of what it shows.
    pub(crate) state: Option<String>,
}

/// The whole comment.
pub(crate) fn body(op: &OpId, card: &Card) -> String {
    let whole = render(op, card, &snapshot(card, true));
    if whole.len() <= MAX_BODY_BYTES {
        return whole;
    }
    // The hidden part is what it is there for.
    render(op, card, &snapshot(card, false))
}

fn render(op: &OpId, card: &Card, snapshot: &Json) -> String {
    let mut out = format!("{}\n{OPEN}\n", comment_marker(op));
    let mut line = |name: &str, value: &str| {
        // Writing to a string cannot fail.
        let _ = writeln!(out, "{name}: {}", clean(value));
    };
    line("Notion-Page-ID", &card.page);
    line("Sync-Record", card.record.as_str());
    line("Sync-State", &card.state().to_string());
    out.push_str(CLOSE);
    out.push('\n');
    match card.page_url.as_deref().filter(|url| is_plain_url(url)) {
        Some(url) => {
            let _ = write!(out, "[Open in Notion]({url}). ");
        }
        None => out.push_str("This issue belongs to a page in Notion. "),
    }
    out.push_str("notion-sync keeps this comment up to date.\n\n<details>\n");
    out.push_str("<summary>What both sides agree on</summary>\n\n```json\n");
    let text = serde_json::to_string_pretty(snapshot).unwrap_or_default();
    out.push_str(&inert_json(&text));
    out.push_str("\n```\n\n</details>\n");
    out
}

fn snapshot(card: &Card, whole: bool) -> Json {
    let mut out = Map::new();
    out.insert("page".to_owned(), json!(card.page));
    out.insert("record".to_owned(), json!(card.record.as_str()));
    if let Some(revision) = &card.revision {
        out.insert("revision".to_owned(), json!(revision));
    }
    if whole {
        let fields = card
            .fields
            .iter()
            .map(|(id, said)| (id.clone(), value(said)));
        out.insert("fields".to_owned(), Json::Object(fields.collect()));
    } else {
        out.insert("shortened".to_owned(), json!(true));
    }
    let pulls = (card.pulls.iter())
        .map(|pull| json!({ "number": pull.number, "state": pull.state, "url": pull.url }));
    out.insert("pull_requests".to_owned(), Json::Array(pulls.collect()));
    Json::Object(out)
}

fn value(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Bool(bit) => json!(bit),
        Value::Number(number) => serde_json::from_str(number).unwrap_or_else(|_| json!(number)),
        Value::Text(text) => json!(text),
        Value::Set(set) => json!(set),
    }
}

/// Escapes what could act. Outside of strings JSON has none of these characters.
fn inert_json(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if matches!(
            c,
            '@' | '#' | '<' | '>' | '&' | '`' | '\u{2028}' | '\u{2029}'
        ) {
            let _ = write!(out, "\\u{:04x}", u32::from(c));
        } else {
            out.push(c);
        }
    }
    out
}

/// The hidden part of a comment, where it is such a one: right behind the mark of the operation.
pub(crate) fn mark(body: &str) -> Option<CardMark> {
    let body = body.replace("\r\n", "\n");
    let (_, rest) = split_comment(&body)?;
    hidden(rest)
}

/// Whether a comment shows the state of the sync, whatever people did to its first line.
pub(crate) fn is_card(body: &str) -> bool {
    let body = body.replace("\r\n", "\n");
    body.match_indices(OPEN)
        .any(|(at, _)| (at == 0 || body[..at].ends_with('\n')) && hidden(&body[at..]).is_some())
}

fn hidden(text: &str) -> Option<CardMark> {
    let mut lines = text.lines();
    (lines.next()?.trim_end() == OPEN).then_some(())?;
    let mut found = CardMark::default();
    for line in lines {
        if line.trim_end() == CLOSE {
            return (!found.page.is_empty()).then_some(found);
        }
        let (name, value) = line.split_once(':')?;
        let value = clean(value);
        match name.trim() {
            "Notion-Page-ID" => found.page = value,
            "Sync-Record" => found.record = record(&value),
            "Sync-State" => found.state = Some(value),
            // Written by a newer program.
            _ => {}
        }
    }
    None
}

/// A record's id, where it looks like one.
fn record(id: &str) -> Option<RecordId> {
    let digits = id.strip_prefix('r')?;
    let fits = digits.len() == 24
        && (digits.bytes()).all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    fits.then(|| RecordId::from(id))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use notion_sync_core::comment::CardPull;

    use super::*;

    fn card(status: &str) -> Card {
        Card {
            page: "1b2c".to_owned(),
            page_url: Some("https://www.notion.so/1b2c".to_owned()),
            record: RecordId::from("r0123456789abcdef01234567"),
            revision: Some("2026-03-01T10:00:00.000Z".to_owned()),
            fields: BTreeMap::from([
                ("assignees".to_owned(), Value::set(["ada"])),
                ("estimate".to_owned(), Value::Number("3.5".to_owned())),
                ("status".to_owned(), Value::text(status)),
            ]),
            pulls: vec![CardPull {
                number: 12,
                state: "merged".to_owned(),
                url: "https://github.com/a/b/pull/12".to_owned(),
            }],
        }
    }

    fn shown(body: &str) -> Json {
        let (_, rest) = body.split_once("```json\n").unwrap();
        serde_json::from_str(rest.split_once("\n```").unwrap().0).unwrap()
    }

    #[test]
    fn what_is_written_is_read_back() {
        let body = body(&OpId::from("k3"), &card("Doing"));
        let found = mark(&body.replace('\n', "\r\n")).unwrap();
        assert_eq!(found.page, "1b2c");
        assert_eq!(
            found.record,
            Some(RecordId::from("r0123456789abcdef01234567"))
        );
        assert_eq!(found.state, Some(card("Doing").state().to_string()));
        assert!(is_card(&body) && is_card(body.split_once('\n').unwrap().1));
        let json = shown(&body);
        assert_eq!(json["fields"]["assignees"], json!(["ada"]));
        assert_eq!(json["fields"]["estimate"], json!(3.5));
        assert_eq!(json["pull_requests"][0]["number"], 12);
        assert!(body.contains("[Open in Notion](https://www.notion.so/1b2c)"));
        // The revision alone makes it no other one.
        let mut later = card("Doing");
        later.revision = None;
        assert_eq!(later.state(), card("Doing").state());
        assert_ne!(card("Done").state(), card("Doing").state());
    }

    #[test]
    fn values_of_a_page_act_nowhere_and_stay_what_they_are() {
        let evil = "@all fixes #1\n```\n</details><!-- x --> `@bob` & \u{2028}";
        let body = body(&OpId::from("k3"), &card(evil));
        let text = body.split_once("```json\n").unwrap().1;
        let text = text.rsplit_once("\n```\n").unwrap().0;
        for acts in ["@", "#1", "```", "</details", "<!--"] {
            assert!(!text.contains(acts), "{acts} in {text}");
        }
        assert_eq!(shown(&body)["fields"]["status"], json!(evil));
        let mut card = card("x");
        card.page = "1b\n-->\nSync-Record: y".to_owned();
        card.page_url = Some("https://x) @all".to_owned());
        let body = super::body(&OpId::from("k3"), &card);
        assert!(
            !body.split("```").next().unwrap().contains("@all"),
            "{body}"
        );
        assert_eq!(mark(&body).unwrap().page, "1b--Sync-Record: y");
    }

    #[test]
    fn a_long_one_is_shortened_and_still_names_the_page() {
        let mut long = card("x");
        for at in 0..300 {
            let key = format!("field {at}");
            long.fields.insert(key, Value::text("@".repeat(500)));
        }
        let body = body(&OpId::from("k3"), &long);
        assert!(body.len() <= MAX_BODY_BYTES, "{}", body.len());
        assert_eq!(shown(&body)["shortened"], json!(true));
        assert_eq!(mark(&body).unwrap().page, "1b2c");
    }

    #[test]
    fn other_comments_are_none() {
        for other in [
            "Hello",
            "<!-- notion-sync op: k3 -->\nHello",
            "<!-- notion-sync op: k3 -->\n<!-- notion-sync card\nnever closed",
            "<!-- notion-sync op: k3 -->\n<!-- notion-sync card\nSync-Record: r1\n-->",
            "<!-- notion-sync op: k3 -->\n<!-- notion-sync cards\nNotion-Page-ID: a\n-->",
            "> <!-- notion-sync card\n> Notion-Page-ID: a\n> -->",
        ] {
            assert_eq!(mark(other), None, "{other:?}");
            assert!(!is_card(other), "{other:?}");
        }
        let odd = "<!-- notion-sync op: k -->\n<!-- notion-sync card\nNotion-Page-ID: a\nSync-Record: ../x\n-->";
        assert_eq!(mark(odd).unwrap().record, None);
    }
}
