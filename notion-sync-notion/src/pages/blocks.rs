//! Writing bodies in the smallest block steps.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use notion_sync_core::document::edit::{self, BlockEdit, Position};
use notion_sync_core::document::{Block, BlockKind, Document, InlineKind, blocks, dialect};
use notion_sync_core::id::BlockId;
use notion_sync_core::{Error, ErrorKind, Result};
use serde_json::{Value as Json, json};

use super::body::{BlockEdited, Body, read_body, read_level, walk};
use crate::client::{Answer, Client, Endpoint, unreadable};
use crate::wire::{BlockHead, Listed};

/// One step, ready to be sent.
#[derive(Debug)]
enum Step {
    Update {
        id: BlockId,
        kind: BlockKind,
        body: Json,
    },
    Insert {
        parent: Option<BlockId>,
        after: Position,
        blocks: Vec<Block>,
        stages: blocks::Stages,
    },
    Delete {
        id: BlockId,
    },
}

/// The steps that turn a body into another, all of them checked before the first is sent.
#[derive(Debug)]
pub(super) struct BodyPlan {
    page: String,
    /// The body as it is, with the ids that the steps need.
    tree: Vec<Block>,
    steps: Vec<Step>,
    /// When blocks were last edited, of those that were read one by one.
    edited: Edited,
}

type Edited = BTreeMap<BlockId, BlockEdited>;

fn blocked(message: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::Blocked, "change the body of a page").message(message.to_string())
}

/// Whether a block of the Markdown reading and one of the block reading are the same block.
///
/// The block reading can say more (captions, list formats), and writes mentions differently, so
/// only type and literal text count.
fn agree(seen: &Block, fetched: &Block) -> bool {
    fn literal(kind: &BlockKind) -> String {
        let mut out = String::new();
        if let BlockKind::Code { code, .. } = kind {
            out.push_str(code);
        }
        for run in kind
            .text()
            .map(|text| text.0.as_slice())
            .unwrap_or_default()
        {
            if let InlineKind::Text(text) = &run.kind {
                out.extend(text.chars().filter(|c| !c.is_whitespace()));
            }
        }
        out
    }
    seen.kind.canonical() == fetched.kind.canonical()
        || blocks::same_type(&seen.kind, &fetched.kind)
            && literal(&seen.kind.canonical()) == literal(&fetched.kind.canonical())
}

/// Gives the blocks of `seen` the ids of the same blocks as fetched one by one. `false` when the
/// two lists do not agree.
fn identify(seen: &mut [Block], fetched: &[Block]) -> bool {
    let significant = |blocks: &[Block]| {
        blocks.len()
            - blocks
                .iter()
                .rev()
                .take_while(|block| block.is_blank())
                .count()
    };
    let count = significant(seen);
    if count != significant(fetched) {
        return false;
    }
    if !seen
        .iter()
        .zip(fetched)
        .take(count)
        .all(|(seen, fetched)| agree(seen, fetched))
    {
        return false;
    }
    for (seen, fetched) in seen.iter_mut().zip(fetched) {
        seen.id.clone_from(&fetched.id);
    }
    true
}

fn find<'b>(blocks: &'b mut [Block], id: &BlockId) -> Option<&'b mut Block> {
    for block in blocks {
        if block.id.as_ref() == Some(id) {
            return Some(block);
        }
        if let Some(found) = find(&mut block.children, id) {
            return Some(found);
        }
    }
    None
}

impl BodyPlan {
    /// Plans the steps from `current` to `desired`; reads the ids of touched blocks only.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Blocked`] when something would have to be created or replaced that the API
    /// cannot create; [`ErrorKind::Stale`] when the body changes meanwhile; as [`Client::call`].
    pub(super) async fn new(
        client: &Client,
        page: &str,
        current: &Document,
        identified: bool,
        desired: &Document,
    ) -> Result<Self> {
        let mut edited = Edited::new();
        let tree = if identified {
            current.blocks.clone()
        } else {
            match Self::identified(client, page, current, desired, &mut edited).await? {
                Some(tree) => tree,
                None => Self::walked(client, page, current).await?,
            }
        };
        let script = edit::script(&tree, &desired.blocks).map_err(blocked)?;
        let steps = script.into_iter().map(Self::step).collect::<Result<_>>()?;
        Ok(Self {
            page: page.to_owned(),
            tree,
            steps,
            edited,
        })
    }

    /// When anything that the steps touch was edited last: the blocks that they change or delete,
    /// and `page`, the time of the page itself, where they insert into it. `None` where the time of
    /// one of them is not known.
    pub(super) fn touched(&self, page: Option<DateTime<Utc>>) -> Option<DateTime<Utc>> {
        let mut newest = None;
        for step in &self.steps {
            let at = match step {
                Step::Update { id, .. } | Step::Delete { id } => {
                    self.edited.get(id).map(|edited| edited.at)
                }
                // Whoever takes inserted blocks away again edits nothing that is still there.
                Step::Insert { .. } => page,
            };
            newest = newest.max(Some(at?));
        }
        newest
    }

