//! The repository as the engine asks it.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use notion_sync_core::comment::{Comments, FoundCard, RemoteComment};
use notion_sync_core::effect::{Effect, EffectRequest, EffectWrite, Gate, LinkedPull};
use notion_sync_core::id::{RemoteRef, Side};
use notion_sync_core::remote::{
    Abilities, Ack, Action, Cursor, ListRequest, Listing, Remote, Schema, Trace, Write, WriteKind,
};
use notion_sync_core::snapshot::{Proof, Snapshot};
use notion_sync_core::{Error, ErrorKind, Result, Retry};

use super::{ModelGate, ModelRepository};
use crate::model::ModelFault;

#[async_trait]
impl Remote for ModelRepository {
    fn side(&self) -> Side {
        Side::Github
    }

    fn abilities(&self) -> Abilities {
        Abilities {
            proposals: !self.issues,
            paths: !self.issues,
            removal_is_state: self.issues,
        }
    }

    async fn schema(&self) -> Result<Schema> {
        Ok(Schema::default())
    }

    async fn list(&self, request: ListRequest) -> Result<Listing> {
        let mut inner = self.lock();
        inner.reads.lists += 1;
        let mut items = Vec::new();
        let mut gone = Vec::new();
        let mut continues = false;
        let cursor;
        if self.issues {
            let since = request
                .cursor
                .filter(|_| !request.full)
                .and_then(|cursor| cursor.0.parse::<DateTime<Utc>>().ok());
            let newest = inner.issues.values().map(|issue| issue.updated).max();
            cursor = newest.unwrap_or(DateTime::UNIX_EPOCH).to_rfc3339();
            for (number, issue) in inner.issues.iter().filter(|(_, issue)| !issue.hidden) {
                if since.is_none_or(|since| issue.updated >= since - chrono::Duration::minutes(20))
                {
                    let object = RemoteRef::new("github", "issue", number.to_string());
                    items.push(self.snapshot(&inner, &object, true));
                }
            }
        } else {
            cursor = inner.changes.len().to_string();
            let from: Option<usize> = request.cursor.and_then(|cursor| cursor.0.parse().ok());
            let mut paths: Vec<String> = match from {
                Some(from) => inner.changes[from.min(inner.changes.len())..]
                    .iter()
                    .map(|(path, _)| path.clone())
                    .collect(),
                None => Vec::new(),
            };
            continues = from.is_some();
            let differs = from.is_some() && !request.full;
            if !differs {
                paths.extend(inner.files.keys().cloned());
            }
            let moved = |path: &String| {
                let before = inner.moved_from(path, from?)?;
                Some(RemoteRef::new("github", "file", before))
            };
            let mut seen = std::collections::BTreeSet::new();
            let there = paths.iter().filter(|path| inner.files.contains_key(*path));
            let told: Vec<RemoteRef> = there.filter_map(moved).collect();
            for path in paths {
                if !seen.insert(path.clone()) {
                    continue;
                }
                let object = RemoteRef::new("github", "file", path.clone());
                if inner.files.contains_key(&path) {
                    let mut item = self.snapshot(&inner, &object, differs);
                    item.previous = moved(&path);
                    items.push(item);
                } else if !told.contains(&object)
                    && from.is_none_or(|from| inner.was_there(&path, from))
                {
                    gone.push((object, Proof::AbsentInDescendant));
                }
            }
        }
        Ok(Listing {
            items,
            gone,
            continues,
            cursor: Cursor(cursor),
            complete: true,
            touched: Vec::new(),
            alerts: Vec::new(),
        })
    }

    async fn named(&self, name: &str) -> Result<RemoteRef> {
        let kind = if self.issues { "issue" } else { "file" };
        Ok(RemoteRef::new("github", kind, name))
    }

    async fn read(&self, object: &RemoteRef, content: bool) -> Result<Snapshot> {
        let mut inner = self.lock();
        inner.reads.contents += usize::from(content);
        inner.reads.pulls += usize::from(object.kind == "pull");
        Ok(self.snapshot(&inner, object, content))
    }

    async fn gate(&self, request: &EffectRequest) -> Result<Gate> {
        let inner = self.lock();
        let open = Gate::Open(EffectWrite {
            request: request.clone(),
            pull: request.links.get("pull").cloned(),
            head: None,
            decided: BTreeMap::new(),
        });
        Ok(match inner.gates.get(request.effect.name()) {
            None | Some(ModelGate::Stale) => open,
            Some(ModelGate::Closed(reason)) => Gate::Closed {
                reason: reason.clone(),
                again: None,
            },
            Some(ModelGate::Unasked(until)) if self.clock.now() < *until => {
                return Err(Error::new(ErrorKind::RateLimited, "ask about an effect")
                    .retry_at(Retry::NotBefore(*until)));
            }
            Some(ModelGate::Unasked(_)) => open,
            Some(ModelGate::Holds) => Gate::Holds {
                links: BTreeMap::new(),
            },
            Some(ModelGate::HoldsBy(object)) => Gate::Holds {
                links: BTreeMap::from([("pull".to_owned(), object.clone())]),
            },
            Some(ModelGate::Refused(reason)) => Gate::Refused(reason.clone()),
        })
    }

    async fn linked(
        &self,
        objects: &[(RemoteRef, Vec<RemoteRef>)],
    ) -> Result<BTreeMap<RemoteRef, Vec<LinkedPull>>> {
        let inner = self.lock();
        let now = self.clock.now();
        let mut out = BTreeMap::new();
        for (object, known) in objects {
            let pulls = known.iter().filter_map(|pull| {
                let number: u32 = pull.id.parse().ok()?;
                let push = inner.heads.get(&number).copied().unwrap_or_default();
                Some(LinkedPull {
                    object: pull.clone(),
                    number: u64::from(number),
                    url: format!("https://github.example/pull/{number}"),
                    state: inner.pulls.get(&number)?.state.to_owned(),
                    head: format!("head-{number}-{push}"),
                    review: None,
                    checks: None,
                    ours: true,
                    updated_at: now,
                })
            });
            out.insert(object.clone(), pulls.collect());
        }
        Ok(out)
    }

