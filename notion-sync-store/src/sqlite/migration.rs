//! The schema of the file and how older files get there.

use std::path::Path;

use notion_sync_core::{Error, ErrorKind, Result};
use rusqlite::{Connection, OptionalExtension, TransactionBehavior};

use super::failure;

/// What marks a file as one of ours: `NSYN` in the header field that SQLite keeps for it.
const APPLICATION_ID: i64 = 0x4E53_594E;

const OPENING: &str = "open the store";

/// One step of the schema. Steps are never edited once released: every file remembers their
/// checksums.
#[derive(Debug, Clone, Copy)]
pub(super) struct Migration {
    pub(super) name: &'static str,
    pub(super) sql: &'static str,
}

impl Migration {
    /// BLAKE3 of the text with Unix line ends, so that a checkout on Windows gives the same.
    fn checksum(&self) -> String {
        blake3::hash(self.sql.replace("\r\n", "\n").as_bytes())
            .to_hex()
            .to_string()
    }
}

/// Every step, in order. A file of version n has the first n.
pub(super) const MIGRATIONS: &[Migration] = &[
    Migration {
        name: "0001_items",
        sql: include_str!("migrations/0001_items.sql"),
    },
    Migration {
        name: "0002_retired_versions",
        sql: include_str!("migrations/0002_retired_versions.sql"),
    },
];

/// Says whether the file is ours, before anything in it is changed.
pub(super) fn identify(connection: &Connection, path: &Path) -> Result<()> {
    let read = |error| failure(OPENING, error).with("file", path.display());
    let id: i64 = connection
        .pragma_query_value(None, "application_id", |row| row.get(0))
        .map_err(read)?;
    let objects: i64 = connection
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .map_err(read)?;
    if id == APPLICATION_ID || (id == 0 && objects == 0) {
        return Ok(());
    }
    Err(refused(path)
        .message("the file is a SQLite database of another program")
        .remedy("name another file in the store's url"))
}

/// Brings the file to the newest schema, all in one transaction. With `read_only` a file that
/// is not there yet is refused instead.
pub(super) fn migrate(
    connection: &mut Connection,
    path: &Path,
    migrations: &[Migration],
    read_only: bool,
) -> Result<()> {
    let broken = |error| failure(OPENING, error).with("file", path.display());
    let behavior = if read_only {
        TransactionBehavior::Deferred
    } else {
        TransactionBehavior::Immediate
    };
    let transaction = connection
        .transaction_with_behavior(behavior)
        .map_err(broken)?;
    let recorded = recorded(&transaction).map_err(broken)?;
    if recorded.len() > migrations.len() {
        return Err(refused(path)
            .message(format!(
                "the file has schema version {}, this release knows versions up to {}",
                recorded.len(),
                migrations.len()
            ))
            .remedy("run the newer release that wrote it, or restore the backup made before it"));
    }
    for (number, (found, known)) in (1_i64..).zip(recorded.iter().zip(migrations)) {
        if found.version != number {
            return Err(refused(path)
                .message(format!("the record of schema version {number} is missing"))
                .remedy("restore a backup"));
        }
        if found.checksum != known.checksum() {
            return Err(refused(path)
                .message(format!(
                    "schema version {number} ({}) is recorded with another checksum than this \
                     release has: the file was made by a modified program or changed by hand",
                    known.name
                ))
                .remedy("run the release that wrote it, or restore a backup"));
        }
    }
    if recorded.len() == migrations.len() {
        return Ok(());
    }
    if read_only {
        return Err(refused(path)
            .message(format!(
                "the file has schema version {}, this release needs {} and may only read",
                recorded.len(),
                migrations.len()
            ))
            .remedy("run `sync` once with this release, it upgrades the file"));
    }
    transaction
        .execute_batch(
            "CREATE TABLE IF NOT EXISTS schema_version (
                version  INTEGER PRIMARY KEY,
                name     TEXT NOT NULL,
                checksum TEXT NOT NULL
            ) STRICT",
        )
        .map_err(broken)?;
    for (number, migration) in (1_i64..).zip(migrations).skip(recorded.len()) {
        transaction
            .execute_batch(migration.sql)
            .and_then(|()| {
                transaction.execute(
                    "INSERT INTO schema_version (version, name, checksum) VALUES (?1, ?2, ?3)",
                    (number, migration.name, migration.checksum()),
                )
            })
            .map_err(|error| broken(error).with("migration", migration.name))?;
        tracing::info!(migration = migration.name, "store schema upgraded");
    }
    transaction.commit().map_err(broken)
}

