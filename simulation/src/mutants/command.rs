//! The command: every mutant, seed after seed, until it is noticed.

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Instant;

use notion_sync_testkit::simulation::Failure;

use super::catalogue::{self, Entry};
use super::store::STRUCK;
use crate::scenario::{Profile, play_mutant};

const USAGE: &str = "usage: notion-sync-simulation mutants [--seeds N] \
[--profile PROFILE] [--only NAME[,NAME]] [--control N] [--from SEED] [--told] [--json]";

/// Seeds within which each mutant must be noticed.
const SEEDS: u64 = 1_000;

/// What was asked for.
#[derive(Debug)]
struct Wanted {
    seeds: u64,
    /// Worlds for all mutants, instead of each one's own.
    profile: Option<Profile>,
    only: Vec<Entry>,
    control: u64,
    /// The first seed: another one than 1 finds no number for the table.
    from: u64,
    /// Everything that happens in the last seed is told.
    told: bool,
    json: bool,
}

fn read(arguments: &[String]) -> Option<Wanted> {
    let mut wanted = Wanted {
        seeds: SEEDS,
        profile: None,
        only: Vec::new(),
        control: u64::MAX,
        from: 1,
        told: false,
        json: false,
    };
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        match argument.as_str() {
            "--seeds" => wanted.seeds = rest.next()?.parse().ok().filter(|seeds| *seeds > 0)?,
            "--profile" => wanted.profile = Some(Profile::named(rest.next()?)?),
            "--only" => {
                for name in rest.next()?.split(',') {
                    wanted.only.push(catalogue::named(name)?);
                }
            }
            "--control" => wanted.control = rest.next()?.parse().ok()?,
            "--from" => wanted.from = rest.next()?.parse().ok()?,
            "--told" => wanted.told = true,
            "--json" => wanted.json = true,
            _ => return None,
        }
    }
    if wanted.only.is_empty() {
        wanted.only = catalogue::ALL.to_vec();
    }
    Some(wanted)
}

/// What came of a mutant.
#[derive(Debug)]
pub(super) struct Hunt {
    /// The seed that noticed it, which is also how many were played, and how it noticed.
    pub(super) found: Option<(u64, Failure)>,
    /// How many seeds were played.
    pub(super) played: u64,
    /// How often the mutant did something.
    pub(super) struck: u64,
    seconds: f64,
    lines: Vec<String>,
}

/// Plays seeds until the mutant is noticed.
pub(super) fn hunt(
    entry: &Entry,
    profile: Profile,
    seeds: std::ops::RangeInclusive<u64>,
    told: bool,
) -> Hunt {
    let start = Instant::now();
    let (mut struck, mut played, mut found) = (0, 0, None);
    let mut lines = Vec::new();
    for seed in seeds {
        let run = play_mutant(seed, profile, Some(entry.mutant), told);
        lines = run.lines;
        played = seed;
        struck += run.counts.get(STRUCK).copied().unwrap_or_default();
        if let Some(failure) = run.failure {
            found = Some((seed, failure));
            break;
        }
    }
    Hunt {
        found,
        played,
        struck,
        seconds: start.elapsed().as_secs_f64(),
        lines,
    }
}

/// Runs the hunt.
pub(crate) fn run(arguments: &[String]) -> ExitCode {
    let Some(wanted) = read(arguments) else {
        // Nobody is left to tell when this cannot be written.
        let _ = writeln!(io::stderr(), "{USAGE}\nPROFILE: {}", Profile::names());
        return ExitCode::from(2);
    };
    match hunt_all(&wanted, &mut io::stdout().lock()) {
        Ok(true) => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

/// A failure in one line of a table.
fn short(message: &str) -> String {
    let line = message.lines().next().unwrap_or_default();
    match line.char_indices().nth(90) {
        Some((end, _)) => format!("{} …", &line[..end]),
        None => line.to_owned(),
    }
}

fn hunt_all(wanted: &Wanted, out: &mut dyn Write) -> io::Result<bool> {
    let mut lines = Vec::new();
    let mut numbers = Vec::new();
    let mut furthest: Vec<(Profile, u64)> = Vec::new();
    if !wanted.json {
        writeln!(
            out,
            "{:<26}{:>6}  {:<7}{:>8}{:>8}  rule that is broken, and how it shows",
            "mutant", "seed", "by", "struck", "s"
        )?;
    }
    for entry in &wanted.only {
        let profile = wanted.profile.unwrap_or(entry.profile);
        let hunt = hunt(entry, profile, wanted.from..=wanted.seeds, wanted.told);
        match furthest.iter_mut().find(|(known, _)| *known == profile) {
            Some((_, seeds)) => *seeds = (*seeds).max(hunt.played),
            None => furthest.push((profile, hunt.played)),
        }
        let (seed, by, how) = match &hunt.found {
            Some((seed, failure)) => {
                numbers.push(*seed);
                (seed.to_string(), failure.property, short(&failure.message))
            }
            None => {
                let how = format!("SURVIVES {} seeds", hunt.played);
                ("-".to_owned(), "-", how)
            }
        };
        if !wanted.json {
            writeln!(
                out,
                "{:<26}{seed:>6}  {by:<7}{:>8}{:>8.1}  {}: {how}",
                entry.name, hunt.struck, hunt.seconds, entry.rule
            )?;
            for line in &hunt.lines {
                writeln!(out, "  {line}")?;
            }
            out.flush()?;
        }
        lines.push(serde_json::json!({
            "mutant": entry.name,
            "rule": entry.rule,
            "expected": entry.expected,
            "profile": profile.name(),
            "found": hunt.found.as_ref().map(|(seed, _)| seed),
            "property": hunt.found.as_ref().map(|(_, failure)| failure.property),
            "message": hunt.found.as_ref().map(|(_, failure)| failure.message.as_str()),
            "seeds": hunt.played,
            "struck": hunt.struck,
            "seconds": hunt.seconds,
        }));
    }
    numbers.sort_unstable();
    let median = numbers.get(numbers.len() / 2).copied();
    let survivors = wanted.only.len() - numbers.len();
    let control = control(&furthest, wanted.from, wanted.control);
    if wanted.json {
        let report = serde_json::json!({
            "mutants": lines,
            "median": median,
            "survivors": survivors,
            "control": control.as_ref().map_or_else(
                |(seed, failure)| serde_json::json!({"seed": seed, "property": failure.property}),
                |seeds| serde_json::json!({"seeds": seeds}),
            ),
        });
        writeln!(out, "{report}")?;
    } else {
        let median = median.map_or_else(|| "-".to_owned(), |seed| seed.to_string());
        writeln!(
            out,
            "{} of {} mutants found, median at seed {median}",
            numbers.len(),
            wanted.only.len()
        )?;
        match &control {
            Ok(seeds) => writeln!(out, "control: the engine as it is passes {seeds} seeds")?,
            Err((seed, failure)) => writeln!(
                out,
                "control: the engine as it is fails at seed {seed}: {}: {}",
                failure.property, failure.message
            )?,
        }
    }
    Ok(survivors == 0 && control.is_ok())
}

/// The engine without a mutant passes the seeds that the mutants were looked for in.
fn control(furthest: &[(Profile, u64)], from: u64, most: u64) -> Result<u64, (u64, Failure)> {
    let mut seeds = 0;
    for (profile, last) in furthest {
        for seed in from..=(*last).min(most) {
            if let Some(failure) = play_mutant(seed, *profile, None, false).failure {
                return Err((seed, failure));
            }
            seeds += 1;
        }
    }
    Ok(seeds)
}
