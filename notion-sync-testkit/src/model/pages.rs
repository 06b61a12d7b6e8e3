//! Pages of a data source as a state machine.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use chrono::{DateTime, Duration, SecondsFormat, Utc};
use notion_sync_core::clock::Clock;
use notion_sync_core::comment::{Comments, RemoteComment};
use notion_sync_core::document::Document;
use notion_sync_core::id::{OpId, RemoteRef, Side};
use notion_sync_core::remote::{
    Abilities, Ack, Action, ContentChange, Cursor, FieldSchema, ListRequest, Listing, NewContent,
    Remote, Schema, Trace, Write, WriteKind,
};
use notion_sync_core::snapshot::{
    Content, Field, Made, Marker, Presence, Proof, Revision, Snapshot,
};
use notion_sync_core::value::Value;
use notion_sync_core::{Error, ErrorKind, Result};

use super::comments::{self, Talk};
use super::{ModelComment, ModelFault, ModelReads, ModelWrite, PERSON, SYNC};

#[derive(Debug, Clone)]
struct Page {
    fields: BTreeMap<String, Value>,
    body: Document,
    edited: DateTime<Utc>,
    /// Moves with every change, unlike the time.
    touched: u64,
    trashed: bool,
    shared: bool,
    /// Whether neither listings nor a look for what a write did show it yet.
    hidden: bool,
    maker: &'static str,
    made: DateTime<Utc>,
    editor: &'static str,
    bookkeeping: BTreeMap<String, String>,
    created_by: Option<OpId>,
    written_by: Option<OpId>,
}

#[derive(Debug, Default)]
struct Inner {
    pages: BTreeMap<String, Page>,
    next: u32,
    touched: u64,
    faults: VecDeque<ModelFault>,
    writes: Vec<ModelWrite>,
    reads: ModelReads,
    bookkeeping: bool,
    unread: bool,
    talk: Talk,
}

/// A data source of pages with fields and bodies.
#[derive(Debug, Clone)]
pub struct ModelPages {
    inner: Arc<Mutex<Inner>>,
    clock: Arc<dyn Clock>,
    schema: Schema,
}

