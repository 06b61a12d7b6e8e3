//! Decides one field.

use std::collections::{BTreeMap, BTreeSet};

use super::plan::{Hold, Loser, Park, Plan, Wait, WriteStep};
use super::table::{EditProposal, Fit, Parked, Row, UnitSituation, UnitState, unit_row};
use super::vacancy::{Place, Vacancy};
use super::{AgreedNow, Case, UnitField, unit_hash};
use crate::hash::ContentHash;
use crate::id::{FieldId, Side};
use crate::mapping::{Direction, Lens, Misfit, Policy, View};
use crate::record::{Agreed, Conflict, ProposalState, UnitId};
use crate::remote::{FieldChange, ProposalKind};
use crate::snapshot::Field;
use crate::value::Value;

/// A field is there on both sides or it is not a unit.
pub(super) fn decide(
    case: &Case<'_>,
    id: &FieldId,
    unit: &UnitField<'_>,
    notion: &View,
    github: &View,
    plan: &mut Plan,
    writes: &mut BTreeMap<Side, WriteStep>,
) {
    let agreed = (case.record.base.as_ref()).and_then(|base| base.fields.get(id));
    let blocked = |row: u8, why: &str, plan: &mut Plan| {
        let name = UnitId::Field(id.clone());
        plan.rows.push((name.clone(), Row(row)));
        plan.holds.push(Hold {
            unit: name,
            row: Row(row),
            reason: why.to_owned(),
        });
    };
    let on = |side: Side| match side {
        Side::Notion => notion,
        Side::Github => github,
    };
    let vacancy = match Vacancy::of(id, notion, github) {
        Ok(vacancy) => vacancy,
        Err(()) => return,
    };
    // Where there is no place for a value the side says what it said before; no place is made for
    // nothing.
    let stand_in = (vacancy.as_ref())
        .filter(|vacant| {
            let other = on(vacant.side.other());
            !matches!(other.field(id), Ok(Some(value)) if value.is_empty())
        })
        .and_then(|vacant| Some(agreed?.on(vacant.side)))
        .unwrap_or(&Value::Null);
    let (on_notion, on_github) = match vacancy.as_ref().map(|vacant| vacant.side) {
        Some(Side::Notion) => (Ok(Some(stand_in)), github.field(id)),
        Some(Side::Github) => (notion.field(id), Ok(Some(stand_in))),
        None => (notion.field(id), github.field(id)),
    };
    let (n, g) = match (on_notion, on_github) {
        (Ok(None), Ok(None)) => return,
        // A property that was removed has no value on the page, and is no empty one.
        (on_notion, on_github) => match (&unit.blocked, on_notion, on_github) {
            (Some(why), _, _) => return blocked(47, why, plan),
            (None, Ok(Some(n)), Ok(Some(g))) => (n, g),
            (None, Ok(None), _) | (None, _, Ok(None)) => return,
            (None, Err(why), _) => return blocked(47, why, plan),
            // What GitHub holds has no type that could have changed: it says what a property cannot.
            (None, Ok(_), Err(why)) => return blocked(49, why, plan),
        },
    };
    // Where nothing was agreed and one side names no other object, what the other side names is new.
    let unsaid = Agreed::default();
    let never = agreed.is_none() && unit.lens.is_reference() && (n.is_empty() || g.is_empty());
    let agreed = if never { Some(&unsaid) } else { agreed };
    let as_agreed = agreed.is_some_and(|known| known.notion == *n && known.github == *g);
    let place = Place::of(unit, vacancy.as_ref(), agreed, n, g);
    if as_agreed && place == Place::Usual && case.record.conflicts.is_empty() {
        // Row 7 for every kind of field, and what nearly all fields are.
        return;
    }
    let name = UnitId::Field(id.clone());
    let lens = &*unit.lens;
    let (said_n, said_g) = (lens.project(Side::Notion, n), lens.project(Side::Github, g));

    if let Some(vacant) = &vacancy {
        let only = match vacant.side {
            Side::Notion => Direction::ToGithub,
            Side::Github => Direction::ToNotion,
        };
        if lens.is_set() || unit.direction == only {
            return;
        }
        if case.record.conflicts.contains_key(&name) {
            return blocked(56, "waits until both sides have a value again", plan);
        }
    }
    if place == Place::Lost {
        let settled = Agreed {
            notion: n.clone(),
            github: Value::Null,
        };
        plan.agreed.fields.insert(id.clone(), settled);
        return;
    }
    if lens.is_set() {
        return set(id, unit, (n, g), (&said_n, &said_g), agreed, plan, writes);
    }

    let state = |side: Side, value: &Value| match agreed {
        Some(agreed) if agreed.on(side) == value => UnitState::Same,
        // Nothing is written in two ways: no value, and a list without elements.
        Some(agreed) if agreed.on(side).is_empty() && value.is_empty() => UnitState::Same,
        _ => UnitState::Edited,
    };
    let (mut n_state, mut g_state) = (state(Side::Notion, n), state(Side::Github, g));
    match vacancy.as_ref().map(|vacant| vacant.side) {
        Some(Side::Notion) => n_state = UnitState::Same,
        Some(Side::Github) => g_state = UnitState::Same,
        None if place == Place::Back => n_state = UnitState::Edited,
        None => {}
    }
    let mut policy = case.mapping.policy;
    let equal = said_n == said_g;
    // A field that flows one way: whatever was changed on the other side is put back. Where both
    // sides are as agreed nothing is: a service may store something else than it was sent.
    let moved = n_state == UnitState::Edited || g_state == UnitState::Edited;
    match unit.direction {
        Direction::Both => {}
        Direction::ToGithub => {
            policy = Policy::NotionWins;
            if !equal && moved {
                n_state = UnitState::Edited;
            }
        }
        Direction::ToNotion => {
            policy = Policy::GithubWins;
            if !equal && moved {
                g_state = UnitState::Edited;
            }
        }
    }
    let one_way = unit.direction != Direction::Both;
    let conflict = case.record.conflicts.get(&name);
    let hashes = || (unit_hash(&name, n), unit_hash(&name, g));
    let parked = parked(case, conflict, hashes, equal, (n_state, g_state), &name);
    let target = match (n_state, g_state) {
        (UnitState::Edited, UnitState::Same) => Side::Github,
        (UnitState::Same, UnitState::Edited) => Side::Notion,
        _ if policy == Policy::GithubWins => Side::Notion,
        _ => Side::Github,
    };
    let (canonical, current) = match target {
        Side::Github => (&said_n, g),
        Side::Notion => (&said_g, n),
    };
    let injected = lens.inject(target, canonical, current);
    // A person who decides between both versions writes neither of them here.
    let nobody = (n_state, g_state) == (UnitState::Edited, UnitState::Edited)
        && policy == Policy::ManualReview;
    let fit = match &injected {
        Err(error) if error.misfit != Misfit::Value => Fit::Unpaired,
        Err(_) if !nobody => Fit::OptionMissing,
        _ => Fit::Fine,
    };
    // What the remote refused is not asked again as long as it would be the same.
    let refused = injected.as_ref().ok().and_then(|desired| {
        let known = case.record.refusals.get(id)?;
        (known.value == refused_hash(target, id, desired)).then_some(known)
    });
    let row = unit_row(&UnitSituation {
        notion: n_state,
        github: g_state,
        equal,
        base: agreed.is_some() || one_way || vacancy.is_some(),
        mergeable: false,
        parked,
        proposal: EditProposal::None,
        dead: refused.is_some(),
        fit,
        policy,
    });
    if row != Row(7) {
        plan.rows.push((name.clone(), row));
    }
    let both = Agreed {
        notion: n.clone(),
        github: g.clone(),
    };
    match row.0 {
        7 if never => {
            plan.agreed.fields.insert(id.clone(), both);
        }
        10 => {
            plan.agreed.fields.insert(id.clone(), both);
        }
        16 if equal => {
            plan.closes.push(name);
            plan.agreed.fields.insert(id.clone(), both);
        }
        // Both sides are as agreed again, in forms that say different things.
        16 if (n_state, g_state) == (UnitState::Same, UnitState::Same) => plan.closes.push(name),
        // One side is back at base: the other side's value goes over, as in 08 and 09.
        16 => {
            let target = if g_state == UnitState::Same {
                Side::Github
            } else {
                Side::Notion
            };
            if let Some(why) = fixed(id, on(target)) {
                return blocked(49, why, plan);
            }
            plan.closes.push(name);
            let (canonical, current) = match target {
                Side::Github => (&said_n, g),
                Side::Notion => (&said_g, n),
            };
            if let Ok(desired) = lens.inject(target, canonical, current) {
                write(writes, target, id, current, desired, &both, row);
            }
        }
        42 if equal => {
            plan.agreed.fields.insert(id.clone(), both);
        }
        // The merged value goes to the page, which still holds what the pull request showed.
        17 => match lens.inject(Side::Notion, &said_g, n) {
            Ok(desired) => {
                plan.closes.push(name);
                write(writes, Side::Notion, id, n, desired, &both, row);
            }
            Err(error) => plan.holds.push(Hold {
                unit: name,
                row: Row(48),
                reason: error.to_string(),
            }),
        },
        42 | 12 | 15 => {
            let base = agreed
                .map(|agreed| unit_hash(&name, &agreed.notion))
                .filter(|_| cancels(case, &name));
            let hashes = hashes();
            plan.parks.push(Park {
                unit: name,
                row,
                notion: (hashes.0, said(lens, Side::Notion, n)),
                github: (hashes.1, said(lens, Side::Github, g)),
                base,
            });
        }
        8 | 9 | 13 | 14 | 53 => {
            // A side without a place is as agreed, so it is the one that is written.
            let refused = match &vacancy {
                Some(vacant) => vacant.refused,
                None => fixed(id, on(target)),
            };
            if let Some(why) = refused {
                return blocked(49, why, plan);
            }
            if let Ok(desired) = injected {
                if matches!(row.0, 13 | 14) || one_way {
                    let hashes = hashes();
                    let (hash, text) = match target {
                        Side::Github => (hashes.1, said(lens, target, g)),
                        Side::Notion => (hashes.0, said(lens, target, n)),
                    };
                    plan.losers.push(Loser {
                        unit: name,
                        side: target,
                        text,
                        hash,
                    });
                }
                let there = match &vacancy {
                    Some(_) => &Value::Null,
                    None => current,
                };
                write(writes, target, id, there, desired, &both, row);
            }
        }
        48 | 49 => {
            let reason = injected
                .err()
                .map_or_else(String::new, |error| error.to_string());
            plan.holds.push(Hold {
                unit: name,
                row,
                reason,
            });
        }
        59 => {
            if let Err(error) = injected {
                let names = if target == Side::Github { n } else { g };
                let other = names.elements().into_iter().next().unwrap_or_default();
                plan.waits.push(Wait {
                    field: id.clone(),
                    named: (target.other(), other),
                    reason: error.reason.clone(),
                    tell: error.misfit == Misfit::Outside,
                });
                plan.holds.push(Hold {
                    unit: name,
                    row,
                    reason: error.reason,
                });
            }
        }
        56 | 54 => plan.holds.push(Hold {
            unit: name,
            row,
            reason: "waits for a decision".to_owned(),
        }),
        58 => plan.holds.extend(refused.map(|known| Hold {
            unit: name,
            row,
            reason: known.reason.clone(),
        })),
        _ => {}
    }
}

