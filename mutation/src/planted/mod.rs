//! Rules broken in the source of core and adapters, by hand and one at a time: how many seeds of the simulator it
//! takes until each is noticed.
//!
//! All of them are compiled into one simulator, each behind the switch that [`crate::mutate`] uses as well.

mod catalogue;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use catalogue::{ALL, Planted, SWITCH};

use crate::child::{Heard, listen, side_by_side};
use crate::workspace::{copy, tracked};
use crate::{Result, at, print};

const USAGE: &str = "\
notion-sync-mutation planted [options]
  --root REPO       the repository (default: here)
  --work DIR        where the copy and its builds are kept (default: target/planted in the repository)
  --only NAMES      only these, as in one-hash,unsorted
  --worlds KIND     worlds for all of them, instead of each one's own; cells: those of the crash matrix
  --seeds N         how many seeds are played for each (default: 1000)
  --jobs N          how many at a time (default: 2)
  --minutes N       for all seeds of one (default: 15)
  --list            only print the rules";

#[derive(Debug)]
struct Wanted {
    root: PathBuf,
    work: PathBuf,
    only: Vec<String>,
    worlds: Option<String>,
    seeds: u64,
    jobs: usize,
    minutes: u64,
    list: bool,
}

impl Wanted {
    fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self> {
        let absolute = |text: &str| std::path::absolute(text).map_err(at(text));
        let mut wanted = Self {
            root: absolute(".")?,
            work: PathBuf::new(),
            only: Vec::new(),
            worlds: None,
            seeds: 1_000,
            jobs: 2,
            minutes: 15,
            list: false,
        };
        while let Some(name) = arguments.next() {
            let mut value = || {
                let value = arguments.next();
                value.ok_or_else(|| format!("{name} wants a value"))
            };
            let number = |text: String| text.parse::<u64>().map_err(at(format!("{name} {text}")));
            match name.as_str() {
                "--list" => wanted.list = true,
                "--root" => wanted.root = absolute(&value()?)?,
                "--work" => wanted.work = absolute(&value()?)?,
                "--only" => wanted.only.extend(value()?.split(',').map(str::to_owned)),
                "--worlds" => wanted.worlds = Some(value()?),
                "--seeds" => wanted.seeds = number(value()?)?,
                "--jobs" => wanted.jobs = number(value()?)?.max(1) as usize,
                "--minutes" => wanted.minutes = number(value()?)?,
                _ => return Err(format!("{name} is no option\n\n{USAGE}")),
            }
        }
        if wanted.work.as_os_str().is_empty() {
            wanted.work = wanted.root.join("target/planted");
        }
        let unknown = |name: &&String| !ALL.iter().any(|planted| planted.name == **name);
        match wanted.only.iter().find(unknown) {
            Some(name) => Err(format!("{name}: no such rule; --list names them")),
            None => Ok(wanted),
        }
    }
}

/// What stands for the crash matrix among the kinds of worlds.
const CELLS: &str = "cells";

/// What became of the seeds or cells that were played with a rule broken.
#[derive(Debug, PartialEq)]
enum Found {
    /// A seed noticed it, by a property.
    At(u64, String),
    /// A cell of the crash matrix did.
    In(String, String),
    Nothing,
    TooLate,
}

/// Looks for each; whether all were found, and none is seen where no rule is broken.
pub(crate) fn run(arguments: impl Iterator<Item = String>) -> Result<bool> {
    let arguments: Vec<String> = arguments.collect();
    if arguments.iter().any(|argument| argument == "--help") {
        print(&USAGE);
        return Ok(true);
    }
    let wanted = Wanted::parse(arguments.into_iter())?;
    let chosen: Vec<(usize, &Planted)> = (ALL.iter().enumerate())
        .filter(|(_, planted)| {
            wanted.only.is_empty() || wanted.only.iter().any(|name| name == planted.name)
        })
        .collect();
    if wanted.list {
        for (_, planted) in &chosen {
            print(&format!("{:<26}{}", planted.name, planted.rule));
        }
        return Ok(true);
    }
    let files = tracked(&wanted.root)?;
    copy(&wanted.root, &wanted.work, &files, |file, text| {
        plant(file, text).map(Some)
    })?;
    let simulator = build(&wanted.work)?;
    print(&format!(
        "{:<26}{:<14}{:>6}  {:<5}{:>7}  rule",
        "mutant", "worlds", "seed", "by", "s"
    ));
    let (next, seeds) = (Mutex::new(chosen.iter()), Mutex::new(Vec::new()));
    let work = || -> Result<()> {
        loop {
            let Some((number, planted)) = next.lock().map_err(at("queue"))?.next() else {
                return Ok(());
            };
            let begun = Instant::now();
            let worlds = wanted.worlds.as_deref().unwrap_or(planted.worlds);
            let found = play(&wanted, &simulator, worlds, wanted.seeds, Some(*number))?;
            let (seed, by) = match &found {
                Found::At(seed, property) => (seed.to_string(), property.as_str()),
                Found::In(cell, property) => (cell.clone(), property.as_str()),
                Found::Nothing => ("-".to_owned(), "-"),
                Found::TooLate => ("-".to_owned(), "late"),
            };
            print(&format!(
                "{:<26}{worlds:<14}{seed:>6}  {by:<5}{:>7.1}  {}",
                planted.name,
                begun.elapsed().as_secs_f64(),
                planted.rule
            ));
            let seed = match found {
                Found::At(seed, _) => Some(seed),
                Found::In(..) => None,
                Found::Nothing | Found::TooLate => continue,
            };
            let found = (worlds.to_owned(), seed);
            seeds.lock().map_err(at("results"))?.push(found);
        }
    };
    side_by_side(wanted.jobs, work)?;
    let seeds = seeds.into_inner().map_err(at("results"))?;
    report(&wanted, &simulator, chosen.len(), &seeds)
}

