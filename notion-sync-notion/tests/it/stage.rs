//! The adapter in front of the emulator, in one process and under one virtual clock.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use chrono::Duration;
use futures::executor::block_on;
use notion_sync_core::bounds::Bounds;
use notion_sync_core::clock::{Clock, VirtualClock};
use notion_sync_core::document::limits::Limits;
use notion_sync_core::document::{Document, notion_markdown};
use notion_sync_core::http::{HttpSend, Request, Response, SendError};
use notion_sync_core::id::{OpId, RecordId, SyncRunId};
use notion_sync_core::remote::{
    Ack, Action, ContentChange, Create, FieldChange, NewContent, Remote, Trace, Update, Write,
};
use notion_sync_core::snapshot::{Content, Field, Snapshot};
use notion_sync_core::value::Value;
use notion_sync_core::{Error, Result};
use notion_sync_notion::client::RateBudget;
use notion_sync_notion::pages::page_ref;
use notion_sync_notion::{Client, ClientSettings, NotionPages, PageSettings, RateGate};
use notion_sync_testkit::emulator::{Emulator, EmulatorBounds, Fault, FaultRule, Reply};
use notion_sync_testkit::notion::{BlockView, NotionEmulator, NotionId, NotionWorld, Person};
use secrecy::SecretString;
use serde_json::json;

use crate::scripted::noon;

/// What somebody does right after a request with this method and path.
struct Meanwhile {
    method: &'static str,
    path: &'static str,
    act: Box<dyn FnOnce(&mut Person<'_>) + Send>,
}

impl fmt::Debug for Meanwhile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "after {} {}", self.method, self.path)
    }
}

/// Hands requests to the emulator.
#[derive(Debug)]
struct InProcess {
    notion: Arc<Mutex<NotionEmulator>>,
    clock: Arc<VirtualClock>,
    meanwhile: Arc<Mutex<Option<Meanwhile>>>,
}

#[async_trait]
impl HttpSend for InProcess {
    async fn send(&self, request: Request) -> Result<Response, SendError> {
        let mut meanwhile = self.meanwhile.lock().unwrap();
        let now = meanwhile.take_if(|act| {
            request.method().as_str() == act.method && request.uri().path().contains(act.path)
        });
        let mut notion = self.notion.lock().unwrap();
        let reply = notion.handle(request, self.clock.now());
        if let Some(now) = now {
            (now.act)(&mut notion.person("ada", self.clock.now()).unwrap());
        }
        match reply {
            Reply::Answer { response, delay } => {
                self.clock.advance(Duration::from_std(delay).unwrap());
                Ok(response)
            }
            Reply::Dropped => Err(SendError::NoAnswer("the connection broke".to_owned())),
        }
    }
}

pub(crate) struct Stage {
    pub(crate) notion: Arc<Mutex<NotionEmulator>>,
    pub(crate) clock: Arc<VirtualClock>,
    pub(crate) client: Client,
    pub(crate) pages: NotionPages,
    meanwhile: Arc<Mutex<Option<Meanwhile>>>,
}

/// The properties that the engine's bookkeeping needs, in a world's short form.
pub(crate) fn bookkeeping() -> serde_json::Value {
    json!({
        "GitHub Path": "rich_text", "GitHub Commit": "rich_text",
        "GitHub Repository": "rich_text", "GitHub Number": "number", "GitHub URL": "url",
        "GitHub Sync Status": "select", "GitHub Sync Message": "rich_text",
        "Last GitHub Sync At": "date", "Sync Op": "rich_text", "Sync Last Op": "rich_text",
    })
}

