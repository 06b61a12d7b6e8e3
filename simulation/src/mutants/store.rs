//! A store that breaks one rule.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use chrono::{DateTime, Duration, Utc};
use notion_sync_core::Result;
use notion_sync_core::bounds::Bounds;
use notion_sync_core::store::{Change, Expect, Hit, IndexEntry, Item, Query, Store, Table};
use serde_json::Value;

use super::Mutant;
use crate::scenario::{Seam, lock};

/// A write that is on its way although nothing durable says so.
#[derive(Debug)]
struct Forgotten {
    key: String,
    before: Vec<u8>,
    indexes: Vec<IndexEntry>,
}

/// The intents that would be lost if the process died now.
#[derive(Debug, Default)]
struct Volatile {
    intents: Vec<Forgotten>,
    life: u64,
}

/// A store with a mutant around it.
#[derive(Debug)]
pub(crate) struct MutantStore {
    inner: Arc<dyn Store>,
    mutant: Mutant,
    seam: Arc<Seam>,
    volatile: Mutex<Volatile>,
}

/// The value in a body that holds a whole one.
fn value(body: &[u8]) -> Option<Value> {
    match body.split_first() {
        Some((0, rest)) => serde_json::from_slice(rest).ok(),
        _ => None,
    }
}

fn body(value: &Value) -> Vec<u8> {
    let mut body = vec![0];
    body.extend(value.to_string().into_bytes());
    body
}

fn says(value: &Value, key: &str, what: &str) -> bool {
    value.get(key).and_then(Value::as_str) == Some(what)
}

impl MutantStore {
    /// Puts a mutant around a store.
    pub(crate) fn new(inner: Arc<dyn Store>, mutant: Mutant, seam: Arc<Seam>) -> Self {
        Self {
            inner,
            mutant,
            seam,
            volatile: Mutex::default(),
        }
    }

    /// What becomes of a change; `None` where it is left out.
    fn change(&self, mut change: Change) -> Option<Change> {
        if self.mutant == Mutant::ClaimsDropped {
            let claim = matches!(
                &change,
                Change::Put { table, .. } | Change::Delete { table, .. } if *table == Table::Claim
            );
            if claim {
                self.seam.count(STRUCK);
            }
            return (!claim).then_some(change);
        }
        if self.mutant == Mutant::NoFence
            && let Change::Check {
                table: Table::Lease,
                key,
                ..
            } = &change
            && key.starts_with("fence:")
        {
            self.seam.count(STRUCK);
            return None;
        }
        let Change::Put {
            table,
            indexes,
            body: bytes,
            ..
        } = &mut change
        else {
            return Some(change);
        };
        let Some(mut whole) = value(bytes) else {
            return Some(change);
        };
        let row = whole.get("row");
        match (self.mutant, *table) {
            (Mutant::LosersDropped, Table::Audit)
                if row.is_some_and(|row| says(row, "event", "loser")) =>
            {
                self.seam.count(STRUCK);
                return None;
            }
            (Mutant::AppliedDropped, Table::Audit)
                if row.is_some_and(|row| says(row, "event", "applied")) =>
            {
                self.seam.count(STRUCK);
                return None;
            }
            (Mutant::SecondLookForgotten, Table::Record) => {
                let before = indexes.len();
                indexes.retain(|index| index.name != "record-look");
                if indexes.len() < before {
                    self.seam.count(STRUCK);
                }
            }
            (Mutant::ConflictsDropped, Table::Record) => {
                let conflicts = whole.get_mut("conflicts").and_then(Value::as_object_mut);
                if let Some(conflicts) = conflicts.filter(|conflicts| !conflicts.is_empty()) {
                    conflicts.clear();
                    indexes.retain(|index| index.name != "record-conflict");
                    *bytes = body(&whole);
                    self.seam.count(STRUCK);
                }
            }
            (Mutant::StopApproved, Table::Mapping) => {
                let stopped = whole.get("guarded").cloned().unwrap_or_default();
                if !stopped.is_null() && whole.get("approved") != Some(&stopped) {
                    whole["approved"] = stopped;
                    *bytes = body(&whole);
                    self.seam.count(STRUCK);
                }
            }
            (Mutant::QuietIgnored, Table::Operation) if says(&whole, "state", "unknown") => {
                self.wait_until(&mut whole, bytes, Duration::zero());
            }
            (Mutant::QuietWithoutVisibility, Table::Operation)
                if says(&whole, "state", "unknown") && says(&whole, "kind", "unnamed_create") =>
            {
                self.wait_until(&mut whole, bytes, Bounds::default().quiet_after_set());
            }
            _ => {}
        }
        Some(change)
    }

