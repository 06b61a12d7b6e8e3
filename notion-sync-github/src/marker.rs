//! The hidden block in bodies of issues and pull requests, and the marker of comments.
//!
//! ```text
//! <!-- notion-sync
//! Notion-Page-ID: 1b2c…
//! Last-Notion-Revision: 2026-03-01T10:00:00.000Z
//! Sync-Op: k3…
//! Sync-Last-Op: p7…
//! -->
//! [Open in Notion](https://www.notion.so/…)
//!
//! The text.
//! ```
//!
//! `Sync-Op` names the operation that created the object. `Sync-Last-Op` names the last one that
//! wrote the body after that: it goes out in the same request as the text, so it proves that the
//! text was written, also when somebody has edited it since.

use notion_sync_core::id::OpId;
use notion_sync_core::snapshot::Marker;

const OPEN: &str = "<!-- notion-sync";
const CLOSE: &str = "-->";
const LONE: &str = "<!-- Notion-Page-ID:";
const COMMENT: &str = "<!-- notion-sync op: ";
const LINK: &str = "[Open in Notion](";

/// What the hidden block says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HiddenBlock {
    /// `Notion-Page-ID`.
    pub page: Option<String>,
    /// `Last-Notion-Revision`.
    pub revision: Option<String>,
    /// `Sync-Op`: what created the object.
    pub created_by: Option<OpId>,
    /// `Sync-Last-Op`: what wrote the body last.
    pub written_by: Option<OpId>,
    /// Address of the visible link.
    pub url: Option<String>,
    /// Version of the format, where it is not ours.
    pub newer_format: Option<String>,
}

impl HiddenBlock {
    /// The marker for a snapshot.
    #[must_use]
    pub fn marker(&self) -> Marker {
        Marker {
            counterpart: self.page.clone(),
            created_by: self.created_by.clone(),
            written_by: self.written_by.clone(),
            aside: false,
            record: None,
            newer_format: self.newer_format.clone(),
        }
    }

    /// Whether it says nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// A body: the block, the link, an empty line, the text. Without anything to say, the text.
    #[must_use]
    pub fn body(&self, text: &str) -> String {
        if self.is_empty() {
            return text.to_owned();
        }
        let mut out = format!("{OPEN}\n");
        let mut line = |name: &str, value: Option<&str>| {
            if let Some(value) = value.map(clean).filter(|value| !value.is_empty()) {
                out.push_str(&format!("{name}: {value}\n"));
            }
        };
        line("Notion-Page-ID", self.page.as_deref());
        line("Last-Notion-Revision", self.revision.as_deref());
        line("Sync-Op", self.created_by.as_ref().map(OpId::as_str));
        line("Sync-Last-Op", self.written_by.as_ref().map(OpId::as_str));
        out.push_str(CLOSE);
        out.push('\n');
        if let Some(url) = self.url.as_deref().filter(|url| is_plain_url(url)) {
            out.push_str(&format!("{LINK}{url})\n"));
        }
        if !text.is_empty() {
            out.push('\n');
            out.push_str(text);
        }
        out
    }

    /// Takes a body apart. Line ends become `\n`. A block that is not closed, and one inside a code
    /// fence, is text.
    #[must_use]
    pub fn split(body: &str) -> (Self, String) {
        let body = body.replace("\r\n", "\n").replace('\r', "\n");
        let Some((start, end)) = find(&body) else {
            return (Self::default(), body);
        };
        let mut block = Self::read(&body[start..end]);
        let before = &body[..start];
        let mut after = body[end..].strip_prefix('\n').unwrap_or(&body[end..]);
        if let Some((url, rest)) = link(after) {
            block.url = Some(url.to_owned());
            after = rest;
        }
        // Exactly the empty line that was put there.
        after = after.strip_prefix('\n').unwrap_or(after);
        (block, format!("{before}{after}"))
    }

