//! What two lists have in common, in order.

use std::collections::BTreeMap;

/// Pairs of equal elements, in order in both lists: the longest such list, or a good one when the
/// lists are too long for that.
pub(crate) fn common(old: &[String], new: &[String]) -> Vec<(usize, usize)> {
    let head = old.iter().zip(new).take_while(|(a, b)| a == b).count();
    let (old_rest, new_rest) = (
        old.get(head..).unwrap_or_default(),
        new.get(head..).unwrap_or_default(),
    );
    let tail = old_rest
        .iter()
        .rev()
        .zip(new_rest.iter().rev())
        .take_while(|(a, b)| a == b)
        .count();
    let a = old_rest.get(..old_rest.len() - tail).unwrap_or_default();
    let b = new_rest.get(..new_rest.len() - tail).unwrap_or_default();
    let mut out: Vec<(usize, usize)> = (0..head).map(|n| (n, n)).collect();
    let middle = if a.len().saturating_mul(b.len()) <= 4_000_000 {
        longest(a, b)
    } else {
        in_order(a, b)
    };
    out.extend(middle.into_iter().map(|(x, y)| (x + head, y + head)));
    out.extend((0..tail).map(|n| (old.len() - tail + n, new.len() - tail + n)));
    out
}

fn longest(a: &[String], b: &[String]) -> Vec<(usize, usize)> {
    if a.is_empty() || b.is_empty() {
        return Vec::new();
    }
    let width = b.len() + 1;
    let mut best = vec![0u32; (a.len() + 1) * width];
    let get = |best: &[u32], x: usize, y: usize| best.get(x * width + y).copied().unwrap_or(0);
    for (x, left) in a.iter().enumerate().rev() {
        for (y, right) in b.iter().enumerate().rev() {
            let value = if left == right {
                get(&best, x + 1, y + 1) + 1
            } else {
                get(&best, x + 1, y).max(get(&best, x, y + 1))
            };
            if let Some(cell) = best.get_mut(x * width + y) {
                *cell = value;
            }
        }
    }
    let (mut x, mut y) = (0, 0);
    let mut out = Vec::new();
    while let (Some(left), Some(right)) = (a.get(x), b.get(y)) {
        if left == right {
            out.push((x, y));
            x += 1;
            y += 1;
        } else if get(&best, x + 1, y) >= get(&best, x, y + 1) {
            x += 1;
        } else {
            y += 1;
        }
    }
    out
}

fn in_order(a: &[String], b: &[String]) -> Vec<(usize, usize)> {
    let mut places: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (index, key) in a.iter().enumerate().rev() {
        places.entry(key).or_default().push(index);
    }
    let mut out = Vec::new();
    let mut from = 0;
    for (y, key) in b.iter().enumerate() {
        let Some(list) = places.get_mut(key.as_str()) else {
            continue;
        };
        while list.last().is_some_and(|x| *x < from) {
            list.pop();
        }
        if let Some(x) = list.pop() {
            out.push((x, y));
            from = x + 1;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn words(text: &str) -> Vec<String> {
        text.chars().map(String::from).collect()
    }

    #[test]
    fn the_longest_common_list() {
        for (a, b, length) in [
            ("", "", 0),
            ("abc", "abc", 3),
            ("abcd", "bd", 2),
            ("abcbdab", "bdcaba", 4),
            ("ab", "cd", 0),
        ] {
            assert_eq!(common(&words(a), &words(b)).len(), length, "{a} {b}");
        }
    }

    proptest! {
        #[test]
        fn pairs_are_equal_and_in_order(a in "[a-d]{0,20}", b in "[a-d]{0,20}") {
            let (a, b) = (words(&a), words(&b));
            for pairs in [common(&a, &b), in_order(&a, &b)] {
                prop_assert!(pairs.windows(2).all(|w| w[0].0 < w[1].0 && w[0].1 < w[1].1));
                prop_assert!(pairs.iter().all(|(x, y)| a[*x] == b[*y]));
            }
            prop_assert!(in_order(&a, &b).len() <= common(&a, &b).len());
        }
    }
}
