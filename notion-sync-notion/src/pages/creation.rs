//! Making pages.

use std::sync::Arc;

use notion_sync_core::document::{BlockKind, Document, blocks, notion_markdown};
use notion_sync_core::remote::{Ack, Create, NewContent, Write};
use notion_sync_core::value::Value;
use notion_sync_core::{Error, ErrorKind, Result};
use serde_json::{Map, Value as Json, json};

use super::blocks::refuse_unwritable;
use super::bookkeeping::{LAST_OP, OP, URL};
use super::insertion::Insertion;
use super::writing::{ack, partial, unsent};
use super::{Body, NotionPages, read_body};
use crate::client::Endpoint;
use crate::property;
use crate::wire::{DataSource, Page};

/// The longest Markdown that goes into the request that makes a page, in bytes: the whole request
/// may have 500,000.
const MARKDOWN_BYTES: usize = 300_000;
/// The most blocks of a page that is made from Markdown: the limit of one request.
const MARKDOWN_BLOCKS: usize = 1_000;

/// How the body of a new page gets there.
#[derive(Debug)]
pub(super) enum Plan {
    /// There is none.
    Empty,
    /// With the request that makes the page, as Markdown.
    Markdown(String),
    /// As blocks: the first stage with that request, the others after it.
    Blocks(blocks::Stages),
}

impl Plan {
    /// Chooses the way of a body: one request with Markdown where that loses nothing.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Blocked`] when the body holds a block that the API cannot create.
    pub(super) fn new(document: &Document) -> Result<Self> {
        let document = document.canonical();
        if document.blocks.is_empty() {
            return Ok(Self::Empty);
        }
        // A heading at the top could be taken for the title.
        let heads = matches!(
            document.blocks.first().map(|block| &block.kind),
            Some(BlockKind::Heading { level: 1, .. })
        );
        if !heads
            && count(&document.blocks) <= MARKDOWN_BLOCKS
            && let Ok(markdown) = notion_markdown::write(&document)
            && markdown.len() <= MARKDOWN_BYTES
        {
            return Ok(Self::Markdown(markdown));
        }
        let stages = blocks::stages(&document.blocks);
        refuse_unwritable(&stages)?;
        Ok(Self::Blocks(stages))
    }

    /// Whether the page is whole once it exists.
    pub(super) fn is_single(&self) -> bool {
        match self {
            Self::Empty | Self::Markdown(_) => true,
            Self::Blocks(stages) => stages.stages.len() <= 1 && stages.placeholders.is_empty(),
        }
    }
}

/// Blocks of a body, nested ones included.
fn count(blocks: &[notion_sync_core::document::Block]) -> usize {
    let mut total = 0;
    let mut pending: Vec<_> = blocks.iter().collect();
    while let Some(block) = pending.pop() {
        total += 1;
        pending.extend(&block.children);
    }
    total
}

/// The body that a create asks for.
pub(super) fn wanted_body(content: &NewContent) -> Result<Document> {
    match content {
        NewContent::Empty => Ok(Document::default()),
        NewContent::Blocks(document) => Ok(document.clone()),
        NewContent::Text(_) => Err(Error::new(ErrorKind::Invalid, "create a page")
            .message("the body of a page is blocks, not text")),
    }
}

impl NotionPages {
    pub(super) async fn create(&self, write: &Write, create: &Create) -> Result<Ack> {
        let wanted = wanted_body(&create.content)?;
        let plan = Plan::new(&wanted)?;
        let schema = self
            .schema_for(create.fields.iter())
            .await
            .map_err(unsent)?;
        let properties = self.new_properties(write, create, &schema, plan.is_single())?;
        match plan {
            Plan::Blocks(stages) if stages.stages.len() > 1 || !stages.placeholders.is_empty() => {
                self.create_in_stages(write, &wanted, stages, properties, &schema)
                    .await
            }
            plan => {
                let body = self.request(properties, &plan);
                let page = self.post(body).await?;
                Ok(ack(self.snapshot(&page, &schema, self.client.now())))
            }
        }
    }

