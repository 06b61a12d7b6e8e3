//! One commit for a group of writes, however many files.
//!
//! Tree, commit and ref through the Git Data API: four requests and a handful of reads for any
//! number of small files. The ref is read again just before it is moved: fast-forward alone would
//! accept a head that was reset to an ancestor, and bring back what was dropped. The commit carries
//! no author of ours, because a commit with one is never shown as verified; its hash therefore
//! depends on the service's clock, and it is found again by its `Sync-Op` trailer.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use notion_sync_core::remote::{Ack, Action, Write};
use notion_sync_core::snapshot::{Content, Presence, Proof};
use notion_sync_core::{Error, ErrorKind, Result};
use serde_json::{Value, json};

use super::change::{Change, Hashes, TreeChange, decide};
use super::tree::Table;
use super::{GithubFiles, Head};
use crate::endpoint::{CREATE_COMMIT, CREATE_TREE, Call, UPDATE_REF};
use crate::message::commit_message;
use crate::reference;
use crate::repository::RepositoryInfo;
use crate::wire::{GitCommit, Tree};

/// Most entries and bytes of one tree request; larger ones are known to time out.
const TREE_ENTRIES: usize = 200;
const TREE_BYTES: usize = 2_000_000;
/// Most files and bytes of one signed commit.
const SIGNED_FILES: usize = 200;
const SIGNED_BYTES: usize = 3_000_000;
/// How often a commit is built again when the branch moves meanwhile.
const TRIES: u32 = 5;

/// What one round of building and sending came to.
enum Round {
    Done(GitCommit),
    /// The branch moved; build again on the new head.
    Moved,
}

impl GithubFiles {
    pub(super) async fn commit_group(&self, batch: &[Write]) -> Vec<Result<Ack>> {
        match self.try_commit(batch).await {
            Ok(results) => results,
            Err(error) => batch.iter().map(|_| Err(again(&error))).collect(),
        }
    }

    async fn try_commit(&self, batch: &[Write]) -> Result<Vec<Result<Ack>>> {
        let repository = self.repository().await.map_err(unapplied)?;
        if repository.archived {
            return Err(Error::new(ErrorKind::Blocked, "write files")
                .with("repository", &repository.full_name)
                .message("the repository is archived"));
        }
        let trees = u32::try_from(batch.len() / TREE_ENTRIES)
            .unwrap_or(u32::MAX)
            .saturating_add(1);
        self.client
            .begin("write files", trees.saturating_add(2), 0)?;
        for _ in 0..TRIES {
            let head = self.fresh_head(repository).await.map_err(unapplied)?;
            let table = self
                .table(repository, &head.commit)
                .await
                .map_err(unapplied)?;
            let hashes = Hashes::of(&head.commit);
            let mut taken = BTreeSet::new();
            let mut decided: Vec<Result<Change>> = batch
                .iter()
                .map(|write| {
                    self.check_owner(repository, &write.action)?;
                    let limit = self.settings.max_file_bytes;
                    decide(
                        write,
                        &self.settings.scope,
                        &table,
                        &mut taken,
                        hashes,
                        limit,
                    )
                })
                .collect();
            if self.settings.signed {
                postpone(&mut decided);
            }
            let members: Vec<(&Write, &Change)> = batch
                .iter()
                .zip(&decided)
                .filter_map(|(write, change)| Some((write, change.as_ref().ok()?)))
                .filter(|(_, change)| !change.entries.is_empty())
                .collect();
            if members.is_empty() {
                return Ok(self.acks(repository, decided, &head, None, &table));
            }
            let named: Vec<(&Write, String)> = members
                .iter()
                .map(|(write, change)| (*write, change.label.clone()))
                .collect();
            let message = commit_message(&named, None);
            let entries: Vec<&TreeChange> = members
                .iter()
                .flat_map(|(_, change)| &change.entries)
                .collect();
            let round = if self.settings.signed {
                self.signed_commit(repository, &head.commit, &message, &entries)
                    .await?
            } else {
                self.data_commit(repository, &head.commit, &message, &entries)
                    .await?
            };
            if let Round::Done(commit) = round {
                let sha = commit.sha.unwrap_or_default();
                let made = Head {
                    commit: sha.clone(),
                    at: commit
                        .committer
                        .and_then(|committer| committer.date)
                        .unwrap_or_else(|| self.client.now()),
                    actor: None,
                };
                let missing = decided
                    .iter()
                    .flatten()
                    .any(|change| !change.deleted && change.sha.is_none());
                // Only where hashes cannot be computed; the tree of a commit never changes.
                let after = if missing {
                    self.table(repository, &sha).await.ok()
                } else {
                    None
                };
                let after = after.unwrap_or_default();
                return Ok(self.acks(repository, decided, &head, Some(&made), &after));
            }
        }
        Err(Error::new(ErrorKind::NotApplied, "write files")
            .with("branch", &self.settings.branch)
            .message(format!(
                "the branch moved {TRIES} times while the commit was built"
            )))
    }

