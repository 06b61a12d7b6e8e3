//! Blocks as the block endpoints return them: one list of at most 100 for each parent, with the
//! whole envelope, in the order of keys that the service uses.

use std::fmt::Write as _;

use notion_sync_core::document::{Block, blocks};
use serde_json::Value;

/// The answers from which a page is read.
#[derive(Debug, Default)]
pub(crate) struct Returned {
    /// Parent and answer. The page itself comes first and has no parent.
    pub(crate) lists: Vec<(Option<String>, String)>,
    /// Number of blocks in all of them.
    pub(crate) blocks: usize,
}

impl Returned {
    /// Bytes of all answers.
    pub(crate) fn bytes(&self) -> usize {
        self.lists.iter().map(|(_, list)| list.len()).sum()
    }
}

const PAGE: &str = "59833787-2cf9-4fdf-8782-e53db20768a5";
const PERSON: &str = "0c3e9826-b8f7-4f73-927d-2caaf86f1103";
const TIME: &str = "2026-07-06T19:52:00.000Z";
/// Blocks in one answer.
const PAGE_SIZE: usize = 100;

/// The answers for a page with these blocks. A block that the API cannot create is left out, with
/// what is inside.
pub(crate) fn lists(top: &[Block]) -> Returned {
    let mut out = Returned::default();
    let mut queue: std::collections::VecDeque<(Option<String>, &[Block])> = [(None, top)].into();
    let mut next = 0_u64;
    while let Some((parent, list)) = queue.pop_front() {
        let written: Vec<(Value, &Block)> = list
            .iter()
            .filter_map(|block| Some((blocks::write(block).ok()?, block)))
            .collect();
        for chunk in written.chunks(PAGE_SIZE) {
            let mut text = String::from("{\"object\":\"list\",\"results\":[");
            for (at, (value, block)) in chunk.iter().enumerate() {
                if at > 0 {
                    text.push(',');
                }
                next += 1;
                let id = format!("0f9c6bcd-1b52-4b8d-8d5c-{next:012x}");
                push_block(
                    &mut text,
                    &id,
                    parent.as_deref(),
                    value,
                    !block.children.is_empty(),
                );
                out.blocks += 1;
                if !block.children.is_empty() {
                    queue.push_back((Some(id), &block.children));
                }
            }
            text.push_str(
                "],\"next_cursor\":null,\"has_more\":false,\"type\":\"block\",\"block\":{},\
                 \"request_id\":\"b0d2b0a4-3a54-4b7e-9f6c-0a7b0a4d2c11\"}",
            );
            out.lists.push((parent.clone(), text));
        }
    }
    out
}

fn push_block(out: &mut String, id: &str, parent: Option<&str>, value: &Value, children: bool) {
    let kind = value["type"].as_str().unwrap_or_default();
    let parent = match parent {
        Some(parent) => format!("{{\"type\":\"block_id\",\"block_id\":\"{parent}\"}}"),
        None => format!("{{\"type\":\"page_id\",\"page_id\":\"{PAGE}\"}}"),
    };
    // Writing to a string cannot fail.
    let _ = write!(
        out,
        "{{\"object\":\"block\",\"id\":\"{id}\",\"parent\":{parent},\"created_time\":\"{TIME}\",\
         \"last_edited_time\":\"{TIME}\",\"created_by\":{{\"object\":\"user\",\"id\":\"{PERSON}\"}},\
         \"last_edited_by\":{{\"object\":\"user\",\"id\":\"{PERSON}\"}},\"has_children\":{children},\
         \"archived\":false,\"in_trash\":false,\"type\":\"{kind}\",\"{kind}\":"
    );
    push_payload(out, kind, &value[kind]);
    out.push('}');
}

fn push_payload(out: &mut String, kind: &str, payload: &Value) {
    out.push('{');
    let mut first = true;
    let mut key = |out: &mut String, name: &str| {
        if !std::mem::take(&mut first) {
            out.push(',');
        }
        let _ = write!(out, "\"{name}\":");
    };
    let fields = payload.as_object().into_iter().flatten();
    for (name, value) in fields {
        key(out, name);
        match (name.as_str(), value) {
            ("rich_text" | "caption", Value::Array(runs)) => push_runs(out, runs),
            ("cells", Value::Array(cells)) => {
                out.push('[');
                for (at, cell) in cells.iter().enumerate() {
                    if at > 0 {
                        out.push(',');
                    }
                    push_runs(out, cell.as_array().map_or(&[], Vec::as_slice));
                }
                out.push(']');
            }
            _ => out.push_str(&value.to_string()),
        }
    }
    let coloured = payload.get("rich_text").is_some() && !matches!(kind, "code");
    if coloured && payload.get("color").is_none() {
        key(out, "color");
        out.push_str("\"default\"");
    }
    if matches!(kind, "code" | "image" | "bookmark" | "embed") && payload.get("caption").is_none() {
        key(out, "caption");
        out.push_str("[]");
    }
    out.push('}');
}

fn push_runs(out: &mut String, runs: &[Value]) {
    out.push('[');
    for (at, run) in runs.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        let kind = run["type"].as_str().unwrap_or_default();
        let content = &run["text"]["content"];
        let link = run["text"].get("link");
        let own = match (kind, link) {
            ("text", Some(link)) => format!("{{\"content\":{content},\"link\":{link}}}"),
            ("text", None) => format!("{{\"content\":{content},\"link\":null}}"),
            _ => run[kind].to_string(),
        };
        let shown = match kind {
            "text" => content.to_string(),
            _ => run[kind]["expression"].to_string(),
        };
        let set = |name: &str| run["annotations"][name] == true;
        let color = run["annotations"]["color"].as_str().unwrap_or("default");
        let href = link.map_or("null".to_owned(), |link| link["url"].to_string());
        let _ = write!(
            out,
            "{{\"type\":\"{kind}\",\"{kind}\":{own},\"annotations\":{{\"bold\":{},\"italic\":{},\
             \"strikethrough\":{},\"underline\":{},\"code\":{},\"color\":\"{color}\"}},\
             \"plain_text\":{shown},\"href\":{href}}}",
            set("bold"),
            set("italic"),
            set("strikethrough"),
            set("underline"),
            set("code"),
        );
    }
    out.push(']');
}
