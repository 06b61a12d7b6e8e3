//! The audit: reading it, and proving that it is as it was written.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::value::{load, load_many};
use super::{State, index, stamp};
use crate::audit::{AuditEvent, AuditFault, AuditLink, AuditProof, AuditRow};
use crate::error::Result;
use crate::id::{MappingId, RecordId};
use crate::store::{Query, Table};

impl State<'_> {
    /// The audit of one record, or of everything, oldest first.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn audit(&self, record: Option<&RecordId>) -> Result<Vec<AuditRow>> {
        let hits = match record {
            Some(record) => {
                self.all_hits(Table::Audit, index::AUDIT_BY_RECORD, record.as_str())
                    .await?
            }
            None => self.all_hits(Table::Audit, index::AUDIT_ALL, "all").await?,
        };
        let keys: Vec<String> = hits.into_iter().map(|hit| hit.key).collect();
        let links: Vec<AuditLink> = load_many(self.store, Table::Audit, &keys).await?;
        Ok(links.into_iter().map(|link| link.row).collect())
    }

    /// Whether any write was applied after a moment.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn applied_since(&self, at: DateTime<Utc>) -> Result<bool> {
        let mut after = (stamp(at), "~".to_owned());
        loop {
            let hits = self
                .store
                .query(Query {
                    table: Table::Audit,
                    name: index::AUDIT_ALL,
                    key: "all",
                    after: Some((&after.0, &after.1)),
                    limit: 100,
                })
                .await?;
            for hit in &hits {
                let row = load::<AuditLink>(self.store, Table::Audit, &hit.key).await?;
                if row.is_some_and(|link| link.value.row.event == AuditEvent::Applied) {
                    return Ok(true);
                }
            }
            match hits.last() {
                Some(last) if hits.len() == 100 => after = (last.sort.clone(), last.key.clone()),
                _ => return Ok(false),
            }
        }
    }

    /// Follows the chain of every record from its first row to the end that the record holds: those
    /// of some mappings, and all that rows are about.
    ///
    /// Whoever can write to the store can forge a whole chain with its record, or remove both: this
    /// finds damage, rows edited by hand and restored halves, not an attacker.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn verify_audit(&self, mappings: &[MappingId]) -> Result<AuditProof> {
        let hits = self.all_hits(Table::Audit, index::AUDIT_ALL, "all").await?;
        let mut listed: BTreeMap<RecordId, usize> = BTreeMap::new();
        for hit in hits {
            let record = hit.key.rsplit_once(':').map_or("", |(record, _)| record);
            *listed.entry(RecordId::new(record)).or_default() += 1;
        }
        for mapping in mappings {
            for record in self.records(mapping).await? {
                listed.entry(record.id).or_default();
            }
        }
        let mut proof = AuditProof::default();
        for (record, listed) in listed {
            self.verify_chain(&record, listed, &mut proof).await?;
        }
        Ok(proof)
    }

    async fn verify_chain(
        &self,
        record: &RecordId,
        listed: usize,
        proof: &mut AuditProof,
    ) -> Result<()> {
        let hits = self
            .all_hits(Table::Audit, index::AUDIT_BY_RECORD, record.as_str())
            .await?;
        let keys: Vec<String> = hits.into_iter().map(|hit| hit.key).collect();
        let links: Vec<AuditLink> = load_many(self.store, Table::Audit, &keys).await?;
        let head = self.record(record).await?.map(|state| state.record.audited);
        let mut fault = |number, what| {
            proof.faults.push(AuditFault {
                record: record.clone(),
                number,
                what,
            });
        };
        let mut previous = None;
        let mut next = 1;
        for link in &links {
            if link.number != next {
                fault(next, "rows are missing here");
            } else if link.previous != previous {
                fault(next, "the row before it is not the one that was written");
            }
            if link.row.record != *record {
                fault(link.number, "the row is about another record");
            }
            previous = Some(link.hash());
            next = link.number + 1;
        }
        let last = next - 1;
        match head {
            None => fault(last, "the record of these rows is not there"),
            Some(head) => {
                let (end, hash) = head.map_or((0, None), |head| (head.number, Some(head.hash)));
                if (end, hash) != (last, previous) {
                    fault(last, "the chain does not end as the record says");
                }
            }
        }
        if listed != links.len() {
            fault(
                last,
                "the lists of all rows and of the record's rows differ",
            );
        }
        proof.rows += links.len();
        proof.records += usize::from(!links.is_empty());
        Ok(())
    }
}
