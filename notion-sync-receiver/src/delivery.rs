//! Deliveries and events: limit the size, check the signature, read, make durable, answer.

use axum::body::Body;
use http::{HeaderMap, StatusCode};
use notion_sync_core::ErrorKind;
use notion_sync_core::event::{ChangeEvent, EVENT_VERSION};
use notion_sync_core::webhook::{Refusal, is_id, only, same, text};
use notion_sync_github::webhook::HookPlace;
use notion_sync_notion::webhook::Delivery;
use secrecy::ExposeSecret as _;
use serde::Deserialize;
use serde_json::Value;

use crate::answer::{Response, not_stored, plain};
use crate::receiver::Receiver;
use crate::scope::Concern;
use crate::watch::Source;

/// Largest event of another program, in bytes.
pub const MAX_EVENT_BYTES: usize = 256 * 1024;

/// What is looked at first of an event.
#[derive(Debug, Deserialize)]
struct Version {
    #[serde(default)]
    version: u32,
}

/// Which field keeps a text from being an event. Only names of the schema are said, nothing of what
/// was sent.
fn unfit(text: &str) -> String {
    let Ok(event) = serde_json::from_str::<serde_json::Map<String, Value>>(text) else {
        return "no JSON object".to_owned();
    };
    // What each of them takes is told by an event in which all the others are right.
    let right = serde_json::json!({
        "version": EVENT_VERSION, "id": "event", "side": "notion", "mapping": null,
        "detected": "request", "detected_at": "2026-01-01T00:00:00Z", "occurred_at": null,
        "object": {"system": "notion", "kind": "page", "id": "page"}, "event": null,
        "revision": null, "actors": [], "people": null, "changed": {},
    });
    let required = ["id", "side", "detected", "detected_at", "object"];
    let fields: Vec<&str> = right.as_object().map_or(Vec::new(), |right| {
        right.keys().map(String::as_str).collect()
    });
    let missing = required.iter().find(|name| !event.contains_key(**name));
    if let Some(name) = missing {
        return format!("no event of the schema: field `{name}` is missing");
    }
    let odd = fields.iter().find(|name| {
        let mut one = right.clone();
        let Some(value) = event.get(**name) else {
            return false;
        };
        one[**name] = value.clone();
        serde_json::from_value::<ChangeEvent>(one).is_err()
    });
    match odd {
        Some(name) => {
            format!("no event of the schema: field `{name}` does not hold what it should")
        }
        None => "no event of the schema".to_owned(),
    }
}

impl Receiver {
    pub(crate) async fn notion(&self, headers: &HeaderMap, body: Body) -> Response {
        let shared = &self.shared;
        let limit = shared.limits.notion;
        let body = match shared.bodies.read(headers, body, limit).await {
            Ok(body) => body,
            Err(stop) => return self.stopped(Source::Notion, &stop),
        };
        let now = shared.clock.now();
        let mut received = self.hook().receive(headers, &body, now);
        if matches!(received, Err(Refusal::NoSecret | Refusal::BadSignature))
            && self.may_ask(now)
            && self.learn_token().await.is_some()
        {
            received = self.hook().receive(headers, &body, now);
        }
        let event = match received {
            Ok(Delivery::Event(event)) => event,
            Ok(Delivery::Handshake(handshake)) => return self.handshake(handshake, now).await,
            Err(refusal) => return self.refused(Source::Notion, &refusal),
        };
        drop(body);
        shared.watch.heard(Source::Notion, now);
        let hint = event.change(now);
        let concern = shared.scope.notion(&event);
        self.take(Source::Notion, hint, concern, StatusCode::OK)
            .await
    }

