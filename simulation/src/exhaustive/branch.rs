//! Two files of two records on one branch, written by one commit, while people commit to the
//! same branch and reset it to an earlier commit.
//!
//! The engine reads the head, builds a commit on it, reads the head once more and moves the branch
//! without force. The service takes any commit that has the present head among its ancestors, so a
//! reset would bring dropped commits back. What counts is what people committed and dropped; that
//! both sides agree later is for the one-unit model.

use std::fmt;

use super::search::{Model, Step};

/// A rule; a model without it must break a property.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    /// The head is read again just before the branch is moved.
    ReadAgain,
    /// The branch is moved without force.
    NoForce,
    /// A file that is not as expected is left out.
    FileAsExpected,
    /// Where only the head moved, the commit is built again on the new one.
    BuiltAgain,
    /// A file that is not as expected keeps no other file from being written.
    EachByItself,
}

/// Bounds and the rules in force.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Branch {
    /// Commits of people.
    pub(crate) commits: u8,
    /// Resets of the branch to an earlier commit.
    pub(crate) resets: u8,
    /// The rule that is taken out.
    pub(crate) without: Option<Rule>,
}

const FILES: usize = 2;
const LONGEST: usize = 6;
/// What the engine writes into a file; people write other values.
const WRITTEN: u8 = 9;

/// A commit: its id, and what the files are in it. No two have the same id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Commit {
    id: u8,
    files: [u8; FILES],
}

/// The commits of a branch, oldest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct History {
    commits: [Option<Commit>; LONGEST],
    length: u8,
}

impl History {
    fn head(&self) -> Commit {
        let last = (self.commits.iter().flatten()).last().copied();
        last.unwrap_or(Commit {
            id: 0,
            files: [0; FILES],
        })
    }

    fn holds(&self, id: u8) -> bool {
        self.commits.iter().flatten().any(|commit| commit.id == id)
    }

    fn add(&mut self, commit: Commit) {
        if let Some(place) = self.commits.get_mut(self.length as usize) {
            *place = Some(commit);
            self.length += 1;
        }
    }

    fn reset(&mut self, length: u8) {
        self.length = length;
        for place in self.commits.iter_mut().skip(length as usize) {
            *place = None;
        }
    }
}

/// How far the write of a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Write {
    /// It is to be written where it holds this value.
    Wanted(u8),
    Done,
    /// It was not as expected: what stands there is looked at anew.
    Void,
}

/// What the engine has in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Built {
    /// The history that the new commit stands on, itself included.
    history: History,
    /// The head that it was built on.
    onto: u8,
    /// The files that it writes.
    writes: [bool; FILES],
    /// The head was read again.
    verified: bool,
    /// Ghost: people changed the branch since that.
    window: bool,
}

/// All that matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct State {
    branch: History,
    writes: [Write; FILES],
    built: Option<Built>,
    next: u8,
    commits: u8,
    resets: u8,
    /// Ghost: commits that people dropped.
    dropped: u16,
    /// Ghost: files that people changed since the write was planned.
    touched: u8,
}

/// One step.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Action {
    Commit(usize, u8),
    Reset(u8),
    Build,
    Verify,
    Move,
}

impl fmt::Display for Action {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Action::Commit(2, _) => write!(to, "human commits another file"),
            Action::Commit(file, value) => write!(to, "human commits file {file} as {value}"),
            Action::Reset(length) => write!(to, "human resets the branch to commit {length}"),
            Action::Build => write!(to, "engine reads the head and builds a commit on it"),
            Action::Verify => write!(to, "engine reads the head once more"),
            Action::Move => write!(to, "engine moves the branch and stores the outcome"),
        }
    }
}

const BACK: &str = "P02: a commit that people had dropped is back";
const GONE: &str = "P02: a commit of a person is gone from the branch";
const LOST: &str = "P02: a human value was overwritten unseen";
const GIVEN_UP: &str = "P20: a write is given up although its file is as expected";

impl Branch {
    fn lacks(&self, rule: Rule) -> bool {
        self.without == Some(rule)
    }

