//! What the page shows of the sync: fields that belong to the engine.
//!
//! They are outside every hash and written only together with a unit, or once after an outcome
//! changed, never because they are out of date: otherwise page and file would chase each other.

use std::collections::BTreeMap;

use crate::effect::LinkedPull;
use crate::engine::observe::bind::Bound;
use crate::engine::observe::survey::Prepared;
use crate::engine::plan::render::Draft;
use crate::engine::write::outcome::bare;
use crate::engine::{Binding, Engine};
use crate::error::Result;
use crate::hash::ContentHash;
use crate::id::{OpId, RecordId, Side};
use crate::mapping::{MappingKind, View};
use crate::operation::{OpState, Operation, Settlement};
use crate::record::{Life, ProposalState, Record};
use crate::remote::{Action, ProposalKind};
use crate::rule::{ActionState, RuleAction};
use crate::snapshot::Presence;
use crate::state::{Batch, RecordState, Stored};

impl Engine {
    /// Fields of the engine as the page should show them, of those it has.
    pub(in crate::engine) fn page_bookkeeping(
        &self,
        binding: &Binding,
        bound: &Bound,
        prepared: &Prepared,
        will_succeed: bool,
    ) -> BTreeMap<String, String> {
        let mut record = prepared.state.record.clone();
        if will_succeed {
            record = settled(&record);
        }
        if let Some(view) = &prepared.github {
            record.path = view.place.clone().or(record.path);
            record.urls.1 = view.url.clone().or(record.urls.1);
            for key in SHOWN_ON_PAGE {
                if let Some(value) = view.bookkeeping.get(key) {
                    record.outcome.insert(key.to_owned(), value.clone());
                }
            }
        }
        self.desired_bookkeeping(binding, bound, &record)
    }

    fn desired_bookkeeping(
        &self,
        binding: &Binding,
        bound: &Bound,
        record: &Record,
    ) -> BTreeMap<String, String> {
        let (status, message) = status(record);
        let mut out: BTreeMap<String, String> = BTreeMap::new();
        let mut put = |key: &str, value: Option<String>| {
            if let Some(value) = value
                && bound.notion.bookkeeping.contains(key)
            {
                out.insert(key.to_owned(), value);
            }
        };
        // While the marks contradict each other none of them is written over.
        let drifts = record.problem.as_ref().is_some_and(|problem| problem.drift);
        if !drifts && binding.mapping.kind == MappingKind::Documents {
            put("path", record.path.clone());
            put("commit", record.outcome.get("commit").cloned());
        } else if !drifts {
            put("repository", record.outcome.get("repository").cloned());
            put("number", record.outcome.get("number").cloned());
            put("state", record.outcome.get("state").cloned());
            let pull = shown_pull(record);
            put(
                "pull_number",
                Some(pull.map_or_else(String::new, |one| one.number.to_string())),
            );
            put(
                "pull_url",
                Some(pull.map_or_else(String::new, |one| one.url.clone())),
            );
            put(
                "pull_state",
                Some(pull.map_or_else(String::new, |one| one.state.clone())),
            );
            put(
                "review",
                Some(pull.and_then(|one| one.review.clone()).unwrap_or_default()),
            );
            put(
                "checks",
                Some(pull.and_then(|one| one.checks.clone()).unwrap_or_default()),
            );
        }
        if !drifts {
            put("url", record.urls.1.clone());
        }
        put("status", Some(status.to_owned()));
        put("message", Some(message));
        put(
            "synced_at",
            Some(
                self.now()
                    .to_rfc3339_opts(chrono::SecondsFormat::Secs, true),
            ),
        );
        out
    }

