//! How a block is laid out where its formats differ in what they can say: not content.

use serde::{Deserialize, Serialize};

use super::model::{Block, BlockKind};

/// What only one of the formats says about a list item or about a tag around blocks. Not part of the
/// canonical form: two bodies that differ in nothing else say the same.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Layout {
    /// Whether blank lines stand between the blocks of the item's list (Markdown).
    #[serde(default, skip_serializing_if = "Spacing::is_unsaid")]
    pub spacing: Spacing,
    /// Whether the item starts a new list although it follows an item of the same kind (Markdown).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub separate: bool,
    /// How the items of a numbered list are counted (Notion).
    #[serde(default, skip_serializing_if = "ListFormat::is_numbers")]
    pub format: ListFormat,
    /// What a tag of HTML is to the blocks beside it (Notion).
    #[serde(default, skip_serializing_if = "Element::is_unsaid")]
    pub element: Element,
}

impl Layout {
    /// Whether it says nothing.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// Blank lines in a list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Spacing {
    /// Not said: the writer decides.
    #[default]
    Unsaid,
    /// None: GitHub shows the items close together.
    Tight,
    /// Between its items or the blocks in them: GitHub shows every item as a paragraph.
    Loose,
}

impl Spacing {
    fn is_unsaid(&self) -> bool {
        *self == Self::Unsaid
    }
}

/// How items are counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ListFormat {
    /// 1, 2, 3.
    #[default]
    Numbers,
    /// a, b, c.
    Letters,
    /// i, ii, iii.
    Roman,
}

impl ListFormat {
    fn is_numbers(&self) -> bool {
        *self == Self::Numbers
    }
}

/// How a page says a tag of HTML that is a block of a file.
///
/// The same tags in a file can stand on a page in two ways, and the one that is there stays: Notion
/// cannot move blocks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Element {
    /// Not said: the tag comes from a file.
    #[default]
    Unsaid,
    /// As a block that holds those up to the closing tag.
    Around,
    /// As a block that holds nothing.
    Apart,
}

impl Element {
    fn is_unsaid(&self) -> bool {
        *self == Self::Unsaid
    }
}

/// Whether a block is an item of some list.
pub(crate) fn is_item(kind: &BlockKind) -> bool {
    matches!(
        kind,
        BlockKind::BulletedItem { .. } | BlockKind::NumberedItem { .. } | BlockKind::ToDo { .. }
    )
}

pub(crate) fn is_numbered(kind: &BlockKind) -> bool {
    matches!(kind, BlockKind::NumberedItem { .. })
}

/// Whether an item that follows another one goes on with its list.
pub(crate) fn continues(before: &Block, block: &Block) -> bool {
    is_item(&before.kind)
        && is_item(&block.kind)
        && is_numbered(&before.kind) == is_numbered(&block.kind)
        && !restarts(block)
}

/// Whether an item says that it starts a list.
pub(crate) fn restarts(block: &Block) -> bool {
    block.layout.separate || matches!(block.kind, BlockKind::NumberedItem { start: Some(_), .. })
}

/// Blocks up to the last one that is not blank.
pub(crate) fn without_trailing_blanks(blocks: &[Block]) -> &[Block] {
    let len = blocks
        .iter()
        .rposition(|block| !block.is_blank())
        .map_or(0, |at| at + 1);
    &blocks[..len]
}

/// Whether an item about which nothing is said needs no blank lines: there are only lists in it.
pub(crate) fn is_simple(block: &Block) -> bool {
    without_trailing_blanks(&block.children)
        .iter()
        .all(|child| is_item(&child.kind) && is_simple(child))
}

/// What is said about the list that `blocks` start with, and what the writer does where nothing
/// is: whether it is loose.
pub(crate) fn spacing_of(blocks: &[Block]) -> (Spacing, bool) {
    let mut said = Spacing::Unsaid;
    let mut simple = true;
    for (at, block) in blocks.iter().enumerate() {
        if at > 0 && !continues(&blocks[at - 1], block) {
            break;
        }
        match (block.layout.spacing, said) {
            (Spacing::Loose, _) => said = Spacing::Loose,
            (Spacing::Tight, Spacing::Unsaid) => said = Spacing::Tight,
            _ => {}
        }
        simple = simple && is_simple(block);
    }
    (said, !simple)
}
