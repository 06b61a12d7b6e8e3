//! Paths of files: a template, and slugs that cannot leave their folder.

use serde::{Deserialize, Serialize};

/// The path of a new file, with `{slug}` for the title and `{id}` for the first eight digits of
/// the page id: `docs/{slug}.md`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PathTemplate(String);

/// The longest slug in bytes; what a file system and a person can live with.
const MAX_SLUG: usize = 80;

impl PathTemplate {
    /// Checks a template.
    ///
    /// # Errors
    ///
    /// When it is absolute, climbs out of the repository, or has no placeholder.
    pub fn new(template: impl Into<String>) -> Result<Self, String> {
        let template = template.into();
        let bad = |why: &str| Err(format!("path template {template:?} {why}"));
        if template.starts_with('/') || template.contains('\\') {
            return bad("must be relative to the repository, with forward slashes");
        }
        if template
            .split('/')
            .any(|part| part.is_empty() || part == "." || part == "..")
        {
            return bad("must not contain empty, `.` or `..` parts");
        }
        if !template.contains("{slug}") && !template.contains("{id}") {
            return bad("needs `{slug}` or `{id}`, or all pages would share one file");
        }
        Ok(Self(template))
    }

    /// The folder all paths of this template lie in, without placeholders; empty for the root.
    #[must_use]
    pub fn folder(&self) -> &str {
        let fixed = self.0.split('{').next().unwrap_or("");
        fixed.rfind('/').map_or("", |end| &fixed[..end])
    }

    /// The extension of all paths, with the dot; empty when it has none.
    #[must_use]
    pub fn extension(&self) -> &str {
        let name = self.0.rsplit('/').next().unwrap_or("");
        name.rfind('.').map_or("", |dot| &name[dot..])
    }

    /// Whether a path of the repository belongs to this mapping.
    #[must_use]
    pub fn contains(&self, path: &str) -> bool {
        let folder = self.folder();
        let inside = folder.is_empty()
            || path
                .strip_prefix(folder)
                .is_some_and(|rest| rest.starts_with('/'));
        inside && path.ends_with(self.extension())
    }

    /// The path for a title. `taken` says which paths are in use; then a suffix from `page` makes
    /// the path unique, the same one every time.
    #[must_use]
    pub fn path(&self, title: &str, page: &str, taken: impl Fn(&str) -> bool) -> String {
        let id: String = page
            .chars()
            .filter(char::is_ascii_hexdigit)
            .take(8)
            .collect();
        let slug = slug(title, &id);
        let fill = |slug: &str| self.0.replace("{slug}", slug).replace("{id}", &id);
        let plain = fill(&slug);
        if !taken(&plain) {
            return plain;
        }
        let marked = fill(&format!("{slug}-{id}"));
        if !taken(&marked) && marked != plain {
            return marked;
        }
        // Two pages that share title and first digits: the whole id cannot collide.
        let whole: String = page.chars().filter(char::is_ascii_alphanumeric).collect();
        fill(&format!("{slug}-{whole}"))
    }
}

impl Default for PathTemplate {
    fn default() -> Self {
        Self("docs/{slug}.md".to_owned())
    }
}

impl TryFrom<String> for PathTemplate {
    type Error = String;

    fn try_from(template: String) -> Result<Self, String> {
        Self::new(template)
    }
}

impl From<PathTemplate> for String {
    fn from(template: PathTemplate) -> Self {
        template.0
    }
}

/// A title as a file name: letters and digits of any script in lower case, everything else one
/// hyphen. Never empty, never a name that a system reserves, never a separator.
#[must_use]
pub fn slug(title: &str, fallback: &str) -> String {
    let mut out = String::new();
    for char in title.chars().flat_map(char::to_lowercase) {
        if char.is_alphanumeric() {
            if out.len() + char.len_utf8() > MAX_SLUG {
                break;
            }
            out.push(char);
        } else if !out.is_empty() && !out.ends_with('-') {
            out.push('-');
        }
    }
    let out = out.trim_end_matches('-').to_owned();
    let reserved = ["con", "prn", "aux", "nul"].contains(&out.as_str())
        || (out.len() == 4 && (out.starts_with("com") || out.starts_with("lpt")));
    match (out.is_empty(), reserved) {
        (true, _) => format!(
            "page-{}",
            if fallback.is_empty() {
                "untitled"
            } else {
                fallback
            }
        ),
        (_, true) => format!("{out}-page"),
        _ => out,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs_stay_in_their_folder() {
        for (title, want) in [
            ("Getting started", "getting-started"),
            ("../../etc", "etc"),
            ("a/b\\c", "a-b-c"),
            ("", "page-0123"),
            ("...", "page-0123"),
            ("CON", "con-page"),
            ("Ünïcode – ok", "ünïcode-ok"),
            ("日本語", "日本語"),
            ("a\0b\nc", "a-b-c"),
        ] {
            assert_eq!(slug(title, "0123"), want);
        }
        let long = slug(&"x".repeat(2000), "0");
        assert!(long.len() <= MAX_SLUG, "{}", long.len());
    }

    #[test]
    fn taken_paths_get_the_same_suffix_every_time() {
        let template = PathTemplate::new("docs/{slug}.md").unwrap();
        let page = "0123abcd-0000-4000-8000-000000000000";
        assert_eq!(template.path("A", page, |_| false), "docs/a.md");
        assert_eq!(
            template.path("A", page, |path| path == "docs/a.md"),
            "docs/a-0123abcd.md"
        );
        assert_eq!(template.folder(), "docs");
        assert!(template.contains("docs/x/y.md"));
        assert!(!template.contains("docs2/y.md"));
    }

    #[test]
    fn templates_that_escape_are_refused() {
        for bad in [
            "/a/{slug}",
            "../{slug}.md",
            "docs//{slug}.md",
            "docs/readme.md",
            "a\\{slug}",
        ] {
            assert!(PathTemplate::new(bad).is_err(), "{bad}");
        }
    }
}
