//! `conflicts`: list, show, settle.

use clap::{Args, Subcommand, ValueEnum};
use notion_sync_core::id::{MappingId, RecordId, Side};
use notion_sync_core::record::Record;
use notion_sync_core::state::State;
use notion_sync_core::store::Store;
use notion_sync_store::Access;
use serde_json::{Value, json};

use super::arguments::Common;
use super::output::{Output, plain, time, unit, whole};
use super::session::Session;
use crate::exit::{Exit, Failure, Outcome};

/// What `conflicts` takes.
#[derive(Debug, Args)]
pub(super) struct ConflictsArgs {
    #[command(flatten)]
    pub(super) common: Common,
    #[command(subcommand)]
    command: Option<ConflictsCommand>,
}

#[derive(Debug, Subcommand)]
enum ConflictsCommand {
    /// List records with open conflicts (default)
    List,
    /// Show both versions
    Show {
        /// The record.
        id: String,
    },
    /// Decide that one side stays; the next `sync` writes it to the other
    Resolve {
        /// The record.
        id: String,
        /// The side that stays.
        #[arg(long, value_enum)]
        take: Taken,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Taken {
    Notion,
    Github,
}

pub(super) async fn run(args: ConflictsArgs) -> Outcome {
    let session = Session::open(&args.common)?;
    match args.command.unwrap_or(ConflictsCommand::List) {
        ConflictsCommand::List => list(&session).await,
        ConflictsCommand::Show { id } => show(&session, &id).await,
        ConflictsCommand::Resolve { id, take } => resolve(&session, &id, take).await,
    }
}

async fn list(session: &Session) -> Outcome {
    let store = session.look().await?;
    let mut found = Vec::new();
    for name in session.config.names() {
        let mapping = MappingId::new(name);
        for id in State::new(&*store).with_conflict(&mapping).await? {
            found.push(known(&*store, id.as_str()).await?);
        }
    }
    let exit = if found.is_empty() {
        Exit::Clean
    } else {
        Exit::Conflicts
    };
    let described: Vec<Value> = found.iter().map(describe).collect();
    session
        .output
        .object(&json!({ "conflicts": described, "exit": exit.code() }));
    for record in &found {
        let units: Vec<String> = record.conflicts.keys().map(ToString::to_string).collect();
        session.output.line(format!(
            "{} {} {:?}: {}",
            record.id,
            record.mapping,
            plain(&record.title),
            unit(&units.join(", "))
        ));
        links(session.output, record);
    }
    if found.is_empty() {
        session.output.line("no conflicts");
    }
    Ok(exit)
}

fn links(output: Output, record: &Record) {
    let pull = record.proposal.as_ref().and_then(|one| one.url.clone());
    for (name, url) in [
        ("page", &record.urls.0),
        ("GitHub", &record.urls.1),
        ("pull request", &pull),
    ] {
        if let Some(url) = url {
            output.line(format!("    {name}: {}", plain(url)));
        }
    }
}

fn describe(record: &Record) -> Value {
    let units: Vec<Value> = record
        .conflicts
        .iter()
        .map(|(unit, conflict)| {
            json!({
                "unit": unit, "notion": conflict.notion_text, "github": conflict.github_text,
                "since": conflict.since, "policy": conflict.policy,
            })
        })
        .collect();
    json!({
        "record": record.id, "mapping": record.mapping, "title": record.title,
        "page": record.urls.0, "github": record.urls.1, "path": record.path,
        "pull_request": record.proposal.as_ref().and_then(|one| one.url.as_deref()),
        "units": units,
    })
}

async fn known(store: &dyn Store, id: &str) -> Result<Record, Failure> {
    match State::new(store).record(&RecordId::new(id)).await? {
        Some(state) => Ok(state.record),
        None => Err(Failure::usage(format!(
            "there is no record {id:?} (`notion-sync conflicts` lists them)"
        ))),
    }
}

async fn show(session: &Session, id: &str) -> Outcome {
    let store = session.look().await?;
    let record = known(&*store, id).await?;
    session.output.object(&describe(&record));
    session
        .output
        .line(format!("{} {:?}", record.id, plain(&record.title)));
    links(session.output, &record);
    for (name, conflict) in &record.conflicts {
        session.output.line(format!(
            "{} since {}",
            unit(&name.to_string()),
            time(conflict.since)
        ));
        for (side, text) in [
            (Side::Notion, &conflict.notion_text),
            (Side::Github, &conflict.github_text),
        ] {
            session.output.line(format!("  on {side}:"));
            for line in text.lines() {
                session.output.line(format!("    | {}", whole(line)));
            }
        }
    }
    Ok(if record.conflicts.is_empty() {
        Exit::Clean
    } else {
        Exit::Conflicts
    })
}

async fn resolve(session: &Session, id: &str, take: Taken) -> Outcome {
    let store = session.store(Access::Exclusive).await?;
    known(&*store, id).await?;
    let online = session.online()?;
    let engine = session.engine(&online, store).await?;
    let stays = match take {
        Taken::Notion => Side::Notion,
        Taken::Github => Side::Github,
    };
    let units = engine.settle_conflicts(&RecordId::new(id), stays).await?;
    session.output.object(&json!({
        "record": id, "stays": stays, "units": units, "exit": 0,
    }));
    session.output.line(format!(
        "{stays} stays in {} places; the next `notion-sync sync` writes it",
        units.len()
    ));
    Ok(Exit::Clean)
}
