//! Figures of the process and of its host, in the text format of Prometheus.

mod collector;
mod family;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use http::StatusCode;
use notion_sync_core::engine::Tick;
use notion_sync_core::http::{HttpSend, Request, Response, SendError};

pub use collector::Collector;
pub(crate) use collector::{Looked, Seen};
pub use family::{Family, Value};

use crate::watch::{Source, Watch};

/// What the process did: deliveries, answers of the services, rounds of the engine.
#[derive(Debug, Default)]
pub struct Metrics {
    counts: Mutex<Counts>,
    ticks: AtomicU64,
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

impl Metrics {
    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a delivery by how it ended.
    pub(crate) fn delivery(&self, source: Source, outcome: &'static str) {
        *self.lock().deliveries.entry((source, outcome)).or_default() += 1;
    }

    /// How many deliveries of a source ended so, by the names of `notion_sync_webhook_deliveries_total`:
    /// `accepted`, `repeated`, `ignored`, `not_stored`, the names of
    /// [`Refusal`](notion_sync_core::webhook::Refusal::name), …
    #[must_use]
    pub fn deliveries(&self, source: Source, outcome: &'static str) -> u64 {
        let counts = self.lock();
        counts
            .deliveries
            .get(&(source, outcome))
            .copied()
            .unwrap_or_default()
    }

    /// The engine looked. [`Receiver::looked`](crate::Receiver::looked) tells it.
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
    pub(crate) fn render(&self, seen: &Looked, watch: &Watch, now: DateTime<Utc>) -> String {
        let mut families = self.process();
        families.extend(sources(watch, now));
        let waiting = &seen.waiting;
        families.extend([
            Family::gauge("notion_sync_inbox_depth", "Hints that wait.").with(&[], waiting.hints),
            Family::gauge(
                "notion_sync_inbox_oldest_age_seconds",
                "Age of the oldest hint that waits.",
            )
            .with(&[], Value::Age(waiting.oldest)),
        ]);
        let mut text = String::new();
        for family in families.iter().chain(&seen.host) {
            family.write(&mut text, now);
        }
        self.successes(seen).write(&mut text, now);
        text
    }

    fn process(&self) -> Vec<Family> {
        let counts = self.lock();
        let mut deliveries = Family::counter(
            "notion_sync_webhook_deliveries_total",
            "Deliveries by how they ended.",
        );
        for ((source, outcome), count) in &counts.deliveries {
            deliveries.add(&[("source", source.name()), ("outcome", outcome)], *count);
        }
        let mut requests = Family::counter(
            "notion_sync_api_requests_total",
            "Requests to the services by class of the answer.",
        );
        for ((service, class), count) in &counts.requests {
            requests.add(&[("service", service), ("class", class)], *count);
        }
        let by_service = |name, help, values: &BTreeMap<&'static str, u64>| {
            let mut family = Family::counter(name, help);
            for service in ["notion", "github"] {
                let count = values.get(service).copied().unwrap_or_default();
                family.add(&[("service", service)], count);
            }
            family
        };
        let by_mapping = |name, help, values: &BTreeMap<String, u64>| {
            let mut family = Family::counter(name, help);
            for (mapping, count) in values {
                family.add(&[("mapping", mapping)], *count);
            }
            family
        };
        vec![
            deliveries,
            requests,
            by_service(
                "notion_sync_rate_limited_total",
                "Answers that asked to wait.",
                &counts.limited,
            ),
            by_service(
                "notion_sync_permission_errors_total",
                "Answers that refused the credential or a permission.",
                &counts.refused,
            ),
            by_mapping(
                "notion_sync_writes_total",
                "Writes that were applied.",
                &counts.applied,
            ),
            by_mapping(
                "notion_sync_run_errors_total",
                "Errors that stopped part of a run.",
                &counts.failed,
            ),
            Family::counter("notion_sync_ticks_total", "Rounds of the engine.")
                .with(&[], self.ticks.load(Ordering::Relaxed)),
        ]
    }

    fn successes(&self, seen: &Looked) -> Family {
        let mut family = Family::gauge(
            "notion_sync_last_success_timestamp_seconds",
            "When both sides were last looked at to their end without an error.",
        );
        let counts = self.lock();
        for (mapping, stored) in &seen.successes {
            // Whichever process it was.
            let own = counts.success.get(mapping).copied();
            if let Some(at) = own.max(*stored) {
                family.add(&[("mapping", mapping)], Value::Time(at));
            }
        }
        family
    }
}

fn sources(watch: &Watch, now: DateTime<Utc>) -> [Family; 3] {
    let mut families = [
        Family::gauge(
            "notion_sync_webhook_last_event_age_seconds",
            "Age of the last delivery with a right signature.",
        ),
        Family::gauge(
            "notion_sync_webhook_unannounced_changes",
            "Changes that polls found and no delivery announced, since the last delivery.",
        ),
        Family::gauge(
            "notion_sync_webhook_silent",
            "1 when polls find changes and no delivery came for longer than one may take.",
        ),
    ];
    let [ages, unannounced, silent] = &mut families;
    for source in Source::ALL {
        let (labels, heard) = ([("source", source.name())], watch.of(source));
        if heard.last_event.is_some() {
            ages.add(&labels, Value::Age(heard.last_event));
        }
        unannounced.add(&labels, heard.unannounced);
        silent.add(&labels, heard.is_silent(now));
    }
    families
}

/// Counts the answers of a service that go through it, for `notion_sync_api_requests_total` and the like:
/// what a host puts around the sender of its clients.
#[derive(Debug)]
pub struct Metered {
    inner: Arc<dyn HttpSend>,
    service: &'static str,
    metrics: Arc<Metrics>,
}

impl Metered {
    /// Counts what `inner` answers as answers of `service`, which is `notion` or `github`.
    #[must_use]
    pub fn new(
        inner: Arc<dyn HttpSend>,
        service: &'static str,
        metrics: Arc<Metrics>,
    ) -> Arc<Self> {
        Arc::new(Self {
            inner,
            service,
            metrics,
        })
    }
}

#[async_trait]
impl HttpSend for Metered {
    async fn send(&self, request: Request) -> Result<Response, SendError> {
        let answer = self.inner.send(request).await;
        self.metrics.answered(self.service, &answer);
        answer
    }
}
