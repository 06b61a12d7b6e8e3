//! Blocks of Notion without Markdown of their own: a visible link with a comment behind it.

use serde_json::{Map, Value, json};

use super::autolink;
use super::marker::{self, Marker};
use crate::document::{BlockKind, Inline, InlineKind, MediaKind, MediaSource, RichText};

/// The kinds that stand as a visible line with a comment behind it.
pub(crate) const KINDS: [&str; 7] = [
    "bookmark",
    "embed",
    "media",
    "child_page",
    "child_database",
    "link_to_page",
    "opaque",
];

/// Reads such a line from its comment, what is visible (an address and a caption) and its text.
/// What is visible counts where people can edit it.
pub(crate) fn read(
    marker: &Marker,
    visible: Option<(String, RichText)>,
    text: &RichText,
) -> Option<BlockKind> {
    let mut fields = Map::new();
    match marker.kind.as_str() {
        "bookmark" | "embed" => {
            let (url, caption) = visible?;
            fields.insert("url".to_owned(), Value::String(url));
            let caption = serde_json::to_value(caption.canonical()).ok()?;
            fields.insert("caption".to_owned(), caption);
        }
        "media" => {
            let media: MediaKind =
                serde_json::from_value(marker.data.get("media").cloned()?).ok()?;
            let (url, caption) = visible?;
            let caption = caption.canonical();
            let source = if marker.flag("hosted") {
                MediaSource::Hosted(url)
            } else {
                MediaSource::External(url)
            };
            return Some(BlockKind::Media {
                media,
                source,
                caption,
            });
        }
        "child_page" | "child_database" => {
            fields.insert(
                "title".to_owned(),
                Value::String(text.canonical().to_plain()),
            );
        }
        _ => {}
    }
    fields.extend(marker.data.clone());
    Marker {
        kind: marker.kind.clone(),
        data: fields,
        closing: false,
    }
    .block_kind()
}

/// Target and caption of a line that is one link. The address as its own text is no caption.
pub(crate) fn target(text: &RichText) -> Option<(String, RichText)> {
    let url = text.0.first()?.link.clone()?;
    let mut caption = text.clone();
    for inline in &mut caption.0 {
        if inline.link.as_deref() != Some(url.as_str()) {
            return None;
        }
        inline.link = None;
    }
    let caption = caption.canonical();
    if caption.0.len() == 1
        && caption.0[0].annotations.is_plain()
        && matches!(&caption.0[0].kind, InlineKind::Text(text) if *text == url)
    {
        return Some((url, RichText::default()));
    }
    Some((url, caption))
}

/// Takes the link off a text that is all of one, as that of an image in a link is.
fn unlinked(text: &mut RichText) -> Option<String> {
    let link = text.0.first()?.link.clone()?;
    let leads = |run: &Inline| {
        run.link.as_deref() == Some(link.as_str()) && matches!(run.kind, InlineKind::Text(_))
    };
    if text.is_blank() || !text.0.iter().all(leads) || is_bare(text, &link) {
        return None;
    }
    for run in &mut text.0 {
        run.link = None;
    }
    Some(link)
}

/// Whether a text is an address that is read as a link by itself.
fn is_bare(text: &RichText, link: &str) -> bool {
    let [run] = &text.0[..] else {
        return false;
    };
    let InlineKind::Text(said) = &run.kind else {
        return false;
    };
    !run.annotations.code
        && matches!(&autolink::scan(said, None)[..],
            [found] if found.range == (0..said.len()) && found.url == link)
}

/// The address of a page or database for people.
fn page_url(id: &str) -> String {
    let id: String = id.chars().filter(char::is_ascii_alphanumeric).collect();
    format!("https://www.notion.so/{id}")
}

