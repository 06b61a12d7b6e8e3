//! What happens in a seed: written down before anything runs, so that a failing seed can be made
//! smaller by leaving things out.

use std::collections::BTreeSet;

use notion_sync_core::mapping::Policy;
use notion_sync_testkit::simulation::{Crash, Harm, Stream, Strike, shorter};
use notion_sync_testkit::webhook::Trouble;

use super::crowd;
use super::deed::{Act, Writer};
use super::upset::{self, Upset};
use super::vignette;

/// About as many endpoints are asked in one world.
const ENDPOINTS: u32 = 60;

/// What is mapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Profile {
    /// Files.
    Documents,
    /// Issues.
    Tasks,
    /// Both.
    Both,
    /// What is mapped differs from seed to seed, and faults are aimed at each endpoint.
    Faults,
    /// What is mapped differs from seed to seed, and two processes work on one store.
    Workers,
    /// What is mapped differs from seed to seed, and more than the services fails: webhooks, the clock of
    /// the process, its disk, schemas, backups.
    Surroundings,
    /// What is mapped differs from seed to seed, and the services show what the sync makes later than it waits.
    Beyond,
    /// What is mapped differs from seed to seed, and little happens: most failures need no more.
    Brief,
    /// As in brief ones, and people make, move and remove blocks of all kinds.
    Blocks,
    /// What is mapped differs from seed to seed, and people on both sides work on the same page, while the engine
    /// reads it from a replica that is behind.
    Crowded,
}

impl Profile {
    /// Every kind of worlds.
    pub(crate) const ALL: [Self; 10] = [
        Self::Documents,
        Self::Tasks,
        Self::Both,
        Self::Faults,
        Self::Workers,
        Self::Surroundings,
        Self::Beyond,
        Self::Brief,
        Self::Blocks,
        Self::Crowded,
    ];

    /// The name on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Documents => "documents",
            Self::Tasks => "tasks",
            Self::Both => "both",
            Self::Faults => "faults",
            Self::Workers => "workers",
            Self::Surroundings => "surroundings",
            Self::Beyond => "beyond",
            Self::Brief => "brief",
            Self::Blocks => "blocks",
            Self::Crowded => "crowded",
        }
    }

    /// Whether little happens.
    pub(super) fn is_brief(self) -> bool {
        matches!(self, Self::Brief | Self::Blocks | Self::Crowded)
    }

    /// The one of this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|profile| profile.name() == name)
    }

    /// The names of all, for people.
    pub(crate) fn names() -> String {
        Self::ALL.map(Self::name).join("|")
    }

    /// What is mapped in a seed: documents, tasks or both.
    pub(crate) fn mapped(self, seed: u64) -> Self {
        match self {
            Self::Faults | Self::Workers | Self::Surroundings | Self::Beyond => {
                *Stream::new(seed, "mapped").of(&[Self::Documents, Self::Tasks, Self::Both])
            }
            // Two mappings take twice as long.
            Self::Brief | Self::Blocks | Self::Crowded => {
                let mut random = Stream::new(seed, "mapped");
                match random.chance(10) {
                    true => Self::Both,
                    false => *random.of(&[Self::Documents, Self::Tasks]),
                }
            }
            other => other,
        }
    }
}

/// A person who acts while the engine works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hook {
    /// Before which request of the tick, or which write, from 0.
    pub(crate) at: u32,
    /// Whether only writes are counted.
    pub(crate) writes: bool,
    /// Whether it happens to the very object of that request, where it can.
    pub(crate) aimed: bool,
    /// What is done.
    pub(crate) act: Act,
}

