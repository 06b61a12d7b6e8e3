//! From snapshots to views, and from views back to what a side stores.
//!
//! The one place that knows how a page and a file hold the same things: where the title is, which
//! keys of the front matter are ours, and how links change between the two.

use std::collections::BTreeMap;
use std::mem::discriminant;

use crate::bounds::Bounds;
use crate::document::dialect::{self, LinkContext};
use crate::document::front_matter::{self, Edit};
use crate::document::{
    Block, BlockKind, Color, Document, RichText, canonical_heading, markdown, patch,
};
use crate::engine::Binding;
use crate::engine::observe::below;
use crate::engine::observe::bind::Bound;
use crate::error::{Error, ErrorKind, Result};
use crate::id::{FieldId, Side};
use crate::mapping::labels;
use crate::mapping::view::{BodyView, Source};
use crate::mapping::{FileMarker, MappingKind, Resolver, View};
use crate::reconcile::STATE;
use crate::snapshot::{Content, Field, Presence, Snapshot};
use crate::value::Value;

/// Front matter key of the page id.
pub(crate) const KEY_PAGE: &str = "notion_page_id";
/// Front matter key of the page's revision at the last content change.
pub(crate) const KEY_REVISION: &str = "notion_revision";

/// The title's field.
pub(crate) fn title_field() -> FieldId {
    FieldId::from("title")
}

/// How links of a file at `path` relate to addresses.
pub(crate) fn links(bound: &Bound, path: Option<&str>) -> LinkContext {
    bound.links.for_file(path.unwrap_or_default())
}

/// The links of a mapping, for no file in particular.
pub(crate) fn all_links(binding: &Binding, resolver: &Resolver) -> LinkContext {
    let links = &binding.mapping.links;
    let mut context = LinkContext::new(links.blob_base.as_str(), links.raw_base.as_str(), "");
    for (page, path) in resolver.iter() {
        context.map(path, page);
    }
    context
}

/// Turns a snapshot into a view.
pub(crate) fn view(
    binding: &Binding,
    bound: &Bound,
    bounds: &Bounds,
    side: Side,
    snapshot: &Snapshot,
    path: Option<&str>,
) -> View {
    let mut view = View {
        object: snapshot.object.clone(),
        presence: snapshot.presence.clone(),
        revision: snapshot.revision.clone(),
        settled: snapshot.is_settled(bounds.settle()),
        observed_at: snapshot.observed_at,
        fields: BTreeMap::new(),
        watched: BTreeMap::new(),
        outdated: false,
        body: BodyView::None,
        source: None,
        native: None,
        place: snapshot.place.clone(),
        marker: snapshot.marker.clone(),
        url: snapshot.url.clone(),
        actor: snapshot.actor.clone(),
        made: snapshot.made.clone(),
        bookkeeping: snapshot.bookkeeping.clone(),
    };
    for field in &bound.fields {
        let key = match side {
            Side::Notion => &field.notion,
            Side::Github => &field.github,
        };
        if let Some(why) = bound.of_other_type(side, key, snapshot) {
            view.outdated = true;
            view.fields.insert(field.id.clone(), Field::Unread(why));
        } else if let Some(value) = snapshot.fields.get(key) {
            let part = match side {
                Side::Notion => None,
                Side::Github => labels::part(&field.kind, value),
            };
            let value = part.unwrap_or_else(|| value.clone());
            view.fields.insert(field.id.clone(), value);
        }
    }
    // The removal of an issue is a state, whether or not the mapping has a property for it.
    if side == Side::Github
        && binding.mapping.kind == MappingKind::Tasks
        && let Some(state) = snapshot.fields.get(STATE)
    {
        let id = FieldId::from(STATE);
        view.fields.entry(id).or_insert_with(|| state.clone());
    }
    if side == Side::Notion {
        for key in bound.watched.values() {
            if bound.of_other_type(side, key, snapshot).is_some() {
                view.outdated = true;
            } else if let Some(value) = snapshot.fields.get(key) {
                view.watched.insert(key.clone(), value.clone());
            }
        }
    }
    match &snapshot.content {
        Content::NotRead => {}
        Content::Unusable(why) => view.body = BodyView::Unusable(why.clone()),
        Content::Blocks(document) => {
            let context = links(bound, path);
            let (shared, kept) = below::in_page(bound.keep_below.notion.as_deref(), document);
            let read = if kept.is_empty() {
                dialect::from_notion(document, &context)
            } else {
                let blocks = shared.to_vec();
                dialect::from_notion(&Document { blocks }, &context)
            };
            view.body = BodyView::Read(read.document);
            view.native = Some(document.clone());
        }
        Content::Text(text) => match binding.mapping.kind {
            MappingKind::Documents => read_file(binding, bound, text, &mut view),
            MappingKind::Tasks => read_issue(binding, bound, text, &mut view),
        },
    }
    view
}

