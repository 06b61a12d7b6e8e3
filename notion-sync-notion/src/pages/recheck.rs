//! Comparing blocks again during a write that takes long.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Duration, Utc};
use notion_sync_core::document::{Block, BlockKind};
use notion_sync_core::id::BlockId;
use notion_sync_core::{Error, ErrorKind, Result};

use super::body::level;
use crate::client::{Client, Endpoint};

/// For how long what was read is taken for what is there, in seconds.
const FRESH_SECONDS: i64 = 5;

/// Blocks as they were read one by one.
pub(super) type Kinds = BTreeMap<BlockId, BlockKind>;

/// What the blocks of a page were when a write of many steps was planned, and when they were last
/// looked at.
#[derive(Debug)]
pub(super) struct Recheck {
    kinds: Kinds,
    read_at: DateTime<Utc>,
    /// When levels were looked at again, by the page or block that holds them.
    again: BTreeMap<String, DateTime<Utc>>,
}

impl Recheck {
    /// Of blocks read at `read_at`. Those that are not in `kinds` are as the tree says.
    pub(super) fn new(kinds: Kinds, read_at: DateTime<Utc>) -> Self {
        Self {
            kinds,
            read_at,
            again: BTreeMap::new(),
        }
    }

    /// Before a step touches `next`: where its level was not looked at for a while, lists it again
    /// and compares all of it that is still to be touched, which is `left`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Stale`] when somebody changed or took away such a block; as
    /// [`Client::all_of_begun`].
    pub(super) async fn look(
        &mut self,
        client: &Client,
        page: &str,
        tree: &[Block],
        next: &BlockId,
        left: impl Iterator<Item = &BlockId>,
    ) -> Result<()> {
        let Some((parent, level_of_next)) = level_of(None, tree, next) else {
            return Ok(());
        };
        let inside = parent.map_or(page, BlockId::as_str);
        let now = client.now();
        let looked = self.again.get(inside).copied().unwrap_or(self.read_at);
        if now - looked <= Duration::seconds(FRESH_SECONDS) {
            return Ok(());
        }
        let listed = client
            .all_of_begun(|cursor| Endpoint::children(inside, cursor))
            .await?;
        let there: BTreeMap<BlockId, BlockKind> = (level(&listed)?.blocks.into_iter())
            .filter_map(|block| Some((block.id?, block.kind)))
            .collect();
        self.again.insert(inside.to_owned(), now);
        let left: BTreeSet<&BlockId> = left.collect();
        for block in level_of_next {
            let Some(id) = block.id.as_ref().filter(|id| left.contains(id)) else {
                continue;
            };
            let planned = self.kinds.get(id).unwrap_or(&block.kind).canonical();
            if there.get(id).map(BlockKind::canonical) != Some(planned) {
                return Err(Error::new(ErrorKind::Stale, "change the body of a page")
                    .with("page", page)
                    .with("block", id)
                    .message("it was edited since"));
            }
        }
        Ok(())
    }
}

/// The list of blocks that a block stands in, and the block that holds the list.
fn level_of<'t>(
    parent: Option<&'t BlockId>,
    blocks: &'t [Block],
    id: &BlockId,
) -> Option<(Option<&'t BlockId>, &'t [Block])> {
    if blocks.iter().any(|block| block.id.as_ref() == Some(id)) {
        return Some((parent, blocks));
    }
    blocks
        .iter()
        .find_map(|block| level_of(block.id.as_ref(), &block.children, id))
}
