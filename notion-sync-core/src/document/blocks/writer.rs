//! Block objects as Notion takes them.

use serde_json::{Map, Value, json};

use super::Reason;
use super::json::Fields;
use super::runs::{push_literal, push_rich_text};
use crate::document::limits::{
    BLOCK_UNITS, EQUATION_UNITS, code_language, is_color, is_web_url, units,
};
use crate::document::model::{Block, BlockKind, Icon, MediaKind, MediaSource, RichText};
use crate::document::reference::{as_uuid, is_hosted};
use crate::document::validation::CREATABLE;

/// Where a block stands changes what is written of it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Stand {
    /// Columns of the table, which the block is or which the row is in.
    pub(super) width: Option<usize>,
    /// A heading folds although it does not say so.
    pub(super) toggle: bool,
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
    let (name, payload) = write_own(&block.kind)?;
    let mut object = Map::new();
    object.insert("object".to_owned(), json!("block"));
    object.insert("type".to_owned(), json!(name));
    object.insert(name, Value::Object(payload));
    Ok(Value::Object(object))
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
            let mut written = String::new();
            push_rich_text(&mut written, caption, &mut Vec::new()).ok()?;
            let caption: Value = serde_json::from_str(&written).ok()?;
            return Some(json!({media_name(*media): {"caption": caption}}));
        }
        _ => {}
    }
    let (name, mut payload) = write_own(kind).ok()?;
    // Fixed once the block exists.
    payload.remove("table_width");
    if matches!(kind, BlockKind::Media { .. }) {
        payload.remove("type");
    }
    // An absent colour would leave the old one.
    if let Some(color) = kind.color()
        && color.is_default()
    {
        payload.insert("color".to_owned(), json!("default"));
    }
    if let BlockKind::Callout { icon: None, .. } = kind {
        payload.insert("icon".to_owned(), Value::Null);
    }
    if caption_of(kind).is_some_and(RichText::is_empty) {
        payload.insert("caption".to_owned(), json!([]));
    }
    Some(json!({name: payload}))
}

/// The same where it is known what the block said: leaves a caption or icon that did not change out
/// of the body. Not every way of reading shows them, so one that nobody saw stays.
#[must_use]
pub fn update_from(old: &BlockKind, new: &BlockKind) -> Option<Value> {
    let mut body = update(new)?;
    let same = |key: &str| match key {
        "caption" => {
            caption_of(old).map(RichText::canonical) == caption_of(new).map(RichText::canonical)
        }
        _ => {
            matches!((old, new), (BlockKind::Callout { icon: a, .. }, BlockKind::Callout { icon: b, .. }) if a == b)
        }
    };
    for payload in body.as_object_mut()?.values_mut() {
        let fields = payload.as_object_mut()?;
        fields.retain(|key, _| !matches!(key.as_str(), "caption" | "icon") || !same(key));
        // A body must have a field.
        if fields.is_empty() {
            return update(new);
        }
    }
    Some(body)
}

fn caption_of(kind: &BlockKind) -> Option<&RichText> {
    match kind {
        BlockKind::Media { caption, .. }
        | BlockKind::Bookmark { caption, .. }
        | BlockKind::Embed { caption, .. }
        | BlockKind::Code { caption, .. } => Some(caption),
        _ => None,
    }
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

/// The type and fields of a block, without children, as values.
fn write_own(kind: &BlockKind) -> Result<(String, Map<String, Value>), Reason> {
    if let BlockKind::Opaque { kind, raw } = kind {
        let payload = opaque_payload(kind, raw).ok_or(Reason::NotCreatable)?;
        return Ok((kind.clone(), payload));
    }
    let mut text = String::new();
    let name = push_own(&mut text, kind, Stand::default(), &mut Vec::new())?.to_owned();
    // What was just written is JSON.
    let payload = serde_json::from_str(&text).unwrap_or_default();
    Ok((name, payload))
}

/// Appends the fields of a block, without children, as an object, and returns the name of its type.
/// Reasons for what had to change go to `notes`. After an error the text is not whole.
pub(super) fn push_own<'k>(
    out: &mut String,
    kind: &'k BlockKind,
    stand: Stand,
    notes: &mut Vec<Reason>,
) -> Result<&'k str, Reason> {
    if let BlockKind::Opaque { kind, raw } = kind {
        let payload = opaque_payload(kind, raw).ok_or(Reason::NotCreatable)?;
        // Printing a value cannot fail.
        out.push_str(&serde_json::to_string(&payload).unwrap_or_default());
        return Ok(kind);
    }
    let mut fields = Fields::open(out, None);
    let name = fill(kind, stand, &mut fields, notes)?;
    if let Some(color) = kind.color()
        && !color.is_default()
    {
        if is_color(color.name()) {
            fields.text("color", color.name());
        } else {
            notes.push(Reason::Color);
        }
    }
    fields.close();
    notes.sort_unstable();
    notes.dedup();
    Ok(name)
}

