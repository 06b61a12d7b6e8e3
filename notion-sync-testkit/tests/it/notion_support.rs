//! A workspace to test with, and a client that sends JSON.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use bytes::Bytes;
use chrono::{DateTime, Duration, TimeZone, Utc};
use notion_sync_testkit::emulator::{Emulator, EmulatorBounds, Reply};
use notion_sync_testkit::notion::{NotionEmulator, NotionId, NotionWorld};
use serde_json::{Value, json};

/// The newest version.
pub(crate) const NEW: &str = "2026-03-11";
/// The one before.
pub(crate) const OLD: &str = "2025-09-03";

/// An emulator, the time, and who asks with which version.
pub(crate) struct Client {
    pub(crate) notion: NotionEmulator,
    pub(crate) now: DateTime<Utc>,
    pub(crate) token: String,
    pub(crate) version: String,
}

/// What came back.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
    pub(crate) retry_after: Option<u32>,
}

impl Answer {
    /// The body of a success.
    #[track_caller]
    pub(crate) fn ok(self) -> Value {
        assert_eq!(self.status, 200, "{}", self.body);
        self.body
    }

    /// Status, code and message of a refusal.
    pub(crate) fn refusal(&self) -> (u16, &str, &str) {
        (
            self.status,
            text(&self.body["code"]),
            text(&self.body["message"]),
        )
    }
}

/// A JSON string, or nothing.
pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// An id in an answer.
#[track_caller]
pub(crate) fn id_of(value: &Value) -> NotionId {
    text(&value["id"]).parse().unwrap()
}

/// Rich text of one plain span, as it is sent.
pub(crate) fn rich(content: &str) -> Value {
    json!([{"text": {"content": content}}])
}

/// A paragraph, as it is sent.
pub(crate) fn paragraph(content: &str) -> Value {
    json!({"type": "paragraph", "paragraph": {"rich_text": rich(content)}})
}

/// Noon of a day, and thirty seconds: between two minutes.
pub(crate) fn noon() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 11, 20, 12, 0, 30).unwrap()
}

/// A table with a column of every writable type, a few pages and users.
pub(crate) fn world() -> NotionWorld {
    serde_json::from_str(
        r#"{
        "seed": 11,
        "users": [
            {"id": "ada", "name": "Ada", "email": "ada@example.org", "token": "ntn_ada"},
            {"id": "bob", "name": "Bob", "email": "bob@example.org", "token": "ntn_bob"},
            {"id": "gus", "name": "Gus", "guest": true},
            {"id": "sync", "name": "Sync", "bot": true, "token": "ntn_sync"},
            {"id": "reader", "name": "Reader", "bot": true, "token": "ntn_reader", "capabilities":
                {"update_content": false, "insert_content": false, "read_comments": false,
                 "insert_comments": false, "read_users": false, "read_emails": false}}
        ],
        "custom_emojis": {"parrot": "https://example.org/parrot.gif"},
        "databases": [
            {"id": "backlog", "title": "Backlog", "parent": "home", "data_sources": [{
                "id": "tasks", "title": "Tasks", "properties": {
                    "Name": "title",
                    "Notes": "rich_text",
                    "Points": "number",
                    "Area": {"select": ["Front", "Back"]},
                    "Tags": {"multi_select": ["red", "green"]},
                    "State": {"status": [{"name": "Not started"}, {"name": "In progress", "group": "In progress"},
                        {"name": "Done", "group": "Complete"}]},
                    "Due": "date",
                    "Who": "people",
                    "Files": "files",
                    "Ok": "checkbox",
                    "Link": "url",
                    "Mail": "email",
                    "Phone": "phone_number",
                    "Blocks": {"relation": "tasks"},
                    "Project": {"relation": {"data_source_id": "projects", "dual_property": {}}},
                    "Check": "verification",
                    "Where": "place",
                    "Echo": {"formula": "prop(\"Points\")"},
                    "Sum": {"rollup": {"relation_property_name": "Blocks",
                        "rollup_property_name": "Points", "function": "sum"}},
                    "Originals": {"rollup": {"relation_property_name": "Blocks",
                        "rollup_property_name": "Name", "function": "show_original"}},
                    "No": {"unique_id": "TASK"},
                    "Made": "created_time",
                    "Edited": "last_edited_time",
                    "Maker": "created_by",
                    "Editor": "last_edited_by",
                    "Push": {"button": {}}
                }}]},
            {"id": "plans", "title": "Plans", "data_sources": [
                {"id": "projects", "title": "Projects", "properties": {"Project name": "title"}}]}
        ],
        "pages": [
            {"id": "home", "title": "Home", "markdown": "Welcome\n- one\n- two"},
            {"id": "child", "parent": "home", "title": "Child"},
            {"id": "hidden", "title": "Hidden", "shared": false},
            {"id": "below hidden", "parent": "hidden", "title": "Below"},
            {"id": "login", "parent": "tasks", "properties": {"Name": "Fix login", "Points": 3,
                "Area": "Back", "State": "Done", "Tags": ["red"], "Who": ["ada"], "Ok": true},
                "markdown": "Steps\n- [ ] try\n- [x] look"},
            {"id": "logout", "parent": "tasks", "properties": {"Name": "Fix logout", "Points": 5,
                "Blocks": ["login"], "Due": "2026-12-01"}},
            {"id": "alpha", "parent": "projects", "title": "Alpha"}
        ],
        "comments": [{"on": "login", "by": "ada", "text": "Is it **done**?"}]
    }"#,
    )
    .unwrap()
}

