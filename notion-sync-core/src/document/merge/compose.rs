//! Two bodies and a new base out of regions and choices.

use std::collections::BTreeMap;

use super::alignment::{Named, Namer, resembles, trimmed_len};
use super::base::{BasePair, BodyBase, Held};
use super::block::merge_pair;
use super::region::{Region, Regions, State};
use super::sequence;
use crate::document::canon::{is_same, says_the_same};
use crate::document::model::{Block, Document};
use crate::id::Side;

/// What to do with a region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// Notion's blocks on both sides.
    TakeNotion,
    /// The file's blocks on both sides.
    TakeGithub,
    /// These blocks on both sides: somebody's resolution. Ids and spans in them are ignored.
    TakeBoth(Vec<Block>),
    /// What the merge found. Where it found nothing ([`State::Diverged`]) this is
    /// [`Choice::Hold`], where only one side moved it is that side.
    Merge,
    /// Each side keeps what it has, and the base what it was.
    Hold,
}

/// The outcome of a merge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Composed {
    /// What Notion should hold. Blocks that stay carry their id, with an edited text as well as
    /// unchanged; blocks that come from the file, or that no update can make what they should be,
    /// carry none.
    pub notion: Document,
    /// What the file should hold. Blocks that stay unchanged carry their span; no others do.
    pub github: Document,
    /// What both sides have agreed once both writes have succeeded: the new state of the regions
    /// that were settled, the old pair of those that were held, with what was seen there. It is
    /// worth keeping also where nothing has to be written.
    pub base: BodyBase,
    /// Whether Notion has to be written.
    pub notion_changed: bool,
    /// Whether the file has to be written.
    pub github_changed: bool,
}

impl Region<'_> {
    /// What is done with the region when nobody decides: edits of one side are taken to the other,
    /// merges are taken, what diverged is held.
    #[must_use]
    pub fn default_choice(&self) -> Choice {
        match &self.state {
            State::Same | State::Diverged => Choice::Hold,
            State::NotionMoved | State::Converged => Choice::TakeNotion,
            State::GithubMoved => Choice::TakeGithub,
            State::Merged(_) => Choice::Merge,
        }
    }
}

/// Both sides of a list, and its new base.
pub(crate) struct Lists {
    pub(crate) notion: Vec<Block>,
    pub(crate) github: Vec<Block>,
    pub(crate) base: BodyBase,
}

