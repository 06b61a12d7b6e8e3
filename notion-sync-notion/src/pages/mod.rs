//! The pages of one data source as a side of the synchronisation.

mod blocks;
mod body;
mod bookkeeping;
mod creation;
mod discussion;
mod insertion;
mod listing;
mod reading;
mod recheck;
mod speech;
mod tracing;
mod update;
mod writing;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use chrono::{DateTime, Duration, Utc};
use notion_sync_core::bounds::Bounds;
use notion_sync_core::comment::{Comments, RemoteComment};
use notion_sync_core::id::{RemoteRef, Side};
use notion_sync_core::remote::{
    Abilities, Ack, Action, FieldSchema, ListRequest, Listing, Remote, Schema, Trace, Write,
    WriteKind,
};
use notion_sync_core::snapshot::Snapshot;
use notion_sync_core::{Error, ErrorKind, Result};

pub use body::{BODY_BLOCKS, Body, read_body};
pub use bookkeeping::BookkeepingNames;
pub(crate) use bookkeeping::{is_extra, is_written};

use crate::client::{Client, Endpoint, unreadable};
use crate::identifier;
use crate::wire::{DataSource, Page};
use bookkeeping::Bookkeeping;
use listing::Scan;

/// The system of every [`RemoteRef`] of this crate.
pub const SYSTEM: &str = "notion";
/// The kind of a page's [`RemoteRef`].
pub const PAGE: &str = "page";

/// The kind of a block's [`RemoteRef`].
pub const BLOCK: &str = "block";
/// The kind of a comment's [`RemoteRef`].
pub const COMMENT: &str = "comment";

/// Names a page.
#[must_use]
pub fn page_ref(id: &str) -> RemoteRef {
    RemoteRef::new(SYSTEM, PAGE, identifier::canonical_or_same(id))
}

/// What one data source is synchronised with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageSettings {
    /// Id of the data source (not of the database that holds it).
    pub data_source: String,
    /// Ids of the properties that are read, decoded; `None` reads all. The title and the engine's
    /// own properties are always read.
    pub wanted: Option<BTreeSet<String>>,
    /// Names of the engine's properties.
    pub names: BookkeepingNames,
    /// Whether an option that a select does not have may be added to the schema by writing it.
    /// Options of a status are never added.
    pub create_options: bool,
    /// How far successive queries overlap.
    pub overlap: Duration,
    /// How long a new edit may be missing from a query.
    pub visibility: Duration,
    /// Width of the bucket that edit times are rounded to, in seconds. The service's is 60.
    pub grain: u32,
}

impl PageSettings {
    /// Settings that read everything, with the default names overlap, visibility and grain of `bounds`.
    #[must_use]
    pub fn new(data_source: impl Into<String>, bounds: &Bounds) -> Self {
        Self {
            data_source: data_source.into(),
            wanted: None,
            names: BookkeepingNames::default(),
            create_options: false,
            overlap: Duration::seconds(i64::from(bounds.notion_overlap)),
            visibility: Duration::seconds(i64::from(bounds.visibility)),
            grain: bounds.notion_grain,
        }
    }
}

/// The pages of one data source.
///
/// Bodies are read as Markdown and through blocks where that has holes; they are written in the
/// smallest block steps, so that what an edit does not touch keeps its id.
pub struct NotionPages {
    client: Client,
    settings: PageSettings,
    data_source: String,
    schema: Mutex<Option<Arc<DataSource>>>,
    /// A listing that the rate budget stopped, to go on with.
    stopped: Mutex<Option<Scan>>,
    /// How late queries were seen to show what was there, in seconds.
    lag: AtomicU32,
}

impl fmt::Debug for NotionPages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NotionPages")
            .field("data_source", &self.data_source)
            .finish_non_exhaustive()
    }
}

impl NotionPages {
    /// The pages of `settings.data_source`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`] when the data source is no id.
    pub fn new(client: Client, settings: PageSettings) -> Result<Self> {
        let data_source = identifier::canonical(&settings.data_source).ok_or_else(|| {
            Error::new(ErrorKind::Configuration, "set up a data source")
                .message(format!(
                    "`{}` is not an id",
                    settings.data_source.escape_debug()
                ))
                .remedy("copy the data source id from the database's menu in Notion")
        })?;
        Ok(Self {
            client,
            settings,
            data_source,
            schema: Mutex::new(None),
            lag: AtomicU32::new(0),
            stopped: Mutex::new(None),
        })
    }

