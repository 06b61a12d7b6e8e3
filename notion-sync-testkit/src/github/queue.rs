//! Merges that happen later: by themselves, or in a queue.
//!
//! A queue works as the service's: an entry gets a commit of its own on a branch below
//! `gh-readonly-queue/`, on top of the entry before it. When the required checks of that commit are
//! green the base moves there; when one fails the entry goes, and the entries behind it are made
//! again. Left out are groups of several entries, waiting times and limits.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::account::Actor;
use super::checks::Standing;
use super::merging::{MergeMethod, MergeWords, merge_plan};
use super::object::ObjectId;
use super::refusal::Refusal;
use super::repository::{Detail, Repository};
use super::rules::worded;
use super::state::State;

/// A pull request that merges when everything required is there.
#[derive(Debug, Clone)]
pub(crate) struct AutoMerge {
    pub(crate) method: MergeMethod,
    pub(crate) title: Option<String>,
    pub(crate) message: Option<String>,
    pub(crate) enabled_by: Actor,
    pub(crate) at: DateTime<Utc>,
}

/// A pull request in a queue.
#[derive(Debug, Clone)]
pub(crate) struct QueueEntry {
    pub(crate) id: u64,
    pub(crate) number: u64,
    /// The head it was queued with. Another head takes it out.
    pub(crate) head: ObjectId,
    /// What its commit stands on.
    pub(crate) base: ObjectId,
    /// The commit that the base will point at.
    pub(crate) group: ObjectId,
    pub(crate) jump: bool,
    pub(crate) enqueuer: Actor,
    pub(crate) at: DateTime<Utc>,
}

/// What becomes of the first entry of a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum QueueOutcome {
    /// It is merged.
    Merge,
    /// It is taken out.
    Fail,
}

impl QueueEntry {
    /// The branch its commit is on.
    pub(crate) fn reference(&self, branch: &str) -> String {
        format!(
            "refs/heads/gh-readonly-queue/{branch}/pr-{}-{}",
            self.number, self.base
        )
    }
}

impl Repository {
    /// Where a pull request stands in the queue of its base, from 1.
    pub(crate) fn queued(&self, number: u64) -> Option<(usize, &QueueEntry)> {
        let (issue, pull) = self.pull(number)?;
        let queue = self.queues.get(&pull.base)?;
        let (index, entry) = queue
            .iter()
            .enumerate()
            .find(|(_, entry)| entry.number == number)?;
        (issue.open && entry.head == pull.head_sha).then_some((index + 1, entry))
    }
}

impl State {
    /// Merges whatever became ready to merge by itself. Called after everything that can make it so.
    pub(crate) fn settle(&mut self, repository: u64, now: DateTime<Utc>) -> Result<(), Refusal> {
        if self.settling {
            return Ok(());
        }
        self.settling = true;
        let outcome = self.settle_all(repository, now);
        self.settling = false;
        outcome
    }

    /// Does something during which nothing is to merge by itself, and settles afterwards.
    pub(crate) fn unsettled<T>(
        &mut self,
        repository: u64,
        now: DateTime<Utc>,
        act: impl FnOnce(&mut Self) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        let outer = std::mem::replace(&mut self.settling, true);
        let outcome = act(self);
        self.settling = outer;
        let done = outcome?;
        self.settle(repository, now)?;
        Ok(done)
    }

    fn settle_all(&mut self, repository: u64, now: DateTime<Utc>) -> Result<(), Refusal> {
        // Every turn takes an entry out of a queue or a pull request out of the open ones.
        while self.advance_queues(repository, now)? || self.merge_one(repository, now)? {}
        Ok(())
    }

