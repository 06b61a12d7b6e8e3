//! Cases about several changes at once.

use notion_sync_core::ErrorKind;
use notion_sync_core::store::{Change, Expect, MAX_CHANGES, Store, Table};

use super::sample::{
    body, check, commit, delete, entry, fails, get, ok, put, put_indexed, question, settles,
    version,
};

/// No change at all is a commit.
pub async fn accepts_an_empty_commit(store: &dyn Store) {
    commit(store, Vec::new()).await;
    assert_eq!(get(store, Table::Record, "a").await, None);
}

/// All changes of a commit happen, of every kind and in any table.
pub async fn applies_all_changes(store: &dyn Store) {
    commit(
        store,
        vec![
            put(Table::Record, "changed", Expect::Absent, b"1"),
            put(Table::Record, "deleted", Expect::Absent, b"1"),
            put(Table::Record, "checked", Expect::Absent, b"1"),
        ],
    )
    .await;
    commit(
        store,
        vec![
            put(Table::Record, "changed", Expect::Version(1), b"2"),
            delete(Table::Record, "deleted", Expect::Version(1)),
            check(Table::Record, "checked", Expect::Version(1)),
            put(Table::Claim, "created", Expect::Absent, b"2"),
            put(Table::Audit, "created", Expect::Any, b"2"),
            check(Table::Lease, "absent", Expect::Absent),
            delete(Table::Lease, "absent-too", Expect::Any),
        ],
    )
    .await;
    assert_eq!(
        body(store, Table::Record, "changed").await,
        Some(b"2".to_vec())
    );
    assert_eq!(get(store, Table::Record, "deleted").await, None);
    assert_eq!(version(store, Table::Record, "checked").await, Some(1));
    assert_eq!(
        body(store, Table::Claim, "created").await,
        Some(b"2".to_vec())
    );
    assert_eq!(
        body(store, Table::Audit, "created").await,
        Some(b"2".to_vec())
    );
    assert_eq!(get(store, Table::Lease, "absent").await, None);
    assert_eq!(get(store, Table::Lease, "absent-too").await, None);
}

/// The largest number of changes is accepted.
pub async fn applies_a_hundred_changes(store: &dyn Store) {
    let keys: Vec<_> = (0..MAX_CHANGES).map(|n| format!("key-{n}")).collect();
    for expect in [Expect::Absent, Expect::Version(1)] {
        let changes = keys
            .iter()
            .map(|key| put(Table::Content, key, expect, key.as_bytes()))
            .collect();
        commit(store, changes).await;
    }
    let items = ok(store.get_many(Table::Content, &keys).await);
    assert_eq!(items.len(), MAX_CHANGES);
    assert!(items.iter().all(|item| item.version == 2));
}

/// Wherever in the commit the condition that fails stands, nothing happens.
pub async fn applies_nothing_when_one_condition_fails(store: &dyn Store) {
    let stale: [fn() -> Change; 6] = [
        || put(Table::Record, "there", Expect::Absent, b"no"),
        || put(Table::Record, "missing", Expect::Version(1), b"no"),
        || delete(Table::Record, "there", Expect::Version(9)),
        || delete(Table::Record, "missing", Expect::Version(1)),
        || check(Table::Record, "there", Expect::Absent),
        || check(Table::Record, "missing", Expect::Version(1)),
    ];
    commit(
        store,
        vec![
            put(Table::Record, "there", Expect::Absent, b"there"),
            put(Table::Record, "other", Expect::Absent, b"other"),
            put(Table::Record, "last", Expect::Absent, b"last"),
        ],
    )
    .await;
    let keys = ["there", "other", "last", "new", "missing"].map(str::to_owned);
    let before = ok(store.get_many(Table::Record, &keys).await);
    for failing in stale {
        for place in 0..=3 {
            let mut changes = vec![
                put(Table::Record, "other", Expect::Version(1), b"no"),
                put(Table::Record, "new", Expect::Absent, b"no"),
                delete(Table::Record, "last", Expect::Version(1)),
            ];
            changes.insert(place, failing());
            fails(store.commit(changes).await, ErrorKind::Stale);
            let after = ok(store.get_many(Table::Record, &keys).await);
            assert_eq!(after, before, "with {:?} at {place}", failing());
        }
    }
}

