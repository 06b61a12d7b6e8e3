//! A store whose bodies are sealed.

use std::sync::Arc;

use async_trait::async_trait;
use notion_sync_core::store::{Change, Expect, Hit, Item, Query, Store, Table};
use notion_sync_core::{Error, ErrorKind, Result};

use super::envelope::{key_id, names, open, seal};
use super::key::{KeyId, KeyRing};
use crate::backing::{Backing, PLAIN, plain_item};
use crate::limits::{COMMITTING, MAX_KEYS, check_commit, target};

const OPENING: &str = "open the sealed store";

/// Keys of the items that tell which keys the store needs: one for each, under its id.
const CHECKS: &str = "sealing/";

const CHECK_BODY: &[u8] = b"notion-sync sealing check";

/// Seals every body on its way into a store and opens it on the way out.
///
/// Keys of items and indexes stay readable: they hold ids, states and times only. Each body has
/// its own random nonce and is bound to table and key of its item (see [`KeyRing`] for rotation).
///
/// The store remembers the ids of the keys it needs in items `sealing/<id>` of the table
/// `setting`, which callers cannot write. With a ring that lacks one of them the store does not
/// open, instead of failing later at the first item.
#[derive(Debug)]
pub struct Sealed<B: ?Sized> {
    keys: KeyRing,
    store: Arc<B>,
}

/// What a sweep over sealed items did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Reseal {
    /// Items that another key had sealed, or none, and the active key seals now.
    pub rewritten: u64,
    /// Items that the active key had sealed already, or that somebody wrote meanwhile.
    pub kept: u64,
}

/// Fails when `store` holds anything sealed, for opening it without a key.
///
/// # Errors
///
/// [`ErrorKind::Sealed`] naming the key the store was written with, or what reading failed with.
pub async fn refuse_sealed(store: &(impl Backing + ?Sized)) -> Result<()> {
    let ids = checks(store).await?;
    if ids.is_empty() {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Sealed, "open the store")
        .message(format!(
            "it is sealed with key {} and was opened without a key",
            ids.join(", ")
        ))
        .remedy("set ENCRYPTION_KEY to the key it was written with"))
}

impl<B: Backing + ?Sized> Sealed<B> {
    /// Puts sealing over `store`, which is empty or was sealed with keys of this ring.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Sealed`] when the ring lacks a key the store needs, or the store holds items
    /// that were written without sealing.
    pub async fn open(store: Arc<B>, keys: KeyRing) -> Result<Self> {
        let sealed = Self { keys, store };
        let known = sealed.verify().await?;
        if known.is_empty() && sealed.holds_items().await? {
            return Err(Error::new(ErrorKind::Sealed, OPENING)
                .message("the store holds items that were written without a key")
                .remedy(
                    "seal them once with the `adopt` call, start a new store, or write \
                     sealing = \"off\"",
                ));
        }
        sealed.announce(&known).await?;
        Ok(sealed)
    }

    /// Seals a store that was written without a key, and opens it. Can be repeated after a crash.
    ///
    /// Nothing else may use the store meanwhile. What was readable before may still be found in
    /// free pages of the file and in backups.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open), except that unsealed items are taken.
    pub async fn adopt(store: Arc<B>, keys: KeyRing) -> Result<(Self, Reseal)> {
        let sealed = Self { keys, store };
        let known = sealed.verify().await?;
        // First of all, so that from here on the store no longer opens without a key.
        sealed.announce(&known).await?;
        let mut done = Reseal::default();
        for table in Table::ALL {
            done += sealed.sweep(table, true).await?;
        }
        Ok((sealed, done))
    }

    /// Seals again with the active key what another key of the ring had sealed in one table.
    ///
    /// Versions and indexes stay, so work may go on meanwhile.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Sealed`] for an item that does not open; the sweep stops there.
    pub async fn reseal(&self, table: Table) -> Result<Reseal> {
        self.sweep(table, false).await
    }

    /// Sweeps all tables. When it returns `Ok` and nobody writes with an older key, the previous
    /// keys are no longer needed.
    ///
    /// # Errors
    ///
    /// As [`reseal`](Self::reseal). All keys stay required then.
    pub async fn reseal_all(&self) -> Result<Reseal> {
        let mut done = Reseal::default();
        for table in Table::ALL {
            done += self.reseal(table).await?;
        }
        let active = self.keys.active().to_string();
        let obsolete: Vec<_> = checks(&*self.store)
            .await?
            .into_iter()
            .filter(|id| *id != active)
            .map(|id| Change::Delete {
                table: Table::Setting,
                key: format!("{CHECKS}{id}"),
                expect: Expect::Any,
            })
            .collect();
        for chunk in obsolete.chunks(MAX_KEYS) {
            self.store.commit_frames(chunk.to_vec()).await?;
        }
        Ok(done)
    }

    /// The store below.
    #[must_use]
    pub fn backing(&self) -> &Arc<B> {
        &self.store
    }

