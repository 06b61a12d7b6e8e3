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
/// A comment on an issue or pull request; id `{repository id}#{comment id}`.
pub const COMMENT: &str = "comment";
/// A review with a text of a pull request; id `{repository id}#{number}:{review id}`.
pub const REVIEW: &str = "review";
/// A comment on a line or file of a pull request; id `{repository id}#{comment id}`.
pub const REVIEW_COMMENT: &str = "review_comment";
/// A run of a workflow; id `{repository id}#{run id}`.
pub const RUN: &str = "run";

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

/// Names a comment.
#[must_use]
pub fn comment(repository: u64, id: u64) -> RemoteRef {
    RemoteRef::new(SYSTEM, COMMENT, format!("{repository}#{id}"))
}

/// Names a review of a pull request.
#[must_use]
pub fn review(repository: u64, number: u64, id: u64) -> RemoteRef {
    RemoteRef::new(SYSTEM, REVIEW, format!("{repository}#{number}:{id}"))
}

/// Names a comment on a line or file of a pull request.
#[must_use]
pub fn review_comment(repository: u64, id: u64) -> RemoteRef {
    RemoteRef::new(SYSTEM, REVIEW_COMMENT, format!("{repository}#{id}"))
}

/// Names a run of a workflow.
#[must_use]
pub fn run(repository: u64, id: u64) -> RemoteRef {
    RemoteRef::new(SYSTEM, RUN, format!("{repository}#{id}"))
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
    parse_hashed(object, &[ISSUE, PULL]).ok_or_else(|| not_a(object, "issue or pull request"))
}

/// Repository id and id of a comment.
///
/// # Errors
///
/// [`ErrorKind::Invalid`] when it is not the id of a comment.
pub fn parse_comment(object: &RemoteRef) -> Result<(u64, u64)> {
    parse_hashed(object, &[COMMENT]).ok_or_else(|| not_a(object, "comment"))
}

/// Repository id, number of the pull request, and id of a review.
///
/// # Errors
///
/// [`ErrorKind::Invalid`] when it is not the id of a review.
pub fn parse_review(object: &RemoteRef) -> Result<(u64, u64, u64)> {
    let known = object.system == SYSTEM && object.kind == REVIEW;
    let parsed = known.then(|| {
        let (repository, rest) = object.id.split_once('#')?;
        let (number, id) = rest.split_once(':')?;
        Some((
            repository.parse().ok()?,
            number.parse().ok()?,
            id.parse().ok()?,
        ))
    });
    parsed.flatten().ok_or_else(|| not_a(object, "review"))
}

/// The name of a comment once its issue is `place`. An issue that is transferred takes its comments
/// along; they keep their ids, and are asked for under the repository where they are.
#[must_use]
pub fn comment_at(object: &RemoteRef, place: &RemoteRef) -> RemoteRef {
    match (parse_comment(object), parse_numbered(place)) {
        (Ok((_, id)), Ok((repository, _))) => comment(repository, id),
        _ => object.clone(),
    }
}

/// Repository id and id of a comment on a line or file.
///
/// # Errors
///
/// [`ErrorKind::Invalid`] when it is not the id of one.
pub fn parse_review_comment(object: &RemoteRef) -> Result<(u64, u64)> {
    parse_hashed(object, &[REVIEW_COMMENT]).ok_or_else(|| not_a(object, "review comment"))
}

/// Repository id and id of a run of a workflow.
///
/// # Errors
///
/// [`ErrorKind::Invalid`] when it is not the id of one.
pub fn parse_run(object: &RemoteRef) -> Result<(u64, u64)> {
    parse_hashed(object, &[RUN]).ok_or_else(|| not_a(object, "run of a workflow"))
}

fn parse_hashed(object: &RemoteRef, kinds: &[&str]) -> Option<(u64, u64)> {
    let known = object.system == SYSTEM && kinds.contains(&object.kind.as_str());
    let (repository, number) = known.then(|| object.id.split_once('#')).flatten()?;
    Some((repository.parse().ok()?, number.parse().ok()?))
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
        assert_eq!(parse_comment(&comment(7, 3)).unwrap(), (7, 3));
        assert_eq!(parse_review(&review(7, 3, 9)).unwrap(), (7, 3, 9));
        assert_eq!(parse_review_comment(&review_comment(7, 3)).unwrap(), (7, 3));
        assert_eq!(comment_at(&comment(7, 3), &issue(8, 1)), comment(8, 3));
        let line = review_comment(7, 3);
        assert_eq!(comment_at(&line, &issue(8, 1)), line, "no issue has it");
        assert_eq!(parse_run(&run(7, 3)).unwrap(), (7, 3));
        assert!(parse_comment(&review_comment(7, 3)).is_err() && parse_run(&pull(7, 3)).is_err());
        for id in ["", "7#3", "7#3:", "7:3#9", "7#3:9:1", "x#3:9"] {
            let object = RemoteRef::new(SYSTEM, REVIEW, id);
            assert!(parse_review(&object).is_err(), "{id}");
        }
        assert!(parse_comment(&issue(7, 3)).is_err() && parse_numbered(&comment(7, 3)).is_err());
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
