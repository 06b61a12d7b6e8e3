//! The shapes of answers, read leniently: every field may be absent, unknown ones are ignored,
//! unknown words of an enumeration stay words.

use chrono::{DateTime, Utc};
use secrecy::SecretString;
use serde::Deserialize;

/// A person, bot or organisation.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Account {
    pub(crate) login: Option<String>,
    pub(crate) id: Option<u64>,
    pub(crate) name: Option<String>,
    #[serde(rename = "type")]
    pub(crate) kind: Option<String>,
}

/// A repository.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Repository {
    pub(crate) id: Option<u64>,
    pub(crate) full_name: Option<String>,
    pub(crate) html_url: Option<String>,
    pub(crate) default_branch: Option<String>,
    pub(crate) archived: Option<bool>,
    pub(crate) has_issues: Option<bool>,
    pub(crate) permissions: Option<RepositoryRights>,
}

/// What the credential may do in a repository, in the words of roles.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default)]
pub(crate) struct RepositoryRights {
    pub(crate) push: Option<bool>,
    pub(crate) triage: Option<bool>,
}

/// A branch or tag as the Git Data API shows it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct GitRef {
    pub(crate) object: Option<GitObject>,
}

impl GitRef {
    pub(crate) fn sha(&self) -> Option<&str> {
        self.object.as_ref()?.sha.as_deref()
    }
}

/// What a ref points to.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct GitObject {
    pub(crate) sha: Option<String>,
}

/// Name and time of who made a commit.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Signature {
    pub(crate) name: Option<String>,
    pub(crate) date: Option<DateTime<Utc>>,
}

/// A commit of the Git Data API.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct GitCommit {
    pub(crate) sha: Option<String>,
    pub(crate) tree: Option<GitObject>,
    pub(crate) parents: Vec<GitObject>,
    pub(crate) message: Option<String>,
    pub(crate) author: Option<Signature>,
    pub(crate) committer: Option<Signature>,
}

/// A commit of the repository API: the same, wrapped.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Commit {
    pub(crate) sha: Option<String>,
    pub(crate) commit: Option<GitCommit>,
    pub(crate) author: Option<Account>,
}

impl Commit {
    pub(crate) fn committed_at(&self) -> Option<DateTime<Utc>> {
        self.commit.as_ref()?.committer.as_ref()?.date
    }

    pub(crate) fn message(&self) -> &str {
        self.commit
            .as_ref()
            .and_then(|commit| commit.message.as_deref())
            .unwrap_or_default()
    }

    /// Login, or the name in the commit where GitHub knows no account.
    pub(crate) fn who(&self) -> Option<String> {
        let login = self.author.as_ref().and_then(|author| author.login.clone());
        let name = || self.commit.as_ref()?.author.as_ref()?.name.clone();
        login.or_else(name)
    }
}

/// A branch of the repository API.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Branch {
    pub(crate) commit: Option<Commit>,
    pub(crate) protected: Option<bool>,
    pub(crate) protection: Option<BranchProtection>,
}

/// What an answer about a branch says of its classic protection, to whoever reads contents.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct BranchProtection {
    pub(crate) required_status_checks: Option<RequiredChecks>,
}

/// The checks that classic protection or a rule of a ruleset requires.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct RequiredChecks {
    pub(crate) strict: Option<bool>,
    /// `off` where nobody is bound.
    pub(crate) enforcement_level: Option<String>,
    pub(crate) contexts: Vec<String>,
    pub(crate) checks: Vec<RequiredCheck>,
}

/// A required check. Classic protection calls the app `app_id`, a ruleset `integration_id`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct RequiredCheck {
    pub(crate) context: Option<String>,
    pub(crate) app_id: Option<i64>,
    pub(crate) integration_id: Option<i64>,
}

/// A rule in force for a branch.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Rule {
    #[serde(rename = "type")]
    pub(crate) kind: Option<String>,
    pub(crate) parameters: Option<RuleParameters>,
}

