//! Lines: indentation, what each starts, and where tags close.

use std::collections::BTreeMap;

use super::attributes::read_tag;

/// A line of the source.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line<'a> {
    /// Levels of indentation. A tab is one; spaces are not documented, four count as one and a rest
    /// of two or three as well.
    pub(super) indent: usize,
    /// The line without indentation and trailing white space.
    pub(super) text: &'a str,
    /// The line as it is.
    pub(super) raw: &'a str,
}

pub(super) fn split_lines(source: &str) -> Vec<Line<'_>> {
    source
        .split('\n')
        .map(|raw| {
            let raw = raw.strip_suffix('\r').unwrap_or(raw);
            let mut indent = 0;
            let mut spaces = 0;
            let mut start = 0;
            for b in raw.bytes() {
                match b {
                    b'\t' => {
                        indent += 1;
                        spaces = 0;
                    }
                    b' ' => {
                        spaces += 1;
                        if spaces == 4 {
                            indent += 1;
                            spaces = 0;
                        }
                    }
                    _ => break,
                }
                start += 1;
            }
            Line {
                indent: indent + usize::from(spaces >= 2),
                text: raw[start..].trim_end(),
                raw,
            }
        })
        .collect()
}

/// `raw` without up to `levels` levels of indentation.
pub(super) fn unindent(raw: &str, levels: usize) -> &str {
    let mut rest = raw;
    for _ in 0..levels {
        if let Some(shorter) = rest
            .strip_prefix('\t')
            .or_else(|| rest.strip_prefix("    "))
        {
            rest = shorter;
        } else {
            break;
        }
    }
    rest
}

/// What a line starts, by its first characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Start<'a> {
    Fence {
        ticks: usize,
        info: &'a str,
    },
    Equation {
        rest: &'a str,
    },
    Divider,
    Heading {
        level: u8,
        rest: &'a str,
    },
    ToDo {
        checked: bool,
        rest: &'a str,
    },
    Bullet {
        rest: &'a str,
    },
    Number {
        rest: &'a str,
    },
    Quote {
        rest: &'a str,
    },
    Pipe,
    Image,
    Fenced {
        rest: &'a str,
    },
    /// A tag that is a block. Inline tags start a paragraph.
    Tag,
    Paragraph,
}

/// Tags that stand for blocks, sorted.
const BLOCK_TAGS: [&str; 17] = [
    "audio",
    "callout",
    "column",
    "columns",
    "database",
    "details",
    "empty-block",
    "file",
    "meeting-notes",
    "page",
    "pdf",
    "synced_block",
    "synced_block_reference",
    "table",
    "table_of_contents",
    "unknown",
    "video",
];

/// Tells what a line (without indentation) starts.
pub(super) fn start_of(text: &str) -> Start<'_> {
    let Some(first) = text.bytes().next() else {
        return Start::Paragraph;
    };
    match first {
        b'`' => {
            let ticks = text.bytes().take_while(|b| *b == b'`').count();
            let info = &text[ticks..];
            if ticks >= 3 && !info.contains('`') {
                return Start::Fence {
                    ticks,
                    info: info.trim(),
                };
            }
        }
        b'$' => {
            if let Some(rest) = text.strip_prefix("$$") {
                return Start::Equation { rest };
            }
        }
        b'#' => {
            let level = text.bytes().take_while(|b| *b == b'#').count();
            if level <= 6
                && let Some(rest) = after_space(&text[level..])
            {
                #[expect(clippy::cast_possible_truncation, reason = "at most 4")]
                let level = level.min(4) as u8;
                return Start::Heading { level, rest };
            }
        }
        b'-' if text == "---" => return Start::Divider,
        b'-' | b'*' | b'+' => {
            if let Some(rest) = after_space(&text[1..])
                && (first == b'-' || !rest.is_empty())
            {
                for (mark, checked) in [("[ ]", false), ("[x]", true), ("[X]", true)] {
                    if let Some(rest) = rest.strip_prefix(mark).and_then(after_space) {
                        return Start::ToDo { checked, rest };
                    }
                }
                return Start::Bullet { rest };
            }
        }
        b'0'..=b'9' => {
            let digits = text.bytes().take_while(u8::is_ascii_digit).count();
            let after = &text[digits..];
            if digits <= 9
                && let Some(rest) = after.strip_prefix(['.', ')']).and_then(after_space)
            {
                return Start::Number { rest };
            }
        }
        b'>' => {
            return Start::Quote {
                rest: text[1..].trim_start(),
            };
        }
        b'|' => return Start::Pipe,
        b'!' if text.starts_with("![") => return Start::Image,
        b':' => {
            if let Some(rest) = text.strip_prefix(":::") {
                return Start::Fenced { rest: rest.trim() };
            }
        }
        b'<' => {
            if let Some(tag) = read_tag(text)
                && (BLOCK_TAGS.binary_search(&tag.name).is_ok() || tag.name == "summary")
            {
                return Start::Tag;
            }
        }
        _ => {}
    }
    Start::Paragraph
}

/// What follows white space, or nothing where the text is empty.
fn after_space(text: &str) -> Option<&str> {
    if text.is_empty() {
        return Some("");
    }
    let rest = text.trim_start_matches([' ', '\t']);
    (rest.len() < text.len()).then_some(rest)
}

