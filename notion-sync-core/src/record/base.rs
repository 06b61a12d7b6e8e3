//! What both sides agreed on.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::id::{FieldId, Side};
use crate::snapshot::Revision;
use crate::value::Value;

/// What both sides held when they last agreed on a field. Each in its own terms: a service may
/// store something else than it was sent, and many values of one side may say the same.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Agreed {
    /// On Notion.
    pub notion: Value,
    /// On GitHub.
    pub github: Value,
}

impl Agreed {
    /// The value of one side.
    #[must_use]
    pub fn on(&self, side: Side) -> &Value {
        match side {
            Side::Notion => &self.notion,
            Side::Github => &self.github,
        }
    }

    /// Replaces the value of one side.
    pub fn set(&mut self, side: Side, value: Value) {
        match side {
            Side::Notion => self.notion = value,
            Side::Github => self.github = value,
        }
    }
}

/// The last agreed version. The body's base is stored beside the record.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Base {
    /// Fields.
    pub fields: BTreeMap<FieldId, Agreed>,
    /// Revision of the page this was agreed at.
    pub notion: Option<Revision>,
    /// Revision of the GitHub object this was agreed at.
    pub github: Option<Revision>,
    /// Path both sides agreed on (documents).
    pub path: Option<String>,
}

impl Base {
    /// The revision of one side.
    #[must_use]
    pub fn revision(&self, side: Side) -> Option<&Revision> {
        match side {
            Side::Notion => self.notion.as_ref(),
            Side::Github => self.github.as_ref(),
        }
    }

    /// Moves the revision of one side forward, never back.
    pub fn advance(&mut self, side: Side, revision: &Revision) {
        let slot = match side {
            Side::Notion => &mut self.notion,
            Side::Github => &mut self.github,
        };
        if slot.as_ref().is_none_or(|known| known.at <= revision.at) {
            *slot = Some(revision.clone());
        }
    }
}
