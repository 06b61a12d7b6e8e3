//! Databases and data sources.

use serde_json::{Value, json};

use super::{Call, Done, Service};
use crate::notion::error::{ApiError, ApiResult};
use crate::notion::file_input::icon;
use crate::notion::id::NotionId;
use crate::notion::input::{Input, path_id};
use crate::notion::model::{DataSource, Database, Parent};
use crate::notion::property::{Kind, Property};
use crate::notion::schema_input::{change_schema, new_schema};
use crate::notion::text::Rich;
use crate::notion::text_input::rich_text;
use crate::notion::view::Version;
use crate::notion::workspace::{Act, ObjectKind, Place};

impl Service {
    pub(super) fn get_database(&self, call: &Call, id: &str) -> ApiResult<Done> {
        let id = path_id("database_id", id)?;
        let view = self.view(call);
        view.require(id, ObjectKind::Database, "database")?;
        Ok(view.database(id).into())
    }

    fn optional_text(&self, input: &Input<'_>) -> ApiResult<Rich> {
        input
            .present()
            .map_or(Ok(Rich::new()), |text| rich_text(&self.ws, text))
    }

    pub(super) fn create_database(&mut self, call: &Call) -> ApiResult<Done> {
        let input = call.input();
        input.object()?;
        let parent = self.page_parent(call, &input.key("parent"))?;
        let title = self.optional_text(&input.key("title"))?;
        let description = self.optional_text(&input.key("description"))?;
        let inline = input.key("is_inline").boolean_or(false)?;
        let schema = input.key("initial_data_source").key("properties");
        let source = self.ws.next_id();
        let properties = match schema.present() {
            Some(schema) => new_schema(&mut self.ws, source, schema)?,
            None => vec![Property {
                id: "title".into(),
                name: "Name".into(),
                description: None,
                kind: Kind::Title,
            }],
        };
        let (picture, cover) = (icon(&input.key("icon"))?, icon(&input.key("cover"))?);
        let database = self.ws.next_id();
        let act = call.act();
        self.add_database(database, parent, title.clone(), act);
        if let Some(base) = self.ws.objects.databases.get_mut(&database) {
            base.description = description;
            base.inline = inline;
            base.icon = picture;
            base.cover = cover;
        }
        self.add_source(source, database, title, properties, act);
        Ok(Done {
            status: 200,
            body: self.view(call).database(database),
            committed: Some((database, Vec::new())),
        })
    }

    /// A page or the workspace as a parent.
    fn page_parent(&self, call: &Call, parent: &Input<'_>) -> ApiResult<Parent> {
        parent.object()?;
        if let Some(id) = parent.key("page_id").present() {
            let id = id.id()?;
            self.view(call).require(id, ObjectKind::Page, "page")?;
            return Ok(Parent::Page(id));
        }
        if parent.key("workspace").raw() == Some(&Value::Bool(true)) && !call.viewer.is_bot {
            return Ok(Parent::Workspace);
        }
        Err(parent.key("page_id").wrong("defined"))
    }

    /// Stores a database without a data source.
    pub(crate) fn add_database(&mut self, id: NotionId, parent: Parent, title: Rich, act: Act) {
        self.ws.objects.databases.insert(
            id,
            Database {
                parent,
                title,
                description: Rich::new(),
                icon: None,
                cover: None,
                inline: false,
                locked: false,
                in_trash: false,
                sources: Vec::new(),
                created_at: act.at,
                created_by: act.by,
                edited_at: act.at,
                edited_by: act.by,
                shared: None,
            },
        );
        if let Parent::Page(above) | Parent::Block(above) = parent {
            self.ws.attach(above, Place::End, &[id]);
        }
        self.ws.changes += 1;
    }

    /// Stores a data source in a database.
    pub(crate) fn add_source(
        &mut self,
        id: NotionId,
        database: NotionId,
        title: Rich,
        properties: Vec<Property>,
        act: Act,
    ) {
        self.ws.objects.sources.insert(
            id,
            DataSource {
                database,
                title,
                description: Rich::new(),
                icon: None,
                cover: None,
                in_trash: false,
                properties,
                rows: Default::default(),
                last_number: 0,
                templates: Vec::new(),
                created_at: act.at,
                created_by: act.by,
                edited_at: act.at,
                edited_by: act.by,
            },
        );
        if let Some(base) = self.ws.objects.databases.get_mut(&database) {
            base.sources.push(id);
        }
        self.ws.changes += 1;
    }

