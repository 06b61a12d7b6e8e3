//! Rich text objects.

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::Reason;
use super::stable::push_stable;
use crate::document::limits::{
    ARRAY_ITEMS, BLOCK_UNITS, EQUATION_UNITS, TEXT_UNITS, is_color, is_text_link, units,
};
use crate::document::model::{Annotations, Color, Inline, InlineKind, Mention, RichText};
use crate::document::reference::{absolute_link, as_uuid, normal_id};

#[derive(Debug, Deserialize)]
struct Item<'a> {
    #[serde(rename = "type")]
    kind: Option<String>,
    text: Option<TextPart>,
    equation: Option<EquationPart>,
    #[serde(borrow)]
    mention: Option<&'a RawValue>,
    annotations: Option<AnnotationsPart>,
    href: Option<String>,
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
struct AnnotationsPart {
    bold: Option<bool>,
    italic: Option<bool>,
    strikethrough: Option<bool>,
    underline: Option<bool>,
    code: Option<bool>,
    color: Option<String>,
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
        .map(|raw| read_item(raw))
        .collect::<Option<_>>()
        .map(RichText)
}

fn read_item(raw: &RawValue) -> Option<Inline> {
    let item: Item<'_> = serde_json::from_str(raw.get()).ok()?;
    let annotations = item
        .annotations
        .map(AnnotationsPart::into_annotations)
        .unwrap_or_default();
    let (kind, link) = match (item.text, item.equation, item.mention) {
        (Some(text), _, _) => (
            InlineKind::Text(text.content),
            text.link.and_then(|link| link.url).or(item.href),
        ),
        // The `href` of an equation or mention is derived.
        (None, Some(equation), _) => (InlineKind::Equation(equation.expression), None),
        (None, None, Some(mention)) => (InlineKind::Mention(read_mention(mention)), None),
        (None, None, None) => {
            item.kind?;
            (InlineKind::Mention(Mention::Other(stable(raw))), None)
        }
    };
    Some(Inline {
        kind,
        annotations,
        link: link.map(absolute_link),
    })
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
            Mention::Date {
                start: date.start,
                end: date.end,
                time_zone: date.time_zone,
            }
        }
        _ => return None,
    })
}

impl AnnotationsPart {
    fn into_annotations(self) -> Annotations {
        let on = |flag: Option<bool>| flag == Some(true);
        Annotations {
            bold: on(self.bold),
            italic: on(self.italic),
            strikethrough: on(self.strikethrough),
            underline: on(self.underline),
            code: on(self.code),
            color: self.color.map(Color).unwrap_or_default(),
        }
    }
}

/// A run of text that is ready to be split: `None` in `object` means text.
struct Piece {
    text: String,
    object: Option<Value>,
    annotations: Value,
    link: Option<String>,
}

/// Writes rich text objects within Notion's limits. Reasons for what had to change go to `notes`.
pub(super) fn write_rich_text(
    text: &RichText,
    notes: &mut Vec<Reason>,
) -> Result<Vec<Value>, Reason> {
    let mut pieces = Vec::new();
    for inline in &text.0 {
        push_inline(&mut pieces, inline, notes);
    }
    fit(pieces, notes)
}

/// Writes literal text, such as code, as rich text objects.
/// What Notion will hold of a text that is too long or too varied for one block: the text as it
/// comes back after it was written.
pub(crate) fn as_held(text: &RichText) -> Option<RichText> {
    let written = write_rich_text(text, &mut Vec::new()).ok()?;
    let json = serde_json::to_string(&written).ok()?;
    let items: Vec<&RawValue> = serde_json::from_str(&json).ok()?;
    read_rich_text(&items)
}

pub(super) fn write_literal(text: &str) -> Result<Vec<Value>, Reason> {
    let mut pieces = Vec::new();
    push_text(&mut pieces, text, Value::Null, None);
    fit(pieces, &mut Vec::new())
}

