//! Rows of a data source: filtered, sorted, page by page.

use std::cmp::Ordering;

use serde_json::{Value, json};

use super::filter::{Filter, Moments};
use super::search::is_descending;
use super::{Call, Done, Service};
use crate::notion::error::{ApiError, ApiResult};
use crate::notion::id::NotionId;
use crate::notion::model::{DataSource, Parent};
use crate::notion::moment::Moment;
use crate::notion::property::{Kind, Property, PropertyValue};
use crate::notion::view::{View, floor};
use crate::notion::view_page::Row;

/// What rows are put in order by.
enum Key<'a> {
    Created,
    Edited,
    Property(&'a Property),
}

/// The value of a key, in an order that all rows share. Empty values come last.
#[derive(Debug, PartialEq, PartialOrd)]
enum Rank {
    Number(f64),
    Time(chrono::DateTime<chrono::Utc>),
    Text(String),
}

impl Service {
    pub(super) fn query(&self, call: &Call, id: &str) -> ApiResult<Done> {
        let id = self.source_id(call, id)?;
        let source = self
            .ws
            .objects
            .sources
            .get(&id)
            .ok_or_else(ApiError::invalid_url)?;
        let input = call.input();
        input.object()?;
        let shown = self.shown(call, Some(id))?;
        let archived = input.key("is_archived").boolean_or(false)?;
        if let Some(kind) = input.key("result_type").present() {
            kind.word(&["page", "data_source"])?;
        }
        let moments = Moments {
            now: call.now,
            grain: self.grain,
        };
        let filter = input.key("filter");
        let filter = match filter.present() {
            Some(filter) => Some(Filter::read(source, filter, moments)?),
            None => None,
        };
        let sorts = sorts(source, call)?;
        let view = self.view(call);
        let mut rows: Vec<Row<'_>> = Vec::new();
        let wanted_pages = input.key("result_type").raw() != Some(&Value::from("data_source"));
        if !self.ws.in_trash(id) && wanted_pages {
            for row in &source.rows {
                let Some(page) = self.ws.objects.pages.get(row) else {
                    continue;
                };
                let Some(state) = self.ws.seen_state(page, call.now) else {
                    continue;
                };
                let row = Row {
                    id: *row,
                    page,
                    state,
                };
                let listed = state.parent == Parent::Source(id)
                    && !state.in_trash
                    && state.archived == archived
                    && (page.shared != Some(false) || !call.viewer.is_bot)
                    && filter
                        .as_ref()
                        .is_none_or(|filter| filter.admits(&view, row));
                if listed {
                    rows.push(row);
                }
            }
        }
        let rows = if sorts.is_empty() {
            // No order is promised without sorts; the service gives the newest first.
            rows.sort_by_key(|row| std::cmp::Reverse((row.page.created_at, row.id)));
            rows
        } else {
            sort(&view, rows, &sorts)
        };
        let complete = rows.len() <= self.options.query_cap;
        let rows: Vec<Row<'_>> = rows.into_iter().take(self.options.query_cap).collect();
        let scope = format!(
            "query {id} {archived} {} {}",
            text_of(call, "filter"),
            text_of(call, "sorts")
        );
        let slice = self.slice(call, &scope, rows)?;
        let mut out = slice.envelope("page_or_data_source", |row| view.page_in(row, &shown));
        if !complete {
            out.insert(
                "request_status".into(),
                json!({"type": "incomplete", "incomplete_reason": "query_result_limit_reached"}),
            );
        }
        Ok(Value::Object(out).into())
    }
}

fn text_of(call: &Call, key: &str) -> String {
    call.body.get(key).map(Value::to_string).unwrap_or_default()
}

