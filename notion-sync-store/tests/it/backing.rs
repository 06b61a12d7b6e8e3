//! What layers get from the stores below them.

use std::sync::Arc;

use notion_sync_core::ErrorKind;
use notion_sync_core::store::{Change, Expect, MAX_BODY, MAX_CHANGES, Query, Store as _, Table};
use notion_sync_store::{Backing, CHANGE_ROOM, Condition, FRAME_ROOM, MAX_FRAME, MemoryStore};

use crate::scratch::{put, run};

/// Every store that can lie below a layer.
async fn stores() -> Vec<Arc<dyn Backing>> {
    let memory: Arc<dyn Backing> = Arc::new(MemoryStore::new());
    std::iter::once(memory).chain(sqlite().await).collect()
}

#[cfg(feature = "sqlite")]
async fn sqlite() -> Option<Arc<dyn Backing>> {
    let store = notion_sync_store::SqliteStore::open_in_memory().await;
    Some(Arc::new(store.unwrap()))
}

#[cfg(not(feature = "sqlite"))]
async fn sqlite() -> Option<Arc<dyn Backing>> {
    None
}

#[test]
fn a_backup_is_what_was_held_then() {
    run(async {
        let store = MemoryStore::new();
        let kept = put(Table::Record, "kept", b"1");
        let gone = put(Table::Record, "gone", b"1");
        store.commit(vec![kept, gone]).await.unwrap();
        let backup = store.copy();
        let item = store.get(Table::Record, "kept").await.unwrap().unwrap();
        let changes = vec![
            put(Table::Record, "kept", b"2"),
            Change::Delete {
                table: Table::Record,
                key: "gone".to_owned(),
                expect: Expect::Any,
            },
            put(Table::Record, "new", b"2"),
        ];
        store.commit(changes).await.unwrap();
        // What is done later does not reach the backup, nor what is done to the backup the store.
        store.restore(&backup);
        backup
            .commit(vec![put(Table::Record, "late", b"3")])
            .await
            .unwrap();
        assert_eq!(
            store.get(Table::Record, "kept").await.unwrap().unwrap(),
            item
        );
        assert_eq!(
            store.keys(Table::Record, None, 9).await.unwrap(),
            ["gone", "kept"]
        );
    });
}

#[test]
fn keys_are_listed_in_pages_of_any_size() {
    run(async {
        for store in stores().await {
            let mut keys = ["a", "a\0", "ab", "B", "b", "\u{e9}", "z", "%", "\u{1f600}"];
            for key in keys {
                store
                    .commit(vec![put(Table::Record, key, b"x")])
                    .await
                    .unwrap();
            }
            store
                .commit(vec![put(Table::Claim, "other", b"x")])
                .await
                .unwrap();
            keys.sort_unstable();
            for limit in 1..=keys.len() + 1 {
                let mut seen: Vec<String> = Vec::new();
                loop {
                    let after = seen.last().map(String::as_str);
                    let page = store.keys(Table::Record, after, limit).await.unwrap();
                    assert!(page.len() <= limit);
                    if page.is_empty() {
                        break;
                    }
                    seen.extend(page);
                }
                assert_eq!(seen, keys, "{store:?} in pages of {limit}");
            }
            assert_eq!(store.keys(Table::Audit, None, 10).await.unwrap(), [""; 0]);
        }
    });
}