    /// Whether `user` was the last to edit every block that the steps change or delete, and they
    /// insert none. Then nobody put back what a write of that user had changed: whoever does so is
    /// the last editor.
    pub(super) fn is_left_by(&self, user: &str) -> bool {
        self.steps.iter().all(|step| match step {
            Step::Update { id, .. } | Step::Delete { id } => self
                .edited
                .get(id)
                .is_some_and(|edited| edited.by.as_deref() == Some(user)),
            Step::Insert { .. } => false,
        })
    }

    /// Attaches ids to a body read as Markdown: at the top and inside what is touched. `None` when
    /// the two ways of reading do not agree about it.
    async fn identified(
        client: &Client,
        page: &str,
        current: &Document,
        desired: &Document,
        edited: &mut Edited,
    ) -> Result<Option<Vec<Block>>> {
        let mut tree = current.blocks.clone();
        let mut fetched = read_level(client, page).await?;
        edited.append(&mut fetched.edited);
        if !identify(&mut tree, &fetched.blocks) {
            return Ok(None);
        }
        let mut asked = BTreeSet::new();
        loop {
            let unread: Vec<BlockId> = edit::unread(&tree, &desired.blocks)
                .into_iter()
                .filter(|id| asked.insert(id.clone()))
                .collect();
            if unread.is_empty() {
                return Ok(Some(tree));
            }
            for id in unread {
                let mut fetched = read_level(client, id.as_str()).await?;
                edited.append(&mut fetched.edited);
                let Some(parent) = find(&mut tree, &id) else {
                    return Ok(None);
                };
                if !identify(&mut parent.children, &fetched.blocks) {
                    return Ok(None);
                }
            }
        }
    }

    /// The body with all ids, read block by block.
    async fn walked(client: &Client, page: &str, current: &Document) -> Result<Vec<Block>> {
        match walk(client, page).await? {
            Body::Document { document, .. } if document.canon_eq(current) => Ok(document.blocks),
            Body::Document { .. } => {
                match read_body(client, page).await? {
                    // Nobody edits; the two ways of reading differ for good.
                    Body::Document { document, .. } if document.canon_eq(current) => Err(blocked(
                        "its blocks do not say what its Markdown says, so no step can be found",
                    )),
                    _ => Err(Error::new(ErrorKind::Stale, "change the body of a page")
                        .with("page", page)),
                }
            }
            Body::Unusable(reason) => Err(blocked(reason)),
        }
    }

    fn step(edit: BlockEdit) -> Result<Step> {
        Ok(match edit {
            BlockEdit::Update { id, kind } => {
                let Some(body) = blocks::update(&kind) else {
                    return Err(blocked(format!(
                        "the API cannot change a block of this type in place (block {id})"
                    )));
                };
                Step::Update { id, kind, body }
            }
            BlockEdit::Insert {
                parent,
                after,
                blocks,
            } => {
                let stages = blocks::stages(&blocks);
                refuse_unwritable(&stages)?;
                Step::Insert {
                    parent,
                    after,
                    blocks,
                    stages,
                }
            }
            BlockEdit::Delete { id } => Step::Delete { id },
        })
    }

    /// Whether there is nothing to do.
    pub(super) fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// About how many requests the steps take.
    pub(super) fn requests(&self) -> usize {
        self.steps
            .iter()
            .map(|step| match step {
                Step::Insert { stages, .. } => stages.stages.len() + stages.placeholders.len(),
                _ => 1,
            })
            .sum()
    }

    /// Carries the steps out. Gives the body as the answers showed it.
    ///
    /// # Errors
    ///
    /// What the failing call said. `done` tells how many requests had succeeded by then.
    pub(super) async fn carry_out(self, client: &Client, done: &mut usize) -> Result<Document> {
        let mut tree = self.tree;
        for step in self.steps {
            let edit = match step {
                Step::Update { id, kind, body } => {
                    let endpoint = Endpoint::update_block(id.as_str(), body)?;
                    let answer = client.call_begun(&endpoint).await?;
                    *done += 1;
                    let kind = shown(&answer).map_or(kind, |block| block.kind);
                    BlockEdit::Update { id, kind }
                }
                Step::Insert {
                    parent,
                    after,
                    mut blocks,
                    stages,
                } => {
                    let inside = parent.as_ref().map_or(self.page.as_str(), BlockId::as_str);
                    let mut insertion = Insertion::new(client, inside, stages.clone());
                    insertion.carry_out(Some(after.clone()), done).await?;
                    for (block, shown) in blocks.iter_mut().zip(insertion.shown) {
                        if let Some(shown) = shown {
                            block.kind = shown.kind;
                            block.id = shown.id;
                        }
                    }
                    BlockEdit::Insert {
                        parent,
                        after,
                        blocks,
                    }
                }
                Step::Delete { id } => {
                    let endpoint = Endpoint::delete_block(id.as_str())?;
                    match client.call_begun(&endpoint).await {
                        Ok(_) => {}
                        // Somebody deleted it first.
                        Err(error) if error.kind() == ErrorKind::NotFound => {}
                        Err(error) => return Err(error),
                    }
                    *done += 1;
                    BlockEdit::Delete { id }
                }
            };
            tree = edit::apply(&tree, &[edit]).map_err(|error| {
                Error::new(ErrorKind::Internal, "change the body of a page").caused_by(error)
            })?;
        }
        Ok(Document { blocks: tree })
    }
}

