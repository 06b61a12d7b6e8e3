//! Comments.

use serde_json::{Value, json};

use super::{Call, Done, Service};
use crate::notion::error::{ApiError, ApiResult};
use crate::notion::id::NotionId;
use crate::notion::input::{Input, path_id};
use crate::notion::markdown::read_inline;
use crate::notion::model::Comment;
use crate::notion::text::Rich;
use crate::notion::text_input::rich_text;

impl Service {
    pub(super) fn list_comments(&self, call: &Call) -> ApiResult<Done> {
        let Some(about) = call.parameter("block_id") else {
            return Err(ApiError::validation(
                "query failed validation: query.block_id should be defined, instead was `undefined`.",
            ));
        };
        let about = about.parse::<NotionId>().map_err(|_| {
            ApiError::validation(format!(
                "query failed validation: query.block_id should be a valid uuid, instead was `{}`.",
                Value::from(about)
            ))
        })?;
        let view = self.view(call);
        view.require_block(about)?;
        let found: Vec<&(NotionId, Comment)> = self
            .ws
            .objects
            .comments
            .iter()
            .filter(|(_, comment)| comment.about == about && !comment.resolved)
            .collect();
        let slice = self.slice(call, &format!("comments {about}"), found)?;
        Ok(Value::Object(slice.envelope("comment", |(id, c)| view.comment(*id, c))).into())
    }

    /// The place of a comment that the viewer can see.
    fn find_comment(&self, call: &Call, id: &str) -> ApiResult<usize> {
        let id = path_id("comment_id", id)?;
        let view = self.view(call);
        self.ws
            .objects
            .comments
            .iter()
            .position(|(own, comment)| *own == id && view.sees(comment.about))
            .ok_or_else(|| view.missing(id, "comment"))
    }

    fn show_comment(&self, call: &Call, index: usize) -> Value {
        match self.ws.objects.comments.get(index) {
            Some((id, comment)) => self.view(call).comment(*id, comment),
            None => Value::Null,
        }
    }

    pub(super) fn get_comment(&self, call: &Call, id: &str) -> ApiResult<Done> {
        let index = self.find_comment(call, id)?;
        Ok(self.show_comment(call, index).into())
    }

    /// The text of a comment: rich text or inline Markdown, exactly one of them.
    fn comment_text(&self, input: &Input<'_>) -> ApiResult<Rich> {
        let (rich, markdown) = (input.key("rich_text"), input.key("markdown"));
        match (rich.present(), markdown.present()) {
            (Some(rich), None) => rich_text(&self.ws, rich),
            (None, Some(markdown)) => Ok(read_inline(markdown.text()?, &self.ws.objects.emojis)),
            (Some(_), Some(_)) => Err(markdown.wrong("not present")),
            (None, None) => Err(crate::notion::input::one_of_missing(
                "body",
                &["rich_text", "markdown"],
            )),
        }
    }

    pub(super) fn create_comment(&mut self, call: &Call) -> ApiResult<Done> {
        let input = call.input();
        input.object()?;
        let parent = input.key("parent");
        let targets = [
            parent.key("page_id"),
            parent.key("block_id"),
            input.key("discussion_id"),
        ];
        let given: Vec<&Input<'_>> = targets.iter().filter_map(Input::present).collect();
        let [target] = given.as_slice() else {
            return Err(ApiError::validation(
                "body failed validation: exactly one of body.parent.page_id, body.parent.block_id \
                 and body.discussion_id should be defined.",
            ));
        };
        let id = target.id()?;
        let rich = self.comment_text(&input)?;
        let view = self.view(call);
        let (about, discussion) = if target.path() == "body.discussion_id" {
            let found = self
                .ws
                .objects
                .comments
                .iter()
                .find(|(_, c)| c.discussion == id);
            match found {
                Some((_, first)) if view.sees(first.about) => (first.about, Some(id)),
                _ => return Err(view.missing(id, "discussion")),
            }
        } else {
            view.require_block(id)?;
            (id, None)
        };
        let display_name = match input.key("display_name").present() {
            None => None,
            Some(name) => {
                let kind = name.key("type").word(&["integration", "user", "custom"])?;
                let resolved = match kind {
                    "custom" => name.key("custom").key("name").text_up_to(200)?.to_owned(),
                    _ => call.viewer.name.clone(),
                };
                Some(json!({"type": kind, "resolved_name": resolved}))
            }
        };
        let index = self.add_comment(call.act(), about, discussion, rich, display_name);
        let made = self.ws.objects.comments.get(index).map(|(id, _)| *id);
        Ok(Done {
            status: 200,
            body: self.show_comment(call, index),
            committed: made.map(|id| (id, Vec::new())),
        })
    }

    /// Stores a comment; gives its place.
    pub(crate) fn add_comment(
        &mut self,
        act: crate::notion::workspace::Act,
        about: NotionId,
        discussion: Option<NotionId>,
        rich: Rich,
        display_name: Option<Value>,
    ) -> usize {
        let id = self.ws.next_id();
        let discussion = discussion.unwrap_or_else(|| self.ws.next_id());
        self.ws.objects.comments.push((
            id,
            Comment {
                about,
                discussion,
                rich,
                display_name,
                created_at: act.at,
                created_by: act.by,
                edited_at: act.at,
                resolved: false,
            },
        ));
        self.ws.changes += 1;
        self.ws.objects.comments.len() - 1
    }

    /// The place of a comment that the viewer wrote.
    fn own_comment(&self, call: &Call, id: &str) -> ApiResult<usize> {
        let index = self.find_comment(call, id)?;
        let own = self
            .ws
            .objects
            .comments
            .get(index)
            .is_some_and(|(_, comment)| comment.created_by == call.viewer.user);
        if own {
            Ok(index)
        } else {
            Err(ApiError::restricted())
        }
    }

    pub(super) fn patch_comment(&mut self, call: &Call, id: &str) -> ApiResult<Done> {
        let index = self.own_comment(call, id)?;
        let input = call.input();
        input.object()?;
        let rich = self.comment_text(&input)?;
        if let Some((_, comment)) = self.ws.objects.comments.get_mut(index) {
            comment.rich = rich;
            comment.edited_at = call.now;
            self.ws.changes += 1;
        }
        Ok(self.show_comment(call, index).into())
    }

    pub(super) fn delete_comment(&mut self, call: &Call, id: &str) -> ApiResult<Done> {
        let index = self.own_comment(call, id)?;
        let shown = self.show_comment(call, index);
        self.ws.objects.comments.remove(index);
        self.ws.changes += 1;
        Ok(shown.into())
    }
}