/// A stretch of time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step {
    /// Seconds that pass first.
    pub(crate) wait: u32,
    /// Whether the rest of that minute passes too.
    pub(crate) sharp: bool,
    /// What people do then.
    pub(crate) acts: Vec<Act>,
    /// How many ticks follow.
    pub(crate) ticks: u32,
    /// Seconds between them; `None` where they come when the engine wants to look again.
    pub(crate) pause: Option<u32>,
    /// Whether the first of them lists everything.
    pub(crate) full: bool,
    /// Harmed requests of the first tick.
    pub(crate) strikes: Vec<Strike>,
    /// People who act during the first tick.
    pub(crate) hooks: Vec<Hook>,
    /// The commit of the first tick that fails, and whether it is stored nevertheless.
    pub(crate) broken_commit: Option<(u32, bool)>,
    /// Whether and where the process dies in the first tick.
    pub(crate) crash: Option<Crash>,
    /// What somebody does to the object of the next removal that the engine begins.
    pub(crate) ambush: Option<Act>,
    /// Whether faults that are aimed at endpoints are about.
    pub(crate) squally: bool,
    /// What else than the services fails.
    pub(crate) upsets: Vec<Upset>,
    /// Whether each tick looks, whether or not it is time to.
    pub(crate) polls: bool,
}

impl Step {
    /// The commit of the first tick from which on the disk is full.
    pub(crate) fn full_disk(&self) -> Option<u32> {
        self.upsets.iter().find_map(|upset| match upset {
            Upset::FullDisk(at) => Some(*at),
            _ => None,
        })
    }
}

/// What differs from seed to seed but not in time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Knobs {
    /// Files.
    pub(crate) documents: Option<Policy>,
    /// Issues.
    pub(crate) tasks: Option<Policy>,
    /// Whether the tasks have rules.
    pub(crate) rules: bool,
    /// Whether these are tried once more at the end, which takes as long as the rest of a seed.
    pub(crate) trial: bool,
    /// Whether comments on tasks follow.
    pub(crate) comments: bool,
    /// Whether files carry marks.
    pub(crate) marks: bool,
    /// How late Notion commits what nobody waits for, in seconds.
    pub(crate) late: u32,
    /// How late Notion shows new pages in queries, in seconds.
    pub(crate) lag: u32,
    /// How long a request takes, in milliseconds.
    pub(crate) latency: u32,
    /// How many items the services put on a page of a list at most, where that is fewer than are
    /// asked for.
    pub(crate) page: Option<u32>,
    /// Whether two processes work on the store until everything comes to rest.
    pub(crate) company: bool,
    /// What webhooks suffer, where there are any.
    pub(crate) webhooks: Option<Trouble>,
    /// How late GitHub commits what nobody waits for, in seconds.
    pub(crate) github_late: u32,
    /// For how long, in seconds, both services hide what the sync makes, where that is longer than it waits.
    pub(crate) beyond: Option<u32>,
    /// How many removals a run may do that nobody approved, where it is not any number.
    pub(crate) guard: Option<usize>,
    /// Whether people make, move and remove blocks of all kinds.
    pub(crate) blocks: bool,
    /// Which page all people work on, where they work on one.
    pub(crate) near: Option<u64>,
    /// How far direct reads of pages may be behind, in seconds.
    pub(crate) behind: u32,
}

/// Everything that happens in a seed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Script {
    /// The seed.
    pub(crate) seed: u64,
    /// Knobs.
    pub(crate) knobs: Knobs,
    /// Steps.
    pub(crate) steps: Vec<Step>,
    /// Endpoints that no fault is aimed at, by the order of their first calls.
    pub(crate) spared: BTreeSet<u32>,
}

