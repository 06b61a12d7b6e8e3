//! Changing a page: look, compare, write only what differs, verify.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use notion_sync_core::document::Document;
use notion_sync_core::remote::{Ack, ContentChange, FieldChange, Update, Write};
use notion_sync_core::snapshot::{Content, Field};
use notion_sync_core::value::Value;
use notion_sync_core::{Error, ErrorKind, Result};
use serde_json::{Map, Value as Json, json};

use super::blocks::BodyPlan;
use super::bookkeeping::LAST_OP;
use super::writing::{ack, partial, unsent};
use super::{Body, NotionPages, read_body};
use crate::property::{self, Reading};
use crate::wire::{DataSource, Page, SchemaProperty};

/// Calls of an update besides the steps of its body: the verifying read, a second look at the properties
/// and their change.
const OTHER_CALLS: usize = 3;

fn stale(page: &str, what: impl Into<String>) -> Error {
    Error::new(ErrorKind::Stale, "update a page")
        .with("page", page)
        .message(what.into())
}

/// What shall stand in a field, or that it does already.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Resolved {
    /// Nothing is to be written.
    Holds,
    /// This is.
    Write(Value),
    /// Neither what was expected nor what was desired is there.
    Unexpected,
}

/// Compares a change with what is there. Of a set only the touched elements count, and only they
/// are changed.
pub(super) fn resolve(change: &FieldChange, current: &Value) -> Resolved {
    let is_set = |value: &Value| matches!(value, Value::Set(_));
    if is_set(&change.expected) || is_set(&change.desired) {
        let (expected, desired) = (change.expected.elements(), change.desired.elements());
        let current = current.elements();
        let added: BTreeSet<&String> = desired.difference(&expected).collect();
        let removed: BTreeSet<&String> = expected.difference(&desired).collect();
        let applied = added.iter().all(|element| current.contains(*element))
            && !removed.iter().any(|element| current.contains(*element));
        if applied {
            return Resolved::Holds;
        }
        let untouched = !added.iter().any(|element| current.contains(*element))
            && removed.iter().all(|element| current.contains(*element));
        if !untouched {
            return Resolved::Unexpected;
        }
        return Resolved::Write(Value::Set(
            current
                .iter()
                .filter(|element| !removed.contains(element))
                .chain(added)
                .cloned()
                .collect(),
        ));
    }
    if same(&change.desired, current) {
        Resolved::Holds
    } else if same(&change.expected, current) {
        Resolved::Write(change.desired.clone())
    } else {
        Resolved::Unexpected
    }
}

/// Whether two values say the same: empty is empty, whatever its type.
fn same(a: &Value, b: &Value) -> bool {
    a == b || a.is_empty() && b.is_empty()
}

impl NotionPages {
    /// The property of a field, and that its options exist.
    pub(super) fn check_field(
        &self,
        schema: &DataSource,
        id: &str,
        value: &Value,
    ) -> Result<SchemaProperty> {
        let property = schema
            .properties
            .iter()
            .find(|property| property.id == id)
            .ok_or_else(|| {
                Error::new(ErrorKind::Blocked, "write a property")
                    .with("property", id)
                    .message("the data source has no property of this id")
                    .remedy("check the mapping, or restore the property in Notion")
            })?;
        let missing = property::missing_options(property, value);
        if let Some(option) = missing.first()
            && (property.kind == "status" || !self.settings.create_options)
        {
            return Err(Error::new(ErrorKind::Blocked, "write a property")
                .with("property", format!("`{}`", property.name))
                .message(format!("it has no option `{option}`"))
                .remedy("add the option in Notion, or map the value to another one"));
        }
        // Also says whether the type can be written and the value fits.
        property::write(property, value)?;
        Ok(property.clone())
    }

