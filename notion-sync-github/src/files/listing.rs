//! Listing the files of a branch since a commit.

use std::collections::{BTreeMap, BTreeSet};

use futures::{StreamExt as _, stream};
use notion_sync_core::remote::{Cursor, ListRequest, Listing};
use notion_sync_core::snapshot::{Content, Presence, Proof, Snapshot};
use notion_sync_core::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};

use super::tree::Table;
use super::{GithubFiles, Head};
use crate::endpoint::{COMPARE, Call, REF};
use crate::reference;
use crate::repository::RepositoryInfo;
use crate::wire::{ChangedFile, Comparison, GitRef};

/// Where a listing ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Position {
    repository: u64,
    branch: String,
    head: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    etag: Option<String>,
}

/// A comparison names at most this many files; so many may be a cut list.
const MAX_COMPARED: usize = 300;
/// How many blobs are fetched at a time.
const CONCURRENCY: usize = 4;

/// What a comparison of two commits says.
enum Descent {
    /// The head descends from the old commit; the files that changed, where the list is whole.
    Descends(Option<Vec<ChangedFile>>),
    /// History was rewritten, or the old commit is gone.
    Rewritten,
}

impl GithubFiles {
    pub(super) async fn list_files(&self, request: ListRequest) -> Result<Listing> {
        let repository = self.repository().await?;
        let old = self.position(repository, request.cursor.as_ref())?;
        let quiet = old.as_ref().filter(|_| !request.full);
        let branch = &self.settings.branch;
        let call = Call::new(&REF, &[&repository.id.to_string(), branch])
            .if_changed(quiet.and_then(|old| old.etag.as_deref()))
            .with("repository", &repository.full_name)
            .with("branch", branch);
        let answer = self.client.call(call).await?;
        if answer.not_modified()
            && let Some(old) = quiet
        {
            return Ok(listing((Vec::new(), Vec::new()), true, old));
        }
        let found: GitRef = answer.json()?;
        let sha = found
            .sha()
            .ok_or_else(|| answer.lacks("commit"))?
            .to_owned();
        let position = Position {
            repository: repository.id,
            branch: branch.clone(),
            head: sha.clone(),
            etag: answer.etag(),
        };
        if quiet.is_some_and(|old| old.head == sha) {
            return Ok(listing((Vec::new(), Vec::new()), true, &position));
        }
        let head = self.head_of(repository.id, &sha).await?;
        let descent = match &old {
            Some(old) if old.head != sha => Some(self.descent(repository, &old.head, &sha).await?),
            _ => None,
        };
        if let (false, Some(Descent::Descends(Some(files)))) = (request.full, &descent) {
            let found = self.changed(repository, &head, files).await?;
            return Ok(listing(found, true, &position));
        }
        let table = self.table(repository, &sha).await?;
        let before = match (&old, &descent) {
            (Some(old), Some(_)) => match self.table(repository, &old.head).await {
                Ok(before) => Some(before),
                // The old commit was collected: nothing is known about what was there.
                Err(error) if is_missing_commit(&error) => None,
                Err(error) => return Err(error),
            },
            _ => None,
        };
        let (descends, told) = match &descent {
            Some(Descent::Descends(files)) => (true, files.as_deref().unwrap_or_default()),
            _ => (false, &[][..]),
        };
        let since = before.as_deref().map(|table| Before {
            table,
            descends,
            told,
        });
        let found = self.compared(repository, &head, &table, since, request.full);
        Ok(listing(found, descends && before.is_some(), &position))
    }

    fn position(
        &self,
        repository: &RepositoryInfo,
        cursor: Option<&Cursor>,
    ) -> Result<Option<Position>> {
        let Some(cursor) = cursor else {
            return Ok(None);
        };
        let position: Position = serde_json::from_str(&cursor.0).map_err(|_| {
            Error::new(ErrorKind::Invalid, "continue a listing of files")
                .message("the cursor is not one of a branch")
                .remedy("list from the beginning")
        })?;
        // The mapping was pointed elsewhere: the commit says nothing about the new place.
        let same = position.repository == repository.id && position.branch == self.settings.branch;
        Ok(same.then_some(position))
    }

    pub(super) async fn table(
        &self,
        repository: &RepositoryInfo,
        commit: &str,
    ) -> Result<std::sync::Arc<Table>> {
        let id = repository.id.to_string();
        let folder = self.settings.scope.folder();
        self.tables.of(&self.client, &id, commit, folder).await
    }

