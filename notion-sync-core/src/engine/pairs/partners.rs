//! Which objects that no record owns belong together: marks first, then keys.

use std::collections::{BTreeMap, BTreeSet};

use crate::engine::observe::bind::Bound;
use crate::engine::observe::survey::Prepared;
use crate::engine::observe::text;
use crate::engine::pairs::identity::{ProposedFile, dashed, remember_marks};
use crate::engine::pairs::marks::{self, Standing, bare, is_marked_page, named_by_page};
use crate::engine::tell::comments::Heard;
use crate::engine::{Binding, Engine};
use crate::error::{Error, Result};
use crate::id::{OpId, RecordId, RemoteRef, Side};
use crate::mapping::{MappingKind, View};
use crate::reconcile::table::Identity;
use crate::record::{Life, Record};
use crate::state::RecordState;

/// An object that takes part: with the record that holds it back, where there is one.
pub(in crate::engine) type Part = (View, Option<RecordState>);

/// Objects whose records wait because their marks contradict something, as just read.
#[derive(Debug, Default)]
pub(in crate::engine) struct Held {
    pages: Vec<Part>,
    others: Vec<Part>,
    /// Keys of new objects that could not be read now, as the listing shows them: what has no marks and the
    /// same key may be the partner of one.
    unread: BTreeSet<String>,
    /// Operations that were never sent, as far as the store knows, and whose objects are there.
    pub(in crate::engine) sent: Vec<OpId>,
}

/// Objects that cannot be judged now because something else could not be read: their sides, and why.
pub(in crate::engine) type Missed = Vec<(Vec<Side>, Option<Error>)>;

impl Engine {
    /// Gives each unowned object a record: the one its marks name, or a new one. Answers what of it has
    /// to be listed again.
    pub(in crate::engine) async fn pair(
        &self,
        binding: &Binding,
        bound: &Bound,
        prepared: &mut Vec<Prepared>,
        fresh: Vec<(Side, View)>,
        held: Held,
        records: &mut BTreeMap<RecordId, RecordState>,
    ) -> Result<Missed> {
        let mut pages: Vec<Part> = Vec::new();
        let mut others: Vec<Part> = Vec::new();
        for (side, view) in fresh {
            match side {
                Side::Notion => pages.push((view, None)),
                Side::Github => others.push((view, None)),
            }
        }
        if pages.is_empty() && others.is_empty() {
            return Ok(Vec::new());
        }
        {
            let seen: Vec<&View> = pages.iter().map(|(view, _)| view).collect();
            let mut issues: Vec<&mut View> = others.iter_mut().map(|(view, _)| view).collect();
            if let Err(error) = self.read_cards(binding, &seen, &mut issues).await {
                // Each of these issues may belong to one of the pages: neither is judged alone.
                let page = (!pages.is_empty()).then_some(Side::Notion);
                let sides = page.into_iter().chain([Side::Github]).collect();
                return Ok(vec![(sides, Some(error))]);
            }
        }
        let mut missed = Missed::new();
        let mut taken = Vec::new();
        for (side, fresh, held) in [
            (Side::Notion, pages, &held.pages),
            (Side::Github, others, &held.others),
        ] {
            let rest = self
                .take_duplicates(binding, bound, prepared, side, (fresh, held), &mut missed)
                .await?;
            taken.push(rest);
        }
        let (others, pages) = (
            taken.pop().unwrap_or_default(),
            taken.pop().unwrap_or_default(),
        );
        let (mut all, unread) = self
            .unclaimed(binding, bound, prepared, records, others, &held)
            .await?;
        missed.extend(unread);
        let mut pages = self.no_copies(binding, prepared, pages).await?;
        pages.extend(held.pages);
        all.extend(held.others);
        let waiting = self
            .by_marks(binding, bound, prepared, pages, all, &held.unread)
            .await?;
        missed.push((waiting.into_iter().collect(), None));
        for one in prepared.iter_mut().filter(|one| !one.state.is_stored()) {
            self.free_id(binding, &mut one.state.record).await?;
        }
        Ok(missed)
    }

