//! A receiver without a socket, over a memory store that can be broken.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use async_trait::async_trait;
use axum::body::Body;
use chrono::{DateTime, Utc};
use http::{Method, Request};
use notion_sync_core::clock::VirtualClock;
use notion_sync_core::event::ChangeEvent;
use notion_sync_core::state::State;
use notion_sync_core::store::{Change, Hit, Item, Query, Store, Table};
use notion_sync_core::{Error, ErrorKind, Result};
use notion_sync_receiver::{Limits, Place, Receiver, Scope, Settings, SigningSecrets, Source};
use notion_sync_store::MemoryStore;
use notion_sync_testkit::webhook::Delivery;
use secrecy::SecretString;

use crate::sent::{EVENTS, GITHUB, NOTION, SOURCE, noon};

/// A memory store that can be broken.
#[derive(Debug, Default)]
pub(crate) struct Fragile {
    inner: MemoryStore,
    pub(crate) broken: AtomicBool,
    pub(crate) looks: AtomicUsize,
}

#[async_trait]
impl Store for Fragile {
    async fn get(&self, table: Table, key: &str) -> Result<Option<Item>> {
        self.looks.fetch_add(1, Ordering::Relaxed);
        self.inner.get(table, key).await
    }

    async fn get_many(&self, table: Table, keys: &[String]) -> Result<Vec<Item>> {
        self.inner.get_many(table, keys).await
    }

    async fn query(&self, query: Query<'_>) -> Result<Vec<Hit>> {
        self.inner.query(query).await
    }

    async fn commit(&self, changes: Vec<Change>) -> Result<()> {
        if self.broken.load(Ordering::Relaxed) {
            return Err(Error::new(ErrorKind::Store, "write").message("the disk is full"));
        }
        self.inner.commit(changes).await
    }
}

async fn read(response: http::Response<Body>) -> (u16, String) {
    let status = response.status().as_u16();
    let body = axum::body::to_bytes(response.into_body(), 1 << 20)
        .await
        .unwrap();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

pub(crate) struct Stand {
    pub(crate) store: Arc<Fragile>,
    pub(crate) clock: Arc<VirtualClock>,
    pub(crate) receiver: Receiver,
}

/// Small limits, so that ten thousand deliveries can be too large.
pub(crate) const LIMITS: Limits = Limits {
    notion: 64 * 1024,
    github: 512 * 1024,
};

pub(crate) fn secret(text: &str) -> Option<SecretString> {
    Some(SecretString::from(text))
}

/// Mappings of the repository of most recorded deliveries.
pub(crate) fn places() -> [Place; 2] {
    let repository = "Codertocat/Hello-World";
    [
        Place::documents("handbook", SOURCE, repository, "master"),
        Place::tasks(
            "backlog",
            "7a1e2b3c-4d5e-4f60-8172-839405a6b7c8",
            [repository.to_lowercase()],
        ),
    ]
}

pub(crate) fn settings() -> Settings {
    Settings {
        scope: Scope::new(places()),
        notion: SigningSecrets::new(secret(NOTION), None),
        github: SigningSecrets::new(secret(GITHUB), secret("the one before")),
        events_token: secret(EVENTS),
        limits: LIMITS,
        ..Settings::default()
    }
}

impl Stand {
    pub(crate) async fn new() -> Self {
        Self::with(settings(), Arc::default()).await
    }

    pub(crate) async fn with(settings: Settings, store: Arc<Fragile>) -> Self {
        Self::at(noon(), settings, store).await
    }

    pub(crate) async fn at(now: DateTime<Utc>, settings: Settings, store: Arc<Fragile>) -> Self {
        let clock = Arc::new(VirtualClock::new(now));
        let receiver = Receiver::new(settings, store.clone(), clock.clone())
            .await
            .unwrap();
        Self {
            store,
            clock,
            receiver,
        }
    }

    pub(crate) async fn send(&self, path: &str, delivery: Delivery) -> u16 {
        let mut request = Request::new(Body::from(delivery.body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = path.parse().unwrap();
        *request.headers_mut() = delivery.headers;
        self.receiver.handle(request).await.status().as_u16()
    }

    /// Sends, and answers what was said.
    pub(crate) async fn said(&self, path: &str, delivery: Delivery) -> (u16, String) {
        let mut request = Request::new(Body::from(delivery.body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = path.parse().unwrap();
        *request.headers_mut() = delivery.headers;
        read(self.receiver.handle(request).await).await
    }

    pub(crate) async fn get(&self, path: &str) -> (u16, String) {
        let request = Request::get(path).body(Body::empty()).unwrap();
        read(self.receiver.handle(request).await).await
    }

    pub(crate) async fn inbox(&self) -> Vec<ChangeEvent> {
        let hints = State::new(&*self.store).inbox(1_000).await.unwrap();
        hints.into_iter().map(|hint| hint.value).collect()
    }

    pub(crate) fn count(&self, source: Source, outcome: &'static str) -> u64 {
        self.receiver.metrics().deliveries(source, outcome)
    }
}
