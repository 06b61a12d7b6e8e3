//! What became of a write to an issue whose answer was lost.

use std::collections::BTreeMap;

use chrono::{DateTime, Duration, Utc};
use notion_sync_core::id::RemoteRef;
use notion_sync_core::remote::{Ack, Action, ContentChange, FieldChange, Trace, Update, Write};
use notion_sync_core::snapshot::{Field, Presence, Snapshot};
use notion_sync_core::{Error, ErrorKind, Result};

use super::GithubIssues;
use super::bodies::Body;
use super::fields::{holds, is_set, same};
use super::parent::PARENT;
use super::project::{Shown, field_of};
use super::project_writing::is_said;
use crate::comments;
use crate::credentials::CredentialKind;
use crate::endpoint::{Call, REPOSITORY, TIMELINE, USER};
use crate::files::comment_notes;
use crate::reference;
use crate::repository::RepositoryInfo;
use crate::wire::{Account, Event, Issue};

/// Events up to this much earlier than the moment of sending still count: clocks differ.
const EVENT_SKEW: Duration = Duration::seconds(30);

/// How a unit stands against what a write wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Desired,
    Expected,
    Other,
}

impl GithubIssues {
    /// What became of one write. Where the object is not there any more, or is another one by now, no
    /// waiting tells: that is no failure of the look.
    pub(super) async fn trace_one(&self, write: &Write, sent_at: DateTime<Utc>) -> Result<Trace> {
        match self.look_for(write, sent_at).await {
            Err(error) if self.is_about_object(&error, &write.action).await => Ok(Trace::Unclear),
            other => other,
        }
    }

    /// Whether an error that waiting does not mend is about the object alone. GitHub also answers that
    /// something is not there while the whole repository cannot be seen.
    async fn is_about_object(&self, error: &Error, action: &Action) -> bool {
        match error.kind() {
            // It may be the whole repository that must not be seen.
            ErrorKind::Forbidden => false,
            ErrorKind::NotFound => {
                let object = match action {
                    Action::Update(update) => &update.object,
                    Action::Discuss(discuss) => &discuss.place,
                    Action::Effect(effect) => &effect.request.object,
                    Action::Remove { object, .. }
                    | Action::Restore { object }
                    | Action::Comment { object, .. }
                    | Action::Flag { object, .. }
                    | Action::Bookkeep { object, .. } => object,
                    Action::Create(_) | Action::Propose(_) | Action::Withdraw { .. } => {
                        return false;
                    }
                };
                let Ok((repository, _)) = reference::parse_numbered(object) else {
                    return false;
                };
                let call = Call::new(&REPOSITORY, &[&repository.to_string()]);
                self.client.call(call).await.is_ok()
            }
            kind => kind.is_lasting(),
        }
    }

    async fn look_for(&self, write: &Write, sent_at: DateTime<Utc>) -> Result<Trace> {
        match &write.action {
            Action::Create(create) => self.trace_create(write, create, sent_at).await,
            Action::Update(update) => self.trace_update(write, update, sent_at).await,
            Action::Remove { object, .. } => self.trace_state(object, "closed", sent_at).await,
            Action::Restore { object } => self.trace_state(object, "open", sent_at).await,
            Action::Comment { object, .. } => {
                let (repository, number) = self.own(object).await?;
                let id = repository.id.to_string();
                let found =
                    comments::find(&self.client, &id, number, &write.op, Some(sent_at)).await?;
                Ok(match found {
                    Some(comment) => Trace::Applied(Ack {
                        snapshot: None,
                        notes: comment_notes(&comment),
                        ..Ack::default()
                    }),
                    None => Trace::NotApplied,
                })
            }
            Action::Discuss(discuss) => self.trace_discussion(write, discuss, sent_at).await,
            Action::Bookkeep { object, fields } => {
                let (repository, number) = self.own(object).await?;
                let issue = self.writable(repository, number).await?;
                let now = Body::read(issue.body.as_deref()).bookkeeping();
                let done = fields
                    .iter()
                    .all(|(name, value)| now.get(name).map_or("", String::as_str) == value);
                Ok(self.applied_if(done, repository, number, &issue))
            }
            Action::Flag {
                object, head, red, ..
            } => self.trace_flag(object, head, *red).await,
            Action::Effect(effect) => self.trace_effect(write, effect, sent_at).await,
            Action::Propose(_) | Action::Withdraw { .. } => Ok(Trace::NotApplied),
        }
    }

