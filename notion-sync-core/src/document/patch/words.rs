//! Changed words of a text, in the source of that text.

use std::collections::HashMap;
use std::rc::Rc;

use similar::{Algorithm, DiffOp, capture_diff_slices};

use crate::document::markdown::inline::is_exact;
use crate::document::markdown::inline_writer::{Place, fragment};
use crate::document::markdown::node::{Own, Piece};
use crate::document::{Annotations, Inline, InlineKind, RichText, Span};

/// A character, or something that is not text, with its formatting and its bytes.
#[derive(Debug, Clone)]
struct Atom {
    what: What,
    /// Shared by all atoms that look the same: a link may be long.
    look: Rc<Look>,
    /// The number of the look.
    number: usize,
    source: Span,
    /// Whether a line of the source ends in it.
    breaks: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum What {
    Char(char),
    /// Anything else, as data.
    Other(String),
}

/// The looks of two texts, each once, by number.
#[derive(Default)]
struct Looks(HashMap<Rc<Look>, usize>);

impl Looks {
    fn add(&mut self, look: Look) -> (Rc<Look>, usize) {
        if let Some((known, number)) = self.0.get_key_value(&look) {
            return (Rc::clone(known), *number);
        }
        let (look, number) = (Rc::new(look), self.0.len());
        self.0.insert(Rc::clone(&look), number);
        (look, number)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Look {
    annotations: Annotations,
    link: Option<String>,
}

impl Look {
    fn is_plain(&self) -> bool {
        self.annotations.is_plain() && self.link.is_none()
    }
}

/// Finds the edits that make the source of `own` say `new`; `None` where words are not enough.
pub(super) fn edits(
    source: &str,
    own: &Own,
    new: &RichText,
    place: Place,
) -> Option<Vec<(Span, String)>> {
    let span = own.span?;
    let mut looks = Looks::default();
    let mut old = Vec::new();
    for piece in &own.pieces {
        atoms(source, piece, &mut looks, &mut old);
    }
    // A line end reaches to the next text: what stands between is prefix.
    for at in 1..old.len() {
        if old[at - 1].breaks {
            old[at - 1].source.end = old[at].source.start;
        }
    }
    trim(&mut old);
    let new = new.canonical();
    let mut wanted = Vec::new();
    for inline in &new.0 {
        let piece = Piece {
            source: Span { start: 0, end: 0 },
            inline: inline.clone(),
        };
        atoms("", &piece, &mut looks, &mut wanted);
    }
    if old.is_empty() || wanted.is_empty() {
        return None;
    }
    let hunks = diff(&old, &wanted);
    let text = Text {
        source,
        span,
        old: &old,
        new: &wanted,
        place,
    };
    text.each(&hunks).or_else(|| {
        let (first, last) = (hunks.first()?, hunks.last()?);
        let all = Hunk {
            old: (first.old.0, last.old.1),
            new: (first.new.0, last.new.1),
        };
        text.between_plain(all).map(|(_, edit)| vec![edit])
    })
}

#[derive(Debug, Clone, Copy)]
struct Hunk {
    old: (usize, usize),
    new: (usize, usize),
}

fn atoms(source: &str, piece: &Piece, looks: &mut Looks, out: &mut Vec<Atom>) {
    let (look, number) = looks.add(Look {
        annotations: piece.inline.annotations.clone(),
        link: piece.inline.link.clone(),
    });
    let span = piece.source;
    let slice = source.get(span.start..span.end).unwrap_or_default();
    let breaks = slice.contains(['\n', '\r']);
    let InlineKind::Text(text) = &piece.inline.kind else {
        out.push(Atom {
            what: What::Other(serde_json::to_string(&piece.inline.kind).unwrap_or_default()),
            look,
            number,
            source: span,
            breaks: false,
        });
        return;
    };
    // Where the characters stand one by one: as they are, behind a backslash, inside backticks.
    let offset = if is_exact(source, piece) {
        Some(0)
    } else if slice.strip_prefix('\\') == Some(text.as_str()) {
        Some(1)
    } else if piece.inline.annotations.code && !breaks {
        slice.find(text.as_str())
    } else {
        None
    };
    let mut start = span.start;
    for (at, c) in text.char_indices() {
        let end = match offset {
            Some(offset) => span.start + offset + at + c.len_utf8(),
            None => span.end,
        };
        if offset.is_some() && at == 0 && piece.inline.annotations.code {
            start = span.start + offset.unwrap_or(0);
        }
        out.push(Atom {
            what: What::Char(c),
            look: Rc::clone(&look),
            number,
            source: Span { start, end },
            breaks: breaks && offset.is_none(),
        });
        start = if offset.is_some() { end } else { span.start };
    }
}

/// Removes white space at both ends, as the canonical form does.
fn trim(atoms: &mut Vec<Atom>) {
    let white = |atom: &Atom| {
        matches!(atom.what, What::Char(c) if c.is_whitespace()) && !atom.look.annotations.code
    };
    while atoms.last().is_some_and(white) {
        atoms.pop();
    }
    let start = atoms.iter().take_while(|atom| white(atom)).count();
    atoms.drain(..start);
}

/// Words of equal formatting; everything else one by one.
fn tokens(atoms: &[Atom]) -> Vec<(usize, usize)> {
    let mut out: Vec<(usize, usize)> = Vec::new();
    let word = |atom: &Atom| matches!(atom.what, What::Char(c) if c.is_alphanumeric());
    for (at, atom) in atoms.iter().enumerate() {
        if let Some((_, end)) = out.last_mut()
            && word(atom)
            && word(&atoms[at - 1])
            && atoms[at - 1].look == atom.look
        {
            *end = at + 1;
            continue;
        }
        out.push((at, at + 1));
    }
    out
}

fn key(atoms: &[Atom], (start, end): (usize, usize)) -> String {
    let mut out = String::new();
    for atom in &atoms[start..end] {
        match &atom.what {
            What::Char(c) => out.push(*c),
            What::Other(data) => {
                out.push('\0');
                out.push_str(data);
            }
        }
    }
    let first = &atoms[start];
    if !first.look.is_plain() {
        out.push_str(&format!("\0{}", first.number));
    }
    out
}

fn diff(old: &[Atom], new: &[Atom]) -> Vec<Hunk> {
    let (a, b) = (tokens(old), tokens(new));
    let left: Vec<String> = a.iter().map(|token| key(old, *token)).collect();
    let right: Vec<String> = b.iter().map(|token| key(new, *token)).collect();
    let from = |tokens: &[(usize, usize)], at: usize, len: usize| {
        tokens.get(at).map_or(len, |token| token.0)
    };
    let mut out: Vec<Hunk> = Vec::new();
    for op in capture_diff_slices(Algorithm::Myers, &left, &right) {
        if matches!(op, DiffOp::Equal { .. }) {
            continue;
        }
        let (o, n) = (op.old_range(), op.new_range());
        let hunk = Hunk {
            old: (from(&a, o.start, old.len()), from(&a, o.end, old.len())),
            new: (from(&b, n.start, new.len()), from(&b, n.end, new.len())),
        };
        match out.last_mut() {
            Some(last) if last.old.1 == hunk.old.0 && last.new.1 == hunk.new.0 => {
                last.old.1 = hunk.old.1;
                last.new.1 = hunk.new.1;
            }
            _ => out.push(hunk),
        }
    }
    out
}

struct Text<'a> {
    source: &'a str,
    span: Span,
    old: &'a [Atom],
    new: &'a [Atom],
    place: Place,
}

impl Text<'_> {
    fn starts_line(&self, at: usize) -> bool {
        at == 0 || self.old[at - 1].breaks || matches!(self.old[at - 1].what, What::Char('\n'))
    }

