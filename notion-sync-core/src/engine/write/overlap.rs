//! People who edit an object while a write to it is under way.
//!
//! Pages and issues have no conditional writes: between the look that precedes a write and the write, somebody can
//! edit what it replaces. That cannot be prevented, and it must not go unseen: a webhook that says what changed, and
//! when, is held against the last writes of the record. It tells of an edit where a person made it (Notion), or where
//! it says that our own write replaced another text than the one it was made on top of (GitHub, which does not tell a
//! person from a program that has the person's token).

use std::collections::BTreeMap;

use chrono::{DateTime, Duration, Utc};

use crate::audit::{AuditEvent, AuditRow};
use crate::engine::Engine;
use crate::engine::report::{Incident, MappingReport};
use crate::error::{ErrorKind, Result};
use crate::event::{CONTENT, ChangeEvent, text_hash};
use crate::id::{RecordId, Side};
use crate::operation::{Operation, RecentWrite, ReplacedText};
use crate::record::Record;
use crate::remote::{Action, ContentChange, Update};
use crate::state::{Batch, SaveBody, Stored};
use crate::value::Value;

/// How many writes of a record are kept. Webhooks come within minutes; a record is not written more often than that.
const KEPT: usize = 8;

/// How much the clock of a service and ours may differ, in seconds.
const SKEW: i64 = 1;

impl Engine {
    /// Remembers that a write was done.
    pub(in crate::engine) fn remember_write(
        &self,
        op: &Operation,
        traced: bool,
        record: &mut Record,
    ) {
        record.writes.extend(self.recent(op, traced));
        let over = record.writes.len().saturating_sub(KEPT);
        record.writes.drain(..over);
    }

    /// What a write that was sent wrote, and when; none where it replaces nothing. Of one whose answer was not heard
    /// nobody knows when it was applied.
    fn recent(&self, op: &Operation, unheard: bool) -> Option<RecentWrite> {
        let (Action::Update(update), Some(began)) = (&op.write.action, op.intent_at) else {
            return None;
        };
        if update.fields.is_empty() && update.content.is_none() {
            return None;
        }
        let at_last = began + self.bounds.quiet_after_set();
        Some(RecentWrite {
            op: op.id.clone(),
            object: update.object.clone(),
            began,
            ended: if unheard { at_last } else { self.now() },
            fields: update.fields.keys().cloned().collect(),
            content: update.content.is_some(),
            texts: texts(update),
        })
    }

    /// Tells of hints by which somebody edited what a write of ours replaced, while it was under way. Each is answered
    /// together with what is told of it, so that it is told once. Answers the hints that are left.
    pub(in crate::engine) async fn tell_overlaps(
        &self,
        hints: Vec<Stored<ChangeEvent>>,
        report: &mut MappingReport,
    ) -> Result<Vec<Stored<ChangeEvent>>> {
        let mut rest = Vec::with_capacity(hints.len());
        for hint in hints {
            let at = hint.value.occurred_at.filter(|_| may_tell(&hint.value));
            let told = match at {
                Some(at) => self.tell_overlap(&hint, at, report).await?,
                None => false,
            };
            if !told {
                rest.push(hint);
            }
        }
        Ok(rest)
    }

    async fn tell_overlap(
        &self,
        hint: &Stored<ChangeEvent>,
        at: DateTime<Utc>,
        report: &mut MappingReport,
    ) -> Result<bool> {
        let Some(owner) = self.state().owner(&hint.value.object).await? else {
            return Ok(false);
        };
        let Some(mut state) = self.state().record(&owner).await? else {
            return Ok(false);
        };
        let done = (state.record.writes.iter()).find(|write| meets(write, &hint.value, at));
        let write = match done.cloned() {
            Some(write) => write,
            // The hint can be faster than the outcome.
            None => match self.meets_open(&owner, &hint.value, at).await? {
                Some(write) => write,
                None => return Ok(false),
            },
        };
        let object = match hint.value.side {
            Side::Notion => "page",
            Side::Github => "issue",
        };
        let said = format!(
            "somebody edited this at {} while the sync wrote the same: look at the history of the {object}, what they \
             wrote may be gone",
            at.format("%Y-%m-%d %H:%M:%S")
        );
        let row = AuditRow {
            op: Some(write.op),
            side: Some(hint.value.side),
            details: [("event".to_owned(), hint.value.id.clone())].into(),
            ..AuditRow::about(self.now(), &state.record, AuditEvent::Overlap, &said)
        };
        let mut batch = Batch::default();
        batch.record_with_audit(&mut state, SaveBody::No, vec![row])?;
        batch.seen(hint, self.now())?;
        match self.state().commit(batch).await {
            Ok(()) => {}
            // Somebody else moved the record on, or answered the hint: it is looked at again if it is still there.
            Err(error) if error.kind() == ErrorKind::Stale => {
                report.retry = true;
                return Ok(true);
            }
            Err(error) => return Err(error),
        }
        report.hints += 1;
        report.incidents.push(Incident {
            subject: state.record.title.clone(),
            message: said,
            drift: false,
        });
        Ok(true)
    }

    async fn meets_open(
        &self,
        record: &RecordId,
        event: &ChangeEvent,
        at: DateTime<Utc>,
    ) -> Result<Option<RecentWrite>> {
        let all = self.state().operations_of(record).await?;
        Ok((all.iter())
            .filter(|op| op.state.is_unresolved())
            .filter_map(|op| self.recent(op, true))
            .find(|write| meets(write, event, at)))
    }
}

/// Whether a change says enough to be held against writes, whatever these wrote: most do not, and cost no look at the
/// record.
fn may_tell(event: &ChangeEvent) -> bool {
    let mut changed = event.changed.values();
    event.people == Some(true) || changed.any(|change| change.texts().0.is_some())
}

/// Whether a change tells of an edit of what a write wrote, while that was under way.
fn meets(write: &RecentWrite, event: &ChangeEvent, at: DateTime<Utc>) -> bool {
    let skew = Duration::seconds(SKEW);
    write.object == event.object
        && (write.began - skew <= at && at <= write.ended + skew)
        && (is_by_a_person(write, event) || is_ours_over_another(write, event))
}

/// Whether a person changed what a write wrote. A change that names no fields is one of the content.
fn is_by_a_person(write: &RecentWrite, event: &ChangeEvent) -> bool {
    let touches = if event.changed.is_empty() {
        write.content
    } else {
        event.changed.keys().any(|key| write.fields.contains(key))
    };
    touches && event.people == Some(true)
}

/// Whether a change is the write itself, and what it replaced is not what it was made on top of.
fn is_ours_over_another(write: &RecentWrite, event: &ChangeEvent) -> bool {
    event.changed.iter().any(|(key, change)| {
        let (Some(text), (Some(before), after)) = (write.texts.get(key), change.texts()) else {
            return false;
        };
        after.is_none_or(|after| after == text.desired)
            && before != text.expected
            && before != text.desired
    })
}

fn texts(update: &Update) -> BTreeMap<String, ReplacedText> {
    let replaced = |expected: &str, desired: &str| ReplacedText {
        expected: text_hash(expected),
        desired: text_hash(desired),
    };
    let mut out = BTreeMap::new();
    for (key, change) in &update.fields {
        if let (Value::Text(expected), Value::Text(desired)) = (&change.expected, &change.desired) {
            out.insert(key.clone(), replaced(expected, desired));
        }
    }
    if let Some(ContentChange::Text { expected, desired }) = &update.content {
        out.insert(CONTENT.to_owned(), replaced(expected, desired));
    }
    out
}
