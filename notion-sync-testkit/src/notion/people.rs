//! What people do in the app: everything that needs no API.

mod comments;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::api::{Call, Service};
use super::block::{Content, NewBlock};
use super::block_input::{self, Rules};
use super::block_update::check_parent;
use super::body;
use super::emulator::NotionEmulator;
use super::error::ApiError;
use super::id::NotionId;
use super::input::Input;
use super::markdown;
use super::model::{Capabilities, Parent};
use super::view::{Version, Viewer};
use super::workspace::{Act, ObjectKind, Place};

/// Why a person could not do something.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct PersonError(pub String);

impl From<ApiError> for PersonError {
    fn from(error: ApiError) -> Self {
        Self(error.message)
    }
}

/// A block as somebody sees it on the page.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BlockView {
    /// Its id; it stays the same for as long as the block is not replaced.
    pub id: NotionId,
    /// Its type, for example `paragraph`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its text without looks; empty for types without text.
    pub text: String,
    /// Who edited it last.
    pub last_edited_by: NotionId,
    /// The blocks below it.
    pub children: Vec<BlockView>,
}

/// A person at work. Made by [`NotionEmulator::person`].
#[derive(Debug)]
pub struct Person<'a> {
    service: &'a mut Service,
    act: Act,
}

type Outcome<T> = Result<T, PersonError>;

impl NotionEmulator {
    /// Carries out what is due by now: writes that take effect late. Every request and every person does so
    /// first; whoever looks at a page before that asks for it.
    pub fn catch_up(&mut self, now: DateTime<Utc>) {
        self.service.catch_up(now);
    }