    /// The client in use.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Reads the data source afresh.
    async fn fetch_schema(&self) -> Result<Arc<DataSource>> {
        let endpoint = Endpoint::data_source(&self.data_source)?;
        let answer = self.client.call(&endpoint).await?;
        let schema = DataSource::parse(&answer.body)
            .map_err(|error| unreadable(&endpoint, &answer, error))?;
        let schema = Arc::new(schema);
        *self.schema.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&schema));
        Ok(schema)
    }

    /// The data source as last read.
    async fn known_schema(&self) -> Result<Arc<DataSource>> {
        let known = self
            .schema
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        match known {
            Some(schema) => Ok(schema),
            None => self.fetch_schema().await,
        }
    }

    fn bookkeeping<'s>(&self, schema: &'s DataSource) -> Bookkeeping<'s> {
        Bookkeeping::new(&self.settings.names, schema)
    }

    /// The page's id, where it is one of ours.
    fn page_id(object: &RemoteRef, during: &'static str) -> Result<String> {
        if object.system == SYSTEM
            && object.kind == PAGE
            && let Some(id) = identifier::canonical(&object.id)
        {
            return Ok(id);
        }
        Err(Error::new(ErrorKind::Invalid, during)
            .with("object", object)
            .message("it is not a Notion page"))
    }

    async fn fetch_page(&self, id: &str) -> Result<Page> {
        let endpoint = Endpoint::page(id)?;
        let answer = self.client.call(&endpoint).await?;
        Page::parse(&answer.body).map_err(|error| unreadable(&endpoint, &answer, error))
    }
}

#[async_trait]
impl Remote for NotionPages {
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

    fn lags(&self, seconds: u32) {
        self.lag.fetch_max(seconds, Ordering::Relaxed);
    }

    async fn schema(&self) -> Result<Schema> {
        let schema = self.fetch_schema().await?;
        Ok(Schema {
            fields: schema
                .properties
                .iter()
                .filter(|property| !property.id.is_empty())
                .map(|property| {
                    let field = FieldSchema {
                        name: property.name.clone(),
                        kind: property.kind.clone(),
                        options: property.options(),
                        closed: match property.kind.as_str() {
                            "status" => true,
                            "select" | "multi_select" => !self.settings.create_options,
                            _ => false,
                        },
                        inward: property.relates_to().as_deref() == Some(&*self.data_source),
                        later: false,
                    };
                    (property.id.clone(), field)
                })
                .collect(),
            bookkeeping: self.bookkeeping(&schema).roles(),
            places: std::collections::BTreeMap::new(),
        })
    }

    fn scope(&self) -> String {
        self.data_source.clone()
    }

    async fn named(&self, name: &str) -> Result<RemoteRef> {
        let id = identifier::canonical(name).or_else(|| identifier::from_url(name));
        let id = id.ok_or_else(|| {
            Error::new(ErrorKind::Invalid, "find a page")
                .with("name", name)
                .message("it is neither the id nor the address of a page")
        })?;
        Ok(page_ref(&id))
    }

    async fn list(&self, request: ListRequest) -> Result<Listing> {
        self.list_pages(request).await
    }

    async fn read(&self, object: &RemoteRef, content: bool) -> Result<Snapshot> {
        self.read_page(object, content).await
    }

    async fn comments(&self, object: &RemoteRef) -> Result<Comments> {
        self.list_comments(object).await
    }

    async fn comment(&self, comment: &RemoteRef) -> Result<Option<RemoteComment>> {
        self.read_comment(comment).await
    }

    fn group(&self, _action: &Action) -> Option<String> {
        None
    }

    fn kind(&self, action: &Action) -> WriteKind {
        match action {
            Action::Create(_) | Action::Comment { .. } => WriteKind::UnnamedCreate,
            Action::Discuss(discuss) => discuss.kind(),
            Action::Update(update) if update.content.is_some() => WriteKind::Append,
            Action::Update(_)
            | Action::Remove { .. }
            | Action::Restore { .. }
            | Action::Bookkeep { .. }
            | Action::Effect(_)
            | Action::Flag { .. }
            | Action::Withdraw { .. } => WriteKind::Set,
            Action::Propose(_) => WriteKind::NamedCreate,
        }
    }

    async fn write(&self, batch: &[Write]) -> Vec<Result<Ack>> {
        let mut out = Vec::with_capacity(batch.len());
        for write in batch {
            out.push(self.write_one(write).await);
        }
        out
    }

    async fn trace(&self, batch: &[Write], sent_at: DateTime<Utc>) -> Result<Vec<Trace>> {
        let mut out = Vec::with_capacity(batch.len());
        for write in batch {
            out.push(self.trace_one(write, sent_at).await?);
        }
        Ok(out)
    }
}
