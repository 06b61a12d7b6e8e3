//! The rate gate: whether a request may go now, or when.
//!
//! It never sleeps. Limits are those GitHub publishes (points per minute, content per minute and
//! hour, the primary quota in the headers) and what its refusals say.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use chrono::{DateTime, Duration, Utc};
use http::HeaderMap;
use notion_sync_core::breaker::Breaker;

/// Limits of the gate. The defaults are GitHub's published numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimits {
    /// Points per minute; a read costs 1, a write 5.
    pub points_per_minute: u32,
    /// Requests that create content (issues, comments, pull requests) per minute.
    pub content_per_minute: u32,
    /// The same per hour.
    pub content_per_hour: u32,
    /// Least time between two operations that write, in milliseconds.
    pub write_spacing_ms: u32,
    /// Least time between two operations that notify people, in milliseconds.
    pub notify_spacing_ms: u32,
    /// Reads stop when less than this share of the primary quota is left, in percent, so that
    /// writes that are under way still fit.
    pub read_reserve_percent: u8,
}

impl Default for RateLimits {
    fn default() -> Self {
        Self {
            points_per_minute: 900,
            content_per_minute: 80,
            content_per_hour: 500,
            write_spacing_ms: 1_000,
            notify_spacing_ms: 3_000,
            read_reserve_percent: 5,
        }
    }
}

impl RateLimits {
    /// No spacing between writes, for emulators and tests; the published limits stay.
    #[must_use]
    pub fn unspaced() -> Self {
        Self {
            write_spacing_ms: 0,
            notify_spacing_ms: 0,
            ..Self::default()
        }
    }
}

/// The gate's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// Send.
    Now,
    /// Not before this moment.
    NotBefore(DateTime<Utc>),
}

/// What a refusal said about limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// The hourly quota is used up.
    Primary {
        /// When it is filled again.
        until: DateTime<Utc>,
    },
    /// Too fast or too much content.
    Secondary {
        /// When to go on, where the answer says so.
        until: Option<DateTime<Utc>>,
    },
}

/// What one request costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Weight {
    /// Whether it writes.
    pub write: bool,
    /// Whether it creates content.
    pub creates: bool,
}

impl Weight {
    fn points(self) -> u32 {
        if self.write { 5 } else { 1 }
    }
}

/// Quota names are the service's; a bound keeps a broken server from filling memory.
const MAX_RESOURCES: usize = 16;
/// No header holds the gate closed for longer.
const LONGEST: Duration = Duration::hours(2);
/// First wait after a secondary limit that names none; doubles up to [`LONGEST_GUESS`].
const FIRST_GUESS: Duration = Duration::seconds(60);
const LONGEST_GUESS: Duration = Duration::minutes(15);

#[derive(Debug, Default)]
struct State {
    quotas: BTreeMap<String, Quota>,
    points: VecDeque<(DateTime<Utc>, u32)>,
    content: VecDeque<DateTime<Utc>>,
    last_write: Option<DateTime<Utc>>,
    last_notice: Option<DateTime<Utc>>,
    blocked_until: Option<DateTime<Utc>>,
    guess: Option<Duration>,
}

#[derive(Debug, Clone, Copy)]
struct Quota {
    limit: u32,
    remaining: u32,
    reset: DateTime<Utc>,
}

/// Whether a request may go now. One for each credential.
#[derive(Debug)]
pub struct RateGate {
    limits: RateLimits,
    sharers: AtomicU32,
    breaker: Breaker,
    state: Mutex<State>,
}

impl RateGate {
    /// A gate that has seen nothing yet.
    #[must_use]
    pub fn new(limits: RateLimits) -> Self {
        Self {
            limits,
            sharers: AtomicU32::new(1),
            breaker: Breaker::default(),
            state: Mutex::new(State::default()),
        }
    }

    /// Shares the limits between so many workers that use the same credential, this one included:
    /// each takes an equal part. The hourly quota needs no sharing, the headers tell what is left.
    pub fn share(&self, workers: u32) {
        self.sharers.store(workers.max(1), Ordering::Relaxed);
    }

