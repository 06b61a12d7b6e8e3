//! From a delivery to a hint.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use notion_sync_core::event::{CONTENT, Change, ChangeEvent, Detected, EVENT_VERSION};
use notion_sync_core::id::{RemoteRef, Side};
use notion_sync_core::value::Value;
use serde::Deserialize;
use serde_json::Value as Json;

use super::delivery::{Delivery, EventKind};
use crate::issues::bodies::Body;
use crate::reference::{SYSTEM, issue, pull};

/// Longest text of a value in a hint, in characters. Titles end at 256.
const MAX_TEXT: usize = 1_000;

#[derive(Deserialize)]
struct Numbered {
    number: u64,
    title: Option<String>,
    state: Option<String>,
    pull_request: Option<serde::de::IgnoredAny>,
    updated_at: Option<String>,
    repository_url: Option<String>,
}

#[derive(Deserialize)]
struct Identified {
    id: u64,
}

#[derive(Deserialize)]
struct Headed {
    head_sha: String,
}

#[derive(Deserialize)]
struct ProjectItem {
    node_id: String,
}

#[derive(Deserialize)]
struct Named {
    name: Option<String>,
    login: Option<String>,
}

#[derive(Deserialize)]
struct From {
    from: Option<Json>,
    to: Option<Json>,
    field_name: Option<String>,
}

type Changed = BTreeMap<String, Change>;

impl Delivery {
    /// The hint it gives; `None` where it cannot change what is synchronised, or does not say what it
    /// is about.
    ///
    /// Values before an edit are part of it where GitHub sends them, but of a body only its hash.
    #[must_use]
    pub fn change(&self, detected_at: DateTime<Utc>) -> Option<ChangeEvent> {
        let (object, revision) = self.object()?;
        let payload = &self.payload;
        Some(ChangeEvent {
            version: EVENT_VERSION,
            id: self.id.clone(),
            side: Side::Github,
            mapping: None,
            detected: Detected::Webhook,
            detected_at,
            occurred_at: self.occurred_at(revision.as_deref()),
            object,
            event: Some(self.name().chars().take(100).collect()),
            revision: revision.filter(|text| text.len() <= 100),
            actors: payload
                .sender
                .iter()
                .map(|sender| short(&sender.login))
                .collect(),
            // `User` is also what our own writes are with a person's token.
            people: None,
            changed: self.changed(),
        })
    }

    /// When it happened, to the second. Only an edit of an issue is told: the issue as it was edited comes with
    /// it. The times of other objects are not those of the event.
    fn occurred_at(&self, revision: Option<&str>) -> Option<DateTime<Utc>> {
        let edited =
            self.kind == EventKind::Issues && self.payload.action.as_deref() == Some("edited");
        let at = revision.filter(|_| edited)?;
        Some(DateTime::parse_from_rfc3339(at).ok()?.to_utc())
    }

    /// What it is about, and at which revision.
    fn object(&self) -> Option<(RemoteRef, Option<String>)> {
        use EventKind as Kind;
        let payload = &self.payload;
        let repository = payload.repository.as_ref().map(|one| one.id);
        let numbered = |member: &str| payload.member::<Numbered>(member);
        let other = |kind: &str, id: String| Some((RemoteRef::new(SYSTEM, kind, id), None));
        match &self.kind {
            Kind::Issues => {
                let one = numbered("issue")?;
                Some((issue(repository?, one.number), one.updated_at))
            }
            Kind::IssueComment => {
                let one = numbered("issue")?;
                let name = if one.pull_request.is_some() {
                    pull
                } else {
                    issue
                };
                Some((name(repository?, one.number), one.updated_at))
            }
            Kind::SubIssues => {
                // The parent is a field of its child, which may be in another repository than the one
                // that is told.
                let told = payload.repository.as_ref();
                let place = |member: &str, repo: &str| {
                    let one = numbered(member)?;
                    let named = payload.member::<Identified>(repo).map(|place| place.id);
                    let elsewhere = (one.repository_url.as_deref())
                        .and_then(|url| url.split_once("/repos/"))
                        .zip(told.map(|told| told.full_name.as_str()))
                        .is_some_and(|((_, name), told)| !name.eq_ignore_ascii_case(told));
                    let id = named.or_else(|| repository.filter(|_| !elsewhere))?;
                    Some((issue(id, one.number), one.updated_at))
                };
                place("sub_issue", "sub_issue_repo")
                    .or_else(|| place("parent_issue", "parent_issue_repo"))
            }
            Kind::IssueDependencies => {
                let one = numbered("blocked_issue").or_else(|| numbered("blocking_issue"))?;
                Some((issue(repository?, one.number), one.updated_at))
            }
            Kind::PullRequest
            | Kind::PullRequestReview
            | Kind::PullRequestReviewComment
            | Kind::PullRequestReviewThread => {
                let one = numbered("pull_request")?;
                Some((pull(repository?, one.number), one.updated_at))
            }
            Kind::Push => {
                let name: String = payload.member("ref")?;
                let branch = name.strip_prefix("refs/heads/")?;
                Some((branch_ref(repository?, branch)?, payload.member("after")))
            }
            Kind::Create | Kind::Delete => {
                let kind: String = payload.member("ref_type")?;
                let name: String = payload.member("ref")?;
                if kind == "branch" {
                    Some((branch_ref(repository?, &name)?, None))
                } else {
                    None
                }
            }
            Kind::CheckRun => {
                let one: Headed = payload.member("check_run")?;
                other(
                    "commit",
                    format!("{}:{}", repository?, short(&one.head_sha)),
                )
            }
            Kind::CheckSuite => {
                let one: Headed = payload.member("check_suite")?;
                other(
                    "commit",
                    format!("{}:{}", repository?, short(&one.head_sha)),
                )
            }
            Kind::MergeGroup => {
                let one: Headed = payload.member("merge_group")?;
                other(
                    "commit",
                    format!("{}:{}", repository?, short(&one.head_sha)),
                )
            }
            Kind::Status => {
                let sha: String = payload.member("sha")?;
                other("commit", format!("{}:{}", repository?, short(&sha)))
            }
            Kind::Label => {
                let one: Identified = payload.member("label")?;
                other("label", format!("{}:{}", repository?, one.id))
            }
            Kind::Milestone => {
                let one: Identified = payload.member("milestone")?;
                other("milestone", format!("{}:{}", repository?, one.id))
            }
            Kind::Repository => other("repository", repository?.to_string()),
            Kind::Installation | Kind::InstallationRepositories => {
                other("installation", payload.installation?.to_string())
            }
            Kind::ProjectsV2Item => {
                let one: ProjectItem = payload.member("projects_v2_item")?;
                other("project_item", short(&one.node_id))
            }
            Kind::Ping | Kind::Other(_) => None,
        }
    }

