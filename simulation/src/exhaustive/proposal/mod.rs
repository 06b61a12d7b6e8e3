//! One document and its pull requests: edits, deletions and conflicts are proposed, and people
//! merge, close or change what is proposed at any moment.
//!
//! A look lists the files, then asks about the pull request, then reads the page and decides.
//! Operations are carried out one after another, and each may lose its
//! answer. What reads, late writes and kinds of write can do is the one-unit model's: here reads
//! are fresh, and a lost answer is looked up with proof.

mod decide;
mod rule;
mod state;
mod write;

pub(crate) use rule::Rule;

use std::fmt;

use super::search::{Model, Step};
use super::unit::Policy;
use state::{Content, Kind, Known, Life, Memory, Operation, Phase, Stand, State, What, join};

/// Bounds, policy, how edits are delivered, and the rules in force.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Proposals {
    /// How conflicts are settled.
    pub(crate) policy: Policy,
    /// Edits of the page are proposed instead of written.
    pub(crate) deliver: bool,
    /// Edits of people per side, of at most three; what is done to pull requests adds to those of
    /// the second.
    pub(crate) edits: [u8; 2],
    /// What people do to pull requests: merge, close, or commit to the branch.
    pub(crate) acts: u8,
    /// How often people delete or restore the page, or delete the file.
    pub(crate) lives: u8,
    /// Writes that are lost, or whose answer is.
    pub(crate) faults: u8,
    /// Changes of the policy.
    pub(crate) changes: u8,
    /// The rule that is taken out.
    pub(crate) without: Option<Rule>,
}

/// One step; sides are 0 (Notion) and 1 (GitHub).
#[derive(Clone, Copy, Debug)]
pub(crate) enum Action {
    Edit(usize, u8),
    Delete(usize),
    Return,
    Merge,
    Close,
    Push(u8),
    Change(Policy),
    List,
    Ask,
    Decide,
    Intent,
    Send,
    Unanswered,
    Lost,
    Resolve,
}

impl fmt::Display for Action {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = |side: &usize| if *side == 0 { "the page" } else { "the file" };
        match self {
            Action::Edit(at, value) => write!(to, "human sets {} to {value}", side(at)),
            Action::Delete(at) => write!(to, "human deletes {}", side(at)),
            Action::Return => write!(to, "human restores the page"),
            Action::Merge => write!(to, "human merges the pull request"),
            Action::Close => write!(to, "human closes the pull request"),
            Action::Push(value) => write!(to, "human commits {value} to the branch"),
            Action::Change(policy) => write!(to, "the policy becomes {policy:?}"),
            Action::List => write!(to, "engine lists the files"),
            Action::Ask => write!(to, "engine asks about the pull request"),
            Action::Decide => write!(to, "engine reads the page and decides"),
            Action::Intent => write!(to, "engine verifies the target and stores the intent"),
            Action::Send => write!(to, "engine sends and stores the outcome"),
            Action::Unanswered => write!(to, "engine sends; the answer is lost"),
            Action::Lost => write!(to, "engine sends; the write is lost"),
            Action::Resolve => write!(to, "engine looks up the unknown outcome"),
        }
    }
}

/// The property names.
pub(crate) mod property {
    pub(crate) const LOST: &str = "P02: a human value was overwritten unseen";
    pub(crate) const STALE: &str = "P02/P31: an older value replaced one made with knowledge of it";
    pub(crate) const APART: &str = "P01: at rest, the sides differ and nothing waits for a person";
    pub(crate) const ENDLESS: &str = "P20: no rest within the bound";
    pub(crate) const FALSE_CONFLICT: &str = "P02: parked although one value was made with \
                                             knowledge of the other";
    pub(crate) const SILENT: &str = "P07: a parked unit was written, and nobody had decided";
    pub(crate) const REOPENED: &str = "P28: a refused value was proposed again";
    pub(crate) const HELD: &str = "P28: a value that nobody refused is not proposed";
    pub(crate) const TWICE: &str = "P28: two pull requests are open for one record";
    pub(crate) const BEHIND: &str =
        "P28: at rest, the pull request shows what the sides do not hold";
    pub(crate) const IDLE: &str = "P28: at rest, a pull request asks for what is settled";
    pub(crate) const BURIED: &str = "P29: buried while a side is there";
    pub(crate) const REWRITTEN: &str = "P02: somebody's commit on the branch was overwritten";
}

/// Values that people type, per side.
const VALUES: [u8; 2] = [4, 3];

/// More engine steps than any correct run needs.
const REST_BOUND: u32 = 60;

impl Proposals {
    pub(crate) fn lacks(&self, rule: Rule) -> bool {
        self.without == Some(rule)
    }

