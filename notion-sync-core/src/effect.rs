//! Effects: what a rule does on GitHub that no value on the page mirrors.
//!
//! An effect is asked about first ([`Gate`]) and written only where the answer is
//! [`Gate::Open`]: with what the answer was based on (the head of a pull request), so that the
//! service refuses it when the world moved on in between.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::id::{OpId, RemoteRef};

/// What a rule does. In settings the name of a variant, alone or as the key of its parts:
/// `"mark-ready"`, `{ merge = { method = "squash" } }`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    /// Opens a pull request for the issue, or finds the one that is open.
    OpenPull(OpenPull),
    /// Marks its pull request as ready for review.
    MarkReady,
    /// Turns its pull request back into a draft.
    ConvertToDraft,
    /// Merges its pull request once everything that the repository requires has passed.
    Merge(Merge),
    /// Closes the issue.
    Close(Close),
    /// Reopens the issue.
    Reopen,
    /// Writes a comment on the issue or its pull request.
    Comment(Note),
    /// Writes a comment that says what the change was and what came of it, once the issue has it and
    /// the steps of all other rules that the same change started have ended.
    Summary,
    /// Adds labels to the issue.
    AddLabels(BTreeSet<String>),
    /// Removes labels from the issue.
    RemoveLabels(BTreeSet<String>),
    /// Sets the milestone by title; an empty one clears it.
    SetMilestone(String),
    /// Sets the assignees by login.
    SetAssignees(BTreeSet<String>),
    /// Sets the issue type by name; an empty one clears it.
    SetType(String),
    /// Sets a field of the issue's item in a project; the item is added where it is missing.
    SetProjectField(ProjectField),
    /// Starts a workflow.
    Dispatch(Dispatch),
}

impl Effect {
    /// Its name, as in settings.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::OpenPull(_) => "open-pull",
            Self::MarkReady => "mark-ready",
            Self::ConvertToDraft => "convert-to-draft",
            Self::Merge(_) => "merge",
            Self::Close(_) => "close",
            Self::Reopen => "reopen",
            Self::Comment(_) => "comment",
            Self::Summary => "summary",
            Self::AddLabels(_) => "add-labels",
            Self::RemoveLabels(_) => "remove-labels",
            Self::SetMilestone(_) => "set-milestone",
            Self::SetAssignees(_) => "set-assignees",
            Self::SetType(_) => "set-type",
            Self::SetProjectField(_) => "set-project-field",
            Self::Dispatch(_) => "dispatch",
        }
    }

    /// One line for people.
    #[must_use]
    pub fn label(&self) -> String {
        let list = |names: &BTreeSet<String>| names.iter().cloned().collect::<Vec<_>>().join(", ");
        match self {
            Self::OpenPull(open) if open.draft => "open a draft pull request".to_owned(),
            Self::OpenPull(_) => "open a pull request".to_owned(),
            Self::MarkReady => "mark the pull request as ready for review".to_owned(),
            Self::ConvertToDraft => "turn the pull request into a draft".to_owned(),
            Self::Merge(_) => "merge the pull request".to_owned(),
            Self::Close(close) => format!("close the issue as {}", close.reason.words()),
            Self::Reopen => "reopen the issue".to_owned(),
            Self::Comment(_) => "comment".to_owned(),
            Self::Summary => "say what the change did".to_owned(),
            Self::AddLabels(names) => format!("add the labels {}", list(names)),
            Self::RemoveLabels(names) => format!("remove the labels {}", list(names)),
            Self::SetMilestone(title) if title.is_empty() => "clear the milestone".to_owned(),
            Self::SetMilestone(title) => format!("set the milestone {title:?}"),
            Self::SetAssignees(names) => format!("assign {}", list(names)),
            Self::SetType(name) if name.is_empty() => "clear the issue type".to_owned(),
            Self::SetType(name) => format!("set the issue type {name:?}"),
            Self::SetProjectField(field) => format!("set {} of the project item", field.field),
            Self::Dispatch(dispatch) => format!("start the workflow {}", dispatch.workflow),
        }
    }

    /// What it did, once it is done, and whether the number of the pull request belongs behind that.
    #[must_use]
    pub fn deed(&self) -> (String, bool) {
        let list = |names: &BTreeSet<String>| names.iter().cloned().collect::<Vec<_>>().join(", ");
        let text = match self {
            Self::OpenPull(open) if open.draft => return ("opened the draft".to_owned(), true),
            Self::OpenPull(_) => return ("opened".to_owned(), true),
            Self::MarkReady => return ("marked as ready for review".to_owned(), true),
            Self::ConvertToDraft => return ("turned into a draft".to_owned(), true),
            Self::Merge(_) => return ("merged".to_owned(), true),
            Self::Close(close) => format!("closed the issue as {}", close.reason.words()),
            Self::Reopen => "reopened the issue".to_owned(),
            Self::Comment(_) | Self::Summary => "commented".to_owned(),
            Self::AddLabels(names) => format!("added the labels {}", list(names)),
            Self::RemoveLabels(names) => format!("removed the labels {}", list(names)),
            Self::SetMilestone(title) if title.is_empty() => "cleared the milestone".to_owned(),
            Self::SetMilestone(title) => format!("set the milestone {title:?}"),
            Self::SetAssignees(names) => format!("assigned {}", list(names)),
            Self::SetType(name) if name.is_empty() => "cleared the issue type".to_owned(),
            Self::SetType(name) => format!("set the issue type {name:?}"),
            Self::SetProjectField(field) => format!("set {} of the project item", field.field),
            Self::Dispatch(dispatch) => format!("started the workflow {}", dispatch.workflow),
        };
        (text, false)
    }
}

