//! What stays on its own side: everything from a marker on.
//!
//! The merge never sees these parts. A body that would hold the other side's marker by itself is not
//! written: what follows it would look like a part of that side's own, and so like a removal here.

use crate::document::{Block, BlockKind, Document, RichText, markdown};
use crate::engine::observe::bind::Bound;
use crate::error::{Error, ErrorKind, Result};

/// Where the part of an issue's text begins that stays on GitHub: at a line which begins a block and
/// is the marker.
pub(in crate::engine) fn in_issue(
    marker: Option<&str>,
    text: &str,
    document: &Document,
) -> Option<usize> {
    let marker = marker?.trim();
    document.blocks.iter().find_map(|block| {
        let before = text.get(..block.span?.start)?;
        let start = before.rfind('\n').map_or(0, |end| end + 1);
        let line = text.get(start..)?.lines().next()?;
        (line.trim() == marker).then_some(start)
    })
}

/// Blocks of a page before and from its marker on.
pub(in crate::engine) fn in_page<'d>(
    marker: Option<&str>,
    document: &'d Document,
) -> (&'d [Block], &'d [Block]) {
    let says = |block: &Block| {
        let line = matches!(
            block.kind,
            BlockKind::Paragraph { .. } | BlockKind::Heading { .. }
        );
        let text = block.kind.text().filter(|_| line).map(RichText::to_plain);
        text.is_some_and(|text| marker.is_some_and(|marker| text.trim() == marker.trim()))
    };
    let at = document.blocks.iter().position(says);
    document
        .blocks
        .split_at(at.unwrap_or(document.blocks.len()))
}

/// The shared text of an issue with what stays below it, every byte of that as it was.
///
/// # Errors
///
/// [`Invalid`](ErrorKind::Invalid) when the marker would not be where it belongs.
pub(in crate::engine) fn joined(bound: &Bound, mut shared: String, below: &str) -> Result<String> {
    let Some(marker) = bound.keep_below.github.as_deref() else {
        return Ok(shared);
    };
    if !below.is_empty() && shared.trim().is_empty() {
        shared.clear();
    } else if !below.is_empty() {
        while !shared.ends_with("\n\n") {
            shared.push('\n');
        }
    }
    let wanted = (!below.is_empty()).then_some(shared.len());
    let text = shared + below;
    let limits = markdown::Limits {
        bytes: usize::MAX,
        blocks: usize::MAX,
        ..markdown::Limits::default()
    };
    let read = markdown::parse_body(&text, &limits)
        .map_err(|error| refuse("write an issue's body").message(error.to_string()))?;
    if in_issue(Some(marker), &text, &read) == wanted {
        return Ok(text);
    }
    Err(refuse("write an issue's body").message(format!(
        "the page says {marker:?}, which begins what stays on GitHub"
    )))
}

/// Refuses blocks for a page of which one is its marker.
///
/// # Errors
///
/// [`Invalid`](ErrorKind::Invalid).
pub(in crate::engine) fn without_marker(bound: &Bound, blocks: Document) -> Result<Document> {
    let marker = bound.keep_below.notion.as_deref();
    if in_page(marker, &blocks).1.is_empty() {
        return Ok(blocks);
    }
    let marker = marker.unwrap_or_default();
    Err(refuse("write a page's body").message(format!(
        "the issue says {marker:?}, which begins what stays on Notion"
    )))
}

fn refuse(during: &'static str) -> Error {
    Error::new(ErrorKind::Invalid, during)
        .remedy("reword that line, or choose another marker in `keep_below`")
}
