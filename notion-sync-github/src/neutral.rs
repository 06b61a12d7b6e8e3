//! Text of a page that GitHub must not obey.
//!
//! Mentions notify people, closing keywords close issues and `[skip ci]` switches checks off.
//! Anybody who can edit a page could do that, so a zero-width space breaks each of them wherever
//! such text reaches GitHub. People see the same letters.
//!
//! In bodies that are read back the change is undone by [`restore`], exactly: one zero-width space
//! is added at every such place, whether or not there is one already, and one is taken away.
//! Code spans and fenced code are left alone, where GitHub does not act either.

/// What breaks a mention or keyword.
const BREAK: char = '\u{200B}';

/// The words that close an issue, before a reference to it.
const KEYWORDS: [&str; 9] = [
    "close", "closes", "closed", "fix", "fixes", "fixed", "resolve", "resolves", "resolved",
];

/// What commit messages and titles must not say besides.
const SKIPS: [&str; 5] = [
    "[skip ci]",
    "[ci skip]",
    "[no ci]",
    "[skip actions]",
    "[actions skip]",
];

/// Takes the effect out of Markdown text.
#[must_use]
pub fn neutralise(text: &str) -> String {
    edit_prose(text, &|out, prose| {
        rewrite(prose, out, true);
    })
}

/// Undoes [`neutralise`]: `restore(neutralise(x)) == x` for every text.
#[must_use]
pub fn restore(text: &str) -> String {
    edit_prose(text, &|out, prose| {
        rewrite(prose, out, false);
    })
}

/// One line for a commit message, title or trailer: no line breaks, no control characters, no
/// effect, at most `max` characters.
#[must_use]
pub fn one_line(text: &str, max: usize) -> String {
    let mut line = String::with_capacity(text.len().min(max * 4));
    let mut blank = true;
    for c in text.chars() {
        if c.is_control() || c.is_whitespace() {
            if !blank {
                line.push(' ');
                blank = true;
            }
        } else {
            line.push(c);
            blank = false;
        }
    }
    let line = line.trim_end();
    let mut short: String = line.chars().take(max).collect();
    if line.chars().nth(max).is_some() {
        short.pop();
        short.push('…');
    }
    let mut out = String::with_capacity(short.len() + 8);
    rewrite(&short, &mut out, true);
    for skip in SKIPS {
        out = break_skip(&out, skip);
    }
    if out.to_ascii_lowercase().starts_with("skip-checks") {
        out.insert(4, BREAK);
    }
    out
}

fn break_skip(text: &str, skip: &str) -> String {
    let lower = text.to_ascii_lowercase();
    let mut out = String::with_capacity(text.len());
    let mut from = 0;
    while let Some(at) = lower[from..].find(skip) {
        let start = from + at;
        out.push_str(&text[from..=start]);
        out.push(BREAK);
        from = start + 1;
    }
    out.push_str(&text[from..]);
    out
}

/// Applies an edit to everything outside code. Code is found line by line: fences, and inline
/// spans inside one line. Neither direction of the edit changes what is code.
fn edit_prose(text: &str, edit: &dyn Fn(&mut String, &str)) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    let mut fence: Option<(char, usize)> = None;
    for line in text.split_inclusive('\n') {
        let body = line.trim_start_matches(' ');
        let marker = body.chars().next().filter(|c| matches!(c, '`' | '~'));
        let run = marker.map_or(0, |c| body.chars().take_while(|d| *d == c).count());
        match (fence, marker) {
            (Some((open, length)), _) => {
                out.push_str(line);
                let closes = marker == Some(open)
                    && run >= length
                    && body.trim_end().chars().all(|c| c == open);
                if closes {
                    fence = None;
                }
                continue;
            }
            (None, Some(c)) if run >= 3 && !(c == '`' && body[run..].contains('`')) => {
                fence = Some((c, run));
                out.push_str(line);
                continue;
            }
            _ => {}
        }
        edit_line(line, &mut out, edit);
    }
    out
}

fn edit_line(line: &str, out: &mut String, edit: &dyn Fn(&mut String, &str)) {
    let mut rest = line;
    let mut prose = 0;
    // Offsets into `rest`: everything before `prose` is searched for the start of a code span.
    while let Some(at) = rest[prose..].find('`') {
        let start = prose + at;
        let run = rest[start..].chars().take_while(|c| *c == '`').count();
        match closing_run(&rest[start + run..], run) {
            Some(length) => {
                edit(out, &rest[..start]);
                let end = start + run + length;
                out.push_str(&rest[start..end]);
                rest = &rest[end..];
                prose = 0;
            }
            None => prose = start + run,
        }
    }
    edit(out, rest);
}

/// Length up to and including a run of exactly `run` backticks.
fn closing_run(text: &str, run: usize) -> Option<usize> {
    let mut from = 0;
    while let Some(at) = text[from..].find('`') {
        let start = from + at;
        let found = text[start..].chars().take_while(|c| *c == '`').count();
        if found == run {
            return Some(start + found);
        }
        from = start + found;
    }
    None
}

