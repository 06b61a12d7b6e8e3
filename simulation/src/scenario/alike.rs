//! P01 once more: bodies have the same blocks on both sides, as their own forms are read. Words alone do not tell a list
//! from paragraphs.

use std::mem::{Discriminant, discriminant};

use notion_sync_core::document::limits::Limits;
use notion_sync_core::document::{Block, BlockKind, Document, RichText, markdown, notion_markdown};
use notion_sync_core::record::{Life, Record};
use notion_sync_examples::demo::Stage;
use notion_sync_examples::emulation::BACKLOG;
use notion_sync_github::{HiddenBlock, reference};
use notion_sync_testkit::simulation::Failure;
use notion_sync_testkit::simulation::properties::is_parked;

/// What the file or issue of a record says below its title; `None` where it has none.
fn on_github(stage: &Stage, record: &Record) -> Option<Result<Document, String>> {
    let limits = markdown::Limits::default();
    if let Some(path) = &record.path {
        let parsed = markdown::parse(&stage.file(path)?, &limits);
        return Some(parsed.map_err(|error| error.to_string()).map(|parsed| {
            let mut document = parsed.document;
            let titled = (document.blocks.first())
                .is_some_and(|block| matches!(block.kind, BlockKind::Heading { level: 1, .. }));
            if titled {
                document.blocks.remove(0);
            }
            document
        }));
    }
    let (_, number) = reference::parse_numbered(record.github.as_ref()?).ok()?;
    let body = stage.github().issue(BACKLOG, number)?.body;
    let (_, text) = HiddenBlock::split(&body.unwrap_or_default());
    Some(markdown::parse_body(&text, &limits).map_err(|error| error.to_string()))
}

/// The kind of a block, and what it has besides text. What pages have no block for stands there as code.
fn kind(block: &Block) -> (Discriminant<BlockKind>, u8) {
    let code = BlockKind::Code {
        code: String::new(),
        language: "plain text".into(),
        info: None,
        caption: RichText::default(),
    };
    let more = match &block.kind {
        BlockKind::Heading { level, toggle, .. } => level * 2 + u8::from(*toggle),
        BlockKind::ToDo { checked, .. } => u8::from(*checked),
        _ => 0,
    };
    match &block.kind {
        BlockKind::Verbatim { .. } => (discriminant(&code), more),
        kind => (discriminant(kind), more),
    }
}

/// Whether blocks are of the same kinds, those below them too. What they say has another form on each side: links to
/// pages are links to files on the other.
fn alike(some: &[Block], others: &[Block]) -> bool {
    some.len() == others.len()
        && (some.iter().zip(others))
            .all(|(one, other)| kind(one) == kind(other) && alike(&one.children, &other.children))
}

/// Every pair that nobody waits for.
pub(super) fn all(stage: &Stage, records: &[Record]) -> Result<(), Failure> {
    for record in records {
        let gone = matches!(record.life, Life::Detached | Life::Tombstone);
        let page = record.notion.as_ref().and_then(|page| page.id.parse().ok());
        let (Some(page), false) = (
            page,
            gone || is_parked(record) || record.duplicate.is_some(),
        ) else {
            continue;
        };
        let Some(github) = on_github(stage, record) else {
            continue;
        };
        let notion = stage.notion().markdown(page);
        let read = notion_markdown::parse(&notion, &Limits::default());
        let read = read.map_err(|error| error.to_string());
        let same = match (&read, &github) {
            (Ok(one), Ok(other)) => alike(&one.canonical().blocks, &other.canonical().blocks),
            _ => false,
        };
        if !same {
            return Err(Failure::new(
                "P01",
                format!(
                    "{} has other blocks on GitHub: {notion:?}, {github:?}",
                    record.title
                ),
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_of_other_kinds_and_at_other_depths_are_not_alike() {
        let read = |text: &str| {
            let document = markdown::parse_body(text, &markdown::Limits::default()).unwrap();
            document.canonical().blocks
        };
        assert!(alike(&read("- a\n  - b\n\nc"), &read("- x\n  - y\n\nz")));
        for other in [
            "- a\n- b\n\nc",
            "- a\n  - b\n\n> c",
            "- a\n  - b",
            "a\n\nb\n\nc",
        ] {
            assert!(!alike(&read("- a\n  - b\n\nc"), &read(other)), "{other}");
        }
    }
}
