//! The sections of the settings.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use notion_sync_core::comment::CommentSync;
use notion_sync_core::mapping::{
    Canary, Deliver, FileMarker, IssueMarks, KeepBelow, Limits, PathPolicy, Policy, Sentinel,
};
use notion_sync_github::{API_URL, API_VERSION as GITHUB_VERSION, RateLimits};
use notion_sync_notion::BookkeepingNames;
use notion_sync_notion::client::{API_VERSION as NOTION_VERSION, BASE_URL};
use serde::{Deserialize, Serialize};

use super::{FrontMatterField, LabelsChoice, ProjectFieldChoice, RepositoryChoice, RuleSection};

/// `[notion]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NotionSection {
    /// Base address; HTTPS, or plain HTTP to loopback. `NOTION_API_BASE_URL` overrides it.
    pub base_url: String,
    /// `Notion-Version` of every request.
    pub version: String,
    /// Requests in 60 seconds. Default 180, what every plan allows; Business and Enterprise plans
    /// allow 600.
    pub requests_per_minute: u32,
    /// Whether an option that a select does not have may be added by writing it. Default no.
    pub create_options: bool,
    /// Names of the engine's properties.
    pub properties: BookkeepingNames,
}

impl Default for NotionSection {
    fn default() -> Self {
        Self {
            base_url: BASE_URL.to_owned(),
            version: NOTION_VERSION.to_owned(),
            requests_per_minute: 180,
            create_options: false,
            properties: BookkeepingNames::default(),
        }
    }
}

/// `[github]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GithubSection {
    /// REST base: `https://api.github.com`, or `https://HOST/api/v3` of an Enterprise server.
    /// `GITHUB_API_URL` overrides it.
    pub api_url: String,
    /// GraphQL address where it is not the usual one. `GITHUB_GRAPHQL_URL` overrides it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub graphql_url: Option<String>,
    /// Address for people, without a slash at the end; relative links in files stand for addresses
    /// below it. Derived from `api_url` where it is not set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub web_url: Option<String>,
    /// `X-GitHub-Api-Version` of every request.
    pub version: String,
    /// Least time between two writes, in milliseconds. Default 1000, what GitHub asks for; less is
    /// accepted for loopback only.
    pub write_spacing_ms: u32,
    /// Least time between two writes that notify people, in milliseconds. Default 3000.
    pub notify_spacing_ms: u32,
    /// Points that may be spent in a minute: 1 for a read, 5 for a write. Default 900, what GitHub publishes;
    /// an Enterprise server has the limits that its administrators set.
    pub points_per_minute: u32,
    /// Issues, comments and pull requests that may be created in a minute. Default 80, likewise.
    pub content_per_minute: u32,
    /// The same in an hour. Default 500, likewise.
    pub content_per_hour: u32,
}

impl Default for GithubSection {
    fn default() -> Self {
        let limits = RateLimits::default();
        Self {
            api_url: API_URL.to_owned(),
            graphql_url: None,
            web_url: None,
            version: GITHUB_VERSION.to_owned(),
            write_spacing_ms: limits.write_spacing_ms,
            notify_spacing_ms: limits.notify_spacing_ms,
            points_per_minute: limits.points_per_minute,
            content_per_minute: limits.content_per_minute,
            content_per_hour: limits.content_per_hour,
        }
    }
}

/// Whether text in the store is encrypted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sealing {
    /// With the key in `ENCRYPTION_KEY`; without a key the program refuses to start.
    #[default]
    On,
    /// Not at all.
    Off,
}

/// `[store]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StoreSection {
    /// `sqlite:FILE` (relative to the configuration file), `sqlite::memory:` or `memory:`.
    pub url: String,
    /// Whether text in it is encrypted.
    pub sealing: Sealing,
    /// A file with the key, relative to the configuration file, used where neither
    /// `ENCRYPTION_KEY` nor `ENCRYPTION_KEY_FILE` is set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_file: Option<PathBuf>,
    /// Whether several processes work on it together: each mapping is worked on by one at a time,
    /// under a lease. Otherwise the first process has it for itself.
    pub shared: bool,
}

impl Default for StoreSection {
    fn default() -> Self {
        Self {
            url: "sqlite:notion-sync.db".to_owned(),
            sealing: Sealing::On,
            key_file: None,
            shared: false,
        }
    }
}

/// `[audit]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AuditSection {
    /// How many of the newest decisions about each pair are kept with what they looked at, for
    /// `audit replay`. Each takes about as much room as both bodies. Default 1, at most 100.
    pub decisions: u32,
}

impl Default for AuditSection {
    fn default() -> Self {
        Self { decisions: 1 }
    }
}

