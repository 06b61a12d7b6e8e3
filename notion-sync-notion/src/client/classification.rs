//! What an answer means: one table for all calls.

use chrono::{DateTime, Duration, NaiveDateTime, Utc};
use http::{HeaderMap, StatusCode};
use notion_sync_core::http::Response;
use notion_sync_core::{Error, ErrorKind, Retry};
use secrecy::{ExposeSecret, SecretString};

use super::endpoint::{Effect, Endpoint};
use super::{Answer, is_success};
use crate::wire::ErrorBody;

/// How long to wait when the service asks to wait and does not say how long: one window.
const DEFAULT_WAIT_SECONDS: i64 = 60;
/// The longest wait that is believed: a day.
const MAX_WAIT_SECONDS: i64 = 86_400;
/// The longest part of a service's message that is kept.
const MAX_MESSAGE: usize = 300;

/// What a 503 says was saved.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Committed {
    /// The created page, or the parent that blocks were added to.
    pub resource: String,
    /// The created first-level blocks, in order.
    pub children: Vec<String>,
}

/// The verdict on one answer.
pub(super) struct Verdict {
    pub(super) result: Result<Answer, Failure>,
    /// When set, nothing at all may be sent before.
    pub(super) pause: Option<DateTime<Utc>>,
}

/// A failure before it is put into words.
pub(super) struct Failure {
    kind: ErrorKind,
    retry: Option<Retry>,
    status: StatusCode,
    code: String,
    message: String,
    remedy: Option<String>,
    request_id: Option<String>,
}

impl Failure {
    pub(super) fn into_error(self, endpoint: &Endpoint, token: &SecretString) -> Error {
        let mut text = format!("HTTP {}", self.status.as_u16());
        if !self.code.is_empty() {
            text.push(' ');
            text.push_str(&self.code);
        }
        if !self.message.is_empty() {
            text.push_str(": ");
            text.push_str(&self.message);
        }
        let text = text.replace(token.expose_secret(), "***");
        let mut error = Error::new(self.kind, endpoint.during).message(text);
        if let Some(remedy) = self.remedy {
            error = error.remedy(remedy);
        }
        if let Some(retry) = self.retry {
            error = error.retry_at(retry);
        }
        if let Some(id) = self.request_id {
            error = error.with("request", id);
        }
        error
    }
}

pub(super) fn request_id(headers: &HeaderMap) -> Option<String> {
    headers
        .get("x-notion-request-id")
        .and_then(|value| value.to_str().ok())
        .filter(|id| id.len() <= 100)
        .map(str::to_owned)
}

pub(super) fn answered_at(headers: &HeaderMap) -> Option<DateTime<Utc>> {
    let date = headers.get(http::header::DATE)?.to_str().ok()?;
    let date = DateTime::parse_from_rfc2822(date).ok()?;
    Some(date.to_utc())
}

