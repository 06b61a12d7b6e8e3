//! What the tests of shown behaviour share.

use std::path::PathBuf;

use notion_sync_examples::demo::{Outcome, Stage};

/// Recorded data; `None` (and a line that says so) where there is none and nobody insists.
pub(crate) fn fixtures(below: &str) -> Option<PathBuf> {
    let root = std::env::var("NOTION_SYNC_FIXTURES").map_or_else(
        |_| {
            PathBuf::from(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/../../shared/fixtures"
            ))
        },
        PathBuf::from,
    );
    let path = root.join(below);
    if path.exists() {
        return Some(path);
    }
    assert!(
        std::env::var_os("CI").is_none(),
        "recorded data is missing: {}",
        path.display()
    );
    println!("skipped: no recorded data at {}", path.display());
    None
}

/// Whether everything is run at its full size: on CI, but once is enough there.
pub(crate) fn full() -> bool {
    let small = std::env::var_os("NOTION_SYNC_SHOWN").is_some_and(|size| size == "small");
    std::env::var_os("CI").is_some() && !small
}

/// A folder that goes with the test.
#[derive(Debug)]
pub(crate) struct Scratch(pub(crate) PathBuf);

impl Scratch {
    pub(crate) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("notion-sync-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Synchronises until nothing is under way; nothing may go wrong.
pub(crate) async fn settle(stage: &mut Stage) -> Outcome {
    let outcome = stage.settle().await.unwrap();
    assert_eq!(outcome.errors, Vec::<String>::new());
    assert_eq!(outcome.dead, 0);
    outcome
}

/// As `settle`, and lists everything first.
pub(crate) async fn sweep(stage: &mut Stage) -> Outcome {
    let outcome = stage.sweep().await.unwrap();
    assert_eq!(outcome.errors, Vec::<String>::new());
    assert_eq!(outcome.dead, 0);
    outcome
}

/// Both sides must hold the same, and a further cycle must write nothing.
pub(crate) async fn equal(stage: &mut Stage) {
    let comparison = stage.compare().await.unwrap();
    assert!(comparison.is_equal(), "{:#?}", comparison.complaints());
    let outcome = sweep(stage).await;
    assert_eq!(outcome.applied, [], "something was written without need");
}
