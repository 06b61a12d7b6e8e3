//! Content cut into append requests that Notion accepts.

use std::collections::VecDeque;

use serde_json::{Map, Value, json};

use super::writer::{Own, write_own};
use super::{Issue, Reason};
use crate::document::limits::{ARRAY_ITEMS, NESTED_LEVELS, REQUEST_BLOCKS, REQUEST_BYTES};
use crate::document::model::{Block, BlockKind, RichText};

/// Bytes of a request that are not its blocks: keys, brackets and a position.
const FRAME_BYTES: usize = 512;

/// A sequence of append requests.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Stages {
    /// The requests in order: the parent of each was created by an earlier one.
    pub stages: Vec<Stage>,
    /// Blocks that have to be trashed after the last stage: a column must be created with a child,
    /// and where its own first child can only be appended later, an empty paragraph stands in. Same
    /// paths as [`Stage::parent`].
    pub placeholders: Vec<Vec<usize>>,
    /// Blocks that are in no request, because the API cannot create them; their children neither.
    pub unwritable: Vec<Issue>,
    /// Blocks that are written differently from what they say.
    pub approximated: Vec<Issue>,
}

/// One append request.
#[derive(Debug, Clone, PartialEq)]
pub struct Stage {
    /// Where to append: the way down from the container that the whole content goes into, each step
    /// the index among the blocks that the stages created under that parent. Empty for the
    /// container itself. A caller that stopped resumes by listing the children of the parent: the
    /// first [`Stage::first`] created ones are there, the next is this stage's.
    pub parent: Vec<usize>,
    /// How many blocks earlier stages created under the same parent.
    pub first: usize,
    /// The `children` of the request.
    pub children: Vec<Value>,
}

/// Plans how to create `blocks` under one parent.
///
/// Every request keeps all limits of [`super::super::limits`]: at most 100 blocks per array, two
/// nested levels, 1,000 blocks and 500,000 bytes, and what single blocks must satisfy. Content
/// that nests deeper or is longer follows in later requests to the parent it belongs to. Order is
/// kept under every parent.
#[must_use]
pub fn stages(blocks: &[Block]) -> Stages {
    let mut planner = Planner::default();
    planner.queue.push_back(Pending {
        parent: Vec::new(),
        created: 0,
        blocks: blocks.iter().collect(),
        source: Vec::new(),
        offset: 0,
        inside: Inside::Any,
    });
    while let Some(pending) = planner.queue.pop_front() {
        planner.append(pending);
    }
    planner.out.unwritable.sort_by(|a, b| a.place.cmp(&b.place));
    planner
        .out
        .approximated
        .sort_by(|a, b| a.place.cmp(&b.place));
    planner.out
}

/// What kind of parent a block stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Inside {
    Any,
    Table { width: usize },
    ColumnList,
}

/// Blocks that still have to be appended to a parent that exists by then.
#[derive(Debug)]
struct Pending<'a> {
    parent: Vec<usize>,
    created: usize,
    blocks: Vec<&'a Block>,
    source: Vec<usize>,
    /// Index of the first of `blocks` among its siblings in the source.
    offset: usize,
    inside: Inside,
}

/// Room left in the open request.
#[derive(Debug, Clone, Copy)]
struct Room {
    blocks: usize,
    bytes: usize,
}

const EMPTY: Room = Room {
    blocks: REQUEST_BLOCKS,
    bytes: REQUEST_BYTES - FRAME_BYTES,
};

enum Placed {
    Object(Value),
    /// Not in this request: too full.
    Full,
    /// Not this deep in a request.
    Deep,
    /// Not at all; reported.
    Never,
}

#[derive(Debug, Default)]
struct Planner<'a> {
    out: Stages,
    queue: VecDeque<Pending<'a>>,
}

/// Lengths to cut back to when a block turns out not to fit.
struct Mark {
    queue: usize,
    placeholders: usize,
    unwritable: usize,
    approximated: usize,
}

/// Where a block stands: in the source, and among what is created.
#[derive(Clone, Copy)]
struct Place<'p> {
    source: &'p [usize],
    created: &'p [usize],
    depth: usize,
    inside: Inside,
    /// The request holds nothing else, so it will not get emptier.
    alone: bool,
}

impl<'a> Planner<'a> {
    fn append(&mut self, pending: Pending<'a>) {
        let mut created = pending.created;
        let mut at = 0;
        let mut source = pending.source.clone();
        let mut path = pending.parent.clone();
        source.push(0);
        path.push(0);
        while at < pending.blocks.len() {
            let first = created;
            let mut children = Vec::new();
            let mut room = EMPTY;
            while at < pending.blocks.len() && children.len() < ARRAY_ITEMS {
                if let Some(last) = source.last_mut() {
                    *last = pending.offset + at;
                }
                if let Some(last) = path.last_mut() {
                    *last = created;
                }
                let place = Place {
                    source: &source,
                    created: &path,
                    depth: 0,
                    inside: pending.inside,
                    alone: children.is_empty(),
                };
                match self.place(pending.blocks[at], place, &mut room) {
                    Placed::Object(object) => {
                        children.push(object);
                        created += 1;
                        at += 1;
                    }
                    Placed::Never => at += 1,
                    Placed::Full | Placed::Deep if children.is_empty() => {
                        self.unwritable(&source, Reason::TooLarge);
                        at += 1;
                    }
                    Placed::Full | Placed::Deep => break,
                }
            }
            if !children.is_empty() {
                self.out.stages.push(Stage {
                    parent: pending.parent.clone(),
                    first,
                    children,
                });
            }
        }
    }

