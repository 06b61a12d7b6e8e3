//! What became of an effect whose answer was lost.

use chrono::{DateTime, Utc};
use notion_sync_core::effect::{Effect, EffectWrite, Gate, NotePlace, OpenPull};
use notion_sync_core::id::RemoteRef;
use notion_sync_core::remote::{Ack, Trace, Write};
use notion_sync_core::{Error, ErrorKind, Result};

use super::fields::{Part, is_so, parts};
use super::merge::{done, queued};
use super::pull::{branch_of, object_of};
use crate::comments;
use crate::files::comment_notes;
use crate::issues::GithubIssues;
use crate::pull;
use crate::reference;
use crate::repository::RepositoryInfo;

impl GithubIssues {
    pub(crate) async fn trace_effect(
        &self,
        write: &Write,
        effect: &EffectWrite,
        sent_at: DateTime<Utc>,
    ) -> Result<Trace> {
        match &effect.request.effect {
            Effect::OpenPull(open) => self.trace_open(write, effect, open).await,
            Effect::MarkReady => self.trace_draft(effect, false, sent_at).await,
            Effect::ConvertToDraft => self.trace_draft(effect, true, sent_at).await,
            Effect::Merge(_) => self.trace_merge(effect).await,
            Effect::Comment(_) | Effect::Summary => {
                let on_pull = matches!(&effect.request.effect,
                    Effect::Comment(note) if note.on == NotePlace::Pull);
                let object = if on_pull {
                    object_of(effect)?
                } else {
                    &effect.request.object
                };
                let (repository, number) = self.own(object).await?;
                let (client, id) = (&self.client, repository.id.to_string());
                let found = comments::find(client, &id, number, &write.op, Some(sent_at)).await?;
                Ok(match found {
                    Some(comment) => Trace::Applied(Ack {
                        notes: comment_notes(&comment),
                        ..Ack::default()
                    }),
                    None => Trace::NotApplied,
                })
            }
            Effect::Dispatch(dispatch) => {
                self.trace_dispatch(write, effect, dispatch, sent_at).await
            }
            // The project shows its present value and no history.
            Effect::SetProjectField(_) => Ok(match self.gate_effect(&effect.request).await? {
                Gate::Holds { .. } => applied(),
                Gate::Open(_) => Trace::NotApplied,
                Gate::Closed { .. } | Gate::Refused(_) => Trace::Unclear,
            }),
            _ => self.trace_fields(effect, sent_at).await,
        }
    }

    /// What a person names as what an effect made: a pull request, a run of a workflow.
    pub(crate) async fn made_effect(
        &self,
        effect: &EffectWrite,
        object: &RemoteRef,
    ) -> Result<Option<Ack>> {
        match &effect.request.effect {
            Effect::OpenPull(_) => self.made_pull(effect, object).await.map(Some),
            Effect::Dispatch(dispatch) => self.made_run(effect, dispatch, object).await.map(Some),
            _ => Ok(None),
        }
    }

    async fn made_pull(&self, effect: &EffectWrite, object: &RemoteRef) -> Result<Ack> {
        let refuse = |message: String| {
            Error::new(ErrorKind::Invalid, "find a pull request")
                .with("object", object)
                .message(message)
        };
        if object.kind != reference::PULL {
            return Err(refuse("a pull request is what it makes".to_owned()));
        }
        let (repository, _) = self.own(&effect.request.object).await?;
        let target = self.target(object).await?;
        let branch = branch_of(effect)?;
        if target.repository.id != repository.id || target.pull.head_name() != Some(branch) {
            return Err(refuse(format!(
                "it is of the branch {:?} of {}, and was to be of {branch:?} of {}",
                target.pull.head_name().unwrap_or_default(),
                target.repository.full_name,
                repository.full_name
            )));
        }
        Ok(self.opened_ack(repository, &target.pull, branch))
    }

    /// Opened is what an operation of ours opened, whatever people did with it since. A branch alone
    /// is finished by sending it again, and so is one that nobody was asked to review.
    async fn trace_open(
        &self,
        write: &Write,
        effect: &EffectWrite,
        wanted: &OpenPull,
    ) -> Result<Trace> {
        let (repository, _) = self.own(&effect.request.object).await?;
        let branch = branch_of(effect)?;
        let Some(pull) = self.opened(repository, &write.op, branch).await? else {
            return Ok(Trace::NotApplied);
        };
        let ack = self.opened_ack(repository, &pull, branch);
        let reviewers = &wanted.reviewers;
        if pull::lacks_reviewers(&self.client, repository, reviewers, &pull).await? {
            return Ok(Trace::Unfinished(ack));
        }
        Ok(Trace::Applied(ack))
    }

    async fn trace_draft(
        &self,
        effect: &EffectWrite,
        draft: bool,
        sent_at: DateTime<Utc>,
    ) -> Result<Trace> {
        let target = self.target(object_of(effect)?).await?;
        if target.pull.is_draft() == draft {
            return Ok(applied());
        }
        let word = if draft {
            "convert_to_draft"
        } else {
            "ready_for_review"
        };
        let place = (target.repository, target.number);
        self.by_timeline(&[Part::of(word)], place, sent_at).await
    }

    /// The head that was judged is used once: a pull request that is merged was merged by it, by
    /// people or by a queue, and none of these can be undone.
    async fn trace_merge(&self, effect: &EffectWrite) -> Result<Trace> {
        let target = self.target(object_of(effect)?).await?;
        Ok(if target.pull.is_merged() {
            Trace::Applied(done(&target, None))
        } else if target.pull.is_open() && self.is_queued(&target).await? {
            Trace::Applied(queued(&target))
        } else {
            Trace::NotApplied
        })
    }

    async fn trace_fields(&self, effect: &EffectWrite, sent_at: DateTime<Utc>) -> Result<Trace> {
        let (repository, number) = self.own(&effect.request.object).await?;
        let issue = self.writable(repository, number).await?;
        if is_so(&effect.request.effect, &issue) {
            return Ok(applied());
        }
        let parts = parts(effect, &issue);
        if !parts.iter().any(|part| !part.is_so) && self.untouched(&issue, sent_at) {
            return Ok(Trace::NotApplied);
        }
        self.by_timeline(&parts, (repository, number), sent_at)
            .await
    }

    /// It is not so now. Whether it was, and somebody took it back since, stands in the timeline. What
    /// nothing tells of is not sent again: that could override people.
    async fn by_timeline(
        &self,
        parts: &[Part],
        (repository, number): (&RepositoryInfo, u64),
        sent_at: DateTime<Utc>,
    ) -> Result<Trace> {
        if parts.is_empty() {
            return Ok(Trace::Unclear);
        }
        let Some(events) = self.own_events(repository, number, sent_at).await? else {
            return Ok(Trace::Unclear);
        };
        let by_us = |part: &Part| events.iter().any(|event| part.is_told_by(event));
        let any_by_us = parts.iter().any(by_us);
        let taken_back = parts.iter().any(|part| !part.is_so && by_us(part));
        let open = parts.iter().any(|part| !part.is_so && !by_us(part));
        Ok(match (open, any_by_us) {
            (false, true) => applied(),
            (false, false) => Trace::Unclear,
            // A part of it was done, and people decided otherwise about that part.
            (true, _) if taken_back => Trace::Unclear,
            (true, _) => Trace::NotApplied,
        })
    }
}

fn applied() -> Trace {
    Trace::Applied(Ack::default())
}
