//! Which objects belong together as far as the registry knows them.

use std::collections::{BTreeMap, BTreeSet};

use crate::engine::observe::bind::Bound;
use crate::engine::observe::survey::Prepared;
use crate::engine::observe::text;
use crate::engine::pairs::marks::{Name, bare, is_marked_page, named_by_page, names_of_record};
use crate::engine::tell::bookkeeping::SHOWN_ON_PAGE;
use crate::engine::tell::comments::Heard;
use crate::engine::{Binding, Engine};
use crate::error::Result;
use crate::hash::ContentHash;
use crate::id::{RecordId, RemoteRef, Side};
use crate::mapping::{MappingKind, View};
use crate::operation::{Operation, record_of_create};
use crate::reconcile::table::Identity;
use crate::record::{Life, ProposalState, Record};
use crate::remote::{Action, ProposalKind};
use crate::state::RecordState;

/// A file that a pull request proposes for a page which has none.
#[derive(Debug)]
pub(in crate::engine) struct ProposedFile {
    /// The page's record.
    pub(in crate::engine) owner: RecordId,
    branch: String,
    /// Whether it may have been merged: it was, or nobody knows.
    pub(in crate::engine) may_be_in: bool,
}

/// What registry and marks say about a known pair.
pub(in crate::engine) fn of_pair(
    kind: MappingKind,
    record: &Record,
    notion: Option<&View>,
    github: Option<&View>,
) -> Identity {
    if [notion, github]
        .iter()
        .flatten()
        .any(|view| view.marker.newer_format.is_some())
    {
        return Identity::Newer;
    }
    if record.copy && is_marked(kind, notion, github) {
        return Identity::Copy;
    }
    if record.same_key && record.life == Life::Provisioning {
        return Identity::SameKey;
    }
    let named = github.and_then(|view| view.marker.counterpart.as_deref());
    match (named, &record.notion) {
        (Some(named), Some(page)) if bare(named) != bare(&page.id) => {
            return Identity::Contradiction;
        }
        // It names a page that was never seen: making another one would double it.
        (Some(_), None) => return Identity::Contradiction,
        _ => {}
    }
    // So does a page that names something on GitHub that was never seen, or that we made for it.
    let names = notion.is_some_and(|view| is_marked_page(kind, view));
    if record.life == Life::Provisioning && record.github.is_none() && names && !record.copy {
        return Identity::Contradiction;
    }
    if named.is_some() && record.life == Life::Provisioning && record.notion.is_some() {
        return Identity::MutualMarkers;
    }
    Identity::Clean
}

/// Whether a copy still carries the marks that make it one.
pub(in crate::engine) fn is_marked(
    kind: MappingKind,
    notion: Option<&View>,
    github: Option<&View>,
) -> bool {
    match (notion, github) {
        (_, Some(github)) => github.marker.counterpart.is_some(),
        (Some(page), None) => is_marked_page(kind, page),
        (None, None) => true,
    }
}

/// The id of the record that an unowned object starts.
pub(in crate::engine) fn record_id(binding: &Binding, object: &RemoteRef) -> RecordId {
    let hash = ContentHash::of("nsync/record/v1", &(&binding.mapping.id, object));
    RecordId::new(format!("r{}", hash.short(24)))
}

/// The same where that record is there already: a path can be another file's later.
fn next_record_id(binding: &Binding, object: &RemoteRef, number: u64) -> RecordId {
    let hash = ContentHash::of("nsync/record/v2", &(&binding.mapping.id, object, number));
    RecordId::new(format!("r{}", hash.short(24)))
}

impl Engine {
    /// Whether a page says now that it belongs to the object of another record, and did not say so
    /// when we last wrote it.
    pub(in crate::engine) async fn names_another(
        &self,
        binding: &Binding,
        record: &Record,
        page: &View,
    ) -> Result<bool> {
        let moved = ["url", "path", "number"].iter().any(|key| {
            let wrote = record.bookkept.get(*key).filter(|value| !value.is_empty());
            let says = page.bookkeeping.get(*key).filter(|value| !value.is_empty());
            wrote.is_some() && says.is_some() && wrote != says
        });
        if !moved {
            return Ok(false);
        }
        let known = self.known_names(binding).await?;
        Ok(named_by_page(binding.mapping.kind, page)
            .iter()
            .filter_map(|name| known.get(name))
            .any(|owner| *owner != page.object.id))
    }

    /// Gives a new record another id where its own is taken. No record is ever another's.
    pub(in crate::engine) async fn free_id(
        &self,
        binding: &Binding,
        record: &mut Record,
    ) -> Result<()> {
        let Some(object) = record.notion.clone().or_else(|| record.github.clone()) else {
            return Ok(());
        };
        let mut number = 0;
        while self.state().record(&record.id).await?.is_some() {
            number += 1;
            record.id = next_record_id(binding, &object, number);
        }
        Ok(())
    }

