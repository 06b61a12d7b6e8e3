//! Page bodies as Markdown.

use serde_json::{Value, json};

use super::{Call, Done, Service};
use crate::notion::body::{self, Rendered};
use crate::notion::error::{ApiError, ApiResult};
use crate::notion::id::NotionId;
use crate::notion::input::{Input, path_id};
use crate::notion::markdown::{self, Ink};
use crate::notion::workspace::ObjectKind;

const COMMANDS: [&str; 4] = [
    "replace_content",
    "update_content",
    "insert_content",
    "replace_content_range",
];

/// A new body and whether it may delete child pages.
struct Edit {
    markdown: String,
    may_delete: bool,
}

impl Service {
    /// The page (or, for reading, the block) that a Markdown endpoint is about.
    fn markdown_target(&self, call: &Call, id: &str) -> ApiResult<NotionId> {
        let id = path_id("page_id", id)?;
        let view = self.view(call);
        match self.ws.kind_of(id) {
            Some(ObjectKind::Database | ObjectKind::Source) if view.sees(id) => {
                Err(ApiError::validation(format!(
                    "Provided ID {id} is a database, not a page. Use a page ID."
                )))
            }
            Some(_) if view.sees(id) => Ok(id),
            _ => Err(view.missing(id, "page")),
        }
    }

    fn render(&self, call: &Call, id: NotionId) -> (Rendered, String) {
        let view = self.view(call);
        let limit = self.options.markdown_blocks;
        let rendered = if self.ws.kind_of(id) == Some(ObjectKind::Page) {
            body::collect(&self.ws, Some(&view), id, limit)
        } else {
            body::collect_block(&self.ws, Some(&view), id, limit)
        };
        let sign = |base: &str| view.signed(base);
        let transcript = call.parameter("include_transcript") == Some("true");
        let ink = Ink {
            ws: &self.ws,
            sign: &sign,
            transcript,
        };
        let text = markdown::write(&rendered.blocks, ink);
        (rendered, text)
    }

    fn show_markdown(&self, call: &Call, id: NotionId) -> Value {
        let (rendered, text) = self.render(call, id);
        json!({
            "object": "page_markdown", "id": id, "markdown": text,
            "truncated": rendered.truncated, "unknown_block_ids": rendered.unknown,
        })
    }

    pub(super) fn get_markdown(&self, call: &Call, id: &str) -> ApiResult<Done> {
        let id = self.markdown_target(call, id)?;
        Ok(self.show_markdown(call, id).into())
    }

    pub(super) fn patch_markdown(&mut self, call: &Call, id: &str) -> ApiResult<Done> {
        let id = self.markdown_target(call, id)?;
        if self.ws.kind_of(id) != Some(ObjectKind::Page) {
            return Err(ApiError::validation(format!(
                "Provided ID {id} is a block, not a page."
            )));
        }
        let input = call.input();
        input.object()?;
        if input.key("allow_async").boolean_or(false)? {
            return Ok(self.accept(call, "PATCH /v1/pages/:page_id/markdown"));
        }
        if self.ws.in_trash(id) {
            return Err(super::blocks::archived());
        }
        let command = input.key("type").word(&COMMANDS)?;
        for other in COMMANDS.iter().filter(|other| **other != command) {
            input.refuse(other)?;
        }
        let object = input.key(command);
        object.object()?;
        let (_, present) = self.render(call, id);
        let edit = match command {
            "replace_content" => Edit {
                markdown: object.key("new_str").text()?.to_owned(),
                may_delete: object.key("allow_deleting_content").boolean_or(false)?,
            },
            "update_content" => self.update(&present, &object)?,
            "insert_content" => insert(&present, &object)?,
            _ => replace_range(&present, &object)?,
        };
        let new = markdown::read(&edit.markdown, &self.ws.objects.emojis);
        let change = body::plan(&self.ws, id, new);
        change.guard(&self.ws, edit.may_delete)?;
        let view = self.view(call);
        if let Some(hidden) = change.brought().iter().find(|id| !view.sees(**id)) {
            return Err(view.missing(*hidden, "page"));
        }
        if !change.is_empty() {
            change.apply(&mut self.ws, id, call.act());
        }
        Ok(self.show_markdown(call, id).into())
    }