fn push_inline(pieces: &mut Vec<Piece>, inline: &Inline, notes: &mut Vec<Reason>) {
    let mut annotations = inline.annotations.clone();
    let link = match &inline.link {
        Some(link) if is_text_link(link) => Some(link.clone()),
        Some(_) => {
            notes.push(Reason::Link);
            None
        }
        None => None,
    };
    let text = match &inline.kind {
        InlineKind::Text(text) => text.clone(),
        InlineKind::Equation(expression) if units(expression) <= EQUATION_UNITS => {
            if link.is_some() {
                notes.push(Reason::Link);
            }
            pieces.push(Piece {
                text: expression.clone(),
                object: Some(json!({"type": "equation", "equation": {"expression": expression}})),
                annotations: write_annotations(&annotations, notes),
                link: None,
            });
            return;
        }
        InlineKind::Equation(expression) => {
            notes.push(Reason::Expression);
            annotations.code = true;
            expression.clone()
        }
        InlineKind::Verbatim(source) => {
            notes.push(Reason::Verbatim);
            annotations.code = true;
            source.clone()
        }
        InlineKind::Mention(mention) => {
            if let Some(object) = write_mention(mention) {
                if link.is_some() {
                    notes.push(Reason::Link);
                }
                pieces.push(Piece {
                    text: mention_text(mention),
                    object: Some(json!({"type": "mention", "mention": object})),
                    annotations: write_annotations(&annotations, notes),
                    link: None,
                });
                return;
            }
            notes.push(Reason::Mention);
            mention_text(mention)
        }
    };
    let annotations = write_annotations(&annotations, notes);
    push_text(pieces, &text, annotations, link);
}

fn push_text(pieces: &mut Vec<Piece>, text: &str, annotations: Value, link: Option<String>) {
    if text.is_empty() {
        return;
    }
    if let Some(last) = pieces.last_mut()
        && last.object.is_none()
        && last.annotations == annotations
        && last.link == link
    {
        last.text.push_str(text);
        return;
    }
    pieces.push(Piece {
        text: text.to_owned(),
        object: None,
        annotations,
        link,
    });
}

/// How many rich text objects a text needs.
fn parts(text: &str) -> usize {
    let mut count = 1;
    let mut length = 0;
    for c in text.chars() {
        let width = c.len_utf16();
        if length + width > TEXT_UNITS {
            count += 1;
            length = 0;
        }
        length += width;
    }
    count
}

fn fit(pieces: Vec<Piece>, notes: &mut Vec<Reason>) -> Result<Vec<Value>, Reason> {
    let need = |piece: &Piece| match piece.object {
        Some(_) => 1,
        None => parts(&piece.text),
    };
    let total: usize = pieces.iter().map(need).sum();
    let mut kept = pieces.len();
    if total > ARRAY_ITEMS {
        // Keep as many leading runs as they are, so that the rest still fits as plain text.
        let mut rest_units = 0usize;
        let mut used = total;
        loop {
            // A part can lose one unit where a surrogate pair does not fit its end.
            let rest_parts = rest_units.div_ceil(TEXT_UNITS - 1);
            if used + usize::from(rest_units > 0) * rest_parts <= ARRAY_ITEMS {
                break;
            }
            let Some(at) = kept.checked_sub(1) else {
                return Err(Reason::TooLarge);
            };
            kept = at;
            used -= need(&pieces[at]);
            rest_units += units(&pieces[at].text);
            if rest_units > BLOCK_UNITS {
                return Err(Reason::TooLarge);
            }
        }
        notes.push(Reason::Runs);
    }
    let mut out = Vec::with_capacity(total.min(ARRAY_ITEMS));
    let mut rest = String::new();
    for (at, piece) in pieces.into_iter().enumerate() {
        if at >= kept {
            rest.push_str(&piece.text);
        } else if let Some(mut object) = piece.object {
            annotate(&mut object, &piece.annotations);
            out.push(object);
        } else {
            split_text(
                &mut out,
                &piece.text,
                &piece.annotations,
                piece.link.as_deref(),
            );
        }
    }
    if !rest.is_empty() {
        split_text(&mut out, &rest, &Value::Null, None);
    }
    if out.len() > ARRAY_ITEMS {
        return Err(Reason::TooLarge);
    }
    Ok(out)
}

fn split_text(out: &mut Vec<Value>, text: &str, annotations: &Value, link: Option<&str>) {
    let mut start = 0;
    let mut length = 0;
    for (at, c) in text.char_indices() {
        let width = c.len_utf16();
        if length + width > TEXT_UNITS {
            out.push(text_object(&text[start..at], annotations, link));
            start = at;
            length = 0;
        }
        length += width;
    }
    out.push(text_object(&text[start..], annotations, link));
}

