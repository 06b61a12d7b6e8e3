//! A page whose file is proposed in a pull request (row 52).

use super::{Alert, Case, Hold, Plan, Row, Step, page_hash};
use crate::record::{ProposalState, UnitId};
use crate::remote::ProposalKind;

/// The file of a page is proposed first, so that a person decides where it goes.
pub(super) fn page_without_file(case: &Case<'_>, plan: &mut Plan) {
    let Some(view) = case.notion else { return };
    let Some(proposal) = &case.record.proposal else {
        plan.steps.push(Step::Propose(ProposalKind::Create, None));
        return;
    };
    let hash = page_hash(view);
    let moved_on = view.settled && proposal.value != hash;
    if proposal.state == ProposalState::Open && moved_on {
        if !case.record.refused.contains(&hash) {
            plan.steps.push(Step::Propose(ProposalKind::Create, None));
            return;
        }
        let reason = "what the page says was proposed and refused";
        plan.steps.push(Step::Withdraw(reason.to_owned()));
        plan.holds.push(Hold {
            unit: UnitId::Record,
            row: Row(52),
            reason: reason.to_owned(),
        });
        return;
    }
    let row = Row(52);
    let merged = proposal.state == ProposalState::Merged;
    if merged {
        // It was removed, or moved and edited, before anybody looked.
        let path = proposal.path.as_deref().unwrap_or("its path");
        plan.alerts.push(Alert {
            row,
            message: format!(
                "its pull request was merged, and its file is not at {path}: put it back, link the page to the \
                 file that it became, or move the page to the trash"
            ),
            drift: false,
        });
    }
    let reason = match merged {
        true => "its pull request was merged, and its file is not there",
        false => "its file is proposed in a pull request",
    };
    plan.holds.push(Hold {
        unit: UnitId::Record,
        row,
        reason: reason.to_owned(),
    });
}
