//! What differs between two trees, and how two changed trees become one.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::object::{Entry, Mode, ObjectId};
use super::objects::{DEEPEST, Files, ObjectStore};
use super::resemblance::{Pieces, is_clear};

/// Where more files than this vanished and appeared, only equal ones are renames: git's default.
const RENAME_LIMIT: usize = 1_000;

/// One file that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) path: String,
    /// Where the file stood before, for a rename.
    pub(crate) previous: Option<String>,
    pub(crate) old: Option<Entry>,
    pub(crate) new: Option<Entry>,
}

impl Change {
    /// The word of the API for it.
    pub(crate) fn status(&self) -> &'static str {
        match (&self.previous, &self.old, &self.new) {
            (Some(_), ..) => "renamed",
            (None, None, _) => "added",
            (None, Some(_), None) => "removed",
            (None, Some(old), Some(new)) if old.id == new.id => "changed",
            (None, Some(_), Some(_)) => "modified",
        }
    }
}

/// The files that differ between two trees, ordered by path. A file that vanished and one that
/// appeared are one rename where the content is the same, or else resembles it enough.
pub(crate) fn changes(
    store: &ObjectStore,
    old: Option<ObjectId>,
    new: Option<ObjectId>,
) -> Vec<Change> {
    let mut found = Vec::new();
    descend(store, old, new, "", 0, &mut found);
    let mut gone: BTreeMap<ObjectId, Vec<usize>> = BTreeMap::new();
    for (index, change) in found.iter().enumerate() {
        if let (Some(old), None) = (change.old, change.new)
            && store
                .blob(&old.id)
                .is_some_and(|content| !content.is_empty())
        {
            gone.entry(old.id).or_default().push(index);
        }
    }
    for indices in gone.values_mut() {
        indices.reverse();
    }
    let mut dropped = BTreeSet::new();
    for index in 0..found.len() {
        let change = &found[index];
        let (None, Some(new)) = (change.old, change.new) else {
            continue;
        };
        if let Some(from) = gone.get_mut(&new.id).and_then(Vec::pop) {
            dropped.insert(from);
            rename(&mut found, from, index);
        }
    }
    for (from, to) in resembling(store, &found, &dropped) {
        dropped.insert(from);
        rename(&mut found, from, to);
    }
    let mut index = 0;
    found.retain(|_| {
        index += 1;
        !dropped.contains(&(index - 1))
    });
    found.sort_by(|left, right| left.path.cmp(&right.path));
    found
}

/// Makes a file that appeared the new place of one that vanished.
fn rename(found: &mut [Change], from: usize, to: usize) {
    let (path, old) = (found[from].path.clone(), found[from].old);
    found[to].previous = Some(path);
    found[to].old = old;
}

/// Pairs of a file that vanished and one that appeared which resemble each other. First come those
/// that clearly do and alone kept their name, then the most alike; of equally alike ones those that
/// kept their name.
fn resembling(
    store: &ObjectStore,
    found: &[Change],
    dropped: &BTreeSet<usize>,
) -> Vec<(usize, usize)> {
    let pieces = |entry: Option<Entry>| -> Option<Pieces> {
        let entry = entry.filter(|entry| matches!(entry.mode, Mode::File | Mode::Executable))?;
        store.blob(&entry.id).map(Pieces::of)
    };
    let mut gone: Vec<(usize, Pieces)> = Vec::new();
    let mut fresh: Vec<(usize, Pieces)> = Vec::new();
    for (at, change) in found.iter().enumerate() {
        match (change.old, change.new) {
            (old @ Some(_), None) if !dropped.contains(&at) => {
                gone.extend(pieces(old).map(|pieces| (at, pieces)));
            }
            (None, new @ Some(_)) => fresh.extend(pieces(new).map(|pieces| (at, pieces))),
            _ => {}
        }
    }
    if gone.len() * fresh.len() > RENAME_LIMIT * RENAME_LIMIT {
        return Vec::new();
    }
    let name = |at: usize| found[at].path.rsplit('/').next();
    let named = |list: &[(usize, Pieces)]| {
        let mut counts: BTreeMap<Option<&str>, usize> = BTreeMap::new();
        for (at, _) in list {
            *counts.entry(name(*at)).or_default() += 1;
        }
        counts
    };
    let (old_names, new_names) = (named(&gone), named(&fresh));
    let mut scored: Vec<(bool, u64, bool, usize, usize)> = Vec::new();
    for (to, new) in &fresh {
        for (from, old) in &gone {
            if let Some(score) = old.score(new) {
                let kept = name(*from) == name(*to);
                let once = |names: &BTreeMap<_, usize>| names.get(&name(*to)) == Some(&1);
                let alone = kept && once(&old_names) && once(&new_names);
                scored.push((alone && is_clear(score), score, kept, *from, *to));
            }
        }
    }
    scored.sort_by_key(|(clear, score, named, from, to)| {
        (Reverse((*clear, *score, *named)), *to, *from)
    });
    let (mut taken, mut placed) = (BTreeSet::new(), BTreeSet::new());
    let mut out = Vec::new();
    for (.., from, to) in scored {
        if !taken.contains(&from) && !placed.contains(&to) {
            taken.insert(from);
            placed.insert(to);
            out.push((from, to));
        }
    }
    out
}

