//! `sync`: looks at both sides and writes what is due.

use std::time::Duration;

use chrono::Utc;
use clap::Args;
use notion_sync_core::engine::{Applied, Budget, Incident, MappingReport, Tick};
use notion_sync_store::Access;
use serde_json::json;

use super::arguments::Common;
use super::output::{Output, message, plain, time};
use super::patience::{Patience, span};
use super::plan;
use super::session::Session;
use super::standing::{self, MappingStanding};
use crate::exit::{Exit, Failure, Outcome};
use crate::wiring::Assembly;

/// Ticks without a write and without a wait after which a run is over, whatever is due: a host
/// that goes on would spin.
const IDLE: usize = 5;
/// Ticks of one run at most.
const MOST: usize = 100_000;

/// What `sync` takes.
#[derive(Debug, Args)]
pub(super) struct SyncArgs {
    #[command(flatten)]
    pub(super) common: Common,
    /// Only show what would be done, like `plan`.
    #[arg(long)]
    dry_run: bool,
    /// List everything instead of what changed.
    #[arg(long)]
    full: bool,
    /// Stay until nothing is under way: settling pages, quiet periods, retries. Ends where only a person
    /// can help, and where nothing got on for an hour because a service does not answer.
    #[arg(long)]
    wait: bool,
    /// With --wait: stay no longer than this, for example 30m; what is due later is left to the next run,
    /// and the exit code is 1.
    #[arg(long, value_name = "TIME", requires = "wait", value_parser = span)]
    wait_at_most: Option<Duration>,
}

/// Everything that a run did.
#[derive(Debug, Default)]
pub(super) struct Run {
    ticks: usize,
    /// Looks at records: one that several rounds looked at counts as often.
    observed: usize,
    applied: Vec<(String, Applied)>,
    incidents: Vec<(String, Incident)>,
    last: Tick,
    /// What is due is beyond what was to be waited for.
    gave_up: bool,
}

impl Run {
    pub(super) fn add(&mut self, tick: Tick) {
        self.ticks += 1;
        for report in &tick.mappings {
            let name = report.mapping.to_string();
            self.observed += report.observed;
            for applied in &report.applied {
                self.applied.push((name.clone(), applied.clone()));
            }
            for incident in &report.incidents {
                let entry = (name.clone(), incident.clone());
                if !self.incidents.contains(&entry) {
                    self.incidents.push(entry);
                }
            }
        }
        self.last = tick;
    }

    /// Every write, with its mapping.
    pub(super) fn applied(&self) -> &[(String, Applied)] {
        &self.applied
    }

    /// What stopped part of the last tick.
    pub(super) fn errors(&self) -> impl Iterator<Item = &str> {
        self.last.errors()
    }

    /// As [`exit`](Self::exit), for a command whose output names the moment at which work goes on:
    /// that is left to a later run.
    pub(super) fn exit_with_rest(&self, done: bool) -> Exit {
        match self.last.settle_due {
            Some(_) => self.exit(false),
            None => self.exit(done),
        }
    }

    /// What the last tick asks for.
    pub(super) fn exit(&self, done: bool) -> Exit {
        let mut exit = Exit::Clean;
        for report in &self.last.mappings {
            if report.refused {
                exit = exit.or(Exit::Refused);
            }
            if report.frozen.is_some() {
                exit = exit.or(Exit::Frozen);
            }
            if report.guard.is_some() || !report.doubts.is_empty() {
                exit = exit.or(Exit::Guard);
            }
            if report.conflicts > 0 {
                exit = exit.or(Exit::Conflicts);
            }
            // What waits for a person, and what waits behind it, no later run finishes by itself.
            let waits = report.open_operations > 0 && report.settle_due.is_some();
            if report.blocked > 0 {
                exit = exit.or(Exit::Refused);
            }
            let elsewhere = report.worked_by.is_some();
            if report.retry || !report.errors.is_empty() || waits || elsewhere {
                exit = exit.or(Exit::Retry);
            }
        }
        if !done {
            exit = exit.or(Exit::Retry);
        }
        exit
    }
}

pub(super) async fn run(args: SyncArgs) -> Outcome {
    let session = Session::open(&args.common)?;
    if args.dry_run {
        return plan::show(&session, args.full, None).await;
    }
    let store = session.store(Access::Exclusive).await?;
    let online = session.online()?;
    let progress = online.progress("sync");
    let assembly = session.assemble(&online, store.clone()).await?;
    let mut run = Run::default();
    let patience = (args.wait).then(|| Patience::new(args.wait_at_most, Utc::now()));
    let done = ticks(&assembly, args.full, patience, &mut run).await?;
    drop(progress);
    let standing = standing::of(&session.config, &*store).await?;
    let exit = run.exit_with_rest(done).or(standing::exit(&standing));
    let calls = (online.notion.calls(), online.github.calls());
    show(session.output, &run, &standing, calls, exit);
    Ok(exit)
}

