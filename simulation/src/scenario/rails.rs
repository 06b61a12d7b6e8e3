//! The rails of a run: the guard, whose stops somebody has to approve, and dry runs, which do nothing.

use std::collections::{BTreeMap, BTreeSet};

use notion_sync_core::ErrorKind;
use notion_sync_core::engine::Tick;
use notion_sync_core::id::{MappingId, OpId, RecordId};
use notion_sync_core::operation::Operation;
use notion_sync_core::remote::{Action, ProposalKind};
use notion_sync_core::state::State;
use notion_sync_core::store::Table;
use notion_sync_testkit::simulation::Failure;

use super::check::{Checked, failed};
use super::ending;
use super::play::Theatre;
use super::standing;

/// What is known of the guard while a seed is played.
#[derive(Debug)]
pub(crate) struct Rails {
    /// How many removals a run may always do.
    allowed: usize,
    /// Operations that were planned before.
    known: BTreeSet<String>,
    /// Stops that somebody has seen.
    shown: BTreeSet<String>,
    /// Mappings of which a stopped plan is approved.
    approved: BTreeSet<MappingId>,
}

impl Rails {
    pub(super) fn new(allowed: usize) -> Self {
        Self {
            allowed,
            known: BTreeSet::new(),
            shown: BTreeSet::new(),
            approved: BTreeSet::new(),
        }
    }

    /// P17: what one run began to remove, of each mapping, is not more than it may, or somebody approved it.
    fn judge(&self, begun: &BTreeMap<MappingId, BTreeSet<RecordId>>) -> Checked {
        for (mapping, removed) in begun {
            let (number, allowed) = (removed.len(), self.allowed);
            if number > allowed && !self.approved.contains(mapping) {
                return Err(Failure::new(
                    "P17",
                    format!(
                        "a run of {mapping} removes {number} objects, of {allowed} that it may: {removed:?}"
                    ),
                ));
            }
        }
        Ok(())
    }
}

fn removes(op: &Operation) -> bool {
    match &op.write.action {
        Action::Remove { .. } => true,
        Action::Propose(propose) => propose.kind == ProposalKind::Delete,
        _ => false,
    }
}

/// The hash that a stop asks to approve.
fn asked(stop: &str) -> &str {
    let last = stop.rsplit(' ').next().unwrap_or_default();
    last.trim_end_matches('`')
}

impl Theatre {
    /// Judges what a run planned, and lets somebody look at what the guard stopped: who is asked twice, or
    /// `at_once`, approves it. Whether anything was approved.
    pub(super) async fn guard(
        &mut self,
        tick: Option<&Tick>,
        at_once: bool,
    ) -> Result<bool, Failure> {
        let Some(mut rails) = self.rails.take() else {
            return Ok(false);
        };
        let state = State::new(&*self.kept);
        let mut begun: BTreeMap<MappingId, BTreeSet<RecordId>> = BTreeMap::new();
        for key in ending::keys(&self.kept, Table::Operation).await? {
            if !rails.known.insert(key.clone()) {
                continue;
            }
            let op = state.operation(&OpId::new(key)).await;
            let Some(op) = op.map_err(|e| failed(&e))?.filter(|op| removes(&op.value)) else {
                continue;
            };
            let of = begun.entry(op.value.mapping).or_default();
            of.insert(op.value.record);
        }
        rails.judge(&begun)?;
        let mut approved = false;
        for report in tick.into_iter().flat_map(|tick| &tick.mappings) {
            let Some(stop) = &report.guard else {
                // An approval is for one run; one that could not look has not used it up.
                if report.errors.is_empty() {
                    rails.approved.remove(&report.mapping);
                }
                continue;
            };
            self.seam.note(&format!("the guard: {stop}"));
            if rails.shown.insert(stop.clone()) && !at_once {
                continue;
            }
            let engine = self.stage.engine().await.map_err(|e| failed(&e))?;
            match engine.approve(asked(stop)).await {
                Ok(()) => {
                    self.seam.count("what the guard stopped was approved");
                    rails.approved.insert(report.mapping.clone());
                    approved = true;
                }
                // The weather of the run is not over.
                Err(error) if error.kind() == ErrorKind::Store && !at_once => {
                    self.seam.note(&format!("it is not approved: {error}"));
                }
                Err(error) => return Err(Failure::new("P17", error.to_string())),
            }
        }
        self.rails = Some(rails);
        Ok(approved)
    }

    /// P25: a run that only shows what it would do writes nothing, on neither side nor in the store.
    pub(super) async fn rehearse(&mut self) -> Checked {
        self.seam.begin(None);
        self.seam.note("a dry run");
        // A process that begins may write.
        self.stage.engine().await.map_err(|e| failed(&e))?;
        let marks = self.stage.marks();
        let before = self.everything().await?;
        let engine = self.stage.engine().await.map_err(|e| failed(&e))?;
        if let Err(error) = engine.plan(false).await {
            self.seam.note(&format!("it shows nothing: {error}"));
        }
        self.seam.count("dry run");
        let calls = self.stage.calls(marks);
        if calls.notion_writes + calls.github_writes > 0 {
            let asked = self.stage.asked(marks).join(", ");
            return Err(Failure::new("P25", format!("a dry run writes: {asked}")));
        }
        match self.everything().await? == before {
            true => Ok(()),
            false => Err(Failure::new("P25", "a dry run changes the store")),
        }
    }

    /// What a dry run must leave as it is: pairs, work, and how far was looked.
    async fn everything(&self) -> Result<Vec<(Table, String, Vec<u8>)>, Failure> {
        let mut held = standing::held(&self.kept).await?;
        for table in [Table::Mapping, Table::Inbox] {
            let items = ending::items(&self.kept, table).await?;
            held.extend(items.into_iter().map(|item| (table, item)));
        }
        let bodies = held.into_iter();
        Ok(bodies
            .map(|(table, item)| (table, item.key, item.body))
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_that_removes_too_much_is_named() {
        let mapping = MappingId::new("backlog");
        let removed: BTreeSet<RecordId> = ["r1", "r2"].map(RecordId::new).into();
        let begun = BTreeMap::from([(mapping.clone(), removed)]);
        assert!(Rails::new(2).judge(&begun).is_ok());
        let mut rails = Rails::new(1);
        assert_eq!(rails.judge(&begun).unwrap_err().property, "P17");
        rails.approved.insert(mapping);
        assert!(rails.judge(&begun).is_ok());
    }
}
