//! Looks at both sides of a mapping and pairs what belongs together.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use futures::stream::{self, StreamExt as _};

use crate::engine::observe::bind::Bound;
use crate::engine::observe::hints::answered;
use crate::engine::observe::looking::Looking;
use crate::engine::observe::orphans::Orphans;
use crate::engine::observe::relatives::parents;
use crate::engine::observe::text;
use crate::engine::pairs::identity;
use crate::engine::tell::comments::{Heard, Listening, Overheard};
use crate::engine::{Binding, Engine};
use crate::error::{Error, ErrorKind, Result, Retry};
use crate::event::ChangeEvent;
use crate::hash::ContentHash;
use crate::id::{OpId, RecordId, RemoteRef, Side};
use crate::mapping::{MappingKind, View};
use crate::operation::backoff;
use crate::reconcile::table::Identity;
use crate::record::{Life, ProposalState, Record};
use crate::remote::{Cursor, ListRequest, Listing};
use crate::snapshot::Presence;
use crate::state::{RecordState, Stored};

/// How many objects are read at once.
pub(super) const READERS: usize = 4;

/// What was seen.
#[derive(Debug)]
pub(crate) struct Survey {
    /// Records that have to be decided about.
    pub(crate) prepared: Vec<Prepared>,
    /// Where the listings ended: none of a side of which not everything was listed and read.
    pub(crate) cursors: (Option<Cursor>, Option<Cursor>),
    /// Operations that were never sent, as far as the store knows, and whose objects are there.
    pub(crate) sent: Vec<OpId>,
    /// Whether both sides listed all that there is to list, whatever could be read of it.
    pub(crate) listed: bool,
    /// Where the listing of GitHub ended, whatever came of it.
    pub(crate) ended: Cursor,
    /// How many objects the listings showed as new or moved, where they list what changed.
    pub(crate) found: BTreeMap<Side, usize>,
    /// Hints that are answered by this survey.
    pub(crate) hints: Vec<Stored<ChangeEvent>>,
    /// Whether a side that should hold something listed nothing.
    pub(crate) emptied: Option<Side>,
    /// Why absence proves nothing, by side.
    pub(crate) doubts: BTreeMap<Side, String>,
    /// Records that could not be read now, and when to try again.
    pub(crate) deferred: Vec<(RecordState, DateTime<Utc>)>,
    /// What looking for comments came to.
    pub(crate) overheard: Overheard,
    /// Until when a remote asked to wait, with what it said.
    pub(crate) waits: Option<(DateTime<Utc>, String)>,
    /// What the full listings of both sides showed, where a record owns all of it and nothing is missing.
    pub(crate) digest: Option<ContentHash>,
    /// Whether the content of every pair was to be read with it.
    pub(crate) contents: bool,
    /// What a person has to know about the listings.
    pub(crate) alerts: Vec<String>,
}

/// A record with what was just seen of it.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) state: RecordState,
    pub(crate) notion: Option<View>,
    pub(crate) github: Option<View>,
    pub(crate) identity: Identity,
    /// A proposal's state as just read.
    pub(crate) proposal: Option<ProposalState>,
    /// Whether the record was changed before it was decided about, and must be saved.
    pub(crate) news: bool,
    /// Whether something that the record is linked to changed: steps that wait are looked at again.
    pub(crate) nudged: bool,
    /// What its comments are, where they follow and were read.
    pub(crate) talk: Heard,
}

impl Prepared {
    /// What was seen of one side.
    pub(crate) fn view(&self, side: Side) -> Option<&View> {
        match side {
            Side::Notion => self.notion.as_ref(),
            Side::Github => self.github.as_ref(),
        }
    }
}

