//! What a person says of one operation: that it is given up, or what its effect is.

use crate::audit::AuditEvent;
use crate::comment::{DiscussStep, RemoteComment};
use crate::effect::{Effect, EffectWrite, NotePlace};
use crate::engine::plan::steps::{effect_given_up, effect_resumed};
use crate::engine::report::{Applied, MappingReport};
use crate::engine::{Binding, Engine};
use crate::error::{Error, ErrorKind, Result};
use crate::id::{OpId, RemoteRef, Side};
use crate::operation::{OpState, Operation, Wanted, nothing_desired, record_of_create};
use crate::record::{GivenUp, Life, ProposalState, Record};
use crate::remote::{Ack, Action, Create};
use crate::snapshot::{Presence, Snapshot};
use crate::state::{Batch, RecordState, SaveBody, Stored};

use crate::engine::plan::render::Draft;
use crate::engine::tell::bookkeeping::Waiting;

const GIVING_UP: &str = "give an operation up";
const NAMING: &str = "name what an operation did";

impl Engine {
    /// What a person said of a write that is wanted, where it was given up.
    pub(in crate::engine) fn given_up<'r>(
        &self,
        record: &'r Record,
        draft: &Draft,
    ) -> Option<&'r GivenUp> {
        if record.given_up.is_empty() {
            return None;
        }
        let desired = (draft.content).map_or_else(nothing_desired, |(_, desired)| desired);
        let wanted = Wanted::new(record, draft.side, &draft.action, desired);
        record.given_up.get(&wanted.hash())
    }

    /// Gives an operation up for good: it is never sent, and the record goes on from what both sides
    /// show. Where they still differ and the same would be written again, that waits visibly until
    /// somebody makes another edit or asks for it again ([`retry`](Self::retry)); it is not set aside
    /// a second time. `by` and `why` go into the audit.
    ///
    /// # Errors
    ///
    /// [`NotFound`](ErrorKind::NotFound) for an unknown operation; [`Stale`](ErrorKind::Stale) for one
    /// that was sent and may still take effect; [`Invalid`](ErrorKind::Invalid) for one that is done or
    /// was given up.
    pub async fn give_up(&self, id: &OpId, by: &str, why: &str) -> Result<GivenUp> {
        let (stored, mut state) = self.known_operation(id, GIVING_UP).await?;
        let refuse = |kind: ErrorKind, message: &str| {
            let error = Error::new(kind, GIVING_UP).with("op", id);
            error.message(message.to_owned())
        };
        match stored.value.state {
            OpState::Dead | OpState::Blocked | OpState::Retry | OpState::Planned => {}
            OpState::Sending | OpState::Unknown => {
                return Err(refuse(
                    ErrorKind::Stale,
                    "it was sent, and nobody knows yet whether it took effect",
                )
                .remedy(
                    "`notion-sync sync --wait` finds out; where you know what it made, \
                     `notion-sync dead-letter resolve-with` says so",
                ));
            }
            OpState::Done => return Err(refuse(ErrorKind::Invalid, "it was carried out")),
            OpState::Void => return Err(refuse(ErrorKind::Invalid, "it was given up already")),
        }
        let mut op = stored.value.clone();
        op.state = OpState::Void;
        op.error = Some(format!("{by} gave it up: {why}"));
        op.not_before = None;
        let given_up = GivenUp {
            op: id.clone(),
            label: op.label.clone(),
            by: by.to_owned(),
            why: why.to_owned(),
            at: self.now(),
            differs: follows_from_difference(&op.write.action),
        };
        let record = &mut state.record;
        match &op.write.action {
            Action::Effect(_) => effect_given_up(id, &format!("{by} gave it up: {why}"), record),
            action => {
                if let (Action::Propose(propose), Some(known)) = (action, &record.proposal)
                    && known.branch == propose.branch
                    && known.state == ProposalState::Planned
                {
                    // It was never opened.
                    record.proposal = None;
                }
                let wanted = Wanted::new(record, op.side, action, op.desired).hash();
                record.given_up.insert(wanted, given_up.clone());
            }
        }
        record.problem = None;
        record.look_at = Some(self.now());
        let details = [("by", by), ("why", why)];
        let details = details.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let summary = format!("a person gave it up: {}", op.label);
        let row = self.audit_row(
            &state.record,
            &op,
            AuditEvent::Decision,
            &summary,
            &details.into(),
        );
        let mut batch = Batch::default();
        batch.operation(&op, Some(&stored))?;
        batch.record_with_audit(&mut state, SaveBody::No, vec![row])?;
        self.state().commit(batch).await?;
        Ok(given_up)
    }

    /// Completes an operation of which nobody can tell what became of it by naming the object that is
    /// its effect: exactly what happens when the engine finds that object itself. The object is read
    /// and must be what such a write makes, in the mapping's place, and nobody else's.
    ///
    /// # Errors
    ///
    /// [`NotFound`](ErrorKind::NotFound) for an unknown operation or an object that is not there;
    /// [`AlreadyExists`](ErrorKind::AlreadyExists) where the object, or another counterpart, is claimed
    /// already; [`Stale`](ErrorKind::Stale) while the operation is on its way or another worker has the
    /// mapping; [`Invalid`](ErrorKind::Invalid) where the object is not what the operation makes, or the
    /// operation makes none; whatever reading ends with.
    pub async fn resolve_with(&self, id: &OpId, object: &RemoteRef, by: &str) -> Result<Applied> {
        let mapping = self.known_operation(id, NAMING).await?.0.value.mapping;
        let resolve = async |_| self.complete_with(id, object, by).await;
        self.at_hand(&mapping, NAMING, resolve).await
    }

    async fn complete_with(&self, id: &OpId, object: &RemoteRef, by: &str) -> Result<Applied> {
        let (stored, mut state) = self.known_operation(id, NAMING).await?;
        let op = &stored.value;
        let binding = self.binding_of(&op.mapping, NAMING)?;
        let refuse = |kind: ErrorKind, message: &str| {
            let error = Error::new(kind, NAMING).with("op", id);
            error.message(message.to_owned())
        };
        match op.state {
            OpState::Dead | OpState::Unknown => {}
            OpState::Sending => {
                return Err(refuse(ErrorKind::Stale, "it is being sent")
                    .remedy("run `notion-sync sync` first"));
            }
            OpState::Planned | OpState::Retry | OpState::Blocked => {
                return Err(refuse(
                    ErrorKind::Invalid,
                    "it was surely not carried out, and is still to be sent",
                )
                .remedy(
                    "give it up with `notion-sync dead-letter void`; two objects that are there \
                     already are joined by `notion-sync link`",
                ));
            }
            OpState::Done => return Err(refuse(ErrorKind::Invalid, "its outcome is known")),
            OpState::Void => {
                return Err(refuse(ErrorKind::Invalid, "it was given up").remedy(
                    "two objects that are there already are joined by `notion-sync link`",
                ));
            }
        }
        if matches!(state.record.life, Life::Tombstone | Life::Detached) {
            return Err(refuse(ErrorKind::Invalid, "its pair is over")
                .remedy("`notion-sync link` joins two objects again"));
        }
        let ack = self
            .effect_named(binding, op, &state.record, object)
            .await?;

        // First back to where its outcome is unknown: a process that ends here leaves it to the look
        // for what it did, as if nobody had said anything.
        let mut next = op.clone();
        next.state = OpState::Unknown;
        next.not_before = Some(self.now());
        if matches!(next.write.action, Action::Effect(_)) {
            effect_resumed(id, &mut state.record);
        }
        state.record.problem = None;
        state.record.look_at = Some(self.now());
        let details = [("by", by.to_owned()), ("object", object.to_string())];
        let details = details.map(|(name, value)| (name.to_owned(), value));
        let summary = format!("a person names what it did: {}", next.label);
        let row = self.audit_row(
            &state.record,
            &next,
            AuditEvent::Decision,
            &summary,
            &details.into(),
        );
        let mut batch = Batch::default();
        batch.operation(&next, Some(&stored))?;
        batch.record_with_audit(&mut state, SaveBody::No, vec![row])?;
        self.state().commit(batch).await?;

        let mapping_state = self.state().mapping(&op.mapping).await?.value;
        let bound = self.bind(binding, &mapping_state).await?;
        let open = self.state().open_operations(&op.mapping).await?;
        let waiting = Waiting::of(&open);
        let mut report = MappingReport::new(op.mapping.clone());
        self.applied(binding, &bound, &next, ack, true, &waiting, &mut report)
            .await?;
        let applied = report.applied.pop();
        applied.ok_or_else(|| refuse(ErrorKind::Stale, "it moved on in the meantime"))
    }

    async fn known_operation(
        &self,
        id: &OpId,
        during: &'static str,
    ) -> Result<(Stored<Operation>, RecordState)> {
        let unknown = || {
            Error::new(ErrorKind::NotFound, during)
                .with("op", id)
                .message("there is no such operation")
                .remedy("`notion-sync dead-letter` lists those that were set aside")
        };
        let stored = self.state().operation(id).await?.ok_or_else(unknown)?;
        let state = self.known_record(&stored.value.record, during).await?;
        Ok((stored, state))
    }

    /// What the write of an operation would have answered, had it made this object.
    async fn effect_named(
        &self,
        binding: &Binding,
        op: &Operation,
        record: &Record,
        object: &RemoteRef,
    ) -> Result<Ack> {
        match &op.write.action {
            Action::Create(create) => {
                self.created_named(binding, op, create, record, object)
                    .await
            }
            Action::Comment { object: place, .. } => {
                let found = comment_named(binding, op, place, object, false).await?;
                Ok(said(&found))
            }
            Action::Discuss(discuss) => match &discuss.step {
                // Without the mark it would be taken for what a person wrote, and be copied back.
                DiscussStep::Post(_) | DiscussStep::Card { known: None, .. } => {
                    let found = comment_named(binding, op, &discuss.place, object, true).await?;
                    let mut ack = Ack::default();
                    ack.links.insert("comment".to_owned(), found.object);
                    Ok(ack)
                }
                _ => Err(makes_nothing(op)),
            },
            Action::Effect(effect)
                if matches!(effect.request.effect, Effect::Comment(_) | Effect::Summary) =>
            {
                let found = comment_named(binding, op, place_of(effect), object, false).await?;
                Ok(said(&found))
            }
            Action::Effect(_) | Action::Propose(_) => {
                let made = binding.remote(op.side).made(&op.write, object).await?;
                made.ok_or_else(|| makes_nothing(op))
            }
            _ => Err(makes_nothing(op)),
        }
    }

    async fn created_named(
        &self,
        binding: &Binding,
        op: &Operation,
        create: &Create,
        record: &Record,
        object: &RemoteRef,
    ) -> Result<Ack> {
        let refuse = |kind: ErrorKind, message: String| {
            let error = Error::new(kind, NAMING).with("object", object);
            error.message(message)
        };
        if let Some(known) = record.object(op.side)
            && known != object
        {
            return Err(refuse(
                ErrorKind::AlreadyExists,
                format!("the record has {known} there already"),
            )
            .remedy("break that pair first, with `notion-sync link --remove`"));
        }
        let owner = self.state().owner(object).await?;
        if let Some(owner) = owner.filter(|owner| *owner != record.id) {
            return Err(refuse(
                ErrorKind::AlreadyExists,
                format!("it belongs to the record {owner}"),
            )
            .remedy(
                "where that record has nothing on the other side, `notion-sync link` joins the \
                 two; a pair has to be broken first, with `link --remove`",
            ));
        }
        let shown = binding.remote(op.side).read(object, true).await?;
        let is_not = match &shown.presence {
            Presence::Present => None,
            Presence::Missing => Some("it is not there, or not shared with the connection".into()),
            Presence::Gone(_) => Some("it was removed".to_owned()),
            Presence::MovedOut(to) => Some(format!("it is not in the mapping's place: {to:?}")),
            Presence::Unread(why) => Some(why.clone()),
        };
        if let Some(why) = is_not {
            return Err(refuse(ErrorKind::NotFound, why)
                .remedy("name the object that is there now, or `dead-letter retry` the record"));
        }
        if let Some(why) = belongs_elsewhere(op, create, record, &shown) {
            return Err(refuse(ErrorKind::Invalid, why)
                .remedy("name the object that this very operation made"));
        }
        Ok(Ack {
            snapshot: Some(shown),
            ..Ack::default()
        })
    }
}

