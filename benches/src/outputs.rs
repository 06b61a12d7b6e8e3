//! Digests of everything that the codecs make of everything recorded.
//!
//! A change that is only about speed leaves each of these lines as it was: write them before and
//! after, and compare the two files.

use std::fmt::{Debug, Write as _};
use std::path::Path;

use notion_sync_core::document::blocks::{read_full, stages, update, write};
use notion_sync_core::document::dialect::{from_notion, to_notion};
use notion_sync_core::document::edit::script;
use notion_sync_core::document::markdown::{self, Style};
use notion_sync_core::document::merge::{BodyBase, regions};
use notion_sync_core::document::{Document, notion_markdown};
use notion_sync_core::id::Side;
use serde_json::Value;

use crate::codecs::{read, requests};
use crate::input::{Input, LIMITS, MARKDOWN_LIMITS, context, files};
use crate::pages::Pages;
use crate::returned;

fn digest(value: &impl Debug) -> String {
    let hash = blake3::hash(format!("{value:?}").as_bytes());
    hash.to_hex().chars().take(16).collect()
}

/// One line for each recorded document, example and block.
pub(crate) fn lines(folder: &Path) -> String {
    let mut out = String::new();
    let root = folder.join("markdown");
    let mut sources = files(&root, "md");
    for (name, text) in files(&root, "json") {
        let Ok(value) = serde_json::from_str::<Value>(&text) else {
            continue;
        };
        let list = value
            .as_array()
            .or_else(|| value.get("examples").and_then(Value::as_array));
        for (at, example) in list.into_iter().flatten().enumerate() {
            if let Some(markdown) = example.get("markdown").and_then(Value::as_str) {
                sources.push((format!("{name} {at}"), markdown.to_owned()));
            }
        }
    }
    let mut all = String::new();
    for (name, text) in &sources {
        // Writing to a string cannot fail.
        let _ = writeln!(out, "{name}: {}", of_markdown(text));
        if all.len() < 400_000 {
            all.push_str(text);
            all.push_str("\n\n");
        }
    }
    let _ = writeln!(out, "all: {}", of_markdown(&all));
    if let Ok(input) = Input::of(all) {
        let _ = writeln!(out, "merge: {}", of_pages(&Pages::of(&input.page)));
    }
    for (name, text) in files(&folder.join("notion"), "json") {
        let mut found = Vec::new();
        if let Ok(value) = serde_json::from_str::<Value>(&text) {
            collect(&value, &mut found);
        }
        if let Ok(read) = read_full(&text) {
            let _ = writeln!(out, "{name} as it is: {}", digest(&read));
        }
        if !found.is_empty() {
            let _ = writeln!(out, "{name}: {}", of_blocks(&found));
        }
    }
    for (name, text) in files(&folder.join("notion"), "md") {
        let parsed = notion_markdown::parse(&text, &LIMITS);
        let _ = writeln!(out, "{name}: {}", digest(&parsed.ok()));
    }
    out
}

fn collect(value: &Value, out: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            if fields.get("object").and_then(Value::as_str) == Some("block") {
                out.push(value.to_string());
            }
            fields.values().for_each(|value| collect(value, out));
        }
        Value::Array(items) => items.iter().for_each(|value| collect(value, out)),
        _ => {}
    }
}

fn of_markdown(text: &str) -> String {
    let parsed = match markdown::parse(text, &MARKDOWN_LIMITS) {
        Ok(parsed) => parsed,
        Err(error) => return format!("{error}"),
    };
    of_document(&parsed.document, &digest(&parsed))
}

fn of_document(document: &Document, before: &str) -> String {
    let converted = to_notion(document, &context());
    let page = &converted.document;
    let planned = stages(&page.blocks);
    // As values: the order of keys says nothing.
    let sent: Vec<Option<Value>> = requests(page)
        .iter()
        .map(|body| serde_json::from_slice(body).ok())
        .collect();
    let back = read(&returned::lists(&page.blocks));
    let inward = from_notion(&back, &context());
    let written = [document, page, &inward.document]
        .map(|document| markdown::write(document, &Style::default()));
    let enhanced = notion_markdown::write(page);
    let text = match &enhanced {
        Ok(text) => text,
        Err(inexpressible) => &inexpressible.markdown,
    };
    let again = notion_markdown::parse(text, &LIMITS).ok();
    let unescaped = stages(&document.blocks);
    [
        before.to_owned(),
        digest(&converted),
        digest(&planned),
        digest(&sent),
        digest(&back),
        digest(&inward),
        digest(&written),
        digest(&enhanced),
        digest(&again),
        digest(&unescaped),
        digest(&document.hash()),
        digest(&document.canonical()),
    ]
    .join(" ")
}

fn of_pages(pages: &Pages) -> String {
    let cut = regions(&pages.base, &pages.notion, &pages.github);
    let composed = cut.compose(|region| region.default_choice());
    [
        digest(&pages.base),
        digest(&script(&pages.before.blocks, &pages.notion.blocks)),
        digest(&script(&pages.notion.blocks, &pages.github.blocks)),
        digest(&cut),
        digest(&composed),
        digest(&BodyBase::agree(&pages.notion, &pages.github)),
        digest(&(pages.base.hash(Side::Notion), pages.base.hash(Side::Github))),
    ]
    .join(" ")
}

fn of_blocks(found: &[String]) -> String {
    let read: Vec<_> = found.iter().map(|text| read_full(text).ok()).collect();
    let blocks: Vec<_> = read
        .iter()
        .flatten()
        .map(|read| read.block.clone())
        .collect();
    let updates: Vec<_> = blocks.iter().map(|block| update(&block.kind)).collect();
    let written: Vec<_> = blocks.iter().map(write).collect();
    let before = format!(
        "{} {} {}",
        digest(&read),
        digest(&updates),
        digest(&written)
    );
    of_document(&Document { blocks }, &before)
}
