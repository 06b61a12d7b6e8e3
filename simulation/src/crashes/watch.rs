//! What stands between the engine and the world to see every moment of every operation, and to let the
//! process die at one of them.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use notion_sync_core::Result;
use notion_sync_core::http::{HttpSend, Request, Response, SendError};
use notion_sync_core::id::{OpId, Side};
use notion_sync_core::operation::{OpState, Operation};
use notion_sync_core::remote::{Remote, Write};
use notion_sync_core::store::{Change, Hit, Item, Query, Store, Table};
use notion_sync_examples::demo::Between;
use notion_sync_testkit::simulation::{OnWrite, Overheard};

use super::kind::Kind;
use super::step::Step;
use crate::scenario::{Seam, lock};

/// Which operation of a world: its kind, and how many of that kind were planned before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Nth {
    /// Its kind.
    pub(crate) kind: Kind,
    /// How many came before it.
    pub(crate) before: u32,
}

/// Where the process dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    /// At a moment of an operation.
    At {
        /// Which operation.
        op: Nth,
        /// Which moment.
        step: Step,
        /// For moments of a request that changes something: which of them, from 0.
        request: u32,
    },
    /// So many moments of whatever operations after the death before.
    Later(u32),
}

/// What was seen of an operation.
#[derive(Debug, Clone, Default)]
pub(crate) struct Life {
    /// The moments that were reached. Those of requests are told by their number alone.
    pub(crate) steps: Vec<Step>,
    /// How many requests that change something one attempt took, at most.
    pub(crate) requests: u32,
}

/// What is known of an operation.
#[derive(Debug, Clone)]
struct Known {
    op: Nth,
    state: OpState,
    /// The life of the process in which it was last sent.
    sent_in: Option<u64>,
}

/// A write that is on its way.
#[derive(Debug)]
struct Current {
    life: u64,
    side: Side,
    ops: Vec<OpId>,
    requests: u32,
}

#[derive(Debug, Default)]
struct Seen {
    known: BTreeMap<OpId, Known>,
    counts: BTreeMap<Kind, u32>,
    current: Option<Current>,
    lives: BTreeMap<Nth, Life>,
    targets: VecDeque<Target>,
    moments: u32,
    at_rest: bool,
}

/// Sees everything.
#[derive(Debug)]
pub(crate) struct Watch {
    seam: Arc<Seam>,
    seen: Mutex<Seen>,
}

/// An operation that a commit moves on.
struct Moved {
    id: OpId,
    op: Nth,
    state: OpState,
    before: Option<Step>,
    after: Option<Step>,
}

/// The operations in changes.
fn operations(changes: &[Change]) -> Vec<Operation> {
    let mut out = Vec::new();
    for change in changes {
        let Change::Put {
            table: Table::Operation,
            key,
            body,
            ..
        } = change
        else {
            continue;
        };
        let whole = match body.split_first() {
            Some((0, rest)) => rest.to_vec(),
            _ => chunks(changes, key),
        };
        out.extend(serde_json::from_slice(&whole));
    }
    out
}

/// A value that was too long for its item, put together again.
fn chunks(changes: &[Change], of: &str) -> Vec<u8> {
    let prefix = format!("chunk:{}:{of}:", Table::Operation.name());
    let mut parts = BTreeMap::new();
    for change in changes {
        if let Change::Put {
            table: Table::Content,
            key,
            body,
            ..
        } = change
            && let Some(Ok(number)) = key.strip_prefix(&prefix).map(str::parse::<usize>)
        {
            parts.insert(number, body.clone());
        }
    }
    parts.into_values().flatten().collect()
}

impl Watch {
    /// Watches what passes a seam, and lets the process die at these moments, one after the other.
    pub(crate) fn new(seam: Arc<Seam>, targets: &[Target]) -> Arc<Self> {
        let seen = Seen {
            targets: targets.iter().copied().collect(),
            ..Seen::default()
        };
        Arc::new(Self {
            seam,
            seen: Mutex::new(seen),
        })
    }

