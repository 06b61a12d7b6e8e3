//! What GraphQL changes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::github::account::key;
use crate::github::auth::Need;
use crate::github::exchange::Exchange;
use crate::github::issues::{IssueEdit, NewIssue};
use crate::github::merging::{MergeMethod, MergeWords};
use crate::github::object::{Commit, ObjectId};
use crate::github::pulls::NewPull;
use crate::github::refs::{FileEdits, WEB_SIGNATURE, is_valid_path};

use super::field::find;
use super::node::Node;
use super::parse::Input;
use super::{Arguments, Failure};

type Resolved = Result<Node, Failure>;

pub(crate) fn required<'a>(input: &'a Arguments, name: &str) -> Result<&'a str, Failure> {
    input
        .text(name)
        .ok_or_else(|| Failure::new("", format!("Argument '{name}' on InputObject is required.")))
}

/// An issue or pull request by node id.
pub(crate) fn target(exchange: &Exchange<'_>, id: &str) -> Result<(u64, u64, bool), Failure> {
    match find(exchange, id)? {
        Node::Issue(repository, number) => Ok((repository, number, false)),
        Node::Pull(repository, number) => Ok((repository, number, true)),
        _ => Err(Failure::new(
            "NOT_FOUND",
            format!("Could not resolve to a node with the global id of '{id}'"),
        )),
    }
}

fn node(target: (u64, u64, bool)) -> Node {
    if target.2 {
        Node::Pull(target.0, target.1)
    } else {
        Node::Issue(target.0, target.1)
    }
}

