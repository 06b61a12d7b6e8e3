//! Content cut into append requests that Notion accepts.

use std::collections::VecDeque;

use serde_json::Value;

use super::json::push_string;
use super::writer::{Stand, held_inside, push_own};
use super::{Issue, Reason};
use crate::document::limits::{ARRAY_ITEMS, NESTED_LEVELS, REQUEST_BLOCKS, REQUEST_BYTES};
use crate::document::model::{Block, BlockKind};

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

/// The same as [`Stages`], with the blocks of each request as the JSON text that is sent.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Requests {
    /// The requests in order: the parent of each was created by an earlier one.
    pub requests: Vec<Request>,
    /// See [`Stages::placeholders`].
    pub placeholders: Vec<Vec<usize>>,
    /// See [`Stages::unwritable`].
    pub unwritable: Vec<Issue>,
    /// See [`Stages::approximated`].
    pub approximated: Vec<Issue>,
}

/// One append request, ready to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Where to append: see [`Stage::parent`].
    pub parent: Vec<usize>,
    /// How many blocks earlier requests created under the same parent.
    pub first: usize,
    /// How many blocks this request creates directly under the parent, at most 100.
    pub count: usize,
    /// The `children` of the request: a JSON array. At most 500,000 bytes.
    pub children: String,
}

/// Plans how to create `blocks` under one parent.
///
/// Every request keeps all limits of [`super::super::limits`]: at most 100 blocks per array, two
/// nested levels, 1,000 blocks and 500,000 bytes, and what single blocks must satisfy. Content
/// that nests deeper or is longer follows in later requests to the parent it belongs to. Order is
/// kept under every parent.
#[must_use]
pub fn stages(blocks: &[Block]) -> Stages {
    staged(requests(blocks))
}

/// The same for blocks that go into a block that stands already: a table takes rows, and nothing else does.
#[must_use]
pub fn stages_into(parent: &BlockKind, blocks: &[Block]) -> Stages {
    let inside = match *parent {
        BlockKind::Table { width, .. } => Inside::Table { width },
        _ => Inside::Any,
    };
    staged(planned(inside, blocks))
}

fn staged(planned: Requests) -> Stages {
    let stage = |request: Request| Stage {
        parent: request.parent,
        first: request.first,
        // What was just written is JSON, and not nested too deep to be read.
        children: serde_json::from_str(&request.children).unwrap_or_default(),
    };
    Stages {
        stages: planned.requests.into_iter().map(stage).collect(),
        placeholders: planned.placeholders,
        unwritable: planned.unwritable,
        approximated: planned.approximated,
    }
}

/// The same as [`stages`], as text. Takes a small part of the time and memory.
#[must_use]
pub fn requests(blocks: &[Block]) -> Requests {
    planned(Inside::Any, blocks)
}

