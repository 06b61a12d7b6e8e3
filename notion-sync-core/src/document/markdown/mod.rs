//! The Markdown people keep in a repository: CommonMark with GitHub's extensions.
//!
//! [`parse`] reads it into a [`Document`] in which every block knows its bytes; [`write()`] writes a
//! document in one canonical style. Existing files are never written whole: see
//! [`patch`](super::patch).
//!
//! # Dialect
//!
//! What Notion has and Markdown has not is written so that it renders sensibly and reads back:
//!
//! | Notion | Markdown |
//! | --- | --- |
//! | toggle, toggle heading | `<details>` with `<summary>` (and `<h2>` in it) |
//! | callout | alert where icon and colour are those of one, else a quote that starts with the emoji, its first paragraph ending in `<!-- notion-sync:callout {…} -->` |
//! | block colour, toggle heading without content | `<!-- notion-sync:style {"color":"red"} -->` behind the text |
//! | colour, underline in text | `<span color="red">`, `<u>` |
//! | mention, text that has no other form | `<span data-notion-sync='{…}'>@page</span>`: the data counts, the text is for people |
//! | bookmark, embed, media, hosted image, link to page, child page, child database | a link or image with `<!-- notion-sync:bookmark -->` (and so on) behind it |
//! | columns, synced block | `<!-- notion-sync:column_list -->` … `<!-- /notion-sync:column_list -->` around the blocks |
//! | children of a block that has none in Markdown | `<!-- notion-sync:nested -->` … around the block and its children |
//! | caption of code, table without header row | `<!-- notion-sync:code {…} -->`, `<!-- notion-sync:table {…} -->` in front of it |
//! | table of contents, breadcrumb | `<!-- notion-sync:table_of_contents -->`, `<!-- notion-sync:breadcrumb -->` |
//! | blocks of a type that has no form | `<!-- notion-sync:opaque {…} -->` behind the link or text that they show, if any |
//! | empty paragraph | `&nbsp;` |
//! | letters or Roman numerals of a numbered list | `<!-- notion-sync:style {"format":"letters"} -->` behind the text of its items |
//! | anything that would not read back otherwise | `<!-- notion-sync:block {…} -->` |

mod alert;
mod anchor;
mod autolink;
mod beside;
mod fold;
mod html;
pub(crate) mod inline;
pub(crate) mod inline_writer;
mod language;
mod leaf;
pub(crate) mod lines;
mod marker;
pub(crate) mod node;
mod reader;
mod settle;
mod spacing;
pub(crate) mod writer;

pub use language::{info_of_language, language_of_info};

use super::front_matter::{FrontMatter, FrontMatterError};
use super::model::Document;
pub(crate) use anchor::is_anchor;
pub(crate) use fold::is_toggle;
pub(crate) use html::{escape as html_escape, tag_end, unescape as html_unescape};
use node::Node;
pub(crate) use settle::Settled;

/// Most columns of a table.
pub const MAX_COLUMNS: usize = 1_000;

/// What a source may have at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the whole file.
    pub bytes: usize,
    /// Blocks, nested ones included.
    pub blocks: usize,
    /// Levels of nesting.
    pub depth: usize,
}

impl Default for Limits {
    /// 1 MiB, 20,000 blocks, 64 levels.
    fn default() -> Self {
        Self {
            bytes: 1 << 20,
            blocks: 20_000,
            depth: 64,
        }
    }
}

/// How lines end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LineEnding {
    /// `\n`.
    #[default]
    Lf,
    /// `\r\n`.
    Crlf,
}

impl LineEnding {
    /// The line end that most lines of a text have; `\n` where there is none.
    #[must_use]
    pub fn of(source: &str) -> Self {
        if !source.contains('\r') {
            return Self::Lf;
        }
        let crlf = source.matches("\r\n").count();
        if crlf * 2 > source.matches('\n').count() {
            Self::Crlf
        } else {
            Self::Lf
        }
    }

    /// Its characters.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Lf => "\n",
            Self::Crlf => "\r\n",
        }
    }
}

/// A file read.
#[derive(Debug, Clone)]
pub struct Parsed {
    /// The front matter, where there is any.
    pub front_matter: Option<FrontMatter>,
    /// The body.
    pub document: Document,
    /// How most lines end.
    pub line_ending: LineEnding,
}

/// Why a source was not read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MarkdownError {
    /// Too many bytes.
    #[error("the file has {found} bytes, the limit is {limit}")]
    TooLarge {
        /// The limit in bytes.
        limit: usize,
        /// What was found.
        found: usize,
    },
    /// Too many blocks.
    #[error("the file has at least {found} blocks, the limit is {limit}")]
    TooManyBlocks {
        /// The limit.
        limit: usize,
        /// What was found before reading stopped.
        found: usize,
    },
    /// A table with too many columns.
    #[error("a table has {found} columns, the limit is {limit}")]
    TooWide {
        /// The limit.
        limit: usize,
        /// What was found.
        found: usize,
    },
    /// Blocks nested too deep.
    #[error("blocks are nested at least {found} levels deep, the limit is {limit}")]
    TooDeep {
        /// The limit in levels.
        limit: usize,
        /// What was found before reading stopped.
        found: usize,
    },
    /// The front matter is broken.
    #[error(transparent)]
    FrontMatter(#[from] FrontMatterError),
}

