//! `dead-letter`: writes that were set aside.

use clap::{Args, Subcommand};
use notion_sync_core::id::{MappingId, OpId, RecordId};
use notion_sync_core::state::State;
use notion_sync_store::Access;
use serde_json::json;

use super::arguments::{Common, words};
use super::freeze;
use super::named;
use super::output::{message, plain, time};
use super::session::{Session, environment};
use super::standing::set_aside;
use crate::exit::{Exit, Failure, Outcome};

/// What `dead-letter` takes.
#[derive(Debug, Args)]
pub(super) struct DeadLetterArgs {
    #[command(flatten)]
    pub(super) common: Common,
    #[command(subcommand)]
    command: Option<DeadLetterCommand>,
}

#[derive(Debug, Subcommand)]
enum DeadLetterCommand {
    /// List writes that were set aside, with the reason (default)
    List,
    /// Let what was set aside or given up for a record be planned again by the next `sync`
    Retry {
        /// The record.
        id: String,
    },
    /// Give one write up for good: it is never sent. Where both sides still differ that stays visible,
    /// and the same is not planned again before `retry` or another edit
    Void {
        /// The operation, as `list` shows it.
        op: String,
        /// Why, for whoever wonders later.
        #[arg(long, value_name = "TEXT", value_parser = words)]
        reason: String,
    },
    /// Name what a write made of which nobody can tell whether it was carried out: it is completed as
    /// if the sync had found that object itself
    ResolveWith {
        /// The operation, as `list` shows it.
        op: String,
        /// What it made: address or id of a page, issue, pull request, comment, run of a workflow.
        object: String,
    },
}

pub(super) async fn run(args: DeadLetterArgs) -> Outcome {
    let session = Session::open(&args.common)?;
    match args.command.unwrap_or(DeadLetterCommand::List) {
        DeadLetterCommand::List => list(&session).await,
        DeadLetterCommand::Retry { id } => retry(&session, &id).await,
        DeadLetterCommand::Void { op, reason } => void(&session, &op, &reason).await,
        DeadLetterCommand::ResolveWith { op, object } => resolve_with(&session, &op, &object).await,
    }
}

async fn list(session: &Session) -> Outcome {
    let store = session.look().await?;
    let state = State::new(&*store);
    let (mut found, mut given_up) = (Vec::new(), Vec::new());
    for name in session.config.names() {
        let mapping = MappingId::new(name);
        let records = state.records(&mapping).await?;
        let mut all = set_aside(&state, &records, &mapping).await?;
        for record in records {
            for op in all.remove(&record.id).unwrap_or_default() {
                let error = op.error.as_deref().unwrap_or_default();
                session.output.line(format!(
                    "{} {} {:?}: {}: {}, {} attempts: {}\n  operation {}",
                    record.id,
                    record.mapping,
                    plain(&record.title),
                    op.side,
                    plain(&op.label),
                    op.attempts,
                    message(error),
                    op.id
                ));
                found.push(json!({
                    "record": record.id, "mapping": record.mapping, "title": record.title,
                    "op": op.id, "side": op.side, "summary": op.label, "attempts": op.attempts,
                    "error": op.error,
                }));
            }
            for known in record.given_up.values() {
                session.output.line(format!(
                    "{} {} {:?}: given up by {} on {}: {}: {}\n  operation {}",
                    record.id,
                    record.mapping,
                    plain(&record.title),
                    plain(&known.by),
                    time(known.at),
                    plain(&known.label),
                    message(&known.why),
                    known.op
                ));
                given_up.push(json!({
                    "record": record.id, "mapping": record.mapping, "title": record.title,
                    "op": known.op, "summary": known.label, "by": known.by, "why": known.why,
                    "at": known.at,
                }));
            }
        }
    }
    let exit = if found.is_empty() {
        session.output.line("nothing was set aside");
        Exit::Clean
    } else {
        Exit::Drift
    };
    session
        .output
        .object(&json!({ "operations": found, "given_up": given_up, "exit": exit.code() }));
    Ok(exit)
}

async fn retry(session: &Session, id: &str) -> Outcome {
    let store = session.store(Access::Exclusive).await?;
    let online = session.online()?;
    let engine = session.engine(&online, store).await?;
    let operations = engine.retry(&RecordId::new(id)).await?;
    session
        .output
        .object(&json!({ "record": id, "operations": operations, "exit": 0 }));
    session.output.line(format!(
        "{} writes are planned again by the next `notion-sync sync`",
        operations.len()
    ));
    Ok(Exit::Clean)
}

async fn void(session: &Session, op: &str, reason: &str) -> Outcome {
    let store = session.store(Access::Exclusive).await?;
    let online = session.online()?;
    let engine = session.engine(&online, store).await?;
    let known = engine.give_up(&OpId::new(op), &who(), reason).await?;
    session
        .output
        .object(&json!({ "op": known.op, "given_up": known, "exit": 0 }));
    session.output.line(format!(
        "given up: {}; the next `notion-sync sync` goes on from what both sides show",
        plain(&known.label)
    ));
    Ok(Exit::Clean)
}

async fn resolve_with(session: &Session, op: &str, text: &str) -> Outcome {
    let store = session.store(Access::Exclusive).await?;
    let id = OpId::new(op);
    let known = State::new(&*store).operation(&id).await?.ok_or_else(|| {
        Failure::usage(format!(
            "there is no operation {op:?} (`notion-sync dead-letter` lists those that were set aside)"
        ))
    })?;
    freeze::refuse(session, &*store, [&known.value.mapping]).await?;
    let online = session.online()?;
    let object = named::object(session, &online, &known.value, text).await?;
    let engine = session.engine(&online, store).await?;
    let applied = engine.resolve_with(&id, &object, &who()).await?;
    session
        .output
        .object(&json!({ "op": id, "object": object, "applied": applied, "exit": 0 }));
    session
        .output
        .line(format!("done: {}", plain(&applied.summary)));
    Ok(Exit::Clean)
}

/// Who decides, for people.
fn who() -> String {
    let user = environment("USER").filter(|user| !user.is_empty());
    user.unwrap_or_else(|| "somebody".to_owned())
}
