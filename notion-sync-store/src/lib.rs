//! Where the state of notion-sync lives: in memory or in one SQLite file, with all bodies sealed at
//! rest.
//!
//! [`open`] turns a url and a key ring into a store. What a store promises stands at
//! [`Store`](notion_sync_core::store::Store); every store of this crate is held to it by the
//! conformance suite of `notion-sync-testkit`.
//!
//! ```
//! use notion_sync_core::store::{Change, Expect, Table};
//! use notion_sync_store::{KeyRing, open};
//!
//! # fn main() -> notion_sync_core::Result<()> {
//! # futures::executor::block_on(async {
//! let key = KeyRing::generate()?;
//! let store = open("memory:", Some(KeyRing::parse(&key, None)?)).await?;
//! store
//!     .commit(vec![Change::Put {
//!         table: Table::Record,
//!         key: "page-1".into(),
//!         expect: Expect::Absent,
//!         indexes: Vec::new(),
//!         body: b"what people wrote".to_vec(),
//!     }])
//!     .await?;
//! let item = store.get(Table::Record, "page-1").await?;
//! assert_eq!(item.map(|item| item.body), Some(b"what people wrote".to_vec()));
//! # Ok(())
//! # })
//! # }
//! ```

mod address;
mod backing;
pub mod limits;
mod memory;
mod sealing;
#[cfg(feature = "sqlite")]
mod sqlite;

pub use address::{Access, Opened, open, open_layers, open_with};
pub use backing::{Backing, CHANGE_ROOM, Condition, FRAME_ROOM, MAX_FRAME};
pub use memory::MemoryStore;
pub use sealing::{KeyId, KeyRing, Rekeyed, Reseal, Sealed, refuse_sealed};
#[cfg(feature = "sqlite")]
pub use sqlite::SqliteStore;
