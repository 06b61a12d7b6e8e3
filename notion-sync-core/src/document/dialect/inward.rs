//! From a page to a file.

use super::encoding::{Carried, decode_runs, deep_level, is_joined, is_marked, joined, read_code};
use super::link::{LinkContext, Target};
use super::shape::shaped;
use super::{Converted, Reason, Report, element, notes, picture};
use crate::document::layout::is_item;
use crate::document::model::{
    Block, BlockKind, Document, Inline, InlineKind, MediaKind, MediaSource, Mention, RichText,
};

/// Turns a body as the page says it into the one that belongs into the repository.
///
/// Keeps ids. Carriers whose marker was damaged on the page are what they look like: code.
#[must_use]
pub fn from_notion(document: &Document, context: &LinkContext) -> Converted {
    from_notion_owned(document.clone(), context)
}

/// The same of a body that is not needed any more, which saves the copy.
#[must_use]
pub fn from_notion_owned(mut document: Document, context: &LinkContext) -> Converted {
    let mut report = Report::default();
    // First: in the shape below a paragraph may become the text of what it stands in.
    read_source(&mut document.blocks, context);
    let mut document = shaped(document, &mut report);
    // Only now is known what stands in a block.
    element::read(&mut document.blocks);
    let mut inward = Inward {
        context,
        report,
        place: Vec::new(),
    };
    inward.blocks(&mut document.blocks);
    // Last: places are those on the page.
    element::flatten(&mut document.blocks);
    Converted {
        document,
        report: inward.report.settled(),
    }
}

/// Paragraphs and images that carry source.
fn read_source(blocks: &mut [Block], context: &LinkContext) {
    for block in blocks {
        element::read_leaf(block);
        if let BlockKind::Media {
            media: MediaKind::Image,
            source: MediaSource::External(url),
            caption,
        } = &block.kind
            && let Some(picture::Read::Source(source)) = picture::read(url, caption, context)
        {
            block.kind = picture::block(source);
        }
        read_source(&mut block.children, context);
    }
}

struct Inward<'c> {
    context: &'c LinkContext,
    report: Report,
    place: Vec<usize>,
}

impl Inward<'_> {
    fn blocks(&mut self, blocks: &mut [Block]) {
        for (at, block) in blocks.iter_mut().enumerate() {
            self.place.push(at);
            self.read_notes(block);
            self.block(&mut block.kind);
            self.blocks(&mut block.children);
            self.place.pop();
        }
    }

    /// Takes what notes say into the layout.
    fn read_notes(&mut self, block: &mut Block) {
        if is_item(&block.kind) {
            if let Some(data) = block
                .kind
                .text_mut()
                .and_then(|text| notes::take(text, notes::LIST))
            {
                notes::apply_to_item(&data, block);
            }
            return;
        }
        match &mut block.kind {
            BlockKind::Table { alignment, .. } => {
                if let Some(BlockKind::TableRow { cells }) =
                    block.children.first_mut().map(|row| &mut row.kind)
                    && let Some(data) = cells
                        .first_mut()
                        .and_then(|cell| notes::take(cell, notes::TABLE))
                    && let Some(said) = notes::alignment(&data)
                {
                    *alignment = said;
                }
            }
            BlockKind::Heading { text, anchor, .. } => {
                if let Some(data) = notes::take(text, notes::HEADING) {
                    *anchor = notes::anchor(&data);
                }
            }
            BlockKind::Code { info, caption, .. } => {
                if let Some(data) = notes::take(caption, notes::CODE) {
                    *info = notes::info(&data);
                }
            }
            _ => {}
        }
    }

    /// The link as the file says it; reported where the page would get another spelling of it.
    fn link(&mut self, url: &str, target: Target) -> String {
        let link = self.context.inward(url, target);
        if link != url && self.context.outward(&link, target).as_deref() != Some(url) {
            self.report.add(&self.place, Reason::Link);
        }
        link
    }

    fn block(&mut self, kind: &mut BlockKind) {
        if let BlockKind::Code {
            code,
            language,
            caption,
            ..
        } = kind
        {
            match read_code(language, code, !caption.canonical().is_empty()) {
                Carried::Kind(carried) => *kind = carried,
                Carried::Literal(literal) => {
                    *code = literal;
                    self.text(caption);
                }
                Carried::Nothing => self.text(caption),
            }
            return;
        }
        if let BlockKind::Heading { level, text, .. } = kind {
            if *level == 4
                && let Some(deep) = deep_level(text)
            {
                *level = deep;
                let mut runs = joined(text);
                runs.remove(0);
                // The space behind the marker was written with it.
                if let Some(Inline {
                    kind: InlineKind::Text(rest),
                    annotations,
                    ..
                }) = runs.first_mut()
                    && !annotations.code
                    && rest.starts_with(' ')
                {
                    rest.remove(0);
                }
                *text = RichText(runs);
            }
            self.text(text);
            return;
        }
        if let Some(text) = kind.text_mut() {
            self.text(text);
        }
        match kind {
            BlockKind::Opaque { .. } => self.report.add(&self.place, Reason::Opaque),
            BlockKind::TableRow { cells } => {
                for cell in cells {
                    self.text(cell);
                }
            }
            BlockKind::Media {
                source, caption, ..
            } => {
                if let MediaSource::External(url) = source {
                    if let Some(picture::Read::Plain(plain)) =
                        picture::read(url, caption, self.context)
                    {
                        *url = plain;
                        self.report.add(&self.place, Reason::Attributes);
                    }
                    *url = self.link(url, Target::Bytes);
                }
                self.text(caption);
            }
            BlockKind::Bookmark { url, caption } | BlockKind::Embed { url, caption } => {
                *url = self.link(url, Target::Bytes);
                self.text(caption);
            }
            _ => {}
        }
    }

    fn text(&mut self, text: &mut RichText) {
        let carries = |run: &Inline| {
            is_marked(&run.annotations)
                || run.link.is_some()
                || matches!(run.kind, InlineKind::Mention(_))
        };
        if !text.0.iter().any(carries) && is_joined(text) {
            return;
        }
        // Joined first: Notion splits long runs, and a carrier can be longer than one.
        let mut out: Vec<Inline> = Vec::with_capacity(text.0.len());
        for mut run in joined(text) {
            if is_marked(&run.annotations)
                && run.link.is_none()
                && let InlineKind::Text(source) = &run.kind
                && let Some(runs) = decode_runs(source, &run.annotations)
            {
                out.extend(runs);
                continue;
            }
            if matches!(run.kind, InlineKind::Mention(Mention::Other(_))) {
                self.report.add(&self.place, Reason::Opaque);
            }
            if let (Some(link), InlineKind::Text(_)) = (&run.link, &run.kind) {
                run.link = Some(self.link(link, Target::Page));
            }
            out.push(run);
        }
        *text = RichText(out);
    }
}