    /// Lets an operation wait only so long after its intent.
    fn wait_until(&self, operation: &mut Value, bytes: &mut Vec<u8>, wait: Duration) {
        let time = |operation: &Value, key: &str| -> Option<DateTime<Utc>> {
            operation.get(key)?.as_str()?.parse().ok()
        };
        let Some(at) = time(operation, "intent_at").map(|at| at + wait) else {
            return;
        };
        if time(operation, "not_before").is_some_and(|before| before > at) {
            operation["not_before"] = Value::String(at.to_rfc3339());
            *bytes = body(operation);
            self.seam.count(STRUCK);
        }
    }

    /// Another process begins: what only the memory of the last one knew is lost.
    async fn forget(&self) -> Result<()> {
        if self.mutant != Mutant::IntentAfterSend {
            return Ok(());
        }
        let lost: Vec<Change> = {
            let volatile = lock(&self.volatile);
            if volatile.life == self.seam.life() {
                return Ok(());
            }
            let intents = volatile.intents.iter();
            intents
                .map(|intent| Change::Put {
                    table: Table::Operation,
                    key: intent.key.clone(),
                    expect: Expect::Any,
                    indexes: intent.indexes.clone(),
                    body: intent.before.clone(),
                })
                .collect()
        };
        if !lost.is_empty() {
            self.seam.count(STRUCK);
            self.inner.commit(lost).await?;
        }
        let mut volatile = lock(&self.volatile);
        volatile.intents.clear();
        volatile.life = self.seam.life();
        Ok(())
    }

    /// Remembers what stood there before the intents in these changes.
    async fn intents(&self, changes: &[Change]) -> Result<Vec<Forgotten>> {
        let mut out = Vec::new();
        for change in changes {
            if let Change::Put {
                table: Table::Operation,
                key,
                indexes,
                body,
                ..
            } = change
                && value(body).is_some_and(|op| says(&op, "state", "sending"))
                && let Some(before) = self.inner.get(Table::Operation, key).await?
            {
                out.push(Forgotten {
                    key: key.clone(),
                    before: before.body,
                    indexes: indexes.clone(),
                });
            }
        }
        Ok(out)
    }
}

/// Counts how often a mutant did something.
pub(super) const STRUCK: &str = "mutant struck";

#[async_trait]
impl Store for MutantStore {
    async fn get(&self, table: Table, key: &str) -> Result<Option<Item>> {
        self.forget().await?;
        self.inner.get(table, key).await
    }

    async fn get_many(&self, table: Table, keys: &[String]) -> Result<Vec<Item>> {
        self.forget().await?;
        self.inner.get_many(table, keys).await
    }

    async fn query(&self, query: Query<'_>) -> Result<Vec<Hit>> {
        self.forget().await?;
        self.inner.query(query).await
    }

    async fn commit(&self, changes: Vec<Change>) -> Result<()> {
        self.forget().await?;
        let changes: Vec<Change> = changes
            .into_iter()
            .filter_map(|change| self.change(change))
            .collect();
        match self.mutant {
            Mutant::IntentAfterSend => {
                let intents = self.intents(&changes).await?;
                self.inner.commit(changes).await?;
                lock(&self.volatile).intents = intents;
                Ok(())
            }
            Mutant::OutcomeTorn => {
                let of_operation = |change: &Change| {
                    matches!(
                        change,
                        Change::Put { table, .. }
                            if matches!(table, Table::Operation | Table::Attempt)
                    )
                };
                let (first, rest): (Vec<_>, Vec<_>) =
                    changes.into_iter().partition(|change| of_operation(change));
                if !first.is_empty() {
                    self.inner.commit(first).await?;
                }
                if rest.is_empty() {
                    return Ok(());
                }
                self.seam.count(STRUCK);
                self.inner.commit(rest).await
            }
            _ => self.inner.commit(changes).await,
        }
    }
}