    /// The schema, read again if what is known does not allow these values: somebody may have just
    /// added what is missing.
    pub(super) async fn schema_for<'f>(
        &self,
        fields: impl Iterator<Item = (&'f String, &'f Value)> + Clone + Send,
    ) -> Result<Arc<DataSource>> {
        let known = self.known_schema().await?;
        let fits = |schema: &DataSource| {
            fields
                .clone()
                .try_for_each(|(id, value)| self.check_field(schema, id, value).map(|_| ()))
        };
        if fits(&known).is_ok() {
            return Ok(known);
        }
        let fresh = self.fetch_schema().await?;
        fits(&fresh)?;
        Ok(fresh)
    }

    /// What stands in a field now, whole.
    pub(super) async fn current_value(&self, page: &Page, id: &str) -> Result<Value> {
        let Some(found) = page.property(id) else {
            return Ok(Value::Null);
        };
        let field = match property::read(found) {
            Reading::Whole(field) => field,
            Reading::Cut(_) => self.whole_property(&page.id, found).await?,
        };
        match field {
            Field::Value(value) => Ok(value),
            Field::Fixed(_, reason) | Field::Vacant(Some(reason)) | Field::Unread(reason) => {
                Err(Error::new(ErrorKind::Blocked, "update a page")
                    .with("property", format!("`{}`", found.name))
                    .message(reason))
            }
            Field::Vacant(None) => Ok(Value::Null),
        }
    }

    pub(super) async fn update(&self, write: &Write, update: &Update) -> Result<Ack> {
        let id = Self::page_id(&update.object, "update a page")?;
        if update.place.is_some() {
            return Err(Error::new(ErrorKind::Invalid, "update a page")
                .message("pages have no path to move to"));
        }
        let (expected, desired) = match &update.content {
            None => (None, None),
            Some(ContentChange::Blocks { expected, desired }) => (Some(expected), Some(desired)),
            Some(ContentChange::Text { .. }) => {
                return Err(Error::new(ErrorKind::Invalid, "update a page")
                    .message("the body of a page is blocks, not text"));
            }
        };
        let schema = self
            .schema_for(
                update
                    .fields
                    .iter()
                    .map(|(key, change)| (key, &change.desired)),
            )
            .await
            .map_err(unsent)?;

        let observed_at = self.client.now();
        let page = self.fetch_page(&id).await.map_err(unsent)?;
        self.require_present(&page, &schema)?;
        let (mut properties, mut held) = self
            .changed_fields(&page, &schema, &update.fields)
            .await
            .map_err(unsent)?;

        let mut plan = None;
        let read_at = self.client.now();
        if let (Some(expected), Some(desired)) = (expected, desired) {
            plan = self
                .plan_body(&id, expected, desired)
                .await
                .map_err(unsent)?;
        }

        self.bookkeeping(&schema)
            .write(&update.bookkeeping, Some(&page), &mut properties)?;
        let steps = plan.as_ref().map_or(0, BodyPlan::requests);
        if properties.is_empty() && steps == 0 {
            let mut snapshot = self.snapshot(&page, &schema, observed_at);
            if let Some(desired) = desired {
                snapshot.content = Content::Blocks(desired.clone());
            }
            return Ok(ack(snapshot));
        }
        self.bookkeeping(&schema)
            .stamp(LAST_OP, &write.op, &mut properties);
        self.client.reserve(steps + OTHER_CALLS, "update a page")?;

        let mut done = 0;
        let mut notes = BTreeMap::new();
        let mut content = desired.map(|desired| Content::Blocks(desired.clone()));
        if let (Some(plan), Some(desired)) = (plan, desired) {
            let shown = plan
                .carry_out(&self.client, read_at, &mut done)
                .await
                .map_err(|error| partial(error, done))?;
            content = Some(self.verify(&id, desired, shown, &mut notes).await);
            // The steps took a while: what people wrote into a property meanwhile is not written over.
            if !update.fields.is_empty() {
                (properties, held) = self
                    .compared_again(&id, &schema, write, update)
                    .await
                    .map_err(|error| partial(error, done))?;
            }
        }
        // Last, because it carries the mark of the operation: whoever finds the mark knows that
        // everything before it was done as well.
        let mut snapshot = if properties.is_empty() {
            let observed_at = self.client.now();
            let page = self
                .fetch_page(&id)
                .await
                .map_err(|error| partial(error, done))?;
            self.snapshot(&page, &schema, observed_at)
        } else {
            self.patch(&id, json!({ "properties": properties }), &schema, true)
                .await
                .map_err(|error| partial(error, done))?
        };
        if let Some(content) = content {
            snapshot.content = content;
        }
        // What was as it should be was not sent: where the answer shows something else, somebody edited it since.
        for (key, value) in held {
            snapshot.fields.insert(key, Field::Value(value));
        }
        Ok(Ack {
            snapshot: Some(snapshot),
            notes,
            ..Ack::default()
        })
    }

    /// The properties to write, with their bookkeeping, as the page is by now.
    async fn compared_again(
        &self,
        id: &str,
        schema: &DataSource,
        write: &Write,
        update: &Update,
    ) -> Result<(Map<String, Json>, BTreeMap<String, Value>)> {
        let page = self.fetch_page(id).await?;
        let (mut properties, held) = self.changed_fields(&page, schema, &update.fields).await?;
        let bookkeeping = self.bookkeeping(schema);
        bookkeeping.write(&update.bookkeeping, Some(&page), &mut properties)?;
        bookkeeping.stamp(LAST_OP, &write.op, &mut properties);
        Ok((properties, held))
    }

    /// The properties to write, those that are not yet as desired, and what the others say.
    async fn changed_fields(
        &self,
        page: &Page,
        schema: &DataSource,
        fields: &BTreeMap<String, FieldChange>,
    ) -> Result<(Map<String, Json>, BTreeMap<String, Value>)> {
        let (mut out, mut held) = (Map::new(), BTreeMap::new());
        for (key, change) in fields {
            let current = self.current_value(page, key).await?;
            match resolve(change, &current) {
                Resolved::Holds => {
                    held.insert(key.clone(), current);
                }
                Resolved::Write(value) => {
                    let property = self.check_field(schema, key, &value)?;
                    out.insert(key.clone(), property::write(&property, &value)?);
                }
                Resolved::Unexpected => {
                    let name = page.property(key).map_or(key.as_str(), |found| &found.name);
                    return Err(stale(
                        &page.id,
                        format!("property `{name}` is not what was expected"),
                    ));
                }
            }
        }
        Ok((out, held))
    }

    /// The steps to the desired body; `None` where it is there already.
    async fn plan_body(
        &self,
        id: &str,
        expected: &Document,
        desired: &Document,
    ) -> Result<Option<BodyPlan>> {
        let (current, identified) = match read_body(&self.client, id).await? {
            Body::Document {
                document,
                identified,
            } => (document, identified),
            Body::Unusable(reason) => {
                return Err(Error::new(ErrorKind::Blocked, "update a page")
                    .with("page", id)
                    .message(reason));
            }
        };
        if current.canon_eq(desired) {
            return Ok(None);
        }
        if !current.canon_eq(expected) {
            return Err(stale(id, "its body is not what was expected"));
        }
        let plan = BodyPlan::new(&self.client, id, &current, identified, desired).await?;
        Ok((!plan.is_empty()).then_some(plan))
    }

    /// Reads the body once more after its steps. What the answers showed stands, whatever it says:
    /// it may hold an edit that somebody made since.
    async fn verify(
        &self,
        id: &str,
        desired: &Document,
        shown: Document,
        notes: &mut BTreeMap<String, String>,
    ) -> Content {
        let verdict = match read_body(&self.client, id).await {
            Ok(Body::Document { document, .. }) if document.canon_eq(desired) => {
                return Content::Blocks(document);
            }
            Ok(Body::Document { document, .. }) if document.canon_eq(&shown) => "normalised",
            Ok(_) => "differs",
            Err(_) => "unread",
        };
        notes.insert("verification".to_owned(), verdict.to_owned());
        Content::Blocks(shown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(text: &str) -> Value {
        Value::set(text.chars().map(String::from))
    }

    /// Every expected, desired and current subset of three elements.
    #[test]
    fn sets_change_only_what_is_touched() {
        let subset = |bits: u32| {
            Value::set(
                (0..3)
                    .filter(|bit| bits >> bit & 1 == 1)
                    .map(|bit| bit.to_string()),
            )
        };
        for bits in 0..512 {
            let change = FieldChange {
                expected: subset(bits & 7),
                desired: subset(bits >> 3 & 7),
            };
            let current = subset(bits >> 6);
            let touched: BTreeSet<String> = change
                .expected
                .elements()
                .symmetric_difference(&change.desired.elements())
                .cloned()
                .collect();
            let on = |value: &Value| -> BTreeSet<String> {
                value.elements().intersection(&touched).cloned().collect()
            };
            let off = |value: &Value| -> BTreeSet<String> {
                value.elements().difference(&touched).cloned().collect()
            };
            match resolve(&change, &current) {
                Resolved::Holds => assert_eq!(on(&current), on(&change.desired)),
                Resolved::Write(value) => {
                    assert_eq!(on(&current), on(&change.expected));
                    assert_eq!(on(&value), on(&change.desired));
                    assert_eq!(off(&value), off(&current));
                }
                Resolved::Unexpected => {
                    assert_ne!(on(&current), on(&change.expected));
                    assert_ne!(on(&current), on(&change.desired));
                }
            }
        }
    }

    #[test]
    fn values_are_compared_whole() {
        let text = |text: &str| Value::text(text);
        for (expected, desired, current, wanted) in [
            ("a", "b", "a", Resolved::Write(text("b"))),
            ("a", "b", "b", Resolved::Holds),
            ("a", "b", "c", Resolved::Unexpected),
            ("", "b", "", Resolved::Write(text("b"))),
            ("a", "", "a", Resolved::Write(Value::Null)),
        ] {
            let change = FieldChange {
                expected: text(expected),
                desired: text(desired),
            };
            assert_eq!(resolve(&change, &text(current)), wanted);
        }
        let change = FieldChange {
            expected: Value::Null,
            desired: set("ab"),
        };
        assert_eq!(resolve(&change, &set("c")), Resolved::Write(set("abc")));
    }
}