    /// Objects of GitHub that name no page which a record owns, and are no proposed file.
    async fn unclaimed(
        &self,
        binding: &Binding,
        bound: &Bound,
        prepared: &mut Vec<Prepared>,
        records: &mut BTreeMap<RecordId, RecordState>,
        others: Vec<Part>,
        held: &Held,
    ) -> Result<(Vec<Part>, Missed)> {
        let mut proposed = if others.is_empty() {
            BTreeMap::new()
        } else {
            self.proposed_files(binding, prepared).await?
        };
        let waits = |owner: &RecordId| {
            (held.pages.iter())
                .filter_map(|(_, state)| state.as_ref())
                .any(|state| state.record.id == *owner)
        };
        let (mut out, mut claims) = (Vec::new(), Vec::new());
        for (view, state) in others {
            let owner = match view.marker.counterpart.as_deref() {
                Some(named) => {
                    let page = RemoteRef::new("notion", "page", dashed(named));
                    let owner = self.state().owner(&page).await?;
                    owner.filter(|owner| !waits(owner))
                }
                // A file without marks where one was proposed for a page is that file, merged.
                None => (view.place.as_ref())
                    .and_then(|place| proposed.remove(place))
                    .map(|file| file.owner),
            };
            match owner {
                Some(owner) => claims.push((owner, view)),
                None => out.push((view, state)),
            }
        }
        // What could not be read may be the file that was proposed there.
        proposed.retain(|place, file| file.may_be_in && !held.unread.contains(place));
        let (moved, out) = self.moved_since(out, proposed.into_values()).await?;
        let mut missed = Missed::new();
        for (owner, view) in claims.into_iter().chain(moved) {
            let claimed = self.claimed(binding, bound, prepared, records, &owner, view);
            let error = claimed.await.err();
            missed.extend(error.map(|error| (vec![Side::Github], Some(error))));
        }
        Ok((out, missed))
    }

    /// Files that moved after they were merged and before anybody looked: nothing tells whose they are but
    /// that they say what was proposed, to the last byte. Where two proposals or two files say the same,
    /// nothing does. Answers them with their owners, and the others.
    async fn moved_since(
        &self,
        others: Vec<Part>,
        proposed: impl Iterator<Item = ProposedFile>,
    ) -> Result<(Vec<(RecordId, View)>, Vec<Part>)> {
        let text_of = |(view, state): &Part| {
            let bare = state.is_none() && view.marker.counterpart.is_none();
            let source = view.source.as_ref().filter(|_| bare)?;
            Some(source.text.clone())
        };
        let mut files: BTreeMap<String, usize> = BTreeMap::new();
        for text in others.iter().filter_map(text_of) {
            *files.entry(text).or_default() += 1;
        }
        let mut owners: BTreeMap<String, Vec<RecordId>> = BTreeMap::new();
        if !files.is_empty() {
            for file in proposed {
                let text = self.proposed_text(&file).await?;
                let text = text.filter(|text| files.get(text) == Some(&1));
                if let Some(text) = text {
                    owners.entry(text).or_default().push(file.owner);
                }
            }
        }
        let (mut moved, mut out) = (Vec::new(), Vec::new());
        for part in others {
            let owner = text_of(&part).and_then(|text| owners.remove(&text));
            match owner.as_deref() {
                Some([owner]) => moved.push((owner.clone(), part.0)),
                _ => out.push(part),
            }
        }
        Ok((moved, out))
    }

    /// Pages that do not carry the marks of a page that a record owns.
    async fn no_copies(
        &self,
        binding: &Binding,
        prepared: &mut Vec<Prepared>,
        pages: Vec<Part>,
    ) -> Result<Vec<Part>> {
        if pages.is_empty() {
            return Ok(pages);
        }
        let known = self.known_names(binding).await?;
        let mut out = Vec::new();
        for (page, state) in pages {
            let named = named_by_page(binding.mapping.kind, &page);
            let copied = (named.iter())
                .filter_map(|name| known.get(name))
                .any(|owner| *owner != page.object.id);
            if copied || (named.is_empty() && self.is_made_for_another(&page).await?) {
                prepared.push(self.start_copy(binding, Some(page), None));
            } else {
                out.push((page, state));
            }
        }
        Ok(out)
    }

