//! Carries out plans on the halves of a pair, as the engine would: expected values are checked,
//! base moves with outcomes only.

use std::collections::BTreeMap;

use notion_sync_core::id::Side;
use notion_sync_core::reconcile::{AgreedNow, Plan, Step, unit_hash, write_hash};
use notion_sync_core::record::{Base, Conflict, Life, Proposal, ProposalState, UnitId};
use notion_sync_core::remote::ProposalKind;
use notion_sync_core::snapshot::{Presence, Proof, Revision};

use super::world::{Pair, at};

/// What was seen on the way.
#[derive(Debug, Clone, Default)]
pub(super) struct Trail {
    /// Texts of audited losers.
    pub(super) losers: Vec<String>,
    /// How many units were written, by side.
    pub(super) writes: usize,
}

impl Pair {
    /// Remembers a decision, as the engine does before it sends anything.
    pub(super) fn remember(&mut self, plan: &Plan, trail: &mut Trail) {
        for loser in &plan.losers {
            self.record.retire(loser.side, loser.hash);
            trail.losers.push(loser.text.clone());
        }
        for unit in &plan.closes {
            self.record.conflicts.remove(unit);
        }
        for park in &plan.parks {
            let conflict = Conflict {
                notion: park.notion.0,
                github: park.github.0,
                base: park.base,
                notion_text: park.notion.1.clone(),
                github_text: park.github.1.clone(),
                policy: self.mapping.policy,
                since: at(0),
            };
            self.record.conflicts.insert(park.unit.clone(), conflict);
        }
        if let Some(life) = plan.life {
            self.record.life = life;
        }
        self.agree(&plan.agreed);
    }

    fn agree(&mut self, agreed: &AgreedNow) {
        if *agreed == AgreedNow::default() {
            return;
        }
        let base = self.record.base.get_or_insert_with(Base::default);
        for (id, value) in &agreed.fields {
            base.fields.insert(id.clone(), value.clone());
        }
        if let Some(body) = &agreed.body {
            self.body = Some(body.clone());
        }
        self.record.base_epoch += 1;
    }

    /// Carries out one step. Answers false where what was expected is not there any more: then the
    /// rest of the plan is void.
    pub(super) fn carry_out(&mut self, plan: &Plan, step: &Step, trail: &mut Trail) -> bool {
        self.now += 10;
        let now = self.now;
        match step {
            Step::Write(write) => {
                let half = self.half(write.side);
                let stale = half.presence != Presence::Present
                    || write.fields.iter().any(|(id, change)| {
                        half.fields.get(id).cloned().unwrap_or_default() != change.expected
                    })
                    || write
                        .body
                        .as_ref()
                        .is_some_and(|(expected, _)| !half.body.canon_eq(expected));
                if stale {
                    return false;
                }
                let mut retired = Vec::new();
                for (id, change) in &write.fields {
                    half.fields.insert(id.clone(), change.desired.clone());
                    retired.push(unit_hash(&UnitId::Field(id.clone()), &change.expected));
                    trail.writes += 1;
                }
                if let Some((expected, desired)) = &write.body {
                    half.body = desired.clone();
                    retired.push(expected.hash());
                    trail.writes += 1;
                }
                half.minute = now;
                for hash in retired {
                    self.record.retire(write.side, hash);
                }
                self.agree(&write.settles);
                let revision = Revision {
                    at: at(now),
                    grain_seconds: 60,
                    token: now.to_string(),
                };
                if let Some(base) = &mut self.record.base {
                    base.advance(write.side, &revision);
                }
            }
            Step::Remove(side) => {
                self.record.life = Life::Deleting;
                let half = self.half(*side);
                half.presence = Presence::Gone(Proof::Deleted);
                half.minute = now;
                trail.writes += 1;
            }
            Step::Restore(side) => {
                self.record.life = Life::Live;
                let half = self.half(*side);
                half.presence = Presence::Present;
                half.minute = now;
                trail.writes += 1;
            }
            Step::Propose(kind, write) => {
                let published: BTreeMap<_, _> = self
                    .record
                    .conflicts
                    .iter()
                    .map(|(unit, conflict)| (unit.clone(), (conflict.notion, conflict.github)))
                    .collect();
                let value = match (write, kind) {
                    (Some(write), _) => write_hash(write),
                    (None, ProposalKind::Conflict) => {
                        notion_sync_core::hash::ContentHash::of("t", &format!("{published:?}"))
                    }
                    (None, _) => notion_sync_core::hash::ContentHash::of("t", "delete"),
                };
                self.record.proposal = Some(Proposal {
                    kind: *kind,
                    branch: "b".to_owned(),
                    pull: None,
                    url: None,
                    head: None,
                    published,
                    path: None,
                    state: ProposalState::Open,
                    value,
                    refreshed_at: at(now),
                });
            }
            Step::Withdraw(_) => self.record.proposal = None,
            Step::Create(_) | Step::Adopt | Step::Unmark(_) => {
                panic!("a live pair asks for {step:?} in {plan:#?}")
            }
        }
        true
    }

    /// One round: decide, remember, carry out. Answers the plan.
    pub(super) fn round(&mut self, trail: &mut Trail) -> Plan {
        let plan = self.plan();
        self.remember(&plan, trail);
        for step in &plan.steps {
            if !self.carry_out(&plan, step, trail) {
                break;
            }
        }
        plan
    }

    /// Rounds until nothing is to be done. Answers how many of them wrote something, or the last
    /// plan where there is no end.
    pub(super) fn rest(&mut self, trail: &mut Trail) -> Result<usize, Box<Plan>> {
        let mut rounds = 0;
        for _ in 0..12 {
            let writes = trail.writes;
            let plan = self.round(trail);
            if plan.is_empty() {
                return Ok(rounds);
            }
            rounds += usize::from(trail.writes > writes);
        }
        Err(Box::new(self.plan()))
    }

    /// The value of a field on one side.
    pub(super) fn value(&self, side: Side, id: &str) -> notion_sync_core::value::Value {
        let half = match side {
            Side::Notion => &self.notion,
            Side::Github => &self.github,
        };
        half.fields.get(&id.into()).cloned().unwrap_or_default()
    }
}