    /// Plans to write the engine's fields to the page, if they say something else than they should
    /// and no other write to the page is planned that takes them along.
    pub(in crate::engine) async fn bookkeep(
        &self,
        binding: &Binding,
        bound: &Bound,
        state: &mut RecordState,
        operations: &[Operation],
        open: &[Stored<Operation>],
        batch: &mut Batch,
    ) -> Result<()> {
        let takes_along = operations.iter().any(|op| {
            op.side == Side::Notion
                && matches!(op.write.action, Action::Update(_) | Action::Create(_))
        });
        let waits = operations
            .iter()
            .any(|op| op.side == Side::Github && !is_said(&op.write.action))
            || open.iter().any(|op| op.value.state.is_unresolved());
        if takes_along || waits {
            return Ok(());
        }
        self.plan_bookkeeping(binding, bound, state, open, batch)
            .await
    }

    /// T6 of a write to GitHub: the page shows what came of it. Where another write of the page waits
    /// that was never sent, it takes that along; what only showed an older state is given up.
    pub(in crate::engine) async fn bookkeep_now(
        &self,
        binding: &Binding,
        bound: &Bound,
        state: &mut RecordState,
        op: &Operation,
        waiting: &Waiting,
        batch: &mut Batch,
    ) -> Result<()> {
        if op.side != Side::Github || is_said(&op.write.action) || !shows_on_page(&state.record) {
            return Ok(());
        }
        let mut shows = false;
        for id in waiting.0.get(&state.record.id).into_iter().flatten() {
            let Some(known) = self.state().operation(id).await? else {
                continue;
            };
            if !is_unsent(&known.value) || known.value.id == op.id {
                continue;
            }
            let mut next = known.value.clone();
            match &mut next.write.action {
                Action::Update(update) => {
                    let settled = settled(&state.record);
                    let fields = self.desired_bookkeeping(binding, bound, &settled);
                    shows = true;
                    if same(&fields, &update.bookkeeping) {
                        continue;
                    }
                    update.bookkeeping = fields;
                }
                _ => {
                    next.state = OpState::Void;
                    next.error = Some("a later write of the page shows more".to_owned());
                }
            }
            batch.operation(&next, Some(&known))?;
        }
        if shows {
            return Ok(());
        }
        self.plan_bookkeeping(binding, bound, state, &[], batch)
            .await
    }

    /// T6 of a write that shows the state of the sync on its page: what was set aside and only showed an older one
    /// is nobody's work any more.
    pub(in crate::engine) async fn overtake(
        &self,
        op: &Operation,
        batch: &mut Batch,
    ) -> Result<()> {
        let shows = match &op.write.action {
            Action::Bookkeep { .. } => true,
            Action::Update(update) => !update.bookkeeping.is_empty(),
            _ => false,
        };
        if op.side != Side::Notion || !shows {
            return Ok(());
        }
        for known in self.state().dead_operations(&op.mapping).await? {
            let shown = matches!(known.value.write.action, Action::Bookkeep { .. });
            if known.value.record == op.record && shown && known.value.id != op.id {
                let mut old = known.value.clone();
                old.state = OpState::Void;
                old.error = Some("a later write of the page shows more".to_owned());
                batch.operation(&old, Some(&known))?;
            }
        }
        Ok(())
    }

    pub(in crate::engine) async fn plan_bookkeeping(
        &self,
        binding: &Binding,
        bound: &Bound,
        state: &mut RecordState,
        open: &[Stored<Operation>],
        batch: &mut Batch,
    ) -> Result<()> {
        let record = &state.record;
        let Some(object) = record.notion.clone().filter(|_| shows_on_page(record)) else {
            return Ok(());
        };
        let desired = self.desired_bookkeeping(binding, bound, record);
        let differs = desired.iter().any(|(key, value)| {
            key != "synced_at" && record.bookkept.get(key).map_or("", String::as_str) != value
        });
        if !differs {
            return Ok(());
        }
        let stable: BTreeMap<&String, &String> = desired
            .iter()
            .filter(|(key, _)| *key != "synced_at")
            .collect();
        let wanted = ContentHash::of("nsync/bookkeep/v1", &stable);
        let before = ContentHash::of("nsync/bookkeep/v1", &record.bookkept);
        let draft = Draft {
            side: Side::Notion,
            name: "bookkeep",
            action: Action::Bookkeep {
                object,
                fields: desired,
            },
            settlement: Settlement::default(),
            label: "show the state of the sync on the page".to_owned(),
            rows: Vec::new(),
            content: Some((before, wanted)),
            epoch: record.base_epoch,
        };
        let prepared = bare(state);
        if let Some(mut op) = self
            .operation(binding, &prepared, draft, None, open)
            .await?
        {
            if open.iter().any(|known| known.value.id == op.id) {
                return Ok(());
            }
            op.sequence = state.record.next_sequence;
            state.record.next_sequence += 1;
            batch.operation(&op, None)?;
        }
        Ok(())
    }
}