/// Why an object cannot be what a creation made: it says itself that it is something else.
fn belongs_elsewhere(
    op: &Operation,
    create: &Create,
    record: &Record,
    shown: &Snapshot,
) -> Option<String> {
    let bare = |id: &str| id.replace('-', "").to_ascii_lowercase();
    let marker = &shown.marker;
    if marker.newer_format.is_some() {
        return Some("its mark was written by a newer version".to_owned());
    }
    if let Some(made_by) = &marker.created_by
        && *made_by != op.id
        && record_of_create(made_by).is_none_or(|of| of != record.id)
    {
        return Some(format!("another operation made it: {made_by}"));
    }
    if let (Some(named), Some(own)) = (&marker.counterpart, &create.counterpart)
        && bare(named) != bare(own)
    {
        return Some(format!("it says that it belongs to {named}"));
    }
    if let Some(named) = marker.record.as_ref().filter(|named| **named != record.id) {
        return Some(format!("it says that it belongs to the record {named}"));
    }
    let lies = shown.bookkeeping.get("repository");
    if let (Some(wanted), Some(lies)) = (&create.place, lies)
        && op.side == Side::Github
        && !wanted.eq_ignore_ascii_case(lies)
    {
        return Some(format!("it lies in {lies}, and was to be made in {wanted}"));
    }
    None
}

