//! Tags, attribute lists and colours.

use crate::document::model::Color;

/// A tag as `<name a="b">`, `<name/>` or `</name>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tag<'a> {
    pub(super) name: &'a str,
    pub(super) attributes: Vec<(&'a str, String)>,
    pub(super) closing: bool,
    pub(super) self_closing: bool,
    /// Bytes of the source.
    pub(super) len: usize,
}

impl Tag<'_> {
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        value(&self.attributes, name)
    }

    pub(super) fn color(&self) -> Color {
        color_from(self.get("color"))
    }
}

/// The value of an attribute.
pub(super) fn value<'v>(attributes: &'v [(&str, String)], name: &str) -> Option<&'v str> {
    attributes
        .iter()
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value.as_str())
}

/// Reads the tag at the start of `text`.
pub(super) fn read_tag(text: &str) -> Option<Tag<'_>> {
    let mut at = 1;
    let bytes = text.as_bytes();
    if bytes.first() != Some(&b'<') {
        return None;
    }
    let closing = bytes.get(at) == Some(&b'/');
    at += usize::from(closing);
    let name_end = at + name_len(&text[at..]);
    if name_end == at {
        return None;
    }
    let name = &text[at..name_end];
    let (attributes, len) = read_pairs(&text[name_end..]);
    at = name_end + len;
    let self_closing = bytes.get(at) == Some(&b'/');
    at += usize::from(self_closing);
    (bytes.get(at) == Some(&b'>')).then_some(Tag {
        name,
        attributes,
        closing,
        self_closing,
        len: at + 1,
    })
}

fn name_len(text: &str) -> usize {
    text.bytes()
        .take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
        .count()
}

/// Reads `key="value"` pairs and bare keys with white space around them; what is no pair ends them.
fn read_pairs(text: &str) -> (Vec<(&str, String)>, usize) {
    let bytes = text.as_bytes();
    let mut pairs = Vec::new();
    let mut at = 0;
    loop {
        let space = bytes[at..]
            .iter()
            .take_while(|b| b.is_ascii_whitespace())
            .count();
        let key_len = name_len(&text[at + space..]);
        if key_len == 0 || (space == 0 && !pairs.is_empty()) {
            return (pairs, at + space);
        }
        let key = &text[at + space..at + space + key_len];
        let after = at + space + key_len;
        if bytes.get(after) == Some(&b'=') {
            if bytes.get(after + 1) != Some(&b'"') {
                return (pairs, at + space);
            }
            let Some(length) = text[after + 2..].find('"') else {
                return (pairs, at + space);
            };
            pairs.push((
                key,
                text[after + 2..after + 2 + length].replace("&quot;", "\""),
            ));
            at = after + 2 + length + 1;
        } else {
            pairs.push((key, String::new()));
            at = after;
        }
    }
}

/// Splits the attribute list off the end of a line: `text {color="blue"}`.
pub(super) fn split_attributes(line: &str) -> (&str, Vec<(&str, String)>) {
    let trimmed = line.trim_end();
    let none = (line, Vec::new());
    if !trimmed.ends_with('}') || is_escaped(trimmed, trimmed.len() - 1) {
        return none;
    }
    let Some(open) = trimmed.rfind('{') else {
        return none;
    };
    if is_escaped(trimmed, open) || !(open == 0 || trimmed[..open].ends_with(char::is_whitespace)) {
        return none;
    }
    let inner = &trimmed[open + 1..trimmed.len() - 1];
    let (pairs, len) = read_pairs(inner);
    if pairs.is_empty() || len != inner.len() || !inner.contains("=\"") {
        return none;
    }
    (trimmed[..open].trim_end(), pairs)
}

/// Whether an odd number of backslashes stands before byte `at`.
fn is_escaped(text: &str, at: usize) -> bool {
    text.as_bytes()[..at]
        .iter()
        .rev()
        .take_while(|b| **b == b'\\')
        .count()
        % 2
        == 1
}

/// A colour as enhanced Markdown names it.
pub(super) fn color_from(name: Option<&str>) -> Color {
    match name {
        None | Some("" | "default") => Color::default(),
        Some(name) => match name.strip_suffix("_bg") {
            Some(base) => Color::new(format!("{base}_background")),
            None => Color::new(name),
        },
    }
}

/// The name of a colour in enhanced Markdown.
pub(super) fn color_name(color: &Color) -> String {
    match color.name().strip_suffix("_background") {
        Some(base) => format!("{base}_bg"),
        None => color.name().to_owned(),
    }
}

/// Appends ` name="value"`; says whether the value is safe in an attribute.
pub(super) fn push_attribute(out: &mut String, name: &str, value: &str) -> bool {
    out.push(' ');
    out.push_str(name);
    out.push_str("=\"");
    out.push_str(&value.replace('"', "&quot;").replace(['\n', '\r'], " "));
    out.push('"');
    !value.contains(['"', '\n', '\r', '<', '>', '\t']) && !value.contains("&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_read_whole_or_not_at_all() {
        for (text, wanted) in [
            ("<br>", Some(("br", 0, false, 4))),
            ("<br/>x", Some(("br", 0, true, 5))),
            ("<a b=\"c>d\" e=\"\"/>", Some(("a", 2, true, 17))),
            ("</callout>", Some(("callout", 0, false, 10))),
            (
                "<table_of_contents color=\"red\"/>",
                Some(("table_of_contents", 1, true, 32)),
            ),
            ("<a b=c>", None),
            ("<a b=\"c>", None),
            ("<a b=\"c\"d=\"e\">", None),
            ("<>", None),
            ("< a>", None),
            ("<é>", None),
            ("a", None),
            ("", None),
        ] {
            let tag = read_tag(text);
            let got = tag
                .as_ref()
                .map(|tag| (tag.name, tag.attributes.len(), tag.self_closing, tag.len));
            assert_eq!(got, wanted, "{text}");
        }
    }

    #[test]
    fn attribute_lists_end_a_line() {
        for (line, text, count) in [
            ("a {color=\"red\"}", "a", 1),
            ("a {toggle=\"true\" color=\"red\"}  ", "a", 2),
            ("{color=\"red\"}", "", 1),
            ("a{color=\"red\"}", "a{color=\"red\"}", 0),
            ("a \\{color=\"red\"\\}", "a \\{color=\"red\"\\}", 0),
            ("a {color}", "a {color}", 0),
            ("a {}", "a {}", 0),
            ("a }", "a }", 0),
            ("}", "}", 0),
        ] {
            let (got, pairs) = split_attributes(line);
            assert_eq!((got, pairs.len()), (text, count), "{line}");
        }
    }
}
