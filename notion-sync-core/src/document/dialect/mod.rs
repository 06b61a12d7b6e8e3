//! Between what a file says and what a page can hold.
//!
//! [`to_notion`] turns a body as the repository says it into one that Notion can store,
//! [`from_notion`] turns it back. For every body `d` that a file can hold,
//! `from_notion(to_notion(d))` says the same as `d`; for a body `n` that was made in Notion,
//! `to_notion(from_notion(n))` says the same as [`normal`]`(n)`, apart from links whose URL has a
//! shorter spelling and images that somebody wrote in HTML as grey code. What cannot be kept is listed
//! in the [`Report`].
//!
//! | In the file | On the page |
//! | --- | --- |
//! | source Markdown without a block ([`BlockKind::Verbatim`]) | code in `markdown`, first line `<!-- notion-sync:verbatim -->` |
//! | a leaf block that Notion refuses (an image at `data:…`) | code in `markdown`, first line `<!-- notion-sync:block -->`, then the block as JSON |
//! | code that reads like one of these carriers | the same with the line `<!-- notion-sync:literal -->` in front |
//! | an expression of more than 1,000 characters | code in `latex`, first line `% notion-sync:equation` (and `% notion-sync:literal` likewise) |
//! | inline source without a form ([`InlineKind::Verbatim`]): HTML tags, footnote references, images | grey code with exactly that text |
//! | a run that Notion refuses (a link of more than 2,000 characters, a link on an equation) | grey code: `<!-- notion-sync:run {…} -->`, the run as JSON |
//! | a heading of level 5 or 6 | a heading of level 4 that starts with grey code `#####` or `######` |
//! | one line of HTML that is a block | a paragraph of grey code |
//! | an image in HTML, alone or in a link or paragraph of its own | an image; its HTML stands behind the address: `#:~:notion-sync-html=…` |
//! | an image in a link | an image whose caption is the link |
//! | an element of HTML around blocks: `<Name …>`, blocks, `</Name>` | a paragraph of grey code that says the opening tag and holds the blocks |
//! | link reference definitions, a line each | a paragraph: labels as grey code, targets as links |
//! | title of a link or image | `#:~:notion-sync-title=…` behind the address |
//! | blank lines in a list, its start, a list right behind another one; alignment; info string; anchors in front of a heading | where asked for ([`Carry::Everything`]): a note in grey code behind the first item, in the first cell, in the caption, behind the heading |
//! | a relative link or image source | an absolute URL below the repository's pages or raw files; a link to a file that has a page: the page |
//! | a link that Notion refuses (`ftp:`, an empty one), or an absolute one into the repository | a URL with `notion-sync-link=` in its query, which says the original |
//!
//! An element is one block on a page that a file becomes. On a page where its tags stand beside their
//! blocks they stay there, because Notion cannot move blocks: [`from_notion`] says so in the layout
//! ([`Element`]), and [`to_notion`] follows it. Nor does a block that cannot be created again move
//! into an element. At most eight elements are inside each other, tags around more stay beside.
//!
//! People can edit all of these in Notion. Text that somebody there formats as grey code and that
//! looks like HTML, a footnote reference or an image becomes source Markdown in the file: that is
//! how such source is written from Notion.

mod element;
mod encoding;
mod inward;
mod link;
mod notes;
mod outward;
mod paragraph;
mod picture;
mod shape;

pub use inward::{from_notion, from_notion_owned};
pub use link::LinkContext;
pub use outward::{to_notion, to_notion_owned, to_notion_with};
pub use shape::{named, normal};

use std::fmt;

use super::model::Document;

#[cfg(doc)]
use super::layout::Element;
#[cfg(doc)]
use super::model::{BlockKind, InlineKind};

/// How much of what only a file says a page carries.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Carry {
    /// Content. List tightness, the start of a list, info strings, anchors of headings and the
    /// alignment of columns stay in the file and are reported: right for a sync, which keeps the file and patches it.
    #[default]
    Content,
    /// Everything: the page alone gives the file back. What Notion has no place for stands in notes
    /// in grey code: behind the first item of a list, behind a heading, in the first cell of a
    /// table, in the caption of code.
    Everything,
}

/// A converted body with what could not be kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Converted {
    /// The body.
    pub document: Document,
    /// What it does not say any more.
    pub report: Report,
}

/// What a conversion could not keep, in document order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// One entry for each place.
    pub entries: Vec<Approximation>,
}

impl Report {
    /// Whether something is too large for Notion, so that the page must not be written.
    #[must_use]
    pub fn too_large(&self) -> bool {
        self.entries
            .iter()
            .any(|entry| entry.reason == Reason::TooLarge)
    }

