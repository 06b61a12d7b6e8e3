//! Projects, their fields and items.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::github::account::{AccountKind, Actor, Level, key};
use crate::github::auth::Need;
use crate::github::exchange::{Answer, Exchange, Outcome, encode};
use crate::github::projects::{FieldKind, ItemContent, Project, ProjectItem};
use crate::github::refusal::Refusal;
use crate::github::sub_issues::Place;

/// Follows what stands after `projectsV2`. `kind` is `orgs` or `users`.
pub(crate) fn route(
    exchange: &mut Exchange<'_>,
    method: &str,
    (kind, login): (&str, &str),
    rest: &[&str],
) -> Outcome {
    let account = exchange
        .state
        .account(login)
        .ok_or_else(Refusal::not_found)?;
    if (account.kind == AccountKind::Organization) != (kind == "orgs") {
        return Err(Refusal::not_found());
    }
    let [number, rest @ ..] = rest else {
        return list(exchange, login);
    };
    let number = super::number(number)?;
    let project = exchange
        .state
        .project_numbered(login, number)
        .ok_or_else(Refusal::not_found)?;
    let id = project.id;
    let level = if method == "GET" {
        Level::Read
    } else {
        Level::Write
    };
    exchange
        .state
        .check_project(&exchange.caller, project, level)?;
    match (method, rest) {
        ("GET", []) => Ok(Answer::ok(exchange.render().project(project))),
        ("GET", ["fields"]) => {
            let shown = project.fields.iter().map(|field| {
                let body =
                    exchange
                        .render()
                        .project_field(project, field, exchange.now.date_naive());
                (field.id, body)
            });
            listing(exchange, shown.collect())
        }
        ("GET", ["fields", field]) => {
            let field = project.field(super::number(field)?);
            let field = field.ok_or_else(Refusal::not_found)?;
            let today = exchange.now.date_naive();
            Ok(Answer::ok(
                exchange.render().project_field(project, field, today),
            ))
        }
        ("GET", ["items"]) => items(exchange, id),
        ("POST", ["items"]) => add(exchange, id),
        ("POST", ["drafts"]) => draft(exchange, id),
        ("GET", ["items", item]) => item_of(exchange, id, super::number(item)?),
        ("PATCH", ["items", item]) => edit(exchange, id, super::number(item)?),
        ("DELETE", ["items", item]) => {
            let item = super::number(item)?;
            let actor = exchange.actor()?;
            exchange.state.delete_project_item(id, item, &actor)?;
            Ok(Answer::empty(204))
        }
        _ => Err(Refusal::not_found()),
    }
}

/// Nothing here filters by a query, and an answer without the filter would be a wrong one.
fn no_query(exchange: &Exchange<'_>) -> Result<(), Refusal> {
    match exchange.parameter("q").filter(|text| !text.is_empty()) {
        None => Ok(()),
        Some(_) => Err(Refusal::unprocessable(
            "Queries over projects are not emulated",
        )),
    }
}

fn list(exchange: &Exchange<'_>, login: &str) -> Outcome {
    no_query(exchange)?;
    // What is missing for everything is said instead of an empty list.
    let owner = key(login);
    let mut all = exchange.state.projects.values();
    let any = all.find(|project| project.owner == owner);
    let found = exchange.state.projects_of(&exchange.caller, login);
    if let (Some(project), true) = (any, found.is_empty()) {
        let refused = exchange
            .state
            .check_project(&exchange.caller, project, Level::Read);
        match refused {
            Err(refusal) if refusal.status != 404 => return Err(refusal),
            _ => {}
        }
    }
    let shown = found
        .into_iter()
        .map(|project| (project.id, exchange.render().project(project)));
    listing(exchange, shown.collect())
}