/// A pull request to open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct OpenPull {
    /// Whether as a draft. Default yes. Where the service has no drafts it is opened ready.
    pub draft: bool,
    /// Name of the branch, made where it does not exist: `{number}` and `{slug}` stand for the
    /// issue's number and title. Default `task/{number}-{slug}`.
    pub branch: String,
    /// Branch to merge into. Default: the repository's default branch.
    pub base: Option<String>,
    /// Title; `{title}` and `{number}` as above. Default `{title}`.
    pub title: String,
    /// What the first commit of a new branch holds: nothing, or this file.
    pub file: Option<FirstFile>,
    /// Whether its description closes the issue when it is merged. Default yes.
    pub closes: bool,
    /// Who is asked to review: logins and `org/team`.
    pub reviewers: Vec<String>,
}

impl Default for OpenPull {
    fn default() -> Self {
        Self {
            draft: true,
            branch: "task/{number}-{slug}".to_owned(),
            base: None,
            title: "{title}".to_owned(),
            file: None,
            closes: true,
            reviewers: Vec::new(),
        }
    }
}

/// The file of a first commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FirstFile {
    /// Its path; `{number}` and `{slug}` as in the branch.
    pub path: String,
    /// Its text; `{number}`, `{title}` and `{page}` (address) as above.
    pub text: String,
}

/// How a pull request is merged.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum MergeMethod {
    /// A commit with two parents.
    Merge,
    /// One commit with everything.
    Squash,
    /// Every commit again, on top of the base.
    Rebase,
}

/// A merge.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Merge {
    /// How. Default: the first of squash, merge, rebase that the repository allows.
    pub method: Option<MergeMethod>,
    /// Whether a draft is marked as ready first. Default no: a draft waits.
    pub ready: bool,
}

/// Why an issue is closed.
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
pub enum CloseReason {
    /// Done.
    #[default]
    Completed,
    /// Will not be done.
    NotPlanned,
    /// There is another one.
    Duplicate,
}

impl CloseReason {
    /// As the service writes it.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::NotPlanned => "not_planned",
            Self::Duplicate => "duplicate",
        }
    }
}

/// Closes an issue.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Close {
    /// Why.
    pub reason: CloseReason,
    /// Whether it waits until the pull request of the issue is merged.
    pub after_merge: bool,
}

/// Where a comment goes.
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
pub enum NotePlace {
    /// To the issue.
    #[default]
    Issue,
    /// To its pull request.
    Pull,
}

/// A comment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Note {
    /// Its text: `{title}`, `{value}` (what the property says now), `{page}` (address), `{number}`.
    pub text: String,
    /// Where it goes.
    pub on: NotePlace,
}

