//! Answers, processes and registries that are lost on the way.

use std::sync::Arc;

use futures::executor::block_on;
use notion_sync_core::engine::{Budget, FindingKind};
use notion_sync_core::id::{RemoteRef, Side};
use notion_sync_core::mapping::Policy;
use notion_sync_core::operation::OpState;
use notion_sync_core::record::Life;
use notion_sync_core::state::State;
use notion_sync_testkit::model::ModelFault;

use super::{
    drifts, is_at_rest, issues_of_a_page, kinds, owner, pages_of_an_issue, seeing, state, world,
};
use crate::engine::workers::{Sleepy, Stop, Work, go_on, look};
use crate::engine::world::{Meddled, World, tasks};

#[test]
fn of_two_that_nothing_binds_the_first_stays() {
    let world = world(World::new(tasks(Policy::ManualReview)));
    world.repo.open_issue("Fix login", "It hangs.\n");
    world
        .pages
        .fail([ModelFault::LostAfter, ModelFault::LostAfter]);
    world.pages.fail([ModelFault::Refused; 20]);
    world.poll();
    let first = world.pages.live().remove(0);
    world.pages.hide(&first, true);
    while world.pages.live().len() < 2 {
        world.pass(1);
        world.poll();
    }
    let second = world.pages.live().remove(1);
    world.pages.hide(&second, true);
    let ops = || {
        let state = State::new(&*world.store);
        let record = world.records().remove(0);
        block_on(state.operations_of(&record.id)).unwrap()
    };
    while ops()[0].state != OpState::Dead {
        world.pass(20);
        world.poll();
    }
    world.pages.hide(&first, false);
    world.pages.hide(&second, false);
    world.sweep();
    is_at_rest(&world);
    assert_eq!(world.pages.live(), std::slice::from_ref(&first));
    let loser = owner(&world, Side::Notion, &second);
    assert_eq!(
        loser.duplicate.unwrap().of,
        RemoteRef::new("notion", "page", &first)
    );
    assert_eq!(
        world.repo.numbers(),
        [1],
        "neither is taken for a task of its own"
    );
}

/// Each answer on the way is lost, with the write or without it.
#[test]
fn a_removal_without_an_answer_is_looked_for() {
    for fault in [
        ModelFault::LostBefore,
        ModelFault::LostAfter,
        ModelFault::Refused,
    ] {
        let (world, first, second) = pages_of_an_issue();
        world.pages.hide(&first, false);
        world.pages.fail([fault]);
        world.sweep();
        is_at_rest(&world);
        assert_eq!(world.pages.live(), [second], "{fault:?}");
        assert_eq!(owner(&world, Side::Notion, &first).life, Life::Tombstone);
        for at in 0..2 {
            let mut world = issues_of_a_page();
            world.repo.hide_issue(1, false);
            let repo = world.repo.clone();
            if at == 0 {
                repo.fail([fault]);
            } else {
                // The one of the comment that follows.
                let then = move || repo.fail([fault]);
                let github = Meddled::late(world.repo.clone(), then);
                let notion = Arc::new(world.pages.clone());
                seeing(&mut world, notion, Arc::new(github));
            }
            world.sweep();
            is_at_rest(&world);
            assert_eq!(state(&world, 1), "closed", "{fault:?} {at}");
            assert_eq!(world.repo.comments(1).len(), 1, "{fault:?} {at}");
            assert_eq!(owner(&world, Side::Github, "1").life, Life::Tombstone);
        }
    }
}

/// What a run that finds and removes a second object came to when its process died at this commit, and the next one
/// went on. Answers whether there was such a commit.
fn dies(world: &mut World, stop: Stop) -> bool {
    let (notion, github) = (Arc::new(world.pages.clone()), Arc::new(world.repo.clone()));
    let store = world.store.clone();
    world.store = Sleepy::new(store.clone(), stop);
    seeing(world, notion, github);
    let everything = Budget {
        full: true,
        ..look()
    };
    let mut work: Work<'_> = Box::pin(world.engine.tick(everything));
    let died = go_on(&mut work).is_none();
    drop(work);
    world.store = store;
    world.restart();
    world.sweep();
    is_at_rest(world);
    died
}

#[test]
fn a_death_at_any_commit_changes_nothing() {
    let mut deaths = 0;
    for number in 0.. {
        let mut any = false;
        for stop in [Stop::Before(number), Stop::After(number)] {
            let (mut world, first, second) = pages_of_an_issue();
            world.pages.hide(&first, false);
            let died = dies(&mut world, stop);
            assert_eq!(world.pages.live(), [second], "{stop:?}");
            assert_eq!(owner(&world, Side::Notion, &first).life, Life::Tombstone);
            let trashed = world.pages.writes();
            let trashed = trashed.iter().filter(|write| write.what == "trash");
            assert_eq!(trashed.count(), 1, "{stop:?}");

            let mut world = issues_of_a_page();
            world.repo.hide_issue(1, false);
            let died = died | dies(&mut world, stop);
            assert_eq!(
                (state(&world, 1), state(&world, 2)),
                ("closed".into(), "open".into()),
                "{stop:?}"
            );
            assert_eq!(world.repo.comments(1).len(), 1, "{stop:?}");
            assert_eq!(owner(&world, Side::Github, "1").life, Life::Tombstone);
            deaths += usize::from(died);
            any |= died;
        }
        if !any {
            break;
        }
    }
    // Decided, on its way, its outcome, and the same for the comment.
    assert!(deaths >= 8, "{deaths}");
}

/// Who lost the registry knows nothing of what was sent: nothing is removed, and nothing becomes a pair.
#[test]
fn without_a_registry_nothing_is_removed() {
    let (mut world, first, second) = pages_of_an_issue();
    world.pages.hide(&first, false);
    world.lose_store();
    world.settle();
    world.pass(30);
    world.sweep();
    is_at_rest(&world);
    assert_eq!(world.pages.live(), [first.clone(), second.clone()]);
    assert_eq!((world.live(), world.repo.numbers().len()), (1, 1));
    assert!(drifts(&owner(&world, Side::Notion, &first)));
    assert_eq!(owner(&world, Side::Notion, &second).life, Life::Live);

    let mut world = issues_of_a_page();
    world.repo.hide_issue(1, false);
    world.lose_store();
    block_on(world.engine.rebuild(&world.mapping.id, false, false)).unwrap();
    assert_eq!(kinds(&world), [FindingKind::DuplicateClaim]);
    world.sweep();
    is_at_rest(&world);
    assert_eq!(
        (state(&world, 1), state(&world, 2)),
        ("open".into(), "open".into())
    );
    assert_eq!((world.live(), world.pages.live().len()), (1, 1));
    assert!(drifts(&owner(&world, Side::Github, "1")));
    assert_eq!(kinds(&world), [FindingKind::DuplicateClaim]);
}
