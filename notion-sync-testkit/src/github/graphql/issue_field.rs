//! Fields of issues, pull requests and what hangs on them.

use crate::github::account::key;
use crate::github::auth::Need;
use crate::github::exchange::{Exchange, encode, stamp};
use crate::github::names::{NodeKind, node_id};
use crate::github::repository::{Issue, Repository};

use super::field::{Resolved, not_resolved, upper};
use super::node::{Connection, Node};
use super::repository_field::repository;
use super::{Arguments, Failure};

pub(crate) fn state_of(issue: &Issue) -> &'static str {
    match (&issue.pull, issue.open) {
        (Some(pull), _) if pull.merged_at.is_some() => "MERGED",
        (_, true) => "OPEN",
        (_, false) => "CLOSED",
    }
}

pub(crate) fn issues(
    exchange: &Exchange<'_>,
    repo: &Repository,
    arguments: &Arguments,
    pulls: bool,
) -> Vec<Node> {
    let states = arguments.texts("states");
    let filter = arguments.object("filterBy").unwrap_or_default();
    let labels = arguments
        .texts("labels")
        .or_else(|| filter.texts("labels"))
        .unwrap_or_default();
    let since = filter
        .text("since")
        .and_then(|text| chrono::DateTime::parse_from_rfc3339(text).ok());
    let login = |name: &str| filter.text(name).map(key);
    let mut found: Vec<&Issue> = repo
        .issues
        .values()
        .filter(|issue| issue.pull.is_some() == pulls)
        .filter(|issue| exchange.state.is_listed(issue.created_at, exchange.now))
        .filter(|issue| {
            states
                .as_ref()
                .is_none_or(|states| states.iter().any(|state| state == state_of(issue)))
        })
        .filter(|issue| {
            labels.is_empty()
                || labels
                    .iter()
                    .any(|label| issue.labels.contains(&key(label)))
        })
        .filter(|issue| {
            since.is_none_or(|since| exchange.passes_since(issue.updated_at, Some(since.to_utc())))
        })
        .filter(|issue| login("createdBy").is_none_or(|login| key(&issue.author) == login))
        .filter(|issue| match login("assignee").as_deref() {
            None => true,
            Some("*") => !issue.assignees.is_empty(),
            Some(login) => issue.assignees.iter().any(|known| known == login),
        })
        .filter(|issue| {
            let Some(pull) = &issue.pull else { return true };
            arguments
                .text("headRefName")
                .is_none_or(|name| name == pull.head)
                && arguments
                    .text("baseRefName")
                    .is_none_or(|name| name == pull.base)
        })
        .collect();
    let order = arguments.object("orderBy").unwrap_or_default();
    match order.text("field") {
        Some("UPDATED_AT") => found.sort_by_key(|issue| (issue.updated_at, issue.number)),
        Some("COMMENTS") => found.sort_by_key(|issue| (issue.comments.len(), issue.number)),
        _ => found.sort_by_key(|issue| (issue.created_at, issue.number)),
    }
    if order.text("direction") == Some("DESC") {
        found.reverse();
    }
    found
        .iter()
        .map(|issue| {
            if pulls {
                Node::Pull(repo.id, issue.number)
            } else {
                Node::Issue(repo.id, issue.number)
            }
        })
        .collect()
}

pub(crate) fn found_issue<'a>(
    exchange: &'a Exchange<'_>,
    id: u64,
    number: u64,
) -> Result<(&'a Repository, &'a Issue), Failure> {
    let repo = exchange.repo(id)?;
    let issue = repo
        .issues
        .get(&number)
        .ok_or_else(|| not_resolved("Issue", &format!("number of {number}")))?;
    Ok((repo, issue))
}

