//! What a caller gets to see: JSON of everything, for one viewer, version and moment.

use chrono::{DateTime, Duration, Utc};
use serde_json::{Map, Value, json};

use super::block::{Content, FileRef, TextKind};
use super::error::{ApiError, ApiResult};
use super::id::NotionId;
use super::model::{Capabilities, Parent};
use super::text::{DateValue, Mention, Span, SpanKind, Style};
use super::workspace::{ObjectKind, Workspace};

/// How many references a page object shows per property.
pub(crate) const INLINE_REFERENCES: usize = 25;

/// The versions of the API that the emulator speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Version {
    V2025,
    V2026,
}

/// Who looks.
#[derive(Debug, Clone)]
pub(crate) struct Viewer {
    pub(crate) user: NotionId,
    pub(crate) name: String,
    pub(crate) is_bot: bool,
    pub(crate) can: Capabilities,
}

/// A workspace through the eyes of one caller.
#[derive(Debug)]
pub(crate) struct View<'a> {
    pub(crate) ws: &'a Workspace,
    pub(crate) viewer: &'a Viewer,
    pub(crate) version: Version,
    pub(crate) now: DateTime<Utc>,
    /// Seconds that times are floored to.
    pub(crate) grain: i64,
    /// Differs at every request, so that signed links do.
    pub(crate) nonce: u64,
    /// Whether answers carry members and types nobody has heard of.
    pub(crate) surprises: bool,
}

/// A moment floored to the grain.
pub(crate) fn floor(time: DateTime<Utc>, grain: i64) -> DateTime<Utc> {
    if grain <= 0 {
        return time;
    }
    let seconds = time.timestamp().div_euclid(grain) * grain;
    DateTime::from_timestamp(seconds, 0).unwrap_or(time)
}

/// A moment as the service writes it: milliseconds, `Z`.
pub(crate) fn stamp(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}

/// The address of a page or database.
pub(crate) fn page_url(title: &str, id: NotionId) -> String {
    let mut slug = String::new();
    for word in title
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|w| !w.is_empty())
    {
        if slug.len() > 60 {
            break;
        }
        slug.push_str(word);
        slug.push('-');
    }
    format!("https://app.notion.com/p/{slug}{}", id.hex())
}

