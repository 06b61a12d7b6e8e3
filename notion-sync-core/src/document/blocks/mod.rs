//! Blocks as the block endpoints of Notion read and write them.
//!
//! [`read`] takes one block object (children are fetched apart and attached with [`assemble`]),
//! [`write()`] gives the object for an append request, [`update`] the body for changing a block in
//! place, and [`stages`] or [`requests`] cut any content into append requests that Notion accepts.
//!
//! Reading is lenient: a type we do not know, or one whose fields are not what we know, becomes
//! [`BlockKind::Opaque`](super::BlockKind::Opaque) and keeps its JSON. Writing is strict: what
//! Notion would refuse is left out and reported.

mod json;
mod payload;
mod rich_text;
mod runs;
mod stable;
mod stages;
mod tree;
mod writer;

pub(crate) use runs::as_held;

pub use payload::{BlockRead, read, read_full};
pub use stages::{Request, Requests, Stage, Stages, requests, stages, stages_into};
pub use tree::assemble;
pub use writer::{same_type, update, update_from, write};

use std::fmt;

/// Something that could not be written as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issue {
    /// The block, as indices from the outermost list inwards.
    pub place: Vec<usize>,
    /// What is the matter with it.
    pub reason: Reason,
}

/// Why a block or run could not be written as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Reason {
    /// The API cannot create blocks of this type, or not from what we know of it.
    NotCreatable,
    /// The bytes are at Notion; an existing hosted file cannot be attached again.
    Hosted,
    /// The target is not an absolute web address, or too long.
    Url,
    /// More text than one block can hold, or more bytes than one request.
    TooLarge,
    /// The type stands where it cannot stand (a row outside a table, children of a divider).
    Misplaced,
    /// More than 100 runs: formatting was dropped from the last ones.
    Runs,
    /// A link that Notion refuses was left out; its text stayed.
    Link,
    /// An expression too long for an equation was written as code.
    Expression,
    /// The code language is unknown to Notion and was written as `plain text`.
    Language,
    /// A mention that the API cannot create was written as text.
    Mention,
    /// Source Markdown was written as code; only the dialect writes it so that it can be read back.
    Verbatim,
    /// The colour is unknown to Notion and was left out.
    Color,
    /// The icon cannot be created and was left out.
    Icon,
    /// Rows, columns or children were added because Notion asks for them.
    Padded,
    /// A heading deeper than Notion has, or one with children that did not fold.
    Heading,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotCreatable => "the API cannot create this block",
            Self::Hosted => "a file hosted by Notion cannot be attached again",
            Self::Url => {
                "the URL is not absolute, not http or https, or longer than 2,000 characters"
            }
            Self::TooLarge => {
                "too large: more than 200,000 characters or 500,000 bytes in one block"
            }
            Self::Misplaced => "the block cannot stand here",
            Self::Runs => "more than 100 runs, formatting of the last ones dropped",
            Self::Link => "the link is not one that Notion takes and was left out",
            Self::Expression => "the expression is longer than 1,000 characters and became code",
            Self::Language => "the code language is unknown to Notion and became plain text",
            Self::Mention => "the mention cannot be created and became text",
            Self::Verbatim => "source Markdown became code",
            Self::Color => "the colour is unknown to Notion and was left out",
            Self::Icon => "the icon cannot be created and was left out",
            Self::Padded => "rows, columns or children were added to satisfy Notion",
            Self::Heading => "the heading was made one that Notion has",
        })
    }
}
