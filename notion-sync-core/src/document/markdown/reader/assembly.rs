//! Blocks from what a closed frame collected.

use std::ops::Range;

use super::{Frame, Kind, Reader, unix};
use crate::document::markdown::beside::{self, Part};
use crate::document::markdown::inline::{self, InlineBuilder};
use crate::document::markdown::marker::Marker;
use crate::document::markdown::node::{Form, Node, Own, Piece, Place, rich_text};
use crate::document::markdown::{MarkdownError, alert, anchor, fold, language, leaf, lines};
use crate::document::{BlockKind, Color, Icon, InlineKind, ListFormat, RichText, Span};

impl Reader<'_> {
    pub(super) fn paragraph(&mut self, inline: InlineBuilder) -> Result<(), MarkdownError> {
        let parts = beside::parts(self.source, inline.finish(self.source));
        for part in parts {
            match part {
                Part::Text(own, range) => self.text(own, &range)?,
                Part::Block {
                    kind,
                    range,
                    dialect,
                } => {
                    let mut node = Node::leaf(kind, self.span(&range));
                    node.dialect = dialect;
                    self.add(node)?;
                }
            }
        }
        Ok(())
    }

    /// A paragraph that is a text.
    fn text(&mut self, mut own: Own, range: &Range<usize>) -> Result<(), MarkdownError> {
        let span = self.span(range);
        let mut color = Color::default();
        let mut format = ListFormat::Numbers;
        let mut dialect = false;
        let mut keep = self.placed;
        if let Some(marker) = trailing_marker(&own) {
            match marker.kind.as_str() {
                "style" => {
                    take_marker(&mut own);
                    color = Color::new(marker.text("color").unwrap_or_default());
                    format = marker
                        .data
                        .get("format")
                        .and_then(|name| serde_json::from_value(name.clone()).ok())
                        .unwrap_or_default();
                    dialect = true;
                }
                "callout" => {
                    if let Some(
                        frame @ Frame {
                            kind: Kind::Quote(None),
                            callout: None,
                            ..
                        },
                    ) = self.frames.last_mut()
                        && frame.nodes.is_empty()
                    {
                        take_marker(&mut own);
                        frame.callout = Some(Box::new(marker));
                        // The emoji in front is taken off its pieces.
                        keep = true;
                    }
                }
                // The block of the comment is not there any more.
                _ => take_marker(&mut own),
            }
        }
        let mut node = Node::leaf(
            BlockKind::Paragraph {
                text: own.take_text(keep),
                color,
            },
            span,
        );
        node.layout.format = format;
        node.textual = true;
        node.dialect = dialect;
        if keep {
            node.place_mut().own = Some(own);
        }
        self.add(node)
    }

    pub(super) fn heading(
        &mut self,
        level: u8,
        inline: InlineBuilder,
        span: Span,
    ) -> Result<(), MarkdownError> {
        let mut own = inline.finish(self.source).own;
        let (mut color, mut toggle) = (Color::default(), false);
        if let Some(marker) = trailing_marker(&own).filter(|marker| marker.kind == "style") {
            take_marker(&mut own);
            color = Color::new(marker.text("color").unwrap_or_default());
            toggle = marker.flag("toggle");
        }
        let underlined = own.span.is_some_and(|own| own.start == span.start);
        let mut node = Node::leaf(
            BlockKind::Heading {
                level,
                text: own.take_text(self.placed),
                toggle,
                color,
                anchor: None,
            },
            span,
        );
        node.textual = true;
        if self.placed {
            let place = node.place_mut();
            place.own = Some(own);
            place.form = Form::Heading {
                underlined,
                start: span.start,
            };
        }
        self.add(node)
    }

    pub(super) fn code(
        &mut self,
        info: Option<String>,
        text: &str,
        range: &Range<usize>,
        mut span: Span,
    ) -> Result<(), MarkdownError> {
        let text = unix(text);
        let code = text.strip_suffix('\n').unwrap_or(&text).to_owned();
        let Some(info) = info else {
            // The indentation belongs to the block: a fence in its place must not have it.
            let bytes = self.source.as_bytes();
            let mut start = range.start;
            let mut columns = 0;
            while columns < 4 && start > 0 && matches!(bytes[start - 1], b' ' | b'\t') {
                columns += if bytes[start - 1] == b'\t' { 4 } else { 1 };
                start -= 1;
            }
            span.start = start;
            let mut node = Node::leaf(
                BlockKind::Code {
                    code,
                    language: "plain text".into(),
                    info: None,
                    caption: RichText::default(),
                },
                span,
            );
            if self.placed {
                node.place_mut().form = Form::Indented {
                    lead: self.source[start..range.start].to_owned(),
                };
            }
            return self.add(node);
        };
        if info.trim() == "math" {
            return self.add(Node::leaf(BlockKind::Equation { expression: code }, span));
        }
        let language = language::language_of_info(&info);
        let canonical = language::info_of_language(&language);
        let mut node = Node::leaf(
            BlockKind::Code {
                code,
                info: (canonical.as_deref() != Some(info.as_str())).then(|| info.into()),
                language: language.into(),
                caption: RichText::default(),
            },
            span,
        );
        if self.placed {
            node.place_mut().form = Form::Fence;
        }
        self.add(node)
    }

    /// Ends a container: finds source between its blocks that no block holds, folds what stands
    /// between HTML blocks.
    pub(super) fn settle(&mut self, mut frame: Frame) -> Result<Vec<Node>, MarkdownError> {
        let nodes = std::mem::take(&mut frame.nodes);
        let count = nodes.len();
        let mut found: Vec<(usize, Vec<Node>)> = Vec::new();
        let mut end = frame.gap_start;
        let mut look = |gap: Range<usize>, at: usize| {
            let mut inside = Vec::new();
            self.gap(gap, &mut inside);
            if !inside.is_empty() {
                found.push((at, inside));
            }
        };
        for (at, node) in nodes.iter().enumerate() {
            look(end..node.span.start, at);
            end = end.max(node.span.end);
        }
        look(end..frame.range.end, count);
        // Nearly always nothing stands between the blocks, and they stay where they are.
        let out = if found.is_empty() {
            nodes
        } else {
            let mut out = Vec::with_capacity(count + found.len());
            let mut nodes = nodes.into_iter();
            let mut done = 0;
            for (at, inside) in found {
                out.extend(nodes.by_ref().take(at - done));
                done = at;
                out.extend(inside);
            }
            out.extend(nodes);
            out
        };
        self.blocks += out.len() - count;
        let mut out = fold::fold(self.source, out, self.limits.depth);
        anchor::fold(self.source, &mut out);
        let mut from_comments = 0;
        for node in &out {
            self.check_height(node)?;
            if node.dialect && !node.children.is_empty() {
                from_comments += node.count() - 1;
            }
        }
        self.blocks += from_comments;
        if self.blocks > self.limits.blocks {
            return Err(MarkdownError::TooManyBlocks {
                limit: self.limits.blocks,
                found: self.blocks,
            });
        }
        Ok(out)
    }

    /// Lines between blocks that hold something, such as link reference definitions.
    fn gap(&self, range: Range<usize>, out: &mut Vec<Node>) {
        if range.start >= range.end {
            return;
        }
        let source = self.source;
        let blank = |c: char| matches!(c, ' ' | '\t' | '\n' | '\r' | '>' | '\u{feff}');
        if source[range.clone()].chars().all(blank) {
            return;
        }
        let mut group: Option<Span> = None;
        let mut at = range.start;
        let mut emit = |group: Option<Span>| {
            if let Some(span) = group {
                let markdown = lines::unprefixed(source, span.start..span.end, &self.containers);
                let mut node = Node::leaf(BlockKind::Verbatim { markdown }, span);
                if self.placed {
                    node.place_mut();
                }
                out.push(node);
            }
        };
        while at < range.end {
            let end = lines::line_end(source, at).min(range.end);
            let content = if at == range.start {
                at
            } else {
                lines::skip_prefixes(source, at, &self.containers)
                    .at
                    .min(end)
            };
            let text = &source[content..end];
            let trimmed = text.trim_matches([' ', '\t', '\u{feff}']);
            if trimmed.is_empty() {
                emit(group.take());
            } else {
                let start =
                    content + (text.len() - text.trim_start_matches([' ', '\t', '\u{feff}']).len());
                let line = Span {
                    start,
                    end: start + trimmed.len(),
                };
                group = Some(Span {
                    start: group.map_or(line.start, |group| group.start),
                    end: line.end,
                });
            }
            at = end;
            if source[at..].starts_with("\r\n") {
                at += 2;
            } else {
                at += 1;
            }
        }
        emit(group);
    }

    pub(super) fn quote(&mut self, mut frame: Frame, span: Span) -> Result<(), MarkdownError> {
        let callout = frame.callout.take();
        let head = frame.gap_start;
        let inner = std::mem::take(&mut frame.inner);
        let name = match frame.kind {
            Kind::Quote(name) => name,
            _ => None,
        };
        let mut children = self.settle(frame)?;
        self.containers.pop();
        let mut first = first_paragraph(&mut children);
        let own_color = first.color.clone();
        let kind = match (name, callout) {
            (Some(name), _) => alert::callout(name, first.text),
            (None, Some(marker)) => {
                let icon: Option<Icon> = marker
                    .data
                    .get("icon")
                    .and_then(|icon| serde_json::from_value(icon.clone()).ok());
                if let Some(Icon::Emoji(emoji)) = &icon
                    && let Some(own) = &mut first.own
                {
                    strip_emoji(self.source, own, emoji);
                    first.text = rich_text(&own.pieces);
                }
                BlockKind::Callout {
                    text: first.text,
                    icon,
                    color: Color::new(marker.text("color").unwrap_or_default()),
                }
            }
            (None, None) => BlockKind::Quote {
                text: first.text,
                color: first.color,
            },
        };
        let mut node = Node::leaf(kind, span).with_children(children);
        node.textual = first.end.is_some();
        node.dialect = !own_color.is_default();
        if self.placed {
            let form = if node.dialect {
                Form::Plain
            } else {
                Form::Quote
            };
            node.place = Some(Box::new(Place {
                own: first.own,
                head_end: first.end.unwrap_or(head),
                indent: 0,
                inner,
                form,
            }));
        }
        self.add(node)
    }

    pub(super) fn item(&mut self, mut frame: Frame, span: Span) -> Result<(), MarkdownError> {
        let task = frame.task;
        let head = frame.gap_start;
        let inner = std::mem::take(&mut frame.inner);
        let spacing = frame.spacing;
        let kind = std::mem::replace(&mut frame.kind, Kind::Root);
        let Kind::Item {
            marker,
            gap,
            ordered,
            start,
        } = kind
        else {
            return Ok(());
        };
        let mut children = self.settle(frame)?;
        self.containers.pop();
        let first = first_paragraph(&mut children);
        let (text, color) = (first.text, first.color);
        let kind = match task {
            Some((checked, _)) => BlockKind::ToDo {
                text,
                checked,
                color,
            },
            None if ordered => BlockKind::NumberedItem { text, start, color },
            None => BlockKind::BulletedItem { text, color },
        };
        let mut node = Node::leaf(kind, span).with_children(children);
        node.layout.spacing = spacing;
        node.layout.format = first.format;
        node.textual = first.end.is_some();
        if self.placed {
            node.place = Some(Box::new(Place {
                own: first.own,
                head_end: first.end.unwrap_or(head),
                indent: 0,
                inner,
                form: Form::Item {
                    marker,
                    gap,
                    task: task.map(|(_, span)| span),
                },
            }));
        }
        self.add(node)
    }
}

