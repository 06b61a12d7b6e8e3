//! Recorded documents, found through `NOTION_SYNC_FIXTURES`.

use std::path::{Path, PathBuf};

/// The folder of recorded data. Without it tests say that they were skipped, in CI they fail.
pub(crate) fn folder() -> Option<PathBuf> {
    let folder = std::env::var_os("NOTION_SYNC_FIXTURES").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/fixtures"),
        PathBuf::from,
    );
    if folder.join("markdown/index.json").is_file() {
        return Some(folder);
    }
    assert!(
        std::env::var_os("CI").is_none(),
        "no recorded data in {}",
        folder.display()
    );
    println!("skipped: no recorded data in {}", folder.display());
    None
}

/// All Markdown documents by path, in order.
pub(crate) fn documents() -> Vec<(String, String)> {
    let Some(folder) = folder() else {
        return Vec::new();
    };
    let root = folder.join("markdown");
    let mut out = Vec::new();
    let mut open = vec![root.clone()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|ext| ext == "md") {
                let name = path.strip_prefix(&root).unwrap().display().to_string();
                let bytes = std::fs::read(&path).unwrap();
                out.push((name, String::from_utf8(bytes).unwrap()));
            }
        }
    }
    out.sort();
    out
}

/// The examples of the two specifications: file, number, Markdown.
pub(crate) fn examples() -> Vec<(String, u64, String)> {
    let Some(folder) = folder() else {
        return Vec::new();
    };
    let mut out = Vec::new();
    for file in [
        "commonmark-spec/spec-examples.json",
        "gfm-spec/spec-examples.json",
        "gfm-spec/extension-examples.json",
    ] {
        let text = std::fs::read_to_string(folder.join("markdown").join(file)).unwrap();
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        let list = value
            .as_array()
            .or_else(|| value.get("examples").and_then(serde_json::Value::as_array))
            .unwrap();
        for (at, example) in list.iter().enumerate() {
            let number = example["example"].as_u64().unwrap_or(at as u64);
            let markdown = example["markdown"].as_str().unwrap().to_owned();
            out.push((file.to_owned(), number, markdown));
        }
    }
    out
}
