//! The shape of bodies that both codecs agree on.

use super::{Reason, Report};
use crate::document::model::{Block, BlockKind, Document, InlineKind, Mention, RichText};
use crate::document::reference::normal_id;

/// The body in the shape that both a file and a page can say.
///
/// - An item, task, quote or callout without text takes that of a first plain paragraph inside: a
///   file cannot tell the two apart.
/// - Rows of a table are as wide as its widest; a table has at least one row and column.
/// - A column list has at least two columns and nothing else in it, a column stands in a list.
/// - Blocks inside a heading that does not fold, or inside source, follow it.
/// - A custom emoji is its name between colons, which is how a file says it (and how GitHub shows
///   the ones that both have).
/// - Ids of Notion are in dashed lower case, however somebody wrote them into a file.
#[must_use]
pub fn normal(document: &Document) -> Document {
    shaped(document.clone(), &mut Report::default())
}

/// The body with custom emojis as their names between colons.
///
/// Enhanced Markdown writes a custom emoji and the same letters in plain text alike, block JSON does
/// not: bodies from the two can only be compared in this form.
#[must_use]
pub fn named(mut document: Document) -> Document {
    fn name(blocks: &mut [Block]) {
        for block in blocks {
            each_text(&mut block.kind, |text| {
                name_emojis(text);
            });
            name(&mut block.children);
        }
    }
    name(&mut document.blocks);
    document
}

