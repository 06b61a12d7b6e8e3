//! Projects and issue types as a world describes them.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::account::Level;

/// A project with its fields and items.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ProjectSeed {
    /// Login of the organization or person it belongs to.
    pub owner: String,
    /// Its number in addresses; the next free one of the owner when absent.
    pub number: Option<u64>,
    /// Its title.
    pub title: String,
    /// Whether it is closed.
    pub closed: bool,
    /// Whether everybody may read it.
    pub public: bool,
    /// What people besides the owner's own may do.
    pub collaborators: BTreeMap<String, Level>,
    /// Fields besides those every project has. One called `Status` takes the place of the usual one,
    /// which offers `Todo`, `In Progress` and `Done`.
    pub fields: Vec<ProjectFieldSeed>,
    /// Issues and pull requests in it, in order.
    pub items: Vec<ProjectItemSeed>,
}

/// A field of a project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProjectFieldSeed {
    /// Its name, unique in the project without regard to case.
    pub name: String,
    /// What it holds.
    pub kind: ProjectFieldKind,
    /// Names of the options of a single select.
    #[serde(default)]
    pub options: Vec<String>,
    /// Iterations, earliest first. Those that ended before the day of a request are completed.
    #[serde(default)]
    pub iterations: Vec<IterationSeed>,
}

/// What a field that people made holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProjectFieldKind {
    /// A line of text.
    Text,
    /// A number.
    Number,
    /// A day.
    Date,
    /// One of some options.
    SingleSelect,
    /// A span of days with a title.
    Iteration,
}

/// One iteration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IterationSeed {
    /// Its title.
    pub title: String,
    /// Its first day.
    pub start: NaiveDate,
    /// Its length in days.
    pub days: u32,
}

/// An issue or pull request in a project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProjectItemSeed {
    /// `owner/name`.
    pub repository: String,
    /// Number of the issue or pull request.
    pub number: u64,
    /// Whether it is archived.
    #[serde(default)]
    pub archived: bool,
}
