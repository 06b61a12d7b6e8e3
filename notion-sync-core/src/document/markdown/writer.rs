//! Blocks to Markdown in the canonical style.

use serde_json::{Map, Value, json};

use super::inline_writer::{self, Care, Place};
use super::{Style, alert, anchor, html, language, leaf, marker};
pub(crate) use crate::document::layout::{is_item, without_trailing_blanks};
use crate::document::layout::{is_numbered, restarts};
use crate::document::{Alignment, Block, BlockKind, Color, Icon, ListFormat, RichText};

/// Writes blocks; how careful is known for each by its number in document order.
#[derive(Debug)]
pub(crate) struct Writer<'a> {
    pub(crate) style: &'a Style,
    pub(crate) care: &'a [Care],
    /// Number of blocks in each block, itself included.
    pub(crate) sizes: &'a [usize],
}

/// Puts a prefix in front of every line but the first; blank lines get it without its trailing
/// white space.
pub(crate) fn continued(text: &str, prefix: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (at, line) in text.split('\n').enumerate() {
        if at > 0 {
            out.push('\n');
            out.push_str(if line.is_empty() {
                prefix.trim_end()
            } else {
                prefix
            });
        }
        out.push_str(line);
    }
    out
}

/// Where a list of blocks stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum At {
    /// Behind something.
    Inside,
    /// At the very start of a file, where `---` would start front matter.
    FileStart,
    /// Right behind a list marker.
    Marker,
    /// Right behind the line of another block, where `---` would underline it.
    Touching,
}