    pub(crate) async fn github(&self, headers: &HeaderMap, body: Body) -> Response {
        let shared = &self.shared;
        let limit = shared.limits.github;
        let body = match shared.bodies.read(headers, body, limit).await {
            Ok(body) => body,
            Err(stop) => return self.stopped(Source::Github, &stop),
        };
        let now = shared.clock.now();
        let delivery = match shared.github.receive(headers, &body) {
            Ok(delivery) => delivery,
            Err(refusal) => return self.refused(Source::Github, &refusal),
        };
        drop(body);
        shared.watch.heard(Source::Github, now);
        if let Some(place) = HookPlace::of(&delivery) {
            shared.watch.hook(place);
        }
        let hint = delivery.change(now);
        let concern = shared.scope.github(&delivery);
        self.take(Source::Github, hint, concern, StatusCode::ACCEPTED)
            .await
    }

    pub(crate) async fn event(&self, headers: &HeaderMap, body: Body) -> Response {
        let shared = &self.shared;
        // Who may not send anything does not get to send much.
        let Some(token) = &shared.events else {
            return self.refused(Source::Events, &Refusal::NoSecret);
        };
        let given = only(headers, "authorization");
        let bearer = given.and_then(|given| match given.split_at_checked(7) {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer ") => Some(token),
            _ => None,
        });
        let Some(bearer) = bearer else {
            let why = "no bearer token: send `Authorization: Bearer` with the token for events";
            return self.refused_with(Source::Events, &Refusal::Unsigned, why);
        };
        if !same(token.expose_secret(), bearer) {
            let why = "wrong bearer token";
            return self.refused_with(Source::Events, &Refusal::BadSignature, why);
        }
        let body = match shared.bodies.read(headers, body, MAX_EVENT_BYTES).await {
            Ok(body) => body,
            Err(stop) => return self.stopped(Source::Events, &stop),
        };
        let text = match text(&body) {
            Ok(text) => text,
            Err(refusal) => return self.refused(Source::Events, &refusal),
        };
        let malformed = |why: &str| {
            let refusal = Refusal::Malformed("no event of the schema");
            self.refused_with(Source::Events, &refusal, why)
        };
        // A newer version may look different everywhere else.
        let version = serde_json::from_str::<Version>(text).map(|event| event.version);
        if let Ok(version) = version
            && version > EVENT_VERSION
        {
            return malformed(&format!("version {version} is newer than {EVENT_VERSION}"));
        }
        let event: ChangeEvent = match serde_json::from_str(text) {
            Ok(event) => event,
            Err(_) => return malformed(&unfit(text)),
        };
        if !is_id(&event.id) {
            return malformed("field `id`: empty, too long, or not visible ASCII");
        }
        if let Some(named) = &event.mapping
            && !shared.scope.has(named)
        {
            let refusal = Refusal::Malformed("no mapping has this name");
            return self.refused(Source::Events, &refusal);
        }
        shared.watch.heard(Source::Events, shared.clock.now());
        let concern = event.mapping.clone().map_or(Concern::All, Concern::One);
        self.take(Source::Events, Some(event), concern, StatusCode::ACCEPTED)
            .await
    }

    /// Makes a hint durable, then answers.
    async fn take(
        &self,
        source: Source,
        hint: Option<ChangeEvent>,
        concern: Concern,
        accepted: StatusCode,
    ) -> Response {
        let metrics = &self.shared.metrics;
        let mut hint = match (hint, &concern) {
            (Some(hint), Concern::One(_) | Concern::All) => hint,
            (None, _) | (_, Concern::Nobody) => {
                metrics.delivery(source, "ignored");
                return plain(accepted, "nothing here depends on it");
            }
        };
        if let Concern::One(mapping) = concern {
            hint.mapping = Some(mapping);
        }
        match self.shared.inbox.take(hint).await {
            Ok(true) => {
                metrics.delivery(source, "accepted");
                plain(accepted, "taken")
            }
            Ok(false) => {
                metrics.delivery(source, "repeated");
                plain(accepted, "known already")
            }
            Err(ErrorKind::Invalid) => {
                self.refused(source, &Refusal::Malformed("it cannot be kept"))
            }
            Err(_) => {
                metrics.delivery(source, "not_stored");
                tracing::error!(source = source.name(), "a hint could not be stored");
                not_stored()
            }
        }
    }
}
