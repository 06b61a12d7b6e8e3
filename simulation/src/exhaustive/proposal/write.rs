//! What becomes of a planned operation, and what its outcome changes in the record.

use super::state::{
    Content, Kind, Known, Life, Operation, Phase, Pull, Stand, State, What, join, within,
};
use super::{Proposals, Rule, property};

type Next = Result<State, &'static str>;

/// What the service made of a request.
enum Answer {
    Done,
    /// The precondition failed.
    Refused,
}

impl Proposals {
    /// T5: a target without conditions is read once more, and the intent stored.
    pub(super) fn intent(&self, state: &State, first: Operation) -> State {
        let mut after = *state;
        let page = &state.sides[0];
        let changed = page.gone || page.value != first.expected;
        if changed && (first.what == What::Write(0) || self.refuses_removal(&first)) {
            self.void(&mut after, first);
            return after;
        }
        after.operations[0] = Some(Operation {
            phase: Phase::Ready,
            window: false,
            ..first
        });
        after
    }

    fn refuses_removal(&self, first: &Operation) -> bool {
        first.what == What::Remove && !self.lacks(Rule::RemovalExpects)
    }

    pub(super) fn send(&self, state: &State, first: Operation) -> Next {
        let mut after = *state;
        match self.commit(&mut after, &first)? {
            Answer::Done => self.done(&mut after, first)?,
            Answer::Refused => self.void(&mut after, first),
        }
        Ok(after)
    }

    pub(super) fn unanswered(&self, state: &State, first: Operation) -> Next {
        let mut after = *state;
        after.faults -= 1;
        let landed = matches!(self.commit(&mut after, &first)?, Answer::Done);
        after.operations[0] = Some(Operation {
            phase: Phase::Unknown,
            landed,
            ..first
        });
        Ok(after)
    }

    /// 6.3, with proof of the commit either way.
    pub(super) fn resolve(&self, state: &State, first: Operation) -> Next {
        let mut after = *state;
        if first.landed {
            self.done(&mut after, first)?;
        } else {
            after.operations[0] = Some(Operation {
                phase: Phase::Planned,
                ..first
            });
        }
        Ok(after)
    }

