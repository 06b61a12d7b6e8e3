//! The targets, apart from the fuzzer that calls them.

pub mod targets;
