//! Text with formatting.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

/// A colour by Notion's name: `default`, `red`, `red_background`, …
///
/// The empty name says the same as `default`, and is equal to it: every run of text has a colour,
/// and nearly none has another than this one, so it must not cost an allocation, nor more room than
/// that for one pointer.
#[derive(Clone, Default)]
pub struct Color(Option<Box<Name>>);

/// The name of a colour, not empty.
#[derive(Clone)]
struct Name(Box<str>);

impl Color {
    /// The colour of this name.
    ///
    /// # Examples
    ///
    /// ```
    /// use notion_sync_core::document::Color;
    ///
    /// assert_eq!(Color::new("red").name(), "red");
    /// assert_eq!(Color::new(""), Color::default());
    /// assert_eq!(Color::default().name(), "default");
    /// ```
    #[must_use]
    pub fn new(name: impl Into<Box<str>>) -> Self {
        let name = name.into();
        Self((!name.is_empty()).then(|| Box::new(Name(name))))
    }

    /// Its name, `default` where none was chosen.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.as_ref().map_or("default", |name| &name.0)
    }

    /// Whether no colour was chosen.
    #[must_use]
    pub fn is_default(&self) -> bool {
        self.name() == "default"
    }
}

impl Serialize for Color {
    /// As it was said: the empty name as that.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.as_ref().map_or("", |name| &name.0))
    }
}

impl<'de> Deserialize<'de> for Color {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}

impl fmt::Debug for Color {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Color").field(&self.name()).finish()
    }
}

impl PartialEq for Color {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

impl Eq for Color {}

impl Hash for Color {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name().hash(state);
    }
}

impl PartialOrd for Color {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Color {
    fn cmp(&self, other: &Self) -> Ordering {
        self.name().cmp(other.name())
    }
}

/// Text with formatting: a list of runs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RichText(pub Vec<Inline>);

/// One run.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Inline {
    /// What it is.
    pub kind: InlineKind,
    /// How it looks.
    #[serde(default, skip_serializing_if = "Annotations::is_plain")]
    pub annotations: Annotations,
    /// Where it leads. Absolute, or relative to the file in a repository. The title of a link stands
    /// in it: see [`with_title`](super::with_title).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
}

/// What a run is.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InlineKind {
    /// Text. `\n` is a hard line break; soft breaks of Markdown are a space.
    Text(String),
    /// An inline equation in TeX.
    Equation(String),
    /// A mention.
    Mention(Mention),
    /// Inline Markdown that Notion has no form for (raw HTML, footnote references, inline images),
    /// byte for byte. In a page it travels as its source text with the marker of the dialect.
    Verbatim(String),
}

/// Whom or what a run mentions. Ids only: names change and are not content.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mention {
    /// A person.
    User(String),
    /// A page.
    Page(String),
    /// A database or data source.
    Database(String),
    /// A date. Boxed: it is rare, and would make every run of text larger by a third.
    Date(Box<DateMention>),
    /// A custom emoji by name.
    Emoji(String),
    /// Any other mention, as JSON text.
    Other(String),
}

/// A date or a range of dates, as Notion writes it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct DateMention {
    /// Start: a date or an instant.
    pub start: String,
    /// End, if it is a range.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<String>,
    /// Time zone, if given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
}

impl Mention {
    /// What a reader sees of it, without a name.
    #[must_use]
    pub fn to_plain(&self) -> String {
        match self {
            Self::User(id) | Self::Page(id) | Self::Database(id) => format!("@{id}"),
            Self::Date(date) => match &date.end {
                Some(end) => format!("{} → {end}", date.start),
                None => date.start.clone(),
            },
            Self::Emoji(name) => format!(":{name}:"),
            Self::Other(raw) => {
                let object: Option<Value> = serde_json::from_str(raw).ok();
                object
                    .as_ref()
                    .and_then(|object| {
                        let kind = object.get("type")?.as_str()?;
                        let inner = object.get(kind)?;
                        inner.get("href").or_else(|| inner.get("url"))?.as_str()
                    })
                    .unwrap_or("@")
                    .to_owned()
            }
        }
    }
}