impl Script {
    /// The script of a seed.
    pub(crate) fn new(seed: u64, profile: Profile) -> Self {
        let squally = profile == Profile::Faults;
        let company = profile == Profile::Workers;
        let upset = profile == Profile::Surroundings;
        let beyond = profile == Profile::Beyond;
        let brief = profile.is_brief();
        let blocks = profile == Profile::Blocks;
        let crowded = profile == Profile::Crowded;
        let profile = profile.mapped(seed);
        let mut knob = Stream::new(seed, "knobs");
        let policies = [Policy::ManualReview, Policy::NotionWins, Policy::GithubWins];
        let documents = *knob.of(&policies);
        let tasks = *knob.of(&policies);
        let mut knobs = Knobs {
            documents: (profile != Profile::Tasks).then_some(documents),
            tasks: (profile != Profile::Documents).then_some(tasks),
            // A stream of its own: the rest of a seed does not depend on it.
            rules: profile != Profile::Documents && Stream::new(seed, "rules").chance(50),
            trial: Stream::new(seed, "trial").chance(if brief { 5 } else { 25 }),
            comments: false,
            marks: knob.chance(60),
            late: *knob.of(&[0, 0, 20, 60]),
            lag: *knob.of(&[0, 0, 10, 120]),
            latency: *knob.of(&[1, 30, 150, 700]),
            page: None,
            company,
            webhooks: None,
            github_late: 0,
            beyond: None,
            guard: None,
            blocks,
            near: None,
            behind: 0,
        };
        let mut writer = Writer::new(seed);
        let mut schedule = Stream::new(seed, "schedule");
        let mut faults = Stream::new(seed, "faults");
        // Each kind of fault is off in a third of the seeds.
        let mask: Vec<bool> = (0..9).map(|_| !faults.chance(33)).collect();
        // Blocks of one text are edited on both sides where more happens.
        let long = blocks && Stream::new(seed, "long").chance(20);
        let count = match brief && !long {
            true => 1 + schedule.below(3),
            false => 3 + schedule.below(8),
        };
        let mut steps: Vec<Step> = (0..count)
            .map(|number| {
                // Faults wind down before the end.
                let storm = number * 4 < count * 3;
                step(&mut writer, &mut schedule, &mut faults, &mask, storm)
            })
            .collect();
        // Streams of their own: nothing else depends on them.
        let mut briefly = Stream::new(seed, "brief");
        if brief {
            knobs.comments = knobs.tasks.is_some() && briefly.chance(30);
            knobs.github_late = *briefly.of(&[0, 0, 20, 60]);
        }
        if !brief || briefly.chance(25) {
            vignette::add(seed, &mut knobs, &mut writer, &mut steps);
        }
        if crowded {
            crowd::add(seed, &mut knobs, &mut writer, &mut steps);
        }
        if squally {
            let calm = steps.len() / 4;
            let stormy = steps.len() - calm;

            // What aims at endpoints has streams of its own: nothing else depends on it.
            let mut random = Stream::new(seed, "squalls");
            knobs.page = *random.of(&[None, Some(2), Some(5)]);
            knobs.comments |= knobs.tasks.is_some() && random.chance(50);
            for step in &mut steps[..stormy] {
                step.squally = true;
            }
            // Most calls are reads of the store: half of the deaths look for a write.
            for crash in steps.iter_mut().filter_map(|step| step.crash.as_mut()) {
                if random.chance(50) {
                    crash.writes = true;
                    crash.at = u32::try_from(random.mostly_small(6)).unwrap_or(0);
                }
            }
            vignette::add_minute(seed, &knobs, &mut writer, &mut steps);
        }
        if upset {
            upset::add(seed, &mut knobs, &mut steps);
        }
        if beyond {
            // A stream of its own: nothing else depends on it.
            let mut random = Stream::new(seed, "beyond");
            knobs.beyond = Some(*random.of(&[1_200, 1_800, 3_000, 3_600]));
            vignette::add_unheard(&mut random, &mut writer, &mut steps);
        }
        Self {
            seed,
            knobs,
            steps,
            spared: BTreeSet::new(),
        }
    }

    /// Whether faults are aimed at endpoints.
    pub(crate) fn is_aimed(&self) -> bool {
        self.knobs.page.is_some() || self.steps.iter().any(|step| step.squally)
    }

    /// Whether another configuration is written down.
    pub(crate) fn is_reconfigured(&self) -> bool {
        let mut upsets = self.steps.iter().flat_map(|step| &step.upsets);
        upsets.any(|upset| matches!(upset, Upset::Policy(_)))
    }

