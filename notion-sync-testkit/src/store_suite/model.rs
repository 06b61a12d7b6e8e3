//! The contract as a map, and long runs against it.

use std::collections::{BTreeMap, BTreeSet};

use notion_sync_core::store::{
    Change, Expect, Hit, IndexEntry, Item, MAX_BODY, MAX_CHANGES, Query, Store, Table,
};
use notion_sync_core::{ErrorKind, Result};

use super::sample::settled;

/// The names of indexes that [`steps`] uses.
pub const INDEX_NAMES: [&str; 2] = ["model-by-state", "model-by-owner"];

/// One call to a store.
#[derive(Debug, Clone)]
pub enum Step {
    /// [`Store::commit`]. An expected version `Version(n)` with n of at least [`Self::RELATIVE`]
    /// is relative: it means the version the model has for that key, plus n, minus
    /// `RELATIVE + 2`. So random steps often ask for the right version, and shrinking keeps that.
    Commit(Vec<Change>),
    /// [`Store::get`].
    Get(Table, String),
    /// [`Store::get_many`].
    GetMany(Table, Vec<String>),
    /// [`Store::query`].
    Query {
        /// Table.
        table: Table,
        /// Name of the index.
        name: &'static str,
        /// Key in the index.
        key: String,
        /// Where to continue.
        after: Option<(String, String)>,
        /// How many.
        limit: usize,
    },
}

impl Step {
    /// From here on an expected version is relative; see [`Step::Commit`].
    pub const RELATIVE: u64 = 1 << 40;
}

/// What a store should hold.
#[derive(Debug, Clone, Default)]
pub struct Model {
    items: BTreeMap<(Table, String), Entry>,
    last: BTreeMap<(Table, String), u64>,
}

#[derive(Debug, Clone)]
struct Entry {
    version: u64,
    body: Vec<u8>,
    indexes: BTreeSet<IndexEntry>,
}

impl Model {
    /// The item under a key.
    #[must_use]
    pub fn get(&self, table: Table, key: &str) -> Option<Item> {
        let entry = self.items.get(&(table, key.to_owned()))?;
        Some(Item {
            key: key.to_owned(),
            version: entry.version,
            body: entry.body.clone(),
        })
    }

    /// The answer to a query, by looking at everything.
    #[must_use]
    pub fn query(&self, query: Query<'_>) -> Vec<Hit> {
        let mut hits: Vec<_> = self
            .items
            .iter()
            .filter(|((table, _), _)| *table == query.table)
            .flat_map(|((_, key), entry)| entry.indexes.iter().map(move |index| (key, index)))
            .filter(|(_, index)| index.name == query.name && index.key == query.key)
            .map(|(key, index)| Hit {
                sort: index.sort.clone(),
                key: key.clone(),
            })
            .filter(|hit| {
                query
                    .after
                    .is_none_or(|after| (&*hit.sort, &*hit.key) > after)
            })
            .collect();
        hits.sort();
        hits.truncate(query.limit);
        hits
    }

    /// Carries out a commit, or says with which kind of error it fails.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Invalid`] and [`ErrorKind::Stale`] as in the contract of [`Store`].
    pub fn commit(&mut self, changes: &[Change]) -> Result<(), ErrorKind> {
        let mut seen = BTreeSet::new();
        for change in changes {
            let (table, key, _) = parts(change);
            let large = matches!(change, Change::Put { body, .. } if body.len() > MAX_BODY);
            if key.is_empty() || key.len() > 512 || large || !seen.insert((table, key)) {
                return Err(ErrorKind::Invalid);
            }
        }
        if changes.len() > MAX_CHANGES {
            return Err(ErrorKind::Invalid);
        }
        let mut next = self.clone();
        for change in changes {
            let (table, key, expect) = parts(change);
            let id = (table, key.to_owned());
            let stored = self.items.get(&id).map(|entry| entry.version);
            match (expect, stored) {
                (Expect::Any, _) | (Expect::Absent, None) => {}
                (Expect::Version(wanted), Some(stored)) if wanted == stored => {}
                _ => return Err(ErrorKind::Stale),
            }
            match change {
                Change::Put { indexes, body, .. } => {
                    let version = next.last.get(&id).copied().unwrap_or(0) + 1;
                    next.last.insert(id.clone(), version);
                    let entry = Entry {
                        version,
                        body: body.clone(),
                        indexes: indexes.iter().cloned().collect(),
                    };
                    next.items.insert(id, entry);
                }
                Change::Delete { .. } => {
                    next.items.remove(&id);
                }
                Change::Check { .. } => {}
            }
        }
        *self = next;
        Ok(())
    }

