//! The audit: reading it, and proving that it is as it was written.

use std::borrow::Cow;
use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use serde::Deserialize;

use super::value::{Raw, load, load_many, load_raw, pages, put};
use super::{Batch, HITS, State, index, stamp};
use crate::audit::{AuditEvent, AuditFault, AuditLink, AuditProof, AuditRow};
use crate::error::{Error, ErrorKind, Result};
use crate::hash::ContentHash;
use crate::id::{MappingId, RecordId};
use crate::record::AuditHead;
use crate::store::{Expect, Query, Table};

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

    /// Adds a row about a mapping, or about all of them, and no record: a run that the guard stopped, an approval,
    /// a freeze. Such rows have a chain of their own, whose name stands where others name their record.
    ///
    /// # Errors
    ///
    /// When the store fails. The commit ends as [`Stale`](crate::ErrorKind::Stale) where somebody else added a
    /// row meanwhile.
    pub async fn audit_mapping(
        &self,
        batch: &mut Batch,
        at: DateTime<Utc>,
        mapping: Option<&MappingId>,
        event: AuditEvent,
        summary: impl Into<String>,
    ) -> Result<()> {
        let chain = mapping_chain(mapping);
        let key = end_key(&chain);
        let stored = load::<AuditHead>(self.store, Table::Setting, &key).await?;
        let row = AuditRow {
            at,
            mapping: mapping.cloned().unwrap_or_else(|| MappingId::from("all")),
            record: chain.clone(),
            title: String::new(),
            event,
            op: None,
            run: None,
            side: None,
            rows: Vec::new(),
            summary: summary.into(),
            details: BTreeMap::new(),
        };
        let head = batch.link(&chain, stored.as_ref().map(|stored| stored.value), row)?;
        let expect =
            (stored.as_ref()).map_or(Expect::Absent, |stored| Expect::Version(stored.version));
        put(
            &mut batch.changes,
            Table::Setting,
            &key,
            expect,
            Vec::new(),
            &head,
            0,
        )
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
    /// of some mappings, and all that rows are about. Rows that are written meanwhile are no fault: each
    /// chain is followed to the end that it had before its first row was read.
    ///
    /// Whoever can write to the store can forge a whole chain with its record, or remove both: this
    /// finds damage, rows edited by hand and restored halves, not an attacker.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn verify_audit(&self, mappings: &[MappingId]) -> Result<AuditProof> {
        let mut listed: BTreeMap<String, Listed> = BTreeMap::new();
        self.each_listed(|record, number| {
            match listed.get_mut(record) {
                Some(rows) => rows.add(number),
                None => listed.entry(record.to_owned()).or_default().add(number),
            };
        })
        .await?;
        listed.entry(mapping_chain(None).to_string()).or_default();
        for mapping in mappings {
            let chain = mapping_chain(Some(mapping));
            listed.entry(chain.to_string()).or_default();
            let name = index::RECORD_BY_MAPPING;
            self.each_hit(Table::Record, name, mapping.as_str(), |hit| {
                listed.entry(hit.key).or_default();
            })
            .await?;
        }
        // Several at once: while the rows of one are looked at, the store reads those of the next.
        let mut chains = stream::iter(listed)
            .map(|(record, listed)| async move {
                let verified = self.verify_chain(&record.clone().into()).await?;
                Ok::<_, Error>((record, listed, verified))
            })
            .buffered(CHAINS)
            .boxed();
        let mut proof = AuditProof::default();
        let mut suspects: BTreeMap<String, Suspect> = BTreeMap::new();
        while let Some((record, listed, verified)) = chains.try_next().await? {
            if verified.is_whole() && listed.rows == verified.proof.rows {
                proof.add(verified.proof);
            } else {
                // No end that is read from now on may be before what was seen.
                let least = listed.last.max(verified.beyond);
                suspects.insert(record, Suspect::new(least));
            }
        }
        drop(chains);
        self.look_again(suspects, &mut proof).await?;
        Ok(proof)
    }

    /// Looks once more at chains that grew meanwhile, or are broken: what was written in the first look
    /// is in order in the second.
    async fn look_again(
        &self,
        mut suspects: BTreeMap<String, Suspect>,
        proof: &mut AuditProof,
    ) -> Result<()> {
        if suspects.is_empty() {
            return Ok(());
        }
        for (record, suspect) in &mut suspects {
            suspect.verified = self.verify_chain(&record.clone().into()).await?;
        }
        // After the ends, so that each row up to them has to be among these.
        self.each_listed(|record, number| {
            if let Some(suspect) = suspects.get_mut(record)
                && number <= suspect.verified.end
            {
                suspect.listed += 1;
            }
        })
        .await?;
        for (record, suspect) in suspects {
            proof.add(suspect.proof(&record.into()));
        }
        Ok(())
    }

    /// Gives the record and the number of every row to `take`, from the list of all rows.
    async fn each_listed(&self, mut take: impl FnMut(&str, u64)) -> Result<()> {
        self.each_hit(Table::Audit, index::AUDIT_ALL, "all", |hit| {
            let (record, number) = hit.key.rsplit_once(':').unwrap_or_default();
            take(record, number.parse().unwrap_or_default());
        })
        .await
    }

    async fn verify_chain(&self, record: &RecordId) -> Result<Verified> {
        // Before the rows: those up to this end are written, and do not change any more.
        let head = self.head(record).await?;
        let end = head.as_ref().map_or(u64::MAX, Head::number);
        let mut chain = Chain {
            record,
            proof: AuditProof::default(),
            previous: None,
            next: 1,
            unread: false,
            end,
            beyond: 0,
        };
        let mut after: Option<(String, String)> = None;
        loop {
            let name = index::AUDIT_BY_RECORD;
            let key = record.as_str();
            let hits = self.hits(Table::Audit, name, key, after.as_ref()).await?;
            after = (hits.last())
                .filter(|_| hits.len() == HITS)
                .map(|hit| (hit.sort.clone(), hit.key.clone()));
            let keys: Vec<String> = hits.into_iter().map(|hit| hit.key).collect();
            let before = chain.clone();
            match self.verify_rows(&mut chain, &keys).await {
                Err(error) if error.kind() == ErrorKind::Sealed => {
                    chain = before;
                    self.verify_one_by_one(&mut chain, &keys).await?;
                }
                verified => verified?,
            }
            if after.is_none() {
                break;
            }
        }
        Ok(chain.end(head))
    }

    /// The end of a chain, as its record knows it; `None` where that is not there.
    async fn head(&self, record: &RecordId) -> Result<Option<Head>> {
        if is_of_mapping(record) {
            let end = load(self.store, Table::Setting, &end_key(record)).await?;
            return Ok(end.map(|end| Head {
                audited: Some(end.value),
            }));
        }
        let head = load::<Head>(self.store, Table::Record, record.as_str()).await?;
        Ok(head.map(|head| head.value))
    }

    async fn verify_rows(&self, chain: &mut Chain<'_>, keys: &[String]) -> Result<()> {
        let mut pages = pages(self.store, Table::Audit, keys);
        while let Some(page) = pages.try_next().await? {
            for (_, raw) in page {
                chain.link(&raw);
            }
        }
        Ok(())
    }

    /// The same where a row cannot be opened: which one it is shows only when each is read by itself.
    async fn verify_one_by_one(&self, chain: &mut Chain<'_>, keys: &[String]) -> Result<()> {
        for key in keys {
            match load_raw(self.store, Table::Audit, key).await {
                Ok(Some(raw)) => chain.link(&raw),
                Ok(None) => {}
                Err(error) if error.kind() == ErrorKind::Sealed => chain.unreadable(),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// The chain of rows about a mapping, or about all of them.
fn mapping_chain(mapping: Option<&MappingId>) -> RecordId {
    mapping.map_or_else(
        || RecordId::from("mappings"),
        |id| RecordId::new(format!("mapping:{id}")),
    )
}

/// Ids of records begin with an `r` and go on with digits.
fn is_of_mapping(chain: &RecordId) -> bool {
    chain.as_str() == "mappings" || chain.as_str().starts_with("mapping:")
}

/// Where the end of such a chain is kept.
fn end_key(chain: &RecordId) -> String {
    format!("audit:{chain}")
}

/// How many chains are looked at at the same time.
const CHAINS: usize = 4;

/// The part of a record that holds the end of its chain.
#[derive(Deserialize)]
struct Head {
    #[serde(default)]
    audited: Option<AuditHead>,
}

impl Head {
    /// The number of the last row; 0 where there is none.
    fn number(&self) -> u64 {
        self.audited.as_ref().map_or(0, |end| end.number)
    }
}

impl AuditProof {
    fn add(&mut self, chain: Self) {
        self.records += chain.records;
        self.rows += chain.rows;
        self.faults.extend(chain.faults);
    }
}

/// The rows of a chain in the list of all rows.
#[derive(Default)]
struct Listed {
    rows: usize,
    /// The highest number.
    last: u64,
}

impl Listed {
    fn add(&mut self, number: u64) {
        self.rows += 1;
        self.last = self.last.max(number);
    }
}

/// What following a chain came to.
#[derive(Default)]
struct Verified {
    proof: AuditProof,
    /// To which number it was followed.
    end: u64,
    /// The highest number behind that; 0 where there was none.
    beyond: u64,
    /// The number of the last row up to the end.
    last: u64,
}

impl Verified {
    fn is_whole(&self) -> bool {
        self.proof.faults.is_empty() && self.beyond == 0
    }
}

/// A chain that has to be looked at again.
struct Suspect {
    /// The least number at which it has to end.
    least: u64,
    verified: Verified,
    /// How many of its rows are in the list of all rows.
    listed: usize,
}

impl Suspect {
    fn new(least: u64) -> Self {
        Self {
            least,
            verified: Verified::default(),
            listed: 0,
        }
    }

    fn proof(self, record: &RecordId) -> AuditProof {
        let Verified {
            mut proof,
            end,
            last,
            ..
        } = self.verified;
        let fault = |what| AuditFault {
            record: record.clone(),
            number: last,
            what,
        };
        if end < self.least {
            proof.faults.push(fault(ENDS_ELSEWHERE));
        }
        if self.listed != proof.rows {
            proof.faults.push(fault(
                "the lists of all rows and of the record's rows differ",
            ));
        }
        proof
    }
}

/// What is wrong with a chain that is shorter or longer than its record says.
const ENDS_ELSEWHERE: &str = "the chain does not end as the record says";

/// The part of a link that says where it belongs. Whatever else it holds is in its hash.
#[derive(Deserialize)]
struct Position<'a> {
    number: u64,
    previous: Option<ContentHash>,
    #[serde(borrow)]
    row: About<'a>,
}

#[derive(Deserialize)]
struct About<'a> {
    #[serde(borrow)]
    record: Cow<'a, str>,
}

/// A chain on the way from its first row to its last.
#[derive(Clone)]
struct Chain<'r> {
    record: &'r RecordId,
    proof: AuditProof,
    /// Hash of the row before.
    previous: Option<ContentHash>,
    /// The number that comes next.
    next: u64,
    /// Whether the row before could not be read, so that what it hashes to is not known.
    unread: bool,
    /// The number to which it is followed. What is behind may be written at this moment.
    end: u64,
    /// The highest number behind that.
    beyond: u64,
}

