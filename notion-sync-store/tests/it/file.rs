//! One file, several users of it, and what can be read in it.

use std::sync::Arc;

use futures::FutureExt;
use notion_sync_core::ErrorKind;
use notion_sync_core::store::{Change, Expect, Store, Table};
use notion_sync_store::{Access, Sealed, SqliteStore, open, open_with};

use crate::directory::Scratch;
use crate::scratch::{body, contains, put, ring, run, secret};

#[test]
fn a_second_engine_is_refused_until_the_first_is_gone() {
    let scratch = Scratch::new();
    let url = scratch.url("store.db");
    run(async {
        for _ in 0..3 {
            let first = open(&url, None).await.unwrap();
            let error = open(&url, None).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Store);
            let shown = error.to_string();
            let owner = format!("process {}", std::process::id());
            assert!(shown.contains(&owner), "{shown}");
            assert!(error.remedy_text().unwrap().contains("read-only"));
            drop(first);
        }
    });
}

#[cfg(unix)]
#[test]
fn another_name_of_the_file_is_the_same_file() {
    let scratch = Scratch::new();
    run(async {
        let first = open(&scratch.url("store.db"), None).await.unwrap();
        std::os::unix::fs::symlink(scratch.path("store.db"), scratch.path("link.db")).unwrap();
        std::os::unix::fs::symlink(scratch.root(), scratch.path("here")).unwrap();
        for name in ["link.db", "here/store.db", "here/link.db"] {
            let error = open(&scratch.url(name), None).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Store, "{name}: {error}");
        }
        drop(first);
        open(&scratch.url("link.db"), None).await.unwrap();
    });
}

#[test]
fn others_may_look_and_repair_beside_an_engine() {
    let scratch = Scratch::new();
    let url = scratch.url("store.db");
    let key = secret();
    run(async {
        let engine = open(&url, Some(ring(&key))).await.unwrap();
        engine
            .commit(vec![put(Table::Record, "a", b"1")])
            .await
            .unwrap();
        let looking = open_with(&url, Some(ring(&key)), Access::ReadOnly)
            .await
            .unwrap();
        let repairing = open_with(&url, Some(ring(&key)), Access::Shared)
            .await
            .unwrap();
        for store in [&looking, &repairing] {
            assert_eq!(
                body(&**store, Table::Record, "a").await,
                Some(b"1".to_vec())
            );
        }
        repairing
            .commit(vec![put(Table::Record, "a", b"2")])
            .await
            .unwrap();
        for store in [&engine, &looking] {
            assert_eq!(
                body(&**store, Table::Record, "a").await,
                Some(b"2".to_vec())
            );
        }
        let stale = Change::Put {
            table: Table::Record,
            key: "a".to_owned(),
            expect: Expect::Version(1),
            indexes: Vec::new(),
            body: b"3".to_vec(),
        };
        let error = engine.commit(vec![stale]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Stale);
        let error = looking
            .commit(vec![put(Table::Record, "b", b"x")])
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert_eq!(body(&*engine, Table::Record, "b").await, None);
    });
}

#[test]
fn engines_that_share_a_file_keep_one_out_that_wants_it_alone() {
    let scratch = Scratch::new();
    let url = scratch.url("store.db");
    run(async {
        let together = |()| open_with(&url, None, Access::Together);
        let first = together(()).await.unwrap();
        let second = together(()).await.unwrap();
        let change = vec![put(Table::Record, "a", b"1")];
        first.commit(change).await.unwrap();
        assert_eq!(
            body(&*second, Table::Record, "a").await,
            Some(b"1".to_vec())
        );
        drop(first);
        let error = open(&url, None).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Store);
        drop(second);
        let alone = open(&url, None).await.unwrap();
        let error = together(()).await.unwrap_err();
        assert!(error.to_string().contains("shared = true"), "{error}");
        drop(alone);
        together(()).await.unwrap();
    });
}

#[test]
fn looking_creates_nothing() {
    let scratch = Scratch::new();
    let error = run(open_with(&scratch.url("store.db"), None, Access::ReadOnly)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Store);
    assert_eq!(std::fs::read_dir(scratch.root()).unwrap().count(), 0);
}

#[cfg(unix)]
#[test]
fn only_the_owner_can_read_the_files() {
    use std::os::unix::fs::PermissionsExt;
    let scratch = Scratch::new();
    run(async {
        let store = open(&scratch.url("store.db"), None).await.unwrap();
        store
            .commit(vec![put(Table::Record, "a", b"x")])
            .await
            .unwrap();
        for name in ["store.db", "store.db-wal", "store.db-shm"] {
            let mode = std::fs::metadata(scratch.path(name))
                .unwrap()
                .permissions()
                .mode();
            assert_eq!(mode & 0o777, 0o600, "{name}");
        }
    });
}

/// Names that mean something to SQLite are ordinary file names here.
#[test]
fn a_file_name_is_a_file_name() {
    let scratch = Scratch::new();
    for name in [":memory:", "file:x?mode=memory", "a b%20'c.db", "\u{e9}.db"] {
        run(async {
            let path = scratch.path(name);
            for expected in [None, Some(b"x".to_vec())] {
                let store = SqliteStore::open(&path, Access::Exclusive).await.unwrap();
                assert_eq!(body(&store, Table::Record, "a").await, expected, "{name}");
                store
                    .commit(vec![put(Table::Record, "a", b"x")])
                    .await
                    .unwrap();
            }
            assert!(path.exists());
        });
    }
}