    fn unwritable(&mut self, place: &[usize], reason: Reason) {
        self.out.unwritable.push(Issue {
            place: place.to_vec(),
            reason,
        });
    }

    fn approximated(&mut self, place: &[usize], reason: Reason) {
        self.out.approximated.push(Issue {
            place: place.to_vec(),
            reason,
        });
    }

    fn mark(&self) -> Mark {
        Mark {
            queue: self.queue.len(),
            placeholders: self.out.placeholders.len(),
            unwritable: self.out.unwritable.len(),
            approximated: self.out.approximated.len(),
        }
    }

    fn cut_back(&mut self, mark: &Mark) {
        self.queue.truncate(mark.queue);
        self.out.placeholders.truncate(mark.placeholders);
        self.out.unwritable.truncate(mark.unwritable);
        self.out.approximated.truncate(mark.approximated);
    }

    fn place(&mut self, block: &'a Block, place: Place<'_>, room: &mut Room) -> Placed {
        let fits_parent = match (&block.kind, place.inside) {
            (BlockKind::TableRow { .. }, Inside::Table { .. })
            | (BlockKind::Column { .. }, Inside::ColumnList) => true,
            (BlockKind::TableRow { .. } | BlockKind::Column { .. }, _) => false,
            (_, inside) => inside == Inside::Any,
        };
        if !fits_parent {
            self.unwritable(place.source, Reason::Misplaced);
            return Placed::Never;
        }
        let own_levels = match block.kind {
            BlockKind::Table { .. } => 1,
            BlockKind::ColumnList => 2,
            _ => 0,
        };
        if place.depth + own_levels > NESTED_LEVELS {
            return Placed::Deep;
        }
        let mut own = match self.own(block, place) {
            Ok(own) => own,
            Err(reason) => {
                self.unwritable(place.source, reason);
                return Placed::Never;
            }
        };
        let mark = self.mark();
        let before = *room;
        for reason in std::mem::take(&mut own.notes) {
            self.approximated(place.source, reason);
        }
        if !take(room, &own.payload) {
            self.cut_back(&mark);
            *room = before;
            return Placed::Full;
        }
        match self.place_children(block, place, room, &mut own) {
            Ok(()) => Placed::Object(own.into_value()),
            Err(placed) => {
                self.cut_back(&mark);
                *room = before;
                placed
            }
        }
    }

    /// The block's own object, adjusted to where it stands.
    fn own(&self, block: &Block, place: Place<'_>) -> Result<Own, Reason> {
        match (&block.kind, place.inside) {
            (BlockKind::TableRow { cells }, Inside::Table { width }) if cells.len() != width => {
                let mut cells = cells.clone();
                cells.resize(width, RichText::default());
                write_own(&BlockKind::TableRow { cells })
            }
            (
                BlockKind::Table {
                    header_row,
                    header_column,
                    ..
                },
                _,
            ) if table_width(block) <= ARRAY_ITEMS => write_own(&BlockKind::Table {
                width: table_width(block),
                header_row: *header_row,
                header_column: *header_column,
                alignment: Vec::new(),
            }),
            (BlockKind::Table { .. }, _) => Err(Reason::TooLarge),
            (
                BlockKind::Heading {
                    level,
                    text,
                    toggle: false,
                    color,
                },
                _,
            ) if !block.children.is_empty() => {
                let mut own = write_own(&BlockKind::Heading {
                    level: *level,
                    text: text.clone(),
                    toggle: true,
                    color: color.clone(),
                })?;
                own.notes.push(Reason::Heading);
                own.notes.dedup();
                Ok(own)
            }
            (kind, _) => write_own(kind),
        }
    }

