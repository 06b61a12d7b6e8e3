//! Text in one paragraph with a block that stands as a visible line with a comment behind it.
//!
//! Such a line is one link or image. People write beside it: in front of it, between it and its
//! comment, and behind the comment, where the next line belongs to the same paragraph. What they
//! write is no part of the block, so it becomes paragraphs before and behind it.

use std::ops::Range;

use super::inline::{Finished, Picture, is_exact, picture_of};
use super::leaf::{self, Shown};
use super::marker::Marker;
use super::node::{Own, Piece, rich_text};
use crate::document::reference::{as_uuid, id_of_url, is_hosted};
use crate::document::{BlockKind, InlineKind, MediaKind, MediaSource, RichText, Span};

/// What may stand between two blocks without being content: blanks, and the signs of quotes.
const BETWEEN: [char; 5] = [' ', '\t', '\n', '\r', '>'];

/// What may stand at the ends of a text without being content.
const BLANK: [char; 3] = [' ', '\t', '\n'];

/// A block of a paragraph, with its bytes.
#[derive(Debug)]
pub(crate) enum Part {
    /// A text, and the bytes that belong to it.
    Text(Own, Range<usize>),
    /// A block that has no text.
    Block {
        /// What it is.
        kind: BlockKind,
        /// Its bytes.
        range: Range<usize>,
        /// Whether a comment says so.
        dialect: bool,
    },
}

/// A block with a comment among the pieces of a text.
struct Leaf {
    kind: BlockKind,
    /// The pieces that show it.
    shown: Range<usize>,
    /// The piece that is its comment.
    comment: usize,
}

/// The blocks of a paragraph: one, where nothing stands beside it.
pub(crate) fn parts(source: &str, finished: Finished) -> Vec<Part> {
    let Finished {
        own,
        pictures,
        bare,
    } = finished;
    let Some(span) = own.span else {
        return Vec::new();
    };
    let leaves = leaves(&own.pieces, &pictures);
    if leaves.is_empty() {
        let range = span.start..span.end;
        return vec![match sole(&own.pieces, &pictures, bare) {
            Some(kind) => block(kind, range, false),
            None => Part::Text(own, range),
        }];
    }
    let mut parts = Parts {
        source,
        pictures: &pictures,
        bare,
        at: span.start,
        out: Vec::with_capacity(leaves.len() + 1),
    };
    let mut pieces = own.pieces.into_iter();
    let mut done = 0;
    for leaf in leaves {
        let before: Vec<Piece> = pieces.by_ref().take(leaf.shown.start - done).collect();
        let shown = pieces.by_ref().take(leaf.shown.len()).last();
        let behind = leaf.comment - leaf.shown.end;
        let behind: Vec<Piece> = pieces.by_ref().take(behind).collect();
        let end = pieces.next().map_or(span.end, |piece| piece.source.end);
        done = leaf.comment + 1;
        let start = before.last().map_or(parts.at, |piece| piece.source.end);
        parts.text(before, start, start);
        // What closes a link stands between its last piece and the next one.
        let until = match behind.first() {
            Some(first) if shown.is_some() && !is_blank(&behind) => first.source.start,
            _ => end,
        };
        parts.leaf(leaf.kind, until);
        let own = behind.last().map_or(end, |piece| piece.source.end);
        parts.text(behind, own, end);
    }
    parts.text(pieces.collect(), span.end, span.end);
    parts.out
}

/// The blocks of a paragraph in the making.
struct Parts<'a> {
    source: &'a str,
    pictures: &'a [Picture],
    bare: bool,
    /// Where the next block starts, with what stands in front of it.
    at: usize,
    out: Vec<Part>,
}

