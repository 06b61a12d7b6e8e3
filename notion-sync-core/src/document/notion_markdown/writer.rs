//! Blocks as lines.

use super::attributes::{color_name, push_attribute};
use super::inline_writer::write_inline;
use super::lines::{Start, start_of};
use super::{Inexpressible, Obstacle};
use crate::document::limits::{CODE_LANGUAGES, is_color};
use crate::document::model::{
    Block, BlockKind, Color, Document, Icon, MediaKind, MediaSource, RichText,
};
use crate::document::reference::{PAGE_BASE, as_uuid, is_hosted, page_url};

pub(super) fn write_document(document: &Document) -> Result<String, Inexpressible> {
    let document = document.canonical();
    let mut writer = Writer {
        out: String::new(),
        obstacles: Vec::new(),
        place: Vec::new(),
        indent: 0,
    };
    writer.blocks(&document.blocks);
    if writer.out.ends_with('\n') {
        writer.out.pop();
    }
    if writer.obstacles.is_empty() {
        Ok(writer.out)
    } else {
        Err(Inexpressible {
            markdown: writer.out,
            obstacles: writer.obstacles,
        })
    }
}

struct Writer {
    out: String,
    obstacles: Vec<Obstacle>,
    place: Vec<usize>,
    indent: usize,
}

impl Writer {
    fn obstacle(&mut self, reason: &'static str) {
        self.obstacles.push(Obstacle {
            place: self.place.clone(),
            reason,
        });
    }

    fn line(&mut self, text: &str) {
        if !text.is_empty() {
            for _ in 0..self.indent {
                self.out.push('\t');
            }
            self.out.push_str(text);
        }
        self.out.push('\n');
    }

    fn inline(&mut self, text: &RichText) -> String {
        let mut reasons = Vec::new();
        let line = write_inline(text, &mut reasons);
        for reason in reasons {
            self.obstacle(reason);
        }
        line
    }

    fn blocks(&mut self, blocks: &[Block]) {
        for (at, block) in blocks.iter().enumerate() {
            self.place.push(at);
            self.block(block);
            self.place.pop();
        }
    }

    fn children(&mut self, block: &Block) {
        self.indent += 1;
        self.blocks(&block.children);
        self.indent -= 1;
    }

    fn no_children(&mut self, block: &Block) {
        if !block.children.is_empty() {
            self.obstacle("this type holds no children");
        }
    }

    fn attributes(&mut self, toggle: bool, color: &Color) -> String {
        let mut list = String::new();
        if toggle {
            list.push_str(" toggle=\"true\"");
        }
        self.push_color(&mut list, color);
        if list.is_empty() {
            list
        } else {
            format!(" {{{}}}", list.trim_start())
        }
    }

    fn push_color(&mut self, out: &mut String, color: &Color) {
        if !color.is_default() {
            if !is_color(color.name()) {
                self.obstacle("Notion has no such colour");
            }
            push_attribute(out, "color", &color_name(color));
        }
    }

    /// A line of text behind a marker.
    fn text_line(&mut self, marker: &str, text: &RichText, attributes: &str) {
        let text = self.inline(text);
        if !matches!(start_of(&text), Start::Paragraph) {
            self.obstacle("text starts like another block");
        }
        let line = format!("{marker} {text}{attributes}");
        self.line(line.trim_end());
    }

