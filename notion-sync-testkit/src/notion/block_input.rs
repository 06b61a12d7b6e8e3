//! Reading blocks that somebody sent, with the limits of the service.

use serde_json::Value;

use super::block::{Content, FileRef, LANGUAGES, MediaKind, NewBlock, Row, TableShape, TextKind};
use super::error::{ApiError, ApiResult};
use super::file_input::{file_ref, icon};
use super::input::{Input, one_of_missing};
use super::text::Rich;
use super::text_input::{color, rich_text, world_text};
use super::workspace::Workspace;

/// The most elements in one array of blocks.
pub(crate) const MOST_CHILDREN: usize = 100;
/// The most blocks in one request.
const MOST_BLOCKS: usize = 1000;
/// How many levels may stand below the appended blocks.
const NESTED_LEVELS: usize = 2;
/// Block types that a request can create.
const CREATABLE: [&str; 29] = [
    "embed",
    "bookmark",
    "image",
    "video",
    "pdf",
    "file",
    "audio",
    "code",
    "equation",
    "divider",
    "breadcrumb",
    "tab",
    "table_of_contents",
    "link_to_page",
    "table_row",
    "table",
    "column_list",
    "column",
    "heading_1",
    "heading_2",
    "heading_3",
    "heading_4",
    "paragraph",
    "bulleted_list_item",
    "numbered_list_item",
    "quote",
    "to_do",
    "toggle",
    "template",
];
/// The same, continued: the array above is what the message lists first.
const CREATABLE_TOO: [&str; 2] = ["callout", "synced_block"];

/// How block types are read: by the rules for requests, or leniently, as worlds and people need.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rules {
    Request,
    World,
}

/// An array of blocks.
pub(crate) fn blocks(ws: &Workspace, input: &Input<'_>, rules: Rules) -> ApiResult<Vec<NewBlock>> {
    let out = level(ws, input, rules, 0)?;
    let count: usize = out.iter().map(NewBlock::count).sum();
    if rules == Rules::Request && count > MOST_BLOCKS {
        return Err(ApiError::validation(format!(
            "body failed validation: the total number of blocks should be ≤ `{MOST_BLOCKS}`, instead was `{count}`."
        )));
    }
    Ok(out)
}

fn level(
    ws: &Workspace,
    input: &Input<'_>,
    rules: Rules,
    depth: usize,
) -> ApiResult<Vec<NewBlock>> {
    let most = if rules == Rules::Request {
        MOST_CHILDREN
    } else {
        usize::MAX
    };
    let mut out = Vec::new();
    for item in input.array(most)? {
        out.push(block(ws, &item, rules, depth)?);
    }
    Ok(out)
}

/// The type of a sent block: by `type`, or by the one type object that is there.
fn type_of<'a>(input: &Input<'a>) -> ApiResult<&'a str> {
    if let Some(named) = input.key("type").present() {
        return named.text();
    }
    let object = input.object()?;
    const ENVELOPE: [&str; 3] = ["object", "id", "children"];
    object
        .iter()
        .find(|(key, value)| !ENVELOPE.contains(&key.as_str()) && value.is_object())
        .map(|(key, _)| key.as_str())
        .ok_or_else(|| {
            let all: Vec<&str> = CREATABLE.iter().chain(&CREATABLE_TOO).copied().collect();
            one_of_missing(input.path(), &all)
        })
}

fn block(ws: &Workspace, input: &Input<'_>, rules: Rules, depth: usize) -> ApiResult<NewBlock> {
    input.object()?;
    let name = type_of(input)?;
    let known = CREATABLE.contains(&name) || CREATABLE_TOO.contains(&name);
    if !known && rules == Rules::Request {
        let all: Vec<&str> = CREATABLE.iter().chain(&CREATABLE_TOO).copied().collect();
        return Err(one_of_missing(input.path(), &all));
    }
    let object = input.key(name);
    object.object()?;
    let content = content(ws, name, &object, rules)?;
    // Worlds may write children beside the type object as well as inside it.
    let inside = object.key("children");
    let beside = input.key("children");
    let listed = inside
        .present()
        .or_else(|| beside.present().filter(|_| rules == Rules::World));
    let children = match listed {
        None => Vec::new(),
        Some(children) if rules == Rules::Request && depth >= NESTED_LEVELS => {
            return Err(children.wrong("not present"));
        }
        Some(_) if depth >= super::workspace::DEEPEST => Vec::new(),
        Some(children) => level(ws, children, rules, depth + 1)?,
    };
    let mut new = NewBlock {
        id: None,
        content,
        children,
    };
    if let Content::Heading { toggleable, .. } = &mut new.content {
        // A heading that is sent with children folds, whatever else it says.
        *toggleable |= !new.children.is_empty();
    }
    check_shape(&new, input, name, rules)?;
    Ok(new)
}