    /// The id of the record of a pair: the one of the operation that made one of the two, where it is
    /// free, else the page's.
    pub(in crate::engine) async fn id_of_pair(
        &self,
        binding: &Binding,
        page: &View,
        other: &View,
        taken: &BTreeSet<RecordId>,
    ) -> Result<RecordId> {
        let made = [&page.marker.created_by, &other.marker.created_by];
        let made = made.into_iter().flatten().filter_map(record_of_create);
        for id in made.chain(other.marker.record.clone()) {
            if !taken.contains(&id) && self.state().record(&id).await?.is_none() {
                return Ok(id);
            }
        }
        Ok(record_id(binding, &page.object))
    }

    /// The files that were proposed for pages which have none, by the path at which they were.
    pub(in crate::engine) async fn proposed_files(
        &self,
        binding: &Binding,
        prepared: &[Prepared],
    ) -> Result<BTreeMap<String, ProposedFile>> {
        let mut out = BTreeMap::new();
        let stored = self.state().records(&binding.mapping.id).await?;
        // People may see a pull request, and merge it, before we know that it was opened.
        let mut sent = BTreeSet::new();
        for op in self.state().open_operations(&binding.mapping.id).await? {
            if let Action::Propose(propose) = op.value.write.action
                && op.value.attempts > 0
            {
                sent.insert(propose.branch);
            }
        }
        let stored = stored.iter().map(|record| (record, None));
        let read = prepared.iter().map(|one| (&one.state.record, one.proposal));
        for (record, ended) in stored.chain(read) {
            let Some(proposal) = &record.proposal else {
                continue;
            };
            let Some(path) = &proposal.path else { continue };
            let waits = record.life == Life::Provisioning && record.github.is_none();
            if !waits || proposal.kind != ProposalKind::Create {
                continue;
            }
            let may_be_in = match proposal.state {
                ProposalState::Open => ended == Some(ProposalState::Merged),
                ProposalState::Merged => true,
                ProposalState::Planned if sent.contains(&proposal.branch) => true,
                ProposalState::Planned | ProposalState::Refused => continue,
            };
            let file = ProposedFile {
                owner: record.id.clone(),
                branch: proposal.branch.clone(),
                may_be_in,
            };
            out.insert(path.clone(), file);
        }
        Ok(out)
    }

    /// What a proposed file says.
    pub(in crate::engine) async fn proposed_text(
        &self,
        file: &ProposedFile,
    ) -> Result<Option<String>> {
        let known = self.state().operations_of(&file.owner).await?;
        let texts = known.into_iter().filter_map(|op| match op.write.action {
            Action::Propose(propose) if op.attempts > 0 && propose.branch == file.branch => {
                propose.files.into_iter().rev().find_map(|(_, text)| text)
            }
            _ => None,
        });
        Ok(texts.last())
    }

    /// The operation that made this object, where it is not settled.
    pub(in crate::engine) async fn unsettled_maker(
        &self,
        view: &View,
    ) -> Result<Option<Operation>> {
        let Some(op) = &view.marker.created_by else {
            return Ok(None);
        };
        let known = self.state().operation(op).await?.map(|op| op.value);
        Ok(known.filter(|op| !op.state.is_final()))
    }

    /// A new object on GitHub names a page that a record owns.
    pub(in crate::engine) async fn claimed(
        &self,
        binding: &Binding,
        bound: &Bound,
        prepared: &mut Vec<Prepared>,
        records: &mut BTreeMap<RecordId, RecordState>,
        owner: &RecordId,
        view: View,
    ) -> Result<()> {
        let position = prepared.iter().position(|p| p.state.record.id == *owner);
        let mut prepared_owner = match position {
            Some(position) => prepared.remove(position),
            None => {
                let state = match records.get(owner) {
                    Some(state) => Some(state.clone()),
                    None => self.state().record(owner).await?,
                };
                let Some(state) = state else { return Ok(()) };
                return self.join(binding, bound, prepared, state, view).await;
            }
        };
        let record = &mut prepared_owner.state.record;
        let lost = prepared_owner.github.as_ref().is_none_or(|known| {
            matches!(
                known.presence,
                crate::snapshot::Presence::Gone(_) | crate::snapshot::Presence::MovedOut(_)
            )
        });
        if record.github.is_none() || lost {
            take_object(record, &view);
            prepared_owner.identity = if record.life == Life::Provisioning {
                Identity::MutualMarkers
            } else {
                Identity::Clean
            };
            prepared_owner.github = Some(view);
            prepared.push(prepared_owner);
        } else {
            prepared.push(prepared_owner);
            prepared.push(self.start_copy(binding, None, Some(view)));
        }
        Ok(())
    }

