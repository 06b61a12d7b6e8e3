//! Markdown events to nodes.

mod assembly;

use std::ops::Range;

use pulldown_cmark::{
    Alignment as ColumnAlignment, BlockQuoteKind, CodeBlockKind, Event, Options, Parser, Tag,
    TagEnd,
};

use super::inline::InlineBuilder;
use super::lines::{self, Container, Position};
use super::marker::Marker;
use super::node::{Form, Node};
use super::{Limits, MAX_COLUMNS, MarkdownError};
use crate::document::layout;
use crate::document::{Alignment, BlockKind, RichText, Spacing, Span};

/// How many bytes into its line a block is asked for its indentation.
const INDENTED_WITHIN: usize = 4096;

/// Reads the part of the source from `body` on, with how everything stands in it.
pub(crate) fn read(source: &str, body: usize, limits: &Limits) -> Result<Vec<Node>, MarkdownError> {
    read_nodes(source, body, limits, true)
}

/// The same where only the blocks and their spans are wanted: how they are indented, what their
/// lines start with and where each piece of their text stands is left out.
pub(crate) fn read_blocks(
    source: &str,
    body: usize,
    limits: &Limits,
) -> Result<Vec<Node>, MarkdownError> {
    read_nodes(source, body, limits, false)
}

fn read_nodes(
    source: &str,
    body: usize,
    limits: &Limits,
    placed: bool,
) -> Result<Vec<Node>, MarkdownError> {
    let options = Options::ENABLE_TABLES
        | Options::ENABLE_FOOTNOTES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_MATH
        | Options::ENABLE_GFM;
    let mut reader = Reader {
        source,
        limits,
        blocks: 0,
        containers: Vec::new(),
        frames: vec![Frame::new(Kind::Root, body..source.len())],
        skipping: 0,
        placed,
    };
    reader.frames[0].gap_start = body;
    for (event, range) in Parser::new_ext(&source[body..], options).into_offset_iter() {
        reader.event(event, range.start + body..range.end + body)?;
    }
    let root = reader.frames.pop();
    match root {
        Some(root) => reader.settle(root),
        None => Ok(Vec::new()),
    }
}

#[derive(Debug)]
enum Kind {
    Root,
    Paragraph,
    Heading(u8),
    Quote(Option<&'static str>),
    List(Option<u64>),
    Item {
        marker: String,
        gap: usize,
        ordered: bool,
        start: Option<u64>,
    },
    Code(Option<String>),
    Html,
    Footnote,
    Table(Vec<Alignment>),
    Row,
    Cell,
}

#[derive(Debug)]
struct Frame {
    kind: Kind,
    range: Range<usize>,
    nodes: Vec<Node>,
    inline: Option<InlineBuilder>,
    text: String,
    /// Cells of a row.
    cells: Vec<(RichText, Span)>,
    task: Option<(bool, Span)>,
    callout: Option<Box<Marker>>,
    /// Where the content of a container starts: gaps between blocks are looked at from here on.
    gap_start: usize,
    /// First line of a container and the column where its content starts there.
    first_line: (usize, usize),
    inner: String,
    /// Of an item: what the parser said about its paragraphs.
    spacing: Spacing,
}

impl Frame {
    fn new(kind: Kind, range: Range<usize>) -> Self {
        Self {
            kind,
            gap_start: range.start,
            range,
            nodes: Vec::new(),
            inline: None,
            text: String::new(),
            cells: Vec::new(),
            task: None,
            callout: None,
            first_line: (usize::MAX, 0),
            inner: String::new(),
            spacing: Spacing::Unsaid,
        }
    }
}

struct Reader<'a> {
    source: &'a str,
    limits: &'a Limits,
    blocks: usize,
    containers: Vec<Container>,
    frames: Vec<Frame>,
    /// Open tags inside something that is kept as source.
    skipping: usize,
    /// Whether nodes say how they stand in the source.
    placed: bool,
}

