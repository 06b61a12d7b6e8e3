//! Block objects as Notion takes them.

use serde_json::{Map, Value, json};

use super::Reason;
use super::rich_text::{write_literal, write_rich_text};
use crate::document::limits::{
    BLOCK_UNITS, EQUATION_UNITS, code_language, is_color, is_web_url, units,
};
use crate::document::model::{Block, BlockKind, Icon, MediaKind, MediaSource, RichText};
use crate::document::reference::as_uuid;
use crate::document::validation::CREATABLE;

/// A block object without children, with what had to change to make it one.
#[derive(Debug)]
pub(super) struct Own {
    pub(super) name: String,
    pub(super) payload: Map<String, Value>,
    pub(super) notes: Vec<Reason>,
}

impl Own {
    pub(super) fn into_value(self) -> Value {
        let mut object = Map::new();
        object.insert("object".to_owned(), json!("block"));
        object.insert("type".to_owned(), json!(self.name));
        object.insert(self.name, Value::Object(self.payload));
        Value::Object(object)
    }
}

/// The object that creates `block` in an append request, without its children ([`super::stages`]
/// places those).
///
/// Text is split and merged to fit Notion's limits; what has no exact form there is approximated
/// the way [`super::stages`] reports.
///
/// # Errors
/// The reason why the API cannot create it.
pub fn write(block: &Block) -> Result<Value, Reason> {
    write_own(&block.kind).map(Own::into_value)
}

/// The body that changes an existing block of the same type (see [`same_type`]) to `kind`.
///
/// `None` where the API cannot change anything that `kind` says (dividers, child pages, opaque
/// blocks, hosted files without their caption …). Children are never part of it.
#[must_use]
pub fn update(kind: &BlockKind) -> Option<Value> {
    match kind {
        BlockKind::Divider
        | BlockKind::Breadcrumb
        | BlockKind::ColumnList
        | BlockKind::Synced { .. }
        | BlockKind::LinkToPage { .. }
        | BlockKind::ChildPage { .. }
        | BlockKind::ChildDatabase { .. }
        | BlockKind::Verbatim { .. }
        | BlockKind::Opaque { .. }
        | BlockKind::Column { ratio: None } => return None,
        BlockKind::Media {
            media,
            source: MediaSource::Hosted(_),
            caption,
        } => {
            let caption = write_rich_text(caption, &mut Vec::new()).ok()?;
            return Some(json!({media_name(*media): {"caption": caption}}));
        }
        _ => {}
    }
    let mut own = write_own(kind).ok()?;
    // Fixed once the block exists.
    own.payload.remove("table_width");
    if matches!(kind, BlockKind::Media { .. }) {
        own.payload.remove("type");
    }
    // An absent colour would leave the old one.
    if let Some(color) = kind.color()
        && color.is_default()
    {
        own.payload.insert("color".to_owned(), json!("default"));
    }
    if let BlockKind::Callout { icon: None, .. } = kind {
        own.payload.insert("icon".to_owned(), Value::Null);
    }
    if let BlockKind::Media { caption, .. }
    | BlockKind::Bookmark { caption, .. }
    | BlockKind::Embed { caption, .. }
    | BlockKind::Code { caption, .. } = kind
        && caption.is_empty()
    {
        own.payload.insert("caption".to_owned(), json!([]));
    }
    Some(json!({own.name: own.payload}))
}

