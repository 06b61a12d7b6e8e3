//! What people do to a Markdown text.

use super::deed::{Act, Deed};
use super::people::nth;
use notion_sync_testkit::simulation::{moment, origins, word};

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