/// `[schedule]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ScheduleSection {
    /// Seconds between polls. Default 60.
    pub poll: u32,
    /// Seconds between full listings. Default 86,400.
    pub sweep: u32,
    /// Seconds between full listings that read every body, edited or not. Default 604,800.
    pub contents: u32,
}

impl Default for ScheduleSection {
    fn default() -> Self {
        Self {
            poll: 60,
            sweep: 86_400,
            contents: 604_800,
        }
    }
}

/// `[receiver]`: webhooks and events over HTTP, for `serve`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReceiverSection {
    /// Where to listen; nothing is received where it is not set. Plain HTTP: put what ends TLS in
    /// front of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listen: Option<SocketAddr>,
    /// Seconds that may pass from a change to its event before a webhook counts as silent. Default
    /// 600: Notion may take five minutes.
    pub silence: u32,
    /// How long to wait for more after an event, in milliseconds: edits come in flocks. Default 500.
    pub gather_ms: u32,
    /// Largest delivery of GitHub, in bytes. Default 25 MiB, which is what GitHub sends at most.
    pub github_max_bytes: usize,
}

impl Default for ReceiverSection {
    fn default() -> Self {
        Self {
            listen: None,
            silence: 600,
            gather_ms: 500,
            github_max_bytes: notion_sync_github::webhook::MAX_BYTES,
        }
    }
}

/// How removals of files are delivered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Delete {
    /// As pull requests.
    #[default]
    PullRequest,
    /// With the commit of the run.
    Commit,
}

/// `[[documents]]`: one data source and one folder of a branch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DocumentsSection {
    /// Its name: lower-case letters, digits, `-` and `_`. State is kept under it.
    pub name: String,
    /// Id of the data source (not of the database that holds it).
    pub data_source: String,
    /// `owner/name`.
    pub repository: String,
    /// Branch. Default `main`.
    pub branch: String,
    /// Path of new files, with `{slug}` for the title or `{id}`. Its folder and extension say which
    /// files belong to the mapping.
    pub path: String,
    /// Who wins. Default `manual-review`.
    pub policy: Policy,
    /// How edits reach the repository. Default `commit`.
    pub deliver: Deliver,
    /// How removals reach the repository. Default `pull-request`.
    pub delete: Delete,
    /// Whether under a wins policy a removal also beats an edit.
    pub delete_beats_edit: bool,
    /// Whether a page and a file of the same title or path are joined when neither has a marker.
    pub adopt_by_key: bool,
    /// Whether files carry the id of their page. Default `front-matter`.
    pub file_marker: FileMarker,
    /// What a changed title does to the path. Default `stable`.
    pub path_policy: PathPolicy,
    /// Who is asked to review: logins and `org/team`.
    pub reviewers: Vec<String>,
    /// Property = key in the front matter.
    pub front_matter: BTreeMap<String, FrontMatterField>,
    /// Whether commits are signed by GitHub, for branches that require it.
    pub signed: bool,
    /// A page and a file that must be readable before absence means anything. Default: none.
    #[serde(skip_serializing_if = "SentinelSection::is_nothing")]
    pub sentinel: SentinelSection,
    /// Limits on one document.
    pub limits: Limits,
}

/// `[documents.sentinel]` and `[tasks.sentinel]`: what must be readable, with what it must contain.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SentinelSection {
    /// The page: id or address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub page: Option<Canary>,
    /// The file, as a path from the root of the repository (documents).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<Canary>,
    /// The issue: its number, or `owner/name#number` (tasks).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issue: Option<Canary>,
}

impl SentinelSection {
    /// Whether there is none.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        self.page.is_none() && self.file.is_none() && self.issue.is_none()
    }

    /// As the engine takes it.
    #[must_use]
    pub fn sentinel(&self) -> Sentinel {
        Sentinel {
            notion: self.page.clone(),
            github: self.file.clone().or_else(|| self.issue.clone()),
        }
    }
}

impl Default for DocumentsSection {
    fn default() -> Self {
        Self {
            name: String::new(),
            data_source: String::new(),
            repository: String::new(),
            branch: "main".to_owned(),
            path: "docs/{slug}.md".to_owned(),
            policy: Policy::default(),
            deliver: Deliver::default(),
            delete: Delete::default(),
            delete_beats_edit: false,
            adopt_by_key: false,
            file_marker: FileMarker::default(),
            path_policy: PathPolicy::default(),
            reviewers: Vec::new(),
            front_matter: BTreeMap::new(),
            signed: false,
            sentinel: SentinelSection::default(),
            limits: Limits::default(),
        }
    }
}

/// `status = { … }`: which options mean that an issue is open or closed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StatusSection {
    /// The property: status, select or checkbox.
    pub property: String,
    /// Options of an open issue.
    pub open: Vec<String>,
    /// Options of a closed issue.
    pub closed: Vec<String>,
    /// Written when an issue is reopened. Default: the first of `open`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub open_default: Option<String>,
    /// Written when an issue is closed. Default: the first of `closed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub closed_default: Option<String>,
}

