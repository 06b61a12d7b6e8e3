//! The kill switch.

use chrono::Utc;
use futures::executor::block_on;
use notion_sync_core::ErrorKind;
use notion_sync_core::audit::AuditEvent;
use notion_sync_core::mapping::{Guard, Policy};
use notion_sync_core::state::{Freeze, State};

use super::world::{World, documents, plain, rewrite};

fn freeze() -> Freeze {
    Freeze {
        since: "2026-11-21T09:00:00Z"
            .parse::<chrono::DateTime<Utc>>()
            .unwrap(),
        by: "ada".to_owned(),
        reason: "the handbook moves".to_owned(),
    }
}

fn edited() -> World {
    let world = World::new(documents(Policy::ManualReview));
    world.repo.put("docs/a.md", Some("# A\n\none\n"));
    world.settle();
    world.pass(10);
    let page = world.pages.live()[0].clone();
    world
        .pages
        .edit_body(&page, |body| rewrite(body, "one", "two"));
    world.pass(5);
    world
}

fn writes(world: &World) -> usize {
    world.pages.writes().len() + world.repo.writes().len()
}

#[test]
fn nothing_is_read_or_written_until_it_goes_on() {
    for one in [true, false] {
        let world = edited();
        let state = State::new(&*world.store);
        let mapping = one.then(|| world.mapping.id.clone());
        block_on(state.freeze(mapping.as_ref(), &freeze())).unwrap();
        let before = (writes(&world), world.pages.reads());
        for _ in 0..5 {
            let tick = world.poll();
            let why = tick.mappings[0].frozen.as_deref().unwrap();
            assert_eq!(
                why,
                "frozen by ada since 2026-11-21 09:00 UTC: the handbook moves"
            );
            world.pass(5);
        }
        assert_eq!(before, (writes(&world), world.pages.reads()));
        let id = world.records()[0].id.clone();
        let error = block_on(world.engine.stamp(&id)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Blocked, "{error}");
        // The first word stands.
        let other = Freeze {
            by: "bob".to_owned(),
            ..freeze()
        };
        block_on(state.freeze(mapping.as_ref(), &other)).unwrap();
        let stands = block_on(state.frozen(&world.mapping.id)).unwrap();
        assert_eq!(stands, Some(freeze()));
        assert!(block_on(state.unfreeze(mapping.as_ref(), "ada", world.engine_time())).unwrap());
        assert!(!block_on(state.unfreeze(mapping.as_ref(), "ada", world.engine_time())).unwrap());
        assert!(world.settle() > 0);
        assert!(world.repo.file("docs/a.md").unwrap().contains("two"));
        let rows = block_on(state.audit(None)).unwrap();
        let told = rows.iter().filter(|row| row.event == AuditEvent::Decision);
        let told: Vec<&str> = told.map(|row| row.summary.as_str()).collect();
        let first = "frozen by ada: the handbook moves";
        assert_eq!(told, [first, "ada lets writing go on"]);
        let proof = block_on(state.verify_audit(std::slice::from_ref(&world.mapping.id))).unwrap();
        assert!(proof.faults.is_empty(), "{proof:?}");
    }
}

#[test]
fn the_configuration_freezes_too() {
    let mut world = edited();
    world.guard(Guard {
        frozen: Some("an audit".to_owned()),
        ..Guard::default()
    });
    let tick = world.poll();
    let why = tick.mappings[0].frozen.as_deref();
    assert_eq!(why, Some("frozen by the configuration: an audit"));
    world.guard(Guard::default());
    assert!(world.settle() > 0);
    let page = world.pages.live()[0].clone();
    assert_eq!(plain(&world.pages.body(&page)), ["two"]);
}