    fn read(source: &str) -> Self {
        let mut block = Self::default();
        if let Some(rest) = source.strip_prefix(LONE) {
            let id = rest.trim_end().strip_suffix(CLOSE).unwrap_or(rest);
            // Older forms carry more after a semicolon.
            let id = id.split(';').next().unwrap_or_default();
            block.page = some(id);
            return block;
        }
        let mut lines = source.lines();
        let version = lines
            .next()
            .and_then(|first| first.strip_prefix(OPEN))
            .unwrap_or_default();
        let version = version.trim().trim_start_matches(['/', 'v']).trim();
        if !version.is_empty() && version != "1" {
            block.newer_format = Some(version.chars().take(40).collect());
        }
        for line in lines {
            let Some((name, value)) = line.split_once(':') else {
                continue;
            };
            let name = name.trim();
            let is = |known: &str| name.eq_ignore_ascii_case(known);
            if is("Notion-Page-ID") {
                block.page = some(value);
            } else if is("Last-Notion-Revision") {
                block.revision = some(value);
            } else if is("Sync-Op") {
                block.created_by = some(value).map(OpId::new);
            } else if is("Sync-Last-Op") {
                block.written_by = some(value).map(OpId::new);
            }
        }
        block
    }
}

/// Where the block is: from the start of its first line to the end of its last.
fn find(body: &str) -> Option<(usize, usize)> {
    let mut offset = 0;
    let mut fence: Option<&str> = None;
    let mut open: Option<usize> = None;
    for line in body.split_inclusive('\n') {
        let text = line.trim_end();
        let end = offset + text.len();
        if let Some(start) = open {
            if text == CLOSE {
                return Some((start, end));
            }
        } else if let Some(mark) = fence {
            if text.trim_start().starts_with(mark) {
                fence = None;
            }
        } else if text.starts_with(LONE) && text.ends_with(CLOSE) {
            return Some((offset, end));
        } else if begins(text) {
            open = Some(offset);
        } else {
            let head = text.trim_start();
            fence = ["```", "~~~"]
                .into_iter()
                .find(|mark| head.starts_with(mark));
        }
        offset += line.len();
    }
    None
}

/// Whether a line begins the block: the name alone, or the name and a version.
fn begins(line: &str) -> bool {
    line.strip_prefix(OPEN).is_some_and(|rest| {
        let version = rest.trim_start_matches(['/', ' ', 'v']);
        rest.is_empty()
            || (version.len() < rest.len()
                && version.starts_with(|c: char| c.is_ascii_digit())
                && !version.contains(CLOSE))
    })
}

fn link(text: &str) -> Option<(&str, &str)> {
    let rest = text.strip_prefix(LINK)?;
    let (line, after) = rest.split_once('\n').unwrap_or((rest, ""));
    let url = line.trim_end().strip_suffix(')')?;
    is_plain_url(url).then_some((url, after))
}

pub(crate) fn is_plain_url(url: &str) -> bool {
    url.starts_with("https://")
        && url.bytes().all(|byte| {
            byte.is_ascii_graphic() && !matches!(byte, b'(' | b')' | b'<' | b'>' | b'[')
        })
}

fn some(value: &str) -> Option<String> {
    let value = clean(value);
    (!value.is_empty()).then_some(value)
}

/// A value that cannot end the comment or the line.
pub(crate) fn clean(value: &str) -> String {
    let value: String = value
        .chars()
        .filter(|c| !c.is_control() && !matches!(c, '<' | '>'))
        .take(200)
        .collect();
    value.trim().to_owned()
}

/// The first line of a comment that an operation writes.
#[must_use]
pub fn comment_marker(op: &OpId) -> String {
    format!("{COMMENT}{} -->", clean(op.as_str()))
}

/// Whether a comment was written by an operation: its first line, exactly. Quotes of it have
/// something before it.
#[must_use]
pub fn is_comment_of(body: &str, op: &OpId) -> bool {
    body.lines().next().map(str::trim_end) == Some(comment_marker(op).as_str())
}

