//! Cases about limits.

use notion_sync_core::ErrorKind;
use notion_sync_core::store::{Change, Expect, MAX_BODY, MAX_CHANGES, Query, Store, Table};

use super::sample::{body, check, commit, delete, fails, get, put, question};

const LONGEST_KEY: usize = 512;

/// One change too many is refused, of whatever kind, and none of them happens.
pub async fn refuses_more_than_a_hundred_changes(store: &dyn Store) {
    let kinds: [fn(&str) -> Change; 3] = [
        |key| put(Table::Record, key, Expect::Any, b"x"),
        |key| delete(Table::Record, key, Expect::Any),
        |key| check(Table::Record, key, Expect::Any),
    ];
    for kind in kinds {
        let mut changes: Vec<_> = (0..MAX_CHANGES).map(|n| kind(&format!("k{n}"))).collect();
        changes.insert(0, put(Table::Record, "first", Expect::Any, b"x"));
        fails(store.commit(changes).await, ErrorKind::Invalid);
        assert_eq!(get(store, Table::Record, "first").await, None);
        assert_eq!(get(store, Table::Record, "k0").await, None);
    }
}

/// A key needs at least one byte.
pub async fn refuses_an_empty_key(store: &dyn Store) {
    for expect in [Expect::Absent, Expect::Any, Expect::Version(1)] {
        for bad in [
            put(Table::Record, "", expect, b"x"),
            delete(Table::Record, "", expect),
            check(Table::Record, "", expect),
        ] {
            let changes = vec![put(Table::Record, "good", Expect::Any, b"x"), bad];
            fails(store.commit(changes).await, ErrorKind::Invalid);
            assert_eq!(get(store, Table::Record, "good").await, None);
        }
    }
}

/// Keys end at 512 bytes, counted in bytes.
pub async fn takes_the_longest_key_and_no_longer_one(store: &dyn Store) {
    let longest = [
        "k".repeat(LONGEST_KEY),
        "\u{e9}".repeat(LONGEST_KEY / 2),
        "\u{1f600}".repeat(LONGEST_KEY / 4),
    ];
    for key in &longest {
        commit(store, vec![put(Table::Claim, key, Expect::Absent, b"x")]).await;
        assert_eq!(body(store, Table::Claim, key).await, Some(b"x".to_vec()));
    }
    for key in longest.map(|key| key + "k") {
        for bad in [
            put(Table::Claim, &key, Expect::Any, b"x"),
            delete(Table::Claim, &key, Expect::Any),
            check(Table::Claim, &key, Expect::Any),
        ] {
            let changes = vec![bad, put(Table::Claim, "good", Expect::Any, b"x")];
            fails(store.commit(changes).await, ErrorKind::Invalid);
            assert_eq!(get(store, Table::Claim, "good").await, None);
        }
    }
}

/// Bodies end at the limit exactly.
pub async fn takes_the_largest_body_and_no_larger_one(store: &dyn Store) {
    let largest: Vec<u8> = (0..MAX_BODY).map(|n| (n % 251) as u8).collect();
    for size in [MAX_BODY - 64, MAX_BODY - 1, MAX_BODY] {
        let change = put(Table::Content, "large", Expect::Any, &largest[..size]);
        commit(store, vec![change]).await;
        let stored = body(store, Table::Content, "large").await;
        // Not assert_eq: a failure would print megabytes.
        assert!(stored.as_deref() == Some(&largest[..size]), "{size} bytes");
    }
    let larger = [&largest[..], b"x"].concat();
    let changes = vec![
        put(Table::Content, "good", Expect::Any, b"x"),
        put(Table::Content, "large", Expect::Any, &larger),
    ];
    fails(store.commit(changes).await, ErrorKind::Invalid);
    assert_eq!(get(store, Table::Content, "good").await, None);
    let kept = body(store, Table::Content, "large").await;
    assert!(kept == Some(largest), "the item keeps what it had");
}

/// Two changes of one item in one commit are refused, in every combination.
pub async fn refuses_two_changes_of_one_item(store: &dyn Store) {
    commit(
        store,
        vec![put(Table::Record, "there", Expect::Absent, b"x")],
    )
    .await;
    for key in ["there", "missing"] {
        let kinds: [fn(&str) -> Change; 3] = [
            |key| put(Table::Record, key, Expect::Any, b"no"),
            |key| delete(Table::Record, key, Expect::Any),
            |key| check(Table::Record, key, Expect::Any),
        ];
        let before = get(store, Table::Record, key).await;
        for first in kinds {
            for second in kinds {
                let changes = vec![
                    first(key),
                    put(Table::Record, "between", Expect::Any, b"no"),
                    second(key),
                ];
                fails(store.commit(changes).await, ErrorKind::Invalid);
                assert_eq!(get(store, Table::Record, key).await, before);
                assert_eq!(get(store, Table::Record, "between").await, None);
            }
        }
    }
}

/// The same key in two tables is no repetition.
pub async fn takes_one_key_in_two_tables(store: &dyn Store) {
    let changes = Table::ALL
        .into_iter()
        .map(|table| put(table, "a", Expect::Absent, table.name().as_bytes()))
        .collect();
    commit(store, changes).await;
    for table in Table::ALL {
        let expected = Some(table.name().as_bytes().to_vec());
        assert_eq!(body(store, table, "a").await, expected);
    }
}

/// What is wrong in itself is called so, also when a condition fails as well.
pub async fn refuses_bad_changes_whatever_is_stored(store: &dyn Store) {
    let stale = || check(Table::Record, "missing", Expect::Version(7));
    let too_long = "k".repeat(LONGEST_KEY + 1);
    let too_large = vec![0; MAX_BODY + 1];
    for bad in [
        put(Table::Record, "", Expect::Any, b"x"),
        put(Table::Record, &too_long, Expect::Any, b"x"),
        put(Table::Record, "a", Expect::Any, &too_large),
        stale(),
    ] {
        fails(store.commit(vec![stale(), bad]).await, ErrorKind::Invalid);
    }
}

/// Too many keys at once are refused.
pub async fn refuses_more_than_a_hundred_keys(store: &dyn Store) {
    let keys: Vec<_> = (0..=100).map(|n| format!("k{n}")).collect();
    fails(
        store.get_many(Table::Record, &keys).await,
        ErrorKind::Invalid,
    );
}

/// A query asks for at least one entry and at most a thousand.
pub async fn refuses_a_query_without_or_beyond_limit(store: &dyn Store) {
    for limit in [0, 1_001, usize::MAX] {
        let query = Query {
            limit,
            ..question(Table::Record, "open")
        };
        fails(store.query(query).await, ErrorKind::Invalid);
    }
    for limit in [1, 1_000] {
        let query = Query {
            limit,
            ..question(Table::Record, "open")
        };
        assert!(store.query(query).await.is_ok_and(|hits| hits.is_empty()));
    }
}
