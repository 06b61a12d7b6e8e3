//! The default store: one SQLite file.

mod lock;
mod migration;
mod statement;
mod worker;

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use notion_sync_core::store::{Change, Hit, Item, Query, Store, Table};
use notion_sync_core::{Error, ErrorKind, Result, Retry};
use rusqlite::{Connection, OpenFlags};

use self::lock::Lock;
use self::migration::MIGRATIONS;
use self::statement::OwnedQuery;
use self::worker::Worker;
use crate::Access;
use crate::backing::{Backing, Condition, plain_changes, plain_item};
use crate::limits::{COMMITTING, check_commit, check_frames, check_keys, check_query};

const OPENING: &str = "open the store";

/// How long a call waits for another process that writes, before it fails and may be repeated.
const BUSY: Duration = Duration::from_secs(5);

/// Keeps items in one SQLite file.
///
/// * Every commit is one `BEGIN IMMEDIATE` transaction. The journal is a write-ahead log with
///   `synchronous=FULL`: a commit that returned survives a power cut, as far as the disk keeps its
///   promises.
/// * Calls run on one thread that the store owns, one after the other. Callers never block their
///   runtime, and need none. A call whose future is dropped still runs to its end.
/// * Dropping the store waits for what was asked and closes the file.
/// * The file is created readable for its owner only; next to it lie `-wal` and `-shm`, which are
///   part of the database, and `.lock` (see [`Access`]).
///
/// Bodies are stored as they come. Use [`open`](crate::open), which seals them, unless that is
/// really wanted.
pub struct SqliteStore {
    worker: Worker,
    path: Option<PathBuf>,
    access: Access,
}

impl SqliteStore {
    /// Opens the file, creates it when `access` allows to write, and upgrades an older schema.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Store`] when the file is damaged, belongs to another program, was written by a
    /// newer release, or is open in another process; the message says which and what to do.
    pub async fn open(path: impl AsRef<Path>, access: Access) -> Result<Self> {
        let path = path.as_ref().to_owned();
        let resolved = resolve(&path)?;
        let file = resolved.clone();
        let worker = Worker::start(move || open_file(&file, access)).await?;
        Ok(Self {
            worker,
            path: Some(resolved),
            access,
        })
    }

    /// A database in memory, gone with the store.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Store`] when SQLite cannot be started.
    pub async fn open_in_memory() -> Result<Self> {
        let worker = Worker::start(|| {
            let broken = |error| failure(OPENING, error);
            let mut connection = Connection::open_in_memory().map_err(broken)?;
            configure(&connection).map_err(broken)?;
            migration::migrate(&mut connection, Path::new(":memory:"), MIGRATIONS, false)?;
            statement::prepare(&connection).map_err(broken)?;
            Ok((connection, ()))
        })
        .await?;
        Ok(Self {
            worker,
            path: None,
            access: Access::Exclusive,
        })
    }

    /// Reads the whole file and returns what SQLite finds wrong with it, at most 100 lines; empty
    /// when it is sound.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Store`] when not even that is possible.
    pub async fn check_integrity(&self) -> Result<Vec<String>> {
        self.worker
            .run("check the store", |connection| {
                let run = || -> rusqlite::Result<Vec<String>> {
                    let mut faults: Vec<String> = connection
                        .prepare("PRAGMA integrity_check(100)")?
                        .query_map([], |row| row.get(0))?
                        .collect::<rusqlite::Result<_>>()?;
                    faults.retain(|line| line != "ok");
                    let orphans = connection
                        .prepare("PRAGMA foreign_key_check")?
                        .query_map([], |_| Ok(()))?
                        .count();
                    if orphans > 0 {
                        faults.push(format!("{orphans} index entries have no item"));
                    }
                    Ok(faults)
                };
                run().map_err(|error| failure("check the store", error))
            })
            .await
    }

    /// The schema version this release writes.
    #[must_use]
    pub fn schema_version() -> usize {
        MIGRATIONS.len()
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore")
            .field("path", &self.path)
            .field("access", &self.access)
            .finish_non_exhaustive()
    }
}

/// The absolute path without links, so that two names of one file share one lock, and names that
/// mean something to SQLite (such as `:memory:`) are ordinary file names.
fn resolve(path: &Path) -> Result<PathBuf> {
    let wrong = |message: &str| {
        Error::new(ErrorKind::Configuration, OPENING)
            .with("file", path.display())
            .message(message)
    };
    if let Ok(existing) = path.canonicalize() {
        return Ok(existing);
    }
    let name = path
        .file_name()
        .ok_or_else(|| wrong("the path names no file").remedy("write sqlite:<file>"))?;
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    parent
        .canonicalize()
        .map(|parent| parent.join(name))
        .map_err(|error| {
            wrong("the directory is not there")
                .remedy("create it first")
                .caused_by(error)
        })
}

