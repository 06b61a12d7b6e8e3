//! Cases about conditions: every state of an item, every condition, every kind of change.

use notion_sync_core::ErrorKind;
use notion_sync_core::store::{Change, Expect, Store, Table};

use super::sample::{body, check, commit, delete, fails, get, put, version};

const TABLE: Table = Table::Record;

/// What an item went through before the change, and the version it has, if any.
const STATES: [(&str, Option<u64>); 4] = [
    ("never-stored", None),
    ("created", Some(1)),
    ("changed", Some(3)),
    ("deleted", None),
];

const CONDITIONS: [Expect; 8] = [
    Expect::Absent,
    Expect::Any,
    Expect::Version(0),
    Expect::Version(1),
    Expect::Version(2),
    Expect::Version(3),
    Expect::Version(4),
    Expect::Version(u64::MAX),
];

fn holds(expect: Expect, stored: Option<u64>) -> bool {
    match expect {
        Expect::Absent => stored.is_none(),
        Expect::Version(version) => stored == Some(version),
        Expect::Any => true,
    }
}

async fn bring_to(store: &dyn Store, state: &str, key: &str) {
    let puts = match state {
        "created" => 1,
        "changed" | "deleted" => 3,
        _ => 0,
    };
    for _ in 0..puts {
        commit(store, vec![put(TABLE, key, Expect::Any, b"before")]).await;
    }
    if state == "deleted" {
        commit(store, vec![delete(TABLE, key, Expect::Any)]).await;
    }
}

/// Tries `change` in every state under every condition; `after` looks at the item when the
/// condition held.
async fn judge<F>(store: &dyn Store, change: fn(&str, Expect) -> Change, after: F)
where
    F: AsyncFn(&dyn Store, &str, Option<u64>),
{
    for (state, stored) in STATES {
        for (number, expect) in CONDITIONS.into_iter().enumerate() {
            let key = format!("{state}-{number}");
            bring_to(store, state, &key).await;
            let before = get(store, TABLE, &key).await;
            assert_eq!(before.as_ref().map(|item| item.version), stored, "{key}");
            let result = store.commit(vec![change(&key, expect)]).await;
            if holds(expect, stored) {
                assert!(result.is_ok(), "{state} under {expect:?}: {result:?}");
                after(store, &key, stored).await;
            } else {
                fails(result, ErrorKind::Stale);
                assert_eq!(get(store, TABLE, &key).await, before, "{state}, {expect:?}");
            }
        }
    }
}

/// A put happens exactly when its condition holds, and leaves the next version.
pub async fn judges_conditions_of_puts(store: &dyn Store) {
    judge(
        store,
        |key, expect| put(TABLE, key, expect, b"after"),
        async |store: &dyn Store, key: &str, stored: Option<u64>| {
            assert_eq!(body(store, TABLE, key).await, Some(b"after".to_vec()));
            let now = version(store, TABLE, key).await;
            match stored {
                Some(stored) => assert_eq!(now, Some(stored + 1), "{key}"),
                // After a deletion it counts on from 3.
                None if key.starts_with("deleted") => assert!(now > Some(3), "{key}: {now:?}"),
                None => assert_eq!(now, Some(1), "{key}"),
            }
        },
    )
    .await;
}

/// A delete happens exactly when its condition holds; of nothing, it does nothing.
pub async fn judges_conditions_of_deletes(store: &dyn Store) {
    judge(
        store,
        |key, expect| delete(TABLE, key, expect),
        async |store: &dyn Store, key: &str, _: Option<u64>| {
            assert_eq!(get(store, TABLE, key).await, None, "{key}");
        },
    )
    .await;
}

/// A check fails exactly when its condition does not hold, and changes nothing.
pub async fn judges_conditions_of_checks(store: &dyn Store) {
    judge(
        store,
        |key, expect| check(TABLE, key, expect),
        async |store: &dyn Store, key: &str, stored: Option<u64>| {
            assert_eq!(version(store, TABLE, key).await, stored, "{key}");
            let expected = stored.map(|_| b"before".to_vec());
            assert_eq!(body(store, TABLE, key).await, expected);
        },
    )
    .await;
}
