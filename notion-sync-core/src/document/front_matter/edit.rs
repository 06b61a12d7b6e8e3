//! Changing values without touching any other byte.

use super::{Entry, FrontMatter, FrontMatterError, Kind, Value, lines, list, toml, yaml};
use crate::document::Span;

/// A change of one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Edit {
    /// Give the key this value; append the key where it is missing.
    Set(Value),
    /// Remove the key and its value.
    Remove,
}

/// Changes keys of the front matter of a file and returns the file.
///
/// Only the bytes of the given values change. New keys are appended at the end of the block (in
/// TOML: of its root table); where there is no block, a YAML block is made. Setting a key to what
/// it has already changes nothing. A number or date without quotes stays without quotes when the
/// new text is one too.
///
/// # Errors
///
/// [`FrontMatterError`] where the block cannot be read, or a value cannot be written: then nothing
/// is changed.
///
/// # Examples
///
/// ```
/// use notion_sync_core::document::front_matter::{Edit, Value, edit};
///
/// let file = "---\ntitle: Old # keep\ntags: [a]\n---\nText\n";
/// let edits = [
///     ("title", Edit::Set(Value::Text("New".into()))),
///     ("owner", Edit::Set(Value::Text("Ada".into()))),
/// ];
/// assert_eq!(
///     edit(file, &edits)?,
///     "---\ntitle: New # keep\ntags: [a]\nowner: Ada\n---\nText\n"
/// );
/// # Ok::<(), notion_sync_core::document::front_matter::FrontMatterError>(())
/// ```
pub fn edit(source: &str, edits: &[(&str, Edit)]) -> Result<String, FrontMatterError> {
    let Some(front_matter) = FrontMatter::read(source)? else {
        return create(source, edits);
    };
    let newline = newline_of(source);
    let mut changes: Vec<(Span, String)> = Vec::new();
    let mut appended = String::new();
    for (at, (key, change)) in edits.iter().enumerate() {
        if edits[at + 1..].iter().any(|(later, _)| later == key) {
            continue;
        }
        match (front_matter.entry(key), change) {
            (None, Edit::Remove) => {}
            (None, Edit::Set(value)) => {
                appended.push_str(&new_line(front_matter.kind, key, value, newline)?);
            }
            (Some(entry), Edit::Set(value)) => {
                if !entry.value.same(value) {
                    changes.push(set(source, &front_matter, entry, value, newline)?);
                }
            }
            (Some(entry), Edit::Remove) => {
                if entry.span.start == entry.span.end
                    || source[entry.span.start..entry.span.end]
                        .trim_start()
                        .starts_with('[')
                {
                    return Err(FrontMatterError::Unwritable {
                        key: entry.key.clone(),
                        reason: "it is a table".to_owned(),
                    });
                }
                let end = lines(source, entry.span.start, front_matter.body.end)
                    .find(|(_, end, _)| *end >= entry.span.end)
                    .map_or(entry.span.end, |(_, _, next)| next);
                changes.push((
                    Span {
                        start: entry.span.start,
                        end,
                    },
                    String::new(),
                ));
            }
        }
    }
    if !appended.is_empty() {
        let at = match front_matter.kind {
            Kind::Yaml => front_matter.body.end,
            Kind::Toml => toml::insertion(source, front_matter.body, &front_matter.entries),
        };
        changes.push((Span { start: at, end: at }, appended));
    }
    let out = apply(source, changes);
    verify(&front_matter, &out, edits)?;
    Ok(out)
}

fn newline_of(source: &str) -> &'static str {
    match source.find('\n') {
        Some(at) if source[..at].ends_with('\r') => "\r\n",
        _ => "\n",
    }
}

fn apply(source: &str, mut changes: Vec<(Span, String)>) -> String {
    changes.sort_by_key(|(span, _)| (span.start, span.end));
    let mut out = String::with_capacity(source.len() + 64);
    let mut at = 0;
    for (span, text) in changes {
        out.push_str(&source[at..span.start.max(at)]);
        out.push_str(&text);
        at = span.end.max(at);
    }
    out.push_str(&source[at..]);
    out
}

fn unwritable(key: &str, kind: Kind) -> FrontMatterError {
    FrontMatterError::Unwritable {
        key: key.to_owned(),
        reason: match kind {
            Kind::Yaml => "only texts, numbers, dates, flags and lists of them can be".to_owned(),
            Kind::Toml => {
                "only texts, numbers, dates, flags and lists of them can be in TOML".to_owned()
            }
        },
    }
}

fn new_line(
    kind: Kind,
    key: &str,
    value: &Value,
    newline: &str,
) -> Result<String, FrontMatterError> {
    let line = match kind {
        Kind::Yaml => yaml::inline(value, false)
            .map(|value| format!("{}: {value}{newline}", yaml::scalar(key))),
        Kind::Toml => {
            toml::inline(value, false).map(|value| format!("{} = {value}{newline}", toml::key(key)))
        }
    };
    line.ok_or_else(|| unwritable(key, kind))
}

