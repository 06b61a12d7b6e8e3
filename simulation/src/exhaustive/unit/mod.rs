//! One unit on two sides: people edit both, the engine observes, plans, writes and may stop at
//! any step; reads may be old, writes late or lost, and one server stores a value in another form.
//!
//! What the engine knows is in `base`, `seen`, `operation` and `park`, all durable, and in
//! `memory`, which a stop loses. Everything named a ghost is invisible to it and serves the
//! properties: each content carries, per side, the number of the last human edit it stems from.

mod engine;
mod rule;
mod state;
mod write;

pub(crate) use rule::Rule;
pub(crate) use state::{Policy, Write};

use std::fmt;

use super::search::{Model, Step};
use state::{NONE, Side, State};

/// Bounds, kinds of write and the rules in force.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unit {
    /// How conflicts are settled.
    pub(crate) policy: Policy,
    /// Human edits per side.
    pub(crate) edits: [u8; 2],
    /// Stops of the worker.
    pub(crate) stops: u8,
    /// Reads that show an older version.
    pub(crate) old_reads: u8,
    /// Writes whose answer is lost, that are lost themselves, or that are applied late.
    pub(crate) faults: u8,
    /// Kind of write per side.
    pub(crate) writes: [Write; 2],
    /// Whether the revision of the first side is a bucket of time.
    pub(crate) bucket: bool,
    /// Whether a side tells which operation wrote it last.
    pub(crate) evidence: bool,
    /// Whether the first side stores value 1 in another form when the engine writes it.
    pub(crate) normalising: bool,
    /// The rule that is taken out.
    pub(crate) without: Option<Rule>,
}

/// One step; sides are 0 (Notion) and 1 (GitHub).
#[derive(Clone, Copy, Debug)]
pub(crate) enum Action {
    Edit(usize, u8),
    Close,
    Read(usize),
    ReadOld(usize, u8),
    Plan,
    Intent,
    Send,
    SendUnanswered,
    SendLost,
    SendLate,
    LateCommit(usize),
    LateLost(usize),
    Outcome,
    Resolve,
    Stop,
    Pause,
    StaleOutcome,
}

impl fmt::Display for Action {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = |side: &usize| if *side == 0 { "N" } else { "G" };
        match self {
            Action::Edit(at, value) => write!(to, "human sets {} to {value}", side(at)),
            Action::Close => write!(to, "the minute of N's last edit ends"),
            Action::Read(at) => write!(to, "engine reads {}", side(at)),
            Action::ReadOld(at, back) => {
                write!(
                    to,
                    "engine reads {} as it was {} versions ago",
                    side(at),
                    back + 1
                )
            }
            Action::Plan => write!(to, "engine plans"),
            Action::Intent => write!(to, "engine verifies the target and stores the intent"),
            Action::Send => write!(to, "engine sends and gets the answer"),
            Action::SendUnanswered => write!(to, "engine sends; the answer is lost"),
            Action::SendLost => write!(to, "engine sends; the write is lost"),
            Action::SendLate => write!(to, "engine sends; the write is still on its way"),
            Action::LateCommit(0) => write!(to, "the late write is applied"),
            Action::LateCommit(_) => write!(to, "the second late write is applied"),
            Action::LateLost(0) => write!(to, "the late write is dropped"),
            Action::LateLost(_) => write!(to, "the second late write is dropped"),
            Action::Outcome => write!(to, "engine stores the outcome"),
            Action::Resolve => write!(to, "engine resolves the unknown outcome"),
            Action::Stop => write!(to, "the worker stops; another goes on"),
            Action::Pause => write!(to, "the worker pauses; another goes on"),
            Action::StaleOutcome => write!(to, "the paused worker stores its outcome"),
        }
    }
}

/// The property names.
pub(crate) mod property {
    pub(crate) const LOST: &str = "P02: a human value was overwritten unseen";
    pub(crate) const STALE: &str = "P02/P31: an older value replaced one made with knowledge of it";
    pub(crate) const APART: &str = "P01: at rest, the sides differ and nothing is parked";
    pub(crate) const BASE: &str = "P06: base is not a pair of values that belong together";
    pub(crate) const BASE_NEVER: &str = "P06: a side never held its base value at that revision";
    pub(crate) const BASE_BACK: &str = "P06: the revision of base went back";
    pub(crate) const ENDLESS: &str = "P20: no rest within the bound";
    pub(crate) const ONE_SIDED: &str = "P24: edits on one side only, and its last value is gone";
    pub(crate) const FALSE_CONFLICT: &str = "P02: parked although one value was made with \
                                             knowledge of the other";
}

