//! The graph of commits: ancestry, merge bases, logs.

use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

use super::object::{Commit, ObjectId};
use super::objects::ObjectStore;

/// Everything reachable from a commit, itself included.
pub(crate) fn reachable(store: &ObjectStore, tip: ObjectId) -> BTreeSet<ObjectId> {
    let mut seen = BTreeSet::new();
    let mut open = vec![tip];
    while let Some(id) = open.pop() {
        if seen.contains(&id) {
            continue;
        }
        if let Some(parents) = store.parents(&id) {
            seen.insert(id);
            open.extend(parents);
        }
    }
    seen
}

/// Whether `old` is `new` or one of its ancestors.
pub(crate) fn is_ancestor(store: &ObjectStore, old: ObjectId, new: ObjectId) -> bool {
    let mut seen = BTreeSet::new();
    let mut open = vec![new];
    while let Some(id) = open.pop() {
        if id == old {
            return true;
        }
        if seen.insert(id)
            && let Some(parents) = store.parents(&id)
        {
            open.extend(parents);
        }
    }
    false
}

/// The best common ancestor. With several, the newest, then the one with the highest id.
pub(crate) fn merge_base(store: &ObjectStore, left: ObjectId, right: ObjectId) -> Option<ObjectId> {
    if is_ancestor(store, left, right) {
        return Some(left);
    }
    if is_ancestor(store, right, left) {
        return Some(right);
    }
    let left = reachable(store, left);
    let right = reachable(store, right);
    let common: BTreeSet<ObjectId> = left.intersection(&right).copied().collect();
    let mut dominated = BTreeSet::new();
    for id in &common {
        dominated.extend(store.parents(id).into_iter().flatten().copied());
    }
    common
        .difference(&dominated)
        .filter_map(|id| {
            store
                .commit(id)
                .map(|commit| (commit.committer.when.timestamp(), *id))
        })
        .max()
        .map(|(_, id)| id)
}

/// The commits reachable from `tip` and not from `hidden`, newest first, no parent before a child.
pub(crate) fn log(
    store: &ObjectStore,
    tip: ObjectId,
    hidden: Option<ObjectId>,
) -> Vec<(ObjectId, Commit)> {
    if let Some(line) = hidden.and_then(|hidden| straight_line(store, tip, hidden)) {
        return line;
    }
    let hidden = hidden.map(|id| reachable(store, id)).unwrap_or_default();
    let mut commits: BTreeMap<ObjectId, Commit> = BTreeMap::new();
    let mut children: BTreeMap<ObjectId, usize> = BTreeMap::new();
    let mut open = vec![tip];
    while let Some(id) = open.pop() {
        if hidden.contains(&id) || commits.contains_key(&id) {
            continue;
        }
        let Some(commit) = store.commit(&id) else {
            continue;
        };
        for parent in &commit.parents {
            *children.entry(*parent).or_default() += 1;
            open.push(*parent);
        }
        commits.insert(id, commit);
    }
    let mut ready = BinaryHeap::new();
    if let Some(commit) = commits.get(&tip) {
        ready.push((commit.committer.when.timestamp(), tip));
    }
    let mut ordered = Vec::with_capacity(commits.len());
    while let Some((_, id)) = ready.pop() {
        let Some(commit) = commits.remove(&id) else {
            continue;
        };
        for parent in &commit.parents {
            let waiting = children.entry(*parent).or_default();
            *waiting = waiting.saturating_sub(1);
            if *waiting == 0
                && let Some(parent_commit) = commits.get(parent)
            {
                ready.push((parent_commit.committer.when.timestamp(), *parent));
            }
        }
        ordered.push((id, commit));
    }
    ordered
}

