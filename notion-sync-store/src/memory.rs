//! A store in memory: the contract in its most readable form.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Bound;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use notion_sync_core::Result;
use notion_sync_core::store::{Change, Hit, IndexEntry, Item, Query, Store, Table};

use crate::backing::{Backing, Condition, plain_changes, plain_item, stale_frame};
use crate::limits::{check_commit, check_condition, check_frames, check_keys, check_query, target};

/// Keeps everything in memory and loses it with the process.
///
/// For tests, for `plan` without a store, and as the reference other stores are compared with:
/// every call takes one lock, so commits happen one after the other and indexes never lag.
#[derive(Default)]
pub struct MemoryStore {
    state: Mutex<State>,
}

#[derive(Default, Clone)]
struct State {
    items: BTreeMap<(Table, String), Kept>,
    entries: BTreeSet<Entry>,
    /// The last version of items that were deleted, so that a new one of that key counts on.
    retired: BTreeMap<(Table, String), u64>,
}

#[derive(Clone)]
struct Kept {
    version: u64,
    frame: Vec<u8>,
    indexes: BTreeSet<IndexEntry>,
}

/// An index entry in the order of answers: index, key in the index, sort, key of the item.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    table: Table,
    name: String,
    key: String,
    sort: String,
    item: String,
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What it holds now, in a store of its own: a backup.
    #[must_use]
    pub fn copy(&self) -> Self {
        Self {
            state: Mutex::new(self.state().clone()),
        }
    }

    /// Holds what a [`copy`](Self::copy) holds from now on, and nothing else: as if a backup had been put
    /// back. Nobody may be at work on it.
    pub fn restore(&self, backup: &Self) {
        let held = backup.state().clone();
        *self.state() = held;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics between two halves of a change, so a poisoned state is still a whole one.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MemoryStore({} items)", self.state().items.len())
    }
}

impl State {
    fn version(&self, table: Table, key: &str) -> Option<u64> {
        self.items
            .get(&(table, key.to_owned()))
            .map(|kept| kept.version)
    }

    /// All conditions first, all changes after: nothing can fail half-way.
    fn commit(&mut self, changes: Vec<Change>) -> Result<()> {
        for change in &changes {
            let (table, key, expect) = target(change);
            check_condition(table, key, expect, self.version(table, key))?;
        }
        for change in changes {
            match change {
                Change::Put {
                    table,
                    key,
                    indexes,
                    body,
                    ..
                } => self.put(table, key, indexes, body),
                Change::Delete { table, key, .. } => {
                    if let Some(kept) = self.remove(table, &key) {
                        self.retired.insert((table, key), kept.version);
                    }
                }
                Change::Check { .. } => {}
            }
        }
        Ok(())
    }

    fn put(&mut self, table: Table, key: String, indexes: Vec<IndexEntry>, frame: Vec<u8>) {
        let last = match self.remove(table, &key) {
            Some(kept) => kept.version,
            None => self
                .retired
                .remove(&(table, key.clone()))
                .unwrap_or_default(),
        };
        let indexes: BTreeSet<_> = indexes.into_iter().collect();
        for index in &indexes {
            self.entries.insert(Entry::new(table, index, &key));
        }
        let kept = Kept {
            version: last.saturating_add(1),
            frame,
            indexes,
        };
        self.items.insert((table, key), kept);
    }

    fn remove(&mut self, table: Table, key: &str) -> Option<Kept> {
        let kept = self.items.remove(&(table, key.to_owned()))?;
        for index in &kept.indexes {
            self.entries.remove(&Entry::new(table, index, key));
        }
        Some(kept)
    }
}

impl Entry {
    fn new(table: Table, index: &IndexEntry, item: &str) -> Self {
        Self {
            table,
            name: index.name.to_owned(),
            key: index.key.clone(),
            sort: index.sort.clone(),
            item: item.to_owned(),
        }
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn get(&self, table: Table, key: &str) -> Result<Option<Item>> {
        Ok(self.get_many(table, &[key.to_owned()]).await?.pop())
    }

    async fn get_many(&self, table: Table, keys: &[String]) -> Result<Vec<Item>> {
        let items = self.frames(table, keys).await?;
        items
            .into_iter()
            .map(|item| plain_item(table, item))
            .collect()
    }

    async fn query(&self, query: Query<'_>) -> Result<Vec<Hit>> {
        check_query(&query)?;
        let entry = |sort: &str, item: &str| Entry {
            table: query.table,
            name: query.name.to_owned(),
            key: query.key.to_owned(),
            sort: sort.to_owned(),
            item: item.to_owned(),
        };
        let from = match query.after {
            Some((sort, item)) => Bound::Excluded(entry(sort, item)),
            None => Bound::Included(entry("", "")),
        };
        Ok(self
            .state()
            .entries
            .range((from, Bound::Unbounded))
            .take_while(|entry| {
                entry.table == query.table && entry.name == query.name && entry.key == query.key
            })
            .take(query.limit)
            .map(|entry| Hit {
                sort: entry.sort.clone(),
                key: entry.item.clone(),
            })
            .collect())
    }

    async fn commit(&self, changes: Vec<Change>) -> Result<()> {
        check_commit(&changes)?;
        self.commit_frames(plain_changes(changes)).await
    }
}

#[async_trait]
impl Backing for MemoryStore {
    async fn frames(&self, table: Table, keys: &[String]) -> Result<Vec<Item>> {
        check_keys(table, keys)?;
        let state = self.state();
        Ok(keys
            .iter()
            .filter_map(|key| {
                let kept = state.items.get(&(table, key.clone()))?;
                Some(Item {
                    key: key.clone(),
                    version: kept.version,
                    body: kept.frame.clone(),
                })
            })
            .collect())
    }

    async fn commit_frames(&self, changes: Vec<Change>) -> Result<()> {
        check_frames(&changes)?;
        self.state().commit(changes)
    }

    async fn keys(&self, table: Table, after: Option<&str>, limit: usize) -> Result<Vec<String>> {
        let from = match after {
            Some(key) => Bound::Excluded((table, key.to_owned())),
            None => Bound::Included((table, String::new())),
        };
        Ok(self
            .state()
            .items
            .range((from, Bound::Unbounded))
            .take_while(|((of, _), _)| *of == table)
            .take(limit)
            .map(|((_, key), _)| key.clone())
            .collect())
    }

    async fn rewrite_frame(
        &self,
        table: Table,
        key: &str,
        version: u64,
        frame: Vec<u8>,
        given: Option<Condition>,
    ) -> Result<()> {
        let mut state = self.state();
        if let Some(given) = given {
            let stored = state.version(given.table, &given.key);
            check_condition(given.table, &given.key, given.expect, stored)?;
        }
        match state.items.get_mut(&(table, key.to_owned())) {
            Some(kept) if kept.version == version => {
                kept.frame = frame;
                Ok(())
            }
            _ => Err(stale_frame(table, key, version)),
        }
    }
}