/// Whether the line closes a fence of `ticks` that stood at `indent`.
pub(super) fn closes_fence(line: &Line<'_>, ticks: usize, indent: usize) -> bool {
    line.indent <= indent && line.text.len() >= ticks && line.text.bytes().all(|b| b == b'`')
}

/// Whether the source has a placeholder for a block that Notion did not render.
pub(super) fn has_placeholder(source: &str) -> bool {
    let lines = split_lines(source);
    let mut at = 0;
    while at < lines.len() {
        let line = &lines[at];
        at += 1;
        if let Start::Fence { ticks, .. } = start_of(line.text) {
            let end = lines[at..]
                .iter()
                .position(|inner| closes_fence(inner, ticks, line.indent));
            // Of a fence that never closes nothing is believed to be code.
            if let Some(length) = end {
                at += length + 1;
                continue;
            }
            return lines[at..].iter().any(|line| names_unknown(line.text));
        }
        if names_unknown(line.text) {
            return true;
        }
    }
    false
}

fn names_unknown(text: &str) -> bool {
    text.match_indices("<unknown")
        .any(|(at, _)| !text[..at].ends_with('\\'))
}

/// Positions of backtick runs by their length, so that the closer of a code span is found without
/// reading the line again.
#[derive(Debug, Default)]
pub(super) struct Backticks {
    runs: BTreeMap<usize, Vec<usize>>,
}

impl Backticks {
    pub(super) fn of(text: &str) -> Self {
        let mut runs: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        let bytes = text.as_bytes();
        let mut at = 0;
        while at < bytes.len() {
            if bytes[at] == b'`' {
                let length = bytes[at..].iter().take_while(|b| **b == b'`').count();
                runs.entry(length).or_default().push(at);
                at += length;
            } else {
                at += 1;
            }
        }
        Self { runs }
    }

    /// The start of the first run of exactly `length` at or after `from`.
    pub(super) fn closer(&self, length: usize, from: usize) -> Option<usize> {
        let starts = self.runs.get(&length)?;
        starts
            .get(starts.partition_point(|start| *start < from))
            .copied()
    }
}

/// Where `close` stands in `text` at or after `from`, not escaped and not inside inline code; where
/// there is no such place, its first occurrence at all.
pub(super) fn find_close(
    text: &str,
    backticks: &Backticks,
    from: usize,
    close: &str,
) -> Option<usize> {
    // Nothing to find: do not look twice at the rest of the line.
    let plain = from + text.get(from..)?.find(close)?;
    let bytes = text.as_bytes();
    let mut at = from;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            b'`' => {
                let length = bytes[at..].iter().take_while(|b| **b == b'`').count();
                at = match backticks.closer(length, at + length) {
                    Some(end) => end + length,
                    None => at + length,
                };
            }
            b'<' if bytes[at..].starts_with(close.as_bytes()) => return Some(at),
            _ => at += 1,
        }
    }
    Some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_sorted() {
        assert!(BLOCK_TAGS.is_sorted());
    }

    #[test]
    fn starts_are_told_apart() {
        for (text, wanted) in [
            (
                "# a",
                Start::Heading {
                    level: 1,
                    rest: "a",
                },
            ),
            (
                "###### a",
                Start::Heading {
                    level: 4,
                    rest: "a",
                },
            ),
            ("#", Start::Heading { level: 1, rest: "" }),
            ("#a", Start::Paragraph),
            (
                "- [ ]",
                Start::ToDo {
                    checked: false,
                    rest: "",
                },
            ),
            (
                "- [x] a",
                Start::ToDo {
                    checked: true,
                    rest: "a",
                },
            ),
            ("- [x](u)", Start::Bullet { rest: "[x](u)" }),
            ("-", Start::Bullet { rest: "" }),
            ("*", Start::Paragraph),
            ("* a", Start::Bullet { rest: "a" }),
            ("**a**", Start::Paragraph),
            ("12. a", Start::Number { rest: "a" }),
            ("1.", Start::Number { rest: "" }),
            ("1.5", Start::Paragraph),
            (">", Start::Quote { rest: "" }),
            ("---", Start::Divider),
            ("----", Start::Paragraph),
            ("$$", Start::Equation { rest: "" }),
            ("$`x`$", Start::Paragraph),
            (
                "```a b",
                Start::Fence {
                    ticks: 3,
                    info: "a b",
                },
            ),
            ("```a`", Start::Paragraph),
            ("<span>", Start::Paragraph),
            ("<empty-block/>", Start::Tag),
            ("<", Start::Paragraph),
            ("", Start::Paragraph),
        ] {
            assert_eq!(start_of(text), wanted, "{text}");
        }
    }

    #[test]
    fn placeholders_in_code_do_not_count() {
        for (source, wanted) in [
            ("<unknown url=\"x\" alt=\"bookmark\"/>", true),
            ("a\n\t<unknown/>", true),
            ("\\<unknown\\>", false),
            ("```\n<unknown/>\n```", false),
            ("```\n<unknown/>\n```\n<unknown/>", true),
            ("```\n<unknown/>", true),
            ("", false),
        ] {
            assert_eq!(has_placeholder(source), wanted, "{source}");
        }
    }
}
