//! The parts of a record.

use serde::{Deserialize, Serialize};

use crate::document::merge::Anchor;
use crate::id::FieldId;

/// A part of a record that is decided on its own.
///
/// In JSON, also as a key of a map: `field:<id>`, `block:<anchor>`, `body`, `path`, `record`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum UnitId {
    /// A field, title and state included.
    Field(FieldId),
    /// A region of the body, by its anchor in the base.
    Block(String),
    /// The whole body, where it has no base yet or cannot be read.
    Body,
    /// The path of a file.
    Path,
    /// The record as a whole.
    Record,
}

impl UnitId {
    /// What people call it.
    #[must_use]
    pub fn told(&self) -> String {
        match self {
            Self::Field(field) => format!("`{field}`"),
            Self::Block(_) | Self::Body => "the text".to_owned(),
            Self::Path => "the path".to_owned(),
            Self::Record => "the whole".to_owned(),
        }
    }

    /// Whether it is this field.
    #[must_use]
    pub fn is_field(&self, id: &FieldId) -> bool {
        matches!(self, Self::Field(known) if known == id)
    }
}

impl std::fmt::Display for UnitId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Field(field) => write!(f, "{field}"),
            Self::Block(anchor) => write!(f, "block {anchor}"),
            Self::Body => f.write_str("body"),
            Self::Path => f.write_str("path"),
            Self::Record => f.write_str("whole record"),
        }
    }
}

impl UnitId {
    /// The unit of a body region.
    #[must_use]
    pub fn block(anchor: &Anchor) -> Self {
        Self::Block(anchor.to_string())
    }
}

impl Serialize for UnitId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Field(field) => serializer.collect_str(&format_args!("field:{field}")),
            Self::Block(anchor) => serializer.collect_str(&format_args!("block:{anchor}")),
            Self::Body => serializer.serialize_str("body"),
            Self::Path => serializer.serialize_str("path"),
            Self::Record => serializer.serialize_str("record"),
        }
    }
}

impl<'de> Deserialize<'de> for UnitId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Ok(match text.split_once(':') {
            Some(("field", field)) => Self::Field(FieldId::from(field)),
            Some(("block", anchor)) => Self::Block(anchor.to_owned()),
            _ => match text.as_str() {
                "body" => Self::Body,
                "path" => Self::Path,
                "record" => Self::Record,
                _ => return Err(serde::de::Error::custom(format!("unknown unit {text:?}"))),
            },
        })
    }
}
