//! The world a GitHub emulator starts with, as data.

use std::collections::BTreeMap;
use std::path::PathBuf;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::emulator::EmulatorBounds;

use super::account::{AccountKind, Level, Role};
use super::world_projects::ProjectSeed;
use super::world_rules::{ProtectionSeed, RulesetSeed};

/// Everything that exists when the emulator starts (and again after a reset).
///
/// A login that is mentioned anywhere and not listed in `accounts` becomes a person.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GithubWorld {
    /// Where pages for people are, for `html_url` and clone addresses outside loopback.
    pub web_base: String,
    /// People, organizations and bots.
    pub accounts: Vec<AccountSeed>,
    /// GitHub Apps with their installations.
    pub apps: Vec<AppSeed>,
    /// Tokens that exist from the start. Installation tokens can also be asked for.
    pub tokens: Vec<TokenSeed>,
    /// Repositories.
    pub repositories: Vec<RepositorySeed>,
    /// Projects of organizations and people.
    pub projects: Vec<ProjectSeed>,
    /// Switches of behaviour.
    pub settings: GithubSettings,
    /// Grain and visibility.
    pub bounds: EmulatorBounds,
}

impl Default for GithubWorld {
    fn default() -> Self {
        Self {
            web_base: "https://github.com".to_owned(),
            accounts: Vec::new(),
            apps: Vec::new(),
            tokens: Vec::new(),
            repositories: Vec::new(),
            projects: Vec::new(),
            settings: GithubSettings::default(),
            bounds: EmulatorBounds::github(),
        }
    }
}

/// How the service behaves where it is configurable, undocumented or can be exhausted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GithubSettings {
    /// How often `mergeable` reads `null` after a head or base moved.
    pub mergeable_polls: u32,
    /// How often an asynchronous merge reads `pending` before it is carried out. With 0 it is carried
    /// out at once, though its first answer still says `pending`.
    pub async_merge_polls: u32,
    /// Most entries of a recursive tree; beyond, `truncated` is true. The service has 100,000.
    pub tree_entries: usize,
    /// How long the search index lags, in seconds.
    pub search_delay_seconds: u32,
    /// Whether search finds text inside HTML comments.
    pub search_sees_html_comments: bool,
    /// Whether `since` includes objects updated in exactly that second.
    pub since_is_inclusive: bool,
    /// Whether a request with two API version headers is refused (else the first counts).
    pub refuse_duplicate_version: bool,
    /// Whether the times in an app's JSON web token must fit the emulator's clock. Switch it off
    /// where the client signs with the real clock and the emulator lives in virtual time.
    pub jwt_times: bool,
    /// Requests per hour, counted per person or installation. 0 means no limit (headers show 5,000).
    pub requests_per_hour: u32,
    /// Whether going over the hourly limit answers 429 (else 403).
    pub primary_limit_is_429: bool,
    /// Whether the limits per minute and for creating content are enforced.
    pub secondary_limits: bool,
    /// `Retry-After` in seconds of a secondary limit; the service sometimes leaves it out.
    pub secondary_retry_after: Option<u32>,
    /// Content-creating requests per minute.
    pub content_per_minute: u32,
    /// Content-creating requests per hour.
    pub content_per_hour: u32,
    /// Points per minute: 1 for a read, 5 for a write.
    pub points_per_minute: u32,
}

impl Default for GithubSettings {
    fn default() -> Self {
        Self {
            mergeable_polls: 0,
            async_merge_polls: 0,
            tree_entries: 100_000,
            search_delay_seconds: 0,
            search_sees_html_comments: true,
            since_is_inclusive: true,
            refuse_duplicate_version: false,
            jwt_times: true,
            requests_per_hour: 5_000,
            primary_limit_is_429: false,
            secondary_limits: false,
            secondary_retry_after: Some(60),
            content_per_minute: 80,
            content_per_hour: 500,
            points_per_minute: 900,
        }
    }
}

/// A person, an organization or a bot.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccountSeed {
    /// Login, unique without regard to case.
    pub login: String,
    /// Database id; the next free one when absent.
    #[serde(default)]
    pub id: Option<u64>,
    /// What it is.
    #[serde(default)]
    pub kind: AccountKind,
    /// Display name.
    #[serde(default)]
    pub name: Option<String>,
    /// Public address. Commits by the person carry it.
    #[serde(default)]
    pub email: Option<String>,
    /// Organizations: owners, who administer every repository of it.
    #[serde(default)]
    pub owners: Vec<String>,
    /// Organizations: members.
    #[serde(default)]
    pub members: Vec<String>,
    /// Organizations: teams.
    #[serde(default)]
    pub teams: Vec<TeamSeed>,
    /// Organizations: names of the types that issues can have.
    #[serde(default)]
    pub issue_types: Vec<String>,
}

/// A team of an organization.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TeamSeed {
    /// Short name in addresses.
    pub slug: String,
    /// Members by login.
    #[serde(default)]
    pub members: Vec<String>,
    /// Repositories (names without owner) and what the members may do there.
    #[serde(default)]
    pub repositories: BTreeMap<String, Role>,
}

/// A GitHub App.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AppSeed {
    /// App id, the `iss` of its tokens.
    pub id: u64,
    /// Short name; its bot is `slug[bot]`.
    pub slug: String,
    /// Owning account.
    #[serde(default)]
    pub owner: Option<String>,
    /// Client id, accepted as `iss` too.
    #[serde(default)]
    pub client_id: Option<String>,
    /// Permissions by name, for example `contents: write`.
    #[serde(default)]
    pub permissions: BTreeMap<String, Level>,
    /// Events it receives.
    #[serde(default)]
    pub events: Vec<String>,
    /// Where it is installed.
    #[serde(default)]
    pub installations: Vec<InstallationSeed>,
}