/// Why the value that a side holds cannot be replaced now.
fn fixed<'a>(id: &FieldId, view: &'a View) -> Option<&'a str> {
    match view.fields.get(id) {
        Some(Field::Fixed(_, why)) => Some(why),
        _ => None,
    }
}

/// The hash of a value that a remote refused.
#[must_use]
pub(crate) fn refused_hash(side: Side, id: &FieldId, desired: &Value) -> ContentHash {
    ContentHash::of("nsync/refused/v1", &(side, id, desired))
}

/// How a parked unit stands.
pub(super) fn parked(
    case: &Case<'_>,
    conflict: Option<&Conflict>,
    now: impl FnOnce() -> (ContentHash, ContentHash),
    equal: bool,
    states: (UnitState, UnitState),
    unit: &UnitId,
) -> Parked {
    // Nearly no unit is parked, and hashes are only for those that are.
    let Some(conflict) = conflict else {
        return Parked::No;
    };
    let now = now();
    let proposal = case
        .record
        .proposal
        .as_ref()
        .filter(|proposal| proposal.kind == ProposalKind::Conflict);
    if equal {
        return Parked::Equal;
    }
    let merged = merged(case, unit);
    if merged.is_some_and(|(notion, _)| *notion == now.0) {
        return Parked::Merged;
    }
    // A page that moved on after the pull request was published is another conflict, with what was
    // merged; neither of the two goes back to the base that was there before.
    if merged.is_none()
        && conflict.base.is_some()
        && (states.0 == UnitState::Same || states.1 == UnitState::Same)
    {
        return Parked::Cancelled;
    }
    if (conflict.notion, conflict.github) != now {
        return Parked::Moved;
    }
    match proposal.map(|proposal| proposal.state) {
        Some(ProposalState::Refused) => Parked::Refused,
        _ => Parked::Still,
    }
}