impl Engine {
    /// Lists both sides, finds what may have changed, reads it.
    pub(crate) async fn survey(
        &self,
        binding: &Binding,
        bound: &Bound,
        full: bool,
        poll: bool,
    ) -> Result<Survey> {
        let id = &binding.mapping.id;
        let stored = self.state().mapping(id).await?.value;
        // Now and then the content of everything is compared too: a service may change what it does not date.
        let contents = full && self.contents_due(&stored);
        let retyped = bound.retyped(&stored);
        let full_notion = full || stored.notion_cursor.is_none() || !retyped.is_empty();
        let full_github = full || stored.github_cursor.is_none();
        let request = |cursor: Option<&Cursor>, full: bool| ListRequest {
            cursor: cursor.cloned(),
            full,
        };
        let since = stored
            .github_cursor
            .as_ref()
            .or(stored.github_began.as_ref());
        let notion = request(stored.notion_cursor.as_ref(), full_notion);
        let began = self.now();
        let notion = binding.notion.list(notion).await?;
        let github_began = self.now();
        let github = binding.github.list(request(since, full_github)).await?;

        let mut looking = Looking::default();
        looking.take(Side::Notion, &notion);
        looking.take(Side::Github, &github);
        let listings = [
            (Side::Notion, began, notion.complete),
            (Side::Github, github_began, github.complete),
        ];
        self.see_lags(binding, listings, &looking);
        let mut due: BTreeSet<RecordId> = BTreeSet::new();
        // Issues keep their names, and are listed by what they are now.
        if binding.mapping.kind == MappingKind::Documents
            && let Some(cursor) = since
            && *cursor != github.cursor
        {
            looking.begin(cursor);
            due = looking.go_on(github.continues, &self.state().records(id).await?);
        }

        // Records that are due by themselves: unsettled reads, holds, open proposals, hints.
        let now = self.now();
        due.extend(self.state().due(id, now).await?);
        // A step that waits is no work under way: it is asked for whenever both sides are listed.
        due.extend(self.state().steps_due(id, now).await?);
        if bound.is_other_schema(&stored) {
            // What waited for a property, an option or a place may have it now.
            for record in self.state().records(id).await? {
                if record.problem.as_ref().is_some_and(|one| !one.drift) {
                    due.insert(record.id);
                }
            }
        }
        let proposals = self.ended_proposals(binding).await?;
        due.extend(proposals.keys().cloned());
        let (hints, hint_owners) = self.hints_of(id).await?;
        let listening = Listening::new(binding, &stored, full, &hints, &hint_owners, now);
        let hinting = (hints.iter())
            .filter(|hint| listening.concerns(&hint.value))
            .filter_map(|hint| hint_owners.get(&hint.value.object));
        let mut nudged: BTreeSet<RecordId> = hinting.cloned().collect();
        // An event about a pull request or its checks names nothing that a record owns.
        let strange: Vec<&RemoteRef> = (hints.iter().map(|hint| &hint.value))
            .filter(|hint| hint.side == Side::Github && !hint_owners.contains_key(&hint.object))
            .map(|hint| &hint.object)
            .collect();
        nudged.extend(self.linked_to(binding, &github.touched, &strange).await?);
        due.extend(nudged.iter().cloned());

        // Where a sweep shows what the last one showed, nothing of it is looked at once more, not even in the
        // store.
        let digest = (full_notion && full_github && notion.complete && github.complete)
            .then(|| looking.digest(self.bounds.settle()))
            .flatten();
        let unchanged = digest.is_some()
            && digest == stored.swept
            && stored.doubts.is_empty()
            && !bound.is_other_schema(&stored)
            && Self::reconfigured(binding, &stored).is_empty();
        let objects = if unchanged {
            Vec::new()
        } else {
            looking.objects()
        };
        let owners = self.state().owners(&objects).await?;
        let mut records: BTreeMap<RecordId, RecordState> = BTreeMap::new();
        let mut new: Vec<(Side, RemoteRef)> = Vec::new();
        let mut found: BTreeMap<Side, usize> = BTreeMap::new();
        let mut orphans = Orphans::default();
        let pairs = if unchanged {
            Vec::new()
        } else {
            looking.pairs()
        };
        for (side, object) in pairs {
            // What we moved ourselves is known under the name that it has by now, and what nobody knew
            // before is there under no other.
            let object = match looking.renamed.get(&object) {
                Some(now) if !owners.contains_key(&object) => now.clone(),
                _ => object,
            };
            let moved = match owners.get(&object) {
                Some(owner) => match self.known(&mut records, owner).await? {
                    Some(state) if state.record.mapping == *id => {
                        let gone = looking.gone.contains_key(&object);
                        let turned = || {
                            // Neither a parent that is named nor another type need move a revision.
                            let fields = parents(bound).chain(retyped.iter().copied());
                            (looking.items.get(&(side, object.clone()))).is_some_and(|item| {
                                bound.is_listed_otherwise(side, item, &state.record, fields)
                            })
                        };
                        if gone || looking.moved(side, state, now, self.bounds.settle()) || turned()
                        {
                            due.insert(owner.clone());
                        }
                        gone || looking.revised(side, state)
                    }
                    Some(state) => {
                        orphans.see(self, &state.record);
                        false
                    }
                    None => false,
                },
                None => {
                    new.push((side, object));
                    true
                }
            };
            let all = match side {
                Side::Notion => full_notion,
                Side::Github => full_github,
            };
            if moved && !all {
                *found.entry(side).or_default() += 1;
            }
        }
        let mut whole_registry = unchanged || new.is_empty();
        if (full_notion || full_github) && !unchanged {
            for record in self.state().records(id).await? {
                if record.life == Life::Tombstone || record.life == Life::Detached {
                    continue;
                }
                let unseen = |side: Side, object: Option<&RemoteRef>| {
                    object.is_some_and(|object| !looking.lists(side, object))
                };
                if (full_notion && unseen(Side::Notion, record.notion.as_ref()))
                    || (full_github && unseen(Side::Github, record.github.as_ref()))
                {
                    due.insert(record.id.clone());
                    whole_registry = false;
                }
            }
        }
        if contents {
            let live = |record: &Record| record.life == Life::Live;
            let records = self.state().records(id).await?;
            due.extend(records.into_iter().filter(live).map(|record| record.id));
        }

        let mut jobs: Vec<RecordState> = Vec::new();
        for owner in &due {
            if let Some(state) = self.known(&mut records, owner).await?
                && state.record.mapping == *id
            {
                jobs.push(state.clone());
            }
        }
        let (looking, listening) = (&looking, &listening);
        let reads: Vec<(RecordState, Result<Prepared>)> = stream::iter(jobs)
            .map(|state| {
                let proposal = proposals.get(&state.record.id).copied();
                async move {
                    if self.is_halted() {
                        return (state, Err(halted()));
                    }
                    let read = self
                        .prepare(binding, bound, looking, state.clone(), proposal, listening)
                        .await;
                    (state, read)
                }
            })
            .buffered(READERS)
            .collect()
            .await;
        if self.is_halted() {
            return Err(halted());
        }
        // What a remote does not answer now is looked at later; the rest goes on. Otherwise a run
        // that needs more requests than a remote allows at once would never get anywhere.
        let mut prepared: Vec<Prepared> = Vec::new();
        let mut deferred: Vec<(RecordState, DateTime<Utc>)> = Vec::new();
        let mut waits: Option<(DateTime<Utc>, String)> = None;
        for (state, read) in reads {
            match read {
                Ok(mut ready) => {
                    ready.nudged = nudged.contains(&ready.state.record.id);
                    prepared.push(ready);
                }
                Err(error) => {
                    let at = self.wait_for(error, &mut waits)?;
                    let mut state = state;
                    looking.keep(&mut state);
                    deferred.push((state, at));
                }
            }
        }
        self.look_at_pulls(binding, bound, &mut prepared).await?;
        let mut unread: BTreeSet<Side> = BTreeSet::new();
        let (fresh, mut held) = self
            .arrivals(binding, bound, looking, &new, &mut waits, &mut unread)
            .await?;
        let sent = std::mem::take(&mut held.sent);
        let mut overheard = Overheard::default();
        if waits.is_none() && (poll || full || self.turn_is_due(id)) {
            self.turned(id);
            let (found, heard) = self.overhear(binding, listening, &stored, &due).await?;
            overheard = heard;
            for (state, talk) in found {
                let read = self
                    .prepare(
                        binding,
                        bound,
                        looking,
                        state.clone(),
                        None,
                        &Listening::default(),
                    )
                    .await;
                match read {
                    Ok(mut ready) => {
                        ready.talk = talk;
                        prepared.push(ready);
                    }
                    Err(error) => {
                        let at = self.wait_for(error, &mut waits)?;
                        deferred.push((state, at));
                    }
                }
            }
        }
        overheard.refused = listening.refusal();
        let strange: BTreeSet<RemoteRef> = (fresh.iter().filter(|(side, _)| *side == Side::Github))
            .map(|(_, view)| view.object.clone())
            .collect();
        let missed = self
            .pair(binding, bound, &mut prepared, fresh, held, &mut records)
            .await?;
        for (sides, error) in missed {
            if let Some(error) = error {
                self.wait_for(error, &mut waits)?;
            }
            unread.extend(sides);
        }
        for one in &mut prepared {
            if (one.state.record.github.as_ref()).is_some_and(|object| strange.contains(object)) {
                looking.note_new(&mut one.state.record);
            }
        }
        prepared.sort_by(|a, b| a.state.record.id.cmp(&b.state.record.id));

        // A side that lists nothing although something lives there is not believed, unless each of
        // the missing objects was looked at and says itself that it is gone.
        let unexplained = |side: Side| {
            prepared.iter().any(|p| {
                p.state.record.life == Life::Live
                    && p.state.record.object(side).is_some()
                    && !matches!(
                        p.view(side).map(|view| &view.presence),
                        Some(Presence::Gone(_) | Presence::MovedOut(_))
                    )
            })
        };
        let empty = |listed_all: bool, listing: &Listing| {
            listed_all && listing.complete && listing.items.is_empty()
        };
        let emptied = if empty(full_notion, &notion) && unexplained(Side::Notion) {
            Some(Side::Notion)
        } else if empty(full_github, &github) && unexplained(Side::Github) {
            Some(Side::Github)
        } else {
            None
        };
        let doubts = self.doubts(binding, &prepared, &stored.doubts, full).await;
        let nothing_deferred = deferred.is_empty();
        let hints = answered(hints, &hint_owners, &prepared, &deferred);
        let said = |side: Side, listing: &Listing| -> Vec<String> {
            (listing.alerts.iter())
                .map(|alert| format!("{side}: {alert}"))
                .collect()
        };
        let mut alerts = said(Side::Notion, &notion);
        alerts.extend(said(Side::Github, &github));
        alerts.extend(orphans.alerts());
        let whole = |side: Side, listing: &Listing| listing.complete && !unread.contains(&side);
        Ok(Survey {
            prepared,
            found,
            sent,
            listed: notion.complete && github.complete,
            ended: github.cursor.clone(),
            cursors: (
                whole(Side::Notion, &notion).then_some(notion.cursor),
                whole(Side::Github, &github).then_some(github.cursor),
            ),
            hints,
            emptied,
            doubts,
            deferred,
            contents,
            digest: digest.filter(|_| {
                whole_registry && waits.is_none() && unread.is_empty() && nothing_deferred
            }),
            overheard,
            waits,
            alerts,
        })
    }

