//! The endpoints.

mod blocks;
mod comments;
mod databases;
mod filter;
mod page_markdown;
mod pages;
mod property_items;
mod query;
mod search;
mod users;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use super::error::{ApiError, ApiResult};
use super::id::NotionId;
use super::input::Input;
use super::options::NotionOptions;
use super::property::decode_percent;
use super::tasks::Tasks;
use super::view::{Version, View, Viewer};
use super::view_page::Shown;
use super::workspace::{Act, Workspace};

/// The service behind the endpoints.
#[derive(Debug, Clone)]
pub(crate) struct Service {
    pub(crate) ws: Workspace,
    pub(crate) options: NotionOptions,
    pub(crate) tasks: Tasks,
    /// Seconds that times are floored to.
    pub(crate) grain: i64,
    /// Cursors of another epoch are not understood.
    pub(crate) epoch: u64,
}

/// One request, understood as far as all endpoints have it in common.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) method: http::Method,
    /// The path behind `/v1/`, decoded.
    pub(crate) path: Vec<String>,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) body: Value,
    pub(crate) viewer: Viewer,
    pub(crate) version: Version,
    pub(crate) now: DateTime<Utc>,
    pub(crate) nonce: u64,
}

/// What an endpoint did.
#[derive(Debug, Clone)]
pub(crate) struct Done {
    pub(crate) status: u16,
    pub(crate) body: Value,
    /// What a 503 after the commit names: the object, and the children made in it.
    pub(crate) committed: Option<(NotionId, Vec<NotionId>)>,
}

impl From<Value> for Done {
    fn from(body: Value) -> Self {
        Self {
            status: 200,
            body,
            committed: None,
        }
    }
}

impl Call {
    pub(crate) fn act(&self) -> Act {
        Act {
            by: self.viewer.user,
            at: self.now,
        }
    }

    pub(crate) fn input(&self) -> Input<'_> {
        Input::body(&self.body)
    }

    /// The first value of a query parameter.
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        self.query
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// 403 unless people's rules or the capability allow it.
    pub(crate) fn allow(&self, capability: bool) -> ApiResult<()> {
        if capability {
            Ok(())
        } else {
            Err(ApiError::restricted())
        }
    }

    /// The asked page of a list: how many, from where. `GET` asks in the query, `POST` in the body.
    fn paging(&self) -> ApiResult<(usize, Option<String>)> {
        let (size, cursor) = if self.method == http::Method::GET {
            let size = match self.parameter("page_size") {
                None | Some("") => None,
                Some(text) => Some(text.parse::<i64>().map_err(|_| {
                    ApiError::validation(format!(
                        "query failed validation: query.page_size should be a number, instead was `{}`.",
                        Value::from(text)
                    ))
                })?),
            };
            (size, self.parameter("start_cursor").map(str::to_owned))
        } else {
            let input = self.input();
            let size = input
                .key("page_size")
                .present()
                .map(Input::integer)
                .transpose()?;
            let cursor = input
                .key("start_cursor")
                .present()
                .map(Input::text)
                .transpose()?;
            (size, cursor.map(str::to_owned))
        };
        let place = if self.method == http::Method::GET {
            "query"
        } else {
            "body"
        };
        match size {
            None => Ok((100, cursor)),
            Some(size @ 1..=100) => Ok((usize::try_from(size).unwrap_or(100), cursor)),
            Some(size) => {
                let bound = if size > 100 { "≤ `100`" } else { "≥ `1`" };
                Err(ApiError::validation(format!(
                    "{place} failed validation: {place}.page_size should be {bound}, instead was `{size}`."
                )))
            }
        }
    }
}

/// One page of a list.
#[derive(Debug)]
pub(crate) struct Slice<T> {
    pub(crate) items: Vec<T>,
    pub(crate) next: Option<String>,
}

