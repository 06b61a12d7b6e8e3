//! A store of one's own in eighty lines: four functions over whatever keeps bytes, here a map.
//!
//! What a store must do stands at [`Store`]; the conformance suite of `notion-sync-testkit` checks
//! it (`tests/it/embedding.rs` runs it over this one). `main` keeps a page and a file the same with
//! it, between two models of the services.

#![allow(clippy::print_stdout)] // An example prints.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use notion_sync_core::clock::VirtualClock;
use notion_sync_core::engine::{Binding, Budget, Engine};
use notion_sync_core::mapping::{Mapping, People};
use notion_sync_core::store::{Change, Expect, Hit, IndexEntry, Item, Query, Store, Table};
use notion_sync_core::{ErrorKind, Result};
use notion_sync_store::limits::{check_commit, check_keys, check_query};
use notion_sync_testkit::model::{ModelPages, ModelRepository};

/// Items with their index entries. A removed item leaves its version behind: versions never repeat.
#[derive(Default)]
pub(crate) struct OwnStore(Mutex<Items>);

#[derive(Default)]
struct Kept {
    version: u64,
    body: Option<Vec<u8>>,
    indexes: Vec<IndexEntry>,
}

type Items = BTreeMap<(Table, String), Kept>;

impl fmt::Debug for OwnStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Bodies hold what people wrote: only their number is printed.
        write!(f, "OwnStore({} items)", self.items().len())
    }
}

impl OwnStore {
    fn items(&self) -> MutexGuard<'_, Items> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn holds(items: &Items, change: &Change) -> bool {
    let (Change::Put {
        table, key, expect, ..
    }
    | Change::Delete { table, key, expect }
    | Change::Check { table, key, expect }) = change;
    let version = items
        .get(&(*table, key.clone()))
        .and_then(|kept| kept.body.as_ref().map(|_| kept.version));
    match expect {
        Expect::Any => true,
        Expect::Absent => version.is_none(),
        Expect::Version(wanted) => version == Some(*wanted),
    }
}

#[async_trait]
impl Store for OwnStore {
    async fn get(&self, table: Table, key: &str) -> Result<Option<Item>> {
        Ok(self.get_many(table, &[key.to_owned()]).await?.pop())
    }

    async fn get_many(&self, table: Table, keys: &[String]) -> Result<Vec<Item>> {
        check_keys(table, keys)?;
        let items = self.items();
        let item = |key: &String| {
            let kept = items.get(&(table, key.clone()))?;
            let body = kept.body.clone()?;
            Some(Item {
                key: key.clone(),
                version: kept.version,
                body,
            })
        };
        Ok(keys.iter().filter_map(item).collect())
    }

    async fn query(&self, query: Query<'_>) -> Result<Vec<Hit>> {
        check_query(&query)?;
        let items = self.items();
        let mut hits: Vec<Hit> = Vec::new();
        let own = items.iter().filter(|((table, _), _)| *table == query.table);
        for ((_, key), kept) in own {
            let fits = |entry: &&IndexEntry| entry.name == query.name && entry.key == query.key;
            let entries = kept.indexes.iter().filter(fits);
            hits.extend(entries.map(|entry| Hit {
                sort: entry.sort.clone(),
                key: key.clone(),
            }));
        }
        hits.sort();
        hits.dedup();
        hits.retain(|hit| {
            query
                .after
                .is_none_or(|after| (hit.sort.as_str(), hit.key.as_str()) > after)
        });
        hits.truncate(query.limit);
        Ok(hits)
    }

    async fn commit(&self, changes: Vec<Change>) -> Result<()> {
        check_commit(&changes)?;
        let mut items = self.items();
        if !changes.iter().all(|change| holds(&items, change)) {
            return Err(notion_sync_core::Error::new(ErrorKind::Stale, "commit"));
        }
        for change in changes {
            match change {
                Change::Put {
                    table,
                    key,
                    indexes,
                    body,
                    ..
                } => {
                    let kept = items.entry((table, key)).or_default();
                    *kept = Kept {
                        version: kept.version + 1,
                        body: Some(body),
                        indexes,
                    };
                }
                Change::Delete { table, key, .. } => {
                    if let Some(kept) = items.get_mut(&(table, key)) {
                        *kept = Kept {
                            version: kept.version,
                            ..Kept::default()
                        };
                    }
                }
                Change::Check { .. } => {}
            }
        }
        Ok(())
    }
}

/// One file becomes a page.
#[tokio::main(flavor = "current_thread")]
pub(crate) async fn main() -> std::result::Result<(), Box<dyn Error>> {
    let clock = Arc::new(VirtualClock::new("2026-11-21T09:00:00Z".parse()?));
    let pages = ModelPages::new(clock.clone(), &[]);
    let repository = ModelRepository::files(clock.clone());
    repository.put("docs/hello.md", Some("# Hello\n\nFrom the repository.\n"));
    let mapping: Mapping = serde_json::from_value(serde_json::json!({
        "id": "handbook", "kind": "documents", "policy": "manual-review", "fields": [],
    }))?;
    let engine = Engine::new(Arc::new(OwnStore::default()), clock.clone()).with_mapping(Binding {
        mapping,
        notion: Arc::new(pages.clone()),
        github: Arc::new(repository),
        people: People::default(),
    });
    while let Some(due) = engine.tick(Budget::default()).await?.settle_due {
        clock.advance_to(due);
    }
    println!("{} page", pages.live().len());
    if pages.live().len() == 1 {
        Ok(())
    } else {
        Err("the file did not become a page".into())
    }
}
