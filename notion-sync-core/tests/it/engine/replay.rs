//! Decisions are kept with what they looked at, and come out the same when they are made again.

use futures::executor::block_on;
use notion_sync_core::mapping::Policy;
use notion_sync_core::state::State;
use notion_sync_core::store::{Change, Expect, Table};
use notion_sync_core::value::Value;

use super::world::{World, body, documents, rewrite, tasks};

fn keys(world: &World) -> Vec<String> {
    let records = world.records();
    let named = records.iter().flat_map(|record| {
        let name = |kept: &notion_sync_core::record::KeptDecision| {
            format!("decision:{}:{}", record.id, kept.name)
        };
        record.decisions.iter().map(name)
    });
    named.collect()
}

fn world() -> World {
    let world = World::new(documents(Policy::NotionWins));
    world.repo.put("docs/a.md", Some("# A\n\none\n"));
    world.settle();
    world
}

#[test]
fn the_newest_decisions_are_kept_and_the_others_forgotten() {
    let world = world();
    let page = world.pages.live()[0].clone();
    let mut seen: Vec<String> = keys(&world);
    for (from, to) in [
        ("one", "two"),
        ("two", "three"),
        ("three", "four"),
        ("four", "five"),
    ] {
        world.pass(10);
        world.pages.edit_body(&page, |body| rewrite(body, from, to));
        world.settle();
        seen.extend(keys(&world));
    }
    assert_eq!(world.replay(), 3);
    let kept = keys(&world);
    assert_eq!(kept.len(), 3);
    let old: Vec<_> = seen.iter().filter(|key| !kept.contains(key)).collect();
    assert!(!old.is_empty());
    for key in old {
        let item = block_on(world.store.get(Table::Content, key)).unwrap();
        assert_eq!(item, None, "{key} is still there");
    }
}

#[test]
fn a_decision_knows_what_people_and_the_registry_were_then() {
    let mut world = World::new(tasks(Policy::ManualReview));
    let page = world.pages.create("Fix login", body(&["Steps"]));
    let people = Value::set(["user-ada", "user-guest"]);
    world.pages.set(&page, "assignees", people);
    world.pages.set(&page, "labels", Value::set(["bug"]));
    world.settle();
    assert!(world.replay() > 0);
    // Nothing that lenses know is asked again: the mapping may have changed.
    world.mapping.fields.clear();
    world.restart();
    assert!(world.replay() > 0);
}

#[test]
fn another_world_is_another_decision() {
    let world = world();
    let record = world.records()[0].clone();
    let decisions = block_on(State::new(&*world.store).decisions(&record)).unwrap();
    for decision in &decisions {
        assert!(decision.replay().same);
        let mut other = decision.clone();
        other.unresolved = !other.unresolved;
        assert!(!other.replay().same, "{:?}", other.rows);
    }
    assert!(!decisions.is_empty());
}

#[test]
fn what_was_tampered_with_is_found() {
    let faults = |world: &World| {
        let state = State::new(&*world.store);
        let replay = block_on(state.replay(std::slice::from_ref(&world.mapping.id), None)).unwrap();
        (replay.faults.into_iter())
            .map(|fault| fault.what)
            .collect::<Vec<_>>()
    };
    let gone = world();
    let key = keys(&gone)[0].clone();
    let delete = Change::Delete {
        table: Table::Content,
        key: key.clone(),
        expect: Expect::Any,
    };
    block_on(gone.store.commit(vec![delete])).unwrap();
    assert_eq!(faults(&gone), ["what it looked at is not there"]);

    let changed = world();
    let key = keys(&changed)[0].clone();
    let item = block_on(changed.store.get(Table::Content, &key))
        .unwrap()
        .unwrap();
    let text = String::from_utf8(item.body).unwrap();
    assert!(text.contains("one"), "{text}");
    let put = Change::Put {
        table: Table::Content,
        key,
        expect: Expect::Any,
        indexes: Vec::new(),
        body: text.replacen("\"one\"", "\"uno\"", 1).into_bytes(),
    };
    block_on(changed.store.commit(vec![put])).unwrap();
    assert_eq!(faults(&changed), ["what it looked at was changed since"]);
}
