//! Breadth-first search over every reachable state of a small model.
//!
//! States are kept whole and compared whole; the hash only finds the place to look. So two states
//! are never taken for one, and a run with the same model and limit visits the same states in the
//! same order on every machine.

use std::fmt::Display;
use std::hash::{BuildHasher, BuildHasherDefault, Hash, Hasher};

/// What one step leads to: the action, and the state after it or the property it breaks.
pub(crate) type Step<A, S> = (A, Result<S, &'static str>);

/// A model whose reachable states can be walked.
pub(crate) trait Model: Sync {
    /// Everything that can make a difference to what happens next, or to a property.
    type State: Copy + Eq + Hash;
    /// What happened, as a line of the trace.
    type Action: Copy + Display;

    /// Where each run starts.
    fn initial(&self) -> Self::State;

    /// Appends every step possible in `state`.
    fn steps(&self, state: &Self::State, into: &mut Vec<Step<Self::Action, Self::State>>);

    /// What must hold in each state by itself: the number of engine steps to rest once faults
    /// and edits stop, or the property that is broken.
    fn settle(&self, _: &Self::State) -> Result<u32, &'static str> {
        Ok(0)
    }
}

/// What was seen.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    /// Distinct states reached.
    pub(crate) states: usize,
    /// Steps taken, those to known states included.
    pub(crate) transitions: u64,
    /// Length of the longest shortest path to a state.
    pub(crate) depth: usize,
    /// Whether nothing was left to visit; false when the limit ended the search.
    pub(crate) complete: bool,
    /// Most engine steps to rest from any state.
    pub(crate) to_rest: u32,
    /// The first broken property.
    pub(crate) violation: Option<Violation>,
}

/// A broken property with a shortest way to it.
#[derive(Clone, Debug)]
pub(crate) struct Violation {
    /// Which property.
    pub(crate) property: &'static str,
    /// What happened, first step first.
    pub(crate) trace: Vec<String>,
}

/// Multiplies and rotates; the same on every run, unlike the standard one.
#[derive(Clone, Copy, Default)]
pub(crate) struct Mix(u64);

impl Hasher for Mix {
    fn finish(&self) -> u64 {
        let mixed = (self.0 ^ (self.0 >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        mixed ^ (mixed >> 29)
    }

    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            for (place, byte) in word.iter_mut().zip(chunk) {
                *place = *byte;
            }
            self.write_u64(u64::from_le_bytes(word));
        }
    }

    fn write_u8(&mut self, value: u8) {
        self.write_u64(u64::from(value));
    }

    fn write_u32(&mut self, value: u32) {
        self.write_u64(u64::from(value));
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = (self.0.rotate_left(5) ^ value).wrapping_mul(0x517c_c1b7_2722_0a95);
    }
}

/// The states seen so far, in the order they were seen, with an open-addressed index.
struct Seen<S> {
    states: Vec<S>,
    parents: Vec<u32>,
    index: Vec<u32>,
    hashes: BuildHasherDefault<Mix>,
}

const FREE: u32 = u32::MAX;

impl<S: Copy + Eq + Hash> Seen<S> {
    fn new() -> Self {
        Self {
            states: Vec::new(),
            parents: Vec::new(),
            index: vec![FREE; 1 << 12],
            hashes: BuildHasherDefault::default(),
        }
    }

    fn slot(&self, state: &S) -> usize {
        let mask = self.index.len() - 1;
        let mut slot = self.hashes.hash_one(state) as usize & mask;
        loop {
            let entry = self.index[slot];
            if entry == FREE || self.states[entry as usize] == *state {
                return slot;
            }
            slot = (slot + 1) & mask;
        }
    }

    /// Whether the state is new.
    fn insert(&mut self, state: S, parent: u32) -> bool {
        let slot = self.slot(&state);
        if self.index[slot] != FREE {
            return false;
        }
        self.index[slot] = self.states.len() as u32;
        self.states.push(state);
        self.parents.push(parent);
        if self.states.len() * 2 > self.index.len() {
            self.index = vec![FREE; self.index.len() * 2];
            for number in 0..self.states.len() {
                let slot = self.slot(&self.states[number]);
                self.index[slot] = number as u32;
            }
        }
        true
    }
}

