//! Dispatched events.

use serde_json::{Value, json};

use crate::github::auth::Need;
use crate::github::exchange::{Answer, ApiVersion, Exchange, Outcome};
use crate::github::refusal::Refusal;

pub(crate) fn route(exchange: &mut Exchange<'_>, method: &str, id: u64, rest: &[&str]) -> Outcome {
    match (method, rest) {
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
