//! From what was seen to the operations that are to be sent.

pub(in crate::engine) mod decide;
pub(in crate::engine) mod fingerprint;
pub(in crate::engine) mod guard;
pub(in crate::engine) mod outlook;
pub(in crate::engine) mod proposal;
pub(in crate::engine) mod removal;
pub(in crate::engine) mod render;
pub(in crate::engine) mod rules;
pub(in crate::engine) mod steps;
pub(in crate::engine) mod summary;
