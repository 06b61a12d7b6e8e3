//! Properties between Notion's shapes and [`Value`](notion_sync_core::value::Value).

mod date;
mod number;
mod reading;
mod writing;

pub use date::{from_notion as date_from_notion, to_notion as date_to_notion};
pub use number::{canonical as canonical_number, parse as parse_number};
pub use reading::{Reading, element, read};
pub use writing::{MAX_REFERENCES, is_read_only, missing_options, rich_text, write};

/// The most references that a page object shows of one property; more are on property item pages.
pub const INLINE_REFERENCES: usize = 25;
