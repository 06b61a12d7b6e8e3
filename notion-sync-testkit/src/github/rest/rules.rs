//! Rulesets and classic protection, as far as they can be read.

use serde_json::{Value, json};

use crate::github::auth::Need;
use crate::github::exchange::{Answer, Exchange, Outcome};
use crate::github::refusal::Refusal;
use crate::github::render::merge;

pub(crate) fn route(exchange: &Exchange<'_>, method: &str, id: u64, rest: &[&str]) -> Outcome {
    match (method, rest) {
        ("GET", ["rules", "branches", name @ ..]) if !name.is_empty() => {
            exchange.need(id, Need::Metadata)?;
            let repo = exchange.repo(id)?;
            let mut found: Vec<Value> = Vec::new();
            for ruleset in exchange.state.rulesets_of(repo, &name.join("/")) {
                for rule in &ruleset.seed.rules {
                    let mut body = exchange.render().rule(repo, rule);
                    merge(
                        &mut body,
                        json!({
                            "ruleset_source_type": "Repository", "ruleset_source": repo.full_name(),
                            "ruleset_id": ruleset.id,
                        }),
                    );
                    found.push(body);
                }
            }
            Ok(exchange.listing(found, |rule| rule))
        }
        ("GET", ["rulesets"]) => {
            exchange.need(id, Need::Metadata)?;
            let repo = exchange.repo(id)?;
            let found = repo.rulesets.iter().collect();
            Ok(exchange.listing(found, |ruleset| {
                exchange.render().ruleset_short(repo, ruleset)
            }))
        }
        ("GET", ["rulesets", ruleset]) => {
            exchange.need(id, Need::Metadata)?;
            let repo = exchange.repo(id)?;
            let ruleset = super::number(ruleset)?;
            let found = repo.rulesets.iter().find(|known| known.id == ruleset);
            let found = found.ok_or_else(Refusal::not_found)?;
            let writer = exchange.may(id, Need::Administration);
            Ok(Answer::ok(exchange.render().ruleset(repo, found, writer)))
        }
        ("GET", ["branches", name @ .., "protection"]) if !name.is_empty() => {
            protection(exchange, id, &name.join("/"), false)
        }
        (
            "GET",
            [
                "branches",
                name @ ..,
                "protection",
                "required_status_checks",
            ],
        ) if !name.is_empty() => protection(exchange, id, &name.join("/"), true),
        _ => Err(Refusal::not_found()),
    }
}

fn protection(exchange: &Exchange<'_>, id: u64, branch: &str, checks: bool) -> Outcome {
    exchange.need(id, Need::AdministrationRead)?;
    let repo = exchange.repo(id)?;
    if repo.branch(branch).is_none() {
        return Err(Refusal::new(404, "Branch not found"));
    }
    let render = exchange.render();
    let protection = render
        .protection(repo, branch)
        .ok_or_else(|| Refusal::new(404, "Branch not protected"))?;
    if !checks {
        return Ok(Answer::ok(protection));
    }
    render
        .status_check_policy(repo, branch)
        .map(Answer::ok)
        .ok_or_else(|| Refusal::new(404, "Required status checks not enabled"))
}
