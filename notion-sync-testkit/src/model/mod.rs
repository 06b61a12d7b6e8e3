//! Model sides: both remotes as small state machines behind the engine's own trait.
//!
//! They know nothing of JSON or HTTP. What they keep of the real services is what decisions depend
//! on: pages whose edit times are floored to the minute, files with blob hashes, pull requests
//! under named branches, writes that fail before or after they took effect, and a log of every
//! write. An embedder can test his own mappings with them.

mod comments;
mod pages;
mod repository;

pub use comments::ModelComment;
pub use pages::ModelPages;
pub use repository::{ModelGate, ModelRepository};

use notion_sync_core::id::OpId;

/// Who made or edited what people did.
const PERSON: &str = "person";
/// Who made or edited what the engine wrote.
const SYNC: &str = "sync";

/// How a write fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ModelFault {
    /// Nothing happened, and the answer says so.
    Refused,
    /// Nothing happened, and there is no answer.
    LostBefore,
    /// The write took effect, and there is no answer.
    LostAfter,
    /// There is no answer, and what was sent takes effect when the test lets it land. For a repository; pages
    /// never see it again.
    LostLate,
}

/// One write that took effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelWrite {
    /// The operation.
    pub op: OpId,
    /// What it did, in one word.
    pub what: &'static str,
    /// To what.
    pub object: String,
}

/// Counters of what was asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ModelReads {
    /// Listings.
    pub lists: usize,
    /// Reads of one object with its content.
    pub contents: usize,
    /// Listings and direct reads of comments.
    pub comments: usize,
    /// Reads of one pull request.
    pub pulls: usize,
}
