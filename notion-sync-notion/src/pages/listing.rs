//! Listing the pages of a data source.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use chrono::{DateTime, Duration, DurationRound, SecondsFormat, Utc};
use notion_sync_core::remote::{Cursor, ListRequest, Listing};
use notion_sync_core::snapshot::Snapshot;
use notion_sync_core::{Error, ErrorKind, Result};
use serde_json::{Map, Value as Json, json};

use super::NotionPages;
use super::tracing::SKEW_SECONDS;
use crate::client::{Endpoint, PAGE_SIZE};
use crate::wire::{Fields, Page};

/// How long a listing that the rate budget stopped may be taken up again.
const STOPPED_MINUTES: i64 = 30;
/// More property ids than this would make the address too long: then all are read.
const MAX_FILTERED: usize = 100;
/// How often a listing starts a query again because the service forgot its cursor.
const MAX_RESTARTS: u32 = 3;
/// How far a cursor may be ahead of the time of an answer.
const AHEAD: Duration = Duration::minutes(1);

/// A listing under way.
#[derive(Debug)]
pub(super) struct Scan {
    request: ListRequest,
    started: DateTime<Utc>,
    /// What the order goes by: a time that never changes for full listings, the time of the last
    /// edit for changes.
    key: &'static str,
    /// Where the present query starts.
    from: Option<DateTime<Utc>>,
    /// The service's own cursor within the present query.
    cursor: Option<String>,
    /// When the first of its queries was answered, by the service's clock.
    answered: Option<DateTime<Utc>>,
    /// The same of the last one.
    now: Option<DateTime<Utc>>,
    /// Whether it began again, because its cursor is ahead of that clock.
    ahead: bool,
    /// The newest edit that the service showed.
    newest: Option<DateTime<Utc>>,
    /// Whether `newest` follows the items, or was found before a full listing began.
    follow: bool,
    /// The key of the last row seen.
    last: Option<DateTime<Utc>>,
    items: BTreeMap<String, Snapshot>,
    order: Vec<String>,
    complete: bool,
    /// How often the service forgot its cursor.
    restarts: u32,
}

impl Scan {
    /// A time, but not one that the service's clock has not reached. Its servers differ a little.
    fn within(&self, time: DateTime<Utc>) -> DateTime<Utc> {
        match self.now {
            Some(now) if time - now > AHEAD => now,
            _ => time,
        }
    }
}

fn text(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}

fn parse_cursor(cursor: &Cursor) -> Result<Option<DateTime<Utc>>> {
    if cursor.0.is_empty() {
        return Ok(None);
    }
    DateTime::parse_from_rfc3339(&cursor.0)
        .map(|time| Some(time.to_utc()))
        .map_err(|_| {
            Error::new(ErrorKind::Invalid, "list pages")
                .message("the cursor is not one of this data source")
                .remedy("list from the beginning")
        })
}

impl NotionPages {
    /// Property ids that a query asks for; empty asks for all.
    fn query_properties(&self, schema: &crate::wire::DataSource) -> Vec<String> {
        let Some(wanted) = &self.settings.wanted else {
            return Vec::new();
        };
        let bookkeeping = self.bookkeeping(schema);
        let ids: BTreeSet<String> = schema
            .properties
            .iter()
            .map(|property| property.id.as_str())
            .filter(|id| wanted.contains(*id) || *id == "title")
            .chain(bookkeeping.ids())
            .filter(|id| !id.is_empty())
            .map(str::to_owned)
            .collect();
        if ids.len() > MAX_FILTERED {
            Vec::new()
        } else {
            ids.into_iter().collect()
        }
    }

    /// The newest edit time that a query shows.
    async fn newest_edit(&self) -> Result<Option<DateTime<Utc>>> {
        let body = json!({
            "sorts": [{"timestamp": "last_edited_time", "direction": "descending"}],
            "page_size": 1,
        });
        let list = self
            .client
            .page_of(&Endpoint::query(
                &self.data_source,
                &["title".to_owned()],
                body,
            )?)
            .await?;
        Ok(list
            .results
            .first()
            .and_then(|raw| Page::of_raw(raw).ok())
            .and_then(|page| page.last_edited_time))
    }

    fn take_stopped(&self, request: &ListRequest) -> Option<Scan> {
        let mut stopped = self.stopped.lock().unwrap_or_else(PoisonError::into_inner);
        stopped.take().filter(|scan| {
            scan.request == *request
                && self.client.now() - scan.started < Duration::minutes(STOPPED_MINUTES)
        })
    }

    pub(super) async fn list_pages(&self, request: ListRequest) -> Result<Listing> {
        let schema = self.known_schema().await?;
        let mut scan = match self.take_stopped(&request) {
            Some(scan) => scan,
            None => self.start(request).await?,
        };
        let properties = self.query_properties(&schema);
        loop {
            match self.step(&mut scan, &schema, &properties).await {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => {
                    if error.kind() == ErrorKind::RateLimited {
                        *self.stopped.lock().unwrap_or_else(PoisonError::into_inner) = Some(scan);
                    }
                    return Err(error);
                }
            }
        }
        let before = scan
            .request
            .cursor
            .clone()
            .unwrap_or_else(|| Cursor(String::new()));
        // Whatever was edited before `visibility` ago has been shown. Without this the edits of one
        // busy hour would be listed again with every query until somebody edits something else.
        let shown = (scan.answered).map(|answered| answered - self.visibility());
        let old = parse_cursor(&before)?;
        let cursor = match scan.newest.max(shown) {
            Some(reached) if scan.complete => {
                // Never backward: a page may have left the listing. Never ahead of the service's clock:
                // what is edited until then would not be listed.
                let reached = scan.within(reached);
                let old = old.filter(|old| scan.within(*old) == *old);
                Cursor(text(old.map_or(reached, |old| old.max(reached))))
            }
            _ => before.clone(),
        };
        let mut alerts = Vec::new();
        if old.is_some_and(|old| scan.within(old) != old) {
            alerts.push(format!(
                "what was listed last is dated {}, after Notion's own time: listed again from there",
                before.0
            ));
        }
        let mut items = scan.items;
        Ok(Listing {
            continues: false,
            items: scan
                .order
                .iter()
                .filter_map(|id| items.remove(id))
                .collect(),
            gone: Vec::new(),
            cursor,
            complete: scan.complete,
            touched: Vec::new(),
            alerts,
        })
    }

