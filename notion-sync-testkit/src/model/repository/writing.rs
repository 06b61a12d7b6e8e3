//! What a write does.

use std::collections::BTreeMap;

use notion_sync_core::effect::{Effect, EffectRequest};
use notion_sync_core::id::RemoteRef;
use notion_sync_core::remote::{
    Ack, Action, ContentChange, FieldChange, NewContent, Remote, Write,
};
use notion_sync_core::value::Value;
use notion_sync_core::{Error, ErrorKind, Result};

use super::{Inner, ModelGate, ModelRepository, Pull, blob, token};
use crate::model::{ModelWrite, SYNC};

impl ModelRepository {
    pub(super) fn apply(&self, inner: &mut Inner, write: &Write) -> Result<Ack> {
        let now = self.clock.now();
        let during = "write to the repository";
        let mut notes = BTreeMap::new();
        let mut links = BTreeMap::new();
        let mut refused = BTreeMap::new();
        let stale = || Err(Error::new(ErrorKind::Stale, during));
        let (object, what) = match &write.action {
            Action::Create(create) if self.issues => {
                let text = match &create.content {
                    NewContent::Text(text) => text.clone(),
                    _ => String::new(),
                };
                let mut fields = create.fields.clone();
                if fields.contains_key("created_at") || fields.contains_key("parent") {
                    return Err(Error::new(ErrorKind::Invalid, during));
                }
                fields
                    .entry("state".to_owned())
                    .or_insert_with(|| Value::text("open"));
                let number = inner.open(
                    fields,
                    text,
                    (now, SYNC),
                    create.counterpart.clone(),
                    Some(write.op.clone()),
                );
                notes.insert("number".to_owned(), number.to_string());
                notes.insert("repository".to_owned(), "acme/app".to_owned());
                (
                    RemoteRef::new("github", "issue", number.to_string()),
                    "create",
                )
            }
            Action::Create(create) => {
                let path = create.place.clone().unwrap_or_default();
                let NewContent::Text(text) = &create.content else {
                    return Err(Error::new(ErrorKind::Invalid, during));
                };
                if inner.files.contains_key(&path) {
                    return stale();
                }
                inner.put(&path, Some(text.clone()));
                (RemoteRef::new("github", "file", path), "create")
            }
            Action::Update(update) if update.object.kind == "issue" => {
                let number: u32 = update.object.id.parse().unwrap_or(0);
                let Some(issue) = inner.issues.get_mut(&number) else {
                    return Err(Error::new(ErrorKind::Gone, during));
                };
                for (key, change) in &update.fields {
                    let held = issue.fields.get(key).cloned().unwrap_or_default();
                    if key == "created_at" {
                        return Err(Error::new(ErrorKind::Invalid, during));
                    }
                    if is_set(key) {
                        continue;
                    }
                    if held != change.expected && !(held.is_empty() && change.expected.is_empty()) {
                        return stale();
                    }
                }
                if let Some(ContentChange::Text { expected, desired }) = &update.content {
                    if issue.text != *expected {
                        return stale();
                    }
                    issue.text.clone_from(desired);
                }
                let circle = (update.fields.get("parent"))
                    .is_some_and(|change| inner.is_below(&change.desired, number));
                if circle {
                    let why = "an issue cannot be below itself: choose another parent";
                    refused.insert("parent".to_owned(), why.to_owned());
                }
                let Some(issue) = inner.issues.get_mut(&number) else {
                    return Err(Error::new(ErrorKind::Gone, during));
                };
                for (key, change) in &update.fields {
                    if refused.contains_key(key) {
                        continue;
                    }
                    let held = issue.fields.entry(key.clone()).or_default();
                    *held = if is_set(key) {
                        changed(held, change)
                    } else {
                        change.desired.clone()
                    };
                }
                if update.content.is_some() {
                    // The mark goes out with the text.
                    issue.page = write.page.clone().or(issue.page.take());
                }
                issue.updated = now;
                issue.written_by = Some(write.op.clone());
                (update.object.clone(), "update")
            }
            Action::Update(update) => {
                let path = update.object.id.clone();
                let Some(held) = inner.files.get(&path).cloned() else {
                    return stale();
                };
                let text = match &update.content {
                    Some(ContentChange::Text { expected, desired }) if blob(&held) == *expected => {
                        desired.clone()
                    }
                    None => held,
                    Some(ContentChange::Text { .. }) => return stale(),
                    Some(_) => return Err(Error::new(ErrorKind::Invalid, during)),
                };
                let target = update.place.clone().unwrap_or_else(|| path.clone());
                if target != path {
                    if inner.files.contains_key(&target) {
                        return Err(Error::new(ErrorKind::AlreadyExists, during));
                    }
                    let moved = (inner.changes.len(), path.clone());
                    inner.moved.insert(target.clone(), moved);
                    inner.put(&path, None);
                }
                inner.put(&target, Some(text));
                (RemoteRef::new("github", "file", target), "update")
            }
            Action::Remove { object, expected } if object.kind == "file" => {
                if inner
                    .files
                    .get(&object.id)
                    .is_none_or(|text| blob(text) != *expected)
                {
                    return stale();
                }
                inner.put(&object.id, None);
                (object.clone(), "remove")
            }
            Action::Remove { object, .. } | Action::Restore { object } => {
                let number: u32 = object.id.parse().unwrap_or(0);
                let closes = matches!(write.action, Action::Remove { .. });
                let Some(issue) = inner.issues.get_mut(&number) else {
                    return Err(Error::new(ErrorKind::Gone, during));
                };
                if let Action::Remove { expected, .. } = &write.action
                    && issue.fields.get("state") != Some(&Value::text("closed"))
                    && *expected != token(issue)
                {
                    return stale();
                }
                let state = if closes { "closed" } else { "open" };
                issue.fields.insert("state".to_owned(), Value::text(state));
                issue.updated = now;
                issue.written_by = Some(write.op.clone());
                (object.clone(), if closes { "remove" } else { "restore" })
            }
            Action::Propose(propose) => {
                let known = inner
                    .pulls
                    .iter()
                    .find(|(_, pull)| pull.branch == propose.branch)
                    .map(|(n, _)| *n);
                let number = match known {
                    Some(number) => number,
                    None => {
                        inner.next += 1;
                        inner.next
                    }
                };
                let comments = inner.pulls.get(&number).map(|pull| pull.comments.clone());
                inner.pulls.insert(
                    number,
                    Pull {
                        branch: propose.branch.clone(),
                        files: propose.files.clone(),
                        state: "open",
                        title: propose.title.clone(),
                        body: propose.body.clone(),
                        comments: comments.unwrap_or_default(),
                        reviewers: propose.reviewers.clone(),
                    },
                );
                notes.insert("head".to_owned(), format!("head-{number}"));
                (
                    RemoteRef::new("github", "pull", number.to_string()),
                    "propose",
                )
            }
            Action::Withdraw { proposal, .. } => {
                let number: u32 = proposal.id.parse().unwrap_or(0);
                if let Some(pull) = inner.pulls.get_mut(&number) {
                    pull.state = "closed";
                }
                (proposal.clone(), "withdraw")
            }
            Action::Comment { object, text } => {
                let number: u32 = object.id.parse().unwrap_or(0);
                if object.kind == "pull" {
                    if let Some(pull) = inner.pulls.get_mut(&number) {
                        pull.comments.push(text.clone());
                    }
                } else if let Some(issue) = inner.issues.get_mut(&number) {
                    issue.comments.push((write.op.clone(), text.clone()));
                }
                (object.clone(), "comment")
            }
            Action::Flag {
                object, head, red, ..
            } => {
                inner.flags.push((head.clone(), *red));
                (object.clone(), "flag")
            }
            Action::Bookkeep { object, fields } => {
                let number: u32 = object.id.parse().unwrap_or(0);
                if let (Some(issue), Some(page)) =
                    (inner.issues.get_mut(&number), fields.get("notion_page_id"))
                {
                    issue.page = (!page.is_empty()).then(|| page.clone());
                    issue.updated = now;
                }
                (object.clone(), "bookkeep")
            }
            Action::Discuss(discuss) => {
                let ack = inner.talk.discuss(&write.op, discuss, now)?;
                let number: u32 = discuss.place.id.parse().unwrap_or(0);
                if let Some(issue) = inner.issues.get_mut(&number) {
                    issue.updated = now;
                }
                inner.writes.push(ModelWrite {
                    op: write.op.clone(),
                    what: "discuss",
                    object: discuss.place.id.clone(),
                });
                return Ok(ack);
            }
            Action::Effect(effect) => {
                let request = &effect.request;
                let name = request.effect.name();
                if inner.gates.get(name) == Some(&ModelGate::Stale) {
                    return stale();
                }
                let issue = request.object.id.clone();
                (inner.effects).push((write.op.clone(), issue, name.to_owned()));
                match &request.effect {
                    Effect::OpenPull(_) => {
                        let number = inner.open_pull(&write.op);
                        let pull = RemoteRef::new("github", "pull", number.to_string());
                        links.insert("pull".to_owned(), pull.clone());
                        notes.insert("number".to_owned(), number.to_string());
                        (pull, "effect")
                    }
                    Effect::Summary => {
                        let number: u32 = request.object.id.parse().unwrap_or(0);
                        if let Some(issue) = inner.issues.get_mut(&number) {
                            issue.comments.push((write.op.clone(), told(request)));
                            issue.updated = now;
                        }
                        (request.object.clone(), "effect")
                    }
                    _ => (request.object.clone(), "effect"),
                }
            }
        };
        inner.made.insert(write.op.clone(), object.clone());
        inner.writes.push(ModelWrite {
            op: write.op.clone(),
            what,
            object: object.id.clone(),
        });
        if Remote::group(self, &write.action).is_some() {
            notes.insert("commit".to_owned(), inner.head());
        }
        Ok(Ack {
            snapshot: Some(self.snapshot(inner, &object, self.issues)),
            notes,
            links,
            refused,
            ..Ack::default()
        })
    }
}

