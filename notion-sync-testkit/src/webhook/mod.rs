//! Webhooks of the emulated services: signed deliveries as data, and a channel that loses, doubles
//! and reorders them.
//!
//! [`NotionHook`] and [`GithubHook`] look at an emulator and give the deliveries for what changed
//! since they looked last, as the services do after they put edits together. Whoever runs the
//! receiver sends them, through a [`Channel`] where deliveries shall go wrong.
//!
//! Signatures are made here, not with the code that checks them.

mod channel;
mod github;
mod notion;

use std::fmt::Write as _;

use bytes::Bytes;
use hmac::{Hmac, Mac as _};
use http::{HeaderMap, HeaderName, HeaderValue};
use sha2::Sha256;

pub use channel::{Channel, Trouble};
pub use github::GithubHook;
pub use notion::NotionHook;

/// One delivery, ready to be sent to a receiver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Its id.
    pub id: String,
    /// Headers, the signature among them.
    pub headers: HeaderMap,
    /// The body as it is signed.
    pub body: Bytes,
}

/// `sha256=` and the hexadecimal HMAC-SHA256 of the bytes.
#[must_use]
pub fn sign(secret: &str, body: &[u8]) -> String {
    let mut out = String::from("sha256=");
    // HMAC takes a key of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else {
        return out;
    };
    mac.update(body);
    for byte in mac.finalize().into_bytes() {
        // Writing to a string cannot fail.
        let _ = write!(out, "{byte:02x}");
    }
    out
}

impl Delivery {
    /// A delivery of Notion.
    #[must_use]
    pub fn notion(secret: &str, id: &str, body: impl Into<Bytes>) -> Self {
        let body = body.into();
        let mut headers = HeaderMap::new();
        put(&mut headers, "content-type", "application/json");
        put(&mut headers, "user-agent", "notion-api");
        put(&mut headers, "x-notion-signature", &sign(secret, &body));
        Self {
            id: id.to_owned(),
            headers,
            body,
        }
    }

    /// A delivery of GitHub with its JSON as the body.
    #[must_use]
    pub fn github(secret: &str, id: &str, event: &str, body: impl Into<Bytes>) -> Self {
        Self::sent_by_github(secret, id, event, "application/json", body.into())
    }

    /// A delivery of GitHub with its JSON in a form.
    #[must_use]
    pub fn github_form(secret: &str, id: &str, event: &str, json: &[u8]) -> Self {
        let mut body = String::from("payload=");
        for byte in json {
            match byte {
                b' ' => body.push('+'),
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'*' => {
                    body.push(char::from(*byte));
                }
                other => {
                    let _ = write!(body, "%{other:02X}");
                }
            }
        }
        let media = "application/x-www-form-urlencoded";
        Self::sent_by_github(secret, id, event, media, body.into())
    }

    fn sent_by_github(secret: &str, id: &str, event: &str, media: &str, body: Bytes) -> Self {
        let mut headers = HeaderMap::new();
        put(&mut headers, "content-type", media);
        put(&mut headers, "user-agent", "GitHub-Hookshot/emulated");
        put(&mut headers, "x-github-event", event);
        put(&mut headers, "x-github-delivery", id);
        put(&mut headers, "x-github-hook-id", "1");
        put(&mut headers, "x-hub-signature-256", &sign(secret, &body));
        Self {
            id: id.to_owned(),
            headers,
            body,
        }
    }

    /// Sets a header to another value.
    #[must_use]
    pub fn with_header(mut self, name: &'static str, value: &str) -> Self {
        put(&mut self.headers, name, value);
        self
    }
}

fn put(headers: &mut HeaderMap, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(HeaderName::from_static(name), value);
    }
}

/// The id of the `number`th delivery under a seed: a UUID, always the same.
fn delivery_id(seed: &str, number: u64) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"webhook delivery\0");
    hasher.update(seed.as_bytes());
    hasher.update(&number.to_le_bytes());
    let hex = hasher.finalize().to_hex();
    let hex = hex.as_str();
    let parts = [
        hex.get(0..8),
        hex.get(8..12),
        hex.get(12..16),
        hex.get(16..20),
        hex.get(20..32),
    ];
    parts.map(Option::unwrap_or_default).join("-")
}
