//! The canonical form: what a body says, without how a service or a person wrote it.
//!
//! Ids, spans, derived titles, numbering and table alignment are left out; adjacent runs of equal
//! formatting are joined; text is NFC with `\n` line ends. Changing any of this changes
//! [`CANON`], which forces a new base instead of a storm of differences.

use std::borrow::Cow;
use std::hash::{Hash, Hasher};

use serde::ser::{Serialize, SerializeStruct as _, Serializer};

use super::canon_text::{canonical_text, is_canonical_text};
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
/// be where this says no. What the canonical form leaves out may differ.
pub(crate) fn is_identical(one: &Block, other: &Block) -> bool {
    // Both sides of a base usually share their blocks.
    std::ptr::eq(one, other)
        || is_equal_beside_texts(&one.kind, &other.kind, &ByBytes) && {
            let (one, other) = (trimmed(&one.children), trimmed(&other.children));
            one.len() == other.len() && one.iter().zip(other).all(|(a, b)| is_identical(a, b))
        }
}

/// The same as [`says_the_same`] for two blocks.
pub(crate) fn is_same(one: &Block, other: &Block) -> bool {
    is_same_kind(&one.kind, &other.kind) && says_the_same(&one.children, &other.children)
}

/// Whether the canonical forms of two kinds are equal. Takes a copy only of a text that differs and
/// has another form.
pub(crate) fn is_same_kind(one: &BlockKind, other: &BlockKind) -> bool {
    is_equal_beside_texts(one, other, &ByContent)
}

/// How texts are compared.
trait Comparison {
    fn rich(&self, one: &RichText, other: &RichText) -> bool;
    fn plain(&self, one: &str, other: &str) -> bool;
}

/// Texts are equal as they are.
struct ByBytes;

impl Comparison for ByBytes {
    fn rich(&self, one: &RichText, other: &RichText) -> bool {
        one == other
    }

    fn plain(&self, one: &str, other: &str) -> bool {
        one == other
    }
}

/// The canonical forms of texts are equal.
struct ByContent;

impl Comparison for ByContent {
    fn rich(&self, one: &RichText, other: &RichText) -> bool {
        one == other
            || match (one.as_canonical(), other.as_canonical()) {
                (Cow::Borrowed(_), Cow::Borrowed(_)) => false,
                (one, other) => one == other,
            }
    }

    fn plain(&self, one: &str, other: &str) -> bool {
        one == other
            || (!(is_canonical_text(one) && is_canonical_text(other))
                && canonical_text(one) == canonical_text(other))
    }
}

/// Whether two kinds are equal in all that the canonical form keeps, with texts compared as `by`
/// says. The patterns name every field, so that a new one is not forgotten here.
fn is_equal_beside_texts(one: &BlockKind, other: &BlockKind, by: &impl Comparison) -> bool {
    use BlockKind as K;
    match (one, other) {
        (K::Paragraph { text, color }, K::Paragraph { text: t, color: c })
        | (K::BulletedItem { text, color }, K::BulletedItem { text: t, color: c })
        | (K::Toggle { text, color }, K::Toggle { text: t, color: c })
        | (K::Quote { text, color }, K::Quote { text: t, color: c })
        | (
            K::NumberedItem {
                text,
                start: _,
                color,
            },
            K::NumberedItem {
                text: t,
                start: _,
                color: c,
            },
        ) => by.rich(text, t) && color == c,
        (
            K::Heading {
                level,
                text,
                toggle,
                color,
                anchor: _,
            },
            K::Heading {
                level: l,
                text: t,
                toggle: o,
                color: c,
                anchor: _,
            },
        ) => {
            (*level).clamp(1, 6) == (*l).clamp(1, 6)
                && toggle == o
                && by.rich(text, t)
                && color == c
        }
        (
            K::ToDo {
                text,
                checked,
                color,
            },
            K::ToDo {
                text: t,
                checked: x,
                color: c,
            },
        ) => checked == x && by.rich(text, t) && color == c,
        (
            K::Callout { text, icon, color },
            K::Callout {
                text: t,
                icon: i,
                color: c,
            },
        ) => by.rich(text, t) && icon == i && color == c,
        (
            K::Code {
                code,
                language,
                info: _,
                caption,
            },
            K::Code {
                code: o,
                language: l,
                info: _,
                caption: c,
            },
        ) => language == l && by.plain(code, o) && by.rich(caption, c),
        (
            K::Table {
                width,
                header_row,
                header_column,
                alignment: _,
            },
            K::Table {
                width: w,
                header_row: r,
                header_column: c,
                alignment: _,
            },
        ) => width == w && header_row == r && header_column == c,
        (K::TableRow { cells }, K::TableRow { cells: c }) => {
            cells.len() == c.len() && cells.iter().zip(c).all(|(a, b)| by.rich(a, b))
        }
        (
            K::Media {
                media,
                source,
                caption,
            },
            K::Media {
                media: m,
                source: s,
                caption: c,
            },
        ) => media == m && source == s && by.rich(caption, c),
        (K::Bookmark { url, caption }, K::Bookmark { url: u, caption: c })
        | (K::Embed { url, caption }, K::Embed { url: u, caption: c }) => {
            url == u && by.rich(caption, c)
        }
        (K::ChildPage { page: id, title: _ }, K::ChildPage { page: i, title: _ })
        | (
            K::ChildDatabase {
                database: id,
                title: _,
            },
            K::ChildDatabase {
                database: i,
                title: _,
            },
        ) => id == i,
        // Kinds whose canonical form is the kind itself, and pairs of different kinds.
        _ => one == other,
    }
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
            Self::Heading { level, anchor, .. } => anchor.is_none() && (1..=6).contains(level),
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
            Self::Heading { level, anchor, .. } => {
                *level = (*level).clamp(1, 6);
                *anchor = None;
            }
            _ => {}
        }
        kind
    }
}

impl RichText {
    /// A copy in canonical form: equal neighbours joined, no empty runs, outer white space gone.
    #[must_use]
    pub fn canonical(&self) -> Self {
        self.as_canonical().into_owned()
    }

    /// The canonical form of what does not have it.
    fn made_canonical(&self) -> Self {
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
            Cow::Owned(self.made_canonical())
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
