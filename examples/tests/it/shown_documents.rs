//! Real documents: taken over without a changed byte, edited on both sides with small diffs.

use notion_sync_core::mapping::Policy;
use notion_sync_examples::demo::{GitClone, Library, Stage, Terms};
use notion_sync_examples::emulation::{HANDBOOK, World};
use serde_json::json;

use crate::shown_support::{Scratch, equal, fixtures, full, settle};

#[tokio::test]
async fn real_documents_survive_and_show_small_diffs() {
    let Some(folder) = fixtures("markdown") else {
        return;
    };
    let (most, edits) = if full() { (usize::MAX, 50) } else { (30, 8) };
    let scratch = Scratch::new("documents");
    let mut library = Library::load(&folder, most, None).await.unwrap();
    library.first_sync().await.unwrap();
    library.edit_in_notion(edits).await.unwrap();
    library.edit_on_github(edits, &scratch.0).await.unwrap();
    let report = library.report();
    println!("{}", json!(report));
    assert_eq!(report.faults, Vec::<String>::new());
    assert_eq!(report.pages + report.skipped.len(), report.files);
    assert!(report.files >= 25, "{} files are too few", report.files);
    assert_eq!(report.changed, Vec::<String>::new());
    assert_eq!(report.further_writes, Vec::<String>::new());
    let notion = report.in_notion.as_ref().unwrap();
    assert!(notion.documents >= 5, "{notion:?}");
    assert_eq!(
        (
            notion.exact,
            notion.trailers,
            notion.commits,
            notion.further_writes
        ),
        (notion.documents, notion.documents, 1, 0)
    );
    let github = report.on_github.as_ref().unwrap();
    assert!(github.documents >= 5, "{github:?}");
    assert_eq!(
        (
            github.exact,
            github.block_writes,
            github.blocks_kept,
            github.further_writes
        ),
        (github.documents, github.documents, github.blocks, 0)
    );
}

#[tokio::test]
async fn blocks_that_nobody_knows_survive_a_push() {
    let mut world = World::small().unwrap();
    let page = world
        .notion
        .pages
        .iter_mut()
        .find(|page| page.id == "welcome")
        .unwrap();
    page.markdown = None;
    page.blocks = vec![
        json!({"type": "paragraph", "paragraph": {"rich_text": [{"type": "text", "text": {"content": "Before the machine."}}]}}),
        json!({"type": "hologram", "hologram": {"depth": 3}}),
        json!({"type": "paragraph", "paragraph": {"rich_text": [{"type": "text", "text": {"content": "Behind the machine."}}]}}),
    ];
    let mut stage = Stage::in_memory(world, Terms::documents(Policy::ManualReview))
        .await
        .unwrap();
    settle(&mut stage).await;
    for number in stage.open_pulls().into_keys() {
        stage.merge("ada", number).unwrap();
    }
    settle(&mut stage).await;
    let page = stage.page("Welcome").unwrap();
    let before = stage.notion().blocks(page);
    assert_eq!(before.len(), 3, "{before:?}");
    let scratch = Scratch::new("unknown-blocks");
    let clone = GitClone::make(&stage, HANDBOOK, "bob", &scratch.0)
        .await
        .unwrap();
    let file = clone.read("docs/welcome.md").unwrap();
    let edited = file.replace("Behind the machine.", "Behind the strange machine.");
    assert_ne!(file, edited);
    clone.write("docs/welcome.md", &edited).unwrap();
    clone.push("Look behind the machine").await.unwrap();
    settle(&mut stage).await;
    let after = stage.notion().blocks(page);
    let ids = |blocks: &[notion_sync_testkit::notion::BlockView]| {
        blocks
            .iter()
            .map(|block| (block.id, block.kind.clone()))
            .collect::<Vec<_>>()
    };
    assert_eq!(ids(&before), ids(&after));
    assert_eq!(after[2].text, "Behind the strange machine.");
    assert_eq!(stage.file("docs/welcome.md"), Some(edited));
}

#[tokio::test]
async fn the_working_day_ends_with_both_sides_equal() {
    let scratch = Scratch::new("day");
    let file = scratch.0.join("store.db");
    let mut stage = Stage::in_file(World::small().unwrap(), Terms::default(), file).unwrap();
    let mut story = notion_sync_examples::demo::Story::new(true);
    let evening = notion_sync_examples::demo::play(&mut stage, &mut story)
        .await
        .unwrap();
    assert_eq!(evening.faults, Vec::<String>::new());
    assert!(evening.crashed && story.scenes().len() >= 12);
    equal(&mut stage).await;
}
