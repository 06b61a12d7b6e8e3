//! Second objects that one creation of ours made.
//!
//! A creation whose answer was lost is sent again once nothing of it is found after a while. Where a service
//! shows what it made later than that, there are two objects that carry the mark of one operation. A copy that a
//! person makes carries the same mark: what tells them apart is who made it, and when.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Duration, Utc};

use crate::audit::{AuditEvent, AuditRow};
use crate::engine::observe::bind::Bound;
use crate::engine::observe::survey::Prepared;
use crate::engine::pairs::identity::is_marked;
use crate::engine::pairs::inventory::Inventory;
use crate::engine::pairs::partners::{Missed, Part};
use crate::engine::{Binding, Engine};
use crate::error::{ErrorKind, Result};
use crate::id::{OpId, RecordId, RemoteRef, Side};
use crate::mapping::{Direction, View};
use crate::operation::{Operation, record_of_create};
use crate::reconcile::STATE;
use crate::reconcile::table::Identity;
use crate::record::{Duplicate, Life, Record};
use crate::remote::Action;
use crate::snapshot::{Made, Presence, Proof};
use crate::value::Value;

/// By how much the clocks of a service and of this machine may differ, in seconds.
const SKEW: i64 = 60;

/// What the mark of an object that no record owns says about who made it.
pub(in crate::engine) struct MadeAgain {
    op: OpId,
    record: RecordId,
    made: Made,
    /// The object that its record has on this side.
    of: Option<RemoteRef>,
    /// Whether the store still knows the operation.
    is_known: bool,
}

impl Engine {
    /// Gives records of their own to those of these new objects that a creation of ours made besides another
    /// one, and answers the rest.
    pub(in crate::engine) async fn take_duplicates(
        &self,
        binding: &Binding,
        bound: &Bound,
        prepared: &mut Vec<Prepared>,
        side: Side,
        (fresh, held): (Vec<Part>, &[Part]),
        missed: &mut Missed,
    ) -> Result<Vec<Part>> {
        let mut out: Vec<Part> = Vec::new();
        let mut unbound: BTreeMap<(OpId, String), Vec<(View, MadeAgain)>> = BTreeMap::new();
        for (view, state) in fresh {
            let Some(again) = self.made_again(binding, prepared, side, &view).await? else {
                out.push((view, state));
                continue;
            };
            let Some(of) = again.of.clone() else {
                let maker = (again.op.clone(), again.made.by.clone());
                unbound.entry(maker).or_default().push((view, again));
                continue;
            };
            let kept = match binding.remote(side).read(&of, false).await {
                Ok(kept) => kept,
                Err(error) if error.kind() == ErrorKind::Store => return Err(error),
                Err(error) => {
                    missed.push((vec![side], Some(error)));
                    continue;
                }
            };
            let there = kept.object == of
                && match kept.presence {
                    Presence::Present => true,
                    Presence::Gone(proof) => proof == Proof::InTrash,
                    _ => false,
                };
            // An issue that was transferred has another name, and is the same one.
            if !there && side == Side::Github {
                out.push((view, state));
                continue;
            }
            let made = kept.made.as_ref().filter(|_| there);
            let maker = made.map(|made| made.by.clone());
            let is_ours = match &maker {
                Some(maker) => *maker == again.made.by,
                // Nobody can tell any more who made what the sync made.
                None => again.is_known,
            };
            if !is_ours {
                out.push((view, state));
                continue;
            }
            let known = again.known(of, kept.url, maker);
            let start = self.start_duplicate((binding, bound), side, view, known);
            match start.await {
                Ok(start) => prepared.push(start),
                Err(error) if error.kind() == ErrorKind::Store => return Err(error),
                Err(error) => missed.push((vec![side], Some(error))),
            }
        }
        // Nothing is bound yet: the one that was made first stays.
        for ((op, maker), mut several) in unbound {
            let is_older = |view: &&View| {
                let same = view.made.as_ref().is_some_and(|made| made.by == maker);
                same && view.marker.created_by.as_ref() == Some(&op)
            };
            let waiting = held.iter().map(|(view, _)| view).find(is_older).cloned();
            several.sort_by_key(|(view, again)| {
                let id = view.object.id.clone();
                (again.made.at, id.len(), id)
            });
            let mut several = several.into_iter();
            let kept = match waiting {
                Some(kept) => kept,
                None => {
                    let Some((first, _)) = several.next() else {
                        continue;
                    };
                    out.push((first.clone(), None));
                    first
                }
            };
            for (view, again) in several {
                let known = again.known(kept.object.clone(), kept.url.clone(), Some(maker.clone()));
                let start = self.start_duplicate((binding, bound), side, view, known);
                match start.await {
                    Ok(start) => prepared.push(start),
                    Err(error) if error.kind() == ErrorKind::Store => return Err(error),
                    Err(error) => missed.push((vec![side], Some(error))),
                }
            }
        }
        Ok(out)
    }

