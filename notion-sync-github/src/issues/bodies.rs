//! Bodies of issues: our hidden block, the link, the text.

use std::collections::BTreeMap;

use notion_sync_core::remote::{Create, NewContent, Write};
use notion_sync_core::snapshot::Content;
use notion_sync_core::{Error, ErrorKind, Result};

use crate::comments::MAX_BODY_BYTES;
use crate::marker::HiddenBlock;
use crate::neutral::{neutralise, restore};

/// Bookkeeping of an issue: the page's id, in the hidden block.
pub const BOOKKEEPING_PAGE: &str = "notion_page_id";
/// Bookkeeping of an issue: the last revision of the page that was written, in the hidden block.
pub const BOOKKEEPING_REVISION: &str = "notion_revision";
/// Bookkeeping of an issue: address of the visible link.
pub const BOOKKEEPING_URL: &str = "notion_url";

/// A body taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Body {
    pub(super) block: HiddenBlock,
    /// As the page has it: nothing is broken in it.
    pub(crate) text: String,
    /// Bytes of the whole body as it stands.
    pub(super) bytes: usize,
}

impl Body {
    pub(crate) fn read(body: Option<&str>) -> Self {
        let source = body.unwrap_or_default();
        let (block, text) = HiddenBlock::split(source);
        Self {
            block,
            text: restore(&text),
            bytes: source.len(),
        }
    }

    pub(super) fn content(&self) -> Content {
        if self.bytes > MAX_BODY_BYTES {
            return Content::Unusable(format!(
                "the body has {} bytes, the limit is {MAX_BODY_BYTES}",
                self.bytes
            ));
        }
        Content::Text(self.text.clone())
    }

    pub(super) fn bookkeeping(&self) -> BTreeMap<String, String> {
        let pairs = [
            (BOOKKEEPING_PAGE, &self.block.page),
            (BOOKKEEPING_REVISION, &self.block.revision),
            (BOOKKEEPING_URL, &self.block.url),
        ];
        pairs
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value.clone()?)))
            .collect()
    }
}

/// The body of a new issue.
pub(super) fn new_body(write: &Write, create: &Create) -> Result<String> {
    let text = match &create.content {
        NewContent::Text(text) => text.as_str(),
        NewContent::Empty => "",
        NewContent::Blocks(_) => {
            return Err(Error::new(ErrorKind::Invalid, "create an issue")
                .message("a body is written as text"));
        }
    };
    let mut block = HiddenBlock {
        page: create.counterpart.clone().or_else(|| write.page.clone()),
        revision: write.revision.clone(),
        created_by: Some(write.op.clone()),
        url: create.counterpart_url.clone(),
        ..HiddenBlock::default()
    };
    keep(&mut block, &create.bookkeeping);
    fitting(&block, text)
}

/// The body of an issue after a write: the block as it stands, with what is new.
pub(super) fn next_body(
    write: &Write,
    current: &Body,
    text: &str,
    bookkeeping: &BTreeMap<String, String>,
) -> Result<String> {
    let mut block = known_block(current)?;
    block.written_by = Some(write.op.clone());
    if let Some(page) = &write.page {
        block.page = Some(page.clone());
    }
    if let Some(revision) = &write.revision {
        block.revision = Some(revision.clone());
    }
    keep(&mut block, bookkeeping);
    fitting(&block, text)
}

/// The body of an issue with another block, and its text byte for byte as it stands: people wrote it,
/// and whom they mention there they meant.
pub(super) fn marked_body(
    write: &Write,
    current: &Body,
    source: &str,
    bookkeeping: &BTreeMap<String, String>,
) -> Result<String> {
    let mut block = known_block(current)?;
    block.written_by = Some(write.op.clone());
    keep(&mut block, bookkeeping);
    let (there, text) = HiddenBlock::split(source);
    // Taking a block out normalises line ends; where there is none they stay too.
    Ok(block.body(if there.is_empty() { source } else { &text }))
}

/// The block as it stands, where this program knows all of it.
fn known_block(current: &Body) -> Result<HiddenBlock> {
    if let Some(version) = &current.block.newer_format {
        return Err(Error::new(ErrorKind::Blocked, "change an issue")
            .message(format!(
                "its hidden block has format {version}, which is newer than this program"
            ))
            .remedy("update the program"));
    }
    Ok(current.block.clone())
}

/// Takes over what is to be kept; an empty value clears.
fn keep(block: &mut HiddenBlock, bookkeeping: &BTreeMap<String, String>) {
    for (name, value) in bookkeeping {
        let value = (!value.is_empty()).then(|| value.clone());
        match name.as_str() {
            BOOKKEEPING_PAGE => block.page = value,
            BOOKKEEPING_REVISION => block.revision = value,
            BOOKKEEPING_URL => block.url = value,
            // Written by a newer engine: an issue has no place for it.
            _ => {}
        }
    }
}

fn fitting(block: &HiddenBlock, text: &str) -> Result<String> {
    let body = block.body(&neutralise(&text.replace("\r\n", "\n")));
    if body.len() > MAX_BODY_BYTES {
        return Err(Error::new(ErrorKind::Invalid, "write the body of an issue")
            .with("field", "body")
            .message(format!(
                "it has {} bytes, the limit is {MAX_BODY_BYTES}",
                body.len()
            ))
            .remedy("shorten the page"));
    }
    Ok(body)
}
