//! What a write that was applied changes in its record: base, object, life, and what a page shows of it.

use std::collections::{BTreeMap, BTreeSet};

use crate::document::Document;
use crate::document::merge::BodyBase;
use crate::engine::observe::bind::Bound;
use crate::engine::observe::text;
use crate::engine::tell::bookkeeping::{SHOWN_ON_PAGE, keep_bookkept};
use crate::engine::{Binding, Engine};
use crate::hash::ContentHash;
use crate::id::{FieldId, Side};
use crate::mapping::MappingKind;
use crate::operation::Operation;
use crate::reconcile::{REMOVED, refused_hash, unit_hash};
use crate::record::{Base, Life, ProposalState, Record, Refusal, Seen, UnitId};
use crate::remote::{Ack, Action, FieldChange, WriteKind};
use crate::snapshot::{Field, Snapshot};
use crate::state::RecordState;
use crate::value::Value;

impl Engine {
    /// Moves the base, mapping and life of a record by an outcome.
    pub(super) fn settle(
        &self,
        binding: &Binding,
        bound: &Bound,
        op: &Operation,
        ack: &Ack,
        traced: bool,
        state: &mut RecordState,
    ) -> bool {
        let side = op.side;
        let settlement = &op.settlement;
        // What was found later is no answer: it may hold edits, but for what nobody came to write yet.
        let returned = (ack.snapshot.as_ref()).filter(|_| !traced || !ack.lacking.is_empty());
        let path = settlement.path.clone().or(state.record.path.clone());
        let view = returned.map(|snapshot| {
            let path = path.as_deref();
            let mut view = text::view(binding, bound, &self.bounds, side, snapshot, path);
            (view.fields).retain(|id, _| !traced || lacks(bound, ack, id, side));
            view
        });
        let is_content = !settlement.proposal
            && (settlement.creates
                || !settlement.fields.is_empty()
                || settlement.body.is_some()
                || settlement.path.is_some());

        self.settle_identity(binding, op, ack, traced, &mut state.record);
        if is_content {
            let fields = view.as_ref().map(|view| &view.fields);
            self.settle_fields(binding, bound, op, ack, fields, &mut state.record);
        }
        let answer = view.as_ref().filter(|_| !traced);
        let read = answer.and_then(|view| view.document());
        let moved_body = is_content && settle_body(op, read, state);
        if side == Side::Notion && settlement.body.is_some() {
            state.record.own_body = ack.snapshot.as_ref().map(|snapshot| snapshot.revision.at);
        }
        let record = &mut state.record;
        if let Some(life) = settlement.life {
            record.life = life;
        }
        if let Action::Remove { .. } = &op.write.action {
            record.outcome.insert(REMOVED.to_owned(), side.to_string());
        } else if !matches!(record.life, Life::Deleting | Life::Tombstone) {
            record.outcome.remove(REMOVED);
        }
        if let Some(snapshot) = &ack.snapshot {
            self.remember(binding, record, op, snapshot, traced);
        }
        keep_notes(op, ack, record);
        self.settle_action(op, ack, record);
        self.note_done(op, ack, record);
        self.hear_own_write(binding, bound, op, record);
        moved_body
    }

    /// Which object it is about.
    fn settle_identity(
        &self,
        binding: &Binding,
        op: &Operation,
        ack: &Ack,
        traced: bool,
        record: &mut Record,
    ) {
        let (side, settlement) = (op.side, &op.settlement);
        let Some(snapshot) = &ack.snapshot else {
            return;
        };
        if settlement.creates {
            record.set_object(side, Some(snapshot.object.clone()));
            if !traced && op.kind == WriteKind::UnnamedCreate {
                let (mapping, now) = (&binding.mapping.id, self.now());
                self.lags.made(mapping, side, &snapshot.object, now);
            }
        }
        // A file that moved is another object.
        if settlement.path.is_some() && record.object(side).is_some() {
            record.set_object(side, Some(snapshot.object.clone()));
        }
    }

