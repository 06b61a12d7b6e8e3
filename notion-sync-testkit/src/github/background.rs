//! Merges in the background: asked for now, carried out a little later, asked about by a UUID.

use chrono::{DateTime, Utc};

use super::account::Actor;
use super::merging::{MergeMethod, MergeWords};
use super::object::ObjectId;
use super::refusal::Refusal;
use super::state::State;

/// How long a background merge can be asked about after it last changed.
const KEPT_HOURS: i64 = 24;

/// A merge in the background.
#[derive(Debug, Clone)]
pub(crate) struct AsyncMerge {
    pub(crate) number: u64,
    pub(crate) method: Option<MergeMethod>,
    pub(crate) action: &'static str,
    pub(crate) expected: ObjectId,
    pub(crate) words: MergeWords,
    pub(crate) actor: Actor,
    /// How many more questions read `pending`.
    pub(crate) polls: u32,
    pub(crate) outcome: Option<AsyncOutcome>,
    pub(crate) updated_at: DateTime<Utc>,
}

/// How a background merge ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum AsyncOutcome {
    Merged(ObjectId),
    Enqueued,
    Failed(String),
}

/// What the service says at once about a merge in the background.
#[derive(Debug, Clone)]
pub(crate) enum Asked {
    /// It will be tried.
    Accepted(String, AsyncMerge),
    /// One is under way already.
    Known(String, AsyncMerge),
    AlreadyMerged(ObjectId),
    AlreadyQueued,
    /// Not now, and why.
    NotReady(&'static str),
}

fn uuid(seed: u64) -> String {
    let hash = blake3::hash(format!("merge {seed}").as_bytes()).to_hex();
    let part = |from: usize, to: usize| hash.get(from..to).unwrap_or_default().to_owned();
    format!(
        "{}-{}-4{}-8{}-{}",
        part(0, 8),
        part(8, 12),
        part(12, 15),
        part(15, 18),
        part(18, 30)
    )
}

impl State {
    /// Asks for a merge in the background.
    pub(crate) fn ask_async_merge(
        &mut self,
        repository: u64,
        number: u64,
        (method, action): (Option<MergeMethod>, &'static str),
        words: MergeWords,
        actor: &Actor,
        now: DateTime<Utc>,
    ) -> Result<Asked, Refusal> {
        self.forget_async_merges(repository, now)?;
        let repo = self.repository(repository)?;
        let (issue, pull) = repo.pull(number).ok_or_else(Refusal::not_found)?;
        if pull.merged_at.is_some() {
            return Ok(Asked::AlreadyMerged(
                pull.merge_commit.unwrap_or(pull.head_sha),
            ));
        }
        if !issue.open {
            return Ok(Asked::NotReady("Pull request is closed."));
        }
        if pull.draft {
            return Ok(Asked::NotReady("Pull request is a draft."));
        }
        if repo.queued(number).is_some() {
            return Ok(Asked::AlreadyQueued);
        }
        let known = repo
            .async_merges
            .iter()
            .find(|(_, merge)| merge.number == number && merge.outcome.is_none());
        if let Some((uuid, merge)) = known {
            return Ok(Asked::Known(uuid.clone(), merge.clone()));
        }
        let expected = match words.sha.as_deref() {
            None => pull.head_sha,
            Some(sha) => sha
                .parse()
                .map_err(|_| Refusal::schema("sha", "exactly 40 hexadecimal digits"))?,
        };
        let merge = AsyncMerge {
            number,
            method,
            action,
            expected,
            words,
            actor: actor.clone(),
            polls: self.settings.async_merge_polls,
            outcome: None,
            updated_at: now,
        };
        let uuid = uuid(self.next_id());
        self.repository_mut(repository)?
            .async_merges
            .insert(uuid.clone(), merge.clone());
        self.changed();
        if merge.polls == 0 {
            self.poll_async_merge(repository, &uuid, now)?;
        }
        Ok(Asked::Accepted(uuid, merge))
    }

    fn forget_async_merges(&mut self, repository: u64, now: DateTime<Utc>) -> Result<(), Refusal> {
        self.repository_mut(repository)?
            .async_merges
            .retain(|_, merge| merge.updated_at + chrono::Duration::hours(KEPT_HOURS) > now);
        Ok(())
    }

    /// Carries out a background merge once it has been pending long enough.
    pub(crate) fn poll_async_merge(
        &mut self,
        repository: u64,
        uuid: &str,
        now: DateTime<Utc>,
    ) -> Result<AsyncMerge, Refusal> {
        self.forget_async_merges(repository, now)?;
        let merges = &mut self.repository_mut(repository)?.async_merges;
        let merge = merges.get_mut(uuid).ok_or_else(Refusal::not_found)?;
        if merge.outcome.is_some() {
            return Ok(merge.clone());
        }
        if merge.polls > 0 {
            merge.polls -= 1;
            return Ok(merge.clone());
        }
        let request = merge.clone();
        let outcome = match self.carry_out(repository, &request, now) {
            Ok(outcome) => outcome,
            Err(refusal) => AsyncOutcome::Failed(refusal.message),
        };
        let merges = &mut self.repository_mut(repository)?.async_merges;
        let merge = merges.get_mut(uuid).ok_or_else(Refusal::not_found)?;
        merge.outcome = Some(outcome);
        merge.updated_at = now;
        Ok(merge.clone())
    }

    fn carry_out(
        &mut self,
        repository: u64,
        request: &AsyncMerge,
        now: DateTime<Utc>,
    ) -> Result<AsyncOutcome, Refusal> {
        let repo = self.repository(repository)?;
        let (_, pull) = repo.pull(request.number).ok_or_else(Refusal::not_found)?;
        let has_queue = self.demands(repo, &pull.base, None).queue.is_some();
        let sha = request.expected.to_string();
        if request.action == "merge_queue" || request.action == "default" && has_queue {
            self.enqueue(
                repository,
                request.number,
                Some(&sha),
                false,
                &request.actor,
                now,
            )?;
            return Ok(AsyncOutcome::Enqueued);
        }
        let words = MergeWords {
            sha: Some(sha),
            ..request.words.clone()
        };
        let method = request.method.unwrap_or(MergeMethod::Merge);
        self.merge_pull(
            repository,
            request.number,
            method,
            &words,
            &request.actor,
            now,
        )
        .map(AsyncOutcome::Merged)
    }
}
