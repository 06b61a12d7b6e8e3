//! Writing issues.

use std::collections::{BTreeMap, BTreeSet};

use notion_sync_core::id::RemoteRef;
use notion_sync_core::remote::{Ack, Action, ContentChange, FieldChange, Update, Write};
use notion_sync_core::snapshot::Field;
use notion_sync_core::value::Value;
use notion_sync_core::{Error, ErrorKind, Result};
use serde_json::{Map, Value as Json, json};

use super::GithubIssues;
use super::bodies::{Body, marked_body, next_body};
use super::fields::{assignees, holds, is_fact, is_set, labels, later, same, value_of};
use super::parent::PARENT;
use super::project::{field_of, own_token};
use crate::comments::{self, MAX_BODY_BYTES};
use crate::endpoint::{Call, REMOVE_ASSIGNEES};
use crate::failure;
use crate::files::comment_notes;
use crate::repository::RepositoryInfo;
use crate::wire::{Issue, Label};

/// Longest title in characters.
const MAX_TITLE: usize = 256;

impl GithubIssues {
    pub(super) async fn write_one(&self, write: &Write) -> Result<Ack> {
        match &write.action {
            Action::Create(create) => self.create(write, create).await,
            Action::Update(update) => self.update(write, update).await,
            Action::Remove { object, expected } => self.close(object, expected).await,
            Action::Restore { object } => self.reopen(object).await,
            Action::Comment { object, text } => self.comment(write, object, text).await,
            Action::Discuss(discuss) => self.discuss(write, discuss).await,
            Action::Bookkeep { object, fields } => self.bookkeep(write, object, fields).await,
            Action::Effect(effect) => self.write_effect(write, effect).await,
            Action::Flag {
                object,
                head,
                red,
                text,
            } => self.flag(object, head, *red, text).await,
            Action::Propose(_) | Action::Withdraw { .. } => {
                Err(Error::new(ErrorKind::Invalid, "write an issue")
                    .message("a change of an issue cannot be proposed"))
            }
        }
    }

