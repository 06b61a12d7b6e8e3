//! `freeze` and `unfreeze`: the kill switch. They work beside engines that run.

use std::sync::Arc;

use chrono::Utc;
use clap::Args;
use notion_sync_core::id::MappingId;
use notion_sync_core::state::{Freeze, State};
use notion_sync_core::store::Store;
use notion_sync_store::Access;
use serde::Serialize;
use serde_json::json;

use super::arguments::{Common, words};
use super::output::message;
use super::session::{Session, environment};
use crate::exit::{Exit, Failure, Outcome};
use crate::wiring;

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

/// Something that keeps a mapping, or all of them, from being written.
#[derive(Debug, Serialize)]
struct Frozen {
    /// The mapping; all of them where it is none.
    mapping: Option<MappingId>,
    why: String,
    /// What lets it go on.
    #[serde(skip)]
    remedy: String,
}

impl Frozen {
    fn told(&self) -> String {
        let what = name(self.mapping.as_ref());
        format!("{what} is {} ({})", message(&self.why), self.remedy)
    }
}

pub(super) async fn freeze(args: FreezeArgs) -> Outcome {
    let (session, store, mapping) = open(&args.common, args.mapping.as_deref()).await?;
    if wiring::store_file(&session.config, &session.folder).is_none() {
        return Err(Failure::usage(
            "a store in memory ends with this command, and nothing would be frozen (write [guard] \
             frozen in the configuration, or [store] url = \"sqlite:FILE\")",
        ));
    }
    let freeze = Freeze {
        since: Utc::now(),
        by: somebody(),
        reason: args.reason,
    };
    let state = State::new(&*store);
    state.freeze(mapping.as_ref(), &freeze).await?;
    // Whoever froze it first is kept.
    let standing = state.freeze_of(mapping.as_ref()).await?;
    let standing = standing.unwrap_or_else(|| freeze.clone());
    let what = name(mapping.as_ref());
    let undo = undo(mapping.as_ref());
    let mut besides = frozen(&session, &*store, mapping.as_ref()).await?;
    besides.retain(|other| other.mapping != mapping || other.why != standing.told());
    session.output.object(&json!({
        "mapping": mapping, "frozen": standing, "also_frozen": besides, "exit": 0,
    }));
    session.output.line(if standing == freeze {
        format!("{what} is frozen: nothing is written until `{undo}`")
    } else {
        format!(
            "{what} was frozen already, and that stays: {} (`{undo}` first to give another reason)",
            message(&standing.told())
        )
    });
    for other in besides {
        session.output.line(format!("besides, {}", other.told()));
    }
    Ok(Exit::Clean)
}

pub(super) async fn unfreeze(args: UnfreezeArgs) -> Outcome {
    let (session, store, mapping) = open(&args.common, args.mapping.as_deref()).await?;
    let was = State::new(&*store)
        .unfreeze(mapping.as_ref(), &somebody(), Utc::now())
        .await?;
    let what = name(mapping.as_ref());
    let left = frozen(&session, &*store, mapping.as_ref()).await?;
    session.output.object(&json!({
        "mapping": mapping, "was_frozen": was, "still_frozen": left, "exit": 0,
    }));
    session.output.line(match (was, left.is_empty()) {
        (true, true) => format!("{what} goes on"),
        (true, false) => format!("the freeze of {what} is lifted; what else holds:"),
        (false, _) => format!("{what} was not frozen by `notion-sync freeze`"),
    });
    for other in left {
        session.output.line(other.told());
    }
    Ok(Exit::Clean)
}

/// Refuses to send anything while one of these mappings is frozen.
pub(super) async fn refuse(
    session: &Session,
    store: &dyn Store,
    mappings: impl IntoIterator<Item = &MappingId>,
) -> Result<(), Failure> {
    for mapping in mappings {
        if let Some(frozen) = frozen(session, store, Some(mapping)).await?.first() {
            return Err(Failure::new(Exit::Frozen, frozen.told()));
        }
    }
    Ok(())
}

/// Everything that freezes a mapping; without one, whatever is frozen anywhere.
async fn frozen(
    session: &Session,
    store: &dyn Store,
    mapping: Option<&MappingId>,
) -> Result<Vec<Frozen>, Failure> {
    let configured = session.config.guard.told().map(|why| Frozen {
        mapping: None,
        why,
        remedy: "remove `frozen` from [guard]".to_owned(),
    });
    let mut out: Vec<Frozen> = configured.into_iter().collect();
    let mappings = match mapping {
        Some(mapping) => vec![mapping.clone()],
        None => session.config.names().map(MappingId::new).collect(),
    };
    let state = State::new(store);
    for one in std::iter::once(None).chain(mappings.into_iter().map(Some)) {
        if let Some(freeze) = state.freeze_of(one.as_ref()).await? {
            out.push(Frozen {
                why: freeze.told(),
                remedy: format!("`{}` lets it go on", undo(one.as_ref())),
                mapping: one,
            });
        }
    }
    Ok(out)
}

/// The command that lets it go on.
fn undo(mapping: Option<&MappingId>) -> String {
    let unfreeze = "notion-sync unfreeze";
    mapping.map_or_else(
        || unfreeze.to_owned(),
        |id| format!("{unfreeze} --mapping {id}"),
    )
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
