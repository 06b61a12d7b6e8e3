//! One request on its way through the service: its parts, and the parts of the answer.

use bytes::Bytes;
use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Map, Value};

use super::account::Actor;
use super::auth::{Caller, Need};
use super::refusal::Refusal;
use super::render::Render;
use super::repository::Repository;
use super::state::State;

/// The versions of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ApiVersion {
    V2022,
    V2026,
}

impl ApiVersion {
    pub(crate) const NAMES: [&'static str; 2] = ["2022-11-28", "2026-03-10"];

    pub(crate) fn parse(text: &str) -> Option<Self> {
        match text {
            "2022-11-28" => Some(Self::V2022),
            "2026-03-10" => Some(Self::V2026),
            _ => None,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::V2022 => Self::NAMES[0],
            Self::V2026 => Self::NAMES[1],
        }
    }
}

/// Where addresses in answers begin.
#[derive(Debug, Clone)]
pub(crate) struct Bases {
    /// Of the API, without a slash at the end.
    pub(crate) api: String,
    /// Of pages for people.
    pub(crate) web: String,
    /// Of git over HTTP.
    pub(crate) git: String,
}

/// The content of an answer.
#[derive(Debug, Clone)]
pub(crate) enum Content {
    Empty,
    Json(Value),
    Bytes(&'static str, Vec<u8>),
}

/// An answer before headers that every answer has are added.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) content: Content,
    pub(crate) headers: Vec<(&'static str, String)>,
}

pub(crate) type Outcome = Result<Answer, Refusal>;

impl Answer {
    pub(crate) fn json(status: u16, body: Value) -> Self {
        Self {
            status,
            content: Content::Json(body),
            headers: Vec::new(),
        }
    }

    pub(crate) fn ok(body: Value) -> Self {
        Self::json(200, body)
    }

    pub(crate) fn created(body: Value) -> Self {
        let location = body["url"].as_str().map(|url| ("location", url.to_owned()));
        Self {
            headers: location.into_iter().collect(),
            ..Self::json(201, body)
        }
    }

    pub(crate) fn empty(status: u16) -> Self {
        Self {
            status,
            content: Content::Empty,
            headers: Vec::new(),
        }
    }

    pub(crate) fn with(mut self, name: &'static str, value: String) -> Self {
        self.headers.push((name, value));
        self
    }
}

/// A request and everything it may touch.
#[derive(Debug)]
pub(crate) struct Exchange<'a> {
    pub(crate) state: &'a mut State,
    pub(crate) caller: Caller,
    pub(crate) now: DateTime<Utc>,
    pub(crate) bases: Bases,
    pub(crate) version: ApiVersion,
    pub(crate) method: String,
    /// The path under which links name this resource.
    pub(crate) canonical: String,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) accept: String,
    pub(crate) body: Bytes,
}

impl Exchange<'_> {
    pub(crate) fn render(&self) -> Render<'_> {
        Render {
            state: self.state,
            bases: &self.bases,
            version: self.version,
        }
    }

    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        self.query
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    pub(crate) fn repo(&self, id: u64) -> Result<&Repository, Refusal> {
        self.state.repository(id)
    }

    /// Checks the caller's rights.
    pub(crate) fn need(&self, repository: u64, need: Need) -> Result<(), Refusal> {
        self.state.check(&self.caller, self.repo(repository)?, need)
    }

    pub(crate) fn may(&self, repository: u64, need: Need) -> bool {
        self.need(repository, need).is_ok()
    }

    pub(crate) fn actor(&self) -> Result<Actor, Refusal> {
        self.state.actor(&self.caller)
    }

    /// The body as a JSON object. No body is an empty object.
    pub(crate) fn fields(&self) -> Result<Fields, Refusal> {
        if self.body.iter().all(u8::is_ascii_whitespace) {
            return Ok(Fields(Map::new()));
        }
        match serde_json::from_slice(&self.body) {
            Ok(Value::Object(map)) => Ok(Fields(map)),
            Ok(_) => Err(Refusal::new(400, "Body should be a JSON object")),
            Err(_) => Err(Refusal::new(400, "Problems parsing JSON")),
        }
    }

    /// `since`, if it is there and a time.
    pub(crate) fn since(&self) -> Result<Option<DateTime<Utc>>, Refusal> {
        match self.parameter("since") {
            None | Some("") => Ok(None),
            Some(text) => DateTime::parse_from_rfc3339(text)
                .map(|time| Some(time.with_timezone(&Utc)))
                .map_err(|_| {
                    Refusal::unprocessable("Invalid request.\n\nsince is not a valid timestamp")
                }),
        }
    }

    /// Whether something updated at `at` passes the `since` filter.
    pub(crate) fn passes_since(&self, at: DateTime<Utc>, since: Option<DateTime<Utc>>) -> bool {
        since.is_none_or(|since| {
            at > since || (at == since && self.state.settings.since_is_inclusive)
        })
    }

    pub(crate) fn page_number(&self) -> usize {
        self.parameter("page")
            .and_then(|text| text.parse().ok())
            .filter(|page| *page > 0)
            .unwrap_or(1)
    }

    pub(crate) fn per_page(&self) -> usize {
        self.parameter("per_page")
            .and_then(|text| text.parse().ok())
            .filter(|size| *size > 0)
            .unwrap_or(30)
            .min(100)
    }

    /// One page of a listing, and the header that leads to the others.
    pub(crate) fn page<T>(&self, items: Vec<T>) -> (Vec<T>, Option<String>) {
        let (page, size) = (self.page_number(), self.per_page());
        let last = items.len().div_ceil(size).max(1);
        let link = self.links(page, last);
        (
            items
                .into_iter()
                .skip((page - 1).saturating_mul(size))
                .take(size)
                .collect(),
            link,
        )
    }

    fn links(&self, page: usize, last: usize) -> Option<String> {
        if last == 1 && page == 1 {
            return None;
        }
        let mut links = Vec::new();
        let mut add = |rel: &str, target: usize| {
            let mut query: Vec<String> = self
                .query
                .iter()
                .filter(|(key, _)| key != "page")
                .map(|(key, value)| format!("{}={}", encode(key), encode(value)))
                .collect();
            query.push(format!("page={target}"));
            links.push(format!(
                "<{}{}?{}>; rel=\"{rel}\"",
                self.bases.api,
                self.canonical,
                query.join("&")
            ));
        };
        if page > 1 {
            add("prev", (page - 1).min(last));
        }
        if page < last {
            add("next", page + 1);
            add("last", last);
        }
        if page > 1 {
            add("first", 1);
        }
        Some(links.join(", "))
    }

    /// A page of a listing as an answer.
    pub(crate) fn listing<T>(&self, items: Vec<T>, mut render: impl FnMut(T) -> Value) -> Answer {
        let (items, link) = self.page(items);
        let answer = Answer::ok(items.into_iter().map(&mut render).collect());
        match link {
            Some(link) => answer.with("link", link),
            None => answer,
        }
    }
}

