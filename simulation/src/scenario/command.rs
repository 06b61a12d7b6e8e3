//! The command `scenario`: plays seeds and says what came of them.

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Instant;

use notion_sync_testkit::simulation::{self, Failure, How};

use super::markers;
use super::play::{self, Manner, Run};
use super::script::{Profile, Script};
use super::season::{self, Player, Season, Tally};

const USAGE: &str = "usage: notion-sync-simulation scenario (--seeds A..B | --replay SEED) \
[--profile documents|tasks|both|faults|workers|surroundings|beyond|brief] [--jobs N] [--markers] [--cells] [--whole] [--canary] [--keep-going] [--json]";

/// What was asked for.
#[derive(Debug)]
struct Wanted {
    season: Season,
    json: bool,
    /// Whether everything that must happen sometimes must have happened.
    markers: bool,
    /// A failing script is told as it is, without looking for a smaller one.
    whole: bool,
}

/// Seeds from `A..B`.
pub(super) fn range(text: &str) -> Option<std::ops::Range<u64>> {
    let (from, to) = text.split_once("..")?;
    let range = from.parse().ok()?..to.parse().ok()?;
    (!range.is_empty()).then_some(range)
}

/// A number of threads.
pub(super) fn jobs(text: &str) -> Option<usize> {
    text.parse().ok().filter(|jobs| (1..=256).contains(jobs))
}

fn read(arguments: &[String]) -> Option<Wanted> {
    let mut seeds = None;
    let mut wanted = Wanted {
        season: Season {
            seeds: 0..0,
            profile: Profile::Both,
            canary: false,
            keep_going: false,
            jobs: 1,
            cells: false,
        },
        json: false,
        markers: false,
        whole: false,
    };
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        match argument.as_str() {
            "--seeds" => seeds = Some(range(rest.next()?)?),
            "--replay" => {
                let seed: u64 = rest.next()?.parse().ok()?;
                seeds = Some(seed..seed.checked_add(1)?);
            }
            "--profile" => wanted.season.profile = Profile::named(rest.next()?)?,
            "--jobs" => wanted.season.jobs = jobs(rest.next()?)?,
            "--cells" => wanted.season.cells = true,
            "--markers" => wanted.markers = true,
            "--whole" => wanted.whole = true,
            "--canary" => wanted.season.canary = true,
            "--json" => wanted.json = true,
            "--keep-going" => wanted.season.keep_going = true,
            _ => return None,
        }
    }
    wanted.season.seeds = seeds?;
    Some(wanted)
}

/// Leaves out of a failing script whatever can be left out while it fails in the same way.
pub(super) fn shrink(script: Script, manner: Manner, property: &str) -> (Script, Run) {
    let player = Player {
        // The script is there already.
        profile: Profile::Both,
        cells: false,
        manner: Some(manner),
    };
    let how = How {
        told: manner.told,
        canary: manner.canary,
    };
    simulation::shrink(&player, script, how, property)
}

fn tell(seed: u64, wanted: &Wanted, failure: &Failure, out: &mut dyn Write) -> std::io::Result<()> {
    let profile = wanted.season.profile;
    writeln!(out, "SEED={seed} PROFILE={}", profile.name())?;
    writeln!(out, "{}: {}", failure.property, failure.message)?;
    let script = Script::new(seed, profile);
    let mut manner = season::manner(seed, profile, wanted.season.canary);
    if failure.property != "P04" {
        manner.cycles = 0;
    }
    let (script, run) = if wanted.whole {
        manner.told = true;
        let run = play::run(&script, manner);
        (script, run)
    } else {
        shrink(script, manner, failure.property)
    };
    let which = if wanted.whole {
        "script"
    } else {
        "smallest script"
    };
    writeln!(out, "the {which} that fails so:")?;
    writeln!(out, "  {:?}", script.knobs)?;
    for step in &script.steps {
        writeln!(out, "  {step:?}")?;
    }
    writeln!(out, "what happens:")?;
    for line in &run.lines {
        writeln!(out, "  {line}")?;
    }
    Ok(())
}

/// Runs seeds.
pub(crate) fn run(arguments: &[String]) -> ExitCode {
    let Some(wanted) = read(arguments) else {
        // Nobody is left to tell when this cannot be written.
        let _ = writeln!(io::stderr(), "{USAGE}");
        return ExitCode::from(2);
    };
    match play_and_tell(&wanted, &mut io::stdout().lock()) {
        Ok(true) => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

fn play_and_tell(wanted: &Wanted, out: &mut dyn Write) -> io::Result<bool> {
    let start = Instant::now();
    let season = &wanted.season;
    let mut told = Ok(());
    let tally = season::play_all(season, &mut |seed, failure| {
        if season.keep_going && told.is_ok() {
            told = writeln!(out, "SEED={seed} {}: {}", failure.property, failure.message);
        }
    });
    told?;
    let seconds = start.elapsed().as_secs_f64();
    if !season.keep_going
        && let Some((seed, failure)) = tally.failures.first()
    {
        tell(*seed, wanted, failure, out)?;
    }
    let mut missing = Vec::new();
    if wanted.markers {
        missing = markers::missing(season.profile, &tally.counts);
    }
    let empty = if season.cells {
        tally.cells.empty()
    } else {
        Vec::new()
    };
    summary(wanted, &tally, &missing, seconds, out)?;
    Ok(tally.failures.is_empty() && missing.is_empty() && empty.is_empty())
}

fn summary(
    wanted: &Wanted,
    tally: &Tally,
    missing: &[&str],
    seconds: f64,
    out: &mut dyn Write,
) -> io::Result<()> {
    let per_second = rate(tally.seeds, seconds);
    let failures = tally.by_property();
    if wanted.json {
        let report = serde_json::json!({
            "profile": wanted.season.profile.name(),
            "seeds": tally.seeds,
            "repeated": tally.repeated,
            "digest": tally.digest(),
            "seconds": seconds,
            "seeds_per_second": per_second,
            "counts": tally.counts,
            "never": missing,
            "cells": wanted.season.cells.then(|| tally.cells.json()),
            "failures": failures,
        });
        return writeln!(out, "{report}");
    }
    writeln!(
        out,
        "{} seeds of {} in {seconds:.1} s ({per_second:.1} a second), {} of them twice, digest {}",
        tally.seeds,
        wanted.season.profile.name(),
        tally.repeated,
        tally.digest()
    )?;
    for (what, times) in &tally.counts {
        writeln!(out, "{times:>9}  {what}")?;
    }
    for (property, seeds) in &failures {
        writeln!(
            out,
            "{property}: {} seeds, such as {:?}",
            seeds.len(),
            &seeds[..seeds.len().min(8)]
        )?;
    }
    if wanted.season.cells {
        tally.cells.tell(out)?;
        for cell in tally.cells.empty() {
            writeln!(out, "never struck: {cell}")?;
        }
    }
    for what in missing {
        writeln!(out, "never happened: {what}")?;
    }
    Ok(())
}

pub(super) fn rate(seeds: u64, seconds: f64) -> f64 {
    u32::try_from(seeds).map_or(f64::MAX, f64::from) / seconds.max(1e-6)
}
