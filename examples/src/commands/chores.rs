//! What `serve` does now and then, besides the work.

use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use notion_sync_core::state::State;
use notion_sync_core::store::Store;
use notion_sync_core::{Error, ErrorKind, Retry};
use notion_sync_github::GithubClient;
use notion_sync_receiver::{CaughtUp, HookReaders, Missed, Receiver, catch_up};
use notion_sync_store::{Backing, Sealed};

use crate::exit::Failure;

/// How long ids of deliveries are kept: for longer than any service repeats one.
const KEPT: chrono::Duration = chrono::Duration::days(8);

/// Between two looks for what there is to do.
const ROUND: Duration = Duration::from_secs(3_600);
/// The same where deliveries could not be read, and where there are more of them.
const AGAIN: Duration = Duration::from_secs(300);
const MORE: Duration = Duration::from_secs(60);

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
    github: &GithubClient,
    readers: &HookReaders,
    receiver: &Receiver,
    store: &dyn Store,
    sealed: Option<Arc<Sealed<dyn Backing>>>,
) -> Result<(), Failure> {
    tokio::select! {
        ended = deliveries(github, readers, receiver, store) => ended,
        never = reseal(sealed) => match never {},
    }
}

/// Looks up the repositories that deliveries come from. Answers whether that need not be tried again soon.
async fn resolve(github: &GithubClient, receiver: &Receiver) -> bool {
    match receiver.resolve_repositories(github).await {
        Ok(()) => true,
        Err(error) => {
            tracing::warn!(%error, "a repository could not be looked up");
            error.retry() == Retry::Never
        }
    }
}

/// Looks up the repositories, takes deliveries that failed, and forgets ids of old ones.
async fn deliveries(
    github: &GithubClient,
    readers: &HookReaders,
    receiver: &Receiver,
    store: &dyn Store,
) -> Result<(), Failure> {
    let mut missed = Missed::default();
    loop {
        let resolved = resolve(github, receiver).await;
        let rest = match catch_up(readers, receiver, &mut missed).await {
            Ok(caught) => {
                if caught.new > 0 {
                    tracing::info!(new = caught.new, "took deliveries that had failed");
                }
                match caught {
                    // Whoever asked to wait is not asked sooner because another list is long.
                    CaughtUp { failed: true, .. } => AGAIN,
                    _ if !resolved => AGAIN,
                    CaughtUp { more: true, .. } => MORE,
                    _ => ROUND,
                }
            }
            Err(error) => {
                tracing::warn!(%error, "deliveries that failed could not be taken");
                AGAIN
            }
        };
        let now = Utc::now();
        match State::new(store).forget_hints(now - KEPT).await {
            Ok(_) => {}
            Err(error) if passes(&error) => tracing::warn!(%error, "ids could not be forgotten"),
            Err(error) => return Err(error.into()),
        }
        tokio::time::sleep(rest).await;
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
