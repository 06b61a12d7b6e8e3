//! Deliveries and events: limit the size, check the signature, read, make durable, answer.

use axum::body::Body;
use http::{HeaderMap, StatusCode};
use notion_sync_core::ErrorKind;
use notion_sync_core::event::ChangeEvent;
use notion_sync_core::webhook::{Refusal, only, same, text};
use notion_sync_github::webhook::HookPlace;
use notion_sync_notion::webhook::Delivery;
use secrecy::ExposeSecret as _;

use crate::answer::{Response, not_stored, plain};
use crate::receiver::Receiver;
use crate::scope::Concern;
use crate::watch::Source;

/// Largest event of another program, in bytes.
pub const MAX_EVENT_BYTES: usize = 256 * 1024;

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
        let Some(given) = only(headers, "authorization") else {
            return self.refused(Source::Events, &Refusal::Unsigned);
        };
        let bearer = match given.split_at_checked(7) {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer ") => token,
            _ => "",
        };
        if !same(token.expose_secret(), bearer) {
            return self.refused(Source::Events, &Refusal::BadSignature);
        }
        let body = match shared.bodies.read(headers, body, MAX_EVENT_BYTES).await {
            Ok(body) => body,
            Err(stop) => return self.stopped(Source::Events, &stop),
        };
        let event: Result<ChangeEvent, Refusal> = text(&body).and_then(|text| {
            serde_json::from_str(text).map_err(|_| Refusal::Malformed("no event of the schema"))
        });
        let event = match event {
            Ok(event) => event,
            Err(refusal) => return self.refused(Source::Events, &refusal),
        };
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
