//! Outcomes: what a write changes in the record, in one transaction.

use std::collections::{BTreeMap, BTreeSet};

use crate::audit::{AuditEvent, AuditRow, PART_OF};
use crate::document::merge::BodyBase;
use crate::engine::observe::bind::Bound;
use crate::engine::observe::survey::Prepared;
use crate::engine::observe::text;
use crate::engine::plan::proposal::{diff_comment, opens_conflict, tells_by_comment};
use crate::engine::plan::render::Draft;
use crate::engine::report::{Applied, Incident, MappingReport};
use crate::engine::tell::bookkeeping::{SHOWN_ON_PAGE, Waiting, keep_bookkept};
use crate::engine::tell::comments::Heard;
use crate::engine::write::exchange;
use crate::engine::{Binding, Engine};
use crate::error::Result;
use crate::hash::ContentHash;
use crate::id::{OpId, RecordId, RemoteRef, Side};
use crate::mapping::MappingKind;
use crate::operation::{OpState, Operation, Settlement};
use crate::reconcile::table::Identity;
use crate::reconcile::{REMOVED, refused_hash, unit_hash};
use crate::record::{Base, Life, ProposalState, Record, Refusal, Seen, UnitId};
use crate::remote::{Ack, Action, FieldChange, LEFT, ProposalKind, WriteKind};
use crate::snapshot::{Field, Snapshot};
use crate::state::{Batch, RecordState, SaveBody};
use crate::value::Value;

impl Engine {
    /// T6: records that a write was applied. What a trace found is an observation and never base.
    #[allow(clippy::too_many_arguments)]
    pub(in crate::engine) async fn applied(
        &self,
        binding: &Binding,
        bound: &Bound,
        op: &Operation,
        ack: Ack,
        traced: bool,
        waiting: &Waiting,
        report: &mut MappingReport,
    ) -> Result<()> {
        let Some(stored) = self.state().operation(&op.id).await? else {
            return Ok(());
        };
        let Some(mut state) = self.state().record(&op.record).await? else {
            return Ok(());
        };
        let told = state.record.refusals.clone();
        let mut resolved: Vec<UnitId> = Vec::new();
        for unit in &op.settlement.resolves {
            resolved.extend(state.record.conflicts.remove(unit).map(|_| unit.clone()));
        }
        let body = self.settle(binding, bound, op, &ack, traced, &mut state);
        self.remember_write(op, traced, &mut state.record);
        // What was seen meanwhile could not be decided about, and no listing shows it again.
        if state.record.awaits_outcome {
            let now = self.now();
            state.record.look_at = Some(state.record.look_at.map_or(now, |at| at.min(now)));
        }

        let mut done = stored.value.clone();
        done.state = OpState::Done;
        done.error = None;
        let mut batch = Batch::default();
        batch.operation(&done, Some(&stored))?;
        batch.attempt(&self.ended(&done, if traced { "found applied" } else { "applied" }))?;
        let row = self.audit_row(
            &state.record,
            op,
            AuditEvent::Applied,
            &op.label,
            &exchange::details(op, &ack, traced),
        );
        self.overtake(op, &mut batch).await?;
        self.follow_up(binding, &mut state, op, &mut batch).await?;
        self.comment_done(&mut state, op, &ack, traced, &mut batch)
            .await?;
        self.bookkeep_now(binding, bound, &mut state, op, waiting, &mut batch)
            .await?;
        self.mark_new_pair(binding, &mut state, op, &mut batch)
            .await?;
        let save = if body { SaveBody::Yes } else { SaveBody::No };
        let closed = resolved.iter().map(|unit| {
            let said = format!("conflict over {unit} is settled");
            let none = BTreeMap::new();
            self.audit_row(&state.record, op, AuditEvent::ConflictClosed, &said, &none)
        });
        let left = self.left(&state.record, op, &ack, &mut batch).await?;
        let rows: Vec<AuditRow> = left.into_iter().chain([row]).chain(closed).collect();
        batch.record_with_audit(&mut state, save, rows)?;
        self.state().commit(batch).await?;
        let dropped = ack.notes.get("dropped").map(|dropped| {
            format!(
                "{} left out what it does not allow the connection to set: {dropped}",
                op.side
            )
        });
        for message in dropped.into_iter().chain(ack.notes.get("missed").cloned()) {
            report.incidents.push(Incident {
                subject: state.record.title.clone(),
                message,
                drift: false,
            });
        }
        for (field, reason) in &ack.refused {
            if !told.values().any(|known| known.reason == *reason) {
                report.incidents.push(Incident {
                    subject: state.record.title.clone(),
                    message: format!("{field}: {reason}"),
                    drift: false,
                });
            }
        }
        // An object that was brought back has its counterpart again, as one that was made has.
        report.paired |= op.settlement.creates || op.settlement.life == Some(Life::Live);
        report.applied.push(Applied {
            op: op.id.clone(),
            side: op.side,
            summary: format!("{}: {}", state.record.title, op.label),
        });
        Ok(())
    }

