//! What becomes of a planned write: intent, send, commit, outcome, and what is done when the
//! outcome is unknown.

use super::state::{
    Base, Late, Memory, NONE, Operation, Park, Seen, State, Write, foreign, join, within,
};
use super::{Action, Rule, Unit, property};
use crate::exhaustive::search::Step;

type Next = Result<State, &'static str>;

impl Unit {
    /// T5: the target is read once more, and the intent stored.
    pub(super) fn intent(&self, state: &State) -> Next {
        let mut after = *state;
        let Some(operation) = &mut after.operation else {
            return Ok(after);
        };
        let target = operation.target as usize;
        let now = self.fresh(state, operation.target);
        let checked = !self.lacks(Rule::ExpectedValue) && !self.lacks(Rule::CheckBeforeWrite);
        if checked && self.hash(target, now.value) != self.hash(target, operation.expected) {
            after.seen[target] = now;
            self.void(&mut after);
            return Ok(after);
        }
        operation.verified = now.revision;
        operation.window = false;
        operation.sending = !self.lacks(Rule::IntentFirst);
        after.memory = Some(Memory::Ready);
        if self.lacks(Rule::BaseWithOutcome) {
            let desired = Base {
                value: operation.desired,
                revision: operation.verified,
            };
            let bases = self.pair(operation, desired);
            self.move_base(&mut after, bases)?;
        }
        Ok(after)
    }

    pub(super) fn send_steps(&self, state: &State, into: &mut Vec<Step<Action, State>>) {
        let Some(operation) = &state.operation else {
            return;
        };
        into.push((Action::Send, self.send(state, operation)));
        let late = Late {
            operation: *operation,
            own: operation.sending,
            held: false,
        };
        let mut silent = *state;
        silent.memory = None;
        if state.faults > 0 {
            let mut after = silent;
            after.faults -= 1;
            into.push((Action::SendLost, Ok(after)));
            let unanswered = self.commit(&mut after, operation, operation.sending);
            into.push((Action::SendUnanswered, unanswered.map(|_| after)));
            after = silent;
            after.faults -= 1;
            if after.delay(late) {
                into.push((Action::SendLate, Ok(after)));
            }
        }
        if state.stops > 0 {
            let mut after = silent;
            after.stops -= 1;
            into.push((Action::Stop, Ok(after)));
            if after.delay(Late { held: true, ..late }) {
                into.push((Action::Pause, Ok(after)));
            }
        }
    }

    pub(super) fn send(&self, state: &State, operation: &Operation) -> Next {
        let mut after = *state;
        let target = operation.target as usize;
        after.memory = Some(if self.commit(&mut after, operation, true)? {
            let now = &after.sides[target];
            Memory::Answer {
                value: now.value,
                revision: now.revision,
                made: now.made,
            }
        } else {
            Memory::Refused
        });
        Ok(after)
    }

