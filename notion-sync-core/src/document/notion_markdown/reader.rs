//! Blocks, line by line.

use super::attributes::{Tag, color_from, read_tag, split_attributes, value};
use super::inline_reader::{read_inline, read_target};
use super::lines::{
    Backticks, Line, Start, closes_fence, find_close, split_lines, start_of, unindent,
};
use super::table::{read_pipe_table, read_table};
use crate::document::limits::{Limits, code_language};
use crate::document::model::{
    Block, BlockKind, Color, Document, Icon, MediaKind, MediaSource, RichText,
};
use crate::document::reference::{id_or_rest, is_hosted, stable_url};
use crate::error::{Error, ErrorKind, Result};

pub(super) fn read_document(markdown: &str, limits: &Limits) -> Result<Document> {
    let during = "read page Markdown";
    if markdown.len() > limits.bytes {
        return Err(Error::new(ErrorKind::Invalid, during).message(format!(
            "{} bytes, at most {} are read",
            markdown.len(),
            limits.bytes
        )));
    }
    let lines = split_lines(markdown);
    let last_notes = lines
        .iter()
        .rposition(|line| line.text == "</meeting-notes>");
    let mut reader = Reader {
        lines,
        at: 0,
        blocks: 0,
        limits: *limits,
        open: Vec::new(),
        last_notes,
    };
    let mut blocks = Vec::new();
    while reader.at < reader.lines.len() {
        reader.siblings(0, 0, &mut blocks)?;
    }
    Ok(Document { blocks })
}

struct Reader<'a> {
    lines: Vec<Line<'a>>,
    at: usize,
    blocks: usize,
    limits: Limits,
    /// Tags that wait for their closing line, with their indentation.
    open: Vec<(&'static str, usize)>,
    /// Where meeting notes close for the last time.
    last_notes: Option<usize>,
}

/// Tags that close on a line of their own.
const CONTAINERS: [&str; 7] = [
    "callout",
    "column",
    "columns",
    "details",
    "synced_block",
    "synced_block_reference",
    ":::",
];

/// The container that a line closes.
fn closing(text: &str) -> Option<&'static str> {
    if text == ":::" {
        return Some(":::");
    }
    let name = text.strip_prefix("</")?.strip_suffix('>')?;
    CONTAINERS.into_iter().find(|tag| *tag == name)
}

impl<'a> Reader<'a> {
    /// Reads blocks at `indent` or deeper, up to a closing line that somebody waits for.
    fn siblings(&mut self, indent: usize, depth: usize, out: &mut Vec<Block>) -> Result<()> {
        if depth > self.limits.depth {
            return Err(Error::new(ErrorKind::Invalid, "read page Markdown")
                .with("line", self.at + 1)
                .message(format!(
                    "blocks nest {depth} levels deep, at most {} are read",
                    self.limits.depth
                )));
        }
        while let Some(line) = self.lines.get(self.at).copied() {
            if line.text.is_empty() {
                self.at += 1;
                continue;
            }
            if line.indent < indent {
                break;
            }
            if let Some(tag) = closing(line.text)
                && self.open.iter().any(|(open, _)| *open == tag)
            {
                break;
            }
            self.block(line, depth, out)?;
        }
        Ok(())
    }

    fn push(&mut self, block: Block, out: &mut Vec<Block>) -> Result<()> {
        self.blocks += 1 + block.children.iter().filter(|row| is_row(row)).count();
        if self.blocks > self.limits.blocks {
            return Err(Error::new(ErrorKind::Invalid, "read page Markdown")
                .with("line", self.at)
                .message(format!(
                    "{} blocks or more, at most {} are read",
                    self.blocks, self.limits.blocks
                )));
        }
        out.push(block);
        Ok(())
    }

