//! The production implementation of the HTTP seam.

use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use notion_sync_core::bounds::Bounds;
use notion_sync_core::http::{HttpSend, Request, Response, SendError};
use notion_sync_core::{Error, ErrorKind, Result};

/// The largest answer that is read, in bytes. A page of 100 rows with long properties stays far
/// below it.
pub const MAX_RESPONSE: usize = 32 * 1024 * 1024;

/// Sends with reqwest: TLS, HTTP/1.1 and 2, gzip; no redirects, no retries, no referrer.
#[derive(Debug, Clone)]
pub struct ReqwestSend {
    client: reqwest::Client,
    max_response: usize,
}

impl ReqwestSend {
    /// A sender with the deadline of `bounds` for a whole request and 10 seconds to connect.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`] when the TLS backend cannot be set up.
    pub fn new(bounds: &Bounds) -> Result<Self> {
        let deadline = Duration::from_secs(u64::from(bounds.request_deadline.max(1)));
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .connect_timeout(Duration::from_secs(10).min(deadline))
            .timeout(deadline)
            .build()
            .map_err(|error| {
                Error::new(ErrorKind::Configuration, "set up the HTTP client").caused_by(error)
            })?;
        Ok(Self {
            client,
            max_response: MAX_RESPONSE,
        })
    }
}

/// Names what failed without the address: it may carry ids.
fn failure(error: reqwest::Error) -> SendError {
    let connect = error.is_connect();
    let unsent = connect || error.is_builder();
    let error = error.without_url();
    let mut text = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    if unsent {
        SendError::NotSent(text)
    } else {
        SendError::NoAnswer(text)
    }
}

#[async_trait]
impl HttpSend for ReqwestSend {
    async fn send(&self, request: Request) -> Result<Response, SendError> {
        let request = reqwest::Request::try_from(request)
            .map_err(|error| SendError::NotSent(error.without_url().to_string()))?;
        let mut answer = self.client.execute(request).await.map_err(failure)?;
        let mut response = http::Response::new(Bytes::new());
        *response.status_mut() = answer.status();
        *response.headers_mut() = answer.headers().clone();
        let mut body = BytesMut::new();
        loop {
            match answer.chunk().await {
                Ok(Some(chunk)) if body.len() + chunk.len() > self.max_response => {
                    return Err(SendError::NoAnswer(format!(
                        "the answer is longer than {} bytes",
                        self.max_response
                    )));
                }
                Ok(Some(chunk)) => body.extend_from_slice(&chunk),
                Ok(None) => break,
                // Whatever breaks here breaks after the request was received.
                Err(error) => {
                    return Err(SendError::NoAnswer(error.without_url().to_string()));
                }
            }
        }
        *response.body_mut() = body.freeze();
        Ok(response)
    }
}