    async fn descent(&self, repository: &RepositoryInfo, old: &str, new: &str) -> Result<Descent> {
        let call = Call::new(&COMPARE, &[&repository.id.to_string(), old, new])
            .query("per_page", "1")
            .with("from", old)
            .with("to", new);
        let comparison: Comparison = match self.client.call(call).await {
            Ok(answer) => answer.json()?,
            Err(error) if is_missing_commit(&error) => return Ok(Descent::Rewritten),
            Err(error) => return Err(error),
        };
        Ok(match comparison.status.as_deref() {
            Some("ahead" | "identical") => {
                let files = comparison.files.filter(|files| files.len() < MAX_COMPARED);
                Descent::Descends(files)
            }
            _ => Descent::Rewritten,
        })
    }

    /// A listing from the files a comparison names, with their content.
    async fn changed(
        &self,
        repository: &RepositoryInfo,
        head: &Head,
        files: &[ChangedFile],
    ) -> Result<Outcome> {
        let scope = &self.settings.scope;
        let branch = &self.settings.branch;
        let name = |path: &str| reference::file(repository.id, branch, path);
        let mut items = Vec::new();
        let mut gone = Vec::new();
        let touched = files.iter().any(|file| {
            file.status.as_deref() != Some("removed")
                && file
                    .filename
                    .as_deref()
                    .is_some_and(|path| scope.contains(path))
        });
        // The comparison knows neither sizes nor modes.
        let table = if touched {
            Some(self.table(repository, &head.commit).await?)
        } else {
            None
        };
        for file in files {
            let Some(path) = file.filename.as_deref() else {
                continue;
            };
            let status = file.status.as_deref().unwrap_or("modified");
            if status == "removed" {
                if scope.contains(path) {
                    gone.push((name(path), Proof::AbsentInDescendant));
                }
                continue;
            }
            let before = rename(file).map(|(before, _)| before);
            let before = before.filter(|before| scope.contains(before));
            if !scope.contains(path) {
                if let Some(before) = before {
                    let moved = Presence::MovedOut(path.to_owned());
                    items.push(self.absent(name(before), moved, Some(head)));
                }
                continue;
            }
            if status == "unchanged" {
                continue;
            }
            let Some(entry) = table.as_ref().and_then(|table| table.get(path)) else {
                continue;
            };
            let content = if entry.is_file() {
                Content::NotRead
            } else {
                Content::Unusable("a link or submodule is no file".to_owned())
            };
            let mut item = self.present(repository, path, &entry.sha, head, content);
            item.previous = before.map(name);
            items.push(item);
        }
        let sizes = table.unwrap_or_default();
        let items = self.filled(repository.id, items, &sizes).await?;
        Ok((items, gone))
    }

    /// Reads the content of files that are there, a few at a time, in order.
    async fn filled(
        &self,
        repository: u64,
        items: Vec<Snapshot>,
        sizes: &Table,
    ) -> Result<Vec<Snapshot>> {
        let mut filled = stream::iter(items.into_iter().map(|mut item| async move {
            let wanted = item.presence == Presence::Present && item.content == Content::NotRead;
            if !wanted {
                return Ok(item);
            }
            let size = item.place.as_deref().and_then(|path| sizes.get(path)?.size);
            match self.blob(repository, &item.revision.token, size).await {
                Ok(content) => item.content = content,
                Err(error) if stops(&error) => return Err(error),
                // The others are not held up by one file; it is listed and can be read alone.
                Err(error) => tracing::warn!(%error, "a changed file was not read"),
            }
            Ok(item)
        }))
        .buffered(CONCURRENCY);
        let mut items = Vec::new();
        while let Some(item) = filled.next().await {
            items.push(item?);
        }
        Ok(items)
    }

