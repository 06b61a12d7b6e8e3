//! What is kept the same with what: mappings, their policies, fields and paths.

pub mod field;
pub mod labels;
pub mod notes;
pub mod parent;
pub mod path;
mod property;
pub mod sentinel;
pub mod view;

use serde::{Deserialize, Serialize};

pub use field::{Direction, FieldKind, FieldMap, Lens, LensError, Misfit, People, Resolver};
pub use labels::{LabelFamily, Labels};
pub use notes::{IssueMarks, IssueNotes};
pub use parent::{Relative, Relatives};
pub use path::PathTemplate;
pub use sentinel::{Canary, Sentinel};
pub use view::{BodyView, View};

use crate::comment::CommentSync;
use crate::id::MappingId;
use crate::rule::{Rule, Values};

/// What is mapped.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum MappingKind {
    /// Pages and Markdown files.
    Documents,
    /// Pages and issues.
    Tasks,
}

/// Who wins when both sides changed the same thing.
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Policy {
    /// Notion's version is written to GitHub; the loser is kept in the audit.
    NotionWins,
    /// GitHub's version is written to Notion; the loser is kept in the audit.
    GithubWins,
    /// Nothing is written; a person decides in a pull request or comment.
    #[default]
    ManualReview,
}

impl Policy {
    /// The policy with the sides exchanged.
    #[must_use]
    pub fn mirrored(self) -> Self {
        match self {
            Self::NotionWins => Self::GithubWins,
            Self::GithubWins => Self::NotionWins,
            Self::ManualReview => Self::ManualReview,
        }
    }
}

/// How edits from Notion reach the repository.
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Deliver {
    /// One commit per run on the branch itself.
    #[default]
    Commit,
    /// A pull request per record.
    PullRequest,
}

/// Whether files carry the id of their page.
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum FileMarker {
    /// `notion_page_id` and `notion_revision` in the front matter of files the sync creates; files
    /// that people wrote get them with their first real edit.
    #[default]
    FrontMatter,
    /// Files stay free of marks; only the registry knows the pair.
    None,
}

/// What a changed title does to the path of a file.
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum PathPolicy {
    /// Nothing: links to the file keep working.
    #[default]
    Stable,
    /// The file moves to the path the template gives for the new title.
    FollowTitle,
}

/// One data source and its place on GitHub.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mapping {
    /// Its name.
    pub id: MappingId,
    /// What it maps.
    pub kind: MappingKind,
    /// Who wins.
    pub policy: Policy,
    /// How edits reach the repository (documents).
    #[serde(default)]
    pub deliver: Deliver,
    /// Whether deletions of files are delivered as pull requests (`true`, the default) or with the
    /// commit of the run.
    #[serde(default = "yes")]
    pub delete_by_proposal: bool,
    /// Whether under a wins policy a deletion also beats an edit.
    #[serde(default)]
    pub delete_beats_edit: bool,
    /// Whether a page and a file or issue of the same path or title, neither of which carries a
    /// marker, are joined. They are never joined when more than one candidate exists.
    #[serde(default)]
    pub adopt_by_key: bool,
    /// Marks in files (documents).
    #[serde(default)]
    pub file_marker: FileMarker,
    /// What a changed title does to the path (documents).
    #[serde(default)]
    pub path_policy: PathPolicy,
    /// Path of new files (documents).
    #[serde(default)]
    pub path: PathTemplate,
    /// Who is asked to review pull requests: logins and `org/team`.
    #[serde(default)]
    pub reviewers: Vec<String>,
    /// Fields beyond title, body and (tasks) state.
    pub fields: Vec<FieldMap>,
    /// What changes of properties do on GitHub (tasks).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<Rule>,
    /// Whether the head of every linked pull request gets a commit status that is red while registry
    /// and marks disagree or a conflict is open (tasks).
    #[serde(default)]
    pub drift_status: bool,
    /// What the sync keeps on issues besides their fields (tasks).
    #[serde(default)]
    pub notes: IssueNotes,
    /// Which pages become issues (tasks); `None`: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub create_when: Option<CreateWhen>,
    /// Whether and how comments follow (tasks). Default: they do not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comments: Option<CommentSync>,
    /// Addresses that relative links of a file stand for (documents).
    #[serde(default)]
    pub links: Links,
    /// From where on bodies stay on their own side (tasks).
    #[serde(default)]
    pub keep_below: KeepBelow,
    /// What must be readable before absence means anything. Default: nothing.
    #[serde(default, skip_serializing_if = "Sentinel::is_nothing")]
    pub sentinel: Sentinel,
    /// Limits on what is accepted.
    #[serde(default)]
    pub limits: Limits,
}

impl Mapping {
    /// Sets what must be readable before absence means anything.
    #[must_use]
    pub fn with_sentinel(mut self, sentinel: Sentinel) -> Self {
        self.sentinel = sentinel;
        self
    }
}

/// Lines from which on a body stays on its own side: never read into the other, never rewritten.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KeepBelow {
    /// The line of an issue's text (`## GitHub only`), where it begins a block.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub github: Option<String>,
    /// The text of a paragraph or heading of a page, not inside another block.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notion: Option<String>,
}

impl KeepBelow {
    /// Whether nothing stays.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        self.github.is_none() && self.notion.is_none()
    }
}

/// Which pages become issues.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreateWhen {
    /// Id or name of the property on Notion.
    pub on: String,
    /// What it must say.
    pub values: Values,
}

/// Addresses that relative links in files stand for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Links {
    /// Address of the branch's files for people, with a slash at the end:
    /// `https://github.com/acme/handbook/blob/main/`.
    pub blob_base: String,
    /// Address of the branch's raw bytes, for images.
    pub raw_base: String,
}

/// Limits on one document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Bytes of a file or body. Default 1 MiB.
    pub bytes: usize,
    /// Blocks of a body. Default 20,000.
    pub blocks: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            bytes: 1 << 20,
            blocks: 20_000,
        }
    }
}

/// Safety rails of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Guard {
    /// Removals always allowed in one run. Default 10.
    pub removals: usize,
    /// Removals allowed as a share of the mapping's live records, in percent. Default 5.
    pub removal_percent: usize,
    /// Edits always allowed in one run. Default 20.
    pub edits: usize,
    /// Edits allowed as a share of the mapping's live records, in percent. Default 50.
    pub edit_percent: usize,
    /// Merges of pull requests that rules may do in one run. Default 10.
    pub merges: usize,
    /// Why nothing at all is to be written, while that is so: the kill switch. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frozen: Option<String>,
}

impl Guard {
    /// One line for people where nothing is to be written.
    #[must_use]
    pub fn told(&self) -> Option<String> {
        let why = self.frozen.as_ref()?;
        Some(format!("frozen by the configuration: {why}"))
    }
}

impl Default for Guard {
    fn default() -> Self {
        Self {
            removals: 10,
            removal_percent: 5,
            edits: 20,
            edit_percent: 50,
            merges: 10,
            frozen: None,
        }
    }
}

fn yes() -> bool {
    true
}
