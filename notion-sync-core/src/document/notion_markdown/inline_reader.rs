//! Inline content: one line of enhanced Markdown as rich text.

use serde_json::json;

use super::attributes::{Tag, read_tag};
use super::lines::Backticks;
use crate::document::model::{
    Annotations, Color, DateMention, Inline, InlineKind, Mention, RichText,
};
use crate::document::reference::{absolute_link, id_or_rest};

/// Reads inline content.
pub(super) fn read_inline(text: &str) -> RichText {
    let mut scanner = Scanner::new(text);
    scanner.scan();
    scanner.render()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mark {
    Bold,
    Italic,
    Strike,
}

impl Mark {
    fn source(self) -> &'static str {
        match self {
            Self::Bold => "**",
            Self::Italic => "*",
            Self::Strike => "~~",
        }
    }
}

#[derive(Debug, Clone, Default)]
struct Style {
    underline: bool,
    color: Option<Color>,
}

#[derive(Debug)]
enum Token<'a> {
    Text(String),
    Code(String),
    Atom(InlineKind),
    Toggle(Mark),
    /// An opening bracket with the URL, once its closing one was found.
    LinkOpen(Option<String>),
    LinkClose,
    /// `<span …>`: the source stays text unless it is closed.
    SpanOpen {
        source: &'a str,
        style: Style,
        closed: bool,
    },
    SpanClose,
}

struct Scanner<'a> {
    text: &'a str,
    backticks: Backticks,
    tokens: Vec<Token<'a>>,
    plain: String,
    /// Indices of open brackets and spans in `tokens`.
    brackets: Vec<usize>,
    spans: Vec<usize>,
    bold_open: bool,
    /// There is no closer of an inline equation any more.
    no_equation: bool,
}

impl<'a> Scanner<'a> {
    fn new(text: &'a str) -> Self {
        Self {
            text,
            backticks: Backticks::of(text),
            tokens: Vec::new(),
            plain: String::new(),
            brackets: Vec::new(),
            spans: Vec::new(),
            bold_open: false,
            no_equation: false,
        }
    }

    fn flush(&mut self) {
        if !self.plain.is_empty() {
            self.tokens
                .push(Token::Text(std::mem::take(&mut self.plain)));
        }
    }

    fn push(&mut self, token: Token<'a>) {
        self.flush();
        self.tokens.push(token);
    }

    fn toggle(&mut self, mark: Mark) {
        if mark == Mark::Bold {
            self.bold_open = !self.bold_open;
        }
        self.push(Token::Toggle(mark));
    }

    fn scan(&mut self) {
        let bytes = self.text.as_bytes();
        let mut at = 0;
        while at < bytes.len() {
            let next = match bytes[at] {
                b'\\' => self.escape(at),
                b'`' => self.code(at),
                b'$' => self.equation(at),
                b'*' => self.stars(at),
                b'~' if bytes.get(at + 1) == Some(&b'~') => {
                    self.toggle(Mark::Strike);
                    Some(at + 2)
                }
                b'[' => self.open_bracket(at),
                b']' => self.close_bracket(at),
                b'<' => self.tag(at),
                b':' => emoji_at(self.text, at).map(|name| {
                    self.push(Token::Atom(InlineKind::Mention(Mention::Emoji(
                        name.to_owned(),
                    ))));
                    at + name.len() + 2
                }),
                _ => None,
            };
            at = next.unwrap_or_else(|| {
                let end = at + char_len(bytes[at]);
                self.plain.push_str(&self.text[at..end]);
                end
            });
        }
        self.flush();
    }

    fn escape(&mut self, at: usize) -> Option<usize> {
        let next = *self.text.as_bytes().get(at + 1)?;
        next.is_ascii_punctuation().then(|| {
            self.plain.push(char::from(next));
            at + 2
        })
    }

