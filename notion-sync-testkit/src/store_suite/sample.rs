//! Short names for what cases do all the time.

use std::time::Duration;

use futures::channel::oneshot;
use notion_sync_core::store::{Change, Expect, Hit, IndexEntry, Item, Query, Store, Table};
use notion_sync_core::{ErrorKind, Result};

/// The index most cases use.
pub(super) const INDEX: &str = "suite-by-state";

/// The value of a call that must succeed.
#[track_caller]
pub(super) fn ok<T>(result: Result<T>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => panic!(
            "the call must succeed, it returned {:?}: {error}",
            error.kind()
        ),
    }
}

/// Asserts that a call failed with this kind.
#[track_caller]
pub(super) fn fails<T: std::fmt::Debug>(result: Result<T>, kind: ErrorKind) {
    match result {
        Ok(value) => panic!("the call must fail with {kind:?}, it returned {value:?}"),
        Err(error) => assert_eq!(error.kind(), kind, "{error}"),
    }
}

pub(super) fn put(table: Table, key: &str, expect: Expect, body: &[u8]) -> Change {
    put_indexed(table, key, expect, body, Vec::new())
}

pub(super) fn put_indexed(
    table: Table,
    key: &str,
    expect: Expect,
    body: &[u8],
    indexes: Vec<IndexEntry>,
) -> Change {
    Change::Put {
        table,
        key: key.to_owned(),
        expect,
        indexes,
        body: body.to_vec(),
    }
}

pub(super) fn delete(table: Table, key: &str, expect: Expect) -> Change {
    Change::Delete {
        table,
        key: key.to_owned(),
        expect,
    }
}

pub(super) fn check(table: Table, key: &str, expect: Expect) -> Change {
    Change::Check {
        table,
        key: key.to_owned(),
        expect,
    }
}

/// An entry of [`INDEX`].
pub(super) fn entry(key: &str, sort: &str) -> IndexEntry {
    IndexEntry {
        name: INDEX,
        key: key.to_owned(),
        sort: sort.to_owned(),
    }
}

pub(super) async fn commit(store: &dyn Store, changes: Vec<Change>) {
    ok(store.commit(changes).await);
}

pub(super) async fn get(store: &dyn Store, table: Table, key: &str) -> Option<Item> {
    let item = ok(store.get(table, key).await);
    if let Some(item) = &item {
        assert_eq!(item.key, key, "the item has the key that was asked for");
    }
    item
}

pub(super) async fn version(store: &dyn Store, table: Table, key: &str) -> Option<u64> {
    get(store, table, key).await.map(|item| item.version)
}

pub(super) async fn body(store: &dyn Store, table: Table, key: &str) -> Option<Vec<u8>> {
    get(store, table, key).await.map(|item| item.body)
}

pub(super) fn question<'a>(table: Table, key: &'a str) -> Query<'a> {
    Query {
        table,
        name: INDEX,
        key,
        after: None,
        limit: 1_000,
    }
}

/// Asks until the index answers `expected`: it may lag behind commits.
pub(super) async fn settles(store: &dyn Store, query: Query<'_>, expected: &[(&str, &str)]) {
    let expected: Vec<_> = expected
        .iter()
        .map(|(sort, key)| Hit {
            sort: (*sort).to_owned(),
            key: (*key).to_owned(),
        })
        .collect();
    assert_eq!(
        settled(store, query, |hits| hits == expected).await,
        expected
    );
}

/// The answer of the index once it is as `wanted`, or its last one.
pub(super) async fn settled(
    store: &dyn Store,
    query: Query<'_>,
    wanted: impl Fn(&[Hit]) -> bool,
) -> Vec<Hit> {
    let mut hits = ok(store.query(query).await);
    for _ in 0..150 {
        if wanted(&hits) {
            break;
        }
        pause(Duration::from_millis(20)).await;
        hits = ok(store.query(query).await);
    }
    hits
}

/// Waits in any runtime, and in none.
async fn pause(time: Duration) {
    let (done, over) = oneshot::channel::<()>();
    std::thread::spawn(move || {
        std::thread::sleep(time);
        drop(done);
    });
    // Ends when the sender is dropped.
    let _ = over.await;
}
