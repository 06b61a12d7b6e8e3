//! What both sides held when they last agreed.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::alignment::{Named, Namer, Zeal, align, trimmed_len};
use super::left_over;
use crate::document::canon::{hash_list, is_same, lists_say_the_same};
use crate::document::model::{Block, Document};
use crate::hash::ContentHash;
use crate::id::Side;

/// The domain tag of the hash of a pair.
const DOMAIN: &str = "nsync/base-pair/v1";

/// A stretch of a body as each side holds it, agreed to say the same.
///
/// Usually one block on each side, equal. They differ where a service stores something else than
/// it was sent, or cannot say everything. An empty run means that this side has no form for what
/// the other holds.
///
/// The runs are shared: nearly all of a base goes on unchanged into the next one, and both sides of
/// nearly every pair are equal.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BasePair {
    /// Canonical blocks in Notion.
    #[serde(default, skip_serializing_if = "is_empty")]
    pub notion: Arc<[Block]>,
    /// Canonical blocks in the file.
    #[serde(default, skip_serializing_if = "is_empty")]
    pub github: Arc<[Block]>,
}

fn is_empty(run: &Arc<[Block]>) -> bool {
    run.is_empty()
}

/// A body as both sides held it when they last agreed, cut into pairs of runs.
///
/// Blocks are canonical: no ids, no spans. A body that was never agreed has no base; that is
/// `Option<BodyBase>` for whoever keeps it, not an empty one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BodyBase {
    /// The pairs in order. Concatenating one side's runs gives that side's body.
    pub pairs: Vec<BasePair>,
    /// What the sides showed in the regions that were not settled when this base was made, in
    /// order. Nothing in it is agreed: it serves to recognise those blocks, so that an open
    /// conflict is not taken for something else among blocks that look alike.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub held: Vec<Held>,
}

/// What the sides showed in a region that was held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// The index of the pair; of the pair before which something was inserted, or the number of
    /// pairs, where `inserted`.
    pub at: usize,
    /// Whether the region is an insertion.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub inserted: bool,
    /// Notion's blocks, canonical.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notion: Vec<Block>,
    /// The file's blocks, canonical.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub github: Vec<Block>,
}

impl Held {
    fn run(&self, side: Side) -> &[Block] {
        match side {
            Side::Notion => &self.notion,
            Side::Github => &self.github,
        }
    }
}

impl BodyBase {
    /// The base of two bodies that are agreed to say the same.
    ///
    /// Equal blocks are paired one to one, then blocks of one kind by similarity and position; what
    /// is left between them becomes one pair of runs, or, where the other side has nothing, belongs
    /// to a neighbour that says it in another form, or is a pair by itself. Where two that are left on
    /// different sides say the same, everything between them is one pair.
    #[must_use]
    pub fn agree(notion: &Document, github: &Document) -> Self {
        Self::agree_blocks(&notion.blocks, &github.blocks)
    }

    pub(crate) fn agree_blocks(notion: &[Block], github: &[Block]) -> Self {
        let mut namer = Namer::default();
        let notion = Named::of(&notion[..trimmed_len(notion)], &mut namer);
        let github = Named::beside(&github[..trimmed_len(github)], &notion, &mut namer);
        let aligned = align(&notion, &github, Zeal::Agreed);
        let (mut n_at, mut g_at) = (0, 0);
        let mut pairs: Vec<BasePair> = Vec::with_capacity(aligned.len());
        let ends = std::iter::once((notion.len(), github.len()));
        for (n, g) in aligned.into_iter().chain(ends) {
            let n_run = canonical(&notion.blocks[n_at..n]);
            let g_run = canonical(&github.blocks[g_at..g]);
            if n_run.is_empty() || g_run.is_empty() {
                pairs.extend(n_run.into_iter().map(|block| BasePair {
                    notion: Arc::from([block]),
                    github: Arc::default(),
                }));
                pairs.extend(g_run.into_iter().map(|block| BasePair {
                    notion: Arc::default(),
                    github: Arc::from([block]),
                }));
            } else {
                pairs.push(BasePair::of(n_run, g_run));
            }
            if let (Some(one), Some(other)) = (notion.blocks.get(n), github.blocks.get(g)) {
                pairs.push(BasePair::one(one, other));
            }
            (n_at, g_at) = (n + 1, g + 1);
        }
        Self {
            pairs: left_over::settled(pairs),
            held: Vec::new(),
        }
    }