/// An installation of an app.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InstallationSeed {
    /// Installation id.
    pub id: u64,
    /// Account it is installed on.
    pub account: String,
    /// Names of the selected repositories, without owner; absent means all.
    #[serde(default)]
    pub repositories: Option<Vec<String>>,
    /// What the account granted, when less than the app asks for.
    #[serde(default)]
    pub permissions: Option<BTreeMap<String, Level>>,
    /// Whether it is suspended.
    #[serde(default)]
    pub suspended: bool,
}

/// A token.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenSeed {
    /// The secret.
    pub token: String,
    /// Whose it is. Leave empty when `installation` is given.
    #[serde(default)]
    pub login: String,
    /// An installation it belongs to.
    #[serde(default)]
    pub installation: Option<u64>,
    /// Permissions of a fine-grained token; absent: everything the owner may do.
    #[serde(default)]
    pub permissions: Option<BTreeMap<String, Level>>,
    /// Full names of the repositories it reaches; absent: all of the owner.
    #[serde(default)]
    pub repositories: Option<Vec<String>>,
    /// When it expires.
    #[serde(default)]
    pub expires_at: Option<DateTime<Utc>>,
    /// Scopes of a classic token; absent: all. Only access to projects asks for them here.
    #[serde(default)]
    pub scopes: Option<Vec<String>>,
}

/// A repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RepositorySeed {
    /// `owner/name`.
    pub full_name: String,
    /// Database id; the next free one when absent.
    pub id: Option<u64>,
    /// Whether only people with a role see it.
    pub private: bool,
    /// One line about it.
    pub description: Option<String>,
    /// Name of the default branch.
    pub default_branch: String,
    /// Files of the first commit on the default branch, path to content. Without any file and
    /// without `directory` the repository is empty.
    pub files: BTreeMap<String, String>,
    /// A directory whose files (UTF-8 or not, `.git` left out) join the first commit.
    pub directory: Option<PathBuf>,
    /// Further branches from the first commit; the files are written on top of it.
    pub branches: BTreeMap<String, BTreeMap<String, String>>,
    /// Labels.
    pub labels: Vec<LabelSeed>,
    /// Milestones, numbered from 1.
    pub milestones: Vec<String>,
    /// Issues, numbered from 1.
    pub issues: Vec<IssueSeed>,
    /// Roles of people besides the owner.
    pub collaborators: BTreeMap<String, Role>,
    /// Branches that need a pull request, and the approvals they ask for.
    pub protected_branches: BTreeMap<String, ProtectionSeed>,
    /// Rulesets for branches.
    pub rulesets: Vec<RulesetSeed>,
    /// Whether issues are switched on.
    pub has_issues: bool,
    /// Merge methods that are allowed: `merge`, `squash`, `rebase`.
    pub merge_methods: Vec<String>,
    /// Whether the head branch goes when a pull request is merged.
    pub delete_branch_on_merge: bool,
    /// Whether pull requests may be set to merge by themselves.
    pub allow_auto_merge: bool,
}

impl Default for RepositorySeed {
    fn default() -> Self {
        Self {
            full_name: String::new(),
            id: None,
            private: false,
            description: None,
            default_branch: "main".to_owned(),
            files: BTreeMap::new(),
            directory: None,
            branches: BTreeMap::new(),
            labels: Vec::new(),
            milestones: Vec::new(),
            issues: Vec::new(),
            collaborators: BTreeMap::new(),
            protected_branches: BTreeMap::new(),
            rulesets: Vec::new(),
            has_issues: true,
            merge_methods: vec!["merge".to_owned(), "squash".to_owned(), "rebase".to_owned()],
            delete_branch_on_merge: false,
            allow_auto_merge: false,
        }
    }
}

/// A label of a repository.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LabelSeed {
    /// Name, unique without regard to case.
    pub name: String,
    /// Six hexadecimal digits.
    #[serde(default)]
    pub color: Option<String>,
    /// What it is for.
    #[serde(default)]
    pub description: Option<String>,
}

/// An issue.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct IssueSeed {
    /// Title.
    pub title: String,
    /// Text.
    pub body: Option<String>,
    /// Author; the owner of the repository when empty.
    pub author: String,
    /// Labels by name.
    pub labels: Vec<String>,
    /// Assignees by login.
    pub assignees: Vec<String>,
    /// Number of the milestone.
    pub milestone: Option<u64>,
    /// Whether it is closed, as completed.
    pub closed: bool,
    /// Name of the type.
    pub issue_type: Option<String>,
    /// Number of the issue above it, which stands before it.
    pub parent: Option<u64>,
    /// Comments, oldest first.
    pub comments: Vec<CommentSeed>,
}

/// A comment on an issue.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommentSeed {
    /// Author.
    pub author: String,
    /// Text.
    pub body: String,
}

/// Why a world cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum WorldError {
    /// A name is malformed, used twice or points nowhere.
    #[error("{place}: {problem}")]
    Invalid {
        /// Where in the world.
        place: String,
        /// What is wrong.
        problem: String,
    },
    /// A directory could not be read or written.
    #[error("{path}: {source}")]
    Directory {
        /// The path.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}
