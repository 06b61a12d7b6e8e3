//! What the registry says once everything has come to rest.

use std::collections::{BTreeMap, BTreeSet};

use notion_sync_core::audit::AuditEvent;
use notion_sync_core::id::{RecordId, Side};
use notion_sync_core::operation::OpState;
use notion_sync_core::record::{Life, ProposalState, Record};
use notion_sync_core::remote::ProposalKind;
use notion_sync_core::store::{Item, Table};
use notion_sync_github::reference;
use notion_sync_store::MemoryStore;
use notion_sync_testkit::simulation::Failure;
use notion_sync_testkit::simulation::properties::is_parked;
use serde_json::Value;

use super::check::{Checked, Scene};
use super::ending;
use super::people::People;

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

/// P28: nothing is proposed that was refused, and what is over for a pair is closed.
pub(super) fn proposed(people: &People, scene: &Scene) -> Checked {
    let wrong = |message: String| Err(Failure::new("P28", message));
    for record in &scene.records {
        if let Some(proposal) = &record.proposal
            && proposal.state != ProposalState::Open
            && let Some((number, _)) =
                (scene.heads.iter()).find(|(_, head)| **head == proposal.branch)
        {
            return wrong(format!(
                "pull request {number} is open, and that of {} is {:?}",
                record.id, proposal.state
            ));
        }
        if let Some(proposal) = &record.proposal
            && matches!(
                proposal.state,
                ProposalState::Planned | ProposalState::Open
            )
            // A conflict has two versions: the other one may be new.
            && proposal.kind != ProposalKind::Conflict
            // A page that came back, since nobody wanted it gone, is moved to the trash once more.
            && !(record.notion.as_ref()).is_some_and(|page| people.trashed_again(&page.id))
            && record.refused.contains(&proposal.value)
        {
            return wrong(format!("{} proposes what was refused", record.id));
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

/// P21: no page is joined to an issue by its name alone: a person is asked.
pub(super) fn apart(people: &People, scene: &Scene) -> Checked {
    for record in scene.records.iter().filter(|record| !record.same_key) {
        let (Some(page), Some(object)) = (&record.notion, &record.github) else {
            continue;
        };
        let number = reference::parse_numbered(object)
            .ok()
            .map(|(_, number)| number);
        if number.is_some_and(|number| people.are_twins(&page.id, number)) {
            let message = format!("{} joins {page} to {object}, by the name alone", record.id);
            return Err(Failure::new("P21", message));
        }
    }
    Ok(())
}

/// P22: nothing is decided against a page that nobody ever edited, and nobody is asked to; but for a pair without a
/// base, of which nobody knows what either side said before. Where the clock of the process is that of people, it was
/// edited before (`timed`).
pub(super) fn disputed(people: &People, scene: &Scene, timed: bool) -> Checked {
    let by_id = |id: &RecordId| scene.records.iter().find(|record| record.id == *id);
    let losers = (scene.audit.iter())
        // What somebody wrote over in a copy of a comment is no unit of the page.
        .filter(|row| row.event == AuditEvent::Loser && row.details.contains_key("unit"))
        .filter_map(|row| Some((by_id(&row.record)?, row.summary.clone(), row.at)));
    let open = scene.records.iter().flat_map(|record| {
        let known = record
            .conflicts
            .iter()
            .filter(|(_, one)| one.base.is_some());
        known.map(move |(unit, one)| (record, unit.to_string(), one.since))
    });
    for (record, what, at) in losers.chain(open) {
        let Some(page) = &record.notion else { continue };
        let touched = people.first_touched(&format!("page {}", page.id));
        if touched.is_none_or(|touched| timed && touched > at) {
            let message = format!(
                "{}: {what}, a conflict, and nobody had edited its page",
                record.id
            );
            return Err(Failure::new("P22", message));
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

/// What the store holds of pairs, item by item.
pub(super) async fn held(kept: &MemoryStore) -> Result<Vec<(Table, Item)>, Failure> {
    let mut out = Vec::new();
    for table in KEPT {
        let items = ending::items(kept, table).await?;
        out.extend(items.into_iter().map(|item| (table, item)));
    }
    Ok(out)
}

/// What a run changed, but for when somebody looked and is to look again: what waits for a person or a pull request
/// is looked at all the time. `None`, too, where a write waits and is tried again.
pub(super) fn changed(before: &[(Table, Item)], after: &[(Table, Item)]) -> Option<String> {
    let (before, after) = (differing(before, after), differing(after, before));
    if before.is_empty() && after.is_empty() {
        return None;
    }
    let (before, after) = (parts(&before)?, parts(&after)?);
    let keys: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let key = (keys.into_iter()).find(|key| before.get(*key) != after.get(*key))?;
    let text = |held: &BTreeMap<String, String>| held.get(key).cloned().unwrap_or_default();
    Some(format!("{key}: {} becomes {}", text(&before), text(&after)))
}

/// The items of one that are not in the other as they are.
fn differing<'a>(these: &'a [(Table, Item)], those: &[(Table, Item)]) -> Vec<(Table, &'a Item)> {
    let those: BTreeMap<(Table, &str), &[u8]> = (those.iter())
        .map(|(table, item)| ((*table, item.key.as_str()), item.body.as_slice()))
        .collect();
    (these.iter())
        .filter(|(table, item)| {
            those.get(&(*table, item.key.as_str())) != Some(&item.body.as_slice())
        })
        .map(|(table, item)| (*table, item))
        .collect()
}

/// Items part by part. `None` where a write waits.
fn parts(items: &[(Table, &Item)]) -> Option<BTreeMap<String, String>> {
    let mut out = BTreeMap::new();
    for (table, item) in items {
        let name = format!("{} {}", table.name(), item.key);
        // Before what is kept stands how it is.
        let begins = item.body.iter().position(|byte| *byte == b'{');
        let json = item.body.get(begins.unwrap_or_default()..);
        match serde_json::from_slice(json.unwrap_or_default()) {
            Ok(Value::Object(parts)) if *table == Table::Record => {
                // A step of a rule that waits is looked at all the time, too.
                let looks = ["look_at", "triggers"];
                let parts = (parts.into_iter()).filter(|(part, _)| !looks.contains(&part.as_str()));
                out.extend(
                    parts.map(|(part, value)| {
                        (format!("{name}, {part}"), unlooked(value).to_string())
                    }),
                );
            }
            Ok(Value::Object(parts)) if *table == Table::Operation => {
                let state = parts.get("state").cloned().unwrap_or_default();
                if !serde_json::from_value::<OpState>(state).is_ok_and(OpState::is_final) {
                    return None;
                }
                out.insert(name, Value::Object(parts).to_string());
            }
            _ => {
                out.insert(name, String::from_utf8_lossy(&item.body).replace('\0', ""));
            }
        }
    }
    Some(out)
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

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use notion_sync_core::audit::AuditRow;
    use notion_sync_core::id::{MappingId, RemoteRef};
    use notion_sync_core::record::Base;
    use notion_sync_core::snapshot::Revision;
    use notion_sync_examples::emulation::{Services, World};
    use notion_sync_testkit::emulator::EmulatorBounds;
    use notion_sync_testkit::notion::NotionId;
    use serde_json::json;

    use super::*;
    use crate::scenario::people::lock;
    use crate::scenario::script::Knobs;

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

    fn people() -> People {
        let world = World::small().unwrap();
        let now = DateTime::from_timestamp(1_788_256_800, 0).unwrap();
        let services = Services::start(world, EmulatorBounds::notion(), now).unwrap();
        People::new(services, &Knobs::default())
    }

    #[test]
    fn twins_that_are_joined_are_named() {
        let people = people();
        let page = NotionId::derived(1, "a page");
        lock(&people.memory).twins.push((page, 3));
        let mut joined = record("r1", &page.to_string());
        joined.github = Some(reference::issue(1, 3));
        let scene = |record: Record| Scene {
            records: vec![record],
            ..Scene::default()
        };
        let failure = apart(&people, &scene(joined.clone())).unwrap_err();
        assert_eq!(failure.property, "P21");
        // It waits for a person to say so.
        joined.same_key = true;
        assert!(apart(&people, &scene(joined)).is_ok());
    }

    #[test]
    fn a_loser_on_a_page_that_nobody_edited_is_named() {
        let people = people();
        let record = record("r1", "02b9fe53-ad5a-8cec-8692-69c2aed90c30");
        let row = json!({
            "at": DateTime::UNIX_EPOCH, "mapping": "backlog", "record": "r1", "title": "Plan",
            "event": AuditEvent::Loser, "summary": "overwritten", "details": {"unit": "title"},
        });
        let row: AuditRow = serde_json::from_value(row).unwrap();
        let scene = Scene {
            records: vec![record],
            audit: vec![row],
            ..Scene::default()
        };
        let failure = disputed(&people, &scene, true).unwrap_err();
        assert_eq!(failure.property, "P22");
        let said = "\"Plan\" (02b9fe53-ad5a-8cec-8692-69c2aed90c30) is called \"Plans\"";
        let say = |seconds: i64| {
            let at = DateTime::from_timestamp(seconds, 0).unwrap();
            lock(&people.memory).said.insert(0, (at, said.to_owned()));
            disputed(&people, &scene, true)
        };
        assert!(say(1).is_err());
        assert!(disputed(&people, &scene, false).is_ok());
        assert!(say(0).is_ok());
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
        let held = |title: &str, state: OpState| {
            let item = |table: Table, body: Value| {
                let body = body.to_string().into_bytes();
                let (key, version) = ("r1".to_owned(), 1);
                (table, Item { key, version, body })
            };
            vec![
                item(Table::Record, json!({"title": title, "look_at": title})),
                item(Table::Operation, json!({"label": title, "state": state})),
            ]
        };
        let done = |title: &str| held(title, OpState::Done);
        assert_eq!(changed(&done("a"), &done("a")), None);
        let records = |title: &str| vec![done(title).remove(0)];
        let said = changed(&records("a"), &records("b")).unwrap();
        assert_eq!(said, "record r1, title: \"a\" becomes \"b\"");
        assert!(changed(&done("a"), &Vec::new()).is_some());
        // A write that waits is tried again.
        assert_eq!(changed(&done("a"), &held("b", OpState::Retry)), None);
        assert!(changed(&done("a"), &done("b")).is_some());
    }
}