    /// What changed, as far as the payload says it.
    fn changed(&self) -> Changed {
        let mut out = Changed::new();
        let payload = &self.payload;
        let about = match self.kind {
            EventKind::Issues => "issue",
            EventKind::PullRequest => "pull_request",
            EventKind::ProjectsV2Item => "projects_v2_item",
            EventKind::Label => "label",
            EventKind::Milestone => "milestone",
            EventKind::Repository => "repository",
            _ => return out,
        };
        let now: BTreeMap<String, Json> = payload.member(about).unwrap_or_default();
        let changes: BTreeMap<String, Json> = payload.member("changes").unwrap_or_default();
        for (name, change) in changes.into_iter().take(50) {
            let name = short(&name);
            // A body can hold anything people wrote: that it changed is enough, and by hashes of its texts it is
            // held against what was written.
            if name == CONTENT || name == "description" {
                let told = match serde_json::from_value::<From>(change) {
                    // A body that was empty is null.
                    Ok(change) if self.kind == EventKind::Issues => {
                        let text =
                            |body: Option<&Json>| Body::read(body.and_then(Json::as_str)).text;
                        Change::of_text(&text(change.from.as_ref()), &text(now.get(CONTENT)))
                    }
                    _ => Change::default(),
                };
                out.insert(name, told);
                continue;
            }
            let Ok(from) = serde_json::from_value::<From>(change) else {
                out.insert(name, Change::default());
                continue;
            };
            let after = from.to.as_ref().or_else(|| now.get(&name)).and_then(value);
            let before = from.from.as_ref().and_then(value);
            out.insert(
                from.field_name.map_or(name, |field| short(&field)),
                Change::of(before, after),
            );
        }
        self.one_of_a_set(&mut out);
        let state = matches!(payload.action.as_deref(), Some("closed" | "reopened"));
        if state && let Some(one) = payload.member::<Numbered>(about) {
            let after = one.state.map(|state| Value::Text(short(&state)));
            out.insert("state".to_owned(), Change::of(None, after));
        }
        if payload.action.as_deref() == Some("opened")
            && let Some(one) = payload.member::<Numbered>(about)
        {
            let after = one.title.map(|title| Value::Text(short(&title)));
            out.insert("title".to_owned(), Change::of(None, after));
        }
        out
    }

    /// Labels, assignees and so on come one by one, without the others.
    fn one_of_a_set(&self, out: &mut Changed) {
        let payload = &self.payload;
        let (member, name, added) = match payload.action.as_deref() {
            Some("labeled") => ("label", "labels", true),
            Some("unlabeled") => ("label", "labels", false),
            Some("assigned") => ("assignee", "assignees", true),
            Some("unassigned") => ("assignee", "assignees", false),
            Some("milestoned") => ("milestone", "milestone", true),
            Some("demilestoned") => ("milestone", "milestone", false),
            Some("typed") => ("type", "type", true),
            Some("untyped") => ("type", "type", false),
            _ => return,
        };
        let value = payload
            .member::<Named>(member)
            .and_then(|one| one.login.or(one.name))
            .map(|text| Value::Text(short(&text)));
        let change = if added {
            Change::of(None, value)
        } else {
            Change::of(value, None)
        };
        out.insert(name.to_owned(), change);
    }
}

/// A branch, where the name can be one.
fn branch_ref(repository: u64, name: &str) -> Option<RemoteRef> {
    let usable = !name.is_empty() && name.len() <= 255 && !name.chars().any(char::is_control);
    usable.then(|| RemoteRef::new(SYSTEM, "branch", format!("{repository}:{name}")))
}

fn short(text: &str) -> String {
    text.chars().take(MAX_TEXT).collect()
}

/// A plain value; options and iterations by their names.
fn value(json: &Json) -> Option<Value> {
    Some(match json {
        Json::String(text) => Value::Text(short(text)),
        Json::Bool(on) => Value::Bool(*on),
        Json::Number(number) => Value::Number(number.to_string()),
        Json::Object(members) => {
            let name = members.get("name").or_else(|| members.get("title"))?;
            Value::Text(short(name.as_str()?))
        }
        Json::Null | Json::Array(_) => return None,
    })
}
