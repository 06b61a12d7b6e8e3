//! Writes whose connection breaks and that take effect all the same, as late as the bounds allow.

use chrono::{DateTime, Duration, Utc};
use http::Method;

use crate::emulator::Request;

use super::graphql;
use super::service::GithubEmulator;

/// Writes that were received and did not take effect yet, in the order in which they came, each with
/// the moment at which it does.
#[derive(Debug, Default)]
pub(super) struct Late(Vec<(DateTime<Utc>, Request)>);

impl GithubEmulator {
    /// Carries out what is due, each at its own time. Every request does so first; whoever acts on the
    /// emulator without one, as people in a simulation do, calls it before.
    pub fn catch_up(&mut self, now: DateTime<Utc>) {
        // All of them are equally late, so the first that came is the first that is due.
        while self.late.0.first().is_some_and(|(due, _)| *due <= now) {
            let (due, request) = self.late.0.remove(0);
            let due = self.grained(due);
            self.answer(&request, due);
        }
    }

    /// Keeps a write for later, where the bounds say that it takes effect later. Answers who sent it;
    /// `None` where it happens now.
    pub(super) fn defer(&mut self, request: &Request, now: DateTime<Utc>) -> Option<String> {
        let late = self.world().bounds.late_commit_seconds;
        let asks = matches!(*request.method(), Method::GET | Method::HEAD)
            || (request.uri().path().ends_with("/graphql")
                && !graphql::is_mutation(request.body()));
        if late == 0 || asks {
            return None;
        }
        let header = request.headers().get("authorization");
        let header = header.and_then(|value| value.to_str().ok());
        let caller = self.state.authenticate(header, now).ok()?;
        let due = now + Duration::seconds(i64::from(late));
        self.late.0.push((due, request.clone()));
        Some(caller.name)
    }
}
