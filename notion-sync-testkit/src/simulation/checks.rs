//! What must hold once everything has come to rest, whatever is mapped and whoever adapts it.

use std::collections::{BTreeMap, BTreeSet};

use notion_sync_core::audit::{AuditEvent, AuditRow, PART_OF};
use notion_sync_core::id::{MappingId, OpId, RecordId, RemoteRef, Side};
use notion_sync_core::operation::{OpState, Operation, group_id};
use notion_sync_core::record::{Life, ProposalState, Record};
use notion_sync_core::remote::{Action, ProposalKind};
use notion_sync_core::state::State;
use notion_sync_core::store::Store;

use super::season::Failure;
use super::words::{Ledger, origins, words};

/// Whether a record waits for a person: it is not asked of it that both sides are the same.
#[must_use]
pub fn is_parked(record: &Record) -> bool {
    !record.conflicts.is_empty()
        || record.problem.is_some()
        || record.life != Life::Live
        || record.same_key
        || record.copy
        || record.proposal.as_ref().is_some_and(|proposal| {
            matches!(
                proposal.state,
                ProposalState::Open | ProposalState::Planned | ProposalState::Refused
            )
        })
}

/// The words in both versions of every conflict that is open.
#[must_use]
pub fn words_in_conflict(records: &[Record]) -> BTreeSet<u32> {
    let mut found = BTreeSet::new();
    for conflict in records.iter().flat_map(|record| record.conflicts.values()) {
        found.extend(words(&conflict.notion_text));
        found.extend(words(&conflict.github_text));
    }
    found
}

/// P02: no word that a person wrote is lost: each of which nobody replaced it is among those that were
/// found, or in the audit as what a policy decided against. `count` hears of markers.
///
/// # Errors
///
/// `P02` with the word that is lost.
pub fn kept<'a>(
    ledger: &Ledger,
    found: &BTreeSet<u32>,
    audit: impl IntoIterator<Item = &'a AuditRow>,
    count: &dyn Fn(&'static str),
) -> Result<(), Failure> {
    let mut lost_by_policy = BTreeSet::new();
    for row in (audit.into_iter()).filter(|r| r.event == AuditEvent::Loser) {
        for detail in row.details.values() {
            lost_by_policy.extend(words(detail));
        }
    }
    for (token, word) in ledger.all() {
        if !word.alive || found.contains(&token) {
            continue;
        }
        if lost_by_policy.contains(&token) && !word.element {
            count("word kept as an audited loser");
        } else if word.in_window {
            count("word lost in the stated window");
        } else {
            return Err(Failure::new(
                "P02",
                format!("tk{token}q, written in {}, is lost", word.place),
            ));
        }
    }
    Ok(())
}

/// P14 and P18: every write has one row of the audit, and those of a record are in order, but for copies of
/// comments and marks of issues that a service refused at first. `marks` are the operations that objects
/// say they come from, by kind of object.
///
/// # Errors
///
/// `P14` or `P18`, and `harness` where the store cannot be read.
pub async fn audited(
    store: &dyn Store,
    audit: &[AuditRow],
    marks: &[(String, OpId)],
) -> Result<(), Failure> {
    let mut applied: BTreeMap<&OpId, &RecordId> = BTreeMap::new();
    let mut records: BTreeMap<&RecordId, BTreeMap<&OpId, u64>> = BTreeMap::new();
    let mut groups = BTreeSet::new();
    let state = State::new(store);
    // Nothing waits for what a service refuses to let us say beside the values.
    let refused: BTreeSet<&OpId> = (audit.iter())
        .filter(|row| row.event == AuditEvent::Blocked)
        .filter_map(|row| row.op.as_ref())
        .collect();
    for row in audit.iter().filter(|r| r.event == AuditEvent::Applied) {
        let Some(op) = &row.op else { continue };
        if applied.insert(op, &row.record).is_some() {
            return Err(Failure::new("P14", format!("{op} was applied twice")));
        }
        let stored = state.operation(op).await;
        let Some(stored) = stored.map_err(|error| Failure::harness(&error))? else {
            continue;
        };
        if stored.value.state != OpState::Done {
            return Err(Failure::new(
                "P14",
                format!("{op} was applied but is {}", stored.value.state.name()),
            ));
        }
        if !stored.value.group.is_empty() {
            groups.insert(group_id(&stored.value.group));
        }
        // What was given up half-way is applied when another operation takes it over.
        let late = row.details.contains_key(PART_OF);
        if late || refused.contains(op) && is_note(&stored.value) {
            continue;
        }
        let sequences = records.entry(&row.record).or_default();
        sequences.insert(op, stored.value.sequence);
    }
    for (record, sequences) in records.into_iter().filter(|(_, ops)| ops.len() > 1) {
        // In the order of its chain: a clock may have jumped back.
        let chain = state.audit(Some(record)).await;
        let chain = chain.map_err(|error| Failure::harness(&error))?;
        let applied = chain.iter().filter(|r| r.event == AuditEvent::Applied);
        let mut last = None;
        for op in applied.filter_map(|row| row.op.as_ref()) {
            let Some(sequence) = sequences.get(op) else {
                continue;
            };
            if last.is_some_and(|last| last >= sequence) {
                return Err(Failure::new(
                    "P18",
                    format!("{op} was applied out of order"),
                ));
            }
            last = Some(sequence);
        }
    }
    for (kind, op) in marks {
        if !applied.contains_key(op) && !groups.contains(op) {
            return Err(Failure::new(
                "P14",
                format!("the {kind} of {op} has no row in the audit"),
            ));
        }
    }
    Ok(())
}