    /// What both sides agree on by now, but for the text. `shown` are the fields of the answer.
    fn settle_fields(
        &self,
        binding: &Binding,
        bound: &Bound,
        op: &Operation,
        ack: &Ack,
        shown: Option<&BTreeMap<FieldId, Field>>,
        record: &mut Record,
    ) {
        let (side, settlement, now) = (op.side, &op.settlement, self.now());
        let incomplete = settlement.creates && ack.notes.contains_key("incomplete");
        let mut retired: Vec<ContentHash> = Vec::new();
        for (id, agreed) in &settlement.fields {
            if let Some(reason) = bound.native(id, side).and_then(|key| ack.refused.get(key)) {
                let refusal = Refusal {
                    value: refused_hash(side, id, agreed.on(side)),
                    reason: reason.clone(),
                    at: now,
                };
                record.look_at = Some(now);
                record.refusals.insert(id.clone(), refusal);
                continue;
            }
            record.refusals.remove(id);
            let mut agreed = agreed.clone();
            // What follows a creation may be missing although the object is there.
            let later = settlement.creates && bound.comes_later(id, side);
            let shown = shown
                .and_then(|fields| fields.get(id))
                .and_then(Field::value)
                .or(later.then_some(&Value::Null));
            if let Some(value) = shown
                && !settlement.partial.contains(id)
            {
                // A new object that lacks what it should have got: that is still to be written.
                let missing = incomplete || later || lacks(bound, ack, id, side);
                if missing && value != agreed.on(side) {
                    agreed.set(side.other(), Value::Null);
                    record.look_at = Some(now);
                }
                let whole;
                let change = match &op.write.action {
                    Action::Update(update) => bound
                        .native(id, side)
                        .and_then(|key| update.fields.get(key)),
                    Action::Create(_) => {
                        whole = FieldChange {
                            expected: Value::Null,
                            desired: agreed.on(side).clone(),
                        };
                        Some(&whole)
                    }
                    _ => None,
                };
                let own = own_part(agreed.on(side), value, change);
                agreed.set(side, own);
            }
            let base = record.base.get_or_insert_with(Base::default);
            if let Some(before) = base.fields.insert(id.clone(), agreed) {
                retired.push(unit_hash(&UnitId::Field(id.clone()), before.on(side)));
            }
        }
        let parked = record.conflicts.contains_key(&UnitId::Path);
        let base = record.base.get_or_insert_with(Base::default);
        if let Some(path) = &settlement.path {
            base.path = Some(path.clone());
        }
        if let Some(snapshot) = &ack.snapshot {
            base.advance(side, &snapshot.revision);
            if side == Side::Github
                && binding.mapping.kind == MappingKind::Documents
                && !parked
                && let Some(place) = &snapshot.place
            {
                base.path = Some(place.clone());
            }
        }
        if let Some((source, revision)) = &settlement.source {
            base.advance(*source, revision);
        }
        record.base_epoch += 1;
        for hash in retired {
            record.retire(side, hash);
        }
    }

    /// What the kind of write means for the record.
    fn settle_action(&self, op: &Operation, ack: &Ack, record: &mut Record) {
        match &op.write.action {
            Action::Propose(propose) => {
                if let Some(proposal) = &mut record.proposal
                    && proposal.branch == propose.branch
                {
                    if let Some(snapshot) = &ack.snapshot {
                        proposal.pull = Some(snapshot.object.clone());
                        proposal.url.clone_from(&snapshot.url);
                    }
                    proposal.head = ack.notes.get("head").cloned();
                    proposal.published.clone_from(&op.settlement.published);
                    proposal.value = op.desired;
                    if proposal.state == ProposalState::Planned {
                        proposal.state = ProposalState::Open;
                    }
                }
            }
            Action::Create(create) => keep_bookkept(record, &create.bookkeeping),
            Action::Update(update) => keep_bookkept(record, &update.bookkeeping),
            Action::Flag {
                object, head, red, ..
            } => {
                let told = (head.clone(), *red);
                record.flagged.insert(object.to_string(), told);
            }
            Action::Effect(_) => {
                record.links.extend(ack.links.clone());
                self.effect_done(op, record);
            }
            Action::Bookkeep { fields, .. } => {
                if op.side == Side::Notion {
                    keep_bookkept(record, fields);
                }
                if fields.values().all(String::is_empty) {
                    record.copy = false;
                    record.bookkept.clear();
                    record.look_at = Some(self.now());
                }
            }
            _ => {}
        }
    }

