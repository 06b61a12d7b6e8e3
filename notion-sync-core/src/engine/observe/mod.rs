//! Looks at both sides: what is there, in which fields, and what changed.

pub(in crate::engine) mod arrivals;
pub(in crate::engine) mod below;
pub(in crate::engine) mod bind;
pub(in crate::engine) mod fields;
pub(in crate::engine) mod hints;
pub(in crate::engine) mod lag;
pub(in crate::engine) mod looking;
mod orphans;
pub(in crate::engine) mod partial;
pub(in crate::engine) mod paths;
pub(in crate::engine) mod people;
pub(in crate::engine) mod place;
pub(in crate::engine) mod proposals;
pub(in crate::engine) mod pulls;
pub(in crate::engine) mod relatives;
mod schema;
pub(in crate::engine) mod sentinel;
pub(in crate::engine) mod survey;
pub(in crate::engine) mod text;