    /// A listing from whole trees, without content.
    fn compared(
        &self,
        repository: &RepositoryInfo,
        head: &Head,
        table: &Table,
        before: Option<Before<'_>>,
        full: bool,
    ) -> Outcome {
        let scope = &self.settings.scope;
        let branch = &self.settings.branch;
        let name = |path: &str| reference::file(repository.id, branch, path);
        let empty = Table::new();
        let old = before.as_ref().map_or(&empty, |before| before.table);
        let descends = before.as_ref().is_some_and(|before| before.descends);
        let inside = |path: &str| scope.contains(path);
        let lost: Vec<&String> = old
            .keys()
            .filter(|path| inside(path) && !table.contains_key(*path))
            .collect();
        let fresh: Vec<&String> = table
            .keys()
            .filter(|path| inside(path) && !old.contains_key(*path))
            .collect();
        let told = before.as_ref().map_or(&[][..], |before| before.told);
        let moved = if before.is_some() {
            renames(old, &lost, table, &fresh, told)
        } else {
            BTreeMap::new()
        };
        let mut items = Vec::new();
        for (path, entry) in table {
            // Only a complete new start names everything; else what differs is enough.
            let same = old.get(path) == Some(entry) && descends && !full;
            if !inside(path) || same {
                continue;
            }
            let content = if entry.is_file() {
                Content::NotRead
            } else {
                Content::Unusable("a link or submodule is no file".to_owned())
            };
            let mut item = self.present(repository, path, &entry.sha, head, content);
            item.previous = moved.get(path.as_str()).map(|from| name(from));
            items.push(item);
        }
        let renamed: Vec<&str> = moved.values().copied().collect();
        let left: BTreeMap<&str, &str> = (told.iter().filter_map(rename))
            .filter(|(_, to)| !inside(to))
            .collect();
        let mut gone = Vec::new();
        for path in lost {
            if renamed.contains(&path.as_str()) {
                continue;
            }
            if let Some(to) = left.get(path.as_str()) {
                let moved = Presence::MovedOut((*to).to_owned());
                items.push(self.absent(name(path), moved, Some(head)));
            } else if descends {
                gone.push((name(path), Proof::AbsentInDescendant));
            } else {
                items.push(self.absent(name(path), Presence::Missing, Some(head)));
            }
        }
        (items, gone)
    }
}

/// What is known of the time of the cursor.
struct Before<'a> {
    /// What was there.
    table: &'a Table,
    /// Whether the head is a descendant.
    descends: bool,
    /// What a comparison names since then; nothing where it names too much.
    told: &'a [ChangedFile],
}

type Outcome = (Vec<Snapshot>, Vec<(notion_sync_core::id::RemoteRef, Proof)>);

/// What a comparison calls renamed: from where, and to where.
fn rename(file: &ChangedFile) -> Option<(&str, &str)> {
    let from = file.previous_filename.as_deref()?;
    let renamed = file.status.as_deref() == Some("renamed");
    renamed.then_some((from, file.filename.as_deref()?))
}

/// Pairs files that vanished with files that appeared: those that a comparison calls renamed, as the next listing from
/// the same commit will, and then those where one content names one of each.
fn renames<'a>(
    old: &Table,
    lost: &[&'a String],
    new: &'a Table,
    fresh: &[&'a String],
    told: &'a [ChangedFile],
) -> BTreeMap<&'a str, &'a str> {
    let known = |paths: &[&'a String], path: &str| paths.iter().any(|known| *known == path);
    let mut out: BTreeMap<&str, &str> = (told.iter().filter_map(rename))
        .filter(|(from, to)| known(lost, from) && known(fresh, to))
        .map(|(from, to)| (to, from))
        .collect();
    let taken: BTreeSet<&str> = (out.iter()).flat_map(|(to, from)| [*to, *from]).collect();
    let free = |path: &&&'a String| !taken.contains(path.as_str());
    let mut by_content: BTreeMap<&str, (Vec<&'a str>, Vec<&'a str>)> = BTreeMap::new();
    for path in lost.iter().filter(free) {
        if let Some(entry) = old.get(*path) {
            by_content
                .entry(entry.sha.as_str())
                .or_default()
                .0
                .push(path.as_str());
        }
    }
    for path in fresh.iter().filter(free) {
        if let Some(entry) = new.get(*path) {
            by_content
                .entry(entry.sha.as_str())
                .or_default()
                .1
                .push(path.as_str());
        }
    }
    out.extend(by_content.into_values().filter_map(|(from, to)| {
        match (from.as_slice(), to.as_slice()) {
            ([from], [to]) => Some((*to, *from)),
            _ => None,
        }
    }));
    out
}

fn listing((items, gone): Outcome, continues: bool, at: &Position) -> Listing {
    Listing {
        items,
        gone,
        continues,
        // A struct of strings always serialises.
        cursor: Cursor(serde_json::to_string(at).unwrap_or_default()),
        complete: true,
        touched: Vec::new(),
        alerts: Vec::new(),
    }
}

/// The service answers 404 (or 422 for what is no hash) when a commit is not there.
fn is_missing_commit(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Invalid)
}

/// Errors that concern more than one file.
fn stops(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::RateLimited | ErrorKind::Unauthorized | ErrorKind::Forbidden
    )
}