/// The rules that tie a block to its children.
fn check_shape(new: &NewBlock, input: &Input<'_>, name: &str, rules: Rules) -> ApiResult<()> {
    let children = input.key(name).key("children");
    match &new.content {
        Content::Table(shape) => {
            if new.children.is_empty() {
                if rules == Rules::Request {
                    return Err(children.wrong("populated"));
                }
                return Ok(());
            }
            for (index, row) in new.children.iter().enumerate() {
                match &row.content {
                    Content::TableRow(row) if row.cells.len() == shape.width => {}
                    Content::TableRow(row) => {
                        return Err(ApiError::validation(format!(
                            "Number of cells in table row must match the table width of the parent table: \
                             {}[{index}] has {} cells, the table is {} wide.",
                            children.path(),
                            row.cells.len(),
                            shape.width
                        )));
                    }
                    _ => return Err(children.wrong("an array of table rows")),
                }
            }
        }
        Content::ColumnList if rules == Rules::Request => {
            if new.children.len() < 2 {
                return Err(children.wrong("an array of at least two columns"));
            }
            for column in &new.children {
                if !matches!(column.content, Content::Column { .. }) || column.children.is_empty() {
                    return Err(children.wrong("an array of columns that each have a child"));
                }
            }
        }
        content if !new.children.is_empty() && !content.takes_children() => {
            if let Content::Raw { .. } | Content::Unsupported { .. } = content {
                return Ok(());
            }
            return Err(children.wrong("not present"));
        }
        _ => {}
    }
    Ok(())
}

fn rich_of(ws: &Workspace, object: &Input<'_>, rules: Rules) -> ApiResult<Rich> {
    let text = object.key("rich_text");
    if rules == Rules::World {
        match text.raw() {
            None => return Ok(Rich::new()),
            Some(Value::String(text)) => return Ok(super::text::plain(text)),
            Some(_) => return world_text(ws, &text),
        }
    }
    rich_text(ws, &text)
}

pub(super) fn caption_of(ws: &Workspace, object: &Input<'_>) -> ApiResult<Rich> {
    object
        .key("caption")
        .present()
        .map_or(Ok(Rich::new()), |caption| rich_text(ws, caption))
}

