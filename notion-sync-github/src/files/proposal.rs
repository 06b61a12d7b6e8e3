//! Opening and refreshing proposals: a branch with a name of its own, and its pull request.
//!
//! Every step is found again by name, so a proposal that broke off half-way is finished by sending
//! it again: the branch by its name and the trailer of its commit, the pull request by its branch.

use std::collections::{BTreeMap, BTreeSet};

use notion_sync_core::id::OpId;
use notion_sync_core::remote::{Ack, LEFT, Propose, Write};
use notion_sync_core::{Error, ErrorKind, Result};
use serde_json::json;

use super::GithubFiles;
use super::change::{Hashes, TreeChange, fits, free};
use super::commit::unapplied;
use super::pulls::{Head, PROPOSAL_PREFIX};
use super::tree::Table;
use crate::comments::shorten;
use crate::endpoint::{COMPARE, CREATE_PULL, Call, PULL_COMMITS, UPDATE_PULL};
use crate::marker::HiddenBlock;
use crate::message::{commit_message, is_ours, names_op, trailer_values};
use crate::neutral::{neutralise, one_line};
use crate::repository::RepositoryInfo;
use crate::wire::{Commit, Comparison, Pull};

const DURING: &str = "open a proposal";

/// Most commits of a branch that are read to see whether all of them are ours: a proposal that is
/// refreshed has few.
const MOST_OF_OURS: usize = 20;

impl GithubFiles {
    pub(super) async fn propose(&self, write: &Write, propose: &Propose) -> Result<Ack> {
        let repository = self.repository().await.map_err(unapplied)?;
        self.check_proposal(propose)?;
        self.client.begin(DURING, 6, 2)?;
        let open = match self
            .proposed(repository, propose)
            .await
            .map_err(unapplied)?
        {
            Some(pull) if pull.is_open() => Some(pull),
            Some(pull) => {
                return self
                    .decided(repository, write, propose, &pull, unapplied)
                    .await;
            }
            None => None,
        };
        let built = self
            .proposal_commit(repository, write, propose, open.as_ref())
            .await?;
        let mut notes = BTreeMap::from([
            ("head".to_owned(), built.head.clone()),
            ("branch".to_owned(), propose.branch.clone()),
        ]);
        if !built.left.is_empty() {
            notes.insert(LEFT.to_owned(), built.left.join(","));
        }
        // The commit is what counts: once it is there, nothing that fails may make the whole look as if it
        // had not been done. So what an open pull request says is changed before.
        let pull = match open {
            Some(pull) => {
                let pull = self.retell(repository, write, propose, pull).await?;
                self.push(repository, &propose.branch, &built).await?;
                // People may have decided about it meanwhile, and then its branch is no part of it.
                let number = pull.number.unwrap_or_default();
                let pull = self.pull(repository, number).await.map_err(pushed)?;
                if !pull.is_open() {
                    return self
                        .decided(repository, write, propose, &pull, pushed)
                        .await;
                }
                pull
            }
            None => {
                self.push(repository, &propose.branch, &built).await?;
                self.open_pull(repository, write, propose, &mut notes)
                    .await?
            }
        };
        let number = pull.number.ok_or_else(|| {
            Error::new(ErrorKind::Unavailable, DURING).message("the answer has no number")
        })?;
        notes.insert("number".to_owned(), number.to_string());
        if let Some(url) = &pull.html_url {
            notes.insert("url".to_owned(), url.clone());
        }
        let reviewers = &propose.reviewers;
        crate::pull::ask_reviewers(&self.client, repository, number, reviewers, &pull)
            .await
            .note(&mut notes);
        // Nothing more is asked: which pull request it is may not depend on another answer, and the one
        // about it can be older than the commit that was just pushed.
        let head = Head {
            commit: notes.get("head").cloned().unwrap_or_default(),
            ours: true,
        };
        Ok(Ack {
            snapshot: Some(self.pull_as(repository, number, &pull, &head, None)),
            notes,
            ..Ack::default()
        })
    }

    fn check_proposal(&self, propose: &Propose) -> Result<()> {
        let odd = |c: char| !(c.is_ascii_alphanumeric() || "-_./".contains(c));
        let name = propose
            .branch
            .strip_prefix(PROPOSAL_PREFIX)
            .unwrap_or_default();
        if name.is_empty() || name.contains(odd) || name.contains("..") || name.contains("//") {
            return Err(Error::new(ErrorKind::Invalid, DURING)
                .with("branch", &propose.branch)
                .message("a proposal needs a branch below nsync/"));
        }
        for (path, text) in &propose.files {
            self.settings.scope.check(path)?;
            if let Some(text) = text {
                fits(text, path, self.settings.max_file_bytes)?;
            }
        }
        Ok(())
    }