fn descend(
    store: &ObjectStore,
    old: Option<ObjectId>,
    new: Option<ObjectId>,
    prefix: &str,
    depth: usize,
    found: &mut Vec<Change>,
) {
    if old == new || depth > DEEPEST {
        return;
    }
    let before = old.and_then(|id| store.tree(&id)).unwrap_or_default();
    let after = new.and_then(|id| store.tree(&id)).unwrap_or_default();
    let names: BTreeSet<&String> = before.entries.keys().chain(after.entries.keys()).collect();
    for name in names {
        let (old, new) = (
            before.entries.get(name).copied(),
            after.entries.get(name).copied(),
        );
        if old == new {
            continue;
        }
        let path = if prefix.is_empty() {
            name.clone()
        } else {
            format!("{prefix}/{name}")
        };
        let directory = |entry: Option<Entry>| {
            entry
                .filter(|entry| entry.mode == Mode::Directory)
                .map(|entry| entry.id)
        };
        let file = |entry: Option<Entry>| entry.filter(|entry| entry.mode != Mode::Directory);
        if directory(old).is_some() || directory(new).is_some() {
            descend(
                store,
                directory(old),
                directory(new),
                &path,
                depth + 1,
                found,
            );
        }
        if file(old).is_some() || file(new).is_some() {
            found.push(Change {
                path,
                previous: None,
                old: file(old),
                new: file(new),
            });
        }
    }
}

/// Edits of files by path; `None` removes.
pub(crate) type EntryEdits = BTreeMap<String, Option<Entry>>;

/// What must be edited in `ours` so that it holds what `theirs` changed since `base`, file by file.
/// `Err` names the files that both sides changed differently.
pub(crate) fn merge_edits(
    store: &ObjectStore,
    base: Option<ObjectId>,
    ours: ObjectId,
    theirs: ObjectId,
) -> Result<EntryEdits, Vec<String>> {
    let base_files = base.map(|id| store.files(&id)).unwrap_or_default();
    let ours_files = store.files(&ours);
    let theirs_files = store.files(&theirs);
    let mut edits = EntryEdits::new();
    let mut conflicts = Vec::new();
    let names: BTreeSet<&String> = base_files.keys().chain(theirs_files.keys()).collect();
    for path in names {
        let (was, here, there) = (
            base_files.get(path),
            ours_files.get(path),
            theirs_files.get(path),
        );
        if was == there || here == there {
            continue;
        }
        if was == here {
            edits.insert(path.clone(), there.copied());
            continue;
        }
        conflicts.push(path.clone());
    }
    if conflicts.is_empty() {
        conflicts = clashes(&ours_files, &edits);
    }
    if conflicts.is_empty() {
        Ok(edits)
    } else {
        Err(conflicts)
    }
}

/// Paths that would be a file and a directory at once.
fn clashes(files: &Files, edits: &EntryEdits) -> Vec<String> {
    let mut merged: BTreeSet<&str> = files.keys().map(String::as_str).collect();
    for (path, entry) in edits {
        if entry.is_some() {
            merged.insert(path);
        } else {
            merged.remove(path.as_str());
        }
    }
    edits
        .iter()
        .filter(|(_, entry)| entry.is_some())
        .flat_map(|(path, _)| path.match_indices('/').map(|(at, _)| &path[..at]))
        .filter(|directory| merged.contains(directory))
        .chain(
            edits
                .iter()
                .filter(|(_, entry)| entry.is_some())
                .map(|(path, _)| path.as_str())
                .filter(|path| {
                    let below = format!("{path}/");
                    merged
                        .range(below.as_str()..)
                        .next()
                        .is_some_and(|next| next.starts_with(&below))
                }),
        )
        .map(str::to_owned)
        .collect()
}