    /// Acts as a user (person or bot) of this name or id at `now`.
    ///
    /// # Errors
    /// When the world has no such user.
    pub fn person(&mut self, name: &str, now: DateTime<Utc>) -> Outcome<Person<'_>> {
        self.catch_up(now);
        let id = self.id(name);
        let users = &self.service.ws.objects.users;
        let by = if users.contains_key(&id) {
            Some(id)
        } else {
            users
                .iter()
                .find(|(_, user)| user.name == name)
                .map(|(id, _)| *id)
        };
        let by = by.ok_or_else(|| PersonError(format!("nobody is called {name:?}")))?;
        Ok(Person {
            service: &mut self.service,
            act: Act { by, at: now },
        })
    }

    /// A page as the API shows it to somebody who sees everything.
    #[must_use]
    pub fn page(&self, id: NotionId) -> Option<Value> {
        self.service.ws.objects.pages.contains_key(&id).then(|| {
            let call = self.service.observer();
            self.service.view(&call).page(id, &None)
        })
    }

    /// The property values of a page by name, in the form in which the API shows them.
    #[must_use]
    pub fn properties(&self, id: NotionId) -> BTreeMap<String, Value> {
        let page = self.page(id).unwrap_or_default();
        let Some(properties) = page.get("properties").and_then(Value::as_object) else {
            return BTreeMap::new();
        };
        properties
            .iter()
            .map(|(name, value)| {
                let kind = value
                    .get("type")
                    .and_then(Value::as_str)
                    .unwrap_or_default();
                (name.clone(), value.get(kind).cloned().unwrap_or_default())
            })
            .collect()
    }

    /// The title of a page, database or data source.
    #[must_use]
    pub fn title(&self, id: NotionId) -> Option<String> {
        self.service.ws.title_text(id)
    }

    /// The body of a page as enhanced Markdown; hosted files without signatures.
    #[must_use]
    pub fn markdown(&self, id: NotionId) -> String {
        body::stable_markdown(&self.service.ws, id)
    }

    /// The blocks below a page or block.
    #[must_use]
    pub fn blocks(&self, id: NotionId) -> Vec<BlockView> {
        let tree = body::collect(&self.service.ws, None, id, usize::MAX).blocks;
        self.show(tree)
    }

    fn show(&self, tree: Vec<NewBlock>) -> Vec<BlockView> {
        let ws = &self.service.ws;
        tree.into_iter()
            .filter_map(|block| {
                let id = block.id?;
                let text = match (&block.content, block.content.rich()) {
                    (_, Some(rich)) => ws.text_of(rich),
                    (Content::ChildPage { id } | Content::ChildDatabase { id }, _) => {
                        ws.title_text(*id).unwrap_or_default()
                    }
                    (Content::Equation { expression }, _) => expression.clone(),
                    (Content::TableRow(row), _) => row
                        .cells
                        .iter()
                        .map(|cell| ws.text_of(cell))
                        .collect::<Vec<_>>()
                        .join(" | "),
                    _ => String::new(),
                };
                let stored = ws.objects.blocks.get(&id);
                let page = ws.objects.pages.get(&id);
                let by = stored
                    .map(|block| block.edited_by)
                    .or_else(|| page.map(|page| page.state.edited_by))
                    .unwrap_or(id);
                Some(BlockView {
                    id,
                    kind: block.content.type_name().to_owned(),
                    text,
                    last_edited_by: by,
                    children: self.show(block.children),
                })
            })
            .collect()
    }

    /// The rows of a data source that are not in the trash, oldest first.
    #[must_use]
    pub fn rows(&self, source: NotionId) -> Vec<NotionId> {
        let ws = &self.service.ws;
        let Some(table) = ws.objects.sources.get(&source) else {
            return Vec::new();
        };
        let mut rows: Vec<(DateTime<Utc>, NotionId)> = table
            .rows
            .iter()
            .filter_map(|id| {
                let page = ws.objects.pages.get(id)?;
                let here = page.state.parent == Parent::Source(source) && !page.state.in_trash;
                here.then_some((page.created_at, *id))
            })
            .collect();
        rows.sort_unstable();
        rows.into_iter().map(|(_, id)| id).collect()
    }

    /// When and by whom a page was edited last, to the full precision that no API shows.
    #[must_use]
    pub fn last_edit(&self, page: NotionId) -> Option<(DateTime<Utc>, NotionId)> {
        let page = self.service.ws.objects.pages.get(&page)?;
        Some((page.state.edited_at, page.state.edited_by))
    }

    /// Whether a page, block or database exists and neither it nor anything above it is in the
    /// trash.
    #[must_use]
    pub fn is_alive(&self, id: NotionId) -> bool {
        self.service.ws.kind_of(id).is_some() && !self.service.ws.in_trash(id)
    }

    /// The texts of the comments on a page or block, oldest first.
    #[must_use]
    pub fn comments(&self, about: NotionId) -> Vec<String> {
        let ws = &self.service.ws;
        ws.objects
            .comments
            .iter()
            .filter(|(_, comment)| comment.about == about)
            .map(|(_, comment)| ws.text_of(&comment.rich))
            .collect()
    }
}

impl Service {
    /// A call by somebody who sees everything, to look at things without a request.
    fn observer(&self) -> Call {
        Call {
            method: http::Method::GET,
            path: Vec::new(),
            query: Vec::new(),
            body: Value::Null,
            viewer: Viewer {
                user: self.ws.id,
                name: "observer".to_owned(),
                is_bot: false,
                can: Capabilities::default(),
            },
            version: Version::V2026,
            now: DateTime::<Utc>::UNIX_EPOCH,
            nonce: 0,
        }
    }
}

