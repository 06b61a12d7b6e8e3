//! What the credential may do in a repository, as it is now: a gate that refuses is not asked again,
//! so it must not refuse for what was so when the program started.

use std::collections::BTreeMap;

use notion_sync_core::Result;

use crate::credentials::CredentialKind;
use crate::endpoint::{Call, REPOSITORY};
use crate::issues::GithubIssues;
use crate::repository::RepositoryInfo;
use crate::wire::Repository;

/// What may be done in a repository.
#[derive(Debug, Clone)]
pub(super) struct Rights {
    pub(super) archived: bool,
    pub(super) default_branch: String,
    /// Whether a person may write; apps have no role.
    pub(super) push: Option<bool>,
    /// Whether a person may label and assign.
    pub(super) triage: Option<bool>,
    /// What an app's token was granted. Tokens of people do not say: there the service decides.
    granted: Option<BTreeMap<String, String>>,
}

impl GithubIssues {
    pub(super) async fn rights(&self, repository: &RepositoryInfo) -> Result<Rights> {
        let call = Call::new(&REPOSITORY, &[&repository.id.to_string()])
            .with("repository", &repository.full_name);
        let answer = self.client.call(call).await?;
        let found: Repository = answer.json()?;
        // The service fills the roles of an app with words that say nothing.
        let person = self.client.credential_kind() == CredentialKind::Personal;
        let roles = found.permissions.filter(|_| person);
        Ok(Rights {
            archived: found.archived == Some(true),
            default_branch: found
                .default_branch
                .ok_or_else(|| answer.lacks("default branch"))?,
            push: roles.and_then(|roles| roles.push),
            triage: roles.and_then(|roles| roles.triage),
            granted: self.client.permissions().await,
        })
    }
}

impl Rights {
    /// Why something cannot be written, as far as that is known: `contents`, `pull_requests`,
    /// `issues`, `actions`.
    pub(super) fn lack(&self, permission: &str) -> Option<String> {
        let words = permission.replace('_', " ");
        if permission == "contents" && self.push == Some(false) {
            return Some(format!(
                "the permission \"{words}: write\" is missing; give the credential write access"
            ));
        }
        let granted = self.granted.as_ref()?;
        let has = granted.get(permission).map_or("none", String::as_str);
        (!matches!(has, "write" | "admin")).then(|| {
            format!(
                "the permission \"{words}: write\" is missing; grant it in the App's settings and \
                 accept it on the installation"
            )
        })
    }
}
