//! `check`: whether registry and both sides agree.

use clap::Args;
use notion_sync_core::engine::{Engine, Finding, Remedy, RunPlan, Stocktaking};
use notion_sync_core::id::MappingId;
use notion_sync_store::Access;
use serde_json::json;

use super::arguments::Common;
use super::freeze;
use super::output::{Output, message, plain};
use super::patience::{pause, remedy, rest_until};
use super::reasons::reason;
use super::session::Session;
use super::standing;
use super::sync::Run;
use crate::exit::{Exit, Failure, Outcome};

/// What `check` takes.
#[derive(Debug, Args)]
pub(super) struct CheckArgs {
    #[command(flatten)]
    pub(super) common: Common,
    /// Look at every pair, not only at those that changed, and compare every mark on both sides with
    /// the registry.
    #[arg(long)]
    full: bool,
    /// Put right what is unambiguous: write marks again that were removed, take copied ones off.
    #[arg(long, requires = "full")]
    repair: bool,
    /// Stay where a service asks to wait, until everything was compared.
    #[arg(long)]
    wait: bool,
}

/// How often one run waits to look at what could not be looked at before: two days of an hourly limit.
const WAITS: usize = 48;

/// Writes nothing without `--repair`. Differences that the next `sync` takes over are no drift.
pub(super) async fn run(args: CheckArgs) -> Outcome {
    let session = Session::open(&args.common)?;
    let store = if args.repair {
        session.store(Access::Exclusive).await?
    } else {
        session.look().await?
    };
    let online = session.online()?;
    let progress = online.progress("check");
    let engine = session.engine(&online, store.clone()).await?;
    let mut repairs = Run::default();
    if args.repair {
        freeze::refuse(&session, &*store, &mappings(&engine)).await?;
        for mapping in mappings(&engine) {
            let mut stock = Stocktaking::default();
            let tick = loop {
                match engine.repair_from(&mapping, &mut stock).await {
                    Ok(tick) => break tick,
                    Err(error) => {
                        pause(session.output, args.wait, command(&args), error).await?;
                    }
                }
            };
            repairs.add(tick);
        }
    }
    let mut marks: Vec<Finding> = Vec::new();
    if args.full {
        for mapping in mappings(&engine) {
            let mut stock = Stocktaking::default();
            let found = loop {
                match engine.findings_from(&mapping, &mut stock).await {
                    Ok(found) => break found,
                    Err(error) => pause(session.output, args.wait, command(&args), error).await?,
                }
            };
            marks.extend(found);
        }
    }
    let plans = plans(&session, &engine, &args).await?;
    drop(progress);
    let standing = standing::of(&session.config, &*store).await?;
    let mut exit = standing::exit(&standing);
    if args.repair {
        exit = exit.or(repairs.exit(true));
        told(session.output, &repairs);
    }
    for finding in &marks {
        exit = exit.or(Exit::Drift);
        show(session.output, finding);
    }
    let mut findings = Vec::new();
    let mut pending = 0;
    for plan in &plans {
        if let Some((until, why)) = &plan.waits {
            exit = exit.or(Exit::Retry);
            session.output.line(format!(
                "{}: not everything could be looked at: {}; {}",
                plan.mapping,
                message(why),
                remedy(command(&args), *until)
            ));
        }
        for (side, why) in &plan.doubts {
            exit = exit.or(Exit::Guard);
            findings.push(json!({
                "mapping": plan.mapping, "record": null, "title": "", "row": 24, "drift": false,
                "side": side, "message": why,
            }));
            session
                .output
                .line(format!("{}: {}", plan.mapping, message(why)));
        }
        for record in &plan.records {
            pending += record.operations.len();
            for alert in &record.plan.alerts {
                if alert.drift {
                    exit = exit.or(Exit::Drift);
                }
                findings.push(json!({
                    "mapping": plan.mapping, "record": record.record(), "title": record.title,
                    "row": alert.row, "drift": alert.drift, "message": alert.message,
                }));
                session.output.line(format!(
                    "{}: {} {:?}: {} [{:02} {}]",
                    plan.mapping,
                    if alert.drift { "drift:" } else { "" },
                    plain(&record.title),
                    message(&alert.message),
                    alert.row.0,
                    reason(alert.row.0)
                ));
            }
            if !record.plan.parks.is_empty() {
                exit = exit.or(Exit::Conflicts);
            }
        }
    }
    let mut summary = json!({
        "findings": findings, "pending_writes": pending, "mappings": standing,
        "exit": exit.code(),
    });
    if args.full {
        summary["marks"] = json!(marks.len());
    }
    if args.repair {
        summary["repaired"] = json!(repairs.applied().len());
    }
    session.output.object(&summary);
    for one in &standing {
        super::status::show(session.output, one);
    }
    session.output.line(format!(
        "{} findings; {pending} writes are due: `notion-sync plan` shows them",
        findings.len() + marks.len()
    ));
    Ok(exit)
}

/// The command, as a person types it.
fn command(args: &CheckArgs) -> &'static str {
    match (args.full, args.repair) {
        (true, true) => "check --full --repair",
        (true, false) => "check --full",
        (false, _) => "check",
    }
}

/// What is due. With `--wait` a service that asks to wait is asked again then.
async fn plans(
    session: &Session,
    engine: &Engine,
    args: &CheckArgs,
) -> Result<Vec<RunPlan>, Failure> {
    let mut waits = 0;
    loop {
        let wait = args.wait && waits < WAITS;
        waits += 1;
        let plans = match engine.plan(args.full).await {
            Ok(plans) => plans,
            Err(error) => {
                pause(session.output, wait, command(args), error).await?;
                continue;
            }
        };
        let until = plans.iter().filter_map(|plan| Some(plan.waits.as_ref()?.0));
        match until.max().filter(|_| wait) {
            Some(until) => rest_until(session.output, until).await,
            None => return Ok(plans),
        }
    }
}

pub(super) fn mappings(engine: &Engine) -> Vec<MappingId> {
    (engine.bindings())
        .map(|binding| binding.mapping.id.clone())
        .collect()
}

/// What `--repair` wrote and could not write.
fn told(output: Output, run: &Run) {
    for (mapping, applied) in run.applied() {
        output.line(format!(
            "{mapping}: repaired: {}: {}",
            applied.side,
            plain(&applied.summary)
        ));
    }
    for error in run.errors() {
        output.line(format!("error: {}", message(error)));
    }
}

/// One finding: a line for people, an object for programs.
pub(super) fn show(output: Output, finding: &Finding) {
    output.object(&json!({ "finding": finding }));
    let (who, what) = match &finding.remedy {
        Remedy::Repair(what) => ("--repair", what),
        Remedy::Sync(what) => ("sync", what),
        Remedy::Person(what) => ("by hand", what),
    };
    let object = finding.object.as_ref().map(|object| object.id.clone());
    let page = finding.page.as_ref().map(|page| page.id.clone());
    let places: Vec<String> = [
        finding.page_url.clone().or(page),
        finding.object_url.clone().or(object),
    ]
    .into_iter()
    .flatten()
    .map(|place| plain(&place))
    .collect();
    output.line(format!(
        "{}: {}: {:?}: {} ({}) [{who}: {}]",
        finding.mapping,
        finding.kind.name(),
        plain(&finding.title),
        message(&finding.message),
        places.join(", "),
        message(what)
    ));
}
