//! Effects of rules: what a change of a property does on GitHub that no value mirrors.
//!
//! Every effect is asked about first, by reads alone, and what the gate answers is sent with what it
//! was based on. A write that finds something else than it was decided for is refused as stale, and
//! the gate is asked again.

mod branch;
mod checks;
mod dispatch;
#[cfg(test)]
mod documents;
mod fields;
mod graphql;
mod linked;
mod merge;
mod note;
mod project;
mod pull;
mod requirements;
mod rights;
mod summary;
mod text;
mod trace;

use std::collections::BTreeMap;

use chrono::Duration;
use notion_sync_core::effect::{Effect, EffectRequest, EffectWrite, Gate};
use notion_sync_core::id::RemoteRef;
use notion_sync_core::remote::{Ack, Write, WriteKind};
use notion_sync_core::{Error, ErrorKind, Result};

use crate::issues::GithubIssues;
use crate::repository::RepositoryInfo;
use crate::wire::Issue;

/// The role of the pull request among the links of a record.
const LINK_PULL: &str = "pull";

/// How an effect behaves when its outcome is unknown.
pub(crate) fn kind(effect: &Effect) -> WriteKind {
    match effect {
        Effect::OpenPull(_) => WriteKind::NamedCreate,
        Effect::Merge(_) => WriteKind::StrongCas,
        Effect::Comment(_) | Effect::Summary | Effect::Dispatch(_) => WriteKind::UnnamedCreate,
        Effect::MarkReady
        | Effect::ConvertToDraft
        | Effect::Close(_)
        | Effect::Reopen
        | Effect::AddLabels(_)
        | Effect::RemoveLabels(_)
        | Effect::SetMilestone(_)
        | Effect::SetAssignees(_)
        | Effect::SetType(_)
        | Effect::SetProjectField(_) => WriteKind::Set,
    }
}

impl GithubIssues {
    /// Whether an effect can be had now. Only reads.
    pub(crate) async fn gate_effect(&self, request: &EffectRequest) -> Result<Gate> {
        match self.look(request).await {
            // What no waiting changes: a right, a rule, a name. "Not found" stays an error: GitHub
            // also answers so while an installation or an object is not known everywhere yet.
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::Forbidden
                        | ErrorKind::Blocked
                        | ErrorKind::Gone
                        | ErrorKind::Invalid
                        | ErrorKind::Configuration
                ) =>
            {
                Ok(Gate::Refused(error.to_string()))
            }
            other => other,
        }
    }

    async fn look(&self, request: &EffectRequest) -> Result<Gate> {
        let (repository, _) = self.own(&request.object).await?;
        let rights = &self.rights(repository).await?;
        if rights.archived {
            return Ok(Gate::Refused(
                "the repository is archived; unarchive it".to_owned(),
            ));
        }
        match &request.effect {
            Effect::OpenPull(open) => self.gate_open(request, open, rights).await,
            Effect::MarkReady => self.gate_draft(request, false, rights).await,
            Effect::ConvertToDraft => self.gate_draft(request, true, rights).await,
            Effect::Merge(merge) => self.gate_merge(request, merge, rights).await,
            Effect::Comment(note) => self.gate_note(request, note, rights).await,
            Effect::Summary => self.gate_summary(request, rights).await,
            Effect::SetProjectField(field) => self.gate_project(request, field).await,
            Effect::Dispatch(dispatch) => self.gate_dispatch(request, dispatch, rights),
            Effect::Close(_)
            | Effect::Reopen
            | Effect::AddLabels(_)
            | Effect::RemoveLabels(_)
            | Effect::SetMilestone(_)
            | Effect::SetAssignees(_)
            | Effect::SetType(_) => self.gate_fields(request, rights).await,
        }
    }

    /// Carries out one effect.
    pub(crate) async fn write_effect(&self, write: &Write, effect: &EffectWrite) -> Result<Ack> {
        match &effect.request.effect {
            Effect::OpenPull(open) => self.open(write, effect, open).await,
            Effect::MarkReady => self.set_draft(effect, false).await,
            Effect::ConvertToDraft => self.set_draft(effect, true).await,
            Effect::Merge(_) => self.merge(effect).await,
            Effect::Comment(note) => self.say(write, effect, note).await,
            Effect::Summary => self.summarise(write, effect).await,
            Effect::SetProjectField(_) => self.set_project_field(effect).await,
            Effect::Dispatch(dispatch) => self.dispatch(effect, dispatch).await,
            Effect::Close(_)
            | Effect::Reopen
            | Effect::AddLabels(_)
            | Effect::RemoveLabels(_)
            | Effect::SetMilestone(_)
            | Effect::SetAssignees(_)
            | Effect::SetType(_) => self.set_fields(effect).await,
        }
    }

    /// The issue of a request: there, an issue, and still in its repository.
    async fn issue_of(&self, request: &EffectRequest) -> Result<(&RepositoryInfo, u64, Issue)> {
        let (repository, number) = self.own(&request.object).await?;
        match self.writable(repository, number).await {
            Ok(issue) => Ok((repository, number, issue)),
            // To a gate this is as good as gone.
            Err(error) if error.kind() == ErrorKind::Stale => {
                Err(Error::new(ErrorKind::Gone, "act on an issue")
                    .with("number", number)
                    .message("it is no issue of the repository any more")
                    .caused_by(error))
            }
            Err(error) => Err(error),
        }
    }

    fn closed(&self, reason: impl Into<String>) -> Gate {
        Gate::Closed {
            reason: reason.into(),
            again: None,
        }
    }

    /// Not yet, but in a moment: something is being computed.
    fn soon(&self, reason: impl Into<String>, seconds: i64) -> Gate {
        Gate::Closed {
            reason: reason.into(),
            again: Some(self.client.now() + Duration::seconds(seconds)),
        }
    }
}

/// An effect that is to be written as it was asked for.
fn open(request: &EffectRequest) -> EffectWrite {
    EffectWrite {
        request: request.clone(),
        pull: None,
        head: None,
        decided: BTreeMap::new(),
    }
}

fn holds() -> Gate {
    Gate::Holds {
        links: BTreeMap::new(),
    }
}

/// What a write cannot do without: the gate put it there.
fn decided<'a>(effect: &'a EffectWrite, name: &'static str) -> Result<&'a str> {
    let found = effect.decided.get(name).map(String::as_str);
    found.ok_or_else(|| undecided(effect, name))
}

fn judged_pull(effect: &EffectWrite) -> Result<&RemoteRef> {
    effect
        .pull
        .as_ref()
        .ok_or_else(|| undecided(effect, "pull"))
}

fn undecided(effect: &EffectWrite, name: &'static str) -> Error {
    Error::new(ErrorKind::Stale, "carry out a rule")
        .with("effect", effect.request.effect.name())
        .message(format!("no gate has decided its {name}"))
}

fn stale(during: &'static str, number: u64, text: impl Into<String>) -> Error {
    Error::new(ErrorKind::Stale, during)
        .with("number", number)
        .message(text)
}

/// A failure of what comes before the write itself applies nothing of it.
fn unapplied(error: Error) -> Error {
    if error.kind() == ErrorKind::Unavailable {
        let retry = error.retry();
        return Error::new(ErrorKind::NotApplied, "carry out a rule")
            .message("a request before the write failed")
            .retry_at(retry)
            .caused_by(error);
    }
    error
}