impl ModelPages {
    /// An empty data source with these properties: key and type.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, properties: &[(&str, &str)]) -> Self {
        let mut fields: BTreeMap<String, FieldSchema> = properties
            .iter()
            .map(|(key, kind)| {
                let schema = FieldSchema {
                    name: (*key).to_owned(),
                    kind: (*kind).to_owned(),
                    options: Vec::new(),
                    closed: false,
                    inward: *kind == "relation",
                    later: false,
                };
                ((*key).to_owned(), schema)
            })
            .collect();
        fields
            .entry("title".to_owned())
            .or_insert_with(|| FieldSchema {
                name: "Name".to_owned(),
                kind: "title".to_owned(),
                options: Vec::new(),
                closed: false,
                inward: false,
                later: false,
            });
        Self {
            inner: Arc::default(),
            clock,
            schema: Schema {
                fields,
                ..Schema::default()
            },
        }
    }

    /// The same with the engine's own properties.
    #[must_use]
    pub fn with_bookkeeping(mut self) -> Self {
        for key in [
            "path",
            "commit",
            "url",
            "state",
            "status",
            "message",
            "synced_at",
        ] {
            self.schema.bookkeeping.insert(key.to_owned());
        }
        self.lock().bookkeeping = true;
        self
    }

    /// The same with options of a property.
    #[must_use]
    pub fn with_options(mut self, key: &str, options: &[&str]) -> Self {
        if let Some(property) = self.schema.fields.get_mut(key) {
            let options = options.iter().map(|option| ((*option).to_owned(), None));
            property.options.extend(options);
        }
        self
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A person creates a page and gets its id.
    pub fn create(&self, title: &str, body: Document) -> String {
        let now = self.clock.now();
        let mut inner = self.lock();
        let fields = BTreeMap::from([("title".to_owned(), Value::text(title))]);
        inner.create(fields, body, (now, PERSON), None)
    }

    /// A person sets a field.
    pub fn set(&self, page: &str, key: &str, value: Value) {
        let now = self.clock.now();
        self.lock().edit(page, (now, PERSON), |page| {
            page.fields.insert(key.to_owned(), value);
        });
    }

    /// A person edits the body.
    pub fn edit_body(&self, page: &str, edit: impl FnOnce(&mut Document)) {
        let now = self.clock.now();
        self.lock()
            .edit(page, (now, PERSON), |page| edit(&mut page.body));
    }

    /// A person moves the page to the trash or back.
    pub fn trash(&self, page: &str, trashed: bool) {
        let now = self.clock.now();
        self.lock()
            .edit(page, (now, PERSON), |page| page.trashed = trashed);
    }

    /// The page is no longer shared, or shared again.
    pub fn share(&self, page: &str, shared: bool) {
        if let Some(page) = self.lock().pages.get_mut(page) {
            page.shared = shared;
        }
    }

    /// From now on neither listings nor a look for what a write did show a page, or they do again.
    pub fn hide(&self, page: &str, hidden: bool) {
        if let Some(page) = self.lock().pages.get_mut(page) {
            page.hidden = hidden;
        }
    }

    /// While set, direct reads get no answer.
    pub fn set_unread(&self, unread: bool) {
        self.lock().unread = unread;
    }

    /// A person comments on a page, which moves nothing else. Answers the comment's id.
    pub fn comment(&self, page: &str, author: &str, text: &str) -> u32 {
        let now = self.clock.now();
        (self.lock().talk).write(comments::page(page), author, text, None, now)
    }

    /// A person comments on a block, which no listing of the page shows.
    pub fn comment_on_block(&self, block: &str, author: &str, text: &str) -> u32 {
        let now = self.clock.now();
        let place = RemoteRef::new("notion", "block", block);
        self.lock().talk.write(place, author, text, None, now)
    }

    /// A person edits a comment.
    pub fn edit_comment(&self, id: u32, text: &str) {
        let now = self.clock.now();
        self.lock().talk.edit(id, text, now);
    }

    /// A person deletes a comment.
    pub fn delete_comment(&self, id: u32) {
        self.lock().talk.delete(id);
    }

    /// A person resolves the thread of a comment, or opens it again: no listing shows it meanwhile.
    pub fn resolve_comment(&self, id: u32, resolved: bool) {
        self.lock().talk.resolve(id, resolved);
    }

    /// The comments of a page, oldest first.
    #[must_use]
    pub fn comments(&self, page: &str) -> Vec<ModelComment> {
        self.lock().talk.on(&comments::page(page))
    }

    /// While set, comments can neither be read nor written.
    pub fn forbid_comments(&self, forbidden: bool) {
        self.lock().talk.forbidden = forbidden;
    }

    /// Ids of all pages that are not in the trash.
    #[must_use]
    pub fn live(&self) -> Vec<String> {
        self.lock()
            .pages
            .iter()
            .filter(|(_, page)| !page.trashed)
            .map(|(id, _)| id.clone())
            .collect()
    }

    /// A field of a page.
    #[must_use]
    pub fn field(&self, page: &str, key: &str) -> Value {
        self.lock()
            .pages
            .get(page)
            .and_then(|page| page.fields.get(key).cloned())
            .unwrap_or_default()
    }

    /// The body of a page.
    #[must_use]
    pub fn body(&self, page: &str) -> Document {
        self.lock()
            .pages
            .get(page)
            .map(|page| page.body.clone())
            .unwrap_or_default()
    }

    /// The engine's own fields of a page.
    #[must_use]
    pub fn bookkeeping(&self, page: &str) -> BTreeMap<String, String> {
        self.lock()
            .pages
            .get(page)
            .map(|page| page.bookkeeping.clone())
            .unwrap_or_default()
    }

    /// A person writes one of the engine's own fields of a page; an empty value clears it.
    pub fn set_bookkeeping(&self, page: &str, key: &str, value: &str) {
        let now = self.clock.now();
        self.lock().edit(page, (now, PERSON), |page| {
            page.bookkeeping.insert(key.to_owned(), value.to_owned());
            page.bookkeeping.retain(|_, value| !value.is_empty());
        });
    }

    /// A person clears all of the engine's own fields of a page, its marks included.
    pub fn unmark(&self, page: &str) {
        let now = self.clock.now();
        self.lock().edit(page, (now, PERSON), |page| {
            page.bookkeeping.clear();
            (page.created_by, page.written_by) = (None, None);
        });
    }

    /// A person duplicates a page, with all its fields, and gets the copy's id.
    pub fn duplicate(&self, page: &str) -> Option<String> {
        let now = self.clock.now();
        let mut inner = self.lock();
        let source = inner.pages.get(page).cloned()?;
        let id = inner.create(source.fields, source.body, (now, PERSON), source.created_by);
        if let Some(copy) = inner.pages.get_mut(&id) {
            copy.bookkeeping = source.bookkeeping;
            copy.written_by = source.written_by;
        }
        Some(id)
    }

    /// The next writes fail so, in order.
    pub fn fail(&self, faults: impl IntoIterator<Item = ModelFault>) {
        self.lock().faults.extend(faults);
    }

    /// Every write that took effect.
    #[must_use]
    pub fn writes(&self) -> Vec<ModelWrite> {
        self.lock().writes.clone()
    }

    /// What was asked so far.
    #[must_use]
    pub fn reads(&self) -> ModelReads {
        self.lock().reads
    }

    fn snapshot(&self, inner: &Inner, id: &str, content: bool) -> Snapshot {
        let object = RemoteRef::new("notion", "page", id);
        let now = self.clock.now();
        let page = inner.pages.get(id);
        let presence = match page {
            None => Presence::Missing,
            Some(page) if !page.shared => Presence::Missing,
            Some(page) if page.trashed => Presence::Gone(Proof::InTrash),
            Some(_) => Presence::Present,
        };
        let at = page.map_or(now, |page| floor_minute(page.edited));
        let readable = presence == Presence::Present;
        Snapshot {
            revision: Revision {
                at,
                grain_seconds: 60,
                token: token(at),
            },
            observed_at: now,
            fields: page
                .filter(|_| readable)
                .map(|page| {
                    self.schema
                        .fields
                        .keys()
                        .map(|key| {
                            let value = page.fields.get(key).cloned().unwrap_or_default();
                            (key.clone(), Field::Value(value))
                        })
                        .collect()
                })
                .unwrap_or_default(),
            types: (self.schema.fields.iter())
                .map(|(key, property)| (key.clone(), property.kind.clone()))
                .collect(),
            content: match page {
                Some(page) if content && readable => Content::Blocks(page.body.clone()),
                _ => Content::NotRead,
            },
            place: None,
            marker: Marker {
                created_by: page.and_then(|page| page.created_by.clone()),
                written_by: page.and_then(|page| page.written_by.clone()),
                ..Marker::default()
            },
            url: Some(format!("https://notion.example/{id}")),
            actor: page.map(|page| page.editor.to_owned()),
            made: page.map(|page| Made {
                by: page.maker.to_owned(),
                at: floor_minute(page.made),
            }),
            bookkeeping: page
                .map(|page| page.bookkeeping.clone())
                .unwrap_or_default(),
            previous: None,
            presence,
            object,
        }
    }

    fn apply(&self, inner: &mut Inner, write: &Write) -> Result<Ack> {
        let now = self.clock.now();
        let during = "write a page";
        let id = match &write.action {
            Action::Create(create) => {
                let body = match &create.content {
                    NewContent::Blocks(body) => body.clone(),
                    _ => Document::default(),
                };
                let id = inner.create(
                    create.fields.clone(),
                    body,
                    (now, SYNC),
                    Some(write.op.clone()),
                );
                if inner.bookkeeping
                    && let Some(page) = inner.pages.get_mut(&id)
                {
                    page.bookkeeping = create.bookkeeping.clone();
                }
                inner.log(write, "create", &id);
                id
            }
            Action::Update(update) => {
                let id = update.object.id.clone();
                let Some(page) = inner
                    .pages
                    .get(&id)
                    .filter(|page| page.shared && !page.trashed)
                else {
                    return Err(Error::new(ErrorKind::NotFound, during));
                };
                for (key, change) in &update.fields {
                    let held = page.fields.get(key).cloned().unwrap_or_default();
                    if held != change.expected && !(held.is_empty() && change.expected.is_empty()) {
                        return Err(Error::new(ErrorKind::Stale, during).with("field", key));
                    }
                }
                if let Some(ContentChange::Blocks { expected, .. }) = &update.content
                    && !page.body.canon_eq(expected)
                {
                    return Err(Error::new(ErrorKind::Stale, during).with("field", "body"));
                }
                let bookkeeping = inner.bookkeeping;
                inner.edit(&id, (now, SYNC), |page| {
                    for (key, change) in &update.fields {
                        page.fields.insert(key.clone(), change.desired.clone());
                    }
                    if let Some(ContentChange::Blocks { desired, .. }) = &update.content {
                        page.body = desired.clone();
                    }
                    if bookkeeping {
                        page.bookkeeping.extend(update.bookkeeping.clone());
                    }
                    page.written_by = Some(write.op.clone());
                });
                inner.log(write, "update", &id);
                id
            }
            Action::Remove { object, .. } | Action::Restore { object } => {
                let trashed = matches!(write.action, Action::Remove { .. });
                let Some(page) = inner.pages.get(&object.id).filter(|page| page.shared) else {
                    return Err(Error::new(ErrorKind::NotFound, during));
                };
                if let Action::Remove { expected, .. } = &write.action
                    && !page.trashed
                    && *expected != token(page.edited)
                {
                    return Err(Error::new(ErrorKind::Stale, during).with("field", "revision"));
                }
                inner.edit(&object.id, (now, SYNC), |page| {
                    page.trashed = trashed;
                    page.written_by = Some(write.op.clone());
                });
                inner.log(write, if trashed { "trash" } else { "restore" }, &object.id);
                object.id.clone()
            }
            Action::Bookkeep { object, fields } => {
                let id = object.id.clone();
                inner.edit(&id, (now, SYNC), |page| {
                    page.bookkeeping.extend(fields.clone());
                    page.bookkeeping.retain(|_, value| !value.is_empty());
                    if fields.values().all(String::is_empty) {
                        // Nothing of the sync is left on it.
                        (page.created_by, page.written_by) = (None, None);
                    }
                });
                inner.log(write, "bookkeep", &id);
                id
            }
            Action::Discuss(discuss) => {
                let ack = inner.talk.discuss(&write.op, discuss, now)?;
                inner.log(write, "discuss", &discuss.place.id);
                return Ok(ack);
            }
            other => {
                return Err(Error::new(ErrorKind::Invalid, during).message(format!("{other:?}")));
            }
        };
        let shows = matches!(write.action, Action::Create(_) | Action::Update(_));
        Ok(Ack {
            snapshot: Some(self.snapshot(inner, &id, shows)),
            notes: BTreeMap::new(),
            ..Ack::default()
        })
    }
}

