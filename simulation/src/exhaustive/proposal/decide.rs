//! What the engine makes of a look: the rows of the decision table that concern a document with
//! one unit, and what they leave in the record.

use super::state::{
    Conflict, Content, Kind, Known, Life, Operation, Phase, Proposal, Stand, State, What, within,
};
use super::{Proposals, Rule, property};
use crate::exhaustive::unit::Policy;

type Next = Result<State, &'static str>;

/// A side against base.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Same,
    Edited,
    Gone,
}

/// The operations that a look asks for, first one first.
#[derive(Clone, Copy, Default)]
struct Wanted([Option<Operation>; 2]);

impl Wanted {
    fn add(&mut self, operation: Operation) {
        if let Some(place) = self.0.iter_mut().find(|place| place.is_none()) {
            *place = Some(operation);
        }
    }

    fn any(&self, what: impl Fn(What) -> bool) -> bool {
        self.0
            .iter()
            .flatten()
            .any(|operation| what(operation.what))
    }
}

impl Operation {
    fn new(what: What, value: u8, made: u8) -> Self {
        Self {
            what,
            value,
            expected: 0,
            published: None,
            refresh: false,
            settles: false,
            phase: Phase::Planned,
            landed: false,
            made,
            audited: None,
            agreed: false,
            window: false,
        }
    }

    /// Whether both are the same operation, so that planning it again changes nothing.
    fn is(&self, other: &Self) -> bool {
        let content = |one: &Self| {
            (
                one.what,
                one.value,
                one.expected,
                one.published,
                one.refresh,
            )
        };
        content(self) == content(other)
    }
}

impl Proposals {
    pub(super) fn decide(&self, from: &State, seen: [Content; 2], ended: Option<Stand>) -> Next {
        let mut after = *from;
        let unresolved =
            (from.operations.iter().flatten()).any(|operation| operation.phase == Phase::Unknown);
        if let Some(stand) = ended
            && (!unresolved || self.lacks(Rule::EndAfterOutcome))
        {
            self.take_end(&mut after, stand);
        }
        if unresolved && !self.lacks(Rule::UnknownHolds) {
            return Ok(after);
        }
        let mut wanted = Wanted::default();
        let state = |content: Content| match content {
            Content { gone: true, .. } => Side::Gone,
            Content { value, .. } if value == after.base => Side::Same,
            _ => Side::Edited,
        };
        let states = seen.map(state);
        match after.life {
            Life::Tombstone => self.back(&mut after, seen, &mut wanted),
            Life::Deleting => self.deleting(&mut after, seen, states, &mut wanted),
            Life::Live => match states {
                [Side::Gone, Side::Gone] => {
                    after.life = Life::Tombstone;
                    if !self.lacks(Rule::BuriedWithdraws) {
                        self.withdraw(&mut after, &mut wanted);
                    }
                }
                // A conflict is open: the whole record waits for a person.
                [Side::Gone, _] | [_, Side::Gone] if after.conflict.is_some() => {}
                [Side::Gone, Side::Same] => self.remove(&mut after, 1, seen, &mut wanted),
                [Side::Same, Side::Gone] => self.remove(&mut after, 0, seen, &mut wanted),
                [Side::Gone, _] | [_, Side::Gone] if self.lacks(Rule::EditAgainstDeletion) => {
                    let side = usize::from(states[0] == Side::Gone);
                    self.remove(&mut after, side, seen, &mut wanted);
                }
                [Side::Gone, _] | [_, Side::Gone] if after.policy == Policy::Manual => {}
                [Side::Gone, _] => restore(0, seen, &mut wanted),
                [_, Side::Gone] => restore(1, seen, &mut wanted),
                _ => self.unit(&mut after, seen, states, &mut wanted)?,
            },
        }
        if after.life == Life::Live {
            after.removed = false;
        }
        self.enqueue(&mut after, &mut wanted);
        Ok(after)
    }

    /// The pull request has ended.
    fn take_end(&self, after: &mut State, stand: Stand) {
        let Some(proposal) = &mut after.proposal else {
            return;
        };
        match stand {
            Stand::Open => {}
            Stand::Merged => {
                proposal.known = Known::Merged;
                if proposal.kind == Kind::Edit
                    && let Some(value) = proposal.settles
                {
                    after.base = value;
                }
            }
            Stand::Closed => {
                proposal.known = Known::Refused;
                if proposal.kind == Kind::Edit && !self.lacks(Rule::RefusalRemembered) {
                    after.refused |= 1 << proposal.value;
                }
            }
        }
    }

    /// Row 26: what was buried is there again.
    fn back(&self, after: &mut State, seen: [Content; 2], wanted: &mut Wanted) {
        match seen.map(|content| content.gone) {
            [false, false] => after.life = Life::Live,
            [false, true] => restore(1, seen, wanted),
            [true, false] => restore(0, seen, wanted),
            [true, true] => {}
        }
    }