    /// The service gets a request.
    fn commit(&self, state: &mut State, first: &Operation) -> Result<Answer, &'static str> {
        match first.what {
            What::Write(side) => {
                let now = state.sides[side];
                if side == 1 && (now.gone || now.value != first.expected) {
                    return Ok(Answer::Refused);
                }
                self.replace(state, side, first)?;
            }
            What::Remove => {
                let now = state.sides[0];
                let known = now.value == first.expected && first.agreed || first.window;
                if !now.gone && !known && !within(now.made, first.made) {
                    return Err(property::LOST);
                }
                state.sides[0].gone = true;
            }
            What::Restore(0) => state.sides[0].gone = false,
            What::Restore(side) => {
                if !state.sides[side].gone {
                    return Ok(Answer::Refused);
                }
                state.sides[side] = Content {
                    value: first.value,
                    made: join(state.sides[side].made, first.made),
                    gone: false,
                    decided: false,
                };
            }
            What::Withdraw => match &mut state.pull {
                Some(pull) if pull.stand == Stand::Merged => {
                    // Merged by people in the same moment counts as any edit of the file.
                    state.sides[1].decided = false;
                    state.missed = true;
                    return Ok(Answer::Refused);
                }
                Some(pull) => {
                    // Closed by people in the same moment counts as withdrawn.
                    match pull.kind {
                        Kind::Edit => state.closed &= !(1 << pull.proposed),
                        Kind::Conflict => state.undecided = None,
                        Kind::Delete => {}
                    }
                    pull.stand = Stand::Closed;
                }
                None => {}
            },
            What::Propose(kind) => return self.propose(state, kind, first),
        }
        Ok(Answer::Done)
    }

    fn replace(
        &self,
        state: &mut State,
        side: usize,
        first: &Operation,
    ) -> Result<(), &'static str> {
        let now = state.sides[side];
        let made = join(now.made, first.made);
        if now.value != first.value || now.gone {
            let newer = made == now.made && now.made != first.made;
            let as_expected = now.value == first.expected;
            let same = first.audited.is_some_and(|audited| audited == now.made);
            let agreed = first.agreed && !newer && !now.decided;
            let known = as_expected && (agreed || first.audited.is_some() && (!newer || same));
            let window = side == 0 && first.window;
            if !within(now.made, first.made) && !known && !window {
                return Err(if newer {
                    property::STALE
                } else {
                    property::LOST
                });
            }
        }
        state.sides[side].value = first.value;
        state.sides[side].made = made;
        state.sides[side].decided = false;
        Ok(())
    }

    /// A branch of its own and its pull request, or one more commit on the branch.
    fn propose(
        &self,
        state: &mut State,
        kind: Kind,
        first: &Operation,
    ) -> Result<Answer, &'static str> {
        let file = state.sides[1];
        let branch = Content {
            value: first.value,
            made: first.made,
            gone: kind == Kind::Delete,
            decided: false,
        };
        match &mut state.pull {
            Some(pull) if first.refresh => {
                if pull.stand != Stand::Open {
                    return Ok(Answer::Refused);
                }
                if !pull.ours {
                    if !self.lacks(Rule::OthersCommits) {
                        return Ok(Answer::Refused);
                    }
                    if pull.branch.value != first.value {
                        return Err(property::REWRITTEN);
                    }
                }
                pull.branch = branch;
                pull.proposed = first.value;
                pull.shown = first.published;
            }
            before => {
                if before.is_some_and(|pull| pull.stand == Stand::Open) {
                    return Err(property::TWICE);
                }
                if branch.gone == file.gone && (file.gone || file.value == branch.value) {
                    return Ok(Answer::Refused);
                }
                *before = Some(Pull {
                    kind,
                    stand: Stand::Open,
                    branch,
                    onto: file.value,
                    ours: true,
                    proposed: first.value,
                    shown: first.published,
                });
            }
        }
        match kind {
            Kind::Edit if state.closed >> first.value & 1 == 1 => Err(property::REOPENED),
            Kind::Conflict if !first.refresh && state.undecided == first.published => {
                Err(property::REOPENED)
            }
            Kind::Conflict => {
                state.undecided = None;
                Ok(Answer::Done)
            }
            _ => Ok(Answer::Done),
        }
    }

    /// T6: the outcome is stored.
    fn done(&self, after: &mut State, first: Operation) -> Result<(), &'static str> {
        after.next();
        match first.what {
            What::Write(_) => {
                after.agree(first.value);
                if first.settles {
                    after.conflict = None;
                }
            }
            What::Remove => {
                after.life = Life::Deleting;
                after.removed = true;
                return Ok(());
            }
            What::Restore(side) => {
                after.life = Life::Live;
                if side == 1 {
                    after.base = first.value;
                }
            }
            What::Withdraw => {}
            What::Propose(kind) => {
                if let Some(proposal) = &mut after.proposal
                    && proposal.kind == kind
                {
                    proposal.value = first.value;
                    proposal.published = first.published;
                    proposal.settles = Some(first.value);
                    if proposal.known == Known::Planned {
                        proposal.known = Known::Open;
                    }
                }
                if kind == Kind::Edit && self.lacks(Rule::BaseWhenMerged) {
                    after.base = first.value;
                }
                if kind == Kind::Delete && self.lacks(Rule::BuriedWhenSeen) {
                    after.life = Life::Tombstone;
                    if after.sides.iter().any(|side| !side.gone) {
                        return Err(property::BURIED);
                    }
                }
            }
        }
        if after.life == Life::Live {
            after.removed = false;
        }
        Ok(())
    }

    /// The operation is given up; a proposal that was never opened is planned again.
    fn void(&self, after: &mut State, first: Operation) {
        after.next();
        if matches!(first.what, What::Propose(_))
            && (after.proposal).is_some_and(|known| known.known == Known::Planned)
        {
            after.proposal = None;
        }
    }
}