fn open_file(path: &Path, access: Access) -> Result<(Connection, Option<Lock>)> {
    if path.is_dir() {
        return Err(Error::new(ErrorKind::Store, OPENING)
            .with("file", path.display())
            .message("it is a directory")
            .remedy("name a file in the store's url, for example sqlite:notion-sync.db"));
    }
    let lock = match access {
        Access::Exclusive => Some(Lock::take(path)?),
        Access::Together => Some(Lock::join(path)?),
        Access::Shared | Access::ReadOnly => None,
    };
    if access == Access::Exclusive && is_cut_off(path) {
        return Err(Error::new(ErrorKind::Store, OPENING)
            .with("file", path.display())
            .message("the file is damaged: its end is missing")
            .remedy("restore a backup"));
    }
    let broken = |error| failure(OPENING, error).with("file", path.display());
    if access == Access::ReadOnly {
        if !path.exists() {
            return Err(Error::new(ErrorKind::Store, OPENING)
                .with("file", path.display())
                .message("there is no such file")
                .remedy("the first `sync` creates it"));
        }
    } else {
        create_private(path)?;
    }
    // Read-only connections also need to write the shared memory file of the write-ahead log, so
    // it is `query_only` below that keeps them from changing anything.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags).map_err(broken)?;
    connection.busy_timeout(BUSY).map_err(broken)?;
    migration::identify(&connection, path)?;
    configure(&connection).map_err(broken)?;
    let read_only = access == Access::ReadOnly;
    if read_only {
        connection
            .pragma_update(None, "query_only", true)
            .map_err(broken)?;
    } else {
        let mode: String = connection
            .pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))
            .map_err(broken)?;
        if mode != "wal" {
            return Err(Error::new(ErrorKind::Store, OPENING)
                .with("file", path.display())
                .message(format!(
                    "the journal mode stays {mode}, not a write-ahead log"
                ))
                .remedy("put the file on a local disk"));
        }
    }
    migration::migrate(&mut connection, path, MIGRATIONS, read_only)?;
    statement::prepare(&connection).map_err(broken)?;
    Ok((connection, lock))
}

fn configure(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // The fsync of macOS does not reach the platter without these. Elsewhere they do nothing.
    connection.pragma_update(None, "fullfsync", true)?;
    connection.pragma_update(None, "checkpoint_fullfsync", true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "cell_size_check", true)
}

/// Whether a database that was closed properly is shorter than its header says. SQLite takes what
/// is missing of the last page for zeros. With a log beside it nothing can be said: a process that
/// died may have left the file so, and the log repairs it.
fn is_cut_off(path: &Path) -> bool {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    if std::fs::metadata(log).is_ok_and(|log| log.len() > 0) {
        return false;
    }
    // <https://www.sqlite.org/fileformat.html>: page size at byte 16, 1 meaning 65,536; size in
    // pages at byte 28.
    let mut header = [0; 32];
    let Ok(mut file) = File::open(path) else {
        return false;
    };
    let (Ok(()), Ok(metadata)) = (file.read_exact(&mut header), file.metadata()) else {
        return false;
    };
    let page = match u64::from(u16::from_be_bytes([header[16], header[17]])) {
        1 => 65_536,
        page => page,
    };
    let pages = u32::from_be_bytes([header[28], header[29], header[30], header[31]]);
    header.starts_with(b"SQLite format 3\0") && metadata.len() < u64::from(pages) * page
}

/// Creates the file for its owner only. SQLite gives its other files the same permissions.
fn create_private(path: &Path) -> Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    match options.open(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(Error::new(ErrorKind::Store, OPENING)
            .with("file", path.display())
            .message(error.to_string())
            .remedy("the directory of the store must exist and be writable")),
    }
}

/// What an error of SQLite means to the caller.
fn failure(during: &'static str, error: rusqlite::Error) -> Error {
    use rusqlite::ErrorCode;
    let (message, remedy, retry) = match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => (
            "another process is writing to it".to_owned(),
            "try again",
            Retry::Backoff,
        ),
        Some(ErrorCode::NotADatabase) => (
            "the file is not a SQLite database".to_owned(),
            "name another file in the store's url, or restore a backup",
            Retry::Never,
        ),
        Some(ErrorCode::DatabaseCorrupt) => (
            "the file is damaged".to_owned(),
            "restore a backup",
            Retry::Never,
        ),
        Some(ErrorCode::DiskFull) => ("the disk is full".to_owned(), "make room", Retry::Backoff),
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::CannotOpen) => (
            error.to_string(),
            "the file and its directory must be writable",
            Retry::Never,
        ),
        _ => (
            error.to_string(),
            "look at the disk and the file, restore a backup if it is damaged",
            Retry::Never,
        ),
    };
    Error::new(ErrorKind::Store, during)
        .message(message)
        .remedy(remedy)
        .retry_at(retry)
        .caused_by(error)
}

#[async_trait]
impl Store for SqliteStore {
    async fn get(&self, table: Table, key: &str) -> Result<Option<Item>> {
        Ok(self.get_many(table, &[key.to_owned()]).await?.pop())
    }

    async fn get_many(&self, table: Table, keys: &[String]) -> Result<Vec<Item>> {
        let items = self.frames(table, keys).await?;
        items
            .into_iter()
            .map(|item| plain_item(table, item))
            .collect()
    }

