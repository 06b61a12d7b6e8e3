//! Deliveries of GitHub that failed while nobody listened.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use axum::body::Bytes;
use chrono::Duration;
use notion_sync_core::clock::VirtualClock;
use notion_sync_core::http::{HttpSend, Request, Response, SendError};
use notion_sync_examples::config::Config;
use notion_sync_examples::receiver::{Source, catch_up, deliveries};
use notion_sync_examples::secrets::{GithubSecret, Secrets};
use notion_sync_examples::wiring::Parts;
use notion_sync_testkit::webhook::Delivery;
use serde_json::{Value, json};

use crate::receiver::{CONFIG, GITHUB, Stand, issue, noon};

/// The hook 4 of repository 9: one delivery failed, one came late, one cannot be read.
#[derive(Debug)]
struct Hook;

#[async_trait]
impl HttpSend for Hook {
    async fn send(&self, request: Request) -> Result<Response, SendError> {
        let attempt = |id: u64, guid: &str, status: u16| json!({"id": id, "guid": guid, "delivered_at": "2026-11-21T11:30:00Z", "status_code": status, "event": "issues"});
        let body: Value = match request.uri().path() {
            "/repositories/9/hooks/4/deliveries" => json!([
                attempt(3, "missed", 502),
                attempt(2, "late", 202),
                attempt(1, "late", 0),
                attempt(4, "elsewhere", 500),
            ]),
            "/repositories/9/hooks/4/deliveries/3" => {
                let payload: Value = serde_json::from_slice(&issue("missed").body).unwrap();
                json!({"guid": "missed", "event": "issues", "request": {"payload": payload}})
            }
            "/repositories/9/hooks/4/deliveries/4" => json!({
                "guid": "elsewhere", "event": "issues", "request": {"payload": {
                    "issue": {"number": 1}, "repository": {"id": 1, "full_name": "other/place"}}}
            }),
            path => panic!("{path} is not asked for"),
        };
        Ok(http::Response::new(Bytes::from(body.to_string())))
    }
}

#[tokio::test]
async fn what_failed_is_taken_once_from_hooks_that_are_known() {
    let stand = Stand::new().await;
    let parts = Parts {
        clock: Arc::new(VirtualClock::new(noon())),
        notion_http: Arc::new(Hook),
        github_http: Arc::new(Hook),
    };
    let secrets = Secrets {
        github: Some(GithubSecret::Token("github_pat_x".to_owned().into())),
        ..Secrets::default()
    };
    let config = Config::parse(CONFIG, "test").unwrap();
    let readers = deliveries(&config, &secrets, &parts).unwrap();
    let since = noon() - Duration::days(3);
    let mut known = BTreeSet::new();
    let run = async |known: &mut BTreeSet<String>| {
        catch_up(&readers, &stand.receiver, since, known)
            .await
            .unwrap()
    };
    // No hook ever sent anything: nobody is asked.
    assert_eq!(run(&mut known).await, 0);
    let ping = Delivery::github(GITHUB, "p", "ping", "{}")
        .with_header("x-github-hook-id", "4")
        .with_header("x-github-hook-installation-target-type", "repository")
        .with_header("x-github-hook-installation-target-id", "9");
    assert_eq!(stand.send("/webhooks/github", ping).await, 202);
    assert_eq!(run(&mut known).await, 1);
    let hints = stand.inbox().await;
    assert_eq!(hints.len(), 1);
    assert_eq!(
        (hints[0].id.as_str(), hints[0].mapping.as_ref()),
        ("missed", Some(&"backlog".into()))
    );
    assert_eq!(stand.count(Source::Github, "caught_up"), 1);
    // Neither again, nor after a restart that forgot what was read.
    assert_eq!(run(&mut known).await, 0);
    assert_eq!(run(&mut BTreeSet::new()).await, 0);
    assert_eq!(stand.inbox().await.len(), 1);
}
