//! Links between a file, its repository and the pages of other files.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::document::limits::{is_text_link, is_web_url};
use crate::document::reference::{page_of_link, page_url};

/// Where a file stands, so that its links can be said absolutely and back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkContext {
    blob_base: String,
    raw_base: String,
    file: String,
    pages: Arc<BTreeMap<String, String>>,
    files: Arc<BTreeMap<String, String>>,
}

/// The query parameter that says what a link was in the file.
const PARAMETER: &str = "notion-sync-link=";
/// Its value for links that were absolute in the file already.
const ABSOLUTE: &str = "absolute";
/// Stands for the root of the repository in links that start with `/`. Browsers read it as `.`.
const ROOT: &str = "%2E";

/// Which of the two trees of URLs a link goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    /// A link in text: the page that shows the file.
    Page,
    /// The source of a medium: the bytes of the file.
    Bytes,
}

impl LinkContext {
    /// A context for the file at `file` (path from the root of the repository, `/` between folders).
    ///
    /// `blob_base` is where people read the files of the branch
    /// (`https://github.com/acme/handbook/blob/main`), `raw_base` where their bytes are
    /// (`https://raw.githubusercontent.com/acme/handbook/main`), both without a final slash.
    #[must_use]
    pub fn new(
        blob_base: impl Into<String>,
        raw_base: impl Into<String>,
        file: impl Into<String>,
    ) -> Self {
        let trimmed = |base: String| base.trim_end_matches('/').to_owned();
        Self {
            blob_base: trimmed(blob_base.into()),
            raw_base: trimmed(raw_base.into()),
            file: file.into().trim_matches('/').to_owned(),
            pages: Arc::default(),
            files: Arc::default(),
        }
    }

    /// Adds a file that has a page: links to the one become links to the other.
    pub fn map(&mut self, file: impl Into<String>, page: &str) {
        let file = file.into();
        let page = crate::document::reference::normal_id(page);
        Arc::make_mut(&mut self.files).insert(page.clone(), file.clone());
        Arc::make_mut(&mut self.pages).insert(file, page);
    }

    /// The same for another file. Costs nothing, however many files have pages.
    #[must_use]
    pub fn for_file(&self, file: &str) -> Self {
        Self {
            file: file.trim_matches('/').to_owned(),
            ..self.clone()
        }
    }

    /// The folder of the file with a final slash, empty at the root.
    fn folder(&self) -> &str {
        match self.file.rfind('/') {
            Some(at) => &self.file[..=at],
            None => "",
        }
    }

    fn base(&self, target: Target) -> &str {
        match target {
            Target::Page => &self.blob_base,
            Target::Bytes => &self.raw_base,
        }
    }

    /// Whether the page says a link as the file does: told of most links without a copy.
    pub(super) fn stays(&self, link: &str, target: Target) -> bool {
        let accepted = match target {
            Target::Page => is_text_link(link),
            Target::Bytes => is_web_url(link),
        };
        accepted
            && has_scheme(link)
            && !link.contains(PARAMETER)
            && !link.starts_with(self.base(target))
            && (target == Target::Bytes || page_of_link(link).is_none())
    }

    /// The link as the page says it; `None` where no URL can say it.
    pub(super) fn outward(&self, link: &str, target: Target) -> Option<String> {
        if self.stays(link, target) {
            return Some(link.to_owned());
        }
        let accepted = |url: &str| match target {
            Target::Page => is_text_link(url),
            Target::Bytes => is_web_url(url),
        };
        if let Some(url) = self.natural(link, target)
            && accepted(&url)
            && self.inward(&url, target) == link
        {
            return Some(url);
        }
        // The plain form would not lead back to this spelling: say the original in the query.
        let (base, value) = if accepted(link) && !link.contains(PARAMETER) {
            (link.to_owned(), ABSOLUTE.to_owned())
        } else {
            let base = self
                .natural(link, target)
                .filter(|url| accepted(url) && !url.contains(PARAMETER))
                .unwrap_or_else(|| format!("{}/{}", self.base(target), self.folder()));
            (base, escape(link))
        };
        let url = with_parameter(&base, &value);
        (accepted(&url) && self.inward(&url, target) == link).then_some(url)
    }

    /// The link as the file says it.
    pub(super) fn inward(&self, url: &str, target: Target) -> String {
        if let Some((base, value)) = split_parameter(url) {
            if value == ABSOLUTE {
                return base;
            }
            if let Some(link) = unescape(value) {
                return link;
            }
        }
        self.plain_inward(url, target)
    }

