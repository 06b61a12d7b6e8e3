//! Worlds: what a workspace holds before anybody does anything.
//!
//! A world is data (JSON, or whatever else serde reads). Every `id` in it is either a real id (32
//! hexadecimal digits, with or without dashes) or any name, from which an id is derived under the
//! world's seed; references use the same text. The same world gives the same ids, always.
//!
//! ```json
//! {
//!   "seed": 7,
//!   "users": [
//!     {"id": "ada", "name": "Ada", "email": "ada@example.org", "token": "ntn_ada"},
//!     {"id": "sync", "name": "Sync", "bot": true, "token": "ntn_sync"}
//!   ],
//!   "databases": [{"id": "backlog", "title": "Backlog", "data_sources": [{
//!     "id": "tasks", "title": "Tasks",
//!     "properties": {"Name": "title", "Status": {"status": ["Not started", "Done"]},
//!                    "Points": "number", "Blocked by": {"relation": "tasks"}}
//!   }]}],
//!   "pages": [{"id": "first", "parent": "tasks",
//!     "properties": {"Name": "Fix login", "Status": "Done", "Points": 3},
//!     "markdown": "Steps\n- [ ] one"}],
//!   "comments": [{"on": "first", "by": "ada", "text": "Look at this"}]
//! }
//! ```

use std::collections::BTreeMap;

use chrono::{DateTime, TimeZone, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::api::Service;
use super::block_input::{self, Rules};
use super::error::ApiError;
use super::id::NotionId;
use super::input::Input;
use super::markdown;
use super::model::{Capabilities, Parent, User};
use super::options::NotionOptions;
use super::property::Kind;
use super::schema_input::change_schema;
use super::text::plain;
use super::value_input::Written;
use super::workspace::{Act, ObjectKind, Place};

/// A whole workspace. See the module's documentation for the format.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NotionWorld {
    /// All generated ids depend on it.
    pub seed: u64,
    /// The name of the workspace.
    pub workspace: String,
    /// When everything was made that says nothing about it.
    pub start: DateTime<Utc>,
    /// Switches the emulator starts with.
    pub options: NotionOptions,
    /// People and bots. Without any there is one person and one bot.
    pub users: Vec<WorldUser>,
    /// Custom emojis: name to address of the picture.
    pub custom_emojis: BTreeMap<String, String>,
    /// Databases.
    pub databases: Vec<WorldDatabase>,
    /// Pages, in any order.
    pub pages: Vec<WorldPage>,
    /// Comments, in the order they were written.
    pub comments: Vec<WorldComment>,
}

impl Default for NotionWorld {
    fn default() -> Self {
        Self {
            seed: 1,
            workspace: "Acme".to_owned(),
            start: Utc
                .timestamp_opt(1_788_253_200, 0)
                .single()
                .unwrap_or_default(),
            options: NotionOptions::default(),
            users: Vec::new(),
            custom_emojis: BTreeMap::new(),
            databases: Vec::new(),
            pages: Vec::new(),
            comments: Vec::new(),
        }
    }
}

/// A person or a bot, with the token that acts as them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WorldUser {
    /// Id or name.
    pub id: String,
    /// The name others see; without one it is the `id`.
    pub name: String,
    /// Whether this is the bot of a connection.
    pub bot: bool,
    /// E-mail address of a person.
    pub email: Option<String>,
    /// Address of the picture.
    pub avatar_url: Option<String>,
    /// The bearer token: of the connection for a bot, a personal access token for a person.
    pub token: Option<String>,
    /// What a bot may do.
    pub capabilities: Capabilities,
    /// Whether the person is a guest, whom lists of users leave out.
    pub guest: bool,
}

/// A database with its data sources.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WorldDatabase {
    /// Id or name.
    pub id: String,
    /// Title.
    pub title: String,
    /// The page it stands in; none for the workspace.
    pub parent: Option<String>,
    /// Whether it is shown inline.
    pub inline: bool,
    /// Whether connections see it and what is in it; unset inherits, `true` at the top.
    pub shared: Option<bool>,
    /// The tables.
    pub data_sources: Vec<WorldSource>,
}

/// A data source.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WorldSource {
    /// Id or name.
    pub id: String,
    /// Title.
    pub title: String,
    /// Name to schema: the name of a type, or an object as the API takes it. Short forms: a list of
    /// names for the options of select, multi-select and status; the data source for a relation;
    /// the expression for a formula; the prefix for a unique id.
    pub properties: BTreeMap<String, Value>,
    /// Pages that are templates, by id; the first one is the default.
    pub templates: Vec<String>,
}

