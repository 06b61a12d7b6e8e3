//! Rich text objects as Notion takes them.

use std::borrow::Cow;

use serde_json::Value;
use serde_json::value::RawValue;

use super::Reason;
use super::json::{Fields, push_string};
use super::rich_text::read_rich_text;
use crate::document::limits::{
    ARRAY_ITEMS, BLOCK_UNITS, EQUATION_UNITS, TEXT_UNITS, is_color, is_text_link, units,
};
use crate::document::model::{Annotations, Inline, InlineKind, Mention, RichText};
use crate::document::reference::as_uuid;

/// What is written of the looks of a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Look<'a> {
    bold: bool,
    italic: bool,
    strikethrough: bool,
    underline: bool,
    code: bool,
    color: Option<&'a str>,
}

/// A run that is ready to be written.
struct Piece<'a> {
    text: Cow<'a, str>,
    /// The fields that say what it is, as JSON without braces. `None` means text, to be split.
    object: Option<String>,
    look: Look<'a>,
    link: Option<&'a str>,
}

/// Appends an array of rich text objects within Notion's limits. Reasons for what had to change go
/// to `notes`.
pub(super) fn push_rich_text(
    out: &mut String,
    text: &RichText,
    notes: &mut Vec<Reason>,
) -> Result<(), Reason> {
    let mut pieces = Vec::with_capacity(text.0.len());
    for inline in &text.0 {
        push_inline(&mut pieces, inline, notes);
    }
    fit(out, pieces, notes)
}

/// Appends literal text, such as code, as an array of rich text objects.
pub(super) fn push_literal(out: &mut String, text: &str) -> Result<(), Reason> {
    let mut pieces = Vec::with_capacity(1);
    push_text(&mut pieces, text.into(), Look::default(), None);
    fit(out, pieces, &mut Vec::new())
}

/// What Notion will hold of a text that is too long or too varied for one block: the text as it
/// comes back after it was written.
pub(crate) fn as_held(text: &RichText) -> Option<RichText> {
    let mut json = String::new();
    push_rich_text(&mut json, text, &mut Vec::new()).ok()?;
    let items: Vec<&RawValue> = serde_json::from_str(&json).ok()?;
    read_rich_text(&items)
}

fn push_inline<'a>(pieces: &mut Vec<Piece<'a>>, inline: &'a Inline, notes: &mut Vec<Reason>) {
    let annotations = &inline.annotations;
    let link = match &inline.link {
        Some(link) if is_text_link(link) => Some(link.as_str()),
        Some(_) => {
            notes.push(Reason::Link);
            None
        }
        None => None,
    };
    let (text, code): (Cow<'a, str>, bool) = match &inline.kind {
        InlineKind::Text(text) => (text.into(), annotations.code),
        InlineKind::Equation(expression) if units(expression) <= EQUATION_UNITS => {
            if link.is_some() {
                notes.push(Reason::Link);
            }
            let mut object = String::from("\"type\":\"equation\",\"equation\":{\"expression\":");
            push_string(&mut object, expression);
            object.push('}');
            pieces.push(Piece {
                text: expression.into(),
                object: Some(object),
                look: look(annotations, annotations.code, notes),
                link: None,
            });
            return;
        }
        InlineKind::Equation(expression) => {
            notes.push(Reason::Expression);
            (expression.into(), true)
        }
        InlineKind::Verbatim(source) => {
            notes.push(Reason::Verbatim);
            (source.into(), true)
        }
        InlineKind::Mention(mention) => {
            if let Some(object) = write_mention(mention) {
                if link.is_some() {
                    notes.push(Reason::Link);
                }
                pieces.push(Piece {
                    text: mention.to_plain().into(),
                    object: Some(format!("\"type\":\"mention\",\"mention\":{object}")),
                    look: look(annotations, annotations.code, notes),
                    link: None,
                });
                return;
            }
            notes.push(Reason::Mention);
            (mention.to_plain().into(), annotations.code)
        }
    };
    let look = look(annotations, code, notes);
    push_text(pieces, text, look, link);
}

fn push_text<'a>(
    pieces: &mut Vec<Piece<'a>>,
    text: Cow<'a, str>,
    look: Look<'a>,
    link: Option<&'a str>,
) {
    if text.is_empty() {
        return;
    }
    if let Some(last) = pieces.last_mut()
        && last.object.is_none()
        && last.look == look
        && last.link == link
    {
        last.text.to_mut().push_str(&text);
        return;
    }
    pieces.push(Piece {
        text,
        object: None,
        look,
        link,
    });
}