    async fn query(&self, query: Query<'_>) -> Result<Vec<Hit>> {
        check_query(&query)?;
        let owned = OwnedQuery {
            table: query.table,
            name: query.name.to_owned(),
            key: query.key.to_owned(),
            after: query
                .after
                .map(|(sort, item)| (sort.to_owned(), item.to_owned())),
            limit: query.limit,
        };
        self.worker
            .run("query an index", move |connection| {
                statement::query(connection, &owned)
            })
            .await
    }

    async fn commit(&self, changes: Vec<Change>) -> Result<()> {
        check_commit(&changes)?;
        self.commit_frames(plain_changes(changes)).await
    }
}

#[async_trait]
impl Backing for SqliteStore {
    async fn frames(&self, table: Table, keys: &[String]) -> Result<Vec<Item>> {
        check_keys(table, keys)?;
        let keys = keys.to_vec();
        self.worker
            .run("get items", move |connection| {
                statement::get(connection, table, &keys)
            })
            .await
    }

    async fn commit_frames(&self, changes: Vec<Change>) -> Result<()> {
        check_frames(&changes)?;
        self.refuse_unless_writable()?;
        self.worker
            .run(COMMITTING, move |connection| {
                statement::commit(connection, &changes)
            })
            .await
    }

    async fn keys(&self, table: Table, after: Option<&str>, limit: usize) -> Result<Vec<String>> {
        let after = after.map(str::to_owned);
        self.worker
            .run("list keys", move |connection| {
                statement::keys(connection, table, after.as_deref(), limit)
            })
            .await
    }

    async fn rewrite_frame(
        &self,
        table: Table,
        key: &str,
        version: u64,
        frame: Vec<u8>,
        given: Option<Condition>,
    ) -> Result<()> {
        self.refuse_unless_writable()?;
        let key = key.to_owned();
        self.worker
            .run(COMMITTING, move |connection| {
                statement::rewrite(connection, table, &key, version, &frame, given.as_ref())
            })
            .await
    }

    fn is_writable(&self) -> bool {
        self.access != Access::ReadOnly
    }
}

impl SqliteStore {
    fn refuse_unless_writable(&self) -> Result<()> {
        if self.is_writable() {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Configuration, COMMITTING)
            .message("the store was opened read-only")
            .remedy("use a command that may write"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The promises about durability are settings of the connection.
    #[test]
    fn every_connection_has_the_settings_that_the_contract_needs() {
        let directory =
            std::env::temp_dir().join(format!("notion-sync-store-settings-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        for access in [
            Access::Exclusive,
            Access::Together,
            Access::Shared,
            Access::ReadOnly,
        ] {
            let (connection, lock) = open_file(&directory.join("store.db"), access).unwrap();
            let locks = matches!(access, Access::Exclusive | Access::Together);
            assert_eq!(lock.is_some(), locks);
            let setting = |name: &str| -> String {
                connection
                    .pragma_query_value(None, name, |row| {
                        row.get_ref(0).map(|value| match value {
                            rusqlite::types::ValueRef::Integer(number) => number.to_string(),
                            other => other.as_str().unwrap_or("?").to_owned(),
                        })
                    })
                    .unwrap()
            };
            assert_eq!(setting("journal_mode"), "wal");
            assert_eq!(setting("synchronous"), "2", "FULL");
            assert_eq!(setting("foreign_keys"), "1");
            assert_eq!(setting("busy_timeout"), BUSY.as_millis().to_string());
            let only = u8::from(access == Access::ReadOnly);
            assert_eq!(setting("query_only"), only.to_string());
        }
        std::fs::remove_dir_all(directory).unwrap();
    }

    /// What is refused because somebody else writes was surely not applied and may be repeated.
    #[test]
    fn a_commit_beside_a_writer_fails_whole_and_can_be_repeated() {
        let directory =
            std::env::temp_dir().join(format!("notion-sync-store-busy-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let path = directory.join("store.db");
        let (mut connection, lock) = open_file(&path, Access::Shared).unwrap();
        assert!(lock.is_none());
        connection.busy_timeout(Duration::ZERO).unwrap();
        let other = Connection::open(&path).unwrap();
        let changes = [Change::Put {
            table: Table::Record,
            key: "a".to_owned(),
            expect: notion_sync_core::store::Expect::Absent,
            indexes: Vec::new(),
            body: vec![0, 1],
        }];
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        for _ in 0..2 {
            let error = statement::commit(&mut connection, &changes).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Store, "{error}");
            assert_eq!(error.retry(), Retry::Backoff);
            // Readers are not kept out by a writer.
            let found = statement::get(&mut connection, Table::Record, &["a".to_owned()]);
            assert!(found.unwrap().is_empty());
        }
        other.execute_batch("ROLLBACK").unwrap();
        statement::commit(&mut connection, &changes).unwrap();
        drop((connection, other));
        std::fs::remove_dir_all(directory).unwrap();
    }
}