pub(super) fn shaped(document: Document, report: &mut Report) -> Document {
    let mut blocks = document.blocks;
    shape_blocks(&mut blocks, &mut Vec::new(), report, Inside::Any);
    Document { blocks }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Inside {
    Any,
    ColumnList,
    Table,
}

fn shape_blocks(
    blocks: &mut Vec<Block>,
    place: &mut Vec<usize>,
    report: &mut Report,
    inside: Inside,
) {
    if !blocks.iter().any(|block| moves(block, inside)) {
        for (at, block) in blocks.iter_mut().enumerate() {
            place.push(at);
            settle(block, place, report);
            place.pop();
        }
        return;
    }
    let mut out: Vec<Block> = Vec::with_capacity(blocks.len());
    for (at, mut block) in std::mem::take(blocks).into_iter().enumerate() {
        place.push(at);
        settle(&mut block, place, report);
        let mut several = Vec::new();
        match block.kind {
            BlockKind::Heading { toggle: false, .. } if !block.children.is_empty() => {
                report.add(place, Reason::Heading);
                let children = std::mem::take(&mut block.children);
                several.push(block);
                several.extend(children);
                emit(&mut out, several, inside);
                place.pop();
                continue;
            }
            // Code holds no blocks, and what a paragraph of source holds has a closing tag.
            BlockKind::Verbatim { .. } if !block.children.is_empty() => {
                report.add(place, Reason::Source);
                let children = std::mem::take(&mut block.children);
                several.push(block);
                several.extend(children);
                emit(&mut out, several, inside);
                place.pop();
                continue;
            }
            // One column is no columns: what it holds stands for itself.
            BlockKind::ColumnList if block.children.len() < 2 => {
                report.add(place, Reason::Columns);
                for column in block.children {
                    several.extend(column.children);
                }
                emit(&mut out, several, inside);
                place.pop();
                continue;
            }
            BlockKind::Column { .. } if inside != Inside::ColumnList => {
                report.add(place, Reason::Columns);
                emit(&mut out, block.children, inside);
                place.pop();
                continue;
            }
            BlockKind::TableRow { .. } if inside != Inside::Table => {
                report.add(place, Reason::Table);
                let mut table = Block::new(BlockKind::Table {
                    width: 1,
                    header_row: false,
                    header_column: false,
                    alignment: Vec::new(),
                })
                .with_children(vec![block]);
                rectangle(&mut table, place, &mut Report::default());
                block = table;
            }
            _ => {}
        }
        if inside == Inside::ColumnList && !matches!(block.kind, BlockKind::Column { .. }) {
            report.add(place, Reason::Columns);
        }
        if inside == Inside::ColumnList {
            emit(&mut out, vec![block], inside);
        } else {
            out.push(block);
        }
        place.pop();
    }
    *blocks = out;
}

/// Whether a block may leave its place among its siblings, or get something around it.
fn moves(block: &Block, inside: Inside) -> bool {
    match block.kind {
        _ if inside == Inside::ColumnList => true,
        BlockKind::Heading { toggle, .. } => !toggle && !block.children.is_empty(),
        BlockKind::Verbatim { .. } => !block.children.is_empty(),
        BlockKind::TableRow { .. } => inside != Inside::Table,
        BlockKind::ColumnList | BlockKind::Column { .. } => true,
        _ => false,
    }
}

/// Shapes what is in a block.
fn settle(block: &mut Block, place: &mut Vec<usize>, report: &mut Report) {
    let within = match block.kind {
        BlockKind::ColumnList => Inside::ColumnList,
        BlockKind::Table { .. } => Inside::Table,
        _ => Inside::Any,
    };
    shape_blocks(&mut block.children, place, report, within);
    let mut emojis = false;
    each_text(&mut block.kind, |text| {
        emojis |= name_emojis(text);
        settle_mentions(text);
    });
    settle_id(&mut block.kind);
    if emojis {
        report.add(place, Reason::Emoji);
    }
    hoist(block, place, report);
    if matches!(block.kind, BlockKind::Table { .. }) {
        rectangle(block, place, report);
    }
}

/// Adds blocks to a list; in a column list those that are no columns get one of their own.
fn emit(out: &mut Vec<Block>, blocks: Vec<Block>, inside: Inside) {
    let (columns, others): (Vec<Block>, Vec<Block>) = blocks.into_iter().partition(|block| {
        inside != Inside::ColumnList || matches!(block.kind, BlockKind::Column { .. })
    });
    out.extend(columns);
    if !others.is_empty() {
        out.push(Block::new(BlockKind::Column { ratio: None }).with_children(others));
    }
}

/// Gives a block without text that of a plain paragraph that comes first inside.
fn hoist(block: &mut Block, place: &[usize], report: &mut Report) {
    let hoists = matches!(
        block.kind,
        BlockKind::BulletedItem { .. }
            | BlockKind::NumberedItem { .. }
            | BlockKind::ToDo { .. }
            | BlockKind::Quote { .. }
            | BlockKind::Callout { .. }
    );
    if !hoists || !block.kind.text().is_some_and(RichText::is_blank) {
        return;
    }
    // An empty first paragraph says nothing that the empty text does not.
    while let Some(first) = block.children.first()
        && first.children.is_empty()
        && let BlockKind::Paragraph { text, color } = &first.kind
        && color.is_default()
    {
        let found = text.clone();
        let blank = found.is_blank();
        block.children.remove(0);
        report.add(place, Reason::FirstParagraph);
        if !blank {
            if let Some(text) = block.kind.text_mut() {
                *text = found;
            }
            return;
        }
    }
}

/// Makes all rows of a table equally wide, and drops what is no row.
fn rectangle(block: &mut Block, place: &[usize], report: &mut Report) {
    let mut changed = false;
    let before = block.children.len();
    block
        .children
        .retain(|row| matches!(row.kind, BlockKind::TableRow { .. }));
    changed |= block.children.len() != before;
    if block.children.is_empty() {
        block
            .children
            .push(Block::new(BlockKind::TableRow { cells: Vec::new() }));
        changed = true;
    }
    let widest = block
        .children
        .iter()
        .map(|row| match &row.kind {
            BlockKind::TableRow { cells } => cells.len(),
            _ => 0,
        })
        .max()
        .unwrap_or(0);
    let BlockKind::Table { width, .. } = &mut block.kind else {
        return;
    };
    let wanted = widest.max(1);
    changed |= *width != wanted;
    *width = wanted;
    for row in &mut block.children {
        if let BlockKind::TableRow { cells } = &mut row.kind
            && cells.len() != wanted
        {
            cells.resize(wanted, RichText::default());
            changed = true;
        }
    }
    if changed {
        report.add(place, Reason::Table);
    }
}

fn each_text(kind: &mut BlockKind, mut change: impl FnMut(&mut RichText)) {
    if let Some(text) = kind.text_mut() {
        change(text);
    }
    match kind {
        BlockKind::TableRow { cells } => cells.iter_mut().for_each(change),
        BlockKind::Code { caption, .. }
        | BlockKind::Media { caption, .. }
        | BlockKind::Bookmark { caption, .. }
        | BlockKind::Embed { caption, .. } => change(caption),
        _ => {}
    }
}

/// Whether there was one.
fn name_emojis(text: &mut RichText) -> bool {
    let mut found = false;
    for run in &mut text.0 {
        if let InlineKind::Mention(Mention::Emoji(name)) = &run.kind {
            run.kind = InlineKind::Text(format!(":{name}:"));
            found = true;
        }
    }
    found
}

/// Ids of what a text mentions, as Notion gives them.
fn settle_mentions(text: &mut RichText) {
    for run in &mut text.0 {
        if let InlineKind::Mention(Mention::User(id) | Mention::Page(id) | Mention::Database(id)) =
            &mut run.kind
        {
            *id = normal_id(id);
        }
    }
}

/// The id that a block names, as Notion gives it.
fn settle_id(kind: &mut BlockKind) {
    if let BlockKind::ChildPage { page: id, .. }
    | BlockKind::ChildDatabase { database: id, .. }
    | BlockKind::LinkToPage { page: id }
    | BlockKind::Synced { from: Some(id) } = kind
    {
        *id = normal_id(id);
    }
}
