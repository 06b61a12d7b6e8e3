//! What a look lists and reads, what it leaves alone, and what it makes of a world that moves meanwhile.

mod clock;
mod lag;
pub(super) mod limits;
mod meanwhile;
mod outcomes;
mod reads;
mod replica;
mod restored;
pub(super) mod shown;
mod sweep;

use std::sync::Arc;

use notion_sync_core::engine::{Binding, Engine, Tick};
use notion_sync_core::id::Side;
use notion_sync_core::mapping::{Guard, Mapping, People};
use notion_sync_core::remote::Remote;

use super::world::World;

/// How many objects of Notion and GitHub a look found new or moved.
fn found(tick: &Tick, mapping: usize) -> (usize, usize) {
    let on = |side: Side| tick.mappings[mapping].found.get(&side).copied();
    (
        on(Side::Notion).unwrap_or_default(),
        on(Side::Github).unwrap_or_default(),
    )
}

fn contents(world: &World) -> (usize, usize) {
    (world.pages.reads().contents, world.repo.reads().contents)
}

fn binding(mapping: &Mapping, notion: Arc<dyn Remote>, github: Arc<dyn Remote>) -> Binding {
    Binding {
        mapping: mapping.clone(),
        notion,
        github,
        people: People::default(),
    }
}

/// A new engine over the same store, that sees these sides.
pub(super) fn seeing(world: &mut World, notion: Arc<dyn Remote>, github: Arc<dyn Remote>) {
    world.engine = Engine::new(world.store.clone(), world.clock.clone())
        .with_guard(Guard {
            removals: 100,
            edits: 100,
            ..Guard::default()
        })
        .with_mapping(binding(&world.mapping, notion, github));
}
