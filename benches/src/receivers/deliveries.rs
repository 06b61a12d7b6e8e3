//! The recorded deliveries, signed and with ids of their own.

use std::path::Path;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::http::Request;
use chrono::{SecondsFormat, Utc};
use notion_sync_examples::wiring::SystemClock;
use notion_sync_receiver::{Place, Receiver, Scope, Settings, Source};
use notion_sync_store::MemoryStore;
use notion_sync_testkit::webhook::Delivery;
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::Value;

use super::Failure;

/// The mapping that deliveries and engine have in common.
pub(super) const MAPPING: &str = "backlog";

const NOTION: &str = "secret_of_the_load";
const GITHUB: &str = "of the load";

/// What the receivers serve: the repository that most recorded deliveries of GitHub are about.
pub(super) fn settings() -> Settings {
    let data_source = "7a1e2b3c-4d5e-4f60-8172-839405a6b7c8";
    let backlog = Place::tasks(MAPPING, data_source, ["Codertocat/Hello-World"]);
    Settings {
        scope: Scope::new([backlog]),
        notion: SecretString::from(NOTION).into(),
        github: SecretString::from(GITHUB).into(),
        ..Settings::default()
    }
}

/// One recorded delivery.
enum Kind {
    Notion(Value),
    /// Signed once: the signature is of the body, and the id is in a header.
    Github(Delivery),
}

/// Recorded deliveries that put a hint into the inbox.
pub(super) struct Recorded {
    kinds: Vec<Kind>,
    /// How many were looked at.
    pub(super) seen: usize,
}

/// A request as it is sent.
pub(super) struct Prepared {
    pub(super) id: String,
    pub(super) head: String,
    pub(super) body: Bytes,
}

#[derive(Deserialize)]
struct Index {
    deliveries: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    file: String,
    event: Option<String>,
}

fn index(folder: &Path) -> Result<Vec<Entry>, Failure> {
    let index: Index = serde_json::from_slice(&std::fs::read(folder.join("index.json"))?)?;
    Ok(index.deliveries)
}

impl Recorded {
    /// Reads them, and keeps those that receivers with [`settings`] store.
    pub(super) async fn load(fixtures: &Path) -> Result<Self, Failure> {
        let mut all = Vec::new();
        let folder = fixtures.join("github/webhooks");
        for entry in index(&folder)? {
            let event = entry.event.ok_or("a delivery of GitHub names no event")?;
            let body = std::fs::read(folder.join(entry.file))?;
            all.push(Kind::Github(Delivery::github(GITHUB, "", &event, body)));
        }
        let folder = fixtures.join("notion/webhooks");
        for entry in index(&folder)? {
            let event: Value = serde_json::from_slice(&std::fs::read(folder.join(entry.file))?)?;
            // All but the handshake, which is no event.
            if event.get("type").is_some() {
                all.push(Kind::Notion(event));
            }
        }
        let store = Arc::new(MemoryStore::new());
        let clock = Arc::new(SystemClock);
        let receiver = Receiver::new(settings(), store, clock).await?;
        let stored = || {
            let metrics = receiver.metrics();
            let stored = |source| metrics.deliveries(source, "accepted");
            stored(Source::Notion) + stored(Source::Github)
        };
        let seen = all.len();
        let mut kinds = Vec::new();
        for (number, kind) in all.into_iter().enumerate() {
            let (path, delivery) = kind.delivery(number);
            let mut request = Request::post(path).body(Body::from(delivery.body))?;
            *request.headers_mut() = delivery.headers;
            let before = stored();
            let status = receiver.handle(request).await.status();
            if !status.is_success() {
                return Err(format!("delivery {number} is answered {status}").into());
            }
            if stored() > before {
                kinds.push(kind);
            }
        }
        if kinds.is_empty() {
            return Err("no recorded delivery is stored".into());
        }
        Ok(Self { kinds, seen })
    }

    /// How many are sent in turn.
    pub(super) fn len(&self) -> usize {
        self.kinds.len()
    }

    /// The request with this number, ready to be sent.
    pub(super) fn request(&self, number: usize) -> Result<Prepared, Failure> {
        let kind = &self.kinds[number % self.kinds.len()];
        let (path, delivery) = kind.delivery(number);
        let mut head = format!("POST {path} HTTP/1.1\r\nhost: receivers\r\n");
        for (name, value) in &delivery.headers {
            head.push_str(&format!("{name}: {}\r\n", value.to_str()?));
        }
        head.push_str(&format!("content-length: {}\r\n\r\n", delivery.body.len()));
        Ok(Prepared {
            id: delivery.id,
            head,
            body: delivery.body,
        })
    }
}

impl Kind {
    fn delivery(&self, number: usize) -> (&'static str, Delivery) {
        let id = format!("00000000-0000-4000-8000-{number:012}");
        match self {
            Self::Notion(event) => {
                let mut event = event.clone();
                event["id"] = id.as_str().into();
                // One from years ago is refused.
                let now = Utc::now().to_rfc3339_opts(SecondsFormat::Millis, true);
                event["timestamp"] = now.into();
                let delivery = Delivery::notion(NOTION, &id, event.to_string());
                ("/webhooks/notion", delivery)
            }
            Self::Github(signed) => {
                let mut delivery = signed.clone().with_header("x-github-delivery", &id);
                delivery.id = id;
                ("/webhooks/github", delivery)
            }
        }
    }
}
