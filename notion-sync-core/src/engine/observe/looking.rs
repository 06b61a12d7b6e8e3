//! What the listings of both sides showed.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Duration, Utc};

use crate::engine::{Binding, Engine};
use crate::error::Result;
use crate::hash::ContentHash;
use crate::id::{RecordId, RemoteRef, Side};
use crate::mapping::MappingKind;
use crate::record::{Begun, Record};
use crate::remote::{Cursor, Listing};
use crate::snapshot::{Content, Proof, Snapshot};
use crate::state::{Batch, MappingState, RecordState};

/// Two listings, by object.
#[derive(Debug, Default)]
pub(in crate::engine) struct Looking {
    pub(in crate::engine) items: BTreeMap<(Side, RemoteRef), Snapshot>,
    pub(in crate::engine) gone: BTreeMap<RemoteRef, Proof>,
    pub(in crate::engine) renamed: BTreeMap<RemoteRef, RemoteRef>,
    /// Objects that came after the cursor and are not there any more, as far as the listing goes.
    vanished: BTreeMap<RemoteRef, Proof>,
    /// Hash of the cursor that the listing of GitHub began at.
    begun: Option<ContentHash>,
}

/// What became of an object since a cursor.
enum Since {
    At(RemoteRef),
    Gone(Proof),
}

impl Looking {
    pub(in crate::engine) fn take(&mut self, side: Side, listing: &Listing) {
        for item in &listing.items {
            if let Some(previous) = &item.previous {
                self.renamed.insert(previous.clone(), item.object.clone());
            }
            self.items.insert((side, item.object.clone()), item.clone());
        }
        self.gone.extend(listing.gone.iter().cloned());
    }

    /// Where the listing of GitHub began.
    pub(in crate::engine) fn begin(&mut self, cursor: &Cursor) {
        let hash = ContentHash::of_bytes("nsync/cursor/v1", cursor.0.as_bytes());
        self.begun = Some(hash);
    }

    /// A cursor stays where it is until everything listed is durable, so a listing can tell again
    /// what some records were saved with before, and since then the same file may have moved on, or be
    /// gone: it was known under one name at the cursor, under another to its record, and is somewhere
    /// else by now. Says which records that concerns.
    pub(in crate::engine) fn go_on(
        &mut self,
        continues: bool,
        records: &[Record],
    ) -> BTreeSet<RecordId> {
        let mut concerned = BTreeSet::new();
        self.keep_new(continues, records);
        let mut renamed = std::mem::take(&mut self.renamed);
        for record in records {
            let (Some(begun), Some(known)) = (&record.begun, &record.github) else {
                continue;
            };
            if Some(begun.cursor) != self.begun {
                continue;
            }
            let since = match &begun.object {
                Some(then) => match (renamed.remove(then), self.gone.remove(then)) {
                    (Some(now), _) => Some(Since::At(now)),
                    (None, Some(proof)) => Some(Since::Gone(proof)),
                    // It is where it was.
                    (None, None) => continues.then(|| Since::At(then.clone())),
                },
                None => continues.then_some(Since::Gone(Proof::AbsentInDescendant)),
            };
            match since {
                Some(Since::At(now)) => {
                    let before = (now != *known).then(|| known.clone());
                    if let Some(item) = self.items.get_mut(&(Side::Github, now.clone())) {
                        item.previous.clone_from(&before);
                    }
                    if let Some(before) = before {
                        self.renamed.insert(before, now);
                    }
                }
                Some(Since::Gone(proof)) if !self.lists(Side::Github, known) => {
                    self.vanished.insert(known.clone(), proof);
                }
                _ => continue,
            }
            concerned.insert(record.id.clone());
        }
        renamed.append(&mut self.renamed);
        self.renamed = renamed;
        concerned
    }

