//! Which pull requests belong to an issue: those that the registry links, and those that GitHub
//! links because their descriptions close it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use notion_sync_core::effect::{EffectRequest, LinkedPull};
use notion_sync_core::id::RemoteRef;
use notion_sync_core::{ErrorKind, Result};
use serde_json::{Map, Value};

use super::LINK_PULL;
use super::graphql::{PULL_PARTS, is, of_repository, text};
use crate::graphql::OF_REPOSITORY;
use crate::issues::GithubIssues;
use crate::marker::HiddenBlock;
use crate::pull;
use crate::reference;
use crate::repository::RepositoryInfo;
use crate::wire::Pull;

/// Most issues in one request.
const PER_REQUEST: usize = 25;

/// The pull request of a record.
#[derive(Debug)]
pub(super) enum Found<'a> {
    /// This one.
    One(Box<Target<'a>>),
    /// There is none.
    None,
    /// Several are open and nothing says which is meant: their numbers.
    Several(Vec<u64>),
}

/// A pull request with the repository it is in.
#[derive(Debug)]
pub(super) struct Target<'a> {
    pub(super) repository: &'a RepositoryInfo,
    pub(super) number: u64,
    pub(super) pull: Pull,
}

/// An issue whose pull requests are looked for.
struct Asked<'a> {
    number: u64,
    object: &'a RemoteRef,
    /// Numbers that the registry links.
    known: Vec<u64>,
}

impl Target<'_> {
    pub(super) fn object(&self) -> RemoteRef {
        reference::pull(self.repository.id, self.number)
    }

    pub(super) fn links(&self) -> BTreeMap<String, RemoteRef> {
        BTreeMap::from([(LINK_PULL.to_owned(), self.object())])
    }
}

impl GithubIssues {
    /// The pull request that a write was decided for.
    pub(super) async fn target(&self, object: &RemoteRef) -> Result<Target<'_>> {
        let (repository, number) = self.own(object).await?;
        let pull = pull::read(&self.client, repository, number).await?;
        Ok(Target {
            repository,
            number,
            pull,
        })
    }

    /// The pull request that the registry links, if it is still there.
    pub(super) async fn registered(&self, request: &EffectRequest) -> Result<Option<Target<'_>>> {
        let Some(object) = request.links.get(LINK_PULL) else {
            return Ok(None);
        };
        match self.target(object).await {
            Ok(target) => Ok(Some(target)),
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Gone) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The pull request of the record: the one that the registry links, else the one open one that
    /// GitHub links, else the latest that was merged, else the latest.
    pub(super) async fn pull_of_record(&self, request: &EffectRequest) -> Result<Found<'_>> {
        if let Some(target) = self.registered(request).await? {
            return Ok(Found::One(Box::new(target)));
        }
        let linked = self.linked_by_people(&request.object).await?;
        let open = |pull: &&LinkedPull| matches!(pull.state.as_str(), "open" | "draft");
        let several: Vec<u64> = linked.iter().filter(open).map(|pull| pull.number).collect();
        if several.len() > 1 {
            return Ok(Found::Several(several));
        }
        let chosen = linked.iter().find(open).or_else(|| {
            let merged = linked.iter().rfind(|pull| pull.state == "merged");
            merged.or(linked.last())
        });
        match chosen {
            Some(chosen) => Ok(Found::One(Box::new(self.target(&chosen.object).await?))),
            None => Ok(Found::None),
        }
    }

    /// What GitHub links to an issue in its repository, by number.
    pub(super) async fn linked_by_people(&self, issue: &RemoteRef) -> Result<Vec<LinkedPull>> {
        let mut all = self.linked_pulls(&[(issue.clone(), Vec::new())]).await?;
        let mut found = all.remove(issue).unwrap_or_default();
        found.sort_by_key(|pull| pull.number);
        Ok(found)
    }

    pub(crate) async fn linked_pulls(
        &self,
        objects: &[(RemoteRef, Vec<RemoteRef>)],
    ) -> Result<BTreeMap<RemoteRef, Vec<LinkedPull>>> {
        let mut by_repository: BTreeMap<u64, Vec<Asked<'_>>> = BTreeMap::new();
        for (object, known) in objects {
            let (repository, number) = reference::parse_numbered(object)?;
            let known = known
                .iter()
                .filter_map(|pull| reference::parse_numbered(pull).ok())
                .filter(|(place, _)| *place == repository)
                .map(|(_, number)| number)
                .collect();
            by_repository.entry(repository).or_default().push(Asked {
                number,
                object,
                known,
            });
        }
        let mut all = BTreeMap::new();
        for issues in by_repository.values() {
            for chunk in issues.chunks(PER_REQUEST) {
                let Some(first) = chunk.first() else {
                    continue;
                };
                let (repository, _) = self.own(first.object).await?;
                self.linked_chunk(repository, chunk, &mut all).await?;
            }
        }
        Ok(all)
    }

    async fn linked_chunk(
        &self,
        repository: &RepositoryInfo,
        issues: &[Asked<'_>],
        all: &mut BTreeMap<RemoteRef, Vec<LinkedPull>>,
    ) -> Result<()> {
        let numbers: BTreeSet<u64> = issues.iter().map(|issue| issue.number).collect();
        let pulls: BTreeSet<u64> = issues
            .iter()
            .flat_map(|issue| issue.known.clone())
            .collect();
        let (answer, errors) = of_repository(
            &self.client,
            "look for linked pull requests",
            repository,
            &linked_document(&numbers, &pulls),
            Map::new(),
        )
        .await?;
        // What is gone is null, and what must not be seen too: nothing is linked there.
        for error in errors {
            tracing::debug!(%error, "a part of the linked pull requests was not answered");
        }
        for issue in issues {
            let number = issue.number;
            let mut found: BTreeMap<u64, LinkedPull> = BTreeMap::new();
            let nodes = answer.pointer(&format!("/i{number}/closedByPullRequestsReferences/nodes"));
            let nodes = nodes.and_then(Value::as_array).into_iter().flatten();
            let known = issue.known.iter();
            let known = known.filter_map(|number| answer.get(format!("p{number}")));
            for pull in nodes
                .chain(known)
                .filter_map(|node| linked(repository, node))
            {
                found.insert(pull.number, pull);
            }
            if !found.is_empty() {
                all.insert(issue.object.clone(), found.into_values().collect());
            }
        }
        Ok(())
    }
}

