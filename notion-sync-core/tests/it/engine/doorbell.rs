//! A doorbell carries no work: what is lost, doubled or late changes nothing but the delay.

use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use futures::FutureExt as _;
use futures::executor::block_on;
use futures::future::ready;
use notion_sync_core::Result;
use notion_sync_core::doorbell::{Doorbell, LocalDoorbell, Ring};
use notion_sync_core::engine::Budget;
use notion_sync_core::event::ChangeEvent;
use notion_sync_core::mapping::Policy;
use serde_json::json;

use super::world::{World, documents, rewrite};

const FILE: &str = "# Guide\n\nText.\n";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Heard,
    Lost,
    Doubled,
    /// Heard with the next one.
    Late,
}

/// A doorbell over something that does with rings what it likes.
#[derive(Debug)]
struct Unreliable {
    inner: LocalDoorbell,
    fate: Fate,
    held: Mutex<Vec<Ring>>,
}

#[async_trait]
impl Doorbell for Unreliable {
    async fn ring(&self, rings: &[Ring]) -> Result<()> {
        match self.fate {
            Fate::Heard => self.inner.ring(rings).await,
            Fate::Lost => Ok(()),
            Fate::Doubled => {
                self.held.lock().unwrap().extend(rings.iter().cloned());
                self.inner.ring(rings).await
            }
            Fate::Late => {
                let late = std::mem::replace(&mut *self.held.lock().unwrap(), rings.to_vec());
                self.inner.ring(&late).await
            }
        }
    }

    async fn wait(&self, at_most: Duration) -> Result<Vec<Ring>> {
        let rung = self.inner.wait(at_most).await?;
        if self.fate == Fate::Doubled {
            // Shown again after it was answered.
            let again = std::mem::take(&mut *self.held.lock().unwrap());
            self.inner.ring(&again).await?;
        }
        Ok(rung)
    }
}

fn hint(number: usize, page: &str) -> ChangeEvent {
    serde_json::from_value(json!({
        "id": format!("delivery-{number}"), "side": "notion", "mapping": "handbook",
        "detected": "webhook", "detected_at": "2026-11-21T09:00:05Z",
        "object": {"system": "notion", "kind": "page", "id": page},
    }))
    .unwrap()
}

/// A worker that hears rings, and looks at the latest when its last tick said. What the file says in the
/// end, how many writes that took, and how long they took on the average, in seconds.
fn worked(fate: Fate) -> (String, usize, i64) {
    let world = World::new(documents(Policy::ManualReview));
    world.repo.put("docs/guide.md", Some(FILE));
    world.settle();
    world.pass(10);
    world.settle();
    let page = world.pages.live().remove(0);
    let before = world.repo.writes().len();
    let bell = Unreliable {
        inner: LocalDoorbell::new(|_| ready(()).boxed()),
        fate,
        held: Mutex::default(),
    };
    let tick = |world: &World| {
        let tick = block_on(world.engine.tick(Budget::default())).unwrap();
        tick.next_due.unwrap()
    };
    let mut delay = 0;
    let mut said = "Text.".to_owned();
    for number in 0..3 {
        let mut due = tick(&world);
        let text = format!("Edit {number}");
        world
            .pages
            .edit_body(&page, |body| rewrite(body, &said, &text));
        said.clone_from(&text);
        let since = world.engine_time();
        block_on(world.engine.ingest(hint(number, &page))).unwrap();
        block_on(bell.ring(&[Ring::hints(Some(world.mapping.id.clone()))])).unwrap();
        for turn in 0.. {
            assert!(turn < 100, "{fate:?}: the edit is never written");
            let rung = block_on(bell.wait(Duration::from_secs(60))).unwrap();
            if rung.is_empty() {
                // Nobody rang: the time that the last tick named has come.
                world.clock.advance_to(due.max(world.engine_time()));
            }
            due = tick(&world);
            let file = world.repo.file("docs/guide.md").unwrap();
            if file.contains(&text) {
                break;
            }
        }
        delay += (world.engine_time() - since).num_seconds();
        world.pass(10);
        world.settle();
    }
    let file = world.repo.file("docs/guide.md").unwrap();
    // The revision above it is a time.
    let text = file.split("---").last().unwrap_or_default();
    (
        text.to_owned(),
        world.repo.writes().len() - before,
        delay / 3,
    )
}

#[test]
fn what_happens_to_rings_changes_nothing_but_the_delay() {
    let (file, writes, heard) = worked(Fate::Heard);
    assert!(
        file.contains("Edit 2") && !file.contains("Edit 1"),
        "{file}"
    );
    assert_eq!(writes, 3);
    for fate in [Fate::Doubled, Fate::Late, Fate::Lost] {
        let (same_file, same_writes, delay) = worked(fate);
        assert_eq!((&same_file, same_writes), (&file, writes), "{fate:?}");
        assert!(
            delay >= heard,
            "{fate:?}: {delay} s, {heard} s where all are heard"
        );
    }
}
