//! People's gestures over HTTP, for clients that drive the emulator from outside.
//!
//! | Request | Does |
//! | --- | --- |
//! | `GET /_emulator/people/summary` | users with tokens, databases, data sources, pages |
//! | `GET, PUT /_emulator/people/options` | reads or replaces [`NotionOptions`] |
//! | `POST /_emulator/people/pages/{id}/duplicate` | copies a page, answers `{"id"}` |
//! | `POST /_emulator/people/pages/{id}/share`, `.../unshare` | shares with all connections, or not |
//! | `POST /_emulator/people/pages/{id}/purge` | deletes for good |
//! | `POST /_emulator/people/pages/{id}/lock`, `.../unlock` | locks |
//! | `POST /_emulator/people/pages/{id}/blocks` | adds the block objects in `blocks`, of any type |
//! | `PUT /_emulator/people/pages/{id}/markdown` | the body becomes `markdown` |
//!
//! The member `as` of the body names who acts; without it the first person does.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::emulator::{NotionEmulator, control_response};
use super::options::NotionOptions;
use super::people::{PersonError, summary};
use crate::emulator::{Request, Response};

impl NotionEmulator {
    pub(super) fn people_control(
        &mut self,
        request: &Request,
        now: DateTime<Utc>,
    ) -> Option<Response> {
        let path = request.uri().path().strip_prefix("/_emulator/people/")?;
        let segments: Vec<&str> = path.split('/').collect();
        let body: Value = if request.body().is_empty() {
            json!({})
        } else {
            match serde_json::from_slice(request.body()) {
                Ok(body) => body,
                Err(error) => return Some(refusal(400, &format!("the body is not JSON: {error}"))),
            }
        };
        Some(match (request.method().as_str(), segments.as_slice()) {
            ("GET", ["summary"]) => control_response(200, &summary(self)),
            ("GET", ["options"]) => control_response(200, &json!(self.options())),
            ("PUT", ["options"]) => match serde_json::from_value::<NotionOptions>(body) {
                Ok(options) => {
                    self.set_options(options);
                    control_response(200, &json!(self.options()))
                }
                Err(error) => refusal(400, &error.to_string()),
            },
            ("POST" | "PUT", ["pages", page, gesture]) => {
                match self.gesture(page, gesture, &body, now) {
                    Ok(Some(answer)) => control_response(200, &answer),
                    Ok(None) => refusal(404, "there is no such gesture"),
                    Err(error) => refusal(400, &error.0),
                }
            }
            _ => refusal(404, "there is no such gesture"),
        })
    }

    fn gesture(
        &mut self,
        page: &str,
        gesture: &str,
        body: &Value,
        now: DateTime<Utc>,
    ) -> Result<Option<Value>, PersonError> {
        let id = self.id(page);
        let named = body.get("as").and_then(Value::as_str).map(str::to_owned);
        let first = || {
            let users = &self.service.ws.objects.users;
            users
                .values()
                .find(|user| user.capabilities.is_none())
                .map(|user| user.name.clone())
                .unwrap_or_default()
        };
        let name = named.unwrap_or_else(first);
        let mut person = self.person(&name, now)?;
        let answer = match gesture {
            "duplicate" => json!({"id": person.duplicate(id)?}),
            "share" => person.share(id, true).map(|()| json!({}))?,
            "unshare" => person.share(id, false).map(|()| json!({}))?,
            "purge" => person.purge(id).map(|()| json!({}))?,
            "lock" => person.lock(id, true).map(|()| json!({}))?,
            "unlock" => person.lock(id, false).map(|()| json!({}))?,
            "blocks" => {
                let blocks = body.get("blocks").and_then(Value::as_array);
                let blocks =
                    blocks.ok_or_else(|| PersonError("blocks should be a list".to_owned()))?;
                json!({"ids": person.append_blocks(id, blocks)?})
            }
            "markdown" => {
                let text = body.get("markdown").and_then(Value::as_str);
                let text =
                    text.ok_or_else(|| PersonError("markdown should be a text".to_owned()))?;
                person.set_markdown(id, text).map(|()| json!({}))?
            }
            _ => return Ok(None),
        };
        Ok(Some(answer))
    }
}

fn refusal(status: u16, message: &str) -> Response {
    control_response(status, &json!({"error": message}))
}