impl Inner {
    /// Whether an issue is another one or one of those below it.
    fn is_below(&self, issue: &Value, other: u32) -> bool {
        let mut at = issue.clone();
        for _ in 0..=self.issues.len() {
            let Some(number) = at.as_text().and_then(|text| text.parse::<u32>().ok()) else {
                return false;
            };
            if number == other {
                return true;
            }
            at = (self.issues.get(&number))
                .and_then(|issue| issue.fields.get("parent").cloned())
                .unwrap_or_default();
        }
        false
    }
}

/// What a summary says.
fn told(request: &EffectRequest) -> String {
    let Some(summary) = &request.summary else {
        return String::new();
    };
    let did: Vec<String> = (summary.did.iter())
        .map(|one| match &one.failed {
            Some(why) => format!("{} failed: {why}", one.what),
            None => one.what.clone(),
        })
        .collect();
    let (property, from) = (&summary.property, &summary.from);
    format!("{property}: {from} → {}: {}", request.value, did.join(", "))
}

/// Fields of which the service adds and removes single elements.
fn is_set(key: &str) -> bool {
    matches!(key, "labels" | "assignees")
}

/// A set after a change: elements that the change does not name stay.
fn changed(held: &Value, change: &FieldChange) -> Value {
    let (expected, desired) = (change.expected.elements(), change.desired.elements());
    let mut all = held.elements();
    all.retain(|one| desired.contains(one) || !expected.contains(one));
    all.extend(desired.difference(&expected).cloned());
    Value::Set(all)
}
