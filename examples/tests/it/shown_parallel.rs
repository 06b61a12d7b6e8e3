//! Both sides edited at once: merged where that is possible, decided by policy or by people where
//! it is not.

use notion_sync_core::audit::AuditEvent;
use notion_sync_core::mapping::Policy;
use notion_sync_core::state::State;
use notion_sync_examples::demo::{Stage, Terms};
use notion_sync_examples::emulation::{HANDBOOK, World};

use crate::shown_support::{equal, settle};

const FILE: &str = "docs/releases.md";

/// A stage with one pair: the page and the file "Releases".
pub(crate) async fn pair(policy: Policy) -> Stage {
    let mut world = World::small().unwrap();
    world.notion.pages.clear();
    let mut stage = Stage::in_memory(world, Terms::documents(policy))
        .await
        .unwrap();
    settle(&mut stage).await;
    equal(&mut stage).await;
    stage.pass(30);
    stage
}

pub(crate) fn edit_page(stage: &Stage, begins: &str, text: &str) {
    let page = stage.page("Releases").unwrap();
    let block = stage.block(page, begins).unwrap();
    stage
        .in_notion("bob", |bob| bob.edit_text(block, text))
        .unwrap();
}

pub(crate) fn edit_file(stage: &Stage, from: &str, to: &str) {
    let text = stage.file(FILE).unwrap();
    assert!(text.contains(from), "{text}");
    let text = text.replace(from, to);
    stage
        .push("ada", "Edit", &[(FILE, Some(text.as_str()))])
        .unwrap();
}

pub(crate) fn both_say(stage: &Stage, text: &str) {
    let file = stage.file(FILE).unwrap();
    assert!(file.contains(text), "{file}");
    let page = stage.page("Releases").unwrap();
    let page = stage.notion().markdown(page);
    assert!(page.contains(text), "{page}");
}

async fn losers(stage: &mut Stage) -> Vec<String> {
    let engine = stage.engine().await.unwrap();
    let rows = State::new(&**engine.store()).audit(None).await.unwrap();
    rows.iter()
        .filter(|row| row.event == AuditEvent::Loser)
        .map(|row| format!("{row:?}"))
        .collect()
}

#[tokio::test]
async fn different_blocks_merge_under_every_policy() {
    for policy in [Policy::ManualReview, Policy::NotionWins, Policy::GithubWins] {
        let mut stage = pair(policy).await;
        edit_page(
            &stage,
            "Nothing is",
            "Nothing is released on Fridays or holidays.",
        );
        edit_file(&stage, "* tags the commit,", "* tags the signed commit,");
        let outcome = settle(&mut stage).await;
        assert_eq!(outcome.conflicts, 0, "{policy:?}");
        both_say(&stage, "Fridays or holidays");
        both_say(&stage, "signed commit");
        assert!(stage.open_pulls().is_empty());
        equal(&mut stage).await;
    }
}

#[tokio::test]
async fn the_same_edit_on_both_sides_writes_nothing() {
    let mut stage = pair(Policy::ManualReview).await;
    edit_page(&stage, "Nothing is", "Nothing is released on Sundays.");
    edit_file(&stage, "on Fridays", "on Sundays");
    let commits = stage.commits().len();
    let outcome = settle(&mut stage).await;
    assert_eq!(outcome.conflicts, 0);
    assert_eq!(stage.commits().len(), commits);
    equal(&mut stage).await;
}

#[tokio::test]
async fn under_a_wins_policy_the_loser_is_kept_in_the_audit() {
    for (policy, winner, loser) in [
        (Policy::NotionWins, "Sundays", "Saturdays"),
        (Policy::GithubWins, "Saturdays", "Sundays"),
    ] {
        let mut stage = pair(policy).await;
        edit_page(&stage, "Nothing is", "Nothing is released on Sundays.");
        edit_file(&stage, "on Fridays", "on Saturdays");
        let outcome = settle(&mut stage).await;
        assert_eq!(outcome.conflicts, 0, "{policy:?}");
        both_say(&stage, &format!("on {winner}"));
        let losers = losers(&mut stage).await;
        assert!(
            losers.iter().any(|row| row.contains(loser)),
            "{policy:?}: {losers:?}"
        );
        assert!(stage.open_pulls().is_empty());
        equal(&mut stage).await;
    }
}

