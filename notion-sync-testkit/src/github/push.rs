//! Git over HTTP: who may fetch and push, and what a push brought.

use std::path::PathBuf;

use chrono::{DateTime, Utc};

use super::account::Actor;
use super::auth::Need;
use super::refs::nobody;
use super::refusal::Refusal;
use super::service::GithubEmulator;

/// What git wants to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GitService {
    /// Clone and fetch.
    UploadPack,
    /// Push.
    ReceivePack,
}

/// What git may work on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GitAccess {
    /// Id of the repository.
    pub repository: u64,
    /// Directory that holds the bare repositories.
    pub root: PathBuf,
    /// Name of the bare repository below `root`.
    pub directory: String,
    /// Login of who pushes, if the caller showed a token.
    pub login: Option<String>,
    app: Option<u64>,
    rules: String,
}

impl GitAccess {
    /// What the update hook of the repository must be run with: the name and the value of a variable
    /// of its environment. Without it the hook knows no rulesets.
    #[must_use]
    pub fn hook_environment(&self) -> (&'static str, &str) {
        (super::hook::RULES, &self.rules)
    }
}

impl GithubEmulator {
    /// Decides whether the bearer of this `Authorization` header may fetch from or push to
    /// `owner/name`.
    ///
    /// # Errors
    /// With 401 when a token is needed or wrong, 403 and 404 as the API would answer.
    pub fn open_git(
        &self,
        full_name: &str,
        service: GitService,
        authorization: Option<&str>,
        now: DateTime<Utc>,
    ) -> Result<GitAccess, Refusal> {
        let caller = self.state.authenticate(authorization, self.grained(now))?;
        let needs_token = || Refusal::new(401, "Requires authentication");
        let Some(repo) = self.state.find_repository(full_name) else {
            return Err(if authorization.is_none() {
                needs_token()
            } else {
                Refusal::not_found()
            });
        };
        let need = match service {
            GitService::UploadPack => Need::ContentsRead,
            GitService::ReceivePack => Need::ContentsWrite,
        };
        self.state.check(&caller, repo, need).map_err(|refusal| {
            if authorization.is_none() {
                needs_token()
            } else {
                refusal
            }
        })?;
        let root = self
            .git_root()
            .ok_or_else(|| Refusal::new(501, "no bare repositories: bind_git was not called"))?;
        let actor = self.state.actor(&caller).ok();
        let rules = match service {
            GitService::UploadPack => String::new(),
            GitService::ReceivePack => {
                let pusher = actor.clone().unwrap_or_else(nobody);
                self.state.push_rules(repo, &pusher)
            }
        };
        Ok(GitAccess {
            repository: repo.id,
            root: root.to_owned(),
            directory: format!("{}.git", repo.id),
            login: actor.as_ref().map(|actor| actor.login.clone()),
            app: actor.and_then(|actor| actor.app),
            rules,
        })
    }

    /// Takes over what a push left in the bare repository. Returns the full names of the refs that
    /// moved.
    ///
    /// # Errors
    /// When the bare repository cannot be read.
    pub fn finish_push(
        &mut self,
        access: &GitAccess,
        now: DateTime<Utc>,
    ) -> Result<Vec<String>, Refusal> {
        let now = self.grained(now);
        let actor = access.login.clone().map_or_else(nobody, |login| Actor {
            login,
            app: access.app,
        });
        self.state.read_disk(access.repository, &actor, now)
    }
}
