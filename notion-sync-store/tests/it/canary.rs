//! The suite fails when it should: stores with one planted defect each, and the cases that must
//! notice it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use notion_sync_core::store::{Change, Expect, Hit, Item, Query, Store, Table};
use notion_sync_core::{Error, ErrorKind, Result};
use notion_sync_store::MemoryStore;
use notion_sync_testkit::store_suite;

use crate::scratch::run;

/// What is wrong with a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Defect {
    None,
    IgnoresConditions,
    AppliesHalf,
    ForgetsVersions,
    TrimsKeys,
    MixesTables,
    SortsManyByKey,
    LosesSorts,
    OrdersByKey,
    IncludesTheCursor,
    IgnoresTheLimit,
    OverwritesRacers,
    AcceptsDuplicates,
    AcceptsLargeBodies,
    AcceptsLongKeys,
    AnswersStaleForInvalid,
    DropsEmptyBodies,
    PrintsBodies,
    ReadsTheCommitBefore,
}

#[derive(Default)]
struct Defective {
    below: MemoryStore,
    older: MemoryStore,
    puts: AtomicU64,
    defect: Option<Defect>,
    last_body: std::sync::Mutex<Vec<u8>>,
}

impl std::fmt::Debug for Defective {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.has(Defect::PrintsBodies) {
            let body = self.last_body.lock().unwrap();
            return write!(f, "{}", String::from_utf8_lossy(&body));
        }
        f.write_str("Defective")
    }
}

impl Defective {
    fn new(defect: Defect) -> Self {
        Self {
            defect: Some(defect),
            ..Self::default()
        }
    }

    fn has(&self, defect: Defect) -> bool {
        self.defect == Some(defect)
    }

    fn table(&self, table: Table) -> Table {
        match table {
            Table::Claim if self.has(Defect::MixesTables) => Table::Record,
            table => table,
        }
    }

    fn key(&self, key: &str) -> String {
        if self.has(Defect::TrimsKeys) {
            key.trim().to_owned()
        } else if self.has(Defect::AcceptsLongKeys) {
            key.chars().take(128).collect()
        } else {
            key.to_owned()
        }
    }

    fn spoil(&self, mut change: Change) -> Change {
        let (Change::Put {
            table, key, expect, ..
        }
        | Change::Delete { table, key, expect }
        | Change::Check { table, key, expect }) = &mut change;
        *table = self.table(*table);
        *key = self.key(key);
        let raced = matches!(expect, Expect::Version(_)) && self.has(Defect::OverwritesRacers);
        if self.has(Defect::IgnoresConditions) || raced {
            *expect = Expect::Any;
        }
        if let Change::Put {
            key, indexes, body, ..
        } = &mut change
        {
            *self.last_body.lock().unwrap() = body.clone();
            if self.has(Defect::LosesSorts) {
                for entry in indexes {
                    entry.sort.truncate(0);
                }
            }
            if self.has(Defect::AcceptsLargeBodies) {
                body.truncate(299_999);
            }
            if self.has(Defect::DropsEmptyBodies) && body.is_empty() {
                *body = key.clone().into_bytes();
            }
        }
        change
    }
}

#[async_trait]
impl Store for Defective {
    async fn get(&self, table: Table, key: &str) -> Result<Option<Item>> {
        let from = if self.has(Defect::ReadsTheCommitBefore) {
            &self.older
        } else {
            &self.below
        };
        let found = from.get(self.table(table), &self.key(key)).await?;
        Ok(found.map(|item| Item {
            key: key.to_owned(),
            version: match self.defect {
                Some(Defect::ForgetsVersions) => 1,
                _ => item.version,
            },
            ..item
        }))
    }

    async fn get_many(&self, table: Table, keys: &[String]) -> Result<Vec<Item>> {
        let mut items = self.below.get_many(self.table(table), keys).await?;
        if self.has(Defect::SortsManyByKey) {
            items.sort_by(|a, b| a.key.cmp(&b.key));
        }
        Ok(items)
    }

    async fn query(&self, query: Query<'_>) -> Result<Vec<Hit>> {
        let limit = match self.defect {
            Some(Defect::IgnoresTheLimit) => 1_000,
            _ => query.limit,
        };
        let after = match query.after {
            Some((sort, _)) if self.has(Defect::IncludesTheCursor) => Some((sort, "")),
            after => after,
        };
        let mut hits = self
            .below
            .query(Query {
                limit,
                after,
                ..query
            })
            .await?;
        if self.has(Defect::OrdersByKey) {
            hits.sort_by(|a, b| a.key.cmp(&b.key));
        }
        Ok(hits)
    }