/// One request for many issues. Numbers are numbers, so they can stand in the document itself.
pub(super) fn linked_document(issues: &BTreeSet<u64>, pulls: &BTreeSet<u64>) -> String {
    let mut out = String::from(OF_REPOSITORY);
    for number in issues {
        // Writing to a string cannot fail.
        let _ = write!(
            out,
            " i{number}:issue(number:{number}){{\
             closedByPullRequestsReferences(first:10,includeClosedPrs:true){{nodes{{...P}}}}}}"
        );
    }
    for number in pulls {
        let _ = write!(out, " p{number}:pullRequest(number:{number}){{...P}}");
    }
    out.push_str("}} ");
    out.push_str(PULL_PARTS);
    out
}

/// A pull request of an answer. One of another repository is left out: nothing here can act on it.
fn linked(repository: &RepositoryInfo, node: &Value) -> Option<LinkedPull> {
    let number = node.get("number")?.as_u64()?;
    let place = node
        .pointer("/repository/databaseId")
        .and_then(Value::as_u64);
    if place.is_some_and(|place| place != repository.id) {
        return None;
    }
    let state = match text(node, "/state") {
        Some("MERGED") => "merged",
        Some("CLOSED") => "closed",
        _ if is(node, "/isDraft") => "draft",
        _ => "open",
    };
    let review = match text(node, "/reviewDecision") {
        Some("APPROVED") => Some("approved"),
        Some("CHANGES_REQUESTED") => Some("changes requested"),
        Some("REVIEW_REQUIRED") => Some("review required"),
        _ => None,
    };
    let checks = match text(node, "/commits/nodes/0/commit/statusCheckRollup/state") {
        Some("SUCCESS") => Some("passed"),
        Some("FAILURE" | "ERROR") => Some("failed"),
        Some(_) => Some("pending"),
        None => None,
    };
    let (block, _) = HiddenBlock::split(text(node, "/body").unwrap_or_default());
    Some(LinkedPull {
        object: reference::pull(repository.id, number),
        number,
        url: text(node, "/url").unwrap_or_default().to_owned(),
        state: state.to_owned(),
        head: text(node, "/headRefOid").unwrap_or_default().to_owned(),
        review: review.map(str::to_owned),
        checks: checks.map(str::to_owned),
        ours: block.created_by.is_some(),
        updated_at: text(node, "/updatedAt")?.parse().ok()?,
    })
}
