//! Finding the steps.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::Hash;
use std::ops::Range;

use super::{BlockEdit, EditError, Position};
use crate::document::canon::is_same;
use crate::document::merge::alignment::{Named, Namer, Zeal, fill, trimmed_len};
use crate::document::merge::sequence::{gaps, matches_hashed};
use crate::document::model::{Block, BlockKind, MediaSource};
use crate::id::BlockId;

/// The steps from `old`, which has Notion's ids, to `new`.
///
/// Blocks of `new` that carry an id of `old` are taken for that block; the others are found by
/// content. Where a step would have to name a block whose id is not known, the nearest ancestor
/// with an id is replaced instead; [`unread`] tells which children to read first to avoid that.
/// Blocks that the API cannot create (child pages and databases, synced blocks, files stored at
/// Notion, blocks of unknown types) are deleted only if `new` no longer has them. Empty paragraphs
/// at the end of a list are left as they are.
///
/// # Errors
///
/// [`EditError::Unidentified`] when the steps would have to name a top-level block without an id;
/// [`EditError::Immovable`] when they would have to delete a block that cannot be created again and
/// that `new` still has.
pub fn script(old: &[Block], new: &[Block]) -> Result<Vec<BlockEdit>, EditError> {
    let mut scribe = Scribe::default();
    let edits = scribe
        .list(None, old, new)
        .map_err(|Unidentified| EditError::Unidentified)?;
    check_kept(old, new, &edits)?;
    Ok(edits)
}

/// The blocks whose children have to be read, with their ids, before [`script`] can edit inside
/// them; without that it replaces them. Empty when all ids that matter are known.
#[must_use]
pub fn unread(old: &[Block], new: &[Block]) -> BTreeSet<BlockId> {
    let mut scribe = Scribe::default();
    // An error says that something at the top has no id, which no reading of children changes.
    let _ = scribe.list(None, old, new);
    scribe.unread
}

/// A step needs an id that is not known.
#[derive(Debug)]
struct Unidentified;

#[derive(Debug, Default)]
struct Scribe {
    unread: BTreeSet<BlockId>,
}

/// What becomes of a block of `old` that has a counterpart.
enum Fate {
    /// It stays, after these steps.
    Stays(Vec<BlockEdit>),
    /// The counterpart is inserted and it is deleted.
    Replaced,
}

impl Scribe {
    fn list(
        &mut self,
        parent: Option<&BlockId>,
        old: &[Block],
        new: &[Block],
    ) -> Result<Vec<BlockEdit>, Unidentified> {
        let new = &new[..wanted_len(old, new)];
        let counterparts: BTreeMap<usize, usize> = counterparts(old, new)
            .into_iter()
            .map(|(old, new)| (new, old))
            .collect();
        let mut edits = Vec::new();
        let mut kept = BTreeSet::new();
        // The last block that stays; `Some(None)` if its id is not known.
        let mut last: Option<Option<&BlockId>> = None;
        let mut pending: Vec<Block> = Vec::new();
        for (new_at, block) in new.iter().enumerate() {
            if let Some(&old_at) = counterparts.get(&new_at)
                && let Fate::Stays(steps) = self.fate(&old[old_at], block)
            {
                flush(parent, last, &mut pending, &mut edits)?;
                edits.extend(steps);
                last = Some(old[old_at].id.as_ref());
                kept.insert(old_at);
            } else {
                pending.push(crate::document::merge::bare(block));
            }
        }
        flush(parent, last, &mut pending, &mut edits)?;
        // Empty paragraphs at the end may stay if they are still at the end.
        let end = trimmed_len(old).max(kept.last().map_or(0, |last| last + 1));
        for (at, block) in old[..end].iter().enumerate() {
            if !kept.contains(&at) {
                let id = block.id.clone().ok_or(Unidentified)?;
                edits.push(BlockEdit::Delete { id });
            }
        }
        Ok(edits)
    }