impl View<'_> {
    pub(crate) fn time(&self, time: DateTime<Utc>) -> Value {
        stamp(floor(time, self.grain)).into()
    }

    /// Whether this viewer can see the object at all.
    pub(crate) fn sees(&self, id: NotionId) -> bool {
        self.ws.kind_of(id).is_some() && (!self.viewer.is_bot || self.ws.is_shared(id))
    }

    /// The object of this kind, or the 404 that hides why not.
    pub(crate) fn require(&self, id: NotionId, kind: ObjectKind, name: &str) -> ApiResult<()> {
        if self.ws.kind_of(id) == Some(kind) && self.sees(id) {
            Ok(())
        } else {
            Err(self.missing(id, name))
        }
    }

    /// A page or a block: both can have blocks below them.
    pub(crate) fn require_block(&self, id: NotionId) -> ApiResult<()> {
        match self.ws.kind_of(id) {
            Some(ObjectKind::Page | ObjectKind::Block | ObjectKind::Database) if self.sees(id) => {
                Ok(())
            }
            _ => Err(self.missing(id, "block")),
        }
    }

    pub(crate) fn missing(&self, id: NotionId, name: &str) -> ApiError {
        ApiError::not_found(name, id, &self.viewer.name)
    }

    pub(crate) fn partial_user(id: NotionId) -> Value {
        json!({"object": "user", "id": id})
    }

    /// A user with everything the viewer may know.
    pub(crate) fn user(&self, id: NotionId) -> Value {
        let Some(user) = self.ws.objects.users.get(&id) else {
            return Self::partial_user(id);
        };
        if !self.viewer.can.read_users {
            return Self::partial_user(id);
        }
        let mut out = Map::new();
        out.insert("object".into(), "user".into());
        out.insert("id".into(), json!(id));
        out.insert("name".into(), user.name.clone().into());
        out.insert("avatar_url".into(), json!(user.avatar));
        if user.capabilities.is_some() {
            out.insert("type".into(), "bot".into());
            out.insert(
                "bot".into(),
                json!({
                    "owner": {"type": "workspace", "workspace": true},
                    "workspace_id": self.ws.id,
                    "workspace_name": self.ws.name,
                    "workspace_limits": {"max_file_upload_size_in_bytes": 5_242_880},
                }),
            );
        } else {
            out.insert("type".into(), "person".into());
            let mut person = Map::new();
            if let (true, Some(email)) = (self.viewer.can.read_emails, &user.email) {
                person.insert("email".into(), email.clone().into());
                person.insert("email_verified".into(), true.into());
            }
            out.insert("person".into(), person.into());
        }
        out.into()
    }

    pub(crate) fn parent(&self, parent: Parent) -> Value {
        match parent {
            Parent::Workspace => json!({"type": "workspace", "workspace": true}),
            Parent::Page(id) => json!({"type": "page_id", "page_id": id}),
            Parent::Block(id) => json!({"type": "block_id", "block_id": id}),
            Parent::Source(id) => {
                let database = self
                    .ws
                    .objects
                    .sources
                    .get(&id)
                    .map(|source| source.database);
                json!({"type": "data_source_id", "data_source_id": id, "database_id": database})
            }
        }
    }

    /// A link to stored bytes, signed anew at every read.
    pub(crate) fn signed(&self, base: &str) -> String {
        let signature =
            blake3::hash(format!("{base} {} {}", self.nonce, self.now.timestamp()).as_bytes());
        format!(
            "{base}?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Date={}&X-Amz-Expires=3600\
             &X-Amz-Signature={}&X-Amz-SignedHeaders=host&x-id=GetObject",
            self.now.format("%Y%m%dT%H%M%SZ"),
            signature.to_hex()
        )
    }

    /// Puts `type` and the file object of that type into `out`.
    pub(crate) fn file(&self, file: &FileRef, out: &mut Map<String, Value>) {
        match file {
            FileRef::External(url) => {
                out.insert("type".into(), "external".into());
                out.insert("external".into(), json!({"url": url}));
            }
            FileRef::Hosted(base) => {
                out.insert("type".into(), "file".into());
                out.insert(
                    "file".into(),
                    json!({
                        "url": self.signed(base),
                        "expiry_time": stamp(self.now + Duration::hours(1)),
                    }),
                );
            }
        }
    }

    pub(crate) fn rich(&self, rich: &[Span]) -> Value {
        Value::Array(rich.iter().map(|span| self.span(span, true)).collect())
    }

    /// Rich text in which only the first mentions are filled in.
    pub(crate) fn rich_cut(&self, rich: &[Span]) -> Value {
        let mut mentions = 0;
        let spans = rich.iter().map(|span| {
            if matches!(span.kind, SpanKind::Mention(_)) {
                mentions += 1;
            }
            self.span(span, mentions <= INLINE_REFERENCES)
        });
        Value::Array(spans.collect())
    }

    pub(crate) fn span(&self, span: &Span, filled: bool) -> Value {
        let mut out = Map::new();
        let (text, href) = match &span.kind {
            SpanKind::Text { content, link } => {
                out.insert("type".into(), "text".into());
                let target = link.as_ref().map(|url| json!({"url": url}));
                out.insert("text".into(), json!({"content": content, "link": target}));
                (content.clone(), link.clone())
            }
            SpanKind::Equation(expression) => {
                out.insert("type".into(), "equation".into());
                out.insert("equation".into(), json!({"expression": expression}));
                (expression.clone(), None)
            }
            SpanKind::Mention(mention) => {
                out.insert("type".into(), "mention".into());
                out.insert("mention".into(), self.mention(mention, filled));
                self.mention_text(mention, filled)
            }
        };
        out.insert("annotations".into(), annotations(span.style));
        out.insert("plain_text".into(), text.into());
        out.insert("href".into(), json!(href));
        out.into()
    }

    fn mention_text(&self, mention: &Mention, filled: bool) -> (String, Option<String>) {
        let link = |id: &NotionId| Some(format!("https://app.notion.com/p/{}", id.hex()));
        match mention {
            Mention::User(_) if !filled || !self.viewer.can.read_users => {
                ("@Anonymous".to_owned(), None)
            }
            Mention::Page(id) | Mention::Database(id) | Mention::DataSource(id) => {
                let text = if filled && self.sees(*id) {
                    self.ws.mention_text(mention)
                } else {
                    "Untitled".to_owned()
                };
                (text, link(id))
            }
            Mention::LinkPreview(url) => (url.clone(), Some(url.clone())),
            other => (self.ws.mention_text(other), None),
        }
    }

    fn mention(&self, mention: &Mention, filled: bool) -> Value {
        match mention {
            Mention::User(id) if filled => json!({"type": "user", "user": self.user(*id)}),
            Mention::User(id) => json!({"type": "user", "user": Self::partial_user(*id)}),
            Mention::Page(id) => json!({"type": "page", "page": {"id": id}}),
            Mention::Database(id) => json!({"type": "database", "database": {"id": id}}),
            Mention::DataSource(id) => json!({"type": "data_source", "data_source": {"id": id}}),
            Mention::Agent(id) => json!({"type": "agent", "agent": {"id": id}}),
            Mention::Date(date) => json!({"type": "date", "date": date_value(date)}),
            Mention::CustomEmoji { id, name } => {
                let url = self.ws.objects.emojis.get(id).map(|(_, url)| url);
                json!({"type": "custom_emoji", "custom_emoji": {"id": id, "name": name, "url": url}})
            }
            Mention::LinkPreview(url) => {
                json!({"type": "link_preview", "link_preview": {"url": url}})
            }
            Mention::Other { kind, value } => json!({"type": kind, kind.as_str(): value}),
        }
    }

    /// A block, or the block form of a child page or database.
    pub(crate) fn block(&self, id: NotionId) -> Value {
        let o = &self.ws.objects;
        let mut out = Map::new();
        out.insert("object".into(), "block".into());
        out.insert("id".into(), json!(id));
        let (parent, created_at, created_by, edited_at, edited_by) =
            if let Some(block) = o.blocks.get(&id) {
                let parent = if o.pages.contains_key(&block.parent) {
                    Parent::Page(block.parent)
                } else {
                    Parent::Block(block.parent)
                };
                (
                    parent,
                    block.created_at,
                    block.created_by,
                    block.edited_at,
                    block.edited_by,
                )
            } else if let Some(page) = o.pages.get(&id) {
                let state = &page.state;
                (
                    state.parent,
                    page.created_at,
                    page.created_by,
                    state.edited_at,
                    state.edited_by,
                )
            } else if let Some(base) = o.databases.get(&id) {
                (
                    base.parent,
                    base.created_at,
                    base.created_by,
                    base.edited_at,
                    base.edited_by,
                )
            } else {
                return out.into();
            };
        out.insert("parent".into(), self.parent(parent));
        out.insert("created_time".into(), self.time(created_at));
        out.insert("last_edited_time".into(), self.time(edited_at));
        out.insert("created_by".into(), Self::partial_user(created_by));
        out.insert("last_edited_by".into(), Self::partial_user(edited_by));
        let trash = self.ws.in_trash(id);
        out.insert("in_trash".into(), trash.into());
        if self.version == Version::V2025 {
            out.insert("archived".into(), trash.into());
        }
        let children = self.ws.living_children(id).next().is_some();
        let (name, value) = if let Some(block) = o.blocks.get(&id) {
            out.insert(
                "has_children".into(),
                (children || self.mirrors(&block.content)).into(),
            );
            self.content(&block.content)
        } else if o.pages.contains_key(&id) {
            out.insert("has_children".into(), children.into());
            let title = self.ws.title_text(id).unwrap_or_default();
            ("child_page".to_owned(), json!({"title": title}))
        } else {
            out.insert("has_children".into(), false.into());
            let title = self.ws.title_text(id).unwrap_or_default();
            ("child_database".to_owned(), json!({"title": title}))
        };
        let mut value = value;
        if let (Some(Content::Column { ratio: None }), Some(object)) = (
            o.blocks.get(&id).map(|block| &block.content),
            value.as_object_mut(),
        ) {
            // Columns that nobody sized share the width.
            let above = o.blocks.get(&id).map_or(id, |block| block.parent);
            let count = self.ws.living_children(above).count().max(1);
            object.insert("width_ratio".into(), json!(1.0 / count as f64));
        }
        out.insert("type".into(), name.clone().into());
        out.insert(name, value);
        if self.surprises {
            out.insert(
                "block_temperature".into(),
                json!({"unit": "kelvin", "value": 293}),
            );
        }
        out.into()
    }

    fn mirrors(&self, content: &Content) -> bool {
        let Content::Synced { from: Some(source) } = content else {
            return false;
        };
        self.sees(*source) && self.ws.living_children(*source).next().is_some()
    }

    /// The name of the type and its object.
    fn content(&self, content: &Content) -> (String, Value) {
        let name = match content {
            Content::MeetingNotes { .. } if self.version == Version::V2025 => "transcription",
            other => other.type_name(),
        };
        let mut out = Map::new();
        match content {
            Content::Text {
                kind,
                rich,
                color,
                icon,
            } => {
                out.insert("rich_text".into(), self.rich(rich));
                out.insert("color".into(), color.api().into());
                if *kind == TextKind::Paragraph {
                    out.insert("icon".into(), json!(icon));
                }
            }
            Content::Heading {
                rich,
                color,
                toggleable,
                ..
            } => {
                out.insert("rich_text".into(), self.rich(rich));
                out.insert("color".into(), color.api().into());
                out.insert("is_toggleable".into(), (*toggleable).into());
            }
            Content::Numbered {
                rich,
                color,
                start,
                format,
            } => {
                out.insert("rich_text".into(), self.rich(rich));
                out.insert("color".into(), color.api().into());
                if let Some(start) = start {
                    out.insert("list_start_index".into(), (*start).into());
                }
                if let Some(format) = format {
                    out.insert("list_format".into(), format.clone().into());
                }
            }
            Content::ToDo {
                rich,
                color,
                checked,
            } => {
                out.insert("rich_text".into(), self.rich(rich));
                out.insert("color".into(), color.api().into());
                out.insert("checked".into(), (*checked).into());
            }
            Content::Callout { rich, color, icon } => {
                out.insert("rich_text".into(), self.rich(rich));
                out.insert("color".into(), color.api().into());
                out.insert("icon".into(), json!(icon));
            }
            Content::Code {
                rich,
                caption,
                language,
            } => {
                out.insert("rich_text".into(), self.rich(rich));
                out.insert("caption".into(), self.rich(caption));
                out.insert("language".into(), language.clone().into());
            }
            Content::Equation { expression } => {
                out.insert("expression".into(), expression.clone().into());
            }
            Content::TableOfContents { color } => {
                out.insert("color".into(), color.api().into());
            }
            Content::Column { ratio } => {
                if let Some(ratio) = ratio {
                    out.insert("width_ratio".into(), json!(ratio));
                }
            }
            Content::Table(shape) => {
                out.insert("table_width".into(), shape.width.into());
                out.insert("has_column_header".into(), shape.column_header.into());
                out.insert("has_row_header".into(), shape.row_header.into());
            }
            Content::TableRow(row) => {
                let cells = row.cells.iter().map(|cell| self.rich(cell)).collect();
                out.insert("cells".into(), Value::Array(cells));
            }
            Content::Synced { from } => {
                let from = from.map(|id| json!({"type": "block_id", "block_id": id}));
                out.insert("synced_from".into(), json!(from));
            }
            Content::Template { rich } => {
                out.insert("rich_text".into(), self.rich(rich));
            }
            Content::LinkToPage { kind, id } => {
                out.insert("type".into(), kind.clone().into());
                out.insert(kind.clone(), json!(id));
            }
            Content::Media {
                file,
                caption,
                name,
                ..
            } => {
                out.insert("caption".into(), self.rich(caption));
                self.file(file, &mut out);
                if let Some(name) = name {
                    out.insert("name".into(), name.clone().into());
                }
            }
            Content::Embed { url, caption } | Content::Bookmark { url, caption } => {
                out.insert("caption".into(), self.rich(caption));
                out.insert("url".into(), url.clone().into());
            }
            Content::LinkPreview { url } => {
                out.insert("url".into(), url.clone().into());
            }
            Content::MeetingNotes { title, status, .. } => {
                out.insert("title".into(), self.rich(title));
                if let Some(status) = status {
                    out.insert("status".into(), status.clone().into());
                }
            }
            Content::Unsupported { block_type } => {
                if let Some(kind) = block_type {
                    out.insert("block_type".into(), kind.clone().into());
                }
            }
            Content::Raw { value, .. } => out.clone_from(value),
            Content::Divider
            | Content::Breadcrumb
            | Content::ColumnList
            | Content::Tab
            | Content::ChildPage { .. }
            | Content::ChildDatabase { .. }
            | Content::Placeholder { .. } => {}
        }
        (name.to_owned(), out.into())
    }
}

/// The looks of a span.
fn annotations(style: Style) -> Value {
    json!({
        "bold": style.bold,
        "italic": style.italic,
        "strikethrough": style.strike,
        "underline": style.underline,
        "code": style.code,
        "color": style.color.api(),
    })
}

/// A date as it is read.
pub(crate) fn date_value(date: &DateValue) -> Value {
    json!({"start": date.start, "end": date.end, "time_zone": date.time_zone})
}
