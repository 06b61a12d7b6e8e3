//! A registry that is lost, and made again from the marks.

use std::collections::BTreeMap;

use notion_sync_core::audit::AuditEvent;
use notion_sync_core::id::RecordId;
use notion_sync_core::operation::Operation;
use notion_sync_core::record::{Life, Record};
use notion_sync_core::remote::Action;
use notion_sync_core::state::State;
use notion_sync_examples::emulation::BACKLOG;
use notion_sync_github::reference;
use notion_sync_store::MemoryStore;
use notion_sync_testkit::simulation::Failure;
use notion_sync_testkit::simulation::properties::is_parked;

use super::check::{Checked, failed};
use super::people::lock;
use super::play::Theatre;
use super::script::Script;

/// Whether each pair can be told from its marks alone: people copied none, and files carry them.
pub(super) fn can_be(theatre: &Theatre, script: &Script) -> bool {
    let files = script.knobs.documents.is_none() || script.knobs.marks;
    files
        && theatre.beyond.is_none()
        && !theatre.surroundings.restored
        && !lock(&theatre.people.ledger).any_copied()
}

/// P21: a registry that is lost is made again from the marks alone: the same pairs under the same ids. Where
/// nothing waits for a person, the run after it has nothing to write.
pub(super) async fn all(theatre: &mut Theatre) -> Checked {
    let before = theatre.stage.records().await.map_err(|e| failed(&e))?;
    let kept = theatre.kept.copy();
    theatre.stage.stop();
    theatre.seam.restarted();
    theatre.kept.restore(&MemoryStore::new());
    theatre.seam.note("the registry is lost");
    let engine = theatre.stage.engine().await.map_err(|e| failed(&e))?;
    let mappings: Vec<_> = engine.bindings().map(|b| b.mapping.id.clone()).collect();
    for mapping in &mappings {
        let rebuilt = engine.rebuild(mapping, false, false).await;
        rebuilt.map_err(|e| failed(&e))?;
    }
    same(theatre, &before).await?;
    // What was buried without a mark, or lost it since, the registry alone knew.
    let named = named(theatre);
    let rests = |record: &Record| match record.life {
        Life::Tombstone => is_told(record, &named),
        _ => !is_parked(record),
    };
    if before.iter().all(rests) {
        theatre.quiet_rest().await?;
        written(theatre).await?;
        same(theatre, &before).await?;
    }
    theatre.seam.count("registry made again");
    theatre.stage.stop();
    theatre.seam.restarted();
    theatre.kept.restore(&kept);
    Ok(())
}

/// What each issue says.
fn named(theatre: &Theatre) -> BTreeMap<u64, String> {
    let github = theatre.stage.github();
    let numbers = github.issue_numbers(BACKLOG).unwrap_or_default();
    let body = |number| {
        let issue = github.issue(BACKLOG, number)?;
        Some((number, issue.body.unwrap_or_default()))
    };
    numbers.into_iter().filter_map(body).collect()
}

/// Whether an issue that is there says which page it belongs to.
fn is_told(record: &Record, issues: &BTreeMap<u64, String>) -> bool {
    let number = (record.github.as_ref()).and_then(|github| reference::parse_numbered(github).ok());
    let body = number.and_then(|(_, number)| issues.get(&number));
    let page = record.notion.as_ref();
    body.is_none_or(|body| page.is_some_and(|page| body.contains(&page.id)))
}

/// Nothing was written since the registry was lost, but what pages show of the sync: when it last wrote, it forgot.
async fn written(theatre: &Theatre) -> Checked {
    let state = State::new(&*theatre.kept);
    for row in state.audit(None).await.map_err(|e| failed(&e))? {
        let (AuditEvent::Applied, Some(op)) = (row.event, &row.op) else {
            continue;
        };
        let op = state.operation(op).await.map_err(|e| failed(&e))?;
        let shows = |op: &Operation| matches!(op.write.action, Action::Bookkeep { .. });
        if !op.is_some_and(|op| shows(&op.value)) {
            return Err(Failure::new(
                "P21",
                format!("after the registry was made again: {}", row.summary),
            ));
        }
    }
    Ok(())
}

/// Every pair that waited for nobody is there under its id.
async fn same(theatre: &mut Theatre, before: &[Record]) -> Checked {
    let now = theatre.stage.records().await.map_err(|e| failed(&e))?;
    let now: BTreeMap<&RecordId, &Record> = now.iter().map(|one| (&one.id, one)).collect();
    for record in before.iter().filter(|record| !is_parked(record)) {
        let Some(again) = now.get(&record.id) else {
            return Err(Failure::new(
                "P21",
                format!("{} ({}) is not made again", record.id, record.title),
            ));
        };
        if (&again.notion, &again.github) != (&record.notion, &record.github) {
            return Err(Failure::new(
                "P21",
                format!(
                    "{} was {:?} and {:?} and is {:?} and {:?}",
                    record.id, record.notion, record.github, again.notion, again.github
                ),
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use notion_sync_testkit::simulation;
    use serde_json::json;

    use super::*;
    use crate::scenario::play;
    use crate::scenario::script::Profile;
    use crate::scenario::seam::Seam;

    #[test]
    fn a_pair_that_lost_its_marks_is_not_made_again() {
        for (marks, property) in [(true, None), (false, Some("P21"))] {
            let mut script = Script::new(1, Profile::Tasks);
            script.steps.clear();
            let seam = Seam::new(&script.knobs, false);
            let run = simulation::play_on(&seam, async {
                let mut theatre = play::open(&script, None, &seam)?;
                theatre.quiesce().await?;
                if !marks {
                    unmark(&theatre);
                }
                all(&mut theatre).await
            });
            assert_eq!(run.failure.map(|failure| failure.property), property);
        }
    }

    /// Somebody removes what pages and issues say of each other.
    fn unmark(theatre: &Theatre) {
        let stage = &theatre.stage;
        for page in stage.tasks().into_values() {
            let cleared = stage.in_notion("ada", |ada| {
                ada.set_property(page, "GitHub URL", json!(null))?;
                ada.set_property(page, "GitHub Number", json!(null))
            });
            cleared.unwrap();
        }
        let now = stage.now();
        let mut github = stage.github();
        for number in github.issue_numbers(BACKLOG).unwrap() {
            github
                .rewrite(BACKLOG, number, "bob", Some("As it was."), now)
                .unwrap();
        }
    }
}
