//! From what was seen to what is planned.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::engine::observe::bind::Bound;
use crate::engine::observe::sentinel;
use crate::engine::observe::survey::{Prepared, Survey};
use crate::engine::observe::text;
use crate::engine::plan::rules::hold_creation;
use crate::engine::{Binding, Engine};
use crate::error::Result;
use crate::hash::ContentHash;
use crate::id::{MappingId, OpId, RecordId, Side};
use crate::operation::{OpState, Operation};
use crate::reconcile::table::Row;
use crate::reconcile::{Case, Decision, Plan, Step, reconcile};
use crate::record::{Base, Life, ProposalState, UnitId};
use crate::remote::{Action, ProposalKind};
use crate::state::Stored;

/// What a run would do for one mapping.
#[derive(Debug)]
pub struct RunPlan {
    /// The mapping.
    pub mapping: MappingId,
    /// Records with something to do or to remember.
    pub records: Vec<PlannedRecord>,
    /// Hash over all operations: an approval names it.
    pub hash: ContentHash,
    /// How many objects would be removed.
    pub removals: usize,
    /// How many existing objects would be written.
    pub edits: usize,
    /// How many objects would be made, those that are only proposed included.
    pub creations: usize,
    /// How many pairs would be given up because an object left the mapping's place.
    pub detached: usize,
    /// How many pull requests would be merged by rules.
    pub merges: usize,
    /// Until when a service asked to wait, and why: some records are missing here, because they could
    /// not be looked at now.
    pub waits: Option<(DateTime<Utc>, String)>,
    /// Why absence proves nothing, by side: what must be readable there is not.
    pub doubts: BTreeMap<Side, String>,
    /// A side that should hold something and listed nothing.
    pub(crate) emptied: Option<Side>,
}

/// What a run would do for one record.
#[derive(Debug)]
pub struct PlannedRecord {
    /// The decision.
    pub plan: Plan,
    /// The writes, in order.
    pub operations: Vec<Operation>,
    /// The page's title, for people.
    pub title: String,
    /// What rules and comments did, for the audit.
    pub(crate) told: Vec<crate::audit::AuditRow>,
    /// What a person has to know besides.
    pub(crate) notices: Vec<String>,
    /// The decision with what it looked at, where that is kept.
    pub(crate) decision: Option<Box<Decision>>,
    pub(crate) prepared: Prepared,
    pub(crate) open: Vec<Stored<Operation>>,
}