/// Visits states until none is left, `limit` of them are known, or a property is broken.
pub(crate) fn search<M: Model>(model: &M, limit: usize) -> Outcome {
    let mut seen = Seen::new();
    let mut steps = Vec::new();
    let mut outcome = Outcome {
        states: 0,
        transitions: 0,
        depth: 0,
        complete: true,
        to_rest: 0,
        violation: None,
    };
    seen.insert(model.initial(), FREE);
    let mut next = 0;
    let mut level_end = 1;
    while next < seen.states.len() {
        if next == level_end {
            level_end = seen.states.len();
            outcome.depth += 1;
        }
        let state = seen.states[next];
        match model.settle(&state) {
            Ok(steps_to_rest) => outcome.to_rest = outcome.to_rest.max(steps_to_rest),
            Err(property) => {
                let trace = trace(
                    model,
                    &seen,
                    next,
                    Some("(faults and edits end)".to_owned()),
                );
                outcome.violation = Some(Violation { property, trace });
                break;
            }
        }
        if seen.states.len() >= limit {
            outcome.complete = false;
            break;
        }
        steps.clear();
        model.steps(&state, &mut steps);
        outcome.transitions += steps.len() as u64;
        for (action, result) in &steps {
            match result {
                Ok(after) => {
                    seen.insert(*after, next as u32);
                }
                Err(property) => {
                    let trace = trace(model, &seen, next, Some(action.to_string()));
                    outcome.violation = Some(Violation { property, trace });
                    outcome.states = seen.states.len();
                    return outcome;
                }
            }
        }
        next += 1;
    }
    outcome.states = seen.states.len();
    outcome
}

/// The actions from the start to a state. Only parents are stored; the action is found again by
/// taking the steps of each parent once more.
fn trace<M: Model>(
    model: &M,
    seen: &Seen<M::State>,
    state: usize,
    last: Option<String>,
) -> Vec<String> {
    let mut lines: Vec<String> = last.into_iter().collect();
    let mut child = state;
    let mut steps = Vec::new();
    while seen.parents[child] != FREE {
        let parent = seen.parents[child] as usize;
        steps.clear();
        model.steps(&seen.states[parent], &mut steps);
        let action = steps
            .iter()
            .find(|(_, after)| *after == Ok(seen.states[child]));
        lines.push(action.map_or_else(String::new, |(action, _)| action.to_string()));
        child = parent;
    }
    lines.reverse();
    lines
}

#[cfg(test)]
mod tests {
    use super::{Model, Step, search};

    /// Counts to a number by ones and twos; the number itself is forbidden.
    struct Count(u32);

    impl Model for Count {
        type State = u32;
        type Action = u32;

        fn initial(&self) -> u32 {
            0
        }

        fn steps(&self, state: &u32, into: &mut Vec<Step<u32, u32>>) {
            for add in [1, 2] {
                let after = state + add;
                if after == self.0 {
                    into.push((add, Err("reached")));
                } else if after < 20 {
                    into.push((add, Ok(after)));
                }
            }
        }
    }

    #[test]
    fn the_first_violation_has_a_shortest_trace() {
        let outcome = search(&Count(7), usize::MAX);
        let violation = outcome.violation.expect("7 is reached");
        assert_eq!(violation.trace.len(), 4);
        assert_eq!(
            violation
                .trace
                .iter()
                .map(|line| line.parse::<u32>().unwrap())
                .sum::<u32>(),
            7
        );
    }

    #[test]
    fn everything_reachable_is_visited_once_and_a_limit_is_told() {
        let whole = search(&Count(100), usize::MAX);
        assert_eq!((whole.states, whole.complete), (20, true));
        assert!(whole.violation.is_none());
        let cut = search(&Count(100), 5);
        assert!(!cut.complete && cut.states < 20);
    }
}
