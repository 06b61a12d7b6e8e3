//! The planner's properties by themselves: built in a fraction of the time of all tests, for hundreds of thousands of
//! cases and for mutation of the source. `cargo test` runs them as part of `it`.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

#[path = "it/planner/mod.rs"]
mod planner;