    fn ends_line(&self, at: usize) -> bool {
        self.old
            .get(at)
            .is_none_or(|atom| atom.breaks || matches!(atom.what, What::Char('\n')))
    }

    /// Each hunk by itself, the smallest way that works.
    fn each(&self, hunks: &[Hunk]) -> Option<Vec<(Span, String)>> {
        let mut out = Vec::with_capacity(hunks.len());
        let mut done = 0;
        for (at, hunk) in hunks.iter().enumerate() {
            if let Some(edit) = self.in_place(hunk) {
                out.push(edit);
                done = hunk.old.1;
                continue;
            }
            let (grown, edit) = self.between_plain(*hunk)?;
            let next = hunks.get(at + 1).map_or(self.old.len(), |next| next.old.0);
            if grown.old.0 < done || grown.old.1 > next {
                return None;
            }
            done = grown.old.1;
            out.push(edit);
        }
        Some(out)
    }

    /// Whether a link's text can change without its target: `[text](url)` or `[text][name]`, not
    /// `[name]` or `<url>`.
    fn names_its_target(&self, link: &str, mut at: usize) -> bool {
        while let Some(atom) = self.old.get(at)
            && atom.look.link.as_deref() == Some(link)
        {
            at += 1;
        }
        let Some(last) = at.checked_sub(1).and_then(|at| self.old.get(at)) else {
            return false;
        };
        let rest = self.source[last.source.end..].trim_start_matches(['*', '_', '~', '`']);
        rest.starts_with("](") || (rest.starts_with("][") && !rest.starts_with("][]"))
    }