pub(crate) fn issue(
    exchange: &Exchange<'_>,
    id: u64,
    number: u64,
    name: &str,
    arguments: &Arguments,
) -> Resolved {
    let (repo, issue) = found_issue(exchange, id, number)?;
    let accounts = |kind: &'static str, logins: &[String]| {
        Connection::node(
            kind,
            name,
            logins
                .iter()
                .map(|login| Node::Account(key(login)))
                .collect(),
            arguments,
        )
    };
    Ok(match name {
        "id" => node_id(NodeKind::Issue, issue.id).into(),
        "databaseId" => issue.id.into(),
        "fullDatabaseId" => issue.id.to_string().into(),
        "number" => number.into(),
        "title" | "titleHTML" => issue.title.as_str().into(),
        "body" | "bodyText" => issue.body.clone().unwrap_or_default().into(),
        "url" => exchange.render().issue_page(repo, issue).into(),
        "resourcePath" => format!("/{}/issues/{number}", repo.full_name()).into(),
        "state" => state_of(issue).into(),
        "stateReason" => issue.state_reason.as_deref().map(upper).into(),
        "author" => Node::Account(key(&issue.author)),
        "authorAssociation" => exchange.state.association(repo, &issue.author).into(),
        "createdAt" => stamp(issue.created_at).into(),
        "updatedAt" => stamp(issue.updated_at).into(),
        "closedAt" => issue.closed_at.map(stamp).into(),
        "closed" => (!issue.open).into(),
        "locked" => issue.locked.into(),
        "activeLockReason" => issue
            .lock_reason
            .as_deref()
            .map(|reason| upper(reason).replace([' ', '-'], "_"))
            .into(),
        "isPinned" => false.into(),
        "isReadByViewer" => true.into(),
        "viewerDidAuthor" => exchange
            .actor()
            .is_ok_and(|actor| key(&actor.login) == key(&issue.author))
            .into(),
        "viewerCanUpdate" => exchange.may(id, Need::IssuesWrite).into(),
        "repository" => Node::Repository(id),
        "labels" => Connection::node(
            "LabelConnection",
            name,
            issue
                .labels
                .iter()
                .map(|label| Node::Label(id, label.clone()))
                .collect(),
            arguments,
        ),
        "assignees" => accounts("UserConnection", &issue.assignees),
        "assignedActors" => accounts("AssigneeConnection", &issue.assignees),
        "participants" => accounts("UserConnection", std::slice::from_ref(&issue.author)),
        "suggestedActors" => repository(exchange, id, name, arguments)?,
        "milestone" => issue
            .milestone
            .map_or(Node::Null, |milestone| Node::Milestone(id, milestone)),
        "comments" => {
            let found = issue.comments.iter().filter(|comment| {
                repo.comments.get(comment).is_some_and(|comment| {
                    exchange.state.is_listed(comment.created_at, exchange.now)
                })
            });
            Connection::node(
                "IssueCommentConnection",
                name,
                found.map(|comment| Node::Comment(id, *comment)).collect(),
                arguments,
            )
        }
        "reactionGroups" => Node::List(Vec::new()),
        "projectItems" => Connection::node(
            "ProjectV2ItemConnection",
            name,
            super::project_field::of_issue(exchange, issue.id, arguments),
            arguments,
        ),
        "projectCards" => Connection::node("ProjectCardConnection", name, Vec::new(), arguments),
        "closedByPullRequestsReferences" => {
            let closed = arguments.flag("includeClosedPrs") == Some(true);
            let found = exchange.state.closed_by(id, number, closed);
            let found = found
                .into_iter()
                .filter(|(repository, _)| {
                    exchange
                        .repo(*repository)
                        .is_ok_and(|repo| exchange.state.sees(&exchange.caller, repo))
                })
                .map(|(repository, number)| Node::Pull(repository, number))
                .collect();
            Connection::node("PullRequestConnection", name, found, arguments)
        }
        "subIssues" => {
            let found = exchange.state.sub_issues(issue).into_iter();
            let readable = found
                .filter(|(repository, _)| exchange.may(*repository, Need::IssuesRead))
                .map(|(repository, number)| Node::Issue(repository, number));
            Connection::node("IssueConnection", name, readable.collect(), arguments)
        }
        "parent" => issue
            .parent
            .and_then(|id| exchange.state.issue_with_id(id))
            .filter(|(repository, _)| exchange.may(*repository, Need::IssuesRead))
            .map_or(Node::Null, |(repository, number)| {
                Node::Issue(repository, number)
            }),
        "issueType" => {
            let mut types = exchange.state.issue_types(&repo.owner).iter();
            types
                .find(|known| Some(known.id) == issue.kind)
                .map_or(Node::Null, |found| {
                    Node::record(
                        "IssueType",
                        [
                            ("id", node_id(NodeKind::IssueType, found.id).into()),
                            ("name", found.name.as_str().into()),
                            ("color", "GRAY".into()),
                        ],
                    )
                })
        }
        "blockedBy" | "blocking" => {
            Connection::node("IssueConnection", name, Vec::new(), arguments)
        }
        "subIssuesSummary" => {
            let (total, completed) = exchange.state.sub_issue_counts(issue);
            let percent = (completed * 100).checked_div(total).unwrap_or(0);
            Node::record(
                "SubIssuesSummary",
                [
                    ("total", total.into()),
                    ("completed", completed.into()),
                    ("percentCompleted", percent.into()),
                ],
            )
        }
        _ => Node::Null,
    })
}