/// A field of a project item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProjectField {
    /// `owner/number` of the project.
    pub project: String,
    /// Name of the field.
    pub field: String,
    /// Its value: an option's or iteration's name, a date, a number, text; empty clears.
    pub value: String,
}

/// A workflow to start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Dispatch {
    /// File name or id of the workflow.
    pub workflow: String,
    /// Branch or tag. Default: the repository's default branch.
    #[serde(default)]
    pub reference: Option<String>,
    /// Inputs: `{title}`, `{value}`, `{page}`, `{number}` as in a comment, and `{op}`, the id of the
    /// operation: in the `run-name` of the workflow it tells whether a start happened whose answer was
    /// lost. Without it nobody can tell where other runs of the sync began at that time.
    #[serde(default)]
    pub inputs: BTreeMap<String, String>,
}

/// What a change of a property did, for [`Effect::Summary`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// The property's name.
    pub property: String,
    /// What it said before; what it says now is the value of the request.
    pub from: String,
    /// The login of who changed it, where the mapping knows the person.
    #[serde(default)]
    pub by: Option<String>,
    /// What came of it, in order.
    pub did: Vec<Consequence>,
}

/// One thing that came of a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consequence {
    /// What was done, or should have been.
    pub what: String,
    /// Number of the pull request that it was done to.
    #[serde(default)]
    pub pull: Option<u64>,
    /// Why it was not done.
    #[serde(default)]
    pub failed: Option<String>,
}

/// What is asked for, with what it is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EffectRequest {
    /// The operation it will be: names and marks carry it.
    pub op: OpId,
    /// The issue.
    pub object: RemoteRef,
    /// Other objects of the record by role: `pull` is its pull request.
    #[serde(default)]
    pub links: BTreeMap<String, RemoteRef>,
    /// What to do.
    pub effect: Effect,
    /// The page's id.
    pub page: Option<String>,
    /// Address of the page, for people.
    pub page_url: Option<String>,
    /// Title of the page.
    pub title: String,
    /// What the property of the rule says now.
    pub value: String,
    /// What came of the change, for [`Effect::Summary`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<Summary>,
}

/// An effect as it is written, with what its gate was based on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EffectWrite {
    /// What was asked for.
    pub request: EffectRequest,
    /// The pull request it concerns, where it concerns one that exists.
    #[serde(default)]
    pub pull: Option<RemoteRef>,
    /// Head of the pull request that was judged: the service refuses another one.
    #[serde(default)]
    pub head: Option<String>,
    /// What else the adapter decided when it looked, in its own words: branch, base, method.
    #[serde(default)]
    pub decided: BTreeMap<String, String>,
}

/// Whether an effect can be had.
// Gates are short-lived: a box would cost every adapter more than it saves.
#[allow(clippy::large_enum_variant)]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Gate {
    /// Now: this is to be written.
    Open(EffectWrite),
    /// It is so already; what was found is linked.
    Holds {
        /// Objects by role, as in [`EffectRequest::links`].
        links: BTreeMap<String, RemoteRef>,
    },
    /// Not yet: a check runs, a review is missing.
    Closed {
        /// Why, for people.
        reason: String,
        /// When to ask again, where the remote knows.
        again: Option<DateTime<Utc>>,
    },
    /// Not as things are, and waiting does not change that: what is missing, for people.
    Refused(String),
}

/// A pull request that belongs to an issue, as the page shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkedPull {
    /// Which.
    pub object: RemoteRef,
    /// Its number.
    pub number: u64,
    /// Its address.
    pub url: String,
    /// `draft`, `open`, `merged` or `closed`.
    pub state: String,
    /// Head of its branch.
    pub head: String,
    /// What reviewers decided: `approved`, `changes requested`, `review required`.
    pub review: Option<String>,
    /// Checks in a word: `passed`, `failed`, `pending`; `None` where there are none.
    pub checks: Option<String>,
    /// Whether the sync opened it.
    pub ours: bool,
    /// When it was last changed, as the service says it.
    pub updated_at: DateTime<Utc>,
}
