//! What must happen sometimes: a season in which one of these never came about shows less than it
//! seems to, however many seeds it has.

use std::collections::BTreeMap;

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
const SURROUNDINGS: [&str; 8] = [
    "the clock of the process jumped",
    "the disk was full",
    "a backup was put back",
    "a property was renamed",
    "a property came or went",
    "a hint named what does not exist",
    "heard from Notion",
    "heard from GitHub",
];

/// Where the services hide what the sync makes for longer than it waits.
const BEYOND: [&str; 4] = [
    "hidden beyond the bound",
    "duplicate found",
    "duplicate repaired",
    "duplicate left to people",
];

/// Where there are documents.
const DOCUMENTS: [&str; 3] = [
    "conflict pull request opened",
    "proposal merged",
    "proposal closed",
];

/// Where there are tasks.
const TASKS: [&str; 3] = ["rule fired", "step done", "rule tried"];

/// What must happen sometimes in these worlds.
pub(super) fn of(profile: Profile) -> Vec<&'static str> {
    let mut out = simulation::MARKERS.to_vec();
    out.extend(ALWAYS);
    if profile != Profile::Tasks {
        out.extend(DOCUMENTS);
    }
    if profile != Profile::Documents {
        out.extend(TASKS);
    }
    if profile == Profile::Faults {
        out.extend(FAULTS);
    }
    if profile == Profile::Workers {
        out.extend(WORKERS);
    }
    if profile == Profile::Surroundings {
        out.extend(SURROUNDINGS);
    }
    if profile == Profile::Beyond {
        out.extend(BEYOND);
    }
    out
}

/// What never happened.
pub(super) fn missing(profile: Profile, counts: &BTreeMap<&'static str, u64>) -> Vec<&'static str> {
    simulation::missing(&of(profile), counts)
}
