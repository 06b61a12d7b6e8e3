//! Blocks.

use serde::{Deserialize, Serialize};

use super::layout::Layout;
pub use super::rich_text::{
    Annotations, Color, DateMention, Inline, InlineKind, Mention, RichText,
};
use crate::id::BlockId;

/// A half-open range of bytes in the source a block was parsed from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

/// A whole body.
///
/// Equality (`==`) is structural and includes ids and spans; use [`Document::canon_eq`] or
/// [`Document::hash`] to ask whether two bodies say the same.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Document {
    /// Top-level blocks in order.
    pub blocks: Vec<Block>,
}

/// One block with the blocks inside it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Block {
    /// Notion's id, where the block was read through the block endpoints. Not content.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<BlockId>,
    /// Where the block stands in the file it was parsed from, children included. Not content.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub span: Option<Span>,
    /// How it is laid out. Not content.
    #[serde(default, skip_serializing_if = "Layout::is_default")]
    pub layout: Layout,
    /// What the block is, and its own text.
    pub kind: BlockKind,
    /// Blocks inside this one. Rows of a table and columns of a column list are children too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub children: Vec<Block>,
}

/// What a block is. Children live in [`Block::children`].
///
/// Every block takes as much room as that of the kind with the most fields, which is code: what is
/// short and never grows there is a boxed text.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "type")]
pub enum BlockKind {
    /// A paragraph. An empty `text` is Notion's empty paragraph.
    Paragraph {
        /// Its text.
        text: RichText,
        /// Block colour.
        #[serde(default, skip_serializing_if = "Color::is_default")]
        color: Color,
    },
    /// A heading of level 1 to 4 (5 and 6 exist in Markdown only).
    Heading {
        /// 1 to 6.
        level: u8,
        /// Its text.
        text: RichText,
        /// Whether it folds its children.
        #[serde(default)]
        toggle: bool,
        /// Block colour.
        #[serde(default, skip_serializing_if = "Color::is_default")]
        color: Color,
        /// Anchors in front of it (`<a id="x"></a>`), which nobody sees. Markdown only; not part of
        /// the canonical form.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        anchor: Option<Box<str>>,
    },
    /// An item of a bulleted list.
    BulletedItem {
        /// Its own text, without nested blocks.
        text: RichText,
        /// Block colour.
        #[serde(default, skip_serializing_if = "Color::is_default")]
        color: Color,
    },
    /// An item of a numbered list.
    NumberedItem {
        /// Its own text, without nested blocks.
        text: RichText,
        /// The number the list starts with, on its first item, where it is not 1. Only the block
        /// JSON and Markdown can say it; it is not part of the canonical form.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        start: Option<u64>,
        /// Block colour.
        #[serde(default, skip_serializing_if = "Color::is_default")]
        color: Color,
    },
    /// A task.
    ToDo {
        /// Its own text.
        text: RichText,
        /// Whether it is ticked.
        checked: bool,
        /// Block colour.
        #[serde(default, skip_serializing_if = "Color::is_default")]
        color: Color,
    },
    /// A toggle (`<details>`): `text` is the summary.
    Toggle {
        /// The summary.
        text: RichText,
        /// Block colour.
        #[serde(default, skip_serializing_if = "Color::is_default")]
        color: Color,
    },
    /// A quotation. Its first paragraph is `text`, everything else are children.
    Quote {
        /// First paragraph.
        text: RichText,
        /// Block colour.
        #[serde(default, skip_serializing_if = "Color::is_default")]
        color: Color,
    },
    /// A callout (GitHub: an alert where icon and colour are those of one).
    Callout {
        /// First paragraph.
        text: RichText,
        /// The icon, if any.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        icon: Option<Icon>,
        /// Block colour.
        #[serde(default, skip_serializing_if = "Color::is_default")]
        color: Color,
    },
    /// Code. The text is literal.
    Code {
        /// The code without its final line end.
        code: String,
        /// Notion's name of the language (`plain text` for none).
        language: Box<str>,
        /// The info string of the fence, kept where `language` alone does not say it. Markdown
        /// only; not part of the canonical form.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        info: Option<Box<str>>,
        /// Caption. Block JSON only.
        #[serde(default, skip_serializing_if = "RichText::is_empty")]
        caption: RichText,
    },
    /// A displayed equation.
    Equation {
        /// TeX.
        expression: String,
    },
    /// A thematic break.
    Divider,
    /// A table; its children are [`BlockKind::TableRow`]s.
    Table {
        /// Number of columns.
        width: usize,
        /// Whether the first row is a header.
        header_row: bool,
        /// Whether the first column is a header.
        #[serde(default)]
        header_column: bool,
        /// Alignment of columns. Markdown only; not part of the canonical form.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        alignment: Vec<Alignment>,
    },
    /// A row of a table.
    TableRow {
        /// One rich text for each column.
        cells: Vec<RichText>,
    },
    /// An image, video, audio, PDF or file.
    Media {
        /// Which of them.
        media: MediaKind,
        /// Where its bytes are.
        source: MediaSource,
        /// Caption (for images the alternative text).
        #[serde(default, skip_serializing_if = "RichText::is_empty")]
        caption: RichText,
    },
    /// A bookmark.
    Bookmark {
        /// Target.
        url: String,
        /// Caption.
        #[serde(default, skip_serializing_if = "RichText::is_empty")]
        caption: RichText,
    },
    /// An embed.
    Embed {
        /// Target.
        url: String,
        /// Caption.
        #[serde(default, skip_serializing_if = "RichText::is_empty")]
        caption: RichText,
    },
    /// A page inside this page. Only its link is ours.
    ChildPage {
        /// Id of the page.
        page: String,
        /// Its title, derived data: not part of the canonical form.
        #[serde(default)]
        title: String,
    },
    /// A database inside this page. Only its link is ours.
    ChildDatabase {
        /// Id of the database.
        database: String,
        /// Its title, derived data: not part of the canonical form.
        #[serde(default)]
        title: String,
    },
    /// A link to another page.
    LinkToPage {
        /// Id of the page or database.
        page: String,
    },
    /// A row of columns; its children are [`BlockKind::Column`]s.
    ColumnList,
    /// One column.
    Column {
        /// Share of the width in thousandths, where set.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ratio: Option<u32>,
    },
    /// A synced block: the source (`from` absent) or a copy.
    Synced {
        /// Id of the source block, on a copy.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from: Option<String>,
    },
    /// A table of contents.
    TableOfContents {
        /// Block colour.
        #[serde(default, skip_serializing_if = "Color::is_default")]
        color: Color,
    },
    /// A breadcrumb.
    Breadcrumb,
    /// Markdown that Notion has no block for (raw HTML, link reference definitions, footnote
    /// definitions …), byte for byte without the final line end. In a page it travels as a code
    /// block with a marker (see the dialect), never as formatted text.
    Verbatim {
        /// The source text.
        markdown: String,
    },
    /// A block of a type we do not express, kept byte for byte.
    Opaque {
        /// The type's name as the service says it.
        kind: String,
        /// The block as JSON text, without ids and times, keys in the service's order. Empty where
        /// only a placeholder was seen.
        raw: String,
    },
}

