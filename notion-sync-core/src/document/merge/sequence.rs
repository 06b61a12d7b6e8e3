//! Common subsequences of long lists.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
use std::ops::Range;

use foldhash::fast::RandomState;
use similar::{Algorithm, DiffOp, capture_diff_slices};

/// How much larger than the lists numbers may be that serve as places of a table.
const SPARSE: usize = 4;

/// Pairs of equal elements of two lists, ascending in both: a common subsequence, nearly always a
/// longest one.
///
/// Patience order: elements that occur once in both lists are anchors, also where that makes the
/// subsequence shorter, because what is unique says more than what repeats. Time and memory stay near
/// linear because the algorithm between them falls back to splits that are not minimal when a search
/// would cost too much; the result is then shorter, never wrong.
pub(crate) fn matches<K: Ord>(old: &[K], new: &[K]) -> Vec<(usize, usize)> {
    pairs(old, new, |old, new| {
        let mut names: BTreeMap<&K, u32> = BTreeMap::new();
        let mut name = |key| {
            let next = u32::try_from(names.len()).unwrap_or(u32::MAX);
            *names.entry(key).or_insert(next)
        };
        let old = old.iter().map(&mut name).collect();
        (old, new.iter().map(&mut name).collect())
    })
}

/// The same, with the same result, for keys that hash better than they compare.
pub(crate) fn matches_hashed<K: Eq + Hash>(old: &[K], new: &[K]) -> Vec<(usize, usize)> {
    pairs(old, new, intern_hashed)
}

fn intern_hashed<K: Eq + Hash>(old: &[K], new: &[K]) -> (Vec<u32>, Vec<u32>) {
    // Only looked up: its order reaches nothing.
    let mut names: HashMap<&K, u32, RandomState> =
        HashMap::with_capacity_and_hasher(old.len(), RandomState::default());
    let mut name = |key| {
        let next = u32::try_from(names.len()).unwrap_or(u32::MAX);
        *names.entry(key).or_insert(next)
    };
    let old = old.iter().map(&mut name).collect();
    (old, new.iter().map(&mut name).collect())
}

/// The same, with the same result, for keys that are small numbers already.
pub(crate) fn matches_named(old: &[usize], new: &[usize]) -> Vec<(usize, usize)> {
    pairs(old, new, |old, new| {
        let largest = old.iter().chain(new).max().copied().unwrap_or_default();
        if largest / SPARSE > old.len() + new.len() {
            return intern_hashed(old, new);
        }
        let short = |names: &[usize]| {
            let names = names.iter();
            names
                .map(|name| u32::try_from(*name).unwrap_or(u32::MAX))
                .collect()
        };
        (short(old), short(new))
    })
}

fn pairs<K: PartialEq>(
    old: &[K],
    new: &[K],
    intern: impl FnOnce(&[K], &[K]) -> (Vec<u32>, Vec<u32>),
) -> Vec<(usize, usize)> {
    let prefix = old.iter().zip(new).take_while(|(a, b)| a == b).count();
    let suffix = old[prefix..]
        .iter()
        .rev()
        .zip(new[prefix..].iter().rev())
        .take_while(|(a, b)| a == b)
        .count();
    let (old_end, new_end) = (old.len() - suffix, new.len() - suffix);
    let mut out: Vec<(usize, usize)> = (0..prefix).map(|index| (index, index)).collect();
    if prefix < old_end && prefix < new_end {
        // Small numbers instead of keys: equality is then one comparison.
        let (old_names, new_names) = intern(&old[prefix..old_end], &new[prefix..new_end]);
        let anchors = anchors(&old_names, &new_names);
        let ends = (old_names.len(), new_names.len());
        let (mut old_at, mut new_at) = (0, 0);
        for (old, new) in anchors.into_iter().chain([ends]) {
            between(&old_names[old_at..old], &new_names[new_at..new], |a, b| {
                out.push((prefix + old_at + a, prefix + new_at + b));
            });
            if (old, new) != ends {
                out.push((prefix + old, prefix + new));
            }
            (old_at, new_at) = (old + 1, new + 1);
        }
    }
    out.extend((0..suffix).map(|offset| (old_end + offset, new_end + offset)));
    out
}

/// The pairs of elements that occur once in both lists: a longest common subsequence of those.
fn anchors(old: &[u32], new: &[u32]) -> Vec<(usize, usize)> {
    // The names are numbers not much larger than the lists are long.
    let end = old
        .iter()
        .chain(new)
        .max()
        .map_or(0, |last| *last as usize + 1);
    let mut places: Vec<Once> = vec![Once::default(); end];
    for (at, name) in old.iter().enumerate() {
        places[*name as usize].old.see(at);
    }
    for (at, name) in new.iter().enumerate() {
        places[*name as usize].new.see(at);
    }
    let candidates: Vec<(usize, usize)> = old
        .iter()
        .filter_map(|name| match &places[*name as usize] {
            Once {
                old: Seen::Once(old),
                new: Seen::Once(new),
            } => Some((*old, *new)),
            _ => None,
        })
        .collect();
    ascending(&candidates)
}

