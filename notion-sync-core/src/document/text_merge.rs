//! Three-way merge of text: words of rich text, lines of code.
//!
//! Two changes meet when nothing unchanged separates them: a word in rich text, a line in code.
//! Changes that meet must be the same change, else the merge is a conflict. White space and
//! punctuation separate nothing, so edits of neighbouring words meet.

use std::cmp::Ordering;
use std::ops::Range;

use super::merge::sequence;
use super::model::{Inline, InlineKind, RichText};

/// Merges two edits of a styled text, or says that they conflict (`None`).
///
/// All three are taken in canonical form; so is the result. Formatting and links belong to the
/// words: making a word bold is an edit of that word.
#[must_use]
pub fn merge_rich(base: &RichText, ours: &RichText, theirs: &RichText) -> Option<RichText> {
    let [base, ours, theirs] = [base, ours, theirs].map(|text| tokens(&text.canonical()));
    let merged = merge_sequences(&base, &ours, &theirs, |token| token.word)?;
    let runs = merged.into_iter().flat_map(|token| token.runs).collect();
    Some(RichText(runs).canonical())
}

/// Merges two edits of literal text line by line, or says that they conflict (`None`).
#[must_use]
pub fn merge_lines(base: &str, ours: &str, theirs: &str) -> Option<String> {
    let [base, ours, theirs] =
        [base, ours, theirs].map(|text| text.split('\n').collect::<Vec<_>>());
    merge_sequences(&base, &ours, &theirs, |_| true).map(|lines| lines.join("\n"))
}

/// The smallest thing an edit of rich text touches: a word, a stretch of white space, a sign, or
/// a run that is not text.
#[derive(Debug, Clone)]
struct Token {
    /// Equal for equal tokens only: text and formatting.
    key: String,
    /// Whether it separates two edits.
    word: bool,
    /// The pieces, several where the formatting changes inside a word.
    runs: Vec<Inline>,
}

impl PartialEq for Token {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl Eq for Token {}

impl PartialOrd for Token {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Token {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key.cmp(&other.key)
    }
}

/// What a character is to the cutter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    /// Part of a word.
    Word,
    /// A word by itself: scripts that put no space between words.
    Glyph,
    /// White space inside a line.
    Space,
    /// A line break or a sign: alone.
    Single,
}

fn class(c: char) -> Class {
    match c {
        '\n' => Class::Single,
        // Kana, CJK ideographs and their extensions, Thai, Lao, Khmer and Burmese.
        '\u{3040}'..='\u{30ff}'
        | '\u{3400}'..='\u{4dbf}'
        | '\u{4e00}'..='\u{9fff}'
        | '\u{f900}'..='\u{faff}'
        | '\u{20000}'..='\u{3ffff}'
        | '\u{0e00}'..='\u{0eff}'
        | '\u{1000}'..='\u{109f}'
        | '\u{1780}'..='\u{17ff}' => Class::Glyph,
        c if c.is_alphanumeric() || c == '_' => Class::Word,
        c if c.is_whitespace() => Class::Space,
        _ => Class::Single,
    }
}

/// Whether a character changes the one before it and must not be cut from it.
fn joins(c: char) -> bool {
    matches!(c, '\u{0300}'..='\u{036f}' | '\u{200d}' | '\u{fe00}'..='\u{fe0f}' | '\u{1f3fb}'..='\u{1f3ff}' | '\u{20d0}'..='\u{20ff}')
}

fn tokens(text: &RichText) -> Vec<Token> {
    let mut out: Vec<Token> = Vec::new();
    // The class of the token that may still grow.
    let mut open: Option<Class> = None;
    for inline in &text.0 {
        let InlineKind::Text(chars) = &inline.kind else {
            out.push(Token {
                key: String::new(),
                word: true,
                runs: vec![inline.clone()],
            });
            open = None;
            continue;
        };
        // Where the current token has a piece of this run, it is its last one.
        let mut fresh = true;
        for c in chars.chars() {
            let class = class(c);
            let grows = match open {
                Some(before) if joins(c) => before != Class::Space,
                Some(before) => before == class && matches!(class, Class::Word | Class::Space),
                None => false,
            };
            if !grows {
                out.push(Token {
                    key: String::new(),
                    word: matches!(class, Class::Word | Class::Glyph),
                    runs: Vec::new(),
                });
                open = Some(class);
                fresh = true;
            }
            let Some(token) = out.last_mut() else { break };
            match token.runs.last_mut() {
                Some(Inline {
                    kind: InlineKind::Text(text),
                    ..
                }) if !fresh => text.push(c),
                _ => token.runs.push(Inline {
                    kind: InlineKind::Text(c.to_string()),
                    annotations: inline.annotations.clone(),
                    link: inline.link.clone(),
                }),
            }
            fresh = false;
        }
    }
    for token in &mut out {
        token.key = match token.runs.as_slice() {
            [run] if run.annotations.is_plain() && run.link.is_none() => match &run.kind {
                InlineKind::Text(text) => format!("t{text}"),
                _ => styled_key(&token.runs),
            },
            runs => styled_key(runs),
        };
    }
    out
}