    /// Reads, checks what is expected, and writes only what differs.
    async fn update(&self, write: &Write, update: &Update) -> Result<Ack> {
        let (repository, number) = self.own(&update.object).await.map_err(unapplied)?;
        let id = repository.id.to_string();
        if update.place.is_some() {
            return Err(invalid(
                "place",
                "an issue cannot be moved through this interface",
            ));
        }
        let plan = SetPlan::of(&update.fields);
        let turns = u32::from(update.fields.contains_key(PARENT));
        let writes = plan.writes().saturating_add(turns);
        let writes = writes.saturating_add(self.item_writes(update));
        self.client.begin("change an issue", writes, 0)?;
        let issue = self.writable(repository, number).await.map_err(unapplied)?;
        let item = self.prepare_item(write, update, number, &issue).await?;
        let changes = self.differing(repository, number, &issue, update)?;
        let needs = self.make_needed(&id, &changes, &plan, &issue).await?;
        // What was asked for meanwhile took time, in which people go on: what counts is what the issue
        // says right before it is written.
        let own = |name: &String| field_of(name).is_none() && !is_set(name);
        let compares = update.content.is_some() || update.fields.keys().any(own);
        let (issue, changes) = if (needs.asked || item.is_some()) && compares {
            let issue = self.writable(repository, number).await.map_err(unapplied)?;
            let changes = self.differing(repository, number, &issue, update)?;
            (issue, changes)
        } else {
            (issue, changes)
        };
        let mut patch = Map::new();
        let mut parent = None;
        for (name, change) in changes {
            if name == PARENT {
                parent = Some(change);
            } else {
                patch_field(name, &change.desired, needs.milestone, &mut patch)?;
            }
        }
        if patch.contains_key("state_reason") && !patch.contains_key("state") {
            // The service ignores a reason without a state.
            patch.insert(
                "state".to_owned(),
                json!(issue.state.as_deref().unwrap_or("open")),
            );
        }
        if let Some(ContentChange::Text { desired, .. }) = &update.content {
            let body = Body::read(issue.body.as_deref());
            if body.text != *desired {
                let next = next_body(write, &body, desired, &update.bookkeeping)?;
                patch.insert("body".to_owned(), json!(next));
            }
        }
        let (mut add, remove) = plan.against(&issue);
        add.labels.retain(|name| !needs.refused.contains(name));
        let moves_state = patch.contains_key("state");
        let mut applied = false;
        let mut issue = issue;
        let mut refused = BTreeMap::new();
        let wrote: Vec<String> = patch.keys().cloned().collect();
        if !patch.is_empty()
            && let Some(after) = self.patch_but(&id, number, patch, &mut refused).await?
        {
            let took = |name: &&str| !refused.contains_key(*name);
            let wrote: Vec<&str> = wrote.iter().map(String::as_str).filter(took).collect();
            issue = later(issue, after, &wrote);
            applied = true;
        }
        if !add.labels.is_empty() {
            let outcome = self.add_labels(&id, number, &add.labels).await;
            let base = outcome.map_err(|error| partial(error, applied))?;
            issue.labels = base;
            applied = true;
        }
        // Of an answer only what its request asked for: the rest may be somebody's edit since the request before, and
        // what the service took then is not what it left out.
        for label in &remove.labels {
            let outcome = self.remove_label(&id, number, label).await;
            let left = outcome.map_err(|error| partial(error, applied))?;
            let is_left = (left.iter().flatten()).any(|one| is_named(one, label));
            if !is_left {
                issue.labels.retain(|one| !is_named(one, label));
            }
            applied = true;
        }
        if !add.assignees.is_empty() {
            let after = self.assign(&id, number, &add.assignees).await;
            let after = after.map_err(|error| partial(error, applied))?;
            issue = later(issue, after, &["assignees"]);
            applied = true;
        }
        if !remove.assignees.is_empty() {
            let call = Call::new(&REMOVE_ASSIGNEES, &[&id, &number.to_string()])
                .body(json!({"assignees": remove.assignees}))
                .with("number", number);
            let after = match self.client.call(call).await {
                Ok(answer) => answer.json::<Issue>(),
                Err(error) => Err(error),
            };
            let after = after.map_err(|error| partial(error, applied))?;
            let left: BTreeSet<String> = assignees(&after).into_iter().collect();
            let mut own = issue.clone();
            if let Some(people) = &mut own.assignees {
                people.retain(|one| {
                    let login = one.login.as_deref().unwrap_or_default();
                    !remove.assignees.iter().any(|gone| same(gone, login)) || holds(&left, login)
                });
            }
            let alone = value_of(&own, "assignees") == value_of(&after, "assignees");
            issue = if alone {
                later(issue, after, &["assignees"])
            } else {
                own
            };
            applied = true;
        }
        if let Some(change) = parent {
            if applied {
                let same = self.expect_parent(repository, number, change).await;
                same.map_err(|error| partial(error, applied))?;
            }
            let moved = self.move_below(number, &mut issue, change).await;
            match moved.map_err(|error| partial(error, applied))? {
                Some(why) => {
                    refused.insert(PARENT.to_owned(), why);
                }
                None => applied = true,
            }
        }
        // Last, so that what a project does not take holds up nothing else.
        let shown = match item {
            Some(item) => {
                let since = Since {
                    applied,
                    asked: compares,
                    moves_state,
                };
                Some(self.write_item(item, update, number, since).await?)
            }
            None => None,
        };
        let mut dropped = Vec::new();
        for (name, change) in &update.fields {
            if name != PARENT && !refused.contains_key(name) {
                dropped.extend(missing_after(&issue, name, change));
            }
        }
        let mut notes = BTreeMap::new();
        note_dropped(&mut notes, &dropped);
        let mut snapshot = self.snapshot(repository, number, &issue, true);
        if let Some(shown) = shown {
            shown.add_to(&mut snapshot);
        }
        Ok(Ack {
            snapshot: Some(snapshot),
            notes,
            refused,
            ..Ack::default()
        })
    }

