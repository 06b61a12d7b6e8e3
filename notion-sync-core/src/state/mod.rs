//! Typed access to the store: records, operations, mappings, audit.
//!
//! Values are JSON. A value that is larger than one item is cut into chunks in the content table,
//! written in the same transaction.

mod audit;
mod batch;
mod decision;
mod freeze;
mod inbox;
mod recall;
mod value;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};

pub use batch::{Batch, SaveBody};
pub(crate) use decision::DECISION;
pub use decision::{Replay, ReplayFault};
pub use freeze::Freeze;
pub use inbox::{HintAt, MAX_EVENT, Waiting};
pub(crate) use recall::Recall;
pub use value::{Stored, load, load_many};

use crate::comment::Conversation;
use crate::document::merge::BodyBase;
use crate::error::{Error, ErrorKind, Result};
use crate::hash::ContentHash;
use crate::id::{MappingId, OpId, RecordId, RemoteRef, Side};
use crate::operation::{OpState, Operation};
use crate::record::Record;
use crate::remote::{Cursor, Schema};
use crate::store::{Hit, Query, Store, Table};

/// A record with its body base, as loaded or new.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordState {
    /// The record.
    pub record: Record,
    /// The body's base.
    pub body: Option<BodyBase>,
    /// Version in the store and chunks it took; `None` when new.
    stored: Option<(u64, usize)>,
    /// Chunks of the stored base.
    base_chunks: Option<(u64, usize)>,
    /// Claims held in the store.
    claims: Vec<RemoteRef>,
}

impl RecordState {
    /// A record that is not stored yet.
    #[must_use]
    pub fn new(record: Record) -> Self {
        Self {
            record,
            body: None,
            stored: None,
            base_chunks: None,
            claims: Vec::new(),
        }
    }

    /// Whether it is stored.
    #[must_use]
    pub fn is_stored(&self) -> bool {
        self.stored.is_some()
    }
}

/// What is remembered of a mapping.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct MappingState {
    /// Where the last complete listing of Notion ended.
    pub notion_cursor: Option<Cursor>,
    /// Where the last complete listing of GitHub ended.
    pub github_cursor: Option<Cursor>,
    /// Where the first listing of files ended, while not everything in it is durable: all is listed
    /// once more, and what was there then and is not any more is known to be gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub github_began: Option<Cursor>,
    /// Property ids by field: names are resolved once, ids are followed from then on.
    pub properties: BTreeMap<String, String>,
    /// The schema of Notion as last read. Shared: it is as large as the data source is wide, and each
    /// run works with it.
    pub notion_schema: Arc<Schema>,
    /// The schema of GitHub as last read.
    pub github_schema: Arc<Schema>,
    /// When the schemas were read.
    pub schema_at: Option<DateTime<Utc>>,
    /// When both sides were listed last.
    pub polled_at: Option<DateTime<Utc>>,
    /// When everything was listed last.
    pub swept_at: Option<DateTime<Utc>>,
    /// Hash of what was listed then, where a record owns all of it: a listing that shows the same needs no look.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub swept: Option<ContentHash>,
    /// When the content of every pair was read last, edited or not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contents_at: Option<DateTime<Utc>>,
    /// Fingerprint of the configuration the state was made under.
    pub fingerprint: Option<Fingerprint>,
    /// A plan that the guard stopped, and its hash.
    pub guarded: Option<ContentHash>,
    /// The plan hash a person approved.
    pub approved: Option<ContentHash>,
    /// When both sides were last looked at to their end without an error.
    pub last_success: Option<DateTime<Utc>>,
    /// The last error of a run.
    pub last_error: Option<String>,
    /// Since when comments follow: what is older stays where it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comments_since: Option<DateTime<Utc>>,
    /// The record that was looked through for comments last, in turn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comments_after: Option<RecordId>,
    /// Why comments cannot be read, and when that is tried again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comments_refused: Option<(String, DateTime<Utc>)>,
    /// Sides on which what must be readable is not, so that absence there proves nothing.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub doubts: BTreeMap<Side, Doubt>,
    /// People without a partner whom somebody was told of: the side, and who.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub strangers: BTreeSet<String>,
    /// The longest, in seconds, that listings of a side were seen not to show what had been made.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub lags: BTreeMap<Side, u32>,
}

