//! Blocks.

use serde_json::Value;

use super::{Call, Done, Service};
use crate::notion::block::Content;
use crate::notion::block_input::{self, Rules};
use crate::notion::block_update::{check_parent, update};
use crate::notion::error::{ApiError, ApiResult};
use crate::notion::id::NotionId;
use crate::notion::input::{Input, path_id};
use crate::notion::model::Parent;
use crate::notion::view::Version;
use crate::notion::workspace::{ObjectKind, Place};

impl Service {
    pub(super) fn get_block(&self, call: &Call, id: &str) -> ApiResult<Done> {
        let id = path_id("block_id", id)?;
        let view = self.view(call);
        view.require_block(id)?;
        Ok(view.block(id).into())
    }

    pub(super) fn get_children(&self, call: &Call, id: &str) -> ApiResult<Done> {
        let id = path_id("block_id", id)?;
        let view = self.view(call);
        view.require_block(id)?;
        // A copy of a synced block shows the children of its source.
        let shown = match self.ws.objects.blocks.get(&id).map(|block| &block.content) {
            Some(Content::Synced { from: Some(source) }) if view.sees(*source) => *source,
            _ => id,
        };
        let children: Vec<NotionId> = self.ws.living_children(shown).collect();
        let slice = self.slice(call, &format!("children {id}"), children)?;
        let last = slice.next.is_none();
        let mut out = slice.envelope("block", |id| view.block(id));
        if self.options.surprises
            && last
            && let Some(Value::Array(results)) = out.get_mut("results")
        {
            let strange = NotionId::derived(self.ws.seed, &format!("surprise {id}"));
            results.push(surprise(strange, id, &view));
        }
        Ok(Value::Object(out).into())
    }