    /// The fields of the issue itself that are not as an update wants them, but for sets.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Stale`] where one of them, or the body, is not what is expected either.
    fn differing<'u>(
        &self,
        repository: &RepositoryInfo,
        number: u64,
        issue: &Issue,
        update: &'u Update,
    ) -> Result<Vec<(&'u str, &'u FieldChange)>> {
        let mut changes = Vec::new();
        for (name, change) in &update.fields {
            if field_of(name).is_some() {
                continue;
            }
            if is_fact(name) {
                return Err(invalid(name, "only the service says it"));
            }
            let current = match self.field(issue, name) {
                Some(Field::Value(current)) => current,
                Some(Field::Unread(why) | Field::Fixed(_, why) | Field::Vacant(Some(why))) => {
                    return Err(invalid(name, &why));
                }
                Some(Field::Vacant(None)) | None => {
                    return Err(invalid(name, "no issue has such a field"));
                }
            };
            if is_set(name) || current == change.desired {
                continue;
            }
            if current != change.expected {
                return Err(stale(repository, number, name));
            }
            if name == PARENT && !Self::is_parent(&change.desired) {
                return Err(invalid(name, "a parent is an issue of this mapping"));
            }
            changes.push((name.as_str(), change));
        }
        match &update.content {
            Some(ContentChange::Text { expected, desired }) => {
                let text = Body::read(issue.body.as_deref()).text;
                if text != *desired && text != expected.replace("\r\n", "\n") {
                    return Err(stale(repository, number, "body"));
                }
            }
            Some(ContentChange::Blocks { .. }) => {
                return Err(invalid("body", "a body is written as text"));
            }
            None => {}
        }
        Ok(changes)
    }

    /// Looks up, and makes, what an update names and is not yet part of the issue.
    async fn make_needed(
        &self,
        id: &str,
        changes: &[(&str, &FieldChange)],
        plan: &SetPlan,
        issue: &Issue,
    ) -> Result<Needed> {
        let mut needed = Needed::default();
        let milestone = changes.iter().find(|(name, _)| *name == "milestone");
        if let Some(title) = milestone.and_then(|(_, change)| change.desired.as_text()) {
            let number = self.milestone(id, title).await.map_err(unapplied)?;
            needed.milestone = Some(number);
            needed.asked = true;
        }
        let (add, _) = plan.against(issue);
        if !add.labels.is_empty() {
            needed.refused = self
                .ensure_labels(id, &add.labels)
                .await
                .map_err(unapplied)?;
            needed.asked = true;
        }
        Ok(needed)
    }

    /// Checks that nobody gave an issue another parent since it was compared. Where none was there the
    /// service refuses a second one itself.
    async fn expect_parent(
        &self,
        repository: &RepositoryInfo,
        number: u64,
        change: &FieldChange,
    ) -> Result<()> {
        if change.expected.is_empty() {
            return Ok(());
        }
        let issue = self.writable(repository, number).await?;
        match self.parent(&issue) {
            Field::Value(now) if now != change.expected && now != change.desired => {
                Err(stale(repository, number, PARENT))
            }
            _ => Ok(()),
        }
    }

    /// Closes as not planned. An issue that was changed since `expected` is left alone.
    async fn close(&self, object: &RemoteRef, expected: &str) -> Result<Ack> {
        let (repository, number) = self.own(object).await.map_err(unapplied)?;
        self.client.begin("close an issue", 1, 0)?;
        let issue = self.writable(repository, number).await.map_err(unapplied)?;
        if issue.state.as_deref() == Some("closed") {
            return Ok(self.ack(repository, number, &issue));
        }
        if issue.updated_at.map(comments::stamp).as_deref() != Some(own_token(expected)) {
            return Err(stale(repository, number, "revision"));
        }
        let patch = Map::from_iter([
            ("state".to_owned(), json!("closed")),
            ("state_reason".to_owned(), json!("not_planned")),
        ]);
        let issue = self
            .patch(&repository.id.to_string(), number, patch)
            .await?;
        Ok(self.ack(repository, number, &issue))
    }

    async fn reopen(&self, object: &RemoteRef) -> Result<Ack> {
        let (repository, number) = self.own(object).await.map_err(unapplied)?;
        self.client.begin("reopen an issue", 1, 0)?;
        let issue = self.writable(repository, number).await.map_err(unapplied)?;
        if issue.state.as_deref() == Some("open") {
            return Ok(self.ack(repository, number, &issue));
        }
        let patch = Map::from_iter([("state".to_owned(), json!("open"))]);
        let issue = self
            .patch(&repository.id.to_string(), number, patch)
            .await?;
        Ok(self.ack(repository, number, &issue))
    }

    async fn comment(&self, write: &Write, object: &RemoteRef, text: &str) -> Result<Ack> {
        let (repository, number) = self.own(object).await.map_err(unapplied)?;
        self.client.begin("write a comment", 1, 1)?;
        let id = repository.id.to_string();
        let comment = comments::post(&self.client, &id, number, &write.op, text).await?;
        Ok(Ack {
            snapshot: None,
            notes: comment_notes(&comment),
            ..Ack::default()
        })
    }

    /// Rewrites the hidden block around the text as it stands.
    async fn bookkeep(
        &self,
        write: &Write,
        object: &RemoteRef,
        fields: &BTreeMap<String, String>,
    ) -> Result<Ack> {
        let (repository, number) = self.own(object).await.map_err(unapplied)?;
        self.client.begin("mark an issue", 1, 0)?;
        let issue = self.writable(repository, number).await.map_err(unapplied)?;
        let body = Body::read(issue.body.as_deref());
        let unmarked = Write {
            page: None,
            revision: None,
            ..write.clone()
        };
        let source = issue.body.as_deref().unwrap_or_default();
        let next = marked_body(&unmarked, &body, source, fields)?;
        let after = Body::read(Some(&next));
        if after.bookkeeping() == body.bookkeeping() || next.len() > MAX_BODY_BYTES {
            // A text that leaves no room stays without: nothing of it is worth losing.
            return Ok(self.ack(repository, number, &issue));
        }
        let patch = Map::from_iter([("body".to_owned(), json!(next))]);
        let issue = self
            .patch(&repository.id.to_string(), number, patch)
            .await?;
        Ok(self.ack(repository, number, &issue))
    }

    fn ack(&self, repository: &RepositoryInfo, number: u64, issue: &Issue) -> Ack {
        Ack {
            snapshot: Some(self.snapshot(repository, number, issue, true)),
            notes: BTreeMap::new(),
            ..Ack::default()
        }
    }
}

