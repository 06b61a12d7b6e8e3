//! How late listings show what is there. Waits and overlaps rest on a bound for it that nobody promises, so it is
//! measured: what was made here has a time at which it was there, and a listing that did not show it began
//! later. Bounds only grow by it, to twice of what was seen.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Duration, Utc};

use crate::engine::observe::looking::Looking;
use crate::engine::report::{Incident, MappingReport};
use crate::engine::{Binding, Engine};
use crate::id::{MappingId, RemoteRef, Side};
use crate::state::MappingState;

/// How many objects are waited for. What is made beyond that is not measured.
const MOST: usize = 10_000;

/// For how long an object is waited for, in hours: a filter of the mapping may never show it, and what is shown later
/// than that is for the sweep.
const LONGEST: i64 = 1;

/// What this process knows of it.
#[derive(Debug, Default)]
pub(in crate::engine) struct Lags(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    made: BTreeMap<(MappingId, Side, RemoteRef), Made>,
    worst: BTreeMap<(MappingId, Side), u32>,
}

/// An object that was made and that no listing has shown yet.
#[derive(Debug)]
struct Made {
    /// When the answer said that it is there.
    at: DateTime<Utc>,
    /// When the last listing began that did not show it.
    missed: Option<DateTime<Utc>>,
}

impl Lags {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An object was made, and its answer came now.
    pub(in crate::engine) fn made(
        &self,
        mapping: &MappingId,
        side: Side,
        object: &RemoteRef,
        now: DateTime<Utc>,
    ) {
        let mut inner = self.lock();
        if inner.made.len() < MOST {
            let made = Made {
                at: now,
                missed: None,
            };
            (inner.made).insert((mapping.clone(), side, object.clone()), made);
        }
    }

    /// The longest that a listing was seen to lag, in seconds.
    pub(in crate::engine) fn worst(&self, mapping: &MappingId, side: Side) -> u32 {
        let worst = self.lock().worst.get(&(mapping.clone(), side)).copied();
        worst.unwrap_or_default()
    }

    /// Takes over what is stored. Answers what is known now.
    fn know(&self, mapping: &MappingId, stored: &BTreeMap<Side, u32>) -> BTreeMap<Side, u32> {
        let mut inner = self.lock();
        for (side, seconds) in stored {
            let worst = inner.worst.entry((mapping.clone(), *side)).or_default();
            *worst = (*worst).max(*seconds);
        }
        (inner.worst.iter())
            .filter(|((of, _), _)| of == mapping)
            .map(|((_, side), seconds)| (*side, *seconds))
            .collect()
    }

    /// Looks what a complete listing of a side shows of what was made before it began.
    fn see(&self, mapping: &MappingId, side: Side, began: DateTime<Utc>, looking: &Looking) {
        let mut inner = self.lock();
        let Inner { made, worst } = &mut *inner;
        made.retain(|(of, on, object), made| {
            if (of, *on) != (mapping, side) || began <= made.at {
                return true;
            }
            let Some(item) = looking.items.get(&(side, object.clone())) else {
                made.missed = Some(began);
                return began - made.at < Duration::hours(LONGEST);
            };
            // What was edited since may have been in the trash meanwhile.
            let untouched = item.revision.at <= made.at;
            if let (Some(missed), true) = (made.missed, untouched) {
                let lag = u32::try_from((missed - made.at).num_seconds()).unwrap_or(0);
                let known = worst.entry((mapping.clone(), side)).or_default();
                *known = (*known).max(lag);
            }
            false
        });
    }
}

impl Engine {
    /// Brings what the store knows of a mapping's listings to whoever has to wait for them.
    pub(in crate::engine) fn know_lags(&self, binding: &Binding, stored: &MappingState) {
        for (side, seconds) in self.lags.know(&binding.mapping.id, &stored.lags) {
            binding.remote(side).lags(seconds);
        }
    }

    /// What listings that began at these moments show; only complete ones are asked.
    pub(in crate::engine) fn see_lags(
        &self,
        binding: &Binding,
        listings: [(Side, DateTime<Utc>, bool); 2],
        looking: &Looking,
    ) {
        for (side, began, complete) in listings {
            if complete {
                self.lags.see(&binding.mapping.id, side, began, looking);
            }
        }
    }

    /// Keeps what was measured, and tells of a bound that had to grow.
    pub(in crate::engine) fn keep_lags(
        &self,
        binding: &Binding,
        next: &mut MappingState,
        report: &mut MappingReport,
    ) {
        let id = &binding.mapping.id;
        report.lags = self.lags.know(id, &next.lags);
        for (side, seconds) in &report.lags {
            let before = next.lags.get(side).copied().unwrap_or_default();
            if *seconds > before && twice(*seconds) > self.bounds.visibility {
                report.incidents.push(Incident {
                    subject: format!("mapping {id}"),
                    message: format!(
                        "{side} showed a new object {seconds} s late: from now on the outcome of a creation \
                         without an answer is looked for after {} s instead of {}",
                        twice(*seconds),
                        self.bounds.visibility
                    ),
                    drift: false,
                });
            }
        }
        next.lags.clone_from(&report.lags);
        self.know_lags(binding, next);
    }

    /// After how many seconds whatever was made is surely shown.
    pub(in crate::engine) fn visibility(&self, mapping: &MappingId, side: Side) -> u32 {
        let measured = twice(self.lags.worst(mapping, side));
        self.bounds.visibility.max(measured)
    }
}

fn twice(seconds: u32) -> u32 {
    seconds.saturating_mul(2)
}
