//! The wire: octocrab over our own HTTP client.
//!
//! octocrab only transports here. Requests are built by the [client](crate::GithubClient) and
//! handed to its `execute`, so no second version header, no automatic retry and no redirect that
//! turns a POST into a GET can happen; credentials come from a
//! [`TokenSource`](crate::TokenSource), so the same path runs against an emulator in the process.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use notion_sync_core::http::{HttpSend, Request, Response, SendError};
use notion_sync_core::{Error, ErrorKind, Result};
use octocrab::Octocrab;
use tokio::sync::OnceCell;

use crate::settings::{GithubSettings, Origin};

/// Sends requests through octocrab.
///
/// One request in, one request on the wire: no retry, no redirect, no cache. The `User-Agent` is
/// octocrab's, which it always adds itself. The connection pool belongs to the Tokio runtime that
/// sends first.
pub struct OctocrabSend {
    http: reqwest::Client,
    origins: Vec<Origin>,
    max_bytes: usize,
    clients: Vec<OnceCell<Octocrab>>,
}

impl fmt::Debug for OctocrabSend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OctocrabSend")
            .field("origins", &self.origins)
            .field("max_bytes", &self.max_bytes)
            .finish_non_exhaustive()
    }
}

impl OctocrabSend {
    /// A transport to the addresses in `settings`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`] when the settings are not valid or TLS cannot be set up.
    pub fn new(settings: &GithubSettings) -> Result<Self> {
        settings.validate()?;
        let rest = Origin::parse(&settings.api_url)?;
        let graphql = Origin::parse(&settings.graphql())?;
        let mut origins = vec![rest];
        if !origins.contains(&graphql) {
            origins.push(graphql);
        }
        let deadline = Duration::from_secs(u64::from(settings.bounds.request_deadline));
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .connect_timeout(Duration::from_secs(10).min(deadline))
            .timeout(deadline)
            .build()
            .map_err(|error| {
                Error::new(ErrorKind::Configuration, "set up the HTTP client")
                    .message("the HTTP client refused its settings")
                    .caused_by(error)
            })?;
        Ok(Self {
            http,
            clients: origins.iter().map(|_| OnceCell::new()).collect(),
            origins,
            max_bytes: settings.max_answer_bytes,
        })
    }

    /// octocrab for one origin. It starts a worker task, so it is made inside the runtime, at the
    /// first request.
    async fn client(&self, origin: &Origin) -> std::result::Result<&Octocrab, SendError> {
        let known = self.origins.iter().position(|known| known == origin);
        let Some(cell) = known.and_then(|index| self.clients.get(index)) else {
            let place = &origin.authority;
            return Err(SendError::NotSent(format!(
                "{place} is not a configured host"
            )));
        };
        cell.get_or_try_init(|| async {
            Octocrab::builder()
                .base_uri(format!("{}://{}", origin.scheme, origin.authority))
                .and_then(|builder| builder.build_with_reqwest(self.http.clone()))
                .map_err(|_| SendError::NotSent("the HTTP client cannot be built".to_owned()))
        })
        .await
    }
}

#[async_trait]
impl HttpSend for OctocrabSend {
    async fn send(&self, request: Request) -> std::result::Result<Response, SendError> {
        let origin =
            Origin::of(request.uri()).map_err(|error| SendError::NotSent(error.to_string()))?;
        let client = self.client(&origin).await?;
        let (mut parts, body) = request.into_parts();
        let relative = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        parts.uri = relative
            .parse()
            .map_err(|_| SendError::NotSent("the path is not valid".to_owned()))?;
        // octocrab adds its own and appends, so a second one would go out.
        parts.headers.remove(http::header::USER_AGENT);
        let request = http::Request::from_parts(parts, body);
        let response = client
            .execute(request)
            .await
            .map_err(|error| failure(&error))?;
        let (parts, body) = response.into_parts();
        let body = reqwest::Body::wrap(body);
        let mut response = reqwest::Response::from(http::Response::from_parts(parts, body));
        let mut collected = BytesMut::new();
        loop {
            match response.chunk().await {
                Ok(Some(chunk)) if collected.len() + chunk.len() > self.max_bytes => {
                    let limit = self.max_bytes;
                    return Err(SendError::NoAnswer(format!(
                        "the answer has more than {limit} bytes"
                    )));
                }
                Ok(Some(chunk)) => collected.extend_from_slice(&chunk),
                Ok(None) => break,
                Err(error) => return Err(SendError::NoAnswer(reason(&error))),
            }
        }
        let mut answer = http::Response::new(Bytes::new());
        *answer.status_mut() = response.status();
        *answer.headers_mut() = response.headers().clone();
        *answer.body_mut() = collected.freeze();
        Ok(answer)
    }
}

/// Tells a request that never left from one that may have been received.
fn failure(error: &octocrab::Error) -> SendError {
    let mut cause: Option<&(dyn StdError + 'static)> = Some(error);
    // A chain is as deep as the layers are; the bound only guards against a cycle.
    for _ in 0..16 {
        let Some(current) = cause else { break };
        if let Some(found) = current.downcast_ref::<reqwest::Error>() {
            let text = reason(found);
            return if found.is_connect() || found.is_builder() {
                SendError::NotSent(text)
            } else {
                SendError::NoAnswer(text)
            };
        }
        cause = current.source();
    }
    SendError::NoAnswer("the connection failed".to_owned())
}

/// What went wrong, without the address (queries name branches and people).
fn reason(error: &reqwest::Error) -> String {
    let kind = if error.is_timeout() {
        "timed out"
    } else if error.is_connect() {
        "no connection"
    } else if error.is_decode() {
        "the answer cannot be decoded"
    } else {
        "the connection broke"
    };
    let mut deepest: &(dyn StdError + 'static) = error;
    for _ in 0..16 {
        match deepest.source() {
            Some(next) => deepest = next,
            None => break,
        }
    }
    if deepest.is::<reqwest::Error>() {
        kind.to_owned()
    } else {
        format!("{kind}: {deepest}")
    }
}
