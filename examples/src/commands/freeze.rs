//! `freeze` and `unfreeze`: the kill switch. They work beside engines that run.

use std::sync::Arc;

use chrono::Utc;
use clap::Args;
use notion_sync_core::id::MappingId;
use notion_sync_core::state::{Freeze, State};
use notion_sync_core::store::Store;
use notion_sync_store::Access;
use serde_json::json;

use super::arguments::{Common, words};
use super::output::message;
use super::session::{Session, environment};
use crate::exit::{Exit, Failure, Outcome};

/// What `freeze` takes.
#[derive(Debug, Args)]
pub(super) struct FreezeArgs {
    #[command(flatten)]
    pub(super) common: Common,
    /// Only this mapping.
    #[arg(long, value_name = "NAME")]
    mapping: Option<String>,
    /// Why, for whoever wonders later.
    #[arg(long, value_name = "TEXT", value_parser = words)]
    reason: String,
}

/// What `unfreeze` takes.
#[derive(Debug, Args)]
pub(super) struct UnfreezeArgs {
    #[command(flatten)]
    pub(super) common: Common,
    /// Only this mapping.
    #[arg(long, value_name = "NAME")]
    mapping: Option<String>,
}

pub(super) async fn freeze(args: FreezeArgs) -> Outcome {
    let (session, store, mapping) = open(&args.common, args.mapping.as_deref()).await?;
    let freeze = Freeze {
        since: Utc::now(),
        by: somebody(),
        reason: args.reason,
    };
    let state = State::new(&*store);
    state.freeze(mapping.as_ref(), &freeze).await?;
    // Whoever froze it first is kept. What holds for everything holds for whatever name there is.
    let any = mapping.clone().unwrap_or_else(|| MappingId::new(""));
    let standing = state.frozen(&any).await?.unwrap_or_else(|| freeze.clone());
    let what = name(mapping.as_ref());
    session
        .output
        .object(&json!({ "mapping": mapping, "frozen": standing, "exit": 0 }));
    session.output.line(if standing == freeze {
        format!("{what} is frozen: nothing is written until `notion-sync unfreeze`")
    } else {
        format!(
            "{what} was frozen already, and that stays: {} (`notion-sync unfreeze` first to give \
             another reason)",
            message(&standing.told())
        )
    });
    Ok(Exit::Clean)
}

pub(super) async fn unfreeze(args: UnfreezeArgs) -> Outcome {
    let (session, store, mapping) = open(&args.common, args.mapping.as_deref()).await?;
    let was = State::new(&*store)
        .unfreeze(mapping.as_ref(), &somebody(), Utc::now())
        .await?;
    let what = name(mapping.as_ref());
    session
        .output
        .object(&json!({ "mapping": mapping, "was_frozen": was, "exit": 0 }));
    session.output.line(if was {
        format!("{what} goes on")
    } else {
        format!("{what} was not frozen by `notion-sync freeze`")
    });
    Ok(Exit::Clean)
}

fn name(mapping: Option<&MappingId>) -> String {
    mapping.map_or_else(|| "everything".to_owned(), ToString::to_string)
}

/// The store beside whoever has it open, and the mapping that was named.
async fn open(
    common: &Common,
    mapping: Option<&str>,
) -> Result<(Session, Arc<dyn Store>, Option<MappingId>), Failure> {
    let session = Session::open(common)?;
    if let Some(mapping) = mapping
        && !session.config.names().any(|name| name == mapping)
    {
        let names: Vec<&str> = session.config.names().collect();
        return Err(Failure::usage(format!(
            "there is no mapping {mapping:?}; there are {}",
            names.join(", ")
        )));
    }
    let store = session.store(Access::Shared).await?;
    Ok((session, store, mapping.map(MappingId::new)))
}

fn somebody() -> String {
    let user = environment("USER").filter(|user| !user.is_empty());
    user.unwrap_or_else(|| "somebody".to_owned())
}