/// Ticks until nothing is due now, or with patience until nothing is under way. Answers whether it
/// got there.
async fn ticks(
    assembly: &Assembly,
    full: bool,
    mut patience: Option<Patience>,
    run: &mut Run,
) -> Result<bool, Failure> {
    let mut budget = Budget {
        poll_now: true,
        full,
        ..Budget::default()
    };
    let mut idle = 0;
    for _ in 0..MOST {
        let tick = assembly.tick(budget).await?;
        // Where somebody else is at it, the look is still to come.
        let elsewhere = tick
            .mappings
            .iter()
            .any(|report| report.worked_by.is_some());
        if !elsewhere {
            budget = Budget::default();
        }
        let wrote = tick.writes() > 0;
        let due = tick.settle_due;
        let stopped = only_a_person_helps(&tick);
        let refused = tick.mappings.iter().any(|report| report.refused);
        if let Some(patience) = &mut patience {
            patience.round(!wrote && tick.errors().next().is_some(), Utc::now());
        }
        run.add(tick);
        let Some(due) = due else {
            if wrote {
                continue;
            }
            return Ok(true);
        };
        if stopped || refused {
            return Ok(true);
        }
        let pause = due - Utc::now();
        if pause > chrono::Duration::zero() {
            let Some(patience) = &patience else {
                return Ok(true);
            };
            if !patience.lasts_until(due) {
                run.gave_up = true;
                return Ok(false);
            }
            let pause = pause.to_std().unwrap_or(Duration::from_secs(1));
            // Looks again at the latest after a minute: people edit meanwhile.
            tokio::time::sleep(pause.min(Duration::from_secs(60))).await;
            idle = 0;
        } else if wrote {
            idle = 0;
        } else {
            idle += 1;
            if idle >= IDLE {
                return Ok(false);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
    Ok(false)
}

/// Whether what is left of a round waits for an approval, or for a sentinel to be readable again. Edits
/// go on without one, so what is under way is waited for.
fn only_a_person_helps(tick: &Tick) -> bool {
    let doubted = tick.mappings.iter().any(|one| !one.doubts.is_empty());
    let at_rest = |one: &MappingReport| one.open_operations <= one.blocked;
    tick.mappings.iter().any(|one| one.guard.is_some())
        || (doubted && tick.writes() == 0 && tick.mappings.iter().all(at_rest))
}

/// Prints what a run did.
pub(super) fn show(
    output: Output,
    run: &Run,
    standing: &[MappingStanding],
    calls: (u64, u64),
    exit: Exit,
) {
    if output.is_json() {
        let applied: Vec<_> = run
            .applied
            .iter()
            .map(|(mapping, one)| {
                json!({ "mapping": mapping, "op": one.op, "side": one.side, "summary": one.summary })
            })
            .collect();
        let incidents: Vec<_> = run
            .incidents
            .iter()
            .map(|(mapping, one)| {
                json!({
                    "mapping": mapping, "subject": one.subject, "message": one.message,
                    "drift": one.drift,
                })
            })
            .collect();
        output.object(&json!({
            "ticks": run.ticks,
            "observed": run.observed,
            "applied": applied,
            "incidents": incidents,
            "mappings": run.last.mappings,
            "next_due": run.last.next_due,
            "settle_due": run.last.settle_due,
            "set_aside": standing.iter().map(|one| one.dead).sum::<usize>(),
            "calls": { "notion": calls.0, "github": calls.1 },
            "exit": exit.code(),
        }));
        return;
    }
    for (mapping, applied) in &run.applied {
        output.line(format!(
            "{mapping}: {}: {}",
            applied.side,
            plain(&applied.summary)
        ));
    }
    for report in &run.last.mappings {
        if let Some(why) = &report.frozen {
            output.line(format!("{}: {}", report.mapping, message(why)));
        }
        if let Some(owner) = &report.worked_by {
            output.line(format!("{}: {owner} works on it", report.mapping));
        }
    }
    for (mapping, incident) in &run.incidents {
        output.line(format!(
            "{mapping}: {:?}: {}",
            plain(&incident.subject),
            message(&incident.message)
        ));
    }
    for report in &run.last.mappings {
        for error in &report.errors {
            output.line(format!("{}: error: {}", report.mapping, message(error)));
        }
        if let Some(guard) = &report.guard {
            output.line(guard);
        }
    }
    output.line(format!(
        "{} looks at records, {} writes, {} requests to Notion, {} to GitHub",
        run.observed,
        run.applied.len(),
        calls.0,
        calls.1
    ));
    for report in &run.last.mappings {
        if report.conflicts > 0 {
            output.line(format!(
                "{}: {} records with open conflicts: `notion-sync conflicts`",
                report.mapping, report.conflicts
            ));
        }
        if report.blocked > 0 {
            output.line(format!(
                "{}: {} writes wait for a person: `notion-sync status`",
                report.mapping, report.blocked
            ));
        }
    }
    for one in standing.iter().filter(|one| one.dead > 0) {
        output.line(format!(
            "{}: {} writes set aside: see `notion-sync dead-letter`",
            one.mapping, one.dead
        ));
    }
    if let Some(due) = run.last.settle_due {
        let longer = if run.gave_up {
            "or let it wait longer with --wait-at-most"
        } else {
            "or use --wait"
        };
        output.line(format!(
            "work goes on at {}: run `sync` again then, {longer}",
            time(due)
        ));
    }
}
