//! Values of single properties.

use serde_json::{Map, Value, json};

use super::{Call, Done, Service};
use crate::notion::error::{ApiError, ApiResult};
use crate::notion::property::{Kind, PropertyValue, encode_id};
use crate::notion::view_page::{Row, plain_title};

impl Service {
    pub(super) fn property_item(&self, call: &Call, page: &str, key: &str) -> ApiResult<Done> {
        let id = self.page_id(call, page)?;
        let view = self.view(call);
        let page = self
            .ws
            .objects
            .pages
            .get(&id)
            .ok_or_else(|| view.missing(id, "page"))?;
        let row = Row {
            id,
            page,
            state: &page.state,
        };
        let plain = plain_title();
        let found = match view.table_of(row) {
            // The path segment was decoded once already; names are not accepted here.
            Some(table) => table
                .properties
                .iter()
                .find(|property| property.id == key || encode_id(&property.id) == key),
            None => (key == "title").then_some(&plain),
        };
        let Some(property) = found else {
            return Err(ApiError::new(
                404,
                "object_not_found",
                format!(
                    "Could not find property with ID: {}.",
                    key.chars().take(100).collect::<String>()
                ),
            ));
        };
        let kind = property.kind.name();
        let shown_id = encode_id(&property.id);
        let stored = row
            .state
            .values
            .get(&property.id)
            .filter(|value| value.fits(&property.kind));
        let item = |kind: &str, value: Value| {
            let mut out = Map::new();
            out.insert("object".into(), "property_item".into());
            out.insert("type".into(), kind.into());
            out.insert("id".into(), shown_id.clone().into());
            out.insert(kind.to_owned(), value);
            Value::Object(out)
        };
        let items: Vec<Value> = match (&property.kind, stored) {
            (Kind::Title | Kind::RichText, stored) => match stored {
                Some(PropertyValue::Text(rich)) => rich
                    .iter()
                    .map(|span| item(kind, view.span(span, true)))
                    .collect(),
                _ => Vec::new(),
            },
            (Kind::People, Some(PropertyValue::Ids(ids))) => {
                ids.iter().map(|id| item(kind, view.user(*id))).collect()
            }
            (Kind::People, _) => Vec::new(),
            (Kind::Relation { .. }, stored) => view
                .related(stored)
                .iter()
                .map(|id| item(kind, json!({"id": id})))
                .collect(),
            (Kind::Rollup { .. }, _) => view
                .rollup_items(&property.kind, row)
                .into_iter()
                .map(|(name, value)| item(&name, value))
                .collect(),
            (_, stored) => return Ok(item(kind, view.bare(property, stored, row, false)).into()),
        };
        let slice = self.slice(call, &format!("property {id} {}", property.id), items)?;
        let next_url = slice.next.as_ref().map(|cursor| {
            format!(
                "https://api.notion.com/v1/pages/{id}/properties/{shown_id}?start_cursor={cursor}"
            )
        });
        let complete = slice.next.is_none();
        let mut about = Map::new();
        about.insert("id".into(), shown_id.clone().into());
        about.insert("next_url".into(), json!(next_url));
        about.insert("type".into(), kind.into());
        let own = match &property.kind {
            Kind::Rollup { function, .. } if !complete => {
                json!({"type": "incomplete", "incomplete": {}, "function": function})
            }
            Kind::Rollup { .. } => view.rollup(&property.kind, row, false),
            _ => json!({}),
        };
        about.insert(kind.to_owned(), own);
        let mut out = slice.envelope("property_item", |item| item);
        out.insert("property_item".into(), about.into());
        Ok(Value::Object(out).into())
    }
}