    fn applied_if(
        &self,
        done: bool,
        repository: &RepositoryInfo,
        number: u64,
        issue: &Issue,
    ) -> Trace {
        if done {
            Trace::Applied(Ack {
                snapshot: Some(self.snapshot(repository, number, issue, true)),
                notes: BTreeMap::new(),
                ..Ack::default()
            })
        } else {
            Trace::NotApplied
        }
    }

    async fn trace_state(
        &self,
        object: &RemoteRef,
        wanted: &str,
        sent_at: DateTime<Utc>,
    ) -> Result<Trace> {
        use notion_sync_core::remote::Remote as _;
        let (repository, number) = self.own(object).await?;
        let snapshot = self.read(object, true).await?;
        if snapshot.presence != Presence::Present {
            // Closing and reopening make no sense any more; the engine decides from the presence.
            return Ok(Trace::Unclear);
        }
        let issue = self.writable(repository, number).await?;
        if issue.state.as_deref() == Some(wanted) {
            return Ok(self.applied_if(true, repository, number, &issue));
        }
        let kind = if wanted == "closed" {
            "closed"
        } else {
            "reopened"
        };
        let events = self.own_events(repository, number, sent_at).await?;
        Ok(match events {
            Some(events) => {
                let done = events
                    .iter()
                    .any(|event| event.event.as_deref() == Some(kind));
                self.applied_if(done, repository, number, &issue)
            }
            None if self.untouched(&issue, sent_at) => Trace::NotApplied,
            None => Trace::Unclear,
        })
    }

    /// Whether an issue did not change since a write was sent.
    pub(crate) fn untouched(&self, issue: &Issue, sent_at: DateTime<Utc>) -> bool {
        issue.updated_at.is_some_and(|at| at < sent_at - EVENT_SKEW)
    }

