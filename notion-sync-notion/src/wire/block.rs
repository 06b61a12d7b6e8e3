//! Blocks as far as walking needs them, bodies as Markdown, comments.

use chrono::{DateTime, Utc};
use serde_json::value::RawValue;

use super::{Fields, Object, Parsed, User, plain_text, text};
use crate::identifier;

/// What walking a tree of blocks needs to know of one; the block itself stays raw.
#[derive(Debug, Clone)]
pub struct BlockHead {
    /// Id, in canonical spelling.
    pub id: String,
    /// Type; empty on a partial block.
    pub kind: String,
    /// Whether there are blocks inside it.
    pub has_children: bool,
    /// Whether it is in the trash.
    pub in_trash: bool,
    /// When it was last edited, to the minute.
    pub last_edited_time: Option<DateTime<Utc>>,
    /// The whole block as the service sent it.
    pub raw: Box<RawValue>,
}

impl BlockHead {
    /// Reads a block from raw JSON.
    ///
    /// # Errors
    ///
    /// When it is no object with an id.
    pub fn of(raw: Box<RawValue>) -> Parsed<Self> {
        let mut object = Fields::of(&raw)?;
        Ok(Self {
            id: object.take_id()?,
            kind: object.take("type").unwrap_or_default(),
            has_children: object.take("has_children").unwrap_or_default(),
            in_trash: object.take("in_trash").unwrap_or_default(),
            last_edited_time: object.take("last_edited_time"),
            raw,
        })
    }

    /// Reads a block from bytes.
    ///
    /// # Errors
    ///
    /// When it is no object with an id.
    pub fn parse(bytes: &[u8]) -> Parsed<Self> {
        Self::of(serde_json::from_str(text(bytes)?)?)
    }

    /// Whether what is inside belongs to another object and is not walked into.
    #[must_use]
    pub fn is_foreign(&self) -> bool {
        matches!(self.kind.as_str(), "child_page" | "child_database")
    }
}

/// A body as enhanced Markdown.
#[derive(Debug, Clone, Default)]
pub struct PageMarkdown {
    /// The text.
    pub markdown: String,
    /// Whether blocks are missing.
    pub truncated: bool,
    /// Blocks that are missing or shown as placeholders; at most 100 are named.
    pub unknown_block_ids: Vec<String>,
    /// Everything else.
    pub rest: Object,
}

impl PageMarkdown {
    /// Reads a `page_markdown` object.
    ///
    /// # Errors
    ///
    /// When it is no object with `markdown`.
    pub fn parse(bytes: &[u8]) -> Parsed<Self> {
        let mut object = Fields::parse(bytes)?;
        let markdown = object
            .take("markdown")
            .ok_or_else(|| serde::de::Error::custom("a body has no markdown"))?;
        Ok(Self {
            markdown,
            truncated: object.take("truncated").unwrap_or_default(),
            unknown_block_ids: object
                .take::<Vec<String>>("unknown_block_ids")
                .unwrap_or_default()
                .iter()
                .map(|id| identifier::canonical_or_same(id))
                .collect(),
            rest: object.into(),
        })
    }
}

/// A comment.
#[derive(Debug, Clone)]
pub struct Comment {
    /// Id, in canonical spelling.
    pub id: String,
    /// Its text without formatting.
    pub text: String,
    /// Its text as rich text objects.
    pub rich_text: Vec<Box<RawValue>>,
    /// When it was made.
    pub created_time: Option<DateTime<Utc>>,
    /// When it was last changed.
    pub edited_time: Option<DateTime<Utc>>,
    /// Who made it.
    pub created_by: Option<User>,
    /// What whoever made it is called.
    pub author: Option<String>,
    /// The page or block it is on: kind and id.
    pub parent: Option<(String, String)>,
    /// The discussion it belongs to.
    pub discussion: Option<String>,
    /// Everything else.
    pub rest: Object,
}

impl Comment {
    /// Reads a comment from raw JSON.
    ///
    /// # Errors
    ///
    /// When it is no object with an id.
    pub fn of_raw(raw: &RawValue) -> Parsed<Self> {
        let mut object = Fields::of(raw)?;
        let id = object.take_id()?;
        let rich_text = object
            .take::<Vec<Box<RawValue>>>("rich_text")
            .unwrap_or_default();
        let text = plain_text(&rich_text).0;
        let parent = object.object("parent").and_then(|parent| {
            ["page_id", "block_id"].into_iter().find_map(|name| {
                let id: String = parent.get(name)?;
                let kind = name.trim_end_matches("_id").to_owned();
                Some((kind, identifier::canonical_or_same(&id)))
            })
        });
        Ok(Self {
            id,
            text,
            rich_text,
            parent,
            edited_time: object.get("last_edited_time"),
            author: object
                .object("display_name")
                .and_then(|name| name.get("resolved_name")),
            created_time: object.take("created_time"),
            created_by: object
                .raw("created_by")
                .and_then(|raw| User::of_raw(raw).ok()),
            discussion: object.take("discussion_id"),
            rest: object.into(),
        })
    }

    /// Reads a comment from bytes.
    ///
    /// # Errors
    ///
    /// When it is no object with an id.
    pub fn parse(bytes: &[u8]) -> Parsed<Self> {
        let raw: Box<RawValue> = serde_json::from_str(text(bytes)?)?;
        Self::of_raw(&raw)
    }
}