/// Appends the fields and returns the type's name.
fn fill(
    kind: &BlockKind,
    stand: Stand,
    fields: &mut Fields<'_>,
    notes: &mut Vec<Reason>,
) -> Result<&'static str, Reason> {
    if let Some(text) = kind.text() {
        push_rich_text(fields.key("rich_text"), text, notes)?;
    }
    let caption = |fields: &mut Fields<'_>, caption: &RichText, notes: &mut Vec<Reason>| {
        if caption.is_empty() {
            return Ok(());
        }
        push_rich_text(fields.key("caption"), caption, notes)
    };
    Ok(match kind {
        BlockKind::Paragraph { .. } => "paragraph",
        BlockKind::Heading { level, toggle, .. } => {
            if *level > 4 || *level == 0 {
                notes.push(Reason::Heading);
            }
            fields.flag("is_toggleable", *toggle || stand.toggle);
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
            fields.flag("checked", *checked);
            "to_do"
        }
        BlockKind::Toggle { .. } => "toggle",
        BlockKind::Quote { .. } => "quote",
        BlockKind::Callout { icon, .. } => {
            match icon {
                Some(Icon::Emoji(emoji)) if !emoji.is_empty() => {
                    let mut icon = Fields::open(fields.key("icon"), None);
                    icon.text("type", "emoji");
                    icon.text("emoji", emoji);
                    icon.close();
                }
                // The link to a file that Notion hosts ends, and names no file outside.
                Some(Icon::External(url)) if is_web_url(url) && !is_hosted(url) => {
                    let mut icon = Fields::open(fields.key("icon"), None);
                    icon.text("type", "external");
                    push_url(icon.key("external"), url);
                    icon.close();
                }
                Some(_) => notes.push(Reason::Icon),
                None => {}
            }
            "callout"
        }
        BlockKind::Code {
            code,
            language,
            caption: text,
            ..
        } => {
            push_literal(fields.key("rich_text"), code)?;
            let known = code_language(language).unwrap_or_else(|| {
                notes.push(Reason::Language);
                "plain text"
            });
            fields.text("language", known);
            caption(fields, text, notes)?;
            "code"
        }
        BlockKind::Equation { expression } => {
            if units(expression) > EQUATION_UNITS {
                notes.push(Reason::Expression);
                push_literal(fields.key("rich_text"), expression)?;
                fields.text("language", "latex");
                "code"
            } else {
                fields.text("expression", expression);
                "equation"
            }
        }
        BlockKind::Verbatim { markdown } => {
            notes.push(Reason::Verbatim);
            push_literal(fields.key("rich_text"), markdown)?;
            fields.text("language", "markdown");
            "code"
        }
        BlockKind::Divider => "divider",
        BlockKind::Breadcrumb => "breadcrumb",
        BlockKind::TableOfContents { .. } => "table_of_contents",
        BlockKind::ColumnList => "column_list",
        BlockKind::Column { ratio } => {
            if let Some(ratio) = ratio {
                fields.raw(
                    "width_ratio",
                    &json!(f64::from(*ratio) / 1000.0).to_string(),
                );
            }
            "column"
        }
        BlockKind::Table {
            width,
            header_row,
            header_column,
            ..
        } => {
            fields.raw("table_width", &stand.width.unwrap_or(*width).to_string());
            fields.flag("has_column_header", *header_row);
            fields.flag("has_row_header", *header_column);
            "table"
        }
        BlockKind::TableRow { cells } => {
            push_cells(fields.key("cells"), cells, stand.width, notes)?;
            "table_row"
        }
        BlockKind::Media {
            media,
            source,
            caption: text,
        } => {
            let MediaSource::External(url) = source else {
                return Err(Reason::Hosted);
            };
            if !is_web_url(url) {
                return Err(Reason::Url);
            }
            fields.text("type", "external");
            push_url(fields.key("external"), url);
            caption(fields, text, notes)?;
            media_name(*media)
        }
        BlockKind::Bookmark { url, caption: text } | BlockKind::Embed { url, caption: text } => {
            if !is_web_url(url) {
                return Err(Reason::Url);
            }
            fields.text("url", url);
            caption(fields, text, notes)?;
            if matches!(kind, BlockKind::Bookmark { .. }) {
                "bookmark"
            } else {
                "embed"
            }
        }
        BlockKind::LinkToPage { page } => {
            let page = as_uuid(page).ok_or(Reason::NotCreatable)?;
            fields.text("type", "page_id");
            fields.text("page_id", &page);
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
            fields.raw("synced_from", &from.to_string());
            "synced_block"
        }
        BlockKind::Opaque { .. }
        | BlockKind::ChildPage { .. }
        | BlockKind::ChildDatabase { .. } => {
            return Err(Reason::NotCreatable);
        }
    })
}

