//! Hints: which of them a look answers, and which mappings they make look.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::PoisonError;

use chrono::{DateTime, Utc};

use crate::engine::Engine;
use crate::engine::observe::survey::Prepared;
use crate::error::Result;
use crate::event::ChangeEvent;
use crate::id::{MappingId, RecordId, RemoteRef};
use crate::state::{RecordState, Stored};

/// How many hints one look answers.
pub(in crate::engine) const HINTS: usize = 500;
/// How many are looked through for them. The oldest may all be of a mapping that answers none now: it is
/// frozen, stopped by the guard, or fails.
const LOOKED_THROUGH: usize = 5_000;

/// Whether a hint names a comment or the block that it stands at: nothing else ever says which.
pub(in crate::engine) fn names_comment(hint: &ChangeEvent) -> bool {
    ["comment", "block"]
        .iter()
        .any(|kind| hint.changed.contains_key(*kind))
}

/// Without those whose comments could not be read now: they are answered by the look that reads them.
pub(in crate::engine) fn answered(
    mut hints: Vec<Stored<ChangeEvent>>,
    owners: &BTreeMap<RemoteRef, RecordId>,
    prepared: &[Prepared],
    deferred: &[(RecordState, DateTime<Utc>)],
) -> Vec<Stored<ChangeEvent>> {
    let unheard = prepared.iter().filter(|one| one.talk.is_put_off());
    let unheard: BTreeSet<&RecordId> = (unheard.map(|one| &one.state.record.id))
        .chain(deferred.iter().map(|(state, _)| &state.record.id))
        .collect();
    hints.retain(|hint| {
        let owner = owners.get(&hint.value.object);
        !(names_comment(&hint.value) && owner.is_some_and(|owner| unheard.contains(owner)))
    });
    hints
}

impl Engine {
    /// The oldest hints that a mapping answers, at most [`HINTS`], with the records that own their
    /// objects. A hint about another mapping's record is answered by that mapping.
    pub(in crate::engine) async fn hints_of(
        &self,
        id: &MappingId,
    ) -> Result<(Vec<Stored<ChangeEvent>>, BTreeMap<RemoteRef, RecordId>)> {
        let mut hints = Vec::new();
        let mut owners = BTreeMap::new();
        let mut after = None;
        for _ in 0..LOOKED_THROUGH / HINTS {
            let (page, next) = self.state().inbox_after(after.as_ref(), HINTS).await?;
            let (page, known) = self.own(id, page).await?;
            hints.extend(page);
            owners.extend(known);
            after = next;
            if after.is_none() || hints.len() >= HINTS {
                break;
            }
        }
        hints.truncate(HINTS);
        Ok((hints, owners))
    }

    /// The mappings that hints make look. One that names no mapping makes all of them look, but for one
    /// about a record of a mapping that does not look now: that waits for it alone.
    pub(in crate::engine) async fn hinted(&self) -> Result<BTreeSet<MappingId>> {
        let mut out = BTreeSet::new();
        let mut after = None;
        let mut resting: Option<BTreeSet<MappingId>> = None;
        for _ in 0..LOOKED_THROUGH / HINTS {
            let (page, next) = self.state().inbox_after(after.as_ref(), HINTS).await?;
            let mut open = Vec::new();
            for hint in page {
                match &hint.value.mapping {
                    Some(named) if self.bindings.contains_key(named) => {
                        out.insert(named.clone());
                    }
                    _ => open.push(hint),
                }
            }
            if !open.is_empty() {
                let resting = match &mut resting {
                    Some(known) => known,
                    None => resting.insert(self.resting().await?),
                };
                self.wake(open, resting, &mut out).await?;
            }
            after = next;
            if after.is_none() || out.len() == self.bindings.len() {
                break;
            }
        }
        Ok(out)
    }

