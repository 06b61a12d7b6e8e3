//! The inbox: hints are taken once, looked at by whom they concern, and never pile up.

use std::sync::Arc;

use chrono::{DateTime, Duration, Utc};
use futures::executor::block_on;
use notion_sync_core::ErrorKind;
use notion_sync_core::engine::{Binding, Budget, Engine, Tick};
use notion_sync_core::event::ChangeEvent;
use notion_sync_core::id::{MappingId, Side};
use notion_sync_core::mapping::{People, Policy};
use notion_sync_core::state::{Freeze, State, Waiting};
use serde_json::json;

use super::world::{World, body, documents, tasks};

fn hint(id: &str, mapping: Option<&str>) -> ChangeEvent {
    about(id, "new", mapping)
}

/// A hint about a page.
pub(super) fn about(id: &str, page: &str, mapping: Option<&str>) -> ChangeEvent {
    serde_json::from_value(json!({
        "id": id, "side": "notion", "mapping": mapping, "detected": "webhook",
        "detected_at": "2026-11-21T09:00:05Z",
        "object": {"system": "notion", "kind": "page", "id": page},
        "actors": ["somebody"], "changed": {"title": {"after": {"text": "a secret plan"}}},
    }))
    .unwrap()
}

pub(super) fn look(world: &World) -> Tick {
    block_on(world.engine.tick(Budget::default())).unwrap()
}

pub(super) fn waiting(world: &World) -> Waiting {
    block_on(State::new(&*world.store).waiting()).unwrap()
}

pub(super) fn take(world: &World, events: &[ChangeEvent]) -> Vec<bool> {
    block_on(State::new(&*world.store).ingest(events)).unwrap()
}

/// A world with rests, in which nothing is due but the next poll.
fn resting() -> World {
    let world = World::new(documents(Policy::ManualReview));
    world.pages.create("Welcome", body(&["Hello"]));
    world.settle();
    world
}

#[test]
fn a_delivery_is_taken_once() {
    let world = resting();
    assert_eq!(
        take(&world, &[hint("a", None), hint("a", None)]),
        [true, false]
    );
    let oldest = "2026-11-21T09:00:05Z".parse().ok();
    assert_eq!(waiting(&world), Waiting { hints: 1, oldest });
    assert_eq!(
        take(&world, &[hint("a", None), hint("b", None)]),
        [false, true]
    );
    let tick = look(&world);
    assert_eq!(tick.mappings[0].hints, 2);
    assert_eq!(waiting(&world), Waiting::default());
    // Also after it was looked at, and what it said is not kept.
    block_on(world.engine.ingest(hint("a", None))).unwrap();
    assert_eq!(waiting(&world).hints, 0);
    let key = "a".to_owned();
    let item = block_on(world.store.get(notion_sync_core::store::Table::Inbox, &key)).unwrap();
    let kept = String::from_utf8_lossy(&item.unwrap().body).into_owned();
    assert!(
        !kept.contains("secret") && !kept.contains("somebody"),
        "{kept}"
    );
    // Until its id is forgotten.
    let state = State::new(&*world.store);
    let seen = |after: i64| world.engine_time() + Duration::seconds(after);
    assert_eq!(block_on(state.forget_hints(seen(0))).unwrap(), 0);
    assert_eq!(block_on(state.forget_hints(seen(1))).unwrap(), 2);
    assert_eq!(take(&world, &[hint("a", None)]), [true]);
}

#[test]
fn what_cannot_be_kept_is_refused_as_a_whole() {
    let world = resting();
    let state = State::new(&*world.store);
    let mut newer = hint("c", None);
    newer.version += 1;
    let mut large = hint("c", None);
    large.actors = vec!["x".repeat(300_000)];
    for bad in [
        hint("", None),
        hint("a b", None),
        hint(&"x".repeat(201), None),
        newer,
        large,
    ] {
        let error = block_on(state.ingest(&[hint("fine", None), bad])).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
    }
    assert_eq!(waiting(&world).hints, 0);
}

#[test]
fn a_new_page_is_found_without_waiting_for_the_poll() {
    let world = resting();
    world.pages.create("News", body(&["Today"]));
    let before = look(&world);
    assert_eq!(before.mappings[0].observed, 0, "no poll is due");
    take(&world, &[hint("a", None)]);
    let after = look(&world);
    assert_eq!(after.mappings[0].observed, 1);
    assert_eq!(after.mappings[0].found[&Side::Notion], 1);
}

#[test]
fn an_engine_that_was_told_to_end_looks_at_nothing_and_leaves_no_trace() {
    let mut world = resting();
    world.pages.create("News", body(&["Today"]));
    take(&world, &[hint("a", None)]);
    let before = block_on(State::new(&*world.store).mapping(&world.mapping.id)).unwrap();
    world.engine.halt();
    assert!(world.engine.is_halted());
    assert_eq!(look(&world).mappings, []);
    let after = block_on(State::new(&*world.store).mapping(&world.mapping.id)).unwrap();
    assert_eq!(before, after);
    assert_eq!(waiting(&world).hints, 1);
    // The next engine goes on.
    world.restart();
    assert_eq!(look(&world).mappings[0].observed, 1);
    assert_eq!(waiting(&world).hints, 0);
}

