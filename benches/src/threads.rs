//! What the threads of this process used, as Linux counts it.

use std::collections::BTreeMap;
use std::fs;

use serde::{Deserialize, Serialize};

/// Time of a thread, in nanoseconds.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(crate) struct Time {
    /// It ran.
    pub(crate) ran_ns: u64,
    /// It could have run, and something else did.
    pub(crate) waited_ns: u64,
}

/// Times so far, by the names of the threads; those of one name are added. Empty where the system
/// does not tell.
pub(crate) fn times() -> BTreeMap<String, Time> {
    let mut out = BTreeMap::<String, Time>::new();
    for entry in fs::read_dir("/proc/self/task")
        .into_iter()
        .flatten()
        .flatten()
    {
        let read = |name: &str| fs::read_to_string(entry.path().join(name)).unwrap_or_default();
        let (name, figures) = (read("comm"), read("schedstat"));
        let mut figures = figures.split_ascii_whitespace().map(str::parse::<u64>);
        let (Some(Ok(ran_ns)), Some(Ok(waited_ns))) = (figures.next(), figures.next()) else {
            continue;
        };
        let time = out.entry(name.trim().to_owned()).or_default();
        time.ran_ns += ran_ns;
        time.waited_ns += waited_ns;
    }
    out
}

/// What was used between two moments.
pub(crate) fn between(
    before: &BTreeMap<String, Time>,
    after: &BTreeMap<String, Time>,
) -> BTreeMap<String, Time> {
    let since = |(name, after): (&String, &Time)| {
        let before = before.get(name).copied().unwrap_or_default();
        let time = Time {
            ran_ns: after.ran_ns.saturating_sub(before.ran_ns),
            waited_ns: after.waited_ns.saturating_sub(before.waited_ns),
        };
        (name.clone(), time)
    };
    after.iter().map(since).collect()
}

/// Memory of this process in bytes; 0 where the system does not tell.
#[cfg(feature = "receivers")]
pub(crate) fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
    kib.and_then(|kib| kib.parse::<u64>().ok())
        .map_or(0, |kib| kib * 1_024)
}
