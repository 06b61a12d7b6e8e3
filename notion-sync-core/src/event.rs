//! The one schema of events: something may have changed.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::hash::ContentHash;
use crate::id::{MappingId, RemoteRef, Side};
use crate::value::Value;

/// The version of [`ChangeEvent`] that this crate writes.
pub const EVENT_VERSION: u32 = 1;

/// Something may have changed. A hint: what really changed is decided from what a read returns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ChangeEvent {
    /// Version of this schema; readers accept fields they do not know.
    #[serde(default = "current")]
    pub version: u32,
    /// Id of the delivery, where there is one: an event that arrives twice is taken once.
    pub id: String,
    /// The side it comes from.
    pub side: Side,
    /// The mapping it concerns, where that is known.
    #[serde(default)]
    pub mapping: Option<MappingId>,
    /// How it was detected.
    pub detected: Detected,
    /// When it was detected.
    pub detected_at: DateTime<Utc>,
    /// When it happened by the remote's clock, where the remote says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub occurred_at: Option<DateTime<Utc>>,
    /// The page or object.
    pub object: RemoteRef,
    /// What the remote calls the event, for example `issues.edited`, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<String>,
    /// The revision that was observed, as the remote says it.
    #[serde(default)]
    pub revision: Option<String>,
    /// Who changed it, as far as the remote says. Never used to suppress anything.
    #[serde(default)]
    pub actors: Vec<String>,
    /// Whether a person is among them, where the remote tells people from programs. Never used to suppress
    /// anything: it tells of people who edit while a write is under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub people: Option<bool>,
    /// What changed, by native key, with the value before where it is known.
    #[serde(default)]
    pub changed: BTreeMap<String, Change>,
}

/// How a change was detected.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Detected {
    /// A webhook said so.
    Webhook,
    /// A poll found it.
    Poll,
    /// A sweep found it.
    Sweep,
    /// A person or another program asked to look.
    Request,
}

/// One changed property.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Change {
    /// The value before, where it is known.
    #[serde(default)]
    pub before: Option<Value>,
    /// The value after, where it is known.
    #[serde(default)]
    pub after: Option<Value>,
    /// [`text_hash`] of the text before, where the text itself is not carried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub before_hash: Option<ContentHash>,
    /// [`text_hash`] of the text after, where the text itself is not carried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub after_hash: Option<ContentHash>,
}

/// The key of the content in [`ChangeEvent::changed`], where an event tells it from the fields.
pub const CONTENT: &str = "body";

/// The hash by which an event tells a text that it does not carry. Line ends and blanks around the text do not
/// count: services change them.
#[must_use]
pub fn text_hash(text: &str) -> ContentHash {
    let text = text.replace("\r\n", "\n");
    ContentHash::of_bytes("nsync/event-text/v1", text.trim().as_bytes())
}

impl Change {
    /// A change of which both values are known, or are nothing.
    #[must_use]
    pub fn of(before: Option<Value>, after: Option<Value>) -> Self {
        Self {
            before,
            after,
            ..Self::default()
        }
    }

    /// A change of a text that the event does not carry.
    #[must_use]
    pub fn of_text(before: &str, after: &str) -> Self {
        Self {
            before_hash: Some(text_hash(before)),
            after_hash: Some(text_hash(after)),
            ..Self::default()
        }
    }

    /// The hashes of the texts before and after, as far as they are known.
    pub(crate) fn texts(&self) -> (Option<ContentHash>, Option<ContentHash>) {
        let of = |value: &Option<Value>| match value {
            Some(Value::Text(text)) => Some(text_hash(text)),
            _ => None,
        };
        (
            self.before_hash.or_else(|| of(&self.before)),
            self.after_hash.or_else(|| of(&self.after)),
        )
    }
}

fn current() -> u32 {
    EVENT_VERSION
}

impl ChangeEvent {
    /// The JSON Schema of this type.
    #[must_use]
    pub fn json_schema() -> String {
        let schema = schemars::schema_for!(Self);
        serde_json::to_string_pretty(&schema).unwrap_or_default()
    }
}
