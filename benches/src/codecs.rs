//! The conversions that are measured.

use std::collections::BTreeMap;

use notion_sync_core::document::blocks::{self, assemble, read_full};
use notion_sync_core::document::dialect::{
    Carry, from_notion, from_notion_owned, to_notion, to_notion_owned,
};
use notion_sync_core::document::markdown::{self, Style};
use notion_sync_core::document::{Block, Document, notion_markdown};
use notion_sync_core::id::BlockId;
use pulldown_cmark::{Options, Parser};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::input::{Input, LIMITS, MARKDOWN_LIMITS, context};
use crate::measure::Case;
use crate::returned::Returned;
use crate::typed;

#[derive(Deserialize)]
struct List<'a> {
    #[serde(borrow)]
    results: Vec<&'a RawValue>,
}

/// Markdown to the bodies of the append requests.
pub(crate) fn to_requests(markdown: &str) -> Vec<Vec<u8>> {
    let Ok(parsed) = markdown::parse(markdown, &MARKDOWN_LIMITS) else {
        return Vec::new();
    };
    requests(&to_notion_owned(parsed.document, &context(), Carry::Content).document)
}

/// A page to the bodies of the append requests.
pub(crate) fn requests(page: &Document) -> Vec<Vec<u8>> {
    blocks::requests(&page.blocks)
        .requests
        .iter()
        .map(|request| format!("{{\"children\":{}}}", request.children).into_bytes())
        .collect()
}

/// The answers of the block endpoints to the page.
pub(crate) fn read(returned: &Returned) -> Document {
    let mut children: BTreeMap<BlockId, Vec<Block>> = BTreeMap::new();
    let mut top = Vec::new();
    for (parent, list) in &returned.lists {
        let Ok(list) = serde_json::from_str::<List<'_>>(list) else {
            continue;
        };
        let blocks = list
            .results
            .iter()
            .filter_map(|raw| read_full(raw.get()).ok())
            .map(|read| read.block);
        match parent {
            Some(parent) => children
                .entry(BlockId::from(parent.as_str()))
                .or_default()
                .extend(blocks),
            None => top.extend(blocks),
        }
    }
    Document {
        blocks: assemble(top, &mut children),
    }
}

/// The answers of the block endpoints to Markdown.
pub(crate) fn to_markdown(returned: &Returned) -> String {
    let document = from_notion_owned(read(returned), &context()).document;
    markdown::write(&document, &Style::default())
}

fn options() -> Options {
    Options::ENABLE_TABLES
        | Options::ENABLE_FOOTNOTES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_MATH
        | Options::ENABLE_GFM
}

const PARSER: Option<&str> = Some("reference/markdown");

/// The cases of the codecs. Speeds are in bytes of the Markdown, also where the input is another
/// form of it.
pub(crate) fn cases(input: &Input) -> Vec<Case<'_>> {
    let bytes = input.markdown.len();
    vec![
        Case::new("reference/markdown", bytes, None, || {
            Parser::new_ext(&input.markdown, options())
                .into_offset_iter()
                .count()
        }),
        Case::new("reference/json-untyped", bytes, PARSER, || {
            let lists = input.returned.lists.iter();
            lists
                .filter(|(_, list)| serde_json::from_str::<Value>(list).is_ok())
                .count()
        }),
        Case::new("reference/json-typed", bytes, PARSER, || {
            let lists = input.returned.lists.iter();
            lists
                .filter_map(|(_, list)| serde_json::from_str::<typed::List>(list).ok())
                .map(|list| list.results.len())
                .sum()
        }),
        Case::new("markdown-to-blocks", bytes, PARSER, || {
            to_requests(&input.markdown).iter().map(Vec::len).sum()
        }),
        Case::new("blocks-to-markdown", bytes, PARSER, || {
            to_markdown(&input.returned).len()
        }),
        Case::new("enhanced-read", bytes, PARSER, || {
            notion_markdown::parse(&input.enhanced, &LIMITS)
                .map_or(0, |document| document.blocks.len())
        }),
        Case::new(
            "enhanced-write",
            bytes,
            PARSER,
            || match notion_markdown::write(&input.page) {
                Ok(text) => text.len(),
                Err(inexpressible) => inexpressible.markdown.len(),
            },
        ),
        Case::new("part/markdown-read", bytes, PARSER, || {
            markdown::parse(&input.markdown, &MARKDOWN_LIMITS)
                .map_or(0, |parsed| parsed.document.blocks.len())
        }),
        Case::new("part/dialect-out", bytes, PARSER, || {
            to_notion(&input.parsed, &context()).document.blocks.len()
        }),
        Case::new("part/requests", bytes, PARSER, || {
            requests(&input.page).len()
        }),
        Case::new("part/blocks-read", bytes, PARSER, || {
            read(&input.returned).blocks.len()
        }),
        Case::new("part/dialect-in", bytes, PARSER, || {
            from_notion(&input.page, &context()).document.blocks.len()
        }),
        Case::new("part/markdown-write", bytes, PARSER, || {
            markdown::write(&input.parsed, &Style::default()).len()
        }),
        Case::new("part/hash", bytes, PARSER, || {
            usize::from(input.parsed.hash().as_bytes()[0])
        }),
    ]
}
