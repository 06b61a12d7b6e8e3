//! What every field is.

use crate::github::account::{Account, AccountKind, key};
use crate::github::auth::CallerKind;
use crate::github::exchange::{Exchange, stamp};
use crate::github::limit::Resource;
use crate::github::names::{NodeKind, node_id, parse_node_id, text_node_id};
use crate::github::render::account_node_id;

use super::node::{Connection, Node, page_info};
use super::schema::schema;
use super::{
    Arguments, Failure, check_field, git_field, issue_field, project_field, pull_field,
    repository_field,
};

pub(crate) type Resolved = Result<Node, Failure>;

pub(crate) fn not_resolved(kind: &str, value: &str) -> Failure {
    let article = if kind.starts_with(['I', 'O']) {
        "an"
    } else {
        "a"
    };
    Failure::new(
        "NOT_FOUND",
        format!("Could not resolve to {article} {kind} with the {value}."),
    )
}

/// Resolves a field of a node.
pub(crate) fn resolve(
    exchange: &mut Exchange<'_>,
    node: &Node,
    name: &str,
    arguments: &Arguments,
) -> Resolved {
    match node {
        Node::Query => query(exchange, name, arguments),
        Node::Record(_, fields) => Ok(fields.get(name).cloned().unwrap_or(Node::Null)),
        Node::Connection(connection) => match check_field::count(exchange, connection, name) {
            Some(found) => Ok(found),
            None => connection.resolve(name),
        },
        Node::PageInfo {
            next,
            previous,
            first,
            last,
        } => Ok(page_info(name, *next, *previous, *first, *last)),
        Node::Account(login) => account(exchange, login, name, arguments),
        Node::Repository(id) => repository_field::repository(exchange, *id, name, arguments),
        Node::Issue(id, number) => issue_field::issue(exchange, *id, *number, name, arguments),
        Node::Pull(id, number) => {
            match pull_field::pull(exchange, *id, *number, name, arguments)? {
                Some(node) => Ok(node),
                None => issue_field::issue(exchange, *id, *number, name, arguments),
            }
        }
        Node::Comment(id, comment) => issue_field::comment(exchange, *id, *comment, name),
        Node::Label(id, label) => issue_field::label(exchange, *id, label, name),
        Node::Milestone(id, number) => issue_field::milestone(exchange, *id, *number, name),
        Node::Ref(id, full) => git_field::reference(exchange, *id, full, name, arguments),
        Node::Commit(id, commit) => git_field::commit(exchange, *id, commit, name, arguments),
        Node::Tree(id, tree) => git_field::tree(exchange, *id, tree, name),
        Node::Blob(id, blob) => {
            let data = exchange.repo(*id)?.objects.blob(blob).unwrap_or_default();
            let text = std::str::from_utf8(data)
                .ok()
                .filter(|text| !text.contains('\0'));
            Ok(match name {
                "oid" => blob.to_string().into(),
                "abbreviatedOid" => blob.to_string()[..7].into(),
                "text" => text.into(),
                "byteSize" => data.len().into(),
                "isBinary" => text.is_none().into(),
                "isTruncated" => false.into(),
                _ => text_node_id("B", *id, &blob.to_string()).into(),
            })
        }
        Node::Review(id, number, review) => {
            issue_field::review(exchange, *id, *number, *review, name)
        }
        Node::Rollup(id, commit) => check_field::rollup(exchange, *id, *commit, name, arguments),
        Node::CheckRun(id, run) => check_field::run(exchange, *id, *run, name, arguments),
        Node::StatusContext(id, status) => {
            check_field::status(exchange, *id, *status, name, arguments)
        }
        Node::Project(id) => project_field::project(exchange, *id, name, arguments),
        Node::ProjectItem(id, item) => project_field::item(exchange, *id, *item, name, arguments),
        Node::ProjectField(id, field) => {
            project_field::field(exchange, *id, *field, name, arguments)
        }
        Node::ProjectValue(id, item, field) => {
            project_field::value(exchange, (*id, *item, *field), name, arguments)
        }
        Node::Null | Node::Leaf(_) | Node::List(_) | Node::Mutation => Ok(Node::Null),
    }
}

fn visible(exchange: &Exchange<'_>, full_name: &str) -> Resolved {
    let found = exchange
        .state
        .find_repository(full_name)
        .filter(|repo| exchange.state.sees(&exchange.caller, repo));
    found.map(|repo| Node::Repository(repo.id)).ok_or_else(|| {
        Failure::new(
            "NOT_FOUND",
            format!("Could not resolve to a Repository with the name '{full_name}'."),
        )
    })
}

