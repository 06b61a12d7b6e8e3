//! How the keys of a store change: which ones it needs, and the sweep that makes old ones needless.
//!
//! Each key that anything may be sealed with has a *mark*, the item `sealing/<id>` of the table
//! `setting`. Whoever seals writes on the condition that the mark of its key is as it last saw it, so
//! that a mark can be taken away while others work:
//!
//! 1. The sweep changes the marks of all other keys to *retiring*. Whoever still seals with one of
//!    them is refused from here on, until it has put the mark back.
//! 2. It seals every item again that another key than the active one had sealed. Where it is, stands in
//!    the item `sealing-sweep`, together with the marks it began with.
//! 3. It deletes these marks, on the condition that they are still as it made them.
//!
//! All that a sweep writes it writes on the condition that the mark of its own key stands, as everybody
//! else does. Which key sweeps go towards says the order of the keys (see the module `order`).
//!
//! Whoever put a mark back meanwhile therefore makes the sweep begin again, instead of leaving an item
//! behind that nothing opens any more. Two sweeps at the same time do the same work twice, and no harm.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use notion_sync_core::store::{Change, Expect, Item, Table};
use notion_sync_core::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};

use super::envelope::{names, open, seal, seal_with};
use super::key::KeyId;
use super::order::ORDER;
use super::sealed::{OPENING, Reseal, Sealed};
use crate::backing::{Backing, Condition};
use crate::limits::MAX_KEYS;

/// Keys of the marks: one for each key, under its id.
const MARKS: &str = "sealing/";
/// Where a sweep is.
const SWEEP: &str = "sealing-sweep";

/// What a mark says while its key may seal.
const IN_USE: &[u8] = b"notion-sync sealing check";
/// What it says from the beginning of a sweep on.
const RETIRING: &[u8] = b"notion-sync sealing check, retiring";

/// How often a mark is looked at again when somebody else changes it at the same time.
pub(super) const TRIES: usize = 8;
/// How often `reseal_all` begins again because somebody still seals with an old key.
const ROUNDS: usize = 3;
/// Items of one step of `reseal_all`.
const STEP: usize = 1_000;

/// What one step of a sweep did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rekeyed {
    /// The items that were looked at.
    pub items: Reseal,
    /// Ids of keys that nothing is sealed with any more, and that the store no longer needs.
    pub retired: Vec<String>,
    /// Ids of keys besides the active one that the store still needs. Empty when all is done, or all
    /// that is left is the work of processes with a newer key.
    pub left: Vec<String>,
    /// Whether a sweep began with it, and not an earlier one went on. More than once until all is done
    /// means that another process still seals with an old key.
    pub begun: bool,
}

/// How a step of a sweep ended.
enum Step {
    /// It did this.
    Done(Rekeyed),
    /// The store is sealed again with this newer key.
    Elsewhere(String),
}

/// The mark of a key.
struct Mark {
    version: u64,
    in_use: bool,
}

/// Where a sweep is, and the marks it began with.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Sweep {
    marks: BTreeMap<String, u64>,
    table: String,
    after: Option<String>,
}

/// Whether an item belongs to the sealing itself.
pub(super) fn is_own(table: Table, key: &str) -> bool {
    table == Table::Setting && (key.starts_with(MARKS) || key == SWEEP || key == ORDER)
}

/// Whether a sweep seals an item again. A mark stays with the key it stands for.
pub(super) fn is_swept(table: Table, key: &str) -> bool {
    key == ORDER || !is_own(table, key)
}

/// The ids of the keys a store needs.
pub(super) async fn needed(store: &(impl Backing + ?Sized)) -> Result<Vec<String>> {
    let mut ids = Vec::new();
    let mut after = MARKS.to_owned();
    loop {
        let keys = store.keys(Table::Setting, Some(&after), MAX_KEYS).await?;
        let Some(last) = keys.last() else {
            return Ok(ids);
        };
        after = last.clone();
        for key in keys {
            match key.strip_prefix(MARKS) {
                Some(id) => ids.push(id.to_owned()),
                // Keys are sorted: nothing with the prefix follows.
                None => return Ok(ids),
            }
        }
    }
}

/// The version of a mark as this process last saw it; 0 before it looked.
#[derive(Debug, Default)]
pub(super) struct Seen(AtomicU64);

impl<B: Backing + ?Sized> Sealed<B> {
    /// The id of the key that seals.
    #[must_use]
    pub fn active_key(&self) -> KeyId {
        self.keys.active()
    }

