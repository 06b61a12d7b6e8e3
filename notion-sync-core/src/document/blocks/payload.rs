//! Block objects as Notion sends them.

use chrono::{DateTime, Utc};
use serde::de::{Error as _, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::rich_text::{Item, Run, color_of};
use super::stable::{Fields, Key, push_object};
use crate::document::layout::{Layout, ListFormat};
use crate::document::model::{Block, BlockKind, Icon, MediaKind, MediaSource, RichText};
use crate::document::reference::{normal_id, stable_url};
use crate::error::{Error, ErrorKind, Result};
use crate::id::BlockId;

/// A block with the parts of its envelope that are not content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockRead {
    /// The block. Children are present only where the object itself held some.
    pub block: Block,
    /// Whether children have to be fetched. False for child pages and child databases: what they
    /// hold is not part of this body.
    pub fetch_children: bool,
    /// Whether it is in the trash.
    pub in_trash: bool,
    /// When it was last edited, to the minute.
    pub last_edited_time: Option<DateTime<Utc>>,
}

/// Reads one block object as the API returns it (from `RawValue::get` or any JSON text).
///
/// # Errors
/// [`ErrorKind::Invalid`] when the text is not a JSON object or names no type (a partial block).
pub fn read(json: &str) -> Result<Block> {
    read_full(json).map(|read| read.block)
}

/// The same with what the envelope says.
///
/// # Errors
/// As [`read`].
pub fn read_full(json: &str) -> Result<BlockRead> {
    read_level(json, 0)
}

/// Most levels of children that are read from within one object; requests nest two, answers none.
const INLINE_LEVELS: usize = 16;

const ENVELOPE: [&str; 13] = [
    "object",
    "id",
    "parent",
    "created_time",
    "last_edited_time",
    "created_by",
    "last_edited_by",
    "has_children",
    "in_trash",
    "archived",
    "is_archived",
    "request_id",
    "developer_survey",
];

fn read_level(json: &str, level: usize) -> Result<BlockRead> {
    match Whole::read(json, level) {
        Some(Ok(read)) => Ok(read),
        Some(Err(Unreadable)) => read_parts(json, level, false),
        None => read_parts(json, level, true),
    }
}

/// Blocks inside of one cannot be read, so it is kept as it is. Nothing may try them another time:
/// on every level that would double the work.
struct Unreadable;

/// What is read of a type: kind, layout, children.
type Parts = std::result::Result<(BlockKind, Layout, Vec<Block>), Unreadable>;

/// Reads an object field by field, whatever is in it; as a block that we know only where `may_know`.
fn read_parts(json: &str, level: usize, may_know: bool) -> Result<BlockRead> {
    let invalid = || Error::new(ErrorKind::Invalid, "read block");
    let fields: Fields<'_> =
        serde_json::from_str(json.trim()).map_err(|error| invalid().caused_by(error))?;
    let text = |name| fields.get(name).and_then(parse::<String>);
    let flag = |name| fields.get(name).and_then(parse::<bool>) == Some(true);
    let id = text("id").map(|id| normal_id(&id));
    let Some(kind_name) = text("type") else {
        return Err(invalid()
            .with("block", id.unwrap_or_default())
            .message("it names no type")
            .remedy("fetch the block itself, this is only a reference to it"));
    };
    let payload = fields.get(&kind_name).filter(|_| may_know);
    let known = payload
        .and_then(|raw| known_kind(&kind_name, raw, id.as_deref(), level))
        .and_then(std::result::Result::ok);
    let (kind, layout, children) = known.unwrap_or_else(|| {
        let mut raw = String::new();
        let kept = fields
            .0
            .iter()
            .filter(|(key, _)| !ENVELOPE.contains(&&**key))
            .map(|(key, value)| (key.clone(), *value));
        push_object(&mut raw, kept, 0);
        (
            BlockKind::Opaque {
                kind: kind_name.clone(),
                raw,
            },
            Layout::default(),
            Vec::new(),
        )
    });
    let own_page = is_own_page(&kind);
    Ok(BlockRead {
        fetch_children: flag("has_children") && !own_page,
        in_trash: flag("in_trash") || flag("archived"),
        last_edited_time: text("last_edited_time").and_then(|time| instant(&time)),
        block: Block {
            id: id.map(BlockId::from),
            span: None,
            layout,
            kind,
            children,
        },
    })
}

fn instant(time: &str) -> Option<DateTime<Utc>> {
    let time = DateTime::parse_from_rfc3339(time).ok()?;
    Some(time.with_timezone(&Utc))
}