/// What the merged pull request of a conflict published of a unit.
fn merged<'r>(case: &'r Case<'_>, unit: &UnitId) -> Option<&'r (ContentHash, ContentHash)> {
    let proposal = case.record.proposal.as_ref()?;
    let counts = proposal.kind == ProposalKind::Conflict && proposal.state == ProposalState::Merged;
    counts.then(|| proposal.published.get(unit)).flatten()
}

/// Whether a conflict over a unit closes when one side goes back to base: not where a resolution
/// was merged in between, and never again after that.
pub(super) fn cancels(case: &Case<'_>, unit: &UnitId) -> bool {
    let known = case.record.conflicts.get(unit);
    merged(case, unit).is_none() && known.is_none_or(|known| known.base.is_some())
}

/// What was done to `before` to get `after`, done to `to`.
fn follow(
    to: &BTreeSet<String>,
    before: &BTreeSet<String>,
    after: &BTreeSet<String>,
) -> BTreeSet<String> {
    to.iter()
        .filter(|element| after.contains(*element) || !before.contains(*element))
        .chain(after.difference(before))
        .cloned()
        .collect()
}

/// Sets merge element by element: what was added and removed on one side is added and removed on
/// the other. Each side is compared with its own base, so a side that spells an element in its own
/// way is not edited for ever.
#[allow(clippy::too_many_arguments)]
fn set(
    id: &FieldId,
    unit: &UnitField<'_>,
    native: (&Value, &Value),
    said: (&Value, &Value),
    agreed: Option<&Agreed>,
    plan: &mut Plan,
    writes: &mut BTreeMap<Side, WriteStep>,
) {
    let lens = &*unit.lens;
    let name = UnitId::Field(id.clone());
    let (n, g) = (said.0.elements(), said.1.elements());
    let base = agreed.map(|agreed| {
        (
            lens.project(Side::Notion, &agreed.notion).elements(),
            lens.project(Side::Github, &agreed.github).elements(),
        )
    });
    let still = base
        .as_ref()
        .is_some_and(|(base_n, base_g)| *base_n == n && *base_g == g);
    // Without a base nothing is known to have been removed.
    let (base_n, base_g) = base.unwrap_or_default();
    let (want_n, want_g) = match unit.direction {
        _ if still => (n.clone(), g.clone()),
        Direction::ToGithub => (n.clone(), n.clone()),
        Direction::ToNotion => (g.clone(), g.clone()),
        Direction::Both => (follow(&n, &base_g, &g), follow(&g, &base_n, &n)),
    };
    let mut settled = Agreed {
        notion: native.0.clone(),
        github: native.1.clone(),
    };
    let sides = [
        (Side::Github, native.1, &g, want_g),
        (Side::Notion, native.0, &n, want_n),
    ];
    let mut pending: Vec<(Side, Value)> = Vec::new();
    for (side, value, says, wants) in sides {
        if *says == wants {
            continue;
        }
        match lens.inject(side, &Value::Set(wants), value) {
            Ok(desired) => {
                settled.set(side, desired.clone());
                pending.push((side, desired));
            }
            Err(error) => {
                plan.rows.push((name.clone(), Row(48)));
                plan.holds.push(Hold {
                    unit: name,
                    row: Row(48),
                    reason: error.to_string(),
                });
                return;
            }
        }
    }
    if pending.is_empty() {
        if agreed.is_none_or(|agreed| agreed.notion != *native.0 || agreed.github != *native.1) {
            plan.rows.push((name, Row(10)));
            plan.agreed.fields.insert(id.clone(), settled);
        }
        return;
    }
    // After the first of two writes GitHub has what Notion did, and what was done on GitHub is
    // still to come: that is an edit of GitHub alone.
    let halfway = (pending.len() == 2).then(|| {
        let said = Value::Set(follow(&base_g, &base_n, &n));
        let before = agreed.map_or(Value::Null, |agreed| agreed.github.clone());
        lens.inject(Side::Github, &said, &before)
            .ok()
            .map(|github| Agreed {
                notion: native.0.clone(),
                github,
            })
    });
    for (side, desired) in pending {
        let row = if side == Side::Github { Row(8) } else { Row(9) };
        plan.rows.push((name.clone(), row));
        let (current, moved) = match side {
            Side::Github => (native.1, g != base_g),
            Side::Notion => (native.0, n != base_n),
        };
        if moved && unit.direction != Direction::Both {
            plan.losers.push(Loser {
                unit: name.clone(),
                side,
                text: current.to_string(),
                hash: unit_hash(&name, current),
            });
        }
        let entry = step(writes, side, row);
        entry.fields.insert(
            id.clone(),
            FieldChange {
                expected: current.clone(),
                desired,
            },
        );
        match (&halfway, side) {
            (Some(Some(halfway)), Side::Github) => {
                entry.settles.fields.insert(id.clone(), halfway.clone());
                entry.settles.partial.insert(id.clone());
            }
            (Some(None), Side::Github) => {}
            _ => {
                entry.settles.fields.insert(id.clone(), settled.clone());
            }
        }
    }
}

fn write(
    writes: &mut BTreeMap<Side, WriteStep>,
    target: Side,
    id: &FieldId,
    expected: &Value,
    desired: Value,
    now: &Agreed,
    row: Row,
) {
    let mut settled = now.clone();
    settled.set(target, desired.clone());
    let step = step(writes, target, row);
    step.fields.insert(
        id.clone(),
        FieldChange {
            expected: expected.clone(),
            desired,
        },
    );
    step.settles.fields.insert(id.clone(), settled);
}

pub(super) fn step(writes: &mut BTreeMap<Side, WriteStep>, side: Side, row: Row) -> &mut WriteStep {
    let step = writes.entry(side).or_insert_with(|| WriteStep {
        side,
        fields: BTreeMap::new(),
        body: None,
        follow_title: false,
        settles: AgreedNow::default(),
        rows: Vec::new(),
    });
    if !step.rows.contains(&row) {
        step.rows.push(row);
    }
    step
}

/// A value as people read it, by the lens where it knows better.
fn said(lens: &dyn Lens, side: Side, value: &Value) -> String {
    lens.show(side, value).unwrap_or_else(|| value.to_string())
}
