//! Listing issues that changed.

use std::collections::BTreeMap;

use chrono::{DateTime, Duration, Utc};
use notion_sync_core::id::RemoteRef;
use notion_sync_core::remote::{Cursor, ListRequest, Listing};
use notion_sync_core::snapshot::Snapshot;
use notion_sync_core::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};

use super::GithubIssues;
use super::project::ProjectMark;
use crate::comments::stamp;
use crate::endpoint::{Call, ISSUES};
use crate::reference;
use crate::repository::RepositoryInfo;
use crate::wire::Issue;

/// Where a listing ended, by repository id.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Position {
    repositories: BTreeMap<u64, Mark>,
    /// Where the walk over the items of the project ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    project: Option<ProjectMark>,
}

/// The largest time the service showed, and how to ask again for free.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Mark {
    /// Up to where everything was listed: `updated_at` of the latest object, or how far the
    /// service's own clock had come. Never our clock.
    updated: Option<DateTime<Utc>>,
    /// The `since` that `etag` belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    since: Option<DateTime<Utc>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    etag: Option<String>,
}

/// Whether `since` includes its own second is not documented; this much is asked again.
const EDGE: Duration = Duration::seconds(1);
/// How far a mark may be ahead of the time of an answer: clocks of several servers differ.
const AHEAD: Duration = Duration::minutes(1);
const PAGE: usize = 100;
/// Listings longer than this are refused rather than walked for ever.
const MAX_ROUNDS: u32 = 10_000;

/// What listing one repository came to.
enum Listed {
    /// Everything was listed up to here.
    To(Mark),
    /// The mark is ahead of the service's clock, which says this: nothing newer would ever be shown.
    Ahead(DateTime<Utc>),
}

impl GithubIssues {
    pub(super) async fn list_issues(&self, request: ListRequest) -> Result<Listing> {
        let old = match &request.cursor {
            Some(cursor) => serde_json::from_str(&cursor.0).map_err(|_| {
                Error::new(ErrorKind::Invalid, "continue a listing of issues")
                    .message("the cursor is not one of issues")
                    .remedy("list from the beginning")
            })?,
            None => Position::default(),
        };
        let walk = self.walk_project().await?;
        let mut seen: Vec<&RepositoryInfo> = Vec::new();
        let mut position = Position::default();
        let mut items = Vec::new();
        let mut touched = BTreeMap::new();
        let mut alerts = Vec::new();
        for configured in &self.repositories {
            let Some(repository) = self.visible(configured).await? else {
                continue;
            };
            let mut mark = old
                .repositories
                .get(&repository.id)
                .cloned()
                .unwrap_or_default();
            let mut listed = self
                .list_one(repository, &mark, request.full, &mut items, &mut touched)
                .await;
            if let Ok(Listed::Ahead(now)) = listed {
                alerts.push(format!(
                    "what was listed of {} last is dated after GitHub's own time: listed again from there",
                    repository.full_name
                ));
                mark = Mark {
                    updated: Some(now),
                    ..Mark::default()
                };
                listed = self
                    .list_one(repository, &mark, request.full, &mut items, &mut touched)
                    .await;
            }
            match listed {
                Ok(Listed::To(mark)) => position.repositories.insert(repository.id, mark),
                // The clock of the service moved on meanwhile: once more with the next look.
                Ok(Listed::Ahead(_)) => position.repositories.insert(repository.id, mark),
                Err(error) if self.is_left_out(&error) => {
                    tracing::warn!(repository = configured.name, %error, "left out");
                    continue;
                }
                Err(error) => return Err(error),
            };
            seen.push(repository);
        }
        position.project = match walk {
            Some(walk) => {
                walk.complete(self, &seen, old.project.as_ref(), request.full, &mut items)
            }
            None => None,
        };
        // What cannot be seen now goes on where it ended, once it can.
        for (id, mark) in old.repositories {
            position.repositories.entry(id).or_insert(mark);
        }
        Ok(Listing {
            continues: false,
            items,
            gone: Vec::new(),
            // A struct of numbers, times and strings always serialises.
            cursor: Cursor(serde_json::to_string(&position).unwrap_or_default()),
            complete: true,
            touched: touched.into_iter().collect(),
            alerts,
        })
    }

