//! What must be readable before absence means anything.

use futures::executor::block_on;
use notion_sync_core::id::Side;
use notion_sync_core::mapping::{Canary, Guard, Mapping, Policy, Sentinel};
use notion_sync_core::record::Life;
use notion_sync_core::state::State;

use super::world::{World, body, documents, rewrite, tasks};

/// Documents `a`, `b` and the sentinel's own pair, at rest.
fn watched(policy: Policy) -> (World, Vec<String>, String) {
    let mut mapping = documents(policy);
    mapping.delete_by_proposal = false;
    let mut world = World::new(mapping.clone());
    for name in ["a", "b", "watch"] {
        let text = format!("# {name}\n\nText of {name}.\n");
        world.repo.put(&format!("docs/{name}.md"), Some(&text));
    }
    world.settle();
    world.pass(10);
    world.settle();
    let page = |name: &str| {
        let pages = world.pages.live();
        let titled = |page: &&String| world.pages.field(page, "title").as_text() == Some(name);
        pages.iter().find(titled).unwrap().clone()
    };
    let (pages, watch) = (vec![page("a"), page("b")], page("watch"));
    world.mapping = mapping.with_sentinel(Sentinel {
        notion: Some(Canary::new(&watch, "Text of watch.")),
        github: Some(Canary::new("docs/watch.md", "Text of watch.")),
    });
    world.restart();
    world.settle();
    (world, pages, watch)
}

fn doubts(world: &World) -> Vec<(Side, String)> {
    let state = block_on(State::new(&*world.store).mapping(&world.mapping.id)).unwrap();
    let doubts = state.value.doubts.iter();
    doubts
        .map(|(side, doubt)| (*side, doubt.why.clone()))
        .collect()
}

/// Some polls: what is held is looked at again and again, so that nothing ever rests.
fn turns(world: &World) {
    for _ in 0..6 {
        world.poll();
        world.pass(10);
    }
}

fn lives(world: &World) -> usize {
    let records = world.records();
    records.iter().filter(|one| one.life == Life::Live).count()
}

#[test]
fn a_deletion_is_taken_over_where_the_sentinel_is_readable() {
    let (world, pages, _) = watched(Policy::ManualReview);
    world.pages.trash(&pages[0], true);
    world.pass(5);
    world.sweep();
    world.settle();
    assert_eq!(world.repo.file("docs/a.md"), None);
    assert!(doubts(&world).is_empty());
    world.repo.put("docs/b.md", None);
    world.pass(5);
    world.settle();
    assert_eq!(world.pages.live().len(), 1, "only the sentinel is left");
}

#[test]
fn nothing_is_removed_while_the_page_is_not_readable() {
    let (world, pages, watch) = watched(Policy::NotionWins);
    // The wrong account: one page says that it is in the trash, and the sentinel is not shared.
    world.pages.share(&watch, false);
    world.pages.trash(&pages[0], true);
    world.pass(5);
    let tick = world.sweep();
    let report = &tick.mappings[0];
    assert_eq!(report.doubts.len(), 1, "{report:?}");
    let told = |tick: &notion_sync_core::engine::Tick| {
        let incidents = tick.mappings.iter().flat_map(|one| &one.incidents);
        incidents
            .filter(|one| one.message.contains("sentinel"))
            .count()
    };
    assert_eq!(told(&tick), 1);
    turns(&world);
    assert_eq!(told(&world.sweep()), 0, "told once");
    assert!(world.repo.file("docs/a.md").is_some());
    assert_eq!(lives(&world), 3);
    let known = doubts(&world);
    assert!(
        matches!(known.as_slice(), [(Side::Notion, why)] if why.contains(&watch)),
        "{known:?}"
    );
    // Edits go on: they prove nothing about absence and need no proof.
    world
        .pages
        .edit_body(&pages[1], |body| rewrite(body, "Text of b.", "Edited"));
    turns(&world);
    assert!(world.repo.file("docs/b.md").unwrap().contains("Edited"));

    world.pages.share(&watch, true);
    world.sweep();
    world.pass(60);
    world.settle();
    assert!(doubts(&world).is_empty());
    assert_eq!(world.repo.file("docs/a.md"), None, "it was removed indeed");
}

#[test]
fn an_emptied_branch_removes_no_page() {
    for (what, text) in [
        ("gone", None),
        ("other", Some("# watch\n\nA fresh start.\n")),
    ] {
        let (world, _, _) = watched(Policy::GithubWins);
        world.repo.put("docs/watch.md", text);
        world.repo.put("docs/a.md", None);
        world.pass(5);
        turns(&world);
        assert_eq!(world.pages.live().len(), 3, "{what}");
        let plans = block_on(world.engine.plan(false)).unwrap();
        let why = &plans[0].doubts[&Side::Github];
        assert!(why.contains("docs/watch.md"), "{why}");
        // With what it should say the absence of the other is believed.
        world
            .repo
            .put("docs/watch.md", Some("# watch\n\nText of watch.\n"));
        world.pass(60);
        world.settle();
        let plans = block_on(world.engine.plan(false)).unwrap();
        assert!(plans[0].doubts.is_empty());
        assert_eq!(world.pages.live().len(), 2, "{what}");
    }
}

/// A closed issue is there: it says something, and needs no proof.
#[test]
fn a_state_is_no_absence() {
    let mut mapping: Mapping = tasks(Policy::ManualReview);
    mapping.sentinel.github = Some(Canary::new("99", "never"));
    let mut world = World::new(mapping);
    world.guard(Guard::default());
    world.restart();
    let page = world.pages.create("Fix login", body(&["Steps"]));
    world.settle();
    let number = world.repo.numbers()[0];
    world.pass(10);
    let closed = notion_sync_core::value::Value::text("closed");
    world.repo.set_issue(number, "state", closed);
    world.settle();
    let shown = world.pages.field(&page, "state");
    assert_eq!(shown, notion_sync_core::value::Value::text("Done"));
    let plans = block_on(world.engine.plan(false)).unwrap();
    assert!(plans[0].doubts.contains_key(&Side::Github), "a plan looks");
}