fn planned(inside: Inside, blocks: &[Block]) -> Requests {
    let mut planner = Planner::default();
    planner.queue.push_back(Pending {
        parent: Vec::new(),
        created: 0,
        blocks,
        source: Vec::new(),
        offset: 0,
        inside,
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
    blocks: &'a [Block],
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
    /// Appended to the text.
    Object,
    /// Not in this request: too full.
    Full,
    /// Not this deep in a request.
    Deep,
    /// Not at all; reported.
    Never,
}

#[derive(Debug, Default)]
struct Planner<'a> {
    out: Requests,
    queue: VecDeque<Pending<'a>>,
    /// Room for the fields of the block that is being placed.
    own: String,
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
            let mut text = String::from("[");
            let mut room = EMPTY;
            while at < pending.blocks.len() && created - first < ARRAY_ITEMS {
                if let Some(last) = source.last_mut() {
                    *last = pending.offset + at;
                }
                if let Some(last) = path.last_mut() {
                    *last = created;
                }
                let empty = created == first;
                let place = Place {
                    source: &source,
                    created: &path,
                    depth: 0,
                    inside: pending.inside,
                    alone: empty,
                };
                match self.place_item(&pending.blocks[at], place, &mut room, &mut text, empty) {
                    Placed::Object => {
                        created += 1;
                        at += 1;
                    }
                    Placed::Never => at += 1,
                    Placed::Full | Placed::Deep if empty => {
                        self.unwritable(&source, Reason::TooLarge);
                        at += 1;
                    }
                    Placed::Full | Placed::Deep => break,
                }
            }
            if created > first {
                text.push(']');
                self.out.requests.push(Request {
                    parent: pending.parent.clone(),
                    first,
                    count: created - first,
                    children: text,
                });
            }
        }
    }

    /// Places a block in an array, with a comma in front where it is not the first.
    fn place_item(
        &mut self,
        block: &'a Block,
        place: Place<'_>,
        room: &mut Room,
        text: &mut String,
        first: bool,
    ) -> Placed {
        let start = text.len();
        if !first {
            text.push(',');
        }
        let placed = self.place(block, place, room, text);
        if !matches!(placed, Placed::Object) {
            text.truncate(start);
        }
        placed
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

    /// Appends the block's object to `text`. Where it does not, the text is not whole.
    fn place(
        &mut self,
        block: &'a Block,
        place: Place<'_>,
        room: &mut Room,
        text: &mut String,
    ) -> Placed {
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
        let (own_levels, held) = match &block.kind {
            BlockKind::Table { .. } => (1, 0),
            BlockKind::ColumnList => (2, 0),
            BlockKind::Opaque { kind, raw } => held_inside(kind, raw),
            _ => (0, 0),
        };
        if place.depth + own_levels > NESTED_LEVELS {
            return Placed::Deep;
        }
        let mut own = std::mem::take(&mut self.own);
        own.clear();
        let mut notes = Vec::new();
        let written = push_adjusted(&mut own, block, place, &mut notes);
        let mark = self.mark();
        let before = *room;
        let placed = match written {
            Ok(name) => {
                for reason in notes {
                    self.approximated(place.source, reason);
                }
                // Type, key, brackets, comma and an array of children.
                if take_count(room, 1 + held, own.len() + 96) {
                    text.push_str("{\"object\":\"block\",\"type\":");
                    push_string(text, name);
                    text.push(',');
                    push_string(text, name);
                    text.push(':');
                    text.push_str(&own[..own.len() - 1]);
                    Ok(own.len() <= 2)
                } else {
                    Err(Placed::Full)
                }
            }
            Err(reason) => {
                self.unwritable(place.source, reason);
                self.own = own;
                return Placed::Never;
            }
        };
        self.own = own;
        match placed.and_then(|bare| self.place_children(block, place, room, text, bare)) {
            Ok(()) => {
                text.push_str("}}");
                Placed::Object
            }
            Err(placed) => {
                self.cut_back(&mark);
                *room = before;
                placed
            }
        }
    }

    /// Places as many of the children as this request takes and leaves the rest for later ones.
    /// `bare` says that the object in `text` has no field yet.
    fn place_children(
        &mut self,
        block: &'a Block,
        place: Place<'_>,
        room: &mut Room,
        text: &mut String,
        bare: bool,
    ) -> Result<(), Placed> {
        let insists = matches!(
            block.kind,
            BlockKind::Table { .. } | BlockKind::ColumnList | BlockKind::Column { .. }
        );
        if block.children.is_empty() && !insists {
            return Ok(());
        }
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
        let start = text.len();
        text.push_str(if bare {
            "\"children\":["
        } else {
            ",\"children\":["
        });
        let mut placed = 0;
        let mut source = place.source.to_vec();
        let mut created = place.created.to_vec();
        source.push(0);
        created.push(0);
        let mut rest = None;
        for (at, child) in block.children.iter().enumerate() {
            if place.depth >= NESTED_LEVELS || placed >= ARRAY_ITEMS {
                rest = Some((at, Placed::Deep));
                break;
            }
            if let Some(last) = source.last_mut() {
                *last = at;
            }
            if let Some(last) = created.last_mut() {
                *last = placed;
            }
            let inner = Place {
                source: &source,
                created: &created,
                depth: place.depth + 1,
                inside,
                alone: place.alone,
            };
            match self.place_item(child, inner, room, text, placed == 0) {
                Placed::Object => placed += 1,
                Placed::Never => {}
                refused => {
                    rest = Some((at, refused));
                    break;
                }
            }
        }
        let refused = rest.as_ref().map(|(_, why)| why);
        placed += self.satisfy(block, place, room, text, placed, refused)?;
        if let Some((at, _)) = rest {
            self.queue.push_back(Pending {
                parent: place.created.to_vec(),
                created: placed,
                blocks: &block.children[at..],
                source: place.source.to_vec(),
                offset: at,
                inside,
            });
        }
        if placed > 0 {
            text.push(']');
        } else {
            text.truncate(start);
        }
        Ok(())
    }

    /// Adds the children that Notion insists on, and returns how many.
    fn satisfy(
        &mut self,
        block: &Block,
        place: Place<'_>,
        room: &mut Room,
        text: &mut String,
        placed: usize,
        refused: Option<&Placed>,
    ) -> Result<usize, Placed> {
        // It fits whole into an emptier request.
        if matches!(refused, Some(Placed::Full)) && !place.alone {
            return Err(Placed::Full);
        }
        let (filler, count) = match &block.kind {
            BlockKind::Table { .. } if placed == 0 => {
                if refused.is_some() {
                    return Err(Placed::Full);
                }
                let cells = vec!["[]"; table_width(block)].join(",");
                let row = format!(
                    "{{\"object\":\"block\",\"type\":\"table_row\",\"table_row\":{{\"cells\":[{cells}]}}}}"
                );
                (row, 1)
            }
            BlockKind::ColumnList if placed < 2 => {
                if refused.is_some() {
                    return Err(Placed::Full);
                }
                let column = format!(
                    "{{\"object\":\"block\",\"type\":\"column\",\"column\":{{\"children\":[{EMPTY_PARAGRAPH}]}}}}"
                );
                (column, 2 - placed)
            }
            BlockKind::Column { .. } if placed == 0 => {
                if refused.is_some() {
                    let mut path = place.created.to_vec();
                    path.push(0);
                    self.out.placeholders.push(path);
                }
                text.push_str(EMPTY_PARAGRAPH);
                return if take_count(room, 1, 96) {
                    Ok(1)
                } else {
                    Err(Placed::Full)
                };
            }
            _ => return Ok(0),
        };
        self.approximated(place.source, Reason::Padded);
        for at in 0..count {
            if !take_count(room, 2, filler.len() + 1) {
                return Err(Placed::Full);
            }
            if placed + at > 0 {
                text.push(',');
            }
            text.push_str(&filler);
        }
        Ok(count)
    }
}

