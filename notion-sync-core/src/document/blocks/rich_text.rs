//! Rich text objects as Notion sends them.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::stable::{Key, push_stable};
use crate::document::model::{
    Annotations, Color, DateMention, Inline, InlineKind, Mention, RichText,
};
use crate::document::reference::{absolute_link, normal_id};

/// One rich text object.
#[derive(Debug, Deserialize)]
pub(super) struct Item<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<Key<'a>>,
    text: Option<TextPart>,
    equation: Option<EquationPart>,
    #[serde(borrow)]
    mention: Option<&'a RawValue>,
    #[serde(borrow)]
    annotations: Option<AnnotationsPart<'a>>,
    #[serde(borrow)]
    href: Option<Key<'a>>,
}

#[derive(Debug, Deserialize)]
struct TextPart {
    content: String,
    link: Option<LinkPart>,
}

#[derive(Debug, Deserialize)]
struct LinkPart {
    url: Option<String>,
}

#[derive(Debug, Deserialize)]
struct EquationPart {
    expression: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct AnnotationsPart<'a> {
    bold: Option<bool>,
    italic: Option<bool>,
    strikethrough: Option<bool>,
    underline: Option<bool>,
    code: Option<bool>,
    #[serde(borrow)]
    color: Option<Key<'a>>,
}

#[derive(Debug, Deserialize)]
struct MentionPart {
    #[serde(rename = "type")]
    kind: Option<String>,
    user: Option<IdPart>,
    page: Option<IdPart>,
    database: Option<IdPart>,
    data_source: Option<IdPart>,
    date: Option<DatePart>,
    custom_emoji: Option<NamePart>,
}

#[derive(Debug, Deserialize)]
struct IdPart {
    id: String,
}

#[derive(Debug, Deserialize)]
struct NamePart {
    name: String,
}

#[derive(Debug, Deserialize)]
struct DatePart {
    start: String,
    end: Option<String>,
    time_zone: Option<String>,
}

/// Reads an array of rich text objects; `None` where one of them is no such object.
pub(super) fn read_rich_text(items: &[&RawValue]) -> Option<RichText> {
    items
        .iter()
        .map(|raw| raw.inline())
        .collect::<Option<_>>()
        .map(RichText)
}

/// What a run can be read from.
pub(super) trait Run {
    /// The run; `None` where it is none, or has to be read from its JSON text.
    fn inline(self) -> Option<Inline>;
}

impl Run for Item<'_> {
    fn inline(self) -> Option<Inline> {
        let annotations = self
            .annotations
            .map(AnnotationsPart::into_annotations)
            .unwrap_or_default();
        let (kind, link) = match (self.text, self.equation, self.mention) {
            (Some(text), _, _) => (
                InlineKind::Text(text.content),
                text.link
                    .and_then(|link| link.url)
                    .or_else(|| self.href.map(|href| href.0.into_owned())),
            ),
            // The `href` of an equation or mention is derived.
            (None, Some(equation), _) => (InlineKind::Equation(equation.expression), None),
            (None, None, Some(mention)) => (InlineKind::Mention(read_mention(mention)), None),
            (None, None, None) => return None,
        };
        Some(Inline {
            kind,
            annotations,
            link: link.map(absolute_link),
        })
    }
}

impl Run for &RawValue {
    fn inline(self) -> Option<Inline> {
        let mut item: Item<'_> = serde_json::from_str(self.get()).ok()?;
        if item.text.is_some() || item.equation.is_some() || item.mention.is_some() {
            return item.inline();
        }
        item.kind.take()?;
        Some(Inline {
            kind: InlineKind::Mention(Mention::Other(stable(self))),
            annotations: item
                .annotations
                .map(AnnotationsPart::into_annotations)
                .unwrap_or_default(),
            link: None,
        })
    }
}

/// A colour by its name; the default one is the empty name, which needs no memory.
pub(super) fn color_of(name: Key<'_>) -> Color {
    if name.0 == "default" {
        Color::default()
    } else {
        Color::new(name.0)
    }
}

fn stable(raw: &RawValue) -> String {
    let mut out = String::new();
    push_stable(&mut out, raw, 0);
    out
}

fn read_mention(raw: &RawValue) -> Mention {
    known_mention(raw).unwrap_or_else(|| Mention::Other(stable(raw)))
}

fn known_mention(raw: &RawValue) -> Option<Mention> {
    let part: MentionPart = serde_json::from_str(raw.get()).ok()?;
    Some(match part.kind.as_deref()? {
        "user" => Mention::User(normal_id(&part.user?.id)),
        "page" => Mention::Page(normal_id(&part.page?.id)),
        "database" => Mention::Database(normal_id(&part.database?.id)),
        "data_source" => Mention::Database(normal_id(&part.data_source?.id)),
        "custom_emoji" => Mention::Emoji(part.custom_emoji?.name),
        "date" => {
            let date = part.date?;
            Mention::Date(Box::new(DateMention {
                start: date.start,
                end: date.end,
                time_zone: date.time_zone,
            }))
        }
        _ => return None,
    })
}

impl AnnotationsPart<'_> {
    fn into_annotations(self) -> Annotations {
        let on = |flag: Option<bool>| flag == Some(true);
        Annotations {
            bold: on(self.bold),
            italic: on(self.italic),
            strikethrough: on(self.strikethrough),
            underline: on(self.underline),
            code: on(self.code),
            color: self.color.map(color_of).unwrap_or_default(),
        }
    }
}
