//! The thread that owns the connection.

use std::sync::mpsc;
use std::thread::JoinHandle;

use futures::channel::oneshot;
use notion_sync_core::{Error, ErrorKind, Result};
use rusqlite::Connection;

type Job = Box<dyn FnOnce(&mut Connection) + Send>;

/// Runs closures on a connection, one after the other, on a thread of its own.
///
/// SQLite blocks; callers are futures of any runtime, or of none. Dropping the worker lets it
/// finish what was asked and waits until the file is closed.
#[derive(Debug)]
pub(super) struct Worker {
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Worker {
    /// Starts the thread, opens there, and returns when that is done. `K` is kept until the
    /// connection is closed.
    pub(super) async fn start<K: 'static>(
        open: impl FnOnce() -> Result<(Connection, K)> + Send + 'static,
    ) -> Result<Self> {
        let (jobs, queue) = mpsc::channel::<Job>();
        let (opened, answer) = oneshot::channel();
        let thread = std::thread::Builder::new()
            .name("notion-sync-store".to_owned())
            .spawn(move || {
                let (mut connection, kept) = match open() {
                    Ok(parts) => parts,
                    Err(error) => {
                        let _ = opened.send(Err(error));
                        return;
                    }
                };
                if opened.send(Ok(())).is_ok() {
                    for job in queue {
                        job(&mut connection);
                    }
                }
                drop(connection);
                drop(kept);
            })
            .map_err(|error| {
                Error::new(ErrorKind::Store, "open the store")
                    .message("no thread could be started")
                    .caused_by(error)
            })?;
        let worker = Self {
            jobs: Some(jobs),
            thread: Some(thread),
        };
        answer.await.map_err(|_| ended("open the store"))??;
        Ok(worker)
    }

    /// Runs `job` and returns its result. The job runs to its end also when the returned future is
    /// dropped.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        during: &'static str,
        job: impl FnOnce(&mut Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (done, answer) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            // Nobody waits any more: the outcome stays in the file.
            let _ = done.send(job(connection));
        });
        self.jobs
            .as_ref()
            .and_then(|jobs| jobs.send(job).ok())
            .ok_or_else(|| ended(during))?;
        answer.await.map_err(|_| ended(during))?
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        drop(self.jobs.take());
        if let Some(thread) = self.thread.take() {
            // A panic of the thread was reported to the callers that waited for it.
            let _ = thread.join();
        }
    }
}

fn ended(during: &'static str) -> Error {
    Error::new(ErrorKind::Store, during)
        .message("the store's thread has ended")
        .remedy("restart the program")
}