    pub(super) fn patch_database(&mut self, call: &Call, id: &str) -> ApiResult<Done> {
        let id = path_id("database_id", id)?;
        self.view(call)
            .require(id, ObjectKind::Database, "database")?;
        let input = call.input();
        let sent = input.object()?;
        if call.version == Version::V2026 {
            input.refuse("archived")?;
        }
        input.refuse("properties")?;
        let title = input
            .key("title")
            .present()
            .map(|t| rich_text(&self.ws, t))
            .transpose()?;
        let described = input
            .key("description")
            .present()
            .map(|t| rich_text(&self.ws, t))
            .transpose()?;
        let inline = input
            .key("is_inline")
            .present()
            .map(Input::boolean)
            .transpose()?;
        let locked = input
            .key("is_locked")
            .present()
            .map(Input::boolean)
            .transpose()?;
        let (picture, cover) = (icon(&input.key("icon"))?, icon(&input.key("cover"))?);
        let parent = match input.key("parent").present() {
            Some(parent) => Some(self.page_parent(call, parent)?),
            None => None,
        };
        let trash = self.trash_flag(call)?;
        if let Some(trash) = trash {
            self.refuse_workspace_trash(id, trash)?;
        }
        if let Some(parent) = parent {
            self.ws.detach(id);
            if let Parent::Page(above) = parent {
                self.ws.attach(above, Place::End, &[id]);
            }
        }
        if let Some(base) = self.ws.objects.databases.get_mut(&id) {
            if let Some(title) = title {
                base.title = title;
            }
            if let Some(described) = described {
                base.description = described;
            }
            base.inline = inline.unwrap_or(base.inline);
            base.locked = locked.unwrap_or(base.locked);
            base.parent = parent.unwrap_or(base.parent);
            if sent.contains_key("icon") {
                base.icon = picture;
            }
            if sent.contains_key("cover") {
                base.cover = cover;
            }
            base.edited_at = call.now;
            base.edited_by = call.viewer.user;
            self.ws.changes += 1;
        }
        if let Some(trash) = trash {
            self.ws.set_trash(id, trash, call.act());
        }
        Ok(self.view(call).database(id).into())
    }

    /// A data source that the viewer can see. The service calls a missing one a database.
    pub(super) fn source_id(&self, call: &Call, id: &str) -> ApiResult<NotionId> {
        let id = path_id("data_source_id", id)?;
        let view = self.view(call);
        view.require(id, ObjectKind::Source, "data source")
            .map_err(|_| view.missing(id, "database"))?;
        Ok(id)
    }

    pub(super) fn get_source(&self, call: &Call, id: &str) -> ApiResult<Done> {
        let id = self.source_id(call, id)?;
        Ok(self.view(call).source(id).into())
    }

    pub(super) fn create_source(&mut self, call: &Call) -> ApiResult<Done> {
        let input = call.input();
        input.object()?;
        let database = input.key("parent").key("database_id").id()?;
        self.view(call)
            .require(database, ObjectKind::Database, "database")?;
        let title = self.optional_text(&input.key("title"))?;
        let id = self.ws.next_id();
        let properties = new_schema(&mut self.ws, id, &input.key("properties"))?;
        let picture = icon(&input.key("icon"))?;
        self.add_source(id, database, title, properties, call.act());
        if let Some(source) = self.ws.objects.sources.get_mut(&id) {
            source.icon = picture;
        }
        Ok(Done {
            status: 200,
            body: self.view(call).source(id),
            committed: Some((id, Vec::new())),
        })
    }

    pub(super) fn patch_source(&mut self, call: &Call, id: &str) -> ApiResult<Done> {
        let id = self.source_id(call, id)?;
        let input = call.input();
        let sent = input.object()?;
        if call.version == Version::V2026 {
            input.refuse("archived")?;
        }
        let title = input
            .key("title")
            .present()
            .map(|t| rich_text(&self.ws, t))
            .transpose()?;
        let described = input
            .key("description")
            .present()
            .map(|t| rich_text(&self.ws, t))
            .transpose()?;
        let picture = icon(&input.key("icon"))?;
        let target = match input.key("parent").present() {
            Some(parent) => {
                let target = parent.key("database_id").id()?;
                self.view(call)
                    .require(target, ObjectKind::Database, "database")?;
                Some(target)
            }
            None => None,
        };
        let trash = self.trash_flag(call)?;
        if let Some(properties) = input.key("properties").present() {
            change_schema(&mut self.ws, id, properties, call.act())?;
        }
        if let Some(target) = target {
            let old = self.ws.above(id);
            for base in [old, Some(target)].into_iter().flatten() {
                if let Some(base) = self.ws.objects.databases.get_mut(&base) {
                    base.sources.retain(|source| *source != id);
                }
            }
            if let Some(base) = self.ws.objects.databases.get_mut(&target) {
                base.sources.push(id);
            }
        }
        if let Some(source) = self.ws.objects.sources.get_mut(&id) {
            if let Some(title) = title {
                source.title = title;
            }
            if let Some(described) = described {
                source.description = described;
            }
            if sent.contains_key("icon") {
                source.icon = picture;
            }
            source.database = target.unwrap_or(source.database);
            source.edited_at = call.now;
            source.edited_by = call.viewer.user;
            self.ws.changes += 1;
        }
        if let Some(trash) = trash {
            self.ws.set_trash(id, trash, call.act());
        }
        Ok(self.view(call).source(id).into())
    }

    pub(super) fn templates(&self, call: &Call, id: &str) -> ApiResult<Done> {
        let id = self.source_id(call, id)?;
        let source = self
            .ws
            .objects
            .sources
            .get(&id)
            .ok_or_else(ApiError::invalid_url)?;
        let wanted = call.parameter("name").map(str::to_lowercase);
        let found: Vec<_> = source
            .templates
            .iter()
            .filter(|(_, name, _)| {
                wanted
                    .as_ref()
                    .is_none_or(|wanted| name.to_lowercase().contains(wanted))
            })
            .collect();
        let slice = self.slice(call, &format!("templates {id}"), found)?;
        let templates: Vec<Value> = slice
            .items
            .iter()
            .map(|(id, name, default)| json!({"id": id, "name": name, "is_default": default}))
            .collect();
        Ok(json!({
            "templates": templates, "has_more": slice.next.is_some(), "next_cursor": slice.next,
        })
        .into())
    }
}
