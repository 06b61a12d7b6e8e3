//! What a store offers to the layers above it: bodies with their marker, and sweeps.

use async_trait::async_trait;
use notion_sync_core::store::{Change, Expect, Item, MAX_BODY, Store, Table};
use notion_sync_core::{Error, ErrorKind, Result};

use crate::limits::COMMITTING;

/// How many bytes a stored frame may be longer than the body it holds.
///
/// Room for the marker, the id of a key, a nonce and a tag; the rest is for formats to come.
pub const FRAME_ROOM: usize = 64;

/// The largest frame in bytes.
pub const MAX_FRAME: usize = MAX_BODY + FRAME_ROOM;

/// How many changes a commit of frames may have beyond what a [`Store`] takes: a layer adds its own
/// condition to the largest commit.
pub const CHANGE_ROOM: usize = 1;

/// What must be stored, besides the item itself, for its frame to be rewritten.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// Table of the other item.
    pub table: Table,
    /// Its key.
    pub key: String,
    /// What must be stored there.
    pub expect: Expect,
}

/// First byte of a frame that holds a body as it is.
pub(crate) const PLAIN: u8 = 0;

/// First byte of a frame that holds a sealed body, first format.
pub(crate) const SEALED: u8 = 1;

/// A store that can lie below [`Sealed`](crate::Sealed).
///
/// Its items hold *frames*: a marker byte and what follows it. The marker says whether a body is
/// sealed, so that neither form is ever taken for the other: as a [`Store`] it wraps bodies in
/// plain frames and refuses to return sealed ones, through this trait it hands frames through
/// untouched.
#[async_trait]
pub trait Backing: Store {
    /// Returns items as [`Store::get_many`] does, with frames as bodies.
    async fn frames(&self, table: Table, keys: &[String]) -> Result<Vec<Item>>;

    /// Commits as [`Store::commit`] does, with frames of up to [`MAX_FRAME`] bytes as bodies and
    /// [`CHANGE_ROOM`] more changes.
    async fn commit_frames(&self, changes: Vec<Change>) -> Result<()>;

    /// Returns up to `limit` (1 to 1,000) keys of a table greater than `after`, ascending and
    /// byte-wise. May read the whole table: for maintenance only, never on a hot path.
    async fn keys(&self, table: Table, after: Option<&str>, limit: usize) -> Result<Vec<String>>;

    /// Replaces the frame of an item that has exactly this version, and keeps version and index
    /// entries: what the item says stays the same, only the form it is kept in changes.
    ///
    /// Fails with [`ErrorKind::Stale`] when the item has another version or is gone, or `given` does
    /// not hold in the same moment.
    async fn rewrite_frame(
        &self,
        table: Table,
        key: &str,
        version: u64,
        frame: Vec<u8>,
        given: Option<Condition>,
    ) -> Result<()>;

    /// Whether commits are accepted at all.
    fn is_writable(&self) -> bool {
        true
    }
}

/// Wraps every body of a commit in a plain frame.
pub(crate) fn plain_changes(mut changes: Vec<Change>) -> Vec<Change> {
    for change in &mut changes {
        if let Change::Put { body, .. } = change {
            body.insert(0, PLAIN);
        }
    }
    changes
}

/// Takes the body out of a plain frame.
pub(crate) fn plain_item(table: Table, mut item: Item) -> Result<Item> {
    match item.body.first() {
        Some(&PLAIN) => {
            item.body.remove(0);
            Ok(item)
        }
        Some(&SEALED) => Err(Error::new(ErrorKind::Sealed, "read an item")
            .with("table", table.name())
            .with("key", item.key)
            .message("the item is sealed and the store was opened without a key")
            .remedy("set ENCRYPTION_KEY to the key the store was written with")),
        _ => Err(unknown_frame(table, &item.key)),
    }
}

/// The error for a rewrite of an item that has another version or is gone.
pub(crate) fn stale_frame(table: Table, key: &str, version: u64) -> Error {
    Error::new(ErrorKind::Stale, COMMITTING)
        .with("table", table.name())
        .with("key", key)
        .message(format!("version {version} is no longer stored"))
}

/// The error for a frame whose marker nobody knows.
pub(crate) fn unknown_frame(table: Table, key: &str) -> Error {
    Error::new(ErrorKind::Store, "read an item")
        .with("table", table.name())
        .with("key", key)
        .message("the stored bytes have an unknown marker")
        .remedy("open the store with the release that wrote it, or restore a backup")
}
