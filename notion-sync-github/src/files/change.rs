//! What a write does to the tree of a commit: decided from the table of the head, before anything
//! is sent.

use std::collections::BTreeSet;

use notion_sync_core::remote::{Action, ContentChange, Create, NewContent, Update, Write};
use notion_sync_core::{Error, ErrorKind, Result};
use sha1::{Digest as _, Sha1};

use super::scope::FileScope;
use super::tree::Table;
use crate::reference;

/// One entry of a tree request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum TreeChange {
    Text {
        path: String,
        mode: String,
        text: String,
    },
    Blob {
        path: String,
        mode: String,
        sha: String,
    },
    Delete {
        path: String,
    },
}

impl TreeChange {
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Text { path, text, .. } => path.len() + text.len(),
            Self::Blob { path, .. } | Self::Delete { path } => path.len(),
        }
    }
}

/// What a write does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Change {
    /// The path afterwards, or the one that is deleted.
    pub(super) path: String,
    /// Empty when the branch already holds what is wanted.
    pub(super) entries: Vec<TreeChange>,
    /// Hash of the blob afterwards; `None` when the file is deleted, or not known beforehand.
    pub(super) sha: Option<String>,
    pub(super) deleted: bool,
    /// For the commit message.
    pub(super) label: String,
}

/// Decides what a write does on a branch whose files are `table`. `taken` holds the paths that
/// earlier writes of the same group use.
pub(super) fn decide(
    write: &Write,
    scope: &FileScope,
    table: &Table,
    taken: &mut BTreeSet<String>,
    hashes: Hashes,
    limit: u64,
) -> Result<Change> {
    let change = match &write.action {
        Action::Create(create) => decide_create(create, scope, table, hashes, limit),
        Action::Update(update) => decide_update(update, scope, table, hashes, limit),
        Action::Remove { object, expected } => decide_remove(object, expected, scope, table),
        _ => Err(invalid("only files can share a commit")),
    }?;
    let mut paths: Vec<&str> = vec![&change.path];
    for entry in &change.entries {
        let (TreeChange::Text { path, .. }
        | TreeChange::Blob { path, .. }
        | TreeChange::Delete { path }) = entry;
        paths.push(path);
    }
    if paths.iter().any(|path| taken.contains(*path)) {
        return Err(Error::new(ErrorKind::NotApplied, "write a file")
            .with("path", &change.path)
            .message("another write of the same commit uses the path"));
    }
    let paths: Vec<String> = paths.into_iter().map(str::to_owned).collect();
    taken.extend(paths);
    Ok(change)
}

/// How blobs are hashed in the repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hashes {
    Sha1,
    /// SHA-256 repositories: hashes are read after the commit instead of computed.
    Other,
}

impl Hashes {
    /// Tells by the length of a commit's hash.
    pub(super) fn of(commit: &str) -> Self {
        if commit.len() == 40 {
            Self::Sha1
        } else {
            Self::Other
        }
    }

    /// The hash git gives a text.
    pub(super) fn blob(self, text: &str) -> Option<String> {
        match self {
            Self::Sha1 => {
                let mut hasher = Sha1::new();
                hasher.update(format!("blob {}\0", text.len()));
                hasher.update(text);
                Some(
                    hasher
                        .finalize()
                        .iter()
                        .map(|byte| format!("{byte:02x}"))
                        .collect(),
                )
            }
            Self::Other => None,
        }
    }
}

fn decide_create(
    create: &Create,
    scope: &FileScope,
    table: &Table,
    hashes: Hashes,
    limit: u64,
) -> Result<Change> {
    let path = create
        .place
        .as_deref()
        .ok_or_else(|| invalid("a new file needs a path"))?;
    scope.check(path)?;
    if !create.fields.is_empty() {
        return Err(invalid("a file has no fields; they are in its text"));
    }
    let text = match &create.content {
        NewContent::Text(text) => text.clone(),
        NewContent::Empty => String::new(),
        NewContent::Blocks(_) => return Err(invalid("a file is written as text")),
    };
    fits(&text, path, limit)?;
    let sha = hashes.blob(&text);
    if let Some(entry) = table.get(path) {
        if sha.as_ref() == Some(&entry.sha) {
            return Ok(unchanged(path, sha));
        }
        return Err(Error::new(ErrorKind::AlreadyExists, "create a file")
            .with("path", path)
            .message("there is a file with other content"));
    }
    free(path, table)?;
    Ok(Change {
        path: path.to_owned(),
        entries: vec![TreeChange::Text {
            path: path.to_owned(),
            mode: "100644".to_owned(),
            text,
        }],
        sha,
        deleted: false,
        label: path.to_owned(),
    })
}