/// Judges an answer after sections 7.1 to 7.4 of the fact sheet.
pub(super) fn classify(endpoint: &Endpoint, response: &Response, now: DateTime<Utc>) -> Verdict {
    let status = response.status();
    let named = request_id(response.headers());
    let write = endpoint.effect != Effect::Read;

    if is_success(status) && status != StatusCode::ACCEPTED {
        // What succeeded is no error object, and often long: it is read by who asked for it.
        return Verdict {
            result: Ok(Answer {
                body: response.body().clone(),
                request_id: named,
                answered_at: answered_at(response.headers()),
                committed: None,
            }),
            pause: None,
        };
    }
    let body = ErrorBody::parse(response.body());
    let request_id = named.or_else(|| body.as_ref().and_then(|body| body.request_id.clone()));
    if status == StatusCode::SERVICE_UNAVAILABLE
        && write
        && let Some(committed) = body.as_ref().and_then(ErrorBody::committed)
    {
        return Verdict {
            result: Ok(Answer {
                body: response.body().clone(),
                request_id,
                answered_at: answered_at(response.headers()),
                committed: Some(committed),
            }),
            pause: None,
        };
    }

    // An answer without Notion's error object and without its request id was made by the edge in
    // front of it: the application never saw the request, unless the status says it timed out.
    let edge = body.is_none() && request_id.is_none();
    let body = body.unwrap_or_default();
    let unsent = if write {
        ErrorKind::NotApplied
    } else {
        ErrorKind::Unavailable
    };
    let mut failure = Failure {
        kind: ErrorKind::Invalid,
        retry: None,
        status,
        code: tidy(&body.code, 60),
        message: sanitise(&body.message),
        remedy: None,
        request_id,
    };
    let mut pause = None;
    match status.as_u16() {
        // `allow_async` is never sent, so a 202 is nothing that can be relied on.
        202 => {
            failure.kind = ErrorKind::Unavailable;
            failure.message = "the service answered that it will do it later".to_owned();
        }
        300..=399 => {
            failure.kind = ErrorKind::Configuration;
            failure.message = "the service redirects".to_owned();
            failure.remedy = Some("check the base address".to_owned());
        }
        401 => {
            failure.kind = ErrorKind::Unauthorized;
            failure.remedy = Some("check the integration token".to_owned());
        }
        413 => {
            failure.kind = ErrorKind::Invalid;
            failure.message = "the request is too large".to_owned();
        }
        408 => failure.kind = ErrorKind::Unavailable,
        429 | 529 if body.reason() == Some("public_api_request_blocked") => {
            failure.kind = ErrorKind::Blocked;
            failure.remedy = Some("this connection was blocked by Notion: ask support".to_owned());
        }
        429 | 529 => {
            let wait = retry_after(response.headers(), now)
                .or_else(|| body.retry_after().map(|seconds| now + seconds))
                .unwrap_or(now + Duration::seconds(DEFAULT_WAIT_SECONDS));
            failure.kind = ErrorKind::RateLimited;
            failure.retry = Some(Retry::NotBefore(wait));
            if let Some(reason) = body.reason() {
                failure.message = tidy(reason, 60);
            }
            pause = Some(wait);
        }
        500..=599 => {
            failure.kind = ErrorKind::Unavailable;
            failure.retry = retry_after(response.headers(), now).map(Retry::NotBefore);
        }
        _ if edge => {
            failure.kind = unsent;
            failure.message = "refused before the API was reached".to_owned();
        }
        403 if body.has_block_limit() => {
            failure.kind = ErrorKind::Blocked;
            failure.remedy =
                Some("the workspace's block limit is reached: upgrade its plan".to_owned());
        }
        403 => {
            failure.kind = ErrorKind::Forbidden;
            failure.remedy = Some(format!(
                "give the connection the capability `{}`",
                endpoint.capability
            ));
        }
        404 => {
            failure.kind = ErrorKind::NotFound;
            failure.remedy = Some("share it with the connection, or check the id".to_owned());
        }
        410 => failure.kind = ErrorKind::Gone,
        409 if body.code == "row_limit_exceeded" => {
            failure.kind = ErrorKind::Blocked;
            failure.remedy = Some("the data source is full".to_owned());
        }
        409 => failure.kind = unsent,
        // Somebody trashed it, or what it is in, since it was read.
        400 if write && endpoint.subject.is_some() && is_in_trash(&failure.message) => {
            failure.kind = ErrorKind::Stale;
        }
        _ => {}
    }
    Verdict {
        result: Err(failure),
        pause,
    }
}