    /// Checks that a write concerns a file of this repository and branch.
    fn check_owner(&self, repository: &RepositoryInfo, action: &Action) -> Result<()> {
        let object = match action {
            Action::Update(update) => &update.object,
            Action::Remove { object, .. } => object,
            _ => return Ok(()),
        };
        self.path_of(repository, object).map(|_| ())
    }

    /// The head of the branch, never from a kept answer.
    pub(super) async fn fresh_head(&self, repository: &RepositoryInfo) -> Result<Head> {
        let branch = &self.settings.branch;
        let sha = self.ref_of(repository, branch).await?.ok_or_else(|| {
            Error::new(ErrorKind::Blocked, "write files")
                .with("repository", &repository.full_name)
                .with("branch", branch)
                .message("there is no such branch")
                .remedy("create the branch, or correct its name in the configuration")
        })?;
        self.head_of(repository.id, &sha).await
    }

    pub(super) async fn ref_of(
        &self,
        repository: &RepositoryInfo,
        branch: &str,
    ) -> Result<Option<String>> {
        crate::pull::head_of(&self.client, repository, branch).await
    }

    /// Builds trees and a commit on `parent`. Nothing refers to them yet, so nothing is applied
    /// whatever happens here.
    pub(super) async fn build_commit(
        &self,
        repository: &RepositoryInfo,
        parent: &str,
        message: &str,
        entries: &[&TreeChange],
    ) -> Result<GitCommit> {
        let id = repository.id.to_string();
        let base = self
            .git_commit(repository.id, parent)
            .await
            .map_err(unapplied)?;
        let mut tree = base.tree.and_then(|tree| tree.sha).ok_or_else(|| {
            Error::new(ErrorKind::NotApplied, "write files").message("the head has no tree")
        })?;
        for chunk in chunks(entries) {
            let body = json!({"base_tree": tree, "tree": chunk.iter().map(|entry| raw(entry)).collect::<Vec<_>>()});
            let call = Call::new(&CREATE_TREE, &[&id]).body(body);
            let answer = self.client.call(call).await.map_err(unapplied)?;
            let made: Tree = answer.json().map_err(unapplied)?;
            tree = made.sha.ok_or_else(|| unapplied(answer.lacks("hash")))?;
        }
        let body = json!({"message": message, "tree": tree, "parents": [parent]});
        let call = Call::new(&CREATE_COMMIT, &[&id]).body(body);
        let answer = self.client.call(call).await.map_err(unapplied)?;
        let commit: GitCommit = answer.json().map_err(unapplied)?;
        if commit.sha.is_none() {
            return Err(unapplied(answer.lacks("hash")));
        }
        Ok(commit)
    }

    async fn data_commit(
        &self,
        repository: &RepositoryInfo,
        parent: &str,
        message: &str,
        entries: &[&TreeChange],
    ) -> Result<Round> {
        let commit = self
            .build_commit(repository, parent, message, entries)
            .await?;
        let branch = &self.settings.branch;
        let now = self.ref_of(repository, branch).await.map_err(unapplied)?;
        if now.as_deref() != Some(parent) {
            return Ok(Round::Moved);
        }
        match self
            .move_ref(
                repository,
                branch,
                commit.sha.as_deref().unwrap_or_default(),
            )
            .await
        {
            Ok(()) => Ok(Round::Done(commit)),
            Err(error) if error.kind() == ErrorKind::Stale => Ok(Round::Moved),
            Err(error) => Err(error),
        }
    }