/// Whether a write keeps something on an issue, or between comments, that no value waits for.
fn is_note(op: &Operation) -> bool {
    match op.write.action {
        Action::Discuss(_) => true,
        Action::Bookkeep { .. } => op.side == Side::Github,
        _ => false,
    }
}

/// P14: nothing was taken out of the audit or changed in it, and every decision that is kept comes out
/// the same when it is made again.
///
/// # Errors
///
/// `P14`, and `harness` where the store cannot be read.
pub async fn replays(store: &dyn Store, mappings: &[MappingId]) -> Result<(), Failure> {
    let state = State::new(store);
    let proof = state.verify_audit(mappings).await;
    let proof = proof.map_err(|error| Failure::harness(&error))?;
    if let Some(fault) = proof.faults.first() {
        return Err(Failure::new("P14", format!("the audit says: {fault:?}")));
    }
    let replay = state.replay(mappings, None).await;
    let replay = replay.map_err(|error| Failure::harness(&error))?;
    if let Some(fault) = replay.faults.first() {
        return Err(Failure::new("P14", format!("made again: {fault:?}")));
    }
    Ok(())
}

/// P16: what belongs to a page is removed, or its removal proposed, only if somebody moved the page to
/// the trash, as `trashed` knows.
///
/// # Errors
///
/// `P16`, and `harness` where the store cannot be read.
pub async fn proven(
    store: &dyn Store,
    records: &[Record],
    trashed: &(dyn Fn(&RemoteRef) -> bool + Sync),
) -> Result<(), Failure> {
    let state = State::new(store);
    for record in records {
        let Some(page) = &record.notion else { continue };
        if trashed(page) {
            continue;
        }
        let operations = state.operations_of(&record.id).await;
        for op in operations.map_err(|error| Failure::harness(&error))? {
            let removes = match &op.write.action {
                Action::Remove { .. } => op.side == Side::Github,
                Action::Propose(propose) => propose.kind == ProposalKind::Delete,
                _ => false,
            };
            if removes && op.state == OpState::Done {
                return Err(Failure::new(
                    "P16",
                    format!(
                        "{}, and nobody moved page {} to the trash",
                        op.label, page.id
                    ),
                ));
            }
        }
    }
    Ok(())
}

/// P21: the registry is a partial bijection, and the claims say the same.
///
/// # Errors
///
/// `P21`, and `harness` where the store cannot be read.
pub async fn registered(store: &dyn Store, records: &[Record]) -> Result<(), Failure> {
    let state = State::new(store);
    let mut owners = BTreeMap::new();
    for record in records {
        if matches!(record.life, Life::Tombstone | Life::Detached) {
            continue;
        }
        for side in [Side::Notion, Side::Github] {
            let Some(object) = record.object(side) else {
                continue;
            };
            if let Some(other) = owners.insert(object.clone(), record.id.clone()) {
                return Err(Failure::new(
                    "P21",
                    format!("{object:?} belongs to {other} and {}", record.id),
                ));
            }
            let owner = state.owner(object).await;
            let owner = owner.map_err(|error| Failure::harness(&error))?;
            if owner.as_ref() != Some(&record.id) {
                return Err(Failure::new(
                    "P21",
                    format!("{object:?} of {} is claimed by {owner:?}", record.id),
                ));
            }
        }
        if record.life == Life::Live && (record.notion.is_none() || record.github.is_none()) {
            return Err(Failure::new(
                "P21",
                format!("{} is live with one object", record.id),
            ));
        }
    }
    Ok(())
}

/// P20: what is still under way, as a failure.
///
/// # Errors
///
/// `harness` where the store cannot be read.
pub async fn restless(
    store: &dyn Store,
    mappings: &[MappingId],
    minutes: i64,
) -> Result<Failure, Failure> {
    let state = State::new(store);
    let mut waiting = Vec::new();
    for mapping in mappings {
        let records = state.records(mapping).await;
        for record in records.map_err(|error| Failure::harness(&error))? {
            if let Some(at) = record.look_at {
                waiting.push(format!("{} ({:?}) at {at}", record.title, record.life));
            }
        }
    }
    for mapping in mappings {
        let open = state.open_operations(mapping).await;
        for op in open.map_err(|error| Failure::harness(&error))? {
            let op = op.value;
            waiting.push(format!(
                "{} is {}: {:?}",
                op.label,
                op.state.name(),
                op.error
            ));
        }
    }
    Ok(Failure::new(
        "P20",
        format!("no rest within {minutes} virtual minutes; waiting: {waiting:?}"),
    ))
}