    /// The same in document order, each once.
    fn settled(mut self) -> Self {
        self.entries
            .sort_by(|a, b| a.place.cmp(&b.place).then(a.reason.cmp(&b.reason)));
        self.entries.dedup();
        self
    }

    fn add(&mut self, place: &[usize], reason: Reason) {
        self.entries.push(Approximation {
            place: place.to_vec(),
            reason,
        });
    }
}

/// One thing that a conversion could not keep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approximation {
    /// The block, as indices from the outermost list inwards, in the shape of
    /// [`normal`].
    pub place: Vec<usize>,
    /// What happened.
    pub reason: Reason,
}

/// Why something could not be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Reason {
    /// More than 200,000 characters in one block: Notion cannot hold it and the page must not be
    /// written.
    TooLarge,
    /// More than 100 runs of different looks in one block: Notion cannot hold the formatting of all.
    Runs,
    /// A code language without a name in Notion: the page says `plain text`, the word stays in the
    /// file only.
    Language,
    /// Alignment of table columns stays in the file only.
    Alignment,
    /// The start of a numbered list stays in the file only.
    ListStart,
    /// An info string that says more than the language, or says it in another word, stays in the
    /// file only.
    Info,
    /// Anchors in front of a heading stay in the file only.
    Anchor,
    /// Blank lines in a list, or where a list ends and another begins, stay in the file only.
    Spacing,
    /// How a list is counted (letters, Roman numerals) cannot be set through the API.
    ListFormat,
    /// A table was made rectangular, or got its missing row.
    Table,
    /// The first paragraph inside an item, quote or callout without text became its text.
    FirstParagraph,
    /// A column list was made one that Notion accepts.
    Columns,
    /// A heading that does not fold cannot hold blocks: they follow it.
    Heading,
    /// A link was respelled.
    Link,
    /// A colour without a name in Notion was left out.
    Color,
    /// A custom emoji became its name between colons: a file cannot say its id.
    Emoji,
    /// Source without a block of its own is kept as it is, in a block that carries it.
    Source,
    /// Source inside a text is kept as it is, as grey code.
    InlineSource,
    /// What HTML says about an image is kept in the image's address.
    Html,
    /// What HTML said about an image was left out, because HTML cannot say the rest.
    Attributes,
    /// A block or a part of a text that Notion refuses is kept as data.
    Data,
    /// A block or mention of a type that has no form here is kept as it is.
    Opaque,
}

impl Reason {
    /// What became of it.
    #[must_use]
    pub fn effect(self) -> Effect {
        match self {
            Self::TooLarge => Effect::Refused,
            Self::Source | Self::InlineSource | Self::Html | Self::Data | Self::Opaque => {
                Effect::KeptOpaque
            }
            Self::Language
            | Self::Info
            | Self::Alignment
            | Self::ListStart
            | Self::Anchor
            | Self::Spacing
            | Self::ListFormat => Effect::LeftBehind,
            _ => Effect::Approximated,
        }
    }
}

/// What became of something that a conversion could not say as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Effect {
    /// It says something close.
    Approximated,
    /// It is layout that stays where it came from; the result does not have it.
    LeftBehind,
    /// It is carried along, unchanged and not in a form of its own, and comes back as it was.
    KeptOpaque,
    /// It cannot be written at all.
    Refused,
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Approximated => "approximated",
            Self::LeftBehind => "left behind",
            Self::KeptOpaque => "kept opaque",
            Self::Refused => "refused",
        })
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLarge => "more than 200,000 characters in one block, Notion cannot hold it",
            Self::Runs => "more than 100 runs in one block, Notion loses formatting of the last",
            Self::Language => "the code language is unknown to Notion and stays in the file only",
            Self::Alignment => "alignment of columns stays in the file only",
            Self::ListStart => "the start of the list stays in the file only",
            Self::Anchor => "the anchor of the heading stays in the file only",
            Self::Info => "the info string stays in the file only",
            Self::Spacing => "blank lines in the list stay in the file only",
            Self::ListFormat => "letters and Roman numerals of a list cannot be set in Notion",
            Self::Table => "the table was made rectangular",
            Self::FirstParagraph => "the first paragraph inside became the block's text",
            Self::Columns => "the columns were arranged as Notion accepts them",
            Self::Heading => "blocks inside a heading follow it now",
            Self::Link => "a link has another spelling now",
            Self::Color => "the colour is unknown to Notion and was left out",
            Self::Emoji => "a custom emoji became its name",
            Self::Source => "source without a block in Notion is carried as it is",
            Self::InlineSource => "source inside the text is carried as grey code",
            Self::Html => "what HTML says about the image is carried in its address",
            Self::Attributes => "what HTML said about the image was left out",
            Self::Data => "what Notion refuses is carried as data",
            Self::Opaque => "a type without a form is kept as it is",
        })
    }
}
