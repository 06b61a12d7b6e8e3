//! Deliveries of GitHub that failed while nobody listened.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use async_trait::async_trait;
use axum::body::Bytes;
use chrono::Duration;
use notion_sync_core::clock::VirtualClock;
use notion_sync_core::http::{HttpSend, Request, Response, SendError};
use notion_sync_github::webhook::Deliveries;
use notion_sync_github::{GithubClient, GithubSettings, PersonalToken};
use notion_sync_receiver::{CaughtUp, HookReaders, Missed, Source, catch_up};
use notion_sync_testkit::webhook::Delivery;
use serde_json::{Value, json};

use crate::sent::{GITHUB, issue, noon};
use crate::stand::Stand;

/// The hook 4 of repository 9: one delivery failed, one came late, one cannot be read.
#[derive(Debug, Default)]
struct Hook {
    /// Whether the list cannot be read.
    down: AtomicBool,
    /// Whether there is no such hook.
    gone: AtomicBool,
    /// How many more failed, two days ago.
    more: u64,
    asked: AtomicUsize,
}

#[async_trait]
impl HttpSend for Hook {
    async fn send(&self, request: Request) -> Result<Response, SendError> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        if self.down.load(Ordering::Relaxed) {
            let mut response = http::Response::new(Bytes::from("{}"));
            *response.status_mut() = http::StatusCode::BAD_GATEWAY;
            return Ok(response);
        }
        if self.gone.load(Ordering::Relaxed) {
            let mut response = http::Response::new(Bytes::from("{}"));
            *response.status_mut() = http::StatusCode::NOT_FOUND;
            return Ok(response);
        }
        let attempt = |id: u64, guid: &str, status: u16| json!({"id": id, "guid": guid, "delivered_at": "2026-11-21T11:30:00Z", "status_code": status, "event": "issues"});
        let body: Value = match request.uri().path() {
            // The configured name leads to the repository, whatever it is called now.
            "/repos/codertocat/hello-world" => json!({"id": 9, "full_name": "Codertocat/Moved"}),
            "/repositories/9/hooks/4/deliveries" | "/app/hook/deliveries" => {
                let mut list = vec![
                    attempt(3, "missed", 502),
                    attempt(2, "late", 202),
                    attempt(1, "late", 0),
                    attempt(4, "elsewhere", 500),
                ];
                for id in 0..self.more {
                    let mut one = attempt(1_000 + id, &format!("more-{id}"), 502);
                    one["delivered_at"] = json!("2026-11-19T12:00:00Z");
                    list.push(one);
                }
                Value::Array(list)
            }
            "/repositories/9/hooks/4/deliveries/3" | "/app/hook/deliveries/3" => {
                let payload: Value = serde_json::from_slice(&issue("missed").body).unwrap();
                json!({"guid": "missed", "event": "issues", "request": {"payload": payload}})
            }
            "/repositories/9/hooks/4/deliveries/4" | "/app/hook/deliveries/4" => json!({
                "guid": "elsewhere", "event": "issues", "request": {"payload": {
                    "issue": {"number": 1}, "repository": {"id": 1, "full_name": "other/place"}}}
            }),
            path => {
                let id = path.rsplit('/').next().unwrap().parse::<u64>();
                let guid = format!("more-{}", id.unwrap() - 1_000);
                let payload: Value = serde_json::from_slice(&issue(&guid).body).unwrap();
                json!({"guid": guid, "event": "issues", "request": {"payload": payload}})
            }
        };
        Ok(http::Response::new(Bytes::from(body.to_string())))
    }
}

fn client(hook: &Arc<Hook>) -> GithubClient {
    let token = PersonalToken::new("github_pat_x".into()).unwrap();
    let clock = Arc::new(VirtualClock::new(noon()));
    let settings = GithubSettings::default();
    GithubClient::new(hook.clone(), Arc::new(token), clock, settings).unwrap()
}

/// What reads the lists of a hook, and the client whose limits it keeps to.
fn readers(hook: &Arc<Hook>) -> (HookReaders, GithubClient) {
    let client = client(hook);
    (HookReaders::new(Deliveries::new(client.clone())), client)
}

/// A delivery after which the hook is known.
fn ping() -> Delivery {
    Delivery::github(GITHUB, "p", "ping", "{}")
        .with_header("x-github-hook-id", "4")
        .with_header("x-github-hook-installation-target-type", "repository")
        .with_header("x-github-hook-installation-target-id", "9")
}

#[tokio::test]
async fn what_failed_is_taken_once_from_hooks_that_are_known() {
    let stand = Stand::new().await;
    let (readers, _) = readers(&Arc::default());
    let mut missed = Missed::default();
    let run = async |missed: &mut Missed| {
        let caught = catch_up(&readers, &stand.receiver, missed).await.unwrap();
        assert!(!caught.more && !caught.failed, "{caught:?}");
        caught.new
    };
    // No hook ever sent anything: nobody is asked.
    assert_eq!(run(&mut missed).await, 0);
    assert_eq!(stand.send("/webhooks/github", ping()).await, 202);
    assert_eq!(run(&mut missed).await, 1);
    let hints = stand.inbox().await;
    assert_eq!(hints.len(), 1);
    assert_eq!(
        (hints[0].id.as_str(), hints[0].mapping.as_ref()),
        ("missed", Some(&"backlog".into()))
    );
    assert_eq!(stand.count(Source::Github, "caught_up"), 1);
    // Neither again, nor after a restart that forgot what was read.
    assert_eq!(run(&mut missed).await, 0);
    assert_eq!(run(&mut Missed::default()).await, 0);
    assert_eq!(stand.inbox().await.len(), 1);
}

