//! Results and decisions that people have no API for: the hands of a test or of a demo.

use chrono::{DateTime, Utc};

use super::account::key;
use super::actions::Dispatch;
use super::checks::{CheckEdit, CheckStatus, Conclusion, StatusState};
use super::queue::QueueOutcome;
use super::refusal::Refusal;
use super::service::GithubEmulator;

/// A check run as it is reported by hand.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CheckForm {
    /// Branch, tag or full id of the commit.
    pub at: String,
    /// Name of the run.
    pub name: String,
    /// Where it is in its life; completed when there is a conclusion.
    pub status: CheckStatus,
    /// How it ended.
    pub conclusion: Option<Conclusion>,
    /// Short name of the app that reports; `github-actions`, which needs no seed, when absent.
    pub app: Option<String>,
}

impl GithubEmulator {
    /// Reports a check run: another one of the name on the commit is changed while it is not
    /// completed, otherwise there is a new one. Returns its id.
    ///
    /// # Errors
    /// When the repository, the commit or the app is missing, or a completed run has no conclusion.
    pub fn report_check(
        &mut self,
        repository: &str,
        form: &CheckForm,
        now: DateTime<Utc>,
    ) -> Result<u64, Refusal> {
        let (id, now) = (self.id(repository)?, self.grained(now));
        if form.status == CheckStatus::Completed && form.conclusion.is_none() {
            return Err(Refusal::missing("conclusion"));
        }
        let app = match &form.app {
            None => self.state.ensure_actions_app(now),
            Some(slug) => self
                .state
                .app_named(slug)
                .ok_or_else(|| Refusal::unprocessable(format!("there is no app {slug}")))?,
        };
        let repo = self.state.repository(id)?;
        let commit = repo.resolve(&form.at).ok_or_else(Refusal::not_found)?;
        let running = repo
            .checks
            .latest_runs(commit)
            .into_iter()
            .find(|run| {
                run.app == app && run.name == form.name && run.status != CheckStatus::Completed
            })
            .map(|run| run.id);
        let edit = CheckEdit {
            name: Some(form.name.clone()),
            status: Some(form.status),
            conclusion: form.conclusion,
            ..CheckEdit::default()
        };
        match running {
            Some(run) => {
                self.state.edit_check_run(id, run, edit, now)?;
                Ok(run)
            }
            None => self
                .state
                .add_check_run(id, &commit.to_string(), app, edit, now),
        }
    }

    /// The full id of the commit that tries the merge of a pull request, `refs/pull/N/merge`: results
    /// can be reported on it.
    ///
    /// # Errors
    /// When repository or pull request is missing, it is not open, or it has conflicts.
    pub fn test_merge(
        &mut self,
        repository: &str,
        number: u64,
        now: DateTime<Utc>,
    ) -> Result<String, Refusal> {
        let (id, now) = (self.id(repository)?, self.grained(now));
        let commit = self.state.test_merge(id, number, now);
        commit
            .map(|commit| commit.to_string())
            .ok_or_else(super::merging::not_mergeable)
    }

    /// Puts a status on a commit (branch, tag or full id). Returns its id.
    ///
    /// # Errors
    /// When the repository or the commit is missing.
    pub fn report_status(
        &mut self,
        repository: &str,
        at: &str,
        context: &str,
        state: StatusState,
        login: &str,
        now: DateTime<Utc>,
    ) -> Result<u64, Refusal> {
        let (id, now) = (self.id(repository)?, self.grained(now));
        let actor = self.hand(login, now);
        let commit = self.state.repository(id)?.resolve(at);
        let commit = commit.ok_or_else(Refusal::not_found)?.to_string();
        self.state
            .add_status(id, &commit, (context, state), (None, None), &actor, now)
    }

    /// Merges the first entry of a queue or takes it out, whatever its checks say.
    ///
    /// # Errors
    /// When the repository is missing or the queue is empty.
    pub fn settle_queue(
        &mut self,
        repository: &str,
        branch: &str,
        outcome: QueueOutcome,
        now: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        let (id, now) = (self.id(repository)?, self.grained(now));
        self.state.settle_queue(id, branch, outcome, now)
    }

    /// The events dispatched so far, oldest first.
    ///
    /// # Errors
    /// When the repository is missing.
    pub fn dispatches(&self, repository: &str) -> Result<Vec<Dispatch>, Refusal> {
        Ok(self
            .state
            .repository(self.id(repository)?)?
            .dispatches
            .clone())
    }
}

impl super::state::State {
    /// The app of the service's own runs, with the id it has there.
    fn ensure_actions_app(&mut self, now: DateTime<Utc>) -> u64 {
        const ID: u64 = 15_368;
        const SLUG: &str = "github-actions";
        if let Some(known) = self.app_named(SLUG) {
            return known;
        }
        let owner = self.ensure_account("github", super::account::AccountKind::Organization, now);
        let app = super::account::App {
            id: ID,
            slug: SLUG.to_owned(),
            owner: key(&owner),
            client_id: "Iv1.05c79e9ad1f6bdfa".to_owned(),
            permissions: super::account::Permissions::new(),
            events: Vec::new(),
            created_at: now,
        };
        self.ensure_account(&app.bot(), super::account::AccountKind::Bot, now);
        self.apps.entry(ID).or_insert(app);
        ID
    }
}
