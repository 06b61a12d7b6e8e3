//! From a file to a page.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::encoding::{
    EQUATION, VERBATIM, block_code, decode_runs, deep_level, encode_run, is_joined, is_marked,
    is_source, is_too_large, joined, mark, marked_code, shield_code,
};
use super::link::{LinkContext, Target};
use super::shape::shaped;
use super::{Carry, Converted, Reason, Report, element, notes, paragraph, picture};
use crate::document::blocks::as_held;
use crate::document::canon::trimmed;
use crate::document::limits::{
    ARRAY_ITEMS, BLOCK_UNITS, EQUATION_UNITS, TEXT_UNITS, code_language, is_color, units,
};
use crate::document::model::{
    Alignment, Annotations, Block, BlockKind, Color, Document, Inline, InlineKind, MediaSource,
    Mention, RichText,
};
use crate::document::{Element, Layout};

/// Turns a body as the repository says it into one that Notion can hold.
///
/// Keeps ids and drops spans. See the module's table for the forms, and the report for what is lost.
///
/// What a file says about its layout stays in the file: see [`Carry::Content`].
#[must_use]
pub fn to_notion(document: &Document, context: &LinkContext) -> Converted {
    to_notion_with(document, context, Carry::Content)
}

/// The same, and says how much of the file's layout the page carries.
#[must_use]
pub fn to_notion_with(document: &Document, context: &LinkContext, carry: Carry) -> Converted {
    to_notion_owned(document.clone(), context, carry)
}

/// The same of a body that is not needed any more, which saves the copy.
#[must_use]
pub fn to_notion_owned(document: Document, context: &LinkContext, carry: Carry) -> Converted {
    let mut report = Report::default();
    let mut document = shaped(document, &mut report);
    let mut outward = Outward {
        context,
        carry,
        report,
        place: Vec::new(),
        derived: BTreeSet::new(),
    };
    outward.blocks(&mut document.blocks);
    let (mut report, derived) = (outward.report, outward.derived);
    report
        .entries
        .retain(|entry| !derived.contains(&entry.place));
    Converted {
        document,
        report: report.settled(),
    }
}

struct Outward<'c> {
    context: &'c LinkContext,
    carry: Carry,
    report: Report,
    place: Vec<usize>,
    /// Places of closing tags that have no block: nothing is to be said about them.
    derived: BTreeSet<Vec<usize>>,
}

