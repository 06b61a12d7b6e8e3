//! Fields that only pull requests have.

use crate::github::account::key;
use crate::github::exchange::{Exchange, stamp};
use crate::github::names::{NodeKind, node_id, text_node_id};
use crate::github::pulls::{pull_changes, pull_commits};
use crate::github::render_issue::lines;

use super::field::{team, upper};
use super::issue_field::found_issue;
use super::merge_mutation::queue_entry;
use super::node::{Connection, Node};
use super::{Arguments, Failure, check_field};

/// What only a pull request has, or what differs from an issue.
pub(crate) fn pull(
    exchange: &mut Exchange<'_>,
    id: u64,
    number: u64,
    name: &str,
    arguments: &Arguments,
) -> Result<Option<Node>, Failure> {
    if matches!(name, "mergeable" | "mergeStateStatus") {
        let found = exchange.state.poll_mergeability(id, number);
        return Ok(Some(match (name, found.mergeable) {
            ("mergeable", Some(true)) => "MERGEABLE".into(),
            ("mergeable", Some(false)) => "CONFLICTING".into(),
            ("mergeable", None) => "UNKNOWN".into(),
            _ => upper(found.state).into(),
        }));
    }
    if name == "potentialMergeCommit" {
        let made = exchange.state.test_merge(id, number, exchange.now);
        return Ok(Some(made.map_or(Node::Null, |it| Node::Commit(id, it))));
    }
    let (repo, issue) = found_issue(exchange, id, number)?;
    let Some(pull) = issue.pull.as_deref() else {
        return Ok(Some(Node::Null));
    };
    let branch = |name: &str| {
        repo.branch(name)
            .map_or(Node::Null, |_| Node::Ref(id, format!("refs/heads/{name}")))
    };
    let count = || {
        pull_changes(repo, pull)
            .iter()
            .map(|change| lines(repo, change))
            .fold((0, 0), |sum, (plus, minus, _)| {
                (sum.0 + plus, sum.1 + minus)
            })
    };
    let reviews = |latest: bool, opinionated: bool| -> Vec<Node> {
        let mut shown: Vec<&crate::github::repository::Review> = Vec::new();
        for review in &pull.reviews {
            if opinionated && !matches!(review.state, "APPROVED" | "CHANGES_REQUESTED") {
                continue;
            }
            if latest {
                shown.retain(|known| known.author != review.author);
            }
            shown.push(review);
        }
        shown
            .iter()
            .map(|review| Node::Review(id, number, review.id))
            .collect()
    };
    Ok(Some(match name {
        "id" => node_id(NodeKind::PullRequest, pull.id).into(),
        "databaseId" => pull.id.into(),
        "fullDatabaseId" => pull.id.to_string().into(),
        "permalink" => exchange.render().issue_page(repo, issue).into(),
        "resourcePath" => format!("/{}/pull/{number}", repo.full_name()).into(),
        "mergedAt" => pull.merged_at.map(stamp).into(),
        "mergedBy" => pull
            .merged_by
            .as_deref()
            .map_or(Node::Null, |login| Node::Account(key(login))),
        "merged" => pull.merged_at.is_some().into(),
        "isDraft" => pull.draft.into(),
        "isCrossRepository" => false.into(),
        "isInMergeQueue" => repo.queued(number).is_some().into(),
        "isMergeQueueEnabled" => exchange
            .state
            .demands(repo, &pull.base, None)
            .queue
            .is_some()
            .into(),
        "mergeQueueEntry" => repo.queued(number).map_or(Node::Null, |(position, entry)| {
            queue_entry(exchange, repo, &pull.base, (position, entry))
        }),
        "autoMergeRequest" => pull.auto_merge.as_ref().map_or(Node::Null, |wish| {
            Node::record(
                "AutoMergeRequest",
                [
                    ("enabledAt", stamp(wish.at).into()),
                    ("mergeMethod", upper(wish.method.as_str()).into()),
                    ("authorEmail", Node::Null),
                    ("commitHeadline", wish.title.clone().into()),
                    ("commitBody", wish.message.clone().into()),
                    ("enabledBy", Node::Account(key(&wish.enabled_by.login))),
                    ("pullRequest", Node::Pull(id, number)),
                ],
            )
        }),
        "statusCheckRollup" => check_field::rollup_of(exchange, id, pull.head_sha)?,
        "maintainerCanModify" => pull.maintainer_can_modify.into(),
        "mergeCommit" => pull
            .merge_commit
            .map_or(Node::Null, |commit| Node::Commit(id, commit)),
        "reviewDecision" => {
            let verdicts = exchange.state.verdicts(repo, pull);
            let count = |wanted: &str| {
                let found = verdicts.iter().filter(|review| review.state == wanted);
                found.count()
            };
            let required = exchange.state.demands(repo, &pull.base, None).approvals as usize;
            if count("CHANGES_REQUESTED") > 0 {
                "CHANGES_REQUESTED".into()
            } else if count("APPROVED") >= required.max(1) {
                "APPROVED".into()
            } else if required > 0 {
                "REVIEW_REQUIRED".into()
            } else {
                Node::Null
            }
        }
        "headRefName" => pull.head.as_str().into(),
        "headRefOid" => pull.head_sha.to_string().into(),
        "headRef" => branch(&pull.head),
        "headRepository" | "baseRepository" | "repository" => Node::Repository(id),
        "headRepositoryOwner" => Node::Account(key(&repo.owner)),
        "baseRefName" => pull.base.as_str().into(),
        "baseRefOid" => repo
            .branch(&pull.base)
            .unwrap_or(pull.base_sha)
            .to_string()
            .into(),
        "baseRef" => branch(&pull.base),
        "additions" => count().0.into(),
        "deletions" => count().1.into(),
        "changedFiles" => pull_changes(repo, pull).len().into(),
        "files" => {
            let files = pull_changes(repo, pull)
                .iter()
                .map(|change| {
                    let (plus, minus, _) = lines(repo, change);
                    Node::record(
                        "PullRequestChangedFile",
                        [
                            ("path", change.path.as_str().into()),
                            ("additions", plus.into()),
                            ("deletions", minus.into()),
                            (
                                "changeType",
                                upper(match change.status() {
                                    "removed" => "deleted",
                                    other => other,
                                })
                                .into(),
                            ),
                        ],
                    )
                })
                .collect();
            Connection::node("PullRequestChangedFileConnection", name, files, arguments)
        }
        "commits" => {
            let commits = pull_commits(repo, pull)
                .iter()
                .map(|(commit, _)| {
                    Node::record(
                        "PullRequestCommit",
                        [
                            ("id", text_node_id("PURC", id, &commit.to_string()).into()),
                            ("commit", Node::Commit(id, *commit)),
                        ],
                    )
                })
                .collect();
            Connection::node("PullRequestCommitConnection", name, commits, arguments)
        }
        "reviews" => Connection::node(
            "PullRequestReviewConnection",
            name,
            reviews(false, false),
            arguments,
        ),
        "latestReviews" => Connection::node(
            "PullRequestReviewConnection",
            name,
            reviews(true, false),
            arguments,
        ),
        "latestOpinionatedReviews" => Connection::node(
            "PullRequestReviewConnection",
            name,
            reviews(true, true),
            arguments,
        ),
        "reviewRequests" => {
            let people = pull
                .reviewers
                .iter()
                .map(|login| Node::Account(login.clone()));
            let teams = pull
                .teams
                .iter()
                .map(|slug| team(exchange, &repo.owner, slug));
            let requests = people
                .chain(teams)
                .enumerate()
                .map(|(index, asked)| {
                    Node::record(
                        "ReviewRequest",
                        [
                            ("id", text_node_id("RR", pull.id, &index.to_string()).into()),
                            ("requestedReviewer", asked),
                            ("asCodeOwner", false.into()),
                        ],
                    )
                })
                .collect();
            Connection::node("ReviewRequestConnection", name, requests, arguments)
        }
        "closingIssuesReferences" => {
            let found = exchange.state.closes(repo, issue, pull).into_iter();
            let found = found
                .filter(|(repository, _)| {
                    exchange
                        .repo(*repository)
                        .is_ok_and(|repo| exchange.state.sees(&exchange.caller, repo))
                })
                .map(|(repository, number)| Node::Issue(repository, number));
            Connection::node("IssueConnection", name, found.collect(), arguments)
        }
        "viewerMergeHeadlineText" => format!(
            "Merge pull request #{number} from {}/{}",
            repo.owner, pull.head
        )
        .into(),
        "viewerMergeBodyText" => issue.title.as_str().into(),
        _ => return Ok(None),
    }))
}
