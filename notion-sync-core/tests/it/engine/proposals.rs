//! How open proposals are looked at.

use notion_sync_core::mapping::Policy;

use super::world::{World, body, documents};

/// Looks cost the same with many open pull requests as with one, and miss no end of any.
#[test]
fn only_proposals_that_ended_are_read() {
    let world = World::new(documents(Policy::ManualReview));
    for title in ["Alpha", "Beta", "Gamma", "Delta"] {
        world.pages.create(title, body(&["One"]));
    }
    world.settle();
    let pulls = world.repo.pulls("open");
    assert_eq!(pulls.len(), 4);
    world.pass(10);
    let before = world.repo.reads();
    world.settle();
    assert_eq!(world.repo.reads().pulls, before.pulls);
    world.repo.merge(pulls[0]);
    world.repo.close_pull(pulls[1]);
    world.pass(10);
    world.settle();
    assert_eq!(world.repo.reads().pulls, before.pulls + 2);
    assert_eq!(world.repo.paths().len(), 1);
    assert_eq!(world.repo.pulls("open"), pulls[2..]);
    // What was refused stays refused, and what was merged is a pair.
    world.pass(10);
    assert_eq!(world.settle(), 0);
    assert_eq!(world.live(), 1);
}
