//! Templates of settings, filled with what a page says.
//!
//! The template is written by whoever configures the sync and may act: mention people, name issues.
//! What comes from the page must not, wherever the template puts it. [`inert`] therefore breaks
//! everything that could act in any surrounding, inside code too: the template can open or close a
//! code span around it.

use std::collections::BTreeMap;

use notion_sync_core::effect::EffectRequest;

/// What breaks something that acts. People see the same letters.
const BREAK: char = '\u{200B}';
/// Most characters of one value of a page.
const MAX_VALUE: usize = 1_000;
/// Most characters of a slug.
const MAX_SLUG: usize = 50;

/// What can stand in braces in a template.
#[derive(Debug)]
pub(super) struct Words(BTreeMap<&'static str, String>);

impl Words {
    /// The words of a request, made harmless by `harmless`. The address of the page and the numbers
    /// are ours.
    pub(super) fn of(request: &EffectRequest, number: u64, harmless: fn(&str) -> String) -> Self {
        let page = request.page_url.as_deref().filter(|url| is_plain(url));
        Self(BTreeMap::from([
            ("title", harmless(&request.title)),
            ("value", harmless(&request.value)),
            ("page", page.unwrap_or_default().to_owned()),
            ("number", number.to_string()),
            ("slug", slug(&request.title)),
            ("op", request.op.to_string()),
        ]))
    }

    /// Fills a template in one pass: braces in a value stay what they are. Names that nobody knows
    /// stay too.
    pub(super) fn fill(&self, template: &str) -> String {
        let mut out = String::with_capacity(template.len() + 64);
        let mut rest = template;
        while let Some(at) = rest.find('{') {
            let (before, tail) = rest.split_at(at);
            out.push_str(before);
            let known = tail[1..].split_once('}').and_then(|(name, after)| {
                let word = self.0.get(name)?;
                Some((word, after))
            });
            match known {
                Some((word, after)) => {
                    out.push_str(word);
                    rest = after;
                }
                None => {
                    out.push('{');
                    rest = &tail[1..];
                }
            }
        }
        out.push_str(rest);
        out
    }
}

/// Whether an address can stand anywhere without ending or opening anything.
fn is_plain(url: &str) -> bool {
    url.starts_with("https://")
        && url
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && !b"()<>[]`\"'\\{}".contains(&byte))
}

/// Text of a page on one line, as it is otherwise: for a title that is made harmless as a whole.
pub(super) fn line(text: &str) -> String {
    let mut out = String::with_capacity(text.len().min(MAX_VALUE * 4));
    let mut blank = true;
    for c in text.chars().take(MAX_VALUE) {
        if c.is_control() || c.is_whitespace() {
            if !blank {
                out.push(' ');
                blank = true;
            }
        } else {
            out.push(c);
            blank = false;
        }
    }
    out.truncate(out.trim_end().len());
    out
}

/// Text of a page as data, for files and inputs of workflows: on one line, and no command to
/// whatever reads the log in which a workflow prints it.
pub(super) fn data(text: &str) -> String {
    let mut out = line(text);
    if out.starts_with("::") || out.starts_with("##[") {
        out.insert(1, BREAK);
    }
    out
}

/// Text of a page that acts nowhere: no mention, no reference to an issue that a keyword of the
/// template could take up, no comment or marker, no command of a bot at the start of a line.
pub(super) fn inert(text: &str) -> String {
    let line = data(text);
    let mut out = String::with_capacity(line.len() + 16);
    if line.starts_with('/') {
        out.push(BREAK);
    }
    let mut rest = line.as_str();
    while let Some(c) = rest.chars().next() {
        let tail = &rest[c.len_utf8()..];
        let next = tail.chars().next();
        out.push(c);
        // At the end of a value the template goes on.
        let named = next.is_none_or(|next| next.is_ascii_alphanumeric());
        let acts = match c {
            '@' | '#' => named,
            '<' => next == Some('!'),
            '-' => next.is_none_or(|next| next.is_ascii_digit()) && ends_in_gh(&out),
            '/' => named && (out.ends_with("/issues/") || out.ends_with("/pull/")),
            _ => false,
        };
        if acts {
            out.push(BREAK);
        }
        rest = tail;
    }
    out
}

/// Whether a text ends in the `GH-` of a reference.
fn ends_in_gh(text: &str) -> bool {
    let mut back = text.chars().rev();
    let mut is = |wanted: char| back.next().is_some_and(|c| c.eq_ignore_ascii_case(&wanted));
    is('-') && is('h') && is('g') && back.next().is_none_or(|c| !c.is_alphanumeric())
}

