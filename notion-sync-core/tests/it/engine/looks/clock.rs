//! A clock that was ahead for a while, and was set right.

use std::sync::Arc;

use chrono::Duration;
use futures::executor::block_on;
use notion_sync_core::clock::VirtualClock;
use notion_sync_core::engine::Budget;
use notion_sync_core::mapping::Policy;

use super::super::documents::{FILE, paired};
use super::super::world::plain;

/// What was looked at in a month that has not come yet is looked at again after a poll, not after the month.
#[test]
fn a_clock_that_was_ahead_is_not_waited_for() {
    let (mut world, page) = paired(Policy::ManualReview);
    let (clock, month) = (world.clock.clone(), Duration::days(30));
    world.clock = Arc::new(VirtualClock::new(world.engine_time() + month));
    world.restart();
    world.poll();
    world.clock = clock;
    world.restart();
    world.repo.put(
        "docs/guide.md",
        Some(&FILE.replace("First line.", "Edited.")),
    );
    for _ in 0..20 {
        let tick = block_on(world.engine.tick(Budget::default())).unwrap();
        let due = tick.next_due.expect("nothing is due");
        let wait = due - world.engine_time();
        assert!(wait <= Duration::minutes(1), "{wait}");
        world.clock.advance_to(due);
    }
    assert_eq!(plain(&world.pages.body(&page))[0], "Edited.");
}
