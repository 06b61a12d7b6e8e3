//! An emulator on sockets: TCP and, for `gh`, a Unix socket.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use std::sync::{Arc, Mutex};
//! use notion_sync_testkit::github::{GithubEmulator, GithubWorld};
//! use notion_sync_testkit::server::{EmulatorServer, real_sleep, real_time};
//!
//! let mut github = GithubEmulator::new(GithubWorld::default(), chrono::DateTime::UNIX_EPOCH)?;
//! github.bind_git(std::path::Path::new("target/emulated-repositories"))?;
//! let github = Arc::new(Mutex::new(github));
//! let server = EmulatorServer::new(github.clone(), real_time(), real_sleep()).with_git(github).bind("127.0.0.1:0").await?;
//! println!("{}", server.base_url());
//! server.stopped().await;
//! # Ok(()) }
//! ```

mod connection;
mod control;
mod git;

pub use git::GitGateway;

use std::future::Future;
use std::net::SocketAddr;
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, State};
use axum::response::IntoResponse;
use chrono::{DateTime, Utc};
use tokio::net::{TcpListener, UnixListener};
use tokio::task::JoinHandle;

use crate::emulator::{Emulator, Reply};
use connection::{Closable, Switch};

/// Where the server reads the time, so that tests can share a virtual clock with it.
pub type TimeSource = Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>;

/// How the server waits before a delayed answer; with a virtual clock it need not wait at all.
pub type Sleeper = Arc<dyn Fn(Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

/// Any emulator, shared.
pub type SharedEmulator = Arc<Mutex<dyn Emulator>>;

/// Largest request body, in bytes.
const BODY_LIMIT: usize = 32 << 20;

/// The clock of the machine.
#[must_use]
pub fn real_time() -> TimeSource {
    Arc::new(|| DateTime::from(std::time::SystemTime::now()))
}

/// Really waits.
#[must_use]
pub fn real_sleep() -> Sleeper {
    Arc::new(|duration| Box::pin(tokio::time::sleep(duration)))
}

/// Locks, also after somebody panicked while holding the lock: the emulator is a test tool, and its
/// last state is what a test wants to see.
pub(crate) fn lock<T: ?Sized>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What every request needs.
#[derive(Clone)]
struct Shared {
    emulator: SharedEmulator,
    time: TimeSource,
    sleep: Sleeper,
    git: Option<Arc<dyn GitGateway>>,
}

/// An emulator that is not listening yet.
#[derive(Clone)]
pub struct EmulatorServer {
    shared: Shared,
}

impl std::fmt::Debug for EmulatorServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EmulatorServer")
            .field("git", &self.shared.git.is_some())
            .finish_non_exhaustive()
    }
}

impl EmulatorServer {
    /// Serves this emulator at the time of `time`, and lets delayed answers wait with `sleep`.
    #[must_use]
    pub fn new(emulator: SharedEmulator, time: TimeSource, sleep: Sleeper) -> Self {
        Self {
            shared: Shared {
                emulator,
                time,
                sleep,
                git: None,
            },
        }
    }

    /// Serves git over HTTP as well, at `/{owner}/{repo}.git`.
    #[must_use]
    pub fn with_git(mut self, gateway: Arc<dyn GitGateway>) -> Self {
        self.shared.git = Some(gateway);
        self
    }

    fn router(&self) -> Router {
        Router::new()
            .fallback(answer)
            .with_state(self.shared.clone())
    }

    /// Listens on a TCP address; port 0 takes a free one. Must be called inside a Tokio runtime.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub async fn bind(self, address: &str) -> std::io::Result<RunningServer> {
        let listener = TcpListener::bind(address).await?;
        let local = listener.local_addr()?;
        let service = self
            .router()
            .into_make_service_with_connect_info::<Switch>();
        let task = tokio::spawn(async move {
            if let Err(error) = axum::serve(Closable(listener), service).await {
                tracing::error!(%error, "emulator stopped serving");
            }
        });
        Ok(RunningServer {
            server: self,
            address: local,
            tasks: vec![task],
        })
    }
}

/// An emulator that listens. Stops when dropped.
#[derive(Debug)]
pub struct RunningServer {
    server: EmulatorServer,
    address: SocketAddr,
    tasks: Vec<JoinHandle<()>>,
}

impl RunningServer {
    /// The TCP address.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://…` of the TCP address, without a slash at the end.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Listens on a Unix socket too. A file left at `path` by an earlier run is replaced.
    ///
    /// # Errors
    /// When the socket cannot be made.
    pub fn bind_unix(&mut self, path: &Path) -> std::io::Result<()> {
        match std::fs::remove_file(path) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        let listener = UnixListener::bind(path)?;
        let service = self
            .server
            .router()
            .into_make_service_with_connect_info::<Switch>();
        self.tasks.push(tokio::spawn(async move {
            if let Err(error) = axum::serve(Closable(listener), service).await {
                tracing::error!(%error, "emulator stopped serving");
            }
        }));
        Ok(())
    }

    /// Waits until the server stops by itself, which it does not unless its sockets fail.
    pub async fn stopped(mut self) {
        for task in &mut self.tasks {
            let _ = task.await;
        }
    }
}

impl Drop for RunningServer {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

async fn answer(
    State(shared): State<Shared>,
    ConnectInfo(switch): ConnectInfo<Switch>,
    request: axum::extract::Request,
) -> axum::response::Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, BODY_LIMIT).await else {
        return (http::StatusCode::PAYLOAD_TOO_LARGE, "body too large\n").into_response();
    };
    if let Some(gateway) = &shared.git
        && let Some(call) = git::GitCall::parse(&parts)
    {
        return git::serve(gateway.as_ref(), call, &parts, body, (shared.time)()).await;
    }
    let request = http::Request::from_parts(parts, body);
    if request.uri().path().starts_with("/_emulator/")
        && let Some(response) = control::answer(&shared, &request)
    {
        return response.map(Body::from);
    }
    let now = (shared.time)();
    let reply = lock(&shared.emulator).handle(request, now);
    match reply {
        Reply::Answer { response, delay } => {
            if !delay.is_zero() {
                (shared.sleep)(delay).await;
            }
            response.map(Body::from)
        }
        Reply::Dropped => {
            switch.close();
            http::StatusCode::NO_CONTENT.into_response()
        }
    }
}
