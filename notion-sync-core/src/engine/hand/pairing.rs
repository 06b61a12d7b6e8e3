//! Pairs that a person makes, breaks and marks.

use std::collections::{BTreeMap, BTreeSet};

use crate::audit::AuditEvent;
use crate::engine::Engine;
use crate::engine::observe::survey::Prepared;
use crate::engine::observe::text::{self, Stamp};
use crate::engine::pairs::identity::record_id;
use crate::engine::plan::render::Draft;
use crate::engine::report::{MappingReport, Tick};
use crate::engine::tell::comments::Heard;
use crate::error::{Error, ErrorKind, Result};
use crate::hash::ContentHash;
use crate::id::{MappingId, RecordId, RemoteRef, Side};
use crate::mapping::{FileMarker, MappingKind};
use crate::operation::Settlement;
use crate::reconcile::page_hash;
use crate::reconcile::table::Identity;
use crate::record::{Life, Record};
use crate::remote::{Action, ContentChange, Update};
use crate::snapshot::Presence;
use crate::state::{Batch, MappingState, RecordState, SaveBody};

const STAMPING: &str = "stamp a file";

impl Engine {
    /// Joins a page and an object of GitHub by hand. What they hold is compared by the next
    /// [`tick`](Self::tick); where it differs that is a conflict, and nothing is overwritten.
    ///
    /// # Errors
    ///
    /// [`NotFound`](ErrorKind::NotFound) when one of the two is not there,
    /// [`AlreadyExists`](ErrorKind::AlreadyExists) when one of them belongs to another pair,
    /// [`Configuration`](ErrorKind::Configuration) for an unknown mapping,
    /// [`Stale`](ErrorKind::Stale) while a write of one of them is under way.
    pub async fn link(
        &self,
        mapping: &MappingId,
        page: &RemoteRef,
        object: &RemoteRef,
    ) -> Result<RecordId> {
        const DURING: &str = "link a page";
        let binding = self.binding_of(mapping, DURING)?;
        let mut shown = BTreeMap::new();
        for (side, wanted) in [(Side::Notion, page), (Side::Github, object)] {
            let found = binding.remote(side).read(wanted, false).await?;
            if side == Side::Notion {
                shown.clone_from(&found.bookkeeping);
            }
            if found.presence != Presence::Present {
                return Err(Error::new(ErrorKind::NotFound, DURING)
                    .with("object", wanted)
                    .message("it is not there, or not part of the mapping"));
            }
        }
        let of_page = self.state().owner(page).await?;
        let of_object = self.state().owner(object).await?;
        if let (Some(owner), true) = (&of_page, of_page == of_object) {
            let state = self.known_record(owner, DURING).await?;
            if state.record.life == Life::Live && state.record.mapping == *mapping {
                return Ok(owner.clone());
            }
        }
        let mut owners: BTreeSet<RecordId> = BTreeSet::new();
        owners.extend(of_page.iter().cloned());
        owners.extend(of_object.iter().cloned());
        for owner in &owners {
            let state = self.known_record(owner, DURING).await?;
            self.refuse_while_sending(&state.record, DURING).await?;
            let pair = |wanted: &RemoteRef, other: &RemoteRef| {
                let record = &state.record;
                let owns = record.notion.as_ref() == Some(wanted)
                    || record.github.as_ref() == Some(wanted);
                let with_other =
                    record.notion.as_ref() == Some(other) || record.github.as_ref() == Some(other);
                owns && !with_other && record.notion.is_some() && record.github.is_some()
            };
            let bound_already =
                state.record.life == Life::Live && (pair(page, object) || pair(object, page));
            if bound_already {
                return Err(Error::new(ErrorKind::AlreadyExists, DURING)
                    .with("record", owner)
                    .message("the page or its counterpart belongs to another pair")
                    .remedy("break that pair first, with `link --remove`"));
            }
        }
        // What one of them was paired with is nobody's from here on.
        self.forget_sweep(mapping).await?;
        // Whatever knew one of the two alone gives it up first: an object has one owner.
        // The record of a page that moved here from another mapping stays with that one.
        let keep = match of_page {
            Some(owner) if self.known_record(&owner, DURING).await?.record.mapping == *mapping => {
                Some(owner)
            }
            _ => None,
        };
        for owner in owners {
            if Some(&owner) != keep.as_ref() {
                self.release(&owner).await?;
            }
        }
        let mut state = match keep {
            Some(owner) => {
                let mut state = self.known_record(&owner, DURING).await?;
                self.void_open(&state.record).await?;
                state.body = None;
                state
            }
            None => RecordState::new(Record::new(record_id(binding, page), mapping.clone())),
        };
        let record = &mut state.record;
        record.notion = Some(page.clone());
        record.github = Some(object.clone());
        record.life = Life::Live;
        record.base = None;
        record.conflicts.clear();
        record.proposal = None;
        record.problem = None;
        record.given_up.clear();
        record.same_key = false;
        record.copy = false;
        record.duplicate = None;
        // What the page says of its counterpart was true before, and is no contradiction now.
        record.bookkept = shown;
        record.base_epoch += 1;
        record.look_at = Some(self.now());
        let row = self.decision(
            record,
            AuditEvent::Mapping,
            "a person joined the pair".to_owned(),
            &[("page", page.to_string()), ("object", object.to_string())],
        );
        let id = record.id.clone();
        let mut batch = Batch::default();
        batch.record_with_audit(&mut state, SaveBody::Yes, vec![row])?;
        self.state().commit(batch).await?;
        Ok(id)
    }

