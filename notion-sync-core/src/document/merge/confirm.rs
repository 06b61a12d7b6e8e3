//! What of a write that may have been cut off is there.

use std::sync::Arc;

use super::base::{BasePair, BodyBase};
use super::region::{State, regions_at};
use crate::document::looks::looks_the_same;
use crate::document::model::{Block, Document};
use crate::id::Side;

impl BodyBase {
    /// The base after a write of which nobody knows how far it came: the agreed state where the
    /// written side shows what was `sent`, this base where it shows what was there before.
    ///
    /// `sent` is the base that the whole write would have led to, `shown` what the written `side`
    /// holds now. Where it holds what was sent, both sides held that at some moment, whoever wrote
    /// it; where it holds the old text, the write did not reach it. Where it holds neither, somebody
    /// changed it, and nobody knows whether the write had reached it: nothing is agreed there. Text
    /// that differs from what was sent in white space and its formatting only counts as sent: a service
    /// may store another form. A block of which the first of the blocks below it are there, with all
    /// that was there before, was not finished: that much of it is agreed.
    ///
    /// `None` where the two bases cannot be told apart place by place, because one of them has
    /// content that the written side has no form for. Then nothing may be assumed.
    #[must_use]
    pub fn confirmed(&self, sent: &Self, side: Side, shown: &Document) -> Option<Self> {
        let blocks = |pairs: &[BasePair]| -> Vec<Block> {
            pairs
                .iter()
                .flat_map(|pair| pair.run(side).iter())
                .cloned()
                .collect()
        };
        let formless = |base: &Self| base.pairs.iter().any(|pair| pair.run(side).is_empty());
        if formless(self) || formless(sent) {
            let whole = Document {
                blocks: blocks(&sent.pairs),
            };
            return whole.canon_eq(shown).then(|| sent.clone());
        }
        // The same question as in a merge, asked of the written side alone: its present form and
        // its old one, both against what was sent.
        let terms = Self {
            pairs: (sent.pairs.iter().map(|pair| pair.run(side)))
                .map(|blocks| BasePair {
                    notion: Arc::clone(blocks),
                    github: Arc::clone(blocks),
                })
                .collect(),
            held: Vec::new(),
        };
        let old = blocks(&self.pairs);
        let before = Cut::new(self, side);
        let mut out = Self::default();
        let (mut sent_at, mut old_at) = (0, 0);
        for region in &regions_at(&terms, &shown.blocks, &old, 0) {
            let sent_pairs = &sent.pairs[sent_at..sent_at + region.base.len()];
            let old_blocks = old_at..old_at + region.github.len();
            sent_at += region.base.len();
            old_at = old_blocks.end;
            match region.state {
                State::Same | State::GithubMoved | State::NotionMoved => {
                    out.pairs.extend_from_slice(sent_pairs);
                }
                State::Merged(_) | State::Diverged
                    if let [pair] = sent_pairs
                        && looks_the_same(region.notion, pair.run(side)) =>
                {
                    let mut pair = pair.clone();
                    let stored = region.notion.iter().map(Block::canonical).collect();
                    match side {
                        Side::Notion => pair.notion = stored,
                        Side::Github => pair.github = stored,
                    }
                    out.pairs.push(pair);
                }
                // A write that stopped inside a block, below which more was to come: what is there
                // is agreed, and the rest is still to be written.
                State::Converged | State::Merged(_) | State::Diverged
                    if is_part(region.github, region.notion)
                        && is_part(region.notion, &blocks(sent_pairs)) =>
                {
                    let stored = region.notion.iter();
                    out.pairs
                        .extend(stored.map(|block| BasePair::one(block, block)));
                }
                State::Converged => out.pairs.extend_from_slice(before.pairs(old_blocks)?),
                // What the write would have removed is there: whoever edited it edited the old text.
                State::Merged(_) | State::Diverged if sent_pairs.is_empty() => {
                    out.pairs.extend_from_slice(before.pairs(old_blocks)?);
                }
                State::Merged(_) | State::Diverged => {
                    before.pairs(old_blocks)?;
                    out.pairs.push(nothing_agreed());
                }
            }
        }
        Some(out.trim())
    }
}

/// A pair that no side says, so that whatever each of them says there is an edit. A person edited a block after a write
/// of it, or before: with the old text for a base, that text would pass for untouched where the other side went back
/// to it; with the text that was sent, the other side's edit would, where the write never arrived.
fn nothing_agreed() -> BasePair {
    let nobodys = Block::paragraph(NOBODYS);
    BasePair::one(&nobodys, &nobodys)
}

/// A character that stands for an object, and that neither codec writes.
const NOBODYS: &str = "\u{FFFC}";

/// Whether `part` is what there is of `whole` when a write of it stops early: the same blocks in the
/// same order, of each list of blocks the first ones.
fn is_part(part: &[Block], whole: &[Block]) -> bool {
    let mut pending = vec![(part, whole)];
    while let Some((part, whole)) = pending.pop() {
        if part.len() > whole.len() {
            return false;
        }
        for (one, other) in part.iter().zip(whole) {
            if one.kind.canonical() != other.kind.canonical() {
                return false;
            }
            pending.push((&one.children, &other.children));
        }
    }
    true
}

/// The pairs of a base by the blocks of one side.
struct Cut<'b> {
    pairs: &'b [BasePair],
    /// Where each pair begins in that side's body, and where the last one ends.
    starts: Vec<usize>,
}

impl<'b> Cut<'b> {
    fn new(base: &'b BodyBase, side: Side) -> Self {
        let mut starts = vec![0];
        let mut at = 0;
        for pair in &base.pairs {
            at += pair.run(side).len();
            starts.push(at);
        }
        Self {
            pairs: &base.pairs,
            starts,
        }
    }

    /// The pairs that make up a range of blocks; `None` where a pair crosses its bounds.
    fn pairs(&self, blocks: std::ops::Range<usize>) -> Option<&'b [BasePair]> {
        let from = self.starts.binary_search(&blocks.start).ok()?;
        let to = self.starts.binary_search(&blocks.end).ok()?;
        self.pairs.get(from..to)
    }
}