    /// Learns how a request ended: `failed` without an answer or with a 5xx. A service that is down is
    /// left alone for a while ([`Breaker`]).
    pub fn ended(&self, failed: bool, now: DateTime<Utc>) {
        if let Some(until) = self.breaker.ended(failed, now) {
            tracing::warn!(%until, "GitHub does not answer: it is left alone for a while");
            self.block_until(until);
        }
    }

    /// Until when a refusal asked to wait.
    pub fn blocked_until(&self) -> Option<DateTime<Utc>> {
        self.lock().blocked_until
    }

    /// Waits until then, because somebody else with the same credential was refused.
    pub fn block_until(&self, until: DateTime<Utc>) {
        let mut state = self.lock();
        state.blocked_until = state.blocked_until.max(Some(until));
    }

    /// This worker's part of the limits.
    fn limits(&self) -> RateLimits {
        let sharers = self.sharers.load(Ordering::Relaxed);
        let part = |n: u32| (n / sharers).max(1);
        RateLimits {
            // A write costs 5, and must be possible.
            points_per_minute: (self.limits.points_per_minute / sharers).max(5),
            content_per_minute: part(self.limits.content_per_minute),
            content_per_hour: part(self.limits.content_per_hour),
            write_spacing_ms: self.limits.write_spacing_ms.saturating_mul(sharers),
            notify_spacing_ms: self.limits.notify_spacing_ms.saturating_mul(sharers),
            ..self.limits
        }
    }

    /// Asks whether an operation that writes may start: `writes` requests, of which `creates`
    /// create content. Spacing counts between operations, not between the requests of one: an
    /// operation of several requests that were spaced could never end, since nothing here waits.
    #[must_use]
    pub fn begin(&self, writes: u32, creates: u32, now: DateTime<Utc>) -> Admission {
        let limits = self.limits();
        let mut state = self.lock();
        state.forget(now);
        let mut earliest = now;
        if let Some(last) = state.last_write {
            earliest = earliest.max(last + millis(limits.write_spacing_ms));
        }
        if let (true, Some(last)) = (creates > 0, state.last_notice) {
            earliest = earliest.max(last + millis(limits.notify_spacing_ms));
        }
        // An operation larger than a whole window may start on an empty one.
        let points = writes.saturating_mul(5).min(limits.points_per_minute);
        earliest = earliest
            .max(state.points_free(points, limits.points_per_minute, now))
            .max(state.content_free(creates, &limits, now))
            .max(state.hard_block("core", 0, now));
        if earliest > now {
            return Admission::NotBefore(earliest);
        }
        state.last_write = Some(now);
        if creates > 0 {
            state.last_notice = Some(now);
        }
        Admission::Now
    }

    /// Asks for one request and counts it.
    #[must_use]
    pub fn admit(&self, resource: &str, weight: Weight, now: DateTime<Utc>) -> Admission {
        let limits = self.limits();
        let mut state = self.lock();
        state.forget(now);
        let reserve = if weight.write {
            0
        } else {
            limits.read_reserve_percent
        };
        let mut earliest = state
            .hard_block(resource, reserve, now)
            .max(state.points_free(weight.points(), limits.points_per_minute, now));
        if weight.creates {
            earliest = earliest.max(state.content_free(1, &limits, now));
        }
        if earliest > now {
            return Admission::NotBefore(earliest);
        }
        state.points.push_back((now, weight.points()));
        if weight.creates {
            state.content.push_back(now);
        }
        Admission::Now
    }

