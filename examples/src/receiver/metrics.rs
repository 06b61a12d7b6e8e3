//! Figures of the process and of the store, in the text format of Prometheus.

use std::collections::BTreeMap;
use std::fmt::{Display, Write as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use chrono::{DateTime, Duration, Utc};
use http::StatusCode;
use notion_sync_core::engine::Tick;
use notion_sync_core::http::{HttpSend, Request, Response, SendError};
use notion_sync_core::id::MappingId;
use notion_sync_core::state::{State, Waiting};
use notion_sync_core::store::Store;

use super::watch::{Source, Watch};
use crate::commands::standing::{self, MappingStanding};
use crate::exit::Failure;

/// How long what the store says is shown before it is asked again: it reads every record.
const FRESH: Duration = Duration::seconds(10);

/// What the process did.
#[derive(Debug, Default)]
pub struct Served {
    counts: Mutex<Counts>,
    ticks: AtomicU64,
    looked: tokio::sync::Mutex<Option<(DateTime<Utc>, Looked)>>,
}

#[derive(Debug, Default)]
struct Counts {
    deliveries: BTreeMap<(Source, &'static str), u64>,
    requests: BTreeMap<(&'static str, &'static str), u64>,
    limited: BTreeMap<&'static str, u64>,
    refused: BTreeMap<&'static str, u64>,
    applied: BTreeMap<String, u64>,
    failed: BTreeMap<String, u64>,
    success: BTreeMap<String, DateTime<Utc>>,
}

#[derive(Debug, Clone)]
struct Looked {
    standings: Vec<MappingStanding>,
    waiting: Waiting,
}

impl Served {
    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a delivery by how it ended.
    pub fn delivery(&self, source: Source, outcome: &'static str) {
        *self.lock().deliveries.entry((source, outcome)).or_default() += 1;
    }

    /// How many deliveries of a source ended so.
    #[must_use]
    pub fn deliveries(&self, source: Source, outcome: &'static str) -> u64 {
        let counts = self.lock();
        counts
            .deliveries
            .get(&(source, outcome))
            .copied()
            .unwrap_or_default()
    }

    /// The engine looked.
    pub fn looked(&self, tick: &Tick, now: DateTime<Utc>) {
        self.ticks.fetch_add(1, Ordering::Relaxed);
        let mut counts = self.lock();
        for report in &tick.mappings {
            let name = report.mapping.to_string();
            let number = |count: usize| u64::try_from(count).unwrap_or_default();
            *counts.applied.entry(name.clone()).or_default() += number(report.applied.len());
            *counts.failed.entry(name.clone()).or_default() += number(report.errors.len());
            // What another worker has, is frozen, waits or was not due yet was not looked at.
            if report.complete && report.errors.is_empty() && report.guard.is_none() {
                counts.success.insert(name, now);
            }
        }
    }

    fn answered(&self, service: &'static str, answer: &Result<Response, SendError>) {
        let mut counts = self.lock();
        let class = match answer {
            Err(SendError::NotSent(_) | SendError::HeldBack(_)) => "not_sent",
            Err(SendError::NoAnswer(_)) => "no_answer",
            Ok(response) => match response.status().as_u16() {
                200..=299 => "2xx",
                300..=399 => "3xx",
                400..=499 => "4xx",
                _ => "5xx",
            },
        };
        *counts.requests.entry((service, class)).or_default() += 1;
        let Ok(response) = answer else { return };
        let headers = response.headers();
        let exhausted = headers
            .get("x-ratelimit-remaining")
            .is_some_and(|value| value == "0");
        let limited = match response.status() {
            StatusCode::TOO_MANY_REQUESTS => true,
            StatusCode::FORBIDDEN => exhausted || headers.contains_key("retry-after"),
            _ => false,
        };
        if limited {
            *counts.limited.entry(service).or_default() += 1;
        } else if matches!(
            response.status(),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN
        ) {
            *counts.refused.entry(service).or_default() += 1;
        }
    }

    /// Everything as text.
    pub(super) async fn render<'m>(
        &self,
        store: &dyn Store,
        mappings: impl Iterator<Item = &'m MappingId>,
        watch: &Watch,
        now: DateTime<Utc>,
    ) -> Result<String, Failure> {
        let looked = self.look(store, mappings, now).await?;
        let mut text = Text::default();
        self.render_process(&mut text);
        render_sources(&mut text, watch, now);
        self.render_store(&mut text, &looked, now);
        Ok(text.0)
    }

    async fn look<'m>(
        &self,
        store: &dyn Store,
        mappings: impl Iterator<Item = &'m MappingId>,
        now: DateTime<Utc>,
    ) -> Result<Looked, Failure> {
        // Held while looking: whoever comes second is given what the first one saw.
        let mut known = self.looked.lock().await;
        if let Some((at, looked)) = &*known
            && now < *at + FRESH
        {
            return Ok(looked.clone());
        }
        let mut standings = Vec::new();
        for mapping in mappings {
            standings.push(standing::mapping(mapping.as_str(), store).await?);
        }
        let looked = Looked {
            standings,
            waiting: State::new(store).waiting().await?,
        };
        *known = Some((now, looked.clone()));
        Ok(looked)
    }

    fn render_process(&self, text: &mut Text) {
        let counts = self.lock();
        text.family(
            "notion_sync_webhook_deliveries_total",
            "counter",
            "Deliveries by how they ended.",
        );
        for ((source, outcome), count) in &counts.deliveries {
            text.line(&[("source", source.name()), ("outcome", outcome)], count);
        }
        text.family(
            "notion_sync_api_requests_total",
            "counter",
            "Requests to the services by class of the answer.",
        );
        for ((service, class), count) in &counts.requests {
            text.line(&[("service", service), ("class", class)], count);
        }
        let by_service = [
            (
                "notion_sync_rate_limited_total",
                "Answers that asked to wait.",
                &counts.limited,
            ),
            (
                "notion_sync_permission_errors_total",
                "Answers that refused the credential or a permission.",
                &counts.refused,
            ),
        ];
        for (name, help, values) in by_service {
            text.family(name, "counter", help);
            for service in ["notion", "github"] {
                let count = values.get(service).copied().unwrap_or_default();
                text.line(&[("service", service)], count);
            }
        }
        let by_mapping = [
            (
                "notion_sync_writes_total",
                "Writes that were applied.",
                &counts.applied,
            ),
            (
                "notion_sync_run_errors_total",
                "Errors that stopped part of a run.",
                &counts.failed,
            ),
        ];
        for (name, help, values) in by_mapping {
            text.family(name, "counter", help);
            for (mapping, count) in values {
                text.line(&[("mapping", mapping)], count);
            }
        }
        text.family(
            "notion_sync_ticks_total",
            "counter",
            "Rounds of the engine.",
        );
        text.line(&[], self.ticks.load(Ordering::Relaxed));
    }

    fn render_store(&self, text: &mut Text, looked: &Looked, now: DateTime<Utc>) {
        let age = |at: Option<DateTime<Utc>>| at.map_or(0.0, |at| seconds(now - at));
        text.family("notion_sync_inbox_depth", "gauge", "Hints that wait.");
        text.line(&[], looked.waiting.hints);
        text.family(
            "notion_sync_inbox_oldest_age_seconds",
            "gauge",
            "Age of the oldest hint that waits.",
        );
        text.line(&[], age(looked.waiting.oldest));
        type Gauge = (&'static str, &'static str, fn(&MappingStanding) -> usize);
        let gauges: [Gauge; 7] = [
            (
                "notion_sync_pairs",
                "Pairs that are kept the same.",
                |one| one.live,
            ),
            (
                "notion_sync_queue_depth",
                "Writes that are not final.",
                |one| one.open_operations,
            ),
            (
                "notion_sync_blocked",
                "Writes that wait for a person.",
                |one| one.blocked,
            ),
            (
                "notion_sync_dead_letters",
                "Writes that were set aside.",
                |one| one.dead,
            ),
            (
                "notion_sync_conflicts_open",
                "Pairs with open conflicts.",
                |one| one.conflicts,
            ),
            (
                "notion_sync_drift",
                "Pairs that contradict the registry.",
                |one| one.drift,
            ),
            (
                "notion_sync_sentinels_failing",
                "Sides whose sentinel cannot be read, on which nothing is taken for deleted.",
                |one| one.doubts.len(),
            ),
        ];
        for (name, help, value) in gauges {
            text.family(name, "gauge", help);
            for one in &looked.standings {
                text.line(&[("mapping", &one.mapping)], value(one));
            }
        }
        text.family(
            "notion_sync_failed_attempts",
            "gauge",
            "Attempts that failed, or have no answer yet, of writes that are not final.",
        );
        for one in &looked.standings {
            text.line(&[("mapping", &one.mapping)], one.attempts);
        }
        text.family(
            "notion_sync_queue_oldest_age_seconds",
            "gauge",
            "Age of the oldest write that is not final.",
        );
        for one in &looked.standings {
            text.line(&[("mapping", &one.mapping)], age(one.oldest_operation));
        }
        text.family(
            "notion_sync_guard_stopped",
            "gauge",
            "1 while the guard waits for an approval.",
        );
        for one in &looked.standings {
            let stopped = u8::from(one.guarded.is_some());
            text.line(&[("mapping", &one.mapping)], stopped);
        }
        text.family(
            "notion_sync_last_success_timestamp_seconds",
            "gauge",
            "When both sides were last looked at to their end without an error.",
        );
        let counts = self.lock();
        for one in &looked.standings {
            // Whichever process it was.
            let own = counts.success.get(&one.mapping).copied();
            if let Some(at) = own.max(one.last_success) {
                text.line(&[("mapping", &one.mapping)], at.timestamp());
            }
        }
    }
}

