//! Anchors in front of headings, which only a file says.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::align::{Step, align};
use crate::document::markdown::node::{self, Node};
use crate::document::{Block, BlockKind, Document};
use crate::hash::ContentHash;

/// The new document with the anchors of the old one: a heading keeps its own, with another text and
/// in another place.
pub(super) fn kept<'a>(nodes: &[Node], new: &'a Document) -> Cow<'a, Document> {
    if !nodes.iter().any(holds) {
        return Cow::Borrowed(new);
    }
    let mut out = new.clone();
    let mut left = Left::default();
    stay(&node::document(nodes).blocks, &mut out.blocks, &mut left);
    if !left.0.is_empty() {
        move_along(&mut out.blocks, &mut left);
    }
    Cow::Owned(out)
}

/// Anchors whose heading is not where it was, by what it says.
#[derive(Default)]
struct Left(BTreeMap<ContentHash, Vec<Box<str>>>);

fn holds(node: &Node) -> bool {
    anchor(&node.kind).is_some() || node.children.iter().any(holds)
}

fn anchor(kind: &BlockKind) -> Option<&str> {
    match kind {
        BlockKind::Heading { anchor, .. } => anchor.as_deref(),
        _ => None,
    }
}

fn stay(old: &[Block], new: &mut [Block], left: &mut Left) {
    for step in align(old, new) {
        match step {
            Step::Keep(at, to) | Step::Modify(at, to) | Step::Replace(at, to) => {
                let (old, new) = (&old[at], &mut new[to]);
                if let Some(said) = anchor(&old.kind) {
                    match &mut new.kind {
                        BlockKind::Heading { anchor, .. } => {
                            anchor.get_or_insert_with(|| said.into());
                        }
                        _ => left.add(old),
                    }
                }
                stay(&old.children, &mut new.children, left);
            }
            Step::Delete(at) => left.add_all(&old[at]),
            Step::Insert(_) => {}
        }
    }
}

fn move_along(new: &mut [Block], left: &mut Left) {
    for block in new {
        if matches!(&block.kind, BlockKind::Heading { anchor: None, .. }) {
            let said = left.0.get_mut(&block.hash()).and_then(Vec::pop);
            if let BlockKind::Heading { anchor, .. } = &mut block.kind {
                *anchor = said;
            }
        }
        move_along(&mut block.children, left);
    }
}

impl Left {
    fn add(&mut self, block: &Block) {
        if let Some(said) = anchor(&block.kind) {
            self.0.entry(block.hash()).or_default().push(said.into());
        }
    }

    fn add_all(&mut self, block: &Block) {
        self.add(block);
        for child in &block.children {
            self.add_all(child);
        }
    }
}
