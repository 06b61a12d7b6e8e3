//! Bodies of requests, in bounded memory and time.

use std::time::Duration;

use axum::body::Body;
use futures::StreamExt as _;
use http::HeaderMap;
use notion_sync_core::webhook::Refusal;
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// Bodies up to this size wait for nobody: most deliveries are this small, and so is what somebody
/// begins to send and never ends.
const SMALL: usize = 32 * 1024;
/// How many requests are read and answered at the same time: as many as there may be connections.
const AT_ONCE: usize = 1_024;
/// Bodies between [`SMALL`] and this size are read a number at a time; larger ones hardly.
const MIDDLE: usize = 256 * 1024;
/// How many bodies may be larger than [`SMALL`].
const MIDDLE_AT_ONCE: usize = 128;
/// How many of these may be larger than [`MIDDLE`].
const LARGE_AT_ONCE: usize = 2;
/// How long a body may take, and how long a request waits for its turn. GitHub waits ten seconds.
const PATIENCE: Duration = Duration::from_secs(8);

/// Why a body was not read.
#[derive(Debug)]
pub(crate) enum Stop {
    /// It is refused.
    Refused(Refusal),
    /// It took too long.
    Slow,
    /// Too many others are being read.
    Busy,
}

/// Reads bodies. At most 1,024 small, 128 middle and two large ones are in memory at any time: 64 MiB
/// and twice the limit.
#[derive(Debug)]
pub(crate) struct Bodies {
    all: Semaphore,
    middle: Semaphore,
    large: Semaphore,
}

impl Default for Bodies {
    fn default() -> Self {
        Self {
            all: Semaphore::new(AT_ONCE),
            middle: Semaphore::new(MIDDLE_AT_ONCE),
            large: Semaphore::new(LARGE_AT_ONCE),
        }
    }
}

impl Bodies {
    /// The body of a request, at most `limit` bytes.
    pub(crate) async fn read(
        &self,
        headers: &HeaderMap,
        body: Body,
        limit: usize,
    ) -> Result<Vec<u8>, Stop> {
        let too_large = || Stop::Refused(Refusal::TooLarge { limit });
        let announced = headers
            .get(http::header::CONTENT_LENGTH)
            .and_then(|value| value.to_str().ok())
            .and_then(|text| text.parse::<usize>().ok());
        if announced.is_some_and(|length| length > limit) {
            return Err(too_large());
        }
        let Ok(Ok(_turn)) = timeout(PATIENCE, self.all.acquire()).await else {
            return Err(Stop::Busy);
        };
        let read = async {
            let mut out = Vec::with_capacity(announced.unwrap_or_default().min(SMALL));
            let (mut middle, mut large) = (None, None);
            let mut stream = body.into_data_stream();
            while let Some(part) = stream.next().await {
                // The sender went away, or sent less than it said: there is nobody to tell.
                let part =
                    part.map_err(|_| Stop::Refused(Refusal::Malformed("the body was cut off")))?;
                let length = out.len() + part.len();
                if length > limit {
                    return Err(too_large());
                }
                if length > SMALL && middle.is_none() {
                    middle = Some(self.middle.acquire().await.map_err(|_| Stop::Busy)?);
                }
                if length > MIDDLE && large.is_none() {
                    large = Some(self.large.acquire().await.map_err(|_| Stop::Busy)?);
                }
                out.extend_from_slice(&part);
            }
            Ok(out)
        };
        timeout(PATIENCE, read).await.unwrap_or(Err(Stop::Slow))
    }
}