    async fn commit(&self, changes: Vec<Change>) -> Result<()> {
        self.puts.fetch_add(1, Ordering::Relaxed);
        let before = changes.clone();
        let mut changes: Vec<_> = changes.into_iter().map(|c| self.spoil(c)).collect();
        if self.has(Defect::AcceptsDuplicates) {
            let mut seen = Vec::new();
            changes.retain(|change| {
                let (Change::Put { table, key, .. }
                | Change::Delete { table, key, .. }
                | Change::Check { table, key, .. }) = change;
                let new = !seen.contains(&(*table, key.clone()));
                seen.push((*table, key.clone()));
                new
            });
        }
        if self.has(Defect::AppliesHalf) {
            for change in changes {
                self.below.commit(vec![change]).await?;
            }
            return Ok(());
        }
        let result = self.below.commit(changes).await;
        if self.has(Defect::ReadsTheCommitBefore) && self.puts.load(Ordering::Relaxed) > 1 {
            self.older.commit(before).await?;
        }
        match result {
            Err(error)
                if self.has(Defect::AnswersStaleForInvalid)
                    && error.kind() == ErrorKind::Invalid =>
            {
                Err(Error::new(ErrorKind::Stale, "commit changes"))
            }
            result => result,
        }
    }
}

/// Whether a case passes on a store of its own.
macro_rules! passes {
    ($case:ident, $defect:expr) => {
        catch_unwind(AssertUnwindSafe(|| {
            run(store_suite::$case(&Defective::new($defect)));
        }))
        .is_ok()
    };
}

/// Each line: a defect, and cases that must notice it.
macro_rules! canaries {
    ($($defect:ident: $($case:ident),+;)+) => {
        #[test]
        fn every_planted_defect_is_noticed() {
            let mut pairs = 0;
            // At the same time, because cases about indexes wait a while before they give up.
            std::thread::scope(|scope| {
                $($(
                    pairs += 1;
                    scope.spawn(|| {
                        let case = stringify!($case);
                        assert!(passes!($case, Defect::None), "{case} fails a sound store");
                        let defect = Defect::$defect;
                        assert!(!passes!($case, defect), "{case} misses {defect:?}");
                    });
                )+)+
            });
            assert!(pairs > 40, "{pairs}");
        }
    };
}

canaries! {
    IgnoresConditions: judges_conditions_of_puts, judges_conditions_of_deletes,
        judges_conditions_of_checks, applies_nothing_when_one_condition_fails,
        guards_a_change_by_another_item, lets_one_of_many_creators_win, agrees_with_the_model;
    AppliesHalf: applies_nothing_when_one_condition_fails, keeps_indexes_when_a_commit_fails,
        counts_no_version_for_a_failed_commit, refuses_two_changes_of_one_item,
        lets_one_record_claim_a_remote, agrees_with_the_model;
    ForgetsVersions: counts_every_put, never_repeats_a_version, agrees_with_the_model;
    TrimsKeys: tells_keys_apart_exactly;
    MixesTables: tells_tables_apart, takes_one_key_in_two_tables;
    SortsManyByKey: returns_many_in_the_order_asked, leaves_absent_items_out,
        returns_a_repeated_key_each_time, agrees_with_the_model;
    LosesSorts: orders_by_sort_then_key_byte_wise, replaces_index_entries_with_every_put;
    OrdersByKey: orders_by_sort_then_key_byte_wise, agrees_with_the_model;
    IncludesTheCursor: pages_without_gaps_or_repeats, continues_after_a_place_that_is_gone;
    IgnoresTheLimit: pages_without_gaps_or_repeats, refuses_a_query_without_or_beyond_limit;
    OverwritesRacers: lets_one_of_many_updaters_win, judges_conditions_of_puts;
    AcceptsDuplicates: refuses_two_changes_of_one_item;
    AcceptsLargeBodies: takes_the_largest_body_and_no_larger_one;
    AcceptsLongKeys: takes_the_longest_key_and_no_longer_one;
    AnswersStaleForInvalid: refuses_an_empty_key, refuses_bad_changes_whatever_is_stored,
        refuses_more_than_a_hundred_changes;
    DropsEmptyBodies: keeps_an_empty_body;
    PrintsBodies: shows_no_bodies_in_debug;
    ReadsTheCommitBefore: sees_every_commit_that_returned, returns_what_was_put;
}