/// How a run looks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Annotations {
    /// Bold.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub bold: bool,
    /// Italic.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub italic: bool,
    /// Struck through.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub strikethrough: bool,
    /// Underlined.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub underline: bool,
    /// Code.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub code: bool,
    /// Colour.
    #[serde(default, skip_serializing_if = "Color::is_default")]
    pub color: Color,
}

impl Hash for Annotations {
    /// Nearly every run is plain: one number says so.
    fn hash<H: Hasher>(&self, state: &mut H) {
        let flags = [
            self.bold,
            self.italic,
            self.strikethrough,
            self.underline,
            self.code,
            !self.color.is_default(),
        ];
        let bits = flags
            .iter()
            .fold(0_u8, |bits, flag| bits << 1 | u8::from(*flag));
        state.write_u8(bits);
        if !self.color.is_default() {
            self.color.hash(state);
        }
    }
}

impl Annotations {
    /// Whether nothing is set.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        !(self.bold || self.italic || self.strikethrough || self.underline || self.code)
            && self.color.is_default()
    }
}

impl RichText {
    /// Plain text in one run; empty text has no run.
    #[must_use]
    pub fn plain(text: impl Into<String>) -> Self {
        let text = text.into();
        if text.is_empty() {
            Self::default()
        } else {
            Self(vec![Inline::text(text)])
        }
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The text without formatting.
    #[must_use]
    pub fn to_plain(&self) -> String {
        let mut out = String::new();
        for inline in &self.0 {
            match &inline.kind {
                InlineKind::Text(text)
                | InlineKind::Equation(text)
                | InlineKind::Verbatim(text) => {
                    out.push_str(text);
                }
                InlineKind::Mention(mention) => out.push_str(&mention.to_plain()),
            }
        }
        out
    }
}

impl Inline {
    /// A plain run of text.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Self {
            kind: InlineKind::Text(text.into()),
            annotations: Annotations::default(),
            link: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Annotations, Color, DateMention, Inline, InlineKind, Mention, RichText};

    #[test]
    fn colours_are_their_names() {
        let json = |color: &Color| serde_json::to_string(color).unwrap();
        for (name, said) in [("", ""), ("default", "default"), ("red", "red")] {
            let color = Color::new(name);
            assert_eq!(json(&color), format!("\"{said}\""));
            let read: Color = serde_json::from_str(&json(&color)).unwrap();
            assert_eq!((&read, json(&read)), (&color, json(&color)));
            let default = said != "red";
            assert_eq!(color.is_default(), default);
            assert_eq!(color == Color::default(), default);
            assert_eq!(color.name(), if default { "default" } else { "red" });
            assert_eq!(format!("{color:?}"), format!("Color({:?})", color.name()));
        }
        assert!(Color::new("blue") < Color::default() && Color::default() < Color::new("red"));
    }

    #[test]
    fn a_run_takes_no_more_room_than_is_known() {
        assert!(size_of::<Annotations>() <= 16);
        assert!(size_of::<Inline>() <= 72);
    }

    #[test]
    fn plain_text_shows_mentions_as_people_read_them() {
        let run = |mention| Inline {
            kind: InlineKind::Mention(mention),
            ..Inline::text("")
        };
        let date = |end: Option<&str>| {
            Mention::Date(Box::new(DateMention {
                start: "2026-11-21".to_owned(),
                end: end.map(str::to_owned),
                time_zone: None,
            }))
        };
        let text = RichText(vec![
            Inline::text("Due "),
            run(date(None)),
            Inline::text(", "),
            run(date(Some("2026-11-22"))),
            run(Mention::Emoji("party".to_owned())),
        ]);
        assert_eq!(
            text.to_plain(),
            "Due 2026-11-21, 2026-11-21 → 2026-11-22:party:"
        );
    }
}
