//! Changes that are committed together.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::value::{self, Stored, put};
use super::{MappingState, RecordState, base_key, claim_key, claims, comments_key, index, stamp};
use crate::audit::{AuditLink, AuditRow, gathered};
use crate::comment::Conversation;
use crate::error::Result;
use crate::event::ChangeEvent;
use crate::id::{MappingId, RecordId};
use crate::operation::{Attempt, OpState, Operation};
use crate::record::{AuditHead, ProposalState};
use crate::store::{Change, Expect, IndexEntry, Table};

/// Changes that are committed together.
#[derive(Debug, Default)]
pub struct Batch {
    pub(super) changes: Vec<Change>,
}

impl Batch {
    /// How many changes it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.changes.len()
    }

    /// Whether it holds no change.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Takes over the changes of another batch.
    pub fn absorb(&mut self, other: Self) {
        self.changes.extend(other.changes);
    }

    /// Saves a record, its base where `body` says so, and its claims. The state is as stored
    /// afterwards only if the commit succeeds; load it again before the next change.
    ///
    /// # Errors
    ///
    /// When a value cannot be written.
    pub fn record(&mut self, state: &RecordState, body: SaveBody) -> Result<&mut Self> {
        let record = &state.record;
        let expect = state
            .stored
            .map_or(Expect::Absent, |(version, _)| Expect::Version(version));
        let mapping = record.mapping.as_str().to_owned();
        let mut indexes = vec![IndexEntry {
            name: index::RECORD_BY_MAPPING,
            key: mapping.clone(),
            sort: record.id.as_str().to_owned(),
        }];
        if let Some(at) = record.look_at {
            indexes.push(IndexEntry {
                name: index::RECORD_LOOK,
                key: mapping.clone(),
                sort: stamp(at),
            });
        }
        if let Some(at) = record.asks_at() {
            indexes.push(IndexEntry {
                name: index::RECORD_STEP,
                key: mapping.clone(),
                sort: stamp(at),
            });
        }
        let open = record.proposal.as_ref().is_some_and(|proposal| {
            matches!(proposal.state, ProposalState::Open | ProposalState::Planned)
        });
        if open {
            indexes.push(IndexEntry {
                name: index::RECORD_PROPOSAL,
                key: mapping.clone(),
                sort: record.id.as_str().to_owned(),
            });
        }
        if !record.conflicts.is_empty() {
            indexes.push(IndexEntry {
                name: index::RECORD_CONFLICT,
                key: mapping,
                sort: record.id.as_str().to_owned(),
            });
        }
        let chunks = state.stored.map_or(0, |(_, chunks)| chunks);
        put(
            &mut self.changes,
            Table::Record,
            record.id.as_str(),
            expect,
            indexes,
            record,
            chunks,
        )?;
        if body == SaveBody::Yes {
            let key = base_key(&record.id);
            let (expect, chunks) = match state.base_chunks {
                Some((version, chunks)) => (Expect::Version(version), chunks),
                None => (Expect::Absent, 0),
            };
            match &state.body {
                Some(base) => {
                    put(
                        &mut self.changes,
                        Table::Content,
                        &key,
                        expect,
                        Vec::new(),
                        base,
                        chunks,
                    )?;
                }
                None if state.base_chunks.is_some() => {
                    value::delete(&mut self.changes, Table::Content, &key, chunks);
                }
                None => {}
            }
        }
        // An object belongs to at most one record, also while two runs race.
        let wanted = claims(record);
        for object in &wanted {
            if !state.claims.contains(object) {
                put(
                    &mut self.changes,
                    Table::Claim,
                    &claim_key(object),
                    Expect::Absent,
                    Vec::new(),
                    &record.id,
                    0,
                )?;
            }
        }
        for object in &state.claims {
            if !wanted.contains(object) {
                value::delete(&mut self.changes, Table::Claim, &claim_key(object), 0);
            }
        }
        Ok(self)
    }

    /// Saves what is remembered of the comments of a record. `stored` is what was loaded.
    ///
    /// # Errors
    ///
    /// When a value cannot be written.
    pub fn conversation(
        &mut self,
        record: &RecordId,
        talk: &Conversation,
        stored: Option<&Stored<Conversation>>,
    ) -> Result<&mut Self> {
        put(
            &mut self.changes,
            Table::Content,
            &comments_key(record),
            stored.map_or(Expect::Absent, |stored| Expect::Version(stored.version)),
            Vec::new(),
            talk,
            stored.map_or(0, |stored| stored.chunks),
        )?;
        Ok(self)
    }

    /// Saves an operation. `stored` is what was loaded; `None` for a new one.
    ///
    /// # Errors
    ///
    /// When a value cannot be written.
    pub fn operation(
        &mut self,
        op: &Operation,
        stored: Option<&Stored<Operation>>,
    ) -> Result<&mut Self> {
        let (expect, chunks) = match stored {
            Some(stored) => (Expect::Version(stored.version), stored.chunks),
            None => (Expect::Absent, 0),
        };
        let sort = format!("{}:{:08}", op.record, op.sequence);
        let mut indexes = vec![IndexEntry {
            name: index::OP_BY_RECORD,
            key: op.record.as_str().to_owned(),
            sort: format!("{:08}", op.sequence),
        }];
        let standing = match op.state {
            OpState::Dead => Some(index::OP_DEAD),
            state => (!state.is_final()).then_some(index::OP_OPEN),
        };
        indexes.extend(standing.map(|name| IndexEntry {
            name,
            key: op.mapping.as_str().to_owned(),
            sort,
        }));
        put(
            &mut self.changes,
            Table::Operation,
            op.id.as_str(),
            expect,
            indexes,
            op,
            chunks,
        )?;
        Ok(self)
    }

    /// Appends or completes an attempt.
    ///
    /// # Errors
    ///
    /// When a value cannot be written.
    pub fn attempt(&mut self, attempt: &Attempt) -> Result<&mut Self> {
        let key = format!("{}:{:04}", attempt.op, attempt.number);
        put(
            &mut self.changes,
            Table::Attempt,
            &key,
            Expect::Any,
            Vec::new(),
            attempt,
            0,
        )?;
        Ok(self)
    }

    /// Saves a record as [`record`](Self::record) does, with rows of its audit: they go to the end of
    /// its chain, which the record holds. Rows of one event may share one where they are very many.
    ///
    /// # Errors
    ///
    /// When a value cannot be written.
    pub fn record_with_audit(
        &mut self,
        state: &mut RecordState,
        body: SaveBody,
        rows: Vec<AuditRow>,
    ) -> Result<&mut Self> {
        for row in gathered(rows) {
            let id = state.record.id.clone();
            let head = self.link(&id, state.record.audited, row)?;
            state.record.audited = Some(head);
        }
        self.record(state, body)
    }

    /// Puts a row at the end of a chain, and answers the new end.
    pub(super) fn link(
        &mut self,
        chain: &RecordId,
        end: Option<AuditHead>,
        row: AuditRow,
    ) -> Result<AuditHead> {
        let (number, previous) = match end {
            Some(head) => (head.number + 1, Some(head.hash)),
            None => (1, None),
        };
        let indexes = vec![
            IndexEntry {
                name: index::AUDIT_BY_RECORD,
                key: chain.as_str().to_owned(),
                sort: format!("{number:010}"),
            },
            IndexEntry {
                name: index::AUDIT_ALL,
                key: "all".to_owned(),
                sort: stamp(row.at),
            },
        ];
        let link = AuditLink {
            number,
            previous,
            row,
        };
        put(
            &mut self.changes,
            Table::Audit,
            &format!("{chain}:{number:010}"),
            Expect::Absent,
            indexes,
            &link,
            0,
        )?;
        Ok(AuditHead {
            number,
            hash: link.hash(),
        })
    }

    /// Saves the state of a mapping.
    ///
    /// # Errors
    ///
    /// When a value cannot be written.
    pub fn mapping(
        &mut self,
        id: &MappingId,
        state: &MappingState,
        stored: &Stored<Arc<MappingState>>,
    ) -> Result<&mut Self> {
        let expect = if stored.version == 0 {
            Expect::Absent
        } else {
            Expect::Version(stored.version)
        };
        put(
            &mut self.changes,
            Table::Mapping,
            id.as_str(),
            expect,
            Vec::new(),
            state,
            stored.chunks,
        )?;
        Ok(self)
    }

    /// Adds a hint. The commit ends as [`Stale`](crate::ErrorKind::Stale) when its delivery is known;
    /// [`State::ingest`](super::State::ingest) takes care of that.
    ///
    /// # Errors
    ///
    /// When a value cannot be written.
    pub fn inbox(&mut self, event: &ChangeEvent) -> Result<&mut Self> {
        let indexes = vec![IndexEntry {
            name: index::INBOX,
            key: "new".to_owned(),
            sort: stamp(event.detected_at),
        }];
        put(
            &mut self.changes,
            Table::Inbox,
            &event.id,
            Expect::Absent,
            indexes,
            event,
            0,
        )?;
        Ok(self)
    }

    /// Removes a hint that was looked at `at`. Its id stays known, so that a repeat is dropped; what
    /// it said is not kept.
    ///
    /// # Errors
    ///
    /// When a value cannot be written.
    pub fn seen(&mut self, event: &Stored<ChangeEvent>, at: DateTime<Utc>) -> Result<&mut Self> {
        let mut rest = event.value.clone();
        rest.changed.clear();
        rest.actors.clear();
        put(
            &mut self.changes,
            Table::Inbox,
            &rest.id,
            Expect::Version(event.version),
            vec![IndexEntry {
                name: index::INBOX,
                key: "seen".to_owned(),
                sort: stamp(at),
            }],
            &rest,
            event.chunks,
        )?;
        Ok(self)
    }

    /// Saves a setting of the installation. `stored` is what was loaded, if anything was.
    ///
    /// # Errors
    ///
    /// When the value cannot be written.
    pub fn setting<T: Serialize>(
        &mut self,
        name: &str,
        value: &T,
        stored: Option<&Stored<T>>,
    ) -> Result<&mut Self> {
        put(
            &mut self.changes,
            Table::Setting,
            name,
            stored.map_or(Expect::Absent, |stored| Expect::Version(stored.version)),
            Vec::new(),
            value,
            stored.map_or(0, |stored| stored.chunks),
        )?;
        Ok(self)
    }

    /// Removes a setting of the installation.
    pub fn forget_setting<T>(&mut self, name: &str, stored: &Stored<T>) -> &mut Self {
        value::delete(&mut self.changes, Table::Setting, name, stored.chunks);
        self
    }
}

/// Whether the body's base is written along with a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SaveBody {
    /// It changed.
    Yes,
    /// It stayed.
    No,
}
