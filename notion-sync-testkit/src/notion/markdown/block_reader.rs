//! Reading enhanced Markdown into blocks.

use serde_json::{Value, json};

use super::super::block::{Content, FileRef, MediaKind, NewBlock, TextKind, language_of};
use super::super::id::NotionId;
use super::super::text::{Color, Rich, plain};
use super::tag::{Form, Tag, trailing_list, unquote};
use super::{Body, Emojis, inline_reader, table};

/// Blocks nest no deeper than this; what is deeper joins the deepest level.
const DEEPEST_INPUT: usize = 60;

/// Reads a body.
pub(crate) fn read(text: &str, emojis: &Emojis) -> Body {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let lines: Vec<&str> = text.split('\n').collect();
    let mut reader = Reader {
        lines,
        at: 0,
        emojis,
        open: Vec::new(),
    };
    let mut out = Vec::new();
    while reader.at < reader.lines.len() {
        let before = reader.at;
        out.extend(reader.siblings(0, 0));
        // A closing tag without its opening tag ends nothing: it is text.
        if reader.at == before {
            let line = reader.lines.get(before).copied().unwrap_or_default();
            out.push(reader.paragraph(line.trim()));
            reader.at += 1;
        }
    }
    out
}

struct Reader<'a, 'e> {
    lines: Vec<&'a str>,
    at: usize,
    emojis: &'e Emojis,
    /// Names of the tags that are open here, outermost first.
    open: Vec<&'static str>,
}

fn tabs(line: &str) -> usize {
    line.bytes().take_while(|byte| *byte == b'\t').count()
}

