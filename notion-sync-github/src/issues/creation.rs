//! Making an issue: the requests it takes, and what became of them where an answer was lost.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use notion_sync_core::id::OpId;
use notion_sync_core::remote::{Ack, Create, Trace, Write};
use notion_sync_core::snapshot::{Field, Snapshot};
use notion_sync_core::value::Value;
use notion_sync_core::{ErrorKind, Result};
use serde_json::{Map, Value as Json, json};

use super::GithubIssues;
use super::bodies::new_body;
use super::fields::{assignees, holds, later};
use super::kind::is_about_type;
use super::trace::is_by;
use super::writing::{invalid, missing, note_dropped, title, unapplied};
use crate::comments::SEARCH_SKEW;
use crate::endpoint::{CREATE_ISSUE, Call, ISSUES};
use crate::marker::HiddenBlock;
use crate::repository::RepositoryInfo;
use crate::wire::{Event, Issue};

/// Numbers that nothing answers to before the end of the numbering is believed.
const MISSES: u32 = 2;
/// Most numbers tried upward.
const MAX_UPWARD: u32 = 500;

/// Fields of a new issue.
#[derive(Debug, Default)]
struct Wanted {
    title: Option<String>,
    labels: Vec<String>,
    assignees: Vec<String>,
    milestone: Option<String>,
    kind: Option<String>,
    closed: bool,
    state_reason: Option<String>,
}

impl Wanted {
    fn of(fields: &BTreeMap<String, Value>) -> Result<Self> {
        let mut wanted = Self::default();
        for (name, value) in fields {
            let text = value.as_text().map(str::to_owned);
            let list = || value.elements().into_iter().collect();
            match name.as_str() {
                "title" => wanted.title = Some(title(text.as_deref())?),
                "labels" => wanted.labels = list(),
                "assignees" => wanted.assignees = list(),
                "milestone" => wanted.milestone = text,
                "type" => wanted.kind = text,
                "state" => wanted.closed = text.as_deref() == Some("closed"),
                "state_reason" => wanted.state_reason = text,
                _ => return Err(invalid(name, "no issue has such a field")),
            }
        }
        Ok(wanted)
    }

    /// What requests of their own write, once the issue is there.
    fn rest(&self) -> Rest {
        Rest {
            assignees: self.assignees.clone(),
            closed: self.closed,
        }
    }
}

/// What of a new issue is still to be written after the request that makes it.
#[derive(Debug, Default)]
struct Rest {
    assignees: Vec<String>,
    closed: bool,
}

impl Rest {
    fn is_empty(&self) -> bool {
        self.assignees.is_empty() && !self.closed
    }

    /// The fields it is about.
    fn names(&self) -> Vec<&'static str> {
        let mut names = Vec::new();
        if !self.assignees.is_empty() {
            names.push("assignees");
        }
        if self.closed {
            names.extend(["state", "state_reason"]);
        }
        names
    }
}

