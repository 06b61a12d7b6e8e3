//! Fields of the issue itself: state, labels, milestone, assignees, type.

use std::collections::BTreeSet;

use notion_sync_core::effect::{Close, Effect, EffectRequest, EffectWrite, Gate};
use notion_sync_core::remote::Ack;
use notion_sync_core::{Error, ErrorKind, Result};
use serde_json::{Map, Value as Json, json};

use super::linked::Found;
use super::rights::Rights;
use super::{decided, holds, open, unapplied};
use crate::endpoint::{ASSIGNABLE, Call, ISSUE_TYPES, MILESTONES, REMOVE_ASSIGNEES};
use crate::issues::GithubIssues;
use crate::issues::fields::{assignees, holds as among, labels, same};
use crate::repository::RepositoryInfo;
use crate::wire::{Event, Issue, IssueType, Milestone};

const DURING: &str = "change an issue";
/// Most people who can be assigned.
const MAX_ASSIGNEES: usize = 10;
const NUMBER: &str = "number";
const NAME: &str = "name";
/// Names that had to be added when the gate looked, as JSON; and to be taken away.
const ADD: &str = "add";
const TAKE: &str = "take";

/// Whether an issue is as an effect wants it.
pub(super) fn is_so(effect: &Effect, issue: &Issue) -> bool {
    let there = |names: Vec<String>| names.into_iter().collect::<BTreeSet<String>>();
    match effect {
        Effect::Close(_) => issue.state.as_deref() == Some("closed"),
        Effect::Reopen => issue.state.as_deref() == Some("open"),
        Effect::AddLabels(names) => {
            let has = there(labels(issue));
            names.iter().all(|name| among(&has, name))
        }
        Effect::RemoveLabels(names) => {
            let has = there(labels(issue));
            !names.iter().any(|name| among(&has, name))
        }
        Effect::SetMilestone(title) => {
            let has = issue.milestone.as_ref();
            has.and_then(|one| one.title.as_deref()).unwrap_or_default() == title
        }
        Effect::SetAssignees(logins) => {
            let has = there(assignees(issue));
            logins.iter().all(|login| among(&has, login))
                && has.iter().all(|login| among(logins, login))
        }
        Effect::SetType(name) => {
            let has = issue.kind.as_ref();
            let has = has.and_then(|one| one.name.as_deref()).unwrap_or_default();
            has.to_lowercase() == name.to_lowercase()
        }
        _ => false,
    }
}

impl GithubIssues {
    pub(super) async fn gate_fields(
        &self,
        request: &EffectRequest,
        rights: &Rights,
    ) -> Result<Gate> {
        let (repository, _, issue) = self.issue_of(request).await?;
        if is_so(&request.effect, &issue) {
            return Ok(holds());
        }
        let mut write = open(request);
        if let Some((add, take)) = differing(&request.effect, &issue) {
            write.decided.insert(ADD.to_owned(), json!(add).to_string());
            let take = json!(take).to_string();
            write.decided.insert(TAKE.to_owned(), take);
        }
        match &request.effect {
            Effect::Close(close) => {
                if let Some(gate) = self.before_merge(request, close).await? {
                    return Ok(gate);
                }
            }
            Effect::SetMilestone(title) if !title.is_empty() => {
                let call =
                    Call::new(&MILESTONES, &[&repository.id.to_string()]).query("state", "all");
                let known: Vec<Milestone> = self.client.all(call).await?;
                let named = |one: &&Milestone| one.title.as_deref() == Some(title.as_str());
                match known.iter().find(named).and_then(|one| one.number) {
                    Some(number) => {
                        write.decided.insert(NUMBER.to_owned(), number.to_string());
                    }
                    None => {
                        return Ok(Gate::Refused(format!(
                            "there is no milestone {title:?}; create it on GitHub, or change the \
                             rule"
                        )));
                    }
                }
            }
            Effect::SetType(name) if !name.is_empty() => {
                match self.type_called(repository, name).await? {
                    Ok(name) => {
                        write.decided.insert(NAME.to_owned(), name);
                    }
                    Err(reason) => return Ok(Gate::Refused(reason)),
                }
            }
            Effect::SetAssignees(logins) => {
                if let Some(reason) = self.unassignable(repository, &issue, logins).await? {
                    return Ok(Gate::Refused(reason));
                }
            }
            _ => {}
        }
        // Closing and reopening is the author's right too, the rest is not: without it the service
        // drops what is asked and still answers success.
        let triage = !matches!(request.effect, Effect::Close(_) | Effect::Reopen);
        if triage && rights.triage == Some(false) {
            return Ok(Gate::Refused(
                "the permission \"issues: write\" is missing; give the credential the triage role"
                    .to_owned(),
            ));
        }
        if let Some(reason) = rights.lack("issues") {
            return Ok(Gate::Refused(reason));
        }
        Ok(Gate::Open(write))
    }

