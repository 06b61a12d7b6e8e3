//! Apps, installations and their tokens.

use std::collections::BTreeSet;

use chrono::Duration;
use serde_json::{Value, json};

use crate::github::account::{Holder, Installation, Level, Permissions, Token, key};
use crate::github::auth::CallerKind;
use crate::github::exchange::{Answer, Exchange, Outcome, stamp};
use crate::github::refusal::Refusal;
use crate::github::render::permissions;

/// How long an installation token lives.
const TOKEN_LIFE: Duration = Duration::hours(1);

pub(crate) fn route(exchange: &mut Exchange<'_>, method: &str, segments: &[&str]) -> Outcome {
    match (method, segments) {
        ("GET", ["app"]) => {
            let app = app(exchange)?;
            let app = exchange
                .state
                .apps
                .get(&app)
                .ok_or_else(Refusal::not_found)?;
            let mut body = exchange.render().app(app);
            body["installations_count"] = exchange
                .state
                .installations
                .values()
                .filter(|found| found.app == app.id)
                .count()
                .into();
            Ok(Answer::ok(body))
        }
        ("GET", ["app", "installations"]) => {
            let app = app(exchange)?;
            let found = exchange
                .state
                .installations
                .values()
                .filter(|found| found.app == app)
                .collect();
            Ok(exchange.listing(found, |found| exchange.render().installation(found)))
        }
        ("GET", ["app", "installations", id]) => {
            let found = own(exchange, super::number(id)?)?;
            Ok(Answer::ok(exchange.render().installation(found)))
        }
        ("POST", ["app", "installations", id, "access_tokens"]) => {
            access_token(exchange, super::number(id)?)
        }
        ("PUT" | "DELETE", ["app", "installations", id, "suspended"]) => {
            let id = own(exchange, super::number(id)?)?.id;
            let now = exchange.now;
            if let Some(found) = exchange.state.installations.get_mut(&id) {
                found.suspended_at = (method == "PUT").then_some(now);
            }
            exchange.state.changed();
            Ok(Answer::empty(204))
        }
        ("GET", ["installation", "repositories"]) => {
            let CallerKind::Installation(id) = exchange.caller.kind else {
                return Err(only_installations(exchange));
            };
            let installation = exchange
                .state
                .installations
                .get(&id)
                .ok_or_else(Refusal::not_found)?;
            let found: Vec<_> = exchange
                .state
                .repositories
                .values()
                .filter(|repo| {
                    exchange.state.covers(installation, repo)
                        && exchange
                            .caller
                            .repositories
                            .as_ref()
                            .is_none_or(|selected| selected.contains(&repo.id))
                })
                .collect();
            let total = found.len();
            let (found, link) = exchange.page(found);
            let selected =
                installation.repositories.is_some() || exchange.caller.repositories.is_some();
            let repositories: Vec<Value> = found
                .into_iter()
                .map(|repo| exchange.render().repository(repo, None))
                .collect();
            let answer = Answer::ok(json!({
                "total_count": total, "repository_selection": if selected { "selected" } else { "all" },
                "repositories": repositories,
            }));
            Ok(match link {
                Some(link) => answer.with("link", link),
                None => answer,
            })
        }
        ("DELETE", ["installation", "token"]) => {
            if !matches!(exchange.caller.kind, CallerKind::Installation(_)) {
                return Err(only_installations(exchange));
            }
            exchange.state.tokens.remove(&exchange.caller.token);
            exchange.state.changed();
            Ok(Answer::empty(204))
        }
        ("GET", ["orgs" | "users", login, "installation"]) => {
            let app = app(exchange)?;
            let found = exchange
                .state
                .installations
                .values()
                .find(|found| found.app == app && found.account == key(login));
            Ok(Answer::ok(
                exchange
                    .render()
                    .installation(found.ok_or_else(Refusal::not_found)?),
            ))
        }
        _ => Err(Refusal::not_found()),
    }
}

/// `GET R/installation`.
pub(crate) fn of_repository(exchange: &Exchange<'_>, repository: u64) -> Outcome {
    let app = app(exchange)?;
    let repo = exchange.repo(repository)?;
    let found = exchange
        .state
        .installations
        .values()
        .find(|found| found.app == app && exchange.state.covers(found, repo));
    Ok(Answer::ok(
        exchange
            .render()
            .installation(found.ok_or_else(Refusal::not_found)?),
    ))
}

