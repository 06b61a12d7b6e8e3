//! Who works on a mapping: leases, and the fence that keeps a worker out whose lease was taken over.
//!
//! A mapping is worked on by one worker at a time, under a lease in the store. Every commit made
//! under it carries a condition on the *fence*, an item that changes exactly when the lease goes to
//! somebody else: a worker that slept through its lease can store nothing any more. Before every
//! request the lease is renewed when it is older than a heartbeat, and a worker that finds it taken
//! sends nothing any more. What it may have sent before that, the next one waits out: it learns up
//! to when the last one could have sent.
//!
//! Times of different machines are compared here: clocks of the workers on one store must agree
//! within the lease less the heartbeat (30 s by default). The fence holds however far they differ.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use chrono::{DateTime, Duration, Utc};
use serde::{Deserialize, Serialize};

use crate::bounds::Bounds;
use crate::clock::Clock;
use crate::error::{Error, ErrorKind, Result};
use crate::http::{HttpSend, Request, Response, SendError};
use crate::id::MappingId;
use crate::state::stamp;
use crate::store::{Change, Expect, Hit, IndexEntry, Item, Query, Store, Table};

/// Index of the workers that are alive, sorted by until when.
const ALIVE: &str = "worker-alive";
/// Its only key.
const EVERYBODY: &str = "all";

/// Whether others may work on the same store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Company {
    /// Nobody else does, which something outside makes sure of (a file lock, a concurrency group):
    /// a lease that is not over was left by a worker that is gone, and is taken at once.
    Alone,
    /// Others may: a lease that is not over is respected, and given back after each look.
    Others,
}

/// A lease as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Lease {
    owner: String,
    /// How often it changed hands.
    epoch: u64,
    /// Nothing is sent under it from then on, unless it was renewed.
    until: DateTime<Utc>,
}

/// A lease of this worker.
#[derive(Debug, Clone)]
struct Held {
    lease: Lease,
    version: u64,
    fence: u64,
    renewed_at: DateTime<Utc>,
    lost: bool,
}

#[derive(Debug, Default)]
struct Hands {
    held: BTreeMap<String, Held>,
    /// What is worked on now.
    current: Option<String>,
    /// When this worker last said that it is alive.
    alive: Option<DateTime<Utc>>,
}

/// What is known of whoever had a lease before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Taken {
    /// Up to when it may have sent something; `None` where that was this very worker.
    pub(crate) sent_until: Option<DateTime<Utc>>,
    /// Whether somebody else had it, or nobody.
    pub(crate) over: bool,
}

/// What asking for a lease ends with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Asked {
    /// It is ours.
    Granted(Taken),
    /// Somebody else has it.
    Elsewhere {
        /// Its name.
        owner: String,
        /// Until when, unless it goes on.
        until: DateTime<Utc>,
    },
}

/// One of those that work on a store.
pub struct Worker {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    name: String,
    company: Company,
    hands: Mutex<Hands>,
    /// Held while a lease is renewed.
    renewing: futures::lock::Mutex<()>,
    bounds: Mutex<Bounds>,
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker")
            .field("name", &self.name)
            .field("company", &self.company)
            .finish_non_exhaustive()
    }
}

