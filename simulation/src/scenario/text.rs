//! What people do to a Markdown text.

use super::deed::{Act, Deed};
use super::people::nth;
use notion_sync_testkit::bodies;
use notion_sync_testkit::simulation::{Stream, moment, origins, word};

/// Whether somebody works on the blocks of a text, and not on the words of one of them.
fn is_of_blocks(act: Act) -> bool {
    let words = matches!(
        act.deed,
        Deed::EditBlock
            | Deed::ExtendBlock
            | Deed::AddBlock
            | Deed::RemoveBlock
            | Deed::EditLine
            | Deed::ExtendLine
            | Deed::AddLine
            | Deed::RemoveLine
    );
    words && act.pick % 11 < 7
}

/// What nobody edits, since it tells where the text comes from, or is no text.
fn stays(block: &str) -> bool {
    let begins = [
        "---\n",
        "# ",
        "<!--",
        "[Open in Notion]",
        "<page",
        "<database",
        "<unknown",
    ];
    !origins(block).is_empty() || begins.iter().any(|start| block.starts_with(start))
}

/// Calls with what decides which blocks somebody writes: numbers, and the words, that of the act among them.
fn with_words<T>(act: Act, write: impl FnOnce(&mut Stream, &[&str]) -> T) -> T {
    let unique = word(act.token);
    let words = [
        unique.as_str(),
        &unique,
        "alpha",
        "**beta**",
        "`gamma`",
        "*delta*",
    ];
    write(&mut Stream::new(act.pick, "blocks"), &words)
}

/// What a new page says.
pub(super) fn new_page_blocks(act: Act) -> String {
    with_words(act, bodies::page_of)
}

/// What a new file or issue says.
pub(super) fn new_file_blocks(act: Act) -> String {
    with_words(act, bodies::file_of)
}

/// What somebody makes of the blocks of a page; `None` where he does something else.
pub(super) fn changed_page_blocks(text: &str, act: Act) -> Option<String> {
    is_of_blocks(act).then(|| {
        with_words(act, |random, words| {
            bodies::edited_page(random, text, words, &stays)
        })
    })
}

/// The same of a file or an issue.
pub(super) fn changed_file_blocks(text: &str, act: Act) -> Option<String> {
    is_of_blocks(act).then(|| {
        with_words(act, |random, words| {
            bodies::edited_file(random, text, words, &stays)
        })
    })
}

/// The lines of a Markdown text that somebody would edit.
fn lines_of(text: &str) -> Vec<usize> {
    let mut out = Vec::new();
    let (mut front, mut hidden, mut fence) = (text.starts_with("---\n"), false, false);
    for (number, line) in text.lines().enumerate() {
        if front {
            front = number == 0 || line != "---";
            continue;
        }
        if line.starts_with("<!--") {
            hidden = true;
        }
        if line.starts_with("```") {
            fence = !fence;
        }
        let plain = line
            .trim_start_matches(['*', '-', '[', ']', ' ', '>'])
            .starts_with(|c: char| c.is_ascii_alphanumeric());
        let link = line.starts_with("[Open in Notion]");
        if plain && !hidden && !fence && !link && origins(line).is_empty() && line != "---" {
            out.push(number);
        }
        if line.ends_with("-->") {
            hidden = false;
        }
    }
    out
}

fn rewrite(text: &str, number: usize, change: impl FnOnce(&str) -> Option<String>) -> String {
    let mut out = String::with_capacity(text.len() + 32);
    let mut change = Some(change);
    for (at, line) in text.lines().enumerate() {
        if at == number {
            let next = change.take().and_then(|change| change(line));
            if let Some(next) = next {
                out.push_str(&next);
                out.push('\n');
            }
        } else {
            out.push_str(line);
            out.push('\n');
        }
    }
    out
}

/// What somebody makes of a text; `None` where there is nothing to do that to.
pub(super) fn changed_text(text: &str, act: Act) -> Option<String> {
    let unique = word(act.token);
    let at = nth(&lines_of(text), act.pick / 7);
    Some(match act.deed {
        Deed::EditLine => rewrite(text, at?, |line| {
            let start = line
                .find(|c: char| c.is_ascii_alphanumeric())
                .unwrap_or_default();
            Some(format!("{}Now it says {unique} here.", &line[..start]))
        }),
        Deed::ExtendLine => rewrite(text, at?, |line| Some(format!("{line} And {unique}."))),
        Deed::RemoveLine => rewrite(text, at?, |_| None),
        Deed::AddLine => format!("{}\n\nAdded {unique} below.\n", text.trim_end()),
        Deed::FrontOwner => {
            let at = text.lines().position(|line| line.starts_with("owner: "))?;
            rewrite(text, at, |_| Some(format!("owner: {unique}")))
        }
        Deed::FrontReviewed => {
            let line = format!("reviewed: {}", moment(act.token));
            let mut lines: Vec<&str> = text.lines().collect();
            let known = lines.iter().position(|line| line.starts_with("reviewed: "));
            match known {
                Some(at) => lines[at] = &line,
                None if text.starts_with("---\n") => lines.insert(1, &line),
                None => lines.splice(0..0, ["---", &line, "---", ""]).for_each(drop),
            }
            lines.join("\n") + "\n"
        }
        _ => {
            let at = text.lines().position(|line| line.starts_with("# "))?;
            rewrite(text, at, |_| Some(format!("# Titled {unique}")))
        }
    })
}
