//! What must happen sometimes: a season in which one of these never came about shows less than it
//! seems to, however many seeds it has.

use std::collections::{BTreeMap, BTreeSet};

use notion_sync_testkit::simulation;

use super::script::Profile;

/// In every kind of world, besides what must happen in any simulation.
const ALWAYS: [&str; 10] = [
    "parked",
    "conflict settled",
    "held until its outcome can be known",
    "adopted by lookup",
    "lookup found nothing",
    "sent more than once",
    "voided",
    "audited loser",
    "person acts right before a removal",
    "ends buried",
];

/// Where faults are aimed at endpoints.
const FAULTS: [&str; 3] = [
    "limited without saying for how long",
    "not authorized for once",
    "answered with an older list",
];

/// Where two processes work.
const WORKERS: [&str; 3] = [
    "a process slept",
    "a lease was taken over",
    "a fenced commit was refused",
];

/// Where more than the services fails.
const SURROUNDINGS: [&str; 14] = [
    "the clock of the process jumped",
    "the disk was full",
    "a backup was put back",
    "a property was renamed",
    "a property came or went",
    "a hint named what does not exist",
    "heard from Notion",
    "heard from GitHub",
    "what the guard stopped was approved",
    "a token had expired",
    "a side showed nothing",
    "the tables were taken away or given back",
    "a property had another type",
    "another policy was written down",
];

/// Where the services hide what the sync makes for longer than it waits.
const BEYOND: [&str; 4] = [
    "hidden beyond the bound",
    "duplicate found",
    "duplicate repaired",
    "duplicate left to people",
];

/// Where all people work on one page, which is read from replicas.
const CROWDED: [&str; 2] = ["a replica was behind", "another policy was written down"];

/// Where there are documents.
const DOCUMENTS: [&str; 3] = [
    "conflict pull request opened",
    "proposal merged",
    "proposal closed",
];

/// Where there are tasks.
const TASKS: [&str; 3] = ["rule fired", "step done", "rule tried"];

/// What must happen sometimes wherever such things are mapped.
fn common(profile: Profile) -> Vec<&'static str> {
    let mut out = simulation::MARKERS.to_vec();
    out.extend(ALWAYS);
    if profile != Profile::Tasks {
        out.extend(DOCUMENTS);
    }
    if profile != Profile::Documents {
        out.extend(TASKS);
    }
    out
}

/// What these worlds are there for.
fn own(profile: Profile) -> &'static [&'static str] {
    match profile {
        Profile::Faults => &FAULTS,
        Profile::Workers => &WORKERS,
        Profile::Surroundings => &SURROUNDINGS,
        Profile::Beyond => &BEYOND,
        Profile::Crowded => &CROWDED,
        Profile::Documents | Profile::Tasks | Profile::Both | Profile::Brief | Profile::Blocks => {
            &[]
        }
    }
}

/// What must happen sometimes in these worlds.
pub(super) fn of(profile: Profile) -> Vec<&'static str> {
    let mut out = common(profile);
    out.extend(own(profile));
    out
}

/// What was reached in seasons of several kinds. What any kind can reach is asked of all of them together:
/// in one season of a few hundred seeds the rarest of it comes about once, or not.
#[derive(Debug, Default)]
pub(super) struct Reached {
    all: BTreeMap<&'static str, u64>,
    wanted: BTreeSet<&'static str>,
    missing: BTreeSet<&'static str>,
}

impl Reached {
    /// Another season was played.
    pub(super) fn add(&mut self, profile: Profile, counts: &BTreeMap<&'static str, u64>) {
        for (what, times) in counts {
            *self.all.entry(what).or_default() += times;
        }
        self.wanted.extend(common(profile));
        self.missing
            .extend(simulation::missing(own(profile), counts));
    }

    /// What never happened.
    pub(super) fn missing(&self) -> Vec<&'static str> {
        let wanted: Vec<_> = self.wanted.iter().copied().collect();
        let mut out = simulation::missing(&wanted, &self.all);
        out.extend(&self.missing);
        out
    }
}
