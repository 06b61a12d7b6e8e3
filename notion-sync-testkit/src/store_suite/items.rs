//! Cases about single items.

use notion_sync_core::store::{Expect, Store, Table};

use super::sample::{body, commit, delete, get, ok, put, version};

/// Nothing is stored in the beginning.
pub async fn finds_nothing_in_an_empty_store(store: &dyn Store) {
    for table in Table::ALL {
        assert_eq!(get(store, table, "a").await, None);
        assert_eq!(ok(store.get_many(table, &["a".to_owned()]).await), []);
        assert_eq!(ok(store.get_many(table, &[]).await), []);
    }
}

/// What was put is what is got.
pub async fn returns_what_was_put(store: &dyn Store) {
    let change = put(Table::Record, "a", Expect::Absent, b"first");
    commit(store, vec![change]).await;
    assert_eq!(
        body(store, Table::Record, "a").await,
        Some(b"first".to_vec())
    );
    let change = put(Table::Record, "a", Expect::Any, b"second");
    commit(store, vec![change]).await;
    assert_eq!(
        body(store, Table::Record, "a").await,
        Some(b"second".to_vec())
    );
}

/// Bodies are bytes: no encoding, no meaning of their first byte, no end at a zero.
pub async fn keeps_any_bytes(store: &dyn Store) {
    let every: Vec<u8> = (0..=255).collect();
    let bodies = (0..=255)
        .map(|first| [&[first][..], &every].concat())
        .chain((0..=255).map(|only| vec![only]))
        .chain([vec![0; 1_000], b"{\"a\":1}".to_vec()]);
    for (number, bytes) in bodies.enumerate() {
        let key = format!("body-{}", number % 8);
        commit(store, vec![put(Table::Content, &key, Expect::Any, &bytes)]).await;
        assert_eq!(body(store, Table::Content, &key).await, Some(bytes));
    }
}

/// An item with an empty body is an item.
pub async fn keeps_an_empty_body(store: &dyn Store) {
    commit(store, vec![put(Table::Lease, "a", Expect::Absent, b"")]).await;
    assert_eq!(body(store, Table::Lease, "a").await, Some(Vec::new()));
    assert_eq!(version(store, Table::Lease, "a").await, Some(1));
}

/// Keys that look alike, or like a pattern, or like a quote, are different keys.
pub async fn tells_keys_apart_exactly(store: &dyn Store) {
    let keys = [
        "a",
        "A",
        "a ",
        " a",
        "a\n",
        "a\0",
        "a\0b",
        "ab",
        "a%",
        "a_",
        "%",
        "_",
        "*",
        "a'b",
        "a\"b",
        "a`b",
        "a\\b",
        "a/b",
        "a//b",
        "a;b",
        "--",
        "\u{e9}",
        "e\u{301}",
        "ß",
        "ss",
        "SS",
        "1",
        "01",
        "1.0",
        "1e0",
        "null",
        "NULL",
        "\u{feff}a",
        "\u{1f600}",
        "\u{10ffff}",
        "a#b",
        "a:b",
    ];
    for (number, key) in keys.iter().enumerate() {
        let change = put(
            Table::Claim,
            key,
            Expect::Absent,
            number.to_string().as_bytes(),
        );
        commit(store, vec![change]).await;
    }
    for (number, key) in keys.iter().enumerate() {
        let expected = number.to_string().into_bytes();
        assert_eq!(
            body(store, Table::Claim, key).await,
            Some(expected),
            "{key:?}"
        );
    }
    let asked: Vec<_> = keys.iter().map(|key| (*key).to_owned()).collect();
    let items = ok(store.get_many(Table::Claim, &asked).await);
    let found: Vec<_> = items.iter().map(|item| item.key.as_str()).collect();
    assert_eq!(found, keys);
}

/// One key in two tables is two items.
pub async fn tells_tables_apart(store: &dyn Store) {
    for table in Table::ALL {
        let change = put(table, "a", Expect::Absent, table.name().as_bytes());
        commit(store, vec![change]).await;
    }
    commit(store, vec![delete(Table::Audit, "a", Expect::Version(1))]).await;
    for table in Table::ALL {
        let expected = (table != Table::Audit).then(|| table.name().as_bytes().to_vec());
        assert_eq!(body(store, table, "a").await, expected);
    }
}

/// A get sees every commit that returned before it was called.
pub async fn sees_every_commit_that_returned(store: &dyn Store) {
    for round in 1..=50_u64 {
        let text = round.to_string();
        commit(
            store,
            vec![put(Table::Mapping, "a", Expect::Any, text.as_bytes())],
        )
        .await;
        let item = get(store, Table::Mapping, "a").await;
        let seen = item.map(|item| (item.version, item.body));
        assert_eq!(seen, Some((round, text.into_bytes())));
    }
}

/// A created item has version 1, whatever else the store did.
pub async fn creates_with_version_one(store: &dyn Store) {
    for (key, expect) in [("a", Expect::Absent), ("b", Expect::Any)] {
        commit(store, vec![put(Table::Plan, key, expect, b"x")]).await;
        assert_eq!(version(store, Table::Plan, key).await, Some(1));
        commit(store, vec![delete(Table::Plan, key, Expect::Any)]).await;
    }
    commit(store, vec![put(Table::Plan, "c", Expect::Absent, b"x")]).await;
    assert_eq!(version(store, Table::Plan, "c").await, Some(1));
}

