//! The whole engine over a memory store and model sides, in virtual time.

mod audit;
mod below;
mod comments;
mod comments_lost;
mod conflicts;
mod cursors;
mod dead_letters;
mod documents;
mod doorbell;
mod fields;
mod fingerprint;
mod freeze;
mod hints;
mod identity;
mod manual;
mod notes;
mod page_notes;
mod parents;
mod paths;
mod properties;
mod replay;
mod rules;
mod sentinel;
mod stocktaking;
mod tasks;
mod workers;
pub(crate) mod world;