    fn code(&mut self, at: usize) -> Option<usize> {
        let length = run_len(self.text, at, b'`');
        let Some(end) = self.backticks.closer(length, at + length) else {
            // The whole run is text, so that its parts are not tried again.
            self.plain.push_str(&self.text[at..at + length]);
            return Some(at + length);
        };
        let mut content = &self.text[at + length..end];
        if length > 1 && content.len() > 2 && content.starts_with(' ') && content.ends_with(' ') {
            content = &content[1..content.len() - 1];
        }
        self.push(Token::Code(break_lines(content)));
        Some(end + length)
    }

    fn equation(&mut self, at: usize) -> Option<usize> {
        let rest = &self.text[at + 1..];
        if let Some(body) = rest.strip_prefix('`') {
            if self.no_equation {
                return None;
            }
            let Some(length) = body.find("`$") else {
                self.no_equation = true;
                return None;
            };
            let expression = break_lines(&body[..length]);
            self.push(Token::Atom(InlineKind::Equation(expression)));
            return Some(at + 2 + length + 2);
        }
        if rest.starts_with(|c: char| c.is_whitespace() || c == '$') {
            return None;
        }
        let bytes = rest.as_bytes();
        let mut end = 0;
        while end < bytes.len() && bytes[end] != b'$' {
            end += if bytes[end] == b'\\' { 2 } else { 1 };
        }
        if bytes.get(end) != Some(&b'$')
            || rest[..end].ends_with(char::is_whitespace)
            || bytes.get(end + 1).is_some_and(u8::is_ascii_digit)
        {
            return None;
        }
        let expression = rest[..end].to_owned();
        self.push(Token::Atom(InlineKind::Equation(expression)));
        Some(at + 1 + end + 1)
    }

    fn stars(&mut self, at: usize) -> Option<usize> {
        let length = run_len(self.text, at, b'*');
        match length {
            1 => self.toggle(Mark::Italic),
            2 => self.toggle(Mark::Bold),
            3 => {
                self.toggle(Mark::Bold);
                self.toggle(Mark::Italic);
            }
            4 if self.bold_open => {
                self.toggle(Mark::Bold);
                self.toggle(Mark::Bold);
            }
            _ => self.plain.push_str(&self.text[at..at + length]),
        }
        Some(at + length)
    }

    fn open_bracket(&mut self, at: usize) -> Option<usize> {
        let rest = &self.text[at + 1..];
        if let Some(label) = rest.strip_prefix('^') {
            let length = label
                .bytes()
                .take_while(|b| !b.is_ascii_whitespace() && !matches!(b, b'[' | b']' | b'\\'))
                .count();
            if length > 0 && label.as_bytes().get(length) == Some(&b']') {
                let other = json!({"type": "citation", "citation": {"url": &label[..length]}});
                self.push(Token::Atom(InlineKind::Mention(Mention::Other(
                    other.to_string(),
                ))));
                return Some(at + 2 + length + 1);
            }
        }
        self.push(Token::LinkOpen(None));
        self.brackets.push(self.tokens.len() - 1);
        Some(at + 1)
    }

    fn close_bracket(&mut self, at: usize) -> Option<usize> {
        let open = self.brackets.pop()?;
        let (url, end) = read_target(self.text, at + 1)?;
        self.push(Token::LinkClose);
        self.tokens[open] = Token::LinkOpen(Some(absolute_link(url)));
        Some(end)
    }

