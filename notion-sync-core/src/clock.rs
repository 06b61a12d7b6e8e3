//! Time as an input.

use std::fmt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, Duration, Utc};

/// The only clock the crates look at.
pub trait Clock: fmt::Debug + Send + Sync {
    /// The present moment.
    fn now(&self) -> DateTime<Utc>;
}

/// A clock that moves only when told to. Shared with the emulators in tests and in the demo, so
/// that quiet periods and whole minutes cost no real time.
#[derive(Debug)]
pub struct VirtualClock {
    now: Mutex<DateTime<Utc>>,
}

impl VirtualClock {
    /// A clock that stands at `start`.
    #[must_use]
    pub fn new(start: DateTime<Utc>) -> Self {
        Self {
            now: Mutex::new(start),
        }
    }

    /// Moves the clock forward. Never backward.
    pub fn advance(&self, by: Duration) {
        let mut now = self.lock();
        *now += by.max(Duration::zero());
    }

    /// Moves the clock forward to `to`, if that lies in the future.
    pub fn advance_to(&self, to: DateTime<Utc>) {
        let mut now = self.lock();
        *now = (*now).max(to);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, DateTime<Utc>> {
        self.now
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> DateTime<Utc> {
        *self.lock()
    }
}

/// How far the clock here is ahead of a service's, as the `Date` of its last answer told.
///
/// The time of an edit is a minute on Notion and a second on GitHub, and what was read once that is over counts as all
/// that happened in it. Whether it is over is for the clock that made the time.
#[derive(Debug, Default)]
pub struct Ahead {
    milliseconds: AtomicI64,
}

/// A `Date` header tells whole seconds.
const DATE_GRAIN: i64 = 1_000;
/// Less than this, in milliseconds, is no difference: a request takes its time, and clocks are never the same.
const AGREE: i64 = 1_000;

impl Ahead {
    /// An answer to a request that was sent at `started` and was here at `ended`, both by the clock here, with the
    /// `Date` that it bears. An answer without one changes nothing.
    pub fn heard(&self, started: DateTime<Utc>, ended: DateTime<Utc>, date: Option<DateTime<Utc>>) {
        let Some(date) = date else { return };
        // At least: as if it was answered at once, at the end of that second. At most: at its beginning, and the
        // answer was on its way for all that time.
        let at_least = (started - date).num_milliseconds() - DATE_GRAIN;
        let at_most = (ended - date).num_milliseconds();
        let ahead = if at_least > AGREE { at_most } else { 0 };
        self.milliseconds.store(ahead, Ordering::Relaxed);
    }

    /// A moment of the clock here as the service would tell it, where the clock here is clearly ahead; else the
    /// moment itself. Never later than `here`.
    #[must_use]
    pub fn to_service(&self, here: DateTime<Utc>) -> DateTime<Utc> {
        let ahead = Duration::milliseconds(self.milliseconds.load(Ordering::Relaxed));
        here.checked_sub_signed(ahead).unwrap_or(here)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_clock_that_is_clearly_ahead_is_set_back() {
        let date = DateTime::UNIX_EPOCH + Duration::seconds(1_000);
        let at = |milliseconds| date + Duration::milliseconds(milliseconds);
        for (started, ended, back) in [
            (0, 400, 0),
            (-600_000, -599_000, 0),
            (999, 60_000, 0),
            (2_000, 2_700, 0),
            (2_001, 2_700, 2_700),
            (430_000, 431_000, 431_000),
        ] {
            let ahead = Ahead::default();
            ahead.heard(at(started), at(ended), Some(date));
            assert_eq!(
                ahead.to_service(at(started)),
                at(started - back),
                "{started}"
            );
            // An answer that does not tell changes nothing; the next that does counts.
            ahead.heard(at(started), at(ended), None);
            assert_eq!(
                ahead.to_service(at(started)),
                at(started - back),
                "{started}"
            );
            ahead.heard(at(0), at(10), Some(date));
            assert_eq!(ahead.to_service(at(5)), at(5));
        }
    }

    #[test]
    fn dates_from_nowhere_do_not_break_anything() {
        let ahead = Ahead::default();
        let (first, last) = (DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC);
        ahead.heard(last, last, Some(first));
        assert_eq!(ahead.to_service(first), first);
        ahead.heard(first, first, Some(last));
        assert_eq!(ahead.to_service(last), last);
    }
}
