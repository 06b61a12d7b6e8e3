//! The JSON of statuses, check runs and suites, rulesets and what else decides about merging.

use serde_json::{Value, json};

use super::checks::{CheckRun, CheckSuite, CommitStatus};
use super::exchange::{encode, stamp};
use super::names::{NodeKind, node_id};
use super::object::ObjectId;
use super::queue::AutoMerge;
use super::render::{Render, merge};
use super::repository::{Issue, Pull, Repository};
use super::rules::Ruleset;
use super::world_rules::{BypassSeed, RuleSeed};

impl Render<'_> {
    /// A status as the combined status carries it.
    pub(crate) fn status_short(&self, repo: &Repository, status: &CommitStatus) -> Value {
        let avatar = self
            .state
            .account(&status.creator.login)
            .map(|account| format!("https://avatars.githubusercontent.com/u/{}?v=4", account.id));
        json!({
            "url": format!("{}/statuses/{}", self.repo_url(repo), status.commit), "avatar_url": avatar,
            "id": status.id, "node_id": node_id(NodeKind::Status, status.id), "state": status.state.as_str(),
            "description": status.description, "target_url": status.target_url, "context": status.context,
            "created_at": stamp(status.at), "updated_at": stamp(status.at),
        })
    }

    /// A status alone.
    pub(crate) fn status(&self, repo: &Repository, status: &CommitStatus) -> Value {
        let mut body = self.status_short(repo, status);
        body["creator"] = self.login(&status.creator.login);
        body
    }

    /// Open pull requests whose head is this commit, in the short form of check events.
    pub(crate) fn pulls_of(&self, repo: &Repository, commit: ObjectId) -> Value {
        let short = json!({"id": repo.id, "url": self.repo_url(repo), "name": repo.name});
        let found = |issue: &Issue, pull: &Pull| {
            json!({
                "url": format!("{}/pulls/{}", self.repo_url(repo), issue.number), "id": pull.id,
                "number": issue.number,
                "head": {"ref": pull.head, "sha": pull.head_sha.to_string(), "repo": short},
                "base": {
                    "ref": pull.base, "repo": short,
                    "sha": repo.branch(&pull.base).unwrap_or(pull.base_sha).to_string(),
                },
            })
        };
        repo.issues
            .values()
            .filter(|issue| issue.open)
            .filter_map(|issue| issue.pull.as_deref().map(|pull| (issue, pull)))
            .filter(|(_, pull)| pull.head_sha == commit)
            .map(|(issue, pull)| found(issue, pull))
            .collect()
    }

    pub(crate) fn check_run(&self, repo: &Repository, run: &CheckRun) -> Value {
        let url = format!("{}/check-runs/{}", self.repo_url(repo), run.id);
        let page = format!("{}/runs/{}", self.repo_page(repo), run.id);
        json!({
            "id": run.id, "node_id": node_id(NodeKind::CheckRun, run.id), "head_sha": run.commit.to_string(),
            "external_id": run.external_id.clone().unwrap_or_default(), "url": url, "html_url": page,
            "details_url": run.details_url.clone().unwrap_or(page.clone()), "status": run.status.as_str(),
            "conclusion": run.conclusion.map(|conclusion| conclusion.as_str()),
            "started_at": run.started_at.map(stamp), "completed_at": run.completed_at.map(stamp),
            "output": {
                "title": run.output.title, "summary": run.output.summary, "text": run.output.text,
                "annotations_count": 0, "annotations_url": format!("{url}/annotations"),
            },
            "name": run.name, "check_suite": {"id": run.suite}, "app": self.via(Some(run.app)),
            "pull_requests": self.pulls_of(repo, run.commit),
        })
    }

    /// A commit as suites and events carry it.
    pub(crate) fn event_commit(&self, repo: &Repository, id: ObjectId) -> Value {
        let who =
            |person: &super::object::Signature| json!({"name": person.name, "email": person.email});
        repo.commit(&id).map_or(Value::Null, |commit| {
            json!({
                "id": id.to_string(), "tree_id": commit.tree.to_string(), "message": commit.message,
                "timestamp": commit.committer.date(), "author": who(&commit.author),
                "committer": who(&commit.committer),
            })
        })
    }

    pub(crate) fn check_suite(&self, repo: &Repository, suite: &CheckSuite) -> Value {
        let url = format!("{}/check-suites/{}", self.repo_url(repo), suite.id);
        let (status, conclusion) = repo.checks.state_of(suite);
        let commit = repo.commit(&suite.commit);
        let before = commit
            .as_ref()
            .and_then(|commit| commit.parents.first())
            .map(ToString::to_string);
        json!({
            "id": suite.id, "node_id": node_id(NodeKind::CheckSuite, suite.id), "head_branch": suite.branch,
            "head_sha": suite.commit.to_string(), "status": status.as_str(),
            "conclusion": conclusion.map(|conclusion| conclusion.as_str()), "url": url,
            "before": before, "after": suite.commit.to_string(),
            "pull_requests": self.pulls_of(repo, suite.commit), "app": self.via(Some(suite.app)),
            "repository": self.minimal_repository(repo), "created_at": stamp(suite.created_at),
            "updated_at": stamp(suite.updated_at), "head_commit": self.event_commit(repo, suite.commit),
            "latest_check_runs_count": repo.checks.runs_of(suite).len(), "check_runs_url": format!("{url}/check-runs"),
        })
    }

    /// A rule in the form of the ruleset routes.
    pub(crate) fn rule(&self, repo: &Repository, rule: &RuleSeed) -> Value {
        match rule {
            RuleSeed::RequiredStatusChecks { checks, strict } => {
                let checks: Value = checks
                    .iter()
                    .map(|check| {
                        let mut body = json!({"context": check.context});
                        if let Some(id) = check.integration_id {
                            body["integration_id"] = id.into();
                        }
                        body
                    })
                    .collect();
                json!({"type": "required_status_checks", "parameters": {
                    "required_status_checks": checks, "strict_required_status_checks_policy": strict,
                    "do_not_enforce_on_create": false,
                }})
            }
            RuleSeed::PullRequest {
                approvals,
                dismiss_stale_reviews,
                allowed_merge_methods,
            } => {
                let methods: Vec<&str> = if allowed_merge_methods.is_empty() {
                    repo.merge_methods.iter().map(String::as_str).collect()
                } else {
                    allowed_merge_methods
                        .iter()
                        .map(|method| method.as_str())
                        .collect()
                };
                json!({"type": "pull_request", "parameters": {
                    "required_approving_review_count": approvals,
                    "dismiss_stale_reviews_on_push": dismiss_stale_reviews, "require_code_owner_review": false,
                    "require_last_push_approval": false, "required_review_thread_resolution": false,
                    "allowed_merge_methods": methods,
                }})
            }
            RuleSeed::MergeQueue { merge_method } => json!({"type": "merge_queue", "parameters": {
                "merge_method": merge_method.as_str().to_uppercase(), "grouping_strategy": "ALLGREEN",
                "check_response_timeout_minutes": 60, "max_entries_to_build": 5, "max_entries_to_merge": 1,
                "min_entries_to_merge": 1, "min_entries_to_merge_wait_minutes": 0,
            }}),
            RuleSeed::RequiredSignatures => json!({"type": "required_signatures"}),
            RuleSeed::NonFastForward => json!({"type": "non_fast_forward"}),
        }
    }

    /// A ruleset as the list carries it.
    pub(crate) fn ruleset_short(&self, repo: &Repository, ruleset: &Ruleset) -> Value {
        let page = format!("{}/rules/{}", self.repo_page(repo), ruleset.id);
        json!({
            "id": ruleset.id, "name": ruleset.seed.name, "target": "branch", "source_type": "Repository",
            "source": repo.full_name(), "enforcement": ruleset.seed.enforcement.as_str(),
            "node_id": node_id(NodeKind::Ruleset, ruleset.id),
            "_links": {
                "self": {"href": format!("{}/rulesets/{}", self.repo_url(repo), ruleset.id)},
                "html": {"href": page},
            },
            "created_at": stamp(ruleset.created_at), "updated_at": stamp(ruleset.created_at),
        })
    }

    /// A ruleset alone. Who is not bound is for people who may write it.
    pub(crate) fn ruleset(&self, repo: &Repository, ruleset: &Ruleset, writer: bool) -> Value {
        let mut body = self.ruleset_short(repo, ruleset);
        let names = |patterns: &[String]| -> Value {
            patterns
                .iter()
                .map(|pattern| match pattern.as_str() {
                    "~ALL" | "~DEFAULT_BRANCH" => pattern.clone(),
                    name if name.starts_with("refs/") => name.to_owned(),
                    name => format!("refs/heads/{name}"),
                })
                .collect()
        };
        let rules: Value = ruleset
            .seed
            .rules
            .iter()
            .map(|rule| self.rule(repo, rule))
            .collect();
        merge(
            &mut body,
            json!({
                "conditions": {"ref_name": {
                    "include": names(&ruleset.seed.include), "exclude": names(&ruleset.seed.exclude),
                }},
                "rules": rules,
            }),
        );
        if writer {
            // Roles are named by numbers that the service documents: 2 maintain, 4 write, 5 admin.
            // It knows no others.
            let actor = |bypass: &BypassSeed| match bypass {
                BypassSeed::App(id) => (*id, "Integration"),
                BypassSeed::Role(role) => {
                    let id = match role.as_str() {
                        "admin" => 5,
                        "maintain" => 2,
                        _ => 4,
                    };
                    (id, "RepositoryRole")
                }
            };
            body["bypass_actors"] = ruleset
                .seed
                .bypass
                .iter()
                .map(actor)
                .map(|(id, kind)| json!({"actor_id": id, "actor_type": kind, "bypass_mode": "always"}))
                .collect();
        }
        body
    }

    /// The required checks of classic protection.
    pub(crate) fn status_check_policy(&self, repo: &Repository, branch: &str) -> Option<Value> {
        let rules = repo.protected.get(branch)?;
        let contexts: Vec<&str> = rules.contexts().map(|(name, _)| name).collect();
        if contexts.is_empty() && !rules.strict {
            return None;
        }
        let checks: Value = rules
            .contexts()
            .map(|(name, app)| json!({"context": name, "app_id": app}))
            .collect();
        let url = format!(
            "{}/branches/{}/protection/required_status_checks",
            self.repo_url(repo),
            encode(branch)
        );
        Some(json!({
            "url": url, "strict": rules.strict, "contexts": contexts, "contexts_url": format!("{url}/contexts"),
            "checks": checks,
        }))
    }

    /// Classic protection with everything that exists of it here.
    pub(crate) fn protection(&self, repo: &Repository, branch: &str) -> Option<Value> {
        let rules = repo.protected.get(branch)?;
        let url = format!(
            "{}/branches/{}/protection",
            self.repo_url(repo),
            encode(branch)
        );
        let mut body = json!({
            "url": url,
            "required_pull_request_reviews": {
                "url": format!("{url}/required_pull_request_reviews"),
                "dismiss_stale_reviews": rules.dismiss_stale_reviews, "require_code_owner_reviews": false,
                "required_approving_review_count": rules.approvals, "require_last_push_approval": false,
            },
            "enforce_admins": {"url": format!("{url}/enforce_admins"), "enabled": true},
            "required_linear_history": {"enabled": false}, "allow_force_pushes": {"enabled": false},
            "allow_deletions": {"enabled": false}, "block_creations": {"enabled": false},
            "required_conversation_resolution": {"enabled": false}, "lock_branch": {"enabled": false},
            "allow_fork_syncing": {"enabled": false},
        });
        if let Some(policy) = self.status_check_policy(repo, branch) {
            body["required_status_checks"] = policy;
        }
        Some(body)
    }

    pub(crate) fn auto_merge(&self, issue: &Issue, wish: Option<&AutoMerge>) -> Value {
        wish.map_or(Value::Null, |wish| {
            json!({
                "enabled_by": self.login(&wish.enabled_by.login), "merge_method": wish.method.as_str(),
                "commit_title": wish.title.clone().unwrap_or_else(|| format!("{} (#{})", issue.title, issue.number)),
                "commit_message": wish.message.clone().unwrap_or_default(),
            })
        })
    }
}