impl<T> Slice<T> {
    /// The list envelope around shown items.
    pub(crate) fn envelope(self, kind: &str, show: impl FnMut(T) -> Value) -> Map<String, Value> {
        let mut out = Map::new();
        out.insert("object".into(), "list".into());
        out.insert("results".into(), self.items.into_iter().map(show).collect());
        out.insert("has_more".into(), self.next.is_some().into());
        out.insert("next_cursor".into(), json!(self.next));
        out.insert("type".into(), kind.into());
        out.insert(kind.to_owned(), json!({}));
        out
    }
}

impl Service {
    pub(crate) fn view<'a>(&'a self, call: &'a Call) -> View<'a> {
        View {
            ws: &self.ws,
            viewer: &call.viewer,
            version: call.version,
            now: call.now,
            grain: self.grain,
            nonce: call.nonce,
            surprises: self.options.surprises,
        }
    }

    /// Cuts the asked page out of a list. `scope` ties a cursor to the list it came from.
    pub(crate) fn slice<T>(&self, call: &Call, scope: &str, items: Vec<T>) -> ApiResult<Slice<T>> {
        let (mut size, cursor) = call.paging()?;
        let tag = blake3::hash(format!("{} {scope}", self.epoch).as_bytes()).to_hex();
        let tag = tag.get(..12).unwrap_or_default();
        let start = match cursor {
            None => 0,
            Some(cursor) => open_cursor(&cursor, tag).ok_or_else(|| {
                ApiError::validation(format!(
                    "The start_cursor provided is invalid: {}",
                    cursor.chars().take(100).collect::<String>()
                ))
            })?,
        };
        // The service promises at most as many as asked, not as many.
        if self.options.short_pages && size > 1 && (call.nonce + start as u64) % 2 == 1 {
            size -= size.div_ceil(3);
        }
        let total = items.len();
        let items: Vec<T> = items.into_iter().skip(start).take(size).collect();
        let end = start + items.len();
        let next = (end < total).then(|| URL_SAFE_NO_PAD.encode(format!("{tag}.{end}")));
        Ok(Slice { items, next })
    }

    /// The properties that `filter_properties` asks for, by either spelling.
    fn shown(&self, call: &Call, source: Option<NotionId>) -> ApiResult<Shown> {
        let asked: Vec<&String> = call
            .query
            .iter()
            .filter(|(key, _)| {
                matches!(key.as_str(), "filter_properties" | "filter_properties[]")
                    || (key.starts_with("filter_properties[") && key.ends_with(']'))
            })
            .map(|(_, value)| value)
            .collect();
        if asked.is_empty() {
            return Ok(None);
        }
        let source = source.and_then(|id| self.ws.objects.sources.get(&id));
        let mut ids = Vec::new();
        for key in asked {
            let id = match source {
                Some(source) => source.property(key).map(|property| property.id.clone()),
                None => (key == "title").then(|| key.clone()),
            };
            ids.push(id.ok_or_else(|| {
                ApiError::validation(format!("Could not find property with name or id: {key}"))
            })?);
        }
        Ok(Some(ids))
    }

