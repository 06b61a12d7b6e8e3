//! Reviews, and who is asked for one.

use chrono::{DateTime, Utc};
use serde_json::json;

use super::account::{Actor, key};
use super::pulls::pull_changes;
use super::refusal::Refusal;
use super::repository::{Detail, Review, ReviewComment};
use super::state::State;

/// A comment on a line, as it is asked for.
#[derive(Debug, Clone, Default)]
pub(crate) struct NewReviewComment {
    pub(crate) path: String,
    pub(crate) body: String,
    pub(crate) line: Option<u64>,
    pub(crate) side: Option<String>,
    pub(crate) reply_to: Option<u64>,
}

impl State {
    /// Asks people and teams for a review: all of them, or nobody.
    pub(crate) fn request_reviewers(
        &mut self,
        repository: u64,
        number: u64,
        logins: &[String],
        teams: &[String],
        actor: &Actor,
        now: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        let repo = self.repository(repository)?;
        let (issue, _) = repo.pull(number).ok_or_else(Refusal::not_found)?;
        for login in logins {
            if key(login) == key(&issue.author) {
                return Err(Refusal::unprocessable(
                    "Review cannot be requested from pull request author.",
                ));
            }
            if self.account(login).is_none() || self.explicit_role(repo, login).is_none() {
                return Err(Refusal::unprocessable(
                    "Reviews may only be requested from collaborators. One or more of the users or teams you specified is not a collaborator of the repository.",
                ));
            }
        }
        let known = |slug: &String| {
            self.account(&repo.owner)
                .is_some_and(|owner| owner.teams.contains_key(&key(slug)))
        };
        if !teams.iter().all(known) {
            return Err(Refusal::unprocessable(
                "Reviews may only be requested from collaborators. One or more of the teams you specified is not a collaborator of the repository.",
            ));
        }
        for login in logins {
            let pull = self.pull_mut(repository, number)?;
            if !pull.reviewers.contains(&key(login)) {
                pull.reviewers.push(key(login));
                self.record(
                    repository,
                    number,
                    "review_requested",
                    Detail::Reviewer(login.clone()),
                    actor,
                    now,
                )?;
            }
        }
        for team in teams {
            let pull = self.pull_mut(repository, number)?;
            if !pull.teams.contains(&key(team)) {
                pull.teams.push(key(team));
                self.record(
                    repository,
                    number,
                    "review_requested",
                    Detail::Team(team.clone()),
                    actor,
                    now,
                )?;
            }
        }
        Ok(())
    }

    pub(crate) fn remove_reviewers(
        &mut self,
        repository: u64,
        number: u64,
        logins: &[String],
        teams: &[String],
        actor: &Actor,
        now: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        for login in logins {
            let pull = self.pull_mut(repository, number)?;
            let before = pull.reviewers.len();
            pull.reviewers.retain(|known| *known != key(login));
            if pull.reviewers.len() != before {
                self.record(
                    repository,
                    number,
                    "review_request_removed",
                    Detail::Reviewer(login.clone()),
                    actor,
                    now,
                )?;
            }
        }
        for team in teams {
            let pull = self.pull_mut(repository, number)?;
            let before = pull.teams.len();
            pull.teams.retain(|known| *known != key(team));
            if pull.teams.len() != before {
                self.record(
                    repository,
                    number,
                    "review_request_removed",
                    Detail::Team(team.clone()),
                    actor,
                    now,
                )?;
            }
        }
        Ok(())
    }

