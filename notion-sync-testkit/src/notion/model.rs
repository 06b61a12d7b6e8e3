//! What a workspace holds besides blocks and properties.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::id::NotionId;
use super::property::{Property, Values};
use super::text::Rich;

/// What a connection may do. People may do everything.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(clippy::struct_excessive_bools)]
pub struct Capabilities {
    /// Read pages, blocks, data sources.
    pub read_content: bool,
    /// Change what exists.
    pub update_content: bool,
    /// Create pages and blocks.
    pub insert_content: bool,
    /// Read comments.
    pub read_comments: bool,
    /// Write comments.
    pub insert_comments: bool,
    /// See names of users.
    pub read_users: bool,
    /// See e-mail addresses too.
    pub read_emails: bool,
}

impl Default for Capabilities {
    fn default() -> Self {
        Self {
            read_content: true,
            update_content: true,
            insert_content: true,
            read_comments: true,
            insert_comments: true,
            read_users: true,
            read_emails: true,
        }
    }
}

/// A person, or a connection's bot.
#[derive(Debug, Clone)]
pub(crate) struct User {
    pub(crate) name: String,
    pub(crate) avatar: Option<String>,
    pub(crate) email: Option<String>,
    /// Set for bots.
    pub(crate) capabilities: Option<Capabilities>,
    /// Guests are not listed.
    pub(crate) guest: bool,
}

/// What an object stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Parent {
    Workspace,
    Page(NotionId),
    Block(NotionId),
    Source(NotionId),
}

/// What changes about a page. Older states are kept for as long as queries may still show them.
#[derive(Debug, Clone)]
pub(crate) struct PageState {
    pub(crate) parent: Parent,
    pub(crate) values: Values,
    pub(crate) icon: Option<Value>,
    pub(crate) cover: Option<Value>,
    pub(crate) in_trash: bool,
    pub(crate) archived: bool,
    pub(crate) locked: bool,
    pub(crate) edited_at: DateTime<Utc>,
    pub(crate) edited_by: NotionId,
}

/// A page.
#[derive(Debug, Clone)]
pub(crate) struct Page {
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) created_by: NotionId,
    /// When it appeared here, for the lag of queries.
    pub(crate) written_at: DateTime<Utc>,
    pub(crate) state: PageState,
    /// Earlier states and when each was replaced, oldest first.
    pub(crate) past: Vec<(DateTime<Utc>, PageState)>,
    pub(crate) children: Vec<NotionId>,
    pub(crate) shared: Option<bool>,
}

/// The container of data sources.
#[derive(Debug, Clone)]
pub(crate) struct Database {
    pub(crate) parent: Parent,
    pub(crate) title: Rich,
    pub(crate) description: Rich,
    pub(crate) icon: Option<Value>,
    pub(crate) cover: Option<Value>,
    pub(crate) inline: bool,
    pub(crate) locked: bool,
    pub(crate) in_trash: bool,
    pub(crate) sources: Vec<NotionId>,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) created_by: NotionId,
    pub(crate) edited_at: DateTime<Utc>,
    pub(crate) edited_by: NotionId,
    pub(crate) shared: Option<bool>,
}

/// A table.
#[derive(Debug, Clone)]
pub(crate) struct DataSource {
    pub(crate) database: NotionId,
    pub(crate) title: Rich,
    pub(crate) description: Rich,
    pub(crate) icon: Option<Value>,
    pub(crate) cover: Option<Value>,
    pub(crate) in_trash: bool,
    /// In the order they were made.
    pub(crate) properties: Vec<Property>,
    /// Every page that was ever a row: the state of the page says whether it is one now.
    pub(crate) rows: BTreeSet<NotionId>,
    /// The last number given out for a unique id.
    pub(crate) last_number: u64,
    pub(crate) templates: Vec<(NotionId, String, bool)>,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) created_by: NotionId,
    pub(crate) edited_at: DateTime<Utc>,
    pub(crate) edited_by: NotionId,
}

impl DataSource {
    /// A property by name, or by id in either spelling.
    pub(crate) fn property(&self, key: &str) -> Option<&Property> {
        self.position(key)
            .and_then(|index| self.properties.get(index))
    }

    /// The place of a property in the list.
    pub(crate) fn position(&self, key: &str) -> Option<usize> {
        let decoded = super::property::decode_percent(key);
        self.properties
            .iter()
            .position(|property| property.name == key)
            .or_else(|| {
                self.properties
                    .iter()
                    .position(|p| p.id == key || p.id == decoded)
            })
    }

    pub(crate) fn title_property(&self) -> Option<&Property> {
        self.properties
            .iter()
            .find(|property| property.id == "title")
    }
}

/// A comment.
#[derive(Debug, Clone)]
pub(crate) struct Comment {
    /// The page or block it is about.
    pub(crate) about: NotionId,
    pub(crate) discussion: NotionId,
    pub(crate) rich: Rich,
    pub(crate) display_name: Option<Value>,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) created_by: NotionId,
    pub(crate) edited_at: DateTime<Utc>,
    pub(crate) resolved: bool,
}

/// Everything of one workspace, by id.
#[derive(Debug, Clone, Default)]
pub(crate) struct Objects {
    pub(crate) users: BTreeMap<NotionId, User>,
    pub(crate) tokens: BTreeMap<String, NotionId>,
    pub(crate) pages: BTreeMap<NotionId, Page>,
    pub(crate) databases: BTreeMap<NotionId, Database>,
    pub(crate) sources: BTreeMap<NotionId, DataSource>,
    pub(crate) blocks: BTreeMap<NotionId, super::block::Block>,
    /// In the order they were written.
    pub(crate) comments: Vec<(NotionId, Comment)>,
    pub(crate) emojis: BTreeMap<NotionId, (String, String)>,
}
