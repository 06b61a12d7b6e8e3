//! The circuit breaker of one service: when it does not answer, it is left alone for a while.
//!
//! Without it every operation that is due would wait for its own deadline while a service is down.
//! It opens after [`IN_A_ROW`] failures in a row, or when half of the last [`LOOKED_AT`] requests
//! failed. Once its pause is over the next request shows how things are: an answer closes it,
//! a failure opens it for twice as long.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, Duration, Utc};

/// So many failures in a row open it.
pub const IN_A_ROW: u32 = 5;
/// Half of so many requests that failed open it.
pub const LOOKED_AT: usize = 20;
/// Its first pause, in seconds.
const FIRST_PAUSE: i64 = 10;
/// Its longest pause, in seconds.
const LONGEST_PAUSE: i64 = 300;

/// Counts how requests to one service end.
#[derive(Debug, Default)]
pub struct Breaker {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Whether each of the last requests failed.
    recent: VecDeque<bool>,
    in_a_row: u32,
    /// How often it opened since the last answer.
    opened: u32,
}

impl Breaker {
    /// A request ended: `failed` where there was no answer, or one with a 5xx status. Answers until
    /// when the service is to be left alone, where that is decided now.
    #[must_use]
    pub fn ended(&self, failed: bool, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.recent.push_back(failed);
        if state.recent.len() > LOOKED_AT {
            state.recent.pop_front();
        }
        if !failed {
            state.in_a_row = 0;
            if state.opened > 0 {
                *state = State::default();
            }
            return None;
        }
        state.in_a_row += 1;
        let failures = state.recent.iter().filter(|failed| **failed).count();
        let half = state.recent.len() == LOOKED_AT && failures * 2 >= LOOKED_AT;
        if state.opened == 0 && state.in_a_row < IN_A_ROW && !half {
            return None;
        }
        let doubled = FIRST_PAUSE << state.opened.min(5);
        let pause = Duration::seconds(doubled.min(LONGEST_PAUSE));
        *state = State {
            opened: state.opened + 1,
            ..State::default()
        };
        Some(now + pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + Duration::seconds(second)
    }

    /// The pause in seconds that each of these endings asks for, 0 for none.
    fn pauses(ends: &[bool]) -> Vec<i64> {
        let breaker = Breaker::default();
        ends.iter()
            .map(|failed| {
                breaker
                    .ended(*failed, at(7))
                    .map_or(0, |until| (until - at(7)).num_seconds())
            })
            .collect()
    }

    #[test]
    fn five_in_a_row_open_it_and_each_further_failure_for_twice_as_long() {
        let down = pauses(&[true; 12]);
        assert_eq!(down, [0, 0, 0, 0, 10, 20, 40, 80, 160, 300, 300, 300]);
    }

    #[test]
    fn an_answer_closes_it() {
        let ends = [true, true, true, true, true, false, true, true, true, true];
        assert_eq!(pauses(&ends), [0, 0, 0, 0, 10, 0, 0, 0, 0, 0]);
    }

    #[test]
    fn half_of_the_last_twenty_open_it() {
        let every_other: Vec<bool> = (0..30).map(|n| n % 2 == 0).collect();
        let pauses = pauses(&every_other);
        let first = pauses.iter().position(|pause| *pause > 0);
        assert_eq!(first, Some(20), "{pauses:?}");
        let seldom: Vec<bool> = (0..300).map(|n| n % 3 == 0).collect();
        assert_eq!(self::pauses(&seldom).iter().sum::<i64>(), 0);
    }
}
