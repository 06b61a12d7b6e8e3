//! `audit`: who changed what and why.

use chrono::{DateTime, Utc};
use clap::{Args, Subcommand};
use notion_sync_core::audit::AuditRow;
use notion_sync_core::id::{MappingId, RecordId};
use notion_sync_core::state::State;
use notion_sync_core::store::Store;
use notion_sync_notion::identifier;
use notion_sync_notion::pages::page_ref;

use super::arguments::Common;
use super::output::{Output, plain, time, unit};
use super::reasons::reason;
use super::session::Session;
use crate::exit::{Exit, Failure, Outcome};

/// What `audit` takes.
#[derive(Debug, Args)]
pub(super) struct AuditArgs {
    #[command(flatten)]
    pub(super) common: Common,
    #[command(subcommand)]
    command: AuditCommand,
}

#[derive(Debug, Subcommand)]
enum AuditCommand {
    /// Print the audit, oldest first; with --json one object per line
    Show {
        /// Only the record of this page: id or address.
        #[arg(long, value_name = "PAGE", conflicts_with = "record")]
        page: Option<String>,
        /// Only this record.
        #[arg(long, value_name = "ID")]
        record: Option<String>,
        /// Only from this moment on.
        #[arg(long, value_name = "TIME")]
        since: Option<DateTime<Utc>>,
        /// Only the newest so many.
        #[arg(long, value_name = "N")]
        last: Option<usize>,
    },
    /// Prove that no row was changed, added or taken out since it was written; exit code 4 when one was
    Verify,
    /// Make the decisions that are kept again from what they looked at; exit code 4 when one comes out
    /// differently
    Replay {
        /// Only the record of this page: id or address.
        #[arg(long, value_name = "PAGE", conflicts_with = "record")]
        page: Option<String>,
        /// Only this record.
        #[arg(long, value_name = "ID")]
        record: Option<String>,
    },
}

pub(super) async fn run(args: AuditArgs) -> Outcome {
    let session = Session::open(&args.common)?;
    let store = session.look().await?;
    let (page, record) = match &args.command {
        AuditCommand::Show { page, record, .. } | AuditCommand::Replay { page, record } => {
            (page.as_deref(), record.as_deref())
        }
        AuditCommand::Verify => return verify(&session, &*store).await,
    };
    let record = match (page, record) {
        (Some(page), _) => Some(owner(&*store, page).await?),
        (None, record) => record.map(RecordId::new),
    };
    let state = State::new(&*store);
    if let Some(id) = &record
        && state.record(id).await?.is_none()
    {
        return Err(Failure::usage(format!(
            "there is no record {id} (`notion-sync status --json` and `audit show` name records)"
        )));
    }
    let AuditCommand::Show { since, last, .. } = args.command else {
        return replay(&session, &*store, record.as_ref()).await;
    };
    let mut rows = state.audit(record.as_ref()).await?;
    rows.retain(|row| since.is_none_or(|since| row.at >= since));
    let skip = last.map_or(0, |last| rows.len().saturating_sub(last));
    for row in rows.iter().skip(skip) {
        show(session.output, row);
    }
    Ok(Exit::Clean)
}

async fn verify(session: &Session, store: &dyn Store) -> Outcome {
    let mappings: Vec<MappingId> = session.config.names().map(MappingId::new).collect();
    let proof = State::new(store).verify_audit(&mappings).await?;
    session.output.object(&proof);
    for fault in &proof.faults {
        session.output.line(format!(
            "record {}, row {}: {}",
            fault.record, fault.number, fault.what
        ));
    }
    session.output.line(format!(
        "{} rows about {} records, {} faults",
        proof.rows,
        proof.records,
        proof.faults.len()
    ));
    Ok(if proof.faults.is_empty() {
        Exit::Clean
    } else {
        Exit::Drift
    })
}

async fn replay(session: &Session, store: &dyn Store, record: Option<&RecordId>) -> Outcome {
    let mappings: Vec<MappingId> = session.config.names().map(MappingId::new).collect();
    let replay = State::new(store).replay(&mappings, record).await?;
    session.output.object(&replay);
    for fault in &replay.faults {
        session.output.line(format!(
            "record {}, decision {}: {}",
            fault.record, fault.decision, fault.what
        ));
    }
    session.output.line(format!(
        "{} decisions about {} records made again, {} came out differently",
        replay.decisions,
        replay.records,
        replay.faults.len()
    ));
    Ok(if replay.faults.is_empty() {
        Exit::Clean
    } else {
        Exit::Drift
    })
}

/// The record of a page that was named on the command line.
pub(super) async fn owner(store: &dyn Store, page: &str) -> Result<RecordId, Failure> {
    let id = page_id(page)?;
    State::new(store)
        .owner(&page_ref(&id))
        .await?
        .ok_or_else(|| {
            Failure::usage(format!(
                "the page {id} belongs to no pair (has a `sync` seen it yet?)"
            ))
        })
}

/// The id in an id or address.
pub(super) fn page_id(page: &str) -> Result<String, Failure> {
    identifier::canonical(page)
        .or_else(|| identifier::from_url(page))
        .ok_or_else(|| {
            Failure::usage(format!(
                "{page:?} is neither the id nor the address of a page (copy its link in Notion)"
            ))
        })
}

fn show(output: Output, row: &AuditRow) {
    output.object(row);
    if output.is_json() {
        return;
    }
    let event = serde_json::to_value(row.event)
        .ok()
        .and_then(|event| event.as_str().map(str::to_owned))
        .unwrap_or_default();
    let side = row
        .side
        .map_or_else(String::new, |side| format!(" {side}:"));
    let because: Vec<String> = row
        .rows
        .iter()
        .map(|row| format!("{row} {}", reason(*row)))
        .collect();
    let because = if because.is_empty() {
        String::new()
    } else {
        format!(" [{}]", because.join(", "))
    };
    output.line(format!(
        "{} {} {} {:?} {event}:{side} {}{because}",
        time(row.at),
        row.mapping,
        row.record,
        plain(&row.title),
        unit(&row.summary)
    ));
    for (name, value) in &row.details {
        output.line(format!("    {name}: {}", plain(value)));
    }
}