    fn fate(&mut self, old: &Block, new: &Block) -> Fate {
        if is_same(old, new) {
            return Fate::Stays(Vec::new());
        }
        let Some(id) = &old.id else {
            return Fate::Replaced;
        };
        if !old.kind.can_become(&new.kind) {
            return Fate::Replaced;
        }
        let Ok(mut edits) = self.list(Some(id), &old.children, &new.children) else {
            self.unread.insert(id.clone());
            return Fate::Replaced;
        };
        // Columns are made together with their list.
        let inserts = |edit: &BlockEdit| matches!(edit, BlockEdit::Insert { parent, .. } if parent.as_ref() == Some(id));
        if matches!(old.kind, BlockKind::ColumnList) && edits.iter().any(inserts) {
            return Fate::Replaced;
        }
        let kind = new.kind.canonical();
        if old.kind != kind && old.kind.canonical() != kind && !keeps_width(&old.kind, &kind) {
            let update = BlockEdit::Update {
                id: id.clone(),
                kind: new.kind.clone(),
            };
            if matches!(kind, BlockKind::Heading { toggle: false, .. }) {
                // Notion refuses to make a heading with children plain.
                edits.push(update);
            } else {
                edits.insert(0, update);
            }
        }
        Fate::Stays(edits)
    }
}

/// Whether all that changes is that a column has no width any more. The API can set one but not take
/// it back, and a column cannot be made in a list that stands: it stays as wide as it is.
fn keeps_width(old: &BlockKind, new: &BlockKind) -> bool {
    matches!(
        (old, new),
        (BlockKind::Column { .. }, BlockKind::Column { ratio: None })
    )
}

/// The length of `new` without the empty paragraphs at its end, except those that `old` has.
fn wanted_len(old: &[Block], new: &[Block]) -> usize {
    let length = trimmed_len(new);
    let blank = |block: &&Block| block.is_blank();
    let known: BTreeSet<&BlockId> = match new.get(length) {
        Some(_) => old
            .iter()
            .filter(blank)
            .filter_map(|b| b.id.as_ref())
            .collect(),
        None => return length,
    };
    let is_known = |block: &Block| block.id.as_ref().is_some_and(|id| known.contains(id));
    new[length..]
        .iter()
        .rposition(is_known)
        .map_or(length, |last| length + last + 1)
}

fn flush(
    parent: Option<&BlockId>,
    last: Option<Option<&BlockId>>,
    pending: &mut Vec<Block>,
    edits: &mut Vec<BlockEdit>,
) -> Result<(), Unidentified> {
    if pending.is_empty() {
        return Ok(());
    }
    let after = match last {
        None => Position::Start,
        Some(id) => Position::After(id.cloned().ok_or(Unidentified)?),
    };
    edits.push(BlockEdit::Insert {
        parent: parent.cloned(),
        after,
        blocks: std::mem::take(pending),
    });
    Ok(())
}

/// Whether the API cannot create a block of this kind.
pub(crate) fn is_irreplaceable(kind: &BlockKind) -> bool {
    matches!(
        kind,
        BlockKind::ChildPage { .. }
            | BlockKind::ChildDatabase { .. }
            | BlockKind::Opaque { .. }
            | BlockKind::Synced { .. }
            | BlockKind::Media {
                source: MediaSource::Hosted(_),
                ..
            }
    )
}

/// Names a block that the API cannot create, by what it is.
fn irreplaceable(block: &Block) -> Option<String> {
    match &block.kind {
        BlockKind::ChildPage { page, .. } => Some(format!("page {page}")),
        BlockKind::ChildDatabase { database, .. } => Some(format!("database {database}")),
        BlockKind::Opaque { kind, raw } => Some(format!("opaque {kind} {raw}")),
        BlockKind::Synced { from: Some(from) } => Some(format!("copy {from}")),
        BlockKind::Synced { from: None } => Some(format!("source {}", block.hash())),
        BlockKind::Media {
            source: MediaSource::Hosted(at),
            ..
        } => Some(format!("file {at}")),
        _ => None,
    }
}

