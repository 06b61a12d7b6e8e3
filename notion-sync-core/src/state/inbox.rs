//! The inbox of hints, and settings of the installation.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde::de::DeserializeOwned;

use super::{Batch, State, Stored, index, load, stamp, value};
use crate::error::{Error, ErrorKind, Result};
use crate::event::{ChangeEvent, EVENT_VERSION};
use crate::store::{Change, Expect, Query, Table};
use crate::webhook::is_id;

/// Largest hint, in bytes of its JSON. One item of every store holds it.
pub const MAX_EVENT: usize = 200_000;

/// Most hints in one transaction.
const TOGETHER: usize = 50;

/// What waits in the inbox.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Waiting {
    /// How many hints were not looked at yet.
    pub hints: usize,
    /// When the oldest of them was detected.
    pub oldest: Option<DateTime<Utc>>,
}

/// A place in the inbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HintAt {
    sort: String,
    key: String,
}

impl State<'_> {
    /// Takes hints. They are durable when this returns. Answers for each of them whether it is new:
    /// one whose delivery was taken before is a no-op, also when it was looked at since.
    ///
    /// # Errors
    ///
    /// [`Invalid`](ErrorKind::Invalid) for an id that is empty, longer than 200 bytes or not visible
    /// ASCII, a version above ours, a hint over [`MAX_EVENT`]; then none is taken. Otherwise when the
    /// store fails: then the senders must try again.
    pub async fn ingest(&self, events: &[ChangeEvent]) -> Result<Vec<bool>> {
        for event in events {
            check(event)?;
        }
        let mut fresh = Vec::with_capacity(events.len());
        for events in events.chunks(TOGETHER) {
            fresh.extend(self.take(events).await?);
        }
        Ok(fresh)
    }

    async fn take(&self, events: &[ChangeEvent]) -> Result<Vec<bool>> {
        let keys: Vec<String> = events.iter().map(|event| event.id.clone()).collect();
        // Somebody else may take one of them in between; then it is known in the next round.
        for _ in 0..5 {
            let mut known: BTreeSet<String> = self
                .store
                .get_many(Table::Inbox, &keys)
                .await?
                .into_iter()
                .map(|item| item.key)
                .collect();
            let mut batch = Batch::default();
            let mut fresh = Vec::with_capacity(events.len());
            for event in events {
                let new = known.insert(event.id.clone());
                if new {
                    batch.inbox(event)?;
                }
                fresh.push(new);
            }
            match self.commit(batch).await {
                Ok(()) => return Ok(fresh),
                Err(error) if error.kind() == ErrorKind::Stale => {}
                Err(error) => return Err(error),
            }
        }
        Err(Error::new(ErrorKind::Unavailable, "take a hint")
            .message("others took the same deliveries again and again"))
    }

    /// Hints that were not looked at yet, oldest first, at most `limit`.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn inbox(&self, limit: usize) -> Result<Vec<Stored<ChangeEvent>>> {
        Ok(self.inbox_after(None, limit).await?.0)
    }

    /// The same behind a place in the inbox, with the place behind which others follow, where there may
    /// be others.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn inbox_after(
        &self,
        after: Option<&HintAt>,
        limit: usize,
    ) -> Result<(Vec<Stored<ChangeEvent>>, Option<HintAt>)> {
        let limit = limit.clamp(1, 1_000);
        let hits = self
            .store
            .query(Query {
                table: Table::Inbox,
                name: index::INBOX,
                key: "new",
                after: after.map(|at| (at.sort.as_str(), at.key.as_str())),
                limit,
            })
            .await?;
        let last = hits.last().filter(|_| hits.len() == limit);
        let next = last.map(|hit| HintAt {
            sort: hit.sort.clone(),
            key: hit.key.clone(),
        });
        let keys: Vec<String> = hits.into_iter().map(|hit| hit.key).collect();
        let loaded: Vec<Stored<ChangeEvent>> =
            value::load_many_stored(self.store, Table::Inbox, &keys).await?;
        let mut by_id: BTreeMap<String, Stored<ChangeEvent>> = (loaded.into_iter())
            .map(|hint| (hint.value.id.clone(), hint))
            .collect();
        let out = keys.iter().filter_map(|key| by_id.remove(key));
        Ok((out.collect(), next))
    }

    /// How many hints wait, and since when.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn waiting(&self) -> Result<Waiting> {
        let hits = self.all_hits(Table::Inbox, index::INBOX, "new").await?;
        Ok(Waiting {
            hints: hits.len(),
            oldest: hits.first().and_then(|hit| hit.sort.parse().ok()),
        })
    }

    /// Forgets the ids of hints that were looked at before that moment. Answers how many.
    ///
    /// A delivery that comes again after its id was forgotten is taken as new, so ids have to be kept
    /// for longer than a service repeats them: 25 hours (Notion), 3 days (GitHub), 7 days (GitHub
    /// Enterprise).
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn forget_hints(&self, before: DateTime<Utc>) -> Result<usize> {
        let limit = stamp(before);
        let mut forgotten = 0;
        loop {
            let hits = self
                .store
                .query(Query {
                    table: Table::Inbox,
                    name: index::INBOX,
                    key: "seen",
                    after: None,
                    limit: 100,
                })
                .await?;
            let changes: Vec<Change> = hits
                .into_iter()
                .take_while(|hit| hit.sort < limit)
                .map(|hit| Change::Delete {
                    table: Table::Inbox,
                    key: hit.key,
                    expect: Expect::Any,
                })
                .collect();
            if changes.is_empty() {
                return Ok(forgotten);
            }
            forgotten += changes.len();
            self.store.commit(changes).await?;
        }
    }

    /// A setting of the installation.
    ///
    /// # Errors
    ///
    /// When the store fails or holds something else.
    pub async fn setting<T: DeserializeOwned>(&self, name: &str) -> Result<Option<Stored<T>>> {
        load(self.store, Table::Setting, name).await
    }
}

fn check(event: &ChangeEvent) -> Result<()> {
    let wrong =
        |message: &'static str| Err(Error::new(ErrorKind::Invalid, "take a hint").message(message));
    if event.version > EVENT_VERSION {
        return wrong("its version is newer than this program");
    }
    if !is_id(&event.id) {
        return wrong("its id is empty, too long, or not visible ASCII");
    }
    let size = serde_json::to_vec(event)
        .map_err(|error| Error::new(ErrorKind::Internal, "encode a value").caused_by(error))?
        .len();
    if size > MAX_EVENT {
        return wrong("it is too large");
    }
    Ok(())
}