/// The first paragraph of a container, taken out of its blocks.
#[derive(Default)]
struct First {
    text: RichText,
    color: Color,
    format: ListFormat,
    own: Option<Own>,
    end: Option<usize>,
}

fn first_paragraph(children: &mut Vec<Node>) -> First {
    let takes = children.first().is_some_and(|node| {
        node.children.is_empty() && node.textual && matches!(node.kind, BlockKind::Paragraph { .. })
    });
    if !takes {
        return First::default();
    }
    let node = children.remove(0);
    let format = node.layout.format;
    match node.kind {
        BlockKind::Paragraph { text, color } => First {
            text,
            color,
            format,
            own: node.place.and_then(|place| place.own),
            end: Some(node.span.end),
        },
        _ => First::default(),
    }
}

/// The comment of the dialect at the end of a text.
fn trailing_marker(own: &Own) -> Option<Marker> {
    let last = own.pieces.last()?;
    match &last.inline.kind {
        InlineKind::Verbatim(comment) if last.inline.annotations.is_plain() => {
            Marker::read(comment).filter(|marker| {
                !marker.closing
                    && match marker.kind.as_str() {
                        "style" | "callout" => true,
                        kind => leaf::KINDS.contains(&kind),
                    }
            })
        }
        _ => None,
    }
}

