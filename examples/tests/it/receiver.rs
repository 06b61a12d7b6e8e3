//! The receiver without a socket: what is taken, what is refused, what is left behind.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use async_trait::async_trait;
use axum::body::{Body, Bytes};
use chrono::{DateTime, Duration, Utc};
use http::{HeaderMap, Method, Request};
use notion_sync_core::clock::VirtualClock;
use notion_sync_core::event::ChangeEvent;
use notion_sync_core::id::{MappingId, Side};
use notion_sync_core::state::{Batch, Doubt, MappingState, State};
use notion_sync_core::store::{Change, Hit, Item, Query, Store, Table};
use notion_sync_core::{Error, ErrorKind, Result};
use notion_sync_examples::config::Config;
use notion_sync_examples::receiver::{Limits, Receiver, Source, forget_handshake, handshake_token};
use notion_sync_examples::secrets::Secrets;
use notion_sync_store::MemoryStore;
use notion_sync_testkit::webhook::Delivery;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};

use crate::shown_support::fixtures;

pub(crate) const NOTION: &str = "secret_ofNotion";
pub(crate) const GITHUB: &str = "secret of GitHub";
pub(crate) const EVENTS: &str = "token-of-other-programs";
const SOURCE: &str = "0f9c6bcd-1b52-4b8d-8d5c-1f2a3b4c5d6e";
const PAGE: &str = "1b2c3d4e-5f60-4718-8293-a4b5c6d7e8f9";

/// The repository of most recorded deliveries.
pub(crate) const CONFIG: &str = r#"
[[documents]]
name = "handbook"
data_source = "0f9c6bcd-1b52-4b8d-8d5c-1f2a3b4c5d6e"
repository = "Codertocat/Hello-World"
branch = "master"

[[tasks]]
name = "backlog"
data_source = "7a1e2b3c-4d5e-4f60-8172-839405a6b7c8"
repository = "codertocat/hello-world"
"#;

/// A memory store that can be broken.
#[derive(Debug, Default)]
pub(crate) struct Fragile {
    inner: MemoryStore,
    broken: AtomicBool,
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

pub(crate) struct Stand {
    pub(crate) store: Arc<Fragile>,
    pub(crate) clock: Arc<VirtualClock>,
    pub(crate) receiver: Receiver,
}

pub(crate) fn noon() -> DateTime<Utc> {
    "2026-11-21T12:00:00Z".parse().unwrap()
}

fn secret(text: &str) -> Option<SecretString> {
    Some(SecretString::from(text.to_owned()))
}

pub(crate) fn secrets() -> Secrets {
    Secrets {
        notion_webhook: secret(NOTION),
        github_webhook: secret(GITHUB),
        github_webhook_previous: secret("the one before"),
        events_token: secret(EVENTS),
        ..Secrets::default()
    }
}

/// Small limits, so that ten thousand deliveries can be too large.
pub(crate) const LIMITS: Limits = Limits {
    notion: 64 * 1024,
    github: 512 * 1024,
};

impl Stand {
    pub(crate) async fn new() -> Self {
        Self::with(&secrets(), Arc::default()).await
    }

    pub(crate) async fn with(secrets: &Secrets, store: Arc<Fragile>) -> Self {
        Self::at(noon(), secrets, store).await
    }

    async fn at(now: DateTime<Utc>, secrets: &Secrets, store: Arc<Fragile>) -> Self {
        Self::of(CONFIG, now, secrets, store).await
    }