fn content(ws: &Workspace, name: &str, object: &Input<'_>, rules: Rules) -> ApiResult<Content> {
    let text = |kind| -> ApiResult<Content> {
        Ok(Content::Text {
            kind,
            rich: rich_of(ws, object, rules)?,
            color: color(&object.key("color"))?,
            icon: if kind == TextKind::Paragraph {
                icon(&object.key("icon"))?
            } else {
                None
            },
        })
    };
    let heading = |level| -> ApiResult<Content> {
        Ok(Content::Heading {
            level,
            rich: rich_of(ws, object, rules)?,
            color: color(&object.key("color"))?,
            toggleable: object.key("is_toggleable").boolean_or(false)?,
        })
    };
    Ok(match name {
        "paragraph" => text(TextKind::Paragraph)?,
        "bulleted_list_item" => text(TextKind::Bulleted)?,
        "toggle" => text(TextKind::Toggle)?,
        "quote" => text(TextKind::Quote)?,
        "heading_1" => heading(1)?,
        "heading_2" => heading(2)?,
        "heading_3" => heading(3)?,
        "heading_4" => heading(4)?,
        "numbered_list_item" => {
            let (start, format) = if rules == Rules::World {
                let format = object.key("list_format");
                (
                    object
                        .key("list_start_index")
                        .present()
                        .map(Input::integer)
                        .transpose()?,
                    format
                        .present()
                        .map(|f| f.text().map(str::to_owned))
                        .transpose()?,
                )
            } else {
                (None, None)
            };
            Content::Numbered {
                rich: rich_of(ws, object, rules)?,
                color: color(&object.key("color"))?,
                start,
                format,
            }
        }
        "to_do" => Content::ToDo {
            rich: rich_of(ws, object, rules)?,
            color: color(&object.key("color"))?,
            checked: object.key("checked").boolean_or(false)?,
        },
        "callout" => Content::Callout {
            rich: rich_of(ws, object, rules)?,
            color: color(&object.key("color"))?,
            icon: icon(&object.key("icon"))?,
        },
        "code" => Content::Code {
            rich: rich_of(ws, object, rules)?,
            caption: caption_of(ws, object)?,
            language: language(&object.key("language"), rules)?,
        },
        "equation" => Content::Equation {
            expression: object.key("expression").text_up_to(1000)?.to_owned(),
        },
        "divider" => Content::Divider,
        "breadcrumb" => Content::Breadcrumb,
        "table_of_contents" => Content::TableOfContents {
            color: color(&object.key("color"))?,
        },
        "column_list" => Content::ColumnList,
        "column" => Content::Column {
            ratio: object
                .key("width_ratio")
                .present()
                .map(Input::number)
                .transpose()?,
        },
        "table" => {
            let width = object.key("table_width");
            let number = width.integer()?;
            let Some(wide) = usize::try_from(number)
                .ok()
                .filter(|n| (1..=100).contains(n))
            else {
                return Err(width.wrong("≥ `1` and ≤ `100`"));
            };
            Content::Table(TableShape {
                width: wide,
                column_header: object.key("has_column_header").boolean_or(false)?,
                row_header: object.key("has_row_header").boolean_or(false)?,
                ..TableShape::default()
            })
        }
        "table_row" => {
            let mut cells = Vec::new();
            for cell in object.key("cells").array(100)? {
                cells.push(match cell.raw() {
                    Some(Value::String(text)) if rules == Rules::World => super::text::plain(text),
                    _ => rich_text(ws, &cell)?,
                });
            }
            Content::TableRow(Row {
                cells,
                ..Row::default()
            })
        }
        "tab" => Content::Tab,
        "synced_block" => {
            let from = object.key("synced_from");
            let from = match from.present() {
                None => None,
                Some(from) => {
                    let at = from.key("block_id");
                    let id = at.id()?;
                    if rules == Rules::Request && ws.synced_source(id).is_none() {
                        return Err(at.wrong("the id of an original synced block"));
                    }
                    Some(id)
                }
            };
            Content::Synced { from }
        }
        "template" => Content::Template {
            rich: rich_of(ws, object, rules)?,
        },
        "link_to_page" => {
            let kinds = ["page_id", "database_id", "comment_id"];
            let kind = match object.key("type").present() {
                Some(named) => named.word(&kinds)?,
                None => kinds
                    .into_iter()
                    .find(|kind| object.key(kind).raw().is_some())
                    .ok_or_else(|| one_of_missing(object.path(), &kinds))?,
            };
            Content::LinkToPage {
                kind: kind.to_owned(),
                id: object.key(kind).id()?,
            }
        }
        "image" | "video" | "audio" | "pdf" | "file" => media(ws, name, object, rules)?,
        "embed" => Content::Embed {
            url: object.key("url").url()?.to_owned(),
            caption: caption_of(ws, object)?,
        },
        "bookmark" => Content::Bookmark {
            url: object.key("url").url()?.to_owned(),
            caption: caption_of(ws, object)?,
        },
        // Only worlds and people come here: these exist, but no request creates them.
        "link_preview" => Content::LinkPreview {
            url: object.key("url").url()?.to_owned(),
        },
        "meeting_notes" | "transcription" => {
            let word = |key: &str| -> ApiResult<String> {
                object
                    .key(key)
                    .present()
                    .map_or(Ok(String::new()), |v| v.text().map(str::to_owned))
            };
            let title = object.key("title");
            Content::MeetingNotes {
                title: match title.raw() {
                    Some(Value::String(text)) => super::text::plain(text),
                    Some(_) => rich_text(ws, &title)?,
                    None => Rich::new(),
                },
                status: Some(word("status")?).filter(|status| !status.is_empty()),
                summary: word("summary")?,
                transcript: word("transcript")?,
            }
        }
        "unsupported" => Content::Unsupported {
            block_type: object
                .key("block_type")
                .present()
                .map(|kind| kind.text().map(str::to_owned))
                .transpose()?,
        },
        other => {
            let mut value = object.object()?.clone();
            value.remove("children");
            Content::Raw {
                kind: other.to_owned(),
                value,
            }
        }
    })
}

pub(super) fn language(input: &Input<'_>, rules: Rules) -> ApiResult<String> {
    if rules == Rules::World && input.raw().is_none() {
        return Ok("plain text".to_owned());
    }
    let text = input.text()?;
    if LANGUAGES.contains(&text) {
        return Ok(text.to_owned());
    }
    let list: Vec<String> = LANGUAGES
        .iter()
        .map(|name| format!("`\"{name}\"`"))
        .collect();
    Err(input.wrong(&format!("one of {}", list.join(", "))))
}

fn media(ws: &Workspace, name: &str, object: &Input<'_>, rules: Rules) -> ApiResult<Content> {
    let kind = MediaKind::ALL
        .into_iter()
        .find(|kind| kind.name() == name)
        .unwrap_or(MediaKind::File);
    let named = object.key("name");
    let file = file_ref(object, rules)?;
    let name = match named.present() {
        Some(named) => Some(named.text_up_to(900)?.to_owned()),
        None if kind == MediaKind::File => {
            let (FileRef::External(url) | FileRef::Hosted(url)) = &file;
            let path = url.split(['?', '#']).next().unwrap_or(url);
            Some(path.rsplit('/').next().unwrap_or(path).to_owned())
        }
        None => None,
    };
    Ok(Content::Media {
        kind,
        file,
        caption: caption_of(ws, object)?,
        name,
    })
}
