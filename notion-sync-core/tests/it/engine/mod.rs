//! The whole engine over a memory store and model sides, in virtual time.

mod below;
mod documents;
mod fields;
mod hints;
mod manual;
mod paths;
mod properties;
mod rules;
mod tasks;
pub(crate) mod world;