pub(crate) fn comment(exchange: &Exchange<'_>, id: u64, comment: u64, name: &str) -> Resolved {
    let repo = exchange.repo(id)?;
    let found = repo
        .comments
        .get(&comment)
        .ok_or_else(|| not_resolved("IssueComment", &format!("id of {comment}")))?;
    Ok(match name {
        "id" => node_id(NodeKind::Comment, comment).into(),
        "databaseId" => comment.into(),
        "fullDatabaseId" => comment.to_string().into(),
        "author" => Node::Account(key(&found.author)),
        "authorAssociation" => exchange.state.association(repo, &found.author).into(),
        "body" | "bodyText" => found.body.as_str().into(),
        "createdAt" => stamp(found.created_at).into(),
        "updatedAt" => stamp(found.updated_at).into(),
        "url" => {
            let page = repo
                .issues
                .get(&found.issue)
                .map(|issue| exchange.render().issue_page(repo, issue))
                .unwrap_or_default();
            format!("{page}#issuecomment-{comment}").into()
        }
        "includesCreatedEdit" => (found.updated_at != found.created_at).into(),
        "isMinimized" => false.into(),
        "viewerDidAuthor" => exchange
            .actor()
            .is_ok_and(|actor| key(&actor.login) == key(&found.author))
            .into(),
        "reactionGroups" => Node::List(Vec::new()),
        "issue" => Node::Issue(id, found.issue),
        _ => Node::Null,
    })
}

pub(crate) fn label(exchange: &Exchange<'_>, id: u64, label: &str, name: &str) -> Resolved {
    let repo = exchange.repo(id)?;
    let Some(found) = repo.labels.get(label) else {
        return Ok(Node::Null);
    };
    Ok(match name {
        "id" => node_id(NodeKind::Label, found.id).into(),
        "name" => found.name.as_str().into(),
        "description" => found.description.clone().into(),
        "color" => found.color.as_str().into(),
        "url" => format!(
            "{}/labels/{}",
            exchange.render().repo_page(repo),
            encode(&found.name)
        )
        .into(),
        "createdAt" => stamp(repo.created_at).into(),
        "isDefault" => false.into(),
        _ => Node::Null,
    })
}

pub(crate) fn milestone(exchange: &Exchange<'_>, id: u64, number: u64, name: &str) -> Resolved {
    let repo = exchange.repo(id)?;
    let Some(found) = repo.milestones.get(&number) else {
        return Ok(Node::Null);
    };
    Ok(match name {
        "id" => node_id(NodeKind::Milestone, found.id).into(),
        "number" => number.into(),
        "title" => found.title.as_str().into(),
        "description" => found.description.clone().into(),
        "dueOn" => found.due_on.clone().into(),
        "state" => (if found.open { "OPEN" } else { "CLOSED" }).into(),
        "closed" => (!found.open).into(),
        "url" => format!("{}/milestone/{number}", exchange.render().repo_page(repo)).into(),
        "createdAt" => stamp(found.created_at).into(),
        "updatedAt" => stamp(found.updated_at).into(),
        _ => Node::Null,
    })
}

pub(crate) fn review(
    exchange: &Exchange<'_>,
    id: u64,
    number: u64,
    review: u64,
    name: &str,
) -> Resolved {
    let (repo, issue) = found_issue(exchange, id, number)?;
    let found = issue
        .pull
        .as_deref()
        .and_then(|pull| pull.reviews.iter().find(|known| known.id == review));
    let Some(found) = found else {
        return Ok(Node::Null);
    };
    Ok(match name {
        "id" => node_id(NodeKind::Review, review).into(),
        "databaseId" => review.into(),
        "fullDatabaseId" => review.to_string().into(),
        "author" => Node::Account(key(&found.author)),
        "authorAssociation" => exchange.state.association(repo, &found.author).into(),
        "state" => found.state.into(),
        "body" => found.body.as_str().into(),
        "submittedAt" | "createdAt" => stamp(found.at).into(),
        "url" => format!(
            "{}#pullrequestreview-{review}",
            exchange.render().issue_page(repo, issue)
        )
        .into(),
        "commit" => Node::Commit(id, found.commit),
        "includesCreatedEdit" => false.into(),
        "reactionGroups" => Node::List(Vec::new()),
        _ => Node::Null,
    })
}
