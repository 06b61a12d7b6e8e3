//! `rekey`: seals the store again, so that an old key can be thrown away.

use clap::Args;
use notion_sync_store::Access;
use serde_json::json;

use super::arguments::Common;
use super::session::Session;
use crate::exit::{Exit, Failure, Outcome};

/// What `rekey` takes.
#[derive(Debug, Args)]
pub(super) struct RekeyArgs {
    #[command(flatten)]
    pub(super) common: Common,
}

/// Works beside engines that run, like their own chore.
pub(super) async fn run(args: RekeyArgs) -> Outcome {
    let session = Session::open(&args.common)?;
    let Some(sealed) = session.layers(Access::Shared).await?.sealed else {
        return Err(Failure::usage(
            "nothing in this store is sealed: [store] says sealing = \"off\"",
        ));
    };
    let done = sealed.reseal_all().await?;
    session.output.object(&json!({
        "key": sealed.active_key().to_string(),
        "resealed": done.items.rewritten,
        "kept": done.items.kept,
        "retired": done.retired,
        "exit": 0,
    }));
    session.output.line(if done.retired.is_empty() {
        format!(
            "nothing was sealed with another key than {}",
            sealed.active_key()
        )
    } else {
        format!(
            "sealed {} items again with key {}, {} were already; key {} is not needed any more",
            done.items.rewritten,
            sealed.active_key(),
            done.items.kept,
            done.retired.join(", "),
        )
    });
    Ok(Exit::Clean)
}
