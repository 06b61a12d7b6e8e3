//! Recorded answers of Notion.

use std::path::{Path, PathBuf};

use serde_json::Value;

/// The folder of recorded data, or `None` with a note where it is missing outside of CI.
pub(crate) fn fixtures() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let path = match std::env::var_os("NOTION_SYNC_FIXTURES") {
        Some(path) => root.join(path),
        None => root.join("../shared/fixtures"),
    };
    if path.join("notion").is_dir() {
        return Some(path);
    }
    assert!(
        std::env::var_os("CI").is_none(),
        "no recorded data at {}",
        path.display()
    );
    println!("skipped: no recorded data, set NOTION_SYNC_FIXTURES");
    None
}

/// All JSON files below a folder, sorted.
pub(crate) fn json_files(folder: &Path) -> Vec<(PathBuf, Value)> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ext| ext == "json") {
                let text = std::fs::read_to_string(&path).unwrap();
                files.push((path, serde_json::from_str(&text).unwrap()));
            }
        }
    }
    files.sort_by(|a, b| a.0.cmp(&b.0));
    files
}

/// Every block object in a value, outermost first.
pub(crate) fn block_objects<'v>(value: &'v Value, out: &mut Vec<&'v Value>) {
    match value {
        Value::Object(fields) => {
            let is_block = fields.get("object").and_then(Value::as_str) == Some("block");
            if is_block && fields.contains_key("type") {
                out.push(value);
            }
            for inner in fields.values() {
                block_objects(inner, out);
            }
        }
        Value::Array(items) => {
            for inner in items {
                block_objects(inner, out);
            }
        }
        _ => {}
    }
}
