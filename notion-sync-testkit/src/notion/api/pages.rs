//! Pages.

use serde_json::Value;

use super::blocks::archived;
use super::{Call, Done, Service};
use crate::notion::block::{Content, NewBlock};
use crate::notion::block_input::{self, Rules};
use crate::notion::error::{ApiError, ApiResult};
use crate::notion::file_input::icon;
use crate::notion::id::NotionId;
use crate::notion::input::{Input, path_id};
use crate::notion::markdown;
use crate::notion::model::Parent;
use crate::notion::property::{PropertyValue, Values};
use crate::notion::value_input::{Written, values};
use crate::notion::view::Version;
use crate::notion::workspace::{Act, ObjectKind, Place};

impl Service {
    /// The data source that decides which properties a page has.
    pub(super) fn source_of(&self, page: NotionId) -> Option<NotionId> {
        match self.ws.objects.pages.get(&page)?.state.parent {
            Parent::Source(id) => Some(id),
            _ => None,
        }
    }

    fn show_page(&self, call: &Call, id: NotionId) -> ApiResult<Value> {
        let shown = self.shown(call, self.source_of(id))?;
        Ok(self.view(call).page(id, &shown))
    }

    pub(super) fn page_id(&self, call: &Call, id: &str) -> ApiResult<NotionId> {
        let id = path_id("page_id", id)?;
        self.view(call).require(id, ObjectKind::Page, "page")?;
        Ok(id)
    }

    pub(super) fn get_page(&self, call: &Call, id: &str) -> ApiResult<Done> {
        let id = self.page_id(call, id)?;
        Ok(self.show_page(call, id)?.into())
    }

    /// What a new page stands in.
    fn parent_of_new(&self, call: &Call, input: &Input<'_>) -> ApiResult<Parent> {
        let view = self.view(call);
        let workspace = || {
            if call.viewer.is_bot {
                Err(ApiError::validation(
                    "Provided parent is the workspace: internal connections cannot create pages there. \
                     Give a page_id or a data_source_id.",
                ))
            } else {
                Ok(Parent::Workspace)
            }
        };
        let Some(parent) = input.present() else {
            return workspace();
        };
        parent.object()?;
        let (page, source, database) = (
            parent.key("page_id"),
            parent.key("data_source_id"),
            parent.key("database_id"),
        );
        if let Some(source) = source.present() {
            let id = source.id()?;
            view.require(id, ObjectKind::Source, "data source")
                .map_err(|_| view.missing(id, "database"))?;
            return Ok(Parent::Source(id));
        }
        if let Some(page) = page.present() {
            let id = page.id()?;
            view.require(id, ObjectKind::Page, "page")?;
            return Ok(Parent::Page(id));
        }
        if let Some(database) = database.present() {
            let id = database.id()?;
            view.require(id, ObjectKind::Database, "database")?;
            let sources: Vec<NotionId> = self
                .ws
                .objects
                .databases
                .get(&id)
                .map(|base| base.sources.clone())
                .unwrap_or_default();
            return match sources.as_slice() {
                [only] => Ok(Parent::Source(*only)),
                _ => Err(ApiError::validation(format!(
                    "Databases with multiple data sources are not supported in this API version: \
                     {id} has {}. Give a data_source_id.",
                    sources.len()
                ))),
            };
        }
        if parent.key("workspace").raw() == Some(&Value::Bool(true)) {
            return workspace();
        }
        Err(crate::notion::input::one_of_missing(
            parent.path(),
            &["page_id", "database_id", "data_source_id"],
        ))
    }

