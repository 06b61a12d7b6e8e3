//! Labels, assignees and milestones.

use serde_json::Value;

use crate::github::account::key;
use crate::github::auth::Need;
use crate::github::exchange::{Answer, Exchange, Fields, Outcome};
use crate::github::refusal::Refusal;
use crate::github::repository::Milestone;

/// Routes below a repository.
pub(crate) fn route(exchange: &mut Exchange<'_>, method: &str, id: u64, rest: &[&str]) -> Outcome {
    match (method, rest) {
        ("GET", ["labels"]) => {
            exchange.need(id, Need::IssuesRead)?;
            let repo = exchange.repo(id)?;
            Ok(exchange.listing(repo.labels.values().collect(), |label| {
                exchange.render().label(repo, label)
            }))
        }
        ("POST", ["labels"]) => {
            exchange.need(id, Need::IssuesWrite)?;
            let fields = exchange.fields()?;
            let name = fields.required("name")?;
            check_label(&name, &fields)?;
            let color = fields.text("color")?.unwrap_or_else(|| "ededed".to_owned());
            exchange
                .state
                .add_label(id, &name, &color, fields.text("description")?.as_deref())?;
            label(exchange, id, &name).map(Answer::created)
        }
        ("GET", ["labels", name]) => {
            exchange.need(id, Need::IssuesRead)?;
            label(exchange, id, name).map(Answer::ok)
        }
        ("PATCH" | "POST", ["labels", name]) => edit_label(exchange, id, name),
        ("DELETE", ["labels", name]) => {
            exchange.need(id, Need::IssuesWrite)?;
            let name = key(name);
            let repo = exchange.state.repository_mut(id)?;
            repo.labels.remove(&name).ok_or_else(Refusal::not_found)?;
            for issue in repo.issues.values_mut() {
                issue.labels.retain(|label| *label != name);
            }
            exchange.state.changed();
            Ok(Answer::empty(204))
        }
        ("GET", ["milestones"]) => {
            exchange.need(id, Need::IssuesRead)?;
            let repo = exchange.repo(id)?;
            let state = exchange.parameter("state").unwrap_or("open");
            let found = repo
                .milestones
                .values()
                .filter(|found| state == "all" || (state == "open") == found.open)
                .collect();
            Ok(exchange.listing(found, |found| exchange.render().milestone(repo, found)))
        }
        ("POST", ["milestones"]) => create_milestone(exchange, id),
        ("GET", ["milestones", number]) => {
            exchange.need(id, Need::IssuesRead)?;
            milestone(exchange, id, super::number(number)?).map(Answer::ok)
        }
        ("PATCH", ["milestones", number]) => {
            exchange.need(id, Need::IssuesWrite)?;
            let (number, fields, now) = (super::number(number)?, exchange.fields()?, exchange.now);
            let (title, description, due_on) = (
                fields.text("title")?,
                fields.clearable("description")?,
                fields.clearable("due_on")?,
            );
            let state = fields.text("state")?;
            let found = exchange
                .state
                .repository_mut(id)?
                .milestones
                .get_mut(&number)
                .ok_or_else(Refusal::not_found)?;
            if let Some(title) = title {
                found.title = title;
            }
            if let Some(description) = description {
                found.description = description;
            }
            if let Some(due_on) = due_on {
                found.due_on = due_on;
            }
            if let Some(state) = state {
                found.open = state == "open";
            }
            found.updated_at = now;
            exchange.state.changed();
            milestone(exchange, id, number).map(Answer::ok)
        }
        ("DELETE", ["milestones", number]) => {
            exchange.need(id, Need::IssuesWrite)?;
            let number = super::number(number)?;
            let repo = exchange.state.repository_mut(id)?;
            repo.milestones
                .remove(&number)
                .ok_or_else(Refusal::not_found)?;
            for issue in repo
                .issues
                .values_mut()
                .filter(|issue| issue.milestone == Some(number))
            {
                issue.milestone = None;
            }
            exchange.state.changed();
            Ok(Answer::empty(204))
        }
        _ => Err(Refusal::not_found()),
    }
}

