//! The one way a request takes: gate, kept answers, send, classify.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, Duration, Utc};
use http::{HeaderMap, HeaderValue, StatusCode, Uri};
use notion_sync_core::clock::{Ahead, Clock};
use notion_sync_core::http::{HttpSend, SendError};
use notion_sync_core::{Error, ErrorKind, Result, Retry};
use secrecy::ExposeSecret;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::credentials::{Credential, CredentialKind, TokenSource};
use crate::endpoint::{Call, Endpoint, GRAPHQL};
use crate::etags::{EtagStore, Kept};
use crate::failure::{brief, classify, limit_of, rate_limited};
use crate::gate::{Admission, Limit, RateGate, Weight, header};
use crate::settings::{GithubSettings, Origin};

/// One request as metrics and audit see it. No body, no query, no credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchange {
    /// What was done, in the words of errors.
    pub during: &'static str,
    /// HTTP method.
    pub method: String,
    /// Path below the base, without query.
    pub path: String,
    /// Status; `None` when there was no answer.
    pub status: Option<u16>,
    /// The service's id of the request.
    pub request_id: Option<String>,
    /// What is left of the quota, where the answer says it.
    pub remaining: Option<u64>,
}

/// Sees every request after it ended.
pub trait Observer: fmt::Debug + Send + Sync {
    /// One request ended.
    fn observed(&self, exchange: &Exchange);

    /// A name was followed to where the repository or issue is now: the configuration is outdated.
    fn moved(&self, _from: &str, _to: &str) {}
}

/// Writes a request to the log, however it ended. The template of its address and not the address: names of files
/// and branches are made of titles.
pub(crate) fn log_call(
    endpoint: &Endpoint,
    response: Option<&notion_sync_core::http::Response>,
    took: Duration,
) {
    let text = |name: &str| header(response?.headers(), name);
    tracing::debug!(
        target: "notion_sync::call",
        service = "github",
        method = %endpoint.method,
        endpoint = endpoint.path,
        during = endpoint.name,
        status = response.map(|response| response.status().as_u16()),
        milliseconds = took.num_milliseconds(),
        remaining = text("x-ratelimit-remaining").and_then(|left| left.parse::<u64>().ok()),
        request_id = text("x-github-request-id"),
        "call"
    );
}

/// Sends requests to GitHub with one credential. Cheap to clone.
#[derive(Debug, Clone)]
pub struct GithubClient {
    inner: Arc<Inner>,
}

struct Inner {
    send: Arc<dyn HttpSend>,
    tokens: Arc<dyn TokenSource>,
    clock: Arc<dyn Clock>,
    ahead: Arc<Ahead>,
    settings: GithubSettings,
    gate: Arc<RateGate>,
    etags: EtagStore,
    observer: Option<Arc<dyn Observer>>,
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GithubClient")
            .field("api_url", &self.settings.api_url)
            .field("api_version", &self.settings.api_version)
            .field("tokens", &self.tokens)
            .finish_non_exhaustive()
    }
}

/// An answer that is a success, or 304 where the caller brought the `ETag`.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// Path the service redirected to.
    pub(crate) moved: Option<String>,
    during: &'static str,
    write: bool,
}

fn date_of(headers: &HeaderMap) -> Option<DateTime<Utc>> {
    let date = DateTime::parse_from_rfc2822(header(headers, "date")?).ok()?;
    Some(date.to_utc())
}

impl Answer {
    pub(crate) fn not_modified(&self) -> bool {
        self.status == StatusCode::NOT_MODIFIED
    }

    pub(crate) fn etag(&self) -> Option<String> {
        header(&self.headers, "etag").map(str::to_owned)
    }

    /// When the service answered, by its own clock and to the second.
    pub(crate) fn answered_at(&self) -> Option<DateTime<Utc>> {
        date_of(&self.headers)
    }

