//! Inline events to rich text, with the source of every piece.

use std::ops::Range;

use pulldown_cmark::{CowStr, Event, LinkType, Tag, TagEnd};

use super::autolink;
use super::html::{self, InlineTag};
use super::lines::{self, Container};
use super::node::{Own, Piece};
use crate::document::{Annotations, Inline, InlineKind, RichText, Span, with_title};

/// How deep inline HTML that we understand may nest; deeper stays source text.
const HTML_DEPTH: usize = 16;

/// How many times the bytes of a link its target may be copied to its pieces. A link with more pieces
/// than that has a target of thousands of characters; it stays source text, so that the memory a
/// file takes is in proportion to its length.
const COPIES: usize = 64;

/// Collects the inline content of one block.
#[derive(Debug, Default)]
pub(crate) struct InlineBuilder {
    pieces: Vec<Piece>,
    /// Pieces that turned out to be no content: tags whose meaning is in other pieces now.
    dropped: Vec<usize>,
    bold: usize,
    italic: usize,
    strike: usize,
    links: Vec<Link>,
    open_html: Vec<OpenTag>,
    image: Option<Box<Image>>,
    /// The images of the block, with the pieces that they are.
    images: Vec<(usize, Picture)>,
    first: Option<usize>,
    end: usize,
    /// Whether the last piece is text that stands in the source as it is.
    exact: bool,
}

#[derive(Debug)]
struct Link {
    url: String,
    bare: bool,
    start: usize,
    pieces: usize,
    /// Bytes of target that its pieces may still take.
    budget: usize,
}

#[derive(Debug)]
struct OpenTag {
    name: String,
    piece: usize,
    tag: Option<InlineTag>,
}

#[derive(Debug)]
struct Image {
    url: String,
    depth: usize,
    alt: InlineBuilder,
}

/// An image among the pieces of a text.
#[derive(Debug)]
pub(crate) struct Picture {
    /// Where its piece starts in the source.
    start: usize,
    /// Where the image is.
    pub(crate) url: String,
    alt: RichText,
}

impl Picture {
    /// The image whose piece starts at a byte.
    pub(crate) fn at(start: usize, pictures: &[Self]) -> Option<&Self> {
        let at = pictures.binary_search_by_key(&start, |picture| picture.start);
        pictures.get(at.ok()?)
    }
}

/// Address and caption of a piece that is an image. One in a link has a text that leads there.
pub(crate) fn picture_of(piece: &Piece, pictures: &[Picture]) -> Option<(String, RichText)> {
    let picture = Picture::at(piece.source.start, pictures)?;
    if !piece.inline.annotations.is_plain() {
        return None;
    }
    let alt = match &piece.inline.link {
        None => picture.alt.clone(),
        Some(link) => led(picture.alt.clone(), link)?,
    };
    Some((picture.url.clone(), alt))
}

/// What a finished builder holds.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) own: Own,
    /// Its images, by where they start.
    pub(crate) pictures: Vec<Picture>,
    /// Whether nothing but its pieces stands in it: no tag and no empty text was left out.
    pub(crate) bare: bool,
}

impl InlineBuilder {
    pub(crate) fn is_empty(&self) -> bool {
        self.pieces.is_empty() && self.image.is_none()
    }

    fn annotations(&self) -> Annotations {
        Annotations {
            bold: self.bold > 0,
            italic: self.italic > 0,
            strikethrough: self.strike > 0,
            ..Annotations::default()
        }
    }

    fn push(&mut self, kind: InlineKind, annotations: Annotations, range: &Range<usize>) {
        self.exact = false;
        let link = self.links.last_mut().and_then(|link| {
            // Out of budget the pieces go when the link ends.
            link.budget = link.budget.saturating_sub(link.url.len());
            (link.budget > 0).then(|| link.url.clone())
        });
        self.pieces.push(Piece {
            source: Span {
                start: range.start,
                end: range.end,
            },
            inline: Inline {
                kind,
                annotations,
                link,
            },
        });
    }

    /// Whether the last piece stands in the innermost open link, or outside of links where none is
    /// open.
    fn is_in_link(&self, last: &Piece) -> bool {
        match self.links.last() {
            Some(link) => link.pieces < self.pieces.len(),
            None => last.inline.link.is_none(),
        }
    }