/// Writes of pages that were planned and never sent, by record.
#[derive(Debug, Default)]
pub(in crate::engine) struct Waiting(BTreeMap<RecordId, Vec<OpId>>);

impl Waiting {
    pub(in crate::engine) fn of(open: &[Stored<Operation>]) -> Self {
        let mut waiting = Self::default();
        for op in open.iter().map(|stored| &stored.value) {
            if is_unsent(op) {
                let of_record = waiting.0.entry(op.record.clone()).or_default();
                of_record.push(op.id.clone());
            }
        }
        waiting
    }
}

/// Whether a write of a page was never sent. One that was sent, and surely not applied, is left alone
/// too: it keeps saying what it said. So is one that takes the marks off a copy.
fn is_unsent(op: &Operation) -> bool {
    let shows = match &op.write.action {
        Action::Update(_) => true,
        Action::Bookkeep { fields, .. } => !fields.values().all(String::is_empty),
        _ => false,
    };
    op.side == Side::Notion && op.state == OpState::Planned && op.attempts == 0 && shows
}

/// Whether the page shows the state of the sync.
fn shows_on_page(record: &Record) -> bool {
    let over = matches!(
        record.life,
        Life::Tombstone | Life::Deleting | Life::Detached
    );
    !over && !record.copy && record.duplicate.is_none()
}

/// A record as it is once a write of both sides' content succeeded.
fn settled(record: &Record) -> Record {
    Record {
        problem: None,
        life: Life::Live,
        ..record.clone()
    }
}

/// Whether two say the same but for the time.
fn same(one: &BTreeMap<String, String>, other: &BTreeMap<String, String>) -> bool {
    let stable = |fields: &'_ BTreeMap<String, String>| {
        let mut fields = fields.clone();
        fields.remove("synced_at");
        fields
    };
    stable(one) == stable(other)
}

/// Whether a write only says something: the page shows nothing of that.
fn is_said(action: &Action) -> bool {
    matches!(
        action,
        Action::Comment { .. } | Action::Discuss(_) | Action::Flag { .. }
    )
}

/// What the page shows of its counterpart, besides path and address.
pub(in crate::engine) const SHOWN_ON_PAGE: [&str; 4] = ["commit", "number", "repository", "state"];

/// Roles that show a pull request.
pub(in crate::engine) const OF_PULLS: [&str; 5] =
    ["pull_number", "pull_url", "pull_state", "review", "checks"];

/// The pull request that a page shows: ours, else the newest that is open, else the newest.
fn shown_pull(record: &Record) -> Option<&LinkedPull> {
    let newest = |open: bool| {
        (record.pulls.iter())
            .filter(|pull| !open || matches!(pull.state.as_str(), "open" | "draft"))
            .max_by_key(|pull| pull.number)
    };
    let ours = record.links.get("pull");
    (record.pulls.iter().find(|pull| ours == Some(&pull.object)))
        .or_else(|| newest(true))
        .or_else(|| newest(false))
}

