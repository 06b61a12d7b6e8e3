//! Decisions with what they looked at, and making them again.

use serde::{Deserialize, Serialize};

use super::value::{self, load, put};
use super::{Batch, MAX_BATCH, State};
use crate::error::{Error, ErrorKind, Result};
use crate::hash::ContentHash;
use crate::id::{MappingId, RecordId};
use crate::reconcile::Decision;
use crate::record::{KeptDecision, Record};
use crate::store::{Expect, Table};

/// Room that a decision leaves for the other changes of its transaction.
const ROOM: usize = 30;

/// Name of the detail by which a row of the audit names its decision.
pub(crate) const DECISION: &str = "decision";

/// What making decisions again came to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replay {
    /// How many decisions were made again.
    pub decisions: usize,
    /// How many records they are about.
    pub records: usize,
    /// What did not come out as it was.
    pub faults: Vec<ReplayFault>,
}

/// A decision that did not come out as it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplayFault {
    /// The record.
    pub record: RecordId,
    /// The decision.
    pub decision: ContentHash,
    /// What is different.
    pub what: String,
}

impl Batch {
    /// Keeps a decision with its record, and forgets older ones so that `keep` are left. Answers its
    /// name; `None` where it is too large to be stored together with the record.
    ///
    /// # Errors
    ///
    /// When a value cannot be written.
    pub fn decision(
        &mut self,
        record: &mut Record,
        decision: &Decision,
        keep: usize,
    ) -> Result<Option<ContentHash>> {
        let name = decision.name();
        let mut changes = Vec::new();
        let key = decision_key(&record.id, name);
        put(
            &mut changes,
            Table::Content,
            &key,
            Expect::Any,
            Vec::new(),
            decision,
            0,
        )?;
        if keep == 0 || changes.len() > ROOM || self.len() + changes.len() > MAX_BATCH - ROOM {
            return Ok(None);
        }
        let chunks = changes.len() - 1;
        self.changes.extend(changes);
        record.decisions.retain(|kept| kept.name != name);
        record.decisions.push(KeptDecision { name, chunks });
        while record.decisions.len() > keep {
            let old = record.decisions.remove(0);
            let key = decision_key(&record.id, old.name);
            value::delete(&mut self.changes, Table::Content, &key, old.chunks);
        }
        Ok(Some(name))
    }
}

impl State<'_> {
    /// The decisions that are kept of a record, oldest first.
    ///
    /// # Errors
    ///
    /// When the store fails or lost one.
    pub async fn decisions(&self, record: &Record) -> Result<Vec<Decision>> {
        let mut out = Vec::with_capacity(record.decisions.len());
        for kept in &record.decisions {
            let key = decision_key(&record.id, kept.name);
            let stored = load::<Decision>(self.store, Table::Content, &key).await?;
            let stored = stored.ok_or_else(|| {
                Error::new(ErrorKind::Store, "read a decision")
                    .with("record", &record.id)
                    .with("decision", kept.name)
                    .message("it is not there")
                    .remedy("restore a backup, or go on without it")
            })?;
            out.push(stored.value);
        }
        Ok(out)
    }

    /// Makes the decisions that are kept again from what they looked at: those of one record, or of
    /// all records of some mappings. Each has to come out the same, and to be the one that the audit
    /// names.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn replay(
        &self,
        mappings: &[MappingId],
        record: Option<&RecordId>,
    ) -> Result<Replay> {
        let mut records = Vec::new();
        match record {
            Some(id) => records.extend(self.record(id).await?.map(|state| state.record)),
            None => {
                for mapping in mappings {
                    records.extend(self.records(mapping).await?);
                }
            }
        }
        let mut replay = Replay::default();
        for record in records {
            replay.records += usize::from(!record.decisions.is_empty());
            let audit = self.audit(Some(&record.id)).await?;
            for kept in &record.decisions {
                replay.decisions += 1;
                if self.replay_one(&record, kept, &audit).await?.is_some()
                    && let Some(what) = self.replay_again(&record.id, kept).await?
                {
                    replay.faults.push(ReplayFault {
                        record: record.id.clone(),
                        decision: kept.name,
                        what,
                    });
                }
            }
        }
        Ok(replay)
    }

    /// Makes a decision again of which something was amiss: a newer one may have taken its place after
    /// its record was read.
    async fn replay_again(&self, id: &RecordId, kept: &KeptDecision) -> Result<Option<String>> {
        // What was read counts only where the record stayed the same meanwhile.
        loop {
            let Some(stored) = load::<Record>(self.store, Table::Record, id.as_str()).await? else {
                return Ok(None);
            };
            let record = stored.value;
            if !record.decisions.iter().any(|one| one.name == kept.name) {
                return Ok(None);
            }
            let audit = self.audit(Some(id)).await?;
            let what = self.replay_one(&record, kept, &audit).await?;
            let now = load::<Record>(self.store, Table::Record, id.as_str()).await?;
            if what.is_none() || now.is_some_and(|now| now.version == stored.version) {
                return Ok(what);
            }
        }
    }

    async fn replay_one(
        &self,
        record: &Record,
        kept: &KeptDecision,
        audit: &[crate::audit::AuditRow],
    ) -> Result<Option<String>> {
        let key = decision_key(&record.id, kept.name);
        let Some(stored) = load::<Decision>(self.store, Table::Content, &key).await? else {
            return Ok(Some("what it looked at is not there".to_owned()));
        };
        let decision = stored.value;
        if decision.name() != kept.name {
            return Ok(Some("what it looked at was changed since".to_owned()));
        }
        let name = kept.name.to_string();
        if !audit
            .iter()
            .any(|row| row.details.get(DECISION) == Some(&name))
        {
            return Ok(Some("no row of the audit names it".to_owned()));
        }
        let again = decision.replay();
        if again.same {
            return Ok(None);
        }
        if again.strange {
            return Ok(Some(
                "this version looks at something that was not looked at then".to_owned(),
            ));
        }
        Ok(Some(format!(
            "it comes out differently: rows {:?} then, {:?} now",
            decision.rows, again.plan.rows
        )))
    }
}

fn decision_key(record: &RecordId, name: ContentHash) -> String {
    format!("decision:{record}:{name}")
}
