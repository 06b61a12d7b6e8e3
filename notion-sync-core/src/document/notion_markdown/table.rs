//! Tables: tags inside which indentation means nothing, and pipe tables.

use super::attributes::{Tag, read_tag};
use super::inline_reader::read_inline;
use super::lines::{Backticks, Line, find_close};
use crate::document::model::{Alignment, Block, BlockKind, RichText};

/// Reads the table whose opening tag starts `lines[0]`; returns it with the number of lines.
pub(super) fn read_table(lines: &[Line<'_>]) -> (Block, usize) {
    let mut rows: Vec<Vec<RichText>> = Vec::new();
    let mut header_row = false;
    let mut header_column = false;
    let mut used = 0;
    let mut done = false;
    for line in lines {
        let text = line.text;
        if used > 0 && !text.is_empty() && !text.starts_with('<') {
            break;
        }
        used += 1;
        let backticks = Backticks::of(text);
        let mut at = 0;
        while let Some(offset) = text[at..].find('<') {
            at += offset;
            let Some(tag) = read_tag(&text[at..]) else {
                at += 1;
                continue;
            };
            at += tag.len;
            match (tag.name, tag.closing) {
                ("table", false) => {
                    header_row = is_true(&tag, "header-row");
                    header_column = is_true(&tag, "header-column");
                }
                ("table", true) => {
                    done = true;
                    break;
                }
                ("tr", false) => rows.push(Vec::new()),
                ("td" | "th", false) => {
                    let close = if tag.name == "td" { "</td>" } else { "</th>" };
                    let (cell, after) = match find_close(text, &backticks, at, close) {
                        Some(end) => (&text[at..end], end + close.len()),
                        None => (&text[at..], text.len()),
                    };
                    if rows.is_empty() {
                        rows.push(Vec::new());
                    }
                    if !tag.self_closing
                        && let Some(row) = rows.last_mut()
                    {
                        row.push(read_inline(cell.trim()));
                        at = after;
                    }
                }
                _ => {}
            }
        }
        if done {
            break;
        }
    }
    (
        assemble(rows, header_row, header_column, Vec::new()),
        used.max(1),
    )
}

fn is_true(tag: &Tag<'_>, name: &str) -> bool {
    tag.get(name) == Some("true")
}

fn assemble(
    rows: Vec<Vec<RichText>>,
    header_row: bool,
    header_column: bool,
    alignment: Vec<Alignment>,
) -> Block {
    let width = rows.iter().map(Vec::len).max().unwrap_or(0).max(1);
    // A wide row among many narrow ones must not cost width times rows of empty cells.
    let budget = 4 * rows.iter().map(|row| row.len() + 4).sum::<usize>();
    let pad = width * rows.len() <= budget;
    let rows = rows
        .into_iter()
        .map(|mut cells| {
            if pad {
                cells.resize(width, RichText::default());
            }
            Block::new(BlockKind::TableRow { cells })
        })
        .collect();
    Block::new(BlockKind::Table {
        width,
        header_row,
        header_column,
        alignment,
    })
    .with_children(rows)
}

/// Reads a pipe table at the start of `lines`, if the second line separates a header.
pub(super) fn read_pipe_table(lines: &[Line<'_>]) -> Option<(Block, usize)> {
    let alignment = delimiter_row(lines.get(1)?.text)?;
    let mut rows = vec![pipe_cells(lines.first()?.text)];
    if rows[0].len() != alignment.len() {
        return None;
    }
    let mut used = 2;
    for line in &lines[2..] {
        if !line.text.starts_with('|') {
            break;
        }
        let mut cells = pipe_cells(line.text);
        cells.truncate(alignment.len());
        rows.push(cells);
        used += 1;
    }
    Some((assemble(rows, true, false, alignment), used))
}

fn delimiter_row(text: &str) -> Option<Vec<Alignment>> {
    let inner = text.strip_prefix('|')?;
    let inner = inner.strip_suffix('|').unwrap_or(inner);
    inner
        .split('|')
        .map(|cell| {
            let cell = cell.trim();
            let dashes = cell.trim_start_matches(':').trim_end_matches(':');
            if dashes.is_empty() || dashes.bytes().any(|b| b != b'-') {
                return None;
            }
            Some(match (cell.starts_with(':'), cell.ends_with(':')) {
                (true, true) => Alignment::Center,
                (true, false) => Alignment::Left,
                (false, true) => Alignment::Right,
                (false, false) => Alignment::None,
            })
        })
        .collect()
}

fn pipe_cells(text: &str) -> Vec<RichText> {
    let inner = text.strip_prefix('|').unwrap_or(text);
    let mut cells = Vec::new();
    let mut start = 0;
    let mut escaped = false;
    for (at, b) in inner.bytes().enumerate() {
        match b {
            b'\\' => escaped = !escaped,
            b'|' if !escaped => {
                cells.push(read_inline(inner[start..at].trim()));
                start = at + 1;
            }
            _ => escaped = false,
        }
        if b == b'|' {
            escaped = false;
        }
    }
    if !inner[start..].trim().is_empty() {
        cells.push(read_inline(inner[start..].trim()));
    }
    cells
}