impl<'a> Reader<'a, '_> {
    fn inline(&self, text: &str) -> Rich {
        inline_reader::read(text.trim(), self.emojis)
    }

    fn paragraph(&self, text: &str) -> NewBlock {
        let (text, looks) = self.looks(text);
        NewBlock::leaf(Content::Text {
            kind: TextKind::Paragraph,
            rich: self.inline(text),
            color: looks.color,
            icon: None,
        })
    }

    /// Splits the attribute list off a line.
    fn looks(&self, line: &'a str) -> (&'a str, Looks) {
        let mut looks = Looks::default();
        match trailing_list(line) {
            Some((text, pairs)) => {
                for (key, value) in pairs {
                    match key {
                        "color" => looks.color = Color::from_markdown(value).unwrap_or_default(),
                        "toggle" => looks.toggle = value == "true",
                        _ => {}
                    }
                }
                (text.trim_end(), looks)
            }
            None => (line, looks),
        }
    }

    /// The line is the closing tag of an open container: its name.
    fn closes(&self, line: &str) -> bool {
        let line = line.trim();
        if line == ":::" {
            return self.open.contains(&":::");
        }
        line.starts_with("</")
            && Tag::parse(line).is_some_and(|tag| {
                tag.form == Form::Close && tag.length == line.len() && self.open.contains(&tag.name)
            })
    }

    /// Reads blocks until a closing tag, or until something shallower than `least` comes.
    fn siblings(&mut self, least: usize, depth: usize) -> Body {
        let mut out = Body::new();
        let mut last_level = 0;
        while let Some(line) = self.lines.get(self.at).copied() {
            let text = line.trim();
            if text.is_empty() {
                self.at += 1;
                continue;
            }
            let level = tabs(line);
            if self.closes(text) || level < least {
                break;
            }
            if level > last_level
                && depth < DEEPEST_INPUT
                && let Some(last) = out.last_mut()
                && takes_indented(&last.content)
            {
                let children = self.siblings(last_level + 1, depth + 1);
                last.children.extend(children);
                continue;
            }
            last_level = level;
            self.block(level, depth, &mut out);
        }
        out
    }

    /// The blocks inside a tag, up to and with its closing tag.
    fn inside(&mut self, name: &'static str, depth: usize) -> Body {
        self.open.push(name);
        // Inside a tag only its end counts, whatever the indentation.
        let out = self.siblings(0, depth + 1);
        self.open.pop();
        if let Some(line) = self.lines.get(self.at) {
            let line = line.trim();
            let own = if name == ":::" {
                line == ":::"
            } else {
                Tag::parse(line).is_some_and(|tag| tag.form == Form::Close && tag.name == name)
            };
            // Another tag's end also ends this one, and stays for the other.
            if own {
                self.at += 1;
            }
        }
        out
    }

    /// Reads one block that begins at the present line.
    fn block(&mut self, level: usize, depth: usize, out: &mut Body) {
        let Some(line) = self.lines.get(self.at).copied() else {
            return;
        };
        let text = line.trim();
        self.at += 1;
        if text.starts_with("```") && self.fence(text, level, out) {
            return;
        }
        if text.starts_with("$$") && self.equation(text, out) {
            return;
        }
        if text.starts_with('<') && self.tag(text, depth, out) {
            return;
        }
        if let Some(attributes) = text.strip_prefix(":::")
            && attributes.trim_start().starts_with("callout")
            && depth < DEEPEST_INPUT
        {
            let list = trailing_list(attributes)
                .map(|(_, pairs)| pairs)
                .unwrap_or_default();
            let get = |key: &str| list.iter().find(|(name, _)| *name == key).map(|(_, v)| *v);
            let (icon, color) = (get("icon"), get("color"));
            let children = self.inside(":::", depth);
            out.push(self.callout(icon, color, children));
            return;
        }
        if text.starts_with('|')
            && self
                .lines
                .get(self.at)
                .is_some_and(|next| table::is_rule(next))
        {
            let first = self.at - 1;
            while self
                .lines
                .get(self.at)
                .is_some_and(|line| line.trim().starts_with('|'))
            {
                self.at += 1;
            }
            let rows = self.lines.get(first..self.at).unwrap_or_default();
            out.push(table::read_pipes(rows, self.emojis));
            return;
        }
        if let Some(image) = self.image(text) {
            out.push(image);
            return;
        }
        out.push(self.text_block(text));
    }

    fn text_block(&self, text: &'a str) -> NewBlock {
        if text == "---" {
            return NewBlock::leaf(Content::Divider);
        }
        let hashes = text.bytes().take_while(|b| *b == b'#').count();
        if (1..=6).contains(&hashes)
            && let Some(rest) = after_marker(text, hashes)
        {
            let (rest, looks) = self.looks(rest);
            return NewBlock::leaf(Content::Heading {
                level: u8::try_from(hashes.min(4)).unwrap_or(4),
                rich: self.inline(rest),
                color: looks.color,
                toggleable: looks.toggle,
            });
        }
        if text.starts_with(['-', '*', '+'])
            && let Some(rest) = after_marker(text, 1)
        {
            let (rest, looks) = self.looks(rest);
            let color = looks.color;
            for (mark, checked) in [("[ ]", false), ("[x]", true), ("[X]", true)] {
                if let Some(task) = rest.strip_prefix(mark)
                    && (task.is_empty() || task.starts_with([' ', '\t']))
                {
                    return NewBlock::leaf(Content::ToDo {
                        rich: self.inline(task),
                        color,
                        checked,
                    });
                }
            }
            return NewBlock::leaf(Content::Text {
                kind: TextKind::Bulleted,
                rich: self.inline(rest),
                color,
                icon: None,
            });
        }
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        if (1..=9).contains(&digits)
            && text.as_bytes().get(digits) == Some(&b'.')
            && let Some(rest) = after_marker(text, digits + 1)
        {
            let (rest, looks) = self.looks(rest);
            return NewBlock::leaf(Content::Numbered {
                rich: self.inline(rest),
                color: looks.color,
                start: None,
                format: None,
            });
        }
        if let Some(rest) = text.strip_prefix('>') {
            let (rest, looks) = self.looks(rest);
            return NewBlock::leaf(Content::Text {
                kind: TextKind::Quote,
                rich: self.inline(rest),
                color: looks.color,
                icon: None,
            });
        }
        self.paragraph(text)
    }

    /// A code block. Not one when a backtick stands behind the fence.
    fn fence(&mut self, text: &str, level: usize, out: &mut Body) -> bool {
        let count = text.bytes().take_while(|b| *b == b'`').count();
        let info = text.get(count..).unwrap_or_default();
        if info.contains('`') {
            return false;
        }
        let mut code: Vec<&str> = Vec::new();
        while let Some(line) = self.lines.get(self.at).copied() {
            self.at += 1;
            let bare = line.trim();
            if bare.len() >= count && bare.bytes().all(|b| b == b'`') {
                break;
            }
            let strip = tabs(line).min(level);
            code.push(line.get(strip..).unwrap_or_default());
        }
        out.push(NewBlock::leaf(Content::Code {
            rich: plain(&code.join("\n")),
            caption: Rich::new(),
            language: language_of(info).to_owned(),
        }));
        true
    }

    /// A block equation, on one line or several.
    fn equation(&mut self, text: &str, out: &mut Body) -> bool {
        let rest = text.get(2..).unwrap_or_default();
        let mut expression: Vec<&str> = Vec::new();
        if let Some(inner) = rest.strip_suffix("$$") {
            expression.push(inner.trim());
        } else if rest.trim().is_empty() {
            while let Some(line) = self.lines.get(self.at).copied() {
                self.at += 1;
                let line = line.trim();
                if line == "$$" {
                    break;
                }
                if !line.is_empty() && !line.starts_with("$$") {
                    expression.push(line);
                }
            }
        } else {
            return false;
        }
        out.push(NewBlock::leaf(Content::Equation {
            expression: expression.join("\n"),
        }));
        true
    }

    /// A line that is nothing but an image.
    fn image(&self, text: &'a str) -> Option<NewBlock> {
        if !text.starts_with("![") {
            return None;
        }
        let (text, _) = self.looks(text);
        let (caption, url) = inline_reader::sole_link(text.strip_prefix('!')?)?;
        Some(media(MediaKind::Image, url, self.inline(caption)))
    }

    /// A block that is written as a tag. `false` when the tag is none of a block.
    fn tag(&mut self, text: &'a str, depth: usize, out: &mut Body) -> bool {
        let Some(tag) = Tag::parse(text) else {
            return false;
        };
        let rest = text.get(tag.length..).unwrap_or_default();
        let color = tag
            .get("color")
            .and_then(Color::from_markdown)
            .unwrap_or_default();
        let id = tag.get("url").and_then(NotionId::in_url);
        match (tag.name, tag.form) {
            ("empty-block", Form::Alone | Form::Open) => {
                out.push(NewBlock::leaf(Content::paragraph(Rich::new())));
            }
            ("table_of_contents", Form::Alone | Form::Open) => {
                out.push(NewBlock::leaf(Content::TableOfContents { color }));
            }
            ("unknown", Form::Alone | Form::Open) => {
                out.push(NewBlock::leaf(Content::Placeholder { id }));
            }
            ("page", Form::Open | Form::Alone) => {
                if let Some(id) = id {
                    out.push(NewBlock::leaf(Content::ChildPage { id }));
                }
            }
            ("database", Form::Open | Form::Alone) => {
                if let Some(id) = id {
                    out.push(NewBlock::leaf(Content::ChildDatabase { id }));
                }
            }
            ("image" | "audio" | "video" | "file" | "pdf", Form::Open | Form::Alone) => {
                let Some(url) = tag.get("src").filter(|url| !url.is_empty()) else {
                    return false;
                };
                let close = format!("</{}>", tag.name);
                let caption = rest.strip_suffix(close.as_str()).unwrap_or(rest);
                let kind = MediaKind::ALL
                    .into_iter()
                    .find(|kind| kind.name() == tag.name);
                let caption = self.inline(caption);
                out.push(media(kind.unwrap_or(MediaKind::File), url, caption));
            }
            ("table", Form::Open) => {
                let first = self.at;
                let same_line = rest.contains("</table>");
                while !same_line
                    && self
                        .lines
                        .get(self.at)
                        .is_some_and(|line| line.trim() != "</table>")
                {
                    self.at += 1;
                }
                let mut lines = vec![rest];
                lines.extend(self.lines.get(first..self.at).unwrap_or_default());
                if !same_line {
                    self.at += 1;
                }
                out.push(table::read(&tag, &lines, self.emojis));
            }
            ("details", Form::Open) if depth < DEEPEST_INPUT => {
                let mut rich = Rich::new();
                let mut next = if rest.trim().is_empty() {
                    let blank = |line: &&&str| line.trim().is_empty();
                    self.at += self
                        .lines
                        .get(self.at..)
                        .unwrap_or_default()
                        .iter()
                        .take_while(blank)
                        .count();
                    self.lines.get(self.at).map(|line| line.trim())
                } else {
                    Some(rest.trim())
                };
                if let Some(title) = next.take().and_then(|line| line.strip_prefix("<summary>")) {
                    if rest.trim().is_empty() {
                        self.at += 1;
                    }
                    rich = self.inline(title.strip_suffix("</summary>").unwrap_or(title));
                }
                let children = self.inside("details", depth);
                out.push(NewBlock {
                    id: None,
                    content: Content::Text {
                        kind: TextKind::Toggle,
                        rich,
                        color,
                        icon: None,
                    },
                    children,
                });
            }
            ("callout", Form::Open) if depth < DEEPEST_INPUT => {
                let (icon, color) = (tag.get("icon"), tag.get("color"));
                let first = rest.trim();
                let mut children = Body::new();
                if let Some(text) = first.strip_suffix("</callout>") {
                    if !text.is_empty() {
                        children.push(self.paragraph(text));
                    }
                } else {
                    if !first.is_empty() {
                        children.push(self.paragraph(first));
                    }
                    children.extend(self.inside("callout", depth));
                }
                out.push(self.callout(icon, color, children));
            }
            ("columns", Form::Open) if depth < DEEPEST_INPUT => {
                let children = self.inside("columns", depth);
                out.push(NewBlock {
                    id: None,
                    content: Content::ColumnList,
                    children: columns(children),
                });
            }
            ("column", Form::Open) if depth < DEEPEST_INPUT => {
                let ratio = tag
                    .get("ratio")
                    .and_then(|ratio| ratio.parse::<f64>().ok())
                    .filter(|ratio| ratio.is_finite() && (0.0..=10_000.0).contains(ratio))
                    .map(|percent| percent / 100.0);
                let children = self.inside("column", depth);
                out.push(NewBlock {
                    id: None,
                    content: Content::Column { ratio },
                    children,
                });
            }
            ("synced_block", Form::Open) if depth < DEEPEST_INPUT => {
                let children = self.inside("synced_block", depth);
                // The address says which stored block this is.
                out.push(NewBlock {
                    id,
                    content: Content::Synced { from: None },
                    children,
                });
            }
            ("synced_block_reference", Form::Open) if depth < DEEPEST_INPUT && id.is_some() => {
                let children = self.inside("synced_block_reference", depth);
                out.push(NewBlock {
                    id: None,
                    content: Content::Synced { from: id },
                    children,
                });
            }
            ("meeting-notes", Form::Open) if depth < DEEPEST_INPUT => {
                out.push(self.meeting(depth));
            }
            _ => return false,
        }
        true
    }

    fn callout(&self, icon: Option<&str>, color: Option<&str>, children: Body) -> NewBlock {
        let mut children = children;
        let mut rich = Rich::new();
        let mut below = Body::new();
        // The first paragraph inside is the text of the callout itself.
        if let Some(NewBlock {
            content:
                Content::Text {
                    kind: TextKind::Paragraph,
                    ..
                },
            ..
        }) = children.first()
        {
            let first = children.remove(0);
            if let Content::Text { rich: text, .. } = first.content {
                rich = text;
            }
            below = first.children;
        }
        below.extend(children);
        NewBlock {
            id: None,
            content: Content::Callout {
                rich,
                color: color.and_then(Color::from_markdown).unwrap_or_default(),
                icon: icon.and_then(|icon| self.icon(icon)),
            },
            children: below,
        }
    }

    fn icon(&self, text: &str) -> Option<Value> {
        let text = unquote(text);
        let text = text.trim();
        if text.is_empty() {
            return None;
        }
        if let Some(name) = text
            .strip_prefix(':')
            .and_then(|rest| rest.strip_suffix(':'))
            && let Some((id, (_, url))) = self.emojis.iter().find(|(_, (known, _))| known == name)
        {
            return Some(json!({"type": "custom_emoji",
                "custom_emoji": {"id": id, "name": name, "url": url}}));
        }
        if text.starts_with("https://") || text.starts_with("http://") {
            return Some(json!({"type": "external", "external": {"url": text}}));
        }
        Some(json!({"type": "emoji", "emoji": text}))
    }

    /// Meeting notes. Only the notes are read as blocks; the rest is kept as text.
    fn meeting(&mut self, depth: usize) -> NewBlock {
        self.open.push("meeting-notes");
        let mut title = Rich::new();
        let mut notes = Body::new();
        let (mut summary, mut transcript) = (String::new(), String::new());
        while let Some(line) = self.lines.get(self.at).copied() {
            let text = line.trim();
            if self.closes(text) {
                if Tag::parse(text).is_some_and(|tag| tag.name == "meeting-notes") {
                    self.at += 1;
                }
                break;
            }
            self.at += 1;
            match text {
                "" => {}
                "<summary>" => summary = self.plain_until("</summary>"),
                "<transcript>" => transcript = self.plain_until("</transcript>"),
                "<notes>" => notes.extend(self.inside("notes", depth)),
                other if title.is_empty() => title = self.inline(other),
                other => notes.push(self.paragraph(other)),
            }
        }
        self.open.pop();
        NewBlock {
            id: None,
            content: Content::MeetingNotes {
                title,
                status: None,
                summary,
                transcript,
            },
            children: notes,
        }
    }

    fn plain_until(&mut self, close: &str) -> String {
        let mut out: Vec<String> = Vec::new();
        while let Some(line) = self.lines.get(self.at).copied() {
            self.at += 1;
            let line = line.trim();
            if line == close {
                break;
            }
            if !line.is_empty() {
                let rich = self.inline(line);
                out.push(rich.iter().map(text_of_span).collect());
            }
        }
        out.join("\n")
    }
}

