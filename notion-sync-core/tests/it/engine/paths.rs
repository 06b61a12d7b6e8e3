//! Files that follow the title of their page.

use futures::executor::block_on;
use notion_sync_core::id::Side;
use notion_sync_core::mapping::{Deliver, FileMarker, PathPolicy, Policy};
use notion_sync_core::record::UnitId;
use notion_sync_core::value::Value;

use super::world::{World, body, documents, rewrite};

fn world(paths: PathPolicy, deliver: Deliver) -> (World, String) {
    let mut mapping = documents(Policy::ManualReview);
    mapping.path_policy = paths;
    mapping.deliver = deliver;
    let world = World::new(mapping);
    world.repo.put(
        "docs/guide.md",
        Some("# Guide\n\nFirst line.\n\nSecond line.\n"),
    );
    world.settle();
    world.pass(10);
    let page = world.pages.live()[0].clone();
    (world, page)
}

fn following() -> (World, String) {
    world(PathPolicy::FollowTitle, Deliver::Commit)
}

fn rename(world: &World, page: &str, title: &str) {
    world.pages.set(page, "title", Value::text(title));
}

fn rests(world: &World) {
    world.pass(10);
    assert_eq!(world.settle(), 0, "a second run writes nothing");
}

#[test]
fn a_path_is_stable_unless_it_shall_follow() {
    let (world, page) = world(PathPolicy::Stable, Deliver::Commit);
    rename(&world, &page, "New guide");
    world.settle();
    assert_eq!(world.repo.paths(), ["docs/guide.md"]);
    rests(&world);
}

#[test]
fn a_file_follows_the_title_in_the_commit_that_writes_it() {
    let (world, page) = following();
    rename(&world, &page, "New guide");
    world
        .pages
        .edit_body(&page, |body| rewrite(body, "First line.", "First, edited."));
    world.settle();
    assert_eq!(world.repo.paths(), ["docs/new-guide.md"]);
    let text = world.repo.file("docs/new-guide.md").unwrap();
    assert!(text.contains("# New guide\n\nFirst, edited.\n"), "{text}");
    assert_eq!(world.repo.commits().len(), 1);
    let record = &world.records()[0];
    assert_eq!(record.path.as_deref(), Some("docs/new-guide.md"));
    rests(&world);
    // It is the same pair: an edit of the file reaches the page.
    world
        .repo
        .put("docs/new-guide.md", Some(&text.replace("Second", "Last")));
    world.settle();
    assert_eq!(
        super::world::plain(&world.pages.body(&page))[1],
        "Last line."
    );
    rests(&world);
}

#[test]
fn an_edit_of_a_file_that_was_just_moved_is_seen() {
    let (world, page) = following();
    rename(&world, &page, "New guide");
    world.poll();
    assert_eq!(world.repo.paths(), ["docs/new-guide.md"]);
    let text = world.repo.file("docs/new-guide.md").unwrap();
    let edited = text.replace("First line.", "First, edited.");
    world.repo.put("docs/new-guide.md", Some(&edited));
    world.settle();
    assert_eq!(
        super::world::plain(&world.pages.body(&page))[0],
        "First, edited."
    );
    assert_eq!(world.live(), 1);
    rests(&world);
}

#[test]
fn a_title_that_people_write_into_the_file_moves_nothing() {
    let (world, page) = following();
    let text = world.repo.file("docs/guide.md").unwrap();
    world
        .repo
        .put("docs/guide.md", Some(&text.replace("# Guide", "# Manual")));
    world.settle();
    assert_eq!(world.pages.field(&page, "title"), Value::text("Manual"));
    assert_eq!(world.repo.paths(), ["docs/guide.md"]);
    rests(&world);
}

#[test]
fn a_taken_path_gets_a_suffix() {
    let (world, page) = following();
    world
        .repo
        .put("docs/manual.md", Some("# Manual\n\nAnother.\n"));
    world.settle();
    world.pass(10);
    rename(&world, &page, "Manual");
    world.settle();
    let paths = world.repo.paths();
    assert_eq!(paths.len(), 2);
    assert!(
        paths[0].starts_with("docs/manual-") || paths[1].starts_with("docs/manual-"),
        "{paths:?}"
    );
    assert!(
        world
            .repo
            .file("docs/manual.md")
            .unwrap()
            .contains("Another.")
    );
    rests(&world);
}

#[test]
fn in_a_pull_request_the_file_moves_as_well() {
    let (world, page) = world(PathPolicy::FollowTitle, Deliver::PullRequest);
    rename(&world, &page, "New guide");
    world.settle();
    let pulls = world.repo.pulls("open");
    assert_eq!(pulls.len(), 1);
    world.repo.merge(pulls[0]);
    world.pass(10);
    world.settle();
    assert_eq!(world.repo.paths(), ["docs/new-guide.md"]);
    assert_eq!(world.live(), 1);
    rests(&world);
}

