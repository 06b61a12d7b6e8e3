//! What the registry says once everything has come to rest.

use std::collections::{BTreeMap, BTreeSet};

use notion_sync_core::audit::AuditEvent;
use notion_sync_core::id::{RecordId, Side};
use notion_sync_core::operation::{OpState, Operation};
use notion_sync_core::record::{Life, ProposalState, Record};
use notion_sync_core::remote::{Action, ProposalKind};
use notion_sync_core::state::State;
use notion_sync_core::store::Table;
use notion_sync_examples::emulation::BACKLOG;
use notion_sync_github::reference;
use notion_sync_store::MemoryStore;
use notion_sync_testkit::simulation::Failure;
use notion_sync_testkit::simulation::properties::is_parked;
use serde_json::Value;

use super::check::{Checked, Scene, failed};
use super::ending;
use super::people::lock;
use super::play::Theatre;
use super::script::Script;

/// What is there of a pair, by the names that a scene has for it.
fn objects(record: &Record, scene: &Scene) -> Vec<String> {
    let mut out = Vec::new();
    if let Some(page) = &record.notion
        && scene.pages.contains_key(&page.id)
    {
        out.push(format!("page {}", page.id));
    }
    match record.github.as_ref().map(reference::parse_numbered) {
        Some(Ok((_, number))) => {
            let issue = format!("issue {number}");
            // A closed issue is one that is put away.
            if scene.open.contains(&number) {
                out.push(issue);
            }
        }
        _ => {
            let path = record.path.as_ref();
            out.extend(path.filter(|path| scene.files.contains_key(*path)).cloned());
        }
    }
    out
}

/// P29: what is buried is there on neither side, but where another record has it.
pub(super) fn buried(scene: &Scene) -> Checked {
    let (buried, others): (Vec<&Record>, Vec<&Record>) =
        (scene.records.iter()).partition(|record| record.life == Life::Tombstone);
    let held: BTreeSet<String> = others
        .iter()
        .flat_map(|record| objects(record, scene))
        .collect();
    for record in buried {
        // Which of two that were made twice stays, a person may have to say; so where the registry is contradicted.
        let drifts = record.problem.as_ref().is_some_and(|one| one.drift);
        if record.duplicate.is_some() || drifts {
            continue;
        }
        if let Some(there) = (objects(record, scene).iter()).find(|one| !held.contains(*one)) {
            return Err(Failure::new(
                "P29",
                format!("{there} is there, and {} is buried", record.id),
            ));
        }
    }
    Ok(())
}

/// P28: nothing is proposed that was refused.
pub(super) fn proposed(scene: &Scene) -> Checked {
    for record in &scene.records {
        if let Some(proposal) = &record.proposal
            && matches!(
                proposal.state,
                ProposalState::Planned | ProposalState::Open
            )
            // A conflict has two versions: the other one may be new.
            && proposal.kind != ProposalKind::Conflict
            && record.refused.contains(&proposal.value)
        {
            return Err(Failure::new(
                "P28",
                format!("{} proposes what was refused", record.id),
            ));
        }
    }
    Ok(())
}

/// P06: a pair that is agreed and waits for nobody has a base, and neither half of it is newer than what was seen.
pub(super) fn agreed(scene: &Scene) -> Checked {
    for record in scene.records.iter().filter(|record| !is_parked(record)) {
        let wrong = |what: &str| Err(Failure::new("P06", format!("{} {what}", record.id)));
        let Some(base) = &record.base else {
            return wrong("is agreed on without a base");
        };
        for (side, seen) in [
            (Side::Notion, &record.seen_notion),
            (Side::Github, &record.seen_github),
        ] {
            let (Some(half), Some(seen)) = (base.revision(side), seen) else {
                return wrong("has half a base");
            };
            if half.at > seen.revision.at {
                return wrong("has a base of which nothing was seen");
            }
        }
    }
    Ok(())
}

/// When each half of each base was there.
#[derive(Debug, Default)]
pub(crate) struct Bases(BTreeMap<(RecordId, Side), i64>);

impl Bases {
    /// P06: the revision of no base goes back.
    pub(super) fn watch(&mut self, records: &[Record]) -> Checked {
        let mut now = BTreeMap::new();
        for record in records {
            for side in [Side::Notion, Side::Github] {
                let base = record.base.as_ref();
                let Some(half) = base.and_then(|base| base.revision(side)) else {
                    continue;
                };
                let at = half.at.timestamp_millis();
                let key = (record.id.clone(), side);
                if self.0.get(&key).is_some_and(|known| *known > at) {
                    return Err(Failure::new(
                        "P06",
                        format!(
                            "the base of {} on {side} went back to {}",
                            record.id, half.at
                        ),
                    ));
                }
                now.insert(key, at);
            }
        }
        self.0 = now;
        Ok(())
    }
}

/// What a run that has nothing to do must leave as it is.
const KEPT: [Table; 7] = [
    Table::Record,
    Table::Claim,
    Table::Operation,
    Table::Attempt,
    Table::Audit,
    Table::Content,
    Table::Plan,
];