    /// Whether an object that no record owns may be what an operation made besides the object that it is known
    /// to have made. Asks no remote.
    pub(in crate::engine) async fn made_again(
        &self,
        binding: &Binding,
        prepared: &[Prepared],
        side: Side,
        view: &View,
    ) -> Result<Option<MadeAgain>> {
        let (Some(op), Some(made)) = (&view.marker.created_by, &view.made) else {
            return Ok(None);
        };
        if view.presence != Presence::Present {
            return Ok(None);
        }
        let known = self.state().operation(op).await?.map(|op| op.value);
        let record = match &known {
            Some(known) if !self.is_from(known, side, made, view) => return Ok(None),
            Some(known) => Some(known.record.clone()),
            None => record_of_create(op),
        };
        let Some(record) = record else {
            return Ok(None);
        };
        let seen = prepared.iter().map(|one| &one.state.record);
        let owner = match seen.into_iter().find(|one| one.id == record) {
            Some(owner) => Some(owner.clone()),
            None => self.state().record(&record).await?.map(|one| one.record),
        };
        let Some(owner) = owner.filter(|owner| owner.mapping == binding.mapping.id) else {
            return Ok(None);
        };
        let of = owner.object(side).filter(|of| **of != view.object).cloned();
        if owner.object(side).is_some() && of.is_none() {
            return Ok(None);
        }
        // What nobody remembers to have sent is told from a copy by the object that is there.
        if known.is_none() && of.is_none() {
            return Ok(None);
        }
        Ok(Some(MadeAgain {
            op: op.clone(),
            record,
            made: made.clone(),
            of,
            is_known: known.is_some(),
        }))
    }

    /// Objects that no record owns and that a creation made besides one that is there, with that one.
    pub(in crate::engine) async fn unseen_duplicates(
        &self,
        inventory: &Inventory,
        records: &[Record],
    ) -> Result<BTreeMap<RemoteRef, RemoteRef>> {
        let owned: BTreeSet<&RemoteRef> = (records.iter())
            .flat_map(|record| record.notion.iter().chain(&record.github))
            .collect();
        let mut out = BTreeMap::new();
        for (side, views) in [
            (Side::Notion, &inventory.pages),
            (Side::Github, &inventory.others),
        ] {
            for view in views.iter().filter(|view| !owned.contains(&view.object)) {
                let Some(op) = &view.marker.created_by else {
                    continue;
                };
                // Of records that are only shown, not stored, too.
                let known = self.state().operation(op).await?.map(|known| known.value);
                let record = match &known {
                    Some(known) => Some(known.record.clone()),
                    None => record_of_create(op),
                };
                let owner = records.iter().find(|one| Some(&one.id) == record.as_ref());
                let Some(of) = owner.and_then(|owner| owner.object(side)) else {
                    continue;
                };
                let Some(original) = inventory.view(side, of) else {
                    continue;
                };
                let made = view.made.as_ref();
                let in_time = known.is_none_or(|known| {
                    made.is_some_and(|made| self.is_from(&known, side, made, view))
                });
                if in_time && is_twin(view, original).is_some() {
                    out.insert(view.object.clone(), of.clone());
                }
            }
        }
        Ok(out)
    }