impl Outward<'_> {
    fn note(&mut self, reason: Reason) {
        self.report.add(&self.place, reason);
    }

    fn blocks(&mut self, blocks: &mut Vec<Block>) {
        for at in 0..blocks.len() {
            self.place.push(at);
            let list = notes::of_list(blocks, at);
            let block = &mut blocks[at];
            block.span = None;
            let table = notes::of_table(&block.kind);
            // Only what could be mistaken for source is needed again.
            let before = match &block.kind {
                BlockKind::Paragraph { text, .. } if text.0.first().is_some_and(may_be_source) => {
                    Some(text.clone())
                }
                _ => None,
            };
            self.block(block);
            self.blocks(&mut block.children);
            if let Some(before) = before {
                shield_text(block, &before);
            }
            if let Some(data) = list {
                self.list(&data, block);
            }
            if let Some(data) = table
                && self.carry == Carry::Everything
                && let Some(BlockKind::TableRow { cells }) =
                    block.children.first_mut().map(|row| &mut row.kind)
                && let Some(cell) = cells.first_mut()
            {
                notes::add(cell, notes::TABLE, &data);
            }
            self.place.pop();
        }
        let said = element::may_nest(blocks)
            .then(|| blocks.iter().map(|block| block.layout.element).collect());
        for block in blocks.iter_mut() {
            block.layout = Layout {
                format: block.layout.format,
                ..Layout::default()
            };
        }
        let said: Option<Vec<Element>> = said;
        for at in said.map_or(Vec::new(), |said| element::nest(blocks, &said)) {
            let mut place = self.place.clone();
            place.push(at);
            self.derived.insert(place);
        }
    }

    /// Notes what the file says about a list on its first item, or reports it.
    fn list(&mut self, data: &Map<String, Value>, block: &mut Block) {
        if self.carry == Carry::Everything {
            if let Some(text) = block.kind.text_mut() {
                notes::add(text, notes::LIST, data);
            }
            return;
        }
        if data.get("start").is_some_and(|start| *start != 1) {
            self.note(Reason::ListStart);
        }
        if data.contains_key("spacing") || data.contains_key("separate") {
            self.note(Reason::Spacing);
        }
        if data.contains_key("format") {
            self.note(Reason::ListFormat);
        }
    }

    fn block(&mut self, block: &mut Block) {
        if matches!(block.kind, BlockKind::Opaque { .. }) {
            self.note(Reason::Opaque);
        }
        if let Some(replaced) = self.carrier(block) {
            match &block.kind {
                BlockKind::Verbatim { .. } | BlockKind::Paragraph { .. }
                    if matches!(replaced, BlockKind::Media { .. }) =>
                {
                    self.note(Reason::Html);
                }
                // Definitions are links on the page.
                BlockKind::Verbatim { markdown }
                    if markdown.starts_with('[')
                        && matches!(replaced, BlockKind::Paragraph { .. }) => {}
                BlockKind::Verbatim { .. } => self.note(Reason::Source),
                _ => self.note(Reason::Data),
            }
            block.kind = replaced;
            return;
        }
        if let BlockKind::Heading {
            level,
            text,
            anchor,
            ..
        } = &mut block.kind
        {
            let anchor = anchor.take();
            let deep = usize::from(*level);
            self.text(text);
            if deep == 4 && deep_level(text).is_some() {
                // Literal, so it must not be read as a level.
                let mut runs = joined(text);
                runs[0] = encode_run(&runs[0]);
                *text = RichText(runs);
            }
            if deep > 4 {
                *level = 4;
                let mut annotations = Annotations::default();
                mark(&mut annotations);
                let marker = Inline {
                    annotations,
                    ..Inline::text("#".repeat(deep.min(6)))
                };
                let rest = std::mem::take(&mut text.0);
                text.0.push(marker);
                if !rest.is_empty() {
                    text.0.push(Inline::text(" "));
                    text.0.extend(rest);
                }
            }
            if let Some(anchor) = anchor {
                if self.carry == Carry::Everything {
                    notes::add(text, notes::HEADING, &notes::of_heading(&anchor));
                } else {
                    self.note(Reason::Anchor);
                }
            }
            return;
        }
        if let Some(text) = block.kind.text_mut() {
            self.text(text);
        }
        match &mut block.kind {
            BlockKind::Code {
                code,
                language,
                info,
                caption,
            } => {
                match code_language(language) {
                    Some(known) => {
                        let said = info.as_deref().map(first_word).unwrap_or_default();
                        let lost = known == "plain text" && code_language(said).is_none();
                        if self.carry == Carry::Content && info.is_some() {
                            let reason = if lost { Reason::Language } else { Reason::Info };
                            self.report.add(&self.place, reason);
                        }
                        if *known != **language {
                            *language = known.into();
                        }
                    }
                    None => {
                        self.report.add(&self.place, Reason::Language);
                        *language = "plain text".into();
                    }
                }
                shield_code(language, code, !caption.canonical().is_empty());
                if is_too_large(code) {
                    self.report.add(&self.place, Reason::TooLarge);
                }
                self.text(caption);
                if let Some(data) = notes::of_code(info.as_deref())
                    && self.carry == Carry::Everything
                {
                    notes::add(caption, notes::CODE, &data);
                }
            }
            BlockKind::Table { alignment, .. }
                if self.carry == Carry::Content
                    && alignment.iter().any(|said| *said != Alignment::None) =>
            {
                self.note(Reason::Alignment);
            }
            BlockKind::TableRow { cells } => {
                for cell in cells {
                    self.text(cell);
                }
            }
            BlockKind::Media {
                source, caption, ..
            } => {
                // Never `None` here: what no URL can say is carried as a block.
                if let MediaSource::External(url) = source
                    && let Some(absolute) = self.context.outward(url, Target::Bytes)
                {
                    *url = absolute;
                }
                self.text(caption);
            }
            BlockKind::Bookmark { url, caption } | BlockKind::Embed { url, caption } => {
                if let Some(absolute) = self.context.outward(url, Target::Bytes) {
                    *url = absolute;
                }
                self.text(caption);
            }
            _ => {}
        }
        if let Some(color) = block.kind.color_mut()
            && !color.is_default()
            && !is_color(color.name())
        {
            *color = Color::default();
            self.note(Reason::Color);
        }
    }

    /// The block that carries one which Notion does not have.
    fn carrier(&mut self, block: &Block) -> Option<BlockKind> {
        let kind = &block.kind;
        let carrier = match kind {
            BlockKind::Paragraph { text, color } => {
                let source = picture::tags(text)?;
                let alone = color.is_default() && trimmed(&block.children).is_empty();
                return alone
                    .then(|| picture::of_source(&source, false, self.context))
                    .flatten();
            }
            BlockKind::Verbatim { markdown } => {
                if let Some(picture) = picture::of_source(markdown, true, self.context) {
                    return Some(picture);
                }
                match paragraph::of_source(markdown, self.context) {
                    Some(paragraph) => return Some(paragraph),
                    None => marked_code("markdown", VERBATIM, markdown),
                }
            }
            BlockKind::Equation { expression } if units(expression) > EQUATION_UNITS => {
                marked_code("latex", EQUATION, expression)
            }
            BlockKind::Media {
                source: MediaSource::External(url),
                ..
            }
            | BlockKind::Bookmark { url, .. }
            | BlockKind::Embed { url, .. }
                if self.context.outward(url, Target::Bytes).is_none() =>
            {
                block_code(kind)?
            }
            // Literal, so it must not be read as HTML.
            BlockKind::Media {
                source: MediaSource::External(url),
                caption,
                ..
            } if picture::is_carried(url)
                && self
                    .context
                    .outward(url, Target::Bytes)
                    .is_some_and(|url| picture::read(&url, caption, self.context).is_some()) =>
            {
                block_code(kind)?
            }
            _ => return None,
        };
        if let BlockKind::Code { code, .. } = &carrier
            && is_too_large(code)
        {
            self.note(Reason::TooLarge);
        }
        Some(carrier)
    }

    fn text(&mut self, text: &mut RichText) {
        if self.is_plain(text) {
            return;
        }
        let runs = joined(text);
        let mut out: Vec<Inline> = runs.iter().map(|run| self.run(run.clone())).collect();
        for (at, run) in runs.iter().enumerate() {
            if matches!(run.kind, InlineKind::Verbatim(_)) {
                self.note(Reason::InlineSource);
            } else if is_carrier(&runs, &out, at) {
                self.note(Reason::Data);
            }
            if matches!(run.kind, InlineKind::Mention(Mention::Other(_))) {
                self.note(Reason::Opaque);
            }
        }
        // Grey code that stays what it is must not be joined with a carrier beside it.
        for at in 0..out.len() {
            let touches = |other: Option<usize>| {
                other.is_some_and(|other| {
                    is_carrier(&runs, &out, other)
                        && out[other].annotations == out[at].annotations
                        && out[other].link == out[at].link
                })
            };
            let next = (at + 1 < out.len()).then_some(at + 1);
            if is_marked(&out[at].annotations)
                && !is_carrier(&runs, &out, at)
                && (touches(at.checked_sub(1)) || touches(next))
            {
                out[at] = encode_run(&runs[at]);
            }
        }
        *text = RichText(out);
        let mut total = 0;
        let mut objects = 0;
        for run in &joined(text) {
            let length = match &run.kind {
                InlineKind::Text(text)
                | InlineKind::Equation(text)
                | InlineKind::Verbatim(text) => units(text),
                InlineKind::Mention(_) => 0,
            };
            total += length;
            objects += length.div_ceil(TEXT_UNITS).max(1);
        }
        if total > BLOCK_UNITS {
            self.note(Reason::TooLarge);
        } else if objects > ARRAY_ITEMS {
            self.note(Reason::Runs);
            if let Some(held) = as_held(text) {
                *text = held;
            }
        }
    }

    /// Whether a page holds the text as it is: true of most text, and told without a copy.
    fn is_plain(&self, text: &RichText) -> bool {
        let plain = |run: &Inline| {
            let color = &run.annotations.color;
            let stays = |link: &String| self.context.stays(link, Target::Page);
            matches!(run.kind, InlineKind::Text(_))
                && run.link.as_ref().is_none_or(stays)
                && !is_marked(&run.annotations)
                && (color.is_default() || is_color(color.name()))
        };
        let length = |run: &Inline| match &run.kind {
            InlineKind::Text(text) => text.len(),
            _ => 0,
        };
        // A byte is at least as much as a unit.
        text.0.len() <= ARRAY_ITEMS
            && text.0.iter().all(plain)
            && is_joined(text)
            && text.0.iter().map(length).sum::<usize>() <= TEXT_UNITS
    }

    fn run(&mut self, mut run: Inline) -> Inline {
        let color = &run.annotations.color;
        if !color.is_default() && !is_color(color.name()) {
            return encode_run(&run);
        }
        match &run.kind {
            InlineKind::Verbatim(source) => {
                let carried = is_source(source)
                    && !looks_like_run(source)
                    && !source.contains('\r')
                    && !run.annotations.code
                    && color.is_default()
                    && run.link.is_none();
                if !carried {
                    return encode_run(&run);
                }
                run.kind = InlineKind::Text(source.clone());
                mark(&mut run.annotations);
                run
            }
            InlineKind::Text(text) => {
                if is_marked(&run.annotations)
                    && run.link.is_none()
                    && decode_runs(text, &run.annotations).is_some()
                {
                    return encode_run(&run);
                }
                if let Some(link) = &run.link {
                    match self.context.outward(link, Target::Page) {
                        Some(url) => run.link = Some(url),
                        None => return encode_run(&run),
                    }
                }
                run
            }
            InlineKind::Equation(expression) => {
                let long = units(expression) > EQUATION_UNITS;
                if long || run.link.is_some() || run.annotations.code {
                    return encode_run(&run);
                }
                run
            }
            InlineKind::Mention(_) => {
                if run.link.is_some() || run.annotations.code {
                    return encode_run(&run);
                }
                run
            }
        }
    }
}

/// Whether the run at `at` became grey code in `out`.
fn is_carrier(runs: &[Inline], out: &[Inline], at: usize) -> bool {
    (is_marked(&out[at].annotations) && out[at].kind != runs[at].kind)
        || matches!(runs[at].kind, InlineKind::Verbatim(_))
}

/// Part of a text, so it must not be read as source that is a block.
fn shield_text(block: &mut Block, before: &RichText) {
    let leaf = trimmed(&block.children).is_empty();
    let is_read = match &block.kind {
        BlockKind::Paragraph { text, color } if leaf => {
            color.is_default() && paragraph::source(text).is_some()
        }
        _ => element::is_element(block),
    };
    if is_read && let BlockKind::Paragraph { text, .. } = &mut block.kind {
        let mut runs = joined(before);
        runs[0] = encode_run(&runs[0]);
        *text = RichText(runs);
    }
}

fn may_be_source(run: &Inline) -> bool {
    is_marked(&run.annotations) || matches!(run.kind, InlineKind::Verbatim(_))
}

fn looks_like_run(source: &str) -> bool {
    source.contains("<!-- notion-sync:")
}

fn first_word(info: &str) -> &str {
    info.split([' ', '\t', ',', '{']).next().unwrap_or_default()
}