/// Which medium.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MediaKind {
    /// An image.
    Image,
    /// A video.
    Video,
    /// Sound.
    Audio,
    /// A PDF.
    Pdf,
    /// Any other file.
    File,
}

/// Where the bytes of a medium are.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MediaSource {
    /// At a URL (absolute, or relative to the file in a repository), with the title of an image in
    /// it: see [`with_title`](super::with_title).
    External(String),
    /// At Notion. The stable part of the signed link: origin and path, no query string.
    Hosted(String),
}

/// Alignment of a table column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Alignment {
    /// Not said.
    None,
    /// Left.
    Left,
    /// Centre.
    Center,
    /// Right.
    Right,
}

/// The icon of a callout.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Icon {
    /// An emoji.
    Emoji(String),
    /// A picture at a URL.
    External(String),
    /// A custom emoji or built-in icon, by name.
    Named(String),
}

impl Block {
    /// A block without id, span and children.
    #[must_use]
    pub fn new(kind: BlockKind) -> Self {
        Self {
            id: None,
            span: None,
            layout: Layout::default(),
            kind,
            children: Vec::new(),
        }
    }

    /// The same with children.
    #[must_use]
    pub fn with_children(mut self, children: Vec<Self>) -> Self {
        self.children = children;
        self
    }

    /// A paragraph of plain text.
    #[must_use]
    pub fn paragraph(text: impl Into<String>) -> Self {
        Self::new(BlockKind::Paragraph {
            text: RichText::plain(text),
            color: Color::default(),
        })
    }
}

impl Block {
    /// All text in the block and in the blocks inside it, without formatting, a line for each.
    #[must_use]
    pub fn to_plain(&self) -> String {
        let mut out = String::new();
        self.push_plain(&mut out);
        out
    }

