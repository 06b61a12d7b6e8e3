//! The stores from outside: the contract, files, crashes, secrets.

// The lint spares tests themselves, but not the functions they share.
#![allow(clippy::unwrap_used)]

mod backing;
mod canary;
mod conformance;
mod model;
mod rekeying;
mod scratch;
mod sealing;

#[cfg(feature = "sqlite")]
mod address;
#[cfg(feature = "sqlite")]
mod crash;
#[cfg(feature = "sqlite")]
mod directory;
#[cfg(feature = "sqlite")]
mod file;
#[cfg(feature = "sqlite")]
mod migration;