    /// After how long a query surely shows an edit: as it is set, or twice of what was measured.
    fn visibility(&self) -> Duration {
        let measured = 2 * i64::from(self.lag.load(Ordering::Relaxed));
        self.settings.visibility.max(Duration::seconds(measured))
    }

    /// How far successive queries overlap: the bucket of edit times and the skew of clocks come on top of what
    /// was measured.
    fn overlap(&self) -> Duration {
        let lag = self.lag.load(Ordering::Relaxed);
        if lag == 0 {
            return self.settings.overlap;
        }
        let measured = 2 * i64::from(lag) + i64::from(self.settings.grain) + SKEW_SECONDS;
        self.settings.overlap.max(Duration::seconds(measured))
    }

    async fn start(&self, request: ListRequest) -> Result<Scan> {
        let since = match &request.cursor {
            Some(cursor) => parse_cursor(cursor)?,
            None => None,
        };
        let (key, from, newest) = if request.full {
            // The time of the last edit moves rows while they are listed; the time of creation
            // does not. What is edited meanwhile is newer than what was newest before.
            ("created_time", None, self.newest_edit().await?)
        } else {
            let from = since.and_then(|since| self.begin_at(since));
            ("last_edited_time", from, None)
        };
        Ok(Scan {
            follow: !request.full,
            request,
            started: self.client.now(),
            key,
            from,
            cursor: None,
            answered: None,
            now: None,
            ahead: false,
            newest,
            last: None,
            items: BTreeMap::new(),
            order: Vec::new(),
            complete: true,
            restarts: 0,
        })
    }

    /// Where a listing of what changed since begins.
    fn begin_at(&self, since: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let minute = since.duration_trunc(Duration::minutes(1)).unwrap_or(since);
        minute.checked_sub_signed(self.overlap())
    }

    /// Reads one page of the listing. `false` when there is no more.
    async fn step(
        &self,
        scan: &mut Scan,
        schema: &crate::wire::DataSource,
        properties: &[String],
    ) -> Result<bool> {
        let mut body = Map::new();
        if let Some(from) = scan.from {
            body.insert(
                "filter".to_owned(),
                json!({"timestamp": scan.key, scan.key: {"on_or_after": text(from)}}),
            );
        }
        body.insert(
            "sorts".to_owned(),
            json!([{"timestamp": scan.key, "direction": "ascending"}]),
        );
        body.insert("page_size".to_owned(), json!(PAGE_SIZE));
        if let Some(cursor) = &scan.cursor {
            body.insert("start_cursor".to_owned(), json!(cursor));
        }
        let observed_at = self.client.now();
        let endpoint = Endpoint::query(&self.data_source, properties, Json::Object(body))?;
        let list = match self.client.page_of(&endpoint).await {
            // The service forgot its cursor: the present query starts again. Rows are told by id.
            Err(error) if error.kind() == ErrorKind::Invalid && scan.cursor.is_some() => {
                scan.restarts += 1;
                if scan.restarts > MAX_RESTARTS {
                    return Err(error);
                }
                scan.cursor = None;
                scan.from = scan.last.or(scan.from);
                return Ok(true);
            }
            other => other?,
        };
        scan.answered = scan.answered.or(list.answered_at);
        scan.now = scan.now.max(list.answered_at);
        if scan.follow
            && !scan.ahead
            && let Some(since) = scan
                .request
                .cursor
                .as_ref()
                .map(parse_cursor)
                .transpose()?
                .flatten()
            && scan.within(since) != since
        {
            // Nothing before that time would be shown.
            scan.ahead = true;
            scan.from = scan.now.and_then(|now| self.begin_at(now));
            scan.cursor = None;
            return Ok(true);
        }
        for raw in &list.results {
            let object = Fields::of(raw);
            let kind = (object.as_ref().ok()).and_then(|object| object.get::<String>("object"));
            if kind.is_some_and(|kind| kind != "page") {
                continue;
            }
            match object.and_then(Page::of) {
                Ok(page) if !page.is_partial() => {
                    scan.last = if scan.key == "created_time" {
                        page.created_time
                    } else {
                        page.last_edited_time
                    };
                    if scan.follow {
                        scan.newest = scan.newest.max(page.last_edited_time);
                    }
                    let snapshot = self.snapshot(&page, schema, observed_at);
                    if scan.items.insert(page.id.clone(), snapshot).is_none() {
                        scan.order.push(page.id);
                    }
                }
                _ => scan.complete = false,
            }
        }
        if let Some(next) = list.next_cursor {
            if scan.cursor.as_ref() == Some(&next) {
                scan.complete = false;
                return Ok(false);
            }
            scan.cursor = Some(next);
            return Ok(true);
        }
        scan.cursor = None;
        if !list.incomplete {
            return Ok(false);
        }
        // The cap of a query: go on from the last row. That fails only when all rows up to the cap
        // share one minute.
        if scan.last.is_none() || scan.last <= scan.from {
            scan.complete = false;
            return Ok(false);
        }
        scan.from = scan.last;
        Ok(true)
    }
}
