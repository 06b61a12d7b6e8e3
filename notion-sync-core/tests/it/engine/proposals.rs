//! How open proposals are looked at.

use notion_sync_core::mapping::{Deliver, Policy};

use super::world::{World, body, documents, rewrite};

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

/// Somebody refuses what a page says, looks at another version of it, and the page goes back: the pull request is
/// closed and not made to say what was refused, and comes again with a version that nobody refused.
#[test]
fn a_pull_request_is_not_made_to_say_what_was_refused() {
    for edits in [false, true] {
        let mut world = World::new(documents(Policy::ManualReview));
        if edits {
            world.mapping.deliver = Deliver::PullRequest;
            world.restart();
        }
        let page = world.pages.create("Alpha", body(&["One"]));
        world.settle();
        let says = |world: &World, from: &str, to: &str| {
            world.pass(10);
            (world.pages).edit_body(&page, |body| rewrite(body, from, to));
            world.settle();
            world.repo.pulls("open")
        };
        if edits {
            world.repo.merge(world.repo.pulls("open")[0]);
            world.pass(10);
            world.settle();
            assert_eq!(says(&world, "One", "Refused").len(), 1);
        }
        let refused = if edits { "Refused" } else { "One" };
        world.repo.close_pull(world.repo.pulls("open")[0]);
        let second = says(&world, refused, "Two");
        assert_eq!(second.len(), 1, "another version is proposed");
        let back = says(&world, "Two", refused);
        assert!(back.is_empty(), "edits: {edits}");
        world.pass(30);
        assert_eq!(world.settle(), 0);
        let third = says(&world, refused, "Three");
        assert_eq!(third.len(), 1, "edits: {edits}");
        assert_ne!(third, second);
        assert_eq!(says(&world, "Three", "Two"), third, "nobody refused that");
    }
}