    fn block(&mut self, block: &Block) {
        match &block.kind {
            BlockKind::Paragraph { text, color } => self.paragraph(block, text, color),
            BlockKind::Heading {
                level,
                text,
                toggle,
                color,
                anchor: _,
            } => {
                if *level > 4 {
                    self.obstacle("headings have at most four levels");
                }
                let attributes = self.attributes(*toggle, color);
                let marker = "#".repeat(usize::from((*level).clamp(1, 4)));
                self.text_line(&marker, text, &attributes);
                if !*toggle {
                    self.no_children(block);
                }
                self.children(block);
            }
            BlockKind::BulletedItem { text, color } => self.item("-", block, text, color),
            BlockKind::NumberedItem { text, color, .. } => self.item("1.", block, text, color),
            BlockKind::ToDo {
                text,
                checked,
                color,
            } => {
                let marker = if *checked { "- [x]" } else { "- [ ]" };
                self.item(marker, block, text, color);
            }
            BlockKind::Quote { text, color } => self.item(">", block, text, color),
            BlockKind::Toggle { text, color } => {
                let mut open = "<details".to_owned();
                self.push_color(&mut open, color);
                open.push('>');
                self.line(&open);
                let summary = self.inline(text);
                self.line(&format!("<summary>{summary}</summary>"));
                self.children(block);
                self.line("</details>");
            }
            BlockKind::Callout { text, icon, color } => {
                self.callout(block, text, icon.as_ref(), color);
            }
            BlockKind::Code {
                code,
                language,
                caption,
                ..
            } => {
                if !caption.is_empty() {
                    self.obstacle("captions of code have no documented form");
                }
                if CODE_LANGUAGES.binary_search(&&**language).is_err() {
                    self.obstacle("the code language is unknown to Notion");
                }
                self.code(code, language);
                self.no_children(block);
            }
            BlockKind::Equation { expression } => {
                let odd = expression.contains('\r')
                    || expression.starts_with(char::is_whitespace)
                    || expression.ends_with(char::is_whitespace)
                    || expression.is_empty()
                    || expression.lines().any(|line| line.trim() == "$$");
                if odd {
                    self.obstacle("the expression is empty, has outer white space or holds `$$`");
                }
                self.line("$$");
                self.literal(expression);
                self.line("$$");
                self.no_children(block);
            }
            BlockKind::Divider => {
                self.line("---");
                self.no_children(block);
            }
            BlockKind::Table {
                width,
                header_row,
                header_column,
                ..
            } => self.table(block, *width, *header_row, *header_column),
            BlockKind::TableRow { .. } => self.obstacle("a row stands in a table"),
            BlockKind::Media {
                media,
                source,
                caption,
            } => {
                self.media(*media, source, caption);
                self.no_children(block);
            }
            BlockKind::ChildPage { page, title } => {
                self.obstacle("a child page cannot be created here, naming one would move it");
                let title = self.inline(&RichText::plain(title.trim()));
                let mut line = "<page".to_owned();
                push_attribute(&mut line, "url", &page_url(page));
                self.line(&format!("{line}>{title}</page>"));
            }
            BlockKind::ChildDatabase { database, title } => {
                self.obstacle("a child database cannot be created here, naming one would move it");
                let title = self.inline(&RichText::plain(title.trim()));
                let mut line = "<database".to_owned();
                push_attribute(&mut line, "url", &page_url(database));
                self.line(&format!("{line}>{title}</database>"));
            }
            BlockKind::ColumnList => {
                let only_columns = block
                    .children
                    .iter()
                    .all(|child| matches!(child.kind, BlockKind::Column { .. }));
                if block.children.len() < 2 || !only_columns {
                    self.obstacle("a column list holds at least two columns and nothing else");
                }
                self.line("<columns>");
                self.children(block);
                self.line("</columns>");
            }
            BlockKind::Column { ratio } => {
                let mut open = "<column".to_owned();
                if let Some(ratio) = ratio {
                    // Undocumented, but seen in what Notion writes.
                    self.obstacle("widths of columns have no documented form");
                    let percent = format!("{}.{}", ratio / 10, ratio % 10);
                    push_attribute(&mut open, "ratio", percent.trim_end_matches(".0"));
                }
                open.push('>');
                if self.place.len() < 2 {
                    self.obstacle("a column stands in a column list");
                }
                self.line(&open);
                self.children(block);
                self.line("</column>");
            }
            BlockKind::Synced { from } => {
                let tag = match from {
                    Some(id) => {
                        self.obstacle("a copy of a synced block names a block, not a page");
                        let mut open = "<synced_block_reference".to_owned();
                        let id = as_uuid(id).map_or_else(|| id.clone(), |id| id.replace('-', ""));
                        push_attribute(&mut open, "url", &format!("{PAGE_BASE}#{id}"));
                        self.line(&format!("{open}>"));
                        "synced_block_reference"
                    }
                    None => {
                        self.line("<synced_block>");
                        "synced_block"
                    }
                };
                self.children(block);
                self.line(&format!("</{tag}>"));
            }
            BlockKind::TableOfContents { color } => {
                let mut line = "<table_of_contents".to_owned();
                self.push_color(&mut line, color);
                line.push_str("/>");
                self.line(&line);
                self.no_children(block);
            }
            BlockKind::Bookmark { .. } => self.unknown("bookmark"),
            BlockKind::Embed { .. } => self.unknown("embed"),
            BlockKind::LinkToPage { .. } => self.unknown("alias"),
            BlockKind::Breadcrumb => self.unknown("breadcrumb"),
            BlockKind::Opaque { kind, .. } => self.unknown(kind),
            BlockKind::Verbatim { markdown } => {
                self.obstacle("source Markdown has no form here");
                self.code(markdown, "markdown");
            }
        }
    }