/// Carries out a mutation.
pub(crate) fn resolve(exchange: &mut Exchange<'_>, name: &str, arguments: &Arguments) -> Resolved {
    let input = arguments.object("input").unwrap_or_default();
    let echo = input
        .text("clientMutationId")
        .map_or(Node::Null, Node::from);
    let now = exchange.now;
    match name {
        "createCommitOnBranch" => {
            let (repository, branch, commit) = create_commit(exchange, &input)?;
            Ok(Node::record(
                "CreateCommitOnBranchPayload",
                [
                    ("clientMutationId", echo),
                    ("commit", Node::Commit(repository, commit)),
                    ("ref", Node::Ref(repository, branch)),
                ],
            ))
        }
        "markPullRequestReadyForReview" | "convertPullRequestToDraft" => {
            let target = target(exchange, required(&input, "pullRequestId")?)?;
            exchange.need(target.0, Need::PullsWrite)?;
            let actor = exchange.actor()?;
            exchange.state.set_draft(
                target.0,
                target.1,
                name == "convertPullRequestToDraft",
                &actor,
                now,
            )?;
            Ok(pull_payload(exchange, target, echo))
        }
        "createIssue" => create_issue(exchange, &input, echo),
        "updateIssue" | "closeIssue" | "reopenIssue" => {
            let id = input
                .text("issueId")
                .or(input.text("id"))
                .unwrap_or_default()
                .to_owned();
            let target = target(exchange, &id)?;
            exchange.need(target.0, Need::IssuesWrite)?;
            let state = input.text("state");
            let reason = input.text("stateReason").map(str::to_lowercase);
            let edit = IssueEdit {
                title: input.text("title").map(str::to_owned),
                body: input.text("body").map(|body| Some(body.to_owned())),
                open: match (name, state) {
                    ("closeIssue", _) | (_, Some("CLOSED")) => Some(false),
                    ("reopenIssue", _) | (_, Some("OPEN")) => Some(true),
                    _ => None,
                },
                state_reason: reason,
                labels: named(exchange, &input, "labelIds")?,
                assignees: named(exchange, &input, "assigneeIds")?,
                milestone: milestone(exchange, &input)?,
                kind: None,
            };
            let actor = exchange.actor()?;
            exchange
                .state
                .edit_issue(target.0, target.1, edit, &actor, true, now)?;
            Ok(Node::record(
                "IssuePayload",
                [
                    ("clientMutationId", echo),
                    ("issue", Node::Issue(target.0, target.1)),
                ],
            ))
        }
        "deleteIssue" => {
            let target = target(exchange, required(&input, "issueId")?)?;
            exchange.need(target.0, Need::Administration)?;
            exchange.state.delete_issue(target.0, target.1)?;
            Ok(Node::record(
                "DeleteIssuePayload",
                [
                    ("clientMutationId", echo),
                    ("repository", Node::Repository(target.0)),
                ],
            ))
        }
        "transferIssue" => {
            let target = target(exchange, required(&input, "issueId")?)?;
            let Node::Repository(to) = find(exchange, required(&input, "repositoryId")?)? else {
                return Err(Failure::new(
                    "NOT_FOUND",
                    "Could not resolve to a Repository.",
                ));
            };
            exchange.need(target.0, Need::IssuesWrite)?;
            exchange.need(to, Need::IssuesWrite)?;
            let actor = exchange.actor()?;
            if input.flag("createLabelsIfMissing") == Some(true) {
                copy_labels(exchange, target, to)?;
            }
            let number = exchange
                .state
                .transfer_issue(target.0, target.1, to, &actor, now)?;
            Ok(Node::record(
                "IssuePayload",
                [
                    ("clientMutationId", echo),
                    ("issue", Node::Issue(to, number)),
                ],
            ))
        }
        "addComment" => {
            let target = target(exchange, required(&input, "subjectId")?)?;
            exchange.need(
                target.0,
                if target.2 {
                    Need::Conversation
                } else {
                    Need::IssuesOpen
                },
            )?;
            let actor = exchange.actor()?;
            let comment = exchange.state.add_comment(
                target.0,
                target.1,
                required(&input, "body")?,
                &actor,
                now,
            )?;
            let edge = Node::record(
                "IssueCommentEdge",
                [
                    ("node", Node::Comment(target.0, comment)),
                    ("cursor", "".into()),
                ],
            );
            Ok(Node::record(
                "AddCommentPayload",
                [
                    ("clientMutationId", echo),
                    ("commentEdge", edge),
                    ("subject", node(target)),
                ],
            ))
        }
        "createPullRequest" => {
            let Node::Repository(repository) = find(exchange, required(&input, "repositoryId")?)?
            else {
                return Err(Failure::new(
                    "NOT_FOUND",
                    "Could not resolve to a Repository.",
                ));
            };
            exchange.need(repository, Need::PullsOpen)?;
            let new = NewPull {
                title: required(&input, "title")?.to_owned(),
                body: input.text("body").map(str::to_owned),
                head: required(&input, "headRefName")?.to_owned(),
                base: required(&input, "baseRefName")?.to_owned(),
                draft: input.flag("draft").unwrap_or(false),
                maintainer_can_modify: input.flag("maintainerCanModify").unwrap_or(true),
                issue: None,
            };
            let actor = exchange.actor()?;
            let number = exchange.state.create_pull(repository, new, &actor, now)?;
            Ok(pull_payload(exchange, (repository, number, true), echo))
        }
        "updatePullRequest" | "closePullRequest" | "reopenPullRequest" => {
            let target = target(exchange, required(&input, "pullRequestId")?)?;
            exchange.need(target.0, Need::PullsWrite)?;
            let actor = exchange.actor()?;
            let edit = IssueEdit {
                title: input.text("title").map(str::to_owned),
                body: input.text("body").map(|body| Some(body.to_owned())),
                open: match (name, input.text("state")) {
                    ("closePullRequest", _) | (_, Some("CLOSED")) => Some(false),
                    ("reopenPullRequest", _) | (_, Some("OPEN")) => Some(true),
                    _ => None,
                },
                labels: named(exchange, &input, "labelIds")?,
                assignees: named(exchange, &input, "assigneeIds")?,
                milestone: milestone(exchange, &input)?,
                ..IssueEdit::default()
            };
            if let Some(base) = input.text("baseRefName") {
                exchange
                    .state
                    .set_base(target.0, target.1, base, &actor, now)?;
            }
            exchange
                .state
                .edit_issue(target.0, target.1, edit, &actor, true, now)?;
            Ok(pull_payload(exchange, target, echo))
        }
        "mergePullRequest" => {
            let target = target(exchange, required(&input, "pullRequestId")?)?;
            exchange.need(target.0, Need::ContentsWrite)?;
            let method =
                MergeMethod::parse(&input.text("mergeMethod").unwrap_or("MERGE").to_lowercase())
                    .ok_or_else(|| {
                        Failure::new("", "Argument 'mergeMethod' has an invalid value")
                    })?;
            let words = MergeWords {
                title: input.text("commitHeadline").map(str::to_owned),
                message: input.text("commitBody").map(str::to_owned),
                sha: input.text("expectedHeadOid").map(str::to_owned),
            };
            let actor = exchange.actor()?;
            exchange
                .state
                .merge_pull(target.0, target.1, method, &words, &actor, now)?;
            Ok(pull_payload(exchange, target, echo))
        }
        "requestReviews" => {
            let target = target(exchange, required(&input, "pullRequestId")?)?;
            exchange.need(target.0, Need::PullsWrite)?;
            let people = named(exchange, &input, "userIds")?.unwrap_or_default();
            let actor = exchange.actor()?;
            exchange
                .state
                .request_reviewers(target.0, target.1, &people, &[], &actor, now)?;
            Ok(pull_payload(exchange, target, echo))
        }
        "addPullRequestReview" => {
            let target = target(exchange, required(&input, "pullRequestId")?)?;
            exchange.need(target.0, Need::PullsOpen)?;
            let actor = exchange.actor()?;
            let body = input.text("body").unwrap_or_default();
            let review = exchange.state.add_review(
                target.0,
                target.1,
                input.text("event"),
                body,
                &[],
                &actor,
                now,
            )?;
            Ok(Node::record(
                "AddPullRequestReviewPayload",
                [
                    ("clientMutationId", echo),
                    (
                        "pullRequestReview",
                        Node::Review(target.0, target.1, review),
                    ),
                ],
            ))
        }
        "addLabelsToLabelable" | "removeLabelsFromLabelable" => {
            let target = target(exchange, required(&input, "labelableId")?)?;
            exchange.need(target.0, Need::IssuesWrite)?;
            let names = named(exchange, &input, "labelIds")?.unwrap_or_default();
            let actor = exchange.actor()?;
            if name == "addLabelsToLabelable" {
                exchange
                    .state
                    .add_labels(target.0, target.1, &names, &actor, now)?;
            } else {
                let gone: Vec<String> = names.iter().map(|name| key(name)).collect();
                let mut left = exchange.state.issue(target.0, target.1)?.labels.clone();
                left.retain(|label| !gone.contains(label));
                exchange
                    .state
                    .set_labels(target.0, target.1, &left, &actor, now)?;
            }
            Ok(Node::record(
                "LabelablePayload",
                [("clientMutationId", echo), ("labelable", node(target))],
            ))
        }
        "addAssigneesToAssignable"
        | "removeAssigneesFromAssignable"
        | "replaceActorsForAssignable" => {
            let target = target(exchange, required(&input, "assignableId")?)?;
            exchange.need(target.0, Need::IssuesWrite)?;
            let mut people = named(exchange, &input, "assigneeIds")?
                .or(named(exchange, &input, "actorIds")?)
                .unwrap_or_default();
            people.extend(input.texts("actorLogins").unwrap_or_default());
            let had = exchange.state.issue(target.0, target.1)?.assignees.clone();
            let gone: Vec<String> = people.iter().map(|login| key(login)).collect();
            let logins: Vec<String> = match name {
                "replaceActorsForAssignable" => people,
                "addAssigneesToAssignable" => had.into_iter().chain(people).collect(),
                _ => had
                    .into_iter()
                    .filter(|login| !gone.contains(login))
                    .collect(),
            };
            let actor = exchange.actor()?;
            exchange
                .state
                .set_assignees(target.0, target.1, &logins, &actor, now)?;
            Ok(Node::record(
                "AssignablePayload",
                [("clientMutationId", echo), ("assignable", node(target))],
            ))
        }
        _ => super::project_mutation::resolve(exchange, name, &input, echo),
    }
}