/// What an update names, once it is there.
#[derive(Debug, Default)]
struct Needed {
    /// Number of the milestone.
    milestone: Option<u64>,
    /// Labels that there cannot be.
    refused: Vec<String>,
    /// Whether a request was made for it.
    asked: bool,
}

/// What was done since the item of an issue was read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Since {
    /// Whether a part of the update was written.
    pub(super) applied: bool,
    /// Whether a request was made.
    pub(super) asked: bool,
    /// Whether the issue was closed or reopened.
    pub(super) moves_state: bool,
}

fn patch_field(
    name: &str,
    desired: &Value,
    milestone: Option<u64>,
    patch: &mut Map<String, Json>,
) -> Result<()> {
    let text = desired.as_text();
    let value = match name {
        "title" => json!(title(text)?),
        "state" => match text {
            Some("open" | "closed") => json!(text),
            _ => return Err(invalid("state", "a state is open or closed")),
        },
        "state_reason" if text.is_none() => return Ok(()),
        "milestone" if text.is_some() => match milestone {
            Some(number) => json!(number),
            // It was another one a moment ago, and was not looked up.
            None => {
                return Err(Error::new(ErrorKind::Stale, "change an issue")
                    .with("field", name)
                    .message("it changed while it was read"));
            }
        },
        _ => text.map_or(Json::Null, |text| json!(text)),
    };
    patch.insert(name.to_owned(), value);
    Ok(())
}

pub(super) fn title(text: Option<&str>) -> Result<String> {
    let text = text.unwrap_or_default().trim();
    let length = text.chars().count();
    if length == 0 {
        return Err(invalid("title", "a title must not be empty"));
    }
    if length > MAX_TITLE {
        return Err(invalid(
            "title",
            &format!("a title of {length} characters, the limit is {MAX_TITLE}"),
        ));
    }
    Ok(text.to_owned())
}

/// Elements of the two sets.
#[derive(Debug, Default)]
struct Elements {
    labels: Vec<String>,
    assignees: Vec<String>,
}

/// Elements to add and to remove: only those that differ between expected and desired are touched,
/// so what people did to the others stays.
#[derive(Debug, Default)]
struct SetPlan {
    add: Elements,
    remove: Elements,
}

