//! Which paths belong to a mapping.

use notion_sync_core::{Error, ErrorKind, Result};

use super::tree::is_below;

/// A folder and the extensions of its files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileScope {
    folder: String,
    extensions: Vec<String>,
}

impl FileScope {
    /// Files with one of the extensions (without dot, compared without regard to case) anywhere
    /// below `folder`; the empty folder is the whole repository.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`] for a folder that is no plain path, or without extensions.
    pub fn new(folder: &str, extensions: &[&str]) -> Result<Self> {
        let folder = folder.trim_matches('/');
        if !folder.is_empty() && problem(folder).is_some() {
            return Err(
                Error::new(ErrorKind::Configuration, "use the folder of a mapping")
                    .with("folder", folder)
                    .message("not a plain path inside the repository"),
            );
        }
        if extensions.is_empty()
            || extensions
                .iter()
                .any(|one| one.is_empty() || one.contains('/'))
        {
            return Err(
                Error::new(ErrorKind::Configuration, "use the folder of a mapping")
                    .message("at least one extension is needed, for example md"),
            );
        }
        Ok(Self {
            folder: folder.to_owned(),
            extensions: extensions
                .iter()
                .map(|one| one.trim_start_matches('.').to_ascii_lowercase())
                .collect(),
        })
    }

    /// The folder, without slashes at its ends.
    #[must_use]
    pub fn folder(&self) -> &str {
        &self.folder
    }

    /// Whether a path belongs to the mapping.
    #[must_use]
    pub fn contains(&self, path: &str) -> bool {
        is_below(path, &self.folder)
            && path.rsplit('/').next().is_some_and(|name| {
                name.rsplit_once('.').is_some_and(|(stem, extension)| {
                    let extension = extension.to_ascii_lowercase();
                    !stem.is_empty() && self.extensions.contains(&extension)
                })
            })
    }

    /// Checks a path that is to be written.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Invalid`] for a path outside the mapping, or one that git or a file system
    /// cannot hold: a page's title never decides a path outside its folder.
    pub fn check(&self, path: &str) -> Result<()> {
        let refuse = |text: &str| {
            Err(Error::new(ErrorKind::Invalid, "write a file")
                .with("path", path)
                .message(text))
        };
        match problem(path) {
            Some(text) => refuse(text),
            None if !self.contains(path) => refuse("the path is outside the folder of the mapping"),
            None => Ok(()),
        }
    }
}

/// What is wrong with a path as such.
fn problem(path: &str) -> Option<&'static str> {
    if path.len() > 1_024 {
        return Some("the path has more than 1,024 bytes");
    }
    if path
        .chars()
        .any(|c| c.is_control() || matches!(c, '\\' | ':'))
    {
        return Some("the path holds a control character, a backslash or a colon");
    }
    for segment in path.split('/') {
        if matches!(segment, "" | "." | "..") {
            return Some("the path has an empty or dotted segment");
        }
        // git takes the second for the first on some file systems.
        let lower = segment.to_ascii_lowercase();
        if lower == ".git" || lower.starts_with("git~") {
            return Some("the path enters git's own folder");
        }
        if segment.len() > 255 {
            return Some("a name in the path has more than 255 bytes");
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_inside_from_outside() {
        let scope = FileScope::new("/docs/", &["md", ".MDX"]).unwrap();
        for (path, inside) in [
            ("docs/a.md", true),
            ("docs/a/b.MD", true),
            ("docs/a.mdx", true),
            ("docs/a.txt", false),
            ("docs/md", false),
            ("docs/.md", false),
            ("docs", false),
            ("docsx/a.md", false),
            ("other/docs/a.md", false),
            ("a.md", false),
        ] {
            assert_eq!(scope.contains(path), inside, "{path}");
            assert_eq!(scope.check(path).is_ok(), inside, "{path}");
        }
        for path in [
            "docs/../a.md",
            "docs//a.md",
            "docs/./a.md",
            "/docs/a.md",
            "docs/.git/a.md",
            "docs/GIT~1/a.md",
            "docs/a\n.md",
            "docs\\a.md",
            "docs/a:b.md",
        ] {
            assert!(scope.check(path).is_err(), "{path}");
        }
        assert!(FileScope::new("", &["md"]).unwrap().contains("a.md"));
        assert!(FileScope::new("a/../b", &["md"]).is_err());
        assert!(FileScope::new("a", &[]).is_err());
    }
}
