//! The receiver as the program sets it up: what is configured reaches it, and `/metrics` says how the
//! mappings stand.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use axum::body::{Body, Bytes};
use chrono::Duration;
use http::{Method, Request};
use notion_sync_core::clock::VirtualClock;
use notion_sync_core::engine::Tick;
use notion_sync_core::event::ChangeEvent;
use notion_sync_core::http::{HttpSend, SendError};
use notion_sync_core::id::{MappingId, Side};
use notion_sync_core::remote::Schema;
use notion_sync_core::state::{Batch, Doubt, MappingState, State};
use notion_sync_core::store::Store;
use notion_sync_examples::config::Config;
use notion_sync_examples::receiver::{hook_readers, open};
use notion_sync_examples::secrets::{GithubSecret, Secrets};
use notion_sync_examples::wiring::{self, Parts};
use notion_sync_receiver::{Metered, Missed, Receiver, catch_up};
use notion_sync_store::MemoryStore;
use notion_sync_testkit::webhook::Delivery;
use secrecy::SecretString;
use serde_json::json;

use crate::sent::{EVENTS, GITHUB, NOTION, PAGE, SOURCE, event, issue, noon, notion_event, row};

const CONFIG: &str = r#"
[receiver]
github_max_bytes = 65536

[[documents]]
name = "handbook"
data_source = "0f9c6bcd-1b52-4b8d-8d5c-1f2a3b4c5d6e"
repository = "Codertocat/Hello-World"
branch = "master"

[[tasks]]
name = "backlog"
data_source = "7a1e2b3c-4d5e-4f60-8172-839405a6b7c8"
repository = "codertocat/hello-world"
status = { property = "Status", open = ["Not started"], closed = ["Done"] }
"#;

struct Stand {
    store: Arc<MemoryStore>,
    clock: Arc<VirtualClock>,
    receiver: Receiver,
}

fn secret(text: &str) -> Option<SecretString> {
    Some(SecretString::from(text))
}

impl Stand {
    /// With what is written below the mapping of tasks.
    async fn new(more: &str) -> Self {
        Self::over(Arc::new(MemoryStore::new()), more).await
    }

    async fn over(store: Arc<MemoryStore>, more: &str) -> Self {
        let config = Config::parse(&format!("{CONFIG}{more}"), "test").unwrap();
        let secrets = Secrets {
            notion_webhook: secret(NOTION),
            notion_webhook_previous: secret("secret_before"),
            github_webhook: secret(GITHUB),
            github_webhook_previous: secret("the one before"),
            events_token: secret(EVENTS),
            ..Secrets::default()
        };
        let clock = Arc::new(VirtualClock::new(noon()));
        let receiver = open(&config, &secrets, store.clone(), clock.clone());
        Self {
            receiver: receiver.await.unwrap(),
            store,
            clock,
        }
    }

