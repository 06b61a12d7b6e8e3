//! Reading inline Markdown.
//!
//! One pass cuts the line into tokens, a second one pairs delimiters, a third one builds spans.
//! Every pass is linear in the length of the line, whatever it holds.

use std::collections::{BTreeMap, BTreeSet};

use super::super::id::NotionId;
use super::super::text::{Color, DateValue, Mention, Rich, Span, SpanKind, Style, tidy};
use super::Emojis;
use super::tag::{Form, Tag};

/// What a stretch of a line is, for those who only want to know where text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PieceKind {
    Text,
    Other,
}

#[derive(Debug)]
enum Token<'a> {
    /// A character that stands for itself.
    Char(char),
    Code(String),
    Equation(&'a str),
    Mention(Mention),
    Run {
        mark: char,
        count: usize,
        opens: bool,
        closes: bool,
    },
    BracketOpen,
    /// `]`, with the address where `(address)` follows, and the whole text as it stands.
    BracketClose {
        url: Option<&'a str>,
        raw: &'a str,
    },
    SpanOpen {
        color: Option<Color>,
        underline: bool,
    },
    SpanClose,
}

/// Reads one line.
pub(super) fn read(line: &str, emojis: &Emojis) -> Rich {
    let tokens: Vec<Token<'_>> = Cutter::new(line, emojis).map(|(token, _)| token).collect();
    build(&tokens)
}

/// The stretches of a line, in order; together they are the line.
pub(super) fn pieces(line: &str) -> Vec<(PieceKind, &str)> {
    let none = Emojis::new();
    Cutter::new(line, &none)
        .map(|(token, raw)| {
            let text = match token {
                Token::Char(_) => !raw.starts_with('\\') && !raw.starts_with('<'),
                Token::Run { mark: '_', .. } => true,
                _ => false,
            };
            (
                if text {
                    PieceKind::Text
                } else {
                    PieceKind::Other
                },
                raw,
            )
        })
        .collect()
}

/// Caption and address, when a text is one `[caption](address)` and nothing else.
pub(super) fn sole_link(text: &str) -> Option<(&str, &str)> {
    let none = Emojis::new();
    let mut depth = 0usize;
    let mut at = 0;
    for (token, raw) in Cutter::new(text, &none) {
        match token {
            Token::BracketOpen => depth += 1,
            _ if depth == 0 => return None,
            Token::BracketClose { url, .. } => {
                depth -= 1;
                if depth == 0 {
                    let whole = at + raw.len() == text.len();
                    return url
                        .filter(|_| whole)
                        .and_then(|url| Some((text.get(1..at)?, url)));
                }
            }
            _ => {}
        }
        at += raw.len();
    }
    None
}

/// Cuts a line into tokens.
struct Cutter<'a, 'e> {
    line: &'a str,
    at: usize,
    emojis: &'e Emojis,
    names: BTreeMap<&'e str, NotionId>,
    /// For each length of a run of backticks, where such runs begin, last first.
    ticks: BTreeMap<usize, Vec<usize>>,
    /// Closing texts that were looked for and do not come any more.
    gone: BTreeSet<String>,
}

impl<'a, 'e> Cutter<'a, 'e> {
    fn new(line: &'a str, emojis: &'e Emojis) -> Self {
        let mut ticks: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        let bytes = line.as_bytes();
        let mut at = 0;
        while let Some(found) = bytes
            .get(at..)
            .and_then(|rest| rest.iter().position(|b| *b == b'`'))
        {
            let start = at + found;
            let count = run_length(bytes, start);
            ticks.entry(count).or_default().push(start);
            at = start + count;
        }
        for starts in ticks.values_mut() {
            starts.reverse();
        }
        let names = emojis
            .iter()
            .map(|(id, (name, _))| (name.as_str(), *id))
            .collect();
        Self {
            line,
            at: 0,
            emojis,
            names,
            ticks,
            gone: BTreeSet::new(),
        }
    }

