//! An object that is made for a page without a key, found again after its answer was lost.
//!
//! It asks what the first base of the pair may be. People edit the page from the beginning and the
//! object as soon as it is there. How often a create may be tried and when is the model of creates;
//! here one lookup that finds what is there is enough, and later writes are whole passes.

use std::fmt;

use super::search::{Model, Step};
use super::unit::Policy;

/// What the first base of a pair is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    /// What was sent, on both sides.
    Sent,
    /// What the lookup found: a person may have edited it already.
    Found,
    /// What the page says when the outcome is stored: a person may have edited that too.
    Newest,
}

/// A policy and the rule in force.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Adopt {
    /// How conflicts are settled.
    pub(crate) policy: Policy,
    /// What the first base is.
    pub(crate) rule: Rule,
}

const VALUES: u8 = 3;
const EDITS: u8 = 2;
const REST_BOUND: u32 = 12;

/// A value with its ghost: the edits of people that it stems from, on the page and on the object.
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

/// How far the create is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Create {
    /// Nothing is planned.
    No,
    /// The intent is stored with the value to be sent.
    Intended(Content),
    /// It was sent, and nobody knows what came of it.
    Unknown(Content),
    /// The pair is known.
    Done,
}

/// All that matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct State {
    page: Content,
    object: Option<Content>,
    create: Create,
    /// What both sides agreed on, the page's and the object's.
    base: [u8; 2],
    parked: bool,
    edits: [u8; 2],
    faults: u8,
}

/// One step.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Action {
    Edit(usize, u8),
    Intent,
    Send,
    Unanswered,
    Lost,
    Lookup,
    Pass,
}

impl fmt::Display for Action {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Action::Edit(0, value) => write!(to, "human sets the page to {value}"),
            Action::Edit(_, value) => write!(to, "human sets the object to {value}"),
            Action::Intent => write!(to, "engine stores the intent to make an object"),
            Action::Send => write!(to, "engine sends and stores the outcome"),
            Action::Unanswered => write!(to, "engine sends; the answer is lost"),
            Action::Lost => write!(to, "engine sends; the request is lost"),
            Action::Lookup => write!(to, "engine looks for the object"),
            Action::Pass => write!(to, "engine writes what has to be written"),
        }
    }
}

const LOST: &str = "P02: a human value was overwritten unseen";
const STALE: &str = "P02/P31: an older value replaced one made with knowledge of it";
const APART: &str = "P01: at rest, the sides differ and nothing is parked";
const FALSE_CONFLICT: &str = "P02: parked although one value was made with knowledge of the other";

impl Adopt {
    fn made(state: &State, sent: Content) -> State {
        let mut after = *state;
        after.object = Some(sent);
        after
    }

    /// The pair is known from now on. `answered` tells the answer from a lookup.
    fn pair(&self, state: &State, sent: Content, answered: bool) -> State {
        let mut after = *state;
        after.create = Create::Done;
        after.base = [sent.value; 2];
        match (self.rule, state.object) {
            (Rule::Found, Some(found)) if !answered => after.base[1] = found.value,
            (Rule::Newest, _) => after.base[0] = state.page.value,
            _ => {}
        }
        after
    }

    fn lookup(&self, state: &State, sent: Content) -> State {
        match state.object {
            Some(_) => self.pair(state, sent, false),
            None => State {
                create: Create::Intended(sent),
                ..*state
            },
        }
    }

    fn pass(&self, state: &State) -> Result<State, &'static str> {
        let mut after = *state;
        let Some(object) = state.object else {
            return Ok(after);
        };
        let sides = [state.page, object];
        let edited = [0, 1].map(|side| sides[side].value != state.base[side]);
        if sides[0].value == sides[1].value {
            after.base = sides.map(|side| side.value);
            after.parked = false;
            return Ok(after);
        }
        let target = match (edited, self.policy.winner()) {
            ([false, false], _) => return Ok(after),
            ([true, false], _) => 1,
            ([false, true], _) => 0,
            (_, Some(winner)) => 1 - winner,
            (_, None) => {
                if sides[0].within(sides[1]) || sides[1].within(sides[0]) {
                    return Err(FALSE_CONFLICT);
                }
                after.parked = true;
                return Ok(after);
            }
        };
        let (written, now) = (sides[1 - target], sides[target]);
        let newer = written.within(now) && written.made != now.made;
        // What both sides changed is recorded as loser first.
        let known = !edited[target] || edited[1 - target];
        if newer {
            return Err(STALE);
        }
        if !now.within(written) && !known {
            return Err(LOST);
        }
        let made = [0, 1].map(|side| written.made[side].max(now.made[side]));
        let content = Content {
            value: written.value,
            made,
        };
        after.base = [written.value; 2];
        after.parked = false;
        if target == 0 {
            after.page = content;
        } else {
            after.object = Some(content);
        }
        Ok(after)
    }

    /// What the engine does next when nothing goes wrong.
    fn next(&self, state: &State) -> Result<State, &'static str> {
        match state.create {
            Create::No => Ok(State {
                create: Create::Intended(state.page),
                ..*state
            }),
            Create::Intended(sent) => Ok(self.pair(&Self::made(state, sent), sent, true)),
            Create::Unknown(sent) => Ok(self.lookup(state, sent)),
            Create::Done => self.pass(state),
        }
    }
}

impl Model for Adopt {
    type State = State;
    type Action = Action;

    fn initial(&self) -> State {
        State {
            page: Content {
                value: 0,
                made: [0, 0],
            },
            object: None,
            create: Create::No,
            base: [0, 0],
            parked: false,
            edits: [0, 0],
            faults: 1,
        }
    }

    fn steps(&self, state: &State, into: &mut Vec<Step<Action, State>>) {
        for side in 0..2 {
            let now = if side == 0 {
                Some(state.page)
            } else {
                state.object
            };
            let Some(now) = now.filter(|_| state.edits[side] < EDITS) else {
                continue;
            };
            for value in (0..VALUES).filter(|value| *value != now.value) {
                let mut after = *state;
                after.edits[side] += 1;
                let mut content = Content { value, ..now };
                content.made[side] = after.edits[side];
                if side == 0 {
                    after.page = content;
                } else {
                    after.object = Some(content);
                }
                into.push((Action::Edit(side, value), Ok(after)));
            }
        }
        let action = match state.create {
            Create::No => Action::Intent,
            Create::Intended(sent) => {
                if state.faults > 0 {
                    let unknown = State {
                        create: Create::Unknown(sent),
                        faults: state.faults - 1,
                        ..*state
                    };
                    into.push((Action::Unanswered, Ok(Self::made(&unknown, sent))));
                    into.push((Action::Lost, Ok(unknown)));
                }
                Action::Send
            }
            Create::Unknown(_) => Action::Lookup,
            Create::Done => Action::Pass,
        };
        let after = self.next(state);
        if after != Ok(*state) {
            into.push((action, after));
        }
    }

    fn settle(&self, state: &State) -> Result<u32, &'static str> {
        let mut now = *state;
        for steps in 0..REST_BOUND {
            let after = self.next(&now)?;
            if after == now {
                let same = now
                    .object
                    .is_some_and(|object| object.value == now.page.value);
                return if same || now.parked {
                    Ok(steps)
                } else {
                    Err(APART)
                };
            }
            now = after;
        }
        Err(APART)
    }
}
