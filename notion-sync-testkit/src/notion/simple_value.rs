//! Property values in the simple form that worlds and people use.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::api::Service;
use super::error::ApiError;
use super::input::Input;
use super::model::Parent;
use super::property::{Kind, PropertyValue};
use super::text::{SpanKind, plain};
use super::value_input::{Written, values};
use super::world::resolve;

impl Service {
    /// Values in the simple form of worlds, checked against the schema.
    pub(crate) fn simple_values(
        &self,
        parent: Parent,
        simple: &BTreeMap<String, Value>,
    ) -> Result<Written, ApiError> {
        let source = match parent {
            Parent::Source(id) => self.ws.objects.sources.get(&id),
            _ => None,
        };
        let mut body = Map::new();
        let mut given: Vec<(String, Option<PropertyValue>)> = Vec::new();
        for (name, value) in simple {
            let kind = match source {
                Some(source) => source.property(name).map(|property| &property.kind),
                None => (name == "title").then_some(&Kind::Title),
            };
            let Some(kind) = kind else {
                return Err(ApiError::validation(format!(
                    "{name} is not a property that exists."
                )));
            };
            let object = match (kind, value) {
                (
                    Kind::Formula { .. } | Kind::Verification | Kind::Place | Kind::Other { .. },
                    value,
                ) => {
                    // What the service computes or only the app sets is taken as it is read.
                    let id = source
                        .and_then(|source| source.property(name))
                        .map(|p| p.id.clone());
                    given.push((
                        id.unwrap_or_default(),
                        Some(PropertyValue::Object(value.clone())),
                    ));
                    continue;
                }
                (kind, Value::Object(object)) if object.contains_key(kind.name()) => value.clone(),
                (kind, value) => json!({ kind.name(): self.full_value(kind, value) }),
            };
            body.insert(name.clone(), object);
        }
        let body = Value::Object(body);
        let mut written = values(&self.ws, parent, &Input::body(&body))?;
        written.values.extend(given);
        Ok(written)
    }

    /// A simple value in the form in which the API takes it.
    fn full_value(&self, kind: &Kind, value: &Value) -> Value {
        let id =
            |text: &Value| json!({"id": resolve(self.ws.seed, text.as_str().unwrap_or_default())});
        match (kind, value) {
            (Kind::Title | Kind::RichText, Value::String(text)) => plain(text)
                .into_iter()
                .filter_map(|span| match span.kind {
                    SpanKind::Text { content, .. } => Some(json!({"text": {"content": content}})),
                    _ => None,
                })
                .collect(),
            (Kind::Title | Kind::RichText, Value::Null) => json!([]),
            (Kind::Select { .. } | Kind::Status { .. }, Value::String(name)) => {
                json!({"name": name})
            }
            (Kind::MultiSelect { .. }, Value::Array(list)) => list
                .iter()
                .map(|item| {
                    if item.is_string() {
                        json!({"name": item})
                    } else {
                        item.clone()
                    }
                })
                .collect(),
            (Kind::Date, Value::String(start)) => json!({"start": start}),
            (Kind::People | Kind::Relation { .. }, Value::String(_)) => json!([id(value)]),
            (Kind::People | Kind::Relation { .. }, Value::Array(list)) => list
                .iter()
                .map(|item| {
                    if item.is_string() {
                        id(item)
                    } else {
                        item.clone()
                    }
                })
                .collect(),
            (Kind::Files, Value::Array(list)) => list
                .iter()
                .map(|item| match item.as_str() {
                    Some(url) => json!({"name": url.rsplit('/').next(), "external": {"url": url}}),
                    None => item.clone(),
                })
                .collect(),
            (
                Kind::MultiSelect { .. } | Kind::People | Kind::Relation { .. } | Kind::Files,
                Value::Null,
            ) => json!([]),
            (Kind::Checkbox, Value::Null) => json!(false),
            _ => value.clone(),
        }
    }
}