    /// The owner of the page was not due: read it, then decide as above.
    async fn join(
        &self,
        binding: &Binding,
        bound: &Bound,
        prepared: &mut Vec<Prepared>,
        mut state: RecordState,
        view: View,
    ) -> Result<()> {
        let place = view.place.clone();
        let place = place.as_deref();
        let read = |side: Side, object: Option<RemoteRef>| async move {
            match object {
                Some(object) => {
                    let snapshot = self.read_object(binding, side, &object).await?;
                    Ok::<_, crate::Error>(Some(text::view(
                        binding,
                        bound,
                        &self.bounds,
                        side,
                        &snapshot,
                        place,
                    )))
                }
                None => Ok(None),
            }
        };
        let notion = read(Side::Notion, state.record.notion.clone()).await?;
        let github = read(Side::Github, state.record.github.clone()).await?;
        if text::is_present(github.as_ref()) {
            prepared.push(self.start_copy(binding, None, Some(view)));
            return Ok(());
        }
        take_object(&mut state.record, &view);
        let identity = match of_pair(
            binding.mapping.kind,
            &state.record,
            notion.as_ref(),
            Some(&view),
        ) {
            Identity::Clean if state.record.life == Life::Provisioning => Identity::MutualMarkers,
            other => other,
        };
        prepared.push(Prepared {
            state,
            notion,
            github: Some(view.clone()),
            identity,
            proposal: None,
            news: true,
            nudged: false,
            talk: Heard::Nothing,
        });
        Ok(())
    }

    pub(in crate::engine) fn start(
        &self,
        binding: &Binding,
        notion: Option<View>,
        github: Option<View>,
        identity: Identity,
    ) -> Prepared {
        let first = notion.as_ref().or(github.as_ref());
        let id = first.map_or_else(
            || RecordId::from("r0"),
            |view| record_id(binding, &view.object),
        );
        let mut record = Record::new(id, binding.mapping.id.clone());
        record.notion = notion.as_ref().map(|view| view.object.clone());
        record.github = github.as_ref().map(|view| view.object.clone());
        remember_marks(&mut record, notion.as_ref(), github.as_ref());
        Prepared {
            state: RecordState::new(record),
            notion,
            github,
            identity,
            proposal: None,
            news: true,
            nudged: false,
            talk: Heard::Nothing,
        }
    }

    pub(in crate::engine) fn start_copy(
        &self,
        binding: &Binding,
        notion: Option<View>,
        github: Option<View>,
    ) -> Prepared {
        let mut start = self.start(binding, notion, github, Identity::Copy);
        start.state.record.copy = true;
        start
    }

    /// The objects of known records by their names, with the pages they belong to.
    pub(in crate::engine) async fn known_names(
        &self,
        binding: &Binding,
    ) -> Result<BTreeMap<Name, String>> {
        let mut out = BTreeMap::new();
        for record in self.state().records(&binding.mapping.id).await? {
            let Some(page) = &record.notion else { continue };
            let (path, url) = (record.path.as_deref(), record.urls.1.as_deref());
            for name in names_of_record(binding.mapping.kind, path, url) {
                out.insert(name, page.id.clone());
            }
        }
        Ok(out)
    }
}

/// Gives a record another object on GitHub. What the page shows of it is of the new one from now on,
/// also where nothing else has to be written.
fn take_object(record: &mut Record, object: &View) {
    record.github = Some(object.object.clone());
    for key in ["number", "repository"] {
        if let Some(value) = object.bookkeeping.get(key) {
            record.outcome.insert(key.to_owned(), value.clone());
        }
    }
}

/// What stands on a page already need not be written again; what its object goes by is shown there.
pub(in crate::engine) fn remember_marks(
    record: &mut Record,
    page: Option<&View>,
    other: Option<&View>,
) {
    if let Some(page) = page {
        record.bookkept.clone_from(&page.bookkeeping);
    }
    let Some(other) = other else { return };
    for key in SHOWN_ON_PAGE {
        // The page names the commit of the last content change, which is not the newest one.
        let view = if key == "commit" { page } else { Some(other) };
        if let Some(value) = view.and_then(|view| view.bookkeeping.get(key)) {
            record.outcome.insert(key.to_owned(), value.clone());
        }
    }
}

pub(in crate::engine) fn dashed(id: &str) -> String {
    let bare = bare(id);
    if bare.len() != 32 {
        return id.to_owned();
    }
    format!(
        "{}-{}-{}-{}-{}",
        &bare[..8],
        &bare[8..12],
        &bare[12..16],
        &bare[16..20],
        &bare[20..]
    )
}
