//! Which objects belong together: registry first, then marks, then keys.

use std::collections::{BTreeMap, BTreeSet};

use super::bind::Bound;
use super::comments::Heard;
use super::survey::Prepared;
use super::text;
use super::{Binding, Engine};
use crate::error::Result;
use crate::hash::ContentHash;
use crate::id::{RecordId, RemoteRef, Side};
use crate::mapping::{MappingKind, View};
use crate::reconcile::table::Identity;
use crate::record::{Life, ProposalState, Record};
use crate::remote::ProposalKind;
use crate::state::RecordState;

/// What registry and marks say about a known pair.
pub(super) fn of_pair(record: &Record, notion: Option<&View>, github: Option<&View>) -> Identity {
    if [notion, github]
        .iter()
        .flatten()
        .any(|view| view.marker.newer_format.is_some())
    {
        return Identity::Newer;
    }
    if record.copy {
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
    if named.is_some() && record.life == Life::Provisioning && record.notion.is_some() {
        return Identity::MutualMarkers;
    }
    Identity::Clean
}

/// A page id without dashes, in lower case.
fn bare(id: &str) -> String {
    id.chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_lowercase())
        .collect()
}

/// The id of the record that an unowned object starts.
pub(super) fn record_id(binding: &Binding, object: &RemoteRef) -> RecordId {
    let hash = ContentHash::of("nsync/record/v1", &(&binding.mapping.id, object));
    RecordId::new(format!("r{}", hash.short(24)))
}

impl Engine {
    /// Gives each unowned object a record: the one its marks name, or a new one.
    pub(super) async fn pair(
        &self,
        binding: &Binding,
        bound: &Bound,
        prepared: &mut Vec<Prepared>,
        fresh: Vec<(Side, View)>,
        records: &mut BTreeMap<RecordId, RecordState>,
    ) -> Result<()> {
        if fresh.is_empty() {
            return Ok(());
        }
        let mut pages: BTreeMap<String, View> = BTreeMap::new();
        let mut others: Vec<View> = Vec::new();
        for (side, view) in fresh {
            if self.made_by_us(&view).await? {
                // Its operation is not settled yet and will adopt it.
                continue;
            }
            match side {
                Side::Notion => {
                    pages.insert(bare(&view.object.id), view);
                }
                Side::Github => others.push(view),
            }
        }

        let mut unmarked: Vec<View> = Vec::new();
        let proposed = if others.is_empty() {
            BTreeMap::new()
        } else {
            self.proposed_paths(binding, prepared).await?
        };
        for view in others {
            let Some(named) = view.marker.counterpart.clone() else {
                // A file without marks where one was proposed for a page is that file, merged.
                match view.place.as_ref().and_then(|place| proposed.get(place)) {
                    Some(owner) => {
                        self.claimed(binding, bound, prepared, records, owner, view)
                            .await?;
                    }
                    None => unmarked.push(view),
                }
                continue;
            };
            let page = RemoteRef::new("notion", "page", dashed(&named));
            match self.state().owner(&page).await? {
                Some(owner) => {
                    self.claimed(binding, bound, prepared, records, &owner, view)
                        .await?
                }
                None => match pages.remove(&bare(&named)) {
                    Some(page) => {
                        let identity = if page.marker.counterpart.is_some() {
                            Identity::MutualMarkers
                        } else {
                            Identity::OneMarker
                        };
                        prepared.push(self.start(binding, Some(page), Some(view), identity));
                    }
                    None => {
                        // The page it names is not in scope, or not shared: nothing is guessed.
                        prepared.push(self.start(
                            binding,
                            None,
                            Some(view),
                            Identity::Contradiction,
                        ));
                    }
                },
            }
        }

        self.awaited(binding, bound, prepared, &mut pages).await?;
        let known = self.paths(binding).await?;
        let mut by_key = Keys::default();
        for (id, page) in &pages {
            by_key.add_page(key_of_page(binding, page), id.clone());
        }
        for (index, view) in unmarked.iter().enumerate() {
            by_key.add_other(key_of_other(binding, view), index);
        }
        let matches = by_key.unique();
        let mut used = BTreeSet::new();
        for (id, page) in pages {
            if is_copy(&page, &known) {
                let mut start = self.start(binding, Some(page), None, Identity::Copy);
                start.state.record.copy = true;
                prepared.push(start);
                continue;
            }
            match matches.get(&id) {
                Some(&index) => {
                    used.insert(index);
                    let other = unmarked[index].clone();
                    let mut start = self.start(binding, Some(page), Some(other), Identity::SameKey);
                    start.state.record.same_key = !binding.mapping.adopt_by_key;
                    prepared.push(start);
                }
                None => prepared.push(self.start(binding, Some(page), None, Identity::Clean)),
            }
        }
        for (index, view) in unmarked.into_iter().enumerate() {
            if !used.contains(&index) {
                prepared.push(self.start(binding, None, Some(view), Identity::Clean));
            }
        }
        Ok(())
    }