impl MappingState {
    /// The plan that the guard stopped and that nobody approved yet.
    #[must_use]
    pub fn awaits_approval(&self) -> Option<ContentHash> {
        self.guarded.filter(|hash| self.approved != Some(*hash))
    }
}

/// The configuration of a mapping, part by part, as hashes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fingerprint {
    /// Fields, policies, rules, paths.
    pub mapping: ContentHash,
    /// Which pages.
    pub notion: ContentHash,
    /// Which files or issues.
    pub github: ContentHash,
    /// Version of the canonical form in which both sides are compared.
    pub canon: ContentHash,
}

impl Fingerprint {
    /// The parts that differ, for people.
    #[must_use]
    pub fn differences(&self, other: &Self) -> Vec<&'static str> {
        [
            ("the mapping", self.mapping == other.mapping),
            ("its place in Notion", self.notion == other.notion),
            ("its place on GitHub", self.github == other.github),
            (
                "the form in which texts are compared",
                self.canon == other.canon,
            ),
        ]
        .into_iter()
        .filter_map(|(part, same)| (!same).then_some(part))
        .collect()
    }
}

/// Why absence on a side proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Doubt {
    /// What is wrong with the object that must be readable, and what to do.
    pub why: String,
    /// Since when.
    pub since: DateTime<Utc>,
}

/// Most changes of one batch: the condition on the fence of a lease needs room beside them.
const MAX_BATCH: usize = crate::store::MAX_CHANGES - 1;

/// Hits of one page, the most that a store answers at once.
const HITS: usize = 1000;

/// Index names. Keys and sorts hold ids, states and times only.
mod index {
    pub(super) const RECORD_BY_MAPPING: &str = "record-by-mapping";
    pub(super) const RECORD_LOOK: &str = "record-look";
    pub(super) const RECORD_STEP: &str = "record-step";
    pub(super) const RECORD_PROPOSAL: &str = "record-proposal";
    pub(super) const RECORD_CONFLICT: &str = "record-conflict";
    pub(super) const OP_OPEN: &str = "operation-open";
    pub(super) const OP_BY_RECORD: &str = "operation-by-record";
    pub(super) const OP_DEAD: &str = "operation-dead";
    pub(super) const AUDIT_BY_RECORD: &str = "audit-by-record";
    pub(super) const AUDIT_ALL: &str = "audit-all";
    pub(super) const INBOX: &str = "inbox-new";
}

/// The typed store.
#[derive(Debug, Clone, Copy)]
pub struct State<'a> {
    store: &'a dyn Store,
    recall: Option<&'a Recall>,
}

impl<'a> State<'a> {
    /// Wraps a store.
    #[must_use]
    pub fn new(store: &'a dyn Store) -> Self {
        Self {
            store,
            recall: None,
        }
    }

    /// Decodes what was read before only where its bytes are others now.
    pub(crate) fn recalling(self, recall: &'a Recall) -> Self {
        Self {
            recall: Some(recall),
            ..self
        }
    }

