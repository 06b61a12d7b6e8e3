//! When a record is looked at again, without anybody who says that it changed.

use chrono::{DateTime, Utc};

use crate::engine::Engine;
use crate::engine::plan::proposal::refresh_pause;
use crate::id::Side;
use crate::mapping::View;
use crate::reconcile::{Plan, Step, doubted_until};
use crate::record::{Life, ProposalState, Record, UnitId};
use crate::remote::ProposalKind;
use crate::snapshot::Presence;

impl Engine {
    /// When the record must be looked at again.
    pub(in crate::engine) fn look_at(
        &self,
        plan: &Plan,
        record: &Record,
        notion: Option<&View>,
        github: Option<&View>,
        now: DateTime<Utc>,
    ) -> Option<DateTime<Utc>> {
        // Whether a page is gone or there again is told apart once no read is behind any more.
        let doubted = notion.and_then(|view| doubted_until(record, Side::Notion, view));
        if matches!(record.life, Life::Tombstone | Life::Detached) {
            return doubted;
        }
        let mut due: Vec<DateTime<Utc>> = Vec::from_iter(doubted);
        // A pair that was just made or revived is compared at once, and what lost its way to one gets it.
        let revived = matches!(plan.life, Some(Life::Live | Life::Provisioning));
        if plan.steps.contains(&Step::Adopt) || revived {
            due.push(now);
        }
        for view in [notion, github].into_iter().flatten() {
            if !view.settled && view.presence == Presence::Present {
                let grain = chrono::Duration::seconds(i64::from(view.revision.grain_seconds));
                let over = view.revision.at + grain + self.bounds.settle();
                // Where it is over by our clock and was not by the remote's, ours is ahead: it lasts as much longer.
                let left = (over - view.observed_at).max(chrono::Duration::zero());
                due.push(if over > now { over } else { now + left });
            }
        }
        // Nobody asks about the steps of a record that waits for a person: asking is overdue for ever then.
        let held =
            !plan.alerts.is_empty() || plan.holds.iter().any(|hold| hold.unit == UnitId::Record);
        due.extend(record.unasked_until().filter(|at| *at > now || !held));
        // Content that cannot be used stays so until somebody edits it, and then it is listed.
        let unusable = [notion, github]
            .into_iter()
            .flatten()
            .any(|view| matches!(view.body, crate::mapping::BodyView::Unusable(_)));
        let waits = !unusable
            && plan
                .holds
                .iter()
                .any(|hold| matches!(hold.row.0, 24 | 25 | 37 | 40));
        if waits {
            due.push(now + chrono::Duration::seconds(i64::from(self.bounds.hold)));
        }
        // A pull request that is behind is refreshed, but not all the time.
        if let Some(proposal) = &record.proposal
            && proposal.kind == ProposalKind::Conflict
            && proposal.state == ProposalState::Open
            && crate::reconcile::is_behind(record, plan)
        {
            // What holds the record has a time of its own or waits for a person, and an operation
            // has its own too: overdue as the refresh is, looking again at once would change nothing.
            let refreshes = |step: &Step| matches!(step, Step::Propose(ProposalKind::Conflict, _));
            let at = proposal.refreshed_at + refresh_pause();
            if at > now || !(held || plan.steps.iter().any(refreshes)) {
                due.push(at.max(now));
            }
        }
        due.into_iter().min()
    }
}