    /// Breaks a pair: neither side is written or deleted any more, and nothing new is made for
    /// either. [`link`](Self::link) joins them again.
    ///
    /// # Errors
    ///
    /// [`NotFound`](ErrorKind::NotFound) for an unknown record, [`Stale`](ErrorKind::Stale) while a
    /// write of it is under way.
    pub async fn unlink(&self, id: &RecordId) -> Result<()> {
        const DURING: &str = "break a pair";
        let state = self.known_record(id, DURING).await?;
        self.refuse_while_sending(&state.record, DURING).await?;
        self.void_open(&state.record).await?;
        let mut state = self.known_record(id, DURING).await?;
        let record = &mut state.record;
        record.life = Life::Detached;
        record.conflicts.clear();
        record.problem = None;
        record.look_at = None;
        let row = self.decision(
            record,
            AuditEvent::Mapping,
            "a person broke the pair".to_owned(),
            &[],
        );
        let mut batch = Batch::default();
        batch.record_with_audit(&mut state, SaveBody::No, vec![row])?;
        self.state().commit(batch).await
    }

    /// Writes the id and revision of its page into the front matter of a pair's file, in a commit of
    /// its own. Answers what was done; nothing is where the file has them already.
    ///
    /// # Errors
    ///
    /// [`Invalid`](ErrorKind::Invalid) for tasks, for a mapping whose files stay free of marks, and
    /// for a record that is no pair; whatever reading ends with. What the write ends with is in the
    /// answer.
    pub async fn stamp(&self, id: &RecordId) -> Result<Tick> {
        let mapping = self.known_record(id, STAMPING).await?.record.mapping;
        let stamp = async |_| self.stamp_file(id).await;
        self.at_hand(&mapping, STAMPING, stamp).await
    }

