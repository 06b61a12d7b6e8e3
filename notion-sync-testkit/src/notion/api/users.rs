//! Users and custom emojis.

use serde_json::{Value, json};

use super::{Call, Done, Service};
use crate::notion::error::ApiResult;
use crate::notion::id::NotionId;
use crate::notion::input::path_id;

impl Service {
    pub(super) fn list_users(&self, call: &Call) -> ApiResult<Done> {
        let ids: Vec<NotionId> = self
            .ws
            .objects
            .users
            .iter()
            .filter(|(_, user)| !user.guest)
            .map(|(id, _)| *id)
            .collect();
        let view = self.view(call);
        let slice = self.slice(call, "users", ids)?;
        Ok(Value::Object(slice.envelope("user", |id| view.user(id))).into())
    }

    pub(super) fn get_user(&self, call: &Call, id: &str) -> ApiResult<Done> {
        let id = path_id("user_id", id)?;
        let view = self.view(call);
        if !self.ws.objects.users.contains_key(&id) {
            return Err(view.missing(id, "user"));
        }
        Ok(view.user(id).into())
    }

    pub(super) fn list_emojis(&self, call: &Call) -> ApiResult<Done> {
        let all: Vec<Value> = self
            .ws
            .objects
            .emojis
            .iter()
            .filter(|(_, (name, _))| call.parameter("name").is_none_or(|asked| asked == name))
            .map(|(id, (name, url))| json!({"id": id, "name": name, "url": url}))
            .collect();
        let slice = self.slice(call, "custom_emojis", all)?;
        Ok(Value::Object(slice.envelope("custom_emoji", |emoji| emoji)).into())
    }
}
