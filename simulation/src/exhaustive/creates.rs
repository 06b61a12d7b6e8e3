//! Unnamed creates: no key, no conditional write, a lookup that lags.
//!
//! Two workers share one operation. Each may stop for good or for a while at any point, and the
//! other may take the lease at any moment, which is harsher than a lease that must first run out.
//! Time is whole ticks. A request may still be applied up to `late` ticks after it was sent, an
//! object must show in the lookup `lag` ticks after it came to be and may show earlier, and a
//! worker sends at most `pause` ticks after its intent was stored.

use std::fmt;

use super::search::{Model, Step};

const ATTEMPTS: usize = 3;
const WORKERS: usize = 2;

/// How a create is repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    /// Wait this many ticks after the newest intent, look, then try again.
    Wait(u8),
    /// Try again at once, without looking.
    Blind,
    /// Look at once, and store nothing before sending.
    NoIntent,
    /// Wait for the whole period, but let a worker store an intent after its lease was taken.
    NoFence(u8),
    /// Wait for the whole period, but send however long ago the intent was stored.
    NoGate(u8),
    /// Wait for the whole period, but mark each attempt with another id.
    OtherMark(u8),
    /// Wait for the whole period, but look where objects show one tick later than assumed.
    SlowLookup(u8),
}

impl Rule {
    fn wait(self) -> u8 {
        match self {
            Rule::Wait(ticks)
            | Rule::NoFence(ticks)
            | Rule::NoGate(ticks)
            | Rule::OtherMark(ticks)
            | Rule::SlowLookup(ticks) => ticks,
            Rule::Blind | Rule::NoIntent => 0,
        }
    }
}

/// One set of bounds with one rule.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Creates {
    /// G: longest time between intent and send.
    pub(crate) pause: u8,
    /// D: longest time between send and commit.
    pub(crate) late: u8,
    /// V: longest time between commit and first sight.
    pub(crate) lag: u8,
    /// How a create is repeated.
    pub(crate) rule: Rule,
}

/// A request and what became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Request {
    None,
    /// Sent so many ticks ago, not applied yet.
    Sent(u8),
    /// Applied so many ticks ago; ticks beyond the lag are not counted.
    Made(u8),
    /// Will never be applied.
    Lost,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Worker {
    Idle,
    /// Found nothing.
    Looked,
    /// Stored the intent of this attempt, has not sent.
    Ready(u8),
    /// Waits for the answer of this attempt.
    Waiting(u8),
    /// Has the answer: it was made.
    Told,
}

/// All that matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct State {
    /// Ticks since the intent of each attempt was stored, counted up to where it stops mattering.
    intents: [Option<u8>; ATTEMPTS],
    requests: [Request; ATTEMPTS],
    workers: [Worker; WORKERS],
    holder: Option<u8>,
    done: bool,
}

/// One step.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Action {
    Tick,
    Take(usize),
    Stop(usize),
    Begin(usize),
    Look(usize, bool),
    Intent(usize, usize),
    Send(usize, usize),
    Drop(usize),
    Commit(usize),
    Answer(usize),
    GiveUp(usize),
    Store(usize),
}

impl fmt::Display for Action {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Action::Tick => write!(to, "a tick passes"),
            Action::Take(worker) => write!(to, "worker {worker} takes the lease"),
            Action::Stop(worker) => write!(to, "worker {worker} stops and starts again"),
            Action::Begin(worker) => write!(to, "worker {worker} begins without a look"),
            Action::Look(worker, true) => write!(to, "worker {worker} looks and finds it"),
            Action::Look(worker, false) => write!(to, "worker {worker} looks and finds nothing"),
            Action::Intent(worker, attempt) => {
                write!(to, "worker {worker} stores the intent of attempt {attempt}")
            }
            Action::Send(worker, attempt) => write!(to, "worker {worker} sends attempt {attempt}"),
            Action::Drop(attempt) => write!(to, "attempt {attempt} is lost on the way"),
            Action::Commit(attempt) => write!(to, "the server applies attempt {attempt}"),
            Action::Answer(worker) => write!(to, "worker {worker} gets the answer"),
            Action::GiveUp(worker) => write!(to, "worker {worker} waits no longer"),
            Action::Store(worker) => write!(to, "worker {worker} stores the outcome"),
        }
    }
}

/// The property of this model.
pub(crate) const DUPLICATE: &str = "P11: two objects for one operation";

impl Creates {
    /// The least wait that the theorem asks for.
    pub(crate) fn enough(&self) -> u8 {
        self.pause + self.late + self.lag
    }

    fn lookup_lag(&self) -> u8 {
        match self.rule {
            Rule::SlowLookup(_) => self.lag + 1,
            _ => self.lag,
        }
    }

    /// Beyond this age of an intent nothing changes any more.
    fn oldest_intent(&self) -> u8 {
        self.rule.wait().max(self.pause + 1)
    }

    fn newest(state: &State) -> Option<usize> {
        (0..ATTEMPTS)
            .rev()
            .find(|attempt| state.intents[*attempt].is_some())
    }

    fn tick(&self, state: &State) -> State {
        let mut after = *state;
        for age in after.intents.iter_mut().flatten() {
            *age = (*age + 1).min(self.oldest_intent());
        }
        for request in &mut after.requests {
            *request = match *request {
                Request::Sent(age) if age >= self.late => Request::Lost,
                Request::Sent(age) => Request::Sent(age + 1),
                Request::Made(age) => Request::Made((age + 1).min(self.lookup_lag())),
                other => other,
            };
        }
        after
    }