/// Percent-encodes everything but unreserved characters.
pub(crate) fn encode(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

/// Percent-encodes a path, keeping its slashes.
pub(crate) fn encode_path(path: &str) -> String {
    path.split('/').map(encode).collect::<Vec<_>>().join("/")
}

/// Undoes percent-encoding; in queries a plus is a space.
pub(crate) fn decode(text: &str, plus_is_space: bool) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = |offset: usize| {
            bytes
                .get(at + offset)
                .and_then(|byte| char::from(*byte).to_digit(16))
        };
        match (bytes[at], hex(1), hex(2)) {
            (b'%', Some(high), Some(low)) => {
                decoded.push(u8::try_from(high * 16 + low).unwrap_or(b'?'));
                at += 3;
                continue;
            }
            (b'+', ..) if plus_is_space => decoded.push(b' '),
            (byte, ..) => decoded.push(byte),
        }
        at += 1;
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

/// A time as the API prints it.
pub(crate) fn stamp(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// The members of a request body, read with the service's complaints.
#[derive(Debug, Clone)]
pub(crate) struct Fields(pub(crate) Map<String, Value>);

impl Fields {
    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// A text. `null` counts as absent.
    pub(crate) fn text(&self, name: &str) -> Result<Option<String>, Refusal> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(Value::Number(number)) => Ok(Some(number.to_string())),
            Some(_) => Err(Refusal::schema(name, "a string")),
        }
    }

    pub(crate) fn required(&self, name: &str) -> Result<String, Refusal> {
        self.text(name)?.ok_or_else(|| Refusal::missing(name))
    }

    /// A text that may be cleared: outer `None` absent, inner `None` null.
    pub(crate) fn clearable(&self, name: &str) -> Result<Option<Option<String>>, Refusal> {
        if self.0.contains_key(name) {
            self.text(name).map(Some)
        } else {
            Ok(None)
        }
    }

    pub(crate) fn flag(&self, name: &str) -> Result<Option<bool>, Refusal> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(_) => Err(Refusal::schema(name, "a boolean")),
        }
    }

    pub(crate) fn number(&self, name: &str) -> Result<Option<u64>, Refusal> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Number(number)) if number.as_u64().is_some() => Ok(number.as_u64()),
            Some(Value::String(text)) => text
                .parse()
                .map(Some)
                .map_err(|_| Refusal::schema(name, "an integer")),
            Some(_) => Err(Refusal::schema(name, "an integer")),
        }
    }

    /// A list of texts, or of objects with a `name`.
    pub(crate) fn names(&self, name: &str) -> Result<Option<Vec<String>>, Refusal> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Array(items)) => items
                .iter()
                .map(|item| match item {
                    Value::String(text) => Ok(text.clone()),
                    Value::Object(object) => object
                        .get("name")
                        .and_then(Value::as_str)
                        .map(str::to_owned)
                        .ok_or_else(|| Refusal::schema(name, "an array of strings")),
                    _ => Err(Refusal::schema(name, "an array of strings")),
                })
                .collect::<Result<_, _>>()
                .map(Some),
            Some(_) => Err(Refusal::schema(name, "an array")),
        }
    }
}
