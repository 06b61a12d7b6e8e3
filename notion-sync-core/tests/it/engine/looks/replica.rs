//! Reads that are behind by less than what is waited for.

use std::sync::{Arc, Mutex};

use chrono::Duration;
use notion_sync_core::mapping::Policy;
use notion_sync_core::snapshot::{Presence, Snapshot};

use super::super::world::{World, documents};
use super::seeing;
use super::shown::Shown;

/// How far reads are behind at most, in seconds.
const BEHIND: i64 = 60;

/// Whether the replica is behind, and what it showed then.
#[derive(Debug, Default)]
struct Replica {
    behind: Mutex<bool>,
    shown: Mutex<bool>,
}

impl Replica {
    fn is_behind(&self, behind: bool) {
        *self.behind.lock().unwrap() = behind;
    }

    /// Whether it showed a page that was gone.
    fn showed(&self) -> bool {
        *self.shown.lock().unwrap()
    }
}

/// A handbook whose pages are read from a replica: it shows what was read last from `behind` on, until that is too
/// long ago.
fn replicated(behind: Arc<Replica>) -> World {
    let mut mapping = documents(Policy::ManualReview);
    mapping.delete_by_proposal = false;
    let mut world = World::new(mapping);
    world.repo.put("docs/a.md", Some("# a\n\nText of a.\n"));
    let mut last: Option<Snapshot> = None;
    let pages = Shown::new(world.pages.clone()).reading(move |read| {
        if let Some(before) = &last
            && *behind.behind.lock().unwrap()
            && read.observed_at - before.observed_at <= Duration::seconds(BEHIND)
        {
            let now = std::mem::replace(read, before.clone());
            read.observed_at = now.observed_at;
            let gone = |read: &Snapshot| matches!(read.presence, Presence::Gone(_));
            if !gone(read) && gone(&now) {
                *behind.shown.lock().unwrap() = true;
            }
        } else {
            last = Some(read.clone());
        }
        Ok(())
    });
    let repo = Arc::new(world.repo.clone());
    seeing(&mut world, Arc::new(pages), repo);
    for _ in 0..4 {
        world.settle();
        world.pass(5);
    }
    assert_eq!(world.live(), 1);
    world
}

#[test]
fn a_page_that_was_removed_and_is_still_shown_brings_no_file_back() {
    let behind = Arc::new(Replica::default());
    let world = replicated(behind.clone());
    world.repo.put("docs/a.md", None);
    world.sweep();
    assert!(world.pages.live().is_empty(), "removed with its file");
    behind.is_behind(true);
    for _ in 0..6 {
        world.sweep();
        assert_eq!(world.repo.file("docs/a.md"), None, "nobody put it back");
        world.clock.advance(Duration::seconds(10));
    }
    behind.is_behind(false);
    world.pass(5);
    world.settle();
    assert_eq!(world.repo.file("docs/a.md"), None);
    assert!(behind.showed());
}

#[test]
fn a_page_that_is_restored_within_that_time_is_seen_when_it_is_over() {
    let behind = Arc::new(Replica::default());
    let world = replicated(behind);
    let page = world.pages.live().remove(0);
    world.repo.put("docs/a.md", None);
    world.sweep();
    world.pages.trash(&page, false);
    for _ in 0..4 {
        world.settle();
        world.pass(5);
    }
    assert!(
        world.repo.file("docs/a.md").is_some(),
        "it follows its page"
    );
}