fn text_object(content: &str, annotations: &Value, link: Option<&str>) -> Value {
    let mut object = match link {
        Some(url) => json!({"type": "text", "text": {"content": content, "link": {"url": url}}}),
        None => json!({"type": "text", "text": {"content": content}}),
    };
    annotate(&mut object, annotations);
    object
}

fn annotate(object: &mut Value, annotations: &Value) {
    if let (Value::Object(fields), Value::Object(_)) = (object, annotations) {
        fields.insert("annotations".to_owned(), annotations.clone());
    }
}

/// The annotations that are set, `Null` where none is.
fn write_annotations(annotations: &Annotations, notes: &mut Vec<Reason>) -> Value {
    let mut out = Map::new();
    for (name, on) in [
        ("bold", annotations.bold),
        ("italic", annotations.italic),
        ("strikethrough", annotations.strikethrough),
        ("underline", annotations.underline),
        ("code", annotations.code),
    ] {
        if on {
            out.insert(name.to_owned(), Value::Bool(true));
        }
    }
    if !annotations.color.is_default() {
        if is_color(&annotations.color.0) {
            out.insert("color".to_owned(), json!(annotations.color.0));
        } else {
            notes.push(Reason::Color);
        }
    }
    if out.is_empty() {
        Value::Null
    } else {
        Value::Object(out)
    }
}

/// The mention object, where the API can create it.
fn write_mention(mention: &Mention) -> Option<Value> {
    Some(match mention {
        Mention::User(id) => json!({"type": "user", "user": {"id": as_uuid(id)?}}),
        Mention::Page(id) => json!({"type": "page", "page": {"id": as_uuid(id)?}}),
        Mention::Database(id) => json!({"type": "database", "database": {"id": as_uuid(id)?}}),
        Mention::Date {
            start,
            end,
            time_zone,
        } => {
            json!({"type": "date", "date": {"start": start, "end": end, "time_zone": time_zone}})
        }
        // Custom emoji are created by id; only their name is known.
        Mention::Emoji(_) => return None,
        Mention::Other(raw) => {
            let object: Value = serde_json::from_str(raw).ok()?;
            if object.get("type").and_then(Value::as_str) != Some("template_mention") {
                return None;
            }
            object
        }
    })
}

/// What a reader sees of a mention that cannot be created.
fn mention_text(mention: &Mention) -> String {
    match mention {
        Mention::User(id) | Mention::Page(id) | Mention::Database(id) => format!("@{id}"),
        Mention::Date { start, end, .. } => match end {
            Some(end) => format!("{start} → {end}"),
            None => start.clone(),
        },
        Mention::Emoji(name) => format!(":{name}:"),
        Mention::Other(raw) => {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(items: &[Value]) -> Vec<usize> {
        items
            .iter()
            .map(|item| units(item["text"]["content"].as_str().unwrap()))
            .collect()
    }

    #[test]
    fn long_text_is_split_by_utf16_units() {
        for (text, wanted) in [
            ("x".repeat(2000), vec![2000]),
            ("x".repeat(2001), vec![2000, 1]),
            ("é".repeat(4000), vec![2000, 2000]),
            (format!("x{}", "😀".repeat(1000)), vec![1999, 2]),
        ] {
            assert_eq!(texts(&write_literal(&text).unwrap()), wanted);
        }
        assert_eq!(write_literal(&"x".repeat(200_000)).unwrap().len(), 100);
        assert_eq!(write_literal(&"x".repeat(200_001)), Err(Reason::TooLarge));
        assert_eq!(write_literal("").unwrap(), Vec::<Value>::new());
    }

    #[test]
    fn too_many_runs_lose_formatting_at_the_end_only() {
        let run = |at: usize| Inline {
            annotations: Annotations {
                bold: at.is_multiple_of(2),
                ..Annotations::default()
            },
            ..Inline::text(format!("{at} "))
        };
        let text = RichText((0..150).map(run).collect());
        let mut notes = Vec::new();
        let items = write_rich_text(&text, &mut notes).unwrap();
        assert_eq!((items.len(), notes), (100, vec![Reason::Runs]));
        let all: String = items
            .iter()
            .map(|item| item["text"]["content"].as_str().unwrap())
            .collect();
        assert_eq!(all, text.to_plain());
        let exact = RichText(text.0[..100].to_vec());
        let mut notes = Vec::new();
        assert_eq!(write_rich_text(&exact, &mut notes).unwrap().len(), 100);
        assert_eq!(notes, []);
    }
}
