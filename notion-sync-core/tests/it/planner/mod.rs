//! The planner: its table row by row (`table`, and one case and more for each row that people can tell apart),
//! and properties of it in random worlds from tiny pools, so that collisions are common.
//!
//! Cases are multiplied by the environment variable `NOTION_SYNC_CASES`; CI plays 200,000 of each property
//! of a plan in an optimised build. A failure prints its
//! smallest world; `PROPTEST_RNG_SEED` (with `PROPTEST_RNG_ALGORITHM=cc`) repeats a whole run.

mod answer;
mod decisions;
mod duplicates;
mod executor;
mod life;
mod paths;
mod proposals;
mod records;
mod removals;
mod rest;
mod scene;
mod sides;
mod swap;
mod table;
mod tokens;
mod units;
mod vacant;
pub(crate) mod world;

use proptest::prelude::ProptestConfig;

/// Cases of each property of a plan.
const CASES: u32 = 2_000;

/// A configuration of `base` cases, times the factor of the environment.
pub(crate) fn config(base: u32) -> ProptestConfig {
    let factor = std::env::var("NOTION_SYNC_CASES")
        .ok()
        .and_then(|text| text.parse::<u32>().ok())
        .unwrap_or(1);
    let cases = base.saturating_mul(factor);
    println!("{cases} cases");
    ProptestConfig {
        cases,
        failure_persistence: None,
        max_shrink_iters: 20_000,
        ..ProptestConfig::default()
    }
}
