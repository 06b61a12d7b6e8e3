//! Notion's public API as a state machine.
//!
//! [`NotionEmulator`] answers requests of both current API versions (`2025-09-03`, `2026-03-11`)
//! from a [`NotionWorld`] in memory: databases, data sources, pages, blocks, bodies as Markdown,
//! comments, users, search, rate limits, faults. People who have no API act through [`Person`].
//!
//! It has its own model, its own reader and writer of enhanced Markdown and its own rules; nothing
//! is shared with the adapter it is there to test. Everything is deterministic: ids come from the
//! world's seed, the time from the caller.
//!
//! ```
//! use notion_sync_testkit::emulator::{Emulator, EmulatorBounds, Reply};
//! use notion_sync_testkit::notion::{NotionEmulator, NotionWorld};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut notion = NotionEmulator::new(NotionWorld::small(), EmulatorBounds::notion())?;
//! let request = http::Request::get("https://api.notion.com/v1/users/me")
//!     .header("authorization", "Bearer ntn_sync")
//!     .header("notion-version", "2026-03-11")
//!     .body(bytes::Bytes::new())?;
//! let now = chrono::DateTime::from_timestamp(1_790_000_000, 0).unwrap_or_default();
//! match notion.handle(request, now) {
//!     Reply::Answer { response, .. } => assert_eq!(response.status(), 200),
//!     Reply::Dropped => unreachable!("no fault was planned"),
//! }
//! # Ok(())
//! # }
//! ```

mod alignment;
mod api;
mod block;
mod block_input;
mod block_update;
mod body;
mod control;
mod emulator;
mod error;
mod file_input;
mod id;
mod input;
mod limiter;
mod markdown;
mod model;
mod moment;
mod options;
mod people;
mod property;
mod schema_input;
mod simple_value;
mod tasks;
mod text;
mod text_input;
mod value_input;
mod view;
mod view_page;
mod workspace;
mod world;

pub use emulator::NotionEmulator;
pub use id::{NotAnId, NotionId};
pub use model::Capabilities;
pub use options::NotionOptions;
pub use people::{BlockView, Person, PersonError};
pub use world::{
    NotionWorld, WorldComment, WorldDatabase, WorldError, WorldPage, WorldSource, WorldUser,
};