    /// Adds text that does not stand in the source like this.
    fn push_text(&mut self, text: &str, range: &Range<usize>) {
        self.push(InlineKind::Text(text.to_owned()), self.annotations(), range);
    }

    /// Adds text; neighbours that stand in the source as they are become one piece.
    fn push_source(&mut self, source: &str, text: &str, range: &Range<usize>) {
        let exact = source.get(range.clone()) == Some(text);
        let annotations = self.annotations();
        let joins = exact
            && self.exact
            && self.pieces.last().is_some_and(|last| {
                last.source.end == range.start
                    && last.inline.annotations == annotations
                    && self.is_in_link(last)
            });
        if joins
            && let Some(last) = self.pieces.last_mut()
            && let InlineKind::Text(before) = &mut last.inline.kind
        {
            before.push_str(text);
            last.source.end = range.end;
            return;
        }
        self.push(InlineKind::Text(text.to_owned()), annotations, range);
        self.exact = exact;
    }

    /// Takes one event. Events that are not inline are ignored.
    pub(crate) fn event(
        &mut self,
        source: &str,
        containers: &[Container],
        event: Event<'_>,
        range: Range<usize>,
    ) {
        let range = collapsed(source, &event, range);
        self.first = Some(
            self.first
                .map_or(range.start, |first| first.min(range.start)),
        );
        self.end = self.end.max(range.end);
        if let Some(image) = &mut self.image {
            match &event {
                Event::Start(Tag::Image { .. }) => image.depth += 1,
                Event::End(TagEnd::Image) if image.depth == 0 => {
                    if let Some(image) = self.image.take() {
                        let alt = image.alt.finish(source).own.take_text(false);
                        let picture = Picture {
                            start: range.start,
                            url: image.url,
                            alt,
                        };
                        self.images.push((self.pieces.len(), picture));
                        let text = lines::unprefixed(source, range.clone(), containers);
                        self.push(InlineKind::Verbatim(text), self.annotations(), &range);
                    }
                    return;
                }
                Event::End(TagEnd::Image) => image.depth -= 1,
                _ => image.alt.event(source, containers, event, range),
            }
            return;
        }
        match event {
            // A line end that was written as an entity is a space where HTML is shown.
            Event::Text(text) if text.bytes().any(|b| matches!(b, b'\n' | b'\r')) => {
                let text = CowStr::from(text.replace(['\n', '\r'], " "));
                self.text(source, &text, range);
            }
            Event::Text(text) => self.text(source, &text, range),
            Event::Code(text) => {
                let annotations = Annotations {
                    code: true,
                    ..self.annotations()
                };
                self.push(InlineKind::Text(text.into_string()), annotations, &range);
            }
            Event::InlineMath(math) => self.math(source, &math, range),
            Event::DisplayMath(_) | Event::FootnoteReference(_) => {
                let text = lines::unprefixed(source, range.clone(), containers);
                self.push(InlineKind::Verbatim(text), self.annotations(), &range);
            }
            Event::InlineHtml(html) => self.html(&html, &range),
            Event::SoftBreak => {
                let after_break = matches!(
                    self.pieces.last(),
                    Some(Piece { inline: Inline { kind: InlineKind::Text(text), .. }, .. })
                        if text == "\n"
                );
                if !after_break {
                    self.push_text(" ", &range);
                }
            }
            Event::HardBreak => self.push_text("\n", &range),
            Event::Start(tag) => self.start(tag, &range),
            Event::End(end) => self.end_tag(source, containers, end, &range),
            _ => {}
        }
    }

    fn text(&mut self, source: &str, text: &CowStr<'_>, mut range: Range<usize>) {
        // The backslash of an escape belongs to the character behind it.
        let before = range.start.checked_sub(1);
        if let Some(before) = before
            && source.as_bytes()[before] == b'\\'
            && self
                .pieces
                .last()
                .is_none_or(|piece| piece.source.end <= before)
            && text.starts_with(|c: char| c.is_ascii_punctuation())
            && source[range.clone()].starts_with(|c: char| c.is_ascii_punctuation())
        {
            range.start = before;
        }
        self.push_source(source, text, &range);
    }

