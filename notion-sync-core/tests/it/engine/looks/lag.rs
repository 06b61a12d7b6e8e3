//! Listings that show late what is there.

use std::sync::Arc;

use chrono::{DateTime, Duration, Utc};
use futures::executor::block_on;
use notion_sync_core::bounds::Bounds;
use notion_sync_core::clock::Clock as _;
use notion_sync_core::id::Side;
use notion_sync_core::mapping::Policy;
use notion_sync_core::operation::OpState;
use notion_sync_core::state::State;
use notion_sync_testkit::model::ModelFault;

use super::seeing;
use super::shown::Shown;
use crate::engine::world::{World, tasks};

/// Pages are listed so many seconds after they were made.
fn late(seconds: i64) -> World {
    let mut world = World::new(tasks(Policy::ManualReview));
    restart(&mut world, seconds);
    world
}

fn restart(world: &mut World, seconds: i64) {
    let clock = world.clock.clone();
    let pages = Shown::new(world.pages.clone()).listing(move |listing| {
        let old = clock.now() - Duration::seconds(seconds);
        listing.items.retain(|item| item.revision.at <= old);
    });
    let repo = world.repo.clone();
    seeing(world, Arc::new(pages), Arc::new(repo));
}

/// Polls once in a minute, and answers what was told.
fn minutes(world: &World, count: usize) -> Vec<String> {
    let mut told = Vec::new();
    for _ in 0..count {
        world.clock.advance(Duration::seconds(60));
        let tick = world.poll();
        let incidents = tick.mappings[0].incidents.iter();
        told.extend(incidents.map(|incident| incident.message.clone()));
    }
    told
}

fn lag(world: &World) -> Option<u32> {
    let state = State::new(&*world.store);
    let stored = block_on(state.mapping(&world.mapping.id)).unwrap();
    stored.value.lags.get(&Side::Notion).copied()
}

/// When the outcome of a creation without an answer is looked for.
fn looked_for(world: &World) -> Duration {
    world.repo.open_issue("Lost", "Text");
    world.pages.fail([ModelFault::LostBefore]);
    world.poll();
    let state = State::new(&*world.store);
    let open = block_on(state.open_operations(&world.mapping.id)).unwrap();
    let unknown: Vec<(DateTime<Utc>, DateTime<Utc>)> = (open.iter())
        .filter(|op| op.value.state == OpState::Unknown)
        .map(|op| (op.value.intent_at.unwrap(), op.value.not_before.unwrap()))
        .collect();
    assert_eq!(unknown.len(), 1);
    unknown[0].1 - unknown[0].0
}

#[test]
fn waits_grow_with_what_listings_were_seen_to_lag() {
    let bounds = Bounds::default();
    let quiet = i64::from(bounds.pause + bounds.late_commit);
    let mut world = late(700);
    world.repo.open_issue("Made", "Text");
    let told = minutes(&world, 20);
    let seen = i64::from(lag(&world).unwrap());
    // A listing that missed it began so long after it was made.
    assert!((600..=700).contains(&seen), "{seen}");
    let said: Vec<&String> = told.iter().filter(|one| one.contains(" late: ")).collect();
    assert_eq!(said.len(), 1, "{told:?}");
    assert!(said[0].contains(&format!("after {} s instead of 900", 2 * seen)));
    // Another process knows it too.
    restart(&mut world, 0);
    assert!(looked_for(&world) >= Duration::seconds(quiet + 2 * seen));
}

#[test]
fn bounds_never_shrink() {
    let bounds = Bounds::default();
    let quiet = i64::from(bounds.pause + bounds.late_commit + bounds.visibility);
    let world = late(100);
    world.repo.open_issue("Made", "Text");
    let told = minutes(&world, 5);
    assert!((60..=100).contains(&lag(&world).unwrap()));
    assert!(!told.iter().any(|one| one.contains(" late: ")), "{told:?}");
    assert!(looked_for(&world) >= Duration::seconds(quiet));
}

/// What was in the trash meanwhile says nothing about listings, and what is never shown neither.
#[test]
fn what_people_hide_is_no_lag() {
    let world = late(0);
    world.repo.open_issue("Made", "Text");
    world.poll();
    let page = world.pages.live()[0].clone();
    world.pages.trash(&page, true);
    minutes(&world, 10);
    world.pages.trash(&page, false);
    minutes(&world, 3);
    assert_eq!(lag(&world), None);
}