/// Whether what is inside belongs to another page.
fn is_own_page(kind: &BlockKind) -> bool {
    matches!(
        kind,
        BlockKind::ChildPage { .. } | BlockKind::ChildDatabase { .. }
    )
}

/// An object of a known type as the service sends it, read in one pass: every field once, of the
/// kind that we know, and the type before what it describes. Everything else is an error, and
/// [`read_parts`] reads it.
struct Whole<'a> {
    id: Option<Key<'a>>,
    kind: Key<'a>,
    payload: Payload<'a, Item<'a>>,
    last_edited_time: Option<Key<'a>>,
    has_children: bool,
    in_trash: bool,
    archived: bool,
}

impl<'a> Whole<'a> {
    fn read(json: &'a str, level: usize) -> Option<std::result::Result<BlockRead, Unreadable>> {
        let whole: Self = serde_json::from_str(json).ok()?;
        let id = whole.id.map(|id| normal_id(&id.0));
        let parts = whole
            .payload
            .into_parts(&whole.kind.0, id.as_deref(), level)?;
        Some(parts.map(|(kind, layout, children)| BlockRead {
            fetch_children: whole.has_children && !is_own_page(&kind),
            in_trash: whole.in_trash || whole.archived,
            last_edited_time: whole.last_edited_time.and_then(|time| instant(&time.0)),
            block: Block {
                id: id.map(BlockId::from),
                span: None,
                layout,
                kind,
                children,
            },
        }))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Whole<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        deserializer.deserialize_map(WholeVisitor)
    }
}

struct WholeVisitor;

impl<'de> Visitor<'de> for WholeVisitor {
    type Value = Whole<'de>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a block object of a known type")
    }

    fn visit_map<A: MapAccess<'de>>(
        self,
        mut map: A,
    ) -> std::result::Result<Self::Value, A::Error> {
        fn once<'de, A: MapAccess<'de>, T: Deserialize<'de>>(
            map: &mut A,
            field: &mut Option<T>,
        ) -> std::result::Result<(), A::Error> {
            if field.is_some() {
                return Err(A::Error::custom("a field stands twice"));
            }
            *field = Some(map.next_value()?);
            Ok(())
        }
        let mut id = None;
        let mut kind: Option<Key<'de>> = None;
        let mut payload = None;
        let mut last_edited_time = None;
        let (mut has_children, mut in_trash, mut archived) = (None, None, None);
        while let Some(key) = map.next_key::<Key<'de>>()? {
            match &*key.0 {
                "id" => once(&mut map, &mut id)?,
                "type" => {
                    once(&mut map, &mut kind)?;
                    if !kind.as_ref().is_some_and(|kind| is_known(&kind.0)) {
                        return Err(A::Error::custom("a type that is not known"));
                    }
                }
                "last_edited_time" => once(&mut map, &mut last_edited_time)?,
                "has_children" => once(&mut map, &mut has_children)?,
                "in_trash" => once(&mut map, &mut in_trash)?,
                "archived" => once(&mut map, &mut archived)?,
                name if kind.as_ref().is_some_and(|kind| kind.0 == name) => {
                    once(&mut map, &mut payload)?;
                }
                // Before the type is known this may be what it describes.
                name if kind.is_none() && is_known(name) => {
                    return Err(A::Error::custom("the type comes late"));
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        let (Some(kind), Some(payload)) = (kind, payload) else {
            return Err(A::Error::custom("no type, or nothing of it"));
        };
        Ok(Whole {
            id,
            kind,
            payload,
            last_edited_time,
            has_children: has_children.unwrap_or_default(),
            in_trash: in_trash.unwrap_or_default(),
            archived: archived.unwrap_or_default(),
        })
    }
}

fn parse<'a, T: Deserialize<'a>>(raw: &'a RawValue) -> Option<T> {
    serde_json::from_str(raw.get()).ok()
}

/// The fields of every type we know. All optional: what one type lacks another has.
///
/// Text is read as runs right away where it has no run of an unknown type, and else as JSON text
/// that each run is read from.
#[derive(Debug, Deserialize)]
#[serde(bound(deserialize = "R: Deserialize<'de>, 'de: 'a"))]
struct Payload<'a, R> {
    rich_text: Option<Vec<R>>,
    caption: Option<Vec<R>>,
    cells: Option<Vec<Vec<R>>>,
    #[serde(borrow)]
    children: Option<Vec<&'a RawValue>>,
    #[serde(borrow)]
    color: Option<Key<'a>>,
    is_toggleable: Option<bool>,
    checked: Option<bool>,
    list_start_index: Option<u64>,
    #[serde(default, deserialize_with = "list_format")]
    list_format: Option<ListFormat>,
    icon: Option<IconPart>,
    language: Option<Box<str>>,
    expression: Option<String>,
    table_width: Option<usize>,
    has_column_header: Option<bool>,
    has_row_header: Option<bool>,
    #[serde(borrow, rename = "type")]
    kind: Option<Key<'a>>,
    external: Option<UrlPart>,
    file: Option<UrlPart>,
    url: Option<String>,
    title: Option<String>,
    page_id: Option<String>,
    width_ratio: Option<f64>,
    synced_from: Option<SyncedPart>,
}