impl Parts<'_> {
    /// The bytes up to `end` that no block has yet, without what stands between two blocks.
    fn range(&mut self, end: usize) -> Range<usize> {
        let text = self.source.get(self.at..end).unwrap_or_default();
        let lead = if self.out.is_empty() {
            0
        } else {
            text.len() - text.trim_start_matches(BETWEEN).len()
        };
        let range = self.at + lead..(self.at + text.trim_end().len()).max(self.at + lead);
        self.at = end;
        range
    }

    fn leaf(&mut self, kind: BlockKind, end: usize) {
        let range = self.range(end);
        self.out.push(block(kind, range, true));
    }

    /// Adds a text that ends at `own`, with the bytes up to `end`. Where there is no text, they
    /// belong to the block in front of them.
    fn text(&mut self, mut pieces: Vec<Piece>, own: usize, end: usize) {
        trim(self.source, &mut pieces);
        // A block without text has no looks that a comment could give it.
        if let [piece] = &pieces[..]
            && is_style(piece)
        {
            pieces.clear();
        }
        let Some(first) = pieces.first().map(|piece| piece.source.start) else {
            let rest = self.source.get(self.at..end).unwrap_or_default();
            if let Some(Part::Text(_, range) | Part::Block { range, .. }) = self.out.last_mut()
                && !rest.trim_matches(BETWEEN).is_empty()
            {
                range.end = self.at + rest.trim_end().len();
                self.at = end;
            }
            return;
        };
        let mut range = self.range(end);
        // A text may begin with a sign that looks like that of a quote.
        range.start = range.start.min(first);
        self.out
            .push(match sole(&pieces, self.pictures, self.bare) {
                Some(kind) => block(kind, range, false),
                None => {
                    let span = Span {
                        start: range.start,
                        end: own.clamp(range.start, range.end),
                    };
                    let own = Own {
                        span: Some(span),
                        pieces,
                    };
                    Part::Text(own, range)
                }
            });
    }
}

fn block(kind: BlockKind, range: Range<usize>, dialect: bool) -> Part {
    Part::Block {
        kind,
        range,
        dialect,
    }
}

/// What a text is that consists of nothing but an image or a displayed equation. `bare` says that
/// nothing else stood in it: a tag makes a text of it.
fn sole(pieces: &[Piece], pictures: &[Picture], bare: bool) -> Option<BlockKind> {
    let ([piece], true) = (pieces, bare) else {
        return None;
    };
    if let Some((url, caption)) = picture_of(piece, pictures) {
        return Some(BlockKind::Media {
            media: MediaKind::Image,
            source: MediaSource::External(url),
            caption,
        });
    }
    let InlineKind::Verbatim(text) = &piece.inline.kind else {
        return None;
    };
    if piece.inline.link.is_some() || !piece.inline.annotations.is_plain() {
        return None;
    }
    let expression = text.strip_prefix("$$")?.strip_suffix("$$")?;
    Some(BlockKind::Equation {
        expression: expression.trim().to_owned(),
    })
}

/// Whether a piece is a comment about the looks of a text.
fn is_style(piece: &Piece) -> bool {
    let InlineKind::Verbatim(html) = &piece.inline.kind else {
        return false;
    };
    Marker::read(html).is_some_and(|marker| marker.kind == "style" && !marker.closing)
}

/// Whether a piece shows nothing.
fn is_space(piece: &Piece) -> bool {
    matches!(&piece.inline.kind, InlineKind::Text(text) if text.trim_matches(BLANK).is_empty())
        && !piece.inline.annotations.code
        && piece.inline.link.is_none()
}

fn is_blank(pieces: &[Piece]) -> bool {
    pieces.iter().all(is_space)
}

/// Takes blanks off both ends of a text.
fn trim(source: &str, pieces: &mut Vec<Piece>) {
    let lead = pieces.iter().take_while(|piece| is_space(piece)).count();
    pieces.drain(..lead);
    while pieces.last().is_some_and(is_space) {
        pieces.pop();
    }
    let cut = |piece: Option<&mut Piece>, start: bool| {
        let Some(piece) = piece.filter(|piece| !piece.inline.annotations.code) else {
            return;
        };
        let exact = is_exact(source, piece);
        let InlineKind::Text(text) = &mut piece.inline.kind else {
            return;
        };
        let kept = if start {
            text.trim_start_matches(BLANK)
        } else {
            text.trim_end_matches(BLANK)
        };
        let gone = text.len() - kept.len();
        *text = kept.to_owned();
        match (exact, start) {
            (true, true) => piece.source.start += gone,
            (true, false) => piece.source.end -= gone,
            (false, _) => {}
        }
    };
    cut(pieces.first_mut(), true);
    cut(pieces.last_mut(), false);
}