impl Engine {
    /// Decides about every record of a survey. Pure but for reading operations that exist already.
    pub(crate) async fn decide(
        &self,
        binding: &Binding,
        bound: &Bound,
        survey: Survey,
    ) -> Result<RunPlan> {
        let id = &binding.mapping.id;
        let mut open: BTreeMap<RecordId, Vec<Stored<Operation>>> = BTreeMap::new();
        for op in self.state().open_operations(id).await? {
            open.entry(op.value.record.clone()).or_default().push(op);
        }
        let mut taken = bound.paths.clone();
        for seen in &survey.prepared {
            if let Some(place) = seen.github.as_ref().and_then(|view| view.place.clone()) {
                taken.hold(place);
            }
        }
        for op in open.values().flatten() {
            taken.write(&op.value);
        }
        let units = bound.units();
        let mapping_state = self.state().mapping(id).await?.value;
        let doubts = sentinel::sides(&survey.doubts);
        let mut records = Vec::new();
        for mut prepared in survey.prepared {
            // Many take long, and nothing is asked for meanwhile.
            self.worker.keep().await?;
            let record_id = prepared.state.record.id.clone();
            let open = open.remove(&record_id).unwrap_or_default();
            let now = self.now();
            if let Some(state) = prepared.proposal
                && !is_refreshed(&prepared, &open, now)
            {
                self.take_proposal(&mut prepared, state).await?;
            }
            for known in prepared.state.record.refusals.values_mut() {
                known.ask_again_at(now);
            }
            let unresolved = open.iter().any(|op| op.value.is_unsettled(now));
            let (plan, decision) = {
                let case = Case {
                    mapping: &binding.mapping,
                    record: &prepared.state.record,
                    body_base: prepared.state.body.as_ref(),
                    notion: prepared.notion.as_ref(),
                    github: prepared.github.as_ref(),
                    fields: &units,
                    identity: prepared.identity,
                    unresolved,
                    doubts,
                };
                let plan = reconcile(&case);
                let kept = self.decisions > 0 && !plan.is_empty();
                let decision = kept.then(|| Box::new(Decision::record(&case, now)));
                (plan, decision)
            };
            let title = title(&prepared);
            let mut plan = plan;
            hold_creation(binding, bound, &prepared, &mut plan);
            let (plan, mut operations) = self
                .operations(binding, bound, &prepared, plan, &mut taken, &open)
                .await?;
            let followed = self
                .follow_rules(binding, bound, &mapping_state, &mut prepared, &plan, &open)
                .await?;
            operations.extend(followed.operations);
            let said = self
                .follow_comments(binding, &mapping_state, &mut prepared, &open)
                .await?;
            operations.extend(said.operations);
            let mut told = followed.audit;
            told.extend(said.audit);
            records.push(PlannedRecord {
                plan,
                operations,
                told,
                notices: said.notices,
                decision,
                title,
                prepared,
                open,
            });
        }
        let ids: Vec<&OpId> = records
            .iter()
            .flat_map(|r| r.operations.iter().map(|op| &op.id))
            .collect();
        // A pair that is given up needs no write, and is part of what is approved all the same.
        let detached: Vec<&RecordId> = (records.iter())
            .filter(|record| record.plan.life == Some(Life::Detached))
            .map(|record| &record.prepared.state.record.id)
            .collect();
        let hash = match detached.as_slice() {
            [] => ContentHash::of("nsync/plan/v1", &(id, ids)),
            _ => ContentHash::of("nsync/plan/v1", &(id, ids, &detached)),
        };
        let detached = detached.len();
        let creations = records
            .iter()
            .filter(|record| creates(&record.plan) && record.is_news())
            .count();
        let removals = records
            .iter()
            .filter(|record| removes(&record.plan) && record.is_news())
            .count();
        // Those that only wait for a minute to end belong to the same deletion: nobody shall see it in parts.
        let removals = match removals {
            0 => 0,
            now => now + (records.iter().filter(|record| will_remove(&record.plan))).count(),
        };
        let edits = records
            .iter()
            .filter(|record| {
                record
                    .plan
                    .steps
                    .iter()
                    .any(|step| matches!(step, Step::Write(_)))
                    && record.is_news()
            })
            .count();
        let merges = records
            .iter()
            .filter(|record| record.is_news())
            .flat_map(|record| &record.operations)
            .filter(|op| merges(op))
            .count();
        Ok(RunPlan {
            mapping: id.clone(),
            records,
            hash,
            removals,
            edits,
            creations,
            detached,
            merges,
            waits: survey.waits,
            doubts: survey.doubts,
            emptied: survey.emptied,
        })
    }

    async fn take_proposal(&self, prepared: &mut Prepared, state: ProposalState) -> Result<()> {
        let record = &mut prepared.state.record;
        let Some(proposal) = &mut record.proposal else {
            return Ok(());
        };
        if proposal.state == state {
            return Ok(());
        }
        proposal.state = state;
        prepared.news = true;
        if state == ProposalState::Merged && proposal.kind == ProposalKind::Edit {
            // What was published is agreed now (row 53): later edits of the page are edits again.
            let branch = proposal.branch.clone();
            let publishes = |op: &Operation| {
                op.state == OpState::Done
                    && matches!(&op.write.action, Action::Propose(p) if p.branch == branch)
            };
            let last = self.state().operations_of(&record.id).await?;
            if let Some(op) = last.into_iter().rfind(publishes) {
                let base = record.base.get_or_insert_with(Base::default);
                base.fields.extend(op.settlement.fields);
                record.base_epoch += 1;
                if let Some(body) = op.settlement.body {
                    prepared.state.body = Some(body);
                }
            }
            return Ok(());
        }
        if state == ProposalState::Refused {
            let value = proposal.value;
            if !record.refused.contains(&value) {
                record.refused.push(value);
            }
        }
        Ok(())
    }
}

