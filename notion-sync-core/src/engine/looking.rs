//! What the listings of both sides showed.

use std::collections::BTreeMap;

use chrono::{DateTime, Duration, Utc};

use crate::id::{RemoteRef, Side};
use crate::remote::Listing;
use crate::snapshot::{Content, Proof, Snapshot};
use crate::state::RecordState;

/// Two listings, by object.
#[derive(Debug, Default)]
pub(super) struct Looking {
    pub(super) items: BTreeMap<(Side, RemoteRef), Snapshot>,
    pub(super) gone: BTreeMap<RemoteRef, Proof>,
    pub(super) renamed: BTreeMap<RemoteRef, RemoteRef>,
}

impl Looking {
    pub(super) fn take(&mut self, side: Side, listing: &Listing) {
        for item in &listing.items {
            if let Some(previous) = &item.previous {
                self.renamed.insert(previous.clone(), item.object.clone());
            }
            self.items.insert((side, item.object.clone()), item.clone());
        }
        self.gone.extend(listing.gone.iter().cloned());
    }

    pub(super) fn objects(&self) -> Vec<RemoteRef> {
        let mut out: Vec<RemoteRef> = self
            .items
            .keys()
            .map(|(_, object)| object.clone())
            .collect();
        out.extend(self.gone.keys().cloned());
        out.extend(self.renamed.keys().cloned());
        out.sort();
        out.dedup();
        out
    }

    /// Objects with the side they are on. An object that was renamed is looked at through its old
    /// name, under which the registry knows it.
    pub(super) fn pairs(&self) -> Vec<(Side, RemoteRef)> {
        let mut out: Vec<(Side, RemoteRef)> = Vec::new();
        for ((side, object), snapshot) in &self.items {
            match &snapshot.previous {
                Some(previous) => out.push((*side, previous.clone())),
                None => out.push((*side, object.clone())),
            }
        }
        for object in self.gone.keys() {
            let side = if object.system == "notion" {
                Side::Notion
            } else {
                Side::Github
            };
            if !self.renamed.contains_key(object) {
                out.push((side, object.clone()));
            }
        }
        out
    }

    pub(super) fn lists(&self, side: Side, object: &RemoteRef) -> bool {
        self.items.contains_key(&(side, object.clone()))
    }

    /// Why an object is gone, where one listing says so and none shows it.
    pub(super) fn proof(&self, side: Side, object: &RemoteRef) -> Option<Proof> {
        let proof = self.gone.get(object).copied()?;
        (!self.lists(side, object)).then_some(proof)
    }

    /// Remembers in a record what no later listing says again: that an object moved, or is gone.
    pub(super) fn keep(&self, state: &mut RecordState) {
        self.follow(state);
        for side in Side::BOTH {
            if let Some(object) = state.record.object(side)
                && let Some(proof) = self.proof(side, object)
            {
                state.record.proofs.insert(side, proof);
            }
        }
    }

    /// A file that was renamed or moved keeps its record.
    pub(super) fn follow(&self, state: &mut RecordState) {
        if let Some(object) = &state.record.github
            && let Some(moved) = self.renamed.get(object)
        {
            state.record.github = Some(moved.clone());
        }
    }

    /// A snapshot that needs no further read.
    pub(super) fn ready(&self, side: Side, object: &RemoteRef) -> Option<&Snapshot> {
        let object = self.renamed.get(object).unwrap_or(object);
        self.items
            .get(&(side, object.clone()))
            .filter(|snapshot| snapshot.content != Content::NotRead)
    }

    /// Whether a listing shows another revision of an object than was last seen.
    pub(super) fn revised(&self, side: Side, state: &RecordState) -> bool {
        let listed =
            (state.record.object(side)).and_then(|object| self.items.get(&(side, object.clone())));
        match (listed, state.record.seen(side)) {
            (Some(item), Some(seen)) => seen.revision.token != item.revision.token,
            _ => false,
        }
    }

    /// Whether an object may have changed since it was last seen.
    pub(super) fn moved(
        &self,
        side: Side,
        state: &RecordState,
        now: DateTime<Utc>,
        slack: Duration,
    ) -> bool {
        let Some(object) = state.record.object(side) else {
            return true;
        };
        if self.renamed.contains_key(object) {
            return true;
        }
        let Some(item) = self.items.get(&(side, object.clone())) else {
            return true;
        };
        let Some(seen) = state.record.seen(side) else {
            return true;
        };
        if seen.revision.token != item.revision.token {
            return true;
        }
        // The same revision is looked at once more after it can no longer take up an edit.
        !seen.settled && item.revision.is_settled(now, slack)
    }
}
