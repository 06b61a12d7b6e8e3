//! What the seam knows of endpoints: which were asked, what struck them, what they answered before.

use std::collections::BTreeMap;

use chrono::{DateTime, Duration, Utc};
use notion_sync_core::bounds::Bounds;
use notion_sync_core::http::{Request, Response};
use notion_sync_core::id::Side;
use notion_sync_testkit::simulation::Harm;
use serde_json::Value;

use super::cells::{Asked, Cells, Squalls, commits_late};
use super::endpoint::endpoint;
use super::script::Script;

/// Items on a page of a list that adapters ask for.
const PAGE: u32 = 100;

/// What the seam knows of endpoints.
#[derive(Debug)]
pub(super) struct Aimed {
    pub(super) cells: Cells,
    squalls: Squalls,
    page: Option<u32>,
    late: u32,
    /// Whether lists may be stale in this world.
    stale: bool,
    lists: BTreeMap<String, (DateTime<Utc>, Response)>,
}

impl Aimed {
    /// Nothing was asked yet.
    pub(super) fn new(script: &Script) -> Self {
        Self {
            cells: Cells::default(),
            squalls: Squalls::new(script.seed, script.spared.clone()),
            page: script.knobs.page,
            late: script.knobs.late,
            stale: script.is_aimed(),
            lists: BTreeMap::new(),
        }
    }

    /// The request as it reaches the service, which puts fewer items on a page than were asked for.
    pub(super) fn shorten(&self, request: &mut Request) {
        let Some(page) = self.page else { return };
        let uri = request.uri().to_string();
        let mut next = uri.clone();
        for name in ["per_page", "page_size"] {
            next = next.replace(&format!("{name}={PAGE}"), &format!("{name}={page}"));
        }
        if next != uri
            && let Ok(next) = next.parse()
        {
            *request.uri_mut() = next;
        }
        if request.uri().path().ends_with("/query")
            && let Ok(Value::Object(mut body)) = serde_json::from_slice(request.body())
            && body.contains_key("page_size")
        {
            body.insert("page_size".to_owned(), page.into());
            *request.body_mut() = Value::Object(body).to_string().into();
        }
    }

    /// Counts a request.
    pub(super) fn asked(&mut self, side: Side, request: &Request, writes: bool) -> Asked {
        let asked = Asked {
            endpoint: endpoint(side, request),
            writes,
            late: commits_late(side, self.late),
        };
        self.cells.asked(&asked);
        asked
    }

    /// What strikes a request.
    pub(super) fn strike(&mut self, asked: &Asked) -> Option<Harm> {
        self.squalls.strike(asked, &mut self.cells)
    }

    /// Remembers the answer to a list; says whether there is an older one that differs.
    fn remember(
        &mut self,
        request: &Request,
        answer: &Response,
        now: DateTime<Utc>,
    ) -> Option<Response> {
        if answer.status() != 200 || !is_list(answer.body()) {
            return None;
        }
        let key = format!(
            "{} {} {}",
            request.method(),
            request.uri(),
            blake3::hash(request.body()).to_hex()
        );
        let since = now - Duration::seconds(i64::from(Bounds::default().visibility));
        let older = self
            .lists
            .get(&key)
            .filter(|(at, old)| *at >= since && old.body() != answer.body());
        let older = older.map(|(_, old)| old.clone());
        // Of several older ones the oldest is kept as long as it may still be shown.
        if older.is_none() {
            self.lists.insert(key, (now, answer.clone()));
        }
        older
    }

    /// The answer as who asked hears it: that of a while ago where a list is stale.
    pub(super) fn heard(
        &mut self,
        asked: &Asked,
        request: &Request,
        answer: Response,
        stormy: bool,
        now: DateTime<Utc>,
    ) -> (Response, bool) {
        if asked.writes || !self.stale {
            return (answer, false);
        }
        let older = self.remember(request, &answer, now);
        match older {
            Some(older) if stormy && self.squalls.stale(asked, &mut self.cells) => {
                self.cells.struck(asked, Harm::Stale);
                (older, true)
            }
            _ => (answer, false),
        }
    }
}

/// Whether an answer is a list: an array, or one of Notion's.
fn is_list(body: &[u8]) -> bool {
    match serde_json::from_slice(body) {
        Ok(Value::Array(_)) => true,
        Ok(Value::Object(body)) => body.get("object").is_some_and(|object| object == "list"),
        _ => false,
    }
}

/// A 429 that does not say how long to wait, as the services also send them.
pub(super) fn unsaid(answer: &mut Response) {
    answer.headers_mut().remove("retry-after");
    if let Ok(Value::Object(mut body)) = serde_json::from_slice(answer.body())
        && body.remove("additional_data").is_some()
    {
        *answer.body_mut() = Value::Object(body).to_string().into();
    }
}