impl Chain<'_> {
    fn fault(&mut self, number: u64, what: &'static str) {
        self.proof.faults.push(AuditFault {
            record: self.record.clone(),
            number,
            what,
        });
    }

    /// A row that nobody can read, as good as one that says something else.
    fn unreadable(&mut self) {
        if self.next > self.end {
            self.beyond = self.beyond.max(self.next);
            return;
        }
        self.fault(
            self.next,
            "the row cannot be read: it was changed, or sealed with another key",
        );
        self.next = self.next.saturating_add(1);
        self.proof.rows += 1;
        self.unread = true;
    }

    fn link(&mut self, raw: &Raw) {
        let Ok(link) = raw.decode::<Position<'_>>("") else {
            return self.unreadable();
        };
        if link.number > self.end {
            self.beyond = self.beyond.max(link.number);
            return;
        }
        if link.number != self.next {
            self.fault(self.next, "rows are missing here");
        } else if !self.unread && link.previous != self.previous {
            self.fault(
                self.next,
                "the row before it is not the one that was written",
            );
        }
        if link.row.record != self.record.as_str() {
            self.fault(link.number, "the row is about another record");
        }
        self.previous = Some(AuditLink::hash_of_encoded(raw.bytes()));
        self.next = link.number.saturating_add(1);
        self.unread = false;
        self.proof.rows += 1;
    }

    fn end(mut self, head: Option<Head>) -> Verified {
        let last = self.next - 1;
        let rows = self.proof.rows;
        match head {
            // It went meanwhile, and nothing is about it.
            None if rows == 0 => {}
            None => self.fault(last, "the record of these rows is not there"),
            Some(head) => {
                let hash = head.audited.map(|end| end.hash);
                if self.end != last || (!self.unread && hash != self.previous) {
                    self.fault(last, ENDS_ELSEWHERE);
                }
            }
        }
        self.proof.records = usize::from(rows > 0);
        Verified {
            proof: self.proof,
            end: self.end,
            beyond: self.beyond,
            last,
        }
    }
}