    async fn of(config: &str, now: DateTime<Utc>, secrets: &Secrets, store: Arc<Fragile>) -> Self {
        let clock = Arc::new(VirtualClock::new(now));
        let config = Config::parse(config, "test").unwrap();
        let receiver = Receiver::new(&config, secrets, store.clone(), clock.clone(), LIMITS)
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

    pub(crate) async fn get(&self, path: &str) -> (u16, String) {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let response = self.receiver.handle(request).await;
        let status = response.status().as_u16();
        let body = axum::body::to_bytes(response.into_body(), 1 << 20)
            .await
            .unwrap();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    pub(crate) async fn inbox(&self) -> Vec<ChangeEvent> {
        let hints = State::new(&*self.store).inbox(1_000).await.unwrap();
        hints.into_iter().map(|hint| hint.value).collect()
    }

    pub(crate) fn count(&self, source: Source, outcome: &'static str) -> u64 {
        self.receiver.served().deliveries(source, outcome)
    }
}

pub(crate) fn notion_event(id: &str, kind: &str, data: Value) -> Delivery {
    let body = json!({
        "id": id, "timestamp": "2026-11-21T11:58:00.000Z", "type": kind,
        "authors": [{"id": PAGE, "type": "person"}], "attempt_number": 1,
        "entity": {"id": PAGE, "type": "page"}, "data": data,
    });
    Delivery::notion(NOTION, id, body.to_string())
}

pub(crate) fn row() -> Value {
    json!({"parent": {"id": SOURCE, "type": "database", "data_source_id": SOURCE}})
}

pub(crate) fn issue(id: &str) -> Delivery {
    let body = json!({
        "action": "edited", "issue": {"number": 3, "title": "x"},
        "repository": {"id": 9, "full_name": "Codertocat/Hello-World"},
        "sender": {"id": 1, "login": "ada", "type": "User"},
    });
    Delivery::github(GITHUB, id, "issues", body.to_string())
}

pub(crate) fn event(id: &str, mapping: Option<&str>) -> Delivery {
    let body = json!({
        "id": id, "side": "notion", "mapping": mapping, "detected": "request",
        "detected_at": "2026-11-21T11:00:00Z",
        "object": {"system": "notion", "kind": "page", "id": PAGE},
    });
    Delivery {
        id: id.to_owned(),
        headers: HeaderMap::new(),
        body: Bytes::from(body.to_string()),
    }
    .with_header("authorization", &format!("Bearer {EVENTS}"))
}

#[tokio::test]
async fn recorded_deliveries_are_answered_2xx_and_401_after_one_byte_changed() {
    let Some(folder) = fixtures("notion/webhooks") else {
        return;
    };
    let stand = Stand::new().await;
    let mut taken = 0;
    let damaged = |delivery: &Delivery, place: usize| {
        let mut body = delivery.body.to_vec();
        body[place] ^= 1;
        Delivery {
            body: body.into(),
            ..delivery.clone()
        }
    };
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            let name = path.file_stem().unwrap();
            name != "index" && name != "verification-handshake"
        })
        .collect();
    files.sort();
    for path in files {
        let bytes = std::fs::read(&path).unwrap();
        let json: Value = serde_json::from_slice(&bytes).unwrap();
        let at: DateTime<Utc> = json["timestamp"].as_str().unwrap().parse().unwrap();
        // Each is received shortly after it happened.
        let then = Stand::at(at + Duration::minutes(2), &secrets(), Arc::default()).await;
        let delivery = Delivery::notion(NOTION, "", bytes);
        assert_eq!(
            then.send("/webhooks/notion", delivery.clone()).await,
            200,
            "{path:?}"
        );
        let last = delivery.body.len() - 1;
        for place in [0, last / 2, last] {
            let status = then
                .send("/webhooks/notion", damaged(&delivery, place))
                .await;
            assert_eq!(status, 401, "{path:?} {place}");
        }
        // Years later it is somebody else who sends it.
        assert_eq!(
            stand.send("/webhooks/notion", delivery).await,
            400,
            "{path:?}"
        );
        taken += 1;
    }
    assert!(taken >= 15, "{taken}");

