//! Writes: which is which, and the small ones.

use std::collections::BTreeMap;

use notion_sync_core::id::{OpId, RemoteRef};
use notion_sync_core::remote::{Ack, Action, Write};
use notion_sync_core::snapshot::{Presence, Proof, Snapshot};
use notion_sync_core::{Error, ErrorKind, Result};
use serde_json::{Map, Value as Json, json};

use super::bookkeeping::{LAST_OP, OP};
use super::{Body, NotionPages, read_body};
use crate::client::{Answer, Endpoint, unreadable};
use crate::wire::{Comment, DataSource, Page};

/// What stands before the operation's id at the end of a comment.
pub(super) const COMMENT_MARK: &str = "nsync:";

/// The mark of an operation in a comment.
pub(super) fn comment_mark(op: &OpId) -> String {
    format!("{COMMENT_MARK}{op}")
}

/// The error of a write that had some effect before it failed.
pub(super) fn partial(error: Error, done: usize) -> Error {
    if done == 0 || error.kind() == ErrorKind::Unavailable {
        return error;
    }
    Error::new(ErrorKind::Unavailable, "finish a write of several steps")
        .with("steps done", done)
        .retry_at(error.retry())
        .message(error.to_string())
        .caused_by(error)
}

/// The error of a write that failed before anything was sent that could have an effect.
pub(super) fn unsent(error: Error) -> Error {
    if error.kind() != ErrorKind::Unavailable {
        return error;
    }
    Error::new(ErrorKind::NotApplied, "look before a write")
        .retry_at(error.retry())
        .message(error.to_string())
        .caused_by(error)
}

impl NotionPages {
    pub(super) async fn write_one(&self, write: &Write) -> Result<Ack> {
        match &write.action {
            Action::Create(create) => self.create(write, create).await,
            Action::Update(update) => self.update(write, update).await,
            Action::Remove { object, expected } => self.remove(write, object, expected).await,
            Action::Restore { object } => self.restore(object).await,
            Action::Comment { object, text } => self.comment(write, object, text).await,
            Action::Discuss(discuss) => self.discuss(write, discuss).await,
            Action::Bookkeep { object, fields } => self.bookkeep(object, fields).await,
            Action::Propose(_)
            | Action::Withdraw { .. }
            | Action::Effect(_)
            | Action::Flag { .. } => Err(Error::new(ErrorKind::Invalid, "write to Notion")
                .message("Notion has no proposals and no effects")),
        }
    }

    /// Changes properties or state of a page with one request; the snapshot is what the answer
    /// showed.
    pub(super) async fn patch(
        &self,
        id: &str,
        body: Json,
        schema: &DataSource,
        begun: bool,
    ) -> Result<Snapshot> {
        let endpoint = Endpoint::update_page(id, body)?;
        let observed_at = self.client.now();
        let answer = if begun {
            self.client.call_begun(&endpoint).await?
        } else {
            self.client.call(&endpoint).await?
        };
        let page = self.shown_page(&endpoint, &answer, id).await?;
        Ok(self.snapshot(&page, schema, observed_at))
    }

    /// The page that an answer shows; read where the service saved but could not show it. A read
    /// that fails takes nothing back, so its error never says that nothing was done.
    pub(super) async fn shown_page(
        &self,
        endpoint: &Endpoint,
        answer: &Answer,
        id: &str,
    ) -> Result<Page> {
        if answer.committed.is_none() {
            return Page::parse(&answer.body).map_err(|error| unreadable(endpoint, answer, error));
        }
        let read = async {
            let read = Endpoint::page(id)?;
            let answer = self.client.call_begun(&read).await?;
            Page::parse(&answer.body).map_err(|error| unreadable(&read, &answer, error))
        };
        read.await.map_err(|error| partial(error, 1))
    }

    /// Fails unless a page is there and in this data source.
    pub(super) fn require_present(&self, page: &Page, schema: &DataSource) -> Result<()> {
        let stale = |message: &str| {
            Err(Error::new(ErrorKind::Stale, "write a page")
                .with("page", &page.id)
                .message(message.to_owned()))
        };
        match self.presence(page, schema) {
            Presence::Present => Ok(()),
            Presence::Gone(_) => stale("it is in the trash"),
            Presence::MovedOut(_) => stale("it was moved out of the data source"),
            Presence::Missing | Presence::Unread(_) => {
                Err(Error::new(ErrorKind::Forbidden, "write a page")
                    .with("page", &page.id)
                    .message("the service shows only its id"))
            }
        }
    }

