//! Comments, locks, and issues that go away.

use chrono::{DateTime, Utc};
use serde_json::json;

use super::account::Actor;
use super::issues::BODY_LIMIT;
use super::refusal::Refusal;
use super::repository::{Comment, Detail, Event, Gone};
use super::state::State;

fn check_comment(body: &str) -> Result<(), Refusal> {
    if body.trim().is_empty() {
        return Err(Refusal::invalid(json!({
            "resource": "IssueComment", "field": "data", "code": "unprocessable", "message": "Body cannot be blank",
        })));
    }
    if body.chars().count() > BODY_LIMIT {
        return Err(Refusal::invalid(json!({
            "resource": "IssueComment", "field": "data", "code": "unprocessable",
            "message": format!("Body is too long (maximum is {BODY_LIMIT} characters)"),
        })));
    }
    Ok(())
}

impl State {
    /// Leaves a trace in the history of every issue that the text of another one mentions. Being
    /// mentioned does not move `updated_at`.
    pub(crate) fn cross_reference(
        &mut self,
        repository: u64,
        number: u64,
        text: &str,
        actor: &Actor,
        now: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        for (named, mentioned) in super::refs::references(text) {
            let target = match named {
                None => Some(repository),
                Some(name) => self.find_repository(&name).map(|repo| repo.id),
            };
            let Some(target) = target else { continue };
            if (target, mentioned) == (repository, number) || self.issue(target, mentioned).is_err()
            {
                continue;
            }
            let id = self.next_id();
            let detail = Detail::Source { repository, number };
            let event = Event {
                id,
                name: "cross-referenced",
                actor: actor.login.clone(),
                app: actor.app,
                at: now,
                detail,
            };
            self.issue_mut(target, mentioned)?.events.push(event);
        }
        Ok(())
    }

    /// Comments on an issue or pull request.
    pub(crate) fn add_comment(
        &mut self,
        repository: u64,
        number: u64,
        body: &str,
        actor: &Actor,
        now: DateTime<Utc>,
    ) -> Result<u64, Refusal> {
        self.issue(repository, number)?;
        check_comment(body)?;
        let id = self.next_id();
        let repo = self.repository_mut(repository)?;
        repo.comments.insert(
            id,
            Comment {
                id,
                issue: number,
                author: actor.login.clone(),
                app: actor.app,
                body: body.to_owned(),
                created_at: now,
                updated_at: now,
            },
        );
        let issue = self.issue_mut(repository, number)?;
        issue.comments.push(id);
        issue.updated_at = now;
        self.changed();
        self.cross_reference(repository, number, body, actor, now)?;
        Ok(id)
    }

    pub(crate) fn edit_comment(
        &mut self,
        repository: u64,
        comment: u64,
        body: &str,
        now: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        check_comment(body)?;
        let found = self
            .repository_mut(repository)?
            .comments
            .get_mut(&comment)
            .ok_or_else(Refusal::not_found)?;
        if found.body != body {
            found.body = body.to_owned();
            found.updated_at = now;
            self.changed();
        }
        Ok(())
    }

    pub(crate) fn delete_comment(
        &mut self,
        repository: u64,
        comment: u64,
        now: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        let removed = self
            .repository_mut(repository)?
            .comments
            .remove(&comment)
            .ok_or_else(Refusal::not_found)?;
        let issue = self.issue_mut(repository, removed.issue)?;
        issue.comments.retain(|id| *id != comment);
        issue.updated_at = now;
        self.changed();
        Ok(())
    }

    pub(crate) fn lock_issue(
        &mut self,
        repository: u64,
        number: u64,
        locked: bool,
        reason: Option<String>,
        actor: &Actor,
        now: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        let issue = self.issue_mut(repository, number)?;
        if issue.locked == locked && issue.lock_reason == reason {
            return Ok(());
        }
        issue.locked = locked;
        issue.lock_reason = reason.clone().filter(|_| locked);
        self.record(
            repository,
            number,
            if locked { "locked" } else { "unlocked" },
            Detail::Lock(reason),
            actor,
            now,
        )
    }

    /// Deletes an issue. Its number answers 410 from then on.
    pub(crate) fn delete_issue(&mut self, repository: u64, number: u64) -> Result<(), Refusal> {
        let repo = self.repository_mut(repository)?;
        let issue = repo.issues.remove(&number).ok_or_else(Refusal::not_found)?;
        for comment in issue.comments {
            repo.comments.remove(&comment);
        }
        repo.gone.insert(number, Gone::Deleted);
        self.move_links(issue.id, None);
        self.changed();
        Ok(())
    }

    /// Moves an issue to another repository, where it gets a new number and id. Labels and
    /// milestones that the target does not have are lost, and assignees it cannot have.
    pub(crate) fn transfer_issue(
        &mut self,
        repository: u64,
        number: u64,
        target: u64,
        actor: &Actor,
        now: DateTime<Utc>,
    ) -> Result<u64, Refusal> {
        if self.issue(repository, number)?.pull.is_some() {
            return Err(Refusal::unprocessable(
                "Pull requests cannot be transferred",
            ));
        }
        self.repository(target)?;
        if repository == target {
            return Err(Refusal::unprocessable(
                "The issue is already in this repository",
            ));
        }
        let repo = self.repository_mut(repository)?;
        let mut issue = repo.issues.remove(&number).ok_or_else(Refusal::not_found)?;
        let comments: Vec<Comment> = issue
            .comments
            .iter()
            .filter_map(|id| repo.comments.remove(id))
            .collect();
        let id = self.next_id();
        let target_repo = self.repository(target)?;
        issue
            .labels
            .retain(|label| target_repo.labels.contains_key(label));
        let assignees: Vec<String> = issue
            .assignees
            .iter()
            .filter(|login| self.is_assignable(target_repo, login))
            .cloned()
            .collect();
        issue.assignees = assignees;
        issue.milestone = None;
        let former = std::mem::replace(&mut issue.id, id);
        let target_repo = self.repository_mut(target)?;
        let new_number = target_repo.next_number;
        target_repo.next_number += 1;
        issue.number = new_number;
        for comment in comments {
            target_repo.comments.insert(
                comment.id,
                Comment {
                    issue: new_number,
                    ..comment
                },
            );
        }
        target_repo.issues.insert(new_number, issue);
        self.move_links(former, Some(id));
        self.repository_mut(repository)?.gone.insert(
            number,
            Gone::Transferred {
                repository: target,
                number: new_number,
            },
        );
        self.record(target, new_number, "transferred", Detail::None, actor, now)?;
        Ok(new_number)
    }
}