    /// The server gets a write; true when it is applied.
    pub(super) fn commit(
        &self,
        state: &mut State,
        operation: &Operation,
        own: bool,
    ) -> Result<bool, &'static str> {
        let target = operation.target as usize;
        let now = state.sides[target];
        let as_expected = self.hash(target, now.value) == self.hash(target, operation.expected);
        let accepted = match self.writes[target] {
            Write::Set => true,
            Write::Weak => as_expected,
            Write::Strong => now.revision == operation.verified,
        };
        if !accepted && !self.lacks(Rule::ExpectedValue) {
            return Ok(false);
        }
        let normal = self.normalising && target == 0 && operation.desired == 1;
        let stored = if normal { 4 } else { operation.desired };
        let made = join(now.made, operation.made);
        if now.value == stored {
            state.sides[target].made = made;
        } else {
            let newer = made == now.made && now.made != operation.made;
            // Identity is by value: the expected value is agreed or recorded, and whoever set it
            // without knowledge of what is written now has made no edit. Nor has one who left a
            // recorded value and came back to it, having learnt nothing new in between.
            let same = foreign(target, now.made) == foreign(target, operation.audited);
            let agreed = operation.from_base && !newer;
            let known = as_expected && (agreed || operation.loser && (!newer || same));
            // The stated limit: nothing closes the time between the verify read of a Set and
            // its commit, as long as the operation is not resolved.
            let window = self.writes[target] == Write::Set && operation.window && own;
            if !within(now.made, operation.made) && !known && !window {
                return Err(if newer {
                    property::STALE
                } else {
                    property::LOST
                });
            }
            self.put(state, target, stored, made);
        }
        if own {
            state.sides[target].mark = Some(state.sides[target].revision);
        }
        Ok(true)
    }

    /// What the answer in memory moves base to.
    pub(super) fn answered(&self, state: &State) -> Option<[Base; 2]> {
        let operation = state.operation.as_ref()?;
        let Some(Memory::Answer {
            value, revision, ..
        }) = state.memory
        else {
            return None;
        };
        Some(self.pair(operation, Base { value, revision }))
    }

    fn pair(&self, operation: &Operation, written: Base) -> [Base; 2] {
        if operation.target == 0 {
            [written, operation.source]
        } else {
            [operation.source, written]
        }
    }

    /// T6: the outcome is stored and base moves.
    pub(super) fn outcome(&self, state: &State) -> Next {
        let mut after = *state;
        let Some(operation) = state.operation else {
            return Ok(after);
        };
        let target = operation.target as usize;
        let now = self.fresh(state, operation.target);
        match state.memory {
            Some(Memory::Answer {
                value,
                revision,
                made,
            }) => {
                let mut written = Base { value, revision };
                if self.lacks(Rule::BaseFromAnswer) {
                    written = Base {
                        value: now.value,
                        revision: now.revision,
                    };
                }
                if self.lacks(Rule::CheckBeforeWrite)
                    && self.hash(target, now.value) != operation.desired
                {
                    self.void(&mut after);
                    return Ok(after);
                }
                if revision >= state.seen[target].revision {
                    let settled = !(self.bucket && target == 0);
                    after.seen[target] = Seen {
                        value,
                        made,
                        revision,
                        settled,
                    };
                }
                self.done(after, &operation, written)
            }
            _ => match state.sides[target].mark {
                Some(revision) if self.writes[target] == Write::Strong => {
                    after.seen[target] = now;
                    self.done(
                        after,
                        &operation,
                        Base {
                            value: operation.desired,
                            revision,
                        },
                    )
                }
                _ => {
                    self.void(&mut after);
                    Ok(after)
                }
            },
        }
    }

    /// 6.3: what is done about a write whose outcome is unknown, given a read of its target.
    /// None while nothing may be done.
    pub(super) fn resolve(&self, state: &State, read: Seen) -> Option<Next> {
        let operation = state.operation.as_ref()?;
        let target = operation.target as usize;
        let mut after = *state;
        let hash = self.hash(target, read.value);
        let desired = hash == operation.desired;
        let expected = hash == self.hash(target, operation.expected);
        let again = |mut after: State| {
            if let Some(operation) = &mut after.operation {
                operation.window = false;
            }
            after.memory = Some(Memory::Ready);
            Some(Ok(after))
        };
        let mark = state.sides[target].mark;
        let kind = self.writes[target];
        if kind == Write::Strong {
            return match mark {
                Some(revision) => {
                    after.seen[target] = read;
                    let written = Base {
                        value: operation.desired,
                        revision,
                    };
                    Some(self.done(after, operation, written))
                }
                None if read.revision == operation.verified => again(after),
                None if expected => {
                    if let Some(operation) = &mut after.operation {
                        operation.verified = read.revision;
                    }
                    again(after)
                }
                None => {
                    self.void(&mut after);
                    Some(Ok(after))
                }
            };
        }
        if self.lacks(Rule::ReadBeforeResend)
            || kind == Write::Weak && self.lacks(Rule::WeakConditionWaits)
        {
            return again(after);
        }
        for late in state.late.iter().flatten() {
            let allowed = if late.held {
                self.lacks(Rule::SendGate)
            } else {
                self.lacks(Rule::WaitOutLateCommit)
            };
            let acknowledged = self.lacks(Rule::NoEarlyAck) && desired;
            if !(allowed || acknowledged) {
                return None;
            }
        }
        if read.revision >= state.seen[target].revision || self.lacks(Rule::FreshResolution) {
            after.seen[target] = read;
        }
        let moved = read.revision != operation.verified;
        let proven = self.evidence && mark.is_some() && !self.lacks(Rule::Evidence);
        if desired || proven {
            let mut written = Base {
                value: operation.desired,
                revision: operation.verified,
            };
            if desired {
                written = Base {
                    value: read.value,
                    revision: read.revision,
                };
            } else if !(self.bucket && target == 0) {
                written.revision += 1;
            }
            if self.lacks(Rule::BaseFromAnswer) {
                written = Base {
                    value: read.value,
                    revision: read.revision,
                };
            }
            return Some(self.done(after, operation, written));
        }
        if expected && (!moved || self.lacks(Rule::NoResendOnMovedRevision)) {
            return again(after);
        }
        let known_lost = self.evidence && !self.lacks(Rule::Evidence);
        if known_lost || !expected && self.lacks(Rule::UnknownStaysUnknown) {
            self.void(&mut after);
            return Some(Ok(after));
        }
        Some(Ok(self.unknown(after, operation, read)))
    }

    /// The target has moved, the wanted value does not stand there, and there is no proof of the
    /// write either way: whoever set the value may have seen it. Parked with an empty base, or under
    /// a wins policy written with the other value recorded as loser.
    fn unknown(&self, mut after: State, operation: &Operation, read: Seen) -> State {
        let target = operation.target as usize;
        self.end(&mut after);
        after.seen[target] = read;
        let values = [after.seen[0].value, after.seen[1].value];
        after.park = Some(Park {
            values,
            empty: true,
        });
        if let Some(winner) = self.policy.winner()
            && self.lacks(Rule::UnknownUntilAgreed)
        {
            after.park = None;
            if let Some(Ok(planned)) = self.start(&after, 1 - winner, true) {
                return planned;
            }
        }
        after
    }

    fn done(&self, mut after: State, operation: &Operation, written: Base) -> Next {
        self.end(&mut after);
        let bases = self.pair(operation, written);
        if self.lacks(Rule::BaseEpochInId) {
            after.ended |= self.short_id(operation);
        } else {
            after.ended = 0;
        }
        if !self.lacks(Rule::BaseWithOutcome) {
            self.move_base(&mut after, bases)?;
        }
        Ok(after)
    }

    fn void(&self, state: &mut State) {
        if let Some(operation) = state.operation
            && self.lacks(Rule::GenerationInId)
        {
            state.ended |= self.short_id(&operation);
        }
        self.end(state);
    }

    /// The operation is resolved, whatever the outcome.
    fn end(&self, state: &mut State) {
        state.operation = None;
        state.memory = None;
        for side in &mut state.sides {
            side.mark = None;
        }
        for late in state.late.iter_mut().flatten() {
            late.own = false;
        }
    }

    pub(super) fn move_base(
        &self,
        state: &mut State,
        bases: [Base; 2],
    ) -> Result<(), &'static str> {
        if self.lacks(Rule::BasePerSide) {
            // One value for both: the one that was sent.
            let one = bases.map(|base| Base {
                value: bases[0].value,
                ..base
            });
            state.base = one;
            state.park = None;
            return Ok(());
        }
        if self.project(bases[0].value) != bases[1].value {
            return Err(property::BASE);
        }
        for (side, base) in bases.iter().enumerate() {
            if base.revision < state.base[side].revision {
                return Err(property::BASE_BACK);
            }
            let now = &state.sides[side];
            let mut oldest = now.revision;
            let mut held = self.hash(side, now.value) == self.hash(side, base.value);
            for old in now.history.iter().filter(|old| **old != NONE) {
                oldest = old.revision;
                held |= old.revision >= base.revision
                    && self.hash(side, old.value) == self.hash(side, base.value);
            }
            // Older versions than the model keeps cannot be judged.
            let known_back = if self.bucket && side == 0 {
                oldest < base.revision
            } else {
                oldest <= base.revision
            };
            if !held && known_back {
                return Err(property::BASE_NEVER);
            }
        }
        state.base = bases;
        state.park = None;
        Ok(())
    }
}