    fn block(&mut self, line: Line<'a>, depth: usize, out: &mut Vec<Block>) -> Result<()> {
        let block = match start_of(line.text) {
            Start::Fence { ticks, info } => self.code(line, ticks, info),
            Start::Equation { rest } => self.equation(line, rest),
            Start::Divider => self.single(BlockKind::Divider),
            Start::Heading { level, rest } => {
                let (text, attributes) = split_attributes(rest);
                let toggle = value(&attributes, "toggle") == Some("true");
                let kind = BlockKind::Heading {
                    level,
                    text: read_inline(text),
                    toggle,
                    color: color_from(value(&attributes, "color")),
                    anchor: None,
                };
                let block = self.single(kind);
                if toggle {
                    self.with_children(block, line.indent, depth)?
                } else {
                    block
                }
            }
            Start::ToDo { checked, rest } => {
                let (text, color) = text_and_color(rest);
                let kind = BlockKind::ToDo {
                    text,
                    checked,
                    color,
                };
                let block = self.single(kind);
                self.with_children(block, line.indent, depth)?
            }
            Start::Bullet { rest } => {
                let (text, color) = text_and_color(rest);
                let block = self.single(BlockKind::BulletedItem { text, color });
                self.with_children(block, line.indent, depth)?
            }
            Start::Number { rest } => {
                let (text, color) = text_and_color(rest);
                let block = self.single(BlockKind::NumberedItem {
                    text,
                    start: None,
                    color,
                });
                self.with_children(block, line.indent, depth)?
            }
            Start::Quote { rest } => {
                let (text, color) = text_and_color(rest);
                let block = self.single(BlockKind::Quote { text, color });
                self.with_children(block, line.indent, depth)?
            }
            Start::Pipe => match read_pipe_table(&self.lines[self.at..]) {
                Some((table, used)) => {
                    self.at += used;
                    table
                }
                None => self.paragraph(line, depth)?,
            },
            Start::Image => match read_image(line.text) {
                Some(kind) => self.single(kind),
                None => self.paragraph(line, depth)?,
            },
            Start::Fenced { rest } => match rest.strip_prefix("callout") {
                Some(rest) => self.fenced_callout(line, rest.trim(), depth)?,
                None => self.paragraph(line, depth)?,
            },
            Start::Tag => match read_tag(line.text) {
                Some(tag) => self.tag(line, &tag, depth)?,
                None => self.paragraph(line, depth)?,
            },
            Start::Paragraph => self.paragraph(line, depth)?,
        };
        self.push(block, out)
    }

    fn single(&mut self, kind: BlockKind) -> Block {
        self.at += 1;
        Block::new(kind)
    }

    fn paragraph(&mut self, line: Line<'a>, depth: usize) -> Result<Block> {
        let (text, color) = text_and_color(line.text);
        let block = self.single(BlockKind::Paragraph { text, color });
        self.with_children(block, line.indent, depth)
    }

    fn with_children(&mut self, mut block: Block, indent: usize, depth: usize) -> Result<Block> {
        let next = self.lines[self.at..]
            .iter()
            .find(|line| !line.text.is_empty());
        if next.is_some_and(|line| line.indent > indent) {
            self.siblings(indent + 1, depth + 1, &mut block.children)?;
        }
        Ok(block)
    }

