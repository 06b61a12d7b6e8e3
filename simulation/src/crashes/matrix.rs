//! The matrix: every kind of operation dies at every step of its life.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use notion_sync_testkit::simulation::{Failure, Stream};

use super::kind::Kind;
use super::play::{Played, play};
use super::step::Step;
use super::watch::{Life, Nth, Target};
use super::worlds::{SCENES, Scene};
use crate::scenario::lock;

/// Most requests of one operation after which the process dies, each in a run of its own.
const PARTS: u32 = 8;
/// Most moments that may lie between two deaths at random.
const BETWEEN: u64 = 40;

/// What came of a cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// There is no such moment, and why. None was seen either.
    Never(&'static str),
    /// Everything held in so many runs.
    Held(usize),
    /// Something does not hold, or the moment was not reached.
    Failed(Failure),
}

/// A cell.
#[derive(Debug, Clone)]
pub(crate) struct Cell {
    /// Its row.
    pub(crate) kind: Kind,
    /// Its column.
    pub(crate) step: Step,
    /// What came of it.
    pub(crate) outcome: Outcome,
    /// The world that it was played in.
    pub(crate) scene: Option<&'static str>,
}

/// A world as it goes when nothing dies.
#[derive(Debug)]
pub(crate) struct Recorded {
    pub(crate) scene: &'static Scene,
    pub(crate) played: Played,
}

/// A run of a world.
#[derive(Debug, Clone)]
struct Job {
    cell: usize,
    recorded: usize,
    targets: Vec<Target>,
}

/// Plays every world once.
pub(crate) fn record(jobs: usize) -> Vec<Recorded> {
    static ALL: [Scene; 8] = SCENES;
    let played = in_threads(jobs, &ALL.iter().collect::<Vec<_>>(), |scene| {
        play(scene, &[], false)
    });
    let scenes = ALL.iter();
    scenes
        .zip(played)
        .map(|(scene, played)| Recorded { scene, played })
        .collect()
}

/// Does work in threads; the answers are in the order of the work.
fn in_threads<W: Sync, T: Send>(jobs: usize, work: &[W], run: impl Fn(&W) -> T + Sync) -> Vec<T> {
    let next = AtomicUsize::new(0);
    let done: Mutex<BTreeMap<usize, T>> = Mutex::default();
    std::thread::scope(|scope| {
        for _ in 0..jobs.max(1) {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(item) = work.get(at) else { return };
                    let answer = run(item);
                    lock(&done).insert(at, answer);
                }
            });
        }
    });
    let done = done.into_inner();
    done.unwrap_or_else(std::sync::PoisonError::into_inner)
        .into_values()
        .collect()
}

/// What a world says of how often workflows were started, and what it tells of that on a page.
fn tells_of_starts(line: &str) -> bool {
    line.ends_with("workflows started") || line.starts_with("  GitHub Sync ")
}

/// The first thing that two worlds say differently. Where nobody can tell what became of a start, one
/// that did not happen is as good as one that did; two are not.
fn differs(expected: &str, found: &str, blind: bool) -> Option<String> {
    let twice = found
        .lines()
        .find_map(|line| line.strip_suffix(" workflows started"))
        .filter(|count| !matches!(*count, "0" | "1"));
    if let Some(count) = twice {
        return Some(format!("one workflow was to be started, {count} were"));
    }
    let said = |end: &str| -> Vec<String> {
        let lines = end.lines().filter(|line| !blind || !tells_of_starts(line));
        lines.map(str::to_owned).collect()
    };
    let (expected, found) = (said(expected), said(found));
    if expected == found {
        return None;
    }
    let line = expected
        .iter()
        .zip(&found)
        .find(|(one, other)| one != other);
    Some(match line {
        Some((one, other)) => format!("without a death {one:?}, with it {other:?}"),
        None => "one world says more than the other".to_owned(),
    })
}

/// Plays a world with deaths, and compares its end with that of the world without them.
pub(crate) fn judge(
    recorded: &Recorded,
    targets: &[Target],
    told: bool,
) -> (Played, Option<Failure>) {
    let played = play(recorded.scene, targets, told);
    let failure = played.failure.clone().or_else(|| {
        let blind = recorded.played.lives.keys().any(|op| op.kind.is_blind());
        let differs = differs(&recorded.played.end, &played.end, blind)?;
        Some(Failure::new("P13", differs))
    });
    (played, failure)
}

/// The runs of a cell in one world: which operation dies where.
fn targets(op: Nth, life: &Life, step: Step) -> Vec<Vec<Target>> {
    let at = |step, request| Target::At { op, step, request };
    let last = life.requests.checked_sub(1);
    if let Some(first) = step.after() {
        let request = match first {
            Step::Applied => last,
            _ => last.map(|_| 0),
        };
        let first = request.map(|request| vec![at(first, request), at(step, 0)]);
        return first.into_iter().collect();
    }
    match step {
        Step::Sent => last.map(|_| vec![at(step, 0)]).into_iter().collect(),
        Step::Applied => last.map(|last| vec![at(step, last)]).into_iter().collect(),
        Step::Part => {
            let last = last.unwrap_or_default();
            let every = last.div_ceil(PARTS).max(1);
            let requests = (0..last).filter(|request| request % every == 0);
            requests.map(|request| vec![at(step, request)]).collect()
        }
        _ if life.steps.contains(&step) => vec![vec![at(step, 0)]],
        _ => Vec::new(),
    }
}

