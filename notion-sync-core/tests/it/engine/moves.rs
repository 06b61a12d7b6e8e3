//! Files that move, and copies of them.

use notion_sync_core::mapping::Policy;
use notion_sync_core::record::{Life, Record};

use super::documents::paired;
use super::world::{World, body, documents, rewrite};

/// A pair whose file has its mark: it was really edited.
fn marked() -> (World, String) {
    let (world, page) = paired(Policy::ManualReview);
    world.pass(10);
    world
        .pages
        .edit_body(&page, |body| rewrite(body, "First line.", "Edited"));
    world.settle();
    (world, page)
}

#[test]
fn a_renamed_file_keeps_its_page() {
    let (world, page) = marked();
    world.pass(10);
    world.repo.rename("docs/guide.md", "docs/manual.md");
    world.settle();
    assert_eq!(world.pages.live(), [page]);
    assert_eq!(world.live(), 1);
    assert_eq!(
        world
            .records()
            .iter()
            .filter(|r| r.life == Life::Live)
            .count(),
        1
    );
}

/// A listing says only once that a file moved: where the rest of the pair cannot be read then, the
/// record has to remember it.
#[test]
fn a_renamed_file_keeps_its_page_when_the_page_is_not_read() {
    for mut reads_fail in [1, 3] {
        let (world, page) = paired(Policy::ManualReview);
        world.pass(10);
        world.repo.move_file("docs/guide.md", "docs/manual.md");
        world.pages.set_unread(true);
        while reads_fail > 0 {
            world.poll();
            world.pass(10);
            reads_fail -= 1;
        }
        world.pages.set_unread(false);
        world.settle();
        world.sweep();
        world.settle();
        assert_eq!(world.pages.live(), std::slice::from_ref(&page));
        assert_eq!((world.live(), world.records().len()), (1, 1));
        world
            .pages
            .edit_body(&page, |body| rewrite(body, "First line.", "Edited"));
        world.settle();
        assert_eq!(world.repo.file("docs/guide.md"), None);
        assert!(
            world
                .repo
                .file("docs/manual.md")
                .unwrap()
                .contains("Edited")
        );
    }
}

/// A new page that cannot be read holds back the listing of pages, not that of files: otherwise the
/// next listing of files starts anew, and does not know what moved in between.
#[test]
fn a_file_that_moves_before_every_page_was_read_keeps_its_page() {
    let world = World::new(documents(Policy::ManualReview));
    world
        .repo
        .put("docs/guide.md", Some("# Guide\n\nFirst line.\n"));
    world.pages.create("Unread", body(&["Something."]));
    world.pages.set_unread(true);
    world.poll();
    assert_eq!(world.pages.live().len(), 2);
    world.pass(10);
    world.pages.set_unread(false);
    world.repo.move_file("docs/guide.md", "docs/manual.md");
    world.settle();
    world.sweep();
    world.settle();
    assert_eq!(world.pages.live().len(), 2);
    let records = world.records();
    let file = |path: &str| {
        let holds = |r: &&Record| r.github.as_ref().is_some_and(|object| object.id == path);
        records.iter().filter(holds).count()
    };
    assert_eq!((file("docs/guide.md"), file("docs/manual.md")), (0, 1));
}

#[test]
fn a_copied_file_is_reported_and_left_alone() {
    let (world, _) = marked();
    let text = world.repo.file("docs/guide.md").unwrap();
    world.repo.put("docs/copy.md", Some(&text));
    world.settle();
    assert_eq!(world.pages.live().len(), 1);
    assert_eq!(
        world.repo.file("docs/copy.md").as_deref(),
        Some(text.as_str())
    );
}
