//! A second object that one creation of ours made: rows 60 and 61.

use super::life::remove_again;
use super::plan::{Alert, Hold, Plan};
use super::table::{RecordSituation, Row, SideState};
use super::{Case, is_closed};
use crate::id::Side;
use crate::mapping::MappingKind;
use crate::record::{Life, UnitId};

/// Row 60: it is as it was made, so nobody loses anything.
pub(super) fn remove_duplicate(case: &Case<'_>, s: &RecordSituation, plan: &mut Plan) {
    if buries_what_is_closed(case, plan) {
        return;
    }
    let side = if s.notion == SideState::Absent {
        Side::Github
    } else {
        Side::Notion
    };
    remove_again(case, side, Row(60), plan);
}

/// Row 61: somebody works on it, or nobody can tell. It stays as it is until a person decides.
pub(super) fn keep_duplicate(case: &Case<'_>, plan: &mut Plan) {
    if buries_what_is_closed(case, plan) {
        return;
    }
    if case.record.life == Life::Deleting {
        plan.life = Some(Life::Provisioning);
    }
    let known = case.record.duplicate.as_ref();
    let other = known.map_or_else(
        || "another one".to_owned(),
        |known| match &known.url {
            Some(url) => format!("{} ({url})", known.of),
            None => known.of.to_string(),
        },
    );
    let made = known.map_or("", |known| known.op.as_str());
    let (what, how) = match (case.notion, case.mapping.kind) {
        (Some(_), _) => (
            "this page",
            "move it to the trash once nothing on it is needed; or clear its properties of the sync, and it \
             is a page of its own; or leave both alone with `notion-sync link --remove --page`",
        ),
        (None, _) => (
            "this issue",
            "close it once nothing on it is needed; or delete its hidden block, and it is an issue of its own",
        ),
    };
    plan.alerts.push(Alert {
        row: Row(61),
        message: format!(
            "one creation ({made}) made {what} besides {other}, and it may have been worked on since: see \
             `notion-sync check`; {how}"
        ),
        drift: true,
    });
    plan.holds.push(Hold {
        unit: UnitId::Record,
        row: Row(61),
        reason: "made twice: waits for a person".to_owned(),
    });
}

/// An issue that is closed is put away already, whoever did that.
fn buries_what_is_closed(case: &Case<'_>, plan: &mut Plan) -> bool {
    let closed = case.mapping.kind == MappingKind::Tasks && is_closed(case.github);
    if closed && case.record.life != Life::Tombstone {
        plan.life = Some(Life::Tombstone);
    }
    closed
}
