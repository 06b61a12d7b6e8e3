//! Two units of one record and a write that takes two steps, of which only the first may arrive.
//!
//! It asks what base each unit may get when the write ended half-way and the side written to shows
//! one unit as it was sent and the other as it was before. A wins policy is in force; reads are
//! fresh and the engine takes whole passes, since lag and stops are what the one-unit model is for.

use std::fmt;

use super::search::{Model, Step};

/// What the engine does about a write that was applied in part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    /// What stands as it was sent is agreed, unit by unit; the others keep their base.
    PlaceByPlace,
    /// Nothing is agreed: every unit keeps its base.
    NothingAgreed,
    /// Everything is agreed as it was sent.
    AllAgreed,
}

/// A wins policy and the rule in force.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Partial {
    /// Whether the value of the source stands when both sides changed, or that of the target.
    pub(crate) source_wins: bool,
    /// What is done about a part.
    pub(crate) rule: Rule,
}

const UNITS: usize = 2;
const VALUES: u8 = 3;
const EDITS: u8 = 2;

/// A value with its ghost: the human edits that it stems from, on the source and on the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Content {
    value: u8,
    made: [u8; 2],
}

impl Content {
    fn within(self, other: Content) -> bool {
        self.made[0] <= other.made[0] && self.made[1] <= other.made[1]
    }
}

/// All that matters. Side 0 is the one whose write may end half-way, side 1 the one it goes to;
/// whole writes go in both directions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct State {
    sides: [[Content; UNITS]; 2],
    base: [u8; UNITS],
    edits: [u8; 2],
    /// The values sent, for the units that the pending write covers.
    sent: Option<[Option<Content>; UNITS]>,
    /// Partial writes that may still happen.
    faults: u8,
}

/// One step.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Action {
    Edit(usize, usize, u8),
    Pass,
    PartOnly(usize),
    Resolve,
}

impl fmt::Display for Action {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Action::Edit(side, unit, value) => {
                let name = if *side == 0 { "source" } else { "target" };
                write!(to, "human sets unit {unit} of the {name} to {value}")
            }
            Action::Pass => write!(to, "engine writes what has to be written"),
            Action::PartOnly(unit) => write!(to, "engine writes; only unit {unit} arrives"),
            Action::Resolve => write!(to, "engine reads what arrived and stores the outcome"),
        }
    }
}

/// The properties.
const LOST: &str = "P02: a human value was overwritten by one made before it";
const BASE: &str = "P06: a unit's base is not what both sides agreed on";
const APART: &str = "P01: at rest, a unit differs";

impl Partial {
    /// The unit's next write: the side it goes to.
    fn direction(&self, state: &State, unit: usize) -> Option<usize> {
        let [source, target] = state.sides.map(|side| side[unit].value);
        let base = state.base[unit];
        match (source != base, target != base) {
            _ if source == target => None,
            (true, false) => Some(1),
            (false, true) => Some(0),
            _ => Some(usize::from(self.source_wins)),
        }
    }

    /// Writes one unit to a side. A value that both sides changed is recorded as loser first, so
    /// it may give way, unless it was made with knowledge of what replaces it.
    fn put(&self, state: &mut State, unit: usize, to: usize) -> Result<(), &'static str> {
        let written = state.sides[1 - to][unit];
        let now = state.sides[to][unit];
        if written.within(now) && written.made != now.made && now.value != written.value {
            return Err(LOST);
        }
        let made = [0, 1].map(|side| written.made[side].max(now.made[side]));
        state.sides[to][unit] = Content {
            value: written.value,
            made,
        };
        Ok(())
    }

    fn agree(&self, state: &mut State, unit: usize) {
        let [source, target] = state.sides.map(|side| side[unit].value);
        if source == target {
            state.base[unit] = source;
        }
    }

    fn pass(&self, state: &State) -> Result<State, &'static str> {
        let mut after = *state;
        for unit in 0..UNITS {
            if let Some(to) = self.direction(state, unit) {
                self.put(&mut after, unit, to)?;
            }
            self.agree(&mut after, unit);
        }
        Ok(after)
    }

    /// A write of both units to the target of which only one arrives.
    fn part_only(&self, state: &State, arrives: usize) -> Option<Result<State, &'static str>> {
        if state.faults == 0 || (0..UNITS).any(|unit| self.direction(state, unit) != Some(1)) {
            return None;
        }
        let mut after = *state;
        after.faults -= 1;
        after.sent = Some(state.sides[0].map(Some));
        Some(self.put(&mut after, arrives, 1).map(|()| after))
    }

    fn resolve(&self, state: &State) -> Result<State, &'static str> {
        let mut after = *state;
        let sent = after.sent.take().unwrap_or_default();
        for (unit, sent) in sent.iter().enumerate() {
            let Some(sent) = sent else { continue };
            let now = state.sides[1][unit];
            let as_sent = now.value == sent.value;
            match self.rule {
                Rule::PlaceByPlace if as_sent => after.base[unit] = sent.value,
                Rule::AllAgreed => after.base[unit] = sent.value,
                Rule::PlaceByPlace | Rule::NothingAgreed => {}
            }
        }
        Ok(after)
    }
}

impl Model for Partial {
    type State = State;
    type Action = Action;

    fn initial(&self) -> State {
        State {
            sides: [[Content {
                value: 0,
                made: [0, 0],
            }; UNITS]; 2],
            base: [0; UNITS],
            edits: [0, 0],
            sent: None,
            faults: 1,
        }
    }

    fn steps(&self, state: &State, into: &mut Vec<Step<Action, State>>) {
        for side in 0..2 {
            // Two edits make a half-written plan, so the side written from has one more.
            // Until the outcome is read, nobody edits the side written to: what arrived and was
            // then changed is an unknown write, which the one-unit model covers.
            let waits = side == 1 && state.sent.is_some();
            if waits || state.edits[side] == EDITS + u8::from(side == 0) {
                continue;
            }
            for unit in 0..UNITS {
                for value in 0..VALUES {
                    let now = state.sides[side][unit];
                    if now.value == value {
                        continue;
                    }
                    let mut after = *state;
                    after.edits[side] += 1;
                    let mut made = now.made;
                    made[side] = after.edits[side];
                    after.sides[side][unit] = Content { value, made };
                    into.push((Action::Edit(side, unit, value), Ok(after)));
                }
            }
        }
        if state.sent.is_some() {
            into.push((Action::Resolve, self.resolve(state)));
            return;
        }
        let passed = self.pass(state);
        if passed != Ok(*state) {
            into.push((Action::Pass, passed));
        }
        for unit in 0..UNITS {
            if let Some(after) = self.part_only(state, unit) {
                into.push((Action::PartOnly(unit), after));
            }
        }
    }

    fn settle(&self, state: &State) -> Result<u32, &'static str> {
        let mut now = *state;
        let mut steps = 0;
        if now.sent.is_some() {
            now = self.resolve(&now)?;
            steps += 1;
        }
        loop {
            let after = self.pass(&now)?;
            if after == now {
                break;
            }
            now = after;
            steps += 1;
            if steps > 8 {
                return Err(APART);
            }
        }
        for unit in 0..UNITS {
            if now.sides[0][unit].value != now.sides[1][unit].value {
                return Err(APART);
            }
            if now.base[unit] != now.sides[0][unit].value {
                return Err(BASE);
            }
        }
        Ok(steps)
    }
}
