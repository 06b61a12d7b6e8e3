//! What became of a write whose answer was lost.

use std::collections::BTreeSet;

use chrono::{DateTime, Duration, Utc};
use notion_sync_core::id::OpId;
use notion_sync_core::remote::{
    Ack, Action, ContentChange, Create, SeenVersion, Trace, Update, Write,
};
use notion_sync_core::snapshot::{Content, Presence, Proof};
use notion_sync_core::value::Value;
use notion_sync_core::{Error, ErrorKind, Result};
use serde_json::json;

use super::blocks::BodyPlan;
use super::bookkeeping::OP;
use super::creation::{Plan, wanted_body};
use super::update::{Resolved, resolve};
use super::writing::{ack, with_operations};
use super::{Body, NotionPages, read_body};
use crate::access::bot;
use crate::client::{Endpoint, PAGE_SIZE};
use crate::property;
use crate::wire::{DataSource, Page};

/// How far Notion's clock and ours may lie apart, in seconds, beyond the rounding of its times.
pub(super) const SKEW_SECONDS: i64 = 60;
/// How far Notion rounds its times down, in seconds.
const ROUNDING_SECONDS: i64 = 60;

/// What a look at one object says. Where it fails and would fail again, however long one waits, it
/// says nothing: asked once more, the answer would be the same for ever.
fn told(look: Result<Trace>) -> Result<Trace> {
    match look {
        Err(error) if error.kind().is_lasting() => Ok(Trace::Unclear),
        look => look,
    }
}

impl NotionPages {
    pub(super) async fn trace_one(&self, write: &Write, sent_at: DateTime<Utc>) -> Result<Trace> {
        match &write.action {
            // What is looked through is the data source: out of reach, it says nothing about a page,
            // and a create that is taken for unclear would be planned once more.
            Action::Create(create) => self.trace_create(write, create, sent_at).await,
            _ => {
                self.known_schema().await?;
                told(self.look_at(write, sent_at).await)
            }
        }
    }

    /// What became of a write to an object that was there before.
    async fn look_at(&self, write: &Write, sent_at: DateTime<Utc>) -> Result<Trace> {
        match &write.action {
            Action::Update(update) => self.trace_update(write, update, sent_at).await,
            Action::Remove { object, .. } => {
                let snapshot = self.read_page(object, false).await?;
                Ok(match &snapshot.presence {
                    Presence::Gone(Proof::InTrash) => Trace::Applied(ack(snapshot)),
                    Presence::Present => Trace::NotApplied,
                    _ => Trace::Unclear,
                })
            }
            Action::Restore { object } => {
                let snapshot = self.read_page(object, false).await?;
                Ok(match &snapshot.presence {
                    Presence::Gone(Proof::InTrash) => Trace::NotApplied,
                    Presence::Present => Trace::Applied(ack(snapshot)),
                    _ => Trace::Unclear,
                })
            }
            Action::Comment { object, .. } => {
                let id = Self::page_id(object, "find a comment")?;
                Ok(match self.find_comment(&id, &write.op).await? {
                    Some(comment) => Trace::Applied(Ack {
                        snapshot: None,
                        notes: [("comment".to_owned(), comment.id)].into(),
                        ..Ack::default()
                    }),
                    None => Trace::NotApplied,
                })
            }
            Action::Discuss(discuss) => self.trace_discussion(write, discuss).await,
            Action::Bookkeep { object, fields } => {
                let id = Self::page_id(object, "find a note")?;
                let schema = self.known_schema().await?;
                let observed_at = self.client.now();
                let page = self.fetch_page(&id).await?;
                let mut missing = serde_json::Map::new();
                self.bookkeeping(&schema).write(
                    &with_operations(fields),
                    Some(&page),
                    &mut missing,
                )?;
                Ok(if missing.is_empty() {
                    Trace::Applied(ack(self.snapshot(&page, &schema, observed_at)))
                } else {
                    Trace::NotApplied
                })
            }
            Action::Create(_)
            | Action::Propose(_)
            | Action::Withdraw { .. }
            | Action::Effect(_)
            | Action::Flag { .. } => Err(Error::new(ErrorKind::Invalid, "find a write")
                .message("it is no write to something that is there")),
        }
    }

    /// The page that an operation made, by its mark. The oldest, should there be several: a person
    /// may have duplicated it.
    pub(super) async fn find_created(
        &self,
        op: &OpId,
        schema: &DataSource,
    ) -> Result<Option<Page>> {
        let bookkeeping = self.bookkeeping(schema);
        let Some(mark) = bookkeeping.property(OP) else {
            return Ok(None);
        };
        let list = self
            .client
            .all_of(|cursor| {
                let mut body = json!({
                    "filter": {"property": mark.id, "rich_text": {"equals": op.as_str()}},
                    "sorts": [{"timestamp": "created_time", "direction": "ascending"}],
                    "page_size": PAGE_SIZE,
                });
                if let (Some(cursor), Some(body)) = (cursor, body.as_object_mut()) {
                    body.insert("start_cursor".to_owned(), json!(cursor));
                }
                Endpoint::query(&self.data_source, &[], body)
            })
            .await?;
        Ok(list
            .results
            .iter()
            .filter_map(|raw| Page::of_raw(raw).ok())
            .find(|page| bookkeeping.marker(page).created_by.as_ref() == Some(op)))
    }

