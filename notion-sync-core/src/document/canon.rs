//! The canonical form: what a body says, without how a service or a person wrote it.
//!
//! Ids, spans, derived titles, numbering and table alignment are left out; adjacent runs of equal
//! formatting are joined; text is NFC with `\n` line ends. Changing any of this changes
//! [`CANON`], which forces a new base instead of a storm of differences.

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
        ContentHash::of(CANON, &self.canonical().blocks)
    }

    /// Whether both say the same.
    #[must_use]
    pub fn canon_eq(&self, other: &Self) -> bool {
        self.canonical() == other.canonical()
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
        ContentHash::of(CANON, &self.canonical())
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
            && matches!(&self.kind, BlockKind::Paragraph { text, .. } if text.canonical().is_empty())
    }
}

impl BlockKind {
    /// A copy in canonical form.
    #[must_use]
    pub fn canonical(&self) -> Self {
        let mut kind = self.clone();
        if let Some(text) = kind.text_mut() {
            *text = text.canonical();
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
                *code = canonical_text(code);
                *info = None;
                *caption = caption.canonical();
            }
            Self::Table { alignment, .. } => alignment.clear(),
            Self::TableRow { cells } => {
                for cell in cells {
                    *cell = cell.canonical();
                }
            }
            Self::Media { caption, .. }
            | Self::Bookmark { caption, .. }
            | Self::Embed { caption, .. } => *caption = caption.canonical(),
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

/// Removes white space at both ends: neither service keeps it reliably.
fn trim(runs: &mut Vec<Inline>) {
    while let Some(Inline {
        kind: InlineKind::Text(text),
        annotations,
        ..
    }) = runs.first_mut()
    {
        if annotations.code {
            break;
        }
        let kept = text.trim_start();
        if kept.is_empty() {
            runs.remove(0);
        } else {
            if kept.len() != text.len() {
                *text = kept.to_owned();
            }
            break;
        }
    }
    while let Some(Inline {
        kind: InlineKind::Text(text),
        annotations,
        ..
    }) = runs.last_mut()
    {
        if annotations.code {
            break;
        }
        let kept = text.trim_end();
        if kept.is_empty() {
            runs.pop();
        } else {
            if kept.len() != text.len() {
                *text = kept.to_owned();
            }
            break;
        }
    }
}

/// NFC with `\n` line ends.
pub(crate) fn canonical_text(text: &str) -> String {
    let unix = if text.contains('\r') {
        text.replace("\r\n", "\n").replace('\r', "\n")
    } else {
        text.to_owned()
    };
    if unicode_normalization::is_nfc(&unix) {
        unix
    } else {
        unix.nfc().collect()
    }
}