#[test]
fn a_rewritten_frame_keeps_version_and_indexes() {
    run(async {
        for store in stores().await {
            for _ in 0..3 {
                store
                    .commit(vec![put(Table::Record, "a", b"old")])
                    .await
                    .unwrap();
            }
            let query = Query {
                table: Table::Record,
                name: "by-state",
                key: "open",
                after: None,
                limit: 10,
            };
            let hits = store.query(query).await.unwrap();
            assert_eq!(hits.len(), 1);
            let frame = b"\0new".to_vec();
            let rewrite = store.rewrite_frame(Table::Record, "a", 3, frame, None);
            rewrite.await.unwrap();
            let item = store.get(Table::Record, "a").await.unwrap().unwrap();
            assert_eq!((item.version, item.body), (3, b"new".to_vec()));
            assert_eq!(store.query(query).await.unwrap(), hits);
            for (key, version) in [("a", 2), ("a", 4), ("a", u64::MAX), ("b", 1), ("b", 0)] {
                let late = store.rewrite_frame(Table::Record, key, version, b"\0no".to_vec(), None);
                assert_eq!(late.await.unwrap_err().kind(), ErrorKind::Stale);
            }
            let item = store.get(Table::Record, "a").await.unwrap().unwrap();
            assert_eq!((item.version, item.body), (3, b"new".to_vec()));
        }
    });
}

/// The other item is looked at in the same moment, wherever it is.
#[test]
fn a_frame_is_rewritten_only_while_its_condition_holds() {
    run(async {
        for store in stores().await {
            for key in ["a", "mark"] {
                store
                    .commit(vec![put(Table::Setting, key, b"old")])
                    .await
                    .unwrap();
            }
            let rewrite = |key: &str, expect, frame: &[u8]| {
                let given = Condition {
                    table: Table::Setting,
                    key: key.to_owned(),
                    expect,
                };
                store.rewrite_frame(Table::Setting, "a", 1, frame.to_vec(), Some(given))
            };
            for (key, expect) in [
                ("mark", Expect::Version(2)),
                ("mark", Expect::Absent),
                ("gone", Expect::Version(1)),
            ] {
                let late = rewrite(key, expect, b"\0no");
                assert_eq!(late.await.unwrap_err().kind(), ErrorKind::Stale);
            }
            let item = store.get(Table::Setting, "a").await.unwrap().unwrap();
            assert_eq!((item.version, item.body), (1, b"old".to_vec()));
            for (key, expect, frame) in [
                ("mark", Expect::Version(1), b"\0one"),
                ("gone", Expect::Absent, b"\0two"),
            ] {
                rewrite(key, expect, frame).await.unwrap();
                let item = store.get(Table::Setting, "a").await.unwrap().unwrap();
                assert_eq!((item.version, item.body), (1, frame[1..].to_vec()));
            }
        }
    });
}

#[test]
fn a_commit_of_frames_has_room_for_the_condition_of_a_layer_and_no_more() {
    run(async {
        for store in stores().await {
            let changes = |count: usize| {
                (0..count)
                    .map(|number| put(Table::Content, &format!("k{number}"), b"\0x"))
                    .collect()
            };
            let largest = MAX_CHANGES + CHANGE_ROOM;
            store.commit_frames(changes(largest)).await.unwrap();
            for late in [
                store.commit_frames(changes(largest + 1)).await,
                // Without a layer the room is not there.
                store.commit(changes(MAX_CHANGES + 1)).await,
            ] {
                assert_eq!(late.unwrap_err().kind(), ErrorKind::Invalid);
            }
        }
    });
}

#[test]
fn frames_have_room_for_what_a_layer_adds_and_no_more() {
    run(async {
        for store in stores().await {
            let change = |length: usize| Change::Put {
                table: Table::Content,
                key: "a".to_owned(),
                expect: Expect::Any,
                indexes: Vec::new(),
                body: vec![7; length],
            };
            for length in [0, MAX_BODY, MAX_BODY + FRAME_ROOM] {
                store.commit_frames(vec![change(length)]).await.unwrap();
                let items = store
                    .frames(Table::Content, &["a".to_owned()])
                    .await
                    .unwrap();
                assert_eq!(items[0].body.len(), length);
            }
            let error = store
                .commit_frames(vec![change(MAX_FRAME + 1)])
                .await
                .unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Invalid);
            // Without a layer the room is not there.
            let error = store.commit(vec![change(MAX_BODY + 1)]).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Invalid);
            assert!(store.is_writable());
        }
    });
}
