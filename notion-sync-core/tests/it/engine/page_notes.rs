//! What the page shows of the sync takes as few writes as possible.

use notion_sync_core::mapping::Policy;

use notion_sync_core::value::Value;

use super::world::{World, body, documents, plain, rewrite, tasks};

pub(in crate::engine) const FILE: &str =
    "---\nowner: Ada\n---\n# Guide\n\nFirst line.\n\nSecond line.\n";

/// A file and its page, which shows the state of the sync.
pub(in crate::engine) fn noted() -> (World, String) {
    let mut world = World::new(documents(Policy::ManualReview));
    world.pages = world.pages.clone().with_bookkeeping();
    world.restart();
    world.repo.put("docs/guide.md", Some(FILE));
    world.settle();
    world.pass(10);
    world.settle();
    let page = world.pages.live().remove(0);
    (world, page)
}

/// A file and its page are edited in the same look: the commit is written first, and what came of it
/// goes into the write of the page that still waits. A write of its own for that made two of it.
#[test]
fn what_came_of_a_write_goes_into_the_write_of_the_page_that_waits() {
    let (world, page) = noted();
    let before = world.pages.writes().len();
    world
        .pages
        .edit_body(&page, |body| rewrite(body, "First line.", "Line one."));
    let file = FILE.replace("Second line.", "Line two.");
    world.repo.put("docs/guide.md", Some(&file));
    world.settle();
    world.pass(10);
    world.settle();
    let writes = world.pages.writes();
    let written: Vec<&str> = writes[before..].iter().map(|write| write.what).collect();
    assert_eq!(written, ["update"]);
    assert_eq!(plain(&world.pages.body(&page)), ["Line one.", "Line two."]);
    let shown = world.pages.bookkeeping(&page);
    assert_eq!(shown["commit"], world.records()[0].outcome["commit"]);
    assert_eq!(shown["status"], "Success");
}

/// What stands on the page of its issue is what the issue says now, whoever closed it, and stays so.
#[test]
fn the_page_shows_whether_its_issue_is_open() {
    let mut world = World::new(tasks(Policy::ManualReview));
    world.pages = world.pages.clone().with_bookkeeping();
    world.restart();
    let page = world.pages.create("Ship it", body(&["Now."]));
    world.settle();
    world.pass(10);
    world.settle();
    let number = world.repo.numbers()[0];
    assert_eq!(world.pages.bookkeeping(&page)["state"], "open");
    for state in ["closed", "open", "closed"] {
        world.repo.set_issue(number, "state", Value::text(state));
        for _ in 0..3 {
            world.pass(10);
            world.settle();
            assert_eq!(world.pages.bookkeeping(&page)["state"], state);
        }
    }
    world.pass(60);
    assert_eq!(world.settle(), 0);
}

/// The commit that the page names is that of what it says last: of the merge that made its file, of ours, and of
/// those of people.
#[test]
fn the_page_names_the_commit_of_what_it_says() {
    let mut world = World::new(documents(Policy::ManualReview));
    world.pages = world.pages.clone().with_bookkeeping();
    world.restart();
    let page = world.pages.create("Guide", body(&["First line."]));
    world.settle();
    world.repo.merge(world.repo.pulls("open")[0]);
    let shown = |world: &World| {
        for _ in 0..2 {
            world.pass(10);
            world.settle();
        }
        let commit = world.pages.bookkeeping(&page).get("commit").cloned();
        commit.unwrap_or_default()
    };
    let merged = shown(&world);
    assert_eq!(merged, world.repo.head());
    (world.pages).edit_body(&page, |body| rewrite(body, "First line.", "Line one."));
    let ours = shown(&world);
    assert_eq!(ours, world.repo.head());
    assert_ne!(ours, merged);
    let path = world.repo.paths().remove(0);
    let file = world.repo.file(&path).unwrap();
    world
        .repo
        .put(&path, Some(&file.replace("Line one.", "Line 1.")));
    assert_eq!(shown(&world), world.repo.head());
    assert_eq!(plain(&world.pages.body(&page)), ["Line 1."]);
    // A commit to another file says nothing of this one.
    let theirs = world.repo.head();
    world.repo.put("README.md", Some("Read me.\n"));
    assert_eq!(shown(&world), theirs);
}

/// Who reads that something has to be decided also reads what, and where.
#[test]
fn the_page_says_where_a_conflict_is_decided() {
    let (world, page) = noted();
    (world.pages).edit_body(&page, |body| rewrite(body, "First line.", "From Notion"));
    let file = FILE.replace("First line.", "From GitHub");
    world.repo.put("docs/guide.md", Some(&file));
    world.settle();
    world.pass(10);
    world.settle();
    let pull = world.repo.pulls("open")[0];
    let shown = world.pages.bookkeeping(&page);
    assert_eq!(shown["status"], "Error");
    assert_eq!(
        shown["message"],
        format!(
            "both sides changed the text: decide which one stays in https://github.example/pull/{pull}"
        )
    );
    world.pass(60);
    assert_eq!(world.settle(), 0);
}