    fn edit_steps(&self, state: &State, into: &mut Vec<Step<Action, State>>) {
        for (side, values) in VALUES.into_iter().enumerate() {
            let now = &state.sides[side];
            if now.gone || state.edits[side] >= self.edits[side] {
                continue;
            }
            for value in (0..values).filter(|value| *value != now.value) {
                let mut after = *state;
                Self::act(&mut after, side, value);
                into.push((Action::Edit(side, value), Ok(after)));
            }
        }
        if state.lives > 0 {
            let mut less = *state;
            less.lives -= 1;
            for side in (0..2).filter(|side| !state.sides[*side].gone) {
                let mut after = less;
                after.sides[side].gone = true;
                into.push((Action::Delete(side), Ok(after)));
            }
            if state.sides[0].gone {
                less.sides[0].gone = false;
                into.push((Action::Return, Ok(less)));
            }
        }
        if state.changes > 0 {
            let mut after = *state;
            after.changes -= 1;
            for policy in [Policy::Manual, Policy::NotionWins, Policy::GithubWins] {
                after.policy = policy;
                if policy != state.policy {
                    into.push((Action::Change(policy), Ok(after)));
                }
            }
        }
    }

    /// Somebody gives a side a value.
    fn act(state: &mut State, side: usize, value: u8) {
        state.edits[side] += 1;
        let content = &mut state.sides[side];
        content.value = value;
        content.made = Self::numbered(content.made, side, state.edits[side]);
        content.decided = false;
        for operation in state.operations.iter_mut().flatten() {
            operation.window |= operation.phase != Phase::Planned && side == 0;
        }
    }

    /// What an act stems from, given what it was done to.
    fn numbered(made: u8, side: usize, number: u8) -> u8 {
        if side == 0 {
            (made & 0b1100) | number
        } else {
            (made & 0b0011) | number << 2
        }
    }

    fn pull_steps(&self, state: &State, into: &mut Vec<Step<Action, State>>) {
        let Some(pull) = state.open() else { return };
        if state.acts == 0 || state.edits[1] >= 3 {
            return;
        }
        let mut less = *state;
        less.acts -= 1;
        if let Some(merged) = self.merged(state, pull.branch, pull.onto) {
            let mut after = less;
            after.edits[1] += 1;
            after.sides[1] = Content {
                made: Self::numbered(merged.made, 1, after.edits[1]),
                decided: pull.kind == Kind::Conflict,
                ..merged
            };
            Self::stand(&mut after, Stand::Merged);
            into.push((Action::Merge, Ok(after)));
        }
        let mut after = less;
        Self::stand(&mut after, Stand::Closed);
        match pull.kind {
            Kind::Edit => after.closed |= 1 << pull.proposed,
            Kind::Conflict => after.undecided = pull.shown,
            Kind::Delete => {}
        }
        into.push((Action::Close, Ok(after)));
        if pull.kind == Kind::Delete {
            return;
        }
        for value in (0..VALUES[1]).filter(|value| *value != pull.branch.value) {
            let mut after = less;
            after.edits[1] += 1;
            if let Some(pull) = &mut after.pull {
                pull.branch.value = value;
                pull.branch.made = Self::numbered(pull.branch.made, 1, after.edits[1]);
                pull.ours = false;
            }
            into.push((Action::Push(value), Ok(after)));
        }
    }

    fn stand(state: &mut State, stand: Stand) {
        if let Some(pull) = &mut state.pull {
            pull.stand = stand;
        }
    }

    /// What the file is after a merge, unless it cannot be merged: changes of the same place on
    /// both branches.
    fn merged(&self, state: &State, branch: Content, onto: u8) -> Option<Content> {
        let file = state.sides[1];
        let made = join(file.made, branch.made);
        if file.gone || branch.gone {
            let same = file.gone && branch.gone || !file.gone && file.value == onto;
            return same.then_some(Content {
                gone: true,
                made,
                ..file
            });
        }
        let value = if file.value == onto || file.value == branch.value {
            branch.value
        } else if branch.value == onto {
            file.value
        } else {
            return None;
        };
        Some(Content {
            value,
            made,
            ..file
        })
    }

    fn engine_steps(&self, state: &State, into: &mut Vec<Step<Action, State>>) {
        match state.memory {
            Some(memory) => {
                into.push(match memory {
                    Memory::Listed(_) => (Action::Ask, Ok(self.look(state, memory))),
                    Memory::Asked(..) => (Action::Decide, self.look_decided(state, memory)),
                });
            }
            None => {
                let ready = state.operations[0].is_some_and(|first| first.phase == Phase::Ready);
                if !ready {
                    let mut after = *state;
                    after.memory = Some(Memory::Listed(state.sides[1]));
                    into.push((Action::List, Ok(after)));
                }
            }
        }
        let Some(first) = state.operations[0] else {
            return;
        };
        if state.memory.is_some() {
            return;
        }
        match first.phase {
            Phase::Planned => into.push((Action::Intent, Ok(self.intent(state, first)))),
            Phase::Ready => {
                into.push((Action::Send, self.send(state, first)));
                if state.faults > 0 {
                    into.push((Action::Unanswered, self.unanswered(state, first)));
                    let mut after = *state;
                    after.faults -= 1;
                    after.operations[0] = Some(Operation {
                        phase: Phase::Unknown,
                        ..first
                    });
                    into.push((Action::Lost, Ok(after)));
                }
            }
            Phase::Unknown => into.push((Action::Resolve, self.resolve(state, first))),
        }
    }

