//! How far the clock here is ahead of the service's.

use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, Duration, Utc};

/// `Date` tells whole seconds.
const GRAIN: i64 = 1_000;
/// Less than this, in milliseconds, is no difference: a request takes its time, and clocks are never the same.
const AGREE: i64 = 1_000;

/// What the `Date` of the last answer told.
///
/// An edit time of Notion is a minute, and what was read once that minute is over counts as all that happened in
/// it. Whether it is over is for the clock that made the time.
#[derive(Debug, Default)]
pub(super) struct Ahead {
    milliseconds: AtomicI64,
}

impl Ahead {
    /// An answer to a request that was sent at `started` and is here at `ended`.
    pub(super) fn heard(
        &self,
        started: DateTime<Utc>,
        ended: DateTime<Utc>,
        date: Option<DateTime<Utc>>,
    ) {
        let Some(date) = date else { return };
        // At least: as if it was answered at once, at the end of that second. At most: at its beginning, and the
        // answer was on its way for all that time.
        let at_least = (started - date).num_milliseconds() - GRAIN;
        let at_most = (ended - date).num_milliseconds();
        let ahead = if at_least > AGREE { at_most } else { 0 };
        self.milliseconds.store(ahead, Ordering::Relaxed);
    }

    /// A moment of the clock here as the service's would tell it, where that one is behind; else as it is.
    pub(super) fn to_service(&self, here: DateTime<Utc>) -> DateTime<Utc> {
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
