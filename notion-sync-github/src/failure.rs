//! What an answer that is not a success means.

use chrono::{DateTime, Duration, Utc};
use http::{HeaderMap, StatusCode};
use notion_sync_core::{Error, ErrorKind, Retry};

use crate::gate::{Limit, header, moment};
use crate::wire::{Problem, ProblemDetail};

/// The remedy for a branch that takes no direct commits.
pub(crate) const DELIVER_REMEDY: &str = "set deliver = \"pull-request\" for this mapping, or let \
     the credential bypass the rule";

/// Most characters of a service's message that are passed on.
const MAX_MESSAGE: usize = 240;

/// Tells a rate limit from every other refusal.
///
/// Bodies that are not JSON are no limits. Source: the service's rate limit pages; the wording
/// "secondary rate limit" is the only sign of some of them.
#[must_use]
pub fn limit_of(
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
    now: DateTime<Utc>,
) -> Option<Limit> {
    if !matches!(status.as_u16(), 403 | 429) {
        return None;
    }
    let wait = retry_after(headers, now);
    let remaining = header(headers, "x-ratelimit-remaining").and_then(|n| n.parse::<i64>().ok());
    let reset = header(headers, "x-ratelimit-reset")
        .and_then(|n| n.parse().ok())
        .and_then(moment)
        .map(|at| at + Duration::seconds(1));
    let message = Problem::read(body).message().to_ascii_lowercase();
    let secondary = [
        "secondary rate",
        "abuse detection",
        "abuse-rate",
        "blocked from content",
    ]
    .iter()
    .any(|sign| message.contains(sign));
    if !secondary && remaining == Some(0) {
        return match reset {
            Some(until) => Some(Limit::Primary { until }),
            None => Some(Limit::Secondary { until: wait }),
        };
    }
    let limited = secondary
        || wait.is_some()
        || status == StatusCode::TOO_MANY_REQUESTS
        || message.starts_with("api rate limit exceeded");
    if !limited {
        return None;
    }
    let until = wait.or(if remaining == Some(0) { reset } else { None });
    Some(Limit::Secondary { until })
}

/// `Retry-After` in seconds or as a date.
fn retry_after(headers: &HeaderMap, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let text = header(headers, "retry-after")?.trim();
    if let Ok(seconds) = text.parse::<u32>() {
        return now.checked_add_signed(Duration::seconds(i64::from(seconds)));
    }
    DateTime::parse_from_rfc2822(text)
        .ok()
        .map(|at| at.with_timezone(&Utc))
}

/// Turns an answer that is not a success into an error.
///
/// `write` says whether the request writes: an answer of the 5xx kind to a write leaves its outcome
/// unknown, which is what [`ErrorKind::Unavailable`] means to the engine.
#[must_use]
pub fn classify(
    during: &'static str,
    write: bool,
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
    now: DateTime<Utc>,
) -> Error {
    if let Some(limit) = limit_of(status, headers, body, now) {
        let until = match limit {
            Limit::Primary { until } => until,
            Limit::Secondary { until } => until.unwrap_or(now + Duration::seconds(60)),
        };
        return rate_limited(during, limit, until);
    }
    let problem = Problem::read(body);
    let text = brief(problem.message());
    let say = |kind: ErrorKind| {
        let error = Error::new(kind, during).with("status", status.as_u16());
        let error = match header(headers, "x-github-request-id") {
            Some(id) => error.with("request", brief(id)),
            None => error,
        };
        if text.is_empty() {
            error
        } else {
            error.message(text.clone())
        }
    };
    let lower = problem.message().to_ascii_lowercase();
    match status.as_u16() {
        401 => say(ErrorKind::Unauthorized)
            .remedy("check that the token is right, not expired and not revoked"),
        403 => forbidden(&lower, headers, &say),
        404 => say(ErrorKind::NotFound).remedy(
            "check the name and that the credential was given this repository: GitHub answers the same for both",
        ),
        405 if lower.contains("base branch was modified") => say(ErrorKind::NotApplied),
        405 => say(ErrorKind::Blocked),
        409 if lower.contains("repository is empty") => {
            say(ErrorKind::Blocked).remedy("push a first commit to the branch")
        }
        409 if is_rule(&lower) => say(ErrorKind::Blocked).remedy(DELIVER_REMEDY),
        409 => say(ErrorKind::Stale),
        410 if lower.contains("disabled") => {
            say(ErrorKind::Blocked).remedy("switch issues on in the settings of the repository")
        }
        410 => say(ErrorKind::Gone),
        422 => unprocessable(&problem, &lower, &say),
        423 => say(ErrorKind::Blocked),
        408 => say(ErrorKind::Unavailable),
        451 => say(ErrorKind::Blocked).remedy("GitHub withholds this for legal reasons"),
        400..=499 => say(ErrorKind::Invalid),
        500..=599 => {
            let error = Error::new(ErrorKind::Unavailable, during).with("status", status.as_u16());
            // Bodies of this kind are often pages for people.
            if write { error.message("the service failed; the write may have been applied") } else { error }
        }
        300..=399 => say(ErrorKind::Invalid).message("an unexpected redirect"),
        _ => say(ErrorKind::Unavailable),
    }
}

