//! Rich text to inline Markdown.

use std::borrow::Cow;

use super::{html, marker};
use crate::document::{Annotations, Inline, InlineKind, Mention, RichText, split_title};

/// Where inline Markdown stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// A paragraph: lines can break.
    Paragraph,
    /// A heading or the text of an image: one line.
    Line,
    /// A cell of a table: one line, `|` ends it.
    Cell,
}

/// How careful the writer is. Each step is tried when what the step before wrote did not read back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Care {
    /// The Markdown people write.
    Plain,
    /// Tags instead of `*` and `~~`.
    Tags,
    /// Every sign escaped, everything but text as data.
    Explicit,
    /// The whole block as data.
    Data,
}

impl Care {
    pub(crate) fn next(self) -> Self {
        match self {
            Self::Plain => Self::Tags,
            Self::Tags => Self::Explicit,
            Self::Explicit | Self::Data => Self::Data,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Format {
    Link(String),
    Color(String),
    Underline,
    Bold,
    Italic,
    Strike,
}

/// How far ahead the writer looks for the end of a format.
const AHEAD: usize = 64;

/// Writes rich text.
pub(crate) fn write(text: &RichText, place: Place, care: Care) -> String {
    let mut out = write_runs(&text.as_canonical().0, place, care, (true, true), false);
    if place == Place::Line && out.ends_with('#') {
        out.pop();
        out.push_str("\\#");
    }
    out
}

/// Writes a part of a text: whether it starts and ends a line is given, and whether it stands in
/// the text of a link.
pub(crate) fn fragment(text: &[Inline], place: Place, edges: (bool, bool), linked: bool) -> String {
    write_runs(text, place, Care::Plain, edges, linked)
}

fn write_runs(
    runs: &[Inline],
    place: Place,
    care: Care,
    (starts, ends): (bool, bool),
    linked: bool,
) -> String {
    let dollars = runs
        .iter()
        .map(|run| match &run.kind {
            InlineKind::Text(text) => text.matches('$').count(),
            InlineKind::Equation(_) => 2,
            _ => 0,
        })
        .sum::<usize>();
    let mut writer = InlineWriter {
        out: String::new(),
        open: Vec::new(),
        place,
        care,
        dollars: dollars > 1,
        brackets: linked || runs.iter().any(|run| run.link.is_some()),
        starts,
        ends,
    };
    for (at, run) in runs.iter().enumerate() {
        match &run.kind {
            // Most runs: no format to open or to close.
            InlineKind::Text(text)
                if writer.open.is_empty() && run.link.is_none() && run.annotations.is_plain() =>
            {
                writer.text(text, writer.ends && at + 1 == runs.len());
            }
            _ => writer.run(runs, at, run),
        }
    }
    while let Some((_, end)) = writer.open.pop() {
        writer.out.push_str(&end);
    }
    writer.out
}

struct InlineWriter {
    out: String,
    open: Vec<(Format, Cow<'static, str>)>,
    place: Place,
    care: Care,
    dollars: bool,
    brackets: bool,
    /// Whether the text starts and ends a line.
    starts: bool,
    ends: bool,
}

fn formats(run: &Inline) -> Vec<Format> {
    let a = &run.annotations;
    let mut out = Vec::new();
    if let Some(link) = &run.link {
        out.push(Format::Link(link.clone()));
    }
    if !a.color.is_default() {
        out.push(Format::Color(a.color.name().to_owned()));
    }
    for (set, format) in [
        (a.underline, Format::Underline),
        (a.bold, Format::Bold),
        (a.italic, Format::Italic),
        (a.strikethrough, Format::Strike),
    ] {
        if set {
            out.push(format);
        }
    }
    out
}

fn has(run: &Inline, format: &Format) -> bool {
    let a = &run.annotations;
    match format {
        Format::Link(url) => run.link.as_ref() == Some(url),
        Format::Color(color) => a.color.name() == *color,
        Format::Underline => a.underline,
        Format::Bold => a.bold,
        Format::Italic => a.italic,
        Format::Strike => a.strikethrough,
    }
}

/// Whether a run is written as data, formatting and link included.
fn is_data(run: &Inline, care: Care) -> bool {
    match &run.kind {
        InlineKind::Mention(_) => true,
        InlineKind::Text(_) => false,
        InlineKind::Equation(tex) => {
            care >= Care::Explicit
                || run.annotations.code
                || tex.is_empty()
                || tex.contains(['\n', '`'])
        }
        InlineKind::Verbatim(_) => care >= Care::Explicit || run.annotations.code,
    }
}

fn edge(run: Option<&Inline>, last: bool) -> Option<char> {
    let run = run?;
    match &run.kind {
        InlineKind::Text(text) if !run.annotations.code => {
            if last {
                text.chars().next_back()
            } else {
                text.chars().next()
            }
        }
        _ => Some('.'),
    }
}

fn is_white(c: Option<char>) -> bool {
    c.is_none_or(|c| c.is_whitespace() || c.is_control())
}

fn is_sign(c: Option<char>) -> bool {
    c.is_some_and(|c| !c.is_alphanumeric() && !c.is_whitespace())
}

impl InlineWriter {
    fn run(&mut self, runs: &[Inline], at: usize, run: &Inline) {
        let wanted = if is_data(run, self.care) {
            Vec::new()
        } else {
            formats(run)
        };
        let keep = self
            .open
            .iter()
            .take_while(|(format, _)| wanted.contains(format))
            .count();
        while self.open.len() > keep {
            if let Some((_, end)) = self.open.pop() {
                self.out.push_str(&end);
            }
        }
        if is_data(run, self.care) {
            self.out.push_str(&explicit(run));
            return;
        }
        let mut missing: Vec<(usize, Format)> = wanted
            .into_iter()
            .filter(|format| !self.open.iter().any(|(open, _)| open == format))
            .map(|format| {
                let extent = runs[at..]
                    .iter()
                    .take(AHEAD)
                    .take_while(|run| has(run, &format) && !is_data(run, self.care))
                    .count();
                (extent, format)
            })
            .collect();
        missing.sort_by_key(|(extent, _)| std::cmp::Reverse(*extent));
        if let [(1, Format::Link(url))] = &missing[..]
            && let Some(autolink) = self.autolink(run, url)
        {
            self.out.push_str(&autolink);
            return;
        }
        for (extent, format) in missing {
            self.begin(runs, at, extent, format);
        }
        match &run.kind {
            InlineKind::Text(text) if run.annotations.code => self.code(text),
            InlineKind::Text(text) => self.text(text, self.ends && at + 1 == runs.len()),
            InlineKind::Equation(tex) => {
                let word = |run: Option<&Inline>, last: bool| {
                    edge(run, last).is_some_and(char::is_alphanumeric)
                };
                let plain = tex.trim() == tex.as_str()
                    && !tex.contains(['$', '`'])
                    && !tex.ends_with('\\')
                    && !word(at.checked_sub(1).and_then(|at| runs.get(at)), true)
                    && !word(runs.get(at + 1), false);
                if plain || !tex.contains('$') {
                    let escaped = if self.place == Place::Cell {
                        tex.replace('|', "\\|")
                    } else {
                        tex.clone()
                    };
                    // The form with backticks is for what does not stand between dollar signs.
                    let quote = if plain { "" } else { "`" };
                    self.out.push_str(&format!("${quote}{escaped}{quote}$"));
                } else {
                    self.out.push_str(&explicit(run));
                }
            }
            InlineKind::Verbatim(source) => self.out.push_str(source),
            InlineKind::Mention(_) => {}
        }
    }

    fn begin(&mut self, runs: &[Inline], at: usize, extent: usize, format: Format) {
        let before = edge(at.checked_sub(1).and_then(|at| runs.get(at)), true);
        let first = edge(runs.get(at), false);
        let last = edge(runs.get(at + extent - 1), true);
        let after = edge(runs.get(at + extent), false);
        let fits = self.care == Care::Plain
            && !is_white(first)
            && !is_white(last)
            && (!is_sign(first) || is_white(before) || is_sign(before))
            && (!is_sign(last) || is_white(after) || is_sign(after));
        let (start, end): (Cow<'_, str>, Cow<'static, str>) = match &format {
            Format::Link(url) => ("[".into(), format!("]({})", self.url(url)).into()),
            Format::Color(color) => (
                format!("<span color=\"{}\">", html::escape(color)).into(),
                "</span>".into(),
            ),
            Format::Underline => ("<u>".into(), "</u>".into()),
            Format::Bold if fits => ("**".into(), "**".into()),
            Format::Italic if fits => ("*".into(), "*".into()),
            Format::Strike if fits => ("~~".into(), "~~".into()),
            Format::Bold => ("<strong>".into(), "</strong>".into()),
            Format::Italic => ("<em>".into(), "</em>".into()),
            Format::Strike => ("<del>".into(), "</del>".into()),
        };
        self.out.push_str(&start);
        self.open.push((format, end));
    }

    fn url(&self, url: &str) -> String {
        let url = destination(url);
        if self.place == Place::Cell {
            url.replace('|', "\\|")
        } else {
            url
        }
    }

    /// `<https://…>` where text and target are the same.
    fn autolink(&self, run: &Inline, url: &str) -> Option<String> {
        let InlineKind::Text(text) = &run.kind else {
            return None;
        };
        let scheme = text.find(':').map(|end| &text[..end]).unwrap_or_default();
        let absolute = text == url
            && scheme.len() > 1
            && scheme.len() < 30
            && scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.bytes().all(|b| b.is_ascii_alphanumeric());
        let mail = url.strip_prefix("mailto:") == Some(text.as_str())
            && text.bytes().filter(|b| *b == b'@').count() == 1
            && text
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'@' | b'-'));
        let safe = !text.chars().any(|c| {
            c.is_whitespace() || c.is_control() || matches!(c, '<' | '>' | '|' | '\\' | '&')
        });
        ((absolute || mail) && safe && !run.annotations.code && self.care < Care::Explicit)
            .then(|| format!("<{text}>"))
    }

    fn code(&mut self, text: &str) {
        if text.contains('\n')
            || text.contains('\\') && self.place == Place::Cell
            || self.care >= Care::Tags && text.contains('`')
            || self.care >= Care::Explicit
        {
            self.out.push_str("<code>");
            self.text(text, false);
            self.out.push_str("</code>");
            return;
        }
        let longest = match text.contains('`') {
            true => text.split(|c| c != '`').map(str::len).max().unwrap_or(0),
            false => 0,
        };
        let fence: Cow<'_, str> = match longest {
            0 => "`".into(),
            _ => "`".repeat(longest + 1).into(),
        };
        let blank = text.chars().all(|c| c == ' ');
        let pad = if text.starts_with('`')
            || text.ends_with('`')
            || (text.starts_with(' ') && text.ends_with(' ') && !blank)
        {
            " "
        } else {
            ""
        };
        let text: Cow<'_, str> = match self.place {
            Place::Cell => text.replace('|', "\\|").into(),
            _ => text.into(),
        };
        for part in [&*fence, pad, &*text, pad, &*fence] {
            self.out.push_str(part);
        }
    }

