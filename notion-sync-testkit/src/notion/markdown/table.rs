//! Tables.

use super::super::block::{ColumnStyle, Content, NewBlock, Row, TableShape};
use super::super::text::{Color, Rich};
use super::tag::{Form, Tag};
use super::{Emojis, inline_reader, inline_writer};

/// The most columns that are read.
const WIDEST: usize = 100;

/// A table as lines with their depth below the table's own.
pub(super) fn write(
    shape: &TableShape,
    rows: &[NewBlock],
    emojis: &Emojis,
) -> Vec<(usize, String)> {
    let mut head = String::from("<table");
    for (name, set) in [
        ("fit-page-width", shape.fit_page),
        ("header-row", shape.column_header),
        ("header-column", shape.row_header),
    ] {
        if set {
            head.push_str(&format!(" {name}=\"true\""));
        }
    }
    head.push('>');
    let mut out = vec![(0, head)];
    if shape
        .columns
        .iter()
        .any(|column| *column != ColumnStyle::default())
    {
        out.push((1, "<colgroup>".to_owned()));
        for column in &shape.columns {
            let mut line = String::from("<col");
            if !column.color.is_default() {
                line.push_str(&format!(" color=\"{}\"", column.color.markdown()));
            }
            if let Some(width) = column.width {
                line.push_str(&format!(" width=\"{width}\""));
            }
            line.push('>');
            out.push((2, line));
        }
        out.push((1, "</colgroup>".to_owned()));
    }
    let color = |color: Color| match color.is_default() {
        true => String::new(),
        false => format!(" color=\"{}\"", color.markdown()),
    };
    for row in rows {
        let Content::TableRow(row) = &row.content else {
            continue;
        };
        out.push((1, format!("<tr{}>", color(row.color))));
        for (index, cell) in row.cells.iter().enumerate() {
            let own = row.cell_colors.get(index).copied().unwrap_or_default();
            out.push((
                2,
                format!(
                    "<td{}>{}</td>",
                    color(own),
                    inline_writer::write(cell, emojis)
                ),
            ));
        }
        out.push((1, "</tr>".to_owned()));
    }
    out.push((0, "</table>".to_owned()));
    out
}

/// Reads the lines between `<table ...>` and `</table>`. Tags count, indentation does not.
pub(super) fn read(head: &Tag<'_>, lines: &[&str], emojis: &Emojis) -> NewBlock {
    let text = lines
        .iter()
        .map(|line| line.trim())
        .collect::<Vec<_>>()
        .join("\n");
    let mut shape = TableShape {
        column_header: head.is_set("header-row"),
        row_header: head.is_set("header-column"),
        fit_page: head.is_set("fit-page-width"),
        ..TableShape::default()
    };
    let mut rows: Vec<Row> = Vec::new();
    let mut at = 0;
    let mut gone = false;
    while let Some(found) = text.get(at..).and_then(|rest| rest.find('<')) {
        at += found;
        let Some(tag) = text.get(at..).and_then(Tag::parse) else {
            at += 1;
            continue;
        };
        at += tag.length;
        let color = tag
            .get("color")
            .and_then(Color::from_markdown)
            .unwrap_or_default();
        match (tag.name, tag.form) {
            ("col", Form::Open | Form::Alone) if shape.columns.len() < WIDEST => {
                let width = tag.get("width").and_then(|width| width.parse().ok());
                shape.columns.push(ColumnStyle { color, width });
            }
            ("tr", Form::Open) => rows.push(Row {
                color,
                ..Row::default()
            }),
            ("tr", Form::Alone) => rows.push(Row::default()),
            ("td" | "th", Form::Open | Form::Alone) => {
                let mut inner = "";
                if tag.form == Form::Open && !gone {
                    let close = if tag.name == "th" { "</th>" } else { "</td>" };
                    match text.get(at..).and_then(|rest| rest.find(close)) {
                        Some(length) => {
                            inner = text.get(at..at + length).unwrap_or_default();
                            at += length + close.len();
                        }
                        None => gone = true,
                    }
                }
                let lines: Vec<&str> = inner
                    .lines()
                    .map(str::trim)
                    .filter(|line| !line.is_empty())
                    .collect();
                if rows.is_empty() {
                    rows.push(Row::default());
                }
                if let Some(row) = rows.last_mut().filter(|row| row.cells.len() < WIDEST) {
                    row.cells
                        .push(inline_reader::read(&lines.join("<br>"), emojis));
                    row.cell_colors.push(color);
                }
            }
            _ => {}
        }
    }
    finish(shape, rows)
}

/// Reads a pipe table: the header, the rule below it, the rows.
pub(super) fn read_pipes(lines: &[&str], emojis: &Emojis) -> NewBlock {
    let rows = lines
        .iter()
        .enumerate()
        .filter(|(index, _)| *index != 1)
        .map(|(_, line)| {
            let cells: Vec<Rich> = pipe_cells(line)
                .into_iter()
                .take(WIDEST)
                .map(|cell| inline_reader::read(cell.trim(), emojis))
                .collect();
            Row {
                cell_colors: vec![Color::default(); cells.len()],
                cells,
                ..Row::default()
            }
        })
        .collect();
    finish(
        TableShape {
            column_header: true,
            ..TableShape::default()
        },
        rows,
    )
}

/// Whether a line is the rule below the header of a pipe table.
pub(super) fn is_rule(line: &str) -> bool {
    let line = line.trim();
    line.starts_with('|')
        && line.contains('-')
        && line
            .chars()
            .all(|c| matches!(c, '|' | '-' | ':' | ' ' | '\t'))
}

fn pipe_cells(line: &str) -> Vec<&str> {
    let line = line.trim();
    let line = line.strip_prefix('|').unwrap_or(line);
    let mut cells = Vec::new();
    let mut start = 0;
    let mut escaped = false;
    for (at, c) in line.char_indices() {
        match c {
            '|' if !escaped => {
                cells.push(line.get(start..at).unwrap_or_default());
                start = at + 1;
            }
            _ => {}
        }
        escaped = c == '\\' && !escaped;
    }
    let last = line.get(start..).unwrap_or_default();
    if !last.trim().is_empty() || cells.is_empty() {
        cells.push(last);
    }
    cells
}

/// Makes all rows as wide as the widest.
fn finish(mut shape: TableShape, mut rows: Vec<Row>) -> NewBlock {
    shape.width = rows
        .iter()
        .map(|row| row.cells.len())
        .max()
        .unwrap_or(1)
        .max(1);
    // Columns without any look of their own are not remembered.
    shape.columns.truncate(shape.width);
    if shape
        .columns
        .iter()
        .all(|column| *column == ColumnStyle::default())
    {
        shape.columns.clear();
    }
    for row in &mut rows {
        row.cells.resize(shape.width, Rich::new());
        row.cell_colors.resize(shape.width, Color::default());
    }
    NewBlock {
        id: None,
        content: Content::Table(shape),
        children: rows
            .into_iter()
            .map(|row| NewBlock::leaf(Content::TableRow(row)))
            .collect(),
    }
}
