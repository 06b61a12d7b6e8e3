//! Comparing and merging a page of 6,000 blocks.

use notion_sync_core::document::edit::script;
use notion_sync_core::document::merge::{BodyBase, regions};
use notion_sync_core::document::{Block, Document, InlineKind};
use notion_sync_core::id::BlockId;

use crate::measure::Case;

/// Blocks of the page, nested ones included.
const BLOCKS: usize = 6_000;

/// A base and two bodies that were edited in different places.
#[derive(Debug)]
pub(crate) struct Pages {
    /// As both sides agreed on it, with Notion's ids.
    pub(crate) before: Document,
    /// As Notion holds it now.
    pub(crate) notion: Document,
    /// As the file holds it now.
    pub(crate) github: Document,
    /// The base of both.
    pub(crate) base: BodyBase,
}

fn size(block: &Block) -> usize {
    1 + block.children.iter().map(size).sum::<usize>()
}

fn number(block: &mut Block, next: &mut usize) {
    *next += 1;
    block.id = Some(BlockId::from(format!(
        "0f9c6bcd-1b52-4b8d-8d5c-{next:012x}"
    )));
    block.span = None;
    for child in &mut block.children {
        number(child, next);
    }
}

/// Changes a word in the first run of text, if there is one.
fn edit(block: &mut Block, word: &str) -> bool {
    if let Some(text) = block.kind.text_mut()
        && let Some(run) = text.0.first_mut()
        && let InlineKind::Text(text) = &mut run.kind
    {
        text.push_str(word);
        return true;
    }
    block.children.iter_mut().any(|child| edit(child, word))
}

/// Edits every `step`th block at the top from `start` on, inserts a paragraph behind some of them
/// and deletes a few others.
fn edited(before: &Document, start: usize, step: usize, word: &str) -> Document {
    let mut blocks = Vec::with_capacity(before.blocks.len() + 16);
    for (at, block) in before.blocks.iter().enumerate() {
        let mut block = block.clone();
        if at % step == start {
            match at / step % 6 {
                4 => {
                    blocks.push(block);
                    blocks.push(Block::paragraph(format!("Inserted {word} at {at}")));
                    continue;
                }
                5 => continue,
                _ => {
                    edit(&mut block, word);
                }
            }
        }
        blocks.push(block);
    }
    Document { blocks }
}

impl Pages {
    /// The first 6,000 blocks of a document.
    pub(crate) fn of(document: &Document) -> Self {
        let mut before = Document::default();
        let (mut count, mut next) = (0, 0);
        while count < BLOCKS {
            let had = count;
            for block in &document.blocks {
                let size = size(block);
                if count + size <= BLOCKS {
                    count += size;
                    let mut block = block.clone();
                    number(&mut block, &mut next);
                    before.blocks.push(block);
                }
            }
            if count == had {
                break;
            }
        }
        Self {
            notion: edited(&before, 3, 40, " on the page"),
            github: edited(&before, 17, 40, " in the file"),
            base: BodyBase::agree(&before, &before),
            before,
        }
    }
}

/// The cases.
pub(crate) fn cases(pages: &Pages) -> Vec<Case<'_>> {
    vec![
        Case::new("diff-6000", 0, None, || {
            script(&pages.before.blocks, &pages.notion.blocks).map_or(0, |edits| edits.len())
        }),
        Case::new("merge-6000", 0, None, || {
            let regions = regions(&pages.base, &pages.notion, &pages.github);
            let composed = regions.compose(|region| region.default_choice());
            composed.notion.blocks.len() + composed.github.blocks.len()
        }),
        Case::new("agree-6000", 0, None, || {
            BodyBase::agree(&pages.before, &pages.before).pairs.len()
        }),
    ]
}
