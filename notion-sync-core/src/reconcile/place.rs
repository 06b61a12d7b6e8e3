//! Rows 29 to 31: where the file of a page lies.

use std::collections::BTreeMap;

use super::field::{parked, step};
use super::plan::{Hold, Park, Plan, WriteStep};
use super::table::{Parked, Row, UnitState};
use super::{Case, unit_hash};
use crate::id::{FieldId, Side};
use crate::mapping::{MappingKind, PathPolicy, View};
use crate::record::UnitId;
use crate::value::Value;

/// Decides about the path, after fields and body: a file follows the title only together with the
/// write of the title.
pub(super) fn decide(
    case: &Case<'_>,
    notion: &View,
    github: &View,
    plan: &mut Plan,
    writes: &mut BTreeMap<Side, WriteStep>,
) {
    if case.mapping.kind != MappingKind::Documents {
        return;
    }
    let (Some(place), Some(base)) = (&github.place, &case.record.base) else {
        // Without a base everything is agreed about first.
        if let Some(place) = &github.place {
            agree(plan, place);
        }
        return;
    };
    let wanted = wanted(case, notion);
    let moved = base.path.as_ref().is_some_and(|agreed| agreed != place);
    let Some(wanted) = wanted else {
        if base.path.as_ref() != Some(place) {
            agree(plan, place);
        }
        return;
    };
    let title = FieldId::from("title");
    let renamed = (writes.get(&Side::Github)).is_some_and(|write| write.fields.contains_key(&title))
        // A person decided that the title decides.
        || base.path.is_none();
    let conflict = case.record.conflicts.get(&UnitId::Path);
    if conflict.is_none() && !(moved && renamed) {
        if moved {
            agree(plan, place);
        } else if renamed && wanted != *place {
            follow(plan, writes, Row(30));
        } else if base.path.is_none() {
            agree(plan, place);
        }
        return;
    }
    let hash = |path: &str| unit_hash(&UnitId::Path, &Value::text(path));
    let now = (hash(&wanted), hash(place));
    let states = (
        UnitState::Edited,
        if moved {
            UnitState::Edited
        } else {
            UnitState::Same
        },
    );
    let stands = parked(
        case,
        conflict,
        || now,
        wanted == *place,
        states,
        &UnitId::Path,
    );
    match stands {
        Parked::No if wanted == *place => agree(plan, place),
        Parked::Equal => {
            plan.closes.push(UnitId::Path);
            agree(plan, place);
        }
        // The file is back where it was: it follows the title after all.
        Parked::Cancelled => {
            plan.closes.push(UnitId::Path);
            follow(plan, writes, Row(16));
        }
        Parked::No | Parked::Moved | Parked::Merged => {
            let row = if conflict.is_some() { Row(15) } else { Row(31) };
            plan.rows.push((UnitId::Path, row));
            plan.parks.push(Park {
                unit: UnitId::Path,
                row,
                notion: (now.0, wanted),
                github: (now.1, place.clone()),
                base: base.path.as_deref().map(hash),
            });
        }
        Parked::Still | Parked::Refused => plan.holds.push(Hold {
            unit: UnitId::Path,
            row: Row(56),
            reason: "waits for a decision where the file lies".to_owned(),
        }),
    }
}

/// The path that the title asks for, where paths follow titles.
fn wanted(case: &Case<'_>, notion: &View) -> Option<String> {
    if case.mapping.path_policy != PathPolicy::FollowTitle {
        return None;
    }
    let title = notion.field(&FieldId::from("title")).ok().flatten()?;
    let title = title.as_text().filter(|title| !title.is_empty())?;
    let page = &case.record.notion.as_ref()?.id;
    Some(case.mapping.path.path(title, page, |_| false))
}

/// Row 29, or a path that is agreed for the first time.
fn agree(plan: &mut Plan, place: &str) {
    plan.rows.push((UnitId::Path, Row(29)));
    plan.agreed.path = Some(place.to_owned());
}

fn follow(plan: &mut Plan, writes: &mut BTreeMap<Side, WriteStep>, row: Row) {
    plan.rows.push((UnitId::Path, row));
    step(writes, Side::Github, row).follow_title = true;
}
