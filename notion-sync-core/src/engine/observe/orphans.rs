//! What was listed and belongs to a mapping that is not configured, as after somebody gave it another name.

use std::collections::BTreeMap;

use crate::engine::Engine;
use crate::id::MappingId;
use crate::record::{Life, Record};

/// How many objects are of which mapping.
#[derive(Debug, Default)]
pub(super) struct Orphans(BTreeMap<MappingId, usize>);

impl Orphans {
    /// Takes the owner of an object that another mapping lists.
    pub(super) fn see(&mut self, engine: &Engine, owner: &Record) {
        let ended = matches!(owner.life, Life::Tombstone | Life::Detached);
        if !ended && !engine.bindings.contains_key(&owner.mapping) {
            *self.0.entry(owner.mapping.clone()).or_default() += 1;
        }
    }

    /// What a person has to know of them.
    pub(super) fn alerts(self) -> impl Iterator<Item = String> {
        self.0.into_iter().map(|(mapping, count)| {
            let (are, them) = match count {
                1 => ("1 object that is listed here belongs".to_owned(), "it is"),
                _ => (format!("{count} objects that are listed here belong"), "they are"),
            };
            format!(
                "{are} to the mapping {mapping}, which is not configured, and {them} not synchronised: give the \
                 mapping its name back, or unlink what belongs to it"
            )
        })
    }
}
