//! The rate limit: a fixed window per connection.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::id::NotionId;

/// The width of the window in seconds.
const WINDOW: i64 = 60;

/// Counts requests per connection in windows of 60 s that begin with the first request.
#[derive(Debug, Clone, Default)]
pub(crate) struct Limiter {
    windows: BTreeMap<NotionId, (DateTime<Utc>, u32)>,
}

impl Limiter {
    /// Counts a request; gives the seconds to wait when the budget is spent.
    pub(crate) fn count(&mut self, who: NotionId, budget: u32, now: DateTime<Utc>) -> Option<u32> {
        let (start, used) = self.windows.entry(who).or_insert((now, 0));
        let age = (now - *start).num_seconds();
        if !(0..WINDOW).contains(&age) {
            (*start, *used) = (now, 0);
        }
        if *used >= budget {
            let left = WINDOW - (now - *start).num_seconds();
            return Some(u32::try_from(left.clamp(1, WINDOW)).unwrap_or(1));
        }
        *used += 1;
        None
    }
}
