//! What the page shows of the sync takes as few writes as possible.

use notion_sync_core::mapping::Policy;

use super::world::{World, documents, plain, rewrite};

const FILE: &str = "---\nowner: Ada\n---\n# Guide\n\nFirst line.\n\nSecond line.\n";

/// A file and its page are edited in the same look: the commit is written first, and what came of it
/// goes into the write of the page that still waits. A write of its own for that made two of it.
#[test]
fn what_came_of_a_write_goes_into_the_write_of_the_page_that_waits() {
    let mut world = World::new(documents(Policy::ManualReview));
    world.pages = world.pages.clone().with_bookkeeping();
    world.restart();
    world.repo.put("docs/guide.md", Some(FILE));
    world.settle();
    world.pass(10);
    world.settle();
    let page = world.pages.live().remove(0);
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