    /// As [`stamp`](Self::stamp), for one who works on the mapping.
    pub(in crate::engine) async fn stamp_file(&self, id: &RecordId) -> Result<Tick> {
        let state = self.known_record(id, STAMPING).await?;
        self.refuse_while_sending(&state.record, STAMPING).await?;
        let binding = self.binding_of(&state.record.mapping, STAMPING)?;
        let refuse = |why: &str| Error::new(ErrorKind::Invalid, STAMPING).message(why);
        if binding.mapping.kind != MappingKind::Documents {
            return Err(refuse("an issue carries its page already"));
        }
        if binding.mapping.file_marker == FileMarker::None {
            return Err(refuse("files of this mapping stay free of marks")
                .remedy("set file_marker = \"front-matter\" for the mapping"));
        }
        if state.record.life != Life::Live {
            return Err(refuse("it is no pair"));
        }
        let stored = self.state().mapping(&binding.mapping.id).await?;
        let bound = self.bind(binding, &stored.value).await?;
        let (notion, github) = self.read_pair(binding, &bound, &state.record).await?;
        let source = github
            .source
            .as_ref()
            .ok_or_else(|| refuse("the file cannot be read"))?;
        let stamp = Stamp {
            page: Some(notion.object.id.clone()),
            revision: Some(notion.revision.token.clone()),
        };
        let desired = text::edit_file(binding, &bound, source, &BTreeMap::new(), None, &stamp)?;
        let mut report = MappingReport::new(binding.mapping.id.clone());
        if github.marker.counterpart.is_none() {
            let wanted = ContentHash::of_bytes("nsync/stamp", desired.as_bytes());
            let draft = Draft {
                side: Side::Github,
                name: "stamp",
                action: Action::Update(Update {
                    object: github.object.clone(),
                    seen: None,
                    fields: BTreeMap::new(),
                    content: Some(ContentChange::Text {
                        expected: github.revision.token.clone(),
                        desired,
                    }),
                    place: None,
                    bookkeeping: BTreeMap::new(),
                }),
                settlement: Settlement::default(),
                label: "write the page's id into the file".to_owned(),
                rows: Vec::new(),
                content: Some((page_hash(&github), wanted)),
                epoch: state.record.base_epoch,
            };
            let prepared = Prepared {
                state,
                notion: Some(notion),
                github: Some(github),
                identity: Identity::Clean,
                news: false,
                nudged: false,
                talk: Heard::Nothing,
                proposal: None,
            };
            let op = self
                .operation(binding, &prepared, draft, None, &[])
                .await?
                .ok_or_else(|| {
                    refuse("the same write was set aside")
                        .remedy("run `notion-sync dead-letter retry` for the record")
                })?;
            let mut state = prepared.state;
            let mut op = op;
            op.sequence = state.record.next_sequence;
            state.record.next_sequence += 1;
            let mut batch = Batch::default();
            batch.operation(&op, None)?;
            batch.record(&state, SaveBody::No)?;
            self.state().commit(batch).await?;
            self.execute(binding, usize::MAX, &mut report).await?;
        }
        self.finish(binding, &mut report).await?;
        let mut tick = Tick::default();
        tick.add(report);
        Ok(tick)
    }

    /// Makes the next full listing look at everything, although it shows what the last one showed.
    async fn forget_sweep(&self, mapping: &MappingId) -> Result<()> {
        loop {
            let stored = self.state().mapping(mapping).await?;
            if stored.value.swept.is_none() {
                return Ok(());
            }
            let mut next = MappingState::clone(&stored.value);
            next.swept = None;
            let mut batch = Batch::default();
            batch.mapping(mapping, &next, &stored)?;
            match self.state().commit(batch).await {
                // An engine at work saved it in between.
                Err(error) if error.kind() == ErrorKind::Stale => {}
                other => return other,
            }
        }
    }

    /// Makes a record that knows only one object give it up.
    pub(in crate::engine) async fn release(&self, id: &RecordId) -> Result<()> {
        let state = self.known_record(id, "link a page").await?;
        self.void_open(&state.record).await?;
        let mut state = self.known_record(id, "link a page").await?;
        let record = &mut state.record;
        record.notion = None;
        record.github = None;
        record.links.clear();
        record.proposal = None;
        record.conflicts.clear();
        record.problem = None;
        record.look_at = None;
        record.life = Life::Tombstone;
        let row = self.decision(
            record,
            AuditEvent::Mapping,
            "its object was given to another pair".to_owned(),
            &[],
        );
        let mut batch = Batch::default();
        batch.record_with_audit(&mut state, SaveBody::No, vec![row])?;
        self.state().commit(batch).await
    }
}
