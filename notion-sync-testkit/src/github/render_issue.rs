//! The JSON of issues, pull requests and what hangs on them.

use serde_json::{Value, json};

use super::change::Change;
use super::exchange::{encode, encode_path, stamp};
use super::merging::Mergeability;
use super::names::{NodeKind, node_id};
use super::object::ObjectId;
use super::patch::patch;
use super::pulls::{pull_changes, pull_commits};
use super::render::{Render, merge};
use super::repository::{Comment, Detail, Event, Issue, Pull, Repository, Review, ReviewComment};

impl Render<'_> {
    fn reactions(&self, url: &str) -> Value {
        json!({
            "url": format!("{url}/reactions"), "total_count": 0, "+1": 0, "-1": 0, "laugh": 0, "hooray": 0,
            "confused": 0, "heart": 0, "rocket": 0, "eyes": 0,
        })
    }

    pub(crate) fn labels(&self, repo: &Repository, issue: &Issue) -> Value {
        issue
            .labels
            .iter()
            .filter_map(|name| repo.labels.get(name))
            .map(|label| self.label(repo, label))
            .collect()
    }

    fn assignees(&self, issue: &Issue) -> Value {
        issue
            .assignees
            .iter()
            .map(|login| self.login(login))
            .collect()
    }

    fn issue_milestone(&self, repo: &Repository, issue: &Issue) -> Value {
        issue
            .milestone
            .and_then(|number| repo.milestones.get(&number))
            .map_or(Value::Null, |milestone| self.milestone(repo, milestone))
    }

    pub(crate) fn issue_page(&self, repo: &Repository, issue: &Issue) -> String {
        let kind = if issue.pull.is_some() {
            "pull"
        } else {
            "issues"
        };
        format!("{}/{kind}/{}", self.repo_page(repo), issue.number)
    }

    /// An issue, or a pull request as the issue routes show it.
    pub(crate) fn issue(&self, repo: &Repository, issue: &Issue) -> Value {
        let base = self.repo_url(repo);
        let url = format!("{base}/issues/{}", issue.number);
        let kind = if issue.pull.is_some() {
            NodeKind::PullRequest
        } else {
            NodeKind::Issue
        };
        let mut body = json!({
            "url": url, "repository_url": base, "labels_url": format!("{url}/labels{{/name}}"),
            "comments_url": format!("{url}/comments"), "events_url": format!("{url}/events"),
            "html_url": self.issue_page(repo, issue), "id": issue.id,
            "node_id": node_id(kind, issue.pull.as_ref().map_or(issue.id, |pull| pull.id)),
            "number": issue.number, "title": issue.title,
            "state": if issue.open { "open" } else { "closed" }, "locked": issue.locked,
            "comments": issue.comments.len(), "created_at": stamp(issue.created_at), "updated_at": stamp(issue.updated_at),
            "closed_at": issue.closed_at.map(stamp), "author_association": self.state.association(repo, &issue.author),
            "active_lock_reason": issue.lock_reason, "body": issue.body,
            "timeline_url": format!("{url}/timeline"), "state_reason": issue.state_reason,
        });
        // `json!` copies the values it is given, and these are most of the object.
        body["user"] = self.login(&issue.author);
        body["labels"] = self.labels(repo, issue);
        body["assignees"] = self.assignees(issue);
        body["milestone"] = self.issue_milestone(repo, issue);
        body["reactions"] = self.reactions(&url);
        body["performed_via_github_app"] = self.via(issue.app);
        body["type"] = self.type_of(repo, issue);
        body["closed_by"] =
            (issue.closed_by.as_deref()).map_or(Value::Null, |login| self.login(login));
        if self.is_2022() {
            body["assignee"] = issue
                .assignees
                .first()
                .map_or(Value::Null, |login| self.login(login));
        }
        match &issue.pull {
            Some(pull) => {
                let page = self.issue_page(repo, issue);
                body["draft"] = pull.draft.into();
                body["pull_request"] = json!({
                    "url": format!("{base}/pulls/{}", issue.number), "html_url": page,
                    "diff_url": format!("{page}.diff"), "patch_url": format!("{page}.patch"),
                    "merged_at": pull.merged_at.map(stamp),
                });
            }
            None => merge(
                &mut body,
                json!({
                    "sub_issues_summary": self.sub_issues_summary(issue), "parent_issue_url": self.parent_url(issue),
                    "issue_dependencies_summary": {"blocked_by": 0, "blocking": 0, "total_blocked_by": 0, "total_blocking": 0},
                }),
            ),
        }
        body
    }

    pub(crate) fn comment(&self, repo: &Repository, comment: &Comment) -> Value {
        let base = self.repo_url(repo);
        let url = format!("{base}/issues/comments/{}", comment.id);
        let page = repo
            .issues
            .get(&comment.issue)
            .map_or_else(String::new, |issue| self.issue_page(repo, issue));
        json!({
            "url": url, "html_url": format!("{page}#issuecomment-{}", comment.id),
            "issue_url": format!("{base}/issues/{}", comment.issue), "id": comment.id,
            "node_id": node_id(NodeKind::Comment, comment.id), "user": self.login(&comment.author),
            "created_at": stamp(comment.created_at), "updated_at": stamp(comment.updated_at),
            "author_association": self.state.association(repo, &comment.author), "body": comment.body,
            "reactions": self.reactions(&url), "performed_via_github_app": self.via(comment.app),
        })
    }

    /// A pull request as lists carry it.
    pub(crate) fn pull_simple(&self, repo: &Repository, issue: &Issue, pull: &Pull) -> Value {
        let base = self.repo_url(repo);
        let url = format!("{base}/pulls/{}", issue.number);
        let issue_url = format!("{base}/issues/{}", issue.number);
        let page = self.issue_page(repo, issue);
        let base_sha = if issue.open {
            repo.branch(&pull.base).unwrap_or(pull.base_sha)
        } else {
            pull.base_sha
        };
        let side = |name: &str, sha: &ObjectId, user: Value, repository: Value| {
            let mut side = json!({
                "label": format!("{}:{name}", repo.owner), "ref": name, "sha": sha.to_string(),
            });
            side["user"] = user;
            side["repo"] = repository;
            side
        };
        let link = |href: String| json!({"href": href});
        let mut body = json!({
            "url": url, "id": pull.id, "node_id": node_id(NodeKind::PullRequest, pull.id), "html_url": page,
            "diff_url": format!("{page}.diff"), "patch_url": format!("{page}.patch"), "issue_url": issue_url,
            "number": issue.number, "state": if issue.open { "open" } else { "closed" }, "locked": issue.locked,
            "title": issue.title, "body": issue.body,
            "created_at": stamp(issue.created_at), "updated_at": stamp(issue.updated_at),
            "closed_at": issue.closed_at.map(stamp), "merged_at": pull.merged_at.map(stamp),
            "draft": pull.draft,
            "commits_url": format!("{url}/commits"), "review_comments_url": format!("{url}/comments"),
            "review_comment_url": format!("{base}/pulls/comments{{/number}}"),
            "comments_url": format!("{issue_url}/comments"),
            "statuses_url": format!("{base}/statuses/{}", pull.head_sha),
            "author_association": self.state.association(repo, &issue.author), "auto_merge": self.auto_merge(issue, pull.auto_merge.as_ref()),
            "active_lock_reason": issue.lock_reason,
        });
        // `json!` copies the values it is given, and these are most of the object.
        let (owner, repository) = (self.login(&repo.owner), self.repository(repo, None));
        // Both branches are of this repository.
        body["head"] = side(
            &pull.head,
            &pull.head_sha,
            owner.clone(),
            repository.clone(),
        );
        body["base"] = side(&pull.base, &base_sha, owner, repository);
        body["user"] = self.login(&issue.author);
        body["assignees"] = self.assignees(issue);
        body["requested_reviewers"] = (pull.reviewers.iter())
            .map(|login| self.login(login))
            .collect();
        body["requested_teams"] = (pull.teams.iter())
            .map(|slug| self.team(&repo.owner, slug))
            .collect();
        body["labels"] = self.labels(repo, issue);
        body["milestone"] = self.issue_milestone(repo, issue);
        body["_links"] = json!({
            "self": link(url.clone()), "html": link(page), "issue": link(issue_url.clone()),
            "comments": link(format!("{issue_url}/comments")), "review_comments": link(format!("{url}/comments")),
            "review_comment": link(format!("{base}/pulls/comments{{/number}}")), "commits": link(format!("{url}/commits")),
            "statuses": link(format!("{base}/statuses/{}", pull.head_sha)),
        });
        if self.is_2022() {
            body["assignee"] = issue
                .assignees
                .first()
                .map_or(Value::Null, |login| self.login(login));
            body["merge_commit_sha"] = pull.merge_commit.map(|id| id.to_string()).into();
        }
        body
    }

    /// A pull request with everything.
    pub(crate) fn pull(
        &self,
        repo: &Repository,
        issue: &Issue,
        pull: &Pull,
        mergeability: Mergeability,
    ) -> Value {
        let mut body = self.pull_simple(repo, issue, pull);
        let changes = pull_changes(repo, pull);
        let (mut additions, mut deletions) = (0, 0);
        for change in &changes {
            let (plus, minus, _) = lines(repo, change);
            additions += plus;
            deletions += minus;
        }
        merge(
            &mut body,
            json!({
                "merged": pull.merged_at.is_some(), "mergeable": mergeability.mergeable,
                "rebaseable": mergeability.mergeable, "mergeable_state": mergeability.state,
                "merged_by": pull.merged_by.as_deref().map_or(Value::Null, |login| self.login(login)),
                "comments": issue.comments.len(), "review_comments": pull.review_comments.len(),
                "maintainer_can_modify": pull.maintainer_can_modify, "commits": pull_commits(repo, pull).len(),
                "additions": additions, "deletions": deletions, "changed_files": changes.len(),
            }),
        );
        body
    }

    /// A changed file. `at` is the commit whose content the links show.
    pub(crate) fn changed_file(&self, repo: &Repository, at: &ObjectId, change: &Change) -> Value {
        let page = self.repo_page(repo);
        let path = encode_path(&change.path);
        let (additions, deletions, text) = lines(repo, change);
        let sha = change.new.or(change.old).map(|entry| entry.id.to_string());
        let mut body = json!({
            "sha": sha, "filename": change.path, "status": change.status(), "additions": additions,
            "deletions": deletions, "changes": additions + deletions, "blob_url": format!("{page}/blob/{at}/{path}"),
            "raw_url": format!("{page}/raw/{at}/{path}"),
            "contents_url": format!("{}/contents/{path}?ref={at}", self.repo_url(repo)),
        });
        if let Some(text) = text {
            body["patch"] = text.into();
        }
        if let Some(previous) = &change.previous {
            body["previous_filename"] = previous.clone().into();
        }
        body
    }

    pub(crate) fn review(&self, repo: &Repository, issue: &Issue, review: &Review) -> Value {
        let page = format!(
            "{}#pullrequestreview-{}",
            self.issue_page(repo, issue),
            review.id
        );
        let pull = format!("{}/pulls/{}", self.repo_url(repo), issue.number);
        let mut body = json!({
            "id": review.id, "node_id": node_id(NodeKind::Review, review.id), "user": self.login(&review.author),
            "body": review.body, "state": review.state, "html_url": page, "pull_request_url": pull,
            "author_association": self.state.association(repo, &review.author),
            "_links": {"html": {"href": page}, "pull_request": {"href": pull}}, "commit_id": review.commit.to_string(),
        });
        if review.state != "PENDING" {
            body["submitted_at"] = stamp(review.at).into();
        }
        body
    }

    pub(crate) fn review_comment(
        &self,
        repo: &Repository,
        issue: &Issue,
        comment: &ReviewComment,
    ) -> Value {
        let base = self.repo_url(repo);
        let url = format!("{base}/pulls/comments/{}", comment.id);
        let page = format!(
            "{}#discussion_r{}",
            self.issue_page(repo, issue),
            comment.id
        );
        let pull = format!("{base}/pulls/{}", issue.number);
        let mut body = json!({
            "url": url, "pull_request_review_id": comment.review, "id": comment.id,
            "node_id": node_id(NodeKind::ReviewComment, comment.id), "diff_hunk": "", "path": comment.path,
            "commit_id": comment.commit.to_string(), "original_commit_id": comment.commit.to_string(),
            "user": self.login(&comment.author), "body": comment.body, "created_at": stamp(comment.created_at),
            "updated_at": stamp(comment.updated_at), "html_url": page, "pull_request_url": pull,
            "author_association": self.state.association(repo, &comment.author),
            "_links": {"self": {"href": url}, "html": {"href": page}, "pull_request": {"href": pull}},
            "reactions": self.reactions(&url), "side": comment.side,
            "subject_type": if comment.line.is_some() { "line" } else { "file" },
        });
        if let Some(line) = comment.line {
            body["line"] = line.into();
            body["original_line"] = line.into();
        }
        if let Some(parent) = comment.reply_to {
            body["in_reply_to_id"] = parent.into();
        }
        body
    }

    /// An event as the event routes show it.
    pub(crate) fn event(&self, repo: &Repository, event: &Event) -> Value {
        let base = self.repo_url(repo);
        let mut body = json!({
            "id": event.id, "node_id": node_id(NodeKind::Event, event.id),
            "url": format!("{base}/issues/events/{}", event.id), "actor": self.login(&event.actor), "event": event.name,
            "commit_id": null, "commit_url": null, "created_at": stamp(event.at),
            "performed_via_github_app": self.via(event.app),
        });
        let commit = |body: &mut Value, id: &ObjectId| {
            body["commit_id"] = id.to_string().into();
            body["commit_url"] = format!("{base}/commits/{id}").into();
        };
        match &event.detail {
            Detail::None => {}
            Detail::Label { name, color } => body["label"] = json!({"name": name, "color": color}),
            Detail::Assignee(login) => {
                body["assignee"] = self.login(login);
                body["assigner"] = self.login(&event.actor);
            }
            Detail::Milestone(title) => body["milestone"] = json!({"title": title}),
            Detail::Rename { from, to } => body["rename"] = json!({"from": from, "to": to}),
            Detail::Lock(reason) => body["lock_reason"] = reason.clone().into(),
            Detail::Reviewer(login) => {
                body["review_requester"] = self.login(&event.actor);
                body["requested_reviewer"] = self.login(login);
            }
            Detail::Team(slug) => {
                body["review_requester"] = self.login(&event.actor);
                body["requested_team"] = self.team(&repo.owner, slug);
            }
            Detail::Commit(id) => commit(&mut body, id),
            Detail::Closed { reason, commit: by } => {
                body["state_reason"] = reason.clone().into();
                if let Some(id) = by {
                    commit(&mut body, id);
                }
            }
            Detail::Source { repository, number } => {
                let source =
                    self.state.repositories.get(repository).and_then(|repo| {
                        repo.issues.get(number).map(|issue| self.issue(repo, issue))
                    });
                body["source"] = json!({"type": "issue", "issue": source});
            }
        }
        body
    }

    /// A branch as lists carry it.
    pub(crate) fn branch_short(&self, repo: &Repository, name: &str, id: &ObjectId) -> Value {
        json!({
            "name": name, "commit": {"sha": id.to_string(), "url": format!("{}/commits/{id}", self.repo_url(repo))},
            "protected": repo.protected.contains_key(name),
        })
    }

    /// A branch alone.
    pub(crate) fn branch(&self, repo: &Repository, name: &str, id: &ObjectId) -> Value {
        let url = format!("{}/branches/{}", self.repo_url(repo), encode(name));
        let rules = repo.protected.get(name);
        let required: Vec<_> = rules.iter().flat_map(|rules| rules.contexts()).collect();
        // Protection here holds for administrators too.
        let level = if required.is_empty() {
            "off"
        } else {
            "everyone"
        };
        json!({
            "name": name,
            "commit": repo.commit(id).map_or(Value::Null, |commit| self.commit(repo, id, &commit)),
            "_links": {"self": url, "html": format!("{}/tree/{}", self.repo_page(repo), encode_path(name))},
            "protected": rules.is_some(),
            "protection": {
                "enabled": rules.is_some(),
                "required_status_checks": {
                    "enforcement_level": level,
                    "contexts": required.iter().map(|(name, _)| *name).collect::<Vec<_>>(),
                    "checks": required.iter().map(|(name, app)| json!({"context": name, "app_id": app})).collect::<Value>(),
                },
            },
            "protection_url": format!("{url}/protection"),
        })
    }
}

/// Lines added and removed, and the patch unless the file is binary.
pub(crate) fn lines(repo: &Repository, change: &Change) -> (usize, usize, Option<String>) {
    let content = |entry: Option<super::object::Entry>| {
        entry
            .and_then(|entry| repo.objects.blob(&entry.id))
            .unwrap_or_default()
    };
    if change.old.map(|entry| entry.id) == change.new.map(|entry| entry.id) {
        return (0, 0, None);
    }
    match patch(content(change.old), content(change.new)) {
        Some(patch) => (
            patch.additions,
            patch.deletions,
            patch.text.filter(|text| !text.is_empty()),
        ),
        None => (0, 0, None),
    }
}