    /// Loads a record with its base.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn record(&self, id: &RecordId) -> Result<Option<RecordState>> {
        let Some(stored) = load::<Record>(self.store, Table::Record, id.as_str()).await? else {
            return Ok(None);
        };
        let base = load::<BodyBase>(self.store, Table::Content, &base_key(id)).await?;
        Ok(Some(RecordState {
            claims: claims(&stored.value),
            base_chunks: base.as_ref().map(|base| (base.version, base.chunks)),
            stored: Some((stored.version, stored.chunks)),
            body: base.map(|base| base.value),
            record: stored.value,
        }))
    }

    /// Loads records without their bases.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn records(&self, mapping: &MappingId) -> Result<Vec<Record>> {
        let hits = self
            .all_hits(Table::Record, index::RECORD_BY_MAPPING, mapping.as_str())
            .await?;
        let keys: Vec<String> = hits.into_iter().map(|hit| hit.key).collect();
        load_many(self.store, Table::Record, &keys).await
    }

    /// Ids of records behind `after` in the order of their ids, at most `limit`.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn records_after(
        &self,
        mapping: &MappingId,
        after: Option<&RecordId>,
        limit: usize,
    ) -> Result<Vec<RecordId>> {
        let hits = self
            .store
            .query(Query {
                table: Table::Record,
                name: index::RECORD_BY_MAPPING,
                key: mapping.as_str(),
                after: after.map(|id| (id.as_str(), id.as_str())),
                limit: limit.clamp(1, 1000),
            })
            .await?;
        Ok(hits.into_iter().map(|hit| RecordId::new(hit.key)).collect())
    }

    /// What is remembered of the comments of a record.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn conversation(&self, id: &RecordId) -> Result<Option<Stored<Conversation>>> {
        load(self.store, Table::Content, &comments_key(id)).await
    }

    /// The record that owns an object.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn owner(&self, object: &RemoteRef) -> Result<Option<RecordId>> {
        let claim = load::<RecordId>(self.store, Table::Claim, &claim_key(object)).await?;
        Ok(claim.map(|claim| claim.value))
    }

    /// Owners of many objects at once, by object.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn owners(&self, objects: &[RemoteRef]) -> Result<BTreeMap<RemoteRef, RecordId>> {
        let by_key: BTreeMap<String, &RemoteRef> = objects
            .iter()
            .map(|object| (claim_key(object), object))
            .collect();
        let keys: Vec<String> = by_key.keys().cloned().collect();
        let mut out = BTreeMap::new();
        for chunk in keys.chunks(100) {
            for item in self.store.get_many(Table::Claim, chunk).await? {
                if let Some(object) = by_key.get(&item.key) {
                    out.insert((*object).clone(), value::decode(&item.body)?);
                }
            }
        }
        Ok(out)
    }

    /// Records that must be looked at by `now`.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn due(&self, mapping: &MappingId, now: DateTime<Utc>) -> Result<Vec<RecordId>> {
        let limit = stamp(now);
        let hits = self
            .all_hits(Table::Record, index::RECORD_LOOK, mapping.as_str())
            .await?;
        Ok(hits
            .into_iter()
            .take_while(|hit| hit.sort <= limit)
            .map(|hit| RecordId::new(hit.key))
            .collect())
    }

    /// Records of which a step of a rule waits, or a refused value, and is to be asked for by `now`.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn steps_due(
        &self,
        mapping: &MappingId,
        now: DateTime<Utc>,
    ) -> Result<Vec<RecordId>> {
        let limit = stamp(now);
        let hits = self
            .all_hits(Table::Record, index::RECORD_STEP, mapping.as_str())
            .await?;
        Ok(hits
            .into_iter()
            .take_while(|hit| hit.sort <= limit)
            .map(|hit| RecordId::new(hit.key))
            .collect())
    }

    /// When the next record of the mapping must be looked at.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn next_look(&self, mapping: &MappingId) -> Result<Option<DateTime<Utc>>> {
        let hits = self
            .store
            .query(Query {
                table: Table::Record,
                name: index::RECORD_LOOK,
                key: mapping.as_str(),
                after: None,
                limit: 1,
            })
            .await?;
        Ok(hits.first().and_then(|hit| hit.sort.parse().ok()))
    }

    /// Records with an open proposal.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn with_proposal(&self, mapping: &MappingId) -> Result<Vec<RecordId>> {
        let hits = self
            .all_hits(Table::Record, index::RECORD_PROPOSAL, mapping.as_str())
            .await?;
        Ok(hits.into_iter().map(|hit| RecordId::new(hit.key)).collect())
    }

    /// Records with open conflicts.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn with_conflict(&self, mapping: &MappingId) -> Result<Vec<RecordId>> {
        let hits = self
            .all_hits(Table::Record, index::RECORD_CONFLICT, mapping.as_str())
            .await?;
        Ok(hits.into_iter().map(|hit| RecordId::new(hit.key)).collect())
    }

    /// Operations that are not final, in the order of their records' queues.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn open_operations(&self, mapping: &MappingId) -> Result<Vec<Stored<Operation>>> {
        let hits = self
            .all_hits(Table::Operation, index::OP_OPEN, mapping.as_str())
            .await?;
        let keys: Vec<String> = hits.into_iter().map(|hit| hit.key).collect();
        let mut open: Vec<Stored<Operation>> =
            value::load_many_stored(self.store, Table::Operation, &keys).await?;
        open.retain(|op| !op.value.state.is_final());
        Ok(open)
    }

    /// Operations that were set aside and nobody has dealt with yet, record by record.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn dead_operations(&self, mapping: &MappingId) -> Result<Vec<Stored<Operation>>> {
        let hits = self
            .all_hits(Table::Operation, index::OP_DEAD, mapping.as_str())
            .await?;
        let keys: Vec<String> = hits.into_iter().map(|hit| hit.key).collect();
        let mut dead: Vec<Stored<Operation>> =
            value::load_many_stored(self.store, Table::Operation, &keys).await?;
        dead.retain(|op| op.value.state == OpState::Dead);
        Ok(dead)
    }

    /// One operation.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn operation(&self, id: &OpId) -> Result<Option<Stored<Operation>>> {
        load(self.store, Table::Operation, id.as_str()).await
    }

    /// Every operation of a record, oldest first.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn operations_of(&self, record: &RecordId) -> Result<Vec<Operation>> {
        let hits = self
            .all_hits(Table::Operation, index::OP_BY_RECORD, record.as_str())
            .await?;
        let keys: Vec<String> = hits.into_iter().map(|hit| hit.key).collect();
        load_many(self.store, Table::Operation, &keys).await
    }

    /// The state of a mapping.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn mapping(&self, id: &MappingId) -> Result<Stored<Arc<MappingState>>> {
        let Some(raw) = value::load_raw(self.store, Table::Mapping, id.as_str()).await? else {
            return Ok(Stored {
                value: Arc::default(),
                version: 0,
                chunks: 0,
            });
        };
        Ok(Stored {
            version: raw.version,
            chunks: raw.chunks,
            value: match self.recall {
                Some(recall) => recall.mapping(id, raw)?,
                None => Arc::new(raw.decode(id.as_str())?),
            },
        })
    }

    /// Carries out a batch.
    ///
    /// # Errors
    ///
    /// [`Stale`](ErrorKind::Stale) when something changed since it was loaded.
    pub async fn commit(&self, batch: Batch) -> Result<()> {
        if batch.changes.is_empty() {
            return Ok(());
        }
        if batch.changes.len() > MAX_BATCH {
            return Err(Error::new(ErrorKind::Invalid, "save a record")
                .message("too large for one transaction")
                .with("changes", batch.changes.len())
                .with("limit", MAX_BATCH));
        }
        self.store.commit(batch.changes).await
    }

    async fn all_hits(&self, table: Table, name: &str, key: &str) -> Result<Vec<Hit>> {
        let mut out: Vec<Hit> = Vec::new();
        self.each_hit(table, name, key, |hit| out.push(hit)).await?;
        Ok(out)
    }

    /// Gives every hit to `take`, in order. Holds no more than one page of them.
    async fn each_hit(
        &self,
        table: Table,
        name: &str,
        key: &str,
        mut take: impl FnMut(Hit),
    ) -> Result<()> {
        let mut after: Option<(String, String)> = None;
        loop {
            let page = self.hits(table, name, key, after.as_ref()).await?;
            after = (page.last())
                .filter(|_| page.len() == HITS)
                .map(|hit| (hit.sort.clone(), hit.key.clone()));
            page.into_iter().for_each(&mut take);
            if after.is_none() {
                return Ok(());
            }
        }
    }

    /// One page of hits behind `after`; a full one may have others behind it.
    async fn hits(
        &self,
        table: Table,
        name: &str,
        key: &str,
        after: Option<&(String, String)>,
    ) -> Result<Vec<Hit>> {
        let after = after.map(|(sort, key)| (sort.as_str(), key.as_str()));
        self.store
            .query(Query {
                table,
                name,
                key,
                after,
                limit: HITS,
            })
            .await
    }
}

/// The objects a record owns. A buried record keeps its page, which is never another page, and
/// keeps its place on GitHub, so that a file that comes back is recognised. What a record is linked to belongs to
/// nobody: one pull request closes several issues.
fn claims(record: &Record) -> Vec<RemoteRef> {
    let mut out: Vec<RemoteRef> = record
        .notion
        .iter()
        .chain(&record.github)
        .cloned()
        .collect();
    out.sort();
    out.dedup();
    out
}

fn claim_key(object: &RemoteRef) -> String {
    let plain = object.to_string();
    // Keys have a limit and ids none: a long path is claimed by its hash.
    if plain.len() <= 400 {
        plain
    } else {
        format!(
            "{}:{}:#{}",
            object.system,
            object.kind,
            ContentHash::of_bytes("nsync/claim", plain.as_bytes())
        )
    }
}

fn base_key(id: &RecordId) -> String {
    format!("base:{id}")
}

fn comments_key(id: &RecordId) -> String {
    format!("comments:{id}")
}

/// A time that sorts as text.
pub(crate) fn stamp(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}
