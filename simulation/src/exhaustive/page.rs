//! Three units of one page under one revision, read in two parts, against a file that is compared as
//! a whole.
//!
//! The revision is a bucket of time, which several edits can share; properties are read first, the
//! rest after them, and then the revision once more. Lost answers and stops are the one-unit model's.

use std::fmt;

use super::search::{Model, Step};
use super::unit::Policy;

/// A rule; a model without it must break a property.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    /// Only units that changed are written.
    ChangedUnits,
    /// Edits of different units are no conflict.
    UnitByUnit,
    /// An unsettled page is read again though its revision has not moved.
    UnsettledReadAgain,
    /// Whether a page is settled is judged by when its reading began.
    SettledAtFirst,
    /// What is written of a page is compared with what is there.
    Expected,
}

/// Policy, bounds and the rules in force.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Page {
    /// How conflicts are settled.
    pub(crate) policy: Policy,
    /// Edits of people per side, of at most three.
    pub(crate) edits: [u8; 2],
    /// Whether the revision is read once more at the end.
    pub(crate) bracket: bool,
    /// The rule that is taken out.
    pub(crate) without: Option<Rule>,
}

const UNITS: usize = 3;
const REST_BOUND: u32 = 60;

/// A value with its ghost: the last edit of people on the page (two bits) and in the file (two
/// bits) that it stems from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Content {
    value: u8,
    made: u8,
}

type Contents = [Content; UNITS];

/// A page as it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Seen {
    units: Contents,
    revision: u8,
    settled: bool,
}

/// A planned write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Operation {
    target: u8,
    /// The units that it writes, one bit each.
    units: u8,
    expected: [u8; UNITS],
    desired: Contents,
    /// Ghost: the other version of these units is recorded as loser.
    losers: u8,
    /// Ghost: these units were as agreed.
    agreed: u8,
    revision: u8,
}

/// All that matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct State {
    sides: [Contents; 2],
    revision: u8,
    open: bool,
    seen: Option<Seen>,
    /// The first part of a page that is being read.
    part: Option<Seen>,
    base: [u8; UNITS],
    agreed_at: u8,
    parked: u8,
    operation: Option<Operation>,
    edits: [u8; 2],
}

/// One step; sides are 0 (the page) and 1 (the file).
#[derive(Clone, Copy, Debug)]
pub(crate) enum Action {
    Edit(usize, usize),
    Close,
    ReadFirst,
    ReadRest,
    Plan,
    Send,
}

impl fmt::Display for Action {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Action::Edit(0, unit) => write!(to, "human changes unit {unit} of the page"),
            Action::Edit(_, unit) => write!(to, "human changes unit {unit} of the file"),
            Action::Close => write!(to, "the minute of the page's last edit ends"),
            Action::ReadFirst => write!(to, "engine reads the first part of the page"),
            Action::ReadRest => write!(to, "engine reads the rest of the page"),
            Action::Plan => write!(to, "engine reads the file and plans"),
            Action::Send => write!(to, "engine sends and stores the outcome"),
        }
    }
}

const LOST: &str = "P02: a human value was overwritten unseen";
const STALE: &str = "P02/P31: an older value replaced one made with knowledge of it";
const APART: &str = "P01: at rest, a unit differs and is not parked";
const FALSE_CONFLICT: &str = "P02: a unit is parked that one side alone changed";
const ENDLESS: &str = "P20: no rest within the bound";

fn within(made: u8, other: u8) -> bool {
    made & 3 <= other & 3 && made >> 2 <= other >> 2
}

fn join(made: u8, other: u8) -> u8 {
    (made & 3).max(other & 3) | (made >> 2).max(other >> 2) << 2
}

fn values(units: &Contents) -> [u8; UNITS] {
    units.map(|unit| unit.value)
}

impl Page {
    fn lacks(&self, rule: Rule) -> bool {
        self.without == Some(rule)
    }

