//! Random texts of all kinds of blocks that people write, in the form of either side.
//!
//! Words are few and shapes small, so that two texts have blocks in common, and a change from one to the other
//! inserts, edits and removes at every depth.

mod edits;

pub use edits::{edited_file, edited_page};

use crate::simulation::Stream;

const WORDS: [&str; 4] = ["alpha", "beta", "gamma", "**delta**"];

/// The deepest level of lists and toggles.
const DEPTH: usize = 3;

/// The body of a page in Notion's Markdown.
#[must_use]
pub fn page(random: &mut Stream) -> String {
    page_of(random, &WORDS)
}

/// The body of a page in Notion's Markdown, of these words, of which there is one at least.
#[must_use]
pub fn page_of(random: &mut Stream, words: &[&str]) -> String {
    page_level(random, words, 0)
}

/// The text of a file, without front matter and title.
#[must_use]
pub fn file(random: &mut Stream) -> String {
    file_of(random, &WORDS)
}

/// The text of a file, without front matter and title, of these words, of which there is one at least.
#[must_use]
pub fn file_of(random: &mut Stream, words: &[&str]) -> String {
    let mut out = String::new();
    file_level(random, words, 0, "", &mut out);
    out
}

fn page_level(random: &mut Stream, words: &[&str], depth: usize) -> String {
    let tabs = "\t".repeat(depth);
    let mut out = String::new();
    for _ in 0..random.below(5) {
        let word = *random.of(words);
        let mut inner = None;
        let line = match random.below(16) {
            1 => {
                inner = Some(33);
                format!("- {word}")
            }
            2 => format!("- [ ] {word}"),
            3 => {
                inner = Some(33);
                format!("1. {word}")
            }
            4 => format!("> {word}"),
            5 => format!("### {word}"),
            6 | 7 => page_table(random, words, &tabs),
            8 if depth == 0 => page_columns(random, words, word),
            9 => format!(
                "```rust\n{tabs}let {word} = {};\n{tabs}```",
                random.below(3)
            ),
            10 => "---".to_owned(),
            11 => format!("$$\n{tabs}x_{}\n{tabs}$$", random.below(3)),
            12 => format!("![{word}](https://example.org/{}.png)", random.below(2)),
            13 if depth < DEPTH => {
                let inner = page_level(random, words, depth + 1);
                let summary = random.of(&["Less", "More"]);
                format!("<details>\n{tabs}<summary>{summary}</summary>\n{inner}{tabs}</details>")
            }
            14 => {
                inner = Some(100);
                format!("## {word} {{toggle=\"true\"}}")
            }
            15 => format!("<callout>\n{tabs}\t{word}\n{tabs}</callout>"),
            _ => word.to_owned(),
        };
        out.push_str(&format!("{tabs}{line}\n"));
        if depth < DEPTH && inner.is_some_and(|percent| random.chance(percent)) {
            out.push_str(&page_level(random, words, depth + 1));
        }
    }
    out
}

/// Mostly two columns, so that rows come and go.
fn page_table(random: &mut Stream, words: &[&str], tabs: &str) -> String {
    let width = 2 + random.below(4) / 3;
    let mut rows = String::new();
    for _ in 0..=random.below(4) {
        rows.push_str(&format!("{tabs}\t<tr>\n"));
        for _ in 0..width {
            rows.push_str(&format!("{tabs}\t\t<td>{}</td>\n", random.of(words)));
        }
        rows.push_str(&format!("{tabs}\t</tr>\n"));
    }
    format!("<table>\n{rows}{tabs}</table>")
}

fn page_columns(random: &mut Stream, words: &[&str], word: &str) -> String {
    let mut columns = String::new();
    for _ in 0..2 + random.below(2) {
        let inner = page_level(random, words, 2);
        columns.push_str(&format!("\t<column>\n\t\t{word}\n{inner}\t</column>\n"));
    }
    format!("<columns>\n{columns}</columns>")
}

fn file_level(random: &mut Stream, words: &[&str], depth: usize, indent: &str, out: &mut String) {
    for _ in 0..random.below(5) {
        let word = *random.of(words);
        let mut inner = None;
        let block = match random.below(15) {
            1 => {
                inner = Some("  ");
                format!("- {word}")
            }
            2 => format!("- [ ] {word}"),
            3 => {
                inner = Some("   ");
                format!("1. {word}")
            }
            4 => format!("> {word}"),
            5 => format!("### {word}"),
            6 | 7 => file_table(random, words, indent),
            8 => format!(
                "```rust\n{indent}let {word} = {};\n{indent}```",
                random.below(3)
            ),
            9 => "***".to_owned(),
            10 => format!("$$\n{indent}x_{}\n{indent}$$", random.below(3)),
            11 => format!("![{word}](https://example.org/{}.png)", random.below(2)),
            12 if depth < DEPTH => {
                let mut hidden = String::new();
                file_level(random, words, depth + 1, indent, &mut hidden);
                let summary = random.of(&["Less", "More"]);
                format!(
                    "<details>\n{indent}<summary>{summary}</summary>\n\n{hidden}{indent}</details>"
                )
            }
            13 => format!("> [!NOTE]\n{indent}> {word}"),
            14 => format!(
                "{word}, `code` and [a link](https://example.org/{})",
                random.below(2)
            ),
            _ => word.to_owned(),
        };
        out.push_str(&format!("{indent}{block}\n\n"));
        if let Some(more) = inner
            && depth < DEPTH
            && random.chance(33)
        {
            file_level(random, words, depth + 1, &format!("{indent}{more}"), out);
        }
    }
}

fn file_table(random: &mut Stream, words: &[&str], indent: &str) -> String {
    let width = 2 + random.below(4) / 3;
    let mut table = String::new();
    for row in 0..=random.below(4) {
        if row > 0 {
            table.push_str(&format!("\n{indent}"));
        }
        for _ in 0..width {
            table.push_str(&format!("| {} ", random.of(words)));
        }
        table.push('|');
        if row == 0 {
            table.push_str(&format!("\n{indent}"));
            (0..width).for_each(|_| table.push_str("| --- "));
            table.push('|');
        }
    }
    table
}
