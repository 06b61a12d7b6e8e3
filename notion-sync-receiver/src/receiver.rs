//! The receiver: what it holds, its routes, and who answers which.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, RwLock};

use axum::Router;
use axum::body::Body;
use axum::routing::any;
use chrono::{DateTime, Utc};
use http::{Method, StatusCode};
use notion_sync_core::clock::Clock;
use notion_sync_core::doorbell::{Doorbell, LocalDoorbell};
use notion_sync_core::engine::Tick;
use notion_sync_core::store::{Store, Table};
use notion_sync_core::{Result, Retry};
use notion_sync_github::GithubClient;
use notion_sync_github::webhook::GithubWebhook;
use notion_sync_notion::webhook::NotionWebhook;
use secrecy::SecretString;

use crate::answer::{Response, not_allowed, plain};
use crate::body::Bodies;
use crate::handshake::{self, handshake_token};
use crate::inbox::Inbox;
use crate::metrics::{Metrics, Seen};
use crate::scope::Scope;
use crate::settings::{Limits, Settings, is_some_text};
use crate::watch::{Source, Watch};

const NOTION: &str = "/webhooks/notion";
const GITHUB: &str = "/webhooks/github";
const EVENTS: &str = "/events";
const HEALTH: [&str; 3] = ["/healthz", "/readyz", "/metrics"];

/// Takes deliveries and answers questions about health. Cheap to clone; clones are the same receiver.
#[derive(Clone)]
pub struct Receiver {
    pub(crate) shared: Arc<Shared>,
}

pub(crate) struct Shared {
    pub(crate) notion: RwLock<NotionWebhook>,
    /// Whether the host names the secret of Notion: then no other counts.
    pub(crate) named: bool,
    /// When the store was last asked for the token of a handshake.
    pub(crate) asked: Mutex<Option<DateTime<Utc>>>,
    pub(crate) github: GithubWebhook,
    pub(crate) limits: Limits,
    pub(crate) events: Option<SecretString>,
    pub(crate) scope: Scope,
    pub(crate) inbox: Inbox,
    bell: Arc<dyn Doorbell>,
    pub(crate) bodies: Bodies,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) watch: Arc<Watch>,
    pub(crate) metrics: Arc<Metrics>,
    seen: Seen,
    ready: AtomicBool,
}

impl fmt::Debug for Receiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver")
            .field("scope", &self.shared.scope)
            .field("limits", &self.shared.limits)
            .finish_non_exhaustive()
    }
}

impl Receiver {
    /// A receiver that puts hints into `store` and rings the doorbell afterwards. One thread writes the
    /// inbox until the last clone is dropped.
    ///
    /// What it does takes place on a runtime of tokio with a timer.
    ///
    /// # Errors
    ///
    /// When the store fails, and [`Internal`](notion_sync_core::ErrorKind::Internal) when the thread
    /// cannot be started.
    pub async fn new(
        settings: Settings,
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self> {
        let limits = settings.limits;
        // What the host names counts alone: a token from a handshake is for those who name none.
        let mut known = settings.notion.all();
        let named = !known.is_empty();
        if !named {
            known.extend(handshake_token(&*store).await?);
        }
        let notion = NotionWebhook::new(known).with_max_bytes(limits.notion);
        let github = GithubWebhook::new(settings.github.all()).with_max_bytes(limits.github);
        let watch = Arc::new(Watch::load(&*store, settings.silence).await?);
        watch.expects(Source::Notion, notion.is_verified());
        watch.expects(Source::Github, settings.github.has_current());
        let timer = |time| Box::pin(tokio::time::sleep(time)) as _;
        let bell = settings
            .doorbell
            .unwrap_or_else(|| Arc::new(LocalDoorbell::new(timer)));
        Ok(Self {
            shared: Arc::new(Shared {
                notion: RwLock::new(notion),
                named,
                asked: Mutex::default(),
                github,
                limits,
                events: settings.events_token.filter(is_some_text),
                scope: settings.scope,
                inbox: Inbox::start(Arc::clone(&store), Arc::clone(&bell))?,
                bell,
                bodies: Bodies::default(),
                clock,
                store,
                watch,
                metrics: Arc::new(Metrics::default()),
                seen: Seen::new(settings.collector),
                ready: AtomicBool::new(false),
            }),
        })
    }

    /// Rung after hints were stored: what a worker waits at between two ticks.
    #[must_use]
    pub fn bell(&self) -> Arc<dyn Doorbell> {
        Arc::clone(&self.shared.bell)
    }

    /// What was heard from the services.
    #[must_use]
    pub fn watch(&self) -> Arc<Watch> {
        Arc::clone(&self.shared.watch)
    }

    /// What was counted, for `/metrics`.
    #[must_use]
    pub fn metrics(&self) -> Arc<Metrics> {
        Arc::clone(&self.shared.metrics)
    }

    /// Looks up the ids of the mapped repositories, as far as they are not known, so that deliveries are
    /// recognised after a rename. To be called once the work began, and again after an error; each name is
    /// asked for until it is known.
    ///
    /// # Errors
    ///
    /// What a request ended with, before others one that may succeed later; the other repositories are
    /// known nevertheless.
    pub async fn resolve_repositories(&self, github: &GithubClient) -> Result<()> {
        let scope = &self.shared.scope;
        let mut result = Ok(());
        for name in scope.unresolved() {
            match github.repository(&name).await {
                Ok(found) => scope.resolve(&name, found.id),
                Err(error) if result.is_err() && error.retry() == Retry::Never => {}
                Err(error) => result = Err(error),
            }
        }
        result
    }

    /// Says whether the process works: once a first round is over, and not any more when it ends.
    pub fn set_ready(&self, ready: bool) {
        self.shared.ready.store(ready, Ordering::Relaxed);
    }

    /// Tells what a round of the engine came to: counts it, notices webhooks that are silent, and
    /// shares what was heard with the other processes on the store. To be called after each
    /// [`tick`](notion_sync_core::engine::Engine::tick).
    ///
    /// # Errors
    ///
    /// When the store fails. Everything is noted nevertheless, and stored by the next call that succeeds.
    pub async fn looked(&self, tick: &Tick) -> Result<()> {
        let shared = &self.shared;
        let now = shared.clock.now();
        shared.metrics.looked(tick, now);
        shared.watch.looked(tick, now);
        shared.watch.save(&*shared.store).await
    }

    /// All routes, to be merged into the router of the host or nested in it. There is no fallback among
    /// them, so a host may have its own.
    ///
    /// `/healthz`, `/readyz` and `/metrics` say nothing secret, and are better not public. Where the
    /// host has routes of these names, it takes [`webhook_router`](Self::webhook_router) alone.
    pub fn router<S: Clone + Send + Sync + 'static>(&self) -> Router<S> {
        self.webhook_router().merge(self.health_router())
    }

