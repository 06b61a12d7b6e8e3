//! Runs of the tests, one for each mutant.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use serde_json::{Value, json};

use crate::child::{Heard, listen, side_by_side};
use crate::mutate::Mutant;
use crate::{Options, Result, at, described};

/// Address space of a test run in KiB: a mutant that fills the memory must not take the machine with it.
const MEMORY: u32 = 6 << 20;

/// The outcomes in a file of results that are wanted by their run and by what they are.
fn recorded(path: &Path, wanted: impl Fn(&str, &str) -> bool) -> Result<BTreeMap<u32, String>> {
    let mut outcomes = BTreeMap::new();
    let text = fs::read_to_string(path).map_err(at(path.display()))?;
    for line in text.lines() {
        let line: Value = serde_json::from_str(line).map_err(at(path.display()))?;
        let (Some(id), Some(outcome), Some(run)) = (
            line["id"].as_u64(),
            line["outcome"].as_str(),
            line["run"].as_str(),
        ) else {
            return Err(format!("{}: no result: {line}", path.display()));
        };
        if wanted(run, outcome) {
            let id = u32::try_from(id).map_err(at(path.display()))?;
            outcomes.insert(id, outcome.to_owned());
        }
    }
    Ok(outcomes)
}

/// Tests the chosen mutants that `out` has no result for yet; returns the outcome of each.
pub(crate) fn test(
    options: &Options,
    state: &str,
    binary: &Path,
    unviable: &BTreeSet<u32>,
    chosen: &[(&str, &Mutant)],
) -> Result<BTreeMap<u32, String>> {
    let run = format!("{state} {} {}", options.test, options.filters.join(" "));
    let mut outcomes = BTreeMap::new();
    for path in &options.known {
        outcomes.extend(recorded(path, |run, outcome| {
            run.starts_with(state) && outcome != "survived"
        })?);
    }
    if options.out.exists() {
        outcomes.extend(recorded(&options.out, |it, _| it == run)?);
    }
    let (outcome, seconds, noticed) = once(options, binary, None, Duration::MAX)?;
    if outcome != "survived" {
        return Err(format!(
            "the tests fail without a mutant: {outcome} {noticed}"
        ));
    }
    let timeout = Duration::from_secs(options.timeout.unwrap_or((seconds * 10.0) as u64).max(20));
    let left: Vec<_> = chosen
        .iter()
        .filter(|(_, mutant)| !outcomes.contains_key(&mutant.id))
        .collect();
    eprintln!(
        "{seconds:.1} seconds without a mutant; {} of {} mutants to test",
        left.len(),
        chosen.len()
    );
    let out = fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(&options.out)
        .map_err(at(options.out.display()))?;
    let (next, done) = (Mutex::new(left.into_iter()), Mutex::new((out, outcomes)));
    let work = || -> Result<()> {
        loop {
            let Some((file, mutant)) = next.lock().map_err(at("queue"))?.next() else {
                return Ok(());
            };
            let (outcome, seconds, noticed) = if unviable.contains(&mutant.id) {
                ("unviable", 0.0, String::new())
            } else {
                once(options, binary, Some(mutant.id), timeout)?
            };
            let mut line = described(file, mutant);
            line["run"] = json!(run);
            line["outcome"] = json!(outcome);
            line["seconds"] = json!((seconds * 100.0).round() / 100.0);
            line["noticed"] = json!(noticed);
            let mut done = done.lock().map_err(at("results"))?;
            writeln!(done.0, "{line}").map_err(at(options.out.display()))?;
            done.1.insert(mutant.id, outcome.to_owned());
        }
    };
    side_by_side(options.jobs, work)?;
    Ok(done.into_inner().map_err(at("results"))?.1)
}

/// One run of the tests: what came of it, how long it took in seconds, and which test noticed.
fn once(
    options: &Options,
    binary: &Path,
    mutant: Option<u32>,
    timeout: Duration,
) -> Result<(&'static str, f64, String)> {
    let threads = (thread::available_parallelism().map_or(2, usize::from) / options.jobs).max(1);
    let begun = Instant::now();
    let mut command = Command::new("sh");
    command
        .args([
            "-c",
            &format!("ulimit -v {MEMORY} 2>/dev/null; exec \"$0\" \"$@\""),
        ])
        .arg(binary)
        .args(&options.filters)
        .args(["--test-threads", &threads.to_string()])
        .current_dir(options.work.join("notion-sync-core"))
        .envs(mutant.map(|id| ("NOTION_SYNC_MUTANT", id.to_string())))
        .envs(default(
            "NOTION_SYNC_FIXTURES",
            options.root.join("../shared/fixtures"),
        ))
        // The same cases for every mutant, and no time for making a failure small.
        .envs(default("PROPTEST_RNG_SEED", "20261128"))
        .envs(default("PROPTEST_MAX_SHRINK_TIME", "1"));
    // The first failure is enough: libtest itself would run all tests.
    let failed = |line: String| {
        Some(
            line.strip_prefix("test ")?
                .strip_suffix(" ... FAILED")?
                .to_owned(),
        )
    };
    let outcome = match listen(command, timeout, failed)? {
        Heard::Said(name) => ("caught", name),
        Heard::Late => ("timeout", String::new()),
        Heard::Ended(status) if status.success() => ("survived", String::new()),
        Heard::Ended(status) => ("caught", status.to_string()),
    };
    Ok((outcome.0, begun.elapsed().as_secs_f64(), outcome.1))
}

fn default(name: &'static str, value: impl Into<OsString>) -> Option<(&'static str, OsString)> {
    env::var_os(name).is_none().then(|| (name, value.into()))
}