    /// How many of its deaths the process did not die.
    pub(crate) fn left(&self) -> usize {
        lock(&self.seen).targets.len()
    }

    /// Nothing dies any more.
    pub(crate) fn rest(&self) {
        lock(&self.seen).at_rest = true;
    }

    /// What was seen of every operation.
    pub(crate) fn lives(&self) -> BTreeMap<Nth, Life> {
        lock(&self.seen).lives.clone()
    }

    /// A moment of an operation passes: whether the process dies.
    fn passes(&self, op: Nth, step: Step, request: u32) -> bool {
        let mut seen = lock(&self.seen);
        let life = seen.lives.entry(op).or_default();
        if !life.steps.contains(&step) {
            life.steps.push(step);
        }
        seen.moments += 1;
        if seen.at_rest {
            return false;
        }
        let dies = match seen.targets.front() {
            Some(Target::At {
                op: wanted,
                step: at,
                request: number,
            }) => *wanted == op && *at == step && *number == request,
            Some(Target::Later(moments)) => seen.moments > *moments,
            None => false,
        };
        if dies {
            seen.targets.pop_front();
            seen.moments = 0;
        }
        dies
    }

    async fn pass(&self, op: Nth, step: Step, request: u32) {
        if self.passes(op, step, request) {
            let what = format!(
                "when {} number {} is {}",
                op.kind,
                op.before + 1,
                step.name()
            );
            self.seam.die("crashed at a step", &what).await;
        }
    }

    /// Which operations a commit moves on.
    fn moved(&self, changes: &[Change]) -> Vec<Moved> {
        let life = self.seam.life();
        let seen = lock(&self.seen);
        let mut fresh: BTreeMap<Kind, u32> = BTreeMap::new();
        let mut out = Vec::new();
        for operation in operations(changes) {
            let known = seen.known.get(&operation.id);
            let op = known.map_or_else(
                || {
                    let kind = Kind::of(&operation);
                    let counted = seen.counts.get(&kind).copied().unwrap_or_default();
                    let fresh = fresh.entry(kind).or_default();
                    *fresh += 1;
                    Nth {
                        kind,
                        before: counted + *fresh - 1,
                    }
                },
                |known| known.op,
            );
            let in_this_life = known.is_some_and(|known| known.sent_in == Some(life));
            let was = known.map(|known| known.state);
            let (before, after) = match (was, operation.state) {
                (None, OpState::Planned) => (Some(Step::Unplanned), Some(Step::Planned)),
                (Some(state), OpState::Sending) if state != OpState::Sending => {
                    (Some(Step::Ready), Some(Step::Intended))
                }
                (Some(OpState::Sending), OpState::Unknown) if !in_this_life => {
                    (None, Some(Step::Recovered))
                }
                (Some(OpState::Sending), OpState::Done) if in_this_life => {
                    (Some(Step::Answered), Some(Step::Stored))
                }
                (Some(OpState::Unknown), state) if state != OpState::Unknown => {
                    (Some(Step::Looked), Some(Step::Resolved))
                }
                _ => (None, None),
            };
            out.push(Moved {
                id: operation.id,
                op,
                state: operation.state,
                before,
                after,
            });
        }
        out
    }

    fn learn(&self, moved: &[Moved]) {
        let life = self.seam.life();
        let mut seen = lock(&self.seen);
        for one in moved {
            if !seen.known.contains_key(&one.id) {
                *seen.counts.entry(one.op.kind).or_default() += 1;
            }
            let sent_in = match one.state {
                OpState::Sending => Some(life),
                _ => seen.known.get(&one.id).and_then(|known| known.sent_in),
            };
            let known = Known {
                op: one.op,
                state: one.state,
                sent_in,
            };
            seen.known.insert(one.id.clone(), known);
        }
    }