pub(crate) fn pull_payload(exchange: &Exchange<'_>, target: (u64, u64, bool), echo: Node) -> Node {
    let actor = exchange
        .actor()
        .map_or(Node::Null, |actor| Node::Account(key(&actor.login)));
    Node::record(
        "PullRequestPayload",
        [
            ("clientMutationId", echo),
            ("pullRequest", Node::Pull(target.0, target.1)),
            ("actor", actor),
        ],
    )
}

/// Names of labels or logins of people, given by node id.
fn named(
    exchange: &Exchange<'_>,
    input: &Arguments,
    member: &str,
) -> Result<Option<Vec<String>>, Failure> {
    let Some(ids) = input.texts(member) else {
        return Ok(None);
    };
    ids.iter()
        .map(|id| match find(exchange, id)? {
            Node::Label(repository, label) => {
                let repo = exchange.repo(repository)?;
                Ok(repo
                    .labels
                    .get(&label)
                    .map_or(label, |found| found.name.clone()))
            }
            Node::Account(login) => Ok(exchange.state.spelled(&login)),
            _ => Err(Failure::new(
                "NOT_FOUND",
                format!("Could not resolve to a node with the global id of '{id}'"),
            )),
        })
        .collect::<Result<_, _>>()
        .map(Some)
}

