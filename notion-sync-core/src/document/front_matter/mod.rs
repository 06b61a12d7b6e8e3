//! The block of properties at the start of a file: YAML between `---` lines or TOML between `+++`
//! lines.
//!
//! [`FrontMatter::read`] finds it and reads its top-level keys; [`edit`] changes the values of
//! given keys and no other byte of the file. People own the file too: unknown keys, comments,
//! order and style stay.

mod edit;
mod list;
mod toml;
mod yaml;

pub use edit::{Edit, edit};

use super::model::Span;

/// Front matter larger than this is refused, in bytes.
pub const MAX_BYTES: usize = 64 * 1024;

/// Which language the block is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// YAML between `---` lines.
    Yaml,
    /// TOML between `+++` lines.
    Toml,
}

/// A value of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Nothing (`null`, `~` or no text in YAML; TOML has none).
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A text; a number or date as it is written in the source: the reader of the key knows what
    /// type it has.
    Text(String),
    /// A number or date, to be written without quotes. Reading gives [`Value::Text`].
    Literal(String),
    /// A list.
    List(Vec<Self>),
    /// A mapping, as its source text. It can be read and removed, not written.
    Nested(String),
}

impl Value {
    /// Whether both say the same: a literal is equal to its text.
    #[must_use]
    pub fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Text(a) | Self::Literal(a), Self::Text(b) | Self::Literal(b)) => a == b,
            (Self::List(a), Self::List(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.same(b))
            }
            (a, b) => a == b,
        }
    }
}

/// A top-level key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The key, without quotes.
    pub key: String,
    /// The lines of the entry: from the start of the key's line to the end of the value's last
    /// line, without its line end.
    pub span: Span,
    /// The bytes of the value; empty where there is no text.
    pub value_span: Span,
    /// The value.
    pub value: Value,
}

/// The front matter of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FrontMatter {
    kind: Kind,
    span: Span,
    body: Span,
    entries: Vec<Entry>,
}

/// Why front matter was not read or edited. Lines count from 1 at the start of the file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrontMatterError {
    /// Larger than [`MAX_BYTES`].
    #[error("the front matter has {found} bytes, the limit is {limit}")]
    TooLarge {
        /// The limit in bytes.
        limit: usize,
        /// What was found.
        found: usize,
    },
    /// The YAML or TOML is broken.
    #[error("line {line} of the front matter is broken: {reason}")]
    Broken {
        /// Line in the file.
        line: usize,
        /// What the reader said.
        reason: String,
    },
    /// A key stands there twice.
    #[error("line {line} of the front matter repeats the key {key}: remove one of them")]
    DuplicateKey {
        /// Line of the second one.
        line: usize,
        /// The key.
        key: String,
    },
    /// The block is not a mapping of keys to values.
    #[error("line {line}: the front matter is not a list of keys and values")]
    NotAMapping {
        /// Line of its start.
        line: usize,
    },
    /// Valid, but not in the layout that can be edited by bytes: one key a line.
    #[error("line {line}: the front matter must have each key at the start of a line of its own")]
    Layout {
        /// Line in the file.
        line: usize,
    },
    /// A value that the language cannot say in that place.
    #[error("the value of {key} cannot be written: {reason}")]
    Unwritable {
        /// The key.
        key: String,
        /// Why.
        reason: String,
    },
}

impl FrontMatter {
    /// Finds and reads the front matter of a file; `None` where there is none. A byte order mark
    /// may stand before it.
    ///
    /// A `---` line at the start opens front matter where a closing line follows and the first
    /// line between them that is neither blank nor a comment looks like a key.
    ///
    /// # Errors
    ///
    /// [`FrontMatterError`] where it is too large, broken, repeats a key or is no mapping.
    pub fn read(source: &str) -> Result<Option<Self>, FrontMatterError> {
        let Some((kind, span, body)) = find(source) else {
            return Ok(None);
        };
        if body.end - body.start > MAX_BYTES {
            return Err(FrontMatterError::TooLarge {
                limit: MAX_BYTES,
                found: body.end - body.start,
            });
        }
        let entries = match kind {
            Kind::Yaml => yaml::entries(source, body)?,
            Kind::Toml => toml::entries(source, body)?,
        };
        Ok(Some(Self {
            kind,
            span,
            body,
            entries,
        }))
    }

    /// The language.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The block with its fences and the line end behind the closing one.
    #[must_use]
    pub fn span(&self) -> Span {
        self.span
    }

    /// What stands between the fences.
    #[must_use]
    pub fn body(&self) -> Span {
        self.body
    }

    /// The top-level keys in their order.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The value of a top-level key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<Value> {
        self.entry(key).map(|entry| entry.value.clone())
    }

    fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.key == key)
    }
}

/// The key that a line of the source begins with.
fn key_in(source: &str, line: usize) -> String {
    let text = source
        .lines()
        .nth(line.saturating_sub(1))
        .unwrap_or_default();
    let key = text.split([':', '=']).next().unwrap_or_default().trim();
    key.trim_matches(['"', '\'', '[', ']']).to_owned()
}

/// The line of a byte, from 1.
fn line_of(source: &str, at: usize) -> usize {
    1 + source.as_bytes()[..at.min(source.len())]
        .iter()
        .filter(|b| **b == b'\n')
        .count()
}

/// Lines with their start, end and the start of the next one.
fn lines(source: &str, from: usize, to: usize) -> impl Iterator<Item = (usize, usize, usize)> {
    let mut at = from;
    std::iter::from_fn(move || {
        if at >= to {
            return None;
        }
        let next = source[at..to].find('\n').map_or(to, |found| at + found + 1);
        let mut end = next;
        if source[at..end].ends_with('\n') {
            end -= 1;
        }
        if source[at..end].ends_with('\r') {
            end -= 1;
        }
        let line = (at, end, next);
        at = next;
        Some(line)
    })
}

fn find(source: &str) -> Option<(Kind, Span, Span)> {
    let start = if source.starts_with('\u{feff}') { 3 } else { 0 };
    let mut all = lines(source, start, source.len());
    let (from, to, body) = all.next()?;
    let kind = match source[from..to].trim_end() {
        "---" => Kind::Yaml,
        "+++" => Kind::Toml,
        _ => return None,
    };
    let mut first: Option<&str> = None;
    for (from, to, next) in all {
        let line = source[from..to].trim_end();
        let closes = match kind {
            Kind::Yaml => line == "---" || line == "...",
            Kind::Toml => line == "+++",
        };
        if closes {
            if kind == Kind::Yaml && !first.is_none_or(looks_like_key) {
                return None;
            }
            return Some((
                kind,
                Span { start, end: next },
                Span {
                    start: body,
                    end: from,
                },
            ));
        }
        if first.is_none() && !line.trim().is_empty() && !line.starts_with('#') {
            first = Some(line);
        }
    }
    None
}

fn looks_like_key(line: &str) -> bool {
    if line.starts_with(['{', '[', '%', '&', '!', '?']) {
        return true;
    }
    match line.as_bytes().first() {
        Some(quote @ (b'"' | b'\'')) => line[1..]
            .find(char::from(*quote))
            .is_some_and(|end| line[end + 2..].trim_start().starts_with(':')),
        _ => yaml::plain_key(line).is_some(),
    }
}
