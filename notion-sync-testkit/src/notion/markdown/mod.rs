//! Enhanced Markdown: the service's own reader and writer of page bodies.
//!
//! Written from the published description and from what was observed, independently of every other
//! reader and writer in this workspace. Reading and writing again is a fixed point: what was
//! written once comes back unchanged.

mod block_reader;
mod block_writer;
mod inline_reader;
mod inline_writer;
mod table;
mod tag;

use std::collections::BTreeMap;

use super::block::NewBlock;
use super::id::NotionId;
use super::text::Rich;
use super::workspace::Workspace;

pub(crate) use block_reader::read;
pub(crate) use block_writer::{write, write_one, write_shallow};

/// Names of custom emojis by id, with their addresses.
pub(crate) type Emojis = BTreeMap<NotionId, (String, String)>;

/// What the writer needs to know about the world around the blocks.
#[derive(Clone, Copy)]
pub(crate) struct Ink<'a> {
    pub(crate) ws: &'a Workspace,
    /// How the address of hosted bytes is written.
    pub(crate) sign: &'a dyn Fn(&str) -> String,
    /// Whether transcripts of meetings are written out.
    pub(crate) transcript: bool,
}

impl std::fmt::Debug for Ink<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ink")
            .field("transcript", &self.transcript)
            .finish_non_exhaustive()
    }
}

impl<'a> Ink<'a> {
    /// Ink that writes the unsigned address: for comparisons.
    pub(crate) fn stable(ws: &'a Workspace) -> Self {
        Self {
            ws,
            sign: &unsigned,
            transcript: false,
        }
    }
}

fn unsigned(base: &str) -> String {
    base.to_owned()
}

/// Reads a line of inline Markdown, as comments use it.
pub(crate) fn read_inline(text: &str, emojis: &Emojis) -> Rich {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    inline_reader::read(lines.join("<br>").trim(), emojis)
}

/// The address of a page, database or block as Markdown shows it.
pub(crate) fn address(id: NotionId) -> String {
    format!("https://app.notion.com/p/{}", id.hex())
}

/// The address of a block on its page.
pub(crate) fn block_address(ws: &Workspace, id: NotionId) -> String {
    match ws.page_of(id) {
        Some(page) if page != id => format!("{}#{}", address(page), id.hex()),
        _ => address(id),
    }
}

/// A parsed body without a title.
pub(crate) type Body = Vec<NewBlock>;
