//! Who decided and wrote what, and why.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::hash::ContentHash;
use crate::id::{MappingId, OpId, RecordId, Side, SyncRunId};
use crate::record::Record;

/// One row of the audit. Append-only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditRow {
    /// When.
    pub at: DateTime<Utc>,
    /// The mapping.
    pub mapping: MappingId,
    /// The record.
    pub record: RecordId,
    /// The page's title at that time, for people.
    pub title: String,
    /// What happened.
    pub event: AuditEvent,
    /// The operation.
    #[serde(default)]
    pub op: Option<OpId>,
    /// The run.
    #[serde(default)]
    pub run: Option<SyncRunId>,
    /// The side written, where one was.
    #[serde(default)]
    pub side: Option<Side>,
    /// Rows of the decision table behind it.
    #[serde(default)]
    pub rows: Vec<u8>,
    /// One line for people.
    pub summary: String,
    /// Anything else by name: losers' values, commit, number.
    #[serde(default)]
    pub details: BTreeMap<String, String>,
}

/// The detail of a row about an operation that was given up half-way, whose part another operation took over later:
/// the id of that one.
pub const PART_OF: &str = "part_of";

impl AuditRow {
    /// A row about a record, of no operation and with no details.
    pub(crate) fn about(
        at: DateTime<Utc>,
        record: &Record,
        event: AuditEvent,
        summary: impl Into<String>,
    ) -> Self {
        Self {
            at,
            mapping: record.mapping.clone(),
            record: record.id.clone(),
            title: record.title.clone(),
            event,
            op: None,
            run: None,
            side: None,
            rows: Vec::new(),
            summary: summary.into(),
            details: BTreeMap::new(),
        }
    }
}

/// Rows for which one transaction has room, beside the record, its operations and its text.
const ROOM: usize = 40;

/// The rows of one transaction. Where they are too many for it, those of one event and side share a row, in whose
/// details the number of each stands first. The first of all, and rows about an operation, stay as they are.
pub(crate) fn gathered(rows: Vec<AuditRow>) -> Vec<AuditRow> {
    if rows.len() <= ROOM {
        return rows;
    }
    let mut alone = Vec::new();
    let mut alike: BTreeMap<_, Vec<AuditRow>> = BTreeMap::new();
    for row in rows {
        if alone.is_empty() || row.op.is_some() {
            alone.push(row);
        } else {
            alike.entry((row.event, row.side)).or_default().push(row);
        }
    }
    let shared = alike.into_values().filter_map(shared);
    alone.into_iter().chain(shared).collect()
}

fn shared(rows: Vec<AuditRow>) -> Option<AuditRow> {
    let count = rows.len();
    let mut whole = rows.first()?.clone();
    if count == 1 {
        return Some(whole);
    }
    whole.summary = format!("{}, and {} more of this kind", whole.summary, count - 1);
    whole.rows.clear();
    whole.details.clear();
    for (row, number) in rows.into_iter().zip(1..) {
        let mut numbered = |name: &str, value: String| {
            whole.details.insert(format!("{number:03} {name}"), value);
        };
        for (name, value) in row.details {
            numbered(&name, value);
        }
        numbered("summary", row.summary);
        whole.rows.extend(row.rows);
    }
    whole.rows.sort_unstable();
    whole.rows.dedup();
    Some(whole)
}

/// The domain tag of the hash of a link.
const DOMAIN: &str = "nsync/audit/v2";

/// A row in the chain of its record: it names the one before by its hash, so that a row that was
/// changed, added or taken out later is found ([`State::verify_audit`]).
///
/// [`State::verify_audit`]: crate::state::State::verify_audit
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditLink {
    /// Position in the chain, from 1.
    pub number: u64,
    /// Hash of the link before; none at the first.
    pub previous: Option<ContentHash>,
    /// The row.
    pub row: AuditRow,
}

impl AuditLink {
    /// Its hash, over the row and all rows before it.
    #[must_use]
    pub fn hash(&self) -> ContentHash {
        ContentHash::of(DOMAIN, self)
    }

    /// The same from the bytes in which it is stored. Also what a later release does not know of a row,
    /// or writes otherwise, is as it was written.
    pub(crate) fn hash_of_encoded(bytes: &[u8]) -> ContentHash {
        ContentHash::of_bytes(DOMAIN, bytes)
    }
}

/// What a look through all chains found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct AuditProof {
    /// Records with a chain.
    pub records: usize,
    /// Rows in these chains.
    pub rows: usize,
    /// Where a chain is broken.
    pub faults: Vec<AuditFault>,
}

/// A place where the audit is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AuditFault {
    /// The record.
    pub record: RecordId,
    /// Position in its chain.
    pub number: u64,
    /// What is wrong there.
    pub what: &'static str,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuditEvent {
    /// A write was planned.
    Planned,
    /// A write was applied.
    Applied,
    /// A write was given up because the world moved on.
    Voided,
    /// A write waits for a person.
    Blocked,
    /// A write was set aside.
    Dead,
    /// Both sides were found equal, or one was found moved without a difference.
    Agreed,
    /// A conflict was opened.
    ConflictOpened,
    /// A conflict was settled.
    ConflictClosed,
    /// A value lost under a wins policy, or was removed; it is kept here.
    Loser,
    /// A pair was made, adopted, detached or buried.
    Mapping,
    /// A second object was found that one creation of ours made; its details name both and the creation.
    Duplicate,
    /// Registry and remotes contradict each other.
    Drift,
    /// A person edited what a write changed while that was under way: what they wrote may be gone.
    Overlap,
    /// The guard stopped a run until a person approves it.
    Guard,
    /// A person decided.
    Decision,
    /// Something could not be read or used.
    Problem,
    /// A rule fired.
    Fired,
    /// A step of a rule ended without a write: it was so already, or it was cancelled, refused, or
    /// waited too long.
    Step,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_has_the_hash_of_the_bytes_in_which_it_is_stored() {
        let row = AuditRow {
            at: DateTime::UNIX_EPOCH,
            mapping: "backlog".into(),
            record: "r-1".into(),
            title: "Größe \"A\"\n".to_owned(),
            event: AuditEvent::Loser,
            op: Some("op-1".into()),
            run: None,
            side: Some(Side::Github),
            rows: vec![8, 55],
            summary: "write".to_owned(),
            details: [("value".to_owned(), "\u{1}é".to_owned())].into(),
        };
        let first = AuditLink {
            number: 1,
            previous: None,
            row,
        };
        let second = AuditLink {
            number: 2,
            previous: Some(first.hash()),
            row: first.row.clone(),
        };
        for link in [first, second] {
            let bytes = serde_json::to_vec(&link).unwrap();
            assert_eq!(AuditLink::hash_of_encoded(&bytes), link.hash());
        }
    }
}
