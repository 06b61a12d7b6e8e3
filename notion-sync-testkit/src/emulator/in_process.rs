//! An emulator behind the adapters' HTTP seam, in the same process.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use notion_sync_core::clock::Clock;
use notion_sync_core::http::{HttpSend, Request, Response, SendError};

use super::{Emulator, Reply};

/// Hands requests to an emulator, with the time of a shared clock. Delays cost nothing.
#[derive(Debug, Clone)]
pub struct InProcess<E> {
    emulator: Arc<Mutex<E>>,
    clock: Arc<dyn Clock>,
}

impl<E: Emulator> InProcess<E> {
    /// A seam to `emulator`.
    pub fn new(emulator: Arc<Mutex<E>>, clock: Arc<dyn Clock>) -> Self {
        Self { emulator, clock }
    }
}

#[async_trait]
impl<E: Emulator> HttpSend for InProcess<E> {
    async fn send(&self, request: Request) -> Result<Response, SendError> {
        let now = self.clock.now();
        let mut emulator = self.emulator.lock().unwrap_or_else(PoisonError::into_inner);
        match emulator.handle(request, now) {
            Reply::Answer { response, .. } => Ok(response),
            Reply::Dropped => Err(SendError::NoAnswer("the connection broke".to_owned())),
        }
    }
}