#[tokio::test]
async fn a_list_that_cannot_be_read_loses_nothing_of_its_window() {
    let stand = Stand::new().await;
    assert_eq!(stand.send("/webhooks/github", ping()).await, 202);
    let hook = Arc::new(Hook {
        down: true.into(),
        more: 230,
        ..Hook::default()
    });
    let (readers, _) = readers(&hook);
    let mut missed = Missed::default();
    let first = catch_up(&readers, &stand.receiver, &mut missed).await;
    let first = first.unwrap();
    assert!(first.failed && !first.more && first.new == 0, "{first:?}");
    hook.down.store(false, Ordering::Relaxed);
    // Two days old, and more than are read in one go.
    let mut rounds = 0;
    let mut new = 0;
    loop {
        let caught = catch_up(&readers, &stand.receiver, &mut missed).await;
        let caught = caught.unwrap();
        assert!(!caught.failed, "{caught:?}");
        new += caught.new;
        rounds += 1;
        if !caught.more {
            break;
        }
    }
    assert_eq!((new, rounds), (231, 2));
    // From here on only what is new is asked for.
    let asked = hook.asked.load(Ordering::Relaxed);
    let again = catch_up(&readers, &stand.receiver, &mut missed).await;
    assert_eq!(again.unwrap(), CaughtUp::default());
    assert_eq!(hook.asked.load(Ordering::Relaxed), asked + 1);
}

#[tokio::test]
async fn catching_up_keeps_to_the_limits_of_the_work() {
    let stand = Stand::new().await;
    assert_eq!(stand.send("/webhooks/github", ping()).await, 202);
    let hook = Arc::new(Hook::default());
    let (readers, client) = readers(&hook);
    client.gate().block_until(noon() + Duration::hours(1));
    let mut missed = Missed::default();
    let caught = catch_up(&readers, &stand.receiver, &mut missed).await;
    assert!(caught.unwrap().failed);
    assert_eq!(hook.asked.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn the_hook_of_an_app_is_read_by_the_app_alone() {
    let stand = Stand::new().await;
    let ping = ping().with_header("x-github-hook-installation-target-type", "integration");
    assert_eq!(stand.send("/webhooks/github", ping).await, 202);
    let (ours, apps) = (Arc::new(Hook::default()), Arc::new(Hook::default()));
    let (readers, _) = readers(&ours);
    let asked = || [&ours, &apps].map(|hook| hook.asked.load(Ordering::Relaxed));
    // There is nobody who may read it.
    let caught = catch_up(&readers, &stand.receiver, &mut Missed::default()).await;
    assert_eq!((caught.unwrap(), asked()), (CaughtUp::default(), [0, 0]));
    let readers = readers.with_app(Deliveries::new(client(&apps)));
    let caught = catch_up(&readers, &stand.receiver, &mut Missed::default()).await;
    assert_eq!(caught.unwrap().new, 1);
    // The list, and what failed of it.
    assert_eq!(asked(), [0, 3]);
}

/// Neither every minute nor never again: somebody may give the permission.
#[tokio::test]
async fn a_hook_that_may_not_be_read_is_left_out_for_an_hour() {
    let stand = Stand::new().await;
    assert_eq!(stand.send("/webhooks/github", ping()).await, 202);
    let hook = Arc::new(Hook::default());
    let (readers, _) = readers(&hook);
    let mut missed = Missed::default();
    let asked = || hook.asked.load(Ordering::Relaxed);
    hook.gone.store(true, Ordering::Relaxed);
    for _ in 0..3 {
        let caught = catch_up(&readers, &stand.receiver, &mut missed).await;
        assert_eq!((caught.unwrap(), asked()), (CaughtUp::default(), 1));
        stand.clock.advance(Duration::minutes(1));
    }
    stand.clock.advance(Duration::hours(1));
    hook.gone.store(false, Ordering::Relaxed);
    let caught = catch_up(&readers, &stand.receiver, &mut missed).await;
    assert_eq!(caught.unwrap().new, 1);
}

#[tokio::test]
async fn deliveries_of_a_renamed_repository_are_taken() {
    let stand = Stand::new().await;
    let moved = |id: &str| {
        let body = String::from_utf8(issue(id).body.to_vec()).unwrap();
        let body = body.replace("Codertocat/Hello-World", "Codertocat/Moved");
        Delivery::github(GITHUB, id, "issues", body)
    };
    let hook = Arc::new(Hook::default());
    let client = client(&hook);
    // Nobody could look it up yet.
    hook.down.store(true, Ordering::Relaxed);
    let resolved = stand.receiver.resolve_repositories(&client).await;
    assert!(resolved.is_err());
    assert_eq!(stand.send("/webhooks/github", moved("g-1")).await, 202);
    assert!(stand.inbox().await.is_empty());
    hook.down.store(false, Ordering::Relaxed);
    let resolved = stand.receiver.resolve_repositories(&client).await;
    resolved.unwrap();
    assert_eq!(stand.send("/webhooks/github", moved("g-2")).await, 202);
    let hints = stand.inbox().await;
    assert_eq!(hints.len(), 1);
    assert_eq!(hints[0].mapping.as_ref(), Some(&"backlog".into()));
    // Each is looked up once, and others stay others.
    let asked = hook.asked.load(Ordering::Relaxed);
    let resolved = stand.receiver.resolve_repositories(&client).await;
    resolved.unwrap();
    assert_eq!(hook.asked.load(Ordering::Relaxed), asked);
    let body =
        json!({"issue": {"number": 1}, "repository": {"id": 8, "full_name": "Codertocat/Moved"}});
    let other = Delivery::github(GITHUB, "g-3", "issues", body.to_string());
    assert_eq!(stand.send("/webhooks/github", other).await, 202);
    assert_eq!(stand.inbox().await.len(), 1);
}