pub(crate) fn rate_limited(during: &'static str, limit: Limit, until: DateTime<Utc>) -> Error {
    let which = match limit {
        Limit::Primary { .. } => "the hourly quota is used up",
        Limit::Secondary { .. } => "too many requests in a short time",
    };
    Error::new(ErrorKind::RateLimited, during)
        .message(which)
        .with("until", until.format("%Y-%m-%dT%H:%M:%SZ"))
        .retry_at(Retry::NotBefore(until))
}

fn forbidden(lower: &str, headers: &HeaderMap, say: &dyn Fn(ErrorKind) -> Error) -> Error {
    if is_rule(lower) {
        return say(ErrorKind::Blocked).remedy(DELIVER_REMEDY);
    }
    if lower.contains("locked") {
        return say(ErrorKind::Blocked).remedy("unlock the conversation");
    }
    if lower.contains("archived") {
        return say(ErrorKind::Blocked).remedy("the repository is archived; unarchive it");
    }
    if lower.contains("not permitted to create or approve pull requests") {
        return say(ErrorKind::Blocked)
            .remedy("allow GitHub Actions to create pull requests in the repository's settings");
    }
    let error = say(ErrorKind::Forbidden);
    match header(headers, "x-accepted-github-permissions") {
        Some(needed) if !needed.is_empty() => error.remedy(format!(
            "grant the credential {}",
            permissions_in_words(needed)
        )),
        _ if lower.contains("suspended") => error.remedy("the installation is suspended"),
        _ if lower.contains("saml") => {
            error.remedy("authorise the token for the organisation's single sign-on")
        }
        _ => error.remedy("check the permissions of the credential"),
    }
}

/// `pull_requests=write,contents=read; issues=read` in words: comma is and, semicolon is or.
pub(crate) fn permissions_in_words(header: &str) -> String {
    let sets = header.split(';').map(|set| {
        let all = set.split(',').map(|one| {
            let one = brief(one.trim());
            match one.split_once('=') {
                Some((name, level)) => format!("{name}: {level}"),
                None => one,
            }
        });
        all.collect::<Vec<_>>().join(" and ")
    });
    sets.collect::<Vec<_>>().join(", or ")
}

/// Whether a message, in lower case, says that a rule of the branch forbids a write.
pub(crate) fn is_rule(lower: &str) -> bool {
    [
        "protected branch",
        "branch is protected",
        "must be made through a pull request",
        "rule violations",
        "repository rule",
        "ruleset",
        "required status check",
        "required signatures",
        "must have verified signatures",
        "cannot force-push",
        "cannot update this protected",
    ]
    .iter()
    .any(|sign| lower.contains(sign))
}

fn unprocessable(problem: &Problem, lower: &str, say: &dyn Fn(ErrorKind) -> Error) -> Error {
    let details = problem.details();
    let mut all = lower.to_owned();
    for detail in &details {
        all.push('\n');
        all.push_str(&detail.text().to_ascii_lowercase());
    }
    if all.contains("not a fast forward") || all.contains("but expected") {
        return say(ErrorKind::Stale);
    }
    if is_rule(&all) {
        return say(ErrorKind::Blocked).remedy(DELIVER_REMEDY);
    }
    let code = |wanted: &str| details.iter().any(|detail| detail.code() == Some(wanted));
    if code("already_exists") || all.contains("already exists") {
        return say(ErrorKind::AlreadyExists);
    }
    if all.contains("reference does not exist") {
        return say(ErrorKind::NotFound);
    }
    if all.contains("input was too large") || all.contains("request timed out") {
        return say(ErrorKind::NotApplied).message("the request was too large to process in time");
    }
    if all.contains("spammed") {
        return say(ErrorKind::Blocked);
    }
    let named: Vec<String> = details.iter().map(ProblemDetail::describe).collect();
    let error = say(ErrorKind::Invalid);
    if named.is_empty() {
        error
    } else {
        error.message(brief(&format!(
            "{}: {}",
            problem.message(),
            named.join("; ")
        )))
    }
}

/// The beginning of a text on one line.
pub(crate) fn brief(text: &str) -> String {
    let mut out: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(MAX_MESSAGE)
        .collect();
    if text.chars().nth(MAX_MESSAGE).is_some() {
        out.push('…');
    }
    out
}

/// A failure after a part was written, of whatever kind: what is there has to be looked at before anything
/// else is decided, or it would pass for somebody's edit, or be written twice.
pub(crate) fn partial(during: &'static str, error: Error, applied: bool) -> Error {
    if !applied || error.kind() == ErrorKind::Unavailable {
        return error;
    }
    Error::new(ErrorKind::Unavailable, during)
        .message(format!("a part was written, the rest was not: {error}"))
        .retry_at(error.retry())
        .caused_by(error)
}

/// Whether an error is over after a while, and says nothing about what was asked for: the same may succeed
/// then.
pub(crate) fn passes(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::RateLimited
            | ErrorKind::Unavailable
            | ErrorKind::NotApplied
            | ErrorKind::Unauthorized
    )
}
