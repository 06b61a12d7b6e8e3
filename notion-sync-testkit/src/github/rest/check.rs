//! Statuses, check runs and suites.

use chrono::{DateTime, Utc};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::github::auth::{CallerKind, Need};
use crate::github::checks::{
    CheckEdit, CheckOutput, CheckRun, CheckStatus, Conclusion, Standing, StatusState,
};
use crate::github::exchange::{Answer, Exchange, Fields, Outcome};
use crate::github::object::ObjectId;
use crate::github::refusal::Refusal;

pub(crate) fn route(exchange: &mut Exchange<'_>, method: &str, id: u64, rest: &[&str]) -> Outcome {
    match (method, rest) {
        ("POST", ["statuses", sha]) => add_status(exchange, id, sha),
        ("GET", ["commits", name @ .., "status"]) if !name.is_empty() => {
            combined(exchange, id, &name.join("/"))
        }
        ("GET", ["commits", name @ .., "statuses"]) if !name.is_empty() => {
            exchange.need(id, Need::StatusesRead)?;
            let commit = super::commit::resolve(exchange, id, &name.join("/"))?;
            let repo = exchange.repo(id)?;
            let found = repo.checks.statuses.iter().rev();
            let found = found.filter(|status| status.commit == commit).collect();
            Ok(exchange.listing(found, |status| exchange.render().status(repo, status)))
        }
        ("GET", ["commits", name @ .., "check-runs"]) if !name.is_empty() => {
            exchange.need(id, Need::ChecksRead)?;
            let commit = super::commit::resolve(exchange, id, &name.join("/"))?;
            let runs = runs_on(exchange, id, commit)?;
            list_runs(exchange, id, runs)
        }
        ("GET", ["commits", name @ .., "check-suites"]) if !name.is_empty() => {
            suites(exchange, id, &name.join("/"))
        }
        ("POST", ["check-runs"]) => create(exchange, id),
        ("GET", ["check-runs", run]) => {
            exchange.need(id, Need::ChecksRead)?;
            show(exchange, id, super::number(run)?).map(Answer::ok)
        }
        ("PATCH", ["check-runs", run]) => edit(exchange, id, super::number(run)?),
        ("GET", ["check-suites", suite]) => {
            exchange.need(id, Need::ChecksRead)?;
            let repo = exchange.repo(id)?;
            let suite = repo.checks.suites.get(&super::number(suite)?);
            let suite = suite.ok_or_else(Refusal::not_found)?;
            Ok(Answer::ok(exchange.render().check_suite(repo, suite)))
        }
        ("GET", ["check-suites", suite, "check-runs"]) => {
            exchange.need(id, Need::ChecksRead)?;
            let suite = super::number(suite)?;
            let repo = exchange.repo(id)?;
            let found = repo.checks.suites.get(&suite);
            let commit = found.ok_or_else(Refusal::not_found)?.commit;
            let mut runs = runs_on(exchange, id, commit)?;
            runs.retain(|run| run.suite == suite);
            list_runs(exchange, id, runs)
        }
        _ => Err(Refusal::not_found()),
    }
}

/// A member that is one of a few words.
fn word<T: DeserializeOwned>(fields: &Fields, member: &str) -> Result<Option<T>, Refusal> {
    fields
        .text(member)?
        .map(|word| serde_json::from_value(Value::String(word)))
        .transpose()
        .map_err(|_| Refusal::schema(member, "a possible value"))
}

fn time(fields: &Fields, member: &str) -> Result<Option<DateTime<Utc>>, Refusal> {
    fields
        .text(member)?
        .map(|text| DateTime::parse_from_rfc3339(&text).map(|time| time.with_timezone(&Utc)))
        .transpose()
        .map_err(|_| Refusal::schema(member, "a valid date-time"))
}

