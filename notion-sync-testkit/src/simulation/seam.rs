//! What stands between an engine and its world: faults, crashes, and the record of everything that
//! happened.

use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use chrono::{DateTime, Utc};
use notion_sync_core::clock::{Clock as _, VirtualClock};
use notion_sync_core::id::Side;

use super::leases::Leases;
use super::turns::Stop;
use super::weather::{Broken, Counted, Sky, Weather};

/// What happened so far.
#[derive(Debug, Default)]
pub(super) struct Past {
    sky: Sky,
    pub(super) crashed: bool,
    pub(super) life: u64,
    /// When each process may ask a side again.
    pub(super) not_before: BTreeMap<(usize, Side), DateTime<Utc>>,
    /// Whose turn it is.
    pub(super) process: usize,
    /// Whether there are several.
    pub(super) company: bool,
    pub(super) stopped: Option<Stop>,
    pub(super) leases: Leases,
    hasher: blake3::Hasher,
    lines: Option<Vec<String>>,
    counts: BTreeMap<&'static str, u64>,
    violations: Vec<(&'static str, String)>,
}

/// The seam of a world. [`Fragile`](super::Fragile), [`Way`](super::Way) and
/// [`Unsteady`](super::Unsteady) ask it at every call, and everything is noted there: the hash of the
/// notes is the same whenever a seed is played again.
#[derive(Debug)]
pub struct Seam {
    clock: Mutex<Option<Arc<VirtualClock>>>,
    past: Mutex<Past>,
    latency: u32,
}

impl Seam {
    /// A seam where nothing happened yet. A request takes `latency` milliseconds. With `told` every
    /// event is kept as a line.
    #[must_use]
    pub fn new(latency: u32, told: bool) -> Arc<Self> {
        let past = Past {
            lines: told.then(Vec::new),
            ..Past::default()
        };
        Arc::new(Self {
            clock: Mutex::default(),
            past: Mutex::new(past),
            latency,
        })
    }

    pub(super) fn past(&self) -> MutexGuard<'_, Past> {
        self.past.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ties it to the clock of a world.
    pub fn tie(&self, clock: Arc<VirtualClock>) {
        *self.clock.lock().unwrap_or_else(PoisonError::into_inner) = Some(clock);
    }

    /// The clock, once it is tied to one.
    #[must_use]
    pub fn clock(&self) -> Option<Arc<VirtualClock>> {
        self.clock
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The present moment of its world.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        self.clock().map(|clock| clock.now()).unwrap_or_default()
    }

    /// How long a request takes, in milliseconds.
    #[must_use]
    pub fn latency(&self) -> u32 {
        self.latency
    }

    /// Writes down what happened.
    pub fn note(&self, line: &str) {
        let now = self.now();
        let mut past = self.past();
        past.hasher.update(&now.timestamp_millis().to_le_bytes());
        past.hasher.update(line.as_bytes());
        past.hasher.update(b"\n");
        if let Some(lines) = &mut past.lines {
            lines.push(format!("{} {line}", now.format("%dT%H:%M:%S%.3f")));
        }
    }

    /// Adds what is there in the end to the hash.
    pub fn seal(&self, what: &[u8]) {
        let mut past = self.past();
        past.hasher.update(&(what.len() as u64).to_le_bytes());
        past.hasher.update(what);
    }

    /// Counts something that should happen sometimes.
    pub fn count(&self, what: &'static str) {
        *self.past().counts.entry(what).or_default() += 1;
    }

    /// What was counted.
    #[must_use]
    pub fn counts(&self) -> BTreeMap<&'static str, u64> {
        self.past().counts.clone()
    }

    /// Everything that was noted.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        self.past().lines.clone().unwrap_or_default()
    }

    /// Hash of everything that was noted.
    #[must_use]
    pub fn hash(&self) -> String {
        self.past().hasher.finalize().to_hex().to_string()
    }

    /// Something is found wrong on the way.
    pub fn violate(&self, property: &'static str, message: String) {
        self.past().violations.push((property, message));
    }

    /// What was found wrong first.
    #[must_use]
    pub fn violation(&self) -> Option<(&'static str, String)> {
        self.past().violations.first().cloned()
    }

    /// A tick begins in which all that happens.
    pub fn begin(&self, weather: Weather) {
        let mut past = self.past();
        past.crashed = false;
        past.sky = Sky::new(weather);
    }

    /// Whether the process died.
    #[must_use]
    pub fn crashed(&self) -> bool {
        self.past().crashed
    }

    /// A new process: it knows nothing of limits that the old one was told of.
    pub fn restarted(&self) {
        let mut past = self.past();
        past.not_before.clear();
        past.life += 1;
    }

    /// The process cannot know any more how long it has waited: what it was told of limits counts no
    /// longer.
    pub fn forget_limits(&self) {
        self.past().not_before.clear();
    }

    /// How many processes died before the present one.
    #[must_use]
    pub fn life(&self) -> u64 {
        self.past().life
    }

    /// Counts a commit; says whether and how it fails.
    #[must_use]
    pub fn breaks(&self) -> Option<Broken> {
        self.past().sky.breaks()
    }

    /// Counts a call; says whether the process dies there, and whether the call takes effect first.
    #[must_use]
    pub fn dies(&self, writes: bool) -> Option<bool> {
        self.past().sky.dies(writes)
    }

    /// Counts a request, after [`dies`](Self::dies); says what strikes it.
    #[must_use]
    pub fn counted(&self, writes: bool) -> Counted {
        self.past().sky.counted(writes)
    }

    /// How many requests that change something the tick has made so far.
    #[must_use]
    pub fn written(&self) -> u32 {
        self.past().sky.written()
    }

    /// The process dies in this kind of step, which is a marker: nobody comes back from here, and
    /// whatever drives it notices with [`until_death`](Self::until_death).
    pub async fn die(&self, kind: &'static str, what: &str) {
        self.note(&format!("the process dies {what}"));
        self.count("crashed");
        self.count(kind);
        self.past().crashed = true;
        // Nobody will ever hear the answer.
        std::future::pending::<()>().await;
    }

    /// Drives what a process does. `None` when the process died: then all that it held in memory must
    /// be thrown away, and [`restarted`](Self::restarted) be said.
    pub async fn until_death<F: Future>(&self, work: F) -> Option<F::Output> {
        let mut work = pin!(work);
        poll_fn(|context| {
            let polled = work.as_mut().poll(context);
            match polled {
                _ if self.crashed() => Poll::Ready(None),
                Poll::Ready(done) => Poll::Ready(Some(done)),
                Poll::Pending => Poll::Pending,
            }
        })
        .await
    }
}
