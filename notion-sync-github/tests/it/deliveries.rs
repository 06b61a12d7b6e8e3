//! Deliveries that failed: listed, read, and taken without being sent again.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{Duration, SecondsFormat};
use notion_sync_core::ErrorKind;
use notion_sync_core::clock::VirtualClock;
use notion_sync_core::http::{HttpSend, Request, Response, SendError};
use notion_sync_github::webhook::{Deliveries, HookPlace};
use notion_sync_github::{
    AppInstallation, AppTokens, GithubClient, InstallationTokens, PersonalToken, TokenSource,
};
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::credentials::app_key;
use crate::support::{World, start};

/// Answers the list and single deliveries of one hook, two attempts a page.
#[derive(Debug, Default)]
struct Hooks {
    attempts: Vec<Value>,
    payloads: std::collections::BTreeMap<u64, Value>,
    asked: Mutex<Vec<String>>,
}

#[async_trait]
impl HttpSend for Hooks {
    async fn send(&self, request: Request) -> Result<Response, SendError> {
        let uri = request.uri().clone();
        let bearer = request.headers()["authorization"].to_str().unwrap();
        let who = if bearer.split('.').count() == 3 {
            "app"
        } else {
            "token"
        };
        self.asked
            .lock()
            .unwrap()
            .push(format!("{who} {}", uri.path_and_query().unwrap()));
        let last = uri.path().rsplit('/').next().unwrap();
        let answer = |status: u16, body: Value, link: Option<String>| {
            let mut builder = http::Response::builder().status(status);
            if let Some(link) = link {
                builder = builder.header("link", link);
            }
            Ok(builder.body(Bytes::from(body.to_string())).unwrap())
        };
        if last == "deliveries" {
            let cursor = uri
                .query()
                .and_then(|query| query.split("cursor=").nth(1))
                .map_or(0, |text| text.parse::<usize>().unwrap());
            let page: Vec<Value> = self.attempts.iter().skip(cursor).take(2).cloned().collect();
            let more = cursor + 2 < self.attempts.len();
            let link = more.then(|| {
                let path = uri.path();
                format!(
                    "<https://api.github.com{path}?per_page=100&cursor={}>; rel=\"next\"",
                    cursor + 2
                )
            });
            return answer(200, Value::Array(page), link);
        }
        match self.payloads.get(&last.parse().unwrap()) {
            Some(payload) => answer(200, payload.clone(), None),
            None => answer(404, json!({"message": "Not Found"}), None),
        }
    }
}

fn attempt(id: u64, guid: &str, minutes_ago: i64, status: u16) -> Value {
    let at = start() + Duration::hours(1) - Duration::minutes(minutes_ago);
    json!({
        "id": id, "guid": guid, "delivered_at": at.to_rfc3339_opts(SecondsFormat::Secs, true),
        "redelivery": false, "duration": 0.3, "status": "x", "status_code": status,
        "event": "issues", "action": "edited", "installation_id": null, "repository_id": 1,
    })
}

fn full(guid: &str, payload: Value) -> Value {
    json!({"guid": guid, "event": "issues", "request": {"headers": {}, "payload": payload}})
}

fn client(send: Arc<Hooks>, tokens: Arc<dyn TokenSource>) -> GithubClient {
    let clock = Arc::new(VirtualClock::new(start() + Duration::hours(1)));
    GithubClient::new(send, tokens, clock, World::settings()).unwrap()
}

fn personal() -> Arc<dyn TokenSource> {
    Arc::new(PersonalToken::new(SecretString::from("github_pat_bot".to_owned())).unwrap())
}

fn edited(number: u64) -> Value {
    json!({"action": "edited", "repository": {"id": 1, "full_name": "acme/app"}, "issue": {"number": number}})
}

fn hooks() -> Hooks {
    Hooks {
        attempts: vec![
            attempt(60, "g-down", 1, 0),
            attempt(50, "g-late", 2, 200),
            attempt(40, "g-late", 3, 502),
            attempt(30, "g-broken", 4, 500),
            attempt(20, "g-known", 5, 503),
            attempt(10, "g-first", 6, 503),
            attempt(5, "g-old", 700, 503),
        ],
        payloads: [
            (60, full("g-down", edited(6))),
            (30, full("g-broken", json!(null))),
            (10, full("g-first", Value::String(edited(1).to_string()))),
        ]
        .into(),
        asked: Mutex::default(),
    }
}

#[tokio::test]
async fn what_no_attempt_delivered_is_read_oldest_first() {
    let send = Arc::new(hooks());
    let deliveries = Deliveries::new(client(send.clone(), personal()));
    let place = HookPlace::Repository {
        repository: 9,
        hook: 4,
    };
    let known = BTreeSet::from(["g-known".to_owned()]);
    let since = start() - Duration::hours(1);
    let caught = deliveries.missed(&place, since, &known, 10).await.unwrap();
    let ids: Vec<&str> = caught.missed.iter().map(|one| one.id.as_str()).collect();
    // Old ones are out of the window, a late success counts, one without payload cannot be used.
    assert_eq!(ids, ["g-first", "g-down"]);
    assert_eq!((caught.left, caught.unusable.len()), (0, 1));
    let hint = caught.missed[0].change(start()).unwrap();
    assert_eq!(
        (hint.id.as_str(), hint.object.id.as_str()),
        ("g-first", "1#1")
    );
    let asked = send.asked.lock().unwrap().clone();
    assert_eq!(
        asked[0],
        "token /repositories/9/hooks/4/deliveries?per_page=100"
    );
    assert!(asked.contains(&"token /repositories/9/hooks/4/deliveries/10".to_owned()));
    assert_eq!(
        asked.iter().filter(|path| path.contains("cursor")).count(),
        3
    );
    // No more payloads than asked for.
    let caught = deliveries.missed(&place, since, &known, 1).await.unwrap();
    assert_eq!((caught.missed.len(), caught.left), (1, 2));
}

#[tokio::test]
async fn the_hook_of_an_app_is_asked_with_the_apps_own_token() {
    let send = Arc::new(hooks());
    let app = AppInstallation {
        app_id: "7".to_owned(),
        private_key: SecretString::from(app_key()),
        installation_id: 70,
    };
    let clock = Arc::new(VirtualClock::new(start() + Duration::hours(1)));
    let tokens = InstallationTokens::new(&app, send.clone(), clock, World::settings()).unwrap();
    let tokens = Arc::new(AppTokens::new(Arc::new(tokens)));
    let deliveries = Deliveries::new(client(send.clone(), tokens));
    let caught = deliveries
        .missed(&HookPlace::App, start(), &BTreeSet::new(), 10)
        .await;
    // g-known has no payload here.
    assert_eq!(caught.unwrap_err().kind(), ErrorKind::NotFound);
    let asked = send.asked.lock().unwrap().clone();
    assert!(
        asked
            .iter()
            .all(|one| one.starts_with("app /app/hook/deliveries")),
        "{asked:?}"
    );
    let place = HookPlace::Organization {
        login: "acme".to_owned(),
        hook: 4,
    };
    let attempts = deliveries.attempts(&place, start()).await.unwrap();
    assert_eq!(attempts.len(), 6);
    let asked = send.asked.lock().unwrap().clone();
    assert!(
        asked
            .iter()
            .any(|one| one.contains("/orgs/acme/hooks/4/deliveries")),
        "{asked:?}"
    );
}
