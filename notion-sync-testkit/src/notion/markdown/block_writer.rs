//! Writing blocks as enhanced Markdown.

use serde_json::Value;

use super::super::block::{Content, FileRef, MediaKind, NewBlock, TextKind};
use super::super::text::{Color, Rich};
use super::super::workspace::DEEPEST;
use super::tag::{encode_url, quote};
use super::{Ink, address, block_address, inline_writer, table};

/// The body of a page.
pub(crate) fn write(blocks: &[NewBlock], ink: Ink<'_>) -> String {
    let mut out = Writer {
        ink,
        lines: Vec::new(),
    };
    out.siblings(blocks, 0);
    out.lines.join("\n")
}

/// One block with everything below it, as if it stood alone.
pub(crate) fn write_one(block: &NewBlock, ink: Ink<'_>) -> String {
    write(std::slice::from_ref(block), ink)
}

/// One block without what stands below it.
pub(crate) fn write_shallow(block: &NewBlock, ink: Ink<'_>) -> String {
    write_one(
        &NewBlock {
            id: block.id,
            content: block.content.clone(),
            children: Vec::new(),
        },
        ink,
    )
}

struct Writer<'a> {
    ink: Ink<'a>,
    lines: Vec<String>,
}

impl Writer<'_> {
    fn line(&mut self, depth: usize, text: &str) {
        let mut line = "\t".repeat(depth);
        line.push_str(text);
        self.lines.push(line);
    }

    fn inline(&self, rich: &Rich) -> String {
        inline_writer::write(rich, &self.ink.ws.objects.emojis)
    }

    fn siblings(&mut self, blocks: &[NewBlock], depth: usize) {
        if depth > DEEPEST {
            return;
        }
        let mut number = 0;
        for block in blocks {
            if matches!(block.content, Content::Numbered { .. }) {
                number += 1;
            } else {
                number = 0;
            }
            self.block(block, depth, number);
        }
    }

    /// A line of text with its attribute list, then the children one deeper.
    fn text(&mut self, depth: usize, text: &str, attributes: &[(&str, String)]) {
        let mut line = text.to_owned();
        if !attributes.is_empty() {
            let list: Vec<String> = attributes
                .iter()
                .map(|(key, value)| format!("{key}=\"{value}\""))
                .collect();
            line.push_str(&format!(" {{{}}}", list.join(" ")));
        }
        self.line(depth, &line);
    }

    fn tagged(&mut self, name: &str, head: &str, block: &NewBlock, depth: usize) {
        self.line(depth, head);
        self.siblings(&block.children, depth + 1);
        self.line(depth, &format!("</{name}>"));
    }

    fn block(&mut self, block: &NewBlock, depth: usize, number: usize) {
        match &block.content {
            Content::Text {
                kind: TextKind::Toggle,
                rich,
                color,
                ..
            } => {
                self.line(depth, &format!("<details{}>", color_attribute(*color)));
                let title = self.inline(rich);
                self.line(depth, &format!("<summary>{title}</summary>"));
                self.siblings(&block.children, depth + 1);
                self.line(depth, "</details>");
            }
            Content::Text {
                kind, rich, color, ..
            } => {
                let text = self.inline(rich);
                let (text, color) = match kind {
                    TextKind::Bulleted => (marked("-", &text), *color),
                    TextKind::Quote => (marked(">", &text), *color),
                    _ if text.is_empty() => ("<empty-block/>".to_owned(), Color::default()),
                    _ => (guard(&text), *color),
                };
                self.text(depth, &text, &color_pair(color));
                self.siblings(&block.children, depth + 1);
            }
            Content::Heading {
                level,
                rich,
                color,
                toggleable,
            } => {
                let text = marked(&"#".repeat(usize::from(*level)), &self.inline(rich));
                let mut attributes = Vec::new();
                if *toggleable {
                    attributes.push(("toggle", "true".to_owned()));
                }
                attributes.extend(color_pair(*color));
                self.text(depth, &text, &attributes);
                if *toggleable {
                    self.siblings(&block.children, depth + 1);
                }
            }
            Content::Numbered { rich, color, .. } => {
                let text = marked(&format!("{number}."), &self.inline(rich));
                self.text(depth, &text, &color_pair(*color));
                self.siblings(&block.children, depth + 1);
            }
            Content::ToDo {
                rich,
                color,
                checked,
            } => {
                let mark = if *checked { "- [x]" } else { "- [ ]" };
                let text = marked(mark, &self.inline(rich));
                self.text(depth, &text, &color_pair(*color));
                self.siblings(&block.children, depth + 1);
            }
            Content::Callout { rich, color, icon } => {
                self.callout(block, rich, *color, icon, depth)
            }
            Content::Code { rich, language, .. } => self.code(rich, language, depth),
            Content::Equation { expression } => {
                self.line(depth, "$$");
                for line in expression.lines() {
                    let line = line.trim();
                    if !line.is_empty() && !line.starts_with("$$") {
                        self.line(depth, line);
                    }
                }
                self.line(depth, "$$");
            }
            Content::Divider => self.line(depth, "---"),
            Content::TableOfContents { color } => {
                self.line(
                    depth,
                    &format!("<table_of_contents{}/>", color_attribute(*color)),
                );
            }
            Content::ColumnList => self.tagged("columns", "<columns>", block, depth),
            Content::Column { ratio } => {
                let ratio = ratio.map_or_else(String::new, |ratio| {
                    let percent = (ratio * 1_000_000.0).round() / 10_000.0;
                    format!(" ratio=\"{percent}\"")
                });
                self.tagged("column", &format!("<column{ratio}>"), block, depth);
            }
            Content::Table(shape) => {
                let emojis = &self.ink.ws.objects.emojis;
                for (deeper, line) in table::write(shape, &block.children, emojis) {
                    self.line(depth + deeper, &line);
                }
            }
            // A row stands only in a table, which writes it.
            Content::TableRow(row) => {
                let cells: Vec<String> = row.cells.iter().map(|cell| self.inline(cell)).collect();
                self.line(depth, &guard(&cells.join(" ")));
            }
            Content::Synced { from } => {
                let (name, target) = match from {
                    Some(source) => ("synced_block_reference", Some(*source)),
                    None => ("synced_block", block.id),
                };
                let url = target.map_or_else(String::new, |id| {
                    format!(" url=\"{}\"", block_address(self.ink.ws, id))
                });
                self.tagged(name, &format!("<{name}{url}>"), block, depth);
            }
            Content::Media {
                kind,
                file,
                caption,
                ..
            } => {
                let url = match file {
                    FileRef::External(url) => encode_url(url),
                    FileRef::Hosted(base) => encode_url(&(self.ink.sign)(base)),
                };
                let caption = self.inline(caption);
                let name = kind.name();
                if *kind == MediaKind::Image {
                    self.line(depth, &format!("![{caption}]({url})"));
                } else {
                    self.line(depth, &format!("<{name} src=\"{url}\">{caption}</{name}>"));
                }
            }
            Content::ChildPage { id } => {
                let title = self.ink.ws.title_of(*id).map(|title| self.inline(title));
                let url = address(*id);
                let title = title.unwrap_or_default();
                self.line(depth, &format!("<page url=\"{url}\">{title}</page>"));
            }
            Content::ChildDatabase { id } => {
                let title = self.ink.ws.title_of(*id).map(|title| self.inline(title));
                let inline = self
                    .ink
                    .ws
                    .objects
                    .databases
                    .get(id)
                    .is_some_and(|base| base.inline);
                let url = address(*id);
                let inline = if inline { " inline=\"true\"" } else { "" };
                let title = title.unwrap_or_default();
                self.line(
                    depth,
                    &format!("<database url=\"{url}\"{inline}>{title}</database>"),
                );
            }
            Content::MeetingNotes {
                title,
                summary,
                transcript,
                ..
            } => {
                self.meeting(block, title, summary, transcript, depth);
            }
            Content::Placeholder { id } => {
                let id = id.or(block.id);
                let url = id.map_or_else(String::new, |id| block_address(self.ink.ws, id));
                let stored = id.and_then(|id| self.ink.ws.objects.blocks.get(&id));
                let name = stored.map_or_else(
                    || "block".to_owned(),
                    |block| block.content.placeholder_name(),
                );
                self.line(
                    depth,
                    &format!("<unknown url=\"{url}\" alt=\"{}\"/>", quote(&name)),
                );
            }
            other => {
                let url = block
                    .id
                    .map_or_else(String::new, |id| block_address(self.ink.ws, id));
                let name = quote(&other.placeholder_name());
                self.line(depth, &format!("<unknown url=\"{url}\" alt=\"{name}\"/>"));
            }
        }
    }

    fn callout(
        &mut self,
        block: &NewBlock,
        rich: &Rich,
        color: Color,
        icon: &Option<Value>,
        depth: usize,
    ) {
        let icon = icon
            .as_ref()
            .and_then(icon_text)
            .map_or_else(String::new, |icon| format!(" icon=\"{}\"", quote(&icon)));
        self.line(depth, &format!("<callout{icon}{}>", color_attribute(color)));
        let text = self.inline(rich);
        if !text.is_empty() {
            self.line(depth + 1, &guard(&text));
        } else if let Some(NewBlock {
            content:
                Content::Text {
                    kind: TextKind::Paragraph,
                    ..
                }
                | Content::TableRow(_),
            ..
        }) = block.children.first()
        {
            // Without this the first paragraph would be read as the text of the callout.
            self.line(depth + 1, "<empty-block/>");
        }
        self.siblings(&block.children, depth + 1);
        self.line(depth, "</callout>");
    }

    fn code(&mut self, rich: &Rich, language: &str, depth: usize) {
        let text = self
            .ink
            .ws
            .text_of(rich)
            .replace("\r\n", "\n")
            .replace('\r', "\n");
        let longest = text
            .lines()
            .map(|line| line.trim().bytes().take_while(|b| *b == b'`').count())
            .max()
            .unwrap_or(0);
        let fence = "`".repeat(if longest >= 3 { longest + 1 } else { 3 });
        self.line(depth, &format!("{fence}{language}"));
        if !text.is_empty() {
            for line in text.split('\n') {
                if line.is_empty() {
                    self.lines.push(String::new());
                } else {
                    self.line(depth, line);
                }
            }
        }
        self.line(depth, &fence);
    }

    fn meeting(
        &mut self,
        block: &NewBlock,
        title: &Rich,
        summary: &str,
        transcript: &str,
        depth: usize,
    ) {
        self.line(depth, "<meeting-notes>");
        let title = self.inline(title);
        if !title.is_empty() {
            self.line(depth + 1, &guard(&title));
        }
        let part = |out: &mut Self, name: &str, text: &str| {
            out.line(depth + 1, &format!("<{name}>"));
            for line in text.lines().filter(|line| !line.trim().is_empty()) {
                let rich = super::super::text::plain(line);
                let line = guard(&out.inline(&rich));
                out.line(depth + 2, &line);
            }
            out.line(depth + 1, &format!("</{name}>"));
        };
        part(self, "summary", summary);
        self.line(depth + 1, "<notes>");
        self.siblings(&block.children, depth + 2);
        self.line(depth + 1, "</notes>");
        let shown = if self.ink.transcript {
            transcript
        } else {
            "Transcript omitted. Ask for it to see it."
        };
        part(self, "transcript", shown);
        self.line(depth, "</meeting-notes>");
    }
}

