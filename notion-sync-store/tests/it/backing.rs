//! What layers get from the stores below them.

use std::sync::Arc;

use notion_sync_core::ErrorKind;
use notion_sync_core::store::{Change, Expect, MAX_BODY, Query, Store as _, Table};
use notion_sync_store::{Backing, FRAME_ROOM, MAX_FRAME, MemoryStore};

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
            let rewrite = store.rewrite_frame(Table::Record, "a", 3, frame);
            rewrite.await.unwrap();
            let item = store.get(Table::Record, "a").await.unwrap().unwrap();
            assert_eq!((item.version, item.body), (3, b"new".to_vec()));
            assert_eq!(store.query(query).await.unwrap(), hits);
            for (key, version) in [("a", 2), ("a", 4), ("a", u64::MAX), ("b", 1), ("b", 0)] {
                let late = store.rewrite_frame(Table::Record, key, version, b"\0no".to_vec());
                assert_eq!(late.await.unwrap_err().kind(), ErrorKind::Stale);
            }
            let item = store.get(Table::Record, "a").await.unwrap().unwrap();
            assert_eq!((item.version, item.body), (3, b"new".to_vec()));
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
