//! Changes of stored blocks that somebody sent, and where blocks may stand.

use super::block::{Content, NewBlock};
use super::block_input::{Rules, caption_of, language};
use super::error::{ApiError, ApiResult};
use super::file_input::{file_ref, icon};
use super::id::NotionId;
use super::input::Input;
use super::text_input::{color, rich_text};
use super::workspace::{ObjectKind, Workspace};

/// Applies the type object of a block update. What it does not name stays.
pub(crate) fn update(
    ws: &Workspace,
    old: &Content,
    body: &Input<'_>,
) -> ApiResult<Option<Content>> {
    let name = old.type_name().to_owned();
    let object = body.key(&name);
    let others = body.object()?.keys().find(|key| {
        !matches!(
            key.as_str(),
            "in_trash" | "archived" | "type" | "object" | "id"
        ) && **key != name
    });
    if let Some(other) = others {
        return Err(ApiError::validation(format!(
            "Block type {other} does not match the type of the block, which is {name}."
        )));
    }
    let Some(object) = object.present() else {
        return Ok(None);
    };
    let sent = object.object()?;
    if matches!(
        old,
        Content::Raw { .. }
            | Content::Unsupported { .. }
            | Content::LinkPreview { .. }
            | Content::MeetingNotes { .. }
    ) {
        return Err(ApiError::validation(format!(
            "Block type {name} is not supported via the API."
        )));
    }
    object.refuse("children")?;
    let mut new = old.clone();
    if let (Some(text), Some(rich)) = (object.key("rich_text").defined(), new.rich_mut()) {
        *rich = rich_text(ws, text)?;
    }
    let painted = object.key("color");
    let painted = painted.defined().map(color).transpose()?;
    match &mut new {
        Content::Text {
            color,
            icon: stored,
            ..
        } => {
            *color = painted.unwrap_or(*color);
            if sent.contains_key("icon") {
                *stored = icon(&object.key("icon"))?;
            }
        }
        Content::Heading {
            color, toggleable, ..
        } => {
            *color = painted.unwrap_or(*color);
            *toggleable = object.key("is_toggleable").boolean_or(*toggleable)?;
        }
        Content::Numbered { color, .. } | Content::TableOfContents { color } => {
            *color = painted.unwrap_or(*color);
        }
        Content::ToDo { color, checked, .. } => {
            *color = painted.unwrap_or(*color);
            *checked = object.key("checked").boolean_or(*checked)?;
        }
        Content::Callout {
            color,
            icon: stored,
            ..
        } => {
            *color = painted.unwrap_or(*color);
            if sent.contains_key("icon") {
                *stored = icon(&object.key("icon"))?;
            }
        }
        Content::Code {
            caption,
            language: stored,
            ..
        } => {
            if sent.contains_key("caption") {
                *caption = caption_of(ws, object)?;
            }
            if sent.contains_key("language") {
                *stored = language(&object.key("language"), Rules::Request)?;
            }
        }
        Content::Equation { expression } => {
            *expression = object.key("expression").text_up_to(1000)?.to_owned();
        }
        Content::Column { ratio } => {
            if let Some(sent) = object.key("width_ratio").present() {
                *ratio = Some(sent.number()?);
            }
        }
        Content::Table(shape) => {
            object.refuse("table_width")?;
            shape.column_header = object
                .key("has_column_header")
                .boolean_or(shape.column_header)?;
            shape.row_header = object.key("has_row_header").boolean_or(shape.row_header)?;
        }
        Content::TableRow(row) => {
            let sent = object.key("cells");
            if sent.raw().is_some() {
                let cells = sent.array(100)?;
                if cells.len() != row.cells.len() {
                    return Err(ApiError::validation(
                        "Number of cells in table row must match the table width of the parent table.",
                    ));
                }
                row.cells = cells
                    .iter()
                    .map(|cell| rich_text(ws, cell))
                    .collect::<ApiResult<_>>()?;
            }
        }
        Content::Media {
            file,
            caption,
            name,
            ..
        } => {
            if sent.contains_key("caption") {
                *caption = caption_of(ws, object)?;
            }
            if sent.contains_key("external") || sent.contains_key("file_upload") {
                *file = file_ref(object, Rules::Request)?;
            }
            if let Some(sent) = object.key("name").present() {
                *name = Some(sent.text_up_to(900)?.to_owned());
            }
        }
        Content::Embed { url, caption } | Content::Bookmark { url, caption } => {
            if sent.contains_key("caption") {
                *caption = caption_of(ws, object)?;
            }
            if let Some(sent) = object.key("url").present() {
                *url = sent.url()?.to_owned();
            }
        }
        Content::Synced { .. } => object.refuse("synced_from")?,
        _ => {}
    }
    Ok(Some(new))
}

/// What appended blocks need of the block that takes them in.
pub(crate) fn check_parent(ws: &Workspace, parent: NotionId, new: &[NewBlock]) -> ApiResult<()> {
    if ws.kind_of(parent) == Some(ObjectKind::Page) {
        let lost = new
            .iter()
            .find(|block| matches!(block.content, Content::TableRow(_) | Content::Column { .. }));
        return lost.map_or(Ok(()), |block| {
            Err(ApiError::validation(format!(
                "Block of type {} can not be a child of a page.",
                block.content.type_name()
            )))
        });
    }
    let Some(block) = ws.objects.blocks.get(&parent) else {
        return Err(ApiError::validation("Block does not support children."));
    };
    let fits = |new: &NewBlock| match (&block.content, &new.content) {
        (Content::Table(shape), Content::TableRow(row)) => row.cells.len() == shape.width,
        (Content::Table(_), _) | (_, Content::TableRow(_)) => false,
        (Content::ColumnList, content) => matches!(content, Content::Column { .. }),
        (_, Content::Column { .. }) | (Content::Synced { from: Some(_) }, _) => false,
        _ => true,
    };
    if !block.content.takes_children() {
        return Err(ApiError::validation(format!(
            "Block of type {} does not support children.",
            block.content.type_name()
        )));
    }
    match new.iter().find(|new| !fits(new)) {
        None => Ok(()),
        Some(new) => Err(ApiError::validation(format!(
            "Block of type {} can not be a child of a block of type {}, or does not have its width.",
            new.content.type_name(),
            block.content.type_name()
        ))),
    }
}
