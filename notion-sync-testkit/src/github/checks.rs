//! Results on commits: statuses, and check runs with their suites.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::account::{Actor, key};
use super::object::{ObjectId, ObjectKind};
use super::refusal::Refusal;
use super::repository::Repository;
use super::state::State;

/// How a commit status stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StatusState {
    /// Whatever looks at the commit is broken.
    Error,
    /// The commit is not good.
    Failure,
    /// Not known yet.
    Pending,
    /// The commit is good.
    Success,
}

impl StatusState {
    /// The word of the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Failure => "failure",
            Self::Pending => "pending",
            Self::Success => "success",
        }
    }
}

/// Where a check run is in its life.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckStatus {
    /// It has not begun.
    #[default]
    Queued,
    /// Asked for; only the service's own runs say so.
    Requested,
    /// Waits for a rule of a deployment; only the service's own runs say so.
    Waiting,
    /// Waits for a place; only the service's own runs say so.
    Pending,
    /// It runs.
    InProgress,
    /// It has a conclusion.
    Completed,
}

impl CheckStatus {
    /// The word of the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Requested => "requested",
            Self::Waiting => "waiting",
            Self::Pending => "pending",
            Self::InProgress => "in_progress",
            Self::Completed => "completed",
        }
    }
}

/// How a check run ended, from best to worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Conclusion {
    /// It had nothing to do. Counts as passed.
    Skipped,
    /// No opinion. Counts as passed.
    Neutral,
    /// All is well.
    Success,
    /// Too old to count.
    Stale,
    /// Somebody stopped it.
    Cancelled,
    /// It took too long.
    TimedOut,
    /// It never began.
    StartupFailure,
    /// Somebody has to do something.
    ActionRequired,
    /// Not good.
    Failure,
}

impl Conclusion {
    /// The word of the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Skipped => "skipped",
            Self::Neutral => "neutral",
            Self::Success => "success",
            Self::Stale => "stale",
            Self::Cancelled => "cancelled",
            Self::TimedOut => "timed_out",
            Self::StartupFailure => "startup_failure",
            Self::ActionRequired => "action_required",
            Self::Failure => "failure",
        }
    }

    /// Whether a required check with this conclusion lets a merge through.
    #[must_use]
    pub fn passes(self) -> bool {
        matches!(self, Self::Skipped | Self::Neutral | Self::Success)
    }
}

/// A status that somebody put on a commit. It never changes; a newer one takes its place.
#[derive(Debug, Clone)]
pub(crate) struct CommitStatus {
    pub(crate) id: u64,
    pub(crate) commit: ObjectId,
    pub(crate) context: String,
    pub(crate) state: StatusState,
    pub(crate) description: Option<String>,
    pub(crate) target_url: Option<String>,
    pub(crate) creator: Actor,
    pub(crate) at: DateTime<Utc>,
}

/// The runs of one app on one commit.
#[derive(Debug, Clone)]
pub(crate) struct CheckSuite {
    pub(crate) id: u64,
    pub(crate) app: u64,
    pub(crate) commit: ObjectId,
    pub(crate) branch: Option<String>,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) updated_at: DateTime<Utc>,
}

/// What a check run tells people.
#[derive(Debug, Clone, Default)]
pub(crate) struct CheckOutput {
    pub(crate) title: Option<String>,
    pub(crate) summary: Option<String>,
    pub(crate) text: Option<String>,
}

/// A check run.
#[derive(Debug, Clone)]
pub(crate) struct CheckRun {
    pub(crate) id: u64,
    pub(crate) suite: u64,
    pub(crate) app: u64,
    pub(crate) commit: ObjectId,
    pub(crate) name: String,
    pub(crate) status: CheckStatus,
    pub(crate) conclusion: Option<Conclusion>,
    pub(crate) started_at: Option<DateTime<Utc>>,
    pub(crate) completed_at: Option<DateTime<Utc>>,
    pub(crate) details_url: Option<String>,
    pub(crate) external_id: Option<String>,
    pub(crate) output: CheckOutput,
}

/// What a check run becomes. Absent members stay as they are.
#[derive(Debug, Clone, Default)]
pub(crate) struct CheckEdit {
    pub(crate) name: Option<String>,
    pub(crate) status: Option<CheckStatus>,
    pub(crate) conclusion: Option<Conclusion>,
    pub(crate) started_at: Option<DateTime<Utc>>,
    pub(crate) completed_at: Option<DateTime<Utc>>,
    pub(crate) details_url: Option<String>,
    pub(crate) external_id: Option<String>,
    pub(crate) output: Option<CheckOutput>,
}

