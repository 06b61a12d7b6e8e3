//! The store of a world, which fails and crashes when the weather says so.

use std::sync::Arc;

use async_trait::async_trait;
use notion_sync_core::store::{Change, Expect, Hit, Item, Query, Store, Table};
use notion_sync_core::{Error, ErrorKind, Result};

use super::seam::Seam;
use super::turns::Stop;
use super::weather::Broken;

/// A store that fails, and whose process dies, when the weather says so.
#[derive(Debug)]
pub struct Fragile {
    inner: Arc<dyn Store>,
    seam: Arc<Seam>,
}

impl Fragile {
    /// A store that keeps everything in `inner`.
    pub fn new(inner: Arc<dyn Store>, seam: Arc<Seam>) -> Self {
        Self { inner, seam }
    }

    /// Stores changes, where others may have come in between.
    async fn stored(&self, changes: Vec<Change>) -> Result<()> {
        if !self.seam.has_company() {
            return self.inner.commit(changes).await;
        }
        self.seam.stop(Stop::Commit).await;
        let done = self.inner.commit(changes.clone()).await;
        match &done {
            Ok(()) => self.seam.committed(&changes),
            Err(error) if error.kind() == ErrorKind::Stale && self.outside(&changes).await? => {
                self.seam.note("the fence refuses a commit");
                self.seam.count("a fenced commit was refused");
            }
            Err(_) => {}
        }
        self.seam.stop(Stop::Other).await;
        done
    }

    /// Whether changes are made under a fence that is not that of now.
    async fn outside(&self, changes: &[Change]) -> Result<bool> {
        for change in changes {
            if let Change::Check {
                table: Table::Lease,
                key,
                expect,
            } = change
                && key.starts_with("fence:")
            {
                let now = self.inner.get(Table::Lease, key).await?;
                let now = now.map_or(Expect::Absent, |item| Expect::Version(item.version));
                return Ok(now != *expect);
            }
        }
        Ok(false)
    }

    async fn read(&self) {
        if self.seam.dies(false).is_some() {
            let kind = "crashed at a read of the store";
            self.seam.die(kind, "while it reads the store").await;
        }
        self.seam.stop(Stop::Other).await;
    }
}

#[async_trait]
impl Store for Fragile {
    async fn get(&self, table: Table, key: &str) -> Result<Option<Item>> {
        self.read().await;
        self.inner.get(table, key).await
    }

    async fn get_many(&self, table: Table, keys: &[String]) -> Result<Vec<Item>> {
        self.read().await;
        self.inner.get_many(table, keys).await
    }

    async fn query(&self, query: Query<'_>) -> Result<Vec<Hit>> {
        self.read().await;
        self.inner.query(query).await
    }

    async fn commit(&self, changes: Vec<Change>) -> Result<()> {
        let dies = self.seam.dies(false);
        if dies == Some(false) {
            let kind = "crashed before a commit";
            self.seam.die(kind, "before a commit").await;
        }
        let breaks = self.seam.breaks();
        let failed = |why: &str| {
            self.seam.note("a commit fails");
            self.seam.count("commit failed");
            Err(Error::new(ErrorKind::Store, "commit").message(why))
        };
        match breaks {
            Some(Broken::Lost) => return failed("the disk is tired"),
            Some(Broken::Full) => {
                self.seam.count("the disk was full");
                return failed("the disk is full");
            }
            Some(Broken::Stored) | None => {}
        }
        let done = self.stored(changes).await;
        if dies == Some(true) {
            let kind = "crashed after a commit";
            self.seam.die(kind, "after a commit").await;
        }
        if breaks.is_some() {
            return failed("the disk is tired");
        }
        done
    }
}