    /// The body Notion held.
    #[must_use]
    pub fn notion(&self) -> Document {
        Document {
            blocks: self.held_by(Side::Notion).cloned().collect(),
        }
    }

    /// The body the file held.
    #[must_use]
    pub fn github(&self) -> Document {
        Document {
            blocks: self.held_by(Side::Github).cloned().collect(),
        }
    }

    /// The hash of the body that a side held, as [`Document::hash`] gives it.
    #[must_use]
    pub fn hash(&self, side: Side) -> ContentHash {
        hash_list(self.held_by(side))
    }

    fn held_by(&self, side: Side) -> impl DoubleEndedIterator<Item = &Block> {
        self.pairs
            .iter()
            .flat_map(move |pair| pair.run(side).iter())
    }

    /// Whether `document` says what `side` held: whether the hashes are equal, without hashing.
    #[must_use]
    pub fn holds(&self, side: Side, document: &Document) -> bool {
        lists_say_the_same(self.held_by(side), &document.blocks)
    }

    /// Whether `document` says the beginning of what `side` held, or all of it.
    #[must_use]
    pub fn begins_with(&self, side: Side, document: &Document) -> bool {
        let begin = self.held_by(side).take(document.blocks.len());
        lists_say_the_same(begin, &document.blocks)
    }

    /// Whether neither side changed anything and nothing is held: then there is one region of
    /// untouched pairs, and composing it gives both bodies and this base again.
    pub(crate) fn is_untouched(&self, notion: &Document, github: &Document) -> bool {
        let stays = |side: Side, body: &Document| {
            let body = &body.blocks[..trimmed_len(&body.blocks)];
            let mut held = self.held_by(side);
            body.iter()
                .all(|block| held.next().is_some_and(|held| is_same(held, block)))
                && held.next().is_none()
        };
        // A base that was not trimmed would come back trimmed.
        let trimmed = |side: Side| {
            let mut held = self.held_by(side);
            held.next_back().is_none_or(|last| !last.is_blank())
        };
        let empty = |pair: &BasePair| pair.notion.is_empty() && pair.github.is_empty();
        self.held.is_empty()
            && Side::BOTH.iter().all(|side| trimmed(*side))
            && !self.pairs.iter().any(empty)
            && stays(Side::Notion, notion)
            && stays(Side::Github, github)
    }

    /// Without empty paragraphs at the end of either side, and without pairs of nothing. What
    /// stands before what a side holds in a region that was held stays as it is.
    pub(crate) fn trim(mut self) -> Self {
        let mut emptied: BTreeSet<usize> = BTreeSet::new();
        for side in Side::BOTH {
            emptied.extend(self.trim_side(side));
        }
        let end = |held: &Held| held.at + usize::from(!held.inserted);
        let fixed = self.held.last().map_or(0, end);
        let stays = |(at, pair): (usize, &BasePair)| {
            let nothing = pair.notion.is_empty() && pair.github.is_empty();
            !nothing || (at < fixed && !emptied.contains(&at))
        };
        let stay: Vec<bool> = self.pairs.iter().enumerate().map(stays).collect();
        let mut flags = stay.iter();
        self.pairs.retain(|_| flags.next() == Some(&true));
        for held in &mut self.held {
            held.at = stay.iter().take(held.at).filter(|stays| **stays).count();
        }
        self
    }

    /// Takes the empty paragraphs at the end of a side out; answers which pairs hold less of it now.
    fn trim_side(&mut self, side: Side) -> Vec<usize> {
        // What a side holds in a held region stands in its body, so nothing before it is at the end. What it
        // holds none of there was removed, and may leave an empty paragraph before it as the last.
        let speaks = |held: &&Held| trimmed_len(held.run(side)) > 0;
        let fixed = self.held.iter().rev().find(speaks);
        let fixed = fixed.map_or(0, |held| held.at + usize::from(!held.inserted));
        let gone = |at: usize| {
            let is_it = |held: &Held| held.at == at && !held.inserted;
            self.held.iter().any(is_it)
        };
        let mut less = Vec::new();
        for at in (fixed..self.pairs.len()).rev().filter(|at| !gone(*at)) {
            let run = self.pairs[at].run_mut(side);
            let length = trimmed_len(run);
            if length < run.len() {
                *run = Arc::from(&run[..length]);
                less.push(at);
            }
            if !run.is_empty() {
                break;
            }
        }
        less
    }
}