fn milestone(exchange: &Exchange<'_>, input: &Arguments) -> Result<Option<Option<u64>>, Failure> {
    match input.0.get("milestoneId") {
        None => Ok(None),
        Some(Input::Null) => Ok(Some(None)),
        Some(_) => match find(exchange, required(input, "milestoneId")?)? {
            Node::Milestone(_, number) => Ok(Some(Some(number))),
            _ => Err(Failure::new(
                "NOT_FOUND",
                "Could not resolve to a Milestone.",
            )),
        },
    }
}

fn create_issue(exchange: &mut Exchange<'_>, input: &Arguments, echo: Node) -> Resolved {
    let Node::Repository(repository) = find(exchange, required(input, "repositoryId")?)? else {
        return Err(Failure::new(
            "NOT_FOUND",
            "Could not resolve to a Repository.",
        ));
    };
    exchange.need(repository, Need::IssuesOpen)?;
    let new = NewIssue {
        title: required(input, "title")?.to_owned(),
        body: input.text("body").map(str::to_owned),
        labels: named(exchange, input, "labelIds")?.unwrap_or_default(),
        assignees: named(exchange, input, "assigneeIds")?.unwrap_or_default(),
        milestone: milestone(exchange, input)?.flatten(),
        kind: None,
    };
    let (actor, triage, now) = (
        exchange.actor()?,
        exchange.may(repository, Need::IssuesWrite),
        exchange.now,
    );
    let number = exchange
        .state
        .create_issue(repository, new, &actor, triage, now)?;
    Ok(Node::record(
        "IssuePayload",
        [
            ("clientMutationId", echo),
            ("issue", Node::Issue(repository, number)),
        ],
    ))
}

fn copy_labels(
    exchange: &mut Exchange<'_>,
    from: (u64, u64, bool),
    to: u64,
) -> Result<(), Failure> {
    let repo = exchange.repo(from.0)?;
    let labels: Vec<_> = exchange
        .state
        .issue(from.0, from.1)?
        .labels
        .iter()
        .filter_map(|name| repo.labels.get(name))
        .cloned()
        .collect();
    for label in labels {
        if exchange.repo(to)?.label(&label.name).is_none() {
            exchange.state.add_label(
                to,
                &label.name,
                &label.color,
                label.description.as_deref(),
            )?;
        }
    }
    Ok(())
}