/// The operation that wrote a comment last, by its first line, and the text behind that line.
#[must_use]
pub(crate) fn split_comment(body: &str) -> Option<(OpId, &str)> {
    let (first, rest) = body.split_once('\n').unwrap_or((body, ""));
    let op = first
        .trim_end()
        .strip_prefix(COMMENT)?
        .strip_suffix(" -->")?;
    let plain = !op.is_empty() && op == clean(op) && !op.contains(char::is_whitespace);
    plain.then(|| (OpId::from(op), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full() -> HiddenBlock {
        HiddenBlock {
            page: Some("1b2c".to_owned()),
            revision: Some("2026-03-01T10:00:00.000Z".to_owned()),
            created_by: Some(OpId::new("k3")),
            written_by: Some(OpId::new("p7")),
            url: Some("https://www.notion.so/1b2c".to_owned()),
            newer_format: None,
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        let texts = [
            "",
            "One",
            "\nleading",
            "trailing\n",
            "\n\n",
            "- [ ] a\n\n```\n<!-- notion-sync\n-->\n```\n",
            "[Open in Notion](https://x.y)\nmine",
            "<!-- other -->",
        ];
        for text in texts {
            for block in [
                full(),
                HiddenBlock {
                    url: None,
                    written_by: None,
                    ..full()
                },
            ] {
                let (found, rest) = HiddenBlock::split(&block.body(text));
                let mine = block.url.is_none() && text.starts_with(LINK);
                if !mine {
                    assert_eq!((found, rest.as_str()), (block, text), "{text:?}");
                }
            }
        }
        assert!(
            full()
                .body("x")
                .starts_with("<!-- notion-sync\nNotion-Page-ID: 1b2c\n")
        );
    }

    #[test]
    fn other_forms() {
        let (block, text) = HiddenBlock::split("<!-- Notion-Page-ID: abc -->\r\n\r\nText\r\n");
        assert_eq!(
            (block.page.as_deref(), text.as_str()),
            (Some("abc"), "Text\n")
        );
        let (block, text) = HiddenBlock::split(
            "Mine\n\n<!-- notion-sync\nnotion-page-id: q\nFuture: 1\n-->\nYours",
        );
        assert_eq!(
            (block.page.as_deref(), text.as_str()),
            (Some("q"), "Mine\n\nYours")
        );
        for first in [
            "<!-- notion-sync v2",
            "<!-- notion-sync/2",
            "<!-- notion-sync 2",
        ] {
            let (block, _) = HiddenBlock::split(&format!("{first}\nNotion-Page-ID: q\n-->\n"));
            assert_eq!(block.newer_format.as_deref(), Some("2"), "{first}");
        }
        for text in [
            "<!-- notion-sync\nnever closed",
            "<!-- notion-sync op: k3 -->\nA comment",
            "<!-- notion-synchronised\n-->",
            "```\n<!-- notion-sync\nNotion-Page-ID: q\n-->\n```",
        ] {
            let (block, rest) = HiddenBlock::split(text);
            assert!(block.is_empty(), "{text:?}");
            assert_eq!(rest, text);
        }
    }

    #[test]
    fn values_cannot_break_out() {
        let evil = HiddenBlock {
            page: Some("a\n-->\n@everyone\nSync-Op: other".to_owned()),
            url: Some("https://x)\n[y](z".to_owned()),
            ..HiddenBlock::default()
        };
        let body = evil.body("text");
        let (found, text) = HiddenBlock::split(&body);
        assert_eq!(text, "text");
        assert_eq!(found.created_by, None);
        assert_eq!(found.url, None);
    }

    #[test]
    fn comments_are_known_by_their_first_line() {
        let op = OpId::new("k3");
        assert!(is_comment_of("<!-- notion-sync op: k3 -->\nHello", &op));
        assert!(is_comment_of("<!-- notion-sync op: k3 -->\r\nHello", &op));
        assert!(!is_comment_of("> <!-- notion-sync op: k3 -->\nHello", &op));
        assert!(!is_comment_of("Hello\n<!-- notion-sync op: k3 -->", &op));
        assert!(!is_comment_of("<!-- notion-sync op: k33 -->", &op));
        let split = |body| split_comment(body).map(|(op, rest)| (op.to_string(), rest));
        let both = |op: &str, rest| Some((op.to_owned(), rest));
        assert_eq!(
            split("<!-- notion-sync op: k3 -->\r\nHello\n"),
            both("k3", "Hello\n")
        );
        assert_eq!(split("<!-- notion-sync op: k3 -->"), both("k3", ""));
        for other in [
            "Hello",
            " <!-- notion-sync op: k3 -->",
            "<!-- notion-sync op:  -->",
            "<!-- notion-sync op: a b -->",
            "",
        ] {
            assert_eq!(split(other), None, "{other:?}");
        }
    }
}
