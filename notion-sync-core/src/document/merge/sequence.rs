//! Common subsequences of long lists.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
use std::ops::Range;

use similar::{Algorithm, DiffOp, capture_diff_slices};

/// Pairs of equal elements of two lists, ascending in both: a common subsequence, nearly always a
/// longest one.
///
/// Patience order: elements that occur once in both lists are anchors, also where that makes the
/// subsequence shorter, because what is unique says more than what repeats. Time and memory stay near
/// linear because the algorithm behind falls back to splits that are not minimal when a search
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
    pairs(old, new, |old, new| {
        // Only looked up: its order reaches nothing.
        let mut names: HashMap<&K, u32> = HashMap::with_capacity(old.len());
        let mut name = |key| {
            let next = u32::try_from(names.len()).unwrap_or(u32::MAX);
            *names.entry(key).or_insert(next)
        };
        let old = old.iter().map(&mut name).collect();
        (old, new.iter().map(&mut name).collect())
    })
}

/// The same, with the same result, for keys that are small numbers already.
pub(crate) fn matches_named(old: &[usize], new: &[usize]) -> Vec<(usize, usize)> {
    pairs(old, new, |old, new| {
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
        for op in capture_diff_slices(Algorithm::Patience, &old_names, &new_names) {
            if let DiffOp::Equal {
                old_index,
                new_index,
                len,
            } = op
            {
                out.extend(
                    (0..len)
                        .map(|offset| (prefix + old_index + offset, prefix + new_index + offset)),
                );
            }
        }
    }
    out.extend((0..suffix).map(|offset| (old_end + offset, new_end + offset)));
    out
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
