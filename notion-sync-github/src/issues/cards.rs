//! The one comment on an issue that shows the state of the sync: written, edited, found again.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use notion_sync_core::comment::{Card, Discuss, FoundCard};
use notion_sync_core::id::RemoteRef;
use notion_sync_core::remote::{Ack, Trace, Write};
use notion_sync_core::{Error, ErrorKind, Result};
use serde_json::json;

use super::GithubIssues;
use super::writing::unapplied;
use crate::card::{self, CardMark};
use crate::comments;
use crate::endpoint::{COMMENTS, CREATE_COMMENT, Call, REPOSITORY_COMMENTS, UPDATE_COMMENT};
use crate::files::comment_notes;
use crate::marker::split_comment;
use crate::reference;
use crate::wire::Comment;

/// From so many issues of one repository on, its comments are listed as a whole: a page of a hundred
/// comments for each request, instead of one request for each issue.
const WHOLE: usize = 20;
/// Most pages of such a listing, of 100 comments each.
const PAGES: usize = 5_000;
/// Most pages of the comments of one issue.
const ISSUE_PAGES: usize = 20;

impl GithubIssues {
    pub(super) async fn write_card(
        &self,
        write: &Write,
        discuss: &Discuss,
        known: Option<&RemoteRef>,
        card: &Card,
    ) -> Result<Ack> {
        let (repository, number) = self.own(&discuss.place).await.map_err(unapplied)?;
        let id = repository.id;
        self.client
            .begin("write a comment", 1, u32::from(known.is_none()))?;
        let found = match known {
            Some(known) => {
                let known = reference::comment_at(known, &discuss.place);
                Some(reference::parse_comment(&known)?)
            }
            None => match self.find_card(id, number, card).await.map_err(unapplied)? {
                Some((comment, mark)) if mark.state == Some(card.state().to_string()) => {
                    // It says that already: the registry was lost since.
                    return Ok(ack(id, &comment));
                }
                found => found.and_then(|(comment, _)| Some((id, comment.id?))),
            },
        };
        let body = json!({ "body": card::body(&write.op, card) });
        let Some((repository, comment)) = found else {
            let call = Call::new(&CREATE_COMMENT, &[&id.to_string(), &number.to_string()])
                .body(body)
                .with("number", number);
            let comment: Comment = self.client.call(call).await?.json()?;
            return Ok(ack(id, &comment));
        };
        let arguments = [repository.to_string(), comment.to_string()];
        let call = Call::new(&UPDATE_COMMENT, &[&arguments[0], &arguments[1]])
            .body(body)
            .with("comment", comment);
        match self.client.call(call).await {
            Ok(answer) => Ok(ack(repository, &answer.json()?)),
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Gone) => {
                // Only where the issue is there: otherwise nothing was removed by hand.
                self.writable_now(&discuss.place).await?;
                Ok(gone())
            }
            Err(error) => Err(error),
        }
    }

    async fn writable_now(&self, object: &RemoteRef) -> Result<()> {
        let (repository, number) = self.own(object).await.map_err(unapplied)?;
        self.writable(repository, number).await.map(|_| ())
    }

    pub(super) async fn trace_card(
        &self,
        write: &Write,
        discuss: &Discuss,
        known: Option<&RemoteRef>,
        sent_at: DateTime<Utc>,
    ) -> Result<Trace> {
        let Some(known) = known else {
            let (repository, number) = self.own(&discuss.place).await?;
            let id = repository.id;
            let (client, name) = (&self.client, id.to_string());
            let found = comments::find(client, &name, number, &write.op, Some(sent_at)).await?;
            return Ok(found.map_or(Trace::NotApplied, |comment| {
                Trace::Applied(ack(id, &comment))
            }));
        };
        // The mark goes out in the same request as the text.
        let known = reference::comment_at(known, &discuss.place);
        Ok(match self.read_comment(&known).await? {
            None => Trace::Applied(gone()),
            Some(found) if found.marker.as_ref() == Some(&write.op) => {
                let mut ack = Ack::default();
                ack.links.insert("comment".to_owned(), found.object);
                Trace::Applied(ack)
            }
            Some(_) => Trace::NotApplied,
        })
    }

    /// The comment of this page on an issue, the oldest of several.
    async fn find_card(
        &self,
        repository: u64,
        number: u64,
        card: &Card,
    ) -> Result<Option<(Comment, CardMark)>> {
        let arguments = [repository.to_string(), number.to_string()];
        let mut next = Some(
            Call::new(&COMMENTS, &[&arguments[0], &arguments[1]])
                .query("per_page", "100")
                .with("number", number),
        );
        for _ in 0..ISSUE_PAGES {
            let Some(call) = next else { break };
            let answer = self.client.call(call.clone()).await?;
            let comments: Vec<Comment> = answer.json()?;
            for comment in comments {
                if let Some(mark) = self.own_mark(&comment).await
                    && mark.page == card.page
                {
                    return Ok(Some((comment, mark)));
                }
            }
            next = self.client.next_page(&call, &answer);
        }
        Ok(None)
    }

    /// What such a comment says, where our own account wrote it.
    async fn own_mark(&self, comment: &Comment) -> Option<CardMark> {
        let mark = card::mark(comment.body.as_deref()?)?;
        let author = comment.user.as_ref()?.login.as_deref()?;
        let login = self.login().await?;
        author.eq_ignore_ascii_case(&login).then_some(mark)
    }

    /// The comments on issues of which nothing else tells what they belong to.
    pub(super) async fn find_cards(&self, objects: &[RemoteRef]) -> Result<Vec<FoundCard>> {
        let mut wanted: BTreeMap<u64, BTreeSet<u64>> = BTreeMap::new();
        for object in objects {
            let (repository, number) = reference::parse_numbered(object)?;
            wanted.entry(repository).or_default().insert(number);
        }
        let mut out = Vec::new();
        for (repository, numbers) in wanted {
            let id = repository.to_string();
            let calls: Vec<(Call, usize)> = if numbers.len() >= WHOLE {
                vec![(Call::new(&REPOSITORY_COMMENTS, &[&id]), PAGES)]
            } else {
                (numbers.iter())
                    .map(|number| {
                        let call = Call::new(&COMMENTS, &[&id, &number.to_string()]);
                        (call.with("number", number), ISSUE_PAGES)
                    })
                    .collect()
            };
            let mut found: BTreeMap<u64, FoundCard> = BTreeMap::new();
            for (call, pages) in calls {
                let whole = pages == PAGES;
                let mut next = Some(call.query("per_page", "100"));
                for _ in 0..pages {
                    let Some(call) = next.take() else { break };
                    let answer = self.client.call(call.clone()).await?;
                    for comment in answer.json::<Vec<Comment>>()? {
                        let number = number_of(&comment).filter(|one| numbers.contains(one));
                        let Some(number) = number.filter(|one| !found.contains_key(one)) else {
                            continue;
                        };
                        if let Some(mark) = self.own_mark(&comment).await {
                            let card = FoundCard {
                                object: reference::issue(repository, number),
                                page: mark.page,
                                record: mark.record,
                            };
                            found.insert(number, card);
                        }
                    }
                    next = self.client.next_page(&call, &answer);
                }
                if whole && next.is_some() {
                    return Err(Error::new(ErrorKind::Unavailable, "list comments")
                        .with("repository", repository)
                        .message("the listing does not end"));
                }
            }
            out.extend(found.into_values());
        }
        Ok(out)
    }
}

/// The issue of a comment.
fn number_of(comment: &Comment) -> Option<u64> {
    let url = comment.issue_url.as_deref()?;
    url.rsplit('/').next()?.parse().ok()
}

fn ack(repository: u64, comment: &Comment) -> Ack {
    let mut ack = Ack {
        notes: comment_notes(comment),
        ..Ack::default()
    };
    let ours = comment.body.as_deref().and_then(split_comment).is_some();
    if let Some(id) = comment.id.filter(|_| ours) {
        let comment = reference::comment(repository, id);
        ack.links.insert("comment".to_owned(), comment);
    }
    ack
}

/// Somebody removed it.
fn gone() -> Ack {
    Ack {
        notes: BTreeMap::from([("gone".to_owned(), "true".to_owned())]),
        ..Ack::default()
    }
}
