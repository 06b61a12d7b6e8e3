//! What people do with issues and pull requests on the website.

use chrono::{DateTime, Utc};

use super::issues::{IssueEdit, NewIssue};
use super::merging::{MergeMethod, MergeWords};
use super::object::ObjectId;
use super::pulls::NewPull;
use super::refusal::Refusal;
use super::service::GithubEmulator;

/// An issue or pull request as a person sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssueView {
    /// Its number.
    pub number: u64,
    /// Its title.
    pub title: String,
    /// Its text.
    pub body: Option<String>,
    /// Whether it is open.
    pub open: bool,
    /// Why it is in this state, if the service says so.
    pub state_reason: Option<String>,
    /// Login of the author.
    pub author: String,
    /// Names of labels, in the order they were added.
    pub labels: Vec<String>,
    /// Logins of assignees.
    pub assignees: Vec<String>,
    /// Comments, oldest first: author and text.
    pub comments: Vec<(String, String)>,
    /// The issue above it: its repository and number.
    pub parent: Option<(String, u64)>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
    /// The pull request part, if it is one.
    pub pull: Option<PullView>,
}

/// The pull request part of an [`IssueView`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PullView {
    /// Head branch.
    pub head: String,
    /// Head commit.
    pub head_sha: ObjectId,
    /// Base branch.
    pub base: String,
    /// Whether it is a draft.
    pub draft: bool,
    /// Whether it was merged.
    pub merged: bool,
    /// Whether it merges by itself once everything required is there.
    pub auto_merge: bool,
    /// Whether it stands in a merge queue.
    pub queued: bool,
    /// Logins and team names asked for a review.
    pub reviewers: Vec<String>,
}

/// What the website asks for when somebody opens a pull request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PullForm<'a> {
    /// Title.
    pub title: &'a str,
    /// Text.
    pub body: Option<&'a str>,
    /// Branch with the change.
    pub head: &'a str,
    /// Branch it should go to.
    pub base: &'a str,
    /// Whether it is not ready yet.
    pub draft: bool,
}

impl GithubEmulator {
    /// Opens an issue and returns its number.
    ///
    /// # Errors
    /// When the repository is missing or the text is refused.
    pub fn open_issue(
        &mut self,
        repository: &str,
        login: &str,
        title: &str,
        body: Option<&str>,
        now: DateTime<Utc>,
    ) -> Result<u64, Refusal> {
        let (id, now) = (self.id(repository)?, self.grained(now));
        let actor = self.hand(login, now);
        let new = NewIssue {
            title: title.to_owned(),
            body: body.map(str::to_owned),
            ..NewIssue::default()
        };
        self.state.create_issue(id, new, &actor, true, now)
    }

    /// Changes an issue or pull request.
    fn edit(
        &mut self,
        repository: &str,
        number: u64,
        login: &str,
        edit: IssueEdit,
        now: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        let (id, now) = (self.id(repository)?, self.grained(now));
        let actor = self.hand(login, now);
        self.state.edit_issue(id, number, edit, &actor, true, now)
    }

    /// Gives an issue or pull request another title.
    ///
    /// # Errors
    /// When it is missing or the title is refused.
    pub fn retitle(
        &mut self,
        repository: &str,
        number: u64,
        login: &str,
        title: &str,
        now: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        self.edit(
            repository,
            number,
            login,
            IssueEdit {
                title: Some(title.to_owned()),
                ..IssueEdit::default()
            },
            now,
        )
    }

    /// Replaces the text. Text typed on the website has CRLF line ends; pass it that way to see it.
    ///
    /// # Errors
    /// When the issue is missing or the text is refused.
    pub fn rewrite(
        &mut self,
        repository: &str,
        number: u64,
        login: &str,
        body: Option<&str>,
        now: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        self.edit(
            repository,
            number,
            login,
            IssueEdit {
                body: Some(body.map(str::to_owned)),
                ..IssueEdit::default()
            },
            now,
        )
    }

