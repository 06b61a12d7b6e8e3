//! Where state lives: a small set of conditional, atomic changes.
//!
//! The contract is what SQLite, PostgreSQL and DynamoDB can all do: items under a table and a key,
//! each with a version; at most [`MAX_CHANGES`] of them changed at once, all or none; a few named
//! indexes to find keys by. Typed access to records, operations and so on is written once on top of
//! it, in `state`.

use std::fmt;

use async_trait::async_trait;

use crate::error::Result;

/// The most changes one [`Store::commit`] takes (the smallest limit of the supported databases).
pub const MAX_CHANGES: usize = 100;

/// The largest body of one item in bytes; longer values are cut into chunks above the store
/// (DynamoDB items end at 400 KB).
pub const MAX_BODY: usize = 300_000;

/// The kinds of items.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Table {
    /// Pairs that are kept the same.
    Record,
    /// Which record owns a remote object: key is the remote reference, so that two records can
    /// never own one object.
    Claim,
    /// Operations: writes that are planned, sent or settled.
    Operation,
    /// Attempts to send an operation, append-only.
    Attempt,
    /// Who decided and wrote what, append-only.
    Audit,
    /// Hints that arrived and were not looked at yet.
    Inbox,
    /// State of a mapping: cursors, schema, fingerprint of its configuration.
    Mapping,
    /// Content that bases, conflicts and operations refer to, in chunks.
    Content,
    /// Plans that were shown and wait for an approval.
    Plan,
    /// Locks and leases.
    Lease,
    /// State of the whole installation: kill switch, rate gates, ETags.
    Setting,
}

impl Table {
    /// Every table.
    pub const ALL: [Self; 11] = [
        Self::Record,
        Self::Claim,
        Self::Operation,
        Self::Attempt,
        Self::Audit,
        Self::Inbox,
        Self::Mapping,
        Self::Content,
        Self::Plan,
        Self::Lease,
        Self::Setting,
    ];

    /// The name stores use. Stable.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Record => "record",
            Self::Claim => "claim",
            Self::Operation => "operation",
            Self::Attempt => "attempt",
            Self::Audit => "audit",
            Self::Inbox => "inbox",
            Self::Mapping => "mapping",
            Self::Content => "content",
            Self::Plan => "plan",
            Self::Lease => "lease",
            Self::Setting => "setting",
        }
    }
}

/// An entry of an index: items of one `name` and `key` are found together, ordered by `sort`.
///
/// Names, keys and sorts hold ids, states and times only, never anything people wrote: indexes are
/// not sealed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct IndexEntry {
    /// Name of the index, for example `record-by-mapping`.
    pub name: &'static str,
    /// What to look up, for example the mapping's id.
    pub key: String,
    /// Order within the key, byte-wise.
    pub sort: String,
}

/// A stored item.
#[derive(Clone, PartialEq, Eq)]
pub struct Item {
    /// Its key.
    pub key: String,
    /// Its version: 1 when created, one more with every change.
    pub version: u64,
    /// Its body, opened.
    pub body: Vec<u8>,
}

impl fmt::Debug for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Bodies hold what people wrote: only their size is printed.
        write!(
            f,
            "Item({} v{} {} bytes)",
            self.key,
            self.version,
            self.body.len()
        )
    }
}

/// What must be stored for a change to happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// Nothing under this key.
    Absent,
    /// Exactly this version.
    Version(u64),
    /// Whatever is there, or nothing.
    Any,
}

/// One change of a commit.
#[derive(Clone, PartialEq, Eq)]
pub enum Change {
    /// Writes an item and replaces its index entries.
    Put {
        /// Table.
        table: Table,
        /// Key, at most 512 bytes.
        key: String,
        /// Condition.
        expect: Expect,
        /// All its index entries from now on.
        indexes: Vec<IndexEntry>,
        /// Body, at most [`MAX_BODY`] bytes. Stores seal it.
        body: Vec<u8>,
    },
    /// Removes an item and its index entries.
    Delete {
        /// Table.
        table: Table,
        /// Key.
        key: String,
        /// Condition. `Any` does nothing when there is no such item.
        expect: Expect,
    },
    /// Changes nothing, but the commit fails unless the condition holds.
    Check {
        /// Table.
        table: Table,
        /// Key.
        key: String,
        /// Condition.
        expect: Expect,
    },
}

impl fmt::Debug for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Put {
                table,
                key,
                expect,
                indexes,
                body,
            } => f
                .debug_struct("Put")
                .field("table", table)
                .field("key", key)
                .field("expect", expect)
                .field("indexes", indexes)
                .field("bytes", &body.len())
                .finish(),
            Self::Delete { table, key, expect } => {
                write!(f, "Delete({}/{key} {expect:?})", table.name())
            }
            Self::Check { table, key, expect } => {
                write!(f, "Check({}/{key} {expect:?})", table.name())
            }
        }
    }
}

/// Keeps items.
///
/// # Contract
///
/// * [`commit`](Self::commit) is atomic and durable: when it returns `Ok`, every change is stored
///   and survives a crash; when it returns an error, none is, except that an error of kind
///   [`Store`](crate::ErrorKind::Store) may leave it unknown which of the two (the caller reads).
/// * If a condition does not hold the error is [`Stale`](crate::ErrorKind::Stale).
/// * Two changes of one commit never name the same table and key: that is
///   [`Invalid`](crate::ErrorKind::Invalid), and nothing is written. So is an empty key, a key over
///   512 bytes, a body over [`MAX_BODY`], more than [`MAX_CHANGES`] changes.
/// * [`get`](Self::get) sees every commit that returned before it was called.
/// * [`query`](Self::query) may lag behind commits; it returns keys in ascending `sort` order, then
///   by key. Callers get the item by key before they rely on it.
/// * Bodies are unreadable at rest without the key ring, keys and indexes are not secret.
/// * A version never repeats for a key, also after the item was deleted and created again within
///   one store.
#[async_trait]
pub trait Store: fmt::Debug + Send + Sync {
    /// Returns the item under `key`.
    async fn get(&self, table: Table, key: &str) -> Result<Option<Item>>;

    /// Returns the items under `keys`, in that order, absent ones left out. At most 100 keys.
    async fn get_many(&self, table: Table, keys: &[String]) -> Result<Vec<Item>>;

    /// Returns up to `limit` entries (at most 1,000) of the index `name` under `key`, with a
    /// (sort, item key) greater than `after`.
    async fn query(&self, query: Query<'_>) -> Result<Vec<Hit>>;

    /// Carries out all changes or none.
    async fn commit(&self, changes: Vec<Change>) -> Result<()>;
}

/// A question to an index.
#[derive(Debug, Clone, Copy)]
pub struct Query<'a> {
    /// Table whose items are looked for.
    pub table: Table,
    /// Name of the index.
    pub name: &'a str,
    /// Key in the index.
    pub key: &'a str,
    /// Only entries after this (sort, item key).
    pub after: Option<(&'a str, &'a str)>,
    /// At most so many, 1 to 1,000.
    pub limit: usize,
}

/// An answer of an index.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hit {
    /// The entry's sort.
    pub sort: String,
    /// The item's key.
    pub key: String,
}

#[cfg(test)]
fn _is_dyn(_: &dyn Store) {}
