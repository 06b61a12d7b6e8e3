//! Settings that are one word, or a table where there is more to say.

use std::fmt;
use std::marker::PhantomData;

use notion_sync_core::mapping::Direction;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, MapAccess, Visitor};
use serde::{Deserialize, Serialize};

use super::LabelsSection;

/// A word or a table, as it is written. An untagged enum would take a table with a key that it does not
/// know, or refuse it without naming the key.
enum Written<T> {
    Word(String),
    Table(T),
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Written<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Either<T> {
            type Value = Written<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or a table")
            }

            fn visit_str<E: Error>(self, word: &str) -> Result<Self::Value, E> {
                Ok(Written::Word(word.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, table: A) -> Result<Self::Value, A::Error> {
                T::deserialize(MapAccessDeserializer::new(table)).map(Written::Table)
            }
        }

        deserializer.deserialize_any(Either(PhantomData))
    }
}

/// What a property holds, where it shall not be taken from the data source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PropertyKind {
    /// Text, a URL, an e-mail address, a telephone number.
    Text,
    /// A number.
    Number,
    /// A checkbox.
    Checkbox,
    /// A date, an instant or a range.
    Date,
    /// One of several options.
    Select,
    /// Tags.
    Set,
    /// People, through `[people]`.
    People,
    /// Pages, as paths of their files.
    Relation,
}

/// The key in the front matter for a property.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, from = "Written<FrontMatterTable>")]
pub enum FrontMatterField {
    /// Only the key.
    Key(String),
    /// The key and how it is treated.
    Detailed {
        /// The key.
        key: String,
        /// What it holds; from the data source where it is not written.
        #[serde(skip_serializing_if = "Option::is_none")]
        kind: Option<PropertyKind>,
        /// Which way it flows.
        direction: Direction,
    },
}

impl FrontMatterField {
    /// The key.
    #[must_use]
    pub fn key(&self) -> &str {
        match self {
            Self::Key(key) | Self::Detailed { key, .. } => key,
        }
    }

    /// What it holds, where that is written.
    #[must_use]
    pub fn kind(&self) -> Option<PropertyKind> {
        match self {
            Self::Key(_) => None,
            Self::Detailed { kind, .. } => *kind,
        }
    }

    /// Which way it flows.
    #[must_use]
    pub fn direction(&self) -> Direction {
        match self {
            Self::Key(_) => Direction::Both,
            Self::Detailed { direction, .. } => *direction,
        }
    }
}

/// The table of a [`FrontMatterField`].
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FrontMatterTable {
    key: String,
    #[serde(default)]
    kind: Option<PropertyKind>,
    #[serde(default)]
    direction: Direction,
}

impl From<Written<FrontMatterTable>> for FrontMatterField {
    fn from(written: Written<FrontMatterTable>) -> Self {
        match written {
            Written::Word(key) => Self::Key(key),
            Written::Table(FrontMatterTable {
                key,
                kind,
                direction,
            }) => Self::Detailed {
                key,
                kind,
                direction,
            },
        }
    }
}

/// Which repository the issue of a page belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, from = "Written<RepositoryTable>")]
pub enum RepositoryChoice {
    /// Always the same: `owner/name`.
    Fixed(String),
    /// The one that a property of the page names.
    Property {
        /// The property: text, select or URL.
        property: String,
        /// The repositories that it may name; issues of all of them are listed.
        of: Vec<String>,
    },
}

impl Default for RepositoryChoice {
    fn default() -> Self {
        Self::Fixed(String::new())
    }
}

impl RepositoryChoice {
    /// All repositories, as written.
    #[must_use]
    pub fn names(&self) -> Vec<&str> {
        match self {
            Self::Fixed(name) => vec![name.as_str()],
            Self::Property { of, .. } => of.iter().map(String::as_str).collect(),
        }
    }
}

/// The table of a [`RepositoryChoice`].
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RepositoryTable {
    property: String,
    of: Vec<String>,
}

impl From<Written<RepositoryTable>> for RepositoryChoice {
    fn from(written: Written<RepositoryTable>) -> Self {
        match written {
            Written::Word(name) => Self::Fixed(name),
            Written::Table(RepositoryTable { property, of }) => Self::Property { property, of },
        }
    }
}

/// Which labels go to a property.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, from = "Written<LabelsSection>")]
pub enum LabelsChoice {
    /// All of them: the property.
    All(String),
    /// Some of them.
    Some(LabelsSection),
}

impl LabelsChoice {
    /// The property.
    #[must_use]
    pub fn property(&self) -> &str {
        match self {
            Self::All(property) => property,
            Self::Some(section) => &section.property,
        }
    }
}

impl From<Written<LabelsSection>> for LabelsChoice {
    fn from(written: Written<LabelsSection>) -> Self {
        match written {
            Written::Word(property) => Self::All(property),
            Written::Table(section) => Self::Some(section),
        }
    }
}

/// A field of a project, and which way it flows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, from = "Written<ProjectFieldTable>")]
pub enum ProjectFieldChoice {
    /// Only its name.
    Name(String),
    /// Its name and its way.
    Detailed {
        /// Its name.
        field: String,
        /// Which way it flows.
        direction: Direction,
    },
}

impl ProjectFieldChoice {
    /// Its name.
    #[must_use]
    pub fn field(&self) -> &str {
        match self {
            Self::Name(field) | Self::Detailed { field, .. } => field,
        }
    }

    /// Which way it flows.
    #[must_use]
    pub fn direction(&self) -> Direction {
        match self {
            Self::Name(_) => Direction::Both,
            Self::Detailed { direction, .. } => *direction,
        }
    }
}

/// The table of a [`ProjectFieldChoice`].
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ProjectFieldTable {
    field: String,
    #[serde(default)]
    direction: Direction,
}

impl From<Written<ProjectFieldTable>> for ProjectFieldChoice {
    fn from(written: Written<ProjectFieldTable>) -> Self {
        match written {
            Written::Word(name) => Self::Name(name),
            Written::Table(ProjectFieldTable { field, direction }) => {
                Self::Detailed { field, direction }
            }
        }
    }
}
