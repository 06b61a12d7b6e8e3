//! Towards which key a store is sealed again.
//!
//! While a key is changed, some processes seal with the new key and others still with the old one, and
//! each has the other's key as a previous one. If each of them swept towards its own key, one would turn
//! back what the other did. The item `sealing-order` of the table `setting` therefore lists the ids of
//! keys in the order in which processes first sealed with them here. Sweeps go towards the last of them
//! whose mark stands.
//!
//! A key keeps its place when its mark is gone: a process that is started again with the old key must not
//! turn the change round. Going back to such a key is asked for by
//! [`reseal_all`](Sealed::reseal_all), which puts it last.

use notion_sync_core::store::{Change, Expect, Table};
use notion_sync_core::{Error, ErrorKind, Result};

use super::envelope::{open, seal};
use super::rotation::{TRIES, needed};
use super::sealed::{OPENING, Sealed};
use crate::backing::Backing;

/// Key of the item that holds the order. It is sealed again like any other item.
pub(super) const ORDER: &str = "sealing-order";

impl<B: Backing + ?Sized> Sealed<B> {
    /// Puts the active key last in the order: where it has no place yet, or with `again` in any case.
    pub(super) async fn claim(&self, again: bool) -> Result<()> {
        let own = self.keys.active().to_string();
        for _ in 0..TRIES {
            let (mut order, expect) = self.order().await?;
            let has_place = if again {
                order.last() == Some(&own)
            } else {
                order.contains(&own)
            };
            if has_place {
                return Ok(());
            }
            order.retain(|id| *id != own);
            // A store that was written before there was an order has marks without a place.
            let mut next = needed(&*self.store).await?;
            next.retain(|id| *id != own && !order.contains(id));
            next.extend(order);
            next.push(own.clone());
            let body = serde_json::to_vec(&next).map_err(|error| {
                Error::new(ErrorKind::Internal, "keep the order of the keys").caused_by(error)
            })?;
            let put = Change::Put {
                table: Table::Setting,
                key: ORDER.to_owned(),
                expect,
                indexes: Vec::new(),
                body: seal(&self.keys, Table::Setting, ORDER, &body)?,
            };
            match self.commit_marked(vec![put]).await {
                // Another process did the same, or put its own key last.
                Err(error) if error.kind() == ErrorKind::Stale => {}
                result => return result,
            }
        }
        Err(Error::new(ErrorKind::Stale, "keep the order of the keys")
            .message("another process keeps changing it"))
    }

    /// The key that sweeps go towards, when it is not the active one. `marked` are the keys with a mark.
    pub(super) async fn newer(&self, marked: &[String]) -> Result<Option<String>> {
        let own = self.keys.active().to_string();
        let (order, _) = self.order().await?;
        let newest = order.into_iter().rfind(|id| marked.contains(id));
        Ok(newest.filter(|id| *id != own))
    }

    /// The ids, the newest last, and what to expect of the item when it is changed.
    async fn order(&self) -> Result<(Vec<String>, Expect)> {
        let keys = [ORDER.to_owned()];
        let Some(item) = self.store.frames(Table::Setting, &keys).await?.pop() else {
            return Ok((Vec::new(), Expect::Absent));
        };
        let body = open(&self.keys, Table::Setting, ORDER, &item.body)?;
        let order = serde_json::from_slice(&body).map_err(|error| {
            Error::new(ErrorKind::Store, OPENING)
                .with("key", ORDER)
                .message("the order of the keys cannot be read")
                .remedy("restore a backup")
                .caused_by(error)
        })?;
        Ok((order, Expect::Version(item.version)))
    }
}