fn limits(binding: &Binding) -> markdown::Limits {
    markdown::Limits {
        bytes: binding.mapping.limits.bytes,
        blocks: binding.mapping.limits.blocks,
        ..markdown::Limits::default()
    }
}

fn read_file(binding: &Binding, bound: &Bound, text: &str, view: &mut View) {
    let parsed = match markdown::parse(text, &limits(binding)) {
        Ok(parsed) => parsed,
        Err(error) => {
            view.body = BodyView::Unusable(error.to_string());
            return;
        }
    };
    let mut lead = 0;
    let mut title = None;
    if let Some(front) = &parsed.front_matter {
        for field in &bound.fields {
            if field.id == title_field() {
                title = front.get("title").and_then(|value| scalar(&value));
                continue;
            }
            let value = front
                .get(&field.github)
                .map_or(Field::Value(Value::Null), from_front);
            view.fields.insert(field.id.clone(), value);
        }
        view.marker.counterpart = front.get(KEY_PAGE).and_then(|value| scalar(&value));
    } else {
        for field in bound
            .fields
            .iter()
            .filter(|field| field.id != title_field())
        {
            view.fields
                .insert(field.id.clone(), Field::Value(Value::Null));
        }
    }
    if title.is_none()
        && let Some(Block {
            kind: BlockKind::Heading { level: 1, text, .. },
            children,
            ..
        }) = parsed.document.blocks.first()
        && children.is_empty()
        && !text.to_plain().trim().is_empty()
    {
        title = Some(text.to_plain().trim().to_owned());
        lead = 1;
    }
    if let Some(title) = title {
        view.fields
            .insert(title_field(), Field::Value(Value::text(title)));
    }
    let body = Document {
        blocks: parsed.document.blocks[lead..].to_vec(),
    };
    view.body = BodyView::Read(body);
    view.source = Some(Source {
        text: text.to_owned(),
        document: parsed.document,
        lead,
        end: text.len(),
    });
}

fn read_issue(binding: &Binding, bound: &Bound, text: &str, view: &mut View) {
    let marker = bound.keep_below.github.as_deref();
    let mut end = text.len();
    // An issue has no front matter.
    let mut read = markdown::parse_body(text, &limits(binding));
    if let Ok(whole) = &read
        && let Some(at) = below::in_issue(marker, text, whole)
    {
        end = at;
        read = markdown::parse_body(text.get(..at).unwrap_or_default(), &limits(binding));
    }
    match read {
        Ok(document) => {
            view.body = BodyView::Read(document.clone());
            view.source = Some(Source {
                text: text.to_owned(),
                document,
                lead: 0,
                end,
            });
        }
        Err(error) => view.body = BodyView::Unusable(error.to_string()),
    }
}

fn scalar(value: &front_matter::Value) -> Option<String> {
    match value {
        front_matter::Value::Text(text) | front_matter::Value::Literal(text)
            if !text.trim().is_empty() =>
        {
            Some(text.trim().to_owned())
        }
        front_matter::Value::Bool(bit) => Some(bit.to_string()),
        _ => None,
    }
}

fn from_front(value: front_matter::Value) -> Field {
    Field::Value(match value {
        front_matter::Value::Null => Value::Null,
        front_matter::Value::Bool(bit) => Value::Bool(bit),
        front_matter::Value::Text(text) | front_matter::Value::Literal(text) => Value::text(text),
        front_matter::Value::List(items) => {
            let texts: Option<Vec<String>> = items.iter().map(scalar).collect();
            match texts {
                Some(texts) => Value::set(texts),
                None => return Field::Unread("a list of more than plain values".to_owned()),
            }
        }
        front_matter::Value::Nested(_) => return Field::Unread("a nested value".to_owned()),
    })
}

