//! The guard against mass changes: before any write of a run.

use crate::engine::plan::decide::RunPlan;
use crate::engine::{Binding, Engine};
use crate::error::Result;
use crate::record::Life;
use crate::state::MappingState;

impl Engine {
    /// Why a plan must not be carried out without an approval, if it must not.
    pub(in crate::engine) async fn guarded(
        &self,
        binding: &Binding,
        state: &MappingState,
        plan: &RunPlan,
        _full: bool,
    ) -> Result<Option<String>> {
        if let Some(why) = self.reconfiguration(binding, state, plan) {
            return Ok((state.approved != Some(plan.hash)).then_some(why));
        }
        let suspicious = plan.emptied.is_some()
            || plan.removals > self.guard.removals
            || plan.edits > self.guard.edits
            || plan.merges > self.guard.merges;
        if !suspicious || state.approved == Some(plan.hash) {
            return Ok(None);
        }
        let live = self
            .state()
            .records(&binding.mapping.id)
            .await?
            .iter()
            .filter(|record| matches!(record.life, Life::Live | Life::Deleting))
            .count();
        let allowed = |floor: usize, percent: usize| floor.max(live * percent / 100);
        let removals = allowed(self.guard.removals, self.guard.removal_percent);
        let edits = allowed(self.guard.edits, self.guard.edit_percent);
        let why = if let Some(side) = plan.emptied {
            format!("{side} lists nothing, but {live} pairs are known")
        } else if plan.removals > removals {
            format!(
                "{} removals, {removals} are allowed for {live} pairs",
                plan.removals
            )
        } else if plan.edits > edits {
            format!("{} edits, {edits} are allowed for {live} pairs", plan.edits)
        } else if plan.merges > self.guard.merges {
            format!(
                "{} merges, {} are allowed in one run",
                plan.merges, self.guard.merges
            )
        } else {
            return Ok(None);
        };
        Ok(Some(stopped(binding, plan, &why)))
    }

    /// Why the first run after a change of the configuration must not be carried out unseen: a
    /// narrower filter looks like people who deleted a lot, another form of text like people who
    /// edited everything. What removes nothing and writes little goes on.
    fn reconfiguration(
        &self,
        binding: &Binding,
        state: &MappingState,
        plan: &RunPlan,
    ) -> Option<String> {
        let parts = Self::reconfigured(binding, state);
        let written = plan.edits + plan.creations;
        let harmless = plan.removals == 0 && plan.detached == 0 && written <= self.guard.edits;
        if parts.is_empty() || harmless {
            return None;
        }
        let why = format!(
            "{} changed since the last run, and this one would remove {} objects, give up {} pairs and \
             write {written} objects",
            parts.join(", "),
            plan.removals,
            plan.detached
        );
        Some(stopped(binding, plan, &why))
    }
}

fn stopped(binding: &Binding, plan: &RunPlan, why: &str) -> String {
    format!(
        "mapping {}: {why}; look at `notion-sync plan`, then `notion-sync apply --approve {}`",
        binding.mapping.id,
        plan.hash.short(12)
    )
}
