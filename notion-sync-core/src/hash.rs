//! Content hashes: BLAKE3 of a canonical form under a domain tag.

use std::fmt;
use std::io::BufWriter;

use serde::de::{self, Visitor};
use serde::{Deserialize, Serialize};

/// Bytes that are collected before they are hashed.
const BUFFER_BYTES: usize = 2048;

/// The hash of a value in canonical form. Printed as 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContentHash([u8; 32]);

impl ContentHash {
    /// Hashes the canonical serialisation of `value` under the domain tag `domain`.
    ///
    /// The serialisation is JSON; types that are hashed use ordered maps only, so equal values
    /// always give equal bytes.
    pub fn of<T: Serialize + ?Sized>(domain: &str, value: &T) -> Self {
        // The serialiser writes a few bytes at a time, the hasher likes many.
        let hasher = blake3::Hasher::new_derive_key(domain);
        let mut writer = BufWriter::with_capacity(BUFFER_BYTES, hasher);
        // Serialising our own types into a hasher cannot fail: no I/O, no map with non-string keys.
        let written = serde_json::to_writer(&mut writer, value).is_ok();
        let Ok(mut hasher) = writer.into_inner() else {
            return Self([0; 32]);
        };
        if !written {
            hasher.update(b"\0unserialisable");
        }
        Self(*hasher.finalize().as_bytes())
    }

    /// Hashes bytes under a domain tag.
    #[must_use]
    pub fn of_bytes(domain: &str, bytes: &[u8]) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key(domain);
        hasher.update(bytes);
        Self(*hasher.finalize().as_bytes())
    }

    /// The raw hash.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The first `n` hexadecimal digits, for people.
    #[must_use]
    pub fn short(&self, n: usize) -> String {
        self.to_string().chars().take(n).collect()
    }
}

impl ContentHash {
    /// Gives the 64 digits to `take`. Hashes are most of what a record is made of: not one formatted
    /// digit at a time.
    fn digits<T>(&self, take: impl FnOnce(&str) -> T) -> T {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut text = [0_u8; 64];
        for (pair, byte) in text.chunks_exact_mut(2).zip(self.0) {
            pair[0] = DIGITS[usize::from(byte >> 4)];
            pair[1] = DIGITS[usize::from(byte & 15)];
        }
        take(std::str::from_utf8(&text).unwrap_or_default())
    }
}

impl fmt::Display for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.digits(|text| f.write_str(text))
    }
}

impl fmt::Debug for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.short(12))
    }
}

impl Serialize for ContentHash {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.digits(|text| serializer.serialize_str(text))
    }
}

/// Reads a hash from text that the input lends.
struct Digits;

impl Visitor<'_> for Digits {
    type Value = ContentHash;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a content hash: 64 hexadecimal digits")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<ContentHash, E> {
        let digit = |byte: u8| match byte {
            b'0'..=b'9' => Some(byte - b'0'),
            b'a'..=b'f' => Some(byte - b'a' + 10),
            b'A'..=b'F' => Some(byte - b'A' + 10),
            _ => None,
        };
        let invalid = || E::invalid_value(de::Unexpected::Other("another text"), &self);
        if text.len() != 64 {
            return Err(invalid());
        }
        let mut out = [0_u8; 32];
        for (byte, pair) in out.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            let (high, low) = (digit(pair[0]), digit(pair[1]));
            *byte = (high.zip(low))
                .map(|(high, low)| high << 4 | low)
                .ok_or_else(invalid)?;
        }
        Ok(ContentHash(out))
    }
}

impl<'de> Deserialize<'de> for ContentHash {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Digits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_written_and_read_as_64_digits() {
        let hash = ContentHash(std::array::from_fn(|at| u8::try_from(at * 8).unwrap()));
        let text = "0008101820283038404850586068707880889098a0a8b0b8c0c8d0d8e0e8f0f8";
        assert_eq!(hash.to_string(), text);
        let json = serde_json::to_string(&hash).unwrap();
        assert_eq!(json, format!("\"{text}\""));
        let read = |json: &str| serde_json::from_str::<ContentHash>(json);
        assert_eq!(read(&json).unwrap(), hash);
        assert_eq!(read(&json.to_uppercase()).unwrap(), hash);
        // Escaped digits are digits.
        assert_eq!(read(&json.replacen('0', "\\u0030", 1)).unwrap(), hash);
        for wrong in [
            json.replacen('0', "", 1),
            json.replacen('0', "00", 1),
            json.replacen('0', "g", 1),
            json.replacen('0', "+", 1),
            json.replacen("00", "é", 1),
            "7".to_owned(),
        ] {
            assert!(read(&wrong).is_err(), "{wrong}");
        }
    }
}