/// Finds the blocks with a comment in a text. A comment without what it needs makes none.
fn leaves(pieces: &[Piece], pictures: &[Picture]) -> Vec<Leaf> {
    let mut out = Vec::new();
    // What stands before another comment is not looked at again.
    let mut from = 0;
    for (comment, piece) in pieces.iter().enumerate() {
        let InlineKind::Verbatim(html) = &piece.inline.kind else {
            continue;
        };
        let marker = Marker::read(html).filter(|marker| {
            let known = !marker.closing && leaf::KINDS.contains(&marker.kind.as_str());
            known && piece.inline.annotations.is_plain()
        });
        let Some(marker) = marker else { continue };
        if let Some((shown, kind)) = read(&marker, pieces, from..comment, pictures) {
            out.push(Leaf {
                kind,
                shown,
                comment,
            });
        }
        from = comment + 1;
    }
    out
}

/// Reads the block of a comment, and which of the pieces in front of the comment show it.
fn read(
    marker: &Marker,
    pieces: &[Piece],
    within: Range<usize>,
    pictures: &[Picture],
) -> Option<(Range<usize>, BlockKind)> {
    let none = within.end..within.end;
    let text = |range: &Range<usize>| rich_text(pieces.get(range.clone()).unwrap_or_default());
    if marker.kind == "opaque" {
        let kind = leaf::read(marker, None, &RichText::default())?;
        let shown = match leaf::shown_by(&kind) {
            Some(Shown::Link(url)) => links(pieces, within)
                .into_iter()
                .rfind(|sight| sight.url == url)
                .map(|sight| sight.range),
            Some(Shown::Text(said)) => {
                let found = text(&within).to_plain();
                let same = found.split_whitespace().eq(said.split_whitespace());
                same.then_some(within)
            }
            None => None,
        };
        return Some((shown.unwrap_or(none), kind));
    }
    let link = || {
        let range = nearest(marker, links(pieces, within.clone()))?;
        let visible = leaf::target(&text(&range).canonical())?;
        Some((range, visible))
    };
    let picture = || {
        let range = nearest(marker, images(pieces, within.clone(), pictures))?;
        let visible = picture_of(pieces.get(range.start)?, pictures)?;
        Some((range, visible))
    };
    let found = if marker.text("media") == Some("image") {
        picture().or_else(link)
    } else {
        link().or_else(picture)
    };
    match found {
        Some((range, visible)) => {
            let kind = leaf::read(marker, Some(visible), &text(&range))?;
            Some((range, kind))
        }
        None => Some((none, leaf::read(marker, None, &RichText::default())?)),
    }
}

/// A link or an image in a text.
struct Sight<'p> {
    /// Its pieces.
    range: Range<usize>,
    url: &'p str,
}

/// The links of a text, each whole.
fn links(pieces: &[Piece], within: Range<usize>) -> Vec<Sight<'_>> {
    let mut out: Vec<Sight<'_>> = Vec::new();
    let numbered = pieces.iter().enumerate().take(within.end);
    for (at, piece) in numbered.skip(within.start) {
        let Some(url) = piece.inline.link.as_deref() else {
            continue;
        };
        match out.last_mut() {
            Some(last) if last.range.end == at && last.url == url => last.range.end += 1,
            _ => out.push(Sight {
                range: at..at + 1,
                url,
            }),
        }
    }
    out
}

/// The images of a text.
fn images<'p>(pieces: &[Piece], within: Range<usize>, pictures: &'p [Picture]) -> Vec<Sight<'p>> {
    let numbered = pieces.iter().enumerate().take(within.end);
    let found = numbered.skip(within.start).filter_map(|(at, piece)| {
        let picture = Picture::at(piece.source.start, pictures)?;
        Some(Sight {
            range: at..at + 1,
            url: &picture.url,
        })
    });
    found.collect()
}

/// The last of some links that leads where the block of a comment does, or the last of all.
fn nearest(marker: &Marker, mut sights: Vec<Sight<'_>>) -> Option<Range<usize>> {
    let leads = |url: &str| match marker.kind.as_str() {
        "media" => marker.flag("hosted") == is_hosted(url),
        "child_page" | "link_to_page" => id_of_url(url) == marker.text("page").and_then(as_uuid),
        "child_database" => id_of_url(url) == marker.text("database").and_then(as_uuid),
        _ => true,
    };
    let at = sights.iter().rposition(|sight| leads(sight.url));
    let last = sights.len().checked_sub(1);
    Some(sights.swap_remove(at.or(last)?).range)
}
