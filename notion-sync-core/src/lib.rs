//! Types, decisions and engine of the two-way sync between Notion and GitHub.
//!
//! No sockets, no files, no database, no global clock, no randomness: everything that touches the
//! world comes in through small traits.

pub mod audit;
pub mod bounds;
pub mod breaker;
pub mod clock;
pub mod comment;
pub mod document;
pub mod doorbell;
pub mod effect;
pub mod engine;
pub mod error;
pub mod event;
pub mod hash;
pub mod http;
pub mod id;
pub mod mapping;
pub mod operation;
pub mod reconcile;
pub mod record;
pub mod remote;
pub mod rule;
pub mod snapshot;
pub mod state;
pub mod store;
pub mod value;
pub mod webhook;
pub mod worker;

pub use error::{Error, ErrorKind, Result, Retry};