impl Client {
    pub(crate) fn new() -> Self {
        Self::of(world(), EmulatorBounds::notion())
    }

    pub(crate) fn of(world: NotionWorld, bounds: EmulatorBounds) -> Self {
        Self {
            notion: NotionEmulator::new(world, bounds).unwrap(),
            now: noon(),
            token: "ntn_sync".to_owned(),
            version: NEW.to_owned(),
        }
    }

    /// The same asking as somebody else.
    pub(crate) fn with_token(mut self, token: &str) -> Self {
        self.token = token.to_owned();
        self
    }

    pub(crate) fn id(&self, name: &str) -> NotionId {
        self.notion.id(name)
    }

    pub(crate) fn wait(&mut self, seconds: i64) {
        self.now += Duration::seconds(seconds);
    }

    /// A request without reading the answer.
    pub(crate) fn raw(&mut self, method: &str, path: &str, body: Bytes) -> Reply {
        let request = http::Request::builder()
            .method(method)
            .uri(format!("https://api.notion.com{path}"))
            .header("authorization", format!("Bearer {}", self.token))
            .header("notion-version", &self.version)
            .body(body)
            .unwrap();
        self.notion.handle(request, self.now)
    }

    pub(crate) fn send(&mut self, method: &str, path: &str, body: Option<Value>) -> Answer {
        let body = body.map_or_else(Bytes::new, |body| body.to_string().into());
        match self.raw(method, &format!("/v1/{path}"), body) {
            Reply::Answer { response, .. } => Answer {
                status: response.status().as_u16(),
                retry_after: response
                    .headers()
                    .get("retry-after")
                    .and_then(|value| value.to_str().ok()?.parse().ok()),
                body: serde_json::from_slice(response.body()).unwrap_or(Value::Null),
            },
            Reply::Dropped => Answer {
                status: 0,
                body: Value::Null,
                retry_after: None,
            },
        }
    }

    pub(crate) fn get(&mut self, path: &str) -> Answer {
        self.send("GET", path, None)
    }

    pub(crate) fn post(&mut self, path: &str, body: Value) -> Answer {
        self.send("POST", path, Some(body))
    }

    pub(crate) fn patch(&mut self, path: &str, body: Value) -> Answer {
        self.send("PATCH", path, Some(body))
    }

    /// A new empty page below `home`.
    #[track_caller]
    pub(crate) fn page(&mut self) -> NotionId {
        let parent = self.id("home");
        let page = self
            .post(
                "pages",
                json!({"parent": {"page_id": parent}, "properties": {}}),
            )
            .ok();
        id_of(&page)
    }

    /// The ids and types of the children of a block.
    #[track_caller]
    pub(crate) fn children(&mut self, id: NotionId) -> Vec<Value> {
        let mut out = Vec::new();
        let mut cursor = String::new();
        loop {
            let list = self
                .get(&format!("blocks/{id}/children?page_size=100{cursor}"))
                .ok();
            out.extend(list["results"].as_array().unwrap().iter().cloned());
            match list["next_cursor"].as_str() {
                Some(next) => cursor = format!("&start_cursor={next}"),
                None => return out,
            }
        }
    }

    #[track_caller]
    pub(crate) fn markdown(&mut self, id: NotionId) -> String {
        let answer = self.get(&format!("pages/{id}/markdown")).ok();
        text(&answer["markdown"]).to_owned()
    }

    /// Replaces the whole body.
    pub(crate) fn replace(&mut self, id: NotionId, markdown: &str) -> Answer {
        self.patch(
            &format!("pages/{id}/markdown"),
            json!({"type": "replace_content", "replace_content": {"new_str": markdown}}),
        )
    }
}