/// A page.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WorldPage {
    /// Id or name. Without one an id is made.
    pub id: String,
    /// The page or data source it stands in; none for the workspace.
    pub parent: Option<String>,
    /// The title; for rows it may also stand among the properties.
    pub title: Option<String>,
    /// Name to value: plain text, number, boolean, list of names, date, or the value as the API
    /// takes it.
    pub properties: BTreeMap<String, Value>,
    /// An emoji, or an icon object.
    pub icon: Option<Value>,
    /// The body as enhanced Markdown.
    pub markdown: Option<String>,
    /// The body as block objects, also of types that the API does not create or nobody knows.
    pub blocks: Vec<Value>,
    /// Whether connections see it and what is below it; unset inherits, `true` at the top.
    pub shared: Option<bool>,
    /// Who made it; the first person when unset.
    pub created_by: Option<String>,
    /// When it was made.
    pub created_time: Option<DateTime<Utc>>,
    /// When it was edited last.
    pub last_edited_time: Option<DateTime<Utc>>,
    /// Whether it is in the trash.
    pub in_trash: bool,
    /// Whether it is archived.
    pub archived: bool,
    /// Whether it is locked.
    pub locked: bool,
}

/// A comment.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WorldComment {
    /// The page or block it is about.
    pub on: String,
    /// Who wrote it.
    pub by: String,
    /// Inline Markdown.
    pub text: String,
    /// When.
    pub time: Option<DateTime<Utc>>,
}

/// What is wrong with a world.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {problem}")]
pub struct WorldError {
    /// Which object, for example `page "first"`.
    pub place: String,
    /// What is wrong with it.
    pub problem: String,
}

impl WorldError {
    fn at(place: String, problem: impl Into<String>) -> Self {
        Self {
            place,
            problem: problem.into(),
        }
    }
}

/// The id that a text in a world means.
pub(crate) fn resolve(seed: u64, text: &str) -> NotionId {
    text.parse()
        .unwrap_or_else(|_| NotionId::derived(seed, &format!("name {text}")))
}

impl NotionWorld {
    /// A world with one person (`ada`, token `ntn_ada`), one bot (`sync`, token `ntn_sync`) and
    /// nothing else.
    #[must_use]
    pub fn small() -> Self {
        Self {
            users: default_users(),
            ..Self::default()
        }
    }

    /// The id that a text in this world means.
    #[must_use]
    pub fn id(&self, text: &str) -> NotionId {
        resolve(self.seed, text)
    }

    /// Stores everything.
    pub(crate) fn build(&self, service: &mut Service) -> Result<(), WorldError> {
        let users = if self.users.is_empty() {
            default_users()
        } else {
            self.users.clone()
        };
        for user in &users {
            let id = self.id(&user.id);
            service.ws.objects.users.insert(
                id,
                User {
                    name: if user.name.is_empty() {
                        user.id.clone()
                    } else {
                        user.name.clone()
                    },
                    avatar: user.avatar_url.clone(),
                    email: user.email.clone(),
                    capabilities: user.bot.then(|| user.capabilities.clone()),
                    guest: user.guest,
                },
            );
            if let Some(token) = &user.token {
                service.ws.objects.tokens.insert(token.clone(), id);
            }
        }
        for (name, url) in &self.custom_emojis {
            let id = self.id(&format!("emoji {name}"));
            service
                .ws
                .objects
                .emojis
                .insert(id, (name.clone(), url.clone()));
        }
        let author = users.iter().find(|user| !user.bot).or(users.first());
        let author = author.map_or_else(|| self.id("nobody"), |user| self.id(&user.id));
        let act = Act {
            by: author,
            at: self.start,
        };
        // Tables first, with names alone: relations and rollups look for each other.
        for database in &self.databases {
            self.build_database(service, database, act)?;
        }
        for database in &self.databases {
            for source in &database.data_sources {
                self.build_schema(service, source, act)?;
            }
        }
        self.build_pages(service, act)?;
        for database in &self.databases {
            let id = self.id(&database.id);
            if let Some(parent) = &database.parent {
                let parent = self.id(parent);
                if service.ws.kind_of(parent) != Some(ObjectKind::Page) {
                    let place = format!("database {:?}", database.id);
                    return Err(WorldError::at(
                        place,
                        "its parent is not a page of this world",
                    ));
                }
                if !service.ws.children(parent).contains(&id) {
                    service.ws.attach(parent, Place::End, &[id]);
                }
            }
        }
        for comment in &self.comments {
            let about = self.id(&comment.on);
            if service.ws.kind_of(about).is_none() {
                return Err(WorldError::at(
                    "comment".into(),
                    format!("nothing is called {:?}", comment.on),
                ));
            }
            let by = if comment.by.is_empty() {
                author
            } else {
                self.id(&comment.by)
            };
            let act = Act {
                by,
                at: comment.time.unwrap_or(self.start),
            };
            let rich = markdown::read_inline(&comment.text, &service.ws.objects.emojis);
            service.add_comment(act, about, None, rich, None);
        }
        service.ws.changes = 0;
        Ok(())
    }

