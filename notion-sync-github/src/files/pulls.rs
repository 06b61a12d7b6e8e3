//! Pull requests: read, withdrawn, commented.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use chrono::{DateTime, Utc};
use notion_sync_core::comment::RemoteComment;
use notion_sync_core::id::RemoteRef;
use notion_sync_core::remote::{Ack, Write};
use notion_sync_core::snapshot::{Content, Field, Presence, Proof, Revision, Snapshot};
use notion_sync_core::value::Value;
use notion_sync_core::{Error, ErrorKind, Result};
use serde_json::{Map, json};

use super::GithubFiles;
use crate::comments;
use crate::endpoint::{Call, DELETE_REF, ISSUE_EVENTS, UPDATE_PULL};
use crate::failure::partial;
use crate::graphql::{OF_REPOSITORY, of_repository};
use crate::issues::discussion;
use crate::marker::HiddenBlock;
use crate::message::is_ours;
use crate::neutral::restore;
use crate::reference;
use crate::repository::RepositoryInfo;
use crate::wire::{Event, Pull};

/// The branches that proposals live on begin so.
pub(super) const PROPOSAL_PREFIX: &str = "nsync/";

/// Most pull requests that are asked for in one request.
const PULLS_PER_REQUEST: usize = 100;

/// The commit that a pull request offers.
pub(super) struct Head {
    /// Its id; empty where there is none any more.
    pub(super) commit: String,
    /// Whether we made it.
    pub(super) ours: bool,
}

impl GithubFiles {
    pub(super) async fn pull(&self, repository: &RepositoryInfo, number: u64) -> Result<Pull> {
        crate::pull::read(&self.client, repository, number).await
    }