    fn read_first(&self, state: &State) -> Option<State> {
        let known = state.seen.is_some_and(|seen| {
            seen.revision == state.revision
                && (seen.settled || self.lacks(Rule::UnsettledReadAgain))
        });
        if known {
            return None;
        }
        let mut after = *state;
        after.part = Some(Seen {
            units: state.sides[0],
            revision: state.revision,
            settled: !state.open,
        });
        Some(after)
    }

    fn read_rest(&self, state: &State, part: Seen) -> State {
        let mut after = *state;
        after.part = None;
        if self.bracket && part.revision != state.revision {
            return after;
        }
        let mut seen = part;
        seen.units[1..].copy_from_slice(&state.sides[0][1..]);
        if self.lacks(Rule::SettledAtFirst) {
            (seen.revision, seen.settled) = (state.revision, !state.open);
        }
        after.seen = Some(seen);
        after
    }

    /// Plans a write, agrees about what is equal, or parks; nothing where nothing is to be done.
    fn plan(&self, state: &State) -> Result<Option<State>, &'static str> {
        let Some(seen) = state.seen else {
            return Ok(None);
        };
        let mut after = *state;
        let file = state.sides[1];
        let edited = |unit: usize| {
            [
                seen.units[unit].value != state.base[unit],
                file[unit].value != state.base[unit],
            ]
        };
        let any = (0..UNITS).any(|unit| edited(unit)[0]);
        let blur = !seen.settled && seen.revision == state.agreed_at && any;
        if seen.revision < state.agreed_at || blur {
            return Ok(None);
        }
        let whole = self.lacks(Rule::UnitByUnit)
            && (0..UNITS).any(|unit| edited(unit)[0])
            && (0..UNITS).any(|unit| edited(unit)[1]);
        let mut writes = [0u8; 2];
        let mut losers = 0;
        for (unit, there) in file.iter().enumerate() {
            let bit = 1 << unit;
            if seen.units[unit].value == there.value {
                after.base[unit] = there.value;
                after.parked &= !bit;
                continue;
            }
            match (edited(unit), self.policy.winner()) {
                ([false, false], _) => {}
                (edited, None) if whole || edited == [true, true] => {
                    if edited != [true, true] {
                        return Err(FALSE_CONFLICT);
                    }
                    after.parked |= bit;
                }
                ([true, true], Some(winner)) => {
                    writes[1 - winner] |= bit;
                    losers |= bit;
                }
                ([true, false], _) => writes[1] |= bit,
                ([false, true], _) => writes[0] |= bit,
                _ => {}
            }
            if edited(unit) != [true, true] {
                after.parked &= !bit;
            }
        }
        // GitHub first: a plan that is out of date fails there before anything was overwritten.
        let target = usize::from(writes[1] != 0);
        if writes[target] != 0 {
            let (to, from) = if target == 1 {
                (file, seen.units)
            } else {
                (seen.units, file)
            };
            let mut agreed = 0;
            for unit in (0..UNITS).filter(|unit| to[*unit].value == state.base[*unit]) {
                agreed |= 1 << unit;
            }
            after.operation = Some(Operation {
                target: target as u8,
                units: if self.lacks(Rule::ChangedUnits) && target == 0 {
                    (1 << UNITS) - 1
                } else {
                    writes[target]
                },
                expected: values(&to),
                desired: from,
                losers,
                agreed,
                revision: seen.revision,
            });
        }
        Ok((after != *state).then_some(after))
    }

    fn send(&self, state: &State, operation: &Operation) -> Result<State, &'static str> {
        let mut after = *state;
        after.operation = None;
        let target = operation.target as usize;
        let now = state.sides[target];
        let writes = |unit: usize| operation.units >> unit & 1 == 1;
        let compared = |unit: usize| target == 1 || writes(unit);
        let unexpected =
            (0..UNITS).any(|unit| compared(unit) && now[unit].value != operation.expected[unit]);
        let unchecked =
            target == 0 && (self.lacks(Rule::Expected) || self.lacks(Rule::ChangedUnits));
        if unexpected && !unchecked {
            after.seen = after.seen.filter(|_| target == 1);
            return Ok(after);
        }
        for unit in (0..UNITS).filter(|unit| writes(*unit)) {
            let (written, there) = (operation.desired[unit], now[unit]);
            let made = join(written.made, there.made);
            if written.value != there.value {
                let newer = made == there.made && made != written.made;
                let known = there.value == operation.expected[unit]
                    && (operation.agreed | operation.losers) >> unit & 1 == 1;
                if newer && operation.losers >> unit & 1 == 0 {
                    return Err(STALE);
                }
                if !within(there.made, written.made) && !known {
                    return Err(LOST);
                }
            }
            after.sides[target][unit] = Content {
                value: written.value,
                made,
            };
            after.base[unit] = written.value;
            after.parked &= !(1 << unit);
        }
        if target == 0 {
            Self::touch(&mut after);
            after.agreed_at = after.revision;
            after.seen = None;
        } else {
            after.agreed_at = after.agreed_at.max(operation.revision);
        }
        Ok(after)
    }

    /// The page was edited.
    fn touch(state: &mut State) {
        if !state.open {
            state.revision += 1;
        }
        state.open = true;
    }

    fn next(&self, state: &State) -> Result<Option<(Action, State)>, &'static str> {
        if let Some(operation) = &state.operation {
            return Ok(Some((Action::Send, self.send(state, operation)?)));
        }
        if let Some(part) = state.part {
            return Ok(Some((Action::ReadRest, self.read_rest(state, part))));
        }
        Ok(self.plan(state)?.map(|after| (Action::Plan, after)))
    }
}