    pub(super) async fn move_ref(
        &self,
        repository: &RepositoryInfo,
        branch: &str,
        sha: &str,
    ) -> Result<()> {
        let call = Call::new(&UPDATE_REF, &[&repository.id.to_string(), branch])
            .body(json!({"sha": sha, "force": false}))
            .with("repository", &repository.full_name)
            .with("branch", branch);
        self.client.call(call).await.map(|_| ())
    }

    /// One request that builds, signs and moves, guarded by the expected head.
    async fn signed_commit(
        &self,
        repository: &RepositoryInfo,
        parent: &str,
        message: &str,
        entries: &[&TreeChange],
    ) -> Result<Round> {
        const MUTATION: &str = "mutation($i:CreateCommitOnBranchInput!){createCommitOnBranch(input:$i){commit{oid committedDate}}}";
        let mut additions = Vec::new();
        let mut deletions = Vec::new();
        for entry in entries {
            match entry {
                TreeChange::Text { path, text, .. } => {
                    additions.push(json!({"path": path, "contents": STANDARD.encode(text)}));
                }
                // A rename has to bring the content along.
                TreeChange::Blob { path, sha, .. } => {
                    let content = self
                        .blob(repository.id, sha, None)
                        .await
                        .map_err(unapplied)?;
                    let Content::Text(text) = content else {
                        return Err(Error::new(ErrorKind::Invalid, "move a file")
                            .with("path", path)
                            .message("its content cannot be used, so it cannot be moved in a signed commit"));
                    };
                    additions.push(json!({"path": path, "contents": STANDARD.encode(text)}));
                }
                TreeChange::Delete { path } => deletions.push(json!({"path": path})),
            }
        }
        let (headline, body) = message.split_once("\n\n").unwrap_or((message, ""));
        let input = json!({"i": {
            "branch": {"repositoryNameWithOwner": repository.full_name, "branchName": self.settings.branch},
            "expectedHeadOid": parent,
            "message": {"headline": headline, "body": body},
            "fileChanges": {"additions": additions, "deletions": deletions},
        }});
        let data = match self.client.graphql("write files", MUTATION, input).await {
            Ok(data) => data,
            Err(error) if error.kind() == ErrorKind::Stale => return Ok(Round::Moved),
            Err(error) => return Err(error),
        };
        let commit = data.pointer("/createCommitOnBranch/commit");
        let text = |name: &str| Some(commit?.get(name)?.as_str()?.to_owned());
        let sha = text("oid").ok_or_else(|| {
            Error::new(ErrorKind::Unavailable, "write files")
                .message("the answer names no commit; the write may have been applied")
        })?;
        let date = text("committedDate").and_then(|date| date.parse().ok());
        Ok(Round::Done(GitCommit {
            sha: Some(sha),
            committer: Some(crate::wire::Signature { name: None, date }),
            ..GitCommit::default()
        }))
    }

    /// Answers for every member. `made` is the new commit, `None` when none was needed.
    fn acks(
        &self,
        repository: &RepositoryInfo,
        decided: Vec<Result<Change>>,
        head: &Head,
        made: Option<&Head>,
        after: &Table,
    ) -> Vec<Result<Ack>> {
        let one = |change: Change| {
            let wrote = !change.entries.is_empty();
            let at = if wrote { made.unwrap_or(head) } else { head };
            let mut notes = BTreeMap::from([("commit".to_owned(), at.commit.clone())]);
            if !wrote {
                notes.insert("unchanged".to_owned(), "true".to_owned());
            }
            let sha = change
                .sha
                .or_else(|| Some(after.get(&change.path)?.sha.clone()));
            let snapshot = if change.deleted {
                let object = reference::file(repository.id, &self.settings.branch, &change.path);
                Some(self.absent(object, Presence::Gone(Proof::AbsentInDescendant), Some(at)))
            } else {
                sha.map(|sha| self.present(repository, &change.path, &sha, at, Content::NotRead))
            };
            Ack {
                snapshot,
                notes,
                ..Ack::default()
            }
        };
        decided.into_iter().map(|change| change.map(one)).collect()
    }
}