fn canonical(blocks: &[&Block]) -> Vec<Block> {
    blocks.iter().map(|block| block.canonical()).collect()
}

impl BasePair {
    /// A pair of single blocks, made canonical.
    pub(crate) fn one(notion: &Block, github: &Block) -> Self {
        let canonical: Arc<[Block]> = Arc::from([notion.canonical()]);
        if is_same(&canonical[0], github) {
            return Self {
                github: Arc::clone(&canonical),
                notion: canonical,
            };
        }
        Self {
            notion: canonical,
            github: Arc::from([github.canonical()]),
        }
    }

    /// A pair of canonical runs.
    pub(crate) fn of(notion: Vec<Block>, github: Vec<Block>) -> Self {
        let notion: Arc<[Block]> = notion.into();
        let github = if *notion == *github {
            Arc::clone(&notion)
        } else {
            github.into()
        };
        Self { notion, github }
    }

    /// What one side holds.
    pub(crate) fn run(&self, side: Side) -> &Arc<[Block]> {
        match side {
            Side::Notion => &self.notion,
            Side::Github => &self.github,
        }
    }

    fn run_mut(&mut self, side: Side) -> &mut Arc<[Block]> {
        match side {
            Side::Notion => &mut self.notion,
            Side::Github => &mut self.github,
        }
    }

    /// The side that holds something, where the other holds nothing.
    pub(crate) fn only_side(&self) -> Option<Side> {
        match (self.notion.is_empty(), self.github.is_empty()) {
            (false, true) => Some(Side::Notion),
            (true, false) => Some(Side::Github),
            _ => None,
        }
    }

    /// One pair of all runs.
    pub(crate) fn joined(pairs: &[Self]) -> Self {
        let all = |side: Side| {
            let runs = pairs.iter().flat_map(|pair| pair.run(side).iter());
            runs.cloned().collect()
        };
        Self::of(all(Side::Notion), all(Side::Github))
    }

    /// The two blocks of a pair of single blocks.
    pub(crate) fn singles(&self) -> Option<(&Block, &Block)> {
        match (&*self.notion, &*self.github) {
            ([notion], [github]) => Some((notion, github)),
            _ => None,
        }
    }

    /// What names the pair.
    pub(crate) fn hash(&self) -> ContentHash {
        if Arc::ptr_eq(&self.notion, &self.github)
            && let Some(bytes) = self.shared_json()
        {
            return ContentHash::of_bytes(DOMAIN, &bytes);
        }
        ContentHash::of(DOMAIN, self)
    }

    /// The serialisation of a pair whose sides share their run: that of the run, twice. Serialising
    /// is most of what a hash costs.
    fn shared_json(&self) -> Option<Vec<u8>> {
        if self.notion.is_empty() {
            return None;
        }
        let run = serde_json::to_vec(&*self.notion).ok()?;
        Some([b"{\"notion\":", &*run, b",\"github\":", &*run, b"}"].concat())
    }
}

#[cfg(test)]
mod tests {
    use super::{BasePair, BodyBase, DOMAIN};
    use crate::document::model::{Block, Document};
    use crate::hash::ContentHash;

    #[test]
    fn a_shared_run_hashes_as_two_equal_ones() {
        let nested = Block::paragraph("\"quoted\" \\ \u{e9}")
            .with_children(vec![Block::paragraph("a"), Block::paragraph("b")]);
        for blocks in [
            vec![nested.clone()],
            vec![nested, Block::paragraph("c")],
            vec![],
        ] {
            let pair = BasePair::of(blocks.clone(), blocks.clone());
            let apart = BasePair {
                notion: blocks.clone().into(),
                github: blocks.into(),
            };
            assert_eq!(pair.hash(), apart.hash());
            assert_eq!(pair.hash(), ContentHash::of(DOMAIN, &pair));
        }
        let document = Document {
            blocks: vec![Block::paragraph("text")],
        };
        let base = BodyBase::agree(&document, &document);
        assert_eq!(
            base.pairs[0].hash(),
            ContentHash::of(DOMAIN, &base.pairs[0])
        );
    }
}