    /// Whether an object was made while a creation may have been carried out. A copy is made later.
    fn is_from(&self, op: &Operation, side: Side, made: &Made, view: &View) -> bool {
        let creates = matches!(op.write.action, Action::Create(_)) && op.side == side;
        let grain = i64::from(view.revision.grain_seconds);
        let first = op.created_at - Duration::seconds(SKEW + grain);
        creates && first <= made.at && made.at <= self.last_of(op)
    }

    /// The latest at which a request of an operation can have been carried out, by the clock of the service.
    fn last_of(&self, op: &Operation) -> DateTime<Utc> {
        let sent = op.intent_at.unwrap_or(op.created_at) + self.bounds.quiet_after_set();
        op.may_land_until.map_or(sent, |until| until.max(sent)) + Duration::seconds(SKEW)
    }

    /// The record of a duplicate.
    pub(in crate::engine) async fn start_duplicate(
        &self,
        (binding, bound): (&Binding, &Bound),
        side: Side,
        view: View,
        known: Duplicate,
    ) -> Result<Prepared> {
        let identity = self.use_of((binding, bound), side, &view, &known).await?;
        let (notion, github) = match side {
            Side::Notion => (Some(view), None),
            Side::Github => (None, Some(view)),
        };
        let mut start = self.start(binding, notion, github, identity);
        start.state.record.duplicate = Some(known);
        Ok(start)
    }

    /// The record of an object that carries the marks of another one, where no registry says more: a copy, unless
    /// the same hands made both by one creation.
    pub(in crate::engine) async fn start_twin(
        &self,
        binding: &Binding,
        bound: &Bound,
        side: Side,
        view: &View,
        original: &View,
    ) -> Result<Prepared> {
        if let Some((op, maker)) = is_twin(view, original)
            && let Some(record) = record_of_create(op)
        {
            let known = Duplicate {
                of: original.object.clone(),
                url: original.url.clone(),
                record,
                op: op.clone(),
                maker: Some(maker.to_owned()),
            };
            return self
                .start_duplicate((binding, bound), side, view.clone(), known)
                .await;
        }
        Ok(match side {
            Side::Notion => self.start_copy(binding, Some(view.clone()), None),
            Side::Github => self.start_copy(binding, None, Some(view.clone())),
        })
    }

    /// What registry and marks say about a duplicate; `None` where somebody took its mark off, and it is an
    /// object like any other.
    pub(in crate::engine) async fn of_duplicate(
        &self,
        binding: &Binding,
        bound: &Bound,
        record: &mut Record,
        notion: Option<&View>,
        github: Option<&View>,
    ) -> Result<Option<Identity>> {
        let Some(known) = record.duplicate.clone() else {
            return Ok(None);
        };
        let seen = (notion.map(|view| (Side::Notion, view)))
            .or_else(|| github.map(|view| (Side::Github, view)))
            .filter(|(_, view)| view.presence == Presence::Present);
        let Some((side, view)) = seen else {
            return Ok(Some(Identity::Duplicate));
        };
        if view.marker.created_by.as_ref() != Some(&known.op) {
            record.duplicate = None;
            record.copy = is_marked(binding.mapping.kind, notion, github);
            if matches!(record.life, Life::Deleting | Life::Tombstone) {
                record.life = Life::Provisioning;
            }
            return Ok(None);
        }
        self.use_of((binding, bound), side, view, &known)
            .await
            .map(Some)
    }