impl GithubIssues {
    /// Creates without assignees and adds them in a second call: one login that cannot be assigned
    /// makes the service refuse the whole create, while the call that adds assignees takes those it
    /// can. The issue is there after the first call, so nothing later fails the write: what could
    /// not be set is a note, and the next look at the issue shows it.
    pub(super) async fn create(&self, write: &Write, create: &Create) -> Result<Ack> {
        let repository = self
            .place(create.place.as_deref())
            .await
            .map_err(unapplied)?;
        let id = repository.id.to_string();
        self.client.begin("create an issue", 3, 1)?;
        let (of_project, fields) = self.apart(&create.fields);
        let wanted = Wanted::of(&fields)?;
        let Some(title) = wanted.title.clone() else {
            return Err(invalid("title", "a new issue needs a title"));
        };
        // Only what takes several requests is ever sent again although it is there.
        if !wanted.rest().is_empty()
            && let Some(issue) = self
                .among_newest(repository, &write.op)
                .await
                .map_err(unapplied)?
        {
            return self.complete(repository, issue, &wanted, &fields).await;
        }
        let mut request = Map::new();
        request.insert("title".to_owned(), json!(title));
        request.insert("body".to_owned(), json!(new_body(write, create)?));
        let mut dropped = Vec::new();
        if !wanted.labels.is_empty() {
            let refused = self
                .ensure_labels(&id, &wanted.labels)
                .await
                .map_err(unapplied)?;
            let mut labels = wanted.labels.clone();
            labels.retain(|name| !refused.contains(name));
            request.insert("labels".to_owned(), json!(labels));
        }
        if let Some(milestone) = &wanted.milestone {
            let number = self.milestone(&id, milestone).await.map_err(unapplied)?;
            request.insert("milestone".to_owned(), json!(number));
        }
        if let Some(kind) = &wanted.kind {
            request.insert("type".to_owned(), json!(kind));
        }
        let call = Call::new(&CREATE_ISSUE, &[&id])
            .body(Json::Object(request.clone()))
            .with("repository", &repository.full_name);
        let mut incomplete = Vec::new();
        let answer = match self.client.call(call.clone()).await {
            Err(error) if wanted.kind.is_some() && is_about_type(&error) => {
                incomplete.push(format!("type: {error}"));
                request.remove("type");
                let rest = Json::Object(request.clone());
                self.client.call(call.body(rest)).await?
            }
            other => other?,
        };
        let issue: Issue = answer.json()?;
        let number = issue.number.ok_or_else(|| answer.lacks("number"))?;
        let mut notes = node_note(&issue);
        let issue = self
            .write_rest(&id, number, issue, &wanted, &wanted.rest(), &mut incomplete)
            .await;
        let shown = self
            .fill_item(write, of_project, issue.node_id.as_deref(), &mut incomplete)
            .await;
        let asked = |name: &String| name != "type" || request.contains_key("type");
        for (name, value) in fields.iter().filter(|(name, _)| asked(name)) {
            dropped.extend(missing(&issue, name, value));
        }
        note_incomplete(&mut notes, &incomplete);
        note_dropped(&mut notes, &dropped);
        let mut snapshot = self.snapshot(repository, number, &issue, true);
        if let Some(shown) = shown {
            shown.add_to(&mut snapshot);
        }
        Ok(Ack {
            snapshot: Some(snapshot),
            notes,
            ..Ack::default()
        })
    }

    /// Writes what requests of their own write, and answers the issue after them.
    async fn write_rest(
        &self,
        id: &str,
        number: u64,
        mut issue: Issue,
        wanted: &Wanted,
        rest: &Rest,
        incomplete: &mut Vec<String>,
    ) -> Issue {
        if !rest.assignees.is_empty() {
            match self.assign(id, number, &rest.assignees).await {
                Ok(after) => issue = later(issue, after, &["assignees"]),
                Err(error) => incomplete.push(format!("assignees: {error}")),
            }
        }
        if rest.closed {
            let mut body = Map::from_iter([("state".to_owned(), json!("closed"))]);
            if let Some(reason) = &wanted.state_reason {
                body.insert("state_reason".to_owned(), json!(reason));
            }
            match self.patch(id, number, body).await {
                Ok(after) => issue = later(issue, after, &["state", "state_reason"]),
                Err(error) => incomplete.push(format!("state: {error}")),
            }
        }
        issue
    }

    /// Goes on with an issue that is there already. Its answer shows only what was still to be written:
    /// all else may hold what somebody wrote since the issue was made, and that is an edit.
    async fn complete(
        &self,
        repository: &RepositoryInfo,
        issue: Issue,
        wanted: &Wanted,
        fields: &BTreeMap<String, Value>,
    ) -> Result<Ack> {
        let id = repository.id.to_string();
        let number = issue.number.unwrap_or_default();
        let rest = self
            .rest_of(repository, &issue, wanted)
            .await
            .map_err(unapplied)?;
        let mut notes = node_note(&issue);
        let mut incomplete = Vec::new();
        let issue = self
            .write_rest(&id, number, issue, wanted, &rest, &mut incomplete)
            .await;
        note_incomplete(&mut notes, &incomplete);
        let names = rest.names();
        let mut dropped = Vec::new();
        for (name, value) in fields {
            if names.contains(&name.as_str()) {
                dropped.extend(missing(&issue, name, value));
            }
        }
        note_dropped(&mut notes, &dropped);
        let mut snapshot = self.snapshot(repository, number, &issue, false);
        for (name, field) in &mut snapshot.fields {
            if !names.contains(&name.as_str()) {
                *field = Field::Unread("an earlier request wrote it".to_owned());
            }
        }
        Ok(Ack {
            snapshot: Some(snapshot),
            notes,
            ..Ack::default()
        })
    }

