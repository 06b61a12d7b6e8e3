//! Standard output: text for people or JSON for programs.

use std::io::Write as _;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;
use serde_json::json;

use crate::exit::Failure;

/// Where results go. A reader that went away is no error: the work is done all the same.
#[derive(Debug, Clone, Copy)]
pub struct Output {
    json: bool,
}

impl Output {
    /// Text, or JSON.
    #[must_use]
    pub fn new(json: bool) -> Self {
        Self { json }
    }

    /// Whether JSON is wanted.
    #[must_use]
    pub fn is_json(self) -> bool {
        self.json
    }

    /// A line for people; nothing where JSON is wanted.
    pub fn line(self, text: impl AsRef<str>) {
        if !self.json {
            self.raw(text.as_ref());
        }
    }

    /// An object for programs; nothing where text is wanted.
    pub fn object(self, value: &impl Serialize) {
        if self.json
            && let Ok(text) = serde_json::to_string(value)
        {
            self.raw(&text);
        }
    }

    /// A line whatever is wanted.
    pub fn raw(self, text: &str) {
        let mut out = std::io::stdout().lock();
        let _ = writeln!(out, "{text}");
    }

    /// A failure, on standard error and as JSON also on standard output.
    pub fn failure(self, failure: &Failure) {
        let mut err = std::io::stderr().lock();
        let _ = writeln!(err, "notion-sync: {failure}");
        let exit = failure.exit().code();
        self.object(&json!({ "error": failure.to_string(), "exit": exit }));
    }
}

/// Text that people wrote, on one line and without control characters, so that a title cannot
/// write over what a terminal shows.
#[must_use]
pub(super) fn plain(text: &str) -> String {
    on_one_line(text).take(200).collect()
}

/// The same in full, for texts that somebody compares: a paragraph is one line.
#[must_use]
pub(super) fn whole(text: &str) -> String {
    on_one_line(text).collect()
}

/// What is wrong somewhere, and what to do: longer than what people write, and never cut within the
/// command that it names. Hashes are shortened as in [`unit`].
#[must_use]
pub(super) fn message(text: &str) -> String {
    let line: String = on_one_line(text).take(2_000).collect();
    shortened(&line)
}

/// A unit of a record for people: the id of a place in a body is a long hash, of which the
/// beginning does.
#[must_use]
pub(super) fn unit(name: &str) -> String {
    shortened(&plain(name))
}

fn on_one_line(text: &str) -> impl Iterator<Item = char> {
    text.chars().map(|c| if c.is_control() { ' ' } else { c })
}

/// The beginning of every hash does. Ids, which people copy into commands, are shorter and stay.
fn shortened(text: &str) -> String {
    const HASH: usize = 33;
    let mut out = String::new();
    let mut digits = String::new();
    let end = std::iter::once(None);
    for c in text.chars().map(Some).chain(end) {
        if let Some(digit) = c.filter(char::is_ascii_hexdigit) {
            digits.push(digit);
            continue;
        }
        let kept = if digits.len() < HASH {
            digits.len()
        } else {
            10
        };
        out.push_str(&digits[..kept]);
        digits.clear();
        out.extend(c);
    }
    out
}

/// A time to the second.
#[must_use]
pub(super) fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_hashes_are_cut_and_control_characters_removed() {
        let hash = "ab".repeat(32);
        assert_eq!(unit(&format!("block at:{hash}:0")), "block at:ababababab:0");
        assert_eq!(unit("Status"), "Status");
        assert_eq!(plain("a\u{1b}[2Jb\nc"), "a [2Jb c");
        assert_eq!(message(&format!("{hash}\nb")), "ababababab b");
        let long = "word ".repeat(1_000);
        assert_eq!(whole(&format!("{long}\u{1b}[2Jb")), format!("{long} [2Jb"));
    }

    #[test]
    fn a_message_ends_with_a_command_that_can_be_copied() {
        let title = "word ".repeat(60);
        let command = "`notion-sync dead-letter retry rb6ad83b22ed626729492fc49`";
        let text = format!("{title}: ask for it again with {command}");
        assert_eq!(message(&text), text);
        assert!(plain(&text).len() < text.len());
    }
}