    /// Operations that were given up half-way, and whose part is in what was just applied: each is done now, and has
    /// its row.
    async fn left(
        &self,
        record: &Record,
        op: &Operation,
        ack: &Ack,
        batch: &mut Batch,
    ) -> Result<Vec<AuditRow>> {
        let mut rows = Vec::new();
        let named = ack.notes.get(LEFT).map_or("", String::as_str);
        let named: BTreeSet<&str> = named.split(',').filter(|id| !id.is_empty()).collect();
        for id in named {
            let Some(known) = self.state().operation(&OpId::new(id)).await? else {
                continue;
            };
            let given_up = matches!(known.value.state, OpState::Void | OpState::Dead);
            if known.value.record != record.id || !given_up {
                continue;
            }
            let mut done = known.value.clone();
            done.state = OpState::Done;
            batch.operation(&done, Some(&known))?;
            let summary = format!("{}: its commit was there already", done.label);
            let details = BTreeMap::from([(PART_OF.to_owned(), op.id.to_string())]);
            rows.push(self.audit_row(record, &done, AuditEvent::Applied, &summary, &details));
        }
        Ok(rows)
    }

    pub(in crate::engine) fn audit_row(
        &self,
        record: &Record,
        op: &Operation,
        event: AuditEvent,
        summary: &str,
        details: &BTreeMap<String, String>,
    ) -> AuditRow {
        AuditRow {
            op: Some(op.id.clone()),
            run: Some(op.write.run.clone()),
            side: Some(op.side),
            rows: op.rows.clone(),
            details: details.clone(),
            ..AuditRow::about(self.now(), record, event, summary)
        }
    }

