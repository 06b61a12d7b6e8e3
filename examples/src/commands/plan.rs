//! `plan` and `apply`.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use clap::Args;
use notion_sync_core::engine::{Binding, Engine, PlannedRecord, RunPlan};
use notion_sync_core::hash::ContentHash;
use notion_sync_core::id::{MappingId, Side};
use notion_sync_core::mapping::Guard;
use notion_sync_core::operation::Operation;
use notion_sync_core::remote::Action;
use notion_sync_core::state::State;
use notion_sync_core::store::Store;
use notion_sync_core::{Error, ErrorKind};
use notion_sync_store::Access;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::arguments::Common;
use super::freeze;
use super::output::{Output, message, plain, time, unit};
use super::reasons::reason;
use super::session::Session;
use super::standing;
use super::sync::{self, Run};
use crate::config::Config;
use crate::exit::{Exit, Failure, Outcome};

/// Version of plan files.
const VERSION: u32 = 1;
/// Longest plan file, in bytes.
const MAX_FILE: u64 = 64 << 20;

/// What `plan` takes.
#[derive(Debug, Args)]
pub(super) struct PlanArgs {
    #[command(flatten)]
    pub(super) common: Common,
    /// List everything instead of what changed.
    #[arg(long)]
    full: bool,
    /// Write the plan to this file too, for `apply`.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// What `apply` takes.
#[derive(Debug, Args)]
pub(super) struct ApplyArgs {
    #[command(flatten)]
    pub(super) common: Common,
    /// A file that `plan --out` wrote. Refused when anything changed since.
    #[arg(value_name = "PLAN", required_unless_present = "approve")]
    plan: Option<PathBuf>,
    /// Approve the run that the guard stopped, by the beginning of its hash, and carry it out.
    #[arg(long, value_name = "HASH")]
    approve: Option<String>,
}

/// A plan as it is shown and kept.
#[derive(Debug, Serialize, Deserialize)]
struct PlanFile {
    version: u32,
    made_at: DateTime<Utc>,
    full: bool,
    mappings: Vec<MappingPlan>,
    calls: Calls,
    /// How long the calls need at least under the rate limits, in seconds.
    seconds: u64,
}

#[derive(Debug, Serialize, Deserialize)]
struct MappingPlan {
    mapping: MappingId,
    hash: ContentHash,
    removals: usize,
    edits: usize,
    /// Why the guard will stop a run that wants this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    guard: Option<String>,
    records: Vec<RecordPlan>,
}

#[derive(Debug, Serialize, Deserialize)]
struct RecordPlan {
    record: String,
    title: String,
    reasons: Vec<Reason>,
    operations: Vec<PlannedOperation>,
    holds: Vec<Wait>,
    /// Since when something of it is held without a break, as the last run left it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    held_since: Option<DateTime<Utc>>,
    conflicts: Vec<String>,
    alerts: Vec<String>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Reason {
    unit: String,
    row: u8,
    reason: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct PlannedOperation {
    op: String,
    side: Side,
    summary: String,
    rows: Vec<u8>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Wait {
    unit: String,
    row: u8,
    reason: String,
}

/// About how many requests a plan needs.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
struct Calls {
    notion: u64,
    github: u64,
    /// Those among GitHub's that write.
    github_writes: u64,
}

pub(super) async fn run(args: PlanArgs) -> Outcome {
    let session = Session::open(&args.common)?;
    show(&session, args.full, args.out.as_deref()).await
}

/// Plans, prints, keeps. The exit code is 0 also when something is to be done: a plan is no fault.
pub(super) async fn show(session: &Session, full: bool, out: Option<&Path>) -> Outcome {
    let store = session.look().await?;
    let online = session.online()?;
    let progress = online.progress("plan");
    let engine = session.engine(&online, store.clone()).await?;
    let plans = engine.plan(full).await?;
    drop(progress);
    let standing = standing::of(&session.config, &*store).await?;
    let mut plan = kept(&session.config, &engine, &plans, full);
    for (one, whole) in plan.mappings.iter_mut().zip(&plans) {
        let known = State::new(&*store).mapping(&one.mapping).await?.value;
        let pairs = (standing.iter())
            .find(|standing| standing.mapping == one.mapping.as_str())
            .map_or(0, |standing| standing.live + standing.deleting);
        if known.approved != Some(one.hash) {
            one.guard = too_much(&session.config.guard, whole, pairs);
        }
    }
    if let Some(file) = out {
        write(file, &plan)?;
    }
    let exit = standing::exit(&standing);
    if session.output.is_json() {
        session
            .output
            .object(&json!({ "plan": plan, "exit": exit.code() }));
    } else {
        print(session.output, &plan, out);
    }
    Ok(exit)
}

/// Why the guard will stop this plan for what it counts, as far as the numbers alone tell: a side
/// that lists nothing and a changed configuration show only in the run.
fn too_much(guard: &Guard, plan: &RunPlan, pairs: usize) -> Option<String> {
    let counts = [
        (
            "removals",
            plan.removals,
            guard.removals,
            guard.removal_percent,
        ),
        ("edits", plan.edits, guard.edits, guard.edit_percent),
        ("merges", plan.merges, guard.merges, 0),
    ];
    counts
        .into_iter()
        .map(|(what, count, floor, percent)| (what, count, floor.max(pairs * percent / 100)))
        .find(|(_, count, allowed)| count > allowed)
        .map(|(what, count, allowed)| {
            format!("{count} {what}, {allowed} are allowed for {pairs} pairs")
        })
}

fn kept(config: &Config, engine: &Engine, plans: &[RunPlan], full: bool) -> PlanFile {
    let mut calls = Calls::default();
    let mappings = plans
        .iter()
        .map(|plan| {
            if let Some(binding) = engine.bindings().find(|one| one.mapping.id == plan.mapping) {
                calls.add(binding, plan);
            }
            MappingPlan {
                mapping: plan.mapping.clone(),
                hash: plan.hash,
                removals: plan.removals,
                edits: plan.edits,
                guard: None,
                records: plan
                    .records
                    .iter()
                    .map(record)
                    .filter(|record| !record.is_quiet())
                    .collect(),
            }
        })
        .collect();
    PlanFile {
        version: VERSION,
        made_at: Utc::now(),
        full,
        mappings,
        calls,
        seconds: calls.seconds(config),
    }
}

impl RecordPlan {
    fn is_quiet(&self) -> bool {
        self.operations.is_empty()
            && self.holds.is_empty()
            && self.conflicts.is_empty()
            && self.alerts.is_empty()
    }
}

fn record(planned: &PlannedRecord) -> RecordPlan {
    let plan = &planned.plan;
    RecordPlan {
        record: planned.record().to_string(),
        title: planned.title.clone(),
        reasons: plan
            .rows
            .iter()
            .map(|(unit, row)| Reason {
                unit: unit.to_string(),
                row: row.0,
                reason: reason(row.0).to_owned(),
            })
            .collect(),
        operations: planned
            .operations
            .iter()
            .map(|op| PlannedOperation {
                op: op.id.to_string(),
                side: op.side,
                summary: op.label.clone(),
                rows: op.rows.clone(),
            })
            .collect(),
        holds: plan
            .holds
            .iter()
            .map(|hold| Wait {
                unit: hold.unit.to_string(),
                row: hold.row.0,
                reason: hold.reason.clone(),
            })
            .collect(),
        held_since: planned.held_since().filter(|_| !plan.holds.is_empty()),
        conflicts: plan
            .parks
            .iter()
            .map(|park| park.unit.to_string())
            .collect(),
        alerts: plan
            .alerts
            .iter()
            .map(|alert| alert.message.clone())
            .collect(),
    }
}

impl Calls {
    /// Adds what a mapping's plan needs: an estimate from how the adapters write. Writes that go
    /// into one commit share its requests; a body is read before and after its blocks are written.
    fn add(&mut self, binding: &Binding, plan: &RunPlan) {
        let mut groups: BTreeSet<String> = BTreeSet::new();
        for op in plan.records.iter().flat_map(|one| &one.operations) {
            match op.side {
                Side::Notion => self.notion += notion_calls(op),
                Side::Github => {
                    let (reads, writes) = match binding.github.group(&op.write.action) {
                        // Ref, commit and check; tree, commit and ref are written.
                        Some(group) if groups.insert(group.clone()) => (3, 3),
                        Some(_) => (0, 0),
                        None => github_calls(op),
                    };
                    self.github += reads + writes;
                    self.github_writes += writes;
                }
            }
        }
    }

    /// The least time under the rate limits.
    fn seconds(&self, config: &Config) -> u64 {
        let per_minute = u64::from(config.notion.requests_per_minute.max(1));
        let windows = self.notion / per_minute;
        let writes = self.github_writes * u64::from(config.github.write_spacing_ms) / 1_000;
        (windows * 60).max(writes)
    }
}

fn notion_calls(op: &Operation) -> u64 {
    match &op.write.action {
        Action::Create(_) => 2,
        Action::Update(update) => {
            let fields = u64::from(!update.fields.is_empty() || !update.bookkeeping.is_empty());
            let content = if update.content.is_some() { 4 } else { 0 };
            (fields + content).max(1)
        }
        _ => 1,
    }
}

/// Requests that read, and that write.
fn github_calls(op: &Operation) -> (u64, u64) {
    match &op.write.action {
        // Branch, tree, commit, pull request, reviewers, comment.
        Action::Propose(propose) => (3, 4 + u64::from(!propose.reviewers.is_empty())),
        Action::Withdraw { .. } => (1, 2),
        _ => (1, 1),
    }
}

fn print(output: Output, plan: &PlanFile, out: Option<&Path>) {
    let mut writes = 0;
    for mapping in &plan.mappings {
        output.line(format!("{}:", mapping.mapping));
        for record in &mapping.records {
            output.line(format!("  {:?} ({})", plain(&record.title), record.record));
            for op in &record.operations {
                writes += 1;
                let rows: Vec<String> = op
                    .rows
                    .iter()
                    .map(|row| format!("{row:02} {}", reason(*row)))
                    .collect();
                output.line(format!(
                    "    -> {}: {} [{}]",
                    op.side,
                    plain(&op.summary),
                    rows.join(", ")
                ));
            }
            for hold in &record.holds {
                output.line(format!(
                    "    .. {} waits: {} [{:02} {}]",
                    unit(&hold.unit),
                    message(&hold.reason),
                    hold.row,
                    reason(hold.row)
                ));
            }
            if let Some(since) = record.held_since {
                output.line(format!(
                    "       (something of it waits since {})",
                    time(since)
                ));
            }
            for name in &record.conflicts {
                output.line(format!("    !! both sides changed {}", unit(name)));
            }
            for alert in &record.alerts {
                output.line(format!("    !! {}", message(alert)));
            }
        }
        let records = mapping.records.len();
        output.line(format!(
            "  {records} records, {} edits, {} removals, plan {}",
            mapping.edits,
            mapping.removals,
            mapping.hash.short(12)
        ));
        if let Some(why) = &mapping.guard {
            output.line(format!(
                "  the guard will stop a run: {why}; `notion-sync sync` asks then for `notion-sync apply \
                 --approve {}`",
                mapping.hash.short(12)
            ));
        }
    }
    output.line(format!(
        "{writes} writes: about {} requests to Notion and {} to GitHub, at least {} s under the \
         rate limits",
        plan.calls.notion, plan.calls.github, plan.seconds
    ));
    if let Some(file) = out {
        output.line(format!(
            "`notion-sync apply {}` carries it out",
            file.display()
        ));
    }
}

/// Writes a plan for its owner only: it holds titles.
fn write(path: &Path, plan: &PlanFile) -> Result<(), Failure> {
    let failed = |error: &dyn std::fmt::Display| {
        Failure::usage(format!(
            "the plan cannot be written to {}: {error} (name another file)",
            path.display()
        ))
    };
    let text = serde_json::to_string_pretty(plan).map_err(|error| failed(&error))?;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    let mut file = options.open(path).map_err(|error| failed(&error))?;
    file.write_all(text.as_bytes())
        .and_then(|()| file.write_all(b"\n"))
        .map_err(|error| failed(&error))
}

fn read(path: &Path) -> Result<PlanFile, Failure> {
    let failed = |why: String| {
        Failure::usage(format!(
            "{}: {why} (make one with `notion-sync plan --out FILE`)",
            path.display()
        ))
    };
    let size = std::fs::metadata(path)
        .map_err(|error| failed(error.to_string()))?
        .len();
    if size > MAX_FILE {
        return Err(failed(format!("it has more than {MAX_FILE} bytes")));
    }
    let text = std::fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
    let plan: PlanFile =
        serde_json::from_str(&text).map_err(|error| failed(format!("it is no plan: {error}")))?;
    if plan.version != VERSION {
        return Err(failed(format!(
            "it is of version {}, this program writes {VERSION}",
            plan.version
        )));
    }
    Ok(plan)
}

pub(super) async fn apply(args: ApplyArgs) -> Outcome {
    let plan = args.plan.as_deref().map(read).transpose()?;
    let session = Session::open(&args.common)?;
    if let Some(hash) = &args.approve
        && (hash.len() < 8 || !hash.chars().all(|c| c.is_ascii_hexdigit()))
    {
        return Err(Failure::usage(format!(
            "{hash:?} is no hash of a plan (give at least the first 8 digits that `plan` prints)"
        )));
    }
    let store = session.store(Access::Exclusive).await?;
    let online = session.online()?;
    let progress = online.progress("apply");
    let engine = session.engine(&online, store.clone()).await?;
    let concerned = concerned(&*store, &engine, plan.as_ref(), args.approve.as_deref()).await?;
    freeze::refuse(&session, &*store, &concerned).await?;
    if let Some(hash) = &args.approve {
        engine.approve(hash).await.map_err(nobody_waits)?;
    }
    let mut run = Run::default();
    match plan {
        Some(plan) => {
            let hashes: BTreeMap<MappingId, ContentHash> = plan
                .mappings
                .iter()
                .map(|one| (one.mapping.clone(), one.hash))
                .collect();
            run.add(engine.apply(&hashes, plan.full).await?);
        }
        None => {
            let (hashes, full) = approved(&engine, args.approve.as_deref()).await?;
            run.add(engine.apply(&hashes, full).await?);
        }
    }
    drop(progress);
    let standing = standing::of(&session.config, &*store).await?;
    let exit = run.exit_with_rest(true).or(standing::exit(&standing));
    let calls = (online.notion.calls(), online.github.calls());
    sync::show(session.output, &run, &standing, calls, exit);
    Ok(exit)
}

/// The mappings that a plan writes, and those whose run waits for this approval.
async fn concerned(
    store: &dyn Store,
    engine: &Engine,
    plan: Option<&PlanFile>,
    approved: Option<&str>,
) -> Result<Vec<MappingId>, Failure> {
    let planned = plan.into_iter().flat_map(|plan| &plan.mappings);
    let mut out: Vec<MappingId> = planned.map(|one| one.mapping.clone()).collect();
    let Some(hash) = approved else {
        return Ok(out);
    };
    for binding in engine.bindings() {
        let id = &binding.mapping.id;
        let known = State::new(store).mapping(id).await?.value;
        if (known.guarded).is_some_and(|plan| plan.to_string().starts_with(hash)) {
            out.push(id.clone());
        }
    }
    Ok(out)
}

/// An approval of what no run waits for is no matter of time: the same command fails for ever.
fn nobody_waits(error: Error) -> Failure {
    let stale = error.kind() == ErrorKind::Stale;
    let failure = Failure::from(error);
    if stale {
        Failure::usage(failure.to_string())
    } else {
        failure
    }
}

/// The plans that an approval names, and whether it takes a full listing to come to them again:
/// removals often show only there.
async fn approved(
    engine: &Engine,
    hash: Option<&str>,
) -> Result<(BTreeMap<MappingId, ContentHash>, bool), Failure> {
    let hash = hash.unwrap_or_default();
    for full in [false, true] {
        let named: BTreeMap<MappingId, ContentHash> = engine
            .plan(full)
            .await?
            .into_iter()
            .filter(|plan| plan.hash.to_string().starts_with(hash))
            .map(|plan| (plan.mapping, plan.hash))
            .collect();
        if !named.is_empty() {
            return Ok((named, full));
        }
    }
    Err(Failure::new(
        Exit::Retry,
        "the world moved on: no plan has this hash any more, nothing was written (run \
         `notion-sync plan --full` and look again)",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_follows_the_tighter_limit() {
        let mut config = Config::default();
        let calls = Calls {
            notion: 400,
            github: 50,
            github_writes: 30,
        };
        assert_eq!(calls.seconds(&config), 120);
        config.notion.requests_per_minute = 600;
        assert_eq!(calls.seconds(&config), 30);
        assert_eq!(Calls::default().seconds(&config), 0);
    }
}