/// Routes below an issue: `labels…` and `assignees…`.
pub(crate) fn on_issue(
    exchange: &mut Exchange<'_>,
    method: &str,
    id: u64,
    number: u64,
    rest: &[&str],
) -> Outcome {
    exchange.state.issue(id, number)?;
    if method == "GET" {
        exchange.need(id, Need::IssuesRead)?;
    } else {
        exchange.need(id, Need::IssuesWrite)?;
    }
    let now = exchange.now;
    match (method, rest) {
        ("GET", ["labels"]) => {
            let repo = exchange.repo(id)?;
            let issue = exchange.state.issue(id, number)?;
            let found = issue
                .labels
                .iter()
                .filter_map(|name| repo.labels.get(name))
                .collect();
            Ok(exchange.listing(found, |label| exchange.render().label(repo, label)))
        }
        ("POST", ["labels"]) => {
            let (names, actor) = (label_names(exchange)?, exchange.actor()?);
            exchange.state.add_labels(id, number, &names, &actor, now)?;
            labels(exchange, id, number)
        }
        ("PUT", ["labels"]) => {
            let (names, actor) = (label_names(exchange)?, exchange.actor()?);
            exchange
                .state
                .replace_labels(id, number, &names, &actor, now)?;
            labels(exchange, id, number)
        }
        ("DELETE", ["labels"]) => {
            let actor = exchange.actor()?;
            exchange.state.set_labels(id, number, &[], &actor, now)?;
            Ok(Answer::empty(204))
        }
        ("DELETE", ["labels", name]) => {
            let actor = exchange.actor()?;
            let had = exchange.state.issue(id, number)?.labels.clone();
            if !had.contains(&key(name)) {
                return Err(Refusal::new(404, "Label does not exist"));
            }
            let left: Vec<String> = had
                .into_iter()
                .filter(|label| *label != key(name))
                .collect();
            exchange.state.set_labels(id, number, &left, &actor, now)?;
            labels(exchange, id, number)
        }
        ("GET", ["assignees", login]) => {
            if exchange.state.is_assignable(exchange.repo(id)?, login) {
                Ok(Answer::empty(204))
            } else {
                Err(Refusal::not_found())
            }
        }
        ("POST", ["assignees"]) => {
            let names = exchange.fields()?.names("assignees")?.unwrap_or_default();
            let actor = exchange.actor()?;
            let repo = exchange.repo(id)?;
            let mut logins = exchange.state.issue(id, number)?.assignees.clone();
            // Logins that cannot be assigned are ignored without a word.
            logins.extend(
                names
                    .into_iter()
                    .filter(|login| exchange.state.is_assignable(repo, login)),
            );
            exchange
                .state
                .set_assignees(id, number, &logins, &actor, now)?;
            Ok(Answer::json(
                201,
                super::issue::shown(exchange, id, number)?,
            ))
        }
        ("DELETE", ["assignees"]) => {
            let gone: Vec<String> = exchange
                .fields()?
                .names("assignees")?
                .unwrap_or_default()
                .iter()
                .map(|login| key(login))
                .collect();
            let actor = exchange.actor()?;
            let left: Vec<String> = exchange
                .state
                .issue(id, number)?
                .assignees
                .iter()
                .filter(|login| !gone.contains(login))
                .cloned()
                .collect();
            exchange
                .state
                .set_assignees(id, number, &left, &actor, now)?;
            Ok(Answer::ok(super::issue::shown(exchange, id, number)?))
        }
        _ => Err(Refusal::not_found()),
    }
}

/// The body is an object with `labels`, or the bare list.
fn label_names(exchange: &Exchange<'_>) -> Result<Vec<String>, Refusal> {
    if let Ok(list @ Value::Array(_)) = serde_json::from_slice::<Value>(&exchange.body) {
        let fields = Fields([("labels".to_owned(), list)].into_iter().collect());
        return Ok(fields.names("labels")?.unwrap_or_default());
    }
    Ok(exchange.fields()?.names("labels")?.unwrap_or_default())
}