    /// The lines up to the one that `closes`, without the indentation of the opening line.
    fn literal(&mut self, indent: usize, closes: impl Fn(&Line<'a>) -> bool) -> String {
        let start = self.at;
        let rest = &self.lines[start..];
        let length = rest.iter().position(closes).unwrap_or(rest.len());
        self.at = start + length + usize::from(length < rest.len());
        let body = &self.lines[start..start + length];
        // Content that is indented like its fence loses that indentation; content that is not (the
        // form is not documented) is taken as it stands.
        let indented = body
            .iter()
            .all(|line| line.raw.is_empty() || unindent_levels(line.raw) >= indent);
        let mut out = String::new();
        for (at, line) in body.iter().enumerate() {
            if at > 0 {
                out.push('\n');
            }
            out.push_str(if indented {
                unindent(line.raw, indent)
            } else {
                line.raw
            });
        }
        out
    }

    fn code(&mut self, line: Line<'a>, ticks: usize, info: &str) -> Block {
        self.at += 1;
        let code = self.literal(line.indent, |inner| closes_fence(inner, ticks, line.indent));
        let language = match code_language(info) {
            Some(name) => name.into(),
            None => info.to_lowercase().into(),
        };
        Block::new(BlockKind::Code {
            code,
            language,
            info: None,
            caption: RichText::default(),
        })
    }

    fn equation(&mut self, line: Line<'a>, rest: &str) -> Block {
        self.at += 1;
        let expression = if let Some(inner) = rest.strip_suffix("$$") {
            inner.trim().to_owned()
        } else {
            let body = self.literal(line.indent, |inner| inner.text == "$$");
            match (rest.trim(), body.as_str()) {
                ("", _) => body,
                (first, "") => first.to_owned(),
                (first, _) => format!("{first}\n{body}"),
            }
        };
        Block::new(BlockKind::Equation { expression })
    }

    fn fenced_callout(&mut self, line: Line<'a>, rest: &str, depth: usize) -> Result<Block> {
        let (_, attributes) = split_attributes(rest);
        let icon = value(&attributes, "icon").and_then(read_icon);
        let color = color_from(value(&attributes, "color"));
        self.at += 1;
        let children = self.container(":::", line.indent, depth)?;
        Ok(callout(icon, color, children))
    }

    /// Reads what stands inside a tag, and its closing line.
    fn container(&mut self, tag: &'static str, indent: usize, depth: usize) -> Result<Vec<Block>> {
        let mut children = Vec::new();
        self.open.push((tag, indent));
        let result = self.siblings(indent, depth + 1, &mut children);
        self.open.pop();
        result?;
        if let Some(line) = self.lines.get(self.at)
            && closing(line.text) == Some(tag)
        {
            let outer = self
                .open
                .iter()
                .any(|(open, at)| *open == tag && *at == line.indent);
            if line.indent == indent || !outer {
                self.at += 1;
            }
        }
        Ok(children)
    }

    fn tag(&mut self, line: Line<'a>, tag: &Tag<'_>, depth: usize) -> Result<Block> {
        let rest = line.text[tag.len..].trim();
        if tag.closing {
            return self.paragraph(line, depth);
        }
        Ok(match tag.name {
            "empty-block" => {
                let kind = BlockKind::Paragraph {
                    text: RichText::default(),
                    color: tag.color(),
                };
                let block = self.single(kind);
                self.with_children(block, line.indent, depth)?
            }
            "table_of_contents" => self.single(BlockKind::TableOfContents { color: tag.color() }),
            "unknown" => self.single(BlockKind::Opaque {
                kind: tag.get("alt").unwrap_or("unsupported").to_owned(),
                raw: String::new(),
            }),
            "table" => {
                let (table, used) = read_table(&self.lines[self.at..]);
                self.at += used;
                table
            }
            "details" => self.details(line, tag, rest, depth)?,
            "callout" => {
                self.at += 1;
                let icon = tag.get("icon").and_then(read_icon);
                let color = tag.color();
                if tag.self_closing {
                    callout(icon, color, Vec::new())
                } else if rest.is_empty() {
                    let children = self.container("callout", line.indent, depth)?;
                    callout(icon, color, children)
                } else {
                    let (inner, closed) = inner_text(line.text, tag.len, "</callout>");
                    let mut children = Vec::new();
                    if !closed {
                        children = self.container("callout", line.indent, depth)?;
                    }
                    Block::new(BlockKind::Callout {
                        text: read_inline(inner.trim()),
                        icon,
                        color,
                    })
                    .with_children(children)
                }
            }
            "columns" => {
                self.at += 1;
                let children = self.container("columns", line.indent, depth)?;
                Block::new(BlockKind::ColumnList).with_children(columns(children))
            }
            "column" => {
                self.at += 1;
                let ratio = tag.get("ratio").and_then(read_ratio);
                let children = self.container("column", line.indent, depth)?;
                Block::new(BlockKind::Column { ratio }).with_children(children)
            }
            "synced_block" => {
                self.at += 1;
                let children = if tag.self_closing {
                    Vec::new()
                } else {
                    self.container("synced_block", line.indent, depth)?
                };
                Block::new(BlockKind::Synced { from: None }).with_children(children)
            }
            "synced_block_reference" => {
                self.at += 1;
                let children = if tag.self_closing {
                    Vec::new()
                } else {
                    self.container("synced_block_reference", line.indent, depth)?
                };
                let from = tag.get("url").map(id_or_rest);
                Block::new(BlockKind::Synced { from }).with_children(children)
            }
            "meeting-notes" => {
                self.at += 1;
                if !tag.self_closing && self.last_notes.is_some_and(|last| last >= self.at) {
                    let end = self.lines[self.at..]
                        .iter()
                        .position(|line| line.text == "</meeting-notes>");
                    self.at += end.map_or(0, |length| length + 1);
                }
                Block::new(BlockKind::Opaque {
                    kind: "meeting_notes".to_owned(),
                    raw: String::new(),
                })
            }
            "page" | "database" => {
                let close = if tag.name == "page" {
                    "</page>"
                } else {
                    "</database>"
                };
                let (inner, _) = inner_text(line.text, tag.len, close);
                let title = if tag.self_closing {
                    String::new()
                } else {
                    read_inline(inner.trim()).to_plain()
                };
                let id = tag
                    .get("url")
                    .or(tag.get("data-source-url"))
                    .map(id_or_rest);
                let id = id.unwrap_or_default();
                self.single(if tag.name == "page" {
                    BlockKind::ChildPage { page: id, title }
                } else {
                    BlockKind::ChildDatabase {
                        database: id,
                        title,
                    }
                })
            }
            "audio" | "video" | "file" | "pdf" => {
                let (media, close) = match tag.name {
                    "audio" => (MediaKind::Audio, "</audio>"),
                    "video" => (MediaKind::Video, "</video>"),
                    "pdf" => (MediaKind::Pdf, "</pdf>"),
                    _ => (MediaKind::File, "</file>"),
                };
                let inner = if tag.self_closing {
                    ""
                } else {
                    inner_text(line.text, tag.len, close).0
                };
                self.single(BlockKind::Media {
                    media,
                    source: read_source(tag.get("src").unwrap_or_default()),
                    caption: read_inline(inner.trim()),
                })
            }
            _ => self.paragraph(line, depth)?,
        })
    }

    fn details(
        &mut self,
        line: Line<'a>,
        tag: &Tag<'_>,
        rest: &str,
        depth: usize,
    ) -> Result<Block> {
        self.at += 1;
        let mut summary = rest;
        if summary.is_empty() {
            while self
                .lines
                .get(self.at)
                .is_some_and(|line| line.text.is_empty())
            {
                self.at += 1;
            }
            if let Some(next) = self.lines.get(self.at)
                && next.text.starts_with("<summary>")
            {
                summary = next.text;
                self.at += 1;
            }
        }
        let mut text = RichText::default();
        let mut closed = false;
        if let Some(inner) = summary.strip_prefix("<summary>") {
            let (inner, _) = inner_text(inner, 0, "</summary>");
            text = read_inline(inner.trim());
            closed = rest.ends_with("</details>");
        } else if !summary.is_empty() {
            text = read_inline(summary);
        }
        let children = if closed {
            Vec::new()
        } else {
            self.container("details", line.indent, depth)?
        };
        Ok(Block::new(BlockKind::Toggle {
            text,
            color: tag.color(),
        })
        .with_children(children))
    }
}

fn is_row(block: &Block) -> bool {
    matches!(block.kind, BlockKind::TableRow { .. })
}

fn unindent_levels(raw: &str) -> usize {
    let mut levels = 0;
    let mut rest = raw;
    while let Some(shorter) = rest
        .strip_prefix('\t')
        .or_else(|| rest.strip_prefix("    "))
    {
        levels += 1;
        rest = shorter;
    }
    levels
}

/// The text between `from` and `close` (or the end of the line), and whether it was closed.
fn inner_text<'t>(line: &'t str, from: usize, close: &str) -> (&'t str, bool) {
    match find_close(line, &Backticks::of(line), from, close) {
        Some(end) => (&line[from..end], true),
        None => (&line[from..], false),
    }
}

