//! Repositories: from the configured name to the id that survives renames.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use notion_sync_core::{Error, ErrorKind, Result};
use serde_json::json;
use tokio::sync::OnceCell;

use crate::client::GithubClient;
use crate::endpoint::{CREATE_REF, Call, REPOSITORY_BY_NAME};
use crate::wire;

/// A repository as it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepositoryInfo {
    /// Numeric id; every later request uses it, so a rename changes nothing.
    pub id: u64,
    /// `owner/name` as it is now, which can differ from the configured one.
    pub full_name: String,
    /// Address for people.
    pub url: String,
    /// Default branch.
    pub default_branch: String,
    /// Whether it is read-only.
    pub archived: bool,
    /// Whether issues are switched on.
    pub has_issues: bool,
    /// Whether the credential's holder may push, as far as the answer says.
    pub can_push: Option<bool>,
    /// Whether the credential's holder may label and assign.
    pub can_triage: Option<bool>,
}

impl RepositoryInfo {
    pub(crate) fn owner(&self) -> &str {
        self.full_name.split('/').next().unwrap_or_default()
    }
}

impl GithubClient {
    /// Makes a branch that was not there a moment ago, with a commit as its head.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotApplied`] where a twin of this request, or a person, made it meanwhile.
    pub(crate) async fn create_branch(
        &self,
        repository: &RepositoryInfo,
        branch: &str,
        head: &str,
        during: &'static str,
    ) -> Result<()> {
        let call = Call::new(&CREATE_REF, &[&repository.id.to_string()])
            .body(json!({"ref": format!("refs/heads/{branch}"), "sha": head}))
            .with("repository", &repository.full_name)
            .with("branch", branch);
        match self.call(call).await {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                Err(Error::new(ErrorKind::NotApplied, during)
                    .with("branch", branch)
                    .message("the branch was made at the same time"))
            }
            Err(error) => Err(error),
        }
    }

    /// Looks up a repository by `owner/name`, following a rename.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`] for a name of another form; [`ErrorKind::NotFound`] when it is
    /// not there or not shared with the credential; everything a request can end with.
    pub async fn repository(&self, name: &str) -> Result<RepositoryInfo> {
        let (owner, repository) = split(name)?;
        let call = Call::new(&REPOSITORY_BY_NAME, &[owner, repository]).with("repository", name);
        let answer = self.call(call).await?;
        let found: wire::Repository = answer.json()?;
        let id = found.id.ok_or_else(|| answer.lacks("id"))?;
        let full_name = found.full_name.unwrap_or_else(|| name.to_owned());
        let url = found
            .html_url
            .unwrap_or_else(|| format!("https://github.com/{full_name}"));
        Ok(RepositoryInfo {
            id,
            url,
            full_name,
            default_branch: found.default_branch.unwrap_or_default(),
            archived: found.archived.unwrap_or(false),
            has_issues: found.has_issues.unwrap_or(true),
            can_push: found.permissions.and_then(|rights| rights.push),
            can_triage: found.permissions.and_then(|rights| rights.triage),
        })
    }
}

fn split(name: &str) -> Result<(&str, &str)> {
    let parts = name.split_once('/').filter(|(owner, repository)| {
        let fits = |part: &str| {
            !matches!(part, "" | "." | "..")
                && part
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
        };
        fits(owner) && fits(repository)
    });
    parts.ok_or_else(|| {
        Error::new(ErrorKind::Configuration, "look up a repository")
            .with("repository", name)
            .message("a repository is written owner/name")
    })
}

/// A configured repository, looked up once.
#[derive(Debug)]
pub(crate) struct ConfiguredRepository {
    pub(crate) name: String,
    pinned: Option<u64>,
    found: OnceCell<RepositoryInfo>,
    /// Every name it was seen under, in lower case.
    names: Mutex<BTreeSet<String>>,
}

impl ConfiguredRepository {
    pub(crate) fn new(name: String, pinned: Option<u64>) -> Self {
        Self {
            names: Mutex::new(BTreeSet::from([name.to_lowercase()])),
            name,
            pinned,
            found: OnceCell::new(),
        }
    }

    /// Whether it is or was called so.
    pub(crate) fn is_called(&self, name: &str) -> bool {
        let names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        names.contains(&name.to_lowercase())
    }

    /// Whether it was looked up.
    pub(crate) fn is_known(&self) -> bool {
        self.found.initialized()
    }

    /// Its id, where it was looked up and is or was called so.
    pub(crate) fn known_as(&self, name: &str) -> Option<u64> {
        let found = self.found.get()?;
        let called = found.full_name.eq_ignore_ascii_case(name) || self.is_called(name);
        called.then_some(found.id)
    }

    /// Looks it up again: the names it was seen under, in lower case, and the one it has now.
    pub(crate) async fn names(&self, client: &GithubClient) -> Result<(BTreeSet<String>, String)> {
        let known = self.get(client).await?;
        let now = client.repository(&self.name).await?;
        // The configured name may have been given to another repository meanwhile.
        let name = if now.id == known.id {
            now.full_name
        } else {
            known.full_name.clone()
        };
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        if now.id != known.id {
            names.remove(&self.name.to_lowercase());
        }
        names.insert(known.full_name.to_lowercase());
        names.insert(name.to_lowercase());
        Ok((names.clone(), name))
    }

    pub(crate) async fn get(&self, client: &GithubClient) -> Result<&RepositoryInfo> {
        self.found
            .get_or_try_init(|| async {
                let found = client.repository(&self.name).await?;
                match self.pinned {
                    Some(pinned) if pinned != found.id => Err(Error::new(
                        ErrorKind::Configuration,
                        "look up a repository",
                    )
                    .with("repository", &self.name)
                    .message(format!(
                        "the name now belongs to repository {}, the pairs were made with {pinned}",
                        found.id
                    ))
                    .remedy("configure the new name of the old repository")),
                    _ => Ok(found),
                }
            })
            .await
    }
}