    /// An earlier listing from the same cursor may have shown as a new file what this one knows as a moved one. It has
    /// a record by then, and stays new; where it came from, nothing is any more.
    fn keep_new(&mut self, continues: bool, records: &[Record]) {
        let is_new = |record: &Record| match &record.begun {
            Some(begun) => Some(begun.cursor) == self.begun && begun.object.is_none(),
            None => false,
        };
        let new: BTreeSet<&RemoteRef> = (records.iter())
            .filter(|record| is_new(record))
            .filter_map(|record| record.github.as_ref())
            .collect();
        let void = (self.renamed.iter()).filter(|(_, now)| new.contains(now));
        let void: Vec<(RemoteRef, RemoteRef)> = void
            .map(|(before, now)| (before.clone(), now.clone()))
            .collect();
        for (before, now) in void {
            self.renamed.remove(&before);
            if let Some(item) = self.items.get_mut(&(Side::Github, now)) {
                item.previous = None;
            }
            if continues {
                self.gone.insert(before, Proof::AbsentInDescendant);
            }
        }
    }

    /// Remembers what an object of GitHub was at the cursor, while it is given to a record.
    fn note(&self, record: &mut Record, object: Option<&RemoteRef>) {
        if let Some(cursor) = self.begun
            && (record.begun.as_ref()).is_none_or(|begun| begun.cursor != cursor)
        {
            let object = object.cloned();
            record.begun = Some(Begun { cursor, object });
        }
    }

    /// As [`note`](Self::note), for a record that was given an object which the listing shows first.
    pub(in crate::engine) fn note_new(&self, record: &mut Record) {
        self.note(record, None);
    }

    /// Why an object that is not found is believed to be gone.
    pub(in crate::engine) fn absence(&self, side: Side, object: &RemoteRef) -> Option<Proof> {
        let vanished = || self.vanished.get(object).copied();
        self.proof(side, object).or_else(vanished)
    }

    pub(in crate::engine) fn objects(&self) -> Vec<RemoteRef> {
        let mut out: Vec<RemoteRef> = self
            .items
            .keys()
            .map(|(_, object)| object.clone())
            .collect();
        out.extend(self.gone.keys().cloned());
        out.extend(self.renamed.keys().cloned());
        out.sort();
        out.dedup();
        out
    }

    /// Objects with the side they are on. An object that was renamed is looked at through its old
    /// name, under which the registry knows it.
    pub(in crate::engine) fn pairs(&self) -> Vec<(Side, RemoteRef)> {
        let mut out: Vec<(Side, RemoteRef)> = Vec::new();
        for ((side, object), snapshot) in &self.items {
            match &snapshot.previous {
                Some(previous) => out.push((*side, previous.clone())),
                None => out.push((*side, object.clone())),
            }
        }
        for object in self.gone.keys() {
            let side = if object.system == "notion" {
                Side::Notion
            } else {
                Side::Github
            };
            if !self.renamed.contains_key(object) {
                out.push((side, object.clone()));
            }
        }
        out
    }

    /// A hash of all that full listings of both sides show: while it stays, nothing moved. `None` where something
    /// may still change under what is shown, or is gone.
    pub(in crate::engine) fn digest(&self, slack: Duration) -> Option<ContentHash> {
        let at_rest = self.gone.is_empty()
            && self.renamed.is_empty()
            && self.items.values().all(|item| item.is_settled(slack));
        at_rest.then(|| {
            let shown: Vec<_> = (self.items.iter())
                .map(|((side, object), item)| {
                    let place = (&item.presence, &item.place, &item.marker);
                    (side, object, &item.revision, &item.fields, place)
                })
                .collect();
            ContentHash::of("nsync/sweep/v1", &shown)
        })
    }

    pub(in crate::engine) fn lists(&self, side: Side, object: &RemoteRef) -> bool {
        self.items.contains_key(&(side, object.clone()))
    }

    /// Why an object is gone, where one listing says so and none shows it.
    pub(in crate::engine) fn proof(&self, side: Side, object: &RemoteRef) -> Option<Proof> {
        let proof = self.gone.get(object).copied()?;
        (!self.lists(side, object)).then_some(proof)
    }

    /// Remembers in a record what no later listing says again: that an object moved, or is gone.
    pub(in crate::engine) fn keep(&self, state: &mut RecordState) {
        self.follow(state);
        for side in Side::BOTH {
            if let Some(object) = state.record.object(side)
                && let Some(proof) = self.absence(side, object)
            {
                state.record.proofs.insert(side, proof);
            }
        }
    }

