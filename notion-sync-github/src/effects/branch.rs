//! The branch of a new pull request, and its first commit.

use std::collections::BTreeMap;

use notion_sync_core::effect::{EffectRequest, EffectWrite, OpenPull};
use notion_sync_core::remote::Write;
use notion_sync_core::{Error, ErrorKind, Result};
use serde_json::json;

use super::text::{Words, is_path};
use super::{stale, unapplied};
use crate::endpoint::{COMPARE, CONTENTS, CREATE_COMMIT, CREATE_TREE, Call, GIT_COMMIT};
use crate::issues::GithubIssues;
use crate::message::{commit_message, names_op, trailer_values};
use crate::neutral::one_line;
use crate::pull;
use crate::repository::RepositoryInfo;
use crate::wire::{Comparison, Contents, GitCommit, Tree};

const DURING: &str = "open a pull request";

/// What a branch is to a request.
pub(super) enum Tip {
    /// It does not exist.
    Missing,
    /// Its first commit is ours, for this page.
    Ours,
    /// Somebody else made it.
    Other,
}

/// Whether a file can be made.
pub(super) enum Room {
    /// Nothing is there.
    Free,
    /// The file is there already.
    Taken,
    /// A file stands where a folder must be: its path.
    Blocked(String),
}

impl GithubIssues {
    /// What a branch is: ours if the first commit that it adds to its base says so. Whatever people
    /// committed on top of it does not matter.
    pub(super) async fn tip(
        &self,
        repository: &RepositoryInfo,
        request: &EffectRequest,
        branch: &str,
        base: &str,
    ) -> Result<Tip> {
        let Some(head) = pull::head_of(&self.client, repository, branch).await? else {
            return Ok(Tip::Missing);
        };
        let Some(base) = pull::head_of(&self.client, repository, base).await? else {
            return Ok(Tip::Other);
        };
        let call = Call::new(&COMPARE, &[&repository.id.to_string(), &base, &head])
            .query("per_page", "100")
            .with("branch", branch);
        let found: Comparison = match self.client.call(call).await {
            Ok(answer) => answer.json()?,
            // Without a common history it cannot be ours.
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Tip::Other),
            Err(error) => return Err(error),
        };
        let first = found.commits.first().map(|commit| commit.message());
        let message = first.unwrap_or_default();
        let page = request.page.as_deref().map(|page| one_line(page, 200));
        let of_page = page.is_some_and(|page| {
            trailer_values(message, "Sync-Op").next().is_some()
                && trailer_values(message, "Notion-Page-Id").any(|value| value == page)
        });
        Ok(if names_op(message, request.op.as_str()) || of_page {
            Tip::Ours
        } else {
            Tip::Other
        })
    }

    /// Makes the branch from the head of its base, with a commit that is empty or holds the file.
    /// A file that the base has is left as it is.
    pub(super) async fn first_commit(
        &self,
        write: &Write,
        effect: &EffectWrite,
        wanted: &OpenPull,
        words: &Words,
        (branch, base): (&str, &str),
        notes: &mut BTreeMap<String, String>,
    ) -> Result<()> {
        let (repository, number) = self.own(&effect.request.object).await?;
        let id = repository.id.to_string();
        let parent = pull::head_of(&self.client, repository, base)
            .await
            .map_err(unapplied)?
            .ok_or_else(|| stale(DURING, number, "its base is gone"))?;
        let call = Call::new(&GIT_COMMIT, &[&id, &parent]);
        let answer = self.client.call(call).await.map_err(unapplied)?;
        let commit: GitCommit = answer.json().map_err(unapplied)?;
        let mut tree = commit
            .tree
            .and_then(|tree| tree.sha)
            .ok_or_else(|| unapplied(answer.lacks("tree")))?;
        if let Some(file) = &wanted.file {
            let path = words.fill(&file.path);
            if !is_path(&path) {
                return Err(Error::new(ErrorKind::Invalid, DURING)
                    .with("path", &path)
                    .message("it cannot be the path of a file"));
            }
            match self
                .room(repository, &parent, &path)
                .await
                .map_err(unapplied)?
            {
                Room::Free => {
                    let entry = json!({
                        "path": path, "mode": "100644", "type": "blob",
                        "content": words.fill(&file.text),
                    });
                    let call = Call::new(&CREATE_TREE, &[&id])
                        .body(json!({"base_tree": tree, "tree": [entry]}));
                    let answer = self.client.call(call).await.map_err(unapplied)?;
                    let made: Tree = answer.json().map_err(unapplied)?;
                    tree = made.sha.ok_or_else(|| unapplied(answer.lacks("hash")))?;
                }
                Room::Taken => {
                    notes.insert("file".to_owned(), "exists".to_owned());
                }
                Room::Blocked(_) => {
                    return Err(stale(
                        DURING,
                        number,
                        "a file stands in the way of its file",
                    ));
                }
            }
        }
        let member = Write {
            page: effect.request.page.clone().or_else(|| write.page.clone()),
            group: write.op.clone(),
            ..write.clone()
        };
        let headline = format!("Start #{number}: {}", effect.request.title);
        let message = commit_message(&[(&member, String::new())], Some(&headline));
        let call = Call::new(&CREATE_COMMIT, &[&id])
            .body(json!({"message": message, "tree": tree, "parents": [parent]}));
        let answer = self.client.call(call).await.map_err(unapplied)?;
        let made: GitCommit = answer.json().map_err(unapplied)?;
        let sha = made.sha.ok_or_else(|| unapplied(answer.lacks("hash")))?;
        self.client
            .create_branch(repository, branch, &sha, DURING)
            .await
    }

    /// Whether there is room for a file in a commit.
    pub(super) async fn room(
        &self,
        repository: &RepositoryInfo,
        commit: &str,
        path: &str,
    ) -> Result<Room> {
        let id = repository.id.to_string();
        let mut end = path.len();
        loop {
            let part = &path[..end];
            let call = Call::new(&CONTENTS, &[&id, part])
                .query("ref", commit)
                .with("path", part);
            match self.client.call(call).await {
                Ok(answer) => {
                    return Ok(match answer.json::<Contents>()? {
                        Contents::Directory(_) if end < path.len() => Room::Free,
                        _ if end == path.len() => Room::Taken,
                        _ => Room::Blocked(part.to_owned()),
                    });
                }
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
            match part.rfind('/') {
                Some(at) => end = at,
                None => return Ok(Room::Free),
            }
        }
    }
}
