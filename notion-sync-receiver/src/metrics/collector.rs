//! What the store and the host say, looked at now and then.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Duration, Utc};
use notion_sync_core::Result;
use notion_sync_core::id::MappingId;
use notion_sync_core::state::{State, Waiting};
use notion_sync_core::store::Store;
use tokio::sync::Mutex;

use super::family::Family;

/// How long what was seen is shown before it is looked at again: a host may read every record for it.
const FRESH: Duration = Duration::seconds(10);

/// Figures of the host of a receiver, which `GET /metrics` shows beside those of the receiver.
#[async_trait]
pub trait Collector: fmt::Debug + Send + Sync {
    /// The figures as they are now. Asked for once in ten seconds at most, and never twice at the same
    /// time. Names that begin with `notion_sync_` belong to this project.
    ///
    /// # Errors
    ///
    /// Where they cannot be had: then nothing is shown, and the request is answered 503.
    async fn collect(&self) -> Result<Vec<Family>>;
}

/// What was seen.
#[derive(Debug)]
pub(crate) struct Looked {
    pub(super) waiting: Waiting,
    /// When each mapping last succeeded, as the store says.
    pub(super) successes: Vec<(String, Option<DateTime<Utc>>)>,
    pub(super) host: Vec<Family>,
}

/// Looks into the store and asks the host, and keeps what it saw for a while.
#[derive(Debug)]
pub(crate) struct Seen {
    collector: Option<Arc<dyn Collector>>,
    last: Mutex<Option<(DateTime<Utc>, Arc<Looked>)>>,
}

impl Seen {
    pub(crate) fn new(collector: Option<Arc<dyn Collector>>) -> Self {
        Self {
            collector,
            last: Mutex::default(),
        }
    }

    pub(crate) async fn look<'m>(
        &self,
        store: &dyn Store,
        mappings: impl Iterator<Item = &'m MappingId>,
        now: DateTime<Utc>,
    ) -> Result<Arc<Looked>> {
        // Held while looking: whoever comes second is given what the first one saw.
        let mut last = self.last.lock().await;
        if let Some((at, looked)) = &*last
            && now < *at + FRESH
        {
            return Ok(Arc::clone(looked));
        }
        let state = State::new(store);
        let mut successes = Vec::new();
        for mapping in mappings {
            let known = state.mapping(mapping).await?.value.last_success;
            successes.push((mapping.to_string(), known));
        }
        let host = match &self.collector {
            Some(collector) => collector.collect().await?,
            None => Vec::new(),
        };
        let looked = Arc::new(Looked {
            waiting: state.waiting().await?,
            successes,
            host,
        });
        *last = Some((now, Arc::clone(&looked)));
        Ok(looked)
    }
}
