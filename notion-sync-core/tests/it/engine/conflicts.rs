//! What both sides changed in one document: decided by a policy, or by people in a pull request.

use std::sync::Arc;

use notion_sync_core::engine::{Binding, Engine};
use notion_sync_core::mapping::{People, Policy};

use super::documents::{FILE, paired};
use super::world::{Meddled, World, plain, rewrite};

fn both_edit(world: &World, page: &str) {
    world.pass(10);
    world
        .pages
        .edit_body(page, |body| rewrite(body, "First line.", "From Notion"));
    world.repo.put(
        "docs/guide.md",
        Some(&FILE.replace("First line.", "From GitHub")),
    );
    world.settle();
}

#[test]
fn a_wins_policy_decides_and_keeps_the_loser() {
    for (policy, want) in [
        (Policy::NotionWins, "From Notion"),
        (Policy::GithubWins, "From GitHub"),
    ] {
        let (world, page) = paired(policy);
        both_edit(&world, &page);
        assert_eq!(plain(&world.pages.body(&page))[0], want);
        assert!(world.repo.file("docs/guide.md").unwrap().contains(want));
        let audit = futures::executor::block_on(
            notion_sync_core::state::State::new(&*world.store).audit(None),
        )
        .unwrap();
        let lost = if want == "From Notion" {
            "From GitHub"
        } else {
            "From Notion"
        };
        assert!(
            audit
                .iter()
                .any(|row| row.details.values().any(|value| value.contains(lost))),
            "the loser is in the audit"
        );
        world.pass(10);
        assert_eq!(world.settle(), 0);
    }
}

#[test]
fn manual_review_opens_one_pull_request_with_both_versions() {
    let (world, page) = paired(Policy::ManualReview);
    both_edit(&world, &page);
    let pulls = world.repo.pulls("open");
    assert_eq!(pulls.len(), 1);
    let (_, text, comments) = world.repo.pull_text(pulls[0]);
    assert!(
        text.contains("From Notion") && text.contains("From GitHub"),
        "{text}"
    );
    assert_eq!(comments.len(), 1);
    assert!(
        comments[0].contains("+From Notion") && comments[0].contains("-From GitHub"),
        "{comments:?}"
    );
    assert_eq!(world.repo.reviewers(pulls[0]), ["acme/docs"]);
    assert_eq!(plain(&world.pages.body(&page))[0], "From Notion");
    assert!(
        world
            .repo
            .file("docs/guide.md")
            .unwrap()
            .contains("From GitHub")
    );
    world.pass(30);
    assert_eq!(world.settle(), 0, "parked is at rest");
    assert_eq!(world.conflicts(), 1);
}

#[test]
fn merging_the_pull_request_settles_both_sides() {
    let (world, page) = paired(Policy::ManualReview);
    both_edit(&world, &page);
    let pull = world.repo.pulls("open")[0];
    world.repo.merge(pull);
    world.pass(5);
    world.settle();
    assert_eq!(plain(&world.pages.body(&page))[0], "From Notion");
    assert!(
        world
            .repo
            .file("docs/guide.md")
            .unwrap()
            .contains("From Notion")
    );
    assert_eq!(world.conflicts(), 0);
    world.pass(10);
    assert_eq!(world.settle(), 0);
}

#[test]
fn merging_an_edited_branch_takes_the_resolution_to_the_page() {
    let (world, page) = paired(Policy::ManualReview);
    both_edit(&world, &page);
    let pull = world.repo.pulls("open")[0];
    world
        .repo
        .edit_pull(pull, &FILE.replace("First line.", "Both of it"));
    world.repo.merge(pull);
    world.pass(5);
    world.settle();
    assert_eq!(plain(&world.pages.body(&page))[0], "Both of it");
    assert_eq!(world.conflicts(), 0);
}

#[test]
fn making_both_sides_equal_closes_the_pull_request() {
    let (world, page) = paired(Policy::ManualReview);
    both_edit(&world, &page);
    world.pass(5);
    world
        .pages
        .edit_body(&page, |body| rewrite(body, "From Notion", "From GitHub"));
    world.settle();
    assert!(world.repo.pulls("open").is_empty());
    assert_eq!(world.conflicts(), 0);
}

/// The file went back to what both had agreed on, so that the page's version may go over it and the pull request is
/// taken back; right before that write somebody edits the file again. The conflict that is then open has a pull
/// request of its own, and the old one does not stay beside it.
#[test]
fn a_conflict_that_comes_back_before_its_end_is_written_has_one_pull_request() {
    let (mut world, page) = paired(Policy::ManualReview);
    both_edit(&world, &page);
    assert_eq!(world.repo.pulls("open").len(), 1);
    world.pass(10);
    world.repo.put("docs/guide.md", Some(FILE));
    let repo = world.repo.clone();
    let meddle = move || {
        let text = FILE.replace("First line.", "Once more from GitHub");
        repo.put("docs/guide.md", Some(&text));
    };
    world.engine = Engine::new(world.store.clone(), world.clock.clone()).with_mapping(Binding {
        mapping: world.mapping.clone(),
        notion: Arc::new(world.pages.clone()),
        github: Arc::new(Meddled::new(world.repo.clone(), meddle)),
        people: People::default(),
    });
    world.settle();
    world.pass(30);
    world.settle();
    assert_eq!(world.conflicts(), 1);
    assert_eq!(world.repo.pulls("open").len(), 1);
    let file = world.repo.file("docs/guide.md").unwrap();
    assert!(file.contains("Once more from GitHub"), "{file}");
    world.repo.merge(world.repo.pulls("open")[0]);
    world.pass(5);
    world.settle();
    assert!(world.repo.pulls("open").is_empty());
    assert_eq!(world.conflicts(), 0);
}

#[test]
fn closing_the_pull_request_leaves_the_conflict_parked() {
    let (world, page) = paired(Policy::ManualReview);
    both_edit(&world, &page);
    world.repo.close_pull(world.repo.pulls("open")[0]);
    world.pass(30);
    world.settle();
    world.pass(30);
    assert_eq!(world.settle(), 0);
    assert!(
        world.repo.pulls("open").is_empty(),
        "a refused value is not proposed again"
    );
    assert_eq!(world.conflicts(), 1);
    assert_eq!(plain(&world.pages.body(&page))[0], "From Notion");
    // A new edit proposes again.
    world
        .pages
        .edit_body(&page, |body| rewrite(body, "From Notion", "Newer"));
    world.pass(30);
    world.settle();
    assert_eq!(world.repo.pulls("open").len(), 1);
}