    async fn comments(&self, object: &RemoteRef) -> Result<Comments> {
        let mut inner = self.lock();
        inner.reads.comments += 1;
        inner.talk.list(object)
    }

    async fn comment(&self, comment: &RemoteRef) -> Result<Option<RemoteComment>> {
        let mut inner = self.lock();
        inner.reads.comments += 1;
        inner.talk.one(comment)
    }

    async fn cards(&self, objects: &[RemoteRef]) -> Result<Vec<FoundCard>> {
        let mut inner = self.lock();
        inner.reads.comments += objects.len();
        Ok(inner.talk.cards(objects))
    }

    async fn still_open(&self, proposals: &[RemoteRef]) -> Result<BTreeSet<RemoteRef>> {
        let inner = self.lock();
        let open = |pull: &&RemoteRef| {
            let number: Option<u32> = pull.id.parse().ok();
            number.is_some_and(|number| {
                (inner.pulls.get(&number)).is_some_and(|pull| pull.state == "open")
            })
        };
        Ok(proposals.iter().filter(open).cloned().collect())
    }

    fn group(&self, action: &Action) -> Option<String> {
        let file = match action {
            Action::Create(_) => !self.issues,
            Action::Update(update) => update.object.kind == "file",
            Action::Remove { object, .. } => object.kind == "file",
            _ => false,
        };
        file.then(|| "branch".to_owned())
    }

    fn kind(&self, action: &Action) -> WriteKind {
        match action {
            Action::Comment { .. } => WriteKind::UnnamedCreate,
            Action::Discuss(discuss) => discuss.kind(),
            Action::Create(_) if self.issues => WriteKind::UnnamedCreate,
            Action::Effect(effect) if matches!(effect.request.effect, Effect::Dispatch(_)) => {
                WriteKind::UnnamedCreate
            }
            Action::Propose(_) => WriteKind::NamedCreate,
            Action::Create(_) | Action::Update(_) | Action::Remove { .. } if !self.issues => {
                WriteKind::StrongCas
            }
            _ => WriteKind::Set,
        }
    }

    async fn write(&self, batch: &[Write]) -> Vec<Result<Ack>> {
        let mut inner = self.lock();
        let during = "write to the repository";
        let fault = inner.faults.pop_front();
        match fault {
            Some(ModelFault::Refused) => {
                return batch
                    .iter()
                    .map(|_| Err(Error::new(ErrorKind::NotApplied, during)))
                    .collect();
            }
            Some(fault @ (ModelFault::LostBefore | ModelFault::LostLate)) => {
                if fault == ModelFault::LostLate {
                    inner.late.extend(batch.iter().cloned());
                }
                return batch
                    .iter()
                    .map(|_| Err(Error::new(ErrorKind::Unavailable, during)))
                    .collect();
            }
            _ => {}
        }
        let answers: Vec<Result<Ack>> = batch
            .iter()
            .map(|write| self.apply(&mut inner, write))
            .collect();
        if batch
            .first()
            .is_some_and(|write| self.group(&write.action).is_some())
        {
            let done = batch
                .iter()
                .zip(&answers)
                .filter(|(_, answer)| answer.is_ok())
                .map(|(write, _)| write.op.clone())
                .collect();
            inner.commits.push(done);
        }
        if fault == Some(ModelFault::LostAfter) {
            return batch
                .iter()
                .map(|_| Err(Error::new(ErrorKind::Unavailable, during)))
                .collect();
        }
        answers
    }

    async fn trace(&self, batch: &[Write], _: DateTime<Utc>) -> Result<Vec<Trace>> {
        let inner = self.lock();
        Ok(batch
            .iter()
            .map(|write| match (&write.action, inner.found(&write.op)) {
                (Action::Discuss(discuss), _) => inner.talk.trace(&write.op, discuss),
                _ if inner.untraceable => Trace::Unclear,
                (_, Some(object)) => Trace::Applied(Ack {
                    snapshot: Some(self.snapshot(&inner, object, true)),
                    notes: BTreeMap::from([("head".to_owned(), format!("head-{}", object.id))]),
                    links: (object.kind == "pull" && self.issues)
                        .then(|| ("pull".to_owned(), object.clone()))
                        .into_iter()
                        .collect(),
                    ..Ack::default()
                }),
                (_, None) => Trace::NotApplied,
            })
            .collect())
    }

    async fn made(&self, write: &Write, object: &RemoteRef) -> Result<Option<Ack>> {
        let inner = self.lock();
        let fits = match &write.action {
            Action::Propose(propose) => {
                let number = object.id.parse::<u32>().ok();
                let pull = number.and_then(|number| inner.pulls.get(&number));
                pull.is_some_and(|pull| pull.branch == propose.branch)
            }
            Action::Effect(_) => inner.made.get(&write.op) == Some(object),
            _ => return Ok(None),
        };
        if !fits {
            return Err(Error::new(ErrorKind::Invalid, "find what a write made")
                .with("object", object)
                .message("another write made it"));
        }
        let pull = object.kind == "pull" && self.issues;
        Ok(Some(Ack {
            snapshot: Some(self.snapshot(&inner, object, false)),
            notes: BTreeMap::from([("head".to_owned(), format!("head-{}", object.id))]),
            links: (pull.then(|| ("pull".to_owned(), object.clone())))
                .into_iter()
                .collect(),
            ..Ack::default()
        }))
    }
}
