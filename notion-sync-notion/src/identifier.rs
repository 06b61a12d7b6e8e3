//! Ids of pages, blocks and users, and ids of properties.

use std::fmt::Write as _;

/// The canonical spelling of an id: 32 hexadecimal digits, lower case, dashed 8-4-4-4-12.
///
/// Accepts the dashed and the undashed spelling in either case. The version nibble is not looked
/// at: Notion's ids are not plain version 4.
#[must_use]
pub fn canonical(id: &str) -> Option<String> {
    let id = id.trim();
    let dashed = id.len() == 36;
    if !dashed && id.len() != 32 {
        return None;
    }
    let mut out = String::with_capacity(36);
    for (index, byte) in id.bytes().enumerate() {
        if dashed && matches!(index, 8 | 13 | 18 | 23) {
            if byte != b'-' {
                return None;
            }
            continue;
        }
        if !byte.is_ascii_hexdigit() {
            return None;
        }
        if matches!(out.len(), 8 | 13 | 18 | 23) {
            out.push('-');
        }
        out.push(char::from(byte.to_ascii_lowercase()));
    }
    (out.len() == 36).then_some(out)
}

/// The canonical spelling where it is an id, else the text as it is.
#[must_use]
pub fn canonical_or_same(id: &str) -> String {
    canonical(id).unwrap_or_else(|| id.to_owned())
}

/// The id that an address of a page carries: query `p`, else the end of the path.
#[must_use]
pub fn from_url(url: &str) -> Option<String> {
    let (path, query) = url.split_once('?').unwrap_or((url, ""));
    let query = query.split('#').next().unwrap_or_default();
    if let Some(id) = query
        .split('&')
        .find_map(|pair| pair.strip_prefix("p="))
        .and_then(canonical)
    {
        return Some(id);
    }
    let last = path
        .split('#')
        .next()
        .unwrap_or_default()
        .trim_end_matches('/')
        .rsplit('/')
        .next()
        .unwrap_or_default();
    if let Some(id) = canonical(last) {
        return Some(id);
    }
    let start = last.len().checked_sub(32)?;
    last.get(start..).and_then(canonical)
}

/// Decodes the percent encoding of a property id once. An id that does not decode to UTF-8 stays
/// as it is.
#[must_use]
pub fn decode_property(id: &str) -> String {
    if !id.contains('%') {
        return id.to_owned();
    }
    let bytes = id.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut index = 0;
    while let Some(&byte) = bytes.get(index) {
        let digits = bytes.get(index + 1..index + 3).and_then(|pair| {
            let text = std::str::from_utf8(pair).ok()?;
            if text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
                u8::from_str_radix(text, 16).ok()
            } else {
                None
            }
        });
        match (byte, digits) {
            (b'%', Some(value)) => {
                out.push(value);
                index += 3;
            }
            _ => {
                out.push(byte);
                index += 1;
            }
        }
    }
    String::from_utf8(out).unwrap_or_else(|_| id.to_owned())
}

/// Percent-encodes everything but unreserved characters: for one path segment or query value.
#[must_use]
pub fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            out.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0123abcd-4567-89ef-0123-456789abcdef";

    #[test]
    fn ids_have_one_spelling() {
        let plain = ID.replace('-', "");
        for (given, wanted) in [
            (ID, Some(ID)),
            (plain.as_str(), Some(ID)),
            (&ID.to_uppercase(), Some(ID)),
            ("", None),
            ("0123abcd-4567-89ef-0123-456789abcde", None),
            ("0123abcd+4567-89ef-0123-456789abcdef", None),
            ("0123abcd-4567-89ef-0123-456789abcdeg", None),
            ("..%2f../0123456789abcdef0123456789ab", None),
            ("éééééééééééééééé", None),
        ] {
            assert_eq!(canonical(given).as_deref(), wanted, "{given}");
        }
    }

    #[test]
    fn addresses_name_pages() {
        let plain = ID.replace('-', "");
        for url in [
            format!("https://app.notion.com/p/Road-map-{plain}"),
            format!("https://www.notion.so/{plain}"),
            format!("https://app.notion.com/p/{plain}?v=1#x"),
            format!("https://app.notion.com/p/ffffffffffffffffffffffffffffffff?v=1&p={plain}"),
            format!("https://site.notion.site/Über-{plain}/"),
        ] {
            assert_eq!(from_url(&url).as_deref(), Some(ID), "{url}");
        }
        assert_eq!(from_url("https://app.notion.com/p/x"), None);
        assert_eq!(from_url(""), None);
    }

    #[test]
    fn property_ids_are_decoded_once() {
        for (given, wanted) in [
            ("title", "title"),
            ("f%5C%5C%3Ap", "f\\\\:p"),
            ("%25%33", "%3"),
            ("%zz%4", "%zz%4"),
            ("%ff", "%ff"),
            ("%", "%"),
            ("é%20", "é "),
        ] {
            assert_eq!(decode_property(given), wanted, "{given}");
        }
        assert_eq!(encode("f\\\\:p"), "f%5C%5C%3Ap");
        assert_eq!(encode("../a b"), "..%2Fa%20b");
    }
}
