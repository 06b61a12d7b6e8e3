//! What can happen to an issue, whoever does it and however it is asked for.

use chrono::{DateTime, Utc};
use serde_json::json;

use super::account::Actor;
use super::object::ObjectId;
use super::refusal::Refusal;
use super::repository::{Detail, Event, Issue};
use super::state::State;

/// Longest title, in characters.
pub(crate) const TITLE_LIMIT: usize = 256;
/// Longest body of an issue, pull request or comment, in characters.
pub(crate) const BODY_LIMIT: usize = 65_536;

/// An issue to be opened.
#[derive(Debug, Clone, Default)]
pub(crate) struct NewIssue {
    pub(crate) title: String,
    pub(crate) body: Option<String>,
    pub(crate) labels: Vec<String>,
    pub(crate) assignees: Vec<String>,
    pub(crate) milestone: Option<u64>,
    /// Name of its type.
    pub(crate) kind: Option<String>,
}

/// Changes to an issue; `None` leaves a member as it is.
#[derive(Debug, Clone, Default)]
pub(crate) struct IssueEdit {
    pub(crate) title: Option<String>,
    pub(crate) body: Option<Option<String>>,
    pub(crate) open: Option<bool>,
    pub(crate) state_reason: Option<String>,
    pub(crate) labels: Option<Vec<String>>,
    pub(crate) assignees: Option<Vec<String>>,
    pub(crate) milestone: Option<Option<u64>>,
    /// Name of its type.
    pub(crate) kind: Option<Option<String>>,
}

fn check_title(resource: &str, title: &str) -> Result<(), Refusal> {
    if title.trim().is_empty() {
        return Err(Refusal::field(resource, "title", "missing_field"));
    }
    if title.chars().count() > TITLE_LIMIT {
        return Err(Refusal::invalid(json!({
            "resource": resource, "field": "title", "code": "custom",
            "message": format!("title is too long (maximum is {TITLE_LIMIT} characters)"),
        })));
    }
    Ok(())
}

fn check_body(resource: &str, body: Option<&str>) -> Result<(), Refusal> {
    if body.is_some_and(|body| body.chars().count() > BODY_LIMIT) {
        return Err(Refusal::invalid(json!({
            "resource": resource, "field": "body", "code": "custom",
            "message": format!("body is too long (maximum is {BODY_LIMIT} characters)"),
        })));
    }
    Ok(())
}

/// Text of an issue or pull request: title and body within the limits.
pub(crate) fn check_text(
    resource: &str,
    title: Option<&str>,
    body: Option<&str>,
) -> Result<(), Refusal> {
    title.map_or(Ok(()), |title| check_title(resource, title))?;
    check_body(resource, body)
}

impl State {
    /// Adds an event to an issue and moves its `updated_at`.
    pub(crate) fn record(
        &mut self,
        repository: u64,
        number: u64,
        name: &'static str,
        detail: Detail,
        actor: &Actor,
        now: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        let id = self.next_id();
        let event = Event {
            id,
            name,
            actor: actor.login.clone(),
            app: actor.app,
            at: now,
            detail,
        };
        let issue = self.issue_mut(repository, number)?;
        issue.events.push(event);
        issue.updated_at = now;
        self.changed();
        Ok(())
    }

    /// Opens an issue. Without `triage` everything but title and body is dropped silently.
    pub(crate) fn create_issue(
        &mut self,
        repository: u64,
        new: NewIssue,
        actor: &Actor,
        triage: bool,
        now: DateTime<Utc>,
    ) -> Result<u64, Refusal> {
        if !self.repository(repository)?.has_issues {
            return Err(Refusal::new(
                410,
                "Issues has been disabled in this repository.",
            ));
        }
        check_text("Issue", Some(&new.title), new.body.as_deref())?;
        if triage {
            self.check_assignees(repository, &new.assignees)?;
            new.milestone
                .map_or(Ok(()), |number| self.check_milestone(repository, number))?;
        }
        let kind = match new.kind.as_deref().filter(|_| triage) {
            Some(name) => Some(self.issue_type(repository, name)?),
            None => None,
        };
        let labels = if triage {
            self.ensure_labels(repository, &new.labels)?
        } else {
            Vec::new()
        };
        let number = self.insert_issue(repository, &new.title, new.body, actor, now)?;
        if triage {
            self.set_labels(repository, number, &labels, actor, now)?;
            self.set_assignees(repository, number, &new.assignees, actor, now)?;
            if new.milestone.is_some() {
                self.set_milestone(repository, number, new.milestone, actor, now)?;
            }
            self.set_issue_type(repository, number, kind, actor, now)?;
        }
        Ok(number)
    }

