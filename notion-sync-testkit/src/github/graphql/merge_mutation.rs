//! Merges that happen later: what GraphQL alone can ask for.

use crate::github::account::key;
use crate::github::auth::Need;
use crate::github::checks::Standing;
use crate::github::exchange::{Exchange, stamp};
use crate::github::merging::MergeMethod;
use crate::github::names::{NodeKind, node_id};
use crate::github::queue::{AutoMerge, QueueEntry};
use crate::github::repository::Repository;

use super::field::Resolved;
use super::mutation::{pull_payload, required, target};
use super::node::Node;
use super::{Arguments, Failure};

/// Carries out one of these mutations.
pub(crate) fn resolve(
    exchange: &mut Exchange<'_>,
    name: &str,
    input: &Arguments,
    echo: Node,
) -> Resolved {
    if !matches!(
        name,
        "enablePullRequestAutoMerge"
            | "disablePullRequestAutoMerge"
            | "enqueuePullRequest"
            | "dequeuePullRequest"
    ) {
        return Ok(Node::Null);
    }
    let member = if name == "dequeuePullRequest" {
        "id"
    } else {
        "pullRequestId"
    };
    let target = target(exchange, required(input, member)?)?;
    let (repository, number, is_pull) = target;
    if !is_pull {
        return Err(Failure::new(
            "NOT_FOUND",
            "Could not resolve to a PullRequest.",
        ));
    }
    exchange.need(repository, Need::ContentsWrite)?;
    let (actor, now) = (exchange.actor()?, exchange.now);
    let expected = input.text("expectedHeadOid");
    match name {
        "enablePullRequestAutoMerge" => {
            let word = input.text("mergeMethod").unwrap_or("MERGE").to_lowercase();
            let method = MergeMethod::parse(&word)
                .ok_or_else(|| Failure::new("", "Argument 'mergeMethod' has an invalid value"))?;
            let wish = AutoMerge {
                method,
                title: input.text("commitHeadline").map(str::to_owned),
                message: input.text("commitBody").map(str::to_owned),
                enabled_by: actor,
                at: now,
            };
            exchange
                .state
                .enable_auto_merge(repository, number, wish, expected, now)?;
            Ok(pull_payload(exchange, target, echo))
        }
        "disablePullRequestAutoMerge" => {
            exchange
                .state
                .disable_auto_merge(repository, number, &actor, now)?;
            Ok(pull_payload(exchange, target, echo))
        }
        _ => {
            // Where the entry stood: by the time of the answer it may be merged, or it is gone.
            let (entry, position) = if name == "enqueuePullRequest" {
                let jump = input.flag("jump") == Some(true);
                let entry = exchange
                    .state
                    .enqueue(repository, number, expected, jump, &actor, now)?;
                let position = exchange.repo(repository)?.queued(number);
                let position = position.map_or(1, |(position, _)| position);
                (entry, position)
            } else {
                let position = exchange.repo(repository)?.queued(number);
                let position = position.map_or(1, |(position, _)| position);
                let entry = exchange.state.dequeue(repository, number, &actor, now)?;
                (entry, position)
            };
            let repo = exchange.repo(repository)?;
            let branch = repo
                .pull(number)
                .map(|(_, pull)| pull.base.clone())
                .unwrap_or_default();
            let shown = queue_entry(exchange, repo, &branch, (position, &entry));
            Ok(Node::record(
                "QueuePayload",
                [("clientMutationId", echo), ("mergeQueueEntry", shown)],
            ))
        }
    }
}

pub(crate) fn queue_entry(
    exchange: &Exchange<'_>,
    repo: &Repository,
    branch: &str,
    (position, entry): (usize, &QueueEntry),
) -> Node {
    let state = match exchange.state.standing_of(repo, branch, entry) {
        Standing::Passed => "MERGEABLE",
        Standing::Failing | Standing::Broken => "UNMERGEABLE",
        _ => "AWAITING_CHECKS",
    };
    Node::record(
        "MergeQueueEntry",
        [
            ("id", node_id(NodeKind::QueueEntry, entry.id).into()),
            ("state", state.into()),
            ("position", position.into()),
            ("enqueuedAt", stamp(entry.at).into()),
            ("enqueuer", Node::Account(key(&entry.enqueuer.login))),
            ("jump", entry.jump.into()),
            ("solo", false.into()),
            ("pullRequest", Node::Pull(repo.id, entry.number)),
            ("baseCommit", Node::Commit(repo.id, entry.base)),
            ("headCommit", Node::Commit(repo.id, entry.group)),
            ("estimatedTimeToMerge", Node::Null),
        ],
    )
}
