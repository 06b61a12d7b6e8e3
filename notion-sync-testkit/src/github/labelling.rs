//! Labels, assignees and milestones of issues.

use chrono::{DateTime, Utc};
use serde_json::json;

use super::account::{Actor, key};
use super::refusal::Refusal;
use super::repository::{Detail, Label};
use super::state::State;

/// Most labels of an issue.
const LABEL_LIMIT: usize = 100;

/// Most assignees of an issue.
const ASSIGNEE_LIMIT: usize = 10;

impl State {
    /// The keys of labels by name; names the repository does not have become labels of it.
    pub(crate) fn ensure_labels(
        &mut self,
        repository: u64,
        names: &[String],
    ) -> Result<Vec<String>, Refusal> {
        let mut keys = Vec::new();
        for name in names {
            if name.trim().is_empty() || name.chars().count() > 50 {
                return Err(Refusal::invalid(json!({
                    "value": name, "resource": "Label", "field": "name", "code": "invalid",
                })));
            }
            if !keys.contains(&key(name)) {
                keys.push(key(name));
            }
        }
        if keys.len() > LABEL_LIMIT {
            return Err(Refusal::custom(
                "Issue",
                format!("an issue may have at most {LABEL_LIMIT} labels"),
            ));
        }
        for name in names {
            if self.repository(repository)?.label(name).is_none() {
                self.add_label(repository, name, "ededed", None)?;
            }
        }
        Ok(keys)
    }

    /// Adds a label to the repository.
    pub(crate) fn add_label(
        &mut self,
        repository: u64,
        name: &str,
        color: &str,
        description: Option<&str>,
    ) -> Result<(), Refusal> {
        if self.repository(repository)?.label(name).is_some() {
            return Err(Refusal::field("Label", "name", "already_exists"));
        }
        let id = self.next_id();
        let label = Label {
            id,
            name: name.to_owned(),
            color: color.trim_start_matches('#').to_ascii_lowercase(),
            description: description.map(str::to_owned),
        };
        self.repository_mut(repository)?
            .labels
            .insert(key(name), label);
        self.changed();
        Ok(())
    }

    pub(crate) fn check_assignees(
        &self,
        repository: u64,
        logins: &[String],
    ) -> Result<(), Refusal> {
        let repo = self.repository(repository)?;
        match logins.iter().find(|login| !self.is_assignable(repo, login)) {
            Some(login) => Err(Refusal::invalid(json!({
                "value": login, "resource": "Issue", "field": "assignees", "code": "invalid",
            }))),
            None => Ok(()),
        }
    }

    pub(crate) fn check_milestone(&self, repository: u64, number: u64) -> Result<(), Refusal> {
        if self
            .repository(repository)?
            .milestones
            .contains_key(&number)
        {
            return Ok(());
        }
        Err(Refusal::invalid(json!({
            "value": number, "resource": "Issue", "field": "milestone", "code": "invalid",
        })))
    }

    /// Makes the labels of an issue exactly these keys.
    pub(crate) fn set_labels(
        &mut self,
        repository: u64,
        number: u64,
        keys: &[String],
        actor: &Actor,
        now: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        let had = self.issue(repository, number)?.labels.clone();
        let mut has: Vec<String> = Vec::new();
        for name in had.iter().filter(|name| keys.contains(name)).chain(keys) {
            if !has.contains(name) {
                has.push(name.clone());
            }
        }
        let changes = had
            .iter()
            .filter(|name| !has.contains(name))
            .map(|name| ("unlabeled", name.clone()));
        let changes: Vec<(&'static str, String)> = changes
            .chain(
                has.iter()
                    .filter(|name| !had.contains(name))
                    .map(|name| ("labeled", name.clone())),
            )
            .collect();
        self.issue_mut(repository, number)?.labels = has;
        for (event, name) in changes {
            let label = self.repository(repository)?.labels.get(&name);
            let detail = Detail::Label {
                name: label.map_or(name, |label| label.name.clone()),
                color: label.map_or_else(|| "ededed".to_owned(), |label| label.color.clone()),
            };
            self.record(repository, number, event, detail, actor, now)?;
        }
        Ok(())
    }

    /// Adds labels by name, making those that do not exist.
    pub(crate) fn add_labels(
        &mut self,
        repository: u64,
        number: u64,
        names: &[String],
        actor: &Actor,
        now: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        let mut labels = self.issue(repository, number)?.labels.clone();
        let fresh: Vec<String> = names
            .iter()
            .filter(|name| !labels.contains(&key(name)))
            .cloned()
            .collect();
        if labels.len() + fresh.len() > LABEL_LIMIT {
            return Err(Refusal::custom(
                "Issue",
                format!("an issue may have at most {LABEL_LIMIT} labels"),
            ));
        }
        labels.extend(self.ensure_labels(repository, &fresh)?);
        self.set_labels(repository, number, &labels, actor, now)
    }

    /// Replaces the labels by name.
    pub(crate) fn replace_labels(
        &mut self,
        repository: u64,
        number: u64,
        names: &[String],
        actor: &Actor,
        now: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        self.issue(repository, number)?;
        let keys = self.ensure_labels(repository, names)?;
        self.set_labels(repository, number, &keys, actor, now)
    }

    /// Makes the assignees exactly these logins (at most ten; the rest is dropped).
    pub(crate) fn set_assignees(
        &mut self,
        repository: u64,
        number: u64,
        logins: &[String],
        actor: &Actor,
        now: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        let had = self.issue(repository, number)?.assignees.clone();
        let mut has: Vec<String> = Vec::new();
        for login in logins {
            if !has.contains(&key(login)) && has.len() < ASSIGNEE_LIMIT {
                has.push(key(login));
            }
        }
        let changes: Vec<(&'static str, String)> = had
            .iter()
            .filter(|login| !has.contains(login))
            .map(|login| ("unassigned", login.clone()))
            .chain(
                has.iter()
                    .filter(|login| !had.contains(login))
                    .map(|login| ("assigned", login.clone())),
            )
            .collect();
        self.issue_mut(repository, number)?.assignees = has;
        for (event, login) in changes {
            self.record(
                repository,
                number,
                event,
                Detail::Assignee(login),
                actor,
                now,
            )?;
        }
        Ok(())
    }

    pub(crate) fn set_milestone(
        &mut self,
        repository: u64,
        number: u64,
        milestone: Option<u64>,
        actor: &Actor,
        now: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        let had = self.issue(repository, number)?.milestone;
        if had == milestone {
            return Ok(());
        }
        let title = |state: &Self, number: u64| {
            state
                .repositories
                .get(&repository)
                .and_then(|repo| repo.milestones.get(&number))
                .map(|found| found.title.clone())
        };
        let (before, after) = (
            had.and_then(|n| title(self, n)),
            milestone.and_then(|n| title(self, n)),
        );
        self.issue_mut(repository, number)?.milestone = milestone;
        if let Some(title) = before {
            self.record(
                repository,
                number,
                "demilestoned",
                Detail::Milestone(title),
                actor,
                now,
            )?;
        }
        if let Some(title) = after {
            self.record(
                repository,
                number,
                "milestoned",
                Detail::Milestone(title),
                actor,
                now,
            )?;
        }
        Ok(())
    }
}