    /// Where `position` (or, in older versions, `after`) puts new children.
    pub(super) fn place_of(&self, call: &Call, parent: NotionId) -> ApiResult<Place> {
        let input = call.input();
        let after = input.key("after");
        let sibling = |at: &Input<'_>| -> ApiResult<Place> {
            let id = at.id()?;
            if self.ws.living_children(parent).any(|child| child == id) {
                Ok(Place::After(id))
            } else {
                Err(ApiError::validation(format!(
                    "Block with ID {id} is not a child of the block to append to."
                )))
            }
        };
        if call.version == Version::V2026 {
            input.refuse("after")?;
        } else if let Some(after) = after.present() {
            return sibling(after);
        }
        let position = input.key("position");
        let Some(position) = position.present() else {
            return Ok(Place::End);
        };
        let kinds = ["end", "start", "after_block", "page_start", "page_end"];
        match position.key("type").word(&kinds)? {
            "start" | "page_start" => Ok(Place::Start),
            "after_block" => sibling(&position.key("after_block").key("id")),
            _ => Ok(Place::End),
        }
    }

    pub(super) fn append_children(&mut self, call: &Call, id: &str) -> ApiResult<Done> {
        let id = path_id("block_id", id)?;
        let view = self.view(call);
        view.require_block(id)?;
        let input = call.input();
        input.object()?;
        let children = input.key("children");
        let new = block_input::blocks(&self.ws, &children, Rules::Request)?;
        if new.is_empty() {
            return Err(children.wrong("populated"));
        }
        if self.ws.in_trash(id) {
            return Err(archived());
        }
        if self.ws.kind_of(id) == Some(ObjectKind::Database) {
            return Err(ApiError::validation(
                "Blocks cannot be appended to a database.",
            ));
        }
        check_parent(&self.ws, id, &new)?;
        let place = self.place_of(call, id)?;
        let made = self.ws.insert_blocks(id, place, new, call.act());
        // The answer goes on with the siblings behind the new blocks: recordings show it.
        let listed: Vec<NotionId> = self
            .ws
            .living_children(id)
            .skip_while(|child| made.first() != Some(child))
            .take(100.max(made.len()))
            .collect();
        let view = self.view(call);
        let slice = super::Slice {
            items: listed,
            next: None,
        };
        let body = Value::Object(slice.envelope("block", |id| view.block(id)));
        Ok(Done {
            status: 200,
            body,
            committed: Some((id, made)),
        })
    }

    pub(super) fn patch_block(&mut self, call: &Call, id: &str) -> ApiResult<Done> {
        let id = path_id("block_id", id)?;
        self.view(call).require_block(id)?;
        let input = call.input();
        input.object()?;
        if call.version == Version::V2026 {
            input.refuse("archived")?;
        }
        let trash = self.trash_flag(call)?;
        let Some(block) = self.ws.objects.blocks.get(&id) else {
            // Child pages and databases can only be trashed or restored here.
            let other = input
                .object()?
                .keys()
                .find(|key| !matches!(key.as_str(), "in_trash" | "archived" | "type" | "object"));
            if let Some(key) = other {
                return Err(ApiError::validation(format!(
                    "{key} of a child page or database cannot be updated through the blocks endpoint."
                )));
            }
            if let Some(trash) = trash {
                self.refuse_workspace_trash(id, trash)?;
                self.ws.set_trash(id, trash, call.act());
            }
            return Ok(self.view(call).block(id).into());
        };
        if self.ws.in_trash(id) && trash != Some(false) {
            return Err(archived());
        }
        let new = update(&self.ws, &block.content, &input)?;
        let folds = matches!(
            (&block.content, &new),
            (
                Content::Heading {
                    toggleable: true,
                    ..
                },
                Some(Content::Heading {
                    toggleable: false,
                    ..
                })
            )
        );
        if folds && self.ws.living_children(id).next().is_some() {
            return Err(ApiError::validation(
                "Cannot unset is_toggleable of a heading that has children.",
            ));
        }
        if new.is_none() && trash.is_none() {
            return Err(ApiError::body(format!(
                "body.{} should be defined, instead was `undefined`.",
                block.content.type_name()
            )));
        }
        if let Some(trash) = trash {
            self.ws.set_trash(id, trash, call.act());
        }
        if let Some(new) = new {
            self.ws
                .edit_block(id, call.act(), |block| block.content = new);
        }
        Ok(self.view(call).block(id).into())
    }

    pub(super) fn delete_block(&mut self, call: &Call, id: &str) -> ApiResult<Done> {
        let id = path_id("block_id", id)?;
        self.view(call).require_block(id)?;
        if self.ws.in_trash(id) {
            return Err(archived());
        }
        self.refuse_workspace_trash(id, true)?;
        self.ws.set_trash(id, true, call.act());
        Ok(self.view(call).block(id).into())
    }

    /// `in_trash`, or `archived` where the version still has it.
    pub(super) fn trash_flag(&self, call: &Call) -> ApiResult<Option<bool>> {
        let input = call.input();
        let flag = input
            .key("in_trash")
            .present()
            .map(Input::boolean)
            .transpose()?;
        let old = input
            .key("archived")
            .present()
            .map(Input::boolean)
            .transpose()?;
        Ok(flag.or(if call.version == Version::V2025 {
            old
        } else {
            None
        }))
    }

    /// Pages and databases at the top of the workspace stay.
    pub(super) fn refuse_workspace_trash(&self, id: NotionId, trash: bool) -> ApiResult<()> {
        let o = &self.ws.objects;
        let top = o
            .pages
            .get(&id)
            .map(|page| page.state.parent)
            .or_else(|| o.databases.get(&id).map(|base| base.parent));
        if trash && top == Some(Parent::Workspace) {
            return Err(ApiError::validation(
                "Archiving workspace level pages via API not supported.",
            ));
        }
        Ok(())
    }
}

/// The refusal to change what is in the trash.
pub(super) fn archived() -> ApiError {
    ApiError::validation(
        "Can't edit block that is archived. You must unarchive the block before editing.",
    )
}

/// A block of a type that nobody has heard of.
fn surprise(id: NotionId, parent: NotionId, view: &crate::notion::view::View<'_>) -> Value {
    let parent = match view.ws.kind_of(parent) {
        Some(ObjectKind::Page) => Parent::Page(parent),
        _ => Parent::Block(parent),
    };
    serde_json::json!({
        "object": "block", "id": id, "parent": view.parent(parent),
        "created_time": view.time(view.now), "last_edited_time": view.time(view.now),
        "created_by": {"object": "user", "id": view.viewer.user},
        "last_edited_by": {"object": "user", "id": view.viewer.user},
        "has_children": false, "in_trash": false,
        "type": "hologram", "hologram": {"depth": 3, "rich_text": []},
    })
}