/// Counts what the audit tells of as markers.
pub fn count_audit(audit: &[AuditRow], count: &dyn Fn(&'static str)) {
    for row in audit {
        count(match row.event {
            AuditEvent::Planned => "planned",
            AuditEvent::Applied => "applied",
            AuditEvent::Voided => "voided",
            AuditEvent::Blocked => "blocked",
            AuditEvent::Dead => "set aside",
            AuditEvent::Agreed => "agreed",
            AuditEvent::ConflictOpened => "parked",
            AuditEvent::ConflictClosed => "conflict settled",
            AuditEvent::Loser => "audited loser",
            AuditEvent::Mapping => "mapping",
            AuditEvent::Duplicate => "duplicate found",
            AuditEvent::Drift => "drift",
            AuditEvent::Overlap => "edited while a write was under way",
            AuditEvent::Guard => "stopped by the guard",
            AuditEvent::Decision => "decided",
            AuditEvent::Problem => "problem",
            AuditEvent::Fired => "rule fired",
            AuditEvent::Step => "step ended without a write",
        });
        if row.event == AuditEvent::Applied && row.rows.contains(&60) {
            count("duplicate repaired");
        }
        if row.summary.contains("not all of it is there") {
            count("partly applied");
        }
    }
}

/// Everything that an object says, title and fields included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// On which side.
    pub side: Side,
    /// The object.
    pub object: RemoteRef,
    /// What it says.
    pub text: String,
}

/// P01 and P02: each word that people wrote is on both sides or on neither, and none is lost. A word may
/// be on one side alone where the record of what it stands in waits for a person.
///
/// # Errors
///
/// `P01` with the word that is on one side alone, `P02` with the one that is lost.
pub fn on_both_sides(
    ledger: &Ledger,
    texts: &[Text],
    records: &[Record],
    audit: &[AuditRow],
    count: &dyn Fn(&'static str),
) -> Result<(), Failure> {
    let mut places: BTreeMap<u32, Vec<&Text>> = BTreeMap::new();
    for text in texts {
        for token in words(&text.text) {
            places.entry(token).or_default().push(text);
        }
    }
    let mut found = words_in_conflict(records);
    found.extend(places.keys());
    kept(ledger, &found, audit, count)?;
    let waits = |text: &Text| {
        let of = |record: &&Record| record.object(text.side) == Some(&text.object);
        let mut own = records.iter().filter(of);
        own.any(is_parked)
    };
    for (token, texts) in places {
        let on = |side| texts.iter().any(|text| text.side == side);
        if on(Side::Notion) && on(Side::Github) {
            continue;
        }
        match texts.iter().find(|text| !waits(text)) {
            Some(text) => {
                let said = format!("tk{token}q is on one side alone, in {}", text.object);
                return Err(Failure::new("P01", said));
            }
            None => count("word parked"),
        }
    }
    Ok(())
}

/// P11: nothing was made twice and put right since: no record is that of a second object of one creation.
///
/// # Errors
///
/// `P11` with the object.
pub fn never_repaired<'a>(records: impl IntoIterator<Item = &'a Record>) -> Result<(), Failure> {
    let known = |record: &Record| {
        let object = record.notion.as_ref().or(record.github.as_ref())?;
        let known = record.duplicate.as_ref()?;
        Some(format!(
            "{object} was made besides {} by {}",
            known.of, known.op
        ))
    };
    match records.into_iter().find_map(known) {
        Some(said) => Err(Failure::new("P11", said)),
        None => Ok(()),
    }
}

/// P11: nothing was made twice: of the objects of a side one alone carries the origin that it was made
/// with, unless people copied it.
///
/// # Errors
///
/// `P11` with the origin.
pub fn made_once(ledger: &Ledger, texts: &[Text]) -> Result<(), Failure> {
    let mut seen = BTreeSet::new();
    for text in texts {
        for origin in origins(&text.text) {
            if !seen.insert((text.side, origin)) && !ledger.is_copied(origin) {
                let said = format!("{} and another one come from og{origin}q", text.object);
                return Err(Failure::new("P11", said));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_decides_against_words_but_not_against_elements() {
        let row = serde_json::json!({
            "at": "1970-01-01T00:00:00Z", "mapping": "backlog", "record": "r1", "title": "Plan",
            "event": AuditEvent::Loser, "summary": "overwritten", "details": {"value": "tk1q, tk2q"},
        });
        let row: AuditRow = serde_json::from_value(row).unwrap();
        let lost = |added: bool, audit: &[AuditRow]| {
            let mut ledger = Ledger::default();
            ledger.born(1, "page a");
            if added {
                ledger.added(2, "page a");
            }
            let kept = kept(&ledger, &BTreeSet::new(), audit, &|_| {});
            kept.err().map(|failure| failure.message)
        };
        assert_eq!(lost(false, std::slice::from_ref(&row)), None);
        let said = |token: u32| Some(format!("tk{token}q, written in page a, is lost"));
        assert_eq!(lost(false, &[]), said(1));
        assert_eq!(lost(true, &[row]), said(2));
    }
}