/// What rules say in detail; each kind fills its own.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct RuleParameters {
    pub(crate) required_status_checks: Vec<RequiredCheck>,
    pub(crate) strict_required_status_checks_policy: Option<bool>,
    pub(crate) allowed_merge_methods: Option<Vec<String>>,
}

/// A page of check runs.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct CheckRuns {
    pub(crate) check_runs: Vec<CheckRun>,
}

/// A check run.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct CheckRun {
    pub(crate) name: Option<String>,
    pub(crate) status: Option<String>,
    pub(crate) conclusion: Option<String>,
    pub(crate) app: Option<App>,
}

/// An app that reports.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct App {
    pub(crate) id: Option<i64>,
}

/// How many check suites a commit has.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct CheckSuites {
    pub(crate) total_count: u64,
}

/// A page of the statuses of a commit, the newest of each context.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct CombinedStatus {
    pub(crate) statuses: Vec<CommitStatus>,
}

/// A status.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct CommitStatus {
    pub(crate) context: Option<String>,
    pub(crate) state: Option<String>,
}

/// A merge that succeeded.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Merged {
    pub(crate) sha: Option<String>,
}

/// A workflow that was started. Older versions of the API answer without a body.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Dispatched {
    pub(crate) workflow_run_id: Option<u64>,
    pub(crate) html_url: Option<String>,
}

/// A page of the runs of a workflow.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct WorkflowRuns {
    pub(crate) workflow_runs: Vec<WorkflowRun>,
}

/// A run of a workflow.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct WorkflowRun {
    pub(crate) id: Option<u64>,
    pub(crate) html_url: Option<String>,
    /// As the workflow's `run-name` makes it.
    pub(crate) display_title: Option<String>,
    /// The branch or tag that it was started on.
    pub(crate) head_branch: Option<String>,
    pub(crate) actor: Option<Account>,
    pub(crate) created_at: Option<DateTime<Utc>>,
}

/// A tree.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Tree {
    pub(crate) sha: Option<String>,
    pub(crate) tree: Vec<TreeEntry>,
    pub(crate) truncated: Option<bool>,
}

/// An entry of a tree.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct TreeEntry {
    pub(crate) path: Option<String>,
    pub(crate) mode: Option<String>,
    #[serde(rename = "type")]
    pub(crate) kind: Option<String>,
    pub(crate) sha: Option<String>,
    pub(crate) size: Option<u64>,
}

/// A blob, or a file of the contents API.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Blob {
    pub(crate) sha: Option<String>,
    #[serde(rename = "type")]
    pub(crate) kind: Option<String>,
    pub(crate) size: Option<u64>,
    pub(crate) encoding: Option<String>,
    pub(crate) content: Option<String>,
    pub(crate) html_url: Option<String>,
}

/// The contents API answers a file, or a list where the path is a directory.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(crate) enum Contents {
    #[expect(
        dead_code,
        reason = "the list tells a directory from a file; its entries are not used"
    )]
    Directory(Vec<serde::de::IgnoredAny>),
    File(Box<Blob>),
}

/// A comparison of two commits.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Comparison {
    pub(crate) status: Option<String>,
    pub(crate) commits: Vec<Commit>,
    pub(crate) files: Option<Vec<ChangedFile>>,
}

/// A file in a comparison.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ChangedFile {
    pub(crate) sha: Option<String>,
    pub(crate) filename: Option<String>,
    pub(crate) status: Option<String>,
    pub(crate) previous_filename: Option<String>,
}

/// A label; old answers have bare names.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(crate) enum Label {
    Name(String),
    Full(LabelDetail),
}

/// A label with its details.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct LabelDetail {
    pub(crate) name: Option<String>,
}

impl Label {
    pub(crate) fn name(&self) -> Option<&str> {
        match self {
            Self::Name(name) => Some(name),
            Self::Full(detail) => detail.name.as_deref(),
        }
    }
}

/// A milestone.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Milestone {
    pub(crate) number: Option<u64>,
    pub(crate) title: Option<String>,
}

/// The type of an issue.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct IssueType {
    pub(crate) name: Option<String>,
    pub(crate) is_enabled: Option<bool>,
}

