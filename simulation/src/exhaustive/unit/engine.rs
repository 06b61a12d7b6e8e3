//! The engine of the one-unit model: what it may do next, what it reads and what it plans.

use super::state::{Base, Memory, NONE, Operation, Park, Seen, State, join, within};
use super::{Action, Rule, Unit, property};
use crate::exhaustive::search::Step;

type Next = Result<State, &'static str>;

impl Unit {
    pub(super) fn engine_steps(&self, state: &State, into: &mut Vec<Step<Action, State>>) {
        self.server_steps(state, into);
        match (state.memory, &state.operation) {
            (Some(Memory::Ready), Some(_)) => self.send_steps(state, into),
            (Some(memory), _) => {
                into.push((Action::Outcome, self.outcome(state)));
                if state.stops > 0 && matches!(memory, Memory::Answer { .. }) {
                    let mut after = *state;
                    after.stops -= 1;
                    after.memory = None;
                    into.push((Action::Stop, Ok(after)));
                    if self.lacks(Rule::Fence)
                        && after.outcome.is_none()
                        && let Some(bases) = self.answered(state)
                    {
                        after.outcome = Some(bases);
                        into.push((Action::Pause, Ok(after)));
                    }
                }
            }
            (None, Some(operation)) if operation.sending => {
                if let Some(after) = self.resolve(state, self.fresh(state, operation.target)) {
                    into.push((Action::Resolve, after));
                }
                if self.lacks(Rule::FreshResolution) && state.old_reads > 0 {
                    self.resolve_by_old_read(state, operation.target, into);
                }
            }
            (None, Some(_)) => into.push((Action::Intent, self.intent(state))),
            (None, None) => {
                for side in 0..2 {
                    if let Some(after) = self.read(state, side) {
                        into.push((Action::Read(side), Ok(after)));
                    }
                    self.old_reads(state, side, into);
                }
                if let Some(after) = self.plan(state) {
                    into.push((Action::Plan, after));
                }
            }
        }
    }

    /// The step that the engine takes next when nothing goes wrong.
    pub(super) fn advance(&self, state: &State) -> Next {
        match (state.memory, &state.operation) {
            (Some(Memory::Ready), Some(operation)) => self.send(state, operation),
            (Some(_), _) => self.outcome(state),
            (None, Some(operation)) if operation.sending => self
                .resolve(state, self.fresh(state, operation.target))
                .unwrap_or(Err(property::ENDLESS)),
            (None, _) => self.intent(state),
        }
    }

    fn server_steps(&self, state: &State, into: &mut Vec<Step<Action, State>>) {
        for place in 0..state.late.iter().flatten().count() {
            into.push((Action::LateCommit(place), self.late_commit(state, place)));
            into.push((Action::LateLost(place), Ok(self.late_lost(state, place))));
        }
        if let Some(bases) = state.outcome {
            let mut after = *state;
            after.outcome = None;
            let moved = self.move_base(&mut after, bases);
            into.push((Action::StaleOutcome, moved.map(|()| after)));
        }
    }

    pub(super) fn late_commit(&self, state: &State, place: usize) -> Next {
        let mut after = self.late_lost(state, place);
        if let Some(late) = &state.late[place] {
            self.commit(&mut after, &late.operation, late.own)?;
        }
        Ok(after)
    }

    pub(super) fn late_lost(&self, state: &State, place: usize) -> State {
        let mut after = *state;
        after.late[place] = None;
        if place == 0 {
            after.late.swap(0, 1);
        }
        after
    }

    pub(super) fn fresh(&self, state: &State, side: u8) -> Seen {
        let now = &state.sides[side as usize];
        Seen {
            value: now.value,
            made: now.made,
            revision: now.revision,
            settled: !now.open,
        }
    }

    /// A read of the side as it is, unless there is no reason to look.
    pub(super) fn read(&self, state: &State, side: usize) -> Option<State> {
        let seen = &state.seen[side];
        let known = state.sides[side].revision == seen.revision;
        if known && (seen.settled || self.lacks(Rule::UnsettledReadAgain)) {
            return None;
        }
        let mut after = *state;
        after.seen[side] = self.fresh(state, side as u8);
        (after != *state).then_some(after)
    }

    /// An earlier version as a lagging replica would show it. A read counts as settled only after
    /// the bucket and the lag are over, so such a read shows the last version of its bucket.
    fn old_version(&self, state: &State, side: usize, back: usize) -> Option<Seen> {
        let now = &state.sides[side];
        let old = now.history[back];
        if old == NONE {
            return None;
        }
        let mut settled = true;
        if self.bucket && side == 0 {
            let next = if back == 0 {
                now.revision
            } else {
                now.history[back - 1].revision
            };
            let current = old.revision == now.revision;
            if next == old.revision && !(current && now.open) {
                return None;
            }
            settled = !current;
        }
        Some(Seen {
            value: old.value,
            made: old.made,
            revision: old.revision,
            settled,
        })
    }