/// Returns the repository, the full name of the branch and the commit.
fn create_commit(
    exchange: &mut Exchange<'_>,
    input: &Arguments,
) -> Result<(u64, String, ObjectId), Failure> {
    let unprocessable = |message: String| Failure::new("UNPROCESSABLE", message);
    let branch = input.object("branch").unwrap_or_default();
    let (repository, name) = match (
        branch.text("repositoryNameWithOwner"),
        branch.text("branchName"),
        branch.text("id"),
    ) {
        (Some(full), Some(name), _) => {
            let repo = exchange
                .state
                .find_repository(full)
                .filter(|repo| exchange.state.sees(&exchange.caller, repo));
            let repo = repo.ok_or_else(|| {
                Failure::new(
                    "NOT_FOUND",
                    format!("Could not resolve to a Repository with the name '{full}'."),
                )
            })?;
            (
                repo.id,
                name.strip_prefix("refs/heads/").unwrap_or(name).to_owned(),
            )
        }
        (_, _, Some(id)) => exchange
            .state
            .repositories
            .values()
            .filter(|repo| exchange.state.sees(&exchange.caller, repo))
            .find_map(|repo| {
                let found = repo.branches().find(|(name, _)| {
                    crate::github::names::text_node_id(
                        "REF",
                        repo.id,
                        &format!("refs/heads/{name}"),
                    ) == id
                });
                found.map(|(name, _)| (repo.id, name.to_owned()))
            })
            .ok_or_else(|| {
                Failure::new(
                    "NOT_FOUND",
                    format!("Could not resolve to a node with the global id of '{id}'"),
                )
            })?,
        _ => {
            return Err(Failure::new(
                "",
                "Argument 'branch' on InputObject is required.",
            ));
        }
    };
    exchange.need(repository, Need::ContentsWrite)?;
    let repo = exchange.repo(repository)?;
    let head = repo
        .branch(&name)
        .ok_or_else(|| Failure::new("NOT_FOUND", format!("The branch {name} does not exist.")))?;
    let expected = required(input, "expectedHeadOid")?;
    if expected != head.to_string() {
        return Err(Failure::new(
            "STALE_DATA",
            format!(
                "Expected branch to point to \"{expected}\" but it did not. Pull and try again."
            ),
        ));
    }
    let tree = repo
        .objects
        .tree_of(&head)
        .ok_or_else(|| unprocessable("the head has no tree".to_owned()))?;
    let words = input.object("message").unwrap_or_default();
    let headline = required(&words, "headline")?.to_owned();
    let body = words.text("body").unwrap_or_default();
    let message = if body.is_empty() {
        headline
    } else {
        format!("{headline}\n\n{body}")
    };
    let changes = input.object("fileChanges").unwrap_or_default();
    let mut edits = FileEdits::new();
    for addition in changes.objects("additions") {
        let path = required(&addition, "path")?;
        if !is_valid_path(path) {
            return Err(unprocessable(format!(
                "A path was requested that is not valid: {path}"
            )));
        }
        let contents: String = required(&addition, "contents")?
            .chars()
            .filter(|c| !c.is_ascii_whitespace())
            .collect();
        let data = STANDARD
            .decode(contents)
            .map_err(|_| unprocessable(format!("Invalid Base64 for {path}")))?;
        if edits.insert(path.to_owned(), Some(data)).is_some() {
            return Err(unprocessable(format!(
                "A path was given more than once: {path}"
            )));
        }
    }
    for deletion in changes.objects("deletions") {
        let path = required(&deletion, "path")?;
        if exchange.repo(repository)?.objects.at(&tree, path).is_none() {
            return Err(unprocessable(format!(
                "A path was requested for deletion which does not exist as of commit oid `{head}`: {path}"
            )));
        }
        if edits.insert(path.to_owned(), None).is_some() {
            return Err(unprocessable(format!(
                "A path was given more than once: {path}"
            )));
        }
    }
    let (actor, now) = (exchange.actor()?, exchange.now);
    let tree = exchange.state.make_tree(repository, Some(tree), &edits)?;
    let commit = Commit {
        tree,
        parents: vec![head],
        author: exchange.state.signature(&actor, now),
        committer: crate::github::state::State::web_flow(now),
        signature: Some(WEB_SIGNATURE.to_owned()),
        message,
    };
    let commit = exchange
        .state
        .repository_mut(repository)?
        .objects
        .insert(commit.object());
    if let Some(message) = exchange
        .state
        .push_refusal(repository, &name, Some(commit), &actor)
    {
        return Err(unprocessable(message));
    }
    let full = format!("refs/heads/{name}");
    exchange
        .state
        .set_ref(repository, &full, Some(commit), &actor, now)?;
    Ok((repository, full, commit))
}
