//! The little HTML that is read as formatting.

use crate::document::{Annotations, Color, Inline, InlineKind, RichText, split_title, with_title};

/// Most bytes of a colour's name: every run of the text gets a copy of it.
const COLOR: usize = 100;

/// Most bytes of copied link targets for each byte of a summary.
const COPIES: usize = 64;

/// What an inline tag means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum InlineTag {
    Underline,
    Bold,
    Italic,
    Strike,
    Code,
    /// A span with a colour, underlined or not.
    Color(String, bool),
    Break,
    /// A span that carries a whole run as data; what stands between its tags is for people.
    Inline(Inline),
}

impl InlineTag {
    /// Adds the formatting.
    pub(crate) fn apply(&self, annotations: &mut Annotations) {
        match self {
            Self::Underline => annotations.underline = true,
            Self::Bold => annotations.bold = true,
            Self::Italic => annotations.italic = true,
            Self::Strike => annotations.strikethrough = true,
            Self::Code => annotations.code = true,
            Self::Color(color, underline) => {
                annotations.underline |= underline;
                // The innermost colour counts, and it was applied first.
                if annotations.color.is_default() && !color.is_empty() {
                    annotations.color = Color::new(color.as_str());
                }
            }
            Self::Break | Self::Inline(_) => {}
        }
    }
}

/// Reads a tag: its name, whether it closes, and what it means (`None` for a form that has to stay
/// source text). `None` for tags that are never formatting, comments and everything else.
pub(crate) fn inline_tag(html: &str) -> Option<(String, bool, Option<InlineTag>)> {
    let body = html.strip_prefix('<')?.strip_suffix('>')?;
    let (body, closing) = match body.strip_prefix('/') {
        Some(body) => (body, true),
        None => (body, false),
    };
    let len = body
        .find(|c: char| !c.is_ascii_alphanumeric())
        .unwrap_or(body.len());
    let name = body[..len].to_ascii_lowercase();
    let rest = body[len..].trim();
    let plain = rest.is_empty();
    let tag = match name.as_str() {
        "br" if !closing && (plain || rest == "/") => Some(InlineTag::Break),
        "br" => return None,
        "u" => plain.then_some(InlineTag::Underline),
        "strong" => plain.then_some(InlineTag::Bold),
        "em" => plain.then_some(InlineTag::Italic),
        "del" => plain.then_some(InlineTag::Strike),
        "code" => plain.then_some(InlineTag::Code),
        "span" => span(rest),
        _ => return None,
    };
    if closing && !plain {
        return None;
    }
    Some((name, closing, tag))
}

fn span(rest: &str) -> Option<InlineTag> {
    let attributes = attributes(rest)?;
    match &attributes[..] {
        [("data-notion-sync", json)] => serde_json::from_str(json).ok().map(InlineTag::Inline),
        [("color", color)] if !color.is_empty() && color.len() <= COLOR => {
            Some(InlineTag::Color(unescape(color), false))
        }
        [("underline", "true")] => Some(InlineTag::Underline),
        [("underline", "true"), ("color", color)] | [("color", color), ("underline", "true")]
            if color.len() <= COLOR =>
        {
            Some(InlineTag::Color(unescape(color), true))
        }
        _ => None,
    }
}

/// Attributes with quoted values, in order.
pub(crate) fn attributes(mut rest: &str) -> Option<Vec<(&str, &str)>> {
    let mut out = Vec::new();
    loop {
        rest = rest.trim_start();
        if rest.is_empty() {
            return Some(out);
        }
        if out.len() == 8 {
            return None;
        }
        let len = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '-'))?;
        let name = &rest[..len];
        let value = rest[len..].trim_start().strip_prefix('=')?.trim_start();
        let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
        let value = &value[1..];
        let end = value.find(quote)?;
        if name.is_empty() {
            return None;
        }
        out.push((name, &value[..end]));
        rest = &value[end + 1..];
    }
}

/// Escapes text for HTML.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            _ => out.push(c),
        }
    }
    out
}

/// Replaces entities. Unknown ones stay.
pub(crate) fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let decoded = rest
            .char_indices()
            .take(33)
            .find(|(_, c)| *c == ';')
            .and_then(|(end, _)| Some((end, entity(&rest[1..end])?)));
        match decoded {
            Some((end, text)) => {
                out.push_str(&text);
                rest = &rest[end + 1..];
            }
            None => {
                out.push('&');
                rest = &rest[1..];
            }
        }
    }
    out.push_str(rest);
    out
}

fn entity(name: &str) -> Option<String> {
    if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'#') {
        return None;
    }
    // The table of names is the Markdown parser's.
    let source = format!("&{name};");
    let mut events = pulldown_cmark::Parser::new(&source);
    events.next()?;
    match events.next()? {
        pulldown_cmark::Event::Text(text) if *text != *source => Some(text.into_string()),
        _ => None,
    }
}

