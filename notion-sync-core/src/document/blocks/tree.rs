//! Blocks and their children, fetched apart, put together.

use std::collections::BTreeMap;

use crate::document::model::Block;
use crate::id::BlockId;

/// Deepest nesting that is put together; deeper children are dropped from the map unread.
const ASSEMBLED_LEVELS: usize = 256;

/// Attaches fetched children to the blocks they belong to, at any level below `top`.
///
/// `children` maps the id of a parent to its direct children in order; lists are taken out as they
/// are used, so what remains afterwards belongs to no block in the tree (a torn read), and a list
/// that names one of its own ancestors cannot loop.
pub fn assemble(top: Vec<Block>, children: &mut BTreeMap<BlockId, Vec<Block>>) -> Vec<Block> {
    attach(top, children, 0)
}

fn attach(
    mut blocks: Vec<Block>,
    children: &mut BTreeMap<BlockId, Vec<Block>>,
    level: usize,
) -> Vec<Block> {
    // A list grew while answers were appended to it, to twice what it holds at worst, and the tree
    // is kept for long.
    blocks.shrink_to_fit();
    if level >= ASSEMBLED_LEVELS {
        return blocks;
    }
    blocks
        .into_iter()
        .map(|mut block| {
            if let Some(own) = block.id.as_ref().and_then(|id| children.remove(id)) {
                if block.children.is_empty() {
                    block.children = own;
                } else {
                    block.children.extend(own);
                }
            }
            block.children = attach(std::mem::take(&mut block.children), children, level + 1);
            block
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(id: &str) -> Block {
        let mut block = Block::paragraph(id);
        block.id = Some(BlockId::from(id));
        block
    }

    #[test]
    fn children_find_their_parents_and_loops_end() {
        let mut children = BTreeMap::from([
            (BlockId::from("a"), vec![block("b"), block("c")]),
            (BlockId::from("c"), vec![block("a")]),
            (BlockId::from("z"), vec![block("y")]),
        ]);
        let tree = assemble(vec![block("a"), block("d")], &mut children);
        assert_eq!(tree.len(), 2);
        assert_eq!(tree[0].children.len(), 2);
        assert_eq!(tree[0].children[1].children, vec![block("a")]);
        assert_eq!(children.len(), 1);
    }

    #[test]
    fn lists_hold_no_room_for_blocks_that_never_came() {
        let grown = |ids: [&str; 2]| {
            let mut list = Vec::with_capacity(100);
            list.extend(ids.map(block));
            list
        };
        let mut children = BTreeMap::from([(BlockId::from("a"), grown(["b", "c"]))]);
        let tree = assemble(grown(["a", "d"]), &mut children);
        assert_eq!((tree.len(), tree.capacity()), (2, 2));
        let inside = &tree[0].children;
        assert_eq!((inside.len(), inside.capacity()), (2, 2));
    }
}