    /// Adds a review. `event` is `APPROVE`, `REQUEST_CHANGES`, `COMMENT` or nothing for a draft.
    #[expect(
        clippy::too_many_arguments,
        reason = "what the form asks for, by whom and when"
    )]
    pub(crate) fn add_review(
        &mut self,
        repository: u64,
        number: u64,
        event: Option<&str>,
        body: &str,
        comments: &[NewReviewComment],
        actor: &Actor,
        now: DateTime<Utc>,
    ) -> Result<u64, Refusal> {
        let repo = self.repository(repository)?;
        let (issue, pull) = repo.pull(number).ok_or_else(Refusal::not_found)?;
        let commit = pull.head_sha;
        let own = key(&issue.author) == key(&actor.login);
        let state = match event {
            None => "PENDING",
            Some("COMMENT") => "COMMENTED",
            Some("APPROVE") if own => {
                return Err(Refusal::unprocessable(
                    "Can not approve your own pull request",
                ));
            }
            Some("REQUEST_CHANGES") if own => {
                return Err(Refusal::unprocessable(
                    "Can not request changes on your own pull request",
                ));
            }
            Some("APPROVE") => "APPROVED",
            Some("REQUEST_CHANGES") => "CHANGES_REQUESTED",
            Some(_) => return Err(Refusal::schema("event", "a possible value")),
        };
        if body.trim().is_empty()
            && (state == "CHANGES_REQUESTED" || state == "COMMENTED" && comments.is_empty())
        {
            return Err(Refusal::unprocessable("Unprocessable Entity"));
        }
        super::issues::check_text("PullRequestReview", None, Some(body))?;
        self.check_lines(repository, number, comments)?;
        let id = self.next_id();
        let review = Review {
            id,
            author: actor.login.clone(),
            state,
            body: body.to_owned(),
            commit,
            at: now,
        };
        let pull = self.pull_mut(repository, number)?;
        pull.reviewers.retain(|login| *login != key(&actor.login));
        pull.reviews.push(review);
        for comment in comments {
            self.push_review_comment(repository, number, id, comment, actor, now)?;
        }
        self.issue_mut(repository, number)?.updated_at = now;
        self.changed();
        self.settle(repository, now)?;
        Ok(id)
    }

    fn check_lines(
        &self,
        repository: u64,
        number: u64,
        comments: &[NewReviewComment],
    ) -> Result<(), Refusal> {
        let repo = self.repository(repository)?;
        let (_, pull) = repo.pull(number).ok_or_else(Refusal::not_found)?;
        let files = pull_changes(repo, pull);
        for comment in comments {
            if comment.body.trim().is_empty() {
                return Err(Refusal::field(
                    "PullRequestReviewComment",
                    "body",
                    "missing_field",
                ));
            }
            if comment.reply_to.is_none() && !files.iter().any(|change| change.path == comment.path)
            {
                return Err(Refusal::invalid(json!({
                    "resource": "PullRequestReviewComment", "code": "custom", "field": "pull_request_review_thread.path",
                    "message": "pull_request_review_thread.path is invalid",
                })));
            }
        }
        Ok(())
    }

    fn push_review_comment(
        &mut self,
        repository: u64,
        number: u64,
        review: u64,
        new: &NewReviewComment,
        actor: &Actor,
        now: DateTime<Utc>,
    ) -> Result<u64, Refusal> {
        let id = self.next_id();
        let pull = self.pull_mut(repository, number)?;
        let parent = new
            .reply_to
            .and_then(|id| pull.review_comments.iter().find(|comment| comment.id == id))
            .cloned();
        let commit = pull.head_sha;
        pull.review_comments.push(ReviewComment {
            id,
            review,
            author: actor.login.clone(),
            body: new.body.clone(),
            path: parent
                .as_ref()
                .map_or_else(|| new.path.clone(), |parent| parent.path.clone()),
            line: parent.as_ref().map_or(new.line, |parent| parent.line),
            side: new.side.clone().unwrap_or_else(|| "RIGHT".to_owned()),
            commit,
            reply_to: new.reply_to,
            created_at: now,
            updated_at: now,
        });
        Ok(id)
    }

    /// A comment on a line outside a review; it gets a review of its own, as in the service.
    pub(crate) fn add_review_comment(
        &mut self,
        repository: u64,
        number: u64,
        new: &NewReviewComment,
        actor: &Actor,
        now: DateTime<Utc>,
    ) -> Result<u64, Refusal> {
        self.check_lines(repository, number, std::slice::from_ref(new))?;
        let pull = self.pull_mut(repository, number)?;
        if new
            .reply_to
            .is_some_and(|id| !pull.review_comments.iter().any(|comment| comment.id == id))
        {
            return Err(Refusal::not_found());
        }
        let commit = pull.head_sha;
        let review = self.next_id();
        let pull = self.pull_mut(repository, number)?;
        pull.reviews.push(Review {
            id: review,
            author: actor.login.clone(),
            state: "COMMENTED",
            body: String::new(),
            commit,
            at: now,
        });
        let id = self.push_review_comment(repository, number, review, new, actor, now)?;
        self.issue_mut(repository, number)?.updated_at = now;
        self.changed();
        Ok(id)
    }
}