impl Writer<'_> {
    pub(super) fn care(&self, number: usize) -> Care {
        self.care.get(number).copied().unwrap_or(Care::Plain)
    }

    pub(super) fn size(&self, number: usize) -> usize {
        self.sizes.get(number).copied().unwrap_or(1)
    }

    /// Writes siblings, the first of which has the given number.
    pub(crate) fn blocks(&self, blocks: &[Block], number: usize, at: At) -> String {
        self.siblings(blocks, number, at, false)
    }

    /// The same; in a tight list no blank line stands where none is needed.
    fn siblings(&self, blocks: &[Block], mut number: usize, at: At, tight: bool) -> String {
        let blocks = without_trailing_blanks(blocks);
        let mut out = String::new();
        let mut count = 0_u64;
        let mut alternate = false;
        let mut loose = false;
        let mut before: Option<(&Block, usize)> = None;
        for (index, block) in blocks.iter().enumerate() {
            let mut touches = false;
            let joined = before.is_some_and(|(last, last_number)| {
                is_item(&last.kind)
                    && is_item(&block.kind)
                    && is_numbered(&last.kind) == is_numbered(&block.kind)
                    && self.care(last_number) < Care::Data
                    && self.care(number) < Care::Data
            });
            let goes_on = joined && !restarts(block);
            if is_item(&block.kind) && !goes_on {
                loose = self.is_loose(&blocks[index..], number);
            }
            if let Some((last, last_number)) = before {
                touches = tight && self.may_touch(last, last_number, block, number);
                let close = if goes_on { !loose } else { touches };
                let apart =
                    matches!(block.kind, BlockKind::Heading { .. }) && anchor::is_block(last);
                out.push_str(match (apart, close) {
                    (true, _) => anchor::APART,
                    (false, true) => "\n",
                    (false, false) => "\n\n",
                });
                if !joined {
                    count = 0;
                    alternate = false;
                } else if !goes_on {
                    count = 0;
                    alternate = !alternate;
                }
            }
            if let BlockKind::NumberedItem { start, .. } = &block.kind {
                count = if count == 0 && !goes_on {
                    start.unwrap_or(1)
                } else {
                    count + 1
                };
                count = count.min(999_999_999);
            }
            let place = match (out.is_empty(), touches) {
                (true, _) => at,
                (false, true) => At::Touching,
                (false, false) => At::Inside,
            };
            let delimiter = match (alternate, self.style.delimiter) {
                (false, delimiter) => delimiter,
                (true, ')') => '.',
                (true, _) => ')',
            };
            let bullet = match (alternate, self.style.bullet) {
                (false, bullet) => bullet,
                (true, '*') => '-',
                (true, _) => '*',
            };
            let marker = match &block.kind {
                BlockKind::NumberedItem { .. } => format!("{count}{delimiter}"),
                _ => bullet.to_string(),
            };
            out.push_str(&self.block_in(block, number, place, &marker, loose));
            before = Some((block, number));
            number += self.size(number);
        }
        out
    }

    /// Writes one block; an item with the given list marker.
    pub(crate) fn block(&self, block: &Block, number: usize, at: At, marker: &str) -> String {
        let loose = is_item(&block.kind) && self.is_loose_one(block, number);
        self.block_in(block, number, at, marker, loose)
    }

    /// The same where it is known whether the list of an item is loose.
    fn block_in(&self, block: &Block, number: usize, at: At, marker: &str, loose: bool) -> String {
        let out = self.bare_block(block, number, at, marker, loose);
        match &block.kind {
            BlockKind::Heading {
                anchor: Some(anchor),
                ..
            } => format!("{anchor}\n\n{out}"),
            _ => out,
        }
    }

    /// The same without the anchors of a heading.
    fn bare_block(
        &self,
        block: &Block,
        number: usize,
        at: At,
        marker: &str,
        loose: bool,
    ) -> String {
        let care = self.care(number);
        if care == Care::Data {
            return marker::of_block(&block.canonical());
        }
        let children = without_trailing_blanks(&block.children);
        match &block.kind {
            BlockKind::BulletedItem { .. } | BlockKind::NumberedItem { .. } => {
                self.item(marker, "", block, children, number, loose)
            }
            BlockKind::ToDo { checked, .. } => {
                let task = if *checked { "[x] " } else { "[ ] " };
                self.item(marker, task, block, children, number, loose)
            }
            BlockKind::Quote { text, color } => {
                let text = self.styled(text, color, Place::Paragraph, care);
                self.quote("", text, children, number)
            }
            BlockKind::Callout { text, icon, color } => {
                self.callout(text, icon.as_ref(), color, children, number, care)
            }
            BlockKind::Toggle { text, color } => {
                let summary = summary(text, color);
                self.details(&summary, children, number)
            }
            BlockKind::Heading {
                level,
                text,
                toggle: true,
                color,
                anchor: _,
            } if !children.is_empty() => {
                let level = (*level).clamp(1, 6);
                let summary = format!("<h{level}>{}</h{level}>", summary(text, color));
                self.details(&summary, children, number)
            }
            BlockKind::Table {
                header_row,
                header_column,
                alignment,
                width,
            } => self.table(
                *width,
                *header_row,
                *header_column,
                alignment,
                children,
                number,
            ),
            BlockKind::ColumnList | BlockKind::Column { .. } | BlockKind::Synced { .. } => {
                let open = marker::of_kind(&block.kind);
                let name = open
                    .trim_start_matches("<!-- notion-sync:")
                    .split(' ')
                    .next()
                    .unwrap_or_default()
                    .to_owned();
                self.wrapped(&open, &marker::close(&name), children, number)
            }
            _ if !children.is_empty() => {
                let alone = self.single(block, care, At::Inside);
                let inner = self.blocks(children, number + 1, At::Inside);
                format!(
                    "{}\n\n{alone}\n\n{inner}\n\n{}",
                    marker::open("nested", &Value::Null),
                    marker::close("nested")
                )
            }
            _ => self.single(block, care, at),
        }
    }

    /// Text with the comment of what Markdown cannot say about it.
    fn styled(&self, text: &RichText, color: &Color, place: Place, care: Care) -> String {
        let written = inline_writer::write(text, place, care);
        if color.is_default() {
            return written;
        }
        let style = marker::open("style", &json!({ "color": color.name() }));
        let written = if written.is_empty() {
            "&nbsp;"
        } else {
            &written
        };
        format!("{written} {style}")
    }

    /// A block without children.
    fn single(&self, block: &Block, care: Care, at: At) -> String {
        match &block.kind {
            BlockKind::Paragraph { text, color } => {
                let text = self.styled(text, color, Place::Paragraph, care);
                if text.is_empty() {
                    "&nbsp;".to_owned()
                } else {
                    text
                }
            }
            BlockKind::Heading {
                level,
                text,
                toggle,
                color,
                anchor: _,
            } => {
                let hashes = "#".repeat(usize::from((*level).clamp(1, 6)));
                let mut style = Map::new();
                if !color.is_default() {
                    style.insert("color".to_owned(), Value::from(color.name()));
                }
                if *toggle {
                    style.insert("toggle".to_owned(), Value::Bool(true));
                }
                let mut out = format!("{hashes} {}", inline_writer::write(text, Place::Line, care));
                if !style.is_empty() {
                    out.push(' ');
                    out.push_str(&marker::open("style", &Value::Object(style)));
                }
                out.trim_end().to_owned()
            }
            BlockKind::Code {
                code,
                language,
                info,
                caption,
            } => code_block(code, language, info.as_deref(), caption),
            BlockKind::Equation { expression } => equation(expression, care),
            BlockKind::Divider => match at {
                At::Inside => "---".to_owned(),
                At::FileStart | At::Touching => "***".to_owned(),
                At::Marker => "___".to_owned(),
            },
            // As a file starts with a byte order mark, it does not say it.
            kind @ BlockKind::Verbatim { markdown }
                if at == At::FileStart && markdown.starts_with('\u{feff}') =>
            {
                marker::of_kind(kind)
            }
            BlockKind::Verbatim { markdown } => markdown.clone(),
            kind => {
                let line = if care == Care::Plain {
                    let place = match kind {
                        BlockKind::Media { .. } => Place::Line,
                        _ => Place::Paragraph,
                    };
                    leaf::write(kind, |text| inline_writer::write(text, place, care))
                } else {
                    None
                };
                line.unwrap_or_else(|| marker::of_kind(kind))
            }
        }
    }

    fn item(
        &self,
        marker: &str,
        task: &str,
        block: &Block,
        children: &[Block],
        number: usize,
        loose: bool,
    ) -> String {
        let mut body = self.item_text(block, self.care(number));
        // Without text of its own the item would take its first paragraph for it.
        let filled = !task.is_empty()
            || children
                .first()
                .is_some_and(|child| self.could_be_text(child, number + 1));
        if body.is_empty() && filled {
            body.push_str("&nbsp;");
        }
        let at = if body.is_empty() {
            At::Marker
        } else {
            At::Inside
        };
        let inner = self.siblings(children, number + 1, at, !loose);
        if !body.is_empty() && !inner.is_empty() {
            let close = !loose
                && self.care(number) == Care::Plain
                && children
                    .first()
                    .is_some_and(|first| self.touches_text(first, number + 1));
            body.push_str(if close { "\n" } else { "\n\n" });
        }
        body.push_str(&inner);
        let prefix = " ".repeat(marker.chars().count() + 1);
        let out = format!("{marker} {task}{}", continued(&body, &prefix));
        out.trim_end_matches(' ').to_owned()
    }

    /// The text of an item with the comment of what Markdown cannot say about the item.
    fn item_text(&self, block: &Block, care: Care) -> String {
        let (Some(text), Some(color)) = (block.kind.text(), block.kind.color()) else {
            return String::new();
        };
        let format = block.layout.format;
        if format == ListFormat::Numbers || !is_numbered(&block.kind) {
            return self.styled(text, color, Place::Paragraph, care);
        }
        let mut data = Map::new();
        if !color.is_default() {
            data.insert("color".to_owned(), Value::from(color.name()));
        }
        data.insert(
            "format".to_owned(),
            serde_json::to_value(format).unwrap_or(Value::Null),
        );
        let written = inline_writer::write(text, Place::Paragraph, care);
        let written = if written.is_empty() {
            "&nbsp;"
        } else {
            &written
        };
        format!("{written} {}", marker::open("style", &Value::Object(data)))
    }

    /// Whether the writer makes a paragraph of the block.
    fn could_be_text(&self, block: &Block, number: usize) -> bool {
        match &block.kind {
            BlockKind::Paragraph { .. } => {
                block.children.is_empty() && self.care(number) < Care::Data
            }
            BlockKind::Verbatim { markdown } => markdown.starts_with([' ', '\t']),
            _ => false,
        }
    }

    fn quote(&self, head: &str, text: String, children: &[Block], number: usize) -> String {
        let mut body = text;
        let filled = match children.first() {
            Some(child) => self.could_be_text(child, number + 1),
            None => !head.is_empty(),
        };
        if body.is_empty() && filled {
            body.push_str("&nbsp;");
        }
        let inner = self.blocks(children, number + 1, At::Inside);
        if !body.is_empty() && !inner.is_empty() {
            body.push_str("\n\n");
        }
        body.push_str(&inner);
        let body = format!("{head}{body}");
        format!("> {}", continued(&body, "> "))
            .trim_end_matches(' ')
            .to_owned()
    }

    fn callout(
        &self,
        text: &RichText,
        icon: Option<&Icon>,
        color: &Color,
        children: &[Block],
        number: usize,
        care: Care,
    ) -> String {
        let written = inline_writer::write(text, Place::Paragraph, care);
        if let Some(name) = alert::alert(icon, color) {
            let head = format!("[!{name}]\n");
            return self.quote(&head, written, children, number);
        }
        let mut data = Map::new();
        if let Some(icon) = icon {
            data.insert(
                "icon".to_owned(),
                serde_json::to_value(icon).unwrap_or(Value::Null),
            );
        }
        if !color.is_default() {
            data.insert("color".to_owned(), Value::from(color.name()));
        }
        let head = match icon {
            Some(Icon::Emoji(emoji)) if is_emoji(emoji) => emoji.as_str(),
            _ => "",
        };
        let shown = match (head, written.as_str()) {
            ("", "") => "&nbsp;".to_owned(),
            ("", text) => text.to_owned(),
            (head, "") => head.to_owned(),
            (head, text) => format!("{head} {text}"),
        };
        let comment = marker::open("callout", &Value::Object(data));
        self.quote("", format!("{shown} {comment}"), children, number)
    }

    fn details(&self, summary: &str, children: &[Block], number: usize) -> String {
        self.wrapped(
            &format!("<details>\n<summary>{summary}</summary>"),
            "</details>",
            children,
            number,
        )
    }

    fn wrapped(&self, open: &str, close: &str, children: &[Block], number: usize) -> String {
        let inner = self.blocks(children, number + 1, At::Inside);
        if inner.is_empty() {
            format!("{open}\n\n{close}")
        } else {
            format!("{open}\n\n{inner}\n\n{close}")
        }
    }

    fn table(
        &self,
        width: usize,
        header_row: bool,
        header_column: bool,
        alignment: &[Alignment],
        rows: &[Block],
        number: usize,
    ) -> String {
        let mut out = String::new();
        let mut data = Map::new();
        if !header_row {
            data.insert("header_row".to_owned(), Value::Bool(false));
        }
        if header_column {
            data.insert("header_column".to_owned(), Value::Bool(true));
        }
        if !data.is_empty() {
            out.push_str(&marker::open("table", &Value::Object(data)));
            out.push_str("\n\n");
        }
        let mut number = number + 1;
        for (at, row) in rows.iter().enumerate() {
            if at > 0 {
                out.push('\n');
            }
            out.push_str(&self.row(row, number));
            if at == 0 {
                out.push('\n');
                out.push_str(&delimiter_row(width, alignment));
            }
            number += self.size(number);
        }
        out
    }

    /// A row of a table.
    pub(crate) fn row(&self, row: &Block, number: usize) -> String {
        let BlockKind::TableRow { cells } = &row.kind else {
            return String::new();
        };
        let care = self.care(number);
        let mut out = String::from("|");
        for cell in cells {
            let cell = inline_writer::write(cell, Place::Cell, care);
            out.push(' ');
            out.push_str(&cell);
            out.push_str(if cell.is_empty() { "|" } else { " |" });
        }
        out
    }
}