    fn math(&mut self, source: &str, math: &str, range: Range<usize>) {
        // As on GitHub, a dollar sign inside a word is a dollar sign.
        let word = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
        if word(source[..range.start].chars().next_back())
            || word(source[range.end..].chars().next())
        {
            let text = source[range.clone()].to_owned();
            if !text.contains(['\n', '\r']) {
                self.push_source(source, &text, &range);
                return;
            }
        }
        let math = math.replace("\r\n", "\n").replace('\r', "\n");
        let math = match math.strip_prefix('`').and_then(|m| m.strip_suffix('`')) {
            Some(inner) if !inner.is_empty() => inner.to_owned(),
            _ => math,
        };
        self.push(InlineKind::Equation(math), self.annotations(), &range);
    }

    fn start(&mut self, tag: Tag<'_>, range: &Range<usize>) {
        match tag {
            Tag::Emphasis => self.italic += 1,
            Tag::Strong => self.bold += 1,
            Tag::Strikethrough => self.strike += 1,
            Tag::Link {
                link_type,
                dest_url,
                title,
                ..
            } => {
                let url = if link_type == LinkType::Email && !dest_url.starts_with("mailto:") {
                    format!("mailto:{dest_url}")
                } else {
                    titled(dest_url, &title)
                };
                self.links.push(Link {
                    budget: COPIES * (range.len() + url.len()) + 1,
                    url,
                    bare: matches!(link_type, LinkType::Autolink | LinkType::Email),
                    start: range.start,
                    pieces: self.pieces.len(),
                });
            }
            Tag::Image {
                dest_url, title, ..
            } => {
                self.image = Some(Box::new(Image {
                    url: titled(dest_url, &title),
                    depth: 0,
                    alt: Self::default(),
                }));
            }
            _ => {}
        }
    }

    fn end_tag(
        &mut self,
        source: &str,
        containers: &[Container],
        end: TagEnd,
        range: &Range<usize>,
    ) {
        match end {
            TagEnd::Emphasis => self.italic = self.italic.saturating_sub(1),
            TagEnd::Strong => self.bold = self.bold.saturating_sub(1),
            TagEnd::Strikethrough => self.strike = self.strike.saturating_sub(1),
            TagEnd::Link => {
                let Some(link) = self.links.pop() else { return };
                let heavy = link.budget == 0;
                if heavy {
                    self.pieces.truncate(link.pieces);
                    self.dropped.retain(|at| *at < link.pieces);
                    self.images.retain(|(at, _)| *at < link.pieces);
                    self.open_html.retain(|open| open.piece < link.pieces);
                }
                if heavy || link.pieces == self.pieces.len() && !link.bare {
                    // A link without text shows nothing, but it is somebody's source.
                    let text = lines::unprefixed(source, link.start..range.end, containers);
                    self.push(InlineKind::Verbatim(text), self.annotations(), range);
                }
            }
            _ => {}
        }
    }

    fn html(&mut self, source: &str, range: &Range<usize>) {
        let source = source.replace("\r\n", "\n").replace('\r', "\n");
        let Some((name, closing, tag)) = html::inline_tag(&source) else {
            self.push(InlineKind::Verbatim(source), self.annotations(), range);
            return;
        };
        if tag == Some(InlineTag::Break) {
            self.push_text("\n", range);
            return;
        }
        if !closing {
            if self.open_html.len() < HTML_DEPTH {
                self.open_html.push(OpenTag {
                    name,
                    piece: self.pieces.len(),
                    tag,
                });
            }
            self.push(InlineKind::Verbatim(source), self.annotations(), range);
            return;
        }
        let matching = self.open_html.last().is_some_and(|open| open.name == name);
        let Some(open) = matching.then(|| self.open_html.pop()).flatten() else {
            self.push(InlineKind::Verbatim(source), self.annotations(), range);
            return;
        };
        match open.tag {
            None => self.push(InlineKind::Verbatim(source), self.annotations(), range),
            Some(InlineTag::Inline(inline)) => {
                let start = self.pieces[open.piece].source.start;
                self.exact = false;
                self.pieces.truncate(open.piece);
                self.dropped.retain(|at| *at < open.piece);
                self.images.retain(|(at, _)| *at < open.piece);
                self.pieces.push(Piece {
                    source: Span {
                        start,
                        end: range.end,
                    },
                    inline,
                });
            }
            Some(tag) => {
                self.dropped.push(open.piece);
                for piece in &mut self.pieces[open.piece..] {
                    tag.apply(&mut piece.inline.annotations);
                }
            }
        }
    }