    fn build_database(
        &self,
        service: &mut Service,
        database: &WorldDatabase,
        act: Act,
    ) -> Result<(), WorldError> {
        let id = self.id(&database.id);
        if service.ws.kind_of(id).is_some() {
            return Err(WorldError::at(
                format!("database {:?}", database.id),
                "the id is taken",
            ));
        }
        let parent = database
            .parent
            .as_ref()
            .map_or(Parent::Workspace, |p| Parent::Page(self.id(p)));
        service.add_database(id, parent, plain(&database.title), act);
        if let Some(base) = service.ws.objects.databases.get_mut(&id) {
            base.inline = database.inline;
            base.shared = database.shared;
        }
        for source in &database.data_sources {
            let own = self.id(&source.id);
            if service.ws.kind_of(own).is_some() {
                return Err(WorldError::at(
                    format!("data source {:?}", source.id),
                    "the id is taken",
                ));
            }
            let title = if source.title.is_empty() {
                &database.title
            } else {
                &source.title
            };
            let first = vec![super::property::Property {
                id: "title".into(),
                name: source
                    .properties
                    .iter()
                    .find(|(_, schema)| is_title(schema))
                    .map_or("Name", |(name, _)| name.as_str())
                    .to_owned(),
                description: None,
                kind: Kind::Title,
            }];
            service.add_source(own, id, plain(title), first, act);
            if let Some(stored) = service.ws.objects.sources.get_mut(&own) {
                stored.templates = source
                    .templates
                    .iter()
                    .enumerate()
                    .map(|(index, page)| (self.id(page), page.clone(), index == 0))
                    .collect();
            }
        }
        Ok(())
    }

    fn build_schema(
        &self,
        service: &mut Service,
        source: &WorldSource,
        act: Act,
    ) -> Result<(), WorldError> {
        let id = self.id(&source.id);
        let mut body = Map::new();
        for (name, schema) in source
            .properties
            .iter()
            .filter(|(_, schema)| !is_title(schema))
        {
            body.insert(name.clone(), self.full_schema(schema));
        }
        let wrong =
            |error: ApiError| WorldError::at(format!("data source {:?}", source.id), error.message);
        let body = Value::Object(body);
        change_schema(&mut service.ws, id, &Input::body(&body), act).map_err(wrong)?;
        // Ids that the world gives replace the generated ones.
        for (name, schema) in &source.properties {
            if let (Some(wanted), Some(table)) = (
                schema.get("id").and_then(Value::as_str),
                service.ws.objects.sources.get_mut(&id),
            ) && let Some(property) = table.properties.iter_mut().find(|p| p.name == *name)
                && property.id != "title"
            {
                property.id = wanted.to_owned();
            }
        }
        Ok(())
    }

    /// A schema in the form in which the API takes it.
    fn full_schema(&self, schema: &Value) -> Value {
        let Some(object) = schema.as_object() else {
            let name = schema.as_str().unwrap_or_default();
            return json!({ name: {} });
        };
        let options = |list: &[Value]| -> Value {
            list.iter()
                .map(|o| {
                    if o.is_string() {
                        json!({"name": o})
                    } else {
                        o.clone()
                    }
                })
                .collect()
        };
        let mut out = object.clone();
        out.remove("id");
        for (kind, config) in &mut out {
            match (kind.as_str(), config.clone()) {
                ("select" | "multi_select" | "status", Value::Array(list)) => {
                    *config = json!({"options": options(&list)});
                }
                ("relation", Value::String(source)) => {
                    *config = json!({"data_source_id": self.id(&source), "single_property": {}});
                }
                ("relation", Value::Object(mut relation)) => {
                    if let Some(Value::String(source)) = relation.get("data_source_id") {
                        let id = self.id(source);
                        relation.insert("data_source_id".into(), json!(id));
                    }
                    *config = relation.into();
                }
                ("formula", Value::String(expression)) => {
                    *config = json!({"expression": expression});
                }
                ("unique_id", Value::String(prefix)) => *config = json!({"prefix": prefix}),
                ("number", Value::String(format)) => *config = json!({"format": format}),
                _ => {}
            }
        }
        out.into()
    }