impl Worker {
    /// A worker. Names differ between those who work on one store at the same time, also between a
    /// process and its successor.
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        name: impl Into<String>,
        company: Company,
    ) -> Self {
        Self {
            store,
            clock,
            name: name.into(),
            company,
            hands: Mutex::default(),
            renewing: futures::lock::Mutex::default(),
            bounds: Mutex::default(),
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it expects others.
    #[must_use]
    pub fn company(&self) -> Company {
        self.company
    }

    pub(crate) fn set_bounds(&self, bounds: &Bounds) {
        *self.bounds.lock().unwrap_or_else(PoisonError::into_inner) = bounds.clone();
    }

    /// The network for what is done under a lease: each request renews it when that is due, and is
    /// not sent once it is lost. Outside of a lease requests go through.
    #[must_use]
    pub fn guard(self: &Arc<Self>, inner: Arc<dyn HttpSend>) -> Arc<dyn HttpSend> {
        Arc::new(Guarded {
            inner,
            worker: Arc::clone(self),
        })
    }

    /// The store for what is done under a lease.
    pub(crate) fn fenced(self: &Arc<Self>) -> Arc<dyn Store> {
        Arc::new(Fenced {
            worker: Arc::clone(self),
        })
    }

    fn hands(&self) -> MutexGuard<'_, Hands> {
        self.hands.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn times(&self) -> (Duration, Duration) {
        let bounds = self.bounds.lock().unwrap_or_else(PoisonError::into_inner);
        let seconds = |n: u32| Duration::seconds(i64::from(n));
        (seconds(bounds.lease), seconds(bounds.heartbeat))
    }

    /// Asks for the lease of a mapping, and works under it until [`release`](Self::release).
    pub(crate) async fn acquire(&self, mapping: &MappingId) -> Result<Asked> {
        let scope = mapping.as_str().to_owned();
        let had = self.hands().held.get(&scope).cloned();
        if let Some(held) = had
            && !held.lost
        {
            self.hands().current = Some(scope.clone());
            match self.keep().await {
                Ok(()) => {
                    return Ok(Asked::Granted(Taken {
                        sent_until: None,
                        over: false,
                    }));
                }
                Err(error) if error.kind() == ErrorKind::Stale => self.hands().current = None,
                Err(error) => {
                    self.hands().current = None;
                    return Err(error);
                }
            }
        }
        self.hands().held.remove(&scope);
        let now = self.clock.now();
        let (lease, version) = match self.store.get(Table::Lease, &lease_key(&scope)).await? {
            Some(item) => (Some(read(&item)?), Expect::Version(item.version)),
            None => (None, Expect::Absent),
        };
        if let Some(lease) = &lease
            && self.company == Company::Others
            && lease.owner != self.name
            && lease.until > now
        {
            return Ok(Asked::Elsewhere {
                owner: lease.owner.clone(),
                until: lease.until,
            });
        }
        let fence = self.store.get(Table::Lease, &fence_key(&scope)).await?;
        let fence = match fence {
            Some(item) => Expect::Version(item.version),
            None => Expect::Absent,
        };
        let (ttl, _) = self.times();
        let next = Lease {
            owner: self.name.clone(),
            epoch: lease.as_ref().map_or(1, |lease| lease.epoch + 1),
            until: now + ttl,
        };
        let commit = self.store.commit(vec![
            lease_change(&scope, &next, version)?,
            Change::Put {
                table: Table::Lease,
                key: fence_key(&scope),
                expect: fence,
                indexes: Vec::new(),
                body: next.token().into_bytes(),
            },
        ]);
        match commit.await {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::Stale => {
                // Somebody was faster by a moment.
                return Ok(Asked::Elsewhere {
                    owner: "another worker".to_owned(),
                    until: now + ttl,
                });
            }
            Err(error) => return Err(error),
        }
        let (Some(version), Some(fence)) = self.versions(&scope, &next).await? else {
            return Ok(Asked::Elsewhere {
                owner: "another worker".to_owned(),
                until: now + ttl,
            });
        };
        let mut hands = self.hands();
        hands.held.insert(
            scope.clone(),
            Held {
                lease: next,
                version,
                fence,
                renewed_at: now,
                lost: false,
            },
        );
        hands.current = Some(scope);
        Ok(Asked::Granted(Taken {
            sent_until: Some(lease.as_ref().map_or(now, |lease| lease.until.min(now))),
            over: lease.is_none_or(|lease| lease.owner != self.name),
        }))
    }

    /// Ends the work on the current mapping. Among others the lease is given back. Says whether it
    /// was lost meanwhile.
    pub(crate) async fn release(&self) -> Result<bool> {
        let Some((scope, held)) = self.current() else {
            return Ok(false);
        };
        {
            let mut hands = self.hands();
            hands.current = None;
            if held.lost || self.company == Company::Others {
                hands.held.remove(&scope);
            }
        }
        if held.lost || self.company == Company::Alone {
            return Ok(held.lost);
        }
        let (mut lease, mut version) = (held.lease, held.version);
        loop {
            let over = Lease {
                until: self.clock.now().min(lease.until),
                ..lease.clone()
            };
            let change = lease_change(&scope, &over, Expect::Version(version))?;
            match self.store.commit(vec![change]).await {
                Ok(()) => return Ok(false),
                Err(error) if error.kind() == ErrorKind::Stale => {
                    match self.stored_anew(&scope, &lease, version).await? {
                        Some(stored) => (lease, version) = stored,
                        None => return Ok(true),
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Makes sure that the current lease is ours, and renews it when that is due. Without one there
    /// is nothing to do.
    pub(crate) async fn keep(&self) -> Result<()> {
        if self.to_renew()?.is_none() {
            return Ok(());
        }
        // One renews for all that go on at the same time; whoever waited finds it done.
        let _renewing = self.renewing.lock().await;
        while let Some((scope, held)) = self.to_renew()? {
            let now = self.clock.now();
            let (ttl, heartbeat) = self.times();
            let next = Lease {
                until: now + ttl,
                ..held.lease.clone()
            };
            let change = lease_change(&scope, &next, Expect::Version(held.version))?;
            match self.store.commit(vec![change]).await {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::Stale => {
                    let stored = self.stored_anew(&scope, &held.lease, held.version).await?;
                    let Some((lease, version)) = stored else {
                        self.lose(&scope);
                        return Err(lost(&scope));
                    };
                    self.renewed(&scope, lease, version);
                    continue;
                }
                // The store may be busy. What is left of the lease is ours, whatever becomes of this.
                Err(_) if now < held.lease.until - heartbeat => return Ok(()),
                Err(error) => return Err(error),
            }
            let (Some(version), Some(_)) = self.versions(&scope, &next).await? else {
                self.lose(&scope);
                return Err(lost(&scope));
            };
            self.renewed(&scope, next, version);
        }
        Ok(())
    }

    /// The current lease where a renewal is due.
    fn to_renew(&self) -> Result<Option<(String, Held)>> {
        let Some((scope, held)) = self.current() else {
            return Ok(None);
        };
        if held.lost {
            return Err(lost(&scope));
        }
        let (_, heartbeat) = self.times();
        let due = self.clock.now() >= held.renewed_at + heartbeat;
        Ok(due.then_some((scope, held)))
    }

    /// A lease as it is stored by now, where it is still this one: a renewal was carried out and nobody
    /// waited for its end.
    async fn stored_anew(
        &self,
        scope: &str,
        lease: &Lease,
        version: u64,
    ) -> Result<Option<(Lease, u64)>> {
        let Some(item) = self.store.get(Table::Lease, &lease_key(scope)).await? else {
            return Ok(None);
        };
        let stored = read(&item)?;
        let same = (&stored.owner, stored.epoch) == (&lease.owner, lease.epoch);
        Ok((same && item.version > version).then_some((stored, item.version)))
    }

    fn renewed(&self, scope: &str, lease: Lease, version: u64) {
        let (ttl, _) = self.times();
        if let Some(held) = self.hands().held.get_mut(scope) {
            held.renewed_at = lease.until - ttl;
            held.lease = lease;
            held.version = version;
        }
    }

    /// Says that this worker is alive, and counts all that are, this one included.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn count_alive(&self) -> Result<usize> {
        let (ttl, heartbeat) = self.times();
        let now = self.clock.now();
        let said = self.hands().alive;
        if said.is_none_or(|at| now >= at + heartbeat) {
            let mut changes = vec![Change::Put {
                table: Table::Lease,
                key: worker_key(&self.name),
                expect: Expect::Any,
                indexes: vec![IndexEntry {
                    name: ALIVE,
                    key: EVERYBODY.to_owned(),
                    sort: stamp(now + ttl),
                }],
                body: Vec::new(),
            }];
            // Names are used once: what others left behind goes in time.
            let long_gone = stamp(now - Duration::hours(1));
            let own = worker_key(&self.name);
            let left = self.workers(None, 50).await?;
            changes.extend(
                left.into_iter()
                    .take_while(|hit| hit.sort < long_gone)
                    .filter(|hit| hit.key != own)
                    .map(|hit| Change::Delete {
                        table: Table::Lease,
                        key: hit.key,
                        expect: Expect::Any,
                    }),
            );
            self.store.commit(changes).await?;
            self.hands().alive = Some(now);
        }
        let alive = self.workers(Some(&stamp(now)), 1_000).await?;
        Ok(alive.len().max(1))
    }

    async fn workers(&self, after: Option<&str>, limit: usize) -> Result<Vec<Hit>> {
        let query = self.store.query(Query {
            table: Table::Lease,
            name: ALIVE,
            key: EVERYBODY,
            after: after.map(|sort| (sort, "")),
            limit,
        });
        query.await
    }

    fn current(&self) -> Option<(String, Held)> {
        let hands = self.hands();
        let scope = hands.current.clone()?;
        let held = hands.held.get(&scope)?.clone();
        Some((scope, held))
    }

    fn lose(&self, scope: &str) {
        if let Some(held) = self.hands().held.get_mut(scope) {
            held.lost = true;
        }
    }

    /// The versions of lease and fence, where they are still those of this lease.
    async fn versions(&self, scope: &str, lease: &Lease) -> Result<(Option<u64>, Option<u64>)> {
        let stored = self.store.get(Table::Lease, &lease_key(scope)).await?;
        let fence = self.store.get(Table::Lease, &fence_key(scope)).await?;
        let version = match stored {
            Some(item) if read(&item)? == *lease => Some(item.version),
            _ => None,
        };
        let token = lease.token().into_bytes();
        let fence = fence.filter(|item| item.body == token);
        Ok((version, fence.map(|item| item.version)))
    }

    /// The condition of every commit under the current lease.
    async fn condition(&self) -> Result<Option<Change>> {
        self.keep().await?;
        Ok(self.current().map(|(scope, held)| Change::Check {
            table: Table::Lease,
            key: fence_key(&scope),
            expect: Expect::Version(held.fence),
        }))
    }

    /// What a commit that was refused means: the fence, or something else.
    async fn refused(&self, error: Error) -> Error {
        let Some((scope, held)) = self.current() else {
            return error;
        };
        match self.store.get(Table::Lease, &fence_key(&scope)).await {
            Ok(item) if item.as_ref().map(|item| item.version) != Some(held.fence) => {
                self.lose(&scope);
                lost(&scope)
            }
            Ok(_) | Err(_) => error,
        }
    }
}

impl Lease {
    /// What the fence holds while this lease is in force.
    fn token(&self) -> String {
        format!("{}#{}", self.owner, self.epoch)
    }
}

fn lease_key(scope: &str) -> String {
    format!("lease:{scope}")
}

fn fence_key(scope: &str) -> String {
    format!("fence:{scope}")
}

fn worker_key(name: &str) -> String {
    format!("worker:{name}")
}

fn read(item: &Item) -> Result<Lease> {
    serde_json::from_slice(&item.body).map_err(|error| {
        Error::new(ErrorKind::Store, "read a lease")
            .with("key", &item.key)
            .message(error.to_string())
    })
}

fn lease_change(scope: &str, lease: &Lease, expect: Expect) -> Result<Change> {
    let body = serde_json::to_vec(lease)
        .map_err(|error| Error::new(ErrorKind::Internal, "encode a lease").caused_by(error))?;
    Ok(Change::Put {
        table: Table::Lease,
        key: lease_key(scope),
        expect,
        indexes: Vec::new(),
        body,
    })
}

fn lost(scope: &str) -> Error {
    Error::new(ErrorKind::Stale, "work under a lease")
        .with("mapping", scope)
        .message("another worker has taken the mapping over")
}

/// The network under a lease.
#[derive(Debug)]
struct Guarded {
    inner: Arc<dyn HttpSend>,
    worker: Arc<Worker>,
}

#[async_trait]
impl HttpSend for Guarded {
    async fn send(&self, request: Request) -> std::result::Result<Response, SendError> {
        let kept = self.worker.keep().await;
        kept.map_err(|error| SendError::HeldBack(error.to_string()))?;
        self.inner.send(request).await
    }
}

/// The store under a lease: commits hold only while the fence stands where it stood.
#[derive(Debug)]
struct Fenced {
    worker: Arc<Worker>,
}

#[async_trait]
impl Store for Fenced {
    async fn get(&self, table: Table, key: &str) -> Result<Option<Item>> {
        self.worker.store.get(table, key).await
    }

    async fn get_many(&self, table: Table, keys: &[String]) -> Result<Vec<Item>> {
        self.worker.store.get_many(table, keys).await
    }

    async fn query(&self, query: Query<'_>) -> Result<Vec<Hit>> {
        self.worker.store.query(query).await
    }

    async fn commit(&self, mut changes: Vec<Change>) -> Result<()> {
        changes.extend(self.worker.condition().await?);
        match self.worker.store.commit(changes).await {
            Err(error) if error.kind() == ErrorKind::Stale => Err(self.worker.refused(error).await),
            other => other,
        }
    }
}

#[cfg(test)]
mod tests;
