//! One delivery: what happened where.

use std::fmt;

use http::HeaderMap;
use notion_sync_core::webhook::{Refusal, only};

use super::payload::Payload;

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// The name of an event.
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum EventKind {
            $($(#[$doc])* $name,)*
            /// One that this release does not use, as it was sent.
            Other(String),
        }

        impl EventKind {
            /// Every known name.
            pub const KNOWN: &'static [&'static str] = &[$($text),*];

            /// The name as GitHub writes it.
            #[must_use]
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$name => $text,)*
                    Self::Other(text) => text,
                }
            }
        }

        impl From<&str> for EventKind {
            fn from(text: &str) -> Self {
                match text {
                    $($text => Self::$name,)*
                    other => Self::Other(other.to_owned()),
                }
            }
        }
    };
}

kinds! {
    /// The first delivery of a hook.
    Ping = "ping",
    /// An issue.
    Issues = "issues",
    /// A comment on an issue or pull request.
    IssueComment = "issue_comment",
    /// An issue became or ceased to be part of another.
    SubIssues = "sub_issues",
    /// An issue began or ceased to block another.
    IssueDependencies = "issue_dependencies",
    /// A pull request.
    PullRequest = "pull_request",
    /// A review.
    PullRequestReview = "pull_request_review",
    /// A comment on lines of a pull request.
    PullRequestReviewComment = "pull_request_review_comment",
    /// A conversation on lines of a pull request.
    PullRequestReviewThread = "pull_request_review_thread",
    /// A branch or tag moved.
    Push = "push",
    /// A branch or tag is new.
    Create = "create",
    /// A branch or tag is gone.
    Delete = "delete",
    /// One check of a commit.
    CheckRun = "check_run",
    /// All checks of one App on a commit.
    CheckSuite = "check_suite",
    /// A status of a commit.
    Status = "status",
    /// A merge queue.
    MergeGroup = "merge_group",
    /// A label of a repository.
    Label = "label",
    /// A milestone of a repository.
    Milestone = "milestone",
    /// A repository.
    Repository = "repository",
    /// An App was installed, removed, suspended, or may do other things now.
    Installation = "installation",
    /// An installation got or lost repositories.
    InstallationRepositories = "installation_repositories",
    /// An item of a project.
    ProjectsV2Item = "projects_v2_item",
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The hook that sent a delivery, as its headers say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hook {
    /// Its id.
    pub id: u64,
    /// `repository`, `organization`, `integration` (an App), or newer.
    pub target: String,
    /// Id of the repository, organisation or App.
    pub target_id: u64,
}

impl Hook {
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        let number = |name| only(headers, name)?.parse().ok();
        Some(Self {
            id: number("x-github-hook-id")?,
            target: only(headers, "x-github-hook-installation-target-type")?.to_owned(),
            target_id: number("x-github-hook-installation-target-id")?,
        })
    }
}

/// One delivery whose signature was checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Delivery {
    /// Its id, the same when it is delivered again.
    pub id: String,
    /// The event.
    pub kind: EventKind,
    /// The hook that sent it, where the headers say so.
    pub hook: Option<Hook>,
    /// What it says.
    pub payload: Payload,
}

impl Delivery {
    /// Reads a payload that was checked already, for example one that the list of deliveries holds.
    ///
    /// # Errors
    ///
    /// [`Refusal::Malformed`] when the text is no JSON object.
    pub fn parse(id: &str, event: &str, hook: Option<Hook>, json: &str) -> Result<Self, Refusal> {
        Ok(Self {
            id: id.to_owned(),
            kind: EventKind::from(event),
            hook,
            payload: Payload::parse(json)?,
        })
    }

    /// The event with its action: `issues.edited`.
    #[must_use]
    pub fn name(&self) -> String {
        match &self.payload.action {
            Some(action) => format!("{}.{action}", self.kind),
            None => self.kind.to_string(),
        }
    }
}
