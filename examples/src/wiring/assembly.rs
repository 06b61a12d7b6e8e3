//! The engine together with what several workers on one store share.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use chrono::{DateTime, Utc};
use notion_sync_core::engine::{Budget, Engine, Tick};
use notion_sync_core::store::{Change, Expect, Store, Table};
use notion_sync_core::worker::{Company, Worker};
use notion_sync_core::{Error, ErrorKind, Result};
use notion_sync_github::GithubClient;
use notion_sync_notion::Client;
use serde::{Deserialize, Serialize};
use tracing::{Instrument as _, Span};

/// Where the workers tell each other which service asked to wait.
const GATES: &str = "gates";

/// An engine, ready to work.
#[derive(Debug)]
pub struct Assembly {
    /// The engine. [`tick`](Self::tick) is what a worker among others calls.
    pub engine: Engine,
    pub(super) store: Arc<dyn Store>,
    pub(super) worker: Arc<Worker>,
    pub(super) notion: Client,
    pub(super) github: GithubClient,
    pub(super) runs: Runs,
}

/// Names the ticks of a process, for its log.
#[derive(Debug)]
pub(super) struct Runs {
    started: i64,
    ticks: AtomicU64,
}

impl Runs {
    pub(super) fn new(started: DateTime<Utc>) -> Self {
        Self {
            started: started.timestamp_micros(),
            ticks: AtomicU64::new(0),
        }
    }

    /// What the log of a tick stands in. Its target is that of the calls, so that who asks for them
    /// alone gets it too.
    fn span(&self) -> Span {
        let number = self.ticks.fetch_add(1, Ordering::Relaxed) + 1;
        let process = std::process::id();
        let run = format!("{process}/{:x}/{number}", self.started);
        tracing::info_span!(target: "notion_sync::call", "tick", sync_run_id = %run)
    }
}

/// Until when the services asked to wait.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Gates {
    notion: Option<DateTime<Utc>>,
    github: Option<DateTime<Utc>>,
}

impl Assembly {
    /// The client for GitHub. It sends under the lease of the mapping that is worked on.
    #[must_use]
    pub fn github(&self) -> &GithubClient {
        &self.github
    }

    /// One tick. Among others, each worker takes its part of the limits of the services, and all wait
    /// when one was asked to.
    ///
    /// # Errors
    ///
    /// As [`Engine::tick`].
    pub async fn tick(&self, budget: Budget) -> Result<Tick> {
        Box::pin(self.run(budget))
            .instrument(self.runs.span())
            .await
    }

    async fn run(&self, budget: Budget) -> Result<Tick> {
        if self.worker.company() == Company::Alone {
            return self.engine.tick(budget).await;
        }
        self.share().await?;
        let tick = self.engine.tick(budget).await;
        self.share().await?;
        tick
    }

    async fn share(&self) -> Result<()> {
        let workers = u32::try_from(self.worker.count_alive().await?).unwrap_or(u32::MAX);
        self.notion.gate().share(workers);
        self.github.gate().share(workers);
        let own = Gates {
            notion: self.notion.gate().blocked_until(),
            github: self.github.gate().blocked_until(),
        };
        let stored = self.store.get(Table::Setting, GATES).await?;
        let expect = stored
            .as_ref()
            .map_or(Expect::Absent, |item| Expect::Version(item.version));
        let told = match &stored {
            Some(item) => serde_json::from_slice(&item.body).map_err(broken)?,
            None => Gates::default(),
        };
        if let Some(until) = told.notion {
            self.notion.gate().block_until(until);
        }
        if let Some(until) = told.github {
            self.github.gate().block_until(until);
        }
        let all = Gates {
            notion: told.notion.max(own.notion),
            github: told.github.max(own.github),
        };
        if all == told {
            return Ok(());
        }
        let change = Change::Put {
            table: Table::Setting,
            key: GATES.to_owned(),
            expect,
            indexes: Vec::new(),
            body: serde_json::to_vec(&all).map_err(broken)?,
        };
        match self.store.commit(vec![change]).await {
            // Somebody else told something at the same time: the next look finds it.
            Err(error) if error.kind() != ErrorKind::Stale => Err(error),
            _ => Ok(()),
        }
    }
}

fn broken(error: serde_json::Error) -> Error {
    Error::new(ErrorKind::Store, "share the limits of the services").caused_by(error)
}
