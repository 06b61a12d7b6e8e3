//! A clock and a network that break one rule.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Duration, Utc};
use notion_sync_core::clock::Clock;
use notion_sync_core::http::{HttpSend, Request, Response, SendError};

use super::store::STRUCK;
use crate::scenario::Seam;

/// How far a clock that is wrong is ahead, in minutes.
const AHEAD: i64 = 10;

/// A clock that is ahead of those of the services.
#[derive(Debug)]
pub(crate) struct Ahead {
    /// The clock of the services.
    pub(crate) inner: Arc<dyn Clock>,
}

impl Clock for Ahead {
    fn now(&self) -> DateTime<Utc> {
        self.inner.now() + Duration::minutes(AHEAD)
    }
}

/// A way on which nobody hears something that answers tell in a header.
#[derive(Debug)]
pub(crate) struct Deaf {
    /// The way.
    pub(crate) inner: Arc<dyn HttpSend>,
    /// The header.
    pub(crate) to: &'static str,
    /// Where it is counted.
    pub(crate) seam: Arc<Seam>,
}

#[async_trait]
impl HttpSend for Deaf {
    async fn send(&self, request: Request) -> Result<Response, SendError> {
        let mut response = self.inner.send(request).await?;
        if response.headers_mut().remove(self.to).is_some() {
            self.seam.count(STRUCK);
        }
        Ok(response)
    }
}
