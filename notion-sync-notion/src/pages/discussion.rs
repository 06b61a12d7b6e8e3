//! Comments of pages and blocks, and the copies of what people wrote on GitHub.

use notion_sync_core::comment::{Comments, Discuss, DiscussStep, RemoteComment, text_hash};
use notion_sync_core::hash::ContentHash;
use notion_sync_core::id::RemoteRef;
use notion_sync_core::remote::{Ack, Trace, Write};
use notion_sync_core::{Error, ErrorKind, Result};

use super::writing::unsent;
use super::{BLOCK, COMMENT, NotionPages, PAGE, SYSTEM, speech};
use crate::client::{Answer, Endpoint, unreadable};
use crate::identifier;
use crate::wire::Comment;

/// Most pages of a listing, of 100 comments each.
const PAGES: usize = 20;

impl NotionPages {
    /// The first 2,000 comments of a page or block in threads that are not resolved.
    pub(super) async fn list_comments(&self, object: &RemoteRef) -> Result<Comments> {
        let id = id_of(object, &[PAGE, BLOCK], "list comments")?;
        let mut items = Vec::new();
        let mut cursor: Option<String> = None;
        let mut whole = true;
        for _ in 0..PAGES {
            let endpoint = Endpoint::comments(&id, cursor.as_deref())?;
            let page = self.client.page_of(&endpoint).await?;
            whole &= !page.incomplete;
            items.extend(
                (page.results.iter())
                    .filter_map(|raw| Comment::of_raw(raw).ok())
                    .map(|comment| shown(&comment, Some(object))),
            );
            let next = page
                .next_cursor
                .filter(|next| cursor.as_ref() != Some(next));
            cursor = next;
            if cursor.is_none() {
                break;
            }
        }
        Ok(Comments {
            items,
            complete: whole && cursor.is_none(),
        })
    }

