//! A set of labels on two sides, merged label by label.
//!
//! Reads are fresh; writes may lose their answer or be lost. What is written are the labels to add
//! and to remove, to one side after the other; people change labels between any two steps.

use std::fmt;

use super::search::{Model, Step};

/// A rule; a model without it must break a property.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    /// Each label is a unit; a set is not.
    LabelByLabel,
    /// After the first of two writes base holds what was written, and not yet what is still to come.
    HalfWay,
    /// Of an answer only what was sent is agreed: what it shows beyond that is somebody's edit.
    OwnPart,
    /// Only the labels that differ are written.
    OnlyWhatDiffers,
}

/// Bounds and the rules in force.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Labels {
    /// Edits of people per side, of at most three.
    pub(crate) edits: [u8; 2],
    /// Writes that are lost, or whose answer is.
    pub(crate) faults: u8,
    /// The rule that is taken out.
    pub(crate) without: Option<Rule>,
}

const LABELS: usize = 3;
const REST_BOUND: u32 = 30;

/// A set, one bit for each label, with its ghost: for each label the last act of people on the
/// first side (two bits) and on the second (two bits) that it stems from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Set {
    labels: u8,
    made: [u8; LABELS],
}

/// A planned write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Operation {
    target: u8,
    expected: u8,
    desired: u8,
    /// What is agreed once it is done.
    settles: [u8; 2],
    /// What is agreed half-way is taken as it is, whatever the answer shows.
    half: bool,
    sent: bool,
    landed: bool,
    /// Ghost: labels that the target had as agreed when it was planned.
    agreed: u8,
    /// Ghost: what the labels written stem from.
    made: [u8; LABELS],
}

impl Operation {
    /// It was sent, and nobody knows what came of it.
    fn unknown(mut self, landed: bool) -> Self {
        self.sent = true;
        self.landed = landed;
        self
    }
}

/// All that matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct State {
    sides: [Set; 2],
    base: [u8; 2],
    operations: [Option<Operation>; 2],
    edits: [u8; 2],
    faults: u8,
    /// Ghost: labels that people touched on each side.
    touched: [u8; 2],
    /// Ghost: how people left them there.
    left: [u8; 2],
}

/// One step; sides are 0 (Notion) and 1 (GitHub).
#[derive(Clone, Copy, Debug)]
pub(crate) enum Action {
    Toggle(usize, usize, bool),
    Plan,
    Send,
    Unanswered,
    Lost,
    Resolve,
}

impl fmt::Display for Action {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Action::Toggle(side, label, there) => {
                let word = if *there { "adds" } else { "removes" };
                let name = if *side == 0 { "N" } else { "G" };
                write!(to, "human {word} label {label} on {name}")
            }
            Action::Plan => write!(to, "engine reads both sides and plans"),
            Action::Send => write!(to, "engine sends and stores the outcome"),
            Action::Unanswered => write!(to, "engine sends; the answer is lost"),
            Action::Lost => write!(to, "engine sends; the write is lost"),
            Action::Resolve => write!(to, "engine looks up the unknown outcome"),
        }
    }
}

const LOST: &str = "P02: a label that somebody changed was changed back unseen";
const STALE: &str = "P02/P31: an older choice replaced one made with knowledge of it";
const APART: &str = "P01: at rest, the sides differ";
const ONE_SIDED: &str = "P24: a label changed on one side only, and the change is gone";
const ENDLESS: &str = "P20: no rest within the bound";

fn within(made: u8, other: u8) -> bool {
    made & 3 <= other & 3 && made >> 2 <= other >> 2
}

fn join(made: u8, other: u8) -> u8 {
    (made & 3).max(other & 3) | (made >> 2).max(other >> 2) << 2
}

/// What was done to `before` to get `after`, done to `to`.
fn follow(to: u8, before: u8, after: u8) -> u8 {
    to & (after | !before) | after & !before
}

impl Labels {
    fn lacks(&self, rule: Rule) -> bool {
        self.without == Some(rule)
    }

    fn plan(&self, state: &State) -> State {
        let mut after = *state;
        let [page, issue] = state.sides;
        let [base_n, base_g] = state.base;
        let now = [page.labels, issue.labels];
        if now == state.base {
            after.operations = [None; 2];
            return after;
        }
        let (want_n, want_g) = if self.lacks(Rule::LabelByLabel) {
            let set = if now[1] == base_g { now[0] } else { now[1] };
            (set, set)
        } else {
            (
                follow(now[0], base_g, now[1]),
                follow(now[1], base_n, now[0]),
            )
        };
        let settled = [want_n, want_g];
        if now == settled {
            after.base = settled;
            after.operations = [None; 2];
            return after;
        }
        let both = want_n != now[0] && want_g != now[1];
        let half = [now[0], follow(base_g, base_n, now[0])];
        let mut planned = [None; 2];
        let mut places = planned.iter_mut();
        for (target, want) in [(1, want_g), (0, want_n)] {
            if want == now[target] {
                continue;
            }
            let half_way = both && target == 1 && !self.lacks(Rule::HalfWay);
            let operation = Operation {
                target: target as u8,
                expected: now[target],
                desired: want,
                settles: if half_way { half } else { settled },
                half: half_way,
                sent: false,
                landed: false,
                agreed: !(now[target] ^ state.base[target]),
                made: state.sides[1 - target].made,
            };
            if let Some(place) = places.next() {
                *place = Some(operation);
            }
        }
        after.operations = planned;
        after
    }