    /// The ids of the keys the store needs; all of them open with this ring.
    async fn verify(&self) -> Result<Vec<String>> {
        let ids = checks(&*self.store).await?;
        let known: Vec<_> = self.keys.ids().iter().map(KeyId::to_string).collect();
        if let Some(missing) = ids.iter().find(|id| !known.contains(id)) {
            return Err(Error::new(ErrorKind::Sealed, OPENING)
                .message(format!(
                    "it needs key {missing}, the key ring has {}",
                    names(&self.keys)
                ))
                .remedy(
                    "set ENCRYPTION_KEY to the key the store was written with, or add it to \
                     ENCRYPTION_KEY_PREVIOUS",
                ));
        }
        for id in &ids {
            let keys = [format!("{CHECKS}{id}")];
            for item in self.store.frames(Table::Setting, &keys).await? {
                let body = open(&self.keys, Table::Setting, &item.key, &item.body)?;
                if body != CHECK_BODY {
                    return Err(Error::new(ErrorKind::Store, OPENING)
                        .with("key", item.key)
                        .message("the check of the key holds something else")
                        .remedy("restore a backup"));
                }
            }
        }
        Ok(ids)
    }

    /// Writes down that the active key is needed from now on.
    async fn announce(&self, known: &[String]) -> Result<()> {
        let id = self.keys.active().to_string();
        if known.contains(&id) || !self.store.is_writable() {
            return Ok(());
        }
        let key = format!("{CHECKS}{id}");
        let body = seal(&self.keys, Table::Setting, &key, CHECK_BODY)?;
        let change = Change::Put {
            table: Table::Setting,
            key,
            expect: Expect::Absent,
            indexes: Vec::new(),
            body,
        };
        match self.store.commit_frames(vec![change]).await {
            // Another process announced the same key.
            Err(error) if error.kind() == ErrorKind::Stale => Ok(()),
            result => result,
        }
    }

    async fn holds_items(&self) -> Result<bool> {
        for table in Table::ALL {
            if !self.store.keys(table, None, 1).await?.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn sweep(&self, table: Table, take_plain: bool) -> Result<Reseal> {
        let mut done = Reseal::default();
        let mut after: Option<String> = None;
        loop {
            let keys = self.store.keys(table, after.as_deref(), MAX_KEYS).await?;
            let Some(last) = keys.last() else {
                return Ok(done);
            };
            after = Some(last.clone());
            // One at a time: a hundred largest items would be 30 MB in memory.
            for key in keys {
                if is_check(table, &key) {
                    continue;
                }
                for item in self.store.frames(table, &[key]).await? {
                    if self.reseal_item(table, item, take_plain).await? {
                        done.rewritten += 1;
                    } else {
                        done.kept += 1;
                    }
                }
            }
        }
    }

    async fn reseal_item(&self, table: Table, item: Item, take_plain: bool) -> Result<bool> {
        if key_id(&item.body) == Some(self.keys.active()) {
            return Ok(false);
        }
        let (key, version) = (item.key.clone(), item.version);
        let body = if take_plain && item.body.first() == Some(&PLAIN) {
            plain_item(table, item)?.body
        } else {
            open(&self.keys, table, &key, &item.body)?
        };
        let frame = seal(&self.keys, table, &key, &body)?;
        match self.store.rewrite_frame(table, &key, version, frame).await {
            Ok(()) => Ok(true),
            // Somebody wrote it meanwhile, with the active key.
            Err(error) if error.kind() == ErrorKind::Stale => Ok(false),
            Err(error) => Err(error),
        }
    }
}

impl std::ops::AddAssign for Reseal {
    fn add_assign(&mut self, other: Self) {
        self.rewritten += other.rewritten;
        self.kept += other.kept;
    }
}

fn is_check(table: Table, key: &str) -> bool {
    table == Table::Setting && key.starts_with(CHECKS)
}

/// The ids of the keys a store needs.
async fn checks(store: &(impl Backing + ?Sized)) -> Result<Vec<String>> {
    let mut ids = Vec::new();
    let mut after = CHECKS.to_owned();
    loop {
        let keys = store.keys(Table::Setting, Some(&after), MAX_KEYS).await?;
        let Some(last) = keys.last() else {
            return Ok(ids);
        };
        after = last.clone();
        for key in keys {
            match key.strip_prefix(CHECKS) {
                Some(id) => ids.push(id.to_owned()),
                // Keys are sorted: nothing with the prefix follows.
                None => return Ok(ids),
            }
        }
    }
}

#[async_trait]
impl<B: Backing + ?Sized> Store for Sealed<B> {
    async fn get(&self, table: Table, key: &str) -> Result<Option<Item>> {
        Ok(self.get_many(table, &[key.to_owned()]).await?.pop())
    }

    async fn get_many(&self, table: Table, keys: &[String]) -> Result<Vec<Item>> {
        let mut items = self.store.frames(table, keys).await?;
        for item in &mut items {
            item.body = open(&self.keys, table, &item.key, &item.body)?;
        }
        Ok(items)
    }

    async fn query(&self, query: Query<'_>) -> Result<Vec<Hit>> {
        self.store.query(query).await
    }

    async fn commit(&self, mut changes: Vec<Change>) -> Result<()> {
        check_commit(&changes)?;
        for change in &mut changes {
            let (table, key, _) = target(change);
            if is_check(table, key) && !matches!(change, Change::Check { .. }) {
                return Err(Error::new(ErrorKind::Invalid, COMMITTING)
                    .with("table", table.name())
                    .with("key", key)
                    .message("the key is reserved for the sealing itself"));
            }
            if let Change::Put {
                table, key, body, ..
            } = change
            {
                *body = seal(&self.keys, *table, key, body)?;
            }
        }
        self.store.commit_frames(changes).await
    }
}
