//! A changed configuration: seen first, where it would remove or write a lot.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::executor::block_on;
use notion_sync_core::engine::{Binding, Engine, Tick};
use notion_sync_core::id::MappingId;
use notion_sync_core::mapping::{FieldKind, Guard, People, Policy};
use notion_sync_core::state::{Fingerprint, State};

use super::world::{World, body, documents, field, tasks};

fn known(world: &World) -> Option<Fingerprint> {
    let state = block_on(State::new(&*world.store).mapping(&world.mapping.id)).unwrap();
    state.value.fingerprint.clone()
}

/// A world with so many documents, at rest.
fn resting(count: usize) -> World {
    let mut mapping = documents(Policy::ManualReview);
    mapping.delete_by_proposal = false;
    mapping.fields.pop();
    let world = World::new(mapping);
    for number in 0..count {
        let text = format!("---\nowner: ada\n---\n\n# Page {number}\n\nText.\n");
        world.repo.put(&format!("docs/p{number}.md"), Some(&text));
    }
    world.settle();
    world.pass(10);
    world.settle();
    assert!(known(&world).is_some());
    world
}

fn stop(tick: &Tick) -> Option<&String> {
    tick.mappings[0].guard.as_ref()
}

/// The same store under another configuration, with the guard that people have.
fn reconfigured(world: &mut World) {
    world.restart();
    world.guard(Guard::default());
    let people = People::default();
    let engine = Engine::new(world.store.clone(), world.clock.clone());
    world.engine = engine.with_mapping(Binding {
        mapping: world.mapping.clone(),
        notion: Arc::new(world.pages.clone()),
        github: Arc::new(world.repo.clone()),
        people,
    });
}

#[test]
fn one_removal_needs_approval_after_a_change_and_none_before() {
    let mut world = resting(3);
    let before = known(&world);
    world.mapping.policy = Policy::GithubWins;
    reconfigured(&mut world);
    world.repo.put("docs/p0.md", None);
    world.pass(5);
    let tick = world.poll();
    let why = stop(&tick).expect("stopped").clone();
    assert!(
        why.contains("the mapping changed") && why.contains("remove 1 objects"),
        "{why}"
    );
    assert_eq!(world.pages.live().len(), 3);
    assert_eq!(known(&world), before, "not accepted unseen");
    // What is shown is what waits, and only that is approved.
    let plans = block_on(world.engine.plan(false)).unwrap();
    let hash = plans[0].hash;
    assert!(why.contains(&hash.short(12)), "{why}");
    world.pass(5);
    assert!(stop(&world.poll()).is_some(), "it goes on waiting");
    block_on(world.engine.approve(&hash.to_string())).unwrap();
    world.pass(5);
    world.settle();
    assert_eq!(world.pages.live().len(), 2);
    assert_ne!(known(&world), before);
    // From now on it is the configuration like any other.
    world.repo.put("docs/p1.md", None);
    world.pass(5);
    assert_eq!(stop(&world.poll()), None);
    world.settle();
    assert_eq!(world.pages.live().len(), 1);
}

#[test]
fn an_applied_plan_accepts_the_configuration() {
    let mut world = resting(3);
    world.mapping.policy = Policy::GithubWins;
    reconfigured(&mut world);
    world.repo.put("docs/p0.md", None);
    world.pass(5);
    assert!(stop(&world.poll()).is_some());
    let plans = block_on(world.engine.plan(false)).unwrap();
    block_on(world.engine.approve(&plans[0].hash.to_string())).unwrap();
    let shown: BTreeMap<MappingId, _> = [(world.mapping.id.clone(), plans[0].hash)].into();
    let tick = block_on(world.engine.apply(&shown, false)).unwrap();
    assert_eq!(tick.mappings[0].guard, None);
    assert_eq!(world.pages.live().len(), 2);
    world.repo.put("docs/p1.md", None);
    world.pass(5);
    assert_eq!(stop(&world.poll()), None);
}

#[test]
fn a_change_that_removes_nothing_passes_and_is_remembered() {
    let mut world = resting(3);
    let before = known(&world);
    world.mapping.fields.push(field("tags", FieldKind::Set));
    world.mapping.reviewers.clear();
    reconfigured(&mut world);
    world.pass(5);
    assert_eq!(stop(&world.poll()), None);
    world.settle();
    let after = known(&world);
    assert_ne!(after, before);
    // Who reviews makes no difference between the sides.
    world.mapping.reviewers = vec!["somebody".to_owned()];
    reconfigured(&mut world);
    world.pass(5);
    world.settle();
    assert_eq!(known(&world), after);
}

/// Many writes after a change are seen first, also where they are a small share of all.
#[test]
fn many_creations_after_a_change_need_approval() {
    let mut world = World::new(tasks(Policy::ManualReview));
    world.pages.create("First", body(&["Text"]));
    world.settle();
    world.pass(10);
    world.settle();
    world.mapping.policy = Policy::NotionWins;
    reconfigured(&mut world);
    for number in 0..21 {
        world
            .pages
            .create(&format!("Task {number}"), body(&["Text"]));
    }
    world.pass(5);
    let tick = world.poll();
    let why = stop(&tick).expect("stopped");
    assert!(why.contains("write 21 objects"), "{why}");
    assert_eq!(world.repo.numbers().len(), 1);
}