    /// Reads the body. A body that cannot be read after a write leaves what it did unknown.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T> {
        // Text that is known to be text is read without looking at every string once more.
        let read = match std::str::from_utf8(&self.body) {
            Ok(text) => serde_json::from_str(text)
                .map_err(|error| format!("line {} column {}", error.line(), error.column())),
            Err(error) => Err(format!("no text from byte {} on", error.valid_up_to())),
        };
        read.map_err(|place| {
            let text = if self.write {
                format!("the write was answered with a body that cannot be read ({place})")
            } else {
                format!("the answer cannot be read ({place})")
            };
            // The parser's own message may quote text of the body.
            Error::new(ErrorKind::Unavailable, self.during)
                .with("status", self.status.as_u16())
                .message(text)
        })
    }

    /// An answer without something it must have.
    pub(crate) fn lacks(&self, what: &str) -> Error {
        Error::new(ErrorKind::Unavailable, self.during).message(format!("the answer has no {what}"))
    }

    /// Where the next page of a listing is.
    pub(crate) fn next(&self) -> Option<String> {
        header(&self.headers, "link").and_then(|links| relation(links, "next"))
    }
}

/// Most redirects that a read follows.
const REDIRECTS: u32 = 5;

impl GithubClient {
    /// A client.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`] when the settings are not valid.
    pub fn new(
        send: Arc<dyn HttpSend>,
        tokens: Arc<dyn TokenSource>,
        clock: Arc<dyn Clock>,
        settings: GithubSettings,
    ) -> Result<Self> {
        settings.validate()?;
        Ok(Self {
            inner: Arc::new(Inner {
                gate: Arc::new(RateGate::new(settings.limits)),
                etags: EtagStore::default(),
                observer: None,
                send,
                tokens,
                clock,
                ahead: Arc::default(),
                settings,
            }),
        })
    }

    /// The same client, seen by an observer. Gate and kept answers start empty.
    #[must_use]
    pub fn observed_by(self, observer: Arc<dyn Observer>) -> Self {
        let inner = &self.inner;
        Self {
            inner: Arc::new(Inner {
                gate: Arc::new(RateGate::new(inner.settings.limits)),
                etags: EtagStore::default(),
                observer: Some(observer),
                send: Arc::clone(&inner.send),
                tokens: Arc::clone(&inner.tokens),
                clock: Arc::clone(&inner.clock),
                ahead: Arc::clone(&inner.ahead),
                settings: inner.settings.clone(),
            }),
        }
    }

    /// The same client, with the same gate, that sends another way: for requests that belong to no
    /// work under a lease. Kept answers start empty.
    #[must_use]
    pub fn sending_by(&self, send: Arc<dyn HttpSend>) -> Self {
        let inner = &self.inner;
        Self {
            inner: Arc::new(Inner {
                gate: Arc::clone(&inner.gate),
                etags: EtagStore::default(),
                observer: inner.observer.clone(),
                send,
                tokens: Arc::clone(&inner.tokens),
                clock: Arc::clone(&inner.clock),
                ahead: Arc::clone(&inner.ahead),
                settings: inner.settings.clone(),
            }),
        }
    }

    /// The settings.
    #[must_use]
    pub fn settings(&self) -> &GithubSettings {
        &self.inner.settings
    }

    /// What kind of credential is used.
    #[must_use]
    pub fn credential_kind(&self) -> CredentialKind {
        self.inner.tokens.kind()
    }

    pub(crate) async fn permissions(&self) -> Option<std::collections::BTreeMap<String, String>> {
        self.inner.tokens.permissions().await
    }

