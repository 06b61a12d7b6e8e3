//! A snapshot in the terms of a mapping: fields by their own names, the body as a document.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::document::Document;
use crate::id::{FieldId, RemoteRef};
use crate::snapshot::{Field, Made, Marker, Presence, Revision};
use crate::value::Value;

/// One side of a record, ready to be decided about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct View {
    /// Which object.
    pub object: RemoteRef,
    /// Whether it is there.
    pub presence: Presence,
    /// Its revision.
    pub revision: Revision,
    /// Whether no later edit can carry the same revision.
    pub settled: bool,
    /// When it was read.
    pub observed_at: DateTime<Utc>,
    /// Fields by the mapping's names, each in the side's own terms.
    pub fields: BTreeMap<FieldId, Field>,
    /// What rules look at on the page, by property id.
    pub watched: BTreeMap<String, Field>,
    /// Whether a field has another type than the schema that is known: it counts as unread until that is read anew.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub outdated: bool,
    /// The body, in the terms that both sides share.
    pub body: BodyView,
    /// The text it was read from, where it is a file or an issue.
    pub source: Option<Source>,
    /// The body in Notion's own terms, where it is a page.
    pub native: Option<Document>,
    /// Path of a file, repository of an issue.
    pub place: Option<String>,
    /// What it says about its counterpart.
    pub marker: Marker,
    /// Address for people.
    pub url: Option<String>,
    /// Who edited it last.
    pub actor: Option<String>,
    /// Who made it and when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made: Option<Made>,
    /// Fields of the engine as they stand.
    pub bookkeeping: BTreeMap<String, String>,
}

/// The text of a file or issue and what was understood of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// The whole text.
    pub text: String,
    /// Its whole body with spans, a title heading included.
    pub document: Document,
    /// How many blocks at the start are not part of the body: 1 where the title is a heading.
    pub lead: usize,
    /// Where in the text the document ends: what follows stays on this side.
    pub end: usize,
}

/// The body of a view.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum BodyView {
    /// Not read, or the mapping has none.
    None,
    /// The body.
    Read(Document),
    /// It cannot be used; why.
    Unusable(String),
}

impl View {
    /// A field's value: none where the field is not there, or the object has no place for it.
    ///
    /// # Errors
    ///
    /// The reason why it could not be read.
    pub fn field(&self, id: &FieldId) -> Result<Option<&Value>, &str> {
        match self.fields.get(id) {
            Some(Field::Value(value) | Field::Fixed(value, _)) => Ok(Some(value)),
            Some(Field::Unread(why)) => Err(why),
            Some(Field::Vacant(_)) | None => Ok(None),
        }
    }

    /// What a watched property says; empty where the page does not have it, and `None` where it
    /// could not be read.
    #[must_use]
    pub fn says(&self, property: &str) -> Option<&Value> {
        match self.watched.get(property) {
            Some(field) => field.value(),
            None => Some(&Value::Null),
        }
    }

    /// The body, where it was read.
    #[must_use]
    pub fn document(&self) -> Option<&Document> {
        match &self.body {
            BodyView::Read(document) => Some(document),
            BodyView::None | BodyView::Unusable(_) => None,
        }
    }
}