/// Pairs of blocks that are the same block, ascending: first those that cannot be created again,
/// then by id, then equal ones, then edited ones.
fn counterparts(old: &[Block], new: &[Block]) -> Vec<(usize, usize)> {
    let pinned = anchors(old, new, &[], irreplaceable);
    let known = anchors(old, new, &pinned, |block| block.id.as_ref());
    let mut namer = Namer::default();
    let old_named = Named::of(old, &mut namer);
    let new_named = Named::beside(new, &old_named, &mut namer);
    let mut equal = known.clone();
    for (old_gap, new_gap) in gaps(&known, old.len(), new.len()) {
        let found = matches_hashed(
            &old_named.names[old_gap.clone()],
            &new_named.names[new_gap.clone()],
        );
        equal.extend(
            found
                .into_iter()
                .map(|(o, n)| (old_gap.start + o, new_gap.start + n)),
        );
    }
    equal.sort_unstable();
    fill(&old_named, &new_named, &equal, Zeal::Edited)
}

/// `within` and, between its pairs, the blocks with the same key.
fn anchors<'a, K: Eq + Hash>(
    old: &'a [Block],
    new: &'a [Block],
    within: &[(usize, usize)],
    key: impl Fn(&'a Block) -> Option<K>,
) -> Vec<(usize, usize)> {
    let keyed = |blocks: &'a [Block], range: Range<usize>| -> (Vec<usize>, Vec<K>) {
        range
            .filter_map(|at| key(&blocks[at]).map(|key| (at, key)))
            .unzip()
    };
    let mut out = within.to_vec();
    for (old_gap, new_gap) in gaps(within, old.len(), new.len()) {
        let (old_at, old_keys) = keyed(old, old_gap);
        let (new_at, new_keys) = keyed(new, new_gap);
        let found = matches_hashed(&old_keys, &new_keys);
        out.extend(found.into_iter().map(|(o, n)| (old_at[o], new_at[n])));
    }
    out.sort_unstable();
    out
}

/// Refuses scripts that delete what cannot be created again and is still wanted.
fn check_kept(old: &[Block], new: &[Block], edits: &[BlockEdit]) -> Result<(), EditError> {
    let deleted: BTreeSet<&BlockId> = edits
        .iter()
        .filter_map(|edit| match edit {
            BlockEdit::Delete { id } => Some(id),
            _ => None,
        })
        .collect();
    if deleted.is_empty() {
        return Ok(());
    }
    let mut wanted: BTreeMap<String, usize> = BTreeMap::new();
    let mut queue: Vec<&Block> = new.iter().collect();
    while let Some(block) = queue.pop() {
        if let Some(key) = irreplaceable(block) {
            *wanted.entry(key).or_default() += 1;
        }
        queue.extend(&block.children);
    }
    let mut kept: BTreeMap<String, usize> = BTreeMap::new();
    let mut lost: Vec<(String, Option<&BlockId>)> = Vec::new();
    let mut queue: Vec<(&Block, bool)> = old.iter().rev().map(|block| (block, false)).collect();
    while let Some((block, gone)) = queue.pop() {
        let gone = gone || block.id.as_ref().is_some_and(|id| deleted.contains(id));
        if let Some(key) = irreplaceable(block) {
            if gone {
                lost.push((key, block.id.as_ref()));
            } else {
                *kept.entry(key).or_default() += 1;
            }
        }
        queue.extend(block.children.iter().rev().map(|child| (child, gone)));
    }
    for (key, id) in lost {
        let count = |map: &BTreeMap<String, usize>| map.get(&key).copied().unwrap_or(0);
        if count(&wanted) > count(&kept) {
            return Err(id.map_or(EditError::ImmovableUnknown, |id| {
                EditError::Immovable(id.clone())
            }));
        }
    }
    Ok(())
}
