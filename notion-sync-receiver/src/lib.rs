//! Receives webhooks of Notion and GitHub and events of other programs over HTTP, as routes for an
//! axum application of your own.
//!
//! | Request | |
//! | --- | --- |
//! | `POST /webhooks/notion` | deliveries of Notion, signed; its handshake while no token is known |
//! | `POST /webhooks/github` | deliveries of GitHub, signed |
//! | `POST /events` | one [`ChangeEvent`](notion_sync_core::event::ChangeEvent), with `Authorization: Bearer …` |
//! | `GET /healthz` | whether the process answers |
//! | `GET /readyz` | whether it works: the store answers and a first round is over |
//! | `GET /metrics` | figures in the text format of Prometheus |
//!
//! Work is done in this order, and nothing is fetched before the answer: limit the size, check the
//! signature, read, put the hint into the store, answer, ring the bell of whoever synchronises. A
//! hint that could not be stored is answered with 503, so that its sender tries again.
//!
//! An application with its own routes, which listens with the limits of [`Server`], and a worker that looks
//! as soon as something arrived:
//!
//! ```
//! use std::{error::Error, sync::Arc, time::Duration};
//!
//! use axum::{Router, routing::get};
//! use notion_sync_core::{clock::Clock, engine::{Budget, Engine}, store::Store};
//! use notion_sync_receiver::{Place, Receiver, Scope, Server, Settings};
//! # use notion_sync_core::clock::VirtualClock;
//! # use notion_sync_store::MemoryStore;
//!
//! async fn run(store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Result<(), Box<dyn Error>> {
//!     // The mappings of the engine, and where their objects are.
//!     let settings = Settings {
//!         scope: Scope::new([
//!             Place::documents("handbook", "0f9c6bcd-1b52-4b8d-8d5c-1f2a3b4c5d6e", "acme/handbook", "main"),
//!             Place::tasks("backlog", "7a1e2b3c-4d5e-4f60-8172-839405a6b7c8", ["acme/shop"]),
//!         ]),
//!         github: secret("GITHUB_WEBHOOK_SECRET").into(),
//!         // None for Notion: the handshake brings one.
//!         ..Settings::default()
//!     };
//!     let receiver = Receiver::new(settings, store.clone(), clock.clone()).await?;
//!     let app = Router::new()
//!         .route("/", get(|| async { "what this service is about" }))
//!         .merge(receiver.router());
//!     let server = Server::start(app, "127.0.0.1:0".parse()?)?;
//!     println!("listening on {}", server.address());
//!
//!     let engine = Engine::new(store, clock); // .with_mapping(…)
//!     let bell = receiver.bell();
//!     loop {
//!         let tick = engine.tick(Budget::default()).await?;
//!         receiver.looked(&tick).await?;
//!         receiver.set_ready(true);
//!         # break;
//!         // Until something arrived, and no longer than until `tick.next_due`.
//!         bell.wait(Duration::from_secs(60)).await?;
//!     }
//!     receiver.set_ready(false);
//!     server.stop().await;
//!     Ok(())
//! }
//! # fn secret(_: &str) -> secrecy::SecretString { "a secret".into() }
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn Error>> {
//! #     let now = "2026-11-21T12:00:00Z".parse()?;
//! #     run(Arc::new(MemoryStore::new()), Arc::new(VirtualClock::new(now))).await
//! # }
//! ```
//!
//! Whoever has no use for HTTP routes finds the same functions on headers and raw bytes in
//! [`notion_sync_notion::webhook`] and [`notion_sync_github::webhook`].
//!
//! Three more things a host does now and then: [`Receiver::resolve_repositories`] lets deliveries of a renamed
//! repository be recognised, [`catch_up`] takes the deliveries that GitHub could not bring, and
//! [`State::forget_hints`](notion_sync_core::state::State::forget_hints) forgets the ids of old ones, which
//! have to be kept for longer than [`MAX_AGE`](notion_sync_notion::webhook::MAX_AGE) of Notion and those three days.

mod answer;
mod body;
mod catch_up;
mod delivery;
mod handshake;
mod inbox;
mod metrics;
mod receiver;
mod scope;
mod server;
mod settings;
mod watch;

pub use catch_up::{CaughtUp, HookReaders, Missed, catch_up};
pub use delivery::MAX_EVENT_BYTES;
pub use handshake::{forget_handshake, handshake_token};
pub use metrics::{Collector, Family, Metered, Metrics, Value};
pub use receiver::Receiver;
pub use scope::{Concern, Place, Scope};
pub use server::{Server, Timeouts};
pub use settings::{Limits, Settings, SigningSecrets};
pub use watch::{Heard, Source, Watch, heard};
