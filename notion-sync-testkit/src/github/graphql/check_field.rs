//! Fields of what was reported on commits.

use std::collections::BTreeMap;

use crate::github::account::key;
use crate::github::auth::Need;
use crate::github::checks::Standing;
use crate::github::exchange::{Exchange, stamp};
use crate::github::names::{NodeKind, node_id, text_node_id};
use crate::github::object::ObjectId;
use crate::github::repository::Repository;

use super::field::{Resolved, find, upper};
use super::node::{Connection, Node};
use super::{Arguments, Failure};

const CONTEXTS: &str = "StatusCheckRollupContextConnection";

/// Everything on a commit, `null` when there is nothing. It takes the permissions to read both kinds.
pub(crate) fn rollup_of(exchange: &Exchange<'_>, id: u64, commit: ObjectId) -> Resolved {
    exchange.need(id, Need::ChecksRead)?;
    exchange.need(id, Need::StatusesRead)?;
    Ok(match exchange.repo(id)?.checks.rollup(commit) {
        Some(_) => Node::Rollup(id, commit),
        None => Node::Null,
    })
}

pub(crate) fn rollup(
    exchange: &Exchange<'_>,
    id: u64,
    commit: ObjectId,
    name: &str,
    arguments: &Arguments,
) -> Resolved {
    let repo = exchange.repo(id)?;
    Ok(match name {
        "id" => text_node_id("SCR", id, &commit.to_string()).into(),
        "state" => match repo.checks.rollup(commit) {
            Some(Standing::Passed) => "SUCCESS",
            Some(Standing::Failing) => "FAILURE",
            Some(Standing::Broken) => "ERROR",
            _ => "PENDING",
        }
        .into(),
        "commit" => Node::Commit(id, commit),
        "contexts" => {
            let runs = repo.checks.latest_runs(commit).into_iter();
            let statuses = repo.checks.latest_statuses(commit).into_iter();
            let items = runs
                .map(|run| Node::CheckRun(id, run.id))
                .chain(statuses.map(|status| Node::StatusContext(id, status.id)))
                .collect();
            Connection::node(CONTEXTS, name, items, arguments)
        }
        _ => Node::Null,
    })
}

/// The counts that only the listing of contexts has.
pub(crate) fn count(exchange: &Exchange<'_>, connection: &Connection, name: &str) -> Option<Node> {
    if connection.kind != CONTEXTS {
        return None;
    }
    let runs = name.starts_with("checkRunCount");
    if !runs && !name.starts_with("statusContextCount") {
        return None;
    }
    let mut states: BTreeMap<String, usize> = BTreeMap::new();
    for item in &connection.items {
        let state = match item {
            Node::CheckRun(id, run) if runs => exchange.repo(*id).ok().and_then(|repo| {
                let run = repo.checks.runs.get(run)?;
                Some(
                    run.conclusion
                        .map_or(run.status.as_str(), |end| end.as_str()),
                )
            }),
            Node::StatusContext(id, status) if !runs => exchange.repo(*id).ok().and_then(|repo| {
                let mut known = repo.checks.statuses.iter();
                known
                    .find(|known| known.id == *status)
                    .map(|found| found.state.as_str())
            }),
            _ => None,
        };
        if let Some(state) = state {
            *states.entry(upper(state)).or_default() += 1;
        }
    }
    if !name.ends_with("ByState") {
        return Some(states.values().sum::<usize>().into());
    }
    let counts = states.into_iter().map(|(state, count)| {
        Node::record(
            "StateCount",
            [("state", state.into()), ("count", count.into())],
        )
    });
    Some(Node::List(counts.collect()))
}

