//! What receivers of webhooks share: signatures over raw bytes, and why a delivery is refused.
//!
//! Pure functions on headers and bytes. The receivers themselves are in the adapters, which know
//! what each service sends; what they accept becomes a [`ChangeEvent`](crate::event::ChangeEvent).
//!
//! The order of work of a receiver: limit the size, check the signature, read, make the hint
//! durable, answer. Nothing is fetched before the answer.

use hmac::{Hmac, Mac as _};
use http::{HeaderMap, HeaderValue};
use sha2::Sha256;

/// Deepest nesting of arrays and objects in the JSON of a delivery. The recorded ones have 9.
pub const MAX_DEPTH: usize = 64;

/// Longest id of a delivery, in bytes. It is a key of the store, which takes 512.
pub const MAX_ID: usize = 200;

/// Why a delivery is refused. Never holds any of its text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// It has more bytes than are accepted.
    #[error("more than {limit} bytes")]
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// There is no secret to check it with, so nothing can be believed.
    #[error("no secret is configured")]
    NoSecret,
    /// It has no signature.
    #[error("not signed")]
    Unsigned,
    /// Its signature is not one, or belongs to other bytes or another secret.
    #[error("the signature does not match")]
    BadSignature,
    /// It is signed, and is not what the service sends.
    #[error("cannot be read: {0}")]
    Malformed(&'static str),
    /// Its body is of a media type that the service does not send.
    #[error("unknown content type")]
    ContentType,
    /// It is older than any delivery can be: somebody sends it again.
    #[error("too old")]
    Stale,
    /// A handshake, while another token is in place.
    #[error("a handshake is not accepted: a token is in place")]
    Handshake,
}

impl Refusal {
    /// The status to answer with, always 4xx: trying again does not help.
    #[must_use]
    pub fn status(&self) -> http::StatusCode {
        match self {
            Self::TooLarge { .. } => http::StatusCode::PAYLOAD_TOO_LARGE,
            Self::NoSecret | Self::Unsigned | Self::BadSignature => http::StatusCode::UNAUTHORIZED,
            Self::Malformed(_) | Self::Stale => http::StatusCode::BAD_REQUEST,
            Self::ContentType => http::StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Handshake => http::StatusCode::FORBIDDEN,
        }
    }

    /// A short name, stable, for metrics.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "too_large",
            Self::NoSecret => "no_secret",
            Self::Unsigned => "unsigned",
            Self::BadSignature => "bad_signature",
            Self::Malformed(_) => "malformed",
            Self::ContentType => "content_type",
            Self::Stale => "stale",
            Self::Handshake => "handshake_refused",
        }
    }
}

/// The one value of a header; `None` when it is missing, given twice, or no visible ASCII.
#[must_use]
pub fn only<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => HeaderValue::to_str(value).ok(),
        _ => None,
    }
}

/// Whether a header's value is a text that can be an id of a delivery.
#[must_use]
pub fn is_id(text: &str) -> bool {
    !text.is_empty() && text.len() <= MAX_ID && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Checks `sha256=<64 hexadecimal digits>` (either case) against HMAC-SHA256 of the raw bytes,
/// under any of `secrets`; empty ones are left out. Each comparison takes constant time.
///
/// # Errors
///
/// [`Refusal::NoSecret`], [`Refusal::Unsigned`] or [`Refusal::BadSignature`].
pub fn verify<'s>(
    signature: Option<&str>,
    body: &[u8],
    secrets: impl IntoIterator<Item = &'s str>,
) -> Result<(), Refusal> {
    let mut secrets = secrets
        .into_iter()
        .filter(|secret| !secret.is_empty())
        .peekable();
    if secrets.peek().is_none() {
        return Err(Refusal::NoSecret);
    }
    let signature = signature.ok_or(Refusal::Unsigned)?;
    let given = digest(signature).ok_or(Refusal::BadSignature)?;
    // Every secret is tried, so that the time tells nothing about which one matches.
    let mut matches = false;
    for secret in secrets {
        matches |= mac(secret, body).verify_slice(&given).is_ok();
    }
    if matches {
        Ok(())
    } else {
        Err(Refusal::BadSignature)
    }
}

/// Whether two texts are equal, in a time that does not depend on where they differ.
#[must_use]
pub fn same(one: &str, other: &str) -> bool {
    // Comparing keyed digests hides lengths too.
    let digest = mac("notion-sync", one.as_bytes()).finalize().into_bytes();
    mac("notion-sync", other.as_bytes())
        .verify_slice(&digest)
        .is_ok()
}

