//! Workflow files, and dispatched events.

use serde_json::{Value, json};

use crate::github::auth::Need;
use crate::github::exchange::{Answer, ApiVersion, Exchange, Outcome, stamp};
use crate::github::names::{NodeKind, node_id};
use crate::github::refusal::Refusal;

pub(crate) fn route(exchange: &mut Exchange<'_>, method: &str, id: u64, rest: &[&str]) -> Outcome {
    match (method, rest) {
        ("GET", ["actions", "workflows"]) => list(exchange, id),
        ("POST", ["actions", "workflows", workflow, "dispatches"]) => {
            self::workflow(exchange, id, workflow)
        }
        ("POST", ["dispatches"]) => event(exchange, id),
        _ => Err(Refusal::not_found()),
    }
}

/// An object with at most so many members.
fn object(value: Option<&Value>, member: &str, most: usize) -> Result<Value, Refusal> {
    match value {
        None | Some(Value::Null) => Ok(json!({})),
        Some(Value::Object(map)) if map.len() <= most => Ok(Value::Object(map.clone())),
        Some(Value::Object(_)) => Err(Refusal::unprocessable(format!(
            "Invalid request.\n\nNo more than {most} properties are allowed; more were supplied in {member}."
        ))),
        Some(_) => Err(Refusal::schema(member, "an object")),
    }
}

fn list(exchange: &Exchange<'_>, id: u64) -> Outcome {
    exchange.need(id, Need::ActionsRead)?;
    let repo = exchange.repo(id)?;
    let found = repo.workflows();
    let total = found.len();
    let (page, link) = exchange.page(found);
    let render = exchange.render();
    let (url, web) = (render.repo_url(repo), render.repo_page(repo));
    let shown: Value = page
        .into_iter()
        .map(|(workflow, file)| {
            let path = format!(".github/workflows/{file}");
            json!({
                "id": workflow, "node_id": node_id(NodeKind::Workflow, workflow), "name": repo.workflow_name(&file),
                "state": "active", "created_at": stamp(repo.created_at), "updated_at": stamp(repo.pushed_at),
                "url": format!("{url}/actions/workflows/{workflow}"),
                "html_url": format!("{web}/blob/{}/{path}", repo.default_branch),
                "badge_url": format!("{web}/workflows/{file}/badge.svg"), "path": path,
            })
        })
        .collect();
    let answer = Answer::ok(json!({"total_count": total, "workflows": shown}));
    Ok(match link {
        Some(link) => answer.with("link", link),
        None => answer,
    })
}

fn workflow(exchange: &mut Exchange<'_>, id: u64, workflow: &str) -> Outcome {
    exchange.need(id, Need::ActionsWrite)?;
    let fields = exchange.fields()?;
    let reference = fields.required("ref")?;
    let inputs = object(fields.get("inputs"), "inputs", 25)?;
    let details = exchange.version >= ApiVersion::V2026
        || fields.flag("return_run_details")?.unwrap_or(false);
    let (actor, now) = (exchange.actor()?, exchange.now);
    let run = exchange
        .state
        .dispatch_workflow(id, workflow, &reference, inputs, &actor, now)?;
    if !details {
        return Ok(Answer::empty(204));
    }
    let (render, repo) = (exchange.render(), exchange.repo(id)?);
    Ok(Answer::ok(json!({
        "workflow_run_id": run, "run_url": format!("{}/actions/runs/{run}", render.repo_url(repo)),
        "html_url": format!("{}/actions/runs/{run}", render.repo_page(repo)),
    })))
}

fn event(exchange: &mut Exchange<'_>, id: u64) -> Outcome {
    exchange.need(id, Need::ContentsWrite)?;
    let fields = exchange.fields()?;
    let name = fields.required("event_type")?;
    if name.is_empty() || name.chars().count() > 100 {
        return Err(Refusal::schema("event_type", "1 to 100 characters long"));
    }
    let payload = object(fields.get("client_payload"), "client_payload", 10)?;
    let (actor, now) = (exchange.actor()?, exchange.now);
    exchange
        .state
        .dispatch_event(id, &name, payload, &actor, now)?;
    Ok(Answer::empty(204))
}