/// A world with one data source `tasks` and these pages.
pub(crate) fn world(pages: serde_json::Value) -> NotionWorld {
    let mut properties = json!({
        "Name": "title", "Status": {"status": ["Not started", "Done"]},
        "Priority": {"select": ["High", "Low"]}, "Tags": {"multi_select": ["a", "b", "c"]},
        "Points": "number", "Due": "date", "Blocked by": {"relation": "tasks"},
        "Owner": "people", "Notes": "rich_text", "Ready": "checkbox", "Link": "url",
    });
    let all = properties.as_object_mut().unwrap();
    for (name, kind) in bookkeeping().as_object().unwrap() {
        all.insert(name.clone(), kind.clone());
    }
    serde_json::from_value(json!({
        "seed": 7,
        "users": [
            {"id": "ada", "name": "Ada", "email": "ada@example.org", "token": "ntn_ada"},
            {"id": "sync", "name": "Sync", "bot": true, "token": "ntn_sync"},
        ],
        "databases": [
            {"id": "backlog", "title": "Backlog", "data_sources": [
                {"id": "tasks", "title": "Tasks", "properties": properties}]},
            {"id": "attic", "title": "Attic", "data_sources": [
                {"id": "old", "title": "Old", "properties": {"Name": "title"}}]},
        ],
        "pages": pages,
    }))
    .unwrap()
}

/// The body that enhanced Markdown says.
pub(crate) fn body(markdown: &str) -> Document {
    notion_markdown::parse(markdown, &Limits::default()).unwrap()
}

impl Stage {
    pub(crate) fn new(pages: serde_json::Value) -> Self {
        Self::of(world(pages), |_| {}, RateBudget::default())
    }

    pub(crate) fn of(
        world: NotionWorld,
        change: impl FnOnce(&mut PageSettings),
        budget: RateBudget,
    ) -> Self {
        let tasks = world.id("tasks").to_string();
        let notion = NotionEmulator::new(world, EmulatorBounds::notion()).unwrap();
        let notion = Arc::new(Mutex::new(notion));
        let clock = Arc::new(VirtualClock::new(noon()));
        let meanwhile = Arc::default();
        let client = Client::new(
            ClientSettings::default(),
            SecretString::from("ntn_sync"),
            Arc::new(InProcess {
                notion: Arc::clone(&notion),
                clock: Arc::clone(&clock),
                meanwhile: Arc::clone(&meanwhile),
            }),
            Arc::clone(&clock) as Arc<dyn Clock>,
            Arc::new(RateGate::new(budget)),
        )
        .unwrap();
        let mut settings = PageSettings::new(tasks, &Bounds::default());
        change(&mut settings);
        let pages = NotionPages::new(client.clone(), settings).unwrap();
        Self {
            notion,
            clock,
            client,
            pages,
            meanwhile,
        }
    }

    /// The same pages, seen by a process with another clock.
    pub(crate) fn pages_by(&self, clock: Arc<dyn Clock>) -> NotionPages {
        let client = Client::new(
            ClientSettings::default(),
            SecretString::from("ntn_sync"),
            Arc::new(InProcess {
                notion: Arc::clone(&self.notion),
                clock: Arc::clone(&self.clock),
                meanwhile: Arc::clone(&self.meanwhile),
            }),
            clock,
            Arc::new(RateGate::new(RateBudget::default())),
        );
        let settings = PageSettings::new(self.id("tasks").to_string(), &Bounds::default());
        NotionPages::new(client.unwrap(), settings).unwrap()
    }

    /// A stage whose budget never stands in the way.
    pub(crate) fn roomy(pages: serde_json::Value) -> Self {
        let budget = RateBudget {
            requests: 1_000_000,
            window_seconds: 60,
        };
        Self::of(world(pages), |_| {}, budget)
    }