/// The node with a global id, if the caller sees it.
pub(crate) fn find(exchange: &Exchange<'_>, text: &str) -> Resolved {
    let missing = || {
        Failure::new(
            "NOT_FOUND",
            format!("Could not resolve to a node with the global id of '{text}'"),
        )
    };
    let (kind, id) = parse_node_id(text).ok_or_else(missing)?;
    let state = &exchange.state;
    if matches!(
        kind,
        NodeKind::User | NodeKind::Organization | NodeKind::Bot
    ) {
        let found = state.accounts.iter().find(|(_, account)| account.id == id);
        return found
            .map(|(login, _)| Node::Account(login.clone()))
            .ok_or_else(missing);
    }
    if let Some(found) = project_field::find(exchange, kind, id) {
        return found.map_err(|failure| match failure.kind {
            "NOT_FOUND" => missing(),
            _ => failure,
        });
    }
    for repo in state
        .repositories
        .values()
        .filter(|repo| state.sees(&exchange.caller, repo))
    {
        let found = match kind {
            NodeKind::Repository => (repo.id == id).then_some(Node::Repository(id)),
            NodeKind::Issue => repo
                .issues
                .values()
                .find(|issue| issue.id == id && issue.pull.is_none())
                .map(|issue| Node::Issue(repo.id, issue.number)),
            NodeKind::PullRequest => repo
                .issues
                .values()
                .find(|issue| issue.pull.as_ref().is_some_and(|pull| pull.id == id))
                .map(|issue| Node::Pull(repo.id, issue.number)),
            NodeKind::Comment => repo
                .comments
                .contains_key(&id)
                .then_some(Node::Comment(repo.id, id)),
            NodeKind::Label => repo
                .labels
                .iter()
                .find(|(_, label)| label.id == id)
                .map(|(name, _)| Node::Label(repo.id, name.clone())),
            NodeKind::Milestone => repo
                .milestones
                .values()
                .find(|found| found.id == id)
                .map(|found| Node::Milestone(repo.id, found.number)),
            NodeKind::CheckRun => repo
                .checks
                .runs
                .contains_key(&id)
                .then_some(Node::CheckRun(repo.id, id)),
            _ => None,
        };
        if let Some(found) = found {
            return Ok(found);
        }
    }
    Err(missing())
}

fn query(exchange: &mut Exchange<'_>, name: &str, arguments: &Arguments) -> Resolved {
    match name {
        "viewer" => match &exchange.caller.kind {
            CallerKind::Person(login) => Ok(Node::Account(login.clone())),
            _ => Ok(Node::Account(key(&exchange.actor()?.login))),
        },
        "rateLimit" => {
            let quota = exchange.caller.quota();
            let standing = exchange.state.quotas.standing(
                &exchange.state.settings,
                &quota,
                Resource::Graphql,
                exchange.now,
            );
            Ok(Node::record(
                "RateLimit",
                [
                    ("cost", 1_u64.into()),
                    ("limit", u64::from(standing.limit).into()),
                    ("remaining", u64::from(standing.remaining()).into()),
                    ("used", u64::from(standing.used).into()),
                    ("resetAt", stamp(standing.reset).into()),
                    ("nodeCount", 0_u64.into()),
                ],
            ))
        }
        "repository" => {
            let full = format!(
                "{}/{}",
                arguments.text("owner").unwrap_or_default(),
                arguments.text("name").unwrap_or_default()
            );
            visible(exchange, &full)
        }
        "repositoryOwner" | "user" | "organization" => {
            let login = arguments.text("login").unwrap_or_default();
            let wanted = |account: &&Account| match name {
                "user" => account.kind == AccountKind::User,
                "organization" => account.kind == AccountKind::Organization,
                _ => account.kind != AccountKind::Bot,
            };
            match exchange.state.account(login).filter(wanted) {
                Some(account) => Ok(Node::Account(key(&account.login))),
                None if name == "repositoryOwner" => Ok(Node::Null),
                None => Err(not_resolved(
                    if name == "user" {
                        "User"
                    } else {
                        "Organization"
                    },
                    &format!("login of '{login}'"),
                )),
            }
        }
        "node" => find(exchange, arguments.text("id").unwrap_or_default()),
        "nodes" => {
            let ids = arguments.texts("ids").unwrap_or_default();
            Ok(Node::List(
                ids.iter()
                    .map(|id| find(exchange, id).unwrap_or(Node::Null))
                    .collect(),
            ))
        }
        "search" => search(exchange, arguments),
        "__type" => Ok(describe(arguments.text("name").unwrap_or_default())),
        "__schema" => Ok(Node::record(
            "__Schema",
            [
                ("queryType", describe("Query")),
                ("mutationType", describe("Mutation")),
                ("types", Node::List(Vec::new())),
            ],
        )),
        _ => Ok(Node::Null),
    }
}