/// A conflict under manual review, with its pull request.
async fn conflict() -> (Stage, u64) {
    let mut stage = pair(Policy::ManualReview).await;
    edit_page(&stage, "Nothing is", "Nothing is released on Sundays.");
    edit_file(&stage, "on Fridays", "on Saturdays");
    let outcome = settle(&mut stage).await;
    assert_eq!(outcome.conflicts, 1);
    let pulls = stage.open_pulls();
    assert_eq!(pulls.len(), 1, "{pulls:?}");
    let (number, issue) = pulls.into_iter().next().unwrap();
    let pull = issue.pull.unwrap();
    assert_eq!(pull.reviewers, ["docs-team"]);
    // Both versions stand in the comment, on lines of a diff.
    let (_, comment) = issue.comments.first().expect("a comment");
    for line in [
        "-Nothing is released on Saturdays.",
        "+Nothing is released on Sundays.",
    ] {
        assert!(comment.lines().any(|one| one == line), "{comment}");
    }
    // The branch holds the version of Notion, the base the one of GitHub.
    let branch = stage.github().files(HANDBOOK, &pull.head).unwrap();
    assert!(branch[FILE].contains("on Sundays"), "{}", branch[FILE]);
    assert!(stage.file(FILE).unwrap().contains("on Saturdays"));
    let page = stage.page("Releases").unwrap();
    let status = format!(
        "{:?}",
        stage.notion().properties(page).get("GitHub Sync Status")
    );
    assert!(status.contains("Error"), "{status}");
    stage.pass(30);
    (stage, number)
}

#[tokio::test]
async fn merging_the_pull_request_settles_both_sides() {
    let (mut stage, number) = conflict().await;
    stage.merge("ada", number).unwrap();
    assert_eq!(settle(&mut stage).await.conflicts, 0);
    both_say(&stage, "on Sundays");
    equal(&mut stage).await;
}

#[tokio::test]
async fn making_both_sides_equal_settles_it_and_closes_the_pull_request() {
    let (mut stage, number) = conflict().await;
    edit_file(&stage, "on Saturdays", "on Mondays");
    edit_page(&stage, "Nothing is", "Nothing is released on Mondays.");
    assert_eq!(settle(&mut stage).await.conflicts, 0);
    let pull = stage.github().issue(HANDBOOK, number).unwrap();
    assert!(!pull.open && !pull.pull.unwrap().merged);
    both_say(&stage, "on Mondays");
    equal(&mut stage).await;
}

#[tokio::test]
async fn taking_the_version_of_github_by_hand_settles_it() {
    let (mut stage, number) = conflict().await;
    edit_page(&stage, "Nothing is", "Nothing is released on Saturdays.");
    assert_eq!(settle(&mut stage).await.conflicts, 0);
    assert!(!stage.github().issue(HANDBOOK, number).unwrap().open);
    both_say(&stage, "on Saturdays");
    equal(&mut stage).await;
}

#[tokio::test]
async fn closing_the_pull_request_leaves_the_conflict_parked() {
    let (mut stage, number) = conflict().await;
    let now = stage.now();
    stage
        .github()
        .close(HANDBOOK, number, "ada", None, now)
        .unwrap();
    let outcome = settle(&mut stage).await;
    assert_eq!(outcome.conflicts, 1);
    stage.pass(60 * 24);
    let outcome = settle(&mut stage).await;
    assert_eq!(outcome.conflicts, 1);
    assert!(stage.open_pulls().is_empty(), "it asked again");
    assert!(stage.file(FILE).unwrap().contains("on Saturdays"));
    let page = stage.page("Releases").unwrap();
    assert!(stage.notion().markdown(page).contains("on Sundays"));
    // Other parts of the page go on.
    edit_page(
        &stage,
        "We release",
        "We release on Wednesdays. The release manager",
    );
    settle(&mut stage).await;
    both_say(&stage, "We release on Wednesdays");
    // Only a new edit of the same place opens it again.
    edit_page(&stage, "Nothing is", "Nothing is released on Thursdays.");
    let outcome = settle(&mut stage).await;
    assert_eq!(outcome.conflicts, 1);
    assert_eq!(stage.open_pulls().len(), 1);
}

#[tokio::test]
async fn front_matter_merges_by_key_and_by_element() {
    let mut stage = pair(Policy::ManualReview).await;
    let page = stage.page("Releases").unwrap();
    stage
        .in_notion("bob", |bob| {
            bob.set_property(page, "Tags", serde_json::json!(["release"]))
        })
        .unwrap();
    edit_file(&stage, "owner: Bob\n", "owner: Ada\ntags: [operations]\n");
    settle(&mut stage).await;
    let file = stage.file(FILE).unwrap();
    assert!(file.contains("owner: Ada"), "{file}");
    assert!(
        file.contains("release") && file.contains("operations"),
        "{file}"
    );
    equal(&mut stage).await;
}
