//! The body of a page or file as a tree of blocks, and everything done to it.
//!
//! [`Document`] is the one model between three codecs: Notion's blocks as JSON ([`blocks`]),
//! Notion's enhanced Markdown ([`notion_markdown`]) and the Markdown people keep in a repository
//! ([`markdown`]). [`merge`] compares and merges trees, [`patch`] carries an edited tree into an
//! existing file without touching the lines of any other block.

pub mod blocks;
pub(crate) mod canon;
mod canon_text;
pub mod dialect;
pub mod edit;
pub mod front_matter;
mod layout;
pub mod limits;
pub(crate) mod looks;
pub mod markdown;
pub mod merge;
pub mod model;
pub mod notion_markdown;
pub mod patch;
mod reference;
mod rich_text;
pub mod text_merge;
mod title;
mod validation;

pub(crate) use canon_text::canonical_heading;
pub use layout::{Element, Layout, ListFormat, Spacing};
pub use model::{
    Alignment, Annotations, Block, BlockKind, Color, DateMention, Document, Icon, Inline,
    InlineKind, MediaKind, MediaSource, Mention, RichText, Span,
};
pub use title::{split_title, with_title};