/// Whether the base of a pull request asks for a result. One of the arguments names it.
fn is_required(
    exchange: &Exchange<'_>,
    id: u64,
    arguments: &Arguments,
    (context, app): (&str, Option<u64>),
) -> Resolved {
    let number = match (
        arguments.number("pullRequestNumber"),
        arguments.text("pullRequestId"),
    ) {
        (Some(number), _) => u64::try_from(number).ok(),
        (None, Some(text)) => match find(exchange, text)? {
            Node::Pull(repository, number) if repository == id => Some(number),
            _ => None,
        },
        (None, None) => {
            // No source for the words.
            return Err(Failure::new(
                "ARGUMENT_ERROR",
                "One of `pullRequestId` and `pullRequestNumber` must be given.",
            ));
        }
    };
    let repo = exchange.repo(id)?;
    let (_, pull) = number
        .and_then(|number| repo.pull(number))
        .ok_or_else(|| Failure::new("NOT_FOUND", "Could not resolve to a PullRequest."))?;
    let demands = exchange.state.demands(repo, &pull.base, None);
    Ok(demands.requires(context, app).into())
}

pub(crate) fn run(
    exchange: &Exchange<'_>,
    id: u64,
    run: u64,
    name: &str,
    arguments: &Arguments,
) -> Resolved {
    let repo = exchange.repo(id)?;
    let Some(found) = repo.checks.runs.get(&run) else {
        return Ok(Node::Null);
    };
    let page = format!("{}/runs/{run}", exchange.render().repo_page(repo));
    Ok(match name {
        "id" => node_id(NodeKind::CheckRun, run).into(),
        "databaseId" => run.into(),
        "name" => found.name.as_str().into(),
        "status" => upper(found.status.as_str()).into(),
        "conclusion" => found.conclusion.map(|end| upper(end.as_str())).into(),
        "isRequired" => is_required(exchange, id, arguments, (&found.name, Some(found.app)))?,
        "startedAt" => found.started_at.map(stamp).into(),
        "completedAt" => found.completed_at.map(stamp).into(),
        "detailsUrl" => found.details_url.clone().unwrap_or(page).into(),
        "url" | "permalink" => page.into(),
        "externalId" => found.external_id.clone().into(),
        "title" => found.output.title.clone().into(),
        "summary" => found.output.summary.clone().into(),
        "text" => found.output.text.clone().into(),
        "repository" => Node::Repository(id),
        "checkSuite" => suite(exchange, repo, found.suite),
        _ => Node::Null,
    })
}

fn suite(exchange: &Exchange<'_>, repo: &Repository, suite: u64) -> Node {
    let Some(found) = repo.checks.suites.get(&suite) else {
        return Node::Null;
    };
    let (status, conclusion) = repo.checks.state_of(found);
    let app = exchange.state.apps.get(&found.app);
    let app = app.map_or(Node::Null, |app| {
        Node::record(
            "App",
            [
                ("id", node_id(NodeKind::App, app.id).into()),
                ("databaseId", app.id.into()),
                ("slug", app.slug.as_str().into()),
                ("name", app.slug.as_str().into()),
            ],
        )
    });
    Node::record(
        "CheckSuite",
        [
            ("id", node_id(NodeKind::CheckSuite, suite).into()),
            ("databaseId", suite.into()),
            ("status", upper(status.as_str()).into()),
            (
                "conclusion",
                conclusion.map(|end| upper(end.as_str())).into(),
            ),
            ("createdAt", stamp(found.created_at).into()),
            ("updatedAt", stamp(found.updated_at).into()),
            ("commit", Node::Commit(repo.id, found.commit)),
            ("app", app),
            // Nothing runs workflows here.
            ("workflowRun", Node::Null),
        ],
    )
}

pub(crate) fn status(
    exchange: &Exchange<'_>,
    id: u64,
    status: u64,
    name: &str,
    arguments: &Arguments,
) -> Resolved {
    let repo = exchange.repo(id)?;
    let mut known = repo.checks.statuses.iter();
    let Some(found) = known.find(|known| known.id == status) else {
        return Ok(Node::Null);
    };
    Ok(match name {
        "id" => node_id(NodeKind::Status, status).into(),
        "context" => found.context.as_str().into(),
        "state" => upper(found.state.as_str()).into(),
        "isRequired" => is_required(exchange, id, arguments, (&found.context, found.creator.app))?,
        "targetUrl" => found.target_url.clone().into(),
        "createdAt" => stamp(found.at).into(),
        "description" => found.description.clone().into(),
        "commit" => Node::Commit(id, found.commit),
        "creator" => Node::Account(key(&found.creator.login)),
        _ => Node::Null,
    })
}