    /// Whether a lookup may, and whether it must, find an object.
    fn visible(&self, state: &State) -> (bool, bool) {
        if matches!(self.rule, Rule::OtherMark(_)) {
            return (false, false);
        }
        let mut may = false;
        let mut must = false;
        for request in &state.requests {
            if let Request::Made(age) = request {
                may = true;
                must |= *age >= self.lookup_lag();
            }
        }
        (may, must)
    }

    fn worker_steps(&self, state: &State, worker: usize, into: &mut Vec<Step<Action, State>>) {
        let holds = state.holder == Some(worker as u8);
        let mut go = |action, change: &dyn Fn(&mut State)| {
            let mut after = *state;
            change(&mut after);
            into.push((action, Ok(after)));
        };
        if !holds && !state.done {
            go(Action::Take(worker), &|after| {
                after.holder = Some(worker as u8);
                // A worker that starts on the operation anew forgets what it found under the lease
                // it lost; the one that lost the lease just now keeps what it has in memory.
                after.workers[worker] = Worker::Idle;
            });
        }
        if state.workers[worker] != Worker::Idle {
            go(Action::Stop(worker), &|after| {
                after.workers[worker] = Worker::Idle;
            });
        }
        let newest = Self::newest(state);
        let attempt = newest.map_or(0, |newest| newest + 1);
        match state.workers[worker] {
            Worker::Idle if holds && !state.done => {
                let waited = match newest {
                    None => true,
                    Some(newest) => state.intents[newest] >= Some(self.rule.wait()),
                };
                if newest.is_none() && self.rule != Rule::NoIntent || self.rule == Rule::Blind {
                    // The first attempt has nothing to look for.
                    go(Action::Begin(worker), &|after| {
                        after.workers[worker] = Worker::Looked;
                    });
                } else if waited {
                    let (may, must) = self.visible(state);
                    if may {
                        go(Action::Look(worker, true), &|after| {
                            after.done = true;
                            after.workers[worker] = Worker::Idle;
                        });
                    }
                    if !must {
                        go(Action::Look(worker, false), &|after| {
                            after.workers[worker] = Worker::Looked;
                        });
                    }
                }
            }
            Worker::Looked if attempt < ATTEMPTS => {
                let fenced = (holds && !state.done) || matches!(self.rule, Rule::NoFence(_));
                if self.rule == Rule::NoIntent {
                    // The slot is the request's own; nothing durable is read from it again.
                    if let Some(free) =
                        (0..ATTEMPTS).find(|slot| state.requests[*slot] == Request::None)
                    {
                        go(Action::Send(worker, free), &|after| {
                            after.requests[free] = Request::Sent(0);
                            after.workers[worker] = Worker::Waiting(free as u8);
                        });
                    }
                } else if fenced {
                    go(Action::Intent(worker, attempt), &|after| {
                        after.intents[attempt] = Some(0);
                        after.workers[worker] = Worker::Ready(attempt as u8);
                    });
                }
            }
            Worker::Ready(attempt) => {
                let attempt = attempt as usize;
                let in_time = state.intents[attempt].is_some_and(|age| age <= self.pause)
                    || matches!(self.rule, Rule::NoGate(_));
                if in_time {
                    go(Action::Send(worker, attempt), &|after| {
                        after.requests[attempt] = Request::Sent(0);
                        after.workers[worker] = Worker::Waiting(attempt as u8);
                    });
                }
            }
            Worker::Waiting(attempt) => {
                if matches!(state.requests[attempt as usize], Request::Made(_)) {
                    go(Action::Answer(worker), &|after| {
                        after.workers[worker] = Worker::Told;
                    });
                }
                go(Action::GiveUp(worker), &|after| {
                    after.workers[worker] = Worker::Idle;
                });
            }
            Worker::Told => go(Action::Store(worker), &|after| {
                // Under a lost lease the outcome is refused; the object stays to be found.
                after.done |= holds;
                after.workers[worker] = Worker::Idle;
            }),
            Worker::Idle | Worker::Looked => {}
        }
    }
}

impl Model for Creates {
    type State = State;
    type Action = Action;

    fn initial(&self) -> State {
        State {
            intents: [None; ATTEMPTS],
            requests: [Request::None; ATTEMPTS],
            workers: [Worker::Idle; WORKERS],
            holder: None,
            done: false,
        }
    }

    fn steps(&self, state: &State, into: &mut Vec<Step<Action, State>>) {
        let passed = self.tick(state);
        if passed != *state {
            into.push((Action::Tick, Ok(passed)));
        }
        for worker in 0..WORKERS {
            self.worker_steps(state, worker, into);
        }
        let made = state
            .requests
            .iter()
            .any(|request| matches!(request, Request::Made(_)));
        for (attempt, request) in state.requests.iter().enumerate() {
            if let Request::Sent(_) = request {
                let mut after = *state;
                after.requests[attempt] = Request::Lost;
                into.push((Action::Drop(attempt), Ok(after)));
                after.requests[attempt] = Request::Made(0);
                let result = if made { Err(DUPLICATE) } else { Ok(after) };
                into.push((Action::Commit(attempt), result));
            }
        }
    }
}
