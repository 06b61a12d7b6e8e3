//! Text of comments: rich text objects on Notion, Markdown between the sides.
//!
//! A comment has inline formatting only. What GitHub shows as lists, code or tables becomes lines.

use notion_sync_core::comment::Said;
use notion_sync_core::document::blocks;
use notion_sync_core::document::limits::units;
use notion_sync_core::document::markdown::{self, Limits, Style};
use notion_sync_core::document::{
    Annotations, Block, BlockKind, Document, Inline, InlineKind, MediaSource, RichText,
};
use notion_sync_core::id::OpId;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::writing::{COMMENT_MARK, comment_mark};
use crate::wire::{Object, plain_text};

/// Most UTF-16 units of a comment's text.
const MAX_UNITS: usize = 20_000;
/// Most runs of a comment's text: Notion takes 100 objects, each with 2,000 units at most.
const MAX_RUNS: usize = 80;

/// Reads the text of a comment as Markdown, and the operation whose mark stands at its end.
pub(super) fn read(items: &[Box<RawValue>]) -> (String, Option<OpId>) {
    let mut runs = runs(items);
    let marker = take_mark(&mut runs);
    (to_markdown(runs), marker)
}

/// The runs of a text in what Markdown has. Mentions are what people read.
fn runs(items: &[Box<RawValue>]) -> Vec<Inline> {
    let block = json!({"object": "block", "type": "paragraph", "paragraph": {"rich_text": items}});
    let read = blocks::read(&block.to_string()).ok();
    let text = read.as_ref().and_then(|block| block.kind.text());
    let Some(text) = text.filter(|text| text.0.len() == items.len()) else {
        return RichText::plain(plain_text(items).0).0;
    };
    (text.0.iter().zip(items))
        .map(|(run, raw)| {
            let mut run = run.clone();
            if let InlineKind::Mention(_) = run.kind {
                let object = Object::of(raw).unwrap_or_default();
                run.link = object.get("href");
                run.kind = InlineKind::Text(object.get("plain_text").unwrap_or_default());
            }
            run.annotations = Annotations {
                bold: run.annotations.bold,
                italic: run.annotations.italic,
                strikethrough: run.annotations.strikethrough,
                code: run.annotations.code,
                ..Annotations::default()
            };
            run
        })
        .collect()
}

fn take_mark(runs: &mut Vec<Inline>) -> Option<OpId> {
    let last = runs.last()?;
    let InlineKind::Text(text) = &last.kind else {
        return None;
    };
    let op = text.trim().strip_prefix(COMMENT_MARK)?;
    let plain = !op.is_empty()
        && (op.bytes()).all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    if !plain || !last.annotations.code {
        return None;
    }
    let op = OpId::from(op);
    runs.pop();
    if let Some(InlineKind::Text(text)) = runs.last_mut().map(|run| &mut run.kind) {
        let kept = text.trim_end().len();
        text.truncate(kept);
    }
    Some(op)
}

/// Lines that are empty separate paragraphs.
fn to_markdown(runs: Vec<Inline>) -> String {
    let mut paragraphs: Vec<Vec<Inline>> = vec![Vec::new()];
    let mut breaks = 0;
    for run in runs {
        let InlineKind::Text(text) = &run.kind else {
            flush(&mut paragraphs, &mut breaks);
            push(&mut paragraphs, run);
            continue;
        };
        for (at, line) in text.split('\n').enumerate() {
            breaks += usize::from(at > 0);
            if line.is_empty() {
                continue;
            }
            flush(&mut paragraphs, &mut breaks);
            let part = Inline {
                kind: InlineKind::Text(line.to_owned()),
                ..run.clone()
            };
            push(&mut paragraphs, part);
        }
    }
    let blocks = (paragraphs.into_iter())
        .filter(|runs| !runs.is_empty())
        .map(|runs| {
            Block::new(BlockKind::Paragraph {
                text: RichText(runs),
                color: Default::default(),
            })
        })
        .collect();
    let text = markdown::write(&Document { blocks }, &Style::default());
    text.trim_end().to_owned()
}

fn push(paragraphs: &mut [Vec<Inline>], run: Inline) {
    if let Some(last) = paragraphs.last_mut() {
        last.push(run);
    }
}