    fn resolve(&self, changes: &[Change]) -> Vec<Change> {
        let mut changes = changes.to_vec();
        for change in &mut changes {
            if let Change::Put {
                table, key, expect, ..
            }
            | Change::Delete { table, key, expect }
            | Change::Check { table, key, expect } = change
                && let Expect::Version(number) = expect
                && *number >= Step::RELATIVE
            {
                let stored = self.items.get(&(*table, key.clone()));
                let stored = stored.map_or(0, |entry| entry.version);
                *number = (stored + *number - Step::RELATIVE).saturating_sub(2);
            }
        }
        changes
    }
}

fn parts(change: &Change) -> (Table, &str, Expect) {
    match change {
        Change::Put {
            table, key, expect, ..
        }
        | Change::Delete { table, key, expect }
        | Change::Check { table, key, expect } => (*table, key, *expect),
    }
}

/// Carries out `steps` on an empty store and on a model, and panics at the first difference.
/// Returns how many commits succeeded and failed, for callers who want to know that both did.
///
/// The one freedom the contract leaves: after a deletion a new version may be any that the key
/// never had. The model takes the store's choice.
pub async fn replay(store: &dyn Store, steps: &[Step]) -> (usize, usize) {
    let mut model = Model::default();
    let mut outcomes = (0, 0);
    for (number, step) in steps.iter().enumerate() {
        match step {
            Step::Commit(changes) => {
                let changes = model.resolve(changes);
                let before = model.clone();
                let expected = model.commit(&changes);
                let result = store.commit(changes.clone()).await;
                let kind = result.as_ref().map_err(notion_sync_core::Error::kind);
                assert_eq!(kind.copied(), expected, "step {number}: {step:?}");
                if expected.is_ok() {
                    outcomes.0 += 1;
                    adopt_versions(store, &before, &mut model, &changes).await;
                } else {
                    outcomes.1 += 1;
                }
            }
            Step::Get(table, key) => {
                let found = store.get(*table, key).await;
                let found = found.unwrap_or_else(|error| panic!("step {number}: {error}"));
                same(
                    number,
                    step,
                    found.as_ref(),
                    model.get(*table, key).as_ref(),
                );
            }
            Step::GetMany(table, keys) => {
                let found = store.get_many(*table, keys).await;
                let found = found.unwrap_or_else(|error| panic!("step {number}: {error}"));
                let expected: Vec<_> = keys
                    .iter()
                    .filter_map(|key| model.get(*table, key))
                    .collect();
                assert_eq!(found.len(), expected.len(), "step {number}: {step:?}");
                for (found, expected) in found.iter().zip(&expected) {
                    same(number, step, Some(found), Some(expected));
                }
            }
            Step::Query {
                table,
                name,
                key,
                after,
                limit,
            } => {
                let query = Query {
                    table: *table,
                    name,
                    key,
                    after: after.as_ref().map(|(sort, key)| (&**sort, &**key)),
                    limit: *limit,
                };
                let expected = model.query(query);
                let found = settled(store, query, |hits| hits == expected).await;
                assert_eq!(found, expected, "step {number}: {step:?}");
            }
        }
    }
    for ((table, key), _) in model.last.clone() {
        let found = store.get(table, &key).await;
        let found = found.unwrap_or_else(|error| panic!("in the end: {error}"));
        let step = Step::Get(table, key.clone());
        same(
            steps.len(),
            &step,
            found.as_ref(),
            model.get(table, &key).as_ref(),
        );
    }
    outcomes
}