    /// The routes that deliveries come to: `/webhooks/notion`, `/webhooks/github` and `/events`.
    pub fn webhook_router<S: Clone + Send + Sync + 'static>(&self) -> Router<S> {
        self.routes(&[NOTION, GITHUB, EVENTS])
    }

    /// The routes `/healthz`, `/readyz` and `/metrics`.
    pub fn health_router<S: Clone + Send + Sync + 'static>(&self) -> Router<S> {
        self.routes(&HEALTH)
    }

    fn routes<S: Clone + Send + Sync + 'static>(&self, paths: &[&str]) -> Router<S> {
        let mut router = Router::new();
        for path in paths {
            let receiver = self.clone();
            // Not an extractor: bodies are read in bounded memory, with limits of their own.
            let answer = move |request: axum::extract::Request| {
                let receiver = receiver.clone();
                async move { receiver.handle(request).await }
            };
            router = router.route(path, any(answer));
        }
        router
    }

    /// Answers one request: what the routes call, for hosts without a router. Paths are those of
    /// [`router`](Self::router); any other is answered 404.
    pub async fn handle(&self, request: http::Request<Body>) -> Response {
        let (parts, body) = request.into_parts();
        let post = parts.method == Method::POST;
        let get = matches!(parts.method, Method::GET | Method::HEAD);
        match parts.uri.path() {
            NOTION if post => self.notion(&parts.headers, body).await,
            GITHUB if post => self.github(&parts.headers, body).await,
            EVENTS if post => self.event(&parts.headers, body).await,
            "/healthz" if get => plain(StatusCode::OK, "ok"),
            "/readyz" if get => self.readiness().await,
            "/metrics" if get => self.figures().await,
            NOTION | GITHUB | EVENTS => not_allowed(),
            _ => plain(StatusCode::NOT_FOUND, "nothing is here"),
        }
    }

    async fn readiness(&self) -> Response {
        if !self.shared.ready.load(Ordering::Relaxed) {
            return plain(StatusCode::SERVICE_UNAVAILABLE, "not yet, or not any more");
        }
        match self
            .shared
            .store
            .get(Table::Setting, handshake::TOKEN)
            .await
        {
            Ok(_) => plain(StatusCode::OK, "ready"),
            Err(_) => plain(StatusCode::SERVICE_UNAVAILABLE, "the store does not answer"),
        }
    }

    async fn figures(&self) -> Response {
        let shared = &self.shared;
        let (now, store) = (shared.clock.now(), &*shared.store);
        match shared.seen.look(store, shared.scope.mappings(), now).await {
            Ok(seen) => {
                let text = shared.metrics.render(&seen, &shared.watch, now);
                let mut response = plain(StatusCode::OK, &text);
                let media = http::HeaderValue::from_static("text/plain; version=0.0.4");
                response
                    .headers_mut()
                    .insert(http::header::CONTENT_TYPE, media);
                response
            }
            Err(error) => {
                tracing::debug!(%error, "the figures cannot be had");
                plain(StatusCode::SERVICE_UNAVAILABLE, "the store does not answer")
            }
        }
    }
}