    /// Desired everywhere: applied. Otherwise only evidence counts: `Sync-Last-Op` in the body,
    /// entries of the timeline by our own login. A value that stands as expected without a trace of
    /// our write was not written; one that is neither is compared part by part, unless the block is
    /// gone and proves nothing.
    async fn trace_update(
        &self,
        write: &Write,
        update: &Update,
        sent_at: DateTime<Utc>,
    ) -> Result<Trace> {
        let (repository, number) = self.own(&update.object).await?;
        let issue = match self.issue(repository, number).await {
            Ok((issue, false)) if !issue.pull_request => issue,
            Ok(_) => return Ok(Trace::Unclear),
            Err(error) => return Err(error),
        };
        let body = Body::read(issue.body.as_deref());
        let mut open: Vec<(&str, Standing)> = Vec::new();
        let shown = match update.fields.keys().any(|name| field_of(name).is_some()) {
            true => self.shown_item(issue.node_id.as_deref()).await?,
            false => None,
        };
        for (name, change) in &update.fields {
            if field_of(name).is_some() {
                open.push((name, item_standing(shown.as_ref(), name, change)));
                continue;
            }
            let current = match self.field(&issue, name) {
                Some(Field::Value(value)) => Some(value),
                _ => None,
            };
            let standing = match current {
                Some(current) if is_set(name) => {
                    let now = current.elements();
                    let (before, after) = (change.expected.elements(), change.desired.elements());
                    let done = after
                        .iter()
                        .all(|one| holds(&before, one) || holds(&now, one))
                        && before
                            .iter()
                            .all(|one| holds(&after, one) || !holds(&now, one));
                    if done {
                        Standing::Desired
                    } else {
                        Standing::Expected
                    }
                }
                Some(current) if current == change.desired => Standing::Desired,
                Some(current) if current == change.expected => Standing::Expected,
                _ => Standing::Other,
            };
            open.push((name, standing));
        }
        if let Some(ContentChange::Text { expected, desired }) = &update.content {
            let standing = if body.text == *desired {
                Standing::Desired
            } else if body.text == *expected {
                Standing::Expected
            } else {
                Standing::Other
            };
            open.push(("body", standing));
        }
        let some_done = open.len();
        open.retain(|(_, standing)| *standing != Standing::Desired);
        let some_done = open.len() < some_done;
        if open.is_empty() {
            return Ok(self.applied_if(true, repository, number, &issue));
        }
        let patched = body.block.written_by.as_ref() == Some(&write.op);
        let events = self.own_events(repository, number, sent_at).await?;
        let proven = |name: &str| match name {
            "body" => patched,
            // Title, state and the like travel with the body in one request.
            // A project has no history.
            _ if field_of(name).is_some() => false,
            _ if patched && !is_set(name) && name != PARENT => true,
            _ => events
                .as_ref()
                .is_some_and(|events| shows(events, update, name)),
        };
        let unproven: Vec<_> = open.iter().filter(|(name, _)| !proven(name)).collect();
        if unproven.is_empty() {
            return Ok(self.applied_if(true, repository, number, &issue));
        }
        if unproven
            .iter()
            .any(|(_, standing)| *standing == Standing::Other)
        {
            // The block of an earlier write says that this one did not come after it: somebody
            // edited. Without any block everything is possible.
            return Ok(if body.block.is_empty() {
                Trace::Unclear
            } else {
                Trace::Partly(self.with_item(repository, number, &issue, shown.as_ref()))
            });
        }
        // Expected, and no trace. A body has no timeline: it is only believed untouched while the
        // issue is, since somebody could have restored the old text together with its block.
        let body_moved =
            unproven.iter().any(|(name, _)| *name == "body") && !self.untouched(&issue, sent_at);
        let blind = events.is_none() && !self.untouched(&issue, sent_at);
        let doubtful = (body_moved && body.block.is_empty()) || blind;
        // Somebody may have put back what was written to an item that moved since; where a part of the
        // write is there, it was cut off.
        let item_open = unproven.iter().any(|(name, _)| field_of(name).is_some());
        let item_moved = item_open
            && (shown.as_ref().and_then(|shown| shown.updated))
                .is_some_and(|at| at >= sent_at - EVENT_SKEW);
        Ok(if item_open && some_done && !doubtful {
            Trace::Partly(self.with_item(repository, number, &issue, shown.as_ref()))
        } else if doubtful || item_moved {
            Trace::Unclear
        } else {
            Trace::NotApplied
        })
    }

    fn with_item(
        &self,
        repository: &RepositoryInfo,
        number: u64,
        issue: &Issue,
        shown: Option<&Shown>,
    ) -> Snapshot {
        let mut snapshot = self.snapshot(repository, number, issue, true);
        if let Some(shown) = shown {
            shown.add_to(&mut snapshot);
        }
        snapshot
    }

    /// Entries of the timeline by our own login since a write was sent; `None` when our login is not
    /// known.
    pub(crate) async fn own_events(
        &self,
        repository: &RepositoryInfo,
        number: u64,
        sent_at: DateTime<Utc>,
    ) -> Result<Option<Vec<Event>>> {
        let Some(login) = self.login().await else {
            return Ok(None);
        };
        let events = self.timeline(repository, number).await?;
        let own = events.into_iter().filter(|event| {
            is_by(event, Some(&login))
                && event
                    .created_at
                    .is_some_and(|at| at >= sent_at - EVENT_SKEW)
        });
        Ok(Some(own.collect()))
    }

    /// What happened to an issue, oldest first.
    pub(super) async fn timeline(
        &self,
        repository: &RepositoryInfo,
        number: u64,
    ) -> Result<Vec<Event>> {
        let call = Call::new(
            &TIMELINE,
            &[&repository.id.to_string(), &number.to_string()],
        )
        .with("number", number);
        self.client.all(call).await
    }

