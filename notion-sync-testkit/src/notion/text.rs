//! Rich text: spans of text, mentions and equations with their styles.

use serde_json::Value;

use super::id::NotionId;

/// A line of rich text.
pub(crate) type Rich = Vec<Span>;

/// One piece of rich text.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Span {
    pub(crate) kind: SpanKind,
    pub(crate) style: Style,
}

/// What a span shows.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum SpanKind {
    Text {
        content: String,
        link: Option<String>,
    },
    Equation(String),
    Mention(Mention),
}

/// What a mention points at.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Mention {
    User(NotionId),
    Page(NotionId),
    Database(NotionId),
    DataSource(NotionId),
    Agent(NotionId),
    Date(DateValue),
    CustomEmoji {
        id: NotionId,
        name: String,
    },
    LinkPreview(String),
    /// `template_mention`, `link_mention` and whatever comes later: the type and its object.
    Other {
        kind: String,
        value: Value,
    },
}

/// A date or a range, with the texts people or programs gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DateValue {
    pub(crate) start: String,
    pub(crate) end: Option<String>,
    pub(crate) time_zone: Option<String>,
}

/// How a span looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[allow(clippy::struct_excessive_bools)]
pub(crate) struct Style {
    pub(crate) bold: bool,
    pub(crate) italic: bool,
    pub(crate) strike: bool,
    pub(crate) underline: bool,
    pub(crate) code: bool,
    pub(crate) color: Color,
}

/// `default`, one of nine colours, or one of nine background colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Color(u8);

const HUES: [&str; 9] = [
    "gray", "brown", "orange", "yellow", "green", "blue", "purple", "pink", "red",
];

impl Color {
    pub(crate) fn is_default(self) -> bool {
        self.0 == 0
    }

    fn find(text: &str, suffix: &str) -> Option<Self> {
        if text == "default" || text == "default_background" {
            return Some(Self(0));
        }
        let (name, background) = match text.strip_suffix(suffix) {
            Some(name) => (name, 9),
            None => (text, 0),
        };
        let index = HUES.iter().position(|hue| *hue == name)?;
        u8::try_from(index + 1 + background).ok().map(Self)
    }

    /// From the name in block JSON.
    pub(crate) fn from_api(text: &str) -> Option<Self> {
        Self::find(text, "_background")
    }

    /// From the name in Markdown; block JSON's names are understood too.
    pub(crate) fn from_markdown(text: &str) -> Option<Self> {
        Self::find(text, "_bg").or_else(|| Self::from_api(text))
    }

    fn hue(self) -> &'static str {
        HUES.get((usize::from(self.0) + 8) % 9)
            .copied()
            .unwrap_or("gray")
    }

    /// The name in block JSON.
    pub(crate) fn api(self) -> String {
        match self.0 {
            0 => "default".to_owned(),
            1..=9 => self.hue().to_owned(),
            _ => format!("{}_background", self.hue()),
        }
    }

    /// The name in Markdown.
    pub(crate) fn markdown(self) -> String {
        match self.0 {
            0 => "default".to_owned(),
            1..=9 => self.hue().to_owned(),
            _ => format!("{}_bg", self.hue()),
        }
    }
}

impl Span {
    /// Unstyled text.
    pub(crate) fn plain(content: impl Into<String>) -> Self {
        Self {
            kind: SpanKind::Text {
                content: content.into(),
                link: None,
            },
            style: Style::default(),
        }
    }
}

/// A rich text of one unstyled span, or of none for the empty text.
pub(crate) fn plain(text: &str) -> Rich {
    let mut rich = Rich::new();
    // The service never stores more than 2,000 characters in one span.
    let mut piece = String::new();
    let mut units = 0;
    for c in text.chars() {
        if units + c.len_utf16() > 2000 {
            rich.push(Span::plain(std::mem::take(&mut piece)));
            units = 0;
        }
        units += c.len_utf16();
        piece.push(c);
    }
    if !piece.is_empty() {
        rich.push(Span::plain(piece));
    }
    rich
}

/// The text of a date as a mention or a filter shows it.
impl DateValue {
    pub(crate) fn shown(&self) -> String {
        match &self.end {
            Some(end) => format!("{} → {end}", self.start),
            None => self.start.clone(),
        }
    }
}

/// Joins neighbours of one look, drops empty spans, splits what is longer than 2,000 characters:
/// the form in which the service stores text.
pub(crate) fn tidy(rich: Rich) -> Rich {
    let mut merged: Rich = Vec::with_capacity(rich.len());
    for span in rich {
        let SpanKind::Text { content, link } = &span.kind else {
            merged.push(span);
            continue;
        };
        if content.is_empty() {
            continue;
        }
        if let Some(last) = merged.last_mut()
            && last.style == span.style
            && let SpanKind::Text {
                content: before,
                link: same,
            } = &mut last.kind
            && same == link
        {
            before.push_str(content);
            continue;
        }
        merged.push(span);
    }
    let mut out: Rich = Vec::with_capacity(merged.len());
    for span in merged {
        match &span.kind {
            SpanKind::Text { content, link } if content.len() > 2000 => {
                for part in plain(content) {
                    let SpanKind::Text { content, .. } = part.kind else {
                        continue;
                    };
                    out.push(Span {
                        kind: SpanKind::Text {
                            content,
                            link: link.clone(),
                        },
                        style: span.style,
                    });
                }
            }
            _ => out.push(span),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_have_two_spellings() {
        for n in 0..=18u8 {
            let color = Color(n);
            assert_eq!(Color::from_api(&color.api()), Some(color));
            assert_eq!(Color::from_markdown(&color.markdown()), Some(color));
        }
        assert_eq!(
            Color::from_api("blue_background")
                .map(Color::markdown)
                .as_deref(),
            Some("blue_bg")
        );
        assert_eq!(Color::from_api("blue_bg"), None);
        assert_eq!(Color::from_api("mauve"), None);
    }

    #[test]
    fn long_text_is_stored_in_pieces() {
        let rich = tidy(vec![
            Span::plain("é".repeat(3000)),
            Span::plain("x".repeat(1500)),
        ]);
        let lengths: Vec<usize> = rich
            .iter()
            .map(|span| match &span.kind {
                SpanKind::Text { content, .. } => content.chars().count(),
                _ => 0,
            })
            .collect();
        assert_eq!(lengths, [2000, 2000, 500]);
    }
}
