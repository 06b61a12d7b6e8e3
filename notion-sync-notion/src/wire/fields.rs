//! Objects that are read once: most of an answer is small, and not kept.

use std::borrow::{Borrow, Cow};
use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::Error as _;
use serde_json::value::RawValue;

use super::{Object, Parsed, text};

/// The fields of an object where they stand in the answer: neither their names nor their values are copied.
#[derive(Debug, Default)]
pub(crate) struct Fields<'a>(BTreeMap<Name<'a>, &'a RawValue>);

/// A field's name, borrowed unless it has escapes.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

impl Borrow<str> for Name<'_> {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl<'a> Fields<'a> {
    /// Reads an object from bytes.
    ///
    /// # Errors
    ///
    /// When it is no JSON object.
    pub(crate) fn parse(bytes: &'a [u8]) -> Parsed<Self> {
        text(bytes).and_then(serde_json::from_str).map(Self)
    }

    /// Reads an object from raw JSON.
    ///
    /// # Errors
    ///
    /// When it is no JSON object.
    pub(crate) fn of(raw: &'a RawValue) -> Parsed<Self> {
        serde_json::from_str(raw.get()).map(Self)
    }

    /// As [`Fields::of`]; what is no object has no fields.
    pub(crate) fn of_or_none(raw: &'a RawValue) -> Self {
        Self::of(raw).unwrap_or_default()
    }

    /// A field as raw JSON.
    pub(crate) fn raw(&self, name: &str) -> Option<&'a RawValue> {
        self.0.get(name).copied()
    }

    /// Takes a field out as raw JSON.
    pub(crate) fn take_raw(&mut self, name: &str) -> Option<&'a RawValue> {
        self.0.remove(name)
    }

    /// Looks at a field. `None` when it is absent, null or not of this type.
    pub(crate) fn get<T: Deserialize<'a>>(&self, name: &str) -> Option<T> {
        serde_json::from_str::<Option<T>>(self.raw(name)?.get())
            .ok()
            .flatten()
    }

    /// Takes a field out. `None` when it is absent, null or not of this type; in the last case it stays.
    pub(crate) fn take<T: Deserialize<'a>>(&mut self, name: &str) -> Option<T> {
        let value = serde_json::from_str::<Option<T>>(self.raw(name)?.get()).ok()?;
        self.0.remove(name);
        value
    }

    /// A field that is an object.
    pub(crate) fn object(&self, name: &str) -> Option<Self> {
        self.raw(name).and_then(|raw| Self::of(raw).ok())
    }

    /// Takes a field that is an object; of another type it stays.
    pub(crate) fn take_object(&mut self, name: &str) -> Option<Self> {
        let object = self.object(name)?;
        self.0.remove(name);
        Some(object)
    }

    /// Takes the id, in canonical spelling.
    ///
    /// # Errors
    ///
    /// When there is none.
    pub(crate) fn take_id(&mut self) -> Parsed<String> {
        self.take::<String>("id")
            .map(|id| crate::identifier::canonical_or_same(&id))
            .ok_or_else(|| serde_json::Error::custom("an object has no id"))
    }

    /// Whether a field is this text.
    pub(crate) fn is(&self, name: &str, wanted: &str) -> bool {
        self.get::<Name<'a>>(name)
            .is_some_and(|text| text.0 == wanted)
    }

    /// What is left, in the order of the names.
    pub(crate) fn into_rest(self) -> impl Iterator<Item = (String, &'a RawValue)> {
        self.0
            .into_iter()
            .map(|(name, raw)| (name.0.into_owned(), raw))
    }
}

impl From<Fields<'_>> for Object {
    fn from(fields: Fields<'_>) -> Self {
        Self(
            fields
                .into_rest()
                .map(|(name, raw)| (name, raw.to_owned()))
                .collect(),
        )
    }
}
