//! Full listings: what they are spared, and what they bring to light.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use chrono::Duration;
use futures::executor::block_on;
use notion_sync_core::document::Block;
use notion_sync_core::engine::Schedule;
use notion_sync_core::id::RemoteRef;
use notion_sync_core::mapping::Policy;
use notion_sync_core::snapshot::Content;
use notion_sync_core::state::{MappingState, State};

use super::shown::Shown;
use super::{contents, seeing};
use crate::engine::world::{World, documents, plain, rewrite};

fn known(world: &World) -> MappingState {
    let state = State::new(&*world.store);
    let stored = block_on(state.mapping(&world.mapping.id)).unwrap();
    MappingState::clone(&stored.value)
}

/// Three pairs at rest, looked at in full.
fn rested() -> World {
    let world = World::new(documents(Policy::ManualReview));
    for name in ["a", "b", "c"] {
        let text = format!("# {name}\n\nText\n");
        world.repo.put(&format!("docs/{name}.md"), Some(&text));
    }
    world.settle();
    world.pass(10);
    world.sweep();
    assert!(known(&world).swept.is_some());
    world
}

#[test]
fn a_listing_that_shows_the_same_is_told_by_one_hash() {
    let world = rested();
    let before = known(&world).swept;
    world.pass(60);
    world.sweep();
    assert_eq!(known(&world).swept, before);
    let page = world.pages.live()[0].clone();
    world
        .pages
        .edit_body(&page, |body| rewrite(body, "Text", "Other"));
    // In its minute nothing is sure yet.
    world.sweep();
    assert_eq!(known(&world).swept, None);
    world.pass(10);
    world.settle();
    world.pass(10);
    world.sweep();
    let after = known(&world).swept;
    assert!(after.is_some() && after != before);
}

/// An object whose pair was broken and whose partner was given to another one is nobody's: the next full listing
/// finds it, although it shows nothing new.
#[test]
fn what_nobody_owns_any_more_is_found_by_the_next_full_listing() {
    let world = rested();
    let records = world.records();
    let at = |path: &str| {
        let record = records.iter().find(|one| one.path.as_deref() == Some(path));
        record.unwrap().clone()
    };
    let (a, b) = (at("docs/a.md"), at("docs/b.md"));
    for record in [&a, &b] {
        block_on(world.engine.unlink(&record.id)).unwrap();
    }
    world.pass(10);
    world.sweep();
    world.pass(10);
    world.sweep();
    let object = |one: &Option<RemoteRef>| one.clone().unwrap();
    let (page, file) = (object(&a.notion), object(&b.github));
    block_on(world.engine.link(&world.mapping.id, &page, &file)).unwrap();
    assert_eq!(known(&world).swept, None);
    world.pass(10);
    world.sweep();
    world.settle();
    let owner = block_on(State::new(&*world.store).owner(&object(&a.github))).unwrap();
    assert!(owner.is_some(), "its file has a page again");
}

/// A body that a service changed without dating it is found within the time between two such readings.
#[test]
fn what_is_not_dated_is_read_now_and_then() {
    let mut world = rested();
    let changed = Arc::new(AtomicBool::new(false));
    let silent = Arc::clone(&changed);
    let pages = Shown::new(world.pages.clone()).reading(move |page| {
        if let Content::Blocks(document) = &mut page.content
            && silent.load(Ordering::Relaxed)
        {
            document.blocks = vec![Block::paragraph("Silent")];
        }
        Ok(())
    });
    let repo = Arc::new(world.repo.clone());
    seeing(&mut world, Arc::new(pages), repo);
    changed.store(true, Ordering::Relaxed);
    world.pass(24 * 60);
    let before = contents(&world);
    world.sweep();
    assert_eq!(contents(&world), before, "a full listing reads no body");
    world.clock.advance(Schedule::default().contents);
    world.sweep();
    assert_eq!(contents(&world).0, before.0 + 3);
    changed.store(true, Ordering::Relaxed);
    for _ in 0..3 {
        world.clock.advance(Duration::minutes(2));
        world.sweep();
    }
    assert!(world.repo.file("docs/a.md").unwrap().contains("Silent"));
    // Not again with the next one.
    let before = contents(&world);
    world.pass(24 * 60);
    changed.store(false, Ordering::Relaxed);
    world.sweep();
    assert_eq!(contents(&world), before);
    assert_eq!(plain(&world.pages.body(&world.pages.live()[0]))[0], "Text");
}