/// Reads the content of a `<summary>`: text with the tags of formatting. `None` where there is
/// anything else in it.
pub(crate) fn read_rich_text(html: &str) -> Option<RichText> {
    let mut out: Vec<Inline> = Vec::new();
    let mut open: Vec<(String, InlineTag)> = Vec::new();
    let mut link: Option<String> = None;
    let mut copied = 0;
    let mut rest = html;
    while !rest.is_empty() {
        // Every run of a link gets a copy of its target.
        copied += link.as_ref().map_or(0, String::len);
        if copied > COPIES * html.len() {
            return None;
        }
        if let Some(tag) = rest.strip_prefix('<') {
            if rest.starts_with("<!--") {
                let end = rest.find("-->")? + 3;
                out.push(run(
                    InlineKind::Verbatim(rest[..end].to_owned()),
                    &open,
                    &link,
                ));
                rest = &rest[end..];
                continue;
            }
            let end = tag_end(tag)?;
            let source = &rest[..end + 2];
            rest = &tag[end + 1..];
            if let Some(url) = source.strip_prefix("<a ") {
                match &attributes(url.strip_suffix('>')?)?[..] {
                    [("href", url)] if link.is_none() => link = Some(unescape(url)),
                    [("href", url), ("title", title)] if link.is_none() => {
                        link = Some(with_title(&unescape(url), &unescape(title)));
                    }
                    _ => return None,
                }
                continue;
            }
            if source == "</a>" {
                link.take()?;
                continue;
            }
            let (name, closing, tag) = inline_tag(source)?;
            if closing {
                if open.pop()?.0 != name {
                    return None;
                }
                continue;
            }
            match tag? {
                InlineTag::Break => out.push(run(InlineKind::Text("\n".to_owned()), &open, &link)),
                InlineTag::Inline(inline) => {
                    out.push(inline);
                    rest = &rest[rest.find("</span>")? + "</span>".len()..];
                }
                tag if open.len() < 16 => open.push((name, tag)),
                _ => return None,
            }
        } else {
            let end = rest.find('<').unwrap_or(rest.len());
            // HTML shows a run of white space as one space.
            let text = unescape(&collapse(&rest[..end]));
            out.push(run(InlineKind::Text(text), &open, &link));
            rest = &rest[end..];
        }
    }
    (open.is_empty() && link.is_none()).then_some(RichText(out))
}

fn collapse(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '\n' | '\r' | '\t' | ' ') {
            if !out.ends_with(' ') {
                out.push(' ');
            }
        } else {
            out.push(c);
        }
    }
    out
}

/// The end of a tag, quotes observed. Takes what stands behind the `<`.
pub(crate) fn tag_end(tag: &str) -> Option<usize> {
    let mut quote = None;
    for (at, b) in tag.bytes().enumerate() {
        match (quote, b) {
            (None, b'>') => return Some(at),
            (None, b'"' | b'\'') => quote = Some(b),
            (Some(q), b) if q == b => quote = None,
            _ => {}
        }
    }
    None
}

fn run(kind: InlineKind, open: &[(String, InlineTag)], link: &Option<String>) -> Inline {
    let mut annotations = Annotations::default();
    for (_, tag) in open.iter().rev() {
        tag.apply(&mut annotations);
    }
    Inline {
        kind,
        annotations,
        link: link.clone(),
    }
}

/// Writes rich text for a `<summary>`.
pub(crate) fn write_rich_text(text: &RichText, explicit: impl Fn(&Inline) -> String) -> String {
    let mut out = String::new();
    for inline in &text.0 {
        let InlineKind::Text(content) = &inline.kind else {
            match &inline.kind {
                InlineKind::Verbatim(comment) if comment.starts_with("<!-- notion-sync:style ") => {
                    out.push_str(comment);
                }
                _ => out.push_str(&explicit(inline)),
            }
            continue;
        };
        let a = &inline.annotations;
        let mut close = Vec::new();
        let mut tag = |open: String, end: &'static str| {
            out.push_str(&open);
            close.push(end);
        };
        if let Some(url) = &inline.link {
            let open = match split_title(url) {
                (url, Some(title)) => {
                    format!("<a href=\"{}\" title=\"{}\">", escape(url), escape(&title))
                }
                (url, None) => format!("<a href=\"{}\">", escape(url)),
            };
            tag(open, "</a>");
        }
        if !a.color.is_default() {
            tag(
                format!("<span color=\"{}\">", escape(a.color.name())),
                "</span>",
            );
        }
        for (set, open, end) in [
            (a.underline, "<u>", "</u>"),
            (a.bold, "<strong>", "</strong>"),
            (a.italic, "<em>", "</em>"),
            (a.strikethrough, "<del>", "</del>"),
            (a.code, "<code>", "</code>"),
        ] {
            if set {
                tag(open.to_owned(), end);
            }
        }
        out.push_str(&escape_text(content));
        for end in close.iter().rev() {
            out.push_str(end);
        }
    }
    out
}

/// Text where white space counts: only single spaces between other characters stay as they are.
pub(crate) fn escape_text(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut space = true;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\n' => out.push_str("<br>"),
            ' ' if space || chars.peek().is_none_or(|next| next.is_whitespace()) => {
                out.push_str("&#32;");
            }
            ' ' => out.push(' '),
            '<' | '>' | '&' | '"' | '\'' => out.push_str(&escape(&c.to_string())),
            c if c.is_whitespace() || c.is_control() => {
                out.push_str(&format!("&#{};", u32::from(c)));
            }
            c => out.push(c),
        }
        space = c.is_whitespace();
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summaries() {
        let read = |html: &str| read_rich_text(html).map(|text| text.canonical());
        assert_eq!(read("a &amp; b\n c"), Some(RichText::plain("a & b c")));
        assert_eq!(read("<b>x</b>"), None);
        assert_eq!(read("<em>x"), None);
        let text = read("<a href=\"/u\"><em>x</em></a>&nbsp;<code>y</code>").unwrap();
        assert_eq!(text.0.len(), 3);
        assert_eq!(text.0[0].link.as_deref(), Some("/u"));
        assert!(text.0[0].annotations.italic && text.0[2].annotations.code);
        let written = write_rich_text(&text, |_| String::new());
        assert_eq!(read(&written), Some(text));
    }

    #[test]
    fn entities() {
        assert_eq!(unescape("&lt;&copy;&#65;&x;&&amp"), "<©A&x;&&amp");
    }
}