    /// What it comes to after people decided about the pull request: done if it held our commit.
    /// `failed` says what it means that this could not be read.
    async fn decided(
        &self,
        repository: &RepositoryInfo,
        write: &Write,
        propose: &Propose,
        pull: &Pull,
        failed: fn(Error) -> Error,
    ) -> Result<Ack> {
        let found = self.proposed_by(repository, write, propose, pull).await;
        if let Some(ack) = found.map_err(failed)? {
            return Ok(ack);
        }
        let merged = pull.is_merged();
        // Whoever knew its pull request looks again at what became of it; without that the same
        // would be proposed again and again.
        let kind = if merged && propose.pull.is_some() {
            ErrorKind::Stale
        } else {
            ErrorKind::Blocked
        };
        let how = if merged {
            "merged"
        } else {
            "closed without merging"
        };
        Err(Error::new(kind, DURING)
            .with("branch", &propose.branch)
            .with("number", pull.number.unwrap_or_default())
            .message(format!("its pull request was {how}"))
            .remedy("it is not opened again before there is something new to propose"))
    }

    /// The pull request of a proposal: the one that is known, else that of its branch.
    pub(super) async fn proposed(
        &self,
        repository: &RepositoryInfo,
        propose: &Propose,
    ) -> Result<Option<Pull>> {
        if let Some(known) = &propose.pull {
            let (_, number) = self.own_pull(known).await?;
            match self.pull(repository, number).await {
                Ok(pull) if pull.head_name() == Some(propose.branch.as_str()) => {
                    return Ok(Some(pull));
                }
                Ok(_) => {}
                Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Gone) => {}
                Err(error) => return Err(error),
            }
        }
        self.pull_of(repository, &propose.branch).await
    }

    /// The outcome of a proposal whose pull request holds its commit.
    pub(super) async fn proposed_by(
        &self,
        repository: &RepositoryInfo,
        write: &Write,
        propose: &Propose,
        pull: &Pull,
    ) -> Result<Option<Ack>> {
        let number = pull.number.unwrap_or_default();
        let call = Call::new(
            &PULL_COMMITS,
            &[&repository.id.to_string(), &number.to_string()],
        )
        .query("per_page", "100")
        .with("number", number);
        let commits: Vec<Commit> = self.client.all(call).await?;
        let own = (commits.iter())
            .rfind(|commit| names_op(commit.message(), write.group.as_str()))
            .and_then(|commit| commit.sha.clone());
        let Some(head) = own else { return Ok(None) };
        let snapshot = self.pull_snapshot(repository, number, pull, false).await?;
        let mut notes = BTreeMap::from([
            ("head".to_owned(), head),
            ("branch".to_owned(), propose.branch.clone()),
            ("number".to_owned(), number.to_string()),
        ]);
        if let Some(url) = &pull.html_url {
            notes.insert("url".to_owned(), url.clone());
        }
        Ok(Some(Ack {
            snapshot: Some(snapshot),
            notes,
            ..Ack::default()
        }))
    }

    /// The pull request of a branch: the open one, else the latest.
    pub(super) async fn pull_of(
        &self,
        repository: &RepositoryInfo,
        branch: &str,
    ) -> Result<Option<Pull>> {
        let mut own = crate::pull::of_branch(&self.client, repository, branch).await?;
        Ok(own.pop())
    }

    /// Builds what the head of the branch is to be, with the files, without moving the branch.
    async fn proposal_commit(
        &self,
        repository: &RepositoryInfo,
        write: &Write,
        propose: &Propose,
        open: Option<&Pull>,
    ) -> Result<Built> {
        let branch = &propose.branch;
        let existing = self.ref_of(repository, branch).await.map_err(unapplied)?;
        let mut left = Vec::new();
        let parent = match &existing {
            Some(head) => {
                if open.is_none() {
                    left = self.left_on(repository, head).await.map_err(unapplied)?;
                    left.retain(|op| op != write.group.as_str());
                }
                let commit = self
                    .git_commit(repository.id, head)
                    .await
                    .map_err(unapplied)?;
                let message = commit.message.unwrap_or_default();
                // Sent before, and the answer was lost.
                if names_op(&message, write.group.as_str()) {
                    return Ok(Built::there(head, left));
                }
                // What we know of the branch, or a commit of ours that was left without a pull
                // request when an earlier attempt was given up.
                let known = match &propose.head {
                    Some(known) => self.leads_to(repository, head, known).await?,
                    None => open.is_none() && is_ours(&message),
                };
                if !known {
                    return Err(Error::new(ErrorKind::Stale, DURING)
                        .with("branch", branch)
                        .with("head", head)
                        .message("somebody else committed to the branch"));
                }
                head.clone()
            }
            None => self.fresh_head(repository).await.map_err(unapplied)?.commit,
        };
        let table = self.table(repository, &parent).await.map_err(unapplied)?;
        let entries = entries(propose, &table, Hashes::of(&parent))?;
        if entries.is_empty() {
            return match existing {
                Some(head) => Ok(Built::there(&head, left)),
                None => Err(Error::new(ErrorKind::Stale, DURING)
                    .with("branch", branch)
                    .message("the base branch already holds what would be proposed")),
            };
        }
        let refs: Vec<&TreeChange> = entries.iter().collect();
        let member = Write {
            page: propose.page.clone().or_else(|| write.page.clone()),
            ..write.clone()
        };
        let message = commit_message(&[(&member, String::new())], Some(&propose.title));
        let commit = self
            .build_commit(repository, &parent, &message, &refs)
            .await?;
        Ok(Built {
            head: commit.sha.unwrap_or_default(),
            left,
            onto: Some(match existing {
                Some(_) => Onto::Branch(parent),
                None => Onto::Nothing,
            }),
        })
    }

    /// The operations of our commits that are on a branch and not on the base branch: an earlier attempt left
    /// them there without a pull request, and they become part of the next one.
    async fn left_on(&self, repository: &RepositoryInfo, head: &str) -> Result<Vec<String>> {
        let base = &self.settings.branch;
        let call = Call::new(&COMPARE, &[&repository.id.to_string(), base, head])
            .query("per_page", "100")
            .with("branch", base);
        let comparison: Comparison = self.client.call(call).await?.json()?;
        let commits = comparison.commits.into_iter();
        let ops = commits.flat_map(|commit| {
            let named = trailer_values(commit.message(), "Sync-Op");
            named.map(str::to_owned).collect::<Vec<_>>()
        });
        Ok(ops.collect())
    }

    /// Whether nobody but us committed to a branch since its head was `known`. We made a later one
    /// where a backup of the store was put back.
    async fn leads_to(&self, repository: &RepositoryInfo, head: &str, known: &str) -> Result<bool> {
        let mut at = head.to_owned();
        for _ in 0..MOST_OF_OURS {
            if at == known {
                return Ok(true);
            }
            let commit = self.git_commit(repository.id, &at).await;
            let commit = commit.map_err(unapplied)?;
            let parent = match commit.parents.as_slice() {
                [only] if is_ours(&commit.message.unwrap_or_default()) => only.sha.clone(),
                _ => None,
            };
            let Some(parent) = parent else {
                return Ok(false);
            };
            at = parent;
        }
        Ok(false)
    }

    /// Makes a built commit the head of the branch.
    async fn push(&self, repository: &RepositoryInfo, branch: &str, built: &Built) -> Result<()> {
        match &built.onto {
            None => Ok(()),
            Some(Onto::Branch(parent)) => {
                let now = self.ref_of(repository, branch).await.map_err(unapplied)?;
                if now.as_ref() != Some(parent) {
                    return Err(Error::new(ErrorKind::Stale, DURING)
                        .with("branch", branch)
                        .message("somebody else committed to the branch"));
                }
                self.move_ref(repository, branch, &built.head).await
            }
            Some(Onto::Nothing) => {
                self.client
                    .create_branch(repository, branch, &built.head, DURING)
                    .await
            }
        }
    }

    /// Makes an open pull request say what is proposed now.
    async fn retell(
        &self,
        repository: &RepositoryInfo,
        write: &Write,
        propose: &Propose,
        pull: Pull,
    ) -> Result<Pull> {
        let title = one_line(&propose.title, 200);
        let body = proposal_body(write, propose, Some(&pull));
        let shown = pull.body.as_deref().map(|body| body.replace("\r\n", "\n"));
        if pull.title.as_deref() == Some(title.as_str()) && shown.as_ref() == Some(&body) {
            return Ok(pull);
        }
        let number = pull.number.unwrap_or_default().to_string();
        let call = Call::new(&UPDATE_PULL, &[&repository.id.to_string(), &number])
            .body(json!({"title": title, "body": body}))
            .with("number", &number);
        self.client.call(call).await?.json()
    }

    async fn open_pull(
        &self,
        repository: &RepositoryInfo,
        write: &Write,
        propose: &Propose,
        notes: &mut BTreeMap<String, String>,
    ) -> Result<Pull> {
        let id = repository.id.to_string();
        let title = one_line(&propose.title, 200);
        let body = proposal_body(write, propose, None);
        let request = |draft: bool| {
            Call::new(&CREATE_PULL, &[&id])
                .body(json!({
                    "title": title, "body": body, "draft": draft,
                    "head": propose.branch, "base": self.settings.branch,
                }))
                .with("branch", &propose.branch)
        };
        let mut outcome = self.client.call(request(propose.draft)).await;
        if let Err(error) = &outcome
            && propose.draft
            && error.kind() == ErrorKind::Invalid
            && error.to_string().to_ascii_lowercase().contains("draft")
        {
            // Some plans have no drafts in private repositories.
            notes.insert("draft".to_owned(), "unsupported".to_owned());
            outcome = self.client.call(request(false)).await;
        }
        match outcome {
            Ok(answer) => answer.json(),
            // Opened already, by a twin of this request, or merged already, so that the branch holds
            // nothing more, and not listed yet. It is there, so nothing else may be planned until it
            // was found.
            Err(error) if error.kind() == ErrorKind::AlreadyExists || says_merged(&error) => {
                let found = self.pull_of(repository, &propose.branch).await?;
                found.ok_or_else(|| {
                    Error::new(ErrorKind::Unavailable, DURING)
                        .with("branch", &propose.branch)
                        .caused_by(error)
                })
            }
            Err(error) => Err(error),
        }
    }
}