    fn push_plain(&self, out: &mut String) {
        match &self.kind {
            BlockKind::Code { code, caption, .. } => {
                out.push_str(code);
                out.push_str(&caption.to_plain());
            }
            BlockKind::Equation { expression } => out.push_str(expression),
            BlockKind::Verbatim { markdown } => out.push_str(markdown),
            BlockKind::TableRow { cells } => {
                for cell in cells {
                    out.push_str(&cell.to_plain());
                    out.push(' ');
                }
            }
            BlockKind::Media {
                source: MediaSource::External(url),
                caption,
                ..
            }
            | BlockKind::Bookmark { url, caption }
            | BlockKind::Embed { url, caption } => {
                out.push_str(url);
                out.push_str(&caption.to_plain());
            }
            kind => {
                if let Some(text) = kind.text() {
                    out.push_str(&text.to_plain());
                }
            }
        }
        out.push('\n');
        for child in &self.children {
            child.push_plain(out);
        }
    }
}

impl BlockKind {
    /// The block's own rich text, where it has one.
    #[must_use]
    pub fn text(&self) -> Option<&RichText> {
        match self {
            Self::Paragraph { text, .. }
            | Self::Heading { text, .. }
            | Self::BulletedItem { text, .. }
            | Self::NumberedItem { text, .. }
            | Self::ToDo { text, .. }
            | Self::Toggle { text, .. }
            | Self::Quote { text, .. }
            | Self::Callout { text, .. } => Some(text),
            _ => None,
        }
    }

    /// The block's colour, where it can have one.
    #[must_use]
    pub fn color(&self) -> Option<&Color> {
        match self {
            Self::Paragraph { color, .. }
            | Self::Heading { color, .. }
            | Self::BulletedItem { color, .. }
            | Self::NumberedItem { color, .. }
            | Self::ToDo { color, .. }
            | Self::Toggle { color, .. }
            | Self::Quote { color, .. }
            | Self::Callout { color, .. }
            | Self::TableOfContents { color } => Some(color),
            _ => None,
        }
    }

    /// The same, to change it.
    pub fn color_mut(&mut self) -> Option<&mut Color> {
        match self {
            Self::Paragraph { color, .. }
            | Self::Heading { color, .. }
            | Self::BulletedItem { color, .. }
            | Self::NumberedItem { color, .. }
            | Self::ToDo { color, .. }
            | Self::Toggle { color, .. }
            | Self::Quote { color, .. }
            | Self::Callout { color, .. }
            | Self::TableOfContents { color } => Some(color),
            _ => None,
        }
    }

    /// The block's own rich text, to change it.
    pub fn text_mut(&mut self) -> Option<&mut RichText> {
        match self {
            Self::Paragraph { text, .. }
            | Self::Heading { text, .. }
            | Self::BulletedItem { text, .. }
            | Self::NumberedItem { text, .. }
            | Self::ToDo { text, .. }
            | Self::Toggle { text, .. }
            | Self::Quote { text, .. }
            | Self::Callout { text, .. } => Some(text),
            _ => None,
        }
    }

    /// Whether the API can turn a block of this kind into the other by an update, so that it stays
    /// the block that it is (an update cannot change a block's type, of which each level of a
    /// heading is one, nor the width of a table, nor where a link to a page leads).
    pub(crate) fn can_become(&self, new: &Self) -> bool {
        match (self, new) {
            (Self::Heading { level: a, .. }, Self::Heading { level: b, .. }) => a == b,
            (Self::Table { width: a, .. }, Self::Table { width: b, .. }) => a == b,
            (Self::TableRow { cells: a }, Self::TableRow { cells: b }) => a.len() == b.len(),
            (
                Self::Media {
                    media: a,
                    source: from,
                    ..
                },
                Self::Media {
                    media: b,
                    source: to,
                    ..
                },
            ) => a == b && (from == to || matches!(to, MediaSource::External(_))),
            (Self::ChildPage { page: a, .. }, Self::ChildPage { page: b, .. }) => a == b,
            (Self::ChildDatabase { database: a, .. }, Self::ChildDatabase { database: b, .. }) => {
                a == b
            }
            (Self::Synced { from: a }, Self::Synced { from: b }) => a == b,
            (Self::LinkToPage { page: a }, Self::LinkToPage { page: b }) => a == b,
            (Self::Opaque { .. }, _) => self == new,
            _ => std::mem::discriminant(self) == std::mem::discriminant(new),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Block, BlockKind};

    #[test]
    fn a_block_takes_no_more_room_than_is_known() {
        assert!(size_of::<BlockKind>() <= 80);
        assert!(size_of::<Block>() <= 160);
    }
}
