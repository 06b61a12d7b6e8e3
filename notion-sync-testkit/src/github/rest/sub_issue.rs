//! Sub-issues, and the types of issues.

use crate::github::account::{AccountKind, Level, key};
use crate::github::auth::{CallerKind, Need};
use crate::github::exchange::{Answer, Exchange, Outcome};
use crate::github::refusal::Refusal;
use crate::github::sub_issues::Place;

use super::issue::shown;

/// Follows what stands after the number of an issue: `sub_issues`, `sub_issue` or `parent`.
pub(crate) fn route(
    exchange: &mut Exchange<'_>,
    method: &str,
    (id, number): Place,
    rest: &[&str],
) -> Outcome {
    exchange.state.issue(id, number)?;
    match (method, rest) {
        ("GET", ["sub_issues"]) => {
            exchange.need(id, Need::IssuesRead)?;
            let found = exchange.state.sub_issues(exchange.state.issue(id, number)?);
            let readable = found.into_iter().filter(|place| readable(exchange, *place));
            let bodies: Result<Vec<_>, _> = readable
                .map(|(repository, number)| shown(exchange, repository, number))
                .collect();
            Ok(exchange.listing(bodies?, |body| body))
        }
        ("GET", ["parent"]) => {
            exchange.need(id, Need::IssuesRead)?;
            let parent = exchange.state.issue(id, number)?.parent;
            let place = parent
                .and_then(|parent| exchange.state.issue_with_id(parent))
                .filter(|place| readable(exchange, *place))
                .ok_or_else(Refusal::not_found)?;
            Ok(Answer::ok(shown(exchange, place.0, place.1)?))
        }
        ("POST", ["sub_issues"]) => {
            exchange.need(id, Need::IssuesWrite)?;
            let fields = exchange.fields()?;
            let child = child(exchange)?;
            let replace = fields.flag("replace_parent")?.unwrap_or(false);
            let (actor, now) = (exchange.actor()?, exchange.now);
            exchange
                .state
                .add_sub_issue((id, number), child, replace, &actor, now)?;
            Ok(Answer::created(shown(exchange, id, number)?))
        }
        ("DELETE", ["sub_issue"]) => {
            exchange.need(id, Need::IssuesWrite)?;
            let child = child(exchange)?;
            let (actor, now) = (exchange.actor()?, exchange.now);
            exchange
                .state
                .remove_sub_issue((id, number), child, &actor, now)?;
            Ok(Answer::ok(shown(exchange, id, number)?))
        }
        ("PATCH", ["sub_issues", "priority"]) => {
            exchange.need(id, Need::IssuesWrite)?;
            let fields = exchange.fields()?;
            let child = fields
                .number("sub_issue_id")?
                .ok_or_else(|| Refusal::missing("sub_issue_id"))?;
            let (other, after) = match (fields.number("after_id")?, fields.number("before_id")?) {
                (Some(other), None) => (other, true),
                (None, Some(other)) => (other, false),
                _ => {
                    return Err(Refusal::unprocessable(
                        "Exactly one of after_id and before_id must be given",
                    ));
                }
            };
            exchange
                .state
                .order_sub_issue((id, number), child, other, after)?;
            Ok(Answer::ok(shown(exchange, id, number)?))
        }
        _ => Err(Refusal::not_found()),
    }
}

fn readable(exchange: &Exchange<'_>, place: Place) -> bool {
    exchange.may(place.0, Need::IssuesRead)
}

/// The issue that the body names by its id.
fn child(exchange: &Exchange<'_>) -> Result<Place, Refusal> {
    let id = exchange
        .fields()?
        .number("sub_issue_id")?
        .ok_or_else(|| Refusal::missing("sub_issue_id"))?;
    exchange
        .state
        .issue_with_id(id)
        .filter(|place| readable(exchange, *place))
        .ok_or_else(Refusal::not_found)
}

/// The types that the issues of a repository can have.
pub(crate) fn types_of_repository(exchange: &Exchange<'_>, id: u64) -> Outcome {
    exchange.need(id, Need::Metadata)?;
    let owner = &exchange.repo(id)?.owner;
    let found = exchange.state.issue_types(owner).iter().collect();
    Ok(exchange.listing(found, |one| exchange.render().issue_type(one)))
}

/// The types of an organization, for its people and for apps that were allowed to read them.
pub(crate) fn types_of_organization(exchange: &Exchange<'_>, login: &str) -> Outcome {
    let account = exchange
        .state
        .account(login)
        .filter(|account| account.kind == AccountKind::Organization)
        .ok_or_else(Refusal::not_found)?;
    let reads = |permissions: &crate::github::account::Permissions| {
        permissions
            .get("issue_types")
            .is_some_and(|level| *level >= Level::Read)
    };
    let denied = |message: &str| Refusal {
        headers: vec![(
            "x-accepted-github-permissions",
            "issue_types=read".to_owned(),
        )],
        ..Refusal::new(403, message)
    };
    let own = exchange.caller.permissions.as_ref();
    match &exchange.caller.kind {
        CallerKind::Anonymous => return Err(Refusal::new(401, "Requires authentication")),
        CallerKind::Person(caller) => {
            if !account.owners.contains(caller) && !account.members.contains(caller) {
                return Err(Refusal::not_found());
            }
            if own.is_some_and(|permissions| !reads(permissions)) {
                return Err(denied("Resource not accessible by personal access token"));
            }
        }
        CallerKind::Installation(id) => {
            let installation = exchange.state.installations.get(id);
            let installation = installation.filter(|found| found.account == key(login));
            let installation = installation.ok_or_else(Refusal::not_found)?;
            if !reads(own.unwrap_or(&installation.permissions)) {
                return Err(denied("Resource not accessible by integration"));
            }
        }
        CallerKind::App(_) => return Err(denied("Resource not accessible by integration")),
    }
    let found = account.issue_types.iter().collect();
    Ok(exchange.listing(found, |one| exchange.render().issue_type(one)))
}
