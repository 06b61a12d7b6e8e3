//! Seeds: a whole world per seed, played through the real engine, and checked at the end.

mod actions;
mod ambush;
mod check;
mod ledger;
mod overheard;
mod people;
mod play;
mod random;
mod script;
mod seam;
#[cfg(test)]
mod tests;
mod text;
mod vignette;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::ExitCode;
use std::time::Instant;

use play::{Manner, Run};
use script::Script;

use crate::mutants::Mutant;

pub(crate) use check::all as check_all;
pub(crate) use ledger::words;
pub(crate) use overheard::{OnWrite, Overheard};
pub(crate) use people::{People, lock};
pub(crate) use play::{Failure, Theatre};
pub(crate) use random::Stream;
pub(crate) use script::{Knobs, Profile};
pub(crate) use seam::{Fragile, Seam, Ways};

const USAGE: &str = "usage: notion-sync-simulation scenario (--seeds A..B | --replay SEED) \
[--profile documents|tasks|both] [--whole] [--canary] [--keep-going] [--json]";

/// Counters that every long campaign must have reached.
const SOMETIMES: [&str; 13] = [
    "parked",
    "conflict settled",
    "voided",
    "audited loser",
    "crashed",
    "dropped after",
    "limited",
    "commit failed",
    "sent more than once",
    "person acts right before a write",
    "ends buried",
    "drift",
    "person acts right before a removal",
];

/// What was asked for.
#[derive(Debug)]
struct Wanted {
    seeds: std::ops::Range<u64>,
    profile: Profile,
    canary: bool,
    json: bool,
    keep_going: bool,
    replay: bool,
    /// A failing script is told as it is, without looking for a smaller one.
    whole: bool,
}

fn read(arguments: &[String]) -> Option<Wanted> {
    let mut wanted = Wanted {
        seeds: 0..0,
        profile: Profile::Both,
        canary: false,
        json: false,
        keep_going: false,
        replay: false,
        whole: false,
    };
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        match argument.as_str() {
            "--seeds" => {
                let (from, to) = rest.next()?.split_once("..")?;
                wanted.seeds = from.parse().ok()?..to.parse().ok()?;
            }
            "--replay" => {
                let seed: u64 = rest.next()?.parse().ok()?;
                wanted.seeds = seed..seed.checked_add(1)?;
                wanted.replay = true;
            }
            "--profile" => wanted.profile = Profile::named(rest.next()?)?,
            "--whole" => wanted.whole = true,
            "--canary" => wanted.canary = true,
            "--json" => wanted.json = true,
            "--keep-going" => wanted.keep_going = true,
            _ => return None,
        }
    }
    (!wanted.seeds.is_empty()).then_some(wanted)
}

/// What came of many seeds.
#[derive(Debug, Default)]
struct Campaign {
    seeds: u64,
    repeated: u64,
    counts: BTreeMap<&'static str, u64>,
    failures: BTreeMap<&'static str, Vec<u64>>,
}

/// How a seed is played. Most end with few quiet cycles, some with many.
fn manner(seed: u64, canary: bool) -> Manner {
    Manner {
        told: false,
        canary,
        mutant: None,
        cycles: if seed.is_multiple_of(16) { 50 } else { 3 },
    }
}

/// Plays a seed with a mutant, or as it is.
pub(crate) fn play_mutant(seed: u64, profile: Profile, mutant: Option<Mutant>, told: bool) -> Run {
    let manner = Manner {
        mutant,
        told,
        ..manner(seed, false)
    };
    play::run(&Script::new(seed, profile), manner)
}

