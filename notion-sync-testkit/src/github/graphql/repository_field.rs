//! Fields of repositories.

use crate::github::account::{Account, AccountKind, Role, key};
use crate::github::auth::{CallerKind, Need};
use crate::github::exchange::{Exchange, stamp};
use crate::github::names::{NodeKind, node_id};
use crate::github::object::ObjectKind;
use crate::github::repository::Repository;

use super::field::{Resolved, upper};
use super::issue_field::issues;
use super::node::{Connection, Node};
use super::{Arguments, Failure};

pub(crate) fn role(exchange: &Exchange<'_>, repo: &Repository) -> Option<Role> {
    match &exchange.caller.kind {
        CallerKind::Person(login) => exchange.state.role(repo, login),
        _ => Some(if exchange.may(repo.id, Need::ContentsWrite) {
            Role::Write
        } else {
            Role::Read
        }),
    }
}

pub(crate) fn repository(
    exchange: &Exchange<'_>,
    id: u64,
    name: &str,
    arguments: &Arguments,
) -> Resolved {
    let repo = exchange.repo(id)?;
    let allows = |method: &str| repo.merge_methods.contains(method);
    let people = |kind: &'static str| {
        let found = exchange
            .state
            .accounts
            .iter()
            .filter(|(_, account)| exchange.state.is_assignable(repo, &account.login));
        Connection::node(
            kind,
            name,
            found
                .map(|(login, _)| Node::Account(login.clone()))
                .collect(),
            arguments,
        )
    };
    Ok(match name {
        "id" => node_id(NodeKind::Repository, id).into(),
        "databaseId" => id.into(),
        "name" => repo.name.as_str().into(),
        "nameWithOwner" => repo.full_name().into(),
        "owner" => Node::Account(key(&repo.owner)),
        "description" => repo.description.clone().into(),
        "url" => exchange.render().repo_page(repo).into(),
        "sshUrl" => format!("git@github.com:{}.git", repo.full_name()).into(),
        "homepageUrl" => "".into(),
        "isPrivate" => repo.private.into(),
        "isArchived" => repo.archived.into(),
        "isEmpty" => repo.is_empty().into(),
        "isInOrganization" => exchange
            .state
            .account(&repo.owner)
            .is_some_and(|owner| owner.kind == AccountKind::Organization)
            .into(),
        "hasIssuesEnabled" => repo.has_issues.into(),
        "hasWikiEnabled" | "hasProjectsEnabled" | "isBlankIssuesEnabled" => true.into(),
        "isFork"
        | "isTemplate"
        | "isMirror"
        | "isDisabled"
        | "isLocked"
        | "isUserConfigurationRepository"
        | "isSecurityPolicyEnabled"
        | "hasDiscussionsEnabled"
        | "usesCustomOpenGraphImage"
        | "viewerHasStarred" => false.into(),
        "autoMergeAllowed" => repo.allow_auto_merge.into(),
        "viewerPermission" => role(exchange, repo).map(|role| upper(role.as_str())).into(),
        "viewerCanAdminister" => (role(exchange, repo) == Some(Role::Admin)).into(),
        "viewerSubscription" => "UNSUBSCRIBED".into(),
        "viewerDefaultMergeMethod" => "MERGE".into(),
        "viewerDefaultCommitEmail" => viewer_email(exchange).into(),
        "viewerPossibleCommitEmails" => {
            Node::List(viewer_email(exchange).into_iter().map(Node::from).collect())
        }
        "mergeCommitAllowed" => allows("merge").into(),
        "rebaseMergeAllowed" => allows("rebase").into(),
        "squashMergeAllowed" => allows("squash").into(),
        "deleteBranchOnMerge" => repo.delete_branch_on_merge.into(),
        "visibility" => (if repo.private { "PRIVATE" } else { "PUBLIC" }).into(),
        "defaultBranchRef" => repo.branch(&repo.default_branch).map_or(Node::Null, |_| {
            Node::Ref(id, format!("refs/heads/{}", repo.default_branch))
        }),
        "ref" => {
            let wanted = arguments.text("qualifiedName").unwrap_or_default();
            let found = [
                wanted.to_owned(),
                format!("refs/heads/{wanted}"),
                format!("refs/tags/{wanted}"),
            ];
            found
                .into_iter()
                .find(|full| repo.refs.contains_key(full))
                .map_or(Node::Null, |full| Node::Ref(id, full))
        }
        "refs" => {
            let prefix = arguments.text("refPrefix").unwrap_or("refs/heads/");
            let found = repo
                .refs
                .keys()
                .filter(|full| full.starts_with(prefix))
                .map(|full| Node::Ref(id, full.clone()))
                .collect();
            Connection::node("RefConnection", name, found, arguments)
        }
        "object" => object(repo, arguments),
        "issue" | "pullRequest" | "issueOrPullRequest" => {
            exchange.need(
                id,
                if name == "pullRequest" {
                    Need::PullsRead
                } else {
                    Need::IssuesRead
                },
            )?;
            let number = arguments
                .number("number")
                .and_then(|number| u64::try_from(number).ok())
                .unwrap_or(0);
            let found =
                repo.issues
                    .get(&number)
                    .and_then(|issue| match (name, issue.pull.is_some()) {
                        ("issue", false) | ("issueOrPullRequest", false) => {
                            Some(Node::Issue(id, number))
                        }
                        ("pullRequest", true) | ("issueOrPullRequest", true) => {
                            Some(Node::Pull(id, number))
                        }
                        _ => None,
                    });
            let kind = match name {
                "issue" => "Issue",
                "pullRequest" => "PullRequest",
                _ => "issue or pull request",
            };
            found.ok_or_else(|| {
                let article = if name == "pullRequest" { "a" } else { "an" };
                Failure::new(
                    "NOT_FOUND",
                    format!("Could not resolve to {article} {kind} with the number of {number}."),
                )
            })?
        }
        "issues" => {
            exchange.need(id, Need::IssuesRead)?;
            Connection::node(
                "IssueConnection",
                name,
                issues(exchange, repo, arguments, false),
                arguments,
            )
        }
        "pullRequests" => {
            exchange.need(id, Need::PullsRead)?;
            Connection::node(
                "PullRequestConnection",
                name,
                issues(exchange, repo, arguments, true),
                arguments,
            )
        }
        "labels" => Connection::node(
            "LabelConnection",
            name,
            repo.labels
                .keys()
                .map(|label| Node::Label(id, label.clone()))
                .collect(),
            arguments,
        ),
        "label" => {
            let wanted = key(arguments.text("name").unwrap_or_default());
            repo.labels
                .contains_key(&wanted)
                .then_some(Node::Label(id, wanted))
                .map_or(Node::Null, |node| node)
        }
        "milestones" => {
            let states = arguments.texts("states");
            let found = repo.milestones.values().filter(|found| {
                states
                    .as_ref()
                    .is_none_or(|states| states.iter().any(|state| (state == "OPEN") == found.open))
            });
            Connection::node(
                "MilestoneConnection",
                name,
                found
                    .map(|found| Node::Milestone(id, found.number))
                    .collect(),
                arguments,
            )
        }
        "milestone" => {
            let number = arguments
                .number("number")
                .and_then(|number| u64::try_from(number).ok())
                .unwrap_or(0);
            repo.milestones
                .contains_key(&number)
                .then_some(Node::Milestone(id, number))
                .map_or(Node::Null, |node| node)
        }
        "assignableUsers" | "mentionableUsers" => people("UserConnection"),
        "suggestedActors" => people("ActorConnection"),
        "watchers" => Connection::node("UserConnection", name, Vec::new(), arguments),
        "languages" => Connection::node("LanguageConnection", name, Vec::new(), arguments),
        "repositoryTopics" => {
            Connection::node("RepositoryTopicConnection", name, Vec::new(), arguments)
        }
        "projectsV2" => Connection::node("ProjectV2Connection", name, Vec::new(), arguments),
        "issueTemplates" | "pullRequestTemplates" => Node::List(Vec::new()),
        "createdAt" => stamp(repo.created_at).into(),
        "updatedAt" => stamp(repo.updated_at).into(),
        "pushedAt" => stamp(repo.pushed_at).into(),
        "stargazerCount" | "forkCount" | "diskUsage" => 0_u64.into(),
        "planFeatures" => Node::record(
            "RepositoryPlanFeatures",
            [
                ("draftPullRequests", true.into()),
                ("codeowners", true.into()),
            ],
        ),
        _ => Node::Null,
    })
}

pub(crate) fn viewer_email(exchange: &Exchange<'_>) -> Option<String> {
    let actor = exchange.actor().ok()?;
    exchange
        .state
        .account(&actor.login)
        .map(Account::commit_email)
}

pub(crate) fn object(repo: &Repository, arguments: &Arguments) -> Node {
    let id = repo.id;
    let expression = arguments
        .text("expression")
        .or(arguments.text("oid"))
        .unwrap_or_default();
    let (at, path) = expression
        .split_once(':')
        .map_or((expression, None), |(at, path)| (at, Some(path)));
    let Some(found) = repo.resolve(at) else {
        return Node::Null;
    };
    let found = match path {
        None => Some(found),
        Some(path) => repo
            .objects
            .tree_of(&found)
            .and_then(|tree| repo.objects.at(&tree, path))
            .map(|entry| entry.id),
    };
    found.map_or(Node::Null, |found| match repo.objects.kind(&found) {
        Some(ObjectKind::Commit) => Node::Commit(id, found),
        Some(ObjectKind::Tree) => Node::Tree(id, found),
        Some(ObjectKind::Blob) => Node::Blob(id, found),
        _ => Node::Null,
    })
}