    /// Search and replace, step by step.
    fn update(&self, present: &str, object: &Input<'_>) -> ApiResult<Edit> {
        let mut text = present.to_owned();
        let steps = object.key("content_updates").array(100)?;
        if steps.is_empty() {
            return Err(object.key("content_updates").wrong("populated"));
        }
        let mut applied = 0;
        let mut problem = None;
        for step in &steps {
            let old = step.key("old_str").text()?;
            let new = step.key("new_str").text()?;
            let all = step.key("replace_all_matches").boolean_or(false)?;
            match replace(&text, old, new, all) {
                Ok(changed) => {
                    text = changed;
                    applied += 1;
                }
                Err(error) => {
                    problem = Some(error);
                    if self.options.atomic_updates {
                        break;
                    }
                }
            }
        }
        // A step that matches nothing is skipped when another one did something.
        match problem {
            Some(error) if applied == 0 || self.options.atomic_updates => Err(error),
            _ => Ok(Edit {
                markdown: text,
                may_delete: object.key("allow_deleting_content").boolean_or(false)?,
            }),
        }
    }
}

fn excerpt(text: &str) -> String {
    text.chars().take(200).collect()
}

fn not_found(text: &str) -> ApiError {
    ApiError::validation(format!(
        "String not found in page content: \"{}\"",
        excerpt(text)
    ))
}

fn replace(text: &str, old: &str, new: &str, all: bool) -> ApiResult<String> {
    if old.is_empty() {
        return Err(ApiError::validation("old_str should not be empty."));
    }
    match text.matches(old).count() {
        0 => Err(not_found(old)),
        1 => Ok(text.replacen(old, new, 1)),
        _ if all => Ok(text.replace(old, new)),
        count => Err(ApiError::validation(format!(
            "String found {count} times in page content, it must match exactly once unless \
             replace_all_matches is true: \"{}\"",
            excerpt(old)
        ))),
    }
}

/// The bytes that a selection `start...end` (or one literal text) covers.
fn selection(text: &str, wanted: &str) -> ApiResult<std::ops::Range<usize>> {
    let wanted = wanted.trim_matches('\n');
    if wanted.is_empty() {
        return Err(not_found(wanted));
    }
    if let Some(start) = text.find(wanted) {
        return Ok(start..start + wanted.len());
    }
    let (first, last) = wanted.split_once("...").ok_or_else(|| not_found(wanted))?;
    if first.is_empty() || last.is_empty() {
        return Err(not_found(wanted));
    }
    let start = text.find(first).ok_or_else(|| not_found(wanted))?;
    let from = start + first.len();
    let end = text
        .get(from..)
        .and_then(|rest| rest.find(last))
        .map(|offset| from + offset + last.len())
        .ok_or_else(|| not_found(wanted))?;
    Ok(start..end)
}

fn insert(present: &str, object: &Input<'_>) -> ApiResult<Edit> {
    let content = object.key("content").text()?.trim_matches('\n');
    let (after, position) = (object.key("after"), object.key("position"));
    if after.present().is_some() && position.present().is_some() {
        return Err(position.wrong("not present"));
    }
    let join = |parts: &[&str]| {
        parts
            .iter()
            .filter(|part| !part.is_empty())
            .copied()
            .collect::<Vec<_>>()
            .join("\n")
    };
    let markdown = if let Some(after) = after.present() {
        let range = selection(present, after.text()?)?;
        // Whole blocks are inserted: the text goes behind the line in which the selection ends.
        let rest = present.get(range.end..).unwrap_or_default();
        let line_end = range.end + rest.find('\n').unwrap_or(rest.len());
        let before = present.get(..line_end).unwrap_or_default();
        let behind = present
            .get(line_end..)
            .unwrap_or_default()
            .trim_start_matches('\n');
        join(&[before, content, behind])
    } else {
        let place = match position.present() {
            Some(position) => position.key("type").word(&["start", "end"])?,
            None => "end",
        };
        if place == "start" {
            join(&[content, present])
        } else {
            join(&[present, content])
        }
    };
    Ok(Edit {
        markdown,
        may_delete: false,
    })
}

fn replace_range(present: &str, object: &Input<'_>) -> ApiResult<Edit> {
    let content = object.key("content").text()?;
    let range = selection(present, object.key("content_range").text()?)?;
    let mut markdown = present.to_owned();
    markdown.replace_range(range, content);
    Ok(Edit {
        markdown,
        may_delete: object.key("allow_deleting_content").boolean_or(false)?,
    })
}