fn decide_update(
    update: &Update,
    scope: &FileScope,
    table: &Table,
    hashes: Hashes,
    limit: u64,
) -> Result<Change> {
    let (_, _, path) = reference::parse_file(&update.object)?;
    scope.check(path)?;
    if !update.fields.is_empty() {
        return Err(invalid("a file has no fields; they are in its text"));
    }
    let target = update.place.as_deref().unwrap_or(path);
    scope.check(target)?;
    let (expected, desired) = match &update.content {
        Some(ContentChange::Text { expected, desired }) => (Some(expected), Some(desired)),
        Some(ContentChange::Blocks { .. }) => return Err(invalid("a file is written as text")),
        None => (None, None),
    };
    if let Some(text) = desired {
        fits(text, target, limit)?;
    }
    let wanted = desired.and_then(|text| hashes.blob(text));
    let moves = target != path;
    let Some(entry) = table.get(path) else {
        // A move that was made already.
        let there = table
            .get(target)
            .filter(|entry| moves && wanted.as_ref() == Some(&entry.sha));
        return match there {
            Some(entry) => Ok(unchanged(target, Some(entry.sha.clone()))),
            None => Err(stale(path, "the file is not there any more")),
        };
    };
    if !entry.is_file() {
        return Err(Error::new(ErrorKind::Blocked, "write a file")
            .with("path", path)
            .message("there is a link or submodule"));
    }
    let is_there = wanted.as_ref() == Some(&entry.sha);
    if expected.is_some_and(|expected| *expected != entry.sha) && !is_there {
        return Err(stale(path, "the file changed"));
    }
    if moves {
        if table.contains_key(target) {
            return Err(Error::new(ErrorKind::AlreadyExists, "move a file")
                .with("path", target)
                .message("there is a file at the new path"));
        }
        free(target, table)?;
    } else if desired.is_none() || is_there {
        return Ok(unchanged(path, Some(entry.sha.clone())));
    }
    let mode = entry.mode.clone();
    let to = target.to_owned();
    let put = match desired {
        Some(text) if !is_there => TreeChange::Text {
            path: to,
            mode,
            text: text.clone(),
        },
        _ => TreeChange::Blob {
            path: to,
            mode,
            sha: entry.sha.clone(),
        },
    };
    let sha = match &put {
        TreeChange::Blob { sha, .. } => Some(sha.clone()),
        _ => wanted,
    };
    let mut entries = vec![put];
    if moves {
        entries.push(TreeChange::Delete {
            path: path.to_owned(),
        });
    }
    Ok(Change {
        path: target.to_owned(),
        entries,
        sha,
        deleted: false,
        label: if moves {
            format!("{path} as {target}")
        } else {
            path.to_owned()
        },
    })
}

fn decide_remove(
    object: &notion_sync_core::id::RemoteRef,
    expected: &str,
    scope: &FileScope,
    table: &Table,
) -> Result<Change> {
    let (_, _, path) = reference::parse_file(object)?;
    scope.check(path)?;
    let entries = match table.get(path) {
        None => Vec::new(),
        Some(entry) if entry.sha == expected => vec![TreeChange::Delete {
            path: path.to_owned(),
        }],
        Some(_) => return Err(stale(path, "the file changed")),
    };
    Ok(Change {
        path: path.to_owned(),
        entries,
        sha: None,
        deleted: true,
        label: format!("removal of {path}"),
    })
}

fn unchanged(path: &str, sha: Option<String>) -> Change {
    Change {
        path: path.to_owned(),
        entries: Vec::new(),
        sha,
        deleted: false,
        label: path.to_owned(),
    }
}

/// Checks that no file stands where a folder is needed, and no folder where the file goes.
pub(super) fn free(path: &str, table: &Table) -> Result<()> {
    let taken = |at: &str| {
        Err(Error::new(ErrorKind::AlreadyExists, "write a file")
            .with("path", path)
            .message(format!("{at} is in the way")))
    };
    for (at, _) in path.match_indices('/') {
        if table.contains_key(&path[..at]) {
            return taken(&path[..at]);
        }
    }
    let folder = format!("{path}/");
    match table.range(folder.clone()..).next() {
        Some((below, _)) if below.starts_with(&folder) => taken(path),
        _ => Ok(()),
    }
}

pub(super) fn fits(text: &str, path: &str, limit: u64) -> Result<()> {
    let bytes = text.len() as u64;
    if bytes > limit {
        return Err(Error::new(ErrorKind::Invalid, "write a file")
            .with("path", path)
            .message(format!("the text has {bytes} bytes, the limit is {limit}")));
    }
    Ok(())
}

fn stale(path: &str, text: &str) -> Error {
    Error::new(ErrorKind::Stale, "write a file")
        .with("path", path)
        .message(text)
}

fn invalid(text: &str) -> Error {
    Error::new(ErrorKind::Invalid, "write a file").message(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_like_git() {
        let sha1 = Hashes::of(&"a".repeat(40));
        assert_eq!(
            sha1.blob("").unwrap(),
            "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"
        );
        assert_eq!(
            sha1.blob("hello\n").unwrap(),
            "ce013625030ba8dba906f756967f9e9ca394464a"
        );
        assert_eq!(Hashes::of(&"a".repeat(64)).blob("x"), None);
    }

    #[test]
    fn nothing_may_stand_in_the_way() {
        let entry = super::super::tree::Entry {
            mode: "100644".to_owned(),
            sha: "x".to_owned(),
            size: None,
        };
        let table = Table::from([
            ("d/a.md".to_owned(), entry.clone()),
            ("d/b.md/c.md".to_owned(), entry),
        ]);
        for (path, fine) in [
            ("d/new.md", true),
            ("d/a.md/x.md", false),
            ("d/b.md", false),
            ("d/b.mdx", true),
            ("d/b.md/d.md", true),
        ] {
            assert_eq!(free(path, &table).is_ok(), fine, "{path}");
        }
    }
}
