//! Receives webhooks and events over HTTP, and shows how things stand.
//!
//! | Request | |
//! | --- | --- |
//! | `POST /webhooks/notion` | deliveries of Notion, signed; its handshake while no token is known |
//! | `POST /webhooks/github` | deliveries of GitHub, signed |
//! | `POST /events` | one [`ChangeEvent`], with `Authorization: Bearer …` |
//! | `GET /healthz` | whether the process answers |
//! | `GET /readyz` | whether it works: the store answers and a first round is over |
//! | `GET /metrics` | figures in the text format of Prometheus |
//!
//! Work is done in this order, and nothing is fetched before the answer: limit the size, check the
//! signature, read, put the hint into the store, answer, ring the bell of whoever synchronises. A
//! hint that could not be stored is answered with 503, so that its sender tries again.

mod body;
mod catch_up;
mod inbox;
mod listen;
mod metrics;
mod scope;
mod watch;

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use axum::Router;
use axum::body::Body;
use chrono::{DateTime, Duration, Utc};
use http::{HeaderMap, Method, StatusCode};
use notion_sync_core::clock::Clock;
use notion_sync_core::doorbell::{Doorbell, LocalDoorbell};
use notion_sync_core::event::ChangeEvent;
use notion_sync_core::state::{Batch, State};
use notion_sync_core::store::{Store, Table};
use notion_sync_core::webhook::{Refusal, only, same, text};
use notion_sync_core::{ErrorKind, Result};
use notion_sync_github::webhook::{GithubWebhook, HookPlace};
use notion_sync_notion::webhook::{Delivery, Handshake, NotionWebhook};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

pub use catch_up::{CaughtUp, HookReaders, Missed, catch_up, deliveries};
pub use listen::{Listening, Patience};
pub use metrics::{Metered, Served};
pub use scope::{Concern, Scope};
pub use watch::{Heard, Source, Watch, heard};

use body::Bodies;
use inbox::Inbox;

use crate::config::Config;
use crate::secrets::Secrets;

/// Largest event of another program, in bytes.
const MAX_EVENT: usize = 256 * 1024;

/// Where the token of a handshake is kept.
const TOKEN: &str = "webhook:notion:token";

/// How often the store is asked for a token at most: another process may have taken the handshake, and
/// anybody can send what nobody signed.
const ASK_AGAIN: Duration = Duration::seconds(5);

type Response = http::Response<Body>;

/// The token that a handshake brought.
#[derive(Serialize, Deserialize)]
struct Kept {
    token: String,
    at: DateTime<Utc>,
}

/// Takes deliveries and answers questions about health. Cheap to clone.
#[derive(Clone)]
pub struct Receiver {
    shared: Arc<Shared>,
}

struct Shared {
    notion: RwLock<NotionWebhook>,
    /// Whether the environment names the secret of Notion: then no other counts.
    named: bool,
    /// When the store was last asked for the token of a handshake.
    asked: Mutex<Option<DateTime<Utc>>>,
    github: GithubWebhook,
    limits: Limits,
    events: Option<SecretString>,
    scope: Scope,
    inbox: Inbox,
    bell: Arc<dyn Doorbell>,
    bodies: Bodies,
    clock: Arc<dyn Clock>,
    store: Arc<dyn Store>,
    watch: Arc<Watch>,
    served: Arc<Served>,
    ready: AtomicBool,
}

/// Largest bodies, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Of Notion.
    pub notion: usize,
    /// Of GitHub.
    pub github: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            notion: notion_sync_notion::webhook::MAX_BYTES,
            github: notion_sync_github::webhook::MAX_BYTES,
        }
    }
}

impl fmt::Debug for Receiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver")
            .field("scope", &self.shared.scope)
            .field("limits", &self.shared.limits)
            .finish_non_exhaustive()
    }
}

/// Everything secret that a receiver checks with.
fn notion_hook(secrets: &Secrets, kept: Option<SecretString>, limits: Limits) -> NotionWebhook {
    // What the environment names counts alone: a token from a handshake is for those who set none.
    let known = secrets.notion_webhook.iter().cloned();
    let known: Vec<SecretString> = known
        .chain(secrets.notion_webhook_previous.clone())
        .collect();
    let all = if known.is_empty() {
        kept.into_iter().collect()
    } else {
        known
    };
    NotionWebhook::new(all).with_max_bytes(limits.notion)
}

/// The token that the handshake of Notion brought, for the person who has to paste it.
///
/// # Errors
///
/// When the store fails.
pub async fn handshake_token(store: &dyn Store) -> Result<Option<SecretString>> {
    let kept = State::new(store).setting::<Kept>(TOKEN).await?;
    Ok(kept.map(|kept| SecretString::from(kept.value.token)))
}

