//! Files of other versions.

use std::path::Path;

use notion_sync_core::ErrorKind;
use notion_sync_core::store::{Query, Store, Table};
use notion_sync_store::{Access, Backing, SqliteStore, open};
use rusqlite::Connection;

use crate::directory::Scratch;
use crate::scratch::{body, put, run};

const VERSION_1: &str = include_str!("../../src/sqlite/migrations/0001_items.sql");

/// A file as the first release left it, with content.
fn first_version(path: &Path) {
    let connection = Connection::open(path).unwrap();
    connection.execute_batch(VERSION_1).unwrap();
    connection
        .execute_batch(
            "PRAGMA journal_mode = wal;
            CREATE TABLE schema_version (
                version INTEGER PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL
            ) STRICT;
            INSERT INTO item VALUES ('record', 'page-1', 4, x'0068656c6c6f');
            INSERT INTO item VALUES ('record', 'page-2', 1, x'00');
            INSERT INTO entry VALUES ('record', 'by-state', 'open', '2026', 'page-1');",
        )
        .unwrap();
    let checksum = blake3::hash(VERSION_1.as_bytes()).to_hex().to_string();
    connection
        .execute(
            "INSERT INTO schema_version VALUES (1, '0001_items', ?1)",
            [checksum],
        )
        .unwrap();
}

fn change_file(path: &Path, sql: &str) {
    let connection = Connection::open(path).unwrap();
    connection.execute_batch(sql).unwrap();
}

async fn refused(path: &Path, access: Access) -> notion_sync_core::Error {
    let error = SqliteStore::open(path, access).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Store, "{error}");
    assert!(error.remedy_text().is_some(), "{error}");
    error
}

#[test]
fn a_filled_file_of_the_first_version_is_upgraded() {
    let scratch = Scratch::new();
    let path = scratch.path("store.db");
    first_version(&path);
    // Twice: the second time there is nothing to do.
    for _ in 0..2 {
        run(async {
            let store = SqliteStore::open(&path, Access::Exclusive).await.unwrap();
            let item = store.get(Table::Record, "page-1").await.unwrap().unwrap();
            assert_eq!((item.version, item.body), (4, b"hello".to_vec()));
            assert_eq!(body(&store, Table::Record, "page-2").await, Some(vec![]));
            let query = Query {
                table: Table::Record,
                name: "by-state",
                key: "open",
                after: None,
                limit: 10,
            };
            assert_eq!(store.query(query).await.unwrap().len(), 1);
            assert_eq!(store.check_integrity().await.unwrap(), [""; 0]);
        });
    }
    let versions: i64 = Connection::open(&path)
        .unwrap()
        .query_row("SELECT max(version) FROM schema_version", [], |row| {
            row.get(0)
        })
        .unwrap();
    assert_eq!(
        versions,
        i64::try_from(SqliteStore::schema_version()).unwrap()
    );
}

#[test]
fn an_upgraded_file_keeps_the_contract() {
    let scratch = Scratch::new();
    let path = scratch.path("store.db");
    first_version(&path);
    run(async {
        let store = open(&scratch.url("store.db"), None).await.unwrap();
        store
            .commit(vec![notion_sync_core::store::Change::Delete {
                table: Table::Record,
                key: "page-1".to_owned(),
                expect: notion_sync_core::store::Expect::Version(4),
            }])
            .await
            .unwrap();
        store
            .commit(vec![put(Table::Record, "page-1", b"x")])
            .await
            .unwrap();
        let item = store.get(Table::Record, "page-1").await.unwrap().unwrap();
        assert_eq!(item.version, 5);
    });
}

#[test]
fn an_older_file_is_not_upgraded_by_a_command_that_only_looks() {
    let scratch = Scratch::new();
    let path = scratch.path("store.db");
    first_version(&path);
    let error = run(refused(&path, Access::ReadOnly));
    assert!(error.to_string().contains("version 1"), "{error}");
    run(async { SqliteStore::open(&path, Access::Exclusive).await.unwrap() });
    let store = run(SqliteStore::open(&path, Access::ReadOnly)).unwrap();
    assert!(!store.is_writable());
}

