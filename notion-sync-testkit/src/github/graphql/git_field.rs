//! Fields of refs, commits and trees.

use crate::github::account::{AccountKind, key};
use crate::github::exchange::Exchange;
use crate::github::history;
use crate::github::names::text_node_id;
use crate::github::object::{Mode, ObjectId, Signature};
use crate::github::render_issue::lines;

use super::field::Resolved;
use super::node::{Connection, Node};
use super::{Arguments, check_field};

pub(crate) fn reference(
    exchange: &Exchange<'_>,
    id: u64,
    full: &str,
    name: &str,
    arguments: &Arguments,
) -> Resolved {
    let repo = exchange.repo(id)?;
    let Some(target) = repo.refs.get(full).copied() else {
        return Ok(Node::Null);
    };
    let short = full
        .strip_prefix("refs/heads/")
        .or_else(|| full.strip_prefix("refs/tags/"))
        .unwrap_or(full);
    Ok(match name {
        "id" => text_node_id("REF", id, full).into(),
        "name" => short.into(),
        "prefix" => full[..full.len() - short.len()].into(),
        "target" => Node::Commit(id, target),
        "repository" => Node::Repository(id),
        "compare" => {
            let Some(head) = arguments
                .text("headRef")
                .and_then(|head| repo.resolve(head))
            else {
                return Ok(Node::Null);
            };
            let ahead = history::log(&repo.objects, head, Some(target)).len();
            let behind = history::log(&repo.objects, target, Some(head)).len();
            let status = match (ahead, behind) {
                (0, 0) => "IDENTICAL",
                (_, 0) => "AHEAD",
                (0, _) => "BEHIND",
                _ => "DIVERGED",
            };
            Node::record(
                "Comparison",
                [
                    ("aheadBy", ahead.into()),
                    ("behindBy", behind.into()),
                    ("status", status.into()),
                ],
            )
        }
        "branchProtectionRule" => repo.protected.get(short).map_or(Node::Null, |rules| {
            Node::record(
                "BranchProtectionRule",
                [
                    ("requiresStrictStatusChecks", rules.strict.into()),
                    (
                        "requiredApprovingReviewCount",
                        u64::from(rules.approvals).into(),
                    ),
                ],
            )
        }),
        _ => Node::Null,
    })
}

pub(crate) fn person(exchange: &Exchange<'_>, signature: &Signature) -> Node {
    let user = exchange
        .state
        .account_of(signature)
        .filter(|account| account.kind == AccountKind::User);
    Node::record(
        "GitActor",
        [
            ("name", signature.name.as_str().into()),
            ("email", signature.email.as_str().into()),
            ("date", signature.date().into()),
            (
                "user",
                user.map_or(Node::Null, |account| Node::Account(key(&account.login))),
            ),
        ],
    )
}

pub(crate) fn commit(
    exchange: &Exchange<'_>,
    id: u64,
    commit: &ObjectId,
    name: &str,
    arguments: &Arguments,
) -> Resolved {
    let repo = exchange.repo(id)?;
    let Some(found) = repo.commit(commit) else {
        return Ok(Node::Null);
    };
    let (headline, rest) = found
        .message
        .split_once('\n')
        .unwrap_or((&found.message, ""));
    Ok(match name {
        "id" => text_node_id("C", id, &commit.to_string()).into(),
        "oid" => commit.to_string().into(),
        "abbreviatedOid" => commit.to_string()[..7].into(),
        "message" => found.message.as_str().into(),
        "messageHeadline" => headline.into(),
        "messageBody" => rest.trim_start_matches('\n').into(),
        "committedDate" => found.committer.date().into(),
        "authoredDate" => found.author.date().into(),
        "url" | "commitUrl" => {
            format!("{}/commit/{commit}", exchange.render().repo_page(repo)).into()
        }
        "author" => person(exchange, &found.author),
        "committer" => person(exchange, &found.committer),
        "authors" => Connection::node(
            "GitActorConnection",
            name,
            vec![person(exchange, &found.author)],
            arguments,
        ),
        "parents" => Connection::node(
            "CommitConnection",
            name,
            found
                .parents
                .iter()
                .map(|parent| Node::Commit(id, *parent))
                .collect(),
            arguments,
        ),
        "tree" => Node::Tree(id, found.tree),
        "signature" => found.signature.as_ref().map_or(Node::Null, |_| {
            Node::record(
                "GitSignature",
                [
                    ("isValid", true.into()),
                    ("state", "VALID".into()),
                    ("wasSignedByGitHub", true.into()),
                    ("email", "noreply@github.com".into()),
                ],
            )
        }),
        "statusCheckRollup" => check_field::rollup_of(exchange, id, *commit)?,
        "history" => {
            let log = match arguments.text("path") {
                Some(path) => history::log_of_path(&repo.objects, *commit, path),
                None => history::log(&repo.objects, *commit, None),
            };
            Connection::node(
                "CommitHistoryConnection",
                name,
                log.into_iter()
                    .map(|(found, _)| Node::Commit(id, found))
                    .collect(),
                arguments,
            )
        }
        "additions" | "deletions" | "changedFiles" => {
            let before = found
                .parents
                .first()
                .and_then(|parent| repo.objects.tree_of(parent));
            let changes = crate::github::change::changes(&repo.objects, before, Some(found.tree));
            match name {
                "changedFiles" => changes.len().into(),
                "additions" => changes
                    .iter()
                    .map(|change| lines(repo, change).0)
                    .sum::<usize>()
                    .into(),
                _ => changes
                    .iter()
                    .map(|change| lines(repo, change).1)
                    .sum::<usize>()
                    .into(),
            }
        }
        _ => Node::Null,
    })
}

pub(crate) fn tree(exchange: &Exchange<'_>, id: u64, tree: &ObjectId, name: &str) -> Resolved {
    let repo = exchange.repo(id)?;
    Ok(match name {
        "oid" => tree.to_string().into(),
        "abbreviatedOid" => tree.to_string()[..7].into(),
        "entries" => {
            let entries = repo.objects.tree(tree).unwrap_or_default().entries;
            let describe = |(name, entry): (String, crate::github::object::Entry)| {
                let object = match entry.mode {
                    Mode::Directory => Node::Tree(id, entry.id),
                    Mode::Submodule => Node::Null,
                    Mode::File | Mode::Executable | Mode::Link => Node::Blob(id, entry.id),
                };
                let mode = u64::from_str_radix(entry.mode.as_api(), 8).unwrap_or(0);
                Node::record(
                    "TreeEntry",
                    [
                        ("name", name.as_str().into()),
                        ("path", name.as_str().into()),
                        ("type", entry.mode.kind().as_str().into()),
                        ("mode", mode.into()),
                        ("oid", entry.id.to_string().into()),
                        ("object", object),
                    ],
                )
            };
            Node::List(entries.into_iter().map(describe).collect())
        }
        _ => text_node_id("T", id, &tree.to_string()).into(),
    })
}