fn set(
    source: &str,
    front_matter: &FrontMatter,
    entry: &Entry,
    value: &Value,
    newline: &str,
) -> Result<(Span, String), FrontMatterError> {
    let span = entry.value_span;
    let old = &source[span.start..span.end];
    let bare = !old.contains(['"', '\'']);
    let text = match front_matter.kind {
        Kind::Toml => {
            let is_table = span.start == span.end || matches!(entry.value, Value::Nested(_));
            let literal = bare && matches!(entry.value, Value::Text(_) | Value::List(_));
            if is_table {
                None
            } else {
                toml::inline(value, literal)
            }
        }
        Kind::Yaml => {
            let literal = bare
                && match &entry.value {
                    Value::Text(text) => yaml::is_literal(text),
                    Value::List(items) => items
                        .iter()
                        .all(|item| matches!(item, Value::Text(text) if yaml::is_literal(text))),
                    _ => false,
                };
            if let Value::List(items) = value
                && !items.is_empty()
                && let Some(text) = list::edited(old, &entry.value, items, literal, newline)
            {
                return Ok((span, text));
            }
            yaml::inline(value, literal).map(|text| {
                // No space stands before a value that was empty or started on the next line.
                let spaced = source[..span.start].ends_with([' ', '\t']);
                let text = if spaced { text } else { format!(" {text}") };
                match list::comment(old) {
                    Some(comment) => format!("{text} {comment}"),
                    None => text,
                }
            })
        }
    };
    text.map(|text| (span, text))
        .ok_or_else(|| unwritable(&entry.key, front_matter.kind))
}

/// Reads the result again: edited keys have their values, all others what they had.
fn verify(before: &FrontMatter, out: &str, edits: &[(&str, Edit)]) -> Result<(), FrontMatterError> {
    let after = FrontMatter::read(out)?;
    let entries = after.as_ref().map_or(&[][..], FrontMatter::entries);
    for (at, (key, change)) in edits.iter().enumerate() {
        if edits[at + 1..].iter().any(|(later, _)| later == key) {
            continue;
        }
        let found = entries.iter().find(|entry| entry.key == *key);
        let right = match (found, change) {
            (Some(entry), Edit::Set(value)) => entry.value.same(value),
            (None, Edit::Remove) => true,
            _ => false,
        };
        if !right {
            return Err(FrontMatterError::Unwritable {
                key: (*key).to_owned(),
                reason: "the result would not read back".to_owned(),
            });
        }
    }
    let edited = |key: &str| edits.iter().any(|(name, _)| *name == key);
    let kept = before.entries.iter().filter(|entry| !edited(&entry.key));
    let found = entries.iter().filter(|entry| !edited(&entry.key));
    if let Some((entry, _)) = kept
        .clone()
        .zip(found.clone())
        .find(|(a, b)| a.key != b.key || a.value != b.value)
    {
        return Err(FrontMatterError::Unwritable {
            key: entry.key.clone(),
            reason: "it depends on a key that is edited".to_owned(),
        });
    }
    if kept.count() != found.count() {
        return Err(FrontMatterError::NotAMapping { line: 1 });
    }
    Ok(())
}

fn create(source: &str, edits: &[(&str, Edit)]) -> Result<String, FrontMatterError> {
    let newline = newline_of(source);
    let mut block = String::new();
    for (at, (key, change)) in edits.iter().enumerate() {
        if edits[at + 1..].iter().any(|(later, _)| later == key) {
            continue;
        }
        if let Edit::Set(value) = change {
            block.push_str(&new_line(Kind::Yaml, key, value, newline)?);
        }
    }
    if block.is_empty() {
        return Ok(source.to_owned());
    }
    let start = if source.starts_with('\u{feff}') { 3 } else { 0 };
    let (mark, body) = source.split_at(start);
    let blank = if body.is_empty() || body.starts_with(['\n', '\r']) {
        ""
    } else {
        newline
    };
    let out = format!("{mark}---{newline}{block}---{newline}{blank}{body}");
    let made = FrontMatter::read(&out)?;
    let complete = made.is_some_and(|made| {
        edits
            .iter()
            .enumerate()
            .all(|(at, (key, change))| match change {
                Edit::Set(value) => {
                    edits[at + 1..].iter().any(|(later, _)| later == key)
                        || made.get(key).is_some_and(|found| found.same(value))
                }
                Edit::Remove => true,
            })
    });
    if complete {
        Ok(out)
    } else {
        Err(FrontMatterError::Unwritable {
            key: edits.first().map_or("", |(key, _)| *key).to_owned(),
            reason: "the result would not read back".to_owned(),
        })
    }
}
