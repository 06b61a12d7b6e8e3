//! What is answered: short texts, never with anything of what was sent.

use axum::body::Body;
use http::{HeaderValue, StatusCode, header};
use notion_sync_core::webhook::Refusal;

use crate::body::Stop;
use crate::receiver::Receiver;
use crate::watch::Source;

/// An answer.
pub(crate) type Response = http::Response<Body>;

/// A text and its status.
pub(crate) fn plain(status: StatusCode, text: &str) -> Response {
    let mut body = text.to_owned();
    if !body.ends_with('\n') {
        body.push('\n');
    }
    let mut response = http::Response::new(Body::from(body));
    *response.status_mut() = status;
    let media = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, media);
    response
}

/// 405, where only POST is understood.
pub(crate) fn not_allowed() -> Response {
    let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, "POST only");
    let allow = HeaderValue::from_static("POST");
    response.headers_mut().insert(header::ALLOW, allow);
    response
}

/// 503, and when to send it again.
pub(crate) fn not_stored() -> Response {
    let mut response = plain(
        StatusCode::SERVICE_UNAVAILABLE,
        "it could not be stored: send it again",
    );
    let after = HeaderValue::from_static("5");
    response.headers_mut().insert(header::RETRY_AFTER, after);
    response
}

impl Receiver {
    /// Counts a delivery that is refused, and answers it.
    pub(crate) fn refused(&self, source: Source, refusal: &Refusal) -> Response {
        self.refused_with(source, refusal, &refusal.to_string())
    }

    /// As [`refused`](Self::refused), in other words: `why` holds nothing of what was sent.
    pub(crate) fn refused_with(&self, source: Source, refusal: &Refusal, why: &str) -> Response {
        self.shared.metrics.delivery(source, refusal.name());
        tracing::debug!(source = source.name(), why = refusal.name(), "refused");
        let mut response = plain(refusal.status(), why);
        if response.status() == StatusCode::UNAUTHORIZED && source == Source::Events {
            let scheme = HeaderValue::from_static("Bearer");
            response
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, scheme);
        }
        response
    }

    /// Counts a delivery whose body was not read, and answers it.
    pub(crate) fn stopped(&self, source: Source, stop: &Stop) -> Response {
        match stop {
            Stop::Refused(refusal) => self.refused(source, refusal),
            Stop::Slow => {
                self.shared.metrics.delivery(source, "slow");
                plain(StatusCode::REQUEST_TIMEOUT, "too slow")
            }
            Stop::Busy => {
                self.shared.metrics.delivery(source, "busy");
                plain(StatusCode::SERVICE_UNAVAILABLE, "busy")
            }
        }
    }
}
