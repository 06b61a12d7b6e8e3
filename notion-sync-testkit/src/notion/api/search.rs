//! Search by title.

use serde_json::Value;

use super::{Call, Done, Service};
use crate::notion::error::ApiResult;
use crate::notion::id::NotionId;
use crate::notion::input::Input;
use crate::notion::model::PageState;
use crate::notion::property::PropertyValue;
use crate::notion::view_page::Row;

/// One thing found.
enum Found<'a> {
    Page(NotionId, &'a PageState),
    Source(NotionId),
}

impl Service {
    pub(super) fn search(&self, call: &Call) -> ApiResult<Done> {
        let input = call.input();
        input.object()?;
        let text = match input.key("query").present() {
            Some(query) => query.text()?.to_lowercase(),
            None => String::new(),
        };
        let filter = input.key("filter");
        let (mut wanted, mut in_trash) = (None, false);
        if let Some(filter) = filter.present() {
            filter.object()?;
            in_trash = filter.key("in_trash").boolean_or(false)?;
            if filter.key("property").present().is_some() || filter.key("value").present().is_some()
            {
                filter.key("property").word(&["object"])?;
                wanted = Some(filter.key("value").word(&["page", "data_source"])?);
            }
        }
        let mut ascending = false;
        if let Some(sort) = input.key("sort").present() {
            if sort.key("property").present().is_some() {
                sort.key("property").word(&["relevance"])?;
            } else {
                sort.key("timestamp").word(&["last_edited_time"])?;
                ascending = match sort.key("direction").present() {
                    Some(direction) => direction.word(&["ascending", "descending"])? == "ascending",
                    None => false,
                };
            }
        }
        let view = self.view(call);
        let mut found = Vec::new();
        if wanted != Some("data_source") {
            for (id, page) in &self.ws.objects.pages {
                let Some(state) = self.ws.seen_state(page, call.now) else {
                    continue;
                };
                let above = self.ws.above(*id).is_some_and(|up| self.ws.in_trash(up));
                if (state.in_trash || above) != in_trash || !view.sees(*id) {
                    continue;
                }
                let title = match state.values.get("title") {
                    Some(PropertyValue::Text(rich)) => self.ws.text_of(rich),
                    _ => String::new(),
                };
                if title.to_lowercase().contains(&text) {
                    found.push((state.edited_at, *id, Found::Page(*id, state)));
                }
            }
        }
        if wanted != Some("page") {
            for (id, source) in &self.ws.objects.sources {
                if self.ws.in_trash(*id) != in_trash || !view.sees(*id) {
                    continue;
                }
                let title = self.ws.text_of(&source.title);
                if title.to_lowercase().contains(&text) {
                    found.push((source.edited_at, *id, Found::Source(*id)));
                }
            }
        }
        found.sort_by(|a, b| {
            let order = (a.0, a.1).cmp(&(b.0, b.1));
            if ascending { order } else { order.reverse() }
        });
        let scope = format!("search {text} {wanted:?} {in_trash} {ascending}");
        let slice = self.slice(call, &scope, found)?;
        let out = slice.envelope("page_or_data_source", |(_, _, found)| match found {
            Found::Page(id, state) => match self.ws.objects.pages.get(&id) {
                Some(page) => view.page_in(Row { id, page, state }, &None),
                None => Value::Null,
            },
            Found::Source(id) => view.source(id),
        });
        Ok(Value::Object(out).into())
    }
}

/// A direction that sorts may have.
pub(super) fn is_descending(input: &Input<'_>) -> ApiResult<bool> {
    match input.key("direction").present() {
        Some(direction) => Ok(direction.word(&["ascending", "descending"])? == "descending"),
        None => Ok(false),
    }
}
