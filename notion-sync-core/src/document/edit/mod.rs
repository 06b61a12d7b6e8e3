//! The smallest steps that turn one tree of Notion blocks into another.
//!
//! Notion can change a block's own content, insert blocks, and delete blocks; it can neither move
//! a block nor change its type. A block that a script does not name keeps its id, its comments and
//! the links to it. Insertions come before deletions within a list, so a script that stops half-way
//! leaves something twice rather than nowhere.

mod apply;
mod script;

use serde::{Deserialize, Serialize};

pub use apply::{ApplyError, apply};
pub(crate) use script::is_irreplaceable;
pub use script::{script, unread};

use super::model::{Block, BlockKind};
use crate::id::BlockId;

/// One step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BlockEdit {
    /// Replaces what a block says itself. Its type, as Notion counts types, stays; its children are
    /// not touched.
    Update {
        /// The block.
        id: BlockId,
        /// Its new content.
        kind: BlockKind,
    },
    /// Inserts blocks with everything in them.
    Insert {
        /// The block that gets them, or the page itself.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        parent: Option<BlockId>,
        /// Where among the parent's children.
        after: Position,
        /// The blocks, at least one. They carry neither ids nor spans. No limit of the service is
        /// applied: one step may need several requests.
        blocks: Vec<Block>,
    },
    /// Deletes a block with everything in it.
    Delete {
        /// The block.
        id: BlockId,
    },
}

/// A place in a list of children.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Position {
    /// Before all others.
    Start,
    /// Directly after this block, which the script does not delete.
    After(BlockId),
}

/// Why there is no script.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// A top-level block has to be named in a step and has no id.
    #[error("a block at the top of the page must be edited, but its id was not read")]
    Unidentified,
    /// A block that the API cannot create again would have to be deleted although it is still
    /// wanted, in another place or inside a block that must be replaced.
    #[error("block {0} cannot be moved or replaced: the Notion API cannot create it again")]
    Immovable(BlockId),
    /// The same without a known id.
    #[error(
        "a block without an id cannot be moved or replaced: the Notion API cannot create it again"
    )]
    ImmovableUnknown,
}
