//! Fields of issues: from the service's shape to values.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use notion_sync_core::id::RemoteRef;
use notion_sync_core::snapshot::{Content, Field, Made, Marker, Presence, Revision, Snapshot};
use notion_sync_core::value::Value;

use super::GithubIssues;
use super::bodies::Body;
use super::parent::{self, PARENT};
use crate::comments::stamp;
use crate::reference;
use crate::repository::RepositoryInfo;
use crate::wire::{Account, Issue};

/// The value of a field as an issue shows it. `None` for a name that no field has.
pub(crate) fn value_of(issue: &Issue, name: &str) -> Option<Value> {
    let text = |value: Option<&str>| Value::text(value.unwrap_or_default());
    Some(match name {
        "title" => text(issue.title.as_deref()),
        "state" => text(issue.state.as_deref()),
        "state_reason" => text(issue.state_reason.as_deref()),
        "milestone" => text(
            issue
                .milestone
                .as_ref()
                .and_then(|one| one.title.as_deref()),
        ),
        "type" => text(issue.kind.as_ref().and_then(|one| one.name.as_deref())),
        "labels" => Value::set(labels(issue)),
        "assignees" => Value::set(assignees(issue)),
        "created_at" => text(issue.created_at.map(stamp).as_deref()),
        "closed_at" => text(issue.closed_at.map(stamp).as_deref()),
        PARENT => parent::named(issue),
        "author" => text(issue.user.as_ref().and_then(|one| one.login.as_deref())),
        _ => return None,
    })
}

/// The fields, in the order they are documented.
pub(super) const NAMES: [&str; 11] = [
    "title",
    "state",
    "state_reason",
    "labels",
    "assignees",
    "milestone",
    "type",
    "created_at",
    "closed_at",
    "author",
    PARENT,
];

/// Whether the service alone says what a field holds.
pub(super) fn is_fact(name: &str) -> bool {
    matches!(name, "created_at" | "closed_at" | "author")
}

pub(super) fn is_set(name: &str) -> bool {
    matches!(name, "labels" | "assignees")
}

pub(crate) fn labels(issue: &Issue) -> Vec<String> {
    issue
        .labels
        .iter()
        .filter_map(|label| label.name().map(str::to_owned))
        .collect()
}

pub(crate) fn assignees(issue: &Issue) -> Vec<String> {
    issue
        .assignees
        .iter()
        .flatten()
        .filter_map(|one: &Account| one.login.clone())
        .collect()
}

/// Whether a set holds a name; labels and logins differ from others by more than case.
pub(crate) fn holds(set: &BTreeSet<String>, name: &str) -> bool {
    set.iter().any(|one| same(one, name))
}

pub(crate) fn same(one: &str, other: &str) -> bool {
    one == other || one.to_lowercase() == other.to_lowercase()
}

/// `owner/name#number` of an issue, from its addresses.
pub(super) fn address(issue: &Issue) -> String {
    let place = issue
        .repository_url
        .as_deref()
        .and_then(|url| url.split("/repos/").nth(1))
        .unwrap_or("another repository");
    match issue.number {
        Some(number) => format!("{place}#{number}"),
        None => place.to_owned(),
    }
}

impl GithubIssues {
    /// A field as an issue shows it. `None` for a name that no field has.
    pub(super) fn field(&self, issue: &Issue, name: &str) -> Option<Field> {
        if name == PARENT {
            return Some(self.parent(issue));
        }
        value_of(issue, name).map(Field::Value)
    }

    pub(super) fn snapshot(
        &self,
        repository: &RepositoryInfo,
        number: u64,
        issue: &Issue,
        content: bool,
    ) -> Snapshot {
        let body = Body::read(issue.body.as_deref());
        let mut bookkeeping = body.bookkeeping();
        // What the page shows of its issue.
        bookkeeping.insert("number".to_owned(), number.to_string());
        bookkeeping.insert("repository".to_owned(), repository.full_name.clone());
        if let Some(state) = &issue.state {
            bookkeeping.insert("state".to_owned(), state.clone());
        }
        let at = issue.updated_at.unwrap_or(DateTime::<Utc>::UNIX_EPOCH);
        let fields: BTreeMap<String, Field> = NAMES
            .iter()
            .filter_map(|name| Some(((*name).to_owned(), self.field(issue, name)?)))
            .collect();
        Snapshot {
            object: reference::issue(repository.id, number),
            previous: None,
            presence: Presence::Present,
            revision: Revision {
                at,
                grain_seconds: 1,
                token: stamp(at),
            },
            observed_at: self.client.observed_at(),
            fields,
            types: BTreeMap::new(),
            content: if content {
                body.content()
            } else {
                Content::NotRead
            },
            place: Some(repository.full_name.clone()),
            marker: body.block.marker(),
            url: issue.html_url.clone(),
            actor: None,
            made: made(issue),
            bookkeeping,
        }
    }

    pub(super) fn absent(
        &self,
        object: &RemoteRef,
        presence: Presence,
        at: Option<DateTime<Utc>>,
    ) -> Snapshot {
        Snapshot {
            object: object.clone(),
            previous: None,
            presence,
            revision: Revision {
                at: at.unwrap_or(DateTime::<Utc>::UNIX_EPOCH),
                grain_seconds: 1,
                token: at.map(stamp).unwrap_or_default(),
            },
            observed_at: self.client.observed_at(),
            fields: BTreeMap::new(),
            types: BTreeMap::new(),
            content: Content::NotRead,
            place: None,
            marker: Marker::default(),
            url: None,
            actor: None,
            made: None,
            bookkeeping: BTreeMap::new(),
        }
    }
}

/// Who opened an issue and when, where the service says both.
fn made(issue: &Issue) -> Option<Made> {
    let by = issue.user.as_ref()?.login.clone()?;
    let at = issue.created_at?;
    Some(Made { by, at })
}

/// The issue after a request of one write: of its answer only what that request wrote. All else may hold
/// what somebody wrote since the issue was compared, or between two requests, and the base of a write is
/// what the answers to the write itself showed. Then the revision stays behind too, so that the issue is
/// read again.
pub(super) fn later(before: Issue, after: Issue, wrote: &[&str]) -> Issue {
    // The service sets them with the state.
    let follows = |name: &str| matches!(name, "closed_at" | "state_reason");
    let own = |name: &str| wrote.contains(&name) || follows(name) && wrote.contains(&"state");
    let moved = before.body != after.body && !own("body")
        || (NAMES.iter())
            .filter(|name| !own(name))
            .any(|name| value_of(&before, name) != value_of(&after, name));
    if !moved {
        return after;
    }
    let mut issue = before;
    for name in wrote {
        match *name {
            "title" => issue.title.clone_from(&after.title),
            "body" => issue.body.clone_from(&after.body),
            "milestone" => issue.milestone.clone_from(&after.milestone),
            "type" => issue.kind.clone_from(&after.kind),
            "assignees" => issue.assignees.clone_from(&after.assignees),
            "state" => {
                issue.state.clone_from(&after.state);
                issue.state_reason.clone_from(&after.state_reason);
                issue.closed_at = after.closed_at;
            }
            "state_reason" => issue.state_reason.clone_from(&after.state_reason),
            _ => {}
        }
    }
    issue
}
