//! Parents of tasks: what the registry knows of the objects that fields name, and fields that wait
//! until those have a counterpart.

use std::collections::{BTreeMap, BTreeSet};

use crate::engine::observe::bind::Bound;
use crate::engine::observe::survey::Prepared;
use crate::engine::report::MappingReport;
use crate::engine::{Binding, Engine};
use crate::error::{ErrorKind, Result};
use crate::id::{FieldId, RecordId, RemoteRef, Side};
use crate::mapping::{FieldKind, Relative, View};
use crate::record::{Life, Record};
use crate::state::{Batch, SaveBody};

impl Engine {
    /// Looks up what the fields of these records name, now and as last agreed.
    pub(in crate::engine) async fn know_relatives(
        &self,
        binding: &Binding,
        bound: &mut Bound,
        prepared: &[Prepared],
    ) -> Result<()> {
        let fields: Vec<FieldId> = parents(bound).cloned().collect();
        if fields.is_empty() {
            return Ok(());
        }
        let mut named: BTreeSet<RemoteRef> = BTreeSet::new();
        for one in prepared {
            for side in Side::BOTH {
                let known = one.view(side).map(|view: &View| &view.object);
                let Some(own) = known.or_else(|| one.state.record.object(side)) else {
                    continue;
                };
                for id in &fields {
                    let now = one
                        .view(side)
                        .and_then(|view| view.field(id).ok().flatten());
                    let agreed = (one.state.record.base.as_ref())
                        .and_then(|base| base.fields.get(id))
                        .map(|agreed| agreed.on(side));
                    for value in now.into_iter().chain(agreed) {
                        // A parent is an object of the same sort as its child.
                        named.extend(value.elements().into_iter().map(|other| RemoteRef {
                            id: other,
                            ..own.clone()
                        }));
                    }
                }
            }
        }
        if named.is_empty() {
            return Ok(());
        }
        // What was just seen for the first time is in no store yet.
        let mut found: BTreeMap<RecordId, Relative> = BTreeMap::new();
        for one in prepared {
            let record = &one.state.record;
            let objects = record.notion.iter().chain(&record.github);
            if objects.into_iter().any(|object| named.remove(object)) {
                found.insert(record.id.clone(), relative(record));
            }
        }
        let named: Vec<RemoteRef> = named.into_iter().collect();
        for owner in self.state().owners(&named).await?.into_values() {
            if found.contains_key(&owner) {
                continue;
            }
            if let Some(state) = self.state().record(&owner).await?
                && state.record.mapping == binding.mapping.id
            {
                found.insert(owner, relative(&state.record));
            }
        }
        for relative in found.into_values() {
            bound.resolver.relatives.add(relative);
        }
        Ok(())
    }

    /// Looks again at records of which a field waited for a counterpart that is there by now. Costs
    /// no request.
    pub(in crate::engine) async fn wake_waiting(
        &self,
        binding: &Binding,
        report: &mut MappingReport,
    ) -> Result<()> {
        let id = &binding.mapping.id;
        let named = (binding.mapping.fields.iter()).any(|field| field.kind == FieldKind::Parent);
        if !named {
            return Ok(());
        }
        let mut waiting: Vec<(RecordId, Vec<RemoteRef>)> = Vec::new();
        for record in self.state().records(id).await? {
            if !record.waits.is_empty() {
                let on = record.waits.into_values().map(|wait| wait.on).collect();
                waiting.push((record.id, on));
            }
        }
        let all: BTreeSet<&RemoteRef> = waiting.iter().flat_map(|(_, on)| on).collect();
        let all: Vec<RemoteRef> = all.into_iter().cloned().collect();
        let mut there: BTreeSet<RemoteRef> = BTreeSet::new();
        for (object, owner) in self.state().owners(&all).await? {
            if let Some(state) = self.state().record(&owner).await?
                && state.record.notion.is_some()
                && state.record.github.is_some()
                && relative(&state.record).alive
            {
                there.insert(object);
            }
        }
        for (child, on) in waiting {
            if !on.iter().any(|object| there.contains(object)) {
                continue;
            }
            let Some(mut state) = self.state().record(&child).await? else {
                continue;
            };
            let now = self.now();
            if state.record.look_at.is_some_and(|at| at <= now) {
                continue;
            }
            state.record.look_at = Some(now);
            let mut batch = Batch::default();
            batch.record(&state, SaveBody::No)?;
            match self.state().commit(batch).await {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::Stale => report.retry = true,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// The fields that name parents.
pub(in crate::engine) fn parents(bound: &Bound) -> impl Iterator<Item = &FieldId> {
    (bound.fields.iter())
        .filter(|field| field.kind == FieldKind::Parent && !bound.blocked.contains_key(&field.id))
        .map(|field| &field.id)
}

fn relative(record: &Record) -> Relative {
    let id = |object: &Option<RemoteRef>| object.as_ref().map(|object| object.id.clone());
    Relative {
        page: id(&record.notion),
        issue: id(&record.github),
        title: record.title.clone(),
        alive: !matches!(
            record.life,
            Life::Deleting | Life::Detached | Life::Tombstone
        ),
    }
}
