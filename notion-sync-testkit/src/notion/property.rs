//! Properties: the columns of a data source and the values of a page.

use std::collections::BTreeMap;

use serde_json::{Number, Value};

use super::block::FileRef;
use super::id::NotionId;
use super::text::{DateValue, Rich};

/// One option of a select, multi-select or status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SelectOption {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) color: String,
    pub(crate) description: Option<String>,
}

/// One of the three groups of a status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StatusGroup {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) color: String,
    pub(crate) options: Vec<String>,
}

/// A column.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Property {
    /// As it is, not URL-encoded.
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) description: Option<String>,
    pub(crate) kind: Kind,
}

/// The type of a column with its configuration.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Kind {
    Title,
    RichText,
    Number {
        format: String,
    },
    Select {
        options: Vec<SelectOption>,
    },
    MultiSelect {
        options: Vec<SelectOption>,
    },
    Status {
        options: Vec<SelectOption>,
        groups: Vec<StatusGroup>,
    },
    Date,
    People,
    Files,
    Checkbox,
    Url,
    Email,
    PhoneNumber,
    /// `synced` names the property of the other side when the relation is dual.
    Relation {
        source: NotionId,
        synced: Option<String>,
    },
    Verification,
    Place,
    Formula {
        expression: String,
    },
    Rollup {
        relation: String,
        target: String,
        function: String,
    },
    UniqueId {
        prefix: Option<String>,
    },
    CreatedTime,
    LastEditedTime,
    CreatedBy,
    LastEditedBy,
    Button,
    /// A type this emulator does not know.
    Other {
        kind: String,
        config: Value,
    },
}

impl Kind {
    /// The name of the type.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Title => "title",
            Self::RichText => "rich_text",
            Self::Number { .. } => "number",
            Self::Select { .. } => "select",
            Self::MultiSelect { .. } => "multi_select",
            Self::Status { .. } => "status",
            Self::Date => "date",
            Self::People => "people",
            Self::Files => "files",
            Self::Checkbox => "checkbox",
            Self::Url => "url",
            Self::Email => "email",
            Self::PhoneNumber => "phone_number",
            Self::Relation { .. } => "relation",
            Self::Verification => "verification",
            Self::Place => "place",
            Self::Formula { .. } => "formula",
            Self::Rollup { .. } => "rollup",
            Self::UniqueId { .. } => "unique_id",
            Self::CreatedTime => "created_time",
            Self::LastEditedTime => "last_edited_time",
            Self::CreatedBy => "created_by",
            Self::LastEditedBy => "last_edited_by",
            Self::Button => "button",
            Self::Other { kind, .. } => kind,
        }
    }

    /// Whether no page write may set it.
    pub(crate) fn is_read_only(&self) -> bool {
        matches!(
            self,
            Self::Formula { .. }
                | Self::Rollup { .. }
                | Self::UniqueId { .. }
                | Self::CreatedTime
                | Self::LastEditedTime
                | Self::CreatedBy
                | Self::LastEditedBy
                | Self::Button
                | Self::Other { .. }
        )
    }

    /// The options, where the type has some.
    pub(crate) fn options(&self) -> Option<&[SelectOption]> {
        match self {
            Self::Select { options }
            | Self::MultiSelect { options }
            | Self::Status { options, .. } => Some(options),
            _ => None,
        }
    }

    pub(crate) fn options_mut(&mut self) -> Option<&mut Vec<SelectOption>> {
        match self {
            Self::Select { options }
            | Self::MultiSelect { options }
            | Self::Status { options, .. } => Some(options),
            _ => None,
        }
    }
}

/// A value of a page, by the id of its property. What is absent is empty.
pub(crate) type Values = BTreeMap<String, PropertyValue>;

/// One entry of a files property.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct FileEntry {
    pub(crate) name: String,
    pub(crate) file: FileRef,
}

/// What a page holds under a property.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum PropertyValue {
    /// Title and rich text.
    Text(Rich),
    Number(Number),
    /// Select and status: the id of the option.
    Choice(String),
    /// Multi-select: ids of options in the order they were chosen.
    Choices(Vec<String>),
    Date(DateValue),
    /// People, or relation: ids in order.
    Ids(Vec<NotionId>),
    Files(Vec<FileEntry>),
    Checkbox(bool),
    /// URL, e-mail, phone number.
    Word(String),
    UniqueNumber(u64),
    /// Verification, place, formula results and types that are not known: the object as it is read.
    Object(Value),
}

impl PropertyValue {
    /// Whether this kind of value can stand under that kind of property.
    pub(crate) fn fits(&self, kind: &Kind) -> bool {
        match self {
            Self::Text(_) => matches!(kind, Kind::Title | Kind::RichText),
            Self::Number(_) => matches!(kind, Kind::Number { .. }),
            Self::Choice(id) => {
                matches!(kind, Kind::Select { .. } | Kind::Status { .. })
                    && kind
                        .options()
                        .is_some_and(|all| all.iter().any(|o| o.id == *id))
            }
            Self::Choices(_) => matches!(kind, Kind::MultiSelect { .. }),
            Self::Date(_) => matches!(kind, Kind::Date),
            Self::Ids(_) => matches!(kind, Kind::People | Kind::Relation { .. }),
            Self::Files(_) => matches!(kind, Kind::Files),
            Self::Checkbox(_) => matches!(kind, Kind::Checkbox),
            Self::Word(_) => matches!(kind, Kind::Url | Kind::Email | Kind::PhoneNumber),
            Self::UniqueNumber(_) => matches!(kind, Kind::UniqueId { .. }),
            Self::Object(_) => matches!(
                kind,
                Kind::Verification | Kind::Place | Kind::Formula { .. } | Kind::Other { .. }
            ),
        }
    }
}

/// A property id as it stands in answers and URLs.
pub(crate) fn encode_id(id: &str) -> String {
    let mut out = String::with_capacity(id.len());
    for byte in id.bytes() {
        match byte {
            b'A'..=b'Z'
            | b'a'..=b'z'
            | b'0'..=b'9'
            | b'-'
            | b'_'
            | b'.'
            | b'!'
            | b'~'
            | b'*'
            | b'\''
            | b'('
            | b')' => out.push(byte as char),
            other => {
                let digit = |half: u8| char::from(b"0123456789ABCDEF"[usize::from(half)]);
                out.push('%');
                out.push(digit(other >> 4));
                out.push(digit(other & 15));
            }
        }
    }
    out
}

/// Undoes percent encoding. Broken sequences stay as they are.
pub(crate) fn decode_percent(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let hex = (*byte == b'%')
            .then(|| bytes.get(at + 1..at + 3))
            .flatten()
            .and_then(|pair| std::str::from_utf8(pair).ok())
            .filter(|pair| !pair.starts_with('+'))
            .and_then(|pair| u8::from_str_radix(pair, 16).ok());
        match hex {
            Some(value) => {
                out.push(value);
                at += 3;
            }
            None => {
                out.push(*byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_encoded_and_decoded() {
        for id in [
            "title", r"f\:p", "swq\\", "p|i?", "<nJT", "`[>{", "a%b", "é",
        ] {
            assert_eq!(decode_percent(&encode_id(id)), id);
        }
        assert_eq!(encode_id("p|i?"), "p%7Ci%3F");
        assert_eq!(decode_percent("100%"), "100%");
        assert_eq!(decode_percent("%zz%4"), "%zz%4");
    }
}