/// An issue, or a pull request seen as one.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Issue {
    pub(crate) id: Option<u64>,
    pub(crate) node_id: Option<String>,
    pub(crate) number: Option<u64>,
    pub(crate) repository_url: Option<String>,
    pub(crate) html_url: Option<String>,
    pub(crate) state: Option<String>,
    pub(crate) state_reason: Option<String>,
    pub(crate) title: Option<String>,
    pub(crate) body: Option<String>,
    pub(crate) user: Option<Account>,
    pub(crate) labels: Vec<Label>,
    pub(crate) assignees: Option<Vec<Account>>,
    pub(crate) milestone: Option<Milestone>,
    /// Present, even if its members are null, when it is a pull request.
    #[serde(deserialize_with = "present")]
    pub(crate) pull_request: bool,
    pub(crate) locked: Option<bool>,
    pub(crate) created_at: Option<DateTime<Utc>>,
    pub(crate) updated_at: Option<DateTime<Utc>>,
    pub(crate) closed_at: Option<DateTime<Utc>>,
    #[serde(rename = "type")]
    pub(crate) kind: Option<IssueType>,
    pub(crate) parent_issue_url: Option<String>,
    /// Whether the server says anything about sub-issues.
    #[serde(deserialize_with = "present")]
    pub(crate) sub_issues_summary: bool,
}

/// Whether a member is there and not null.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    Ok(Option::<serde::de::IgnoredAny>::deserialize(deserializer)?.is_some())
}

/// A comment.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Comment {
    pub(crate) id: Option<u64>,
    pub(crate) html_url: Option<String>,
    pub(crate) issue_url: Option<String>,
    pub(crate) body: Option<String>,
    pub(crate) user: Option<Account>,
    pub(crate) created_at: Option<DateTime<Utc>>,
    pub(crate) updated_at: Option<DateTime<Utc>>,
}

/// A review of a pull request.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Review {
    pub(crate) id: Option<u64>,
    pub(crate) html_url: Option<String>,
    pub(crate) body: Option<String>,
    pub(crate) user: Option<Account>,
    /// `APPROVED`, `CHANGES_REQUESTED`, `COMMENTED`, `DISMISSED`; `PENDING` while nobody else sees it.
    pub(crate) state: Option<String>,
    pub(crate) submitted_at: Option<DateTime<Utc>>,
}

/// A comment on a line or file of a pull request.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ReviewComment {
    #[serde(flatten)]
    pub(crate) comment: Comment,
    pub(crate) pull_request_url: Option<String>,
    pub(crate) path: Option<String>,
    /// `null` where the line is not part of the change any more.
    pub(crate) line: Option<u64>,
    pub(crate) original_line: Option<u64>,
    /// First of several lines.
    pub(crate) start_line: Option<u64>,
}

/// An entry of a timeline or of an event list.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Event {
    pub(crate) event: Option<String>,
    pub(crate) actor: Option<Account>,
    pub(crate) created_at: Option<DateTime<Utc>>,
    pub(crate) label: Option<LabelDetail>,
    pub(crate) assignee: Option<Account>,
    pub(crate) milestone: Option<Milestone>,
    pub(crate) rename: Option<Rename>,
    pub(crate) commit_id: Option<String>,
}

/// A change of a title.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Rename {
    pub(crate) to: Option<String>,
}

/// One end of a pull request.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct PullEnd {
    #[serde(rename = "ref")]
    pub(crate) name: Option<String>,
    pub(crate) sha: Option<String>,
    pub(crate) repo: Option<Repository>,
}

/// A team.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Team {
    pub(crate) slug: Option<String>,
}

