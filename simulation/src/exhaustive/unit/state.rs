//! The state of the one-unit model.

use std::hash::{Hash, Hasher};

use super::Unit;

/// How conflicts are settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Policy {
    Manual,
    NotionWins,
    GithubWins,
}

impl Policy {
    /// The side whose value stands.
    pub(crate) fn winner(self) -> Option<usize> {
        match self {
            Policy::Manual => None,
            Policy::NotionWins => Some(0),
            Policy::GithubWins => Some(1),
        }
    }
}

/// Kind of write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Write {
    /// Unconditional; the engine reads the target just before.
    Set,
    /// Refused unless the target still holds this content.
    Weak,
    /// Refused unless the target is still at this revision.
    Strong,
}

/// A version that a side held: value, ghost vector, revision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Version {
    pub(crate) value: u8,
    pub(crate) made: u8,
    pub(crate) revision: u8,
}

/// No version.
pub(crate) const NONE: Version = Version {
    value: u8::MAX,
    made: 0,
    revision: 0,
};

/// One side as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Side {
    pub(crate) value: u8,
    /// Ghost: last human edit on the first side (two bits) and on the second (two bits) that this
    /// content stems from.
    pub(crate) made: u8,
    pub(crate) revision: u8,
    /// Another edit now would not move the revision, and a read cannot know that it saw the last.
    pub(crate) open: bool,
    /// Versions before this one, newest first.
    pub(crate) history: [Version; 2],
    /// The revision at which the pending operation wrote here, if it did.
    pub(crate) mark: Option<u8>,
    pub(crate) edits: u8,
    /// Ghost.
    pub(crate) last_human: u8,
}

/// What the engine last saw of a side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) value: u8,
    /// Ghost.
    pub(crate) made: u8,
    pub(crate) revision: u8,
    pub(crate) settled: bool,
}

/// What both sides agreed on, of one side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Base {
    pub(crate) value: u8,
    pub(crate) revision: u8,
}

/// A write, planned or out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Operation {
    pub(crate) target: u8,
    pub(crate) desired: u8,
    pub(crate) expected: u8,
    pub(crate) source: Base,
    /// Revision of the target at the verify read.
    pub(crate) verified: u8,
    /// The expected value is an audited loser.
    pub(crate) loser: bool,
    /// The intent is stored.
    pub(crate) sending: bool,
    /// Ghost: vector of the value written.
    pub(crate) made: u8,
    /// Ghost: vector of the value recorded as loser.
    pub(crate) audited: u8,
    /// Ghost: the expected value was base when the write was planned.
    pub(crate) from_base: bool,
    /// Ghost: a human edited the target after the verify read of a Set, which is the window that
    /// is stated and not closed.
    pub(crate) window: bool,
}

/// What the worker holds in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Memory {
    /// The intent is stored, the write not sent.
    Ready,
    /// The answer: value and revision as stored, and its ghost vector.
    Answer { value: u8, revision: u8, made: u8 },
    /// The precondition failed.
    Refused,
}

/// A request that is not applied yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Late {
    pub(crate) operation: Operation,
    /// Its operation is still unresolved.
    pub(crate) own: bool,
    /// It is held by a paused worker, not by the network.
    pub(crate) held: bool,
}

/// An open conflict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Park {
    pub(crate) values: [u8; 2],
    /// Its base is unknown.
    pub(crate) empty: bool,
}

/// All that matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct State {
    pub(crate) sides: [Side; 2],
    pub(crate) seen: [Seen; 2],
    pub(crate) base: [Base; 2],
    pub(crate) operation: Option<Operation>,
    pub(crate) memory: Option<Memory>,
    /// The first place is taken before the second.
    pub(crate) late: [Option<Late>; 2],
    pub(crate) park: Option<Park>,
    /// An outcome held by a paused worker.
    pub(crate) outcome: Option<[Base; 2]>,
    pub(crate) stops: u8,
    pub(crate) old_reads: u8,
    pub(crate) faults: u8,
    /// Ids of ended operations, only where an id is too short.
    pub(crate) ended: u32,
}