impl Reader<'_> {
    fn event(&mut self, event: Event<'_>, range: Range<usize>) -> Result<(), MarkdownError> {
        if self.skipping > 0 {
            match event {
                Event::Start(_) => self.skipping += 1,
                Event::End(_) => self.skipping -= 1,
                _ => {}
            }
            if self.skipping == 0 {
                self.close()?;
            }
            return Ok(());
        }
        match event {
            Event::Start(tag) if is_block(&tag) => self.open(tag, range),
            Event::End(end) if is_block_end(end) => self.close(),
            Event::Rule => {
                self.flush()?;
                let span = self.span(&range);
                self.add(Node::leaf(BlockKind::Divider, span))
            }
            Event::TaskListMarker(checked) => {
                let span = self.span(&range);
                let item = self
                    .frames
                    .iter_mut()
                    .rev()
                    .find(|frame| matches!(frame.kind, Kind::Item { .. }));
                if let Some(item) = item {
                    item.task = Some((checked, span));
                    item.gap_start = item.gap_start.max(span.end);
                }
                Ok(())
            }
            event => {
                let Some(top) = self.frames.last_mut() else {
                    return Ok(());
                };
                match (&top.kind, &event) {
                    (Kind::Code(_), Event::Text(text)) => top.text.push_str(text),
                    (Kind::Html, Event::Text(text) | Event::Html(text)) => top.text.push_str(text),
                    (Kind::Html | Kind::Code(_), _) => {}
                    _ => top.inline.get_or_insert_with(InlineBuilder::default).event(
                        self.source,
                        &self.containers,
                        event,
                        range,
                    ),
                }
                Ok(())
            }
        }
    }

    /// The range behind leading and before trailing white space.
    fn span(&self, range: &Range<usize>) -> Span {
        let trimmed = lines::trim_end(self.source, range.clone());
        let text = &self.source[trimmed.clone()];
        let skipped = text.len() - text.trim_start_matches([' ', '\t', '\n', '\r']).len();
        Span {
            start: trimmed.start + skipped,
            end: trimmed.end,
        }
    }

    /// Where the content of the innermost open container starts in the line of a byte.
    fn content_of_line(&self, at: usize) -> Position {
        let start = lines::line_start(self.source, at);
        let container = self
            .frames
            .iter()
            .rev()
            .find(|frame| matches!(frame.kind, Kind::Quote(_) | Kind::Item { .. }));
        match container {
            Some(frame) if frame.first_line.0 == start => Position {
                at: start,
                column: frame.first_line.1,
                rest: 0,
            },
            _ => lines::skip_prefixes(self.source, start, &self.containers),
        }
    }

    fn column(&self, at: usize) -> usize {
        let start = lines::line_start(self.source, at);
        let mut position = Position {
            at: start,
            column: 0,
            rest: 0,
        };
        for c in self.source[start..at].chars() {
            position.column += if c == '\t' {
                4 - position.column % 4
            } else {
                1
            };
        }
        position.column
    }

    fn indent(&self, at: usize) -> usize {
        let bytes = self.source.as_bytes();
        if self.containers.is_empty() && (at == 0 || matches!(bytes[at - 1], b'\n' | b'\r')) {
            return 0;
        }
        // Containers nest only so deep, so nothing that is indented stands far into its line. Many
        // blocks can: footnote definitions follow each other there.
        let near = at.saturating_sub(INDENTED_WITHIN);
        if near > 0 && !bytes[near..at].iter().any(|b| matches!(b, b'\n' | b'\r')) {
            return 0;
        }
        self.column(at)
            .saturating_sub(self.content_of_line(at).column)
    }

    fn open(&mut self, tag: Tag<'_>, range: Range<usize>) -> Result<(), MarkdownError> {
        self.flush()?;
        let mut frame = Frame::new(Kind::Root, range.clone());
        match tag {
            Tag::Paragraph => {
                frame.kind = Kind::Paragraph;
                if let Some(item) = self.frames.last_mut()
                    && matches!(item.kind, Kind::Item { .. })
                {
                    item.spacing = Spacing::Loose;
                }
            }
            Tag::Heading { level, .. } => frame.kind = Kind::Heading(level as u8),
            Tag::BlockQuote(kind) => {
                frame.kind = Kind::Quote(kind.map(alert_name));
                self.open_quote(&mut frame, kind.is_some());
            }
            Tag::List(start) => frame.kind = Kind::List(start),
            Tag::Item => self.open_item(&mut frame),
            Tag::CodeBlock(CodeBlockKind::Fenced(info)) => {
                frame.kind = Kind::Code(Some(info.into_string()));
            }
            Tag::CodeBlock(CodeBlockKind::Indented) => frame.kind = Kind::Code(None),
            Tag::HtmlBlock => frame.kind = Kind::Html,
            Tag::Table(alignment) => {
                if alignment.len() > MAX_COLUMNS {
                    return Err(MarkdownError::TooWide {
                        limit: MAX_COLUMNS,
                        found: alignment.len(),
                    });
                }
                frame.kind = Kind::Table(alignment.into_iter().map(alignment_of).collect());
            }
            Tag::TableHead | Tag::TableRow => frame.kind = Kind::Row,
            Tag::TableCell => frame.kind = Kind::Cell,
            // Footnotes and anything else without a block stay as they are.
            _ => {
                frame.kind = Kind::Footnote;
                self.skipping = 1;
            }
        }
        if self.containers.len() > self.limits.depth {
            return Err(MarkdownError::TooDeep {
                limit: self.limits.depth,
                found: self.containers.len(),
            });
        }
        self.frames.push(frame);
        Ok(())
    }

    fn open_quote(&mut self, frame: &mut Frame, alert: bool) {
        let start = self.span(&frame.range).start;
        let mut position = Position {
            at: start + 1,
            column: self.column(start) + 1,
            rest: 0,
        };
        let goal = position.column + 1;
        lines::skip_white(self.source.as_bytes(), &mut position, goal);
        frame.first_line = (lines::line_start(self.source, start), position.column);
        frame.gap_start = if alert {
            lines::line_end(self.source, start)
        } else {
            position.at.min(frame.range.end)
        };
        if self.placed {
            frame.inner = "> ".to_owned();
        }
        self.containers.push(Container::Quote);
    }

    fn open_item(&mut self, frame: &mut Frame) {
        let start = self.span(&frame.range).start;
        let bytes = self.source.as_bytes();
        let mut end = start;
        while bytes.get(end).is_some_and(u8::is_ascii_digit) {
            end += 1;
        }
        let end = (end + 1).min(self.source.len());
        let marker = self.source.get(start..end).unwrap_or("-");
        let marker_column = self.column(start) + marker.len();
        let mut position = Position {
            at: end,
            column: marker_column,
            rest: 0,
        };
        lines::skip_white(bytes, &mut position, marker_column + 5);
        let blank = matches!(bytes.get(position.at), None | Some(b'\n' | b'\r'));
        let gap = match position.column - marker_column {
            gap @ 1..=4 if !blank => gap,
            _ => 1,
        };
        let base = self.content_of_line(start).column;
        let width = (marker_column + gap).saturating_sub(base);
        let list = self.frames.last_mut();
        let (ordered, number) = match list {
            Some(Frame {
                kind: Kind::List(number),
                nodes,
                ..
            }) => (
                number.is_some(),
                number.filter(|number| *number != 1 && nodes.is_empty()),
            ),
            _ => (false, None),
        };
        frame.first_line = (lines::line_start(self.source, start), marker_column + gap);
        frame.gap_start = end.min(frame.range.end);
        if self.placed {
            frame.inner = " ".repeat(width);
        }
        frame.kind = Kind::Item {
            marker: if self.placed {
                marker.to_owned()
            } else {
                String::new()
            },
            gap,
            ordered,
            start: number,
        };
        self.containers.push(Container::Item(width));
    }

    fn add(&mut self, mut node: Node) -> Result<(), MarkdownError> {
        self.blocks += 1;
        if self.blocks > self.limits.blocks {
            return Err(MarkdownError::TooManyBlocks {
                limit: self.limits.blocks,
                found: self.blocks,
            });
        }
        if self.placed {
            node.place_mut().indent = self.indent(node.span.start);
        }
        self.check_height(&node)?;
        if let Some(top) = self.frames.last_mut() {
            top.nodes.push(node);
        }
        Ok(())
    }

    fn check_height(&self, node: &Node) -> Result<(), MarkdownError> {
        if node.height > self.limits.depth {
            return Err(MarkdownError::TooDeep {
                limit: self.limits.depth,
                found: node.height,
            });
        }
        Ok(())
    }

    /// Ends a paragraph of a tight list item.
    fn flush(&mut self) -> Result<(), MarkdownError> {
        let Some(top) = self.frames.last_mut() else {
            return Ok(());
        };
        if !matches!(top.kind, Kind::Item { .. } | Kind::Root | Kind::Quote(_)) {
            return Ok(());
        }
        match top.inline.take() {
            Some(inline) if !inline.is_empty() => {
                if top.spacing == Spacing::Unsaid {
                    top.spacing = Spacing::Tight;
                }
                self.paragraph(inline)
            }
            _ => Ok(()),
        }
    }

    fn close(&mut self) -> Result<(), MarkdownError> {
        self.flush()?;
        let Some(mut frame) = self.frames.pop() else {
            return Ok(());
        };
        let span = self.span(&frame.range);
        match &mut frame.kind {
            Kind::Root => Ok(()),
            Kind::Paragraph => match frame.inline {
                Some(inline) => self.paragraph(inline),
                None => Ok(()),
            },
            Kind::Heading(level) => {
                let level = *level;
                self.heading(level, frame.inline.unwrap_or_default(), span)
            }
            Kind::List(_) => {
                if let Some(parent) = self.frames.last_mut() {
                    lay_out(parent.nodes.last(), &mut frame.nodes);
                    parent.nodes.append(&mut frame.nodes);
                }
                Ok(())
            }
            Kind::Quote(_) => self.quote(frame, span),
            Kind::Item { .. } => self.item(frame, span),
            Kind::Code(info) => {
                let info = info.take();
                self.code(info, &frame.text, &frame.range, span)
            }
            Kind::Html => {
                let text = unix(&frame.text);
                let text = text.trim_matches('\n').trim_start_matches([' ', '\t']);
                self.add(Node::leaf(
                    BlockKind::Verbatim {
                        markdown: text.to_owned(),
                    },
                    span,
                ))
            }
            Kind::Footnote => {
                let text = lines::unprefixed(self.source, span.start..span.end, &self.containers);
                self.add(Node::leaf(BlockKind::Verbatim { markdown: text }, span))
            }
            Kind::Table(alignment) => {
                let alignment = std::mem::take(alignment);
                let header_end = frame.nodes.first().map_or(span.start, |row| row.span.end);
                let next = (header_end + 1).min(span.end);
                let next = if self.source[header_end..].starts_with("\r\n") {
                    (next + 1).min(span.end)
                } else {
                    next
                };
                let mut node = Node::leaf(
                    BlockKind::Table {
                        width: alignment.len(),
                        header_row: true,
                        header_column: false,
                        alignment,
                    },
                    span,
                )
                .with_children(frame.nodes);
                if self.placed {
                    node.place_mut().form = Form::Table {
                        delimiter_end: lines::line_end(self.source, next),
                    };
                }
                self.add(node)
            }
            Kind::Row => {
                let (cells, spans) = frame.cells.into_iter().unzip();
                let mut node = Node::leaf(BlockKind::TableRow { cells }, span);
                if self.placed {
                    node.place_mut().form = Form::Row { cells: spans };
                }
                self.add(node)
            }
            Kind::Cell => {
                let mut own = frame.inline.unwrap_or_default().finish(self.source).own;
                let span = Span {
                    start: frame.range.start,
                    end: frame.range.end,
                };
                if let Some(row) = self.frames.last_mut() {
                    row.cells.push((own.take_text(false), span));
                }
                Ok(())
            }
        }
    }
}

