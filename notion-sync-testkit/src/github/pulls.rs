//! What can happen to a pull request.

use chrono::{DateTime, Utc};
use serde_json::json;

use super::account::Actor;
use super::change;
use super::history;
use super::issues::check_text;
use super::object::{Commit, ObjectId};
use super::refs::closing_references;
use super::refusal::Refusal;
use super::repository::{Detail, Issue, Pull, Repository};
use super::state::State;

/// A pull request to be opened.
#[derive(Debug, Clone, Default)]
pub(crate) struct NewPull {
    pub(crate) title: String,
    pub(crate) body: Option<String>,
    /// `branch` or `owner:branch`.
    pub(crate) head: String,
    pub(crate) base: String,
    pub(crate) draft: bool,
    pub(crate) maintainer_can_modify: bool,
    /// An issue to turn into the pull request.
    pub(crate) issue: Option<u64>,
}

impl State {
    pub(crate) fn pull_mut(&mut self, repository: u64, number: u64) -> Result<&mut Pull, Refusal> {
        self.issue_mut(repository, number)?
            .pull
            .as_deref_mut()
            .ok_or_else(Refusal::not_found)
    }

    /// Opens a pull request.
    pub(crate) fn create_pull(
        &mut self,
        repository: u64,
        new: NewPull,
        actor: &Actor,
        now: DateTime<Utc>,
    ) -> Result<u64, Refusal> {
        let repo = self.repository(repository)?;
        if new.issue.is_none() {
            check_text("PullRequest", Some(&new.title), new.body.as_deref())?;
        }
        let head = match new.head.split_once(':') {
            Some((owner, branch)) if owner.eq_ignore_ascii_case(&repo.owner) => branch.to_owned(),
            Some(_) => return Err(Refusal::field("PullRequest", "head", "invalid")),
            None => new.head.clone(),
        };
        let base_sha = repo
            .branch(&new.base)
            .ok_or_else(|| Refusal::field("PullRequest", "base", "invalid"))?;
        let head_sha = repo
            .branch(&head)
            .ok_or_else(|| Refusal::field("PullRequest", "head", "invalid"))?;
        self.check_unique(repo, &head, &new.base)?;
        if history::merge_base(&repo.objects, base_sha, head_sha).is_none() {
            return Err(Refusal::custom(
                "PullRequest",
                format!(
                    "The {head} branch has no history in common with {}",
                    new.base
                ),
            ));
        }
        if history::is_ancestor(&repo.objects, head_sha, base_sha) {
            return Err(Refusal::custom(
                "PullRequest",
                format!("No commits between {} and {head}", new.base),
            ));
        }
        let number = match new.issue {
            Some(number) => {
                let issue = self
                    .issue(repository, number)
                    .map_err(|_| Refusal::field("PullRequest", "issue", "invalid"))?;
                if issue.pull.is_some() {
                    return Err(Refusal::field("PullRequest", "issue", "invalid"));
                }
                number
            }
            None => self.insert_issue(repository, &new.title, new.body, actor, now)?,
        };
        let id = self.next_id();
        let issue = self.issue_mut(repository, number)?;
        issue.updated_at = now;
        issue.pull = Some(Box::new(Pull {
            id,
            head,
            head_sha,
            base: new.base,
            base_sha,
            draft: new.draft,
            merged_at: None,
            merged_by: None,
            merge_commit: None,
            test_merge: None,
            reviewers: Vec::new(),
            teams: Vec::new(),
            reviews: Vec::new(),
            review_comments: Vec::new(),
            maintainer_can_modify: new.maintainer_can_modify,
            polls: 0,
            polled: None,
            head_at_close: None,
            auto_merge: None,
        }));
        self.changed();
        Ok(number)
    }