    /// A file that was renamed or moved keeps its record.
    pub(in crate::engine) fn follow(&self, state: &mut RecordState) {
        let Some(object) = state.record.github.clone() else {
            return;
        };
        if let Some(moved) = self.renamed.get(&object) {
            self.note(&mut state.record, Some(&object));
            state.record.github = Some(moved.clone());
        }
    }

    /// A snapshot that needs no further read.
    pub(in crate::engine) fn ready(&self, side: Side, object: &RemoteRef) -> Option<&Snapshot> {
        let object = self.renamed.get(object).unwrap_or(object);
        self.items
            .get(&(side, object.clone()))
            .filter(|snapshot| snapshot.content != Content::NotRead)
    }

    /// Whether a listing shows another revision of an object than was last seen.
    pub(in crate::engine) fn revised(&self, side: Side, state: &RecordState) -> bool {
        let listed =
            (state.record.object(side)).and_then(|object| self.items.get(&(side, object.clone())));
        match (listed, state.record.seen(side)) {
            (Some(item), Some(seen)) => seen.revision.token != item.revision.token,
            _ => false,
        }
    }

    /// Whether an object may have changed since it was last seen.
    pub(in crate::engine) fn moved(
        &self,
        side: Side,
        state: &RecordState,
        now: DateTime<Utc>,
        slack: Duration,
    ) -> bool {
        let Some(object) = state.record.object(side) else {
            return true;
        };
        if self.renamed.contains_key(object) {
            return true;
        }
        let Some(item) = self.items.get(&(side, object.clone())) else {
            return true;
        };
        let Some(seen) = state.record.seen(side) else {
            return true;
        };
        if seen.revision.token != item.revision.token {
            return true;
        }
        // The same revision is looked at once more after it can no longer take up an edit.
        !seen.settled && item.revision.is_settled(now, slack)
    }
}

impl Engine {
    /// Remembers where the first listing of files ended before a record of it is saved: whoever lists
    /// them again after that has to know what became of those.
    pub(in crate::engine) async fn begin_files(
        &self,
        binding: &Binding,
        ended: Cursor,
    ) -> Result<()> {
        let id = &binding.mapping.id;
        let stored = self.state().mapping(id).await?;
        let mut next = MappingState::clone(&stored.value);
        let known = next.github_cursor.is_some() || next.github_began.is_some();
        if known || binding.mapping.kind != MappingKind::Documents {
            return Ok(());
        }
        next.github_began = Some(ended);
        let mut batch = Batch::default();
        batch.mapping(id, &next, &stored)?;
        self.state().commit(batch).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::MappingId;

    fn file(name: &str) -> RemoteRef {
        RemoteRef::new("github", "file", name)
    }

    #[test]
    fn nothing_is_at_rest_where_something_is_gone_or_moved() {
        let slack = Duration::seconds(60);
        assert!(Looking::default().digest(slack).is_some());
        let mut gone = Looking::default();
        gone.gone.insert(file("a"), Proof::Deleted);
        assert_eq!(gone.digest(slack), None);
        let mut moved = Looking::default();
        moved.renamed.insert(file("a"), file("b"));
        assert_eq!(moved.digest(slack), None);
    }

    /// New is what began at this very cursor and was not there then.
    #[test]
    fn a_file_that_was_new_at_this_cursor_stays_new() {
        let cursor = Cursor("here".to_owned());
        for (begun, object, stays) in [
            ("here", None, true),
            ("elsewhere", None, false),
            ("here", Some(file("a")), false),
        ] {
            let mut looking = Looking::default();
            looking.begin(&cursor);
            looking.renamed.insert(file("a"), file("b"));
            let mut record = Record::new(RecordId::new("r1"), MappingId::new("handbook"));
            record.github = Some(file("b"));
            record.begun = Some(Begun {
                cursor: ContentHash::of_bytes("nsync/cursor/v1", begun.as_bytes()),
                object,
            });
            looking.keep_new(true, &[record]);
            assert_eq!(looking.renamed.is_empty(), stays, "{begun}");
            assert_eq!(looking.gone.contains_key(&file("a")), stays, "{begun}");
        }
    }
}
