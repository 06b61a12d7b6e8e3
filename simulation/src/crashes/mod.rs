//! Crashes: the process dies at every step of the life of every kind of operation, another one goes
//! on, and what both services hold at the end is the same as if nothing had died.

mod hands;
mod kind;
mod matrix;
mod play;
mod step;
#[cfg(test)]
mod tests;
mod watch;
mod worlds;

use std::io::Write;
use std::process::ExitCode;
use std::time::Instant;

use kind::Kind;
use matrix::{Cell, Double, Outcome, Recorded};
use step::Step;

const USAGE: &str = "usage: notion-sync-simulation crashes [--only KIND[:STEP]] [--doubles N | \
--double NUMBER] [--jobs N] [--json]";

/// Runs with two deaths where nothing else is said.
const DOUBLES: u64 = 100;

/// What was asked for.
#[derive(Debug)]
struct Wanted {
    only: Option<(Kind, Option<Step>)>,
    doubles: std::ops::Range<u64>,
    one_double: bool,
    jobs: usize,
    json: bool,
}

fn read(arguments: &[String]) -> Option<Wanted> {
    let mut wanted = Wanted {
        only: None,
        doubles: 0..DOUBLES,
        one_double: false,
        jobs: std::thread::available_parallelism().map_or(1, usize::from),
        json: false,
    };
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        match argument.as_str() {
            "--only" => {
                let name = rest.next()?;
                let (kind, step) = match name.split_once(':') {
                    Some((kind, step)) => (kind, Some(Step::named(step)?)),
                    None => (name.as_str(), None),
                };
                wanted.only = Some((Kind::named(kind)?, step));
                wanted.doubles = 0..0;
            }
            "--doubles" => wanted.doubles = 0..rest.next()?.parse().ok()?,
            "--double" => {
                let number: u64 = rest.next()?.parse().ok()?;
                wanted.doubles = number..number.checked_add(1)?;
                wanted.one_double = true;
            }
            "--jobs" => wanted.jobs = rest.next()?.parse().ok().filter(|jobs| *jobs > 0)?,
            "--json" => wanted.json = true,
            _ => return None,
        }
    }
    Some(wanted)
}