/// Notices that somebody wrote another repository on the page of a pair. Which issue is the page's
/// does not hang on that property: what stands there now is remembered, and with that it is written
/// over like everything that the page shows of the sync.
///
/// A page that names its issue otherwise too is left alone: there the marks contradict the registry.
pub(in crate::engine) fn notice_moved_place(
    record: &mut Record,
    binding: &Binding,
    bound: &Bound,
    page: &View,
    object: &View,
) {
    let there = [page, object].map(|view| view.presence == Presence::Present) == [true, true];
    if binding.mapping.kind != MappingKind::Tasks
        || record.life != Life::Live
        || !there
        || !page.settled
    {
        return;
    }
    let says = |key: &str| page.bookkeeping.get(key).map_or("", String::as_str).trim();
    let wrote = |key: &str| record.bookkept.get(key).map_or("", String::as_str);
    let named = ["url", "number"].iter().all(|key| says(key) == wrote(key));
    let known = !wrote("repository").is_empty() && bound.notion.bookkeeping.contains("repository");
    if known && named && says("repository") != wrote("repository") {
        let says = says("repository").to_owned();
        record.bookkept.insert("repository".to_owned(), says);
    }
}

/// Notices what the page shows of its counterpart and no write says: whether the issue is open, which people
/// change, and the commit of a file that people merged. A later commit of the branch is none of the file's.
pub(in crate::engine) fn notice_counterpart(record: &mut Record, object: &View) {
    let known = record.outcome.contains_key("commit");
    for key in ["state", "commit"] {
        if let Some(value) = object.bookkeeping.get(key)
            && !(known && key == "commit")
        {
            record.outcome.insert(key.to_owned(), value.clone());
        }
    }
}

/// What a write put on the page; of its counterpart the page shows that from now on.
pub(in crate::engine) fn keep_bookkept(record: &mut Record, fields: &BTreeMap<String, String>) {
    for key in SHOWN_ON_PAGE {
        if let Some(value) = fields.get(key).filter(|value| !value.is_empty()) {
            record.outcome.insert(key.to_owned(), value.clone());
        }
    }
    for (key, value) in fields {
        if value.is_empty() {
            record.bookkept.insert(key.clone(), String::new());
        } else {
            record.bookkept.insert(key.clone(), value.clone());
        }
    }
}

/// The state of the sync in one word, and a message.
fn status(record: &Record) -> (&'static str, String) {
    if let Some(problem) = &record.problem {
        let mut message = problem.message.clone();
        // Where one decides; only what contradicts itself is more urgent.
        let decides = (record.proposal.as_ref()).filter(|known| {
            known.kind == ProposalKind::Conflict && known.state == ProposalState::Open
        });
        if !problem.drift
            && !record.conflicts.is_empty()
            && let Some(url) = decides.and_then(|known| known.url.as_ref())
        {
            message.push_str(&format!(" in {url}"));
        }
        return ("Error", message.chars().take(500).collect());
    }
    if let Some(proposal) = &record.proposal
        && matches!(proposal.state, ProposalState::Open | ProposalState::Planned)
    {
        let url = proposal.url.clone().unwrap_or_default();
        return (
            "Pending",
            format!("proposed in a pull request {url}")
                .trim_end()
                .to_owned(),
        );
    }
    if record.life == Life::Provisioning {
        return ("Pending", "waits for its counterpart".to_owned());
    }
    if let Some((word, message)) = step_status(record) {
        return (word, message.chars().take(500).collect());
    }
    ("Success", String::new())
}

/// What the steps of rules have to say: one that waits, or the last one that failed.
fn step_status(record: &Record) -> Option<(&'static str, String)> {
    let actions = || {
        (record.triggers.iter())
            .flat_map(|(rule, trigger)| trigger.actions.iter().map(move |action| (rule, action)))
    };
    let say = |(rule, action): (&String, &RuleAction)| {
        let why = action.reason.as_deref().unwrap_or_default();
        format!("{rule}: {}: {why}", action.effect.label())
    };
    if let Some(waits) = actions().find(|(_, action)| action.state == ActionState::Gated) {
        return Some(("Pending", say(waits)));
    }
    actions()
        .find(|(_, action)| {
            matches!(
                action.state,
                ActionState::Refused | ActionState::Expired | ActionState::Dead
            )
        })
        .map(|failed| ("Error", say(failed)))
}
