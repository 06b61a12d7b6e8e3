//! Many seeds on several threads. What comes of them does not depend on how many threads there are:
//! seeds are told in their order, and a failure ends the season at its own seed.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread;

use super::cells::Cells;
use super::play::{self, Failure, Manner};
use super::script::{Profile, Script};

/// One seed of so many is played twice, and so is each that fails: both must be the same to the last
/// byte of trace and end state.
const REPEATED: u64 = 100;

/// Stack of a thread, in bytes: what the first thread of a process has.
const STACK: usize = 8 << 20;

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

/// What came of a seed.
#[derive(Debug)]
pub(super) struct Played {
    pub(super) seed: u64,
    /// Hash of trace and end state.
    pub(super) hash: String,
    /// What was reached, and how often.
    pub(super) counts: BTreeMap<&'static str, u64>,
    /// Which fault struck which endpoint.
    pub(super) cells: Cells,
    /// Whether it was played twice.
    pub(super) repeated: bool,
    /// What does not hold, if anything.
    pub(super) failure: Option<Failure>,
}

/// What came of many seeds.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// How many were played.
    pub(super) seeds: u64,
    /// How many of them twice.
    pub(super) repeated: u64,
    /// What was reached, and how often.
    pub(super) counts: BTreeMap<&'static str, u64>,
    /// Which fault struck which endpoint.
    pub(super) cells: Cells,
    /// Seeds of which something does not hold, in order.
    pub(super) failures: Vec<(u64, Failure)>,
    hasher: blake3::Hasher,
}

impl Tally {
    fn add(&mut self, played: Played) {
        self.seeds += 1;
        self.repeated += u64::from(played.repeated);
        for (what, times) in played.counts {
            *self.counts.entry(what).or_default() += times;
        }
        self.cells.add(played.cells);
        self.hasher.update(played.hash.as_bytes());
        if let Some(failure) = played.failure {
            self.failures.push((played.seed, failure));
        }
    }

    /// Hash of the traces and end states of all seeds, in their order.
    pub(super) fn digest(&self) -> String {
        self.hasher.finalize().to_hex()[..16].to_owned()
    }

    /// Seeds that failed, by property.
    pub(super) fn by_property(&self) -> BTreeMap<&'static str, Vec<u64>> {
        let mut out: BTreeMap<&'static str, Vec<u64>> = BTreeMap::new();
        for (seed, failure) in &self.failures {
            out.entry(failure.property).or_default().push(*seed);
        }
        out
    }
}

/// How a seed is played. Most end with few quiet cycles, some with many.
pub(super) fn manner(seed: u64, canary: bool) -> Manner {
    Manner {
        told: false,
        canary,
        mutant: None,
        cells: false,
        cycles: if seed.is_multiple_of(16) { 50 } else { 3 },
    }
}

fn play(seed: u64, season: &Season) -> Played {
    let script = Script::new(seed, season.profile);
    let manner = Manner {
        cells: season.cells,
        ..manner(seed, season.canary)
    };
    let run = play::run(&script, manner);
    let mut failure = run.failure;
    let repeated = seed.is_multiple_of(REPEATED) || failure.is_some();
    if repeated && play::run(&script, manner).hash != run.hash {
        let before = failure.map_or_else(String::new, |failure| {
            format!("; first {}: {}", failure.property, failure.message)
        });
        let message = format!("the same seed went differently{before}");
        failure = Some(Failure::new("P10", message));
    }
    Played {
        seed,
        hash: run.hash,
        counts: run.counts,
        cells: run.cells,
        repeated,
        failure,
    }
}

/// Plays a season; says each failure as it comes, in the order of the seeds.
pub(super) fn play_all(season: &Season, told: &mut dyn FnMut(u64, &Failure)) -> Tally {
    let mut tally = Tally::default();
    let next = AtomicU64::new(season.seeds.start);
    let over = AtomicBool::new(false);
    let work = |done: mpsc::SyncSender<Played>| {
        while !over.load(Ordering::Relaxed) {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= season.seeds.end {
                break;
            }
            if done.send(play(seed, season)).is_err() {
                break;
            }
        }
    };
    thread::scope(|scope| {
        let jobs = season.jobs.max(1);
        let (done, played) = mpsc::sync_channel(jobs * 4);
        let mut started = 0;
        for _ in 0..jobs {
            let done = done.clone();
            let work = &work;
            let thread = thread::Builder::new().stack_size(STACK);
            // Those that there are play all of it.
            started += usize::from(thread.spawn_scoped(scope, move || work(done)).is_ok());
        }
        drop(done);
        if started == 0 {
            let failure = Failure::new("harness", "no thread can be started");
            tally.failures.push((season.seeds.start, failure));
        }
        let mut expected = season.seeds.start;
        let mut early = BTreeMap::new();
        for one in played {
            early.insert(one.seed, one);
            while let Some(one) = early.remove(&expected) {
                expected += 1;
                if let Some(failure) = &one.failure {
                    told(one.seed, failure);
                }
                tally.add(one);
                if !tally.failures.is_empty() && !season.keep_going {
                    // Later seeds may have been played already: nobody hears of them.
                    over.store(true, Ordering::Relaxed);
                    return;
                }
            }
        }
    });
    tally
}