impl SetPlan {
    fn of(fields: &BTreeMap<String, FieldChange>) -> Self {
        let differ = |name: &str| {
            let change = fields.get(name);
            let expected = change
                .map(|change| change.expected.elements())
                .unwrap_or_default();
            let desired = change
                .map(|change| change.desired.elements())
                .unwrap_or_default();
            let only = |one: &BTreeSet<String>, other: &BTreeSet<String>| -> Vec<String> {
                one.iter()
                    .filter(|name| !holds(other, name))
                    .cloned()
                    .collect()
            };
            (only(&desired, &expected), only(&expected, &desired))
        };
        let (labels_add, labels_remove) = differ("labels");
        let (assignees_add, assignees_remove) = differ("assignees");
        Self {
            add: Elements {
                labels: labels_add,
                assignees: assignees_add,
            },
            remove: Elements {
                labels: labels_remove,
                assignees: assignees_remove,
            },
        }
    }

    fn writes(&self) -> u32 {
        let extra = self.remove.labels.len() + 3;
        u32::try_from(extra).unwrap_or(u32::MAX)
    }

    /// Leaves out what is done already.
    fn against(&self, issue: &Issue) -> (Elements, Elements) {
        let has_labels: BTreeSet<String> = labels(issue).into_iter().collect();
        let has_people: BTreeSet<String> = assignees(issue).into_iter().collect();
        let pick = |names: &[String], has: &BTreeSet<String>, there: bool| -> Vec<String> {
            let left = names.iter().filter(|name| holds(has, name) == there);
            left.cloned().collect()
        };
        let add = Elements {
            labels: pick(&self.add.labels, &has_labels, false),
            assignees: pick(&self.add.assignees, &has_people, false),
        };
        let remove = Elements {
            labels: pick(&self.remove.labels, &has_labels, true),
            assignees: pick(&self.remove.assignees, &has_people, true),
        };
        (add, remove)
    }
}

/// What was asked of a new issue and is not in the answer: without the right to triage the service
/// drops some fields and still answers success.
pub(super) fn missing(issue: &Issue, name: &str, value: &Value) -> Option<String> {
    let current = value_of(issue, name)?;
    if is_set(name) {
        let there = current.elements();
        let lost: Vec<String> = value
            .elements()
            .into_iter()
            .filter(|one| !holds(&there, one))
            .collect();
        return (!lost.is_empty()).then(|| format!("{name}: {}", lost.join(", ")));
    }
    let given = !value.is_empty() && matches!(name, "milestone" | "type");
    (given && current != *value).then(|| name.to_owned())
}

fn is_named(label: &Label, name: &str) -> bool {
    label.name().is_some_and(|one| same(one, name))
}

fn missing_after(issue: &Issue, name: &str, change: &FieldChange) -> Option<String> {
    if is_set(name) {
        let before = change.expected.elements();
        let added = change
            .desired
            .elements()
            .into_iter()
            .filter(|one| !holds(&before, one));
        return missing(issue, name, &Value::set(added));
    }
    let current = value_of(issue, name)?;
    let silent = name == "state_reason" && change.desired.is_empty();
    (current != change.desired && !silent && name != "title").then(|| name.to_owned())
}

pub(super) fn note_dropped(notes: &mut BTreeMap<String, String>, dropped: &[String]) {
    if !dropped.is_empty() {
        notes.insert("dropped".to_owned(), dropped.join("; "));
    }
}

pub(super) fn invalid(field: &str, text: &str) -> Error {
    Error::new(ErrorKind::Invalid, "write an issue")
        .with("field", field)
        .message(text)
}

fn stale(repository: &RepositoryInfo, number: u64, field: &str) -> Error {
    Error::new(ErrorKind::Stale, "change an issue")
        .with("repository", &repository.full_name)
        .with("number", number)
        .with("field", field)
        .message("it is not what was expected")
}

/// A failure of what comes before the write itself applies nothing of it.
pub(super) fn unapplied(error: Error) -> Error {
    if error.kind() == ErrorKind::Unavailable {
        return Error::new(ErrorKind::NotApplied, "write an issue")
            .message("a request before the write failed")
            .caused_by(error);
    }
    error
}

/// A failure after a part of an issue was written.
pub(super) fn partial(error: Error, applied: bool) -> Error {
    failure::partial("change an issue", error, applied)
}