    /// Places as many of the children as this request takes and leaves the rest for later ones.
    fn place_children(
        &mut self,
        block: &'a Block,
        place: Place<'_>,
        room: &mut Room,
        own: &mut Own,
    ) -> Result<(), Placed> {
        match &block.kind {
            // Editing the children of a copy would edit the source.
            BlockKind::Synced { from: Some(_) } => return Ok(()),
            kind if !takes_children(kind) => {
                for at in 0..block.children.len() {
                    let mut source = place.source.to_vec();
                    source.push(at);
                    self.unwritable(&source, Reason::Misplaced);
                }
                return Ok(());
            }
            _ => {}
        }
        let inside = match block.kind {
            BlockKind::Table { .. } => Inside::Table {
                width: table_width(block),
            },
            BlockKind::ColumnList => Inside::ColumnList,
            _ => Inside::Any,
        };
        let mut placed = Vec::new();
        let mut source = place.source.to_vec();
        let mut created = place.created.to_vec();
        source.push(0);
        created.push(0);
        let mut rest = None;
        for (at, child) in block.children.iter().enumerate() {
            if place.depth >= NESTED_LEVELS || placed.len() >= ARRAY_ITEMS {
                rest = Some((at, Placed::Deep));
                break;
            }
            if let Some(last) = source.last_mut() {
                *last = at;
            }
            if let Some(last) = created.last_mut() {
                *last = placed.len();
            }
            let inner = Place {
                source: &source,
                created: &created,
                depth: place.depth + 1,
                inside,
                alone: place.alone,
            };
            match self.place(child, inner, room) {
                Placed::Object(object) => placed.push(object),
                Placed::Never => {}
                refused => {
                    rest = Some((at, refused));
                    break;
                }
            }
        }
        self.satisfy(
            block,
            place,
            room,
            &mut placed,
            rest.as_ref().map(|(_, why)| why),
        )?;
        if let Some((at, _)) = rest {
            self.queue.push_back(Pending {
                parent: place.created.to_vec(),
                created: placed.len(),
                blocks: block.children[at..].iter().collect(),
                source: place.source.to_vec(),
                offset: at,
                inside,
            });
        }
        if !placed.is_empty() {
            own.payload
                .insert("children".to_owned(), Value::Array(placed));
        }
        Ok(())
    }

    /// Adds the children that Notion insists on.
    fn satisfy(
        &mut self,
        block: &Block,
        place: Place<'_>,
        room: &mut Room,
        placed: &mut Vec<Value>,
        refused: Option<&Placed>,
    ) -> Result<(), Placed> {
        // It fits whole into an emptier request.
        if matches!(refused, Some(Placed::Full)) && !place.alone {
            return Err(Placed::Full);
        }
        let filler = match &block.kind {
            BlockKind::Table { .. } if placed.is_empty() => {
                if refused.is_some() {
                    return Err(Placed::Full);
                }
                let cells = vec![json!([]); table_width(block)];
                vec![json!({"object": "block", "type": "table_row", "table_row": {"cells": cells}})]
            }
            BlockKind::ColumnList if placed.len() < 2 => {
                if refused.is_some() {
                    return Err(Placed::Full);
                }
                let column = json!({"object": "block", "type": "column",
                    "column": {"children": [empty_paragraph()]}});
                vec![column; 2 - placed.len()]
            }
            BlockKind::Column { .. } if placed.is_empty() => {
                if refused.is_some() {
                    let mut path = place.created.to_vec();
                    path.push(0);
                    self.out.placeholders.push(path);
                }
                placed.push(empty_paragraph());
                return if take_count(room, 1, 96) {
                    Ok(())
                } else {
                    Err(Placed::Full)
                };
            }
            _ => return Ok(()),
        };
        self.approximated(place.source, Reason::Padded);
        for object in filler {
            let bytes = serde_json::to_string(&object).map_or(0, |text| text.len() + 1);
            if !take_count(room, 2, bytes) {
                return Err(Placed::Full);
            }
            placed.push(object);
        }
        Ok(())
    }
}

fn empty_paragraph() -> Value {
    json!({"object": "block", "type": "paragraph", "paragraph": {"rich_text": []}})
}

/// The number of columns that a table needs for all of its rows.
fn table_width(block: &Block) -> usize {
    let said = match block.kind {
        BlockKind::Table { width, .. } => width,
        _ => 0,
    };
    let widest = block.children.iter().map(|row| match &row.kind {
        BlockKind::TableRow { cells } => cells.len(),
        _ => 0,
    });
    // An absurd width without a row to show for it would only be a way to ask for memory.
    let rows = widest.max().unwrap_or(0);
    said.min(rows.max(ARRAY_ITEMS)).max(rows).max(1)
}

fn takes_children(kind: &BlockKind) -> bool {
    matches!(
        kind,
        BlockKind::Paragraph { .. }
            | BlockKind::Heading { .. }
            | BlockKind::BulletedItem { .. }
            | BlockKind::NumberedItem { .. }
            | BlockKind::ToDo { .. }
            | BlockKind::Toggle { .. }
            | BlockKind::Quote { .. }
            | BlockKind::Callout { .. }
            | BlockKind::Table { .. }
            | BlockKind::ColumnList
            | BlockKind::Column { .. }
            | BlockKind::Synced { .. }
    )
}

/// Takes the room for one block with `payload`.
fn take(room: &mut Room, payload: &Map<String, Value>) -> bool {
    let bytes = serde_json::to_string(payload).map_or(usize::MAX / 2, |text| text.len());
    // Type, key, brackets, comma and an array of children.
    take_count(room, 1, bytes + 96)
}

fn take_count(room: &mut Room, blocks: usize, bytes: usize) -> bool {
    if room.blocks < blocks || room.bytes < bytes {
        return false;
    }
    room.blocks -= blocks;
    room.bytes -= bytes;
    true
}