/// The answer of [`log`] where `hidden` is reached from `tip` through single parents, which is the
/// usual push: only the new commits are looked at.
fn straight_line(
    store: &ObjectStore,
    tip: ObjectId,
    hidden: ObjectId,
) -> Option<Vec<(ObjectId, Commit)>> {
    let mut line = Vec::new();
    let mut at = tip;
    while at != hidden {
        let commit = store.commit(&at)?;
        let [parent] = commit.parents.as_slice() else {
            return None;
        };
        let parent = *parent;
        line.push((at, commit));
        if line.len() > 256 {
            return None;
        }
        at = parent;
    }
    Some(line)
}

/// The commits of [`log`] that changed what stands at `path`: they differ there from every parent.
pub(crate) fn log_of_path(
    store: &ObjectStore,
    tip: ObjectId,
    path: &str,
) -> Vec<(ObjectId, Commit)> {
    let at = |commit: &Commit| {
        store
            .at(&commit.tree, path)
            .map(|entry| (entry.mode, entry.id))
    };
    log(store, tip, None)
        .into_iter()
        .filter(|(_, commit)| {
            let here = at(commit);
            if commit.parents.is_empty() {
                return here.is_some();
            }
            commit
                .parents
                .iter()
                .all(|parent| store.commit(parent).map(|parent| at(&parent)) != Some(here))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{is_ancestor, log, merge_base, reachable};
    use crate::github::object::{Commit, ObjectId, Signature};
    use crate::github::objects::ObjectStore;

    /// Graphs of up to twelve commits from a fixed generator, with several roots and merges.
    fn graphs() -> impl Iterator<Item = (ObjectStore, Vec<ObjectId>)> {
        let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
        let mut next = move |limit: u64| {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            seed % limit
        };
        (0..150).map(move |_| {
            let mut store = ObjectStore::default();
            let mut ids: Vec<ObjectId> = Vec::new();
            for n in 0..12 {
                let mut parents = Vec::new();
                for _ in 0..next(3) {
                    if let Some(id) = ids.get(usize::try_from(next(12)).unwrap())
                        && !parents.contains(id)
                    {
                        parents.push(*id);
                    }
                }
                let when =
                    chrono::DateTime::from_timestamp(i64::try_from(next(5)).unwrap(), 0).unwrap();
                let person = Signature::new("a", "a@b", when);
                let commit = Commit {
                    tree: ObjectId::empty_tree(),
                    parents,
                    author: person.clone(),
                    committer: person,
                    signature: None,
                    message: n.to_string(),
                };
                ids.push(store.insert(commit.object()));
            }
            (store, ids)
        })
    }

    #[test]
    fn a_log_is_the_difference_of_what_is_reachable_with_children_first() {
        for (store, ids) in graphs() {
            for tip in &ids {
                for hidden in ids.iter().map(|id| Some(*id)).chain([None]) {
                    let found: Vec<ObjectId> = log(&store, *tip, hidden)
                        .into_iter()
                        .map(|(id, _)| id)
                        .collect();
                    let mut wanted = reachable(&store, *tip);
                    for id in hidden.map(|id| reachable(&store, id)).unwrap_or_default() {
                        wanted.remove(&id);
                    }
                    assert_eq!(
                        found
                            .iter()
                            .copied()
                            .collect::<std::collections::BTreeSet<_>>(),
                        wanted
                    );
                    assert_eq!(found.len(), wanted.len());
                    for (at, id) in found.iter().enumerate() {
                        let parents = store.parents(id).unwrap();
                        assert!(parents.iter().all(|parent| !found[..at].contains(parent)));
                    }
                }
            }
        }
    }

    #[test]
    fn a_merge_base_is_common_and_no_common_ancestor_is_below_it() {
        for (store, ids) in graphs() {
            for left in &ids {
                for right in &ids {
                    let common: Vec<ObjectId> = reachable(&store, *left)
                        .intersection(&reachable(&store, *right))
                        .copied()
                        .collect();
                    match merge_base(&store, *left, *right) {
                        None => assert_eq!(common, []),
                        Some(base) => {
                            assert!(common.contains(&base));
                            assert!(
                                !common.iter().any(
                                    |other| *other != base && is_ancestor(&store, base, *other)
                                )
                            );
                        }
                    }
                }
            }
        }
    }
}
