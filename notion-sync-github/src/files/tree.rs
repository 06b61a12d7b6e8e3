//! Trees: which blob is at which path of a commit.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

use notion_sync_core::{Error, ErrorKind, Result};

use crate::client::GithubClient;
use crate::endpoint::{Call, TREE};
use crate::wire::{Tree, TreeEntry};

/// What is at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// `100644`, `100755`, `120000` (link) or `160000` (submodule).
    pub(crate) mode: String,
    pub(crate) sha: String,
    pub(crate) size: Option<u64>,
}

impl Entry {
    /// Whether it is a file with content of its own.
    pub(crate) fn is_file(&self) -> bool {
        self.mode.starts_with("100")
    }
}

/// Everything below a folder, by path from the root of the repository.
pub(crate) type Table = BTreeMap<String, Entry>;

/// Most trees read one by one when a recursive answer is cut.
const MAX_TREES: usize = 20_000;
/// How many tables are kept; a table belongs to a commit and never changes.
const KEPT: usize = 4;

/// Tables of the last commits looked at.
#[derive(Debug, Default)]
pub(crate) struct Tables {
    kept: Mutex<VecDeque<(String, Arc<Table>)>>,
}

impl Tables {
    /// The table of a commit, restricted to `folder`. One request, unless the repository has more
    /// than 100,000 entries.
    pub(crate) async fn of(
        &self,
        client: &GithubClient,
        repository: &str,
        commit: &str,
        folder: &str,
    ) -> Result<Arc<Table>> {
        if let Some((_, table)) = self.lock().iter().find(|(known, _)| known == commit) {
            return Ok(Arc::clone(table));
        }
        let table = Arc::new(read(client, repository, commit, folder).await?);
        let mut kept = self.lock();
        kept.push_back((commit.to_owned(), Arc::clone(&table)));
        while kept.len() > KEPT {
            kept.pop_front();
        }
        Ok(table)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, VecDeque<(String, Arc<Table>)>> {
        self.kept
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

async fn read(
    client: &GithubClient,
    repository: &str,
    commit: &str,
    folder: &str,
) -> Result<Table> {
    let mut table = Table::new();
    let whole = tree(client, repository, commit, true).await?;
    if whole.truncated != Some(true) {
        add(&mut table, "", whole.tree, folder);
        return Ok(table);
    }
    // Down to the folder, one level at a time.
    let mut sha = commit.to_owned();
    for segment in folder.split('/').filter(|segment| !segment.is_empty()) {
        let level = tree(client, repository, &sha, false).await?;
        let next = level.tree.into_iter().find(|entry| {
            entry.path.as_deref() == Some(segment) && entry.kind.as_deref() == Some("tree")
        });
        match next.and_then(|entry| entry.sha) {
            Some(found) => sha = found,
            None => return Ok(table),
        }
    }
    let below = tree(client, repository, &sha, true).await?;
    if below.truncated != Some(true) {
        add(&mut table, folder, below.tree, folder);
        return Ok(table);
    }
    let mut open = VecDeque::from([(folder.to_owned(), sha)]);
    let mut seen = 0;
    while let Some((prefix, sha)) = open.pop_front() {
        seen += 1;
        if seen > MAX_TREES {
            return Err(Error::new(ErrorKind::Invalid, "read a tree")
                .message(format!("the folder holds more than {MAX_TREES} folders"))
                .remedy("map a smaller folder"));
        }
        let level = tree(client, repository, &sha, false).await?;
        if level.truncated == Some(true) {
            return Err(Error::new(ErrorKind::Invalid, "read a tree")
                .with("folder", &prefix)
                .message("the folder alone is too large to be listed"));
        }
        for entry in &level.tree {
            if let (Some("tree"), Some(name), Some(sha)) =
                (entry.kind.as_deref(), &entry.path, &entry.sha)
            {
                open.push_back((join(&prefix, name), sha.clone()));
            }
        }
        add(&mut table, &prefix, level.tree, folder);
    }
    Ok(table)
}

async fn tree(client: &GithubClient, repository: &str, sha: &str, recursive: bool) -> Result<Tree> {
    let mut call = Call::new(&TREE, &[repository, sha]).with("tree", sha);
    if recursive {
        call = call.query("recursive", "1");
    }
    client.call(call).await?.json()
}

fn add(table: &mut Table, prefix: &str, entries: Vec<TreeEntry>, folder: &str) {
    for entry in entries {
        if !matches!(entry.kind.as_deref(), Some("blob" | "commit")) {
            continue;
        }
        let (Some(path), Some(sha)) = (entry.path, entry.sha) else {
            continue;
        };
        let path = join(prefix, &path);
        if is_below(&path, folder) {
            let mode = entry.mode.unwrap_or_else(|| "100644".to_owned());
            table.insert(
                path,
                Entry {
                    mode,
                    sha,
                    size: entry.size,
                },
            );
        }
    }
}

fn join(prefix: &str, name: &str) -> String {
    if prefix.is_empty() {
        name.to_owned()
    } else {
        format!("{prefix}/{name}")
    }
}

/// Whether a path lies below a folder. The empty folder is the repository.
pub(crate) fn is_below(path: &str, folder: &str) -> bool {
    folder.is_empty()
        || path
            .strip_prefix(folder)
            .is_some_and(|rest| rest.starts_with('/'))
}