    /// Whose credential it is.
    pub(crate) async fn login(&self) -> Option<String> {
        let found = self
            .login
            .get_or_try_init(|| async {
                let login = match self.client.credential_kind() {
                    CredentialKind::Personal => {
                        let user: Account =
                            self.client.call(Call::new(&USER, &[])).await?.json()?;
                        user.login
                    }
                    CredentialKind::Installation => {
                        let query = "query{viewer{login}}";
                        let data = self
                            .client
                            .ask("ask whose token it is", query, serde_json::json!({}))
                            .await?
                            .0;
                        data.pointer("/viewer/login")
                            .and_then(|login| login.as_str())
                            .map(str::to_owned)
                    }
                };
                Ok::<_, Error>(login)
            })
            .await;
        found.ok().cloned().flatten()
    }
}

/// Whether something was done by this account; without one nobody knows.
pub(super) fn is_by(event: &Event, login: Option<&str>) -> bool {
    let by = event.actor.as_ref().and_then(|one| one.login.as_deref());
    matches!((by, login), (Some(by), Some(login)) if by.eq_ignore_ascii_case(login))
}

/// How a field of the issue's item stands against what a write wanted.
fn item_standing(shown: Option<&Shown>, name: &str, change: &FieldChange) -> Standing {
    let now = shown.and_then(|shown| shown.fields.get(name));
    match now {
        Some(Field::Vacant(_)) if change.desired.is_empty() => Standing::Desired,
        Some(Field::Vacant(_)) => Standing::Expected,
        Some(Field::Value(value) | Field::Fixed(value, _)) if is_said(value, &change.desired) => {
            Standing::Desired
        }
        Some(Field::Value(value) | Field::Fixed(value, _)) if *value == change.expected => {
            Standing::Expected
        }
        _ => Standing::Other,
    }
}

/// Whether events show that a field was written as an update wanted it.
fn shows(events: &[Event], update: &Update, name: &str) -> bool {
    let Some(change) = update.fields.get(name) else {
        return false;
    };
    let desired = change.desired.as_text();
    let any = |kind: &str, fits: &dyn Fn(&Event) -> bool| {
        events
            .iter()
            .any(|event| event.event.as_deref() == Some(kind) && fits(event))
    };
    match name {
        "title" => any("renamed", &|event| {
            event
                .rename
                .as_ref()
                .and_then(|rename| rename.to.as_deref())
                == desired
        }),
        "state" | "state_reason" => {
            let state = update
                .fields
                .get("state")
                .and_then(|change| change.desired.as_text());
            match state {
                Some("closed") => any("closed", &|_| true),
                Some("open") => any("reopened", &|_| true),
                _ => false,
            }
        }
        "milestone" => match desired {
            Some(title) => any("milestoned", &|event| {
                event
                    .milestone
                    .as_ref()
                    .and_then(|one| one.title.as_deref())
                    == Some(title)
            }),
            None => any("demilestoned", &|_| true),
        },
        "labels" | "assignees" => {
            let (before, after) = (change.expected.elements(), change.desired.elements());
            let names = |event: &Event| {
                let label = event.label.as_ref().and_then(|label| label.name.clone());
                let login = event.assignee.as_ref().and_then(|one| one.login.clone());
                if name == "labels" { label } else { login }
            };
            let (put, taken) = if name == "labels" {
                ("labeled", "unlabeled")
            } else {
                ("assigned", "unassigned")
            };
            let seen = |kind: &str, one: &str| {
                any(kind, &|event| {
                    names(event).is_some_and(|found| same(&found, one))
                })
            };
            after
                .iter()
                .filter(|one| !holds(&before, one))
                .all(|one| seen(put, one))
                && before
                    .iter()
                    .filter(|one| !holds(&after, one))
                    .all(|one| seen(taken, one))
        }
        _ => false,
    }
}