    /// Carries out one request.
    pub(crate) fn run(&mut self, call: &Call) -> ApiResult<Done> {
        let path: Vec<&str> = call.path.iter().map(String::as_str).collect();
        let can = &call.viewer.can;
        match (call.method.as_str(), path.as_slice()) {
            ("POST", ["search"]) => call
                .allow(can.read_content)
                .and_then(|()| self.search(call)),
            ("POST", ["databases"]) => call
                .allow(can.insert_content)
                .and_then(|()| self.create_database(call)),
            ("GET", ["databases", id]) => call
                .allow(can.read_content)
                .and_then(|()| self.get_database(call, id)),
            ("PATCH", ["databases", id]) => call
                .allow(can.update_content)
                .and_then(|()| self.patch_database(call, id)),
            ("POST", ["data_sources"]) => call
                .allow(can.insert_content)
                .and_then(|()| self.create_source(call)),
            ("GET", ["data_sources", id]) => call
                .allow(can.read_content)
                .and_then(|()| self.get_source(call, id)),
            ("PATCH", ["data_sources", id]) => call
                .allow(can.update_content)
                .and_then(|()| self.patch_source(call, id)),
            ("GET", ["data_sources", id, "templates"]) => call
                .allow(can.read_content)
                .and_then(|()| self.templates(call, id)),
            ("POST", ["data_sources", id, "query"]) => call
                .allow(can.read_content)
                .and_then(|()| self.query(call, id)),
            ("POST", ["pages"]) => call
                .allow(can.insert_content)
                .and_then(|()| self.create_page(call)),
            ("GET", ["pages", id]) => call
                .allow(can.read_content)
                .and_then(|()| self.get_page(call, id)),
            ("PATCH", ["pages", id]) => call
                .allow(can.update_content)
                .and_then(|()| self.patch_page(call, id)),
            ("POST", ["pages", id, "move"]) => call
                .allow(can.update_content)
                .and_then(|()| self.move_page(call, id)),
            ("GET", ["pages", id, "properties", property]) => call
                .allow(can.read_content)
                .and_then(|()| self.property_item(call, id, property)),
            ("GET", ["pages", id, "markdown"]) => call
                .allow(can.read_content)
                .and_then(|()| self.get_markdown(call, id)),
            ("PATCH", ["pages", id, "markdown"]) => call
                .allow(can.update_content)
                .and_then(|()| self.patch_markdown(call, id)),
            ("GET", ["async_tasks", id]) => self.get_task(call, id),
            ("GET", ["blocks", id]) => call
                .allow(can.read_content)
                .and_then(|()| self.get_block(call, id)),
            ("PATCH", ["blocks", id]) => call
                .allow(can.update_content)
                .and_then(|()| self.patch_block(call, id)),
            ("DELETE", ["blocks", id]) => call
                .allow(can.update_content)
                .and_then(|()| self.delete_block(call, id)),
            ("GET", ["blocks", id, "children"]) => call
                .allow(can.read_content)
                .and_then(|()| self.get_children(call, id)),
            ("PATCH", ["blocks", id, "children"]) => call
                .allow(can.insert_content)
                .and_then(|()| self.append_children(call, id)),
            ("GET", ["comments"]) => call
                .allow(can.read_comments)
                .and_then(|()| self.list_comments(call)),
            ("POST", ["comments"]) => call
                .allow(can.insert_comments)
                .and_then(|()| self.create_comment(call)),
            ("GET", ["comments", id]) => call
                .allow(can.read_comments)
                .and_then(|()| self.get_comment(call, id)),
            ("PATCH", ["comments", id]) => call
                .allow(can.insert_comments)
                .and_then(|()| self.patch_comment(call, id)),
            ("DELETE", ["comments", id]) => call
                .allow(can.insert_comments)
                .and_then(|()| self.delete_comment(call, id)),
            ("GET", ["users"]) => call
                .allow(can.read_users && call.viewer.is_bot)
                .and_then(|()| self.list_users(call)),
            ("GET", ["users", "me"]) => Ok(self.view(call).user(call.viewer.user).into()),
            ("GET", ["users", id]) => call
                .allow(can.read_users)
                .and_then(|()| self.get_user(call, id)),
            ("GET", ["custom_emojis"]) => call
                .allow(can.read_content)
                .and_then(|()| self.list_emojis(call)),
            _ => Err(ApiError::invalid_url()),
        }
    }
}

fn open_cursor(cursor: &str, tag: &str) -> Option<usize> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    text.strip_prefix(tag)?.strip_prefix('.')?.parse().ok()
}

/// The pairs of a query string, decoded.
pub(crate) fn query_pairs(query: &str) -> Vec<(String, String)> {
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let decode = |text: &str| decode_percent(&text.replace('+', " "));
            (decode(key), decode(value))
        })
        .collect()
}