/// Takes over the version of items that were created again, if the key never had it.
async fn adopt_versions(store: &dyn Store, before: &Model, model: &mut Model, changes: &[Change]) {
    for change in changes {
        let (table, key, _) = parts(change);
        let id = (table, key.to_owned());
        let reborn = before.last.contains_key(&id) && !before.items.contains_key(&id);
        let Some(entry) = model.items.get_mut(&id).filter(|_| reborn) else {
            continue;
        };
        let found = store.get(table, key).await;
        let Ok(Some(item)) = found else {
            panic!("{key:?} was put and is not there: {found:?}");
        };
        let last = before.last[&id];
        assert!(
            item.version > last,
            "{} after {last} of {key:?}",
            item.version
        );
        entry.version = item.version;
        model.last.insert(id, item.version);
    }
}

#[track_caller]
fn same(number: usize, step: &Step, found: Option<&Item>, expected: Option<&Item>) {
    // The Debug of an item hides its body.
    let shown = |item: Option<&Item>| item.map(|item| (item.version, item.body.clone()));
    assert!(
        found == expected,
        "step {number}: {step:?} returned {:?}, expected {:?}",
        shown(found),
        shown(expected)
    );
}

/// Random steps that follow from `seed` alone: few keys, so that they meet often.
#[must_use]
pub fn steps(seed: u64, count: usize) -> Vec<Step> {
    let mut random = Random(seed);
    (0..count).map(|_| random.step()).collect()
}

/// SplitMix64 (Steele, Lea, Flood 2014): small, and the same everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        let index = self.below(from.len() as u64) as usize;
        from[index]
    }

    fn table(&mut self) -> Table {
        self.pick(&[Table::Record, Table::Operation])
    }

    fn key(&mut self) -> String {
        self.pick(&["a", "b", "c", "d"]).to_owned()
    }

    fn expect(&mut self) -> Expect {
        match self.below(8) {
            0 => Expect::Absent,
            1 => Expect::Version(1 + self.below(4)),
            2 => Expect::Version(Step::RELATIVE + 1 + 2 * self.below(2)),
            3 | 4 => Expect::Version(Step::RELATIVE + 2),
            _ => Expect::Any,
        }
    }

    fn change(&mut self) -> Change {
        let (table, key, expect) = (self.table(), self.key(), self.expect());
        match self.below(6) {
            0 => Change::Check { table, key, expect },
            1 => Change::Delete { table, key, expect },
            _ => Change::Put {
                table,
                key,
                expect,
                indexes: (0..self.below(4))
                    .map(|_| IndexEntry {
                        name: self.pick(&INDEX_NAMES),
                        key: self.pick(&["open", "done"]).to_owned(),
                        sort: self.pick(&["1", "2", "3"]).to_owned(),
                    })
                    .collect(),
                body: (0..self.below(20)).map(|_| self.next() as u8).collect(),
            },
        }
    }

    fn step(&mut self) -> Step {
        match self.below(8) {
            0 => Step::Get(self.table(), self.key()),
            1 => {
                let table = self.table();
                Step::GetMany(table, (0..self.below(6)).map(|_| self.key()).collect())
            }
            2 | 3 => Step::Query {
                table: self.table(),
                name: self.pick(&INDEX_NAMES),
                key: self.pick(&["open", "done"]).to_owned(),
                after: (self.below(2) == 0)
                    .then(|| (self.pick(&["", "1", "2"]).to_owned(), self.key())),
                limit: 1 + self.below(5) as usize,
            },
            _ => Step::Commit((0..1 + self.below(3)).map(|_| self.change()).collect()),
        }
    }
}

/// A long random run ends without a difference to the model.
pub async fn agrees_with_the_model(store: &dyn Store) {
    let (done, refused) = replay(store, &steps(7, 400)).await;
    assert!(
        done > 50 && refused > 20,
        "{done} and {refused}: a poor run"
    );
}
