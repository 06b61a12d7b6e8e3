//! Recorded data of the services, and how much is run. The tests of the program use this file, too.

use std::path::PathBuf;

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