#[derive(Default)]
struct Looks {
    color: Color,
    toggle: bool,
}

fn text_of_span(span: &super::super::text::Span) -> &str {
    match &span.kind {
        super::super::text::SpanKind::Text { content, .. } => content,
        super::super::text::SpanKind::Equation(expression) => expression,
        super::super::text::SpanKind::Mention(_) => "@",
    }
}

/// The text behind a marker of `length` bytes; the marker must end there.
fn after_marker(text: &str, length: usize) -> Option<&str> {
    let rest = text.get(length..)?;
    (rest.is_empty() || rest.starts_with([' ', '\t'])).then(|| rest.trim_start())
}

/// Whether indented lines below a block belong to it.
fn takes_indented(content: &Content) -> bool {
    match content {
        Content::Text { .. } | Content::Numbered { .. } | Content::ToDo { .. } => !matches!(
            content,
            Content::Text {
                kind: TextKind::Toggle,
                ..
            }
        ),
        Content::Heading { toggleable, .. } => *toggleable,
        _ => false,
    }
}

fn media(kind: MediaKind, url: &str, caption: Rich) -> NewBlock {
    let base = url.split('?').next().unwrap_or(url);
    // The service's own addresses without a signature are still its own.
    let file = if base.starts_with(super::super::file_input::HOSTED) && base == url {
        FileRef::Hosted(base.to_owned())
    } else {
        FileRef::External(url.to_owned())
    };
    let name =
        (kind == MediaKind::File).then(|| base.rsplit('/').next().unwrap_or(base).to_owned());
    NewBlock::leaf(Content::Media {
        kind,
        file,
        caption,
        name,
    })
}

/// Only columns stand in a column list: what lies between them joins the column before.
fn columns(children: Body) -> Body {
    let mut out: Body = Vec::new();
    for child in children {
        if matches!(child.content, Content::Column { .. }) {
            out.push(child);
        } else if let Some(last) = out.last_mut() {
            last.children.push(child);
        } else {
            out.push(NewBlock {
                id: None,
                content: Content::Column { ratio: None },
                children: vec![child],
            });
        }
    }
    out
}