    async fn trace_create(
        &self,
        write: &Write,
        create: &Create,
        sent_at: DateTime<Utc>,
    ) -> Result<Trace> {
        let schema = self.known_schema().await?;
        let observed_at = self.client.now();
        let mut found = self.find_created(&write.op, &schema).await?;
        if found.is_none() {
            // The filter reads an index that may lag behind the listing, and no query shows what is
            // in the trash.
            let floor = sent_at - Duration::seconds(ROUNDING_SECONDS + SKEW_SECONDS);
            let rows = |cursor: Option<&str>| self.by_creation(cursor);
            let mut newest = self
                .newest(write, create, &schema, floor, rows, |page| {
                    page.created_time
                })
                .await?;
            if matches!(newest, Newest::Nothing) {
                let trash = |cursor: Option<&str>| Ok(Endpoint::trash(cursor));
                // Whatever was made since was edited since.
                newest = self
                    .newest(write, create, &schema, floor, trash, |page| {
                        page.last_edited_time
                    })
                    .await?;
            }
            match newest {
                Newest::Marked(page) => found = Some(*page),
                Newest::Unclear => return Ok(Trace::Unclear),
                Newest::Nothing => {}
            }
        }
        let Some(page) = found else {
            return Ok(Trace::NotApplied);
        };
        let applied = || Trace::Applied(ack(self.snapshot(&page, &schema, observed_at)));
        // A person does not want it: nothing is added to it, and it is not made again.
        if page.in_trash {
            return Ok(applied());
        }
        let wanted = wanted_body(&create.content)?;
        let marker = self.bookkeeping(&schema).marker(&page);
        // Later writes overwrite the second mark, but none is made before the create is settled.
        if marker.written_by.is_some() || Plan::new(&wanted)?.is_single() {
            return Ok(applied());
        }
        // A body of several requests: unless all of it is there the create goes on where it
        // stopped when it is sent again.
        Ok(match read_body(&self.client, &page.id).await? {
            Body::Document { document, .. }
                if document.canon_eq(&wanted) && !self.has_last_op(&schema) =>
            {
                applied()
            }
            _ => Trace::NotApplied,
        })
    }

    fn has_last_op(&self, schema: &DataSource) -> bool {
        self.bookkeeping(schema)
            .property(super::bookkeeping::LAST_OP)
            .is_some()
    }

    /// The pages of the data source, newest first.
    fn by_creation(&self, cursor: Option<&str>) -> Result<Endpoint> {
        let mut body = json!({
            "sorts": [{"timestamp": "created_time", "direction": "descending"}],
            "page_size": PAGE_SIZE,
        });
        if let (Some(cursor), Some(body)) = (cursor, body.as_object_mut()) {
            body.insert("start_cursor".to_owned(), json!(cursor));
        }
        Endpoint::query(&self.data_source, &[], body)
    }

    /// Looks for a create through a list of pages whose `order` is newest first: as far as `floor`,
    /// before which it cannot have been sent.
    async fn newest(
        &self,
        write: &Write,
        create: &Create,
        schema: &DataSource,
        floor: DateTime<Utc>,
        list: impl Fn(Option<&str>) -> Result<Endpoint>,
        order: fn(&Page) -> Option<DateTime<Utc>>,
    ) -> Result<Newest> {
        let bookkeeping = self.bookkeeping(schema);
        let marked = bookkeeping.property(OP).is_some();
        let mut cursor: Option<String> = None;
        let mut seen = BTreeSet::new();
        let mut similar = false;
        loop {
            let page = self.client.page_of(&list(cursor.as_deref())?).await?;
            for raw in &page.results {
                let Ok(page) = Page::of_raw(raw) else {
                    continue;
                };
                if order(&page).is_some_and(|at| at < floor) {
                    return Ok(Newest::of(similar));
                }
                if page.created_time.is_some_and(|created| created < floor) {
                    continue;
                }
                if marked {
                    if bookkeeping.marker(&page).created_by.as_ref() == Some(&write.op) {
                        return Ok(Newest::Marked(Box::new(page)));
                    }
                } else if self.is_ours(&page, schema)
                    && title(&page) == create.fields.get("title").cloned().unwrap_or_default()
                {
                    // Without a mark nobody can tell whose page it is.
                    similar = true;
                }
            }
            match page.next_cursor {
                Some(next) if seen.insert(next.clone()) => cursor = Some(next),
                _ => return Ok(Newest::of(similar)),
            }
        }
    }

