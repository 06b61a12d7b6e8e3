//! Comments of issues and pull requests, and the copies of what people wrote in Notion.

use chrono::{DateTime, Utc};
use notion_sync_core::comment::{Comments, Discuss, DiscussStep, RemoteComment, Said, text_hash};
use notion_sync_core::hash::ContentHash;
use notion_sync_core::id::{OpId, RemoteRef};
use notion_sync_core::remote::{Ack, Trace, Write};
use notion_sync_core::{Error, ErrorKind, Result};
use serde::de::DeserializeOwned;
use serde_json::json;

use super::GithubIssues;
use super::writing::unapplied;
use crate::card;
use crate::client::GithubClient;
use crate::comments::{self, MAX_BODY_BYTES};
use crate::endpoint::{COMMENT, COMMENTS, CREATE_COMMENT, Call, DELETE_COMMENT, UPDATE_COMMENT};
use crate::files::comment_notes;
use crate::marker::{comment_marker, split_comment};
use crate::neutral::{neutralise, one_line};
use crate::reference;
use crate::wire::Comment;

/// Most pages of a listing, of 100 comments each.
const PAGES: usize = 20;
/// Longest name of a person, in characters.
const MAX_NAME: usize = 100;

impl GithubIssues {
    /// The first 2,000 comments of an issue or of the conversation of a pull request, and of that as
    /// many reviews and comments on lines.
    pub(super) async fn list_comments(&self, object: &RemoteRef) -> Result<Comments> {
        let (repository, number) = self.own(object).await?;
        let id = repository.id;
        let call =
            Call::new(&COMMENTS, &[&id.to_string(), &number.to_string()]).with("number", number);
        let (comments, complete) = self.first_pages::<Comment>(call).await?;
        let mut found = Comments {
            items: (comments.iter())
                .filter_map(|one| read(id, object, one))
                .collect(),
            complete,
        };
        if object.kind == reference::PULL {
            self.add_reviews(object, (id, number), &mut found).await?;
        }
        Ok(found)
    }

    /// The first pages of a listing, and whether these are all.
    pub(super) async fn first_pages<T: DeserializeOwned>(
        &self,
        call: Call,
    ) -> Result<(Vec<T>, bool)> {
        let mut items = Vec::new();
        let mut next = Some(call.query("per_page", "100"));
        for _ in 0..PAGES {
            let Some(call) = next else {
                break;
            };
            let answer = self.client.call(call.clone()).await?;
            items.extend(answer.json::<Vec<T>>()?);
            next = self.client.next_page(&call, &answer);
        }
        Ok((items, next.is_none()))
    }

    pub(super) async fn read_comment(&self, object: &RemoteRef) -> Result<Option<RemoteComment>> {
        match object.kind.as_str() {
            reference::REVIEW => return self.read_review(object).await,
            reference::REVIEW_COMMENT => return self.read_review_comment(object).await,
            _ => {}
        }
        one(&self.client, object).await
    }

    pub(super) async fn discuss(&self, write: &Write, discuss: &Discuss) -> Result<Ack> {
        let (repository, number) = self.own(&discuss.place).await.map_err(unapplied)?;
        let id = repository.id;
        let (name, arguments) = match &discuss.step {
            DiscussStep::Post(said) => {
                self.client.begin("write a comment", 1, 1)?;
                let call = Call::new(&CREATE_COMMENT, &[&id.to_string(), &number.to_string()])
                    .body(json!({ "body": body(&write.op, said) }))
                    .with("number", number);
                let comment: Comment = self.client.call(call).await?.json()?;
                return Ok(ack(id, &discuss.place, &comment));
            }
            DiscussStep::Edit {
                comment, expected, ..
            } => ("change a comment", (comment, expected)),
            DiscussStep::Delete { comment, expected } => ("delete a comment", (comment, expected)),
            DiscussStep::Card { known, card } => {
                return self.write_card(write, discuss, known.as_ref(), card).await;
            }
        };
        let (comment, expected) = arguments;
        self.client.begin(name, 1, 0)?;
        let there = self.expect(comment, *expected).await?;
        let (repository, comment) = reference::parse_comment(comment)?;
        let arguments = [repository.to_string(), comment.to_string()];
        let arguments = [arguments[0].as_str(), arguments[1].as_str()];
        match &discuss.step {
            DiscussStep::Edit { said, .. } if there => {
                let call = Call::new(&UPDATE_COMMENT, &arguments)
                    .body(json!({ "body": body(&write.op, said) }))
                    .with("comment", comment);
                let comment: Comment = self.client.call(call).await?.json()?;
                Ok(ack(id, &discuss.place, &comment))
            }
            DiscussStep::Delete { .. } => {
                let call = Call::new(&DELETE_COMMENT, &arguments).with("comment", comment);
                if there {
                    match self.client.call(call).await {
                        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                        _ => {}
                    }
                }
                Ok(Ack::default())
            }
            _ => Err(Error::new(ErrorKind::NotFound, "change a comment").with("comment", comment)),
        }
    }