    fn build_pages(&self, service: &mut Service, act: Act) -> Result<(), WorldError> {
        // First the tree, in whatever order it is written down; then what may refer to it.
        let mut waiting: Vec<(NotionId, &WorldPage)> = Vec::new();
        for (index, page) in self.pages.iter().enumerate() {
            let name = if page.id.is_empty() {
                format!("page {index}")
            } else {
                page.id.clone()
            };
            waiting.push((self.id(&name), page));
        }
        let all = waiting.clone();
        while !waiting.is_empty() {
            let before = waiting.len();
            let mut later = Vec::new();
            for (id, page) in waiting {
                let parent = match &page.parent {
                    None => Some(Parent::Workspace),
                    Some(name) => {
                        let above = self.id(name);
                        match service.ws.kind_of(above) {
                            Some(ObjectKind::Page) => Some(Parent::Page(above)),
                            Some(ObjectKind::Source) => Some(Parent::Source(above)),
                            _ => None,
                        }
                    }
                };
                let Some(parent) = parent else {
                    later.push((id, page));
                    continue;
                };
                if service.ws.kind_of(id).is_some() {
                    return Err(WorldError::at(
                        format!("page {:?}", page.id),
                        "the id is taken",
                    ));
                }
                let own = self.page_act(page, act);
                service
                    .new_page(
                        Some(id),
                        parent,
                        Written::default(),
                        Vec::new(),
                        Place::End,
                        own,
                    )
                    .map_err(|error| {
                        WorldError::at(format!("page {:?}", page.id), error.message)
                    })?;
            }
            if later.len() == before {
                let lost = later
                    .first()
                    .map(|(_, page)| page.id.clone())
                    .unwrap_or_default();
                return Err(WorldError::at(
                    format!("page {lost:?}"),
                    "its parent is neither a page nor a data source of this world",
                ));
            }
            waiting = later;
        }
        for (id, page) in all {
            self.build_page(service, id, page, act)
                .map_err(|error| WorldError::at(format!("page {:?}", page.id), error.message))?;
        }
        Ok(())
    }

    fn page_act(&self, page: &WorldPage, act: Act) -> Act {
        Act {
            by: page
                .created_by
                .as_ref()
                .map_or(act.by, |name| self.id(name)),
            at: page.created_time.unwrap_or(act.at),
        }
    }

    fn build_page(
        &self,
        service: &mut Service,
        id: NotionId,
        page: &WorldPage,
        act: Act,
    ) -> Result<(), ApiError> {
        let act = self.page_act(page, act);
        let parent = service
            .ws
            .objects
            .pages
            .get(&id)
            .map_or(Parent::Workspace, |p| p.state.parent);
        let mut all = page.properties.clone();
        if let Some(title) = &page.title {
            let name = match parent {
                Parent::Source(source) => service
                    .ws
                    .objects
                    .sources
                    .get(&source)
                    .and_then(|source| source.title_property())
                    .map_or_else(|| "Name".to_owned(), |property| property.name.clone()),
                _ => "title".to_owned(),
            };
            all.entry(name)
                .or_insert_with(|| Value::from(title.as_str()));
        }
        let written = service.simple_values(parent, &all)?;
        service.ws.write_values(id, written, act);
        let mut body = match &page.markdown {
            Some(text) => markdown::read(text, &service.ws.objects.emojis),
            None => Vec::new(),
        };
        let blocks = Value::Array(page.blocks.clone());
        body.extend(block_input::blocks(
            &service.ws,
            &Input::body(&blocks),
            Rules::World,
        )?);
        if !body.is_empty() {
            // Children that the body does not name stay where they were put.
            service.ws.insert_blocks(id, Place::Start, body, act);
        }
        if let Some(stored) = service.ws.objects.pages.get_mut(&id) {
            stored.state.icon = page.icon.as_ref().map(|icon| match icon {
                Value::String(emoji) => json!({"type": "emoji", "emoji": emoji}),
                other => other.clone(),
            });
            stored.state.in_trash = page.in_trash;
            stored.state.archived = page.archived;
            stored.state.locked = page.locked;
            stored.shared = page.shared;
            stored.state.edited_at = page.last_edited_time.unwrap_or(act.at);
            stored.state.edited_by = act.by;
            // Nothing of a world is new: queries show it from the first moment on.
            stored.past.clear();
            stored.written_at = DateTime::<Utc>::MIN_UTC;
        }
        Ok(())
    }
}

fn is_title(schema: &Value) -> bool {
    schema.as_str() == Some("title") || schema.get("title").is_some()
}

fn default_users() -> Vec<WorldUser> {
    vec![
        WorldUser {
            id: "ada".into(),
            name: "Ada".into(),
            email: Some("ada@example.org".into()),
            token: Some("ntn_ada".into()),
            ..WorldUser::default()
        },
        WorldUser {
            id: "sync".into(),
            name: "Sync".into(),
            bot: true,
            token: Some("ntn_sync".into()),
            ..WorldUser::default()
        },
    ]
}
