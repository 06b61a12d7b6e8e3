//! Branches and pull requests, as every part of the adapter reads them.

use std::collections::{BTreeMap, BTreeSet};

use notion_sync_core::{Error, ErrorKind, Result};
use serde_json::json;

use crate::client::GithubClient;
use crate::endpoint::{Call, ISSUE_EVENTS, PULL, PULLS, REF, REVIEWERS};
use crate::failure::passes;
use crate::repository::RepositoryInfo;
use crate::wire::{Event, GitRef, Pull};

/// The head of a branch, never from a kept answer. `None` when there is no such branch.
pub(crate) async fn head_of(
    client: &GithubClient,
    repository: &RepositoryInfo,
    branch: &str,
) -> Result<Option<String>> {
    let call = Call::new(&REF, &[&repository.id.to_string(), branch]).with("branch", branch);
    match client.call(call).await {
        Ok(answer) => {
            let found: GitRef = answer.json()?;
            let sha = found.sha().ok_or_else(|| answer.lacks("commit"))?;
            Ok(Some(sha.to_owned()))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// A pull request by number.
pub(crate) async fn read(
    client: &GithubClient,
    repository: &RepositoryInfo,
    number: u64,
) -> Result<Pull> {
    let call = Call::new(&PULL, &[&repository.id.to_string(), &number.to_string()])
        .with("repository", &repository.full_name)
        .with("number", number);
    client.call(call).await?.json()
}

/// The pull requests of a branch of the repository itself, oldest first, those that are open last.
pub(crate) async fn of_branch(
    client: &GithubClient,
    repository: &RepositoryInfo,
    branch: &str,
) -> Result<Vec<Pull>> {
    let call = Call::new(&PULLS, &[&repository.id.to_string()])
        .query("state", "all")
        .query("head", &format!("{}:{branch}", repository.owner()))
        .with("branch", branch);
    let pulls: Vec<Pull> = client.all(call).await?;
    let mut own: Vec<Pull> = pulls
        .into_iter()
        .filter(|pull| {
            let head = pull.head.as_ref();
            let place = head
                .and_then(|head| head.repo.as_ref())
                .and_then(|repo| repo.id);
            pull.head_name() == Some(branch) && place.is_none_or(|id| id == repository.id)
        })
        .collect();
    own.sort_by_key(|pull| (pull.state.as_deref() == Some("open"), pull.number));
    Ok(own)
}

/// Whether nobody was ever asked for a review of an open pull request that should have some: whoever
/// opened it did not come to that. Who was asked and has answered, or was let off, is not asked again.
pub(crate) async fn lacks_reviewers(
    client: &GithubClient,
    repository: &RepositoryInfo,
    reviewers: &[String],
    pull: &Pull,
) -> Result<bool> {
    let author = pull.user.as_ref().and_then(|user| user.login.as_deref());
    let wanted = reviewers
        .iter()
        .any(|name| !author.is_some_and(|author| name.eq_ignore_ascii_case(author)));
    let asked = pull.requested_reviewers.iter().flatten().next().is_some()
        || pull.requested_teams.iter().flatten().next().is_some();
    let Some(number) = pull.number.filter(|_| wanted && !asked && pull.is_open()) else {
        return Ok(false);
    };
    let call = Call::new(
        &ISSUE_EVENTS,
        &[&repository.id.to_string(), &number.to_string()],
    )
    .with("number", number);
    let events: Vec<Event> = client.all(call).await?;
    Ok(!events
        .iter()
        .any(|event| event.event.as_deref() == Some("review_requested")))
}

/// Who of the reviewers was not asked, and why not.
#[derive(Debug, Default)]
pub(crate) struct NotAsked {
    /// Those the service does not let us ask.
    refused: Vec<String>,
    /// Why the others were not asked, where something failed that will not last.
    missed: Option<String>,
}

impl NotAsked {
    /// Notes it with the outcome of what the reviews are for.
    pub(crate) fn note(self, notes: &mut BTreeMap<String, String>) {
        if !self.refused.is_empty() {
            let refused = format!("reviewers: {}", self.refused.join(", "));
            notes.insert("dropped".to_owned(), refused);
        }
        notes.extend(self.missed.map(|missed| ("missed".to_owned(), missed)));
    }
}

/// Asks for reviews and answers who was not asked. One name that cannot be asked makes the service
/// refuse all, so they are asked one by one then. A pull request without reviewers is still one: nothing
/// here fails it.
pub(crate) async fn ask_reviewers(
    client: &GithubClient,
    repository: &RepositoryInfo,
    number: u64,
    reviewers: &[String],
    pull: &Pull,
) -> NotAsked {
    let mut asked: BTreeSet<String> = BTreeSet::new();
    for user in pull.requested_reviewers.iter().flatten() {
        asked.extend(user.login.as_deref().map(str::to_ascii_lowercase));
    }
    for team in pull.requested_teams.iter().flatten() {
        asked.extend(
            team.slug
                .as_deref()
                .map(|slug| format!("{}/{slug}", repository.owner()).to_ascii_lowercase()),
        );
    }
    let author = pull
        .user
        .as_ref()
        .and_then(|user| user.login.as_deref())
        .unwrap_or_default();
    let (own, wanted): (Vec<&String>, Vec<&String>) = reviewers
        .iter()
        .filter(|name| !asked.contains(&name.to_ascii_lowercase()))
        .partition(|name| name.eq_ignore_ascii_case(author));
    let mut out = NotAsked {
        refused: own.into_iter().cloned().collect(),
        missed: None,
    };
    if wanted.is_empty() {
        return out;
    }
    match ask(client, repository, number, &wanted).await {
        Ok(()) => return out,
        Err(error) if passes(&error) => {
            out.missed = Some(missed(&wanted, &error));
            return out;
        }
        Err(_) => {}
    }
    for (at, name) in wanted.iter().enumerate() {
        match ask(client, repository, number, &[name]).await {
            Ok(()) => {}
            Err(error) if passes(&error) => {
                out.missed = Some(missed(&wanted[at..], &error));
                return out;
            }
            Err(error) => {
                tracing::warn!(%error, "a reviewer was not asked");
                out.refused.push((*name).clone());
            }
        }
    }
    out
}

fn missed(names: &[&String], error: &Error) -> String {
    let names: Vec<&str> = names.iter().map(|name| name.as_str()).collect();
    format!(
        "no review was asked of {}; ask for it on the pull request: {error}",
        names.join(", ")
    )
}

async fn ask(
    client: &GithubClient,
    repository: &RepositoryInfo,
    number: u64,
    names: &[&String],
) -> Result<()> {
    let (teams, people): (Vec<&&String>, Vec<&&String>) =
        names.iter().partition(|name| name.contains('/'));
    let slugs: Vec<&str> = teams
        .iter()
        .filter_map(|name| name.rsplit('/').next())
        .collect();
    let call = Call::new(
        &REVIEWERS,
        &[&repository.id.to_string(), &number.to_string()],
    )
    .body(json!({"reviewers": people, "team_reviewers": slugs}))
    .with("number", number);
    client.call(call).await.map(|_| ())
}