fn to_front(value: &Value) -> Edit {
    match value {
        Value::Null => Edit::Remove,
        Value::Bool(bit) => Edit::Set(front_matter::Value::Bool(*bit)),
        Value::Number(text) => Edit::Set(front_matter::Value::Literal(text.clone())),
        Value::Text(text) if is_date(text) => Edit::Set(front_matter::Value::Literal(text.clone())),
        Value::Text(text) => Edit::Set(front_matter::Value::Text(text.clone())),
        Value::Set(set) => Edit::Set(front_matter::Value::List(
            set.iter()
                .map(|item| front_matter::Value::Text(item.clone()))
                .collect(),
        )),
    }
}

/// Dates and instants stand without quotes, as people write them.
fn is_date(text: &str) -> bool {
    // Parsers of dates pass over blanks, which would be lost.
    text.bytes().all(|byte| byte.is_ascii_graphic())
        && (text.parse::<chrono::NaiveDate>().is_ok()
            || chrono::DateTime::parse_from_rfc3339(text).is_ok())
}

/// What is put into a file's front matter besides fields.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stamp {
    pub(crate) page: Option<String>,
    pub(crate) revision: Option<String>,
}

/// A file with some fields and its body changed; every other byte stays.
pub(crate) fn edit_file(
    binding: &Binding,
    bound: &Bound,
    source: &Source,
    fields: &BTreeMap<FieldId, Value>,
    body: Option<&Document>,
    stamp: &Stamp,
) -> Result<String> {
    let failed = |error: String| Error::new(ErrorKind::Invalid, "edit a file").message(error);
    let mut text = source.text.clone();
    let title = fields.get(&title_field());
    if body.is_some() || (title.is_some() && source.lead == 1) {
        let mut blocks: Vec<Block> = source.document.blocks[..source.lead].to_vec();
        if let (Some(Value::Text(title)), 1) = (title, source.lead) {
            blocks = vec![heading(title)];
        }
        match body {
            Some(body) => blocks.extend(body.blocks.iter().cloned()),
            None => blocks.extend(source.document.blocks[source.lead..].iter().cloned()),
        }
        let wanted = Document { blocks };
        text = patch::apply(&text, &source.document, &wanted)
            .map_err(|error| failed(error.to_string()))?
            .text;
    }
    let mut edits: Vec<(String, Edit)> = Vec::new();
    for (id, value) in fields {
        if *id == title_field() {
            if source.lead == 0 {
                edits.push(("title".to_owned(), to_front(value)));
            }
        } else if let Some(key) = bound.native(id, Side::Github) {
            edits.push((key.to_owned(), to_front(value)));
        }
    }
    if binding.mapping.file_marker == FileMarker::FrontMatter {
        for (key, value) in [(KEY_PAGE, &stamp.page), (KEY_REVISION, &stamp.revision)] {
            if let Some(value) = value {
                edits.push((
                    key.to_owned(),
                    Edit::Set(front_matter::Value::Text(value.clone())),
                ));
            }
        }
    }
    if !edits.is_empty() {
        let edits: Vec<(&str, Edit)> = edits
            .iter()
            .map(|(key, edit)| (key.as_str(), edit.clone()))
            .collect();
        text = front_matter::edit(&text, &edits).map_err(|error| failed(error.to_string()))?;
    }
    Ok(text)
}

/// The file of a page that has none.
pub(crate) fn new_file(
    binding: &Binding,
    bound: &Bound,
    title: &str,
    fields: &BTreeMap<FieldId, Value>,
    body: &Document,
    stamp: &Stamp,
) -> Result<String> {
    let mut blocks = Vec::with_capacity(body.blocks.len() + 1);
    if !title.trim().is_empty() {
        blocks.push(heading(title));
    }
    blocks.extend(body.blocks.iter().cloned());
    let text = markdown::write(&Document { blocks }, &markdown::Style::default());
    let lead = usize::from(!title.trim().is_empty());
    let source = Source {
        end: text.len(),
        text,
        document: Document::default(),
        lead,
    };
    let rest: BTreeMap<FieldId, Value> = fields
        .iter()
        .filter(|(id, value)| **id != title_field() && !value.is_empty())
        .map(|(id, value)| (id.clone(), value.clone()))
        .collect();
    edit_file(binding, bound, &source, &rest, None, stamp)
}