/// Leaves to a later commit what one signed commit cannot hold.
fn postpone(decided: &mut [Result<Change>]) {
    let (mut files, mut bytes) = (0, 0);
    for change in decided {
        let Ok(found) = change else { continue };
        files += found.entries.len();
        bytes += found.entries.iter().map(TreeChange::bytes).sum::<usize>();
        let alone = files == found.entries.len();
        if (files > SIGNED_FILES || bytes > SIGNED_BYTES) && !alone {
            *change = Err(Error::new(ErrorKind::NotApplied, "write files")
                .message("the commit is full; the file goes into the next one"));
        }
    }
}

fn chunks<'a>(entries: &[&'a TreeChange]) -> Vec<Vec<&'a TreeChange>> {
    let mut chunks: Vec<Vec<&TreeChange>> = Vec::new();
    let mut bytes = 0;
    for entry in entries {
        let full = chunks
            .last()
            .is_none_or(|chunk| chunk.len() >= TREE_ENTRIES || bytes + entry.bytes() > TREE_BYTES);
        if full {
            chunks.push(Vec::new());
            bytes = 0;
        }
        bytes += entry.bytes();
        if let Some(chunk) = chunks.last_mut() {
            chunk.push(entry);
        }
    }
    chunks
}

fn raw(entry: &TreeChange) -> Value {
    match entry {
        TreeChange::Text { path, mode, text } => {
            json!({"path": path, "mode": mode, "type": "blob", "content": text})
        }
        TreeChange::Blob { path, mode, sha } => {
            json!({"path": path, "mode": mode, "type": "blob", "sha": sha})
        }
        TreeChange::Delete { path } => {
            json!({"path": path, "mode": "100644", "type": "blob", "sha": null})
        }
    }
}

/// What happens before the branch moves applies nothing, so an unknown outcome is none.
pub(super) fn unapplied(error: Error) -> Error {
    if error.kind() == ErrorKind::Unavailable {
        let retry = error.retry();
        return Error::new(ErrorKind::NotApplied, "write files")
            .message("a request before the branch moves failed")
            .retry_at(retry)
            .caused_by(error);
    }
    if error.kind() == ErrorKind::Stale {
        return Error::new(ErrorKind::NotApplied, "write files").caused_by(error);
    }
    error
}

/// The same error for another member of the group.
fn again(error: &Error) -> Error {
    let text = error.to_string();
    let text = text.strip_prefix("cannot ").unwrap_or(&text);
    let remedy = error.remedy_text();
    let text = remedy.map_or(text, |remedy| {
        text.strip_suffix(&format!(" ({remedy})")).unwrap_or(text)
    });
    let copy = Error::new(error.kind(), "write files")
        .message(text)
        .retry_at(error.retry());
    match remedy {
        Some(remedy) => copy.remedy(remedy),
        None => copy,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_hold_everything_once_and_in_order() {
        let text = |n: usize, bytes: usize| TreeChange::Text {
            path: format!("{n}"),
            mode: String::new(),
            text: "x".repeat(bytes),
        };
        let all: Vec<TreeChange> = (0..950)
            .map(|n| text(n, if n % 100 == 7 { 900_000 } else { 10 }))
            .collect();
        let refs: Vec<&TreeChange> = all.iter().collect();
        let made = chunks(&refs);
        assert!(made.len() > 4, "{}", made.len());
        for chunk in &made {
            assert!(chunk.len() <= TREE_ENTRIES);
            assert!(chunk.iter().map(|entry| entry.bytes()).sum::<usize>() <= TREE_BYTES);
        }
        assert_eq!(made.concat(), refs);
    }

    #[test]
    fn a_copied_error_says_the_same() {
        let error = Error::new(ErrorKind::Blocked, "move a branch")
            .message("protected branch")
            .remedy("do this");
        let copy = again(&error);
        assert_eq!(copy.kind(), ErrorKind::Blocked);
        assert_eq!(copy.remedy_text(), Some("do this"));
        assert_eq!(copy.to_string().matches("do this").count(), 1);
    }
}
