//! What must be readable before absence means anything.

use serde::{Deserialize, Serialize};

use crate::id::Side;

/// An object on each side that is known to be there. While one cannot be read, or does not say what
/// it should, whatever else is missing on that side is not taken for deleted, closed or moved away:
/// lost sharing, an emptied repository and a wrong account look like that too.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Sentinel {
    /// The page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notion: Option<Canary>,
    /// The file or issue.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub github: Option<Canary>,
}

/// One such object. It lies in the mapping's own place: what is readable elsewhere proves nothing
/// about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Canary {
    /// Which, as people name it and the side understands it
    /// ([`Remote::named`](crate::remote::Remote::named)): id or address of a page, path of a file,
    /// number of an issue.
    pub at: String,
    /// What its title, a field or its text must contain.
    pub contains: String,
}

impl Canary {
    /// Names an object and what it must say.
    pub fn new(at: impl Into<String>, contains: impl Into<String>) -> Self {
        Self {
            at: at.into(),
            contains: contains.into(),
        }
    }
}

impl Sentinel {
    /// The object on one side.
    #[must_use]
    pub fn on(&self, side: Side) -> Option<&Canary> {
        match side {
            Side::Notion => self.notion.as_ref(),
            Side::Github => self.github.as_ref(),
        }
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        self.notion.is_none() && self.github.is_none()
    }
}
