//! What was decided, into the store: one transaction for each record.

use std::collections::BTreeSet;

use chrono::{DateTime, Duration, Utc};

use crate::audit::{AuditEvent, AuditRow};
use crate::effect::Effect;
use crate::engine::hand::resolution::follows_from_difference;
use crate::engine::observe::bind::Bound;
use crate::engine::observe::survey::Prepared;
use crate::engine::pairs::duplicates::duplicate_row;
use crate::engine::plan::decide::{PlannedRecord, RunPlan};
use crate::engine::plan::rules::is_kept_out;
use crate::engine::plan::steps::is_under_way;
use crate::engine::report::{Incident, MappingReport};
use crate::engine::tell::bookkeeping::{notice_counterpart, notice_moved_place};
use crate::engine::tell::notes::{self, Rest};
use crate::engine::write::decided::audit_rows;
use crate::engine::{Binding, Engine};
use crate::error::{ErrorKind, Result};
use crate::id::{FieldId, OpId, RecordId, RemoteRef, Side};
use crate::mapping::{MappingKind, Policy, View};
use crate::operation::{OpState, Operation};
use crate::reconcile::{Plan, REMOVED, Step, Wait, doubted_until, page_hash};
use crate::record::{
    Base, Conflict, Life, Problem, Proposal, ProposalState, Record, Seen, UnitId, Waiting,
};
use crate::remote::{Action, ProposalKind};
use crate::snapshot::Presence;
use crate::state::{Batch, DECISION, RecordState, SaveBody, Stored};