/// Runs the matrix.
pub(crate) fn run(arguments: &[String]) -> ExitCode {
    let Some(wanted) = read(arguments) else {
        // Nobody is left to tell when this cannot be written.
        let _ = writeln!(std::io::stderr(), "{USAGE}");
        return ExitCode::from(2);
    };
    match report(&wanted, &mut std::io::stdout().lock()) {
        Ok(true) => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

fn report(wanted: &Wanted, out: &mut dyn Write) -> std::io::Result<bool> {
    let start = Instant::now();
    let recorded = matrix::record(wanted.jobs);
    let broken = recorded.iter().filter(|one| one.played.failure.is_some());
    let mut sound = true;
    for one in broken {
        sound = false;
        if let Some(failure) = &one.played.failure {
            let (name, property) = (one.scene.name, failure.property);
            writeln!(
                out,
                "{name} without a death: {property}: {}",
                failure.message
            )?;
        }
    }
    let asked = |kind: Kind, step: Step| match wanted.only {
        Some((only, at)) => kind == only && at.is_none_or(|at| at == step),
        None => !wanted.one_double,
    };
    let alone = matches!(wanted.only, Some((_, Some(_))));
    let (cells, lines) = matrix::run(&recorded, wanted.jobs, &asked, alone);
    let doubles = matrix::doubles(
        &recorded,
        wanted.jobs,
        wanted.doubles.clone(),
        wanted.one_double,
    );
    let seconds = start.elapsed().as_secs_f64();
    let failed = |cell: &&Cell| matches!(cell.outcome, Outcome::Failed(_));
    sound &= !cells.iter().any(|cell| failed(&cell));
    sound &= doubles.iter().all(|double| double.failure.is_none());
    if wanted.json {
        let report = serde_json::json!({
            "seconds": seconds,
            "cells": cells.iter().map(cell_json).collect::<Vec<_>>(),
            "doubles": doubles.len(),
            "twice": doubles.iter().filter(|double| double.twice).count(),
            "failed_doubles": doubles.iter().filter_map(double_json).collect::<Vec<_>>(),
        });
        writeln!(out, "{report}")?;
        return Ok(sound);
    }
    table(&cells, out)?;
    for line in &lines {
        writeln!(out, "  {line}")?;
    }
    for cell in cells.iter().filter(failed) {
        if let Outcome::Failed(failure) = &cell.outcome {
            let (kind, step) = (cell.kind, cell.step.name());
            let scene = cell.scene.unwrap_or("no world");
            let (property, message) = (failure.property, &failure.message);
            writeln!(out, "{kind}:{step} in {scene}: {property}: {message}")?;
        }
    }
    for double in &doubles {
        if let Some(failure) = &double.failure {
            writeln!(
                out,
                "double {} in {} ({:?}): {}: {}",
                double.number, double.scene, double.targets, failure.property, failure.message
            )?;
        }
        for line in &double.lines {
            writeln!(out, "  {line}")?;
        }
    }
    totals(&cells, &doubles, &recorded, seconds, out)?;
    Ok(sound)
}

fn totals(
    cells: &[Cell],
    doubles: &[Double],
    recorded: &[Recorded],
    seconds: f64,
    out: &mut dyn Write,
) -> std::io::Result<()> {
    let (mut held, mut runs, mut never) = (0, 0, 0);
    for cell in cells {
        match &cell.outcome {
            Outcome::Held(count) => (held, runs) = (held + 1, runs + count),
            Outcome::Never(_) => never += 1,
            Outcome::Failed(_) => {}
        }
    }
    let failed = cells.len() - held - never;
    writeln!(
        out,
        "{held} cells hold in {runs} runs, {never} are impossible, {failed} fail; {} worlds; {} runs \
         with two deaths, {} of them died twice, {} fail; {seconds:.1} s",
        recorded.len(),
        doubles.len(),
        doubles.iter().filter(|double| double.twice).count(),
        doubles.iter().filter(|one| one.failure.is_some()).count(),
    )
}

/// One row for each kind that occurs: how many runs each cell took.
fn table(cells: &[Cell], out: &mut dyn Write) -> std::io::Result<()> {
    write!(out, "{:<24}", "")?;
    for step in Step::ALL {
        write!(out, "{:>10}", step.name())?;
    }
    writeln!(out)?;
    for kind in Kind::all() {
        let row: Vec<&Cell> = cells.iter().filter(|cell| cell.kind == kind).collect();
        if row.is_empty()
            || row
                .iter()
                .all(|cell| matches!(cell.outcome, Outcome::Never(_)))
        {
            continue;
        }
        write!(out, "{:<24}", kind.to_string())?;
        for step in Step::ALL {
            let cell = row.iter().find(|cell| cell.step == step);
            let said = match cell.map(|cell| &cell.outcome) {
                Some(Outcome::Held(runs)) => runs.to_string(),
                Some(Outcome::Never(_)) => "-".to_owned(),
                Some(Outcome::Failed(failure)) => failure.property.to_owned(),
                None => String::new(),
            };
            write!(out, "{said:>10}")?;
        }
        writeln!(out)?;
    }
    Ok(())
}

fn cell_json(cell: &Cell) -> serde_json::Value {
    let (outcome, runs, why) = match &cell.outcome {
        Outcome::Held(runs) => ("held", *runs, None),
        Outcome::Never(reason) => ("never", 0, Some((*reason).to_owned())),
        Outcome::Failed(failure) => {
            let why = format!("{}: {}", failure.property, failure.message);
            ("failed", 0, Some(why))
        }
    };
    serde_json::json!({
        "kind": cell.kind.to_string(),
        "step": cell.step.name(),
        "outcome": outcome,
        "runs": runs,
        "why": why,
        "world": cell.scene,
    })
}

fn double_json(double: &Double) -> Option<serde_json::Value> {
    let failure = double.failure.as_ref()?;
    Some(serde_json::json!({
        "number": double.number,
        "world": double.scene,
        "property": failure.property,
        "message": failure.message,
    }))
}