    fn text(&mut self, text: &str, last: bool) {
        self.out.reserve(text.len());
        let bytes = text.as_bytes();
        // What stands before `done` is written; what follows up to `at` needs no second look.
        let (mut done, mut at) = (0, 0);
        while let Some(&byte) = bytes.get(at) {
            if self.care < Care::Explicit && !self.matters(bytes, at, byte) {
                at += 1;
                continue;
            }
            self.out.push_str(&text[done..at]);
            let mut rest = text[at..].chars();
            let Some(c) = rest.next() else { break };
            let before = text[..at].chars().next_back();
            self.char(c, before, rest.clone().next(), &text[at..], last);
            at += c.len_utf8();
            done = at;
        }
        self.out.push_str(&text[done..]);
    }

    /// Whether a byte of text may need more than to be copied. The cheap part of what
    /// [`InlineWriter::char`] looks at: it may say yes too often, never no.
    fn matters(&self, bytes: &[u8], at: usize, byte: u8) -> bool {
        let before = at.checked_sub(1).map(|at| bytes[at]);
        let edge = matches!(before, None | Some(b'\n'));
        let next = bytes.get(at + 1);
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | 0x80..0xef | 0xf0.. => false,
            // The first byte of a byte order mark.
            0xef => edge,
            b' ' | b'\t' => edge || matches!(next, None | Some(b'\n')),
            b'\n' | b'\\' | b'`' | b'*' | b'~' | b'[' | b'_' | b'<' | b'&' | b'@' => true,
            b']' => self.brackets,
            b'$' => self.dollars,
            b'|' => edge || self.place == Place::Cell,
            b'#' | b'>' | b'-' | b'+' | b'=' => edge,
            b':' => edge || next == Some(&b'/'),
            b'.' => edge || matches!(before, Some(b'0'..=b'9' | b'w' | b'W')),
            b')' => edge || matches!(before, Some(b'0'..=b'9')),
            _ => false,
        }
    }

    fn char(&mut self, c: char, before: Option<char>, next: Option<char>, rest: &str, last: bool) {
        let line_start = (self.starts && self.out.is_empty()) || self.out.ends_with('\n');
        match c {
            '\n' => {
                let plain = self.place == Place::Paragraph
                    && !line_start
                    && next.map_or(!last, |next| next != '\n')
                    && before.is_some_and(|before| before != '\n');
                self.out.push_str(if plain { "\\\n" } else { "<br>" });
            }
            ' ' | '\t'
                if line_start
                    || before == Some('\n')
                    || next == Some('\n')
                    || (next.is_none() && last) =>
            {
                self.out.push_str(&format!("&#{};", u32::from(c)));
            }
            // A file that starts with it does not say it.
            '\u{feff}' if line_start => self.out.push_str("&#65279;"),
            c if self.care >= Care::Explicit
                && c != ' '
                && (c.is_whitespace() || c.is_control()) =>
            {
                self.out.push_str(&format!("&#{};", u32::from(c)));
            }
            c if self.needs_escape(c, before, next, rest, line_start) => {
                self.out.push('\\');
                self.out.push(c);
            }
            c => self.out.push(c),
        }
    }

    fn needs_escape(
        &self,
        c: char,
        before: Option<char>,
        next: Option<char>,
        rest: &str,
        line_start: bool,
    ) -> bool {
        if !c.is_ascii_punctuation() {
            return false;
        }
        if self.care >= Care::Explicit {
            return true;
        }
        let word = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
        match c {
            '\\' | '`' | '*' | '~' | '[' => true,
            ']' => self.brackets,
            '_' => !(word(before) && word(next)),
            '$' => self.dollars,
            '<' => next.is_none_or(|c| c.is_ascii_alphabetic() || matches!(c, '/' | '!' | '?')),
            '&' => next.is_none_or(|c| c.is_ascii_alphanumeric() || c == '#'),
            '|' => self.place == Place::Cell || line_start,
            '#' | '>' | '-' | '+' | '=' => line_start,
            ':' => {
                line_start
                    || (word(before) && next == Some('/') && rest.as_bytes().get(2) == Some(&b'/'))
            }
            '@' => word(next) || next.is_none(),
            '.' | ')' => self.after_number() || (c == '.' && self.after_www()),
            _ => false,
        }
    }

    /// Whether the line so far is a number, which a dot would make a list.
    fn after_number(&self) -> bool {
        // A number has at most nine digits: the line need not be read back to its start.
        let line = self.out.bytes().rev().take(10).take_while(|b| *b != b'\n');
        let (mut len, mut digits) = (0, true);
        for b in line {
            len += 1;
            digits &= b.is_ascii_digit();
        }
        digits && (1..10).contains(&len)
    }

    fn after_www(&self) -> bool {
        let tail = self
            .out
            .len()
            .checked_sub(3)
            .and_then(|at| self.out.get(at..));
        tail.is_some_and(|tail| tail.eq_ignore_ascii_case("www"))
    }
}

