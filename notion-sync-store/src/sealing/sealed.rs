//! A store whose bodies are sealed.

use std::sync::Arc;

use async_trait::async_trait;
use notion_sync_core::store::{Change, Hit, Item, Query, Store, Table};
use notion_sync_core::{Error, ErrorKind, Result};

use super::envelope::{key_id, open, seal};
use super::key::KeyRing;
use super::rotation::{Seen, is_own, is_swept, needed};
use crate::backing::{Backing, PLAIN, plain_item};
use crate::limits::{COMMITTING, MAX_KEYS, check_commit, target};

pub(super) const OPENING: &str = "open the sealed store";

/// Seals every body on its way into a store and opens it on the way out.
///
/// Keys of items and indexes stay readable: they hold ids, states, times and paths of files. Each body has
/// its own random nonce and is bound to table and key of its item (see [`KeyRing`] for rotation).
///
/// The store remembers the ids of the keys it needs in items `sealing/<id>` of the table
/// `setting`, and their order in `sealing-order`. Callers cannot write these. With a ring that lacks one of them the store does not
/// open, instead of failing later at the first item. [`reseal_some`](Self::reseal_some) and
/// [`reseal_all`](Self::reseal_all) make old keys needless, also while others work on the store.
#[derive(Debug)]
pub struct Sealed<B: ?Sized> {
    pub(super) keys: KeyRing,
    pub(super) store: Arc<B>,
    pub(super) seen: Seen,
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
    let ids = needed(store).await?;
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
        let sealed = Self::over(store, keys);
        let known = sealed.verify().await?;
        if known.is_empty() && sealed.holds_items().await? {
            return Err(Error::new(ErrorKind::Sealed, OPENING)
                .message("the store holds items that were written without a key")
                .remedy(
                    "seal them once with the `adopt` call, start a new store, or write \
                     sealing = \"off\"",
                ));
        }
        sealed.announce().await?;
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
        let sealed = Self::over(store, keys);
        sealed.verify().await?;
        // First of all, so that from here on the store no longer opens without a key.
        sealed.announce().await?;
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
    /// [`ErrorKind::Sealed`] for an item that does not open, [`ErrorKind::Stale`] when another process
    /// makes the active key an old one meanwhile; the sweep stops there.
    pub async fn reseal(&self, table: Table) -> Result<Reseal> {
        self.sweep(table, false).await
    }

    /// The store below.
    #[must_use]
    pub fn backing(&self) -> &Arc<B> {
        &self.store
    }

    fn over(store: Arc<B>, keys: KeyRing) -> Self {
        Self {
            keys,
            store,
            seen: Seen::default(),
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
        let mark = self.see().await?;
        let mut done = Reseal::default();
        let mut after: Option<String> = None;
        loop {
            let keys = self.store.keys(table, after.as_deref(), MAX_KEYS).await?;
            let Some(last) = keys.last() else {
                return Ok(done);
            };
            after = Some(last.clone());
            done += self.reseal_keys(table, &keys, mark, take_plain).await?;
        }
    }

    /// Seals items again, as long as the mark of the active key has this version.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Stale`] when it has not: what is sealed from then on may be left behind by a sweep
    /// towards another key.
    pub(super) async fn reseal_keys(
        &self,
        table: Table,
        keys: &[String],
        mark: u64,
        take_plain: bool,
    ) -> Result<Reseal> {
        let mut done = Reseal::default();
        // One at a time: a hundred largest items would be 30 MB in memory.
        for key in keys.iter().filter(|key| is_swept(table, key)) {
            for item in self.store.frames(table, std::slice::from_ref(key)).await? {
                if self.reseal_item(table, item, mark, take_plain).await? {
                    done.rewritten += 1;
                } else {
                    done.kept += 1;
                }
            }
        }
        Ok(done)
    }

    async fn reseal_item(
        &self,
        table: Table,
        item: Item,
        mark: u64,
        take_plain: bool,
    ) -> Result<bool> {
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
        let given = Some(self.marked(mark));
        let rewrite = (self.store).rewrite_frame(table, &key, version, frame, given);
        match rewrite.await {
            Ok(()) => Ok(true),
            // Somebody wrote it meanwhile. With an old key, then its mark is another one now.
            Err(error) if error.kind() == ErrorKind::Stale && self.stands(mark).await? => Ok(false),
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
        let mut writes = false;
        for change in &mut changes {
            let (table, key, _) = target(change);
            if is_own(table, key) {
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
                writes = true;
            }
        }
        if writes {
            self.commit_marked(changes).await
        } else {
            self.store.commit_frames(changes).await
        }
    }
}
