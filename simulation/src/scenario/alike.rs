//! P01 once more: bodies have the same blocks on both sides, as their own forms are read. Words alone do not tell a list
//! from paragraphs.

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

/// The kinds of blocks, in the order of the text, those below a block in brackets. What they say has another form on each
/// side: links to pages are links to files on the other. What pages have no block for stands there as code, and files
/// have no table without rows.
fn outline(blocks: &[Block]) -> String {
    let mut out = String::new();
    for block in blocks {
        let name = match &block.kind {
            BlockKind::Table { .. } if block.children.is_empty() => continue,
            BlockKind::Verbatim { .. } => "Code".to_owned(),
            BlockKind::Heading { level, toggle, .. } => format!("Heading {level} {toggle}"),
            BlockKind::ToDo { checked, .. } => format!("ToDo {checked}"),
            kind => {
                let told = format!("{kind:?}");
                let end = told.find(|c: char| !c.is_alphanumeric());
                told[..end.unwrap_or(told.len())].to_owned()
            }
        };
        out.push_str(&name);
        for run in block.kind.text().iter().flat_map(|text| &text.0) {
            let like = &run.annotations;
            let told = RichText(vec![run.clone()]).to_plain();
            // What a file says that a page has no form for stands there as code.
            let held = told.starts_with("<!-- notion-sync:");
            if !held && (like.bold || like.italic || like.strikethrough || like.code) {
                let flags = [like.bold, like.italic, like.strikethrough, like.code].map(u8::from);
                out.push_str(&format!(" {:?} {flags:?}", told.trim()));
            }
        }
        let below = match block.kind {
            // A page shows what stands beside columns in one of its own.
            BlockKind::ColumnList => columns(&block.children),
            _ => outline(&block.children),
        };
        if !below.is_empty() {
            out.push_str(&format!("[{below}]"));
        }
        out.push_str(", ");
    }
    out
}

fn columns(blocks: &[Block]) -> String {
    let one = |block: &Block| {
        let told = outline(std::slice::from_ref(block));
        match block.kind {
            BlockKind::Column { .. } => told,
            _ => format!("Column[{told}], "),
        }
    };
    blocks.iter().map(one).collect()
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
        let read = read.map(|read| outline(&read.canonical().blocks));
        let github = github.map(|read| outline(&read.canonical().blocks));
        if read.is_err() || read != github {
            return Err(Failure::new(
                "P01",
                format!(
                    "{} has other blocks on GitHub: {read:?}, {github:?}",
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
            outline(&document.canonical().blocks)
        };
        let outlines = [
            (
                "- a\n  - b\n\nc",
                "BulletedItem[BulletedItem, ], Paragraph, ",
            ),
            ("- a\n- b\n\nc", "BulletedItem, BulletedItem, Paragraph, "),
            ("- [x] a\n\n## b", "ToDo true, Heading 2 false, "),
            (
                "a **b** `c`",
                "Paragraph \"b\" [1, 0, 0, 0] \"c\" [0, 0, 0, 1], ",
            ),
            ("| a |\n| --- |\n| b |", "Table[TableRow, TableRow, ], "),
        ];
        for (text, expected) in outlines {
            assert_eq!(read(text), expected);
        }
    }
}
