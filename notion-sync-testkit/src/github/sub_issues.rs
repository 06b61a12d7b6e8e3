//! Issues below issues, and the types that an organization gives them.

use chrono::{DateTime, Utc};
use serde_json::json;

use super::account::{AccountKind, Actor, IssueType, key};
use super::refusal::Refusal;
use super::repository::{Detail, Issue};
use super::state::State;

/// Most sub-issues of one issue, closed ones too.
const MOST: usize = 100;
/// Most levels of sub-issues below an issue.
const LEVELS: usize = 8;

/// Repository and number.
pub(crate) type Place = (u64, u64);

/// The refusal of a link, in the words the service puts before every reason.
fn refused(reason: &str) -> Refusal {
    Refusal::unprocessable(format!(
        "An error occured while adding the sub-issue to the parent issue. {reason}"
    ))
}

impl State {
    /// The places of the sub-issues of an issue, in their order.
    pub(crate) fn sub_issues(&self, issue: &Issue) -> Vec<Place> {
        let ids = issue.sub_issues.iter();
        ids.filter_map(|id| self.issue_with_id(*id)).collect()
    }

    /// How many sub-issues an issue has, and how many of them are closed.
    pub(crate) fn sub_issue_counts(&self, issue: &Issue) -> (usize, usize) {
        let places = self.sub_issues(issue);
        let closed = places.iter().filter(|(repository, number)| {
            self.issue(*repository, *number)
                .is_ok_and(|issue| !issue.open)
        });
        (places.len(), closed.count())
    }

    /// How many levels there are below an issue. What would be deeper than any tree may be is not
    /// looked at.
    fn levels_below(&self, place: Place) -> usize {
        let mut level = vec![place];
        for depth in 0..=LEVELS {
            level = level
                .iter()
                .filter_map(|(repository, number)| self.issue(*repository, *number).ok())
                .flat_map(|issue| self.sub_issues(issue))
                .collect();
            if level.is_empty() {
                return depth;
            }
        }
        LEVELS + 1
    }

    /// The issues above one, nearest first.
    fn above(&self, place: Place) -> Vec<Place> {
        let mut found = Vec::new();
        let mut at = place;
        while let Some(parent) = self
            .issue(at.0, at.1)
            .ok()
            .and_then(|issue| issue.parent)
            .and_then(|id| self.issue_with_id(id))
            .filter(|_| found.len() <= LEVELS)
        {
            found.push(parent);
            at = parent;
        }
        found
    }

    /// Puts an issue below another. One that has a parent is moved only when that is wanted.
    pub(crate) fn add_sub_issue(
        &mut self,
        parent: Place,
        child: Place,
        replace: bool,
        actor: &Actor,
        now: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        let (above, below) = (
            self.issue(parent.0, parent.1)?,
            self.issue(child.0, child.1)?,
        );
        if above.pull.is_some() || below.pull.is_some() {
            return Err(refused("Pull requests cannot be sub-issues"));
        }
        let owner = |repository: u64| self.repository(repository).map(|repo| key(&repo.owner));
        if owner(parent.0)? != owner(child.0)? {
            return Err(refused("Sub-issue must belong to the same owner"));
        }
        let (parent_id, child_id) = (above.id, below.id);
        let known = above.sub_issues.contains(&child_id);
        if known || (below.parent.is_some() && !replace) {
            return Err(refused(
                "Issue may not contain duplicate sub-issues and Sub issue may only have one parent",
            ));
        }
        let ancestors = self.above(parent);
        if parent == child || ancestors.contains(&child) {
            return Err(refused("Sub-issue cannot be a parent of its parent"));
        }
        if above.sub_issues.len() >= MOST {
            return Err(refused(&format!(
                "Parent cannot have more than {MOST} sub-issues"
            )));
        }
        if ancestors.len() + 1 + self.levels_below(child) > LEVELS {
            return Err(refused(&format!(
                "Sub-issues cannot be nested more than {LEVELS} levels deep"
            )));
        }
        if let Some(old) = below.parent.and_then(|id| self.issue_with_id(id)) {
            self.remove_sub_issue(old, child, actor, now)?;
        }
        self.issue_mut(parent.0, parent.1)?
            .sub_issues
            .push(child_id);
        self.issue_mut(child.0, child.1)?.parent = Some(parent_id);
        let none = Detail::None;
        self.record(parent.0, parent.1, "sub_issue_added", none, actor, now)?;
        let none = Detail::None;
        self.record(child.0, child.1, "parent_issue_added", none, actor, now)
    }