    /// Walks forward by time of change. An issue that changes meanwhile moves to the end and is
    /// seen again; going on from the last time seen instead of by page number keeps others from
    /// slipping past when it leaves its page.
    async fn list_one(
        &self,
        repository: &RepositoryInfo,
        mark: &Mark,
        full: bool,
        items: &mut Vec<Snapshot>,
        touched: &mut BTreeMap<RemoteRef, DateTime<Utc>>,
    ) -> Result<Listed> {
        let overlap = self.overlap();
        let start = if full {
            None
        } else {
            mark.updated.map(|at| at - overlap)
        };
        let mut found: BTreeMap<u64, Snapshot> = BTreeMap::new();
        let mut latest = mark.updated;
        let mut since = start;
        let mut page = 1_u32;
        let mut etag = None;
        let mut answered = None;
        let mut rounds = 0;
        loop {
            rounds += 1;
            if rounds > MAX_ROUNDS {
                return Err(Error::new(ErrorKind::Unavailable, "list issues")
                    .with("repository", &repository.full_name)
                    .message("the listing does not end"));
            }
            let first = rounds == 1;
            let same = first && !full && since.is_some() && mark.since == since;
            let mut call = Call::new(&ISSUES, &[&repository.id.to_string()])
                .query("state", "all")
                .query("sort", "updated")
                .query("direction", "asc")
                .query("per_page", "100")
                .with("repository", &repository.full_name);
            if let Some(since) = since {
                call = call.query("since", &stamp(since));
            }
            if page > 1 {
                call = call.query("page", &page.to_string());
            }
            if same {
                call = call.if_changed(mark.etag.as_deref());
            }
            let answer = self.client.call(call).await?;
            let now = answer.answered_at();
            if let (Some(updated), Some(now)) = (mark.updated.filter(|_| first), now)
                && is_ahead(updated, now)
            {
                return Ok(Listed::Ahead(now));
            }
            if answer.not_modified() {
                return Ok(Listed::To(mark.clone()));
            }
            if first {
                etag = answer.etag();
                answered = now;
            }
            // A page may hold fewer than were asked for and yet not be the last.
            let goes_on = answer.next().is_some();
            let issues: Vec<Issue> = answer.json()?;
            let count = issues.len();
            let last = issues.iter().filter_map(|issue| issue.updated_at).max();
            // Never ahead of the service's own clock.
            latest = latest.max(match (last, now) {
                (Some(last), Some(now)) if is_ahead(last, now) => Some(now),
                (last, _) => last,
            });
            for issue in issues {
                self.know_parent(&issue).await;
                let Some(number) = issue.number else { continue };
                // Pull requests are issues to this route, but not to us: they belong to issues.
                if issue.pull_request {
                    if let Some(at) = issue.updated_at {
                        touched.insert(reference::pull(repository.id, number), at);
                    }
                    continue;
                }
                found.insert(number, self.snapshot(repository, number, &issue, true));
            }
            if count < PAGE && !goes_on {
                break;
            }
            // A page of one second only can be left by number alone.
            match last.map(|last| last - EDGE) {
                Some(next) if since.is_none_or(|since| next > since) => {
                    since = Some(next);
                    page = 1;
                }
                _ => page += 1,
            }
        }
        items.extend(found.into_values());
        // Whatever changed before `visibility` ago has been shown. Where the overlap is longer than
        // a page it would be walked through in every cycle until something else changes; where it
        // is one page the address stays, so that it can be asked for free.
        if rounds > 1 {
            let visibility = self.visibility();
            latest = latest.max(answered.map(|answered| answered - visibility));
        }
        // The answer may only be revalidated where it was the whole answer.
        let etag = etag.filter(|_| rounds == 1);
        Ok(Listed::To(Mark {
            updated: latest,
            since: start.filter(|_| etag.is_some()),
            etag,
        }))
    }
}

fn is_ahead(time: DateTime<Utc>, now: DateTime<Utc>) -> bool {
    time - now > AHEAD
}