    pub(super) fn create_page(&mut self, call: &Call) -> ApiResult<Done> {
        let input = call.input();
        input.object()?;
        let parent = self.parent_of_new(call, &input.key("parent"))?;
        let above = match parent {
            Parent::Source(id) | Parent::Page(id) | Parent::Block(id) => Some(id),
            Parent::Workspace => None,
        };
        let markdown = input.key("markdown");
        let children = input.key("children");
        let content = input.key("content");
        let children = children.present().or_else(|| content.present());
        if let (Some(markdown), Some(_)) = (markdown.present(), children) {
            return Err(markdown.wrong("not present"));
        }
        if input.key("allow_async").boolean_or(false)? {
            if markdown.present().is_none() {
                return Err(input.key("allow_async").wrong("not present"));
            }
            return Ok(self.accept(call, "POST /v1/pages"));
        }
        if above.is_some_and(|id| self.ws.in_trash(id)) {
            return Err(archived());
        }
        let properties = input.key("properties");
        if properties.raw().is_none() && markdown.present().is_none() {
            return Err(properties.wrong("defined"));
        }
        let mut written = values(&self.ws, parent, &properties)?;
        let mut body: Vec<NewBlock> = match (markdown.present(), children) {
            (Some(markdown), _) => markdown::read(markdown.text()?, &self.ws.objects.emojis),
            (None, Some(children)) => block_input::blocks(&self.ws, children, Rules::Request)?,
            (None, None) => Vec::new(),
        };
        if markdown.present().is_some() && !written.values.iter().any(|(id, _)| id == "title") {
            absorb_title(&mut body, &mut written);
        }
        let picture = icon(&input.key("icon"))?;
        let cover = icon(&input.key("cover"))?;
        let place = match (above, input.key("position").present()) {
            (Some(above), Some(_)) => self.place_of(call, above)?,
            _ => Place::End,
        };
        let template = self.template(call, parent)?;
        if template.is_some() && !body.is_empty() {
            return Err(input.key("children").wrong("not present"));
        }
        let id = self.new_page(None, parent, written, body, place, call.act())?;
        if let Some(page) = self.ws.objects.pages.get_mut(&id) {
            page.state.icon = picture;
            page.state.cover = cover;
        }
        if let Some(template) = template {
            let blocks = self.ws.copy_blocks(template, 0);
            self.ws.insert_blocks(id, Place::End, blocks, call.act());
        }
        let body = self.show_page(call, id)?;
        Ok(Done {
            status: 200,
            body,
            committed: Some((id, Vec::new())),
        })
    }

    /// The page that a template names.
    fn template(&self, call: &Call, parent: Parent) -> ApiResult<Option<NotionId>> {
        let template = call.input().key("template");
        let Some(template) = template.present() else {
            return Ok(None);
        };
        let all = match parent {
            Parent::Source(id) => self
                .ws
                .objects
                .sources
                .get(&id)
                .map(|s| s.templates.clone())
                .unwrap_or_default(),
            _ => Vec::new(),
        };
        match template
            .key("type")
            .word(&["none", "default", "template_id"])?
        {
            "none" => Ok(None),
            "default" => match all.iter().find(|(_, _, default)| *default) {
                Some((id, _, _)) => Ok(Some(*id)),
                None => Err(ApiError::validation(
                    "The data source has no default template.",
                )),
            },
            _ => {
                let at = template.key("template_id");
                let id = at.id()?;
                match all.iter().any(|(own, _, _)| *own == id) {
                    true => Ok(Some(id)),
                    false => Err(at.wrong("the id of a template of the data source")),
                }
            }
        }
    }

    /// Stores a page with its values and its body. Checks the body against its parent's rules.
    pub(crate) fn new_page(
        &mut self,
        id: Option<NotionId>,
        parent: Parent,
        written: Written,
        body: Vec<NewBlock>,
        place: Place,
        act: Act,
    ) -> ApiResult<NotionId> {
        let lost = body
            .iter()
            .any(|block| matches!(block.content, Content::TableRow(_) | Content::Column { .. }));
        if lost {
            return Err(ApiError::validation(
                "A table row or column cannot stand on its own in a page.",
            ));
        }
        let id = self.ws.create_page(id, parent, Values::new(), place, act);
        self.ws.write_values(id, written, act);
        self.ws.fill_defaults(id);
        if !body.is_empty() {
            let change = crate::notion::body::plan(&self.ws, id, body);
            change.apply(&mut self.ws, id, act);
        }
        Ok(id)
    }

