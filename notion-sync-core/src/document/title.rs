//! Titles of links and images.

use std::borrow::Cow;

/// Stands between the target and its title. Browsers cut a fragment off here before they look for
/// the place it names, and never send it to a server.
const DIRECTIVE: &str = ":~:notion-sync-title=";

/// A target that carries a title: `a.md` with the title `See` is
/// `a.md#:~:notion-sync-title=See`.
///
/// That is how a [link](super::Inline::link) or an image's address holds the title that Markdown
/// writes behind the target. It survives in a page, and leads to the same place there.
#[must_use]
pub fn with_title(target: &str, title: &str) -> String {
    let mut out = String::with_capacity(target.len() + title.len() + 24);
    out.push_str(target);
    if !target.contains('#') {
        out.push('#');
    }
    out.push_str(DIRECTIVE);
    for b in title.bytes() {
        if b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.') {
            out.push(char::from(b));
        } else {
            out.push_str(&format!("%{b:02X}"));
        }
    }
    out
}

/// Target and title of a link; the whole link and nothing where it carries no title.
#[must_use]
pub fn split_title(link: &str) -> (&str, Option<Cow<'_, str>>) {
    let Some(at) = link.find(DIRECTIVE) else {
        return (link, None);
    };
    let Some(title) = unescape(&link[at + DIRECTIVE.len()..]) else {
        return (link, None);
    };
    let target = &link[..at];
    (target.strip_suffix('#').unwrap_or(target), Some(title))
}

fn unescape(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains('%') {
        return Some(Cow::Borrowed(text));
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        if *first == b'%' {
            let digit = |at: usize| char::from(*tail.get(at)?).to_digit(16);
            let value = digit(0)? * 16 + digit(1)?;
            bytes.push(u8::try_from(value).ok()?);
            rest = tail.get(2..)?;
        } else {
            bytes.push(*first);
            rest = tail;
        }
    }
    String::from_utf8(bytes).ok().map(Cow::Owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_survive() {
        for target in ["", "a.md", "a.md#b", "https://a.example/?b=c#d", "#top"] {
            for title in ["t", "two words", "\"quoted\" & é\n100%", "#:~:", "%41"] {
                let link = with_title(target, title);
                let (back, found) = split_title(&link);
                assert_eq!((back, found.as_deref()), (target, Some(title)), "{link}");
            }
        }
        assert_eq!(split_title("a#b"), ("a#b", None));
        assert_eq!(
            split_title("a#:~:notion-sync-title=%zz"),
            ("a#:~:notion-sync-title=%zz", None)
        );
    }
}