impl PlannedRecord {
    /// Whether it plans anything that is not on its way already.
    fn is_news(&self) -> bool {
        self.operations
            .iter()
            .any(|op| !self.open.iter().any(|known| known.value.id == op.id))
    }
}

/// Whether nobody knows yet what the record's proposal says: a write of it has an unknown outcome. How
/// it ended is taken once that is found out, or another value would be remembered as refused.
fn is_refreshed(prepared: &Prepared, open: &[Stored<Operation>], now: DateTime<Utc>) -> bool {
    let known = prepared.state.record.proposal.as_ref();
    open.iter().any(|op| {
        op.value.is_unsettled(now)
            && matches!(&op.value.write.action, Action::Propose(propose)
                if known.is_some_and(|known| known.branch == propose.branch))
    })
}

fn merges(op: &Operation) -> bool {
    matches!(&op.write.action, Action::Effect(effect)
        if matches!(effect.request.effect, crate::effect::Effect::Merge(_)))
}

fn creates(plan: &Plan) -> bool {
    plan.steps.iter().any(|step| {
        matches!(
            step,
            Step::Create(_) | Step::Propose(ProposalKind::Create, _)
        )
    })
}

fn removes(plan: &Plan) -> bool {
    plan.steps.iter().any(|step| {
        matches!(
            step,
            Step::Remove(_) | Step::Propose(ProposalKind::Delete, _)
        )
    })
}

/// Whether nothing but a page that is not settled keeps its removal from being carried out.
fn will_remove(plan: &Plan) -> bool {
    let waits = |row: Row| row == Row(19) || row == Row(60);
    (plan.holds.iter()).any(|hold| hold.unit == UnitId::Record && waits(hold.row))
}

pub(in crate::engine) fn title(prepared: &Prepared) -> String {
    prepared
        .notion
        .as_ref()
        .map(text::title_of)
        .filter(|title| !title.is_empty())
        .or_else(|| prepared.github.as_ref().map(text::title_of))
        .filter(|title| !title.is_empty())
        .unwrap_or_else(|| prepared.state.record.title.clone())
}

/// A stable, printable form of a plan.
#[derive(Debug, Serialize)]
pub struct Shown<'a> {
    /// The mapping.
    pub mapping: &'a MappingId,
    /// Its hash.
    pub hash: ContentHash,
    /// One entry for each operation.
    pub operations: Vec<ShownOperation<'a>>,
    /// Units that wait, with the reason.
    pub holds: Vec<(String, String)>,
}

/// One planned operation.
#[derive(Debug, Serialize)]
pub struct ShownOperation<'a> {
    /// Its id.
    pub op: &'a OpId,
    /// The page's title.
    pub title: &'a str,
    /// The side.
    pub side: Side,
    /// What is done.
    pub summary: &'a str,
    /// Rows of the decision table.
    pub rows: &'a [u8],
}

impl RunPlan {
    /// The plan for people and programs.
    #[must_use]
    pub fn shown(&self) -> Shown<'_> {
        Shown {
            mapping: &self.mapping,
            hash: self.hash,
            operations: self
                .records
                .iter()
                .flat_map(|record| {
                    record.operations.iter().map(|op| ShownOperation {
                        op: &op.id,
                        title: &record.title,
                        side: op.side,
                        summary: &op.label,
                        rows: &op.rows,
                    })
                })
                .collect(),
            holds: self
                .records
                .iter()
                .flat_map(|record| {
                    record.plan.holds.iter().map(|hold| {
                        (
                            format!("{}: {}", record.title, hold.unit),
                            hold.reason.clone(),
                        )
                    })
                })
                .collect(),
        }
    }
}