    /// Closes an issue (with a reason, `completed` when absent) or a pull request.
    ///
    /// # Errors
    /// When it is missing or the reason is unknown.
    pub fn close(
        &mut self,
        repository: &str,
        number: u64,
        login: &str,
        reason: Option<&str>,
        now: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        let edit = IssueEdit {
            open: Some(false),
            state_reason: reason.map(str::to_owned),
            ..IssueEdit::default()
        };
        self.edit(repository, number, login, edit, now)
    }

    /// Opens an issue or pull request again.
    ///
    /// # Errors
    /// When it is missing, or a pull request's branch is gone or was rewritten.
    pub fn reopen(
        &mut self,
        repository: &str,
        number: u64,
        login: &str,
        now: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        self.edit(
            repository,
            number,
            login,
            IssueEdit {
                open: Some(true),
                ..IssueEdit::default()
            },
            now,
        )
    }

    /// Makes the labels exactly these.
    ///
    /// # Errors
    /// When the issue is missing or a name is refused.
    pub fn label(
        &mut self,
        repository: &str,
        number: u64,
        login: &str,
        labels: &[&str],
        now: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        let labels = Some(labels.iter().map(|name| (*name).to_owned()).collect());
        self.edit(
            repository,
            number,
            login,
            IssueEdit {
                labels,
                ..IssueEdit::default()
            },
            now,
        )
    }

    /// Makes the assignees exactly these.
    ///
    /// # Errors
    /// When the issue is missing or somebody cannot be assigned.
    pub fn assign(
        &mut self,
        repository: &str,
        number: u64,
        login: &str,
        assignees: &[&str],
        now: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        let assignees = Some(assignees.iter().map(|name| (*name).to_owned()).collect());
        self.edit(
            repository,
            number,
            login,
            IssueEdit {
                assignees,
                ..IssueEdit::default()
            },
            now,
        )
    }

    /// Comments and returns the comment's id.
    ///
    /// # Errors
    /// When the issue is missing or the text is refused.
    pub fn comment(
        &mut self,
        repository: &str,
        number: u64,
        login: &str,
        body: &str,
        now: DateTime<Utc>,
    ) -> Result<u64, Refusal> {
        let (id, now) = (self.id(repository)?, self.grained(now));
        let actor = self.hand(login, now);
        self.state.add_comment(id, number, body, &actor, now)
    }

    /// Edits a comment, which does not move its issue.
    ///
    /// # Errors
    /// When the comment is missing or the text is refused.
    pub fn edit_comment(
        &mut self,
        repository: &str,
        comment: u64,
        body: &str,
        now: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        let (id, now) = (self.id(repository)?, self.grained(now));
        self.state.edit_comment(id, comment, body, now)
    }

    /// Deletes a comment.
    ///
    /// # Errors
    /// When the comment is missing.
    pub fn delete_comment(
        &mut self,
        repository: &str,
        comment: u64,
        now: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        let (id, now) = (self.id(repository)?, self.grained(now));
        self.state.delete_comment(id, comment, now)
    }

    /// Deletes an issue; its number answers 410 from then on.
    ///
    /// # Errors
    /// When it is missing.
    pub fn delete_issue(&mut self, repository: &str, number: u64) -> Result<(), Refusal> {
        let id = self.id(repository)?;
        self.state.delete_issue(id, number)
    }

    /// Moves an issue to another repository and returns its number there.
    ///
    /// # Errors
    /// When either is missing or it is a pull request.
    pub fn transfer_issue(
        &mut self,
        repository: &str,
        number: u64,
        target: &str,
        login: &str,
        now: DateTime<Utc>,
    ) -> Result<u64, Refusal> {
        let (id, target, now) = (self.id(repository)?, self.id(target)?, self.grained(now));
        let actor = self.hand(login, now);
        self.state.transfer_issue(id, number, target, &actor, now)
    }

    /// Opens a pull request and returns its number.
    ///
    /// # Errors
    /// For the reasons the service has: a missing branch, nothing to merge, one that exists.
    pub fn open_pull(
        &mut self,
        repository: &str,
        login: &str,
        form: &PullForm<'_>,
        now: DateTime<Utc>,
    ) -> Result<u64, Refusal> {
        let (id, now) = (self.id(repository)?, self.grained(now));
        let actor = self.hand(login, now);
        let new = NewPull {
            title: form.title.to_owned(),
            body: form.body.map(str::to_owned),
            head: form.head.to_owned(),
            base: form.base.to_owned(),
            draft: form.draft,
            maintainer_can_modify: true,
            issue: None,
        };
        self.state.create_pull(id, new, &actor, now)
    }

