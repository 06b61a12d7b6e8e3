//! How Notion names things in URLs: ids, pages, blocks, hosted files.

/// Where links to pages lead. Older answers say `https://www.notion.so/`.
pub(crate) const PAGE_BASE: &str = "https://app.notion.com/p/";

/// An id in dashed lower case where it is a UUID in any spelling; else the text as it is.
pub(crate) fn normal_id(id: &str) -> String {
    let normal = |(at, b): (usize, u8)| match at {
        8 | 13 | 18 | 23 => b == b'-',
        _ => matches!(b, b'0'..=b'9' | b'a'..=b'f'),
    };
    if id.len() == 36 && id.bytes().enumerate().all(normal) {
        return id.to_owned();
    }
    let compact: String = id.chars().filter(|c| *c != '-').collect();
    if compact.len() == 32 && compact.bytes().all(|b| b.is_ascii_hexdigit()) {
        dashed(&compact)
    } else {
        id.to_owned()
    }
}

/// 32 hexadecimal digits as a dashed UUID.
fn dashed(compact: &str) -> String {
    let mut out = String::with_capacity(36);
    for (at, c) in compact.chars().enumerate() {
        if matches!(at, 8 | 12 | 16 | 20) {
            out.push('-');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}

/// The id in dashed form when `text` is one UUID and nothing else.
pub(crate) fn as_uuid(text: &str) -> Option<String> {
    let compact: String = text.chars().filter(|c| *c != '-').collect();
    let plausible = text.len() == 32 || text.len() == 36;
    (plausible && compact.len() == 32 && compact.bytes().all(|b| b.is_ascii_hexdigit()))
        .then(|| dashed(&compact))
}

/// The id that a URL of Notion names: the last UUID in it (a block's stands behind `#`). Accepts
/// `user://…`, `collection://…`, page URLs with a title in front of the id, and `{{…}}` around it.
pub(crate) fn id_of_url(url: &str) -> Option<String> {
    let url = url.trim().trim_start_matches("{{").trim_end_matches("}}");
    let main = url.split('?').next().unwrap_or_default();
    let fragment = url.split('#').nth(1).unwrap_or_default();
    for part in [fragment, main.split('#').next().unwrap_or_default()] {
        if let Some(id) = trailing_uuid(part.trim_end_matches('/')) {
            return Some(id);
        }
    }
    None
}

/// A UUID at the end of `text`, dashed or not.
fn trailing_uuid(text: &str) -> Option<String> {
    let tail: Vec<char> = text
        .chars()
        .rev()
        .take_while(|c| c.is_ascii_hexdigit() || *c == '-')
        .take(36)
        .collect();
    let mut compact = String::with_capacity(32);
    for c in tail {
        if c != '-' {
            compact.push(c);
        }
        if compact.len() == 32 {
            break;
        }
    }
    if compact.len() < 32 {
        return None;
    }
    let forward: String = compact.chars().rev().collect();
    Some(dashed(&forward))
}

/// The id that a URL names, or what stands behind its scheme and last slash where that is no UUID.
pub(crate) fn id_or_rest(url: &str) -> String {
    id_of_url(url).unwrap_or_else(|| {
        let url = url.trim().trim_start_matches("{{").trim_end_matches("}}");
        normal_id(url.rsplit('/').next().unwrap_or(url))
    })
}

/// The URL of a page or database by its id.
pub(crate) fn page_url(id: &str) -> String {
    let compact = match as_uuid(id) {
        Some(id) => id.replace('-', ""),
        None => id.to_owned(),
    };
    format!("{PAGE_BASE}{compact}")
}

/// The page that a link leads to, where it is one of Notion's page links: `/<id>`,
/// `https://www.notion.so/…`, `https://app.notion.com/…`.
pub(crate) fn page_of_link(link: &str) -> Option<String> {
    let path = [
        "https://app.notion.com/",
        "https://www.notion.so/",
        "https://notion.so/",
    ]
    .iter()
    .find_map(|base| link.strip_prefix(base))
    .or_else(|| link.strip_prefix('/'))?;
    let main = path.split(['?', '#']).next().unwrap_or_default();
    trailing_uuid(main.trim_end_matches('/'))
}

/// A link as Notion gives it, with relative page links made absolute.
pub(crate) fn absolute_link(link: String) -> String {
    match link.strip_prefix('/') {
        Some(path) if page_of_link(&link).is_some() => format!("{PAGE_BASE}{path}"),
        _ => link,
    }
}

/// The part of a signed link that stays the same: origin and path.
pub(crate) fn stable_url(url: &str) -> String {
    url.split(['?', '#']).next().unwrap_or_default().to_owned()
}

/// Whether a URL is one of Notion's links to a hosted file, signed or already stripped.
pub(crate) fn is_hosted(url: &str) -> bool {
    url.starts_with("file://")
        || url.contains("X-Amz-Signature=")
        || [
            "https://prod-files-secure.s3.us-west-2.amazonaws.com/",
            "https://s3.us-west-2.amazonaws.com/secure.notion-static.com/",
            "https://s3-us-west-2.amazonaws.com/secure.notion-static.com/",
            "https://file.notion.so/",
        ]
        .iter()
        .any(|base| url.starts_with(base))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DASHED: &str = "c01166c6-13ae-45cb-b968-18b4ef2f5a77";

    #[test]
    fn ids_are_found_in_every_observed_form() {
        for url in [
            "user://c01166c6-13ae-45cb-b968-18b4ef2f5a77",
            "collection://c01166c6-13ae-45cb-b968-18b4ef2f5a77",
            "https://app.notion.com/p/c01166c613ae45cbb96818b4ef2f5a77",
            "https://www.notion.so/c01166c613ae45cbb96818b4ef2f5a77",
            "https://www.notion.so/acme/A-title-c01166c613ae45cbb96818b4ef2f5a77?pvs=4",
            "{{https://www.notion.so/c01166c613ae45cbb96818b4ef2f5a77}}",
            "https://app.notion.com/p/2200a9116a9644bbbd386bfb1e01b9f6#c01166c613ae45cbb96818b4ef2f5a77",
            "{{user://C01166C6-13AE-45CB-B968-18B4EF2F5A77}}",
        ] {
            assert_eq!(id_of_url(url).as_deref(), Some(DASHED), "{url}");
        }
        for url in [
            "",
            "#",
            "?",
            "https://example.com/x",
            "user://nobody",
            "é#é",
        ] {
            assert_eq!(id_of_url(url), None, "{url}");
        }
        assert_eq!(id_or_rest("user://nobody"), "nobody");
    }

    #[test]
    fn page_links_are_told_from_others() {
        for (link, wanted) in [
            ("/c01166c613ae45cbb96818b4ef2f5a77", true),
            (
                "https://www.notion.so/T-c01166c613ae45cbb96818b4ef2f5a77#x",
                true,
            ),
            (
                "https://app.notion.com/p/c01166c613ae45cbb96818b4ef2f5a77?x=1",
                true,
            ),
            (
                "https://example.com/c01166c613ae45cbb96818b4ef2f5a77",
                false,
            ),
            ("/docs/readme.md", false),
        ] {
            assert_eq!(page_of_link(link).is_some(), wanted, "{link}");
        }
        assert_eq!(
            absolute_link("/c01166c613ae45cbb96818b4ef2f5a77".into()),
            page_url(DASHED)
        );
    }
}