fn describe(kind: &str) -> Node {
    let Some(fields) = schema().fields(kind) else {
        return Node::Null;
    };
    let fields = fields
        .keys()
        .map(|name| Node::record("__Field", [("name", name.as_str().into())]))
        .collect();
    Node::record(
        "__Type",
        [
            ("name", kind.into()),
            ("kind", "OBJECT".into()),
            ("fields", Node::List(fields)),
            ("inputFields", Node::List(Vec::new())),
            ("enumValues", Node::List(Vec::new())),
        ],
    )
}

fn search(exchange: &Exchange<'_>, arguments: &Arguments) -> Resolved {
    let query = arguments.text("query").unwrap_or_default();
    if !matches!(arguments.text("type"), Some("ISSUE" | "ISSUE_ADVANCED")) {
        return Ok(Connection::node(
            "SearchResultItemConnection",
            "search",
            Vec::new(),
            arguments,
        ));
    }
    let found = crate::github::rest::search_nodes(exchange, query)?;
    let items = found
        .into_iter()
        .map(|(repository, number, pull)| {
            if pull {
                Node::Pull(repository, number)
            } else {
                Node::Issue(repository, number)
            }
        })
        .collect();
    Ok(Connection::node(
        "SearchResultItemConnection",
        "search",
        items,
        arguments,
    ))
}

fn account(exchange: &Exchange<'_>, login: &str, name: &str, arguments: &Arguments) -> Resolved {
    let account = exchange
        .state
        .accounts
        .get(login)
        .ok_or_else(|| not_resolved("User", &format!("login of '{login}'")))?;
    Ok(match name {
        "id" => account_node_id(account).into(),
        "databaseId" => account.id.into(),
        // Bots are shown without their suffix here.
        "login" => account.login.trim_end_matches("[bot]").into(),
        "name" => account.name.clone().into(),
        "email" => account.email.clone().unwrap_or_default().into(),
        "url" => format!(
            "{}/{}",
            exchange.bases.web,
            account.login.trim_end_matches("[bot]")
        )
        .into(),
        "resourcePath" => format!("/{}", account.login).into(),
        "avatarUrl" => format!("https://avatars.githubusercontent.com/u/{}?v=4", account.id).into(),
        "isViewer" => (exchange.caller.kind == CallerKind::Person(login.to_owned())).into(),
        "createdAt" => stamp(account.created_at).into(),
        "repository" => visible(
            exchange,
            &format!(
                "{}/{}",
                account.login,
                arguments.text("name").unwrap_or_default()
            ),
        )?,
        "repositories" => {
            let owned = exchange.state.repositories.values().filter(|repo| {
                key(&repo.owner) == login && exchange.state.sees(&exchange.caller, repo)
            });
            Connection::node(
                "RepositoryConnection",
                name,
                owned.map(|repo| Node::Repository(repo.id)).collect(),
                arguments,
            )
        }
        "organizations" => {
            let found = exchange
                .state
                .accounts
                .iter()
                .filter(|(_, org)| org.members.contains(login) || org.owners.contains(login));
            Connection::node(
                "OrganizationConnection",
                name,
                found
                    .map(|(login, _)| Node::Account(login.clone()))
                    .collect(),
                arguments,
            )
        }
        "teams" => {
            let teams = account
                .teams
                .values()
                .map(|team| self::team(exchange, &account.login, &key(&team.slug)))
                .collect();
            Connection::node("TeamConnection", name, teams, arguments)
        }
        "projectV2" => project_field::of_owner(exchange, login, arguments)?,
        "projectsV2" => {
            let found = exchange.state.projects_of(&exchange.caller, login);
            let found = found.into_iter().map(|project| Node::Project(project.id));
            Connection::node("ProjectV2Connection", name, found.collect(), arguments)
        }
        "company" | "bio" => Node::Null,
        _ => Node::Null,
    })
}

pub(crate) fn team(exchange: &Exchange<'_>, organization: &str, slug: &str) -> Node {
    let found = exchange
        .state
        .account(organization)
        .and_then(|owner| owner.teams.get(slug));
    found.map_or(Node::Null, |team| {
        Node::record(
            "Team",
            [
                ("id", node_id(NodeKind::Team, team.id).into()),
                ("databaseId", team.id.into()),
                ("slug", team.slug.as_str().into()),
                ("name", team.slug.as_str().into()),
                ("organization", Node::Account(key(organization))),
            ],
        )
    })
}

pub(crate) fn upper(text: &str) -> String {
    text.to_uppercase()
}