/// A pull request.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Pull {
    pub(crate) node_id: Option<String>,
    pub(crate) number: Option<u64>,
    pub(crate) html_url: Option<String>,
    pub(crate) state: Option<String>,
    pub(crate) title: Option<String>,
    pub(crate) body: Option<String>,
    pub(crate) user: Option<Account>,
    pub(crate) draft: Option<bool>,
    pub(crate) merged: Option<bool>,
    pub(crate) merged_at: Option<DateTime<Utc>>,
    pub(crate) merge_commit_sha: Option<String>,
    /// Not known while a job of the service computes it.
    pub(crate) mergeable: Option<bool>,
    pub(crate) mergeable_state: Option<String>,
    /// Whether the service merges it by itself.
    #[serde(deserialize_with = "present")]
    pub(crate) auto_merge: bool,
    pub(crate) updated_at: Option<DateTime<Utc>>,
    pub(crate) head: Option<PullEnd>,
    pub(crate) base: Option<PullEnd>,
    pub(crate) requested_reviewers: Option<Vec<Account>>,
    pub(crate) requested_teams: Option<Vec<Team>>,
}

impl Pull {
    pub(crate) fn is_merged(&self) -> bool {
        self.merged == Some(true) || self.merged_at.is_some()
    }

    pub(crate) fn is_open(&self) -> bool {
        self.state.as_deref() == Some("open") && !self.is_merged()
    }

    pub(crate) fn head_sha(&self) -> Option<&str> {
        self.head.as_ref()?.sha.as_deref()
    }

    pub(crate) fn head_name(&self) -> Option<&str> {
        self.head.as_ref()?.name.as_deref()
    }

    pub(crate) fn base_name(&self) -> Option<&str> {
        self.base.as_ref()?.name.as_deref()
    }

    pub(crate) fn is_draft(&self) -> bool {
        self.draft == Some(true)
    }
}

/// An installation token.
#[derive(Debug, Deserialize)]
pub(crate) struct InstallationToken {
    #[serde(deserialize_with = "secret")]
    pub(crate) token: SecretString,
    #[serde(default)]
    pub(crate) expires_at: Option<DateTime<Utc>>,
    #[serde(default)]
    pub(crate) permissions: Option<std::collections::BTreeMap<String, String>>,
}

fn secret<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<SecretString, D::Error> {
    String::deserialize(deserializer).map(SecretString::from)
}

/// Repositories an installation reaches.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct InstallationRepositories {
    pub(crate) repositories: Vec<Repository>,
}

/// The body of a refusal.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Problem {
    message: Option<String>,
    errors: Option<serde_json::Value>,
}

/// One entry of `errors`: an object, or just a text.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ProblemDetail {
    resource: Option<String>,
    field: Option<String>,
    code: Option<String>,
    message: Option<String>,
}

impl Problem {
    /// Reads a body. One that is not JSON (pages of a proxy) says nothing.
    pub(crate) fn read(body: &[u8]) -> Self {
        serde_json::from_slice(body).unwrap_or_default()
    }

    pub(crate) fn message(&self) -> &str {
        self.message.as_deref().unwrap_or_default()
    }

    pub(crate) fn details(&self) -> Vec<ProblemDetail> {
        let text = |message: &str| ProblemDetail {
            message: Some(message.to_owned()),
            ..ProblemDetail::default()
        };
        match &self.errors {
            Some(serde_json::Value::Array(list)) => list
                .iter()
                .map(|one| match one {
                    serde_json::Value::String(message) => text(message),
                    other => serde_json::from_value(other.clone()).unwrap_or_default(),
                })
                .collect(),
            Some(serde_json::Value::String(message)) => vec![text(message)],
            _ => Vec::new(),
        }
    }
}

impl ProblemDetail {
    pub(crate) fn code(&self) -> Option<&str> {
        self.code.as_deref()
    }

    pub(crate) fn text(&self) -> &str {
        self.message.as_deref().unwrap_or_default()
    }

    /// Names the field. Values are left out: they can be text of a page.
    pub(crate) fn describe(&self) -> String {
        let mut out = String::new();
        for part in [&self.resource, &self.field].into_iter().flatten() {
            if !out.is_empty() {
                out.push('.');
            }
            out.push_str(part);
        }
        if let Some(code) = &self.code {
            if !out.is_empty() {
                out.push(' ');
            }
            out.push_str(code);
        }
        if let Some(message) = &self.message {
            if !out.is_empty() {
                out.push_str(": ");
            }
            out.push_str(message);
        }
        out
    }
}
