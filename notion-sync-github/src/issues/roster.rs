//! Which issues had an item when a project was last walked over, so that the next walk can tell whose
//! item is not there any more.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// Most bytes that are kept for one project, in a cursor that every cycle stores anew. Room for 10,000
/// issues and more, as far apart as they commonly are.
const MAX_BYTES: usize = 48_000;
/// Most issues that are taken from a cursor, whatever it says.
const MAX_ISSUES: u64 = 200_000;

/// Numbers of issues by repository id. A text of them is `3+2,7`: the distance to the number before,
/// and how many follow without a gap. So that one is 3, 4, 5 and 12.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Roster(BTreeMap<u64, String>);

impl Roster {
    /// Nobody, where there are too many.
    pub(super) fn of(issues: &BTreeSet<(u64, u64)>) -> Self {
        let mut runs: BTreeMap<u64, Vec<(u64, u64)>> = BTreeMap::new();
        for (repository, number) in issues {
            let runs = runs.entry(*repository).or_default();
            match runs.last_mut() {
                Some((_, last)) if last.checked_add(1) == Some(*number) => *last = *number,
                _ => runs.push((*number, *number)),
            }
        }
        let mut roster = Self::default();
        let mut bytes = 0;
        for (repository, runs) in runs {
            let mut before = 0;
            let mut parts = Vec::with_capacity(runs.len());
            for (first, last) in runs {
                let gap = first - before;
                parts.push(match last - first {
                    0 => gap.to_string(),
                    more => format!("{gap}+{more}"),
                });
                before = last;
            }
            let text = parts.join(",");
            bytes += text.len();
            if bytes > MAX_BYTES {
                return Self::default();
            }
            roster.0.insert(repository, text);
        }
        roster
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Those of one repository. What cannot be read is nobody.
    pub(super) fn of_repository(&self, repository: u64) -> BTreeSet<u64> {
        let mut found = BTreeSet::new();
        let text = self.0.get(&repository).map_or("", String::as_str);
        let (mut before, mut left) = (0_u64, MAX_ISSUES);
        for part in text.split(',') {
            let (gap, more) = part.split_once('+').unwrap_or((part, "0"));
            let (Ok(gap), Ok(more)) = (gap.parse::<u64>(), more.parse::<u64>()) else {
                break;
            };
            let first = before.saturating_add(gap);
            if more >= left {
                break;
            }
            left -= more + 1;
            before = first.saturating_add(more);
            found.extend(first..=before);
        }
        found
    }

    /// The repositories.
    pub(super) fn repositories(&self) -> impl Iterator<Item = u64> {
        self.0.keys().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn issues_come_back() {
        let issues: BTreeSet<(u64, u64)> = [(7, 3), (7, 4), (7, 5), (7, 12), (9, 1), (9, u64::MAX)]
            .into_iter()
            .collect();
        let roster = Roster::of(&issues);
        assert_eq!(roster.0[&7], "3+2,7");
        assert_eq!(roster.of_repository(7), BTreeSet::from([3, 4, 5, 12]));
        assert_eq!(roster.of_repository(9), BTreeSet::from([1, u64::MAX]));
        assert_eq!(roster.of_repository(8), BTreeSet::new());
        assert_eq!(roster.repositories().collect::<Vec<_>>(), [7, 9]);
        assert!(Roster::of(&BTreeSet::new()).is_empty());
    }

    #[test]
    fn too_many_are_nobody() {
        let every = |gap: u64| (1..=20_000).map(|n| (7, n * gap)).collect();
        let near: BTreeSet<_> = every(9);
        assert_eq!(Roster::of(&near).of_repository(7).len(), 20_000);
        let far: BTreeSet<_> = every(1_000);
        assert!(Roster::of(&far).is_empty());
    }

    #[test]
    fn what_cannot_be_read_is_nobody() {
        for (text, count) in [
            ("", 0),
            ("x", 0),
            ("1,x", 1),
            ("1+18446744073709551615", 0),
            ("1+199998", 199_999),
            ("1+199999,5", 200_000),
            ("1+200000", 0),
            ("18446744073709551615,9", 1),
        ] {
            let roster = Roster(BTreeMap::from([(7, text.to_owned())]));
            assert_eq!(roster.of_repository(7).len(), count, "{text}");
        }
    }
}