    fn tag(&mut self, at: usize) -> Option<usize> {
        let tag = read_tag(&self.text[at..])?;
        let end = at + tag.len;
        match (tag.name, tag.closing) {
            ("br", _) => self.plain.push('\n'),
            ("span", false) if !tag.self_closing => {
                let style = Style {
                    underline: tag.get("underline") == Some("true"),
                    color: tag.get("color").map(|_| tag.color()),
                };
                self.push(Token::SpanOpen {
                    source: &self.text[at..end],
                    style,
                    closed: false,
                });
                self.spans.push(self.tokens.len() - 1);
            }
            ("span", true) => {
                let open = self.spans.pop()?;
                if let Some(Token::SpanOpen { closed, .. }) = self.tokens.get_mut(open) {
                    *closed = true;
                }
                self.push(Token::SpanClose);
            }
            (name, false) if name.starts_with("mention-") => {
                let mention = read_mention(&tag, &self.text[at..end])?;
                let after = if tag.self_closing {
                    end
                } else {
                    label_end(self.text, end, name)
                };
                self.push(Token::Atom(InlineKind::Mention(mention)));
                return Some(after);
            }
            _ => return None,
        }
        Some(end)
    }

    fn render(self) -> RichText {
        let mut left = [0usize; 3];
        for token in &self.tokens {
            if let Token::Toggle(mark) = token {
                left[*mark as usize] += 1;
            }
        }
        let mut out = Vec::new();
        let mut on = [false; 3];
        let mut spans: Vec<Style> = Vec::new();
        let mut links: Vec<String> = Vec::new();
        for token in self.tokens {
            let mut code = false;
            let kind = match token {
                Token::Text(text) => InlineKind::Text(text),
                Token::Code(text) => {
                    code = true;
                    InlineKind::Text(text)
                }
                Token::Atom(kind) => kind,
                Token::Toggle(mark) => {
                    left[mark as usize] -= 1;
                    let open = &mut on[mark as usize];
                    if !*open && left[mark as usize] == 0 {
                        InlineKind::Text(mark.source().to_owned())
                    } else {
                        *open = !*open;
                        continue;
                    }
                }
                Token::LinkOpen(Some(url)) => {
                    links.push(url);
                    continue;
                }
                Token::LinkOpen(None) => InlineKind::Text("[".to_owned()),
                Token::LinkClose => {
                    links.pop();
                    continue;
                }
                Token::SpanOpen {
                    style,
                    closed: true,
                    ..
                } => {
                    let outer = spans.last().cloned().unwrap_or_default();
                    spans.push(Style {
                        underline: style.underline || outer.underline,
                        color: style.color.or(outer.color),
                    });
                    continue;
                }
                Token::SpanOpen { source, .. } => InlineKind::Text(source.to_owned()),
                Token::SpanClose => {
                    spans.pop();
                    continue;
                }
            };
            let style = spans.last();
            let annotations = Annotations {
                bold: on[Mark::Bold as usize],
                italic: on[Mark::Italic as usize],
                strikethrough: on[Mark::Strike as usize],
                underline: style.is_some_and(|style| style.underline),
                code,
                color: style
                    .and_then(|style| style.color.clone())
                    .unwrap_or_default(),
            };
            push_run(
                &mut out,
                Inline {
                    kind,
                    annotations,
                    link: links.last().cloned(),
                },
            );
        }
        RichText(out)
    }
}

/// Appends a run, joined with the last one where both are text of equal looks.
fn push_run(out: &mut Vec<Inline>, run: Inline) {
    if let (Some(last), InlineKind::Text(text)) = (out.last_mut(), &run.kind)
        && last.annotations == run.annotations
        && last.link == run.link
        && let InlineKind::Text(before) = &mut last.kind
    {
        before.push_str(text);
        return;
    }
    out.push(run);
}

fn char_len(first: u8) -> usize {
    match first {
        0..=0x7f => 1,
        0x80..=0xdf => 2,
        0xe0..=0xef => 3,
        _ => 4,
    }
}

fn run_len(text: &str, at: usize, byte: u8) -> usize {
    text.as_bytes()[at..]
        .iter()
        .take_while(|b| **b == byte)
        .count()
}

/// Line breaks inside code and expressions.
fn break_lines(text: &str) -> String {
    text.replace("<br/>", "<br>").replace("<br>", "\n")
}

