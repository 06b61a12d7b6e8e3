//! Writing bodies in the smallest block steps.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use chrono::{DateTime, Utc};
use notion_sync_core::document::edit::{self, BlockEdit, Position};
use notion_sync_core::document::{
    Block, BlockKind, Document, InlineKind, RichText, blocks, dialect,
};
use notion_sync_core::id::BlockId;
use notion_sync_core::{Error, ErrorKind, Result};
use serde_json::Value as Json;

use super::body::{BlockEdited, Body, Level, read_body, read_level, walk};
use super::insertion::Insertion;
use super::recheck::{Kinds, Recheck};
use crate::client::{Answer, Client, Endpoint};

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

impl Step {
    /// The block that it changes or deletes.
    fn touches(&self) -> Option<&BlockId> {
        match self {
            Self::Update { id, .. } | Self::Delete { id } => Some(id),
            Self::Insert { .. } => None,
        }
    }
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
    /// Blocks that the steps touch, as far as the tree may not say all of them.
    kinds: Kinds,
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
    seen.kind.canonical() == fetched.kind.canonical()
        || blocks::same_type(&seen.kind, &fetched.kind)
            && literal(&seen.kind.canonical()) == literal(&fetched.kind.canonical())
}

/// The literal text of a block: its code, or its own text.
pub(super) fn literal(kind: &BlockKind) -> String {
    match kind {
        BlockKind::Code { code, .. } => code.clone(),
        kind => kind.text().map(literal_text).unwrap_or_default(),
    }
}

/// The same of any text: without blanks, and without what is no text, such as mentions.
pub(super) fn literal_text(text: &RichText) -> String {
    let mut out = String::new();
    for run in &text.0 {
        if let InlineKind::Text(text) = &run.kind {
            out.extend(text.chars().filter(|c| !c.is_whitespace()));
        }
    }
    out
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

fn kind_of<'b>(blocks: &'b [Block], id: &BlockId) -> Option<&'b BlockKind> {
    (blocks.iter()).find_map(|block| match block.id.as_ref() == Some(id) {
        true => Some(&block.kind),
        false => kind_of(&block.children, id),
    })
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
        let mut kinds = Kinds::new();
        let tree = if identified {
            current.blocks.clone()
        } else {
            let read = (&mut edited, &mut kinds);
            match Self::identified(client, page, current, desired, read).await? {
                Some(tree) => tree,
                None => {
                    kinds.clear();
                    Self::walked(client, page, current).await?
                }
            }
        };
        let script = edit::script(&tree, &desired.blocks).map_err(blocked)?;
        let steps = script.into_iter().map(|edit| Self::step(&tree, edit));
        let steps: Vec<Step> = steps.collect::<Result<_>>()?;
        let touched: BTreeSet<&BlockId> = steps.iter().filter_map(Step::touches).collect();
        kinds.retain(|id, _| touched.contains(id));
        Ok(Self {
            page: page.to_owned(),
            tree,
            steps,
            edited,
            kinds,
        })
    }

    /// When anything that the steps touch was edited last: the blocks that they change or delete,
    /// and `page`, the time of the page itself, where they insert into it. `None` where the time of
    /// one of them is not known.
    pub(super) fn touched(&self, page: Option<DateTime<Utc>>) -> Option<DateTime<Utc>> {
        let mut newest = None;
        for step in &self.steps {
            let at = match step.touches() {
                Some(id) => self.edited.get(id).map(|edited| edited.at),
                // Whoever takes inserted blocks away again edits nothing that is still there.
                None => page,
            };
            newest = newest.max(Some(at?));
        }
        newest
    }

    /// Whether `user` was the last to edit every block that the steps change or delete, and they
    /// insert none. Then nobody put back what a write of that user had changed: whoever does so is
    /// the last editor.
    pub(super) fn is_left_by(&self, user: &str) -> bool {
        self.steps.iter().all(|step| {
            (step.touches().and_then(|id| self.edited.get(id)))
                .is_some_and(|edited| edited.by.as_deref() == Some(user))
        })
    }

    /// Attaches ids to a body read as Markdown: at the top and inside what is touched. `None` when
    /// the two ways of reading do not agree about it.
    async fn identified(
        client: &Client,
        page: &str,
        current: &Document,
        desired: &Document,
        (edited, kinds): (&mut Edited, &mut Kinds),
    ) -> Result<Option<Vec<Block>>> {
        let mut note = |level: &mut Level| {
            edited.append(&mut level.edited);
            let read = level.blocks.iter();
            kinds.extend(read.filter_map(|block| Some((block.id.clone()?, block.kind.clone()))));
        };
        let mut tree = current.blocks.clone();
        let mut fetched = read_level(client, page).await?;
        note(&mut fetched);
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
                note(&mut fetched);
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

    fn step(tree: &[Block], edit: BlockEdit) -> Result<Step> {
        Ok(match edit {
            BlockEdit::Update { id, kind } => {
                // What nobody saw of a block, such as a caption that Markdown does not show, stays.
                let body = match kind_of(tree, &id) {
                    Some(old) => blocks::update_from(old, &kind),
                    None => blocks::update(&kind),
                };
                let Some(body) = body else {
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
                let stages = match parent.as_ref().and_then(|id| kind_of(tree, id)) {
                    Some(into) => blocks::stages_into(into, &blocks),
                    None => blocks::stages(&blocks),
                };
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

    /// Carries the steps out. Gives the body as the answers showed it. The body was read at `read_at`.
    ///
    /// # Errors
    ///
    /// What the failing call said; [`ErrorKind::Stale`] when somebody edited a block first that a step
    /// touches. `done` tells how many requests had succeeded by then.
    pub(super) async fn carry_out(
        self,
        client: &Client,
        read_at: DateTime<Utc>,
        done: &mut usize,
    ) -> Result<Document> {
        let mut tree = self.tree;
        let mut recheck = Recheck::new(self.kinds, read_at);
        let mut steps = VecDeque::from(self.steps);
        while let Some(step) = steps.pop_front() {
            if let Some(next) = step.touches() {
                let left = std::iter::once(&step).chain(&steps);
                let left = left.filter_map(Step::touches);
                recheck.look(client, &self.page, &tree, next, left).await?;
            }
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
                    delete_block(client, id.as_str()).await?;
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

/// Moves a block to the trash. That somebody did so before is as good.
///
/// # Errors
///
/// As [`Client::call_begun`].
pub(super) async fn delete_block(client: &Client, id: &str) -> Result<()> {
    let endpoint = Endpoint::delete_block(id)?;
    match client.call_begun(&endpoint).await {
        Err(error) if !matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Stale) => Err(error),
        _ => Ok(()),
    }
}

fn shown(answer: &Answer) -> Option<Block> {
    if answer.committed.is_some() {
        return None;
    }
    named(std::str::from_utf8(&answer.body).ok()?)
}

/// A block as an answer shows it, in the form that bodies are compared in.
pub(super) fn named(raw: &str) -> Option<Block> {
    let block = blocks::read(raw).ok()?;
    dialect::named(Document {
        blocks: vec![block],
    })
    .blocks
    .pop()
}