    async fn send(&self, path: &str, delivery: Delivery) -> u16 {
        let mut request = Request::new(Body::from(delivery.body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = path.parse().unwrap();
        *request.headers_mut() = delivery.headers;
        self.receiver.handle(request).await.status().as_u16()
    }

    async fn metrics(&self) -> String {
        let request = Request::get("/metrics").body(Body::empty()).unwrap();
        let response = self.receiver.handle(request).await;
        assert_eq!(response.status(), 200);
        let body = axum::body::to_bytes(response.into_body(), 1 << 20)
            .await
            .unwrap();
        String::from_utf8(body.to_vec()).unwrap()
    }

    async fn inbox(&self) -> Vec<ChangeEvent> {
        let hints = State::new(&*self.store).inbox(1_000).await.unwrap();
        hints.into_iter().map(|hint| hint.value).collect()
    }
}

/// A service that asks to wait, and counts how often it was asked.
#[derive(Debug, Default)]
struct Busy(AtomicUsize);

#[async_trait]
impl HttpSend for Busy {
    async fn send(
        &self,
        _: notion_sync_core::http::Request,
    ) -> Result<notion_sync_core::http::Response, SendError> {
        self.0.fetch_add(1, Ordering::Relaxed);
        let mut response = http::Response::new(Bytes::new());
        *response.status_mut() = http::StatusCode::TOO_MANY_REQUESTS;
        Ok(response)
    }
}

/// A round of one mapping that came to its end.
fn tick() -> Tick {
    let report = json!({
        "mapping": "backlog", "observed": 0, "found": {"github": 2}, "planned": 0, "applied": [],
        "incidents": [], "conflicts": 0, "open_operations": 0, "blocked": 0, "dead": 0, "guard": null,
        "errors": [], "refused": false, "retry": false, "waits_until": null, "next_due": null,
        "settle_due": null, "complete": true,
    });
    serde_json::from_value(json!({"mappings": [report], "next_due": null, "settle_due": null}))
        .unwrap()
}

/// As runs leave it of which one succeeded and a later one could not read the page that must be readable.
async fn doubt(store: &dyn Store, mapping: &str) {
    let (id, state) = (MappingId::new(mapping), State::new(store));
    let known = state.mapping(&id).await.unwrap();
    let mut next = MappingState::clone(&known.value);
    let doubt = Doubt {
        why: "the sentinel is not there".to_owned(),
        since: noon(),
    };
    next.doubts.insert(Side::Notion, doubt);
    next.last_success = Some(noon() - Duration::hours(1));
    let mut batch = Batch::default();
    batch.mapping(&id, &next, &known).unwrap();
    state.commit(batch).await.unwrap();
}

/// Dashboards and alerts depend on names, order and labels.
#[tokio::test]
async fn every_line_of_the_metrics_is_as_it_was() {
    let stand = Stand::new("").await;
    doubt(&*stand.store, "handbook").await;
    stand.send("/webhooks/github", issue("g-1")).await;
    let forged = issue("g-1").with_header("x-hub-signature-256", "");
    stand.send("/webhooks/github", forged).await;
    let busy = Arc::new(Busy::default());
    let metered = Metered::new(busy, "github", stand.receiver.metrics());
    metered
        .send(http::Request::new(Bytes::new()))
        .await
        .unwrap();
    stand.receiver.looked(&tick()).await.unwrap();
    stand.clock.advance(Duration::milliseconds(90_500));
    assert_eq!(stand.metrics().await, include_str!("metrics.txt"));
    // What the store says is asked for again ten seconds later, and not before.
    stand.send("/webhooks/github", issue("g-2")).await;
    doubt(&*stand.store, "backlog").await;
    let text = stand.metrics().await;
    assert!(text.contains("\nnotion_sync_inbox_depth 1\n"));
    assert!(text.contains("\nnotion_sync_sentinels_failing{mapping=\"backlog\"} 0\n"));
    stand.clock.advance(Duration::seconds(10));
    let text = stand.metrics().await;
    assert!(text.contains("\nnotion_sync_inbox_depth 2\n"));
    assert!(text.contains("\nnotion_sync_sentinels_failing{mapping=\"backlog\"} 1\n"));
}

#[tokio::test]
async fn what_is_mapped_decides_who_is_told() {
    let about = json!({"page_id": PAGE, "parent": {"id": SOURCE, "type": "block"}});
    let ours = json!({"id": 9, "full_name": "Codertocat/Hello-World"});
    let comment = || notion_event("n-1", "comment.created", about.clone());
    let check = || {
        let body = json!({"check_run": {"head_sha": "a"}, "repository": ours});
        Delivery::github(GITHUB, "g-1", "check_run", body.to_string())
    };
    let item = || {
        let item =
            json!({"node_id": "PVTI_x", "project_node_id": "PVT_x", "content_type": "Issue"});
        let body = json!({"action": "edited", "projects_v2_item": item});
        Delivery::github(GITHUB, "g-2", "projects_v2_item", body.to_string())
    };
    let rule =
        "[[tasks.rules]]\nname = \"x\"\nbecomes = [\"Done\"]\ndo = [{ add-labels = [\"done\"] }]\n";
    let project = "project = { project = \"acme/3\", fields = { Sprint = \"Iteration\" } }\n";
    for (more, told) in [
        ("", vec![]),
        ("[tasks.comments]\n", vec!["n-1"]),
        ("common_rules = true\n", vec!["g-1"]),
        ("automation_comment = true\n", vec!["g-1"]),
        (project, vec!["g-2"]),
        ("change_comments = true\n", vec!["g-1"]),
        (rule, vec!["g-1"]),
    ] {
        let stand = Stand::over(looked_at(&["status"]).await, more).await;
        assert_eq!(stand.send("/webhooks/notion", comment()).await, 200);
        assert_eq!(stand.send("/webhooks/github", check()).await, 202);
        assert_eq!(stand.send("/webhooks/github", item()).await, 202);
        let hints = stand.inbox().await;
        let ids: Vec<&str> = hints.iter().map(|hint| hint.id.as_str()).collect();
        assert_eq!(ids, told, "{more}");
        let backlog = Some(MappingId::from("backlog"));
        assert!(hints.iter().all(|hint| hint.mapping == backlog));
    }
}

/// A store of runs that found these of the sync's own properties in the data source of the tasks.
async fn looked_at(roles: &[&str]) -> Arc<MemoryStore> {
    let store = Arc::new(MemoryStore::new());
    let (id, state) = (MappingId::new("backlog"), State::new(&*store));
    let known = state.mapping(&id).await.unwrap();
    let mut next = MappingState::clone(&known.value);
    next.schema_at = Some(noon());
    next.notion_schema = Arc::new(Schema {
        bookkeeping: roles.iter().map(|role| (*role).to_owned()).collect(),
        ..Schema::default()
    });
    let mut batch = Batch::default();
    batch.mapping(&id, &next, &known).unwrap();
    state.commit(batch).await.unwrap();
    store
}

#[tokio::test]
async fn checks_matter_to_pages_that_show_them() {
    let unknown = Arc::new(MemoryStore::new());
    for (store, told) in [
        (looked_at(&["status", "state"]).await, 0),
        (looked_at(&["status", "checks"]).await, 1),
        (looked_at(&["pull_number"]).await, 1),
        // Nobody knows yet what the pages show.
        (unknown, 1),
    ] {
        let stand = Stand::over(store, "").await;
        let ours = json!({"id": 9, "full_name": "Codertocat/Hello-World"});
        let body = json!({"check_run": {"head_sha": "a"}, "repository": ours});
        let check = Delivery::github(GITHUB, "g-1", "check_run", body.to_string());
        assert_eq!(stand.send("/webhooks/github", check).await, 202);
        assert_eq!(stand.inbox().await.len(), told);
    }
}

#[tokio::test]
async fn secrets_and_limits_are_those_that_are_set() {
    let stand = Stand::new("").await;
    for (number, (key, status)) in [(NOTION, 200), ("secret_before", 200), (GITHUB, 401)]
        .into_iter()
        .enumerate()
    {
        let body = notion_event(&format!("n-{number}"), "page.created", row()).body;
        let sent = Delivery::notion(key, "", body);
        assert_eq!(stand.send("/webhooks/notion", sent).await, status);
    }
    for (number, (key, status)) in [(GITHUB, 202), ("the one before", 202), (EVENTS, 401)]
        .into_iter()
        .enumerate()
    {
        let id = format!("g-{number}");
        let sent = Delivery::github(key, &id, "issues", issue("").body);
        assert_eq!(stand.send("/webhooks/github", sent).await, status);
    }
    assert_eq!(stand.send("/events", event("e-1", None)).await, 202);
    let unknown = event("e-2", Some("no such mapping"));
    assert_eq!(stand.send("/events", unknown).await, 400);
    for (length, status) in [(65_536, 400), (65_537, 413)] {
        let sent = Delivery::github(GITHUB, "g-9", "issues", vec![b'{'; length]);
        assert_eq!(
            stand.send("/webhooks/github", sent).await,
            status,
            "{length}"
        );
    }
}

#[tokio::test]
async fn catching_up_keeps_to_the_limits_of_the_work() {
    let stand = Stand::new("").await;
    let ping = Delivery::github(GITHUB, "p", "ping", "{}")
        .with_header("x-github-hook-id", "4")
        .with_header("x-github-hook-installation-target-type", "repository")
        .with_header("x-github-hook-installation-target-id", "9");
    assert_eq!(stand.send("/webhooks/github", ping).await, 202);
    let busy = Arc::new(Busy::default());
    let parts = Parts {
        clock: stand.clock.clone(),
        notion_http: busy.clone(),
        github_http: busy.clone(),
    };
    let secrets = Secrets {
        github: Some(GithubSecret::Token("github_pat_x".into())),
        ..Secrets::default()
    };
    let config = Config::parse(CONFIG, "test").unwrap();
    let client = wiring::github_client(&config, &secrets, &parts).unwrap();
    let readers = hook_readers(&client, &secrets, &parts).unwrap();
    let asked = || busy.0.load(Ordering::Relaxed);
    client.gate().block_until(noon() + Duration::hours(1));
    let mut missed = Missed::default();
    let caught = catch_up(&readers, &stand.receiver, &mut missed).await;
    assert!(caught.unwrap().failed);
    assert_eq!(asked(), 0);
    // What they are told, the work is told, too.
    stand.clock.advance(Duration::hours(2));
    let caught = catch_up(&readers, &stand.receiver, &mut missed).await;
    assert!(caught.unwrap().failed);
    assert_eq!(asked(), 1);
}