    /// Takes an issue away from below another.
    pub(crate) fn remove_sub_issue(
        &mut self,
        parent: Place,
        child: Place,
        actor: &Actor,
        now: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        let id = self.issue(child.0, child.1)?.id;
        let above = self.issue_mut(parent.0, parent.1)?;
        let at = above.sub_issues.iter().position(|known| *known == id);
        above.sub_issues.remove(at.ok_or_else(Refusal::not_found)?);
        self.issue_mut(child.0, child.1)?.parent = None;
        let none = Detail::None;
        self.record(parent.0, parent.1, "sub_issue_removed", none, actor, now)?;
        let none = Detail::None;
        self.record(child.0, child.1, "parent_issue_removed", none, actor, now)
    }

    /// Puts a sub-issue directly after or before another one.
    pub(crate) fn order_sub_issue(
        &mut self,
        parent: Place,
        child: u64,
        other: u64,
        after: bool,
    ) -> Result<(), Refusal> {
        let issue = self.issue_mut(parent.0, parent.1)?;
        let mut order = issue.sub_issues.clone();
        order.retain(|known| *known != child);
        let at = order.iter().position(|known| *known == other);
        let at = at.filter(|_| order.len() < issue.sub_issues.len());
        let at = at.ok_or_else(Refusal::not_found)?;
        order.insert(at + usize::from(after), child);
        if issue.sub_issues != order {
            issue.sub_issues = order;
            self.changed();
        }
        Ok(())
    }

    /// What follows when an issue is no more, or has another id now: its links go with it.
    pub(crate) fn move_links(&mut self, from: u64, to: Option<u64>) {
        for repo in self.repositories.values_mut() {
            for issue in repo.issues.values_mut() {
                if issue.parent == Some(from) {
                    issue.parent = to;
                }
                match to {
                    None => issue.sub_issues.retain(|id| *id != from),
                    Some(to) => {
                        for id in issue.sub_issues.iter_mut().filter(|id| **id == from) {
                            *id = to;
                        }
                    }
                }
            }
        }
        self.move_project_items(from, to);
    }

    /// The types of an owner's issues: only organizations have some.
    pub(crate) fn issue_types(&self, owner: &str) -> &[IssueType] {
        self.account(owner)
            .filter(|account| account.kind == AccountKind::Organization)
            .map_or(&[], |account| &account.issue_types)
    }

    /// Gives an issue a type, or takes it away.
    pub(crate) fn set_issue_type(
        &mut self,
        repository: u64,
        number: u64,
        kind: Option<u64>,
        actor: &Actor,
        now: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        let issue = self.issue_mut(repository, number)?;
        let before = std::mem::replace(&mut issue.kind, kind);
        let name = match (before, kind) {
            (before, now) if before == now => return Ok(()),
            (None, _) => "issue_type_added",
            (_, None) => "issue_type_removed",
            _ => "issue_type_changed",
        };
        self.record(repository, number, name, Detail::None, actor, now)
    }

    /// The id of a type that a repository's issues can have, by name.
    pub(crate) fn issue_type(&self, repository: u64, name: &str) -> Result<u64, Refusal> {
        let owner = &self.repository(repository)?.owner;
        let name = key(name);
        self.issue_types(owner)
            .iter()
            .find(|known| key(&known.name) == name)
            .map(|found| found.id)
            .ok_or_else(|| {
                Refusal::invalid(json!({
                    "resource": "Issue", "field": "type", "code": "invalid",
                    "message": format!("Could not find an issue type named {name}"),
                }))
            })
    }
}
