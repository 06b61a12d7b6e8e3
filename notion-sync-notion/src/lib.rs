//! The Notion side of notion-sync: a client, the pages of a data source as a
//! [`Remote`](notion_sync_core::remote::Remote), and what is needed to check an installation.
//!
//! Every request goes through one seam ([`HttpSend`](notion_sync_core::http::HttpSend)) and one
//! path ([`Client::call`]): rate gate, send, classification. Nothing here sleeps, retries or looks
//! at a clock of its own.
//!
//! ```
//! use std::sync::Arc;
//!
//! use notion_sync_core::bounds::Bounds;
//! use notion_sync_core::clock::Clock;
//! use notion_sync_core::remote::Remote;
//! use notion_sync_notion::{
//!     Client, ClientSettings, NotionPages, PageSettings, RateGate, ReqwestSend,
//! };
//! use secrecy::SecretString;
//!
//! fn pages(
//!     token: SecretString,
//!     data_source: &str,
//!     clock: Arc<dyn Clock>,
//! ) -> notion_sync_core::Result<Arc<dyn Remote>> {
//!     let bounds = Bounds::default();
//!     let client = Client::new(
//!         ClientSettings::default(),
//!         token,
//!         Arc::new(ReqwestSend::new(&bounds)?),
//!         clock,
//!         Arc::new(RateGate::default()),
//!     )?;
//!     let settings = PageSettings::new(data_source, &bounds);
//!     Ok(Arc::new(NotionPages::new(client, settings)?))
//! }
//! ```

pub mod access;
pub mod client;
pub mod identifier;
pub mod pages;
pub mod property;
pub mod webhook;
pub mod wire;

pub use client::{Client, ClientSettings, Endpoint, RateGate, ReqwestSend};
pub use pages::{BookkeepingNames, NotionPages, PageSettings};