/// What the store says of pairs, as it is kept, part by part, but for when somebody looked and is to look again: what
/// waits for a person or a pull request is looked at all the time. `None` where a write waits and is tried again.
pub(super) async fn held(kept: &MemoryStore) -> Result<Option<BTreeMap<String, String>>, Failure> {
    let mut out = BTreeMap::new();
    for table in KEPT {
        for item in ending::items(kept, table).await? {
            let name = format!("{} {}", table.name(), item.key);
            // Before what is kept stands how it is.
            let begins = item.body.iter().position(|byte| *byte == b'{');
            let json = item.body.get(begins.unwrap_or_default()..);
            match serde_json::from_slice(json.unwrap_or_default()) {
                Ok(Value::Object(parts)) if table == Table::Record => {
                    // A step of a rule that waits is looked at all the time, too.
                    let looks = ["look_at", "triggers"];
                    let parts =
                        (parts.into_iter()).filter(|(part, _)| !looks.contains(&part.as_str()));
                    out.extend(parts.map(|(part, value)| {
                        (format!("{name}, {part}"), unlooked(value).to_string())
                    }));
                }
                Ok(Value::Object(parts)) if table == Table::Operation => {
                    let state = parts.get("state").cloned().unwrap_or_default();
                    if !serde_json::from_value::<OpState>(state).is_ok_and(OpState::is_final) {
                        return Ok(None);
                    }
                    out.insert(name, Value::Object(parts).to_string());
                }
                _ => {
                    out.insert(name, String::from_utf8_lossy(&item.body).replace('\0', ""));
                }
            }
        }
    }
    Ok(Some(out))
}

/// What was seen, without when.
fn unlooked(mut seen: Value) -> Value {
    if let Some(seen) = seen.as_object_mut()
        && seen.contains_key("revision")
    {
        seen.remove("at");
    }
    seen
}

/// P21: a registry that is lost is made again from the marks alone: the same pairs under the same ids. Where
/// nothing waits for a person, the run after it has nothing to write.
pub(super) async fn rebuilt(theatre: &mut Theatre) -> Checked {
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

/// What is not the same in both.
pub(super) fn changed(
    before: &BTreeMap<String, String>,
    after: &BTreeMap<String, String>,
) -> Option<String> {
    let keys: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let key = (keys.into_iter()).find(|key| before.get(*key) != after.get(*key))?;
    let text = |held: &BTreeMap<String, String>| held.get(key).cloned().unwrap_or_default();
    Some(format!("{key}: {} becomes {}", text(before), text(after)))
}

/// Whether each pair can be told from its marks alone: people copied none, and files carry them.
pub(super) fn marked(theatre: &Theatre, script: &Script) -> bool {
    let files = script.knobs.documents.is_none() || script.knobs.marks;
    files
        && theatre.beyond.is_none()
        && !theatre.surroundings.restored
        && !lock(&theatre.people.ledger).any_copied()
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use notion_sync_core::id::{MappingId, RemoteRef};
    use notion_sync_core::record::Base;
    use notion_sync_core::snapshot::Revision;
    use notion_sync_testkit::simulation;
    use serde_json::json;

    use super::*;
    use crate::scenario::play;
    use crate::scenario::script::Profile;
    use crate::scenario::seam::Seam;

    fn record(id: &str, page: &str) -> Record {
        let mut record = Record::new(RecordId::new(id), MappingId::new("backlog"));
        record.notion = Some(RemoteRef::new("notion", "page", page));
        record.life = Life::Tombstone;
        record
    }

    #[test]
    fn what_is_buried_and_there_is_named() {
        let mut scene = Scene {
            records: vec![record("r1", "p1")],
            ..Scene::default()
        };
        assert!(buried(&scene).is_ok());
        scene.pages.insert("p1".to_owned(), String::new());
        assert_eq!(buried(&scene).unwrap_err().property, "P29");
        // Another record has it.
        scene.records.push(Record {
            life: Life::Live,
            ..record("r2", "p1")
        });
        assert!(buried(&scene).is_ok());
    }

    #[test]
    fn a_base_that_goes_back_is_named() {
        let at = |seconds: i64| {
            let mut record = record("r1", "p1");
            let at = DateTime::from_timestamp(seconds, 0).unwrap();
            record.base = Some(Base {
                notion: Some(Revision {
                    at,
                    grain_seconds: 60,
                    token: String::new(),
                }),
                ..Base::default()
            });
            [record]
        };
        let mut bases = Bases::default();
        assert!(bases.watch(&at(60)).is_ok());
        assert!(bases.watch(&at(120)).is_ok());
        assert_eq!(bases.watch(&at(60)).unwrap_err().property, "P06");
    }

    #[test]
    fn what_a_run_changed_is_named() {
        let held = |text: &str| BTreeMap::from([("record r1, title".to_owned(), text.to_owned())]);
        assert_eq!(changed(&held("a"), &held("a")), None);
        let said = changed(&held("a"), &held("b")).unwrap();
        assert_eq!(said, "record r1, title: a becomes b");
        assert!(changed(&held("a"), &BTreeMap::new()).is_some());
    }

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
                rebuilt(&mut theatre).await
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
