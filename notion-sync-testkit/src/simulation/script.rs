//! What happens in a seed of any world: written down before anything runs, so that a failing seed can be
//! made smaller by leaving things out.

use notion_sync_core::id::Side;

use super::random::Stream;
use super::weather::{Crash, Harm, Strike};
use super::words::word;

/// Something that a person does. A [`World`](super::World) decides what, and to what, by the numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Act {
    /// On which side.
    pub side: Side,
    /// What, and to what: any number.
    pub pick: u64,
    /// The number of the unique word that it writes.
    pub token: u32,
}

impl Act {
    /// Numbers to decide by, which depend on nothing else.
    #[must_use]
    pub fn random(&self) -> Stream {
        Stream::new(self.pick, "act")
    }

    /// The unique word that it writes.
    #[must_use]
    pub fn word(&self) -> String {
        word(self.token)
    }
}

/// A person who acts while the engine works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hook {
    /// Before which call of a tick, or which write, from 0.
    pub at: u32,
    /// Whether only writes are counted.
    pub writes: bool,
    /// What is done.
    pub act: Act,
}

/// A stretch of time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Step {
    /// Seconds that pass first.
    pub wait: u32,
    /// What people do then.
    pub acts: Vec<Act>,
    /// How many ticks follow.
    pub ticks: u32,
    /// Whether the first of them lists everything.
    pub full: bool,
    /// Harmed calls of the first tick.
    pub strikes: Vec<Strike>,
    /// People who act during the first tick.
    pub hooks: Vec<Hook>,
    /// The commit of the first tick that fails, and whether it is stored nevertheless.
    pub broken_commit: Option<(u32, bool)>,
    /// Whether and where the process dies in the first tick.
    pub crash: Option<Crash>,
}

/// Everything that happens in a seed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    /// The seed.
    pub seed: u64,
    /// How long a call takes, in milliseconds.
    pub latency: u32,
    /// Steps.
    pub steps: Vec<Step>,
}

/// Writes down what people do, every time with another word.
struct Writer {
    workload: Stream,
    next: u32,
}

impl Writer {
    fn act(&mut self) -> Act {
        self.next += 1;
        Act {
            side: *self.workload.of(&[Side::Notion, Side::Github]),
            pick: self.workload.number(),
            token: self.next,
        }
    }
}

fn small(random: &mut Stream, limit: u64) -> u32 {
    u32::try_from(random.mostly_small(limit)).unwrap_or(0)
}

impl Script {
    /// The script of a seed: three to ten steps, with up to three faults in each but the last ones.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let mut schedule = Stream::new(seed, "schedule");
        let mut faults = Stream::new(seed, "faults");
        let mut writer = Writer {
            workload: Stream::new(seed, "workload"),
            next: 0,
        };
        let latency = *Stream::new(seed, "latency").of(&[1, 30, 150, 700]);
        let count = 3 + schedule.below(8);
        let steps = (0..count).map(|number| {
            let mut step = step(&mut writer, &mut schedule, &mut faults);
            // Faults wind down before the end.
            if number * 4 >= count * 3 {
                step.strikes.clear();
                step.hooks.clear();
                (step.crash, step.broken_commit) = (None, None);
            }
            step
        });
        Self {
            seed,
            latency,
            steps: steps.collect(),
        }
    }

    /// Smaller scripts, the smallest first: each leaves something out.
    #[must_use]
    pub fn smaller(&self) -> Vec<Self> {
        let mut out = Vec::new();
        let mut without = |change: &dyn Fn(&mut Vec<Step>)| {
            let mut next = self.clone();
            change(&mut next.steps);
            if next != *self {
                out.push(next);
            }
        };
        for fewer in shorter(&self.steps) {
            without(&|steps| steps.clone_from(&fewer));
        }
        for (at, step) in self.steps.iter().enumerate() {
            without(&|steps| steps[at].crash = None);
            without(&|steps| steps[at].broken_commit = None);
            without(&|steps| steps[at].full = false);
            without(&|steps| steps[at].ticks = steps[at].ticks.min(1));
            for act in 0..step.acts.len() {
                without(&|steps| {
                    steps[at].acts.remove(act);
                });
            }
            for strike in 0..step.strikes.len() {
                without(&|steps| {
                    steps[at].strikes.remove(strike);
                });
            }
            for hook in 0..step.hooks.len() {
                without(&|steps| {
                    steps[at].hooks.remove(hook);
                });
            }
        }
        out
    }
}

/// What is left of a list without its second half, without its first, and without each item alone: what
/// a failure is tried with to make it smaller.
#[must_use]
pub fn shorter<T: Clone>(list: &[T]) -> Vec<Vec<T>> {
    let (first, second) = list.split_at(list.len() / 2);
    let mut out = vec![first.to_vec(), second.to_vec()];
    out.extend((0..list.len()).map(|at| {
        let mut fewer = list.to_vec();
        fewer.remove(at);
        fewer
    }));
    out
}

fn step(writer: &mut Writer, schedule: &mut Stream, faults: &mut Stream) -> Step {
    let most = *schedule.of(&[20, 120, 600, 3_600]);
    let mut step = Step {
        wait: u32::try_from(schedule.below(most)).unwrap_or(0),
        ticks: u32::try_from(1 + schedule.below(3)).unwrap_or(1),
        full: schedule.chance(15),
        ..Step::default()
    };
    for _ in 0..writer.workload.below(4) {
        step.acts.push(writer.act());
    }
    for _ in 0..writer.workload.below(3) {
        let writes = schedule.chance(60);
        step.hooks.push(Hook {
            at: small(schedule, if writes { 4 } else { 20 }),
            writes,
            act: writer.act(),
        });
    }
    for _ in 0..faults.below(4) {
        let seconds = |faults: &mut Stream, most| small(faults, most) + 1;
        let harm = match faults.below(7) {
            0 => Harm::DropBefore,
            1 => Harm::DropAfter,
            2 => Harm::Refuse,
            3 => Harm::FailAfter,
            4 => Harm::Limit(seconds(faults, 120)),
            5 => Harm::LimitUnsaid,
            _ => Harm::Delay(seconds(faults, 25)),
        };
        let writes = faults.chance(60);
        let at = small(faults, if writes { 4 } else { 20 });
        step.strikes.push(Strike { at, writes, harm });
    }
    if faults.chance(25) {
        // Most calls are reads of the store: half of the deaths look for a write.
        let writes = faults.chance(50);
        step.crash = Some(Crash {
            at: small(faults, if writes { 4 } else { 120 }),
            writes,
            after: faults.chance(60),
        });
    }
    if faults.chance(12) {
        step.broken_commit = Some((small(faults, 12), faults.chance(50)));
    }
    step
}
