//! The one HTTP seam of the adapters.

use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;

/// A request in plain `http` types. The URI is absolute.
pub type Request = http::Request<Bytes>;
/// A response in plain `http` types.
pub type Response = http::Response<Bytes>;

/// Why there is no response.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The request surely never left: no connection, no address, TLS refused.
    #[error("the request was not sent: {0}")]
    NotSent(String),
    /// The request was not sent because whoever sends it must not any more. The service has no part in
    /// it: it counts as no failure of it.
    #[error("the request was held back: {0}")]
    HeldBack(String),
    /// The request may have been received. A write that ends so has an unknown outcome.
    #[error("no answer: {0}")]
    NoAnswer(String),
}

/// Sends one request and gives back one response. Never retries, never sleeps, never follows
/// redirects.
///
/// # Contract
///
/// * Any status is a response; an error means that there is none.
/// * A request that was not certainly unsent ends as [`SendError::NoAnswer`].
/// * Credentials in headers never reach an error or a log.
#[async_trait]
pub trait HttpSend: fmt::Debug + Send + Sync {
    /// Sends `request`.
    async fn send(&self, request: Request) -> Result<Response, SendError>;
}
