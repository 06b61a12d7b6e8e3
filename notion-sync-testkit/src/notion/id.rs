//! Ids of everything Notion stores.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A 128-bit id, printed as a dashed lower-case UUID.
///
/// New ids look like the service's current ones (version 8), but any 32 hexadecimal digits with or
/// without dashes are an id, as at the service.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NotionId(u128);

/// The text is not an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a Notion id: {0:?}")]
pub struct NotAnId(pub String);

impl NotionId {
    /// The id that belongs to a label under a seed. The same label gives the same id, always.
    #[must_use]
    pub fn derived(seed: u64, label: &str) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(b"notion id\0");
        hasher.update(&seed.to_le_bytes());
        hasher.update(label.as_bytes());
        let mut bytes = [0u8; 16];
        hasher.finalize_xof().fill(&mut bytes);
        bytes[6] = 0x80 | (bytes[6] & 0x0f);
        bytes[8] = 0x80 | (bytes[8] & 0x3f);
        Self(u128::from_be_bytes(bytes))
    }

    /// The 32 digits without dashes, as they stand in URLs.
    #[must_use]
    pub fn hex(self) -> String {
        format!("{:032x}", self.0)
    }

    /// The last id-like run in a URL, a `user://` reference or a bare id.
    #[must_use]
    pub fn in_url(url: &str) -> Option<Self> {
        let url = url.trim().trim_start_matches("{{").trim_end_matches("}}");
        // A block link carries the block behind `#`; the path names the page, the query a row.
        let (before, fragment) = url.split_once('#').unwrap_or((url, ""));
        if let Some(id) = Self::last_in(fragment) {
            return Some(id);
        }
        let (path, query) = before.split_once('?').unwrap_or((before, ""));
        let row = query.split('&').find_map(|pair| pair.strip_prefix("p="));
        row.and_then(Self::last_in).or_else(|| Self::last_in(path))
    }

    fn last_in(text: &str) -> Option<Self> {
        let digits: Vec<u8> = text.bytes().filter(|byte| *byte != b'-').collect();
        let tail = digits.get(digits.len().checked_sub(32)?..)?;
        std::str::from_utf8(tail).ok()?.parse().ok()
    }
}

impl FromStr for NotionId {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<Self, NotAnId> {
        let wrong = || NotAnId(text.chars().take(80).collect());
        let bytes = text.as_bytes();
        let dashed = match bytes.len() {
            32 => false,
            36 => true,
            _ => return Err(wrong()),
        };
        let mut value = 0u128;
        for (index, byte) in bytes.iter().enumerate() {
            if dashed && matches!(index, 8 | 13 | 18 | 23) {
                if *byte != b'-' {
                    return Err(wrong());
                }
                continue;
            }
            let digit = (*byte as char).to_digit(16).ok_or_else(wrong)?;
            value = (value << 4) | u128::from(digit);
        }
        Ok(Self(value))
    }
}

impl fmt::Display for NotionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hex = self.hex();
        write!(
            f,
            "{}-{}-{}-{}-{}",
            &hex[..8],
            &hex[8..12],
            &hex[12..16],
            &hex[16..20],
            &hex[20..]
        )
    }
}

impl fmt::Debug for NotionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for NotionId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for NotionId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_are_one_id() {
        let id = NotionId::derived(7, "page");
        let text = id.to_string();
        assert_eq!(text.len(), 36);
        assert_eq!(&text[14..15], "8");
        assert_eq!(text.parse::<NotionId>(), Ok(id));
        assert_eq!(id.hex().to_uppercase().parse::<NotionId>(), Ok(id));
        assert_ne!(id, NotionId::derived(8, "page"));
    }

    #[test]
    fn what_is_not_an_id() {
        for text in [
            "",
            "AAA",
            "0123456789abcdef0123456789abcdeg",
            "0123456789abcdef0123456789abcdef0",
            "01234567-89ab-cdef-0123456789abcdef00",
            "é123456789abcdef0123456789abcde",
        ] {
            assert!(text.parse::<NotionId>().is_err(), "{text}");
        }
    }

    #[test]
    fn ids_in_urls() {
        let (page, block) = (NotionId::derived(1, "p"), NotionId::derived(1, "b"));
        for url in [
            format!("https://app.notion.com/p/Road-map-{}", page.hex()),
            format!("https://www.notion.so/{}", page.hex()),
            format!("user://{page}"),
            format!("{{{{user://{page}}}}}"),
            format!(
                "https://app.notion.com/p/{}?v={}&p={}",
                block.hex(),
                block.hex(),
                page.hex()
            ),
            format!("https://app.notion.com/p/{}#{}", block.hex(), page.hex()),
        ] {
            assert_eq!(NotionId::in_url(&url), Some(page), "{url}");
        }
        assert_eq!(NotionId::in_url("https://example.org/"), None);
    }
}