/// A second mapping beside the first.
fn pair() -> (World, MappingId, MappingId) {
    let first = World::new(documents(Policy::ManualReview));
    let second = World::new(tasks(Policy::ManualReview));
    let bind = |world: &World| Binding {
        mapping: world.mapping.clone(),
        notion: Arc::new(world.pages.clone()),
        github: Arc::new(world.repo.clone()),
        people: People::default(),
    };
    let ids = (first.mapping.id.clone(), second.mapping.id.clone());
    let engine = Engine::new(first.store.clone(), first.clock.clone())
        .with_mapping(bind(&first))
        .with_mapping(bind(&second));
    let world = World { engine, ..first };
    world.settle();
    (world, ids.0, ids.1)
}

fn polled(world: &World, id: &MappingId) -> Option<DateTime<Utc>> {
    block_on(State::new(&*world.store).mapping(id))
        .unwrap()
        .value
        .polled_at
}

#[test]
fn a_hint_concerns_the_mapping_it_names_or_else_all() {
    let (world, first, second) = pair();
    let cases = [
        (Some("backlog"), false, true),
        (Some("handbook"), true, false),
        (None, true, true),
        // Nobody has this name any more: it must not wait for ever.
        (Some("gone"), true, true),
    ];
    for (number, (named, one, other)) in cases.into_iter().enumerate() {
        world.clock.advance(Duration::seconds(1));
        take(&world, &[hint(&format!("h{number}"), named)]);
        look(&world);
        let now = Some(world.engine_time());
        assert_eq!(polled(&world, &first) == now, one, "{named:?}");
        assert_eq!(polled(&world, &second) == now, other, "{named:?}");
        assert_eq!(waiting(&world).hints, 0, "{named:?}");
    }
}

#[test]
fn a_hint_about_a_page_is_answered_by_the_mapping_it_names_or_else_by_that_of_the_page() {
    let (world, handbook, backlog) = pair();
    let page = world.pages.create("Welcome", body(&["Hello"]));
    world.settle();
    assert_eq!(world.records().len(), 1, "it belongs to the handbook");
    // The other mapping comes first, and leaves it alone.
    for (number, (named, answers)) in [
        (None, [(&backlog, 0), (&handbook, 1)]),
        (Some("handbook"), [(&backlog, 0), (&handbook, 1)]),
        (Some("backlog"), [(&backlog, 1), (&handbook, 0)]),
    ]
    .into_iter()
    .enumerate()
    {
        world.clock.advance(Duration::seconds(1));
        take(&world, &[about(&format!("h{number}"), &page, named)]);
        let tick = look(&world);
        let hints: Vec<_> = (tick.mappings.iter())
            .map(|report| (&report.mapping, report.hints))
            .collect();
        assert_eq!(hints, answers, "{named:?}");
        assert_eq!(waiting(&world).hints, 0, "{named:?}");
    }
}

#[test]
fn a_flood_is_worked_off_in_parts() {
    let world = resting();
    let flood: Vec<ChangeEvent> = (0..1_200).map(|n| hint(&format!("f{n}"), None)).collect();
    take(&world, &flood);
    let mut ticks = Vec::new();
    while waiting(&world).hints > 0 {
        let tick = look(&world);
        ticks.push((
            tick.mappings[0].hints,
            tick.next_due == Some(world.engine_time()),
        ));
    }
    assert_eq!(ticks, [(500, true), (500, true), (200, false)]);
}

/// So many hints that no look gets beyond them.
fn flood(mapping: Option<&str>, page: &str) -> Vec<ChangeEvent> {
    let number = |n: usize| about(&format!("f{n}"), page, mapping);
    (0..1_200).map(number).collect()
}

#[test]
fn hints_of_a_frozen_mapping_make_no_other_one_deaf() {
    let (world, handbook, backlog) = pair();
    freeze(&world, &handbook);
    take(&world, &flood(Some("handbook"), "new"));
    let mut last = about("last", "new", Some("backlog"));
    last.detected_at += Duration::seconds(1);
    take(&world, &[last]);
    world.clock.advance(Duration::seconds(1));
    let tick = look(&world);
    let hints = |id: &MappingId| {
        let mut reports = tick.mappings.iter();
        reports.find(|one| one.mapping == *id).map(|one| one.hints)
    };
    assert_eq!((hints(&handbook), hints(&backlog)), (Some(0), Some(1)));
    assert_eq!(waiting(&world).hints, 1_200);
    assert!(
        tick.next_due > Some(world.engine_time()),
        "no tick follows at once"
    );
    assert_eq!(polled(&world, &backlog), Some(world.engine_time()));
}

#[test]
fn hints_about_records_of_a_frozen_mapping_wait_for_it_alone() {
    let (world, handbook, backlog) = pair();
    let page = world.pages.create("Welcome", body(&["Hello"]));
    world.settle();
    freeze(&world, &handbook);
    take(&world, &flood(None, &page));
    world.clock.advance(Duration::seconds(1));
    let before = polled(&world, &backlog);
    look(&world);
    assert_eq!(polled(&world, &backlog), before, "it has no reason to look");
    let mut last = about("last", "new", None);
    last.detected_at += Duration::seconds(1);
    take(&world, &[last]);
    look(&world);
    assert_eq!(polled(&world, &backlog), Some(world.engine_time()));
    assert_eq!(waiting(&world).hints, 1_200);
}

fn freeze(world: &World, id: &MappingId) {
    let state = State::new(&*world.store);
    let freeze = Freeze {
        since: world.engine_time(),
        by: "ada".to_owned(),
        reason: "it moves".to_owned(),
    };
    block_on(state.freeze(Some(id), &freeze)).unwrap();
}
