//! Work under the lease of a mapping.

use chrono::Duration;
use tracing::Instrument as _;

use crate::engine::report::MappingReport;
use crate::engine::{Binding, Budget, Engine};
use crate::error::{Error, ErrorKind, Result, Retry};
use crate::id::MappingId;
use crate::operation::look_run_id;
use crate::state::State;
use crate::worker::Asked;
pub(in crate::engine) use crate::worker::Taken;

/// After what time hints make a worker ask again for a lease that somebody else has.
const HINTED: Duration = Duration::seconds(2);

impl Engine {
    /// Works on a mapping if nobody else does.
    pub(in crate::engine) async fn lease_mapping(
        &self,
        binding: &Binding,
        budget: Budget,
        hinted: bool,
    ) -> Result<MappingReport> {
        let id = &binding.mapping.id;
        if let Some(why) = self.frozen(id).await? {
            let mut report = MappingReport::new(id.clone());
            report.frozen = Some(why);
            report.next_due = Some(self.now() + self.schedule.poll);
            return Ok(report);
        }
        let taken = match self.worker.acquire(id).await? {
            Asked::Granted(taken) => taken,
            Asked::Elsewhere { owner, until } => {
                let mut report = MappingReport::new(id.clone());
                // The other one may have begun before these arrived, and be done soon.
                let soon = self.now() + HINTED;
                report.elsewhere(owner, if hinted { until.min(soon) } else { until });
                return Ok(report);
            }
        };
        // On the heap: the whole of a tick is large, and callers have small stacks.
        // Whoever logs requests knows by it what they were for; writes have one of their own.
        let span = tracing::debug_span!(target: "notion_sync::call", "run", sync_run_id = %look_run_id(id, self.now()));
        let worked = Box::pin(self.run_mapping(binding, budget, hinted, taken));
        let worked = worked.instrument(span).await;
        let lost = self.worker.release().await?;
        match worked {
            Ok(report) if !lost => Ok(report),
            Err(error) if !lost || error.kind() != ErrorKind::Stale => Err(error),
            // What was stored before holds, and nothing was stored after.
            worked => {
                let mut report = worked.unwrap_or_else(|_| MappingReport::new(id.clone()));
                let until = self.now() + Duration::seconds(i64::from(self.bounds.heartbeat));
                report.elsewhere("another worker".to_owned(), until);
                Ok(report)
            }
        }
    }

    /// Why nothing may be written for a mapping.
    pub(in crate::engine) async fn frozen(&self, id: &MappingId) -> Result<Option<String>> {
        if let Some(why) = self.guard.told() {
            return Ok(Some(why));
        }
        let stored = State::new(&*self.store).frozen(id).await?;
        Ok(stored.map(|freeze| freeze.told()))
    }

    /// Does by hand what sends something, as the one who works on the mapping.
    ///
    /// # Errors
    ///
    /// [`Stale`](ErrorKind::Stale) while another worker does; what `work` ends with.
    pub(in crate::engine) async fn at_hand<T>(
        &self,
        id: &MappingId,
        during: &'static str,
        work: impl AsyncFnOnce(Taken) -> Result<T>,
    ) -> Result<T> {
        if let Some(why) = self.frozen(id).await? {
            return Err(Error::new(ErrorKind::Blocked, during)
                .with("mapping", id)
                .message(why)
                .remedy("`notion-sync unfreeze` lets it go on"));
        }
        let _ticking = self.ticking.lock().await;
        let taken = match self.worker.acquire(id).await? {
            Asked::Granted(taken) => taken,
            Asked::Elsewhere { owner, until } => {
                return Err(Error::new(ErrorKind::Stale, during)
                    .with("mapping", id)
                    .message(format!("{owner} works on the mapping"))
                    .remedy("try again in a minute, or stop that worker first")
                    .retry_at(Retry::NotBefore(until)));
            }
        };
        let done = Box::pin(work(taken)).await;
        self.worker.release().await?;
        done
    }
}
