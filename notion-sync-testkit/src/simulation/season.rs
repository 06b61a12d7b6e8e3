//! Many seeds on several threads. What comes of them does not depend on how many threads there are:
//! seeds are told in their order, and a failure ends the season at its own seed.

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread;

use super::seam::Seam;

/// One seed of so many is played twice, and so is each that fails: both must be the same to the last
/// byte of trace and end state.
const REPEATED: u64 = 100;

/// Stack of a thread, in bytes: what the first thread of a process has.
const STACK: usize = 8 << 20;

/// What does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The property, for example `P02`.
    pub property: &'static str,
    /// How it shows.
    pub message: String,
}

impl Failure {
    /// A property that does not hold.
    pub fn new(property: &'static str, message: impl Into<String>) -> Self {
        Self {
            property,
            message: message.into(),
        }
    }

    /// The world itself cannot be looked at.
    #[must_use]
    pub fn harness(error: &notion_sync_core::Error) -> Self {
        Self::new("harness", error.to_string())
    }
}

/// What else a run counts, added up over seeds.
pub trait More: Default + Send {
    /// That of another seed too.
    fn add(&mut self, other: Self);
}

impl More for () {
    fn add(&mut self, (): Self) {}
}

/// What came of a script.
#[derive(Debug)]
pub struct Run<M = ()> {
    /// Hash of everything that happened, and of what both sides and the store hold in the end.
    pub hash: String,
    /// Everything that happened, where it was asked for.
    pub lines: Vec<String>,
    /// What was reached, and how often.
    pub counts: BTreeMap<&'static str, u64>,
    /// What else was counted.
    pub more: M,
    /// What does not hold, if anything.
    pub failure: Option<Failure>,
}

/// How a script is played.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct How {
    /// Everything that happens is kept as lines.
    pub told: bool,
    /// It fails at its end, whatever happened: a check of the checks.
    pub canary: bool,
}

/// The property of a script that fails at its end because it was asked to.
pub(super) const CANARY: &str = "canary";

/// Something that makes a script of a seed, and plays it.
pub trait Play: Sync {
    /// What happens in a seed, written down before anything runs.
    type Script: Clone + fmt::Debug;
    /// What is counted beside markers.
    type More: More;

    /// The script of a seed: the same each time.
    fn script(&self, seed: u64) -> Self::Script;

    /// Smaller scripts, the smallest first: each leaves something out.
    fn smaller(&self, script: &Self::Script) -> Vec<Self::Script>;

    /// Plays a script from beginning to end: in the same way each time.
    fn play(&self, script: &Self::Script, how: How) -> Run<Self::More>;
}

/// Plays on a seam, and answers with what it noted. A panic is a failure of its seed like any other: it
/// must not hide which one it was.
pub fn play_on(seam: &Seam, play: impl Future<Output = Result<(), Failure>>) -> Run {
    let played = catch_unwind(AssertUnwindSafe(|| futures::executor::block_on(play)))
        .unwrap_or_else(|panic| Err(Failure::new("panic", said_in(&*panic))));
    if let Err(failure) = &played {
        seam.note(&format!("{}: {}", failure.property, failure.message));
    }
    Run {
        hash: seam.hash(),
        lines: seam.lines(),
        counts: seam.counts(),
        more: (),
        failure: played.err(),
    }
}

/// What a panic says.
fn said_in(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "it says nothing".to_owned())
}

/// What is played.
#[derive(Debug, Clone)]
pub struct Season {
    /// Which seeds.
    pub seeds: Range<u64>,
    /// Whether each seed fails at its end, whatever happened.
    pub canary: bool,
    /// Whether the seeds after one that fails are played too.
    pub keep_going: bool,
    /// On how many threads.
    pub jobs: usize,
}

impl Season {
    /// Seeds up to the first that fails, on one thread.
    #[must_use]
    pub fn of(seeds: Range<u64>) -> Self {
        Self {
            seeds,
            canary: false,
            keep_going: false,
            jobs: 1,
        }
    }
}

/// What came of a seed.
#[derive(Debug)]
struct Played<M> {
    seed: u64,
    run: Run<M>,
    /// Whether it was played twice.
    repeated: bool,
}

/// What came of many seeds.
#[derive(Debug, Default)]
pub struct Tally<M = ()> {
    /// How many were played.
    pub seeds: u64,
    /// How many of them twice.
    pub repeated: u64,
    /// What was reached, and how often.
    pub counts: BTreeMap<&'static str, u64>,
    /// What else was counted.
    pub more: M,
    /// Seeds of which something does not hold, in order.
    pub failures: Vec<(u64, Failure)>,
    hasher: blake3::Hasher,
}