/// Mixes the parts that tell most states apart, in few words; equality compares all of them.
impl Hash for State {
    fn hash<H: Hasher>(&self, into: &mut H) {
        for side in 0..2 {
            let (now, seen, base) = (&self.sides[side], &self.seen[side], &self.base[side]);
            into.write_u64(u64::from_le_bytes([
                now.value | now.edits << 4,
                now.made | u8::from(now.open) << 7 | u8::from(now.mark.is_some()) << 6,
                now.revision | now.last_human << 5,
                seen.value | base.value << 4,
                seen.revision,
                base.revision,
                seen.made | u8::from(seen.settled) << 7,
                now.history[0].value ^ now.history[1].value << 4 ^ now.history[0].made,
            ]));
        }
        into.write_u64(u64::from_le_bytes([
            self.stops,
            self.old_reads,
            self.faults,
            u8::from(self.operation.is_some()),
            self.late.iter().flatten().count() as u8,
            u8::from(self.outcome.is_some()),
            0,
            0,
        ]));
        into.write_u32(self.ended);
        if let Some(operation) = &self.operation {
            operation.hash(into);
        }
        self.memory.hash(into);
        for late in self.late.iter().flatten() {
            late.hash(into);
        }
        self.park.hash(into);
    }
}

/// Whether the second content stems from everything that the first stems from.
pub(crate) fn within(made: u8, other: u8) -> bool {
    made & 3 <= other & 3 && made >> 2 <= other >> 2
}

/// The last human edit on the other side that a content on `side` stems from.
pub(crate) fn foreign(side: usize, made: u8) -> u8 {
    if side == 0 { made >> 2 } else { made & 3 }
}

/// What stems from both.
pub(crate) fn join(made: u8, other: u8) -> u8 {
    (made & 3).max(other & 3) | (made >> 2).max(other >> 2) << 2
}

impl State {
    pub(crate) fn start(model: &Unit) -> Self {
        let side = Side {
            value: 0,
            made: 0,
            revision: 0,
            open: false,
            history: [NONE; 2],
            mark: None,
            edits: 0,
            last_human: 0,
        };
        let seen = Seen {
            value: 0,
            made: 0,
            revision: 0,
            settled: true,
        };
        State {
            sides: [side; 2],
            seen: [seen; 2],
            base: [Base {
                value: 0,
                revision: 0,
            }; 2],
            operation: None,
            memory: None,
            late: [None; 2],
            park: None,
            outcome: None,
            stops: model.stops,
            old_reads: model.old_reads,
            faults: model.faults,
            ended: 0,
        }
    }

    /// Ghost: notes a human edit at the target of a write that is out.
    pub(crate) fn changed_while_out(&mut self, at: usize) {
        if let Some(operation) = &mut self.operation
            && self.memory == Some(Memory::Ready)
            && operation.target as usize == at
        {
            operation.window = true;
        }
        for late in self.late.iter_mut().flatten() {
            if late.operation.target as usize == at {
                late.operation.window = true;
            }
        }
    }

    /// Keeps a request that is not applied yet, if there is room for one more.
    pub(crate) fn delay(&mut self, late: Late) -> bool {
        match self.late.iter_mut().find(|place| place.is_none()) {
            Some(place) => {
                *place = Some(late);
                true
            }
            None => false,
        }
    }
}

impl Unit {
    /// The form in which a side's value is compared.
    pub(crate) fn hash(&self, side: usize, value: u8) -> u8 {
        if side == 0 && value == 4 && !self.lacks(super::Rule::CanonicalForm) {
            1
        } else {
            value
        }
    }

    /// What a value of the first side is on the second. Two values are one there.
    pub(crate) fn project(&self, value: u8) -> u8 {
        match self.hash(0, value) {
            3 => 2,
            other => other,
        }
    }

    /// A new version of a side.
    pub(crate) fn put(&self, state: &mut State, at: usize, value: u8, made: u8) {
        let side = &mut state.sides[at];
        let before = Version {
            value: side.value,
            made: side.made,
            revision: side.revision,
        };
        side.history = [before, side.history[0]];
        side.value = value;
        side.made = made;
        let bucket = self.bucket && at == 0;
        if !(bucket && side.open) {
            side.revision += 1;
        }
        side.open = bucket;
    }
}