fn add_status(exchange: &mut Exchange<'_>, id: u64, sha: &str) -> Outcome {
    exchange.need(id, Need::StatusesWrite)?;
    let fields = exchange.fields()?;
    fields.required("state")?;
    let Some(state) = word::<StatusState>(&fields, "state")? else {
        return Err(Refusal::missing("state"));
    };
    let context = fields.text("context")?.filter(|text| !text.is_empty());
    let context = context.unwrap_or_else(|| "default".to_owned());
    let (words, actor, now) = (
        (fields.text("description")?, fields.text("target_url")?),
        exchange.actor()?,
        exchange.now,
    );
    let status =
        exchange
            .state
            .add_status(id, sha, (context.as_str(), state), words, &actor, now)?;
    let repo = exchange.repo(id)?;
    let found = repo.checks.statuses.iter().find(|known| known.id == status);
    let found = found.ok_or_else(Refusal::not_found)?;
    Ok(Answer::created(exchange.render().status(repo, found)))
}

fn combined(exchange: &Exchange<'_>, id: u64, name: &str) -> Outcome {
    exchange.need(id, Need::StatusesRead)?;
    let commit = super::commit::resolve(exchange, id, name)?;
    let repo = exchange.repo(id)?;
    let latest = repo.checks.latest_statuses(commit);
    let worst = latest.iter().map(|status| status.standing()).max();
    let state = match worst {
        Some(Standing::Passed) => "success",
        Some(Standing::Failing | Standing::Broken) => "failure",
        _ => "pending",
    };
    let total = latest.len();
    let (page, link) = exchange.page(latest);
    let render = exchange.render();
    let url = render.repo_url(repo);
    let answer = Answer::ok(json!({
        "state": state, "sha": commit.to_string(), "total_count": total,
        "statuses": page.into_iter().map(|status| render.status_short(repo, status)).collect::<Value>(),
        "repository": render.minimal_repository(repo), "commit_url": format!("{url}/commits/{commit}"),
        "url": format!("{url}/commits/{commit}/status"),
    }));
    Ok(match link {
        Some(link) => answer.with("link", link),
        None => answer,
    })
}

/// The runs on a commit that the query asks for, newest first.
fn runs_on(exchange: &Exchange<'_>, id: u64, commit: ObjectId) -> Result<Vec<CheckRun>, Refusal> {
    let checks = &exchange.repo(id)?.checks;
    let mut runs: Vec<CheckRun> = match exchange.parameter("filter") {
        Some("all") => checks
            .runs
            .values()
            .filter(|run| run.commit == commit)
            .cloned()
            .collect(),
        None | Some("" | "latest") => checks.latest_runs(commit).into_iter().cloned().collect(),
        Some(_) => return Err(Refusal::schema("filter", "a possible value")),
    };
    let (name, status) = (
        exchange.parameter("check_name"),
        exchange.parameter("status"),
    );
    let app = exchange
        .parameter("app_id")
        .map(super::number)
        .transpose()?;
    runs.retain(|run| {
        name.is_none_or(|name| name == run.name)
            && status.is_none_or(|status| status == run.status.as_str())
            && app.is_none_or(|app| app == run.app)
    });
    runs.reverse();
    Ok(runs)
}

fn list_runs(exchange: &Exchange<'_>, id: u64, runs: Vec<CheckRun>) -> Outcome {
    let repo = exchange.repo(id)?;
    let total = runs.len();
    let (page, link) = exchange.page(runs);
    let shown: Value = page
        .iter()
        .map(|run| exchange.render().check_run(repo, run))
        .collect();
    let answer = Answer::ok(json!({"total_count": total, "check_runs": shown}));
    Ok(match link {
        Some(link) => answer.with("link", link),
        None => answer,
    })
}