/// A title in letters that every branch and path can hold.
fn slug(title: &str) -> String {
    let mut out = String::new();
    for c in title.chars() {
        if out.len() >= MAX_SLUG {
            break;
        }
        if c.is_ascii_alphanumeric() {
            out.push(c.to_ascii_lowercase());
        } else if !out.is_empty() && !out.ends_with('-') && !matches!(c, '\'' | '’') {
            out.push('-');
        }
    }
    out.truncate(out.trim_end_matches('-').len());
    out
}

/// A branch without the marks that an empty slug leaves behind: `task/7-` is `task/7`.
pub(super) fn trimmed_branch(name: &str) -> String {
    name.trim_end_matches(['-', '_', '.', '/']).to_owned()
}

/// Whether git takes a name for a branch. Stricter than git: only letters that need no quoting.
pub(super) fn is_branch(name: &str) -> bool {
    let plain = |c: char| c.is_alphanumeric() || "-_./+".contains(c);
    !name.is_empty()
        && name.len() <= 200
        && name.chars().all(plain)
        && !name.contains("..")
        && name.split('/').all(|part| {
            !part.is_empty()
                && !part.starts_with(['.', '-'])
                && !part.ends_with('.')
                && !part.ends_with(".lock")
        })
}

/// Whether a path names a file inside the repository that a sync may write.
pub(super) fn is_path(path: &str) -> bool {
    !path.is_empty()
        && path.len() <= 400
        && !path.contains(['\\', ':', '{', '}'])
        && !path.chars().any(char::is_control)
        && path
            .split('/')
            .all(|part| !matches!(part, "" | "." | "..") && !part.eq_ignore_ascii_case(".git"))
}

#[cfg(test)]
mod tests {
    use notion_sync_core::effect::Effect;
    use notion_sync_core::id::OpId;

    use super::*;
    use crate::reference;

    fn words(title: &str, harmless: fn(&str) -> String) -> Words {
        let request = EffectRequest {
            op: OpId::new("k3"),
            object: reference::issue(1, 7),
            links: BTreeMap::new(),
            effect: Effect::MarkReady,
            page: None,
            page_url: Some("https://www.notion.so/x".to_owned()),
            title: title.to_owned(),
            value: "Done".to_owned(),
            summary: None,
        };
        Words::of(&request, 7, harmless)
    }

    #[test]
    fn templates_are_filled_once() {
        let words = words("A {number} {title}", line);
        assert_eq!(
            words.fill("#{number}: {title} {value} {page} {who} {"),
            "#7: A {number} {title} Done https://www.notion.so/x {who} {"
        );
    }

    #[test]
    fn nothing_of_a_page_acts_wherever_it_stands() {
        for (text, harmless) in [
            ("@team", "@\u{200B}team"),
            ("`@team`", "`@\u{200B}team`"),
            ("a@b.c", "a@\u{200B}b.c"),
            ("#1", "#\u{200B}1"),
            ("a/b#12", "a/b#\u{200B}12"),
            ("gh-4 GH-5", "gh-\u{200B}4 GH-\u{200B}5"),
            (
                "https://github.com/a/b/issues/3",
                "https://github.com/a/b/issues/\u{200B}3",
            ),
            ("C# or gh-", "C# or gh-\u{200B}"),
            ("C#", "C#\u{200B}"),
            ("/approve", "\u{200B}/approve"),
            ("::add-mask::x", ":\u{200B}:add-mask::x"),
            ("<!-- notion-sync -->", "<\u{200B}!-- notion-sync -->"),
            ("a\n\n/merge", "a /merge"),
            ("# plain, high-5 & 3 - 4", "# plain, high-5 & 3 - 4"),
        ] {
            assert_eq!(inert(text), harmless, "{text:?}");
        }
    }

    #[test]
    fn slugs_fit_branches() {
        for (title, wanted) in [
            ("Fix the Login!", "fix-the-login"),
            ("  --Über   alles-- ", "ber-alles"),
            ("日本語", ""),
            ("it's", "its"),
        ] {
            assert_eq!(slug(title), wanted, "{title}");
        }
        assert!(slug(&"ab ".repeat(100)).len() <= MAX_SLUG);
        assert_eq!(trimmed_branch("task/7-"), "task/7");
    }

    #[test]
    fn names_that_git_or_a_folder_would_refuse() {
        for name in [
            "", "a..b", "/a", "a/", "a//b", ".a", "a/.b", "a.lock", "-a", "a b", "a~b", "a{b", "@{",
        ] {
            assert!(!is_branch(name), "{name}");
        }
        assert!(is_branch("task/7-fix_it.now"));
        for path in [
            "",
            "/a",
            "../a",
            "a/./b",
            "a//b",
            ".git/config",
            "a\\b",
            "c:x",
            "{slug}",
        ] {
            assert!(!is_path(path), "{path}");
        }
        assert!(is_path("docs/tasks/7-fix.md") && is_path(".github/notes.md"));
    }
}