#[derive(Debug, Deserialize)]
struct UrlPart {
    url: String,
}

#[derive(Debug, Deserialize)]
struct SyncedPart {
    block_id: String,
}

#[derive(Debug, Deserialize)]
struct IconPart {
    emoji: Option<String>,
    external: Option<UrlPart>,
    file: Option<UrlPart>,
    custom_emoji: Option<NamedPart>,
    icon: Option<NamedPart>,
}

#[derive(Debug, Deserialize)]
struct NamedPart {
    name: Option<String>,
    id: Option<String>,
}

impl IconPart {
    fn into_icon(self) -> Option<Icon> {
        if let Some(emoji) = self.emoji {
            return Some(Icon::Emoji(emoji));
        }
        if let Some(external) = self.external {
            return Some(Icon::External(external.url));
        }
        if let Some(file) = self.file {
            return Some(Icon::External(stable_url(&file.url)));
        }
        self.custom_emoji
            .or(self.icon)
            .and_then(|named| named.name.or(named.id))
            .map(Icon::Named)
    }
}

/// The kind of a known type with the children in the object; `None` where the type is not known or
/// its fields are not what we know.
fn known_kind(name: &str, raw: &RawValue, id: Option<&str>, level: usize) -> Option<Parts> {
    if !is_known(name) {
        return None;
    }
    kind_of::<Item<'_>>(name, raw, id, level).or_else(|| kind_of::<&RawValue>(name, raw, id, level))
}

fn kind_of<'a, R: Run + Deserialize<'a>>(
    name: &str,
    raw: &'a RawValue,
    id: Option<&str>,
    level: usize,
) -> Option<Parts> {
    let payload: Payload<'a, R> = serde_json::from_str(raw.get()).ok()?;
    payload.into_parts(name, id, level)
}

fn is_known(name: &str) -> bool {
    matches!(
        name,
        "paragraph"
            | "heading_1"
            | "heading_2"
            | "heading_3"
            | "heading_4"
            | "bulleted_list_item"
            | "numbered_list_item"
            | "to_do"
            | "toggle"
            | "quote"
            | "callout"
            | "code"
            | "equation"
            | "divider"
            | "breadcrumb"
            | "table_of_contents"
            | "column_list"
            | "column"
            | "table"
            | "table_row"
            | "synced_block"
            | "link_to_page"
            | "image"
            | "video"
            | "audio"
            | "pdf"
            | "file"
            | "embed"
            | "bookmark"
            | "child_page"
            | "child_database"
    )
}

fn runs<R: Run>(items: Option<Vec<R>>) -> Option<RichText> {
    let items = items.unwrap_or_default();
    // Collecting into an option would make room for four runs where nearly all texts have one.
    let mut out = Vec::with_capacity(items.len());
    for item in items {
        out.push(item.inline()?);
    }
    Some(RichText(out))
}