/// Whether an update in place can make `new` out of `old`: the API never changes a block's type, a
/// table's width, what a synced block copies, or a file it hosts into another one it hosts.
#[must_use]
pub fn same_type(old: &BlockKind, new: &BlockKind) -> bool {
    use BlockKind as K;
    match (old, new) {
        (K::Heading { level: a, .. }, K::Heading { level: b, .. }) => {
            (*a).clamp(1, 4) == (*b).clamp(1, 4)
        }
        (K::Table { width: a, .. }, K::Table { width: b, .. }) => a == b,
        (
            K::Media {
                media: a,
                source: from,
                ..
            },
            K::Media {
                media: b,
                source: to,
                ..
            },
        ) => {
            a == b
                && match (from, to) {
                    (_, MediaSource::External(_)) => true,
                    (MediaSource::Hosted(x), MediaSource::Hosted(y)) => x == y,
                    (MediaSource::External(_), MediaSource::Hosted(_)) => false,
                }
        }
        (K::Synced { from: a }, K::Synced { from: b }) => a == b,
        (K::LinkToPage { page: a }, K::LinkToPage { page: b }) => a == b,
        (K::ChildPage { page: a, .. }, K::ChildPage { page: b, .. }) => a == b,
        (K::ChildDatabase { database: a, .. }, K::ChildDatabase { database: b, .. }) => a == b,
        (K::Opaque { .. }, _) | (_, K::Opaque { .. }) => old == new,
        (K::Verbatim { .. }, _) | (_, K::Verbatim { .. }) => false,
        _ => std::mem::discriminant(old) == std::mem::discriminant(new),
    }
}

fn media_name(media: MediaKind) -> &'static str {
    match media {
        MediaKind::Image => "image",
        MediaKind::Video => "video",
        MediaKind::Audio => "audio",
        MediaKind::Pdf => "pdf",
        MediaKind::File => "file",
    }
}

/// The type and fields of a block, without children.
pub(super) fn write_own(kind: &BlockKind) -> Result<Own, Reason> {
    let mut notes = Vec::new();
    let mut payload = Map::new();
    let name = fill(kind, &mut payload, &mut notes)?;
    if let Some(color) = kind.color()
        && !color.is_default()
    {
        if is_color(&color.0) {
            payload.insert("color".to_owned(), json!(color.0));
        } else {
            notes.push(Reason::Color);
        }
    }
    notes.sort_unstable();
    notes.dedup();
    Ok(Own {
        name,
        payload,
        notes,
    })
}

