//! Webhooks of GitHub: signatures, both content types, events, and the hints they give; and the
//! list of deliveries that failed.
//!
//! Receiving is a function of headers and bytes. A receiver limits the size, calls
//! [`GithubWebhook::receive`], makes [`Delivery::change`] durable, and answers:
//!
//! ```
//! use bytes::Bytes;
//! use http::HeaderMap;
//! use notion_sync_core::event::ChangeEvent;
//! use notion_sync_core::webhook::Refusal;
//! use notion_sync_github::webhook::GithubWebhook;
//!
//! fn hint(hook: &GithubWebhook, headers: &HeaderMap, body: &[u8]) -> Result<Option<ChangeEvent>, Refusal> {
//!     Ok(hook.receive(headers, body)?.change(std::time::SystemTime::now().into()))
//! }
//! # assert!(hint(&GithubWebhook::default(), &HeaderMap::new(), b"{}").is_err());
//! ```

mod change;
mod deliveries;
mod delivery;
mod payload;

use std::borrow::Cow;
use std::fmt;

use http::HeaderMap;
use notion_sync_core::webhook::{Refusal, is_id, only, text, verify};
use secrecy::{ExposeSecret, SecretString};

pub use deliveries::{Attempt, CatchUp, Deliveries, HookPlace};
pub use delivery::{Delivery, EventKind, Hook};
pub use payload::{Payload, Repository, Sender};

/// The header with the signature.
pub const SIGNATURE: &str = "x-hub-signature-256";
/// The header with the id of the delivery.
pub const DELIVERY: &str = "x-github-delivery";
/// The header with the name of the event.
pub const EVENT: &str = "x-github-event";

/// Largest delivery that is accepted, in bytes, unless set otherwise: GitHub sends none above
/// 25 MB. The form encoding of JSON may take up to three times that.
pub const MAX_BYTES: usize = 25 << 20;

/// Tells what a delivery is, with the secrets it may be signed with. During a rotation both count.
#[derive(Clone)]
pub struct GithubWebhook {
    secrets: Vec<SecretString>,
    max_bytes: usize,
}

impl Default for GithubWebhook {
    fn default() -> Self {
        Self::new([])
    }
}

impl fmt::Debug for GithubWebhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GithubWebhook")
            .field("secrets", &self.secrets.len())
            .field("max_bytes", &self.max_bytes)
            .finish()
    }
}

impl GithubWebhook {
    /// A receiver that knows these secrets; empty ones are left out. Without any it accepts nothing.
    #[must_use]
    pub fn new(secrets: impl IntoIterator<Item = SecretString>) -> Self {
        Self {
            secrets: secrets
                .into_iter()
                .filter(|secret| !secret.expose_secret().is_empty())
                .collect(),
            max_bytes: MAX_BYTES,
        }
    }

    /// Sets the largest delivery in bytes.
    #[must_use]
    pub fn with_max_bytes(mut self, bytes: usize) -> Self {
        self.max_bytes = bytes;
        self
    }

    /// Tells what a delivery is.
    ///
    /// Nothing in a delivery says when it was sent, so one that is sent again under its own id is
    /// recognised by the inbox, and one under another id is one more hint to look.
    ///
    /// # Errors
    ///
    /// Why it is refused, with the status to answer.
    pub fn receive(&self, headers: &HeaderMap, body: &[u8]) -> Result<Delivery, Refusal> {
        if body.len() > self.max_bytes {
            return Err(Refusal::TooLarge {
                limit: self.max_bytes,
            });
        }
        let secrets = self.secrets.iter().map(ExposeSecret::expose_secret);
        verify(only(headers, SIGNATURE), body, secrets)?;
        let id = only(headers, DELIVERY)
            .filter(|id| is_id(id))
            .ok_or(Refusal::Malformed("no id of a delivery"))?;
        let event = only(headers, EVENT)
            .filter(|event| is_id(event))
            .ok_or(Refusal::Malformed("no name of an event"))?;
        let json = json(headers, body)?;
        Delivery::parse(id, event, Hook::of(headers), text(&json)?)
    }
}

/// The JSON of a body: the body itself, or the field `payload` of a form.
fn json<'b>(headers: &HeaderMap, body: &'b [u8]) -> Result<Cow<'b, [u8]>, Refusal> {
    let media = only(headers, "content-type").ok_or(Refusal::ContentType)?;
    let media = media.split(';').next().unwrap_or_default().trim();
    if media.eq_ignore_ascii_case("application/json") {
        return Ok(Cow::Borrowed(body));
    }
    if !media.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return Err(Refusal::ContentType);
    }
    let encoded = body
        .split(|byte| *byte == b'&')
        .find_map(|pair| pair.strip_prefix(b"payload="))
        .ok_or(Refusal::Malformed("the form has no payload"))?;
    decode(encoded)
        .map(Cow::Owned)
        .ok_or(Refusal::Malformed("the form is not encoded properly"))
}

/// Decodes the value of a form strictly.
fn decode(encoded: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(encoded.len());
    let mut bytes = encoded.iter();
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || char::from(*bytes.next()?).to_digit(16);
                u8::try_from(digit()? << 4 | digit()?).ok()?
            }
            other => *other,
        });
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_decoded_strictly() {
        for (given, wanted) in [
            ("%7B%22a%22%3a+1%7D", Some("{\"a\": 1}")),
            ("", Some("")),
            ("plain", Some("plain")),
            ("%", None),
            ("%4", None),
            ("%zz", None),
        ] {
            let wanted = wanted.map(|text| text.as_bytes().to_vec());
            assert_eq!(decode(given.as_bytes()), wanted, "{given}");
        }
    }
}