    fn old_reads(&self, state: &State, side: usize, into: &mut Vec<Step<Action, State>>) {
        if state.old_reads == 0 {
            return;
        }
        for back in 0..state.sides[side].history.len() {
            let Some(old) = self.old_version(state, side, back) else {
                continue;
            };
            let guarded = !self.lacks(Rule::RevisionGuard);
            let before_seen = old.revision < state.seen[side].revision;
            if guarded
                && (old.revision < state.base[side].revision
                    || before_seen && !self.lacks(Rule::LastSeenGuard))
            {
                continue;
            }
            let mut after = *state;
            after.old_reads -= 1;
            after.seen[side] = old;
            into.push((Action::ReadOld(side, back as u8), Ok(after)));
        }
    }

    fn resolve_by_old_read(&self, state: &State, target: u8, into: &mut Vec<Step<Action, State>>) {
        for back in 0..2 {
            if let Some(old) = self.old_version(state, target as usize, back) {
                let mut from = *state;
                from.old_reads -= 1;
                if let Some(after) = self.resolve(&from, old) {
                    into.push((Action::ReadOld(target as usize, back as u8), after));
                }
            }
        }
    }

    /// What the engine makes of base and the last snapshots; none when nothing is to be done.
    pub(super) fn plan(&self, state: &State) -> Option<Next> {
        let [notion, github] = state.seen;
        let mut after = *state;
        let base = self.hash(0, state.base[0].value);
        let base_github = if self.lacks(Rule::BasePerSide) {
            base
        } else {
            state.base[1].value
        };
        let edited = [
            self.hash(0, notion.value) != base,
            github.value != base_github,
        ];
        let blur = self.bucket && !notion.settled && notion.revision == state.base[0].revision;
        if blur && edited[0] && !self.lacks(Rule::BlurWaits) {
            return None;
        }
        let equal = self.project(notion.value) == github.value;
        let seen = [
            Base {
                value: notion.value,
                revision: notion.revision,
            },
            Base {
                value: github.value,
                revision: github.revision,
            },
        ];
        if let Some(park) = &state.park {
            if equal {
                after.park = None;
                return Some(self.move_base(&mut after, seen).map(|()| after));
            }
            if park.empty
                && let Some(winner) = self.policy.winner()
            {
                return self.start(state, 1 - winner, true);
            }
            if (!park.empty || self.lacks(Rule::EmptyBaseStays)) && edited != [true, true] {
                after.park = None;
                return Some(Ok(after));
            }
            after.park = Some(Park {
                values: [notion.value, github.value],
                ..*park
            });
            return (after != *state).then_some(Ok(after));
        }
        if equal
            && edited != [false, false]
            && !self.lacks(Rule::EqualityAgrees)
            && !self.lacks(Rule::BasePerSide)
        {
            return Some(self.move_base(&mut after, seen).map(|()| after));
        }
        match (edited, self.policy.winner()) {
            ([false, false], _) => {
                for (base, seen) in after.base.iter_mut().zip(&state.seen) {
                    base.revision = base.revision.max(seen.revision);
                }
                (after != *state).then_some(Ok(after))
            }
            ([true, false], _) => self.start(state, 1, false),
            ([false, true], _) => self.start(state, 0, false),
            ([true, true], Some(winner)) => {
                let loser = 1 - winner;
                self.start(state, loser, !self.lacks(Rule::LoserAudited))
            }
            ([true, true], None) => {
                let known = within(notion.made, github.made) || within(github.made, notion.made);
                if equal && !self.lacks(Rule::BasePerSide) || self.evidence && known {
                    return Some(Err(property::FALSE_CONFLICT));
                }
                after.park = Some(Park {
                    values: [notion.value, github.value],
                    empty: false,
                });
                Some(Ok(after))
            }
        }
    }

    /// Plans a write of what is seen on one side to the other.
    pub(super) fn start(&self, state: &State, target: usize, loser: bool) -> Option<Next> {
        let (to, from) = (&state.seen[target], &state.seen[1 - target]);
        let desired = if target == 1 {
            self.project(from.value)
        } else {
            from.value
        };
        let made = if loser {
            join(from.made, to.made)
        } else {
            from.made
        };
        let operation = Operation {
            target: target as u8,
            desired,
            expected: to.value,
            source: Base {
                value: from.value,
                revision: from.revision,
            },
            verified: to.revision,
            loser,
            sending: false,
            made,
            audited: if loser { to.made } else { 0 },
            from_base: self.hash(target, to.value) == self.hash(target, state.base[target].value),
            window: false,
        };
        if state.ended & self.short_id(&operation) != 0 {
            return None;
        }
        let mut after = *state;
        after.operation = Some(operation);
        Some(Ok(after))
    }

    /// The place of an operation among those whose id leaves out what tells repetitions apart.
    pub(super) fn short_id(&self, operation: &Operation) -> u32 {
        let expected = self.hash(operation.target as usize, operation.expected);
        1 << (u32::from(operation.target) << 4
            | u32::from(expected & 3) << 2
            | u32::from(operation.desired & 3))
    }
}