/// A page of a listing that is read by cursors. Keys must ascend.
fn listing(exchange: &Exchange<'_>, all: Vec<(u64, Value)>) -> Outcome {
    let cursor = |name: &str| match exchange.parameter(name).filter(|text| !text.is_empty()) {
        None => Ok(None),
        Some(text) => STANDARD
            .decode(text)
            .ok()
            .and_then(|bytes| String::from_utf8(bytes).ok())
            .and_then(|text| text.strip_prefix("id:")?.parse::<u64>().ok())
            .map(Some)
            .ok_or_else(|| Refusal::unprocessable(format!("Invalid cursor in `{name}`"))),
    };
    let size = exchange.per_page();
    let (after, before) = (cursor("after")?, cursor("before")?);
    let from = after.map_or(0, |after| all.partition_point(|(key, _)| *key <= after));
    let (from, to) = match before {
        None => (from, (from + size).min(all.len())),
        Some(before) => {
            let to = all.partition_point(|(key, _)| *key < before);
            (from.max(to.saturating_sub(size)).min(to), to)
        }
    };
    let mut links = Vec::new();
    let mut link = |relation: &str, name: &str, key: u64| {
        let mut query: Vec<String> = exchange
            .query
            .iter()
            .filter(|(name, _)| !matches!(name.as_str(), "after" | "before" | "page"))
            .map(|(name, value)| format!("{}={}", encode(name), encode(value)))
            .collect();
        query.push(format!(
            "{name}={}",
            encode(&STANDARD.encode(format!("id:{key}")))
        ));
        links.push(format!(
            "<{}{}?{}>; rel=\"{relation}\"",
            exchange.bases.api,
            exchange.canonical,
            query.join("&")
        ));
    };
    if let Some((first, _)) = all.get(from).filter(|_| from > 0) {
        link("prev", "before", *first);
    }
    if to < all.len()
        && let Some((last, _)) = to.checked_sub(1).and_then(|last| all.get(last))
    {
        link("next", "after", *last);
    }
    let page = all
        .into_iter()
        .skip(from)
        .take(to - from)
        .map(|(_, body)| body)
        .collect();
    let answer = Answer::ok(page);
    Ok(if links.is_empty() {
        answer
    } else {
        answer.with("link", links.join(", "))
    })
}

/// Where the issue of an item is, if the caller reads it.
fn place(exchange: &Exchange<'_>, item: &ProjectItem) -> Option<Place> {
    let ItemContent::Issue(id) = item.content else {
        return None;
    };
    exchange
        .state
        .issue_with_id(id)
        .filter(|(repository, _)| exchange.may(*repository, Need::IssuesRead))
}

/// The fields that were asked for; without a wish the title alone.
fn wanted(exchange: &Exchange<'_>, project: &Project) -> Result<Vec<u64>, Refusal> {
    match exchange.parameter("fields").filter(|text| !text.is_empty()) {
        Some(text) => text
            .split(',')
            .map(|id| {
                id.trim()
                    .parse()
                    .map_err(|_| Refusal::schema("fields", "a list of integers"))
            })
            .collect(),
        None => Ok(project
            .fields
            .iter()
            .filter(|field| field.kind == FieldKind::BuiltIn("title"))
            .map(|field| field.id)
            .collect()),
    }
}

fn items(exchange: &Exchange<'_>, id: u64) -> Outcome {
    no_query(exchange)?;
    let project = exchange.state.project(id)?;
    let fields = wanted(exchange, project)?;
    let (render, today) = (exchange.render(), exchange.now.date_naive());
    let shown = project.items.values().map(|item| {
        let place = place(exchange, item);
        (
            item.id,
            render.project_item(project, item, place, &fields, today),
        )
    });
    listing(exchange, shown.collect())
}

fn item_of(exchange: &Exchange<'_>, id: u64, item: u64) -> Outcome {
    let project = exchange.state.project(id)?;
    let fields = wanted(exchange, project)?;
    let item = project.item(item)?;
    let place = place(exchange, item);
    let today = exchange.now.date_naive();
    Ok(Answer::ok(
        exchange
            .render()
            .project_item(project, item, place, &fields, today),
    ))
}

