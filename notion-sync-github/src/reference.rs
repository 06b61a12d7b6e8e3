//! Ids of objects on GitHub: how they are written and read.

use notion_sync_core::id::RemoteRef;
use notion_sync_core::{Error, ErrorKind, Result};

/// The system of every object here.
pub const SYSTEM: &str = "github";
/// A file of a branch; id `{repository id}:{branch}:{path}`.
pub const FILE: &str = "file";
/// A pull request; id `{repository id}#{number}`.
pub const PULL: &str = "pull";
/// An issue; id `{repository id}#{number}`.
pub const ISSUE: &str = "issue";

/// Names a file. No branch name holds a colon, so the id can be taken apart again.
#[must_use]
pub fn file(repository: u64, branch: &str, path: &str) -> RemoteRef {
    RemoteRef::new(SYSTEM, FILE, format!("{repository}:{branch}:{path}"))
}

/// Names a pull request.
#[must_use]
pub fn pull(repository: u64, number: u64) -> RemoteRef {
    RemoteRef::new(SYSTEM, PULL, format!("{repository}#{number}"))
}

/// Names an issue.
#[must_use]
pub fn issue(repository: u64, number: u64) -> RemoteRef {
    RemoteRef::new(SYSTEM, ISSUE, format!("{repository}#{number}"))
}

/// Repository id, branch and path of a file.
///
/// # Errors
///
/// [`ErrorKind::Invalid`] when it is not the id of a file.
pub fn parse_file(object: &RemoteRef) -> Result<(u64, &str, &str)> {
    let mut parts = object.id.splitn(3, ':');
    let parsed = (object.system == SYSTEM && object.kind == FILE)
        .then(|| Some((parts.next()?.parse().ok()?, parts.next()?, parts.next()?)))
        .flatten();
    parsed.ok_or_else(|| not_a(object, "file"))
}

/// Repository id and number of an issue or pull request.
///
/// # Errors
///
/// [`ErrorKind::Invalid`] when it is neither.
pub fn parse_numbered(object: &RemoteRef) -> Result<(u64, u64)> {
    let known = object.system == SYSTEM && (object.kind == ISSUE || object.kind == PULL);
    let parsed = known
        .then(|| {
            let (repository, number) = object.id.split_once('#')?;
            Some((repository.parse().ok()?, number.parse().ok()?))
        })
        .flatten();
    parsed.ok_or_else(|| not_a(object, "issue or pull request"))
}

fn not_a(object: &RemoteRef, what: &str) -> Error {
    Error::new(ErrorKind::Invalid, "read the id of an object")
        .message(format!("not a {what} on GitHub"))
        .with("object", object)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_come_apart_again() {
        let object = file(7, "feature/x", "docs/a:b.md");
        assert_eq!(
            parse_file(&object).unwrap(),
            (7, "feature/x", "docs/a:b.md")
        );
        assert_eq!(parse_numbered(&issue(7, 3)).unwrap(), (7, 3));
        assert_eq!(parse_numbered(&pull(7, 3)).unwrap(), (7, 3));
        for id in ["", "7", "7:main", "x:main:a", ":main:a"] {
            assert!(
                parse_file(&RemoteRef::new(SYSTEM, FILE, id)).is_err(),
                "{id}"
            );
        }
        for id in ["", "7", "7#", "#7", "a#7", "7#-1"] {
            assert!(
                parse_numbered(&RemoteRef::new(SYSTEM, ISSUE, id)).is_err(),
                "{id}"
            );
        }
        assert!(parse_file(&issue(7, 3)).is_err());
    }
}
