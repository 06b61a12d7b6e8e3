//! Blocks on their way into a page or block, request by request.

use std::collections::BTreeMap;

use notion_sync_core::document::edit::Position;
use notion_sync_core::document::{Block, BlockKind, blocks};
use notion_sync_core::{Error, ErrorKind, Result};
use serde_json::{Value as Json, json};

use super::blocks::{delete_block, literal, literal_text, named};
use crate::client::{Answer, Client, Endpoint, unreadable};
use crate::wire::{BlockHead, Listed};

/// Blocks on their way into one page or block, request by request.
#[derive(Debug)]
pub(super) struct Insertion<'c> {
    client: &'c Client,
    container: String,
    stages: blocks::Stages,
    /// Ids of the blocks made directly in the container, in order.
    top: Vec<String>,
    /// The same blocks as the answers showed them.
    pub(super) shown: Vec<Option<Block>>,
    /// Children of blocks made, as listed, by the way down to their parent. `None` is a placeholder
    /// that is gone.
    listed: BTreeMap<Vec<usize>, Vec<Option<String>>>,
    /// Whether what is listed may be something else than what the stages make.
    looks: bool,
}

impl<'c> Insertion<'c> {
    pub(super) fn new(
        client: &'c Client,
        container: impl Into<String>,
        stages: blocks::Stages,
    ) -> Self {
        Self {
            client,
            container: container.into(),
            stages,
            top: Vec::new(),
            shown: Vec::new(),
            listed: BTreeMap::new(),
            looks: false,
        }
    }

    /// Sends every stage. `at` is where the first block goes; `None` is the end.
    ///
    /// # Errors
    ///
    /// What the failing call said.
    pub(super) async fn carry_out(&mut self, at: Option<Position>, done: &mut usize) -> Result<()> {
        let stages = std::mem::take(&mut self.stages.stages);
        for stage in stages {
            let position = match (&at, self.top.last()) {
                _ if !stage.parent.is_empty() => None,
                (None, _) => None,
                (Some(_), Some(last)) => Some(after_block(last)),
                (Some(Position::Start), None) => Some(json!({"type": "start"})),
                (Some(Position::After(id)), None) => Some(after_block(id.as_str())),
            };
            self.send(&stage.parent, stage.children, position).await?;
            *done += 1;
        }
        self.clear_placeholders(done).await
    }

    /// Goes on where an earlier attempt stopped: what is there is not made again. The container
    /// must hold nothing but what the stages make.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Blocked`] when it holds something else, so that nobody can tell what is missing;
    /// what the failing call said.
    pub(super) async fn resume(&mut self, done: &mut usize) -> Result<()> {
        self.looks = true;
        let top = self.list(&[], &self.container).await?;
        self.top = top.into_iter().flatten().collect();
        for at in 0.. {
            let Some(stage) = self.stages.stages.get(at).cloned() else {
                break;
            };
            let there = if stage.parent.is_empty() {
                self.top.len()
            } else {
                let parent = self.resolve(&stage.parent).await?;
                self.children(&stage.parent, &parent).await?.len()
            };
            let present = there.saturating_sub(stage.first).min(stage.children.len());
            let missing: Vec<Json> = stage.children.into_iter().skip(present).collect();
            if !missing.is_empty() {
                self.send(&stage.parent, missing, None).await?;
                *done += 1;
            }
        }
        self.clear_placeholders(done).await
    }

    async fn send(
        &mut self,
        parent: &[usize],
        children: Vec<Json>,
        position: Option<Json>,
    ) -> Result<()> {
        let into = self.resolve(parent).await?;
        let count = children.len();
        let mut body = json!({ "children": children });
        if let (Some(position), Some(body)) = (position, body.as_object_mut()) {
            body.insert("position".to_owned(), position);
        }
        let endpoint = Endpoint::append(&into, body)?;
        let answer = self.client.call_begun(&endpoint).await?;
        let (ids, blocks) = created(&endpoint, &answer)?;
        if ids.len() < count {
            return Err(
                Error::new(ErrorKind::Unavailable, "append blocks").message(format!(
                    "{count} blocks were sent and the answer shows {}",
                    ids.len()
                )),
            );
        }
        let ids = ids.into_iter().take(count);
        if parent.is_empty() {
            self.top.extend(ids);
            self.shown.extend(blocks.into_iter().take(count));
            self.shown.resize(self.top.len(), None);
        } else if let Some(listed) = self.listed.get_mut(parent) {
            // What was never listed also holds what came with the parent.
            listed.extend(ids.map(Some));
        }
        Ok(())
    }

    async fn clear_placeholders(&mut self, done: &mut usize) -> Result<()> {
        let mut ids = Vec::new();
        for path in std::mem::take(&mut self.stages.placeholders) {
            ids.extend(self.find(&path).await?);
        }
        for id in ids {
            delete_block(self.client, &id).await?;
            *done += 1;
        }
        Ok(())
    }

    /// The id of a block that was made, by the way down to it; of the container by none.
    async fn resolve(&mut self, path: &[usize]) -> Result<String> {
        self.find(path).await?.ok_or_else(lost)
    }