/// Fails when something cannot be created.
///
/// # Errors
///
/// [`ErrorKind::Blocked`] naming the first of them and why.
pub(super) fn refuse_unwritable(stages: &blocks::Stages) -> Result<()> {
    match stages.unwritable.first() {
        None => Ok(()),
        Some(issue) => Err(Error::new(ErrorKind::Blocked, "write blocks")
            .message(format!("block {:?}: {}", issue.place, issue.reason))
            .remedy("make this block in Notion, or leave it out of the file")),
    }
}

fn shown(answer: &Answer) -> Option<Block> {
    if answer.committed.is_some() {
        return None;
    }
    named(std::str::from_utf8(&answer.body).ok()?)
}

/// A block as an answer shows it, in the form that bodies are compared in.
fn named(raw: &str) -> Option<Block> {
    let block = blocks::read(raw).ok()?;
    dialect::named(Document {
        blocks: vec![block],
    })
    .blocks
    .pop()
}

/// Blocks on their way into one page or block, request by request.
#[derive(Debug)]
pub(super) struct Insertion<'c> {
    client: &'c Client,
    container: String,
    stages: blocks::Stages,
    /// Ids of the blocks made directly in the container, in order.
    top: Vec<String>,
    /// The same blocks as the answers showed them.
    shown: Vec<Option<Block>>,
    /// Children of blocks made, as listed.
    listed: BTreeMap<String, Vec<String>>,
}

impl<'c> Insertion<'c> {
    pub(super) fn new(client: &'c Client, container: &str, stages: blocks::Stages) -> Self {
        Self {
            client,
            container: container.to_owned(),
            stages,
            top: Vec::new(),
            shown: Vec::new(),
            listed: BTreeMap::new(),
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
    /// What the failing call said.
    pub(super) async fn resume(&mut self, done: &mut usize) -> Result<()> {
        self.top = self.list(&self.container).await?;
        let stages = std::mem::take(&mut self.stages.stages);
        for stage in stages {
            let there = if stage.parent.is_empty() {
                self.top.len()
            } else {
                let parent = self.resolve(&stage.parent).await?;
                self.children(&parent).await?.len()
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
        let into = if parent.is_empty() {
            self.container.clone()
        } else {
            self.resolve(parent).await?
        };
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
        if parent.is_empty() {
            self.top.extend(ids.into_iter().take(count));
            self.shown.extend(blocks.into_iter().take(count));
            self.shown.resize(self.top.len(), None);
        } else {
            self.listed.entry(into).or_default().extend(ids);
        }
        Ok(())
    }

    async fn clear_placeholders(&mut self, done: &mut usize) -> Result<()> {
        let mut ids = Vec::new();
        for path in std::mem::take(&mut self.stages.placeholders) {
            ids.push(self.resolve(&path).await?);
        }
        for id in ids {
            self.client
                .call_begun(&Endpoint::delete_block(&id)?)
                .await?;
            *done += 1;
        }
        Ok(())
    }

    /// The id of a block that was made, by the way down to it.
    async fn resolve(&mut self, path: &[usize]) -> Result<String> {
        let lost = || {
            Error::new(ErrorKind::Unavailable, "append blocks")
                .message("a block that was just made is not there")
        };
        let (first, rest) = path.split_first().ok_or_else(lost)?;
        let mut id = self.top.get(*first).cloned().ok_or_else(lost)?;
        for index in rest {
            let children = self.children(&id).await?;
            id = children.get(*index).cloned().ok_or_else(lost)?;
        }
        Ok(id)
    }

    async fn children(&mut self, id: &str) -> Result<Vec<String>> {
        if let Some(known) = self.listed.get(id) {
            return Ok(known.clone());
        }
        let listed = self.list(id).await?;
        self.listed.insert(id.to_owned(), listed.clone());
        Ok(listed)
    }

    async fn list(&self, id: &str) -> Result<Vec<String>> {
        let mut cursor: Option<String> = None;
        let mut out = Vec::new();
        loop {
            let endpoint = Endpoint::children(id, cursor.as_deref())?;
            let answer = self.client.call_begun(&endpoint).await?;
            let list = Listed::parse(&answer.body)
                .map_err(|error| unreadable(&endpoint, &answer, error))?;
            for raw in list.results {
                let head =
                    BlockHead::of(raw).map_err(|error| unreadable(&endpoint, &answer, error))?;
                out.push(head.id);
            }
            match list.next_cursor {
                Some(next) if cursor.as_ref() != Some(&next) => cursor = Some(next),
                _ => return Ok(out),
            }
        }
    }
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