    fn rest(&self) -> &'a str {
        self.line.get(self.at..).unwrap_or_default()
    }

    /// Where `needle` comes next at or after `from`.
    fn find(&mut self, needle: &str, from: usize) -> Option<usize> {
        if self.gone.contains(needle) {
            return None;
        }
        let found = self
            .line
            .get(from..)?
            .find(needle)
            .map(|offset| from + offset);
        if found.is_none() {
            self.gone.insert(needle.to_owned());
        }
        found
    }

    fn before(&self) -> Option<char> {
        self.line.get(..self.at)?.chars().next_back()
    }

    fn cut(&mut self) -> Option<(Token<'a>, usize)> {
        let rest = self.rest();
        let first = rest.chars().next()?;
        let bare = (Token::Char(first), first.len_utf8());
        Some(match first {
            '\\' => match rest.chars().nth(1) {
                Some(next) if next.is_ascii_punctuation() => (Token::Char(next), 2),
                _ => bare,
            },
            '`' => self.code().unwrap_or(bare),
            '$' => self.equation().unwrap_or(bare),
            '<' => self.tag().unwrap_or(bare),
            '[' => (Token::BracketOpen, 1),
            ']' => {
                let url = rest.get(1..).and_then(address);
                let length = 1 + url.map_or(0, |url| url.len() + 2);
                (
                    Token::BracketClose {
                        url,
                        raw: rest.get(..length).unwrap_or("]"),
                    },
                    length,
                )
            }
            '*' | '_' | '~' => {
                let count = run_length(self.line.as_bytes(), self.at);
                let before = self.before();
                let after = rest.get(count..).and_then(|rest| rest.chars().next());
                let mut closes = before.is_some_and(|c| !c.is_whitespace());
                let mut opens = after.is_some_and(|c| !c.is_whitespace());
                if first == '_' {
                    // Inside a word an underscore is a letter.
                    opens &= !before.is_some_and(char::is_alphanumeric);
                    closes &= !after.is_some_and(char::is_alphanumeric);
                }
                (
                    Token::Run {
                        mark: first,
                        count,
                        opens,
                        closes,
                    },
                    count,
                )
            }
            ':' => self.emoji().unwrap_or(bare),
            _ => bare,
        })
    }

    fn code(&mut self) -> Option<(Token<'a>, usize)> {
        let open = run_length(self.line.as_bytes(), self.at);
        let start = self.at + open;
        let starts = self.ticks.get_mut(&open)?;
        while starts.last().is_some_and(|next| *next < start) {
            starts.pop();
        }
        let Some(end) = starts.last().copied() else {
            // No closing run: these backticks are text, one by one.
            return None;
        };
        let mut code = self.line.get(start..end)?;
        if code.starts_with(' ') && code.ends_with(' ') && !code.trim_matches(' ').is_empty() {
            code = code.get(1..code.len() - 1)?;
        }
        let code = code.replace("<br>", "\n").replace("<br/>", "\n");
        Some((Token::Code(code), end + open - self.at))
    }

    fn equation(&mut self) -> Option<(Token<'a>, usize)> {
        let rest = self.rest();
        if rest.starts_with("$`") {
            let start = self.at + 2;
            let end = self.find("`$", start)?;
            let inner = self.line.get(start..end)?.trim();
            return (!inner.is_empty()).then_some((Token::Equation(inner), end + 2 - self.at));
        }
        if self.before().is_some_and(|c| !c.is_whitespace()) {
            return None;
        }
        let start = self.at + 1;
        let end = self.find("$", start)?;
        let inner = self.line.get(start..end)?;
        let after = self.line.get(end + 1..)?.chars().next();
        let tight = !inner.is_empty()
            && !inner.starts_with(char::is_whitespace)
            && !inner.ends_with(char::is_whitespace)
            && !inner.ends_with('\\');
        (tight && after.is_none_or(char::is_whitespace))
            .then_some((Token::Equation(inner), end + 1 - self.at))
    }

    fn emoji(&self) -> Option<(Token<'a>, usize)> {
        let rest = self.rest().get(1..)?;
        let end = rest.bytes().take(100).position(|b| b == b':')?;
        let name = rest.get(..end)?;
        let id = *self.names.get(name)?;
        let name = self.emojis.get(&id)?.0.clone();
        Some((Token::Mention(Mention::CustomEmoji { id, name }), end + 2))
    }

    fn tag(&mut self) -> Option<(Token<'a>, usize)> {
        let rest = self.rest();
        let tag = Tag::parse(rest)?;
        let mention =
            |kind: fn(NotionId) -> Mention| tag.get("url").and_then(NotionId::in_url).map(kind);
        let mention = match (tag.name, tag.form) {
            ("br", Form::Open | Form::Alone) => return Some((Token::Char('\n'), tag.length)),
            ("span", Form::Open) => {
                let color = tag.get("color").and_then(Color::from_markdown);
                let underline = tag.is_set("underline");
                return Some((Token::SpanOpen { color, underline }, tag.length));
            }
            ("span", Form::Close) => return Some((Token::SpanClose, tag.length)),
            (_, Form::Close) => return None,
            ("mention-user", _) => mention(Mention::User)?,
            ("mention-page", _) => mention(Mention::Page)?,
            ("mention-database", _) => mention(Mention::Database)?,
            ("mention-data-source", _) => mention(Mention::DataSource)?,
            ("mention-agent", _) => mention(Mention::Agent)?,
            ("mention-date", _) => Mention::Date(date(&tag)?),
            _ => return None,
        };
        let mut length = tag.length;
        if tag.form == Form::Open {
            // The label is only for readers.
            let close = format!("</{}>", tag.name);
            if let Some(end) = self.find(&close, self.at + length) {
                length = end + close.len() - self.at;
            }
        }
        Some((Token::Mention(mention), length))
    }
}

