//! The planner's properties by themselves, and that of a dry run: built in a fraction of the time of all tests, for
//! hundreds of thousands of cases and for mutation of the source. `cargo test` runs them as part of `it`.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

use mimalloc::MiMalloc;

/// Millions of cases are made and thrown away: with the allocator of the platform that is a quarter of the time.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

// Its cases play whole ticks of the engine.
#[path = "it/engine/dry_run.rs"]
mod dry_run;
#[path = "it/planner/mod.rs"]
mod planner;
#[allow(dead_code, reason = "other tests of the engine need the rest")]
#[path = "it/engine/world.rs"]
mod world;