    /// Whether a comment is there, with the text that is expected.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Stale`] when it says something else.
    async fn expect(&self, comment: &RemoteRef, expected: ContentHash) -> Result<bool> {
        match self.read_comment(comment).await.map_err(unapplied)? {
            None => Ok(false),
            Some(found) if found.hash() == expected => Ok(true),
            Some(_) => Err(Error::new(ErrorKind::Stale, "change a comment")
                .with("comment", comment)
                .message("it was edited since")),
        }
    }

    pub(super) async fn trace_discussion(
        &self,
        write: &Write,
        discuss: &Discuss,
        sent_at: DateTime<Utc>,
    ) -> Result<Trace> {
        match &discuss.step {
            DiscussStep::Card { known, .. } => {
                self.trace_card(write, discuss, known.as_ref(), sent_at)
                    .await
            }
            DiscussStep::Post(_) => {
                let (repository, number) = self.own(&discuss.place).await?;
                let id = repository.id;
                let found = comments::find(
                    &self.client,
                    &id.to_string(),
                    number,
                    &write.op,
                    Some(sent_at),
                )
                .await?;
                Ok(found.map_or(Trace::NotApplied, |comment| {
                    Trace::Applied(ack(id, &discuss.place, &comment))
                }))
            }
            DiscussStep::Edit { comment, .. } => {
                // The mark goes out in the same request as the text, and stays when people edit.
                let found = self.read_comment(comment).await?;
                let ours = found.filter(|found| found.marker.as_ref() == Some(&write.op));
                Ok(ours.map_or(Trace::NotApplied, |found| {
                    let mut ack = Ack::default();
                    ack.links.insert("comment".to_owned(), found.object);
                    Trace::Applied(ack)
                }))
            }
            DiscussStep::Delete { comment, .. } => Ok(match self.read_comment(comment).await? {
                None => Trace::Applied(Ack::default()),
                Some(_) => Trace::NotApplied,
            }),
        }
    }
}

