//! Events of GitHub, from what changed in the emulated repositories.

use std::collections::BTreeMap;

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

use super::{Delivery, delivery_id};
use crate::github::{GithubEmulator, IssueView, ProjectItems, Results};

/// A hook on everything in all repositories, and on the projects of organizations.
#[derive(Debug, Clone)]
pub struct GithubHook {
    secret: String,
    form: bool,
    repositories: BTreeMap<String, Seen>,
    projects: ProjectItems,
    sent: u64,
}

/// A repository when it was looked at.
#[derive(Debug, Clone, Default, PartialEq)]
struct Seen {
    id: u64,
    branches: BTreeMap<String, String>,
    issues: BTreeMap<u64, IssueView>,
    results: Results,
}

/// What a deleted branch points at.
const NOTHING: &str = "0000000000000000000000000000000000000000";

impl GithubHook {
    /// Adds the hook: what is there already is no news. With `form` the payload is sent as a form.
    #[must_use]
    pub fn add(secret: &str, form: bool, github: &GithubEmulator) -> Self {
        Self {
            secret: secret.to_owned(),
            form,
            repositories: look(github),
            projects: github.project_items(),
            sent: 0,
        }
    }

    /// The first delivery of a hook.
    pub fn ping(&mut self) -> Delivery {
        let body =
            json!({ "zen": "Keep it logically awesome.", "hook_id": 1, "hook": { "id": 1 } });
        self.deliver("ping", &body)
    }

    /// What changed since the last call.
    pub fn collect(&mut self, github: &GithubEmulator, now: DateTime<Utc>) -> Vec<Delivery> {
        let repositories = look(github);
        let before = std::mem::take(&mut self.repositories);
        let nothing = Seen::default();
        let mut out = Vec::new();
        for (name, seen) in &repositories {
            let known = before.get(name).unwrap_or(&nothing);
            self.pushes(name, known, seen, &mut out);
            self.issues(name, known, seen, now, &mut out);
            for (event, body) in github.result_events(name, &known.results, &seen.results) {
                out.push(self.deliver(event, &body));
            }
        }
        self.repositories = repositories;
        let projects = github.project_items();
        for (event, body) in github.project_events(&self.projects, &projects) {
            out.push(self.deliver(event, &body));
        }
        self.projects = projects;
        out
    }

    fn pushes(&mut self, name: &str, known: &Seen, seen: &Seen, out: &mut Vec<Delivery>) {
        let mut branches: Vec<&String> =
            known.branches.keys().chain(seen.branches.keys()).collect();
        branches.sort_unstable();
        branches.dedup();
        for branch in branches {
            let before = known.branches.get(branch).map_or(NOTHING, String::as_str);
            let after = seen.branches.get(branch).map_or(NOTHING, String::as_str);
            if before == after {
                continue;
            }
            let body = json!({
                "ref": format!("refs/heads/{branch}"),
                "before": before,
                "after": after,
                "created": before == NOTHING,
                "deleted": after == NOTHING,
                "forced": false,
                "base_ref": null,
                "commits": [],
                "head_commit": null,
                "repository": repository(name, seen.id),
                "sender": sender("somebody"),
            });
            out.push(self.deliver("push", &body));
        }
    }

    fn issues(
        &mut self,
        name: &str,
        known: &Seen,
        seen: &Seen,
        now: DateTime<Utc>,
        out: &mut Vec<Delivery>,
    ) {
        for (number, issue) in &seen.issues {
            let Some(before) = known.issues.get(number) else {
                out.push(self.issue(name, seen.id, issue, "opened", json!({})));
                continue;
            };
            if before == issue {
                continue;
            }
            let mut edits = serde_json::Map::new();
            if before.title != issue.title {
                edits.insert("title".to_owned(), json!({ "from": before.title }));
            }
            if before.body != issue.body {
                edits.insert("body".to_owned(), json!({ "from": before.body }));
            }
            let mut actions: Vec<(&str, Value)> = Vec::new();
            if !edits.is_empty() {
                actions.push(("edited", json!({ "changes": edits })));
            }
            if before.open != issue.open {
                actions.push((if issue.open { "reopened" } else { "closed" }, json!({})));
            }
            let sets = [
                (&before.labels, &issue.labels, "labeled", "unlabeled"),
                (
                    &before.assignees,
                    &issue.assignees,
                    "assigned",
                    "unassigned",
                ),
            ];
            for (old, new, added, removed) in sets {
                for one in new.iter().filter(|one| !old.contains(one)) {
                    actions.push((added, member(added, one)));
                }
                for one in old.iter().filter(|one| !new.contains(one)) {
                    actions.push((removed, member(removed, one)));
                }
            }
            if before.pull.as_ref().map(|pull| pull.head_sha)
                != issue.pull.as_ref().map(|pull| pull.head_sha)
            {
                actions.push(("synchronize", json!({})));
            }
            if let (Some(old), Some(new)) = (&before.pull, &issue.pull) {
                let turned = [
                    (
                        old.draft,
                        new.draft,
                        "converted_to_draft",
                        "ready_for_review",
                    ),
                    (
                        old.auto_merge,
                        new.auto_merge,
                        "auto_merge_enabled",
                        "auto_merge_disabled",
                    ),
                    (old.queued, new.queued, "enqueued", "dequeued"),
                ];
                for (was, is, on, off) in turned {
                    if was != is {
                        actions.push((if is { on } else { off }, json!({})));
                    }
                }
            }
            for (action, more) in actions {
                out.push(self.issue(name, seen.id, issue, action, more));
            }
            let turned = [
                (&before.parent, "parent_issue_removed"),
                (&issue.parent, "parent_issue_added"),
            ];
            for (parent, action) in turned.iter().filter(|_| before.parent != issue.parent) {
                let Some((place, parent)) = parent else {
                    continue;
                };
                let event = json!({
                    "action": action,
                    "sub_issue": shown(issue, false),
                    "parent_issue": {
                        "number": parent,
                        "repository_url": format!("https://api.github.com/repos/{place}"),
                    },
                    "repository": repository(name, seen.id),
                    "sender": sender("somebody"),
                });
                out.push(self.deliver("sub_issues", &event));
            }
            for (author, body) in issue.comments.iter().skip(before.comments.len()) {
                let event = json!({
                    "action": "created",
                    "issue": shown(issue, true),
                    "comment": { "body": body, "user": sender(author), "created_at": stamp(now) },
                    "repository": repository(name, seen.id),
                    "sender": sender(author),
                });
                out.push(self.deliver("issue_comment", &event));
            }
        }
        for (number, issue) in &known.issues {
            if !seen.issues.contains_key(number) {
                out.push(self.issue(name, seen.id, issue, "deleted", json!({})));
            }
        }
    }

