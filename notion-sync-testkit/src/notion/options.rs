//! Switches of the emulator.

use serde::{Deserialize, Serialize};

/// How the emulated service behaves where the real one may behave either way, and how small its
/// large numbers are. The defaults are the published numbers, without a rate limit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(clippy::struct_excessive_bools)]
pub struct NotionOptions {
    /// Requests per connection in each window of 60 s (published: 180 or 600). `None` limits
    /// nothing.
    pub rate_limit: Option<u32>,
    /// Whether answers carry members, property types and block types that nobody has heard of.
    pub surprises: bool,
    /// How many rows one query gives at most before it calls itself incomplete.
    pub query_cap: usize,
    /// How many blocks a Markdown answer holds before it calls itself truncated.
    pub markdown_blocks: usize,
    /// Whether pages of lists often hold fewer items than were asked for.
    pub short_pages: bool,
    /// Whether one step of `update_content` that matches nothing undoes the others.
    pub atomic_updates: bool,
    /// Whether moving a page counts as an edit of it.
    pub move_is_edit: bool,
    /// How long an asynchronous write takes, in seconds.
    pub async_seconds: u32,
}

impl Default for NotionOptions {
    fn default() -> Self {
        Self {
            rate_limit: None,
            surprises: false,
            query_cap: 10_000,
            markdown_blocks: 20_000,
            short_pages: false,
            atomic_updates: false,
            move_is_edit: false,
            async_seconds: 2,
        }
    }
}
