//! Notion's enhanced Markdown: what the page-as-Markdown endpoints read and write.
//!
//! It looks like CommonMark and is another language: one line is one block, tabs nest, `<br>` breaks
//! a line, colours and toggles are attribute lists, and everything else is a tag. [`parse`] reads
//! it leniently, [`write()`] writes only what is documented or was observed to come back unchanged
//! and says what it cannot carry.
//!
//! Reading follows what Notion *writes*: literal `*`, `~`, `[` … are always escaped there, and
//! emphasis never uses `_`, so an unescaped star is always formatting and an underscore never is.

mod attributes;
mod inline_reader;
mod inline_writer;
mod lines;
mod reader;
mod table;
mod writer;

use std::fmt;

use serde::{Deserialize, Serialize};

use super::limits::Limits;
use super::model::Document;
use crate::error::Result;

/// The answer of the page-as-Markdown endpoint.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageMarkdown {
    /// The body.
    pub markdown: String,
    /// Whether blocks are missing: more than about 20,000 of them, or some not shared with us.
    #[serde(default)]
    pub truncated: bool,
    /// Ids of missing or unsupported blocks, at most 100.
    #[serde(default)]
    pub unknown_block_ids: Vec<String>,
}

/// Whether the answer does not say everything, so that the body has to be read through blocks.
///
/// A placeholder inside inline code counts as one too: reading once more than needed loses nothing.
#[must_use]
pub fn has_holes(page: &PageMarkdown) -> bool {
    page.truncated || !page.unknown_block_ids.is_empty() || lines::has_placeholder(&page.markdown)
}

/// Reads a body.
///
/// Lenient: what is malformed is text. Takes linear time. Blocks carry neither ids nor spans.
///
/// # Errors
/// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) when the source is larger, longer or more
/// deeply nested than `limits` allow; both numbers are in the message.
pub fn parse(markdown: &str, limits: &Limits) -> Result<Document> {
    reader::read_document(markdown, limits)
}

/// Writes a body, without a final line end.
///
/// What [`parse`] reads back says the same (canonically), and nothing is used that Notion is known
/// to change when it stores it.
///
/// # Errors
/// [`Inexpressible`] names every block that this Markdown cannot carry without loss, or only in a
/// way that is not documented. It also holds the closest text, for people to read.
pub fn write(document: &Document) -> Result<String, Inexpressible> {
    writer::write_document(document)
}

/// Blocks that enhanced Markdown cannot carry. Such a page is created from blocks instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inexpressible {
    /// The closest text. Not for sending: parts are lost or undocumented.
    pub markdown: String,
    /// What stands in the way, in document order.
    pub obstacles: Vec<Obstacle>,
}

/// One thing that enhanced Markdown cannot carry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Obstacle {
    /// The block, as indices from the outermost list inwards (in the canonical form).
    pub place: Vec<usize>,
    /// What the matter is.
    pub reason: &'static str,
}

impl fmt::Display for Inexpressible {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "enhanced Markdown cannot carry the body")?;
        for (at, obstacle) in self.obstacles.iter().take(5).enumerate() {
            f.write_str(if at == 0 { ": " } else { "; " })?;
            write!(f, "block {:?}: {}", obstacle.place, obstacle.reason)?;
        }
        if self.obstacles.len() > 5 {
            write!(f, "; and {} more", self.obstacles.len() - 5)?;
        }
        Ok(())
    }
}

impl std::error::Error for Inexpressible {}