/// Fills `payload` and returns the type's name.
fn fill(
    kind: &BlockKind,
    payload: &mut Map<String, Value>,
    notes: &mut Vec<Reason>,
) -> Result<String, Reason> {
    let mut put = |key: &str, value: Value| {
        payload.insert(key.to_owned(), value);
    };
    let rich =
        |text: &RichText, notes: &mut Vec<Reason>| write_rich_text(text, notes).map(Value::Array);
    if let Some(text) = kind.text() {
        put("rich_text", rich(text, notes)?);
    }
    let name = match kind {
        BlockKind::Paragraph { .. } => "paragraph",
        BlockKind::Heading { level, toggle, .. } => {
            if *level > 4 || *level == 0 {
                notes.push(Reason::Heading);
            }
            put("is_toggleable", json!(toggle));
            match level {
                0 | 1 => "heading_1",
                2 => "heading_2",
                3 => "heading_3",
                _ => "heading_4",
            }
        }
        BlockKind::BulletedItem { .. } => "bulleted_list_item",
        BlockKind::NumberedItem { .. } => "numbered_list_item",
        BlockKind::ToDo { checked, .. } => {
            put("checked", json!(checked));
            "to_do"
        }
        BlockKind::Toggle { .. } => "toggle",
        BlockKind::Quote { .. } => "quote",
        BlockKind::Callout { icon, .. } => {
            match icon {
                Some(Icon::Emoji(emoji)) if !emoji.is_empty() => {
                    put("icon", json!({"type": "emoji", "emoji": emoji}));
                }
                Some(Icon::External(url)) if is_web_url(url) => {
                    put(
                        "icon",
                        json!({"type": "external", "external": {"url": url}}),
                    );
                }
                Some(_) => notes.push(Reason::Icon),
                None => {}
            }
            "callout"
        }
        BlockKind::Code {
            code,
            language,
            caption,
            ..
        } => {
            put("rich_text", Value::Array(write_literal(code)?));
            let known = code_language(language).unwrap_or_else(|| {
                notes.push(Reason::Language);
                "plain text"
            });
            put("language", json!(known));
            if !caption.is_empty() {
                put("caption", rich(caption, notes)?);
            }
            "code"
        }
        BlockKind::Equation { expression } => {
            if units(expression) > EQUATION_UNITS {
                notes.push(Reason::Expression);
                put("rich_text", Value::Array(write_literal(expression)?));
                put("language", json!("latex"));
                "code"
            } else {
                put("expression", json!(expression));
                "equation"
            }
        }
        BlockKind::Verbatim { markdown } => {
            notes.push(Reason::Verbatim);
            put("rich_text", Value::Array(write_literal(markdown)?));
            put("language", json!("markdown"));
            "code"
        }
        BlockKind::Divider => "divider",
        BlockKind::Breadcrumb => "breadcrumb",
        BlockKind::TableOfContents { .. } => "table_of_contents",
        BlockKind::ColumnList => "column_list",
        BlockKind::Column { ratio } => {
            if let Some(ratio) = ratio {
                put("width_ratio", json!(f64::from(*ratio) / 1000.0));
            }
            "column"
        }
        BlockKind::Table {
            width,
            header_row,
            header_column,
            ..
        } => {
            put("table_width", json!(width));
            put("has_column_header", json!(header_row));
            put("has_row_header", json!(header_column));
            "table"
        }
        BlockKind::TableRow { cells } => {
            let mut written = Vec::with_capacity(cells.len());
            let mut total = 0;
            for cell in cells {
                total += units(&cell.to_plain());
                if total > BLOCK_UNITS {
                    return Err(Reason::TooLarge);
                }
                written.push(rich(cell, notes)?);
            }
            put("cells", Value::Array(written));
            "table_row"
        }
        BlockKind::Media {
            media,
            source,
            caption,
        } => {
            let MediaSource::External(url) = source else {
                return Err(Reason::Hosted);
            };
            if !is_web_url(url) {
                return Err(Reason::Url);
            }
            put("type", json!("external"));
            put("external", json!({"url": url}));
            if !caption.is_empty() {
                put("caption", rich(caption, notes)?);
            }
            media_name(*media)
        }
        BlockKind::Bookmark { url, caption } | BlockKind::Embed { url, caption } => {
            if !is_web_url(url) {
                return Err(Reason::Url);
            }
            put("url", json!(url));
            if !caption.is_empty() {
                put("caption", rich(caption, notes)?);
            }
            if matches!(kind, BlockKind::Bookmark { .. }) {
                "bookmark"
            } else {
                "embed"
            }
        }
        BlockKind::LinkToPage { page } => {
            let page = as_uuid(page).ok_or(Reason::NotCreatable)?;
            put("type", json!("page_id"));
            put("page_id", json!(page));
            "link_to_page"
        }
        BlockKind::Synced { from } => {
            let from = match from {
                Some(id) => {
                    let id = as_uuid(id).ok_or(Reason::NotCreatable)?;
                    json!({"type": "block_id", "block_id": id})
                }
                None => Value::Null,
            };
            put("synced_from", from);
            "synced_block"
        }
        BlockKind::Opaque { kind, raw } => {
            *payload = opaque_payload(kind, raw).ok_or(Reason::NotCreatable)?;
            return Ok(kind.clone());
        }
        BlockKind::ChildPage { .. } | BlockKind::ChildDatabase { .. } => {
            return Err(Reason::NotCreatable);
        }
    };
    Ok(name.to_owned())
}

/// Types that are kept as raw JSON and can be created again from exactly that JSON.
const REPEATABLE: [&str; 3] = ["link_to_page", "tab", "template"];

fn opaque_payload(kind: &str, raw: &str) -> Option<Map<String, Value>> {
    if !REPEATABLE.contains(&kind) || CREATABLE.binary_search(&kind).is_err() {
        return None;
    }
    let object: Value = serde_json::from_str(raw).ok()?;
    let Some(Value::Object(payload)) = object.get(kind) else {
        return None;
    };
    // What stands inside was not checked against the limits.
    let checked = json!({"type": kind, kind: payload});
    super::super::limits::validate(&checked)
        .is_empty()
        .then(|| payload.clone())
}
