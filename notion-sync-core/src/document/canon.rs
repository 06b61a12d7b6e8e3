//! The canonical form: what a body says, without how a service or a person wrote it.
//!
//! Ids, spans, derived titles, numbering and table alignment are left out; adjacent runs of equal
//! formatting are joined; text is NFC with `\n` line ends. Changing any of this changes
//! [`CANON`], which forces a new base instead of a storm of differences.

use std::borrow::Cow;
use std::hash::{Hash, Hasher};
use std::mem::discriminant;

use serde::ser::{Serialize, SerializeStruct as _, Serializer};
use unicode_normalization::UnicodeNormalization as _;

use super::layout::Layout;
use super::model::{Block, BlockKind, Color, Document, Inline, InlineKind, RichText};
use crate::hash::ContentHash;

/// Domain tag and version of the canonical form.
pub(crate) const CANON: &str = "nsync/canon/v1";

impl Document {
    /// A copy in canonical form.
    #[must_use]
    pub fn canonical(&self) -> Self {
        Self {
            blocks: canonical_blocks(&self.blocks),
        }
    }

    /// The hash of the canonical form.
    #[must_use]
    pub fn hash(&self) -> ContentHash {
        hash_list(self.blocks.iter())
    }

    /// Whether both say the same.
    #[must_use]
    pub fn canon_eq(&self, other: &Self) -> bool {
        says_the_same(&self.blocks, &other.blocks) || self.canonical() == other.canonical()
    }
}

impl Block {
    /// A copy in canonical form.
    #[must_use]
    pub fn canonical(&self) -> Self {
        Self {
            id: None,
            span: None,
            layout: Layout::default(),
            kind: self.kind.canonical(),
            children: canonical_blocks(&self.children),
        }
    }

    /// The hash of the canonical form, children included.
    #[must_use]
    pub fn hash(&self) -> ContentHash {
        ContentHash::of(CANON, &Canonical(self))
    }
}

/// A block that serialises as its canonical form does, without a copy of what has that form already.
struct Canonical<'a>(&'a Block);

impl Serialize for Canonical<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let children = trimmed(&self.0.children);
        let fields = 1 + usize::from(!children.is_empty());
        let mut out = serializer.serialize_struct("Block", fields)?;
        let kind = &self.0.kind;
        if kind.is_canonical() {
            out.serialize_field("kind", kind)?;
        } else {
            out.serialize_field("kind", &kind.canonical())?;
        }
        if !children.is_empty() {
            let children: Vec<Canonical<'_>> = children.iter().map(Canonical).collect();
            out.serialize_field("children", &children)?;
        }
        out.end()
    }
}

/// The hash of a body that consists of these blocks, as [`Document::hash`] gives it.
pub(crate) fn hash_list<'a>(blocks: impl Iterator<Item = &'a Block>) -> ContentHash {
    let mut blocks: Vec<Canonical<'_>> = blocks.map(Canonical).collect();
    while blocks.last().is_some_and(|block| is_nothing(block.0)) {
        blocks.pop();
    }
    ContentHash::of(CANON, &blocks)
}

/// What a block says, as a key: equal and of one hash where the canonical forms are equal. Much
/// cheaper than a [`ContentHash`] and of no use outside of the process.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Content<'a>(pub(crate) &'a Block);

impl PartialEq for Content<'_> {
    fn eq(&self, other: &Self) -> bool {
        is_same(self.0, other.0)
    }
}

impl Eq for Content<'_> {}

impl Hash for Content<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let kind = &self.0.kind;
        if kind.is_canonical() {
            kind.hash(state);
        } else {
            kind.canonical().hash(state);
        }
        let children = trimmed(&self.0.children);
        state.write_usize(children.len());
        for child in children {
            Content(child).hash(state);
        }
    }
}

/// Whether the canonical form of a block is an empty paragraph.
pub(crate) fn is_nothing(block: &Block) -> bool {
    matches!(&block.kind, BlockKind::Paragraph { text, .. } if text.is_blank())
        && trimmed(&block.children).is_empty()
}

/// Blocks without those at the end that the canonical form leaves out.
pub(crate) fn trimmed(blocks: &[Block]) -> &[Block] {
    let len = blocks.iter().rposition(|block| !is_nothing(block));
    &blocks[..len.map_or(0, |at| at + 1)]
}