/// The results on all commits of a repository.
#[derive(Debug, Clone, Default)]
pub(crate) struct Checks {
    /// Ascending ids.
    pub(crate) statuses: Vec<CommitStatus>,
    pub(crate) suites: BTreeMap<u64, CheckSuite>,
    pub(crate) runs: BTreeMap<u64, CheckRun>,
}

/// How everything that was reported under one name stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Standing {
    Passed,
    /// Nothing was reported.
    Expected,
    Queued,
    Pending,
    InProgress,
    /// A status that says `error`, which only the rollup tells from a failure.
    Broken,
    Failing,
}

impl Standing {
    /// The word of a refusal.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Passed => "passing",
            Self::Expected => "expected",
            Self::Queued => "queued",
            Self::Pending => "pending",
            Self::InProgress => "in progress",
            Self::Broken | Self::Failing => "failing",
        }
    }
}

impl CommitStatus {
    pub(crate) fn standing(&self) -> Standing {
        match self.state {
            StatusState::Success => Standing::Passed,
            StatusState::Pending => Standing::Pending,
            StatusState::Error => Standing::Broken,
            StatusState::Failure => Standing::Failing,
        }
    }
}

impl CheckRun {
    pub(crate) fn standing(&self) -> Standing {
        match (self.status, self.conclusion) {
            (CheckStatus::Completed, Some(conclusion)) if conclusion.passes() => Standing::Passed,
            (CheckStatus::Completed, _) => Standing::Failing,
            (CheckStatus::InProgress, _) => Standing::InProgress,
            (CheckStatus::Queued | CheckStatus::Requested, _) => Standing::Queued,
            (CheckStatus::Waiting | CheckStatus::Pending, _) => Standing::Pending,
        }
    }
}

impl Checks {
    /// The newest status of every context on a commit, oldest first.
    pub(crate) fn latest_statuses(&self, commit: ObjectId) -> Vec<&CommitStatus> {
        let mut latest: BTreeMap<&str, &CommitStatus> = BTreeMap::new();
        for status in self.statuses.iter().filter(|found| found.commit == commit) {
            latest.insert(&status.context, status);
        }
        let mut found: Vec<_> = latest.into_values().collect();
        found.sort_by_key(|status| status.id);
        found
    }

    /// The newest run of every app and name on a commit, oldest first.
    pub(crate) fn latest_runs(&self, commit: ObjectId) -> Vec<&CheckRun> {
        let mut latest: BTreeMap<(u64, &str), &CheckRun> = BTreeMap::new();
        for run in self.runs.values().filter(|run| run.commit == commit) {
            latest.insert((run.app, &run.name), run);
        }
        let mut found: Vec<_> = latest.into_values().collect();
        found.sort_by_key(|run| run.id);
        found
    }

    /// How a name stands on a commit. Checks and statuses of that name must all pass; with an app
    /// only what that app reported counts.
    pub(crate) fn standing(&self, commit: ObjectId, name: &str, app: Option<u64>) -> Standing {
        let runs = self
            .latest_runs(commit)
            .into_iter()
            .filter(|run| run.name == name && app.is_none_or(|app| app == run.app))
            .map(CheckRun::standing);
        let statuses = self
            .latest_statuses(commit)
            .into_iter()
            .filter(|status| status.context == name && (app.is_none() || app == status.creator.app))
            .map(CommitStatus::standing);
        runs.chain(statuses).max().unwrap_or(Standing::Expected)
    }

    /// The worst of everything on a commit, `None` when there is nothing.
    pub(crate) fn rollup(&self, commit: ObjectId) -> Option<Standing> {
        let runs = self.latest_runs(commit).into_iter();
        let statuses = self.latest_statuses(commit).into_iter();
        runs.map(CheckRun::standing)
            .chain(statuses.map(CommitStatus::standing))
            .max()
    }

    /// The newest runs of a suite.
    pub(crate) fn runs_of(&self, suite: &CheckSuite) -> Vec<&CheckRun> {
        let mut runs = self.latest_runs(suite.commit);
        runs.retain(|run| run.suite == suite.id);
        runs
    }

    /// Where a suite is, and how it ended: as its worst run did.
    pub(crate) fn state_of(&self, suite: &CheckSuite) -> (CheckStatus, Option<Conclusion>) {
        let runs = self.runs_of(suite);
        if runs.is_empty() {
            return (CheckStatus::Queued, None);
        }
        if runs.iter().all(|run| run.status == CheckStatus::Completed) {
            let worst = runs.iter().filter_map(|run| run.conclusion).max();
            return (CheckStatus::Completed, worst);
        }
        let begun = |run: &&&CheckRun| {
            matches!(run.status, CheckStatus::InProgress | CheckStatus::Completed)
        };
        if runs.iter().any(|run| begun(&run)) {
            (CheckStatus::InProgress, None)
        } else {
            (CheckStatus::Queued, None)
        }
    }
}

