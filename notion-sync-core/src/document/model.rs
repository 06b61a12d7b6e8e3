//! Blocks, rich text, and what makes two of them equal.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

use serde::{Deserialize, Serialize};

use super::layout::Layout;
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
        language: String,
        /// The info string of the fence, kept where `language` alone does not say it. Markdown
        /// only; not part of the canonical form.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        info: Option<String>,
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

/// A colour by Notion's name: `default`, `red`, `red_background`, …
///
/// The empty name says the same as `default`, and is equal to it: every run of text has a colour,
/// and nearly none has another than this one, so it must not cost an allocation.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Color(pub String);

impl Color {
    /// Whether no colour was chosen.
    #[must_use]
    pub fn is_default(&self) -> bool {
        self.0.is_empty() || self.0 == "default"
    }

    fn name(&self) -> &str {
        if self.0.is_empty() {
            "default"
        } else {
            &self.0
        }
    }
}

impl fmt::Debug for Color {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Color").field(&self.name()).finish()
    }
}

impl PartialEq for Color {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

impl Eq for Color {}

impl Hash for Color {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name().hash(state);
    }
}

impl PartialOrd for Color {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Color {
    fn cmp(&self, other: &Self) -> Ordering {
        self.name().cmp(other.name())
    }
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

/// Text with formatting: a list of runs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RichText(pub Vec<Inline>);

/// One run.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Inline {
    /// What it is.
    pub kind: InlineKind,
    /// How it looks.
    #[serde(default, skip_serializing_if = "Annotations::is_plain")]
    pub annotations: Annotations,
    /// Where it leads. Absolute, or relative to the file in a repository. The title of a link stands
    /// in it: see [`with_title`](super::with_title).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
}

/// What a run is.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InlineKind {
    /// Text. `\n` is a hard line break; soft breaks of Markdown are a space.
    Text(String),
    /// An inline equation in TeX.
    Equation(String),
    /// A mention.
    Mention(Mention),
    /// Inline Markdown that Notion has no form for (raw HTML, footnote references, inline images),
    /// byte for byte. In a page it travels as its source text with the marker of the dialect.
    Verbatim(String),
}

/// Whom or what a run mentions. Ids only: names change and are not content.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mention {
    /// A person.
    User(String),
    /// A page.
    Page(String),
    /// A database or data source.
    Database(String),
    /// A date. Boxed: it is rare, and would make every run of text larger by a third.
    Date(Box<DateMention>),
    /// A custom emoji by name.
    Emoji(String),
    /// Any other mention, as JSON text.
    Other(String),
}

/// A date or a range of dates, as Notion writes it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct DateMention {
    /// Start: a date or an instant.
    pub start: String,
    /// End, if it is a range.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<String>,
    /// Time zone, if given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
}

/// How a run looks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Annotations {
    /// Bold.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub bold: bool,
    /// Italic.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub italic: bool,
    /// Struck through.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub strikethrough: bool,
    /// Underlined.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub underline: bool,
    /// Code.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub code: bool,
    /// Colour.
    #[serde(default, skip_serializing_if = "Color::is_default")]
    pub color: Color,
}

impl Hash for Annotations {
    /// Nearly every run is plain: one number says so.
    fn hash<H: Hasher>(&self, state: &mut H) {
        let flags = [
            self.bold,
            self.italic,
            self.strikethrough,
            self.underline,
            self.code,
            !self.color.is_default(),
        ];
        let bits = flags
            .iter()
            .fold(0_u8, |bits, flag| bits << 1 | u8::from(*flag));
        state.write_u8(bits);
        if !self.color.is_default() {
            self.color.hash(state);
        }
    }
}

impl Annotations {
    /// Whether nothing is set.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        !(self.bold || self.italic || self.strikethrough || self.underline || self.code)
            && self.color.is_default()
    }
}

impl RichText {
    /// Plain text in one run; empty text has no run.
    #[must_use]
    pub fn plain(text: impl Into<String>) -> Self {
        let text = text.into();
        if text.is_empty() {
            Self::default()
        } else {
            Self(vec![Inline::text(text)])
        }
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The text without formatting.
    #[must_use]
    pub fn to_plain(&self) -> String {
        let mut out = String::new();
        for inline in &self.0 {
            match &inline.kind {
                InlineKind::Text(text)
                | InlineKind::Equation(text)
                | InlineKind::Verbatim(text) => {
                    out.push_str(text);
                }
                InlineKind::Mention(mention) => out.push_str(&format!("{mention:?}")),
            }
        }
        out
    }
}

impl Inline {
    /// A plain run of text.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Self {
            kind: InlineKind::Text(text.into()),
            annotations: Annotations::default(),
            link: None,
        }
    }
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
}