    pub(super) async fn read_comment(&self, object: &RemoteRef) -> Result<Option<RemoteComment>> {
        let id = id_of(object, &[COMMENT], "read a comment")?;
        let endpoint = Endpoint::comment(&id)?;
        match self.client.call(&endpoint).await {
            Ok(answer) => {
                let comment = parse(&endpoint, &answer)?;
                Ok(Some(shown(&comment, None)))
            }
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Gone) => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(super) async fn discuss(&self, write: &Write, discuss: &Discuss) -> Result<Ack> {
        match &discuss.step {
            DiscussStep::Post(said) => {
                let page = id_of(&discuss.place, &[PAGE], "add a comment")?;
                let endpoint = Endpoint::write_comment(&page, &speech::write(said, &write.op))?;
                let answer = self.client.call(&endpoint).await?;
                let Some(committed) = &answer.committed else {
                    return Ok(ack(&shown(
                        &parse(&endpoint, &answer)?,
                        Some(&discuss.place),
                    )));
                };
                let mut ack = Ack::default();
                ack.links
                    .insert(COMMENT.to_owned(), comment_ref(&committed.resource));
                Ok(ack)
            }
            DiscussStep::Edit {
                comment,
                expected,
                said,
            } => {
                if !self.expect(comment, *expected).await? {
                    return Err(Error::new(ErrorKind::NotFound, "change a comment")
                        .with("comment", comment));
                }
                let rich_text = speech::write(said, &write.op);
                let endpoint = Endpoint::update_comment(&comment.id, &rich_text)?;
                let answer = self.client.call(&endpoint).await?;
                Ok(ack(&shown(
                    &parse(&endpoint, &answer)?,
                    Some(&discuss.place),
                )))
            }
            DiscussStep::Delete { comment, expected } => {
                if self.expect(comment, *expected).await? {
                    match self
                        .client
                        .call(&Endpoint::delete_comment(&comment.id)?)
                        .await
                    {
                        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                        _ => {}
                    }
                }
                Ok(Ack::default())
            }
            DiscussStep::Card { .. } => Err(Error::new(ErrorKind::Invalid, "add a comment")
                .message("a page shows the state of the sync in its properties")),
        }
    }

    /// Whether a comment is there, with the text that is expected.
    async fn expect(&self, comment: &RemoteRef, expected: ContentHash) -> Result<bool> {
        match self.read_comment(comment).await.map_err(unsent)? {
            None => Ok(false),
            Some(found) if found.hash() == expected => Ok(true),
            Some(_) => Err(Error::new(ErrorKind::Stale, "change a comment")
                .with("comment", comment)
                .message("it was edited since")),
        }
    }

    pub(super) async fn trace_discussion(&self, write: &Write, discuss: &Discuss) -> Result<Trace> {
        let found = match &discuss.step {
            DiscussStep::Card { .. } => None,
            DiscussStep::Post(_) => {
                let page = id_of(&discuss.place, &[PAGE], "find a comment")?;
                let found = self.find_comment(&page, &write.op).await?;
                found.map(|comment| comment_ref(&comment.id))
            }
            // The mark goes out in the same request as the text.
            DiscussStep::Edit { comment, .. } => (self.read_comment(comment).await?)
                .filter(|found| found.marker.as_ref() == Some(&write.op))
                .map(|found| found.object),
            DiscussStep::Delete { comment, .. } => {
                return Ok(match self.read_comment(comment).await? {
                    None => Trace::Applied(Ack::default()),
                    Some(_) => Trace::NotApplied,
                });
            }
        };
        Ok(found.map_or(Trace::NotApplied, |found| {
            let mut ack = Ack::default();
            ack.links.insert(COMMENT.to_owned(), found);
            Trace::Applied(ack)
        }))
    }
}

fn id_of(object: &RemoteRef, kinds: &[&str], during: &'static str) -> Result<String> {
    let known = object.system == SYSTEM && kinds.contains(&object.kind.as_str());
    known
        .then(|| identifier::canonical(&object.id))
        .flatten()
        .ok_or_else(|| {
            Error::new(ErrorKind::Invalid, during)
                .with("object", object)
                .message(format!("it is no Notion {}", kinds.join(" or ")))
        })
}

fn comment_ref(id: &str) -> RemoteRef {
    RemoteRef::new(SYSTEM, COMMENT, identifier::canonical_or_same(id))
}

fn parse(endpoint: &Endpoint, answer: &Answer) -> Result<Comment> {
    Comment::parse(&answer.body).map_err(|error| unreadable(endpoint, answer, error))
}

fn shown(comment: &Comment, place: Option<&RemoteRef>) -> RemoteComment {
    let parent = (comment.parent.as_ref())
        .map(|(kind, id)| RemoteRef::new(SYSTEM, kind.clone(), id.clone()));
    let place = place
        .cloned()
        .or(parent)
        .unwrap_or_else(|| RemoteRef::new(SYSTEM, "unknown", ""));
    let (text, marker) = speech::read(&comment.rich_text);
    let bare = |id: &str| id.replace('-', "");
    let url = (comment.discussion.as_deref())
        .filter(|_| place.kind == PAGE)
        .map(|thread| {
            format!(
                "https://www.notion.so/{}?d={}",
                bare(&place.id),
                bare(thread)
            )
        });
    RemoteComment {
        object: comment_ref(&comment.id),
        thread: comment.discussion.clone(),
        author: (comment.author.clone())
            .filter(|name| !name.trim().is_empty())
            .or_else(|| comment.created_by.as_ref().map(|user| user.id.clone()))
            .unwrap_or_default(),
        text,
        created_at: comment.created_time,
        edited_at: comment.edited_time,
        ours: marker.is_some(),
        marker,
        url,
        about: (place.kind == BLOCK).then(|| "on a part of the page".to_owned()),
        place,
    }
}

fn ack(comment: &RemoteComment) -> Ack {
    let mut ack = Ack::default();
    let hash = text_hash(&comment.text).to_string();
    ack.notes.insert("shown".to_owned(), hash);
    ack.links.insert(COMMENT.to_owned(), comment.object.clone());
    ack
}
