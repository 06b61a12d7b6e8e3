//! The REST routes.

mod account;
mod app;
mod check;
mod commit;
mod content;
mod dispatch;
mod git;
mod issue;
mod issue_part;
mod merge;
mod project;
mod pull;
mod repository;
mod rules;
mod search;
mod sub_issue;

pub(crate) use search::search_nodes;

use serde_json::json;

use super::exchange::{Answer, Exchange, Outcome, encode};
use super::refusal::Refusal;
use super::repository::Gone;

/// Finds the route for a path (decoded segments) and follows it.
pub(crate) fn route(exchange: &mut Exchange<'_>, segments: &[&str]) -> Outcome {
    let method = exchange.method.clone();
    match segments {
        ["repos", owner, name, rest @ ..] => {
            let full_name = format!("{owner}/{name}");
            let repo = exchange
                .state
                .find_repository(&full_name)
                .ok_or_else(Refusal::not_found)?;
            let (id, current) = (repo.id, repo.full_name());
            let visible = exchange.state.sees(&exchange.caller, repo) || is_lookup(rest);
            if !visible {
                return Err(Refusal::not_found());
            }
            let path = rest
                .iter()
                .map(|part| format!("/{}", encode(part)))
                .collect::<String>();
            exchange.canonical = format!("/repositories/{id}{path}");
            if !current.eq_ignore_ascii_case(&full_name) {
                return Ok(moved(exchange, &exchange.canonical.clone()));
            }
            repository_route(exchange, &method, id, rest)
        }
        ["repositories", id, rest @ ..] => {
            let id = number(id)?;
            if !exchange.state.sees(&exchange.caller, exchange.repo(id)?) && !is_lookup(rest) {
                return Err(Refusal::not_found());
            }
            let path = rest
                .iter()
                .map(|part| format!("/{}", encode(part)))
                .collect::<String>();
            exchange.canonical = format!("/repositories/{id}{path}");
            repository_route(exchange, &method, id, rest)
        }
        ["app" | "installation", ..] => app::route(exchange, &method, segments),
        ["orgs", _, "installation"] | ["users", _, "installation"] => {
            app::route(exchange, &method, segments)
        }
        [kind @ ("orgs" | "users"), login, "projectsV2", rest @ ..] => {
            project::route(exchange, &method, (kind, login), rest)
        }
        ["user", id, "projectsV2", project, "drafts"] => {
            let id = number(id)?;
            let mut accounts = exchange.state.accounts.values();
            let found = accounts.find(|account| account.id == id);
            let login = found.map(|account| account.login.clone());
            let login = login.ok_or_else(Refusal::not_found)?;
            project::route(exchange, &method, ("users", &login), &[project, "drafts"])
        }
        ["orgs", login, "issue-types"] if method == "GET" => {
            sub_issue::types_of_organization(exchange, login)
        }
        ["search", "issues"] if method == "GET" => search::issues(exchange),
        _ => account::route(exchange, &method, segments),
    }
}

/// Routes that an app may ask with its own token, whether or not it sees the repository.
fn is_lookup(rest: &[&str]) -> bool {
    matches!(rest, ["installation"])
}

/// The answer that names the place something moved to.
fn moved(exchange: &Exchange<'_>, path: &str) -> Answer {
    let query: Vec<String> = exchange
        .query
        .iter()
        .map(|(key, value)| format!("{}={}", encode(key), encode(value)))
        .collect();
    let query = if query.is_empty() {
        String::new()
    } else {
        format!("?{}", query.join("&"))
    };
    let url = format!("{}{path}{query}", exchange.bases.api);
    let status = if matches!(exchange.method.as_str(), "GET" | "HEAD") {
        301
    } else {
        307
    };
    let body = json!({
        "message": "Moved Permanently", "url": url,
        "documentation_url": "https://docs.github.com/rest/guides/best-practices-for-using-the-rest-api#follow-redirects",
    });
    Answer::json(status, body).with("location", url)
}

fn repository_route(exchange: &mut Exchange<'_>, method: &str, id: u64, rest: &[&str]) -> Outcome {
    if let ["issues", found, part @ ..] = rest
        && let Ok(issue) = found.parse::<u64>()
    {
        match exchange.repo(id)?.gone.get(&issue).copied() {
            Some(Gone::Deleted) => return Err(Refusal::new(410, "This issue was deleted")),
            Some(Gone::Transferred { repository, number }) => {
                if !exchange
                    .state
                    .sees(&exchange.caller, exchange.repo(repository)?)
                {
                    return Err(Refusal::not_found());
                }
                let path = part
                    .iter()
                    .map(|part| format!("/{}", encode(part)))
                    .collect::<String>();
                return Ok(moved(
                    exchange,
                    &format!("/repositories/{repository}/issues/{number}{path}"),
                ));
            }
            None => {}
        }
    }
    match rest {
        ["issues", issue, "sub_issues" | "sub_issue" | "parent", ..] => {
            let place = (id, number(issue)?);
            sub_issue::route(exchange, method, place, &rest[2..])
        }
        ["issue-types"] if method == "GET" => sub_issue::types_of_repository(exchange, id),
        ["issues", ..] | ["assignees", ..] => issue::route(exchange, method, id, rest),
        ["labels", ..] | ["milestones", ..] => issue_part::route(exchange, method, id, rest),
        ["pulls", ..] => pull::route(exchange, method, id, rest),
        ["git", ..] => git::route(exchange, method, id, rest),
        ["contents", ..] | ["readme"] => content::route(exchange, method, id, rest),
        ["statuses" | "check-runs" | "check-suites", ..]
        | [
            "commits",
            _,
            ..,
            "status" | "statuses" | "check-runs" | "check-suites",
        ] => check::route(exchange, method, id, rest),
        ["rules" | "rulesets", ..]
        | ["branches", _, .., "protection"]
        | ["branches", _, .., "protection", _] => rules::route(exchange, method, id, rest),
        ["dispatches"]
        | ["actions", "workflows"]
        | ["actions", "workflows", _, "dispatches" | "runs"] => {
            dispatch::route(exchange, method, id, rest)
        }
        ["commits", ..] | ["compare", ..] | ["merges"] | ["branches", ..] => {
            commit::route(exchange, method, id, rest)
        }
        _ => repository::route(exchange, method, id, rest),
    }
}

/// A number in a path. Anything else names nothing.
fn number(text: &str) -> Result<u64, Refusal> {
    text.parse().map_err(|_| Refusal::not_found())
}
