//! An adapter that asks over HTTP, as far as faults on the way of its requests matter.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Duration, Utc};
use notion_sync_core::clock::Clock;
use notion_sync_core::error::Retry;
use notion_sync_core::http::{HttpSend, Request, Response, SendError};
use notion_sync_core::id::{RemoteRef, Side};
use notion_sync_core::remote::{
    Abilities, Ack, Action, ListRequest, Listing, Remote, Schema, Trace, Write, WriteKind,
};
use notion_sync_core::snapshot::Snapshot;
use notion_sync_core::{Error, ErrorKind, Result};
use notion_sync_testkit::model::ModelPages;

/// Pages behind HTTP: what is asked is not in the request but beside it.
#[derive(Debug)]
pub(crate) struct Service {
    pages: ModelPages,
    asked: Mutex<Vec<Write>>,
    answers: Mutex<Vec<Result<Ack>>>,
}

impl Service {
    pub(crate) fn new(pages: ModelPages) -> Arc<Self> {
        Arc::new(Self {
            pages,
            asked: Mutex::default(),
            answers: Mutex::default(),
        })
    }
}

fn take<T: Default>(held: &Mutex<T>) -> T {
    std::mem::take(&mut *held.lock().unwrap_or_else(PoisonError::into_inner))
}

#[async_trait]
impl HttpSend for Service {
    async fn send(&self, request: Request) -> Result<Response, SendError> {
        if request.method() == http::Method::POST {
            let answers = self.pages.write(&take(&self.asked)).await;
            *self.answers.lock().unwrap_or_else(PoisonError::into_inner) = answers;
        }
        Ok(Response::new(Bytes::new()))
    }
}

/// The side of such pages.
#[derive(Debug)]
pub(crate) struct Posted {
    service: Arc<Service>,
    way: Arc<dyn HttpSend>,
    clock: Arc<dyn Clock>,
    /// Until when the service wants not to be asked.
    not_before: Mutex<Option<DateTime<Utc>>>,
}

impl Posted {
    pub(crate) fn new(
        service: Arc<Service>,
        way: Arc<dyn HttpSend>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            service,
            way,
            clock,
            not_before: Mutex::default(),
        }
    }

    fn limited(&self) -> Option<DateTime<Utc>> {
        let until = *(self.not_before.lock()).unwrap_or_else(PoisonError::into_inner);
        until.filter(|until| self.clock.now() < *until)
    }

    async fn ask(&self, method: http::Method, path: &str) -> Result<()> {
        let during = "ask for pages";
        let wait = |until| Error::new(ErrorKind::RateLimited, during).retry_at(until);
        if let Some(until) = self.limited() {
            return Err(wait(Retry::NotBefore(until)));
        }
        let request = http::Request::builder().method(method).uri(path);
        let request = request.body(Bytes::new()).expect("a request");
        let unavailable = || Error::new(ErrorKind::Unavailable, during);
        let answer = self.way.send(request).await.map_err(|_| unavailable())?;
        match answer.status().as_u16() {
            200 => Ok(()),
            429 => {
                let seconds = answer.headers().get("retry-after");
                let seconds = seconds.and_then(|value| value.to_str().ok()?.parse().ok());
                let Some(seconds) = seconds else {
                    return Err(wait(Retry::Backoff));
                };
                let until = self.clock.now() + Duration::seconds(seconds);
                *(self.not_before.lock()).unwrap_or_else(PoisonError::into_inner) = Some(until);
                Err(wait(Retry::NotBefore(until)))
            }
            _ => Err(unavailable()),
        }
    }

    async fn get(&self, path: &str) -> Result<()> {
        self.ask(http::Method::GET, path).await
    }
}

#[async_trait]
impl Remote for Posted {
    fn side(&self) -> Side {
        Side::Notion
    }

    fn abilities(&self) -> Abilities {
        self.service.pages.abilities()
    }

    async fn schema(&self) -> Result<Schema> {
        self.get("/schema").await?;
        self.service.pages.schema().await
    }

    async fn list(&self, request: ListRequest) -> Result<Listing> {
        self.get("/pages").await?;
        self.service.pages.list(request).await
    }

    async fn read(&self, object: &RemoteRef, content: bool) -> Result<Snapshot> {
        self.get(&format!("/pages/{}", object.id)).await?;
        self.service.pages.read(object, content).await
    }

    fn group(&self, action: &Action) -> Option<String> {
        self.service.pages.group(action)
    }

    fn kind(&self, action: &Action) -> WriteKind {
        self.service.pages.kind(action)
    }

    async fn write(&self, batch: &[Write]) -> Vec<Result<Ack>> {
        let path = match batch {
            [write] => match &write.action {
                Action::Update(update) => format!("/pages/{}", update.object.id),
                Action::Bookkeep { object, .. } => format!("/pages/{}", object.id),
                _ => "/pages".to_owned(),
            },
            _ => "/pages".to_owned(),
        };
        let asked = &self.service.asked;
        *asked.lock().unwrap_or_else(PoisonError::into_inner) = batch.to_vec();
        match self.ask(http::Method::POST, &path).await {
            Ok(()) => take(&self.service.answers),
            Err(error) => {
                let same = || Error::new(error.kind(), "write a page").retry_at(error.retry());
                batch.iter().map(|_| Err(same())).collect()
            }
        }
    }

    async fn trace(&self, batch: &[Write], sent_at: DateTime<Utc>) -> Result<Vec<Trace>> {
        self.get("/pages").await?;
        self.service.pages.trace(batch, sent_at).await
    }
}

/// The page that a request is about.
pub(crate) fn page_of(request: &Request) -> Option<RemoteRef> {
    let id = request.uri().path().strip_prefix("/pages/")?;
    Some(RemoteRef::new("notion", "page", id))
}
