//! YAML: the reader decides what the values are, a scan over lines where they stand.

use std::fmt;

use serde::Deserialize as _;
use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use super::{Entry, FrontMatterError, Value, key_in, line_of, lines};
use crate::document::Span;

/// What a value is, before its text is known.
#[derive(Debug, Clone, PartialEq)]
enum Shape {
    Null,
    Bool(bool),
    Scalar,
    List(Vec<Self>),
    Map,
}

/// Levels of nesting that are looked into.
const DEPTH: usize = 32;

#[derive(Clone, Copy)]
struct ShapeSeed(usize);

impl<'de> DeserializeSeed<'de> for ShapeSeed {
    type Value = Shape;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Shape, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ShapeSeed {
    type Value = Shape;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }
    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Shape, E> {
        Ok(Shape::Bool(value))
    }
    fn visit_i64<E: de::Error>(self, _: i64) -> Result<Shape, E> {
        Ok(Shape::Scalar)
    }
    fn visit_u64<E: de::Error>(self, _: u64) -> Result<Shape, E> {
        Ok(Shape::Scalar)
    }
    fn visit_i128<E: de::Error>(self, _: i128) -> Result<Shape, E> {
        Ok(Shape::Scalar)
    }
    fn visit_u128<E: de::Error>(self, _: u128) -> Result<Shape, E> {
        Ok(Shape::Scalar)
    }
    fn visit_f64<E: de::Error>(self, _: f64) -> Result<Shape, E> {
        Ok(Shape::Scalar)
    }
    fn visit_str<E: de::Error>(self, _: &str) -> Result<Shape, E> {
        Ok(Shape::Scalar)
    }
    fn visit_bytes<E: de::Error>(self, _: &[u8]) -> Result<Shape, E> {
        Ok(Shape::Scalar)
    }
    fn visit_unit<E: de::Error>(self) -> Result<Shape, E> {
        Ok(Shape::Null)
    }
    fn visit_none<E: de::Error>(self) -> Result<Shape, E> {
        Ok(Shape::Null)
    }
    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Shape, D::Error> {
        self.deserialize(deserializer)
    }
    fn visit_newtype_struct<D: Deserializer<'de>>(
        self,
        deserializer: D,
    ) -> Result<Shape, D::Error> {
        self.deserialize(deserializer)
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Shape, A::Error> {
        if self.0 == 0 {
            return Err(de::Error::custom("lists are nested too deep"));
        }
        let mut out = Vec::new();
        while let Some(shape) = seq.next_element_seed(Self(self.0 - 1))? {
            out.push(shape);
        }
        Ok(Shape::List(out))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Shape, A::Error> {
        if self.0 == 0 {
            return Err(de::Error::custom("mappings are nested too deep"));
        }
        while map.next_key::<String>()?.is_some() {
            map.next_value_seed(Self(self.0 - 1))?;
        }
        Ok(Shape::Map)
    }
}

/// The top-level mapping with the shapes of its values.
struct Shapes;

impl<'de> Visitor<'de> for Shapes {
    type Value = Vec<(String, Shape)>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a mapping of keys to values")
    }
    fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
        Ok(Vec::new())
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut out = Vec::new();
        while let Some(key) = map.next_key::<String>()? {
            out.push((key, map.next_value_seed(ShapeSeed(DEPTH))?));
        }
        Ok(out)
    }
}

struct ShapesOf(Vec<(String, Shape)>);

impl<'de> de::Deserialize<'de> for ShapesOf {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Shapes).map(Self)
    }
}

/// Reads values as text, following the shapes of the first pass.
struct TextSeed<'s>(&'s Shape);

impl<'de> DeserializeSeed<'de> for TextSeed<'_> {
    type Value = Value;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        match self.0 {
            Shape::Null => de::IgnoredAny::deserialize(deserializer).map(|_| Value::Null),
            Shape::Bool(value) => {
                de::IgnoredAny::deserialize(deserializer).map(|_| Value::Bool(*value))
            }
            Shape::Map => {
                de::IgnoredAny::deserialize(deserializer).map(|_| Value::Nested(String::new()))
            }
            Shape::Scalar => String::deserialize(deserializer).map(Value::Text),
            Shape::List(items) => deserializer.deserialize_seq(ListVisitor(items)),
        }
    }
}

