//! The comment that shows the state of the sync on an issue.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::hash::ContentHash;
use crate::id::{RecordId, RemoteRef};
use crate::value::Value;

/// What the comment says. There is one on each issue, edited in place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Card {
    /// Id of the page.
    pub page: String,
    /// Address of the page, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page_url: Option<String>,
    /// The record.
    pub record: RecordId,
    /// Revision of the page that this was agreed at. It moves with everything on the page, so that it
    /// alone never makes the comment say something else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// What both sides agree on, by field; people by login.
    pub fields: BTreeMap<String, Value>,
    /// The pull requests of the issue, by number.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pulls: Vec<CardPull>,
}

/// A pull request on a [`Card`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct CardPull {
    /// Its number.
    pub number: u64,
    /// `draft`, `open`, `merged` or `closed`.
    pub state: String,
    /// Its address.
    pub url: String,
}

impl Card {
    /// Hash of everything that makes it another one: all but the revision.
    #[must_use]
    pub fn state(&self) -> ContentHash {
        let part = (
            &self.page,
            &self.page_url,
            &self.record,
            &self.fields,
            &self.pulls,
        );
        ContentHash::of("nsync/card/v1", &part)
    }
}

/// A [`Card`] that was found on an issue, written by the sync itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundCard {
    /// The issue.
    pub object: RemoteRef,
    /// Id of the page that it names.
    pub page: String,
    /// The record that it names.
    pub record: Option<RecordId>,
}
