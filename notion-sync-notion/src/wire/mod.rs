//! Notion's answers as types that tolerate what they do not know.
//!
//! Pinning an API version does not keep new fields, new property types and new block types away:
//! every type here takes out what it knows, keeps the rest as raw JSON, and fails only when an
//! object has no id.

mod block;
mod fields;
mod page;
mod user;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::de::{DeserializeOwned, Error as _};
use serde_json::value::RawValue;

pub use block::{BlockHead, Comment, PageMarkdown};
pub use page::{DataSource, Database, Page, Parent, Property, SchemaProperty};
pub use user::User;

pub(crate) use fields::Fields;

/// A result whose error is that of the JSON reader.
pub type Parsed<T> = Result<T, serde_json::Error>;

/// An answer as text. What is known to be text is read without looking at every string once more.
fn text(bytes: &[u8]) -> Parsed<&str> {
    std::str::from_utf8(bytes).map_err(serde_json::Error::custom)
}

/// A JSON object whose values are not looked at yet.
#[derive(Debug, Clone, Default)]
pub struct Object(pub BTreeMap<String, Box<RawValue>>);

impl Object {
    /// Reads an object from bytes.
    ///
    /// # Errors
    ///
    /// When it is no JSON object.
    pub fn parse(bytes: &[u8]) -> Parsed<Self> {
        text(bytes).and_then(serde_json::from_str).map(Self)
    }

    /// Reads an object from raw JSON.
    ///
    /// # Errors
    ///
    /// When it is no JSON object.
    pub fn of(raw: &RawValue) -> Parsed<Self> {
        serde_json::from_str(raw.get()).map(Self)
    }

    /// Looks at a field. `None` when it is absent, null or not of this type.
    #[must_use]
    pub fn get<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        let raw = self.0.get(name)?;
        serde_json::from_str::<Option<T>>(raw.get()).ok().flatten()
    }

    /// A field as raw JSON.
    #[must_use]
    pub fn raw(&self, name: &str) -> Option<&RawValue> {
        self.0.get(name).map(|raw| &**raw)
    }

    /// A field that is an object.
    #[must_use]
    pub fn object(&self, name: &str) -> Option<Self> {
        self.raw(name).and_then(|raw| Self::of(raw).ok())
    }

    /// Whether a field is there and null.
    #[must_use]
    pub fn is_null(&self, name: &str) -> bool {
        self.raw(name).is_some_and(|raw| raw.get() == "null")
    }
}

/// One page of a list, or all of them together.
#[derive(Debug, Clone, Default)]
pub struct Listed {
    /// The items, not looked at yet.
    pub results: Vec<Box<RawValue>>,
    /// Where the next page starts; `None` on the last one.
    pub next_cursor: Option<String>,
    /// Whether the service says that it stopped before the end (`request_status`).
    pub incomplete: bool,
    /// When the service answered, by its own clock; of several pages, the first.
    pub answered_at: Option<DateTime<Utc>>,
    /// Everything else.
    pub rest: Object,
}

impl Listed {
    /// Reads a page of a list.
    ///
    /// # Errors
    ///
    /// When it is no object with `results` (or, for templates of a data source, `templates`).
    pub fn parse(bytes: &[u8]) -> Parsed<Self> {
        let mut object = Fields::parse(bytes)?;
        let results = object
            .take("results")
            .or_else(|| object.take("templates"))
            .ok_or_else(|| serde_json::Error::custom("a list has no results"))?;
        let has_more = object.take::<bool>("has_more");
        let next_cursor = object
            .take::<String>("next_cursor")
            .filter(|cursor| !cursor.is_empty() && has_more != Some(false));
        let incomplete = object
            .object("request_status")
            .and_then(|status| status.get::<String>("type"))
            .is_some_and(|kind| kind == "incomplete");
        Ok(Self {
            results,
            next_cursor,
            incomplete,
            answered_at: None,
            rest: object.into(),
        })
    }
}

/// Notion's error object.
#[derive(Debug, Clone, Default)]
pub struct ErrorBody {
    /// The code: what to branch on.
    pub code: String,
    /// The text: no contract, and it can quote what was sent.
    pub message: String,
    /// Notion's id of the request.
    pub request_id: Option<String>,
    /// `additional_data`.
    pub data: Object,
}

impl ErrorBody {
    /// Reads an error object; `None` when it is none, for example a page of HTML.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let mut object = Fields::parse(bytes).ok()?;
        let code = object.take::<String>("code")?;
        Some(Self {
            code,
            message: object.take("message").unwrap_or_default(),
            request_id: object.take("request_id"),
            data: object.object("additional_data").unwrap_or_default().into(),
        })
    }

    /// A text in `additional_data`.
    #[must_use]
    pub fn additional(&self, name: &str) -> Option<&str> {
        // Ids, reasons and numbers have no escapes in them, so that the text can be borrowed.
        let raw = self.data.raw(name)?.get();
        let inner = raw.strip_prefix('"')?.strip_suffix('"')?;
        (!inner.contains('\\')).then_some(inner)
    }

    /// A list of texts in `additional_data`.
    #[must_use]
    pub fn additional_list(&self, name: &str) -> Vec<String> {
        self.data.get(name).unwrap_or_default()
    }
}

/// The text of a list of rich text objects, and how many of them are mentions.
#[must_use]
pub fn plain_text(items: &[Box<RawValue>]) -> (String, usize) {
    let mut out = String::new();
    let mut mentions = 0;
    for item in items {
        let fields = Fields::of_or_none(item);
        if fields.is("type", "mention") {
            mentions += 1;
        }
        let text = fields.get::<String>("plain_text").or_else(|| {
            fields
                .object("text")
                .and_then(|text| text.get::<String>("content"))
        });
        out.push_str(&text.unwrap_or_default());
    }
    (out, mentions)
}
