//! People, organizations, teams and what the service says about itself.

use serde_json::{Value, json};

use crate::github::account::{Role, key};
use crate::github::auth::CallerKind;
use crate::github::exchange::{Answer, ApiVersion, Exchange, Outcome};
use crate::github::limit::{Resource, Standing};
use crate::github::refusal::Refusal;

pub(crate) fn route(exchange: &mut Exchange<'_>, method: &str, segments: &[&str]) -> Outcome {
    match (method, segments) {
        ("GET", []) => Ok(Answer::ok(json!({
            "current_user_url": format!("{}/user", exchange.bases.api),
            "repository_url": format!("{}/repos/{{owner}}/{{repo}}", exchange.bases.api),
        }))),
        ("GET", ["versions"]) => Ok(Answer::ok(json!(ApiVersion::NAMES))),
        ("GET", ["meta"]) => Ok(Answer::ok(
            json!({"verifiable_password_authentication": false}),
        )),
        ("GET", ["zen"]) => Ok(Answer::ok("Keep it logically awesome.".into())),
        ("GET", ["rate_limit"]) => rate_limit(exchange),
        ("GET", ["user"]) => user(exchange),
        ("GET", ["user", "repos"]) => own_repositories(exchange),
        ("GET", ["user", "installations"]) => {
            let items: Vec<Value> = exchange
                .state
                .installations
                .values()
                .filter(|installation| {
                    exchange.caller.kind == CallerKind::Person(installation.account.clone())
                })
                .map(|installation| exchange.render().installation(installation))
                .collect();
            Ok(Answer::ok(
                json!({"total_count": items.len(), "installations": items}),
            ))
        }
        ("GET", ["users", login]) => {
            let account = exchange
                .state
                .account(login)
                .ok_or_else(Refusal::not_found)?;
            Ok(Answer::ok(exchange.render().profile(account, false)))
        }
        ("GET", ["orgs", login]) => {
            let account = exchange
                .state
                .account(login)
                .ok_or_else(Refusal::not_found)?;
            Ok(Answer::ok(exchange.render().profile(account, false)))
        }
        ("GET", ["orgs", login, "repos"] | ["users", login, "repos"]) => {
            let owner = key(login);
            let found = exchange
                .state
                .repositories
                .values()
                .filter(|repo| {
                    key(&repo.owner) == owner && exchange.state.sees(&exchange.caller, repo)
                })
                .collect();
            Ok(exchange.listing(found, |repo| exchange.render().minimal_repository(repo)))
        }
        ("GET", ["orgs", login, "teams"]) => {
            let account = exchange
                .state
                .account(login)
                .ok_or_else(Refusal::not_found)?;
            Ok(exchange.listing(account.teams.keys().collect(), |slug| {
                exchange.render().team(login, slug)
            }))
        }
        ("GET", ["orgs", login, "teams", slug]) => {
            match exchange.render().team(login, &key(slug)) {
                Value::Null => Err(Refusal::not_found()),
                team => Ok(Answer::ok(team)),
            }
        }
        ("GET", ["orgs", login, "teams", slug, "members"]) => {
            let team = exchange
                .state
                .account(login)
                .and_then(|owner| owner.teams.get(&key(slug)));
            let team = team.ok_or_else(Refusal::not_found)?;
            Ok(exchange.listing(team.members.iter().collect(), |member| {
                exchange.render().login(member)
            }))
        }
        ("GET", ["orgs", login, "members", member]) => {
            let account = exchange
                .state
                .account(login)
                .ok_or_else(Refusal::not_found)?;
            let member = key(member);
            if account.members.contains(&member) || account.owners.contains(&member) {
                Ok(Answer::empty(204))
            } else {
                Err(Refusal::not_found())
            }
        }
        _ => Err(Refusal::not_found()),
    }
}

fn user(exchange: &Exchange<'_>) -> Outcome {
    match &exchange.caller.kind {
        CallerKind::Person(login) => {
            let account = exchange
                .state
                .account(login)
                .ok_or_else(Refusal::not_found)?;
            let scopes = exchange
                .caller
                .scopes
                .as_ref()
                .map_or_else(|| "repo, read:org".to_owned(), |scopes| scopes.join(", "));
            Ok(Answer::ok(exchange.render().profile(account, true)).with("x-oauth-scopes", scopes))
        }
        CallerKind::Installation(_) => {
            Err(Refusal::new(403, "Resource not accessible by integration"))
        }
        CallerKind::Anonymous | CallerKind::App(_) => {
            Err(Refusal::new(401, "Requires authentication"))
        }
    }
}

fn own_repositories(exchange: &Exchange<'_>) -> Outcome {
    let CallerKind::Person(login) = &exchange.caller.kind else {
        return Err(Refusal::new(403, "Resource not accessible by integration"));
    };
    let mine = exchange
        .state
        .repositories
        .values()
        .filter_map(|repo| {
            exchange
                .state
                .explicit_role(repo, login)
                .map(|role| (repo, role))
        })
        .collect::<Vec<(_, Role)>>();
    Ok(exchange.listing(mine, |(repo, role)| {
        exchange.render().repository(repo, Some(role))
    }))
}

fn rate_limit(exchange: &Exchange<'_>) -> Outcome {
    let describe = |standing: Standing| {
        json!({
            "limit": standing.limit, "used": standing.used, "remaining": standing.remaining(),
            "reset": standing.reset.timestamp(),
        })
    };
    let holder = exchange.caller.quota();
    let mut resources = json!({});
    for resource in Resource::ALL {
        let standing = exchange.state.quotas.standing(
            &exchange.state.settings,
            &holder,
            resource,
            exchange.now,
        );
        resources[resource.as_str()] = describe(standing);
    }
    let mut body = json!({"resources": resources});
    if exchange.version == ApiVersion::V2022 {
        body["rate"] = body["resources"]["core"].clone();
    }
    Ok(Answer::ok(body))
}
