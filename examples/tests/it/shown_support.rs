//! What the tests of shown behaviour share.

use std::path::PathBuf;

use notion_sync_examples::demo::{Outcome, Stage};

pub(crate) use crate::recorded::{fixtures, full};

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