    let folder = fixtures("github/webhooks").unwrap();
    let index = std::fs::read(folder.join("index.json")).unwrap();
    let index: Value = serde_json::from_slice(&index).unwrap();
    let mut taken = 0;
    for (number, entry) in index["deliveries"].as_array().unwrap().iter().enumerate() {
        let (file, event) = (
            entry["file"].as_str().unwrap(),
            entry["event"].as_str().unwrap(),
        );
        let bytes = std::fs::read(folder.join(file)).unwrap();
        for (form, delivery) in [
            Delivery::github(GITHUB, &format!("plain-{number}"), event, bytes.clone()),
            Delivery::github_form(GITHUB, &format!("form-{number}"), event, &bytes),
        ]
        .into_iter()
        .enumerate()
        {
            let status = stand.send("/webhooks/github", delivery.clone()).await;
            assert_eq!(status, 202, "{file} {form}");
            let last = delivery.body.len() - 1;
            for place in [0, last / 2, last] {
                let status = stand
                    .send("/webhooks/github", damaged(&delivery, place))
                    .await;
                assert_eq!(status, 401, "{file} {place}");
            }
            taken += 1;
        }
    }
    assert!(taken >= 500, "{taken}");
    let accepted = stand.count(Source::Github, "accepted");
    let ignored = stand.count(Source::Github, "ignored");
    assert_eq!(accepted + ignored, taken);
    assert_eq!(u64::try_from(stand.inbox().await.len()).unwrap(), accepted);
    assert!(accepted >= 60 && ignored > 100, "{accepted} {ignored}");
}

#[tokio::test]
async fn a_hint_is_stored_once_and_names_its_mapping() {
    let stand = Stand::new().await;
    for _ in 0..3 {
        let page = notion_event("n-1", "page.content_updated", row());
        assert_eq!(stand.send("/webhooks/notion", page).await, 200);
        assert_eq!(stand.send("/webhooks/github", issue("g-1")).await, 202);
        assert_eq!(stand.send("/events", event("e-1", None)).await, 202);
    }
    let old = Delivery::github("the one before", "g-2", "issues", issue("g-2").body);
    assert_eq!(stand.send("/webhooks/github", old).await, 202);
    let named = stand.send("/events", event("e-2", Some("handbook"))).await;
    assert_eq!(named, 202);
    let mut hints: Vec<(String, Option<MappingId>)> = stand
        .inbox()
        .await
        .into_iter()
        .map(|hint| (hint.id, hint.mapping))
        .collect();
    hints.sort();
    let wanted = [
        ("e-1", None),
        ("e-2", Some("handbook")),
        ("g-1", Some("backlog")),
        ("g-2", Some("backlog")),
        ("n-1", Some("handbook")),
    ];
    let wanted = wanted.map(|(id, mapping)| (id.to_owned(), mapping.map(MappingId::from)));
    assert_eq!(hints, wanted);
    assert_eq!(stand.count(Source::Notion, "repeated"), 2);
    assert_eq!(stand.count(Source::Github, "repeated"), 2);
    assert_eq!(stand.count(Source::Events, "repeated"), 2);
}

#[tokio::test]
async fn only_what_can_matter_is_stored() {
    let stand = Stand::new().await;
    let elsewhere = json!({"parent": {"id": PAGE, "type": "database", "data_source_id": PAGE}});
    for (id, kind, data, stored) in [
        ("1", "page.content_updated", elsewhere.clone(), false),
        // It may have left a data source of ours.
        ("2", "page.moved", elsewhere.clone(), true),
        ("3", "page.deleted", elsewhere, true),
        ("4", "page.content_updated", json!({}), true),
        ("5", "comment.created", row(), false),
        ("6", "page.something_new", row(), true),
    ] {
        let before = stand.inbox().await.len();
        assert_eq!(
            stand
                .send("/webhooks/notion", notion_event(id, kind, data))
                .await,
            200
        );
        assert_eq!(stand.inbox().await.len() > before, stored, "{id} {kind}");
    }
    let repository = |name: &str| json!({"id": 9, "full_name": name});
    let ours = || repository("Codertocat/hello-WORLD");
    let cases = [
        (
            "push",
            json!({"ref": "refs/heads/master", "repository": ours()}),
            true,
        ),
        (
            "push",
            json!({"ref": "refs/heads/other", "repository": ours()}),
            false,
        ),
        (
            "push",
            json!({"ref": "refs/heads/master", "repository": repository("a/b")}),
            false,
        ),
        (
            "pull_request",
            json!({"pull_request": {"number": 1}, "repository": ours()}),
            true,
        ),
        (
            "issues",
            json!({"issue": {"number": 1}, "repository": repository("a/b")}),
            false,
        ),
        (
            "issue_comment",
            json!({"issue": {"number": 1}, "repository": ours()}),
            false,
        ),
        (
            "check_run",
            json!({"check_run": {"head_sha": "a"}, "repository": ours()}),
            false,
        ),
        (
            "repository",
            json!({"action": "renamed", "repository": repository("new/name")}),
            true,
        ),
        ("star", json!({"repository": ours()}), false),
        ("ping", json!({"zen": "x"}), false),
    ];
    for (number, (event, body, stored)) in cases.into_iter().enumerate() {
        let before = stand.inbox().await.len();
        let delivery = Delivery::github(GITHUB, &format!("g{number}"), event, body.to_string());
        assert_eq!(stand.send("/webhooks/github", delivery).await, 202);
        assert_eq!(stand.inbox().await.len() > before, stored, "{event} {body}");
    }
}

#[tokio::test]
async fn comments_concern_whoever_lets_them_follow() {
    let config = format!("{CONFIG}[tasks.comments]\n");
    let stand = Stand::of(&config, noon(), &secrets(), Arc::default()).await;
    let about = json!({"page_id": PAGE, "parent": {"id": SOURCE, "type": "block"}});
    let event = notion_event("1", "comment.deleted", about);
    assert_eq!(stand.send("/webhooks/notion", event).await, 200);
    let body = json!({
        "action": "deleted", "issue": {"number": 3}, "comment": {"id": 5},
        "repository": {"id": 9, "full_name": "Codertocat/Hello-World"},
    });
    let event = Delivery::github(GITHUB, "g1", "issue_comment", body.to_string());
    assert_eq!(stand.send("/webhooks/github", event).await, 202);
    let hints = stand.inbox().await;
    assert_eq!(hints.len(), 2);
    for hint in &hints {
        assert_eq!(hint.mapping, Some(MappingId::from("backlog")));
    }
    let found = hints
        .iter()
        .find(|hint| hint.object.kind == "page")
        .unwrap();
    assert!(found.changed.contains_key("comment") && found.changed.contains_key("block"));
    assert!(hints.iter().any(|hint| hint.object.id == "9#3"));
}

#[tokio::test]
async fn what_could_not_be_stored_is_asked_for_again() {
    let stand = Stand::new().await;
    stand.store.broken.store(true, Ordering::Relaxed);
    let page = || notion_event("n-1", "page.created", row());
    assert_eq!(stand.send("/webhooks/notion", page()).await, 503);
    assert_eq!(stand.send("/webhooks/github", issue("g-1")).await, 503);
    assert_eq!(stand.send("/events", event("e-1", None)).await, 503);
    assert_eq!(stand.count(Source::Github, "not_stored"), 1);
    stand.store.broken.store(false, Ordering::Relaxed);
    assert_eq!(stand.inbox().await, []);
    // Their second attempt.
    assert_eq!(stand.send("/webhooks/notion", page()).await, 200);
    assert_eq!(stand.send("/webhooks/github", issue("g-1")).await, 202);
    assert_eq!(stand.send("/events", event("e-1", None)).await, 202);
    assert_eq!(stand.inbox().await.len(), 3);
}

#[tokio::test]
async fn the_first_handshake_is_kept_and_no_other() {
    let none = Secrets {
        notion_webhook: None,
        ..secrets()
    };
    let stand = Stand::with(&none, Arc::default()).await;
    let hello = |token: &str| {
        let mut delivery =
            Delivery::notion("", "", json!({"verification_token": token}).to_string());
        delivery.headers.remove("x-notion-signature");
        delivery
    };
    let signed = || notion_event("n-1", "page.created", row());
    assert_eq!(stand.send("/webhooks/notion", signed()).await, 401);
    stand.store.broken.store(true, Ordering::Relaxed);
    assert_eq!(stand.send("/webhooks/notion", hello(NOTION)).await, 503);
    stand.store.broken.store(false, Ordering::Relaxed);
    assert_eq!(stand.send("/webhooks/notion", signed()).await, 401);
    assert_eq!(stand.send("/webhooks/notion", hello(NOTION)).await, 200);
    assert_eq!(stand.send("/webhooks/notion", hello(NOTION)).await, 200);
    assert_eq!(
        stand
            .send("/webhooks/notion", hello("secret_planted"))
            .await,
        403
    );
    assert_eq!(stand.send("/webhooks/notion", signed()).await, 200);
    let token = handshake_token(&*stand.store).await.unwrap().unwrap();
    assert_eq!(token.expose_secret(), NOTION);
    // After a restart, and until it is forgotten.
    let again = Stand::with(&none, stand.store.clone()).await;
    assert_eq!(again.send("/webhooks/notion", signed()).await, 200);
    assert_eq!(
        again
            .send("/webhooks/notion", hello("secret_planted"))
            .await,
        403
    );
    assert!(forget_handshake(&*stand.store).await.unwrap());
    assert!(!forget_handshake(&*stand.store).await.unwrap());
    let fresh = Stand::with(&none, stand.store.clone()).await;
    assert_eq!(
        fresh.send("/webhooks/notion", hello("secret_next")).await,
        200
    );
    // With a secret from the environment none is taken, and a kept one does not count.
    let named = Stand::with(&secrets(), stand.store.clone()).await;
    assert_eq!(
        named.send("/webhooks/notion", hello("secret_next")).await,
        403
    );
}

/// As a run leaves it that could not read the page that must be readable.
async fn doubt(store: &dyn Store, mapping: &str) {
    let (id, state) = (MappingId::new(mapping), State::new(store));
    let known = state.mapping(&id).await.unwrap();
    let mut next = MappingState::clone(&known.value);
    let doubt = Doubt {
        why: "the sentinel is not there".to_owned(),
        since: noon(),
    };
    next.doubts.insert(Side::Notion, doubt);
    let mut batch = Batch::default();
    batch.mapping(&id, &next, &known).unwrap();
    state.commit(batch).await.unwrap();
}

#[tokio::test]
async fn health_and_figures_are_shown_without_secrets() {
    let stand = Stand::new().await;
    doubt(&*stand.store, "handbook").await;
    assert_eq!(stand.get("/healthz").await.0, 200);
    assert_eq!(stand.get("/readyz").await.0, 503);
    stand.receiver.set_ready(true);
    assert_eq!(stand.get("/readyz").await.0, 200);
    stand.send("/webhooks/github", issue("g-1")).await;
    stand
        .send(
            "/webhooks/github",
            issue("g-1").with_header("x-hub-signature-256", ""),
        )
        .await;
    stand.clock.advance(Duration::seconds(90));
    let (status, text) = stand.get("/metrics").await;
    assert_eq!(status, 200);
    for line in [
        "notion_sync_webhook_deliveries_total{source=\"github\",outcome=\"accepted\"} 1",
        "notion_sync_webhook_deliveries_total{source=\"github\",outcome=\"bad_signature\"} 1",
        "notion_sync_webhook_last_event_age_seconds{source=\"github\"} 90",
        "notion_sync_webhook_silent{source=\"notion\"} 0",
        "notion_sync_inbox_depth 1",
        "notion_sync_inbox_oldest_age_seconds 90",
        "notion_sync_queue_depth{mapping=\"handbook\"} 0",
        "notion_sync_failed_attempts{mapping=\"handbook\"} 0",
        "notion_sync_dead_letters{mapping=\"backlog\"} 0",
        "notion_sync_conflicts_open{mapping=\"backlog\"} 0",
        "notion_sync_drift{mapping=\"backlog\"} 0",
        "notion_sync_sentinels_failing{mapping=\"handbook\"} 1",
        "notion_sync_sentinels_failing{mapping=\"backlog\"} 0",
        "notion_sync_rate_limited_total{service=\"github\"} 0",
        "notion_sync_permission_errors_total{service=\"notion\"} 0",
    ] {
        assert!(text.lines().any(|one| one == line), "{line} in\n{text}");
    }
    // Every line is a comment or a sample of a family that was introduced.
    let mut family = String::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            family = rest.split(' ').next().unwrap().to_owned();
        } else if !line.starts_with("# HELP ") {
            assert!(line.starts_with(&family), "{line}");
            let value = line.rsplit(' ').next().unwrap();
            assert!(value.parse::<f64>().is_ok(), "{line}");
        }
    }
    for secret in [NOTION, GITHUB, EVENTS] {
        assert!(!text.contains(secret) && !format!("{:?}", stand.receiver).contains(secret));
    }
}