    /// What an answer says about the written object.
    fn remember(
        &self,
        binding: &Binding,
        record: &mut Record,
        op: &Operation,
        snapshot: &Snapshot,
        traced: bool,
    ) {
        if matches!(
            op.write.action,
            Action::Propose(_)
                | Action::Comment { .. }
                | Action::Discuss(_)
                | Action::Withdraw { .. }
                | Action::Effect(_)
                | Action::Flag { .. }
        ) {
            return;
        }
        match op.side {
            Side::Notion => record.urls.0 = snapshot.url.clone().or(record.urls.0.take()),
            Side::Github => {
                record.urls.1 = snapshot.url.clone().or(record.urls.1.take());
                if let Some(place) = &snapshot.place
                    && binding.mapping.kind == MappingKind::Documents
                {
                    record.path = Some(place.clone());
                }
            }
        }
        if op.side == Side::Notion {
            let (presence, at) = (&snapshot.presence, snapshot.observed_at);
            record.see_page(presence, &snapshot.revision, at, self.bounds.settle());
        }
        let exact = snapshot.revision.grain_seconds == 0 && !traced;
        let hash = ContentHash::of_bytes("nsync/own", op.id.as_str().as_bytes());
        // Exact revisions need no second look; a bucket may still take up somebody's edit.
        record.set_seen(
            op.side,
            Some(Seen {
                revision: snapshot.revision.clone(),
                hash,
                settled: exact,
                at: snapshot.observed_at,
            }),
        );
        if !exact {
            let grain = chrono::Duration::seconds(i64::from(snapshot.revision.grain_seconds));
            let due = (snapshot.revision.at + grain + self.bounds.settle()).max(self.now());
            record.look_at = Some(record.look_at.map_or(due, |at| at.min(due)));
        }
    }
}

/// Whether a creation did not come to set a field.
fn lacks(bound: &Bound, ack: &Ack, id: &FieldId, side: Side) -> bool {
    (bound.native(id, side)).is_some_and(|key| ack.lacking.contains(key))
}

/// The text that both sides agree on by now; `read` is that of the answer. Whether it is another one.
fn settle_body(op: &Operation, read: Option<&Document>, state: &mut RecordState) -> bool {
    let (side, settlement) = (op.side, &op.settlement);
    let Some(settled) = &settlement.body else {
        return false;
    };
    let mut settled = settled.clone();
    // Where the other side is still to be written, base holds less than what was sent, and
    // the answer shows edits that are not agreed yet.
    let whole = settlement
        .sent
        .is_none_or(|sent| sent == settled.hash(side));
    if let (Some(read), true) = (read, state.record.conflicts.is_empty() && whole)
        && read.hash() != settled.hash(side)
    {
        // What the service stored is what this side agreed to, whatever was sent.
        settled = match side {
            Side::Notion => BodyBase::agree(read, &settled.github()),
            Side::Github => BodyBase::agree(&settled.notion(), read),
        };
    }
    if let Some(before) = &state.body {
        let hash = before.hash(side);
        state.record.retire(side, hash);
    }
    state.body = Some(settled);
    true
}

/// Keeps what a page shows of the other side.
fn keep_notes(op: &Operation, ack: &Ack, record: &mut Record) {
    // A step of a rule notes what it made or found: the number of a pull request is not that of
    // the counterpart, which is all that the page names.
    let effect = matches!(op.write.action, Action::Effect(_));
    let notes = (!effect).then_some(&ack.notes);
    let shown = ack
        .snapshot
        .as_ref()
        .filter(|_| op.side == Side::Github)
        .filter(|shown| !effect || record.github.as_ref() == Some(&shown.object))
        .map(|s| &s.bookkeeping);
    for (key, value) in (notes.into_iter().flatten()).chain(shown.into_iter().flatten()) {
        if SHOWN_ON_PAGE.contains(&key.as_str()) {
            record.outcome.insert(key.clone(), value.clone());
        }
    }
}

/// What of an answer is agreed: for a set what was sent of it, in the service's spelling. What an answer
/// shows beyond that, or does not show of what was there before the write, somebody else changed in
/// the moment before: that is an edit, and is decided about when both sides are looked at next. What was
/// added by the write itself and is not there was left out by the service.
fn own_part(sent: &Value, shown: &Value, change: Option<&FieldChange>) -> Value {
    let (Value::Set(sent), Value::Set(shown), Some(change)) = (sent, shown, change) else {
        return shown.clone();
    };
    let (before, after) = (change.expected.elements(), change.desired.elements());
    let added = |item: &String| after.contains(item) && !before.contains(item);
    let removed = |item: &String| before.contains(item) && !after.contains(item);
    let alike = |one: &str, other: &str| one.to_lowercase() == other.to_lowercase();
    let mut own = BTreeSet::new();
    for item in sent {
        let spelled = shown.get(item).or_else(|| {
            let mut others = shown.iter().filter(|other| !sent.contains(*other));
            others.find(|other| alike(other, item))
        });
        match spelled {
            Some(spelled) => own.insert(spelled.clone()),
            None if added(item) => false,
            None => own.insert(item.clone()),
        };
    }
    // What was to go and did not is what the service makes of it.
    own.extend(shown.iter().filter(|item| removed(item)).cloned());
    Value::Set(own)
}
