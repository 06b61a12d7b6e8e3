//! Workflow files, and dispatched events.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::github::account::key;
use crate::github::actions::Dispatch;
use crate::github::auth::Need;
use crate::github::exchange::{Answer, ApiVersion, Exchange, Outcome, stamp};
use crate::github::names::{NodeKind, node_id};
use crate::github::refusal::Refusal;

pub(crate) fn route(exchange: &mut Exchange<'_>, method: &str, id: u64, rest: &[&str]) -> Outcome {
    match (method, rest) {
        ("GET", ["actions", "workflows"]) => list(exchange, id),
        ("GET", ["actions", "workflows", workflow, "runs"]) => runs(exchange, id, workflow),
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

/// Whether a moment fits the filter `created`: `>=A`, `<=B`, `A..B` with `*` for an open end.
fn fits(filter: &str, at: DateTime<Utc>) -> Result<bool, Refusal> {
    let time = |text: &str| {
        DateTime::parse_from_rfc3339(text)
            .map(|time| time.with_timezone(&Utc))
            .map_err(|_| Refusal::schema("created", "a range of times"))
    };
    if let Some((from, to)) = filter.split_once("..") {
        let after = from == "*" || at >= time(from)?;
        return Ok(after && (to == "*" || at <= time(to)?));
    }
    if let Some(from) = filter.strip_prefix(">=") {
        return Ok(at >= time(from)?);
    }
    match filter.strip_prefix("<=") {
        Some(to) => Ok(at <= time(to)?),
        None => Ok(at == time(filter)?),
    }
}

/// The runs that dispatches started, newest first. Nothing ever runs: all of them are queued.
fn runs(exchange: &Exchange<'_>, id: u64, workflow: &str) -> Outcome {
    exchange.need(id, Need::ActionsRead)?;
    let repo = exchange.repo(id)?;
    let file = repo
        .workflow_file(workflow)
        .ok_or_else(Refusal::not_found)?;
    let parameter = |name: &str| exchange.parameter(name).filter(|text| !text.is_empty());
    let created = parameter("created");
    let mut found: Vec<(usize, &Dispatch)> = Vec::new();
    let of_file = |one: &&Dispatch| one.event == "workflow_dispatch" && one.name == file;
    for (number, one) in repo.dispatches.iter().filter(of_file).enumerate() {
        let fits = parameter("event").is_none_or(|event| event == one.event)
            && parameter("actor").is_none_or(|login| key(login) == key(&one.login))
            && parameter("branch").is_none_or(|name| name == branch(one))
            && parameter("status").is_none_or(|word| word == "queued")
            && created.map_or(Ok(true), |filter| fits(filter, one.at))?;
        if fits {
            found.push((number + 1, one));
        }
    }
    found.reverse();
    let total = found.len();
    let (page, link) = exchange.page(found);
    let render = exchange.render();
    let (url, web) = (render.repo_url(repo), render.repo_page(repo));
    let shown: Value = page
        .into_iter()
        .map(|(number, one)| {
            let (run, at, actor) = (one.id, stamp(one.at), json!({"login": one.login}));
            json!({
                "id": run, "node_id": node_id(NodeKind::Workflow, run), "name": repo.workflow_name(&file),
                "head_branch": branch(one), "path": format!(".github/workflows/{file}"),
                "display_title": one.title, "run_number": number, "event": one.event,
                "status": "queued", "conclusion": null, "run_attempt": 1,
                "url": format!("{url}/actions/runs/{run}"),
                "html_url": format!("{web}/actions/runs/{run}"),
                "created_at": at, "updated_at": at, "run_started_at": at,
                "actor": actor, "triggering_actor": actor,
            })
        })
        .collect();
    let answer = Answer::ok(json!({"total_count": total, "workflow_runs": shown}));
    Ok(match link {
        Some(link) => answer.with("link", link),
        None => answer,
    })
}

/// The branch or tag of a run, without what stands before it in a full name.
fn branch(one: &Dispatch) -> &str {
    let name = one.reference.as_deref().unwrap_or_default();
    ["refs/heads/", "refs/tags/"]
        .into_iter()
        .find_map(|prefix| name.strip_prefix(prefix))
        .unwrap_or(name)
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
