//! The way from the adapters to the emulators, with a fuse in it.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use notion_sync_core::clock::Clock;
use notion_sync_core::http::{HttpSend, Request, Response, SendError};
use notion_sync_core::id::Side;
use notion_sync_core::remote::Remote;
use tokio::sync::Notify;

/// When the process dies: right after a matching request took effect, before anybody hears of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blow {
    /// HTTP method.
    pub method: &'static str,
    /// The path must contain this.
    pub path_contains: &'static str,
    /// How many matching requests pass first.
    pub skip: usize,
}

/// A planned crash.
#[derive(Debug, Default)]
pub struct Fuse {
    blow: Mutex<Option<Blow>>,
    blown: Notify,
}

impl Fuse {
    /// Plans a crash.
    pub fn set(&self, blow: Blow) {
        *self.lock() = Some(blow);
    }

    /// Whether a planned crash did not happen yet.
    #[must_use]
    pub fn is_set(&self) -> bool {
        self.lock().is_some()
    }

    /// Waits for the crash.
    pub async fn blown(&self) {
        self.blown.notified().await;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Blow>> {
        self.blow.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether this request is the one.
    fn strikes(&self, request: &Request) -> bool {
        let mut blow = self.lock();
        let Some(plan) = blow.as_mut() else {
            return false;
        };
        if request.method() != plan.method || !request.uri().path().contains(plan.path_contains) {
            return false;
        }
        if plan.skip > 0 {
            plan.skip -= 1;
            return false;
        }
        *blow = None;
        true
    }
}

/// Something that stands between the adapters and the emulators, for simulations: it sees every
/// request, may break it, and may let people act first.
///
/// It may also stand between the engine and what the engine relies on; left alone, these pass through.
pub trait Between: std::fmt::Debug + Send + Sync {
    /// The way to one service, by way of this.
    fn way(&self, side: Side, inner: Arc<dyn HttpSend>) -> Arc<dyn HttpSend>;

    /// One place on one side, as the engine sees it.
    fn remote(&self, side: Side, inner: Arc<dyn Remote>) -> Arc<dyn Remote> {
        let _ = side;
        inner
    }

    /// Time, as the engine and the adapters see it.
    fn clock(&self, inner: Arc<dyn Clock>) -> Arc<dyn Clock> {
        inner
    }
}

/// Any way to a service, with a fuse.
#[derive(Debug)]
pub(crate) struct Fused {
    pub(crate) inner: Arc<dyn HttpSend>,
    pub(crate) fuse: Arc<Fuse>,
}

#[async_trait]
impl HttpSend for Fused {
    async fn send(&self, request: Request) -> Result<Response, SendError> {
        let strikes = self.fuse.strikes(&request);
        let answer = self.inner.send(request).await;
        if strikes {
            self.fuse.blown.notify_one();
            // The process is dead: nobody will ever hear the answer.
            std::future::pending::<()>().await;
        }
        answer
    }
}