/// The text of a body that nests no deeper than [`MAX_DEPTH`].
///
/// # Errors
///
/// [`Refusal::Malformed`] when it is no UTF-8 or nests deeper.
pub fn text(body: &[u8]) -> Result<&str, Refusal> {
    let text = std::str::from_utf8(body).map_err(|_| Refusal::Malformed("not UTF-8"))?;
    let (mut depth, mut quoted, mut escaped) = (0_usize, false, false);
    for byte in text.bytes() {
        if quoted {
            quoted = escaped || byte != b'"';
            escaped = !escaped && byte == b'\\';
            continue;
        }
        match byte {
            b'"' => quoted = true,
            b'[' | b'{' => {
                depth += 1;
                if depth > MAX_DEPTH {
                    return Err(Refusal::Malformed("nested too deeply"));
                }
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    Ok(text)
}

fn mac(secret: &str, body: &[u8]) -> Hmac<Sha256> {
    // HMAC takes keys of any length, so this never fails; an empty key would match nothing signed.
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes())
        .unwrap_or_else(|_| Hmac::<Sha256>::new(&Default::default()));
    mac.update(body);
    mac
}

fn digest(signature: &str) -> Option<[u8; 32]> {
    let digits = signature.strip_prefix("sha256=")?.as_bytes();
    if digits.len() != 64 {
        return None;
    }
    let mut out = [0; 32];
    for (byte, pair) in out.iter_mut().zip(digits.chunks_exact(2)) {
        let [high, low] = pair else { return None };
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some(out)
}

fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// The example of GitHub's documentation.
    const SECRET: &str = "It's a Secret to Everybody";
    const BODY: &[u8] = b"Hello, World!";
    const SIGNATURE: &str =
        "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";

    #[test]
    fn the_published_signature_is_accepted() {
        assert_eq!(verify(Some(SIGNATURE), BODY, [SECRET]), Ok(()));
        let upper = SIGNATURE.to_uppercase().replace("SHA256", "sha256");
        assert_eq!(verify(Some(&upper), BODY, [SECRET]), Ok(()));
        // During a rotation either secret will do, in any order.
        assert_eq!(verify(Some(SIGNATURE), BODY, ["new", SECRET]), Ok(()));
        assert_eq!(verify(Some(SIGNATURE), BODY, [SECRET, "old"]), Ok(()));
    }

    #[test]
    fn everything_else_is_refused() {
        let bad = Err(Refusal::BadSignature);
        assert_eq!(verify(Some(SIGNATURE), b"Hello, World?", [SECRET]), bad);
        assert_eq!(verify(Some(SIGNATURE), BODY, ["other"]), bad);
        for signature in [
            "",
            "sha256=",
            "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
            "sha1=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
            "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e1",
            "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e1700",
            "sha256=g57107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
            "sha256=é57107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e1",
        ] {
            assert_eq!(verify(Some(signature), BODY, [SECRET]), bad, "{signature}");
        }
        assert_eq!(verify(None, BODY, [SECRET]), Err(Refusal::Unsigned));
        assert_eq!(verify(Some(SIGNATURE), BODY, []), Err(Refusal::NoSecret));
        assert_eq!(verify(Some(SIGNATURE), BODY, [""]), Err(Refusal::NoSecret));
    }

    #[test]
    fn a_header_counts_once() {
        let mut headers = HeaderMap::new();
        assert_eq!(only(&headers, "x-a"), None);
        headers.append("x-a", HeaderValue::from_static("1"));
        assert_eq!(only(&headers, "x-a"), Some("1"));
        headers.append("x-a", HeaderValue::from_static("2"));
        assert_eq!(only(&headers, "x-a"), None);
    }

    #[test]
    fn nesting_is_limited_and_counts_no_text() {
        let deep = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert!(text(deep(MAX_DEPTH).as_bytes()).is_ok());
        assert!(text(deep(MAX_DEPTH + 1).as_bytes()).is_err());
        let quoted = format!("{{\"a\\\"\": \"{}\\\\\"}}", "[".repeat(1000));
        assert!(text(quoted.as_bytes()).is_ok());
        assert!(text(&deep(3_000_000).into_bytes()).is_err());
        assert!(text(b"\"\xff\"").is_err());
    }

    #[test]
    fn texts_are_compared_as_a_whole() {
        assert!(same("token", "token"));
        assert!(!same("token", "token "));
        assert!(!same("", "token"));
    }
}