    pub(super) async fn read_pull(&self, object: &RemoteRef, content: bool) -> Result<Snapshot> {
        let (id, number) = reference::parse_numbered(object)?;
        let repository = self.repository().await?;
        if id != repository.id {
            let place = super::other_repository(id);
            return Ok(self.no_pull(object, Presence::MovedOut(place)));
        }
        match self.pull(repository, number).await {
            Ok(pull) => self.pull_snapshot(repository, number, &pull, content).await,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                Ok(self.no_pull(object, Presence::Missing))
            }
            Err(error) if error.kind() == ErrorKind::Gone => {
                Ok(self.no_pull(object, Presence::Gone(Proof::Deleted)))
            }
            Err(error) => Err(error),
        }
    }

    /// Those of these pull requests that are open. Many are asked for in one request, each by its
    /// number: unlike a listing that says how each of them stands now, whatever else is open there.
    pub(super) async fn open_pulls(&self, pulls: &[RemoteRef]) -> Result<BTreeSet<RemoteRef>> {
        let repository = self.repository().await?;
        let mut numbers = BTreeMap::new();
        for pull in pulls {
            let (place, number) = reference::parse_numbered(pull)?;
            if place == repository.id {
                numbers.insert(number, pull);
            }
        }
        let numbers: Vec<(u64, &RemoteRef)> = numbers.into_iter().collect();
        let mut open = BTreeSet::new();
        for chunk in numbers.chunks(PULLS_PER_REQUEST) {
            let document = open_document(chunk.iter().map(|(number, _)| *number));
            let during = "look which pull requests are open";
            let asked = of_repository(&self.client, during, repository, &document, Map::new());
            let (answer, errors) = asked.await?;
            // What is gone is null. What is not known to be open is read by itself.
            for error in errors {
                tracing::debug!(%error, "a part of the pull requests was not answered");
            }
            for (number, pull) in chunk {
                let state = answer.pointer(&format!("/p{number}/state"));
                if state.and_then(serde_json::Value::as_str) == Some("OPEN") {
                    open.insert((*pull).clone());
                }
            }
        }
        Ok(open)
    }

    fn no_pull(&self, object: &RemoteRef, presence: Presence) -> Snapshot {
        self.absent(object.clone(), presence, None)
    }

    /// Fields: `state` (`open`, `merged`, `closed`), `head` (commit), `ours` (whether the head is a
    /// commit of ours), `merged` (the commit of the merge), `title`, `draft`, `branch`.
    pub(super) async fn pull_snapshot(
        &self,
        repository: &RepositoryInfo,
        number: u64,
        pull: &Pull,
        content: bool,
    ) -> Result<Snapshot> {
        let commit = pull.head_sha().unwrap_or_default().to_owned();
        let ours = match commit.as_str() {
            "" => false,
            sha => self.is_our_commit(repository, sha).await?,
        };
        let merged = match pull.is_merged() {
            true => self.merge_commit(repository, number, pull).await?,
            false => None,
        };
        let head = Head { commit, ours };
        let mut snapshot = self.pull_as(repository, number, pull, &head, merged);
        if content {
            let (_, text) = HiddenBlock::split(pull.body.as_deref().unwrap_or_default());
            snapshot.content = Content::Text(restore(&text));
        }
        Ok(snapshot)
    }

    /// A pull request as an answer shows it, without its text: what its head is, and the commit that
    /// merged it, others say.
    pub(super) fn pull_as(
        &self,
        repository: &RepositoryInfo,
        number: u64,
        pull: &Pull,
        head: &Head,
        merged: Option<String>,
    ) -> Snapshot {
        let state = match pull.state.as_deref() {
            _ if pull.is_merged() => "merged",
            Some("open") => "open",
            _ => "closed",
        };
        let mut fields = BTreeMap::new();
        let mut put = |name: &str, value: Value| {
            fields.insert(name.to_owned(), Field::Value(value));
        };
        put("state", Value::text(state));
        put("head", Value::text(head.commit.clone()));
        put("ours", Value::Bool(head.ours));
        put("title", Value::text(pull.title.clone().unwrap_or_default()));
        put("draft", Value::Bool(pull.draft.unwrap_or(false)));
        put("branch", Value::text(pull.head_name().unwrap_or_default()));
        if state == "merged" {
            let merged = match merged {
                Some(sha) => Field::Value(Value::text(sha)),
                None => Field::Unread("the service does not say which commit merged it".to_owned()),
            };
            fields.insert("merged".to_owned(), merged);
        }
        let (block, _) = HiddenBlock::split(pull.body.as_deref().unwrap_or_default());
        let at = pull.updated_at.unwrap_or(DateTime::<Utc>::UNIX_EPOCH);
        Snapshot {
            object: reference::pull(repository.id, number),
            previous: None,
            presence: Presence::Present,
            revision: Revision {
                at,
                grain_seconds: 1,
                token: comments::stamp(at),
            },
            observed_at: self.client.observed_at(),
            fields,
            types: BTreeMap::new(),
            content: Content::NotRead,
            place: Some(repository.full_name.clone()),
            marker: block.marker(),
            url: pull.html_url.clone(),
            actor: pull.user.as_ref().and_then(|user| user.login.clone()),
            made: None,
            bookkeeping: BTreeMap::new(),
        }
    }

    /// The answer of newer API versions does not name the merge commit; the events do.
    async fn merge_commit(
        &self,
        repository: &RepositoryInfo,
        number: u64,
        pull: &Pull,
    ) -> Result<Option<String>> {
        if pull.merge_commit_sha.is_some() {
            return Ok(pull.merge_commit_sha.clone());
        }
        let call = Call::new(
            &ISSUE_EVENTS,
            &[&repository.id.to_string(), &number.to_string()],
        );
        let events: Vec<Event> = self.client.all(call).await?;
        Ok(events
            .into_iter()
            .rev()
            .find(|event| event.event.as_deref() == Some("merged"))
            .and_then(|event| event.commit_id))
    }

    /// Whether a commit carries our trailer. One that is not there any more is not ours.
    pub(super) async fn is_our_commit(
        &self,
        repository: &RepositoryInfo,
        sha: &str,
    ) -> Result<bool> {
        match self.git_commit(repository.id, sha).await {
            Ok(commit) => Ok(is_ours(commit.message.as_deref().unwrap_or_default())),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Comments, closes, deletes the branch. Every step looks first, so a repeat does the rest.
    pub(super) async fn withdraw(
        &self,
        write: &Write,
        proposal: &RemoteRef,
        reason: &str,
    ) -> Result<Ack> {
        let (repository, number) = self.own_pull(proposal).await?;
        self.client.begin("withdraw a proposal", 3, 1)?;
        let id = repository.id.to_string();
        let pull = self.pull(repository, number).await?;
        if pull.is_merged() {
            return Err(Error::new(ErrorKind::Stale, "withdraw a proposal")
                .with("number", number)
                .message("it was merged"));
        }
        let said = comments::find(&self.client, &id, number, &write.op, None).await?;
        let says = said.is_none();
        if says {
            comments::post(&self.client, &id, number, &write.op, reason).await?;
        }
        // A listing may not show the comment yet: repeated at once, it would be written twice.
        let ended = self.end_proposal(repository, number, pull).await;
        ended.map_err(|error| partial("withdraw a proposal", error, says))
    }

    /// Closes a pull request and deletes its branch.
    async fn end_proposal(
        &self,
        repository: &RepositoryInfo,
        number: u64,
        pull: Pull,
    ) -> Result<Ack> {
        let id = repository.id.to_string();
        if pull.state.as_deref() != Some("closed") {
            let call = Call::new(&UPDATE_PULL, &[&id, &number.to_string()])
                .body(json!({"state": "closed"}))
                .with("number", number);
            self.client.call(call).await?;
        }
        let mut notes = BTreeMap::new();
        if let Some(branch) = pull.head_name() {
            let deleted = self.delete_proposal_branch(repository, branch).await?;
            notes.insert("branch".to_owned(), branch.to_owned());
            notes.insert("branch_deleted".to_owned(), deleted.to_string());
        }
        let pull = Pull {
            state: Some("closed".to_owned()),
            ..pull
        };
        let snapshot = self.pull_snapshot(repository, number, &pull, false).await?;
        Ok(Ack {
            snapshot: Some(snapshot),
            notes,
            ..Ack::default()
        })
    }

    /// Deletes a branch of ours whose last commit is ours. Answers whether it is gone.
    async fn delete_proposal_branch(
        &self,
        repository: &RepositoryInfo,
        branch: &str,
    ) -> Result<bool> {
        if !branch.starts_with(PROPOSAL_PREFIX) {
            return Ok(false);
        }
        let Some(head) = self.ref_of(repository, branch).await? else {
            return Ok(true);
        };
        if !self.is_our_commit(repository, &head).await? {
            return Ok(false);
        }
        let call =
            Call::new(&DELETE_REF, &[&repository.id.to_string(), branch]).with("branch", branch);
        match self.client.call(call).await {
            Ok(_) => Ok(true),
            // GitHub may have deleted it first.
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(true),
            Err(error) => Err(error),
        }
    }

    /// A comment of the conversation of a pull request of ours.
    pub(super) async fn read_comment(&self, object: &RemoteRef) -> Result<Option<RemoteComment>> {
        let (id, _) = reference::parse_comment(object)?;
        if id != self.repository().await?.id {
            return Err(Error::new(ErrorKind::Invalid, "read a comment")
                .with("object", object)
                .message("it belongs to another repository"));
        }
        discussion::one(&self.client, object).await
    }

    pub(super) async fn comment(
        &self,
        write: &Write,
        object: &RemoteRef,
        text: &str,
    ) -> Result<Ack> {
        let (repository, number) = self.own_pull(object).await?;
        self.client.begin("write a comment", 1, 1)?;
        let id = repository.id.to_string();
        let comment = comments::post(&self.client, &id, number, &write.op, text).await?;
        Ok(Ack {
            snapshot: None,
            notes: comment_notes(&comment),
            ..Ack::default()
        })
    }
}

/// One request for many pull requests. Numbers are numbers, so they can stand in the document itself.
fn open_document(numbers: impl Iterator<Item = u64>) -> String {
    let mut out = String::from(OF_REPOSITORY);
    for number in numbers {
        // Writing to a string cannot fail.
        let _ = write!(out, " p{number}:pullRequest(number:{number}){{state}}");
    }
    out.push_str("}}");
    out
}

pub(crate) fn comment_notes(comment: &crate::wire::Comment) -> BTreeMap<String, String> {
    let mut notes = BTreeMap::new();
    if let Some(id) = comment.id {
        notes.insert("comment".to_owned(), id.to_string());
    }
    if let Some(url) = &comment.html_url {
        notes.insert("url".to_owned(), url.clone());
    }
    notes
}