/// How many rich text objects a text needs.
fn parts(text: &str) -> usize {
    // A byte is at least as much as a unit.
    if text.len() <= TEXT_UNITS {
        return 1;
    }
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

fn fit(out: &mut String, pieces: Vec<Piece<'_>>, notes: &mut Vec<Reason>) -> Result<(), Reason> {
    let need = |piece: &Piece<'_>| match piece.object {
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
    let mut items = Items { out, count: 0 };
    items.out.push('[');
    let mut rest = String::new();
    for (at, piece) in pieces.into_iter().enumerate() {
        if at >= kept {
            rest.push_str(&piece.text);
        } else if let Some(object) = piece.object {
            items.start();
            items.out.push_str(&object);
            items.end(piece.look);
        } else {
            items.split(&piece.text, piece.look, piece.link);
        }
    }
    if !rest.is_empty() {
        items.split(&rest, Look::default(), None);
    }
    items.out.push(']');
    if items.count > ARRAY_ITEMS {
        return Err(Reason::TooLarge);
    }
    Ok(())
}

/// An array that is being written.
struct Items<'o> {
    out: &'o mut String,
    count: usize,
}

impl Items<'_> {
    fn start(&mut self) {
        self.out.push_str(if self.count > 0 { ",{" } else { "{" });
        self.count += 1;
    }

    fn end(&mut self, look: Look<'_>) {
        if look != Look::default() {
            self.out.push(',');
            let mut fields = Fields::open(self.out, Some("annotations"));
            for (name, on) in [
                ("bold", look.bold),
                ("italic", look.italic),
                ("strikethrough", look.strikethrough),
                ("underline", look.underline),
                ("code", look.code),
            ] {
                if on {
                    fields.raw(name, "true");
                }
            }
            if let Some(color) = look.color {
                fields.text("color", color);
            }
            fields.close();
        }
        self.out.push('}');
    }

    fn split(&mut self, text: &str, look: Look<'_>, link: Option<&str>) {
        if text.len() <= TEXT_UNITS {
            return self.text(text, look, link);
        }
        let mut start = 0;
        let mut length = 0;
        for (at, c) in text.char_indices() {
            let width = c.len_utf16();
            if length + width > TEXT_UNITS {
                self.text(&text[start..at], look, link);
                start = at;
                length = 0;
            }
            length += width;
        }
        self.text(&text[start..], look, link);
    }

    fn text(&mut self, content: &str, look: Look<'_>, link: Option<&str>) {
        self.start();
        self.out
            .push_str("\"type\":\"text\",\"text\":{\"content\":");
        push_string(self.out, content);
        if let Some(url) = link {
            self.out.push_str(",\"link\":{\"url\":");
            push_string(self.out, url);
            self.out.push('}');
        }
        self.out.push('}');
        self.end(look);
    }
}

/// The annotations that are set.
fn look<'a>(annotations: &'a Annotations, code: bool, notes: &mut Vec<Reason>) -> Look<'a> {
    let mut color = None;
    if !annotations.color.is_default() {
        if is_color(annotations.color.name()) {
            color = Some(annotations.color.name());
        } else {
            notes.push(Reason::Color);
        }
    }
    Look {
        bold: annotations.bold,
        italic: annotations.italic,
        strikethrough: annotations.strikethrough,
        underline: annotations.underline,
        code,
        color,
    }
}

/// The mention object, where the API can create it.
fn write_mention(mention: &Mention) -> Option<Value> {
    Some(match mention {
        Mention::User(id) => serde_json::json!({"type": "user", "user": {"id": as_uuid(id)?}}),
        Mention::Page(id) => serde_json::json!({"type": "page", "page": {"id": as_uuid(id)?}}),
        Mention::Database(id) => {
            serde_json::json!({"type": "database", "database": {"id": as_uuid(id)?}})
        }
        Mention::Date(date) => {
            serde_json::json!({"type": "date", "date": {"start": date.start, "end": date.end, "time_zone": date.time_zone}})
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

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn write_literal(text: &str) -> Result<Vec<Value>, Reason> {
        let mut out = String::new();
        push_literal(&mut out, text)?;
        Ok(serde_json::from_str(&out).unwrap())
    }

    fn write_rich_text(text: &RichText, notes: &mut Vec<Reason>) -> Result<Vec<Value>, Reason> {
        let mut out = String::new();
        push_rich_text(&mut out, text, notes)?;
        Ok(serde_json::from_str(&out).unwrap())
    }

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
