//! Pages that follow their files into the trash, and what keeps them from it.

use futures::executor::block_on;
use notion_sync_core::audit::AuditEvent;
use notion_sync_core::mapping::{Guard, Mapping, Policy};
use notion_sync_core::state::State;
use notion_sync_core::value::Value;

use super::documents::{FILE, paired};
use super::world::{World, documents};

#[test]
fn the_guard_stops_mass_deletion_until_it_is_approved() {
    let mut world = World::new(documents(Policy::ManualReview));
    for n in 0..30 {
        world.repo.put(
            &format!("docs/f{n:02}.md"),
            Some(&format!("# F{n}\n\nText {n}\n")),
        );
    }
    world.settle();
    assert_eq!(world.pages.live().len(), 30);
    world.guard(Guard::default());
    world.pass(10);
    for n in 0..20 {
        world.repo.put(&format!("docs/f{n:02}.md"), None);
    }
    let tick = world.poll();
    let stop = tick.mappings[0].guard.clone().expect("the guard stops it");
    assert!(stop.contains("20 removals"), "{stop}");
    assert_eq!(world.pages.live().len(), 30);
    let hash = stop.rsplit(' ').next().unwrap().trim_end_matches('`');
    block_on(world.engine.approve(hash)).unwrap();
    world.settle();
    assert_eq!(world.pages.live().len(), 10);
}

/// An approval is for what was shown: not for one removal more, and not for another day.
#[test]
fn an_approval_is_for_exactly_one_plan() {
    let mut world = World::new(documents(Policy::ManualReview));
    let file = |n: usize| format!("docs/f{n:02}.md");
    for n in 0..60 {
        let text = format!("# F{n}\n\nText {n}\n");
        world.repo.put(&file(n), Some(&text));
    }
    world.settle();
    world.guard(Guard::default());
    let remove = |range: std::ops::Range<usize>| {
        range.for_each(|n| world.repo.put(&file(n), None));
        world.pass(10);
        let tick = world.poll();
        let stop = tick.mappings[0].guard.clone().expect("the guard stops it");
        stop.rsplit(' ')
            .next()
            .unwrap()
            .trim_end_matches('`')
            .to_owned()
    };
    let first = remove(0..20);
    block_on(world.engine.approve(&first)).unwrap();
    let second = remove(20..21);
    assert_ne!(first, second);
    assert_eq!(world.pages.live().len(), 60);
    assert!(block_on(world.engine.approve(&first)).is_err());
    block_on(world.engine.approve(&second)).unwrap();
    world.settle();
    assert_eq!(world.pages.live().len(), 39);
    let third = remove(21..41);
    assert!(third != first && third != second);
    world.settle();
    assert_eq!(world.pages.live().len(), 39, "it was used up");
}

/// A deletion of many files is one, although some of their pages were edited in this minute and have to wait.
#[test]
fn the_guard_counts_pages_that_wait_too() {
    let mut world = World::new(documents(Policy::ManualReview));
    for n in 0..30 {
        world.repo.put(
            &format!("docs/{n}.md"),
            Some(&format!("# Page {n}\n\ntext\n")),
        );
    }
    world.settle();
    world.guard(Guard::default());
    world.pass(10);
    for page in world.pages.live().iter().skip(5) {
        world.pages.set(page, "owner", Value::text("Bob"));
        world.pages.set(page, "owner", Value::Null);
    }
    for n in 0..30 {
        world.repo.put(&format!("docs/{n}.md"), None);
    }
    let tick = world.poll();
    assert!(tick.mappings[0].guard.is_some(), "{tick:?}");
    assert_eq!(world.pages.live().len(), 30);
}

/// The time of a page says the minute of its last edit. As long as one more may hide in it, the page does not
/// follow its file into the trash.
#[test]
fn a_page_follows_its_file_once_no_edit_can_hide() {
    let (world, page) = paired(Policy::ManualReview);
    world.pass(10);
    world.pages.set(&page, "owner", Value::text("Bob"));
    world.pages.set(&page, "owner", Value::text("Ada"));
    world.repo.put("docs/guide.md", None);
    world.poll();
    assert_eq!(
        world.pages.live(),
        std::slice::from_ref(&page),
        "in the same minute"
    );
    world.pages.set(&page, "owner", Value::text("Eve"));
    world.pass(10);
    world.settle();
    assert_eq!(
        world.pages.live(),
        std::slice::from_ref(&page),
        "it was edited"
    );
    assert_eq!(world.pages.field(&page, "owner"), Value::text("Eve"));
    // Nobody edits it: it goes.
    world.pages.set(&page, "owner", Value::text("Ada"));
    world.poll();
    assert_eq!(world.pages.live(), [page]);
    world.pass(10);
    world.settle();
    assert!(world.pages.live().is_empty());
}

/// What goes with a deletion is kept in the audit when it goes, and not each time somebody looks before that.
#[test]
fn a_deletion_that_beats_an_edit_keeps_it_once() {
    let world = World::new(Mapping {
        delete_beats_edit: true,
        ..documents(Policy::GithubWins)
    });
    world.repo.put("docs/guide.md", Some(FILE));
    world.settle();
    let page = world.pages.live().remove(0);
    world.pass(10);
    world.pages.set(&page, "owner", Value::text("Bob"));
    world.repo.put("docs/guide.md", None);
    let losers = || {
        let all = block_on(State::new(&*world.store).audit(None)).unwrap();
        all.iter()
            .filter(|row| row.event == AuditEvent::Loser)
            .count()
    };
    for _ in 0..3 {
        world.poll();
    }
    assert_eq!((losers(), world.pages.live().len()), (0, 1));
    world.settle();
    assert_eq!((losers(), world.pages.live().len()), (1, 0));
}