impl<R: Run> Payload<'_, R> {
    fn into_parts(mut self, name: &str, id: Option<&str>, level: usize) -> Option<Parts> {
        let inside = self.children.take();
        let layout = Layout {
            format: self.list_format.unwrap_or_default(),
            ..Layout::default()
        };
        let kind = self.into_kind(name, id)?;
        if level >= INLINE_LEVELS && inside.is_some() {
            return Some(Err(Unreadable));
        }
        let children = inside
            .into_iter()
            .flatten()
            .map(|child| read_level(child.get(), level + 1).map(|read| read.block))
            .collect::<Result<Vec<_>>>();
        Some(match children {
            Ok(mut children) => {
                children.shrink_to_fit();
                Ok((kind, layout, children))
            }
            Err(_) => Err(Unreadable),
        })
    }

    fn into_kind(self, name: &str, id: Option<&str>) -> Option<BlockKind> {
        let color = self.color.map(color_of).unwrap_or_default();
        Some(match name {
            "paragraph" => BlockKind::Paragraph {
                text: runs(self.rich_text)?,
                color,
            },
            "heading_1" | "heading_2" | "heading_3" | "heading_4" => BlockKind::Heading {
                level: name.as_bytes()[8] - b'0',
                text: runs(self.rich_text)?,
                toggle: self.is_toggleable == Some(true),
                color,
                anchor: None,
            },
            "bulleted_list_item" => BlockKind::BulletedItem {
                text: runs(self.rich_text)?,
                color,
            },
            "numbered_list_item" => BlockKind::NumberedItem {
                text: runs(self.rich_text)?,
                start: self.list_start_index,
                color,
            },
            "to_do" => BlockKind::ToDo {
                text: runs(self.rich_text)?,
                checked: self.checked == Some(true),
                color,
            },
            "toggle" => BlockKind::Toggle {
                text: runs(self.rich_text)?,
                color,
            },
            "quote" => BlockKind::Quote {
                text: runs(self.rich_text)?,
                color,
            },
            "callout" => BlockKind::Callout {
                text: runs(self.rich_text)?,
                icon: self.icon.and_then(IconPart::into_icon),
                color,
            },
            "code" => BlockKind::Code {
                // Formatting inside code is not kept by Markdown and rarely meant.
                code: runs(self.rich_text)?.to_plain(),
                language: self.language.unwrap_or_else(|| "plain text".into()),
                info: None,
                caption: runs(self.caption)?,
            },
            "equation" => BlockKind::Equation {
                expression: self.expression?,
            },
            "divider" => BlockKind::Divider,
            "breadcrumb" => BlockKind::Breadcrumb,
            "table_of_contents" => BlockKind::TableOfContents { color },
            "column_list" => BlockKind::ColumnList,
            "column" => BlockKind::Column {
                ratio: self.width_ratio.and_then(thousandths),
            },
            "table" => BlockKind::Table {
                width: self.table_width?,
                header_row: self.has_column_header == Some(true),
                header_column: self.has_row_header == Some(true),
                alignment: Vec::new(),
            },
            "table_row" => {
                let cells = self.cells?.into_iter().map(|cell| runs(Some(cell)));
                let mut cells = cells.collect::<Option<Vec<_>>>()?;
                cells.shrink_to_fit();
                BlockKind::TableRow { cells }
            }
            "synced_block" => BlockKind::Synced {
                from: self.synced_from.map(|from| normal_id(&from.block_id)),
            },
            // A link to a database or comment has another field and is kept as it is.
            "link_to_page" => BlockKind::LinkToPage {
                page: normal_id(&self.page_id?),
            },
            "image" | "video" | "audio" | "pdf" | "file" => BlockKind::Media {
                media: media_kind(name)?,
                source: match (
                    self.kind.as_ref().map(|kind| &*kind.0),
                    self.external,
                    self.file,
                ) {
                    (Some("external") | None, Some(external), _) => {
                        MediaSource::External(external.url)
                    }
                    (Some("file") | None, _, Some(file)) => {
                        MediaSource::Hosted(stable_url(&file.url))
                    }
                    _ => return None,
                },
                caption: runs(self.caption)?,
            },
            "embed" => BlockKind::Embed {
                url: self.url?,
                caption: runs(self.caption)?,
            },
            "bookmark" => BlockKind::Bookmark {
                url: self.url?,
                caption: runs(self.caption)?,
            },
            "child_page" => BlockKind::ChildPage {
                page: id?.to_owned(),
                title: self.title.unwrap_or_default(),
            },
            "child_database" => BlockKind::ChildDatabase {
                database: id?.to_owned(),
                title: self.title.unwrap_or_default(),
            },
            _ => return None,
        })
    }
}

/// A format of a list; one that we do not know counts as not said.
fn list_format<'de, D: Deserializer<'de>>(
    from: D,
) -> std::result::Result<Option<ListFormat>, D::Error> {
    let name = Option::<Key<'de>>::deserialize(from)?;
    Ok(match name.as_ref().map(|name| &*name.0) {
        Some("numbers") => Some(ListFormat::Numbers),
        Some("letters") => Some(ListFormat::Letters),
        Some("roman") => Some(ListFormat::Roman),
        _ => None,
    })
}

/// A share between 0 and 1 in thousandths.
fn thousandths(ratio: f64) -> Option<u32> {
    let scaled = (ratio * 1000.0).round();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the range is checked"
    )]
    ((0.0..=1_000_000.0).contains(&scaled)).then_some(scaled as u32)
}

fn media_kind(name: &str) -> Option<MediaKind> {
    Some(match name {
        "image" => MediaKind::Image,
        "video" => MediaKind::Video,
        "audio" => MediaKind::Audio,
        "pdf" => MediaKind::Pdf,
        "file" => MediaKind::File,
        _ => return None,
    })
}