/// The moment that `Retry-After` names: whole seconds or an HTTP date. At most a day away.
#[must_use]
pub fn retry_after(headers: &HeaderMap, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let text = headers
        .get(http::header::RETRY_AFTER)?
        .to_str()
        .ok()?
        .trim();
    let latest = now + Duration::seconds(MAX_WAIT_SECONDS);
    if let Ok(seconds) = text.parse::<u64>() {
        let seconds = i64::try_from(seconds).unwrap_or(MAX_WAIT_SECONDS);
        return Some(now + Duration::seconds(seconds.min(MAX_WAIT_SECONDS)));
    }
    let date = NaiveDateTime::parse_from_str(text, "%a, %d %b %Y %H:%M:%S GMT").ok()?;
    Some(date.and_utc().clamp(now, latest))
}

impl ErrorBody {
    /// The wait that the body repeats.
    fn retry_after(&self) -> Option<Duration> {
        let seconds = self.additional("retry_after")?.parse::<i64>().ok()?;
        Some(Duration::seconds(seconds.clamp(0, MAX_WAIT_SECONDS)))
    }

    fn reason(&self) -> Option<&str> {
        self.additional("rate_limit_reason")
    }

    fn has_block_limit(&self) -> bool {
        self.additional("block_limit").is_some()
    }

    fn committed(&self) -> Option<Committed> {
        let resource = crate::identifier::canonical(self.additional("committed_resource_id")?)?;
        Some(Committed {
            resource,
            children: self
                .additional_list("committed_child_ids")
                .iter()
                .filter_map(|id| crate::identifier::canonical(id))
                .collect(),
        })
    }
}

/// Control characters out, and not too long.
fn tidy(text: &str, limit: usize) -> String {
    text.chars()
        .filter(|c| !c.is_control())
        .take(limit)
        .collect()
}

/// Whether a refusal says that its object is in the trash. It has no code of its own.
fn is_in_trash(message: &str) -> bool {
    message.starts_with("Can't ") && message.contains("archived")
}

/// Takes out of a service's message what it quotes: that can be text of a page.
fn sanitise(message: &str) -> String {
    let message = message
        .split("instead was")
        .next()
        .unwrap_or_default()
        .trim_end()
        .trim_end_matches(',');
    let mut out = String::with_capacity(message.len());
    let mut quoted = false;
    for c in message.chars() {
        if matches!(c, '"' | '\u{201c}' | '\u{201d}') {
            if !quoted {
                out.push('…');
            }
            quoted = !quoted;
        } else if !quoted {
            out.push(c);
        }
    }
    tidy(&out, MAX_MESSAGE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_lose_what_they_quote() {
        for (given, wanted) in [
            (
                "body failed validation: body.x.length should be ≤ `100`, instead was `191`.",
                "body failed validation: body.x.length should be ≤ `100`",
            ),
            (
                "Status option \"my secret\" does not exist.",
                "Status option … does not exist.",
            ),
            ("open \"quote never closed", "open …"),
            ("a\nb", "ab"),
        ] {
            assert_eq!(sanitise(given), wanted);
        }
        assert_eq!(sanitise(&"x".repeat(10_000)).len(), MAX_MESSAGE);
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = DateTime::UNIX_EPOCH + Duration::days(20_000);
        for (text, wanted) in [
            ("0", Some(0)),
            ("17", Some(17)),
            (" 17 ", Some(17)),
            ("99999999999999999999999", None),
            ("18446744073709551615", Some(MAX_WAIT_SECONDS)),
            ("-5", None),
            ("soon", None),
            ("Wed, 04 Oct 2024 00:00:30 GMT", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert("retry-after", text.parse().unwrap());
            let got = retry_after(&headers, now).map(|at| (at - now).num_seconds());
            assert_eq!(got, wanted, "{text}");
        }
        let mut headers = HeaderMap::new();
        let later = now + Duration::seconds(30);
        let text = later.format("%a, %d %b %Y %H:%M:%S GMT").to_string();
        headers.insert("retry-after", text.parse().unwrap());
        assert_eq!(retry_after(&headers, now), Some(later));
        assert_eq!(
            retry_after(&headers, later + Duration::hours(1)),
            Some(later + Duration::hours(1)),
            "a date in the past means now"
        );
    }
}