    async fn trace_update(
        &self,
        write: &Write,
        update: &Update,
        sent_at: DateTime<Utc>,
    ) -> Result<Trace> {
        let id = Self::page_id(&update.object, "find an update")?;
        let schema = self.known_schema().await?;
        let observed_at = self.client.now();
        let page = self.fetch_page(&id).await?;
        let snapshot = self.snapshot(&page, &schema, observed_at);
        // The mark is written last and with the properties: it proves all of the write.
        if snapshot.marker.written_by.as_ref() == Some(&write.op) {
            return Ok(Trace::Applied(ack(snapshot)));
        }
        let mut fields_hold = true;
        let mut fields_wait = true;
        for (key, change) in &update.fields {
            let current = self.current_value(&page, key).await?;
            match resolve(change, &current) {
                Resolved::Holds => fields_wait &= change.expected == change.desired,
                Resolved::Write(_) => fields_hold = false,
                Resolved::Unexpected => {
                    fields_hold = false;
                    fields_wait = false;
                }
            }
        }
        let (mut body_holds, mut body_waits) = (true, true);
        let mut shown = None;
        if let Some(ContentChange::Blocks { expected, desired }) = &update.content {
            match read_body(&self.client, &id).await? {
                Body::Document {
                    document,
                    identified,
                } => {
                    body_holds = document.canon_eq(desired);
                    body_waits = document.canon_eq(expected);
                    shown = Some((document, identified));
                }
                Body::Unusable(_) => return Ok(Trace::Unclear),
            }
        }
        let has_mark = self.has_last_op(&schema);
        let complete = fields_hold && body_holds;
        if complete && (!has_mark || update.bookkeeping.is_empty()) {
            return Ok(Trace::Applied(ack(snapshot)));
        }
        if complete || !(fields_wait && body_waits) {
            // The last step is missing, or something else is there. The parts are told apart by
            // what they hold: whatever stands as it was sent is agreed.
            let mut snapshot = snapshot;
            if let Some((document, _)) = shown {
                snapshot.content = Content::Blocks(document);
            }
            return Ok(Trace::Partly(snapshot));
        }
        // All is as it was before. Either nothing was written, or somebody put it back.
        let mut plan = None;
        let edited = match (&update.content, shown) {
            // Properties move the time of the page, so a body is judged by its own blocks.
            (Some(ContentChange::Blocks { desired, .. }), Some((document, identified))) => {
                match BodyPlan::new(&self.client, &id, &document, identified, desired).await {
                    Ok(steps) => plan.insert(steps).touched(page.last_edited_time),
                    // What cannot be planned now (a page in the trash lists no blocks) was planned
                    // when it was sent: the page itself tells the time.
                    Err(error) if error.kind() == ErrorKind::Blocked => None,
                    Err(error) => return Err(error),
                }
                .or(page.last_edited_time)
            }
            // One request writes all properties, and its mark with them.
            _ if has_mark => None,
            _ => page.last_edited_time,
        };
        let grain = snapshot.revision.grain_seconds;
        let doubtful =
            edited.is_some_and(|edited| may_be_ours(edited, update.seen.as_ref(), sent_at, grain));
        // Our own edit before this one may be as young as that.
        let untouched = match plan.filter(|_| doubtful) {
            Some(plan) => plan.is_left_by(&bot(&self.client).await?.id),
            None => false,
        };
        Ok(if doubtful && !untouched {
            Trace::Unclear
        } else {
            Trace::NotApplied
        })
    }
}

/// Whether an edit at this rounded time can be a write that was sent at `sent_at` for the version
/// `seen`.
fn may_be_ours(
    edited: DateTime<Utc>,
    seen: Option<&SeenVersion>,
    sent_at: DateTime<Utc>,
    grain_seconds: u32,
) -> bool {
    // Both times are the service's: whatever was not edited since it was seen, was not by us.
    let old = seen.is_some_and(|seen| {
        if seen.settled {
            edited <= seen.at
        } else {
            edited < seen.at
        }
    });
    let bucket = Duration::seconds(i64::from(grain_seconds));
    !old && edited + bucket >= sent_at - Duration::seconds(SKEW_SECONDS)
}

/// What the newest pages say about a create.
enum Newest {
    /// One carries its mark.
    Marked(Box<Page>),
    /// There is no mark in the schema, and one could be it.
    Unclear,
    /// None is it.
    Nothing,
}

impl Newest {
    fn of(similar: bool) -> Self {
        if similar {
            Self::Unclear
        } else {
            Self::Nothing
        }
    }
}

fn title(page: &Page) -> Value {
    page.property("title")
        .map(property::read)
        .and_then(|reading| reading.into_field().value().cloned())
        .unwrap_or_default()
}
