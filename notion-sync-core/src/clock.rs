//! Time as an input.

use std::fmt;
use std::sync::Mutex;

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