    /// Moves the base, mapping and life of a record by an outcome.
    fn settle(
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
        let returned = ack.snapshot.as_ref().filter(|_| !traced);
        let path = settlement.path.clone().or(state.record.path.clone());
        let view = returned.map(|snapshot| {
            text::view(
                binding,
                bound,
                &self.bounds,
                side,
                snapshot,
                path.as_deref(),
            )
        });
        let is_content = !settlement.proposal
            && (settlement.creates
                || !settlement.fields.is_empty()
                || settlement.body.is_some()
                || settlement.path.is_some());
        let record = &mut state.record;

        if settlement.creates
            && let Some(snapshot) = &ack.snapshot
        {
            record.set_object(side, Some(snapshot.object.clone()));
            if !traced && op.kind == WriteKind::UnnamedCreate {
                let (mapping, now) = (&binding.mapping.id, self.now());
                self.lags.made(mapping, side, &snapshot.object, now);
            }
        }
        // A file that moved is another object.
        if settlement.path.is_some()
            && let Some(snapshot) = &ack.snapshot
            && record.object(side).is_some()
        {
            record.set_object(side, Some(snapshot.object.clone()));
        }
        let now = self.now();
        let incomplete = settlement.creates && ack.notes.contains_key("incomplete");
        if is_content {
            let base = record.base.get_or_insert_with(Base::default);
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
                let shown = (view.as_ref())
                    .and_then(|view| view.fields.get(id))
                    .and_then(Field::value)
                    .or(later.then_some(&Value::Null));
                if let Some(value) = shown
                    && !settlement.partial.contains(id)
                {
                    // A new object that lacks what it should have got: that is still to be written.
                    if (incomplete || later) && value != agreed.on(side) {
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
                if let Some(before) = base.fields.insert(id.clone(), agreed) {
                    retired.push(unit_hash(&UnitId::Field(id.clone()), before.on(side)));
                }
            }
            if let Some(path) = &settlement.path {
                base.path = Some(path.clone());
            }
            if let Some(snapshot) = &ack.snapshot {
                base.advance(side, &snapshot.revision);
                if side == Side::Github
                    && binding.mapping.kind == MappingKind::Documents
                    && !record.conflicts.contains_key(&UnitId::Path)
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
        let mut moved_body = false;
        if let Some(settled) = settlement.body.as_ref().filter(|_| is_content) {
            let mut settled = settled.clone();
            // Where the other side is still to be written, base holds less than what was sent, and
            // the answer shows edits that are not agreed yet.
            let whole = settlement
                .sent
                .is_none_or(|sent| sent == settled.hash(side));
            let read = view.as_ref().and_then(|view| view.document());
            if let (Some(read), true) = (read, record.conflicts.is_empty() && whole) {
                // What the service stored is what this side agreed to, whatever was sent.
                let other = match side {
                    Side::Notion => settled.github(),
                    Side::Github => settled.notion(),
                };
                let stored_differs = read.hash() != settled.hash(side);
                if stored_differs {
                    settled = match side {
                        Side::Notion => BodyBase::agree(read, &other),
                        Side::Github => BodyBase::agree(&other, read),
                    };
                }
            }
            if let Some(before) = &state.body {
                let hash = before.hash(side);
                state.record.retire(side, hash);
            }
            state.body = Some(settled);
            moved_body = true;
        }
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
        // A step of a rule notes what it made or found: the number of a pull request is not that of
        // the counterpart, which is all that the page names.
        let effect = matches!(op.write.action, Action::Effect(_));
        let notes = (!effect).then_some(&ack.notes);
        let shown = ack
            .snapshot
            .as_ref()
            .filter(|_| side == Side::Github)
            .filter(|shown| !effect || record.github.as_ref() == Some(&shown.object))
            .map(|s| &s.bookkeeping);
        for (key, value) in (notes.into_iter().flatten()).chain(shown.into_iter().flatten()) {
            if SHOWN_ON_PAGE.contains(&key.as_str()) {
                record.outcome.insert(key.clone(), value.clone());
            }
        }
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
                    proposal.published.clone_from(&settlement.published);
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
                if side == Side::Notion {
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
        self.note_done(op, ack, record);
        self.hear_own_write(binding, bound, op, record);
        moved_body
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

    /// Operations that an outcome calls for.
    async fn follow_up(
        &self,
        binding: &Binding,
        state: &mut RecordState,
        op: &Operation,
        batch: &mut Batch,
    ) -> Result<()> {
        let Action::Propose(propose) = &op.write.action else {
            return Ok(());
        };
        if propose.kind != ProposalKind::Conflict {
            return Ok(());
        }
        let Some(pull) = state
            .record
            .proposal
            .as_ref()
            .and_then(|proposal| proposal.pull.clone())
        else {
            return Ok(());
        };
        let text = diff_comment(&state.record);
        self.comment(binding, state, pull, text, op.desired, batch)
            .await
    }

    /// Plans a comment; the same text on the same object is planned once.
    pub(in crate::engine) async fn comment(
        &self,
        binding: &Binding,
        state: &mut RecordState,
        object: RemoteRef,
        text: String,
        about: ContentHash,
        batch: &mut Batch,
    ) -> Result<()> {
        let draft = Draft {
            side: Side::Github,
            name: "comment",
            content: Some((
                ContentHash::of_bytes("nsync/object", object.to_string().as_bytes()),
                about,
            )),
            action: Action::Comment { object, text },
            settlement: Settlement::default(),
            label: "comment with both versions".to_owned(),
            rows: vec![12],
            epoch: state.record.conflict_epoch,
        };
        let prepared = bare(state);
        if let Some(mut op) = self.operation(binding, &prepared, draft, None, &[]).await? {
            op.sequence = state.record.next_sequence;
            state.record.next_sequence += 1;
            batch.operation(&op, None)?;
        }
        Ok(())
    }

    /// What people call a record.
    pub(in crate::engine) async fn subject(&self, id: &RecordId) -> Result<String> {
        let record = self.state().record(id).await?;
        Ok(record
            .map(|state| state.record.title)
            .filter(|title| !title.is_empty())
            .unwrap_or_else(|| id.to_string()))
    }

    /// A conflict of a task is told by a comment: a pull request says nothing about a label.
    pub(in crate::engine) async fn tell_conflict(
        &self,
        binding: &Binding,
        plan: &crate::reconcile::Plan,
        state: &mut RecordState,
        batch: &mut Batch,
    ) -> Result<()> {
        if !tells_by_comment(binding) || !opens_conflict(plan) {
            return Ok(());
        }
        let Some(issue) = state.record.github.clone() else {
            return Ok(());
        };
        let mut text = diff_comment(&state.record);
        text.push_str(
            "Make both sides equal, or run `notion-sync conflicts resolve --take notion|github`.\n",
        );
        let about = ContentHash::of_bytes("nsync/conflict/v1", text.as_bytes());
        self.comment(binding, state, issue, text, about, batch)
            .await
    }
}

/// A record without views, for operations that need none.
pub(in crate::engine) fn bare(state: &RecordState) -> Prepared {
    Prepared {
        state: state.clone(),
        notion: None,
        github: None,
        identity: Identity::Clean,
        proposal: None,
        news: false,
        nudged: false,
        talk: Heard::Nothing,
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
