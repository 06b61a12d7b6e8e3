//! What `serve` does now and then, besides the work.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use notion_sync_core::state::State;
use notion_sync_core::store::Store;
use notion_sync_core::{Error, ErrorKind, Retry};
use notion_sync_store::{Backing, Sealed};

use crate::exit::Failure;
use crate::receiver::{self, HookReaders, Receiver};

/// How long ids of deliveries are kept: for longer than any service repeats one.
const KEPT: chrono::Duration = chrono::Duration::days(8);

/// How far back failed deliveries are asked for: GitHub keeps them for three days.
const MISSED: chrono::Duration = chrono::Duration::days(3);

/// Between two looks for what there is to do.
const ROUND: Duration = Duration::from_secs(3_600);

/// Items that are sealed again in one go, and the rest between two: each is a transaction, and the work
/// shall not wait for them.
const RESEALED: usize = 200;
const REST: Duration = Duration::from_secs(1);

/// Whether trying again can help. A store that is busy or a lost race is tried again; a broken one is
/// not.
pub(super) fn passes(error: &Error) -> bool {
    error.kind() == ErrorKind::Stale || error.retry() != Retry::Never
}

/// Does it all. Ends only with an error of the store.
pub(super) async fn run(
    readers: &HookReaders,
    receiver: &Receiver,
    store: &dyn Store,
    sealed: Option<Arc<Sealed<dyn Backing>>>,
) -> Result<(), Failure> {
    tokio::select! {
        ended = deliveries(readers, receiver, store) => ended,
        never = reseal(sealed) => match never {},
    }
}

/// Takes deliveries that failed, and forgets ids of old ones.
async fn deliveries(
    readers: &HookReaders,
    receiver: &Receiver,
    store: &dyn Store,
) -> Result<(), Failure> {
    let mut known = BTreeSet::new();
    let mut since = MISSED;
    loop {
        let now = Utc::now();
        match receiver::catch_up(readers, receiver, now - since, &mut known).await {
            Ok(new) => {
                if new > 0 {
                    tracing::info!(new, "took deliveries that had failed");
                }
                // Later rounds overlap by an hour.
                since = chrono::Duration::hours(2);
            }
            Err(error) => tracing::warn!(%error, "deliveries that failed could not be taken"),
        }
        match State::new(store).forget_hints(now - KEPT).await {
            Ok(_) => {}
            Err(error) if passes(&error) => tracing::warn!(%error, "ids could not be forgotten"),
            Err(error) => return Err(error.into()),
        }
        tokio::time::sleep(ROUND).await;
    }
}

/// Seals again what an old key had sealed. What goes wrong is said and tried again in the next round: the
/// old key is still there, and nothing depends on it.
async fn reseal(sealed: Option<Arc<Sealed<dyn Backing>>>) -> std::convert::Infallible {
    let Some(sealed) = sealed else {
        return std::future::pending().await;
    };
    loop {
        let mut begun = false;
        loop {
            let step = match sealed.reseal_some(RESEALED).await {
                Ok(step) => step,
                Err(error) => {
                    tracing::warn!(%error, "the store could not be sealed again");
                    break;
                }
            };
            if !step.retired.is_empty() {
                let keys = step.retired.join(", ");
                tracing::info!(%keys, "nothing is sealed with the old key any more");
            }
            if step.left.is_empty() {
                break;
            }
            if step.begun && begun {
                let keys = step.left.join(", ");
                tracing::warn!(%keys, "another process still seals with the old key");
                break;
            }
            begun |= step.begun;
            tokio::time::sleep(REST).await;
        }
        tokio::time::sleep(ROUND).await;
    }
}
