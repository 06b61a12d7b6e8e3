//! The client: calls as data, one gate, one way to send, one classification.

mod classification;
mod endpoint;
mod observer;
mod rate;
mod transport;

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, USER_AGENT};
use http::{HeaderMap, StatusCode, Uri};
use notion_sync_core::clock::{Ahead, Clock};
use notion_sync_core::http::{HttpSend, Request, SendError};
use notion_sync_core::{Error, ErrorKind, Result, Retry};
use secrecy::{ExposeSecret, SecretString};

pub use classification::{Committed, retry_after};
pub use endpoint::{Effect, Endpoint, PAGE_SIZE};
pub use observer::{CallObserver, CallRecord};
pub use rate::{Admission, RateBudget, RateGate};
pub use transport::{MAX_RESPONSE, ReqwestSend};

use crate::wire::Listed;

/// The API version this crate is written for.
pub const API_VERSION: &str = "2026-03-11";

/// Where Notion is.
pub const BASE_URL: &str = "https://api.notion.com";

/// Settings of a client that are not secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientSettings {
    /// Base address without a final slash. HTTPS, or plain HTTP to a loopback address.
    pub base_url: String,
    /// `Notion-Version` of every request.
    pub version: String,
    /// `User-Agent` of every request.
    pub user_agent: String,
}

impl Default for ClientSettings {
    fn default() -> Self {
        Self {
            base_url: BASE_URL.to_owned(),
            version: API_VERSION.to_owned(),
            user_agent: concat!("notion-sync/", env!("CARGO_PKG_VERSION")).to_owned(),
        }
    }
}

/// One connection to Notion. Cheap to clone; clones share gate and observers.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

struct Inner {
    base: String,
    version: HeaderValue,
    user_agent: HeaderValue,
    token: SecretString,
    send: Arc<dyn HttpSend>,
    clock: Arc<dyn Clock>,
    gate: Arc<RateGate>,
    ahead: Arc<Ahead>,
    observers: Vec<Arc<dyn CallObserver>>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("base", &self.inner.base)
            .field("version", &self.inner.version)
            .finish_non_exhaustive()
    }
}

/// An answer that says the call succeeded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The body, JSON. Empty of meaning when `committed` is set: then it is an error body.
    pub body: Bytes,
    /// Notion's id of the request.
    pub request_id: Option<String>,
    /// When the service answered, by its own clock and to the second.
    pub answered_at: Option<DateTime<Utc>>,
    /// Set when the service saved the change but could not show it (503 after commit).
    pub committed: Option<Committed>,
}