    pub(crate) fn check_unique(
        &self,
        repo: &Repository,
        head: &str,
        base: &str,
    ) -> Result<(), Refusal> {
        let taken = repo.issues.values().any(|issue| {
            issue.open
                && issue
                    .pull
                    .as_deref()
                    .is_some_and(|pull| pull.head == head && pull.base == base)
        });
        if taken {
            return Err(Refusal::custom(
                "PullRequest",
                format!("A pull request already exists for {}:{head}.", repo.owner),
            ));
        }
        Ok(())
    }

    /// Whether a closed pull request may be opened again.
    pub(crate) fn check_reopen(&self, repository: u64, number: u64) -> Result<(), Refusal> {
        let repo = self.repository(repository)?;
        let (_, pull) = repo.pull(number).ok_or_else(Refusal::not_found)?;
        let state = |message: String| {
            Refusal::invalid(
                json!({"resource": "PullRequest", "field": "state", "code": "invalid", "message": message}),
            )
        };
        if pull.merged_at.is_some() {
            return Err(state(
                "state cannot be changed. The pull request was merged.".to_owned(),
            ));
        }
        match repo.branch(&pull.head) {
            None => Err(state(format!(
                "state cannot be changed. The {} branch has been deleted.",
                pull.head
            ))),
            Some(tip)
                if !pull
                    .head_at_close
                    .is_none_or(|old| history::is_ancestor(&repo.objects, old, tip)) =>
            {
                Err(state(format!(
                    "state cannot be changed. The {} branch was force-pushed or recreated.",
                    pull.head
                )))
            }
            Some(_) => self.check_unique(repo, &pull.head, &pull.base),
        }
    }

    /// Changes the base of an open pull request.
    pub(crate) fn set_base(
        &mut self,
        repository: u64,
        number: u64,
        base: &str,
        actor: &Actor,
        now: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        let repo = self.repository(repository)?;
        let sha = repo
            .branch(base)
            .ok_or_else(|| Refusal::field("PullRequest", "base", "invalid"))?;
        let (_, pull) = repo.pull(number).ok_or_else(Refusal::not_found)?;
        if pull.base == base {
            return Ok(());
        }
        self.check_unique(repo, &pull.head, base)?;
        let pull = self.pull_mut(repository, number)?;
        pull.base = base.to_owned();
        pull.base_sha = sha;
        self.record(
            repository,
            number,
            "base_ref_changed",
            Detail::None,
            actor,
            now,
        )?;
        self.settle(repository, now)
    }

    pub(crate) fn set_draft(
        &mut self,
        repository: u64,
        number: u64,
        draft: bool,
        actor: &Actor,
        now: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        let pull = self.pull_mut(repository, number)?;
        if pull.draft == draft {
            return Ok(());
        }
        pull.draft = draft;
        let event = if draft {
            "convert_to_draft"
        } else {
            "ready_for_review"
        };
        self.record(repository, number, event, Detail::None, actor, now)?;
        self.settle(repository, now)
    }