    /// Merges or enqueues one pull request that waits and is ready.
    fn merge_one(&mut self, repository: u64, now: DateTime<Utc>) -> Result<bool, Refusal> {
        let repo = self.repository(repository)?;
        let waiting: Vec<(u64, AutoMerge, bool)> = repo
            .issues
            .values()
            .filter(|issue| issue.open)
            .filter_map(|issue| {
                let pull = issue.pull.as_deref()?;
                let wish = pull.auto_merge.clone()?;
                let queue = self.demands(repo, &pull.base, None).queue.is_some();
                (repo.queued(issue.number).is_none()).then_some((issue.number, wish, queue))
            })
            .collect();
        for (number, wish, queue) in waiting {
            if !self.is_ready(repository, number) {
                continue;
            }
            let done = if queue {
                self.enqueue(repository, number, None, false, &wish.enabled_by, now)
                    .map(|_| ())
            } else {
                let words = MergeWords {
                    title: wish.title,
                    message: wish.message,
                    sha: None,
                };
                self.merge_pull(
                    repository,
                    number,
                    wish.method,
                    &words,
                    &wish.enabled_by,
                    now,
                )
                .map(|_| ())
            };
            match done {
                Ok(()) => return Ok(true),
                Err(refusal) => tracing::debug!(number, %refusal, "not merged by itself"),
            }
        }
        Ok(false)
    }

    /// Whether nothing required is missing.
    fn is_ready(&self, repository: u64, number: u64) -> bool {
        matches!(
            self.mergeability(repository, number).state,
            "clean" | "unstable"
        )
    }

    /// Lets a pull request merge as soon as everything required is there. The words of the two
    /// refusals for a state are quoted in public issue threads; that a draft may wait, and the other
    /// words, have no source.
    pub(crate) fn enable_auto_merge(
        &mut self,
        repository: u64,
        number: u64,
        wish: AutoMerge,
        expected: Option<&str>,
        now: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        let repo = self.repository(repository)?;
        let (issue, pull) = repo.pull(number).ok_or_else(Refusal::not_found)?;
        if !repo.allow_auto_merge {
            return Err(Refusal::unprocessable(
                "Pull request Auto merge is not allowed for this repository",
            ));
        }
        if !issue.open {
            return Err(Refusal::unprocessable("Pull request is closed"));
        }
        check_head(pull.head_sha, expected)?;
        let demands = self.demands(repo, &pull.base, None);
        let allowed = repo.merge_methods.contains(wish.method.as_str())
            && demands
                .methods
                .as_ref()
                .is_none_or(|methods| methods.contains(&wish.method));
        if !allowed && demands.queue.is_none() {
            return Err(Refusal::unprocessable(format!(
                "Pull request Merge method {} is not allowed on this repository",
                wish.method.as_str()
            )));
        }
        let state = self.mergeability(repository, number).state;
        if matches!(state, "clean" | "unstable") && demands.queue.is_none() {
            return Err(Refusal::unprocessable(format!(
                "Pull request Pull request is in {state} status"
            )));
        }
        let actor = wish.enabled_by.clone();
        self.pull_mut(repository, number)?.auto_merge = Some(wish);
        self.record(
            repository,
            number,
            "auto_merge_enabled",
            Detail::None,
            &actor,
            now,
        )?;
        self.settle(repository, now)
    }

    /// Takes the wish to merge back.
    pub(crate) fn disable_auto_merge(
        &mut self,
        repository: u64,
        number: u64,
        actor: &Actor,
        now: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        if self
            .pull_mut(repository, number)?
            .auto_merge
            .take()
            .is_none()
        {
            return Err(Refusal::unprocessable("Auto merge is not enabled"));
        }
        self.record(
            repository,
            number,
            "auto_merge_disabled",
            Detail::None,
            actor,
            now,
        )
    }