    /// The service gets a write; false where it is refused.
    fn commit(&self, state: &mut State, operation: &Operation) -> Result<bool, &'static str> {
        let target = operation.target as usize;
        let now = state.sides[target];
        let added = operation.desired & !operation.expected;
        let removed = operation.expected & !operation.desired;
        let applied = now.labels & added == added && now.labels & removed == 0;
        let untouched = now.labels & added == 0 && now.labels & removed == removed;
        // A page is left alone where a label that is to be written has moved.
        if target == 0 && !applied && !untouched {
            return Ok(false);
        }
        let wanted = if self.lacks(Rule::OnlyWhatDiffers) {
            operation.desired
        } else {
            now.labels & !removed | added
        };
        for label in 0..LABELS {
            let bit = 1 << label;
            let (written, there) = (operation.made[label], now.made[label]);
            if (wanted ^ now.labels) & bit != 0 {
                let newer = within(written, there) && written != there;
                let as_agreed =
                    (now.labels ^ operation.expected) & bit == 0 && operation.agreed & bit != 0;
                if newer {
                    return Err(STALE);
                }
                if !within(there, written) && !as_agreed {
                    return Err(LOST);
                }
                state.sides[target].made[label] = join(written, there);
            } else if (added | removed) & bit != 0 {
                state.sides[target].made[label] = join(written, there);
            }
        }
        state.sides[target].labels = wanted;
        Ok(true)
    }

    /// T6. `shown` is what an answer says, if there was one.
    fn done(&self, state: &mut State, operation: &Operation, shown: Option<u8>) {
        state.operations = [state.operations[1], None];
        let target = operation.target as usize;
        let mut agreed = operation.settles;
        if let Some(shown) = shown.filter(|_| !operation.half) {
            let sent = agreed[target];
            let added = operation.desired & !operation.expected;
            let removed = operation.expected & !operation.desired;
            agreed[target] = if self.lacks(Rule::OwnPart) {
                shown
            } else {
                // What was added and is not there was left out; what was to go and did not stays.
                sent & (shown | !added) | shown & removed
            };
        }
        state.base = agreed;
    }

    fn send(&self, state: &State, operation: &Operation) -> Result<State, &'static str> {
        let mut after = *state;
        if self.commit(&mut after, operation)? {
            let shown = after.sides[operation.target as usize].labels;
            self.done(&mut after, operation, Some(shown));
        } else {
            after.operations = [after.operations[1], None];
        }
        Ok(after)
    }

    fn resolve(&self, state: &State, operation: &Operation) -> State {
        let mut after = *state;
        if operation.landed {
            self.done(&mut after, operation, None);
        } else {
            after.operations[0] = Some(Operation {
                sent: false,
                ..*operation
            });
        }
        after
    }

    fn next(&self, state: &State) -> Result<State, &'static str> {
        match &state.operations[0] {
            Some(first) if first.sent => Ok(self.resolve(state, first)),
            Some(first) => self.send(state, first),
            None => Ok(self.plan(state)),
        }
    }

    fn at_rest(state: &State) -> Result<(), &'static str> {
        let [page, issue] = state.sides;
        if page.labels != issue.labels {
            return Err(APART);
        }
        for side in 0..2 {
            let alone = state.touched[side] & !state.touched[1 - side];
            if (state.left[side] ^ page.labels) & alone != 0 {
                return Err(ONE_SIDED);
            }
        }
        Ok(())
    }
}

impl Model for Labels {
    type State = State;
    type Action = Action;

    fn initial(&self) -> State {
        // One label is there, so that it can be removed.
        let set = Set {
            labels: 1,
            made: [0; LABELS],
        };
        State {
            sides: [set; 2],
            base: [1; 2],
            operations: [None; 2],
            edits: [0; 2],
            faults: self.faults,
            touched: [0; 2],
            left: [0; 2],
        }
    }

    fn steps(&self, state: &State, into: &mut Vec<Step<Action, State>>) {
        for side in (0..2).filter(|side| state.edits[*side] < self.edits[*side]) {
            for label in 0..LABELS {
                let mut after = *state;
                after.edits[side] += 1;
                let number = after.edits[side];
                let set = &mut after.sides[side];
                set.labels ^= 1 << label;
                set.made[label] = if side == 0 {
                    set.made[label] & 0b1100 | number
                } else {
                    set.made[label] & 0b0011 | number << 2
                };
                let there = set.labels >> label & 1 == 1;
                after.touched[side] |= 1 << label;
                after.left[side] = after.left[side] & !(1 << label) | u8::from(there) << label;
                into.push((Action::Toggle(side, label, there), Ok(after)));
            }
        }
        let first = state.operations[0];
        if first.is_none_or(|first| !first.sent) {
            let planned = self.plan(state);
            if planned != *state {
                into.push((Action::Plan, Ok(planned)));
            }
        }
        let Some(first) = first else { return };
        if first.sent {
            into.push((Action::Resolve, Ok(self.resolve(state, &first))));
            return;
        }
        into.push((Action::Send, self.send(state, &first)));
        if state.faults > 0 {
            let mut after = *state;
            after.faults -= 1;
            after.operations[0] = Some(first.unknown(false));
            into.push((Action::Lost, Ok(after)));
            let result = match self.commit(&mut after, &first) {
                Ok(landed) => {
                    after.operations[0] = Some(first.unknown(landed));
                    Ok(after)
                }
                Err(property) => Err(property),
            };
            into.push((Action::Unanswered, result));
        }
    }

    fn settle(&self, state: &State) -> Result<u32, &'static str> {
        let mut now = *state;
        for steps in 0..REST_BOUND {
            let after = self.next(&now)?;
            if after == now {
                return Self::at_rest(&now).map(|()| steps);
            }
            now = after;
        }
        Err(ENDLESS)
    }
}