impl Repository {
    /// The commit with this full id, as the routes that write results take it.
    fn result_target(&self, sha: &str) -> Result<ObjectId, Refusal> {
        sha.parse::<ObjectId>()
            .ok()
            .filter(|id| self.objects.kind(id) == Some(ObjectKind::Commit))
            .ok_or_else(|| Refusal::unprocessable(format!("No commit found for SHA: {sha}")))
    }
}

impl State {
    /// Puts a status on a commit.
    pub(crate) fn add_status(
        &mut self,
        repository: u64,
        sha: &str,
        status: (&str, StatusState),
        words: (Option<String>, Option<String>),
        actor: &Actor,
        now: DateTime<Utc>,
    ) -> Result<u64, Refusal> {
        let commit = self.repository(repository)?.result_target(sha)?;
        let (context, state) = status;
        // The service keeps a thousand per commit and context.
        let many = self
            .repository(repository)?
            .checks
            .statuses
            .iter()
            .filter(|known| known.commit == commit && known.context == context)
            .count();
        if many >= 1_000 {
            return Err(Refusal::custom(
                "Status",
                "This SHA and context has reached the maximum number of statuses.",
            ));
        }
        let id = self.next_id();
        self.repository_mut(repository)?
            .checks
            .statuses
            .push(CommitStatus {
                id,
                commit,
                context: context.to_owned(),
                state,
                description: words.0,
                target_url: words.1,
                creator: actor.clone(),
                at: now,
            });
        self.changed();
        self.settle(repository, now)?;
        Ok(id)
    }

    /// Makes a check run of an app on a commit.
    pub(crate) fn add_check_run(
        &mut self,
        repository: u64,
        sha: &str,
        app: u64,
        edit: CheckEdit,
        now: DateTime<Utc>,
    ) -> Result<u64, Refusal> {
        let repo = self.repository(repository)?;
        let commit = repo.result_target(sha)?;
        let known = repo
            .checks
            .suites
            .values()
            .find(|suite| suite.app == app && suite.commit == commit)
            .map(|suite| suite.id);
        let branch = repo
            .branches()
            .find(|(_, tip)| *tip == commit)
            .map(|(name, _)| name.to_owned());
        let suite = match known {
            Some(id) => id,
            None => self.next_id(),
        };
        let id = self.next_id();
        let checks = &mut self.repository_mut(repository)?.checks;
        checks.suites.entry(suite).or_insert_with(|| CheckSuite {
            id: suite,
            app,
            commit,
            branch,
            created_at: now,
            updated_at: now,
        });
        checks.runs.insert(
            id,
            CheckRun {
                id,
                suite,
                app,
                commit,
                name: edit.name.clone().unwrap_or_default(),
                status: CheckStatus::Queued,
                conclusion: None,
                started_at: None,
                completed_at: None,
                details_url: None,
                external_id: None,
                output: CheckOutput::default(),
            },
        );
        self.edit_check_run(repository, id, edit, now)?;
        Ok(id)
    }

    /// Changes a check run. A conclusion completes it.
    pub(crate) fn edit_check_run(
        &mut self,
        repository: u64,
        id: u64,
        edit: CheckEdit,
        now: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        let checks = &mut self.repository_mut(repository)?.checks;
        let run = checks.runs.get_mut(&id).ok_or_else(Refusal::not_found)?;
        if let Some(name) = edit.name {
            run.name = name;
        }
        run.status = match (edit.conclusion, edit.status) {
            (Some(_), _) => CheckStatus::Completed,
            (None, Some(status)) => status,
            (None, None) => run.status,
        };
        if run.status == CheckStatus::Completed {
            run.conclusion = edit.conclusion.or(run.conclusion);
            run.completed_at = edit.completed_at.or(run.completed_at).or(Some(now));
        } else {
            run.conclusion = None;
            run.completed_at = None;
        }
        run.started_at = edit.started_at.or(run.started_at).or(Some(now));
        run.details_url = edit.details_url.or(run.details_url.take());
        run.external_id = edit.external_id.or(run.external_id.take());
        if let Some(output) = edit.output {
            run.output = output;
        }
        if let Some(suite) = checks.suites.get_mut(&run.suite) {
            suite.updated_at = now;
        }
        self.changed();
        self.settle(repository, now)
    }

    /// The app with this short name.
    pub(crate) fn app_named(&self, slug: &str) -> Option<u64> {
        self.apps
            .values()
            .find(|app| key(&app.slug) == key(slug))
            .map(|app| app.id)
    }
}