    /// Whether the operation that a page says made it made another one.
    async fn is_made_for_another(&self, page: &View) -> Result<bool> {
        let Some(op) = &page.marker.created_by else {
            return Ok(false);
        };
        let Some(op) = self.state().operation(op).await? else {
            return Ok(false);
        };
        let owner = self.state().record(&op.value.record).await?;
        Ok(owner.is_some_and(|owner| {
            (owner.record.notion.as_ref()).is_some_and(|known| *known != page.object)
        }))
    }

    /// Objects whose records wait because their marks contradict something: what is new may be what
    /// they lack.
    pub(in crate::engine) async fn held_back_by_marks(
        &self,
        binding: &Binding,
        bound: &Bound,
    ) -> Result<Held> {
        let mut out = Held::default();
        for record in self.state().records(&binding.mapping.id).await? {
            let Some((side, object)) = held_back(&record) else {
                continue;
            };
            let snapshot = self.read_object(binding, side, &object).await?;
            let place = snapshot.place.clone().filter(|_| side == Side::Github);
            let view = text::view(
                binding,
                bound,
                &self.bounds,
                side,
                &snapshot,
                place.as_deref(),
            );
            let Some(state) = self.state().record(&record.id).await? else {
                continue;
            };
            if text::is_present(Some(&view)) {
                match side {
                    Side::Notion => out.pages.push((view, Some(state))),
                    Side::Github => out.others.push((view, Some(state))),
                }
            }
        }
        Ok(out)
    }

    async fn by_marks(
        &self,
        binding: &Binding,
        bound: &Bound,
        prepared: &mut Vec<Prepared>,
        pages: Vec<Part>,
        others: Vec<Part>,
        unread: &BTreeSet<String>,
    ) -> Result<BTreeSet<Side>> {
        let kind = binding.mapping.kind;
        let (page_is, other_is) = {
            let pages: Vec<&View> = pages.iter().map(|(view, _)| view).collect();
            let others: Vec<&View> = others.iter().map(|(view, _)| view).collect();
            marks::pair(kind, &pages, &others)
        };
        let mut taken: BTreeSet<RecordId> = BTreeSet::new();
        let mut left: Vec<View> = Vec::new();
        for ((page, state), standing) in pages.iter().zip(&page_is) {
            match (standing, state) {
                (Standing::Paired(at, both), _) => {
                    let (other, held) = &others[*at];
                    let identity = if *both {
                        Identity::MutualMarkers
                    } else {
                        Identity::OneMarker
                    };
                    let pair = match (state, held) {
                        // Two records that know one each: a person joins them.
                        (Some(_), Some(_)) => continue,
                        (None, None) => {
                            let id = self.id_of_pair(binding, page, other, &taken).await?;
                            taken.insert(id.clone());
                            let (page, other) = (page.clone(), other.clone());
                            let mut start = self.start(binding, Some(page), Some(other), identity);
                            start.state.record.id = id;
                            start
                        }
                        (Some(state), None) | (None, Some(state)) => {
                            join_held(state, page, other, identity)
                        }
                    };
                    prepared.retain(|p| p.state.record.id != pair.state.record.id);
                    prepared.push(pair);
                }
                (_, Some(_)) => {}
                (Standing::Copy(at), None) => {
                    let original = &pages[*at].0;
                    prepared.push(
                        self.start_twin(binding, bound, Side::Notion, page, original)
                            .await?,
                    );
                }
                (Standing::Contested(_) | Standing::Orphan, None)
                    if !named_by_page(kind, page).is_empty() =>
                {
                    prepared.push(self.contradicts(binding, Some(page.clone()), None));
                }
                // What stands in the way of an object without marks stands on the others.
                (Standing::Contested(_), None) => {}
                (Standing::Orphan | Standing::Unmarked, None) => left.push(page.clone()),
            }
        }
        let mut unmarked: Vec<View> = Vec::new();
        for ((other, state), standing) in others.iter().zip(&other_is) {
            match (standing, state) {
                (Standing::Paired(..), _) | (_, Some(_)) => {}
                (Standing::Copy(at), None) => {
                    let original = &others[*at].0;
                    prepared.push(
                        self.start_twin(binding, bound, Side::Github, other, original)
                            .await?,
                    );
                }
                (Standing::Contested(_) | Standing::Orphan, None) => {
                    if other.marker.counterpart.is_some() {
                        // The page it names is another's, not in scope, or not shared.
                        prepared.push(self.contradicts(binding, None, Some(other.clone())));
                    }
                }
                (Standing::Unmarked, None) => unmarked.push(other.clone()),
            }
        }
        let mut waiting = BTreeSet::new();
        left.retain(|page| {
            let waits = unread.contains(&key_of_page(binding, page));
            waiting.extend(waits.then_some(Side::Notion));
            !waits
        });
        unmarked.retain(|other| {
            let waits = unread.contains(&key_of_other(binding, other));
            waiting.extend(waits.then_some(Side::Github));
            !waits
        });
        self.by_key(binding, prepared, left, unmarked);
        Ok(waiting)
    }