/// Whether the canonical forms of two lists of blocks are equal. Takes no copy of what
/// has that form already.
pub(crate) fn says_the_same(one: &[Block], other: &[Block]) -> bool {
    let (one, other) = (trimmed(one), trimmed(other));
    one.len() == other.len() && one.iter().zip(other).all(|(a, b)| is_same(a, b))
}

/// The same as [`says_the_same`] for blocks that do not lie in one list.
pub(crate) fn lists_say_the_same<'a>(
    one: impl IntoIterator<Item = &'a Block>,
    other: impl IntoIterator<Item = &'a Block>,
) -> bool {
    let (mut one, mut other) = (one.into_iter(), other.into_iter());
    loop {
        match (one.next(), other.next()) {
            (None, None) => return true,
            (Some(a), Some(b)) if is_same(a, b) => {}
            // From here on both lists may only have what the canonical form leaves out.
            (a, b) => {
                return a.into_iter().chain(one).all(is_nothing)
                    && b.into_iter().chain(other).all(is_nothing);
            }
        }
    }
}

/// Whether two blocks say the same in the same words: the canonical forms are equal then, and may
/// be where this says no.
pub(crate) fn is_identical(one: &Block, other: &Block) -> bool {
    // Both sides of a base usually share their blocks.
    std::ptr::eq(one, other)
        || one.kind == other.kind && {
            let (one, other) = (trimmed(&one.children), trimmed(&other.children));
            one.len() == other.len() && one.iter().zip(other).all(|(a, b)| is_identical(a, b))
        }
}

/// The same as [`says_the_same`] for two blocks.
pub(crate) fn is_same(one: &Block, other: &Block) -> bool {
    (one.kind == other.kind
        || (discriminant(&one.kind) == discriminant(&other.kind)
            && !(one.kind.is_canonical() && other.kind.is_canonical())
            && one.kind.canonical() == other.kind.canonical()))
        && says_the_same(&one.children, &other.children)
}

fn canonical_blocks(blocks: &[Block]) -> Vec<Block> {
    let mut out: Vec<Block> = blocks.iter().map(Block::canonical).collect();
    // Trailing empty paragraphs are common in real pages, mean nothing and cannot be said in
    // Markdown.
    while out.last().is_some_and(Block::is_blank) {
        out.pop();
    }
    out
}

impl Block {
    /// Whether this is an empty paragraph without children.
    #[must_use]
    pub fn is_blank(&self) -> bool {
        self.children.is_empty()
            && matches!(&self.kind, BlockKind::Paragraph { text, .. } if text.is_blank())
    }
}

impl BlockKind {
    /// Whether this is known to be in canonical form.
    fn is_canonical(&self) -> bool {
        let own = match self {
            Self::NumberedItem { start, .. } => start.is_none(),
            Self::Code {
                code,
                info,
                caption,
                ..
            } => info.is_none() && is_canonical_text(code) && caption.is_canonical(),
            Self::Table { alignment, .. } => alignment.is_empty(),
            Self::TableRow { cells } => cells.iter().all(RichText::is_canonical),
            Self::Media { caption, .. }
            | Self::Bookmark { caption, .. }
            | Self::Embed { caption, .. } => caption.is_canonical(),
            Self::ChildPage { title, .. } | Self::ChildDatabase { title, .. } => title.is_empty(),
            Self::Heading { level, .. } => (1..=6).contains(level),
            _ => true,
        };
        own && self.text().is_none_or(RichText::is_canonical)
    }

    /// A copy in canonical form.
    #[must_use]
    pub fn canonical(&self) -> Self {
        let mut kind = self.clone();
        let settle = |text: &mut RichText| {
            if let Cow::Owned(canonical) = text.as_canonical() {
                *text = canonical;
            }
        };
        if let Some(text) = kind.text_mut() {
            settle(text);
        }
        if let Some(color) = kind.color_mut()
            && color.is_default()
        {
            *color = Color::default();
        }
        match &mut kind {
            Self::NumberedItem { start, .. } => *start = None,
            Self::Code {
                code,
                info,
                caption,
                ..
            } => {
                if !is_canonical_text(code) {
                    *code = canonical_text(code);
                }
                *info = None;
                settle(caption);
            }
            Self::Table { alignment, .. } => alignment.clear(),
            Self::TableRow { cells } => cells.iter_mut().for_each(settle),
            Self::Media { caption, .. }
            | Self::Bookmark { caption, .. }
            | Self::Embed { caption, .. } => settle(caption),
            Self::ChildPage { title, .. } | Self::ChildDatabase { title, .. } => title.clear(),
            Self::Heading { level, .. } => *level = (*level).clamp(1, 6),
            _ => {}
        }
        kind
    }
}