/// A link's target, and its title if it has one.
pub(crate) fn destination(link: &str) -> String {
    let (url, title) = split_title(link);
    let Some(title) = title else {
        return target(url);
    };
    let mut out = format!("{} \"", target(url));
    // A blank line would end the block.
    let mut line = false;
    for (at, c) in title.char_indices() {
        match c {
            '"' | '\\' => {
                out.push('\\');
                out.push(c);
            }
            '&' if is_entity(&title[at..]) => out.push_str("&amp;"),
            '\n' | '\r' => out.push_str("&#10;"),
            '\t' | ' ' if line || at == 0 => out.push_str(&format!("&#{};", u32::from(c))),
            c if c.is_control() => out.push_str(&format!("&#{};", u32::from(c))),
            c => out.push(c),
        }
        line = c == '\n';
    }
    out.push('"');
    out
}

fn is_entity(text: &str) -> bool {
    text[1..].starts_with(|c: char| c.is_ascii_alphanumeric() || c == '#')
        && text[1..].chars().take(33).any(|c| c == ';')
}

/// A target: between angle brackets where it has to be.
fn target(url: &str) -> String {
    let safe = |b: u8| {
        b.is_ascii_alphanumeric()
            || matches!(
                b,
                b'/' | b'.'
                    | b'-'
                    | b'_'
                    | b':'
                    | b'#'
                    | b'='
                    | b'?'
                    | b'%'
                    | b'+'
                    | b','
                    | b'~'
                    | b'@'
            )
    };
    // Most URLs are of signs that mean nothing here.
    if !url.is_empty() && url.bytes().all(safe) {
        return url.to_owned();
    }
    let plain = !url.is_empty()
        && !url.starts_with('<')
        && url
            .chars()
            .all(|c| !c.is_whitespace() && !c.is_control() && !matches!(c, '(' | ')'));
    let mut out = String::with_capacity(url.len() + 2);
    for (at, c) in url.char_indices() {
        match c {
            '\n' | '\r' => out.push_str(&format!("&#{};", u32::from(c))),
            '\\' => out.push_str("\\\\"),
            '&' if is_entity(&url[at..]) => out.push_str("&amp;"),
            '<' | '>' => {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
    }
    if plain { out } else { format!("<{out}>") }
}

/// A run as data in a `<span>`, with something for people between its tags.
pub(crate) fn explicit(run: &Inline) -> String {
    let mut run = run.clone();
    let shown = match &run.kind {
        InlineKind::Text(text) | InlineKind::Equation(text) | InlineKind::Verbatim(text) => {
            text.clone()
        }
        InlineKind::Mention(mention) => shown(mention),
    };
    if run.annotations.is_plain() {
        run.annotations = Annotations::default();
    }
    let shown: String = shown
        .chars()
        .map(|c| {
            if c.is_whitespace() || c.is_control() {
                ' '
            } else {
                c
            }
        })
        .map(|c| {
            if c.is_ascii_punctuation() {
                format!("\\{c}")
            } else {
                c.to_string()
            }
        })
        .collect();
    format!(
        "<span data-notion-sync='{}'>{}</span>",
        marker::json(&run),
        shown.trim()
    )
}

fn shown(mention: &Mention) -> String {
    match mention {
        Mention::User(_) => "@user".to_owned(),
        Mention::Page(_) => "@page".to_owned(),
        Mention::Database(_) => "@database".to_owned(),
        Mention::Date(date) => match &date.end {
            Some(end) => format!("@{} to {end}", date.start),
            None => format!("@{}", date.start),
        },
        Mention::Emoji(name) => format!(":{name}:"),
        Mention::Other(_) => "@mention".to_owned(),
    }
}

/// The same for HTML, where a backslash escapes nothing.
pub(crate) fn explicit_html(run: &Inline) -> String {
    let shown = match &run.kind {
        InlineKind::Text(text) | InlineKind::Equation(text) | InlineKind::Verbatim(text) => {
            text.clone()
        }
        InlineKind::Mention(mention) => shown(mention),
    };
    format!(
        "<span data-notion-sync='{}'>{}</span>",
        marker::json(run),
        html::escape_text(&shown)
    )
}