/// `labels = { … }`: which labels go to a property, and under which names.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LabelsSection {
    /// The property: multi-select.
    pub property: String,
    /// Only labels that begin with one of these, whatever their case. Default: all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub include: Vec<String>,
    /// Never labels that begin with one of these, whatever their case.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub exclude: Vec<String>,
    /// Whether the page shows what comes after the one prefix in `include`. Default no.
    pub strip: bool,
}

/// One of `label_fields`: labels of which an issue has one, as the value of a select property.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LabelField {
    /// The property: select or status.
    pub property: String,
    /// What its labels begin with, whatever their case: `priority/`.
    pub prefix: String,
}

/// What only GitHub knows of an issue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IssueFact {
    /// When it was opened: a date property.
    CreatedAt,
    /// When it was closed, empty while it is open: a date property.
    ClosedAt,
    /// The login of who opened it: a text or select property.
    Author,
}

impl IssueFact {
    /// As the settings and the adapter name it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::CreatedAt => "created_at",
            Self::ClosedAt => "closed_at",
            Self::Author => "author",
        }
    }
}

/// `project = { … }`: fields of the issue's item in a project of an organisation or a person.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ProjectSection {
    /// `owner/number`, as in the project's address.
    pub project: String,
    /// Property = name of the field.
    pub fields: BTreeMap<String, ProjectFieldChoice>,
    /// Whether an issue that is not in the project is added as soon as one of the properties says
    /// something. Default no.
    pub add: bool,
    /// A text field that gets the id of the page. Default: none does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub page_id: Option<String>,
}

/// `[[tasks]]`: one data source and the issues of one or several repositories.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TasksSection {
    /// Its name: lower-case letters, digits, `-` and `_`. State is kept under it.
    pub name: String,
    /// Id of the data source.
    pub data_source: String,
    /// Where issues are.
    pub repository: RepositoryChoice,
    /// Who wins. Default `manual-review`.
    pub policy: Policy,
    /// Whether under a wins policy a removal also beats an edit.
    pub delete_beats_edit: bool,
    /// Whether a page and an issue of the same title are joined when neither has a marker.
    pub adopt_by_key: bool,
    /// Open and closed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<StatusSection>,
    /// Multi-select property of the labels, and which of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub labels: Option<LabelsChoice>,
    /// Select properties of which one label says the value, by the name of the field. Their labels
    /// are none of `labels`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub label_fields: BTreeMap<String, LabelField>,
    /// Properties that show what only GitHub knows of the issue. Nothing of it is written to GitHub.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<String, IssueFact>,
    /// People property of the assignees.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assignees: Option<String>,
    /// Select or text property of the milestone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub milestone: Option<String>,
    /// Select or text property of the issue type.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub issue_type: Option<String>,
    /// Relation property of the parent: a relation of the data source to itself, as `Parent item`
    /// of Notion's sub-items. Default: parents do not follow.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// Fields of the issue's item in a project. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub project: Option<ProjectSection>,
    /// From where on the body of a page and the text of an issue stay on their own side. Default:
    /// nowhere.
    #[serde(skip_serializing_if = "KeepBelow::is_nothing")]
    pub keep_below: KeepBelow,
    /// Only pages whose status says one of these become issues: options, or `group:NAME`. Default:
    /// all pages do. A pair that exists stays one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub create_when: Vec<String>,
    /// Whether the head of every linked pull request gets the commit status `notion-sync/drift`,
    /// red while both sides contradict each other or a conflict is open. Needs the permission to
    /// write commit statuses.
    pub drift_status: bool,
    /// Which issues carry the hidden block that names their page. Default `all`: one that people
    /// opened gets it as soon as it has its page, which costs a read and a write of each, once.
    pub mark_issues: IssueMarks,
    /// Whether each issue gets one comment of the sync that names the page and shows what both agreed
    /// on last, edited in place. Default no.
    pub automation_comment: bool,
    /// Whether a comment on the issue says what a change of the status on the page did. Default no.
    pub change_comments: bool,
    /// Whether the common rules are in force besides those below: a draft pull request when the
    /// status becomes `Ready for Review` or `In Review`; a merge, once everything required has
    /// passed, when it becomes one of `status.closed` that does not speak of dropping the task.
    pub common_rules: bool,
    /// What changes of properties do on GitHub.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<RuleSection>,
    /// Whether and how comments follow. Default: they do not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comments: Option<CommentSync>,
    /// A page and an issue that must be readable before absence means anything. Default: none.
    #[serde(skip_serializing_if = "SentinelSection::is_nothing")]
    pub sentinel: SentinelSection,
    /// Limits on one issue.
    pub limits: Limits,
}
