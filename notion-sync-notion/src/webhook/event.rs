//! What Notion says happened. Ids only: what the object is now, a read tells.

use std::collections::BTreeMap;
use std::fmt;

use chrono::{DateTime, Utc};
use notion_sync_core::event::{Change, ChangeEvent, Detected, EVENT_VERSION};
use notion_sync_core::id::{RemoteRef, Side};
use notion_sync_core::webhook::{Refusal, is_id};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::identifier::{canonical_or_same, decode_property};
use crate::pages::{BLOCK, COMMENT, SYSTEM, page_ref};

/// Most properties of one event that become part of a hint.
const MAX_CHANGED: usize = 200;

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// What happened.
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum EventKind {
            $($(#[$doc])* $name,)*
            /// A type that this release does not know, as it was sent.
            Other(String),
        }

        impl EventKind {
            /// Every known type.
            pub const KNOWN: &'static [&'static str] = &[$($text),*];

            /// The type as Notion writes it.
            #[must_use]
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$name => $text,)*
                    Self::Other(text) => text,
                }
            }
        }

        impl From<&str> for EventKind {
            fn from(text: &str) -> Self {
                match text {
                    $($text => Self::$name,)*
                    other => Self::Other(other.to_owned()),
                }
            }
        }
    };
}

kinds! {
    /// A page was made.
    PageCreated = "page.created",
    /// Blocks of a page, or the title of a plain page.
    PageContentUpdated = "page.content_updated",
    /// Properties of a page.
    PagePropertiesUpdated = "page.properties_updated",
    /// A page has another parent.
    PageMoved = "page.moved",
    /// A page went to the trash.
    PageDeleted = "page.deleted",
    /// A page came back from the trash.
    PageUndeleted = "page.undeleted",
    /// A page was locked.
    PageLocked = "page.locked",
    /// A page was unlocked.
    PageUnlocked = "page.unlocked",
    /// The transcript of a block was removed.
    TranscriptDeleted = "page.transcription_block.transcript_deleted",
    /// A data source was made.
    DataSourceCreated = "data_source.created",
    /// A data source has another database.
    DataSourceMoved = "data_source.moved",
    /// A data source went to the trash.
    DataSourceDeleted = "data_source.deleted",
    /// A data source came back from the trash.
    DataSourceUndeleted = "data_source.undeleted",
    /// Rows came or went.
    DataSourceContentUpdated = "data_source.content_updated",
    /// Properties were added, changed or removed.
    DataSourceSchemaUpdated = "data_source.schema_updated",
    /// A database was made.
    DatabaseCreated = "database.created",
    /// A database has another parent.
    DatabaseMoved = "database.moved",
    /// A database went to the trash.
    DatabaseDeleted = "database.deleted",
    /// A database came back from the trash.
    DatabaseUndeleted = "database.undeleted",
    /// Rows came or went; deprecated by Notion since 2025-09-03.
    DatabaseContentUpdated = "database.content_updated",
    /// Properties changed; deprecated by Notion since 2025-09-03.
    DatabaseSchemaUpdated = "database.schema_updated",
    /// A comment was written.
    CommentCreated = "comment.created",
    /// A comment was changed.
    CommentUpdated = "comment.updated",
    /// A comment was removed.
    CommentDeleted = "comment.deleted",
    /// A view was made.
    ViewCreated = "view.created",
    /// A view was changed.
    ViewUpdated = "view.updated",
    /// A view was removed.
    ViewDeleted = "view.deleted",
    /// An upload began.
    FileUploadCreated = "file_upload.created",
    /// An upload ended.
    FileUploadCompleted = "file_upload.completed",
    /// An upload was not used in time.
    FileUploadExpired = "file_upload.expired",
    /// An upload failed.
    FileUploadFailed = "file_upload.upload_failed",
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl EventKind {
    /// Whether it is about a comment.
    #[must_use]
    pub fn is_comment(&self) -> bool {
        matches!(
            self,
            Self::CommentCreated | Self::CommentUpdated | Self::CommentDeleted
        )
    }

    /// Whether somebody wrote something: properties or blocks of a page that was there.
    #[must_use]
    pub fn is_edit(&self) -> bool {
        matches!(self, Self::PageContentUpdated | Self::PagePropertiesUpdated)
    }

    /// Whether it can change what is synchronised. Views and uploads cannot; what is not known may.
    #[must_use]
    pub fn is_relevant(&self) -> bool {
        !matches!(
            self,
            Self::ViewCreated
                | Self::ViewUpdated
                | Self::ViewDeleted
                | Self::FileUploadCreated
                | Self::FileUploadCompleted
                | Self::FileUploadExpired
                | Self::FileUploadFailed
                | Self::TranscriptDeleted
        )
    }
}

/// One event as it was sent. Fields that are not known are kept in `rest`.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Identity of the event, the same in every attempt to deliver it.
    pub id: String,
    /// When it happened, to the millisecond.
    pub timestamp: DateTime<Utc>,
    /// What happened.
    pub kind: EventKind,
    /// To what.
    pub entity: Entity,
    /// The workspace.
    pub workspace_id: Option<String>,
    /// The subscription.
    pub subscription_id: Option<String>,
    /// The connection.
    pub integration_id: Option<String>,
    /// Who did it; several where Notion put edits together. May be our own bot.
    pub authors: Vec<Author>,
    /// Which attempt this is, from 1 to 8.
    pub attempt: Option<u32>,
    /// The API version that the event is written in.
    pub api_version: Option<String>,
    /// Where the entity is now.
    pub parent: Option<Parent>,
    /// Properties that changed, of a page or of a schema.
    pub updated_properties: Vec<UpdatedProperty>,
    /// Blocks that changed.
    pub updated_blocks: Vec<BlockRef>,
    /// The page of a comment.
    pub page_id: Option<String>,
    /// Everything else, by name; what was in `data` as `data.NAME`.
    pub rest: BTreeMap<String, Value>,
}