    /// Puts a pull request into the queue of its base. Returns the entry.
    pub(crate) fn enqueue(
        &mut self,
        repository: u64,
        number: u64,
        expected: Option<&str>,
        jump: bool,
        actor: &Actor,
        now: DateTime<Utc>,
    ) -> Result<QueueEntry, Refusal> {
        let repo = self.repository(repository)?;
        let (issue, pull) = repo.pull(number).ok_or_else(Refusal::not_found)?;
        let refused = |message: &str| Err(Refusal::unprocessable(message));
        let demands = self.demands(repo, &pull.base, None);
        if demands.queue.is_none() {
            return refused("The merge queue is not enabled for this branch");
        }
        if !issue.open || pull.draft {
            return refused("Pull request is not mergeable");
        }
        check_head(pull.head_sha, expected)?;
        if repo.queued(number).is_some() {
            return refused("Pull request is already in the merge queue");
        }
        if let Some(message) = worded(&self.obstacles(repo, pull, &demands, false)) {
            return Err(Refusal::unprocessable(message));
        }
        let tip = repo.branch(&pull.base).ok_or_else(Refusal::not_found)?;
        if merge_plan(repo, tip, pull.head_sha).is_err() {
            return refused("Pull request is not mergeable");
        }
        let (base, head) = (pull.base.clone(), pull.head_sha);
        let id = self.next_id();
        let entry = QueueEntry {
            id,
            number,
            head,
            base: tip,
            group: tip,
            jump,
            enqueuer: actor.clone(),
            at: now,
        };
        self.unsettled(repository, now, |state| {
            let queue = state
                .repository_mut(repository)?
                .queues
                .entry(base.clone())
                .or_default();
            let at = if jump { 0 } else { queue.len() };
            queue.insert(at, entry);
            state.record(
                repository,
                number,
                "added_to_merge_queue",
                Detail::None,
                actor,
                now,
            )?;
            state.build_queue(repository, &base, now)?;
            let queue = state.repository(repository)?.queues.get(&base);
            queue
                .and_then(|queue| queue.iter().find(|entry| entry.id == id))
                .cloned()
                .ok_or_else(|| Refusal::unprocessable("Pull request is not mergeable"))
        })
    }

    /// Takes a pull request out of its queue and returns the entry.
    pub(crate) fn dequeue(
        &mut self,
        repository: u64,
        number: u64,
        actor: &Actor,
        now: DateTime<Utc>,
    ) -> Result<QueueEntry, Refusal> {
        let repo = self.repository(repository)?;
        let (_, pull) = repo.pull(number).ok_or_else(Refusal::not_found)?;
        let base = pull.base.clone();
        let (_, entry) = repo
            .queued(number)
            .ok_or_else(|| Refusal::unprocessable("Pull request is not in the merge queue"))?;
        let entry = entry.clone();
        self.unsettled(repository, now, |state| {
            state.drop_entry(repository, &base, entry.id, actor, now)?;
            state.pull_mut(repository, number)?.auto_merge = None;
            state.build_queue(repository, &base, now)
        })?;
        Ok(entry)
    }

    fn drop_entry(
        &mut self,
        repository: u64,
        branch: &str,
        id: u64,
        actor: &Actor,
        now: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        let repo = self.repository_mut(repository)?;
        let Some(queue) = repo.queues.get_mut(branch) else {
            return Ok(());
        };
        let Some(at) = queue.iter().position(|entry| entry.id == id) else {
            return Ok(());
        };
        let entry = queue.remove(at);
        if queue.is_empty() {
            repo.queues.remove(branch);
        }
        self.set_ref(repository, &entry.reference(branch), None, actor, now)?;
        self.record(
            repository,
            entry.number,
            "removed_from_merge_queue",
            Detail::None,
            actor,
            now,
        )
    }

