//! Saves what was decided, sends it, and records what came of it.

pub(in crate::engine) mod decided;
pub(in crate::engine) mod exchange;
pub(in crate::engine) mod execute;
mod failure;
pub(in crate::engine) mod lease;
pub(in crate::engine) mod outcome;
pub(in crate::engine) mod overlap;
pub(in crate::engine) mod persist;
mod recovery;
mod settle;
