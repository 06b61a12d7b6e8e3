//! What goes to a service, counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use notion_sync_core::http::{HttpSend, Request, Response, SendError};

/// Counts the requests that go through it, and says in their errors where they went.
#[derive(Debug)]
pub struct Counted {
    inner: Arc<dyn HttpSend>,
    service: &'static str,
    /// Where its address comes from.
    setting: &'static str,
    calls: AtomicU64,
}

impl Counted {
    /// Counts what goes through `inner` to a service, whose address is what `setting` says.
    #[must_use]
    pub fn new(
        inner: Arc<dyn HttpSend>,
        service: &'static str,
        setting: &'static str,
    ) -> Arc<Self> {
        Arc::new(Self {
            inner,
            service,
            setting,
            calls: AtomicU64::new(0),
        })
    }

    /// How many requests were sent.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }
}

#[async_trait]
impl HttpSend for Counted {
    async fn send(&self, request: Request) -> Result<Response, SendError> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let uri = request.uri();
        // Never the whole address: it may hold a name and a password.
        let host = uri.host().unwrap_or("its address");
        let port = uri
            .port()
            .map_or_else(String::new, |port| format!(":{port}"));
        let at = format!("{} at {host}{port}", self.service);
        let sent = self.inner.send(request).await;
        sent.map_err(|error| match error {
            SendError::NotSent(why) => SendError::NotSent(format!(
                "{at} cannot be reached: {why}; look at the network, and at the address in {}",
                self.setting
            )),
            SendError::NoAnswer(why) => SendError::NoAnswer(format!("{at}: {why}")),
            held @ SendError::HeldBack(_) => held,
        })
    }
}