/// The new text of an issue's body.
pub(crate) fn edit_issue(bound: &Bound, source: &Source, body: &Document) -> Result<String> {
    let failed = |why: String| Error::new(ErrorKind::Invalid, "edit an issue's body").message(why);
    let (shared, kept) = (source.text.split_at_checked(source.end))
        .ok_or_else(|| failed("its end is inside a character".to_owned()))?;
    let patched = patch::apply_body(shared, &source.document, body)
        .map_err(|error| failed(error.to_string()))?;
    below::joined(bound, patched.text, kept)
}

/// The text of an issue for a page.
pub(crate) fn new_issue(bound: &Bound, body: &Document) -> Result<String> {
    below::joined(
        bound,
        markdown::write(body, &markdown::Style::default()),
        "",
    )
}

fn heading(title: &str) -> Block {
    let text = RichText::plain(canonical_heading(title));
    Block::new(BlockKind::Heading {
        level: 1,
        text,
        toggle: false,
        color: Color::default(),
        anchor: None,
    })
}

/// A body of a page in the terms that both sides share.
pub(crate) fn from_notion(bound: &Bound, path: Option<&str>, native: &Document) -> Document {
    dialect::from_notion(native, &links(bound, path)).document
}

/// A body in Notion's terms. Blocks that the page holds already in a form that says the same are
/// taken over as they are, so that writing touches nothing but the edit; so is what stays on the page.
///
/// # Errors
///
/// When the body holds the marker of what stays on the page.
pub(crate) fn to_notion(
    bound: &Bound,
    path: Option<&str>,
    body: &Document,
    native: Option<&Document>,
) -> Result<Document> {
    let context = links(bound, path);
    let converted = dialect::to_notion(body, &context).document;
    let converted = below::without_marker(bound, converted)?;
    let Some(native) = native else {
        return Ok(converted);
    };
    let (shared, kept) = below::in_page(bound.keep_below.notion.as_deref(), native);
    let mut held: BTreeMap<crate::hash::ContentHash, Vec<&Block>> = BTreeMap::new();
    collect(shared, &mut |block| {
        let one = Document {
            blocks: vec![block.clone()],
        };
        let read = dialect::from_notion(&one, &context).document;
        let said = dialect::to_notion(&read, &context).document;
        // A column says by itself what is in it, and that stands elsewhere without it.
        let alike = |one: &Block| discriminant(&one.kind) == discriminant(&block.kind);
        if !said.blocks.iter().all(alike) {
            return;
        }
        held.entry(said.hash()).or_default().push(block);
    });
    let blocks = converted.blocks.into_iter();
    Ok(Document {
        blocks: blocks
            .map(|block| keep(block, &held, 0))
            .chain(kept.iter().cloned())
            .collect(),
    })
}

fn collect<'a>(blocks: &'a [Block], visit: &mut impl FnMut(&'a Block)) {
    for block in blocks {
        visit(block);
        if block.children.len() < 10_000 {
            collect(&block.children, visit);
        }
    }
}

fn keep(
    mut block: Block,
    held: &BTreeMap<crate::hash::ContentHash, Vec<&Block>>,
    depth: usize,
) -> Block {
    let hash = Document {
        blocks: vec![block.clone()],
    }
    .hash();
    if let Some(same) = held.get(&hash).and_then(|list| list.first()) {
        return (*same).clone();
    }
    if depth < 64 {
        block.children = block
            .children
            .into_iter()
            .map(|child| keep(child, held, depth + 1))
            .collect();
    }
    block
}

/// The title a page gets from a GitHub object.
pub(crate) fn title_of(view: &View) -> String {
    match view.fields.get(&title_field()) {
        Some(Field::Value(Value::Text(title))) => title.clone(),
        _ => view
            .place
            .as_deref()
            .and_then(|path| path.rsplit('/').next())
            .map(|name| {
                name.rsplit_once('.')
                    .map_or(name, |(stem, _)| stem)
                    .to_owned()
            })
            .unwrap_or_default(),
    }
}

/// Whether the object can be read and compared.
pub(crate) fn is_present(view: Option<&View>) -> bool {
    view.is_some_and(|view| view.presence == Presence::Present)
}