impl<M: More> Tally<M> {
    fn add(&mut self, played: Played<M>) {
        self.seeds += 1;
        self.repeated += u64::from(played.repeated);
        for (what, times) in played.run.counts {
            *self.counts.entry(what).or_default() += times;
        }
        self.more.add(played.run.more);
        self.hasher.update(played.run.hash.as_bytes());
        if let Some(failure) = played.run.failure {
            self.failures.push((played.seed, failure));
        }
    }

    /// Hash of the traces and end states of all seeds, in their order.
    #[must_use]
    pub fn digest(&self) -> String {
        self.hasher.finalize().to_hex()[..16].to_owned()
    }

    /// Seeds that failed, by property.
    #[must_use]
    pub fn by_property(&self) -> BTreeMap<&'static str, Vec<u64>> {
        let mut out: BTreeMap<&'static str, Vec<u64>> = BTreeMap::new();
        for (seed, failure) in &self.failures {
            out.entry(failure.property).or_default().push(*seed);
        }
        out
    }

    /// Those of these markers that were never reached: a season in which one of them never came about
    /// shows less than it seems to, however many seeds it has.
    #[must_use]
    pub fn missing(&self, must: &[&'static str]) -> Vec<&'static str> {
        missing(must, &self.counts)
    }
}

/// Those of these markers that were never counted, in their order.
#[must_use]
pub fn missing(must: &[&'static str], counts: &BTreeMap<&'static str, u64>) -> Vec<&'static str> {
    let mut out = must.to_vec();
    out.retain(|what| counts.get(what).is_none_or(|times| *times == 0));
    out
}

fn play_seed<P: Play>(seed: u64, play: &P, season: &Season) -> Played<P::More> {
    let script = play.script(seed);
    let how = How {
        told: false,
        canary: season.canary,
    };
    let mut run = play.play(&script, how);
    let repeated = seed.is_multiple_of(REPEATED) || run.failure.is_some();
    if repeated && play.play(&script, how).hash != run.hash {
        let before = run.failure.map_or_else(String::new, |failure| {
            format!("; first {}: {}", failure.property, failure.message)
        });
        let message = format!("the same seed went differently{before}");
        run.failure = Some(Failure::new("P10", message));
    }
    Played {
        seed,
        run,
        repeated,
    }
}

/// Plays a season; says each failure as it comes, in the order of the seeds.
pub fn play_all<P: Play>(
    play: &P,
    season: &Season,
    told: &mut dyn FnMut(u64, &Failure),
) -> Tally<P::More> {
    let mut tally = Tally::default();
    let next = AtomicU64::new(season.seeds.start);
    let over = AtomicBool::new(false);
    let work = |done: mpsc::SyncSender<Played<P::More>>| {
        while !over.load(Ordering::Relaxed) {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= season.seeds.end {
                break;
            }
            if done.send(play_seed(seed, play, season)).is_err() {
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
                if let Some(failure) = &one.run.failure {
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

/// Most smaller scripts that are tried for one that fails.
const TRIES: u32 = 600;

/// Leaves out of a failing script whatever can be left out while it fails in the same way. Answers with
/// what is left, and with everything that happens in it.
pub fn shrink<P: Play>(
    play: &P,
    script: P::Script,
    how: How,
    property: &str,
) -> (P::Script, Run<P::More>) {
    let mut best = script;
    let mut tries = 0;
    'again: loop {
        for next in play.smaller(&best) {
            tries += 1;
            if tries > TRIES {
                break 'again;
            }
            let failure = play.play(&next, how).failure;
            if failure.is_some_and(|failure| failure.property == property) {
                best = next;
                continue 'again;
            }
        }
        break;
    }
    let run = play.play(&best, How { told: true, ..how });
    (best, run)
}

/// What a person needs to understand a seed that failed: the property, the smallest script that fails so,
/// and everything that happens in it.
pub fn tell<P: Play>(play: &P, seed: u64, failure: &Failure) -> String {
    let how = How {
        told: false,
        canary: failure.property == CANARY,
    };
    let (script, run) = shrink(play, play.script(seed), how, failure.property);
    let mut out = format!("SEED={seed}\n{}: {}\n", failure.property, failure.message);
    out.push_str(&format!(
        "the smallest script that fails so:\n{script:#?}\n"
    ));
    out.push_str("what happens:\n");
    for line in &run.lines {
        out.push_str(&format!("  {line}\n"));
    }
    out
}
