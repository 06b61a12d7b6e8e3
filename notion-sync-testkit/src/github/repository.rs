//! A repository: refs, labels, issues and pull requests.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use super::account::{Role, key};
use super::actions::Dispatch;
use super::background::AsyncMerge;
use super::checks::Checks;
use super::object::{Commit, ObjectId, ObjectKind};
use super::objects::ObjectStore;
use super::queue::{AutoMerge, QueueEntry};
use super::rules::Ruleset;
use super::world_rules::ProtectionSeed;

#[derive(Debug, Clone)]
pub(crate) struct Repository {
    pub(crate) id: u64,
    pub(crate) owner: String,
    pub(crate) name: String,
    pub(crate) private: bool,
    pub(crate) archived: bool,
    pub(crate) description: Option<String>,
    pub(crate) default_branch: String,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) updated_at: DateTime<Utc>,
    pub(crate) pushed_at: DateTime<Utc>,
    pub(crate) has_issues: bool,
    pub(crate) merge_methods: BTreeSet<String>,
    pub(crate) delete_branch_on_merge: bool,
    pub(crate) objects: ObjectStore,
    /// Full names (`refs/heads/main`) to what they point at.
    pub(crate) refs: BTreeMap<String, ObjectId>,
    pub(crate) collaborators: BTreeMap<String, Role>,
    pub(crate) protected: BTreeMap<String, ProtectionSeed>,
    pub(crate) rulesets: Vec<Ruleset>,
    pub(crate) checks: Checks,
    pub(crate) allow_auto_merge: bool,
    /// The queue of every branch that has one, first in line first.
    pub(crate) queues: BTreeMap<String, Vec<QueueEntry>>,
    /// By their UUID.
    pub(crate) async_merges: BTreeMap<String, AsyncMerge>,
    pub(crate) dispatches: Vec<Dispatch>,
    /// By key of the name.
    pub(crate) labels: BTreeMap<String, Label>,
    pub(crate) milestones: BTreeMap<u64, Milestone>,
    pub(crate) issues: BTreeMap<u64, Issue>,
    pub(crate) comments: BTreeMap<u64, Comment>,
    pub(crate) gone: BTreeMap<u64, Gone>,
    pub(crate) next_number: u64,
}

/// What became of a number that is no longer an issue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gone {
    Deleted,
    Transferred { repository: u64, number: u64 },
}

#[derive(Debug, Clone)]
pub(crate) struct Label {
    pub(crate) id: u64,
    pub(crate) name: String,
    pub(crate) color: String,
    pub(crate) description: Option<String>,
}

#[derive(Debug, Clone)]
pub(crate) struct Milestone {
    pub(crate) id: u64,
    pub(crate) number: u64,
    pub(crate) title: String,
    pub(crate) description: Option<String>,
    pub(crate) open: bool,
    pub(crate) due_on: Option<String>,
    pub(crate) creator: String,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) updated_at: DateTime<Utc>,
}

#[derive(Debug, Clone)]
pub(crate) struct Issue {
    pub(crate) id: u64,
    pub(crate) number: u64,
    pub(crate) title: String,
    pub(crate) body: Option<String>,
    pub(crate) open: bool,
    pub(crate) state_reason: Option<String>,
    pub(crate) author: String,
    pub(crate) app: Option<u64>,
    /// Keys of labels, in the order they were added.
    pub(crate) labels: Vec<String>,
    /// Keys of logins.
    pub(crate) assignees: Vec<String>,
    pub(crate) milestone: Option<u64>,
    /// Id of its type.
    pub(crate) kind: Option<u64>,
    /// Id of the issue above.
    pub(crate) parent: Option<u64>,
    /// Ids of the issues below, in order.
    pub(crate) sub_issues: Vec<u64>,
    pub(crate) locked: bool,
    pub(crate) lock_reason: Option<String>,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) updated_at: DateTime<Utc>,
    pub(crate) closed_at: Option<DateTime<Utc>>,
    pub(crate) closed_by: Option<String>,
    /// Ids of comments, ascending.
    pub(crate) comments: Vec<u64>,
    pub(crate) events: Vec<Event>,
    pub(crate) pull: Option<Box<Pull>>,
}

#[derive(Debug, Clone)]
pub(crate) struct Pull {
    pub(crate) id: u64,
    /// Branch name, without `refs/heads/`.
    pub(crate) head: String,
    pub(crate) head_sha: ObjectId,
    pub(crate) base: String,
    pub(crate) base_sha: ObjectId,
    pub(crate) draft: bool,
    pub(crate) merged_at: Option<DateTime<Utc>>,
    pub(crate) merged_by: Option<String>,
    pub(crate) merge_commit: Option<ObjectId>,
    /// The commit that tries the merge, with the head and the base tip it was made of.
    pub(crate) test_merge: Option<((ObjectId, ObjectId), ObjectId)>,
    pub(crate) reviewers: Vec<String>,
    pub(crate) teams: Vec<String>,
    pub(crate) reviews: Vec<Review>,
    pub(crate) review_comments: Vec<ReviewComment>,
    pub(crate) maintainer_can_modify: bool,
    /// How many more reads answer `mergeable: null`.
    pub(crate) polls: u32,
    /// Head and base tip that `polls` was counted for.
    pub(crate) polled: Option<(ObjectId, ObjectId)>,
    /// Where the head stood when the pull request was closed.
    pub(crate) head_at_close: Option<ObjectId>,
    pub(crate) auto_merge: Option<AutoMerge>,
}

