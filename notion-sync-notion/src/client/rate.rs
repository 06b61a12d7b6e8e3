//! The rate gate: one for each connection, shared by everything that uses its token.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use chrono::{DateTime, Duration, Utc};
use notion_sync_core::breaker::Breaker;

/// How many requests a window may hold.
///
/// Notion allows 180 requests in 60 seconds for each connection, 600 on Business and Enterprise
/// plans.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateBudget {
    /// Requests in one window. At least 1.
    pub requests: u32,
    /// Length of the window in seconds. At least 1.
    pub window_seconds: u32,
}

impl Default for RateBudget {
    fn default() -> Self {
        Self {
            requests: 180,
            window_seconds: 60,
        }
    }
}

/// What the gate says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// Send now; the request is counted.
    Now,
    /// Send no earlier than this.
    NotBefore(DateTime<Utc>),
}

/// Counts the requests of one connection over a sliding window and remembers when the service
/// asked to wait.
///
/// A sliding window never exceeds the service's fixed window, whatever phase that has.
#[derive(Debug)]
pub struct RateGate {
    budget: RateBudget,
    sharers: AtomicU32,
    breaker: Breaker,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    sent: VecDeque<DateTime<Utc>>,
    blocked_until: Option<DateTime<Utc>>,
}

impl Default for RateGate {
    fn default() -> Self {
        Self::new(RateBudget::default())
    }
}

impl RateGate {
    /// A gate with nothing sent yet.
    #[must_use]
    pub fn new(budget: RateBudget) -> Self {
        Self {
            budget: RateBudget {
                requests: budget.requests.max(1),
                window_seconds: budget.window_seconds.max(1),
            },
            sharers: AtomicU32::new(1),
            breaker: Breaker::default(),
            state: Mutex::new(State::default()),
        }
    }

    /// Shares the budget between so many workers that use the same connection, this one included:
    /// each takes an equal part, at least one request of a window.
    pub fn share(&self, workers: u32) {
        self.sharers.store(workers.max(1), Ordering::Relaxed);
    }

    /// Learns how a request ended: `failed` without an answer or with a 5xx. A service that is down is
    /// left alone for a while ([`Breaker`]).
    pub fn ended(&self, failed: bool, now: DateTime<Utc>) {
        if let Some(until) = self.breaker.ended(failed, now) {
            tracing::warn!(%until, "Notion does not answer: it is left alone for a while");
            self.block_until(until);
        }
    }

    /// Until when the service asked to wait, as far as that is known here.
    pub fn blocked_until(&self) -> Option<DateTime<Utc>> {
        self.lock().blocked_until
    }

    /// The budget of all that share it.
    #[must_use]
    pub fn budget(&self) -> RateBudget {
        self.budget
    }

    /// Asks to send one request at `now`.
    pub fn admit(&self, now: DateTime<Utc>) -> Admission {
        let mut state = self.lock();
        let answer = self.room(&mut state, now, 1);
        if answer == Admission::Now {
            state.sent.push_back(now);
        }
        answer
    }

    /// Asks to send one request that belongs to a write already begun: only a wait that the
    /// service itself asked for stops it, because a half-made write is worse than a wait.
    pub fn admit_begun(&self, now: DateTime<Utc>) -> Admission {
        let mut state = self.lock();
        if let Some(until) = state.blocked_until.filter(|until| *until > now) {
            return Admission::NotBefore(until);
        }
        state.sent.push_back(now);
        Admission::Now
    }

    /// Whether `requests` more would be admitted at `now`. Counts nothing. More than a whole
    /// window is treated as a whole window.
    pub fn room_for(&self, requests: u32, now: DateTime<Utc>) -> Admission {
        let mut state = self.lock();
        self.room(&mut state, now, requests)
    }

    /// How many requests of the window are left at `now`.
    #[must_use]
    pub fn remaining(&self, now: DateTime<Utc>) -> u32 {
        let window = Duration::seconds(i64::from(self.budget.window_seconds));
        let state = self.lock();
        let sent = (state.sent.iter().rev())
            .take_while(|sent| **sent + window > now)
            .count();
        let budget = (self.budget.requests / self.sharers.load(Ordering::Relaxed)).max(1);
        budget.saturating_sub(u32::try_from(sent).unwrap_or(u32::MAX))
    }