impl<'a> Iterator for Cutter<'a, '_> {
    type Item = (Token<'a>, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        let (token, length) = self.cut()?;
        let raw = self.line.get(self.at..self.at + length)?;
        self.at += length;
        Some((token, raw))
    }
}

fn run_length(bytes: &[u8], at: usize) -> usize {
    let Some(mark) = bytes.get(at) else { return 0 };
    bytes
        .get(at..)
        .unwrap_or_default()
        .iter()
        .take_while(|byte| *byte == mark)
        .count()
}

/// The address in `(address)` at the start of a text; parentheses in it must be balanced.
fn address(text: &str) -> Option<&str> {
    let inner = text.strip_prefix('(')?;
    let mut depth = 0usize;
    // No address is longer or deeper than this; the limits keep a line of brackets linear.
    for (at, c) in inner.char_indices().take(8192) {
        match c {
            '(' if depth == 32 => return None,
            '(' => depth += 1,
            ')' if depth == 0 => {
                let url = inner.get(..at)?;
                return (!url.is_empty()).then_some(url);
            }
            ')' => depth -= 1,
            c if c.is_whitespace() => return None,
            _ => {}
        }
    }
    None
}

fn date(tag: &Tag<'_>) -> Option<DateValue> {
    let join = |day: &str, time: Option<&str>| match time {
        Some(time) => format!("{day}T{time}:00.000"),
        None => day.to_owned(),
    };
    let valid = |text: &String| super::super::moment::Moment::parse(text).is_some();
    let start = join(tag.get("start")?, tag.get("startTime"));
    let end = tag.get("end").map(|day| join(day, tag.get("endTime")));
    if !valid(&start) || !end.as_ref().is_none_or(valid) {
        return None;
    }
    let timed = tag.get("startTime").is_some() || tag.get("endTime").is_some();
    let zone = tag
        .get("timeZone")
        .filter(|_| timed)
        .map(super::tag::unquote);
    Some(DateValue {
        start,
        end,
        time_zone: zone,
    })
}