const EMPTY_PARAGRAPH: &str =
    "{\"object\":\"block\",\"type\":\"paragraph\",\"paragraph\":{\"rich_text\":[]}}";

/// Appends the block's own fields, adjusted to where it stands.
fn push_adjusted<'a>(
    out: &mut String,
    block: &'a Block,
    place: Place<'_>,
    notes: &mut Vec<Reason>,
) -> Result<&'a str, Reason> {
    let mut stand = Stand::default();
    match (&block.kind, place.inside) {
        (BlockKind::TableRow { .. }, Inside::Table { width }) => stand.width = Some(width),
        (BlockKind::Table { .. }, _) => {
            let width = table_width(block);
            if width > ARRAY_ITEMS {
                return Err(Reason::TooLarge);
            }
            stand.width = Some(width);
        }
        (BlockKind::Heading { toggle: false, .. }, _) if !block.children.is_empty() => {
            stand.toggle = true;
        }
        _ => {}
    }
    let name = push_own(out, &block.kind, stand, notes)?;
    if stand.toggle {
        notes.push(Reason::Heading);
        notes.dedup();
    }
    Ok(name)
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

/// Takes the room for some blocks.
fn take_count(room: &mut Room, blocks: usize, bytes: usize) -> bool {
    if room.blocks < blocks || room.bytes < bytes {
        return false;
    }
    room.blocks -= blocks;
    room.bytes -= bytes;
    true
}