fn text_and_color(line: &str) -> (RichText, Color) {
    let (text, attributes) = split_attributes(line);
    (read_inline(text), color_from(value(&attributes, "color")))
}

fn read_icon(icon: &str) -> Option<Icon> {
    if icon.is_empty() {
        return None;
    }
    if icon.starts_with("https://") || icon.starts_with("http://") {
        return Some(Icon::External(icon.to_owned()));
    }
    Some(
        match icon
            .strip_prefix(':')
            .and_then(|rest| rest.strip_suffix(':'))
        {
            Some(name) => Icon::Named(name.to_owned()),
            None => Icon::Emoji(icon.to_owned()),
        },
    )
}

/// A share in percent as thousandths.
fn read_ratio(ratio: &str) -> Option<u32> {
    let percent: f64 = ratio.trim().trim_end_matches('%').parse().ok()?;
    let scaled = (percent * 10.0).round();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the range is checked"
    )]
    (0.0..=1_000_000.0)
        .contains(&scaled)
        .then_some(scaled as u32)
}

fn read_source(url: &str) -> MediaSource {
    if url.starts_with("file://") {
        MediaSource::Hosted(url.to_owned())
    } else if is_hosted(url) {
        MediaSource::Hosted(stable_url(url))
    } else {
        MediaSource::External(url.to_owned())
    }
}