/// How the canonical writer writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Style {
    /// How lines end.
    pub line_ending: LineEnding,
    /// The marker of bulleted items: `-`, `*` or `+`.
    pub bullet: char,
    /// What stands behind the number of a numbered item: `.` or `)`.
    pub delimiter: char,
}

impl Default for Style {
    /// `\n`, `-` and `.`.
    fn default() -> Self {
        Self {
            line_ending: LineEnding::Lf,
            bullet: '-',
            delimiter: '.',
        }
    }
}

/// A file as nodes: what [`parse`] and the patcher share.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) front_matter: Option<FrontMatter>,
    pub(crate) nodes: Vec<Node>,
    /// First byte of the body.
    pub(crate) body: usize,
}

/// Reads a file.
pub(crate) fn read_source(source: &str, limits: &Limits) -> Result<Source, MarkdownError> {
    let (front_matter, body) = split(source, limits)?;
    let nodes = reader::read(source, body, limits)?;
    Ok(Source {
        front_matter,
        nodes,
        body,
    })
}

/// Reads a text that has no front matter.
pub(crate) fn read_body(source: &str, limits: &Limits) -> Result<Source, MarkdownError> {
    check_size(source, limits)?;
    let body = body_start(source);
    Ok(Source {
        front_matter: None,
        nodes: reader::read(source, body, limits)?,
        body,
    })
}

fn check_size(source: &str, limits: &Limits) -> Result<(), MarkdownError> {
    if source.len() > limits.bytes {
        return Err(MarkdownError::TooLarge {
            limit: limits.bytes,
            found: source.len(),
        });
    }
    Ok(())
}

/// Takes the front matter off, and says where the body starts.
fn split(source: &str, limits: &Limits) -> Result<(Option<FrontMatter>, usize), MarkdownError> {
    check_size(source, limits)?;
    let front_matter = FrontMatter::read(source)?;
    let body = front_matter.as_ref().map_or_else(
        || body_start(source),
        |front_matter| front_matter.span().end,
    );
    Ok((front_matter, body))
}

/// Where the body of a file without front matter starts: behind a byte order mark.
fn body_start(source: &str) -> usize {
    if source.starts_with('\u{feff}') { 3 } else { 0 }
}

/// Reads a Markdown file. Front matter is split off first; every block gets its span in `source`.
///
/// Every line that is not blank belongs to exactly one block, or is a marker of the container
/// around it. What Notion has no block for is [`BlockKind::Verbatim`](super::BlockKind::Verbatim).
///
/// # Errors
///
/// [`MarkdownError`] where a limit is exceeded or the front matter is broken.
///
/// # Examples
///
/// ```
/// use notion_sync_core::document::markdown::{self, Limits, Style};
///
/// let parsed = markdown::parse("Title\n=====\n\n* one\n* two\n", &Limits::default())?;
/// assert_eq!(parsed.document.blocks.len(), 3);
/// let written = markdown::write(&parsed.document, &Style::default());
/// assert_eq!(written, "# Title\n\n- one\n- two\n");
/// # Ok::<(), markdown::MarkdownError>(())
/// ```
pub fn parse(source: &str, limits: &Limits) -> Result<Parsed, MarkdownError> {
    let (front_matter, body) = split(source, limits)?;
    Ok(Parsed {
        front_matter,
        document: node::into_document(reader::read_blocks(source, body, limits)?),
        line_ending: LineEnding::of(source),
    })
}

/// Reads Markdown that has no front matter, such as the text of an issue: a `---` at its start is a
/// rule, and lines between two of them are text. Otherwise as [`parse`].
///
/// # Errors
///
/// [`MarkdownError`] where a limit is exceeded.
///
/// # Examples
///
/// ```
/// use notion_sync_core::document::markdown::{self, Limits};
///
/// let document = markdown::parse_body("---\nVersion: 1\n---\nIt stops.\n", &Limits::default())?;
/// assert_eq!(document.blocks.len(), 3);
/// # Ok::<(), markdown::MarkdownError>(())
/// ```
pub fn parse_body(source: &str, limits: &Limits) -> Result<Document, MarkdownError> {
    check_size(source, limits)?;
    let nodes = reader::read_blocks(source, body_start(source), limits)?;
    Ok(node::into_document(nodes))
}

/// Writes a document in the canonical style, ending with a line end (an empty document is empty).
///
/// What it writes reads back to a document that says the same: the text is read again before it is
/// returned, and blocks that came back different are written in a more explicit way of the dialect.
#[must_use]
pub fn write(document: &Document, style: &Style) -> String {
    let text = Settled::of(document, style).into_text();
    match style.line_ending {
        LineEnding::Lf => text,
        LineEnding::Crlf => text.replace('\n', "\r\n"),
    }
}