    /// When a read that failed can be tried again.
    ///
    /// # Errors
    ///
    /// The error itself where waiting does not help.
    pub(super) fn wait_for(
        &self,
        error: crate::Error,
        waits: &mut Option<(DateTime<Utc>, String)>,
    ) -> Result<DateTime<Utc>> {
        let at = match error.retry() {
            Retry::Never => return Err(error),
            Retry::Backoff => self.now() + backoff(3, self.jitter.next()),
            Retry::NotBefore(at) => at,
        };
        if waits.as_ref().is_none_or(|(known, _)| *known < at) {
            *waits = Some((at, error.to_string()));
        }
        Ok(at)
    }

    async fn known<'r>(
        &self,
        records: &'r mut BTreeMap<RecordId, RecordState>,
        id: &RecordId,
    ) -> Result<Option<&'r RecordState>> {
        if !records.contains_key(id) {
            match self.state().record(id).await? {
                Some(state) => {
                    records.insert(id.clone(), state);
                }
                None => return Ok(None),
            }
        }
        Ok(records.get(id))
    }

    /// Reads both sides of a record.
    async fn prepare(
        &self,
        binding: &Binding,
        bound: &Bound,
        looking: &Looking,
        mut state: RecordState,
        proposal: Option<ProposalState>,
        listening: &Listening,
    ) -> Result<Prepared> {
        looking.follow(&mut state);
        let path = state.record.path.clone();
        // A pull request that was merged after the listing changed the file after it: the file is
        // read again, or the old text would pass for what people decided.
        let nothing = Looking::default();
        // That it is gone for good is proven by the listing alone: a read only finds nothing.
        let proven =
            (state.record.github.as_ref()).is_some_and(|object| looking.gone.contains_key(object));
        let listed = if proposal.is_some() && !proven {
            &nothing
        } else {
            looking
        };
        let mut github = self
            .look(
                binding,
                bound,
                listed,
                Side::Github,
                &state,
                path.as_deref(),
            )
            .await?;
        if let Some(view) = &mut github {
            remember_absence(&mut state.record, looking, view);
        }
        let path = github.as_ref().and_then(|view| view.place.clone()).or(path);
        let notion = self
            .look(
                binding,
                bound,
                looking,
                Side::Notion,
                &state,
                path.as_deref(),
            )
            .await?;
        let kind = binding.mapping.kind;
        if state.record.copy && !identity::is_marked(kind, notion.as_ref(), github.as_ref()) {
            // Somebody took the marks off: it is an object of its own.
            state.record.copy = false;
        }
        let duplicate = self
            .of_duplicate(
                binding,
                bound,
                &mut state.record,
                notion.as_ref(),
                github.as_ref(),
            )
            .await?;
        let mut identity = match duplicate {
            Some(identity) => identity,
            None => identity::of_pair(kind, &state.record, notion.as_ref(), github.as_ref()),
        };
        if identity == Identity::Clean
            && let Some(page) = &notion
            && self.names_another(binding, &state.record, page).await?
        {
            identity = Identity::Contradiction;
        }
        let present =
            |view: Option<&View>| view.is_some_and(|view| view.presence == Presence::Present);
        let both = present(notion.as_ref()) && present(github.as_ref());
        let talk = if both && identity == Identity::Clean {
            self.listen(binding, &state.record, listening).await?
        } else {
            Heard::Nothing
        };
        Ok(Prepared {
            state,
            notion,
            github,
            identity,
            proposal,
            news: false,
            nudged: false,
            talk,
        })
    }

    async fn look(
        &self,
        binding: &Binding,
        bound: &Bound,
        looking: &Looking,
        side: Side,
        state: &RecordState,
        path: Option<&str>,
    ) -> Result<Option<View>> {
        let Some(object) = state.record.object(side) else {
            return Ok(None);
        };
        let mut snapshot = match looking.proof(side, object) {
            Some(proof) => self.absent(object, Presence::Gone(proof)),
            None => match looking.ready(side, object) {
                Some(snapshot) => snapshot.clone(),
                None => self.read_object(binding, side, object).await?,
            },
        };
        if snapshot.presence == Presence::Missing
            && let Some(proof) = state.record.proof(side)
        {
            snapshot.presence = Presence::Gone(proof);
        }
        Ok(Some(text::view(
            binding,
            bound,
            &self.bounds,
            side,
            &snapshot,
            path,
        )))
    }
}

pub(super) fn halted() -> Error {
    Error::new(ErrorKind::Unavailable, "look at both sides").message("told to end")
}

/// Keeps the proof that an object on GitHub is gone. It stands in one listing alone; whoever reads
/// the object afterwards only fails to find it.
fn remember_absence(record: &mut Record, looking: &Looking, view: &mut View) {
    let listed = looking.absence(Side::Github, &view.object);
    match &view.presence {
        Presence::Present | Presence::MovedOut(_) => record.gone = None,
        Presence::Gone(proof) => record.gone = Some((view.object.clone(), *proof)),
        Presence::Missing => {
            if let Some(proof) = listed {
                record.gone = Some((view.object.clone(), proof));
            }
            if let Some((object, proof)) = &record.gone
                && *object == view.object
            {
                view.presence = Presence::Gone(*proof);
            }
        }
        Presence::Unread(_) => {}
    }
}
