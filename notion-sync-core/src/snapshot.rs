//! What a remote showed: one object at one moment.

use std::collections::BTreeMap;

use chrono::{DateTime, Duration, Utc};
use serde::{Deserialize, Serialize};

use crate::document::Document;
use crate::id::{OpId, RecordId, RemoteRef};
use crate::value::Value;

/// One object as a remote showed it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Which object.
    pub object: RemoteRef,
    /// Which object it was before a rename or move that the listing reported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<RemoteRef>,
    /// Whether it is there.
    pub presence: Presence,
    /// Its revision.
    pub revision: Revision,
    /// When it was read: by the engine's clock, and not later than by the remote's, as far as that tells the time.
    /// Whether an edit can still carry the same [`revision`](Self::revision) is told by it.
    pub observed_at: DateTime<Utc>,
    /// Its fields under their native keys (property ids on Notion; `title`, `state`, `labels` …
    /// on an issue). A file has none: they are in its text.
    #[serde(default)]
    pub fields: BTreeMap<String, Field>,
    /// The types of these fields, by the same keys and in the terms of [`FieldSchema::kind`], where the object says
    /// them itself. A field that has another type than the [`Schema`] that is known counts as unread until that is
    /// read anew: it says nothing in the old type, which is no empty value.
    ///
    /// [`FieldSchema::kind`]: crate::remote::FieldSchema::kind
    /// [`Schema`]: crate::remote::Schema
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub types: BTreeMap<String, String>,
    /// Its content.
    pub content: Content,
    /// Where it lives: path of a file, `owner/name` of an issue's repository, data source of a page.
    #[serde(default)]
    pub place: Option<String>,
    /// What it says about its counterpart.
    #[serde(default)]
    pub marker: Marker,
    /// Address for people.
    #[serde(default)]
    pub url: Option<String>,
    /// Who edited it last, as far as the remote says. Decides nothing but whether a duplicate that the sync made is
    /// still as it was made.
    #[serde(default)]
    pub actor: Option<String>,
    /// Who made it and when, as far as the remote says. Looked at only where two objects carry the mark of one
    /// creation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made: Option<Made>,
    /// Fields that belong to the engine, as they stand, by name. Outside every hash.
    #[serde(default)]
    pub bookkeeping: BTreeMap<String, String>,
}

/// How an object came to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Made {
    /// Who made it, in the same terms as [`Snapshot::actor`].
    pub by: String,
    /// When, by the remote's clock and as coarse as its times are.
    pub at: DateTime<Utc>,
}

/// A field as read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Field {
    /// The whole value.
    Value(Value),
    /// There is a value that was not read whole or cannot be expressed; the reason.
    Unread(String),
    /// The whole value, and why no other can be written in its place now.
    Fixed(Value, String),
    /// The object has no place for a value now: that is no empty value and takes away nothing that
    /// the other side holds. Why no write can make a place; `None` where a write makes it.
    Vacant(Option<String>),
}

impl Field {
    /// The whole value, where there is one.
    #[must_use]
    pub fn value(&self) -> Option<&Value> {
        match self {
            Self::Value(value) | Self::Fixed(value, _) => Some(value),
            Self::Unread(_) | Self::Vacant(_) => None,
        }
    }
}

/// Whether an object is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Presence {
    /// It is there and in scope.
    Present,
    /// It is gone, with proof.
    Gone(Proof),
    /// A direct read found nothing. Could be deleted, could be unshared.
    Missing,
    /// It is there but no longer in this mapping's scope; where it is now.
    MovedOut(String),
    /// It could not be read; the reason.
    Unread(String),
}

impl Presence {
    /// Whether the object is gone or there; `None` where that is not known, or somebody else's.
    pub(crate) fn is_gone(&self) -> Option<bool> {
        match self {
            Self::Present => Some(false),
            Self::Gone(_) => Some(true),
            Self::Missing | Self::MovedOut(_) | Self::Unread(_) => None,
        }
    }
}

/// Why an absence is believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Proof {
    /// The page says that it is in the trash.
    InTrash,
    /// The service said 410.
    Deleted,
    /// The path is absent in a commit that descends from the one base was agreed at.
    AbsentInDescendant,
    /// A deleted event named it.
    Event,
}

/// How far a remote tells versions apart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revision {
    /// Time of the last edit as the remote says it: the start of a bucket `grain_seconds` wide.
    pub at: DateTime<Utc>,
    /// Width of the bucket in seconds; 0 means that equal tokens prove equal content.
    pub grain_seconds: u32,
    /// Blob SHA, commit, or the time as the remote wrote it.
    pub token: String,
}

impl Revision {
    /// Whether a read at `observed_at` came after this revision's bucket was closed for good:
    /// no later edit can carry the same revision.
    #[must_use]
    pub fn is_settled(&self, observed_at: DateTime<Utc>, slack: Duration) -> bool {
        self.grain_seconds == 0
            || observed_at >= self.at + Duration::seconds(i64::from(self.grain_seconds)) + slack
    }
}

/// The content of an object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Content {
    /// Not asked for.
    NotRead,
    /// A body as blocks, in Notion's terms.
    Blocks(Document),
    /// Text as it stands: a whole file with front matter, or an issue's body.
    Text(String),
    /// There is content that cannot be used; what and why, with numbers where a limit is passed.
    Unusable(String),
}

/// What an object says about its counterpart and about the operation that made it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marker {
    /// Id of the counterpart: a page id on GitHub, a GitHub URL on a page.
    #[serde(default)]
    pub counterpart: Option<String>,
    /// The operation that created the object.
    #[serde(default)]
    pub created_by: Option<OpId>,
    /// The last operation that wrote the object, where the remote can hold that.
    #[serde(default)]
    pub written_by: Option<OpId>,
    /// Whether it stands in a comment on the object rather than in the object itself.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub aside: bool,
    /// The record that the object belongs to, where the mark says it. Only a hint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<RecordId>,
    /// Version of the marker's format, where it is newer than ours.
    #[serde(default)]
    pub newer_format: Option<String>,
}

impl Snapshot {
    /// Whether no later edit can carry the same revision.
    #[must_use]
    pub fn is_settled(&self, slack: Duration) -> bool {
        self.revision.is_settled(self.observed_at, slack)
    }
}
