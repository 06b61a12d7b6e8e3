//! How things stand, from the store alone.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use notion_sync_core::Result;
use notion_sync_core::id::{MappingId, OpId, RecordId};
use notion_sync_core::operation::{OpState, Operation};
use notion_sync_core::record::{Life, ProposalState, Record};
use notion_sync_core::remote::Action;
use notion_sync_core::rule::{ActionState, RuleAction};
use notion_sync_core::state::State;
use notion_sync_core::store::Store;
use serde::Serialize;

use super::output::time;
use crate::config::Config;
use crate::exit::Exit;

/// One mapping.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct MappingStanding {
    pub(crate) mapping: String,
    pub(crate) live: usize,
    pub(crate) provisioning: usize,
    pub(crate) deleting: usize,
    pub(crate) detached: usize,
    pub(crate) tombstones: usize,
    pub(crate) conflicts: usize,
    pub(crate) proposals: usize,
    pub(crate) drift: usize,
    pub(crate) dead: usize,
    pub(crate) open_operations: usize,
    pub(crate) blocked: usize,
    /// How often the operations that are not final were sent so far.
    pub(crate) attempts: u64,
    /// When the oldest operation that is not final was planned.
    pub(crate) oldest_operation: Option<DateTime<Utc>>,
    /// Why nothing is written.
    pub(crate) frozen: Option<String>,
    /// Start of the hash to approve.
    pub(crate) guarded: Option<String>,
    /// Why absence proves nothing on a side.
    pub(crate) doubts: Vec<String>,
    pub(crate) last_poll: Option<DateTime<Utc>>,
    /// When both sides were last looked at to their end without an error.
    pub(crate) last_success: Option<DateTime<Utc>>,
    pub(crate) last_error: Option<String>,
    pub(crate) next_look: Option<DateTime<Utc>>,
    /// Steps of rules that wait for their precondition.
    pub(crate) waiting_steps: usize,
    pub(crate) problems: Vec<Issue>,
}

/// A record that a person has to look at.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Issue {
    pub(crate) record: String,
    pub(crate) title: String,
    pub(crate) kind: &'static str,
    pub(crate) message: String,
    pub(crate) page: Option<String>,
    pub(crate) github: Option<String>,
    pub(crate) since: Option<DateTime<Utc>>,
}

/// Every configured mapping, in the order of the configuration.
pub(super) async fn of(config: &Config, store: &dyn Store) -> Result<Vec<MappingStanding>> {
    let mut out = Vec::new();
    for name in config.names() {
        let mut standing = mapping(name, store).await?;
        standing.frozen = config.guard.told().or(standing.frozen);
        out.push(standing);
    }
    Ok(out)
}

/// One mapping.
pub(crate) async fn mapping(name: &str, store: &dyn Store) -> Result<MappingStanding> {
    let state = State::new(store);
    let id = MappingId::new(name);
    let records = state.records(&id).await?;
    let remembered = state.mapping(&id).await?.value;
    let open = state.open_operations(&id).await?;
    let count = |test: &dyn Fn(&Record) -> bool| records.iter().filter(|one| test(one)).count();
    let life = |life: Life| count(&|record| record.life == life);
    let mut problems: Vec<Issue> = Vec::new();
    let mut dead = 0;
    let mut all_set_aside = set_aside(&state, &records, &id).await?;
    for record in &records {
        problems.extend(issues(record));
        let set_aside = all_set_aside.remove(&record.id).unwrap_or_default();
        problems.extend(steps(record, &set_aside));
        dead += set_aside.len();
        problems.extend(set_aside.into_iter().map(|op| Issue {
            record: record.id.to_string(),
            title: record.title.clone(),
            kind: "dead",
            message: match &op.error {
                Some(error) => format!("{}: {error}", op.label),
                None => op.label,
            },
            page: record.urls.0.clone(),
            github: record.urls.1.clone(),
            since: op.intent_at,
        }));
    }
    for op in open.iter().filter(|op| op.value.state == OpState::Blocked) {
        let record = records.iter().find(|one| one.id == op.value.record);
        problems.push(Issue {
            record: op.value.record.to_string(),
            title: record.map(|one| one.title.clone()).unwrap_or_default(),
            kind: "blocked",
            message: blocked(&op.value),
            page: record.and_then(|one| one.urls.0.clone()),
            github: record.and_then(|one| one.urls.1.clone()),
            since: op.value.intent_at,
        });
    }
    Ok(MappingStanding {
        mapping: name.to_owned(),
        live: life(Life::Live),
        provisioning: life(Life::Provisioning),
        deleting: life(Life::Deleting),
        detached: life(Life::Detached),
        tombstones: life(Life::Tombstone),
        conflicts: count(&|record| !record.conflicts.is_empty()),
        proposals: count(&|record| {
            record
                .proposal
                .as_ref()
                .is_some_and(|one| one.state == ProposalState::Open)
        }),
        drift: count(&|record| record.problem.as_ref().is_some_and(|one| one.drift)),
        dead,
        open_operations: open.len(),
        blocked: open
            .iter()
            .filter(|op| op.value.state == OpState::Blocked)
            .count(),
        attempts: open.iter().map(|op| u64::from(op.value.attempts)).sum(),
        oldest_operation: open.iter().map(|op| op.value.created_at).min(),
        frozen: state.frozen(&id).await?.map(|freeze| freeze.told()),
        guarded: remembered.awaits_approval().map(|hash| hash.short(12)),
        doubts: (remembered.doubts.values())
            .map(|doubt| doubt.why.clone())
            .collect(),
        last_poll: remembered.polled_at,
        last_success: remembered.last_success,
        last_error: remembered.last_error.clone(),
        next_look: state.next_look(&id).await?,
        waiting_steps: records
            .iter()
            .flat_map(|record| record.triggers.values())
            .flat_map(|trigger| &trigger.actions)
            .filter(|action| action.state == ActionState::Gated)
            .count(),
        problems,
    })
}