/// A failure to read after the commit was pushed: what became of it has to be looked at.
fn pushed(error: Error) -> Error {
    Error::new(ErrorKind::Unavailable, DURING).caused_by(error)
}

/// What the head of a proposal's branch is to be.
struct Built {
    head: String,
    /// Operations whose commits are below it, and in no pull request yet.
    left: Vec<String>,
    /// Where it goes; nothing where it is there already.
    onto: Option<Onto>,
}

enum Onto {
    /// The branch as it was seen, by its head.
    Branch(String),
    /// There is no branch yet.
    Nothing,
}

impl Built {
    fn there(head: &str, left: Vec<String>) -> Self {
        Self {
            head: head.to_owned(),
            left,
            onto: None,
        }
    }
}

/// Whether nothing is left between the branches although a commit of ours was put onto one: it was
/// merged since.
fn says_merged(error: &Error) -> bool {
    error.kind() == ErrorKind::Invalid && error.to_string().contains("No commits between")
}

/// The hidden block names the operation that opened it; refreshing keeps that.
fn proposal_body(write: &Write, propose: &Propose, open: Option<&Pull>) -> String {
    let opened_by: Option<OpId> = open
        .and_then(|pull| pull.body.as_deref())
        .and_then(|body| HiddenBlock::split(body).0.created_by);
    let block = HiddenBlock {
        page: propose.page.clone().or_else(|| write.page.clone()),
        revision: write.revision.clone(),
        created_by: Some(opened_by.unwrap_or_else(|| write.op.clone())),
        ..HiddenBlock::default()
    };
    block.body(&shorten(&neutralise(&propose.body)))
}

/// What differs between the files proposed and those there.
fn entries(propose: &Propose, table: &Table, hashes: Hashes) -> Result<Vec<TreeChange>> {
    let mut entries = Vec::new();
    let mut seen = BTreeSet::new();
    for (path, text) in &propose.files {
        if !seen.insert(path) {
            return Err(Error::new(ErrorKind::Invalid, DURING)
                .with("path", path)
                .message("the path is named twice"));
        }
        let there = table.get(path);
        match (text, there) {
            (None, None) => {}
            (None, Some(_)) => entries.push(TreeChange::Delete { path: path.clone() }),
            (Some(text), Some(entry)) => {
                if hashes.blob(text).as_ref() != Some(&entry.sha) {
                    let mode = if entry.is_file() {
                        entry.mode.clone()
                    } else {
                        "100644".to_owned()
                    };
                    entries.push(TreeChange::Text {
                        path: path.clone(),
                        mode,
                        text: text.clone(),
                    });
                }
            }
            (Some(text), None) => {
                free(path, table)?;
                let mode = "100644".to_owned();
                entries.push(TreeChange::Text {
                    path: path.clone(),
                    mode,
                    text: text.clone(),
                });
            }
        }
    }
    Ok(entries)
}
