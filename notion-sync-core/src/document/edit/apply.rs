//! What a tree holds after a script.

use super::{BlockEdit, Position};
use crate::document::model::Block;
use crate::id::BlockId;

/// A step names a block that is not there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("step {step} names block {id}, which is not where the step says")]
pub struct ApplyError {
    /// Which step, from 0.
    pub step: usize,
    /// The block.
    pub id: BlockId,
}

/// Carries out a script on a tree in memory. Inserted blocks have no id.
///
/// # Errors
///
/// When a step names a block that is not there.
pub fn apply(old: &[Block], script: &[BlockEdit]) -> Result<Vec<Block>, ApplyError> {
    let mut blocks = old.to_vec();
    for (step, edit) in script.iter().enumerate() {
        let missing = |id: &BlockId| ApplyError {
            step,
            id: id.clone(),
        };
        match edit {
            BlockEdit::Update { id, kind } => {
                let block = find(&mut blocks, id).ok_or_else(|| missing(id))?;
                block.kind = kind.clone();
            }
            BlockEdit::Insert {
                parent,
                after,
                blocks: new,
            } => {
                let list = match parent {
                    None => &mut blocks,
                    Some(id) => &mut find(&mut blocks, id).ok_or_else(|| missing(id))?.children,
                };
                let at = match after {
                    Position::Start => 0,
                    Position::After(id) => {
                        let same = |block: &Block| block.id.as_ref() == Some(id);
                        list.iter().position(same).ok_or_else(|| missing(id))? + 1
                    }
                };
                list.splice(at..at, new.iter().cloned());
            }
            BlockEdit::Delete { id } => {
                if !delete(&mut blocks, id) {
                    return Err(missing(id));
                }
            }
        }
    }
    Ok(blocks)
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

fn delete(blocks: &mut Vec<Block>, id: &BlockId) -> bool {
    if let Some(at) = blocks
        .iter()
        .position(|block| block.id.as_ref() == Some(id))
    {
        blocks.remove(at);
        return true;
    }
    blocks
        .iter_mut()
        .any(|block| delete(&mut block.children, id))
}
