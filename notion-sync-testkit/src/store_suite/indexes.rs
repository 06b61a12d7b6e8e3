//! Cases about indexes. They may lag, so every case waits for the answer it expects.

use notion_sync_core::store::{Expect, Hit, IndexEntry, Query, Store, Table};

use super::sample::{
    INDEX, check, commit, delete, entry, ok, put, put_indexed, question, settled, settles,
};

const TABLE: Table = Table::Operation;

/// Puts items with one entry each, all under `open`.
async fn fill(store: &dyn Store, entries: &[(&str, &str)]) {
    for chunk in entries.chunks(100) {
        let changes = chunk
            .iter()
            .map(|(sort, key)| {
                put_indexed(TABLE, key, Expect::Any, b"x", vec![entry("open", sort)])
            })
            .collect();
        commit(store, changes).await;
    }
}

fn pairs(hits: &[Hit]) -> Vec<(&str, &str)> {
    hits.iter()
        .map(|hit| (hit.sort.as_str(), hit.key.as_str()))
        .collect()
}

/// An item is found under its entry.
pub async fn finds_by_index(store: &dyn Store) {
    settles(store, question(TABLE, "open"), &[]).await;
    fill(store, &[("2026-11-21", "op-1")]).await;
    settles(store, question(TABLE, "open"), &[("2026-11-21", "op-1")]).await;
}

/// Name, key and table of an index are all part of the question.
pub async fn finds_nothing_under_other_names_keys_and_tables(store: &dyn Store) {
    let all = |sort: &str| {
        vec![
            entry("open", sort),
            entry("openx", sort),
            entry("", sort),
            IndexEntry {
                name: "suite-by-owner",
                key: "open".to_owned(),
                sort: sort.to_owned(),
            },
        ]
    };
    let changes = vec![
        put_indexed(TABLE, "a", Expect::Absent, b"x", all("1")),
        put_indexed(Table::Record, "b", Expect::Absent, b"x", all("2")),
    ];
    commit(store, changes).await;
    for (table, sort, item) in [(TABLE, "1", "a"), (Table::Record, "2", "b")] {
        for (name, key) in [
            (INDEX, "open"),
            (INDEX, "openx"),
            (INDEX, ""),
            ("suite-by-owner", "open"),
        ] {
            let query = Query {
                name,
                ..question(table, key)
            };
            settles(store, query, &[(sort, item)]).await;
        }
        for (name, key) in [
            (INDEX, "ope"),
            (INDEX, "Open"),
            (INDEX, "%"),
            ("suite-by-owner", ""),
            ("suite-by", "open"),
            ("", "open"),
        ] {
            let query = Query {
                name,
                ..question(table, key)
            };
            assert_eq!(ok(store.query(query).await), [], "{name} {key}");
        }
    }
    assert_eq!(ok(store.query(question(Table::Claim, "open")).await), []);
}

/// Entries come by sort, then by key, both compared byte by byte.
pub async fn orders_by_sort_then_key_byte_wise(store: &dyn Store) {
    let sorts = [
        "",
        " ",
        "10",
        "9",
        "A",
        "Z",
        "a",
        "a\0",
        "a ",
        "aa",
        "b",
        "z",
        "\u{e9}",
        "\u{ffff}",
        "\u{1f600}",
    ];
    let mut entries = Vec::new();
    for (number, sort) in sorts.iter().enumerate() {
        for item in ["B", "a", "\u{e9}"] {
            entries.push(((*sort).to_owned(), format!("{item}{number}")));
        }
    }
    // Stored in another order than expected.
    let stored: Vec<_> = entries
        .iter()
        .rev()
        .map(|(sort, key)| (sort.as_str(), key.as_str()))
        .collect();
    fill(store, &stored).await;
    entries.sort_by(|a, b| (a.0.as_bytes(), a.1.as_bytes()).cmp(&(b.0.as_bytes(), b.1.as_bytes())));
    let expected: Vec<_> = entries
        .iter()
        .map(|(sort, key)| (sort.as_str(), key.as_str()))
        .collect();
    settles(store, question(TABLE, "open"), &expected).await;
}

/// After a put an item has the entries of that put and no others.
pub async fn replaces_index_entries_with_every_put(store: &dyn Store) {
    let steps: [&[(&str, &str)]; 6] = [
        &[("open", "1")],
        &[("open", "2")],
        &[("done", "1"), ("open", "2")],
        &[("done", "3")],
        &[],
        &[("open", "1"), ("open", "2"), ("done", "9")],
    ];
    for entries in steps {
        let indexes = entries.iter().map(|(key, sort)| entry(key, sort)).collect();
        let change = put_indexed(TABLE, "a", Expect::Any, b"x", indexes);
        commit(store, vec![change]).await;
        for key in ["open", "done"] {
            let mut expected: Vec<_> = entries
                .iter()
                .filter(|(of, _)| *of == key)
                .map(|(_, sort)| (*sort, "a"))
                .collect();
            expected.sort_unstable();
            settles(store, question(TABLE, key), &expected).await;
        }
    }
}

/// A deleted item is found nowhere, also not when it is created again without entries.
pub async fn forgets_index_entries_of_deleted_items(store: &dyn Store) {
    fill(store, &[("1", "a"), ("2", "b"), ("3", "c")]).await;
    commit(store, vec![delete(TABLE, "b", Expect::Version(1))]).await;
    settles(store, question(TABLE, "open"), &[("1", "a"), ("3", "c")]).await;
    commit(store, vec![put(TABLE, "b", Expect::Absent, b"x")]).await;
    fill(store, &[("4", "d")]).await;
    let expected = [("1", "a"), ("3", "c"), ("4", "d")];
    settles(store, question(TABLE, "open"), &expected).await;
    commit(store, vec![delete(TABLE, "a", Expect::Any)]).await;
    fill(store, &[("0", "a")]).await;
    let expected = [("0", "a"), ("3", "c"), ("4", "d")];
    settles(store, question(TABLE, "open"), &expected).await;
}