impl Inner {
    fn create(
        &mut self,
        fields: BTreeMap<String, Value>,
        body: Document,
        (now, maker): (DateTime<Utc>, &'static str),
        created_by: Option<OpId>,
    ) -> String {
        self.next += 1;
        self.touched += 1;
        let id = format!("{:08x}-0000-4000-8000-000000000000", self.next);
        self.pages.insert(
            id.clone(),
            Page {
                fields,
                body,
                edited: now,
                touched: self.touched,
                trashed: false,
                shared: true,
                hidden: false,
                maker,
                made: now,
                editor: maker,
                bookkeeping: BTreeMap::new(),
                created_by,
                written_by: None,
            },
        );
        id
    }

    fn edit(
        &mut self,
        id: &str,
        (now, editor): (DateTime<Utc>, &'static str),
        edit: impl FnOnce(&mut Page),
    ) {
        self.touched += 1;
        let touched = self.touched;
        if let Some(page) = self.pages.get_mut(id) {
            edit(page);
            page.edited = now;
            page.editor = editor;
            page.touched = touched;
        }
    }

    fn log(&mut self, write: &Write, what: &'static str, object: &str) {
        self.writes.push(ModelWrite {
            op: write.op.clone(),
            what,
            object: object.to_owned(),
        });
    }
}

/// The revision of a page that was last edited then.
fn token(at: DateTime<Utc>) -> String {
    floor_minute(at).to_rfc3339_opts(SecondsFormat::Secs, true)
}

fn floor_minute(at: DateTime<Utc>) -> DateTime<Utc> {
    at - Duration::nanoseconds(
        at.timestamp_nanos_opt()
            .unwrap_or(0)
            .rem_euclid(60_000_000_000),
    )
}

#[async_trait]
impl Remote for ModelPages {
    fn side(&self) -> Side {
        Side::Notion
    }

    fn abilities(&self) -> Abilities {
        Abilities {
            proposals: false,
            paths: false,
            removal_is_state: false,
        }
    }

    async fn schema(&self) -> Result<Schema> {
        Ok(self.schema.clone())
    }

    async fn list(&self, request: ListRequest) -> Result<Listing> {
        let mut inner = self.lock();
        inner.reads.lists += 1;
        let since = request
            .cursor
            .filter(|_| !request.full)
            .and_then(|cursor| cursor.0.parse::<DateTime<Utc>>().ok())
            .map(|at| floor_minute(at) - Duration::minutes(5));
        let newest = inner
            .pages
            .values()
            .map(|page| floor_minute(page.edited))
            .max();
        let ids: Vec<String> = inner
            .pages
            .iter()
            .filter(|(_, page)| page.shared && !page.trashed && !page.hidden)
            .filter(|(_, page)| since.is_none_or(|since| floor_minute(page.edited) >= since))
            .map(|(id, _)| id.clone())
            .collect();
        let items = ids
            .iter()
            .map(|id| self.snapshot(&inner, id, false))
            .collect();
        let newest = newest.unwrap_or(DateTime::UNIX_EPOCH);
        Ok(Listing {
            continues: false,
            items,
            gone: Vec::new(),
            cursor: Cursor(newest.to_rfc3339_opts(SecondsFormat::Secs, true)),
            complete: true,
            touched: Vec::new(),
            alerts: Vec::new(),
        })
    }

    async fn named(&self, name: &str) -> Result<RemoteRef> {
        Ok(RemoteRef::new("notion", "page", name))
    }

    async fn read(&self, object: &RemoteRef, content: bool) -> Result<Snapshot> {
        let mut inner = self.lock();
        inner.reads.contents += usize::from(content);
        if inner.unread {
            return Err(Error::new(ErrorKind::Unavailable, "read a page"));
        }
        Ok(self.snapshot(&inner, &object.id, content))
    }

    async fn comments(&self, object: &RemoteRef) -> Result<Comments> {
        let mut inner = self.lock();
        inner.reads.comments += 1;
        inner.talk.list(object)
    }

    async fn comment(&self, comment: &RemoteRef) -> Result<Option<RemoteComment>> {
        let mut inner = self.lock();
        inner.reads.comments += 1;
        inner.talk.one(comment)
    }

    fn group(&self, _: &Action) -> Option<String> {
        None
    }

    fn kind(&self, action: &Action) -> WriteKind {
        match action {
            Action::Create(_) | Action::Comment { .. } => WriteKind::UnnamedCreate,
            Action::Discuss(discuss) => discuss.kind(),
            _ => WriteKind::Set,
        }
    }

    async fn write(&self, batch: &[Write]) -> Vec<Result<Ack>> {
        let mut inner = self.lock();
        batch
            .iter()
            .map(|write| match inner.faults.pop_front() {
                Some(ModelFault::Refused) => Err(Error::new(ErrorKind::NotApplied, "write a page")),
                Some(ModelFault::LostBefore | ModelFault::LostLate) => {
                    Err(Error::new(ErrorKind::Unavailable, "write a page"))
                }
                Some(ModelFault::LostAfter) => {
                    // A refusal is an answer too, and it is lost as well.
                    let _ = self.apply(&mut inner, write);
                    Err(Error::new(ErrorKind::Unavailable, "write a page"))
                }
                None => self.apply(&mut inner, write),
            })
            .collect()
    }

    async fn trace(&self, batch: &[Write], _: DateTime<Utc>) -> Result<Vec<Trace>> {
        let inner = self.lock();
        Ok(batch
            .iter()
            .map(|write| {
                if let Action::Discuss(discuss) = &write.action {
                    return inner.talk.trace(&write.op, discuss);
                }
                let made = match &write.action {
                    Action::Create(_) => inner
                        .pages
                        .iter()
                        .find(|(_, page)| {
                            !page.hidden && page.created_by.as_ref() == Some(&write.op)
                        })
                        .map(|(id, _)| id.clone()),
                    Action::Update(_) | Action::Remove { .. } | Action::Restore { .. } => inner
                        .pages
                        .iter()
                        .find(|(_, page)| page.written_by.as_ref() == Some(&write.op))
                        .map(|(id, _)| id.clone()),
                    _ => None,
                };
                match made {
                    Some(id) => Trace::Applied(Ack {
                        snapshot: Some(self.snapshot(&inner, &id, true)),
                        notes: BTreeMap::new(),
                        ..Ack::default()
                    }),
                    None => Trace::NotApplied,
                }
            })
            .collect())
    }
}