impl RichText {
    /// A copy in canonical form: equal neighbours joined, no empty runs, outer white space gone.
    #[must_use]
    pub fn canonical(&self) -> Self {
        if self.is_canonical() {
            return self.clone();
        }
        let mut out: Vec<Inline> = Vec::with_capacity(self.0.len());
        for inline in &self.0 {
            let mut inline = inline.clone();
            if let InlineKind::Text(text) = &mut inline.kind {
                *text = canonical_text(text);
                if text.is_empty() {
                    continue;
                }
            }
            if inline.annotations.color.is_default() {
                inline.annotations.color = Color::default();
            }
            if let Some(last) = out.last_mut()
                && last.annotations == inline.annotations
                && last.link == inline.link
            {
                match (&mut last.kind, &inline.kind) {
                    (InlineKind::Text(before), InlineKind::Text(text)) => {
                        before.push_str(text);
                        // A combining mark at the start of one run joins the end of the other.
                        if !text.starts_with(|c: char| c.is_ascii()) {
                            *before = canonical_text(before);
                        }
                        continue;
                    }
                    // Source stays source, however it was cut.
                    (InlineKind::Verbatim(before), InlineKind::Verbatim(text)) => {
                        before.push_str(text);
                        continue;
                    }
                    _ => {}
                }
            }
            out.push(inline);
        }
        trim(&mut out);
        Self(out)
    }
}

impl RichText {
    /// Whether the canonical form is empty.
    pub(crate) fn is_blank(&self) -> bool {
        let white = |inline: &Inline| match &inline.kind {
            InlineKind::Text(text) => {
                text.is_empty() || (!inline.annotations.code && text.trim().is_empty())
            }
            _ => false,
        };
        self.0.iter().all(white)
    }

    /// The canonical form, itself where it has that form already.
    pub(crate) fn as_canonical(&self) -> Cow<'_, Self> {
        if self.is_canonical() {
            Cow::Borrowed(self)
        } else {
            Cow::Owned(self.canonical())
        }
    }

    /// Whether this is known to be in canonical form. Nearly all text that was read is, and then
    /// nothing has to be copied.
    fn is_canonical(&self) -> bool {
        let Some(last) = self.0.len().checked_sub(1) else {
            return true;
        };
        self.0.iter().enumerate().all(|(at, inline)| {
            let fits = match &inline.kind {
                InlineKind::Text(text) => {
                    let white = |c: Option<char>| c.is_none_or(char::is_whitespace);
                    let outer = !inline.annotations.code
                        && ((at == 0 && white(text.chars().next()))
                            || (at == last && white(text.chars().next_back())));
                    !text.is_empty() && !outer && is_canonical_text(text)
                }
                _ => true,
            };
            let joins = at.checked_sub(1).is_some_and(|before| {
                let before = &self.0[before];
                matches!(
                    (&before.kind, &inline.kind),
                    (InlineKind::Text(_), InlineKind::Text(_))
                        | (InlineKind::Verbatim(_), InlineKind::Verbatim(_))
                ) && before.annotations == inline.annotations
                    && before.link == inline.link
            });
            fits && !joins
        })
    }
}

/// Removes white space at both ends: neither service keeps it reliably.
fn trim(runs: &mut Vec<Inline>) {
    // Runs of nothing else go at once: there may be as many as there are characters.
    let kept = runs.iter().rposition(|run| !is_white(run));
    runs.truncate(kept.map_or(0, |at| at + 1));
    let white = runs.iter().take_while(|run| is_white(run)).count();
    runs.drain(..white);
    if let Some(text) = runs.first_mut().and_then(trimmable) {
        let kept = text.trim_start();
        if kept.len() != text.len() {
            *text = kept.to_owned();
        }
    }
    if let Some(text) = runs.last_mut().and_then(trimmable) {
        text.truncate(text.trim_end().len());
    }
}