    fn new_properties(
        &self,
        write: &Write,
        create: &Create,
        schema: &DataSource,
        single: bool,
    ) -> Result<Map<String, Json>> {
        let mut out = Map::new();
        for property in &schema.properties {
            // The title is always sent: without it the service takes it from the body.
            if property.kind == "title" {
                out.insert(
                    property.id.clone(),
                    property::write(property, &Value::Null)?,
                );
            }
        }
        for (key, value) in &create.fields {
            let property = self.check_field(schema, key, value)?;
            if value.is_empty() && property.kind != "title" {
                continue;
            }
            out.insert(key.clone(), property::write(&property, value)?);
        }
        let bookkeeping = self.bookkeeping(schema);
        let mut fields = create.bookkeeping.clone();
        if let Some(url) = create
            .counterpart_url
            .as_ref()
            .or(create.counterpart.as_ref())
        {
            fields.entry(URL.to_owned()).or_insert_with(|| url.clone());
        }
        bookkeeping.write(&fields, None, &mut out)?;
        bookkeeping.stamp(OP, &write.op, &mut out);
        if single {
            // A page that is whole once it exists carries both marks from the start.
            bookkeeping.stamp(LAST_OP, &write.op, &mut out);
        }
        Ok(out)
    }

    fn request(&self, properties: Map<String, Json>, plan: &Plan) -> Json {
        let mut body = Map::new();
        body.insert(
            "parent".to_owned(),
            json!({"type": "data_source_id", "data_source_id": self.data_source}),
        );
        body.insert("properties".to_owned(), Json::Object(properties));
        match plan {
            Plan::Empty => {}
            Plan::Markdown(markdown) => {
                body.insert("markdown".to_owned(), json!(markdown));
            }
            Plan::Blocks(stages) => {
                if let Some(stage) = stages.stages.first() {
                    body.insert("children".to_owned(), json!(stage.children));
                }
            }
        }
        Json::Object(body)
    }

    async fn post(&self, body: Json) -> Result<Page> {
        let endpoint = Endpoint::create_page(body);
        let answer = self.client.call(&endpoint).await?;
        let id = answer
            .committed
            .as_ref()
            .map(|committed| committed.resource.clone())
            .unwrap_or_default();
        self.shown_page(&endpoint, &answer, &id).await
    }

    /// Makes a page whose body needs more than one request, or goes on with one that an earlier
    /// attempt began. The page is whole when it carries the mark of its last write.
    async fn create_in_stages(
        &self,
        write: &Write,
        wanted: &Document,
        stages: blocks::Stages,
        properties: Map<String, Json>,
        schema: &Arc<DataSource>,
    ) -> Result<Ack> {
        let begun = self.find_created(&write.op, schema).await.map_err(unsent)?;
        let calls = stages.stages.len() * 2 + stages.placeholders.len() + 3;
        self.client.reserve(calls, "create a page")?;
        let mut done = 0;
        let again = begun.is_some();
        let page = match begun {
            Some(page)
                if self
                    .bookkeeping(schema)
                    .marker(&page)
                    .written_by
                    .is_some_and(|op| op == write.op) =>
            {
                return Err(Error::new(ErrorKind::AlreadyExists, "create a page")
                    .with("page", &page.id)
                    .message("this operation made it before"));
            }
            Some(page) => page,
            None => {
                let first = blocks::Stages {
                    stages: stages.stages.first().cloned().into_iter().collect(),
                    ..blocks::Stages::default()
                };
                let body = self.request(properties, &Plan::Blocks(first));
                let page = self.post(body).await?;
                done += 1;
                page
            }
        };
        let result = async {
            if !(again && self.holds(&page.id, wanted).await?) {
                let mut insertion = Insertion::new(&self.client, &page.id, stages);
                insertion.resume(&mut done).await?;
            }
            let mut mark = Map::new();
            self.bookkeeping(schema)
                .stamp(LAST_OP, &write.op, &mut mark);
            if mark.is_empty() {
                let observed_at = self.client.now();
                let page = self.fetch_page(&page.id).await?;
                return Ok(self.snapshot(&page, schema, observed_at));
            }
            self.patch(&page.id, json!({ "properties": mark }), schema, true)
                .await
        }
        .await;
        match result {
            Ok(snapshot) => Ok(ack(snapshot)),
            // A person has to do something first, and the page is found again by its mark.
            Err(error)
                if error.kind() == ErrorKind::Blocked
                    && self.bookkeeping(schema).property(OP).is_some() =>
            {
                Err(error)
            }
            // Even with no step done the page may be there.
            Err(error) => Err(partial(error, done.max(1))),
        }
    }

    /// Whether the body of a page is this one.
    async fn holds(&self, page: &str, wanted: &Document) -> Result<bool> {
        Ok(match read_body(&self.client, page).await? {
            Body::Document { document, .. } => document.canon_eq(wanted),
            Body::Unusable(_) => false,
        })
    }
}