    /// A new object could not be read now.
    pub(in crate::engine) fn not_read(
        binding: &Binding,
        side: Side,
        listed: &View,
        held: &mut Held,
    ) {
        let key = match side {
            Side::Notion => key_of_page(binding, listed),
            Side::Github => key_of_other(binding, listed),
        };
        held.unread.extend((!key.is_empty()).then_some(key));
    }

    /// Objects without marks: a page and an object of the same key are not doubled.
    fn by_key(
        &self,
        binding: &Binding,
        prepared: &mut Vec<Prepared>,
        pages: Vec<View>,
        others: Vec<View>,
    ) {
        let mut keys = Keys::default();
        let pages: BTreeMap<String, View> = pages
            .into_iter()
            .map(|page| (bare(&page.object.id), page))
            .collect();
        for (id, page) in &pages {
            keys.add_page(key_of_page(binding, page), id.clone());
        }
        for (index, view) in others.iter().enumerate() {
            keys.add_other(key_of_other(binding, view), index);
        }
        let matches = keys.unique();
        let mut used = BTreeSet::new();
        for (id, page) in pages {
            match matches.get(&id) {
                Some(&index) => {
                    used.insert(index);
                    let other = others[index].clone();
                    let mut start = self.start(binding, Some(page), Some(other), Identity::SameKey);
                    start.state.record.same_key = !binding.mapping.adopt_by_key;
                    prepared.push(start);
                }
                // We made it, and what for is not there.
                None if is_marked_page(binding.mapping.kind, &page) => {
                    prepared.push(self.contradicts(binding, Some(page), None));
                }
                None => prepared.push(self.start(binding, Some(page), None, Identity::Clean)),
            }
        }
        for (index, view) in others.into_iter().enumerate() {
            if !used.contains(&index) {
                prepared.push(self.start(binding, None, Some(view), Identity::Clean));
            }
        }
    }

    fn contradicts(
        &self,
        binding: &Binding,
        notion: Option<View>,
        github: Option<View>,
    ) -> Prepared {
        self.start(binding, notion, github, Identity::Contradiction)
    }
}

/// The object of a record that knows no other and waits because of its marks.
pub(in crate::engine) fn held_back(record: &Record) -> Option<(Side, RemoteRef)> {
    let drifts = record.problem.as_ref().is_some_and(|problem| problem.drift);
    let alone = record.copy || record.duplicate.is_some();
    if !drifts || record.life != Life::Provisioning || alone {
        return None;
    }
    match (&record.notion, &record.github) {
        (Some(page), None) => Some((Side::Notion, page.clone())),
        (None, Some(object)) => Some((Side::Github, object.clone())),
        _ => None,
    }
}

/// The record of one of two objects takes the other.
fn join_held(state: &RecordState, page: &View, other: &View, identity: Identity) -> Prepared {
    let mut state = state.clone();
    state.record.notion = Some(page.object.clone());
    state.record.github = Some(other.object.clone());
    remember_marks(&mut state.record, Some(page), Some(other));
    Prepared {
        state,
        notion: Some(page.clone()),
        github: Some(other.clone()),
        identity,
        proposal: None,
        news: true,
        nudged: false,
        talk: Heard::Nothing,
    }
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