    /// What keeps an issue open that is to be closed after its pull request was merged.
    async fn before_merge(&self, request: &EffectRequest, close: &Close) -> Result<Option<Gate>> {
        if !close.after_merge {
            return Ok(None);
        }
        Ok(match self.pull_of_record(request).await? {
            Found::One(target) if target.pull.is_merged() => None,
            Found::One(target) if target.pull.is_open() => {
                Some(self.closed(format!("#{} is not merged yet", target.number)))
            }
            Found::One(target) => Some(self.closed(format!(
                "#{} was closed without being merged",
                target.number
            ))),
            Found::None => Some(self.no_pull()),
            Found::Several(numbers) => Some(self.several(&numbers)),
        })
    }

    /// The type as it is written, or why there is none.
    async fn type_called(
        &self,
        repository: &RepositoryInfo,
        wanted: &str,
    ) -> Result<std::result::Result<String, String>> {
        let call = Call::new(&ISSUE_TYPES, &[&repository.id.to_string()]);
        let known: Vec<IssueType> = match self.client.unpaged(call).await {
            Ok(known) => known,
            // Only organisations have types; elsewhere the route answers 404.
            Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(error),
        };
        let names: Vec<String> = known
            .into_iter()
            .filter(|one| one.is_enabled != Some(false))
            .filter_map(|one| one.name)
            .collect();
        let found = names
            .iter()
            .find(|name| name.to_lowercase() == wanted.to_lowercase());
        Ok(match found {
            Some(name) => Ok(name.clone()),
            None if names.is_empty() => {
                Err("the repository has no issue types; only those of organisations can".to_owned())
            }
            None => Err(format!(
                "there is no issue type {wanted:?}; use one of: {}",
                names.join(", ")
            )),
        })
    }

    async fn unassignable(
        &self,
        repository: &RepositoryInfo,
        issue: &Issue,
        logins: &BTreeSet<String>,
    ) -> Result<Option<String>> {
        if logins.len() > MAX_ASSIGNEES {
            return Ok(Some(format!(
                "{} people, an issue takes {MAX_ASSIGNEES}; leave some out",
                logins.len()
            )));
        }
        let has: BTreeSet<String> = assignees(issue).into_iter().collect();
        let mut strangers = Vec::new();
        for login in logins.iter().filter(|login| !among(&has, login)) {
            let call = Call::new(&ASSIGNABLE, &[&repository.id.to_string(), login]);
            match self.client.call(call).await {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::NotFound => strangers.push(login.as_str()),
                Err(error) => return Err(error),
            }
        }
        Ok((!strangers.is_empty()).then(|| {
            format!(
                "{} cannot be assigned; give them access to the repository, or change the rule",
                strangers.join(", ")
            )
        }))
    }