fn sorts<'a>(source: &'a DataSource, call: &Call) -> ApiResult<Vec<(Key<'a>, bool)>> {
    let input = call.input();
    let list = input.key("sorts");
    let Some(list) = list.present() else {
        return Ok(Vec::new());
    };
    let mut out = Vec::new();
    for sort in list.array(100)? {
        let descending = is_descending(&sort)?;
        if sort.key("timestamp").present().is_some() {
            let key = match sort
                .key("timestamp")
                .word(&["created_time", "last_edited_time"])?
            {
                "created_time" => Key::Created,
                _ => Key::Edited,
            };
            out.push((key, descending));
        } else {
            let name = sort.key("property").text()?;
            let property = source.property(name).ok_or_else(|| {
                ApiError::validation(format!(
                    "Could not find sort property with name or id: {name}"
                ))
            })?;
            out.push((Key::Property(property), descending));
        }
    }
    Ok(out)
}

fn sort<'a>(view: &View<'_>, rows: Vec<Row<'a>>, sorts: &[(Key<'_>, bool)]) -> Vec<Row<'a>> {
    let mut ranked: Vec<(Vec<Option<Rank>>, Row<'a>)> = rows
        .into_iter()
        .map(|row| {
            (
                sorts.iter().map(|(key, _)| rank(view, key, row)).collect(),
                row,
            )
        })
        .collect();
    ranked.sort_by(|a, b| {
        for ((x, y), (_, descending)) in a.0.iter().zip(&b.0).zip(sorts) {
            let order = match (x, y) {
                (Some(x), Some(y)) => {
                    let order = x.partial_cmp(y).unwrap_or(Ordering::Equal);
                    if *descending { order.reverse() } else { order }
                }
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (None, None) => Ordering::Equal,
            };
            if order != Ordering::Equal {
                return order;
            }
        }
        tie(a.1.id, b.1.id)
    });
    ranked.into_iter().map(|(_, row)| row).collect()
}

fn tie(a: NotionId, b: NotionId) -> Ordering {
    a.cmp(&b)
}

fn rank(view: &View<'_>, key: &Key<'_>, row: Row<'_>) -> Option<Rank> {
    let property = match key {
        Key::Created => return Some(Rank::Time(floor(row.page.created_at, view.grain))),
        Key::Edited => return Some(Rank::Time(floor(row.state.edited_at, view.grain))),
        Key::Property(property) => property,
    };
    let stored = row
        .state
        .values
        .get(&property.id)
        .filter(|value| value.fits(&property.kind));
    let position = |id: &str| {
        let index = property
            .kind
            .options()?
            .iter()
            .position(|option| option.id == id)?;
        Some(Rank::Number(index as f64))
    };
    match (&property.kind, stored) {
        (Kind::CreatedTime, _) => Some(Rank::Time(floor(row.page.created_at, view.grain))),
        (Kind::LastEditedTime, _) => Some(Rank::Time(floor(row.state.edited_at, view.grain))),
        (Kind::Checkbox, stored) => {
            let on = stored == Some(&PropertyValue::Checkbox(true));
            Some(Rank::Number(if on { 1.0 } else { 0.0 }))
        }
        (_, Some(PropertyValue::Text(rich))) => {
            let text = view.ws.text_of(rich).to_lowercase();
            (!text.is_empty()).then_some(Rank::Text(text))
        }
        (_, Some(PropertyValue::Word(text))) => Some(Rank::Text(text.to_lowercase())),
        (_, Some(PropertyValue::Number(number))) => number.as_f64().map(Rank::Number),
        (_, Some(PropertyValue::UniqueNumber(number))) => Some(Rank::Number(*number as f64)),
        (_, Some(PropertyValue::Choice(id))) => position(id),
        (_, Some(PropertyValue::Choices(ids))) => ids.first().and_then(|id| position(id)),
        (_, Some(PropertyValue::Date(date))) => {
            Moment::parse(&date.start).map(|moment| Rank::Time(moment.start()))
        }
        (Kind::People, Some(PropertyValue::Ids(ids))) => {
            let user = view.ws.objects.users.get(ids.first()?)?;
            Some(Rank::Text(user.name.to_lowercase()))
        }
        (Kind::Relation { .. }, Some(PropertyValue::Ids(ids))) => Some(Rank::Text(
            view.ws.title_text(*ids.first()?)?.to_lowercase(),
        )),
        _ => None,
    }
}
