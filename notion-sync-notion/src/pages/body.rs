//! Reading bodies: as Markdown, and through blocks where that has holes.

use std::borrow::Cow;
use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use notion_sync_core::document::limits::Limits;
use notion_sync_core::document::{Block, BlockKind, Document, blocks, dialect, notion_markdown};
use notion_sync_core::id::BlockId;
use notion_sync_core::{Error, ErrorKind, Result};
use serde::Deserialize;

use crate::client::{Client, Endpoint, unreadable};
use crate::identifier;
use crate::wire::{Listed, PageMarkdown};

/// The most blocks of a body that are read. Notion's own Markdown stops at about as many.
pub const BODY_BLOCKS: usize = 20_000;
/// The deepest nesting that is read: that of a file, with the elements of HTML that are tags there.
const BODY_LEVELS: usize = 72;

/// A body as read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// All of it.
    Document {
        /// The blocks.
        document: Document,
        /// Whether every block carries its id.
        identified: bool,
    },
    /// It passes a limit: which, with both numbers.
    Unusable(String),
}

/// Reads the body of a page: one request where Notion's Markdown says everything, else one for
/// every 100 blocks and every block with children. Pages and databases inside it are not entered.
///
/// # Errors
///
/// As [`Client::call`].
pub async fn read_body(client: &Client, page: &str) -> Result<Body> {
    let endpoint = Endpoint::markdown(page)?;
    match client.call(&endpoint).await {
        Ok(answer) => {
            let read = PageMarkdown::parse(&answer.body)
                .map_err(|error| unreadable(&endpoint, &answer, error))?;
            let read = notion_markdown::PageMarkdown {
                markdown: read.markdown,
                truncated: read.truncated,
                unknown_block_ids: read.unknown_block_ids,
            };
            let limits = Limits {
                blocks: BODY_BLOCKS,
                depth: BODY_LEVELS,
                ..Limits::default()
            };
            if !notion_markdown::has_holes(&read)
                && let Ok(document) = notion_markdown::parse(&read.markdown, &limits)
            {
                return Ok(Body::Document {
                    document: dialect::named(document),
                    identified: false,
                });
            }
        }
        // Some pages (externally synced ones) have no Markdown.
        Err(error) if error.kind() == ErrorKind::Invalid => {}
        Err(error) => return Err(error),
    }
    walk(client, page).await
}

/// The blocks directly inside a page or block, and which of them hold more of the body.
#[derive(Debug, Default)]
pub(super) struct Level {
    pub(super) blocks: Vec<Block>,
    pub(super) parents: Vec<BlockId>,
    /// The last edit of each of them.
    pub(super) edited: BTreeMap<BlockId, BlockEdited>,
}

/// The last edit of a block.
#[derive(Debug)]
pub(super) struct BlockEdited {
    pub(super) at: DateTime<Utc>,
    /// Id of the user, in canonical spelling.
    pub(super) by: Option<String>,
}

/// Who edited a block last.
fn editor(raw: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Edited<'a> {
        #[serde(borrow)]
        last_edited_by: Editor<'a>,
    }
    #[derive(Deserialize)]
    struct Editor<'a> {
        #[serde(borrow)]
        id: Cow<'a, str>,
    }
    let edited: Edited<'_> = serde_json::from_str(raw).ok()?;
    identifier::canonical(&edited.last_edited_by.id)
}

pub(super) fn level(list: &Listed) -> Result<Level> {
    let mut out = Level::default();
    for raw in &list.results {
        let read = blocks::read_full(raw.get()).map_err(|_| {
            Error::new(ErrorKind::Unavailable, "read blocks")
                .message("the service shows only the id of a block")
        })?;
        if read.in_trash {
            continue;
        }
        if let (Some(id), Some(at)) = (&read.block.id, read.last_edited_time) {
            let by = editor(raw.get());
            out.edited.insert(id.clone(), BlockEdited { at, by });
        }
        // What is inside a block that we keep as it is, is kept with it.
        let opaque = matches!(read.block.kind, BlockKind::Opaque { .. });
        if read.fetch_children
            && !opaque
            && let Some(id) = &read.block.id
        {
            out.parents.push(id.clone());
        }
        out.blocks.push(read.block);
    }
    // As in bodies that were read as Markdown: the two are compared.
    out.blocks = dialect::named(Document { blocks: out.blocks }).blocks;
    Ok(out)
}

/// Reads one level of blocks.
pub(super) async fn read_level(client: &Client, parent: &str) -> Result<Level> {
    level(
        &client
            .all_of(|cursor| Endpoint::children(parent, cursor))
            .await?,
    )
}

/// Reads a body through blocks, with the ids of all of them.
pub(super) async fn walk(client: &Client, page: &str) -> Result<Body> {
    let mut children: BTreeMap<BlockId, Vec<Block>> = BTreeMap::new();
    let mut top = Vec::new();
    let mut count = 0;
    let mut pending = vec![(BlockId::from(page), 0_usize)];
    while let Some((parent, depth)) = pending.pop() {
        if depth > BODY_LEVELS {
            return Ok(Body::Unusable(format!(
                "the body is nested {depth} levels deep, and at most {BODY_LEVELS} are read"
            )));
        }
        let level = read_level(client, parent.as_str()).await?;
        count += level.blocks.len();
        if count > BODY_BLOCKS {
            return Ok(Body::Unusable(format!(
                "the body has at least {count} blocks, and at most {BODY_BLOCKS} are read"
            )));
        }
        for child in level.parents {
            // A list that names one of its own ancestors must not be walked for ever.
            if !children.contains_key(&child) {
                pending.push((child, depth + 1));
            }
        }
        if depth == 0 {
            top = level.blocks;
        } else {
            children.insert(parent, level.blocks);
        }
    }
    let blocks = blocks::assemble(top, &mut children);
    Ok(Body::Document {
        document: Document { blocks },
        identified: true,
    })
}
