//! Comments on issues and pull requests, found again by their first line.

use chrono::{DateTime, Duration, SecondsFormat, Utc};
use notion_sync_core::Result;
use notion_sync_core::id::OpId;
use serde_json::json;

use crate::client::GithubClient;
use crate::endpoint::{COMMENTS, CREATE_COMMENT, Call};
use crate::marker::{comment_marker, is_comment_of};
use crate::neutral::neutralise;
use crate::wire::Comment;

/// Most bytes of a body. GitHub refuses more than 65,536 "characters" and does not say whether it
/// counts bytes.
pub const MAX_BODY_BYTES: usize = 60_000;

/// How much earlier than the moment of sending is still searched: clocks differ.
pub(crate) const SEARCH_SKEW: Duration = Duration::minutes(10);

/// Writes a comment. Not idempotent: look for it with [`find`] first where it may be there.
pub(crate) async fn post(
    client: &GithubClient,
    repository: &str,
    number: u64,
    op: &OpId,
    text: &str,
) -> Result<Comment> {
    say(client, repository, number, op, &neutralise(text)).await
}

/// As [`post`], with a text that may act: what it says of a page must be neutral already.
pub(crate) async fn say(
    client: &GithubClient,
    repository: &str,
    number: u64,
    op: &OpId,
    text: &str,
) -> Result<Comment> {
    let body = format!("{}\n{}", comment_marker(op), shorten(text));
    let call = Call::new(&CREATE_COMMENT, &[repository, &number.to_string()])
        .body(json!({ "body": body }))
        .with("number", number);
    client.call(call).await?.json()
}

/// Looks for the comment of an operation among those changed since `sent_at`.
pub(crate) async fn find(
    client: &GithubClient,
    repository: &str,
    number: u64,
    op: &OpId,
    sent_at: Option<DateTime<Utc>>,
) -> Result<Option<Comment>> {
    let mut call = Call::new(&COMMENTS, &[repository, &number.to_string()]).with("number", number);
    if let Some(sent_at) = sent_at {
        call = call.query("since", &stamp(sent_at - SEARCH_SKEW));
    }
    let comments: Vec<Comment> = client.all(call).await?;
    Ok(comments
        .into_iter()
        .find(|comment| is_comment_of(comment.body.as_deref().unwrap_or_default(), op)))
}

/// A time as the API takes it.
pub(crate) fn stamp(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// A text that fits, with a hint where it was cut.
pub(crate) fn shorten(text: &str) -> String {
    const HINT: &str = "\n\n(shortened)";
    let room = MAX_BODY_BYTES - 1_000;
    if text.len() <= room {
        return text.to_owned();
    }
    let mut end = room;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{HINT}", &text[..end])
}