impl Person<'_> {
    /// The user's id.
    #[must_use]
    pub fn id(&self) -> NotionId {
        self.act.by
    }

    fn parent(&self, id: NotionId) -> Outcome<Parent> {
        match self.service.ws.kind_of(id) {
            Some(ObjectKind::Page) => Ok(Parent::Page(id)),
            Some(ObjectKind::Source) => Ok(Parent::Source(id)),
            Some(ObjectKind::Block) => Ok(Parent::Block(id)),
            _ => Err(PersonError(format!(
                "{id} is neither a page nor a data source"
            ))),
        }
    }

    fn page(&self, id: NotionId) -> Outcome<Parent> {
        match self.service.ws.objects.pages.get(&id) {
            Some(page) => Ok(page.state.parent),
            None => Err(PersonError(format!("{id} is not a page"))),
        }
    }

    fn block(&self, id: NotionId) -> Outcome<()> {
        match self.service.ws.kind_of(id) {
            Some(ObjectKind::Page | ObjectKind::Block) => Ok(()),
            _ => Err(PersonError(format!("{id} is neither a page nor a block"))),
        }
    }

    fn read(&self, text: &str) -> Vec<NewBlock> {
        markdown::read(text, &self.service.ws.objects.emojis)
    }

    /// Creates a page in a page or data source.
    ///
    /// # Errors
    /// When the parent does not exist or a value does not fit.
    pub fn create_page(
        &mut self,
        parent: NotionId,
        properties: &BTreeMap<String, Value>,
        body: &str,
    ) -> Outcome<NotionId> {
        let parent = self.parent(parent)?;
        let written = self.service.simple_values(parent, properties)?;
        let blocks = self.read(body);
        Ok(self
            .service
            .new_page(None, parent, written, blocks, Place::End, self.act)?)
    }

    /// Sets one property, in the simple form of worlds; null empties it.
    ///
    /// # Errors
    /// When the page or property does not exist or the value does not fit.
    pub fn set_property(&mut self, page: NotionId, name: &str, value: Value) -> Outcome<()> {
        let parent = self.page(page)?;
        let simple = BTreeMap::from([(name.to_owned(), value)]);
        let written = self.service.simple_values(parent, &simple)?;
        self.service.ws.write_values(page, written, self.act);
        Ok(())
    }

    /// Gives a page another title.
    ///
    /// # Errors
    /// When the page does not exist.
    pub fn rename(&mut self, page: NotionId, title: &str) -> Outcome<()> {
        let parent = self.page(page)?;
        let name = match parent {
            Parent::Source(id) => {
                let source = self.service.ws.objects.sources.get(&id);
                source
                    .and_then(|s| s.title_property())
                    .map(|property| property.name.clone())
            }
            _ => None,
        };
        self.set_property(
            page,
            &name.unwrap_or_else(|| "title".to_owned()),
            title.into(),
        )
    }

    /// Gives a block another text, read as inline Markdown.
    ///
    /// # Errors
    /// When the block does not exist or has no text.
    pub fn edit_text(&mut self, block: NotionId, text: &str) -> Outcome<()> {
        let rich = markdown::read_inline(text, &self.service.ws.objects.emojis);
        let mut content = match self.service.ws.objects.blocks.get(&block) {
            Some(block) => block.content.clone(),
            None => return Err(PersonError(format!("{block} is not a block"))),
        };
        match content.rich_mut() {
            Some(stored) => *stored = rich,
            None => return Err(PersonError(format!("{block} has no text"))),
        }
        self.service
            .ws
            .edit_block(block, self.act, |block| block.content = content);
        Ok(())
    }

    /// Ticks or unticks a to-do.
    ///
    /// # Errors
    /// When the block is no to-do.
    pub fn check(&mut self, block: NotionId, on: bool) -> Outcome<()> {
        match self
            .service
            .ws
            .objects
            .blocks
            .get(&block)
            .map(|block| &block.content)
        {
            Some(Content::ToDo { .. }) => {}
            _ => return Err(PersonError(format!("{block} is not a to-do"))),
        }
        self.service.ws.edit_block(block, self.act, |block| {
            if let Content::ToDo { checked, .. } = &mut block.content {
                *checked = on;
            }
        });
        Ok(())
    }

    /// Adds blocks below a page or block, written in Markdown, at its end.
    ///
    /// # Errors
    /// When the parent cannot hold them.
    pub fn append(&mut self, parent: NotionId, text: &str) -> Outcome<Vec<NotionId>> {
        let blocks = self.read(text);
        self.insert(parent, Place::End, blocks)
    }

    /// Adds blocks behind a block, written in Markdown.
    ///
    /// # Errors
    /// When the block does not exist or the new ones cannot stand there.
    pub fn insert_after(&mut self, sibling: NotionId, text: &str) -> Outcome<Vec<NotionId>> {
        let parent = self.service.ws.above(sibling);
        let parent = parent.ok_or_else(|| PersonError(format!("{sibling} is not a block")))?;
        let blocks = self.read(text);
        self.insert(parent, Place::After(sibling), blocks)
    }

    /// Adds blocks at the start of a page or block, written in Markdown.
    ///
    /// # Errors
    /// When the parent cannot hold them.
    pub fn prepend(&mut self, parent: NotionId, text: &str) -> Outcome<Vec<NotionId>> {
        let blocks = self.read(text);
        self.insert(parent, Place::Start, blocks)
    }

    /// Adds blocks given as block objects, also of types that the API does not create or that
    /// nobody knows.
    ///
    /// # Errors
    /// When an object is no block.
    pub fn append_blocks(&mut self, parent: NotionId, blocks: &[Value]) -> Outcome<Vec<NotionId>> {
        let list = Value::Array(blocks.to_vec());
        let blocks = block_input::blocks(&self.service.ws, &Input::body(&list), Rules::World)?;
        self.insert(parent, Place::End, blocks)
    }

    fn insert(
        &mut self,
        parent: NotionId,
        place: Place,
        blocks: Vec<NewBlock>,
    ) -> Outcome<Vec<NotionId>> {
        self.block(parent)?;
        check_parent(&self.service.ws, parent, &blocks)?;
        Ok(self
            .service
            .ws
            .insert_blocks(parent, place, blocks, self.act))
    }

    /// Gives a page a new body in Markdown. Blocks that read the same keep their ids; child pages
    /// that the text does not name go to the trash.
    ///
    /// # Errors
    /// When the page does not exist.
    pub fn set_markdown(&mut self, page: NotionId, text: &str) -> Outcome<()> {
        self.page(page)?;
        let change = body::plan(&self.service.ws, page, self.read(text));
        if !change.is_empty() {
            change.apply(&mut self.service.ws, page, self.act);
        }
        Ok(())
    }

    /// Puts a page, block or database into the trash.
    ///
    /// # Errors
    /// When it does not exist.
    pub fn trash(&mut self, id: NotionId) -> Outcome<()> {
        self.set_trash(id, true)
    }

    /// Takes a page, block or database out of the trash.
    ///
    /// # Errors
    /// When it does not exist.
    pub fn restore(&mut self, id: NotionId) -> Outcome<()> {
        self.set_trash(id, false)
    }

    fn set_trash(&mut self, id: NotionId, trash: bool) -> Outcome<()> {
        if self.service.ws.kind_of(id).is_none() {
            return Err(PersonError(format!("{id} does not exist")));
        }
        self.service.ws.set_trash(id, trash, self.act);
        Ok(())
    }

    /// Moves a page into another page or data source.
    ///
    /// # Errors
    /// When either does not exist, or the page would stand in itself.
    pub fn move_page(&mut self, page: NotionId, parent: NotionId) -> Outcome<()> {
        self.page(page)?;
        let parent = self.parent(parent)?;
        Ok(self.service.move_to(page, parent, self.act)?)
    }

    /// Makes a copy of a page beside it: same values, same body, new ids. Child pages are not
    /// copied.
    ///
    /// # Errors
    /// When the page does not exist.
    pub fn duplicate(&mut self, page: NotionId) -> Outcome<NotionId> {
        let parent = self.page(page)?;
        let ws = &mut self.service.ws;
        let Some(source) = ws.objects.pages.get(&page).map(|page| page.state.clone()) else {
            return Err(PersonError(format!("{page} is not a page")));
        };
        let copy = ws.create_page(
            None,
            parent,
            Default::default(),
            Place::After(page),
            self.act,
        );
        ws.edit_page(copy, self.act, |state| {
            let number = state
                .values
                .iter()
                .find(|(_, value)| matches!(value, super::property::PropertyValue::UniqueNumber(_)))
                .map(|(id, value)| (id.clone(), value.clone()));
            state.values = source.values;
            // A number names one row: the copy keeps the one it was given.
            state.values.extend(number);
            state.icon = source.icon;
            state.cover = source.cover;
        });
        let blocks = ws.copy_blocks(page, 0);
        ws.insert_blocks(copy, Place::End, blocks, self.act);
        Ok(copy)
    }

    /// Shares a page or database, with what is below it, with all connections, or takes it away
    /// from them.
    ///
    /// # Errors
    /// When it does not exist.
    pub fn share(&mut self, id: NotionId, shared: bool) -> Outcome<()> {
        let ws = &mut self.service.ws;
        if let Some(page) = ws.objects.pages.get_mut(&id) {
            page.shared = Some(shared);
        } else if let Some(database) = ws.objects.databases.get_mut(&id) {
            database.shared = Some(shared);
        } else {
            return Err(PersonError(format!(
                "{id} is neither a page nor a database"
            )));
        }
        ws.changes += 1;
        Ok(())
    }

    /// Locks or unlocks a page.
    ///
    /// # Errors
    /// When the page does not exist.
    pub fn lock(&mut self, page: NotionId, locked: bool) -> Outcome<()> {
        self.page(page)?;
        self.service
            .ws
            .alter_page(page, self.act.at, |state| state.locked = locked);
        Ok(())
    }

    /// Changes the columns of a data source, with the body that the API takes as `properties`.
    ///
    /// # Errors
    /// When the data source does not exist or the change does not fit.
    pub fn change_schema(&mut self, source: NotionId, properties: &Value) -> Outcome<()> {
        if !self.service.ws.objects.sources.contains_key(&source) {
            return Err(PersonError(format!("{source} is not a data source")));
        }
        let input = Input::body(properties);
        Ok(super::schema_input::change_schema(
            &mut self.service.ws,
            source,
            &input,
            self.act,
        )?)
    }

    /// Deletes a page for good, as an emptied trash does: nobody finds it any more.
    ///
    /// # Errors
    /// When the page does not exist.
    pub fn purge(&mut self, page: NotionId) -> Outcome<()> {
        self.page(page)?;
        self.service.ws.detach(page);
        let gone: Vec<NotionId> = {
            let ws = &self.service.ws;
            let o = &ws.objects;
            o.blocks
                .keys()
                .chain(o.pages.keys())
                .copied()
                .filter(|id| ws.is_within(*id, page))
                .collect()
        };
        for id in gone {
            self.service.ws.objects.blocks.remove(&id);
            self.service.ws.objects.pages.remove(&id);
        }
        self.service.ws.changes += 1;
        Ok(())
    }
}

/// A summary of who and what is there, for people who drive the emulator over HTTP.
pub(super) fn summary(emulator: &NotionEmulator) -> Value {
    let ws = &emulator.service.ws;
    let titled = |ids: Vec<NotionId>| -> Value {
        ids.into_iter()
            .map(|id| json!({"id": id, "title": ws.title_text(id)}))
            .collect()
    };
    let users: Vec<Value> = ws
        .objects
        .users
        .iter()
        .map(|(id, user)| {
            let token = ws
                .objects
                .tokens
                .iter()
                .find(|(_, owner)| *owner == id)
                .map(|(t, _)| t);
            json!({"id": id, "name": user.name, "bot": user.capabilities.is_some(), "token": token})
        })
        .collect();
    json!({
        "workspace": ws.name, "users": users,
        "databases": titled(ws.objects.databases.keys().copied().collect()),
        "data_sources": titled(ws.objects.sources.keys().copied().collect()),
        "pages": titled(ws.objects.pages.keys().copied().filter(|id| !ws.in_trash(*id)).collect()),
    })
}