    fn issue(
        &mut self,
        name: &str,
        id: u64,
        issue: &IssueView,
        action: &str,
        more: Value,
    ) -> Delivery {
        let pull = issue.pull.is_some();
        let (event, about) = if pull {
            ("pull_request", "pull_request")
        } else {
            ("issues", "issue")
        };
        let mut body = json!({
            "action": action,
            "repository": repository(name, id),
            "sender": sender(&issue.author),
        });
        body[about] = shown(issue, false);
        if pull {
            body["number"] = json!(issue.number);
        }
        if let (Value::Object(body), Value::Object(more)) = (&mut body, more) {
            body.extend(more);
        }
        self.deliver(event, &body)
    }

    fn deliver(&mut self, event: &str, body: &Value) -> Delivery {
        self.sent += 1;
        let id = delivery_id("github", self.sent);
        let json = body.to_string();
        if self.form {
            Delivery::github_form(&self.secret, &id, event, json.as_bytes())
        } else {
            Delivery::github(&self.secret, &id, event, json)
        }
    }
}

fn look(github: &GithubEmulator) -> BTreeMap<String, Seen> {
    let names = github
        .world()
        .repositories
        .iter()
        .map(|seed| &seed.full_name);
    names
        .filter_map(|name| {
            let numbers = github.issue_numbers(name).ok()?;
            let branches = github.branches(name).ok()?;
            let seen = Seen {
                id: github.id(name).ok()?,
                branches: branches
                    .into_iter()
                    .map(|(branch, id)| (branch, id.to_string()))
                    .collect(),
                issues: numbers
                    .into_iter()
                    .filter_map(|number| Some((number, github.issue(name, number)?)))
                    .collect(),
                results: github.results(name),
            };
            Some((name.clone(), seen))
        })
        .collect()
}

fn repository(name: &str, id: u64) -> Value {
    let (owner, short) = name.split_once('/').unwrap_or(("", name));
    json!({
        "id": id,
        "name": short,
        "full_name": name,
        "owner": { "login": owner },
        "default_branch": "main",
    })
}

fn sender(login: &str) -> Value {
    json!({ "id": 1, "login": login, "type": "User" })
}

fn member(action: &str, name: &str) -> Value {
    if action.ends_with("labeled") {
        json!({ "label": { "id": 1, "name": name } })
    } else {
        json!({ "assignee": sender(name) })
    }
}

fn shown(issue: &IssueView, in_comment: bool) -> Value {
    let mut out = json!({
        "number": issue.number,
        "title": issue.title,
        "body": issue.body,
        "state": if issue.open { "open" } else { "closed" },
        "user": sender(&issue.author),
        "labels": issue.labels.iter().map(|name| json!({ "name": name })).collect::<Vec<_>>(),
        "updated_at": stamp(issue.updated_at),
    });
    if let Some(pull) = &issue.pull {
        if in_comment {
            out["pull_request"] = json!({ "url": "" });
        } else {
            out["merged"] = json!(pull.merged);
            out["draft"] = json!(pull.draft);
            out["head"] = json!({ "ref": pull.head, "sha": pull.head_sha.to_string() });
            out["base"] = json!({ "ref": pull.base });
        }
    }
    out
}

fn stamp(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}
