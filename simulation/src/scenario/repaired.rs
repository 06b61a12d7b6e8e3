//! P12: what was made twice, because the services showed it later than was waited for, is one again.

use std::collections::{BTreeMap, BTreeSet};

use notion_sync_core::audit::AuditEvent;
use notion_sync_core::id::OpId;
use notion_sync_core::record::{Life, Record};
use notion_sync_github::reference;
use notion_sync_testkit::simulation::Failure;

use super::check::{Checked, Scene};
use super::people::lock;
use super::play::Theatre;

/// What a record of a duplicate has, by the name under which a scene knows it.
fn name(record: &Record) -> Option<String> {
    match (&record.notion, &record.github) {
        (Some(page), _) => Some(format!("page {}", page.id)),
        (None, Some(issue)) => {
            let (_, number) = reference::parse_numbered(issue).ok()?;
            Some(format!("issue {number}"))
        }
        (None, None) => None,
    }
}

/// The duplicates that the registry knows.
fn known(records: &[Record]) -> BTreeMap<String, &Record> {
    (records.iter())
        .filter(|record| record.duplicate.is_some())
        .filter_map(|record| Some((name(record)?, record)))
        .collect()
}

/// One object of each creation is nobody's duplicate; what is one was put away and told, or a person worked on
/// it and decides.
pub(super) fn all(theatre: &Theatre, scene: &Scene) -> Checked {
    let failed = |what: String| Err(Failure::new("P12", what));
    let known = known(&scene.records);
    let copied = lock(&theatre.people.ledger).any_copied();
    let mut kept: BTreeSet<&OpId> = BTreeSet::new();
    for (object, op) in scene
        .made
        .iter()
        .filter(|(one, _)| !known.contains_key(one))
    {
        // The mark of the create stays on what people copied.
        let first = kept.insert(op);
        let copy = copied && object.starts_with("page ");
        if !first && !copy {
            return failed(format!(
                "{object} is the second one of {op}, and nobody knows that"
            ));
        }
    }
    for (object, record) in &known {
        let there = scene.there.contains(object);
        let told = scene.audit.iter().any(|row| {
            row.record == record.id
                && row.event == AuditEvent::Duplicate
                && row.details.contains_key("of")
        });
        if !told {
            return failed(format!("no row of the audit says what {object} is"));
        }
        let drifts = record.problem.as_ref().is_some_and(|problem| problem.drift);
        match (there, record.life) {
            (false, Life::Tombstone) => {}
            (true, _) if drifts && theatre.people.touched(object) => {
                theatre.seam.count("duplicate left to people");
            }
            (_, life) => {
                return failed(format!(
                    "{object} is a duplicate of {:?}, there: {there}, {life:?}, {:?}",
                    record.duplicate, record.problem
                ));
            }
        }
    }
    Ok(())
}