    fn remove(&self, after: &mut State, side: usize, seen: [Content; 2], wanted: &mut Wanted) {
        after.life = Life::Deleting;
        after.removed = false;
        let content = seen[side];
        let mut operation = Operation::new(What::Remove, 0, seen[1 - side].made);
        if side == 1 {
            if !after.proposes(Kind::Delete) && !self.lacks(Rule::DeletionWithdraws) {
                self.withdraw(after, wanted);
            }
            operation.what = What::Propose(Kind::Delete);
        } else {
            operation.expected = content.value;
            operation.agreed = content.value == after.base;
        }
        wanted.add(operation);
    }

    /// Row 55.
    fn deleting(
        &self,
        after: &mut State,
        seen: [Content; 2],
        states: [Side; 2],
        wanted: &mut Wanted,
    ) {
        let proposed = (after.proposal)
            .filter(|proposal| proposal.kind == Kind::Delete)
            .map(|proposal| proposal.known);
        let side = match states {
            [Side::Gone, Side::Gone] => {
                after.life = Life::Tombstone;
                if !self.lacks(Rule::BuriedWithdraws) {
                    self.withdraw(after, wanted);
                }
                return;
            }
            [Side::Gone, _] => 1,
            [_, Side::Gone] => 0,
            _ => {
                if after.proposes(Kind::Delete) && !self.lacks(Rule::ReturnWithdraws) {
                    self.withdraw(after, wanted);
                }
                after.life = Life::Live;
                return;
            }
        };
        if after.removed && side == 1 && proposed.is_none() {
            return restore(0, seen, wanted);
        }
        if side == 1 {
            match proposed {
                Some(Known::Refused) => {
                    if !self.lacks(Rule::RefusalRestores) {
                        restore(0, seen, wanted);
                    }
                    return;
                }
                Some(Known::Planned | Known::Open) if states[1] == Side::Edited => {
                    self.withdraw(after, wanted);
                    restore(0, seen, wanted);
                    after.life = Life::Live;
                    return;
                }
                Some(_) => return,
                None => {}
            }
        }
        match (after.removed && side == 0, states[side]) {
            (true, _) => restore(1 - side, seen, wanted),
            (false, Side::Edited) => after.life = Life::Live,
            (false, _) => self.remove(after, side, seen, wanted),
        }
    }

