//! What is mapped on a stage, and how.

use notion_sync_core::bounds::Bounds;
use notion_sync_core::comment::CommentSync;
use notion_sync_core::id::MappingId;
use notion_sync_core::mapping::{Deliver, FileMarker, Guard, IssueMarks, PathPolicy, Policy};

use crate::config::{Delete, ProjectSection, RuleSection};
use crate::emulation::{GITHUB_TOKEN, NOTION_TOKEN};

/// Name of the mapping of documents.
pub(crate) const DOCUMENTS: &str = "handbook";
/// Name of the mapping of tasks.
pub(crate) const TASKS: &str = "backlog";

/// The two mappings of a stage.
#[derive(Debug, Clone)]
pub struct Terms {
    /// Policy of the handbook; `None` maps no documents.
    pub documents: Option<Policy>,
    /// Policy of the backlog; `None` maps no tasks.
    pub tasks: Option<Policy>,
    /// Rules of the backlog.
    pub rules: Vec<RuleSection>,
    /// Whether the heads of its pull requests are told how page and issue stand.
    pub drift_status: bool,
    /// Which issues carry the hidden block.
    pub mark_issues: IssueMarks,
    /// Whether a comment on each issue shows what both sides agree on.
    pub automation_comment: bool,
    /// Whether a comment says what a change of the status did.
    pub change_comments: bool,
    /// Repositories that the property `GitHub Repository` of a task may name; with none every task
    /// belongs to the backlog.
    pub repositories: Vec<String>,
    /// Whether options that a select does not have are added to it.
    pub create_options: bool,
    /// Fields of a project that belong to its tasks.
    pub project: Option<ProjectSection>,
    /// How comments of the backlog follow.
    pub comments: Option<CommentSync>,
    /// Property of the parents of tasks, where they follow.
    pub parent: Option<String>,
    /// Property of the types of issues, where they follow.
    pub issue_type: Option<String>,
    /// Marks in files.
    pub file_marker: FileMarker,
    /// Template of paths.
    pub path: String,
    /// What a changed title does to the path.
    pub path_policy: PathPolicy,
    /// How edits reach the repository of the handbook.
    pub deliver: Deliver,
    /// How removals reach it.
    pub delete: Delete,
    /// Guard against mass changes.
    pub guard: Guard,
    /// Whether several processes work on the store.
    pub shared: bool,
    /// Bounds of time.
    pub bounds: Bounds,
    /// Token that the synchronisation uses on Notion.
    pub notion_token: String,
    /// Token that the synchronisation uses on GitHub.
    pub github_token: String,
}

impl Default for Terms {
    fn default() -> Self {
        Self {
            documents: Some(Policy::ManualReview),
            tasks: Some(Policy::GithubWins),
            rules: Vec::new(),
            drift_status: false,
            mark_issues: IssueMarks::default(),
            automation_comment: false,
            change_comments: false,
            repositories: Vec::new(),
            create_options: true,
            project: None,
            comments: None,
            parent: None,
            issue_type: None,
            file_marker: FileMarker::FrontMatter,
            path: "docs/{slug}.md".to_owned(),
            path_policy: PathPolicy::default(),
            deliver: Deliver::default(),
            delete: Delete::default(),
            guard: Guard::default(),
            shared: false,
            bounds: Bounds::default(),
            notion_token: NOTION_TOKEN.to_owned(),
            github_token: GITHUB_TOKEN.to_owned(),
        }
    }
}

impl Terms {
    /// The mappings that there are.
    #[must_use]
    pub fn mappings(&self) -> Vec<MappingId> {
        let documents = self.documents.map(|_| MappingId::new(DOCUMENTS));
        let tasks = self.tasks.map(|_| MappingId::new(TASKS));
        documents.into_iter().chain(tasks).collect()
    }

    /// Documents alone.
    #[must_use]
    pub fn documents(policy: Policy) -> Self {
        Self {
            documents: Some(policy),
            tasks: None,
            ..Self::default()
        }
    }

    /// Tasks alone.
    #[must_use]
    pub fn tasks(policy: Policy) -> Self {
        Self {
            documents: None,
            tasks: Some(policy),
            ..Self::default()
        }
    }

    /// Lets any number of edits and removals through.
    #[must_use]
    pub fn unguarded(mut self) -> Self {
        // A configuration holds no larger numbers.
        let any = usize::try_from(i64::MAX).unwrap_or(usize::MAX);
        self.guard = Guard {
            removals: any,
            edits: any,
            ..Guard::default()
        };
        self
    }

    /// The same, where a run may remove so many objects, and no share of them, without an approval.
    #[must_use]
    pub fn guarded(mut self, removals: usize) -> Self {
        self.guard.removals = removals;
        self.guard.removal_percent = 0;
        self
    }
}