    fn unknown(&mut self, kind: &str) {
        self.obstacle("this type has no form in enhanced Markdown");
        let mut line = "<unknown".to_owned();
        push_attribute(&mut line, "alt", kind);
        line.push_str("/>");
        self.line(&line);
    }

    fn item(&mut self, marker: &str, block: &Block, text: &RichText, color: &Color) {
        let attributes = self.attributes(false, color);
        self.text_line(marker, text, &attributes);
        self.children(block);
    }

    fn paragraph(&mut self, block: &Block, text: &RichText, color: &Color) {
        if text.is_empty() {
            if !color.is_default() || !block.children.is_empty() {
                self.obstacle("an empty paragraph has neither colour nor children here");
            }
            let mut line = "<empty-block".to_owned();
            self.push_color(&mut line, color);
            line.push_str("/>");
            self.line(&line);
        } else {
            let text = self.inline(text);
            let text = self.shielded(text);
            let attributes = self.attributes(false, color);
            self.line(format!("{text}{attributes}").trim_end());
        }
        self.children(block);
    }

    /// Text that stands alone on its line, so that it is not read as another block.
    fn shielded(&mut self, text: String) -> String {
        if matches!(start_of(&text), Start::Paragraph) {
            return text;
        }
        // Escaping these characters is not documented.
        self.obstacle("text starts like another block");
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (head, tail) = text.split_at(digits);
        format!("{head}\\{tail}")
    }

    fn callout(&mut self, block: &Block, text: &RichText, icon: Option<&Icon>, color: &Color) {
        let mut open = "<callout".to_owned();
        match icon {
            Some(Icon::Emoji(emoji)) => {
                let plain =
                    !emoji.is_empty() && !emoji.starts_with(':') && !emoji.starts_with("http");
                if !push_attribute(&mut open, "icon", emoji) || !plain {
                    self.obstacle("the icon is no emoji");
                }
            }
            Some(Icon::External(url)) => {
                self.obstacle("pictures as icons have no documented form");
                push_attribute(&mut open, "icon", url);
            }
            Some(Icon::Named(name)) => {
                self.obstacle("custom icons have no documented form");
                push_attribute(&mut open, "icon", &format!(":{name}:"));
            }
            None => {}
        }
        self.push_color(&mut open, color);
        open.push('>');
        self.line(&open);
        self.indent += 1;
        if !text.is_empty() {
            let text = self.inline(text);
            let text = self.shielded(text);
            self.line(&text);
        } else if let Some(first) = block.children.first()
            && first.children.is_empty()
            && let BlockKind::Paragraph { color, .. } = &first.kind
            && color.is_default()
        {
            // Without it the first paragraph would become the callout's own text.
            self.line("<empty-block/>");
        }
        self.indent -= 1;
        self.children(block);
        self.line("</callout>");
    }