    /// The same; `None` where it was a placeholder and is gone.
    async fn find(&mut self, path: &[usize]) -> Result<Option<String>> {
        let Some((first, rest)) = path.split_first() else {
            return Ok(Some(self.container.clone()));
        };
        let mut found = Some(self.top.get(*first).cloned().ok_or_else(lost)?);
        for (index, depth) in rest.iter().zip(1..) {
            let parent = found.ok_or_else(lost)?;
            let way = path.get(..depth).unwrap_or_default();
            let children = self.children(way, &parent).await?;
            found = children.get(*index).cloned().ok_or_else(lost)?;
        }
        Ok(found)
    }

    /// The children of the block at `path`, whose id is `id`.
    async fn children(&mut self, path: &[usize], id: &str) -> Result<Vec<Option<String>>> {
        if let Some(known) = self.listed.get(path) {
            return Ok(known.clone());
        }
        let listed = self.list(path, id).await?;
        self.listed.insert(path.to_vec(), listed.clone());
        Ok(listed)
    }

    async fn list(&self, path: &[usize], id: &str) -> Result<Vec<Option<String>>> {
        let list = self
            .client
            .all_of_begun(|cursor| Endpoint::children(id, cursor))
            .await?;
        let heads: Vec<BlockHead> = (list.results.into_iter())
            .map(BlockHead::of)
            .collect::<std::result::Result<_, _>>()
            .map_err(|_| lost())?;
        if !self.looks {
            return Ok(heads.into_iter().map(|head| Some(head.id)).collect());
        }
        self.matched(path, heads).ok_or_else(|| {
            Error::new(ErrorKind::Blocked, "append blocks")
                .with("page", &self.container)
                .message("somebody changed what is there of it, so nobody can tell what is missing")
                .remedy(
                    "move the page to the trash in Notion to have it made anew, or undo what was \
                     changed in it",
                )
        })
    }

    /// Which block is which of those that the stages make below `path`: as many of them as are
    /// there. `None` when others stand where they should.
    fn matched(&self, path: &[usize], there: Vec<BlockHead>) -> Option<Vec<Option<String>>> {
        let mut wanted = wanted_in(&self.stages.stages, path).into_iter().peekable();
        let mut there = there.into_iter().peekable();
        let mut out = Vec::new();
        let mut placeholder = path.to_vec();
        placeholder.push(0);
        if self.stages.placeholders.contains(&placeholder)
            && let Some(first) = wanted.peek()
            && !there.peek().is_some_and(|there| is_made_from(there, first))
        {
            wanted.next();
            out.push(None);
        }
        // What stands behind all of them is not in the way.
        for (wanted, there) in wanted.zip(there) {
            if !is_made_from(&there, wanted) {
                return None;
            }
            out.push(Some(there.id));
        }
        Some(out)
    }
}

fn lost() -> Error {
    Error::new(ErrorKind::Unavailable, "append blocks")
        .message("a block that was just made is not there")
}

/// The block that the stages make at `path`.
fn wanted_at<'s>(stages: &'s [blocks::Stage], path: &[usize]) -> Option<&'s Json> {
    let (index, parent) = path.split_last()?;
    let sent = (stages.iter().filter(|stage| stage.parent == parent))
        .find_map(|stage| stage.children.get(index.checked_sub(stage.first)?));
    sent.or_else(|| held(wanted_at(stages, parent)?).get(*index))
}

/// The blocks that the stages make below `path`.
fn wanted_in<'s>(stages: &'s [blocks::Stage], path: &[usize]) -> Vec<&'s Json> {
    let held = wanted_at(stages, path).map(held).unwrap_or_default();
    let sent = stages.iter().filter(|stage| stage.parent == path);
    held.iter()
        .chain(sent.flat_map(|stage| &stage.children))
        .collect()
}

/// The children that a request gives a block at once.
fn held(block: &Json) -> &[Json] {
    (block.get("type").and_then(Json::as_str))
        .and_then(|kind| block.get(kind)?.get("children")?.as_array())
        .map(Vec::as_slice)
        .unwrap_or_default()
}

/// Whether a block can be what came of one in a request: its type and its literal text. The service
/// adds to the rest.
fn is_made_from(there: &BlockHead, wanted: &Json) -> bool {
    let text = |raw: &str| {
        named(raw).map(|block| match &block.kind {
            BlockKind::TableRow { cells } => cells.iter().map(literal_text).collect(),
            kind => literal(kind),
        })
    };
    wanted.get("type").and_then(Json::as_str) == Some(&there.kind)
        && text(there.raw.get()) == text(&wanted.to_string())
}

fn after_block(id: &str) -> Json {
    json!({"type": "after_block", "after_block": {"id": id}})
}

/// What an append made directly in its parent.
fn created(endpoint: &Endpoint, answer: &Answer) -> Result<(Vec<String>, Vec<Option<Block>>)> {
    if let Some(committed) = &answer.committed {
        return Ok((committed.children.clone(), Vec::new()));
    }
    let list = Listed::parse(&answer.body).map_err(|error| unreadable(endpoint, answer, error))?;
    let mut ids = Vec::with_capacity(list.results.len());
    let mut shown = Vec::with_capacity(list.results.len());
    for raw in list.results {
        let head = BlockHead::of(raw).map_err(|error| unreadable(endpoint, answer, error))?;
        shown.push(named(head.raw.get()));
        ids.push(head.id);
    }
    Ok((ids, shown))
}
