//! Outcomes: what follows from a write that was applied, in one transaction.

use std::collections::{BTreeMap, BTreeSet};

use crate::audit::{AuditEvent, AuditRow, PART_OF};
use crate::engine::observe::bind::Bound;
use crate::engine::observe::survey::Prepared;
use crate::engine::plan::proposal::{diff_comment, opens_conflict, tells_by_comment};
use crate::engine::plan::render::Draft;
use crate::engine::report::{Applied, Incident, MappingReport};
use crate::engine::tell::bookkeeping::Waiting;
use crate::engine::tell::comments::Heard;
use crate::engine::write::exchange;
use crate::engine::{Binding, Engine};
use crate::error::Result;
use crate::hash::ContentHash;
use crate::id::{OpId, RecordId, RemoteRef, Side};
use crate::operation::{OpState, Operation, Settlement};
use crate::reconcile::table::Identity;
use crate::record::{Life, Record, UnitId};
use crate::remote::{Ack, Action, LEFT, ProposalKind};
use crate::state::{Batch, RecordState, SaveBody};

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