    /// Makes the commits of a queue again from the first entry that does not stand on what is now
    /// before it. Entries that conflict go.
    fn build_queue(
        &mut self,
        repository: u64,
        branch: &str,
        now: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        let mut at = 0;
        loop {
            let repo = self.repository(repository)?;
            let queue = repo.queues.get(branch).map_or(&[][..], Vec::as_slice);
            let Some(entry) = queue.get(at).cloned() else {
                return Ok(());
            };
            let below = match at.checked_sub(1).and_then(|before| queue.get(before)) {
                Some(before) => Some(before.group),
                None => repo.branch(branch),
            };
            let method = self
                .demands(repo, branch, None)
                .queue
                .unwrap_or(MergeMethod::Squash);
            let gone = repo.queued(entry.number).is_none();
            let Some(below) =
                below.filter(|below| !gone && merge_plan(repo, *below, entry.head).is_ok())
            else {
                self.drop_entry(repository, branch, entry.id, &entry.enqueuer, now)?;
                continue;
            };
            if below != entry.base || entry.group == entry.base {
                self.set_ref(
                    repository,
                    &entry.reference(branch),
                    None,
                    &entry.enqueuer,
                    now,
                )?;
                let group = self.build_merge(
                    repository,
                    entry.number,
                    (below, method),
                    &MergeWords::default(),
                    &entry.enqueuer,
                    now,
                )?;
                let mut fresh = entry;
                (fresh.base, fresh.group) = (below, group);
                let name = fresh.reference(branch);
                let actor = fresh.enqueuer.clone();
                if let Some(place) = self
                    .repository_mut(repository)?
                    .queues
                    .get_mut(branch)
                    .and_then(|queue| queue.get_mut(at))
                {
                    *place = fresh;
                }
                self.set_ref(repository, &name, Some(group), &actor, now)?;
            }
            at += 1;
        }
    }

    /// Merges or drops the first entry of a queue whose checks have come to an end.
    fn advance_queues(&mut self, repository: u64, now: DateTime<Utc>) -> Result<bool, Refusal> {
        let branches: Vec<String> = self
            .repository(repository)?
            .queues
            .keys()
            .cloned()
            .collect();
        for branch in branches {
            self.build_queue(repository, &branch, now)?;
            let repo = self.repository(repository)?;
            let Some(first) = repo.queues.get(&branch).and_then(|queue| queue.first()) else {
                continue;
            };
            let outcome = match self.standing_of(repo, &branch, first) {
                Standing::Passed => QueueOutcome::Merge,
                Standing::Failing | Standing::Broken => QueueOutcome::Fail,
                _ => continue,
            };
            self.finish_first(repository, &branch, outcome, now)?;
            return Ok(true);
        }
        Ok(false)
    }

    /// The worst of what the branch requires of an entry.
    pub(crate) fn standing_of(
        &self,
        repo: &Repository,
        branch: &str,
        entry: &QueueEntry,
    ) -> Standing {
        self.demands(repo, branch, None)
            .checks
            .iter()
            .map(|check| repo.checks.standing(entry.group, &check.context, check.app))
            .max()
            .unwrap_or(Standing::Passed)
    }

    fn finish_first(
        &mut self,
        repository: u64,
        branch: &str,
        outcome: QueueOutcome,
        now: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        let entry = self
            .repository(repository)?
            .queues
            .get(branch)
            .and_then(|queue| queue.first())
            .cloned()
            .ok_or_else(|| Refusal::unprocessable("the merge queue is empty"))?;
        let actor = entry.enqueuer.clone();
        self.drop_entry(repository, branch, entry.id, &actor, now)?;
        match outcome {
            QueueOutcome::Merge => self.land(
                repository,
                entry.number,
                (entry.base, entry.group),
                &actor,
                now,
            ),
            QueueOutcome::Fail => {
                // It would queue itself again.
                self.pull_mut(repository, entry.number)?.auto_merge = None;
                Ok(())
            }
        }
    }

    /// Ends the wait of the first entry of a queue, whatever its checks say.
    pub(crate) fn settle_queue(
        &mut self,
        repository: u64,
        branch: &str,
        outcome: QueueOutcome,
        now: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        self.unsettled(repository, now, |state| {
            state.build_queue(repository, branch, now)?;
            state.finish_first(repository, branch, outcome, now)
        })
    }
}

fn check_head(head: ObjectId, expected: Option<&str>) -> Result<(), Refusal> {
    if expected.is_some_and(|expected| !head.to_string().eq_ignore_ascii_case(expected)) {
        return Err(Refusal::unprocessable(
            "Head branch was modified. Review and try the merge again.",
        ));
    }
    Ok(())
}