fn delimiter_row(width: usize, alignment: &[Alignment]) -> String {
    let mut out = String::from("|");
    for column in 0..width.min(10_000) {
        out.push_str(match alignment.get(column) {
            Some(Alignment::Left) => " :--- |",
            Some(Alignment::Center) => " :---: |",
            Some(Alignment::Right) => " ---: |",
            _ => " --- |",
        });
    }
    out
}

fn summary(text: &RichText, color: &Color) -> String {
    let mut out = html::write_rich_text(&text.canonical(), inline_writer::explicit_html);
    if !color.is_default() {
        out.push_str(&marker::open("style", &json!({ "color": color.name() })));
    }
    out
}

/// An emoji that stands before the text of a callout as it is.
fn is_emoji(text: &str) -> bool {
    !text.is_empty()
        && text.len() < 64
        && text
            .chars()
            .all(|c| !c.is_ascii() && !c.is_whitespace() && !c.is_control())
}

fn code_block(code: &str, language: &str, info: Option<&str>, caption: &RichText) -> String {
    let mut data = Map::new();
    let canonical = language::info_of_language(language);
    let info = info
        .filter(|info| {
            language::language_of_info(info) == language
                && !info.contains(['\n', '\r'])
                && info.trim() != "math"
        })
        .map(str::to_owned)
        .or_else(|| canonical.clone());
    if info.is_none() {
        data.insert("language".to_owned(), Value::String(language.to_owned()));
    }
    let caption = caption.canonical();
    if !caption.is_empty() {
        data.insert(
            "caption".to_owned(),
            serde_json::to_value(&caption).unwrap_or(Value::Null),
        );
    }
    let mut out = String::new();
    if !data.is_empty() {
        out.push_str(&marker::open("code", &Value::Object(data)));
        out.push_str("\n\n");
    }
    out.push_str(&fenced(code, &info.unwrap_or_default()));
    out
}

fn fenced(code: &str, info: &str) -> String {
    // An info string with a backtick cannot stand behind backticks.
    let sign = if info.contains('`') { '~' } else { '`' };
    let longest = code
        .lines()
        .map(|line| {
            let line = line.trim_start();
            line.len() - line.trim_start_matches(sign).len()
        })
        .max()
        .unwrap_or(0);
    let fence = sign.to_string().repeat(longest.max(2) + 1);
    let newline = if code.is_empty() { "" } else { "\n" };
    format!("{fence}{info}\n{code}{newline}{fence}")
}

fn equation(expression: &str, care: Care) -> String {
    let lines_are_safe = expression.lines().all(|line| {
        line.trim() == line
            && line.starts_with(|c: char| c.is_alphabetic() || matches!(c, '\\' | '{' | '('))
    });
    if care == Care::Plain && !expression.is_empty() && lines_are_safe && !expression.contains('$')
    {
        return format!("$$\n{expression}\n$$");
    }
    fenced(expression, "math")
}
