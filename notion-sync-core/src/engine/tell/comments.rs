//! Comments that follow: when they are read, what is planned for them, how that ends.
//!
//! A comment does not move its page, so besides the tasks that are looked at anyway a few others are
//! looked through in each poll, in turn. Their pages are read only where there is something to do.
//! What is remembered is saved in the transaction that saves the operation it speaks of.

mod turn;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, Utc};

use crate::audit::{AuditEvent, AuditRow};
use crate::comment::{
    CommentSync, Conversation, Discuss, DiscussStep, Places, Said, Seen, Step, doubts, plan,
    text_hash,
};
use crate::engine::observe::survey::Prepared;
use crate::engine::plan::render::Draft;
use crate::engine::report::Incident;
use crate::engine::tell::notes::is_note;
use crate::engine::write::outcome::bare;
use crate::engine::{Binding, Engine};
use crate::error::{ErrorKind, Result, Retry};
use crate::event::ChangeEvent;
use crate::hash::ContentHash;
use crate::id::{RecordId, RemoteRef, Side};
use crate::operation::{OpState, Operation, Settlement, backoff};
use crate::record::{Life, Record};
use crate::remote::{Ack, Action};
use crate::state::{Batch, MappingState, RecordState, Stored};
use crate::value::Value;

/// Most blocks of one page whose discussions are read.
const BLOCKS: usize = 20;
/// Most comments of one task that are read by themselves in one look.
const DIRECT: usize = 50;
/// Most writes that one look plans for one task: they have to fit into one transaction.
const WRITES: usize = 12;

/// The comments of a task as just read.
#[derive(Debug)]
pub(crate) struct Talk {
    stored: Option<Stored<Conversation>>,
    next: Conversation,
    seen: Seen,
    places: Places,
    /// Whether another look has to follow.
    again: Option<DateTime<Utc>>,
}

impl Talk {
    fn is_news(&self) -> bool {
        match &self.stored {
            Some(stored) => stored.value != self.next,
            None => !self.next.is_empty(),
        }
    }
}

/// What reading the comments of a task came to.
#[derive(Debug)]
pub(crate) enum Heard {
    /// They do not follow, or were not read.
    Nothing,
    /// They were read.
    Talk(Box<Talk>),
    /// They cannot be read now; when to try again.
    Failed(DateTime<Utc>),
    /// A remote asked to wait, and would say so of every other task; until when.
    Later(DateTime<Utc>),
}

impl Heard {
    /// Whether they were to be read, and could not be.
    pub(in crate::engine) fn is_put_off(&self) -> bool {
        matches!(self, Self::Failed(_) | Self::Later(_))
    }

    /// When the task has to be looked at again for its comments.
    pub(in crate::engine) fn again(&self) -> Option<DateTime<Utc>> {
        match self {
            Self::Nothing => None,
            Self::Talk(talk) => talk.again,
            Self::Failed(at) | Self::Later(at) => Some(*at),
        }
    }

    /// Saves what has to be remembered, where that changed.
    pub(in crate::engine) fn save(&self, record: &RecordId, batch: &mut Batch) -> Result<()> {
        let Self::Talk(talk) = self else {
            return Ok(());
        };
        if talk.is_news() {
            batch.conversation(record, &talk.next, talk.stored.as_ref())?;
        }
        Ok(())
    }
}

/// How one survey listens. By default it does not.
#[derive(Debug, Default)]
pub(crate) struct Listening {
    settings: Option<CommentSync>,
    since: Option<DateTime<Utc>>,
    /// Everything is read, resolved threads too.
    thorough: bool,
    /// Comments and blocks that hints named.
    named: BTreeMap<RecordId, Named>,
    /// Why comments cannot be read.
    refused: Mutex<Option<String>>,
    /// Whether that is known from before, and not tried again yet.
    waits: bool,
}

#[derive(Debug, Default)]
struct Named {
    comments: BTreeSet<RemoteRef>,
    blocks: BTreeSet<RemoteRef>,
}

