//! What a decision leaves in the audit.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use crate::audit::{AuditEvent, AuditRow};
use crate::engine::write::persist::decided_by_merging;
use crate::operation::Operation;
use crate::reconcile::Plan;
use crate::record::{Life, Record};

/// The rows of a decision: what was planned, opened, lost, agreed on, and what is wrong.
pub(in crate::engine) fn audit_rows(
    plan: &Plan,
    operations: &[Operation],
    record: &Record,
    now: DateTime<Utc>,
) -> Vec<AuditRow> {
    let mut audit: Vec<AuditRow> = Vec::new();
    let mut row = |event: AuditEvent,
                   summary: String,
                   rows: Vec<u8>,
                   details: BTreeMap<String, String>,
                   op: Option<&Operation>| {
        audit.push(AuditRow {
            at: now,
            mapping: record.mapping.clone(),
            record: record.id.clone(),
            title: record.title.clone(),
            event,
            op: op.map(|op| op.id.clone()),
            run: op.map(|op| op.write.run.clone()),
            side: op.map(|op| op.side),
            rows,
            summary,
            details,
        });
    };
    for loser in &plan.losers {
        let details = [
            ("unit".to_owned(), loser.unit.to_string()),
            ("side".to_owned(), loser.side.to_string()),
            ("value".to_owned(), loser.text.clone()),
        ];
        row(
            AuditEvent::Loser,
            format!("{} on {} is overwritten", loser.unit, loser.side),
            Vec::new(),
            details.into(),
            None,
        );
    }
    let decided = decided_by_merging(plan);
    for unit in plan.closes.iter().filter(|unit| !decided.contains(unit)) {
        row(
            AuditEvent::ConflictClosed,
            format!("conflict over {unit} is settled"),
            vec![16],
            BTreeMap::new(),
            None,
        );
    }
    for park in &plan.parks {
        let details = [
            ("notion".to_owned(), park.notion.1.clone()),
            ("github".to_owned(), park.github.1.clone()),
        ];
        row(
            AuditEvent::ConflictOpened,
            format!("both sides changed {}", park.unit),
            vec![park.row.0],
            details.into(),
            None,
        );
    }
    for alert in &plan.alerts {
        let known = record
            .problem
            .as_ref()
            .is_some_and(|known| known.message == alert.message);
        if !known {
            let event = if alert.drift {
                AuditEvent::Drift
            } else {
                AuditEvent::Problem
            };
            row(
                event,
                alert.message.clone(),
                vec![alert.row.0],
                BTreeMap::new(),
                None,
            );
        }
    }
    if let Some(life) = plan.life
        && life != record.life
    {
        let word = match life {
            Life::Tombstone => "buried",
            Life::Detached => "detached",
            Life::Live => "live again",
            Life::Provisioning => "as new: its object is back and never had a partner",
            Life::Deleting => "changed",
        };
        row(
            AuditEvent::Mapping,
            format!("the pair is {word}"),
            Vec::new(),
            BTreeMap::new(),
            None,
        );
    }
    for op in operations {
        row(
            AuditEvent::Planned,
            op.label.clone(),
            op.rows.clone(),
            BTreeMap::new(),
            Some(op),
        );
    }
    audit
}
