//! A sender that answers from a list, and helpers around it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, TimeZone, Utc};
use notion_sync_core::clock::VirtualClock;
use notion_sync_core::http::{HttpSend, Request, Response, SendError};
use notion_sync_notion::client::{CallObserver, CallRecord};
use notion_sync_notion::{Client, ClientSettings, RateGate};
use secrecy::SecretString;

pub(crate) const TOKEN: &str = "ntn_aVerySecretTokenThatMustNeverShow";
pub(crate) const ID: &str = "0123abcd-4567-89ef-0123-456789abcdef";

/// Answers with what it was given, in order; `NotSent` when nothing is left.
#[derive(Debug, Default)]
pub(crate) struct Scripted {
    answers: Mutex<VecDeque<Result<Response, SendError>>>,
    requests: Mutex<Vec<Request>>,
}

impl Scripted {
    pub(crate) fn push(&self, answer: Result<Response, SendError>) {
        self.answers.lock().unwrap().push_back(answer);
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        std::mem::take(&mut *self.requests.lock().unwrap())
    }
}

#[async_trait]
impl HttpSend for Scripted {
    async fn send(&self, request: Request) -> Result<Response, SendError> {
        self.requests.lock().unwrap().push(request);
        self.answers
            .lock()
            .unwrap()
            .pop_front()
            .unwrap_or_else(|| Err(SendError::NotSent("the script is at its end".to_owned())))
    }
}

/// Keeps what it is told.
#[derive(Debug, Default)]
pub(crate) struct Kept(pub(crate) Mutex<Vec<CallRecord>>);

impl CallObserver for Kept {
    fn finished(&self, call: &CallRecord) {
        self.0.lock().unwrap().push(call.clone());
    }
}

pub(crate) fn noon() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 11, 21, 12, 0, 0).unwrap()
}

pub(crate) fn client() -> (Client, Arc<Scripted>, Arc<VirtualClock>) {
    let send = Arc::new(Scripted::default());
    let clock = Arc::new(VirtualClock::new(noon()));
    let client = Client::new(
        ClientSettings::default(),
        SecretString::from(TOKEN),
        Arc::clone(&send) as Arc<dyn HttpSend>,
        Arc::clone(&clock) as Arc<dyn notion_sync_core::clock::Clock>,
        Arc::new(RateGate::default()),
    )
    .unwrap();
    (client, send, clock)
}

/// A client on the test token that stands at noon.
pub(crate) fn client_of(send: Arc<dyn HttpSend>) -> Client {
    Client::new(
        ClientSettings::default(),
        SecretString::from(TOKEN),
        send,
        Arc::new(VirtualClock::new(noon())),
        Arc::new(RateGate::default()),
    )
    .unwrap()
}

pub(crate) fn response(status: u16, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Response {
    let mut builder = http::Response::builder().status(status);
    for (name, value) in headers {
        builder = builder.header(*name, *value);
    }
    builder.body(body.into()).unwrap()
}