fn is_white(run: &Inline) -> bool {
    matches!(&run.kind, InlineKind::Text(text)
        if !run.annotations.code && text.trim_start().is_empty())
}

/// Text whose white space counts for nothing at the ends of a block.
fn trimmable(run: &mut Inline) -> Option<&mut String> {
    match &mut run.kind {
        InlineKind::Text(text) if !run.annotations.code => Some(text),
        _ => None,
    }
}

/// Whether text is NFC with `\n` line ends.
fn is_canonical_text(text: &str) -> bool {
    !text.contains('\r') && is_nfc(text)
}

/// Whether text is NFC, without asking the tables of Unicode where the first bytes of its
/// characters say so: Latin letters, Greek, Cyrillic below U+0480, CJK ideographs, kana, Hangul
/// syllables, typographic signs, symbols, emoji.
fn is_nfc(text: &str) -> bool {
    if text.is_ascii() {
        return true;
    }
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        // Most of a text with some other letters is ASCII all the same.
        if let Some(ahead) = bytes.get(at..at + 16)
            && ahead.is_ascii()
        {
            at += 16;
            continue;
        }
        let next = |offset: usize| bytes.get(at + offset).copied().unwrap_or_default();
        at += match byte {
            0..=0x7f => 1,
            0xc2..=0xcb | 0xcf..=0xd1 => 2,
            // Without U+0387, another middle dot.
            0xce if next(1) != 0x87 => 2,
            0xe4..=0xe9 | 0xeb | 0xec => 3,
            0xe2 | 0xe3 | 0xea | 0xed | 0xef if is_settled([byte, next(1), next(2)]) => 3,
            // Emoji and pictographs, U+1F000 to U+1FFFF.
            0xf0 if next(1) == 0x9f => 4,
            _ => return unicode_normalization::is_nfc(text),
        };
    }
    true
}

/// Whether a character of these three bytes is known to stay as it is in NFC, whatever follows.
fn is_settled(bytes: [u8; 3]) -> bool {
    match bytes {
        // Spaces, dashes, quotation marks, bullets; arrows and operators; boxes, shapes, dingbats.
        [0xe2, 0x80, last] => last > 0x81,
        [0xe2, 0x86..=0x8b | 0x94..=0x9f, _] => true,
        // CJK punctuation and kana, without the marks that join them.
        [0xe3, 0x80, last] => last < 0xaa,
        [0xe3, 0x82, last] => !matches!(last, 0x99 | 0x9a),
        [0xe3, 0x81 | 0x83, _] => true,
        // Hangul syllables from U+AC00 to U+D7A3, of which most start with 0xEB or 0xEC.
        [0xea, 0xb0..=0xbf, _] | [0xed, 0x80..=0x9d, _] => true,
        [0xed, 0x9e, last] => last <= 0xa3,
        // Variation selectors and full-width forms.
        [0xef, 0xb8, last] => last < 0x90,
        [0xef, 0xbc | 0xbd, _] => true,
        _ => false,
    }
}

/// NFC with `\n` line ends.
pub(crate) fn canonical_text(text: &str) -> String {
    if is_canonical_text(text) {
        return text.to_owned();
    }
    let unix = text.replace("\r\n", "\n").replace('\r', "\n");
    if is_nfc(&unix) {
        unix
    } else {
        unix.nfc().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::is_nfc;

    /// What is told by its first bytes must be true beside every other character: a character that
    /// could join its neighbour is none of those.
    #[test]
    fn first_bytes_tell_only_what_the_tables_say() {
        let marks = [
            '\u{300}', '\u{301}', '\u{327}', '\u{3099}', '\u{1161}', 'a', '가',
        ];
        for c in (0..=u32::from(char::MAX)).filter_map(char::from_u32) {
            let alone = c.to_string();
            assert_eq!(
                is_nfc(&alone),
                unicode_normalization::is_nfc(&alone),
                "{c:?}"
            );
            if u32::from(c) < 0x1_0000 {
                for mark in marks {
                    for text in [format!("{c}{mark}"), format!("{mark}{c}")] {
                        let wanted = unicode_normalization::is_nfc(&text);
                        assert_eq!(is_nfc(&text), wanted, "{text:?}");
                    }
                }
            }
        }
    }
}