fn take_marker(own: &mut Own) {
    own.pieces.pop();
    if let Some(Piece { inline, source }) = own.pieces.last_mut()
        && let InlineKind::Text(text) = &mut inline.kind
        && !inline.annotations.code
        && text.ends_with(' ')
    {
        text.pop();
        source.end = source.end.saturating_sub(1).max(source.start);
        if text.is_empty() {
            own.pieces.pop();
        }
    }
    own.span = match (own.pieces.first(), own.pieces.last()) {
        (Some(first), Some(last)) => Some(Span {
            start: first
                .source
                .start
                .min(own.span.map_or(usize::MAX, |span| span.start)),
            end: last.source.end,
        }),
        _ => None,
    };
}

fn strip_emoji(source: &str, own: &mut Own, emoji: &str) {
    let Some(piece) = own.pieces.first_mut() else {
        return;
    };
    let exact = inline::is_exact(source, piece);
    let InlineKind::Text(text) = &mut piece.inline.kind else {
        return;
    };
    let Some(rest) = text.strip_prefix(emoji) else {
        return;
    };
    let rest = rest.strip_prefix(' ').unwrap_or(rest).to_owned();
    let cut = text.len() - rest.len();
    *text = rest;
    if exact {
        piece.source.start += cut;
    }
    if let Some(span) = &mut own.span {
        span.start = piece.source.start;
    }
    if text.is_empty() {
        own.pieces.remove(0);
    }
}
