//! What is measured: recorded documents, and pages made of them.

use std::path::{Path, PathBuf};

use notion_sync_core::document::dialect::{LinkContext, to_notion};
use notion_sync_core::document::limits::Limits;
use notion_sync_core::document::{Document, markdown, notion_markdown};

use crate::returned::{self, Returned};

/// Size at which the joined documents are cut, at the end of a document.
const JOINED_BYTES: usize = 1_000_000;

/// Limits that the joined documents keep: they are far longer than a page may be.
pub(crate) const MARKDOWN_LIMITS: markdown::Limits = markdown::Limits {
    bytes: 1 << 26,
    blocks: 1 << 20,
    depth: 256,
};

/// The same for enhanced Markdown.
pub(crate) const LIMITS: Limits = Limits {
    bytes: 1 << 26,
    blocks: 1 << 20,
    depth: 256,
};

/// The folder of recorded data.
pub(crate) fn folder() -> Option<PathBuf> {
    let folder = std::env::var_os("NOTION_SYNC_FIXTURES").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/fixtures"),
        PathBuf::from,
    );
    folder.join("markdown").is_dir().then_some(folder)
}

/// All files below `root` with this extension, by path.
pub(crate) fn files(root: &Path, extension: &str) -> Vec<(String, String)> {
    let mut out = Vec::new();
    let mut open = vec![root.to_path_buf()];
    while let Some(folder) = open.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else {
            continue;
        };
        for entry in entries.flatten() {
            let path = entry.path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|found| found == extension)
                && let Ok(text) = std::fs::read_to_string(&path)
            {
                let name = path.strip_prefix(root).unwrap_or(&path);
                out.push((name.display().to_string(), text));
            }
        }
    }
    out.sort();
    out
}

/// The documents in path order, joined, cut at the end of the last one that fits.
pub(crate) fn joined(documents: &[(String, String)]) -> String {
    let mut out = String::with_capacity(JOINED_BYTES);
    for (_, text) in documents {
        if out.len() + text.len() + 2 > JOINED_BYTES {
            break;
        }
        out.push_str(text);
        if !out.ends_with('\n') {
            out.push('\n');
        }
        out.push('\n');
    }
    out
}

/// The file that links are relative to.
pub(crate) fn context() -> LinkContext {
    LinkContext::new(
        "https://github.com/acme/handbook/blob/main",
        "https://raw.githubusercontent.com/acme/handbook/main",
        "docs/page.md",
    )
}

/// One body in every form that a codec reads.
#[derive(Debug)]
pub(crate) struct Input {
    /// As a file.
    pub(crate) markdown: String,
    /// As the model says the file.
    pub(crate) parsed: Document,
    /// As the model says the page.
    pub(crate) page: Document,
    /// As the block endpoints return the page.
    pub(crate) returned: Returned,
    /// As enhanced Markdown, what it cannot carry left out.
    pub(crate) enhanced: String,
}

impl Input {
    /// Makes the other forms of a file.
    pub(crate) fn of(markdown: String) -> Result<Self, String> {
        let parsed = markdown::parse(&markdown, &MARKDOWN_LIMITS)
            .map_err(|error| error.to_string())?
            .document;
        let page = to_notion(&parsed, &context()).document;
        let returned = returned::lists(&page.blocks);
        let enhanced = match notion_markdown::write(&page) {
            Ok(text) => text,
            Err(inexpressible) => inexpressible.markdown,
        };
        Ok(Self {
            markdown,
            parsed,
            page,
            returned,
            enhanced,
        })
    }
}
