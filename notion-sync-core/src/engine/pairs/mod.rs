//! Which objects belong together, and how that is checked, repaired and made again.

pub(in crate::engine) mod duplicates;
pub(in crate::engine) mod finding;
pub(in crate::engine) mod findings;
pub(in crate::engine) mod identity;
pub(in crate::engine) mod inventory;
pub(in crate::engine) mod marks;
pub(in crate::engine) mod partners;
pub(in crate::engine) mod rebuild;
pub(in crate::engine) mod repair;