/// Every put adds one to the version, also when the body stays the same.
pub async fn counts_every_put(store: &dyn Store) {
    for count in 1..=10 {
        let expect = match count {
            1 => Expect::Absent,
            n if n % 2 == 0 => Expect::Version(n - 1),
            _ => Expect::Any,
        };
        commit(store, vec![put(Table::Record, "a", expect, b"same")]).await;
        assert_eq!(version(store, Table::Record, "a").await, Some(count));
    }
}

/// A key that was deleted and created again never has a version it had before.
pub async fn never_repeats_a_version(store: &dyn Store) {
    let mut seen = Vec::new();
    for round in 0..6_u8 {
        let expect = if round % 2 == 0 {
            Expect::Absent
        } else {
            Expect::Any
        };
        commit(store, vec![put(Table::Operation, "a", expect, &[round])]).await;
        for _ in 0..round % 3 {
            commit(
                store,
                vec![put(Table::Operation, "a", Expect::Any, &[round])],
            )
            .await;
        }
        let now = version(store, Table::Operation, "a").await;
        let now = now.unwrap_or_else(|| panic!("the item was just put"));
        assert!(
            seen.iter().all(|old| *old < now),
            "version {now} after {seen:?}"
        );
        seen.push(now);
        // The version of an earlier life must not match.
        for old in &seen[..seen.len() - 1] {
            let late = put(Table::Operation, "a", Expect::Version(*old), b"late");
            super::sample::fails(
                store.commit(vec![late]).await,
                notion_sync_core::ErrorKind::Stale,
            );
        }
        let gone = delete(Table::Operation, "a", Expect::Version(now));
        commit(store, vec![gone]).await;
        assert_eq!(get(store, Table::Operation, "a").await, None);
        // Deleting what is gone uses no version up and brings nothing back.
        commit(store, vec![delete(Table::Operation, "a", Expect::Any)]).await;
        commit(store, vec![delete(Table::Operation, "a", Expect::Absent)]).await;
    }
}

/// The versions of a deleted item say nothing about the same key in another table.
pub async fn retires_versions_per_item(store: &dyn Store) {
    for _ in 0..3 {
        commit(store, vec![put(Table::Inbox, "a", Expect::Any, b"x")]).await;
    }
    commit(store, vec![delete(Table::Inbox, "a", Expect::Any)]).await;
    commit(store, vec![put(Table::Lease, "a", Expect::Absent, b"x")]).await;
    assert_eq!(version(store, Table::Lease, "a").await, Some(1));
    commit(store, vec![put(Table::Inbox, "b", Expect::Absent, b"x")]).await;
    assert_eq!(version(store, Table::Inbox, "b").await, Some(1));
}

/// Many items come in the order they were asked for.
pub async fn returns_many_in_the_order_asked(store: &dyn Store) {
    for key in ["a", "b", "c", "d"] {
        commit(
            store,
            vec![put(Table::Record, key, Expect::Absent, key.as_bytes())],
        )
        .await;
    }
    for order in [
        ["a", "b", "c", "d"],
        ["d", "c", "b", "a"],
        ["c", "a", "d", "b"],
    ] {
        let keys = order.map(str::to_owned);
        let items = ok(store.get_many(Table::Record, &keys).await);
        let found: Vec<_> = items.iter().map(|item| item.key.clone()).collect();
        assert_eq!(found, keys);
        for item in items {
            assert_eq!(item.body, item.key.as_bytes());
            assert_eq!(item.version, 1);
        }
    }
}

/// Absent items are left out and the others stay in order.
pub async fn leaves_absent_items_out(store: &dyn Store) {
    for key in ["b", "d"] {
        commit(store, vec![put(Table::Record, key, Expect::Absent, b"x")]).await;
    }
    commit(store, vec![put(Table::Claim, "c", Expect::Absent, b"x")]).await;
    let keys = ["e", "d", "c", "b", "a"].map(str::to_owned);
    let items = ok(store.get_many(Table::Record, &keys).await);
    let found: Vec<_> = items.into_iter().map(|item| item.key).collect();
    assert_eq!(found, ["d", "b"]);
}

/// A key that is asked for twice is answered twice.
pub async fn returns_a_repeated_key_each_time(store: &dyn Store) {
    for key in ["a", "b"] {
        commit(store, vec![put(Table::Record, key, Expect::Absent, b"x")]).await;
    }
    let keys = ["a", "b", "a"].map(str::to_owned);
    let items = ok(store.get_many(Table::Record, &keys).await);
    let found: Vec<_> = items.into_iter().map(|item| item.key).collect();
    assert_eq!(found, keys);
}

/// A hundred items come at once.
pub async fn returns_a_hundred_at_once(store: &dyn Store) {
    let keys: Vec<_> = (0..100).map(|n| format!("key-{n}")).collect();
    let changes = keys
        .iter()
        .map(|key| put(Table::Content, key, Expect::Absent, key.as_bytes()))
        .collect();
    commit(store, changes).await;
    let items = ok(store.get_many(Table::Content, &keys).await);
    let found: Vec<_> = items.into_iter().map(|item| item.key).collect();
    assert_eq!(found, keys);
}

/// What people wrote does not get into logs by printing a store.
pub async fn shows_no_bodies_in_debug(store: &dyn Store) {
    let secret = b"Salary of Ada";
    commit(store, vec![put(Table::Record, "a", Expect::Absent, secret)]).await;
    let shown = format!(
        "{store:?} {store:#?} {:?}",
        get(store, Table::Record, "a").await
    );
    assert!(!shown.contains("Salary"), "{shown}");
    assert!(!shown.contains(&format!("{:?}", &secret[..6]).replace(['[', ']'], "")));
}