fn push_url(out: &mut String, url: &str) {
    let mut fields = Fields::open(out, None);
    fields.text("url", url);
    fields.close();
}

/// Appends the cells of a row, as many as the table has columns where that is said.
fn push_cells(
    out: &mut String,
    cells: &[RichText],
    width: Option<usize>,
    notes: &mut Vec<Reason>,
) -> Result<(), Reason> {
    let mut total = 0;
    out.push('[');
    for at in 0..width.unwrap_or(cells.len()) {
        if at > 0 {
            out.push(',');
        }
        let Some(cell) = cells.get(at) else {
            out.push_str("[]");
            continue;
        };
        total += units(&cell.to_plain());
        if total > BLOCK_UNITS {
            return Err(Reason::TooLarge);
        }
        push_rich_text(out, cell, notes)?;
    }
    out.push(']');
    Ok(())
}

/// Types that are kept as raw JSON and can be created again from exactly that JSON.
const REPEATABLE: [&str; 3] = ["link_to_page", "tab", "template"];

/// Nesting of JSON that is still read when it stands in a request.
const READABLE_LEVELS: usize = 96;

/// Levels of nesting. Parsing has limited them.
fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(fields) => 1 + fields.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

/// How deep blocks nest inside of a block of raw JSON, and how many there are.
pub(super) fn held_inside(kind: &str, raw: &str) -> (usize, usize) {
    opaque_payload(kind, raw).map_or((0, 0), |payload| inside(&payload))
}

fn inside(payload: &Map<String, Value>) -> (usize, usize) {
    let Some(Value::Array(children)) = payload.get("children") else {
        return (0, 0);
    };
    let held = children.iter().map(|child| {
        let name = child.get("type").and_then(Value::as_str);
        let own = name.and_then(|name| child.get(name)?.as_object());
        own.map_or((0, 0), inside)
    });
    let (levels, blocks) = held.fold((0, 0), |(levels, blocks), (deeper, more)| {
        (levels.max(deeper), blocks + more + 1)
    });
    if blocks == 0 {
        (0, 0)
    } else {
        (levels + 1, blocks)
    }
}

fn opaque_payload(kind: &str, raw: &str) -> Option<Map<String, Value>> {
    if !REPEATABLE.contains(&kind) || CREATABLE.binary_search(&kind).is_err() {
        return None;
    }
    let object: Value = serde_json::from_str(raw).ok()?;
    // What is written has to be readable again, with what stands around it.
    if depth(&object) > READABLE_LEVELS {
        return None;
    }
    let Some(Value::Object(payload)) = object.get(kind) else {
        return None;
    };
    // What stands inside was not checked against the limits.
    let checked = json!({"type": kind, kind: payload});
    super::super::limits::validate(&checked)
        .is_empty()
        .then(|| payload.clone())
}