/// Says about all items of a list whether the list is loose, and about its first one whether the
/// list follows another one of its kind.
fn lay_out(before: Option<&Node>, items: &mut [Node]) {
    let said = |spacing| items.iter().any(|item| item.layout.spacing == spacing);
    let spacing = if said(Spacing::Loose) {
        Spacing::Loose
    } else if said(Spacing::Tight) {
        Spacing::Tight
    } else {
        Spacing::Unsaid
    };
    for item in items.iter_mut() {
        item.layout.spacing = spacing;
    }
    if let (Some(before), Some(first)) = (before, items.first_mut()) {
        first.layout.separate = layout::is_item(&before.kind)
            && layout::is_numbered(&before.kind) == layout::is_numbered(&first.kind);
    }
}

fn unix(text: &str) -> String {
    if text.contains('\r') {
        text.replace("\r\n", "\n").replace('\r', "\n")
    } else {
        text.to_owned()
    }
}

fn is_block(tag: &Tag<'_>) -> bool {
    !matches!(
        tag,
        Tag::Emphasis
            | Tag::Strong
            | Tag::Strikethrough
            | Tag::Superscript
            | Tag::Subscript
            | Tag::Link { .. }
            | Tag::Image { .. }
    )
}

fn is_block_end(end: TagEnd) -> bool {
    !matches!(
        end,
        TagEnd::Emphasis
            | TagEnd::Strong
            | TagEnd::Strikethrough
            | TagEnd::Superscript
            | TagEnd::Subscript
            | TagEnd::Link
            | TagEnd::Image
    )
}

fn alert_name(kind: BlockQuoteKind) -> &'static str {
    match kind {
        BlockQuoteKind::Note => "NOTE",
        BlockQuoteKind::Tip => "TIP",
        BlockQuoteKind::Important => "IMPORTANT",
        BlockQuoteKind::Warning => "WARNING",
        BlockQuoteKind::Caution => "CAUTION",
    }
}

fn alignment_of(alignment: ColumnAlignment) -> Alignment {
    match alignment {
        ColumnAlignment::None => Alignment::None,
        ColumnAlignment::Left => Alignment::Left,
        ColumnAlignment::Center => Alignment::Center,
        ColumnAlignment::Right => Alignment::Right,
    }
}