/// Adds (or takes away) one break at every place that acts.
fn rewrite(text: &str, out: &mut String, add: bool) {
    let mut rest = text;
    let mut previous: Option<char> = None;
    while let Some(c) = rest.chars().next() {
        let site = site_at(rest, previous);
        let head = c.len_utf8();
        out.push(c);
        rest = &rest[head..];
        previous = Some(c);
        if let Some(breaks) = site {
            let kept = if add {
                breaks + 1
            } else {
                breaks.saturating_sub(1)
            };
            for _ in 0..kept {
                out.push(BREAK);
            }
            rest = &rest[breaks * BREAK.len_utf8()..];
            if breaks > 0 {
                previous = Some(BREAK);
            }
        }
    }
}

/// Whether something that acts begins here: how many breaks follow its first character.
fn site_at(text: &str, previous: Option<char>) -> Option<usize> {
    let first = text.chars().next()?;
    let word_before = previous.is_some_and(|c| c.is_alphanumeric() || c == '_');
    if word_before {
        return None;
    }
    let tail = &text[first.len_utf8()..];
    let breaks = tail.chars().take_while(|c| *c == BREAK).count();
    let after = &tail[breaks * BREAK.len_utf8()..];
    if first == '@' {
        let names = after
            .chars()
            .next()
            .is_some_and(|c| c.is_ascii_alphanumeric());
        return names.then_some(breaks);
    }
    if !matches!(first.to_ascii_lowercase(), 'c' | 'f' | 'r') {
        return None;
    }
    let letters = after.bytes().take_while(u8::is_ascii_alphabetic).count();
    let mut word = String::with_capacity(letters + 1);
    word.push(first.to_ascii_lowercase());
    word.push_str(&after[..letters].to_ascii_lowercase());
    if !KEYWORDS.contains(&word.as_str()) {
        return None;
    }
    refers(&after[letters..]).then_some(breaks)
}

/// Whether a reference to an issue follows a keyword.
fn refers(text: &str) -> bool {
    let text = text.strip_prefix(':').unwrap_or(text);
    let target = text.trim_start();
    if target.len() == text.len() {
        return false;
    }
    let digits = |text: &str| text.starts_with(|c: char| c.is_ascii_digit());
    if target.strip_prefix('#').is_some_and(digits) {
        return true;
    }
    let word = target.split(char::is_whitespace).next().unwrap_or_default();
    let lower = word.to_ascii_lowercase();
    if lower.strip_prefix("gh-").is_some_and(digits) {
        return true;
    }
    if lower.starts_with("http://") || lower.starts_with("https://") {
        return lower.contains("/issues/") || lower.contains("/pull/");
    }
    word.split_once('#')
        .is_some_and(|(repository, number)| repository.contains('/') && digits(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn breaks_what_acts_and_nothing_else() {
        for (text, acts) in [
            ("@alice look", true),
            ("(@org/team)", true),
            ("fixes #12", true),
            ("Fixes: #12", true),
            ("this closed acme/docs#7.", true),
            ("resolve https://github.com/a/b/issues/3", true),
            ("RESOLVES GH-4", true),
            ("alice@example.com", false),
            ("a @ b", false),
            ("prefixes #12", false),
            ("fixes the bug in #12", false),
            ("fixes#12", false),
            ("`@alice` and ``fixes #1 ` @x``", false),
            ("```\n@alice fixes #1\n```\n", false),
            ("~~~ rust\n@alice\n~~~\n", false),
            ("closest #1", false),
        ] {
            let changed = neutralise(text);
            assert_eq!(changed != text, acts, "{text:?} -> {changed:?}");
            assert_eq!(changed.replace(BREAK, ""), text);
            assert_eq!(restore(&changed), text);
        }
        assert_eq!(
            neutralise("@alice fixes #1"),
            "@\u{200B}alice f\u{200B}ixes #1"
        );
        let after_code = "```\ncode\n```\n@alice";
        assert!(neutralise(after_code).ends_with("@\u{200B}alice"));
    }

    #[test]
    fn is_undone_exactly_even_where_breaks_stand_already() {
        let pieces = [
            "@", "\u{200B}", "a", "fix", "es", " ", "#", "1", "`", "```", "\n", "~~~", "f", "ix",
            ":", "é",
        ];
        let mut state = 0x2545_f491_4f6c_dd1d_u64;
        let mut differing = 0;
        for _ in 0..20_000 {
            let mut text = String::new();
            for _ in 0..12 {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                let index = usize::try_from(state % pieces.len() as u64).unwrap();
                text.push_str(pieces[index]);
            }
            let changed = neutralise(&text);
            differing += usize::from(changed != text);
            assert_eq!(restore(&changed), text, "{text:?} -> {changed:?}");
        }
        assert!(differing > 500, "{differing}");
    }

    #[test]
    fn lines_hold_no_trailers_and_no_commands() {
        let line = one_line(
            "Plan\n\nCo-authored-by: x\r\n[Skip CI] @bob\u{7} closes #3",
            200,
        );
        assert!(!line.contains(['\n', '\r', '\u{7}']));
        assert!(!line.to_lowercase().contains("[skip ci]"), "{line}");
        assert!(!line.contains("@bob") && !line.contains("closes #3"));
        assert_eq!(one_line(&"ä".repeat(300), 10).chars().count(), 10);
        assert!(!one_line("skip-checks: true", 99).starts_with("skip-checks"));
        assert_eq!(one_line("  \n ", 10), "");
    }
}
