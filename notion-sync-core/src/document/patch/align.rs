//! Which new block is which old one.

use similar::{Algorithm, DiffOp, capture_diff_slices};

use super::same_kind;
use crate::document::{Block, InlineKind};
use crate::hash::ContentHash;

/// What happens to blocks, in order. Numbers are positions among old and new siblings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Keep(usize, usize),
    /// Same kind, other content.
    Modify(usize, usize),
    /// One block in place of another.
    Replace(usize, usize),
    Delete(usize),
    Insert(usize),
}

impl Step {
    /// The old block that it is about.
    pub(super) fn old(&self) -> Option<usize> {
        match *self {
            Self::Keep(at, _) | Self::Modify(at, _) | Self::Replace(at, _) | Self::Delete(at) => {
                Some(at)
            }
            Self::Insert(_) => None,
        }
    }
}

/// Runs longer than this on both sides are paired in order, not by likeness.
const LIKENESS: usize = 64;

/// Aligns two lists of siblings.
pub(super) fn align(old: &[Block], new: &[Block]) -> Vec<Step> {
    let a: Vec<ContentHash> = old.iter().map(Block::hash).collect();
    let b: Vec<ContentHash> = new.iter().map(Block::hash).collect();
    let mut out = Vec::new();
    let mut run: Option<(usize, usize, usize, usize)> = None;
    for op in capture_diff_slices(Algorithm::Myers, &a, &b) {
        let (old_range, new_range) = (op.old_range(), op.new_range());
        if let DiffOp::Equal { .. } = op {
            if let Some(run) = run.take() {
                pair(old, new, run, &mut out);
            }
            out.extend(old_range.zip(new_range).map(|(a, b)| Step::Keep(a, b)));
        } else {
            let (a, _, b, _) = run.unwrap_or((
                old_range.start,
                old_range.end,
                new_range.start,
                new_range.end,
            ));
            run = Some((a, old_range.end, b, new_range.end));
        }
    }
    if let Some(run) = run {
        pair(old, new, run, &mut out);
    }
    out
}

/// Pairs the blocks of a changed run by likeness, the rest in order.
fn pair(
    old: &[Block],
    new: &[Block],
    (old_start, old_end, new_start, new_end): (usize, usize, usize, usize),
    out: &mut Vec<Step>,
) {
    let (olds, news) = (old_end - old_start, new_end - new_start);
    let mut pairs: Vec<(usize, usize)> = Vec::new();
    if olds == news {
        let alike = (0..olds).all(|at| same_kind(&old[old_start + at], &new[new_start + at]));
        if alike {
            pairs = (0..olds)
                .map(|at| (old_start + at, new_start + at))
                .collect();
        }
    }
    if pairs.is_empty() && olds <= LIKENESS && news <= LIKENESS {
        let mut best = vec![vec![0_u32; news + 1]; olds + 1];
        let mut score = vec![vec![0_u32; news]; olds];
        for i in (0..olds).rev() {
            for j in (0..news).rev() {
                let likeness = likeness(&old[old_start + i], &new[new_start + j]);
                score[i][j] = likeness;
                let mut value = best[i + 1][j].max(best[i][j + 1]);
                if likeness > 0 {
                    value = value.max(best[i + 1][j + 1] + likeness);
                }
                best[i][j] = value;
            }
        }
        let (mut i, mut j) = (0, 0);
        while i < olds && j < news {
            if score[i][j] > 0 && best[i][j] == best[i + 1][j + 1] + score[i][j] {
                pairs.push((old_start + i, new_start + j));
                i += 1;
                j += 1;
            } else if best[i][j] == best[i + 1][j] {
                i += 1;
            } else {
                j += 1;
            }
        }
    } else if pairs.is_empty() {
        pairs = (old_start..old_end)
            .zip(new_start..new_end)
            .filter(|(a, b)| same_kind(&old[*a], &new[*b]))
            .collect();
    }
    let (mut a, mut b) = (old_start, new_start);
    for (i, j) in pairs.into_iter().chain([(old_end, new_end)]) {
        while a < i && b < j {
            out.push(Step::Replace(a, b));
            a += 1;
            b += 1;
        }
        out.extend((a..i).map(Step::Delete));
        out.extend((b..j).map(Step::Insert));
        if i < old_end {
            out.push(Step::Modify(i, j));
        }
        (a, b) = (i + 1, j + 1);
    }
}

/// How alike two blocks are: 0 for different kinds, else 1 to 101.
fn likeness(a: &Block, b: &Block) -> u32 {
    if !same_kind(a, b) {
        return 0;
    }
    let (Some(a), Some(b)) = (a.kind.text(), b.kind.text()) else {
        return 50;
    };
    let words = |text: &crate::document::RichText| -> Vec<String> {
        let mut out: Vec<String> = text
            .0
            .iter()
            .filter_map(|run| match &run.kind {
                InlineKind::Text(text) => Some(text),
                _ => None,
            })
            .flat_map(|text| text.split_whitespace())
            .take(200)
            .map(str::to_owned)
            .collect();
        out.sort();
        out
    };
    let (a, b) = (words(a), words(b));
    let (mut i, mut j, mut common) = (0, 0, 0_usize);
    while i < a.len() && j < b.len() {
        match a[i].cmp(&b[j]) {
            std::cmp::Ordering::Less => i += 1,
            std::cmp::Ordering::Greater => j += 1,
            std::cmp::Ordering::Equal => {
                common += 1;
                i += 1;
                j += 1;
            }
        }
    }
    let all = a.len().max(b.len()).max(1);
    1 + u32::try_from(100 * common / all).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps() {
        let list = |texts: &[&str]| -> Vec<Block> {
            texts.iter().map(|text| Block::paragraph(*text)).collect()
        };
        for (old, new, expected) in [
            (
                &["a", "b"][..],
                &["a", "c"][..],
                &[Step::Keep(0, 0), Step::Modify(1, 1)][..],
            ),
            (
                &["a"],
                &["x y z", "a"],
                &[Step::Insert(0), Step::Keep(0, 1)],
            ),
            (&["a", "b"], &["b"], &[Step::Delete(0), Step::Keep(1, 0)]),
            (
                &["one two three", "q"],
                &["new", "one two four", "q"],
                &[Step::Insert(0), Step::Modify(0, 1), Step::Keep(1, 2)],
            ),
        ] {
            assert_eq!(align(&list(old), &list(new)), expected, "{old:?} {new:?}");
        }
    }
}
