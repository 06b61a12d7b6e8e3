//! What somebody makes of a whole text at once: blocks come, go and move, tables grow and shrink.

use crate::simulation::Stream;

use super::{file_of, page_of};

/// Where lines of a text stand.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Page,
    File,
}

/// What somebody makes of the body of a page in Notion's Markdown. New blocks have these words, of which there is one
/// at least; a block for which `fixed` says so stays as it is, and what is before the first other one stays there.
#[must_use]
pub fn edited_page(
    random: &mut Stream,
    text: &str,
    words: &[&str],
    fixed: &dyn Fn(&str) -> bool,
) -> String {
    edited(random, text, words, fixed, Form::Page)
}

/// The same of a file or an issue, front matter and title included where `fixed` knows them.
#[must_use]
pub fn edited_file(
    random: &mut Stream,
    text: &str,
    words: &[&str],
    fixed: &dyn Fn(&str) -> bool,
) -> String {
    edited(random, text, words, fixed, Form::File)
}

fn edited(
    random: &mut Stream,
    text: &str,
    words: &[&str],
    fixed: &dyn Fn(&str) -> bool,
    form: Form,
) -> String {
    let mut blocks = match form {
        // The last line of a page has no end.
        Form::Page if text.is_empty() => Vec::new(),
        Form::Page => page_blocks(&format!("{}\n", text.trim_end_matches('\n'))),
        Form::File => file_blocks(text),
    };
    let first = (blocks.iter())
        .position(|block| !fixed(block))
        .unwrap_or(blocks.len());
    let free: Vec<usize> = (first..blocks.len())
        .filter(|at| !fixed(&blocks[*at]))
        .collect();
    let fresh = |random: &mut Stream| match form {
        Form::Page => page_of(random, words),
        Form::File => file_of(random, words),
    };
    let tables: Vec<usize> = (free.iter().copied())
        .filter(|at| rows(&blocks[*at], form).is_some())
        .collect();
    match random.below(10) {
        4 if !free.is_empty() => {
            blocks.remove(*random.of(&free));
        }
        5 if !free.is_empty() => {
            let at = *random.of(&free);
            blocks[at] = fresh(random);
        }
        6 if free.len() > 1 => {
            let (one, other) = (*random.of(&free), *random.of(&free));
            blocks.swap(one, other);
        }
        7 => {
            // What stays and stands before all others stays there.
            blocks.retain(|block| fixed(block));
            blocks.insert(first, fresh(random));
        }
        8 | 9 if !tables.is_empty() => {
            let at = *random.of(&tables);
            blocks[at] = edited_table(random, &blocks[at], words, form);
        }
        _ => {
            let at = first + random.below((blocks.len() - first) as u64 + 1) as usize;
            let block = fresh(random);
            blocks.insert(at, block);
        }
    }
    match form {
        Form::Page => blocks.concat(),
        Form::File => {
            let trimmed = blocks.iter().map(|block| block.trim_end_matches('\n'));
            let kept: Vec<&str> = trimmed.filter(|block| !block.is_empty()).collect();
            kept.join("\n\n") + "\n"
        }
    }
}

/// The blocks of the upper level of a page, each with what is below it.
fn page_blocks(text: &str) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let mut until: Option<&str> = None;
    for line in text.split_inclusive('\n') {
        let bare = line.trim_end();
        if let Some(block) = out.last_mut()
            && (until.is_some() || bare.starts_with('\t'))
        {
            block.push_str(line);
            if until == Some(bare) {
                until = None;
            }
            continue;
        }
        until = match bare {
            _ if bare.starts_with("```") => Some("```"),
            "$$" => Some("$$"),
            "<columns>" => Some("</columns>"),
            _ if bare.starts_with("<table") => Some("</table>"),
            _ if bare.starts_with("<details") => Some("</details>"),
            _ if bare.starts_with("<callout") && !bare.ends_with("</callout>") => {
                Some("</callout>")
            }
            _ => None,
        };
        out.push(line.to_owned());
    }
    out
}

/// The blocks of the upper level of a file: what blank lines part, with what is indented below it, and the front
/// matter.
fn file_blocks(text: &str) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let (mut fence, mut toggles, mut hidden) = (None, 0_usize, false);
    let mut front = text.starts_with("---\n");
    let mut blank = true;
    for (number, line) in text.split_inclusive('\n').enumerate() {
        let bare = line.trim_end();
        let inside = front && number > 0
            || fence.is_some()
            || toggles > 0
            || hidden
            || bare.is_empty()
            || line.starts_with(' ');
        match out.last_mut() {
            Some(block) if inside || !blank => block.push_str(line),
            _ => out.push(line.to_owned()),
        }
        blank = bare.is_empty();
        if front {
            front = number == 0 || bare != "---";
            blank |= !front;
            continue;
        }
        let start = bare.trim_start();
        match fence {
            Some(end) if start == end => fence = None,
            Some(_) => continue,
            None if start.starts_with("```") => fence = Some("```"),
            None if start == "$$" => fence = Some("$$"),
            None => {}
        }
        toggles += usize::from(start.starts_with("<details"));
        toggles -= usize::from(start == "</details>" && toggles > 0);
        hidden |= start.starts_with("<!--");
        hidden &= !bare.ends_with("-->");
    }
    out
}

