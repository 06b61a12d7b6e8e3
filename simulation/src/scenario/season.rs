//! Seasons of our worlds.

use std::collections::BTreeMap;
use std::ops::{Deref, Range};

use notion_sync_testkit::simulation::{self, Failure, How, Play};

use super::cells::Cells;
use super::play::{self, Manner, Run};
use super::script::{Profile, Script};

/// What is played.
#[derive(Debug, Clone)]
pub(super) struct Season {
    /// Which seeds.
    pub(super) seeds: Range<u64>,
    /// In which worlds.
    pub(super) profile: Profile,
    /// Whether each seed fails at its end, whatever happened.
    pub(super) canary: bool,
    /// Whether the seeds after one that fails are played too.
    pub(super) keep_going: bool,
    /// On how many threads.
    pub(super) jobs: usize,
    /// Whether it is counted which fault strikes which endpoint.
    pub(super) cells: bool,
}

/// What came of many seeds.
#[derive(Debug)]
pub(super) struct Tally {
    common: simulation::Tally<Cells>,
    /// What was reached, and how often.
    pub(super) counts: BTreeMap<&'static str, u64>,
    /// Which fault struck which endpoint.
    pub(super) cells: Cells,
}

impl Deref for Tally {
    type Target = simulation::Tally<Cells>;

    fn deref(&self) -> &Self::Target {
        &self.common
    }
}

/// In one seed of so many the registry is watched, and made again at the end.
const REGISTRY: u64 = 4;

/// In one seed of so many each part of the story begins with a dry run.
const DRY: u64 = 8;

/// How a seed is played. Most end with few quiet cycles, some with many.
pub(super) fn manner(seed: u64, profile: Profile, canary: bool) -> Manner {
    let brief = profile.is_brief();
    Manner {
        told: false,
        canary,
        mutant: None,
        cells: false,
        cycles: match seed {
            _ if seed % 1_024 == 512 => 1_000,
            _ if seed.is_multiple_of(if brief { 256 } else { 16 }) => 50,
            _ if brief => 0,
            _ => 3,
        },
        registry: seed % REGISTRY == 3,
        dry: seed % DRY == 5,
    }
}

/// Plays scripts of our worlds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Player {
    /// In which worlds.
    pub(super) profile: Profile,
    /// Whether it is counted which fault strikes which endpoint.
    pub(super) cells: bool,
    /// How each is played; `None` where that depends on the seed.
    pub(super) manner: Option<Manner>,
}

impl Play for Player {
    type Script = Script;
    type More = Cells;

    fn script(&self, seed: u64) -> Script {
        Script::new(seed, self.profile)
    }

    fn smaller(&self, script: &Script) -> Vec<Script> {
        script.smaller()
    }

    fn play(&self, script: &Script, how: How) -> Run {
        let manner = (self.manner).unwrap_or_else(|| manner(script.seed, self.profile, how.canary));
        let manner = Manner {
            told: how.told,
            canary: how.canary,
            cells: manner.cells || self.cells,
            ..manner
        };
        play::run(script, manner)
    }
}

/// Plays a season; says each failure as it comes, in the order of the seeds.
pub(super) fn play_all(season: &Season, told: &mut dyn FnMut(u64, &Failure)) -> Tally {
    let player = Player {
        profile: season.profile,
        cells: season.cells,
        manner: None,
    };
    let seeds = simulation::Season {
        seeds: season.seeds.clone(),
        canary: season.canary,
        keep_going: season.keep_going,
        jobs: season.jobs,
    };
    let mut common = simulation::play_all(&player, &seeds, told);
    Tally {
        counts: std::mem::take(&mut common.counts),
        cells: std::mem::take(&mut common.more),
        common,
    }
}
