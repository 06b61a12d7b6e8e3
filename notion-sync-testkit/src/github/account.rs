//! Accounts, apps, installations and tokens.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// What an account is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AccountKind {
    /// A person.
    #[default]
    User,
    /// An organization.
    Organization,
    /// The identity of an app.
    Bot,
}

impl AccountKind {
    /// The word of the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "User",
            Self::Organization => "Organization",
            Self::Bot => "Bot",
        }
    }
}

/// What somebody may do in a repository, from least to most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// See it, open issues, comment.
    Read,
    /// Also label, assign and close.
    Triage,
    /// Also push.
    Write,
    /// Also change settings.
    Maintain,
    /// Everything.
    Admin,
}

impl Role {
    /// The word of the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Triage => "triage",
            Self::Write => "write",
            Self::Maintain => "maintain",
            Self::Admin => "admin",
        }
    }
}

/// How far a permission of a token goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// May read.
    Read,
    /// May read and write.
    Write,
    /// May administer.
    Admin,
}

impl Level {
    /// The word of the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Admin => "admin",
        }
    }
}

/// Permissions by name, for example `issues` to `write`.
pub type Permissions = BTreeMap<String, Level>;

/// The key of a login or name: these compare without regard to case.
pub(crate) fn key(name: &str) -> String {
    name.to_lowercase()
}

#[derive(Debug, Clone)]
pub(crate) struct Account {
    pub(crate) id: u64,
    pub(crate) login: String,
    pub(crate) name: Option<String>,
    pub(crate) email: Option<String>,
    pub(crate) kind: AccountKind,
    pub(crate) created_at: DateTime<Utc>,
    /// Keys of logins.
    pub(crate) owners: BTreeSet<String>,
    pub(crate) members: BTreeSet<String>,
    pub(crate) teams: BTreeMap<String, Team>,
    /// Organizations: what their issues can be.
    pub(crate) issue_types: Vec<IssueType>,
}

/// What an issue can be, for example a bug.
#[derive(Debug, Clone)]
pub(crate) struct IssueType {
    pub(crate) id: u64,
    pub(crate) name: String,
    pub(crate) created_at: DateTime<Utc>,
}

impl Account {
    /// The address commits carry: the public one, or the no-reply address.
    pub(crate) fn commit_email(&self) -> String {
        self.email
            .clone()
            .unwrap_or_else(|| format!("{}+{}@users.noreply.github.com", self.id, self.login))
    }

    pub(crate) fn commit_name(&self) -> String {
        self.name.clone().unwrap_or_else(|| self.login.clone())
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Team {
    pub(crate) id: u64,
    pub(crate) slug: String,
    pub(crate) members: BTreeSet<String>,
    /// Keys of repository names.
    pub(crate) repositories: BTreeMap<String, Role>,
}

#[derive(Debug, Clone)]
pub(crate) struct App {
    pub(crate) id: u64,
    pub(crate) slug: String,
    pub(crate) owner: String,
    pub(crate) client_id: String,
    pub(crate) permissions: Permissions,
    pub(crate) events: Vec<String>,
    pub(crate) created_at: DateTime<Utc>,
}

impl App {
    pub(crate) fn bot(&self) -> String {
        format!("{}[bot]", self.slug)
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Installation {
    pub(crate) id: u64,
    pub(crate) app: u64,
    /// Key of the account.
    pub(crate) account: String,
    /// Ids of the selected repositories; `None` means all of the account.
    pub(crate) repositories: Option<BTreeSet<u64>>,
    pub(crate) permissions: Permissions,
    pub(crate) suspended_at: Option<DateTime<Utc>>,
    pub(crate) created_at: DateTime<Utc>,
}

/// Whose token it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Holder {
    /// A person, by key.
    Person(String),
    /// An installation of an app.
    Installation(u64),
}

#[derive(Debug, Clone)]
pub(crate) struct Token {
    pub(crate) holder: Holder,
    /// `None`: everything the holder may do.
    pub(crate) permissions: Option<Permissions>,
    /// Ids of repositories; `None`: all the holder reaches.
    pub(crate) repositories: Option<BTreeSet<u64>>,
    pub(crate) expires_at: Option<DateTime<Utc>>,
    /// Scopes of a classic token; `None`: all.
    pub(crate) scopes: Option<Vec<String>>,
}

/// Who does something: the login shown, and the app it was done through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Actor {
    pub(crate) login: String,
    pub(crate) app: Option<u64>,
}

impl Actor {
    pub(crate) fn person(login: &str) -> Self {
        Self {
            login: login.to_owned(),
            app: None,
        }
    }
}
