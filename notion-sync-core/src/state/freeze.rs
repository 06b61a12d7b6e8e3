//! The kill switch.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::value::{self, load, put};
use super::{Batch, State};
use crate::audit::AuditEvent;
use crate::error::{ErrorKind, Result};
use crate::id::MappingId;
use crate::store::{Expect, Table};

/// Why nothing is written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Freeze {
    /// Since when.
    pub since: DateTime<Utc>,
    /// Who did it, for people.
    pub by: String,
    /// Why, for people.
    pub reason: String,
}

impl Freeze {
    /// One line for people.
    #[must_use]
    pub fn told(&self) -> String {
        let since = self.since.format("%Y-%m-%d %H:%M");
        format!("frozen by {} since {since} UTC: {}", self.by, self.reason)
    }
}

impl State<'_> {
    /// Stops all writing to remotes: for one mapping, or for all. Work that is under way finishes the
    /// request it is at. Hints are still taken. Whoever froze it first is kept.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn freeze(&self, mapping: Option<&MappingId>, freeze: &Freeze) -> Result<()> {
        loop {
            if self
                .store
                .get(Table::Setting, &key(mapping))
                .await?
                .is_some()
            {
                return Ok(());
            }
            let mut batch = Batch::default();
            put(
                &mut batch.changes,
                Table::Setting,
                &key(mapping),
                Expect::Absent,
                Vec::new(),
                freeze,
                0,
            )?;
            let Freeze { since, by, reason } = freeze;
            let summary = format!("frozen by {by}: {reason}");
            self.audit_mapping(&mut batch, *since, mapping, AuditEvent::Decision, summary)
                .await?;
            match self.commit(batch).await {
                // Somebody froze it too, or added another row: each such round somebody gets ahead.
                Err(error) if error.kind() == ErrorKind::Stale => {}
                other => return other,
            }
        }
    }

    /// Lets writing go on: who says so, and when. Says whether it was stopped.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn unfreeze(
        &self,
        mapping: Option<&MappingId>,
        by: &str,
        at: DateTime<Utc>,
    ) -> Result<bool> {
        let key = key(mapping);
        loop {
            if self.store.get(Table::Setting, &key).await?.is_none() {
                return Ok(false);
            }
            let mut batch = Batch::default();
            value::delete(&mut batch.changes, Table::Setting, &key, 0);
            let summary = format!("{by} lets writing go on");
            self.audit_mapping(&mut batch, at, mapping, AuditEvent::Decision, summary)
                .await?;
            match self.commit(batch).await {
                Err(error) if error.kind() == ErrorKind::Stale => {}
                other => return other.map(|()| true),
            }
        }
    }

    /// Why nothing is written for a mapping.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn frozen(&self, mapping: &MappingId) -> Result<Option<Freeze>> {
        for mapping in [None, Some(mapping)] {
            if let Some(freeze) = self.freeze_of(mapping).await? {
                return Ok(Some(freeze));
            }
        }
        Ok(None)
    }

    /// What was frozen by itself: one mapping, whatever holds for all of them, or all of them.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn freeze_of(&self, mapping: Option<&MappingId>) -> Result<Option<Freeze>> {
        let stored = load::<Freeze>(self.store, Table::Setting, &key(mapping)).await?;
        Ok(stored.map(|stored| stored.value))
    }
}

fn key(mapping: Option<&MappingId>) -> String {
    mapping.map_or_else(|| "freeze".to_owned(), |id| format!("freeze:{id}"))
}
