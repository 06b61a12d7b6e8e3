//! What a person decides.

pub(in crate::engine) mod manual;
pub(in crate::engine) mod pairing;
pub(in crate::engine) mod resolution;
