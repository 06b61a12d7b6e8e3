//! `dead-letter`: writes that were set aside.

use clap::{Args, Subcommand};
use notion_sync_core::id::{MappingId, RecordId};
use notion_sync_core::state::State;
use notion_sync_store::Access;
use serde_json::json;

use super::arguments::Common;
use super::output::plain;
use super::session::Session;
use super::standing::set_aside;
use crate::exit::{Exit, Outcome};

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
    /// Let what was set aside for a record be planned again by the next `sync`
    Retry {
        /// The record.
        id: String,
    },
}

pub(super) async fn run(args: DeadLetterArgs) -> Outcome {
    let session = Session::open(&args.common)?;
    match args.command.unwrap_or(DeadLetterCommand::List) {
        DeadLetterCommand::List => list(&session).await,
        DeadLetterCommand::Retry { id } => retry(&session, &id).await,
    }
}

async fn list(session: &Session) -> Outcome {
    let store = session.look().await?;
    let state = State::new(&*store);
    let mut found = Vec::new();
    for name in session.config.names() {
        for record in state.records(&MappingId::new(name)).await? {
            for op in set_aside(&state, &record).await? {
                let error = op.error.as_deref().unwrap_or_default();
                session.output.line(format!(
                    "{} {} {:?}: {}: {}, {} attempts: {}",
                    record.id,
                    record.mapping,
                    plain(&record.title),
                    op.side,
                    plain(&op.label),
                    op.attempts,
                    plain(error)
                ));
                found.push(json!({
                    "record": record.id, "mapping": record.mapping, "title": record.title,
                    "op": op.id, "side": op.side, "summary": op.label, "attempts": op.attempts,
                    "error": op.error,
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
        .object(&json!({ "operations": found, "exit": exit.code() }));
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
