//! Writes of which only a part is there, or nobody knows how much.

use std::collections::BTreeMap;

use crate::audit::AuditEvent;
use crate::engine::observe::bind::Bound;
use crate::engine::observe::text;
use crate::engine::write::exchange;
use crate::engine::{Binding, Engine};
use crate::error::Result;
use crate::operation::{OpState, Operation};
use crate::reconcile::unit_hash;
use crate::record::{Base, UnitId};
use crate::snapshot::{Field, Snapshot};
use crate::state::{Batch, SaveBody, Stored};

impl Engine {
    /// A write that was cut off, or that somebody edited over: what is there as it was sent is
    /// agreed, everything else is compared with the base that was there before. The operation is
    /// given up and the record looked at again.
    ///
    /// Without this the part that was written would pass for an edit made on that side, and a
    /// policy would take it over what the other side says by now.
    pub(in crate::engine) async fn partly(
        &self,
        binding: &Binding,
        bound: &Bound,
        stored: &Stored<Operation>,
        shown: &Snapshot,
    ) -> Result<()> {
        let op = &stored.value;
        let mut next = op.clone();
        next.state = OpState::Void;
        next.error = Some("not all of it is there: compared part by part".to_owned());
        let mut batch = Batch::default();
        batch.operation(&next, Some(stored))?;
        batch.attempt(&self.ended(&next, "void"))?;
        let Some(mut state) = self.state().record(&op.record).await? else {
            return self.state().commit(batch).await;
        };
        if op.settlement.proposal {
            return self.state().commit(batch).await;
        }
        let side = op.side;
        let path = state.record.path.clone();
        let view = text::view(binding, bound, &self.bounds, side, shown, path.as_deref());
        let record = &mut state.record;
        let base = record.base.get_or_insert_with(Base::default);
        let mut found: Vec<String> = Vec::new();
        let mut retired = Vec::new();
        for (id, agreed) in &op.settlement.fields {
            if op.settlement.partial.contains(id) {
                continue;
            }
            if let Some(value) = view.fields.get(id).and_then(Field::value)
                && value == agreed.on(side)
            {
                found.push(id.to_string());
                if let Some(before) = base.fields.insert(id.clone(), agreed.clone()) {
                    retired.push(unit_hash(&UnitId::Field(id.clone()), before.on(side)));
                }
            }
        }
        for hash in retired {
            record.retire(side, hash);
        }
        let mut body = false;
        if let (Some(sent), Some(document)) = (&op.settlement.body, view.document()) {
            let confirmed = match &state.body {
                Some(before) => before.confirmed(sent, side, document),
                None => {
                    let whole = sent.hash(side);
                    (whole == document.hash()).then(|| sent.clone())
                }
            };
            body = confirmed != state.body;
            if body {
                found.push("body".to_owned());
                if let Some(before) = &state.body {
                    let hash = before.hash(side);
                    state.record.retire(side, hash);
                }
                state.body = confirmed;
            }
        }
        let record = &mut state.record;
        record.base_epoch += 1;
        record.look_at = Some(self.now());
        let details: BTreeMap<String, String> = [("found".to_owned(), found.join(", "))].into();
        let row = self.audit_row(
            record,
            &next,
            AuditEvent::Voided,
            &format!("{}: not all of it is there", op.label),
            &details,
        );
        let save = if body { SaveBody::Yes } else { SaveBody::No };
        batch.record_with_audit(&mut state, save, vec![row])?;
        self.state().commit(batch).await
    }

    /// An outcome that cannot be known: the units are compared without a base (row 42), so that
    /// neither a lost write nor a person's revert is overwritten.
    ///
    /// Saved together with `batch`, which holds the operation's new state: the old base alone would
    /// pass a write of ours for somebody's edit.
    pub(in crate::engine) async fn forget_base(
        &self,
        op: &Operation,
        mut batch: Batch,
    ) -> Result<()> {
        let Some(mut state) = self.state().record(&op.record).await? else {
            return self.state().commit(batch).await;
        };
        let mut body = false;
        if !op.settlement.proposal {
            if let Some(base) = &mut state.record.base {
                for id in op.settlement.fields.keys() {
                    base.fields.remove(id);
                }
            }
            body = op.settlement.body.is_some();
            if body {
                state.body = None;
            }
            state.record.base_epoch += 1;
            state.record.look_at = Some(self.now());
        }
        let why = op.error.as_deref().unwrap_or_default();
        let said = format!("{}: {why}", op.label);
        let details = exchange::attempted(op);
        let row = self.audit_row(&state.record, op, AuditEvent::Voided, &said, &details);
        let save = if body { SaveBody::Yes } else { SaveBody::No };
        batch.record_with_audit(&mut state, save, vec![row])?;
        self.state().commit(batch).await
    }
}