#[derive(Debug, Clone)]
pub(crate) struct Review {
    pub(crate) id: u64,
    pub(crate) author: String,
    pub(crate) state: &'static str,
    pub(crate) body: String,
    pub(crate) commit: ObjectId,
    pub(crate) at: DateTime<Utc>,
}

#[derive(Debug, Clone)]
pub(crate) struct ReviewComment {
    pub(crate) id: u64,
    pub(crate) review: u64,
    pub(crate) author: String,
    pub(crate) body: String,
    pub(crate) path: String,
    pub(crate) line: Option<u64>,
    pub(crate) side: String,
    pub(crate) commit: ObjectId,
    pub(crate) reply_to: Option<u64>,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) updated_at: DateTime<Utc>,
}

#[derive(Debug, Clone)]
pub(crate) struct Comment {
    pub(crate) id: u64,
    pub(crate) issue: u64,
    pub(crate) author: String,
    pub(crate) app: Option<u64>,
    pub(crate) body: String,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) updated_at: DateTime<Utc>,
}

/// One line of an issue's history.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    pub(crate) id: u64,
    pub(crate) name: &'static str,
    pub(crate) actor: String,
    pub(crate) app: Option<u64>,
    pub(crate) at: DateTime<Utc>,
    pub(crate) detail: Detail,
}

#[derive(Debug, Clone)]
pub(crate) enum Detail {
    None,
    Label {
        name: String,
        color: String,
    },
    Assignee(String),
    Milestone(String),
    Rename {
        from: String,
        to: String,
    },
    Lock(Option<String>),
    Reviewer(String),
    Team(String),
    Commit(ObjectId),
    Closed {
        reason: Option<String>,
        commit: Option<ObjectId>,
    },
    Source {
        repository: u64,
        number: u64,
    },
}

impl Repository {
    pub(crate) fn full_name(&self) -> String {
        format!("{}/{}", self.owner, self.name)
    }

    pub(crate) fn branch(&self, name: &str) -> Option<ObjectId> {
        self.refs.get(&format!("refs/heads/{name}")).copied()
    }

    pub(crate) fn branches(&self) -> impl Iterator<Item = (&str, ObjectId)> {
        self.refs
            .iter()
            .filter_map(|(name, id)| name.strip_prefix("refs/heads/").map(|name| (name, *id)))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.refs.is_empty()
    }

    /// The commit that a branch, tag, full ref name, `HEAD`, full or abbreviated id names.
    pub(crate) fn resolve(&self, name: &str) -> Option<ObjectId> {
        let name = if name == "HEAD" {
            self.default_branch.as_str()
        } else {
            name
        };
        let named = [
            format!("refs/heads/{name}"),
            format!("refs/tags/{name}"),
            format!("refs/{name}"),
            name.to_owned(),
        ]
        .iter()
        .find_map(|full| self.refs.get(full).copied());
        if let Some(id) = named {
            return self.peel(id);
        }
        if let Ok(id) = name.parse::<ObjectId>() {
            return self
                .objects
                .contains(&id)
                .then_some(id)
                .and_then(|id| self.peel(id));
        }
        if name.len() >= 7 && name.len() < 40 && name.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            let lower = name.to_ascii_lowercase();
            let mut found = self
                .objects
                .starting_with(&lower)
                .filter(|id| self.objects.kind(id) == Some(ObjectKind::Commit));
            return match (found.next(), found.next()) {
                (Some(id), None) => Some(id),
                _ => None,
            };
        }
        None
    }

    /// Follows annotated tags to what they name. Trees and blobs are themselves.
    fn peel(&self, id: ObjectId) -> Option<ObjectId> {
        let mut id = id;
        for _ in 0..8 {
            let object = self.objects.get(&id)?;
            if object.kind != ObjectKind::Tag {
                return Some(id);
            }
            id = std::str::from_utf8(object.data.strip_prefix(b"object ")?.get(..40)?)
                .ok()?
                .parse()
                .ok()?;
        }
        None
    }

    pub(crate) fn commit(&self, id: &ObjectId) -> Option<Commit> {
        self.objects.commit(id)
    }

    pub(crate) fn label(&self, name: &str) -> Option<&Label> {
        self.labels.get(&key(name))
    }

    /// The issue or pull request and, in the same breath, its pull request part.
    pub(crate) fn pull(&self, number: u64) -> Option<(&Issue, &Pull)> {
        let issue = self.issues.get(&number)?;
        issue.pull.as_deref().map(|pull| (issue, pull))
    }
}