impl Engine {
    /// Persists observations, decisions and operations, record by record. Says whether all of it is
    /// durable now.
    pub(crate) async fn persist(
        &self,
        binding: &Binding,
        bound: &Bound,
        plan: RunPlan,
        report: &mut MappingReport,
    ) -> Result<bool> {
        let mut durable = true;
        for planned in plan.records {
            let subject = subject(binding, &planned);
            for alert in &planned.plan.alerts {
                report.incidents.push(Incident {
                    subject: subject.clone(),
                    message: alert.message.clone(),
                    drift: alert.drift,
                });
            }
            let record = &planned.prepared.state.record;
            report.paired |=
                planned.plan.steps.contains(&Step::Adopt) || planned.plan.life == Some(Life::Live);
            let news = |wait: &&Wait| wait.tell && !is_known(wait, record);
            for wait in planned.plan.waits.iter().filter(news) {
                report.incidents.push(Incident {
                    subject: subject.clone(),
                    message: format!("{}: {}", wait.field, wait.reason),
                    drift: false,
                });
            }
            for notice in &planned.notices {
                report.incidents.push(Incident {
                    subject: subject.clone(),
                    message: notice.clone(),
                    drift: false,
                });
            }
            let count = planned.operations.len();
            match self.persist_record(binding, bound, planned).await {
                Ok(true) => report.planned += count,
                Ok(false) => {
                    durable = false;
                    report.retry = true;
                }
                // Somebody else moved the record on: it is looked at again in the next tick.
                Err(error) if error.kind() == ErrorKind::Stale => {
                    durable = false;
                    report.retry = true;
                }
                Err(error) if error.kind() == ErrorKind::Invalid => {
                    durable = false;
                    report.incidents.push(Incident {
                        subject,
                        message: error.to_string(),
                        drift: false,
                    });
                    // It stays due, and is not tried again at once.
                    report.fail(&error);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(durable)
    }

    /// Answers whether it is saved. It is not where the outcome of an earlier write comes first.
    async fn persist_record(
        &self,
        binding: &Binding,
        bound: &Bound,
        planned: PlannedRecord,
    ) -> Result<bool> {
        let now = self.now();
        let PlannedRecord {
            plan,
            operations,
            told,
            notices: _,
            decision,
            title,
            prepared,
            open,
        } = planned;
        let Prepared {
            mut state,
            notion,
            github,
            news,
            talk,
            ..
        } = prepared;
        let before = state.clone();
        state.record.title.clone_from(&title);
        let mut audit = audit_rows(&plan, &operations, &state.record, now);
        if let (Some(known), false) = (&state.record.duplicate, state.is_stored()) {
            audit.insert(0, duplicate_row(&state.record, known, now));
        }
        audit.extend(told);

        let record = &mut state.record;
        for loser in &plan.losers {
            record.retire(loser.side, loser.hash);
        }
        let merged = decided_by_merging(&plan);
        for unit in plan.closes.iter().filter(|unit| !merged.contains(unit)) {
            record.conflicts.remove(unit);
        }
        open_conflicts(&plan, record, binding.mapping.policy, now);
        if let Some(life) = plan.life {
            record.life = life;
        }
        self.begin(&plan, record);
        let body = apply_agreed(&plan, &mut state, notion.as_ref(), github.as_ref());
        let record = &mut state.record;
        for (side, view) in [(Side::Notion, &notion), (Side::Github, &github)] {
            if let Some(view) = view {
                remember_view(record, side, view, self.bounds.settle());
            }
        }
        // Once the revision is settled, whatever comes after it is somebody else's.
        if notion.as_ref().is_some_and(|view| view.settled) {
            record.own_body = None;
        }
        self.take_edit_proposals(&operations, &open, record, now);
        record.problem = problem(&plan, record, now);
        for wait in plan.waits.iter().filter(|wait| wait.tell) {
            if !is_known(wait, record) {
                let event = AuditEvent::Problem;
                audit.push(AuditRow::about(now, record, event, &wait.reason));
            }
        }
        // Once both sides say the same nothing is left of a refusal.
        let decided = !plan.holds.iter().any(|hold| hold.unit == UnitId::Record);
        let disputed = |id: &FieldId| plan.holds.iter().any(|hold| hold.unit.is_field(id));
        record
            .refusals
            .retain(|id, _| !decided || disputed(id) || plan.writes(id));
        // What a person gave up is forgotten once nothing of it is wanted any more.
        let wanted = plan.holds.iter().any(|hold| hold.row.0 == 58);
        if decided && !wanted {
            record.given_up.retain(|_, known| !known.differs);
        }
        record.waits = (plan.waits.iter())
            .filter_map(|wait| Some((wait.field.clone(), waiting(wait, record)?)))
            .collect();
        record.awaits_outcome = plan.holds.iter().any(|hold| hold.row.0 == 40);
        let held = !plan.holds.is_empty();
        record.held_since = if held {
            record.held_since.or(Some(now))
        } else {
            None
        };
        record.look_at = self.look_at(&plan, record, notion.as_ref(), github.as_ref(), now);

        if let Some(again) = talk.again() {
            record.look_at = Some(record.look_at.map_or(again, |at| at.min(again)));
        }

        // Older operations that were not sent are replaced by what is planned now.
        let keep: BTreeSet<&OpId> = operations.iter().map(|op| &op.id).collect();
        let is_overtaken = |old: &&Stored<Operation>| {
            let unsent = matches!(
                old.value.state,
                OpState::Planned | OpState::Retry | OpState::Blocked
            );
            unsent
                && !keep.contains(&old.value.id)
                && !is_held_back(&plan)
                && !stands(&old.value, record, &operations)
        };
        let (overtaken, standing): (Vec<_>, Vec<_>) = open.iter().partition(is_overtaken);
        let standing: Vec<Stored<Operation>> = standing.into_iter().cloned().collect();
        if overtaken.iter().any(|old| may_be_there(&old.value)) {
            self.look_first(&record.id, &overtaken).await?;
            return Ok(false);
        }
        let mut batch = Batch::default();
        talk.save(&record.id, &mut batch)?;
        for old in overtaken {
            let mut op = old.value.clone();
            op.state = OpState::Void;
            batch.operation(&op, Some(old))?;
        }
        // The world moved on: nothing is left of what was set aside, of all that is planned anew where it is still
        // wanted. A comment is not, what a page shows is overtaken, and a step ends with its rule.
        if before.record.problem.is_some() && record.problem.is_none() {
            for old in self.state().dead_operations(&record.mapping).await? {
                let action = &old.value.write.action;
                let anew = follows_from_difference(action) || matches!(action, Action::Flag { .. });
                if old.value.record == record.id && anew {
                    let mut op = old.value.clone();
                    op.state = OpState::Void;
                    batch.operation(&op, Some(&old))?;
                }
            }
        }
        let mut sequence = record.next_sequence;
        for op in &operations {
            if open.iter().any(|old| old.value.id == op.id) {
                continue;
            }
            let mut op = op.clone();
            let settles = merged.iter().filter(|unit| writes_unit(&op, unit));
            op.settlement.resolves = settles.map(|unit| (*unit).clone()).collect();
            op.sequence = sequence;
            sequence += 1;
            batch.operation(&op, None)?;
        }
        record.next_sequence = sequence;
        self.tell_conflict(binding, &plan, &mut state, &mut batch)
            .await?;
        let present = notion
            .as_ref()
            .is_some_and(|view| view.presence == Presence::Present);
        if present && !is_kept_out(&plan) {
            if let (Some(page), Some(object)) = (&notion, &github) {
                notice_moved_place(&mut state.record, binding, bound, page, object);
                if state.record.life == Life::Live && object.presence == Presence::Present {
                    notice_counterpart(&mut state.record, object);
                }
            }
            self.bookkeep(
                binding,
                bound,
                &mut state,
                &operations,
                &standing,
                &mut batch,
            )
            .await?;
        }

        self.flag(binding, &mut state, &standing, &mut batch)
            .await?;
        let rest = Rest {
            plan: &plan,
            operations: &operations,
            open: &standing,
            notion: notion.as_ref(),
            github: github.as_ref(),
        };
        self.mark_seen_issue(binding, &mut state, &rest, &mut batch)
            .await?;
        self.show_state(binding, bound, &mut state, &rest, &mut batch)
            .await?;

        let nothing = batch.is_empty() && audit.is_empty() && operations.is_empty();
        if state == before && !news && nothing {
            return Ok(true);
        }
        if let (Some(decision), Some(row)) = (decision, audit.first_mut()) {
            let keep = self.decisions;
            let name = batch.decision(&mut state.record, &decision, keep)?;
            let name = name.map_or_else(|| "too large to keep".to_owned(), |name| name.to_string());
            row.details.insert(DECISION.to_owned(), name);
        }
        let body = body || news;
        let save = if body { SaveBody::Yes } else { SaveBody::No };
        batch.record_with_audit(&mut state, save, audit)?;
        self.state().commit(batch).await?;
        Ok(true)
    }

    /// What is overtaken, and may be there by half, is looked for before something else takes its place: people
    /// deal with the half that is there.
    async fn look_first(&self, record: &RecordId, overtaken: &[&Stored<Operation>]) -> Result<()> {
        let mut batch = Batch::default();
        for &old in overtaken {
            let mut op = old.value.clone();
            if may_be_there(&op) {
                op.state = OpState::Unknown;
                op.overtaken = true;
                op.not_before = None;
            } else {
                op.state = OpState::Void;
            }
            batch.operation(&op, Some(old))?;
        }
        if let Some(mut state) = self.state().record(record).await? {
            state.record.look_at = Some(self.now());
            batch.record_with_audit(&mut state, SaveBody::No, Vec::new())?;
        }
        self.state().commit(batch).await
    }

    /// What changes in the record as soon as an operation is planned.
    fn begin(&self, plan: &Plan, record: &mut Record) {
        if plan.life == Some(Life::Provisioning) {
            record.create_epoch += 1;
            // What we took back, nobody refused.
            let withdrawn = |proposal: &Proposal| {
                proposal.state == ProposalState::Refused
                    && !record.refused.contains(&proposal.value)
            };
            if record.proposal.as_ref().is_some_and(withdrawn) {
                record.proposal = None;
            }
        }
        for step in &plan.steps {
            match step {
                Step::Remove(_) | Step::Propose(ProposalKind::Delete, _) => {
                    record.life = Life::Deleting;
                    record.outcome.remove(REMOVED);
                }
                Step::Withdraw(_) => match &mut record.proposal {
                    Some(proposal) if proposal.state == ProposalState::Open => {
                        proposal.state = ProposalState::Refused;
                    }
                    // It was never opened: nothing is left of it.
                    Some(proposal) if proposal.state == ProposalState::Planned => {
                        record.proposal = None;
                    }
                    _ => {}
                },
                _ => {}
            }
        }
        if !matches!(record.life, Life::Deleting | Life::Tombstone) {
            record.outcome.remove(REMOVED);
        }
    }
}

/// Whether a record waited for the same before, for the same reason.
fn is_known(wait: &Wait, record: &Record) -> bool {
    (record.waits.get(&wait.field)).is_some_and(|known| known.reason == wait.reason)
}

/// What a field waits for: an object of the same sort as the one that names it.
fn waiting(wait: &Wait, record: &Record) -> Option<Waiting> {
    let (side, id) = &wait.named;
    let on = RemoteRef {
        id: id.clone(),
        ..record.object(*side)?.clone()
    };
    Some(Waiting {
        on,
        reason: wait.reason.clone(),
    })
}

/// Conflicts that people decided by merging the pull request (row 17). Until the page has the decision they are
/// open: a look in between, or a write that is refused, would forget it otherwise.
pub(in crate::engine) fn decided_by_merging(plan: &Plan) -> BTreeSet<&UnitId> {
    let decided = plan.rows.iter().filter(|(_, row)| row.0 == 17);
    decided.map(|(unit, _)| unit).collect()
}

/// Whether a write carries the decision about a unit to the page.
fn writes_unit(op: &Operation, unit: &UnitId) -> bool {
    let page = op.side == Side::Notion && matches!(op.write.action, Action::Update(_));
    page && match unit {
        UnitId::Field(id) => op.settlement.fields.contains_key(id),
        UnitId::Body | UnitId::Block(_) => op.settlement.body.is_some(),
        _ => false,
    }
}

fn open_conflicts(plan: &Plan, record: &mut Record, policy: Policy, now: DateTime<Utc>) {
    for park in &plan.parks {
        record.conflict_epoch += u64::from(!record.conflicts.contains_key(&park.unit));
        let since = record
            .conflicts
            .get(&park.unit)
            .map_or(now, |known| known.since);
        record.conflicts.insert(
            park.unit.clone(),
            Conflict {
                notion: park.notion.0,
                github: park.github.0,
                base: park.base,
                notion_text: park.notion.1.clone(),
                github_text: park.github.1.clone(),
                policy,
                since,
            },
        );
    }
}

/// Keeps what was seen of one side.
fn remember_view(record: &mut Record, side: Side, view: &View, behind: Duration) {
    if doubted_until(record, side, view).is_some() {
        return;
    }
    if side == Side::Notion {
        record.see_page(&view.presence, &view.revision, view.observed_at, behind);
    }
    match side {
        Side::Notion => record.urls.0 = view.url.clone().or(record.urls.0.take()),
        Side::Github => {
            record.urls.1 = view.url.clone().or(record.urls.1.take());
            if let Some(place) = &view.place
                && view.presence == Presence::Present
            {
                record.path = Some(place.clone());
            }
        }
    }
    let seen = (view.presence == Presence::Present).then(|| Seen {
        revision: view.revision.clone(),
        hash: page_hash(view),
        settled: view.settled,
        at: view.observed_at,
    });
    record.set_seen(side, seen);
    match view.presence {
        Presence::Gone(proof) => {
            record.proofs.insert(side, proof);
        }
        Presence::Present => {
            record.proofs.remove(&side);
        }
        _ => {}
    }
}

/// Whether the plan says nothing about what should be written, so that earlier operations stand.
fn is_held_back(plan: &Plan) -> bool {
    plan.holds
        .iter()
        .any(|hold| hold.unit == UnitId::Record && matches!(hold.row.0, 24 | 25 | 37 | 38 | 40))
}

/// Whether an operation that is to be sent again may have left a pull request that people can deal with. Of other
/// writes nothing is there once they count as not applied.
fn may_be_there(op: &Operation) -> bool {
    let opens = match &op.write.action {
        Action::Propose(_) => true,
        Action::Effect(effect) => matches!(effect.request.effect, Effect::OpenPull(_)),
        _ => false,
    };
    op.attempts > 0 && opens
}

/// Whether an operation that was not sent stays although the plan does not ask for it again:
/// what is told to people, and a proposal that the record says is under way.
fn stands(op: &Operation, record: &Record, operations: &[Operation]) -> bool {
    match &op.write.action {
        Action::Comment { .. } | Action::Withdraw { .. } => true,
        // Until the pull request moves on or what it says is not so any more.
        Action::Flag { object, head, .. } => {
            (record.pulls.iter()).any(|pull| pull.object == *object && pull.head == *head)
        }
        Action::Discuss(_) => record.life == Life::Live,
        Action::Bookkeep { .. } => notes::marks(op, record),
        // Until the property leaves the value.
        Action::Effect(_) => is_under_way(record, &op.id),
        Action::Propose(propose) => {
            let replaced = operations.iter().any(|op| {
                matches!(
                    op.write.action,
                    Action::Propose(_) | Action::Withdraw { .. }
                )
            });
            let known = record.proposal.as_ref().is_some_and(|known| {
                known.branch == propose.branch
                    && matches!(known.state, ProposalState::Planned | ProposalState::Open)
            });
            known && !replaced
        }
        _ => false,
    }
}

/// What a message is about, so that people find it: page and file.
fn subject(binding: &Binding, planned: &PlannedRecord) -> String {
    let record = &planned.prepared.state.record;
    let place = (planned.prepared.github.as_ref())
        .and_then(|view| view.place.clone())
        .or_else(|| record.path.clone())
        .filter(|_| binding.mapping.kind == MappingKind::Documents);
    match place {
        // Without a page the title is only a guess from the file's name.
        Some(path) if planned.title.is_empty() || planned.prepared.notion.is_none() => path,
        Some(path) => format!("{} ({path})", planned.title),
        None if planned.title.is_empty() => record.id.to_string(),
        None => planned.title.clone(),
    }
}

/// Moves the base by what both sides agree on already, and the revisions of sides as agreed.
/// Answers whether the body's base changed.
fn apply_agreed(
    plan: &Plan,
    state: &mut RecordState,
    notion: Option<&View>,
    github: Option<&View>,
) -> bool {
    let agreed = &plan.agreed;
    let adopts = plan.steps.iter().any(|step| matches!(step, Step::Adopt));
    if adopts {
        state.record.life = Life::Live;
        state.record.same_key = false;
    }
    let moves = !agreed.fields.is_empty() || agreed.body.is_some() || agreed.path.is_some();
    if moves {
        let base = state.record.base.get_or_insert_with(Base::default);
        for (id, value) in &agreed.fields {
            base.fields.insert(id.clone(), value.clone());
        }
        if let Some(path) = &agreed.path {
            base.path = Some(path.clone());
        }
        state.record.base_epoch += 1;
    }
    if let Some(body) = &agreed.body {
        state.body = Some(body.clone());
    }
    // A side on which nothing waits is as agreed at the revision just read (row 39).
    let clean = plan.steps.is_empty() && plan.holds.is_empty() && plan.parks.is_empty();
    if let (true, Some(base)) = (clean || moves, &mut state.record.base) {
        for (side, view) in [(Side::Notion, notion), (Side::Github, github)] {
            if let Some(view) = view
                && view.presence == Presence::Present
                && clean
            {
                base.advance(side, &view.revision);
            } else if let Some(view) = view
                && base.revision(side).is_none()
            {
                base.advance(side, &view.revision);
            }
        }
    }
    agreed.body.is_some()
}

fn problem(plan: &Plan, record: &Record, now: DateTime<Utc>) -> Option<Problem> {
    let alert = plan
        .alerts
        .first()
        .map(|alert| (alert.message.clone(), alert.drift));
    let conflict = (!record.conflicts.is_empty()).then(|| {
        let contested = record.contested();
        let message = format!("both sides changed {contested}: decide which one stays");
        (message, false)
    });
    let hold = plan
        .holds
        .iter()
        .find(|hold| matches!(hold.row.0, 47 | 48 | 49 | 58))
        .map(|hold| (hold.reason.clone(), false));
    let (message, drift) = alert.or(conflict).or(hold)?;
    let since = record
        .problem
        .as_ref()
        .filter(|known| known.message == message)
        .map_or(now, |known| known.since);
    Some(Problem {
        message,
        drift,
        since,
    })
}
