//! What the store says to SQLite.

use notion_sync_core::store::{Change, Expect, Hit, IndexEntry, Item, Table};
use notion_sync_core::{Error, ErrorKind, Result};
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior};

use super::failure;
use crate::backing::{Condition, stale_frame};
use crate::limits::{COMMITTING, check_condition, target};

const GET: &str = "SELECT version, frame FROM item WHERE tbl = ?1 AND key = ?2";
const VERSION: &str = "SELECT version FROM item WHERE tbl = ?1 AND key = ?2";
const LAST_VERSION: &str = "SELECT version FROM retired WHERE tbl = ?1 AND key = ?2";
const PUT: &str = "INSERT INTO item (tbl, key, version, frame) VALUES (?1, ?2, ?3, ?4) \
    ON CONFLICT (tbl, key) DO UPDATE SET version = excluded.version, frame = excluded.frame";
const REWRITE: &str = "UPDATE item SET frame = ?4 WHERE tbl = ?1 AND key = ?2 AND version = ?3";
const DELETE: &str = "DELETE FROM item WHERE tbl = ?1 AND key = ?2";
const RETIRE: &str = "INSERT OR REPLACE INTO retired (tbl, key, version) VALUES (?1, ?2, ?3)";
const REVIVE: &str = "DELETE FROM retired WHERE tbl = ?1 AND key = ?2";
const CLEAR: &str = "DELETE FROM entry WHERE tbl = ?1 AND item = ?2";
// An entry that is given twice is one entry.
const INDEX: &str =
    "INSERT OR IGNORE INTO entry (tbl, name, key, sort, item) VALUES (?1, ?2, ?3, ?4, ?5)";
const QUERY: &str = "SELECT sort, item FROM entry WHERE tbl = ?1 AND name = ?2 AND key = ?3 \
    ORDER BY sort, item LIMIT ?4";
const QUERY_AFTER: &str = "SELECT sort, item FROM entry WHERE tbl = ?1 AND name = ?2 AND key = ?3 \
    AND (sort, item) > (?5, ?6) ORDER BY sort, item LIMIT ?4";
const KEYS: &str = "SELECT key FROM item WHERE tbl = ?1 ORDER BY key LIMIT ?2";
const KEYS_AFTER: &str = "SELECT key FROM item WHERE tbl = ?1 AND key > ?3 ORDER BY key LIMIT ?2";

const ALL: [&str; 14] = [
    GET,
    VERSION,
    LAST_VERSION,
    PUT,
    REWRITE,
    DELETE,
    RETIRE,
    REVIVE,
    CLEAR,
    INDEX,
    QUERY,
    QUERY_AFTER,
    KEYS,
    KEYS_AFTER,
];

/// Compiles every statement, which fails when a table or column is missing.
pub(super) fn prepare(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_prepared_statement_cache_capacity(ALL.len());
    for sql in ALL {
        connection.prepare_cached(sql)?;
    }
    Ok(())
}

pub(super) fn get(connection: &mut Connection, table: Table, keys: &[String]) -> Result<Vec<Item>> {
    const DURING: &str = "get items";
    let broken = |error| failure(DURING, error).with("table", table.name());
    // One transaction, so that the items are of one moment.
    let transaction = connection.transaction().map_err(broken)?;
    let mut items = Vec::with_capacity(keys.len());
    {
        let mut statement = transaction.prepare_cached(GET).map_err(broken)?;
        for key in keys {
            let row = statement
                .query_row((table.name(), key), |row| {
                    Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?))
                })
                .optional()
                .map_err(|error| broken(error).with("key", key))?;
            if let Some((version, body)) = row {
                items.push(Item {
                    key: key.clone(),
                    version: number(DURING, table, key, version)?,
                    body,
                });
            }
        }
    }
    transaction.commit().map_err(broken)?;
    Ok(items)
}

pub(super) fn commit(connection: &mut Connection, changes: &[Change]) -> Result<()> {
    let broken = |error| failure(COMMITTING, error);
    let transaction = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(broken)?;
    for change in changes {
        let (table, key, expect) = target(change);
        let stored = match (change, expect) {
            // Nothing depends on what is stored.
            (Change::Check { .. }, Expect::Any) => continue,
            _ => version(&transaction, VERSION, table, key)?,
        };
        check_condition(table, key, expect, stored)?;
        match change {
            Change::Put { indexes, body, .. } => {
                put(&transaction, table, key, stored, indexes, body)?;
            }
            Change::Delete { .. } => {
                if let Some(stored) = stored {
                    delete(&transaction, table, key, stored).map_err(broken)?;
                }
            }
            Change::Check { .. } => {}
        }
    }
    transaction.commit().map_err(broken)
}