#[test]
fn a_newer_file_is_refused_with_both_versions() {
    let scratch = Scratch::new();
    let path = scratch.path("store.db");
    run(async { SqliteStore::open(&path, Access::Exclusive).await.unwrap() });
    let (known, newer) = (
        SqliteStore::schema_version(),
        SqliteStore::schema_version() + 1,
    );
    change_file(
        &path,
        &format!("INSERT INTO schema_version VALUES ({newer}, 'later', 'x')"),
    );
    for access in [Access::Exclusive, Access::Shared, Access::ReadOnly] {
        let error = run(refused(&path, access)).to_string();
        assert!(
            error.contains(&format!("schema version {newer}")),
            "{error}"
        );
        assert!(error.contains(&format!("up to {known}")), "{error}");
    }
}

#[test]
fn a_changed_checksum_is_refused() {
    let scratch = Scratch::new();
    for number in 1..=SqliteStore::schema_version() {
        let path = scratch.path(&format!("{number}.db"));
        run(async { SqliteStore::open(&path, Access::Exclusive).await.unwrap() });
        change_file(
            &path,
            &format!("UPDATE schema_version SET checksum = 'f' WHERE version = {number}"),
        );
        let error = run(refused(&path, Access::Exclusive)).to_string();
        assert!(error.contains(&format!("version {number} ")), "{error}");
        assert!(error.contains("checksum"), "{error}");
    }
}

#[test]
fn files_of_others_are_refused_and_left_alone() {
    let scratch = Scratch::new();
    let theirs = scratch.path("theirs.db");
    change_file(&theirs, "CREATE TABLE photo (id INTEGER)");
    let marked = scratch.path("marked.db");
    change_file(&marked, "PRAGMA application_id = 77");
    let text = scratch.path("text.db");
    std::fs::write(&text, "Dear diary, ".repeat(1_000)).unwrap();
    for path in [&theirs, &marked, &text] {
        let before = std::fs::read(path).unwrap();
        for access in [Access::Exclusive, Access::Shared, Access::ReadOnly] {
            let error = run(refused(path, access));
            assert!(error.to_string().contains("SQLite database"), "{error}");
        }
        assert!(std::fs::read(path).unwrap() == before, "{}", path.display());
    }
}

#[test]
fn a_file_without_one_of_its_tables_is_refused() {
    let scratch = Scratch::new();
    for table in ["entry", "retired"] {
        let path = scratch.path(table);
        run(async { SqliteStore::open(&path, Access::Exclusive).await.unwrap() });
        change_file(&path, &format!("DROP TABLE {table}"));
        let error = run(refused(&path, Access::Exclusive));
        assert!(error.to_string().contains(table), "{error}");
    }
}

/// Wherever a file is cut or overwritten, opening fails, or reading fails and the integrity check
/// says so. Nothing panics.
#[test]
fn damage_is_noticed() {
    let scratch = Scratch::new();
    let path = scratch.path("store.db");
    let text = vec![b'x'; 9_000];
    run(async {
        let store = SqliteStore::open(&path, Access::Exclusive).await.unwrap();
        for number in 0..20 {
            let change = put(Table::Record, &format!("k{number}"), &text);
            store.commit(vec![change]).await.unwrap();
        }
    });
    let whole = std::fs::read(&path).unwrap();
    let pages = whole.len() / 4_096;
    assert!(pages > 40, "{pages} pages");
    for page in 0..pages {
        for cut in [true, false] {
            let copy = scratch.path("copy.db");
            let mut bytes = whole.clone();
            if cut {
                bytes.truncate(page * 4_096 + 100);
            } else {
                bytes[page * 4_096..][..64].fill(0xa5);
            }
            std::fs::write(&copy, bytes).unwrap();
            for rest in ["copy.db-wal", "copy.db-shm"] {
                let _ = std::fs::remove_file(scratch.path(rest));
            }
            let noticed = run(async {
                let Ok(store) = SqliteStore::open(&copy, Access::Exclusive).await else {
                    return true;
                };
                for number in 0..20 {
                    if let Err(error) = store.get(Table::Record, &format!("k{number}")).await {
                        assert_eq!(error.kind(), ErrorKind::Store, "{error}");
                    }
                }
                !store
                    .check_integrity()
                    .await
                    .is_ok_and(|faults| faults.is_empty())
            });
            assert!(noticed, "page {page}, cut: {cut}");
        }
    }
}