    /// The gate of this credential.
    #[must_use]
    pub fn gate(&self) -> &RateGate {
        &self.inner.gate
    }

    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.inner.clock.now()
    }

    /// The present moment, and not later than by the service's clock as its last answer told it.
    pub(crate) fn observed_at(&self) -> DateTime<Utc> {
        self.inner.ahead.to_service(self.now())
    }

    /// Closes the gate for a limit that an answer told of. Answers until when.
    pub(crate) fn limited(&self, limit: Limit, now: DateTime<Utc>) -> DateTime<Utc> {
        self.inner.gate.refused(limit, now)
    }

    /// Asks the gate whether an operation that writes may start.
    pub(crate) fn begin(&self, during: &'static str, writes: u32, creates: u32) -> Result<()> {
        match self.inner.gate.begin(writes, creates, self.now()) {
            Admission::Now => Ok(()),
            Admission::NotBefore(until) => Err(self.not_before(during, until)),
        }
    }

    fn not_before(&self, during: &'static str, until: DateTime<Utc>) -> Error {
        Error::new(ErrorKind::RateLimited, during)
            .message("the rate gate is closed")
            .with("until", until.format("%Y-%m-%dT%H:%M:%S%.3fZ"))
            .retry_at(Retry::NotBefore(until))
    }

    /// Calls an endpoint.
    ///
    /// A write follows one redirect, to where the repository is now. A read follows several: an issue may
    /// have been transferred more than once. A 401 renews the token once.
    pub(crate) async fn call(&self, call: Call) -> Result<Answer> {
        let mut call = call;
        let mut moved = None;
        let mut renewed = false;
        let mut redirects = if call.endpoint.writes() { 1 } else { REDIRECTS };
        // At most: the request, one renewed token, the redirects.
        for _ in 0..redirects + 2 {
            let credential = self.inner.tokens.token().await?;
            let (status, headers, body, kept) = self.once(&call, &credential).await?;
            let name = call.endpoint.name;
            let write = call.endpoint.writes();
            let accepted = call.accepted.contains(&status.as_u16());
            if status.is_success() || accepted || (status == StatusCode::NOT_MODIFIED && !write) {
                let (status, headers, body) = match kept {
                    Some(kept) if status == StatusCode::NOT_MODIFIED => {
                        (StatusCode::OK, kept.headers, kept.body)
                    }
                    _ => (status, headers, body),
                };
                return Ok(Answer {
                    status,
                    headers,
                    body,
                    moved,
                    during: name,
                    write,
                });
            }
            if status == StatusCode::UNAUTHORIZED
                && !renewed
                && self.inner.tokens.refused(&credential.fingerprint).await
            {
                renewed = true;
                continue;
            }
            let is_redirect = matches!(status.as_u16(), 301 | 302 | 307 | 308);
            if is_redirect && redirects > 0 {
                redirects -= 1;
                let target = self.redirect(&call, &headers, &body)?;
                let place = |path: &str| path.split(['/', '?']).nth(2).map(str::to_owned);
                let by_id = call.target.starts_with("/repositories/");
                if write && by_id && place(&call.target) != place(&target) {
                    // What would be written is not what was checked before.
                    let error = Error::new(ErrorKind::Stale, name)
                        .message("it was moved to another repository")
                        .with("to", path_of(&target));
                    return Err(locate(error, &call));
                }
                if let Some(observer) = &self.inner.observer {
                    observer.moved(path_of(&call.target), path_of(&target));
                }
                tracing::warn!(from = path_of(&call.target), to = path_of(&target), "moved");
                moved = Some(target.clone());
                call.target = target;
                continue;
            }
            let error = classify(name, write, status, &headers, &body, self.now());
            return Err(locate(error, &call));
        }
        let error = Error::new(ErrorKind::Unauthorized, call.endpoint.name)
            .message("the service refuses a fresh token");
        Err(locate(error, &call))
    }

    /// One request.
    async fn once(
        &self,
        call: &Call,
        credential: &Credential,
    ) -> Result<(StatusCode, HeaderMap, Bytes, Option<Kept>)> {
        let Endpoint { name, method, .. } = call.endpoint;
        let name = *name;
        if !call.is_addressable() {
            let error = Error::new(ErrorKind::Invalid, name)
                .message("a name is empty or consists of dots, which no address can hold");
            return Err(locate(error, call));
        }
        let graphql = call.endpoint.path == GRAPHQL.path;
        let resource = if graphql { "graphql" } else { "core" };
        let weight = Weight {
            write: call.endpoint.writes(),
            creates: call.endpoint.creates,
        };
        if let Admission::NotBefore(until) = self.inner.gate.admit(resource, weight, self.now()) {
            return Err(locate(self.not_before(name, until), call));
        }
        let url = if graphql {
            self.inner.settings.graphql()
        } else {
            format!("{}{}", self.inner.settings.base(), call.target)
        };
        let mut bearer =
            HeaderValue::from_str(&format!("Bearer {}", credential.token.expose_secret()))
                .map_err(|_| {
                    Error::new(ErrorKind::Configuration, name)
                        .message("the token cannot stand in a header")
                })?;
        bearer.set_sensitive(true);
        let mut request = http::Request::builder()
            .method(method.clone())
            .uri(url)
            .header(http::header::AUTHORIZATION, bearer)
            .header(http::header::ACCEPT, "application/vnd.github+json")
            .header(http::header::USER_AGENT, "notion-sync")
            .header("x-github-api-version", &self.inner.settings.api_version);
        let key = EtagStore::key(&credential.fingerprint, &call.target);
        let kept = (call.endpoint.cached && call.etag.is_none())
            .then(|| self.inner.etags.get(&key))
            .flatten();
        let condition = call
            .etag
            .as_deref()
            .or(kept.as_ref().map(|kept| kept.etag.as_str()));
        if let Some(etag) = condition.and_then(|etag| HeaderValue::from_str(etag).ok()) {
            request = request.header(http::header::IF_NONE_MATCH, etag);
        }
        let body = match &call.body {
            Some(body) => {
                request = request.header(http::header::CONTENT_TYPE, "application/json");
                Bytes::from(body.to_string())
            }
            None => Bytes::new(),
        };
        let request = request.body(body).map_err(|_| {
            locate(
                Error::new(ErrorKind::Invalid, name).message("the address is not valid"),
                call,
            )
        })?;
        let began = self.now();
        let sent = self.inner.send.send(request).await;
        let now = self.now();
        if !matches!(sent, Err(SendError::HeldBack(_))) {
            self.report(call, sent.as_ref().ok(), now - began);
        }
        match &sent {
            Ok(answer) => {
                self.inner
                    .ahead
                    .heard(began, now, date_of(answer.headers()));
                (self.inner.gate).ended(answer.status().is_server_error(), now);
            }
            Err(SendError::HeldBack(_)) => {}
            Err(_) => self.inner.gate.ended(true, now),
        }
        let response = sent.map_err(|error| locate(unsent(name, weight.write, error), call))?;
        let (parts, body) = response.into_parts();
        self.inner.gate.observe(&parts.headers, now);
        if body.len() > self.inner.settings.max_answer_bytes {
            let limit = self.inner.settings.max_answer_bytes;
            let error = Error::new(ErrorKind::Unavailable, name).message(format!(
                "the answer has {} bytes, the limit is {limit}",
                body.len()
            ));
            return Err(locate(error, call));
        }
        if let Some(limit) = limit_of(parts.status, &parts.headers, &body, now) {
            let until = self.inner.gate.refused(limit, now);
            return Err(locate(rate_limited(name, limit, until), call));
        }
        if parts.status.is_success() {
            self.inner.gate.served();
            if call.endpoint.cached
                && let Some(etag) = header(&parts.headers, "etag")
            {
                let etag = etag.to_owned();
                let mut headers = HeaderMap::new();
                for name in [http::header::LINK, http::header::ETAG] {
                    if let Some(value) = parts.headers.get(&name) {
                        headers.insert(name, value.clone());
                    }
                }
                self.inner.etags.put(
                    key,
                    Kept {
                        etag,
                        headers,
                        body: body.clone(),
                    },
                );
            }
        }
        Ok((parts.status, parts.headers, body, kept))
    }

    fn report(
        &self,
        call: &Call,
        response: Option<&notion_sync_core::http::Response>,
        took: Duration,
    ) {
        log_call(call.endpoint, response, took);
        let Some(observer) = &self.inner.observer else {
            return;
        };
        let text = |name: &str| header(response?.headers(), name);
        observer.observed(&Exchange {
            during: call.endpoint.name,
            method: call.endpoint.method.to_string(),
            path: path_of(&call.target).to_owned(),
            status: response.map(|response| response.status().as_u16()),
            request_id: text("x-github-request-id").map(str::to_owned),
            remaining: text("x-ratelimit-remaining").and_then(|n| n.parse().ok()),
        });
    }

    /// Where a redirect leads: only to the same host, only to the form with the repository's id.
    fn redirect(&self, call: &Call, headers: &HeaderMap, body: &[u8]) -> Result<String> {
        let refuse = |text: &str| {
            locate(
                Error::new(ErrorKind::Invalid, call.endpoint.name).message(text),
                call,
            )
        };
        let from_body = || {
            let body: Value = serde_json::from_slice(body).ok()?;
            Some(body.get("url")?.as_str()?.to_owned())
        };
        let location = header(headers, "location")
            .map(str::to_owned)
            .or_else(from_body);
        let Some(location) = location else {
            return Err(refuse("a redirect without a target"));
        };
        let uri: Uri = location
            .parse()
            .map_err(|_| refuse("a redirect to what is no address"))?;
        if uri.authority().is_some() {
            let ours = Origin::parse(self.inner.settings.base())?;
            if Origin::of(&uri).ok().as_ref() != Some(&ours) {
                return Err(refuse("a redirect to another host is not followed"));
            }
        }
        let target = uri.path_and_query().map_or("", |path| path.as_str());
        let target = self.below_base(target);
        if !target.starts_with("/repositories/") {
            return Err(refuse(
                "a redirect that does not name a repository is not followed",
            ));
        }
        Ok(target)
    }

    fn below_base(&self, path: &str) -> String {
        let base = self.inner.settings.base_path();
        path.strip_prefix(base.as_str()).unwrap_or(path).to_owned()
    }

    /// The call of the next page, where there is one. Links are absolute; only their path is used,
    /// so that no link can lead a credential elsewhere.
    pub(crate) fn next_page(&self, call: &Call, answer: &Answer) -> Option<Call> {
        let uri: Uri = answer.next()?.parse().ok()?;
        let target = self.below_base(uri.path_and_query()?.as_str());
        (target != call.target && target.starts_with('/')).then(|| Call {
            target,
            etag: None,
            ..call.clone()
        })
    }

    /// Every page of a listing.
    pub(crate) async fn all<T: DeserializeOwned>(&self, call: Call) -> Result<Vec<T>> {
        self.all_in(call, |page: Vec<T>| page).await
    }

    /// A listing that is described without pages.
    pub(crate) async fn unpaged<T: DeserializeOwned>(&self, call: Call) -> Result<Vec<T>> {
        self.call(call).await?.json()
    }

    /// Every page of a listing that stands in a member of its answers.
    pub(crate) async fn all_in<P: DeserializeOwned, T>(
        &self,
        call: Call,
        items_of: fn(P) -> Vec<T>,
    ) -> Result<Vec<T>> {
        let mut items = Vec::new();
        let mut next = Some(call.query("per_page", "100"));
        let mut pages = 0_u32;
        while let Some(call) = next {
            pages += 1;
            if pages > MAX_PAGES {
                let error = Error::new(ErrorKind::Unavailable, call.endpoint.name)
                    .message(format!("more than {MAX_PAGES} pages"));
                return Err(locate(error, &call));
            }
            let answer = self.call(call.clone()).await?;
            items.extend(items_of(answer.json::<P>()?));
            next = self.next_page(&call, &answer);
        }
        Ok(items)
    }
}