    /// Reads the head; files that are not as expected are void, the others are built.
    fn build(&self, state: &State) -> Result<State, &'static str> {
        let mut after = *state;
        let head = state.branch.head();
        let mut files = head.files;
        let mut writes = [false; FILES];
        let mut refused = false;
        for file in 0..FILES {
            if let Write::Wanted(expected) = state.writes[file] {
                if head.files[file] == expected || self.lacks(Rule::FileAsExpected) {
                    files[file] = WRITTEN;
                    writes[file] = true;
                } else {
                    after.writes[file] = Write::Void;
                    refused = true;
                }
            }
        }
        if refused && self.lacks(Rule::EachByItself) {
            return self.give_up(&after, writes);
        }
        if writes == [false; FILES] {
            return Ok(after);
        }
        let mut history = state.branch;
        history.add(Commit {
            id: state.next,
            files,
        });
        after.next += 1;
        after.built = Some(Built {
            history,
            onto: head.id,
            writes,
            verified: false,
            window: false,
        });
        Ok(after)
    }

    /// Nothing of this is written.
    fn give_up(&self, state: &State, writes: [bool; FILES]) -> Result<State, &'static str> {
        let mut after = *state;
        after.built = None;
        for file in (0..FILES).filter(|file| writes[*file]) {
            if state.writes[file] == Write::Wanted(state.branch.head().files[file]) {
                return Err(GIVEN_UP);
            }
            after.writes[file] = Write::Void;
        }
        Ok(after)
    }

    /// The branch is not where it was: the commit is built again.
    fn moved(&self, state: &State, built: &Built) -> Result<State, &'static str> {
        if self.lacks(Rule::BuiltAgain) {
            return self.give_up(state, built.writes);
        }
        let mut after = *state;
        after.built = None;
        Ok(after)
    }

    fn verify(&self, state: &State, built: &Built) -> Result<State, &'static str> {
        if !self.lacks(Rule::ReadAgain) && state.branch.head().id != built.onto {
            return self.moved(state, built);
        }
        let mut after = *state;
        after.built = Some(Built {
            verified: true,
            ..*built
        });
        Ok(after)
    }

    fn move_branch(&self, state: &State, built: &Built) -> Result<State, &'static str> {
        let forward = built.history.holds(state.branch.head().id);
        if !forward && !self.lacks(Rule::NoForce) {
            return self.moved(state, built);
        }
        let back = (built.history.commits.iter().flatten())
            .any(|commit| state.dropped >> commit.id & 1 == 1);
        // The stated limit: nothing closes the time between that look and the move.
        let excused = built.window && !self.lacks(Rule::ReadAgain);
        if back && !excused {
            return Err(BACK);
        }
        let gone =
            (state.branch.commits.iter().flatten()).any(|commit| !built.history.holds(commit.id));
        if gone {
            return Err(GONE);
        }
        let mut after = *state;
        after.branch = built.history;
        after.built = None;
        for file in (0..FILES).filter(|file| built.writes[*file]) {
            if state.touched >> file & 1 == 1 && self.lacks(Rule::FileAsExpected) {
                return Err(LOST);
            }
            after.writes[file] = Write::Done;
        }
        Ok(after)
    }

    fn next(&self, state: &State) -> Result<(Action, State), &'static str> {
        match &state.built {
            None => Ok((Action::Build, self.build(state)?)),
            Some(built) if built.verified => Ok((Action::Move, self.move_branch(state, built)?)),
            Some(built) => Ok((Action::Verify, self.verify(state, built)?)),
        }
    }

    fn human(state: &State) -> State {
        let mut after = *state;
        if let Some(built) = &mut after.built {
            built.window |= built.verified;
        }
        after
    }
}

impl Model for Branch {
    type State = State;
    type Action = Action;

    fn initial(&self) -> State {
        let mut branch = History {
            commits: [None; LONGEST],
            length: 0,
        };
        branch.add(Commit {
            id: 0,
            files: [0; FILES],
        });
        State {
            branch,
            writes: [Write::Wanted(0); FILES],
            built: None,
            next: 1,
            commits: self.commits,
            resets: self.resets,
            dropped: 0,
            touched: 0,
        }
    }

    fn steps(&self, state: &State, into: &mut Vec<Step<Action, State>>) {
        if state.commits > 0 && (state.branch.length as usize) < LONGEST - 1 {
            for file in 0..=FILES {
                for value in 0..2 {
                    let mut files = state.branch.head().files;
                    match files.get_mut(file) {
                        Some(now) if *now == value => continue,
                        Some(now) => *now = value,
                        None if value > 0 => continue,
                        None => {}
                    }
                    let mut after = Self::human(state);
                    after.commits -= 1;
                    after.branch.add(Commit {
                        id: state.next,
                        files,
                    });
                    after.next += 1;
                    if files.get(file).is_some_and(|now| *now != 0) {
                        after.touched |= 1 << file;
                    }
                    into.push((Action::Commit(file, value), Ok(after)));
                }
            }
        }
        if state.resets > 0 {
            for length in 1..state.branch.length {
                let mut after = Self::human(state);
                after.resets -= 1;
                for commit in state.branch.commits.iter().flatten().skip(length as usize) {
                    after.dropped |= 1 << commit.id;
                }
                after.branch.reset(length);
                into.push((Action::Reset(length), Ok(after)));
            }
        }
        match self.next(state) {
            Ok((action, after)) if after != *state => into.push((action, Ok(after))),
            Ok(_) => {}
            Err(property) => into.push((Action::Move, Err(property))),
        }
    }

    fn settle(&self, state: &State) -> Result<u32, &'static str> {
        let mut now = *state;
        let mut steps = 0;
        loop {
            let (_, after) = self.next(&now)?;
            if after == now {
                return Ok(steps);
            }
            now = after;
            steps += 1;
            if steps > 20 {
                return Err("P20: no rest within the bound");
            }
        }
    }
}