/// One line break goes on, two begin a paragraph.
fn flush(paragraphs: &mut Vec<Vec<Inline>>, breaks: &mut usize) {
    match std::mem::take(breaks) {
        0 => {}
        1 => {
            let begun = paragraphs.last().is_some_and(|runs| !runs.is_empty());
            if begun {
                push(paragraphs, Inline::text("\n"));
            }
        }
        _ => paragraphs.push(Vec::new()),
    }
}

/// The copy of what a person wrote on GitHub: who, with a link, the text, our mark.
pub(super) fn write(said: &Said, op: &OpId) -> Value {
    let about = (said.about.as_deref())
        .map(|about| format!(", {about}"))
        .unwrap_or_default();
    let author: String = (said.author.chars())
        .filter(|c| !c.is_control())
        .take(100)
        .collect();
    let mut head = Inline::text(format!("{author} ({}{about})", said.side));
    head.annotations.bold = true;
    head.link.clone_from(&said.url);
    let (body, cut) = flatten(&said.text);
    let mut runs = vec![head, Inline::text(":\n")];
    runs.extend(body);
    if cut {
        runs.push(Inline::text("… (shortened)"));
    }
    runs.push(Inline::text("\n"));
    let mut mark = Inline::text(comment_mark(op));
    mark.annotations.code = true;
    runs.push(mark);
    let block = Block::new(BlockKind::Paragraph {
        text: RichText(runs),
        color: Default::default(),
    });
    let written = blocks::write(&block).ok();
    (written.as_ref())
        .and_then(|block| block.pointer("/paragraph/rich_text").cloned())
        .unwrap_or_else(|| json!([]))
}

/// Markdown as lines of inline text within the limits; whether some of it was left out.
fn flatten(text: &str) -> (Vec<Inline>, bool) {
    // At the very start `---` would be front matter.
    let source = format!("\n{}", harden(text));
    let runs = match markdown::parse(&source, &Limits::default()) {
        Ok(parsed) => lines(&parsed.document.blocks),
        Err(_) => RichText::plain(text).0,
    };
    let runs = if runs.len() > MAX_RUNS {
        RichText::plain(RichText(runs).to_plain()).0
    } else {
        runs
    };
    let mut room = MAX_UNITS;
    let mut out = Vec::new();
    for run in runs {
        let InlineKind::Text(text) = &run.kind else {
            room = room.saturating_sub(2_000);
            out.push(run);
            continue;
        };
        let size = units(text);
        if size > room {
            let mut kept = String::new();
            for c in text.chars() {
                if c.len_utf16() > room {
                    break;
                }
                room -= c.len_utf16();
                kept.push(c);
            }
            let kind = InlineKind::Text(kept);
            out.push(Inline { kind, ..run });
            return (out, true);
        }
        room -= size;
        out.push(run);
    }
    (out, false)
}

/// In a comment every line break is one, as GitHub shows it.
fn harden(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 64);
    let mut fence: Option<&str> = None;
    for line in text.lines() {
        let begin = line.trim_start();
        let mark = ["```", "~~~"]
            .into_iter()
            .find(|mark| begin.starts_with(mark));
        match (fence, mark) {
            (None, Some(mark)) => fence = Some(mark),
            (Some(open), Some(mark)) if open == mark => fence = None,
            _ => {}
        }
        out.push_str(line);
        if fence.is_none() && mark.is_none() && !line.trim().is_empty() {
            out.push_str("  ");
        }
        out.push('\n');
    }
    out
}