    /// What an issue that is there still lacks of its making. What somebody else did something about
    /// is left to them: sending it again would undo that.
    async fn rest_of(
        &self,
        repository: &RepositoryInfo,
        issue: &Issue,
        wanted: &Wanted,
    ) -> Result<Rest> {
        let there: BTreeSet<String> = assignees(issue).into_iter().collect();
        let mut rest = wanted.rest();
        rest.assignees.retain(|login| !holds(&there, login));
        rest.closed &= issue.state.as_deref() == Some("open");
        let Some(number) = issue.number.filter(|_| !rest.is_empty()) else {
            return Ok(Rest::default());
        };
        let events = self.timeline(repository, number).await?;
        let login = self.login().await;
        let by_others = |words: &[&str]| {
            events.iter().any(|event: &Event| {
                let word = event.event.as_deref().unwrap_or_default();
                words.contains(&word) && !is_by(event, login.as_deref())
            })
        };
        if by_others(&["assigned", "unassigned"]) {
            rest.assignees.clear();
        }
        rest.closed &= !by_others(&["closed", "reopened"]);
        Ok(rest)
    }

    /// The issue that an operation made, where it is among the hundred newest. Sending the operation
    /// again looks no further.
    async fn among_newest(&self, repository: &RepositoryInfo, op: &OpId) -> Result<Option<Issue>> {
        let answer = self.client.call(newest_first(repository)).await?;
        let issues: Vec<Issue> = answer.json()?;
        Ok(issues.into_iter().find(|issue| is_of(issue, op)))
    }

    /// Looks through the newest issues back to the moment of sending, then upward by number past the
    /// newest one that a listing shows: a listing can lag behind reads by number.
    pub(super) async fn trace_create(
        &self,
        write: &Write,
        create: &Create,
        sent_at: DateTime<Utc>,
    ) -> Result<Trace> {
        let repository = self.place(create.place.as_deref()).await?;
        let mut newest = 0;
        let mut next = Some(newest_first(repository));
        while let Some(call) = next {
            let answer = self.client.call(call.clone()).await?;
            let issues: Vec<Issue> = answer.json()?;
            newest = issues
                .iter()
                .filter_map(|issue| issue.number)
                .fold(newest, u64::max);
            if let Some(found) = issues.iter().find(|issue| is_of(issue, &write.op)) {
                return self.found(repository, found, create).await;
            }
            let reached = issues
                .iter()
                .filter_map(|issue| issue.created_at)
                .any(|at| at < sent_at - SEARCH_SKEW);
            next = if reached {
                None
            } else {
                self.client.next_page(&call, &answer)
            };
        }
        let mut misses = 0;
        for number in (newest + 1..).take(MAX_UPWARD as usize) {
            match self.issue(repository, number).await {
                Ok((issue, false)) if is_of(&issue, &write.op) => {
                    return self.found(repository, &issue, create).await;
                }
                Ok(_) => misses = 0,
                Err(error) if error.kind() == ErrorKind::Gone => misses = 0,
                Err(error) if error.kind() == ErrorKind::NotFound => misses += 1,
                Err(error) => return Err(error),
            }
            if misses >= MISSES {
                break;
            }
        }
        Ok(Trace::NotApplied)
    }

    /// It is there. What requests after the first one did not come to is said: sending it again would look for it
    /// among the newest only, and make a second one.
    async fn found(
        &self,
        repository: &RepositoryInfo,
        issue: &Issue,
        create: &Create,
    ) -> Result<Trace> {
        let (_, fields) = self.apart(&create.fields);
        let wanted = Wanted::of(&fields)?;
        let rest = self.rest_of(repository, issue, &wanted).await?;
        let snapshot: Option<Snapshot> = issue
            .number
            .map(|number| self.snapshot(repository, number, issue, true));
        Ok(Trace::Applied(Ack {
            snapshot,
            notes: node_note(issue),
            lacking: rest.names().into_iter().map(str::to_owned).collect(),
            ..Ack::default()
        }))
    }
}

/// The issues of a repository, the newest first.
fn newest_first(repository: &RepositoryInfo) -> Call {
    Call::new(&ISSUES, &[&repository.id.to_string()])
        .query("state", "all")
        .query("sort", "created")
        .query("direction", "desc")
        .query("per_page", "100")
        .with("repository", &repository.full_name)
}

/// Whether an operation made an issue, by its mark.
fn is_of(issue: &Issue, op: &OpId) -> bool {
    let block = || HiddenBlock::split(issue.body.as_deref().unwrap_or_default()).0;
    !issue.pull_request && block().created_by.as_ref() == Some(op)
}

fn node_note(issue: &Issue) -> BTreeMap<String, String> {
    let node = issue.node_id.clone();
    node.map(|node| ("node_id".to_owned(), node))
        .into_iter()
        .collect()
}

fn note_incomplete(notes: &mut BTreeMap<String, String>, incomplete: &[String]) {
    if !incomplete.is_empty() {
        notes.insert("incomplete".to_owned(), incomplete.join("; "));
    }
}