/// Every cell that is wanted, with its runs. Cells without a run are judged at once.
fn cells(recorded: &[Recorded], wanted: &dyn Fn(Kind, Step) -> bool) -> (Vec<Cell>, Vec<Job>) {
    let (mut cells, mut jobs) = (Vec::new(), Vec::new());
    for kind in Kind::all() {
        let of_kind: Vec<(usize, Nth, &Life)> = (recorded.iter().enumerate())
            .flat_map(|(number, one)| {
                let lives = one.played.lives.iter();
                lives
                    .filter(|(op, _)| op.kind == kind)
                    .map(move |(op, life)| (number, *op, life))
            })
            .collect();
        for step in Step::ALL {
            if !wanted(kind, step) {
                continue;
            }
            // The operation with the most runs: for parts the one with the most requests.
            let mut best: Option<(usize, Vec<Vec<Target>>)> = None;
            for (number, op, life) in &of_kind {
                let runs = targets(*op, life, step);
                if runs.len() > best.as_ref().map_or(0, |(_, best)| best.len()) {
                    best = Some((*number, runs));
                }
            }
            let never = kind.never().or_else(|| {
                (step == Step::Part && kind.is_single()).then_some("one request does it all")
            });
            let outcome = match (never, &best) {
                (Some(reason), None) => Outcome::Never(reason),
                (Some(reason), Some(_)) => Outcome::Failed(Failure::new(
                    "cells",
                    format!("declared impossible ({reason}), and seen"),
                )),
                (None, None) => Outcome::Failed(Failure::new("cells", "no world reaches it")),
                (None, Some((number, runs))) => {
                    jobs.extend(runs.iter().map(|targets| Job {
                        cell: cells.len(),
                        recorded: *number,
                        targets: targets.clone(),
                    }));
                    Outcome::Held(runs.len())
                }
            };
            cells.push(Cell {
                kind,
                step,
                outcome,
                scene: best.map(|(number, _)| recorded[number].scene.name),
            });
        }
    }
    (cells, jobs)
}

/// Plays the cells that are wanted. With one alone everything that happens is told where it fails.
pub(crate) fn run(
    recorded: &[Recorded],
    jobs: usize,
    wanted: &dyn Fn(Kind, Step) -> bool,
    told: bool,
) -> (Vec<Cell>, Vec<String>) {
    let (mut cells, work) = cells(recorded, wanted);
    let judged = in_threads(jobs, &work, |job| {
        let (played, failure) = judge(&recorded[job.recorded], &job.targets, told);
        let failure = failure.or_else(|| {
            (played.left > 0).then(|| Failure::new("cells", "the moment was not reached"))
        });
        (failure, played.lines)
    });
    let mut lines = Vec::new();
    for (job, (failure, told)) in work.iter().zip(judged) {
        let cell = &mut cells[job.cell];
        if let (Some(mut failure), Outcome::Held(_)) = (failure, &cell.outcome) {
            failure.message = format!("{} ({:?})", failure.message, job.targets);
            cell.outcome = Outcome::Failed(failure);
            lines.extend(told);
        }
    }
    (cells, lines)
}

/// A run in which the process dies twice, at random.
#[derive(Debug)]
pub(crate) struct Double {
    /// The number of the run.
    pub(crate) number: u64,
    /// The world.
    pub(crate) scene: &'static str,
    /// Where it dies.
    pub(crate) targets: Vec<Target>,
    /// Whether it died twice: the second death may lie behind the end.
    pub(crate) twice: bool,
    /// What does not hold, if anything.
    pub(crate) failure: Option<Failure>,
    /// Everything that happened, where it was asked for.
    pub(crate) lines: Vec<String>,
}

/// Plays runs in which the process dies twice.
pub(crate) fn doubles(
    recorded: &[Recorded],
    jobs: usize,
    numbers: std::ops::Range<u64>,
    told: bool,
) -> Vec<Double> {
    let numbers: Vec<u64> = numbers.collect();
    in_threads(jobs, &numbers, |number| {
        let mut random = Stream::new(*number, "double");
        let recorded = random.of(recorded);
        let lives: Vec<_> = recorded.played.lives.iter().collect();
        let (op, life) = random.of(&lives);
        let mut moments = Vec::new();
        for step in Step::ALL {
            if step.after().is_none() {
                moments.extend(targets(**op, life, step));
            }
        }
        let mut targets = random.of(&moments).clone();
        let later = u32::try_from(random.below(BETWEEN)).unwrap_or(0);
        targets.push(Target::Later(later));
        let (played, failure) = judge(recorded, &targets, told);
        Double {
            number: *number,
            scene: recorded.scene.name,
            targets,
            twice: played.left == 0,
            failure,
            lines: played.lines,
        }
    })
}
