//! A receiver within an application of somebody else.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::extract::{ConnectInfo, State};
use axum::routing::get;
use notion_sync_core::Result;
use notion_sync_core::doorbell::{Doorbell, Ring};
use notion_sync_receiver::{Server, Settings, Source, Timeouts, Watch, heard};
use notion_sync_store::MemoryStore;
use notion_sync_testkit::webhook::Delivery;
use serde_json::json;
use tokio::sync::mpsc;

use crate::sent::{issue, noon};
use crate::shared::{tick, tick_with};
use crate::stand::{Stand, settings};

/// A port that is free.
fn free() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

/// Sends one request, and answers the status and the text.
fn ask(server: &Server, method: &str, path: &str, delivery: Option<&Delivery>) -> (u16, String) {
    let mut stream = TcpStream::connect(server.address()).unwrap();
    let mut head = format!("{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n");
    if let Some(delivery) = delivery {
        for (name, value) in &delivery.headers {
            head.push_str(&format!("{name}: {}\r\n", value.to_str().unwrap()));
        }
        head.push_str(&format!("content-length: {}\r\n", delivery.body.len()));
    }
    stream.write_all(format!("{head}\r\n").as_bytes()).unwrap();
    if let Some(delivery) = delivery {
        stream.write_all(&delivery.body).unwrap();
    }
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head[9..12].parse().unwrap(), body.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_keeps_its_own_routes_state_and_fallback() {
    let stand = Stand::new().await;
    let app = Router::new()
        .route("/", get(async |State(name): State<&'static str>| name))
        .route(
            "/peer",
            get(async |ConnectInfo(peer): ConnectInfo<SocketAddr>| peer.ip().to_string()),
        )
        .merge(stand.receiver.router())
        .nest("/sync", stand.receiver.router())
        .fallback(async || "the application's own")
        .with_state("the application");
    let server = Server::start(app, free()).unwrap();
    let get = |path: &str| ask(&server, "GET", path, None);
    assert_eq!(get("/"), (200, "the application".to_owned()));
    assert_eq!(get("/peer"), (200, "127.0.0.1".to_owned()));
    assert_eq!(get("/elsewhere").1, "the application's own");
    for below in ["", "/sync"] {
        let at = |path: &str| format!("{below}{path}");
        assert_eq!(get(&at("/healthz")), (200, "ok\n".to_owned()));
        assert_eq!(get(&at("/readyz")).0, 503);
        assert_eq!(get(&at("/metrics")).0, 200);
        assert_eq!(get(&at("/webhooks/notion")).0, 405);
        let post = |delivery: &Delivery| {
            let path = at("/webhooks/github");
            ask(&server, "POST", &path, Some(delivery)).0
        };
        assert_eq!(post(&issue(&format!("g{below}"))), 202);
        assert_eq!(
            post(&issue("x").with_header("x-hub-signature-256", "no")),
            401
        );
    }
    assert_eq!(stand.inbox().await.len(), 2);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn webhooks_may_be_served_without_what_is_not_public() {
    let stand = Stand::new().await;
    // Its own health.
    let app = Router::new()
        .route("/healthz", get(async || "mine"))
        .merge(stand.receiver.webhook_router());
    let server = Server::start(app, free()).unwrap();
    assert_eq!(ask(&server, "GET", "/healthz", None).1, "mine");
    assert_eq!(ask(&server, "GET", "/metrics", None).0, 404);
    let answer = ask(&server, "POST", "/webhooks/github", Some(&issue("g-1")));
    assert_eq!(answer, (202, "taken\n".to_owned()));
    let inside = Server::start(stand.receiver.health_router(), free()).unwrap();
    assert_eq!(ask(&inside, "GET", "/metrics", None).0, 200);
    let refused = ask(&inside, "POST", "/webhooks/github", Some(&issue("g-2")));
    assert_eq!(refused.0, 404);
}

/// A queue to workers in other processes.
#[derive(Debug)]
struct Queue(mpsc::UnboundedSender<Ring>);

#[async_trait]
impl Doorbell for Queue {
    async fn ring(&self, rings: &[Ring]) -> Result<()> {
        for ring in rings {
            self.0.send(ring.clone()).unwrap();
        }
        Ok(())
    }

    async fn wait(&self, _: Duration) -> Result<Vec<Ring>> {
        Ok(Vec::new())
    }
}

#[tokio::test]
async fn a_doorbell_of_ones_own_is_rung_after_a_hint_is_there() {
    let (queue, mut rung) = mpsc::unbounded_channel();
    let settings = Settings {
        doorbell: Some(Arc::new(Queue(queue))),
        ..settings()
    };
    let stand = Stand::with(settings, Arc::default()).await;
    assert_eq!(stand.send("/webhooks/github", issue("g-1")).await, 202);
    assert_eq!(rung.recv().await, Some(Ring::hints(Some("backlog".into()))));
    assert_eq!(stand.inbox().await.len(), 1);
    // What is known already is no news.
    assert_eq!(stand.send("/webhooks/github", issue("g-1")).await, 202);
    assert_eq!(stand.send("/webhooks/github", issue("g-2")).await, 202);
    assert_eq!(rung.recv().await, Some(Ring::hints(Some("backlog".into()))));
    assert!(rung.try_recv().is_err());
}

#[tokio::test]
async fn what_a_round_found_is_counted_and_shared() {
    let stand = Stand::new().await;
    let tick = tick_with(json!({"found": {"github": 2}, "complete": true}));
    stand.receiver.looked(&tick).await.unwrap();
    let (_, text) = stand.get("/metrics").await;
    let success = "notion_sync_last_success_timestamp_seconds{mapping=\"backlog\"}";
    for line in [
        "notion_sync_ticks_total 1",
        "notion_sync_webhook_unannounced_changes{source=\"github\"} 2",
        &format!("{success} {}", noon().timestamp()),
    ] {
        assert!(text.lines().any(|one| one == line), "{line} in\n{text}");
    }
    let stored = heard(&*stand.store, Source::Github).await.unwrap();
    assert_eq!(
        (stored.unannounced, stored.unannounced_since),
        (2, Some(noon()))
    );
}

#[tokio::test]
async fn no_setting_is_too_long_to_be_reckoned_with() {
    let longest = Timeouts {
        first: Duration::MAX,
        next: Duration::MAX,
        whole: Duration::MAX,
    };
    let stand = Stand::new().await;
    let router = stand.receiver.router();
    let server = Server::start_with(router, free(), longest).unwrap();
    assert_eq!(ask(&server, "GET", "/healthz", None).0, 200);
    for grace in [chrono::Duration::MAX, chrono::Duration::MIN] {
        let watch = Watch::load(&MemoryStore::new(), grace).await.unwrap();
        watch.heard(Source::Github, noon() - chrono::Duration::days(1));
        watch.expects(Source::Github, true);
        watch.looked(&tick(1), noon());
        let silent = watch.of(Source::Github).is_silent(noon());
        assert_eq!(silent, grace < chrono::Duration::zero());
    }
}