struct ListVisitor<'s>(&'s [Shape]);

impl<'de> Visitor<'de> for ListVisitor<'_> {
    type Value = Value;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut out = Vec::new();
        for shape in self.0 {
            match seq.next_element_seed(TextSeed(shape))? {
                Some(value) => out.push(value),
                None => break,
            }
        }
        while seq.next_element::<de::IgnoredAny>()?.is_some() {}
        Ok(Value::List(out))
    }
}

struct Texts<'s>(&'s [(String, Shape)]);

impl<'de> Visitor<'de> for Texts<'_> {
    type Value = Vec<Value>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a mapping of keys to values")
    }
    fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
        Ok(Vec::new())
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut out = Vec::new();
        for (_, shape) in self.0 {
            match map.next_key::<String>()? {
                Some(_) => out.push(map.next_value_seed(TextSeed(shape))?),
                None => break,
            }
        }
        while map
            .next_entry::<de::IgnoredAny, de::IgnoredAny>()?
            .is_some()
        {}
        Ok(out)
    }
}

struct TextsSeed<'s>(&'s [(String, Shape)]);

impl<'de> DeserializeSeed<'de> for TextsSeed<'_> {
    type Value = Vec<Value>;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(Texts(self.0))
    }
}

fn options() -> serde_saphyr::Options {
    serde_saphyr::options! {
        strict_booleans: true,
        duplicate_keys: serde_saphyr::DuplicateKeyPolicy::Error,
        merge_keys: serde_saphyr::MergeKeyPolicy::AsOrdinary,
        with_snippet: false,
    }
}

/// Reads the top-level keys.
pub(super) fn entries(source: &str, body: Span) -> Result<Vec<Entry>, FrontMatterError> {
    let text = &source[body.start..body.end];
    let first_line = line_of(source, body.start);
    let failed = |error: &serde_saphyr::Error| {
        let line = error
            .location()
            .and_then(|location| usize::try_from(location.line()).ok())
            .unwrap_or(1)
            .max(1);
        let line = first_line + line - 1;
        let reason = error.to_string();
        if reason.to_ascii_lowercase().contains("duplicate") {
            let key = key_in(source, line);
            return FrontMatterError::DuplicateKey { line, key };
        }
        FrontMatterError::Broken { line, reason }
    };
    let blank = text
        .lines()
        .all(|line| line.trim().is_empty() || line.trim_start().starts_with('#'));
    if blank {
        return Ok(Vec::new());
    }
    if text.trim_start().starts_with(['[', '-']) {
        return Err(FrontMatterError::NotAMapping { line: first_line });
    }
    let shapes = serde_saphyr::from_str_with_options::<ShapesOf>(text, options())
        .map_err(|error| failed(&error))?
        .0;
    let values = serde_saphyr::with_deserializer_from_str_with_options(text, options(), |de| {
        TextsSeed(&shapes).deserialize(de)
    })
    .map_err(|error| failed(&error))?;
    let places = scan(source, body);
    if places.len() != shapes.len()
        || values.len() != shapes.len()
        || places
            .iter()
            .zip(&shapes)
            .any(|(place, (key, _))| place.key != *key)
    {
        let line = places
            .iter()
            .zip(&shapes)
            .find(|(place, (key, _))| place.key != *key)
            .map_or(first_line, |(place, _)| line_of(source, place.span.start));
        return Err(FrontMatterError::Layout { line });
    }
    Ok(places
        .into_iter()
        .zip(values)
        .map(|(place, value)| Entry {
            value: match value {
                Value::Nested(_) => {
                    Value::Nested(source[place.value_span.start..place.value_span.end].to_owned())
                }
                value => value,
            },
            key: place.key,
            span: place.span,
            value_span: place.value_span,
        })
        .collect())
}

