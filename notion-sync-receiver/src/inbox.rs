//! Hints on their way into the store: those that wait together share one transaction.
//!
//! The writer has a thread of its own, for the same reason as the socket.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use notion_sync_core::doorbell::{Doorbell, Ring};
use notion_sync_core::event::ChangeEvent;
use notion_sync_core::state::State;
use notion_sync_core::store::Store;
use notion_sync_core::{Error, ErrorKind, Result};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

/// How many hints may wait. More wait with their senders.
const QUEUE: usize = 1_024;
/// Most hints in one transaction: a durable one costs the disk a flush, however many share it.
const TOGETHER: usize = 50;
/// How long a sender is kept waiting.
const PATIENCE: Duration = Duration::from_secs(8);

type Answer = std::result::Result<bool, ErrorKind>;

struct Waiting {
    hint: ChangeEvent,
    answer: oneshot::Sender<Answer>,
}

/// Puts hints into the store.
#[derive(Debug)]
pub(crate) struct Inbox {
    queue: mpsc::Sender<Waiting>,
}

impl Inbox {
    /// Starts the thread that writes. It ends when this is dropped and everything was answered.
    pub(crate) fn start(store: Arc<dyn Store>, bell: Arc<dyn Doorbell>) -> Result<Self> {
        let failed = |error: std::io::Error| {
            Error::new(ErrorKind::Internal, "start the inbox").message(error.to_string())
        };
        let (queue, mut waiting) = mpsc::channel::<Waiting>(QUEUE);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(failed)?;
        let work = async move {
            let mut together = Vec::with_capacity(TOGETHER);
            while waiting.recv_many(&mut together, TOGETHER).await > 0 {
                let (hints, answers): (Vec<ChangeEvent>, Vec<oneshot::Sender<Answer>>) =
                    together.drain(..).map(|one| (one.hint, one.answer)).unzip();
                let results = write(&*store, &hints).await;
                let new: BTreeSet<Ring> = (hints.iter().zip(&results))
                    .filter(|(_, result)| **result == Ok(true))
                    .map(|(hint, _)| Ring::hints(hint.mapping.clone()))
                    .collect();
                for (answer, result) in answers.into_iter().zip(results) {
                    // A sender that gave up waiting tries again, and finds its hint known.
                    let _ = answer.send(result);
                }
                if !new.is_empty() {
                    let new: Vec<Ring> = new.into_iter().collect();
                    // They are in the store: the next poll finds them. Those that come after them do not
                    // wait for a bell that is far away.
                    match timeout(PATIENCE, bell.ring(&new)).await {
                        Ok(Ok(())) => {}
                        Ok(Err(error)) => tracing::warn!(%error, "nobody was told of new hints"),
                        Err(_) => tracing::warn!("nobody was told of new hints: it took too long"),
                    }
                }
            }
        };
        std::thread::Builder::new()
            .name("inbox".to_owned())
            .spawn(move || runtime.block_on(work))
            .map_err(failed)?;
        Ok(Self { queue })
    }

    /// Makes a hint durable. Answers whether it is new.
    pub(crate) async fn take(&self, hint: ChangeEvent) -> Answer {
        let (answer, result) = oneshot::channel();
        let way = async {
            let sent = self.queue.send(Waiting { hint, answer }).await;
            sent.map_err(|_| ErrorKind::Unavailable)?;
            result.await.unwrap_or(Err(ErrorKind::Unavailable))
        };
        timeout(PATIENCE, way)
            .await
            .unwrap_or(Err(ErrorKind::Unavailable))
    }
}

async fn write(store: &dyn Store, hints: &[ChangeEvent]) -> Vec<Answer> {
    let state = State::new(store);
    let together: Result<Vec<bool>> = state.ingest(hints).await;
    match together {
        Ok(fresh) => fresh.into_iter().map(Ok).collect(),
        // One that cannot be kept must not stand in the way of the others.
        Err(error) if error.kind() == ErrorKind::Invalid && hints.len() > 1 => {
            let mut out = Vec::with_capacity(hints.len());
            for hint in hints {
                let one = state.ingest(std::slice::from_ref(hint)).await;
                out.push(match one {
                    Ok(fresh) => Ok(fresh.first().copied().unwrap_or_default()),
                    Err(error) => Err(error.kind()),
                });
            }
            out
        }
        Err(error) => {
            // Whoever sent a hint that cannot be kept is told so; anybody could fill the log with them.
            if error.kind() != ErrorKind::Invalid {
                tracing::warn!(%error, "hints were not stored");
            }
            vec![Err(error.kind()); hints.len()]
        }
    }
}