    /// Pull requests follow their branches.
    pub(crate) fn follow_branch(
        &mut self,
        repository: u64,
        branch: &str,
        target: Option<ObjectId>,
        actor: &Actor,
        now: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        let repo = self.repository(repository)?;
        let touched: Vec<u64> = repo
            .issues
            .values()
            .filter(|issue| {
                issue.pull.as_deref().is_some_and(|pull| {
                    pull.merged_at.is_none() && (pull.head == branch || pull.base == branch)
                })
            })
            .map(|issue| issue.number)
            .collect();
        for number in touched {
            let repo = self.repository(repository)?;
            let Some((issue, pull)) = repo.pull(number) else {
                continue;
            };
            let (open, is_head, old) = (issue.open, pull.head == branch, pull.head_sha);
            match target {
                None if open => {
                    let event = if is_head {
                        "head_ref_deleted"
                    } else {
                        "base_ref_deleted"
                    };
                    self.close_issue(repository, number, "completed", None, actor, now)?;
                    self.record(repository, number, event, Detail::None, actor, now)?;
                }
                Some(tip) if is_head && open => {
                    let forced = !history::is_ancestor(&repo.objects, old, tip);
                    let stale = self.demands(repo, &pull.base, None).dismiss_stale;
                    let pull = self.pull_mut(repository, number)?;
                    pull.head_sha = tip;
                    for review in pull.reviews.iter_mut().filter(|_| stale) {
                        if review.state == "APPROVED" {
                            review.state = "DISMISSED";
                        }
                    }
                    if forced {
                        self.record(
                            repository,
                            number,
                            "head_ref_force_pushed",
                            Detail::Commit(tip),
                            actor,
                            now,
                        )?;
                    } else {
                        self.issue_mut(repository, number)?.updated_at = now;
                    }
                }
                Some(tip) if open && history::is_ancestor(&repo.objects, old, tip) => {
                    // Somebody brought the commits to the base by hand.
                    self.mark_merged(repository, number, tip, actor, now)?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    pub(crate) fn mark_merged(
        &mut self,
        repository: u64,
        number: u64,
        commit: ObjectId,
        actor: &Actor,
        now: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        let pull = self.pull_mut(repository, number)?;
        pull.merged_at = Some(now);
        pull.merged_by = Some(actor.login.clone());
        pull.merge_commit = Some(commit);
        self.record(
            repository,
            number,
            "merged",
            Detail::Commit(commit),
            actor,
            now,
        )?;
        self.close_issue(repository, number, "completed", None, actor, now)
    }
}

impl State {
    /// The issues that merging a pull request closes, by the keywords of its text: only where its
    /// base is the default branch.
    pub(crate) fn closes(&self, repo: &Repository, issue: &Issue, pull: &Pull) -> Vec<(u64, u64)> {
        if pull.base != repo.default_branch {
            return Vec::new();
        }
        let mut found: Vec<(u64, u64)> = Vec::new();
        for (named, number) in closing_references(issue.body.as_deref().unwrap_or_default()) {
            let target = match named {
                None => Some(repo),
                Some(name) => self.find_repository(&name),
            };
            if let Some(target) = target
                && target
                    .issues
                    .get(&number)
                    .is_some_and(|issue| issue.pull.is_none())
                && !found.contains(&(target.id, number))
            {
                found.push((target.id, number));
            }
        }
        found
    }

    /// The pull requests that close an issue: the open ones, or all.
    pub(crate) fn closed_by(&self, repository: u64, number: u64, closed: bool) -> Vec<(u64, u64)> {
        let mut found = Vec::new();
        for repo in self.repositories.values() {
            for issue in repo.issues.values().filter(|issue| issue.open || closed) {
                if let Some(pull) = issue.pull.as_deref()
                    && self
                        .closes(repo, issue, pull)
                        .contains(&(repository, number))
                {
                    found.push((repo.id, issue.number));
                }
            }
        }
        found
    }
}

/// The files a pull request changes, against the merge base of its branches.
pub(crate) fn pull_changes(repo: &Repository, pull: &Pull) -> Vec<change::Change> {
    let base = pull_base(repo, pull);
    let old = base.and_then(|id| repo.objects.tree_of(&id));
    change::changes(&repo.objects, old, repo.objects.tree_of(&pull.head_sha))
}

/// The commits of a pull request, oldest first.
pub(crate) fn pull_commits(repo: &Repository, pull: &Pull) -> Vec<(ObjectId, Commit)> {
    let mut commits = history::log(&repo.objects, pull.head_sha, pull_base(repo, pull));
    commits.reverse();
    commits
}

/// Where the pull request left its base. After a merge the base tip holds the head, so the tip
/// before it counts.
fn pull_base(repo: &Repository, pull: &Pull) -> Option<ObjectId> {
    let base = match pull.merge_commit {
        Some(_) => pull.base_sha,
        None => repo.branch(&pull.base).unwrap_or(pull.base_sha),
    };
    history::merge_base(&repo.objects, base, pull.head_sha)
}