struct Place {
    key: String,
    span: Span,
    value_span: Span,
}

/// A plain key at the start of a line and the length up to its colon.
pub(super) fn plain_key(line: &str) -> Option<(&str, usize)> {
    if line.starts_with([
        ' ', '\t', '-', '?', '#', '[', ']', '{', '}', ',', '&', '*', '!', '|', '>', '%', '@', '`',
        '"', '\'', ':',
    ]) && !(line.starts_with(['-', '?', ':'])
        && line[1..].starts_with(|c: char| !c.is_whitespace()))
    {
        return None;
    }
    let mut from = 0;
    loop {
        let colon = from + line[from..].find(':')?;
        let rest = &line[colon + 1..];
        if rest.is_empty() || rest.starts_with([' ', '\t']) {
            let key = line[..colon].trim_end();
            return (!key.contains(" #")).then_some((key, colon));
        }
        from = colon + 1;
    }
}

fn quoted_key(line: &str) -> Option<(String, usize)> {
    let quote = line.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let mut escaped = false;
    for (at, c) in line.char_indices().skip(1) {
        if escaped {
            escaped = false;
        } else if c == '\\' && quote == '"' {
            escaped = true;
        } else if c == quote {
            let rest = &line[at + 1..];
            let colon = at + 1 + (rest.len() - rest.trim_start().len());
            if !line[colon..].starts_with(':') {
                return None;
            }
            let key = serde_saphyr::from_str::<String>(&line[..=at]).ok()?;
            return Some((key, colon));
        }
    }
    None
}

/// Finds the keys at the start of lines and how far their values reach.
fn scan(source: &str, body: Span) -> Vec<Place> {
    let mut out: Vec<Place> = Vec::new();
    for (start, end, _) in lines(source, body.start, body.end) {
        let line = &source[start..end];
        let key = quoted_key(line)
            .or_else(|| plain_key(line).map(|(key, colon)| (key.to_owned(), colon)));
        // Keys stand at the start of a line; a list of a key may stand there too.
        if let Some((key, colon)) = key {
            let after = start + colon + 1;
            let value = source[after..end].trim_start_matches([' ', '\t']);
            let value_start = end - value.len();
            let value_end = value_start + scalar_end(value);
            out.push(Place {
                key,
                span: Span {
                    start,
                    end: value_end.max(after),
                },
                value_span: if value_end > value_start {
                    Span {
                        start: value_start,
                        end: value_end,
                    }
                } else {
                    Span {
                        start: after,
                        end: after,
                    }
                },
            });
            continue;
        }
        let Some(place) = out.last_mut() else {
            continue;
        };
        let trimmed = line.trim();
        let block_scalar = source[place.value_span.start..place.value_span.end]
            .trim_start()
            .starts_with(['|', '>']);
        let comment = trimmed.starts_with('#') && !(block_scalar && line.starts_with([' ', '\t']));
        if !trimmed.is_empty() && !comment {
            place.span.end = end;
            place.value_span.end = end;
        }
    }
    out
}

/// Length of a value on its line, without a comment behind it and the space before that.
fn scalar_end(value: &str) -> usize {
    let mut quote: Option<char> = None;
    let quoting = value.starts_with(['"', '\'', '[', '{']);
    let mut before = ' ';
    let mut escaped = false;
    for (at, c) in value.char_indices() {
        match quote {
            Some('"') if escaped => escaped = false,
            Some('"') if c == '\\' => escaped = true,
            Some(open) if c == open => quote = None,
            Some(_) => {}
            None if c == '#' && matches!(before, ' ' | '\t') => {
                return value[..at].trim_end().len();
            }
            None if quoting && matches!(c, '"' | '\'') => quote = Some(c),
            None => {}
        }
        before = c;
    }
    value.trim_end().len()
}