fn styled_key(runs: &[Inline]) -> String {
    // `Debug` shows every field of a run, so equal keys mean equal runs.
    format!("s{runs:?}")
}

/// Merges two edits of a list, or says that they conflict (`None`). `separates` says which
/// unchanged elements keep two changes apart.
pub(crate) fn merge_sequences<T: Ord + Clone>(
    base: &[T],
    ours: &[T],
    theirs: &[T],
    separates: impl Fn(&T) -> bool,
) -> Option<Vec<T>> {
    if ours == theirs || theirs == base {
        return Some(ours.to_vec());
    }
    if ours == base {
        return Some(theirs.to_vec());
    }
    let touches = |end: usize, start: usize| {
        base.get(end..start)
            .is_none_or(|between| !between.iter().any(&separates))
    };
    let our_changes = changes(base, ours, touches);
    let their_changes = changes(base, theirs, touches);
    let (mut a, mut b) = (
        our_changes.iter().peekable(),
        their_changes.iter().peekable(),
    );
    let mut out = Vec::new();
    // How far base is copied.
    let mut at = 0;
    loop {
        let ours_first = match (a.peek(), b.peek()) {
            (None, None) => break,
            (Some(_), None) => true,
            (None, Some(_)) => false,
            (Some(x), Some(y)) => x.base.start <= y.base.start,
        };
        let Some(first) = (if ours_first { a.next() } else { b.next() }) else {
            break;
        };
        let mut cover = first.base.clone();
        let mut group: [Vec<&Change>; 2] = [Vec::new(), Vec::new()];
        group[usize::from(!ours_first)].push(first);
        loop {
            let meets = |change: &&&Change| touches(cover.end, change.base.start);
            let (index, change) = if let Some(change) = a.peek().filter(meets) {
                (0, *change)
            } else if let Some(change) = b.peek().filter(meets) {
                (1, *change)
            } else {
                break;
            };
            if index == 0 {
                a.next();
            } else {
                b.next();
            }
            cover.end = cover.end.max(change.base.end);
            group[index].push(change);
        }
        out.extend_from_slice(&base[at..cover.start]);
        let [our_group, their_group] = group;
        let our_side = render(base, ours, &cover, &our_group);
        if their_group.is_empty() {
            out.extend(our_side);
        } else {
            let their_side = render(base, theirs, &cover, &their_group);
            if !our_group.is_empty() && our_side != their_side {
                return None;
            }
            out.extend(their_side);
        }
        at = cover.end;
    }
    out.extend_from_slice(&base[at..]);
    Some(out)
}

/// One stretch of base replaced by one stretch of a side.
#[derive(Debug)]
struct Change {
    base: Range<usize>,
    side: Range<usize>,
}

/// The changes of one side; those that meet are one.
fn changes<T: Ord>(base: &[T], side: &[T], touches: impl Fn(usize, usize) -> bool) -> Vec<Change> {
    let pairs = sequence::matches(base, side);
    let mut out: Vec<Change> = Vec::new();
    for (base, side) in sequence::gaps(&pairs, base.len(), side.len()) {
        match out.last_mut() {
            Some(last) if touches(last.base.end, base.start) => {
                last.base.end = base.end;
                last.side.end = side.end;
            }
            _ => out.push(Change { base, side }),
        }
    }
    out
}

/// What a side has in place of `cover`.
fn render<T: Clone>(base: &[T], side: &[T], cover: &Range<usize>, changes: &[&Change]) -> Vec<T> {
    let mut out = Vec::new();
    let mut at = cover.start;
    for change in changes {
        out.extend_from_slice(&base[at..change.base.start]);
        out.extend_from_slice(&side[change.side.clone()]);
        at = change.base.end;
    }
    out.extend_from_slice(&base[at..cover.end]);
    out
}