    /// The absolute form of a link, whether or not Notion takes it.
    fn natural(&self, link: &str, target: Target) -> Option<String> {
        if link.is_empty() || link.starts_with('?') || link.starts_with("//") {
            return None;
        }
        let base = self.base(target);
        if has_scheme(link) {
            return Some(link.to_owned());
        }
        if let Some(fragment) = link.strip_prefix('#') {
            return Some(format!("{base}/{}#{fragment}", self.file));
        }
        let (path, rest) = split_path(link);
        if target == Target::Page
            && let Some(file) = self.resolve(path)
            && let Some(page) = self.pages.get(&file)
        {
            return Some(format!("{}{rest}", page_url(page)));
        }
        if link.starts_with('/') {
            return Some(format!("{base}/{ROOT}{link}"));
        }
        // Unresolved on purpose: `./a.md` and `a.md` stay different, and browsers resolve both.
        Some(format!("{base}/{}{link}", self.folder()))
    }

    /// The spelling in the file that a URL without the parameter has.
    fn plain_inward(&self, url: &str, target: Target) -> String {
        if target == Target::Page
            && let Some(page) = page_of_link(url)
            && let Some(file) = self.files.get(&page)
        {
            let fragment = url.find('#').map_or("", |at| &url[at..]);
            return format!("{}{fragment}", self.relative(file));
        }
        let Some(path) = url
            .strip_prefix(self.base(target))
            .and_then(|rest| rest.strip_prefix('/'))
        else {
            return url.to_owned();
        };
        if let Some(rooted) = path.strip_prefix(ROOT)
            && rooted.starts_with('/')
            && !rooted.starts_with("//")
        {
            return rooted.to_owned();
        }
        if let Some(fragment) = path.strip_prefix(self.file.as_str())
            && fragment.starts_with('#')
        {
            return fragment.to_owned();
        }
        match path.strip_prefix(self.folder()) {
            Some(inside)
                if !inside.is_empty()
                    && !inside.starts_with(['/', '?', '#'])
                    && !has_scheme(inside) =>
            {
                inside.to_owned()
            }
            _ if path.is_empty() || path.starts_with(['/', '?', '#']) => url.to_owned(),
            _ => self.relative(path),
        }
    }

    /// The path from the root that a relative or rooted path names.
    fn resolve(&self, path: &str) -> Option<String> {
        if path.is_empty() {
            return None;
        }
        let mut parts: Vec<&str> = Vec::new();
        let whole = match path.strip_prefix('/') {
            Some(rooted) => rooted.to_owned(),
            None => format!("{}{path}", self.folder()),
        };
        for part in whole.split('/') {
            match part {
                "" | "." => {}
                ".." => {
                    parts.pop()?;
                }
                part => parts.push(part),
            }
        }
        Some(parts.join("/"))
    }

    /// The shortest relative path to a file, from the root given.
    fn relative(&self, file: &str) -> String {
        let (path, rest) = split_path(file);
        let from: Vec<&str> = self.folder().split_terminator('/').collect();
        let to: Vec<&str> = path.split('/').collect();
        let shared = from
            .iter()
            .zip(&to[..to.len() - 1])
            .take_while(|(a, b)| a == b)
            .count();
        let mut out = "../".repeat(from.len() - shared);
        out.push_str(&to[shared..].join("/"));
        out.push_str(rest);
        // A file whose name has a colon or nothing in front would be read as something else.
        if out.is_empty() || has_scheme(&out) || out.starts_with(['/', '?', '#']) {
            out = format!("./{out}");
        }
        out
    }
}

/// Whether a link starts with a scheme.
fn has_scheme(link: &str) -> bool {
    let Some(at) = link.find(':') else {
        return false;
    };
    let scheme = &link[..at];
    scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
}

/// A path and the query and fragment behind it.
fn split_path(link: &str) -> (&str, &str) {
    link.split_at(link.find(['?', '#']).unwrap_or(link.len()))
}

/// Adds the parameter as the last of the query.
fn with_parameter(url: &str, value: &str) -> String {
    let (main, fragment) = url.split_at(url.find('#').unwrap_or(url.len()));
    let joint = if main.contains('?') { '&' } else { '?' };
    format!("{main}{joint}{PARAMETER}{value}{fragment}")
}

/// The URL without the parameter, and its value.
fn split_parameter(url: &str) -> Option<(String, &str)> {
    let (main, fragment) = url.split_at(url.find('#').unwrap_or(url.len()));
    let at = main.rfind(PARAMETER)?;
    let value = &main[at + PARAMETER.len()..];
    let head = &main[..at];
    let base = head.strip_suffix(['?', '&'])?;
    (!value.contains('&')).then(|| (format!("{base}{fragment}"), value))
}

/// Escapes everything but letters, digits and a few marks, in upper-case hexadecimal.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    for b in text.bytes() {
        if b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'/' | b':' | b'@') {
            out.push(char::from(b));
        } else {
            out.push_str(&format!("%{b:02X}"));
        }
    }
    // The word alone means something else.
    if out == ABSOLUTE {
        out = format!("%61{}", &out[1..]);
    }
    out
}