    pub(crate) fn emulator(&self) -> MutexGuard<'_, NotionEmulator> {
        self.notion.lock().unwrap()
    }

    pub(crate) fn id(&self, name: &str) -> NotionId {
        self.emulator().id(name)
    }

    /// Does something as a person.
    pub(crate) fn ada<T>(&self, act: impl FnOnce(&mut Person<'_>) -> T) -> T {
        let now = self.clock.now();
        let mut notion = self.emulator();
        let mut ada = notion.person("ada", now).unwrap();
        act(&mut ada)
    }

    /// Ada does something right after the next request with this method and path.
    pub(crate) fn meanwhile(
        &self,
        method: &'static str,
        path: &'static str,
        act: impl FnOnce(&mut Person<'_>) + Send + 'static,
    ) {
        let act = Box::new(act);
        *self.meanwhile.lock().unwrap() = Some(Meanwhile { method, path, act });
    }

    pub(crate) fn read(&self, name: &str) -> Snapshot {
        self.read_id(self.id(name))
    }

    pub(crate) fn read_id(&self, id: NotionId) -> Snapshot {
        block_on(self.pages.read(&page_ref(&id.to_string()), true)).unwrap()
    }

    pub(crate) fn content(&self, id: NotionId) -> Document {
        match self.read_id(id).content {
            Content::Blocks(document) => document,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn write(&self, write: &Write) -> Result<Ack, Error> {
        block_on(self.pages.write(std::slice::from_ref(write))).remove(0)
    }

    pub(crate) fn trace(&self, write: &Write) -> Trace {
        let sent_at = self.clock.now() - Duration::seconds(1);
        block_on(self.pages.trace(std::slice::from_ref(write), sent_at))
            .unwrap()
            .remove(0)
    }

    /// The native key of a property.
    pub(crate) fn key(&self, name: &str) -> String {
        let schema = block_on(self.pages.schema()).unwrap();
        schema
            .fields
            .iter()
            .find(|(_, field)| field.name == name)
            .map(|(key, _)| key.clone())
            .unwrap()
    }

    pub(crate) fn field(&self, snapshot: &Snapshot, name: &str) -> Value {
        match &snapshot.fields[&self.key(name)] {
            Field::Value(value) => value.clone(),
            other => panic!("{name}: {other:?}"),
        }
    }

    /// Plans one fault for the `skip`+1st request from now on that has this effect in the path.
    pub(crate) fn fault(&self, method: &str, path: &str, skip: u32, fault: Fault) {
        self.calm();
        self.fault_too(method, path, skip, fault);
    }

    /// The same besides the faults that are planned already.
    pub(crate) fn fault_too(&self, method: &str, path: &str, skip: u32, fault: Fault) {
        self.emulator().faults().push(FaultRule {
            method: method.to_owned(),
            path_contains: path.to_owned(),
            skip,
            times: 1,
            fault,
        });
    }

    pub(crate) fn calm(&self) {
        self.emulator().faults().clear();
    }

    /// Methods and paths of the requests that `act` makes.
    pub(crate) fn requests<T>(&self, act: impl FnOnce() -> T) -> (T, Vec<String>) {
        let mark = self.emulator().log().mark();
        let out = act();
        let notion = self.emulator();
        let log = notion
            .log()
            .since(mark)
            .map(|entry| format!("{} {}", entry.method, entry.path))
            .collect();
        (out, log)
    }
}

pub(crate) fn write(op: &str, action: Action) -> Write {
    Write {
        op: OpId::from(op),
        group: OpId::from(op),
        run: SyncRunId::from("run"),
        record: RecordId::from("record"),
        page: None,
        editor: None,
        revision: None,
        action,
    }
}

pub(crate) fn create(op: &str, title: &str, content: Document) -> Write {
    let action = Action::Create(Create {
        fields: [("title".to_owned(), Value::text(title))].into(),
        content: NewContent::Blocks(content),
        place: None,
        counterpart: None,
        counterpart_url: Some("https://github.com/acme/x/issues/1".to_owned()),
        bookkeeping: [("path".to_owned(), "docs/x.md".to_owned())].into(),
    });
    write(op, action)
}

pub(crate) fn update(
    op: &str,
    page: NotionId,
    fields: Vec<(String, Value, Value)>,
    content: Option<(Document, Document)>,
) -> Write {
    let action = Action::Update(Update {
        object: page_ref(&page.to_string()),
        seen: None,
        fields: fields
            .into_iter()
            .map(|(key, expected, desired)| (key, FieldChange { expected, desired }))
            .collect(),
        content: content.map(|(expected, desired)| ContentChange::Blocks { expected, desired }),
        place: None,
        bookkeeping: std::collections::BTreeMap::new(),
    });
    write(op, action)
}

/// All blocks below, in document order.
pub(crate) fn flatten(blocks: &[BlockView]) -> Vec<&BlockView> {
    let mut out = Vec::new();
    for block in blocks {
        out.push(block);
        out.extend(flatten(&block.children));
    }
    out
}