    /// Which operations a request that changes something belongs to, and its number.
    fn request(&self, side: Side) -> (Vec<Nth>, u32) {
        let life = self.seam.life();
        let mut seen = lock(&self.seen);
        let Some(current) = &mut seen.current else {
            return (Vec::new(), 0);
        };
        if current.life != life || current.side != side {
            return (Vec::new(), 0);
        }
        let number = current.requests;
        current.requests += 1;
        let ids = current.ops.clone();
        let ops: Vec<Nth> = ids
            .iter()
            .filter_map(|id| Some(seen.known.get(id)?.op))
            .collect();
        for op in &ops {
            let life = seen.lives.entry(*op).or_default();
            life.requests = life.requests.max(number + 1);
        }
        (ops, number)
    }
}

/// A store that is watched.
#[derive(Debug)]
pub(crate) struct WatchedStore {
    pub(crate) inner: Arc<dyn Store>,
    pub(crate) watch: Arc<Watch>,
}

#[async_trait]
impl Store for WatchedStore {
    async fn get(&self, table: Table, key: &str) -> Result<Option<Item>> {
        self.inner.get(table, key).await
    }

    async fn get_many(&self, table: Table, keys: &[String]) -> Result<Vec<Item>> {
        self.inner.get_many(table, keys).await
    }

    async fn query(&self, query: Query<'_>) -> Result<Vec<Hit>> {
        self.inner.query(query).await
    }

    async fn commit(&self, changes: Vec<Change>) -> Result<()> {
        let moved = self.watch.moved(&changes);
        for one in &moved {
            if let Some(step) = one.before {
                self.watch.pass(one.op, step, 0).await;
            }
        }
        self.inner.commit(changes).await?;
        self.watch.learn(&moved);
        for one in &moved {
            if let Some(step) = one.after {
                self.watch.pass(one.op, step, 0).await;
                // What is found after a death before the effect has a column of its own.
                if step == Step::Resolved {
                    self.watch.pass(one.op, Step::Missed, 0).await;
                }
            }
        }
        Ok(())
    }
}

/// What stands between, watched.
#[derive(Debug)]
pub(crate) struct Watched {
    pub(crate) inner: Arc<dyn Between>,
    pub(crate) watch: Arc<Watch>,
}

impl Between for Watched {
    fn way(&self, side: Side, inner: Arc<dyn HttpSend>) -> Arc<dyn HttpSend> {
        Arc::new(WatchedWay {
            side,
            inner: self.inner.way(side, inner),
            watch: self.watch.clone(),
        })
    }

    fn remote(&self, side: Side, inner: Arc<dyn Remote>) -> Arc<dyn Remote> {
        let inner = self.inner.remote(side, inner);
        Arc::new(Overheard::new(inner, self.watch.clone()))
    }
}

/// A way that is watched.
#[derive(Debug)]
struct WatchedWay {
    side: Side,
    inner: Arc<dyn HttpSend>,
    watch: Arc<Watch>,
}

#[async_trait]
impl HttpSend for WatchedWay {
    async fn send(&self, request: Request) -> Result<Response, SendError> {
        let watch = &self.watch;
        if !watch.seam.changes(self.side, &request) {
            return self.inner.send(request).await;
        }
        let (ops, number) = watch.request(self.side);
        for op in &ops {
            watch.pass(*op, Step::Sent, number).await;
        }
        let answer = self.inner.send(request).await;
        for op in &ops {
            watch.pass(*op, Step::Part, number).await;
            watch.pass(*op, Step::Applied, number).await;
        }
        answer
    }
}

impl OnWrite for Watch {
    fn begins(&self, side: Side, batch: &[Write]) {
        let current = Current {
            life: self.seam.life(),
            side,
            ops: batch.iter().map(|write| write.op.clone()).collect(),
            requests: 0,
        };
        lock(&self.seen).current = Some(current);
    }

    fn ends(&self) {
        lock(&self.seen).current = None;
    }
}