impl Client {
    /// A client for one connection.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`] when the base address is not HTTPS (or plain HTTP to a
    /// loopback address), or a setting or the token cannot stand in a header.
    pub fn new(
        settings: ClientSettings,
        token: SecretString,
        send: Arc<dyn HttpSend>,
        clock: Arc<dyn Clock>,
        gate: Arc<RateGate>,
    ) -> Result<Self> {
        let header = |name: &'static str, value: &str| {
            HeaderValue::from_str(value).map_err(|_| {
                Error::new(ErrorKind::Configuration, "set up the Notion client")
                    .message(format!("{name} cannot stand in a header"))
            })
        };
        let base = settings.base_url.trim_end_matches('/').to_owned();
        check_base(&base)?;
        // Looked at once here so that a bad token fails early and without being printed.
        header("the token", &format!("Bearer {}", token.expose_secret()))?;
        if token.expose_secret().is_empty() {
            return Err(
                Error::new(ErrorKind::Configuration, "set up the Notion client")
                    .message("the token is empty")
                    .remedy("set NOTION_INTEGRATION_TOKEN"),
            );
        }
        Ok(Self {
            inner: Arc::new(Inner {
                base,
                version: header("the API version", &settings.version)?,
                user_agent: header("the user agent", &settings.user_agent)?,
                token,
                send,
                clock,
                gate,
                ahead: Arc::default(),
                observers: Vec::new(),
            }),
        })
    }

    /// The same client with one more observer. The gate stays shared.
    #[must_use]
    pub fn observed_by(&self, observer: Arc<dyn CallObserver>) -> Self {
        let inner = &*self.inner;
        let mut observers = inner.observers.clone();
        observers.push(observer);
        Self {
            inner: Arc::new(Inner {
                base: inner.base.clone(),
                version: inner.version.clone(),
                user_agent: inner.user_agent.clone(),
                token: inner.token.clone(),
                send: Arc::clone(&inner.send),
                clock: Arc::clone(&inner.clock),
                gate: Arc::clone(&inner.gate),
                ahead: Arc::clone(&inner.ahead),
                observers,
            }),
        }
    }

    /// The present moment by the client's clock.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        self.inner.clock.now()
    }

    /// A moment of [`now`](Self::now) as the service would tell it, where the clock here is clearly ahead of the
    /// service's, by the `Date` of the last answer; else the moment itself.
    #[must_use]
    pub fn by_service(&self, here: DateTime<Utc>) -> DateTime<Utc> {
        self.inner.ahead.to_service(here)
    }

    /// The gate of this connection.
    #[must_use]
    pub fn gate(&self) -> &RateGate {
        &self.inner.gate
    }

    /// Makes one call.
    ///
    /// # Errors
    ///
    /// * [`ErrorKind::RateLimited`] with the earliest useful moment: nothing was sent, or the
    ///   service refused;
    /// * [`ErrorKind::NotApplied`]: surely without effect, may be repeated;
    /// * [`ErrorKind::Unavailable`]: no proper answer; a write has an unknown outcome;
    /// * [`ErrorKind::Invalid`], [`Unauthorized`](ErrorKind::Unauthorized),
    ///   [`Forbidden`](ErrorKind::Forbidden), [`NotFound`](ErrorKind::NotFound),
    ///   [`Gone`](ErrorKind::Gone), [`Blocked`](ErrorKind::Blocked) as the service said;
    /// * [`ErrorKind::Stale`]: what a write is done to is in the trash.
    pub async fn call(&self, endpoint: &Endpoint) -> Result<Answer> {
        let admission = self.inner.gate.admit(self.now());
        self.run(endpoint, admission).await
    }

    /// Makes one call that belongs to a write already begun: the own budget does not stop it, a
    /// wait that the service asked for does.
    ///
    /// # Errors
    ///
    /// As [`call`](Self::call).
    pub async fn call_begun(&self, endpoint: &Endpoint) -> Result<Answer> {
        let admission = self.inner.gate.admit_begun(self.now());
        self.run(endpoint, admission).await
    }

    /// Fails with [`ErrorKind::RateLimited`] unless `calls` more calls may be made now. Asked
    /// before the first step of a write that has several.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::RateLimited`] with the earliest useful moment.
    pub fn reserve(&self, calls: usize, during: &'static str) -> Result<()> {
        let calls = u32::try_from(calls).unwrap_or(u32::MAX);
        match self.inner.gate.room_for(calls, self.now()) {
            Admission::Now => Ok(()),
            Admission::NotBefore(until) => Err(held_back(during, until)),
        }
    }

    /// Reads one page of a list.
    ///
    /// # Errors
    ///
    /// As [`call`](Self::call); [`ErrorKind::Unavailable`] when the answer is no list.
    pub async fn page_of(&self, endpoint: &Endpoint) -> Result<Listed> {
        self.list(endpoint, false).await
    }

    async fn list(&self, endpoint: &Endpoint, begun: bool) -> Result<Listed> {
        let answer = if begun {
            self.call_begun(endpoint).await?
        } else {
            self.call(endpoint).await?
        };
        let mut list =
            Listed::parse(&answer.body).map_err(|error| unreadable(endpoint, &answer, error))?;
        list.answered_at = answer.answered_at;
        Ok(list)
    }

    /// Reads every page of a list; `page` makes the call for a cursor.
    ///
    /// # Errors
    ///
    /// As [`page_of`](Self::page_of); also [`ErrorKind::Unavailable`] when the service repeats a
    /// cursor.
    pub async fn all_of(
        &self,
        page: impl Fn(Option<&str>) -> Result<Endpoint> + Send,
    ) -> Result<Listed> {
        self.collect(page, false).await
    }

    /// The same for a write already begun, as [`call_begun`](Self::call_begun).
    ///
    /// # Errors
    ///
    /// As [`all_of`](Self::all_of).
    pub async fn all_of_begun(
        &self,
        page: impl Fn(Option<&str>) -> Result<Endpoint> + Send,
    ) -> Result<Listed> {
        self.collect(page, true).await
    }

    async fn collect(
        &self,
        page: impl Fn(Option<&str>) -> Result<Endpoint> + Send,
        begun: bool,
    ) -> Result<Listed> {
        let mut endpoint = page(None)?;
        let mut all = self.list(&endpoint, begun).await?;
        let mut seen = std::collections::BTreeSet::new();
        while let Some(cursor) = all.next_cursor.take() {
            if !seen.insert(cursor.clone()) {
                return Err(Error::new(ErrorKind::Unavailable, endpoint.during)
                    .message("the service gave the same cursor twice"));
            }
            endpoint = page(Some(&cursor))?;
            let next = self.list(&endpoint, begun).await?;
            all.results.extend(next.results);
            all.incomplete |= next.incomplete;
            all.next_cursor = next.next_cursor;
        }
        Ok(all)
    }

    async fn run(&self, endpoint: &Endpoint, admission: Admission) -> Result<Answer> {
        if let Admission::NotBefore(until) = admission {
            self.tell(
                endpoint,
                None,
                Some(ErrorKind::RateLimited),
                self.now(),
                None,
                0,
            );
            return Err(held_back(endpoint.during, until));
        }
        let request = self.request(endpoint)?;
        let started = self.now();
        let sent = self.inner.send.send(request).await;
        match &sent {
            Ok(answer) => {
                let failed = answer.status().is_server_error();
                self.inner.gate.ended(failed, self.now());
                let date = classification::answered_at(answer.headers());
                self.inner.ahead.heard(started, self.now(), date);
            }
            Err(SendError::HeldBack(_)) => {}
            Err(_) => self.inner.gate.ended(true, self.now()),
        }
        let (status, request_id, bytes) = match &sent {
            Ok(response) => (
                Some(response.status().as_u16()),
                classification::request_id(response.headers()),
                response.body().len(),
            ),
            Err(_) => (None, None, 0),
        };
        let result = self.judge(endpoint, sent);
        let failure = result.as_ref().err().map(Error::kind);
        self.tell(endpoint, status, failure, started, request_id, bytes);
        result
    }

    fn judge(
        &self,
        endpoint: &Endpoint,
        sent: Result<http::Response<Bytes>, SendError>,
    ) -> Result<Answer> {
        match sent {
            Ok(response) if response.body().len() > MAX_RESPONSE => {
                Err(Error::new(ErrorKind::Unavailable, endpoint.during)
                    .message(format!("the answer is longer than {MAX_RESPONSE} bytes")))
            }
            Ok(response) => {
                let verdict = classification::classify(endpoint, &response, self.now());
                if let Some(until) = verdict.pause {
                    self.inner.gate.block_until(until);
                }
                verdict
                    .result
                    .map_err(|message| message.into_error(endpoint, &self.inner.token))
            }
            Err(error) => {
                let kind = match (&error, endpoint.effect) {
                    (
                        SendError::NotSent(_) | SendError::HeldBack(_),
                        Effect::Set | Effect::Create | Effect::Append,
                    ) => ErrorKind::NotApplied,
                    _ => ErrorKind::Unavailable,
                };
                let text = error
                    .to_string()
                    .replace(self.inner.token.expose_secret(), "***");
                Err(Error::new(kind, endpoint.during).message(text))
            }
        }
        .map_err(|error| locate(error, endpoint))
    }

    fn request(&self, endpoint: &Endpoint) -> Result<Request> {
        let broken =
            |what: &str| Error::new(ErrorKind::Internal, endpoint.during).message(what.to_owned());
        let uri: Uri = format!("{}{}", self.inner.base, endpoint.target())
            .parse()
            .map_err(|_| broken("the address is not valid"))?;
        let body = match &endpoint.body {
            Some(body) => Bytes::from(
                serde_json::to_vec(body).map_err(|_| broken("the body cannot be written"))?,
            ),
            None => Bytes::new(),
        };
        let mut authorization =
            HeaderValue::from_str(&format!("Bearer {}", self.inner.token.expose_secret()))
                .map_err(|_| broken("the token cannot stand in a header"))?;
        authorization.set_sensitive(true);
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, authorization);
        headers.insert("notion-version", self.inner.version.clone());
        headers.insert(USER_AGENT, self.inner.user_agent.clone());
        if endpoint.body.is_some() {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        let mut request = Request::new(body);
        *request.method_mut() = endpoint.method.clone();
        *request.uri_mut() = uri;
        *request.headers_mut() = headers;
        Ok(request)
    }

    fn tell(
        &self,
        endpoint: &Endpoint,
        status: Option<u16>,
        failure: Option<ErrorKind>,
        started: DateTime<Utc>,
        request_id: Option<String>,
        bytes: usize,
    ) {
        let duration = self.now() - started;
        tracing::debug!(
            target: "notion_sync::call",
            service = "notion",
            method = %endpoint.method,
            endpoint = endpoint.template,
            during = endpoint.during,
            status,
            failure = failure.map(tracing::field::debug),
            milliseconds = duration.num_milliseconds(),
            // The service does not say it: what is left of the window that is counted here.
            remaining = self.inner.gate.remaining(self.now()),
            request_id,
            "call"
        );
        if self.inner.observers.is_empty() {
            return;
        }
        let record = CallRecord {
            method: endpoint.method.clone(),
            endpoint: endpoint.template,
            effect: endpoint.effect,
            status,
            failure,
            duration,
            request_id,
            bytes,
        };
        for observer in &self.inner.observers {
            observer.finished(&record);
        }
    }
}

