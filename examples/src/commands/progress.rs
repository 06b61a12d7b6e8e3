//! What a person sees while a command takes longer than a second.

use std::io::{IsTerminal as _, Write as _};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;

use crate::wiring::Counted;

/// Shows how many requests were sent until it is dropped. Only on a terminal.
#[derive(Debug)]
pub(super) struct Progress(Option<JoinHandle<()>>);

impl Progress {
    pub(super) fn start(what: &'static str, notion: Arc<Counted>, github: Arc<Counted>) -> Self {
        if !std::io::stderr().is_terminal() {
            return Self(None);
        }
        Self(Some(tokio::spawn(async move {
            tokio::time::sleep(Duration::from_secs(1)).await;
            loop {
                let (n, g) = (notion.calls(), github.calls());
                let _ = write!(
                    std::io::stderr().lock(),
                    "\r{what}: {n} requests to Notion, {g} to GitHub "
                );
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        })))
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(task) = self.0.take() {
            task.abort();
            // Back to the beginning of the line, and clear it.
            let _ = write!(std::io::stderr().lock(), "\r\x1b[K");
        }
    }
}