impl Model for Page {
    type State = State;
    type Action = Action;

    fn initial(&self) -> State {
        State {
            sides: [[Content { value: 0, made: 0 }; UNITS]; 2],
            revision: 0,
            open: false,
            seen: None,
            part: None,
            base: [0; UNITS],
            agreed_at: 0,
            parked: 0,
            operation: None,
            edits: [0; 2],
        }
    }

    fn steps(&self, state: &State, into: &mut Vec<Step<Action, State>>) {
        for side in (0..2).filter(|side| state.edits[*side] < self.edits[*side]) {
            for unit in 0..UNITS {
                let mut after = *state;
                after.edits[side] += 1;
                let number = after.edits[side];
                let content = &mut after.sides[side][unit];
                // Each side has a value of its own besides the first.
                content.value = match content.value {
                    0 => 1 + side as u8,
                    _ => 0,
                };
                content.made = if side == 0 {
                    content.made & 0b1100 | number
                } else {
                    content.made & 0b0011 | number << 2
                };
                if side == 0 {
                    Self::touch(&mut after);
                }
                into.push((Action::Edit(side, unit), Ok(after)));
            }
        }
        if state.open {
            let mut after = *state;
            after.open = false;
            into.push((Action::Close, Ok(after)));
        }
        if state.operation.is_none()
            && state.part.is_none()
            && let Some(after) = self.read_first(state)
        {
            into.push((Action::ReadFirst, Ok(after)));
        }
        match self.next(state) {
            Ok(Some((action, after))) => into.push((action, Ok(after))),
            Ok(None) => {}
            Err(property) => {
                let action = match state.operation {
                    Some(_) => Action::Send,
                    None => Action::Plan,
                };
                into.push((action, Err(property)));
            }
        }
    }

    fn settle(&self, state: &State) -> Result<u32, &'static str> {
        let mut now = *state;
        for steps in 0..REST_BOUND {
            if let Some((_, after)) = self.next(&now)? {
                now = after;
                continue;
            }
            now.open = false;
            match self.read_first(&now) {
                Some(after) => now = after,
                None => {
                    let [page, file] = now.sides;
                    let apart = (0..UNITS).any(|unit| {
                        page[unit].value != file[unit].value && now.parked >> unit & 1 == 0
                    });
                    return if apart { Err(APART) } else { Ok(steps) };
                }
            }
        }
        Err(ENDLESS)
    }
}