    fn literal(&mut self, text: &str) {
        if !text.is_empty() {
            for line in text.split('\n') {
                self.line(line);
            }
        }
    }

    fn code(&mut self, code: &str, language: &str) {
        let longest = code
            .split(|c| c != '`')
            .map(str::len)
            .max()
            .unwrap_or_default();
        if longest >= 3 {
            self.obstacle("code holds a fence");
        }
        let blank_lead = self.indent > 0
            && code
                .split('\n')
                .all(|line| line.is_empty() || line.starts_with('\t') || line.starts_with("    "));
        if blank_lead && !code.is_empty() {
            // Whether Notion indents code inside other blocks is not documented.
            self.obstacle("indented code inside another block");
        }
        let fence = "`".repeat(longest.max(2) + 1);
        let language = language.replace(['`', '\n', '\r'], " ");
        self.line(format!("{fence}{language}").trim_end());
        self.literal(code);
        self.line(&fence);
    }

    fn table(&mut self, block: &Block, width: usize, header_row: bool, header_column: bool) {
        let mut open = "<table".to_owned();
        if header_row {
            push_attribute(&mut open, "header-row", "true");
        }
        if header_column {
            push_attribute(&mut open, "header-column", "true");
        }
        open.push('>');
        self.line(&open);
        if block.children.is_empty() || width == 0 {
            self.obstacle("a table has rows and columns");
        }
        self.indent += 1;
        for (at, row) in block.children.iter().enumerate() {
            self.place.push(at);
            if let BlockKind::TableRow { cells } = &row.kind {
                if cells.len() != width {
                    self.obstacle("a row has as many cells as its table has columns");
                }
                self.line("<tr>");
                self.indent += 1;
                for cell in cells {
                    let text = self.inline(cell);
                    self.line(&format!("<td>{text}</td>"));
                }
                self.indent -= 1;
                self.line("</tr>");
            } else {
                self.obstacle("a table holds rows only");
            }
            self.place.pop();
        }
        self.indent -= 1;
        self.line("</table>");
    }

    fn media(&mut self, media: MediaKind, source: &MediaSource, caption: &RichText) {
        let url = match source {
            MediaSource::External(url) => url,
            MediaSource::Hosted(url) => {
                self.obstacle("a file hosted by Notion cannot be attached again");
                url
            }
        };
        if is_hosted(url) && matches!(source, MediaSource::External(_)) {
            self.obstacle("the URL is one of Notion's own links to a file");
        }
        let caption = self.inline(caption);
        if media == MediaKind::Image {
            let odd = url.is_empty()
                || url.contains(|c: char| c.is_whitespace() || c.is_control())
                || url.contains(['(', ')', '<', '>', '\\']);
            if odd {
                self.obstacle("the URL holds white space, brackets or a backslash");
            }
            let target: String = url
                .chars()
                .map(|c| match c {
                    '(' | ')' | '<' | '>' | '\\' => format!("\\{c}"),
                    c if c.is_whitespace() => "%20".to_owned(),
                    c => c.to_string(),
                })
                .collect();
            self.line(&format!("![{caption}]({target})"));
            return;
        }
        let tag = match media {
            MediaKind::Video => "video",
            MediaKind::Audio => "audio",
            MediaKind::Pdf => "pdf",
            MediaKind::Image | MediaKind::File => "file",
        };
        let mut open = format!("<{tag}");
        if !push_attribute(&mut open, "src", url) {
            self.obstacle("the URL cannot stand in an attribute");
        }
        self.line(&format!("{open}>{caption}</{tag}>"));
    }
}