    /// An edit whose words all have the formatting of what stands there.
    fn in_place(&self, hunk: &Hunk) -> Option<(Span, String)> {
        let ((a, b), (c, d)) = (hunk.old, hunk.new);
        let old = &self.old[a..b];
        let new = &self.new[c..d];
        let before = a.checked_sub(1).map(|at| &self.old[at]);
        let after = self.old.get(b);
        let look: &Rc<Look> = match (old.first(), new.first()) {
            (Some(atom), _) => &atom.look,
            (None, Some(atom)) => &atom.look,
            (None, None) => return None,
        };
        if old.iter().chain(new).any(|atom| atom.look != *look) {
            return None;
        }
        if let Some(link) = &look.link
            && !self.names_its_target(link, a)
        {
            return None;
        }
        // Deleting all of a formatted run leaves its signs behind.
        let run_continues = |atom: Option<&Atom>| atom.is_some_and(|atom| atom.look == *look);
        if !look.is_plain() && new.is_empty() && !run_continues(before) && !run_continues(after) {
            return None;
        }
        let span = match (old.first(), old.last()) {
            (Some(first), Some(last)) => Span {
                start: first.source.start,
                end: last.source.end,
            },
            _ if run_continues(before) => {
                let at = before?.source.end;
                Span { start: at, end: at }
            }
            _ if run_continues(after) => {
                let at = after?.source.start;
                Span { start: at, end: at }
            }
            _ => return None,
        };
        // A change that takes a part of something that is written as one.
        let splits = |x: Option<&Atom>, y: Option<&Atom>| match (x, y) {
            (Some(x), Some(y)) => x.source.end > y.source.start,
            _ => false,
        };
        if splits(before, old.first().or(after)) || splits(old.last().or(before), after) {
            return None;
        }
        if look.annotations.code {
            let text: String = new
                .iter()
                .map(|atom| match atom.what {
                    What::Char(c) => c,
                    What::Other(_) => '`',
                })
                .collect();
            return (!text.contains(['`', '\n', '|']) && !text.is_empty()).then_some((span, text));
        }
        if !look.is_plain() && new.iter().any(|atom| matches!(atom.what, What::Other(_))) {
            return None;
        }
        let linked = look.link.is_some();
        let plain: Vec<Atom> = new
            .iter()
            .cloned()
            .map(|mut atom| {
                atom.look = Rc::new(Look {
                    annotations: Annotations::default(),
                    link: None,
                });
                atom
            })
            .collect();
        let edges = (self.starts_line(a), self.ends_line(b));
        Some((span, fragment(&inlines(&plain)?, self.place, edges, linked)))
    }

    /// An edit that reaches from plain text to plain text on both sides.
    fn between_plain(&self, mut hunk: Hunk) -> Option<(Hunk, (Span, String))> {
        let plain = |atom: &Atom| atom.look.is_plain();
        while hunk.old.0 > 0 && !plain(&self.old[hunk.old.0 - 1]) {
            hunk.old.0 -= 1;
            hunk.new.0 = hunk.new.0.checked_sub(1)?;
        }
        while hunk.old.1 < self.old.len() && !plain(&self.old[hunk.old.1]) {
            hunk.old.1 += 1;
            hunk.new.1 += 1;
        }
        let ((a, b), (c, d)) = (hunk.old, hunk.new);
        let start = match a.checked_sub(1) {
            Some(at) => self.old[at].source.end,
            None => self.span.start,
        };
        let end = self
            .old
            .get(b)
            .map_or(self.span.end, |atom| atom.source.start);
        if start > end || self.source.get(start..end).is_none() {
            return None;
        }
        let edges = (self.starts_line(a), self.ends_line(b));
        let text = fragment(&inlines(self.new.get(c..d)?)?, self.place, edges, false);
        Some((hunk, (Span { start, end }, text)))
    }
}

fn inlines(atoms: &[Atom]) -> Option<Vec<Inline>> {
    let mut out: Vec<Inline> = Vec::new();
    for atom in atoms {
        let kind = match &atom.what {
            What::Char(c) => {
                if let Some(last) = out.last_mut()
                    && last.annotations == atom.look.annotations
                    && last.link == atom.look.link
                    && let InlineKind::Text(text) = &mut last.kind
                {
                    text.push(*c);
                    continue;
                }
                InlineKind::Text(c.to_string())
            }
            What::Other(data) => serde_json::from_str(data).ok()?,
        };
        out.push(Inline {
            kind,
            annotations: atom.look.annotations.clone(),
            link: atom.look.link.clone(),
        });
    }
    Some(out)
}