    /// Learns from the headers of an answer.
    pub fn observe(&self, headers: &HeaderMap, now: DateTime<Utc>) {
        let number = |name: &str| header(headers, name)?.parse::<i64>().ok();
        let (Some(limit), Some(remaining), Some(reset)) = (
            number("x-ratelimit-limit"),
            number("x-ratelimit-remaining"),
            number("x-ratelimit-reset"),
        ) else {
            return;
        };
        let Some(reset) = moment(reset) else { return };
        let resource = header(headers, "x-ratelimit-resource").unwrap_or("core");
        let mut state = self.lock();
        if !state.quotas.contains_key(resource) && state.quotas.len() >= MAX_RESOURCES {
            return;
        }
        let quota = Quota {
            limit: u32::try_from(limit.max(0)).unwrap_or(u32::MAX),
            remaining: u32::try_from(remaining.max(0)).unwrap_or(u32::MAX),
            reset: reset.min(now + LONGEST),
        };
        state.quotas.insert(resource.to_owned(), quota);
    }

    /// Closes the gate after a refusal and answers until when.
    pub fn refused(&self, limit: Limit, now: DateTime<Utc>) -> DateTime<Utc> {
        let mut state = self.lock();
        let until = match limit {
            Limit::Primary { until } | Limit::Secondary { until: Some(until) } => until,
            Limit::Secondary { until: None } => {
                let guess = state
                    .guess
                    .map_or(FIRST_GUESS, |last| (last * 2).min(LONGEST_GUESS));
                state.guess = Some(guess);
                now + guess
            }
        };
        let until = until.clamp(now + Duration::seconds(1), now + LONGEST);
        let until = state
            .blocked_until
            .map_or(until, |blocked| blocked.max(until));
        state.blocked_until = Some(until);
        until
    }

    /// Learns that a request was served: the next secondary limit starts at the first wait again.
    pub fn served(&self) {
        self.lock().guess = None;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl State {
    fn forget(&mut self, now: DateTime<Utc>) {
        let minute = now - Duration::minutes(1);
        while self.points.front().is_some_and(|(at, _)| *at <= minute) {
            self.points.pop_front();
        }
        let hour = now - Duration::hours(1);
        while self.content.front().is_some_and(|at| *at <= hour) {
            self.content.pop_front();
        }
    }

    /// The earliest moment at which neither a refusal nor an empty quota forbids a request.
    fn hard_block(&self, resource: &str, reserve: u8, now: DateTime<Utc>) -> DateTime<Utc> {
        let mut earliest = self.blocked_until.map_or(now, |until| until.max(now));
        if let Some(quota) = self.quotas.get(resource) {
            let kept = u64::from(quota.limit) * u64::from(reserve) / 100;
            let empty = quota.remaining == 0 || u64::from(quota.remaining) < kept;
            if empty && quota.reset > now {
                earliest = earliest.max(quota.reset + Duration::seconds(1));
            }
        }
        earliest
    }

    fn points_free(&self, wanted: u32, limit: u32, now: DateTime<Utc>) -> DateTime<Utc> {
        let mut used: u32 = self.points.iter().map(|(_, points)| points).sum();
        for (at, points) in &self.points {
            if used + wanted <= limit {
                break;
            }
            used -= points;
            if used + wanted <= limit {
                return (*at + Duration::minutes(1)).max(now);
            }
        }
        now
    }

    fn content_free(&self, wanted: u32, limits: &RateLimits, now: DateTime<Utc>) -> DateTime<Utc> {
        if wanted == 0 {
            return now;
        }
        let window = |limit: u32, width: Duration| {
            let recent: Vec<_> = self
                .content
                .iter()
                .filter(|at| **at > now - width)
                .collect();
            let room = limit.saturating_sub(wanted.min(limit)) as usize;
            match recent.len().checked_sub(room + 1) {
                Some(index) => recent.get(index).map_or(now, |at| **at + width),
                None => now,
            }
        };
        window(limits.content_per_minute, Duration::minutes(1))
            .max(window(limits.content_per_hour, Duration::hours(1)))
            .max(now)
    }
}

fn millis(n: u32) -> Duration {
    Duration::milliseconds(i64::from(n))
}

pub(crate) fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// Seconds since the epoch; values that can only be milliseconds are taken as such.
pub(crate) fn moment(seconds: i64) -> Option<DateTime<Utc>> {
    let seconds = if seconds > 100_000_000_000 {
        seconds / 1_000
    } else {
        seconds
    };
    DateTime::from_timestamp(seconds, 0)
}