    fn look(&self, state: &State, memory: Memory) -> State {
        let mut after = *state;
        if let Memory::Listed(file) = memory {
            let known = state
                .proposal
                .is_some_and(|proposal| proposal.known == Known::Open);
            let ended = (state.pull.as_ref())
                .filter(|pull| known && pull.stand != Stand::Open)
                .map(|pull| pull.stand);
            let again = ended.is_some() && !self.lacks(Rule::FileReadAfterPull);
            after.memory = Some(Memory::Asked((!again).then_some(file), ended));
        }
        after
    }

    fn look_decided(&self, state: &State, memory: Memory) -> Result<State, &'static str> {
        let mut from = *state;
        from.memory = None;
        match memory {
            Memory::Asked(file, ended) => {
                let file = file.unwrap_or(state.sides[1]);
                self.decide(&from, [state.sides[0], file], ended)
            }
            Memory::Listed(_) => Ok(from),
        }
    }

    /// One whole look, without anything that comes between.
    fn look_whole(&self, state: &State) -> Result<State, &'static str> {
        let listed = self.look(state, Memory::Listed(state.sides[1]));
        match listed.memory {
            Some(memory) => self.look_decided(&listed, memory),
            None => Ok(listed),
        }
    }

    fn run_to_rest(&self, start: &State) -> Result<u32, &'static str> {
        let mut state = *start;
        for steps in 0..REST_BOUND {
            if let Some(memory) = state.memory {
                state = match memory {
                    Memory::Listed(_) => self.look(&state, memory),
                    Memory::Asked(..) => self.look_decided(&state, memory)?,
                };
                continue;
            }
            state = match state.operations[0] {
                Some(first) => match first.phase {
                    Phase::Planned => self.intent(&state, first),
                    Phase::Ready => self.send(&state, first)?,
                    Phase::Unknown => self.resolve(&state, first)?,
                },
                None => {
                    let after = self.look_whole(&state)?;
                    if after == state || Self::is_kept_out(&after) {
                        return self.at_rest(&state).map(|()| steps);
                    }
                    after
                }
            };
        }
        Err(property::ENDLESS)
    }

    /// Whether nothing is left but a refresh of a branch on which somebody else committed, which is
    /// tried once in a while and refused.
    fn is_kept_out(state: &State) -> bool {
        let refresh =
            (state.operations[0]).is_some_and(|first| matches!(first.what, What::Propose(_)));
        let known = state
            .proposal
            .is_some_and(|known| known.known == Known::Open);
        refresh && known && state.open().is_some_and(|pull| !pull.ours)
    }

    /// Whether the difference between both sides is one that is proposed.
    fn proposes(&self, state: &State) -> bool {
        state.sides[1].value == state.base || state.policy == Policy::NotionWins
    }

    fn at_rest(&self, state: &State) -> Result<(), &'static str> {
        let [page, file] = state.sides;
        let open = state.open();
        let idle = || match open {
            Some(_) => Err(property::IDLE),
            None => Ok(()),
        };
        // Deleted here, edited there: people restore the one or delete the other.
        let against = state.policy == Policy::Manual || state.conflict.is_some();
        match (page.gone, file.gone) {
            (true, true) if state.life == Life::Tombstone => idle(),
            (true, false) if state.life == Life::Deleting => match open {
                Some(pull) if pull.kind == Kind::Delete => Ok(()),
                _ => Err(property::APART),
            },
            (true, false) if against && (state.conflict.is_some() || file.value != state.base) => {
                Ok(())
            }
            (false, true) if against && (state.conflict.is_some() || page.value != state.base) => {
                Ok(())
            }
            (false, false) if state.life != Life::Live => Err(property::APART),
            (false, false) if page.value == file.value => match state.conflict {
                Some(_) => Err(property::APART),
                None => idle(),
            },
            (false, false) => match state.conflict {
                Some(_) => match open {
                    Some(pull) if pull.kind != Kind::Conflict => Err(property::IDLE),
                    Some(pull) if pull.ours && pull.branch.value != page.value => {
                        Err(property::BEHIND)
                    }
                    _ => Ok(()),
                },
                None if self.deliver && self.proposes(state) => match open {
                    _ if state.closed >> page.value & 1 == 1 => Ok(()),
                    Some(pull) if pull.kind != Kind::Edit => Err(property::IDLE),
                    Some(pull) if pull.ours && pull.branch.value != page.value => {
                        Err(property::BEHIND)
                    }
                    Some(_) => Ok(()),
                    None if state.refused >> page.value & 1 == 1 => Err(property::HELD),
                    None => Err(property::APART),
                },
                None => Err(property::APART),
            },
            _ => Err(property::APART),
        }
    }
}

impl Model for Proposals {
    type State = State;
    type Action = Action;

    fn initial(&self) -> State {
        State::start(self)
    }

    fn steps(&self, state: &State, into: &mut Vec<Step<Action, State>>) {
        self.edit_steps(state, into);
        self.pull_steps(state, into);
        self.engine_steps(state, into);
    }

    fn settle(&self, state: &State) -> Result<u32, &'static str> {
        self.run_to_rest(state)
    }
}
