//! What a look reads, and what it says that it found.

use std::sync::Arc;

use futures::executor::block_on;
use notion_sync_core::comment::CommentSync;
use notion_sync_core::engine::Engine;
use notion_sync_core::mapping::Policy;
use notion_sync_core::record::Life;
use notion_sync_testkit::model::{ModelFault, ModelRepository};

use super::super::comments::{paired, talking};
use super::super::world::{World, body, documents, plain, rewrite, tasks};
use super::{binding, contents, found};

/// Two documents, at rest.
fn resting() -> World {
    let world = World::new(documents(Policy::NotionWins));
    for name in ["a", "b"] {
        let text = format!("# {name}\n\nText of {name}.\n");
        world.repo.put(&format!("docs/{name}.md"), Some(&text));
    }
    rest(&world);
    world
}

fn rest(world: &World) {
    for _ in 0..3 {
        world.settle();
        world.pass(30);
    }
    assert_eq!(world.settle(), 0);
}

fn page(world: &World, title: &str) -> String {
    let pages = world.pages.live();
    let titled = |page: &&String| world.pages.field(page, "title").as_text() == Some(title);
    pages.iter().find(titled).unwrap().clone()
}

#[test]
fn a_look_says_how_many_objects_are_new_moved_or_gone() {
    let world = resting();
    assert_eq!(found(&world.poll(), 0), (0, 0));
    let a = page(&world, "a");
    (world.pages).edit_body(&a, |body| rewrite(body, "Text of a.", "Text of A."));
    assert_eq!(found(&world.poll(), 0), (1, 0));
    rest(&world);
    assert_eq!(found(&world.poll(), 0), (0, 0));
    world.repo.put("docs/a.md", None);
    world.repo.put("docs/b.md", Some("# b\n\nText of B.\n"));
    world.repo.put("docs/c.md", Some("# c\n\nText of c.\n"));
    assert_eq!(found(&world.poll(), 0), (0, 3));
}

#[test]
fn a_full_listing_says_of_nothing_that_it_moved() {
    let world = resting();
    world.repo.put("docs/c.md", Some("# c\n\nText of c.\n"));
    world.pages.create("d", body(&["Text of d."]));
    assert_eq!(found(&world.sweep(), 0), (0, 0));
    rest(&world);
    assert!(page(&world, "c") != page(&world, "d"), "both were found");
}

#[test]
fn objects_of_another_mapping_are_not_counted_and_not_read() {
    let mut world = resting();
    let mut second = world.mapping.clone();
    // It comes first, so that nothing is known yet of what moved.
    second.id = "another".into();
    let pages = Arc::new(world.pages.clone());
    let other = ModelRepository::files(world.clock.clone());
    world.engine = Engine::new(world.store.clone(), world.clock.clone())
        .with_mapping(binding(
            &world.mapping,
            pages.clone(),
            Arc::new(world.repo.clone()),
        ))
        .with_mapping(binding(&second, pages, Arc::new(other.clone())));
    rest(&world);
    let a = page(&world, "a");
    (world.pages).edit_body(&a, |body| rewrite(body, "Text of a.", "Text of A."));
    let tick = world.poll();
    assert_eq!(tick.mappings[0].mapping, second.id);
    assert_eq!((found(&tick, 0), found(&tick, 1)), ((0, 0), (1, 0)));
    assert_eq!(
        (tick.mappings[0].observed, tick.mappings[1].observed),
        (0, 1)
    );
    assert!(other.paths().is_empty());
}

#[test]
fn a_file_whose_text_is_listed_is_not_read_as_well() {
    let world = resting();
    let (_, before) = contents(&world);
    world.repo.put("docs/b.md", Some("# b\n\nText of B.\n"));
    world.repo.put("docs/c.md", Some("# c\n\nText of c.\n"));
    assert_eq!(found(&world.poll(), 0), (0, 2));
    assert_eq!(contents(&world).1, before);
    rest(&world);
    assert_eq!(plain(&world.pages.body(&page(&world, "b"))), ["Text of B."]);
}

#[test]
fn a_full_listing_reads_neither_what_did_not_move_nor_what_is_buried() {
    let world = resting();
    world.repo.put("docs/b.md", None);
    rest(&world);
    world.sweep();
    rest(&world);
    let lives: Vec<Life> = world.records().iter().map(|record| record.life).collect();
    assert!(lives.contains(&Life::Tombstone) && lives.contains(&Life::Live));
    let before = contents(&world);
    world.sweep();
    assert_eq!(contents(&world), before);
}

#[test]
fn a_side_that_lists_nothing_is_believed_only_where_each_object_says_itself_that_it_is_gone() {
    let world = World::new(tasks(Policy::ManualReview));
    let pages = ["one", "two"].map(|title| world.pages.create(title, body(&[title])));
    rest(&world);
    let guard = |world: &World| world.sweep().mappings[0].guard.clone();
    assert_eq!(guard(&world), None);
    for page in &pages {
        world.pages.share(page, false);
    }
    let why = guard(&world).unwrap();
    assert!(
        why.contains("Notion lists nothing, but 2 pairs are known"),
        "{why}"
    );
    for page in &pages {
        world.pages.share(page, true);
    }
    rest(&world);
    for page in &pages {
        world.pages.trash(page, true);
    }
    assert_eq!(guard(&world), None);
    rest(&world);
    assert_eq!(world.live(), 0);
    // Nothing lives there any more.
    assert_eq!(guard(&world), None);
}

#[test]
fn a_page_that_never_had_a_partner_does_not_make_its_side_look_emptied() {
    let world = World::new(tasks(Policy::ManualReview));
    let page = world.pages.create("one", body(&["one"]));
    world.repo.fail([ModelFault::Refused; 3]);
    world.poll();
    let lives: Vec<Life> = world.records().iter().map(|record| record.life).collect();
    assert_eq!(lives, [Life::Provisioning]);
    world.pages.share(&page, false);
    world.pass(10);
    let tick = world.sweep();
    assert_eq!(
        (tick.mappings[0].observed, &tick.mappings[0].guard),
        (1, &None)
    );
}

#[test]
fn nobody_asks_for_comments_of_a_pair_of_which_one_side_is_gone() {
    let (world, page, _) = paired(CommentSync::default());
    let comments = || world.pages.reads().comments + world.repo.reads().comments;
    let asked = || {
        let before = comments();
        block_on(world.engine.plan(true)).unwrap();
        comments() - before
    };
    assert!(asked() > 0);
    world.pages.trash(&page, true);
    assert_eq!(asked(), 0);
}

#[test]
fn nobody_asks_for_comments_while_a_service_asks_to_wait() {
    let world = World::new(talking(CommentSync::default()));
    let pages = ["one", "two"].map(|title| world.pages.create(title, body(&[title])));
    rest(&world);
    let comments = || world.pages.reads().comments + world.repo.reads().comments;
    let asked = || {
        let before = comments();
        block_on(world.engine.plan(false)).unwrap();
        comments() - before
    };
    assert!(asked() > 0);
    (world.pages).edit_body(&pages[0], |body| rewrite(body, "one", "One"));
    world.pages.set_unread(true);
    assert_eq!(asked(), 0);
    world.pages.set_unread(false);
    assert!(asked() > 0);
}
