//! Identifiers as types, so that one cannot be passed where another is wanted.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! id_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        // Boxed text, not a `String`: ids never grow, and every block has one.
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
        #[serde(transparent)]
        pub struct $name(Box<str>);

        impl $name {
            /// Wraps an id as it is.
            pub fn new(id: impl Into<String>) -> Self {
                let id: String = id.into();
                Self::from(id)
            }

            /// The id as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl From<&str> for $name {
            fn from(id: &str) -> Self {
                Self(id.into())
            }
        }

        impl From<String> for $name {
            fn from(id: String) -> Self {
                Self(id.into())
            }
        }
    };
}

id_type! {
    /// The id of a Notion block: a UUID in dashed lower case.
    BlockId
}
id_type! {
    /// The id of a record: one pair that is kept the same. Ours, never reused.
    RecordId
}
id_type! {
    /// The name of a mapping: one data source and its place on GitHub, as configured.
    MappingId
}
id_type! {
    /// The id of a field: what a property, a front matter key or an issue attribute is called
    /// between the two sides. Data, not an enumeration.
    FieldId
}
id_type! {
    /// The deterministic id of an operation: 32 characters of lower-case base 32; of one that makes
    /// an object, then a dot and the id of its record.
    OpId
}
id_type! {
    /// The readable, deterministic id of one synchronisation of one record.
    SyncRunId
}

/// Which of the two sides.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// The Notion side.
    Notion,
    /// The GitHub side.
    Github,
}

impl Side {
    /// Both sides, Notion first.
    pub const BOTH: [Self; 2] = [Self::Notion, Self::Github];

    /// The opposite side.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Notion => Self::Github,
            Self::Github => Self::Notion,
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Notion => "Notion",
            Self::Github => "GitHub",
        })
    }
}

/// An object on a remote. Opaque to the core: only adapters look inside.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
pub struct RemoteRef {
    /// Which system, for example `notion` or `github`.
    pub system: String,
    /// Which kind of object there, for example `page`, `file`, `issue`, `pull`.
    pub kind: String,
    /// The id within the kind. Stable under rename and move wherever the service has such an id.
    pub id: String,
}

impl RemoteRef {
    /// Names an object.
    pub fn new(system: impl Into<String>, kind: impl Into<String>, id: impl Into<String>) -> Self {
        Self {
            system: system.into(),
            kind: kind.into(),
            id: id.into(),
        }
    }
}

impl fmt::Display for RemoteRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.system, self.kind, self.id)
    }
}