fn labels(exchange: &Exchange<'_>, id: u64, number: u64) -> Outcome {
    let repo = exchange.repo(id)?;
    Ok(Answer::ok(
        exchange
            .render()
            .labels(repo, exchange.state.issue(id, number)?),
    ))
}

fn label(exchange: &Exchange<'_>, id: u64, name: &str) -> Result<Value, Refusal> {
    let repo = exchange.repo(id)?;
    let label = repo.label(name).ok_or_else(Refusal::not_found)?;
    Ok(exchange.render().label(repo, label))
}

fn check_label(name: &str, fields: &Fields) -> Result<(), Refusal> {
    if name.trim().is_empty() || name.chars().count() > 50 {
        return Err(Refusal::field("Label", "name", "invalid"));
    }
    if fields.text("color")?.is_some_and(|color| {
        color.len() != 6 || !color.bytes().all(|byte| byte.is_ascii_hexdigit())
    }) {
        return Err(Refusal::field("Label", "color", "invalid"));
    }
    if fields
        .text("description")?
        .is_some_and(|text| text.chars().count() > 100)
    {
        return Err(Refusal::field("Label", "description", "invalid"));
    }
    Ok(())
}

fn edit_label(exchange: &mut Exchange<'_>, id: u64, name: &str) -> Outcome {
    exchange.need(id, Need::IssuesWrite)?;
    let fields = exchange.fields()?;
    let renamed = fields.text("new_name")?.unwrap_or_else(|| name.to_owned());
    check_label(&renamed, &fields)?;
    let (color, description) = (fields.text("color")?, fields.clearable("description")?);
    let (old, new) = (key(name), key(&renamed));
    let repo = exchange.state.repository_mut(id)?;
    if old != new && repo.labels.contains_key(&new) {
        return Err(Refusal::field("Label", "name", "already_exists"));
    }
    let mut label = repo.labels.remove(&old).ok_or_else(Refusal::not_found)?;
    if fields.get("new_name").is_some() {
        label.name = renamed.clone();
    }
    if let Some(color) = color {
        label.color = color.to_ascii_lowercase();
    }
    if let Some(description) = description {
        label.description = description;
    }
    repo.labels.insert(new.clone(), label);
    for issue in repo.issues.values_mut() {
        for known in issue.labels.iter_mut().filter(|known| **known == old) {
            known.clone_from(&new);
        }
    }
    exchange.state.changed();
    self::label(exchange, id, &renamed).map(Answer::ok)
}

fn milestone(exchange: &Exchange<'_>, id: u64, number: u64) -> Result<Value, Refusal> {
    let repo = exchange.repo(id)?;
    let found = repo
        .milestones
        .get(&number)
        .ok_or_else(Refusal::not_found)?;
    Ok(exchange.render().milestone(repo, found))
}

fn create_milestone(exchange: &mut Exchange<'_>, id: u64) -> Outcome {
    exchange.need(id, Need::IssuesWrite)?;
    let fields = exchange.fields()?;
    let title = fields.required("title")?;
    if exchange
        .repo(id)?
        .milestones
        .values()
        .any(|known| known.title == title)
    {
        return Err(Refusal::field("Milestone", "title", "already_exists"));
    }
    let number = exchange
        .repo(id)?
        .milestones
        .keys()
        .next_back()
        .map_or(1, |last| last + 1);
    let milestone = Milestone {
        id: exchange.state.next_id(),
        number,
        title,
        description: fields.text("description")?,
        open: fields.text("state")?.as_deref() != Some("closed"),
        due_on: fields.text("due_on")?,
        creator: exchange.actor()?.login,
        created_at: exchange.now,
        updated_at: exchange.now,
    };
    exchange
        .state
        .repository_mut(id)?
        .milestones
        .insert(number, milestone);
    exchange.state.changed();
    self::milestone(exchange, id, number).map(Answer::created)
}
