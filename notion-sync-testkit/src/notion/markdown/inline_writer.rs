//! Writing rich text as inline Markdown.

use super::super::text::{Color, DateValue, Mention, Rich, SpanKind, Style};
use super::super::view::stamp;
use super::tag::encode_url;
use super::{Emojis, address, inline_reader};

/// Characters that always carry a backslash outside code.
const SPECIAL: &str = "\\*~`$[]<>{}|^";

/// One piece to write: what it is, and the looks that are still to be opened around it.
#[derive(Debug, Clone)]
struct Piece<'a> {
    what: What<'a>,
    style: Style,
    link: Option<&'a str>,
}

#[derive(Debug, Clone)]
enum What<'a> {
    Text(String),
    Code(String),
    Equation(String),
    Mention(&'a Mention),
}

/// The looks that wrap a run of pieces, outermost first where runs are equally long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wrap {
    Link,
    Color,
    Underline,
    Strike,
    Bold,
    Italic,
}

const WRAPS: [Wrap; 6] = [
    Wrap::Link,
    Wrap::Color,
    Wrap::Underline,
    Wrap::Strike,
    Wrap::Bold,
    Wrap::Italic,
];

impl<'a> Piece<'a> {
    fn has(&self, wrap: Wrap) -> bool {
        match wrap {
            Wrap::Link => self.link.is_some(),
            Wrap::Color => !self.style.color.is_default(),
            Wrap::Underline => self.style.underline,
            Wrap::Strike => self.style.strike,
            Wrap::Bold => self.style.bold,
            Wrap::Italic => self.style.italic,
        }
    }

    /// Whether both stand in one wrap of this kind.
    fn shares(&self, other: &Self, wrap: Wrap) -> bool {
        other.has(wrap)
            && match wrap {
                Wrap::Link => self.link == other.link,
                Wrap::Color => self.style.color == other.style.color,
                _ => true,
            }
    }

    fn without(mut self, wrap: Wrap) -> Self {
        match wrap {
            Wrap::Link => self.link = None,
            Wrap::Color => self.style.color = Color::default(),
            Wrap::Underline => self.style.underline = false,
            Wrap::Strike => self.style.strike = false,
            Wrap::Bold => self.style.bold = false,
            Wrap::Italic => self.style.italic = false,
        }
        self
    }

    fn with_text(&self, text: &str) -> Self {
        Self {
            what: What::Text(text.to_owned()),
            style: self.style,
            link: self.link,
        }
    }
}

/// How often a line is read back to find the form that stays. One time is enough for almost all.
const ROUNDS: usize = 6;

/// Rich text as one line. Line breaks become `<br>`; the ends are trimmed.
///
/// White space that leaves a run of looks can change which run is the longest, so a line is written
/// again from what it reads as until it stays the same: reading and writing is a fixed point.
pub(super) fn write(rich: &Rich, emojis: &Emojis) -> String {
    let mut line = write_once(rich, emojis);
    // Without looks there is nothing that could be written in another way.
    if rich.iter().all(|span| span.style == Style::default()) && !line.contains('_') {
        return line;
    }
    for _ in 0..ROUNDS {
        let again = write_once(&inline_reader::read(&line, emojis), emojis);
        if again == line {
            break;
        }
        line = again;
    }
    line
}

fn write_once(rich: &Rich, emojis: &Emojis) -> String {
    let mut pieces: Vec<Piece<'_>> = Vec::new();
    for span in rich {
        let (what, link) = match &span.kind {
            SpanKind::Text { content, link } => {
                let text = content.replace("\r\n", "\n").replace('\r', "\n");
                if text.is_empty() {
                    continue;
                }
                let link = link.as_deref().filter(|url| !url.is_empty());
                (
                    if span.style.code {
                        What::Code(text)
                    } else {
                        What::Text(text)
                    },
                    link,
                )
            }
            SpanKind::Equation(expression) => match clean_equation(expression) {
                Some(clean) => (What::Equation(clean), None),
                None => continue,
            },
            SpanKind::Mention(mention) => (What::Mention(mention), None),
        };
        let style = Style {
            code: false,
            ..span.style
        };
        if let Some(last) = pieces.last_mut()
            && last.style == style
            && last.link == link
        {
            match (&mut last.what, &what) {
                (What::Text(before), What::Text(text)) | (What::Code(before), What::Code(text)) => {
                    before.push_str(text);
                    continue;
                }
                _ => {}
            }
        }
        pieces.push(Piece { what, style, link });
    }
    let mut plain = String::new();
    emit(&pieces, &mut plain);
    let plain = plain.trim();
    // Underscores are written as they are, unless the reader would take them for emphasis.
    if plain.contains('_') {
        let escaped = escape_underscores(plain);
        if escaped != plain
            && inline_reader::read(plain, emojis) != inline_reader::read(&escaped, emojis)
        {
            return escaped;
        }
    }
    plain.to_owned()
}