/// The name of a custom emoji that starts with the colon at `at`: `:name:` that touches neither
/// letters and digits nor another colon.
pub(super) fn emoji_at(text: &str, at: usize) -> Option<&str> {
    let is_near = |c: char| c.is_alphanumeric() || matches!(c, ':' | '/' | '_');
    if text[..at].chars().next_back().is_some_and(is_near) {
        return None;
    }
    let rest = text.get(at + 1..)?;
    let length = rest
        .bytes()
        .take(65)
        .take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'+'))
        .count();
    if length == 0 || length > 64 || rest.as_bytes().get(length) != Some(&b':') {
        return None;
    }
    let after = rest[length + 1..].chars().next();
    let name = &rest[..length];
    // A time such as `:30:` is none.
    let digits = name.bytes().all(|b| b.is_ascii_digit());
    (!digits && !after.is_some_and(is_near)).then_some(name)
}

/// Reads a link target in parentheses at `at`: the URL and where it ends. Parentheses may nest; a
/// backslash escapes punctuation; `<…>` may hold white space.
pub(super) fn read_target(text: &str, at: usize) -> Option<(String, usize)> {
    let rest = text.get(at..)?.strip_prefix('(')?;
    let start = at + 1;
    let mut url = String::new();
    let mut escaped = false;
    let angle = rest.starts_with('<');
    let mut depth = 0usize;
    for (offset, c) in rest.char_indices() {
        if angle && offset == 0 {
            continue;
        }
        if escaped {
            if !c.is_ascii_punctuation() {
                url.push('\\');
            }
            url.push(c);
            escaped = false;
            continue;
        }
        match c {
            '\\' => escaped = true,
            '>' if angle => {
                let end = start + offset + 1;
                return text[end..].starts_with(')').then_some((url, end + 1));
            }
            '<' if angle => return None,
            _ if angle => url.push(c),
            c if c.is_whitespace() => return None,
            '(' => {
                depth += 1;
                if depth > 32 {
                    return None;
                }
                url.push(c);
            }
            ')' if depth == 0 => return Some((url, start + offset + 1)),
            ')' => {
                depth -= 1;
                url.push(c);
            }
            _ => url.push(c),
        }
    }
    None
}

/// Where a mention with a label ends: behind its closing tag, if that follows the label directly.
fn label_end(text: &str, from: usize, name: &str) -> usize {
    let bytes = text.as_bytes();
    let mut at = from;
    while at < bytes.len() && bytes[at] != b'<' {
        at += if bytes[at] == b'\\' { 2 } else { 1 };
    }
    let close = format!("</{name}>");
    if text.get(at..).is_some_and(|rest| rest.starts_with(&close)) {
        at + close.len()
    } else {
        from
    }
}