/// Writes such a line; `None` for other kinds and what the line cannot say.
pub(crate) fn write(kind: &BlockKind, inline: impl Fn(&RichText) -> String) -> Option<String> {
    let linked = |url: &str, caption: &RichText| {
        let mut text = caption.canonical();
        if text.is_empty() {
            text = RichText::plain(url);
        }
        for run in &mut text.0 {
            run.link = Some(url.to_owned());
        }
        inline(&text)
    };
    Some(match kind {
        BlockKind::Bookmark { url, caption } => {
            format!(
                "{} {}",
                linked(url, caption),
                marker::open("bookmark", &Value::Null)
            )
        }
        BlockKind::Embed { url, caption } => {
            format!(
                "{} {}",
                linked(url, caption),
                marker::open("embed", &Value::Null)
            )
        }
        BlockKind::Media {
            media,
            source,
            caption,
        } => {
            let (url, hosted) = match source {
                MediaSource::External(url) => (url, false),
                MediaSource::Hosted(url) => (url, true),
            };
            let shown = if *media == MediaKind::Image {
                let mut caption = caption.canonical();
                match unlinked(&mut caption) {
                    Some(link) => {
                        let shown = image(url, &inline(&caption));
                        format!("[{shown}]({})", super::inline_writer::destination(&link))
                    }
                    None => image(url, &inline(&caption)),
                }
            } else {
                linked(url, caption)
            };
            if *media == MediaKind::Image && !hosted {
                return Some(shown);
            }
            let mut data = json!({ "media": media });
            if hosted {
                data["hosted"] = Value::Bool(true);
            }
            format!("{shown} {}", marker::open("media", &data))
        }
        BlockKind::ChildPage { page, title } => {
            let title = if title.trim().is_empty() {
                "Page"
            } else {
                title
            };
            format!(
                "{} {}",
                linked(&page_url(page), &RichText::plain(one_line(title))),
                marker::open("child_page", &json!({ "page": page }))
            )
        }
        BlockKind::ChildDatabase { database, title } => {
            let title = if title.trim().is_empty() {
                "Database"
            } else {
                title
            };
            format!(
                "{} {}",
                linked(&page_url(database), &RichText::plain(one_line(title))),
                marker::open("child_database", &json!({ "database": database }))
            )
        }
        BlockKind::LinkToPage { page } => format!(
            "{} {}",
            linked(&page_url(page), &RichText::plain("Page")),
            marker::open("link_to_page", &json!({ "page": page }))
        ),
        BlockKind::Opaque { kind, raw } => {
            let shown = match shown(kind, raw)? {
                Shown::Link(url) => linked(&url, &RichText::default()),
                Shown::Text(text) => inline(&RichText::plain(one_line(&text))),
            };
            format!("{shown} {}", marker::of_kind(&as_opaque(kind, raw)))
        }
        _ => return None,
    })
}

fn as_opaque(kind: &str, raw: &str) -> BlockKind {
    BlockKind::Opaque {
        kind: kind.to_owned(),
        raw: raw.to_owned(),
    }
}

/// What people see of a block that is kept as it is.
pub(crate) enum Shown {
    /// Where it leads.
    Link(String),
    /// Its title or text.
    Text(String),
}

/// What people see of a block, where it is one that is kept as it is.
pub(crate) fn shown_by(kind: &BlockKind) -> Option<Shown> {
    match kind {
        BlockKind::Opaque { kind, raw } => shown(kind, raw),
        _ => None,
    }
}

/// The same by the type of the block and what it is in the API.
fn shown(kind: &str, raw: &str) -> Option<Shown> {
    let object: Value = serde_json::from_str(raw).ok()?;
    let payload = object.get(kind)?;
    if let Some(url) = payload.get("url").and_then(Value::as_str)
        && !url.is_empty()
    {
        return Some(Shown::Link(url.to_owned()));
    }
    let said = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Array(runs) => runs
            .iter()
            .filter_map(|run| {
                let plain = run.get("plain_text").and_then(Value::as_str);
                plain.or_else(|| run.get("text")?.get("content")?.as_str())
            })
            .collect(),
        _ => String::new(),
    };
    ["title", "rich_text"]
        .iter()
        .filter_map(|key| payload.get(*key))
        .map(said)
        .find(|text| !text.trim().is_empty())
        .map(Shown::Text)
}

fn one_line(title: &str) -> String {
    title.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn image(url: &str, alt: &str) -> String {
    format!("![{alt}]({})", super::inline_writer::destination(url))
}
