//! Values of fields.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

/// The value of a field on one side, in that side's own terms (option names, user ids, paths).
#[derive(
    Debug,
    Clone,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Value {
    /// Empty.
    #[default]
    Null,
    /// A checkbox.
    Bool(bool),
    /// A number in shortest decimal notation (no floats: they have no total order and no one
    /// spelling).
    Number(String),
    /// Text, a URL, an option's name, or a date: `2026-09-15`, `2026-09-15T09:00:00Z`, and for a
    /// range `start/end`.
    Text(String),
    /// Labels, options, people, relations: no order, no repeats.
    Set(BTreeSet<String>),
}

/// As people read it.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("(empty)"),
            Self::Bool(bit) => write!(f, "{bit}"),
            Self::Number(text) | Self::Text(text) => f.write_str(text),
            Self::Set(set) => {
                let items: Vec<&str> = set.iter().map(String::as_str).collect();
                f.write_str(&items.join(", "))
            }
        }
    }
}

impl Value {
    /// Text, or [`Null`](Self::Null) when it is empty.
    pub fn text(text: impl Into<String>) -> Self {
        let text = text.into();
        if text.is_empty() {
            Self::Null
        } else {
            Self::Text(text)
        }
    }

    /// A set.
    pub fn set<T: Into<String>>(items: impl IntoIterator<Item = T>) -> Self {
        Self::Set(items.into_iter().map(Into::into).collect())
    }

    /// The text, where it is one.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) | Self::Number(text) => Some(text),
            _ => None,
        }
    }

    /// The elements, where it is a set. An empty value is an empty set.
    #[must_use]
    pub fn elements(&self) -> BTreeSet<String> {
        match self {
            Self::Set(set) => set.clone(),
            Self::Text(text) | Self::Number(text) => BTreeSet::from([text.clone()]),
            Self::Null | Self::Bool(_) => BTreeSet::new(),
        }
    }

    /// Whether there is nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Null => true,
            Self::Text(text) | Self::Number(text) => text.is_empty(),
            Self::Set(set) => set.is_empty(),
            Self::Bool(_) => false,
        }
    }
}
