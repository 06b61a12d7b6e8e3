//! The state of the model of proposals.

use super::Proposals;
use crate::exhaustive::unit::Policy;

/// A side, or the branch of a pull request: what it holds, with ghost state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Content {
    pub(crate) value: u8,
    /// Ghost: the last act of people on the first side (two bits) and on the second (two bits) that
    /// this stems from.
    pub(crate) made: u8,
    /// It was deleted; the value is what it held.
    pub(crate) gone: bool,
    /// Ghost: it came from a merged conflict, so that somebody decided for it.
    pub(crate) decided: bool,
}

/// What is proposed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    Edit,
    Delete,
    Conflict,
}

/// How a pull request stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Stand {
    Open,
    Merged,
    Closed,
}

/// The latest pull request as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Pull {
    pub(crate) kind: Kind,
    pub(crate) stand: Stand,
    pub(crate) branch: Content,
    /// What the file said where the branch began.
    pub(crate) onto: u8,
    /// Every commit on it is the engine's.
    pub(crate) ours: bool,
    /// The value that the engine proposed last.
    pub(crate) proposed: u8,
    /// Both versions that people see in it.
    pub(crate) shown: Option<[u8; 2]>,
}

/// How a proposal stands in the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Known {
    Planned,
    Open,
    Merged,
    Refused,
}

/// The proposal of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Proposal {
    pub(crate) kind: Kind,
    pub(crate) known: Known,
    pub(crate) value: u8,
    /// Both versions that a conflict's pull request shows, once it is known to show them.
    pub(crate) published: Option<[u8; 2]>,
    /// The value that is agreed if it is merged: that of the last operation that is done.
    pub(crate) settles: Option<u8>,
}

/// An open conflict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Conflict {
    pub(crate) values: [u8; 2],
    pub(crate) base: bool,
}

/// Where a record is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Life {
    Live,
    Deleting,
    Tombstone,
}

/// What an operation does. Sides are 0 (Notion) and 1 (GitHub).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum What {
    Write(usize),
    Propose(Kind),
    Withdraw,
    /// Moves the page to the trash.
    Remove,
    Restore(usize),
}

/// How far an operation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Phase {
    Planned,
    /// The target was read once more and the intent is stored.
    Ready,
    /// It was sent, and nobody knows what came of it.
    Unknown,
}

/// A planned write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Operation {
    pub(crate) what: What,
    pub(crate) value: u8,
    pub(crate) expected: u8,
    /// Both versions that it publishes.
    pub(crate) published: Option<[u8; 2]>,
    /// It adds to the branch of a pull request that is known to be open.
    pub(crate) refresh: bool,
    /// It carries over what people decided about the conflict.
    pub(crate) settles: bool,
    pub(crate) phase: Phase,
    /// It took effect; a look at the target proves it.
    pub(crate) landed: bool,
    /// Ghost: what the value stems from.
    pub(crate) made: u8,
    /// Ghost: what a value recorded as loser stems from.
    pub(crate) audited: Option<u8>,
    /// Ghost: the expected value was base, or was shown to whoever decided.
    pub(crate) agreed: bool,
    /// Ghost: somebody edited the target after the verify read of a write without a condition.
    pub(crate) window: bool,
}

/// What a look found so far; a stop loses it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Memory {
    /// Files were listed.
    Listed(Content),
    /// The pull request was asked about too; the file is read again where it has ended.
    Asked(Option<Content>, Option<Stand>),
}

/// All that matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct State {
    pub(crate) sides: [Content; 2],
    pub(crate) pull: Option<Pull>,
    pub(crate) policy: Policy,
    pub(crate) base: u8,
    pub(crate) life: Life,
    pub(crate) removed: bool,
    pub(crate) conflict: Option<Conflict>,
    pub(crate) proposal: Option<Proposal>,
    /// Values refused, as the engine remembers them.
    pub(crate) refused: u8,
    pub(crate) operations: [Option<Operation>; 3],
    pub(crate) memory: Option<Memory>,
    /// Ghost: values that people refused.
    pub(crate) closed: u8,
    /// Ghost: the versions of the conflict that people would not decide.
    pub(crate) undecided: Option<[u8; 2]>,
    /// Ghost: a pull request was merged in the moment in which it was withdrawn.
    pub(crate) missed: bool,
    pub(crate) edits: [u8; 2],
    pub(crate) acts: u8,
    pub(crate) lives: u8,
    pub(crate) faults: u8,
    pub(crate) changes: u8,
}

/// Whether the second stems from everything that the first stems from.
pub(crate) fn within(made: u8, other: u8) -> bool {
    made & 3 <= other & 3 && made >> 2 <= other >> 2
}

/// What stems from both.
pub(crate) fn join(made: u8, other: u8) -> u8 {
    (made & 3).max(other & 3) | (made >> 2).max(other >> 2) << 2
}

impl State {
    pub(crate) fn start(model: &Proposals) -> Self {
        let content = Content {
            value: 0,
            made: 0,
            gone: false,
            decided: false,
        };
        State {
            sides: [content; 2],
            pull: None,
            policy: model.policy,
            base: 0,
            life: Life::Live,
            removed: false,
            conflict: None,
            proposal: None,
            refused: 0,
            operations: [None; 3],
            memory: None,
            closed: 0,
            undecided: None,
            missed: false,
            edits: [0; 2],
            acts: model.acts,
            lives: model.lives,
            faults: model.faults,
            changes: model.changes,
        }
    }

    /// Ghost: whether a merge was not heard because the pull request is being withdrawn.
    pub(crate) fn misses(&self) -> bool {
        let withdraws =
            (self.operations.iter().flatten()).any(|operation| operation.what == What::Withdraw);
        let merged = (self.pull).is_some_and(|pull| pull.stand == Stand::Merged);
        self.missed || withdraws && merged
    }

    /// The pull request that is open.
    pub(crate) fn open(&self) -> Option<&Pull> {
        (self.pull.as_ref()).filter(|pull| pull.stand == Stand::Open)
    }

    /// Whether the record's proposal of a kind is under way.
    pub(crate) fn proposes(&self, kind: Kind) -> bool {
        self.proposal.is_some_and(|proposal| {
            proposal.kind == kind && matches!(proposal.known, Known::Planned | Known::Open)
        })
    }

    /// Both sides agree on a value, so nothing of it waits to be carried over any more.
    pub(crate) fn agree(&mut self, value: u8) {
        self.base = value;
        for side in self.sides.iter_mut().filter(|side| side.value == value) {
            side.decided = false;
        }
    }

    /// The first operation is over.
    pub(crate) fn next(&mut self) {
        self.operations = [self.operations[1], self.operations[2], None];
    }
}