/// A comment that a person names, where it stands where it should.
async fn comment_named(
    binding: &Binding,
    op: &Operation,
    place: &RemoteRef,
    object: &RemoteRef,
    marked: bool,
) -> Result<RemoteComment> {
    let refuse = |kind: ErrorKind, message: String| {
        let error = Error::new(kind, NAMING).with("object", object);
        error.message(message)
    };
    let found = binding.remote(op.side).comment(object).await?;
    let found = found.ok_or_else(|| {
        refuse(
            ErrorKind::NotFound,
            "there is no such comment, or it is not shared with the connection".to_owned(),
        )
        .remedy("name the comment that is there, or `dead-letter retry` the record")
    })?;
    if found.place.id != place.id {
        return Err(refuse(
            ErrorKind::Invalid,
            format!("it stands on {}, and was to stand on {place}", found.place),
        )
        .remedy("name the comment that this very operation made"));
    }
    let ours = found.marker.as_ref() == Some(&op.id);
    if !ours && (marked || found.marker.is_some()) {
        return Err(refuse(
            ErrorKind::Invalid,
            "it does not carry the mark of this operation".to_owned(),
        )
        .remedy("name the comment that this very operation made, or `dead-letter void` it"));
    }
    Ok(found)
}

fn said(comment: &RemoteComment) -> Ack {
    let mut ack = Ack::default();
    let notes = [
        ("comment", Some(comment.object.id.clone())),
        ("url", comment.url.clone()),
    ];
    for (name, value) in notes {
        if let Some(value) = value {
            ack.notes.insert(name.to_owned(), value);
        }
    }
    ack
}

/// What the comment of a rule is written on.
fn place_of(effect: &EffectWrite) -> &RemoteRef {
    let pull = match &effect.request.effect {
        Effect::Comment(note) if note.on == NotePlace::Pull => effect.pull.as_ref(),
        _ => None,
    };
    pull.unwrap_or(&effect.request.object)
}

fn makes_nothing(op: &Operation) -> Error {
    Error::new(ErrorKind::Invalid, NAMING)
        .with("op", &op.id)
        .message(format!(
            "what it does ({}) is no new object that could be named: both sides show whether it was \
             done",
            op.label
        ))
        .remedy("`dead-letter retry` has it looked at and tried again, `dead-letter void` gives it up")
}

/// Whether a write follows from a difference between the sides, and is not wanted without one. That a proposal is
/// withdrawn, the record says since it was planned: it is not planned again.
pub(in crate::engine) fn follows_from_difference(action: &Action) -> bool {
    matches!(
        action,
        Action::Create(_)
            | Action::Update(_)
            | Action::Remove { .. }
            | Action::Restore { .. }
            | Action::Propose(_)
    )
}