/// A comment of an issue or of the conversation of a pull request.
pub(crate) async fn one(
    client: &GithubClient,
    object: &RemoteRef,
) -> Result<Option<RemoteComment>> {
    let (repository, comment) = reference::parse_comment(object)?;
    let call = Call::new(&COMMENT, &[&repository.to_string(), &comment.to_string()])
        .with("comment", comment);
    let comment: Comment = match client.call(call).await {
        Ok(answer) => answer.json()?,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Gone) => {
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    let number = (comment.issue_url.as_deref())
        .and_then(|url| url.rsplit('/').next()?.parse().ok())
        .unwrap_or_default();
    let page = comment.html_url.as_deref().unwrap_or_default();
    let place = if page.contains("/pull/") {
        reference::pull(repository, number)
    } else {
        reference::issue(repository, number)
    };
    Ok(read(repository, &place, &comment))
}

fn read(repository: u64, place: &RemoteRef, comment: &Comment) -> Option<RemoteComment> {
    let pull = place.kind == reference::PULL;
    let about = pull.then(|| {
        let number = place.id.rsplit('#').next().unwrap_or_default();
        format!("pull request #{number}")
    });
    let object = reference::comment(repository, comment.id?);
    Some(shown(object, place, comment, about))
}

/// A comment of any sort.
pub(super) fn shown(
    object: RemoteRef,
    place: &RemoteRef,
    comment: &Comment,
    about: Option<String>,
) -> RemoteComment {
    let body = (comment.body.as_deref().unwrap_or_default())
        .replace("\r\n", "\n")
        .replace('\r', "\n");
    let (marker, text) = match split_comment(&body) {
        Some((op, text)) => (Some(op), text.to_owned()),
        None => (None, body),
    };
    RemoteComment {
        object,
        place: place.clone(),
        thread: None,
        author: (comment.user.as_ref())
            .and_then(|user| user.login.clone())
            .unwrap_or_else(|| "ghost".to_owned()),
        text,
        created_at: comment.created_at,
        edited_at: comment.updated_at,
        ours: marker.is_some() || card::is_card(comment.body.as_deref().unwrap_or_default()),
        marker,
        url: comment.html_url.clone(),
        about,
    }
}

fn ack(repository: u64, place: &RemoteRef, comment: &Comment) -> Ack {
    let mut ack = Ack {
        notes: comment_notes(comment),
        ..Ack::default()
    };
    if let Some(shown) = read(repository, place, comment) {
        let hash = text_hash(&shown.text).to_string();
        ack.notes.insert("shown".to_owned(), hash);
        ack.links.insert("comment".to_owned(), shown.object);
    }
    ack
}

/// The copy of what a person wrote in Notion: our mark, who wrote it with a link, the text. Nothing in
/// it acts.
fn body(op: &OpId, said: &Said) -> String {
    let room = MAX_BODY_BYTES - 2_000;
    let mut text = neutralise(said.text.trim());
    let cut = text.len() > room;
    if cut {
        let mut end = room;
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
    }
    if text.is_empty() {
        "_(no text)_".clone_into(&mut text);
    }
    let link = match &said.url {
        Some(url) if is_plain(url) => format!("[{}]({url})", said.side),
        _ => said.side.to_string(),
    };
    let about = (said.about.as_deref())
        .map(|about| format!(", {}", plain(about)))
        .unwrap_or_default();
    let cut = if cut { " (shortened)" } else { "" };
    let author = plain(&said.author);
    format!(
        "{}\n**{author}** in {link}{about}{cut}:\n\n{text}",
        comment_marker(op)
    )
}

/// A name on one line in which nothing acts and nothing is formatting.
pub(crate) fn plain(name: &str) -> String {
    let line = one_line(name, MAX_NAME);
    let mut out = String::with_capacity(line.len() + 8);
    for c in line.chars() {
        if c.is_ascii_punctuation() && !matches!(c, '@' | '.' | ',' | '-' | '\'' | '(' | ')') {
            out.push('\\');
        }
        out.push(c);
    }
    if out.is_empty() {
        "Somebody".to_owned()
    } else {
        out
    }
}

fn is_plain(url: &str) -> bool {
    url.starts_with("https://")
        && (url.bytes()).all(|byte| {
            byte.is_ascii_graphic() && !matches!(byte, b'(' | b')' | b'<' | b'>' | b'[' | b']')
        })
}

#[cfg(test)]
mod tests {
    use notion_sync_core::id::Side;

    use super::*;

    fn said(author: &str, text: &str) -> Said {
        Said {
            side: Side::Notion,
            author: author.to_owned(),
            text: text.to_owned(),
            url: Some("https://www.notion.so/1b2c?d=3f".to_owned()),
            about: None,
        }
    }

    #[test]
    fn a_copy_says_who_wrote_it_and_acts_on_nobody() {
        let op = OpId::from("k3");
        let shown = body(&op, &said("Ada Lovelace", "ping @bob, fixes #12"));
        assert_eq!(
            shown,
            "<!-- notion-sync op: k3 -->\n**Ada Lovelace** in [Notion](https://www.notion.so/1b2c?d=3f):\n\n\
             ping @\u{200B}bob, f\u{200B}ixes #12"
        );
        let evil = body(&op, &said("**x** @all\n<!-- y", ""));
        assert!(
            !evil.contains("@all") && evil.contains("\\<\\!--"),
            "{evil}"
        );
        assert!(evil.ends_with("_(no text)_"));
        let mut odd = said("Ada", "Hi");
        odd.url = Some("https://x)[y".to_owned());
        odd.about = Some("a block".to_owned());
        assert!(body(&op, &odd).ends_with("**Ada** in Notion, a block:\n\nHi"));
    }

    #[test]
    fn a_long_copy_fits() {
        let long = body(&OpId::from("k3"), &said("Ada", &"ä@b ".repeat(40_000)));
        assert!(long.len() <= MAX_BODY_BYTES, "{}", long.len());
        assert!(long.contains("(shortened):"));
    }

    #[test]
    fn comments_are_read_with_their_marks() {
        let place = reference::pull(7, 3);
        let mut comment = Comment {
            id: Some(9),
            body: Some("one\r\ntwo".to_owned()),
            ..Comment::default()
        };
        let found = read(7, &place, &comment).unwrap();
        assert_eq!((found.text.as_str(), found.ours), ("one\ntwo", false));
        assert_eq!(found.author, "ghost");
        assert_eq!(found.about.as_deref(), Some("pull request #3"));
        comment.body = Some(body(&OpId::from("k3"), &said("Ada", "Hi")));
        let found = read(7, &place, &comment).unwrap();
        assert_eq!(found.marker, Some(OpId::from("k3")));
        assert!(found.ours && found.text.starts_with("**Ada**"));
        comment.id = None;
        assert!(read(7, &place, &comment).is_none());
    }
}