#[test]
fn renamed_and_moved_to_different_places_waits_for_a_person() {
    for stays in Side::BOTH {
        let (world, page) = following();
        // The file carries its page, so that it is known again where it was moved.
        world
            .pages
            .edit_body(&page, |body| rewrite(body, "First line.", "First, edited."));
        world.settle();
        world.pass(10);
        world.repo.rename("docs/guide.md", "docs/moved.md");
        rename(&world, &page, "New guide");
        world.pages.edit_body(&page, |body| {
            rewrite(body, "Second line.", "Second, edited.")
        });
        world.settle();
        let record = world.records()[0].clone();
        assert_eq!(
            record.conflicts.keys().collect::<Vec<_>>(),
            [&UnitId::Path],
            "only the path waits"
        );
        let text = world.repo.file("docs/moved.md").unwrap();
        assert!(
            text.contains("# New guide") && text.contains("Second, edited."),
            "{text}"
        );
        assert!(world.repo.pulls("open").is_empty());
        rests(&world);
        block_on(world.engine.settle_conflicts(&record.id, stays)).unwrap();
        world.settle();
        let place = match stays {
            Side::Notion => "docs/new-guide.md",
            Side::Github => "docs/moved.md",
        };
        assert_eq!(world.repo.paths(), [place]);
        assert_eq!(world.conflicts(), 0);
        rests(&world);
    }
}

#[test]
fn moved_to_where_the_title_says_is_agreed() {
    let (world, page) = following();
    world
        .pages
        .edit_body(&page, |body| rewrite(body, "First line.", "First, edited."));
    world.settle();
    world.pass(10);
    world.repo.rename("docs/guide.md", "docs/new-guide.md");
    rename(&world, &page, "New guide");
    world.settle();
    assert_eq!(world.conflicts(), 0);
    assert_eq!(world.repo.paths(), ["docs/new-guide.md"]);
    rests(&world);
}

#[test]
fn a_path_that_is_proposed_is_taken() {
    let mut mapping = documents(Policy::ManualReview);
    mapping.file_marker = FileMarker::None;
    let world = World::new(mapping);
    world.pages.create("Plan", body(&["One"]));
    world.settle();
    world.pages.create("Plan", body(&["Two"]));
    world.settle();
    let pulls = world.repo.pulls("open");
    assert_eq!(pulls.len(), 2);
    // It is proposed where it was, however often it is looked at.
    for page in world.pages.live() {
        world.pages.edit_body(&page, |body| {
            rewrite(body, "One", "One, edited.");
            rewrite(body, "Two", "Two, edited.");
        });
    }
    world.pass(30);
    world.settle();
    assert_eq!(world.repo.pulls("open"), pulls);
    // Merged before we hear of it: the next page of that title does not get the path either.
    world.repo.merge(pulls[0]);
    world.pages.create("Plan", body(&["Three"]));
    world.settle();
    for pull in world.repo.pulls("open") {
        world.repo.merge(pull);
    }
    world.pass(30);
    world.settle();
    let paths = world.repo.paths();
    assert_eq!(paths.len(), 3, "{paths:?}");
    assert_eq!(
        paths.iter().filter(|path| *path == "docs/plan.md").count(),
        1
    );
    assert_eq!((world.live(), world.conflicts()), (3, 0));
    let first = world.repo.file("docs/plan.md").unwrap();
    assert!(first.contains("One, edited."), "{first}");
    rests(&world);
}

#[test]
fn a_path_that_was_refused_is_free_for_others() {
    let world = World::new(documents(Policy::ManualReview));
    let first = world.pages.create("Plan", body(&["One"]));
    world.settle();
    world.repo.close_pull(world.repo.pulls("open")[0]);
    world.pass(30);
    world.settle();
    world.pages.create("Plan", body(&["Two"]));
    world.settle();
    // A new edit proposes the first again.
    world
        .pages
        .edit_body(&first, |body| rewrite(body, "One", "One, edited."));
    world.pass(30);
    world.settle();
    let pulls = world.repo.pulls("open");
    assert_eq!(pulls.len(), 2);
    for pull in pulls {
        world.repo.merge(pull);
    }
    world.pass(30);
    world.settle();
    let paths = world.repo.paths();
    assert_eq!(paths.len(), 2, "{paths:?}");
    assert!(world.repo.file("docs/plan.md").unwrap().contains("Two"));
    assert_eq!((world.live(), world.conflicts()), (2, 0));
    rests(&world);
}

#[test]
fn a_move_that_is_proposed_takes_its_place() {
    let (world, page) = self::world(PathPolicy::FollowTitle, Deliver::PullRequest);
    rename(&world, &page, "Manual");
    world.settle();
    world.pages.create("Manual", body(&["Another."]));
    world.settle();
    let pulls = world.repo.pulls("open");
    assert_eq!(pulls.len(), 2);
    // Refreshed, it moves to the same place.
    world
        .pages
        .edit_body(&page, |body| rewrite(body, "First line.", "First, edited."));
    world.pass(30);
    world.settle();
    assert_eq!(world.repo.pulls("open"), pulls);
    for pull in pulls {
        world.repo.merge(pull);
    }
    world.pass(30);
    world.settle();
    let paths = world.repo.paths();
    assert_eq!(paths.len(), 2, "{paths:?}");
    let moved = world.repo.file("docs/manual.md").unwrap();
    assert!(moved.contains("First, edited."), "{moved}");
    assert_eq!((world.live(), world.conflicts()), (2, 0));
    rests(&world);
}
