//! What has to hold for any bytes. The ordinary tests of `notion-sync-core` run the same functions
//! over the seeds and over mutations of them.

use notion_sync_core::document::blocks::{self, Stages, stages};
use notion_sync_core::document::dialect::{
    Carry, Effect, LinkContext, Reason, from_notion, named, normal, to_notion_with,
};
use notion_sync_core::document::front_matter::{self, FrontMatter, Value as Entry};
use notion_sync_core::document::markdown::{self, Style};
use notion_sync_core::document::{Block, Document, limits, notion_markdown, patch};
use serde_json::{Value, json};

/// A target.
pub type Target = fn(&[u8]);

/// All targets by name; the name is that of the folder of seeds.
pub const ALL: [(&str, Target); 6] = [
    ("markdown", markdown),
    ("page", page),
    ("enhanced", enhanced),
    ("blocks", blocks),
    ("front_matter", front_matter),
    ("patch", patch),
];

fn context() -> LinkContext {
    LinkContext::new(
        "https://github.com/acme/handbook/blob/main",
        "https://raw.githubusercontent.com/acme/handbook/main",
        "docs/index.md",
    )
}

fn read(text: &str) -> Option<Document> {
    Some(
        markdown::parse(text, &markdown::Limits::default())
            .ok()?
            .document,
    )
}

/// What was written may be longer than what was read.
fn read_again(text: &str) -> Document {
    let limits = markdown::Limits {
        bytes: usize::MAX,
        blocks: usize::MAX,
        depth: 512,
    };
    match markdown::parse(text, &limits) {
        Ok(parsed) => parsed.document,
        Err(error) => panic!("what was written is not read: {error}"),
    }
}

fn write(document: &Document) -> String {
    markdown::write(document, &Style::default())
}

fn same(want: &Document, have: &Document) {
    let (want, have) = (want.canonical(), have.canonical());
    assert_eq!(want.blocks, have.blocks);
}

fn valid(plan: &Stages) {
    for stage in &plan.stages {
        let violations = limits::validate(&json!({ "children": stage.children }));
        assert!(violations.is_empty(), "{violations:?}");
    }
}

/// Repository Markdown: what is written reads back, and is written the same again.
pub fn markdown(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let Some(document) = read(text) else { return };
    let written = write(&document);
    let again = read_again(&written);
    same(&document, &again);
    let canonical = write(&again);
    same(&document, &read_again(&canonical));
}

/// A file on a page and back, with and without its layout.
pub fn page(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let Some(file) = read(text) else { return };
    for carry in [Carry::Content, Carry::Everything] {
        let converted = to_notion_with(&file, &context(), carry);
        valid(&stages(&converted.document.blocks));
        let lossy = converted.report.entries.iter().any(|entry| {
            matches!(entry.reason, Reason::Runs | Reason::Color)
                || entry.reason.effect() == Effect::Refused
        });
        let back = from_notion(&converted.document, &context()).document;
        if !lossy {
            same(&normal(&file), &back);
        }
        let again = to_notion_with(&back, &context(), carry).document;
        if !lossy {
            same(&converted.document, &again);
        }
        if let Ok(text) = notion_markdown::write(&converted.document) {
            let read = notion_markdown::parse(&text, &wide());
            match read {
                Ok(read) => same(&named(converted.document), &named(read)),
                Err(error) => panic!("what was written is not read: {error}"),
            }
        }
    }
}

fn wide() -> limits::Limits {
    limits::Limits {
        bytes: usize::MAX,
        blocks: usize::MAX,
        depth: 512,
    }
}

/// Enhanced Markdown.
pub fn enhanced(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let Ok(document) = notion_markdown::parse(text, &limits::Limits::default()) else {
        return;
    };
    if let Ok(written) = notion_markdown::write(&document) {
        match notion_markdown::parse(&written, &wide()) {
            Ok(again) => {
                same(&document, &again);
                assert_eq!(notion_markdown::write(&again).as_ref(), Ok(&written));
            }
            Err(error) => panic!("what was written is not read: {error}"),
        }
    }
    through_file(&document);
}

/// A page in a file and back.
fn through_file(page: &Document) {
    let file = from_notion(page, &context()).document;
    let text = write(&file);
    let again = read_again(&text);
    same(&file, &again);
    let back = to_notion_with(&again, &context(), Carry::Content);
    valid(&stages(&back.document.blocks));
}

/// Block objects, one or an array, children inside.
pub fn blocks(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let Ok(value) = serde_json::from_str::<Value>(text) else {
        // The reader itself takes text.
        let _ = blocks::read(text);
        return;
    };
    let list = match value {
        Value::Array(list) => list,
        one => vec![one],
    };
    let found: Vec<Block> = list
        .iter()
        .filter_map(|object| blocks::read(&object.to_string()).ok())
        .collect();
    valid(&stages(&found));
    for block in &found {
        let _ = blocks::update(&block.kind);
    }
    through_file(&Document { blocks: found });
}

/// Front matter: an edit leaves the body and the other keys alone.
pub fn front_matter(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let Ok(before) = FrontMatter::read(text) else {
        return;
    };
    let set = front_matter::Edit::Set(Entry::Text("x".to_owned()));
    let Ok(edited) = front_matter::edit(text, &[("notion_page_id", set)]) else {
        return;
    };
    match FrontMatter::read(&edited) {
        Ok(Some(after)) => {
            assert_eq!(
                after.get("notion_page_id"),
                Some(Entry::Text("x".to_owned()))
            );
            for entry in before.iter().flat_map(FrontMatter::entries) {
                if entry.key != "notion_page_id" {
                    assert!(after.get(&entry.key).is_some(), "{} is gone", entry.key);
                }
            }
        }
        other => panic!("an edit broke the front matter: {other:?}"),
    }
}

/// A file and another one, apart at a line of `=====8<=====`: the first becomes what the second says.
pub fn patch(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let Some((source, wanted)) = text.split_once("=====8<=====\n") else {
        return;
    };
    let (Some(old), Some(new)) = (read(source), read(wanted)) else {
        return;
    };
    if let Ok(patched) = patch::apply(source, &old, &new) {
        same(&new, &read_again(&patched.text));
    }
}