/// What an event is about.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Entity {
    /// Its id.
    pub id: String,
    /// `page`, `data_source`, `database`, `block`, `comment`, `view`, `file_upload`, or newer.
    #[serde(rename = "type", default)]
    pub kind: String,
}

/// Who did something.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Author {
    /// User id.
    pub id: String,
    /// `person`, `bot`, `agent`, or newer.
    #[serde(rename = "type", default)]
    pub kind: String,
}

/// Where an entity is. Not the shape that the API uses elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Parent {
    /// Its id.
    pub id: String,
    /// `space`, `block`, `page`, `database`, `team`, `agent`, or newer.
    #[serde(rename = "type", default)]
    pub kind: String,
    /// The data source, where the parent is a table.
    #[serde(default)]
    pub data_source_id: Option<String>,
}

/// A property that changed. Events of pages name the id only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpdatedProperty {
    /// Its id, decoded.
    pub id: String,
    /// Its name, in events of schemas.
    pub name: Option<String>,
    /// `created`, `updated` or `deleted`, in events of schemas.
    pub action: Option<String>,
}

/// A block that changed.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct BlockRef {
    /// Its id.
    pub id: String,
    /// `block`, `page` or `database`.
    #[serde(rename = "type", default)]
    pub kind: String,
}

/// The members that are read; each as far as it has the expected form.
#[derive(Deserialize)]
struct Raw {
    id: String,
    timestamp: DateTime<Utc>,
    #[serde(rename = "type")]
    kind: String,
    entity: Entity,
    #[serde(default, deserialize_with = "lenient")]
    workspace_id: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    subscription_id: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    integration_id: Option<String>,
    #[serde(default, deserialize_with = "each")]
    authors: Vec<Author>,
    #[serde(default, deserialize_with = "lenient")]
    attempt_number: Option<u32>,
    #[serde(default, deserialize_with = "lenient")]
    api_version: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    data: Option<BTreeMap<String, Value>>,
    #[serde(flatten)]
    rest: BTreeMap<String, Value>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum RawProperty {
    Id(String),
    Described {
        id: String,
        #[serde(default)]
        name: Option<String>,
        #[serde(default)]
        action: Option<String>,
    },
}

/// What is of another form than expected counts as missing.
fn lenient<'de, D: Deserializer<'de>, T: serde::de::DeserializeOwned>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    let value = Value::deserialize(deserializer)?;
    Ok(serde_json::from_value(value).ok())
}

fn each<'de, D: Deserializer<'de>, T: serde::de::DeserializeOwned>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    Ok(list(Some(Value::deserialize(deserializer)?)))
}

fn list<T: serde::de::DeserializeOwned>(value: Option<Value>) -> Vec<T> {
    match value {
        Some(Value::Array(items)) => items
            .into_iter()
            .filter_map(|item| serde_json::from_value(item).ok())
            .collect(),
        _ => Vec::new(),
    }
}