    /// Pages that an object on GitHub named before they could be seen: now they are a pair.
    async fn awaited(
        &self,
        binding: &Binding,
        bound: &Bound,
        prepared: &mut Vec<Prepared>,
        pages: &mut BTreeMap<String, View>,
    ) -> Result<()> {
        if pages.is_empty() {
            return Ok(());
        }
        for record in self.state().records(&binding.mapping.id).await? {
            let drifts = record.problem.as_ref().is_some_and(|problem| problem.drift);
            let Some(object) = record.github.as_ref().filter(|_| {
                drifts
                    && record.life == Life::Provisioning
                    && record.notion.is_none()
                    && !record.copy
            }) else {
                continue;
            };
            let snapshot = binding.github.read(object, true).await?;
            let place = snapshot.place.clone();
            let view = text::view(
                binding,
                bound,
                &self.bounds,
                Side::Github,
                &snapshot,
                place.as_deref(),
            );
            let named = view.marker.counterpart.as_deref().map(bare);
            let Some(page) = named.and_then(|named| pages.remove(&named)) else {
                continue;
            };
            let Some(mut state) = self.state().record(&record.id).await? else {
                continue;
            };
            state.record.notion = Some(page.object.clone());
            prepared.retain(|p| p.state.record.id != record.id);
            prepared.push(Prepared {
                state,
                notion: Some(page),
                github: Some(view),
                identity: Identity::MutualMarkers,
                proposal: None,
                news: true,
                nudged: false,
                talk: Heard::Nothing,
            });
        }
        Ok(())
    }

    /// Paths at which files were proposed for pages that have none, with the pages' records.
    async fn proposed_paths(
        &self,
        binding: &Binding,
        prepared: &[Prepared],
    ) -> Result<BTreeMap<String, RecordId>> {
        let mut out = BTreeMap::new();
        let stored = self.state().records(&binding.mapping.id).await?;
        for record in stored
            .iter()
            .chain(prepared.iter().map(|p| &p.state.record))
        {
            if let Some(proposal) = &record.proposal
                && record.life == Life::Provisioning
                && record.github.is_none()
                && proposal.kind == ProposalKind::Create
                && matches!(proposal.state, ProposalState::Open | ProposalState::Merged)
                && let Some(path) = &proposal.path
            {
                out.insert(path.clone(), record.id.clone());
            }
        }
        Ok(out)
    }

    /// Whether an operation that is not settled made this object.
    async fn made_by_us(&self, view: &View) -> Result<bool> {
        let Some(op) = &view.marker.created_by else {
            return Ok(false);
        };
        Ok(self
            .state()
            .operation(op)
            .await?
            .is_some_and(|op| !op.value.state.is_final()))
    }

    /// A new object on GitHub names a page that a record owns.
    async fn claimed(
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
            record.github = Some(view.object.clone());
            prepared_owner.identity = if record.life == Life::Provisioning {
                Identity::MutualMarkers
            } else {
                Identity::Clean
            };
            prepared_owner.github = Some(view);
            prepared.push(prepared_owner);
        } else {
            prepared.push(prepared_owner);
            let mut start = self.start(binding, None, Some(view), Identity::Copy);
            start.state.record.copy = true;
            prepared.push(start);
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
                    let snapshot = binding.remote(side).read(&object, true).await?;
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
            let mut start = self.start(binding, None, Some(view.clone()), Identity::Copy);
            start.state.record.copy = true;
            prepared.push(start);
            return Ok(());
        }
        state.record.github = Some(view.object.clone());
        let identity = match of_pair(&state.record, notion.as_ref(), Some(&view)) {
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

    fn start(
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

    /// Paths and addresses of known records, with their pages.
    async fn paths(&self, binding: &Binding) -> Result<BTreeMap<String, String>> {
        let mut out = BTreeMap::new();
        for record in self.state().records(&binding.mapping.id).await? {
            let Some(page) = &record.notion else { continue };
            for key in [record.path.clone(), record.urls.1.clone()]
                .into_iter()
                .flatten()
            {
                out.insert(key, page.id.clone());
            }
        }
        Ok(out)
    }
}

/// Whether an unowned page carries the path or address of another page's partner.
fn is_copy(page: &View, known: &BTreeMap<String, String>) -> bool {
    ["path", "url"]
        .iter()
        .filter_map(|key| page.bookkeeping.get(*key))
        .any(|value| {
            !value.is_empty()
                && known
                    .get(value)
                    .is_some_and(|owner| *owner != page.object.id)
        })
}

fn dashed(id: &str) -> String {
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

fn key_of_page(binding: &Binding, page: &View) -> String {
    let title = text::title_of(page);
    match binding.mapping.kind {
        MappingKind::Documents => binding
            .mapping
            .path
            .path(&title, &page.object.id, |_| false),
        MappingKind::Tasks => title.trim().to_lowercase(),
    }
}

fn key_of_other(binding: &Binding, view: &View) -> String {
    match binding.mapping.kind {
        MappingKind::Documents => view.place.clone().unwrap_or_default(),
        MappingKind::Tasks => text::title_of(view).trim().to_lowercase(),
    }
}

/// Keys with their candidates on each side.
#[derive(Debug, Default)]
struct Keys {
    pages: BTreeMap<String, Vec<String>>,
    others: BTreeMap<String, Vec<usize>>,
}

impl Keys {
    fn add_page(&mut self, key: String, id: String) {
        if !key.is_empty() {
            self.pages.entry(key).or_default().push(id);
        }
    }

    fn add_other(&mut self, key: String, index: usize) {
        if !key.is_empty() {
            self.others.entry(key).or_default().push(index);
        }
    }

    /// Pairs with exactly one candidate on each side.
    fn unique(&self) -> BTreeMap<String, usize> {
        self.pages
            .iter()
            .filter_map(
                |(key, pages)| match (pages.as_slice(), self.others.get(key)?.as_slice()) {
                    ([page], [other]) => Some((page.clone(), *other)),
                    _ => None,
                },
            )
            .collect()
    }
}
