//! GitHub's bare links: `https://…`, `www.…` and mail addresses in running text.

use std::ops::Range;

/// Most bytes of a domain (RFC 1035, section 2.3.4). Every `www.` in a longer run of its characters
/// would look at the whole rest of the run.
const DOMAIN_BYTES: usize = 255;

/// A link found in text.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Found {
    /// Its bytes in the text.
    pub(crate) range: Range<usize>,
    /// Where it leads.
    pub(crate) url: String,
}

/// Finds bare links. `before` is the character in front of the text, if any. Linear: text that was
/// decided is not looked at again, and a domain that is none has a limit.
pub(crate) fn scan(text: &str, before: Option<char>) -> Vec<Found> {
    let mut out: Vec<Found> = Vec::new();
    let bytes = text.as_bytes();
    if !may_link(bytes) {
        return out;
    }
    let mut done = 0; // everything before is decided
    let mut at = 0;
    while at < bytes.len() {
        let next = || bytes.get(at + 1).copied().unwrap_or_default();
        // Two letters tell nearly every word from the start of a link.
        let found = match bytes[at] {
            b'h' | b'f' | b'H' | b'F'
                if matches!(next(), b't' | b'T') && !in_word(text, at, before) =>
            {
                web(text, at)
            }
            b'w' | b'W' if matches!(next(), b'w' | b'W') && boundary(text, at, before) => {
                web(text, at)
            }
            b'@' => mail(text, done, at),
            _ => None,
        };
        if let Some(found) = found {
            at = found.range.end;
            done = at;
            out.push(found);
        } else {
            at += 1;
        }
    }
    out
}

/// Whether any link could be in a text: it has `://`, `www.` or `@` then. Most text has none.
fn may_link(bytes: &[u8]) -> bool {
    bytes.iter().enumerate().any(|(at, byte)| match byte {
        b'@' => true,
        b':' => bytes[at..].starts_with(b"://"),
        b'.' => at >= 3 && bytes[at - 3..at].eq_ignore_ascii_case(b"www"),
        _ => false,
    })
}

fn in_word(text: &str, at: usize, before: Option<char>) -> bool {
    text[..at]
        .chars()
        .next_back()
        .or(before)
        .is_some_and(char::is_alphanumeric)
}

/// `www.` is a link at the start of a word only.
fn boundary(text: &str, at: usize, before: Option<char>) -> bool {
    match text[..at].chars().next_back().or(before) {
        None => true,
        Some(c) => c.is_whitespace() || matches!(c, '*' | '_' | '~' | '('),
    }
}

fn web(text: &str, at: usize) -> Option<Found> {
    let rest = &text[at..];
    let (scheme, short) = ["https://", "http://", "ftp://"]
        .iter()
        .find(|scheme| starts_with(rest, scheme))
        .map(|scheme| (scheme.len(), true))
        .or_else(|| starts_with(rest, "www.").then_some((0, false)))?;
    let after = &rest[scheme..];
    let domain = domain(after, short)?;
    let tail = after[domain..]
        .find(|c: char| c.is_whitespace() || c == '<')
        .unwrap_or(after.len() - domain);
    let end = trim(&rest[..scheme + domain + tail]);
    if end <= scheme {
        return None;
    }
    let link = &rest[..end];
    Some(Found {
        range: at..at + end,
        url: if scheme == 0 {
            format!("http://{link}")
        } else {
            link.to_owned()
        },
    })
}

fn starts_with(text: &str, prefix: &str) -> bool {
    text.get(..prefix.len())
        .is_some_and(|head| head.eq_ignore_ascii_case(prefix))
}

/// Length of a domain: labels of letters, digits, `-` and `_`, no `_` in the last two, and a dot
/// unless a scheme stood before it.
fn domain(text: &str, short: bool) -> Option<usize> {
    let inside = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
    let len = text
        .char_indices()
        .find(|(at, c)| *at > DOMAIN_BYTES || !inside(*c))
        .map_or(text.len(), |(at, _)| at);
    if len > DOMAIN_BYTES {
        return None;
    }
    let name = text[..len].trim_end_matches('.');
    let mut labels = name.rsplit('.');
    let last = labels.next().unwrap_or_default();
    let before = labels.next();
    if name.is_empty()
        || last.contains('_')
        || before.is_some_and(|label| label.contains('_'))
        || (before.is_none() && !short)
        || !name.starts_with(char::is_alphanumeric)
    {
        return None;
    }
    Some(len)
}

/// Leaves out punctuation at the end, unmatched closing parentheses and a trailing entity.
fn trim(link: &str) -> usize {
    let mut end = link.len();
    let mut opened = link.bytes().filter(|b| *b == b'(').count();
    let mut closed = link.bytes().filter(|b| *b == b')').count();
    while let Some(c) = link[..end].chars().next_back() {
        match c {
            '?' | '!' | '.' | ',' | ':' | '*' | '_' | '~' | '\'' | '"' => {}
            ')' if closed > opened => closed -= 1,
            ';' => {
                let head = link[..end - 1].trim_end_matches(|c: char| c.is_ascii_alphanumeric());
                if head.ends_with('&') && head.len() < end - 1 {
                    let cut = &link[head.len() - 1..end];
                    opened -= cut.matches('(').count();
                    end = head.len() - 1;
                    continue;
                }
            }
            _ => break,
        }
        end -= c.len_utf8();
    }
    end
}

fn mail(text: &str, done: usize, at: usize) -> Option<Found> {
    let head = &text[done..at];
    let local = head
        .bytes()
        .rev()
        .take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b'+'))
        .count();
    if local == 0 {
        return None;
    }
    let tail = &text[at + 1..];
    let len = tail
        .bytes()
        .take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'))
        .count();
    let host = tail[..len].trim_end_matches('.');
    if !host.contains('.')
        || host.ends_with(['-', '_'])
        || host.starts_with('.')
        || host.contains("..")
    {
        return None;
    }
    let range = at - local..at + 1 + host.len();
    Some(Found {
        url: format!("mailto:{}", &text[range.clone()]),
        range,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links() {
        for (text, expected) in [
            ("see https://a.b/c?d=e.", &["https://a.b/c?d=e"][..]),
            ("(www.a.com/x(y)) z", &["www.a.com/x(y)"]),
            ("http://localhost:80/x", &["http://localhost:80/x"]),
            ("www.a_b.c www.dot", &["www.dot"]),
            ("xhttp://a.b", &[]),
            ("a.b+c@d.org, @x a@b", &["a.b+c@d.org"]),
            ("http://a.b/&copy; http://", &["http://a.b/"]),
            ("\"http://a.b\" (www.a.b", &["http://a.b", "www.a.b"]),
            ("\"www.a.b\"", &[]),
            ("http://a.b<c", &["http://a.b"]),
            ("é@ü.de ü@a.de", &[]),
        ] {
            let found: Vec<&str> = scan(text, None)
                .into_iter()
                .map(|found| &text[found.range])
                .collect();
            assert_eq!(found, expected, "{text}");
        }
    }
}