struct Recorded {
    version: i64,
    checksum: String,
}

fn recorded(connection: &Connection) -> rusqlite::Result<Vec<Recorded>> {
    let known = connection
        .query_row(
            "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'schema_version'",
            [],
            |_| Ok(()),
        )
        .optional()?;
    if known.is_none() {
        return Ok(Vec::new());
    }
    connection
        .prepare("SELECT version, checksum FROM schema_version ORDER BY version")?
        .query_map([], |row| {
            Ok(Recorded {
                version: row.get(0)?,
                checksum: row.get(1)?,
            })
        })?
        .collect()
}

fn refused(path: &Path) -> Error {
    Error::new(ErrorKind::Store, OPENING).with("file", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    const BROKEN: Migration = Migration {
        name: "0003_broken",
        sql: "CREATE TABLE half (x INTEGER); CREATE TABLE half (x INTEGER);",
    };

    fn path() -> &'static Path {
        Path::new("test.db")
    }

    fn tables(connection: &Connection) -> Vec<String> {
        connection
            .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")
            .unwrap()
            .query_map([], |row| row.get(0))
            .unwrap()
            .collect::<rusqlite::Result<_>>()
            .unwrap()
    }

    #[test]
    fn every_prefix_of_the_steps_leads_to_the_same_schema() {
        let schema = |connection: &Connection| -> Vec<Option<String>> {
            connection
                .prepare("SELECT sql FROM sqlite_schema ORDER BY type, name")
                .unwrap()
                .query_map([], |row| row.get(0))
                .unwrap()
                .collect::<rusqlite::Result<_>>()
                .unwrap()
        };
        let mut fresh = Connection::open_in_memory().unwrap();
        migrate(&mut fresh, path(), MIGRATIONS, false).unwrap();
        for first in 0..=MIGRATIONS.len() {
            let mut older = Connection::open_in_memory().unwrap();
            migrate(&mut older, path(), &MIGRATIONS[..first], false).unwrap();
            migrate(&mut older, path(), MIGRATIONS, false).unwrap();
            migrate(&mut older, path(), MIGRATIONS, false).unwrap();
            assert_eq!(schema(&older), schema(&fresh), "after {first} steps");
        }
    }

    #[test]
    fn a_failing_step_leaves_the_file_as_it_was() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection, path(), &MIGRATIONS[..1], false).unwrap();
        let before = tables(&connection);
        let steps = [MIGRATIONS[0], MIGRATIONS[1], BROKEN];
        let error = migrate(&mut connection, path(), &steps, false).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Store);
        assert!(error.to_string().contains("0003_broken"), "{error}");
        assert_eq!(tables(&connection), before);
        migrate(&mut connection, path(), MIGRATIONS, false).unwrap();
        assert!(tables(&connection).contains(&"retired".to_owned()));
    }

    #[test]
    fn a_gap_in_the_recorded_steps_is_refused() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection, path(), MIGRATIONS, false).unwrap();
        connection
            .execute("DELETE FROM schema_version WHERE version = 1", [])
            .unwrap();
        let error = migrate(&mut connection, path(), MIGRATIONS, false).unwrap_err();
        assert!(
            error.to_string().contains("version 1 is missing"),
            "{error}"
        );
    }

    #[test]
    fn line_ends_do_not_change_a_checksum() {
        let unix = Migration {
            name: "x",
            sql: "a\nb\n",
        };
        let windows = Migration {
            name: "x",
            sql: "a\r\nb\r\n",
        };
        assert_eq!(unix.checksum(), windows.checksum());
    }
}