    /// Ends the block.
    pub(crate) fn finish(self, source: &str) -> Finished {
        let empty =
            |piece: &Piece| matches!(&piece.inline.kind, InlineKind::Text(text) if text.is_empty());
        let bare = self.dropped.is_empty() && !self.pieces.iter().any(empty);
        let pictures = self.images.into_iter().map(|(_, picture)| picture);
        let mut pieces = self.pieces;
        if !self.dropped.is_empty() {
            let mut dropped = self.dropped;
            dropped.sort_unstable();
            let mut at = 0;
            pieces.retain(|_| {
                at += 1;
                dropped.binary_search(&(at - 1)).is_err()
            });
        }
        let pieces = link_bare(source, pieces);
        let span = self.first.map(|start| Span {
            // An escape at the start: its backslash is before the range of its event.
            start: pieces
                .first()
                .map_or(start, |piece| piece.source.start.min(start)),
            end: self.end,
        });
        Finished {
            own: Own { span, pieces },
            pictures: pictures.collect(),
            bare,
        }
    }
}

/// The text of an image in a link, which leads there. `None` where no text can.
fn led(mut alt: RichText, link: &str) -> Option<RichText> {
    let leads = |run: &Inline| run.link.is_none() && matches!(run.kind, InlineKind::Text(_));
    // Every run gets a copy of the target.
    if alt.is_blank() || alt.0.len() > COPIES || !alt.0.iter().all(leads) {
        return None;
    }
    for run in &mut alt.0 {
        run.link = Some(link.to_owned());
    }
    Some(alt)
}

/// A target with the title behind it, if there is one.
fn titled(target: CowStr<'_>, title: &str) -> String {
    if title.is_empty() {
        return target.into_string();
    }
    with_title(&target, &title.replace("\r\n", "\n").replace('\r', "\n"))
}

/// The parser leaves the `[]` of a collapsed reference out of its range.
fn collapsed(source: &str, event: &Event<'_>, mut range: Range<usize>) -> Range<usize> {
    let reference = matches!(event, Event::End(TagEnd::Link | TagEnd::Image));
    if reference
        && source[..range.end].ends_with(']')
        && source[range.start..].starts_with(['[', '!'])
        && source[range.end..].starts_with("[]")
    {
        range.end += 2;
    }
    range
}

/// Finds bare links in text that stands in the source as it is.
fn link_bare(source: &str, pieces: Vec<Piece>) -> Vec<Piece> {
    // Nearly always there is none, and the pieces stay where they are.
    let stays = |piece: &Piece| {
        let empty = matches!(&piece.inline.kind, InlineKind::Text(text) if text.is_empty());
        !empty && bare_links(source, piece).is_none_or(|found| found.is_empty())
    };
    if pieces.iter().all(stays) {
        return pieces;
    }
    let mut out = Vec::with_capacity(pieces.len() + 2);
    for piece in pieces {
        let (Some(found), InlineKind::Text(text)) =
            (bare_links(source, &piece), &piece.inline.kind)
        else {
            out.push(piece);
            continue;
        };
        if found.is_empty() && !text.is_empty() {
            out.push(piece);
            continue;
        }
        let mut done = 0;
        let mut part = |range: Range<usize>, link: Option<String>| {
            if !range.is_empty() {
                out.push(Piece {
                    source: Span {
                        start: piece.source.start + range.start,
                        end: piece.source.start + range.end,
                    },
                    inline: Inline {
                        kind: InlineKind::Text(text[range].to_owned()),
                        annotations: piece.inline.annotations.clone(),
                        link,
                    },
                });
            }
        };
        for found in found {
            part(done..found.range.start, None);
            done = found.range.end;
            part(found.range, Some(found.url));
        }
        part(done..text.len(), None);
    }
    out
}

/// The bare links in a piece; `None` where none are looked for.
fn bare_links(source: &str, piece: &Piece) -> Option<Vec<autolink::Found>> {
    let InlineKind::Text(text) = &piece.inline.kind else {
        return None;
    };
    let open = piece.inline.link.is_none() && !piece.inline.annotations.code;
    if !open || !is_exact(source, piece) {
        return None;
    }
    let before = source[..piece.source.start].chars().next_back();
    Some(autolink::scan(text, before))
}

/// Whether the text of a piece stands in the source as it is.
pub(crate) fn is_exact(source: &str, piece: &Piece) -> bool {
    matches!(&piece.inline.kind, InlineKind::Text(text)
        if source.get(piece.source.start..piece.source.end) == Some(text.as_str()))
}
