//! Parts of bodies that stay on their own side.

use notion_sync_core::document::{Block, Document};
use notion_sync_core::mapping::{KeepBelow, Mapping, Policy};

use super::world::{World, body, plain, rewrite, tasks};

const BELOW: &str = "## GitHub only\n* a\n*   b\n\n\n<details>x</details>   \n";

fn mapping() -> Mapping {
    Mapping {
        keep_below: KeepBelow {
            github: Some("## GitHub only".to_owned()),
            notion: Some("Notion only".to_owned()),
        },
        ..tasks(Policy::ManualReview)
    }
}

fn paired(text: &str) -> (World, String, u32) {
    let world = World::new(mapping());
    let number = world.repo.open_issue("Crash", text);
    world.settle();
    let page = world.pages.live()[0].clone();
    world.pass(10);
    assert_eq!(world.settle(), 0);
    (world, page, number)
}

fn push(world: &World, page: &str, lines: &[&str]) {
    world.pages.edit_body(page, |document: &mut Document| {
        document
            .blocks
            .extend(lines.iter().map(|line| Block::paragraph(*line)));
    });
}

#[test]
fn what_is_below_the_marker_of_an_issue_stays_there_byte_for_byte() {
    let (world, page, number) = paired(&format!("Shared\n\n{BELOW}"));
    assert_eq!(plain(&world.pages.body(&page)), ["Shared"]);
    world
        .pages
        .edit_body(&page, |body| rewrite(body, "Shared", "Shared!"));
    push(&world, &page, &["More"]);
    world.settle();
    assert_eq!(
        world.repo.issue_text(number),
        format!("Shared!\n\nMore\n\n{BELOW}")
    );
    world.pass(10);
    // Edits below are nobody's business.
    let edited = format!("Shared!\n\nMore\n\n{BELOW}more\n");
    world.repo.set_issue_text(number, &edited);
    assert_eq!(world.settle(), 0);
    assert_eq!(plain(&world.pages.body(&page)), ["Shared!", "More"]);
    assert_eq!(world.conflicts(), 0);
    // A page that loses everything leaves the part alone.
    world.pages.edit_body(&page, |body| body.blocks.clear());
    world.settle();
    assert_eq!(world.repo.issue_text(number), format!("{BELOW}more\n"));
    push(&world, &page, &["Again"]);
    world.pass(10);
    world.settle();
    assert_eq!(
        world.repo.issue_text(number),
        format!("Again\n\n{BELOW}more\n")
    );
}

#[test]
fn what_is_below_the_marker_of_a_page_stays_there() {
    let world = World::new(mapping());
    let lines = ["Shared", "Notion only", "Secret", "Shared"];
    let page = world.pages.create("Plan", body(&lines));
    world.settle();
    let number = world.repo.numbers()[0];
    assert_eq!(world.repo.issue_text(number).trim(), "Shared");
    world.pass(10);
    assert_eq!(world.settle(), 0);
    let before = world.pages.body(&page).blocks[1..].to_vec();
    world.repo.set_issue_text(number, "Shared?\n\nMore\n");
    world.settle();
    let after = world.pages.body(&page);
    assert_eq!(
        plain(&after),
        ["Shared?", "More", "Notion only", "Secret", "Shared"]
    );
    assert_eq!(after.blocks[2..], before);
    world.pass(10);
    world
        .pages
        .edit_body(&page, |body| rewrite(body, "Secret", "Secret!"));
    assert_eq!(world.settle(), 0);
    assert_eq!(world.conflicts(), 0);
}

#[test]
fn a_marker_that_comes_or_goes_moves_its_part() {
    let (world, page, number) = paired("Shared\n\n## GitHub only\n\nOwn\n");
    world
        .repo
        .set_issue_text(number, "Shared\n\n## Notes\n\nOwn\n");
    world.settle();
    assert_eq!(plain(&world.pages.body(&page)), ["Shared", "Notes", "Own"]);
    world.pass(10);
    world
        .repo
        .set_issue_text(number, "Shared\n\n## GitHub only\n\nOwn\n");
    world.settle();
    assert_eq!(plain(&world.pages.body(&page)), ["Shared"]);
    assert_eq!(
        world.repo.issue_text(number),
        "Shared\n\n## GitHub only\n\nOwn\n"
    );
    world.pass(10);
    assert_eq!(world.settle(), 0);
}

#[test]
fn a_marker_never_crosses_over() {
    let (world, page, number) = paired("Shared\n");
    world
        .repo
        .set_issue_text(number, "Shared\n\nNotion only\n\nOwn\n");
    world.settle();
    assert_eq!(plain(&world.pages.body(&page)), ["Shared"]);
    let problem = world.records()[0].problem.clone().unwrap();
    assert!(problem.message.contains("Notion only"), "{problem:?}");
    world.pass(10);
    world.repo.set_issue_text(number, "Shared\n\nOwn\n");
    world.settle();
    assert_eq!(plain(&world.pages.body(&page)), ["Shared", "Own"]);
    assert!(world.records()[0].problem.is_none());
}

#[test]
fn a_line_inside_a_block_is_no_marker() {
    let text = "```\n## GitHub only\n```\n\n> ## GitHub only\n\nEnd\n";
    let (world, page, number) = paired(text);
    assert_eq!(world.pages.body(&page).blocks.len(), 3);
    world
        .pages
        .edit_body(&page, |body| rewrite(body, "End", "End!"));
    world.settle();
    assert_eq!(world.repo.issue_text(number), text.replace("End", "End!"));
}
