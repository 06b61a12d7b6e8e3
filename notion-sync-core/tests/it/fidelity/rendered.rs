//! What a reader of GitHub sees of Markdown: comrak's HTML in a form that can be compared.

use std::collections::BTreeSet;

/// HTML without what cannot be seen: runs of white space are one space, and formats of text are a
/// set, because `<em><em>a</em></em>` and the order of `<em>` and `<strong>` look the same.
pub(crate) fn rendered(source: &str) -> String {
    let mut options = comrak::Options::default();
    options.extension.table = true;
    options.extension.strikethrough = true;
    options.extension.tasklist = true;
    options.extension.autolink = true;
    options.extension.footnotes = true;
    options.extension.alerts = true;
    options.extension.math_dollars = true;
    options.render.r#unsafe = true;
    let html = comrak::markdown_to_html(source, &options);
    flat(&html)
}

/// Formats whose nesting and order cannot be seen.
fn format_of(tag: &str) -> Option<&str> {
    let name = tag
        .trim_start_matches('/')
        .split([' ', '>'])
        .next()
        .unwrap_or_default();
    ["em", "strong", "del", "a", "u", "span"]
        .into_iter()
        .find(|format| *format == name)
}

fn flat(html: &str) -> String {
    let mut out: Vec<(BTreeSet<String>, String)> = Vec::new();
    let mut open: Vec<String> = Vec::new();
    let mut rest = html;
    let mut push = |open: &[String], text: &str| {
        let formats: BTreeSet<String> = open.iter().cloned().collect();
        match out.last_mut() {
            Some((last, before)) if *last == formats => before.push_str(text),
            _ => out.push((formats, text.to_owned())),
        }
    };
    while !rest.is_empty() {
        let Some(at) = rest.find('<') else {
            push(&open, rest);
            break;
        };
        if at > 0 {
            push(&open, &rest[..at]);
        }
        rest = &rest[at..];
        let end = rest.find('>').map_or(rest.len(), |end| end + 1);
        let tag = &rest[..end];
        let inner = tag.trim_start_matches('<').trim_end_matches('>');
        match format_of(inner) {
            Some(name) if inner.starts_with('/') => {
                let found = open.iter().rposition(|open| format_of(open) == Some(name));
                match found {
                    Some(found) => {
                        open.remove(found);
                    }
                    None => push(&open, tag),
                }
            }
            Some(_) => open.push(inner.to_owned()),
            None if matches!(inner, "br" | "br/" | "br /") => push(&open, "<br> "),
            None => push(&open, tag),
        }
        rest = &rest[end..];
    }
    let mut text = String::new();
    for (formats, part) in out {
        if formats.is_empty() {
            text.push_str(&part);
        } else {
            let formats: Vec<String> = formats.into_iter().collect();
            text.push_str(&format!("{{{}|{part}}}", formats.join("|")));
        }
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn what_cannot_be_seen_is_equal_and_nothing_else() {
    for (a, b) in [
        ("*a* ***b***", "_a_ __*b*__"),
        ("**a**", "****a****"),
        ("*[a](b)*", "[*a*](b)"),
    ] {
        assert_eq!(rendered(a), rendered(b), "{a} {b}");
    }
    for (a, b) in [
        ("*a*", "**a**"),
        ("[a](b)", "[a](c)"),
        ("[a](b)", "[a](b \"c\")"),
        ("- a\n- b", "- a\n\n- b"),
        ("2. a", "1. a"),
        ("`a`", "a"),
        ("a\\\nb", "a\nb"),
        ("<b>a</b>", "a"),
        ("```x\na\n```", "```\na\n```"),
    ] {
        assert_ne!(rendered(a), rendered(b), "{a} {b}");
    }
}