/// The rows of a table; `None` where a block is none.
fn rows(block: &str, form: Form) -> Option<Vec<String>> {
    let mut out: Vec<String> = Vec::new();
    match form {
        Form::File => {
            for line in block.trim_end().lines() {
                if !line.starts_with('|') {
                    return None;
                }
                out.push(format!("{line}\n"));
            }
        }
        Form::Page => {
            if !block.starts_with("<table") {
                return None;
            }
            for part in block.split_inclusive("</tr>\n") {
                out.push(part.to_owned());
            }
            // What closes the table.
            out.pop()?;
        }
    }
    Some(out).filter(|rows| !rows.is_empty())
}

/// A row of the table goes or comes; the first one, and what rules off the head of a file's, stay.
fn edited_table(random: &mut Stream, block: &str, words: &[&str], form: Form) -> String {
    let Some(mut rows) = rows(block, form) else {
        return block.to_owned();
    };
    let head = match form {
        Form::File => 2,
        Form::Page => 1,
    };
    let last = match form {
        Form::File => "\n",
        Form::Page => "</table>\n",
    };
    if rows.len() > head && random.chance(40) {
        let at = head + random.below((rows.len() - head) as u64) as usize;
        rows.remove(at);
    } else {
        let cell = |random: &mut Stream| *random.of(words);
        let row = match form {
            Form::File => {
                let width = rows[0].matches('|').count() - 1;
                let cells = (0..width).map(|_| format!("| {} ", cell(random)));
                cells.collect::<String>() + "|\n"
            }
            Form::Page => {
                let width = rows[0].matches("<td").count();
                let cells = (0..width).map(|_| format!("\t\t<td>{}</td>\n", cell(random)));
                format!("\t<tr>\n{}\t</tr>\n", cells.collect::<String>())
            }
        };
        let at = head.min(rows.len());
        let at = at + random.below((rows.len() - at) as u64 + 1) as usize;
        rows.insert(at, row);
    }
    rows.concat() + last
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_parted_and_joined_without_loss() {
        let mut random = Stream::new(1, "blocks");
        for _ in 0..300 {
            let page = super::super::page(&mut random);
            let blocks = page_blocks(&page);
            assert_eq!(blocks.concat(), page);
            assert!(blocks.iter().all(|block| !block.starts_with(['\t', '\n'])));
            let file = format!(
                "---\nowner: Bob\n---\n# Title\n\n{}",
                super::super::file(&mut random)
            );
            let blocks = file_blocks(&file);
            assert_eq!(blocks.concat(), file);
            assert_eq!(blocks[0], "---\nowner: Bob\n---\n");
            assert_eq!(blocks[1].trim_end(), "# Title");
            assert!(blocks.iter().all(|block| !block.starts_with([' ', '\n'])));
        }
    }

    #[test]
    fn a_toggle_and_a_list_are_one_block_each() {
        let file = "- one\n\n  two\n\n<details>\n<summary>More</summary>\n\n```rust\n<details>\n```\n\nalpha\n\n</details>\n\n<!-- a\n\nb -->\n\nbeta\n";
        assert_eq!(file_blocks(file).len(), 4);
        let page = "- one\n\ttwo\n<details>\n<summary>More</summary>\n\talpha\n</details>\n```rust\n\nx\n```\nbeta\n";
        assert_eq!(page_blocks(page).len(), 4);
    }

    #[test]
    fn what_is_fixed_stays() {
        let mut random = Stream::new(2, "edits");
        let fixed = |block: &str| block.starts_with("---") || block.contains("stays");
        let text =
            "---\nowner: Bob\n---\n\nalpha\n\nIt stays.\n\n| a | b |\n| --- | --- |\n| 1 | 2 |\n";
        let (mut fewer, mut more) = (0, 0);
        for _ in 0..300 {
            let next = edited_file(&mut random, text, &["fresh"], &fixed);
            assert!(next.starts_with("---\nowner: Bob\n---\n\n"), "{next}");
            assert_eq!(next.matches("It stays.").count(), 1, "{next}");
            fewer += usize::from(!next.contains("alpha") || !next.contains("| 1 | 2 |"));
            more += usize::from(next.contains("fresh"));
        }
        assert!(fewer > 30 && more > 100, "{fewer} {more}");
    }

    #[test]
    fn rows_come_and_go() {
        let mut random = Stream::new(3, "rows");
        for (form, block) in [
            (Form::File, "| a | b |\n| --- | --- |\n| 1 | 2 |\n"),
            (
                Form::Page,
                "<table>\n\t<tr>\n\t\t<td>a</td>\n\t\t<td>b</td>\n\t</tr>\n\t<tr>\n\t\t<td>1</td>\n\t\t<td>2</td>\n\t</tr>\n</table>\n",
            ),
        ] {
            let before = rows(block, form).unwrap().len();
            let counts: std::collections::BTreeSet<usize> = (0..50)
                .map(|_| edited_table(&mut random, block, &["fresh"], form))
                .map(|next| rows(&next, form).unwrap().len())
                .collect();
            assert_eq!(counts, [before - 1, before + 1].into(), "{block}");
        }
        assert!(rows("alpha\n", Form::File).is_none());
    }
}