fn put(
    transaction: &Transaction<'_>,
    table: Table,
    key: &str,
    stored: Option<u64>,
    indexes: &[IndexEntry],
    frame: &[u8],
) -> Result<()> {
    let broken = |error| {
        failure(COMMITTING, error)
            .with("table", table.name())
            .with("key", key)
    };
    let name = table.name();
    let last = match stored {
        Some(stored) => {
            execute(transaction, CLEAR, (name, key)).map_err(broken)?;
            stored
        }
        None => match version(transaction, LAST_VERSION, table, key)? {
            Some(retired) => {
                execute(transaction, REVIVE, (name, key)).map_err(broken)?;
                retired
            }
            None => 0,
        },
    };
    let next = i64::try_from(last.saturating_add(1)).map_err(|_| {
        Error::new(ErrorKind::Store, COMMITTING)
            .with("table", name)
            .with("key", key)
            .message("the item has no further version")
    })?;
    execute(transaction, PUT, (name, key, next, frame)).map_err(broken)?;
    for index in indexes {
        let entry = (name, index.name, &index.key, &index.sort, key);
        execute(transaction, INDEX, entry).map_err(broken)?;
    }
    Ok(())
}

fn delete(
    transaction: &Transaction<'_>,
    table: Table,
    key: &str,
    version: u64,
) -> rusqlite::Result<()> {
    // Index entries go with the item by their foreign key.
    execute(transaction, DELETE, (table.name(), key))?;
    // Cannot exceed i64: the value was read from such a column.
    let version = i64::try_from(version).unwrap_or(i64::MAX);
    execute(transaction, RETIRE, (table.name(), key, version))?;
    Ok(())
}

pub(super) fn rewrite(
    connection: &mut Connection,
    table: Table,
    key: &str,
    version: u64,
    frame: &[u8],
    given: Option<&Condition>,
) -> Result<()> {
    let broken = |error| failure(COMMITTING, error).with("table", table.name());
    let transaction = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(broken)?;
    if let Some(given) = given {
        let stored = self::version(&transaction, VERSION, given.table, &given.key)?;
        check_condition(given.table, &given.key, given.expect, stored)?;
    }
    // A version that does not fit was never stored.
    let number = i64::try_from(version).map_err(|_| stale_frame(table, key, version))?;
    let changed =
        execute(&transaction, REWRITE, (table.name(), key, number, frame)).map_err(broken)?;
    if changed == 0 {
        return Err(stale_frame(table, key, version));
    }
    transaction.commit().map_err(broken)
}

/// An index question with owned parts, for the way to the other thread.
#[derive(Debug)]
pub(super) struct OwnedQuery {
    pub(super) table: Table,
    pub(super) name: String,
    pub(super) key: String,
    pub(super) after: Option<(String, String)>,
    pub(super) limit: usize,
}

pub(super) fn query(connection: &mut Connection, query: &OwnedQuery) -> Result<Vec<Hit>> {
    let hit = |row: &rusqlite::Row<'_>| {
        Ok(Hit {
            sort: row.get(0)?,
            key: row.get(1)?,
        })
    };
    let table = query.table.name();
    let limit = i64::try_from(query.limit).unwrap_or(i64::MAX);
    let run = || -> rusqlite::Result<Vec<Hit>> {
        match &query.after {
            None => connection
                .prepare_cached(QUERY)?
                .query_map((table, &query.name, &query.key, limit), hit)?
                .collect(),
            Some((sort, item)) => connection
                .prepare_cached(QUERY_AFTER)?
                .query_map((table, &query.name, &query.key, limit, sort, item), hit)?
                .collect(),
        }
    };
    run().map_err(|error| {
        failure("query an index", error)
            .with("table", table)
            .with("index", &query.name)
    })
}

pub(super) fn keys(
    connection: &mut Connection,
    table: Table,
    after: Option<&str>,
    limit: usize,
) -> Result<Vec<String>> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let key = |row: &rusqlite::Row<'_>| row.get(0);
    let run = || -> rusqlite::Result<Vec<String>> {
        match after {
            None => connection
                .prepare_cached(KEYS)?
                .query_map((table.name(), limit), key)?
                .collect(),
            Some(after) => connection
                .prepare_cached(KEYS_AFTER)?
                .query_map((table.name(), limit, after), key)?
                .collect(),
        }
    };
    run().map_err(|error| failure("list keys", error).with("table", table.name()))
}

fn version(connection: &Connection, sql: &str, table: Table, key: &str) -> Result<Option<u64>> {
    connection
        .prepare_cached(sql)
        .and_then(|mut statement| {
            statement
                .query_row((table.name(), key), |row| row.get::<_, i64>(0))
                .optional()
        })
        .map_err(|error| {
            failure(COMMITTING, error)
                .with("table", table.name())
                .with("key", key)
        })?
        .map(|version| number(COMMITTING, table, key, version))
        .transpose()
}

fn execute(
    connection: &Connection,
    sql: &str,
    params: impl rusqlite::Params,
) -> rusqlite::Result<usize> {
    connection.prepare_cached(sql)?.execute(params)
}

fn number(during: &'static str, table: Table, key: &str, version: i64) -> Result<u64> {
    u64::try_from(version).map_err(|_| {
        Error::new(ErrorKind::Store, during)
            .with("table", table.name())
            .with("key", key)
            .message("the stored version is negative")
            .remedy("restore a backup")
    })
}