    /// Smaller scripts, the smallest first: each leaves something out.
    pub(crate) fn smaller(&self) -> Vec<Self> {
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
        for at in 0..self.steps.len() {
            without(&|steps| steps[at].strikes.clear());
            without(&|steps| steps[at].hooks.clear());
            without(&|steps| steps[at].crash = None);
            without(&|steps| steps[at].ambush = None);
            without(&|steps| steps[at].squally = false);
            without(&|steps| steps[at].polls = true);
            for upset in 0..self.steps[at].upsets.len() {
                without(&|steps| {
                    steps[at].upsets.remove(upset);
                });
            }
            without(&|steps| steps[at].broken_commit = None);
            without(&|steps| steps[at].full = false);
            without(&|steps| steps[at].ticks = steps[at].ticks.min(1));
            for act in 0..self.steps[at].acts.len() {
                without(&|steps| {
                    steps[at].acts.remove(act);
                });
            }
            for strike in 0..self.steps[at].strikes.len() {
                without(&|steps| {
                    steps[at].strikes.remove(strike);
                });
            }
            for hook in 0..self.steps[at].hooks.len() {
                without(&|steps| {
                    steps[at].hooks.remove(hook);
                });
            }
        }
        if self.knobs.webhooks.is_some() && self.steps.iter().all(|step| step.polls) {
            let mut next = self.clone();
            next.knobs.webhooks = None;
            out.push(next);
        }
        if self.is_aimed() {
            for endpoint in (0..ENDPOINTS).filter(|endpoint| !self.spared.contains(endpoint)) {
                let mut next = self.clone();
                next.spared.insert(endpoint);
                out.push(next);
            }
        }
        out
    }
}

fn step(
    writer: &mut Writer,
    schedule: &mut Stream,
    faults: &mut Stream,
    mask: &[bool],
    storm: bool,
) -> Step {
    let wait = match schedule.below(4) {
        0 => schedule.below(20),
        1 => schedule.below(120),
        2 => schedule.below(600),
        _ => schedule.below(3_600),
    };
    let acts = (0..writer.how_many(4)).map(|_| writer.act()).collect();
    let mut strikes = Vec::new();
    let mut hooks = Vec::new();
    let (mut crash, mut broken_commit) = (None, None);
    for _ in 0..faults.below(4) {
        let harm = match faults.below(6) {
            0 => Harm::DropBefore,
            1 => Harm::DropAfter,
            2 => Harm::Refuse,
            3 => Harm::FailAfter,
            4 => Harm::Limit(1 + u32::try_from(faults.below(120)).unwrap_or(1)),
            _ => Harm::Delay(1 + u32::try_from(faults.below(25)).unwrap_or(1)),
        };
        let kind = match harm {
            Harm::DropBefore => 0,
            Harm::DropAfter => 1,
            Harm::Refuse => 2,
            Harm::FailAfter => 3,
            Harm::Limit(_) => 4,
            _ => 5,
        };
        let writes = faults.chance(60);
        let at = u32::try_from(faults.mostly_small(if writes { 6 } else { 30 })).unwrap_or(0);
        if mask[kind] && storm {
            strikes.push(Strike { at, writes, harm });
        }
    }
    let at = u32::try_from(faults.mostly_small(160)).unwrap_or(0);
    let after = faults.chance(60);
    if faults.chance(25) && mask[6] && storm {
        crash = Some(Crash {
            at,
            writes: false,
            after,
        });
    }
    let at = u32::try_from(faults.mostly_small(20)).unwrap_or(0);
    let stored = faults.chance(50);
    if faults.chance(12) && mask[7] && storm {
        broken_commit = Some((at, stored));
    }
    for _ in 0..writer.how_many(3) {
        let act = writer.act();
        let writes = schedule.chance(60);
        let aimed = schedule.chance(60);
        let at = u32::try_from(schedule.mostly_small(if writes { 6 } else { 30 })).unwrap_or(0);
        if mask[8] && storm {
            hooks.push(Hook {
                at,
                writes,
                aimed,
                act,
            });
        }
    }
    Step {
        wait: u32::try_from(wait).unwrap_or(0),
        sharp: false,
        acts,
        ticks: u32::try_from(1 + schedule.below(3)).unwrap_or(1),
        pause: None,
        full: schedule.chance(15),
        strikes,
        hooks,
        broken_commit,
        crash,
        ambush: None,
        squally: false,
        upsets: Vec::new(),
        polls: true,
    }
}