/// What looking for comments came to, for the mapping.
#[derive(Debug, Default)]
pub(crate) struct Overheard {
    /// Why comments cannot be read.
    pub(in crate::engine) refused: Option<String>,
    /// Whether the turn moved, and to which record.
    turn: Option<Option<RecordId>>,
}

impl Listening {
    pub(in crate::engine) fn new(
        binding: &Binding,
        mapping: &MappingState,
        thorough: bool,
        hints: &[Stored<ChangeEvent>],
        owners: &BTreeMap<RemoteRef, RecordId>,
        now: DateTime<Utc>,
    ) -> Self {
        let Some(settings) = binding.mapping.comments.clone() else {
            return Self::default();
        };
        let mut named: BTreeMap<RecordId, Named> = BTreeMap::new();
        for hint in hints.iter().map(|hint| &hint.value) {
            let Some(owner) = owners.get(&hint.object) else {
                continue;
            };
            let entry = named.entry(owner.clone()).or_default();
            let about = |kind: &str| {
                let change = hint.changed.get(kind)?;
                match &change.after {
                    Some(Value::Text(id)) => {
                        Some(RemoteRef::new(hint.object.system.clone(), kind, id.clone()))
                    }
                    _ => None,
                }
            };
            entry.comments.extend(about("comment"));
            entry.blocks.extend(about("block"));
        }
        let refused = mapping.comments_refused.as_ref();
        let waits = refused.filter(|(_, until)| *until > now);
        Self {
            settings: Some(settings),
            since: mapping.comments_since.or(Some(now)),
            thorough,
            named,
            waits: waits.is_some(),
            refused: Mutex::new(waits.map(|(why, _)| why.clone())),
        }
    }

    /// Whether a hint makes its record be looked at: one about a comment on Notion, which moves
    /// nothing else, only where comments follow.
    pub(in crate::engine) fn concerns(&self, hint: &ChangeEvent) -> bool {
        let comment = hint.side == Side::Notion
            && (hint.event.as_deref()).is_some_and(|event| event.starts_with("comment."));
        !comment || self.settings.is_some()
    }

    pub(in crate::engine) fn refusal(&self) -> Option<String> {
        (self.refused.lock().unwrap_or_else(PoisonError::into_inner)).clone()
    }

    fn refuse(&self, why: String) {
        *self.refused.lock().unwrap_or_else(PoisonError::into_inner) = Some(why);
    }

    fn reads(&self) -> bool {
        self.settings.is_some() && !self.waits && self.refusal().is_none()
    }
}

/// What comments ask for.
#[derive(Debug, Default)]
pub(in crate::engine) struct Followed {
    /// Operations, in order.
    pub(in crate::engine) operations: Vec<Operation>,
    /// What happened, for the audit.
    pub(in crate::engine) audit: Vec<AuditRow>,
    /// What a person has to know.
    pub(in crate::engine) notices: Vec<String>,
}

/// Whether an operation is a copy of a comment, or a mark of an issue, that waits for a person.
/// Nothing waits for it.
pub(in crate::engine) fn is_parked(op: &Operation) -> bool {
    op.state == OpState::Blocked && is_note(op)
}

fn places(record: &Record) -> Option<Places> {
    (record.life == Life::Live && !record.copy).then_some(())?;
    Some(Places {
        notion: record.notion.clone()?,
        github: record.github.clone()?,
    })
}

impl Engine {
    /// Remembers when comments began to follow, before anything is looked at.
    pub(in crate::engine) async fn begin_comments(&self, binding: &Binding) -> Result<()> {
        let id = &binding.mapping.id;
        let stored = self.state().mapping(id).await?;
        let follows = binding.mapping.comments.is_some();
        if follows == stored.value.comments_since.is_some() {
            return Ok(());
        }
        let mut next = MappingState::clone(&stored.value);
        next.comments_since = follows.then(|| self.now());
        next.comments_after = None;
        next.comments_refused = None;
        let mut batch = Batch::default();
        batch.mapping(id, &next, &stored)?;
        self.state().commit(batch).await
    }