    pub(super) async fn set_fields(&self, effect: &EffectWrite) -> Result<Ack> {
        let wanted = &effect.request.effect;
        let (repository, number) = self.own(&effect.request.object).await.map_err(unapplied)?;
        let id = repository.id.to_string();
        self.client.begin(DURING, 3, 0)?;
        let issue = self.writable(repository, number).await.map_err(unapplied)?;
        if is_so(wanted, &issue) {
            return Ok(Ack::default());
        }
        let shown = match wanted {
            Effect::Close(close) => {
                let body = Map::from_iter([
                    ("state".to_owned(), json!("closed")),
                    ("state_reason".to_owned(), json!(close.reason.words())),
                ]);
                self.patch(&id, number, body).await?
            }
            Effect::Reopen => {
                let body = Map::from_iter([("state".to_owned(), json!("open"))]);
                self.patch(&id, number, body).await?
            }
            Effect::SetMilestone(title) => {
                let value = match title.as_str() {
                    "" => Json::Null,
                    _ => decided(effect, NUMBER)?
                        .parse::<u64>()
                        .map_or(Json::Null, |number| json!(number)),
                };
                let body = Map::from_iter([("milestone".to_owned(), value)]);
                self.patch(&id, number, body).await?
            }
            Effect::SetType(name) => {
                let value = match name.as_str() {
                    "" => Json::Null,
                    _ => json!(decided(effect, NAME)?),
                };
                let body = Map::from_iter([("type".to_owned(), value)]);
                self.patch(&id, number, body).await?
            }
            Effect::AddLabels(_) => {
                let (missing, _) = differing(wanted, &issue).unwrap_or_default();
                let refused = self.ensure_labels(&id, &missing).await.map_err(unapplied)?;
                if let Some(name) = refused.first() {
                    return Err(Error::new(ErrorKind::Invalid, "add a label")
                        .with("label", name)
                        .message("GitHub takes no such name"));
                }
                let labels = self.add_labels(&id, number, &missing).await?;
                Issue { labels, ..issue }
            }
            Effect::RemoveLabels(_) => {
                let (_, take) = differing(wanted, &issue).unwrap_or_default();
                self.take_labels(&id, number, issue, &take).await?
            }
            Effect::SetAssignees(_) => {
                let (add, take) = differing(wanted, &issue).unwrap_or_default();
                self.assign_all(&id, number, issue, (&add, &take)).await?
            }
            other => {
                return Err(Error::new(ErrorKind::Invalid, DURING)
                    .with("effect", other.name())
                    .message("it is no field of an issue"));
            }
        };
        if is_so(wanted, &shown) {
            return Ok(Ack::default());
        }
        // The service drops what the credential may not set, and still answers success.
        Err(Error::new(ErrorKind::Forbidden, DURING)
            .with("repository", &repository.full_name)
            .with("number", number)
            .message("GitHub took the change and did not make it")
            .remedy("give the credential the triage role in the repository"))
    }

    async fn take_labels(
        &self,
        id: &str,
        number: u64,
        mut issue: Issue,
        names: &[String],
    ) -> Result<Issue> {
        for name in names {
            match self.remove_label(id, number, name).await? {
                Some(left) => issue.labels = left,
                None => issue.labels.retain(|one| one.name() != Some(name.as_str())),
            }
        }
        Ok(issue)
    }

    /// Adds those who are missing first: nobody is in charge of an issue only by mistake.
    async fn assign_all(
        &self,
        id: &str,
        number: u64,
        issue: Issue,
        (add, take): (&[String], &[String]),
    ) -> Result<Issue> {
        let has = assignees(&issue).len();
        let mut shown = issue;
        if has + add.len() > MAX_ASSIGNEES && !take.is_empty() {
            shown = self.unassign(id, number, take).await?;
        } else if !take.is_empty() && add.is_empty() {
            return self.unassign(id, number, take).await;
        }
        if !add.is_empty() {
            shown = self.assign(id, number, add).await?;
        }
        let left: BTreeSet<String> = assignees(&shown).into_iter().collect();
        if take.iter().any(|login| among(&left, login)) {
            shown = self.unassign(id, number, take).await?;
        }
        Ok(shown)
    }

    async fn unassign(&self, id: &str, number: u64, logins: &[String]) -> Result<Issue> {
        let call = Call::new(&REMOVE_ASSIGNEES, &[id, &number.to_string()])
            .body(json!({"assignees": logins}))
            .with("number", number);
        self.client.call(call).await?.json()
    }
}

