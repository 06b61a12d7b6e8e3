//! Content hashes: BLAKE3 of a canonical form under a domain tag.

use std::fmt;
use std::io::BufWriter;

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

impl fmt::Display for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.0 {
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.short(12))
    }
}

impl Serialize for ContentHash {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ContentHash {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let mut out = [0_u8; 32];
        if text.len() != 64 || !text.is_ascii() {
            return Err(serde::de::Error::custom(
                "a content hash has 64 hexadecimal digits",
            ));
        }
        for (index, byte) in out.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[index * 2..index * 2 + 2], 16)
                .map_err(serde::de::Error::custom)?;
        }
        Ok(Self(out))
    }
}