/// The error of a call whose answer was not what the endpoint promises. A write had its effect,
/// but what it was is not known.
pub(crate) fn unreadable(endpoint: &Endpoint, answer: &Answer, error: serde_json::Error) -> Error {
    // The text of a JSON error can quote the input: only its place is kept.
    let mut out = Error::new(ErrorKind::Unavailable, endpoint.during).message(format!(
        "the answer is not what the service promises (line {}, column {})",
        error.line(),
        error.column()
    ));
    if let Some(id) = &answer.request_id {
        out = out.with("request", id);
    }
    locate(out, endpoint)
}

fn locate(error: Error, endpoint: &Endpoint) -> Error {
    match &endpoint.subject {
        Some((kind, id)) => error.with(kind, id),
        None => error,
    }
}

fn held_back(during: &'static str, until: DateTime<Utc>) -> Error {
    Error::new(ErrorKind::RateLimited, during)
        .message("the request budget of this connection is used up for now")
        .retry_at(Retry::NotBefore(until))
}

fn check_base(base: &str) -> Result<()> {
    let wrong = |message: &str| {
        Err(
            Error::new(ErrorKind::Configuration, "set up the Notion client")
                .message(message.to_owned())
                .remedy("use an https address, or plain http to a loopback address"),
        )
    };
    let Ok(uri) = base.parse::<Uri>() else {
        return wrong("the base address is not valid");
    };
    let Some(authority) = uri.authority() else {
        return wrong("the base address has no host");
    };
    if authority.as_str().contains('@') {
        return wrong("the base address holds credentials");
    }
    if uri.query().is_some() {
        return wrong("the base address has a query");
    }
    let host = authority
        .host()
        .trim_start_matches('[')
        .trim_end_matches(']');
    let loopback = host.eq_ignore_ascii_case("localhost")
        || host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback());
    match uri.scheme_str() {
        Some("https") => Ok(()),
        Some("http") if loopback => Ok(()),
        Some("http") => wrong("plain http to a host that is not this machine"),
        _ => wrong("the base address is neither https nor http"),
    }
}

/// Whether a status says success.
pub(crate) fn is_success(status: StatusCode) -> bool {
    status.is_success()
}

#[cfg(test)]
mod tests {
    use super::check_base;

    #[test]
    fn plain_http_goes_to_loopback_only() {
        for good in [
            "https://api.notion.com",
            "http://127.0.0.1:8080",
            "http://[::1]:1",
            "http://localhost:3000/prefix",
            "http://127.9.9.9",
        ] {
            assert!(check_base(good).is_ok(), "{good}");
        }
        for bad in [
            "http://api.notion.com",
            "http://127.0.0.1.example.org",
            "ftp://127.0.0.1",
            "https://user:secret@api.notion.com",
            "api.notion.com",
            "",
            "https://",
            "https://api.notion.com/?x=1",
        ] {
            assert!(check_base(bad).is_err(), "{bad}");
        }
    }
}
