//! What the receiver says about itself and its host.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use async_trait::async_trait;
use axum::body::Bytes;
use chrono::Duration;
use notion_sync_core::http::{HttpSend, Request, Response, SendError};
use notion_sync_core::{Error, ErrorKind, Result};
use notion_sync_receiver::{Collector, Family, Metered, Settings, Value};

use crate::sent::{EVENTS, GITHUB, NOTION, issue, noon};
use crate::stand::{Stand, settings};

#[tokio::test]
async fn health_and_figures_are_shown_without_secrets() {
    let stand = Stand::new().await;
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
        assert!(!format!("{:?}", settings()).contains(secret));
    }
}

/// A host with one figure: how often it was asked.
#[derive(Debug, Default)]
struct Host {
    asked: AtomicUsize,
    broken: AtomicBool,
}

#[async_trait]
impl Collector for Host {
    async fn collect(&self) -> Result<Vec<Family>> {
        let asked = self.asked.fetch_add(1, Ordering::Relaxed) + 1;
        if self.broken.load(Ordering::Relaxed) {
            return Err(Error::new(ErrorKind::Store, "look"));
        }
        let age = Family::gauge("host_age_seconds", "Since noon.");
        Ok(vec![
            Family::counter("host_asked_total", "How often.").with(&[("by", "a\"b")], asked),
            age.with(&[], Value::Age(Some(noon()))),
        ])
    }
}

#[tokio::test]
async fn figures_of_the_host_are_asked_for_once_in_ten_seconds() {
    let host = Arc::new(Host::default());
    let settings = Settings {
        collector: Some(host.clone()),
        ..settings()
    };
    let stand = Stand::with(settings, Arc::default()).await;
    let figures = async || {
        let (status, text) = stand.get("/metrics").await;
        assert_eq!(status, 200);
        let mine = text.lines().filter(|line| line.starts_with("host_"));
        mine.map(str::to_owned).collect::<Vec<_>>()
    };
    let first = "host_asked_total{by=\"a\\\"b\"} 1";
    assert_eq!(figures().await, [first, "host_age_seconds 0"]);
    // Ages go on meanwhile.
    stand.clock.advance(Duration::seconds(9));
    assert_eq!(figures().await, [first, "host_age_seconds 9"]);
    stand.clock.advance(Duration::seconds(1));
    let second = "host_asked_total{by=\"a\\\"b\"} 2";
    assert_eq!(figures().await, [second, "host_age_seconds 10"]);
    // What cannot be had is not left out in silence.
    host.broken.store(true, Ordering::Relaxed);
    stand.clock.advance(Duration::seconds(10));
    assert_eq!(stand.get("/metrics").await.0, 503);
    assert_eq!(stand.get("/healthz").await.0, 200);
    host.broken.store(false, Ordering::Relaxed);
    assert_eq!(figures().await[1], "host_age_seconds 20");
}

/// A service whose answers have this status.
#[derive(Debug)]
struct Answers(u16);

#[async_trait]
impl HttpSend for Answers {
    async fn send(&self, _: Request) -> std::result::Result<Response, SendError> {
        let mut response = http::Response::new(Bytes::new());
        *response.status_mut() = http::StatusCode::from_u16(self.0).unwrap();
        Ok(response)
    }
}

#[tokio::test]
async fn answers_of_the_services_are_counted() {
    let stand = Stand::new().await;
    for (service, status) in [
        ("github", 429),
        ("github", 200),
        ("notion", 401),
        ("notion", 503),
    ] {
        let metered = Metered::new(Arc::new(Answers(status)), service, stand.receiver.metrics());
        metered
            .send(http::Request::new(Bytes::new()))
            .await
            .unwrap();
    }
    let (_, text) = stand.get("/metrics").await;
    for line in [
        "notion_sync_api_requests_total{service=\"github\",class=\"2xx\"} 1",
        "notion_sync_api_requests_total{service=\"github\",class=\"4xx\"} 1",
        "notion_sync_api_requests_total{service=\"notion\",class=\"5xx\"} 1",
        "notion_sync_rate_limited_total{service=\"github\"} 1",
        "notion_sync_rate_limited_total{service=\"notion\"} 0",
        "notion_sync_permission_errors_total{service=\"github\"} 0",
        "notion_sync_permission_errors_total{service=\"notion\"} 1",
    ] {
        assert!(text.lines().any(|one| one == line), "{line} in\n{text}");
    }
}
