//! Webhooks of Notion: the handshake, signatures, events, and the hints they give.
//!
//! Everything here is a function of headers, bytes and a time. A receiver limits the size, calls
//! [`NotionWebhook::receive`], makes [`Event::change`] durable, and answers:
//!
//! ```
//! use http::HeaderMap;
//! use notion_sync_core::event::ChangeEvent;
//! use notion_sync_core::webhook::Refusal;
//! use notion_sync_notion::webhook::{Delivery, NotionWebhook};
//!
//! fn hint(hook: &NotionWebhook, headers: &HeaderMap, body: &[u8]) -> Result<Option<ChangeEvent>, Refusal> {
//!     let now = std::time::SystemTime::now().into();
//!     Ok(match hook.receive(headers, body, now)? {
//!         // Nobody's token is in place: keep this one, and show it to the operator.
//!         Delivery::Handshake(handshake) if !handshake.known => None,
//!         Delivery::Handshake(_) => None,
//!         Delivery::Event(event) => event.change(now),
//!     })
//! }
//! # assert!(hint(&NotionWebhook::default(), &HeaderMap::new(), b"{}").is_err());
//! ```

mod event;

use std::fmt;

use chrono::{DateTime, Duration, Utc};
use http::HeaderMap;
use notion_sync_core::webhook::{Refusal, only, same, text, verify};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

pub use event::{Author, BlockRef, Entity, Event, EventKind, Parent, UpdatedProperty};

/// The header with the signature.
pub const SIGNATURE: &str = "x-notion-signature";

/// Largest delivery that is accepted, in bytes, unless set otherwise. Events hold ids only.
pub const MAX_BYTES: usize = 1 << 20;

/// Oldest event that is accepted, unless set otherwise: Notion gives up about 24 hours after it.
pub const MAX_AGE: Duration = Duration::hours(25);

/// A verification token has about 50 characters.
const MAX_TOKEN: usize = 200;

/// Tells what a delivery is, with the secrets it may be signed with.
///
/// The secret of a subscription is its verification token. During a rotation both tokens count.
#[derive(Clone)]
pub struct NotionWebhook {
    secrets: Vec<SecretString>,
    max_bytes: usize,
    max_age: Duration,
}

impl Default for NotionWebhook {
    fn default() -> Self {
        Self::new([])
    }
}

impl fmt::Debug for NotionWebhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NotionWebhook")
            .field("secrets", &self.secrets.len())
            .field("max_bytes", &self.max_bytes)
            .field("max_age", &self.max_age)
            .finish()
    }
}

/// What arrived.
#[derive(Debug, Clone)]
pub enum Delivery {
    /// The first request of a subscription, with its token.
    Handshake(Handshake),
    /// Something happened.
    Event(Box<Event>),
}

/// The first request of a subscription. A person has to paste its token into the settings of the
/// connection; the token signs everything that follows.
#[derive(Debug, Clone)]
pub struct Handshake {
    /// The token. Not signed by anything: whoever knows the address can send one.
    pub token: SecretString,
    /// Whether it is a token that is in place already: somebody asked Notion to send it again.
    pub known: bool,
}

#[derive(Deserialize)]
struct HandshakeBody {
    verification_token: Option<String>,
    #[serde(rename = "type")]
    kind: Option<serde::de::IgnoredAny>,
}

impl NotionWebhook {
    /// A receiver that knows these tokens; empty ones are left out. Without any it accepts nothing
    /// but a handshake.
    #[must_use]
    pub fn new(secrets: impl IntoIterator<Item = SecretString>) -> Self {
        Self {
            secrets: secrets
                .into_iter()
                .filter(|secret| !secret.expose_secret().is_empty())
                .collect(),
            max_bytes: MAX_BYTES,
            max_age: MAX_AGE,
        }
    }

    /// Sets the largest delivery in bytes.
    #[must_use]
    pub fn with_max_bytes(mut self, bytes: usize) -> Self {
        self.max_bytes = bytes;
        self
    }

    /// Sets the age of the oldest event. Ids of deliveries have to be kept for as long.
    #[must_use]
    pub fn with_max_age(mut self, age: Duration) -> Self {
        self.max_age = age;
        self
    }

    /// Whether it has a token.
    #[must_use]
    pub fn is_verified(&self) -> bool {
        !self.secrets.is_empty()
    }

    /// Tells what a delivery is that arrived `now`.
    ///
    /// A handshake is answered only while no token is known, or with a token that is known:
    /// otherwise anybody could plant a key.
    ///
    /// # Errors
    ///
    /// Why it is refused, with the status to answer.
    pub fn receive(
        &self,
        headers: &HeaderMap,
        body: &[u8],
        now: DateTime<Utc>,
    ) -> Result<Delivery, Refusal> {
        if body.len() > self.max_bytes {
            return Err(Refusal::TooLarge {
                limit: self.max_bytes,
            });
        }
        let secrets = self.secrets.iter().map(ExposeSecret::expose_secret);
        let verified = verify(only(headers, SIGNATURE), body, secrets);
        // A handshake may come unsigned or signed with the token that it brings.
        if verified.is_err()
            && let Some(handshake) = self.handshake(body)?
        {
            return Ok(Delivery::Handshake(handshake));
        }
        verified?;
        let text = text(body)?;
        if let Some(handshake) = self.handshake(body)? {
            return Ok(Delivery::Handshake(handshake));
        }
        let event = Event::parse(text)?;
        if now - event.timestamp > self.max_age {
            return Err(Refusal::Stale);
        }
        Ok(Delivery::Event(Box::new(event)))
    }

    /// The handshake that a body is; an error when it is one and is not accepted.
    fn handshake(&self, body: &[u8]) -> Result<Option<Handshake>, Refusal> {
        if body.len() > MAX_TOKEN * 2 {
            return Ok(None);
        }
        let Ok(HandshakeBody {
            verification_token: Some(token),
            kind: None,
        }) = serde_json::from_slice(body)
        else {
            return Ok(None);
        };
        let usable = !token.is_empty()
            && token.len() <= MAX_TOKEN
            && token.bytes().all(|byte| byte.is_ascii_graphic());
        if !usable {
            return Err(Refusal::Malformed("no verification token"));
        }
        let mut known = false;
        for secret in &self.secrets {
            known |= same(secret.expose_secret(), &token);
        }
        if !known && self.is_verified() {
            return Err(Refusal::Handshake);
        }
        Ok(Some(Handshake {
            token: SecretString::from(token),
            known,
        }))
    }
}
