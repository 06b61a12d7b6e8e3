//! TOML, with the spans of its reader.

use toml_edit::{Document, Item};

use super::{Entry, FrontMatterError, Value, key_in, line_of, lines};
use crate::document::Span;

/// Reads the top-level keys. Tables are [`Value::Nested`].
pub(super) fn entries(source: &str, body: Span) -> Result<Vec<Entry>, FrontMatterError> {
    let text = &source[body.start..body.end];
    let document = Document::parse(text).map_err(|error| {
        let at = body.start + error.span().map_or(0, |span| span.start);
        let reason = error.message().to_owned();
        let line = line_of(source, at);
        if reason.contains("duplicate") {
            let key = key_in(source, line);
            FrontMatterError::DuplicateKey { line, key }
        } else {
            FrontMatterError::Broken { line, reason }
        }
    })?;
    let mut out = Vec::new();
    let table = document.as_table();
    for (key, item) in table.iter() {
        let key_span = table.key(key).and_then(|key| key.span());
        let value = match item {
            Item::Value(value) if !value.is_inline_table() => read(value, text),
            _ => Value::Nested(String::new()),
        };
        let (Some(key_span), Some(span)) = (key_span, item.span()) else {
            // A dotted key or a table without a header of its own has no bytes of its own.
            out.push(Entry {
                key: key.to_owned(),
                span: Span {
                    start: body.end,
                    end: body.end,
                },
                value_span: Span {
                    start: body.end,
                    end: body.end,
                },
                value: Value::Nested(String::new()),
            });
            continue;
        };
        let value_span = Span {
            start: body.start + span.start,
            end: body.start + span.end,
        };
        let value = match value {
            Value::Nested(_) => Value::Nested(text[span.clone()].to_owned()),
            value => value,
        };
        let start = text[..key_span.start].rfind('\n').map_or(0, |at| at + 1);
        out.push(Entry {
            key: key.to_owned(),
            span: Span {
                start: body.start + start,
                end: value_span.end,
            },
            value_span,
            value,
        });
    }
    out.sort_by_key(|entry| entry.span.start);
    Ok(out)
}

fn read(value: &toml_edit::Value, text: &str) -> Value {
    match value {
        toml_edit::Value::String(string) => Value::Text(string.value().clone()),
        toml_edit::Value::Boolean(value) => Value::Bool(*value.value()),
        toml_edit::Value::Array(array) => {
            Value::List(array.iter().map(|item| read(item, text)).collect())
        }
        other => {
            let source = other
                .span()
                .and_then(|span| text.get(span))
                .unwrap_or_default()
                .to_owned();
            match other {
                toml_edit::Value::InlineTable(_) => Value::Nested(source),
                _ => Value::Text(source),
            }
        }
    }
}

/// Whether a text is a number or date of TOML.
pub(super) fn is_literal(text: &str) -> bool {
    text.parse::<toml_edit::Value>()
        .is_ok_and(|value| value.is_integer() || value.is_float() || value.is_datetime())
        && !text.contains(['\n', '#', ' '])
        || text.parse::<toml_edit::Datetime>().is_ok()
}

/// A value on one line.
pub(super) fn inline(value: &Value, keep_literal: bool) -> Option<String> {
    Some(match value {
        Value::Bool(value) => value.to_string(),
        Value::Text(text) if keep_literal && is_literal(text) => text.clone(),
        Value::Text(text) => string(text),
        Value::Literal(text) if is_literal(text) => text.clone(),
        Value::Null | Value::Literal(_) | Value::Nested(_) => return None,
        Value::List(items) => {
            let items: Option<Vec<String>> = items
                .iter()
                .map(|item| inline(item, keep_literal))
                .collect();
            format!("[{}]", items?.join(", "))
        }
    })
}

fn string(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            c if c.is_control() => out.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// A key, quoted where it has to be.
pub(super) fn key(key: &str) -> String {
    let bare = !key.is_empty()
        && key
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    if bare { key.to_owned() } else { string(key) }
}

/// Where a new key of the root table goes: before the first table header and the comments above
/// it.
pub(super) fn insertion(source: &str, body: Span, entries: &[Entry]) -> usize {
    let header = entries
        .iter()
        .filter(|entry| {
            source[entry.span.start..entry.span.end]
                .trim_start()
                .starts_with('[')
        })
        .map(|entry| entry.span.start)
        .min();
    let Some(header) = header else {
        return body.end;
    };
    let last = entries
        .iter()
        .filter(|entry| entry.span.end <= header && entry.span.start < header)
        .map(|entry| entry.span.end)
        .max();
    match last {
        None => body.start,
        Some(last) => lines(source, body.start, body.end)
            .find(|(start, end, _)| *start <= last && last <= *end)
            .map_or(body.start, |(_, _, next)| next),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals() {
        for (text, expected) in [
            ("1", true),
            ("-1.5e3", true),
            ("2026-01-02", true),
            ("2026-01-02T10:00:00Z", true),
            ("abc", false),
            ("\"a\"", false),
            ("1 # x", false),
        ] {
            assert_eq!(is_literal(text), expected, "{text}");
        }
    }
}
