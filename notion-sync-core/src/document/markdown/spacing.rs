//! Where blocks may stand without a blank line between them.

use super::inline_writer::Care;
use super::writer::Writer;
use super::{alert, language};
use crate::document::layout::{continues, is_item, spacing_of, without_trailing_blanks};
use crate::document::{Block, BlockKind, Spacing};

impl Writer<'_> {
    /// Whether the list that `blocks` start with is written with blank lines.
    pub(super) fn is_loose(&self, blocks: &[Block], mut number: usize) -> bool {
        match spacing_of(blocks) {
            (Spacing::Loose, _) => true,
            (Spacing::Unsaid, loose) => loose,
            (Spacing::Tight, _) => {
                for (at, block) in blocks.iter().enumerate() {
                    if at > 0 && !continues(&blocks[at - 1], block) {
                        break;
                    }
                    if !self.fits_tight(block, number) {
                        return true;
                    }
                    number += self.size(number);
                }
                false
            }
        }
    }

    /// Whether everything in an item can do without blank lines.
    fn fits_tight(&self, block: &Block, number: usize) -> bool {
        let children = without_trailing_blanks(&block.children);
        let Some(first) = children.first() else {
            return true;
        };
        let mut at = number + 1;
        let has_text = block.kind.text().is_some_and(|text| !text.0.is_empty());
        if has_text && !(self.care(number) == Care::Plain && self.touches_text(first, at)) {
            return false;
        }
        children.windows(2).all(|pair| {
            let next = at + self.size(at);
            let continued = continues(&pair[0], &pair[1]);
            let fits = continued || self.may_touch(&pair[0], at, &pair[1], next);
            at = next;
            fits
        })
    }

    /// Whether a block can stand right behind a line of text without changing either.
    pub(super) fn touches_text(&self, block: &Block, number: usize) -> bool {
        if self.care(number) != Care::Plain {
            return false;
        }
        match &block.kind {
            BlockKind::BulletedItem { text, .. } | BlockKind::ToDo { text, .. } => {
                !text.0.is_empty()
            }
            BlockKind::NumberedItem { text, start, .. } => {
                !text.0.is_empty() && start.unwrap_or(1) == 1
            }
            BlockKind::Quote { .. } | BlockKind::Divider => true,
            BlockKind::Callout { icon, color, .. } => alert::alert(icon.as_ref(), color).is_some(),
            BlockKind::Heading { toggle, anchor, .. } => {
                !toggle && anchor.is_none() && block.children.is_empty()
            }
            BlockKind::Code {
                language,
                info,
                caption,
                ..
            } => {
                caption.is_empty()
                    && (info.is_some() || language::info_of_language(language).is_some())
            }
            _ => false,
        }
    }

    /// Whether two blocks that follow each other need no blank line between them.
    pub(super) fn may_touch(
        &self,
        block: &Block,
        number: usize,
        next: &Block,
        next_number: usize,
    ) -> bool {
        if self.care(number) != Care::Plain || self.care(next_number) != Care::Plain {
            return false;
        }
        let follows = match &next.kind {
            // Anything but text and what could be taken for more of what is there.
            BlockKind::Paragraph { .. } => false,
            _ => self.touches_text(next, next_number),
        };
        match &block.kind {
            BlockKind::Paragraph { text, color } => {
                follows && block.children.is_empty() && color.is_default() && !text.0.is_empty()
            }
            BlockKind::Heading { toggle, .. } => {
                let text = matches!(&next.kind, BlockKind::Paragraph { text, .. }
                    if !text.0.is_empty() && next.children.is_empty());
                !toggle && block.children.is_empty() && (follows || text)
            }
            BlockKind::Code { .. } | BlockKind::Divider => {
                let text = matches!(&next.kind, BlockKind::Paragraph { text, .. }
                    if !text.0.is_empty() && next.children.is_empty());
                follows || text
            }
            kind if is_item(kind) => {
                follows && !is_item(&next.kind) && !self.is_loose_one(block, number)
            }
            BlockKind::Quote { .. } | BlockKind::Callout { .. } => {
                follows
                    && !matches!(
                        next.kind,
                        BlockKind::Quote { .. } | BlockKind::Callout { .. }
                    )
            }
            _ => false,
        }
    }

    pub(super) fn is_loose_one(&self, block: &Block, number: usize) -> bool {
        self.is_loose(std::slice::from_ref(block), number)
    }
}