/// A marker with its text; without text the marker stands alone.
fn marked(marker: &str, text: &str) -> String {
    if text.is_empty() {
        marker.to_owned()
    } else {
        format!("{marker} {text}")
    }
}

fn color_attribute(color: Color) -> String {
    if color.is_default() {
        String::new()
    } else {
        format!(" color=\"{}\"", color.markdown())
    }
}

fn color_pair(color: Color) -> Vec<(&'static str, String)> {
    if color.is_default() {
        Vec::new()
    } else {
        vec![("color", color.markdown())]
    }
}

/// An icon as an attribute: an emoji, the name of a custom one, or an address.
fn icon_text(icon: &Value) -> Option<String> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    if let Some(emoji) = icon.get("emoji") {
        return text(emoji).filter(|emoji| !emoji.trim().is_empty());
    }
    if let Some(external) = icon.get("external") {
        return text(external.get("url")?);
    }
    let name = icon.get("custom_emoji")?.get("name")?.as_str()?;
    Some(format!(":{name}:"))
}

/// A paragraph that would be read as something else gets a backslash.
fn guard(text: &str) -> String {
    let bytes = text.as_bytes();
    let ends = |at: usize| matches!(bytes.get(at), None | Some(b' ' | b'\t'));
    let escape_at = match bytes.first() {
        Some(b'#') => {
            let count = bytes.iter().take_while(|b| **b == b'#').count();
            (count <= 6 && ends(count)).then_some(0)
        }
        Some(b'-' | b'+') if ends(1) => Some(0),
        Some(b'-') if text == "---" => Some(0),
        Some(b'!') if bytes.get(1) == Some(&b'[') => Some(0),
        Some(b':') if text.starts_with(":::") => Some(0),
        Some(b'0'..=b'9') => {
            let digits = bytes.iter().take_while(|b| b.is_ascii_digit()).count();
            (digits <= 9 && bytes.get(digits) == Some(&b'.') && ends(digits + 1)).then_some(digits)
        }
        _ => None,
    };
    match escape_at {
        Some(at) => {
            let (before, after) = text.split_at(at);
            format!("{before}\\{after}")
        }
        None => text.to_owned(),
    }
}