    async fn remove(&self, write: &Write, object: &RemoteRef, expected: &str) -> Result<Ack> {
        let id = Self::page_id(object, "trash a page")?;
        let schema = self.known_schema().await.map_err(unsent)?;
        let observed_at = self.client.now();
        let page = self.fetch_page(&id).await.map_err(unsent)?;
        let snapshot = self.snapshot(&page, &schema, observed_at);
        if snapshot.presence == Presence::Gone(Proof::InTrash) {
            return Ok(ack(snapshot));
        }
        self.require_present(&page, &schema)?;
        if page.last_edited_text != expected
            && !self.body_hashes_to(&id, expected).await.map_err(unsent)?
        {
            return Err(Error::new(ErrorKind::Stale, "trash a page")
                .with("page", &id)
                .message("it was edited since"));
        }
        let mut properties = Map::new();
        self.bookkeeping(&schema)
            .stamp(LAST_OP, &write.op, &mut properties);
        let mut body = json!({"in_trash": true});
        if let (false, Some(body)) = (properties.is_empty(), body.as_object_mut()) {
            body.insert("properties".to_owned(), Json::Object(properties));
        }
        Ok(ack(self.patch(&id, body, &schema, false).await?))
    }

    /// Whether `expected` is the hash of the page's body.
    async fn body_hashes_to(&self, id: &str, expected: &str) -> Result<bool> {
        if expected.len() != 64 || !expected.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Ok(false);
        }
        Ok(match read_body(&self.client, id).await? {
            Body::Document { document, .. } => document.hash().to_string() == expected,
            Body::Unusable(_) => false,
        })
    }

    async fn restore(&self, object: &RemoteRef) -> Result<Ack> {
        let id = Self::page_id(object, "restore a page")?;
        let schema = self.known_schema().await.map_err(unsent)?;
        let observed_at = self.client.now();
        let page = self.fetch_page(&id).await.map_err(unsent)?;
        if !page.in_trash {
            return Ok(ack(self.snapshot(&page, &schema, observed_at)));
        }
        let body = json!({"in_trash": false});
        Ok(ack(self.patch(&id, body, &schema, false).await?))
    }

    async fn comment(&self, write: &Write, object: &RemoteRef, text: &str) -> Result<Ack> {
        let id = Self::page_id(object, "add a comment")?;
        let markdown = format!("{}\n`{}`", text.trim_end(), comment_mark(&write.op));
        let endpoint = Endpoint::create_comment(&id, &markdown)?;
        let answer = self.client.call(&endpoint).await?;
        let comment = match &answer.committed {
            Some(committed) => committed.resource.clone(),
            None => {
                Comment::parse(&answer.body)
                    .map_err(|error| unreadable(&endpoint, &answer, error))?
                    .id
            }
        };
        Ok(Ack {
            snapshot: None,
            notes: BTreeMap::from([("comment".to_owned(), comment)]),
            ..Ack::default()
        })
    }

    /// The comment that carries the mark of an operation.
    pub(super) async fn find_comment(&self, page: &str, op: &OpId) -> Result<Option<Comment>> {
        let mark = comment_mark(op);
        let list = self
            .client
            .all_of(|cursor| Endpoint::comments(page, cursor))
            .await?;
        Ok(list
            .results
            .iter()
            .filter_map(|raw| Comment::of_raw(raw).ok())
            .find(|comment| {
                // The whole mark at the end: one id can be the beginning of another.
                comment.text.trim_end().ends_with(&mark)
            }))
    }

    async fn bookkeep(&self, object: &RemoteRef, fields: &BTreeMap<String, String>) -> Result<Ack> {
        let id = Self::page_id(object, "note the state on a page")?;
        let schema = self.known_schema().await.map_err(unsent)?;
        let observed_at = self.client.now();
        let page = self.fetch_page(&id).await.map_err(unsent)?;
        self.require_present(&page, &schema)?;
        let mut properties = Map::new();
        self.bookkeeping(&schema)
            .write(&with_operations(fields), Some(&page), &mut properties)?;
        if properties.is_empty() {
            return Ok(ack(self.snapshot(&page, &schema, observed_at)));
        }
        let body = json!({ "properties": properties });
        Ok(ack(self.patch(&id, body, &schema, false).await?))
    }
}

/// A page of which everything is cleared is nobody's: it does not say which operation made it either.
pub(super) fn with_operations(fields: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let mut fields = fields.clone();
    if fields.values().all(String::is_empty) {
        fields.extend([OP, LAST_OP].map(|role| (role.to_owned(), String::new())));
    }
    fields
}

/// An answer that shows a page.
pub(super) fn ack(snapshot: Snapshot) -> Ack {
    Ack {
        snapshot: Some(snapshot),
        notes: BTreeMap::new(),
        ..Ack::default()
    }
}