/// A commit that failed was no change: the next version is the next number.
pub async fn counts_no_version_for_a_failed_commit(store: &dyn Store) {
    commit(store, vec![put(Table::Record, "a", Expect::Absent, b"1")]).await;
    for _ in 0..3 {
        let changes = vec![
            put(Table::Record, "a", Expect::Any, b"no"),
            put(Table::Record, "b", Expect::Absent, b"no"),
            check(Table::Record, "c", Expect::Version(1)),
        ];
        fails(store.commit(changes).await, ErrorKind::Stale);
    }
    commit(
        store,
        vec![
            put(Table::Record, "a", Expect::Version(1), b"2"),
            put(Table::Record, "b", Expect::Absent, b"1"),
        ],
    )
    .await;
    assert_eq!(version(store, Table::Record, "a").await, Some(2));
    assert_eq!(version(store, Table::Record, "b").await, Some(1));
}

/// A commit that failed left every index as it was.
pub async fn keeps_indexes_when_a_commit_fails(store: &dyn Store) {
    let at = |sort: &str| vec![entry("open", sort)];
    commit(
        store,
        vec![
            put_indexed(Table::Record, "a", Expect::Absent, b"x", at("1")),
            put_indexed(Table::Record, "b", Expect::Absent, b"x", at("2")),
        ],
    )
    .await;
    settles(
        store,
        question(Table::Record, "open"),
        &[("1", "a"), ("2", "b")],
    )
    .await;
    let changes = vec![
        put_indexed(Table::Record, "a", Expect::Any, b"x", at("7")),
        delete(Table::Record, "b", Expect::Any),
        put_indexed(Table::Record, "c", Expect::Any, b"x", at("8")),
        put(Table::Record, "d", Expect::Version(1), b"x"),
    ];
    fails(store.commit(changes).await, ErrorKind::Stale);
    // A commit that succeeds afterwards, so that a lagging index has something to catch up with.
    let marker = put_indexed(Table::Record, "z", Expect::Absent, b"x", at("9"));
    commit(store, vec![marker]).await;
    let expected = [("1", "a"), ("2", "b"), ("9", "z")];
    settles(store, question(Table::Record, "open"), &expected).await;
}

/// A commit of checks only succeeds or fails and changes nothing.
pub async fn checks_without_changing(store: &dyn Store) {
    commit(store, vec![put(Table::Lease, "a", Expect::Absent, b"x")]).await;
    let good = vec![
        check(Table::Lease, "a", Expect::Version(1)),
        check(Table::Lease, "b", Expect::Absent),
        check(Table::Lease, "c", Expect::Any),
    ];
    commit(store, good).await;
    let bad = vec![
        check(Table::Lease, "a", Expect::Version(1)),
        check(Table::Lease, "b", Expect::Version(1)),
    ];
    fails(store.commit(bad).await, ErrorKind::Stale);
    assert_eq!(version(store, Table::Lease, "a").await, Some(1));
    for key in ["b", "c"] {
        assert_eq!(get(store, Table::Lease, key).await, None);
    }
}

/// Fencing: a write under an old lease does not happen.
pub async fn guards_a_change_by_another_item(store: &dyn Store) {
    commit(
        store,
        vec![put(Table::Lease, "worker", Expect::Absent, b"one")],
    )
    .await;
    let outcome = |lease: u64, body: &[u8]| {
        vec![
            check(Table::Lease, "worker", Expect::Version(lease)),
            put(Table::Operation, "op", Expect::Any, body),
        ]
    };
    commit(store, outcome(1, b"by one")).await;
    commit(
        store,
        vec![put(Table::Lease, "worker", Expect::Version(1), b"two")],
    )
    .await;
    fails(store.commit(outcome(1, b"late")).await, ErrorKind::Stale);
    assert_eq!(
        body(store, Table::Operation, "op").await,
        Some(b"by one".to_vec())
    );
    commit(store, outcome(2, b"by two")).await;
    assert_eq!(
        body(store, Table::Operation, "op").await,
        Some(b"by two".to_vec())
    );
}

/// One commit takes an item out of one table and into another.
pub async fn moves_between_tables_at_once(store: &dyn Store) {
    commit(store, vec![put(Table::Inbox, "hint", Expect::Absent, b"x")]).await;
    let step = || {
        vec![
            delete(Table::Inbox, "hint", Expect::Version(1)),
            put(Table::Operation, "hint", Expect::Absent, b"x"),
        ]
    };
    commit(store, step()).await;
    fails(store.commit(step()).await, ErrorKind::Stale);
    assert_eq!(get(store, Table::Inbox, "hint").await, None);
    assert_eq!(version(store, Table::Operation, "hint").await, Some(1));
}