    /// What a person has to know about comments that cannot be read, said once.
    pub(in crate::engine) fn news_of_refusal(
        &self,
        binding: &Binding,
        mapping: &MappingState,
        overheard: &Overheard,
    ) -> Option<Incident> {
        let why = overheard.refused.as_ref()?;
        let known = (mapping.comments_refused.as_ref()).is_some_and(|(known, _)| known == why);
        (!known).then(|| Incident {
            subject: format!("mapping {}", binding.mapping.id),
            message: format!("comments do not follow: {why}"),
            drift: false,
        })
    }

    /// Takes what looking for comments came to into the state of the mapping.
    pub(in crate::engine) fn remember_overheard(
        &self,
        overheard: Overheard,
        mapping: &mut MappingState,
    ) {
        let now = self.now();
        mapping.comments_refused = match (overheard.refused, mapping.comments_refused.take()) {
            (None, _) => None,
            (Some(why), Some((known, until))) if known == why && until > now => {
                Some((known, until))
            }
            (Some(why), _) => {
                let pause = chrono::Duration::seconds(i64::from(self.bounds.hold));
                Some((why, now + pause))
            }
        };
        if let Some(turn) = overheard.turn {
            mapping.comments_after = turn;
        }
    }

    /// Reads the comments of a task that is looked at.
    ///
    /// # Errors
    ///
    /// Only when the store fails.
    pub(in crate::engine) async fn listen(
        &self,
        binding: &Binding,
        record: &Record,
        listening: &Listening,
    ) -> Result<Heard> {
        let Some(places) = places(record).filter(|_| listening.reads()) else {
            return Ok(Heard::Nothing);
        };
        match self.talk(binding, record, places, listening).await {
            Ok(talk) => Ok(Heard::Talk(Box::new(talk))),
            Err(error) if matches!(error.kind(), ErrorKind::Store | ErrorKind::Sealed) => {
                Err(error)
            }
            Err(error) => Ok(match error.retry() {
                Retry::NotBefore(at) => Heard::Later(at),
                Retry::Backoff => Heard::Failed(self.now() + backoff(3, self.jitter.next())),
                Retry::Never => {
                    // What is wrong with one page or issue alone, the look at it says.
                    if matches!(
                        error.kind(),
                        ErrorKind::Unauthorized | ErrorKind::Forbidden | ErrorKind::Blocked
                    ) {
                        listening.refuse(error.to_string());
                    }
                    Heard::Nothing
                }
            }),
        }
    }

    async fn talk(
        &self,
        binding: &Binding,
        record: &Record,
        places: Places,
        listening: &Listening,
    ) -> Result<Talk> {
        let stored = self.state().conversation(&record.id).await?;
        let mut next = stored
            .as_ref()
            .map(|one| one.value.clone())
            .unwrap_or_default();
        let nothing = Named::default();
        let named = listening.named.get(&record.id).unwrap_or(&nothing);
        let mut seen = Seen::default();
        for side in Side::BOTH {
            let object = places.on(side);
            let comments = binding.remote(side).comments(object).await?;
            seen.take(side, object, comments);
        }
        next.go_along(&places.github, |comment| {
            let moved = binding.github.comment_at(comment, &places.github);
            seen.shows(&moved).then_some(moved)
        });
        // Discussions of blocks, as far as a hint ever named one, and of pull requests.
        let mut further: BTreeSet<(Side, RemoteRef)> = (next.pairs.iter())
            .filter(|pair| !pair.is_over() && pair.side == Side::Notion)
            .map(|pair| (Side::Notion, pair.place.clone()))
            .chain(
                named
                    .blocks
                    .iter()
                    .map(|block| (Side::Notion, block.clone())),
            )
            .filter(|(_, place)| *place != places.notion)
            .take(BLOCKS)
            .collect();
        further.extend(
            record
                .links
                .get("pull")
                .map(|pull| (Side::Github, pull.clone())),
        );
        for (side, place) in further {
            match binding.remote(side).comments(&place).await {
                Ok(comments) => seen.take(side, &place, comments),
                // A block can be deleted: that says nothing about the comments it had.
                Err(error) if error.retry() == Retry::Never => {}
                Err(error) => return Err(error),
            }
        }
        let doubts = doubts(&next, &seen, &named.comments, listening.thorough);
        for (side, object) in doubts.into_iter().take(DIRECT) {
            let found = binding.remote(side).comment(&object).await?;
            seen.take_direct(object, found);
        }
        Ok(Talk {
            stored,
            next,
            seen,
            places,
            again: None,
        })
    }

