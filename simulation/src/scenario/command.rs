//! The command `scenario`: plays seeds and says what came of them.

use std::io::{self, Write};
use std::ops::Range;
use std::process::ExitCode;
use std::time::Instant;

use notion_sync_testkit::simulation::{self, Failure, How, More};

use super::cells::Cells;
use super::markers::Reached;
use super::play::{self, Manner, Run};
use super::script::{Profile, Script};
use super::season::{self, Player, Season, Tally};

const USAGE: &str = "usage: notion-sync-simulation scenario (--seeds A..B | --replay SEED) \
[--profile PROFILE] [--jobs N] [--markers] [--cells] [--whole] [--canary] [--keep-going] [--json]
       notion-sync-simulation scenario --first PROFILE=N[,PROFILE=N...] [the same but --profile]";

/// What was asked for.
#[derive(Debug)]
struct Wanted {
    /// One after the other.
    seasons: Vec<Season>,
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

/// The first N seeds of each of these worlds.
fn first(text: &str) -> Option<Vec<(Profile, Range<u64>)>> {
    text.split(',')
        .map(|part| {
            let (profile, count) = part.split_once('=')?;
            let count: u64 = count.parse().ok().filter(|count| *count > 0)?;
            Some((Profile::named(profile)?, 1..count.checked_add(1)?))
        })
        .collect()
}

fn read(arguments: &[String]) -> Option<Wanted> {
    let mut seeds = None;
    let mut profile = None;
    let mut list = None;
    let mut season = Season {
        seeds: 0..0,
        profile: Profile::Both,
        canary: false,
        keep_going: false,
        jobs: 1,
        cells: false,
    };
    let mut wanted = Wanted {
        seasons: Vec::new(),
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
            "--first" => list = Some(first(rest.next()?)?),
            "--profile" => profile = Some(Profile::named(rest.next()?)?),
            "--jobs" => season.jobs = jobs(rest.next()?)?,
            "--cells" => season.cells = true,
            "--markers" => wanted.markers = true,
            "--whole" => wanted.whole = true,
            "--canary" => season.canary = true,
            "--json" => wanted.json = true,
            "--keep-going" => season.keep_going = true,
            _ => return None,
        }
    }
    let several = list.is_some();
    let list = match (list, seeds, profile) {
        (Some(list), None, None) => list,
        (None, Some(seeds), profile) => vec![(profile.unwrap_or(Profile::Both), seeds)],
        _ => return None,
    };
    wanted.seasons = list
        .into_iter()
        .map(|(profile, seeds)| Season {
            seeds,
            profile,
            // Faults are aimed at every endpoint in one kind of world; the others say nothing of them.
            cells: season.cells && (!several || profile == Profile::Faults),
            ..season.clone()
        })
        .collect();
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

fn tell(
    seed: u64,
    season: &Season,
    whole: bool,
    failure: &Failure,
    out: &mut dyn Write,
) -> io::Result<()> {
    let profile = season.profile;
    writeln!(out, "SEED={seed} PROFILE={}", profile.name())?;
    writeln!(out, "{}: {}", failure.property, failure.message)?;
    let script = Script::new(seed, profile);
    let mut manner = season::manner(seed, profile, season.canary);
    if failure.property != "P04" {
        manner.cycles = 0;
    }
    let (script, run) = if whole {
        manner.told = true;
        let run = play::run(&script, manner);
        (script, run)
    } else {
        shrink(script, manner, failure.property)
    };
    let which = if whole { "script" } else { "smallest script" };
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
        let _ = writeln!(io::stderr(), "{USAGE}\nPROFILE: {}", Profile::names());
        return ExitCode::from(2);
    };
    match play_and_tell(&wanted, &mut io::stdout().lock()) {
        Ok(true) => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

fn play_and_tell(wanted: &Wanted, out: &mut dyn Write) -> io::Result<bool> {
    let mut passed = true;
    let mut reached = Reached::default();
    let mut cells = Cells::default();
    let (mut counted, mut seeds) = (false, 0);
    for season in &wanted.seasons {
        let tally = play_season(season, wanted, out)?;
        seeds += tally.seeds;
        passed &= tally.failures.is_empty();
        reached.add(season.profile, &tally.counts);
        if season.cells {
            counted = true;
            cells.add(tally.cells);
        }
        if !passed && !season.keep_going {
            break;
        }
    }
    let missing = if wanted.markers {
        reached.missing()
    } else {
        Vec::new()
    };
    let empty = cells.empty();
    if wanted.json {
        let report = serde_json::json!({
            "seeds": seeds,
            "never": missing,
            "cells": counted.then(|| cells.json()),
        });
        writeln!(out, "{report}")?;
    } else {
        if counted {
            cells.tell(out)?;
        }
        for cell in &empty {
            writeln!(out, "never struck: {cell}")?;
        }
        for what in &missing {
            writeln!(out, "never happened: {what}")?;
        }
    }
    Ok(passed && missing.is_empty() && empty.is_empty())
}

fn play_season(season: &Season, wanted: &Wanted, out: &mut dyn Write) -> io::Result<Tally> {
    let start = Instant::now();
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
        tell(*seed, season, wanted.whole, failure, out)?;
    }
    summary(season, wanted.json, &tally, seconds, out)?;
    Ok(tally)
}

fn summary(
    season: &Season,
    json: bool,
    tally: &Tally,
    seconds: f64,
    out: &mut dyn Write,
) -> io::Result<()> {
    let per_second = rate(tally.seeds, seconds);
    let failures = tally.by_property();
    if json {
        let report = serde_json::json!({
            "profile": season.profile.name(),
            "seeds": tally.seeds,
            "repeated": tally.repeated,
            "digest": tally.digest(),
            "seconds": seconds,
            "seeds_per_second": per_second,
            "counts": tally.counts,
            "failures": failures,
        });
        return writeln!(out, "{report}");
    }
    writeln!(
        out,
        "{} seeds of {} in {seconds:.1} s ({per_second:.1} a second), {} of them twice, digest {}",
        tally.seeds,
        season.profile.name(),
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
    Ok(())
}

pub(super) fn rate(seeds: u64, seconds: f64) -> f64 {
    u32::try_from(seeds).map_or(f64::MAX, f64::from) / seconds.max(1e-6)
}
