//! Pairs that a wrong alignment may have torn apart.
//!
//! Equal blocks are aligned first. Where a body repeats itself, that can pair a block with another
//! one than it came from, and what it came from is left over on its side, its own counterpart on
//! the other. Taken for something that the other side has no form for, an edit of it would never
//! arrive.

use std::collections::BTreeSet;

use super::alignment::{are_said, words};
use super::base::BasePair;
use crate::id::Side;

/// How many that are left over on the other side one is compared with, in each direction.
const NEAREST: usize = 4;

/// Most pairs that become one. What lies farther apart is taken for a coincidence of words.
const FARTHEST: usize = 32;

/// A pair of which one side is empty, and the other has words.
struct LeftOver {
    at: usize,
    side: Side,
    words: BTreeSet<u64>,
}

/// The same bodies, with one pair for everything between two that are left over on different
/// sides and say the same.
pub(super) fn joined(pairs: Vec<BasePair>) -> Vec<BasePair> {
    let spans = spans(&left_over(&pairs));
    if spans.is_empty() {
        return pairs;
    }
    let mut out: Vec<BasePair> = Vec::with_capacity(pairs.len());
    let mut spans = spans.into_iter().peekable();
    let mut open: Option<(usize, BasePair)> = None;
    for (at, pair) in pairs.into_iter().enumerate() {
        if let Some((_, last)) = spans.next_if(|(first, _)| *first == at) {
            open = Some((last, BasePair::default()));
        }
        let Some((last, whole)) = &mut open else {
            out.push(pair);
            continue;
        };
        let both = |side: Side| [&**whole.run(side), &**pair.run(side)].concat();
        *whole = BasePair::of(both(Side::Notion), both(Side::Github));
        if *last == at {
            out.extend(open.take().map(|(_, whole)| whole));
        }
    }
    out
}

fn left_over(pairs: &[BasePair]) -> Vec<LeftOver> {
    let mut out = Vec::new();
    for (at, pair) in pairs.iter().enumerate() {
        let side = match (pair.notion.is_empty(), pair.github.is_empty()) {
            (false, true) => Side::Notion,
            (true, false) => Side::Github,
            _ => continue,
        };
        let words = words(pair.run(side));
        if !words.is_empty() {
            out.push(LeftOver { at, side, words });
        }
    }
    out
}

/// First and last index of what becomes one pair, in order, none touching another.
fn spans(left: &[LeftOver]) -> Vec<(usize, usize)> {
    let mut spans: Vec<(usize, usize)> = Vec::new();
    for (at, one) in left.iter().enumerate() {
        let others = left[at + 1..].iter().filter(|other| other.side != one.side);
        let last = others
            .take(NEAREST)
            .take_while(|other| other.at - one.at < FARTHEST)
            .filter(|other| {
                are_said(&one.words, &other.words) || are_said(&other.words, &one.words)
            })
            .last();
        let Some(last) = last.map(|other| other.at) else {
            continue;
        };
        match spans.last_mut() {
            Some(before) if one.at <= before.1 => before.1 = before.1.max(last),
            _ => spans.push((one.at, last)),
        }
    }
    spans
}
