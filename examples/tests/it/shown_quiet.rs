//! Quiet costs nothing: a cycle without changes is one query per table and at most one conditional
//! request per list.

use notion_sync_core::mapping::Policy;
use notion_sync_examples::demo::{Stage, Terms};
use notion_sync_examples::emulation::World;
use serde_json::json;

use crate::shown_support::{full, settle};

#[tokio::test]
async fn a_cycle_without_changes_reads_no_body_and_writes_nothing() {
    let size = if full() { 1_000 } else { 130 };
    let mut world = World::team().unwrap();
    let [handbook, backlog, ..] = world.github.repositories.as_mut_slice() else {
        panic!("two repositories");
    };
    for number in 0..size {
        let text = format!("# Page {number:04}\n\nOne paragraph, number {number}.\n");
        handbook
            .files
            .insert(format!("docs/page-{number:04}.md"), text);
        backlog.issues.push(
            serde_json::from_value(json!({
                "title": format!("Task {number:04}"), "author": "bob",
                "body": format!("Task number {number}."), "closed": number % 3 == 0,
            }))
            .unwrap(),
        );
    }
    let terms = Terms {
        tasks: Some(Policy::GithubWins),
        ..Terms::documents(Policy::ManualReview).unguarded()
    };
    let mut stage = Stage::in_memory(world, terms).await.unwrap();
    settle(&mut stage).await;
    assert_eq!((stage.pages().len(), stage.tasks().len()), (size, size));
    let mut seen = Vec::new();
    // Once an hour the schemas are read again; these cycles lie between. The first of them may ask
    // from another moment than before.
    stage.pass(90);
    settle(&mut stage).await;
    stage.pass(5);
    settle(&mut stage).await;
    for _ in 0..3 {
        stage.pass(5);
        let marks = stage.marks();
        let tick = stage.tick(false).await.unwrap().unwrap();
        assert_eq!(tick.writes(), 0);
        assert_eq!(tick.settle_due, None);
        let asked = stage.asked(marks);
        println!(
            "{size} pages, {size} files, {size} tasks, {size} issues; one cycle asked:\n  {}",
            asked.join("\n  ")
        );
        seen.push(asked);
    }
    for asked in seen {
        let (notion, github): (Vec<&String>, Vec<&String>) =
            asked.iter().partition(|line| line.starts_with("notion "));
        assert_eq!(notion.len(), 2, "{notion:?}");
        for line in notion {
            assert!(line.starts_with("notion POST /v1/data_sources/"), "{line}");
            assert!(line.contains("/query"), "{line}");
        }
        assert!(github.len() <= 2, "{github:?}");
        for line in github {
            assert!(
                line.starts_with("github GET ") && line.ends_with(" 304"),
                "{line}"
            );
        }
    }
}

/// However many pull requests wait for people, a look asks about a hundred of them at a time.
#[tokio::test]
async fn a_cycle_with_open_proposals_asks_about_them_together() {
    let size = if full() { 400 } else { 120 };
    let terms = Terms::documents(Policy::ManualReview).unguarded();
    let mut stage = Stage::in_memory(World::small().unwrap(), terms)
        .await
        .unwrap();
    settle(&mut stage).await;
    let before = stage.open_pulls().len();
    for number in 0..size {
        let title = json!(format!("Waiting {number:04}"));
        stage
            .add_page(
                "ada",
                "handbook-pages",
                &[("Name", title)],
                "One paragraph.\n",
            )
            .unwrap();
    }
    settle(&mut stage).await;
    stage.pass(90);
    settle(&mut stage).await;
    stage.pass(5);
    settle(&mut stage).await;
    let open = stage.open_pulls().len();
    assert_eq!(open, before + size);
    stage.pass(5);
    let marks = stage.marks();
    let tick = stage.tick(false).await.unwrap().unwrap();
    assert_eq!(tick.writes(), 0);
    let asked = stage.asked(marks);
    println!(
        "{open} open pull requests; one cycle asked:\n  {}",
        asked.join("\n  ")
    );
    let about_pulls = |line: &&String| line.contains("/graphql") || line.contains("/pulls");
    assert_eq!(
        asked.iter().filter(about_pulls).count(),
        open.div_ceil(100),
        "{asked:?}"
    );
    assert!(asked.len() <= 3 + open.div_ceil(100), "{asked:?}");
}
