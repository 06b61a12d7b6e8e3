//! Reading one file, and the bytes of a blob.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use notion_sync_core::id::RemoteRef;
use notion_sync_core::snapshot::{Content, Marker, Presence, Revision, Snapshot};
use notion_sync_core::{Error, ErrorKind, Result};

use super::{GithubFiles, Head};
use crate::endpoint::{BLOB, BRANCH, CONTENTS, Call, GIT_COMMIT, encode_path};
use crate::reference;
use crate::repository::RepositoryInfo;
use crate::wire::{Blob, Branch, Contents, GitCommit};

/// How many commits are remembered.
const KEPT_COMMITS: usize = 64;

/// Commits looked at lately, by hash.
#[derive(Debug, Default)]
pub(super) struct Commits {
    kept: Mutex<VecDeque<(String, GitCommit)>>,
}

impl Commits {
    fn get(&self, sha: &str) -> Option<GitCommit> {
        let kept = self.lock();
        let found = kept.iter().find(|(known, _)| known == sha);
        found.map(|(_, commit)| commit.clone())
    }

    pub(super) fn put(&self, sha: &str, commit: GitCommit) {
        let mut kept = self.lock();
        kept.push_back((sha.to_owned(), commit));
        while kept.len() > KEPT_COMMITS {
            kept.pop_front();
        }
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<(String, GitCommit)>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl GithubFiles {
    /// The head of the branch with its time, read fresh. `None` when there is no such branch.
    pub(super) async fn branch_head(&self, repository: &RepositoryInfo) -> Result<Option<Head>> {
        let branch = &self.settings.branch;
        let call = Call::new(&BRANCH, &[&repository.id.to_string(), branch])
            .with("repository", &repository.full_name)
            .with("branch", branch);
        let answer = match self.client.call(call).await {
            Ok(answer) => answer,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let found: Branch = answer.json()?;
        let commit = found.commit.unwrap_or_default();
        let sha = commit.sha.clone().ok_or_else(|| answer.lacks("commit"))?;
        Ok(Some(Head {
            at: commit.committed_at().unwrap_or_else(|| self.client.now()),
            actor: commit.who(),
            commit: sha,
        }))
    }

    /// A commit by hash. It never changes, so it is asked for once.
    pub(super) async fn git_commit(&self, repository: u64, sha: &str) -> Result<GitCommit> {
        if let Some(known) = self.commits.get(sha) {
            return Ok(known);
        }
        let call = Call::new(&GIT_COMMIT, &[&repository.to_string(), sha]).with("commit", sha);
        let found: GitCommit = self.client.call(call).await?.json()?;
        self.commits.put(sha, found.clone());
        Ok(found)
    }

    pub(super) async fn head_of(&self, repository: u64, sha: &str) -> Result<Head> {
        let commit = self.git_commit(repository, sha).await?;
        let date = commit
            .committer
            .as_ref()
            .and_then(|committer| committer.date);
        Ok(Head {
            commit: sha.to_owned(),
            at: date.unwrap_or_else(|| self.client.now()),
            actor: commit.author.and_then(|author| author.name),
        })
    }

    /// Reads one file at the head of the branch: the head first, then the file at that commit, so
    /// that both belong together.
    pub(super) async fn read_file(&self, object: &RemoteRef, content: bool) -> Result<Snapshot> {
        // Before anything is asked: an id of another kind needs no repository.
        let (_, _, path) = reference::parse_file(object)?;
        let repository = self.repository().await?;
        if let Some(place) = self.elsewhere(repository, object)? {
            return Ok(self.absent(object.clone(), Presence::MovedOut(place), None));
        }
        let Some(head) = self.branch_head(repository).await? else {
            return Ok(self.absent(object.clone(), Presence::Missing, None));
        };
        let call = Call::new(&CONTENTS, &[&repository.id.to_string(), path])
            .query("ref", &head.commit)
            .with("path", path);
        let answer = match self.client.call(call).await {
            Ok(answer) => answer,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Ok(self.absent(object.clone(), Presence::Missing, Some(&head)));
            }
            Err(error) => return Err(error),
        };
        let found = match answer.json::<Contents>()? {
            Contents::File(file) => *file,
            Contents::Directory(_) => {
                return Ok(self.absent(object.clone(), Presence::Missing, Some(&head)));
            }
        };
        let sha = found.sha.clone().ok_or_else(|| answer.lacks("hash"))?;
        let text = match found.kind.as_deref() {
            Some("file") | None if content => self.text_of(&found)?,
            Some("file") | None => Content::NotRead,
            Some(other) => {
                Content::Unusable(format!("a {} is no file", crate::failure::brief(other)))
            }
        };
        Ok(self.present(repository, path, &sha, &head, text))
    }

    /// Reads a blob. Its size is checked before it is fetched where it is known.
    pub(super) async fn blob(
        &self,
        repository: u64,
        sha: &str,
        size: Option<u64>,
    ) -> Result<Content> {
        if let Some(size) = size
            && let Some(unusable) = self.too_large(size)
        {
            return Ok(unusable);
        }
        let call = Call::new(&BLOB, &[&repository.to_string(), sha]).with("blob", sha);
        let answer = self.client.call(call).await?;
        self.text_of(&answer.json::<Blob>()?)
    }

    fn too_large(&self, size: u64) -> Option<Content> {
        let limit = self.settings.max_file_bytes;
        (size > limit)
            .then(|| Content::Unusable(format!("the file has {size} bytes, the limit is {limit}")))
    }

    fn text_of(&self, blob: &Blob) -> Result<Content> {
        if let Some(unusable) = blob.size.and_then(|size| self.too_large(size)) {
            return Ok(unusable);
        }
        let source = blob.content.as_deref().unwrap_or_default();
        let bytes = match blob.encoding.as_deref() {
            Some("base64") | None => {
                let packed: String = source
                    .chars()
                    .filter(|c| !c.is_ascii_whitespace())
                    .collect();
                STANDARD.decode(packed).map_err(|_| {
                    Error::new(ErrorKind::Unavailable, "read a file")
                        .message("the answer holds content that is not base64")
                })?
            }
            Some("utf-8") => source.as_bytes().to_vec(),
            Some(other) => {
                let other = crate::failure::brief(other);
                return Ok(Content::Unusable(format!(
                    "content in the encoding {other}"
                )));
            }
        };
        if let Some(unusable) = self.too_large(bytes.len() as u64) {
            return Ok(unusable);
        }
        Ok(match String::from_utf8(bytes) {
            Ok(text) => Content::Text(text),
            Err(error) => {
                let at = error.utf8_error().valid_up_to();
                Content::Unusable(format!("the file is not UTF-8 from byte {at} on"))
            }
        })
    }

    /// A file that is there.
    pub(super) fn present(
        &self,
        repository: &RepositoryInfo,
        path: &str,
        sha: &str,
        head: &Head,
        content: Content,
    ) -> Snapshot {
        let branch = &self.settings.branch;
        Snapshot {
            object: reference::file(repository.id, branch, path),
            previous: None,
            presence: Presence::Present,
            revision: Revision {
                at: head.at,
                grain_seconds: 0,
                token: sha.to_owned(),
            },
            observed_at: self.client.observed_at(),
            fields: BTreeMap::new(),
            types: BTreeMap::new(),
            content,
            place: Some(path.to_owned()),
            marker: Marker::default(),
            url: Some(format!(
                "{}/blob/{}/{}",
                repository.url,
                encode_path(branch),
                encode_path(path)
            )),
            actor: head.actor.clone(),
            made: None,
            bookkeeping: BTreeMap::from([("commit".to_owned(), head.commit.clone())]),
        }
    }

    /// A file that is not there, or not any more.
    pub(super) fn absent(
        &self,
        object: RemoteRef,
        presence: Presence,
        head: Option<&Head>,
    ) -> Snapshot {
        let place = reference::parse_file(&object)
            .ok()
            .map(|(_, _, path)| path.to_owned());
        Snapshot {
            object,
            previous: None,
            presence,
            revision: Revision {
                at: head.map_or(DateTime::<Utc>::UNIX_EPOCH, |head| head.at),
                grain_seconds: 0,
                token: String::new(),
            },
            observed_at: self.client.observed_at(),
            fields: BTreeMap::new(),
            types: BTreeMap::new(),
            content: Content::NotRead,
            place,
            marker: Marker::default(),
            url: None,
            actor: None,
            made: None,
            bookkeeping: head
                .map(|head| ("commit".to_owned(), head.commit.clone()))
                .into_iter()
                .collect(),
        }
    }
}