pub(super) fn unescape(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        if *first == b'%' {
            let digit = |at: usize| char::from(*tail.get(at)?).to_digit(16);
            let value = digit(0)? * 16 + digit(1)?;
            bytes.push(u8::try_from(value).ok()?);
            rest = tail.get(2..)?;
        } else {
            bytes.push(*first);
            rest = tail;
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context(file: &str) -> LinkContext {
        let mut context = LinkContext::new(
            "https://github.com/acme/handbook/blob/main",
            "https://raw.githubusercontent.com/acme/handbook/main/",
            file,
        );
        context.map("docs/guide/a.md", "c01166c613ae45cbb96818b4ef2f5a77");
        context.map("readme.md", "2200a911-6a96-44bb-bd38-6bfb1e01b9f6");
        context
    }

    #[test]
    fn links_become_what_people_expect() {
        let context = context("docs/index.md");
        let blob = "https://github.com/acme/handbook/blob/main";
        for (link, url) in [
            ("x.md", format!("{blob}/docs/x.md")),
            ("./x.md", format!("{blob}/docs/./x.md")),
            ("../x.md#a", format!("{blob}/docs/../x.md#a")),
            ("/x.md", format!("{blob}/%2E/x.md")),
            ("#top", format!("{blob}/docs/index.md#top")),
            ("https://a.example/", "https://a.example/".to_owned()),
            ("mailto:a@b.example", "mailto:a@b.example".to_owned()),
            (
                "guide/a.md#b",
                "https://app.notion.com/p/c01166c613ae45cbb96818b4ef2f5a77#b".to_owned(),
            ),
            (
                "../readme.md",
                "https://app.notion.com/p/2200a9116a9644bbbd386bfb1e01b9f6".to_owned(),
            ),
            (
                "./guide/a.md",
                "https://app.notion.com/p/c01166c613ae45cbb96818b4ef2f5a77?notion-sync-link=./guide/a.md"
                    .to_owned(),
            ),
            ("ftp://x.example", format!("{blob}/docs/?notion-sync-link=ftp://x.example")),
            ("", format!("{blob}/docs/?notion-sync-link=")),
            (
                "https://github.com/acme/handbook/blob/main/docs/x.md",
                format!("{blob}/docs/x.md?notion-sync-link=absolute"),
            ),
        ] {
            assert_eq!(context.outward(link, Target::Page).as_deref(), Some(url.as_str()), "{link}");
            assert_eq!(context.inward(&url, Target::Page), link);
        }
        assert_eq!(
            context.outward("img/a b.png", Target::Bytes).as_deref(),
            Some(
                "https://raw.githubusercontent.com/acme/handbook/main/docs/?notion-sync-link=img/a%20b.png"
            )
        );
        assert_eq!(context.outward(&"x".repeat(3000), Target::Page), None);
    }

    #[test]
    fn links_from_notion_are_shortened() {
        let context = context("docs/index.md");
        for (url, link) in [
            (
                "https://www.notion.so/Title-c01166c613ae45cbb96818b4ef2f5a77?pvs=4",
                "guide/a.md",
            ),
            ("/2200a9116a9644bbbd386bfb1e01b9f6", "../readme.md"),
            (
                "https://github.com/acme/handbook/blob/main/src/x.rs#L3",
                "../src/x.rs#L3",
            ),
            (
                "https://github.com/acme/handbook/blob/other/x",
                "https://github.com/acme/handbook/blob/other/x",
            ),
            (
                "https://github.com/acme/handbook/blob/main",
                "https://github.com/acme/handbook/blob/main",
            ),
        ] {
            assert_eq!(context.inward(url, Target::Page), link, "{url}");
        }
    }

    #[test]
    fn every_spelling_comes_back() {
        let words = [
            "",
            "a",
            "b.md",
            ".",
            "..",
            "docs",
            "guide",
            "a.md",
            "x:y",
            "readme.md",
            "%2E",
        ];
        let tails = [
            "",
            "#t",
            "?q",
            "?notion-sync-link=absolute",
            "?notion-sync-link=x#y",
            "%",
        ];
        let heads = [
            "",
            "/",
            "./",
            "../",
            "#",
            "?",
            "//",
            "http://h/",
            "https://github.com/acme/handbook/blob/main/",
            "mailto:",
            "/p/",
        ];
        let (mut count, mut stayed) = (0, 0);
        for file in ["index.md", "docs/index.md", "docs/guide/deep.md"] {
            let context = context(file);
            for head in heads {
                for first in words {
                    for second in words {
                        for tail in tails {
                            let link = format!("{head}{first}/{second}{tail}");
                            for link in [link.as_str(), link.trim_end_matches('/')] {
                                for target in [Target::Page, Target::Bytes] {
                                    if context.stays(link, target) {
                                        assert_eq!(context.inward(link, target), link);
                                        stayed += 1;
                                    }
                                    if let Some(url) = context.outward(link, target) {
                                        assert_eq!(
                                            context.inward(&url, target),
                                            link,
                                            "{url} {file}"
                                        );
                                        count += 1;
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
        assert!(count > 30_000 && stayed > 1_000, "{count} {stayed}");
    }
}