fn read_mention(tag: &Tag<'_>, source: &str) -> Option<Mention> {
    let url = || tag.get("url").map(id_or_rest);
    Some(match tag.name {
        "mention-user" => Mention::User(url()?),
        "mention-page" => Mention::Page(url()?),
        "mention-database" | "mention-data-source" => Mention::Database(url()?),
        "mention-date" => {
            let moment = |date: &str, time: Option<&str>| match time {
                Some(time) => format!("{date}T{time}"),
                None => date.to_owned(),
            };
            Mention::Date(Box::new(DateMention {
                start: moment(tag.get("start")?, tag.get("startTime")),
                end: tag
                    .get("end")
                    .map(|end| moment(end, tag.get("endTime")))
                    .or_else(|| {
                        // An end on the same day is told by its time alone.
                        let time = tag.get("endTime")?;
                        Some(moment(tag.get("start")?, Some(time)))
                    }),
                time_zone: tag.get("timeZone").map(str::to_owned),
            }))
        }
        name => {
            // Another kind of mention: its tag is kept, without a label.
            let mut markdown = source
                .trim_end_matches('>')
                .trim_end_matches('/')
                .to_owned();
            markdown.push_str("/>");
            let kind = name.trim_start_matches("mention-");
            Mention::Other(json!({"type": kind, "markdown": markdown}).to_string())
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(text: &str) -> String {
        let mut out = String::new();
        for run in read_inline(text).0 {
            let mut flags = String::new();
            for (flag, on) in [
                ('b', run.annotations.bold),
                ('i', run.annotations.italic),
                ('s', run.annotations.strikethrough),
                ('u', run.annotations.underline),
                ('c', run.annotations.code),
            ] {
                if on {
                    flags.push(flag);
                }
            }
            if !run.annotations.color.is_default() {
                flags.push('#');
                flags.push_str(run.annotations.color.name());
            }
            if let Some(link) = &run.link {
                flags.push('>');
                flags.push_str(link);
            }
            let what = match run.kind {
                InlineKind::Text(text) => text,
                InlineKind::Equation(tex) => format!("$({tex})"),
                InlineKind::Mention(Mention::Other(raw)) => format!("@other{raw}"),
                InlineKind::Mention(mention) => format!("@{mention:?}"),
                InlineKind::Verbatim(source) => format!("%{source}"),
            };
            out.push_str(&format!("[{what}|{flags}]"));
        }
        out
    }

    #[test]
    fn inline_table() {
        for (text, wanted) in [
            ("a **b** *c* ~~d~~", "[a |][b|b][ |][c|i][ |][d|s]"),
            ("***a* b**", "[a|bi][ b|b]"),
            ("**a***b*", "[a|b][b|i]"),
            ("**a****b**", "[ab|b]"),
            ("a * b", "[a * b|]"),
            ("**a", "[**a|]"),
            ("_a_ __b__ snake_case", "[_a_ __b__ snake_case|]"),
            ("\\*a\\* \\\\ \\q", "[*a* \\ \\q|]"),
            ("`a*b`", "[a*b|c]"),
            ("`a<br>b`", "[a\nb|c]"),
            ("`` a`b ``", "[a`b|c]"),
            ("`a", "[`a|]"),
            ("a<br>b", "[a\nb|]"),
            (
                "[a **b**](https://x.y/(z))",
                "[a |>https://x.y/(z)][b|b>https://x.y/(z)]",
            ),
            ("[a](b c)", "[[a](b c)|]"),
            ("[a]", "[[a]|]"),
            ("[a](<b c>)", "[a|>b c]"),
            ("$x^2$ and $`a*b`$", "[$(x^2)|][ and |][$(a*b)|]"),
            ("$5 and $6", "[$5 and $6|]"),
            (
                "<span color=\"red_bg\" underline=\"true\">a</span>",
                "[a|u#red_background]",
            ),
            (
                "<span color=\"red\"><span underline=\"true\">a</span></span>",
                "[a|u#red]",
            ),
            ("<span color=\"red\">a", "[<span color=\"red\">a|]"),
            ("a</span>", "[a</span>|]"),
            (
                ":party: 10:30:45 a:b:c",
                "[@Emoji(\"party\")|][ 10:30:45 a:b:c|]",
            ),
            (
                "[^https://x.y]",
                "[@other{\"citation\":{\"url\":\"https://x.y\"},\"type\":\"citation\"}|]",
            ),
            (
                "<mention-date start=\"2026-11-21\" startTime=\"09:00\" timeZone=\"Europe/Berlin\"/>",
                "[@Date(DateMention { start: \"2026-11-21T09:00\", end: None, time_zone: Some(\"Europe/Berlin\") })|]",
            ),
            (
                "<mention-user url=\"{{user://c01166c6-13ae-45cb-b968-18b4ef2f5a77}}\">Ada</mention-user>!",
                "[@User(\"c01166c6-13ae-45cb-b968-18b4ef2f5a77\")|][!|]",
            ),
            ("<b>x</b> <", "[<b>x</b> <|]"),
        ] {
            assert_eq!(shape(text), wanted, "{text}");
        }
    }
}