    /// Plans what comments ask for. What has to be remembered of it waits in `prepared`.
    pub(in crate::engine) async fn follow_comments(
        &self,
        binding: &Binding,
        mapping: &MappingState,
        prepared: &mut Prepared,
        open: &[Stored<Operation>],
    ) -> Result<Followed> {
        let mut out = Followed::default();
        let Some(settings) = &binding.mapping.comments else {
            return Ok(out);
        };
        let mut talk = match std::mem::replace(&mut prepared.talk, Heard::Nothing) {
            Heard::Talk(talk) => talk,
            // When to try again stays.
            unread => {
                prepared.talk = unread;
                return Ok(out);
            }
        };
        let record = &prepared.state.record;
        // What was given up is asked for again.
        let pending: Vec<_> = (talk.next.pairs.iter())
            .filter_map(|pair| Some(pair.pending.as_ref()?.op.clone()))
            .filter(|op| !open.iter().any(|known| known.value.id == *op))
            .collect();
        for op in pending {
            let state = self.state().operation(&op).await?.map(|op| op.value.state);
            if !matches!(state, None | Some(OpState::Void)) {
                continue;
            }
            if talk.next.given_up(&op) {
                let why = "a comment does not follow any more: its copy changes again and again";
                out.notices.push(why.to_owned());
                out.audit
                    .push(self.comment_row(record, AuditEvent::Problem, why, None));
            }
        }
        let since = mapping.comments_since.or(Some(self.now()));
        for step in plan(&talk.next, &talk.seen, settings, since) {
            let Some((side, discuss, content)) = write_of(&step, &talk.places) else {
                if let Step::TooMany { left } = &step {
                    let why = format!("more comments than can follow: {left} stay where they are");
                    out.audit
                        .push(self.comment_row(record, AuditEvent::Problem, &why, None));
                    out.notices.push(why);
                }
                talk.next.begin(&step, None, &talk.places);
                continue;
            };
            if out.operations.len() >= WRITES {
                talk.again = Some(self.now());
                continue;
            }
            let draft = Draft {
                side,
                name: "discuss",
                label: discuss.label().to_owned(),
                action: Action::Discuss(Box::new(discuss)),
                settlement: Settlement::default(),
                rows: Vec::new(),
                content: Some(content),
                epoch: 0,
            };
            let bare = bare(&prepared.state);
            let Some(op) = self.operation(binding, &bare, draft, None, open).await? else {
                // The same was set aside.
                continue;
            };
            // A store that was put back knows nothing of a copy that is there, and what would write it is the same.
            if let Step::Post { .. } = &step
                && let Some(copy) = talk.seen.written_by(side, &op.id)
            {
                let what = format!("the copy of a comment is found on {side}");
                out.audit.push(AuditRow {
                    op: Some(op.id.clone()),
                    side: Some(side),
                    ..self.comment_row(record, AuditEvent::Applied, &what, None)
                });
                talk.next.begin(&step, Some(&op.id), &talk.places);
                talk.next.done(&op.id, Some(&copy.object), None);
                continue;
            }
            if let Step::Edit {
                lost: Some(text), ..
            }
            | Step::Delete {
                lost: Some(text), ..
            } = &step
            {
                let what = format!("the copy of a comment on {side} is overwritten");
                out.audit
                    .push(self.comment_row(record, AuditEvent::Loser, &what, Some(text)));
            }
            talk.next.begin(&step, Some(&op.id), &talk.places);
            out.operations.push(op);
        }
        prepared.talk = Heard::Talk(talk);
        Ok(out)
    }