/// Where an element occurs in each list, if it occurs there once.
#[derive(Debug, Default, Clone, Copy)]
struct Once {
    old: Seen,
    new: Seen,
}

#[derive(Debug, Default, Clone, Copy)]
enum Seen {
    #[default]
    Never,
    Once(usize),
    More,
}

impl Seen {
    fn see(&mut self, at: usize) {
        *self = match self {
            Self::Never => Self::Once(at),
            Self::Once(_) | Self::More => Self::More,
        };
    }
}

/// A longest part of the pairs, which ascend in their first elements, that ascends in the second
/// ones too: piles of patience, each pair pointing to the top of the pile before its own.
fn ascending(pairs: &[(usize, usize)]) -> Vec<(usize, usize)> {
    let mut tops: Vec<usize> = Vec::new();
    let mut before: Vec<Option<usize>> = Vec::with_capacity(pairs.len());
    for (at, (_, new)) in pairs.iter().enumerate() {
        let pile = match tops.last() {
            // Most lists keep their order.
            Some(last) if pairs[*last].1 < *new => tops.len(),
            _ => tops.partition_point(|top| pairs[*top].1 < *new),
        };
        before.push(pile.checked_sub(1).map(|left| tops[left]));
        match tops.get_mut(pile) {
            Some(top) => *top = at,
            None => tops.push(at),
        }
    }
    let mut out = Vec::with_capacity(tops.len());
    let mut next = tops.last().copied();
    while let Some(at) = next {
        out.push(pairs[at]);
        next = before[at];
    }
    out.reverse();
    out
}

/// Matches what stands between two anchors.
fn between(old: &[u32], new: &[u32], mut found: impl FnMut(usize, usize)) {
    if old.is_empty() || new.is_empty() {
        return;
    }
    for op in capture_diff_slices(Algorithm::Myers, old, new) {
        if let DiffOp::Equal {
            old_index,
            new_index,
            len,
        } = op
        {
            for offset in 0..len {
                found(old_index + offset, new_index + offset);
            }
        }
    }
}

/// The stretches between matched elements: `(range in old, range in new)`, at least one of them
/// not empty.
pub(crate) fn gaps(
    pairs: &[(usize, usize)],
    old_len: usize,
    new_len: usize,
) -> Vec<(Range<usize>, Range<usize>)> {
    let mut out = Vec::new();
    let (mut old_at, mut new_at) = (0, 0);
    for &(old, new) in pairs.iter().chain(std::iter::once(&(old_len, new_len))) {
        if old_at < old || new_at < new {
            out.push((old_at..old, new_at..new));
        }
        (old_at, new_at) = (old + 1, new + 1);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{gaps, matches};

    fn lists(symbols: u8, longest: usize) -> Vec<Vec<u8>> {
        let mut all = vec![Vec::new()];
        let mut last = all.clone();
        for _ in 0..longest {
            last = last
                .iter()
                .flat_map(|list: &Vec<u8>| {
                    (0..symbols).map(move |symbol| [list.as_slice(), &[symbol]].concat())
                })
                .collect();
            all.extend(last.clone());
        }
        all
    }

    fn longest_common(a: &[u8], b: &[u8]) -> usize {
        let mut row = vec![0; b.len() + 1];
        for x in a {
            let mut corner = 0;
            for (at, y) in b.iter().enumerate() {
                let above = row[at + 1];
                row[at + 1] = if x == y {
                    corner + 1
                } else {
                    above.max(row[at])
                };
                corner = above;
            }
        }
        row[b.len()]
    }

    #[test]
    fn every_short_pair_of_lists_has_a_common_subsequence() {
        let all = lists(3, 4);
        let (mut total, mut longest) = (0, 0);
        for a in &all {
            for b in &all {
                let found = matches(a, b);
                assert!(found.iter().all(|&(i, j)| a[i] == b[j]), "{a:?} {b:?}");
                assert!(found.is_sorted_by(|x, y| x.0 < y.0 && x.1 < y.1));
                total += 1;
                longest += usize::from(found.len() == longest_common(a, b));
                // Gaps and pairs cover both lists.
                let gaps = gaps(&found, a.len(), b.len());
                let in_gaps: usize = gaps.iter().map(|(i, j)| i.len() + j.len()).sum();
                assert_eq!(in_gaps + 2 * found.len(), a.len() + b.len());
            }
        }
        println!("{longest} of {total} subsequences are the longest");
        assert!(longest * 100 >= total * 95, "{longest} of {total}");
    }
}