/// Forgets the token of the handshake, so that the next one is taken. Answers whether there was one.
///
/// # Errors
///
/// When the store fails.
pub async fn forget_handshake(store: &dyn Store) -> Result<bool> {
    let state = State::new(store);
    let Some(kept) = state.setting::<Kept>(TOKEN).await? else {
        return Ok(false);
    };
    let mut batch = Batch::default();
    batch.forget_setting(TOKEN, &kept);
    state.commit(batch).await?;
    Ok(true)
}

impl Receiver {
    /// A receiver that puts hints into `store` and rings the bell afterwards. One thread writes the
    /// inbox until the last clone is dropped.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn new(
        config: &Config,
        secrets: &Secrets,
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        limits: Limits,
    ) -> Result<Self> {
        let kept = handshake_token(&*store).await?;
        let notion = notion_hook(secrets, kept, limits);
        let github = secrets.github_webhook.iter().cloned();
        let github = GithubWebhook::new(github.chain(secrets.github_webhook_previous.clone()))
            .with_max_bytes(limits.github);
        let grace = Duration::seconds(i64::from(config.receiver.silence));
        let watch = Arc::new(Watch::load(&*store, grace).await?);
        watch.expects(Source::Notion, notion.is_verified());
        watch.expects(Source::Github, secrets.github_webhook.is_some());
        let timer = |time| Box::pin(tokio::time::sleep(time)) as _;
        let bell: Arc<dyn Doorbell> = Arc::new(LocalDoorbell::new(timer));
        Ok(Self {
            shared: Arc::new(Shared {
                notion: RwLock::new(notion),
                named: secrets.notion_webhook.is_some()
                    || secrets.notion_webhook_previous.is_some(),
                asked: Mutex::default(),
                github,
                limits,
                events: secrets.events_token.clone(),
                scope: Scope::of(config),
                inbox: Inbox::start(Arc::clone(&store), Arc::clone(&bell))?,
                bell,
                bodies: Bodies::default(),
                clock,
                store,
                watch,
                served: Arc::new(Served::default()),
                ready: AtomicBool::new(false),
            }),
        })
    }

    /// Rung after hints were stored.
    #[must_use]
    pub fn bell(&self) -> Arc<dyn Doorbell> {
        Arc::clone(&self.shared.bell)
    }

    /// What was heard from the services.
    #[must_use]
    pub fn watch(&self) -> Arc<Watch> {
        Arc::clone(&self.shared.watch)
    }

    /// What was done, for `/metrics`.
    #[must_use]
    pub fn served(&self) -> Arc<Served> {
        Arc::clone(&self.shared.served)
    }

    /// Says whether the process works: once a first round is over, and not any more when it ends.
    pub fn set_ready(&self, ready: bool) {
        self.shared.ready.store(ready, Ordering::Relaxed);
    }

    /// The receiver as a router, to be merged into any other.
    pub fn router(&self) -> Router {
        let receiver = self.clone();
        Router::new().fallback(move |request: axum::extract::Request| {
            let receiver = receiver.clone();
            async move { receiver.handle(request).await }
        })
    }

    /// Answers one request.
    pub async fn handle(&self, request: http::Request<Body>) -> Response {
        let (parts, body) = request.into_parts();
        let post = parts.method == Method::POST;
        let get = matches!(parts.method, Method::GET | Method::HEAD);
        match parts.uri.path() {
            "/webhooks/notion" if post => self.notion(&parts.headers, body).await,
            "/webhooks/github" if post => self.github(&parts.headers, body).await,
            "/events" if post => self.event(&parts.headers, body).await,
            "/healthz" if get => plain(StatusCode::OK, "ok"),
            "/readyz" if get => self.ready().await,
            "/metrics" if get => self.metrics().await,
            "/webhooks/notion" | "/webhooks/github" | "/events" => {
                let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, "POST only");
                let allow = http::HeaderValue::from_static("POST");
                response.headers_mut().insert(http::header::ALLOW, allow);
                response
            }
            _ => plain(StatusCode::NOT_FOUND, "nothing is here"),
        }
    }

    async fn notion(&self, headers: &HeaderMap, body: Body) -> Response {
        let shared = &self.shared;
        let limit = shared.limits.notion;
        let body = match shared.bodies.read(headers, body, limit).await {
            Ok(body) => body,
            Err(stop) => return self.stopped(Source::Notion, &stop),
        };
        let now = shared.clock.now();
        let mut received = self.hook().receive(headers, &body, now);
        if matches!(received, Err(Refusal::NoSecret | Refusal::BadSignature))
            && self.may_ask(now)
            && self.learn_token().await.is_some()
        {
            received = self.hook().receive(headers, &body, now);
        }
        let event = match received {
            Ok(Delivery::Event(event)) => event,
            Ok(Delivery::Handshake(handshake)) => return self.handshake(handshake, now).await,
            Err(refusal) => return self.refused(Source::Notion, &refusal),
        };
        drop(body);
        shared.watch.heard(Source::Notion, now);
        let hint = event.change(now);
        let concern = shared.scope.notion(&event);
        self.take(Source::Notion, hint, concern, StatusCode::OK)
            .await
    }

    async fn github(&self, headers: &HeaderMap, body: Body) -> Response {
        let shared = &self.shared;
        let limit = shared.limits.github;
        let body = match shared.bodies.read(headers, body, limit).await {
            Ok(body) => body,
            Err(stop) => return self.stopped(Source::Github, &stop),
        };
        let now = shared.clock.now();
        let delivery = match shared.github.receive(headers, &body) {
            Ok(delivery) => delivery,
            Err(refusal) => return self.refused(Source::Github, &refusal),
        };
        drop(body);
        shared.watch.heard(Source::Github, now);
        if let Some(place) = HookPlace::of(&delivery) {
            shared.watch.hook(place);
        }
        let hint = delivery.change(now);
        let concern = shared.scope.github(&delivery);
        self.take(Source::Github, hint, concern, StatusCode::ACCEPTED)
            .await
    }

    async fn event(&self, headers: &HeaderMap, body: Body) -> Response {
        let shared = &self.shared;
        // Who may not send anything does not get to send much.
        let Some(token) = &shared.events else {
            return self.refused(Source::Events, &Refusal::NoSecret);
        };
        let Some(given) = only(headers, "authorization") else {
            return self.refused(Source::Events, &Refusal::Unsigned);
        };
        let bearer = match given.split_at_checked(7) {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer ") => token,
            _ => "",
        };
        if !same(token.expose_secret(), bearer) {
            return self.refused(Source::Events, &Refusal::BadSignature);
        }
        let body = match shared.bodies.read(headers, body, MAX_EVENT).await {
            Ok(body) => body,
            Err(stop) => return self.stopped(Source::Events, &stop),
        };
        let event: std::result::Result<ChangeEvent, Refusal> = text(&body).and_then(|text| {
            serde_json::from_str(text).map_err(|_| Refusal::Malformed("no event of the schema"))
        });
        let event = match event {
            Ok(event) => event,
            Err(refusal) => return self.refused(Source::Events, &refusal),
        };
        if let Some(named) = &event.mapping
            && !shared.scope.has(named)
        {
            let refusal = Refusal::Malformed("no mapping has this name");
            return self.refused(Source::Events, &refusal);
        }
        shared.watch.heard(Source::Events, shared.clock.now());
        let concern = event.mapping.clone().map_or(Concern::All, Concern::One);
        self.take(Source::Events, Some(event), concern, StatusCode::ACCEPTED)
            .await
    }

    /// Makes a hint durable, then answers.
    async fn take(
        &self,
        source: Source,
        hint: Option<ChangeEvent>,
        concern: Concern,
        accepted: StatusCode,
    ) -> Response {
        let served = &self.shared.served;
        let mut hint = match (hint, &concern) {
            (Some(hint), Concern::One(_) | Concern::All) => hint,
            (None, _) | (_, Concern::Nobody) => {
                served.delivery(source, "ignored");
                return plain(accepted, "nothing here depends on it");
            }
        };
        if let Concern::One(mapping) = concern {
            hint.mapping = Some(mapping);
        }
        match self.shared.inbox.take(hint).await {
            Ok(true) => {
                served.delivery(source, "accepted");
                plain(accepted, "taken")
            }
            Ok(false) => {
                served.delivery(source, "repeated");
                plain(accepted, "known already")
            }
            Err(ErrorKind::Invalid) => {
                self.refused(source, &Refusal::Malformed("it cannot be kept"))
            }
            Err(_) => {
                served.delivery(source, "not_stored");
                tracing::error!(source = source.name(), "a hint could not be stored");
                let mut response = plain(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "it could not be stored: send it again",
                );
                let after = http::HeaderValue::from_static("5");
                response
                    .headers_mut()
                    .insert(http::header::RETRY_AFTER, after);
                response
            }
        }
    }

    fn hook(&self) -> NotionWebhook {
        let notion = self.shared.notion.read();
        notion.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether it is time to ask the store for a token once more.
    fn may_ask(&self, now: DateTime<Utc>) -> bool {
        if self.shared.named {
            return false;
        }
        let mut asked = self
            .shared
            .asked
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if asked.is_some_and(|at| now < at + ASK_AGAIN) {
            return false;
        }
        *asked = Some(now);
        true
    }

    /// Takes over the token that another process keeps, and answers it.
    async fn learn_token(&self) -> Option<SecretString> {
        match handshake_token(&*self.shared.store).await {
            Ok(token) => {
                self.use_token(token.clone()?);
                token
            }
            Err(error) => {
                tracing::warn!(%error, "the token of the webhook cannot be read");
                None
            }
        }
    }

    fn use_token(&self, token: SecretString) {
        let shared = &self.shared;
        let hook = NotionWebhook::new([token]).with_max_bytes(shared.limits.notion);
        *shared
            .notion
            .write()
            .unwrap_or_else(PoisonError::into_inner) = hook;
        shared.watch.expects(Source::Notion, true);
    }

    /// Keeps the token of the first handshake. Two at the same time: the store lets one win.
    async fn handshake(&self, handshake: Handshake, now: DateTime<Utc>) -> Response {
        let shared = &self.shared;
        if handshake.known {
            shared.served.delivery(Source::Notion, "handshake");
            return plain(StatusCode::OK, "the token is in place");
        }
        let kept = Kept {
            token: handshake.token.expose_secret().to_owned(),
            at: now,
        };
        let state = State::new(&*shared.store);
        let mut batch = Batch::default();
        let stored = match batch.setting(TOKEN, &kept, None) {
            Ok(_) => state.commit(batch).await,
            Err(error) => Err(error),
        };
        match stored {
            Ok(()) => {
                self.use_token(handshake.token);
                shared.served.delivery(Source::Notion, "handshake");
                tracing::warn!(
                    "Notion sent the token of a webhook; `notion-sync webhooks token` shows it"
                );
                plain(StatusCode::OK, "kept")
            }
            // Another process took one: the same, where the service sent it twice.
            Err(error) if error.kind() == ErrorKind::Stale => {
                let known = self.learn_token().await;
                if known.is_some_and(|known| same(known.expose_secret(), &kept.token)) {
                    shared.served.delivery(Source::Notion, "handshake");
                    return plain(StatusCode::OK, "the token is in place");
                }
                self.refused(Source::Notion, &Refusal::Handshake)
            }
            Err(_) => {
                shared.served.delivery(Source::Notion, "not_stored");
                plain(StatusCode::SERVICE_UNAVAILABLE, "it could not be stored")
            }
        }
    }

    fn refused(&self, source: Source, refusal: &Refusal) -> Response {
        self.shared.served.delivery(source, refusal.name());
        tracing::debug!(source = source.name(), why = refusal.name(), "refused");
        let mut response = plain(refusal.status(), &refusal.to_string());
        if response.status() == StatusCode::UNAUTHORIZED && source == Source::Events {
            let scheme = http::HeaderValue::from_static("Bearer");
            response
                .headers_mut()
                .insert(http::header::WWW_AUTHENTICATE, scheme);
        }
        response
    }

    fn stopped(&self, source: Source, stop: &body::Stop) -> Response {
        match stop {
            body::Stop::Refused(refusal) => self.refused(source, refusal),
            body::Stop::Slow => {
                self.shared.served.delivery(source, "slow");
                plain(StatusCode::REQUEST_TIMEOUT, "too slow")
            }
            body::Stop::Busy => {
                self.shared.served.delivery(source, "busy");
                plain(StatusCode::SERVICE_UNAVAILABLE, "busy")
            }
        }
    }

    async fn ready(&self) -> Response {
        if !self.shared.ready.load(Ordering::Relaxed) {
            return plain(StatusCode::SERVICE_UNAVAILABLE, "not yet, or not any more");
        }
        match self.shared.store.get(Table::Setting, TOKEN).await {
            Ok(_) => plain(StatusCode::OK, "ready"),
            Err(_) => plain(StatusCode::SERVICE_UNAVAILABLE, "the store does not answer"),
        }
    }

    async fn metrics(&self) -> Response {
        let shared = &self.shared;
        let now = shared.clock.now();
        let names = shared.scope.mappings();
        match shared
            .served
            .render(&*shared.store, names, &shared.watch, now)
            .await
        {
            Ok(text) => {
                let mut response = plain(StatusCode::OK, &text);
                let media = http::HeaderValue::from_static("text/plain; version=0.0.4");
                response
                    .headers_mut()
                    .insert(http::header::CONTENT_TYPE, media);
                response
            }
            Err(_) => plain(StatusCode::SERVICE_UNAVAILABLE, "the store does not answer"),
        }
    }
}

fn plain(status: StatusCode, text: &str) -> Response {
    let mut body = text.to_owned();
    if !body.ends_with('\n') {
        body.push('\n');
    }
    let mut response = http::Response::new(Body::from(body));
    *response.status_mut() = status;
    let media = http::HeaderValue::from_static("text/plain; charset=utf-8");
    response
        .headers_mut()
        .insert(http::header::CONTENT_TYPE, media);
    response
}