impl Event {
    /// Reads an event. Only its id, type, time and entity must be there.
    ///
    /// # Errors
    ///
    /// [`Refusal::Malformed`] otherwise.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        let raw: Raw =
            serde_json::from_str(text).map_err(|_| Refusal::Malformed("no event of Notion"))?;
        if !is_id(&raw.id) || !is_id(&raw.entity.id) {
            return Err(Refusal::Malformed("no usable id"));
        }
        let mut data = raw.data.unwrap_or_default();
        let mut take = |name: &str| data.remove(name);
        let parent = take("parent").and_then(|value| serde_json::from_value(value).ok());
        let properties: Vec<RawProperty> = list(take("updated_properties"));
        let updated_blocks = list(take("updated_blocks"));
        let page_id = match take("page_id") {
            Some(Value::String(id)) => Some(id),
            _ => None,
        };
        let mut rest = raw.rest;
        rest.extend(
            data.into_iter()
                .map(|(name, value)| (format!("data.{name}"), value)),
        );
        Ok(Self {
            id: raw.id,
            timestamp: raw.timestamp,
            kind: EventKind::from(raw.kind.as_str()),
            entity: raw.entity,
            workspace_id: raw.workspace_id,
            subscription_id: raw.subscription_id,
            integration_id: raw.integration_id,
            authors: raw.authors,
            attempt: raw.attempt_number,
            api_version: raw.api_version,
            parent,
            updated_properties: properties.into_iter().map(UpdatedProperty::from).collect(),
            updated_blocks,
            page_id,
            rest,
        })
    }

    /// The data source that the entity is, or is a row of, where the event says so.
    #[must_use]
    pub fn data_source(&self) -> Option<String> {
        let named = match &self.parent {
            _ if self.entity.kind == "data_source" => Some(&self.entity.id),
            Some(parent) => parent.data_source_id.as_ref(),
            None => None,
        };
        named.map(|id| canonical_or_same(id))
    }

    /// The hint it gives; `None` where it cannot change what is synchronised. One about a comment names
    /// its page, with the comment, and the block that it is on, among what changed: a deleted comment
    /// has nothing else.
    #[must_use]
    pub fn change(&self, detected_at: DateTime<Utc>) -> Option<ChangeEvent> {
        if !self.kind.is_relevant() {
            return None;
        }
        let mut changed: BTreeMap<String, Change> = (self.updated_properties.iter())
            .take(MAX_CHANGED)
            .map(|property| (property.id.clone(), Change::default()))
            .collect();
        let object = if self.kind.is_comment() {
            let page = self.page_id.as_deref().filter(|id| is_id(id))?;
            changed.insert(COMMENT.to_owned(), named(&self.entity.id));
            if let Some(parent) = &self.parent
                && parent.kind == BLOCK
                && is_id(&parent.id)
            {
                changed.insert(BLOCK.to_owned(), named(&parent.id));
            }
            page_ref(page)
        } else if self.entity.kind == "page" {
            page_ref(&self.entity.id)
        } else {
            let kind = if is_id(&self.entity.kind) {
                self.entity.kind.as_str()
            } else {
                "unknown"
            };
            RemoteRef::new(SYSTEM, kind, canonical_or_same(&self.entity.id))
        };
        Some(ChangeEvent {
            version: EVENT_VERSION,
            id: self.id.clone(),
            side: Side::Notion,
            mapping: None,
            detected: Detected::Webhook,
            detected_at,
            // Of what replaces nothing nobody has to be told.
            occurred_at: self.kind.is_edit().then_some(self.timestamp),
            object,
            event: Some(self.kind.as_str().chars().take(100).collect()),
            // The event's time is not the page's: no revision is known until it is read.
            revision: None,
            actors: self
                .authors
                .iter()
                .take(100)
                .map(|author| author.id.clone())
                .collect(),
            people: (!self.authors.is_empty())
                .then(|| self.authors.iter().any(|author| author.kind == "person")),
            changed,
        })
    }
}

/// An object that an event is about, by its id.
fn named(id: &str) -> Change {
    let id = notion_sync_core::value::Value::Text(canonical_or_same(id));
    Change::of(None, Some(id))
}

impl From<RawProperty> for UpdatedProperty {
    fn from(raw: RawProperty) -> Self {
        match raw {
            RawProperty::Id(id) => Self {
                id: decode_property(&id),
                name: None,
                action: None,
            },
            RawProperty::Described { id, name, action } => Self {
                id: decode_property(&id),
                name,
                action,
            },
        }
    }
}
