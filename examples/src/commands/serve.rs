//! `serve`: syncs for ever.

use std::time::Duration;

use chrono::Utc;
use clap::Args;
use notion_sync_core::engine::{Budget, Tick};
use notion_sync_core::{ErrorKind, Retry};
use notion_sync_store::Access;
use serde_json::json;

use super::arguments::Common;
use super::output::{Output, plain};
use super::session::Session;
use crate::exit::{Exit, Failure, Outcome};

/// What `serve` takes.
#[derive(Debug, Args)]
pub(super) struct ServeArgs {
    #[command(flatten)]
    pub(super) common: Common,
}

/// Polls until Ctrl-C or SIGTERM. With `--json` every tick that did something is one line.
///
/// Nothing depends on a clean end: the next start recovers what was under way.
pub(super) async fn run(args: ServeArgs) -> Outcome {
    let session = Session::open(&args.common)?;
    let store = session.store(Access::Exclusive).await?;
    let online = session.online()?;
    let stop = stop()?;
    tokio::pin!(stop);
    let engine = session.engine(&online, store).await?;
    tracing::info!("started");
    let mut pause;
    loop {
        // A tick is never cut off in the middle: the signal is looked at between ticks.
        match engine.tick(Budget::default()).await {
            Ok(tick) => {
                show(session.output, &tick);
                pause = tick
                    .next_due
                    .map_or(chrono::Duration::seconds(60), |due| due - Utc::now())
                    .max(chrono::Duration::milliseconds(100));
            }
            // A store that is busy or a lost race is tried again; a broken one is not.
            Err(error) if error.kind() == ErrorKind::Stale || error.retry() != Retry::Never => {
                tracing::warn!(%error, "a tick failed");
                pause = chrono::Duration::seconds(5);
            }
            Err(error) => return Err(error.into()),
        }
        let pause = pause.to_std().unwrap_or(Duration::from_secs(1));
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = &mut stop => {
                tracing::info!("stopped");
                return Ok(Exit::Clean);
            }
        }
    }
}

/// Something that ends at Ctrl-C or SIGTERM. From the call on neither kills the process, also when
/// nobody waits yet.
#[cfg(unix)]
fn stop() -> Result<impl Future<Output = ()>, Failure> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// Something that ends at Ctrl-C.
#[cfg(not(unix))]
fn stop() -> Result<impl Future<Output = ()>, Failure> {
    Ok(async {
        // Without a handler the signal ends the process, which is as good.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    })
}

fn show(output: Output, tick: &Tick) {
    let quiet = tick.mappings.iter().all(|report| {
        report.applied.is_empty()
            && report.incidents.is_empty()
            && report.errors.is_empty()
            && report.guard.is_none()
    });
    if quiet {
        return;
    }
    output.object(&json!({ "at": Utc::now(), "tick": tick }));
    for report in &tick.mappings {
        for applied in &report.applied {
            output.line(format!(
                "{}: {}: {}",
                report.mapping,
                applied.side,
                plain(&applied.summary)
            ));
        }
        for incident in &report.incidents {
            output.line(format!(
                "{}: {:?}: {}",
                report.mapping,
                plain(&incident.subject),
                plain(&incident.message)
            ));
        }
        for error in &report.errors {
            output.line(format!("{}: error: {}", report.mapping, plain(error)));
        }
        if let Some(guard) = &report.guard {
            output.line(guard);
        }
    }
}