    /// A number and an object for an issue or pull request.
    pub(crate) fn insert_issue(
        &mut self,
        repository: u64,
        title: &str,
        body: Option<String>,
        actor: &Actor,
        now: DateTime<Utc>,
    ) -> Result<u64, Refusal> {
        let id = self.next_id();
        let repo = self.repository_mut(repository)?;
        let number = repo.next_number;
        repo.next_number += 1;
        repo.issues.insert(
            number,
            Issue {
                id,
                number,
                title: title.to_owned(),
                body,
                open: true,
                state_reason: None,
                author: actor.login.clone(),
                app: actor.app,
                labels: Vec::new(),
                assignees: Vec::new(),
                milestone: None,
                kind: None,
                parent: None,
                sub_issues: Vec::new(),
                locked: false,
                lock_reason: None,
                created_at: now,
                updated_at: now,
                closed_at: None,
                closed_by: None,
                comments: Vec::new(),
                events: Vec::new(),
                pull: None,
            },
        );
        self.changed();
        let text = self
            .issue(repository, number)?
            .body
            .clone()
            .unwrap_or_default();
        self.cross_reference(repository, number, &text, actor, now)?;
        Ok(number)
    }

    /// Changes an issue or pull request. Everything is checked before anything is changed.
    pub(crate) fn edit_issue(
        &mut self,
        repository: u64,
        number: u64,
        edit: IssueEdit,
        actor: &Actor,
        triage: bool,
        now: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        let issue = self.issue(repository, number)?;
        let (was_open, is_pull) = (issue.open, issue.pull.is_some());
        let resource = if is_pull { "PullRequest" } else { "Issue" };
        check_text(
            resource,
            edit.title.as_deref(),
            edit.body.as_ref().and_then(Option::as_deref),
        )?;
        if let Some(reason) = &edit.state_reason
            && !matches!(
                reason.as_str(),
                "completed" | "not_planned" | "duplicate" | "reopened"
            )
        {
            return Err(Refusal::schema("state_reason", "a possible value"));
        }
        if triage {
            self.check_assignees(repository, edit.assignees.as_deref().unwrap_or_default())?;
            if let Some(Some(milestone)) = edit.milestone {
                self.check_milestone(repository, milestone)?;
            }
        }
        let kind = match &edit.kind {
            Some(Some(name)) if triage => Some(Some(self.issue_type(repository, name)?)),
            Some(None) if triage => Some(None),
            _ => None,
        };
        if edit.open == Some(true) && !was_open && is_pull {
            self.check_reopen(repository, number)?;
        }
        let labels = match &edit.labels {
            Some(names) if triage => Some(self.ensure_labels(repository, names)?),
            _ => None,
        };
        if let Some(title) = edit.title {
            let issue = self.issue_mut(repository, number)?;
            if issue.title != title {
                let from = std::mem::replace(&mut issue.title, title.clone());
                self.record(
                    repository,
                    number,
                    "renamed",
                    Detail::Rename { from, to: title },
                    actor,
                    now,
                )?;
            }
        }
        if let Some(body) = edit.body {
            let issue = self.issue_mut(repository, number)?;
            if issue.body != body {
                issue.body = body;
                issue.updated_at = now;
                self.changed();
            }
        }
        if let Some(labels) = labels {
            self.set_labels(repository, number, &labels, actor, now)?;
        }
        if triage {
            if let Some(logins) = edit.assignees {
                self.set_assignees(repository, number, &logins, actor, now)?;
            }
            if let Some(milestone) = edit.milestone {
                self.set_milestone(repository, number, milestone, actor, now)?;
            }
            if let Some(kind) = kind {
                self.set_issue_type(repository, number, kind, actor, now)?;
            }
        }
        match edit.open {
            Some(false) if was_open => {
                let reason = edit.state_reason.filter(|reason| reason != "reopened");
                self.close_issue(
                    repository,
                    number,
                    reason.as_deref().unwrap_or("completed"),
                    None,
                    actor,
                    now,
                )?;
            }
            Some(true) if !was_open => self.reopen_issue(repository, number, actor, now)?,
            _ => {}
        }
        Ok(())
    }

    /// Closes an open issue or pull request.
    pub(crate) fn close_issue(
        &mut self,
        repository: u64,
        number: u64,
        reason: &str,
        commit: Option<ObjectId>,
        actor: &Actor,
        now: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        let issue = self.issue_mut(repository, number)?;
        issue.open = false;
        issue.closed_at = Some(now);
        issue.closed_by = Some(actor.login.clone());
        let reason = match &mut issue.pull {
            Some(pull) => {
                pull.head_at_close = Some(pull.head_sha);
                if pull.merged_at.is_none() {
                    pull.auto_merge = None;
                }
                None
            }
            None => Some(reason.to_owned()),
        };
        issue.state_reason.clone_from(&reason);
        self.record(
            repository,
            number,
            "closed",
            Detail::Closed { reason, commit },
            actor,
            now,
        )
    }

    pub(crate) fn reopen_issue(
        &mut self,
        repository: u64,
        number: u64,
        actor: &Actor,
        now: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        let issue = self.issue_mut(repository, number)?;
        issue.open = true;
        issue.closed_at = None;
        issue.closed_by = None;
        issue.state_reason = issue.pull.is_none().then(|| "reopened".to_owned());
        if let Some(pull) = &mut issue.pull {
            pull.head_at_close = None;
        }
        self.record(repository, number, "reopened", Detail::None, actor, now)
    }
}