fn suites(exchange: &Exchange<'_>, id: u64, name: &str) -> Outcome {
    exchange.need(id, Need::ChecksRead)?;
    let commit = super::commit::resolve(exchange, id, name)?;
    let repo = exchange.repo(id)?;
    let app = exchange
        .parameter("app_id")
        .map(super::number)
        .transpose()?;
    let run = exchange.parameter("check_name");
    let found: Vec<_> = repo
        .checks
        .suites
        .values()
        .filter(|suite| suite.commit == commit && app.is_none_or(|app| app == suite.app))
        .filter(|suite| {
            run.is_none_or(|name| {
                let runs = repo.checks.runs_of(suite);
                runs.iter().any(|run| run.name == name)
            })
        })
        .collect();
    let total = found.len();
    let (page, link) = exchange.page(found);
    let shown: Value = page
        .into_iter()
        .map(|suite| exchange.render().check_suite(repo, suite))
        .collect();
    let answer = Answer::ok(json!({"total_count": total, "check_suites": shown}));
    Ok(match link {
        Some(link) => answer.with("link", link),
        None => answer,
    })
}

/// The app that asks. People cannot write check runs.
fn app(exchange: &Exchange<'_>, id: u64) -> Result<u64, Refusal> {
    if matches!(
        exchange.caller.kind,
        CallerKind::Person(_) | CallerKind::Anonymous
    ) {
        exchange.need(id, Need::ChecksRead)?;
        return Err(Refusal::new(403, "You must authenticate via a GitHub App."));
    }
    exchange.need(id, Need::ChecksWrite)?;
    exchange
        .actor()?
        .app
        .ok_or_else(|| Refusal::new(403, "You must authenticate via a GitHub App."))
}

fn read_edit(fields: &Fields) -> Result<CheckEdit, Refusal> {
    let status: Option<CheckStatus> = word(fields, "status")?;
    let conclusion: Option<Conclusion> = word(fields, "conclusion")?;
    if status == Some(CheckStatus::Completed) && conclusion.is_none() {
        return Err(Refusal::missing("conclusion"));
    }
    let output = match fields.get("output") {
        None | Some(Value::Null) => None,
        Some(Value::Object(map)) => {
            let inner = Fields(map.clone());
            Some(CheckOutput {
                title: inner.text("title")?,
                summary: Some(inner.required("summary")?),
                text: inner.text("text")?,
            })
        }
        Some(_) => return Err(Refusal::schema("output", "an object")),
    };
    Ok(CheckEdit {
        name: fields.text("name")?,
        status,
        conclusion,
        started_at: time(fields, "started_at")?,
        completed_at: time(fields, "completed_at")?,
        details_url: fields.text("details_url")?,
        external_id: fields.text("external_id")?,
        output,
    })
}

fn create(exchange: &mut Exchange<'_>, id: u64) -> Outcome {
    let app = app(exchange, id)?;
    let fields = exchange.fields()?;
    let sha = fields.required("head_sha")?;
    fields.required("name")?;
    let (edit, now) = (read_edit(&fields)?, exchange.now);
    let run = exchange.state.add_check_run(id, &sha, app, edit, now)?;
    show(exchange, id, run).map(Answer::created)
}

fn edit(exchange: &mut Exchange<'_>, id: u64, run: u64) -> Outcome {
    let app = app(exchange, id)?;
    let known = exchange.repo(id)?.checks.runs.get(&run);
    if known.ok_or_else(Refusal::not_found)?.app != app {
        return Err(Refusal::new(403, "Invalid app_id `#{app}` - check run can only be modified by the GitHub App that created it.".replace("#{app}", &app.to_string())));
    }
    let (edit, now) = (read_edit(&exchange.fields()?)?, exchange.now);
    exchange.state.edit_check_run(id, run, edit, now)?;
    show(exchange, id, run).map(Answer::ok)
}

fn show(exchange: &Exchange<'_>, id: u64, run: u64) -> Result<Value, Refusal> {
    let repo = exchange.repo(id)?;
    let run = repo.checks.runs.get(&run).ok_or_else(Refusal::not_found)?;
    Ok(exchange.render().check_run(repo, run))
}