    /// Whether a duplicate is as it was made, so that nobody loses a word with it.
    async fn use_of(
        &self,
        (binding, bound): (&Binding, &Bound),
        side: Side,
        view: &View,
        known: &Duplicate,
    ) -> Result<Identity> {
        let op = self.state().operation(&known.op).await?.map(|op| op.value);
        let untouched = op.is_some_and(|op| {
            let by_us = |who: &Option<String>| match who {
                Some(who) => known.maker.as_ref() == Some(who),
                // Issues do not say who edited them.
                None => side == Side::Github,
            };
            let made = view.made.as_ref().map(|made| made.by.clone());
            let in_time = view.revision.at <= self.last_of(&op);
            made.is_some()
                && by_us(&made)
                && by_us(&view.actor)
                && in_time
                && says(bound, side, view, &op)
        });
        if !untouched {
            return Ok(Identity::DuplicateInUse);
        }
        let comments = match binding.remote(side).comments(&view.object).await {
            Ok(comments) => comments,
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::Forbidden | ErrorKind::Blocked | ErrorKind::NotFound
                ) =>
            {
                return Ok(Identity::DuplicateInUse);
            }
            Err(error) => return Err(error),
        };
        let silent = comments.complete && comments.items.iter().all(|comment| comment.ours);
        Ok(if silent {
            Identity::Duplicate
        } else {
            Identity::DuplicateInUse
        })
    }
}

impl MadeAgain {
    fn known(self, of: RemoteRef, url: Option<String>, maker: Option<String>) -> Duplicate {
        Duplicate {
            of,
            url,
            record: self.record,
            op: self.op,
            maker,
        }
    }
}

/// That a second object of one creation was found.
pub(in crate::engine) fn duplicate_row(
    record: &Record,
    known: &Duplicate,
    now: DateTime<Utc>,
) -> AuditRow {
    let own = record.notion.as_ref().or(record.github.as_ref());
    let details = [
        ("object", own.map(ToString::to_string)),
        ("of", Some(known.of.to_string())),
        ("of_record", Some(known.record.to_string())),
        ("created_by", Some(known.op.to_string())),
    ];
    let said = format!("one creation made it besides {}", known.of);
    AuditRow {
        details: (details.into_iter())
            .filter_map(|(name, value)| Some((name.to_owned(), value?)))
            .collect(),
        ..AuditRow::about(now, record, AuditEvent::Duplicate, said)
    }
}

/// The creation that made two objects, and by whose hands, where both say the same of it.
pub(in crate::engine) fn is_twin<'a>(one: &'a View, other: &View) -> Option<(&'a OpId, &'a str)> {
    let (op, made) = (one.marker.created_by.as_ref()?, one.made.as_ref()?);
    let same = other.marker.created_by.as_ref() == Some(op)
        && other.made.as_ref().is_some_and(|other| other.by == made.by);
    same.then_some((op, made.by.as_str()))
}

/// Whether an object says what a creation wrote, or less: a creation takes several requests, and may have been
/// cut off between two.
fn says(bound: &Bound, side: Side, view: &View, op: &Operation) -> bool {
    let fields = view.fields.keys().all(|id| {
        let shown = match view.field(id) {
            Ok(shown) => shown.unwrap_or(&Value::Null),
            Err(_) => return false,
        };
        let sent = (op.settlement.fields.get(id))
            .map(|sent| sent.on(side))
            .filter(|sent| !sent.is_empty());
        match sent {
            Some(sent) => is_within(shown, sent),
            // An issue is open where nothing else is asked for.
            None if id.as_str() == STATE && side == Side::Github => {
                shown.as_text() != Some("closed")
            }
            // What only an issue itself says, and what a data source fills in: a page says who edited it.
            None if bound.direction(id) == Some(Direction::ToNotion) || side == Side::Notion => {
                true
            }
            None => shown.is_empty(),
        }
    });
    let body = match (view.document(), &op.settlement.body) {
        (Some(shown), Some(sent)) => sent.begins_with(side, shown),
        (None, None) => true,
        (Some(shown), None) => shown.blocks.is_empty(),
        (None, Some(_)) => false,
    };
    fields && body
}

/// Whether a value is what was sent, or a part of it.
fn is_within(shown: &Value, sent: &Value) -> bool {
    match (shown, sent) {
        (Value::Text(shown), Value::Text(sent)) => shown.trim() == sent.trim(),
        (Value::Set(shown), Value::Set(sent)) => shown.iter().all(|one| {
            let lower = one.to_lowercase();
            sent.iter().any(|other| other.to_lowercase() == lower)
        }),
        _ => shown == sent || shown.is_empty(),
    }
}