    /// The ids of keys besides the active one that the store still needs: something may be sealed
    /// with them.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn old_keys(&self) -> Result<Vec<String>> {
        let ids = needed(&*self.store).await?;
        Ok(self.others(&ids))
    }

    fn others(&self, ids: &[String]) -> Vec<String> {
        let active = self.keys.active().to_string();
        ids.iter().filter(|id| **id != active).cloned().collect()
    }

    /// Seals again with the active key what other keys had sealed, `at_most` items (in whole hundreds) of
    /// it, and goes on where the last step ended, also that of another process. Versions and indexes
    /// stay, so work may go on meanwhile. Does nothing where the store needs no other key, nor where
    /// another key is newer here than the active one: then the processes that seal with that key do it.
    ///
    /// A process that seals with an old key meanwhile makes the sweep begin again.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Sealed`] for an item that does not open; the sweep stops there, and all keys stay
    /// required.
    pub async fn reseal_some(&self, at_most: usize) -> Result<Rekeyed> {
        match self.step(at_most).await? {
            Step::Done(done) => Ok(done),
            Step::Elsewhere(newer) => {
                tracing::info!(
                    %newer,
                    "the store is sealed again with a newer key than this process has in ENCRYPTION_KEY; to go \
                     back to this one, run `notion-sync rekey`"
                );
                Ok(Rekeyed::default())
            }
        }
    }

    async fn step(&self, at_most: usize) -> Result<Step> {
        let ids = needed(&*self.store).await?;
        let old = self.others(&ids);
        if old.is_empty() {
            return Ok(Step::Done(Rekeyed::default()));
        }
        if let Some(newer) = self.newer(&ids).await? {
            return Ok(Step::Elsewhere(newer));
        }
        // What this process writes from now on is sealed with the active key, whose mark comes first.
        let own = self.see().await?;
        let marks = self.retire(&old).await?;
        let (mut sweep, version) = self.sweep_of(marks).await?;
        let begun = sweep.after.is_none() && sweep.table == Table::ALL[0].name();
        let mut items = Reseal::default();
        while let Some(table) = table(&sweep.table) {
            let after = sweep.after.as_deref();
            let keys = self.store.keys(table, after, MAX_KEYS).await?;
            match keys.last() {
                Some(last) => sweep.after = Some(last.clone()),
                None => {
                    sweep.after = None;
                    next(table).clone_into(&mut sweep.table);
                }
            }
            match self.reseal_keys(table, &keys, own, false).await {
                Ok(done) => items += done,
                // Somebody made the active key an old one: the next step sees what is to be done.
                Err(error) if error.kind() == ErrorKind::Stale => {
                    return Ok(Step::Done(Rekeyed {
                        items,
                        retired: Vec::new(),
                        left: old,
                        begun,
                    }));
                }
                Err(error) => return Err(error),
            }
            let looked_at = items.rewritten + items.kept;
            if usize::try_from(looked_at).unwrap_or(usize::MAX) >= at_most {
                break;
            }
        }
        let ended = table(&sweep.table).is_none();
        let mut changes = if ended {
            forget(&sweep)
        } else {
            vec![self.keep(&sweep, version)?]
        };
        changes.push(self.check(own));
        let retired = match self.store.commit_frames(changes).await {
            Ok(()) if ended => old,
            Ok(()) => Vec::new(),
            // Somebody put a mark back, or another sweep was faster: the next step sees which.
            Err(error) if error.kind() == ErrorKind::Stale => Vec::new(),
            Err(error) => return Err(error),
        };
        let left = self.old_keys().await?;
        Ok(Step::Done(Rekeyed {
            items,
            retired,
            left,
            begun,
        }))
    }

    /// Makes the active key the newest one and sweeps to the end. When it returns `Ok`, the store needs
    /// the active key alone.
    ///
    /// # Errors
    ///
    /// As [`reseal_some`](Self::reseal_some); also [`ErrorKind::Stale`] when other processes keep
    /// sealing with an old key, or one makes its own key the newest. All keys stay required then.
    pub async fn reseal_all(&self) -> Result<Rekeyed> {
        let mut all = Rekeyed::default();
        let mut rounds = 0;
        if self.old_keys().await?.is_empty() {
            return Ok(all);
        }
        // The order counts keys with a mark only.
        self.see().await?;
        self.claim(true).await?;
        loop {
            let step = match self.step(STEP).await? {
                Step::Done(done) => done,
                Step::Elsewhere(newer) => {
                    return Err(Error::new(ErrorKind::Stale, "seal the store again")
                        .message(format!("another process seals it again with key {newer}"))
                        .remedy("give all processes the same ENCRYPTION_KEY, then do this again"));
                }
            };
            all.items += step.items;
            all.retired.extend(step.retired);
            all.left = step.left;
            all.begun |= step.begun;
            if all.left.is_empty() {
                return Ok(all);
            }
            rounds += usize::from(step.begun);
            if rounds > ROUNDS {
                return Err(Error::new(ErrorKind::Stale, "seal the store again")
                    .message(format!(
                        "other processes still seal with key {}",
                        all.left.join(", ")
                    ))
                    .remedy("start them again with the new ENCRYPTION_KEY, then do this again"));
            }
        }
    }

    /// The ids of the keys the store needs; all of them open with this ring.
    pub(super) async fn verify(&self) -> Result<Vec<String>> {
        let ids = needed(&*self.store).await?;
        let known: Vec<_> = self.keys.ids().iter().map(KeyId::to_string).collect();
        if let Some(missing) = ids.iter().find(|id| !known.contains(id)) {
            return Err(Error::new(ErrorKind::Sealed, OPENING)
                .message(format!(
                    "it needs key {missing}, the key ring has {}",
                    names(&self.keys)
                ))
                .remedy(
                    "set ENCRYPTION_KEY to the key the store was written with, or add it to \
                     ENCRYPTION_KEY_PREVIOUS",
                ));
        }
        for id in &ids {
            self.mark(id).await?;
        }
        Ok(ids)
    }

    /// Writes down that the active key is needed from now on, and that it is new where it is.
    pub(super) async fn announce(&self) -> Result<()> {
        if self.store.is_writable() {
            self.see().await?;
            self.claim(false).await?;
        }
        Ok(())
    }

    /// Commits sealed changes on the condition that nobody took the mark of the active key away.
    pub(super) async fn commit_marked(&self, changes: Vec<Change>) -> Result<()> {
        let seen = match self.seen.0.load(Ordering::Acquire) {
            0 => self.see().await?,
            seen => seen,
        };
        let with = |mut changes: Vec<Change>, version| {
            changes.push(self.check(version));
            changes
        };
        match self.store.commit_frames(with(changes.clone(), seen)).await {
            Err(error) if error.kind() == ErrorKind::Stale => {
                let now = self.see().await?;
                if now == seen {
                    return Err(error);
                }
                self.store.commit_frames(with(changes, now)).await
            }
            result => result,
        }
    }

    /// Sees to it that the mark of the active key is in use. Answers its version.
    pub(super) async fn see(&self) -> Result<u64> {
        let id = self.keys.active().to_string();
        for _ in 0..TRIES {
            let expect = match self.mark(&id).await? {
                Some(mark) if mark.in_use => {
                    self.seen.0.store(mark.version, Ordering::Release);
                    return Ok(mark.version);
                }
                Some(mark) => Expect::Version(mark.version),
                None => Expect::Absent,
            };
            match self.put_mark(&id, IN_USE, expect).await {
                // Another process did the same.
                Err(error) if error.kind() != ErrorKind::Stale => return Err(error),
                _ => {}
            }
        }
        Err(Error::new(ErrorKind::Stale, "seal an item")
            .message("another process keeps changing which keys are in use"))
    }

    /// That the mark of the active key has this version.
    pub(super) fn marked(&self, version: u64) -> Condition {
        Condition {
            table: Table::Setting,
            key: format!("{MARKS}{}", self.keys.active()),
            expect: Expect::Version(version),
        }
    }

    /// The same as a change of a commit.
    fn check(&self, version: u64) -> Change {
        let Condition { table, key, expect } = self.marked(version);
        Change::Check { table, key, expect }
    }

    /// Whether the mark of the active key has this version now.
    pub(super) async fn stands(&self, version: u64) -> Result<bool> {
        let mark = self.mark(&self.keys.active().to_string()).await?;
        Ok(mark.is_some_and(|mark| mark.version == version))
    }

    async fn mark(&self, id: &str) -> Result<Option<Mark>> {
        let keys = [format!("{MARKS}{id}")];
        let Some(item) = self.store.frames(Table::Setting, &keys).await?.pop() else {
            return Ok(None);
        };
        let body = open(&self.keys, Table::Setting, &item.key, &item.body)?;
        let in_use = body == IN_USE;
        if !in_use && body != RETIRING {
            return Err(Error::new(ErrorKind::Store, OPENING)
                .with("key", item.key)
                .message("the check of the key holds something else")
                .remedy("restore a backup"));
        }
        Ok(Some(Mark {
            version: item.version,
            in_use,
        }))
    }

    /// Marks are sealed with the key they stand for, so that they prove that it is this key.
    async fn put_mark(&self, id: &str, body: &[u8], expect: Expect) -> Result<()> {
        let key = format!("{MARKS}{id}");
        let with = (self.keys.ids().into_iter())
            .find(|known| known.to_string() == id)
            .unwrap_or(self.keys.active());
        let body = seal_with(&self.keys, with, Table::Setting, &key, body)?;
        let change = Change::Put {
            table: Table::Setting,
            key,
            expect,
            indexes: Vec::new(),
            body,
        };
        self.store.commit_frames(vec![change]).await
    }

    /// Marks old keys as retiring. Answers the versions of their marks.
    async fn retire(&self, old: &[String]) -> Result<BTreeMap<String, u64>> {
        let mut marks = BTreeMap::new();
        for id in old {
            for _ in 0..TRIES {
                match self.mark(id).await? {
                    Some(mark) if mark.in_use => {
                        let expect = Expect::Version(mark.version);
                        match self.put_mark(id, RETIRING, expect).await {
                            Err(error) if error.kind() != ErrorKind::Stale => return Err(error),
                            _ => {}
                        }
                    }
                    Some(mark) => {
                        marks.insert(id.clone(), mark.version);
                        break;
                    }
                    // Another sweep was at its end.
                    None => break,
                }
            }
        }
        Ok(marks)
    }

    /// The sweep that began with these marks, or a new one; and the version of what is kept of it.
    async fn sweep_of(&self, marks: BTreeMap<String, u64>) -> Result<(Sweep, Option<u64>)> {
        let fresh = |marks| Sweep {
            marks,
            table: Table::ALL[0].name().to_owned(),
            after: None,
        };
        let Some(item) = self.kept_sweep().await? else {
            return Ok((fresh(marks), None));
        };
        let version = Some(item.version);
        // Where only another key opens it, it was of another sweep.
        let kept = open(&self.keys, Table::Setting, SWEEP, &item.body)
            .ok()
            .and_then(|body| serde_json::from_slice::<Sweep>(&body).ok())
            .filter(|kept| kept.marks == marks && table(&kept.table).is_some());
        Ok((kept.unwrap_or_else(|| fresh(marks)), version))
    }

    async fn kept_sweep(&self) -> Result<Option<Item>> {
        let keys = [SWEEP.to_owned()];
        Ok(self.store.frames(Table::Setting, &keys).await?.pop())
    }

    fn keep(&self, sweep: &Sweep, version: Option<u64>) -> Result<Change> {
        let body = serde_json::to_vec(sweep).map_err(|error| {
            Error::new(ErrorKind::Internal, "keep where the sweep is").caused_by(error)
        })?;
        Ok(Change::Put {
            table: Table::Setting,
            key: SWEEP.to_owned(),
            expect: version.map_or(Expect::Absent, Expect::Version),
            indexes: Vec::new(),
            body: seal(&self.keys, Table::Setting, SWEEP, &body)?,
        })
    }
}

/// Takes the marks of a sweep away, if they are still as it made them.
fn forget(sweep: &Sweep) -> Vec<Change> {
    let delete = |key: String, expect| Change::Delete {
        table: Table::Setting,
        key,
        expect,
    };
    let marks = sweep.marks.iter();
    let mut changes: Vec<Change> = marks
        .map(|(id, version)| delete(format!("{MARKS}{id}"), Expect::Version(*version)))
        .collect();
    changes.push(delete(SWEEP.to_owned(), Expect::Any));
    changes
}

fn table(name: &str) -> Option<Table> {
    Table::ALL.into_iter().find(|table| table.name() == name)
}

/// The name of the table after one; nothing after the last.
fn next(table: Table) -> &'static str {
    let place = Table::ALL.iter().position(|one| *one == table);
    place
        .and_then(|place| Table::ALL.get(place + 1))
        .map_or("", |table| table.name())
}
