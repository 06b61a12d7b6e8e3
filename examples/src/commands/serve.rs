//! `serve`: syncs for ever.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use chrono::Utc;
use clap::Args;
use http::StatusCode;
use notion_sync_core::doorbell::Doorbell;
use notion_sync_core::engine::{Budget, Tick};
use notion_sync_receiver::{Metered, Receiver, Server};
use notion_sync_store::{Access, Opened};
use serde_json::json;

use super::arguments::Common;
use super::chores::{self, passes};
use super::output::{Output, message, plain};
use super::session::Session;
use crate::exit::{Exit, Failure, Outcome};
use crate::receiver;
use crate::wiring::{self, Assembly, Parts};

/// Most writes of one tick. A signal is looked at between ticks, so this is what may still be written
/// after one; a commit of several files is one piece.
const WRITES: usize = 8;

/// What `serve` takes.
#[derive(Debug, Args)]
pub(super) struct ServeArgs {
    #[command(flatten)]
    pub(super) common: Common,
    /// Receive webhooks and events here, instead of where `[receiver]` says; port 0 takes a free one
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
}

/// Polls until Ctrl-C or SIGTERM, and receives where it is told to listen. With `--json` every tick
/// that did something is one line, after one with the address.
///
/// Nothing depends on a clean end: the next start recovers what was under way.
pub(super) async fn run(args: ServeArgs) -> Outcome {
    let session = Session::open(&args.common)?;
    let Opened { store, sealed } = session.layers(Access::Exclusive).await?;
    let online = session.online()?;
    let stop = stop()?;
    let (config, secrets) = (&session.config, &session.secrets);
    let clock = Arc::clone(&online.parts.clock);
    let receiver = receiver::open(config, secrets, Arc::clone(&store), clock).await?;
    // What arrives needs the store alone, so it is taken before the first request to any service.
    let server = match args.listen.or(config.receiver.listen) {
        Some(address) => Some(listen(session.output, &receiver, address)?),
        None => None,
    };
    let parts = metered(&online.parts, &receiver);
    let assembly = wiring::assemble(config, secrets, &parts, Arc::clone(&store)).await?;
    let readers = receiver::hook_readers(assembly.github(), secrets, &parts)?;
    // What is only looked up needs no lease.
    let github = assembly.github().sending_by(Arc::clone(&parts.github_http));
    tracing::info!("started");
    let mut work = Work {
        assembly: &assembly,
        output: session.output,
        bell: receiver.bell(),
        gather: Duration::from_millis(u64::from(config.receiver.gather_ms)),
        receiver: &receiver,
    };
    let ended = tokio::select! {
        ended = work.until(Box::pin(stop)) => ended,
        ended = chores::run(&github, &readers, &receiver, &*store, sealed) => ended,
    };
    receiver.set_ready(false);
    if let Some(server) = server {
        server.stop().await;
    }
    receiver.watch().save(&*store).await?;
    ended?;
    tracing::info!("stopped");
    Ok(Exit::Clean)
}

/// Listens, and says where.
fn listen(output: Output, receiver: &Receiver, address: SocketAddr) -> Result<Server, Failure> {
    let router: Router = receiver.router();
    let router = router.fallback(async || (StatusCode::NOT_FOUND, "nothing is here\n"));
    let server = Server::start(router, address).map_err(|error| {
        Failure::usage(format!(
            "cannot listen on {address}: {error}; choose another port, or 0 for a free one"
        ))
    })?;
    let address = server.address();
    output.object(&json!({ "listening": address }));
    output.line(format!("listening on http://{address}"));
    Ok(server)
}

/// The network with a meter on it.
fn metered(parts: &Parts, receiver: &Receiver) -> Parts {
    let meter = |inner, service| Metered::new(inner, service, receiver.metrics());
    Parts {
        clock: Arc::clone(&parts.clock),
        notion_http: meter(Arc::clone(&parts.notion_http), "notion"),
        github_http: meter(Arc::clone(&parts.github_http), "github"),
    }
}

/// The worker.
struct Work<'a> {
    assembly: &'a Assembly,
    output: Output,
    bell: Arc<dyn Doorbell>,
    gather: Duration,
    receiver: &'a Receiver,
}

impl Work<'_> {
    /// Ticks until `stop` ends.
    async fn until(&mut self, mut stop: Pin<Box<impl Future<Output = ()>>>) -> Result<(), Failure> {
        loop {
            let mut tick = Box::pin(self.assembly.tick(Budget {
                operations: WRITES,
                ..Budget::default()
            }));
            // A tick is never cut off in the middle: what it reads is given up, what it writes is
            // finished.
            let ended = tokio::select! {
                biased;
                () = &mut stop => None,
                ended = &mut tick => Some(ended),
            };
            let Some(ended) = ended else {
                self.receiver.set_ready(false);
                self.assembly.engine.halt();
                let tick = tick.await?;
                show(self.output, &tick);
                return Ok(());
            };
            drop(tick);
            let pause = self.after(ended).await?;
            if self.rest(pause, stop.as_mut()).await {
                return Ok(());
            }
        }
    }

    /// Notes what a tick did. Answers when the next one is due.
    async fn after(&self, ended: notion_sync_core::Result<Tick>) -> Result<Duration, Failure> {
        let tick = match ended {
            Ok(tick) => tick,
            Err(error) if passes(&error) => {
                tracing::warn!(%error, "a tick failed");
                return Ok(Duration::from_secs(5));
            }
            Err(error) => return Err(error.into()),
        };
        let now = Utc::now();
        show(self.output, &tick);
        self.receiver.set_ready(true);
        match self.receiver.looked(&tick).await {
            Ok(()) => {}
            Err(error) if passes(&error) => tracing::warn!(%error, "what was heard was not saved"),
            Err(error) => return Err(error.into()),
        }
        let pause = tick
            .next_due
            .map_or(chrono::Duration::seconds(60), |due| due - now)
            .max(chrono::Duration::milliseconds(100));
        Ok(pause.to_std().unwrap_or(Duration::from_secs(1)))
    }

    /// Waits for the next tick: until it is due, or until something arrived and nothing more follows
    /// shortly. Answers whether it was told to stop.
    async fn rest(&self, pause: Duration, mut stop: Pin<&mut impl Future<Output = ()>>) -> bool {
        tokio::select! {
            biased;
            () = stop.as_mut() => return true,
            rung = self.bell.wait(pause) => match rung {
                Ok(rung) if rung.is_empty() => return false,
                Ok(_) => {}
                Err(error) => {
                    tracing::warn!(%error, "nobody can ring");
                    // Its pause is not over: only what would have ended it earlier is missing.
                    tokio::select! {
                        biased;
                        () = stop.as_mut() => return true,
                        () = tokio::time::sleep(pause) => return false,
                    }
                }
            },
        }
        tokio::select! {
            biased;
            () = stop.as_mut() => true,
            () = tokio::time::sleep(self.gather.min(pause)) => false,
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
                message(&incident.message)
            ));
        }
        for error in &report.errors {
            output.line(format!("{}: error: {}", report.mapping, message(error)));
        }
        if let Some(guard) = &report.guard {
            output.line(guard);
        }
    }
}