    /// A unit that is there on both sides.
    fn unit(
        &self,
        after: &mut State,
        seen: [Content; 2],
        states: [Side; 2],
        wanted: &mut Wanted,
    ) -> Result<(), &'static str> {
        let values = seen.map(|content| content.value);
        let equal = values[0] == values[1];
        let mut parks = false;
        let mut write = None;
        // Ghost: whoever merged saw what the page holds.
        let mut shown_to_people = false;
        if let Some(conflict) = after.conflict
            && (after.policy == Policy::Manual || !self.lacks(Rule::ParkedFirst))
        {
            let decided = (after.proposal)
                .filter(|known| known.kind == Kind::Conflict && known.known == Known::Merged)
                .and_then(|known| known.published);
            let shown = if self.lacks(Rule::Published) {
                decided.map(|_| values)
            } else {
                decided
            };
            let back = states.contains(&Side::Same);
            let cancels =
                decided.is_none() && conflict.base || self.lacks(Rule::DecidedNeverCancels);
            if equal {
                after.conflict = None;
                after.agree(values[0]);
            } else if shown.is_some_and(|shown| shown[0] == values[0]) {
                // Row 17: the page still holds what was shown to whoever merged.
                if self.lacks(Rule::BaseBeforeResolution) {
                    after.conflict = None;
                    after.base = values[1];
                } else if self.lacks(Rule::ClosedWithOutcome) {
                    after.conflict = None;
                }
                let seen = after.pull.and_then(|pull| pull.shown);
                shown_to_people = seen.is_some_and(|seen| seen[0] == values[0]);
                write = Some((usize::from(self.lacks(Rule::BaseBeforeResolution)), true));
            } else if back && cancels {
                after.conflict = None;
                write = Some((usize::from(states[1] == Side::Same), false));
            } else if conflict.values != values {
                parks = true;
                after.conflict = Some(Conflict {
                    values,
                    base: cancels,
                });
            }
        } else if equal {
            after.agree(values[0]);
        } else {
            match states {
                [Side::Edited, Side::Same] => write = Some((1, false)),
                [Side::Same, Side::Edited] => write = Some((0, false)),
                _ => match after.policy.winner() {
                    Some(winner) => write = Some((1 - winner, false)),
                    None => {
                        let [page, file] = seen;
                        let known = within(page.made, file.made) || within(file.made, page.made);
                        if known && !after.misses() {
                            return Err(property::FALSE_CONFLICT);
                        }
                        parks = true;
                        after.conflict = Some(Conflict { values, base: true });
                    }
                },
            }
        }
        let write = write.map(|(target, shown): (usize, bool)| {
            let (from, to) = (seen[1 - target], seen[target]);
            let both = states == [Side::Edited, Side::Edited] && !shown;
            Operation {
                expected: to.value,
                agreed: shown_to_people || to.value == after.base,
                settles: shown,
                audited: both.then_some(to.made),
                ..Operation::new(What::Write(target), from.value, from.made)
            }
        });
        if after.conflict.is_none() || parks {
            after.undecided = None;
        }
        if after.conflict.is_some() && write.is_some_and(|write| !write.settles) {
            return Err(property::SILENT);
        }
        self.by_proposal(after, write, wanted);
        self.propose_conflict(after, parks, seen, wanted);
        Ok(())
    }

    /// Row 53.
    fn by_proposal(&self, after: &mut State, write: Option<Operation>, wanted: &mut Wanted) {
        let to_file = write.filter(|write| self.deliver && write.what == What::Write(1));
        let Some(mut write) = to_file else {
            if let Some(write) = write {
                wanted.add(write);
            }
            if self.deliver && after.proposes(Kind::Edit) {
                self.withdraw(after, wanted);
            }
            return;
        };
        let known = (after.proposal).is_some_and(|known| known.value == write.value);
        let proposed = known && after.proposes(Kind::Edit);
        let refused = after.refused >> write.value & 1 == 1;
        if !(refused || proposed) {
            write.what = What::Propose(Kind::Edit);
            // The branch decides what it is applied to.
            write.expected = 0;
            wanted.add(write);
        }
    }

    /// Opens or refreshes the pull request of a conflict, closes it when everything is settled.
    fn propose_conflict(
        &self,
        after: &mut State,
        parks: bool,
        seen: [Content; 2],
        wanted: &mut Wanted,
    ) {
        let open = after.proposes(Kind::Conflict);
        let published = after.proposal.and_then(|known| known.published);
        let values = after.conflict.map(|conflict| conflict.values);
        let behind = open && values.is_some() && published != values;
        if parks || behind {
            wanted.add(Operation {
                published: values,
                ..Operation::new(What::Propose(Kind::Conflict), seen[0].value, seen[0].made)
            });
        } else if open && values.is_none() {
            self.withdraw(after, wanted);
        }
    }

    /// Closes the pull request of the record; one that was never opened is forgotten.
    fn withdraw(&self, after: &mut State, wanted: &mut Wanted) {
        match &mut after.proposal {
            Some(proposal) if proposal.known == Known::Open => {
                proposal.known = Known::Refused;
                if self.lacks(Rule::WithdrawnIsFree) {
                    after.refused |= 1 << proposal.value;
                }
                wanted.add(Operation::new(What::Withdraw, 0, 0));
            }
            Some(proposal) if proposal.known == Known::Planned => after.proposal = None,
            _ => {}
        }
    }

    /// Older operations that were not sent are replaced by what is wanted now, and what is proposed
    /// is noted in the record.
    fn enqueue(&self, after: &mut State, wanted: &mut Wanted) {
        for operation in wanted.0.iter_mut().flatten() {
            operation.refresh = matches!(operation.what, What::Propose(kind)
                if after.proposal.is_some_and(|known| known.kind == kind && known.known == Known::Open));
        }
        // One pull request is closed before another is opened.
        if wanted.0[1].is_some_and(|second| second.what == What::Withdraw) {
            wanted.0.reverse();
        }
        let old = after.operations;
        let replaced = wanted.any(|what| matches!(what, What::Propose(_) | What::Withdraw));
        let known = (after.proposal)
            .is_some_and(|known| matches!(known.known, Known::Planned | Known::Open));
        let asked =
            |operation: &Operation| (wanted.0.iter().flatten()).any(|one| one.is(operation));
        let kept = old.iter().flatten().filter(|operation| {
            let stands = match operation.what {
                What::Withdraw => true,
                What::Propose(_) => known && !replaced,
                _ => false,
            };
            stands || asked(operation) || operation.phase != Phase::Planned
        });
        let fresh = (wanted.0.iter().flatten())
            .filter(|one| !old.iter().flatten().any(|operation| operation.is(one)));
        let mut places = [None; 3];
        for (place, operation) in places.iter_mut().zip(kept.chain(fresh.clone())) {
            *place = Some(*operation);
        }
        after.operations = places;
        for operation in fresh {
            if let What::Propose(kind) = operation.what {
                self.note(after, kind, operation);
            }
        }
    }

    fn note(&self, after: &mut State, kind: Kind, operation: &Operation) {
        let before =
            (after.proposal).filter(|known| known.kind == kind && known.known == Known::Open);
        let mut noted = before.unwrap_or(Proposal {
            kind,
            known: Known::Planned,
            value: operation.value,
            published: None,
            settles: None,
        });
        if self.lacks(Rule::PublishedWithOutcome) {
            noted.published = operation.published;
        }
        after.proposal = Some(noted);
    }
}

fn restore(side: usize, seen: [Content; 2], wanted: &mut Wanted) {
    let from = seen[1 - side];
    wanted.add(Operation::new(What::Restore(side), from.value, from.made));
}