/// An image that is the whole line.
fn read_image(line: &str) -> Option<BlockKind> {
    let (text, _) = split_attributes(line);
    let backticks = Backticks::of(text);
    let bytes = text.as_bytes();
    let mut at = 2;
    let mut depth = 0usize;
    loop {
        match bytes.get(at)? {
            b'\\' => at += 2,
            b'`' => {
                let ticks = bytes[at..].iter().take_while(|b| **b == b'`').count();
                at = backticks
                    .closer(ticks, at + ticks)
                    .map_or(at + ticks, |end| end + ticks);
            }
            b'[' => {
                depth += 1;
                at += 1;
            }
            b']' if depth == 0 => break,
            b']' => {
                depth -= 1;
                // Brackets in the target of a link belong to nothing.
                at = read_target(text, at + 1).map_or(at + 1, |(_, end)| end);
            }
            _ => at += 1,
        }
    }
    let (url, end) = read_target(text, at + 1)?;
    (end == text.len()).then(|| BlockKind::Media {
        media: MediaKind::Image,
        source: read_source(&url),
        caption: read_inline(&text[2..at]),
    })
}

/// A callout: a plain first paragraph is its text.
fn callout(icon: Option<Icon>, color: Color, mut children: Vec<Block>) -> Block {
    let mut text = RichText::default();
    if let Some(first) = children.first_mut()
        && first.children.is_empty()
        && let BlockKind::Paragraph { text: own, color } = &mut first.kind
        && color.is_default()
    {
        text = std::mem::take(own);
        children.remove(0);
    }
    Block::new(BlockKind::Callout { text, icon, color }).with_children(children)
}

/// Columns with anything that stands between them in a column of its own.
fn columns(children: Vec<Block>) -> Vec<Block> {
    children
        .into_iter()
        .map(|child| match child.kind {
            BlockKind::Column { .. } => child,
            _ => Block::new(BlockKind::Column { ratio: None }).with_children(vec![child]),
        })
        .collect()
}