/// Listings longer than this are refused rather than read for hours: 100,000 entries.
const MAX_PAGES: u32 = 1_000;

fn unsent(during: &'static str, write: bool, error: SendError) -> Error {
    match error {
        SendError::NotSent(text) | SendError::HeldBack(text) => {
            Error::new(ErrorKind::NotApplied, during).message(brief(&text))
        }
        SendError::NoAnswer(text) => {
            let text = brief(&text);
            let text = if write {
                format!("{text}; the write may have been applied")
            } else {
                text
            };
            Error::new(ErrorKind::Unavailable, during).message(text)
        }
    }
}

fn locate(error: Error, call: &Call) -> Error {
    call.context
        .iter()
        .fold(error, |error, (key, value)| error.with(key, value))
}

fn path_of(target: &str) -> &str {
    target.split('?').next().unwrap_or_default()
}

/// The address a `Link` header gives for a relation.
fn relation(links: &str, wanted: &str) -> Option<String> {
    links.split(',').find_map(|link| {
        let (address, parameters) = link.trim().strip_prefix('<')?.split_once('>')?;
        let named = parameters.split(';').any(|parameter| {
            let value = parameter.trim().strip_prefix("rel=");
            value.is_some_and(|value| value.trim_matches('"') == wanted)
        });
        named.then(|| address.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_next_page() {
        let links = "<https://h/r/1/issues?page=1>; rel=\"prev\", <https://h/r/1/issues?page=3>; rel=\"next\"";
        assert_eq!(
            relation(links, "next").as_deref(),
            Some("https://h/r/1/issues?page=3")
        );
        assert_eq!(relation(links, "last"), None);
        for broken in ["", ",", "<", "<>", "<a>; rel", "rel=next", "<a; rel=next"] {
            assert_eq!(relation(broken, "next"), None, "{broken}");
        }
    }
}