    /// Reviews a pull request: `APPROVE`, `REQUEST_CHANGES` or `COMMENT`.
    ///
    /// # Errors
    /// When it is missing or the person is its author.
    pub fn review(
        &mut self,
        repository: &str,
        number: u64,
        login: &str,
        event: &str,
        body: &str,
        now: DateTime<Utc>,
    ) -> Result<u64, Refusal> {
        let (id, now) = (self.id(repository)?, self.grained(now));
        let actor = self.hand(login, now);
        self.state
            .add_review(id, number, Some(event), body, &[], &actor, now)
    }

    /// Takes a draft out of draft, or puts it back.
    ///
    /// # Errors
    /// When it is missing.
    pub fn set_draft(
        &mut self,
        repository: &str,
        number: u64,
        login: &str,
        draft: bool,
        now: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        let (id, now) = (self.id(repository)?, self.grained(now));
        let actor = self.hand(login, now);
        self.state.set_draft(id, number, draft, &actor, now)
    }

    /// Merges a pull request and returns the new tip of its base.
    ///
    /// # Errors
    /// When it cannot be merged.
    pub fn merge(
        &mut self,
        repository: &str,
        number: u64,
        login: &str,
        method: MergeMethod,
        now: DateTime<Utc>,
    ) -> Result<ObjectId, Refusal> {
        let (id, now) = (self.id(repository)?, self.grained(now));
        let actor = self.hand(login, now);
        self.state
            .merge_pull(id, number, method, &MergeWords::default(), &actor, now)
    }

    /// Lets the next merges through the API answer that the base was modified.
    pub fn race_next_merges(&mut self, times: u32) {
        self.state.merge_races = times;
    }

    /// An issue or pull request, `None` when there is none of that number.
    #[must_use]
    pub fn issue(&self, repository: &str, number: u64) -> Option<IssueView> {
        let repo = self.state.find_repository(repository)?;
        let issue = repo.issues.get(&number)?;
        let spelled = |logins: &[String]| {
            logins
                .iter()
                .map(|login| self.state.spelled(login))
                .collect()
        };
        Some(IssueView {
            number,
            title: issue.title.clone(),
            body: issue.body.clone(),
            open: issue.open,
            state_reason: issue.state_reason.clone(),
            author: issue.author.clone(),
            labels: issue
                .labels
                .iter()
                .filter_map(|name| repo.labels.get(name))
                .map(|label| label.name.clone())
                .collect(),
            assignees: spelled(&issue.assignees),
            comments: issue
                .comments
                .iter()
                .filter_map(|id| repo.comments.get(id))
                .map(|comment| (comment.author.clone(), comment.body.clone()))
                .collect(),
            parent: (issue.parent)
                .and_then(|id| self.state.issue_with_id(id))
                .and_then(|(id, number)| {
                    Some((self.state.repository(id).ok()?.full_name(), number))
                }),
            updated_at: issue.updated_at,
            pull: issue.pull.as_deref().map(|pull| PullView {
                head: pull.head.clone(),
                head_sha: pull.head_sha,
                base: pull.base.clone(),
                draft: pull.draft,
                merged: pull.merged_at.is_some(),
                auto_merge: pull.auto_merge.is_some(),
                queued: repo.queued(number).is_some(),
                reviewers: pull
                    .reviewers
                    .iter()
                    .map(|login| self.state.spelled(login))
                    .chain(pull.teams.iter().cloned())
                    .collect(),
            }),
        })
    }

    /// The numbers of all issues and pull requests, ascending.
    ///
    /// # Errors
    /// When the repository is missing.
    pub fn issue_numbers(&self, repository: &str) -> Result<Vec<u64>, Refusal> {
        Ok(self
            .state
            .repository(self.id(repository)?)?
            .issues
            .keys()
            .copied()
            .collect())
    }
}