/// Plays a seed; every hundredth twice, and both must be the same to the last byte.
fn play_seed(
    seed: u64,
    profile: Profile,
    canary: bool,
    campaign: &mut Campaign,
) -> Option<Failure> {
    let script = Script::new(seed, profile);
    let manner = manner(seed, canary);
    let run = play::run(&script, manner);
    campaign.seeds += 1;
    for (what, times) in &run.counts {
        *campaign.counts.entry(what).or_default() += times;
    }
    let mut failure = run.failure;
    if seed.is_multiple_of(100) && failure.is_none() {
        campaign.repeated += 1;
        if play::run(&script, manner).hash != run.hash {
            failure = Some(Failure::new("P10", "the same seed went differently"));
        }
    }
    if let Some(failure) = &failure {
        let seeds = campaign.failures.entry(failure.property).or_default();
        seeds.push(seed);
    }
    failure
}

/// Leaves out of a failing script whatever can be left out while it fails in the same way.
fn shrink(script: Script, manner: Manner, property: &str) -> (Script, Run) {
    let mut best = script;
    let mut tries = 0;
    'again: loop {
        for next in best.smaller() {
            tries += 1;
            if tries > 600 {
                break 'again;
            }
            let failure = play::run(&next, manner).failure;
            if failure.is_some_and(|failure| failure.property == property) {
                best = next;
                continue 'again;
            }
        }
        break;
    }
    let told = Manner {
        told: true,
        ..manner
    };
    let run = play::run(&best, told);
    (best, run)
}

fn tell(
    seed: u64,
    wanted: &Wanted,
    failure: &Failure,
    out: &mut dyn std::io::Write,
) -> std::io::Result<()> {
    writeln!(out, "SEED={seed} PROFILE={:?}", wanted.profile)?;
    writeln!(out, "{}: {}", failure.property, failure.message)?;
    let script = Script::new(seed, wanted.profile);
    let mut manner = manner(seed, wanted.canary);
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
    let mut out = std::io::stdout().lock();
    let Some(wanted) = read(arguments) else {
        // Nobody is left to tell when this cannot be written.
        let _ = writeln!(std::io::stderr(), "{USAGE}");
        return ExitCode::from(2);
    };
    match campaign(&wanted, &mut out) {
        Ok(true) => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

fn campaign(wanted: &Wanted, out: &mut dyn std::io::Write) -> std::io::Result<bool> {
    let start = Instant::now();
    let mut campaign = Campaign::default();
    for seed in wanted.seeds.clone() {
        let failure = play_seed(seed, wanted.profile, wanted.canary, &mut campaign);
        let Some(failure) = failure else { continue };
        if wanted.keep_going {
            writeln!(out, "SEED={seed} {}: {}", failure.property, failure.message)?;
            continue;
        }
        tell(seed, wanted, &failure, out)?;
        break;
    }
    let seconds = start.elapsed().as_secs_f64();
    let per_second = campaign_rate(campaign.seeds, seconds);
    if wanted.json {
        let report = serde_json::json!({
            "seeds": campaign.seeds,
            "repeated": campaign.repeated,
            "seconds": seconds,
            "seeds_per_second": per_second,
            "counts": campaign.counts,
            "failures": campaign.failures,
        });
        writeln!(out, "{report}")?;
    } else {
        writeln!(
            out,
            "{} seeds in {seconds:.1} s ({per_second:.1} a second), {} of them twice",
            campaign.seeds, campaign.repeated
        )?;
        for (what, times) in &campaign.counts {
            writeln!(out, "{times:>9}  {what}")?;
        }
        for (property, seeds) in &campaign.failures {
            writeln!(
                out,
                "{property}: {} seeds, such as {:?}",
                seeds.len(),
                &seeds[..seeds.len().min(8)]
            )?;
        }
        if !wanted.replay {
            for what in SOMETIMES {
                if !campaign.counts.contains_key(what) {
                    writeln!(out, "never reached: {what}")?;
                }
            }
        }
    }
    Ok(campaign.failures.is_empty())
}

fn campaign_rate(seeds: u64, seconds: f64) -> f64 {
    u32::try_from(seeds).map_or(f64::MAX, f64::from) / seconds.max(1e-6)
}