    pub(super) fn patch_page(&mut self, call: &Call, id: &str) -> ApiResult<Done> {
        let id = self.page_id(call, id)?;
        let input = call.input();
        let sent = input.object()?;
        if call.version == Version::V2026 {
            input.refuse("archived")?;
        }
        input.refuse("parent")?;
        let trash = self.trash_flag(call)?;
        let in_trash = self.ws.in_trash(id);
        if in_trash && trash != Some(false) && trash.is_none() {
            return Err(archived());
        }
        if let Some(trash) = trash {
            self.refuse_workspace_trash(id, trash)?;
        }
        let parent = self
            .ws
            .objects
            .pages
            .get(&id)
            .map_or(Parent::Workspace, |p| p.state.parent);
        let written = values(&self.ws, parent, &input.key("properties"))?;
        let (picture, cover) = (icon(&input.key("icon"))?, icon(&input.key("cover"))?);
        let locked = input
            .key("is_locked")
            .present()
            .map(Input::boolean)
            .transpose()?;
        let archived = input
            .key("is_archived")
            .present()
            .map(Input::boolean)
            .transpose()?;
        let erase = input.key("erase_content").boolean_or(false)?;
        let template = self.template(call, parent)?;
        // Everything is checked: now it happens.
        let act = call.act();
        if let Some(trash) = trash.filter(|trash| *trash != in_trash) {
            self.ws.set_trash(id, trash, act);
        }
        self.ws.write_values(id, written, act);
        let looks = sent.contains_key("icon") || sent.contains_key("cover");
        if looks || locked.is_some() || archived.is_some() {
            self.ws.edit_page(id, act, |state| {
                if sent.contains_key("icon") {
                    state.icon = picture;
                }
                if sent.contains_key("cover") {
                    state.cover = cover;
                }
                state.locked = locked.unwrap_or(state.locked);
                state.archived = archived.unwrap_or(state.archived);
            });
        }
        if erase {
            crate::notion::body::plan(&self.ws, id, Vec::new()).apply(&mut self.ws, id, act);
        }
        if let Some(template) = template {
            let blocks = self.ws.copy_blocks(template, 0);
            self.ws.insert_blocks(id, Place::End, blocks, act);
        }
        Ok(self.show_page(call, id)?.into())
    }

    pub(super) fn move_page(&mut self, call: &Call, id: &str) -> ApiResult<Done> {
        let id = self.page_id(call, id)?;
        let input = call.input();
        let parent = input.key("parent");
        parent.object()?;
        let view = self.view(call);
        let target = if let Some(page) = parent.key("page_id").present() {
            let target = page.id()?;
            view.require(target, ObjectKind::Page, "page")?;
            Parent::Page(target)
        } else {
            let target = parent.key("data_source_id").id()?;
            view.require(target, ObjectKind::Source, "data source")
                .map_err(|_| view.missing(target, "database"))?;
            Parent::Source(target)
        };
        self.move_to(id, target, call.act())?;
        Ok(self.show_page(call, id)?.into())
    }

    /// Moves a page; refuses circles and what is in the trash.
    pub(crate) fn move_to(&mut self, id: NotionId, target: Parent, act: Act) -> ApiResult<()> {
        let above = match target {
            Parent::Workspace => None,
            Parent::Page(id) | Parent::Block(id) | Parent::Source(id) => Some(id),
        };
        if above.is_some_and(|above| self.ws.is_within(above, id)) {
            return Err(ApiError::validation("A page cannot be moved into itself."));
        }
        if self.ws.in_trash(id) || above.is_some_and(|above| self.ws.in_trash(above)) {
            return Err(archived());
        }
        self.ws.move_page(id, target, Place::End, act);
        self.ws.fill_defaults(id);
        Ok(())
    }
}

/// Makes the first heading of the first level the title, when nobody gave one.
fn absorb_title(body: &mut Vec<NewBlock>, written: &mut Written) {
    let first = body.iter().position(|block| {
        matches!(
            block.content,
            Content::Heading {
                level: 1,
                toggleable: false,
                ..
            }
        )
    });
    if let Some(index) = first {
        let heading = body.remove(index);
        if let Content::Heading { rich, .. } = heading.content {
            written
                .values
                .push(("title".to_owned(), Some(PropertyValue::Text(rich))));
        }
    }
}