/// One item may stand in many indexes, and several times in one.
pub async fn finds_an_item_under_many_entries(store: &dyn Store) {
    let sorts: Vec<_> = (10..40).map(|n| n.to_string()).collect();
    let mut indexes: Vec<_> = sorts.iter().map(|sort| entry("open", sort)).collect();
    indexes.extend(sorts.iter().map(|sort| entry(&format!("k{sort}"), "1")));
    let change = put_indexed(TABLE, "a", Expect::Absent, b"x", indexes);
    commit(store, vec![change]).await;
    let expected: Vec<_> = sorts.iter().map(|sort| (sort.as_str(), "a")).collect();
    settles(store, question(TABLE, "open"), &expected).await;
    for sort in &sorts {
        settles(store, question(TABLE, &format!("k{sort}")), &[("1", "a")]).await;
    }
}

/// The same entry given twice is one entry.
pub async fn counts_a_repeated_entry_once(store: &dyn Store) {
    for _ in 0..2 {
        let indexes = vec![entry("open", "1"), entry("open", "1")];
        let change = put_indexed(TABLE, "a", Expect::Any, b"x", indexes);
        commit(store, vec![change]).await;
        settles(store, question(TABLE, "open"), &[("1", "a")]).await;
    }
}

/// A check does not touch the entries of its item.
pub async fn lets_checks_leave_indexes_alone(store: &dyn Store) {
    fill(store, &[("1", "a")]).await;
    let changes = vec![
        check(TABLE, "a", Expect::Version(1)),
        put_indexed(TABLE, "b", Expect::Absent, b"x", vec![entry("open", "2")]),
    ];
    commit(store, changes).await;
    settles(store, question(TABLE, "open"), &[("1", "a"), ("2", "b")]).await;
}

/// Pages of every size, put together, are the whole answer.
pub async fn pages_without_gaps_or_repeats(store: &dyn Store) {
    let whole = [
        ("", "a"),
        ("1", "a2"),
        ("1", "b2"),
        ("1", "c2"),
        ("2", "a3"),
        ("2", "b3"),
        ("3", "a4"),
    ];
    fill(store, &whole).await;
    // Neighbours that must not be reached.
    let other = vec![entry("opem", "9"), entry("openn", "0")];
    commit(
        store,
        vec![put_indexed(TABLE, "n", Expect::Any, b"x", other)],
    )
    .await;
    settles(store, question(TABLE, "open"), &whole).await;
    for limit in 1..=whole.len() + 1 {
        let mut seen: Vec<Hit> = Vec::new();
        for _ in 0..=whole.len() + 1 {
            let after = seen.last().map(|hit| (hit.sort.clone(), hit.key.clone()));
            let query = Query {
                after: after.as_ref().map(|(sort, key)| (&**sort, &**key)),
                limit,
                ..question(TABLE, "open")
            };
            let page = ok(store.query(query).await);
            assert!(page.len() <= limit, "{} of {limit}", page.len());
            if page.is_empty() {
                break;
            }
            seen.extend(page);
        }
        assert_eq!(pairs(&seen), whole, "in pages of {limit}");
    }
}

/// A page may begin after an entry that does not exist.
pub async fn continues_after_a_place_that_is_gone(store: &dyn Store) {
    let whole = [("1", "a"), ("1", "c"), ("3", "b")];
    fill(store, &whole).await;
    settles(store, question(TABLE, "open"), &whole).await;
    for (after, rest) in [
        (("", ""), 0),
        (("0", "z"), 0),
        (("1", ""), 0),
        (("1", "a"), 1),
        (("1", "b"), 1),
        (("1", "c"), 2),
        (("1", "c\0"), 2),
        (("2", "a"), 2),
        (("3", "a"), 2),
        (("3", "b"), 3),
        (("9", ""), 3),
    ] {
        let query = Query {
            after: Some(after),
            ..question(TABLE, "open")
        };
        let hits = ok(store.query(query).await);
        assert_eq!(pairs(&hits), whole[rest..], "after {after:?}");
    }
}

/// A thousand entries come at once and the rest on the next page.
pub async fn returns_a_thousand_hits(store: &dyn Store) {
    let keys: Vec<_> = (0..1_005).map(|n| format!("{n:04}")).collect();
    let entries: Vec<_> = keys.iter().map(|key| ("same", key.as_str())).collect();
    fill(store, &entries).await;
    let first = settled(store, question(TABLE, "open"), |hits| {
        pairs(hits) == entries[..1_000]
    })
    .await;
    assert_eq!(pairs(&first), entries[..1_000]);
    let rest = Query {
        after: Some(("same", "0999")),
        ..question(TABLE, "open")
    };
    settles(store, rest, &entries[1_000..]).await;
}

/// Quotes, patterns and separators in keys and sorts are only characters.
pub async fn takes_index_texts_literally(store: &dyn Store) {
    let texts = [
        "%",
        "_",
        "'",
        "\"",
        "a#b",
        "a\0b",
        "a/b",
        "';--",
        "\\",
        "\u{1f600}",
    ];
    for text in texts {
        let indexes = vec![entry(text, text)];
        commit(
            store,
            vec![put_indexed(TABLE, text, Expect::Absent, b"x", indexes)],
        )
        .await;
    }
    for text in texts {
        settles(store, question(TABLE, text), &[(text, text)]).await;
        let past = Query {
            after: Some((text, text)),
            ..question(TABLE, text)
        };
        assert_eq!(ok(store.query(past).await), []);
    }
}
