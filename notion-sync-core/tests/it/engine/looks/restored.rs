//! Backups of the store that are put back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::executor::block_on;
use notion_sync_core::comment::CommentSync;
use notion_sync_core::engine::Budget;
use notion_sync_core::mapping::Policy;
use notion_sync_store::MemoryStore;

use super::super::comments::{talking, texts};
use super::super::world::{World, body, tasks};
use super::seeing;
use super::shown::Shown;

/// Notion lists nothing, and says that there is more, until the answer is set to `false`.
fn half_listed(world: &mut World) -> Arc<AtomicBool> {
    let part = Arc::new(AtomicBool::new(true));
    let only = part.clone();
    let pages = Shown::new(world.pages.clone()).listing(move |listing| {
        if only.load(Ordering::Relaxed) {
            listing.items.clear();
            listing.complete = false;
        }
    });
    let repo = Arc::new(world.repo.clone());
    seeing(world, Arc::new(pages), repo);
    part
}

/// A tick that plans, and sends nothing.
fn plan(world: &World) {
    let planned = Budget {
        poll_now: true,
        operations: 0,
        ..Budget::default()
    };
    block_on(world.engine.tick(planned)).unwrap();
}

/// What a backup planned to make was made since, and shows only when both sides were listed.
#[test]
fn nothing_is_made_of_an_earlier_plan_before_both_sides_were_listed() {
    let kept = Arc::new(MemoryStore::new());
    let mut world = World::new(tasks(Policy::ManualReview));
    world.store = kept.clone();
    world.restart();
    world.pages.create("Fix login", body(&["Steps"]));
    world.repo.open_issue("Dark mode", "It is bright.");
    plan(&world);
    let backup = kept.copy();
    world.settle();
    let made = (world.pages.live().len(), world.repo.numbers().len());
    assert_eq!(made, (2, 2));

    world.store = Arc::new(backup);
    world.restart();
    world.pass(30);
    let part = half_listed(&mut world);
    for _ in 0..3 {
        world.poll();
        world.pass(10);
    }
    let there = || (world.pages.live().len(), world.repo.numbers().len());
    assert_eq!(there(), made, "nobody knows yet what is there");
    part.store(false, Ordering::Relaxed);
    for _ in 0..3 {
        world.poll();
        world.pass(10);
    }
    assert_eq!(there(), made);
    assert_eq!(world.live(), 2);
    // What nobody made is made.
    world.repo.open_issue("Night mode", "It is dark.");
    world.poll();
    assert_eq!(there(), (3, 3));
}

/// What a backup does not know was copied since, and the copies say which operation wrote them.
#[test]
fn a_comment_that_has_its_copy_is_not_copied_again() {
    let kept = Arc::new(MemoryStore::new());
    let mut world = World::new(talking(CommentSync::default()));
    world.store = kept.clone();
    world.restart();
    let page = world.pages.create("Fix login", body(&["Steps"]));
    world.settle();
    world.pass(10);
    world.settle();
    let number = world.repo.numbers()[0];
    let backup = kept.copy();
    world.pages.comment(&page, "Ada", "Which browser?");
    world.repo.comment(number, "bob", "All of them");
    assert_eq!(world.settle(), 2);
    let said = |world: &World| {
        let pages = texts(&world.pages.comments(&page));
        (pages, texts(&world.repo.discussion(number)))
    };
    let before = said(&world);
    world.store = Arc::new(backup);
    world.restart();
    world.pass(30);
    for _ in 0..3 {
        world.settle();
        world.pass(10);
    }
    assert_eq!(said(&world), before);
    // They are copies like any other.
    world.pages.comment(&page, "Ada", "Thanks");
    world.settle();
    assert_eq!(world.repo.discussion(number).len(), before.1.len() + 1);
}

#[test]
fn a_creation_that_waits_for_a_look_is_not_due_without_a_pause() {
    let mut world = World::new(tasks(Policy::ManualReview));
    world.pages.create("Fix login", body(&["Steps"]));
    plan(&world);
    let part = half_listed(&mut world);
    for _ in 0..3 {
        let tick = world.poll();
        assert_eq!(tick.mappings[0].open_operations, 1);
        let now = world.engine_time();
        assert!(
            tick.next_due.is_some_and(|at| at > now),
            "{:?}",
            tick.next_due
        );
        world.pass(10);
    }
    assert!(world.repo.numbers().is_empty());
    part.store(false, Ordering::Relaxed);
    world.poll();
    assert_eq!(world.repo.numbers().len(), 1);
}
