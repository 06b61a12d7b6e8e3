//! Two processes on one store. Whose turn it is comes from the seed, at every moment at which one of
//! them waits for a service or for the store; either may sleep beyond its lease, and either may die.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;

use chrono::{DateTime, Duration, Utc};
use notion_sync_core::engine::Tick;
use notion_sync_examples::demo::Stage;
use notion_sync_testkit::simulation::{Failure, Stop, Stream};

use super::play::Theatre;
use super::script::Step;

/// Processes that work at the same time.
const PROCESSES: usize = 2;
/// The process that works alone in the end.
pub(super) const LAST: usize = PROCESSES;
/// How often a process ticks at most while the other has not ended its tick.
const AGAIN: u32 = 5;
/// Seconds for which a process may pause between the check of its lease and the socket: half of G.
const PAUSE: u64 = 15;

/// When a process falls asleep within a tick.
#[derive(Debug, Clone, Copy)]
struct Nap {
    /// At which commit, or at which stop of any kind, from 0.
    at: u64,
    commits: bool,
    seconds: u64,
}

type Work = Pin<Box<dyn Future<Output = (Stage, notion_sync_core::Result<Option<Tick>>)>>>;

/// What became of a process in its turn.
enum Turn {
    /// It stopped for a moment.
    GoesOn,
    /// Its tick has ended.
    Ended(notion_sync_core::Result<Option<Tick>>),
    /// It died.
    Died,
}

/// A process.
#[derive(Default)]
struct Process {
    /// Between its ticks.
    idle: Option<Stage>,
    /// In a tick.
    work: Option<Work>,
    ticks: u32,
    stops: u64,
    commits: u64,
    stop: Option<Stop>,
    nap: Option<Nap>,
    asleep: Option<DateTime<Utc>>,
}

/// The processes.
pub(crate) struct Company {
    turns: Stream,
    processes: [Process; PROCESSES],
}

impl fmt::Debug for Company {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Company").finish_non_exhaustive()
    }
}

impl Company {
    /// Processes that did nothing yet.
    pub(super) fn new(seed: u64) -> Self {
        Self {
            turns: Stream::new(seed, "turns"),
            processes: Default::default(),
        }
    }

    fn nap(&mut self) -> Option<Nap> {
        let kind = self.turns.below(4);
        let (commits, most) = match kind {
            0 | 1 => (true, 12),
            2 => (false, 200),
            _ => return None,
        };
        Some(Nap {
            at: self.turns.mostly_small(most),
            commits,
            seconds: 20 + self.turns.below(160),
        })
    }
}

impl Process {
    /// Whether it falls asleep where it just stopped, and for how many seconds.
    fn naps(&mut self, stop: Stop) -> Option<u64> {
        let number = if stop == Stop::Commit {
            self.commits += 1;
            self.commits - 1
        } else {
            0
        };
        self.stops += 1;
        let nap = self.nap?;
        let here = if nap.commits {
            stop == Stop::Commit && number == nap.at
        } else {
            self.stops == nap.at + 1
        };
        if !here {
            return None;
        }
        self.nap = None;
        Some(match stop {
            Stop::Send => nap.seconds.min(PAUSE),
            _ => nap.seconds,
        })
    }
}

impl Theatre {
    /// Both processes tick, each at least once.
    pub(super) async fn tick_together(
        &mut self,
        company: &mut Company,
        step: Option<&Step>,
        full: bool,
    ) -> Result<Option<Tick>, Failure> {
        self.seam.begin(step);
        let mut last = None;
        for number in 0..PROCESSES {
            let nap = company.nap();
            let process = &mut company.processes[number];
            (process.ticks, process.stops, process.commits) = (0, 0, 0);
            process.nap = nap;
            self.start(company, number, full);
        }
        loop {
            let now = self.stage.now();
            let awake: Vec<usize> = (0..PROCESSES)
                .filter(|number| {
                    let process = &company.processes[*number];
                    process.work.is_some() && process.asleep.is_none_or(|until| until <= now)
                })
                .collect();
            if awake.is_empty() {
                let next = company.processes.iter().filter_map(|process| {
                    process.work.is_some().then_some(process.asleep).flatten()
                });
                match next.min() {
                    Some(until) => {
                        self.stage.clock.advance_to(until);
                        continue;
                    }
                    None => return Ok(last),
                }
            }
            let number = *company.turns.of(&awake);
            match self.turn(company, number).await {
                Turn::GoesOn => continue,
                Turn::Ended(tick) => last = self.heard(step, tick)?.or(last),
                Turn::Died => {}
            }
            self.again(company, number, full);
        }
    }

    /// A process begins a tick.
    fn start(&mut self, company: &mut Company, number: usize, full: bool) {
        let process = &mut company.processes[number];
        let mut stage = process.idle.take().unwrap_or_else(|| self.stage.beside());
        process.ticks += 1;
        process.asleep = None;
        self.seam.turn(number);
        self.seam.note(&format!("process {number} ticks"));
        process.work = Some(Box::pin(async move {
            let tick = stage.tick(full).await;
            (stage, tick)
        }));
    }

    /// It is the turn of a process.
    async fn turn(&mut self, company: &mut Company, number: usize) -> Turn {
        let seam = self.seam.clone();
        let process = &mut company.processes[number];
        let Some(work) = process.work.as_mut() else {
            return Turn::Died;
        };
        process.asleep = None;
        seam.turn(number);
        // A process is named by the moment at which it began: no two begin in the same.
        self.stage.clock.advance(Duration::microseconds(10));
        let polled = poll_fn(|context| Poll::Ready(work.as_mut().poll(context))).await;
        if seam.crashed() {
            process.work = None;
            seam.buried(number);
            return Turn::Died;
        }
        match polled {
            Poll::Ready((stage, tick)) => {
                process.work = None;
                process.idle = Some(stage);
                seam.rests(number);
                Turn::Ended(tick)
            }
            Poll::Pending => {
                let stop = seam.stopped();
                process.stop = stop;
                if let Some(seconds) = stop.and_then(|stop| process.naps(stop)) {
                    let seconds = i64::try_from(seconds).unwrap_or_default();
                    process.asleep = Some(self.stage.now() + Duration::seconds(seconds));
                    seam.note(&format!("process {number} sleeps for {seconds} s"));
                    seam.count("a process slept");
                }
                Turn::GoesOn
            }
        }
    }

    /// A tick has ended: the same process may tick again while the other is still at it.
    fn again(&mut self, company: &mut Company, number: usize, full: bool) {
        let other = &company.processes[1 - number];
        if other.work.is_none() {
            return;
        }
        let (sends, sleeps) = (other.stop == Some(Stop::Send), other.asleep.is_some());
        if company.processes[number].ticks >= AGAIN
            || !company.turns.chance(if sleeps { 90 } else { 40 })
        {
            return;
        }
        // A request that is about to leave is not held up for longer than a process may pause.
        if !sends {
            let seconds = i64::try_from(1 + company.turns.below(40)).unwrap_or(1);
            self.stage.clock.advance(Duration::seconds(seconds));
        }
        self.start(company, number, full);
    }
}
