//! Reviews of pull requests, and their comments on lines and files. They are read only: what people say
//! in Notion goes to conversations.

use notion_sync_core::comment::{Comments, RemoteComment};
use notion_sync_core::id::RemoteRef;
use notion_sync_core::{Error, ErrorKind, Result};

use super::GithubIssues;
use super::discussion::shown;
use crate::endpoint::{Call, REVIEW, REVIEW_COMMENT, REVIEW_COMMENTS, REVIEWS};
use crate::neutral::one_line;
use crate::reference;
use crate::wire::{Comment, Review, ReviewComment};

/// Most characters of a path that are shown.
const MAX_PATH: usize = 200;

impl GithubIssues {
    /// Adds what reviewers wrote to the conversation of a pull request. Where the credential may not
    /// read it, the conversation is all there is.
    pub(super) async fn add_reviews(
        &self,
        pull: &RemoteRef,
        (repository, number): (u64, u64),
        found: &mut Comments,
    ) -> Result<()> {
        let arguments = [repository.to_string(), number.to_string()];
        let arguments = [arguments[0].as_str(), arguments[1].as_str()];
        let call = |endpoint| Call::new(endpoint, &arguments).with("number", number);
        let reviews = self.first_pages::<Review>(call(&REVIEWS)).await;
        let Some((reviews, all)) = readable(reviews)? else {
            return Ok(());
        };
        // One without a text only says how its reviewer decided, or holds comments on lines.
        let said = |one: &RemoteComment| !one.text.trim().is_empty();
        let reviews = (reviews.iter())
            .filter_map(|one| of_review(pull, (repository, number), one))
            .filter(said);
        found.items.extend(reviews);
        found.complete &= all;
        let comments = (self.first_pages::<ReviewComment>(call(&REVIEW_COMMENTS))).await;
        if let Some((comments, all)) = readable(comments)? {
            let comments =
                (comments.iter()).filter_map(|one| of_comment(pull, (repository, number), one));
            found.items.extend(comments);
            found.complete &= all;
        }
        found.items.sort_by_key(|one| one.created_at);
        Ok(())
    }

    pub(super) async fn read_review(&self, object: &RemoteRef) -> Result<Option<RemoteComment>> {
        let (repository, number, review) = reference::parse_review(object)?;
        let arguments = [repository, number, review].map(|id| id.to_string());
        let arguments = [&arguments[0], &arguments[1], &arguments[2]].map(String::as_str);
        let call = Call::new(&REVIEW, &arguments).with("review", review);
        let Some(answer) = there(self.client.call(call).await)? else {
            return Ok(None);
        };
        let place = reference::pull(repository, number);
        Ok(of_review(&place, (repository, number), &answer.json()?))
    }

    pub(super) async fn read_review_comment(
        &self,
        object: &RemoteRef,
    ) -> Result<Option<RemoteComment>> {
        let (repository, comment) = reference::parse_review_comment(object)?;
        let arguments = [repository.to_string(), comment.to_string()];
        let call =
            Call::new(&REVIEW_COMMENT, &[&arguments[0], &arguments[1]]).with("comment", comment);
        let Some(answer) = there(self.client.call(call).await)? else {
            return Ok(None);
        };
        let comment: ReviewComment = answer.json()?;
        let number = (comment.pull_request_url.as_deref())
            .and_then(|url| url.rsplit('/').next()?.parse().ok())
            .unwrap_or_default();
        let place = reference::pull(repository, number);
        Ok(of_comment(&place, (repository, number), &comment))
    }
}

/// What is there, and `None` for what is not.
fn there<T>(answer: Result<T>) -> Result<Option<T>> {
    match answer {
        Ok(found) => Ok(Some(found)),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Gone) => Ok(None),
        Err(error) => Err(error),
    }
}

/// As [`there`], and `None` too for what may not be read.
fn readable<T>(answer: Result<T>) -> Result<Option<T>> {
    let refused = |error: &Error| error.kind() == ErrorKind::Forbidden;
    match answer {
        Err(error) if refused(&error) => Ok(None),
        other => there(other),
    }
}

fn of_review(
    place: &RemoteRef,
    (repository, number): (u64, u64),
    review: &Review,
) -> Option<RemoteComment> {
    let id = review.id?;
    let what = match review.state.as_deref() {
        // Nobody but its author sees it yet.
        Some("PENDING") => return None,
        Some("APPROVED") => "approval",
        Some("CHANGES_REQUESTED") => "request for changes",
        _ => "review",
    };
    let comment = Comment {
        id: review.id,
        html_url: review.html_url.clone(),
        body: review.body.clone(),
        user: review.user.clone(),
        created_at: review.submitted_at,
        ..Comment::default()
    };
    let about = format!("{what} of pull request #{number}");
    let object = reference::review(repository, number, id);
    Some(shown(object, place, &comment, Some(about)))
}

fn of_comment(
    place: &RemoteRef,
    (repository, number): (u64, u64),
    comment: &ReviewComment,
) -> Option<RemoteComment> {
    let object = reference::review_comment(repository, comment.comment.id?);
    let mut about = format!("pull request #{number}");
    if let Some(path) = comment.path.as_deref().filter(|path| !path.is_empty()) {
        about.push_str(", ");
        about.push_str(&one_line(path, MAX_PATH));
        let last = comment.line.or(comment.original_line);
        let first = comment.start_line.filter(|_| comment.line.is_some());
        match (first, last) {
            (Some(first), Some(last)) if first != last => {
                about.push_str(&format!(":{first}-{last}"));
            }
            (_, Some(last)) => about.push_str(&format!(":{last}")),
            (_, None) => {}
        }
    }
    Some(shown(object, place, &comment.comment, Some(about)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comment_says_where_it_stands() {
        let place = reference::pull(7, 3);
        for (path, lines, wanted) in [
            ("a.rs", [Some(4), Some(2), None], "a.rs:4"),
            ("a.rs", [Some(4), None, Some(2)], "a.rs:2-4"),
            ("a.rs", [Some(4), None, Some(4)], "a.rs:4"),
            // The line is not part of the change any more.
            ("a.rs", [None, Some(2), Some(1)], "a.rs:2"),
            ("a.rs", [None, None, None], "a.rs"),
            ("a\nb.rs", [Some(1), None, None], "a b.rs:1"),
        ] {
            let [line, original_line, start_line] = lines;
            let comment = ReviewComment {
                comment: Comment {
                    id: Some(9),
                    ..Comment::default()
                },
                path: Some(path.to_owned()),
                line,
                original_line,
                start_line,
                ..ReviewComment::default()
            };
            let found = of_comment(&place, (7, 3), &comment).unwrap();
            let about = found.about.unwrap();
            assert_eq!(about, format!("pull request #3, {wanted}"));
        }
    }

    #[test]
    fn a_draft_of_a_review_is_nobodys_business() {
        let place = reference::pull(7, 3);
        let mut review = Review {
            id: Some(9),
            body: Some("Well".to_owned()),
            state: Some("PENDING".to_owned()),
            ..Review::default()
        };
        assert!(of_review(&place, (7, 3), &review).is_none());
        review.state = Some("BRAND_NEW".to_owned());
        let found = of_review(&place, (7, 3), &review).unwrap();
        assert_eq!(found.about.as_deref(), Some("review of pull request #3"));
    }
}
