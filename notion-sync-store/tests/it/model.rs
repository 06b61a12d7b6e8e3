//! Random sequences of calls, shrunk to the shortest that fails.

use std::sync::Arc;

use notion_sync_core::store::{Change, Expect, IndexEntry, Store, Table};
#[cfg(feature = "sqlite")]
use notion_sync_store::open;
use notion_sync_store::{MemoryStore, Sealed};
use notion_sync_testkit::store_suite::{INDEX_NAMES, Step, replay};
use proptest::prelude::*;

#[cfg(feature = "sqlite")]
use crate::directory::Scratch;
use crate::scratch::{ring, run, secret};

fn table() -> impl Strategy<Value = Table> {
    prop_oneof![
        Just(Table::Record),
        Just(Table::Claim),
        Just(Table::Setting)
    ]
}

fn key() -> impl Strategy<Value = String> {
    prop_oneof![
        20 => prop::sample::select(&["a", "b", "c", "\u{e9}", "a\0"][..]).prop_map(str::to_owned),
        1 => Just(String::new()),
        1 => Just("k".repeat(513)),
    ]
}

fn expect() -> impl Strategy<Value = Expect> {
    prop_oneof![
        4 => Just(Expect::Any),
        2 => Just(Expect::Absent),
        3 => Just(Expect::Version(Step::RELATIVE + 2)),
        1 => (0..4_u64).prop_map(|n| Expect::Version(Step::RELATIVE + n)),
        1 => (0..5_u64).prop_map(Expect::Version),
    ]
}

fn index() -> impl Strategy<Value = IndexEntry> {
    let texts = || prop::sample::select(&["", "1", "10", "9", "\u{e9}"][..]);
    (prop::sample::select(&INDEX_NAMES[..]), texts(), texts()).prop_map(|(name, key, sort)| {
        IndexEntry {
            name,
            key: key.to_owned(),
            sort: sort.to_owned(),
        }
    })
}

fn change() -> impl Strategy<Value = Change> {
    let bodies = prop::collection::vec(any::<u8>(), 0..40);
    prop_oneof![
        6 => (table(), key(), expect(), prop::collection::vec(index(), 0..4), bodies).prop_map(
            |(table, key, expect, indexes, body)| Change::Put { table, key, expect, indexes, body }
        ),
        2 => (table(), key(), expect())
            .prop_map(|(table, key, expect)| Change::Delete { table, key, expect }),
        1 => (table(), key(), expect())
            .prop_map(|(table, key, expect)| Change::Check { table, key, expect }),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let place = prop::option::of((index().prop_map(|index| index.sort), key()));
    prop_oneof![
        6 => prop::collection::vec(change(), 0..5).prop_map(Step::Commit),
        1 => (table(), key()).prop_map(|(table, key)| Step::Get(table, key)),
        1 => (table(), prop::collection::vec(key(), 0..6))
            .prop_map(|(table, keys)| Step::GetMany(table, keys)),
        3 => (table(), index(), place, 1..6_usize).prop_map(|(table, index, after, limit)| {
            Step::Query { table, name: index.name, key: index.key, after, limit }
        }),
    ]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(step(), 0..40)
}

fn agrees(store: &dyn Store, steps: &[Step]) {
    run(replay(store, steps));
}

#[cfg(feature = "sqlite")]
/// A file is opened and synced once per case: fewer cases.
fn few() -> ProptestConfig {
    ProptestConfig::with_cases(24)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn memory(steps in steps()) {
        agrees(&MemoryStore::new(), &steps);
    }

    #[test]
    fn sealed_memory(steps in steps()) {
        let sealed = Sealed::open(Arc::new(MemoryStore::new()), ring(&secret()));
        agrees(&run(sealed).unwrap(), &steps);
    }

    #[cfg(feature = "sqlite")]
    #[test]
    fn sqlite_in_memory(steps in steps()) {
        agrees(&*run(open("sqlite::memory:", None)).unwrap(), &steps);
    }
}

#[cfg(feature = "sqlite")]
proptest! {
    #![proptest_config(few())]

    #[test]
    fn sqlite_file(steps in steps()) {
        let scratch = Scratch::new();
        agrees(&*run(open(&scratch.url("store.db"), None)).unwrap(), &steps);
    }

    #[test]
    fn sealed_sqlite_file(steps in steps()) {
        let scratch = Scratch::new();
        let url = scratch.url("store.db");
        agrees(&*run(open(&url, Some(ring(&secret())))).unwrap(), &steps);
    }
}
