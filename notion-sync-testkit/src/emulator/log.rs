//! What was asked, by whom and when.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// One request and the status it was answered with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogEntry {
    /// Position in the log, from 0, never reused, also after entries were dropped.
    pub sequence: u64,
    /// When the request was handled.
    pub at: DateTime<Utc>,
    /// Who asked: the name of the token's owner, or `anonymous`.
    pub actor: String,
    /// HTTP method.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// BLAKE3 of the body, hex, so that repeats can be told without keeping what people wrote.
    pub body_hash: String,
    /// Status of the answer; `0` when the connection was dropped.
    pub status: u16,
    /// Whether the request changed anything.
    pub effect: bool,
    /// The name of the fault that struck it, if one did.
    pub fault: Option<String>,
}

impl LogEntry {
    /// Whether the request only read.
    #[must_use]
    pub fn is_read(&self) -> bool {
        !self.effect
    }
}

/// The most recent requests, oldest first. Older ones are dropped beyond the capacity.
#[derive(Debug, Clone)]
pub struct RequestLog {
    entries: std::collections::VecDeque<LogEntry>,
    next: u64,
    capacity: usize,
}

impl Default for RequestLog {
    fn default() -> Self {
        Self {
            entries: std::collections::VecDeque::new(),
            next: 0,
            capacity: 200_000,
        }
    }
}

impl RequestLog {
    /// Adds an entry; its sequence number is set here and returned.
    pub fn push(&mut self, mut entry: LogEntry) -> u64 {
        entry.sequence = self.next;
        self.next += 1;
        if self.entries.len() == self.capacity {
            self.entries.pop_front();
        }
        let sequence = entry.sequence;
        self.entries.push_back(entry);
        sequence
    }

    /// The sequence number the next entry will get. Take it before a run to see what the run asked.
    #[must_use]
    pub fn mark(&self) -> u64 {
        self.next
    }

    /// The entries from `mark` on.
    pub fn since(&self, mark: u64) -> impl Iterator<Item = &LogEntry> {
        self.entries
            .iter()
            .filter(move |entry| entry.sequence >= mark)
    }

    /// Forgets everything. Sequence numbers go on.
    pub fn clear(&mut self) {
        self.entries.clear();
    }
}