impl<'a> Regions<'a> {
    /// Makes both bodies and the new base, asking `decide` about each region in order.
    ///
    /// [`Region::default_choice`] is the natural answer. Regions in state [`State::Same`] are asked
    /// about too, but only [`Choice::TakeBoth`] changes them: writing back what was just read would
    /// replace a form that the other side cannot say.
    pub fn compose(&self, decide: impl FnMut(&Region<'a>) -> Choice) -> Composed {
        let lists = self.compose_blocks(decide);
        // A body that says what it said stays the very blocks that it is: equal blocks may have
        // changed places, which is nobody's edit.
        let settle = |before: &[Block], after: Vec<Block>| {
            let changed = !says_the_same(before, &after);
            let blocks = if changed { after } else { before.to_vec() };
            (Document { blocks }, changed)
        };
        let (notion, notion_changed) = settle(self.notion, lists.notion);
        let (github, github_changed) = settle(self.github, lists.github);
        Composed {
            notion,
            github,
            base: lists.base.trim(),
            notion_changed,
            github_changed,
        }
    }

    /// The new base that [`compose`](Self::compose) makes, without the bodies.
    pub(crate) fn compose_base(&self, decide: impl FnMut(&Region<'a>) -> Choice) -> BodyBase {
        self.compose_lists(decide, false).base.trim()
    }

    pub(crate) fn compose_blocks(&self, decide: impl FnMut(&Region<'a>) -> Choice) -> Lists {
        self.compose_lists(decide, true)
    }

    fn compose_lists(&self, mut decide: impl FnMut(&Region<'a>) -> Choice, bodies: bool) -> Lists {
        let room = |side: Side, list: &[Block]| {
            // A side may get what the other side holds. Moving a long body to more room costs more
            // than a little too much of it.
            let moved = self.iter().filter(|region| region.state != State::Same);
            let given: usize = moved.map(|region| region.side(side.other()).len()).sum();
            Vec::with_capacity(if bodies { list.len() + given } else { 0 })
        };
        let pairs: usize = self.iter().map(|region| region.base.len().max(1)).sum();
        let mut out = Lists {
            notion: room(Side::Notion, self.notion),
            github: room(Side::Github, self.github),
            base: BodyBase {
                pairs: Vec::with_capacity(pairs),
                held: Vec::new(),
            },
        };
        for region in self {
            let choice = match decide(region) {
                Choice::Merge if !matches!(region.state, State::Merged(_)) => {
                    region.default_choice()
                }
                choice => choice,
            };
            let settled = match (choice, &region.state) {
                (Choice::TakeBoth(blocks), _) => Some((
                    retain(region.notion, &blocks, Side::Notion),
                    retain(region.github, &blocks, Side::Github),
                )),
                (Choice::Hold, _) | (_, State::Same) => None,
                (Choice::Merge, State::Merged(merged)) => {
                    Some((merged.notion.clone(), merged.github.clone()))
                }
                (_, State::Converged) => Some((region.notion.to_vec(), region.github.to_vec())),
                (Choice::TakeGithub, _) => Some((
                    carry(region, Side::Notion, self.depth),
                    region.github.to_vec(),
                )),
                (Choice::TakeNotion | Choice::Merge, _) => Some((
                    region.notion.to_vec(),
                    carry(region, Side::Github, self.depth),
                )),
            };
            match settled {
                None => {
                    if region.state != State::Same {
                        out.base.held.push(held(region, out.base.pairs.len()));
                    }
                    if bodies {
                        out.notion.extend_from_slice(region.notion);
                        out.github.extend_from_slice(region.github);
                    }
                    out.base.pairs.extend_from_slice(region.base);
                }
                Some((notion, github)) => {
                    out.base.pairs.extend(agreed_pairs(&notion, &github));
                    if bodies {
                        out.notion.extend(notion);
                        out.github.extend(github);
                    }
                }
            }
        }
        if !bodies {
            return out;
        }
        // Empty paragraphs at the end are nobody's edit: each side keeps its own.
        out.notion
            .extend_from_slice(&self.notion[trimmed_len(self.notion)..]);
        out.github
            .extend_from_slice(&self.github[trimmed_len(self.github)..]);
        out
    }
}

fn held(region: &Region<'_>, at: usize) -> Held {
    let canonical = |blocks: &[Block]| blocks.iter().map(Block::canonical).collect();
    Held {
        at,
        inserted: region.is_insertion(),
        notion: canonical(region.notion),
        github: canonical(region.github),
    }
}

/// The pairs of two runs that were just agreed. Empty paragraphs at their ends count: they need
/// not be at the end of the body.
fn agreed_pairs(notion: &[Block], github: &[Block]) -> Vec<BasePair> {
    match (notion, github) {
        ([notion], [github]) => vec![BasePair::one(notion, github)],
        _ => {
            let (n_len, g_len) = (trimmed_len(notion), trimmed_len(github));
            let mut pairs = BodyBase::agree_blocks(notion, github).pairs;
            let (n_rest, g_rest) = (&notion[n_len..], &github[g_len..]);
            for at in 0..n_rest.len().max(g_rest.len()) {
                let one = |rest: &[Block]| rest.get(at).map(Block::canonical).into_iter().collect();
                pairs.push(BasePair::of(one(n_rest), one(g_rest)));
            }
            pairs
        }
    }
}

/// What `to` holds in a region once the other side's edit is taken over.
fn carry(region: &Region<'_>, to: Side, depth: usize) -> Vec<Block> {
    let from = region.side(to.other());
    let held = region.side(to);
    let [pair] = region.base else {
        return retain(held, from, to);
    };
    let (base_held, base_from) = match to {
        Side::Notion => (&pair.notion, &pair.github),
        Side::Github => (&pair.github, &pair.notion),
    };
    if let ([], [], [old], [new]) = (&**base_held, held, &**base_from, from)
        && resembles(old, new)
    {
        // This side has no form for it; that does not change because its text did.
        return Vec::new();
    }
    // Taking the side that did not move is a decision against the edit, not a merge with it.
    let moved = match region.state {
        State::NotionMoved => to == Side::Github,
        State::GithubMoved => to == Side::Notion,
        _ => false,
    };
    if let ([n], [g]) = (region.notion, region.github)
        && moved
        && let Some((merged_n, merged_g)) = merge_pair(pair, n, g, depth)
    {
        let merged = match to {
            Side::Notion => merged_n,
            Side::Github => merged_g,
        };
        // Where both sides held one form the result must be what the other side has. It is, unless
        // a rule about one kind of block made something else of it.
        if base_held != base_from || from.iter().all(|block| is_same(block, &merged)) {
            return vec![merged];
        }
    }
    retain(held, from, to)
}

/// `wanted` as `side` should hold it: blocks that it holds already, with all they carry, the
/// others bare. A single block that an update can turn into what is wanted keeps its id.
fn retain(held: &[Block], wanted: &[Block], side: Side) -> Vec<Block> {
    let mut namer = Namer::default();
    let old = Named::of(held, &mut namer);
    let new = Named::beside(wanted, &old, &mut namer);
    let kept: BTreeMap<usize, usize> = sequence::matches_named(&old.names, &new.names)
        .into_iter()
        .map(|(old, new)| (new, old))
        .collect();
    let mut out: Vec<Block> = wanted
        .iter()
        .enumerate()
        .map(|(at, block)| match kept.get(&at) {
            Some(&old) => held[old].clone(),
            None => bare(block),
        })
        .collect();
    if let ([old], [new]) = (held, out.as_mut_slice())
        && side == Side::Notion
        && new.id.is_none()
        && old.kind.can_become(&new.kind)
    {
        new.id.clone_from(&old.id);
        // Where its blocks stand on the page does not change with its text.
        new.layout.element = old.layout.element;
    }
    out
}

/// A copy without ids and spans.
pub(crate) fn bare(block: &Block) -> Block {
    Block {
        id: None,
        span: None,
        layout: block.layout,
        kind: block.kind.clone(),
        children: block.children.iter().map(bare).collect(),
    }
}