fn lines(blocks: &[Block]) -> Vec<Inline> {
    let mut out: Vec<Inline> = Vec::new();
    // What is still to be written: blocks of one level, and how deep it is.
    let mut levels: Vec<(std::slice::Iter<'_, Block>, usize, u64)> = vec![(blocks.iter(), 0, 0)];
    let mut was_item = true;
    while let Some((rest, depth, number)) = levels.last_mut() {
        let Some(block) = rest.next() else {
            levels.pop();
            continue;
        };
        let depth = *depth;
        *number = match &block.kind {
            BlockKind::NumberedItem { start, .. } => start.unwrap_or(*number + 1),
            _ => 0,
        };
        let (prefix, runs, item) = line(&block.kind, *number);
        if !out.is_empty() {
            let apart = depth == 0 && !(item && was_item);
            out.push(Inline::text(if apart { "\n\n" } else { "\n" }));
        }
        was_item = item;
        let indent = "    ".repeat(depth.min(10));
        if !indent.is_empty() || !prefix.is_empty() {
            out.push(Inline::text(format!("{indent}{prefix}")));
        }
        out.extend(runs);
        if !block.children.is_empty() {
            levels.push((block.children.iter(), depth + 1, 0));
        }
    }
    merged(out)
}

/// Joins neighbours that look the same.
fn merged(runs: Vec<Inline>) -> Vec<Inline> {
    let mut out: Vec<Inline> = Vec::with_capacity(runs.len());
    for run in runs {
        if let Some(last) = out.last_mut()
            && last.annotations == run.annotations
            && last.link == run.link
            && let (InlineKind::Text(before), InlineKind::Text(text)) = (&mut last.kind, &run.kind)
        {
            before.push_str(text);
        } else {
            out.push(run);
        }
    }
    out
}

/// A block on one line: what stands before it, its text, and whether it is an item of a list.
fn line(kind: &BlockKind, number: u64) -> (String, Vec<Inline>, bool) {
    let with = |text: &RichText, change: fn(&mut Annotations)| -> Vec<Inline> {
        let mut runs = plain_runs(text);
        for run in &mut runs {
            change(&mut run.annotations);
        }
        runs
    };
    let same: fn(&mut Annotations) = |_| {};
    let bold: fn(&mut Annotations) = |look| look.bold = true;
    let code = |text: &str| {
        let mut run = Inline::text(text);
        run.annotations.code = true;
        vec![run]
    };
    let linked = |url: &str, caption: &RichText| {
        let label = caption.to_plain();
        let mut run = Inline::text(if label.is_empty() {
            url.to_owned()
        } else {
            label
        });
        run.link = Some(url.to_owned());
        vec![run]
    };
    match kind {
        BlockKind::Heading { text, .. } => (String::new(), with(text, bold), false),
        BlockKind::BulletedItem { text, .. } => ("• ".to_owned(), with(text, same), true),
        BlockKind::NumberedItem { text, .. } => (format!("{number}. "), with(text, same), true),
        BlockKind::ToDo { text, checked, .. } => {
            let mark = if *checked { "☑ " } else { "☐ " };
            (mark.to_owned(), with(text, same), true)
        }
        BlockKind::Quote { text, .. } | BlockKind::Callout { text, .. } => {
            ("> ".to_owned(), with(text, same), false)
        }
        BlockKind::Code { code: text, .. } => (String::new(), code(text), false),
        BlockKind::Verbatim { markdown } => (String::new(), code(markdown), false),
        BlockKind::Equation { expression } => {
            let run = Inline {
                kind: InlineKind::Equation(expression.clone()),
                ..Inline::text("")
            };
            (String::new(), vec![run], false)
        }
        BlockKind::Divider => ("———".to_owned(), Vec::new(), false),
        BlockKind::TableRow { cells } => {
            let mut runs = Vec::new();
            for (at, cell) in cells.iter().enumerate() {
                if at > 0 {
                    runs.push(Inline::text(" | "));
                }
                runs.extend(plain_runs(cell));
            }
            (String::new(), runs, true)
        }
        BlockKind::Media {
            source: MediaSource::External(url),
            caption,
            ..
        }
        | BlockKind::Bookmark { url, caption }
        | BlockKind::Embed { url, caption } => (String::new(), linked(url, caption), false),
        other => match other.text() {
            Some(text) => (String::new(), with(text, same), false),
            None => (String::new(), Vec::new(), true),
        },
    }
}

/// Runs that a comment can hold: Markdown that has no form is shown as it is written.
fn plain_runs(text: &RichText) -> Vec<Inline> {
    (text.0.iter().cloned())
        .map(|mut run| {
            if let InlineKind::Verbatim(source) = &run.kind {
                run.kind = InlineKind::Text(source.clone());
            }
            run
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use notion_sync_core::id::Side;

    use super::*;

    fn items(value: &Value) -> Vec<Box<RawValue>> {
        (value.as_array().unwrap().iter())
            .map(|item| {
                let mut item = item.clone();
                let text = item.pointer("/text/content").cloned();
                if let (Some(text), Some(object)) = (text, item.as_object_mut()) {
                    object.insert("plain_text".to_owned(), text);
                }
                serde_json::value::to_raw_value(&item).unwrap()
            })
            .collect()
    }

    fn said(text: &str) -> Said {
        Said {
            side: Side::Github,
            author: "ada".to_owned(),
            text: text.to_owned(),
            url: Some("https://github.com/acme/app/issues/1#issuecomment-2".to_owned()),
            about: None,
        }
    }

    fn plain(text: &str) -> String {
        let written = write(&said(text), &OpId::from("op1"));
        plain_text(&items(&written)).0
    }

    #[test]
    fn a_copy_says_who_wrote_it_and_ends_with_its_mark() {
        let written = write(&said("**Hi** there"), &OpId::from("op1"));
        assert_eq!(
            plain_text(&items(&written)).0,
            "ada (GitHub):\nHi there\nnsync:op1"
        );
        assert_eq!(written[0]["annotations"]["bold"], true);
        assert_eq!(
            written[0]["text"]["link"]["url"],
            "https://github.com/acme/app/issues/1#issuecomment-2"
        );
        let (text, marker) = read(&items(&written));
        assert_eq!(marker, Some(OpId::from("op1")));
        assert!(text.ends_with("**Hi** there"), "{text}");
        assert!(!text.contains("nsync"), "{text}");
    }

    #[test]
    fn blocks_become_lines() {
        for (given, want) in [
            ("one\ntwo", "one\ntwo"),
            ("one\n\ntwo", "one\n\ntwo"),
            ("- a\n- b\n  1. c\n  2. d\n", "• a\n• b\n    1. c\n    2. d"),
            ("- [x] done\n- [ ] open", "☑ done\n☐ open"),
            ("# Title\ntext", "Title\n\ntext"),
            ("```rust\nfn a() {}\n```", "fn a() {}"),
            ("---\na: b\n---", "———\n\na: b"),
            ("> quoted\n\nanswer", "> quoted\n\nanswer"),
            ("![shot](https://x.y/z.png)", "shot"),
            ("", ""),
        ] {
            let want = format!("ada (GitHub):\n{want}\nnsync:op1");
            let found = plain(given);
            if given.starts_with("---") {
                assert!(found.contains("a: b"), "{found}");
            } else {
                assert_eq!(found, want, "{given:?}");
            }
        }
    }

    #[test]
    fn what_is_too_long_is_cut_and_keeps_its_mark() {
        let long = plain(&"word ".repeat(20_000));
        assert!(
            long.ends_with("… (shortened)\nnsync:op1"),
            "{}",
            &long[long.len() - 60..]
        );
        assert!(units(&long) < 21_000);
        let many: String = (0..300).map(|n| format!("**b{n}** `c{n}` ")).collect();
        let written = write(&said(&many), &OpId::from("op1"));
        assert!(written.as_array().unwrap().len() <= 100);
        assert_eq!(read(&items(&written)).1, Some(OpId::from("op1")));
    }

    #[test]
    fn text_of_people_becomes_markdown() {
        let rich = json!([
            {"type": "text", "text": {"content": "Hi "}},
            {"type": "text", "text": {"content": "all"}, "annotations": {"bold": true, "color": "red", "underline": true}},
            {"type": "text", "text": {"content": "\nsecond\n\nthird *star* "}},
            {"type": "mention", "mention": {"type": "user", "user": {"id": "0b0c0d0e-0000-4000-8000-000000000001"}}, "plain_text": "@Bob"},
            {"type": "text", "text": {"content": " and "}},
            {"type": "text", "text": {"content": "link", "link": {"url": "https://x.y/"}}},
        ]);
        let (text, marker) = read(&items(&rich));
        assert_eq!(marker, None);
        assert_eq!(
            text,
            "Hi **all**<br>second\n\nthird \\*star\\* \\@Bob and [link](https://x.y/)"
        );
    }

    #[test]
    fn a_mark_that_a_person_wrote_is_text() {
        let typed = json!([{"type": "text", "text": {"content": "see\nnsync:op1"}}]);
        assert_eq!(read(&items(&typed)).1, None);
        assert_eq!(read(&[]), (String::new(), None));
    }
}
