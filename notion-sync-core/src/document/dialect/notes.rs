//! Notes in grey code at the end of a text: what a file says about the block and Notion cannot.

use serde_json::{Map, Value, json};

use super::encoding::{is_marked, mark, unmark};
use crate::document::layout::{Spacing, continues, is_item, is_numbered, spacing_of};
use crate::document::markdown::is_anchor;
use crate::document::model::{
    Alignment, Annotations, Block, BlockKind, Inline, InlineKind, RichText,
};
use crate::document::{Layout, ListFormat};

/// Name of the note about a list, on its first item.
pub(super) const LIST: &str = "list";
/// Name of the note about a table, in its first cell.
pub(super) const TABLE: &str = "table";
/// Name of the note about code, in its caption.
pub(super) const CODE: &str = "code";

/// Name of the note about a heading, behind its text.
pub(super) const HEADING: &str = "heading";

const START: &str = "<!-- notion-sync:";
const END: &str = " -->";

/// Appends a note.
pub(super) fn add(text: &mut RichText, name: &str, data: &Map<String, Value>) {
    if !text.0.is_empty() {
        text.0.push(Inline::text(" "));
    }
    let mut annotations = Annotations::default();
    mark(&mut annotations);
    text.0.push(Inline {
        annotations,
        ..Inline::text(format!(
            "{START}{name} {}{END}",
            Value::Object(data.clone())
        ))
    });
}

/// Takes a note of that name off the end of a text.
pub(super) fn take(text: &mut RichText, name: &str) -> Option<Map<String, Value>> {
    let last = text.0.last()?;
    let InlineKind::Text(note) = &last.kind else {
        return None;
    };
    let mut plain = last.annotations.clone();
    unmark(&mut plain);
    if !is_marked(&last.annotations) || !plain.is_plain() || last.link.is_some() {
        return None;
    }
    let json = note
        .strip_prefix(START)?
        .strip_prefix(name)?
        .strip_prefix(' ')?
        .strip_suffix(END)?;
    let data = serde_json::from_str(json).ok()?;
    text.0.pop();
    if let Some(Inline {
        kind: InlineKind::Text(before),
        annotations,
        ..
    }) = text.0.last_mut()
        && !annotations.code
        && before.ends_with(' ')
    {
        before.pop();
        if before.is_empty() {
            text.0.pop();
        }
    }
    Some(data)
}

/// What there is to note about the list that starts at `at`, if one does.
pub(super) fn of_list(blocks: &[Block], at: usize) -> Option<Map<String, Value>> {
    let block = &blocks[at];
    let before = at.checked_sub(1).map(|at| &blocks[at]);
    if !is_item(&block.kind) || before.is_some_and(|before| continues(before, block)) {
        return None;
    }
    let mut data = Map::new();
    if let BlockKind::NumberedItem {
        start: Some(start), ..
    } = &block.kind
    {
        data.insert("start".to_owned(), json!(start));
    } else if before.is_some_and(|before| {
        is_item(&before.kind) && is_numbered(&before.kind) == is_numbered(&block.kind)
    }) {
        data.insert("separate".to_owned(), Value::Bool(true));
    }
    let spacing = match spacing_of(&blocks[at..]) {
        (Spacing::Loose, false) => Some(Spacing::Loose),
        (Spacing::Tight, true) => Some(Spacing::Tight),
        _ => None,
    };
    if let Some(spacing) = spacing {
        data.insert("spacing".to_owned(), json!(spacing));
    }
    if block.layout.format != ListFormat::Numbers && is_numbered(&block.kind) {
        data.insert("format".to_owned(), json!(block.layout.format));
    }
    (!data.is_empty()).then_some(data)
}

/// Applies the note on the first item of a list.
pub(super) fn apply_to_item(data: &Map<String, Value>, block: &mut Block) {
    let said = Layout {
        spacing: parsed(data, "spacing").unwrap_or_default(),
        separate: parsed(data, "separate").unwrap_or_default(),
        format: parsed(data, "format").unwrap_or(block.layout.format),
        ..block.layout
    };
    block.layout = said;
    if let BlockKind::NumberedItem { start, .. } = &mut block.kind
        && let Some(said) = parsed(data, "start")
    {
        *start = Some(said);
    }
}

/// What there is to note about a table.
pub(super) fn of_table(kind: &BlockKind) -> Option<Map<String, Value>> {
    match kind {
        BlockKind::Table { alignment, .. }
            if alignment.iter().any(|said| *said != Alignment::None) =>
        {
            Some(Map::from_iter([("alignment".to_owned(), json!(alignment))]))
        }
        _ => None,
    }
}

/// The alignment in a note.
pub(super) fn alignment(data: &Map<String, Value>) -> Option<Vec<Alignment>> {
    parsed(data, "alignment")
}

/// What there is to note about code.
pub(super) fn of_code(info: Option<&str>) -> Option<Map<String, Value>> {
    Some(Map::from_iter([("info".to_owned(), json!(info?))]))
}

/// The info string in a note.
pub(super) fn info(data: &Map<String, Value>) -> Option<Box<str>> {
    parsed(data, "info")
}

/// What there is to note about a heading.
pub(super) fn of_heading(anchor: &str) -> Map<String, Value> {
    Map::from_iter([("anchor".to_owned(), json!(anchor))])
}

/// The anchors in a note.
pub(super) fn anchor(data: &Map<String, Value>) -> Option<Box<str>> {
    let anchor: Box<str> = parsed(data, "anchor")?;
    is_anchor(&anchor).then_some(anchor)
}

fn parsed<T: serde::de::DeserializeOwned>(data: &Map<String, Value>, key: &str) -> Option<T> {
    serde_json::from_value(data.get(key)?.clone()).ok()
}
