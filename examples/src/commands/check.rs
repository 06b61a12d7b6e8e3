//! `check`: whether registry and both sides agree.

use clap::Args;
use serde_json::json;

use super::arguments::Common;
use super::output::plain;
use super::reasons::reason;
use super::session::Session;
use super::standing;
use crate::exit::{Exit, Outcome};

/// What `check` takes.
#[derive(Debug, Args)]
pub(super) struct CheckArgs {
    #[command(flatten)]
    pub(super) common: Common,
    /// Look at every pair, not only at those that changed.
    #[arg(long)]
    full: bool,
}

/// Writes nothing. Differences that the next `sync` takes over are no drift.
pub(super) async fn run(args: CheckArgs) -> Outcome {
    let session = Session::open(&args.common)?;
    let store = session.look().await?;
    let online = session.online()?;
    let progress = online.progress("check");
    let engine = session.engine(&online, store.clone()).await?;
    let plans = engine.plan(args.full).await?;
    drop(progress);
    let standing = standing::of(&session.config, &*store).await?;
    let mut exit = standing::exit(&standing);
    let mut findings = Vec::new();
    let mut pending = 0;
    for plan in &plans {
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
                    plain(&alert.message),
                    alert.row.0,
                    reason(alert.row.0)
                ));
            }
            if !record.plan.parks.is_empty() {
                exit = exit.or(Exit::Conflicts);
            }
        }
    }
    session.output.object(&json!({
        "findings": findings, "pending_writes": pending, "mappings": standing,
        "exit": exit.code(),
    }));
    for one in &standing {
        super::status::show(session.output, one);
    }
    session.output.line(format!(
        "{} findings; {pending} writes are due: `notion-sync plan` shows them",
        findings.len()
    ));
    Ok(exit)
}
