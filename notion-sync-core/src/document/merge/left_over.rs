//! What an alignment of two agreed bodies leaves over on one side.
//!
//! Some of it the other side has no form for. The rest is said there in another form, by a block
//! that was aligned with a neighbour; or, where a body repeats itself, by one that was left over
//! there, because its own counterpart was aligned with one that looks more like it. Taken for
//! something that the other side has no form for, an edit of it would never arrive.
//!
//! A pair of several blocks is replaced as a whole when one side edits it. So nothing that only one
//! side may have a form for becomes part of one.

use std::collections::BTreeSet;
use std::mem::discriminant;

use super::alignment::{are_said, words};
use super::base::BasePair;
use crate::document::model::{Block, BlockKind};
use crate::id::Side;

/// With how many behind it that are left over on the other side one is compared.
const NEAREST: usize = 4;

/// Most pairs that become one. What lies farther apart is taken for a coincidence of words.
const FARTHEST: usize = 32;

/// The same bodies: what lies between two blocks that are left over on different sides and say the
/// same becomes one pair, and what a neighbour says in another form belongs to it.
pub(super) fn settled(pairs: Vec<BasePair>) -> Vec<BasePair> {
    if pairs.iter().all(|pair| pair.only_side().is_none()) {
        return pairs;
    }
    absorbed(joined(pairs))
}

/// A pair of which one side is empty, and the other has words.
struct LeftOver {
    at: usize,
    side: Side,
    words: BTreeSet<u64>,
}

fn joined(pairs: Vec<BasePair>) -> Vec<BasePair> {
    let mut out: Vec<BasePair> = Vec::with_capacity(pairs.len());
    let mut next = 0;
    for (first, last) in spans(&left_over(&pairs)) {
        if !pairs[first..=last].iter().all(is_plain) {
            continue;
        }
        out.extend_from_slice(&pairs[next..first]);
        out.push(BasePair::joined(&pairs[first..=last]));
        next = last + 1;
    }
    out.extend_from_slice(&pairs[next..]);
    out
}

fn left_over(pairs: &[BasePair]) -> Vec<LeftOver> {
    let mut out = Vec::new();
    for (at, pair) in pairs.iter().enumerate() {
        let Some(side) = pair.only_side() else {
            continue;
        };
        let words = words(pair.run(side));
        if !words.is_empty() && is_plain(pair) {
            out.push(LeftOver { at, side, words });
        }
    }
    out
}

/// First and last index of what becomes one pair, in order, none touching another.
fn spans(left: &[LeftOver]) -> Vec<(usize, usize)> {
    let mut spans: Vec<(usize, usize)> = Vec::new();
    for (at, one) in left.iter().enumerate() {
        let others = left[at + 1..]
            .iter()
            .take_while(|other| other.at - one.at < FARTHEST)
            .filter(|other| other.side != one.side);
        let same = |other: &&LeftOver| {
            are_said(&one.words, &other.words) || are_said(&other.words, &one.words)
        };
        let Some(last) = others.take(NEAREST).filter(same).last() else {
            continue;
        };
        match spans.last_mut() {
            Some(before) if one.at <= before.1 => before.1 = before.1.max(last.at),
            _ => spans.push((one.at, last.at)),
        }
    }
    spans
}

/// What one side says in one block the other may say in several: of a run that is left over, its
/// beginning may belong to the pair before it, and its end to the pair behind it.
fn absorbed(pairs: Vec<BasePair>) -> Vec<BasePair> {
    let mut out: Vec<BasePair> = Vec::with_capacity(pairs.len());
    let mut run: Vec<BasePair> = Vec::new();
    let ends = std::iter::once(BasePair::default());
    for pair in pairs.into_iter().chain(ends) {
        if pair.only_side().is_some() {
            run.push(pair);
            continue;
        }
        if run.is_empty() {
            out.push(pair);
            continue;
        }
        if let Some(before) = out.last_mut() {
            let said = said_by(before, run.iter());
            if said > 0 {
                run.insert(0, std::mem::take(before));
                *before = BasePair::joined(&run[..=said]);
                run.drain(..=said);
            }
        }
        let kept = run.len() - said_by(&pair, run.iter().rev());
        let mut own = run.split_off(kept);
        out.append(&mut run);
        out.push(match own.is_empty() {
            true => pair,
            false => {
                own.push(pair);
                BasePair::joined(&own)
            }
        });
    }
    out.pop_if(|end| end.notion.is_empty() && end.github.is_empty());
    out
}

/// How many pairs of a run that is left over, counted from its beginning, another pair says too. One
/// whose sides are equal says only what is of its kind. What has no words, such as a divider, does
/// not end them, for the other side may say that by nothing.
fn said_by<'a>(pair: &BasePair, run: impl Iterator<Item = &'a BasePair>) -> usize {
    let by = Side::BOTH.map(|side| words(pair.run(side.other())));
    let differs = pair.notion != pair.github;
    let mut said = 0;
    for (at, one) in run.enumerate() {
        let (block, by) = match (&*one.notion, &*one.github) {
            ([block], []) => (block, &by[0]),
            ([], [block]) => (block, &by[1]),
            _ => break,
        };
        let own = words(std::slice::from_ref(block));
        let of_a_kind = |other: &Block| discriminant(&other.kind) == discriminant(&block.kind);
        if !is_plain(one) {
            break;
        } else if are_said(&own, by) && (differs || pair.notion.iter().any(of_a_kind)) {
            said = at + 1;
        } else if !own.is_empty() {
            break;
        }
    }
    said
}

/// Whether both services have a form for everything in a pair.
fn is_plain(pair: &BasePair) -> bool {
    let plain = |block: &Block| {
        matches!(
            block.kind,
            BlockKind::Paragraph { .. }
                | BlockKind::Heading { .. }
                | BlockKind::BulletedItem { .. }
                | BlockKind::NumberedItem { .. }
                | BlockKind::ToDo { .. }
                | BlockKind::Toggle { .. }
                | BlockKind::Quote { .. }
                | BlockKind::Callout { .. }
                | BlockKind::Code { .. }
                | BlockKind::Equation { .. }
                | BlockKind::Divider
                | BlockKind::Table { .. }
        )
    };
    pair.notion.iter().chain(&*pair.github).all(plain)
}