    fn comment_row(
        &self,
        record: &Record,
        event: AuditEvent,
        summary: &str,
        value: Option<&str>,
    ) -> AuditRow {
        AuditRow {
            details: (value.iter())
                .map(|text| ("value".to_owned(), (*text).to_owned()))
                .collect(),
            ..AuditRow::about(self.now(), record, event, summary)
        }
    }

    /// T6 of a copy: what the answer showed is remembered.
    pub(in crate::engine) async fn comment_done(
        &self,
        state: &mut RecordState,
        op: &Operation,
        ack: &Ack,
        traced: bool,
        batch: &mut Batch,
    ) -> Result<()> {
        if !matches!(op.write.action, Action::Discuss(_)) {
            return Ok(());
        }
        let Some(stored) = self.state().conversation(&op.record).await? else {
            return Ok(());
        };
        let mut next = stored.value.clone();
        // What a trace found may hold somebody's edit already.
        let shown = (ack.notes.get("shown"))
            .filter(|_| !traced)
            .and_then(|hash| serde_json::from_value(hash.as_str().into()).ok());
        let again = next.done(&op.id, ack.links.get("comment"), shown);
        if again == Some(true) {
            let now = self.now();
            state.record.look_at = Some(state.record.look_at.map_or(now, |at| at.min(now)));
        }
        if next != stored.value {
            batch.conversation(&op.record, &next, Some(&stored))?;
        }
        Ok(())
    }

    /// Whether a person was told already that copies of comments cannot be written.
    pub(in crate::engine) async fn is_told(
        &self,
        before: &Operation,
        after: &Operation,
    ) -> Result<bool> {
        if !is_parked(after) {
            return Ok(false);
        }
        if after.attempts > 1 {
            return Ok(true);
        }
        let open = self.state().open_operations(&before.mapping).await?;
        Ok((open.iter()).any(|op| op.value.id != before.id && is_parked(&op.value)))
    }
}

/// The write of a step: its side, what is sent, and what makes it the same as another.
fn write_of(step: &Step, places: &Places) -> Option<(Side, Discuss, (ContentHash, ContentHash))> {
    const DOMAIN: &str = "nsync/discuss/v1";
    Some(match step {
        Step::Post { side, comment } => {
            // An edit while it is on its way must not make a second one.
            let about = ContentHash::of(DOMAIN, &("post", &comment.object));
            let discuss = Discuss {
                place: places.on(side.other()).clone(),
                step: DiscussStep::Post(Said::of(*side, comment)),
            };
            (side.other(), discuss, (about, about))
        }
        Step::Edit {
            side,
            comment,
            mirror,
            target,
            expected,
            ..
        } => {
            let before = ContentHash::of(DOMAIN, &(mirror, expected));
            let discuss = Discuss {
                place: target.clone(),
                step: DiscussStep::Edit {
                    comment: mirror.clone(),
                    expected: *expected,
                    said: Said::of(*side, comment),
                },
            };
            (side.other(), discuss, (before, text_hash(&comment.text)))
        }
        Step::Delete {
            side,
            mirror,
            target,
            expected,
            ..
        } => {
            let before = ContentHash::of(DOMAIN, &(mirror, expected));
            let after = ContentHash::of(DOMAIN, &("delete", mirror));
            let discuss = Discuss {
                place: target.clone(),
                step: DiscussStep::Delete {
                    comment: mirror.clone(),
                    expected: *expected,
                },
            };
            (side.other(), discuss, (before, after))
        }
        Step::Mark { .. } | Step::Again { .. } | Step::TooMany { .. } => return None,
    })
}