    /// Whom hints wake that name no mapping.
    async fn wake(
        &self,
        hints: Vec<Stored<ChangeEvent>>,
        resting: &BTreeSet<MappingId>,
        out: &mut BTreeSet<MappingId>,
    ) -> Result<()> {
        let all = || self.bindings.keys().cloned();
        if resting.is_empty() {
            out.extend(all());
            return Ok(());
        }
        let objects: Vec<RemoteRef> = hints.into_iter().map(|hint| hint.value.object).collect();
        let owners = self.state().owners(&objects).await?;
        for object in &objects {
            let owner = match owners.get(object) {
                Some(owner) => self.state().record(owner).await?,
                None => None,
            };
            match owner.map(|state| state.record.mapping) {
                Some(mapping) if resting.contains(&mapping) => {
                    out.insert(mapping);
                }
                _ => {
                    out.extend(all());
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Those of these hints that concern a mapping and are not about another's records.
    async fn own(
        &self,
        id: &MappingId,
        mut hints: Vec<Stored<ChangeEvent>>,
    ) -> Result<(Vec<Stored<ChangeEvent>>, BTreeMap<RemoteRef, RecordId>)> {
        hints.retain(|hint| self.concerns(&hint.value, id));
        let objects: Vec<RemoteRef> = hints.iter().map(|one| one.value.object.clone()).collect();
        let owners = self.state().owners(&objects).await?;
        let mut elsewhere: BTreeMap<&RecordId, bool> = BTreeMap::new();
        let mut out = Vec::with_capacity(hints.len());
        for hint in hints {
            if hint.value.mapping.is_none()
                && let Some(owner) = owners.get(&hint.value.object)
            {
                let other = match elsewhere.get(owner) {
                    Some(known) => *known,
                    None => {
                        let state = self.state().record(owner).await?;
                        let other = state.is_some_and(|state| {
                            state.record.mapping != *id
                                && self.bindings.contains_key(&state.record.mapping)
                        });
                        elsewhere.insert(owner, other);
                        other
                    }
                };
                if other {
                    continue;
                }
            }
            out.push(hint);
        }
        Ok((out, owners))
    }

    /// The mappings that do not look now, whatever hints say.
    async fn resting(&self) -> Result<BTreeSet<MappingId>> {
        let mut out = BTreeSet::new();
        for id in self.bindings.keys() {
            if self.rests(id) || self.frozen(id).await?.is_some() {
                out.insert(id.clone());
            }
        }
        Ok(out)
    }

    /// Whether a mapping is left alone after a look that failed or that the guard stopped: each hint,
    /// and each tick for the sake of another mapping, would spend requests on the same again.
    pub(in crate::engine) fn rests(&self, id: &MappingId) -> bool {
        self.rests_until(id).is_some()
    }

    /// Until when a mapping is left alone.
    pub(in crate::engine) fn rests_until(&self, id: &MappingId) -> Option<DateTime<Utc>> {
        let now = self.now();
        let rests = self.rests.lock().unwrap_or_else(PoisonError::into_inner);
        rests.get(id).copied().filter(|until| *until > now)
    }

    /// Whether the next tasks in turn are to be asked for their comments: looks for hints put off every poll, where they
    /// come oftener.
    pub(in crate::engine) fn turn_is_due(&self, id: &MappingId) -> bool {
        let now = self.now();
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        *turns.entry(id.clone()).or_insert(now) + self.schedule.poll <= now
    }

    /// The tasks in turn were asked.
    pub(in crate::engine) fn turned(&self, id: &MappingId) {
        let now = self.now();
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        turns.insert(id.clone(), now);
    }

    /// Leaves a mapping alone until then.
    pub(in crate::engine) fn rest(&self, id: &MappingId, until: Option<DateTime<Utc>>) {
        let mut rests = self.rests.lock().unwrap_or_else(PoisonError::into_inner);
        match until {
            Some(until) => rests.insert(id.clone(), until),
            None => rests.remove(id),
        };
    }
}