/// Operations of a mapping that were set aside, by record: until somebody deals with them, something later overtakes
/// them, or nothing is left of them. Those of a step that its rule went on from say nothing any more.
pub(super) async fn set_aside(
    state: &State<'_>,
    records: &[Record],
    mapping: &MappingId,
) -> Result<BTreeMap<RecordId, Vec<Operation>>> {
    let steps: BTreeSet<OpId> = (records.iter())
        .flat_map(|record| {
            record
                .triggers
                .iter()
                .map(move |(rule, trigger)| (record, rule, trigger))
        })
        .flat_map(|(record, rule, trigger)| {
            let dead = |action: &&RuleAction| action.state == ActionState::Dead;
            let op = move |action: &RuleAction| action.op(&record.id, rule);
            trigger.actions.iter().filter(dead).map(op)
        })
        .collect();
    let mut out: BTreeMap<RecordId, Vec<Operation>> = BTreeMap::new();
    for stored in state.dead_operations(mapping).await? {
        let op = stored.value;
        let step = matches!(op.write.action, Action::Effect(_));
        if !step || steps.contains(&op.id) {
            out.entry(op.record.clone()).or_default().push(op);
        }
    }
    Ok(out)
}

/// Why a write is blocked, and when it is tried again by itself: what was granted meanwhile is noticed only then.
fn blocked(op: &Operation) -> String {
    let mut out = op.label.clone();
    if let Some(error) = &op.error {
        out.push_str(&format!(": {error}"));
    }
    if let Some(at) = op.not_before {
        out.push_str(&format!(" (tried again at {})", time(at)));
    }
    out
}

fn issues(record: &Record) -> Vec<Issue> {
    let issue = |kind: &'static str, message: String, since: Option<DateTime<Utc>>| Issue {
        record: record.id.to_string(),
        title: record.title.clone(),
        kind,
        message,
        page: record.urls.0.clone(),
        github: record.urls.1.clone(),
        since,
    };
    let mut out = Vec::new();
    if let Some(first) = record.conflicts.values().map(|one| one.since).min() {
        out.push(issue(
            "conflict",
            format!("both sides changed {}", record.contested()),
            Some(first),
        ));
    } else if let Some(problem) = &record.problem {
        let kind = if problem.drift { "drift" } else { "problem" };
        out.push(issue(kind, problem.message.clone(), Some(problem.since)));
    }
    out
}

/// Steps of rules that wait, and those of the last firing that came to nothing. What is shown among
/// the operations that were set aside is not shown twice.
fn steps(record: &Record, set_aside: &[Operation]) -> Vec<Issue> {
    let mut out = Vec::new();
    for (rule, trigger) in &record.triggers {
        for action in &trigger.actions {
            let kind = match action.state {
                ActionState::Gated => "waits",
                ActionState::Refused | ActionState::Expired | ActionState::Dead => "rule",
                _ => continue,
            };
            let op = action.op(&record.id, rule);
            if set_aside.iter().any(|known| known.id == op) {
                continue;
            }
            let why = action.reason.as_deref().unwrap_or_default();
            out.push(Issue {
                record: record.id.to_string(),
                title: record.title.clone(),
                kind,
                message: format!("{rule}: {}: {why}", action.effect.label()),
                page: record.urls.0.clone(),
                github: record.urls.1.clone(),
                since: Some(action.since),
            });
        }
    }
    out
}

/// The exit code that a standing asks for.
pub(super) fn exit(standing: &[MappingStanding]) -> Exit {
    standing.iter().fold(Exit::Clean, |exit, one| {
        let mut exit = exit;
        if one.frozen.is_some() {
            exit = exit.or(Exit::Frozen);
        }
        if one.blocked > 0 {
            exit = exit.or(Exit::Refused);
        }
        if one.guarded.is_some() || !one.doubts.is_empty() {
            exit = exit.or(Exit::Guard);
        }
        if one.drift > 0 || one.dead > 0 {
            exit = exit.or(Exit::Drift);
        }
        if one.conflicts > 0 {
            exit = exit.or(Exit::Conflicts);
        }
        exit
    })
}
