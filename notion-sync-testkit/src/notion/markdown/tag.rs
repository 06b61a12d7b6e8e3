//! XML-like tags.

/// How a tag stands in the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Open,
    Close,
    Alone,
}

/// One tag.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tag<'a> {
    pub(super) name: &'a str,
    pub(super) form: Form,
    attributes: Vec<(&'a str, &'a str)>,
    /// How many bytes it takes.
    pub(super) length: usize,
}

impl<'a> Tag<'a> {
    /// The tag that `text` begins with.
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let bytes = text.as_bytes();
        if bytes.first() != Some(&b'<') {
            return None;
        }
        let mut at = 1;
        let close = bytes.get(at) == Some(&b'/');
        if close {
            at += 1;
        }
        let start = at;
        while bytes
            .get(at)
            .is_some_and(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
        {
            at += 1;
        }
        let name = text.get(start..at)?;
        if !name.as_bytes().first().is_some_and(u8::is_ascii_alphabetic) {
            return None;
        }
        let mut attributes = Vec::new();
        loop {
            let before = at;
            while matches!(bytes.get(at), Some(b' ' | b'\t')) {
                at += 1;
            }
            match bytes.get(at)? {
                b'>' => {
                    let form = if close { Form::Close } else { Form::Open };
                    return Some(Self {
                        name,
                        form,
                        attributes,
                        length: at + 1,
                    });
                }
                b'/' if !close && bytes.get(at + 1) == Some(&b'>') => {
                    return Some(Self {
                        name,
                        form: Form::Alone,
                        attributes,
                        length: at + 2,
                    });
                }
                _ if close || before == at => return None,
                _ => {}
            }
            let start = at;
            while bytes
                .get(at)
                .is_some_and(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
            {
                at += 1;
            }
            let key = text.get(start..at)?;
            if key.is_empty() || bytes.get(at) != Some(&b'=') || bytes.get(at + 1) != Some(&b'"') {
                return None;
            }
            at += 2;
            let end = at + text.get(at..)?.find('"')?;
            attributes.push((key, text.get(at..end)?));
            at = end + 1;
        }
    }

    /// The raw value of an attribute.
    pub(super) fn get(&self, key: &str) -> Option<&'a str> {
        self.attributes
            .iter()
            .find(|(name, _)| *name == key)
            .map(|(_, value)| *value)
    }

    /// Whether an attribute says `true`.
    pub(super) fn is_set(&self, key: &str) -> bool {
        self.get(key) == Some("true")
    }
}

/// A text as an attribute value.
pub(super) fn quote(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('"', "&quot;")
        .replace(['\n', '\r', '\t'], " ")
}

/// Undoes [`quote`].
pub(super) fn unquote(text: &str) -> String {
    text.replace("&quot;", "\"").replace("&amp;", "&")
}

/// An address as an attribute value or between brackets: what would end it is encoded.
pub(super) fn encode_url(url: &str) -> String {
    let mut depth = 0i64;
    let mut balanced = true;
    for c in url.chars() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        balanced &= depth >= 0;
    }
    balanced &= depth == 0;
    let mut out = String::with_capacity(url.len());
    for c in url.chars() {
        match c {
            '"' => out.push_str("%22"),
            '(' if !balanced => out.push_str("%28"),
            ')' if !balanced => out.push_str("%29"),
            c if c.is_whitespace() || c.is_control() => {
                let mut buffer = [0u8; 4];
                for byte in c.encode_utf8(&mut buffer).bytes() {
                    out.push_str(&format!("%{byte:02X}"));
                }
            }
            c => out.push(c),
        }
    }
    out
}

/// The attribute list `{key="value" ...}` at the end of a line: the text before it and the pairs.
pub(super) fn trailing_list(line: &str) -> Option<(&str, Vec<(&str, &str)>)> {
    let inner = line.strip_suffix('}')?;
    // Values hold no braces, so the last one opens the list.
    let open = inner.rfind('{')?;
    let before = line.get(..open)?;
    let escapes = before.bytes().rev().take_while(|b| *b == b'\\').count();
    if escapes % 2 == 1 {
        return None;
    }
    let mut rest = inner.get(open + 1..)?.trim();
    let mut pairs = Vec::new();
    while !rest.is_empty() {
        let (key, after) = rest.split_once("=\"")?;
        let key = key.trim();
        if key.is_empty()
            || !key
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
        {
            return None;
        }
        let (value, after) = after.split_once('"')?;
        pairs.push((key, value));
        rest = after.trim_start();
    }
    (!pairs.is_empty()).then_some((before, pairs))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_told_from_text() {
        let tag = Tag::parse("<td color=\"red\" x=\"a>b\">rest").unwrap();
        assert_eq!(
            (tag.name, tag.form, tag.get("x"), tag.length),
            ("td", Form::Open, Some("a>b"), 24)
        );
        assert_eq!(Tag::parse("</td>").unwrap().form, Form::Close);
        assert_eq!(Tag::parse("<empty-block/>").unwrap().form, Form::Alone);
        assert_eq!(Tag::parse("<empty-block />").unwrap().form, Form::Alone);
        for text in [
            "<",
            "<>",
            "< td>",
            "<td",
            "<td x>",
            "<td x=1>",
            "<1>",
            "a<b>",
            "</td x=\"1\">",
            "<é>",
        ] {
            assert_eq!(Tag::parse(text), None, "{text}");
        }
    }

    #[test]
    fn attribute_lists_end_lines() {
        assert_eq!(
            trailing_list("Title {toggle=\"true\" color=\"red\"}"),
            Some(("Title ", vec![("toggle", "true"), ("color", "red")]))
        );
        for line in [
            "a {b}",
            "a \\{color=\"red\"}",
            "{}",
            "a {color=\"red\"} b",
            "}",
            "a {=\"\"}",
        ] {
            assert_eq!(trailing_list(line), None, "{line}");
        }
    }
}