/// A part of an effect, and the entry of a timeline that says that it happened: its word, and whose
/// name must be on it, where one must.
#[derive(Debug)]
pub(super) struct Part {
    word: &'static str,
    name: Option<String>,
    /// Whether it is so now, whoever did it.
    pub(super) is_so: bool,
}

impl Part {
    /// One that names nobody and is not so now.
    pub(super) fn of(word: &'static str) -> Self {
        Self {
            word,
            name: None,
            is_so: false,
        }
    }

    pub(super) fn is_told_by(&self, event: &Event) -> bool {
        let label = event.label.as_ref().and_then(|label| label.name.as_deref());
        let milestone = || event.milestone.as_ref()?.title.as_deref();
        let login = || event.assignee.as_ref()?.login.as_deref();
        let named = label.or_else(milestone).or_else(login);
        event.event.as_deref() == Some(self.word)
            && self
                .name
                .as_deref()
                .is_none_or(|name| named.is_some_and(|named| same(named, name)))
    }
}

/// The parts of an effect that is not so now. Of several names only those that had to be changed are
/// parts, as far as the gate has noted them. None where the timeline says nothing.
pub(super) fn parts(effect: &EffectWrite, issue: &Issue) -> Vec<Part> {
    let noted = |key: &str| {
        let names = effect.decided.get(key)?;
        serde_json::from_str::<BTreeSet<String>>(names).ok()
    };
    let each = |word: &'static str, names: BTreeSet<String>, has: Vec<String>, wanted: bool| {
        let has: BTreeSet<String> = has.into_iter().collect();
        let part = move |name: String| Part {
            word,
            is_so: among(&has, &name) == wanted,
            name: Some(name),
        };
        names.into_iter().map(part).collect::<Vec<_>>()
    };
    match &effect.request.effect {
        Effect::Close(_) => vec![Part::of("closed")],
        Effect::Reopen => vec![Part::of("reopened")],
        Effect::AddLabels(names) => {
            let names = noted(ADD).unwrap_or_else(|| names.clone());
            each("labeled", names, labels(issue), true)
        }
        Effect::RemoveLabels(names) => {
            let names = noted(TAKE).unwrap_or_else(|| names.clone());
            each("unlabeled", names, labels(issue), false)
        }
        Effect::SetAssignees(logins) => {
            let add = noted(ADD).unwrap_or_else(|| logins.clone());
            let mut parts = each("assigned", add, assignees(issue), true);
            let take = noted(TAKE).unwrap_or_default();
            parts.extend(each("unassigned", take, assignees(issue), false));
            parts
        }
        Effect::SetMilestone(title) if title.is_empty() => vec![Part::of("demilestoned")],
        Effect::SetMilestone(title) => {
            let named = Part::of("milestoned");
            let name = Some(title.clone());
            vec![Part { name, ..named }]
        }
        _ => Vec::new(),
    }
}

/// What of a set has to be changed on an issue: who and what is to be added, and to be taken away.
fn differing(effect: &Effect, issue: &Issue) -> Option<(Vec<String>, Vec<String>)> {
    let (wanted, has) = match effect {
        Effect::AddLabels(names) | Effect::RemoveLabels(names) => (names, labels(issue)),
        Effect::SetAssignees(logins) => (logins, assignees(issue)),
        _ => return None,
    };
    let there: BTreeSet<String> = has.iter().cloned().collect();
    let lacking = || {
        let names = wanted.iter().filter(|name| !among(&there, name));
        names.cloned().collect()
    };
    let having = |wished: bool| {
        let names = has.iter().filter(|name| among(wanted, name) == wished);
        names.cloned().collect()
    };
    Some(match effect {
        Effect::AddLabels(_) => (lacking(), Vec::new()),
        Effect::RemoveLabels(_) => (Vec::new(), having(true)),
        _ => (lacking(), having(false)),
    })
}