    /// Remembers that the service asked to wait. The later of two wins.
    pub fn block_until(&self, until: DateTime<Utc>) {
        let mut state = self.lock();
        state.blocked_until = Some(state.blocked_until.map_or(until, |old| old.max(until)));
    }

    fn room(&self, state: &mut State, now: DateTime<Utc>, requests: u32) -> Admission {
        if let Some(until) = state.blocked_until {
            if until > now {
                return Admission::NotBefore(until);
            }
            state.blocked_until = None;
        }
        let window = Duration::seconds(i64::from(self.budget.window_seconds));
        while state
            .sent
            .front()
            .is_some_and(|first| *first + window <= now)
        {
            state.sent.pop_front();
        }
        let sharers = self.sharers.load(Ordering::Relaxed);
        let budget = (self.budget.requests / sharers).max(1) as usize;
        let wanted = (requests as usize).min(budget);
        let excess = (state.sent.len() + wanted).saturating_sub(budget);
        if excess == 0 {
            return Admission::Now;
        }
        // `excess` requests have to leave the window first.
        match state.sent.get(excess - 1) {
            Some(sent) => Admission::NotBefore(*sent + window),
            None => Admission::Now,
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + Duration::seconds(second)
    }

    #[test]
    fn those_who_share_a_budget_keep_to_it_together() {
        let budget = RateBudget {
            requests: 10,
            window_seconds: 60,
        };
        for workers in 1..=12 {
            let gates: Vec<RateGate> = (0..workers).map(|_| RateGate::new(budget)).collect();
            let mut sent = 0;
            for gate in &gates {
                gate.share(workers);
                while gate.admit(at(0)) == Admission::Now {
                    sent += 1;
                }
            }
            assert!(sent <= 10.max(workers), "{workers} workers sent {sent}");
            assert!(sent >= 6, "{workers} workers sent {sent}");
        }
    }

    /// Every pattern of requests over 12 seconds: no window of 4 seconds holds more than 3, and
    /// the promised moment is the earliest that is admitted.
    #[test]
    fn no_window_holds_more_than_the_budget() {
        let budget = RateBudget {
            requests: 3,
            window_seconds: 4,
        };
        for pattern in 0_u32..(1 << 12) {
            let gate = RateGate::new(budget);
            let mut sent = Vec::new();
            for second in 0..12 {
                for _ in 0..=(pattern >> second & 1) {
                    match gate.admit(at(second)) {
                        Admission::Now => sent.push(second),
                        Admission::NotBefore(until) => {
                            assert!(until > at(second));
                            let recent = sent.iter().filter(|s| **s > second - 4).count();
                            assert_eq!(recent, 3, "refused although there was room");
                        }
                    }
                }
            }
            for start in 0..12 {
                let inside = sent.iter().filter(|s| (start..start + 4).contains(*s));
                assert!(inside.count() <= 3, "{pattern:b}");
            }
        }
    }

    #[test]
    fn a_wait_stops_everything() {
        let gate = RateGate::default();
        gate.block_until(at(10));
        gate.block_until(at(5));
        assert_eq!(gate.admit(at(9)), Admission::NotBefore(at(10)));
        assert_eq!(gate.admit_begun(at(9)), Admission::NotBefore(at(10)));
        assert_eq!(gate.admit(at(10)), Admission::Now);
    }

    #[test]
    fn room_is_asked_for_without_counting() {
        let gate = RateGate::new(RateBudget {
            requests: 2,
            window_seconds: 60,
        });
        assert_eq!(gate.room_for(100, at(0)), Admission::Now);
        assert_eq!(gate.admit(at(0)), Admission::Now);
        assert_eq!(gate.room_for(2, at(1)), Admission::NotBefore(at(60)));
        assert_eq!(gate.room_for(1, at(1)), Admission::Now);
        assert_eq!(gate.admit_begun(at(1)), Admission::Now);
        assert_eq!(gate.admit_begun(at(1)), Admission::Now);
        assert_eq!(gate.admit(at(2)), Admission::NotBefore(at(61)));
        assert_eq!(gate.admit(at(61)), Admission::Now);
    }
}
