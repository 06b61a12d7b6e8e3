//! The limits of the contract, checked the same way by every store.

use std::collections::BTreeSet;

use notion_sync_core::store::{Change, Expect, MAX_BODY, MAX_CHANGES, Query, Table};
use notion_sync_core::{Error, ErrorKind, Result};

use crate::backing::{CHANGE_ROOM, MAX_FRAME};

/// The longest key in bytes.
pub const MAX_KEY: usize = 512;

/// The most keys one `get_many` takes.
pub const MAX_KEYS: usize = 100;

/// The most entries one `query` returns.
pub const MAX_HITS: usize = 1_000;

/// What all errors of a commit say they were doing.
pub(crate) const COMMITTING: &str = "commit changes";

/// Checks everything about a commit that does not depend on what is stored.
///
/// # Errors
///
/// [`ErrorKind::Invalid`] with the table, the key and the limit when there are more than
/// [`MAX_CHANGES`] changes, two of them name the same item, a key is empty or longer than
/// [`MAX_KEY`] bytes, or a body is longer than [`MAX_BODY`] bytes.
pub fn check_commit(changes: &[Change]) -> Result<()> {
    check_changes(changes, MAX_CHANGES, MAX_BODY)
}

/// As [`check_commit`], for frames and what layers add.
pub(crate) fn check_frames(changes: &[Change]) -> Result<()> {
    check_changes(changes, MAX_CHANGES + CHANGE_ROOM, MAX_FRAME)
}

fn check_changes(changes: &[Change], at_most: usize, body_limit: usize) -> Result<()> {
    if changes.len() > at_most {
        return Err(Error::new(ErrorKind::Invalid, COMMITTING)
            .with("changes", changes.len())
            .message(format!("more than {at_most} changes at once"))
            .remedy("split the commit"));
    }
    let mut named = BTreeSet::new();
    for change in changes {
        let (table, key, _) = target(change);
        check_key(table, key)?;
        if let Change::Put { body, .. } = change
            && body.len() > body_limit
        {
            return Err(refused(table, key).message(format!(
                "the body has {} bytes, more than {MAX_BODY}",
                body.len()
            )));
        }
        if !named.insert((table, key)) {
            return Err(refused(table, key).message("two changes name the same item"));
        }
    }
    Ok(())
}

fn check_key(table: Table, key: &str) -> Result<()> {
    if key.is_empty() {
        return Err(Error::new(ErrorKind::Invalid, COMMITTING)
            .with("table", table.name())
            .message("the key is empty"));
    }
    if key.len() > MAX_KEY {
        // The key itself would make the message longer than the limit it reports.
        return Err(Error::new(ErrorKind::Invalid, COMMITTING)
            .with("table", table.name())
            .message(format!(
                "the key has {} bytes, more than {MAX_KEY}",
                key.len()
            )));
    }
    Ok(())
}

/// Checks the number of keys of a `get_many`.
///
/// # Errors
///
/// [`ErrorKind::Invalid`] when there are more than [`MAX_KEYS`].
pub fn check_keys(table: Table, keys: &[String]) -> Result<()> {
    if keys.len() > MAX_KEYS {
        return Err(Error::new(ErrorKind::Invalid, "get items")
            .with("table", table.name())
            .with("keys", keys.len())
            .message(format!("more than {MAX_KEYS} keys at once"))
            .remedy("ask in several calls"));
    }
    Ok(())
}

/// Checks the limit of a query.
///
/// # Errors
///
/// [`ErrorKind::Invalid`] when it is not between 1 and [`MAX_HITS`].
pub fn check_query(query: &Query<'_>) -> Result<()> {
    if query.limit == 0 || query.limit > MAX_HITS {
        return Err(Error::new(ErrorKind::Invalid, "query an index")
            .with("table", query.table.name())
            .with("index", query.name)
            .message(format!(
                "the limit is {}, not between 1 and {MAX_HITS}",
                query.limit
            )));
    }
    Ok(())
}

/// Table, key and condition of a change.
pub(crate) fn target(change: &Change) -> (Table, &str, Expect) {
    match change {
        Change::Put {
            table, key, expect, ..
        }
        | Change::Delete { table, key, expect }
        | Change::Check { table, key, expect } => (*table, key, *expect),
    }
}

/// Fails with [`ErrorKind::Stale`] unless `stored`, the version of the item or none, is what
/// `expect` asks for.
pub(crate) fn check_condition(
    table: Table,
    key: &str,
    expect: Expect,
    stored: Option<u64>,
) -> Result<()> {
    let holds = match expect {
        Expect::Absent => stored.is_none(),
        Expect::Version(version) => stored == Some(version),
        Expect::Any => true,
    };
    if holds {
        return Ok(());
    }
    let found = stored.map_or_else(
        || "nothing".to_owned(),
        |version| format!("version {version}"),
    );
    let wanted = match expect {
        Expect::Absent => "nothing".to_owned(),
        Expect::Version(version) => format!("version {version}"),
        Expect::Any => "anything".to_owned(),
    };
    Err(Error::new(ErrorKind::Stale, COMMITTING)
        .with("table", table.name())
        .with("key", key)
        .message(format!("expected {wanted}, stored is {found}")))
}

fn refused(table: Table, key: &str) -> Error {
    Error::new(ErrorKind::Invalid, COMMITTING)
        .with("table", table.name())
        .with("key", key)
}