fn only_installations(exchange: &Exchange<'_>) -> Refusal {
    match exchange.caller.kind {
        CallerKind::Anonymous => Refusal::new(401, "Requires authentication"),
        _ => Refusal::new(
            403,
            "You must authenticate with an installation access token in order to list repositories for an installation.",
        ),
    }
}

fn app(exchange: &Exchange<'_>) -> Result<u64, Refusal> {
    match exchange.caller.kind {
        CallerKind::App(id) => Ok(id),
        _ => Err(Refusal::new(401, "A JSON web token could not be decoded")),
    }
}

fn own<'a>(exchange: &'a Exchange<'_>, id: u64) -> Result<&'a Installation, Refusal> {
    let app = app(exchange)?;
    exchange
        .state
        .installations
        .get(&id)
        .filter(|found| found.app == app)
        .ok_or_else(Refusal::not_found)
}

fn access_token(exchange: &mut Exchange<'_>, id: u64) -> Outcome {
    let fields = exchange.fields()?;
    let installation = own(exchange, id)?.clone();
    if installation.suspended_at.is_some() {
        return Err(Refusal::new(403, "This installation has been suspended"));
    }
    let beyond = || {
        Refusal::unprocessable(
            "There is at least one repository that does not exist or is not accessible to the parent installation.",
        )
    };
    let mut selected: Option<BTreeSet<u64>> = None;
    let named = fields.names("repositories")?;
    let listed = match fields.get("repository_ids") {
        Some(Value::Array(ids)) => Some(
            ids.iter()
                .map(|id| id.as_u64().ok_or_else(beyond))
                .collect::<Result<Vec<_>, _>>()?,
        ),
        _ => None,
    };
    if named.as_ref().map_or(0, Vec::len) + listed.as_ref().map_or(0, Vec::len) > 500 {
        return Err(Refusal::unprocessable(
            "Up to 500 repositories may be listed.",
        ));
    }
    let covered: Vec<(u64, String)> = exchange
        .state
        .repositories
        .values()
        .filter(|repo| exchange.state.covers(&installation, repo))
        .map(|repo| (repo.id, key(&repo.name)))
        .collect();
    for name in named.into_iter().flatten() {
        let (found, _) = covered
            .iter()
            .find(|(_, known)| *known == key(&name))
            .ok_or_else(beyond)?;
        selected.get_or_insert_default().insert(*found);
    }
    for wanted in listed.into_iter().flatten() {
        let (found, _) = covered
            .iter()
            .find(|(known, _)| *known == wanted)
            .ok_or_else(beyond)?;
        selected.get_or_insert_default().insert(*found);
    }
    let granted = match fields.get("permissions") {
        Some(Value::Object(wanted)) => {
            let mut granted = Permissions::new();
            for (name, level) in wanted {
                let level = match level.as_str() {
                    Some("read") => Level::Read,
                    Some("write") => Level::Write,
                    Some("admin") => Level::Admin,
                    _ => return Err(Refusal::schema("permissions", "a possible value")),
                };
                let had = installation.permissions.get(name).copied();
                if had < Some(level) && !(name == "metadata" && level == Level::Read) {
                    return Err(Refusal::unprocessable(
                        "The permissions requested are not granted to this installation.",
                    ));
                }
                granted.insert(name.clone(), level);
            }
            granted.insert("metadata".to_owned(), Level::Read);
            granted
        }
        _ => {
            let mut all = installation.permissions.clone();
            all.entry("metadata".to_owned()).or_insert(Level::Read);
            all
        }
    };
    let serial = exchange.state.next_id();
    let secret = blake3::hash(format!("installation {id} token {serial}").as_bytes()).to_hex();
    let token = format!("ghs_{}", &secret.as_str()[..36]);
    let expires_at = exchange.now + TOKEN_LIFE;
    exchange.state.tokens.insert(
        token.clone(),
        Token {
            holder: Holder::Installation(id),
            permissions: Some(granted.clone()),
            repositories: selected.clone(),
            expires_at: Some(expires_at),
            scopes: None,
        },
    );
    exchange.state.changed();
    let narrowed = selected.is_some() || installation.repositories.is_some();
    let mut body = json!({
        "token": token, "expires_at": stamp(expires_at), "permissions": permissions(&granted),
        "repository_selection": if narrowed { "selected" } else { "all" },
    });
    if let Some(selected) = selected {
        body["repositories"] = selected
            .iter()
            .filter_map(|id| exchange.state.repositories.get(id))
            .map(|repo| exchange.render().repository(repo, None))
            .collect();
    }
    Ok(Answer::json(201, body))
}