#[test]
fn threads_with_their_own_connections_lose_no_increment() {
    const THREADS: u64 = 4;
    const EACH: u64 = 15;
    let scratch = Scratch::new();
    let path = scratch.path("store.db");
    let one = run(SqliteStore::open(&path, Access::Shared)).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (one, path) = (&one, &path);
            scope.spawn(move || {
                run(async {
                    // Half of them share a store, half bring their own.
                    let own;
                    let store: &SqliteStore = if thread % 2 == 0 {
                        one
                    } else {
                        own = SqliteStore::open(path, Access::Shared).await.unwrap();
                        &own
                    };
                    let mut done = 0;
                    while done < EACH {
                        let item = store.get(Table::Setting, "n").await.unwrap();
                        let (expect, value) = match &item {
                            None => (Expect::Absent, 0),
                            Some(item) => {
                                let text = std::str::from_utf8(&item.body).unwrap();
                                (Expect::Version(item.version), text.parse::<u64>().unwrap())
                            }
                        };
                        let change = Change::Put {
                            table: Table::Setting,
                            key: "n".to_owned(),
                            expect,
                            indexes: Vec::new(),
                            body: (value + 1).to_string().into_bytes(),
                        };
                        match store.commit(vec![change]).await {
                            Ok(()) => done += 1,
                            Err(error) => assert_eq!(error.kind(), ErrorKind::Stale, "{error}"),
                        }
                    }
                });
            });
        }
    });
    let expected = (THREADS * EACH).to_string().into_bytes();
    assert_eq!(run(body(&one, Table::Setting, "n")), Some(expected));
}

/// A future that is dropped after its first poll: the commit is whole, and so is the store.
#[test]
fn a_dropped_call_does_no_harm() {
    let scratch = Scratch::new();
    run(async {
        let store = open(&scratch.url("store.db"), None).await.unwrap();
        for _ in 0..20 {
            let changes = vec![put(Table::Record, "a", b"x"), put(Table::Claim, "b", b"x")];
            let _ = store.commit(changes).now_or_never();
        }
        // Calls run in order, so this one sees what became of all others.
        let a = store.get(Table::Record, "a").await.unwrap().unwrap();
        let b = store.get(Table::Claim, "b").await.unwrap().unwrap();
        assert_eq!((a.version, b.version), (20, 20));
    });
}

const SECRETS: [&[u8]; 3] = [
    b"Salary of Ada: 120000",
    b"{\"title\":\"Merger with Initech\"}",
    "Kündigung zum 31. März".as_bytes(),
];

/// Writes the same with and without a key, and returns what lies in the directory while the
/// store is open and after it was closed.
fn bytes_at_rest(sealed: bool) -> [Vec<u8>; 2] {
    let scratch = Scratch::new();
    let key = secret();
    let keys = sealed.then(|| ring(&key));
    let open_bytes = run(async {
        let store = open(&scratch.url("store.db"), keys).await.unwrap();
        for table in Table::ALL {
            for (number, text) in SECRETS.iter().enumerate() {
                let id = format!("id-{number}");
                store.commit(vec![put(table, &id, text)]).await.unwrap();
                // Replaced and deleted bodies leave copies in free pages and in the log.
                let longer = [*text; 400].concat();
                store.commit(vec![put(table, &id, &longer)]).await.unwrap();
                if number == 1 {
                    let delete = Change::Delete {
                        table,
                        key: id,
                        expect: Expect::Any,
                    };
                    store.commit(vec![delete]).await.unwrap();
                }
            }
        }
        scratch.bytes()
    });
    [open_bytes, scratch.bytes()]
}

#[test]
fn nothing_people_wrote_can_be_read_at_rest() {
    for (moment, bytes) in bytes_at_rest(true).iter().enumerate() {
        assert!(bytes.len() > 100_000, "{} bytes", bytes.len());
        for text in SECRETS {
            for part in [text, &text[..8], &text[text.len() - 8..]] {
                assert!(!contains(bytes, part), "{part:?} at moment {moment}");
            }
        }
        // Ids are not secret, and prove that the right files were searched.
        assert!(contains(bytes, b"id-0"));
    }
}

/// The search above finds what it looks for when it is there.
#[test]
fn without_a_key_everything_can_be_read_at_rest() {
    for bytes in bytes_at_rest(false) {
        for text in SECRETS {
            assert!(contains(&bytes, text));
        }
    }
}

#[test]
fn a_sweep_reseals_a_file() {
    let scratch = Scratch::new();
    let (old, new) = (secret(), secret());
    run(async {
        let path = scratch.path("store.db");
        let file =
            || async { Arc::new(SqliteStore::open(&path, Access::Exclusive).await.unwrap()) };
        let store = Sealed::open(file().await, ring(&old)).await.unwrap();
        for number in 0..120 {
            let change = put(Table::Content, &format!("k{number:03}"), b"text");
            store.commit(vec![change]).await.unwrap();
        }
        drop(store);
        let both = notion_sync_store::KeyRing::parse(&new, Some(&old)).unwrap();
        let store = Sealed::open(file().await, both).await.unwrap();
        assert_eq!(store.reseal_all().await.unwrap().items.rewritten, 120);
        drop(store);
        let store = Sealed::open(file().await, ring(&new)).await.unwrap();
        for number in 0..120 {
            let item = store.get(Table::Content, &format!("k{number:03}")).await;
            let item = item.unwrap().unwrap();
            assert_eq!((item.version, item.body), (1, b"text".to_vec()));
        }
        assert_eq!(store.backing().check_integrity().await.unwrap(), [""; 0]);
    });
}