/// The sum, and the engine as it is on the same seeds.
fn report(
    wanted: &Wanted,
    simulator: &Path,
    all: usize,
    found: &[(String, Option<u64>)],
) -> Result<bool> {
    let mut seeds: Vec<u64> = found.iter().filter_map(|(_, seed)| *seed).collect();
    seeds.sort_unstable();
    let median = seeds
        .get(seeds.len() / 2)
        .map_or_else(|| "-".to_owned(), u64::to_string);
    print(&format!(
        "{} of {all} found, median at seed {median}",
        found.len()
    ));
    let mut furthest: BTreeMap<&str, u64> = BTreeMap::new();
    for (worlds, seed) in found {
        let known = furthest.entry(worlds).or_default();
        *known = (*known).max(seed.unwrap_or_default());
    }
    let mut sound = true;
    for (worlds, seeds) in furthest {
        let control = play(wanted, simulator, worlds, seeds, None)?;
        sound &= control == Found::Nothing;
        print(&match control {
            Found::Nothing if worlds == CELLS => {
                "control: no rule broken, all cells hold".to_owned()
            }
            Found::Nothing => format!("control: no rule broken, {seeds} seeds of {worlds} pass"),
            Found::In(cell, by) => format!("control: no rule broken, and {by} fails in {cell}"),
            Found::At(seed, by) => {
                format!("control: no rule broken, and {by} fails at seed {seed} of {worlds}")
            }
            Found::TooLate => format!("control: {seeds} seeds of {worlds} take too long"),
        });
    }
    Ok(sound && found.len() == all)
}

/// The text of a file with every rule that it holds broken behind a switch.
fn plant(file: &str, text: Vec<u8>) -> Result<Vec<u8>> {
    let edits = || {
        ALL.iter().enumerate().flat_map(|(number, planted)| {
            (planted.edits.iter())
                .filter(|edit| edit.file == file)
                .map(move |edit| (number, planted.name, edit))
        })
    };
    if edits().next().is_none() {
        return Ok(text);
    }
    let path = match file.starts_with("notion-sync-core/") {
        true => "crate",
        false => "notion_sync_core",
    };
    let original = String::from_utf8(text).map_err(at(file))?;
    let mut text = original.clone();
    for (number, name, edit) in edits() {
        // Counted in what the repository says: another edit may have said the piece over.
        let times = original.matches(edit.piece).count();
        if times != 1 || !text.contains(edit.piece) {
            let or = "or overlaps what another rule changes";
            return Err(format!(
                "{file}: {name} wants to change {:?}, which is there {times} times, {or}",
                edit.piece
            ));
        }
        let on = format!("{path}::mutation_switch::on({number})");
        text = text.replacen(edit.piece, &edit.instead.replace(SWITCH, &on), 1);
    }
    Ok(text.into_bytes())
}

fn build(work: &Path) -> Result<PathBuf> {
    const PACKAGE: &str = "notion-sync-simulation";
    let status = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["build", "--profile", "sim", "-p", PACKAGE, "--target-dir"])
        .arg(work.join("target"))
        .current_dir(work)
        .status()
        .map_err(at("cargo build"))?;
    if !status.success() {
        return Err(format!("cargo build: {status}"));
    }
    Ok(work.join("target/sim").join(PACKAGE))
}

/// Plays seeds, or cells, until one of them fails.
fn play(
    wanted: &Wanted,
    simulator: &Path,
    worlds: &str,
    seeds: u64,
    number: Option<usize>,
) -> Result<Found> {
    let mut command = Command::new(simulator);
    let first = format!("{worlds}={seeds}");
    let cells = worlds == CELLS;
    command
        .args(match cells {
            true => vec!["crashes", "--jobs", "1"],
            false => vec!["scenario", "--first", &first],
        })
        .current_dir(&wanted.work)
        .env_remove("NOTION_SYNC_MUTANT")
        .envs(number.map(|number| ("NOTION_SYNC_MUTANT", number.to_string())));
    // The seed and, in the next line, the property are enough: then it would look for a smaller script.
    let mut failed: Option<String> = None;
    let hear = move |line: String| match failed.take() {
        _ if cells => in_cell(&line),
        Some(seed) => Some((seed, line.split(':').next().unwrap_or_default().to_owned())),
        None => {
            let seed = line
                .strip_prefix("SEED=")
                .and_then(|rest| rest.split(' ').next());
            failed = seed.map(str::to_owned);
            None
        }
    };
    Ok(
        match listen(command, Duration::from_secs(wanted.minutes * 60), hear)? {
            Heard::Said((cell, property)) if cells => Found::In(cell, property),
            Heard::Said((seed, property)) => Found::At(seed.parse().map_err(at(seed))?, property),
            Heard::Late => Found::TooLate,
            Heard::Ended(status) if status.success() => Found::Nothing,
            Heard::Ended(status) => return Err(format!("{}: {status}", simulator.display())),
        },
    )
}

/// The cell, or the two deaths, that a line says fail, and the property.
fn in_cell(line: &str) -> Option<(String, String)> {
    let (cell, rest) = line.split_once(" in ").or(line.split_once(" without "))?;
    let property = rest.split([' ', ':']).find(|word| {
        let digits = word.strip_prefix('P').unwrap_or_default();
        digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_digit())
    })?;
    Some((cell.to_owned(), property.to_owned()))
}