/// A text as a scalar: plain where every reader takes it for this text, else in double quotes.
pub(super) fn scalar(text: &str) -> String {
    if is_plain(text) {
        return text.to_owned();
    }
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            c if c.is_control()
                || matches!(
                    c,
                    '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}'
                ) =>
            {
                let code = u32::from(c);
                if code > 0xff {
                    out.push_str(&format!("\\u{code:04X}"));
                } else {
                    out.push_str(&format!("\\x{code:02X}"));
                }
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// Whether a text can stand without quotes, in flow lists too.
fn is_plain(text: &str) -> bool {
    let starts_well = text.chars().next().is_some_and(char::is_alphabetic);
    starts_well
        && !text.ends_with([' ', ':'])
        && text.chars().all(|c| {
            c.is_alphanumeric()
                || matches!(
                    c,
                    ' ' | '-'
                        | '_'
                        | '.'
                        | '/'
                        | '('
                        | ')'
                        | '+'
                        | '@'
                        | '\''
                        | ':'
                        | ';'
                        | '='
                        | '~'
                        | '$'
                        | '%'
                        | '!'
                        | '?'
                        | '*'
                        | '&'
                        | '^'
                )
        })
        && !text.contains(": ")
        && !text.contains("  ")
        && !is_other_type(text)
}

/// Whether a reader of YAML 1.1 or 1.2 may take a plain text that starts with a letter for
/// something else.
fn is_other_type(text: &str) -> bool {
    let lower = text.to_lowercase();
    matches!(
        lower.as_str(),
        "y" | "n"
            | "yes"
            | "no"
            | "on"
            | "off"
            | "true"
            | "false"
            | "null"
            | "nan"
            | "inf"
            | "infinity"
    )
}

/// Whether a text is a number or date that stands without quotes and is no text.
pub(super) fn is_literal(text: &str) -> bool {
    let digits = text.trim_start_matches(['-', '+']);
    digits.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'+' | b':' | b'_'))
        && text.bytes().any(|b| b.is_ascii_digit())
        && !text.ends_with(':')
}

/// A value on one line.
pub(super) fn inline(value: &Value, keep_literal: bool) -> Option<String> {
    Some(match value {
        Value::Null => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Text(text) if keep_literal && is_literal(text) => text.clone(),
        Value::Text(text) => scalar(text),
        Value::Literal(text) if is_literal(text) => text.clone(),
        Value::Literal(_) | Value::Nested(_) => return None,
        Value::List(items) => {
            let items: Option<Vec<String>> = items
                .iter()
                .map(|item| inline(item, keep_literal))
                .collect();
            format!("[{}]", items?.join(", "))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_texts_are_quoted_and_read_back() {
        for text in [
            "yes",
            "No",
            "on",
            "012",
            "1e3",
            "12:30:45",
            "2026-01-01",
            "~",
            "<<",
            "=",
            "",
            " a",
            "a ",
            "\u{1}",
            "a\u{85}b",
            "a\u{2028}b",
            "\u{feff}",
            "null",
            "true",
            "- a",
            "a: b",
            "a #b",
            "#a",
            "[a",
            "{a}",
            "*a",
            "&a",
            "!a",
            "|",
            ">",
            "%a",
            "@a",
            "`a",
            "\"a\"",
            "'a'",
            "a\nb",
            "a\\b",
            "0x1f",
            ".5",
            "-1",
            "+1",
            "1_000",
            "a,b",
            "a]b",
            "---",
            "...",
            "?",
            ":",
            "a:",
            "nan",
            ".inf",
            "é",
            "\u{10ffff}",
            "\t",
        ] {
            let written = scalar(text);
            let list: Vec<String> =
                serde_saphyr::from_str_with_options(&format!("[{written}]"), options()).unwrap();
            assert_eq!(list, [text], "{written}");
        }
        for (text, plain) in [
            ("Plain text", true),
            ("it's", true),
            ("a-b/c.md", true),
            ("y", false),
        ] {
            assert_eq!(scalar(text) == text, plain, "{text}");
        }
    }
}