fn render_sources(text: &mut Text, watch: &Watch, now: DateTime<Utc>) {
    let all = Source::ALL.map(|source| (source.name(), watch.of(source)));
    text.family(
        "notion_sync_webhook_last_event_age_seconds",
        "gauge",
        "Age of the last delivery with a right signature.",
    );
    for (name, heard) in &all {
        if let Some(at) = heard.last_event {
            text.line(&[("source", name)], seconds(now - at));
        }
    }
    text.family(
        "notion_sync_webhook_unannounced_changes",
        "gauge",
        "Changes that polls found and no delivery announced, since the last delivery.",
    );
    for (name, heard) in &all {
        text.line(&[("source", name)], heard.unannounced);
    }
    text.family(
        "notion_sync_webhook_silent",
        "gauge",
        "1 when polls find changes and no delivery came for longer than one may take.",
    );
    for (name, heard) in &all {
        text.line(&[("source", name)], u8::from(heard.is_silent(now)));
    }
}

fn seconds(span: Duration) -> f64 {
    // A double holds the milliseconds of 285,000 years.
    #[allow(clippy::cast_precision_loss)]
    let millis = span.num_milliseconds() as f64;
    millis / 1_000.0
}

/// Text in the format of Prometheus.
#[derive(Debug, Default)]
struct Text(String, &'static str);

impl Text {
    fn family(&mut self, name: &'static str, kind: &str, help: &str) {
        self.1 = name;
        // Writing to a string cannot fail.
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn line(&mut self, labels: &[(&str, &str)], value: impl Display) {
        self.0.push_str(self.1);
        for (index, (name, label)) in labels.iter().enumerate() {
            let before = if index == 0 { '{' } else { ',' };
            let label = label
                .replace('\\', "\\\\")
                .replace('"', "\\\"")
                .replace('\n', "\\n");
            let _ = write!(self.0, "{before}{name}=\"{label}\"");
        }
        let end = if labels.is_empty() { "" } else { "}" };
        let _ = writeln!(self.0, "{end} {value}");
    }
}

/// Counts the answers that go through it.
#[derive(Debug)]
pub struct Metered {
    inner: Arc<dyn HttpSend>,
    service: &'static str,
    served: Arc<Served>,
}

impl Metered {
    /// Counts what `inner` answers as answers of `service`.
    #[must_use]
    pub fn new(inner: Arc<dyn HttpSend>, service: &'static str, served: Arc<Served>) -> Arc<Self> {
        Arc::new(Self {
            inner,
            service,
            served,
        })
    }
}

#[async_trait]
impl HttpSend for Metered {
    async fn send(&self, request: Request) -> Result<Response, SendError> {
        let answer = self.inner.send(request).await;
        self.served.answered(self.service, &answer);
        answer
    }
}
