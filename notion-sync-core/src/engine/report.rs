//! What a tick did.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::engine::observe::hints::HINTS;
use crate::error::{Error, ErrorKind, Retry};
use crate::id::{MappingId, OpId, Side};

/// What a tick did and when the next one is due.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tick {
    /// By mapping.
    pub mappings: Vec<MappingReport>,
    /// When to come back at the latest, polls included.
    pub next_due: Option<DateTime<Utc>>,
    /// When work that is under way goes on (settling pages, quiet periods, retries); `None` when
    /// nothing is under way.
    pub settle_due: Option<DateTime<Utc>>,
}

/// What was done for one mapping.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MappingReport {
    /// The mapping.
    pub mapping: MappingId,
    /// How many records were looked at.
    pub observed: usize,
    /// How many objects of each side a listing of what changed showed as new or moved, our own
    /// writes included. Full listings are left out.
    #[serde(default)]
    pub found: BTreeMap<Side, usize>,
    /// Whether both sides were listed to their end, and nothing of what was listed had to wait.
    #[serde(default)]
    pub complete: bool,
    /// How many hints were answered.
    #[serde(default)]
    pub hints: usize,
    /// Whether an object was made that belongs to a pair now.
    #[serde(skip)]
    pub(super) paired: bool,
    /// How many operations were planned.
    pub planned: usize,
    /// What was written.
    pub applied: Vec<Applied>,
    /// What a person has to look at.
    pub incidents: Vec<Incident>,
    /// How many records have open conflicts.
    pub conflicts: usize,
    /// How many operations are not final.
    pub open_operations: usize,
    /// How many of them wait for a person.
    pub blocked: usize,
    /// How many operations were set aside in this tick.
    pub dead: usize,
    /// Why the guard stopped the run, with the hash to approve.
    pub guard: Option<String>,
    /// Why absence proves nothing on a side, where what must be readable there is not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub doubts: Vec<String>,
    /// Errors that stopped part of the run.
    pub errors: Vec<String>,
    /// Whether credentials or permissions were refused.
    pub refused: bool,
    /// Whether waiting helps.
    pub retry: bool,
    /// Which other worker works on the mapping; nothing was looked at then, or the rest was left to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worked_by: Option<String>,
    /// Why nothing is written, where somebody froze the mapping; nothing was looked at then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frozen: Option<String>,
    /// The longest, in seconds, that listings of a side were seen not to show what had been made.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub lags: BTreeMap<Side, u32>,
    /// Until when a remote asked to wait.
    pub waits_until: Option<DateTime<Utc>>,
    /// When to come back.
    pub next_due: Option<DateTime<Utc>>,
    /// When work that is under way goes on.
    pub settle_due: Option<DateTime<Utc>>,
}

/// A write that was applied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Applied {
    /// The operation.
    pub op: OpId,
    /// The side written.
    pub side: Side,
    /// One line for people.
    pub summary: String,
}

/// Something a person has to look at.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Incident {
    /// Which record, for people.
    pub subject: String,
    /// What, and what to do.
    pub message: String,
    /// Whether registry and remotes contradict each other.
    pub drift: bool,
}

impl Tick {
    pub(super) fn add(&mut self, report: MappingReport) {
        let earlier = |a: Option<DateTime<Utc>>, b: Option<DateTime<Utc>>| match (a, b) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        self.next_due = earlier(self.next_due, report.next_due);
        self.settle_due = earlier(self.settle_due, report.settle_due);
        self.mappings.push(report);
    }

    /// Where a mapping answered as many hints as it does in one tick others may be left for it: the next
    /// tick is due.
    pub(super) fn more(&mut self, now: DateTime<Utc>) {
        if self.mappings.iter().any(|report| report.hints >= HINTS) {
            self.next_due = Some(now);
            self.settle_due = Some(now);
        }
    }

    /// How many writes were applied.
    #[must_use]
    pub fn writes(&self) -> usize {
        self.mappings
            .iter()
            .map(|report| report.applied.len())
            .sum()
    }

    /// Every error, by mapping.
    pub fn errors(&self) -> impl Iterator<Item = &str> {
        self.mappings
            .iter()
            .flat_map(|report| report.errors.iter().map(String::as_str))
    }
}

impl MappingReport {
    pub(super) fn new(mapping: MappingId) -> Self {
        Self {
            mapping,
            observed: 0,
            found: BTreeMap::new(),
            complete: false,
            hints: 0,
            paired: false,
            planned: 0,
            applied: Vec::new(),
            incidents: Vec::new(),
            conflicts: 0,
            open_operations: 0,
            blocked: 0,
            dead: 0,
            guard: None,
            doubts: Vec::new(),
            errors: Vec::new(),
            refused: false,
            retry: false,
            worked_by: None,
            frozen: None,
            lags: BTreeMap::new(),
            waits_until: None,
            next_due: None,
            settle_due: None,
        }
    }

    /// Another worker has the mapping: its rest is looked at again then.
    pub(super) fn elsewhere(&mut self, owner: String, until: DateTime<Utc>) {
        tracing::debug!(mapping = %self.mapping, owner, %until, "another worker is at it");
        self.worked_by = Some(owner);
        self.errors.clear();
        self.complete = false;
        self.next_due = Some(until);
        self.settle_due = Some(until);
    }

    /// A remote asked to wait: not an error, the work goes on later.
    pub(super) fn wait(&mut self, until: DateTime<Utc>, why: String) {
        self.retry = true;
        self.waits_until = self.waits_until.max(Some(until));
        tracing::info!(mapping = %self.mapping, %until, why, "waits");
    }

    pub(super) fn fail(&mut self, error: &Error) {
        if let Retry::NotBefore(until) = error.retry() {
            return self.wait(until, error.to_string());
        }
        match error.kind() {
            ErrorKind::Unauthorized | ErrorKind::Forbidden => self.refused = true,
            ErrorKind::Unavailable
            | ErrorKind::RateLimited
            | ErrorKind::NotApplied
            | ErrorKind::Stale => {
                self.retry = true;
            }
            _ => {}
        }
        self.errors.push(error.to_string());
    }
}