/// What a delimiter turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Literal(char, usize),
    Toggle(Look),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Look {
    Bold,
    Italic,
    Strike,
    /// The same by underscores, which pair only with underscores.
    LowBold,
    LowItalic,
}

/// Pairs the runs of delimiters: for each token its parts.
fn pair(tokens: &[Token<'_>]) -> Vec<Vec<Part>> {
    let mut parts: Vec<Vec<Part>> = Vec::with_capacity(tokens.len());
    let mut open: BTreeMap<Look, (usize, usize)> = BTreeMap::new();
    for (index, token) in tokens.iter().enumerate() {
        let mut own = Vec::new();
        if let Token::Run {
            mark,
            count,
            opens,
            closes,
        } = token
        {
            let (two, one) = match mark {
                '*' => (Look::Bold, Some(Look::Italic)),
                '_' => (Look::LowBold, Some(Look::LowItalic)),
                _ => (Look::Strike, None),
            };
            let mut left = *count;
            while left > 0 {
                let both =
                    one.is_some_and(|one| open.contains_key(&one)) && open.contains_key(&two);
                let step = if *closes && both && left >= 3 {
                    one
                } else if *closes && open.contains_key(&two) && left >= 2 {
                    Some(two)
                } else if *closes
                    && one.is_some_and(|one| open.contains_key(&one))
                    && (left != 2 || !*opens)
                {
                    one
                } else if *opens && left >= 2 && !open.contains_key(&two) {
                    Some(two)
                } else if *opens && one.is_some_and(|one| !open.contains_key(&one)) {
                    one
                } else {
                    None
                };
                let Some(look) = step else {
                    own.push(Part::Literal(*mark, left));
                    break;
                };
                let width = if look == two { 2 } else { 1 };
                // A pair around nothing is text.
                if let Some((token, _)) = open.get(&look)
                    && *token == index
                {
                    own.push(Part::Literal(*mark, left));
                    break;
                }
                if open.remove(&look).is_none() {
                    open.insert(look, (index, own.len()));
                }
                own.push(Part::Toggle(look));
                left -= width;
            }
        }
        parts.push(own);
    }
    for (look, (token, part)) in open {
        if let Some(part) = parts.get_mut(token).and_then(|own| own.get_mut(part)) {
            *part = match look {
                Look::Bold => Part::Literal('*', 2),
                Look::Italic => Part::Literal('*', 1),
                Look::Strike => Part::Literal('~', 2),
                Look::LowBold => Part::Literal('_', 2),
                Look::LowItalic => Part::Literal('_', 1),
            };
        }
    }
    parts
}

/// For each bracket token that belongs to a link: the token that closes it, or none.
fn links(tokens: &[Token<'_>]) -> (BTreeMap<usize, usize>, BTreeSet<usize>) {
    let mut pairs = BTreeMap::new();
    let mut closers = BTreeSet::new();
    let mut stack: Vec<usize> = Vec::new();
    for (index, token) in tokens.iter().enumerate() {
        match token {
            Token::BracketOpen => stack.push(index),
            Token::BracketClose { url, .. } => {
                if let Some(open) = stack.pop()
                    && url.is_some()
                    && open + 1 < index
                {
                    pairs.insert(open, index);
                    closers.insert(index);
                    // A link holds no link: what is still open around it is text.
                    stack.clear();
                }
            }
            _ => {}
        }
    }
    (pairs, closers)
}

fn build(tokens: &[Token<'_>]) -> Rich {
    let parts = pair(tokens);
    let (pairs, closers) = links(tokens);
    let spans = paired_spans(tokens);
    let mut rich = Rich::new();
    let mut text = String::new();
    let mut style = Style::default();
    let mut low = (false, false);
    let mut star = (false, false);
    let mut colors: Vec<Option<Color>> = Vec::new();
    let mut underlines: Vec<bool> = Vec::new();
    let mut link: Option<String> = None;
    let flush = |text: &mut String, rich: &mut Rich, style: Style, link: &Option<String>| {
        if !text.is_empty() {
            let content = std::mem::take(text);
            rich.push(Span {
                kind: SpanKind::Text {
                    content,
                    link: link.clone(),
                },
                style,
            });
        }
    };
    for (index, token) in tokens.iter().enumerate() {
        match token {
            Token::Char(c) => text.push(*c),
            Token::Code(code) => {
                flush(&mut text, &mut rich, style, &link);
                if !code.is_empty() {
                    rich.push(Span {
                        kind: SpanKind::Text {
                            content: code.clone(),
                            link: link.clone(),
                        },
                        style: Style {
                            code: true,
                            ..style
                        },
                    });
                }
            }
            Token::Equation(expression) => {
                flush(&mut text, &mut rich, style, &link);
                rich.push(Span {
                    kind: SpanKind::Equation((*expression).to_owned()),
                    style,
                });
            }
            Token::Mention(mention) => {
                flush(&mut text, &mut rich, style, &link);
                rich.push(Span {
                    kind: SpanKind::Mention(mention.clone()),
                    style,
                });
            }
            Token::Run { .. } => {
                for part in parts.get(index).map(Vec::as_slice).unwrap_or_default() {
                    let look = match part {
                        Part::Literal(mark, count) => {
                            text.extend(std::iter::repeat_n(*mark, *count));
                            continue;
                        }
                        Part::Toggle(look) => look,
                    };
                    flush(&mut text, &mut rich, style, &link);
                    match look {
                        Look::Bold => star.0 = !star.0,
                        Look::Italic => star.1 = !star.1,
                        Look::LowBold => low.0 = !low.0,
                        Look::LowItalic => low.1 = !low.1,
                        Look::Strike => style.strike = !style.strike,
                    }
                    style.bold = star.0 || low.0;
                    style.italic = star.1 || low.1;
                }
            }
            Token::BracketOpen => match pairs.get(&index).and_then(|close| tokens.get(*close)) {
                Some(Token::BracketClose { url: Some(url), .. }) => {
                    flush(&mut text, &mut rich, style, &link);
                    link = Some((*url).to_owned());
                }
                _ => text.push('['),
            },
            Token::BracketClose { raw, .. } => {
                if closers.contains(&index) {
                    flush(&mut text, &mut rich, style, &link);
                    link = None;
                } else {
                    text.push_str(raw);
                }
            }
            Token::SpanOpen { color, underline } => {
                if spans.contains(&index) {
                    flush(&mut text, &mut rich, style, &link);
                    colors.push(*color);
                    underlines.push(*underline);
                }
            }
            Token::SpanClose => {
                if spans.contains(&index) {
                    flush(&mut text, &mut rich, style, &link);
                    colors.pop();
                    underlines.pop();
                }
            }
        }
        style.color = colors
            .iter()
            .rev()
            .find_map(|color| *color)
            .unwrap_or_default();
        style.underline = underlines.contains(&true);
    }
    flush(&mut text, &mut rich, style, &link);
    tidy(rich)
}

/// The span tags that have a partner. The others vanish.
fn paired_spans(tokens: &[Token<'_>]) -> BTreeSet<usize> {
    let mut stack = Vec::new();
    let mut paired = BTreeSet::new();
    for (index, token) in tokens.iter().enumerate() {
        match token {
            // Deeper than anyone nests, and deep nesting would cost at every character.
            Token::SpanOpen { .. } if stack.len() < 64 => stack.push(index),
            Token::SpanClose => {
                if let Some(open) = stack.pop() {
                    paired.insert(open);
                    paired.insert(index);
                }
            }
            _ => {}
        }
    }
    paired
}
