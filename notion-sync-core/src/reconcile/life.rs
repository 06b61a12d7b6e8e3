//! Deletions: rows 18, 19 and 55.

use super::plan::{Hold, Loser, Plan, Step};
use super::table::{LifeProposal, RecordSituation, Row, SideState};
use super::{Case, agreed_state, body, is_closed, is_put_away, proposal_open, unit_hash, withdraw};
use crate::id::Side;
use crate::mapping::MappingKind;
use crate::record::{Life, Record, UnitId};
use crate::remote::ProposalKind;

pub(super) fn remove(case: &Case<'_>, s: &RecordSituation, side: Side, plan: &mut Plan) {
    let state = match side {
        Side::Notion => s.notion,
        Side::Github => s.github,
    };
    let row = match side {
        Side::Github => Row(18),
        Side::Notion => Row(19),
    };
    // Where both sides agree about no state, nothing else would tell that it was done before.
    if side == Side::Github && is_closed(case.github) && agreed_state(case).is_none() {
        plan.life = Some(Life::Tombstone);
        return;
    }
    if remove_again(case, side, row, plan) && state == SideState::Edited {
        drop_edits(case, side, plan);
    }
}

/// Answers whether it goes now. An edit that its time does not show yet would go along: as long as there may be
/// one, a page stays.
pub(super) fn remove_again(case: &Case<'_>, side: Side, row: Row, plan: &mut Plan) -> bool {
    if side == Side::Notion && case.view(side).is_some_and(|view| !view.settled) {
        plan.holds.push(Hold {
            unit: UnitId::Record,
            row,
            reason: "waits until no edit of the same minute can hide".to_owned(),
        });
        return false;
    }
    let by_proposal = side == Side::Github
        && case.mapping.kind == MappingKind::Documents
        && case.mapping.delete_by_proposal;
    // What else is proposed of the file is not wanted any more, and the record knows one proposal only.
    if !(by_proposal && proposal_open(case.record, ProposalKind::Delete)) {
        let reason = match side {
            Side::Github => "the page was deleted",
            Side::Notion => "the file was deleted",
        };
        withdraw(case, reason, plan);
    }
    plan.steps.push(if by_proposal {
        Step::Propose(ProposalKind::Delete, None)
    } else {
        Step::Remove(side)
    });
    true
}

/// The edits of a side that goes although it was edited: they are kept in the audit.
fn drop_edits(case: &Case<'_>, side: Side, plan: &mut Plan) {
    let Some(view) = case.view(side) else { return };
    let base = case.record.base.as_ref();
    for id in case.fields.keys() {
        let agreed = base.and_then(|base| base.fields.get(id));
        if let Ok(Some(value)) = view.field(id)
            && agreed.is_none_or(|agreed| agreed.on(side) != value)
        {
            let unit = UnitId::Field(id.clone());
            plan.losers.push(Loser {
                hash: unit_hash(&unit, value),
                unit,
                side,
                text: value.to_string(),
            });
        }
    }
    let held = |document| {
        case.body_base
            .is_some_and(|base| base.holds(side, document))
    };
    if let Some(document) = view.document()
        && !held(document)
    {
        plan.losers.push(Loser {
            unit: UnitId::Body,
            side,
            text: body::text(&document.blocks),
            hash: document.hash(),
        });
    }
}

/// What of a record says that its object was removed by us and the answer said so. Under this name
/// in [`Record::outcome`], with the side as value, until the record lives again.
pub(crate) const REMOVED: &str = "removed";

pub(super) fn was_removed(record: &Record, side: Side) -> bool {
    let removed = record.outcome.get(REMOVED);
    removed.is_some_and(|removed| *removed == side.to_string())
}

/// Row 55: one side is gone and the removal of the other is under way.
pub(super) fn deleting(case: &Case<'_>, s: &RecordSituation, plan: &mut Plan) {
    use SideState::{Absent, Edited, Gone, New, Same};
    let row = Row(55);
    let there = |state| matches!(state, Same | Edited | New);
    let wait = |plan: &mut Plan, reason: &str| {
        plan.holds.push(Hold {
            unit: UnitId::Record,
            row,
            reason: reason.to_owned(),
        });
    };
    let removed_on = |side| was_removed(case.record, side);
    // An issue that we closed is gone in the sense of this row: its removal is a state.
    let github = if removed_on(Side::Github) && is_put_away(case) {
        Gone
    } else {
        s.github
    };
    let (side, state) = match (s.notion, github) {
        (Gone | Absent, Gone | Absent) => {
            plan.life = Some(Life::Tombstone);
            // The file may be gone by another way than the proposal.
            withdraw(case, "both sides are gone", plan);
            return;
        }
        // The deleted page was brought back while the deletion was only proposed.
        (n, g) if there(n) && there(g) => {
            if proposal_open(case.record, ProposalKind::Delete) {
                plan.steps
                    .push(Step::Withdraw("the page was restored".to_owned()));
            }
            plan.life = Some(Life::Live);
            return;
        }
        (Gone, g) if there(g) => (Side::Github, g),
        (n, Gone) if there(n) => (Side::Notion, n),
        _ => return wait(plan, "waits until the removal is seen"),
    };
    let settled = case.view(side).is_some_and(|view| view.settled);
    // What is gone was removed by us because this side was, and this side came back: so does the other.
    if removed_on(side.other()) && s.proposal == LifeProposal::None {
        if settled {
            plan.steps.push(Step::Restore(side.other()));
        } else {
            wait(plan, "waits until it is sure that it came back");
        }
        return;
    }
    if side == Side::Github {
        match s.proposal {
            LifeProposal::Refused => return plan.steps.push(Step::Restore(Side::Notion)),
            LifeProposal::Open if state == Edited => {
                plan.steps.push(Step::Withdraw(
                    "the file was edited after the page was deleted".to_owned(),
                ));
                plan.steps.push(Step::Restore(Side::Notion));
                plan.life = Some(Life::Live);
                return;
            }
            LifeProposal::Open => return wait(plan, "the deletion is proposed in a pull request"),
            LifeProposal::Merged => return wait(plan, "waits until the removal is seen"),
            LifeProposal::None => {}
        }
        // It is closed already, whoever did that.
        if case.mapping.kind == MappingKind::Tasks && is_closed(case.github) {
            plan.life = Some(Life::Tombstone);
            return;
        }
    }
    match (removed_on(side), state) {
        // It was removed, and somebody brought it back: the other side follows.
        (true, _) if settled => plan.steps.push(Step::Restore(side.other())),
        (true, _) => wait(plan, "waits until the removal is seen"),
        // It was edited before it was removed: that is a deletion against an edit.
        (false, Edited) => plan.life = Some(Life::Live),
        // The same operation, if it is on its way; another one, if it was void.
        (false, _) => {
            remove_again(case, side, row, plan);
        }
    }
}