/// More engine steps than any correct run needs.
const REST_BOUND: u32 = 40;

impl Unit {
    pub(crate) fn lacks(&self, rule: Rule) -> bool {
        self.without == Some(rule)
    }

    /// Values that a human can type on a side.
    fn pool(side: usize) -> u8 {
        if side == 0 { 4 } else { 3 }
    }

    fn human_steps(&self, state: &State, into: &mut Vec<Step<Action, State>>) {
        for side in 0..2 {
            if state.sides[side].edits < self.edits[side] {
                for value in 0..Self::pool(side) {
                    if self.hash(side, value) == self.hash(side, state.sides[side].value) {
                        continue;
                    }
                    let mut after = *state;
                    self.edit(&mut after, side, value);
                    into.push((Action::Edit(side, value), Ok(after)));
                }
            }
        }
        if state.sides[0].open {
            let mut after = *state;
            after.sides[0].open = false;
            into.push((Action::Close, Ok(after)));
        }
    }

    fn edit(&self, state: &mut State, at: usize, value: u8) {
        let made = state.sides[at].made;
        let edits = state.sides[at].edits + 1;
        let vector = if at == 0 {
            (made & 0b1100) | edits
        } else {
            (made & 0b0011) | edits << 2
        };
        self.put(state, at, value, vector);
        let side: &mut Side = &mut state.sides[at];
        side.edits = edits;
        side.last_human = value;
        state.changed_while_out(at);
    }

    /// Runs the engine without faults or edits until it rests. Writes still on their way are first
    /// applied or dropped, as the bits tell.
    fn run_to_rest(&self, start: &State, applied: u8) -> Result<u32, &'static str> {
        let mut state = *start;
        for place in 0..state.late.len() {
            // What is over makes room for the next.
            if state.late[0].is_some() {
                state = if applied >> place & 1 == 1 {
                    self.late_commit(&state, 0)?
                } else {
                    self.late_lost(&state, 0)
                };
            }
        }
        for steps in 0..REST_BOUND {
            match self.next_step(&state) {
                Some(after) => state = after?,
                None => return self.at_rest(&state).map(|()| steps),
            }
        }
        Err(property::ENDLESS)
    }

    /// The engine's own next step when nothing goes wrong, if it has one.
    fn next_step(&self, state: &State) -> Option<Result<State, &'static str>> {
        if state.memory.is_some() || state.operation.is_some() {
            return Some(self.advance(state));
        }
        let mut settled = *state;
        settled.sides[0].open = false;
        for side in 0..2 {
            if let Some(after) = self.read(&settled, side) {
                return Some(Ok(after));
            }
        }
        match self.plan(&settled) {
            Some(Ok(after)) if after == *state => None,
            other => other,
        }
    }

    fn at_rest(&self, state: &State) -> Result<(), &'static str> {
        let [notion, github] = &state.sides;
        let one_sided = (notion.edits == 0) != (github.edits == 0);
        if state.park.is_some() {
            return if one_sided {
                Err(property::FALSE_CONFLICT)
            } else {
                Ok(())
            };
        }
        let edited = if notion.edits > 0 { notion } else { github };
        if one_sided && self.hash(usize::from(notion.edits == 0), edited.value) != edited.last_human
        {
            return Err(property::ONE_SIDED);
        }
        if self.project(notion.value) == github.value {
            Ok(())
        } else {
            Err(property::APART)
        }
    }
}

impl Model for Unit {
    type State = State;
    type Action = Action;

    fn initial(&self) -> State {
        State::start(self)
    }

    fn steps(&self, state: &State, into: &mut Vec<Step<Action, State>>) {
        self.human_steps(state, into);
        self.engine_steps(state, into);
        for (_, after) in into.iter_mut() {
            if let Ok(after) = after {
                self.forget(after);
            }
        }
    }

    fn settle(&self, state: &State) -> Result<u32, &'static str> {
        let mut most = 0;
        for applied in 0..1 << state.late.iter().flatten().count() {
            most = most.max(self.run_to_rest(state, applied)?);
        }
        Ok(most)
    }
}

impl Unit {
    /// Clears what no later step and no property can depend on, so that states meet.
    fn forget(&self, state: &mut State) {
        let both_edited = state.sides.iter().all(|side| side.edits > 0);
        for side in &mut state.sides {
            if state.old_reads == 0 {
                side.history[1] = NONE;
            }
            if both_edited {
                side.last_human = 0;
            }
        }
    }
}