fn added(exchange: &Exchange<'_>, id: u64, item: u64) -> Outcome {
    let project = exchange.state.project(id)?;
    let item = project.item(item)?;
    let place = place(exchange, item);
    let body = exchange.render().project_item_simple(project, item, place);
    Ok(Answer::json(201, body))
}

fn add(exchange: &mut Exchange<'_>, id: u64) -> Outcome {
    let fields = exchange.fields()?;
    let pull = match fields.required("type")?.as_str() {
        "Issue" => false,
        "PullRequest" => true,
        _ => return Err(Refusal::schema("type", "a possible value")),
    };
    let named = (
        fields.text("owner")?,
        fields.text("repo")?,
        fields.number("number")?,
    );
    let found = match (fields.number("id")?, named) {
        (Some(wanted), _) => exchange.state.repositories.values().find_map(|repo| {
            let mut issues = repo.issues.values();
            let issue = issues.find(|issue| match &issue.pull {
                Some(found) => pull && found.id == wanted,
                None => !pull && issue.id == wanted,
            });
            issue.map(|issue| (repo.id, issue.id))
        }),
        (None, (Some(owner), Some(repo), Some(number))) => exchange
            .state
            .find_repository(&format!("{owner}/{repo}"))
            .and_then(|repo| {
                let issue = repo.issues.get(&number)?;
                (issue.pull.is_some() == pull).then_some((repo.id, issue.id))
            }),
        _ => return Err(Refusal::missing("id")),
    };
    let (_, issue) = found
        .filter(|(repository, _)| exchange.may(*repository, Need::IssuesRead))
        .ok_or_else(Refusal::not_found)?;
    let (actor, now): (Actor, _) = (exchange.actor()?, exchange.now);
    let item = exchange.state.add_project_item(id, issue, &actor, now)?;
    added(exchange, id, item)
}

fn draft(exchange: &mut Exchange<'_>, id: u64) -> Outcome {
    let fields = exchange.fields()?;
    let title = fields.required("title")?;
    let body = fields.text("body")?.unwrap_or_default();
    let (actor, now) = (exchange.actor()?, exchange.now);
    let item = exchange
        .state
        .add_project_draft(id, &title, &body, &actor, now)?;
    added(exchange, id, item)
}

fn edit(exchange: &mut Exchange<'_>, id: u64, item: u64) -> Outcome {
    let fields = exchange.fields()?;
    let list = match fields.get("fields") {
        Some(Value::Array(list)) => list.clone(),
        Some(_) => return Err(Refusal::schema("fields", "an array")),
        None => return Err(Refusal::missing("fields")),
    };
    let (actor, now) = (exchange.actor()?, exchange.now);
    let project = exchange.state.project(id)?;
    project.item(item)?;
    let mut values = Vec::new();
    for entry in &list {
        let field = entry["id"]
            .as_u64()
            .ok_or_else(|| Refusal::schema("fields", "a list of ids with values"))?;
        let value = entry
            .get("value")
            .ok_or_else(|| Refusal::missing("value"))?;
        let known = project
            .field(field)
            .ok_or_else(|| Refusal::field("ProjectV2Item", "fields", "invalid"))?;
        // All are checked before any is set.
        if !value.is_null() {
            known.kind.read(value)?;
        }
        values.push((field, (!value.is_null()).then(|| value.clone())));
    }
    for (field, value) in &values {
        exchange
            .state
            .set_project_value(id, item, *field, value.as_ref(), &actor, now)?;
    }
    let project = exchange.state.project(id)?;
    let fields: Vec<u64> = project.fields.iter().map(|field| field.id).collect();
    let found = project.item(item)?;
    let place = place(exchange, found);
    let today = now.date_naive();
    Ok(Answer::ok(
        exchange
            .render()
            .project_item(project, found, place, &fields, today),
    ))
}