fn emit(pieces: &[Piece<'_>], out: &mut String) {
    let mut at = 0;
    while let Some(first) = pieces.get(at) {
        let longest = WRAPS
            .iter()
            .filter(|wrap| first.has(**wrap))
            .map(|wrap| {
                let run = pieces.get(at..).unwrap_or_default();
                (
                    run.iter()
                        .take_while(|piece| first.shares(piece, *wrap))
                        .count(),
                    *wrap,
                )
            })
            .fold(None, |best: Option<(usize, Wrap)>, next| match best {
                Some(best) if best.0 >= next.0 => Some(best),
                _ => Some(next),
            });
        match longest {
            None => {
                emit_bare(first, out);
                at += 1;
            }
            Some((count, wrap)) => {
                let run: Vec<Piece<'_>> = pieces
                    .get(at..at + count)
                    .unwrap_or_default()
                    .iter()
                    .map(|piece| piece.clone().without(wrap))
                    .collect();
                emit_wrapped(wrap, first, run, out);
                at += count;
            }
        }
    }
}

fn emit_wrapped(wrap: Wrap, first: &Piece<'_>, run: Vec<Piece<'_>>, out: &mut String) {
    let around = |open: &str, close: &str, run: &[Piece<'_>], out: &mut String| {
        out.push_str(open);
        emit(run, out);
        out.push_str(close);
    };
    match wrap {
        Wrap::Link => {
            let close = format!("]({})", encode_url(first.link.unwrap_or_default()));
            around("[", &close, &run, out);
        }
        Wrap::Color => {
            let open = format!("<span color=\"{}\">", first.style.color.markdown());
            around(&open, "</span>", &run, out);
        }
        Wrap::Underline => around("<span underline=\"true\">", "</span>", &run, out),
        Wrap::Strike | Wrap::Bold | Wrap::Italic => {
            let mark = match wrap {
                Wrap::Strike => "~~",
                Wrap::Bold => "**",
                _ => "*",
            };
            // A delimiter beside white space is none: white space moves out of the run.
            let (before, inner, after) = hoist(run);
            emit(&before, out);
            if !inner.is_empty() {
                around(mark, mark, &inner, out);
            }
            emit(&after, out);
        }
    }
}

type Run<'a> = Vec<Piece<'a>>;

/// Splits white space off both ends of a run.
fn hoist(run: Run<'_>) -> (Run<'_>, Run<'_>, Run<'_>) {
    let (mut before, mut after) = (Run::new(), Run::new());
    let mut inner = std::collections::VecDeque::from(run);
    while let Some(first) = inner.pop_front() {
        let What::Text(text) = &first.what else {
            inner.push_front(first);
            break;
        };
        let kept = text.trim_start();
        let cut = text.len() - kept.len();
        if cut > 0 {
            before.push(first.with_text(text.get(..cut).unwrap_or_default()));
        }
        if !kept.is_empty() {
            inner.push_front(first.with_text(kept));
            break;
        }
    }
    while let Some(last) = inner.pop_back() {
        let What::Text(text) = &last.what else {
            inner.push_back(last);
            break;
        };
        let kept = text.trim_end();
        if kept.len() < text.len() {
            after.insert(
                0,
                last.with_text(text.get(kept.len()..).unwrap_or_default()),
            );
        }
        if !kept.is_empty() {
            inner.push_back(last.with_text(kept));
            break;
        }
    }
    (before, inner.into(), after)
}

fn emit_bare(piece: &Piece<'_>, out: &mut String) {
    match &piece.what {
        What::Text(text) => {
            for c in text.chars() {
                match c {
                    '\n' => out.push_str("<br>"),
                    c if SPECIAL.contains(c) => {
                        out.push('\\');
                        out.push(c);
                    }
                    c => out.push(c),
                }
            }
        }
        What::Code(code) => out.push_str(&code_span(code)),
        What::Equation(expression) => out.push_str(&format!("$`{expression}`$")),
        What::Mention(mention) => out.push_str(&mention_tag(mention)),
    }
}

/// An expression on one line, without what would end it; `None` when nothing is left.
fn clean_equation(expression: &str) -> Option<String> {
    let mut clean = expression.replace(['\n', '\r'], " ");
    while clean.contains("`$") {
        clean = clean.replace("`$", "$");
    }
    let clean = clean.trim();
    (!clean.is_empty()).then(|| clean.to_owned())
}

fn code_span(code: &str) -> String {
    let code = code.replace('\n', "<br>");
    let mut longest = 0;
    let mut run = 0;
    for c in code.chars() {
        run = if c == '`' { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    let fence = "`".repeat(longest + 1);
    let edges = code.starts_with('`') || code.ends_with('`');
    let spaces = code.starts_with(' ') && code.ends_with(' ') && !code.trim_matches(' ').is_empty();
    if edges || spaces {
        format!("{fence} {code} {fence}")
    } else {
        format!("{fence}{code}{fence}")
    }
}

fn mention_tag(mention: &Mention) -> String {
    match mention {
        Mention::User(id) => format!("<mention-user url=\"user://{id}\"/>"),
        Mention::Page(id) => format!("<mention-page url=\"{}\"/>", address(*id)),
        Mention::Database(id) => format!("<mention-database url=\"{}\"/>", address(*id)),
        Mention::DataSource(id) => format!("<mention-data-source url=\"collection://{id}\"/>"),
        Mention::Agent(id) => format!("<mention-agent url=\"agent://{id}\"/>"),
        Mention::Date(date) => date_tag(date),
        Mention::CustomEmoji { name, .. } => format!(":{name}:"),
        // Neither has a form of its own: they come out as links to what they show.
        Mention::LinkPreview(url) => link(url),
        Mention::Other { value, .. } => {
            match value.get("href").and_then(serde_json::Value::as_str) {
                Some(url) => link(url),
                None => match value.get("template_mention_user") {
                    Some(_) => "@Me".to_owned(),
                    None => "@Today".to_owned(),
                },
            }
        }
    }
}

fn link(url: &str) -> String {
    let mut out = String::new();
    let text = Piece {
        what: What::Text(url.to_owned()),
        style: Style::default(),
        link: None,
    };
    emit_bare(&text, &mut out);
    format!("[{out}]({})", encode_url(url))
}

fn date_tag(date: &DateValue) -> String {
    let mut zone = date.time_zone.clone();
    let mut part = |text: &str| -> (String, Option<String>) {
        // A moment with an offset is written in UTC, for a date tag has no offset.
        let text = match (&zone, chrono::DateTime::parse_from_rfc3339(text)) {
            (None, Ok(time)) => {
                zone = Some("UTC".to_owned());
                stamp(time.with_timezone(&chrono::Utc))
                    .trim_end_matches('Z')
                    .to_owned()
            }
            (Some(z), Ok(time)) if z == "UTC" => stamp(time.with_timezone(&chrono::Utc))
                .trim_end_matches('Z')
                .to_owned(),
            _ => text.to_owned(),
        };
        match text.split_once('T') {
            Some((day, time)) => (day.to_owned(), Some(time.chars().take(5).collect())),
            None => (text, None),
        }
    };
    let (start, start_time) = part(&date.start);
    let end = date.end.as_deref().map(&mut part);
    let mut out = format!("<mention-date start=\"{}\"", super::tag::quote(&start));
    let mut add = |key: &str, value: Option<String>| {
        if let Some(value) = value {
            out.push_str(&format!(" {key}=\"{}\"", super::tag::quote(&value)));
        }
    };
    let (end, end_time) = end.map_or((None, None), |(day, time)| (Some(day), time));
    let timed = start_time.is_some() || end_time.is_some();
    add("end", end);
    add("startTime", start_time);
    add("endTime", end_time);
    add("timeZone", zone.filter(|_| timed));
    out.push_str("/>");
    out
}

/// Puts a backslash before underscores outside code, tags and addresses.
fn escape_underscores(line: &str) -> String {
    let mut out = String::with_capacity(line.len() + 8);
    for (token, text) in inline_reader::pieces(line) {
        if token == inline_reader::PieceKind::Text {
            out.push_str(&text.replace('_', "\\_"));
        } else {
            out.push_str(text);
        }
    }
    out
}
